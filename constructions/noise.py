"""Gradient noise: what a stochastic gradient adds to the gradient, with exact moments.

A noise level sigma is a moment of stated order: every coordinate has E|xi_i|^order = (sigma/sqrt d)^order, so that
for order 2 sigma is the root mean square of the whole vector, whatever the dimension, and for order alpha it is the
norm of the vector of the coordinates' alpha-moments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import poch

from tightrate.common.errors import TightrateError
from tightrate.common.registry import Registry
from tightrate.constructions.problem import Array
from tightrate.rates.symbols.alphabet import check_value


class Noise(ABC):
    """Additive, mean-zero, independent over steps and workers.

    >>> NOISES["gaussian"](sigma=2.0).sigma
    2.0
    """

    @property
    @abstractmethod
    def variance(self) -> float:
        """E|xi|^2, the sum over coordinates; inf where there is none."""

    @property
    @abstractmethod
    def is_symmetric(self) -> bool:
        """Whether xi and -xi have the same law."""

    @property
    def is_isotropic(self) -> bool:
        """Whether the covariance is (variance/d) I on every worker and at every step: the variance then says it all."""
        return False

    @property
    @abstractmethod
    def bound(self) -> float:
        """The least b with |xi| <= b almost surely, in the Euclidean norm; inf where there is none."""

    @abstractmethod
    def moment(self, alpha: float, d: int = 1) -> float:
        """(E|xi_i|^alpha)^(1/alpha) of a coordinate in dimension d, the largest one; inf where it does not exist."""

    @abstractmethod
    def draw(self, generator: np.random.Generator, out: Array) -> None:
        """Fill `out` (..., d) with independent draws; a long draw equals several short ones in turn, bit by bit."""

    def levels(self, alpha: float, d: int) -> Array:
        """(E|xi_i|^alpha)^(1/alpha) of every coordinate, shape (d,)."""
        return np.full(d, self.moment(alpha, d))

    def on(self, worker: int, step: int = 0) -> Noise:  # noqa: ARG002
        """The noise of one worker from one step on: itself, unless workers or steps differ."""
        return self


@dataclass(frozen=True)
class IsotropicNoise(Noise):
    """Independent coordinates of one standard law, scaled so that E|xi_i|^order = (sigma/sqrt d)^order."""

    sigma: float
    order: float = 2.0

    def __post_init__(self) -> None:
        check_value("sigma", self.sigma)
        _check_order(self.order)
        if not np.isfinite(self.standard_moment(self.order)):
            raise TightrateError(
                f"sigma is the level of the moment of order {self.order:g}, which is infinite here: {self}; give a"
                " smaller order"
            )

    @abstractmethod
    def standard_moment(self, alpha: float) -> float:
        """E|X|^alpha of the standard law; inf where it does not exist."""

    @property
    def standard_bound(self) -> float:
        """The least b with |X| <= b almost surely for the standard law; infinite unless said otherwise."""
        return float("inf")

    @property
    def is_symmetric(self) -> bool:
        """True unless said otherwise."""
        return True

    @abstractmethod
    def draw_standard(self, generator: np.random.Generator, out: Array) -> None:
        """Fill `out` with draws of the standard law."""

    @property
    def is_isotropic(self) -> bool:
        return bool(np.isfinite(self.variance))

    @property
    def _unit(self) -> float:
        """The level of the standard law."""
        return float(self.standard_moment(self.order) ** (1 / self.order))

    @property
    def variance(self) -> float:
        if self.order == 2 or self.sigma == 0:
            return self.sigma**2
        return self.sigma**2 * self.standard_moment(2.0) / self._unit**2

    @property
    def bound(self) -> float:
        return 0.0 if self.sigma == 0 else self.sigma * self.standard_bound / self._unit

    def moment(self, alpha: float, d: int = 1) -> float:
        _check_order(alpha)
        if self.sigma == 0:
            return 0.0
        return float(self.sigma / np.sqrt(d) * self.standard_moment(alpha) ** (1 / alpha) / self._unit)

    def draw(self, generator: np.random.Generator, out: Array) -> None:
        self.draw_standard(generator, out)
        out *= self.sigma / (np.sqrt(out.shape[-1]) * self._unit)


def _check_order(alpha: float) -> None:
    if not 0 < alpha < float("inf"):
        raise TightrateError(f"the order of a moment must be positive and finite, not {alpha:g}")


NOISES: Registry[type[Noise]] = Registry("tightrate.constructions", "noise")


@NOISES.add("gaussian")
@dataclass(frozen=True)
class GaussianNoise(IsotropicNoise):
    """N(0, (sigma^2 / d) I): sigma is the root mean square of the whole vector, whatever the dimension.

    Attributes:
        sigma: the noise level, in the unit of a gradient
        order: the order of the moment that theorems are told, 2 unless given

    >>> round(GaussianNoise(2.0).moment(4.0, d=4), 12) == round(3 ** 0.25, 12)
    True
    """

    def standard_moment(self, alpha: float) -> float:
        return float(2 ** (alpha / 2) * poch(0.5, alpha / 2))

    def draw_standard(self, generator: np.random.Generator, out: Array) -> None:
        generator.standard_normal(out=out)


@NOISES.add("rademacher")
@dataclass(frozen=True)
class RademacherNoise(IsotropicNoise):
    """Every coordinate is +-sigma/sqrt d with equal chances: |xi| = sigma, the smallest bound at that level."""

    @property
    def standard_bound(self) -> float:
        return 1.0

    def standard_moment(self, alpha: float) -> float:  # noqa: ARG002
        return 1.0

    def draw_standard(self, generator: np.random.Generator, out: Array) -> None:
        generator.random(out=out)
        out -= 0.5
        np.copysign(1.0, out, out=out)


@NOISES.add("two-point")
@dataclass(frozen=True)
class TwoPointNoise(IsotropicNoise):
    """Every coordinate jumps up by (1 - p) s with probability p and down by p s otherwise: mean zero, skewed.

    A small p is a rare large jump up, p near 1 a rare large jump down; s makes the moment of `order` equal to
    (sigma/sqrt d)^order.
    """

    probability: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.probability < 1:
            raise TightrateError(f"probability must lie in (0,1), not {self.probability:g}")
        super().__post_init__()

    @property
    def is_symmetric(self) -> bool:
        return self.probability == 0.5

    @property
    def standard_bound(self) -> float:
        return max(self.probability, 1 - self.probability)

    def standard_moment(self, alpha: float) -> float:
        p = self.probability
        return float(p * (1 - p) ** alpha + (1 - p) * p**alpha)

    def draw_standard(self, generator: np.random.Generator, out: Array) -> None:
        generator.random(out=out)
        np.less(out, self.probability, out=out, casting="unsafe")
        out -= self.probability

    def jumps(self, d: int = 1) -> tuple[float, float]:
        """The two values of a coordinate in dimension d, the upper one first."""
        size = self.sigma / (np.sqrt(d) * self._unit)
        return float((1 - self.probability) * size), float(-self.probability * size)


def worst_clipping_noise(*, rho: float, sigma: float, alpha: float, gradient: float = 0.0, d: int = 1) -> TwoPointNoise:
    """The two-point law that coordinate-wise clipping at `rho` biases most, at a given moment of order alpha.

    A coordinate of the gradient equal to `gradient` >= 0 jumps up by alpha/(alpha - 1) (rho - gradient), with the
    probability that the moment allows.  Clipping takes away all of the jump beyond rho: for rare jumps the bias
    tends to (1 - gradient/rho)^(1 - alpha) (alpha - 1)^(alpha - 1) alpha^(-alpha) s^alpha/rho^(alpha - 1) with
    s = sigma/sqrt d, so the exponent alpha - 1 of the threshold in cheng2024 Lemma A.2 cannot be improved.
    On the command line it is `--noise two-point` with order = alpha and the `probability` that is found here.

    >>> noise = worst_clipping_noise(rho=5.0, sigma=1.0, alpha=4.0)
    >>> round(noise.jumps()[0], 12), round(noise.moment(4.0), 12)
    (6.666666666667, 1.0)
    """
    check_value("rho", rho)
    check_value("sigma", sigma)
    if not 1 < alpha < float("inf"):
        raise TightrateError(f"alpha must be above 1 and finite, not {alpha:g}")
    if not 0 <= gradient < rho:
        raise TightrateError(f"gradient must lie in [0, rho) = [0, {rho:g}), not {gradient:g}")
    level = sigma / np.sqrt(d)
    jump = alpha / (alpha - 1) * (rho - gradient)
    if not 0 < level < jump:
        raise TightrateError(f"a jump of {jump:g} needs 0 < sigma/sqrt d < {jump:g}, not {level:g}")
    low, high = 0.0, 0.5  # the jump falls from infinity to the level as its probability grows to 1/2
    for _ in range(1100):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        larger = TwoPointNoise(float(level), alpha, middle).jumps()[0] > jump if middle > 1e-300 else True
        low, high = (middle, high) if larger else (low, middle)
    return TwoPointNoise(sigma, alpha, high)
