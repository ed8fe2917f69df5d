"""A search for a violation: what may be chosen, what is measured there, and a seeded optimizer over the choices.

A point is a value for every axis.  A search turns a batch of points into trials: the measured quantity, the bound
beside it and every letter of the theorem, so that its conditions are checked for each point and not taken on trust.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Literal

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.relational import Relational

from tightrate.common.errors import TightrateError
from tightrate.common.registry import Registry
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.verify.verdict import Status

Array = NDArray[np.float64]
Point = Mapping[str, Array]

BATCH = 64  # points that are tried together
SLACK = 1e-9  # relative: rounding in a bound, in a measurement or in an equality between letters
SMALLEST_STEP, LARGEST_STEP = 1e-14, 1e6  # between which a largest admissible step is looked for
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

    def holds(self, value: float) -> bool:
        """Whether a value given from outside lies in the range."""
        return (self.may_vanish and value == 0) or self.low * (1 - SLACK) <= value <= self.high * (1 + SLACK)


@dataclass(frozen=True)
class Trial:
    """What a batch of points gives: the measured quantity, the bound and all letters, one entry for each point.

    `rounding` is the absolute error that the measurement itself may have.
    """

    measured: Array
    bound: Array
    letters: Mapping[str, Array]
    rounding: Array | float = 0.0


@dataclass(frozen=True)
class Ladder:
    """The rungs of an axis, climbed one by one: a bound up to constants is refuted by a ratio that keeps growing."""

    axis: str
    rungs: tuple[float, ...]


@dataclass(frozen=True)
class Search:
    """A search for a violation of one statement.

    `where` names the instances; `variant` says in what the searched statement differs from the catalogue's.
    `conditions` are those of the theorem unless given; `side` is "upper" where measured / bound must stay small,
    "lower" where it must not (only for statements about every step size on one instance).  A `ladder` is given where
    constants are hidden, or where the statement is that no constant helps.  `method` says why the measured number
    can be trusted.
    """

    name: str
    theorem: str
    where: str
    side: Literal["upper", "lower"]
    axes: tuple[Axis, ...]
    trial: Callable[[Point], Trial]
    expected: Status
    method: str
    conditions: Callable[[], tuple[Condition, ...]] | None = None
    ladder: Ladder | None = None
    variant: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "__search_name__", self.name)  # by which the registry of searches finds it

    @property
    def source(self) -> Theorem:
        """The theorem that is searched."""
        return theorem(self.theorem)

    @property
    def statement(self) -> str:
        """What is searched, in words."""
        return f"{self.source.title}{', ' + self.variant if self.variant else ''}; on {self.where}"

    def checked(self) -> tuple[Condition, ...]:
        """The conditions that numbers can decide."""
        conditions = self.source.conditions if self.conditions is None else self.conditions()
        return tuple(condition for condition in conditions if condition.relation is not None)


SEARCHES: Registry[Search] = Registry("tightrate.verify.falsification.instances", "search")


@dataclass(frozen=True)
class Extreme:
    """The best point found: its position in the cube, the ratio measured / bound there, and how many were tried."""

    position: Array
    ratio: float
    evaluations: int


def point_of(search: Search, positions: Array, fixed: Mapping[str, float] | None = None) -> dict[str, Array]:
    """The points (n,) of positions (n, axes), with some axes held fixed."""
    found = {axis.name: axis.value(positions[:, index]) for index, axis in enumerate(search.axes)}
    held = {name: np.full(len(positions), value) for name, value in (fixed or {}).items()}
    return {**found, **held}


def tried(search: Search, point: Point) -> tuple[Trial, NDArray[np.bool_]]:
    """The trials at these points, and where all conditions that numbers can decide hold."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        trial = search.trial(point)
    count = len(next(iter(point.values())))
    admissible = np.broadcast_to(np.isfinite(trial.bound) & (trial.bound >= 0) & ~np.isnan(trial.measured), count)
    for condition in search.checked():
        admissible = admissible & holds(condition, trial.letters)
    return trial, np.asarray(admissible)


