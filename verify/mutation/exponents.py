"""Mutants of the claims on exponents, judged on the paths of their tests, each run once.

The mutant of a claim has a wrong exponent in the term that its paths isolate, or K and R swapped, or M dropped, or it
denies the term.  Whether it is wrong is decided here by plain slopes of measured / mutant between the ends of the path
and of its later half, in logarithms; the judge fits intervals over noise, windows and transients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.exponents.exponent_test import ExponentTest, run_exponent_test
from tightrate.verify.judging.paths import MOST_LOGARITHMS, RESOLUTION, judge_exponents
from tightrate.verify.mutation.mutants import BoundMutant, JudgedMutant, Truth, mutants
from tightrate.verify.papers.exponents_runs import EXPONENT_TESTS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict

Array = NDArray[np.float64]
PathJudge = Callable[[xr.Dataset], Verdict]
LETTER = "letter: "
MOVES = 1e-9  # of a logarithm along a path
MORE_LOGARITHMS = 1.02  # times the power that explains the first half: what explains the last half and is no logarithm
STANDARD_ERRORS = 3.0


def quick_tests() -> tuple[ExponentTest, ...]:
    """The tests of the quick profile."""
    return tuple(test for test in EXPONENT_TESTS.values() if test.cost == "quick")


def by_path(
    session: Session, tests: Sequence[ExponentTest] | None = None, judge: PathJudge = judge_exponents
) -> Iterator[JudgedMutant]:
    """Twins of every test's claim; those that change nothing along its paths are undecidable there."""
    chosen = quick_tests() if tests is None else tests
    for number, test in enumerate(chosen):
        session.progress("power: paths", number, len(chosen))
        bound = theorem(test.theorem).bound
        data = run_exponent_test(test, session).assign_attrs(side=bound.kind)
        alarm = judge(data).status == "violated"
        yield JudgedMutant("true statement", test.id, "as catalogued", "true", alarm, "paths")
        for mutant in twins(bound, test.term):
            where = (mutant.family, test.id, mutant.change)
            beside = against(data, mutant.bound) if _known(data, mutant.bound) else None
            if beside is None or not _moves(data, beside):
                yield JudgedMutant(*where, "undecidable", False, "paths")
                continue
            rejected = judge(beside).status == "violated"
            yield JudgedMutant(*where, _truth(data, beside), rejected, "paths")


def twins(bound: Bound, term: str) -> Iterator[BoundMutant]:
    """Mutants of one term, as bounds of that term alone; and the rest of the bound, in which it is missing."""
    alone = replace(bound, terms=(bound.term(term),), constants="hidden")
    yield from mutants(alone)
    rest = tuple(other for other in bound.terms if other.name != term)
    if rest:
        yield BoundMutant("term dropped", f"without {term}", replace(bound, terms=rest, constants="hidden"))


def _known(data: xr.Dataset, bound: Bound) -> bool:
    return all(LETTER + letter in data for letter in bound.letters)


def against(data: xr.Dataset, bound: Bound) -> xr.Dataset:
    """The data of an exponent test with this bound in place of the isolated term."""
    letters = {name: data[LETTER + name].values for name in bound.letters}
    values = np.broadcast_to(bound.at(letters), data.measured.shape)
    twin = data.term.copy(data=values)
    return data.assign(term=twin, bound=data.bound - data.term + twin)


def _moves(data: xr.Dataset, beside: xr.Dataset) -> bool:
    """Whether the twin differs from the term by more than a constant; where it is defined and positive."""
    if not bool((beside.term > 0).where(np.isfinite(data.term), True).all()):
        return False
    change = (np.log(beside.term) - np.log(data.term)).values
    steps = np.diff(change, axis=-1)
    return bool(np.any(np.abs(steps[np.isfinite(steps)]) > MOVES))


def _truth(data: xr.Dataset, beside: xr.Dataset) -> Truth:
    sign = 1 if data.attrs["side"] == "upper" else -1
    paths = [beside.isel(path=path) for path in range(beside.sizes["path"])]
    if any(_outgrown(one, sign, hidden=bool(data.attrs["hidden_logarithms"])) for one in paths):
        return "contradicted"
    rises = np.diff(sign * (np.log(beside.term) - np.log(data.term)).values, axis=-1)
    return "weaker" if np.all(rises[np.isfinite(rises)] > -MOVES) else "undecidable"


def _outgrown(one: xr.Dataset, sign: int, *, hidden: bool) -> bool:
    """Whether measured / twin (twin / measured for a lower bound) keeps growing, and not as a logarithm does."""
    one = one.isel(point=np.flatnonzero(np.isfinite(one.n.values)))
    if not bool((one.measured > one.bound - one.term).any()):
        return False  # the other terms of the bound may be all that is seen
    ratio, noise = sign * np.log(one.measured / one.term).values, (one.stderr / one.measured).values
    x, middle, last = np.log(one.n.values), one.sizes["point"] // 2, one.sizes["point"] - 1
    grows = all(_rise(ratio, noise, first, last) > RESOLUTION * (x[last] - x[first]) for first in (0, middle))
    if not (grows and hidden):
        return grows
    logarithm = np.log(one.logarithm.values)
    early, late = (
        (ratio[b] - ratio[a]) / max(logarithm[b] - logarithm[a], 1e-300) for a, b in ((0, middle), (middle, last))
    )
    return bool(late > min(MOST_LOGARITHMS, MORE_LOGARITHMS * max(early, 0.0)))


def _rise(ratio: Array, noise: Array, first: int, last: int) -> float:
    return float(ratio[last] - ratio[first] - STANDARD_ERRORS * np.hypot(noise[first], noise[last]))
