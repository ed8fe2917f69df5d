"""A block of replicas that run together: how the local steps of a round are taken, and who looks on.

There are three ways to take them: all steps of a round at once where they are gradient steps on quadratics, one
compiled loop over them, and one after the other.  They differ in speed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Algorithm, Array
from tightrate.simulator.batch.oracles import (
    Clients,
    Oracle,
    check_rows,
    client_gradient,
    gradient_oracle,
    stochastic_oracle,
)
from tightrate.simulator.batch.randomness import NoiseSteps, RowSampling, RowSteps, Streams, stream
from tightrate.simulator.compiled.gradient_rounds import GradientRounds
from tightrate.simulator.compiled.kernels import Backend, compiled_rounds, compiled_step, noise_steps
from tightrate.simulator.compiled.tape import Recording, recorded
from tightrate.simulator.round_algorithm import RoundAlgorithm
from tightrate.simulator.sampled.recording import RECORDERS, Observer, Recorder, WeightedAverage
from tightrate.simulator.sampled.run import Run, Trace
from tightrate.simulator.sampled.running_workers import AsSeen, ClientState, RunningWorkers

LocalSteps = Callable[[Any], Any]
"""From the state after a communication to the state before the next one."""
UNKNOWN = 1 << 62  # how many gradients a method written as whole rounds will ask for


@dataclass(frozen=True)
class Randomness:
    """The streams of some replicas: of (seed, axes, replica = reader), with further streams for each use."""

    seed: int
    axes: Mapping[str, int | str]
    readers: NDArray[np.int_]

    def streams(self, **use: str) -> Streams:
        """The distinct streams, and which of them each replica reads."""
        names, own = np.unique(self.readers, return_inverse=True)
        return [stream(self.seed, **self.axes, **use, replica=int(name)) for name in names], own


@dataclass(frozen=True)
class Block:
    """Replicas with equal K from x0 (replica, worker, d), and everything that their run needs.

    `eta` is the step size where rounds of gradient steps are all there is to do; `q` (replica, 1) that of the weighted
    average, if one is asked for.
    """

    algorithm: Algorithm[Any]
    problem: Problem
    noise: Noise | RowSampling | None
    K: int | float
    R: int
    x0: Array
    randomness: Randomness
    q: Array | None
    eta: Array | None
    clients: int | None
    backend: Backend

    def run(self, rounds: Sequence[int], record: Collection[str], *, keep_outputs: bool) -> Run:
        """All rounds."""
        trace = Trace(self.problem, rounds, len(self.x0), keep_outputs=keep_outputs)
        recorders = {name: self._recorder(name) for name in record}
        average = None if self.q is None else WeightedAverage(self._seen, self.q)
        curvature = self._curvature()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            state = curvature(self.algorithm.init(self.x0))
            clients = self._client_state()
            local_steps = self._local_steps(
                state, [*([] if average is None else [average]), *recorders.values()], clients
            )
            for r in range(self.R + 1):
                if r > 0:
                    state = curvature(self.algorithm.synchronize(local_steps(state)))
                    state = state if clients is None else clients.leave(state)
                for recorder in recorders.values():
                    recorder.after_communication(state)
                trace.look(r, self.algorithm.output(state)[:, 0])
            records = {name: recorder.result() for name, recorder in recorders.items()}
        return trace.run(None if average is None else average.result(), records)

    def _recorder(self, name: str) -> Recorder:
        generators, own = self.randomness.streams(use=name)
        steps = 0 if np.isinf(self.K) else int(self.K) * self.R
        return RECORDERS[name](self._seen, self.problem, lambda: np.array([g.random() for g in generators])[own], steps)

    @property
    def _seen(self) -> Algorithm[Any]:
        """The algorithm as observers see it."""
        return AsSeen(self.algorithm) if isinstance(self.algorithm, RoundAlgorithm) else self.algorithm

    def _client_state(self) -> ClientState | None:
        """What clients keep between rounds, where some of them are drawn."""
        if self.clients is None:
            return None
        return ClientState(self.algorithm, np.repeat(self.x0[:, :1], self.problem.workers, axis=1))

    def _curvature(self) -> Callable[[Any], Any]:
        """What adds a look at the curvature to the state after a communication, where the algorithm uses it."""
        algorithm, problem, shape = self.algorithm, self.problem, self.x0.shape[-2:]
        if not algorithm.uses_curvature:
            return lambda state: state
        generators, own = self.randomness.streams(use="signs")

        def look(state: Any) -> Any:
            v = np.stack([np.copysign(1.0, generator.random(shape) - 0.5) for generator in generators])[own]
            return algorithm.observe_curvature(state, v * problem.hessian_vector_product(algorithm.point(state), v))

        return look

    def _local_steps(self, state: Any, observers: Sequence[Observer], clients: ClientState | None) -> LocalSteps:
        """The fastest way to take the steps."""
        if isinstance(self.algorithm, RoundAlgorithm):
            return self._whole_rounds(self.algorithm, observers, clients)
        if self.eta is not None:
            return self._at_once(self.eta)
        recording = recorded(self.algorithm, state)
        if recording is not None and self.clients is None and not observers and not self.algorithm.looks_at_gradient:
            compiled = self._compiled(recording)
            if compiled is not None:
                return compiled
        return self._one_by_one(recording, observers, clients)

    def _whole_rounds(
        self, algorithm: RoundAlgorithm[Any], observers: Sequence[Observer], clients: ClientState | None
    ) -> LocalSteps:
        """Rounds as they are written, communications included."""
        draw = self._draws()

        def streams(name: str) -> Streams:
            return self.randomness.streams(use="method", draw=name)

        noise, random = self._noise_steps(UNKNOWN), algorithm.random
        workers = RunningWorkers(self.problem, noise, self.K, self.x0.shape, streams, observers, random=random)

        def whole_round(state: Any) -> Any:
            drawn = draw()
            workers.begin(drawn)
            state = state if clients is None or drawn is None else clients.enter(state, drawn)
            state = algorithm.round(state, workers)
            workers.end()
            if self.noise is not None and workers.gradients == 0:
                raise TightrateError("the method took no stochastic gradient, so noise has no meaning: leave it out")
            return state

        return whole_round

    def _at_once(self, eta: Array) -> LocalSteps:
        """All gradient steps of a round in closed form."""
        algorithm, problem = self.algorithm, self.problem
        assert isinstance(problem, DiagonalQuadratics | QuadraticWorkers)
        assert not isinstance(self.noise, RowSampling)
        rounds = GradientRounds(
            problem,
            eta,
            K=int(self.K),
            R=self.R,
            replicas=len(self.x0),
            noise=self.noise,
            streams=self.randomness.streams(),
            backend=self.backend,
        )
        return lambda state: _with_first(state, rounds.advance(algorithm.point(state)))

    def _compiled(self, recording: Recording) -> LocalSteps | None:
        """One loop over the steps of a round, random numbers included, where that can be and pays."""
        advance = compiled_rounds(
            self.backend, self.algorithm, recording, self.problem, self.noise, self.randomness.streams, self._entries
        )
        if advance is None:
            return None

        def local_steps(state: Any) -> Any:
            recording.load(state)
            advance(int(self.K))
            return recording.state

        return local_steps

    def _one_by_one(
        self, recording: Recording | None, observers: Sequence[Observer], clients: ClientState | None
    ) -> LocalSteps:
        """One step after the other: in place where the rule could be recorded, and as it is written elsewhere."""
        algorithm, K = self.algorithm, int(self.K)
        oracle_of_the_round = self._oracles(K * self.R)
        look = self._look()
        replay = None if recording is None else compiled_step(self.backend, recording, self._entries)

        def local_steps(state: Any) -> Any:
            oracle, drawn = oracle_of_the_round()
            state = look(state if clients is None or drawn is None else clients.enter(state, drawn))
            if recording is not None:
                recording.load(state)
                state = recording.state
            for _ in range(K):
                g = np.empty(self.x0.shape) if recording is None else recording.gradient
                oracle(algorithm.point(state), g)
                for observer in observers:
                    observer.before_step(state)
                if replay is None:
                    state = algorithm.local_step(state, g)
                else:
                    replay()
            for observer in observers:
                observer.before_communication(state)
                observer.communicated(True)
            return state

        return local_steps

    def _look(self) -> Callable[[Any], Any]:
        """What adds a look at a fresh stochastic gradient to the state at the start of a round."""
        algorithm = self.algorithm
        if not algorithm.looks_at_gradient:
            return lambda state: state
        oracles = self._oracles(self.R, use="scaling")

        def look(state: Any) -> Any:
            g = np.empty(self.x0.shape)
            oracles()[0](algorithm.point(state), g)
            return algorithm.observe_gradient(state, g)

        return look

    @property
    def _entries(self) -> float:
        """How many numbers the local steps of all rounds change."""
        return float(self.K) * self.R * self.x0.size

    def _oracles(self, T: int, **use: str) -> Callable[[], tuple[Oracle, Clients | None]]:
        """The stochastic gradient oracle of one round after the other; with clients, those of the round are drawn."""
        problem, steps = self.problem, self._noise_steps(T, **use)
        if self.clients is not None:
            draw = self._draws()

            def of_clients() -> tuple[Oracle, Clients | None]:
                drawn = draw()
                assert drawn is not None
                return stochastic_oracle(problem, client_gradient(problem, drawn), steps, drawn), drawn

            return of_clients
        if isinstance(steps, RowSteps):
            rows, data = steps, check_rows(problem)
            return lambda: (lambda x, out: data.data_gradient(x, rows.data(), out), None)
        oracle = stochastic_oracle(problem, gradient_oracle(problem, self.x0.shape), steps, None)
        return lambda: (oracle, None)

    def _draws(self) -> Callable[[], Clients | None]:
        """The clients of one round after the other, (replica, slot); None where all take part."""
        if self.clients is None:
            return lambda: None
        generators, own = self.randomness.streams(use="clients")
        M, S = self.problem.workers, self.clients
        return lambda: np.stack([generator.permutation(M)[:S] for generator in generators])[own]

    def _noise_steps(self, T: int, **use: str) -> NoiseSteps | RowSteps | None:
        """The noise of the next T steps, from streams of their own for another use."""
        if self.noise is None:
            return None
        streams, (replicas, workers, d) = self.randomness.streams(**use), self.x0.shape
        if isinstance(self.noise, RowSampling):
            return RowSteps(self.noise, check_rows(self.problem), streams, T, workers, replicas)
        steps = noise_steps(self.backend, self.noise, streams, T, workers, d)
        if self.clients is not None and not steps.alike:
            raise TightrateError("client sampling needs noise that is the same for all workers")
        return steps


def _with_first(state: Any, x: Array) -> Any:
    """The state with its first array replaced."""
    if not isinstance(state, tuple):
        return x
    parts = (_with_first(state[0], x), *state[1:])
    return type(state)(*parts) if hasattr(state, "_fields") else parts
