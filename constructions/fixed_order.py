"""Linear algebra in one fixed order of additions: an instance has the same bits on every CPU and BLAS library.

LAPACK chooses signs and rotations of bases freely, and BLAS adds in an order of its own on every kind of CPU.  What
an instance is made of is small, so that plain loops over its dimension, each over a whole batch, are fast enough here.
"""

from __future__ import annotations

from math import frexp

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SECTIONS = 63  # points at which an interval with an eigenvalue is cut: six more bits of it in every round
ROUNDS = 200  # more than any interval of floats needs
INVERSE_ITERATIONS = 4


def apply(matrices: Array, vectors: Array) -> Array:
    """Matrix times vector over all leading axes.

    >>> apply(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]))
    array([21., 43.])
    """
    return np.asarray(np.einsum("...ij,...j->...i", matrices, vectors))


def product(left: Array, right: Array) -> Array:
    """Matrix times matrix over all leading axes."""
    return np.asarray(np.einsum("...ij,...jk->...ik", left, right))


def inner(left: Array, right: Array) -> Array:
    """Scalar products over all leading axes."""
    return np.asarray(np.einsum("...i,...i->...", left, right))


def length(vectors: Array) -> Array:
    """Euclidean lengths over all leading axes."""
    return np.asarray(np.sqrt(inner(vectors, vectors)))


def _reflector(vectors: Array) -> Array:
    """Unit v with (1 - 2 v v') x on the first axis, for each x (..., n); zero where x is zero."""
    found = vectors.copy()
    found[..., 0] += np.where(vectors[..., 0] < 0, -1.0, 1.0) * length(vectors)
    size = length(found)
    return np.asarray(found / np.where(size > 0, size, 1.0)[..., None])


def _reflect(matrices: Array, v: Array) -> None:
    """(1 - 2 v v') times the matrices, in place."""
    matrices -= 2 * v[..., :, None] * np.einsum("...i,...ij->...j", v, matrices)[..., None, :]


