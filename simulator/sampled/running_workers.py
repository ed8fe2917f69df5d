"""The workers of a sampled run, as a method written as whole rounds sees them; and what clients keep between rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm, Array
from tightrate.simulator.batch.oracles import Clients, check_rows, client_gradient, gradient_oracle
from tightrate.simulator.batch.randomness import NoiseSteps, RowSteps, Streams
from tightrate.simulator.round_algorithm import Mask, RoundAlgorithm, Workers, combined
from tightrate.simulator.sampled.recording import Observer

DRAWN_AHEAD = 256  # random numbers of one name, for each replica and worker


class Looked(NamedTuple):
    """A point at which a round asks for a gradient, or that it communicates, as observers see it."""

    x: Array


class AsSeen(Algorithm[Any]):
    """A method written as whole rounds, for observers that look at its points within a round."""

    def __init__(self, algorithm: RoundAlgorithm[Any]) -> None:
        self._algorithm = algorithm

    def __getattr__(self, name: str) -> Any:
        """Its parameters, which measures of one's own may need."""
        return getattr(self._algorithm, name)

    def init(self, start: Array) -> Any:
        return self._algorithm.init(start)

    def point(self, state: Any) -> Array:
        return state.x if isinstance(state, Looked) else self._algorithm.point(state)

    def averaged(self, state: Any) -> Array:
        return state.x if isinstance(state, Looked) else self._algorithm.averaged(state)

    def output(self, state: Any) -> Array:
        return self._algorithm.output(state)

    def stationarity_weights(self, state: Any) -> Array | float:
        return self._algorithm.stationarity_weights(state)

    def local_step(self, state: Any, gradient: Array) -> Any:
        return self._algorithm.local_step(state, gradient)

    def synchronize(self, state: Any) -> Any:
        return state


class RunningWorkers(Workers):
    """The workers of a block of replicas; `begin` starts a round with those that are drawn for it."""

    def __init__(
        self,
        problem: Problem,
        noise: NoiseSteps | RowSteps | None,
        K: Any,
        shape: tuple[int, ...],
        streams: Callable[[str], Streams],
        observers: Sequence[Observer],
        *,
        random: bool,
    ) -> None:
        self.K, self.M, self.taking_part = K, problem.workers, shape[1]
        self._problem, self._noise, self._shape = problem, noise, (shape[0], shape[1], shape[2])
        self._streams, self._observers, self._random = streams, observers, random
        self._numbers: dict[str, _Numbers] = {}
        self._clients: Clients | None = None
        self._look: Array | None = None
        self._exact = gradient_oracle(problem, (shape[0], problem.workers, shape[2]))
        self.gradients = 0  # how many stochastic gradients were taken

    def begin(self, clients: Clients | None) -> None:
        """A round of these clients (replica, slot), or of all workers."""
        self._clients, self._look = clients, None
        if clients is not None:
            self._exact = client_gradient(self._problem, clients)

    def end(self) -> None:
        """The end of a round: observers look at the workers as they were before its last communication."""
        if self._look is not None:
            for observer in self._observers:
                observer.before_communication(Looked(self._look))

    def _gradients(self, points: tuple[Array, ...], *, averaged: bool) -> tuple[Array, ...]:
        points = tuple(self._checked(x) for x in points)
        if averaged:
            for observer in self._observers:
                observer.before_step(Looked(points[0]))
        self.gradients += 1
        self._look = points[0] if self._look is None else self._look
        if isinstance(self._noise, RowSteps):
            return self._at_rows(points, self._noise.rows(self._clients))
        exact = tuple(self.exact_gradient(x) for x in points)
        if self._noise is None:
            return exact
        xi = self._noise.draw()
        return tuple(gradient + xi for gradient in exact)

    def _at_rows(self, points: tuple[Array, ...], rows: NDArray[np.intp]) -> tuple[Array, ...]:
        problem = check_rows(self._problem)
        if self._clients is None:
            return tuple(problem.sampled_gradient(x, rows) for x in points)
        replicas = np.arange(len(rows))[:, None]
        of_all = np.zeros((len(rows), self.M, rows.shape[-1]), dtype=np.intp)
        of_all[replicas, self._clients] = rows
        return tuple(self._of_clients(lambda y: problem.sampled_gradient(y, of_all), x) for x in points)

    def _checked(self, x: Any) -> Array:
        if np.shape(x) != self._shape:
            raise TightrateError(
                f"points must be shaped (replica, worker, dimension) = {self._shape}, not {np.shape(x)}"
            )
        return np.ascontiguousarray(x)

    def exact_gradient(self, x: Array) -> Array:
        found = np.empty(self._shape)
        self._exact(self._checked(x), found)
        return found

    def prox(self, x: Array, step: Array | float) -> Array:
        if not np.all(np.asarray(step) > 0):
            raise TightrateError("a proximal step needs a positive step")
        return self._of_clients(lambda y: self._problem.prox(y, step), self._checked(x))

    def _of_clients(self, function: Callable[[Array], Array], x: Array) -> Array:
        """A function of all workers, at the points of those that take part."""
        if self._clients is None:
            return function(x)
        replicas = np.arange(len(x))[:, None]
        everywhere = np.zeros((len(x), self.M, self._problem.dimension))
        everywhere[replicas, self._clients] = x
        return np.asarray(function(everywhere)[replicas, self._clients])

    def _combined(self, parts: tuple[Array, ...], where: Mask | bool, weights: Array | None) -> tuple[Array, ...]:
        self._look = parts[0]
        for observer in self._observers:
            observer.communicated(where)
        if where is True:
            return tuple(combined(part, weights) for part in parts)
        return tuple(np.where(where, combined(part, weights), part) for part in parts)

    def coin(self, name: str, p: Array | float) -> Mask:
        return self._read(name, (1, 1)) < np.asarray(p)

    def uniform(self, name: str, *, of_each_worker: bool = False, of_each_coordinate: bool = False) -> Array:
        coordinates = self._shape[-1] if of_each_coordinate else 1
        if of_each_worker and self._clients is not None:
            everyone = self._read(name, (self.M, coordinates))
            return np.take_along_axis(everyone, self._clients[:, :, None], axis=1)
        return self._read(name, (self.taking_part if of_each_worker else 1, coordinates))

    def _read(self, name: str, width: tuple[int, int]) -> Array:
        if not self._random:
            raise TightrateError("the method draws random numbers of its own: it must say random = True")
        if name not in self._numbers:
            self._numbers[name] = _Numbers(self._streams(name), width)
        return self._numbers[name].next(width)


