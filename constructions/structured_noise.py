"""Noise that differs by coordinate, by worker or by step, built from noise that does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import NOISES, IsotropicNoise, Noise
from tightrate.constructions.problem import Array


@NOISES.add("rare-jump")
@dataclass(frozen=True)
class RareJumpNoise(IsotropicNoise):
    """Every coordinate is 0 but for a jump of +-(sigma/sqrt d) p^(-1/order), with probability p in all.

    The moment of `order` is the same for every p: the rarer the jumps, the larger.

    >>> noise = RareJumpNoise(1.0, order=4, probability=1e-4)
    >>> round(noise.moment(4), 12), round(noise.bound, 12)
    (1.0, 10.0)
    """

    probability: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise TightrateError(f"probability must lie in (0,1], not {self.probability:g}")
        super().__post_init__()

    @property
    def standard_bound(self) -> float:
        return 1.0

    def standard_moment(self, alpha: float) -> float:  # noqa: ARG002
        return self.probability

    def draw_standard(self, generator: np.random.Generator, out: Array) -> None:
        generator.random(out=out)
        np.copyto(out, np.where(out < self.probability, np.sign(out - self.probability / 2), 0.0))


@dataclass(frozen=True)
class Derived(Noise):
    """A noise made from another one, with the other's moments and bound unless said otherwise."""

    noise: Noise

    @property
    def variance(self) -> float:
        return self.noise.variance

    @property
    def is_symmetric(self) -> bool:
        return self.noise.is_symmetric

    @property
    def bound(self) -> float:
        return self.noise.bound

    def moment(self, alpha: float, d: int = 1) -> float:
        return self.noise.moment(alpha, d)

    def levels(self, alpha: float, d: int) -> Array:
        return self.noise.levels(alpha, d)


@dataclass(frozen=True)
class OnCoordinates(Derived):
    """A noise on some coordinates only, with its whole level; the others are exact.

    Like every noise that is made from another one it has no name to give on the command line: it is for runs from
    Python, `sample(..., noise=OnCoordinates(GaussianNoise(1.0), (0,)))`, and for `exact_moments`.
    """

    coordinates: tuple[int, ...]

    def __post_init__(self) -> None:
        chosen = self.coordinates
        if not chosen or min(chosen) < 0 or len(set(chosen)) != len(chosen):
            raise TightrateError(f"coordinates must be different and not negative, at least one of them, not {chosen}")

    def moment(self, alpha: float, d: int = 1) -> float:
        self._check(d)
        return self.noise.moment(alpha, len(self.coordinates))

    def levels(self, alpha: float, d: int) -> Array:
        self._check(d)
        levels = np.zeros(d)
        levels[list(self.coordinates)] = self.noise.levels(alpha, len(self.coordinates))
        return levels

    def draw(self, generator: np.random.Generator, out: Array) -> None:
        self._check(out.shape[-1])
        part = np.empty((*out.shape[:-1], len(self.coordinates)))
        self.noise.draw(generator, part)
        out[...] = 0.0
        out[..., list(self.coordinates)] = part

    def on(self, worker: int, step: int = 0) -> Noise:
        own = self.noise.on(worker, step)
        return self if own is self.noise else OnCoordinates(own, self.coordinates)

    def _check(self, d: int) -> None:
        if max(self.coordinates) >= d:
            raise TightrateError(f"coordinates must be below the dimension {d}, not {max(self.coordinates)}")


@dataclass(frozen=True)
class PerWorker(Noise):
    """A noise for each worker; moments and bounds are those of the worst."""

    noises: tuple[Noise, ...]

    def __post_init__(self) -> None:
        if not self.noises:
            raise TightrateError("give one noise for each worker, at least one")

    @property
    def variance(self) -> float:
        return max(noise.variance for noise in self.noises)

    @property
    def is_symmetric(self) -> bool:
        return all(noise.is_symmetric for noise in self.noises)

    @property
    def bound(self) -> float:
        return max(noise.bound for noise in self.noises)

    def moment(self, alpha: float, d: int = 1) -> float:
        return max(noise.moment(alpha, d) for noise in self.noises)

    def levels(self, alpha: float, d: int) -> Array:
        return np.asarray(np.max([noise.levels(alpha, d) for noise in self.noises], axis=0))

    def draw(self, generator: np.random.Generator, out: Array) -> None:  # noqa: ARG002
        raise TightrateError("this noise differs from worker to worker: draw from noise.on(worker)")

    def on(self, worker: int, step: int = 0) -> Noise:
        if not 0 <= worker < len(self.noises):
            raise TightrateError(f"noise was given for {len(self.noises)} workers, not for worker {worker}")
        return self.noises[worker].on(worker, step)


@dataclass(frozen=True)
class AtStep(Derived):
    """A noise at one step only (counted from 0 over all rounds); every other stochastic gradient is exact.

    Moments and bounds are those at that step.  `out` must have the steps along its last axis but one.
    """

    step: int

    def draw(self, generator: np.random.Generator, out: Array) -> None:
        out[...] = 0.0
        if 0 <= self.step < out.shape[-2]:
            row = np.empty((*out.shape[:-2], 1, out.shape[-1]))
            self.noise.draw(generator, row)
            out[..., self.step : self.step + 1, :] = row

    def on(self, worker: int, step: int = 0) -> Noise:
        return AtStep(self.noise.on(worker, self.step), self.step - step)
