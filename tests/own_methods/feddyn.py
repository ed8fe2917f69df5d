"""FedDyn: dynamic regularization (Acar et al. 2021)."""

from typing import Any, NamedTuple

import numpy as np

import tightrate as tr

PAPER = tr.Paper("feddyn", title="Federated learning based on dynamic regularization")
w = tr.symbol("w", meaning="weight of the dynamic regularizer", unit="L", within="(0, inf)", chosen=True)


class State(NamedTuple):
    x: Any  # the server's iterate
    h: Any  # the server's sum of corrections
    g: Any  # every client's gradient at its last minimizer


class FedDyn(tr.RoundAlgorithm[State]):
    """K steps on F_m(y) - <g_m, y> + w/2 |y - x|^2; all of them, for K = inf."""

    linear = True
    solves_locally = True
    client_state = ("g",)

    def __init__(self, eta: Any, w: Any) -> None:
        self.eta, self.w = eta, w

    def init(self, start: Any) -> State:
        return State(start, np.zeros_like(start), np.zeros_like(start))

    def round(self, state: State, workers: tr.Workers) -> State:
        x, h, g = state
        if np.isinf(workers.K):
            y = workers.prox(x + g / self.w, 1 / self.w)
        else:
            y = x
            for _ in range(workers.K):
                y = y - self.eta * (workers.gradient(y) - g + self.w * (y - x))
        mean = workers.mean(y)
        h = h - self.w * workers.taking_part / workers.M * (mean - x)
        return State(mean - h / self.w, h, g - self.w * (y - x))

    def output(self, state: State) -> Any:
        return state.x


@tr.ALGORITHMS.add("feddyn", source="Acar et al. (2021), Algorithm 1 (from memory)")
def feddyn(*, w: float, eta: float = 0.1) -> FedDyn:
    """Federated dynamic regularization.

    Algorithm::

        y_m = argmin F_m(y) - <g_m, y> + w/2 |y - x|^2
        g_m <- g_m - w (y_m - x),  h <- h - w mean(y_m - x)
        x <- mean y_m - h/w
    """
    return FedDyn(eta, w)


STATED = tr.Statements(PAPER, algorithm=feddyn, measure="squared-distance", constants="explicit")


@STATED.exact("round", "Equal curvatures", problem_class="quadratics with $mu = L$", provenance=tr.stated("Lemma 1"))
def exact_round() -> tr.Stated:
    """With local problems solved, $F_m = L/2 |x - x_m|^2$ and any $x_m$, this is the error."""
    return tr.Stated(
        {"error": "(1 - L/w)^2*(w/(w + L))^(2*R)*B^2"}, conditions=["K == inf", "the curvatures are equal"]
    )


@STATED.upper(
    "optimum",
    "The optimum is the fixed point",
    problem_class="quadratics with $mu = L$",
    provenance=tr.stated("Lemma 1"),
)
def optimum() -> tr.Stated:
    """The error falls to nothing, whatever the heterogeneity."""
    return tr.Stated({"error": "(w/(w + L))^(2*R)*B^2"}, conditions=["w >= L"])


FIXED = {"L": 1.0, "mu": 1.0, "M": 4, "d": 3, "tau": 0.0, "zeta_star": 1.0, "B": 1.0, "K": float("inf")}
is_exact = tr.trial(
    "exact",
    "The formula is exact.",
    theorem=exact_round,
    problem="random-quadratics",
    axes={"R": [1, 2, 4, 8, 16], "w": [0.5, 1.5, 4.0]},
    parameters=FIXED,
)
holds = tr.trial(
    "optimum-is-fixed",
    "The bound holds.",
    theorem=optimum,
    problem="random-quadratics",
    axes={"R": [1, 2, 4, 8, 16], "w": [1.5, 4.0]},
    parameters=FIXED,
)
not_fedprox = tr.trial(
    "not-of-fedavg",
    "FedAvg has it not.",
    theorem=optimum,
    problem="random-quadratics",
    algorithm="local-sgd",
    axes={"R": [4, 8, 16]},
    parameters={**FIXED, "mu": 0.5, "tau": 0.5, "eta": 0.1, "w": 1.5},
    expected="violated",
)
