"""SCAFFOLD: local steps corrected by control variates, one kept by every client (Karimireddy et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.round_algorithm import RoundAlgorithm, Workers


class ScaffoldState(NamedTuple):
    """The server's iterate x and control variate c, and every client's own control variate c_i."""

    x: Array
    c: Array
    c_i: Array


@dataclass(frozen=True, eq=False)
class SCAFFOLD(RoundAlgorithm[ScaffoldState]):
    """Local steps with g_i(y_i) - c_i + c; c_i is renewed by option 1, g_i(x), or 2, c_i - c + (x - y_i)/(K eta)."""

    eta: Array
    gamma: Array
    option: int

    client_state = ("c_i",)

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> ScaffoldState:
        return ScaffoldState(start, np.zeros_like(start), np.zeros_like(start))

    def round(self, state: ScaffoldState, workers: Workers) -> ScaffoldState:
        x, c, c_i = state
        y = x
        for _ in range(workers.K):
            y = y - self.eta * (workers.gradient(y) - c_i + c)
        if self.option == 1:
            renewed = workers.gradient(x, averaged=False)
        else:
            renewed = c_i - c + (x - y) / (workers.K * self.eta)
        change, change_of_c = workers.mean(y - x, renewed - c_i)
        return ScaffoldState(x + self.gamma * change, c + workers.taking_part / workers.M * change_of_c, renewed)

    def output(self, state: ScaffoldState) -> Array:
        return state.x


@ALGORITHMS.add("scaffold", source="Karimireddy et al. (2020), Algorithm 1 (from memory)")
def scaffold(*, eta: ArrayLike, gamma: ArrayLike = 1.0, option: int = 2) -> SCAFFOLD:
    """SCAFFOLD: local SGD whose steps are corrected for the drift of the clients.

    Algorithm::

        c = 0, c_i = 0 for every client i of M
        for r = 0, ..., R-1:
            sample the clients S_r and send them x_r and c
            every client i in S_r: y_i <- x_r
                for k = 0, ..., K-1: y_i <- y_i - eta (g_i(y_i) - c_i + c)
                c_i+ = g_i(x_r) (option 1), or c_i - c + (x_r - y_i)/(K eta) (option 2)
            x_{r+1} = x_r + gamma mean_{i in S_r} (y_i - x_r)
            c <- c + |S_r|/M mean_{i in S_r} (c_i+ - c_i)
            c_i <- c_i+ for i in S_r; the other clients keep theirs
        return x_R; the average runs over every y_i before its step

    Iterates and control variates are exchanged together: one communication a round.  Without noise the optimum is a
    fixed point for every K.
    """
    if option not in (1, 2):
        raise TightrateError(f"option must be 1 or 2, not {option!r}")
    return SCAFFOLD(per_replica("eta", eta), per_replica("gamma", gamma), int(option))
