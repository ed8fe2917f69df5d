"""Exact moments step by step on diagonal quadratics, with a step size for every coordinate in every round.

The exact-moment engine jumps over steps; here each one is taken, so that step sizes may change with the round and the
distance between workers is seen at every step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class StepMoments:
    """Second moments by coordinate, (n, d), and the consensus error, (n,).

    `last` is E (x_i - x*_i)^2 after the last round, `average` that of the mean of all workers' iterates before each
    step, `consensus` the largest mean over workers of E |x_m - mean x|^2 at any step.
    """

    last: Array
    average: Array
    consensus: Array


def step_moments(
    curvature: Array, minimizer: Array, *, start: Array, optimum: Array, steps: Array, noise: Array, K: Array, R: Array
) -> StepMoments:
    """K steps x_m <- x_m - step (a_m (x_m - minimizer_m) + noise), then averaging, R times.

    `curvature` and `minimizer` are (n, d, M), `start`, `optimum` and the noise levels (n, d), `steps` (n, R, d), K and
    R (n,).
    """
    n, d, M = curvature.shape
    mean = np.broadcast_to((start - optimum)[..., None], (n, d, M)).copy()
    target = minimizer - optimum[..., None]
    covariance = np.zeros((n, d, M, M))
    total, with_total, of_total = np.zeros((n, d)), np.zeros((n, d, M)), np.zeros((n, d))
    consensus = np.zeros(n)
    variance = (noise**2)[..., None, None] * np.eye(M)
    for r in range(int(R.max())):
        running = r < R
        step = steps[:, min(r, steps.shape[1] - 1), :, None]
        factor = 1 - step * curvature
        both = factor[..., :, None] * factor[..., None, :]
        for k in range(int(K.max())):
            moving = running & (k < K)
            one, two, three = (moving.reshape(-1, *[1] * axes) for axes in (1, 2, 3))
            total = np.where(one, total + mean.mean(axis=-1), total)
            of_total = np.where(one, of_total + 2 * with_total.mean(axis=-1) + covariance.mean(axis=(-1, -2)), of_total)
            with_total = np.where(two, factor * (with_total + covariance.mean(axis=-1)), with_total)
            mean = np.where(two, factor * mean + step * curvature * target, mean)
            covariance = np.where(three, both * covariance + step[..., None] ** 2 * variance, covariance)
            apart = (
                np.var(mean, axis=-1) + np.trace(covariance, axis1=-2, axis2=-1) / M - covariance.mean(axis=(-1, -2))
            )
            consensus = np.maximum(consensus, apart.sum(axis=-1))
        one, two, three = (running.reshape(-1, *[1] * axes) for axes in (1, 2, 3))
        mean = np.where(two, mean.mean(axis=-1, keepdims=True), mean)
        covariance = np.where(three, covariance.mean(axis=(-1, -2), keepdims=True), covariance)
        with_total = np.where(two, with_total.mean(axis=-1, keepdims=True), with_total)
    count = (K * R)[:, None]
    return StepMoments(mean[..., 0] ** 2 + covariance[..., 0, 0], (total / count) ** 2 + of_total / count**2, consensus)
