"""Tuned steps: a geometric grid that widens itself until its best point lies inside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.common.numbers import MOST, number, shown
from tightrate.simulator.algorithm import Array

MOST_WIDENINGS = 100


@dataclass(frozen=True)
class Tuned:
    """A step that is tuned in every cell: the least mean of the sweep's first measure over a grid that widens itself.

    The grid starts with `points` values, evenly spaced in logarithm from `low` to `high`.  While the best one lies at
    an end of the grid, half as many points again are added there in the same ratio, at most `widenings` times.  All
    values see common random numbers, of `replicas` replicas that are used for nothing else: the chosen step is then
    measured afresh, so that its mean is not flattered by the choice.
    """

    low: float
    high: float
    points: int = 9
    replicas: int = 32
    widenings: int = 12

    def __post_init__(self) -> None:
        for name, value in (("from", self.low), ("to", self.high)):
            number(f"{name} of a tuned step", value)
        if not 0 < self.low < self.high < float("inf"):
            raise TightrateError(f"a tuned step needs 0 < from < to, not from {self.low:g} to {self.high:g}")
        for name, count, least in (("points", self.points, 3), ("replicas", self.replicas, 1)):
            if isinstance(count, bool) or not isinstance(count, int) or count < least or count > MOST:
                raise TightrateError(
                    f"{name} of a tuned step must be a whole number, at least {least}, not {shown(count)}"
                )
        if not (isinstance(self.widenings, int) and 0 <= self.widenings <= MOST_WIDENINGS):
            raise TightrateError(f"widenings must lie between 0 and {MOST_WIDENINGS}, not {shown(self.widenings)}")

    def value(self, index: int) -> float:
        """The point of that number of the lattice: 0 is `low`, points - 1 is `high`."""
        return float(self.low * (self.high / self.low) ** (index / (self.points - 1)))


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
        interior = all(a < index < b for index, (a, b) in zip(best, spans, strict=True))
        if interior or widening == widenings:
            break
        spans = [
            (a - one.points // 2 * (index == a), b + one.points // 2 * (index == b))
            for index, (a, b), one in zip(best, spans, grids, strict=True)
        ]
    chosen = {name: float(value[0]) for name, value in values([best]).items()}
    return Tuning(chosen, values(list(tried)), np.array(list(tried.values())), interior)
