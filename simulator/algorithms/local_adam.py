"""Local Adam (cheng2024 Algorithm 1) and minibatch Adam."""

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


class AdamState(NamedTuple):
    """The iterate x, the moments u and v of the clipped gradients, and the last move of x."""

    x: Array
    u: Array
    v: Array
    move: Array


@dataclass(frozen=True, eq=False)
class ClippedAdam(Optimizer[AdamState]):
    """Adam without bias correction, the damping lambda inside the root.

    g <- clip(g, rho) by coordinates or globally; u <- beta1 u + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2;
    x <- x - eta u / sqrt(v + lambda^2).
    """

    eta: Array
    beta1: Array
    beta2: Array
    lam: Array
    rho: Array | None
    clipping: Clipping = field(default="coordinate", kw_only=True)
    averages: Averages = field(default="auxiliary", kw_only=True)

    def init(self, start: Array) -> AdamState:
        zero = np.zeros_like(start)
        return AdamState(start, zero, zero, zero)

    def point(self, state: AdamState) -> Array:
        return state.x

    def step(self, state: AdamState, gradient: Array) -> AdamState:
        g = clip(gradient, self.rho, self.clipping)
        u = self.beta1 * state.u + (1 - self.beta1) * g
        v = self.beta2 * state.v + (1 - self.beta2) * (g * g)
        move = -self.eta * u / np.sqrt(v + self.lam**2)
        return AdamState(state.x + move, u, v, move)

    def averaged(self, state: AdamState) -> Array:
        """z = x + beta1/(1 - beta1) (x - previous x), momentum-free up to the change of the preconditioner; or x."""
        if self.averages == "iterates":
            return state.x
        return state.x + self.beta1 / (1 - self.beta1) * state.move

    def stationarity_weights(self, state: AdamState) -> Array:
        """lambda / H with H = sqrt(v + lambda^2): the theorem's norm is lambda |g|^2 in the inverse of H."""
        return self.lam / np.sqrt(state.v + self.lam**2)


def clipped_adam(
    eta: ArrayLike, beta1: ArrayLike, beta2: ArrayLike, lam: ArrayLike, rho: ArrayLike, clipping: str, averages: str
) -> ClippedAdam:
    """The optimizer with its parameters checked; rho = inf does not clip."""
    return ClippedAdam(
        per_replica("eta", eta),
        per_replica("beta1", beta1),
        per_replica("beta2", beta2),
        per_replica("lambda", lam),
        threshold(rho),
        clipping=clipping_named(clipping),
        averages=averages_named(averages),
    )


@ALGORITHMS.add("local-adam", source="Cheng and Glasgow (2024), Algorithm 1", theorems=("local-adam",))
def local_adam(
    *,
    eta: ArrayLike,
    beta1: ArrayLike = 0.9,
    beta2: ArrayLike = 0.999,
    lam: ArrayLike = 1.0,
    rho: ArrayLike = np.inf,
    clipping: str = "coordinate",
    averages: str = "auxiliary",
) -> StateAveraging:
    """Local Adam: clipped gradients, no bias correction, and all three states averaged and carried over.

    Algorithm::

        x_m = x_0, u_m = v_m = 0
        for r = 0, ..., R-1:
            every worker m: for k = 0, ..., K-1:
                g = clip(g_m(x_m), rho), coordinate by coordinate
                u_m <- beta1 u_m + (1 - beta1) g
                v_m <- beta2 v_m + (1 - beta2) g^2
                x_m <- x_m - eta u_m / sqrt(v_m + lambda^2)
            x_m <- mean_n x_n, u_m <- mean_n u_n, v_m <- mean_n v_n
        return x_R; the average runs over z_m = (x_m - beta1 x_m')/(1 - beta1), x_m' the iterate before

    The damping lambda stands inside the root.  With averages = iterates the average runs over x_m instead.  beta2 = 1
    is Local SGDM with the step eta / lambda.
    With clipping = global it is g <- g min(1, rho/|g|), the norm that of the whole vector (Pascanu et al. 2013).
    """
    return StateAveraging(clipped_adam(eta, beta1, beta2, lam, rho, clipping, averages))


@ALGORITHMS.add(
    "minibatch-adam",
    source="Cheng and Glasgow (2024), section 3 and eq. (4.11)",
    theorems=("minibatch-adam",),
)
def minibatch_adam(
    *,
    eta: ArrayLike,
    beta1: ArrayLike = 0.9,
    beta2: ArrayLike = 0.999,
    lam: ArrayLike = 1.0,
    rho: ArrayLike = np.inf,
    clipping: str = "coordinate",
    averages: str = "auxiliary",
) -> Minibatch:
    """Minibatch Adam: R steps of Adam, each with the gradient averaged over K M fresh samples, then clipped.

    Algorithm::

        x = x_0, u = v = 0
        for r = 0, ..., R-1:
            g = clip(mean of K M stochastic gradients at x, rho)
            u <- beta1 u + (1 - beta1) g
            v <- beta2 v + (1 - beta2) g^2
            x <- x - eta u / sqrt(v + lambda^2)
        return x_R; the average runs over z = (x - beta1 x')/(1 - beta1), x' the iterate before

    With averages = iterates the average runs over x instead.

    With clipping = global it is g <- g min(1, rho/|g|), the norm that of the whole vector (Pascanu et al. 2013).
    """
    return Minibatch(clipped_adam(eta, beta1, beta2, lam, rho, clipping, averages))
