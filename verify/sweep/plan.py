"""A sweep with everything resolved that theory resolves: its cells, and what its theorem says in each of them.

The symbols of the theorem are found once for each cell, and every problem that this takes is built once, for the theory
and for the runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import Problems, build_noise
from tightrate.simulator.parameters import parameters
from tightrate.simulator.theorem_values import RunSymbols, symbols_of
from tightrate.verify.sweep.cell import Cell, numbers_of
from tightrate.verify.sweep.specification import ADVICE, NAMED, Sweep, Value, text_of
from tightrate.verify.sweep.step_rule import StepRule
from tightrate.verify.sweep.tuning import Tuned

SYMBOL = "symbol: "  # what the variables of a dataset are called that hold a theorem's symbols


class Plan:
    """The `cells` of a sweep in the order of the axes, their `coordinates`, and the `problems` built so far."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep, self.theorem = sweep, sweep.statement
        self.problems = Problems()
        self.coordinates = sweep.cells()
        self.cells: list[Cell] = []
        self._symbols: list[Mapping[str, float]] = []
        for at in self.coordinates:
            try:
                symbols = {} if self.theorem is None else self._symbols_at(self.theorem, at)
                cell = self._cell(at, {**symbols, **self._for_rules(at, symbols)})
                symbols |= numbers_of(cell.steps)
                self._check_bound(symbols, cell)
            except TightrateError as reason:
                raise TightrateError(f"{reason} (at {text_of(at, sweep.axes)})") from None
            self.cells.append(cell)
            self._symbols.append(symbols)

    def _cell(self, at: Mapping[str, Value], symbols: Mapping[str, float]) -> Cell:
        sweep = self.sweep
        algorithm, problem, noise = (sweep.chosen(name, at) for name in NAMED)
        return Cell(
            algorithm=algorithm,
            problem=problem,
            noise=noise,
            values={name: value for name, value in at.items() if name not in NAMED},
            steps=self._steps(algorithm, at, symbols),
            tuned={name: step.at(symbols) for name, step in sweep.steps.items() if isinstance(step, Tuned)},
            output=sweep.output,
            method=sweep.method or "sample",
            measures=sweep.measures,
            replicas=sweep.replicas,
            relative_error=sweep.relative_error,
            most_replicas=sweep.most_replicas,
            seed=sweep.seed,
            stream={name: repr(at[name]) for name in sweep.axes if name not in sweep.common},
        )

    def _steps(self, algorithm: str, at: Mapping[str, Value], symbols: Mapping[str, float]) -> dict[str, Value]:
        """The algorithm's parameters: as given, as fixed, as prescribed, or left to their defaults."""
        found: dict[str, Value] = {}
        prescribed = {} if self.theorem is None else self.theorem.steps
        for name, own in parameters(ALGORITHMS[algorithm]).items():
            step = self.sweep.steps.get(name)
            if isinstance(step, Tuned):
                continue
            if name in at:
                found[name] = at[name]
            elif isinstance(step, StepRule):
                found[name] = _checked_step(name, step, step.at(symbols, at))
            elif isinstance(step, int | float):
                found[name] = float(step)
            elif name in prescribed:
                found[name] = symbols[name]
            elif own.required:
                raise TightrateError(
                    f"missing {name} of {algorithm}; give it as an axis, a parameter or a step, or name a theorem that"
                    " prescribes it"
                )
        return found

    def _symbols_at(self, theorem: Theorem, at: Mapping[str, Value]) -> dict[str, float]:
        """The theorem's symbols in a cell, the steps that it prescribes and that nothing else decides among them."""
        run = self._run(theorem, at)
        symbols = run.known(symbols_of(theorem))
        decided = {*at, *(name for name, step in self.sweep.steps.items() if not isinstance(step, str))}
        return symbols | {name: _step(theorem, name, symbols) for name in theorem.steps if name not in decided}

    def _run(self, theorem: Theorem | None, at: Mapping[str, Value]) -> RunSymbols:
        """The symbols of a cell, as far as they are asked for."""
        algorithm, problem, noise = (self.sweep.chosen(name, at) for name in NAMED)
        of_the_instance = {"seed": self.sweep.seed, **at}
        return RunSymbols.of(
            theorem,
            algorithm,
            problem,
            build_noise(noise, at),
            at,
            lambda: self.problems.get(problem, of_the_instance),
        )

    def _for_rules(self, at: Mapping[str, Value], symbols: Mapping[str, float]) -> dict[str, float]:
        """The symbols that the rules of steps need and the theorem does not."""
        rules = {name: one for name, one in self.sweep.steps.items() if isinstance(one, StepRule | Tuned) and one.needs}
        numbers = {name: float(one) for name, one in self.sweep.steps.items() if isinstance(one, int | float)}
        wanted = {letter for one in rules.values() for letter in one.needs} - {*symbols, *numbers}
        found = {**numbers, **(self._run(self.theorem, at).known(wanted) if wanted else {})}
        for name, one in rules.items():
            missing = [letter for letter in one.needs if letter not in {*symbols, *found}]
            if missing:
                raise TightrateError(f"the step {name} needs {', '.join(missing)}; {ADVICE}")
        return found

    def _check_bound(self, symbols: Mapping[str, float], cell: Cell) -> None:
        """Refuse a bound that could not be evaluated before anything runs."""
        if self.theorem is None:
            return
        for name in self.theorem.bound.letters:
            if name not in symbols and name not in cell.tuned:
                raise TightrateError(f"{self.theorem.id} needs {name}; {ADVICE}")

    def theory(self, steps: Sequence[Mapping[str, float]]) -> xr.Dataset:
        """What the theorem says on the grid, given the steps that each cell ran with.

        `term: NAME` and `bound`, how many of its conditions fail (what cannot be decided does not), and `symbol: NAME`.
        """
        theorem, dims = self.theorem, tuple(self.sweep.axes)
        if theorem is None:
            return xr.Dataset()
        cells = [{**symbols, **own} for symbols, own in zip(self._symbols, steps, strict=True)]
        zero = xr.DataArray(np.zeros(self.sweep.shape), dims=dims)

        def on_the_grid(name: str) -> xr.DataArray:
            values = np.array([one.get(name, np.nan) for one in cells])
            return zero.copy(data=values.reshape(self.sweep.shape))

        known = {name for one in cells for name in one}
        symbols = {name: on_the_grid(name) for name in LETTERS if name in known & symbols_of(theorem)}
        terms = {name: zero + value for name, value in theorem.bound.terms_at(symbols).items()}
        decidable = [one for one in theorem.conditions if one.relation is not None and one.symbols <= set(symbols)]
        units = {"units": str(theorem.bound.measure.unit)}
        about = {
            "long_name": f"{theorem.bound.kind} bound on: {theorem.bound.measure.meaning}",
            **units,
            "measure": theorem.bound.measure.name,
            "kind": theorem.bound.kind,
            "constants": theorem.bound.constants,
            "theorem": theorem.id,
            "provenance": theorem.provenance.meaning,
            "where": theorem.provenance.where,
        }
        return xr.Dataset(
            {
                **{f"term: {name}": value.assign_attrs(units) for name, value in terms.items()},
                "bound": sum(terms.values(), zero).assign_attrs(about),
                "conditions_failing": sum((one.fails_at(symbols) for one in decidable), zero).assign_attrs(
                    long_name=f"conditions of {theorem.id} that fail here"
                ),
                **{
                    f"{SYMBOL}{name}": _narrowed(value).assign_attrs(described(name)) for name, value in symbols.items()
                },
            }
        )


