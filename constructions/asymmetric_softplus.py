"""The asymmetric quadratic made smooth: its kink is smeared over a chosen width."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.asymmetric_quadratic import two_sided
from tightrate.constructions.parameters import batch, count, real
from tightrate.constructions.pieces import SoftKinked
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.separable import SeparableWorkers, alternating_tilts, placed


@PROBLEMS.add("asymmetric-softplus")
def asymmetric_softplus(
    *,
    L: ArrayLike = 1.0,
    mu: ArrayLike = 0.2,
    width: ArrayLike = 0.01,
    tau: ArrayLike = 0.0,
    zeta: ArrayLike = 0.0,
    slope: ArrayLike = 0.0,
    B: ArrayLike = 1.0,
    M: int = 2,
    d: int = 1,
) -> SeparableWorkers:
    """sum_i phi_m(u) - slope u +- (zeta/sqrt d) u with phi_m' = mu u + (right_m - mu) w log(1 + e^(u/w)), w the width.

    phi'' runs from mu to the right curvature, L on even workers and L - tau on odd ones, so F is smooth with
    Q = (L - tau/2 - mu)/(4 w) at equal shares; neither curvature is attained.  The drift of local steps shows where
    w is far below the spread of a round, eta sigma sqrt K; for wider w the function is locally a quadratic.  The
    minimizer of phi is found by bisection to the last bit; x* = (B/sqrt d)(1, ..., 1).  With mu = 0 there is a
    minimizer only for slope > 0.

    >>> problem = asymmetric_softplus(width=0.05)
    >>> bool(problem.residual < 1e-15), round(float(problem.constants["Q"]), 12)
    (True, 4.0)
    """
    workers, dimension = count("M", M), count("d", d)
    smoothness, convexity, spread, tilt, distance, wide = batch(
        L=L, mu=mu, tau=tau, zeta=zeta, B=B, width=width, may_vanish=("mu", "B")
    )
    common = np.broadcast_to(real("slope", slope), np.broadcast_shapes(np.shape(slope), smoothness.shape))
    left, right = two_sided(smoothness, convexity, spread, workers)
    if np.any((convexity == 0) & (common <= 0)):
        raise TightrateError("with mu = 0 the slope never changes sign: give slope > 0")
    tilts = alternating_tilts(tilt, workers, dimension) - common[..., None, None]
    return placed(SoftKinked(left, right, wide[..., None, None]), tilts, distance)
