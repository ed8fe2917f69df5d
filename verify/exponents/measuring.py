"""What an exponent test measures along a path.

Expectations are exact wherever updates are linear and workers quadratic, so that K and R reach 10^9 without noise;
everything else is sampled, with replicas sized from a pilot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.simulator.by_name import build_problem
from tightrate.simulator.engine_choice import Question
from tightrate.simulator.measure import measure
from tightrate.simulator.parameters import parameters
from tightrate.simulator.theorem_values import check_class
from tightrate.verify.assertions.power_law import replicas_needed
from tightrate.verify.exponents.design import Design
from tightrate.verify.exponents.exponent_test import ExponentTest
from tightrate.verify.exponents.resolved_bound import along, as_expression
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.session import Session
from tightrate.verify.sweep.tuning import Tuning, tune_finely

Array = NDArray[np.float64]
Steps = Mapping[str, Array]

HALF_WIDTH = 0.015  # of a sampled exponent's 99 % interval, which sizes the replicas
HALF_WIDTH_AT_THE_END = 0.035  # of that on the last half, which must exclude an excess of 1/6 beside what terms leave
PILOT = 16
ROUNDING = 4e-14  # of a displacement relative to the start distance, in exact moments
EXACT_MEASURES = ("gap", "squared-distance", "distance")


@dataclass(frozen=True)
class Measured:
    """The theorem's measure along a path, at the steps used, with how many replicas, and how many were needed.

    `interior` is 1 where the tuned steps lie inside their grids.
    """

    measurement: Measurement
    replicas: int = 0
    needed: int = 0
    interior: Array = field(default_factory=lambda: np.ones(1))


@dataclass(frozen=True)
class Points:
    """Points of a path: the theorem's symbols, and the instance's own parameters (arrays, or names of variants)."""

    symbols: Mapping[str, Any]
    own: Mapping[str, Any]

    def __getitem__(self, which: int | list[int]) -> Points:
        """One point, or some of them."""
        chosen = ({name: _chosen(value, which) for name, value in part.items()} for part in (self.symbols, self.own))
        return Points(*chosen)

    @property
    def parameters(self) -> dict[str, Any]:
        """What problem and algorithm take: the symbols, unless the instance says otherwise."""
        return {**self.symbols, **self.own}


def _chosen(value: Any, which: int | list[int]) -> Any:
    if isinstance(value, str):
        return value
    return float(value[which]) if isinstance(which, int) else value[which]


@dataclass(frozen=True)
class Instances:
    """The problem at every point of a path, and how the test runs its algorithm there."""

    test: ExponentTest
    measure: str
    points: Points
    problems: Sequence[Problem]

    def noise(self, at: Points) -> float:
        """The noise level of one point, or of a batch that has the same."""
        return float(np.max(at.symbols.get(self.test.noise, 0.0)))

    def question(self, at: Points, steps: Steps, problem: Problem) -> Question:
        """What is asked at one point or a batch, or at every tuned step of one point."""
        sigma = self.noise(at)
        return Question.about(
            self.test.algorithm,
            {**at.parameters, **steps},
            problem,
            GaussianNoise(sigma) if sigma > 0 else None,
            output=self.test.output,
            K=at.symbols["K"],
            R=at.symbols["R"],
            measures=(self.measure,),
        )


def measure_along(test: ExponentTest, design: Design, session: Session) -> Measured:
    """The measure of the test's theorem along a design: exact where that is possible, else sampled."""
    found = test.claimed
    name = found.bound.measure.name
    if name not in EXACT_MEASURES:
        raise TightrateError(f"exponent tests measure {', '.join(EXACT_MEASURES)}, not {name}")
    count = len(design.n)
    own = {
        name: value if isinstance(value, str) else along(as_expression(name, value), design.values, count)
        for name, value in test.instance.items()
    }
    points = Points(design.values, own)
    problems = [build_problem(test.problem, points[i].parameters) for i in range(count)]
    bounding = [name for name in found.bound.letters if name in design.values]
    for i, problem in enumerate(problems):
        check_class(problem, {name: points[i].symbols[name] for name in bounding}, test.problem)
    instances = Instances(test, name, points, problems)
    some_step = dict.fromkeys(test.tuned, np.ones(1))
    questions = [instances.question(points[i], some_step, problem) for i, problem in enumerate(problems)]
    if all(question.exact_obstacle() is None for question in questions):
        return _exact(instances)
    return _sampled(instances, design.n, session)


def _measured(instances: Instances, mean: Array, stderr: Array, steps: Steps, replicas: int, needed: int) -> Measured:
    symbols = {name: Named(value, dims="point") for name, value in {**instances.points.symbols, **steps}.items()}
    named, error = Named(mean, dims="point"), Named(stderr, dims="point")
    return Measured(Measurement(named, instances.measure, symbols, stderr=error), replicas, needed)


# --- Expectations -----------------------------------------------------------------------------------------------------


