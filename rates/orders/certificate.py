"""Proofs and refutations of  A <~ B; `certificate_check` checks the proofs, and a path is walked along here.

A is at most a constant times B, for all values of the letters that the hypotheses allow: that is what `A <~ B` says.
In the logarithms of the letters the hypotheses are a cone and each side is a maximum of minima of linear forms
(`tightrate.rates.orders.normal_form`), and then there is always one of two exact objects:

* a certificate: steps  prod_j a_j^p_j * (hypotheses)^y = prod_k b_k^q_k  with nonnegative weights and
  sum p = sum q = 1, so that  min_j a_j <= prod a^p <~ prod b^q <= max_k b_k, for each minimum of A and maximum of B;
* a witness: a path, letter = n^exponent, inside the hypotheses, along which A/B grows like a power of n.

The constant depends on nothing but alpha, where alpha (at least 4) occurs in exponents; the weights are then rational
functions of alpha, each on an interval.  Nothing here knows how certificates and witnesses are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

import sympy
from sympy import QQ, Expr, Rational, Symbol
from sympy.logic.boolalg import Boolean

from tightrate.rates.orders.cases import Case, cases
from tightrate.rates.orders.facts import factor_facts, range_facts
from tightrate.rates.orders.growth import growth, holds
from tightrate.rates.orders.moment_order import ALPHA, ALPHA_RANGE
from tightrate.rates.orders.normal_form import Form, clauses, field_of, form_of, listed, standardized, substituted
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.statements.bound import Bound
from tightrate.rates.symbols.hypothesis import Given, Hypothesis

Side: TypeAlias = Expr | Bound | int
Clause: TypeAlias = frozenset[Form]
Interval: TypeAlias = tuple[Expr, Expr]


@dataclass(frozen=True)
class ProofStep:
    """prod left^weight * prod (larger/smaller)^weight = prod right^weight; `alpha` is where it holds, if it occurs."""

    left: tuple[tuple[Expr, Expr], ...]
    right: tuple[tuple[Expr, Expr], ...]
    used: tuple[tuple[Hypothesis, Expr], ...]
    alpha: Interval | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every number an exact fraction in a string."""
        return {
            "left": {str(monomial): str(weight) for monomial, weight in self.left},
            "right": {str(monomial): str(weight) for monomial, weight in self.right},
            "used": [{**hypothesis.as_dict(), "weight": str(weight)} for hypothesis, weight in self.used],
            "alpha": None if self.alpha is None else [str(end) for end in self.alpha],
        }


@dataclass(frozen=True)
class CaseProof:
    """The steps that prove one case."""

    hypotheses: tuple[Hypothesis, ...]
    steps: tuple[ProofStep, ...]


@dataclass(frozen=True)
class Certificate:
    """A proof of A <~ B, case by case."""

    cases: tuple[CaseProof, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "cases": [
                {"hypotheses": [str(h) for h in case.hypotheses], "steps": [step.as_dict() for step in case.steps]}
                for case in self.cases
            ]
        }


