"""The one way to measure: what is asked of an algorithm on a problem, answered by an engine that can.

`simulate`, the cells of a sweep, exponent tests and a user's own paper all ask here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tightrate.common.workload import HOURS, numbers_of_a_run, refuse_endless
from tightrate.constructions.noise import NOISES, Noise
from tightrate.constructions.parameters import check_memory
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Array
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.by_name import ARRAYS_OF_A_RUN
from tightrate.simulator.engine_choice import Engine, Question
from tightrate.simulator.exact.linear_form import follows_rounds
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.measures import MEASURES, readings, records_of
from tightrate.simulator.sampled.round_law import sample_rounds
from tightrate.simulator.sampled.sampling import sample

BEYOND_REASON = 1e30  # times the scale of a problem: nothing that goes so far comes back


@dataclass(frozen=True)
class Samples:
    """What an engine found: by measure, one number for each replica, infinite where it diverged.

    Where `engine` is "exact" they are expectations, one for each entry of the question's parameters.
    """

    values: Mapping[str, Array]
    diverged: NDArray[np.bool_]
    engine: Engine
    notes: tuple[str, ...] = ()
    """What a reader of the numbers must know: expectations that do not exist, means that need not settle."""

    @property
    def exact(self) -> bool:
        """Whether the numbers are expectations."""
        return self.engine == "exact"

    @property
    def replicas(self) -> int:
        """How many replicas were sampled, 0 where expectations are exact."""
        return 0 if self.exact else len(self.diverged)

    def mean(self, name: str) -> float:
        """The mean of a measure; infinite where a replica diverged."""
        return float(self.values[name].mean())

    def stderr(self, name: str) -> float:
        """The standard error of that mean: 0 where it is exact, unknown (nan) from a single replica."""
        values = self.values[name]
        if self.exact:
            return 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def measure(
    question: Question,
    engine: Engine,
    *,
    replicas: int = 1,
    seed: int = 0,
    stream_axes: Mapping[str, int | str] | None = None,
    streams: ArrayLike | None = None,
    hours: float = HOURS,
) -> Samples:
    """The answer of an engine that can give it (`Question.engine` says which can).

    Random numbers of replica i come from the streams of (seed, stream_axes, replica = streams[i]), i itself by default;
    where expectations are exact nothing is drawn.  What would take more than so many `hours` on one core, or would fill
    the memory, is refused.
    """
    problem = question.problem
    if engine == "exact":
        return _expectations(question, hours)
    R = int(np.asarray(question.R))
    common: dict[str, Any] = {
        "K": question.K,
        "R": R,
        "replicas": replicas,
        "seed": seed,
        "stream_axes": dict(stream_axes or {}),
        "streams": streams,
        "averaging_decay": question.averaging_decay,
        "measured_rounds": (R,),
    }
    refuse_too_large(replicas, problem, 1 if engine == "rounds" else float(np.max(question.K)), R, hours)
    if engine == "rounds":
        check_memory(ARRAYS_OF_A_RUN * replicas * problem.dimension, f"method rounds with {replicas} replicas")
        assert not isinstance(question.noise, RowSampling)
        run = sample_rounds(question.algorithm, problem, noise=question.noise, **common)
    else:
        records = records_of(question.output, question.measures)
        run = sample(
            question.algorithm, problem, noise=question.noise, clients=question.clients, record=records, **common
        )
    far = ~(run.distances[:, -1] <= reasonable_distance(problem, question.noise))
    run = replace(run, diverged=run.diverged | far)
    values = readings(run, problem, question.output, question.measures)
    return Samples(values, run.diverged, engine, moment_notes(question))


def reasonable_distance(problem: Problem, noise: Noise | RowSampling | None) -> Array:
    """Beyond this distance from the optimum a run has diverged, one number or one for each instance.

    Its scale is the distance of the start and what noise moves a gradient step of 1/L.
    """
    scale = np.linalg.norm(problem.optimum, axis=-1)
    if isinstance(noise, Noise) and "L" in problem.constants:
        scale = scale + np.sqrt(noise.variance) / problem.constants["L"]
    return np.where(scale > 0, BEYOND_REASON * scale, np.inf)


def _expectations(question: Question, hours: float) -> Samples:
    """Expectations in closed form; the distance itself has one only where nothing is random."""
    problem, noise = question.problem, question.noise
    assert not isinstance(noise, RowSampling)
    if follows_rounds(question.algorithm):
        refuse_too_large(1, problem, 1, float(np.max(question.R)), hours)
    d, dense = problem.dimension, isinstance(problem, QuadraticWorkers)
    check_memory(d**2 * (ARRAYS_OF_A_RUN if dense else 1), f"method exact in dimension {d}")
    run = exact_moments(
        question.algorithm,
        problem,
        K=question.K,
        R=question.R,
        noise=noise,
        averaging_decay=question.averaging_decay,
        clients=question.clients,
    )
    moments = run.last if run.average is None else run.average
    found = {"gap": moments.gap, "squared-distance": moments.squared_distance}
    found["distance"] = np.sqrt(moments.squared_distance)
    if run.communications is not None:
        found["communications"] = run.communications
    far = ~(np.sqrt(moments.squared_distance) <= reasonable_distance(problem, question.noise))
    values = {name: np.where(far, np.inf, found[name]) for name in question.measures}
    return Samples(values, far | ~np.isfinite(moments.gap), "exact")


def refuse_too_large(replicas: int, problem: Problem, K: float, R: float = 1, hours: float = HOURS) -> None:
    """One line instead of a run that never ends, or whose results fill the memory."""
    numbers = numbers_of_a_run(replicas * problem.workers * problem.dimension, K if np.isfinite(K) else 1, R)
    refuse_endless(f"a run of {replicas} replicas, {problem.workers} workers, K = {K:g} and R = {R:g}", numbers, hours)
    check_memory(4 * replicas * problem.dimension, f"{replicas} replicas of a run in dimension {problem.dimension}")


# What must be said about sampled numbers: expectations that do not exist, and means that need not settle.


def lacks_moment(noise: Noise | RowSampling | None, order: float) -> bool:
    """Whether the noise is known to have no finite moment of that order."""
    return order > 0 and isinstance(noise, Noise) and not np.isfinite(noise.moment(order))


def is_infinite(name: str, question: Question) -> bool:
    """Whether the measure's expectation is known to be infinite.

    A linear method adds a multiple of the last gradient's noise, independent of all that came before, to its output;
    where F is strongly convex the gap is at least mu/2 times the squared distance (lee2024 Theorem H1).
    """
    mu = np.min(question.problem.constants.get("mu", 0.0))
    of_output = name in ("gap", "squared-distance", "squared-gradient") and question.output == "last"
    return of_output and bool(question.algorithm.linear and mu > 0) and lacks_moment(question.noise, 2.0)


def settles(name: str, noise: Noise | RowSampling | None) -> bool:
    """Whether mean and standard error of a sampled measure are known to settle as replicas grow."""
    return not lacks_moment(noise, 2.0 * MEASURES[name].degree)


def moment_notes(question: Question) -> tuple[str, ...]:
    """What a reader of sampled numbers must know: a sentence for each thing that is wrong with them."""
    noise = question.noise
    if not isinstance(noise, Noise):
        return ()
    law = NOISES.name_of(type(noise))
    infinite = [name for name in question.measures if is_infinite(name, question)]
    rest = [name for name in question.measures if name not in infinite and not settles(name, noise)]
    means = [name for name in rest if lacks_moment(noise, MEASURES[name].degree)]
    notes = []
    if infinite:
        verb = "is" if len(infinite) == 1 else "are"
        notes.append(f"expected {' and '.join(infinite)} {verb} infinite: the {law} noise has no second moment")
    for what, which in (("mean", means), ("standard error", [name for name in rest if name not in means])):
        if which:
            notes.append(_unsettled(what, which, law, linear=question.algorithm.linear))
    return tuple(notes)


def _unsettled(what: str, which: Collection[str], law: str, *, linear: bool) -> str:
    of = f"the {what} of {' and '.join(which)}"
    if linear:
        return (
            f"the {law} noise has no moment that would bound {of}: it may not settle as replicas grow; ask for"
            " quantiles"
        )
    return (
        f"whether {of} is finite is not known here: bounded steps would bound it, a moment of the {law} noise does not;"
        " ask for quantiles"
    )
