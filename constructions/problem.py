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
    """M machines with objectives F_m on R^d and their average F.

    A problem may be a whole batch of instances: arrays then carry leading batch axes, which broadcast against the
    replica axis of a run.  `constants` maps alphabet names to the exact constants of each instance; `self_check`
    measures every one of them through the gradient oracle alone.
    """

    @property
    @abstractmethod
    def workers(self) -> int:
        """The number M of machines."""

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
        """Every machine's gradient at its own point: (..., M, d) to (..., M, d)."""

    @abstractmethod
    def gap(self, x: Array) -> Array:
        """F(x) - F(x*), computed without cancellation: (..., d) to (...)."""

    @abstractmethod
    def self_check(self) -> tuple[Measured, ...]:
        """Each claimed constant beside what the gradient oracle shows."""

    def value(self, x: Array) -> Array:  # noqa: ARG002
        """Every machine's objective at its own point, each up to its own constant: (..., M, d) to (..., M)."""
        raise TightrateError(f"{type(self).__name__} has no values, only gradients and the gap")

    def hessian_vector_product(self, x: Array, v: Array) -> Array:  # noqa: ARG002
        """Every machine's Hessian at its own point times its own vector: (..., M, d) twice to (..., M, d)."""
        raise TightrateError(f"{type(self).__name__} has no Hessian-vector product")


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
