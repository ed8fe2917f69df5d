"""Random diagonal quadratics with log-uniform spectra, equal or different from worker to worker."""

from __future__ import annotations

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.fixed_order import length
from tightrate.constructions.parameters import at_most, batch, count, generator_of
from tightrate.constructions.problem import PROBLEMS, Array


@PROBLEMS.add("log-uniform-quadratics")
def log_uniform_quadratics(
    *,
    M: int = 4,
    d: int = 8,
    mu: float = 0.01,
    L: float = 1.0,
    tau: float = 0.0,
    zeta_star: float = 0.0,
    B: float = 1.0,
    seed: int = 0,
) -> DiagonalQuadratics:
    """M diagonal quadratic workers with exactly these constants (to rounding).

    A common spectrum is log-uniform on [mu, L], both ends attained; each worker's curvatures lie within an interval
    of length tau around it, which some coordinate fills.  Gradients at the optimum are random with mean zero over
    workers and root mean square zeta_star; x* has a random direction and length B.  tau = zeta_star = 0, the
    default, is the homogeneous case.

    >>> constants = log_uniform_quadratics(tau=0.3, zeta_star=0.5).constants
    >>> [round(float(constants[name]), 12) for name in ("mu", "L", "tau", "zeta_star", "B")]
    [0.01, 1.0, 0.3, 0.5, 1.0]
    """
    workers, dimension = count("M", M), count("d", d)
    batch(mu=mu, L=L, tau=tau, zeta_star=zeta_star, B=B, may_vanish=("B",))
    if mu > L:
        raise TightrateError(f"mu must not exceed L, but mu = {mu:g} and L = {L:g}")
    tau = float(at_most("tau", tau, L - mu, "L - mu"))
    if dimension == 1 and tau < (L - mu) * (1 - 1e-12):
        raise TightrateError(f"in one dimension tau must equal L - mu = {L - mu:g}, not {tau:g}; or give d >= 2")
    if workers == 1 and (tau > 0 or zeta_star > 0):
        raise TightrateError("one worker has no heterogeneity: with M = 1 give tau=0 and zeta_star=0")
    generator = generator_of(seed)
    curvatures = _curvatures(generator, workers, dimension, mu, L, tau)
    pulls = np.zeros((workers, dimension))
    if zeta_star > 0:
        pulls = generator.standard_normal(pulls.shape)
        pulls -= pulls.mean(axis=0)
        pulls *= zeta_star / np.sqrt(np.mean(np.sum(pulls**2, axis=-1)))
    direction = generator.standard_normal(dimension)
    optimum = B * direction / length(direction)
    return DiagonalQuadratics(curvatures, optimum - pulls / curvatures, known_optimum=optimum)


def _curvatures(generator: np.random.Generator, M: int, d: int, mu: float, L: float, tau: float) -> Array:
    """(M, d) curvatures in [mu, L], both ends attained, whose spread over workers is at most and somewhere tau."""
    common = np.concatenate([[mu, L][:d], np.exp(generator.uniform(np.log(mu), np.log(L), max(d - 2, 0)))])
    low = np.clip(common - generator.uniform(0.0, tau, d), mu, L - tau)
    low[0] = mu
    shares = generator.uniform(0.0, 1.0, (M, d))
    shares[:2, 0] = (0.0, 1.0)[:M]  # the first coordinate fills its whole interval
    curvatures = low + tau * shares
    if d > 1:
        curvatures[0, 1] = L
    return np.asarray(curvatures)
