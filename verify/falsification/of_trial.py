"""A search made of a trial: the trial's own sweep, its axes widened, for a theorem for which no search is written.

Only expectations in closed form are searched: the largest of many sampled means would accuse a true theorem.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from sympy import Eq

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.theorem_values import symbols_of
from tightrate.verify.claim import Claim
from tightrate.verify.falsification.search import Array, Axis, Point, Search, over_points
from tightrate.verify.measurement import Measurement
from tightrate.verify.registry import CLAIMS
from tightrate.verify.sweep.plan import SYMBOL
from tightrate.verify.sweep.run import measurement
from tightrate.verify.sweep.specification import Sweep

TRIED = "__tried__"  # what a trial's experiment is marked with


@dataclass(frozen=True)
class Tried:
    """The sweep of a trial, and what runs one like it here and now, conditions and class checked."""

    sweep: Sweep
    alone: Callable[[Sweep], xr.Dataset]


WIDER = 10.0  # each end of an axis
LARGER = 2.0  # the ends of what costs time and memory: rounds, workers, coordinates
COSTLY = ("R", "M", "d")
SEEDS = 1000.0  # of random instances
POINTS, LONGEST = 128, 60.0  # tried unless said otherwise, each a cell of its own, and seconds that they may take
CLOSE_TO_1 = 0.999
EXACT = 1e-12  # relative: what rounding may leave of an expectation


def searches_of_trials(source: Theorem) -> tuple[Search, ...]:
    """A search for each trial of an upper bound with explicit constants whose cells are exact; maybe none."""
    if source.bound.kind != "upper" or source.bound.constants != "explicit":
        return ()
    trials = [claim for claim in CLAIMS.entries().values() if claim.theorem_id == source.id]
    found = (_search(claim, source) for claim in trials)
    return tuple(search for search in found if search is not None)


def _search(claim: Claim, source: Theorem) -> Search | None:
    marks = [getattr(experiment.run, TRIED, None) for experiment in claim.data]
    if len(marks) != 1 or not isinstance(marks[0], Tried):
        return None
    tried, sweep = marks[0], marks[0].sweep
    if claim.expected in ("violated", "not-applicable") or sweep.method == "sample":
        return None
    axes = _axes(sweep, source)
    held = {name: values[0] for name, values in sweep.axes.items() if name not in {axis.name for axis in axes}}
    first = next(iter(sweep.axes))

    def at(values: Mapping[str, float]) -> Sweep:
        given = {**sweep.parameters, **held, **{name: _told(name, value) for name, value in values.items()}}
        return replace(sweep, axes={first: (given.pop(first),)}, parameters=given, method="exact", theorem=source)

    def trial(_: Theorem, point: Point) -> Measurement:
        return _measured(lambda values: tried.alone(at(values)), point, source)

    files = [module.__file__ for module in paper_files.loaded() if module.__name__ == claim.data[0].module]
    search = Search(
        f"{source.id}:{claim.id.rpartition('/')[2]}",
        source.id,
        f"the problem of {claim.id}, its axes widened",
        axes,
        trial,
        "expectations in closed form, each a cell of the trial's sweep",
        file=(files[0] or "") if files else "",
    )
    try:  # cells that would be sampled, or conditions on what no cell knows: then there is no search
        known = search.tried({axis.name: np.array([_typical(sweep, axis.name)]) for axis in axes})
    except TightrateError:
        return None
    return search if bool(np.isfinite(known.measured).all()) else None


def _typical(sweep: Sweep, name: str) -> float:
    values = sweep.axes.get(name, (sweep.parameters.get(name, 0.0),))
    return float(values[0])  # type: ignore[arg-type]


def _told(name: str, value: float) -> Any:
    whole = name == "seed" or (name in LETTERS and LETTERS[name].counts)
    return int(value) if whole and np.isfinite(value) else float(value)


def _axes(sweep: Sweep, source: Theorem) -> tuple[Axis, ...]:
    """Axes of the trial and parameters that the theorem speaks of, as far as they are finite and positive.

    What an equality among the conditions ties down stays as it is in the trial.  What words say of the class no search
    can check: symbols of relations in words stay in the trial's range, and so do numbers of workers and coordinates.
    """
    equalities = [one.relation for one in source.conditions if isinstance(one.relation, Eq)]
    tied = {symbol.name for relation in equalities for symbol in relation.free_symbols}
    words = [source.problem_class, *(one.text for one in source.conditions if one.relation is None)]
    relations_in_words = [
        part for text in words for part in re.split(r"[,;]|\band\b", text) if re.search("[=<>]", part)
    ]
    worded = {name for part in relations_in_words for name in re.findall(r"[A-Za-z]\w*", part)}
    spoken = symbols_of(source) - {*worded, "M", "d"}
    given = {name: (value,) for name, value in sweep.parameters.items() if name in spoken or name == "seed"}
    found = []
    for name, values in {**given, **sweep.axes}.items():
        numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if name in tied:
            continue
        if name == "seed":
            found.append(Axis(name, 1.0, SEEDS, "whole"))
        elif len(numbers) == len(values) and all(0 < v < np.inf for v in numbers):
            low, high = min(numbers), max(numbers)
            found.append(_within(name, low, high) if name in worded else _widened(name, low, high))
    return tuple(found)


def _widened(name: str, low: float, high: float) -> Axis:
    factor = LARGER if name in COSTLY else WIDER
    return _within(name, low / WIDER, high * factor)


def _within(name: str, low: float, high: float) -> Axis:
    letter = LETTERS.get(name)
    if letter is not None and letter.counts:
        return Axis(name, max(1.0, np.ceil(low)), max(1.0, np.floor(high)), "whole")
    if letter is not None and letter.is_at_most_one:
        high = min(high, 1.0 if letter.at_most_one else CLOSE_TO_1)
    return Axis(name, low, max(high, low))


def _measured(run: Callable[[Mapping[str, float]], xr.Dataset], point: Point, source: Theorem) -> Measurement:
    """The measure at every point, nan where there is no such run."""
    names, count = list(point), len(next(iter(point.values())))
    measured, lost = np.full(count, np.nan), np.zeros(count)
    symbols: dict[str, Array] = {name: np.full(count, np.nan) for name in symbols_of(source)}
    for place in range(count):
        try:
            data = run({name: float(point[name][place]) for name in names})
        except TightrateError:
            continue
        measured[place] = float(measurement(data).measured.values.item())
        lost[place] = float(data["rounding"].values.item())
        for name in symbols:
            if f"{SYMBOL}{name}" in data:
                symbols[name][place] = float(data[f"{SYMBOL}{name}"].values.item())
    known = {name: values for name, values in symbols.items() if np.isfinite(values).any()}
    rounding = EXACT * np.abs(np.nan_to_num(measured)) + lost
    return over_points(measured, known, rounding=rounding)
