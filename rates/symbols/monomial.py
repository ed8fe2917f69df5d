"""Monomials: the shape of almost every term of a convergence bound.

A term factors as  coefficient * product of letter^exponent * (logarithms, exponentials, other factors).  The
exponents are exact fractions, or symbolic where a theorem has the moment order `alpha` in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy
from sympy import Expr


@dataclass(frozen=True)
class Monomial:
    """coefficient * prod(letter**exponent) * prod(factors); the coefficient may hold powers such as 2**alpha."""

    coefficient: Expr
    exponents: Mapping[str, Expr]
    factors: tuple[Expr, ...] = ()

    @property
    def is_pure(self) -> bool:
        """Whether nothing but letters and a coefficient is left: an exact power law."""
        return not self.factors


def monomial(expression: Expr) -> Monomial:
    """Factor a product; what is neither a number nor a power of a letter goes to `factors`.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, R, mu
    >>> monomial(L * B**2 / (108 * R)).exponents == {"B": 2, "L": 1, "R": -1}
    True
    >>> monomial(L * B**2 * sympy.exp(-mu * K * R / L)).factors
    (exp(-K*R*mu/L),)
    >>> from tightrate.rates.symbols.alphabet import alpha, sigma
    >>> monomial((sigma ** (alpha / (alpha - 1))) ** ((alpha - 1) / 2)).exponents
    {'sigma': alpha/2}
    """
    coefficient: Expr = sympy.Integer(1)
    exponents: dict[str, Expr] = {}
    factors: list[Expr] = []

    def gather(part: Expr, power: Expr) -> None:
        """Multiply the result by part^power; every letter is nonnegative, so powers of powers multiply."""
        nonlocal coefficient
        if part.is_number:
            coefficient *= part**power
        elif isinstance(part, sympy.Symbol):
            exponents[part.name] = sympy.cancel(exponents.get(part.name, sympy.Integer(0)) + power)
        elif isinstance(part, sympy.Mul):
            for factor in part.args:
                gather(factor, power)
        elif isinstance(part, sympy.Pow) and _is_exponent(part.exp) and not isinstance(part.base, sympy.Add):
            gather(part.base, part.exp * power)
        else:  # also a power of a sum, whose sign is not known
            factors.append(part**power)

    gather(expression, sympy.Integer(1))
    kept = {name: power for name, power in sorted(exponents.items()) if power != 0}
    return Monomial(coefficient, kept, tuple(sorted(factors, key=sympy.default_sort_key)))


def _is_exponent(power: Expr) -> bool:
    """Constant exponents: numbers, or rational functions of the moment order alpha."""
    return power.is_number or {symbol.name for symbol in power.free_symbols} <= {"alpha"}
