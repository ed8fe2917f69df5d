"""Cells of a sweep that share their random numbers, run together: every bit is that of the cell alone.

Cells whose streams agree (those along axes in `common`) and whose last iterate is measured are one run where they
differ in R alone, and, where every replica is computed coordinate by coordinate or in products of one fixed size, one
run of more replicas where they differ in step sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np

from tightrate.common.workload import HOURS
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.by_name import Problems, build_algorithm, build_noise
from tightrate.simulator.compiled.gradient_rounds import step_sizes
from tightrate.simulator.measure import Samples, moment_notes, reasonable_distance, settles
from tightrate.simulator.measures import readings, records_of
from tightrate.simulator.parameters import VECTORS
from tightrate.simulator.sampled.run import Run
from tightrate.simulator.sampled.shared_runs import PackedCell, sample_packed
from tightrate.verify.sweep.cell import Cell, Result, numbers_of, run_cell

Steps = tuple[tuple[str, Any], ...]

MOST_WORK = 2e7  # gradients in one pack: a finished cell waits for no more than these before it is kept
MOST_NUMBERS = 1 << 24  # of the iterates that a pack keeps


def work(cell: Cell) -> float:
    """Gradients that a cell takes, where each of its steps is sampled."""
    tried = sum(tuned.points * tuned.replicas for tuned in cell.tuned.values())
    steps = float(cell.values["K"]) * float(cell.values["R"])
    return steps * float(cell.values.get("M", 1)) * (cell.replicas + tried)


def packs(cells: Sequence[Cell]) -> list[list[int]]:
    """The numbers of the cells that run together; most often each cell runs alone."""
    groups: dict[str, list[int]] = {}
    for index, cell in enumerate(cells):
        groups.setdefault(_shared(cell) or str(index), []).append(index)
    found = []
    for members in groups.values():
        portion: list[int] = []
        done = 0.0
        for index in sorted(members, key=lambda index: (_steps(cells[index]), cells[index].values["R"])):
            if portion and done + work(cells[index]) > MOST_WORK:
                found.append(portion)
                portion, done = [], 0.0
            portion.append(index)
            done += work(cells[index])
        found.append(portion)
    return found


def _shared(cell: Cell) -> str | None:
    """What cells that run together must agree in; None for a cell that runs alone."""
    sized = bool(cell.tuned) or cell.relative_error is not None
    if sized or cell.output != "last" or cell.method not in ("sample", "auto") or records_of("last", cell.measures):
        return None
    stacked = dict(_steps(cell))
    apart = {"R", *stacked}
    values = {name: value for name, value in cell.values.items() if name not in apart}
    steps = {name: value for name, value in cell.steps.items() if name not in stacked}
    return replace(cell, values=values, steps=steps).as_json()


def _steps(cell: Cell) -> Steps:
    """The step sizes that may differ within a pack: finite numbers, no counts."""
    return tuple((name, value) for name, value in cell.steps.items() if isinstance(value, float) and isfinite(value))


def run_pack(cells: Sequence[Cell], problems: Problems, hours: float = HOURS) -> list[Result]:
    """The results of cells that `packs` put together; what they are made of is built once."""
    began = perf_counter()
    found = _Pack(cells, problems, hours).results()
    seconds = (perf_counter() - began) / len(cells)
    return [replace(result, seconds=seconds) for result in found]


class _Pack:
    def __init__(self, cells: Sequence[Cell], problems: Problems, hours: float) -> None:
        self._cells, self._problems, self._hours = cells, problems, hours
        self._noises: dict[Any, Noise | RowSampling | None] = {}
        self._algorithms: dict[tuple[Steps, ...], Algorithm[Any]] = {}

    def results(self) -> list[Result]:
        """One result for each cell, in their order."""
        found = {
            index: run_cell(cell, self._problems, self._hours)
            for index, cell in enumerate(self._cells)
            if not self._fits(cell)
        }
        together = self._together([index for index in range(len(self._cells)) if index not in found])
        runs = sample_packed([self._packed([self._cells[index] for index in members]) for members in together])
        for members, run in zip(together, runs, strict=True):
            for place, index in enumerate(members):
                found[index] = self._result(self._cells[index], run, place)
        return [found[index] for index in range(len(self._cells))]

    def _fits(self, cell: Cell) -> bool:
        """Whether every step of the cell is sampled, and not too much of the pack must be kept at once."""
        problem = self._problem(cell)
        if len(self._cells) * cell.replicas * problem.dimension > MOST_NUMBERS:
            return False
        if np.isinf(cell.values["K"]):
            return False
        return cell.method == "sample" or cell.engine(problem, self._noise(cell)) == "sample"

    def _together(self, indices: Sequence[int]) -> list[list[int]]:
        """Cells that differ in step sizes alone, where more replicas change no bit; else each alone."""
        groups: dict[tuple[int, int, int], list[int]] = {}
        for index in indices:
            cell = self._cells[index]
            same = (id(self._problem(cell)), id(self._noise(cell)), int(cell.values["R"]))
            groups.setdefault(same, []).append(index)
        found = []
        for members in groups.values():
            stackable = len(members) > 1 and self._stackable(self._cells[members[0]])
            found += [members] if stackable else [[index] for index in members]
        return found

    def _problem(self, cell: Cell) -> Problem:
        return self._problems.get(cell.problem, cell.of_the_instance)

    def _noise(self, cell: Cell) -> Noise | RowSampling | None:
        noise = build_noise(cell.noise, cell.values)
        return self._noises.setdefault(noise, noise)

    def _algorithm(self, cells: Sequence[Cell]) -> Algorithm[Any]:
        """The algorithm with the steps of these cells, each for the replicas of its cell."""
        key = tuple(_steps(cell) for cell in cells)
        if key not in self._algorithms:
            one = cells[0]
            rows = {
                name: np.repeat([cell.steps[name] for cell in cells], one.replicas)
                for name, value in _steps(one)
                if any(cell.steps[name] != value for cell in cells)
            }
            rows = {name: row[:, None] if name in VECTORS else row for name, row in rows.items()}
            self._algorithms[key] = build_algorithm(one.algorithm, {**one.steps, **rows})
        return self._algorithms[key]

    def _stackable(self, cell: Cell) -> bool:
        problem, noise = self._problem(cell), self._noise(cell)
        if isinstance(noise, RowSampling):
            return False
        of_one_size = step_sizes(self._algorithm([cell]), problem, noise) is not None
        return of_one_size or isinstance(problem, DiagonalQuadratics)

    def _packed(self, cells: Sequence[Cell]) -> PackedCell:
        one = cells[0]
        return PackedCell(
            algorithm=self._algorithm(cells),
            problem=self._problem(one),
            K=int(one.values["K"]),
            R=int(one.values["R"]),
            replicas=len(cells) * one.replicas,
            noise=self._noise(one),
            **one.randomness(),
            streams=np.tile(np.arange(one.replicas), len(cells)),
            clients=one.values.get("clients"),
        )

    def _result(self, cell: Cell, run: Run, place: int) -> Result:
        rows = slice(place * cell.replicas, (place + 1) * cell.replicas)
        own = Run(run.last[rows].copy(), None, run.gaps[rows], run.distances[rows], run.diverged[rows].copy())
        problem = self._problem(cell)
        noise = self._noise(cell)
        settled = all(settles(name, noise) for name in cell.measures)
        notes = () if settled else moment_notes(cell.question(problem, noise, cell.steps))
        far = ~(own.distances[:, -1] <= reasonable_distance(problem, noise))
        own = replace(own, diverged=own.diverged | far)
        values = readings(own, problem, cell.output, cell.measures)
        return Result(Samples(values, own.diverged, "sample", notes), numbers_of(cell.steps))
