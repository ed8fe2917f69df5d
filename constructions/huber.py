"""Huber's function: bounded gradients, strongly convex only near the optimum."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.parameters import batch, count
from tightrate.constructions.pieces import Clipped
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.separable import SeparableWorkers, alternating_tilts, placed


@PROBLEMS.add("huber")
def huber(
    *,
    L: ArrayLike = 1.0,
    width: ArrayLike = 0.5,
    zeta: ArrayLike = 0.0,
    B: ArrayLike = 1.0,
    M: int = 2,
    d: int = 1,
) -> SeparableWorkers:
    """F_m(x) = sum_i h(u) +- (zeta/sqrt d) u with u = x_i - x*_i and h' = L clip(u, -width, width).

    Convex but not strongly: flat in curvature beyond the width, so mu = 0, while every gradient is bounded,
    G = sqrt d (L width + zeta/sqrt d).  x* = (B/sqrt d)(1, ..., 1); tilts are + on even, - on odd workers.

    >>> float(huber(L=2.0, width=0.5).constants["G"])
    1.0
    """
    workers, dimension = count("M", M), count("d", d)
    smoothness, wide, tilt, distance = batch(L=L, width=width, zeta=zeta, B=B, may_vanish=("B",))
    piece = Clipped(smoothness[..., None, None], wide[..., None, None])
    return placed(piece, alternating_tilts(tilt, workers, dimension), distance, root=np.zeros(()))
