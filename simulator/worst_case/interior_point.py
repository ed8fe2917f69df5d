r"""An interior-point method for programmes whose matrices have low rank, as those of interpolation inequalities have.

    minimize  c'y   over y >= 0  with  B y = w  and  S_b = sum_k y_k A_kb - C_b  positive semidefinite in every block b,

with A_k a sum of a few squares, sign v v'.  The dual has a matrix X_b for every S_b, values f for B y = w and slacks z
for y >= 0:

    maximize  sum_b <C_b, X_b> + w'f   with   sum_b <A_kb, X_b> + (B'f)_k + z_k = c_k.

Newton's equations for X S = mu I and y z = mu in the direction of Helmberg, Rendl, Vanderbei and Wolkowicz (1996),
Kojima, Shindoh and Hara (1997) and Monteiro (1997), with Mehrotra's predictor and corrector.  Their matrix

    H_kl = sum_b <A_kb, X_b A_lb S_b^-1>   is a sum over pairs of vectors of   (v' X u)(v' S^-1 u):

a few products of small matrices, where a solver that does not know of the rank factorizes X times X.  A programme that
differs little from one that was solved starts from a point that the method passed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Array = NDArray[np.float64]
MOST_ITERATIONS = 80
TO_THE_BOUNDARY = 0.97
DIVERGED = 1e9
INSIDE = 1e-6  # far enough from the end for a similar programme to start there
STALLED = 6  # iterations without a smaller error, below STALLING, after which rounding is taken to forbid one
STALLING = 1e-6


@dataclass(frozen=True)
class LowRankProgramme:
    """`squares[b]` is (s, m, size of b): the s vectors v of every A_k, some of them 0; `signs` (s) are those of all."""

    cost: Array
    squares: tuple[Array, ...]
    signs: Array
    constant: tuple[Array, ...]
    balance: Array
    right: Array

    @property
    def size(self) -> int:
        """The number of unknowns and of rows of matrices together."""
        return len(self.cost) + sum(len(block) for block in self.constant)

    def matrices(self, y: Array) -> list[Array]:
        """sum_k y_k A_kb."""
        weights = (self.signs[:, None] * y).ravel()
        flat = [block.reshape(-1, block.shape[-1]) for block in self.squares]
        return [(vectors.T * weights) @ vectors for vectors in flat]

    def adjoint(self, matrices: Sequence[Array]) -> Array:
        """sum_b <A_kb, X_b>."""
        blocks = zip(self.squares, matrices, strict=True)
        each = sum(np.einsum("ski,ski->sk", block @ matrix, block) for block, matrix in blocks)
        return np.asarray(self.signs @ each)

    def newton(self, X_roots: Sequence[Array], S_inverse_roots: Sequence[Array]) -> Array:
        """The matrix H without the part of y >= 0, from roots with X = root root' and S^-1 = root root'."""
        m, slots = len(self.cost), range(len(self.signs))
        diagonal, mixed = np.zeros((m, m)), np.zeros((m, m))
        for block, x_root, s_root in zip(self.squares, X_roots, S_inverse_roots, strict=True):
            by_x, by_s = block @ x_root, block @ s_root
            for s in slots:
                for t in slots[: s + 1]:
                    product = by_x[s] @ by_x[t].T
                    product *= by_s[s] @ by_s[t].T
                    total = diagonal if s == t else mixed
                    if self.signs[s] * self.signs[t] > 0:
                        total += product
                    else:
                        total -= product
        diagonal += mixed
        diagonal += mixed.T
        return diagonal


@dataclass(frozen=True)
class Interior:
    """A point well inside the cones, from which another programme may start: `mu` is the mean of its products."""

    y: Array
    z: Array
    f: Array
    X: tuple[Array, ...]
    S: tuple[Array, ...]
    mu: float


@dataclass(frozen=True)
class Point:
    """Where the method ended; `error` is the largest of the gap and of what the equations miss; `inside` the last point
    on the way whose products are at least INSIDE, or the first."""

    y: Array
    X: tuple[Array, ...]
    f: Array
    dual: float
    primal: float
    iterations: int
    error: float
    inside: Interior | None


def cold_start(problem: LowRankProgramme) -> Interior:
    """Where nothing is known."""
    m = len(problem.cost)
    X, S = (tuple(np.eye(len(block)) for block in problem.constant) for _ in range(2))
    return Interior(np.ones(m), np.ones(m), np.zeros(len(problem.right)), X, S, 1.0)


def minimize(problem: LowRankProgramme, *, tolerance: float, start: Interior | None = None) -> Point:
    """Iterate until the gap and both residuals are at most `tolerance`, or no further."""
    m, blocks = len(problem.cost), len(problem.constant)
    first = start or cold_start(problem)
    y, z, f, X, S = first.y, first.z, first.f, list(first.X), list(first.S)
    best: Point | None = None
    best_error = np.inf
    inside: Interior | None = None
    for iteration in range(MOST_ITERATIONS):
        built = problem.matrices(y)
        r_matrix = [built[b] - problem.constant[b] - S[b] for b in range(blocks)]
        r_cost = problem.cost - problem.balance.T @ f - problem.adjoint(X) - z
        r_right = problem.right - problem.balance @ y
        dual = float(problem.cost @ y)
        primal = sum(float((c * x).sum()) for c, x in zip(problem.constant, X, strict=True)) + float(problem.right @ f)
        gap = sum(float((x * s).sum()) for x, s in zip(X, S, strict=True)) + float(y @ z)
        error = max(
            abs(dual - primal),
            gap,
            float(np.abs(r_cost).max()),
            float(np.abs(r_right).max(initial=0.0)),
            *(float(np.abs(r).max()) for r in r_matrix),
        )
        if error < best_error:
            best_error = error
            best = Point(y, tuple(X), f, dual, primal, iteration, error, None)
        if error <= tolerance or not np.isfinite(error) or y.max() > DIVERGED or error > 1e6 * best_error:
            break
        if best is not None and iteration - best.iterations >= STALLED and best_error < STALLING:
            break
        mu = gap / problem.size
        if mu >= INSIDE or inside is None:
            inside = Interior(y, z, f, tuple(X), tuple(S), mu)
        try:
            roots = [np.asarray(np.linalg.cholesky(s), dtype=np.float64) for s in S]
            x_roots = [np.asarray(np.linalg.cholesky(x), dtype=np.float64) for x in X]
            inverse_roots, x_inverse_roots = ([_inverse(root).T for root in several] for several in (roots, x_roots))
            inverses = [root @ root.T for root in inverse_roots]
            H = problem.newton(x_roots, inverse_roots)
            H[np.diag_indices(m)] += z / y
            factor = _cholesky(H)
            through = _solved(factor, problem.balance.T)
            schur = _cholesky(problem.balance @ through)
        except np.linalg.LinAlgError:
            break
        newton = _Newton(problem, y, z, X, inverses, H, factor, through, schur, r_cost, r_right, r_matrix)
        none = [np.zeros_like(s) for s in S]
        dy, df, dz, dS, dX = newton.direction(0.0, 0.0, none)
        primal_step = min(_longest(z, dz), *(_longest_matrix(x_inverse_roots[b], dX[b]) for b in range(blocks)))
        dual_step = min(_longest(y, dy), *(_longest_matrix(inverse_roots[b], dS[b]) for b in range(blocks)))
        after = sum(
            float(((X[b] + primal_step * dX[b]) * (S[b] + dual_step * dS[b])).sum()) for b in range(blocks)
        ) + float((y + dual_step * dy) @ (z + primal_step * dz))
        centring = min(1.0, max(1e-3, (after / gap) ** 2 if min(primal_step, dual_step) > 0.1 else 0.5))
        second = [dX[b] @ dS[b] for b in range(blocks)]
        dy, df, dz, dS, dX = newton.direction(centring * mu, dy * dz, second)
        primal_step = min(_longest(z, dz), *(_longest_matrix(x_inverse_roots[b], dX[b]) for b in range(blocks)))
        dual_step = min(_longest(y, dy), *(_longest_matrix(inverse_roots[b], dS[b]) for b in range(blocks)))
        if not max(primal_step, dual_step) > 1e-6:
            break
        y, z, f = y + dual_step * dy, z + primal_step * dz, f + primal_step * df
        X = [X[b] + primal_step * _sym(dX[b]) for b in range(blocks)]
        S = [S[b] + dual_step * _sym(dS[b]) for b in range(blocks)]
    assert best is not None  # the starting point is finite
    return replace(best, inside=inside)


@dataclass(frozen=True)
class _Newton:
    """Newton's equations at one point; `r_...` are what the point misses of the equations."""

    problem: LowRankProgramme
    y: Array
    z: Array
    X: Sequence[Array]
    inverses: Sequence[Array]
    H: Array
    factor: Array
    through: Array
    schur: Array
    r_cost: Array
    r_right: Array
    r_matrix: Sequence[Array]

    def direction(
        self, target: float, second_z: Array | float, second: Sequence[Array]
    ) -> tuple[Array, Array, Array, list[Array], list[Array]]:
        """The step in y, f, z, S, X towards X S = target I and y z = target, less the products of second order."""
        X, inverses, balance = self.X, self.inverses, self.problem.balance
        blocks = range(len(X))
        free = [target * inverses[b] - X[b] - _sym((X[b] @ self.r_matrix[b] + second[b]) @ inverses[b]) for b in blocks]
        free_z = (target - second_z) / self.y - self.z
        wanted = self.problem.adjoint(free) + free_z - self.r_cost
        dy, df = self._saddle(wanted, self.r_right)
        # one refinement, against the loss of digits near the end
        more_y, more_f = self._saddle(wanted - (self.H @ dy - balance.T @ df), self.r_right - balance @ dy)
        dy, df = dy + more_y, df + more_f
        moved = self.problem.matrices(dy)
        dS = [moved[b] + self.r_matrix[b] for b in blocks]
        dX = [free[b] - _sym(X[b] @ moved[b] @ inverses[b]) for b in blocks]
        return dy, df, free_z - self.z / self.y * dy, dS, dX

    def _saddle(self, wanted: Array, right: Array) -> tuple[Array, Array]:
        """H dy - B' df = wanted and B dy = right."""
        alone = _solved(self.factor, wanted)
        df = _solved(self.schur, right - self.problem.balance @ alone)
        return alone + self.through @ df, df