def _step(theorem: Theorem, name: str, symbols: Mapping[str, float]) -> float:
    """The step size of that name that the theorem prescribes, in the arithmetic of arrays."""
    needed = [symbol.name for symbol in theorem.step(name).free_symbols]
    missing = sorted(set(needed) - set(symbols))
    if missing:
        raise TightrateError(f"{theorem.id} needs {missing[0]}; {ADVICE}")
    found = float(np.ravel(theorem.step_at(name, {symbol: np.array([symbols[symbol]]) for symbol in needed}))[0])
    if not 0 < found < float("inf"):
        raise TightrateError(
            f"{theorem.id} prescribes {name} = {found:g}, which is no step: give {name} yourself or change the"
            " parameters"
        )
    return found


def _checked_step(name: str, rule: StepRule, value: float) -> float:
    if not 0 < value < float("inf"):
        raise TightrateError(f"the step {name} = {rule.text} is {value:g}, which is no step")
    return value


def described(name: str) -> dict[str, str]:
    """What a symbol means, and its unit."""
    return {"long_name": LETTERS[name].meaning, "units": str(LETTERS[name].unit)} if name in LETTERS else {}


def _narrowed(values: xr.DataArray) -> xr.DataArray:
    """The same values without the axes along which they do not change."""
    for dim in values.dims:
        first: Any = values.isel({dim: 0})
        if bool(((values == first) | (values.isnull() & first.isnull())).all()):
            values = first
    return values
