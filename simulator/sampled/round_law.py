"""Sampling by the law of a round: for linear updates one draw replaces K local steps of all workers, equal in law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import GaussianNoise, Noise
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm, Array
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.batch.replica_axis import common_batch, replicas_of
from tightrate.simulator.exact.affine_gaussian import AffineGaussian
from tightrate.simulator.exact.linear_form import LinearForm
from tightrate.simulator.exact.moments import check_counts, exact_moments, total_weight
from tightrate.simulator.exact.quadratic_rounds import QuadraticRounds, Spectrum, noise_variances
from tightrate.simulator.sampled.run import DIVERGED_NORM, Run, from_first_overflow

NUMBERS_PER_DRAW = 4096


def sample_rounds(
    algorithm: Algorithm[Any],
    problem: Problem,
    *,
    K: ArrayLike,
    R: int,
    replicas: int | None = None,
    noise: Noise | None = None,
    seed: int = 0,
    stream_axes: dict[str, int | str] | None = None,
    streams: ArrayLike | None = None,
    averaging_decay: ArrayLike | None = None,
    start: ArrayLike = 0.0,
    measured_rounds: Sequence[int] | None = None,
) -> Run:
    """A run of a linear algorithm on quadratic workers with Gaussian noise, one Gaussian vector for each round.

    Arguments and result are those of `sample`, and the joint law of all that is returned is the same; the numbers
    themselves are not.  K may be as large as 10^9.  Without noise this is the exact run, up to rounding.
    """
    if noise is not None and not isinstance(noise, GaussianNoise):
        raise TightrateError("the law of a round is Gaussian only for Gaussian noise: use method sample")
    if algorithm.linear and not LinearForm.exists(algorithm):
        raise TightrateError(
            "the law of a round needs workers that keep nothing of their own: use method exact or sample"
        )
    rounds = range(R + 1) if measured_rounds is None else sorted(set(measured_rounds))
    if noise is None:
        return _without_noise(
            algorithm, problem, rounds, K=K, R=R, averaging_decay=averaging_decay, start=start, count=replicas
        )
    spectrum = Spectrum.of(problem)
    steps, q = (
        np.asarray(K, dtype=np.float64),
        np.asarray(0.0 if averaging_decay is None else averaging_decay, dtype=np.float64),
    )
    check_counts(steps, np.asarray(R))
    x0, readers = np.asarray(start, dtype=np.float64), np.asarray(0 if streams is None else streams)
    x0 = x0[..., 0, :] if x0.ndim == 3 else x0
    implied = (steps.shape, q.shape, replicas_of(algorithm), problem.optimum.shape[:-1])
    count = common_batch(*implied, x0.shape[:-1], readers.shape, () if replicas is None else (replicas,))
    readers = np.arange(count) if streams is None else np.broadcast_to(readers, (count,))
    parameters = common_batch(*implied)  # replicas that differ in their noise alone share their maps
    steps, q = steps + np.zeros(parameters), q + np.zeros(parameters)
    form = LinearForm.of(algorithm).with_steps(steps, None if averaging_decay is None else q)
    measured = {r: column for column, r in enumerate(rounds)}
    gaps, distances = np.empty((count, len(rounds))), np.empty((count, len(rounds)))
    diverged = np.zeros(count, dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        server = QuadraticRounds(form, spectrum, steps, noise_variances(noise, problem, spectrum))
        c = server.start(np.broadcast_to(x0 - problem.optimum, (count, problem.dimension)))
        draws = _Draws(seed, stream_axes or {}, readers, R, c.shape[1:])
        move, root = _mover(server, None)
        for r in range(R + 1):
            if r > 0:
                if form.changes_with_the_round:
                    move, root = _mover(server, r - 1)
                drawn = (root @ draws.next()[..., None])[..., 0]
                c = c + (move.change @ c[..., None])[..., 0] + move.shift + drawn
            if r in measured or r == R:
                x = _iterate(server, form.output, c) + problem.optimum
                diverged |= ~(np.abs(x).max(axis=-1) < DIVERGED_NORM)
            if r in measured:
                gaps[:, measured[r]] = problem.gap(x)
                distances[:, measured[r]] = np.linalg.norm(x - problem.optimum, axis=-1)
        average = None
        if averaging_decay is not None:
            sums = np.eye(form.start.shape[1])[-1] / total_weight(q, steps * R)[:, None]
            average = _iterate(server, sums, c) + problem.optimum
    gaps[diverged] = from_first_overflow(gaps[diverged])
    distances = np.where(np.isfinite(distances), distances, np.inf)
    return Run(x, average, gaps, distances, diverged)


def _without_noise(
    algorithm: Algorithm[Any],
    problem: Problem,
    rounds: Sequence[int],
    *,
    K: ArrayLike,
    R: int,
    averaging_decay: ArrayLike | None,
    start: ArrayLike,
    count: int | None,
) -> Run:
    """The exact run: all rounds asked for at once, by closed form where there is one."""
    looked = np.array([*rounds, R])[None]
    found = exact_moments(algorithm, problem, K=K, R=looked, averaging_decay=averaging_decay, start=start)
    distances = np.sqrt(found.last.squared_distance)
    last, average = found.last.mean[:, -1], None if found.average is None else found.average.mean[:, -1]
    diverged = ~(np.abs(last).max(axis=-1) < DIVERGED_NORM)
    run = Run(last, average, found.last.gap[:, :-1], distances[:, :-1], diverged)
    if count in (None, len(last)):
        return run
    if len(last) != 1:
        raise TightrateError(f"parameters for {len(last)} replicas do not fit replicas = {count}")
    copies: dict[str, Any] = {
        name: np.repeat(values, count or 1, axis=0)
        for name, values in vars(run).items()
        if isinstance(values, np.ndarray)
    }
    return replace(run, **copies)


def _mover(server: QuadraticRounds, r: int | None) -> tuple[AffineGaussian, Array]:
    """The map of round r, shaped (replica, block, ...), and a square root of its covariance."""
    maps = server.maps(None if r is None else np.array([r]))
    index = (slice(None), 0) if r is None else (0, slice(None), 0)
    move = AffineGaussian(maps.change[index], maps.shift[index], maps.covariance[index])
    squares, vectors = np.linalg.eigh(move.covariance)
    return move, vectors * np.sqrt(np.maximum(squares, 0.0))[..., None, :]


def _iterate(server: QuadraticRounds, row: Array, c: Array) -> Array:
    """x - x* (replica, d) as a combination (replica, p) of the server's coordinates."""
    at = (server.lift(row[:, None, :]) @ c[..., None])[..., 0]
    at = at[..., 0] if server.spectrum.commute else at[:, 0]
    return server.spectrum.from_modes(at[:, None])[:, 0]


class _Draws:
    """Standard normal numbers for every round, a stream for each distinct reader, drawn ahead."""

    def __init__(
        self, seed: int, axes: dict[str, int | str], readers: NDArray[Any], rounds: int, shape: tuple[int, ...]
    ) -> None:
        names, self._own = np.unique(readers, return_inverse=True)
        self._generators = [stream(seed, **axes, use="rounds", replica=int(name)) for name in names]
        ahead = min(max(rounds, 1), max(1, NUMBERS_PER_DRAW // int(np.prod(shape))))
        self._block, self._next = np.empty((len(names), ahead, *shape)), ahead

    def next(self) -> Array:
        """The numbers of the next round, (replica, block, ...)."""
        if self._next == self._block.shape[1]:
            for generator, block in zip(self._generators, self._block, strict=True):
                generator.standard_normal(out=block)
            self._next = 0
        self._next += 1
        return np.take(self._block[:, self._next - 1], self._own, axis=0)
