"""Functions of one variable from which separable problems are built, applied coordinate by coordinate.

Parameters are arrays that broadcast against points shaped (..., M, d); where they differ from worker to worker, the
second derivative must be affine in them, so that the average over workers is a piece of the same family.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import numpy as np
from scipy.special import expit

from tightrate.constructions.problem import Array
from tightrate.constructions.remainders import (
    cosine_remainder,
    exponential_remainder,
    kinked_remainder,
    logistic_remainder,
    softplus_integral,
    softplus_integral_remainder,
)

SATURATED = 45.0  # exp(-45) is below rounding: beyond this a logistic function has reached its limit


@dataclass(frozen=True, eq=False)
class Piece(ABC):
    """A function phi of one variable: its value, slope and curvature, and what is extreme about it."""

    unattained: ClassVar[frozenset[str]] = frozenset()  # the constants that are limits, reached by no point
    scale_free: ClassVar[bool] = False  # whether the piece has no length of its own, so that its probes are in units

    @abstractmethod
    def value(self, x: Array) -> Array:
        """phi(x)."""

    @abstractmethod
    def slope(self, x: Array) -> Array:
        """phi'(x)."""

    @abstractmethod
    def curvature(self, x: Array) -> Array:
        """phi''(x); at a kink, either one-sided value."""

    @abstractmethod
    def remainder(self, y: Array, x: Array) -> Array:
        """phi(x) - phi(y) - phi'(y)(x - y), without cancellation."""

    @abstractmethod
    def extreme_curvatures(self) -> tuple[Array, ...]:
        """phi'' where it is extreme, at the same points on every worker (limits included)."""

    @abstractmethod
    def bend(self) -> Array | None:
        """The supremum of the third derivative's modulus, infinite at a kink; None where it has no closed form."""

    @abstractmethod
    def probes(self) -> tuple[Array, Array]:
        """Points that show what is extreme, and half-widths on which phi is smooth: both (n, *parameters)."""

    def extreme_slopes(self) -> tuple[Array, ...]:
        """The limits of phi' at -infinity and +infinity; () where it is unbounded."""
        return ()

    @property
    def is_common(self) -> bool:
        """Whether all workers have the same piece."""
        return all(np.ndim(p) < 2 or np.shape(p)[-2] == 1 for p in self.parameters())

    def parameters(self) -> tuple[Array, ...]:
        return tuple(getattr(self, f.name) for f in fields(self))

    def averaged(self) -> Self:
        """The average over workers; the worker axis is kept, with length 1."""
        means = {f.name: np.mean(getattr(self, f.name), axis=-2, keepdims=True) for f in fields(self)}
        return replace(self, **means)


@dataclass(frozen=True, eq=False)
class Kinked(Piece):
    """(right x_+^2 + left x_-^2) / 2: two curvatures that meet in a kink of the slope; equal ones, a parabola."""

    left: Array
    right: Array
    scale_free = True

    def value(self, x: Array) -> Array:
        return self.curvature(x) * x**2 / 2

    def slope(self, x: Array) -> Array:
        return self.curvature(x) * x

    def curvature(self, x: Array) -> Array:
        return np.where(x > 0, self.right, self.left)

    def remainder(self, y: Array, x: Array) -> Array:
        return kinked_remainder(y, x, left=self.left, right=self.right)

    def extreme_curvatures(self) -> tuple[Array, ...]:
        return self.left, self.right

    def bend(self) -> Array:
        return np.where(self.left == self.right, 0.0, np.inf)

    def probes(self) -> tuple[Array, Array]:
        offsets = np.concatenate([[0.0], np.geomspace(0.01, 10.0, 7), -np.geomspace(0.01, 10.0, 7)])
        halves = np.where(offsets == 0, 0.1, np.abs(offsets) / 8)
        return _grid(offsets, halves, np.ones_like(self.left + self.right))


