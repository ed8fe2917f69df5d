"""Heavy-tailed gradient noise: every moment below the tail's index is known exactly, every one above is infinite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import beta, gamma, hyp2f1

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import NOISES, IsotropicNoise
from tightrate.constructions.problem import Array


@NOISES.add("student")
@dataclass(frozen=True)
class StudentNoise(IsotropicNoise):
    """Student's t in every coordinate: moments exist below `degrees`; for degrees <= 2 the variance is infinite.

    sigma is then the level of a smaller order, as in StudentNoise(1.0, order=1, degrees=1.5).

    >>> StudentNoise(1.0, order=1, degrees=1.5).variance
    inf
    >>> StudentNoise(1.0, degrees=1.5)
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: sigma is the level of the moment of order 2, which is infinite here: \
StudentNoise(sigma=1.0, order=2.0, degrees=1.5); give a smaller order
    """

    degrees: float = 5.0

    def __post_init__(self) -> None:
        if not 1 < self.degrees < float("inf"):
            raise TightrateError(f"degrees must be above 1, so that the mean exists, and finite, not {self.degrees:g}")
        super().__post_init__()

    def standard_moment(self, alpha: float) -> float:
        if alpha >= self.degrees:
            return float("inf")
        # nu^(a/2) Gamma((a+1)/2) Gamma((nu-a)/2) / (Gamma(1/2) Gamma(nu/2)), with the Gammas joined to Beta functions
        ratio = beta((alpha + 1) / 2, (self.degrees - alpha) / 2) / beta(0.5, self.degrees / 2)
        return float(self.degrees ** (alpha / 2) * ratio)

    def draw_standard(self, generator: np.random.Generator, out: Array) -> None:
        radius, angle = _pairs(generator, out.shape)  # as Box and Muller's normals, with a power law for the radius
        np.cos(2 * np.pi * angle, out=out)
        out *= np.sqrt(self.degrees * np.expm1(-2 / self.degrees * np.log(radius)))


@NOISES.add("pareto")
@dataclass(frozen=True)
class ParetoNoise(IsotropicNoise):
    """Pareto's law with index `tail` less its mean (one-sided, skewed), or with a random sign (`symmetric`).

    P(X > x) = x^(-tail) for x >= 1; moments exist below the index.

    >>> round(ParetoNoise(1.0, order=4, tail=5.0).moment(4), 12), ParetoNoise(1.0, order=4, tail=5.0).moment(5)
    (1.0, inf)
    """

    tail: float = 3.0
    symmetric: bool = False

    def __post_init__(self) -> None:
        if not 1 < self.tail < float("inf"):
            raise TightrateError(f"tail must be above 1, so that the mean exists, and finite, not {self.tail:g}")
        super().__post_init__()

    @property
    def is_symmetric(self) -> bool:
        return self.symmetric

    def standard_moment(self, alpha: float) -> float:
        a = self.tail
        if alpha >= a:
            return float("inf")
        if self.symmetric:
            return a / (a - alpha)
        # E|X - m|^p, split at the mean m and substituted u = m/x above it and v = 1 - x/m below it, v < 1/a.
        mean = a / (a - 1)
        above = beta(alpha + 1, a - alpha)
        below = a ** (-alpha - 1) / (alpha + 1) * hyp2f1(alpha + 1, a + 1, alpha + 2, 1 / a)
        return float(a * mean ** (alpha - a) * (above + below))

    def draw_standard(self, generator: np.random.Generator, out: Array) -> None:
        generator.random(out=out)
        if self.symmetric:
            negative = out < 0.5
            out *= 2
            out -= ~negative
        np.subtract(1.0, out, out=out)  # uniform on (0, 1]
        np.power(out, -1 / self.tail, out=out)
        if self.symmetric:
            np.negative(out, out=out, where=negative)
        else:
            out -= self.tail / (self.tail - 1)


@NOISES.add("stable")
@dataclass(frozen=True)
class StableNoise(IsotropicNoise):
    """An alpha-stable law of index in (1, 2), mean zero and skewness in [-1, 1]: sums of it have the same law.

    The variance is infinite; sigma is the level of order 1 unless another order below the index is given.  Drawn by
    the method of Chambers, Mallows and Stuck.

    >>> StableNoise(1.0, index=1.5).variance, round(StableNoise(2.0, index=1.5).moment(1.0), 12)
    (inf, 2.0)
    """

    order: float = 1.0
    index: float = 1.5
    skewness: float = 0.0

    def __post_init__(self) -> None:
        if not 1 < self.index < 2:
            raise TightrateError(f"index must lie in (1,2), not {self.index:g}")
        if not -1 <= self.skewness <= 1:
            raise TightrateError(f"skewness must lie in [-1,1], not {self.skewness:g}")
        super().__post_init__()

    @property
    def is_symmetric(self) -> bool:
        return self.skewness == 0

    @property
    def _turn(self) -> tuple[float, float]:
        """The angle theta = arctan(b tan(pi a/2))/a of the skewness, and the scale 1/cos(a theta)^(1/a)."""
        angle = np.arctan(self.skewness * np.tan(np.pi * self.index / 2)) / self.index
        return float(angle), float(np.cos(self.index * angle) ** (-1 / self.index))

    def standard_moment(self, alpha: float) -> float:
        if alpha >= self.index:
            return float("inf")
        angle, scale = self._turn
        tail = 2 / np.pi * gamma(alpha) * np.sin(np.pi * alpha / 2) * gamma(1 - alpha / self.index)
        return float(scale**alpha * tail * np.cos(alpha * angle))

    def draw_standard(self, generator: np.random.Generator, out: Array) -> None:
        a, (angle, scale) = self.index, self._turn
        share, survival = _pairs(generator, out.shape)
        uniform = np.pi * (share - 0.5)
        turned = a * (uniform + angle)
        np.sin(turned, out=out)
        out *= scale * np.cos(uniform) ** (-1 / a)
        out *= (np.cos(uniform - turned) / -np.log(survival)) ** ((1 - a) / a)


def _pairs(generator: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Two independent uniform arrays on (0, 1), drawn in pairs: a long draw is the same as several short ones."""
    pairs = generator.random((*shape, 2))
    np.maximum(pairs, 2.0**-54, out=pairs)  # 0 is drawn once in 2^53 times
    return pairs[..., 0], pairs[..., 1]
