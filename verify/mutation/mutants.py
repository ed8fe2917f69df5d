"""Mutants of bounds: an exponent off, symbols swapped, a symbol or a term dropped, constants too small or large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import sympy
from sympy import Expr, Integer, Rational

from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import symbol
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.verdict import Verdict

SWEPT = ("K", "R", "M")
COUNTS = (*SWEPT, "d")
OFF = (Rational(1, 6), Rational(1, 3), Rational(1, 2))
FACTORS = (Integer(2), Integer(10), Integer(100))


Truth = Literal["true", "contradicted", "weaker", "equivalent", "undecidable"]
Judge = Callable[[Assertion], Verdict]


def check(assertion: Assertion) -> Verdict:
    """The judge of all assertions: themselves."""
    return assertion.check()


@dataclass(frozen=True)
class JudgedMutant:
    """A mutant (or, with family "true statement", what was mutated) and what the judge made of it.

    `truth` is "contradicted", "weaker" (nothing contradicts it and it is nowhere below the original), "equivalent", or
    "undecidable" (no number at hand decides); of the original it is "true".  `rejected` is the judge's answer, `by`
    what it judged on.
    """

    family: str
    source: str
    change: str
    truth: Truth
    rejected: bool
    by: str


@dataclass(frozen=True)
class BoundMutant:
    """A changed bound: the kind of change, and what was changed."""

    family: str
    change: str
    bound: Bound

    def of(self, theorem: Theorem) -> Theorem:
        """The theorem with this bound in the place of its own."""
        return replace(theorem, bound=self.bound)


def mutants(bound: Bound) -> Iterator[BoundMutant]:
    """Every mutant of a bound, in a fixed order; changes that leave the formula as it is are left out.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, R
    >>> from tightrate.rates.statements.measures import MEASURES
    >>> found = list(mutants(Bound((Term("optimization", L * B**2 / (K * R)),), MEASURES["gap"], "upper", "hidden")))
    >>> len(found), found[0].change, found[0].bound.expression
    (12, 'optimization: K^(1/6) more', B**2*L/(K**(5/6)*R))
    """
    candidates = (*_exponents(bound), *_swaps(bound), *_dropped(bound), *_constants(bound))
    yield from (one for one in candidates if one.bound.expression != bound.expression)


def _exponents(bound: Bound) -> Iterator[BoundMutant]:
    """Counts with a wrong exponent; all symbols, where a bound has no count."""
    wanted = [name for name in COUNTS if name in bound.letters] or sorted(bound.letters)
    for term in bound.terms:
        for name in wanted:
            if name not in {s.name for s in term.expression.free_symbols}:
                continue
            for off in OFF:
                for sign, word in ((1, "more"), (-1, "less")):
                    changed = _with(bound, term, term.expression * symbol(name) ** (sign * off))
                    yield BoundMutant("exponent off", f"{term.name}: {name}^({off}) {word}", changed)


def _swaps(bound: Bound) -> Iterator[BoundMutant]:
    K, R, M = (symbol(name) for name in SWEPT)
    yield BoundMutant("K and R swapped", "K <-> R", _everywhere(bound, {K: R, R: K}))
    yield BoundMutant("M dropped", "M = 1", _everywhere(bound, {M: Integer(1)}))


def _dropped(bound: Bound) -> Iterator[BoundMutant]:
    if len(bound.terms) == 1:
        return
    for term in bound.terms:
        rest = tuple(other for other in bound.terms if other is not term)
        yield BoundMutant("term dropped", f"without {term.name}", replace(bound, terms=rest))


TOO = {"upper": "upper bound too small", "lower": "lower bound too large", "exact": "exact value too large"}


def _constants(bound: Bound) -> Iterator[BoundMutant]:
    family = TOO[bound.kind]
    for factor in FACTORS if bound.constants == "explicit" else ():
        scale = 1 / factor if bound.kind == "upper" else factor
        terms = tuple(Term(term.name, scale * term.expression) for term in bound.terms)
        yield BoundMutant(family, f"times {scale}", replace(bound, terms=terms))


def _with(bound: Bound, term: Term, expression: Expr) -> Bound:
    terms = tuple(Term(term.name, expression) if other is term else other for other in bound.terms)
    return replace(bound, terms=terms)


def _everywhere(bound: Bound, images: dict[sympy.Symbol, Expr]) -> Bound:
    terms = tuple(Term(t.name, t.expression.subs(images, simultaneous=True)) for t in bound.terms)
    return replace(bound, terms=terms)
