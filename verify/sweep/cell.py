"""One cell of a sweep: everything that its numbers depend on, and how they are found.

Cells know nothing of each other, of the axes around them or of theorems: a cell that is run again, alone, in another
process or on another machine, with the same versions and CPU features, gives the same bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import version
from itertools import product
from math import ceil
from pathlib import Path
from platform import machine, python_version
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.engine_choice import Method, Question
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.measures import Output, forgetting, iterate, records_of
from tightrate.simulator.parameters import construct, parameters
from tightrate.simulator.sampled.round_law import sample_rounds
from tightrate.simulator.sampled.run import Run
from tightrate.simulator.sampled.sampling import sample
from tightrate.simulator.simulate import build_noise, build_problem, refuse_too_large
from tightrate.verify.sweep.measures import SWEEP_MEASURES
from tightrate.verify.sweep.specification import Tuned

Array = NDArray[np.float64]
Samples = dict[str, Array]

PILOT_CONFIDENCE = 0.99  # that the true variance is no larger than what a pilot's is taken for


@dataclass(frozen=True)
class Cell:
    """All inputs of one cell.

    `values` are all given parameters, those of problem, noise and run among them; `steps` are the parameters of the
    algorithm, `tuned` those still to be found; `stream` are the coordinates by which random numbers are keyed.
    """

    algorithm: str
    problem: str
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
        return json.dumps({**vars(self), "tuned": {n: asdict(own) for n, own in self.tuned.items()}}, sort_keys=True)


@dataclass(frozen=True)
class Result:
    """What a cell found.

    `samples` has one number for each replica of each measure, or the expectation alone where `exact`; `steps` the
    numbers that the algorithm ran with, tuned ones included.  `tuning` is the whole grid that was tried, in the order
    in which it was tried: each tuned step, and the mean found; `interior` says whether the chosen point lies inside
    it.  `pilot` is the number of replicas that sized the cell, 0 without a target.
    """

    samples: Samples
    diverged: NDArray[np.bool_]
    exact: bool
    steps: Mapping[str, float]
    tuning: Samples = field(default_factory=dict)
    interior: bool = True
    pilot: int = 0
    seconds: float = 0.0

    @property
    def replicas(self) -> int:
        """How many replicas were sampled, 0 where expectations are exact."""
        return 0 if self.exact else len(self.diverged)

    def mean(self, name: str) -> float:
        """The mean of a measure; infinite where a replica diverged."""
        return float(self.samples[name].mean())

    def stderr(self, name: str) -> float:
        """The standard error of that mean: 0 where it is exact, unknown (nan) from a single replica."""
        values = self.samples[name]
        if self.exact:
            return 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def run_cell(cell: Cell) -> Result:
    """Find a cell's numbers."""
    return run_on(build_problem(cell.problem, {"seed": cell.seed, **cell.values}), cell)


def run_on(problem: Problem, cell: Cell) -> Result:
    """Find a cell's numbers on a problem, whatever its name: tune what is to be tuned, size the replicas, measure."""
    began = perf_counter()
    engine = engine_of(cell, problem, noise_of(cell))
    steps, tuning, interior = _tune(cell, engine) if cell.tuned else (dict(cell.steps), {}, True)
    replicas, pilot = cell.replicas, 0
    if cell.relative_error is not None and not engine.exact:
        pilot = cell.replicas
        found, _ = engine.measure(steps, pilot, "pilot")
        replicas = _replicas_for(cell.relative_error, found, pilot, cell.most_replicas)
    samples, diverged = engine.measure(steps, replicas, None)
    seconds = perf_counter() - began
    return Result(samples, diverged, engine.exact, numbers_of(steps), tuning, interior, pilot, seconds)


def numbers_of(steps: Mapping[str, Any]) -> dict[str, float]:
    """Those of the steps that are numbers."""
    return {name: float(value) for name, value in steps.items() if isinstance(value, (int, float))}


def noise_of(cell: Cell) -> Noise | RowSampling | None:
    """The noise of a cell's gradients; none where its level is zero."""
    return build_noise(cell.noise, cell.values)


class Problems:
    """Problems by name and parameters, each built once."""

    def __init__(self) -> None:
        self._built: dict[tuple[object, ...], Problem] = {}
        self._parameters: dict[str, tuple[str, ...]] = {}

    def get(self, name: str, values: Mapping[str, Any]) -> Problem:
        """The problem of that name, from those of `values` that are its parameters."""
        if name not in self._parameters:
            self._parameters[name] = tuple(parameters(PROBLEMS[name]))
        own = {key: values[key] for key in self._parameters[name] if key in values}
        key = (name, *own.items())
        if key not in self._built:
            self._built[key] = build_problem(name, own)
        return self._built[key]


