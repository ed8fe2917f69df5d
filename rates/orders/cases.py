"""Case distinctions: alternatives among hypotheses, branches, and exponentials that are flat or decay."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import sympy
from sympy import Add, Expr, Piecewise, Pow, exp, log
from sympy.core.relational import (
    Equality,
    GreaterThan,
    LessThan,
    Relational,
    StrictGreaterThan,
    StrictLessThan,
    Unequality,
)
from sympy.logic.boolalg import And, Boolean, Not, Or

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.normal_form import clauses, listed
from tightrate.rates.orders.special_factors import argument_of_logarithm, exponent_terms, has_floor, is_exponential
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.symbols.hypothesis import Hypothesis

CASES_LIMIT = 256  # combinations of alternatives among the hypotheses
REGIMES_LIMIT = 5  # different exponentials and logarithms in one question


@dataclass(frozen=True)
class Case:
    """One of finitely many cases that cover a question: hypotheses, and both sides without case distinctions.

    `growing` are the X of exponentials and logarithms that are taken to be at least 1.  If the hypotheses force one of
    them to be at most a constant, the case is part of another one, in which X <= 1.
    """

    hypotheses: tuple[Hypothesis, ...]
    left: Expr
    right: Expr
    growing: tuple[Expr, ...] = ()


def cases(left: Expr, right: Expr, given: Sequence[Boolean | Hypothesis], field: Any) -> Iterator[Case]:
    """All cases: alternatives among the hypotheses, branches of Piecewise, and exponentials flat or decaying."""
    options = [alternatives(condition, field) for condition in given]
    for condition, option in zip(given, options, strict=True):
        if not option:
            raise TightrateError(f"the hypothesis {condition} cannot hold, so it would prove anything")
    if math.prod(map(len, options)) > CASES_LIMIT:
        raise UndecidableError(f"the hypotheses have more than {CASES_LIMIT} combinations of alternatives")
    for chosen in product(*options):
        hypotheses = tuple(dict.fromkeys(h for part in chosen for h in part))
        for branch in _branches(Case(hypotheses, left, right), field):
            yield from _regimes(branch)


def _branches(case: Case, field: Any) -> Iterator[Case]:
    """Every condition of a Piecewise is true in one case and false in another, in both sides at once."""
    pieces = case.left.atoms(Piecewise) | case.right.atoms(Piecewise)
    conditions = {c for piece in pieces for _, condition in piece.args for c in condition.atoms(Relational)}
    if not conditions:
        if pieces:
            raise UndecidableError(f"{pieces.pop()} is not defined everywhere")
        yield case
        return
    condition = min(conditions, key=sympy.default_sort_key)
    for truth, known in ((condition, sympy.true), (Not(condition), sympy.false)):
        left, right = (side.xreplace({condition: known}) for side in (case.left, case.right))
        for added in alternatives(truth, field, "case"):
            yield from _branches(Case(tuple(dict.fromkeys((*case.hypotheses, *added))), left, right), field)


def _regimes(case: Case) -> Iterator[Case]:
    """exp(-X) and log(max(2,X)) are of order 1 where X <= 1; where X >= 1 they stay, with what is known of them."""
    functions = [f for side in (case.left, case.right) for f in side.atoms(exp, Pow, log)]
    exponentials = [f for f in functions if is_exponential(f)]
    logarithms = {
        f: x for f in functions if isinstance(f, log) and (x := argument_of_logarithm(f)) is not None and has_floor(f)
    }
    arguments = {x for e in exponentials for _, x in exponent_terms(e)} | set(logarithms.values())
    if len(arguments) > REGIMES_LIMIT:
        raise UndecidableError(f"more than {REGIMES_LIMIT} different exponentials and logarithms")
    for flat in _subsets(sorted(arguments, key=sympy.default_sort_key)):
        growing = tuple(sorted(arguments - flat, key=sympy.default_sort_key))
        regime = [Hypothesis(x, sympy.S.One, "case") for x in sorted(flat, key=sympy.default_sort_key)]
        regime += [Hypothesis(sympy.S.One, x, "case") for x in growing]
        flatten = {e: exp(Add(*(c * x for c, x in exponent_terms(e) if x not in flat))) for e in exponentials}
        flatten |= {f: sympy.S.One for f, x in logarithms.items() if x in flat}
        hypotheses = (*case.hypotheses, *regime)
        yield Case(hypotheses, case.left.xreplace(flatten), case.right.xreplace(flatten), growing)


def _subsets(items: Sequence[Expr]) -> Iterator[frozenset[Expr]]:
    return (frozenset(chosen) for count in range(len(items) + 1) for chosen in combinations(items, count))


def alternatives(condition: Boolean | Hypothesis, field: Any, reason: str = "given") -> list[tuple[Hypothesis, ...]]:
    """A condition as alternatives, each a list of monomial inequalities that hold together.

    >>> from tightrate.rates.symbols.alphabet import K, M, R
    >>> alternatives(sympy.Max(K, M) <= R, sympy.QQ)
    [(Hypothesis(smaller=K, larger=R, reason='given'), Hypothesis(smaller=M, larger=R, reason='given'))]
    """
    if isinstance(condition, Hypothesis):
        return [(condition,)]
    if condition == sympy.true:
        return [()]
    if condition == sympy.false:
        return []
    if isinstance(condition, Not):
        return alternatives(sympy.to_nnf(condition, simplify=False), field, reason)
    if isinstance(condition, Or):
        return [choice for part in condition.args for choice in alternatives(part, field, reason)]
    if isinstance(condition, And):
        choices = product(*(alternatives(part, field, reason) for part in condition.args))
        return [tuple(h for part in choice for h in part) for choice in choices]
    if isinstance(condition, Equality):
        return alternatives(And(condition.lhs <= condition.rhs, condition.lhs >= condition.rhs), field, reason)
    if isinstance(condition, (GreaterThan, StrictGreaterThan, LessThan, StrictLessThan)):
        smaller, larger = clauses(condition.lts, field, "max"), clauses(condition.gts, field, "min")
        options = [
            [Hypothesis(a.monomial(field), b.monomial(field), reason) for a in listed(low) for b in listed(high)]
            for low in smaller
            for high in larger
        ]
        if math.prod(map(len, options)) > CASES_LIMIT:
            raise UndecidableError(f"{condition} has more than {CASES_LIMIT} alternatives")
        return [tuple(choice) for choice in product(*options)]
    if isinstance(condition, Unequality) and reason == "case":
        return [()]  # the rest of a Piecewise without one value
    kind = "relation" if isinstance(condition, Relational) else type(condition).__name__
    raise TightrateError(f"a hypothesis must be built from <=, >=, and, or; not the {kind} {condition}")
