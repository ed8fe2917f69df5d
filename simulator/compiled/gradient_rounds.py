"""Rounds of gradient steps on quadratic workers: the K steps of a round at once, with the noise of every step.

From x, K steps x <- x - eta (H_m (x - x_m) + xi_k) take worker m, whose Hessian has the eigenvalues lambda and the
eigenvectors Q, to

    x - Q [ (1 - c^K) Q'(x - x_m) + eta n ],    n = sum_{k<K} c^(K-1-k) Q' xi_k,    c = 1 - eta lambda,

coordinate by coordinate.  This is the run with these very numbers, up to rounding, at two operations for each number
that is drawn; where rounds are short, many of them are summed at once.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Algorithm, Array, leaves
from tightrate.simulator.batch.randomness import NUMBERS_PER_DRAW, NoiseSteps, Streams, alike
from tightrate.simulator.compiled.kernels import Backend, CompiledNoise, by_stream, loops, noise_steps
from tightrate.simulator.exact.linear_form import LinearForm
from tightrate.simulator.exact.local_gradient_descent import moved_fraction

NUMBERS_AT_ONCE = 1 << 19  # of noise, for all replicas of a block
MOST_REPLICAS = 256
VECTORS_PER_PRODUCT, POINTS_PER_PRODUCT = 64, 8  # products of one fixed size round every row in the same way
LARGEST, NEGLIGIBLE = 1e300, 1e-200  # for what overflows (times zero it is zero), and for what is slow as it underflows


def step_sizes(algorithm: Algorithm[Any], problem: Problem, noise: Noise | None) -> Array | None:
    """eta, (replica,) or (1,), where rounds of gradient steps are all that a run needs; None elsewhere.

    A local step must be x <- x - eta g(x) and change nothing else, the workers quadratic (a batch of instances must be
    diagonal), and the noise the same for all workers and steps.
    """
    instances = problem.optimum.ndim - 1
    if not (isinstance(problem, DiagonalQuadratics) or (isinstance(problem, QuadraticWorkers) and instances == 0)):
        return None
    if not algorithm.linear or instances > 1 or not (noise is None or alike(noise, problem.workers)):
        return None
    if not all(isinstance(leaf, np.ndarray) for leaf in leaves(algorithm.init(np.zeros((1, 1, 1))))):
        return None
    try:
        form = LinearForm.of(algorithm).with_steps(np.ones(1))
    except TightrateError:
        return None
    of_the_point = form.involved.tolist() == [0] and not form.step.any() and bool((form.point == 1).all())
    return -form.push[:, 0] if of_the_point else None


def steps_at_once(K: int, workers: int, dimension: int) -> int:
    """How many steps of a round are summed at once: all of them, unless these are too many numbers."""
    return min(K, max(1, NUMBERS_PER_DRAW // (workers * dimension)))


def replicas_at_once(K: int, workers: int, dimension: int) -> int:
    """How many replicas make a block."""
    return max(1, min(MOST_REPLICAS, NUMBERS_AT_ONCE // (workers * dimension * steps_at_once(K, workers, dimension))))


class GradientRounds:
    """The rounds of a block of replicas with equal K; eta is (replica,) or (1,)."""

    def __init__(
        self,
        problem: DiagonalQuadratics | QuadraticWorkers,
        eta: Array,
        *,
        K: int,
        R: int,
        replicas: int,
        noise: Noise | None,
        streams: Streams,
        backend: Backend = "numpy",
    ) -> None:
        if isinstance(problem, DiagonalQuadratics):
            curvatures, self._axes = problem.curvatures, None
        else:
            curvatures, self._axes = problem.spectrum
        step = eta.reshape(-1, 1, 1) * curvatures
        self._minimizers = problem.minimizers
        self._moved = np.clip(moved_fraction(step, np.asarray(float(K))), -LARGEST, LARGEST)
        self._move, self._turned = np.empty((2, replicas, *problem.minimizers.shape[-2:]))
        self._noise = None
        if noise is not None:
            steps = steps_at_once(K, problem.workers, problem.dimension)
            rounds = max(1, min(R, NUMBERS_AT_ONCE // (self._move.size * K))) if steps == K else 1
            sizes = K * R, problem.workers, problem.dimension
            ahead = noise_steps(backend, noise, streams, *sizes, ahead=rounds * steps, unscaled=True)
            self._noise = _NoiseSums(ahead, rounds, _powers(1 - step, steps), eta, self._axes, K, R, replicas)

    def advance(self, x: Array) -> Array:
        """The workers' points after the next round of steps, from x, both (replica, worker, dimension)."""
        move, turned = np.subtract(x, self._minimizers, self._move), self._turned
        if self._axes is not None:
            move, turned = _product(move, self._axes, turned, POINTS_PER_PRODUCT), move
        move *= self._moved
        if self._noise is not None:
            move += self._noise.next()
        if self._axes is not None:
            move = _product(move, np.swapaxes(self._axes, -1, -2), turned, POINTS_PER_PRODUCT)
        return np.asarray(np.subtract(x, move))


