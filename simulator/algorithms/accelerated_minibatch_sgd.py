"""Accelerated minibatch SGD: AC-SA (ghadimi2012), and Nesterov's constant-step method by its own name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.batch.hyperparameters import nonnegative, per_replica
from tightrate.simulator.communication import Minibatch
from tightrate.simulator.optimizer import Optimizer

Steps = Literal["ghadimi-lan", "lan"]
STEPS: tuple[Steps, ...] = ("ghadimi-lan", "lan")


class AcsaState(NamedTuple):
    """The prox sequence x, the aggregated sequence (the output), the point between them, the steps taken."""

    x: Array
    aggregate: Array
    middle: Array
    t: int


@dataclass(frozen=True, eq=False)
class ACSA(Optimizer[AcsaState]):
    """AC-SA in Euclidean space, for mu-strongly convex objectives (mu = 0: convex).

    With alpha = 2/(t + 1) and gamma = 4/(eta t (t + 1)) at the step t = 1, 2, ... (Ghadimi and Lan), or
    gamma = 4/(eta (t + 1)^2), so that x moves by eta (t + 1)/2 times the gradient (Lan):
    middle = [(1 - alpha)(mu + gamma) aggregate + alpha ((1 - alpha) mu + gamma) x] / [gamma + (1 - alpha^2) mu];
    x <- [((1 - alpha) mu + gamma) x + alpha mu middle - alpha g(middle)] / (mu + gamma);
    aggregate <- alpha x + (1 - alpha) aggregate.
    """

    eta: Array
    mu: Array
    step_rule: Steps = "ghadimi-lan"

    @property
    def linear(self) -> bool:
        return True

    def _weights(self, t: int) -> tuple[float, Array]:
        return 2 / (t + 1), 4 / (self.eta * (t if self.step_rule == "ghadimi-lan" else t + 1) * (t + 1))

    def _middle(self, x: Array, aggregate: Array, t: int) -> Array:
        alpha, gamma = self._weights(t)
        weight = alpha * ((1 - alpha) * self.mu + gamma) / (gamma + (1 - alpha**2) * self.mu)
        return aggregate + weight * (x - aggregate)

    def init(self, start: Array) -> AcsaState:
        return AcsaState(start, start, start, 0)

    def point(self, state: AcsaState) -> Array:
        return state.middle

    def step(self, state: AcsaState, gradient: Array) -> AcsaState:
        t = state.t + 1
        alpha, gamma = self._weights(t)
        x = state.x + alpha * (self.mu * (state.middle - state.x) - gradient) / (self.mu + gamma)
        aggregate = state.aggregate + alpha * (x - state.aggregate)
        return AcsaState(x, aggregate, self._middle(x, aggregate, t + 1), t)

    def output(self, state: AcsaState) -> Array:
        return state.aggregate


class NesterovConstantState(NamedTuple):
    """The iterate x and its last move."""

    x: Array
    move: Array


@dataclass(frozen=True, eq=False)
class NesterovConstantStep(Optimizer[NesterovConstantState]):
    """y_t = x_t + momentum (x_t - x_{t-1}); x_{t+1} = y_t - eta g(y_t), x_{-1} = x_0.

    The state holds x and x_t - x_{t-1}, not y: tiny steps then keep their digits in closed form.
    """

    eta: Array
    momentum: Array

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> NesterovConstantState:
        return NesterovConstantState(start, np.zeros_like(start))

    def point(self, state: NesterovConstantState) -> Array:
        return state.x + self.momentum * state.move

    def step(self, state: NesterovConstantState, gradient: Array) -> NesterovConstantState:
        move = self.momentum * state.move - self.eta * gradient
        return NesterovConstantState(state.x + move, move)

    def output(self, state: NesterovConstantState) -> Array:
        return state.x


class GrowingMomentumState(NamedTuple):
    """The iterate x, the extrapolated point y and the steps taken."""

    x: Array
    y: Array
    r: int


@dataclass(frozen=True, eq=False)
class NesterovGrowingMomentum(Optimizer[GrowingMomentumState]):
    """x_{r+1} = y_r - eta g(y_r); y_{r+1} = x_{r+1} + (r + 1)/(r + 4) (x_{r+1} - x_r), y_0 = x_0."""

    eta: Array

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> GrowingMomentumState:
        return GrowingMomentumState(start, start, 0)

    def point(self, state: GrowingMomentumState) -> Array:
        return state.y

    def step(self, state: GrowingMomentumState, gradient: Array) -> GrowingMomentumState:
        r = state.r + 1
        x = state.y - self.eta * gradient
        return GrowingMomentumState(x, x + r / (r + 3) * (x - state.x), r)

    def output(self, state: GrowingMomentumState) -> Array:
        return state.x


@ALGORITHMS.add(
    "accelerated-minibatch-sgd",
    source="Ghadimi and Lan (2012), AC-SA in Euclidean space, with the minibatches of Patel et al. (2024), eq. (6)",
    theorems=("accelerated-minibatch-sgd", "patel2024/thm11"),
)
def accelerated_minibatch_sgd(*, eta: ArrayLike, mu: ArrayLike = 0.0, step_rule: Steps = "ghadimi-lan") -> Minibatch:
    """Accelerated minibatch SGD: AC-SA on minibatches of K M samples.

    Algorithm::

        x = aggregate = x_0
        for t = 1, ..., R, with alpha = 2/(t + 1) and gamma = 4/(eta t (t + 1)):
            middle = [(1 - alpha)(mu + gamma) aggregate + alpha ((1 - alpha) mu + gamma) x]
                     / [gamma + (1 - alpha^2) mu]
            g = mean of K M stochastic gradients at middle
            x <- [((1 - alpha) mu + gamma) x + alpha mu middle - alpha g] / (mu + gamma)
            aggregate <- alpha x + (1 - alpha) aggregate
        return aggregate; the average runs over the middle points

    The theory takes eta at most 1/(2L); mu = 0 for objectives that are convex only.  `step_rule` takes the steps of
    Ghadimi and Lan (2012), as above, or of Lan (2012), gamma = 4/(eta (t + 1)^2) and mu = 0: there beta_t = (t + 1)/2
    is 1/alpha, and x moves by eta (t + 1)/2 times the gradient instead of eta t/2 (both from memory).
    """
    if step_rule not in STEPS:
        raise unknown_name("step rule of AC-SA", str(step_rule), STEPS)
    curvature = nonnegative("mu", mu)
    if step_rule == "lan" and curvature.any():
        raise TightrateError("the steps of Lan are for mu = 0: leave mu out, or take those of ghadimi-lan")
    return Minibatch(ACSA(per_replica("eta", eta), curvature, step_rule))


@ALGORITHMS.add(
    "nesterov-minibatch-sgd",
    source="Nesterov's constant-step method with the minibatches of Patel et al. (2024), eq. (6)",
)
def nesterov_minibatch_sgd(*, eta: ArrayLike, momentum: ArrayLike) -> Minibatch:
    """Nesterov's constant-step method on minibatches of K M samples.

    Algorithm::

        x_{-1} = x_0
        for r = 0, ..., R-1:
            y_r = x_r + momentum (x_r - x_{r-1})
            x_{r+1} = y_r - eta (mean of K M stochastic gradients at y_r)
        return x_R; the average runs over y_0, ..., y_{R-1}

    For mu-strongly convex objectives eta = 1/L and momentum = (1 - q)/(1 + q), q = sqrt(mu eta).
    """
    return Minibatch(NesterovConstantStep(per_replica("eta", eta), per_replica("momentum", momentum)))


@ALGORITHMS.add(
    "nesterov-minibatch-sgd-growing",
    source="Nesterov (1983), with the momentum r/(r + 3) and the minibatches of Patel et al. (2024), eq. (6)",
)
def nesterov_minibatch_sgd_growing(*, eta: ArrayLike) -> Minibatch:
    """Nesterov's method for convex objectives on minibatches of K M samples: momentum r/(r + 3).

    Algorithm::

        x_{-1} = x_0
        for r = 0, ..., R-1:
            y_r = x_r + r/(r + 3) (x_r - x_{r-1})
            x_{r+1} = y_r - eta (mean of K M stochastic gradients at y_r)
        return x_R; the average runs over y_0, ..., y_{R-1}

    The theory takes eta at most 1/L.
    """
    return Minibatch(NesterovGrowingMomentum(per_replica("eta", eta)))
