"""Running a sweep: cell after cell, each kept as soon as it is finished, into one labelled dataset.

A sweep that is killed at any moment and run again takes the finished cells from its store and ends with the values
that it would have had undisturbed, bit for bit; so does one that runs on other processes or on a cluster.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from platform import python_version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.common.threads import one_blas_thread
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.measures import MEASURES
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
) -> xr.Dataset:
    """Run every cell that `store` does not have yet, and label the results.

    Cells run on `jobs` processes, or on the Dask cluster whose scheduler has the address `scheduler`.  `progress`
    hears how many cells are done, `watch` what each of them found.  Bad input stops the sweep at once; a cell that
    fails otherwise is reported after all others have run, and is never kept.

    The dataset has one dimension for each axis.  For each measure NAME: `NAME_mean`, `NAME_stderr` and, where all
    cells are sampled equally often, `NAME` with a dimension `replica` (infinite where a replica diverged).
    `replicas` is the number of replicas of a cell, 0 where its moments are exact; `diverged` how many diverged.
    Each step of the algorithm that was prescribed, fixed or tuned is a variable of its name; `interior` says whether
    a tuned optimum lies inside its grid, and `tuning: NAME` has every grid along a dimension `tried`.  With a theorem
    `bound` and `term: NAME` are its bound and the terms of it, `conditions_failing` says how many of its conditions
    fail, and `symbol: NAME` are its symbols.  The attribute `notes` says what is wrong with sampled numbers, such as
    expectations that do not exist.
    """
    with one_blas_thread():
        plan = Plan(sweep)
    keys = ["" if store is None else cell_key(cell) for cell in plan.cells]
    results = [None if store is None else store.read(key) for key in keys]
    todo = [index for index, result in enumerate(results) if result is None]
    done = len(keys) - len(todo)
    progress(sweep.name, done, len(keys))
    failures = []
    for position, outcome in outcomes(
        [plan.cells[index] for index in todo], plan.problems, jobs=jobs, scheduler=scheduler
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
    dims = tuple(sweep.axes)

    def add(name: str, values: Sequence[Any], meaning: str, *further: str, units: str | None = None) -> None:
        stacked = np.array(values)
        about = {"long_name": meaning, **({} if units is None else {"units": units})}
        dataset[name] = ((*dims, *further), stacked.reshape(*sweep.shape, *stacked.shape[1:]), about)

    dataset = xr.Dataset(
        coords={name: ((name,), np.array(values), described(name)) for name, values in _numeric(sweep).items()}
    )
    equally_often = len({result.samples.replicas for result in results}) == 1 and results[0].samples.replicas > 0
    for name in sweep.measures:
        meaning, units = MEASURES[name].meaning, str(MEASURES[name].unit)
        if equally_often:
            add(name, [result.samples.values[name] for result in results], meaning, "replica", units=units)
        add(f"{name}_mean", [result.samples.mean(name) for result in results], f"mean: {meaning}", units=units)
        errors = [result.samples.stderr(name) for result in results]
        add(f"{name}_stderr", errors, f"standard error of the mean: {meaning}", units=units)
    add("diverged", [float(result.samples.diverged.sum()) for result in results], "replicas that diverged")
    add("replicas", [float(result.samples.replicas) for result in results], "replicas, 0 where moments are exact")
    for name in dict.fromkeys(name for result in results for name in result.steps):
        if name in sweep.axes:
            continue
        about = described(name)
        chosen = [result.steps.get(name, np.nan) for result in results]  # an algorithm may not have this step
        add(name, chosen, about.get("long_name", name), units=about.get("units"))
    if any(isinstance(step, Tuned) for step in sweep.steps.values()):
        add("interior", [float(result.interior) for result in results], "1 where the tuned optimum is inside its grid")
        longest = max(len(next(iter(result.tuning.values()))) for result in results)
        for name in results[0].tuning:
            padded = [_padded(result.tuning[name], longest) for result in results]
            add(f"tuning: {name}", padded, f"{name} of every point of the grid that was tried", "tried")
    dataset = dataset.assign(plan.theory([result.steps for result in results]).data_vars)
    notes = list(dict.fromkeys(note for result in results for note in result.samples.notes))
    described_by = {"sweep": json.dumps(sweep.as_json()), "title": sweep.name}
    dataset.attrs = {**provenance(), **described_by, **({"notes": notes} if notes else {})}
    return dataset


def measurement(data: xr.Dataset, name: str = "", *, rounding: float = 0.0) -> Measurement:
    """What a sweep measured (its first measure unless said otherwise) at the symbols of its theorem, for judges.

    `rounding` is relative to the mean.  Without a theorem the symbols are what the sweep was given.

    >>> given = {"K": 2, "eta": 0.5, "cosine": 0.5}
    >>> found = run_sweep(Sweep("s", "local-sgd", "rank-one-pair", {"R": (1, 2)}, given, method="exact"))
    >>> sorted(measurement(found).symbols)
    ['K', 'R', 'cosine', 'eta']
    """
    sweep = json.loads(data.attrs["sweep"])
    name = name or sweep["measures"][0]
    mean = data[f"{name}_mean"]
    given = {
        symbol: float(value)
        for symbol, value in {**sweep["parameters"], **sweep["steps"]}.items()
        if symbol in LETTERS and isinstance(value, int | float)
    }
    variables = [str(variable) for variable in data.data_vars]
    of_the_theorem = {one.removeprefix(SYMBOL): data[one] for one in variables if one.startswith(SYMBOL)}
    return Measurement.of(
        data,
        mean,
        what=MEASURES[name].meaning,
        symbols={**given, **of_the_theorem},
        stderr=data[f"{name}_stderr"],
        rounding=rounding * abs(mean),
    )


def _numeric(sweep: Sweep) -> dict[str, list[Any]]:
    """The axes' values: floats, or texts where an axis has texts."""
    return {
        name: [value if not isinstance(value, int | float) else float(value) for value in values]
        for name, values in sweep.axes.items()
    }


def _padded(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.concatenate([values, np.full(length - len(values), np.nan)])


def provenance() -> dict[str, str]:
    """The versions that made a result."""
    names = ("tightrate", "numpy", "scipy", "sympy", "xarray")
    return {"python": python_version(), **{name: version(name) for name in names}}
