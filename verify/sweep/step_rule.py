"""Steps that are chosen in every cell: an expression in the letters, a function of one's own, or an array of values.

Text is read by the grammar of bounds and never run; units are checked where the letters have them.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

import xarray as xr
from sympy import Expr

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.formulas.display import text as text_of
from tightrate.rates.formulas.parse import parse
from tightrate.rates.symbols.alphabet import known_letter
from tightrate.rates.symbols.evaluation import at
from tightrate.rates.symbols.units import Unit, UnitError, unit_of

POLICIES = ("prescribed", "tuned")

Formula: TypeAlias = float | str | Expr


class StepRule(ABC):
    """How a step follows from the symbols of a cell."""

    @property
    @abstractmethod
    def text(self) -> str:
        """What is kept of it."""

    @property
    @abstractmethod
    def needs(self) -> tuple[str, ...]:
        """The symbols that it is made from."""

    @abstractmethod
    def at(self, symbols: Mapping[str, float], coordinates: Mapping[str, Any]) -> float:
        """The step of one cell."""


@dataclass(frozen=True)
class Formulated(StepRule):
    """A step that is an expression in the letters, such as 1/(L K)."""

    expression: Expr

    @property
    def text(self) -> str:
        """The expression as text."""
        return text_of(self.expression)

    @property
    def needs(self) -> tuple[str, ...]:
        """Its letters."""
        return tuple(sorted(symbol.name for symbol in self.expression.free_symbols))

    def at(self, symbols: Mapping[str, float], coordinates: Mapping[str, Any]) -> float:  # noqa: ARG002
        """Its value."""
        return float(at(self.expression, {name: symbols[name] for name in self.needs}))


@dataclass(frozen=True)
class Calculated(StepRule):
    """A step that a function of one's own gives, which takes the symbols that it needs by their names."""

    function: Callable[..., float]

    @property
    def text(self) -> str:
        """The function's name."""
        return f"{getattr(self.function, '__name__', 'a function')}({', '.join(self.needs)})"

    @property
    def needs(self) -> tuple[str, ...]:
        """Its parameters that have no default."""
        own = inspect.signature(self.function).parameters.values()
        return tuple(one.name for one in own if one.default is one.empty)

    def at(self, symbols: Mapping[str, float], coordinates: Mapping[str, Any]) -> float:  # noqa: ARG002
        """What it returns."""
        return float(self.function(**{name: symbols[name] for name in self.needs}))


@dataclass(frozen=True, eq=False)
class Listed(StepRule):
    """A step that stands in an array over some axes of the sweep."""

    values: xr.DataArray

    @property
    def text(self) -> str:
        """Over what it is given."""
        return f"values over {', '.join(map(str, self.values.dims)) or 'nothing'}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def at(self, symbols: Mapping[str, float], coordinates: Mapping[str, Any]) -> float:  # noqa: ARG002
        """The value of a cell."""
        where = {name: coordinates[str(name)] for name in self.values.dims}
        try:
            return float(self.values.sel(where))
        except KeyError:
            place = ", ".join(f"{name} = {value}" for name, value in where.items())
            raise TightrateError(f"the array of steps has no value at {place}") from None


def formula(name: str, given: Formula, units: Collection[Unit] = ()) -> Expr | float:
    """A number, or an expression in the letters, given as text or as it is, that has one of the units.

    >>> formula("step eta", "B/(sigma*sqrt(K*R))"), formula("step eta", 0.5)
    (B/(sqrt(K)*sqrt(R)*sigma), 0.5)
    >>> from tightrate.rates.symbols.alphabet import STEP
    >>> formula("step eta", "1/(mu*L)", [STEP])
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: step eta = 1/(L*mu) has the unit value^-2 length^4, not value^-1 length^2
    """
    if isinstance(given, bool) or not isinstance(given, int | float | str | Expr):
        raise TightrateError(f"{name} must be a number or a formula, not {given!r}")
    if isinstance(given, int | float):
        return float(given)
    try:
        expression = parse(given).expression if isinstance(given, str) else given
    except TightrateError as reason:
        raise TightrateError(f"{name} must be a number or a formula such as 1/(L*K): {reason}") from None
    letters = {symbol.name: known_letter(symbol.name) for symbol in expression.free_symbols}
    known = {letter: one.unit for letter, one in letters.items() if one is not None}
    if units and len(known) == len(letters):
        try:
            found = unit_of(expression, known.__getitem__)
        except UnitError as reason:
            raise TightrateError(f"{name} = {text_of(expression)}: {reason}") from None
        if found is not None and found not in units:
            wanted = " or ".join(map(str, units))
            raise TightrateError(f"{name} = {text_of(expression)} has the unit {found}, not {wanted}")
    return expression


def step_rule(name: str, given: Any, axes: Collection[str], units: Collection[Unit]) -> StepRule | float:
    """The rule that a text, an expression, a function or an array is."""
    if isinstance(given, xr.DataArray):
        unknown = [str(dim) for dim in given.dims if dim not in axes]
        if unknown:
            raise TightrateError(f"the array of steps {name} has {', '.join(unknown)}, which is no axis of the sweep")
        return Listed(given)
    if callable(given) and not isinstance(given, Expr):
        return Calculated(given)
    if isinstance(given, str) and get_close_matches(given, POLICIES):
        raise unknown_name(f"policy of step {name}", given, POLICIES)
    found = formula(f"step {name}", given, units)
    return found if isinstance(found, float) else Formulated(found)
