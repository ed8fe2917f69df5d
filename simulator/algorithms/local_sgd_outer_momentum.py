"""Local SGD with outer heavy-ball momentum (khaled2025 Theorem 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.communication import FederatedOptimization
from tightrate.simulator.optimizer import Optimizer


class HeavyBallState(NamedTuple):
    """The iterate x and its last move."""

    x: Array
    move: Array


@dataclass(frozen=True, eq=False)
class HeavyBall(Optimizer[HeavyBallState]):
    """x_{r+1} = x_r - gamma g_r + momentum (x_r - x_{r-1}), x_{-1} = x_0."""

    gamma: Array
    momentum: Array

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> HeavyBallState:
        return HeavyBallState(start, np.zeros_like(start))

    def point(self, state: HeavyBallState) -> Array:
        return state.x

    def step(self, state: HeavyBallState, gradient: Array) -> HeavyBallState:
        move = self.momentum * state.move - self.gamma * gradient
        return HeavyBallState(state.x + move, move)


@ALGORITHMS.add(
    "local-sgd-outer-momentum",
    source="Khaled et al. (2025), Algorithm 1 with the outer step of Theorem 2",
    theorems=("local-sgd-outer-momentum",),
)
def local_sgd_outer_momentum(
    *, eta: ArrayLike, gamma: ArrayLike = 1.0, momentum: ArrayLike = 0.9
) -> FederatedOptimization:
    """Local SGD with outer heavy-ball momentum.

    Algorithm::

        x_{-1} = x_0
        for r = 0, ..., R-1:
            every worker m: y_m <- x_r
                for k = 0, ..., K-1: y_m <- y_m - eta g_m(y_m)
            x_{r+1} = x_r + gamma mean_m (y_m - x_r) + momentum (x_r - x_{r-1})
        return x_R; the average runs over every y_m before its step
    """
    server = HeavyBall(per_replica("gamma", gamma), per_replica("momentum", momentum))
    return FederatedOptimization(SGD(per_replica("eta", eta)), server)
