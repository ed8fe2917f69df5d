"""Rounds in which only some workers take part, drawn anew each time: the first two moments in closed form.

With S of M workers, uniformly without replacement, the mean over those that take part has the mean over all for its
expectation, and (M - S)/(S (M - 1)) times the workers' spread for the variance that the draw adds.  On linear
methods each worker's result is affine in the server's coordinates c, so the spread is quadratic in c, and the
covariance C of c, the square N of its mean and the mean itself move together by one affine map from round to round:

    C <- F C F' + rho mean_m [F_m (C + N) F_m' + F_m e f_m' + f_m e' F_m' + f_m f_m'] + Q / S
    N <- (F e + f)(F e + f)',   e <- F e + f

with e = E c, the mean map F, f over all workers and the deviations F_m, f_m of worker m from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Array
from tightrate.simulator.exact.affine_gaussian import AffineGaussian
from tightrate.simulator.exact.linear_form import RoundForm
from tightrate.simulator.exact.quadratic_rounds import QuadraticRounds, Spectrum, local_maps

LARGEST_BLOCK = 24  # coordinates that evolve together: their moments are 2 n^2 + n numbers


def every_worker(problem: Problem) -> Spectrum:
    """The spectrum with every worker listed, those with equal Hessians too: a draw does not average their pulls."""
    found = Spectrum.of(problem)
    if found.curvatures.shape[-2] == problem.workers:
        return found
    assert isinstance(problem, QuadraticWorkers | DiagonalQuadratics)
    displacements = problem.optimum[..., None, :] - problem.minimizers
    displacements = displacements.reshape(-1, *displacements.shape[-2:])
    if found.bases is not None:
        displacements = (np.swapaxes(found.bases, -1, -2)[:, None] @ displacements[..., None])[..., 0]
    curvatures = np.broadcast_to(found.curvatures, displacements.shape)
    return Spectrum(curvatures, curvatures * displacements, found.bases, problem.workers)


class SampledRounds(QuadraticRounds):
    """The rounds of `QuadraticRounds` with `clients` of the workers taking part; `spectrum` lists every worker.

    Blocks hold the vector (C, N, e) of the module's text, C and N row by row.  Where Hessians commute the
    blocks, one for each eigenvalue, are correlated through the draw; each block's own moments are exact.
    """

    def __init__(self, form: RoundForm, spectrum: Spectrum, K: Array, variances: Array, clients: int) -> None:
        super().__init__(form, spectrum, K, variances)
        M, self._clients = spectrum.workers, clients
        self._draw = (M - clients) / (clients * (M - 1)) if M > 1 else 0.0
        local = local_maps(form, spectrum, K, variances)
        parts = [(local.change[:, m], local.shift[:, m]) for m in range(M)]
        if not spectrum.commute:
            parts = [
                (_turned(spectrum.basis[:, m], change), _turned(spectrum.basis[:, m], shift))
                for m, (change, shift) in enumerate(parts)
            ]
        self._deviations = [(c[:, None] - self._change, b[:, None] - self._shift) for c, b in parts]
        size = self.lift(form.spread).shape[-1]
        if size > LARGEST_BLOCK:
            raise TightrateError(
                f"exact moments with sampled clients need blocks of at most {LARGEST_BLOCK} coordinates, not {size}:"
                " use method sample"
            )

    def maps(self, r: NDArray[np.int64] | None) -> AffineGaussian:
        """The map of (C, N, e) in every round, or in each of these rounds along a new first axis; nothing is random."""
        sync = self.form.synchronization(r)
        collect, spread = self.lift(sync.collect[..., None, :, :]), self.lift(self.form.spread)
        whole = super().maps(r)
        E, f = whole.change, whole.shift
        n = E.shape[-1]
        one = np.eye(n)
        F = E + one
        both = _kron(E, one) + _kron(one, E) + _kron(E, E)  # F x F - 1
        squares, crosses, constant = np.zeros_like(both), np.zeros((*both.shape[:-1], n)), np.zeros(both.shape[:-1])
        for change, shift in self._deviations:
            F_m, f_m = collect @ change @ spread, (collect @ shift[..., None])[..., 0]
            squares += _kron(F_m, F_m)
            crosses += _kron(F_m, f_m[..., None]) + _kron(f_m[..., None], F_m)
            constant += _kron(f_m[..., None], f_m[..., None])[..., 0]
        scale = self._draw / self.spectrum.workers
        noise = whole.covariance * self.spectrum.workers / self._clients
        outer = _kron(f[..., None], f[..., None])[..., 0]
        change = np.zeros((*E.shape[:-2], 2 * n * n + n, 2 * n * n + n))
        C, N, e = slice(0, n * n), slice(n * n, 2 * n * n), slice(2 * n * n, None)
        change[..., C, C], change[..., C, N], change[..., C, e] = (
            both + scale * squares,
            scale * squares,
            scale * crosses,
        )
        change[..., N, N], change[..., N, e] = both, _kron(F, f[..., None]) + _kron(f[..., None], F)
        change[..., e, e] = E
        total = np.concatenate([scale * constant + noise.reshape(*noise.shape[:-2], n * n), outer, f], axis=-1)
        return AffineGaussian(change, total, np.zeros_like(change))

    def packed(self, mean: Array, covariance: Array | None) -> Array:
        """(C, N, e) as one vector."""
        square = mean[..., :, None] * mean[..., None, :]
        C = np.zeros_like(square) if covariance is None else covariance
        flat = (*mean.shape[:-1], mean.shape[-1] ** 2)
        return np.concatenate([np.broadcast_to(C, square.shape).reshape(flat), square.reshape(flat), mean], axis=-1)

    def unpacked(self, vector: Array) -> tuple[Array, Array]:
        """Mean and covariance."""
        n = round((np.sqrt(8 * vector.shape[-1] + 1) - 1) / 4)
        return vector[..., 2 * n * n :], vector[..., : n * n].reshape(*vector.shape[:-1], n, n)


def _kron(a: Array, b: Array) -> Array:
    """Kronecker products over the leading axes."""
    product = a[..., :, None, :, None] * b[..., None, :, None, :]
    return np.asarray(product.reshape(*product.shape[:-4], a.shape[-2] * b.shape[-2], a.shape[-1] * b.shape[-1]))


def _turned(basis: Array, part: Array) -> Array:
    """What is diagonal in a worker's own basis (replica, d, d), in the original coordinates, as a single block."""
    w, d = part.shape[-1], basis.shape[-1]
    if part.ndim == 3:
        return np.asarray(np.swapaxes(basis @ part, -1, -2).reshape(len(part), 1, w * d))
    back = np.swapaxes(basis, -1, -2)
    return np.block([[(basis * part[:, None, :, a, b]) @ back for b in range(w)] for a in range(w)])[:, None]
