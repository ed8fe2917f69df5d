"""Quadratic workers F_m(x) = (x - x_m)' A_m (x - x_m) / 2, possibly a whole batch of instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.fixed_order import apply, eigenvalue_range, solve, spectral_norm
from tightrate.constructions.problem import Array, Measured, Problem

SYMMETRY_TOLERANCE = 1e-12
RANK_TOLERANCE = 1e-12

CONSTANT_SCALES: Mapping[str, str] = {
    "L": "curvature",
    "mu": "curvature",
    "tau": "curvature",
    "tau_mean": "curvature",
    "zeta_star": "gradient",
    "zeta_mean": "gradient",
    "zeta_opt": "gradient",
    "B": "length",
    "Q": "third",
}


@dataclass(frozen=True, eq=False)
class QuadraticWorkers(Problem):
    """M quadratic workers with Hessians A_m (..., M, d, d) and minimizers x_m (..., M, d).

    `optimum` may be given where the average Hessian is singular or where it is known in closed form; otherwise it
    is A^{-1} mean A_m x_m.  All constants follow from the matrices:

    L, mu        largest and smallest eigenvalue over all workers
    tau          max over pairs of |A_m - A_n|;  tau_mean: max of |A_m - A|
    zeta_star    root mean square of |A_m (x_m - x*)|;  zeta_mean: their mean
    zeta_opt     L times the root mean square of |x_m - x*|
    B            |x*|, the distance from the start 0;  Q = 0

    Attributes:
        hessians: (..., M, d, d)
        minimizers: (..., M, d)
        known_optimum: (..., d), where it is not to be computed

    >>> workers = QuadraticWorkers(np.array([[[1.0]], [[2.0]]]), np.array([[0.0], [1.0]]))
    >>> workers.optimum.round(6).tolist()
    [0.666667]
    """

    hessians: Array
    minimizers: Array
    known_optimum: Array | None = field(default=None)

    def __post_init__(self) -> None:
        hessians = np.asarray(self.hessians, dtype=np.float64)
        minimizers = np.asarray(self.minimizers, dtype=np.float64)
        object.__setattr__(self, "hessians", hessians)
        object.__setattr__(self, "minimizers", minimizers)
        if hessians.ndim < 3 or hessians.shape[-1] != hessians.shape[-2] or minimizers.shape != hessians.shape[:-1]:
            raise TightrateError(
                "hessians must be shaped (..., M, d, d) and minimizers (..., M, d),"
                f" not {hessians.shape} and {minimizers.shape}"
            )
        if not (np.isfinite(hessians).all() and np.isfinite(minimizers).all()):
            raise TightrateError("hessians and minimizers must be finite")
        asymmetry = np.abs(hessians - np.swapaxes(hessians, -1, -2)).max(initial=0.0)
        if asymmetry > SYMMETRY_TOLERANCE * np.abs(hessians).max(initial=1.0):
            raise TightrateError(f"hessians must be symmetric; entries differ by {asymmetry:.3g}")

    @property
    def workers(self) -> int:
        return int(self.hessians.shape[-3])

    @property
    def dimension(self) -> int:
        return int(self.hessians.shape[-1])

    @cached_property
    def mean_hessian(self) -> Array:
        """A = mean A_m, shape (..., d, d)."""
        return np.asarray(self.hessians.mean(axis=-3))

    @cached_property
    def spectrum(self) -> tuple[Array, Array]:
        """Eigenvalues (..., M, d) of the Hessians in ascending order, and their eigenvectors as columns."""
        values, vectors = np.linalg.eigh(self.hessians)
        return values, vectors

    @cached_property
    def optimum(self) -> Array:
        if self.known_optimum is not None:
            return self.known_optimum
        pull = apply(self.hessians, self.minimizers).mean(axis=-2)
        if eigenvalue_range(self.mean_hessian)[0].min() <= RANK_TOLERANCE * np.abs(self.mean_hessian).max():
            raise TightrateError("the average Hessian is singular, so the optimum is not unique: give known_optimum")
        return solve(self.mean_hessian, pull)

    @cached_property
    def constants(self) -> Mapping[str, Array]:
        gradients = apply(self.hessians, self.optimum[..., None, :] - self.minimizers)
        return _constants(self.hessians, self.minimizers, self.optimum, gradients)

    def gradient(self, x: Array) -> Array:
        return _apply(self.hessians, x - self.minimizers)

    def value(self, x: Array) -> Array:
        """(x - x_m)' A_m (x - x_m) / 2."""
        displacement = x - self.minimizers
        return np.asarray(np.einsum("...i,...i->...", displacement, _apply(self.hessians, displacement))) / 2

    def hessian_vector_product(self, x: Array, v: Array) -> Array:
        """A_m v, wherever x is."""
        return _apply(self.hessians, np.broadcast_to(v, np.broadcast_shapes(np.shape(x), np.shape(v))))

    def prox(self, x: Array, step: Array | float) -> Array:
        """x - A_m (I/step + A_m)^{-1} (x - x_m), in the workers' eigenvectors."""
        curvatures, vectors = self.spectrum
        turned = _apply(np.swapaxes(vectors, -1, -2), x - self.minimizers)
        return np.asarray(x - _apply(vectors, prox_fraction(curvatures, step) * turned))

    def gap(self, x: Array) -> Array:
        """(x - x*)' A (x - x*) / 2, which is F(x) - F(x*) because the average gradient vanishes at x*."""
        displacement = x - self.optimum
        with np.errstate(over="ignore", invalid="ignore"):  # a diverged run has an infinite gap
            pull = (displacement[..., None, :] @ self.mean_hessian)[..., 0, :]
            return np.asarray((pull * displacement).sum(axis=-1)) / 2

    def self_check(self) -> tuple[Measured, ...]:
        """Measure each constant with calls of `gradient` only.

        A quadratic's Hessian column j is gradient(e_j) - gradient(0); its minimizer solves gradient = 0; the optimum
        is where the mean gradient vanishes; Q is the largest second difference of the gradient along an axis.
        """
        batch, d = self.minimizers.shape, self.dimension
        length = np.abs(self.minimizers).max(axis=(-1, -2))
        length = np.where(length > 0, length, 1.0)
        axes = length[..., None, None] * np.eye(d)[(slice(None), *[None] * length.ndim, None)]
        at_zero = self.gradient(np.zeros(batch))
        ahead, behind = (np.stack([self.gradient(axis) for axis in side]) for side in (axes, -axes))
        hessians = np.moveaxis((ahead - at_zero) / length[..., None, None], 0, -1)
        inverses = np.linalg.pinv(hessians, rcond=RANK_TOLERANCE, hermitian=True)
        minimizers = -_apply(inverses, at_zero)
        # A singular worker has many minimizers; the claim is about the nearest one to the stored choice.  One
        # refinement, because the workers may be ill-conditioned.
        minimizers = minimizers + (self.minimizers - _apply(inverses @ hessians, self.minimizers))
        minimizers = minimizers - _apply(inverses, self.gradient(minimizers))
        average = np.linalg.pinv(hessians.mean(axis=-3), rcond=RANK_TOLERANCE, hermitian=True)
        optimum = -_apply(average, at_zero.mean(axis=-2))
        slope = self.gradient(np.broadcast_to(optimum[..., None, :], batch)).mean(axis=-2)
        optimum = optimum - _apply(average, slope)
        gradients = self.gradient(np.broadcast_to(optimum[..., None, :], batch))
        bent = np.linalg.norm(ahead + behind - 2 * at_zero, axis=-1).max(axis=(0, -1))
        measured = {**_constants(hessians, minimizers, optimum, gradients), "Q": bent / length**2}
        units = {"curvature": self.constants["L"], "length": length}
        units["gradient"] = units["curvature"] * units["length"]
        units["third"] = units["curvature"] / length
        return tuple(
            Measured(name, self.constants[name], measured[name], units[scale])
            for name, scale in CONSTANT_SCALES.items()
        )


