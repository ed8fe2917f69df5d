"""Rounds of a linear algorithm on quadratic workers as affine maps with noise on the server's coordinates.

A local step is an affine map with noise on a worker's buffers, K of them its K-th power; the workers start a round
from the same server state and are then averaged.  Where the workers' Hessians commute all of this happens for each
eigenvalue alone, otherwise on blocks of the size of the dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import IsotropicNoise, Noise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Array
from tightrate.simulator.exact.affine_gaussian import AffineGaussian
from tightrate.simulator.exact.linear_form import RoundForm

COMMUTE_TOLERANCE = 1e-13


@dataclass(frozen=True)
class Spectrum:
    """Quadratic workers in the coordinates in which their Hessians are diagonal.

    `curvatures` (batch, M, d) and `pull`, the workers' gradients at x* (batch, M, d), are in the columns of `bases`:
    one basis (batch, d, d) for all workers where their Hessians commute, one for each (batch, M, d, d) otherwise,
    None where the Hessians are diagonal as they are.  Workers with equal Hessians are listed once: their pulls
    average to zero.
    """

    curvatures: Array
    pull: Array
    bases: Array | None
    workers: int

    @classmethod
    def of(cls, problem: Problem) -> Spectrum:
        """The spectrum of quadratic workers; other problems are refused."""
        if not isinstance(problem, QuadraticWorkers | DiagonalQuadratics):
            raise TightrateError(
                f"exact moments exist for quadratic workers only, not for {type(problem).__name__}: use method sample"
            )
        displacements = problem.optimum[..., None, :] - problem.minimizers
        lead = (1,) if problem.optimum.ndim == 1 else problem.optimum.shape[:-1]
        M, d = problem.workers, problem.dimension
        displacements = displacements.reshape(*lead, M, d)
        if isinstance(problem, DiagonalQuadratics):
            return cls._once(problem.curvatures.reshape(*lead, M, d), displacements, None)
        hessians = problem.hessians.reshape(*lead, M, d, d)
        curvatures = np.diagonal(hessians, axis1=-2, axis2=-1)
        if np.count_nonzero(hessians) == np.count_nonzero(curvatures):
            return cls._once(curvatures, displacements, None)
        equal = bool((hessians == hessians[..., :1, :, :]).all())
        weights = np.ones(1) if equal else 1 + np.sqrt(2 + np.arange(M)) % 1  # a mixture that tells eigenspaces apart
        mixture = np.einsum("m,...mij->...ij", weights, hessians[..., :1, :, :] if equal else hessians)
        basis = np.linalg.eigh(mixture)[1]
        turned = np.swapaxes(basis, -1, -2)[..., None, :, :] @ hessians @ basis[..., None, :, :]
        curvatures = np.diagonal(turned, axis1=-2, axis2=-1)
        apart = np.abs(turned - curvatures[..., None] * np.eye(d)).max(axis=(-1, -2, -3))
        if np.all(apart <= COMMUTE_TOLERANCE * d * np.abs(hessians).max(axis=(-1, -2, -3))):
            return cls._once(curvatures, _modes(basis[..., None, :, :], displacements), basis)
        curvatures, own = (
            part.reshape(*lead, *part.shape[-(part.ndim - len(problem.hessians.shape[:-3])) :])
            for part in problem.spectrum
        )
        curvatures = _without_rounding(curvatures)
        return cls(curvatures, curvatures * _modes(own, displacements), own, M)

    @classmethod
    def _once(cls, curvatures: Array, displacements: Array, basis: Array | None) -> Spectrum:
        curvatures, M = _without_rounding(curvatures), curvatures.shape[-2]
        if (curvatures == curvatures[..., :1, :]).all():
            return cls(curvatures[..., :1, :], np.zeros_like(displacements[..., :1, :]), basis, M)
        return cls(curvatures, curvatures * displacements, basis, M)

    @property
    def commute(self) -> bool:
        """Whether one basis serves all workers."""
        return self.bases is None or self.bases.ndim == 3

    @property
    def basis(self) -> Array:
        """The basis of all workers (batch, d, d), or those of each where they differ."""
        return np.eye(self.curvatures.shape[-1])[None] if self.bases is None else self.bases

    def to_modes(self, x: Array) -> Array:
        """A vector (..., d) in the coordinates that the rounds are followed in."""
        return x if self.bases is None or not self.commute else _modes(self.bases, x)

    def from_modes(self, x: Array) -> Array:
        """The inverse of `to_modes`, for vectors (replica, rounds, d)."""
        if self.bases is None or not self.commute:
            return x
        return np.asarray((self.bases[:, None] @ x[..., None])[..., 0])


def _modes(basis: Array, x: Array) -> Array:
    return np.asarray((np.swapaxes(basis, -1, -2) @ x[..., None])[..., 0])


def _without_rounding(curvatures: Array) -> Array:
    """Curvatures that are rounding noise beside the largest one are zero."""
    return np.where(np.abs(curvatures) < 1e-15 * np.abs(curvatures).max(axis=(-1, -2), keepdims=True), 0.0, curvatures)


def noise_variances(noise: Noise | None, problem: Problem, spectrum: Spectrum) -> Array:
    """Variances of the gradient noise by worker and coordinate, broadcasting with (batch, M, d)."""
    if noise is None or isinstance(noise, IsotropicNoise):
        return np.full((1, 1, 1), 0.0 if noise is None else noise.variance / problem.dimension)
    workers = range(problem.workers)
    if any(noise.on(m, 1) != noise.on(m, 0) for m in workers):
        raise TightrateError("exact moments need noise that is the same at every step: use method sample")
    variances = np.array([noise.on(m).levels(2.0, problem.dimension) ** 2 for m in workers])[None]
    if spectrum.bases is not None and np.ptp(variances, axis=-1).max() > 0:
        raise TightrateError(
            "exact moments need noise with equal coordinates unless all Hessians are diagonal: use method sample"
        )
    once = spectrum.curvatures.shape[-2] == 1
    return variances.mean(axis=1, keepdims=True) if once else variances


def local_maps(form: RoundForm, spectrum: Spectrum, K: Array, variances: Array) -> AffineGaussian:
    """K local steps of every worker on its buffers, (replica, worker, dimension, ...)."""
    gradient = form.push[:, :, None] * form.point[:, None, :]
    noise = form.push[:, :, None] * form.push[:, None, :]
    return AffineGaussian(
        form.step[:, None, None] + spectrum.curvatures[..., None, None] * gradient[:, None, None],
        spectrum.pull[..., None] * form.push[:, None, None],
        variances[..., None, None] * noise[:, None, None],
    ).power(K[:, None, None])


class QuadraticRounds:
    """The server's coordinates round by round, in blocks that evolve apart.

    Where Hessians commute there are d blocks of size p (the number of coordinates of the linear form), otherwise a
    single block of size p d with the index (coordinate, dimension).  Maps are shaped (replica, 1, block, ...): the
    second axis is that of the rounds at which the run is looked at.
    """

    def __init__(self, form: RoundForm, spectrum: Spectrum, K: Array, variances: Array) -> None:
        self.form, self.spectrum = form, spectrum
        local = local_maps(form, spectrum, K, variances)
        gather = (lambda part: part.mean(axis=1)) if spectrum.commute else partial(_rotated, spectrum.basis)
        self._change, self._shift, self._covariance = (
            gather(part)[:, None] for part in (local.change, local.shift, local.covariance)
        )
        self._covariance = self._covariance / spectrum.workers

    def start(self, displacement: Array) -> Array:
        """The coordinates at the start, (replica, block, ...), from x_0 - x* (replica, d)."""
        start = self.form.start[:, :, None] * self.spectrum.to_modes(displacement)[:, None, :]
        return np.swapaxes(start, 1, 2) if self.spectrum.commute else start.reshape(len(start), 1, -1)

    def lift(self, matrix: Array) -> Array:
        """A matrix on coordinates as one on blocks: (..., i, j) to (..., block, i, j)."""
        if self.spectrum.commute:
            return matrix[..., None, :, :]
        d = self.spectrum.curvatures.shape[-1]
        lifted = np.einsum("...ij,ab->...iajb", matrix, np.eye(d))
        return np.asarray(lifted).reshape(*matrix.shape[:-2], 1, matrix.shape[-2] * d, matrix.shape[-1] * d)

    def maps(self, r: NDArray[np.int64] | None) -> AffineGaussian:
        """The map of every round, or of each of these rounds along a new first axis."""
        sync = self.form.synchronization(r)
        drift, collect = self.lift(sync.drift[..., None, :, :]), self.lift(sync.collect[..., None, :, :])
        return AffineGaussian(
            drift + collect @ self._change @ self.lift(self.form.spread),
            (collect @ self._shift[..., None])[..., 0],
            collect @ self._covariance @ np.swapaxes(collect, -1, -2),
        )


def _rotated(bases: Array, part: Array) -> Array:
    """The workers' average in the original coordinates, of what is diagonal in each worker's own basis.

    Vectors (replica, M, d, w) become (replica, 1, w d), matrices (replica, M, d, w, w) become (replica, 1, w d, w d).
    """
    w, d = part.shape[-1], bases.shape[-1]
    if part.ndim == 4:
        turned = (bases @ part).mean(axis=1)  # (replica, d, w)
        return np.asarray(np.swapaxes(turned, -1, -2).reshape(len(turned), 1, w * d))
    back = np.swapaxes(bases, -1, -2)
    blocks = [[((bases * part[..., None, :, a, b]) @ back).mean(axis=1) for b in range(w)] for a in range(w)]
    return np.block(blocks)[:, None]
