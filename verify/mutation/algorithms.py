"""Mutants of implementations: each shipped algorithm and its mutants beside a run written out by hand.

The hand-written runs below follow the papers' boxes line by line and share no code with the simulator.  Gradients come
from heterogeneous workers with a bend (so that nothing is linear by accident) plus noise that is drawn once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.simulator.algorithm import Algorithm, worker_mean
from tightrate.simulator.algorithms.fedada2 import fedada2
from tightrate.simulator.algorithms.local_adam import AdamState, ClippedAdam, local_adam
from tightrate.simulator.algorithms.local_sgd import LocalSGD, LocalState, local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import (
    Accelerated,
    AcceleratedState,
    local_sgd_outer_acceleration,
)
from tightrate.simulator.algorithms.local_sgd_outer_momentum import HeavyBall, HeavyBallState, local_sgd_outer_momentum
from tightrate.simulator.algorithms.local_sgdm import SGDM, MomentumState, local_sgdm
from tightrate.simulator.algorithms.sgd import minibatch_sgd
from tightrate.simulator.batch.hyperparameters import clip
from tightrate.simulator.communication import (
    FederatedOptimization,
    FederatedState,
    Minibatch,
    MinibatchState,
    StateAveraging,
)
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.mutation.mutants import Judge, JudgedMutant, Truth, check

Array = NDArray[np.float64]
Gradient = Callable[[Array, int], Array]

K, R, M, D = 3, 5, 4, 2
ETA, GAMMA, BETA1, BETA2, LAMBDA, RHO, MOMENTUM, DAMPING = 0.15, 0.8, 0.6, 0.7, 0.3, 0.9, 0.5, 0.4
START = np.array([1.5, -0.7])


def gradients(seed: int = 11) -> Gradient:
    """Of all workers, each at its own point (M, d), at local step t: A_m (x - x_m) + tanh x + noise_t."""
    generator = np.random.default_rng(seed)
    curvature, centre = generator.uniform(0.2, 1.5, (M, D)), generator.standard_normal((M, D))
    noise = generator.standard_normal((K * R, M, D))
    return lambda x, t: curvature * (x - centre) + np.tanh(x) + noise[t]


def run(algorithm: Algorithm[Any], gradient: Gradient) -> Array:
    """The outputs after every round, (R, d), by the algorithm's own rules."""
    state = algorithm.init(np.broadcast_to(START, (1, M, D)))
    outputs = []
    for r in range(R):
        for k in range(K):
            state = algorithm.local_step(state, gradient(algorithm.point(state)[0], r * K + k)[None])
        state = algorithm.synchronize(state)
        outputs.append(algorithm.output(state)[0].mean(axis=0))
    return np.array(outputs)


# --- By hand ---------------------------------------------------------------------------------------------------------


def local_sgd_by_hand(gradient: Gradient) -> Array:
    """y <- y - eta g, K times from x; x <- x + gamma (mean y - x)."""
    x, outputs = START, []
    for r in range(R):
        y = np.tile(x, (M, 1))
        for k in range(K):
            y = y - ETA * gradient(y, r * K + k)
        x = x + GAMMA * (y.mean(axis=0) - x)
        outputs.append(x)
    return np.array(outputs)


def minibatch_by_hand(gradient: Gradient) -> Array:
    """x <- x - eta times the mean of K M gradients at x."""
    x, outputs = START, []
    for r in range(R):
        x = x - ETA * np.mean([gradient(np.tile(x, (M, 1)), r * K + k) for k in range(K)], axis=(0, 1))
        outputs.append(x)
    return np.array(outputs)


def heavy_ball_by_hand(gradient: Gradient) -> Array:
    """x_{r+1} = x_r + gamma (mean y - x_r) + momentum (x_r - x_{r-1})."""
    x, before, outputs = START, START, []
    for r in range(R):
        y = np.tile(x, (M, 1))
        for k in range(K):
            y = y - ETA * gradient(y, r * K + k)
        x, before = x + GAMMA * (y.mean(axis=0) - x) + MOMENTUM * (x - before), x
        outputs.append(x)
    return np.array(outputs)


def acceleration_by_hand(gradient: Gradient) -> Array:
    """x = (1 - tau) u + tau z, tau = 2/(r + 2); u <- mean y; z <- z + gamma (r + 1)/2 (mean y - x)."""
    u, z, outputs = START, START, []
    for r in range(R):
        x = u + 2 / (r + 2) * (z - u)
        y = np.tile(x, (M, 1))
        for k in range(K):
            y = y - ETA * gradient(y, r * K + k)
        u, z = y.mean(axis=0), z + GAMMA * (r + 1) / 2 * (y.mean(axis=0) - x)
        outputs.append(u)
    return np.array(outputs)


