"""Local SGD with a schedule-free outer optimizer (khaled2025 section 4, in its usual form)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.communication import FederatedOptimization
from tightrate.simulator.optimizer import Optimizer


class ScheduleFreeState(NamedTuple):
    """The averaged sequence x, the fast sequence z and the round r."""

    x: Array
    z: Array
    r: int


@dataclass(frozen=True, eq=False)
class ScheduleFree(Optimizer[ScheduleFreeState]):
    """v_r = (1 - beta1) z_r + beta1 x_r; z_{r+1} = z_r - gamma g(v_r); x_{r+1} = x_r + (z_{r+1} - x_r)/(r + 1).

    With `counts_the_start` the last weight is 1/(r + 2).
    """

    gamma: Array
    beta1: Array
    counts_the_start: bool = field(default=False, kw_only=True)

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> ScheduleFreeState:
        return ScheduleFreeState(start, start, 0)

    def point(self, state: ScheduleFreeState) -> Array:
        return state.z + self.beta1 * (state.x - state.z)

    def step(self, state: ScheduleFreeState, gradient: Array) -> ScheduleFreeState:
        z = state.z - self.gamma * gradient
        terms = state.r + 2 if self.counts_the_start else state.r + 1
        return ScheduleFreeState(state.x + (z - state.x) / terms, z, state.r + 1)

    def output(self, state: ScheduleFreeState) -> Array:
        return state.x


@ALGORITHMS.add(
    "local-sgd-schedule-free",
    source="Khaled et al. (2025), section 4 (experiments), in the usual form of schedule-free SGD",
)
def local_sgd_schedule_free(
    *, eta: ArrayLike, gamma: ArrayLike = 2.0, beta1: ArrayLike = 0.2, counts_the_start: bool = False
) -> FederatedOptimization:
    """Local SGD with a schedule-free outer optimizer.

    Algorithm::

        z_0 = x_0
        for r = 0, ..., R-1:
            v_r = (1 - beta1) z_r + beta1 x_r
            every worker m: y_m <- v_r
                for k = 0, ..., K-1: y_m <- y_m - eta g_m(y_m)
            z_{r+1} = z_r + gamma mean_m (y_m - v_r)
            x_{r+1} = x_r + (z_{r+1} - x_r)/(r + 1)
        return x_R; the average runs over every y_m before its step

    x is the mean of z_1, ..., z_r (Defazio et al. 2024); with `counts_the_start` it is that of z_0, ..., z_r, so
    that the last weight is 1/(r + 2).
    """
    server = ScheduleFree(
        per_replica("gamma", gamma), per_replica("beta1", beta1), counts_the_start=bool(counts_the_start)
    )
    return FederatedOptimization(SGD(per_replica("eta", eta)), server)
