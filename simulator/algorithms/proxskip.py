"""ProxSkip for federated learning (Scaffnew): communications at the toss of a coin (Mishchenko et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Array, worker_mean
from tightrate.simulator.batch.hyperparameters import per_replica, probability
from tightrate.simulator.round_algorithm import RoundAlgorithm, Workers


class ProxSkipState(NamedTuple):
    """Every worker's iterate x and control variate h; those of all workers add up to 0."""

    x: Array
    h: Array


@dataclass(frozen=True, eq=False)
class ProxSkip(RoundAlgorithm[ProxSkipState]):
    """x^ = x - eta (g(x) - h); with probability p x <- mean of x^, else x <- x^; h <- h + (p/eta)(x - x^)."""

    eta: Array
    p: Array | None

    @property
    def linear(self) -> bool:
        return True

    @property
    def random(self) -> bool:
        return True

    @property
    def remembers_workers(self) -> bool:
        """All workers take part in every communication: their h add up to 0."""
        return True

    def init(self, start: Array) -> ProxSkipState:
        return ProxSkipState(start, np.zeros_like(start))

    def step(self, state: ProxSkipState, workers: Workers) -> ProxSkipState:
        p = 1 / workers.K if self.p is None else self.p
        moved = state.x - self.eta * (workers.gradient(state.x) - state.h)
        x = workers.mean(moved, where=workers.coin("communicate", p))
        return ProxSkipState(x, state.h + p / self.eta * (x - moved))

    def output(self, state: ProxSkipState) -> Array:
        return worker_mean(state.x)


@ALGORITHMS.add("proxskip", source="Mishchenko et al. (2022), Algorithm 2, called Scaffnew (from memory)")
def proxskip(*, eta: ArrayLike, p: ArrayLike | None = None) -> ProxSkip:
    """ProxSkip for federated learning (Scaffnew): gradient steps with control variates that communicate at random.

    Algorithm::

        x_i = x_0, h_i = 0
        for t = 0, ..., K R - 1:
            every worker i: x^_i = x_i - eta (g_i(x_i) - h_i)
            toss one coin for all workers: heads with probability p
            heads: x_i <- mean_j x^_j (a communication); tails: x_i <- x^_i
            h_i <- h_i + (p/eta) (x_i - x^_i)
        return the workers' mean of the last x_i; the average runs over every x_i before its step

    p = 1/K unless given: then R rounds of K steps communicate R times on average (measure `communications`).
    """
    return ProxSkip(per_replica("eta", eta), None if p is None else probability("p", p))
