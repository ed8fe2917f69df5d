"""Damped averaging: after a round every worker moves a part of the way towards the mean."""

from typing import Any, NamedTuple

import numpy as np

import tightrate as tr

PAPER = tr.Paper("damped2026", title="Damped averaging", notation={"L": "H"})

theta = tr.symbol("theta", latex=r"\theta", meaning="part of the way to the mean", within="(0, 1]", chosen=True)
kappa = tr.symbol("kappa", latex=r"\kappa", meaning="condition number", within="[1, inf)", defined="L/mu")


class State(NamedTuple):
    """Every worker's iterate."""

    x: Any


class Damped(tr.Algorithm[State]):
    """Local SGD whose workers keep a part of their own iterate."""

    linear = True  # so that expectations on quadratics are exact; the claim is tried before it is believed

    def __init__(self, eta: Any, theta: Any) -> None:
        self.eta, self.theta = eta, theta

    def init(self, start: Any) -> State:
        return State(start)

    def point(self, state: State) -> Any:
        return state.x

    def local_step(self, state: State, gradient: Any) -> State:
        return State(state.x - self.eta * gradient)

    def synchronize(self, state: State) -> State:
        return State(state.x + self.theta * (tr.worker_mean(state.x) - state.x))

    def output(self, state: State) -> Any:
        return tr.worker_mean(state.x)


@tr.ALGORITHMS.add("damped-averaging", source="Doe (2026), Algorithm 1", theorems=["damped-averaging"])
def damped_averaging(*, eta: float, theta: float = 1.0) -> Damped:
    """Local SGD with damped averaging.

    Algorithm::

        x_m <- x_m - eta g_m                    K times
        x_m <- x_m + theta (mean x - x_m)
    """
    return Damped(eta, theta)


@tr.PROBLEMS.add("equal-machines")
def equal_workers(*, L: float = 1.0, mu: float = 0.1, M: int = 2) -> tr.QuadraticWorkers:
    """M equal quadratic workers with curvatures mu and L and the optimum (1, 1)."""
    hessians = np.broadcast_to(np.diag([mu, L]), (M, 2, 2))
    return tr.QuadraticWorkers(hessians.copy(), np.ones((M, 2)))


@tr.measure("spread", unit="B^2", of="state", latex=r"\frac1M\sum_m\|x_m-\bar x\|^2")
def spread(state: State, _algorithm: Damped, _problem: tr.Problem) -> Any:
    """mean squared distance of the workers from their mean at the end"""
    return ((state.x - tr.worker_mean(state.x)) ** 2).sum(axis=-1).mean(axis=-1)


THEOREM = tr.Statements(PAPER, algorithm=damped_averaging, problem_class="convex, $L$-smooth", constants="explicit")


@THEOREM.upper("thm1", "Damping costs nothing on equal workers", provenance=tr.stated("Theorem 1"))
def thm1() -> tr.Stated:
    """Without noise the gap of the mean is at most this, whatever $theta$ is."""
    return tr.Stated({"optimization": r"\frac{B^2}{2 \eta K R}"}, conditions=["eta*H <= 1", "the workers are equal"])


@THEOREM.upper("thm2", "The spread", measure=spread, constants="hidden", provenance=tr.stated("Theorem 2"))
def thm2() -> tr.Stated:
    """The workers stay apart by the noise of the last rounds."""
    return tr.Stated({"noise": "eta*kappa*sigma^2/(H*theta)"}, conditions=["eta*H <= 1", "K == 4"])


damping_is_free = tr.trial(
    "damping-is-free",
    "On equal workers the bound holds for every damping.",
    theorem=thm1,
    problem=equal_workers,
    axes={"K": [1, 4, 16], "R": [4, 16, 64], "theta": [0.1, 1.0]},
    parameters={"eta": 1.0},
)

the_spread_is_bounded = tr.trial(
    "the-spread-is-bounded",
    "On equal workers the spread stays within the noise for all R.",
    theorem=thm2,
    problem=equal_workers,
    axes={"R": [4, 8, 16, 32, 64], "theta": [0.25, 0.5, 0.75]},
    parameters={"K": 4, "eta": 0.1, "sigma": 1.0},
    replicas=1000,
)
