"""The sampled run: every local step of every worker of every replica, in blocks of replicas that stay in cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.simulator.algorithm import Algorithm, Array, State
from tightrate.simulator.batch.oracles import check_rows, client_gradient, gradient_oracle, instances, stochastic_oracle
from tightrate.simulator.batch.randomness import NoiseSteps, RowSampling, RowSteps, Streams, stream
from tightrate.simulator.batch.replica_axis import common_batch, replicas_of, restrict
from tightrate.simulator.compiled.gradient_rounds import GradientRounds, replicas_at_once, step_sizes
from tightrate.simulator.compiled.kernels import EngineName, check_engine, compiled_rounds, compiled_step, noise_steps
from tightrate.simulator.compiled.tape import recorded
from tightrate.simulator.sampled.recording import RECORDERS, Recorder

DIVERGED_NORM = 1e150  # beyond this a squared norm overflows; the replica has diverged
MOST_BYTES = 4 * 2**30
NUMBERS_PER_BLOCK = 32768  # of one state array: enough to hide the cost of a numpy call, few enough for the cache


@dataclass(frozen=True)
class Run:
    """What a run leaves behind, one row for each replica.

    `last` is the output after the last communication; `average` the (weighted) average over all local steps of the
    workers' mean iterate before the step, None when not asked for; `gaps` and `distances` follow the output after
    the rounds asked for, all of 0, ..., R by default: (replica, round).  A replica that overflowed is marked in
    `diverged`, its rows are infinite from then on; `diverged_at` is the round, infinite where there is none.
    `records` holds what else was asked for, `outputs` the output itself after the rounds asked for,
    (replica, round, d), if it was to be kept.
    """

    last: Array
    average: Array | None
    gaps: Array
    distances: Array
    diverged: NDArray[np.bool_]
    records: Mapping[str, Array] = field(default_factory=dict)
    diverged_at: Array | None = None
    outputs: Array | None = None


def sample(
    algorithm: Algorithm[State],
    problem: Problem,
    *,
    K: ArrayLike,
    R: int,
    replicas: int | None = None,
    noise: Noise | RowSampling | None = None,
    seed: int = 0,
    stream_axes: dict[str, int | str] | None = None,
    streams: ArrayLike | None = None,
    forgetting: ArrayLike | None = None,
    start: ArrayLike = 0.0,
    clients: int | None = None,
    measured_rounds: Sequence[int] | None = None,
    record: Collection[str] = (),
    keep_outputs: bool = False,
    engine: EngineName = "auto",
) -> Run:
    """Run `algorithm` on `problem` for R rounds of K local steps, all replicas at once.

    K may differ from replica to replica (an array); `replicas` defaults to what the arrays imply.  `noise` is added
    to every gradient, or `RowSampling` draws rows of a finite sum.  `forgetting` is q in the weights
    w_t = (1 - q)^-(t+1) of the average over all steps t = 0, ..., K R - 1 (0 is the uniform average).  `clients`
    workers are drawn in every round, uniformly without replacement; default: all take part.

    Random numbers of replica i come from the streams of (seed, stream_axes, replica = streams[i]), i itself by
    default: replicas with equal numbers share common random numbers.  Results do not depend on how replicas are
    blocked.  `measured_rounds` are the rounds at which `gaps` and `distances` are taken, `record` what else to
    record (RECORDERS): what is looked at within rounds may change the rounding of the rest.

    `engine` "compiled" needs numba and compiles what can be (seconds at its first use), "auto" does so where it pays,
    "numpy" never does; no number depends on it.
    """
    check_engine(engine)
    whole = np.asarray(K, dtype=np.float64)
    if not np.all((whole >= 1) & (whole == np.floor(whole)) & np.isfinite(whole)):
        raise TightrateError("a sampled run needs finite K >= 1; K = inf exists in closed form only (method exact)")
    for name in record:
        if name not in RECORDERS:
            raise unknown_name("record", name, RECORDERS)
    if clients is not None and not 1 <= clients <= problem.workers:
        raise TightrateError(f"clients must lie between 1 and the number of workers {problem.workers}, not {clients}")
    if clients is not None and algorithm.remembers_workers:
        raise TightrateError("this method keeps something of every worker from round to round: let all take part")
    x0, readers = np.asarray(start, dtype=np.float64), np.asarray(0 if streams is None else streams)
    implied = (whole.shape, problem.optimum.shape[:-1], replicas_of(algorithm), x0.shape[:-2], readers.shape)
    count = common_batch(*implied, () if replicas is None else (replicas,))
    if replicas is not None and count != replicas:
        raise TightrateError(f"parameters for {count} replicas do not fit replicas = {replicas}")
    workers, d = problem.workers if clients is None else clients, problem.dimension
    steps = np.broadcast_to(whole, (count,)).astype(int)
    readers = np.arange(count) if streams is None else np.broadcast_to(readers, (count,))
    x0 = np.broadcast_to(x0, (count, workers, d))
    q = None if forgetting is None else np.broadcast_to(np.asarray(forgetting, dtype=np.float64), (count,))
    rounds = range(R + 1) if measured_rounds is None else sorted(set(measured_rounds))
    size = 8.0 * count * (2 * len(rounds) + 2 * d + keep_outputs * len(rounds) * d)
    if size > MOST_BYTES:
        raise TightrateError(
            f"the results of {count} replicas at {len(rounds)} rounds need {size / 2**30:.1f} GiB; at most"
            f" {MOST_BYTES // 2**30} GiB are allowed: give measured_rounds"
        )
    eta = None
    if clients is None and q is None and not record and not isinstance(noise, RowSampling):
        eta = step_sizes(algorithm, problem, noise)
    batched = problem.optimum.ndim > 1

    def together(K: int) -> int:
        if batched and instances(problem, [0]) is None:
            return count
        return max(1, NUMBERS_PER_BLOCK // (workers * d)) if eta is None else replicas_at_once(K, workers, d)

    parts = []
    for rows in _blocks(steps, together):
        block = _Block(
            algorithm=restrict(algorithm, rows, count, (len(rows), workers, d)),
            problem=(instances(problem, rows) or problem) if batched else problem,
            eta=eta if eta is None or len(eta) == 1 else eta[rows],
            K=int(steps[rows[0]]),
            R=R,
            q=None if q is None else q[rows, None],
            x0=np.ascontiguousarray(x0[rows]),
            key={"seed": seed, **(stream_axes or {})},
            readers=readers[rows],
            clients=clients,
            rounds=rounds,
            keep_outputs=keep_outputs,
            engine=engine,
        )
        parts.append((rows, block.run(noise, record)))
    return _joined(parts, count)


@dataclass(frozen=True)
class _Block:
    """Some replicas with equal K, and everything they need."""

    algorithm: Algorithm[Any]
    problem: Problem
    eta: Array | None  # where rounds of gradient steps are all there is to do
    K: int
    R: int
    q: Array | None
    x0: Array
    key: Mapping[str, int | str]
    readers: NDArray[np.int_]
    clients: int | None
    rounds: Sequence[int]
    keep_outputs: bool
    engine: EngineName

    @property
    def _entries(self) -> float:
        """How many numbers the local steps of all rounds change."""
        return float(self.K) * self.R * self.x0.size

    def _generators(self, **use: str) -> Streams:
        """The distinct streams of these replicas, and which of them each replica reads."""
        seed = int(self.key["seed"])
        axes = {name: value for name, value in self.key.items() if name != "seed"}
        names, own = np.unique(self.readers, return_inverse=True)
        return [stream(seed, **axes, **use, replica=int(name)) for name in names], own

    def _steps(self, noise: Noise | RowSampling | None) -> NoiseSteps | RowSteps | None:
        if noise is None or self.eta is not None:
            return None
        generators, own = self._generators()
        T, workers, d = self.K * self.R, self.x0.shape[-2], self.x0.shape[-1]
        if isinstance(noise, RowSampling):
            return RowSteps(noise, check_rows(self.problem), (generators, own), T, workers, len(self.x0))
        steps = noise_steps(self.engine, noise, (generators, own), T, workers, d)
        if self.clients is not None and not steps.alike:
            raise TightrateError("client sampling needs noise that is the same for all workers")
        return steps

    def run(self, noise: Noise | RowSampling | None, record: Collection[str]) -> Run:
        """All rounds."""
        algorithm, problem, q = self.algorithm, self.problem, self.q
        at_once = self._gradient_rounds(noise)
        exact = gradient_oracle(problem, self.x0.shape) if self.clients is None and at_once is None else None
        choose = None if self.clients is None else self._generators(use="clients")
        signs = self._generators(use="signs") if algorithm.uses_curvature else None
        recorders = {name: self._recorder(name) for name in record}
        gaps, distances = np.empty((len(self.x0), len(self.rounds))), np.empty((len(self.x0), len(self.rounds)))
        weighted, total = np.zeros((len(self.x0), self.x0.shape[-1])), np.zeros((len(self.x0), 1))
        outputs = np.empty((*gaps.shape, self.x0.shape[-1])) if self.keep_outputs else None
        diverged_at = np.full(len(self.x0), np.inf)
        measured = {r: column for column, r in enumerate(self.rounds)}
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            state = self._look(algorithm.init(self.x0), signs)
            in_place = recorded(algorithm, state) if at_once is None else None
            all_steps = None
            if self.clients is None and q is None and not recorders:
                all_steps = compiled_rounds(
                    self.engine, algorithm, in_place, problem, noise, self._generators, self._entries
                )
            steps, replay = None, None
            if all_steps is None:
                steps = self._steps(noise)
                replay = None if in_place is None else compiled_step(self.engine, in_place, self._entries)
            for r in range(self.R + 1):
                if r > 0 and at_once is not None:
                    state = algorithm.synchronize(_with_first(state, at_once.advance(algorithm.point(state))))
                elif r > 0 and all_steps is not None:
                    assert in_place is not None
                    in_place.load(state)
                    all_steps(self.K)
                    state = self._look(algorithm.synchronize(in_place.state), signs)
                elif r > 0:
                    oracle = self._oracle(exact, steps, choose)
                    if in_place is not None:
                        in_place.load(state)
                        state = in_place.state
                    for _ in range(self.K):
                        g = np.empty(self.x0.shape) if in_place is None else in_place.gradient
                        oracle(algorithm.point(state), g)
                        if q is not None:
                            weighted = (1 - q) * weighted + algorithm.averaged(state).mean(axis=-2)
                            total = (1 - q) * total + 1
                        for recorder in recorders.values():
                            recorder.before_step(state)
                        if replay is None:
                            state = algorithm.local_step(state, g)
                        else:
                            replay()
                    for recorder in recorders.values():
                        recorder.before_communication(state)
                    state = self._look(algorithm.synchronize(state), signs)
                for recorder in recorders.values():
                    recorder.after_communication(state)
                server = algorithm.output(state)[:, 0]
                if r in measured:
                    gaps[:, measured[r]] = problem.gap(server)
                    distances[:, measured[r]] = np.linalg.norm(server - problem.optimum, axis=-1)
                    if outputs is not None:
                        outputs[:, measured[r]] = server
                far = ~(np.abs(server).max(axis=-1) < DIVERGED_NORM)
                if far.any():
                    diverged_at[far] = np.minimum(diverged_at[far], r)
            records = {name: recorder.result() for name, recorder in recorders.items()}
        diverged = np.isfinite(diverged_at)
        overflowed = diverged & ~np.isfinite(gaps[:, -1:]).all(axis=-1)
        gaps[overflowed] = from_first_overflow(gaps[overflowed])
        distances = np.where(np.isfinite(distances), distances, np.inf)
        average = None if q is None else weighted / total
        return Run(server.copy(), average, gaps, distances, diverged, records, diverged_at, outputs)

    def _gradient_rounds(self, noise: Noise | RowSampling | None) -> GradientRounds | None:
        """The rounds of gradient steps, where nothing else is to do."""
        if self.eta is None:
            return None
        assert isinstance(self.problem, DiagonalQuadratics | QuadraticMachines)
        assert not isinstance(noise, RowSampling)
        sizes = {"K": self.K, "R": self.R, "replicas": len(self.x0)}
        streams = self._generators()
        return GradientRounds(self.problem, self.eta, **sizes, noise=noise, streams=streams, engine=self.engine)

    def _oracle(self, exact: Any, steps: NoiseSteps | RowSteps | None, choose: Any) -> Any:
        """The stochastic gradient oracle of a round."""
        if choose is None and isinstance(steps, RowSteps):
            rows, problem = steps, check_rows(self.problem)
            return lambda x, out: problem.data_gradient(x, rows.data(), out)
        if choose is None:
            return stochastic_oracle(self.problem, exact, steps, None)
        generators, own = choose
        drawn = np.stack([generator.permutation(self.problem.workers)[: self.clients] for generator in generators])
        return stochastic_oracle(self.problem, client_gradient(self.problem, drawn[own]), steps, drawn[own])

    def _look(self, state: Any, signs: Any) -> Any:
        """The state after a look at the curvature, where the algorithm uses it."""
        if signs is None:
            return state
        generators, own = signs
        shape = self.x0.shape[-2:]
        v = np.stack([np.copysign(1.0, generator.random(shape) - 0.5) for generator in generators])[own]
        H = v * self.problem.hessian_vector_product(self.algorithm.point(state), v)
        return self.algorithm.observe_curvature(state, H)

    def _recorder(self, name: str) -> Recorder:
        generators, own = self._generators(use=name)
        return RECORDERS[name](
            self.algorithm, self.problem, lambda: np.array([g.random() for g in generators])[own], self.K * self.R
        )


def _with_first(state: Any, x: Array) -> Any:
    """The state with its first array replaced."""
    if not isinstance(state, tuple):
        return x
    parts = (_with_first(state[0], x), *state[1:])
    return type(state)(*parts) if hasattr(state, "_fields") else parts


def _blocks(steps: NDArray[np.int_], together: Callable[[int], int]) -> Iterator[NDArray[np.intp]]:
    """Replicas that run together: equal K, and few enough for their arrays to stay in cache."""
    for K in np.unique(steps).tolist():
        members, size = np.flatnonzero(steps == K), together(K)
        for first in range(0, len(members), size):
            yield members[first : first + size]


def _joined(parts: list[tuple[NDArray[np.intp], Run]], count: int) -> Run:
    """The blocks' results in the order of the replicas."""

    def join(values: list[Any]) -> Any:
        if values[0] is None:
            return None
        whole = np.empty((count, *values[0].shape[1:]), dtype=values[0].dtype)
        for (rows, _), value in zip(parts, values, strict=True):
            whole[rows] = value
        return whole

    runs = [run for _, run in parts]
    return Run(
        last=join([run.last for run in runs]),
        average=join([run.average for run in runs]),
        gaps=join([run.gaps for run in runs]),
        distances=join([run.distances for run in runs]),
        diverged=join([run.diverged for run in runs]),
        records={name: join([run.records[name] for run in runs]) for name in runs[0].records},
        diverged_at=join([run.diverged_at for run in runs]),
        outputs=join([run.outputs for run in runs]),
    )


def from_first_overflow(rows: Array) -> Array:
    """Infinite from the first value that is not finite."""
    overflowed = np.logical_or.accumulate(~np.isfinite(rows), axis=-1)
    return np.where(overflowed, np.inf, rows)