@dataclass(frozen=True)
class Witness:
    """A path letter = n^exponent inside the hypotheses along which A/B grows like n^ratio (log n)^logarithms.

    A ratio of None is faster than any power (or B = 0).  `term` is the part of A that outgrows B; `alpha` the moment
    order at which it does, if it occurs.
    """

    exponents: Mapping[str, Fraction]
    ratio: Fraction | None
    term: Expr
    alpha: Fraction | None = None
    logarithms: Fraction = Fraction(0)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every number an exact fraction in a string."""
        return {
            "exponents": {name: str(exponent) for name, exponent in self.exponents.items()},
            "ratio": "inf" if self.ratio is None else str(self.ratio),
            "logarithms": str(self.logarithms),
            "term": str(self.term),
            "alpha": None if self.alpha is None else str(self.alpha),
        }


@dataclass(frozen=True)
class OrderQuestion:
    """left <~ right under hypotheses, all in positive letters."""

    left: Expr
    right: Expr
    given: tuple[Boolean | Hypothesis, ...]

    @staticmethod
    def of(left: Side, right: Side, given: Given) -> OrderQuestion:
        """The question as asked, in standard form."""
        sides = [standardized(side.expression if isinstance(side, Bound) else side) for side in (left, right)]
        hypotheses = [
            Hypothesis(standardized(h.smaller), standardized(h.larger), h.reason)
            if isinstance(h, Hypothesis)
            else standardized(h)
            for h in given
        ]
        return OrderQuestion(sides[0], sides[1], tuple(hypotheses))

    @cached_property
    def expressions(self) -> list[Any]:
        """Everything in which letters occur."""
        sides = [side for h in self.given if isinstance(h, Hypothesis) for side in (h.smaller, h.larger)]
        return [self.left, self.right, *sides, *(h for h in self.given if not isinstance(h, Hypothesis))]

    @cached_property
    def letters(self) -> set[Symbol]:
        """All letters but alpha."""
        return {s for part in self.expressions for s in part.free_symbols} - {ALPHA}

    @cached_property
    def field(self) -> Any:
        """The field of the exponents."""
        return field_of(self.expressions)

    @cached_property
    def alpha(self) -> Interval | None:
        """The values of alpha in question, None if it does not occur."""
        if self.field == QQ:
            return None
        interval = sympy.Interval(*ALPHA_RANGE)
        for h in self.given:
            if not isinstance(h, Hypothesis) and h.free_symbols == {ALPHA}:
                interval = interval.intersect(h.as_set())
        if not isinstance(interval, sympy.Interval):
            raise UndecidableError("alpha must range over an interval within [4, oo)")
        return interval.start, interval.end

    def parts(self) -> Iterator[tuple[Case, list[Clause], list[Clause], list[Hypothesis]]]:
        """Each case with the clauses of both sides and everything that may be used in it."""
        field, facts = self.field, range_facts(self.letters)
        conditions = [h for h in self.given if isinstance(h, Hypothesis) or h.free_symbols != {ALPHA}]
        for case in cases(self.left, self.right, conditions, field):
            low = _in_order(clauses(case.left, field, "max"))
            high = _in_order(clauses(case.right, field, "min"))
            factors = {factor for clause in (*low, *high) for form in clause for factor in form.factors}
            special = factor_facts(factor for factor in factors if not isinstance(factor, Symbol))
            yield case, low, high, list(dict.fromkeys((*case.hypotheses, *facts, *special)))

    def walk(self, exponents: Mapping[str, Fraction], term: Expr, alpha: Fraction | None) -> Witness:
        """The witness that this path is; UndecidableError if it is none."""
        at = {} if alpha is None else {ALPHA: rational(alpha)}
        if self.alpha is not None and (alpha is None or not self.alpha[0] <= at[ALPHA] <= self.alpha[1]):
            raise UndecidableError("the path needs a value of alpha in the range of the question")
        conditions = [
            Hypothesis(substituted(h.smaller, at), substituted(h.larger, at))
            if isinstance(h, Hypothesis)
            else h.subs(at)
            for h in (*self.given, *range_facts(self.letters))
        ]
        if not all(holds(condition, exponents) for condition in conditions):
            raise UndecidableError("the path leaves the hypotheses")
        top, bottom = (growth(substituted(side, at), exponents) for side in (self.left, self.right))
        if top is None or (bottom is not None and (top - bottom).sign <= 0):
            raise UndecidableError("the ratio does not grow along the path")
        if bottom is None or (top - bottom).fast:
            return Witness(exponents, None, term, alpha)
        return Witness(exponents, (top - bottom).power, term, alpha, (top - bottom).logarithms)


def _in_order(found: Iterable[Clause]) -> list[Clause]:
    return sorted(found, key=lambda clause: [form.sort_key for form in listed(clause)])


def check_witness(witness: Witness, left: Side, right: Side, given: Given = ()) -> bool:
    """Whether left/right grows along the path as the witness says, and the path obeys the hypotheses."""
    question = OrderQuestion.of(left, right, given)
    try:
        return question.walk(witness.exponents, witness.term, witness.alpha) == witness
    except UndecidableError:
        return False


def clauses_of_bounded(argument: Expr, field: Any) -> tuple[Clause, Clause]:
    """X <~ 1 as a pair of clauses."""
    return frozenset([form_of(argument, field)]), frozenset([Form()])


def excess(hypothesis: Hypothesis, field: Any) -> Form:
    """log(larger/smaller), nonnegative up to constants."""
    return form_of(hypothesis.larger, field) - form_of(hypothesis.smaller, field)


def rational(value: Fraction) -> Expr:
    """A fraction as sympy's exact number."""
    return Rational(value.numerator, value.denominator)


def fraction(value: Expr) -> Fraction:
    """An exact number of sympy as a fraction."""
    return Fraction(int(value.p), int(value.q))


def value_at(exponent: Any, alpha: Fraction | None) -> Fraction:
    """An exponent as a fraction, at one value of alpha where it depends on it."""
    if hasattr(exponent, "numer") and alpha is not None and not exponent:
        return Fraction(0)
    if hasattr(exponent, "numer") and alpha is not None:
        point = QQ(alpha.numerator, alpha.denominator)
        exponent = exponent.numer.evaluate(0, point) / exponent.denom.evaluate(0, point)
    return Fraction(int(exponent.numerator), int(exponent.denominator))


def inside(interval: Interval) -> Fraction:
    """A value inside the interval, unlikely to be special."""
    start, stop = interval
    length = Rational(77, 9) if stop == sympy.oo else stop - start
    return fraction(start + length * Rational(3, 7))
