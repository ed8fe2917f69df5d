"""One cell of a sweep: everything that its numbers depend on, and how they are found.

Cells know nothing of each other, of the axes around them or of theorems: a cell that is run again, alone, in another
process or on another machine, with the same versions and CPU features, gives the same bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from math import ceil
from platform import machine, python_version
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Array
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.by_name import Builder, Instance, Problems, build_noise, instance_of, problem_name
from tightrate.simulator.engine_choice import Engine, Method, Question
from tightrate.simulator.measure import Samples, measure
from tightrate.simulator.measures import Output
from tightrate.verify.cache.code_digest import source_digest
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
        tuned = {name: asdict(own) for name, own in self.tuned.items()}
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
        lowest = {name: tuned.low for name, tuned in self.tuned.items()}
        question = self.question(problem, noise, {**self.steps, **lowest})
        return question.engine(self.method, (self.algorithm, problem_name(self.problem)))


@dataclass(frozen=True)
class Result:
    """What a cell found.

    `steps` are the numbers that the algorithm ran with, tuned ones included.  `tuning` is the whole grid in the order
    in which it was tried: each tuned step, and the mean found; `interior` says whether the chosen point lies inside it.
    `pilot` is the number of replicas that sized the cell, 0 without a target.
    """

    samples: Samples
    steps: Mapping[str, float]
    tuning: Mapping[str, Array] = field(default_factory=dict)
    interior: bool = True
    pilot: int = 0
    seconds: float = 0.0


def run_cell(cell: Cell, problems: Problems | None = None) -> Result:
    """Find a cell's numbers: tune what is to be tuned, size the replicas, measure."""
    began = perf_counter()
    problem = (problems or Problems()).get(cell.problem, cell.of_the_instance)
    noise = build_noise(cell.noise, cell.values)
    engine = cell.engine(problem, noise)

    def found(
        steps: Mapping[str, Any], replicas: int, use: str | None = None, streams: NDArray[np.int_] | None = None
    ) -> Samples:
        question = cell.question(problem, noise, {**cell.steps, **steps})
        return measure(question, engine, replicas=replicas, streams=streams, **cell.randomness(use))

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
        limit = values.var(ddof=1) * (replicas - 1) / stats.chi2.ppf(1 - PILOT_CONFIDENCE, replicas - 1)
        allowed = (relative_error * values.mean()) ** 2
        if limit > 0:
            needed = max(needed, limit / allowed if allowed > 0 else np.inf)
    return int(min(most, ceil(min(needed, most))))


# The inputs that are not in the cell: what runs it.

RUNS_CELLS = ("tightrate.verify.sweep.cell", "tightrate.verify.sweep.packs")
MOVES_BITS = ("tightrate.constructions", "tightrate.simulator", "tightrate.verify.sweep")  # of what these reach


@cache
def environment() -> Mapping[str, str]:
    """The versions, the code and the kind of CPU that a cell's bits depend on."""
    return {
        "python": ".".join(python_version().split(".")[:2]),
        **{name: version(name) for name in ("tightrate", "numpy", "scipy")},
        "code": source_digest(*RUNS_CELLS, within=MOVES_BITS),
        "cpu": _cpu(),
    }


def _cpu() -> str:
    """The machine and the instruction sets that numpy found: its loops for them may round differently."""
    umath = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
    found: Mapping[str, bool] = getattr(umath, "__cpu_features__", {})
    names = " ".join(sorted(name for name, present in found.items() if present))
    return f"{machine()}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"


def cell_key(cell: Cell) -> str:
    """The name of a cell: a digest of all of its inputs, so that any change of one of them is another cell."""
    if not isinstance(cell.problem, str):
        raise TightrateError(
            f"cells on {problem_name(cell.problem)} cannot be kept: nothing tells that a function of your own changed"
        )
    text = cell.as_json() + json.dumps(dict(environment()), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


NO_DEMANDS: Mapping[str, str] = {}  # on the versions of a process of this same installation


@dataclass(frozen=True)
class Failure:
    """Why a cell has no result; `bad_input` when every run of it must fail in the same way."""

    message: str
    bad_input: bool


def other_versions(expected: Mapping[str, str]) -> list[str]:
    """The names of what is expected to be the same here, and is not."""
    return [name for name in expected if name != "cpu" and environment().get(name) != expected[name]]


def attempt(cell: Cell, problems: Problems, expected: Mapping[str, str] = NO_DEMANDS) -> Result | Failure:
    """Run a cell where it may fail and where the versions may be others, and say so."""
    here = environment()
    if differs := other_versions(expected):
        what = ", ".join(f"{name} {here.get(name)} instead of {expected[name]}" for name in differs)
        return Failure(f"a worker has {what}; install the same versions everywhere", True)
    try:
        return run_cell(cell, problems)
    except TightrateError as error:
        return Failure(str(error), True)
    except Exception as error:  # an exhausted memory, a damaged installation: whatever one cell meets
        return Failure(" ".join(f"{type(error).__name__}: {error}".split()), False)
