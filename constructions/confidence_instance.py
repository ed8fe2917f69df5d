"""The instance of cheng2024 Theorem D.1: plain SGD pays for confidence with a power of 1/delta."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.parameters import batch, count
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.structured_noise import AtStep, RareJumpNoise


@PROBLEMS.add("confidence-instance")
def confidence_instance(*, L: ArrayLike = 1.0, B: ArrayLike = 1.0, M: int = 1) -> DiagonalQuadratics:
    """F(x) = (L/2)(x - B)^2 in one dimension on every worker, to be run from 0 with `confidence_noise`.

    That noise depends on the run itself (eta, T and eps) and comes at the last step alone, so it has no name to give
    on the command line: it is for runs from Python, `sample(..., noise=confidence_noise(...))`.
    """
    smoothness, distance = batch(L=L, B=B)
    shape = (*smoothness.shape, count("M", M), 1)
    curvatures, minimizers = (np.broadcast_to(a[..., None, None], shape) for a in (smoothness, distance))
    return DiagonalQuadratics(curvatures, minimizers, known_optimum=distance[..., None])


def confidence_noise(
    *, eta: float, T: int, sigma: float, alpha: float, eps: float, L: float = 1.0, B: float = 1.0
) -> AtStep:
    """The noise that makes T steps of SGD with step eta <= 1/L fail with probability as large as moments allow.

    Exact gradients but for the last step, where the noise is +-sigma A with probability A^(-alpha)/2 each, otherwise
    0, and A = max(2 sqrt(2 eps/L)/(eta sigma), 1): its moment of order alpha is sigma, and a jump throws any point
    within sqrt(2 eps/L) of the optimum to a gap of at least eps.  Where the noiseless run does not come that close,
    (1 - eta L)^T B > sqrt(2 eps/L), it fails anyway and there is no noise at all.
    """
    steps = count("T", T)
    batch(eta=eta, sigma=sigma, eps=eps, L=L, B=B)
    if eta * L > 1:
        raise TightrateError(f"eta must be at most 1/L = {1 / L:g}, not {eta:g}")
    if not 1 <= alpha < float("inf"):
        raise TightrateError(f"alpha must be at least 1 and finite, not {alpha:g}")
    radius = np.sqrt(2 * eps / L)
    if (1 - eta * L) ** steps * B > radius or sigma == 0:
        return AtStep(RareJumpNoise(0.0, order=alpha), steps - 1)
    jump = max(2 * radius / (eta * sigma), 1.0)
    return AtStep(RareJumpNoise(sigma, order=alpha, probability=float(jump**-alpha)), steps - 1)


def failure_probability(*, eta: float, sigma: float, alpha: float, eps: float, L: float = 1.0) -> float:
    """min(1, (eta sigma sqrt(L/(2 eps))/2)^alpha), the chance of the jump and so of a gap of at least eps."""
    batch(eta=eta, sigma=sigma, eps=eps, L=L)
    return float(min(1.0, (eta * sigma / 2 * np.sqrt(L / (2 * eps))) ** alpha))
