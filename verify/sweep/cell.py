"""One cell of a sweep: everything that its numbers depend on, and how they are found.

Cells know nothing of each other, of the axes around them or of theorems: a cell that is run again, alone, in another
process or on another machine, with the same versions and CPU features, gives the same bits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from tightrate.common.threads import blas_kernel
from tightrate.common.workload import HOURS
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Array
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.by_name import Builder, Instance, Problems, build_noise, instance_of, problem_name
from tightrate.simulator.engine_choice import Engine, Method, Question
from tightrate.simulator.measure import Samples, measure
from tightrate.simulator.measures import Output
from tightrate.verify.sweep.tuning import Tuned, Tuning, tune

PILOT_CONFIDENCE = 0.99  # that the true variance is no larger than what a pilot's is taken for


@dataclass(frozen=True)
class Cell:
    """All inputs of one cell.

    `values` are all given parameters, those of problem, noise and run among them; `steps` are the parameters of the
    algorithm, `tuned` those still to be found; `stream` are the coordinates by which random numbers are keyed.
    """

    algorithm: str
    problem: Builder
    noise: str
    values: Mapping[str, Any]
    steps: Mapping[str, Any]
    tuned: Mapping[str, Tuned]
    output: Output
    method: Method
    measures: tuple[str, ...]
    replicas: int
    relative_error: float | None
    most_replicas: int
    seed: int
    stream: Mapping[str, str]

    def as_json(self) -> str:
        """The one text of these inputs, whatever the order in which they were given."""
        tuned = {name: own.as_json() for name, own in self.tuned.items()}
        return json.dumps({**vars(self), "problem": problem_name(self.problem), "tuned": tuned}, sort_keys=True)

    @property
    def of_the_instance(self) -> Mapping[str, Any]:
        """The values that the problem is made from."""
        return {"seed": self.seed, **self.values}

    @property
    def instance(self) -> Instance:
        """Equal for cells on one problem."""
        return instance_of(self.problem, self.of_the_instance)

    def randomness(self, use: str | None = None) -> dict[str, Any]:
        """The seed and the coordinates of the cell's streams, of a `use` of their own; an axis of seeds is the seed."""
        axes: dict[str, int | str] = {**self.stream, **({} if use is None else {"purpose": use})}
        return {"seed": int(axes.pop("seed", self.seed)), "stream_axes": axes}

    def question(self, problem: Problem, noise: Noise | RowSampling | None, steps: Mapping[str, Any]) -> Question:
        """What the cell asks at these values of the algorithm's parameters."""
        return Question.about(
            self.algorithm,
            steps,
            problem,
            noise,
            K=self.values["K"],
            R=self.values["R"],
            mu=self.values.get("mu"),
            measures=self.measures,
            output=self.output,
            clients=self.values.get("clients"),
        )

    def engine(self, problem: Problem, noise: Noise | RowSampling | None) -> Engine:
        """The engine that the cell asks for, or the cheapest that can answer where it leaves the choice."""
        lowest = {name: tuned.value(0) for name, tuned in self.tuned.items()}
        question = self.question(problem, noise, {**self.steps, **lowest})
        return question.engine(self.method, (self.algorithm, problem_name(self.problem)))


@dataclass(frozen=True)
class Result:
    """What a cell found.

    `steps` are the numbers that the algorithm ran with, tuned ones included.  `tuning` is the whole grid in the order
    in which it was tried: each tuned step, and the mean found; `interior` says whether the chosen point lies inside it.
    `pilot` is the number of replicas that sized the cell, 0 without a target.  `kernel` is the linear-algebra kernel on
    which it ran.
    """

    samples: Samples
    steps: Mapping[str, float]
    tuning: Mapping[str, Array] = field(default_factory=dict)
    interior: bool = True
    pilot: int = 0
    seconds: float = 0.0
    kernel: str = field(default_factory=blas_kernel)


def run_cell(cell: Cell, problems: Problems | None = None, hours: float = HOURS) -> Result:
    """Find a cell's numbers: tune what is to be tuned, size the replicas, measure, each within so many hours."""
    began = perf_counter()
    problem = (problems or Problems()).get(cell.problem, cell.of_the_instance)
    noise = build_noise(cell.noise, cell.values)
    engine = cell.engine(problem, noise)

    def found(
        steps: Mapping[str, Any], replicas: int, use: str | None = None, streams: NDArray[np.int_] | None = None
    ) -> Samples:
        question = cell.question(problem, noise, {**cell.steps, **steps})
        return measure(question, engine, replicas=replicas, streams=streams, hours=hours, **cell.randomness(use))

    def means(steps: Mapping[str, Array], replicas: int) -> Array:
        """The first measure at each value of the steps, over common random numbers where it is sampled."""
        if engine == "exact":
            return found(steps, replicas).values[cell.measures[0]]
        points = len(next(iter(steps.values())))
        spread = {name: np.repeat(values, replicas) for name, values in steps.items()}
        samples = found(spread, points * replicas, "tuning", np.tile(np.arange(replicas), points))
        return np.asarray(samples.values[cell.measures[0]].reshape(points, replicas).mean(axis=-1))

    tuning = tune(cell.tuned, means) if cell.tuned else Tuning()
    replicas, pilot = cell.replicas, 0
    if cell.relative_error is not None and engine != "exact":
        pilot = cell.replicas
        replicas = _replicas_for(
            cell.relative_error, found(tuning.steps, pilot, "pilot").values, pilot, cell.most_replicas
        )
    samples = found(tuning.steps, replicas)
    grid = {**tuning.grid, cell.measures[0]: tuning.means} if cell.tuned else {}
    seconds = perf_counter() - began
    return Result(samples, numbers_of({**cell.steps, **tuning.steps}), grid, tuning.interior, pilot, seconds)


def numbers_of(steps: Mapping[str, Any]) -> dict[str, float]:
    """Those of the steps that are numbers."""
    return {name: float(value) for name, value in steps.items() if isinstance(value, (int, float))}


def _replicas_for(relative_error: float, pilot: Mapping[str, Array], replicas: int, most: int) -> int:
    """Replicas for a standard error of at most this fraction of every mean, from a pilot's variance.

    The variance is taken at its upper confidence limit (for normal samples), so that a pilot which happens to spread
    little does not promise too much.
    """
    needed = float(replicas)
    for values in pilot.values():
        if not np.isfinite(values).all():
            continue
        limit = values.var(ddof=1) * (replicas - 1) / _chi_squared(1 - PILOT_CONFIDENCE, replicas - 1)
        allowed = (relative_error * values.mean()) ** 2
        if limit > 0:
            needed = max(needed, limit / allowed if allowed > 0 else np.inf)
    return int(min(most, ceil(min(needed, most))))


def _chi_squared(probability: float, freedom: int) -> float:
    """The quantile of a chi-squared law."""
    return float(2 * gammaincinv(freedom / 2, probability))
