"""FedAdam: SGD clients, an Adam server with or without bias correction (lee2024 section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.communication import FederatedOptimization
from tightrate.simulator.optimizer import Optimizer


class AdamState(NamedTuple):
    """The iterate x, the moments m and v of the gradients, and the number of steps taken."""

    x: Array
    m: Array
    v: Array
    t: int


@dataclass(frozen=True, eq=False)
class Adam(Optimizer[AdamState]):
    """m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; x <- x - step m / (sqrt v + damping).

    With `bias_correction` the moments are divided by 1 - beta^t in the last line, at the step t = 1, 2, ...
    """

    rate: Array
    beta1: Array
    beta2: Array
    damping: Array
    bias_correction: bool
    starts_at_damping: bool = field(default=False, kw_only=True)

    def init(self, start: Array) -> AdamState:
        zero = np.zeros_like(start)
        return AdamState(start, zero, zero + self.damping**2 if self.starts_at_damping else zero, 0)

    def point(self, state: AdamState) -> Array:
        return state.x

    def step(self, state: AdamState, gradient: Array) -> AdamState:
        t = state.t + 1
        m = self.beta1 * state.m + (1 - self.beta1) * gradient
        v = self.beta2 * state.v + (1 - self.beta2) * gradient**2
        m_hat, v_hat = (m / (1 - self.beta1**t), v / (1 - self.beta2**t)) if self.bias_correction else (m, v)
        return AdamState(state.x - self.rate * m_hat / (np.sqrt(v_hat) + self.damping), m, v, t)


@ALGORITHMS.add(
    "fedadam",
    source="Lee et al. (2024), section 2: SGD clients and the Adam server of the authors' code",
)
def fedadam(
    *,
    eta: ArrayLike,
    gamma: ArrayLike = 1.0,
    beta1: ArrayLike = 0.9,
    beta2: ArrayLike = 0.99,
    server_damping: ArrayLike = 1e-3,
    bias_correction: bool = False,
    starts_at_damping: bool = False,
) -> FederatedOptimization:
    """FedAdam: SGD clients, an Adam server with or without bias correction.

    Algorithm::

        as FedAdaGrad, but the server's moments of Delta = mean_{i in S_t} (y_i - x_t) are
            m <- beta1 m + (1 - beta1) Delta
            v <- beta2 v + (1 - beta2) Delta^2
        and x_{t+1} = x_t + gamma m / (sqrt v + server_damping)
        return x_R

    With bias correction m and v are divided by 1 - beta1^(t+1) and 1 - beta2^(t+1) in the last line.
    With `starts_at_damping` v starts at server_damping^2, as in Reddi et al. (2021), whose tau it is.
    """
    server = Adam(
        per_replica("gamma", gamma),
        per_replica("beta1", beta1),
        per_replica("beta2", beta2),
        per_replica("server_damping", server_damping),
        bool(bias_correction),
        starts_at_damping=bool(starts_at_damping),
    )
    return FederatedOptimization(SGD(per_replica("eta", eta)), server)
