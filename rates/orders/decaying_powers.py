"""Comparisons of bounds with (1 - x)^n, a power with a symbolic exponent, by estimates on the side that is needed.

For 0 <= x <= 1, (1 - x)^n <= exp(-n x), and (1 + x)^-n lies between exp(-n x) and 1.  A proof of A <~ B takes what is
at least A and at most B, a refutation what is at most A and at least B.  A power that stands on both sides is the same
number in (0, 1] on both, and one with a smaller x is the larger one.  For x <= 1/2, (1 - x)^n is at least
exp(-2 n x), so that both are equal up to constants in the exponent, but not up to constants in front.

Contractions of accelerated and of steepest descent, ((a - b)/(a + b))^n with a >= b > 0, are at most (1 - b/a)^n and
exp(-2 n b/a), as log((a + b)/(a - b)) = 2 artanh(b/a) >= 2 b/a; for b/a <= 1/2 they are at least exp(-3 n b/a).
"""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Add, Expr, Pow, Rational, fraction, together

from tightrate.rates.orders.budget import Budget
from tightrate.rates.orders.domination import OrderComparison, OrderResult, compared, dominated
from tightrate.rates.orders.growth import PathExponents, growth
from tightrate.rates.orders.normal_form import standardized
from tightrate.rates.orders.special_factors import exceeds_one_in_order
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.symbols.alphabet import declared, symbol
from tightrate.rates.symbols.hypothesis import Given

SAME_EXPONENT = "(1 - x)^n is at most exp(-n x), and for x <= 1/2 of its order up to a constant in the exponent"
SAME_EXPONENT_OF_RATIO = (
    "((a - b)/(a + b))^n is at most exp(-2 n b/a), and for b <= a/2 of its order up to a constant in the exponent"
)


def notes_on_powers(*sides: Expr) -> list[str]:
    """What is true of the powers (1 - x)^n, (1 + x)^-n and ((a - b)/(a + b))^n that occur; empty where none does.

    >>> from tightrate.rates.symbols.alphabet import L, R, mu
    >>> len(notes_on_powers((1 - mu / L) ** R / R)), notes_on_powers((1 + R) ** 2)
    (1, [])
    """
    found = set[Expr]().union(*map(_powers, sides))
    ratios = any(_contraction(power) is not None for power in found)
    plain = any(_contraction(power) is None for power in found)
    return [SAME_EXPONENT] * plain + [SAME_EXPONENT_OF_RATIO] * ratios


def _powers(side: Expr) -> set[Expr]:
    return {power for power in side.atoms(Pow) if _contraction(power) is not None or _falls(power) or _rises(power)}


def _contraction(power: Expr) -> Expr | None:
    """b/a of ((a - b)/(a + b))^n with a >= b > 0.

    >>> from tightrate.rates.symbols.alphabet import L, R, mu
    >>> _contraction((1 - 2 * mu / (L + mu)) ** R)
    mu/L
    """
    if not power.exp.free_symbols or power.exp.could_extract_minus_sign() or not power.base.has(Add):
        return None
    above, below = fraction(together(power.base))
    if not (isinstance(above, Add) and isinstance(below, Add) and len(above.args) == len(below.args) == 2):
        return None
    larger, smaller = (sympy.expand(above + below) / 2, sympy.expand(below - above) / 2)
    if larger.is_Add or smaller.is_Add or not (smaller.is_positive and exceeds_one_in_order(larger / smaller)):
        return None
    return smaller / larger


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
    """x n of (1 - x)^n or (1 + x)^-n, 2 n b/a of ((a - b)/(a + b))^n."""
    ratio = _contraction(power)
    return sympy.expand((1 - power.base if ratio is None else 2 * ratio) * power.exp)


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
    refutation = dominated(_replaced(left, _low_where_small), _replaced(right, _upper), given, budget)
    if refutation.relation == "fails" and refutation.witness is not None:
        path = refutation.witness.exponents
        if all(_is_small(power, path) for power in _powers(left)):
            return OrderResult("fails", witness=refutation.witness)
    return OrderResult("undecided", reason="; ".join(notes_on_powers(left, right)))


def _below_what_is_equal(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Both sides, where a power on the right is replaced by one of the left that is surely at most as large."""
    smaller = {}
    for ours in _powers(right) - _powers(left):
        for theirs in _powers(left):
            if _is_at_most(theirs, ours):
                smaller[ours] = theirs
    return left, right.xreplace(smaller)


def _is_at_most(small: Expr, large: Expr) -> bool:
    """Whether (1 - y)^m <= (1 - x)^n as y >= x and m >= n; 1 - (a - b)/(a + b) lies between b/a and 2 b/a."""
    ratios = _contraction(small), _contraction(large)
    if not (_falls(small) or ratios[0] is not None) or not (_falls(large) or ratios[1] is not None):
        return False
    above = 1 - small.base if ratios[0] is None else ratios[0]
    below = 1 - large.base if ratios[1] is None else ratios[1] if ratios[0] is not None else 2 * ratios[1]
    return all(exceeds_one_in_order(sympy.simplify(one)) for one in (above / below, small.exp / large.exp))


def _replaced(side: Expr, estimate: Callable[[Expr], Expr]) -> Expr:
    return side.xreplace({power: estimate(power) for power in _powers(side)})


def _upper(power: Expr) -> Expr:
    """What is at least the power."""
    return sympy.Integer(1) if _rises(power) else sympy.exp(-_rate(power))


def _lower(power: Expr) -> Expr:
    """What is at most the power."""
    return sympy.exp(-_rate(power)) if _rises(power) else sympy.Integer(0)


def _low_where_small(power: Expr) -> Expr:
    """What is at most the power where x, or b/a, is at most 1/2."""
    times = 1 if _rises(power) else 2 if _contraction(power) is None else Rational(3, 2)
    return sympy.exp(-times * _rate(power))


def _is_small(power: Expr, path: PathExponents) -> bool:
    """Whether x of (1 - x)^n vanishes along a path."""
    if _rises(power):
        return True
    ratio = _contraction(power)
    try:
        found = growth(standardized(1 - power.base if ratio is None else ratio), path)
    except UndecidableError:
        return False
    return found is not None and found.power < 0
