"""Three ways to make a distributed algorithm out of optimizers: average all states, pool gradients, or join two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tightrate.simulator.algorithm import Algorithm, Array, leaves, with_leaves, worker_mean
from tightrate.simulator.optimizer import Optimizer


@dataclass(frozen=True, eq=False)
class StateAveraging(Algorithm[Any]):
    """Local A: every worker runs the optimizer A for K steps; then all its states are averaged, and carried over."""

    optimizer: Optimizer[Any]

    @property
    def linear(self) -> bool:
        return self.optimizer.linear

    def init(self, start: Array) -> Any:
        return self.optimizer.init(start)

    def point(self, state: Any) -> Array:
        return self.optimizer.point(state)

    def local_step(self, state: Any, gradient: Array) -> Any:
        return self.optimizer.step(state, gradient)

    def synchronize(self, state: Any) -> Any:
        return with_leaves(state, [worker_mean(s) if isinstance(s, np.ndarray) else s for s in leaves(state)])

    def output(self, state: Any) -> Array:
        return self.optimizer.output(state)

    def averaged(self, state: Any) -> Array:
        return self.optimizer.averaged(state)

    def stationarity_weights(self, state: Any) -> Array | float:
        return self.optimizer.stationarity_weights(state)


class MinibatchState(NamedTuple):
    """The optimizer's state, the same on every worker, and the sum of a worker's gradients so far in the round."""

    optimizer: Any
    total: Array
    samples: int


@dataclass(frozen=True, eq=False)
class Minibatch(Algorithm[MinibatchState]):
    """Minibatch A: R steps of the optimizer A, each with one gradient averaged over K M fresh samples."""

    optimizer: Optimizer[Any]

    @property
    def linear(self) -> bool:
        return self.optimizer.linear

    @property
    def pools_gradients(self) -> bool:
        return True

    def init(self, start: Array) -> MinibatchState:
        return MinibatchState(self.optimizer.init(start), np.zeros_like(start), 0)

    def point(self, state: MinibatchState) -> Array:
        return self.optimizer.point(state.optimizer)

    def local_step(self, state: MinibatchState, gradient: Array) -> MinibatchState:
        return MinibatchState(state.optimizer, state.total + gradient, state.samples + 1)

    def synchronize(self, state: MinibatchState) -> MinibatchState:
        gradient = worker_mean(state.total) / state.samples
        return MinibatchState(self.optimizer.step(state.optimizer, gradient), np.zeros_like(gradient), 0)

    def output(self, state: MinibatchState) -> Array:
        return self.optimizer.output(state.optimizer)

    def averaged(self, state: MinibatchState) -> Array:
        return self.optimizer.averaged(state.optimizer)

    def stationarity_weights(self, state: MinibatchState) -> Array | float:
        return self.optimizer.stationarity_weights(state.optimizer)


class FederatedState(NamedTuple):
    """The clients' states within the round and the server's state, the same on every worker."""

    client: Any
    server: Any


@dataclass(frozen=True, eq=False)
class FederatedOptimization(Algorithm[FederatedState]):
    """Clients optimize from the server's point; the server takes their mean change for a negative gradient.

    for r: x_r <- server's point; every client starts afresh at x_r and takes K steps, to y_m;
    the server steps with the gradient -mean_m (y_m - x_r).
    """

    client: Optimizer[Any]
    server: Optimizer[Any]

    @property
    def linear(self) -> bool:
        return self.client.linear and self.server.linear

    def init(self, start: Array) -> FederatedState:
        return FederatedState(self.client.init(start), self.server.init(start))

    def point(self, state: FederatedState) -> Array:
        return self.client.point(state.client)

    def local_step(self, state: FederatedState, gradient: Array) -> FederatedState:
        return state._replace(client=self.client.step(state.client, gradient))

    def synchronize(self, state: FederatedState) -> FederatedState:
        change = worker_mean(self.client.output(state.client) - self.server.point(state.server))
        server = self.server.step(state.server, -change)
        return FederatedState(self.client.init(self.server.point(server)), server)

    def output(self, state: FederatedState) -> Array:
        return self.server.output(state.server)

    def averaged(self, state: FederatedState) -> Array:
        return self.client.averaged(state.client)
