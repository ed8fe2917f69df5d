"""ProxSkip whose messages are random coordinates, the same for all workers."""

from typing import Any, NamedTuple

import numpy as np

import tightrate as tr

PAPER = tr.Paper("compressed", title="ProxSkip with compressed messages")
p = tr.symbol("p", meaning="probability of a communication", within="(0, 1]", chosen=True)
q = tr.symbol("q", meaning="part of the coordinates that is sent", within="(0, 1]", chosen=True)


class State(NamedTuple):
    x: Any
    h: Any


class Compressed(tr.RoundAlgorithm[State]):
    random = True
    linear = True
    remembers_workers = True

    def __init__(self, eta: Any, p: Any, q: Any) -> None:
        self.eta, self.p, self.q = eta, p, q

    def init(self, start: Any) -> State:
        return State(start, np.zeros_like(start))

    def step(self, state: State, workers: tr.Workers) -> State:
        moved = state.x - self.eta * (workers.gradient(state.x) - state.h)
        sent = workers.uniform("coordinates", of_each_coordinate=True) < self.q
        mean = workers.mean(moved, where=workers.coin("talk", self.p))
        x = np.where(sent, mean, moved)
        return State(x, state.h + self.p * self.q / self.eta * (x - moved))

    def output(self, state: State) -> Any:
        return tr.worker_mean(state.x)


@tr.ALGORITHMS.add("compressed-proxskip", source="made up")
def compressed(*, eta: float, p: float, q: float = 1.0) -> Compressed:
    """ProxSkip, some coordinates at a time.

    Algorithm::

        x^_m = x_m - eta (g_m(x_m) - h_m)
        with probability p, for each coordinate with probability q: x_m <- mean x^, else x_m <- x^_m
        h_m <- h_m + p q/eta (x_m - x^_m)
    """
    return Compressed(eta, p, q)


STATED = tr.Statements(
    PAPER, algorithm="compressed-proxskip", measure="squared-distance", problem_class="diagonal quadratics"
)


@STATED.upper("thm", "As ProxSkip in every coordinate", provenance=tr.stated("Theorem 1"))
def thm() -> tr.Stated:
    """Every coordinate communicates with probability $p q$."""
    return tr.Stated(
        {"contraction": "(1 - min(eta*mu, p^2*q^2))^(K*R)*(B^2 + eta^2*zeta_star^2/(p*q)^2)"},
        conditions=["eta*L <= 1", "sigma == 0"],
    )


@tr.PROBLEMS.add("two-diagonals")
def two_diagonals(*, L: float = 1.0, mu: float = 0.1, spread: float = 0.5) -> tr.QuadraticWorkers:
    """Two workers with diagonal Hessians and their own minimizers."""
    return tr.QuadraticWorkers(
        np.array([np.diag([mu, L]), np.diag([L, mu])]), np.array([[1.0, 1 + spread], [1 - spread, 1.0]])
    )


holds = tr.trial(
    "holds",
    "It holds.",
    theorem=thm,
    problem=two_diagonals,
    axes={"R": [4, 16, 64], "p": [0.3, 1.0], "q": [0.5, 1.0]},
    parameters={"eta": 1.0, "K": 1, "mu": 0.2},
    replicas=300,
)
