"""What a method does, whatever the functions are: every point as a combination of the start and of gradients.

The method itself is run on an oracle that answers the j-th question of a worker with the j-th unit vector of that
worker.  A question that was asked before, at the same combination, gets the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.round_algorithm import AnsweringWorkers, RoundAlgorithm

Array = NDArray[np.float64]
SAME = 1e-12  # points whose coefficients differ by less are one point
PROBES = 2  # random runs that must agree with the combinations


@dataclass(frozen=True)
class Trajectory:
    """Points i = 0, ..., n-1 of M workers, with x* = 0 and p = x_0 - x*:

        x_i^m = start_i^m p + sum_{l,j} gradients[m, i, l, j] g_j^l.

    `start` is (M, n), `gradients` (M, n, M, n).  `output` is the place of what the method returns among the points,
    which all workers share; its gradient is that of a further question.
    """

    start: Array
    gradients: Array
    output: int

    @property
    def workers(self) -> int:
        """The number M of workers."""
        return int(self.start.shape[0])

    @property
    def points(self) -> int:
        """The number n of points of one worker."""
        return int(self.start.shape[1])


@dataclass(frozen=True)
class ExchangeableTrajectory:
    """The points of any one of exchangeable workers:

        x_i = start_i p + sum_j mean[i, j] mean_l g_j^l + sum_j own[i, j] g_j.

    The communicated means act through `mean` (n, n), a worker's own gradients of the round through `own` (n, n).
    """

    start: Array
    mean: Array
    own: Array
    output: int

    @property
    def points(self) -> int:
        """The number n of points of one worker."""
        return len(self.start)


def trajectory(algorithm: Algorithm[Any], *, K: int, R: int, M: int, decay: float | None = None) -> Trajectory:
    """The points of a method with R rounds of K local steps on M workers.

    The output is that of the last communication, or, with a `decay` q, the average over all local steps t of the
    workers' mean iterate before the step, with weights (1 - q)^-(t + 1): uniform where q = 0.  A method that is not
    linear in the gradients is refused.
    """
    if not algorithm.linear:
        raise TightrateError("the method is not linear in the gradients: its worst case is no semidefinite programme")
    N = _questions(algorithm, K, R, M)
    oracle = _Units(M, N)
    output = oracle.place(_followed(algorithm, oracle.start(), oracle.answer, K, R, M, decay))
    coefficients = np.stack(oracle.questions, axis=1)  # (M, n, dimension)
    n = coefficients.shape[1]
    own = coefficients[..., 1:].reshape(M, n, M, N)
    padded = np.zeros((M, n, M, n))
    kept = min(n, N)
    padded[..., :kept] = own[..., :kept]
    if np.abs(own[..., kept:]).max(initial=0.0) > 0:
        raise TightrateError("the method used a gradient that it has not asked for")
    found = Trajectory(coefficients[..., 0], padded, output)
    _check(algorithm, found, K, R, decay)
    return found


def exchangeable(algorithm: Algorithm[Any], *, K: int, R: int, decay: float | None = None) -> ExchangeableTrajectory:
    """The same for any number of exchangeable workers, read off a run with two of them."""
    pair = trajectory(algorithm, K=K, R=R, M=2, decay=decay)
    first, second = pair.gradients[0, :, 0], pair.gradients[0, :, 1]
    mirrored = pair.gradients[1, :, 1], pair.gradients[1, :, 0]
    if not (np.allclose(first, mirrored[0], atol=SAME) and np.allclose(second, mirrored[1], atol=SAME)):
        raise TightrateError("the method does not treat its workers alike: give a small number of workers instead")
    found = ExchangeableTrajectory(pair.start[0], 2 * second, first - second, pair.output)
    three = trajectory(algorithm, K=K, R=R, M=3, decay=decay).gradients[0]
    as_said = [found.own * (m == 0) + found.mean / 3 for m in range(3)]
    if three.shape[0] != found.points or not np.allclose(np.swapaxes(three, 0, 1), as_said, atol=SAME):
        raise TightrateError("the method depends on the number of workers: give a small number of workers instead")
    return found


def _followed(
    algorithm: Algorithm[Any],
    start: Array,
    answer: Callable[[Array], Array],
    K: int,
    R: int,
    M: int,
    decay: float | None = None,
) -> Array:
    """The output (M, dimension) of R rounds with an oracle's answers."""
    state, weights, total = algorithm.init(start), 0.0, np.zeros(start.shape[1:])
    weight, growth = 1.0, 1 / (1 - (decay or 0.0))

    def look(x: Array) -> None:
        nonlocal weights, weight, total
        total, weights, weight = total + weight * x[0].mean(axis=0), weights + weight, weight * growth

    workers = AnsweringWorkers(K, M, answer, look)
    for _ in range(R):
        if isinstance(algorithm, RoundAlgorithm):
            state = algorithm.round(state, workers)
            continue
        for _ in range(K):
            look(algorithm.averaged(state))
            state = algorithm.local_step(state, answer(algorithm.point(state)))
        state = algorithm.synchronize(state)
    last = algorithm.output(state)
    if len(last) != 1:
        raise TightrateError("the method has several values of a parameter: give lists of them with its name")
    return last[0] if decay is None else total / weights


