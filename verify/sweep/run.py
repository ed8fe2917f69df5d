"""Running a sweep: cell after cell, each kept as soon as it is finished, into one labelled dataset.

A sweep that is killed at any moment and run again takes the finished cells from its store and ends with the values
that it would have had undisturbed, bit for bit; so does one that runs on other processes or on a cluster.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from platform import python_version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.common.threads import blas_kernel, one_blas_thread
from tightrate.common.workload import HOURS, refuse_endless
from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import Problems, build_noise
from tightrate.simulator.measures import MEASURES
from tightrate.simulator.parameters import parameters
from tightrate.simulator.theorem_values import RunSymbols
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Progress, silent
from tightrate.verify.sweep.cell import Result
from tightrate.verify.sweep.cell_key import cell_key
from tightrate.verify.sweep.cell_store import CellStore
from tightrate.verify.sweep.execution import KEPT, Failure, Watch, outcomes
from tightrate.verify.sweep.plan import SYMBOL, Plan, described
from tightrate.verify.sweep.specification import Sweep, spaced, text_of
from tightrate.verify.sweep.toml_file import read_sweep
from tightrate.verify.sweep.tuning import Tuned

__all__ = ["CellStore", "Sweep", "Tuned", "measurement", "provenance", "read_sweep", "run_sweep", "spaced"]


def run_sweep(
    sweep: Sweep,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    store: CellStore | None = None,
    progress: Progress = silent,
    watch: Watch | None = None,
    hours: float = HOURS,
) -> xr.Dataset:
    """Run every cell that `store` does not have yet, and label the results.

    Cells run on `jobs` processes, or on the Dask cluster whose scheduler has the address `scheduler`.  `progress`
    hears how many cells are done, `watch` what each of them found.  A sweep that would take more than so many
    `hours` on one core, as far as its specification tells, is refused with its estimate before anything runs.  Bad
    input stops the sweep at once; a cell that fails otherwise is reported after all others have run, and is never
    kept.

    The dataset has one dimension for each axis.  For each measure NAME: `NAME_mean`, `NAME_stderr` and, where all
    cells are sampled equally often, `NAME` with a dimension `replica` (infinite where a replica diverged).
    `replicas` is the number of replicas of a cell, 0 where its moments are exact; `diverged` how many diverged.
    Each step of the algorithm that was prescribed, fixed or tuned is a variable of its name; `interior` says whether
    a tuned optimum lies inside its grid, and `tuning: NAME` has every grid along a dimension `tried`.  With a theorem
    `bound` and `term: NAME` are its bound and the terms of it, `conditions_failing` says how many of its conditions
    fail, and `symbol: NAME` are its symbols.  The attribute `notes` says what is wrong with sampled numbers, such as
    expectations that do not exist.

    Args:
        sweep: what to run
        jobs: processes
        scheduler: the address of a Dask cluster's scheduler
        store: keeps finished cells, so that a sweep goes on where it was
        progress: hears how many cells are done
        watch: hears what each cell found
        hours: the longest estimate that is run

    Returns:
        The dataset.

    Raises:
        TightrateError: for bad input, and for cells that failed when all others have run.

    >>> given = {"eta": 0.5, "cosine": 0.5, "K": 2}
    >>> run_sweep(Sweep("s", "local-sgd", "rank-one-pair", {"R": (1, 2)}, given, method="exact")).gap_mean.dims
    ('R',)
    """
    refuse_endless(f"sweep {sweep.name}", sweep.numbers, hours)
    with one_blas_thread():
        plan = Plan(sweep)
    return run_plan(plan, jobs=jobs, scheduler=scheduler, store=store, progress=progress, watch=watch, hours=hours)


def run_plan(
    plan: Plan,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    store: CellStore | None = None,
    progress: Progress = silent,
    watch: Watch | None = None,
    hours: float = HOURS,
) -> xr.Dataset:
    """Run the cells of a plan and label the results; see `run_sweep`."""
    sweep = plan.sweep
    keys = ["" if store is None else cell_key(cell) for cell in plan.cells]
    results = [None if store is None else store.read(key) for key in keys]
    todo = [index for index, result in enumerate(results) if result is None]
    done = len(keys) - len(todo)
    progress(sweep.name, done, len(keys))
    failures = []
    for position, outcome in outcomes(
        [plan.cells[index] for index in todo], plan.problems, jobs=jobs, scheduler=scheduler, hours=hours
    ):
        index = todo[position]
        if isinstance(outcome, Failure):
            message = f"{outcome.message} (at {text_of(plan.coordinates[index], sweep.axes)})"
            if outcome.bad_input:
                raise TightrateError(message)
            failures.append(message)
            continue
        if store is not None:
            store.write(keys[index], plan.cells[index], outcome)
        results[index] = outcome
        done += 1
        if watch is not None:
            watch(plan.coordinates[index], outcome)
        progress(sweep.name, done, len(keys))
    if failures:
        kept = f"; {KEPT}" if store is not None else ""
        raise TightrateError(f"{len(failures)} of {len(keys)} cells failed, the first with {failures[0]}{kept}")
    return labelled(plan, [result for result in results if result is not None])


def labelled(plan: Plan, results: Sequence[Result]) -> xr.Dataset:
    """The results of all cells of a plan as one dataset; see `run_sweep`."""
    sweep = plan.sweep
    columns = {**_measures(sweep, results), **_steps(sweep, results), **_tuning(sweep, results)}
    notes = list(dict.fromkeys(note for result in results for note in result.samples.notes))
    dataset = xr.Dataset(
        {name: column.on(sweep) for name, column in columns.items()},
        coords={name: ((name,), np.array(values), described(name)) for name, values in _coordinates(sweep).items()},
        attrs={
            **provenance(),
            "sweep": json.dumps(sweep.as_json()),
            "title": sweep.name,
            "kernel": sorted({result.kernel for result in results}),
            **({"notes": notes} if notes else {}),
        },
    )
    return dataset.assign(plan.theory([result.steps for result in results]).data_vars)


@dataclass(frozen=True)
class _Column:
    """What every cell has of a variable: a number, or as many as the dimension `further`."""

    values: Sequence[Any]
    meaning: str
    unit: str | None = None
    further: tuple[str, ...] = ()

    def on(self, sweep: Sweep) -> tuple[tuple[str, ...], NDArray[Any], dict[str, str]]:
        """The variable on the sweep's grid."""
        stacked = np.array(self.values)
        about = {"long_name": self.meaning, **({} if self.unit is None else {"units": self.unit})}
        return (*sweep.axes, *self.further), stacked.reshape(*sweep.shape, *stacked.shape[1:]), about


