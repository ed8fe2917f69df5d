"""What the theorem of a sweep says in each cell: the steps that it prescribes, its bound and the bound's terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rates.bound import vectorized
from rates.catalogue import theorem
from rates.errors import TightrateError
from rates.theorem import Theorem
from simulator.algorithm import ALGORITHMS
from simulator.parameters import parameters
from simulator.simulate import build_problem
from verify.sweep_cells import Cell
from verify.sweep_specification import Sweep, Tuned, Value, constructor_parameters, letters_of, text_of

Array = NDArray[np.float64]


class Plan:
    """The cells of a sweep with everything resolved that theory resolves: `cells`, in the order of the axes."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.theorem: Theorem | None = theorem(sweep.theorem) if sweep.theorem is not None else None
        self._accepted = constructor_parameters(ALGORITHMS[sweep.algorithm])
        self._defaults = sweep.defaults()
        steps = {} if self.theorem is None else self.theorem.steps
        self._compiled = {name: vectorized(expression) for name, expression in steps.items()}
        self._letters = {
            name: {symbol.name for symbol in expression.free_symbols} for name, expression in steps.items()
        }
        self._required = {name for name, own in parameters(ALGORITHMS[sweep.algorithm]).items() if own.required}
        self.coordinates = sweep.cells()
        self._prescribed: list[dict[str, float]] = []
        self.cells = [self._cell(at) for at in self.coordinates]
        self._check_letters()

    def _cell(self, at: Mapping[str, Value]) -> Cell:
        sweep = self.sweep
        prescribed = self._prescriptions(at)
        self._prescribed.append(prescribed)
        steps: dict[str, Value] = {}
        for name in self._accepted:
            step = sweep.steps.get(name)
            if isinstance(step, Tuned):
                continue
            if name in at:
                steps[name] = at[name]
            elif step is not None and step != "prescribed":
                steps[name] = float(step)
            elif name in prescribed:
                steps[name] = prescribed[name]
            elif name in self._required:
                raise TightrateError(
                    f"missing {name}; give it as an axis, a parameter or a step, or name a theorem that prescribes it"
                )
        return Cell(
            algorithm=sweep.algorithm,
            problem=sweep.problem,
            noise=sweep.noise,
            values=dict(at),
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
        letters = self._letters_at(at)
        found = {}
        for name, compiled in self._compiled.items():
            if name in decided:
                continue
            values = {letter: letters[letter] for letter in self._letters[name]}
            found[name] = float(compiled(**values))
            if not 0 < found[name] < float("inf"):
                raise TightrateError(
                    f"{self.sweep.theorem} prescribes {name} = {found[name]:g} at {text_of(at, self.sweep.axes)}, which"
                    f" is no step: give {name} yourself or change the parameters"
                )
        return found

    def _letters_at(self, at: Mapping[str, Any]) -> _Letters:
        return _Letters(self.sweep, {**self._defaults, **at})

    def _check_letters(self) -> None:
        """Refuse a bound that could not be evaluated before anything runs."""
        if self.theorem is not None:
            letters = self._letters_at(self.coordinates[0])
            for name in letters_of(self.theorem) - {*self._accepted, *self._prescribed[0]}:
                letters[name]

    def bound(self, steps: Sequence[Mapping[str, float]]) -> Iterator[tuple[str, Array]]:
        """Each term of the bound by name on the grid, given the steps that each cell ran with."""
        assert self.theorem is not None
        letters = self._letters_of_cells(steps)
        for term in self.theorem.bound.terms:
            needed = [symbol.name for symbol in term.expression.free_symbols]
            values = {name: np.array([cell[name] for cell in letters]) for name in needed}
            value = np.broadcast_to(vectorized(term.expression)(**values), (len(letters),))
            yield term.name, np.asarray(value.reshape(self.sweep.shape))

    def failing_conditions(self, steps: Sequence[Mapping[str, float]]) -> Array:
        """How many of the theorem's conditions fail in each cell, on the grid; what cannot be decided does not."""
        assert self.theorem is not None
        relations = [(one, one.relation.free_symbols) for one in self.theorem.conditions if one.relation is not None]
        counts = []
        for letters in self._letters_of_cells(steps):
            statuses = [one.status(letters.known({s.name for s in symbols})) for one, symbols in relations]
            counts.append(statuses.count("fails"))
        return np.array(counts, dtype=np.float64).reshape(self.sweep.shape)

    def _letters_of_cells(self, steps: Sequence[Mapping[str, float]]) -> list[_Letters]:
        return [
            self._letters_at({**at, **prescribed, **own})
            for at, prescribed, own in zip(self.coordinates, self._prescribed, steps, strict=True)
        ]


class _Letters:
    """The letters of a theorem in one cell: as given, by default, or as the problem's exact constant."""

    def __init__(self, sweep: Sweep, given: Mapping[str, Any]) -> None:
        self._sweep, self._given = sweep, given

    @cached_property
    def _constants(self) -> Mapping[str, Any]:
        given = {name: value for name, value in self._given.items() if value is not None}
        problem = build_problem(self._sweep.problem, {"seed": self._sweep.seed, **given})
        return {**problem.constants, "M": np.float64(problem.workers), "d": np.float64(problem.dimension)}

    def known(self, names: Iterable[str]) -> dict[str, float]:
        """Those of the letters that have a value here."""
        return {name: self[name] for name in names if self._given.get(name) is not None or name in self._constants}

    def __getitem__(self, name: str) -> float:
        value = self._given.get(name)
        if value is None and name in self._constants:
            value = np.max(self._constants[name])
        if value is None:
            raise TightrateError(f"{self._sweep.theorem} needs {name}; give it as an axis or a parameter")
        return float(value)
