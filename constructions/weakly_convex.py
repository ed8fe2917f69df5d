"""A weakly convex function with known constants: a smooth asymmetric quadratic with a ripple."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.parameters import batch, count
from tightrate.constructions.pieces import Rippled
from tightrate.constructions.problem import PROBLEMS, Array
from tightrate.constructions.separable import SeparableWorkers, alternating_tilts, placed


@PROBLEMS.add("weakly-convex")
def weakly_convex(
    *,
    L: ArrayLike = 1.0,
    weak: ArrayLike = 0.1,
    curvature: ArrayLike = 0.1,
    width: ArrayLike = 0.05,
    wavelength: ArrayLike = 1.0,
    zeta: ArrayLike = 0.0,
    B: ArrayLike = 2.0,
    M: int = 2,
    d: int = 1,
) -> SeparableWorkers:
    """sum_i phi(u) + A l^2 cos(u/l) +- (zeta/sqrt d) u: a convex part, a ripple of amplitude A = weak + curvature.

    The convex part has the curvature `curvature` far left and L - A far right, joined over `width`; l is the
    wavelength over 2 pi.  So phi'' + ripple runs from -weak to L, and both are exact: F is L-smooth and weak-weakly
    convex, no less.  It may have several local minima; x* = (B/sqrt d)(1, ..., 1) is the global one, found among all
    of them and refined by bisection to the last bit.

    >>> constants = weakly_convex(weak=0.3).constants
    >>> round(float(constants["weak"]), 12), round(float(constants["L"]), 12)
    (0.3, 1.0)
    """
    workers, dimension = count("M", M), count("d", d)
    smoothness, below, left, wide, wave, tilt, distance = batch(
        L=L, weak=weak, curvature=curvature, width=width, wavelength=wavelength, zeta=zeta, B=B, may_vanish=("B",)
    )
    ripple = below + left
    if np.any(smoothness - ripple <= left):
        least = np.max(below + 2 * left)
        raise TightrateError(f"L must exceed weak + 2 curvature = {least:g} here, not {np.min(smoothness):g}")
    parameters = (left, smoothness - ripple, wide, ripple, wave)
    piece = Rippled(*(p[..., None, None] for p in parameters))
    roots = [global_minimizer(*values) for values in zip(*(p.ravel() for p in parameters), strict=True)]
    root = np.reshape(roots, smoothness.shape)[..., None]
    return placed(piece, alternating_tilts(tilt, workers, dimension), distance, root=root)


def global_minimizer(left: float, right: float, width: float, ripple: float, wavelength: float) -> float:
    """The least of all local minima of one rippled piece.

    At a stationary point the slope of the convex part, at least `left` times the distance from its own minimizer and
    its softened kink, is at most ripple times wavelength; every sign change on a fine grid of that range is refined.
    """
    piece = Rippled(*(np.full((1, 1), p) for p in (left, right, width, ripple, wavelength)))
    reach = ripple * wavelength / left + width * right / left
    grid = np.linspace(-reach, reach, max(int(128 * 2 * reach / wavelength), 1024))
    slopes = piece.slope(grid)[0]
    cells = np.flatnonzero((slopes[:-1] < 0) & (slopes[1:] >= 0))
    low, high = grid[cells], grid[cells + 1]
    for _ in range(200):
        middle = low + (high - low) / 2
        rising = piece.slope(middle)[0] > 0
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    minima: Array = np.where(np.abs(piece.slope(low)[0]) < np.abs(piece.slope(high)[0]), low, high)
    return float(minima[np.argmin(piece.value(minima)[0])])
