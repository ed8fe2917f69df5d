"""Local SGD whose number of local steps is drawn in every round."""

from typing import Any, NamedTuple

import numpy as np

import tightrate as tr

PAPER = tr.Paper("randomk", title="Random local steps")


class State(NamedTuple):
    x: Any


class RandomK(tr.RoundAlgorithm[State]):
    linear = True
    random = True

    def __init__(self, eta: Any) -> None:
        self.eta = eta

    def init(self, start: Any) -> State:
        return State(start)

    def round(self, state: State, workers: tr.Workers) -> State:
        steps = 1 + np.floor(workers.K * workers.uniform("steps"))
        x = state.x
        for step in range(workers.K):
            x = np.where(step < steps, x - self.eta * workers.gradient(x), x)
        return State(workers.mean(x))

    def output(self, state: State) -> Any:
        return state.x


@tr.ALGORITHMS.add("random-k-sgd", source="made up")
def random_k(*, eta: float) -> RandomK:
    """Local SGD with 1 to K steps in a round.

    Algorithm::

        draw H uniformly from 1, ..., K
        H times: x_m <- x_m - eta g_m(x_m)
        x <- mean x_m
    """
    return RandomK(eta)


STATED = tr.Statements(
    PAPER, algorithm="random-k-sgd", measure="squared-distance", problem_class="quadratics with one optimum"
)
FORMULA = r"\left(\frac{(1-\eta\mu)^2 (1-(1-\eta\mu)^{2K})}{K (1-(1-\eta\mu)^2)}\right)^R B^2"


@STATED.upper("thm", "One optimum", provenance=tr.stated("Theorem 1"))
def thm() -> tr.Stated:
    """A round contracts by the mean over the number of steps."""
    return tr.Stated({"contraction": FORMULA}, conditions=["eta*L <= 1", "sigma == 0", "zeta_star == 0"])


@STATED.exact("exact", "One curvature", provenance=tr.stated("Theorem 2"))
def exact() -> tr.Stated:
    """With one curvature it is an identity."""
    return tr.Stated({"contraction": FORMULA}, conditions=["eta*L <= 1", "mu == L", "sigma == 0"])


FIXED = {"L": 1.0, "mu": 0.1, "M": 3, "d": 3, "tau": 0.3, "zeta_star": 0.0, "B": 1.0, "eta": 0.5}
holds = tr.trial(
    "holds",
    "It holds.",
    theorem=thm,
    problem="random-quadratics",
    axes={"K": [1, 2, 4, 8], "R": [1, 4, 16]},
    parameters=FIXED,
)
identity = tr.trial(
    "identity",
    "It is exact.",
    theorem=exact,
    problem="random-quadratics",
    axes={"K": [1, 2, 3], "R": [1, 2]},
    parameters={**FIXED, "mu": 1.0, "tau": 0.0},
    replicas=20000,
)
not_local_sgd = tr.trial(
    "not-of-one-step",
    "One step is slower.",
    theorem=thm,
    algorithm="minibatch-sgd",
    problem="random-quadratics",
    axes={"K": [4, 8], "R": [4, 16]},
    parameters=FIXED,
    expected="violated",
)