def _measures(sweep: Sweep, results: Sequence[Result]) -> dict[str, _Column]:
    samples = [result.samples for result in results]
    equally_often = len({one.replicas for one in samples}) == 1 and samples[0].replicas > 0
    found = {}
    for name in sweep.measures:
        meaning, unit = MEASURES[name].meaning, str(MEASURES[name].unit)
        if equally_often:
            found[name] = _Column([one.values[name] for one in samples], meaning, unit, ("replica",))
        found[f"{name}_mean"] = _Column([one.mean(name) for one in samples], f"mean: {meaning}", unit)
        error = f"standard error of the mean: {meaning}"
        found[f"{name}_stderr"] = _Column([one.stderr(name) for one in samples], error, unit)
    found["diverged"] = _Column([float(one.diverged.sum()) for one in samples], "replicas that diverged")
    found["replicas"] = _Column([float(one.replicas) for one in samples], "replicas, 0 where moments are exact")
    return found


def _steps(sweep: Sweep, results: Sequence[Result]) -> dict[str, _Column]:
    """The parameters that the algorithm ran with; an algorithm may not have the parameter of another."""
    names = dict.fromkeys(name for result in results for name in result.steps if name not in sweep.axes)
    about = {name: described(name) for name in names}
    return {
        name: _Column(
            [result.steps.get(name, np.nan) for result in results],
            about[name].get("long_name", name),
            about[name].get("units"),
        )
        for name in names
    }


def _tuning(sweep: Sweep, results: Sequence[Result]) -> dict[str, _Column]:
    """Every grid that was tried, filled up to the longest."""
    if not any(isinstance(step, Tuned) for step in sweep.steps.values()):
        return {}
    longest = max(len(next(iter(result.tuning.values()))) for result in results)
    found = {
        "interior": _Column([float(one.interior) for one in results], "1 where the tuned optimum is inside its grid")
    }
    for name in results[0].tuning:
        padded = [
            np.pad(one.tuning[name], (0, longest - len(one.tuning[name])), constant_values=np.nan) for one in results
        ]
        found[f"tuning: {name}"] = _Column(
            padded, f"{name} of every point of the grid that was tried", None, ("tried",)
        )
    return found


def _coordinates(sweep: Sweep) -> dict[str, list[Any]]:
    """The axes' values: floats, or texts where an axis has texts."""
    return {
        name: [float(value) if isinstance(value, int | float) else value for value in values]
        for name, values in sweep.axes.items()
    }


MEAN, STDERR = "_mean", "_stderr"