def prox_fraction(curvatures: Array, step: Array | float) -> Array:
    """a step / (1 + a step): the part of the way to its minimizer that a proximal step of a parabola goes."""
    a = np.asarray(np.maximum(curvatures, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(a == 0, 0.0, a / (1 / np.asarray(step, dtype=np.float64) + a)))


def _constants(hessians: Array, minimizers: Array, optimum: Array, gradients: Array) -> Mapping[str, Array]:
    """Every constant from the Hessians, the minimizers, the optimum and the workers' gradients there."""
    lowest, highest = eigenvalue_range(hessians)
    largest = highest.max(axis=-1)
    norms = np.linalg.norm(gradients, axis=-1)
    deviations = hessians - hessians.mean(axis=-3, keepdims=True)
    return {
        "L": largest,
        "mu": np.maximum(lowest.min(axis=-1), 0.0),
        "tau": _largest_pairwise_distance(hessians),
        "tau_mean": spectral_norm(deviations).max(axis=-1),
        "zeta_star": _root_mean_square(norms),
        "zeta_mean": norms.mean(axis=-1),
        "zeta_opt": largest * _root_mean_square(np.linalg.norm(minimizers - optimum[..., None, :], axis=-1)),
        "B": np.linalg.norm(optimum, axis=-1),
        "Q": np.zeros_like(largest),
    }


def _apply(matrices: NDArray[Any], vectors: Array) -> Array:
    """Matrix times vector over all leading axes."""
    return np.asarray((matrices @ vectors[..., None])[..., 0])


def _root_mean_square(values: Array) -> Array:
    return np.asarray(np.sqrt(np.mean(values**2, axis=-1)))


def _largest_pairwise_distance(hessians: Array) -> Array:
    """max over m, n of the spectral norm |A_m - A_n|."""
    workers = hessians.shape[-3]
    distances = [
        spectral_norm(hessians[..., m : m + 1, :, :] - hessians[..., :m, :, :]).max(axis=-1)
        for m in range(1, workers)
        if np.any(hessians[..., m : m + 1, :, :] != hessians[..., :m, :, :])
    ]
    return np.asarray(np.max(distances, axis=0)) if distances else np.zeros(hessians.shape[:-3])


def as_batch(*values: ArrayLike) -> tuple[Array, ...]:
    """Broadcast parameters to one common batch shape."""
    return tuple(np.array(v) for v in np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values)))
