"""EF21: error feedback with a compressor that keeps the k largest coordinates (Richtarik et al. 2021)."""

from typing import Any, NamedTuple

import numpy as np

import tightrate as tr

PAPER = tr.Paper("ef21", title="EF21")
k = tr.symbol("k", meaning="coordinates that are sent", counts=True, within="[1, inf)", chosen=True)


class State(NamedTuple):
    x: Any
    g: Any  # every worker's estimate of its gradient
    started: Any


class EF21(tr.RoundAlgorithm[State]):
    remembers_workers = True

    def __init__(self, eta: Any, k: int) -> None:
        self.eta, self.k = eta, k

    def init(self, start: Any) -> State:
        return State(start, np.zeros_like(start), np.zeros_like(start))

    def top(self, v: Any) -> Any:
        kept = np.argsort(np.argsort(-np.abs(v), axis=-1), axis=-1) < self.k
        return np.where(kept, v, 0.0)

    def step(self, state: State, workers: tr.Workers) -> State:
        first = state.started == 0
        g = np.where(first, workers.gradient(state.x), state.g)
        x = state.x - self.eta * workers.mean(g)
        return State(x, g + self.top(workers.gradient(x) - g), np.ones_like(state.started))

    def output(self, state: State) -> Any:
        return state.x


@tr.ALGORITHMS.add("ef21", source="Richtarik et al. (2021), Algorithm 2 (from memory)")
def ef21(*, eta: float, k: int = 1) -> EF21:
    """EF21 with the top-k compressor.

    Algorithm::

        x <- x - eta mean g_m
        g_m <- g_m + top_k(grad F_m(x) - g_m)
    """
    return EF21(eta, k)


STATED = tr.Statements(PAPER, algorithm=ef21, problem_class="convex, $L$-smooth, $mu$-strongly convex")


@STATED.upper("pl", "Linear convergence", provenance=tr.stated("Theorem 2"))
def pl() -> tr.Stated:
    """With exact first gradients the gap contracts."""
    return tr.Stated(
        {"contraction": "(1 - eta*mu)^(K*R)*L*B^2/2"}, conditions=["eta*L <= 1/10", "the gradients are exact"]
    )


@STATED.upper("smooth", "Gradients", measure="squared-gradient", provenance=tr.stated("Theorem 1"), constants="hidden")
def smooth() -> tr.Stated:
    """The mean squared gradient falls."""
    return tr.Stated({"descent": "Delta/(eta*K*R)"}, conditions=["eta*L <= 1/10"])


FIXED = {"L": 1.0, "mu": 0.1, "M": 4, "d": 4, "tau": 0.3, "zeta_star": 1.0, "B": 1.0, "eta": 0.1}
holds = tr.trial(
    "holds",
    "It holds.",
    theorem=pl,
    problem="random-quadratics",
    axes={"K": [1], "R": [4, 16, 64], "k": [1, 2, 4]},
    parameters=FIXED,
)
too_fast = tr.trial(
    "falls",
    "Gradients.",
    theorem=smooth,
    problem="random-quadratics",
    axes={"R": [4, 16, 64]},
    parameters={**FIXED, "K": 1, "k": 2},
)
