"""Mutants of bounds with constants judged by shipped claims, on their own datasets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import Claim
from tightrate.verify.mutation.mutants import Judge, JudgedMutant, check, mutants
from tightrate.verify.mutation.values import truth_of_values, values_at
from tightrate.verify.registry import claims_of
from tightrate.verify.session import Session


def bounding_claims() -> list[Claim]:
    """The claims of the quick profile that judge bounds with constants on datasets, and are expected to hold."""
    return [
        claim
        for claim in claims_of("quick", "*")
        if claim.kind == "bound with constants" and claim.expected == "consistent" and claim.data
    ]


def few_of_each_paper(claims: Sequence[Claim], most: int = 2) -> list[Claim]:
    """Some claims on the one experiment of their paper that serves most of them."""
    served = Counter((claim.paper, claim.data[0].name) for claim in claims if len(claim.data) == 1)
    chosen: dict[str, str] = {}
    for (paper, name), _ in sorted(served.items(), key=lambda one: (-one[1], one[0])):
        chosen.setdefault(paper, name)
    on_it = [[one for one in claims if [run.name for run in one.data] == [name]] for name in chosen.values()]
    return [one for group in on_it for one in group[:most]]


def by_claim(session: Session, claims: Sequence[Claim], judge: Judge = check) -> Iterator[JudgedMutant]:
    """Mutants of every bound that the claims assert as it stands in the catalogue, on exact values."""
    for claim in claims:
        asserted = claim.assertion(*(session.data(one) for one in claim.data))
        for name, bounded in _whole_bounds(claim.id, asserted):
            source, measurement = bounded.theorem, bounded.measurement
            true = values_at(source.bound, measurement)
            alarm = judge(bounded).status == "violated"
            yield JudgedMutant("true statement", name, "as shipped", "true", alarm, "a shipped dataset")
            for mutant in mutants(source.bound):
                if any(letter not in measurement.symbols for letter in mutant.bound.letters):
                    continue  # a symbol that the dataset has no value for
                truth = truth_of_values(measurement, values_at(mutant.bound, measurement), true, bounded.side)
                rejected = judge(replace(bounded, theorem=mutant.of(source))).status == "violated"
                yield JudgedMutant(mutant.family, name, mutant.change, truth, rejected, "a shipped dataset")


def _whole_bounds(name: str, asserted: Any) -> Iterator[tuple[str, Bounded]]:
    """The assertions of a theorem's whole bound on exact values, those among several parts included."""
    if isinstance(asserted, Every):
        for part, one in asserted.parts.items():
            yield from _whole_bounds(f"{name}, {part}", one)
    elif isinstance(asserted, Bounded) and asserted.is_whole and asserted.measurement.exact:
        yield name, asserted
