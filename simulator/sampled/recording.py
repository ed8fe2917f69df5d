"""What a run can record beside its output: quantities that theorems bound, measured along the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError
from tightrate.common.live_mapping import LiveMapping
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm, Array
from tightrate.simulator.moreau_envelope import envelope_gap, envelope_gradient, mean_gradient


class Observer:
    """Looks at a block of replicas before every local step, before and after every communication."""

    def before_step(self, state: Any) -> None:
        """Look at the state before a local step."""

    def before_communication(self, state: Any) -> None:
        """Look at the workers before they communicate."""

    def communicated(self, where: Any) -> None:
        """Take note of a communication of these replicas, (replica, 1, 1) or True."""

    def after_communication(self, state: Any) -> None:
        """Look at the synchronized state, that of the start included."""

    def result(self) -> Array:
        """What was seen, one row for each replica."""
        raise NotImplementedError


class WeightedAverage(Observer):
    """The mean over workers of the averaged sequence, over all local steps t with weights (1 - q)^-(t+1)."""

    def __init__(self, algorithm: Algorithm[Any], q: Array) -> None:
        self._algorithm, self._q = algorithm, q
        self._sum: Array | float = 0.0
        self._weights = np.zeros_like(q)

    def before_step(self, state: Any) -> None:
        self._sum = (1 - self._q) * self._sum + self._algorithm.averaged(state).mean(axis=-2)
        self._weights = (1 - self._q) * self._weights + 1

    def result(self) -> Array:
        if np.ndim(self._sum) == 0:
            raise TightrateError("an average over local steps needs some, and this run took no averaged gradient")
        return np.asarray(self._sum / self._weights)


class Recorder(Observer):
    """An observer that a run can be asked for by name."""

    def __init__(
        self, algorithm: Algorithm[Any], problem: Problem, rng: Callable[[], np.ndarray[Any, Any]], T: int
    ) -> None:
        self.algorithm, self.problem = algorithm, problem
        self.setup(rng, T)

    def setup(self, rng: Callable[[], np.ndarray[Any, Any]], T: int) -> None:
        """Prepare for T local steps; `rng()` gives each replica one uniform number."""


class Rows(Recorder):
    """A recorder of one number for each replica at every look, (replica, looks)."""

    def setup(self, rng: Callable[[], np.ndarray[Any, Any]], T: int) -> None:  # noqa: ARG002
        self._rows: list[Array] = []

    def result(self) -> Array:
        return np.stack(self._rows, axis=-1)


class ConsensusError(Rows):
    """mean_m |x_m - mean x|^2 over the workers just before each communication, (replica, R)."""

    def before_communication(self, state: Any) -> None:
        x = self.algorithm.point(state)
        self._rows.append(((x - x.mean(axis=-2, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1))


class LargestConsensusError(Rows):
    """max_{m,n} |z_m - z_n|^2 of the averaged sequence just before each communication, (replica, R)."""

    def before_communication(self, state: Any) -> None:
        z = self.algorithm.averaged(state)
        pairs = [((z - z[:, m : m + 1]) ** 2).sum(axis=-1).max(axis=-1) for m in range(z.shape[1])]
        self._rows.append(np.max(pairs, axis=0))


class SquaredGradientNorm(Rows):
    """|grad F|^2 at the output after each round 0, ..., R, (replica, R + 1)."""

    def after_communication(self, state: Any) -> None:
        self._rows.append((mean_gradient(self.problem, self.algorithm.output(state)[:, 0]) ** 2).sum(axis=-1))


class LeastGradientNorm(SquaredGradientNorm):
    """min over the rounds t = 0, ..., R - 1 of |grad F(x_t)|^2, (replica,)."""

    def result(self) -> Array:
        return np.asarray(super().result()[:, :-1].min(axis=-1))


class StepMean(Recorder):
    """A recorder of the mean over all local steps of one number for each replica, (replica,)."""

    def setup(self, rng: Callable[[], np.ndarray[Any, Any]], T: int) -> None:  # noqa: ARG002
        self._total: Array | float = 0.0
        self._steps = 0

    def before_step(self, state: Any) -> None:
        self._total = self._total + self.look(state)
        self._steps += 1

    def look(self, state: Any) -> Array:
        """The number at a state."""
        raise NotImplementedError

    def result(self) -> Array:
        if self._steps == 0:
            raise TightrateError("a mean over local steps needs some, and this run took no averaged gradient")
        return np.asarray(self._total / self._steps)


class MeanGap(StepMean):
    """Mean over all local steps and workers of F(x_m) - F(x*), at the points where gradients are taken, (replica,)."""

    def look(self, state: Any) -> Array:
        x = self.algorithm.point(state)
        return np.asarray(np.mean([self.problem.gap(x[:, m]) for m in range(x.shape[1])], axis=0))


class Stationarity(StepMean):
    """Mean over all local steps of |grad F|^2 at the workers' mean of the averaged sequence, (replica,).

    The norm is the algorithm's own: sum_i w_i g_i^2 with its `stationarity_weights` at the start of the round.
    """

    def after_communication(self, state: Any) -> None:
        weights = self.algorithm.stationarity_weights(state)
        self._weights = weights[:, 0] if isinstance(weights, np.ndarray) else weights

    def gradient(self, z: Array) -> Array:
        """The gradient whose norm is taken, at points (replica, d)."""
        return mean_gradient(self.problem, z)

    def look(self, state: Any) -> Array:
        gradient = self.gradient(self.algorithm.averaged(state).mean(axis=-2))
        return np.asarray((self._weights * gradient**2).sum(axis=-1))


class EnvelopeStationarity(Stationarity):
    """`Stationarity` of the Moreau envelope in the norm of L H / lambda instead of F (cheng2024 Theorem C.2).

    With the algorithm's `stationarity_weights` lambda / H the weights of the envelope are L over them, which is the
    envelope with parameter gamma = lambda/L; where there is no preconditioner it is the ordinary one with 1/L.
    """

    def gradient(self, z: Array) -> Array:
        return envelope_gradient(self.problem, z, smoothness(self.problem) / self._weights)


class EnvelopeGap(Rows):
    """f_{1/L}(x) - min f of the ordinary Moreau envelope at the output after each round 0, ..., R, (replica, R + 1)."""

    def after_communication(self, state: Any) -> None:
        x = self.algorithm.output(state)[:, 0]
        self._rows.append(envelope_gap(self.problem, x, smoothness(self.problem)))


def smoothness(problem: Problem) -> Array:
    """L of every instance, (batch, 1)."""
    return np.asarray(problem.constants["L"], dtype=np.float64)[..., None]


class AuxiliaryIterate(Recorder):
    """The workers' mean of the averaged sequence (z where a method has one) after the last round, (replica, d)."""

    def after_communication(self, state: Any) -> None:
        self._last = self.algorithm.averaged(state).mean(axis=-2)

    def result(self) -> Array:
        return np.array(self._last)


