"""A bound whose symbols are free, fixed, or derived from others: what is left to choose when a term is isolated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Equality, Expr, Symbol
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.evaluation import at

Array = NDArray[np.float64]

SWEPT = {"K", "R", "M"}


@dataclass(frozen=True)
class ResolvedBound:
    """The terms of a bound in free and fixed symbols; `derived` ones follow from those before them.

    `conditions` are those of the statement and further inequalities to obey; `guides` stand, in the search alone, for
    terms that are no maxima of monomials.
    """

    statement: Theorem
    term: str
    terms: Mapping[str, Expr]
    derived: Mapping[str, Expr]
    fixed: Mapping[str, float]
    free: tuple[str, ...]
    conditions: tuple[Condition, ...]
    guides: Mapping[str, Expr]

    @property
    def others(self) -> tuple[str, ...]:
        """The terms besides the isolated one that are not zero."""
        return tuple(name for name, e in self.terms.items() if name != self.term and e != 0)

    def shape(self, name: str) -> Expr:
        """A term as the search sees it."""
        return self.guides.get(name, self.terms[name])

    def values(self, free: Mapping[str, Array], count: int) -> dict[str, Array]:
        """Every symbol along a path of so many points, from the free ones."""
        found = {name: np.full(count, float(value)) for name, value in self.fixed.items()}
        found |= {name: np.asarray(value, dtype=np.float64) for name, value in free.items()}
        for name, expression in self.derived.items():
            found[name] = along(expression, found, count)
        return found


def along(expression: Expr, values: Mapping[str, Array], count: int) -> Array:
    """An expression at every point of a path."""
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        return np.asarray(at(expression, values), dtype=np.float64) + np.zeros(count)


def as_expression(name: str, value: Expr | float) -> Expr:
    """A number or an expression as sympy has it; text is never evaluated."""
    try:
        return sympy.sympify(value, strict=True)
    except sympy.SympifyError:
        raise TightrateError(
            f"{name} must be a number or an expression, not {value!r}; tightrate.parse reads text"
        ) from None


def resolve(
    found: Theorem,
    term: str,
    fixed: Mapping[str, float],
    derived: Mapping[str, Expr],
    given: Sequence[Boolean],
    guides: Mapping[str, Expr],
) -> ResolvedBound:
    """Tell free symbols from fixed and derived ones; prescribed steps and equations among the conditions are known."""
    assumed = set(found.bound.unspecified) <= set(fixed)
    bound = found.bound if assumed else found.bound.weakest  # with the constants in exponents that say least
    bound.term(term)
    powers = _fixed_exponents(bound.expressions, fixed)
    conditions = tuple(
        condition if condition.relation is None else Condition(condition.text, condition.relation.xreplace(powers))
        for condition in (*found.conditions, *(Condition(str(extra), extra) for extra in given))
    )
    equations = {
        condition.relation.lhs.name: condition.relation.rhs
        for condition in conditions
        if isinstance(condition.relation, Equality) and isinstance(condition.relation.lhs, Symbol)
    }
    chosen = {name: as_expression(name, value) for name, value in {**equations, **found.steps, **derived}.items()}
    chosen = {name: expression.xreplace(powers) for name, expression in chosen.items() if name not in fixed}
    absent = {name: sympy.Integer(0) for name, value in fixed.items() if value == 0}
    ordered = {name: substituted(expression, absent) for name, expression in _in_order(chosen).items()}
    own = {one.name: one.expression.xreplace(powers) for one in bound.terms}
    terms = {name: substituted(substituted(expression, ordered), absent) for name, expression in own.items()}
    needed = {symbol.name for expression in (*terms.values(), *ordered.values()) for symbol in expression.free_symbols}
    needed |= {symbol.name for extra in given for symbol in extra.free_symbols}
    needed |= SWEPT | ({*fixed} & {*found.bound.letters})
    kept = {name: float(value) for name, value in fixed.items() if name in needed}
    free = tuple(name for name in (*LETTERS, *sorted(needed - set(LETTERS))) if name in needed - {*ordered, *kept})
    if unknown := [name for name in found.bound.unspecified if name in free]:
        raise TightrateError(f"a step of {found.id} has a constant that its source hides; fix {unknown[0]}")
    in_free = {name: substituted(guide.xreplace(powers), ordered) for name, guide in guides.items()}
    return ResolvedBound(found, term, terms, ordered, kept, free, conditions, in_free)


def _fixed_exponents(expressions: Sequence[Expr], fixed: Mapping[str, float]) -> dict[Symbol, Expr]:
    """The values of fixed symbols that stand in an exponent, exactly: with them the terms are powers of the others."""
    exponents = [power.exp for expression in expressions for power in expression.atoms(sympy.Pow)]
    symbols = {symbol for exponent in exponents for symbol in exponent.free_symbols if symbol.name in fixed}
    counted = ("K", "R", "T")  # of (1 - eta mu)^{K R}, which decays and is no power
    return {s: sympy.nsimplify(fixed[s.name], rational=True) for s in symbols if s.name not in counted}


def _in_order(derived: Mapping[str, Expr]) -> dict[str, Expr]:
    """The derived symbols in an order in which each uses only those before it."""
    ordered: dict[str, Expr] = {}
    waiting = dict(derived)
    while waiting:
        ready = [n for n, e in waiting.items() if not {s.name for s in e.free_symbols} & set(waiting)]
        if not ready:
            raise TightrateError(f"the letters {', '.join(waiting)} are defined by each other; give one a value")
        ordered |= {name: waiting.pop(name) for name in ready}
    return ordered


def substituted(expression: Expr, derived: Mapping[str, Expr]) -> Expr:
    """The expression in symbols that are not derived; later ones may use earlier ones."""
    for name, value in reversed([*derived.items()]):
        symbols = [symbol for symbol in expression.free_symbols if symbol.name == name]
        expression = expression.subs(dict.fromkeys(symbols, value))
    return expression
