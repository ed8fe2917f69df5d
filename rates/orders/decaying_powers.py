"""Comparisons of bounds with (1 - x)^n, a power with a symbolic exponent, by estimates on the side that is needed.

For 0 <= x <= 1, (1 - x)^n <= exp(-n x), and (1 + x)^-n lies between exp(-n x) and 1.  A proof of A <~ B takes what is
at least A and at most B, a refutation what is at most A and at least B.  A power that stands on both sides is the same
number in (0, 1] on both, and one with a smaller x is the larger one.  For x <= 1/2, (1 - x)^n is at least
exp(-2 n x), so that both are equal up to constants in the exponent, but not up to constants in front.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Add, Expr, Pow

from tightrate.rates.orders.budget import Budget
from tightrate.rates.orders.domination import OrderComparison, OrderResult, compared, dominated
from tightrate.rates.orders.growth import PathExponents, growth
from tightrate.rates.orders.normal_form import standardized
from tightrate.rates.orders.special_factors import exceeds_one_in_order
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.symbols.alphabet import declared, symbol
from tightrate.rates.symbols.hypothesis import Given

SAME_EXPONENT = "(1 - x)^n is at most exp(-n x), and for x <= 1/2 of its order up to a constant in the exponent"


def has_decaying_powers(*sides: Expr) -> bool:
    """Whether (1 - x)^n or (1 + x)^-n with a symbolic n occurs.

    >>> from tightrate.rates.symbols.alphabet import L, R, mu
    >>> has_decaying_powers((1 - mu / L) ** R / R), has_decaying_powers((1 + R) ** 2)
    (True, False)
    """
    return any(_powers(side) for side in sides)


def _powers(side: Expr) -> set[Expr]:
    return {power for power in side.atoms(Pow) if _falls(power) or _rises(power)}


def _falls(power: Expr) -> bool:
    """Whether this is (1 - x)^n."""
    return (
        isinstance(power.base, Add)
        and bool(power.exp.free_symbols)
        and not power.exp.could_extract_minus_sign()
        and (1 - power.base).is_positive is True
    )


def _rises(power: Expr) -> bool:
    """Whether this is (1 + x)^-n."""
    return (
        isinstance(power.base, Add)
        and bool(power.exp.free_symbols)
        and power.exp.could_extract_minus_sign()
        and (power.base - 1).is_positive is True
    )


def _rate(power: Expr) -> Expr:
    """x n of (1 - x)^n or (1 + x)^-n."""
    return sympy.expand((1 - power.base) * power.exp)


def compare_with_powers(left: Expr, right: Expr, given: Given = (), budget: Budget | None = None) -> OrderComparison:
    """A <~ B, B <~ A, both or neither, for sides with such powers.

    >>> from tightrate.rates.symbols.alphabet import L, R, mu
    >>> compare_with_powers((1 - mu / L) ** R, sympy.exp(-mu * R / L)).relation
    'A<=B'
    >>> compare_with_powers((1 - mu / L) ** R, (1 - mu / (2 * L)) ** R).relation
    'A<=B'
    """
    budget = budget or Budget()
    return compared(_dominated(left, right, given, budget), _dominated(right, left, given, budget))


def _dominated(left: Expr, right: Expr, given: Given, budget: Budget) -> OrderResult:
    """Whether left <~ right; the certificate or witness is that of the estimates."""
    low, high = _below_what_is_equal(left, right)
    shared = {
        power: symbol(declared(f"p_{number}", "probability"))
        for number, power in enumerate(sorted(_powers(low) & _powers(high), key=sympy.default_sort_key))
    }
    proof = dominated(_replaced(low.xreplace(shared), _upper), _replaced(high.xreplace(shared), _lower), given, budget)
    if proof.relation == "holds":
        return OrderResult("holds", certificate=proof.certificate)
    refutation = dominated(_replaced(left, _twice), _replaced(right, _upper), given, budget)
    if refutation.relation == "fails" and refutation.witness is not None:
        path = refutation.witness.exponents
        if all(_is_small(power, path) for power in _powers(left)):
            return OrderResult("fails", witness=refutation.witness)
    return OrderResult("undecided", reason=SAME_EXPONENT)


def _below_what_is_equal(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Both sides, where (1 - x)^n on the right is replaced by (1 - y)^m of the left with y >= x and m >= n."""
    smaller = {}
    for ours in _powers(right) - _powers(left):
        for theirs in filter(_falls, _powers(left)):
            if _falls(ours) and all(
                exceeds_one_in_order(sympy.simplify(ratio))
                for ratio in ((1 - theirs.base) / (1 - ours.base), theirs.exp / ours.exp)
            ):
                smaller[ours] = theirs
    return left, right.xreplace(smaller)


def _replaced(side: Expr, estimate: Callable[[Expr], Expr]) -> Expr:
    return side.xreplace({power: estimate(power) for power in _powers(side)})


def _upper(power: Expr) -> Expr:
    """What is at least the power."""
    return sympy.exp(-_rate(power)) if _falls(power) else sympy.Integer(1)


def _lower(power: Expr) -> Expr:
    """What is at most the power."""
    return sympy.Integer(0) if _falls(power) else sympy.exp(-_rate(power))


def _twice(power: Expr) -> Expr:
    """What is at most the power where x is at most 1/2."""
    return sympy.exp(-2 * _rate(power)) if _falls(power) else sympy.exp(-_rate(power))


def _is_small(power: Expr, path: PathExponents) -> bool:
    """Whether x of (1 - x)^n vanishes along a path."""
    if _rises(power):
        return True
    try:
        found = growth(standardized(1 - power.base), path)
    except UndecidableError:
        return False
    return found is not None and found.power < 0
