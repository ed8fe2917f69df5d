"""Many cells of a sweep in few runs.

A run of R rounds passes through every smaller number of rounds.  Cells that differ in R alone and share their random
numbers (R is not among their `stream_axes`) are therefore one run that is looked at several times.  Step sizes and
repetitions are replicas of a cell, as in `sample`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.batch.randomness import RowSampling, alike
from tightrate.simulator.sampled.run import Run
from tightrate.simulator.sampled.sampling import sample


@dataclass(frozen=True, eq=False)
class PackedCell:
    """The arguments of one `sample`, of which only the last iterate is wanted."""

    algorithm: Algorithm[Any]
    problem: Problem
    K: int
    R: int
    replicas: int | None = None
    noise: Noise | RowSampling | None = None
    seed: int = 0
    stream_axes: Mapping[str, int | str] = field(default_factory=dict)
    streams: ArrayLike | None = None
    clients: int | None = None

    def but_for_the_rounds(self) -> Hashable:
        """Equal for cells that can be one run: the same objects, or equal numbers.

        Noise that differs from worker to worker is drawn in portions that the last round cuts short: R stays apart.
        """
        prefix = not isinstance(self.noise, Noise) or alike(self.noise, self.problem.workers)
        readers = None if self.streams is None else tuple(np.ravel(self.streams).tolist())
        axes = tuple(sorted(self.stream_axes.items()))
        same = (id(self.algorithm), id(self.problem), id(self.noise))
        return (*same, self.K, self.replicas, self.seed, axes, readers, self.clients, None if prefix else self.R)


def sample_packed(cells: Sequence[PackedCell]) -> list[Run]:
    """What `sample` gives for every cell with `measured_rounds=(R,)`, in the order of the cells and bit for bit."""
    groups: dict[Hashable, list[int]] = {}
    for index, cell in enumerate(cells):
        groups.setdefault(cell.but_for_the_rounds(), []).append(index)
    found: dict[int, Run] = {}
    for members in groups.values():
        one = cells[members[0]]
        rounds = sorted({cells[index].R for index in members})
        run = sample(
            one.algorithm,
            one.problem,
            K=one.K,
            R=rounds[-1],
            replicas=one.replicas,
            noise=one.noise,
            seed=one.seed,
            stream_axes=dict(one.stream_axes),
            streams=one.streams,
            clients=one.clients,
            measured_rounds=rounds,
            keep_outputs=True,
        )
        found |= {index: _after(run, rounds.index(cells[index].R), cells[index].R) for index in members}
    return [found[index] for index in range(len(cells))]


def _after(run: Run, column: int, R: int) -> Run:
    """The run as it was after R rounds, which are the measured rounds number `column`."""
    assert run.outputs is not None
    assert run.diverged_at is not None
    at, diverged_at = slice(column, column + 1), np.where(run.diverged_at <= R, run.diverged_at, np.inf)
    last = run.outputs[:, column].copy()
    return Run(last, None, run.gaps[:, at], run.distances[:, at], np.isfinite(diverged_at), {}, diverged_at)
