"""What a run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Array

DIVERGED_NORM = 1e150  # beyond this a squared norm overflows; the replica has diverged


@dataclass(frozen=True)
class Run:
    """What a run leaves behind, one row for each replica.

    `last` is the output after the last communication; `average` the (weighted) average over all local steps of the
    workers' mean iterate before the step, None when not asked for; `gaps` and `distances` follow the output after
    the rounds asked for, all of 0, ..., R by default: (replica, round).  A replica that overflowed is marked in
    `diverged`, its rows are infinite from then on; `diverged_at` is the round, infinite where there is none.
    `records` holds what else was asked for, `outputs` the output itself after the rounds asked for,
    (replica, round, d), if it was to be kept.
    """

    last: Array
    average: Array | None
    gaps: Array
    distances: Array
    diverged: NDArray[np.bool_]
    records: Mapping[str, Array] = field(default_factory=dict)
    diverged_at: Array | None = None
    outputs: Array | None = None


class Trace:
    """The output of several replicas as it is seen after one round after the other."""

    def __init__(self, problem: Problem, rounds: Sequence[int], replicas: int, *, keep_outputs: bool) -> None:
        self._problem, self._column = problem, {r: column for column, r in enumerate(rounds)}
        shape = (replicas, len(rounds))
        self._gaps, self._distances = np.empty(shape), np.empty(shape)
        self._outputs = np.empty((*shape, problem.dimension)) if keep_outputs else None
        self._diverged_at = np.full(replicas, np.inf)

    def look(self, r: int, x: Array) -> None:
        """Look at the output (replica, d) after round r."""
        self._last = x
        if r in self._column:
            column = self._column[r]
            self._gaps[:, column] = self._problem.gap(x)
            self._distances[:, column] = np.linalg.norm(x - self._problem.optimum, axis=-1)
            if self._outputs is not None:
                self._outputs[:, column] = x
        far = ~(np.abs(x).max(axis=-1) < DIVERGED_NORM)
        if far.any():
            self._diverged_at[far] = np.minimum(self._diverged_at[far], r)

    def run(self, average: Array | None, records: Mapping[str, Array]) -> Run:
        """The run whose last round was looked at last."""
        gaps, diverged = self._gaps, np.isfinite(self._diverged_at)
        overflowed = diverged & ~np.isfinite(gaps[:, -1:]).all(axis=-1)
        gaps[overflowed] = from_first_overflow(gaps[overflowed])
        distances = np.where(np.isfinite(self._distances), self._distances, np.inf)
        last = self._last.copy()
        return Run(last, average, gaps, distances, diverged, records, self._diverged_at, self._outputs)


def joined(parts: Sequence[tuple[NDArray[np.intp], Run]], count: int) -> Run:
    """One run of `count` replicas from runs of some of them each."""

    def join(values: Sequence[Any]) -> Any:
        if values[0] is None:
            return None
        whole = np.empty((count, *values[0].shape[1:]), dtype=values[0].dtype)
        for (rows, _), value in zip(parts, values, strict=True):
            whole[rows] = value
        return whole

    runs = [run for _, run in parts]
    arrays = {name: join([getattr(run, name) for run in runs]) for name in vars(runs[0]) if name != "records"}
    return Run(**arrays, records={name: join([run.records[name] for run in runs]) for name in runs[0].records})


def from_first_overflow(rows: Array) -> Array:
    """Infinite from the first value that is not finite."""
    overflowed = np.logical_or.accumulate(~np.isfinite(rows), axis=-1)
    return np.where(overflowed, np.inf, rows)
