"""The problem interface: batched gradients, the exact optimum, and constants that can be measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.common.registry import Registry

Array = NDArray[np.float64]


class Problem(ABC):
    """M workers with objectives F_m on R^d and their average F.

    A problem may be a whole batch of instances: arrays then carry leading batch axes, which broadcast against the
    replica axis of a run.  `constants` maps alphabet names to the exact constants of each instance; `self_check`
    measures every one of them through the gradient oracle alone.

    >>> PROBLEMS["rank-one-pair"](cosine=0.5).dimension
    2
    """

    @property
    @abstractmethod
    def workers(self) -> int:
        """The number M of workers."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The dimension d."""

    @property
    @abstractmethod
    def optimum(self) -> Array:
        """x*, shape (..., d)."""

    @property
    @abstractmethod
    def constants(self) -> Mapping[str, Array]:
        """Alphabet name to the exact constant, each of the batch's shape."""

    @abstractmethod
    def gradient(self, x: Array) -> Array:
        """Every worker's gradient at its own point: (..., M, d) to (..., M, d)."""

    @abstractmethod
    def gap(self, x: Array) -> Array:
        """F(x) - F(x*), computed without cancellation: (..., d) to (...)."""

    @abstractmethod
    def self_check(self) -> tuple[Measured, ...]:
        """Each claimed constant beside what the gradient oracle shows."""

    def value(self, x: Array) -> Array:  # noqa: ARG002
        """Every worker's objective at its own point, each up to its own constant: (..., M, d) to (..., M)."""
        raise TightrateError(f"{type(self).__name__} has no values, only gradients and the gap")

    def prox(self, x: Array, step: Array | float) -> Array:
        """Every worker's argmin_y F_m(y) + |y - x_m|^2 / (2 step): (..., M, d) to (..., M, d).

        Closed form or bisection where a problem has one; by Newton's method to `PROX_TOLERANCE` elsewhere.
        """
        return newton_prox(self, x, step)

    def hessian_vector_product(self, x: Array, v: Array) -> Array:  # noqa: ARG002
        """Every worker's Hessian at its own point times its own vector: (..., M, d) twice to (..., M, d)."""
        raise TightrateError(f"{type(self).__name__} has no Hessian-vector product")


PROX_TOLERANCE = 1e-12  # of |y + step g(y) - x|, relative to |x| and |step g(x)|
MOST_NEWTON_STEPS = 200


def newton_prox(problem: Problem, x: Array, step: Array | float) -> Array:
    """The zero of y + step g_m(y) - x_m for every worker, by Newton's method with steps halved until they pay.

    Hessians are Hessian-vector products with unit vectors, difference quotients where a problem has none.  Refused
    where y + step g(y) is not increasing (step above 1/weak on a weakly convex function) or nothing is found.
    """
    y, step = np.array(x, dtype=np.float64), np.asarray(step, dtype=np.float64)

    def residual(y: Array) -> Array:
        return np.asarray(y + step * problem.gradient(y) - x)

    here = residual(y)
    size = np.linalg.norm(here, axis=-1)
    enough = PROX_TOLERANCE * (np.linalg.norm(x, axis=-1) + size)
    for _ in range(MOST_NEWTON_STEPS):
        if not (size > enough).any():
            return y
        slopes = np.eye(problem.dimension) + step[..., None] * _hessians(problem, y)
        if np.linalg.eigvalsh(slopes).min() <= 0:
            raise TightrateError("a proximal step must be below 1/weak on weakly convex functions: take a smaller one")
        move = -np.linalg.solve(slopes, here[..., None])[..., 0]
        fraction = np.where(size > enough, 1.0, 0.0)
        for _ in range(60):
            there = residual(y + fraction[..., None] * move)
            now = np.linalg.norm(there, axis=-1)
            worse = now > (1 - fraction / 4) * size
            if not worse.any():
                break
            fraction = np.where(worse, fraction / 2, fraction)
        better = now < size
        if not (better & (size > enough)).any():
            break
        y = np.where(better[..., None], y + fraction[..., None] * move, y)
        here, size = np.where(better[..., None], there, here), np.where(better, now, size)
    if (size > 1e3 * enough).any():
        raise TightrateError("a proximal step was not found to 1e-9: is the function smooth?")
    return y


def _hessians(problem: Problem, y: Array) -> Array:
    """Every worker's Hessian at its own point, (..., M, d, d)."""
    axes = np.eye(problem.dimension)
    try:
        columns = [problem.hessian_vector_product(y, np.broadcast_to(axis, y.shape)) for axis in axes]
    except TightrateError:
        width = 1e-5 * (1 + np.abs(y).max())
        columns = [
            (problem.gradient(y + width * axis) - problem.gradient(y - width * axis)) / (2 * width) for axis in axes
        ]
    found = np.stack(columns, axis=-1)
    return (found + np.swapaxes(found, -1, -2)) / 2


@dataclass(frozen=True)
class Measured:
    """One constant as claimed and as measured, beside the natural scale of its unit (L, L B or B).

    A constant is a supremum or an infimum; `attained` is False where no point attains it, so that the measured
    value only comes close (here: to rounding, at points far enough out).
    """

    name: str
    claimed: Array
    measured: Array
    scale: Array
    attained: bool = True

    @property
    def relative_error(self) -> float:
        """The largest |claimed - measured| over the batch, relative to the constant or to 1e-6 of its scale.

        The floor lets a constant that vanishes exactly (a common optimum) be measured as rounding noise.  An
        infinite constant must be measured as infinite, and nothing else may be.
        """
        claimed, measured, scale = np.broadcast_arrays(self.claimed, self.measured, self.scale)
        finite = np.isfinite(claimed) & np.isfinite(measured)
        size = np.maximum(np.abs(claimed), 1e-6 * np.abs(scale))
        difference = np.abs(np.subtract(claimed, measured, out=np.zeros(claimed.shape), where=finite))
        error = np.divide(difference, size, out=np.zeros(claimed.shape), where=difference > 0)
        return float(np.max(np.where(finite | (claimed == measured), error, np.inf)))


PROBLEMS: Registry[Callable[..., Problem]] = Registry("tightrate.constructions", "problem")
