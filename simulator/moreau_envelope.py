"""The Moreau envelope of a problem's average objective in a diagonal norm, and its proximal points.

With weights w > 0 the envelope is F_w(z) = min_y F(y) + sum_i w_i (y_i - z_i)^2 / 2, and the minimizer y is the
proximal point of z.  In the letters of cheng2024 eq. (5.1) w = H / gamma: gamma = lambda/L makes it L H / lambda, and
H = lambda I makes it L, the ordinary envelope with parameter 1/L.
"""

from __future__ import annotations

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.separable import SeparableWorkers
from tightrate.simulator.algorithm import Array

MOST_STEPS = 200
TOLERANCE = 1e-13  # of the first-order condition, relative to the sizes of its two parts


def mean_gradient(problem: Problem, x: Array) -> Array:
    """grad F at points (replica, d)."""
    everywhere = np.broadcast_to(x[:, None, :], (len(x), problem.workers, x.shape[-1]))
    return np.asarray(problem.gradient(everywhere).mean(axis=-2))


def proximal_point(problem: Problem, z: Array, weights: Array | float) -> Array:
    """argmin_y F(y) + sum_i w_i (y_i - z_i)^2 / 2 for points z and weights (replica, d).

    In closed form for quadratics, by Newton's method otherwise, to rounding.  Where F is weakly convex every weight
    must exceed the constant `weak`, so that the minimizer is unique.

    >>> from tightrate.constructions.coordinate_pair import coordinate_pair
    >>> proximal_point(coordinate_pair(L=2.0, B=1.0), np.zeros((1, 2)), 1.0).round(12).tolist()
    [[0.353553390593, 0.353553390593]]
    """
    w = np.broadcast_to(np.asarray(weights, dtype=np.float64), z.shape)
    weak = np.asarray(problem.constants.get("weak", 0.0))[..., None]
    if not (w > weak).all():
        raise TightrateError(
            f"a proximal point is unique for weights above the weak convexity {np.max(weak):g}, not for {np.min(w):g}"
        )
    if isinstance(problem, DiagonalQuadratics):
        return np.asarray(problem.optimum + w * (z - problem.optimum) / (problem.mean_curvature + w))
    if isinstance(problem, QuadraticWorkers):
        matrix = problem.mean_hessian + w[:, :, None] * np.eye(z.shape[-1])
        return np.asarray(problem.optimum + _solved(matrix, w * (z - problem.optimum)))
    return _newton(problem, z, w)


def envelope_gradient(problem: Problem, z: Array, weights: Array | float) -> Array:
    """grad F_w(z) = w (z - y), which is grad F at the proximal point y; (replica, d)."""
    return np.asarray(weights * (z - proximal_point(problem, z, weights)))


def envelope_gap(problem: Problem, z: Array, weights: Array | float) -> Array:
    """F_w(z) - F(x*), shape (replica,): the envelope has the minimum of F."""
    y = proximal_point(problem, z, weights)
    return np.asarray(problem.gap(y) + (weights * (z - y) ** 2).sum(axis=-1) / 2)


def _newton(problem: Problem, z: Array, w: Array) -> Array:
    """Newton's method on grad F(y) + w (y - z) = 0, steps halved until the residual falls."""

    def residual(y: Array) -> tuple[Array, Array]:
        slope, pull = mean_gradient(problem, y), w * (y - z)
        size = np.linalg.norm(slope, axis=-1) + np.linalg.norm(pull, axis=-1)
        return slope + pull, np.linalg.norm(slope + pull, axis=-1) / np.where(size > 0, size, 1.0)

    y = np.array(z)
    force, error = residual(y)
    for _ in range(MOST_STEPS):
        open_rows = error > TOLERANCE
        if not open_rows.any():
            return y
        direction, length = -_solved(_hessian(problem, y, w), force), np.ones((len(y), 1))
        for _ in range(60):
            moved = np.where(open_rows[:, None], y + length * direction, y)
            new_force, new_error = residual(moved)
            stuck = open_rows & ~(np.linalg.norm(new_force, axis=-1) < np.linalg.norm(force, axis=-1))
            if not stuck.any():
                break
            length = np.where(stuck[:, None], length / 2, length)
        if stuck[open_rows].all():  # no step makes it smaller: rounding is all that is left
            if error.max() <= np.sqrt(TOLERANCE):
                return y
            break
        keep = stuck[:, None]
        y, force = np.where(keep, y, moved), np.where(keep, force, new_force)
        error = np.where(stuck, np.where(error <= np.sqrt(TOLERANCE), 0.0, error), new_error)
    raise TightrateError(
        f"no proximal point was found within {MOST_STEPS} Newton steps: relative error {error.max():g}"
    )


def _hessian(problem: Problem, y: Array, w: Array) -> Array:
    """Hess F(y) + diag w, as its diagonal (replica, d) where coordinates are separate, else (replica, d, d)."""
    d = y.shape[-1]
    everywhere = np.broadcast_to(y[:, None, :], (len(y), problem.workers, d))
    if isinstance(problem, SeparableWorkers):
        return np.asarray(problem.hessian_vector_product(everywhere, np.ones_like(everywhere)).mean(axis=-2) + w)
    columns = [
        problem.hessian_vector_product(everywhere, np.broadcast_to(unit, everywhere.shape)).mean(axis=-2)
        for unit in np.eye(d)
    ]
    return np.stack(columns, axis=-1) + w[:, :, None] * np.eye(d)


def _solved(matrix: Array, right: Array) -> Array:
    """The solution of a diagonal system (replica, d) or of a full one (replica, d, d)."""
    if matrix.ndim == right.ndim:
        return right / matrix
    return np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0])