def holds(condition: Condition, letters: Mapping[str, Array]) -> NDArray[np.bool_]:
    """Where a condition holds, equalities and ends of ranges to rounding.

    >>> from tightrate.rates.symbols.alphabet import K
    >>> holds(Condition("two steps", sympy.Ge(K, 2)), {"K": np.array([1.0, 2.0])}).tolist()
    [False, True]
    """
    relation = condition.relation
    if not isinstance(relation, Relational):
        raise TightrateError(f"the condition {condition.text!r} is not a relation between two expressions")
    left, right = (_value(side, letters) for side in (relation.lhs, relation.rhs))
    size = SLACK * np.maximum(np.abs(left), np.abs(right))
    size = np.where(np.isfinite(size), size, 0.0)
    if isinstance(relation, sympy.Eq):
        return np.asarray(np.abs(left - right) <= size)
    if isinstance(relation, sympy.Ne):
        return np.asarray(left != right)
    smaller, larger = (left, right) if isinstance(relation, sympy.Le | sympy.Lt) else (right, left)
    return np.asarray(smaller < larger if isinstance(relation, sympy.Lt | sympy.Gt) else smaller <= larger + size)


def _value(expression: sympy.Expr, letters: Mapping[str, Array]) -> Array:
    missing = sorted({symbol.name for symbol in expression.free_symbols} - set(letters))
    if missing:
        raise TightrateError(f"a condition needs {', '.join(missing)}, which the search does not give")
    return compiled(expression)(**{symbol.name: letters[symbol.name] for symbol in expression.free_symbols})


@cache
def compiled(expression: sympy.Expr) -> Callable[..., Array]:
    """An expression as a numpy function of its letters, by keyword, compiled once."""
    return vectorized(expression)


def values_of(expression: sympy.Expr, letters: Mapping[str, Array]) -> Array:
    """A bound or a prescribed step at a batch of points, of whose letters it takes those it needs."""
    return _value(expression, letters)


def mentions(conditions: Sequence[Condition], name: str) -> bool:
    """Whether a condition that numbers can decide speaks of the letter of that name."""
    relations = (condition.relation for condition in conditions if condition.relation is not None)
    return any(name in {symbol.name for symbol in relation.free_symbols} for relation in relations)


def largest_step(conditions: Sequence[Condition], letters: Mapping[str, Array], name: str = "eta") -> Array:
    """The largest step of that name that every condition allows, by bisection; conditions on small steps only.

    >>> from tightrate.rates.symbols.alphabet import L, eta
    >>> step = largest_step([Condition("at most 1/L", sympy.Le(eta * L, 1))], {"L": np.array([1.0, 4.0])})
    >>> step.round(6).tolist()
    [1.0, 0.25]
    """
    bounding = [
        condition
        for condition in conditions
        if mentions((condition,), name) and not isinstance(condition.relation, sympy.Eq)
    ]
    if not bounding:
        raise TightrateError(f"no condition bounds {name}")
    shape = np.broadcast_shapes(*(np.shape(value) for value in letters.values()))
    low, high = np.full(shape, np.log(SMALLEST_STEP)), np.full(shape, np.log(LARGEST_STEP))
    for _ in range(60):
        middle = (low + high) / 2
        allowed = np.ones(shape, dtype=bool)
        for condition in bounding:
            allowed &= holds(condition, {**letters, name: np.exp(middle)})
        low, high = np.where(allowed, middle, low), np.where(allowed, high, middle)
    return np.asarray(np.exp(low) * (1 - 2 * SLACK))  # inside also where the conditions are not read to rounding