def sgdm_by_hand(gradient: Gradient) -> Array:
    """u <- beta1 u + (1 - beta1) clip(g); x <- x - eta u; both averaged."""
    x, u, outputs = np.tile(START, (M, 1)), np.zeros((M, D)), []
    for r in range(R):
        for k in range(K):
            u = BETA1 * u + (1 - BETA1) * np.clip(gradient(x, r * K + k), -RHO, RHO)
            x = x - ETA * u
        x, u = np.tile(x.mean(axis=0), (M, 1)), np.tile(u.mean(axis=0), (M, 1))
        outputs.append(x[0])
    return np.array(outputs)


def adam_by_hand(gradient: Gradient) -> Array:
    """Clipped Adam without bias correction, sqrt(v + lambda^2); x, u and v averaged."""
    x, u, v, outputs = np.tile(START, (M, 1)), np.zeros((M, D)), np.zeros((M, D)), []
    for r in range(R):
        for k in range(K):
            g = np.clip(gradient(x, r * K + k), -RHO, RHO)
            u, v = BETA1 * u + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g**2
            x = x - ETA * u / np.sqrt(v + LAMBDA**2)
        x, u, v = (np.tile(part.mean(axis=0), (M, 1)) for part in (x, u, v))
        outputs.append(x[0])
    return np.array(outputs)


def fedada2_by_hand(gradient: Gradient) -> Array:
    """AdaGrad clients that start every round from v = 0; AdaGrad server on the mean change."""
    x, w, outputs = START, np.zeros(D), []
    for r in range(R):
        y, v = np.tile(x, (M, 1)), np.zeros((M, D))
        for k in range(K):
            g = gradient(y, r * K + k)
            v = v + g**2
            y = y - ETA * g / (np.sqrt(v) + LAMBDA)
        change = y.mean(axis=0) - x
        w = w + change**2
        x = x + GAMMA * change / (np.sqrt(w) + DAMPING)
        outputs.append(x)
    return np.array(outputs)


# --- Mutants ---------------------------------------------------------------------------------------------------------


class OwnMomentum(StateAveraging):
    """x is averaged, the first moment is not."""

    def synchronize(self, state: Any) -> Any:
        return state._replace(x=worker_mean(state.x))


class Forgetful(StateAveraging):
    """The second moment starts from zero in every round."""

    def synchronize(self, state: AdamState) -> AdamState:
        whole: AdamState = super().synchronize(state)
        return whole._replace(v=np.zeros_like(whole.v))


class NoMemory(StateAveraging):
    """The first moment starts from zero in every round."""

    def synchronize(self, state: Any) -> Any:
        whole = super().synchronize(state)
        return whole._replace(u=np.zeros_like(whole.u))


@dataclass(frozen=True, eq=False)
class ClippedMomentum(SGDM):
    """The momentum is clipped, not the gradient."""

    def step(self, state: MomentumState, gradient: Array) -> MomentumState:
        u = self.beta1 * state.u + (1 - self.beta1) * gradient
        return MomentumState(state.x - self.eta * clip(u, self.rho), u)


@dataclass(frozen=True, eq=False)
class UndampedMomentum(SGDM):
    """u <- beta1 u + g."""

    def step(self, state: MomentumState, gradient: Array) -> MomentumState:
        u = self.beta1 * state.u + clip(gradient, self.rho)
        return MomentumState(state.x - self.eta * u, u)


@dataclass(frozen=True, eq=False)
class ClippedMoments(ClippedAdam):
    """Adam that clips its first moment, not the gradient."""

    def step(self, state: AdamState, gradient: Array) -> AdamState:
        u = self.beta1 * state.u + (1 - self.beta1) * gradient
        v = self.beta2 * state.v + (1 - self.beta2) * gradient**2
        move = -self.eta * clip(u, self.rho) / np.sqrt(v + self.lam**2)
        return AdamState(state.x + move, u, v, move)


@dataclass(frozen=True, eq=False)
class DampedOutside(ClippedAdam):
    """sqrt(v) + lambda instead of sqrt(v + lambda^2)."""

    def step(self, state: AdamState, gradient: Array) -> AdamState:
        after = super().step(state, gradient)
        move = -self.eta * after.u / (np.sqrt(after.v) + self.lam)
        return after._replace(x=state.x + move, move=move)


@dataclass(frozen=True, eq=False)
class BiasCorrected(ClippedAdam):
    """u and v divided by 1 - beta^t; `t` is kept in a list, because the state has no counter."""

    steps: list[int]

    def step(self, state: AdamState, gradient: Array) -> AdamState:
        after = super().step(state, gradient)
        self.steps.append(1)
        t = len(self.steps)
        u, v = after.u / (1 - self.beta1**t), after.v / (1 - self.beta2**t)
        move = -self.eta * u / np.sqrt(v + self.lam**2)
        return after._replace(x=state.x + move, move=move)


