"""Mutants of the claims on exponents, judged on the paths of their tests, each run once.

The mutant of a claim has a wrong exponent in the term that its paths isolate, or K and R swapped, or M dropped, or it
denies the term.  Whether it is wrong is decided here by plain slopes of measured / mutant between the ends of the path
and of its later half, in logarithms; the judge fits intervals over noise, windows and transients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tightrate.rates.statements.bound import Bound
from tightrate.verify.assertions.paths import Exponents, MeasuredPath, with_term
from tightrate.verify.assertions.thresholds import MOST_LOGARITHMS, TRANSIENT
from tightrate.verify.exponents.exponent_claim import ExponentExperiment
from tightrate.verify.exponents.run import exponents
from tightrate.verify.mutation.mutants import BoundMutant, Judge, JudgedMutant, Truth, check, mutants
from tightrate.verify.registry import claims_of
from tightrate.verify.session import Profile, Session

Array = NDArray[np.float64]
MOVES = 1e-9  # of a logarithm along a path
MORE_LOGARITHMS = 1.02  # times the power that explains the first half: what explains the last half and is no logarithm
STANDARD_ERRORS = 3.0


def exponent_experiments(profile: Profile = "quick") -> dict[str, ExponentExperiment]:
    """The experiments of the claims on exponents, by claim."""
    return {
        claim.id: one for claim in claims_of(profile, "*") for one in claim.data if isinstance(one, ExponentExperiment)
    }


def by_path(
    session: Session, experiments: Sequence[ExponentExperiment], judge: Judge = check
) -> Iterator[JudgedMutant]:
    """Mutants of every claim; those that change nothing along its paths are undecidable there."""
    for number, experiment in enumerate(experiments):
        session.progress("power: paths", number, len(experiments))
        test = experiment.test
        as_stated = replace(exponents(test, session.data(experiment)), one_sided=True)
        alarm = judge(as_stated).status == "violated"
        yield JudgedMutant("true statement", test.id, "as catalogued", "true", alarm, "paths")
        for mutant in mutants_of_term(as_stated.theorem.bound, test.term):
            where = (mutant.family, test.id, mutant.change)
            wrong = in_place_of_the_term(as_stated, mutant.bound)
            if not _known(as_stated, mutant.bound) or not _moves(as_stated, wrong):
                yield JudgedMutant(*where, "undecidable", False, "paths")
                continue
            yield JudgedMutant(*where, _truth(as_stated, wrong), judge(wrong).status == "violated", "paths")


def mutants_of_term(bound: Bound, term: str) -> Iterator[BoundMutant]:
    """Mutants of one term, as bounds of that term alone; and the rest of the bound, in which it is missing."""
    yield from mutants(replace(bound, terms=(bound.term(term),), constants="hidden"))
    rest = tuple(other for other in bound.terms if other.name != term)
    if rest:
        yield BoundMutant("term dropped", f"without {term}", replace(bound, terms=rest, constants="hidden"))


def in_place_of_the_term(asserted: Exponents, bound: Bound) -> Exponents:
    """The same assertion with another bound in the place of its term."""
    return replace(asserted, theorem=with_term(asserted.theorem, asserted.term, bound.expression))


def _known(asserted: Exponents, bound: Bound) -> bool:
    """Whether the paths have all symbols of a bound."""
    return all(set(bound.letters) <= set(measurement.symbols) for measurement in asserted.measurements)


def _pairs(asserted: Exponents, wrong: Exponents) -> Iterator[tuple[Array, Array]]:
    """The true term and the mutant along every path."""
    for path in asserted.paths.values():
        yield path.at(asserted.term_expression), path.at(wrong.term_expression)


def _moves(asserted: Exponents, wrong: Exponents) -> bool:
    """Whether the mutant differs from the term by more than a constant; where it is positive."""
    changes = []
    for term, mutated in _pairs(asserted, wrong):
        if not (mutated > 0).all():
            return False
        changes.append(np.diff(np.log(mutated) - np.log(term)))
    steps = np.concatenate(changes)
    return bool(np.any(np.abs(steps[np.isfinite(steps)]) > MOVES))


def _truth(asserted: Exponents, wrong: Exponents) -> Truth:
    sign = 1 if asserted.side == "upper" else -1
    if any(_outgrown(wrong, path, sign) for path in wrong.paths.values()):
        return "contradicted"
    rises = np.concatenate(
        [np.diff(sign * (np.log(mutated) - np.log(term))) for term, mutated in _pairs(asserted, wrong)]
    )
    return "weaker" if np.all(rises[np.isfinite(rises)] > -MOVES) else "undecidable"


def _outgrown(wrong: Exponents, path: MeasuredPath, sign: int) -> bool:
    """Whether measured / mutant (mutant / measured for a lower bound) keeps growing, and not as a logarithm does."""
    if not wrong.shows(path):
        return False  # the other terms of the bound may be all that is seen
    measured, stderr = path.measurement.measured.values, path.measurement.stderr.values
    ratio, noise = sign * np.log(measured / path.at(wrong.term_expression)), stderr / measured
    x, middle, last = np.log(path.n), len(path.n) // 2, len(path.n) - 1
    grows = all(_rise(ratio, noise, first, last) > TRANSIENT * (x[last] - x[first]) for first in (0, middle))
    if not (grows and wrong.hides_logarithms):
        return grows
    logarithm = np.log(path.logarithm)
    early, late = (
        (ratio[b] - ratio[a]) / max(logarithm[b] - logarithm[a], 1e-300) for a, b in ((0, middle), (middle, last))
    )
    return bool(late > min(MOST_LOGARITHMS, MORE_LOGARITHMS * max(early, 0.0)))


def _rise(ratio: Array, noise: Array, first: int, last: int) -> float:
    return float(ratio[last] - ratio[first] - STANDARD_ERRORS * np.hypot(noise[first], noise[last]))