@dataclass(frozen=True, eq=False)
class SoftKinked(Piece):
    """phi'(x) = left x + (right - left) w log(1 + e^(x/w)): the kink of `Kinked` smeared over the width w.

    phi'' = left + (right - left)/(1 + e^(-x/w)) runs from left to right, and phi is three times differentiable.
    """

    left: Array
    right: Array
    width: Array
    unattained = frozenset({"L", "mu", "tau", "tau_mean"})

    def value(self, x: Array) -> Array:
        return self.left * x**2 / 2 + (self.right - self.left) * self.width**2 * softplus_integral(x / self.width)

    def slope(self, x: Array) -> Array:
        return self.left * x + (self.right - self.left) * self.width * np.logaddexp(0.0, x / self.width)

    def curvature(self, x: Array) -> Array:
        return np.asarray(self.left + (self.right - self.left) * expit(x / self.width))

    def remainder(self, y: Array, x: Array) -> Array:
        soft = softplus_integral_remainder(y / self.width, (x - y) / self.width)
        return self.left * (x - y) ** 2 / 2 + (self.right - self.left) * self.width**2 * soft

    def extreme_curvatures(self) -> tuple[Array, ...]:
        return self.left + 0 * self.right, self.right + 0 * self.left

    def bend(self) -> Array:
        return np.abs(self.right - self.left) / (4 * self.width)

    def probes(self) -> tuple[Array, Array]:
        offsets = np.concatenate([np.linspace(-8.0, 8.0, 17), [SATURATED, -SATURATED]])
        return _grid(offsets, np.full(offsets.shape, 0.02), self.width)


@dataclass(frozen=True, eq=False)
class Rippled(Piece):
    """`SoftKinked` plus ripple l^2 cos(x/l): phi'' runs from left - ripple to right + ripple, below zero too."""

    left: Array
    right: Array
    width: Array
    ripple: Array
    wavelength: Array
    unattained = frozenset({"L", "weak"})

    @property
    def _convex(self) -> SoftKinked:
        return SoftKinked(self.left, self.right, self.width)

    def value(self, x: Array) -> Array:
        return self._convex.value(x) + self.ripple * self.wavelength**2 * np.cos(x / self.wavelength)

    def slope(self, x: Array) -> Array:
        return self._convex.slope(x) - self.ripple * self.wavelength * np.sin(x / self.wavelength)

    def curvature(self, x: Array) -> Array:
        return self._convex.curvature(x) - self.ripple * np.cos(x / self.wavelength)

    def remainder(self, y: Array, x: Array) -> Array:
        wave = cosine_remainder(y / self.wavelength, (x - y) / self.wavelength)
        return self._convex.remainder(y, x) + self.ripple * self.wavelength**2 * wave

    def extreme_curvatures(self) -> tuple[Array, ...]:
        return self.left - self.ripple, self.right + self.ripple

    def bend(self) -> None:
        return None

    def probes(self) -> tuple[Array, Array]:
        """A crest of the cosine where the soft part is saturated to the left, a trough far right, and the middle."""
        period = 2 * np.pi * self.wavelength
        far = SATURATED * self.width
        crest, trough = -np.ceil(far / period) * period, (np.ceil(far / period) + 0.5) * period
        middle = np.linspace(-8.0, 8.0, 17).reshape(-1, *[1] * np.ndim(period)) * np.maximum(self.width, period / 8)
        points = np.concatenate([crest[None], trough[None], middle])
        return points, np.broadcast_to(0.02 * np.minimum(self.width, self.wavelength), points.shape)


@dataclass(frozen=True, eq=False)
class Clipped(Piece):
    """Huber's function: phi'(x) = L clip(x, -w, w); a parabola of curvature L between two lines of slope L w."""

    curved: Array
    width: Array

    def value(self, x: Array) -> Array:
        inside = np.minimum(np.abs(x), self.width)
        return np.asarray(self.curved * inside * (np.abs(x) - inside / 2))

    def slope(self, x: Array) -> Array:
        return np.asarray(self.curved * np.clip(x, -self.width, self.width))

    def curvature(self, x: Array) -> Array:
        return np.where(np.abs(x) <= self.width, self.curved, 0.0 * x)

    def remainder(self, y: Array, x: Array) -> Array:
        """For y between the lines: the parabola as far as the line, then what the line's slope exceeds phi'(y) by."""
        inside = np.clip(x, -self.width, self.width)
        return np.asarray(self.curved * ((inside - y) ** 2 / 2 + (inside - y) * (x - inside)))

    def extreme_curvatures(self) -> tuple[Array, ...]:
        return 0 * self.curved * self.width, self.curved + 0 * self.width

    def bend(self) -> Array:
        return np.full(np.shape(self.curved * self.width), np.inf)

    def extreme_slopes(self) -> tuple[Array, ...]:
        return -self.curved * self.width, self.curved * self.width

    def probes(self) -> tuple[Array, Array]:
        offsets = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 20.0, -20.0])
        return _grid(offsets, np.full(offsets.shape, 0.1), self.width + 0 * self.curved)


