"""Methods written as whole rounds: gradients where and as often as they like, coins, proximal steps, communications.

`Algorithm` says what a worker does with one gradient at one point, and what ends a round.  A method that does not fit
that form is written as its box instead: `round` gets the state and the workers that take part, and asks these for
gradients, proximal steps, random numbers and means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import Algorithm, Array, State, worker_mean

Mask = NDArray[np.bool_]


class Workers(ABC):
    """The workers that take part in a round, as its method sees them; all points are (replica, worker, dimension).

    `K` is the number of local steps, infinite where local problems are to be solved; `taking_part` S of all `M`
    workers are there.  Every gradient is a fresh sample.  All replicas ask for the same gradients: what a replica does
    not do is left out with `numpy.where`, never by a loop of another length.

    >>> from tightrate.simulator.algorithm import ALGORITHMS
    >>> ALGORITHMS["fedprox"].__doc__ is not None  # a method whose `round` takes workers
    True
    """

    K: Any
    taking_part: int
    M: int

    @overload
    def gradient(self, x: Array, *, averaged: bool = ...) -> Array: ...

    @overload
    def gradient(self, x: Array, *others: Array, averaged: bool = ...) -> tuple[Array, ...]: ...

    def gradient(self, x: Array, *others: Array, averaged: bool = True) -> Any:
        """Every worker's stochastic gradient at its own point; at several points, of one and the same sample.

        Averages over all local steps run over the points x, but for those with `averaged` False.
        """
        found = self._gradients((x, *others), averaged=averaged)
        return found if others else found[0]

    @abstractmethod
    def _gradients(self, points: tuple[Array, ...], *, averaged: bool) -> tuple[Array, ...]: ...

    @abstractmethod
    def exact_gradient(self, x: Array) -> Array:
        """Every worker's gradient at its own point, without noise: a pass over all its data."""

    @abstractmethod
    def prox(self, x: Array, step: Array | float) -> Array:
        """Every worker's argmin_y F_m(y) + |y - x_m|^2 / (2 step), of its objective without noise; step > 0."""

    @overload
    def mean(self, x: Array, *, where: Mask | bool = ...) -> Array: ...

    @overload
    def mean(self, x: Array, *others: Array, where: Mask | bool = ...) -> tuple[Array, ...]: ...

    def mean(self, x: Array, *others: Array, where: Mask | bool = True) -> Any:
        """One communication: the mean over the workers that take part, given to each of them, of one array or several.

        `where` (replica, 1, 1) says which replicas communicate; elsewhere every worker keeps its own.
        """
        found = self._means((x, *others), where)
        return found if others else found[0]

    def mix(self, x: Array, weights: Array, *, where: Mask | bool = True) -> Array:
        """One communication of a decentralized method: worker m gets sum_n W[m, n] x_n, weights W (worker, worker)."""
        W = np.asarray(weights, dtype=np.float64)
        if W.shape[-2:] != (self.taking_part, self.taking_part):
            raise TightrateError(
                f"weights must be shaped (worker, worker) = {(self.taking_part, self.taking_part)}, not {W.shape}"
            )
        return self._combined((x,), where, W)[0]

    def _means(self, parts: tuple[Array, ...], where: Mask | bool) -> tuple[Array, ...]:
        return self._combined(parts, where, None)

    @abstractmethod
    def _combined(self, parts: tuple[Array, ...], where: Mask | bool, weights: Array | None) -> tuple[Array, ...]:
        """One communication: means over the workers (no weights), or mixtures of them."""

    @abstractmethod
    def coin(self, name: str, p: Array | float) -> Mask:
        """True with probability p, for all workers of a replica alike, (replica, 1, 1).

        Coins (and uniform numbers) of each `name` come from a stream of their own.
        """

    @abstractmethod
    def uniform(self, name: str, *, of_each_worker: bool = False, of_each_coordinate: bool = False) -> Array:
        """Numbers uniform in [0, 1): one for all workers, (replica, 1, 1), or one for each, (replica, worker, 1).

        `of_each_coordinate` draws as many as there are coordinates, for the last axis.
        """


