"""FedProx: local problems with a proximal term, solved by K steps or to the end (Li et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.algorithms.sgd import Point
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.round_algorithm import RoundAlgorithm, Workers


@dataclass(frozen=True, eq=False)
class FedProx(RoundAlgorithm[Point]):
    """Clients minimize F_i(y) + (prox/2) |y - x|^2, by K gradient steps or exactly (K = inf)."""

    eta: Array
    prox: Array

    @property
    def linear(self) -> bool:
        return True

    @property
    def solves_locally(self) -> bool:
        return True

    def init(self, start: Array) -> Point:
        return Point(start)

    def round(self, state: Point, workers: Workers) -> Point:
        x = y = state.x
        if np.isinf(workers.K):
            return Point(workers.mean(workers.prox(x, 1 / self.prox)))
        for _ in range(workers.K):
            y = y - self.eta * (workers.gradient(y) + self.prox * (y - x))
        return Point(workers.mean(y))

    def output(self, state: Point) -> Array:
        return state.x


@ALGORITHMS.add("fedprox", source="Li et al. (2020), Algorithm 2 (from memory)")
def fedprox(*, eta: ArrayLike, prox: ArrayLike = 1.0) -> FedProx:
    """FedProx: every client minimizes its objective plus a proximal term around the server's iterate.

    Algorithm::

        for r = 0, ..., R-1:
            sample the clients S_r and send them x_r
            every client i in S_r: y_i <- about argmin_y F_i(y) + (prox/2) |y - x_r|^2, from y_i = x_r by
                for k = 0, ..., K-1: y_i <- y_i - eta (g_i(y_i) + prox (y_i - x_r))
            x_{r+1} = mean_{i in S_r} y_i
        return x_R; the average runs over every y_i before its step

    K = inf is the exact proximal step: in closed form on quadratics, by bisection on separable functions, by Newton's
    method to 1e-12 elsewhere; eta does nothing then.  prox is the paper's mu.
    """
    return FedProx(per_replica("eta", eta), per_replica("prox", prox))