def measured_names(data: xr.Dataset) -> tuple[str, ...]:
    """What a dataset has means of: the sweep's measures in their order, or every NAME with a variable NAME_mean."""
    if "sweep" in data.attrs:
        return tuple(json.loads(data.attrs["sweep"])["measures"])
    return tuple(str(name).removesuffix(MEAN) for name in data.data_vars if str(name).endswith(MEAN))


def measurement(data: xr.Dataset, name: str = "", *, what: str = "", rounding: float = 0.0) -> Measurement:
    """What a sweep measured (its first measure unless said otherwise), for whoever judges it.

    The symbols are those of the theorem, and every number that the sweep was given or that its algorithm took by
    default; `rounding` is relative to the mean.  Any dataset with a variable NAME_mean, and perhaps NAME_stderr, will
    do.

    Args:
        data: what `run_sweep` returned
        name: which measure
        what: its name in sentences
        rounding: the relative error of exact values

    Returns:
        Means, standard errors and symbols, ready to be held against a bound.

    Raises:
        TightrateError: for a measure that the sweep does not have.

    >>> given = {"K": 2, "eta": 0.5, "cosine": 0.5}
    >>> found = run_sweep(Sweep("s", "local-sgd", "rank-one-pair", {"R": (1, 2)}, given, method="exact"))
    >>> sorted(measurement(found).symbols)
    ['K', 'R', 'cosine', 'eta', 'gamma']
    """
    known = measured_names(data)
    name = name or next(iter(known), "")
    if f"{name}{MEAN}" not in data:
        raise TightrateError(f"the dataset has no {name}{MEAN}; it has {', '.join(known) or 'no means'}")
    numbers = _numbers_given(data) if "sweep" in data.attrs else {}
    variables = [str(variable) for variable in data.data_vars]
    of_the_theorem = {one.removeprefix(SYMBOL): data[one] for one in variables if one.startswith(SYMBOL)}
    mean = data[f"{name}{MEAN}"]
    return Measurement.of(
        data,
        mean,
        what=what or (MEASURES[name].meaning if name in MEASURES else name),
        symbols={**numbers, **of_the_theorem},
        stderr=data.get(f"{name}{STDERR}", 0.0),
        rounding=rounding * abs(mean),
    )


def _numbers_given(data: xr.Dataset) -> dict[str, float]:
    """The symbols that have one value in a whole sweep: parameters, fixed steps and defaults of the algorithm."""
    sweep = json.loads(data.attrs["sweep"])
    own = {} if "algorithm" in sweep["axes"] else parameters(ALGORITHMS[sweep["algorithm"]])
    defaults = {symbol: one.default for symbol, one in own.items() if symbol not in data}
    return {
        symbol: float(value)
        for symbol, value in {**defaults, **sweep["parameters"], **sweep["steps"]}.items()
        if symbol in LETTERS and isinstance(value, int | float)
    }


def symbols_at_cells(data: xr.Dataset, theorem: Theorem, names: Collection[str]) -> dict[str, xr.DataArray]:
    """Symbols of a theorem that the sweep was not compared with, where its problems and noises say them."""
    if not names or "sweep" not in data.attrs:
        return {}
    sweep = json.loads(data.attrs["sweep"])
    dims = list(sweep["axes"])
    blank = xr.DataArray(np.full([len(sweep["axes"][name]) for name in dims], np.nan), dims=dims)
    found = {name: blank.copy() for name in names}
    problems = Problems()
    for place in np.ndindex(*blank.shape):
        chosen = {name: sweep["axes"][name][index] for name, index in zip(dims, place, strict=True)}
        at = {**sweep["parameters"], **chosen}
        at |= {name: float(data[name].values[place]) for name in sweep["steps"] if name in data}
        algorithm, problem, noise = (chosen.get(name, sweep[name]) for name in ("algorithm", "problem", "noise"))
        if problem not in PROBLEMS.entries():
            return {}
        instance = {"seed": sweep["seed"], **at}
        run = RunSymbols.of(
            theorem, algorithm, problem, build_noise(noise, at), at, partial(problems.get, problem, instance)
        )
        for name, value in run.known(names).items():
            found[name][place] = value
    return {name: values for name, values in found.items() if bool(values.notnull().all())}


@cache
def _versions() -> dict[str, str]:
    names = ("tightrate", "numpy", "scipy", "sympy", "xarray")
    return {"python": python_version(), **{name: version(name) for name in names}, "kernel": blas_kernel()}


def provenance() -> dict[str, str]:
    """The versions that made a result, and the kernel of the linear-algebra library, which decides last digits."""
    return dict(_versions())
