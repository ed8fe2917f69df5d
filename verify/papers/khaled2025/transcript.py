"""A run written down: every output, every point at which a gradient was taken, and every gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.sampled.trajectories import step_by_step

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Transcript:
    """Outputs x (R+1, n, d), points y (R, K+1, n, M, d) and the stochastic gradients taken there (R, K, n, M, d)."""

    outputs: Array
    points: Array
    gradients: Array


def transcript(algorithm: Algorithm[Any], problem: Problem, start: Array, noise: Array) -> Transcript:
    """Run from `start` (n, d) with the given noise (R, K, n, M, d), by the algorithm's own rules."""
    R, K, n, M, d = noise.shape
    outputs, points, gradients = np.empty((R + 1, n, d)), np.empty((R, K + 1, n, M, d)), np.empty(noise.shape)
    for step in step_by_step(algorithm, problem, noise=noise.reshape(R * K, n, M, d), K=K, start=start[:, None]):
        r, h = divmod(step.t, K)
        points[r, h], gradients[r, h] = algorithm.point(step.before), step.gradient
        if step.starts_round:
            outputs[r] = algorithm.output(step.before)[:, 0]
        if step.ends_round:
            points[r, K], outputs[r + 1] = algorithm.point(step.updated), algorithm.output(step.after)[:, 0]
    return Transcript(outputs, points, gradients)
