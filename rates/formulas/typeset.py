r"""Typesetting: from an expression to the parts of a printed formula, in the order that papers use.

A term is printed as one fraction: numbers, then letters in conventional order, then sums and functions; fractional
powers share a root, (L sigma^2 B^4)^(1/3) / (K^(1/3) R^(2/3)); what is tall or exponential stands beside the
fraction.  A `Style` says what each part looks like in LaTeX, unicode, MathML or plain text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

import sympy
from sympy import Add, Expr, Integer, Mul, Pow, Symbol
from sympy.core.relational import Relational

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.style import Level, Part, Style
from tightrate.rates.symbols.alphabet import LETTERS, decay, decay_lower

T = TypeVar("T")

# Letters in a product stand in this order; what is not listed follows.
_CONVENTION = """gamma eta weak L mu curvature tau tau_mean Q Delta zeta zeta_star zeta_mean zeta_opt zeta_inf
    sigma sigma_star sigma_dif sigma_inf sigma_2alpha G G_inf B B_scaled D alpha momentum rho lambda delta eps
    d M K R T"""
CONVENTIONAL_ORDER = tuple(_CONVENTION.split())


class Theta(sympy.Function):  # type: ignore[misc]
    """Theta(X) for c X with a constant c that the source hides in an exponent: for print only."""


FUNCTIONS: Mapping[type[Expr], str] = {
    Theta: "Theta",
    sympy.log: "log",
    sympy.Min: "min",
    sympy.Max: "max",
    sympy.ceiling: "ceiling",
    sympy.floor: "floor",
    sympy.Abs: "abs",
    sympy.atan: "atan",
}
CONSTANTS: Mapping[Expr, str] = {sympy.pi: "pi", sympy.E: "e", sympy.oo: "inf"}
SIGNS: Mapping[type[Relational], str] = {
    sympy.Le: "<=",
    sympy.Lt: "<",
    sympy.Ge: ">=",
    sympy.Gt: ">",
    sympy.Eq: "=",
    sympy.Ne: "!=",
}


@dataclass(frozen=True)
class Typesetter(Generic[T]):
    """Prints expressions in one style; `inline` (as in exponents) puts fractions on one line."""

    style: Style[T]
    inline: bool = False

    @cached_property
    def _inline(self) -> Typesetter[T]:
        return replace(self, inline=True)

    def part(self, expression: Expr) -> Part[T]:
        """The printed form of an expression; one that no bound contains is refused."""
        style = self.style
        if isinstance(expression, Symbol):
            return style.letter(expression.name)
        if isinstance(expression, Add):
            content, _ = self._content(expression)
            if content.q != 1:
                return self.part(Mul(1 / Integer(content.q), expression * content.q, evaluate=False))
            return Part(style.sum([self.signed(term) for term in ordered_terms(expression)]), Level.SUM)
        if isinstance(expression, (Mul, Pow, sympy.Rational, sympy.exp)):
            negative, body = self._product(expression)
            return Part(style.sum([(True, body.body)]), Level.SUM) if negative else body
        if expression in CONSTANTS:
            return Part(style.constant(CONSTANTS[expression]), Level.ATOM)
        if type(expression) in FUNCTIONS:
            arguments = [self.part(argument).body for argument in expression.args]
            return Part(style.function(FUNCTIONS[type(expression)], arguments), Level.ATOM)
        if isinstance(expression, sympy.Piecewise):
            branches = [
                (self.part(value).body, None if condition == sympy.true else self.part(condition).body)
                for value, condition in expression.args
            ]
            return Part(style.cases(branches), Level.ATOM)
        if isinstance(expression, Relational) and type(expression) in SIGNS:
            left, right = (self.part(side).body for side in (expression.lhs, expression.rhs))
            return Part(style.relation(left, SIGNS[type(expression)], right), Level.SUM)
        raise TightrateError(f"no printed form is known for {type(expression).__name__} in {expression}")

    def signed(self, term: Expr) -> tuple[bool, T]:
        """Whether a summand is subtracted, and its absolute part."""
        if term.is_Rational or isinstance(term, (Mul, Pow)):
            negative, body = self._product(term)
            return negative, body.body
        return False, self.part(term).body

    def _product(self, expression: Expr) -> tuple[bool, Part[T]]:
        """The sign and the rest of a product."""
        factors = Factors.of(expression)
        contents = [self._content(factor) for factor in factors.others]
        coefficient = abs(factors.coefficient) * Mul(*(content for content, _ in contents))
        above = [*self._integer(coefficient.p), *self._all(factors.numbers)]
        below = self._integer(coefficient.q)
        roots_above, roots_below = _roots(factors.above), _roots(factors.below)
        above += [self._letter_power(name, power) for name, power in _whole(factors.above).items()]
        below += [self._letter_power(name, power) for name, power in _whole(factors.below).items()]
        if roots_above == roots_below == 2 and (above or not below):
            radicand = self._fraction(
                [self._letter_power(name, 2 * power) for name, power in _fractional(factors.above).items()],
                [self._letter_power(name, 2 * power) for name, power in _fractional(factors.below).items()],
            )
            beside = [Part(self.style.root(radicand.body), Level.ATOM)]
        else:
            beside = []
            above += self._grouped(_fractional(factors.above), roots_above)
            if roots_below == 2:
                below += self._grouped(_fractional(factors.below), 2)
            else:
                below += [self._letter_power(name, power) for name, power in _fractional(factors.below).items()]
        below += self._all(factors.others_below)
        others = [primitive for _, primitive in contents]
        apart = [factor for factor in others if not self.inline and _stands_apart(factor)]
        above += self._all([factor for factor in others if factor not in apart])
        beside += self._all(apart)
        quotient = [self._fraction(above, below)] if below else above
        whole = quotient + beside or self._integer(1, always=True)
        return factors.coefficient < 0, self._side_by_side(whole)

    def _content(self, factor: Expr) -> tuple[sympy.Rational, Expr]:
        """What the coefficients of a sum have in common, and the rest: 4 - 4 mu is 4 (1 - mu), R/3 + 2/3 (R + 2)/3."""
        if not isinstance(factor, Add) or self.style.keeps_sums:
            return sympy.S.One, factor
        coefficients = [term.as_coeff_Mul()[0] for term in factor.args]
        common, primitive = factor.primitive()
        if all(coefficient.is_Rational and coefficient.q == common.q for coefficient in coefficients):
            return common, primitive
        return sympy.S.One, factor

    def _all(self, expressions: Sequence[Expr]) -> list[Part[T]]:
        """Factors that are neither plain numbers nor powers of letters."""
        return [self._power(factor) for factor in expressions]

    def _integer(self, value: int, always: bool = False) -> list[Part[T]]:
        return [Part(self.style.integer(value), Level.ATOM)] if value != 1 or always else []

    def _letter_power(self, name: str, power: Expr) -> Part[T]:
        letter = self.style.letter(name)
        if power == 1:
            return letter
        if power == sympy.Rational(1, 2):
            return Part(self.style.root(letter.body), Level.ATOM)
        return self._raised(letter, power)

    def _power(self, factor: Expr) -> Part[T]:
        """A power of something, or anything else that is one factor."""
        if isinstance(factor, sympy.exp):
            return Part(self.style.exponential(self._inline.part(_with_theta(factor.args[0])).body), Level.POWER)
        if not isinstance(factor, Pow):
            return self.part(factor)
        if factor.exp == sympy.Rational(1, 2):
            return Part(self.style.root(self.part(factor.base).body), Level.ATOM)
        return self._raised(self.part(factor.base), factor.exp)

    def _raised(self, base: Part[T], exponent: Expr) -> Part[T]:
        return Part(self.style.power(self._held(base, Level.ATOM), self._inline.part(exponent).body), Level.POWER)

    def _grouped(self, powers: Mapping[str, Expr], index: int) -> list[Part[T]]:
        """Letters under one root (of index 2) or one fractional power; apart if their roots differ (index 0)."""
        if len(powers) < 2 or not index:
            return [self._letter_power(name, power) for name, power in powers.items()]
        product = self._side_by_side([self._letter_power(name, index * power) for name, power in powers.items()])
        if index == 2:
            return [Part(self.style.root(product.body), Level.ATOM)]
        return [self._raised(product, sympy.Rational(1, index))]

    def _fraction(self, above: list[Part[T]], below: list[Part[T]]) -> Part[T]:
        numerator = self._side_by_side(above or self._integer(1, always=True))
        denominator = self._side_by_side(below)
        if self.style.stacks_fractions and not self.inline:
            return Part(self.style.fraction(numerator.body, denominator.body), Level.FRACTION)
        slash = self.style.slash(self._held(numerator, Level.PRODUCT), self._held(denominator, Level.POWER))
        return Part(slash, Level.QUOTIENT)

    def _side_by_side(self, factors: list[Part[T]]) -> Part[T]:
        if len(factors) == 1:
            return factors[0]
        first, *rest = factors
        held = [self._held(first, Level.QUOTIENT), *(self._held(factor, Level.PRODUCT) for factor in rest)]
        after_quotient = first.level == Level.QUOTIENT
        return Part(self.style.product(held, after_quotient), Level.QUOTIENT if after_quotient else Level.PRODUCT)

    def _held(self, part: Part[T], level: Level) -> T:
        """A part in brackets, if it holds together less than `level`."""
        return part.body if part.level >= level else self.style.bracket(part.body)


@dataclass(frozen=True)
class Factors:
    """A product taken apart: coefficient * numbers * letters^(+) * others / (letters^(-) * others_below)."""

    coefficient: sympy.Rational
    numbers: tuple[Expr, ...]
    above: Mapping[str, Expr]
    below: Mapping[str, Expr]
    others: tuple[Expr, ...]
    others_below: tuple[Expr, ...]

    @staticmethod
    def of(expression: Expr) -> Factors:
        """Take a product apart without changing any of its factors."""
        coefficient = Integer(1)
        numbers: list[Expr] = []
        above: dict[str, Expr] = {}
        below: dict[str, Expr] = {}
        others: list[Expr] = []
        others_below: list[Expr] = []
        for factor in Mul.make_args(expression):
            if factor.is_Rational:
                coefficient *= factor
                continue
            base, power = (factor, Integer(1)) if isinstance(factor, sympy.exp) else factor.as_base_exp()
            goes_below = power.is_negative if power.is_number else _is_negative(power) and isinstance(base, Symbol)
            if isinstance(base, Symbol):
                (below if goes_below else above)[base.name] = -power if goes_below else power
            elif goes_below:
                others_below.append(Pow(base, -power))
            elif factor.is_number:
                numbers.append(factor)
            else:
                others.append(factor)
        order = [*CONVENTIONAL_ORDER, *(name for name in LETTERS if name not in CONVENTIONAL_ORDER)]
        by_name = [name for name in order if name in above or name in below]
        by_name += sorted({*above, *below} - {*order})
        by_name.sort(key=lambda name: not (above | below)[name].is_number)  # powers such as 1/alpha last
        return Factors(
            coefficient,
            tuple(sorted(numbers, key=sympy.default_sort_key)),
            {name: above[name] for name in by_name if name in above},
            {name: below[name] for name in by_name if name in below},
            tuple(sorted(others, key=_sums_first)),
            tuple(sorted(others_below, key=_sums_first)),
        )


def ordered_terms(expression: Expr) -> list[Expr]:
    """The summands in reading order: what is subtracted follows what is added, numbers come first but after counts.

    >>> from tightrate.rates.symbols.alphabet import K, L, eta
    >>> ordered_terms(1 - eta * L), ordered_terms(1 + eta * L), ordered_terms(1 + K)
    ([1, -L*eta], [1, L*eta], [K, 1])
    """
    terms = expression.as_ordered_terms()
    counts = all(term.is_number or _is_count(term.as_coeff_Mul()[1]) for term in terms)
    return sorted(terms, key=lambda term: (_is_negative(term), not counts and not term.is_number))


def _is_count(factor: Expr) -> bool:
    """Whether this is a count such as K or a rounded one, to which papers add 1 at the end."""
    named = isinstance(factor, Symbol) and factor.name in LETTERS and LETTERS[factor.name].counts
    return named or isinstance(factor, (sympy.ceiling, sympy.floor))


def _is_negative(term: Expr) -> bool:
    return bool(term.as_coeff_Mul()[0].is_negative)


def _sums_first(factor: Expr) -> tuple[bool, object]:
    return not isinstance(factor.as_base_exp()[0], Add), sympy.default_sort_key(factor)


def _stands_apart(factor: Expr) -> bool:
    """Exponentials, alternatives, and what contains a fraction stand beside the fraction, not in it."""
    if isinstance(factor, (sympy.exp, sympy.Min, sympy.Max, sympy.Piecewise)):
        return True
    parts = sympy.preorder_traversal(factor.as_base_exp()[0])
    return any(
        (part.is_Rational and not part.is_Integer) or (isinstance(part, Pow) and part.exp.is_Rational and part.exp < 0)
        for part in parts
    )


def _whole(powers: Mapping[str, Expr]) -> dict[str, Expr]:
    """The letters whose power is not a fraction."""
    return {name: power for name, power in powers.items() if not power.is_Rational or power.is_Integer}


def _fractional(powers: Mapping[str, Expr]) -> dict[str, Expr]:
    """The letters whose power is a fraction."""
    return {name: power for name, power in powers.items() if power.is_Rational and not power.is_Integer}


def _roots(powers: Mapping[str, Expr]) -> int:
    """The common denominator of all fractional powers; 0 if there is none."""
    indices = {power.q for power in _fractional(powers).values()}
    return indices.pop() if len(indices) == 1 else 0


def _with_theta(exponent: Expr) -> Expr:
    """The exponent as the source prints it: Theta(X) in place of c X with a constant c that it hides."""
    for constant in (decay, decay_lower):
        if exponent.has(constant):
            without = sympy.cancel(exponent / constant)
            negative = without.could_extract_minus_sign()
            return -Theta(-without) if negative else Theta(without)
    return exponent
