"""One quadratic for all workers, its eigenvalues evenly spaced in the logarithm: every time scale at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.parameters import at_most, batch, count
from tightrate.constructions.problem import PROBLEMS


@PROBLEMS.add("log-spaced-quadratic")
def log_spaced_quadratic(
    *, M: int = 1, d: int = 400, mu: ArrayLike = 1e-9, L: ArrayLike = 1.0, B: ArrayLike = 1.0
) -> DiagonalQuadratics:
    """F(x) = sum_i a_i (x_i - x*_i)^2 / 2 with a_i = mu (L/mu)^((i-1)/(d-1)) and x* = (B/sqrt d)(1, ..., 1).

    Sublinear rates of gradient methods, which no single eigenvalue shows, appear on it cleanly.

    >>> log_spaced_quadratic(d=4, mu=1e-3).curvatures[0].round(6).tolist()
    [0.001, 0.01, 0.1, 1.0]
    """
    workers, dimension = count("M", M), count("d", d, least=2)
    convexity, smoothness, distance = batch(mu=mu, L=L, B=B, may_vanish=("B",))
    convexity = at_most("mu", convexity, smoothness, "L")
    spectrum = np.geomspace(convexity, smoothness, dimension, axis=-1)
    optimum = np.broadcast_to(distance[..., None] / np.sqrt(dimension), spectrum.shape)
    repeated = (*spectrum.shape[:-1], workers, dimension)
    return DiagonalQuadratics(
        np.broadcast_to(spectrum[..., None, :], repeated),
        np.broadcast_to(optimum[..., None, :], repeated),
        known_optimum=optimum,
    )
