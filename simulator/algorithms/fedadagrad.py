"""FedAdaGrad: SGD clients, an AdaGrad server (lee2024 section 2)."""

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


class ServerState(NamedTuple):
    """The iterate x, the first moment m and the second moment v of the clients' mean changes."""

    x: Array
    m: Array
    v: Array


@dataclass(frozen=True, eq=False)
class ServerAdaGrad(Optimizer[ServerState]):
    """m <- beta1 m + (1 - beta1) g; v <- v + g^2; x <- x - gamma m / (sqrt v + damping); no bias correction."""

    gamma: Array
    beta1: Array
    damping: Array
    starts_at_damping: bool = field(default=False, kw_only=True)

    def init(self, start: Array) -> ServerState:
        zero = np.zeros_like(start)
        return ServerState(start, zero, zero + self.damping**2 if self.starts_at_damping else zero)

    def point(self, state: ServerState) -> Array:
        return state.x

    def step(self, state: ServerState, gradient: Array) -> ServerState:
        m = self.beta1 * state.m + (1 - self.beta1) * gradient
        v = state.v + gradient**2
        return ServerState(state.x - self.gamma * m / (np.sqrt(v) + self.damping), m, v)


def server_adagrad(
    gamma: ArrayLike, beta1: ArrayLike, damping: ArrayLike, *, starts_at_damping: bool = False
) -> ServerAdaGrad:
    """The server with its parameters checked."""
    return ServerAdaGrad(
        per_replica("gamma", gamma),
        per_replica("beta1", beta1),
        per_replica("server_damping", damping),
        starts_at_damping=bool(starts_at_damping),
    )


@ALGORITHMS.add(
    "fedadagrad",
    source="Lee et al. (2024), section 2: SGD clients and the server of FedAda²",
    theorems=("lee2024/h2-server",),
)
def fedadagrad(
    *,
    eta: ArrayLike,
    gamma: ArrayLike = 1.0,
    beta1: ArrayLike = 0.0,
    server_damping: ArrayLike = 1e-3,
    starts_at_damping: bool = False,
) -> FederatedOptimization:
    """FedAdaGrad: SGD clients, an AdaGrad server.

    Algorithm::

        m = v = 0
        for t = 0, ..., R-1:
            sample the clients S_t
            every client i in S_t: y_i <- x_t
                for k = 0, ..., K-1: y_i <- y_i - eta g_i(y_i)
            Delta = mean_{i in S_t} (y_i - x_t)
            m <- beta1 m + (1 - beta1) Delta
            v <- v + Delta^2
            x_{t+1} = x_t + gamma m / (sqrt v + server_damping)
        return x_R; theorems take the least gradient norm over x_0, ..., x_{R-1}

    With `starts_at_damping` v starts at server_damping^2, as in Reddi et al. (2021), whose tau it is.
    """
    server = server_adagrad(gamma, beta1, server_damping, starts_at_damping=starts_at_damping)
    return FederatedOptimization(SGD(per_replica("eta", eta)), server)