class _Numbers:
    """Uniform numbers of one name, shaped `width` for each replica and call."""

    def __init__(self, streams: Streams, width: tuple[int, int]) -> None:
        (self._generators, self._own), self._width = streams, width
        self._place = self._ahead = max(1, DRAWN_AHEAD // width[1])

    def next(self, width: tuple[int, int]) -> Array:
        """The numbers of the next call, (replica, *width)."""
        if width != self._width:
            raise TightrateError(
                "random numbers of one name are either common to all workers or of each, and likewise of coordinates:"
                " use two names"
            )
        if self._place == self._ahead:
            self._block = np.stack([generator.random((self._ahead, *width)) for generator in self._generators])
            self._place = 0
        self._place += 1
        return np.asarray(self._block[self._own, self._place - 1])


class ClientState:
    """What clients keep between rounds: fields of the state for all workers, (replica, M, ...)."""

    def __init__(self, algorithm: Algorithm[Any], start: Array) -> None:
        whole = algorithm.init(start)
        missing = [name for name in algorithm.client_state if not hasattr(whole, name)]
        if missing:
            raise TightrateError(f"client_state names {missing[0]!r}, which is no field of the state")
        self._kept = {name: np.array(getattr(whole, name)) for name in algorithm.client_state}
        self._replicas = np.arange(len(start))[:, None]
        self._drawn: NDArray[np.intp] | None = None

    def enter(self, state: Any, drawn: NDArray[np.intp]) -> Any:
        """The state of the clients drawn for a round."""
        self._drawn = drawn
        return self._with({name: kept[self._replicas, drawn] for name, kept in self._kept.items()}, state)

    def leave(self, state: Any) -> Any:
        """Put away what the clients of the round keep."""
        if self._drawn is not None:
            for name, kept in self._kept.items():
                kept[self._replicas, self._drawn] = getattr(state, name)
        return state

    @staticmethod
    def _with(fields: dict[str, Array], state: Any) -> Any:
        return state._replace(**fields) if fields else state
