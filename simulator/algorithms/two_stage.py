"""Two stages: local gradient descent first, then gradient descent (patel2024 Appendix E.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS, Algorithm, Array
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.sgd import minibatch_sgd
from tightrate.simulator.batch.hyperparameters import whole


class TwoStageState(NamedTuple):
    """The state of the stage at work, and the round."""

    stage: Any
    r: int


@dataclass(frozen=True, eq=False)
class TwoStage(Algorithm[TwoStageState]):
    """`first` for the rounds r < switch, then `second`, started from its output."""

    first: Algorithm[Any]
    second: Algorithm[Any]
    switch: int

    @property
    def linear(self) -> bool:
        return self.first.linear and self.second.linear

    def stages(self) -> Sequence[tuple[Algorithm[Any], float]]:
        return ((self.first, float(self.switch)), (self.second, float("inf")))

    def _at(self, r: int) -> Algorithm[Any]:
        return self.first if r < self.switch else self.second

    def init(self, start: Array) -> TwoStageState:
        return TwoStageState(self._at(0).init(start), 0)

    def point(self, state: TwoStageState) -> Array:
        return self._at(state.r).point(state.stage)

    def local_step(self, state: TwoStageState, gradient: Array) -> TwoStageState:
        return state._replace(stage=self._at(state.r).local_step(state.stage, gradient))

    def synchronize(self, state: TwoStageState) -> TwoStageState:
        stage, r = self._at(state.r).synchronize(state.stage), state.r + 1
        if r == self.switch:
            stage = self.second.init(self.first.output(stage))
        return TwoStageState(stage, r)

    def output(self, state: TwoStageState) -> Array:
        return self._at(state.r).output(state.stage)

    def averaged(self, state: TwoStageState) -> Array:
        return self._at(state.r).averaged(state.stage)


@ALGORITHMS.add("two-stage", source="Patel et al. (2024), Appendix E.6", theorems=("two-stage",))
def two_stage(*, eta: ArrayLike, switch: int, gamma: ArrayLike = 1.0, second_eta: ArrayLike | None = None) -> TwoStage:
    """Two stages: local gradient descent first, then gradient descent.

    Algorithm::

        for r = 0, ..., switch-1:
            every worker m: y_m <- x_r
                for k = 0, ..., K-1: y_m <- y_m - eta g_m(y_m)
            x_{r+1} = x_r + gamma mean_m (y_m - x_r)
        for r = switch, ..., R-1:
            x_{r+1} = x_r - second_eta (mean of K M gradients at x_r)
        return x_R

    second_eta is eta unless given; with noise the stages are local and minibatch SGD.
    """
    second = minibatch_sgd(eta=eta if second_eta is None else second_eta)
    return TwoStage(local_sgd(eta=eta, gamma=gamma), second, whole("switch", switch))