class AnsweringWorkers(Workers):
    """Workers whose gradients are what a function answers to a point, for looking at a method without a problem.

    `look` is called with every point that averages run over.  Coins fall alternately; there are no proximal steps.
    """

    def __init__(
        self, K: Any, M: int, answer: Callable[[Array], Array], look: Callable[[Array], None] = lambda _: None
    ) -> None:
        self.K, self.M, self.taking_part = K, M, M
        self._answer, self._look, self._drawn = answer, look, 0

    def _gradients(self, points: tuple[Array, ...], *, averaged: bool) -> tuple[Array, ...]:
        if averaged:
            self._look(points[0])
        return tuple(self._answer(x) for x in points)

    def exact_gradient(self, x: Array) -> Array:
        return self._answer(x)

    def prox(self, x: Array, step: Array | float) -> Array:  # noqa: ARG002
        raise TightrateError("the method takes proximal steps, which say more of a function than gradients do")

    def _combined(self, parts: tuple[Array, ...], where: Mask | bool, weights: Array | None) -> tuple[Array, ...]:
        return tuple(np.where(where, combined(part, weights), part) for part in parts)

    def coin(self, name: str, p: Array | float) -> Mask:  # noqa: ARG002
        self._drawn += 1
        return np.full((1, 1, 1), self._drawn % 2 == 1)

    def uniform(self, name: str, *, of_each_worker: bool = False, of_each_coordinate: bool = False) -> Array:  # noqa: ARG002
        self._drawn += 1
        return np.full((1, self.taking_part if of_each_worker else 1, 1), self._drawn * 0.618034 % 1)


def combined(x: Array, weights: Array | None) -> Array:
    """What a communication gives every worker: the mean, or with weights W its own mixture sum_n W[m, n] x_n."""
    return worker_mean(x) if weights is None else np.asarray(weights @ x)


def one_round(algorithm: Algorithm[Any], state: Any, workers: Workers) -> Any:
    """One round of a method, however it is written."""
    if isinstance(algorithm, RoundAlgorithm):
        return algorithm.round(state, workers)
    if algorithm.looks_at_gradient:
        state = algorithm.observe_gradient(state, workers.gradient(algorithm.point(state), averaged=False))
    for _ in range(workers.K):
        state = algorithm.local_step(state, workers.gradient(algorithm.point(state)))
    return algorithm.synchronize(state)


class RoundAlgorithm(Algorithm[State]):
    """A method that says what a whole round does, or, where nothing special ends a round, what every step does.

    Give `init`, `output` and either `round` or `step`.  A field of the state named in `client_state` belongs to
    clients.  Such a method may call itself `linear`, if a round is affine in the state and the gradients, and must call
    itself `random` if it draws random numbers of its own.

    >>> from tightrate.simulator.algorithm import ALGORITHMS
    >>> isinstance(ALGORITHMS["scaffold"](eta=0.1), RoundAlgorithm)
    True
    """

    @property
    def random(self) -> bool:
        """Whether the method tosses coins or draws other numbers of its own, so that replicas differ without noise."""
        return False

    def round(self, state: State, workers: Workers) -> State:
        """One round; K times `step` unless said otherwise."""
        for _ in range(workers.K):
            state = self.step(state, workers)
        return state

    def step(self, state: State, workers: Workers) -> State:
        """One local step, with the communications that it makes."""
        raise NotImplementedError(f"{type(self).__name__} must have a round or a step")

    @property
    def is_made_of_steps(self) -> bool:
        """Whether a round is K times `step` and nothing else."""
        return type(self).round is RoundAlgorithm.round

    @abstractmethod
    def output(self, state: State) -> Array:
        """The iterate that the method returns, the same on every worker."""

    def point(self, state: State) -> Array:
        """The output, where a point is asked for at the end of a round."""
        return self.output(state)

    def local_step(self, state: State, gradient: Array) -> State:  # noqa: ARG002
        raise TightrateError(
            f"{type(self).__name__} is written as whole rounds, and what was asked for needs single local steps:"
            " use a sampled run or exact moments"
        )

    def synchronize(self, state: State) -> State:
        """Nothing: a round communicates when it likes."""
        return state
