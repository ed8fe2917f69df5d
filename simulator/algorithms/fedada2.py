"""FedAda²: adaptive clients and an adaptive server that exchange iterates only (lee2024 section 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.algorithms.fedadagrad import server_adagrad
from tightrate.simulator.batch.hyperparameters import per_replica, whole
from tightrate.simulator.communication import FederatedOptimization
from tightrate.simulator.optimizer import Optimizer
from tightrate.simulator.parameters import shares


class ClientState(NamedTuple):
    """The iterate x, the first moment m, the statistics v of the preconditioner and the local step k."""

    x: Array
    m: Array
    v: Array
    k: int


@dataclass(frozen=True, eq=False)
class DelayedPreconditioner(Optimizer[ClientState]):
    """A client's step x <- x - eta m / (sqrt(denominator(v)) + lambda), v renewed at every `delay`-th step only.

    The first moment is m <- beta1 m + (1 - beta1) g; every round starts from m = v = 0.  With `smallest_step` > 0 a
    preconditioned step that is shorter than it (but not zero) is left out, together with its m.
    """

    eta: Array
    beta1: Array
    lam: Array
    delay: int
    smallest_step: float

    def init(self, start: Array) -> ClientState:
        return ClientState(start, np.zeros_like(start), self.no_statistics(start), 0)

    def point(self, state: ClientState) -> Array:
        return state.x

    def step(self, state: ClientState, gradient: Array) -> ClientState:
        m = self.beta1 * state.m + (1 - self.beta1) * gradient
        v = self.renewed(state.v, gradient) if state.k % self.delay == 0 else state.v
        direction = self.first_moment(m, state.k + 1) / (np.sqrt(self.second_moment(v, state.k + 1)) + self.lam)
        if self.smallest_step > 0:
            taken = np.linalg.norm(direction, axis=-1, keepdims=True) >= self.smallest_step
            m, direction = np.where(taken, m, 0.0), np.where(taken, direction, 0.0)
        return ClientState(state.x - self.eta * direction, m, v, state.k + 1)

    def no_statistics(self, x: Array) -> Array:
        """v = 0."""
        return np.zeros_like(x)

    def renewed(self, v: Array, gradient: Array) -> Array:
        """The statistics after a gradient; those of AdaGrad unless said otherwise: v <- v + g^2."""
        return v + gradient**2

    def denominator(self, v: Array) -> Array:
        """What the root is taken of; v itself unless said otherwise."""
        return v

    def first_moment(self, m: Array, k: int) -> Array:  # noqa: ARG002
        """m as it enters the k-th step of a round; m itself unless said otherwise."""
        return m

    def second_moment(self, v: Array, k: int) -> Array:  # noqa: ARG002
        """What the root is taken of in the k-th step of a round."""
        return self.denominator(v)


@dataclass(frozen=True, eq=False)
class DelayedAdam(DelayedPreconditioner):
    """v <- beta2 v + (1 - beta2) g^2.

    With `bias_correction` m and v are divided by 1 - beta^n in the step, n the number of their updates in the round.
    """

    beta2: Array
    bias_correction: bool = field(default=False, kw_only=True)

    def renewed(self, v: Array, gradient: Array) -> Array:
        return self.beta2 * v + (1 - self.beta2) * gradient**2

    def first_moment(self, m: Array, k: int) -> Array:
        return m / (1 - self.beta1**k) if self.bias_correction else m

    def second_moment(self, v: Array, k: int) -> Array:
        renewals = -(-k // self.delay)
        return v / (1 - self.beta2**renewals) if self.bias_correction else v


def client_parameters(
    eta: ArrayLike, lam: ArrayLike, beta1: ArrayLike, delay: int, smallest_step: float
) -> dict[str, Any]:
    """The parameters of a client's step, checked."""
    if not 0 <= smallest_step < float("inf"):
        raise TightrateError(f"smallest_step must be nonnegative and finite, not {smallest_step:g}")
    return {
        "eta": per_replica("eta", eta),
        "beta1": per_replica("beta1", beta1),
        "lam": per_replica("lambda", lam),
        "delay": whole("delay", delay),
        "smallest_step": float(smallest_step),
    }


def joint_adaptivity(
    client: Callable[..., DelayedPreconditioner],
    template: type[FederatedOptimization] = FederatedOptimization,
    client_beta1: ArrayLike = 0.0,
    *,
    eta: ArrayLike,
    gamma: ArrayLike = 1.0,
    lam: ArrayLike = 1.0,
    server_damping: ArrayLike = 1.0,
    server_beta1: ArrayLike = 0.0,
    delay: int = 1,
    smallest_step: float = 0.0,
) -> FederatedOptimization:
    """What all variants of FedAda² share: clients of one kind, an AdaGrad server, and how they communicate."""
    clients = client(**client_parameters(eta, lam, client_beta1, delay, smallest_step))
    return template(clients, server_adagrad(gamma, server_beta1, server_damping))


@ALGORITHMS.add("fedada2", source="Lee et al. (2024), Algorithm 1, with AdaGrad on both sides", theorems=("fedada2",))
@shares(joint_adaptivity)
def fedada2(**shared: Any) -> FederatedOptimization:
    """FedAda²: AdaGrad clients and an AdaGrad server; nothing but iterates is exchanged.

    Algorithm::

        m~ = v~ = 0
        for t = 1, ..., R:
            sample the clients S_t and send them x_{t-1}
            every client i in S_t: x_i <- x_{t-1}, v = 0
                for k = 1, ..., K:
                    g = g_i(x_i)
                    if (k - 1) mod delay == 0: v <- v + g^2
                    x_i <- x_i - eta g / (sqrt v + lambda)
            Delta = mean_{i in S_t} (x_i - x_{t-1})
            m~ <- server_beta1 m~ + (1 - server_beta1) Delta
            v~ <- v~ + Delta^2
            x_t = x_{t-1} + gamma m~ / (sqrt v~ + server_damping)
        return x_R; theorems take the least gradient norm over x_0, ..., x_{R-1}

    With `smallest_step` > 0 a preconditioned client step that is shorter than it is left out, as in the analysis.
    """
    return joint_adaptivity(DelayedPreconditioner, **shared)


@ALGORITHMS.add(
    "fedada2-adam",
    source="Lee et al. (2024), Algorithms 6 and 7: AdaGrad server, Adam clients with delayed moments",
    theorems=("lee2024/thm6", "lee2024/cor7a", "lee2024/cor7b", "lee2024/cor8", "lee2024/client-displacement-adam"),
)
@shares(joint_adaptivity)
def fedada2_adam(
    *, beta1: ArrayLike = 0.9, beta2: ArrayLike = 0.99, bias_correction: bool = False, **shared: Any
) -> FederatedOptimization:
    """FedAda² with Adam clients, without bias correction unless asked for.

    Algorithm::

        as FedAda², but a client's step is
            m <- beta1 m + (1 - beta1) g
            if (k - 1) mod delay == 0: v <- beta2 v + (1 - beta2) g^2
            x_i <- x_i - eta m / (sqrt v + lambda)
        from m = v = 0 in every round

    With `bias_correction` m and v are divided by 1 - beta1^k and 1 - beta2^n in the k-th step of a round, n being the
    updates of v so far (Kingma and Ba 2015).
    """
    client = partial(DelayedAdam, beta2=per_replica("beta2", beta2), bias_correction=bool(bias_correction))
    return joint_adaptivity(client, client_beta1=beta1, **shared)