# Two engines measure the same things: expectations in closed form, or every local step of every replica.


@dataclass(frozen=True)
class _Exact:
    """Expectations in closed form; nothing is drawn, so that uses and replicas make no difference."""

    cell: Cell
    problem: Problem
    noise: Noise | None
    exact: bool = True
    every_step: bool = False

    def measure(self, steps: Mapping[str, Any], _replicas: int, _use: str | None) -> tuple[Samples, NDArray[np.bool_]]:
        """Each measure and whether it is infinite, one entry for each value of the steps."""
        algorithm = construct(ALGORITHMS[self.cell.algorithm], steps)
        run = exact_moments(
            algorithm,
            self.problem,
            K=self.cell.values["K"],
            R=self.cell.values["R"],
            noise=self.noise,
            forgetting=_forgetting(self.cell, self.problem, steps),
            clients=self.cell.values.get("clients"),
        )
        moments = run.last if run.average is None else run.average
        found = {"gap": moments.gap, "squared-distance": moments.squared_distance}
        found["distance"] = np.sqrt(moments.squared_distance)  # asked for where nothing is random
        return {name: found[name] for name in self.cell.measures}, ~np.isfinite(moments.gap)

    def means(self, steps: Mapping[str, Array], replicas: int) -> Array:
        """The first measure's expectation at each value of the steps."""
        return self.measure({**self.cell.steps, **steps}, replicas, None)[0][self.cell.measures[0]]


@dataclass(frozen=True)
class _Sampled:
    """Every local step of every replica, or one draw for each round; `use` keys random numbers of their own."""

    cell: Cell
    problem: Problem
    noise: Noise | RowSampling | None
    by_rounds: bool
    exact: bool = False

    @property
    def every_step(self) -> bool:
        """Whether no step is skipped."""
        return not self.by_rounds

    def measure(
        self, steps: Mapping[str, Any], replicas: int, use: str | None, streams: NDArray[np.int_] | None = None
    ) -> tuple[Samples, NDArray[np.bool_]]:
        """Each measure and whether the run diverged, one entry for each replica."""
        cell, problem = self.cell, self.problem
        refuse_too_large(replicas, problem, 1)
        R = int(cell.values["R"])
        algorithm = construct(ALGORITHMS[cell.algorithm], steps)
        common: dict[str, Any] = {
            "K": cell.values["K"],
            "R": R,
            "replicas": replicas,
            "seed": cell.seed,
            "stream_axes": {**cell.stream, **({} if use is None else {"purpose": use})},
            "streams": streams,
            "forgetting": _forgetting(cell, problem, steps),
            "measured_rounds": (R,),
        }
        if self.by_rounds:
            assert not isinstance(self.noise, RowSampling)
            run = sample_rounds(algorithm, problem, noise=self.noise, **common)
        else:
            wanted, clients = records_of(cell.output, cell.measures), cell.values.get("clients")
            run = sample(algorithm, problem, noise=self.noise, record=wanted, clients=clients, **common)
        return taken(cell, problem, run), run.diverged

    def means(self, steps: Mapping[str, Array], replicas: int) -> Array:
        """The first measure's mean at each value of the steps, over common random numbers."""
        points = len(next(iter(steps.values())))
        spread = {name: np.repeat(values, replicas) for name, values in steps.items()}
        streams = np.tile(np.arange(replicas), points)
        samples, _ = self.measure({**self.cell.steps, **spread}, points * replicas, "tuning", streams)
        return np.asarray(samples[self.cell.measures[0]].reshape(points, replicas).mean(axis=-1))


def taken(cell: Cell, problem: Problem, run: Run) -> Samples:
    """Each measure of a cell, one number for each replica of its run; infinite where that diverged."""
    output = iterate(run, cell.output)
    samples = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for name in cell.measures:
            values = SWEEP_MEASURES[name].take(run, problem, output)
            samples[name] = np.where(run.diverged, np.inf, values)
    return samples


def engine_of(cell: Cell, problem: Problem, noise: Noise | RowSampling | None) -> _Exact | _Sampled:
    """The engine that the cell asks for, or the cheapest that can answer where it leaves the choice."""
    tried = {name: tuned.low for name, tuned in cell.tuned.items()}
    algorithm = construct(ALGORITHMS[cell.algorithm], {**cell.steps, **tried})
    question = Question(
        algorithm, problem, noise, cell.measures, cell.output, cell.values.get("clients"), K=cell.values["K"]
    )
    used = question.engine(cell.method, (cell.algorithm, cell.problem))
    if used == "exact":
        assert not isinstance(noise, RowSampling)
        return _Exact(cell, problem, noise)
    return _Sampled(cell, problem, noise, by_rounds=used == "rounds")


