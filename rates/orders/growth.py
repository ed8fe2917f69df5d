"""How fast an expression grows along a path on which every letter is a power of one large number n.

The logarithm of the expression is then, up to a bounded error,  sum_x c_x n^x + g log n + h log log n:  a power law
contributes to g, exp(-X) with X = n^x contributes -n^x, and log X contributes to h.  Such sums are ordered by their
leading term, so two expressions are compared exactly.  Counting letters are 2 n^u and fractions n^-u / 2, so that
K - 1 and 1 - beta1 have the order of K and 1.  This is how a witness is checked: by walking along it, not by the
normal form that found it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import sympy
from sympy import Add, Expr, Max, Min, Mul, Piecewise, Pow, Symbol, log
from sympy.logic.boolalg import And, Boolean, Not, Or

from tightrate.rates.orders.special_factors import exponent_terms, has_floor, is_exponential, larger_part
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.symbols.alphabet import known_letter
from tightrate.rates.symbols.hypothesis import Hypothesis

PathExponents = Mapping[str, Fraction]


@dataclass(frozen=True)
class Growth:
    """sum_x fast[x] n^x + power log n + logarithms log log n, with every x > 0 and no coefficient 0."""

    power: Fraction = Fraction(0)
    logarithms: Fraction = Fraction(0)
    fast: Mapping[Fraction, Expr] = field(default_factory=dict)

    def __add__(self, other: Growth) -> Growth:
        orders = {*self.fast, *other.fast}
        total = {x: self.fast.get(x, sympy.S.Zero) + other.fast.get(x, sympy.S.Zero) for x in orders}
        fast = {x: c for x, c in total.items() if c != 0}
        return Growth(self.power + other.power, self.logarithms + other.logarithms, fast)

    def __mul__(self, scale: Fraction) -> Growth:
        rational = sympy.Rational(scale.numerator, scale.denominator)
        fast = {x: c * rational for x, c in self.fast.items()} if scale else {}
        return Growth(self.power * scale, self.logarithms * scale, fast)

    def __sub__(self, other: Growth) -> Growth:
        return self + other * Fraction(-1)

    @property
    def sign(self) -> int:
        """Whether the expression grows without bound (1), vanishes (-1), or neither (0)."""
        if self.fast:
            sign = sympy.sign(self.fast[max(self.fast)])
            if not sign.is_Integer:
                raise UndecidableError("exponentials with constants that the sources hide cannot be compared")
            return int(sign)
        leading = self.power or self.logarithms
        return (leading > 0) - (leading < 0)

    def __lt__(self, other: Growth) -> bool:
        return (self - other).sign < 0


def growth(expression: Expr, path: PathExponents) -> Growth | None:
    """The growth of a standardized expression along letter = n^path[letter] (0 where absent); None for zero.

    >>> from tightrate.rates.symbols.alphabet import K, R, mu
    >>> growth(1 / sympy.sqrt(K * R) + 1 / R, {"K": Fraction(1), "R": Fraction(2)}).power
    Fraction(-3, 2)
    >>> growth(sympy.exp(-mu * R), {"R": Fraction(1)}).sign
    -1
    """
    if expression.is_zero:
        return None
    if expression.is_number:
        if expression.is_positive and expression.is_finite:
            return Growth()
        raise UndecidableError(f"{expression} is not positive")
    if isinstance(expression, Symbol):
        return Growth(path.get(expression.name, Fraction(0)))
    if isinstance(expression, Piecewise):
        return growth(_branch(expression, path), path)
    if is_exponential(expression):
        return _sum(_exponential(c, x, path) for c, x in exponent_terms(expression))
    if isinstance(expression, log):
        has_floor(expression)
        inside = growth(expression.args[0], path)
        if inside is None or inside.fast:
            raise UndecidableError(f"the order of {expression} is not known")
        return Growth(logarithms=Fraction(int(inside.power > 0)))
    if isinstance(expression, Add) and any(term.could_extract_minus_sign() for term in expression.args):
        return growth(larger_part(expression), path)
    if isinstance(expression, Pow) and expression.exp.is_Rational:
        base = growth(expression.base, path)
        if base is None:
            raise UndecidableError(f"{expression} is not defined")
        return base * Fraction(int(expression.exp.p), int(expression.exp.q))
    parts = [growth(part, path) for part in expression.args]
    nonzero = [part for part in parts if part is not None]
    if isinstance(expression, Mul):
        return _sum(nonzero) if len(nonzero) == len(parts) else None
    if isinstance(expression, (Add, Max)):
        return max(nonzero) if nonzero else None
    if isinstance(expression, Min):
        return min(nonzero) if len(nonzero) == len(parts) else None
    raise UndecidableError(f"the order of {expression} is not known")


def _sum(parts: Iterable[Growth]) -> Growth:
    total = Growth()
    for part in parts:
        total += part
    return total


def _exponential(coefficient: Expr, argument: Expr, path: PathExponents) -> Growth:
    """exp(c X): bounded above and below where X stays bounded, and c X where X grows."""
    found = growth(argument, path)
    if found is None or found.power <= 0:
        return Growth()
    for factor in Mul.make_args(argument):
        base, power = factor.as_base_exp()
        letter = known_letter(base.name) if isinstance(base, Symbol) else None
        if letter is not None and (letter.counts or letter.below_one):
            coefficient *= (2 if letter.counts else sympy.Rational(1, 2)) ** power
        elif letter is not None and letter.unspecified:
            coefficient *= base**power
    return Growth(fast={found.power: coefficient})


def _branch(expression: Piecewise, path: PathExponents) -> Expr:
    for value, condition in expression.args:
        if holds(condition, path, strictly=True):
            return value
        if holds(condition, path):
            raise UndecidableError(f"the path runs along the boundary {condition}")
    raise UndecidableError(f"{expression} is not defined on the path")


def holds(condition: Boolean | Hypothesis, path: PathExponents, strictly: bool = False) -> bool:
    """Whether a condition holds up to constants along the path; strictly: by more than constants.

    Conditions on constants alone are not up to constants.
    """
    if isinstance(condition, Hypothesis):
        smaller, larger = growth(condition.smaller, path), growth(condition.larger, path)
    elif condition in (sympy.true, sympy.false):
        return bool(condition)
    elif isinstance(condition, Not):
        return not holds(condition.args[0], path, not strictly)
    elif isinstance(condition, (And, Or)):
        return (all if isinstance(condition, And) else any)(holds(part, path, strictly) for part in condition.args)
    elif isinstance(condition, sympy.Eq):
        both = And(condition.lhs <= condition.rhs, condition.lhs >= condition.rhs)
        return not strictly and holds(both, path)
    elif isinstance(condition, sympy.core.relational.Relational) and hasattr(condition, "lts"):
        smaller, larger = growth(condition.lts, path), growth(condition.gts, path)
    else:
        raise UndecidableError(f"the condition {condition} is not a comparison")
    if smaller is None or larger is None:
        return smaller is None and (larger is not None or not strictly)
    return smaller < larger if strictly else not larger < smaller
