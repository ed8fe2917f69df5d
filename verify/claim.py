"""A claim: one sentence that can be true or false, the theorem it comes from, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Literal

import numpy as np
import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.common.registry import Registry
from tightrate.verify.notebook_tables import html_table, latex_table
from tightrate.verify.session import EXPERIMENTS, Laboratory, Profile
from tightrate.verify.verdict import Status, Verdict

ClaimKind = Literal["identity", "exact value", "bound with constants", "scaling", "regime", "counterexample", "erratum"]
Judge = Callable[[xr.Dataset], Verdict]


@dataclass(frozen=True)
class Claim:
    """`judge` turns the dataset of `experiment` into a verdict; `expected` is the status that holds today.

    An erratum's statement is the printed one, so its expected verdict is "violated".  `cost` is the smallest profile
    that runs the claim: "quick" in every profile, "full" only in the full one.
    """

    id: str
    statement: str
    theorem: str
    kind: ClaimKind
    experiment: str
    expected: Status
    judge: Judge
    cost: Profile = "quick"

    @property
    def procedure(self) -> str:
        """How the claim is tested, in a sentence or two: the first paragraph of its judge's docstring."""
        return " ".join((self.judge.__doc__ or "").strip().split("\n\n")[0].split())

    @property
    def paper(self) -> str:
        """The paper whose claim this is."""
        return self.id.split("/")[0]

    @property
    def __claim_name__(self) -> str:
        """The name under which the registry of claims finds this object."""
        return self.id


CLAIMS: Registry[Claim] = Registry("tightrate.verify.claims", "claim")


def claim(
    claim_id: str,
    *,
    statement: str,
    theorem: str,
    kind: ClaimKind,
    experiment: str,
    expected: Status,
    cost: Profile = "quick",
) -> Callable[[Judge], Claim]:
    """Make a claim of the function that judges it."""

    def make(judge: Judge) -> Claim:
        return Claim(claim_id, statement, theorem, kind, experiment, expected, judge, cost)

    return make


@dataclass(frozen=True)
class Finding:
    """A claim with the verdict on it and the seconds that its experiment and judgement took."""

    claim: Claim
    verdict: Verdict
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the claim states."""
        return self.verdict.status == self.claim.expected

    def _repr_html_(self) -> str:
        return html_table(f"{self.claim.id}: {self.verdict.status}", self._rows())

    def _repr_latex_(self) -> str:
        return latex_table(f"{self.claim.id}: {self.verdict.status}", self._rows())

    def _rows(self) -> dict[str, str]:
        expected = {} if self.as_expected else {"EXPECTED": self.claim.expected}
        return {**expected, "claim": self.claim.statement, "theorem": self.claim.theorem, **self.verdict.rows()}


def judge(claim: Claim, laboratory: Laboratory) -> Finding:
    """Run the claim's experiment (or take it from the laboratory's shelf) and judge it.

    A witness says what runs it again, experiment, profile and seed, and where in the dataset it was found.
    """
    EXPERIMENTS[claim.experiment]
    began = perf_counter()
    try:
        dataset, seconds = laboratory.result(claim.experiment)
        return Finding(claim, _with_origin(claim.judge(_numbered(dataset)), claim, laboratory), seconds)
    except Exception as failure:  # one failing test must not take the other verdicts with it
        sentence = f"The test itself failed: {type(failure).__name__}: {' '.join(str(failure).split())}"
        return Finding(claim, Verdict("error", sentence, "-", "-"), perf_counter() - began)


def _numbered(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with positions as coordinates of dimensions that have none, so that a witness can name its place."""
    bare = {name: np.arange(size) for name, size in dataset.sizes.items() if name not in dataset.coords}
    return dataset.assign_coords(bare)


def _with_origin(verdict: Verdict, claim: Claim, laboratory: Laboratory) -> Verdict:
    """The verdict whose witness, if there is one, says from which run it is.

    `tightrate verify CLAIM --profile PROFILE --seed SEED` is that run again.  A parameter of the instance that shares
    one of these names, with another value, is renamed.
    """
    if verdict.witness is None:
        return verdict
    origin = {"experiment": claim.experiment, "profile": laboratory.profile, "seed": laboratory.seed}
    renamed = {
        f"{name} of the instance": value
        for name, value in verdict.witness.items()
        if name in origin and value != origin[name]
    }
    own = {name: value for name, value in verdict.witness.items() if name not in origin}
    return replace(verdict, witness={**own, **renamed, **origin})


def claims_of(profile: Profile, *patterns: str) -> tuple[Claim, ...]:
    """The claims that match any of the patterns and that the profile pays for."""
    matching = [CLAIMS[name] for name in CLAIMS.match(*patterns)]
    found = tuple(claim for claim in matching if profile == "full" or claim.cost == "quick")
    if not found:
        names = ", ".join(claim.id for claim in matching)
        raise TightrateError(f"only the full profile runs {names}; add --profile full")
    return found


def judge_all(claims: Sequence[Claim], laboratory: Laboratory) -> tuple[Finding, ...]:
    """Run the experiments of the claims, as many at once as the laboratory has jobs, and judge claim by claim."""
    laboratory.prepare([claim.experiment for claim in claims])
    return tuple(judge(claim, laboratory) for claim in claims)
