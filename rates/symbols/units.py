"""Units: how a quantity rescales with x and with f.

Convergence theory has two free scales, the length of x and the value of f.  A quantity q has the unit
length^a value^b when replacing x by s x and f by c f multiplies q by s^a c^b; a third, free scale belongs to
theorems with a scaling matrix D.  Every term of a bound must have the unit of the measure that it bounds, which
alone catches most misprints.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, reduce

import sympy
from sympy import Expr

from tightrate.common.errors import TightrateError


class UnitError(TightrateError):
    """Two units that must agree do not, or a pure number was needed."""


_reduced = lru_cache(maxsize=4096)(sympy.cancel)


@dataclass(frozen=True)
class Unit:
    """length^`length` value^`value` scaling^`scaling`; the exponents are exact and may contain `alpha`.

    >>> Unit(value=1) / Unit(length=1) ** 2
    Unit(length=-2, value=1, scaling=0)
    >>> print(Unit(value=1) / Unit(length=1) ** 2)
    value length^-2
    """

    length: Expr | int = 0
    value: Expr | int = 0
    scaling: Expr | int = 0

    def __post_init__(self) -> None:
        for name in ("length", "value", "scaling"):
            exponent = sympy.sympify(getattr(self, name), strict=True)
            object.__setattr__(self, name, exponent if exponent.is_Rational else _reduced(exponent))

    def __mul__(self, other: Unit) -> Unit:
        return Unit(self.length + other.length, self.value + other.value, self.scaling + other.scaling)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other**-1

    def __pow__(self, exponent: Expr | int) -> Unit:
        return Unit(self.length * exponent, self.value * exponent, self.scaling * exponent)

    @property
    def is_pure(self) -> bool:
        """Whether this is the unit of a pure number."""
        return self == PURE

    def __str__(self) -> str:
        names = (("value", self.value), ("length", self.length), ("scaling", self.scaling))
        powers = [
            name if exponent == 1 else f"{name}^{exponent if exponent.is_Integer else f'({exponent})'}"
            for name, exponent in ((name, sympy.sympify(exponent, strict=True)) for name, exponent in names)
            if exponent != 0
        ]
        # A declared symbol is named SYMBOL:KIND; here it is shown as its author writes it.
        return re.sub(r":[a-z]+", "", " ".join(powers)) or "pure number"


PURE = Unit()
LENGTH = Unit(length=1)
VALUE = Unit(value=1)


def unit_of(expression: Expr, letter_unit: Callable[[str], Unit]) -> Unit | None:
    """The unit of an expression, given the unit of each letter; None for zero and infinity, which have every unit.

    Raises UnitError, naming the offending parts, where a sum mixes units or where a logarithm, an exponential or
    an exponent is not a pure number.
    """

    def pure(part: Expr, role: str) -> None:
        found = unit(part)
        if found is not None and not found.is_pure:
            raise UnitError(f"{role} must be a pure number, but {part} has the unit {found}")

    def same(parts: tuple[Expr, ...], joined_by: str) -> Unit | None:
        found = [(part, part_unit) for part in parts if (part_unit := unit(part)) is not None]
        for part, part_unit in found[1:]:
            if part_unit != found[0][1]:
                raise UnitError(
                    f"{joined_by} of different units: {found[0][0]} has {found[0][1]}, {part} has {part_unit}"
                )
        return found[0][1] if found else None

    def unit(part: Expr) -> Unit | None:
        if part.is_zero or part.is_infinite:
            return None
        if part.is_number:
            return PURE
        if isinstance(part, sympy.Symbol):
            return letter_unit(part.name)
        if isinstance(part, sympy.Mul):
            factors = [unit(factor) for factor in part.args]
            return None if None in factors else reduce(Unit.__mul__, (u for u in factors if u is not None))
        if isinstance(part, sympy.Pow):
            pure(part.exp, "an exponent")
            base = unit(part.base)
            return None if base is None else base**part.exp if not base.is_pure else PURE
        if isinstance(part, sympy.Add):
            return same(part.args, "a sum")
        if isinstance(part, (sympy.Max, sympy.Min)):
            return same(part.args, "a maximum or minimum")
        if isinstance(part, sympy.Abs):
            return unit(part.args[0])
        if isinstance(part, sympy.Piecewise):
            return same(tuple(branch.expr for branch in part.args), "branches")
        if isinstance(part, (sympy.exp, sympy.log, sympy.ceiling, sympy.floor, sympy.atan)):
            pure(part.args[0], f"the argument of {type(part).__name__}")
            return PURE
        raise UnitError(f"no unit is known for {type(part).__name__} in {part}")

    return unit(sympy.sympify(expression, strict=True))
