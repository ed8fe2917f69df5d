"""Mime: local steps that mimic the server's (Karimireddy et al. 2020)."""

from typing import Any, NamedTuple

import numpy as np

import tightrate as tr

PAPER = tr.Paper("mime", title="Mime")
beta = tr.symbol("beta", latex=r"\beta", meaning="momentum", within="[0, 1)", chosen=True)


class State(NamedTuple):
    x: Any
    m: Any


class Mime(tr.RoundAlgorithm[State]):
    linear = True

    def __init__(self, eta: Any, beta: Any) -> None:
        self.eta, self.beta = eta, beta

    def init(self, start: Any) -> State:
        return State(start, np.zeros_like(start))

    def round(self, state: State, workers: tr.Workers) -> State:
        x, m = state
        c = workers.mean(workers.exact_gradient(x))
        y = x
        for _ in range(workers.K):
            at_y, at_x = workers.gradient(y, x)
            y = y - self.eta * ((1 - self.beta) * (at_y - at_x + c) + self.beta * m)
        return State(workers.mean(y), (1 - self.beta) * c + self.beta * m)

    def output(self, state: State) -> Any:
        return state.x


@tr.ALGORITHMS.add("mime", source="Karimireddy et al. (2020), Algorithm 1 (from memory)")
def mime(*, eta: float, beta: float = 0.0) -> Mime:
    """MimeSGD with momentum.

    Algorithm::

        c = mean grad F_m(x)
        K times: y_m <- y_m - eta ((1-beta)(g_m(y_m) - g_m(x) + c) + beta m)
        x <- mean y_m,  m <- (1-beta) c + beta m
    """
    return Mime(eta, beta)


STATED = tr.Statements(PAPER, algorithm="mime", measure="squared-distance")


@STATED.upper(
    "equal", "Equal Hessians", problem_class="quadratics with equal Hessians", provenance=tr.stated("Theorem 1")
)
def equal() -> tr.Stated:
    """With $beta = 0$ every local step counts, whatever the heterogeneity of the minimizers."""
    return tr.Stated({"contraction": "(1 - eta*mu)^(2*K*R)*B^2"}, conditions=["eta*L <= 1", "beta == 0", "sigma == 0"])


FIXED = {"L": 1.0, "mu": 0.1, "M": 4, "d": 3, "tau": 0.0, "zeta_star": 1.0, "B": 1.0, "eta": 0.5}
holds = tr.trial(
    "holds",
    "It holds.",
    theorem=equal,
    problem="random-quadratics",
    axes={"K": [1, 2, 4], "R": [1, 4, 16]},
    parameters=FIXED,
)
no_momentum = tr.trial(
    "no-momentum",
    "The theorem does not speak of momentum.",
    theorem=equal,
    problem="random-quadratics",
    axes={"K": [1, 2, 4], "R": [1, 4, 16]},
    parameters={**FIXED, "beta": 0.5},
    expected="not-applicable",
)
