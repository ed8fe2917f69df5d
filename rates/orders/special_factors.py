"""Factors that are no powers of letters: exponentials, logarithms, and differences such as K - 1."""

from __future__ import annotations

import sympy
from sympy import Add, Expr, Max, Mul, Pow, Symbol, exp, log

from tightrate.rates.orders.moment_order import ALPHA
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.symbols.alphabet import known_letter, ordered_letters


def is_exponential(expression: Expr) -> bool:
    """Whether letters stand in an exponent: exp(X) or c^X."""
    if isinstance(expression, exp):
        return not expression.is_number
    return (
        isinstance(expression, Pow)
        and bool(expression.base.is_number)
        and not expression.exp.is_number
        and bool(expression.base.is_positive)
        and expression.exp.free_symbols != {ALPHA}
    )


def exponent_terms(exponential: Expr) -> list[tuple[Expr, Expr]]:
    """exp(c1 X1 + c2 X2 + ...) as (c1, X1), (c2, X2), ...: numbers times monomials with coefficient 1."""
    base, argument = exponential.as_base_exp()
    terms = [term.as_independent(*term.free_symbols) for term in Add.make_args(sympy.expand(argument * log(base)))]
    for _, part in terms:
        if not _is_monomial(part):
            raise UndecidableError(f"{part} in the exponent of {exponential} is not a monomial")
    return terms


def _is_monomial(expression: Expr) -> bool:
    return all(
        isinstance(factor.as_base_exp()[0], Symbol) and factor.as_base_exp()[1].is_Rational
        for factor in Mul.make_args(expression)
    )


def exceeds_one(monomial: Expr) -> bool:
    """Whether a monomial is surely at least 1: whole numbers on top, fractions below, coefficient at least 1."""
    coefficient, rest = monomial.as_independent(*monomial.free_symbols, as_Add=False)
    powers = [factor.as_base_exp() for factor in Mul.make_args(rest) if factor != 1]
    return bool(coefficient >= 1) and all(
        isinstance(base, Symbol)
        and (letter := known_letter(base.name)) is not None
        and power.is_Rational
        and ((letter.is_at_least_one and power > 0) or (letter.is_at_most_one and power < 0))
        for base, power in powers
    )


def exceeds_one_in_order(monomial: Expr) -> bool:
    """Whether a monomial is surely at least 1, also where that takes mu <= L or another order of two letters.

    >>> from tightrate.rates.symbols.alphabet import K, L, mu
    >>> exceeds_one_in_order(2 * K * sympy.sqrt(L / mu)), exceeds_one_in_order(L / mu**2), exceeds_one(L / mu)
    (True, False, False)
    """
    _, rest = monomial.as_independent(*monomial.free_symbols, as_Add=False)
    powers = (factor.as_base_exp() for factor in Mul.make_args(rest))
    letters = {base.name: (base, power) for base, power in powers if base.is_Symbol}
    for smaller, larger in ordered_letters(letters):
        (small, down), (large, up) = letters[smaller], letters[larger]
        if up.is_positive and down == -up:
            return exceeds_one(monomial * (small / large) ** up)
    return exceeds_one(monomial)


def larger_part(expression: Expr) -> Expr:
    """`a` of a difference a - b that is surely nonnegative, such as K - 1; UndecidableError otherwise."""
    larger, smaller = (
        [term for term in expression.args if term.could_extract_minus_sign() is negative] for negative in (False, True)
    )
    if len(larger) != 1 or len(smaller) != 1 or not exceeds_one(larger[0] / -smaller[0]):
        raise UndecidableError(f"the sign or the order of the difference {expression} is not known")
    return larger[0]


def has_floor(logarithm: Expr) -> bool:
    """Whether this is log(max(2, X)), rather than log(X) with X >= 1; UndecidableError if it may be negative."""
    (argument,) = logarithm.args
    if isinstance(argument, Max) and 2 in argument.args:
        return True
    if not exceeds_one(argument):
        raise UndecidableError(f"the sign of {logarithm} is not known")
    return False


def argument_of_logarithm(logarithm: Expr) -> Expr | None:
    """X of log(X) or log(max(2, X)) where that is a monomial."""
    (inside,) = logarithm.args
    parts = [part for part in (inside.args if isinstance(inside, Max) else [inside]) if not part.is_number]
    return parts[0] if len(parts) == 1 and _is_monomial(parts[0]) else None
