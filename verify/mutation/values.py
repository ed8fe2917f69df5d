"""Mutants of bounds with constants judged on exact values, at the points of all searches of the theorem.

Whether a mutant is wrong is decided here by plain comparison of numbers, value by value, far from the judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import xarray as xr

from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.assertions.bounded import Bounded, Side
from tightrate.verify.falsification.search import SEARCHES, Point, Search, Tried, extreme_ratio, pooled
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.mutation.mutants import Judge, JudgedMutant, Truth, check, mutants

POINTS = 768
ROUNDING = 1e-11  # relative, of a bound's own evaluation


def value_searches(*patterns: str) -> list[Search]:
    """The searches by value of what is catalogued as true, on bounds with constants; all, or those that match."""
    found = (SEARCHES[name] for name in SEARCHES.match(*(patterns or ("*",))))
    return [search for search in found if _by_its_value(search)]


def _by_its_value(search: Search) -> bool:
    explicit = search.sequence is None and search.theorem.bound.constants == "explicit"
    return explicit and search.expected == "consistent" and not search.variant


def one_of_each_kind(searches: Iterable[Search]) -> list[Search]:
    """The first search on each kind of instance."""
    first: dict[str, Search] = {}
    for search in searches:
        first.setdefault(search.where, search)
    return list(first.values())


def exact_values(search: Search, points: int = POINTS, seed: int = 3) -> Measurement:
    """Exact values at the points that a seeded search tries inside the theorem's conditions: its shipped instances."""
    kept: list[Measurement] = []

    def recorded(theorem: Theorem, point: Point) -> Measurement:
        kept.append(search.trial(theorem, point))
        return kept[-1]

    extreme_ratio(replace(search, trial=recorded), evaluations=points, seed=seed)
    with np.errstate(all="ignore"):
        found = Tried.of(search.theorem, pooled(kept))
    rounded = replace(found.measurement, rounding=found.measurement.rounding + ROUNDING * np.abs(found.bound))
    return rounded.isel(point=np.flatnonzero(found.admissible))


def by_value(
    searches: Iterable[Search], judge: Judge = check, *, points: int = POINTS, hunt: int = 0
) -> Iterator[JudgedMutant]:
    """Mutants of explicit bounds, judged on the points of all given searches of the theorem, the most adverse included.

    Those are adverse to the true statement.  With `hunt`, a mutant that they leave undecided gets so many points that
    are adverse to itself from every search.
    """
    for theorem_id, own in _by_theorem(searches).items():
        source, side = own[0].theorem, own[0].side
        values = pooled([exact_values(search, points) for search in own])
        true = values_at(source.bound, values)
        alarm = judge(Bounded(source, values)).status == "violated"
        yield JudgedMutant("true statement", theorem_id, "as catalogued", "true", alarm, "exact values")
        for mutant in mutants(source.bound):
            where = (mutant.family, theorem_id, mutant.change)
            if any(name not in values.symbols for name in mutant.bound.letters):
                yield JudgedMutant(*where, "undecidable", False, "exact values")  # a symbol that no search has
                continue
            mutated = values_at(mutant.bound, values)
            defined = np.flatnonzero(np.isfinite(mutated))
            if not defined.size:
                continue
            here = values.isel(point=defined)
            truth = truth_of_values(here, mutated.isel(point=defined), true.isel(point=defined), side)
            if truth == "undecidable" and hunt:
                here = pooled([here, *(exact_values(replace(one, altered=mutant.of), hunt) for one in own)])
                if contradicted(here, values_at(mutant.bound, here), side):
                    truth = "contradicted"
            rejected = judge(Bounded(mutant.of(source), here)).status == "violated"
            yield JudgedMutant(*where, truth, rejected, "exact values")


def _by_theorem(searches: Iterable[Search]) -> dict[str, list[Search]]:
    found: dict[str, list[Search]] = {}
    for search in searches:
        found.setdefault(search.theorem_id, []).append(search)
    return found


def values_at(bound: Bound, measurement: Measurement) -> Named:
    """A bound at every point of a measurement."""
    with np.errstate(all="ignore"):
        found: Named = xr.broadcast(measurement.at(bound.expression), measurement.measured)[0]
    return found


def contradicted(measurement: Measurement, bound: Named, side: Side) -> bool:
    """Whether some value lies beyond the bound by more than its rounding."""
    sign = 1.0 if side == "upper" else -1.0
    return bool((sign * (measurement.measured - bound) > measurement.rounding).any())


def truth_of_values(measurement: Measurement, mutated: Named, original: Named, side: Side) -> Truth:
    """What plain numbers say of a mutant, from its values and those of the true bound."""
    if contradicted(measurement, mutated, side):
        return "contradicted"
    if bool((abs(mutated - original) <= 1e-12 * abs(original)).all()):
        return "equivalent"
    sign = 1.0 if side == "upper" else -1.0
    return "weaker" if bool((sign * mutated >= sign * original * (1 - 1e-12)).all()) else "undecidable"
