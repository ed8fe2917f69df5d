"""Stochastic gradient descent, and the minibatch method that it makes (patel2024 eq. (6), cheng2024 section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.communication import Minibatch
from tightrate.simulator.optimizer import Optimizer


class Point(NamedTuple):
    """The iterate."""

    x: Array


@dataclass(frozen=True, eq=False)
class SGD(Optimizer[Point]):
    """x <- x - eta g."""

    eta: Array

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> Point:
        return Point(start)

    def point(self, state: Point) -> Array:
        return state.x

    def step(self, state: Point, gradient: Array) -> Point:
        return Point(state.x - self.eta * gradient)


@ALGORITHMS.add(
    "minibatch-sgd",
    source="Patel et al. (2024), eq. (6); Cheng and Glasgow (2024), section 3",
    theorems=("minibatch-sgd",),
)
def minibatch_sgd(*, eta: ArrayLike) -> Minibatch:
    """Minibatch SGD: all K M stochastic gradients of a round are taken at one point.

    Algorithm::

        for r = 0, ..., R-1:
            every worker m: for k = 0, ..., K-1: g_{m,k} = g_m(x_r)
            x_{r+1} = x_r - eta mean_{m,k} g_{m,k}
        return x_R; the average runs over x_0, ..., x_{R-1}

    Patel et al. (2024) write the step of the workers' mean sum: beta = eta / K.
    """
    return Minibatch(SGD(per_replica("eta", eta)))
