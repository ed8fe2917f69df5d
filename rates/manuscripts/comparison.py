"""Statements of a manuscript against one another, by the order algebra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy
from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.macros import Macro
from tightrate.rates.manuscripts.statements import Statement
from tightrate.rates.relations.bound_check import Relation, as_hypotheses, compare_bounds, read_inequalities
from tightrate.rates.symbols.hypothesis import Hypothesis
from tightrate.rates.symbols.units import Unit

WORDS: Mapping[Relation, str] = {
    "A<=B": "at most",
    "A>=B": "at least",
    "A~B": "of the same order as",
    "incomparable": "neither at most nor at least",
    "undecided": "undecided against",
}


@dataclass(frozen=True)
class Conditions:
    """What a comparison holds under: values put in for letters, and inequalities."""

    values: Mapping[sympy.Symbol, Expr]
    inequalities: tuple[Hypothesis, ...]


def read_conditions(texts: Sequence[str], letters: Mapping[str, str], macros: Mapping[str, Macro]) -> Conditions:
    """Conditions as written; an equation with a number is a value.  TightrateError for what is none."""
    values: dict[sympy.Symbol, Expr] = {}
    inequalities: list[Hypothesis] = []
    for text in texts:
        found = read_inequalities([text], letters, macros)
        sides = {(one.left, one.right) for one in found}
        if len(found) == 2 and len(sides) == 1 and {one.sign for one in found} == {"<=", ">="}:
            left, right = next(iter(sides))
            if isinstance(left, sympy.Symbol) and right.is_number:
                values[left] = right
                continue
        inequalities += as_hypotheses(found)
    return Conditions(values, tuple(inequalities))


def unit_of_statement(one: Statement) -> Unit | None:
    """The unit that all terms have; None where they have none in common."""
    units = {term.unit for term in one.checked.terms}
    return next(iter(units)) if len(units) == 1 else None


def comparable(first: Statement, second: Statement) -> bool:
    """Whether both are understood bounds of one unit."""
    unit = unit_of_statement(first)
    return (
        all(one.judged and one.checked.units_consistent and one.kind != "step size" for one in (first, second))
        and unit is not None
        and unit == unit_of_statement(second)
    )


def relation(
    first: Statement, second: Statement, conditions: Conditions | None = None, without_logarithms: bool = False
) -> Relation:
    """How the first bound compares with the second, up to constants."""
    conditions = conditions or Conditions({}, ())
    sides = []
    for one in (first, second):
        terms = [term.expression.subs(conditions.values) for term in one.checked.terms]
        if without_logarithms:
            terms = [term.replace(lambda e: isinstance(e, sympy.log), lambda _: sympy.Integer(1)) for term in terms]
        terms = [term for term in terms if term != 0]
        if not terms or any(term.has(sympy.zoo, sympy.nan, sympy.oo) for term in terms):
            return "undecided"
        sides.append(terms)
    given = [
        Hypothesis(h.smaller.subs(conditions.values), h.larger.subs(conditions.values)) for h in conditions.inequalities
    ]
    try:
        return compare_bounds(sides[0], sides[1], given).relation
    except TightrateError:
        return "undecided"
