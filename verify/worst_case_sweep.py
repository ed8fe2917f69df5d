"""Exact worst cases over grids of steps, sizes and classes, on processes of this machine or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.common.workload import HOURS, refuse_endless
from tightrate.rates.statements.catalogue import theorem as catalogued
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.worst_case import worst_case as programmes
from tightrate.simulator.worst_case.settings import Method, gradients_of, settings_of
from tightrate.simulator.worst_case.worst_case import Interval, WorstCase
from tightrate.verify.exact_worst_case import AgainstTheorem, against
from tightrate.verify.sweep.execution import NO_DEMANDS, Failure, attempted, run_together

Array = NDArray[Any]
NUMBERS_TO_WRITE_DOWN, NUMBERS_TO_SOLVE = 4e6, 20.0  # of a programme: any one, and by the fourth power of its gradients
TRIED_FOR_A_STEP = 30  # values, until it is found
COMPARED = ("bound", "ratio", "conclusion", "reason")


def worst_case(
    algorithm: Method,
    *,
    theorem: str | Theorem | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    limit: float = HOURS,
    **settings: Any,
) -> WorstCase | AgainstTheorem | xr.Dataset:
    """The exact worst case of a method, or many of them where some settings are arrays; beside a theorem if one is
    given, by its id or itself.

    `settings` are those of `tightrate.simulator.worst_case.worst_case.worst_case`: K, R, M, L, mu, B, zeta_star,
    measure, output and the method's own steps.  Each one-dimensional array among them is a dimension of the dataset
    that is returned, with `lower` and `upper` (nan where the programme was not solved) and `status`; with a theorem
    also `bound`, `ratio` and `conclusion`, as in the `AgainstTheorem` of a single worst case.  Along the last of them
    every programme starts where the one before ended.  Rows run on `jobs` processes or on the Dask cluster whose
    scheduler has the address `scheduler`; the numbers do not depend on where.

    Args:
        algorithm: a name, or a method with its steps
        theorem: the statement to compare with, by id or itself
        jobs: processes
        scheduler: the address of a Dask cluster's scheduler
        limit: hours on one core, as estimated, beyond which arrays are refused before anything is solved
        settings: K, R, M, L, mu, B, zeta_star, measure, output and the method's own steps, numbers or arrays

    Returns:
        One `WorstCase`, with a theorem one `AgainstTheorem`, or a dataset where a setting is an array.

    Raises:
        TightrateError: for a method or class without an exact programme, or where clarabel is not installed.

    >>> worst_case("local-sgd", K=1, R=2, M=1, eta=[0.5, 1.0]).upper.round(6).values.tolist()  # 1/(4 eta R + 2)
    [0.166667, 0.1]
    >>> worst_case("local-sgd", K=4, R=2, eta=1, theorem="patel2024/prop7-constant").conclusion
    'certified at these sizes'
    """
    claimed = catalogued(theorem) if isinstance(theorem, str) else theorem
    if any(np.ndim(value) > 0 for value in settings.values()):
        return worst_cases(algorithm, settings, theorem=claimed, jobs=jobs, scheduler=scheduler, limit=limit)
    check_comparable(algorithm, settings, claimed)
    found = programmes.worst_case(algorithm, **settings)
    return found if claimed is None else against(claimed, found)


def worst_cases(
    algorithm: Method,
    settings: Mapping[str, Any],
    *,
    theorem: Theorem | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    limit: float = HOURS,
) -> xr.Dataset:
    """The worst case at every combination of the settings that are arrays."""
    axes = {name: np.asarray(value) for name, value in settings.items() if np.ndim(value) > 0}
    for name, values in axes.items():
        if values.ndim != 1 or values.size == 0 or not np.issubdtype(values.dtype, np.number):
            raise TightrateError(f"{name} must be a number or a list of numbers")
    fixed = {name: value for name, value in settings.items() if name not in axes}
    refuse_endless_programmes(algorithm, fixed, axes, limit=limit)
    last = list(axes)[-1]
    shape = tuple(len(values) for values in axes.values())
    numbers = np.arange(np.prod(shape)).reshape(-1, shape[-1])
    rows = []
    for row in numbers:
        places = np.unravel_index(row[0], shape)
        held = {name: axes[name][place].item() for name, place in zip(axes, places, strict=True) if name != last}
        rows.append(Row(row.tolist(), algorithm, {**fixed, **held}, last, tuple(axes[last].tolist())))
        for value in rows[-1].values:
            check_comparable(algorithm, {**rows[-1].fixed, last: value}, theorem)
    found: dict[int, Interval] = {}
    for number, outcome in run_together(rows, jobs=jobs, scheduler=scheduler):
        if isinstance(outcome, Failure):
            raise TightrateError(outcome.message)
        found[number] = outcome
    every = [found[number] for number in range(numbers.size)]
    compared = [] if theorem is None else [against(theorem, one) for one in every]
    unknown = {"unbounded": np.inf, "not solved": np.nan}
    columns: dict[str, list[Any]] = {
        "lower": [unknown.get(one.status, one.lower) for one in every],
        "upper": [unknown.get(one.status, one.upper) for one in every],
        "status": [one.status for one in every],
        **{name: [getattr(one, name) for one in compared] for name in COMPARED if compared},
    }
    told = {name: value for name, value in every[0].parameters.items() if name not in axes}
    return xr.Dataset(
        {name: (tuple(axes), np.array(values).reshape(shape)) for name, values in columns.items()},
        coords=dict(axes),
        attrs={**told, **({} if theorem is None else {"theorem": theorem.id})},
    )


def refuse_endless_programmes(
    method: Method, fixed: Mapping[str, Any], axes: Mapping[str, Array], tuned: int = 0, limit: float = HOURS
) -> None:
    """One line instead of programmes whose solutions take longer than so many hours, of a table or a search of steps.

    Args:
        method: a name, or what makes a method
        fixed: what is one number everywhere, or where a search begins
        axes: what a table is over
        tuned: how many steps are searched, 0 for none
        limit: hours on one core
    """
    rule = settings_of(method, {**fixed, **{name: values[0].item() for name, values in axes.items()}}).rule
    sizes = [np.atleast_1d(axes.get(name, fixed.get(name, 1))).astype(float) for name in ("K", "R")]
    gradients = [gradients_of(rule, K, R) for K, R in product(*sizes)]
    tried = TRIED_FOR_A_STEP * tuned if tuned else 1
    of_every_size = tried * prod(values.size for name, values in axes.items() if name not in ("K", "R"))
    numbers = of_every_size * sum(NUMBERS_TO_WRITE_DOWN + NUMBERS_TO_SOLVE * n**4 for n in gradients)
    cells = of_every_size * len(gradients)
    refuse_endless(f"a {'search' if tuned else 'table'} of {cells:.3g} worst cases", numbers, limit)


def check_comparable(algorithm: Method, settings: Mapping[str, Any], theorem: Theorem | None) -> None:
    """Refuse what is no programme, or nothing that the theorem speaks of, before anything is solved."""
    asked = settings_of(algorithm, settings)
    if theorem is not None:
        against(theorem, Interval(0.0, float("inf"), "not solved", {}, asked.parameters))


@dataclass(frozen=True)
class Row:
    """Programmes that differ in one setting, solved one after the other."""

    numbers: Sequence[int]
    algorithm: Method
    fixed: Mapping[str, Any]
    along: str
    values: tuple[float, ...]

    def outcomes(self, expected: Mapping[str, str] = NO_DEMANDS) -> list[tuple[int, Interval | Failure]]:
        """The worst case of each, or why there is none."""
        near: list[WorstCase | None] = [None]

        def solved(value: float) -> Interval:
            found = programmes.worst_case(self.algorithm, **{**self.fixed, self.along: value}, near=near[0])
            near[0] = found if found.status == "solved" else near[0]
            return found.interval

        return [
            (number, attempted(lambda value=value: solved(value), expected))  # type: ignore[misc]
            for number, value in zip(self.numbers, self.values, strict=True)
        ]