def _exact(instances: Instances) -> Measured:
    """Expectations in closed form: all points at once where they differ in K, R and steps alone."""
    test, points, problems = instances.test, instances.points, instances.problems
    if test.tuned:
        found = [
            _least(test, points[i], partial(_expectation, instances, points[i], problem=problem))
            for i, problem in enumerate(problems)
        ]
        means, steps, inside = _best(found), _together(test, found), _inside(found)
    else:
        means, steps, inside = np.empty(len(problems)), {}, np.ones(len(problems))
        for members in _same_problem(instances):
            means[members] = _expectation(instances, points[members], {}, problem=problems[members[0]])
    found_here = _measured(instances, means, means * _relative_rounding(instances, means), steps, 0, 0)
    return replace(found_here, interior=inside)


def _same_problem(instances: Instances) -> list[list[int]]:
    """The points of each problem: those that agree in all of its parameters and in the noise."""
    known = parameters(PROBLEMS[instances.test.problem])
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i in range(len(instances.problems)):
        at = instances.points[i]
        own = [at.parameters[name] for name in known if name in at.parameters]
        groups.setdefault((at.symbols["M"], instances.noise(at), *own), []).append(i)
    return list(groups.values())


def _expectation(instances: Instances, at: Points, steps: Steps, *, problem: Problem) -> Array:
    """The measure's expectation at every point of a batch, or at every tuned step of one point."""
    return measure(instances.question(at, steps, problem), "exact").values[instances.measure]


def _relative_rounding(instances: Instances, means: Array) -> Array:
    """What arithmetic leaves, relative to the means: of a displacement, and so of the root of a squared one."""
    B, L = (np.array([float(np.max(one.constants[name])) for one in instances.problems]) for name in ("B", "L"))
    unit = np.sqrt(L / 2) if instances.measure == "gap" else np.ones(len(means))
    root = means if instances.measure == "distance" else np.sqrt(np.maximum(means, 1e-300))
    return np.asarray(ROUNDING * B * unit / root + 1e-12)


# --- Tuned steps ------------------------------------------------------------------------------------------------------


def _least(test: ExponentTest, at: Points, values: Callable[[Steps], Array]) -> Tuning:
    """The least of `values` over the grids of all tuned steps together."""
    tuned = {name: one.at(at.symbols) for name, one in test.tuned.items()}
    return tune_finely(tuned, lambda steps, _replicas: np.asarray(values(steps)))


def _best(found: Sequence[Tuning]) -> Array:
    return np.array([float(one.means.min()) for one in found])


def _together(test: ExponentTest, found: Sequence[Tuning]) -> dict[str, Array]:
    return {name: np.array([one.steps[name] for one in found]) for name in test.tuned}


def _inside(found: Sequence[Tuning]) -> Array:
    return np.array([float(one.interior) for one in found])


# --- Samples ----------------------------------------------------------------------------------------------------------


def _sampled(instances: Instances, n: Array, session: Session) -> Measured:
    """Every step of every replica, with replicas from a pilot's variance; without noise one run says it all."""
    test, points, problems = instances.test, instances.points, instances.problems
    count, certain = len(problems), np.zeros(len(problems))
    noisy = any(instances.noise(points[i]) > 0 for i in range(count))
    if test.tuned:
        if noisy:
            raise TightrateError("steps are tuned on exact expectations or without noise")
        found = [
            _least(test, points[i], partial(_samples, instances, points[i], problem=problem))
            for i, problem in enumerate(problems)
        ]
        tuned = _measured(instances, _best(found), certain, _together(test, found), 1, 1)
        return replace(tuned, interior=_inside(found))

    def at_every_point(replicas: int, **use: str) -> list[Array]:
        axes = [{"test": test.id, "point": i, "seed": session.seed, **use} for i in range(count)]
        return [
            _samples(instances, points[i], {}, problem=problems[i], replicas=replicas, axes=axes[i])
            for i in range(count)
        ]

    if not noisy:
        return _measured(instances, np.array([values[0] for values in at_every_point(1)]), certain, {}, 1, 1)
    deviation = np.array([values.std(ddof=1) / values.mean() for values in at_every_point(PILOT, use="pilot")])
    end = slice(min(count // 2, count - 3), None)
    needed = max(
        replicas_needed({"n": n}, deviation, half_width=HALF_WIDTH),
        replicas_needed({"n": n[end]}, deviation[end], half_width=HALF_WIDTH_AT_THE_END),
    )
    most = session.choose(quick=test.most_replicas[0], full=test.most_replicas[1])
    replicas = int(np.clip(needed, PILOT, most))
    samples = at_every_point(replicas)
    means = np.array([values.mean() for values in samples])
    errors = np.array([values.std(ddof=1) / np.sqrt(replicas) for values in samples])
    return _measured(instances, means, errors, {}, replicas, needed)


def _samples(
    instances: Instances,
    at: Points,
    steps: Steps,
    *,
    problem: Problem,
    replicas: int = 1,
    axes: Mapping[str, Any] | None = None,
) -> Array:
    """The measure of every replica, or of every tuned step."""
    key = dict(axes or {})
    count = len(next(iter(steps.values()))) if steps else replicas
    seed = int(key.pop("seed", 0))
    question = instances.question(at, steps, problem)
    return measure(question, "sample", replicas=count, seed=seed, stream_axes=key).values[instances.measure]
