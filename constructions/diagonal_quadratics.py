"""Quadratic workers with diagonal Hessians: everything that costs d^2 on dense ones costs d here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.problem import Array, Measured, Problem
from tightrate.constructions.quadratics import CONSTANT_SCALES, RANK_TOLERANCE, QuadraticWorkers, prox_fraction


@dataclass(frozen=True, eq=False)
class DiagonalQuadratics(Problem):
    """F_m(x) = sum_i a_mi (x_i - x_mi)^2 / 2 with `curvatures` a (..., M, d) >= 0 and `minimizers` x_m (..., M, d).

    The same constants, by the same names, as `QuadraticWorkers`, whose arrays `hessians` and `mean_hessian` are
    made on demand.  `optimum` may be given where no worker sees a coordinate or where it is known in closed form.
    """

    curvatures: Array
    minimizers: Array
    known_optimum: Array | None = field(default=None)

    def __post_init__(self) -> None:
        curvatures = np.asarray(self.curvatures, dtype=np.float64)
        minimizers = np.asarray(self.minimizers, dtype=np.float64)
        if curvatures.ndim < 2 or minimizers.shape != curvatures.shape:
            raise TightrateError(
                "curvatures and minimizers must both be shaped (..., M, d),"
                f" not {curvatures.shape} and {minimizers.shape}"
            )
        if not (np.isfinite(curvatures).all() and np.isfinite(minimizers).all()):
            raise TightrateError("curvatures and minimizers must be finite")
        if curvatures.min(initial=0.0) < 0:
            raise TightrateError(f"curvatures must not be negative, but the least is {curvatures.min():g}")
        object.__setattr__(self, "curvatures", curvatures)
        object.__setattr__(self, "minimizers", minimizers)

    @property
    def workers(self) -> int:
        return int(self.curvatures.shape[-2])

    @property
    def dimension(self) -> int:
        return int(self.curvatures.shape[-1])

    @cached_property
    def mean_curvature(self) -> Array:
        """The diagonal of the average Hessian, shape (..., d)."""
        return np.asarray(self.curvatures.mean(axis=-2))

    @cached_property
    def optimum(self) -> Array:
        if self.known_optimum is not None:
            return self.known_optimum
        if self.mean_curvature.min() <= RANK_TOLERANCE**2 * self.mean_curvature.max():
            raise TightrateError("no worker sees some coordinate, so the optimum is not unique: give known_optimum")
        return np.asarray((self.curvatures * self.minimizers).mean(axis=-2) / self.mean_curvature)

    @cached_property
    def constants(self) -> Mapping[str, Array]:
        return _constants(self.curvatures, self.minimizers, self.optimum)

    @property
    def hessians(self) -> Array:
        """The dense Hessians, (..., M, d, d)."""
        return self.curvatures[..., :, None] * np.eye(self.dimension)

    @property
    def mean_hessian(self) -> Array:
        """The dense average Hessian, (..., d, d)."""
        return self.mean_curvature[..., :, None] * np.eye(self.dimension)

    def dense(self) -> QuadraticWorkers:
        """The same problem with dense Hessians."""
        return QuadraticWorkers(self.hessians, self.minimizers, known_optimum=self.optimum)

    def gradient(self, x: Array) -> Array:
        return self.curvatures * (x - self.minimizers)

    def value(self, x: Array) -> Array:
        """sum_i a_mi (x_i - x_mi)^2 / 2."""
        return np.asarray((self.curvatures * (x - self.minimizers) ** 2).sum(axis=-1)) / 2

    def hessian_vector_product(self, x: Array, v: Array) -> Array:
        """a_m v, wherever x is."""
        return self.curvatures * np.broadcast_to(v, np.broadcast_shapes(np.shape(x), np.shape(v)))

    def prox(self, x: Array, step: Array | float) -> Array:
        """x_i - a_mi/(1/step + a_mi) (x_i - x_mi)."""
        return np.asarray(x - prox_fraction(self.curvatures, step) * (x - self.minimizers))

    def gap(self, x: Array) -> Array:
        """sum_i a_i (x_i - x*_i)^2 / 2 with the mean curvatures a."""
        return np.asarray((self.mean_curvature * (x - self.optimum) ** 2).sum(axis=-1)) / 2

    def self_check(self) -> tuple[Measured, ...]:
        """Measure each constant with calls of `gradient` only.

        The gradient's change along the all-ones vector is the diagonal; that there is nothing off the diagonal
        shows in its change along a second vector, whose entries are all different.
        """
        shape = self.minimizers.shape
        length = np.abs(self.minimizers).max(axis=(-1, -2), keepdims=True)
        length = np.where(length > 0, length, 1.0)
        uneven = 1.5 + np.cos(1.0 + np.arange(self.dimension))
        at_zero = self.gradient(np.zeros(shape))
        ahead, behind, bent = (
            self.gradient(np.broadcast_to(length * v, shape)) for v in (np.ones(self.dimension), -1.0, uneven)
        )
        curvatures = (ahead - at_zero) / length
        largest = curvatures.max(axis=(-1, -2), keepdims=True)
        seen = curvatures > RANK_TOLERANCE * largest
        # Where a worker is flat every point minimizes it; the claim is about the stored choice.
        minimizers = np.where(seen, -np.divide(at_zero, curvatures, out=np.zeros(shape), where=seen), self.minimizers)
        off_diagonal = np.abs((bent - at_zero) / length - curvatures * uneven).max(axis=(-1, -2), keepdims=True)
        off_diagonal = np.where(off_diagonal <= 1e-13 * largest, 0.0, off_diagonal)
        curvatures = np.where(seen, curvatures, 0.0) + off_diagonal  # a coupling spoils every measured curvature
        flat = curvatures.mean(axis=-2) <= 0
        pulls, total = (curvatures * minimizers).sum(axis=-2), curvatures.sum(axis=-2)
        optimum = np.divide(pulls, total, where=~flat, out=np.array(np.broadcast_to(self.optimum, flat.shape)))
        measured = dict(_constants(curvatures, minimizers, optimum))
        third = np.linalg.norm(ahead + behind - 2 * at_zero, axis=-1).max(axis=-1)
        scale = length[..., 0, 0]
        measured["Q"] = third / scale**2
        units = {"curvature": self.constants["L"], "length": scale, "gradient": self.constants["L"] * scale}
        units["third"] = self.constants["L"] / scale
        return tuple(
            Measured(name, self.constants[name], measured[name], units[unit]) for name, unit in CONSTANT_SCALES.items()
        )


def _constants(curvatures: Array, minimizers: Array, optimum: Array) -> Mapping[str, Array]:
    """Every constant from the curvatures, the minimizers and the optimum."""
    displacements = minimizers - optimum[..., None, :]
    norms = np.linalg.norm(curvatures * displacements, axis=-1)
    largest = curvatures.max(axis=(-1, -2))
    return {
        "L": largest,
        "mu": curvatures.min(axis=(-1, -2)),
        "tau": (curvatures.max(axis=-2) - curvatures.min(axis=-2)).max(axis=-1),
        "tau_mean": np.abs(curvatures - curvatures.mean(axis=-2, keepdims=True)).max(axis=(-1, -2)),
        "zeta_star": np.sqrt(np.mean(norms**2, axis=-1)),
        "zeta_mean": norms.mean(axis=-1),
        "zeta_opt": largest * np.sqrt(np.mean(np.linalg.norm(displacements, axis=-1) ** 2, axis=-1)),
        "B": np.linalg.norm(optimum, axis=-1),
        "Q": np.zeros_like(largest),
    }
