"""The worst-case convex instance on which the rates of cheng2024 are measured, and the tuning of its step sizes.

It has two coordinates.  The slow one is a parabola of the curvature that is worst for the run, from the distance B; it
shows the optimization and statistical terms, and its expectations are exact.  The fast one has the curvatures L and L/5
on the two sides of its optimum and starts where it would settle; it shows the drift.  The noise of both is
+-sigma/sqrt 2.  Coordinates are independent, so gaps add.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Array
from tightrate.simulator.algorithms.local_sgdm import local_sgdm, minibatch_sgdm
from tightrate.simulator.exact.infinite_workers import TwoValues, round_maps
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.measurement import Named

L, B = 1.0, 1.0
FLAT = 0.2  # the left curvature of the fast coordinate, in units of L
LARGEST_STEP = 0.5  # times 1/L
CURVATURES = L * np.geomspace(1e-5, 1.0, 33)  # of the slow coordinate
# Without clipping (rho infinite) G_inf and D stand in no bound; signs have all moments.
UNCLIPPED = {"alpha": 4.0, "beta1": 0.0, "d": 1.0, "rho": np.inf, "G_inf": 1.0, "D": 1.0}
EXPECTATIONS = {
    "$K$ of order at least the logarithm (constant 1 taken)": "nothing is clipped and expectations are measured, so"
    " that"
    " no union bound over workers and steps is taken"
}


def missing_step(K: Named) -> Named:
    """log((K-1)/K): drift is that of K - 1 steps where the bound has K."""
    return Named(np.log1p(-1 / K))


def two_curvatures(x: Array) -> Array:
    """The gradient of the fast coordinate, its optimum at 0."""
    return np.asarray(np.where(x > 0, L, FLAT * L) * x)


def fast_gap(x: ArrayLike) -> Array:
    """The gap of the fast coordinate."""
    at = np.asarray(x, dtype=np.float64)
    return np.asarray(np.where(at > 0, L, FLAT * L) * at**2 / 2)


def settled_drift(eta: Array, K: Array) -> Array:
    """Gap of the fast coordinate where its run settles with infinitely many workers, for noise +-1: (eta, K).

    The server's iterate is then a fixed point of the round, and the output is the mean over the round's steps.  Two
    curvatures have no length of their own, so that the gap is proportional to the noise's variance.
    """
    found = np.empty((len(eta), len(K)))
    for i, step in enumerate(eta):
        maps = round_maps(two_curvatures, eta=step, noise=TwoValues.signs(1.0), K=[int(k) for k in K])
        found[i] = [fast_gap(maps[int(k)].settled()) for k in K]
    return found


def slow_gaps(eta: Array, K: ArrayLike, R: ArrayLike, *, sigma: float, M: float, pooled: bool = False) -> Array:
    """Expected gap of the averaged slow coordinate at its worst curvature, for every eta and cell: (eta, cell).

    All workers' mean moves as that of one worker with the noise sigma/sqrt M; `pooled` is the minibatch method.
    """
    K, R = (np.asarray(values, dtype=np.float64).ravel() for values in np.broadcast_arrays(K, R))
    shape = (len(eta), len(CURVATURES), len(K))
    steps, curvature = (np.broadcast_to(v, shape).ravel() for v in (eta[:, None, None], CURVATURES[:, None]))
    local_steps, rounds = (np.broadcast_to(v, shape).ravel() for v in (K, R))
    problem = DiagonalQuadratics(curvature[:, None, None], np.full((len(curvature), 1, 1), B))
    method = (minibatch_sgdm if pooled else local_sgdm)(eta=steps, beta1=0.0)
    noise = GaussianNoise(sigma / np.sqrt(M)) if np.isfinite(M) else None
    run = exact_moments(method, problem, K=local_steps, R=rounds, noise=noise, averaging_decay=0.0)
    assert run.average is not None
    return np.asarray(run.average.gap.reshape(shape).max(axis=1))


def tuned(gaps: Array, eta: Array) -> tuple[Array, Array]:
    """The least gap over the steps (first axis), refined by a parabola in logarithms, and where it is."""
    log_gap, log_eta = np.log(gaps), np.log(eta)
    best = np.clip(np.argmin(log_gap, axis=0), 1, len(eta) - 2)
    left, middle, right = (np.take_along_axis(log_gap, (best + i)[None], axis=0)[0] for i in (-1, 0, 1))
    width = log_eta[1] - log_eta[0]
    bend = np.maximum(left - 2 * middle + right, 1e-12)
    shift = np.clip((left - right) / (2 * bend), -1.0, 1.0)
    least = middle + (right - left) / 2 * shift + (left - 2 * middle + right) / 2 * shift**2
    return np.exp(np.minimum(least, log_gap.min(axis=0))), np.exp(log_eta[best] + shift * width)


def steps_between(low: float, high: float, each: int = 8) -> Array:
    """Steps on a geometric grid, `each` to a factor of two and a half."""
    return np.geomspace(low, high, max(int(np.ceil(np.log(high / low) / np.log(2.5) * each)), 3))


def doubling(first: int, last: int) -> Array:
    """2^first, ..., 2^last."""
    return np.asarray(2.0 ** np.arange(first, last + 1), dtype=np.float64)


def pooled_fast(eta: float, K: Array, M: Array, noise: float, normals: Array) -> Array:
    """Expected gap of the fast coordinate's average under minibatch SGD, (K, M)."""
    x = np.zeros((len(K), len(M), normals.shape[1]))
    total, level = np.zeros_like(x), (noise / np.sqrt(K[:, None] * M))[..., None]
    for row in normals:
        total += x
        x = x - eta * (two_curvatures(x) + level * row)
    return np.asarray(fast_gap(total / len(normals)).mean(axis=-1))
