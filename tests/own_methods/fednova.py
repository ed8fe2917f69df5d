"""FedNova: normalized averaging of workers that take different numbers of steps (Wang et al. 2020)."""

from typing import Any, NamedTuple

import numpy as np

import tightrate as tr

PAPER = tr.Paper("fednova", title="FedNova")


class State(NamedTuple):
    x: Any
    steps: Any  # tau_m of every worker: 1, ..., K and again


class FedNova(tr.RoundAlgorithm[State]):
    linear = True
    client_state = ("steps",)

    def __init__(self, eta: Any, most: int) -> None:
        self.eta, self.most = eta, most

    def init(self, start: Any) -> State:
        M = start.shape[1]
        tau = 1.0 + np.arange(M) % self.most
        return State(start, np.broadcast_to(tau[:, None], start.shape).copy())

    def round(self, state: State, workers: tr.Workers) -> State:
        y = state.x
        for step in range(workers.K):
            y = np.where(step < state.steps, y - self.eta * workers.gradient(y), y)
        d, tau = workers.mean((state.x - y) / state.steps, state.steps)
        return State(state.x - tau * d, state.steps)

    def output(self, state: State) -> Any:
        return state.x


@tr.ALGORITHMS.add("fednova", source="Wang et al. (2020) (from memory)")
def fednova(*, eta: float, most: int = 4) -> FedNova:
    """FedNova with 1, ..., most local steps of the workers.

    Algorithm::

        tau_m times: y_m <- y_m - eta g_m(y_m)
        x <- x - mean tau * mean (x - y_m)/tau_m
    """
    return FedNova(eta, most)


STATED = tr.Statements(
    PAPER, algorithm="fednova", measure="squared-distance", problem_class="quadratics with one optimum"
)


@STATED.upper("equal", "Equal workers", provenance=tr.stated("Theorem 1"))
def equal() -> tr.Stated:
    """Equal workers contract by the mean number of steps."""
    return tr.Stated(
        {"contraction": "(1 - 3*eta*mu*K/10)^(2*R)*B^2"}, conditions=["eta*L*K <= 1", "sigma == 0", "zeta == 0"]
    )


FIXED = {"L": 1.0, "mu": 0.1, "M": 4, "d": 3, "tau": 0.0, "zeta_star": 0.0, "B": 1.0, "eta": 0.25, "K": 4}
holds = tr.trial(
    "holds", "It holds.", theorem=equal, problem="random-quadratics", axes={"R": [1, 4, 16, 64]}, parameters=FIXED
)
with_noise = tr.trial(
    "noise",
    "Not with noise.",
    theorem=equal,
    problem="random-quadratics",
    axes={"R": [1, 4, 16, 64]},
    parameters={**FIXED, "sigma": 1.0},
    expected="not-applicable",
)


@tr.figure(
    "fednova-distance", title="The distance", caption="The distance.", experiment=holds.data[0], needs=("bound",)
)
def distance(data: Any, _columns: int) -> Any:
    from matplotlib.figure import Figure

    picture = Figure()
    picture.add_subplot().loglog(data.R, data["squared-distance_mean"])
    return picture
