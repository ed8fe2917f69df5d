"""Blended FedAda²: clients with different optimizers, local steps and weights (lee2024 section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.constructions.parameters import batch, count
from tightrate.simulator.algorithm import ALGORITHMS, Algorithm, Array, worker_mean
from tightrate.simulator.algorithms.fedada2 import DelayedAdam, DelayedPreconditioner, client_parameters
from tightrate.simulator.algorithms.fedadagrad import ServerAdaGrad, server_adagrad
from tightrate.simulator.algorithms.local_sgdm import sgdm
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.optimizer import Optimizer


@dataclass(frozen=True, eq=False)
class Strategy:
    """A client's optimizer, how many of the round's steps it takes (None: all) and the weight of its change."""

    optimizer: Optimizer[Any]
    steps: int | None = None
    weight: float = 1.0


class BlendedState(NamedTuple):
    """The state of every strategy's clients, the server's state and the local step k."""

    clients: tuple[Any, ...]
    server: Any
    k: int


@dataclass(frozen=True, eq=False)
class Blended(Algorithm[BlendedState]):
    """Client m follows the strategy m mod n of n; the server takes -mean_m w_m Delta_m for a gradient."""

    strategies: tuple[Strategy, ...]
    server: ServerAdaGrad

    @property
    def remembers_workers(self) -> bool:
        """A client keeps its strategy from round to round."""
        return len(self.strategies) > 1

    def _own(self, x: Array, index: int) -> Array:
        return x[..., index :: len(self.strategies), :]

    def _start(self, x: Array) -> tuple[Any, ...]:
        return tuple(strategy.optimizer.init(self._own(x, i)) for i, strategy in enumerate(self.strategies))

    def _gather(self, parts: Sequence[Array], like: Array) -> Array:
        whole_array = np.empty_like(like)
        for index, part in enumerate(parts):
            self._own(whole_array, index)[...] = part
        return whole_array

    def init(self, start: Array) -> BlendedState:
        if start.shape[-2] < len(self.strategies):
            raise TightrateError(f"{len(self.strategies)} strategies need as many workers, not {start.shape[-2]}")
        return BlendedState(self._start(start), self.server.init(start), 0)

    def point(self, state: BlendedState) -> Array:
        parts = [s.optimizer.point(own) for s, own in zip(self.strategies, state.clients, strict=True)]
        return self._gather(parts, self.server.point(state.server))

    def local_step(self, state: BlendedState, gradient: Array) -> BlendedState:
        clients = tuple(
            s.optimizer.step(own, self._own(gradient, i)) if s.steps is None or state.k < s.steps else own
            for i, (s, own) in enumerate(zip(self.strategies, state.clients, strict=True))
        )
        return BlendedState(clients, state.server, state.k + 1)

    def synchronize(self, state: BlendedState) -> BlendedState:
        start = self.server.point(state.server)
        changes = [
            s.weight * (s.optimizer.output(own) - self._own(start, i))
            for i, (s, own) in enumerate(zip(self.strategies, state.clients, strict=True))
        ]
        server = self.server.step(state.server, -worker_mean(self._gather(changes, start)))
        return BlendedState(self._start(self.server.point(server)), server, 0)

    def output(self, state: BlendedState) -> Array:
        return self.server.output(state.server)


@ALGORITHMS.add("blended", source="Lee et al. (2024), section 4.2 (blended optimizers)", theorems=("lee2024/blended",))
def blended(
    *,
    eta: ArrayLike,
    gamma: ArrayLike = 1.0,
    lam: ArrayLike = 1.0,
    server_damping: ArrayLike = 1.0,
    server_beta1: ArrayLike = 0.0,
    beta1: ArrayLike = 0.9,
    beta2: ArrayLike = 0.99,
    strategies: Sequence[str] = ("sgd", "adagrad"),
    steps: Sequence[int | None] = (),
    weights: Sequence[float] = (),
) -> Blended:
    """Blended FedAda²: an AdaGrad server and clients with different optimizers, step counts and weights.

    Algorithm::

        m = v = 0
        for t = 0, ..., R-1:
            every client i, with its own optimizer O_i (client i follows strategy i mod n of n):
                y_i <- x_t, O_i starts afresh
                for k = 0, ..., steps_i - 1: y_i <- O_i's step with g_i(y_i)
            Delta = mean_i weight_i (y_i - x_t)
            m <- server_beta1 m + (1 - server_beta1) Delta
            v <- v + Delta^2
            x_{t+1} = x_t + gamma m / (sqrt v + server_damping)
        return x_R; theorems take the least gradient norm over x_0, ..., x_{R-1}

    Strategies are sgd, sgdm, adagrad or adam; `steps` (K unless given) and `weights` (1 unless given) go with them,
    one each.  With several strategies all clients take part in every round.
    """
    optimizers: dict[str, Optimizer[Any]] = {
        "sgd": SGD(per_replica("eta", eta)),
        "sgdm": sgdm(eta, beta1, np.inf),
        "adagrad": DelayedPreconditioner(**client_parameters(eta, lam, 0.0, 1, 0.0)),
        "adam": DelayedAdam(**client_parameters(eta, lam, beta1, 1, 0.0), beta2=per_replica("beta2", beta2)),
    }
    if not strategies:
        raise TightrateError("blended needs at least one strategy")
    for name in strategies:
        if name not in optimizers:
            raise unknown_name("strategy", name, optimizers)
    for what, given in (("steps", steps), ("weights", weights)):
        if len(given) not in (0, len(strategies)):
            raise TightrateError(f"{len(strategies)} strategies need as many {what}, not {len(given)}")
    batch(weights=list(weights))
    chosen = [
        Strategy(optimizers[name], None if limit is None else count("steps", limit), float(weight))
        for name, limit, weight in zip(
            strategies, steps or [None] * len(strategies), weights or [1.0] * len(strategies), strict=True
        )
    ]
    return Blended(tuple(chosen), server_adagrad(gamma, server_beta1, server_damping))
