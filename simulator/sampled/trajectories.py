"""Runs looked at step by step along given noise, for identities and pathwise inequalities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Array, Problem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.batch.randomness import stream


@dataclass(frozen=True)
class LocalStep:
    """Step t of a run: states before the step, after the local update, and after the communication, if there is one.

    `gradient` is the stochastic gradient, not yet clipped, `exact` the gradient without noise, both at the point of
    `before`, (replica, worker, dimension).  `after` is `updated` itself unless the step ends a round.
    """

    t: int
    before: Any
    gradient: Array
    exact: Array
    updated: Any
    after: Any
    starts_round: bool
    ends_round: bool


def step_by_step(
    algorithm: Algorithm[Any], problem: Problem, *, noise: Array, K: int, start: ArrayLike = 0.0
) -> Iterator[LocalStep]:
    """The run of `algorithm` whose step t adds noise[t], shaped (replica, worker, dimension), to every gradient."""
    state = algorithm.init(np.broadcast_to(np.asarray(start, dtype=np.float64), noise.shape[1:]).copy())
    for t, xi in enumerate(noise):
        exact = problem.gradient(algorithm.point(state))
        gradient = exact + xi
        updated = algorithm.local_step(state, gradient)
        ends = t % K == K - 1
        after = algorithm.synchronize(updated) if ends else updated
        yield LocalStep(t, state, gradient, exact, updated, after, t % K == 0, ends)
        state = after


def drawn_noise(noise: Noise, *, steps: int, shape: tuple[int, int, int], seed: int, experiment: str) -> Array:
    """Noise for all steps of a run, (steps, replica, worker, dimension)."""
    xi = np.empty((steps, *shape))
    noise.draw(stream(seed, experiment=experiment), xi)
    return xi


def worker_average(x: Array) -> Array:
    """The mean over workers, (replica, dimension)."""
    return np.asarray(x.mean(axis=-2))