class AppliedTwice(FederatedOptimization):
    """The server takes its step twice."""

    def synchronize(self, state: FederatedState) -> FederatedState:
        change = worker_mean(self.client.output(state.client) - self.server.point(state.server))
        server = self.server.step(self.server.step(state.server, -change), -change)
        return FederatedState(self.client.init(self.server.point(server)), server)


class SummedChanges(FederatedOptimization):
    """The clients' changes are divided by M - 1."""

    def synchronize(self, state: FederatedState) -> FederatedState:
        change = worker_mean(self.client.output(state.client) - self.server.point(state.server)) * M / (M - 1)
        server = self.server.step(state.server, -change)
        return FederatedState(self.client.init(self.server.point(server)), server)


class KeptPreconditioner(FederatedOptimization):
    """The clients carry their preconditioner into the next round."""

    def synchronize(self, state: FederatedState) -> FederatedState:
        after = super().synchronize(state)
        return after._replace(client=after.client._replace(v=state.client.v))


@dataclass(frozen=True, eq=False)
class OuterTwice(LocalSGD):
    """gamma is applied twice."""

    def synchronize(self, state: LocalState) -> LocalState:
        x = state.round_start + self.gamma**2 * worker_mean(state.x - state.round_start)
        return LocalState(x, x)


@dataclass(frozen=True, eq=False)
class OneTooMany(LocalSGD):
    """The sum over workers is divided by M + 1."""

    def synchronize(self, state: LocalState) -> LocalState:
        x = state.round_start + self.gamma * worker_mean(state.x - state.round_start) * M / (M + 1)
        return LocalState(x, x)


class SummedBatch(Minibatch):
    """The gradients of a round are summed, not divided by K."""

    def synchronize(self, state: MinibatchState) -> MinibatchState:
        return super().synchronize(state._replace(samples=1))


@dataclass(frozen=True, eq=False)
class LookAhead(HeavyBall):
    """The move is scaled by gamma as a whole: another way to write the same method."""

    def step(self, state: HeavyBallState, gradient: Array) -> HeavyBallState:
        move = self.momentum * state.move - gradient
        return HeavyBallState(state.x + self.gamma * move, move)


@dataclass(frozen=True, eq=False)
class OneRoundLate(Accelerated):
    """gamma_r = gamma r / 2."""

    def step(self, state: AcceleratedState, gradient: Array) -> AcceleratedState:
        gamma_r = self.gamma * state.r / 2
        return AcceleratedState(self.point(state) - gradient, state.z - gamma_r * gradient, state.r + 1)


class RepeatedAverage(StateAveraging):
    """Averages twice: the same thing."""

    def synchronize(self, state: Any) -> Any:
        return super().synchronize(super().synchronize(state))


@dataclass(frozen=True)
class Implementation:
    """An algorithm beside the run by hand that it should agree with; `family` is "true statement" for shipped ones."""

    family: str
    source: str
    change: str
    algorithm: Callable[[], Algorithm[Any]]
    by_hand: Callable[[Gradient], Array]
    equivalent: bool = False


