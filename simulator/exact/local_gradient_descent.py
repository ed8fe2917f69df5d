"""Local gradient descent on quadratic workers without noise, in closed form: any K and R, K = infinity included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Array


@dataclass(frozen=True)
class RoundMap:
    """One round of local gradient descent is x -> x_inf + (I - gamma C)(x - x_inf).

    `eigenvalues` c (..., d) and `eigenvectors` (..., d, d) of C; `fixed_point` x_inf (..., d), which equals x_0
    along directions that no worker sees (c = 0); `converges` marks instances where every |1 - gamma c| < 1
    wherever c > 0; `defined` is False where K = infinity has no limit (eta times a curvature of 2 or more).
    """

    eigenvalues: Array
    eigenvectors: Array
    fixed_point: Array
    start: Array
    gamma: Array
    defined: NDArray[np.bool_]

    @property
    def converges(self) -> NDArray[np.bool_]:
        factors = np.abs(1 - self.gamma[..., None] * self.eigenvalues)
        return np.asarray(self.defined & np.all((factors < 1) | (self.eigenvalues == 0), axis=-1))

    def after(self, R: ArrayLike) -> Array:
        """x_R, shape (..., d); R broadcasts against the batch."""
        rounds = np.asarray(R, dtype=np.float64)[..., None]
        with np.errstate(over="ignore", invalid="ignore"):
            decay = integer_power(1 - self.gamma[..., None] * self.eigenvalues, rounds)
            modes = np.einsum("...ji,...j->...i", self.eigenvectors, self.start - self.fixed_point)
            x = self.fixed_point + np.einsum("...ij,...j->...i", self.eigenvectors, decay * modes)
        return np.where(self.defined[..., None], x, np.nan)


def integer_power(base: Array, exponent: Array) -> Array:
    """base^exponent for whole exponents up to infinity: accurate near 1, with the sign of a negative base."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        small = base - 1
        magnitude = np.where(
            base > 0.5, np.exp(exponent * np.log1p(np.where(base > 0.5, small, 0.0))), np.abs(base) ** exponent
        )
    odd = np.isfinite(exponent) & (np.remainder(np.where(np.isfinite(exponent), exponent, 0), 2) == 1)
    return np.where((base < 0) & odd, -magnitude, magnitude)


def moved_fraction(step: Array, K: Array) -> Array:
    """1 - (1 - step)^K, what K gradient steps take away of a displacement; accurate for tiny steps.

    K = infinity: 1 for 0 < step < 2, 0 for step = 0; nan where no limit exists.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gentle = -np.expm1(K * np.log1p(-np.where(step < 0.5, step, 0.0)))
        other = 1 - integer_power(1 - step, K)
    fraction = np.where(step < 0.5, gentle, other)
    fraction = np.where(step == 0, 0.0, fraction)
    return np.where(np.isinf(K) & (step >= 2), np.nan, fraction)


def round_map(
    problem: QuadraticWorkers, *, K: ArrayLike, eta: ArrayLike, gamma: ArrayLike = 1.0, start: ArrayLike = 0.0
) -> RoundMap:
    """The map of one round for a whole batch of (problem, K, eta, gamma), all broadcast together.

    Args:
        problem: the workers
        K: local steps, broadcast to (replica,)
        eta: inner steps, the same
        gamma: outer steps, the same
        start: broadcast to (replica, dimension)

    Returns:
        Eigenvalues (replica, dimension) and eigenvectors (replica, dimension, dimension) of a round, its fixed point
        (replica, dimension), and where it converges; `defined` is False where K = inf has no limit.

    >>> from tightrate.constructions.problem import PROBLEMS
    >>> round_map(PROBLEMS["rank-one-pair"](cosine=0.5), K=1, eta=0.5).fixed_point.shape[-1]
    2
    """
    spectrum, basis = problem.spectrum
    spectrum = np.where(np.abs(spectrum) < 1e-15 * np.abs(spectrum).max(axis=-1, keepdims=True), 0.0, spectrum)
    steps, inner, outer = (np.asarray(value, dtype=np.float64) for value in (K, eta, gamma))
    if np.any(steps < 1) or np.any(np.isfinite(steps) & (steps != np.floor(steps))):
        raise TightrateError("K must be a positive integer or inf")
    shape = np.broadcast_shapes(problem.hessians.shape[:-3], steps.shape, inner.shape, outer.shape)
    moved = moved_fraction(inner[..., None, None] * spectrum, steps[..., None, None])
    defined = np.broadcast_to(~np.isnan(moved).any(axis=(-1, -2)), shape)
    moved = np.nan_to_num(moved, nan=0.0, posinf=0.0, neginf=0.0)
    C_m = (basis * moved[..., None, :]) @ np.swapaxes(basis, -1, -2)
    C = C_m.mean(axis=-3)
    pull = (C_m @ problem.minimizers[..., None])[..., 0].mean(axis=-2)
    eigenvalues, eigenvectors = np.linalg.eigh(C)
    eigenvalues = np.where(np.abs(eigenvalues) < 1e-15, 0.0, eigenvalues)
    x0 = np.broadcast_to(np.asarray(start, dtype=np.float64), (*shape, problem.dimension))
    modes = np.einsum("...ji,...j->...i", eigenvectors, pull)
    still = np.einsum("...ji,...j->...i", eigenvectors, x0)
    seen = eigenvalues != 0  # a direction that no worker sees stays where it started
    at_rest = np.where(seen, modes / np.where(seen, eigenvalues, 1.0), still)
    fixed_point = np.einsum("...ij,...j->...i", eigenvectors, at_rest)
    return RoundMap(eigenvalues, eigenvectors, fixed_point, x0, np.broadcast_to(outer, shape), defined)
