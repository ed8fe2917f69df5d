"""A search for a violation: what may be chosen, what is measured there, and how far it can come against the theorem.

A point is a value for every axis.  A search turns a batch of points into a measurement that has every symbol of the
theorem, so that its conditions are checked at each point and not taken on trust.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tightrate.common.errors import TightrateError
from tightrate.common.registry import Registry
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.assertions.bounded import Side
from tightrate.verify.falsification.optimizer import maximize
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.verdict import Status

Array = NDArray[np.float64]
Point = Mapping[str, Array]
Trial = Callable[[Theorem, Point], Measurement]

SLACK = 1e-9  # relative: rounding in a bound, and at the ends of a range
LARGEST_LOG = 700.0  # logarithms of ratios are cut off here
VANISHING = 0.1  # of a range whose lowest part stands for zero


@dataclass(frozen=True)
class Axis:
    """One thing that the search may choose, between `low` and `high`.

    `scale` is how the range is covered; `whole` rounds to integers, logarithmically.  With `may_vanish` the lowest
    tenth of the range stands for zero.
    """

    name: str
    low: float
    high: float
    scale: Literal["linear", "log", "whole"] = "log"
    may_vanish: bool = False

    def value(self, position: Array) -> Array:
        """The value at a position in [0, 1].

        >>> Axis("K", 1, 100, "whole").value(np.array([0.0, 0.5, 1.0])).tolist()
        [1.0, 10.0, 100.0]
        """
        if self.may_vanish:
            inside = np.clip((position - VANISHING) / (1 - VANISHING), 0, 1)
            return np.where(position < VANISHING, 0.0, self._covered(inside))
        return self._covered(position)

    def _covered(self, position: Array) -> Array:
        if self.scale == "linear":
            return self.low + (self.high - self.low) * position
        spread = self.low * (self.high / self.low) ** position
        return np.round(spread) if self.scale == "whole" else spread


@dataclass(frozen=True)
class ScalingSequence:
    """Levels of an axis, one after the other: a bound up to constants is refuted by a ratio that keeps growing."""

    axis: str
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Tried:
    """A batch of points (n,): what was measured, the theorem's bound beside it, and where the theorem applies."""

    measurement: Measurement
    bound: Array
    admissible: NDArray[np.bool_]

    @staticmethod
    def of(theorem: Theorem, measurement: Measurement) -> Tried:
        """What a theorem says at the points of a measurement that has all symbols of its bound and its conditions."""
        symbols = {name: value.values for name, value in measurement.symbols.items()}
        missing = sorted({name for condition in theorem.conditions for name in condition.symbols} - set(symbols))
        if missing:
            raise TightrateError(f"a condition of {theorem.id} needs {', '.join(missing)}: measure them, too")
        bound = np.broadcast_to(theorem.bound.at(symbols), measurement.measured.shape)
        holds = np.asarray(theorem.holds_at(symbols)) & np.isfinite(bound) & (bound >= 0)
        return Tried(measurement, bound, holds & measurement.measured.notnull().values)

    @property
    def measured(self) -> Array:
        """The measured values."""
        return np.asarray(self.measurement.measured.values)

    @property
    def rounding(self) -> Array:
        """The absolute error that arithmetic may have left in them."""
        return np.asarray(self.measurement.rounding.values)


