"""Tuned steps: a geometric grid that widens itself until its best point lies inside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

import numpy as np
from sympy import Expr

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.numbers import MOST, number, shown
from tightrate.rates.formulas.display import text as text_of
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithm import Array
from tightrate.verify.sweep.step_rule import Formula, formula

MOST_WIDENINGS = 100
CLOSED = ("", "low", "high", "both")


@dataclass(frozen=True)
class Tuned:
    """A step that is tuned in every cell: the least mean of the sweep's first measure over a grid that widens itself.

    The grid starts with `points` values, evenly spaced in logarithm from `low` to `high`, which are numbers or formulas
    in the letters, such as "1/(L*K)".  While the best one lies at an end of the grid, half as many points again are
    added there in the same ratio, at most `widenings` times; an end that is `closed` is a limit and not a guess, and an
    optimum there is inside.  All values see common random numbers, of `replicas` replicas that are used for nothing
    else: the chosen step is then measured afresh, so that its mean is not flattered by the choice.

    >>> Tuned("0.01/L", "1/L", points=9).points
    9
    """

    low: Formula
    high: Formula
    points: int = 9
    replicas: int = 32
    widenings: int = 12
    closed: Literal["", "low", "high", "both"] = ""

    def __post_init__(self) -> None:
        for name, field_name in (("from", "low"), ("to", "high")):
            given = getattr(self, field_name)
            if isinstance(given, str):
                object.__setattr__(self, field_name, formula(f"{name} of a tuned step", given))
            elif not isinstance(given, Expr):
                number(f"{name} of a tuned step", given)
        if isinstance(self.low, int | float) and isinstance(self.high, int | float):
            self._check_ends(self.low, self.high)
        for name, count, least in (("points", self.points, 3), ("replicas", self.replicas, 1)):
            if isinstance(count, bool) or not isinstance(count, int) or count < least or count > MOST:
                raise TightrateError(
                    f"{name} of a tuned step must be a whole number, at least {least}, not {shown(count)}"
                )
        if not (isinstance(self.widenings, int) and 0 <= self.widenings <= MOST_WIDENINGS):
            raise TightrateError(f"widenings must lie between 0 and {MOST_WIDENINGS}, not {shown(self.widenings)}")
        if self.closed not in CLOSED:
            raise unknown_name("closed end of a tuned step", self.closed, CLOSED)

    def _check_ends(self, low: float, high: float) -> None:
        if not 0 < low < high < float("inf"):
            raise TightrateError(f"a tuned step needs 0 < from < to, not from {low:g} to {high:g}")

    @property
    def needs(self) -> tuple[str, ...]:
        """The letters of its ends."""
        ends = [end for end in (self.low, self.high) if isinstance(end, Expr)]
        return tuple(sorted({symbol.name for end in ends for symbol in end.free_symbols}))

    def at(self, symbols: Mapping[str, float]) -> Tuned:
        """The same with numbers for ends."""
        low, high = (float(at(end, symbols)) if isinstance(end, Expr) else float(end) for end in (self.low, self.high))
        self._check_ends(low, high)
        return replace(self, low=low, high=high)

    def value(self, index: int) -> float:
        """The point of that number of the lattice: 0 is `low`, points - 1 is `high`."""
        low, high = float(self.low), float(self.high)
        return float(low * (high / low) ** (index / (self.points - 1)))

    def is_inside(self, index: int, first: int, last: int) -> bool:
        """Whether a point of the lattice lies inside a grid, or at an end that is closed."""
        return (first < index or self.closed in ("low", "both")) and (index < last or self.closed in ("high", "both"))

    def as_json(self) -> dict[str, Any]:
        """Its fields, formulas as texts."""
        ends = {
            name: end if isinstance(end, int | float) else text_of(end)
            for name, end in (("low", self.low), ("high", self.high))
        }
        closed = {"closed": self.closed} if self.closed else {}
        return {**ends, "points": self.points, "replicas": self.replicas, "widenings": self.widenings, **closed}


@dataclass(frozen=True)
class Tuning:
    """The best steps, the whole grid in the order in which it was tried, and the mean of each of its points.

    `interior` says whether the best point lies inside the grid.
    """

    steps: Mapping[str, float] = field(default_factory=dict)
    grid: Mapping[str, Array] = field(default_factory=dict)
    means: Array = field(default_factory=lambda: np.empty(0))
    interior: bool = True


def tune(tuned: Mapping[str, Tuned], means: Callable[[Mapping[str, Array], int], Array]) -> Tuning:
    """The least of `means`, which are given the values of all steps together, and a number of replicas.

    Points are numbered by whole numbers along each tuned step, so that a widened grid contains the old one exactly:
    what was tried is not tried again.  Of equal means the smallest steps are chosen.
    """
    grids = list(tuned.values())
    spans = [(0, one.points - 1) for one in grids]
    widenings, replicas = max(one.widenings for one in grids), max(one.replicas for one in grids)
    tried: dict[tuple[int, ...], float] = {}

    def values(points: list[tuple[int, ...]]) -> dict[str, Array]:
        return {
            name: np.array([one.value(point[axis]) for point in points])
            for axis, (name, one) in enumerate(tuned.items())
        }

    for widening in range(widenings + 1):
        new = [point for point in product(*(range(a, b + 1) for a, b in spans)) if point not in tried]
        found = means(values(new), replicas)
        tried.update(zip(new, np.where(np.isnan(found), np.inf, found).tolist(), strict=True))
        best = min(tried, key=lambda point: (tried[point], point))
        interior = all(one.is_inside(index, *span) for one, index, span in zip(grids, best, spans, strict=True))
        if interior or widening == widenings:
            break
        spans = [
            (
                a - one.points // 2 * (index == a and one.closed not in ("low", "both")),
                b + one.points // 2 * (index == b and one.closed not in ("high", "both")),
            )
            for index, (a, b), one in zip(best, spans, grids, strict=True)
        ]
    chosen = {name: float(value[0]) for name, value in values([best]).items()}
    return Tuning(chosen, values(list(tried)), np.array(list(tried.values())), interior)


def tune_finely(tuned: Mapping[str, Tuned], means: Callable[[Mapping[str, Array], int], Array]) -> Tuning:
    """The same, then once more between the neighbours of the best point; the better of both."""
    coarse = tune(tuned, means)
    around = {}
    for name, one in tuned.items():
        ratio, best = (float(one.high) / float(one.low)) ** (1 / (one.points - 1)), coarse.steps[name]
        low = max(best / ratio, float(one.low)) if one.closed in ("low", "both") else best / ratio
        high = min(best * ratio, float(one.high)) if one.closed in ("high", "both") else best * ratio
        around[name] = replace(one, low=low, high=high, widenings=0)
    fine = tune(around, means)
    better = fine if fine.means.min() < coarse.means.min() else coarse
    return replace(better, interior=coarse.interior)
