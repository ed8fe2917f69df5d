"""What the theorem of a sweep says in each cell: the steps that it prescribes, its bound and the bound's terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.parameters import parameters
from tightrate.simulator.simulate import ROWS, build_noise
from tightrate.simulator.theorem_values import RunLetters, moment_order
from tightrate.verify.sweep.cell import Cell, Problems
from tightrate.verify.sweep.specification import NAMED, Sweep, Tuned, Value, letters_of, text_of

Array = NDArray[np.float64]


class Plan:
    """The cells of a sweep with everything resolved that theory resolves: `cells`, in the order of the axes."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.theorem: Theorem | None = theorem(sweep.theorem) if sweep.theorem is not None else None
        steps = {} if self.theorem is None else self.theorem.steps
        self._compiled = {name: vectorized(expression) for name, expression in steps.items()}
        self._letters = {
            name: {symbol.name for symbol in expression.free_symbols} for name, expression in steps.items()
        }
        self._problems = Problems()
        self.coordinates = sweep.cells()
        self._prescribed: list[dict[str, float]] = []
        self.cells = [self._cell(at) for at in self.coordinates]
        self._check_letters()

    def _cell(self, at: Mapping[str, Value]) -> Cell:
        sweep = self.sweep
        prescribed = self._prescriptions(at)
        self._prescribed.append(prescribed)
        algorithm = sweep.chosen("algorithm", at)
        steps: dict[str, Value] = {}
        for name, own in parameters(ALGORITHMS[algorithm]).items():
            step = sweep.steps.get(name)
            if isinstance(step, Tuned):
                continue
            if name in at:
                steps[name] = at[name]
            elif step is not None and step != "prescribed":
                steps[name] = float(step)
            elif name in prescribed:
                steps[name] = prescribed[name]
            elif own.required:
                raise TightrateError(
                    f"missing {name} of {algorithm}; give it as an axis, a parameter or a step, or name a theorem that"
                    " prescribes it"
                )
        return Cell(
            algorithm=algorithm,
            problem=sweep.chosen("problem", at),
            noise=sweep.chosen("noise", at),
            values={name: value for name, value in at.items() if name not in NAMED},
            steps=steps,
            tuned={name: step for name, step in sweep.steps.items() if isinstance(step, Tuned)},
            output=sweep.output,
            method=sweep.method,
            measures=sweep.measures,
            replicas=sweep.replicas,
            relative_error=sweep.relative_error,
            most_replicas=sweep.most_replicas,
            seed=sweep.seed,
            stream={name: repr(at[name]) for name in sweep.axes if name not in sweep.common},
        )

    def _prescriptions(self, at: Mapping[str, Value]) -> dict[str, float]:
        """The steps that the theorem prescribes here and that nothing else decides."""
        decided = {*at, *(name for name, step in self.sweep.steps.items() if step != "prescribed")}
        found: dict[str, float] = {}
        if not self._compiled:
            return found
        letters = self._letters_at(at)
        for name, compiled in self._compiled.items():
            if name in decided:
                continue
            values = {letter: self._letter(letters, letter) for letter in self._letters[name]}
            found[name] = float(compiled(**values))
            if not 0 < found[name] < float("inf"):
                raise TightrateError(
                    f"{self.sweep.theorem} prescribes {name} = {found[name]:g} at {text_of(at, self.sweep.axes)}, which"
                    f" is no step: give {name} yourself or change the parameters"
                )
        return found

    def _letters_at(self, at: Mapping[str, Any]) -> RunLetters:
        assert self.theorem is not None
        sweep, law = self.sweep, self.sweep.chosen("noise", at)
        make = partial(self._problems.get, sweep.chosen("problem", at), {"seed": sweep.seed, **at})
        values = {**sweep.defaults(at), **at}
        if law == ROWS and "sigma" not in at:
            del values["sigma"]  # rows have a level of their own, which no default knows
        return RunLetters(make, build_noise(law, at), values, moment_order(self.theorem, values))

    def _letter(self, letters: RunLetters, name: str) -> float:
        value = letters.get(name)
        if value is None:
            raise TightrateError(f"{self.sweep.theorem} needs {name}; give it as an axis or a parameter")
        return value

    def _check_letters(self) -> None:
        """Refuse a bound that could not be evaluated before anything runs."""
        if self.theorem is not None:
            letters = self._letters_at(self.coordinates[0])
            for name in letters_of(self.theorem) - {*self.cells[0].steps, *self.sweep.steps, *self._prescribed[0]}:
                self._letter(letters, name)

    def bound(self, steps: Sequence[Mapping[str, float]]) -> Iterator[tuple[str, Array]]:
        """Each term of the bound by name on the grid, given the steps that each cell ran with."""
        assert self.theorem is not None
        letters = self._letters_of_cells(steps)
        for term in self.theorem.bound.terms:
            needed = [symbol.name for symbol in term.expression.free_symbols]
            values = {name: np.array([self._letter(cell, name) for cell in letters]) for name in needed}
            value = np.broadcast_to(vectorized(term.expression)(**values), (len(letters),))
            yield term.name, np.asarray(value.reshape(self.sweep.shape))

    def failing_conditions(self, steps: Sequence[Mapping[str, float]]) -> Array:
        """How many of the theorem's conditions fail in each cell, on the grid; what cannot be decided does not."""
        assert self.theorem is not None
        letters = self._letters_of_cells(steps)
        counts = np.zeros(len(letters))
        for condition in self.theorem.conditions:
            if condition.relation is None:
                continue
            names = sorted(symbol.name for symbol in condition.relation.free_symbols)
            statuses: dict[tuple[tuple[str, float], ...], str] = {}  # many cells agree in the letters of a condition
            for index, cell in enumerate(letters):
                values = cell.known(names)
                key = tuple(values.items())
                if key not in statuses:
                    statuses[key] = condition.status(values)
                counts[index] += statuses[key] == "fails"
        return counts.reshape(self.sweep.shape)

    def _letters_of_cells(self, steps: Sequence[Mapping[str, float]]) -> list[RunLetters]:
        return [
            self._letters_at({**at, **prescribed, **own})
            for at, prescribed, own in zip(self.coordinates, self._prescribed, steps, strict=True)
        ]