def _questions(algorithm: Algorithm[Any], K: int, R: int, M: int) -> int:
    """How many gradients a worker takes in all."""
    if not isinstance(algorithm, RoundAlgorithm):
        return K * R
    if algorithm.random:
        raise TightrateError("the method draws random numbers of its own, and a worst case is that of a certain run")
    asked = 0

    def answer(x: Array) -> Array:
        nonlocal asked
        asked += 1
        return np.zeros_like(x)

    _followed(algorithm, np.zeros((1, M, 1)), answer, K, R, M)
    return asked


class _Units:
    """The oracle of unit vectors: coordinate 0 is p, then those of worker 1, of worker 2, ..."""

    def __init__(self, M: int, N: int) -> None:
        self.M, self.N, self.dimension = M, N, 1 + M * N
        self.questions: list[Array] = []

    def start(self) -> Array:
        x = np.zeros((1, self.M, self.dimension))
        x[..., 0] = 1.0
        return x

    def place(self, x: Array) -> int:
        """The place of a point of all workers (M, dimension) among the questions, asked now if it is new."""
        for place, known in enumerate(self.questions):
            if np.abs(known - x).max() < SAME:
                return place
        self.questions.append(np.array(x))
        return len(self.questions) - 1

    def answer(self, x: Array) -> Array:
        place = self.place(x[0])
        gradient = np.zeros((1, self.M, self.dimension))
        for m in range(self.M):
            gradient[0, m, 1 + m * self.N + place] = 1.0
        return gradient


def _check(algorithm: Algorithm[Any], found: Trajectory, K: int, R: int, decay: float | None) -> None:
    """The method run on random gradients goes where the combinations say: what calls itself linear is tried."""
    generator = np.random.default_rng(0)
    M, n = found.workers, found.points
    for _ in range(PROBES):
        p, g = generator.standard_normal(2), generator.standard_normal((M, n, 2))
        expected = found.start[..., None] * p + np.einsum("milj,ljd->mid", found.gradients, g)
        met: list[float] = []

        def answer(x: Array, expected: Array = expected, g: Array = g, met: list[float] = met) -> Array:
            place = int(np.abs(expected - x[0][:, None]).max(axis=(0, 2)).argmin())
            met.append(float(np.abs(expected[:, place] - x[0]).max()))
            return g[None, :, place]

        returned = _followed(algorithm, np.broadcast_to(p, (1, M, 2)).copy(), answer, K, R, M, decay)
        met.append(np.abs(expected[:, found.output] - returned).max())
        if max(met) > 1e-9 * (1 + np.abs(expected).max()):
            raise TightrateError("the method is not linear in the gradients, although it says so")