@dataclass(frozen=True, eq=False)
class LogCosh(Piece):
    """phi(x) = a log cosh x: phi' = a tanh x, phi'' = a / cosh^2 x."""

    amplitude: Array
    unattained = frozenset({"mu", "G", "G_inf", "zeta", "zeta_inf"})

    def value(self, x: Array) -> Array:
        return np.asarray(self.amplitude * (np.logaddexp(x, -x) - np.log(2)))

    def slope(self, x: Array) -> Array:
        return np.asarray(self.amplitude * np.tanh(x))

    def curvature(self, x: Array) -> Array:
        return np.asarray(4 * self.amplitude * expit(2 * x) * expit(-2 * x))

    def remainder(self, y: Array, x: Array) -> Array:
        # log cosh x = log(1 + e^(2x)) - x - log 2
        return np.asarray(self.amplitude * logistic_remainder(2 * y, 2 * (x - y)))

    def extreme_curvatures(self) -> tuple[Array, ...]:
        return 0 * self.amplitude, self.amplitude

    def bend(self) -> Array:
        return np.asarray(self.amplitude * 4 / (3 * np.sqrt(3)))

    def extreme_slopes(self) -> tuple[Array, ...]:
        return -self.amplitude, self.amplitude

    def probes(self) -> tuple[Array, Array]:
        offsets = np.array([0.0, np.arctanh(1 / np.sqrt(3)), 0.3, 1.0, 3.0, SATURATED / 2])
        offsets = np.concatenate([offsets, -offsets])
        return _grid(offsets, np.full(offsets.shape, 0.02), np.ones_like(self.averaged().amplitude))


@dataclass(frozen=True, eq=False)
class Cosh(Piece):
    """phi(x) = (L0/L1^2)(cosh(L1 x) - 1), for which phi'' = L0 cosh(L1 x) <= L0 + L1 |phi'|; read up to |x| = reach."""

    base: Array
    growth: Array
    reach: Array

    def value(self, x: Array) -> Array:
        return np.asarray(2 * self.base / self.growth**2 * np.sinh(self.growth * x / 2) ** 2)

    def slope(self, x: Array) -> Array:
        return self.base / self.growth * np.sinh(self.growth * x)

    def curvature(self, x: Array) -> Array:
        return self.base * np.cosh(self.growth * x)

    def remainder(self, y: Array, x: Array) -> Array:
        at, step = self.growth * y, self.growth * (x - y)
        both = np.exp(at) * exponential_remainder(step) + np.exp(-at) * exponential_remainder(-step)
        return self.base / self.growth**2 * both / 2

    def extreme_curvatures(self) -> tuple[Array, ...]:
        return self.base + 0 * self.reach, self.curvature(self.reach)

    def bend(self) -> Array:
        return self.base * self.growth * np.sinh(self.growth * self.reach)

    def probes(self) -> tuple[Array, Array]:
        offsets = np.linspace(-1.0, 1.0, 17)
        return _grid(offsets, np.full(offsets.shape, 0.01), self.reach + 0 * self.base)


def _grid(offsets: Array, halves: Array, scale: Array) -> tuple[Array, Array]:
    """Offsets and half-widths in units of `scale`, along a new first axis."""
    shape = (-1, *[1] * np.ndim(scale))
    return offsets.reshape(shape) * scale, halves.reshape(shape) * scale
