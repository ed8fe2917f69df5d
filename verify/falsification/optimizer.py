"""A seeded optimizer on the unit cube that asks for many values at once: differential evolution, then random steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BATCH = 64  # points that are tried together, and the population
EVOLUTION = 0.7  # the share of the evaluations that go to the evolution
RADIUS, SMALLEST_RADIUS = 0.1, 1e-4  # of the random steps


def maximize(
    objective: Callable[[Array], Array],
    dimension: int,
    *,
    evaluations: int,
    generator: np.random.Generator,
    deadline: float = np.inf,
    known: Sequence[Array] = (),
) -> tuple[Array, float, int]:
    """The largest value found on the unit cube: differential evolution, then random steps that shrink.

    `objective` takes positions (n, dimension); -inf marks points that do not count.  `known` positions are among
    those that it starts from.  The result (position, value, number of evaluations) depends on the number of evaluations
    and the generator alone, unless the deadline (of `perf_counter`) cuts it short.

    >>> generator = np.random.default_rng(0)
    >>> where, best, _ = maximize(lambda x: -np.sum((x - 0.3) ** 2, axis=1), 2, evaluations=2000, generator=generator)
    >>> bool(np.all(np.abs(where - 0.3) < 1e-3))
    True
    """
    population = generator.random((BATCH, dimension))
    population[: len(known)] = known or population[:0]
    values = objective(population)
    used = len(population)
    while used + BATCH <= EVOLUTION * evaluations and perf_counter() < deadline:
        challengers = _challengers(population, values, generator)
        scores = objective(challengers)
        used += len(challengers)
        better = scores >= values
        population, values = np.where(better[:, None], challengers, population), np.where(better, scores, values)
    place = int(np.argmax(values))
    best, value = population[place], float(values[place])
    radius = RADIUS
    while used + BATCH <= evaluations and perf_counter() < deadline:
        sizes = radius * 10 ** generator.uniform(-3, 0, (BATCH, 1))
        mask = generator.random((BATCH, dimension)) < max(0.3, 1 / dimension)
        near = np.clip(best + sizes * mask * generator.standard_normal((BATCH, dimension)), 0, 1)
        scores = objective(near)
        used += len(near)
        place = int(np.argmax(scores))
        if scores[place] > value:
            best, value = near[place], float(scores[place])
        else:
            radius = max(radius / 2, SMALLEST_RADIUS)
    return best, value, used


def _challengers(population: Array, values: Array, generator: np.random.Generator) -> Array:
    """A mutant for each member: from itself towards one of the best, plus a scaled difference of two others."""
    count, dimension = population.shape
    first, second = (population[generator.integers(0, count, count)] for _ in range(2))
    leaders = population[np.argsort(-values, kind="stable")[: max(2, count // 8)]]
    leader = leaders[generator.integers(0, len(leaders), count)]
    scale = generator.uniform(0.3, 1.0, (count, 1))
    mutants = population + scale * (leader - population) + scale * (first - second)
    crossed = generator.random((count, dimension)) < generator.choice([0.3, 0.9], (count, 1))
    crossed[np.arange(count), generator.integers(0, dimension, count)] = True
    mutants = np.where(crossed, mutants, population)
    outside = (mutants < 0) | (mutants > 1)
    return np.where(outside, np.clip(2 * np.round(mutants) - mutants, 0, 1), mutants)
