"""Local SGD with an accelerated outer loop (khaled2025 Theorem 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.communication import FederatedOptimization
from tightrate.simulator.optimizer import Optimizer


class AcceleratedState(NamedTuple):
    """The output sequence u, the momentum sequence z and the round r."""

    u: Array
    z: Array
    r: int


@dataclass(frozen=True, eq=False)
class Accelerated(Optimizer[AcceleratedState]):
    """x_r = (1 - tau_r) u_r + tau_r z_r; u_{r+1} = x_r - g_r; z_{r+1} = z_r - gamma_r g_r.

    tau_r = 2/(r + 2) and gamma_r = gamma (r + 1)/2; the output is u.
    """

    gamma: Array

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> AcceleratedState:
        return AcceleratedState(start, start, 0)

    def point(self, state: AcceleratedState) -> Array:
        tau_r = 2 / (state.r + 2)
        return state.u + tau_r * (state.z - state.u)

    def step(self, state: AcceleratedState, gradient: Array) -> AcceleratedState:
        gamma_r = self.gamma * (state.r + 1) / 2
        return AcceleratedState(self.point(state) - gradient, state.z - gamma_r * gradient, state.r + 1)

    def output(self, state: AcceleratedState) -> Array:
        return state.u


@ALGORITHMS.add(
    "local-sgd-outer-acceleration",
    source="Khaled et al. (2025), Algorithm 1 with the outer steps of Theorem 3",
    theorems=("local-sgd-outer-acceleration",),
)
def local_sgd_outer_acceleration(*, eta: ArrayLike, gamma: ArrayLike = 1.0) -> FederatedOptimization:
    """Local SGD with an accelerated outer loop.

    Algorithm::

        u_0 = z_0 = x_0
        for r = 0, ..., R-1, with gamma_r = gamma (r + 1)/2 and tau_r = 2/(r + 2):
            x_r = (1 - tau_r) u_r + tau_r z_r
            every worker m: y_m <- x_r
                for k = 0, ..., K-1: y_m <- y_m - eta g_m(y_m)
            u_{r+1} = mean_m y_m
            z_{r+1} = z_r + gamma_r mean_m (y_m - x_r)
        return u_R; the average runs over every y_m before its step
    """
    return FederatedOptimization(SGD(per_replica("eta", eta)), Accelerated(per_replica("gamma", gamma)))
