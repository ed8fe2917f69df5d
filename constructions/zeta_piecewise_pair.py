"""A piecewise quadratic pulled apart, beside a slow coordinate: the drift instances behind the lower bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.parameters import at_most, batch, count
from tightrate.constructions.pieces import Kinked
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.separable import SeparableWorkers, alternating_tilts


@PROBLEMS.add("zeta-piecewise-pair")
def zeta_piecewise_pair(
    *,
    zeta: ArrayLike = 0.1,
    L: ArrayLike = 1.0,
    curvature: ArrayLike | None = None,
    mu: ArrayLike = 0.1,
    B: ArrayLike = 1.0,
    M: int = 2,
) -> SeparableWorkers:
    """F_m(x) = (mu/2)(x_1 - B)^2 + psi(x_2) +- zeta x_2 with psi = (L/2) x_+^2 + (curvature/2) x_-^2.

    `curvature` defaults to L/2.  Even workers are tilted by +zeta, odd ones by -zeta; with zeta = 0 all are equal,
    and noise in the second coordinate (see `OnCoordinates`) takes the tilts' part.  x* = (B, 0), zeta_star = zeta.
    One round from 0 drifts, in the second coordinate, by
    (zeta/2)[(1 - (1 - eta L)^K)/L - (1 - (1 - eta a)^K)/a] with a the left curvature.

    >>> round(float(zeta_piecewise_pair(zeta=0.3).constants["zeta_star"]), 12)
    0.3
    """
    workers = count("M", M)
    left = np.asarray(L, dtype=np.float64) / 2 if curvature is None else curvature
    pull, smoothness, low, slow, distance = batch(zeta=zeta, L=L, curvature=left, mu=mu, B=B, may_vanish=("B",))
    slow, low = at_most("mu", slow, smoothness, "L"), at_most("curvature", low, smoothness, "L")
    piece = Kinked(np.stack([slow, low], axis=-1)[..., None, :], np.stack([slow, smoothness], axis=-1)[..., None, :])
    tilts = alternating_tilts(pull, workers, 1) * np.array([0.0, 1.0])
    centres = np.stack([distance, np.zeros_like(distance)], axis=-1)
    return SeparableWorkers(piece, centres, tilts, np.zeros(centres.shape))
