"""Exact first and second moments on diagonal quadratics, coordinate by coordinate, for a whole batch of points.

Every coordinate is a one-dimensional run of the shipped algorithm through the exact-moment engine: its mean, and its
variance at unit noise.  Moments at any noise level follow, because the variance is linear in the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.exact.moments import exact_moments

Array = NDArray[np.float64]
Output = Literal["last", "average"]


@dataclass(frozen=True)
class Response:
    """Of the output's coordinates (n, d): the mean distance from the optimum, and the variance at unit noise."""

    mean: Array
    variance: Array

    def expected(self, weights: Array, noise: Array) -> Array:
        """sum_i weights_i E (x_i - x*_i)^2 for noise of variance `noise` (n, d) on every worker's coordinates."""
        return np.asarray(np.sum(weights * (self.mean**2 + self.variance * noise), axis=-1))


def response(
    algorithm: Callable[..., Algorithm[Any]],
    steps: dict[str, Array],
    curvatures: Array,
    minimizers: Array,
    *,
    start: Array,
    K: Array,
    R: Array,
    output: Output = "last",
    averaging_decay: Array | None = None,
) -> Response:
    """Runs of K local steps and R rounds on `curvatures` (n, M, d) with `minimizers` (n, M, d), from `start` (n, d).

    `steps` are the algorithm's parameters, (n,) or (n, d); K and R are (n,).  With output "average" the iterate is the
    average over all local steps with weights (1 - averaging_decay)^-t, a uniform one by default.
    """
    n, M, d = curvatures.shape

    def flat(value: Array) -> Array:
        return np.broadcast_to(value[:, None] if np.ndim(value) == 1 else value, (n, d)).ravel().copy()

    mean_curvature = curvatures.mean(axis=1)
    pull = (curvatures * minimizers).mean(axis=1)
    optimum = np.divide(pull, mean_curvature, out=minimizers.mean(axis=1), where=mean_curvature > 0)
    a, x = (np.moveaxis(part, 1, 2).reshape(n * d, M, 1) for part in (curvatures, minimizers))
    problem = DiagonalQuadratics(a, x, known_optimum=optimum.reshape(n * d, 1))
    averaged = None if output == "last" else flat(np.zeros(n) if averaging_decay is None else averaging_decay)
    found = exact_moments(
        algorithm(**{name: flat(value) for name, value in steps.items()}),
        problem,
        K=flat(K),
        R=flat(R),
        noise=GaussianNoise(1.0),
        averaging_decay=averaged,
        start=flat(start)[:, None],
    )
    moments = found.last if found.average is None else found.average
    return Response((moments.mean[:, 0] - optimum.ravel()).reshape(n, d), moments.spread[:, 0].reshape(n, d))