class RandomIterate(Recorder):
    """The workers' mean of the averaged sequence before a uniformly random local step, (replica, d)."""

    def setup(self, rng: Callable[[], np.ndarray[Any, Any]], T: int) -> None:
        self._chosen, self._step, self._steps = np.floor(rng() * T).astype(int), 0, T
        self._found: Array | None = None

    def before_step(self, state: Any) -> None:
        now = self._chosen == self._step
        self._step += 1
        if now.any() or self._found is None:
            mean = self.algorithm.averaged(state).mean(axis=-2)
            self._found = mean if self._found is None else np.where(now[:, None], mean, self._found)

    def result(self) -> Array:
        if self._found is None or self._step != self._steps:
            raise TightrateError(
                f"a random iterate needs an averaged gradient in each of {self._steps} local steps, not {self._step}"
            )
        return self._found


class Communications(Recorder):
    """How often the workers communicated, (replica,)."""

    def setup(self, rng: Callable[[], np.ndarray[Any, Any]], T: int) -> None:  # noqa: ARG002
        self._count: Array | float = 0.0

    def communicated(self, where: Any) -> None:
        self._count = self._count + (where[:, 0, 0] if isinstance(where, np.ndarray) else float(where))

    def after_communication(self, state: Any) -> None:
        self._replicas = len(self.algorithm.output(state))

    def result(self) -> Array:
        return np.asarray(self._count + np.zeros(self._replicas))


BUILT_IN: Mapping[str, type[Recorder]] = {
    "consensus": ConsensusError,
    "largest-consensus": LargestConsensusError,
    "squared-gradient-norm": SquaredGradientNorm,
    "least-gradient-norm": LeastGradientNorm,
    "mean-gap": MeanGap,
    "stationarity": Stationarity,
    "envelope-stationarity": EnvelopeStationarity,
    "envelope-gap": EnvelopeGap,
    "random-iterate": RandomIterate,
    "auxiliary-iterate": AuxiliaryIterate,
    "communications": Communications,
}


class AtTheEnd(Recorder):
    """What `take` finds at the state after the last communication, (replica,)."""

    take: Callable[[Any, Algorithm[Any], Problem], Array]

    def after_communication(self, state: Any) -> None:
        self._state = state

    def result(self) -> Array:
        return np.asarray(type(self).take(self._state, self.algorithm, self.problem))


OWN = "__recorder__"  # what a function of one's own is marked with that looks at a run's state


def _declared() -> Iterator[tuple[str, type[Recorder]]]:
    for module in paper_files.loaded():
        for value in list(vars(module).values()):
            found = getattr(value, OWN, None)
            if isinstance(found, type):
                yield found.__name__, found


RECORDERS: LiveMapping[type[Recorder]] = LiveMapping("record", BUILT_IN, _declared)
"""Everything that a run can record, what papers of one's own look at included."""
