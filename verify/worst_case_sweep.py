"""Exact worst cases over grids of steps, sizes and classes, on processes of this machine or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.worst_case import worst_case as programmes
from tightrate.simulator.worst_case.worst_case import WorstCase
from tightrate.verify.sweep.execution import NO_DEMANDS, Failure, attempted, run_together

Ends = tuple[float, float, str]
"""The lower and the upper end of a worst case, and its status."""


def worst_case(
    algorithm: str | Algorithm[Any], *, jobs: int = 1, scheduler: str | None = None, **settings: Any
) -> WorstCase | xr.Dataset:
    """The exact worst case of a method, or many of them where some settings are arrays.

    `settings` are those of `tightrate.simulator.worst_case.worst_case.worst_case`: K, R, M, L, mu, B, zeta_star,
    measure, output and the method's own steps.  Each one-dimensional array among them is a dimension of the dataset
    that is returned, with `lower` and `upper` (nan where the programme was not solved) and `status`.  Along the last
    of them every programme starts where the one before ended.  Rows run on `jobs` processes or on the Dask cluster
    whose scheduler has the address `scheduler`; the numbers do not depend on where.

    >>> worst_case("local-sgd", K=1, R=2, M=1, eta=[0.5, 1.0]).upper.round(6).values.tolist()  # 1/(4 eta R + 2)
    [0.166667, 0.1]
    """
    axes = {name: np.asarray(value) for name, value in settings.items() if np.ndim(value) > 0}
    if not axes:
        return programmes.worst_case(algorithm, **settings)
    for name, values in axes.items():
        if values.ndim != 1 or values.size == 0 or not np.issubdtype(values.dtype, np.number):
            raise TightrateError(f"{name} must be a number or a list of numbers")
    fixed = {name: value for name, value in settings.items() if name not in axes}
    last = list(axes)[-1]
    shape = tuple(len(values) for values in axes.values())
    numbers = np.arange(np.prod(shape)).reshape(-1, shape[-1])
    rows = []
    for row in numbers:
        places = np.unravel_index(row[0], shape)
        held = {name: axes[name][place].item() for name, place in zip(axes, places, strict=True) if name != last}
        rows.append(Row(row.tolist(), algorithm, {**fixed, **held}, last, tuple(axes[last].tolist())))
    found: dict[int, Ends] = {}
    for number, outcome in run_together(rows, jobs=jobs, scheduler=scheduler):
        if isinstance(outcome, Failure):
            raise TightrateError(outcome.message)
        found[number] = outcome
    ordered = [found[number] for number in range(numbers.size)]
    columns = {
        name: (tuple(axes), np.array([ends[place] for ends in ordered]).reshape(shape))
        for place, name in enumerate(("lower", "upper", "status"))
    }
    told = {name: value for name, value in fixed.items() if isinstance(value, (int, float, str))}
    name = algorithm if isinstance(algorithm, str) else type(algorithm).__name__
    return xr.Dataset(columns, coords=dict(axes), attrs={"algorithm": name, **told})


@dataclass(frozen=True)
class Row:
    """Programmes that differ in one setting, solved one after the other."""

    numbers: Sequence[int]
    algorithm: str | Algorithm[Any]
    fixed: Mapping[str, Any]
    along: str
    values: tuple[float, ...]

    def outcomes(self, expected: Mapping[str, str] = NO_DEMANDS) -> list[tuple[int, Ends | Failure]]:
        """The ends of each, or why there are none."""
        near: list[WorstCase | None] = [None]

        def ends(value: float) -> Ends:
            found = programmes.worst_case(self.algorithm, **{**self.fixed, self.along: value}, near=near[0])
            near[0] = found if found.status == "solved" else near[0]
            known = {"solved": (found.lower, found.upper), "unbounded": (np.inf, np.inf)}
            return (*known.get(found.status, (np.nan, np.nan)), found.status)

        return [
            (number, attempted(lambda value=value: ends(value), expected))  # type: ignore[misc]
            for number, value in zip(self.numbers, self.values, strict=True)
        ]