def implementations() -> tuple[Implementation, ...]:
    """The shipped algorithms and their mutants."""
    sgdm = local_sgdm(eta=ETA, beta1=BETA1, rho=RHO).optimizer
    adam = local_adam(eta=ETA, beta1=BETA1, beta2=BETA2, lam=LAMBDA, rho=RHO).optimizer
    plain, batch = local_sgd(eta=ETA, gamma=GAMMA), minibatch_sgd(eta=ETA)
    ball = local_sgd_outer_momentum(eta=ETA, gamma=GAMMA, momentum=MOMENTUM)
    fast = local_sgd_outer_acceleration(eta=ETA, gamma=GAMMA)
    ada = fedada2(eta=ETA, gamma=GAMMA, lam=LAMBDA, server_damping=DAMPING)
    assert isinstance(sgdm, SGDM)
    assert isinstance(adam, ClippedAdam)
    assert isinstance(ball.server, HeavyBall)
    assert isinstance(fast.server, Accelerated)
    own, parts, moments = OwnMomentum, vars(sgdm), vars(adam)
    shipped = (
        ("local-sgd", plain, local_sgd_by_hand),
        ("minibatch-sgd", batch, minibatch_by_hand),
        ("local-sgd-outer-momentum", ball, heavy_ball_by_hand),
        ("local-sgd-outer-acceleration", fast, acceleration_by_hand),
        ("local-sgdm", StateAveraging(sgdm), sgdm_by_hand),
        ("local-adam", StateAveraging(adam), adam_by_hand),
        ("fedada2", ada, fedada2_by_hand),
    )
    wrong: tuple[tuple[str, str, str, Callable[[], Algorithm[Any]]], ...] = (
        ("u not synchronized", "local-sgdm", "x averaged, u not", lambda: own(sgdm)),
        ("u not synchronized", "local-adam", "x averaged, u and v not", lambda: own(adam)),
        ("moment reset", "local-adam", "v reset", lambda: Forgetful(adam)),
        ("moment reset", "local-sgdm", "u reset", lambda: NoMemory(sgdm)),
        ("moment reset", "local-adam", "u reset", lambda: NoMemory(adam)),
        ("moment kept", "fedada2", "client v kept", lambda: KeptPreconditioner(ada.client, ada.server)),
        ("clip after momentum", "local-sgdm", "u clipped", lambda: StateAveraging(ClippedMomentum(**parts))),
        ("clip after momentum", "local-adam", "u clipped", lambda: StateAveraging(ClippedMoments(**moments))),
        ("lambda outside the root", "local-adam", "sqrt(v) + lambda", lambda: StateAveraging(DampedOutside(**moments))),
        ("bias correction", "local-adam", "both", lambda: StateAveraging(BiasCorrected(**moments, steps=[]))),
        ("bias correction", "local-sgdm", "u + g", lambda: StateAveraging(UndampedMomentum(**parts))),
        ("server step twice", "local-sgd", "gamma^2", lambda: OuterTwice(plain.eta, plain.gamma)),
        ("server step twice", "fedada2", "two steps", lambda: AppliedTwice(ada.client, ada.server)),
        ("server step twice", "local-sgd-outer-momentum", "two steps", lambda: AppliedTwice(ball.client, ball.server)),
        (
            "server step twice", "local-sgd-outer-acceleration", "two steps",
            lambda: AppliedTwice(fast.client, fast.server),
        ),
        ("wrong count", "local-sgd", "M + 1", lambda: OneTooMany(plain.eta, plain.gamma)),
        ("wrong count", "minibatch-sgd", "sum over K", lambda: SummedBatch(batch.optimizer)),
        ("wrong count", "local-sgd-outer-momentum", "M - 1", lambda: SummedChanges(ball.client, ball.server)),
        ("wrong count", "fedada2", "M - 1", lambda: SummedChanges(ada.client, ada.server)),
        (
            "weights", "local-sgd-outer-acceleration", "one round late",
            lambda: replace(fast, server=OneRoundLate(**vars(fast.server))),
        ),
    )  # fmt: skip
    unclipped, adam_free = replace(sgdm, rho=None), replace(adam, beta1=0 * adam.beta1)
    hands = {name: by_hand for name, _, by_hand in shipped}
    true = tuple(Implementation("true statement", name, "as shipped", lambda a=a: a, hand) for name, a, hand in shipped)  # type: ignore[misc]
    broken = tuple(Implementation(family, name, change, make, hands[name]) for family, name, change, make in wrong)
    same = (
        Implementation(
            "server step twice",
            "local-sgd-outer-momentum",
            "gamma times the whole move: the same",
            lambda: replace(ball, server=LookAhead(**vars(ball.server))),
            heavy_ball_by_hand,
            equivalent=True,
        ),
        Implementation("clip after momentum", "local-sgdm", "rho = inf: the same",
             lambda: StateAveraging(ClippedMomentum(**vars(unclipped))),
             lambda g: run(StateAveraging(unclipped), g), equivalent=True),
        Implementation("u not synchronized", "local-adam", "averaged twice: the same",
             lambda: RepeatedAverage(adam), adam_by_hand, equivalent=True),
        Implementation("moment reset", "local-adam", "beta1 = 0, u reset: the same",
             lambda: NoMemory(adam_free), lambda g: run(StateAveraging(adam_free), g), equivalent=True),
    )  # fmt: skip
    return (*true, *broken, *same)


def same_iterates(measured: Array, exact: Array) -> Equal:
    """That two runs have the same outputs (R, d), to rounding of numbers near 10."""
    found, expected = (Named(10 + values, dims=("R", "d")) for values in (measured, exact))
    return Equal(Measurement(found, "iterate"), expected, scale=Named(1.0), relative=1e-11)


def by_identity(judge: Judge = check) -> Iterator[JudgedMutant]:
    """Every implementation against its run by hand; the truth is whether plain numbers differ by more than rounding."""
    gradient = gradients()
    for one in implementations():
        measured, exact = run(one.algorithm(), gradient), one.by_hand(gradient)
        differs = float(np.abs(measured - exact).max()) > 1e-9
        truth: Truth = "contradicted" if differs else "equivalent"
        truth = "true" if one.family == "true statement" else truth
        rejected = judge(same_iterates(measured, exact)).status == "violated"
        yield JudgedMutant(one.family, one.source, one.change, truth, rejected, "a run by hand")
