"""Local SGD with an outer Nesterov optimizer (khaled2025 section 4: DiLoCo's outer step)."""

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


class NesterovState(NamedTuple):
    """The iterate x and the buffer of gradients."""

    x: Array
    buffer: Array


@dataclass(frozen=True, eq=False)
class Nesterov(Optimizer[NesterovState]):
    """buffer <- momentum buffer + g; x <- x - gamma (g + momentum buffer)."""

    gamma: Array
    momentum: Array

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> NesterovState:
        return NesterovState(start, np.zeros_like(start))

    def point(self, state: NesterovState) -> Array:
        return state.x

    def step(self, state: NesterovState, gradient: Array) -> NesterovState:
        buffer = self.momentum * state.buffer + gradient
        return NesterovState(state.x - self.gamma * (gradient + self.momentum * buffer), buffer)


@ALGORITHMS.add(
    "local-sgd-outer-nesterov",
    source="Khaled et al. (2025), section 4 (experiments): DiLoCo's outer step",
)
def local_sgd_outer_nesterov(
    *, eta: ArrayLike, gamma: ArrayLike = 0.7, momentum: ArrayLike = 0.9
) -> FederatedOptimization:
    """Local SGD with an outer Nesterov optimizer.

    Algorithm::

        b = 0
        for r = 0, ..., R-1:
            every worker m: y_m <- x_r
                for k = 0, ..., K-1: y_m <- y_m - eta g_m(y_m)
            g = -mean_m (y_m - x_r)
            b <- momentum b + g
            x_{r+1} = x_r - gamma (g + momentum b)
        return x_R; the average runs over every y_m before its step
    """
    server = Nesterov(per_replica("gamma", gamma), per_replica("momentum", momentum))
    return FederatedOptimization(SGD(per_replica("eta", eta)), server)
