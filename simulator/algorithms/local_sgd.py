"""Local SGD with inner and outer step (patel2024 eq. (5); khaled2025 GEN-LOC-SGD)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Algorithm, Array, worker_mean
from tightrate.simulator.batch.hyperparameters import per_replica


class LocalState(NamedTuple):
    """Every worker's iterate x and the point x_r from which the round started."""

    x: Array
    round_start: Array


@dataclass(frozen=True, eq=False)
class LocalSGD(Algorithm[LocalState]):
    """for r: y_m <- x_r; K times y_m <- y_m - eta g_m(y_m); x_{r+1} = x_r + gamma mean_m (y_m - x_r)."""

    eta: Array
    gamma: Array

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> LocalState:
        return LocalState(start, start)

    def point(self, state: LocalState) -> Array:
        return state.x

    def local_step(self, state: LocalState, gradient: Array) -> LocalState:
        return state._replace(x=state.x - self.eta * gradient)

    def synchronize(self, state: LocalState) -> LocalState:
        x = state.round_start + self.gamma * worker_mean(state.x - state.round_start)
        return LocalState(x, x)


@ALGORITHMS.add(
    "local-sgd",
    source="Patel et al. (2024), eq. (5); Khaled et al. (2025), Algorithm 1 with SGD inside and outside",
    theorems=("local-sgd",),
)
def local_sgd(*, eta: ArrayLike, gamma: ArrayLike = 1.0) -> LocalSGD:
    """Local SGD with an inner and an outer step; without noise it is local gradient descent.

    Algorithm::

        for r = 0, ..., R-1:
            every worker m: y_m <- x_r
                for k = 0, ..., K-1: y_m <- y_m - eta g_m(y_m)
            x_{r+1} = x_r + gamma mean_m (y_m - x_r)
        return x_R; the average runs over every y_m before its step

    gamma = 1 is plain averaging; eta -> 0 at a fixed gamma eta K is minibatch SGD.
    """
    return LocalSGD(per_replica("eta", eta), per_replica("gamma", gamma))
