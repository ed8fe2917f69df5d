"""Two curvatures that meet in a kink: the simplest function on which averaging local iterates is biased."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.parameters import at_most, batch, count, real
from tightrate.constructions.pieces import Kinked
from tightrate.constructions.problem import PROBLEMS, Array
from tightrate.constructions.separable import SeparableWorkers, alternating_tilts, average_root, placed


@PROBLEMS.add("asymmetric-quadratic")
def asymmetric_quadratic(
    *,
    L: ArrayLike = 1.0,
    mu: ArrayLike = 0.5,
    tau: ArrayLike = 0.0,
    zeta: ArrayLike = 0.0,
    slope: ArrayLike = 0.0,
    B: ArrayLike = 1.0,
    M: int = 2,
    d: int = 1,
) -> SeparableWorkers:
    """F_m(x) = sum_i (right_m u_+^2 + mu u_-^2)/2 - slope u +- (zeta/sqrt d) u with u = x_i - s_i.

    The right curvature is L on even workers and L - tau on odd ones, the tilt +zeta on even and -zeta on odd
    workers; `slope` moves the optimum off the kink, to the right where it is positive, and is what a convex
    instance (mu = 0) needs for a minimizer.  x* = (B/sqrt d)(1, ..., 1).  On a quadratic the mean local iterate does
    not depend on how often workers communicate; here it does, because noise or tilts see both curvatures.

    >>> float(asymmetric_quadratic(zeta=0.3).constants["zeta_star"])
    0.3
    """
    workers, dimension = count("M", M), count("d", d)
    smoothness, convexity, spread, tilt, distance = batch(L=L, mu=mu, tau=tau, zeta=zeta, B=B, may_vanish=("mu", "B"))
    common = np.broadcast_to(real("slope", slope), np.broadcast_shapes(np.shape(slope), smoothness.shape))
    left, right = two_sided(smoothness, convexity, spread, workers)
    if np.any((convexity == 0) & (common <= 0)):
        raise TightrateError("with mu = 0 the left side is flat: give slope > 0, which moves the optimum to the right")
    tilts = alternating_tilts(tilt, workers, dimension) - common[..., None, None]
    piece = Kinked(left, right)
    return placed(piece, tilts, distance, root=average_root(piece, tilts) if np.any(common) else np.zeros(()))


def two_sided(L: Array, mu: Array, tau: Array, M: int) -> tuple[Array, Array]:
    """The left curvature mu (..., 1, 1), and the right one (..., M or 1, 1): L on even workers, L - tau on odd."""
    mu = at_most("mu", mu, L, "L")
    tau = at_most("tau", tau, L - mu, "L - mu")
    if M == 1 and np.any(tau > 0):
        raise TightrateError("one worker has no heterogeneity: with M = 1 give tau=0")
    if not np.any(tau):
        return mu[..., None, None], L[..., None, None]
    odd = np.arange(M)[:, None] % 2
    return mu[..., None, None], L[..., None, None] - odd * tau[..., None, None]
