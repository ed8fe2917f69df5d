"""Decentralized SGD on a ring."""

from typing import Any, NamedTuple

import numpy as np

import tightrate as tr

PAPER = tr.Paper("gossip", title="Decentralized SGD")
lambda_2 = tr.symbol("lambda_2", latex=r"\lambda_2", meaning="second eigenvalue of the mixing matrix", within="[0, 1)")


class State(NamedTuple):
    x: Any


def ring(M: int) -> Any:
    one = np.eye(M)
    return (one + np.roll(one, 1, axis=0) + np.roll(one, -1, axis=0)) / 3


class Gossip(tr.RoundAlgorithm[State]):
    linear = True
    remembers_workers = True

    def __init__(self, eta: Any) -> None:
        self.eta = eta

    def init(self, start: Any) -> State:
        return State(start)

    def round(self, state: State, workers: tr.Workers) -> State:
        x = state.x
        for _ in range(workers.K):
            x = x - self.eta * workers.gradient(x)
        return State(workers.mix(x, ring(workers.M)))

    def output(self, state: State) -> Any:
        return tr.worker_mean(state.x)


@tr.ALGORITHMS.add("ring-sgd", source="Lian et al. (2017)")
def ring_sgd(*, eta: float) -> Gossip:
    """Decentralized SGD on a ring.

    Algorithm::

        K times: x_m <- x_m - eta g_m(x_m)
        x_m <- (x_{m-1} + x_m + x_{m+1})/3
    """
    return Gossip(eta)


@tr.measure("ring-consensus", unit="B^2", of="state", latex=r"\frac1M\sum_m\|x_m-\bar x\|^2")
def consensus(state: State, _algorithm: Gossip, _problem: tr.Problem) -> Any:
    """mean squared distance of the workers from their mean"""
    return ((state.x - tr.worker_mean(state.x)) ** 2).sum(axis=-1).mean(axis=-1)


STATED = tr.Statements(PAPER, algorithm=ring_sgd)


@STATED.upper(
    "equal",
    "Equal workers",
    measure="squared-distance",
    problem_class="quadratics with one Hessian",
    provenance=tr.stated("Theorem 1"),
)
def equal() -> tr.Stated:
    """The mean moves like minibatch SGD."""
    return tr.Stated(
        {"contraction": "(1 - eta*mu)^(2*K*R)*B^2", "noise": "eta*sigma^2/(mu*M)"},
        conditions=["eta*L <= 1", "the Hessians are equal"],
    )


@STATED.upper("consensus", "Consensus", measure=consensus, constants="hidden", provenance=tr.stated("Lemma 2"))
def spread() -> tr.Stated:
    """The workers stay together."""
    return tr.Stated({"noise": "eta^2*K*sigma^2", "drift": "eta^2*K^2*zeta_star^2"}, conditions=["eta*K*L <= 1"])


FIXED = {"L": 1.0, "mu": 0.1, "M": 5, "d": 3, "tau": 0.0, "zeta_star": 1.0, "B": 1.0, "eta": 0.25}
holds = tr.trial(
    "holds",
    "It holds.",
    theorem=equal,
    problem="random-quadratics",
    axes={"K": [1, 4], "R": [1, 4, 16, 64]},
    parameters={**FIXED, "sigma": 0.3},
)


@STATED.upper(
    "fast",
    "Too fast",
    measure="squared-distance",
    problem_class="quadratics with one Hessian",
    provenance=tr.stated("nowhere"),
)
def fast() -> tr.Stated:
    """A wrong statement: twice the rate."""
    return tr.Stated(
        {"contraction": "(1 - 2*eta*mu)^(2*K*R)*B^2", "noise": "eta*sigma^2/(mu*M)"}, conditions=["2*eta*L <= 1"]
    )


wrong = tr.trial(
    "better-than-it-is",
    "Twice the rate.",
    theorem=fast,
    problem="random-quadratics",
    axes={"K": [1, 4], "R": [16, 64]},
    parameters=FIXED,
    expected="violated",
)
apart = tr.trial(
    "apart",
    "They stay together.",
    theorem=spread,
    problem="random-quadratics",
    axes={"eta": [0.01, 0.02, 0.04, 0.08], "K": [1]},
    parameters={k: v for k, v in {**FIXED, "R": 50, "zeta_star": 0.0, "sigma": 1.0}.items() if k != "eta"},
    replicas=300,
)
