"""What must hold along a path as linear inequalities in decades, and the start of a path that meets them.

In decades (logarithms to base 10) every term is a maximum of minima of linear functions of the symbols, conditions are
linear inequalities, and a path is a segment.  A linear function is least at an end of a segment, so that the start and
the end of the path are one linear program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import sympy
from sympy import QQ, Equality, Expr, Symbol
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.cases import alternatives
from tightrate.rates.orders.certificate import Certificate, value_at
from tightrate.rates.orders.facts import range_facts
from tightrate.rates.orders.normal_form import Form, clauses, form_of, listed, standardized
from tightrate.rates.orders.one_sided_estimates import above_one, is_excess
from tightrate.rates.orders.special_factors import exponent_terms, is_exponential, larger_part
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.symbols.alphabet import known_letter
from tightrate.rates.symbols.hypothesis import Hypothesis
from tightrate.verify.exponents.resolved_bound import ResolvedBound, substituted

Decades = dict[str, float]
Ranges = Mapping[str, tuple[float, float]]

COUNTS = ("K", "R", "M", "T")
RANGES: Ranges = {"K": (1, 1e9), "R": (1, 1e9), "T": (1, 1e18), "M": (1, 1e9)}
WIDEST = (1e-12, 1e12)  # of every other symbol
COUNT_COST = 0.1  # of a decade of a count, where a decade of another symbol costs 1


class IsolationError(TightrateError):
    """No path isolates the term; `certificate` proves it where the term can never dominate."""

    certificate: Certificate | None = None


@dataclass(frozen=True)
class Row:
    """coefficients . decades >= need, where `need` starts at 0 and grows as evaluation asks for more.

    `origin` is the name of a term or the text of a condition; `is_decay` marks the argument of a decaying exponential.
    """

    coefficients: Mapping[str, float]
    origin: str
    is_decay: bool = False


Choice = list[Row]


def choices(bound: ResolvedBound) -> Iterator[Choice]:
    """Rows for every way to choose among the branches of minima, maxima and alternatives of conditions."""
    ways: list[list[tuple[str, Any]]] = [[(bound.term, listed(clause)) for clause in _clauses(bound.shape(bound.term))]]
    for name in bound.others:
        ways += [[(name, form) for form in listed(clause)] for clause in _clauses(bound.shape(name))]
    facts: list[tuple[str, list[tuple[Hypothesis, ...]]]] = [
        (str(fact), [(fact,)]) for fact in range_facts(_symbols(bound))
    ]
    for condition in bound.conditions:
        options = _alternatives(condition.relation, bound)
        if options:
            facts.append((condition.text, options))
    ways += [[(text, option) for option in options] for text, options in facts]
    for picked in product(*ways):
        (_, own), *rest = picked
        rows: Choice = []
        for name, part in rest:
            if isinstance(part, Form):
                rows += [row for form in own for row in _rows(form - part, name)]
            else:
                for hypothesis in part:
                    excess = form_of(hypothesis.larger, QQ) - form_of(hypothesis.smaller, QQ)
                    rows += _rows(excess, name)
        yield rows


def _clauses(expression: Expr) -> Any:
    try:
        return clauses(standardized(expression), QQ)
    except UndecidableError as reason:
        raise IsolationError(f"{expression} is no maximum of monomials: {reason}; derive or fix a letter") from None


def _symbols(bound: ResolvedBound) -> set[Symbol]:
    names = (*bound.free, *bound.fixed)
    # that a constant is of order 1 says nothing of its value
    return {Symbol(name, positive=True) for name in names if not ((known := known_letter(name)) and known.constant)}


def _alternatives(relation: Boolean | None, bound: ResolvedBound) -> list[tuple[Hypothesis, ...]]:
    """The condition as alternatives of monomial inequalities; none where it is no such thing, or follows."""
    if relation is None or isinstance(relation, Equality):
        return []
    neutral = {name: sympy.Integer(int(value)) for name, value in bound.fixed.items() if value in (0, 1)}
    try:
        sides = (substituted(substituted(side, bound.derived), neutral) for side in relation.args)
        plain = standardized(relation.func(*sides).replace(is_excess, above_one))
        return alternatives(plain, QQ)
    except (TightrateError, UndecidableError, AttributeError):
        return []  # evaluated along the path all the same


def _rows(form: Form, origin: str) -> list[Row]:
    """`form` at least 0 decades: its symbols, or, of each decaying exponential in the way, its argument."""
    total: dict[str, float] = {}
    decays: list[Row] = []
    grows = False
    for factor, exponent in form.exponents:
        power = float(value_at(exponent, None))
        if is_exponential(factor):
            grows |= power > 0
            if power < 0:
                decays += [Row(_exponents_in(argument), origin, True) for _, argument in exponent_terms(factor)]
            continue
        for name, own in _exponents_in(factor).items():
            total[name] = total.get(name, 0.0) + power * own
    if grows:
        raise IsolationError("a term that decays exponentially cannot dominate as a power law")
    return decays or [Row(total, origin)]


def _exponents_in(factor: Expr) -> dict[str, float]:
    """The exponents of the symbols in a factor; a difference counts as its larger part, a logarithm not at all."""
    if isinstance(factor, Symbol):
        return {factor.name: 1.0}
    if isinstance(factor, sympy.log):
        return {}
    whole = form_of(larger_part(factor) if isinstance(factor, sympy.Add) else factor, QQ)
    return {s.name: float(value_at(power, None)) for s, power in whole.exponents if isinstance(s, Symbol)}


def start(
    bound: ResolvedBound,
    rows: Choice,
    needs: Sequence[float],
    direction: Mapping[str, Fraction],
    decades: float,
    ranges: Ranges,
) -> Decades:
    """The decades of the free symbols at the start of a path, as near to 1 as the rows allow at both of its ends."""
    from scipy.optimize import linprog  # takes long to import, and claims are listed more often than run

    names, count = bound.free, len(bound.free)
    known = {name: float(np.log10(value)) for name, value in bound.fixed.items() if value > 0}
    shift = {name: decades * float(power) for name, power in direction.items()}
    matrix, right = [], []
    for row, need in zip(rows, needs, strict=True):
        own = sum(power * known.get(name, 0.0) for name, power in row.coefficients.items())
        moved = sum(power * shift.get(name, 0.0) for name, power in row.coefficients.items())
        matrix.append([-row.coefficients.get(name, 0.0) for name in names])
        right.append(own + min(0.0, moved) - need)
    cost = [COUNT_COST if name in COUNTS else 1.0 for name in names]
    absolute = np.block([[np.eye(count), -np.eye(count)], [-np.eye(count), -np.eye(count)]])
    solved = linprog(
        [0.0] * count + cost,
        A_ub=np.vstack([np.hstack([np.reshape(matrix, (-1, count)), np.zeros((len(matrix), count))]), absolute]),
        b_ub=np.concatenate([right, np.zeros(2 * count)]),
        bounds=[_room_to_start(name, shift.get(name, 0.0), ranges) for name in names] + [(0, None)] * count,
        method="highs",
    )
    if not solved.success:
        raise IsolationError(
            f"no constants let {bound.term!r} of {bound.statement.id} dominate along {', '.join(direction)} by"
            f" that margin over {decades:g} decades: ask for less, or let other letters move or range wider"
        )
    return dict(zip(names, solved.x[:count].tolist(), strict=True))


def _room_to_start(name: str, shift: float, ranges: Ranges) -> tuple[float, float]:
    """Between which decades a symbol may start so that it stays in its range when it moves by `shift` decades."""
    low, high = np.log10(ranges.get(name, WIDEST))
    first, last = low - min(0.0, shift), high - max(0.0, shift)
    if first > last + 1e-12:
        raise IsolationError(
            f"{name} has no room to move by {abs(shift):g} decades between {10**low:g} and {10**high:g}:"
            " give a smaller span or another range"
        )
    return first, last