@dataclass(frozen=True)
class Search:
    """A search for a violation of one statement.

    `where` names the instances; `trial` measures at a batch of points, and is given the theorem for its conditions and
    step sizes.  Side, bound and conditions are the theorem's: where an upper bound is searched measured / bound must
    stay small, where a lower one is, large (only statements about every step size on one instance are searched).
    `variant` says in what the searched statement, which `altered` makes, differs from the catalogue's.  A scaling
    `sequence` is given where constants are hidden, or where the statement is that no constant helps.  `method` says why
    the measured number can be trusted, `file` which paper of one's own it is made from.
    """

    name: str
    theorem_id: str
    where: str
    axes: tuple[Axis, ...]
    trial: Trial
    method: str
    expected: Status = "consistent"
    sequence: ScalingSequence | None = None
    variant: str = ""
    altered: Callable[[Theorem], Theorem] | None = None
    file: str = ""

    @property
    def __search_name__(self) -> str:
        """The name under which the registry of searches finds this object."""
        return self.name

    @property
    def theorem(self) -> Theorem:
        """The statement that is searched."""
        found = catalogue.theorem(self.theorem_id)
        return found if self.altered is None else self.altered(found)

    @property
    def side(self) -> Side:
        """The side of the theorem's bound."""
        kind = self.theorem.bound.kind
        if kind == "exact":
            raise TightrateError(f"{self.theorem_id} is an equality: its claims judge it, not a search")
        return kind

    @property
    def statement(self) -> str:
        """What is searched, in words."""
        return f"{self.theorem.title}{', ' + self.variant if self.variant else ''}; on {self.where}"

    def point(self, positions: Array, held: Mapping[str, float] | None = None) -> dict[str, Array]:
        """The points (n,) at positions (n, axes) of the unit cube, with some axes held at given values."""
        found = {axis.name: axis.value(positions[:, index]) for index, axis in enumerate(self.axes)}
        return {**found, **{name: np.full(len(positions), value) for name, value in (held or {}).items()}}

    def tried(self, point: Point) -> Tried:
        """What is measured at these points, the bound, and where all conditions that numbers can decide hold."""
        theorem = self.theorem
        with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
            return Tried.of(theorem, self.trial(theorem, point))


SEARCHES: Registry[Search] = Registry("tightrate.verify.falsification.instances", "search")


def over_points(measured: Array, symbols: Mapping[str, ArrayLike], *, rounding: ArrayLike = 0.0) -> Measurement:
    """A measurement over the axis `point` from plain arrays, (n,) or constant.

    >>> found = over_points(np.array([1.0, 2.0]), {"K": 3.0})
    >>> found.symbols["K"].dims, found.symbols["K"].values.tolist()
    (('point',), [3.0, 3.0])
    """

    def named(values: ArrayLike) -> Named:
        return Named(np.broadcast_to(np.asarray(values, dtype=np.float64), len(measured)), dims="point")

    known = {name: named(value) for name, value in symbols.items()}
    return Measurement(named(measured), "measured value", known, rounding=named(rounding))


def pooled(parts: Sequence[Measurement]) -> Measurement:
    """All points of several measurements over the axis `point`, with the symbols that every one has."""
    shared = set.intersection(*(set(part.symbols) for part in parts))

    def together(arrays: Iterable[Named]) -> Array:
        return np.concatenate([array.values for array in arrays])

    symbols = {name: together(part.symbols[name] for part in parts) for name in sorted(shared)}
    return over_points(
        together(part.measured for part in parts), symbols, rounding=together(part.rounding for part in parts)
    )


@dataclass(frozen=True)
class Extreme:
    """The best point found: its position in the cube, the ratio measured / bound there, and how many were tried."""

    position: Array
    ratio: float
    evaluations: int


def extreme_ratio(
    search: Search,
    *,
    evaluations: int,
    seed: int = 0,
    deadline: float = np.inf,
    held: Mapping[str, float] | None = None,
    known: Sequence[Array] = (),
) -> Extreme:
    """The largest ratio measured / bound found (the smallest for a lower bound), with some axes held fixed."""
    sign = 1.0 if search.side == "upper" else -1.0

    def objective(positions: Array) -> Array:
        found = search.tried(search.point(positions, held))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            logs = np.log(np.maximum(found.measured - sign * found.rounding, 0.0)) - np.log(found.bound)
        logs = np.where(np.isnan(logs), -LARGEST_LOG * sign, logs)  # 0/0 or inf/inf: nothing against the bound
        logs = np.clip(logs, -LARGEST_LOG, LARGEST_LOG)
        return np.where(found.admissible, sign * logs, -np.inf)

    generator = np.random.default_rng([seed, len(search.axes)])
    best, value, used = maximize(
        objective, len(search.axes), evaluations=evaluations, generator=generator, deadline=deadline, known=known
    )
    return Extreme(best, float(np.exp(sign * value)) if np.isfinite(value) else float("nan"), used)
