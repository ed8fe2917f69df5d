"""Two quadratics pulled apart: the smallest instance on which local steps have a bias that averaging keeps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.parameters import at_most, batch, even_workers
from tightrate.constructions.problem import PROBLEMS


@PROBLEMS.add("zeta-quadratic-pair")
def zeta_quadratic_pair(
    *,
    zeta: ArrayLike = 0.1,
    tau: ArrayLike = 0.5,
    L: ArrayLike = 1.0,
    mu: ArrayLike = 0.1,
    B: ArrayLike = 1.0,
    M: int = 2,
) -> DiagonalQuadratics:
    """F_m(x) = (mu/2)(x_1 - B)^2 + (a_m/2) x_2^2 +- zeta x_2, a = L, +zeta on even and a = L - tau, -zeta on odd m.

    The slow first coordinate needs a large step, the second pays for it with a bias: x* = (B, 0), while local
    gradient descent with gamma = 1 tends in the second coordinate to
    zeta (c_2/a_2 - c_1/a_1)/(c_1 + c_2) with c_i = 1 - (1 - eta a_i)^K, about eta (K - 1) zeta tau/(4 mean a).

    >>> constants = zeta_quadratic_pair(zeta=0.3, tau=0.2).constants
    >>> [round(float(constants[name]), 12) for name in ("zeta_star", "tau", "L", "mu", "B")]
    [0.3, 0.2, 1.0, 0.1, 1.0]
    """
    workers = even_workers(M, "the pair")
    pull, spread, smoothness, slow, distance = batch(zeta=zeta, tau=tau, L=L, mu=mu, B=B, may_vanish=("mu", "B"))
    slow = at_most("mu", slow, smoothness, "L")
    if np.any(spread >= smoothness):
        raise TightrateError(f"tau must be below L = {np.min(smoothness):g}, so that both workers curve")
    odd = np.arange(workers) % 2
    fast = smoothness[..., None] - odd * spread[..., None]
    centres = -(1 - 2 * odd) * pull[..., None] / fast
    curvatures = np.stack([np.broadcast_to(slow[..., None], fast.shape), fast], axis=-1)
    minimizers = np.stack([np.broadcast_to(distance[..., None], fast.shape), centres], axis=-1)
    optimum = np.stack([distance, np.zeros_like(distance)], axis=-1)
    return DiagonalQuadratics(curvatures, minimizers, known_optimum=optimum)