class _NoiseSums:
    """eta n of one round after the other, in the workers' eigenvectors, for several rounds ahead.

    `powers` (replica or 1, steps + 1, M, d) are c^steps, ..., c, 1.  Where the steps are fewer than K they are summed
    piece by piece: n <- c^steps n + the sum of a piece.
    """

    def __init__(
        self,
        steps: NoiseSteps,
        rounds: int,
        powers: Array,
        eta: Array,
        axes: Array | None,
        K: int,
        R: int,
        replicas: int,
    ) -> None:
        self._steps, self._K, self._axes, self._left = steps, K, axes, R
        self._powers, self._eta = powers, (steps.level * eta).reshape(-1, 1, 1, 1)
        shape = powers.shape[-2:]
        self._turned = np.empty(0) if axes is None else np.empty((steps.streams, steps.ahead, *shape))
        one_each, own = steps.readers is None, np.arange(replicas) if steps.readers is None else steps.readers
        # Alone, a number for each step is added pairwise by numpy; the compiled loop adds one after the other.
        self._compiled = isinstance(steps, CompiledNoise) and prod(shape) > 1
        self._members = by_stream(own, steps.streams)
        self._weighted = (
            None if one_each or self._compiled else np.empty((replicas, rounds, len(powers[0]) - 1, *shape))
        )
        self._sums, self._next = np.empty((replicas, rounds, *shape)), rounds
        self._piece = np.empty_like(self._sums) if powers.shape[1] - 1 < K else self._sums

    def next(self) -> Array:
        """The sums of the next round, (replica, worker, dimension); valid until the next call."""
        if self._next == self._sums.shape[1]:
            self._sum_up()
            self._next = 0
        self._next += 1
        return self._sums[:, self._next - 1]

    def _sum_up(self) -> None:
        rounds, piece = min(self._sums.shape[1], self._left), self._powers.shape[1] - 1
        self._left -= rounds  # the last block may hold fewer rounds
        for done in range(0, self._K, piece):
            length = min(piece, self._K - done)
            if done == 0:
                self._sum_steps(rounds, length, self._sums)
            else:
                self._sum_steps(rounds, length, self._piece)
                self._sums *= self._powers[:, None, -length - 1]
                self._sums += self._piece
        self._sums *= self._eta

    def _sum_steps(self, rounds: int, steps: int, sums: Array) -> None:
        """Fill `sums` with the next steps of each of the next rounds, weighted and summed."""
        if self._compiled:
            flat = [x.reshape(*x.shape[:2], -1, copy=False) for x in (self._powers, sums)]
            if self._axes is None:
                assert isinstance(self._steps, CompiledNoise)
                noise = self._steps.words, self._steps.scale
                loops().weighted_normals(*noise, rounds, steps, *self._members, *flat)
            else:
                drawn = self._drawn(rounds * steps).reshape(self._steps.streams, rounds, steps, -1, copy=False)
                loops().weighted_sums(drawn, *self._members, *flat)
            return
        drawn = self._drawn(rounds * steps).reshape(self._steps.streams, rounds, steps, *sums.shape[2:])
        np.add.reduce(self._weigh(drawn, self._powers[:, None, -steps:]), axis=2, out=sums[:, :rounds])

    def _drawn(self, steps: int) -> Array:
        """The next steps in the workers' eigenvectors, (stream, step, worker, dimension)."""
        block = self._steps.next_block(steps)
        if self._axes is None:
            return block
        vectors = block.reshape(-1, *block.shape[2:])
        out = self._turned.reshape(vectors.shape) if self._turned.size == block.size else np.empty(vectors.shape)
        return _product(vectors, self._axes, out, VECTORS_PER_PRODUCT).reshape(block.shape)

    def _weigh(self, drawn: Array, weights: Array) -> Array:
        """Every replica's numbers times the weights, (replica, round, step, worker, dimension)."""
        if self._weighted is None:
            return np.multiply(drawn, weights, drawn)
        readers = self._steps.readers
        mine = drawn if readers is None or len(drawn) == 1 else np.take(drawn, readers, axis=0)
        return np.multiply(mine, weights, self._weighted[:, : mine.shape[1], : mine.shape[2]])


def _powers(c: Array, steps: int) -> Array:
    """c^steps, ..., c, 1 along a new axis after the first: (n, M, d) to (n, steps + 1, M, d)."""
    powers = np.repeat(c[:, None], steps + 1, axis=1)
    powers[:, -1] = 1.0
    with np.errstate(over="ignore", under="ignore"):
        np.multiply.accumulate(powers[:, ::-1], axis=1, out=powers[:, ::-1])
    powers[np.abs(powers) < NEGLIGIBLE] = 0.0
    return powers


def _product(vectors: Array, axes: Array, out: Array, size: int) -> Array:
    """Every worker's vectors (n, M, d) times its matrix (M, d, d), in products of `size` vectors each."""
    whole = len(vectors) // size * size
    np.matmul(_by_worker(vectors[:whole], size), axes, out=_by_worker(out[:whole], size))
    if whole < len(vectors):
        rest = np.zeros((size, *vectors.shape[1:]))
        rest[: len(vectors) - whole] = vectors[whole:]
        out[whole:] = np.swapaxes(_by_worker(rest, size) @ axes, 1, 2)[0, : len(vectors) - whole]
    return out


def _by_worker(vectors: Array, size: int) -> Array:
    """A view of (n, M, d) as (product, worker, vector of the product, dimension)."""
    return np.swapaxes(vectors.reshape(-1, size, *vectors.shape[1:]), 1, 2)