def _forgetting(cell: Cell, problem: Problem, steps: Mapping[str, Any]) -> Any:
    """q in the weights (1 - q)^-(t+1) of the output average; None where there is no average."""
    return forgetting(cell.output, problem, steps.get("eta", 0.0), cell.values.get("mu"))


def _tune(cell: Cell, engine: _Exact | _Sampled) -> tuple[dict[str, Any], Samples, bool]:
    """The best point of a grid that widens until its best point is interior, the grid, and whether it became so.

    Points are numbered by whole numbers along each tuned step, so that a widened grid contains the old one exactly:
    what was tried is not tried again.  Of equal means the smallest steps are chosen.
    """
    grids = list(cell.tuned.values())
    spans = [(0, tuned.points - 1) for tuned in grids]
    widenings = max(tuned.widenings for tuned in grids)
    replicas = max(tuned.replicas for tuned in grids)
    tried: dict[tuple[int, ...], float] = {}
    interior = False
    for widening in range(widenings + 1):
        new = [point for point in product(*(range(a, b + 1) for a, b in spans)) if point not in tried]
        steps = {
            name: np.array([tuned.value(point[axis]) for point in new])
            for axis, (name, tuned) in enumerate(cell.tuned.items())
        }
        means = engine.means(steps, replicas)
        tried.update(zip(new, np.where(np.isnan(means), np.inf, means).tolist(), strict=True))
        best = min(tried, key=lambda point: (tried[point], point))
        interior = all(a < index < b for index, (a, b) in zip(best, spans, strict=True))
        if interior or widening == widenings:
            break
        spans = [
            (a - tuned.points // 2 * (index == a), b + tuned.points // 2 * (index == b))
            for index, (a, b), tuned in zip(best, spans, grids, strict=True)
        ]
    chosen = {name: tuned.value(index) for (name, tuned), index in zip(cell.tuned.items(), best, strict=True)}
    record = {
        name: np.array([tuned.value(point[axis]) for point in tried])
        for axis, (name, tuned) in enumerate(cell.tuned.items())
    }
    record[cell.measures[0]] = np.array(list(tried.values()))
    return {**cell.steps, **chosen}, record, interior


def _replicas_for(relative_error: float, pilot: Samples, replicas: int, most: int) -> int:
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

CODE = ("tightrate.constructions", "tightrate.simulator")  # every module of these can move a bit of a result
CODE_HERE = (
    "tightrate.verify.sweep.packs",
    "tightrate.verify.sweep.cell",
    "tightrate.verify.sweep.measures",
    "tightrate.verify.sweep.specification",
)


@cache
def environment() -> Mapping[str, str]:
    """The versions, the code and the kind of CPU that a cell's bits depend on."""
    return {
        "python": ".".join(python_version().split(".")[:2]),
        **{name: version(name) for name in ("tightrate", "numpy", "scipy")},
        "code": _code(),
        "cpu": _cpu(),
    }


def _code() -> str:
    """A digest of the source of everything that computes."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for package in CODE:
        for folder in import_module(package).__path__:
            yield from sorted(Path(folder).rglob("*.py"))
    for module in CODE_HERE:
        found = import_module(module).__file__
        assert found is not None
        yield Path(found)


def _cpu() -> str:
    """The machine and the instruction sets that numpy found: its loops for them may round differently."""
    umath = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
    found: Mapping[str, bool] = getattr(umath, "__cpu_features__", {})
    names = " ".join(sorted(name for name, present in found.items() if present))
    return f"{machine()}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"


def cell_key(cell: Cell) -> str:
    """The name of a cell: a digest of all of its inputs, so that any change of one of them is another cell."""
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


def attempt(cell: Cell, expected: Mapping[str, str] = NO_DEMANDS) -> Result | Failure:
    """Run a cell where it may fail and where the versions may be others, and say so."""
    here = environment()
    if differs := other_versions(expected):
        what = ", ".join(f"{name} {here.get(name)} instead of {expected[name]}" for name in differs)
        return Failure(f"a worker has {what}; install the same versions everywhere", True)
    try:
        return run_cell(cell)
    except TightrateError as error:
        return Failure(str(error), True)
    except Exception as error:  # an exhausted memory, a damaged installation: whatever one cell meets
        return Failure(" ".join(f"{type(error).__name__}: {error}".split()), False)