def maximize(
    objective: Callable[[Array], Array],
    dimension: int,
    *,
    evaluations: int,
    generator: np.random.Generator,
    deadline: float = np.inf,
    known: Sequence[Array] = (),
) -> tuple[Array, float, int]:
    """The largest value found on the unit cube: differential evolution, then random steps that shrink.

    `objective` takes positions (n, dimension); -inf marks points that do not count.  `known` positions are among
    those that it starts from.  The result depends on the
    number of evaluations and the generator alone, unless the deadline (of `perf_counter`) cuts it short.

    >>> generator = np.random.default_rng(0)
    >>> where, best, _ = maximize(lambda x: -np.sum((x - 0.3) ** 2, axis=1), 2, evaluations=2000, generator=generator)
    >>> bool(np.all(np.abs(where - 0.3) < 1e-3))
    True
    """
    population = generator.random((BATCH, dimension))
    population[: len(known)] = known or population[:0]
    values = objective(population)
    used = len(population)
    while used + BATCH <= 0.7 * evaluations and perf_counter() < deadline:
        challengers = _challengers(population, values, generator)
        scores = objective(challengers)
        used += len(challengers)
        better = scores >= values
        population, values = np.where(better[:, None], challengers, population), np.where(better, scores, values)
    place = int(np.argmax(values))
    best, value = population[place], float(values[place])
    radius = 0.1
    while used + BATCH <= evaluations and perf_counter() < deadline:
        sizes = radius * 10 ** generator.uniform(-3, 0, (BATCH, 1))
        mask = generator.random((BATCH, dimension)) < max(0.3, 1 / dimension)
        near = np.clip(best + sizes * mask * generator.standard_normal((BATCH, dimension)), 0, 1)
        scores = objective(near)
        used += len(near)
        place = int(np.argmax(scores))
        if scores[place] > value:
            best, value = near[place], float(scores[place])
        else:
            radius = max(radius / 2, 1e-4)
    return best, value, used


def _challengers(population: Array, values: Array, generator: np.random.Generator) -> Array:
    """A mutant for each member: from itself towards one of the best, plus a scaled difference of two others."""
    count, dimension = population.shape
    first, second = (population[generator.integers(0, count, count)] for _ in range(2))
    leaders = population[np.argsort(-values, kind="stable")[: max(2, count // 8)]]
    leader = leaders[generator.integers(0, len(leaders), count)]
    scale = generator.uniform(0.3, 1.0, (count, 1))
    mutants = population + scale * (leader - population) + scale * (first - second)
    crossed = generator.random((count, dimension)) < generator.choice([0.3, 0.9], (count, 1))
    crossed[np.arange(count), generator.integers(0, dimension, count)] = True
    mutants = np.where(crossed, mutants, population)
    outside = (mutants < 0) | (mutants > 1)
    return np.where(outside, np.clip(2 * np.round(mutants) - mutants, 0, 1), mutants)


def extreme_ratio(
    search: Search,
    *,
    evaluations: int,
    seed: int = 0,
    deadline: float = np.inf,
    fixed: Mapping[str, float] | None = None,
    known: Sequence[Array] = (),
) -> Extreme:
    """The largest ratio measured / bound found (the smallest for a lower bound)."""
    sign = 1.0 if search.side == "upper" else -1.0

    def objective(positions: Array) -> Array:
        trial, admissible = tried(search, point_of(search, positions, fixed))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            logs = np.log(np.maximum(trial.measured - sign * trial.rounding, 0.0)) - np.log(trial.bound)
        logs = np.where(np.isnan(logs), -LARGEST_LOG * sign, logs)  # 0/0 or inf/inf: nothing against the bound
        logs = np.clip(logs, -LARGEST_LOG, LARGEST_LOG)
        return np.where(admissible, sign * logs, -np.inf)

    generator = np.random.default_rng([seed, len(search.axes)])
    best, value, used = maximize(
        objective, len(search.axes), evaluations=evaluations, generator=generator, deadline=deadline, known=known
    )
    return Extreme(best, float(np.exp(sign * value)) if np.isfinite(value) else float("nan"), used)
