"""Values of expressions: at a point with 50 digits, on arrays with numpy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, partial
from math import isclose
from numbers import Rational
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.symbols.alphabet import ALPHABET, known_letter, letter, with_definitions

if TYPE_CHECKING:  # numpy and xarray are imported where arrays are given: a formula alone needs neither
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

ROUNDING = 1e-9  # relative: of a value that is given beside the formula for it
DIGITS = 50  # working precision of a scalar evaluation: cancellations cost nothing that a float would show


def at(expression: Expr, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
    """An expression at values of its symbols, by their ASCII names; names that it does not have are ignored.

    Numbers give a float, computed with 50 digits and rounded once at the end, nan where it is undefined; arrays are
    broadcast and give an array; labelled arrays (xarray) give a labelled array.  A missing symbol raises
    TightrateError, unless it is short for a formula in others.

    >>> from tightrate.rates.symbols.alphabet import B, L, R
    >>> at(L * B**2 / (108 * R), {"L": 1.0, "B": 1.0, "mu": 0.1}, R=10)
    0.000925925925925926
    >>> import numpy as np
    >>> at(L * B**2 / R, L=1.0, B=2.0, R=np.array([8, np.inf]))
    array([0.5, 0. ])
    """
    given = {**(values or {}), **more}
    names = _names(expression)
    if any(name not in ALPHABET for name in names):
        _refuse_contradictions(names, given)
        expression = with_definitions(expression, given)
        names = _names(expression)
    if not names:
        return _constant(expression)
    _check_all_given(names, given)
    own = [given[name] for name in names]
    if any(hasattr(value, "dims") for value in own):
        import xarray as xr

        return xr.apply_ufunc(partial(_on_arrays, expression), *own)
    if all(map(_is_number, own)):
        return _at_point(expression, {name: float(value) for name, value in zip(names, own, strict=True)})
    return _on_arrays(expression, *own)


def _refuse_contradictions(names: Iterable[str], given: Mapping[str, Any]) -> None:
    """Refuse a value of a symbol that is not what the formula gives that it is short for, to rounding."""
    for name in names:
        known = known_letter(name) if name in given and name not in ALPHABET else None
        if known is None or known.defined is None or not set(_names(known.defined)) <= set(given):
            continue
        if not _agree(given[name], formula := at(known.defined, given)):
            raise TightrateError(f"{name} = {given[name]} is not {known.defined} = {formula}; leave one of them out")


def _agree(value: Any, formula: Any) -> bool:
    """Whether numbers or arrays agree everywhere; labelled arrays meet along their names."""
    if _is_number(value) and _is_number(formula):
        return isclose(value, formula, rel_tol=ROUNDING)
    near = (value == formula) | (abs(value - formula) <= ROUNDING * abs(formula))
    return bool(near.all())


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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or getattr(value, "ndim", None) == 0 or isinstance(value, Rational)


@cache
def _names(expression: Expr) -> tuple[str, ...]:
    return tuple(sorted(symbol.name for symbol in expression.free_symbols))


@cache
def _constant(expression: Expr) -> float:
    return _at_point(expression, {})


# At a point: substitution and evaluation with many digits.


def _at_point(expression: Expr, values: Mapping[str, float]) -> float:
    result = _exact(expression, {symbol: _number(values[symbol.name]) for symbol in expression.free_symbols})
    if result.is_infinite:
        return float("inf") if result == sympy.oo else float("-inf") if result == -sympy.oo else float("nan")
    return float(result) if result.is_real else float("nan")


def _exact(expression: Expr, numbers: Mapping[Expr, Expr]) -> Expr:
    """Where infinite values leave it undefined: a sum by its parts, else the limit as the one of them grows."""
    result = sympy.N(_substituted(expression, numbers), DIGITS)
    infinite = [symbol for symbol in expression.free_symbols if numbers[symbol] == sympy.oo]
    if result is sympy.nan and infinite and expression.is_Add:
        result = sympy.Add(*(_exact(part, numbers) for part in expression.args))
    if result is sympy.nan and len(infinite) == 1:
        own = {symbol: numbers[symbol] for symbol in expression.free_symbols}
        result = sympy.N(_limit(expression, own, infinite[0]), DIGITS)
    return result


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


# On arrays: compiled for numpy, once.


def _on_arrays(expression: Expr, *values: ArrayLike) -> NDArray[np.float64]:
    """At arrays for its symbols, in the order of their names."""
    import numpy as np

    arrays = [np.asarray(value, dtype=np.float64) for value in values]
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        result = np.asarray(_compiled(expression)(*arrays), dtype=np.float64)
    return np.broadcast_to(result, np.broadcast_shapes(*(array.shape for array in arrays))).copy()


@cache
def _compiled(expression: Expr) -> Callable[..., Any]:
    symbols = sorted(expression.free_symbols, key=lambda symbol: symbol.name)
    compiled: Callable[..., Any] = sympy.lambdify(symbols, expression, modules="numpy", cse=True)
    return compiled
