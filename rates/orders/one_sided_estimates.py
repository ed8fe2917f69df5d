"""Simpler formulas on a known side of what they replace, for factors that the order algebra does not read.

(1 - x)^n with a symbolic n becomes an exponential that it does not exceed; max(0, x - 1) becomes something smaller for
a proof, x for a refutation.  Whoever replaces says which way the estimate goes.
"""

from __future__ import annotations

import sympy
from sympy import Add, Expr, Ge, Integer, Le, Max, Or, Piecewise, Pow
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Boolean

from tightrate.rates.orders.special_factors import larger_part
from tightrate.rates.orders.undecidable import UndecidableError


def with_exponentials(expression: Expr) -> Expr:
    """Every (1 - x)^n with symbolic n by exp(-n x), which is at least as large for 0 <= x <= 1.

    >>> from tightrate.rates.symbols.alphabet import K, R, eta, mu
    >>> with_exponentials(mu * (1 - eta * mu) ** (K * R))
    mu*exp(-K*R*eta*mu)
    """
    return expression.replace(_is_decaying_power, lambda power: sympy.exp(-sympy.expand(power.exp * (1 - power.base))))


def _is_decaying_power(expression: Expr) -> bool:
    return (
        isinstance(expression, Pow)
        and isinstance(expression.base, Add)
        and not expression.exp.is_number
        and (1 - expression.base).is_positive is True
    )


def is_excess(expression: Expr) -> bool:
    """Whether this is max(0, x - 1) with x > 0.

    >>> from tightrate.rates.symbols.alphabet import gamma, momentum
    >>> is_excess(Max(gamma / (1 - momentum) - 1, 0)), is_excess(Max(gamma, 0))
    (True, False)
    """
    return (
        isinstance(expression, Max)
        and len(expression.args) == 2
        and sympy.S.Zero in expression.args
        and _is_positive(above_one(expression))
    )


def _is_positive(expression: Expr) -> bool:
    """Whether it is positive where differences such as 1 - momentum are."""
    try:
        return expression.replace(lambda part: isinstance(part, Add), larger_part).is_positive is True
    except UndecidableError:
        return False


def above_one(excess: Expr) -> Expr:
    """x of max(0, x - 1), which is larger."""
    return Add(*excess.args) + 1


def below_excess(excess: Expr) -> Expr:
    """0 up to x = 2, then x/2: at most max(0, x - 1)."""
    x = above_one(excess)
    return Piecewise((Integer(0), Le(x, 2)), (x / 2, True))


def without_excess(relation: Boolean, stronger: bool) -> Boolean:
    """An inequality whose smaller side grows with max(0, x - 1), replaced by a weaker or a stronger one without it."""
    excesses = {part for part in relation.atoms(Max) if is_excess(part)}
    if len(excesses) != 1 or not isinstance(relation, Relational) or excesses & relation.gts.atoms(Max):
        return relation
    (excess,) = excesses
    x = above_one(excess)
    limit, value = (1, x) if stronger else (2, x / 2)
    small, large = (relation.xreplace({excess: replaced}) for replaced in (Integer(0), value))
    return Or(And(Le(x, limit), small), And(Ge(x, limit), large))


def primitive_differences(expression: Expr) -> Expr:
    """Every difference without its common number, which is no matter of orders: 1 - x for 4 - 4 x.

    >>> from tightrate.rates.symbols.alphabet import K, momentum
    >>> primitive_differences((4 - 4 * momentum) * (K / 2 - sympy.Rational(1, 2)))
    (1 - momentum)*(K - 1)
    """
    if not any(map(_is_difference, expression.atoms(Add))):
        return expression
    if isinstance(expression, sympy.exp) or (expression.is_Pow and not expression.exp.is_number):
        return expression
    expression = expression.func(*(primitive_differences(part) for part in expression.args))
    return expression.primitive()[1] if _is_difference(expression) else expression


def _is_difference(expression: Expr) -> bool:
    return isinstance(expression, Add) and any(term.could_extract_minus_sign() for term in expression.args)
