"""Whether the replicas of a method are independent runs: a replica alone goes where it goes beside another.

All replicas run as one batch.  A rule that takes a norm over all of an array, asks one replica's coin for all of them,
takes another number of gradients where a coin fell so, or draws random numbers of its own elsewhere than from the
workers goes another way in company than alone; on numbers drawn at random that is seen in the first rounds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import Algorithm, Array, leaves
from tightrate.simulator.batch.replica_axis import replicas_of, restrict
from tightrate.simulator.round_algorithm import AnsweringWorkers, Mask, one_round

__all__ = ["check_replicas"]

REPLICAS, STEPS, ROUNDS = 2, 3, 3
CLOSE = 1e-9
SIZES = (1.0, 30.0)  # of the two replicas' starts and gradients


class _SeededWorkers(AnsweringWorkers):
    """Workers of some replicas, whose answers come from a generator for each replica, in the order of asking."""

    def __init__(
        self, K: Any, M: int, d: int, replicas: tuple[int, ...], generators: dict[int, np.random.Generator]
    ) -> None:
        super().__init__(K, M, self.answer)
        self._d, self._replicas, self._generators = d, replicas, generators

    def _each(self, draw: Any) -> NDArray[Any]:
        return np.stack([draw(self._generators[replica], replica) for replica in self._replicas])

    def answer(self, x: Array) -> Array:
        """Every worker's gradient."""
        return np.asarray(x / 10 + self._each(lambda g, replica: SIZES[replica] * g.standard_normal(x.shape[1:])))

    def _gradients(self, points: tuple[Array, ...], *, averaged: bool) -> tuple[Array, ...]:
        if any(x.shape[:2] != (len(self._replicas), self.taking_part) for x in points):
            raise TightrateError(
                "points must be shaped (replica, worker, dimension) ="
                f" {(len(self._replicas), self.taking_part, points[0].shape[-1])}, not {points[0].shape}"
            )
        return super()._gradients(points, averaged=averaged)

    def prox(self, x: Array, step: Array | float) -> Array:
        return np.asarray(x / (1 + np.asarray(step)))

    def coin(self, name: str, p: Array | float) -> Mask:  # noqa: ARG002
        return self._each(lambda g, _: g.random((1, 1))) < np.asarray(p)

    def uniform(self, name: str, *, of_each_worker: bool = False, of_each_coordinate: bool = False) -> Array:  # noqa: ARG002
        workers, coordinates = self.taking_part if of_each_worker else 1, self._d if of_each_coordinate else 1
        return self._each(lambda g, _: g.random((workers, coordinates)))


@lru_cache(maxsize=256)
def check_replicas(algorithm: Algorithm[Any], workers: int, dimension: int) -> None:
    """Refuse a method whose replicas see each other; one that is written for a fixed number of them is not tried."""
    try:
        _check(algorithm, workers, dimension)
    except TightrateError:
        raise
    except ValueError:  # arrays for so many replicas that no field shows do not fit fewer
        return


def _check(algorithm: Algorithm[Any], workers: int, dimension: int) -> None:
    for stage, _ in algorithm.stages():
        (count,) = replicas_of(stage)
        together = _ends(stage, count, (0, 1), workers, dimension)
        for replica in range(REPLICAS):
            alone = _ends(stage, count, (replica,), workers, dimension)
            for beside, by_itself in zip(together, alone, strict=True):
                size = np.abs(by_itself).max()
                if not np.isfinite(size):
                    continue
                if not np.abs(beside[replica] - by_itself[0]).max() <= CLOSE * max(size, 1e-300):
                    raise TightrateError(
                        f"{type(algorithm).__name__}: a replica goes another way beside others than alone. A rule acts"
                        " on each replica by itself: take norms and maxima over axis=-1, choose by numpy.where (never"
                        " by if), and random numbers from the workers"
                    )


def _ends(
    algorithm: Algorithm[Any], count: int, replicas: tuple[int, ...], workers: int, dimension: int
) -> list[NDArray[Any]]:
    """Output and arrays of the state after each of a few rounds, (replica, ...)."""
    rows = np.array([replica % count for replica in replicas])
    one = restrict(algorithm, rows, count, (len(rows), workers, dimension))
    generators = {replica: np.random.default_rng([11, replica]) for replica in replicas}
    seen = _SeededWorkers(STEPS, workers, dimension, replicas, generators)
    start = seen.answer(np.zeros((len(rows), 1, dimension)))
    state = one.init(np.repeat(start, workers, axis=1))
    found: list[NDArray[Any]] = []
    with np.errstate(all="ignore"):
        for _ in range(ROUNDS):
            if one.uses_curvature:
                state = one.observe_curvature(state, seen.answer(one.point(state)))
            state = one_round(one, state, seen)
            found.append(np.asarray(one.output(state)))
    found += [leaf for leaf in leaves(state) if isinstance(leaf, np.ndarray) and leaf.ndim == 3]
    return [part for part in found if part.shape[0] == len(rows)]
