"""Local SGD with momentum and clipping (cheng2024 Algorithm 2), and its minibatch counterpart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.batch.hyperparameters import (
    Averages,
    Clipping,
    averages_named,
    clip,
    clipping_named,
    per_replica,
    threshold,
)
from tightrate.simulator.communication import Minibatch, StateAveraging
from tightrate.simulator.optimizer import Optimizer


class MomentumState(NamedTuple):
    """The iterate x and the first moment u."""

    x: Array
    u: Array


@dataclass(frozen=True, eq=False)
class SGDM(Optimizer[MomentumState]):
    """g <- clip(g, rho), coordinate by coordinate or globally; u <- beta1 u + (1 - beta1) g; x <- x - eta u."""

    eta: Array
    beta1: Array
    rho: Array | None
    clipping: Clipping = field(default="coordinate", kw_only=True)
    averages: Averages = field(default="auxiliary", kw_only=True)

    @property
    def linear(self) -> bool:
        return self.rho is None

    def init(self, start: Array) -> MomentumState:
        return MomentumState(start, np.zeros_like(start))

    def point(self, state: MomentumState) -> Array:
        return state.x

    def step(self, state: MomentumState, gradient: Array) -> MomentumState:
        u = self.beta1 * state.u + (1 - self.beta1) * clip(gradient, self.rho, self.clipping)
        return MomentumState(state.x - self.eta * u, u)

    def averaged(self, state: MomentumState) -> Array:
        """z = x - eta beta1/(1 - beta1) u, the sequence that moves by -eta mean_m g_m whatever the momentum; or x."""
        if self.averages == "iterates":
            return state.x
        return state.x - self.eta * self.beta1 / (1 - self.beta1) * state.u


def sgdm(
    eta: ArrayLike, beta1: ArrayLike, rho: ArrayLike, clipping: str = "coordinate", averages: str = "auxiliary"
) -> SGDM:
    """The optimizer with its parameters checked; rho = inf does not clip."""
    return SGDM(
        per_replica("eta", eta),
        per_replica("beta1", beta1),
        threshold(rho),
        clipping=clipping_named(clipping),
        averages=averages_named(averages),
    )


@ALGORITHMS.add("local-sgdm", source="Cheng and Glasgow (2024), Algorithm 2", theorems=("local-sgdm",))
def local_sgdm(
    *,
    eta: ArrayLike,
    beta1: ArrayLike = 0.9,
    rho: ArrayLike = np.inf,
    clipping: str = "coordinate",
    averages: str = "auxiliary",
) -> StateAveraging:
    """Local SGDM: clipped gradients, momentum, and both iterate and momentum averaged.

    Algorithm::

        x_m = x_0, u_m = 0
        for r = 0, ..., R-1:
            every worker m: for k = 0, ..., K-1:
                g = clip(g_m(x_m), rho), coordinate by coordinate
                u_m <- beta1 u_m + (1 - beta1) g
                x_m <- x_m - eta u_m
            x_m <- mean_n x_n, u_m <- mean_n u_n
        return x_R; the average runs over z_m = x_m - eta beta1/(1 - beta1) u_m

    z moves by -eta mean_m g_m whatever the momentum; z = x for beta1 = 0.  With averages = iterates the average runs
    over x_m instead.  rho = inf does not clip.
    With clipping = global it is g <- g min(1, rho/|g|), the norm that of the whole vector (Pascanu et al. 2013).
    """
    return StateAveraging(sgdm(eta, beta1, rho, clipping, averages))


@ALGORITHMS.add(
    "minibatch-sgdm",
    source="Cheng and Glasgow (2024), section 3 and eq. (4.5)",
    theorems=("minibatch-sgdm",),
)
def minibatch_sgdm(
    *,
    eta: ArrayLike,
    beta1: ArrayLike = 0.9,
    rho: ArrayLike = np.inf,
    clipping: str = "coordinate",
    averages: str = "auxiliary",
) -> Minibatch:
    """Minibatch SGDM: R steps of SGDM, each with the gradient averaged over K M fresh samples, then clipped.

    Algorithm::

        x = x_0, u = 0
        for r = 0, ..., R-1:
            g = clip(mean of K M stochastic gradients at x, rho)
            u <- beta1 u + (1 - beta1) g
            x <- x - eta u
        return x_R; the average runs over z = x - eta beta1/(1 - beta1) u, or over x with averages = iterates

    With clipping = global it is g <- g min(1, rho/|g|), the norm that of the whole vector (Pascanu et al. 2013).
    """
    return Minibatch(sgdm(eta, beta1, rho, clipping, averages))
