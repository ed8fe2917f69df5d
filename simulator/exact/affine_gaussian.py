"""Affine maps with Gaussian noise, composed and raised to powers up to 10^18 without losing digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import Array
from tightrate.simulator.exact.local_gradient_descent import integer_power, moved_fraction

MOST_DOUBLINGS = 1100  # 2^1100 steps: what still grows then has overflowed
SETTLED = 1e-12


@dataclass(frozen=True)
class AffineGaussian:
    """x -> x + E x + b + N(0, Q) on R^n, a whole batch of them.

    `change` E (..., n, n), `shift` b (..., n), `covariance` Q (..., n, n).  A map is held by its deviation E from the
    identity: steps of size 1e-12 then keep all their digits when 10^18 of them are composed, because
    (I + E_2)(I + E_1) - I = E_1 + E_2 + E_2 E_1 is a sum of small terms and never a difference of large ones.
    Only the first two moments of the noise matter: "Gaussian" stands for any noise with this covariance.
    """

    change: Array
    shift: Array
    covariance: Array
    small_factor: Array | None = None  # I + E where it is known better than from E, in one dimension

    @property
    def dimension(self) -> int:
        """n."""
        return int(self.change.shape[-1])

    @property
    def factor(self) -> Array:
        """I + E."""
        if self.small_factor is not None:
            return self.small_factor
        return np.asarray(self.change + np.eye(self.dimension))

    def then(self, second: AffineGaussian) -> AffineGaussian:
        """This map, followed by `second`."""
        factor = second.factor
        return AffineGaussian(
            self.change + second.change + second.change @ self.change,
            second.shift + (factor @ self.shift[..., None])[..., 0],
            second.covariance + factor @ self.covariance @ np.swapaxes(factor, -1, -2),
        )

    def power(self, count: ArrayLike) -> AffineGaussian:
        """The map applied `count` times; counts, up to infinity, broadcast against the batch.

        One dimension has closed forms; otherwise O(log count) compositions by repeated squaring, for infinity until
        nothing changes any more.  Where infinitely many steps have no limit the result is not a number, or infinite.
        """
        counts = np.asarray(count, dtype=np.float64)
        if self.dimension == 1:
            return self._scalar_power(counts)
        endless = np.isinf(counts)
        finite = self._doubled(np.where(endless, 0, counts).astype(np.int64))
        return (
            _where(np.broadcast_to(endless, finite.shift.shape[:-1]), self.limit(), finite) if endless.any() else finite
        )

    def limit(self) -> AffineGaussian:
        """The map applied for ever; not a number where it does not settle, infinite where its noise adds up."""
        now = self
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(MOST_DOUBLINGS):
                then = now.then(now)
                same = [np.array_equal(a, b, equal_nan=True) for a, b in zip(_parts(now), _parts(then), strict=True)]
                if all(same):
                    break
                now = then
            settled = np.abs(now.then(self).change - now.change).max(axis=(-1, -2), initial=0.0) <= SETTLED
        return AffineGaussian(
            np.where(settled[..., None, None], now.change, np.nan),
            np.where(settled[..., None], now.shift, np.nan),
            np.where(settled[..., None, None], now.covariance, np.nan),
        )

    def _scalar_power(self, count: Array) -> AffineGaussian:
        E, b, Q = self.change[..., 0, 0], self.shift[..., 0], self.covariance[..., 0, 0]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            change, factor, visits, spread = geometric(E, count)
            shift = np.where(b == 0, 0.0, b * visits)
            covariance = np.where(Q == 0, 0.0, Q * spread)
        return AffineGaussian(
            change[..., None, None], shift[..., None], covariance[..., None, None], factor[..., None, None]
        )

    def _doubled(self, count: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> AffineGaussian:
        shape = np.broadcast_shapes(self.change.shape[:-2], self.shift.shape[:-1], count.shape)
        n = self.dimension
        result = AffineGaussian(np.zeros((*shape, n, n)), np.zeros((*shape, n)), np.zeros((*shape, n, n)))
        doubled, remaining, started = self, count, False
        with np.errstate(over="ignore", invalid="ignore"):
            while True:
                odd = remaining % 2 == 1
                if odd.all():
                    result = result.then(doubled) if started else _broadcast(doubled, shape)
                elif odd.any():
                    result = _where(odd, result.then(doubled), result)
                started = started or bool(odd.any())
                remaining = remaining // 2
                if not remaining.any():
                    return result
                doubled = doubled.then(doubled)

    def moments(self, mean: Array, covariance: Array | None = None) -> tuple[Array, Array]:
        """Mean and covariance of the map's value, for an argument with the given ones; None is certainty."""
        factor = self.factor
        moved = (factor @ mean[..., None])[..., 0] + self.shift
        if covariance is None:
            return moved, self.covariance
        return moved, self.covariance + factor @ covariance @ np.swapaxes(factor, -1, -2)


def compose(maps: AffineGaussian) -> AffineGaussian:
    """The composition of a sequence of maps along the first axis, the first one applied first, pair by pair."""
    while len(maps.change) > 1:
        pairs = len(maps.change) // 2 * 2
        joined = _take(maps, slice(0, pairs, 2)).then(_take(maps, slice(1, pairs, 2)))
        rest = _take(maps, slice(pairs, None))
        maps = AffineGaussian(*(np.concatenate(parts) for parts in zip(_parts(joined), _parts(rest), strict=True)))
    return AffineGaussian(*(part[0] for part in _parts(maps)))


def geometric(E: Array, n: Array) -> tuple[Array, Array, Array, Array]:
    """(1+E)^n - 1, (1+E)^n, and the sums over i < n of (1+E)^i and of (1+E)^(2i), each to full relative accuracy."""
    squared = -E * (2 + E)  # 1 - (1 + E)^2
    if np.all((E > -1) & (E != 0)):
        exponent = n * np.log1p(E)
        change = np.expm1(exponent)
        return change, np.exp(exponent), change / E, -np.expm1(2 * exponent) / squared
    change = -moved_fraction(-E, n)
    gentle = np.exp(n * np.log1p(np.where(E > -0.5, E, 0.0)))
    factor = np.where(E > -0.5, gentle, integer_power(1 + E, n))
    visits = np.where(E == 0, n, change / np.where(E == 0, 1.0, E))
    spread = np.where(squared == 0, n, moved_fraction(squared, n) / np.where(squared == 0, 1.0, squared))
    return change, factor, visits, spread


def _parts(maps: AffineGaussian) -> tuple[Array, Array, Array]:
    return maps.change, maps.shift, maps.covariance


def _take(maps: AffineGaussian, index: slice) -> AffineGaussian:
    return AffineGaussian(*(part[index] for part in _parts(maps)))


def _broadcast(maps: AffineGaussian, shape: tuple[int, ...]) -> AffineGaussian:
    n = maps.dimension
    return AffineGaussian(
        np.broadcast_to(maps.change, (*shape, n, n)),
        np.broadcast_to(maps.shift, (*shape, n)),
        np.broadcast_to(maps.covariance, (*shape, n, n)),
    )


def _where(
    chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], a: AffineGaussian, b: AffineGaussian
) -> AffineGaussian:
    return AffineGaussian(
        np.where(chosen[..., None, None], a.change, b.change),
        np.where(chosen[..., None], a.shift, b.shift),
        np.where(chosen[..., None, None], a.covariance, b.covariance),
    )
