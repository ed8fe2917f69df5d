"""The chain split by parity of patel2024 Theorem 11: hard for every distributed zero-respecting algorithm."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.fixed_order import length
from tightrate.constructions.parameters import batch, check_memory, count, even_workers
from tightrate.constructions.problem import PROBLEMS, Array
from tightrate.constructions.quadratics import QuadraticWorkers


@dataclass(frozen=True, eq=False)
class ParityChain(QuadraticWorkers):
    """The chain as quadratic workers whose gradients are computed link by link.

    A link whose two coordinates are still 0 then has a slope of exactly 0, as x*_(i+1) is q x*_i as rounded: hidden
    coordinates stay hidden in floating point too.  `strength` h has the batch's shape.
    """

    ratio: float = 0.5
    strength: Array = field(default_factory=lambda: np.ones(()))

    def gradient(self, x: Array) -> Array:
        u, q, h = x - self.minimizers, self.ratio, self.strength[..., None, None]
        workers, links = np.arange(self.workers)[:, None], np.arange(self.dimension - 1)
        owned = (workers + links) % 2 == 1  # link 0 joins x_1 and x_2 and belongs to odd workers
        slopes = np.where(owned, h * (q * u[..., :-1] - u[..., 1:]), 0.0)
        gradient = np.zeros(u.shape)
        gradient[..., :-1] = q * slopes
        gradient[..., 1:] -= slopes
        gradient[..., ::2, 0] += h[..., 0] * (1 + q**2) * u[..., ::2, 0]
        return gradient


@PROBLEMS.add("parity-chain")
def parity_chain(
    *, R: int = 4, L: ArrayLike = 1.0, B: ArrayLike = 1.0, M: int = 2, d: int | None = None
) -> ParityChain:
    """A chain of coordinates whose links belong to even and odd workers in turn; hard for R rounds.

    With q = 1 - 1/R (1/2 for R = 1), h = L/(1 + q^2) and x*_i = c q^i, even workers hold
    (h/2)[(1 + q^2)(x_1 - c q)^2 + (q x_2 - x_3)^2 + (q x_4 - x_5)^2 + ...] and odd ones
    (h/2)[(q x_1 - x_2)^2 + (q x_3 - x_4)^2 + ...].  Every link has the curvature L, c makes |x*| = B, and every
    worker's gradient vanishes at x*.  A zero-respecting algorithm finds one coordinate a round, so that after R
    rounds F - F* >= (L B^2/(8 R^2)) (q^(2R) - q^(2d)).  Default: d = 4 R coordinates (at least 8).

    >>> constants = parity_chain(R=5, B=2.0).constants
    >>> [round(float(constants[name]), 12) for name in ("L", "B", "zeta_star")]
    [1.0, 2.0, 0.0]
    """
    rounds, workers = count("R", R), even_workers(M, "the parity chain")
    dimension = max(4 * rounds, 8) if d is None else count("d", d)
    if dimension <= rounds:
        raise TightrateError(f"the chain must be longer than R = {rounds}: give d >= {rounds + 1}, not {dimension}")
    check_memory(workers * dimension**2, f"parity-chain with M = {workers} and d = {dimension}")
    smoothness, distance = batch(L=L, B=B)
    q = chain_ratio(rounds)
    strength = smoothness / (1 + q**2)
    factors = np.full((*distance.shape, dimension), q)
    factors[..., 0] = q * distance / length(q ** np.arange(1.0, dimension + 1))
    optimum = np.multiply.accumulate(factors, axis=-1)
    even, odd = (strength[..., None, None] * blocks for blocks in _parity_blocks(dimension, q))
    hessians = np.stack([even if m % 2 == 0 else odd for m in range(workers)], axis=-3)
    minimizers = np.repeat(optimum[..., None, :], workers, axis=-2)
    return ParityChain(hessians, minimizers, known_optimum=optimum, ratio=q, strength=strength)


def chain_ratio(R: int) -> float:
    """q = 1 - 1/R, or 1/2 for a single round."""
    return 1 - 1 / R if R > 1 else 0.5


def _parity_blocks(d: int, q: float) -> tuple[Array, Array]:
    """Hessians of (1 + q^2) x_1^2 / 2 + sum of (q x_i - x_(i+1))^2 / 2, over even i and over odd i."""
    even, odd = np.zeros((d, d)), np.zeros((d, d))
    even[0, 0] = 1 + q**2
    for i in range(d - 1):  # the link between coordinates i + 1 and i + 2, counted from one
        owner = odd if i % 2 == 0 else even
        owner[i, i] += q**2
        owner[i + 1, i + 1] += 1
        owner[i, i + 1] -= q
        owner[i + 1, i] -= q
    return even, odd
