"""Values of expressions: at a point with 50 digits, on arrays with numpy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.symbols.alphabet import known_letter, letter

DIGITS = 50  # working precision of a scalar evaluation: cancellations cost nothing that a float would show


def evaluate(expression: Expr, values: Mapping[str, float]) -> float:
    """An expression at a point: substitution and evaluation with 50 digits, rounded once at the end.

    >>> from tightrate.rates.symbols.alphabet import B, L, R
    >>> evaluate(L * B**2 / (108 * R), {"L": 1.0, "B": 1.0, "R": 10})
    0.000925925925925926
    """
    _check_all_given({symbol.name for symbol in expression.free_symbols}, values)
    numbers = {symbol: _number(values[symbol.name]) for symbol in expression.free_symbols}
    result = sympy.N(_substituted(expression, numbers), DIGITS)
    infinite = [symbol for symbol, number in numbers.items() if number == sympy.oo]
    if result is sympy.nan and len(infinite) == 1:
        result = sympy.N(_limit(expression, numbers, infinite[0]), DIGITS)
    if result.is_infinite:
        return float("inf") if result == sympy.oo else float("-inf") if result == -sympy.oo else float("nan")
    return float(result) if result.is_real else float("nan")


def _check_all_given(names: Iterable[str], given: Collection[str]) -> None:
    """Refuse where a symbol has no value; a constant that the source leaves open is never guessed."""
    missing = sorted(set(names) - set(given))
    open_constants = [name for name in missing if (known := known_letter(name)) is not None and known.unspecified]
    if missing and missing == open_constants:
        name = missing[0]
        bound = "at least" if letter(name).is_at_least_one else "at most"
        raise TightrateError(
            f"no value: the source hides a constant in an exponent by Theta, of which only '{bound} 1' is known;"
            f" assume one with {name}=VALUE"
        )
    if missing:
        raise TightrateError(f"missing value for {', '.join(missing)}; give {missing[0]}=VALUE")


def _substituted(expression: Expr, numbers: Mapping[Expr, Expr]) -> Expr:
    """The expression with numbers for its letters; one over zero is infinite, because no letter is negative."""
    if expression in numbers:
        return numbers[expression]
    if not expression.args:
        return expression
    parts = [_substituted(part, numbers) for part in expression.args]
    if isinstance(expression, sympy.Pow) and parts[0].is_zero and parts[1].is_negative:
        return sympy.oo
    return expression.func(*parts)


def _limit(expression: Expr, numbers: Mapping[Expr, Expr], letter: Expr) -> Expr:
    """The limit as one letter goes to infinity and all others have values; nan where sympy finds none."""
    others = {symbol: sympy.nsimplify(number, rational=True) for symbol, number in numbers.items() if symbol != letter}
    try:
        return sympy.limit(_substituted(expression, others), letter, sympy.oo)
    except (NotImplementedError, ValueError):
        return sympy.nan


def _number(value: float) -> Expr:
    """A value as sympy sees it: infinity, an exact integer, or the shortest decimal that prints like the float."""
    if value in (float("inf"), float("-inf")):
        return sympy.oo if value > 0 else -sympy.oo
    return sympy.Integer(int(value)) if float(value).is_integer() else sympy.Float(repr(float(value)), DIGITS)


def vectorized(expression: Expr, **fixed: float) -> Callable[..., NDArray[np.float64]]:
    """An expression as a numpy function of its letters, by keyword.

    >>> from tightrate.rates.symbols.alphabet import K, R
    >>> vectorized(1 / (K * R), R=2)(K=np.array([1.0, np.inf]))
    array([0.5, 0. ])
    """
    symbols = sorted(expression.free_symbols, key=lambda s: s.name)
    names = [symbol.name for symbol in symbols]
    compiled = sympy.lambdify(symbols, expression, modules="numpy", cse=True)

    def function(**values: ArrayLike) -> NDArray[np.float64]:
        given: dict[str, Any] = {**fixed, **values}
        _check_all_given(names, given)
        arrays = [np.asarray(given[name], dtype=np.float64) for name in names]
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            result = np.asarray(compiled(*arrays), dtype=np.float64)
        return np.broadcast_to(result, np.broadcast_shapes(*(np.shape(v) for v in given.values()))).copy()

    return function


@cache
def compiled(expression: Expr) -> Callable[..., NDArray[np.float64]]:
    """The same, compiled once."""
    return vectorized(expression)


@cache
def _names(expression: Expr) -> tuple[str, ...]:
    return tuple(sorted(symbol.name for symbol in expression.free_symbols))


@cache
def _constant(expression: Expr) -> float:
    return evaluate(expression, {})


def at(expression: Expr, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
    """An expression at values of its symbols, by their ASCII names; names that it does not have are ignored.

    Numbers give a float, computed with 50 digits; arrays are broadcast and give an array; labelled arrays (xarray) give
    a labelled array.  A missing symbol raises TightrateError.

    >>> from tightrate.rates.symbols.alphabet import B, L, R
    >>> at(L * B**2 / R, {"L": 1.0, "B": 2.0, "mu": 0.1}, R=8)
    0.5
    >>> at(L * B**2 / R, L=1.0, B=2.0, R=np.array([8, 16]))
    array([0.5 , 0.25])
    """
    names = _names(expression)
    if not names:
        return _constant(expression)
    given = {**(values or {}), **more}
    _check_all_given(names, given)
    own = {name: given[name] for name in names}
    if any(hasattr(value, "dims") for value in own.values()):
        import xarray as xr  # only where a labelled array is given: listing a catalogue needs none

        def positional(*arrays: Any) -> NDArray[np.float64]:
            return compiled(expression)(**dict(zip(names, arrays, strict=True)))

        return xr.apply_ufunc(positional, *own.values())
    if all(np.ndim(value) == 0 for value in own.values()):
        return evaluate(expression, {name: float(value) for name, value in own.items()})
    return compiled(expression)(**own)