def _cholesky(matrix: Array) -> Array:
    """The factor of a matrix that rounding may have left not quite positive definite."""
    scale = np.maximum(np.diag(matrix), 1e-300)
    for shift in (0.0, 1e-15, 1e-13, 1e-11):
        factor, failed = lapack.dpotrf(matrix + np.diag(shift * scale) if shift else matrix, lower=1)
        if not failed:
            return np.asarray(factor)
    raise np.linalg.LinAlgError("not positive definite")


def _solved(factor: Array, right: Array) -> Array:
    return np.asarray(lapack.dpotrs(factor, right, lower=1)[0]).reshape(right.shape)


def _inverse(matrix: Array) -> Array:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _longest(at: Array, step: Array) -> float:
    """How far a positive vector may go, 1 at most."""
    shrinking = step < 0
    return min(1.0, TO_THE_BOUNDARY * float((-at[shrinking] / step[shrinking]).min(initial=np.inf)))


def _longest_matrix(inverse_root: Array, step: Array) -> float:
    """How far a positive definite matrix may go, 1 at most; its inverse is root root'."""
    least = float(np.linalg.eigvalsh(_sym(inverse_root.T @ step @ inverse_root))[0])
    return 1.0 if least >= 0 else min(1.0, -TO_THE_BOUNDARY / least)


def _sym(matrix: Array) -> Array:
    return np.asarray((matrix + matrix.T) / 2)
