"""A method whose output is a weighted average of its iterates after the rounds, with weights of one's own."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, cast

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import Algorithm, Array
from tightrate.simulator.round_algorithm import RoundAlgorithm, Workers, one_round

MEAN, ROUNDS = "weighted_mean", "averaged_rounds"  # of the state, beside the fields of the method's own


def weighted_output(algorithm: Algorithm[Any], weight: Callable[[int], float]) -> RoundAlgorithm[Any]:
    """The same method with the output sum_r w(r) x_r / sum_r w(r), x_r what it would return after round r = 1, 2, ...

    `weight` gives w(r) >= 0, w(1) > 0.  A method that is linear stays linear.  Raises TightrateError, when it runs, for
    weights that are negative or not finite.

    Args:
        algorithm: a method of one stage
        weight: of the round, a function of r

    Returns:
        A method with the same steps.

    Raises:
        TightrateError: for a method of several stages.

    >>> from tightrate.simulator.algorithms.local_sgd import local_sgd
    >>> from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
    >>> from tightrate.simulator.sampled.sampling import sample
    >>> parabola = DiagonalQuadratics(np.ones((1, 1)), np.ones((1, 1)))
    >>> last_but_twice = weighted_output(local_sgd(eta=0.5), lambda r: r)
    >>> float(sample(last_but_twice, parabola, K=1, R=2).last[0, 0])  # (1 * 0.5 + 2 * 0.75) / 3
    0.6666666666666666
    """
    return _WeightedOutput(algorithm, weight)


class _WeightedOutput(RoundAlgorithm[Any]):
    def __init__(self, algorithm: Algorithm[Any], weight: Callable[[int], float]) -> None:
        if len(algorithm.stages()) > 1:
            raise TightrateError("a method of several stages has no single sequence of outputs to average")
        self._inner, self._share = algorithm, lru_cache(maxsize=1 << 16)(_shares(weight))
        self._weight = weight
        self.client_state = algorithm.client_state  # type: ignore[misc]

    @property
    def linear(self) -> bool:
        return self._inner.linear

    @property
    def random(self) -> bool:
        return isinstance(self._inner, RoundAlgorithm) and self._inner.random

    @property
    def remembers_workers(self) -> bool:
        return self._inner.remembers_workers

    @property
    def solves_locally(self) -> bool:
        return self._inner.solves_locally

    def init(self, start: Array) -> Any:
        state = self._inner.init(start)
        return self._with(state, start, 0)

    def round(self, state: Any, workers: Workers) -> Any:
        after = one_round(self._inner, self._own(state), workers)
        mean, r = getattr(state, MEAN), getattr(state, ROUNDS) + 1
        return self._with(after, mean + self._share(r) * (self._inner.output(after) - mean), r)

    def output(self, state: Any) -> Array:
        return np.asarray(getattr(state, MEAN))

    def _with(self, state: Any, mean: Array, r: int) -> Any:
        return _state_type(cast(Hashable, type(state)), state._fields)(*state, mean, r)

    @staticmethod
    def _own(state: Any) -> Any:
        return state._own(*state[:-2])


@lru_cache(maxsize=64)
def _state_type(own: Hashable, fields: tuple[str, ...]) -> Any:
    """The state of a method with two fields more."""
    made = namedtuple("WeightedState", (*fields, MEAN, ROUNDS))  # type: ignore[misc]
    setattr(made, "_own", own)  # noqa: B010
    return made


def _shares(weight: Callable[[int], float]) -> Callable[[int], float]:
    """w(r)/(w(1) + ... + w(r)), by r; sums are kept, so that rounds in their order cost one weight each."""
    sums = [0.0]

    def share(r: int) -> float:
        while len(sums) <= r:
            own = float(weight(len(sums)))
            if not (np.isfinite(own) and own >= 0 and (sums[-1] + own) > 0):
                raise TightrateError(f"the weight of round {len(sums)} must be finite and not negative, not {own:g}")
            sums.append(sums[-1] + own)
        return (sums[r] - sums[r - 1]) / sums[r]

    return share