def orthonormal(matrices: Array) -> Array:
    """The orthogonal factor of square matrices (..., d, d), by Householder's reflections.

    >>> q = orthonormal(np.array([[3.0, 1.0], [4.0, 2.0]]))
    >>> np.abs(np.round(q.T @ q, 12)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    d = matrices.shape[-1]
    triangle = np.array(matrices, dtype=np.float64)
    found = np.array(np.broadcast_to(np.eye(d), triangle.shape))
    reflectors = []
    for k in range(d - 1):
        reflectors.append(_reflector(triangle[..., k:, k]))
        _reflect(triangle[..., k:, k:], reflectors[-1])
    for k in reversed(range(d - 1)):
        _reflect(found[..., k:, :], reflectors[k])
    return found


def solve(matrices: Array, vectors: Array) -> Array:
    """x with A x = b for nonsingular A (..., d, d) and b (..., d): elimination with the largest pivot of a column."""
    d = matrices.shape[-1]
    shape = np.broadcast_shapes(matrices.shape[:-1], vectors.shape)
    left = np.array(np.broadcast_to(matrices, (*shape, d))).reshape(-1, d, d)
    right = np.array(np.broadcast_to(vectors, shape)).reshape(-1, d)
    rows = np.arange(len(left))
    for k in range(d):
        pivot = k + np.abs(left[:, k:, k]).argmax(axis=-1)
        for side in (left, right):
            side[rows, pivot], side[:, k] = side[:, k].copy(), side[rows, pivot].copy()
        factors = left[:, k + 1 :, k] / left[:, k, None, k]
        left[:, k + 1 :] -= factors[:, :, None] * left[:, None, k]
        right[:, k + 1 :] -= factors * right[:, k, None]
    for k in reversed(range(d)):
        right[:, k] = (right[:, k] - inner(left[:, k, k + 1 :], right[:, k + 1 :])) / left[:, k, k]
    return right.reshape(shape)


def eigenvalue_range(matrices: Array) -> tuple[Array, Array]:
    """The smallest and the largest eigenvalue of symmetric matrices (..., d, d).

    >>> [value.item() for value in eigenvalue_range(np.array([[2.0, 1.0], [1.0, 2.0]]))]
    [1.0, 3.0]
    """
    d = matrices.shape[-1]
    scale = _power_of_two(np.abs(matrices).max(axis=(-1, -2), initial=0.0))
    diagonal, beside, _ = _tridiagonal(matrices / scale[..., None, None])
    if d == 1:
        ends = diagonal[..., 0], diagonal[..., 0]
    elif d == 2:
        middle, half = diagonal.sum(axis=-1) / 2, (diagonal[..., 0] - diagonal[..., 1]) / 2
        reach = np.hypot(half, beside[..., 0])
        ends = middle - reach, middle + reach
    else:
        ends = _bisected(diagonal, beside, 1), _bisected(diagonal, beside, d)
    low, high = ((end * scale) for end in ends)
    return np.asarray(low), np.asarray(high)


def spectral_norm(matrices: Array) -> Array:
    """The largest absolute eigenvalue of symmetric matrices (..., d, d)."""
    low, high = eigenvalue_range(matrices)
    return np.maximum(-low, high)


def extreme_eigenvectors(matrix: Array) -> tuple[Array, Array]:
    """A unit eigenvector of the smallest and one of the largest eigenvalue of a symmetric matrix (d, d).

    >>> low, high = extreme_eigenvectors(np.diag([3.0, 1.0, 2.0]))
    >>> np.abs(np.round(low, 12)).tolist(), np.abs(np.round(high, 12)).tolist()
    ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0])
    """
    d = len(matrix)
    diagonal, beside, reflectors = _tridiagonal(matrix / _power_of_two(np.abs(matrix).max()))
    whole = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    found = []
    for number in (1, d):
        eigenvalue = _bisected(diagonal, beside, number)
        shifted = whole - (eigenvalue + (2 * (number == d) - 1) * 1e-14) * np.eye(d)  # just outside, not singular
        vector = np.linspace(1.0, 2.0, d)
        for _ in range(INVERSE_ITERATIONS):
            vector = solve(shifted, vector)
            vector /= length(vector)
        for k, v in reversed(list(enumerate(reflectors))):
            vector[k + 1 :] -= 2 * v * inner(v, vector[k + 1 :])
        found.append(vector)
    return found[0], found[1]


def _power_of_two(sizes: Array) -> Array:
    """A power of two near each size, by which to divide without rounding; 1 for zero."""
    powers = [2.0 ** (frexp(size)[1] - 1) if size > 0 else 1.0 for size in np.ravel(sizes)]
    return np.array(powers).reshape(np.shape(sizes))


def _tridiagonal(matrices: Array) -> tuple[Array, Array, list[Array]]:
    """Diagonal (..., d) and off-diagonal (..., d - 1) of an orthogonally similar matrix, and the reflectors."""
    d = matrices.shape[-1]
    work = np.array(matrices, dtype=np.float64)
    reflectors = []
    for k in range(d - 2):
        v = _reflector(work[..., k + 1 :, k])
        _reflect(work[..., k + 1 :, k:], v)
        _reflect(np.swapaxes(work[..., k:, k + 1 :], -1, -2), v)
        reflectors.append(v)
    index = np.arange(d)
    return work[..., index, index], work[..., index[1:], index[:-1]], reflectors


def _bisected(diagonal: Array, beside: Array, number: int) -> Array:
    """Eigenvalue `number` (1: the smallest) of symmetric tridiagonal matrices, by Sturm's count, to the last bit."""
    reach = np.abs(np.pad(beside, [(0, 0)] * (beside.ndim - 1) + [(1, 1)]))
    reach = reach[..., 1:] + reach[..., :-1]
    low, high = (diagonal - reach).min(axis=-1), (diagonal + reach).max(axis=-1)
    shares = np.arange(1, SECTIONS + 1) / (SECTIONS + 1)
    squares = beside**2
    for _ in range(ROUNDS):
        points = low[..., None] + (high - low)[..., None] * shares
        at_most = _count_below(diagonal, squares, points) < number
        below = np.where(at_most, points, -np.inf).max(axis=-1)
        above = np.where(at_most, np.inf, points).min(axis=-1)
        new_low, new_high = np.maximum(low, below), np.minimum(high, above)
        if np.all((new_low == low) & (new_high == high)):
            break
        low, high = new_low, new_high
    return np.asarray((low + high) / 2)


def _count_below(diagonal: Array, squares: Array, points: Array) -> NDArray[np.int_]:
    """How many eigenvalues lie below each point (..., n)."""
    smallest = np.finfo(np.float64).tiny
    quotient = diagonal[..., :1] - points
    count = (quotient < 0).astype(np.int_)
    for i in range(1, diagonal.shape[-1]):
        divisor = np.where(quotient == 0, smallest, quotient)
        with np.errstate(over="ignore"):
            quotient = diagonal[..., i : i + 1] - points - squares[..., i - 1 : i] / divisor
        count += quotient < 0
    return count
