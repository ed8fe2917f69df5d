"""A path that is solved, evaluated, and solved again with more room where the bound itself falls short.

What the order algebra leaves out, constants and logarithms, is put back by evaluating the bound along the path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.verify.exponents.linear_program import Choice, Decades, IsolationError, Ranges, start
from tightrate.verify.exponents.resolved_bound import ResolvedBound, along

Array = NDArray[np.float64]

MOST_CORRECTIONS = 25
CORRECTION = 0.05  # decades beyond what is missing
LARGEST_CORRECTION = 2.0  # decades at once
CORRECTED_DECAY = 0.15  # decades of a decaying exponential's argument at once
SATURATED = 60.0  # argument of a decaying exponential beyond which nothing is asked any more


@dataclass(frozen=True)
class SolvedPath:
    """n, all symbols, the terms of the bound, and whether each condition "holds" or is "unknown" (in words only)."""

    n: Array
    values: Mapping[str, Array]
    terms: Mapping[str, Array]
    conditions: Mapping[str, str]


def corrected_path(
    bound: ResolvedBound,
    rows: Choice,
    direction: Mapping[str, Fraction],
    *,
    span: float,
    points: int,
    margin: float,
    ranges: Ranges,
) -> SolvedPath:
    """A path along which the term dominates by `margin` while every condition holds."""
    wanted = {name: float(np.log10(margin * len(bound.others))) for name in bound.others}
    needs = [0.0 if row.is_decay else wanted.get(row.origin, 0.0) for row in rows]
    n = np.geomspace(1.0, span, points)
    for _ in range(MOST_CORRECTIONS):
        values = symbols_along(bound, start(bound, rows, needs, direction, np.log10(span), ranges), direction, n)
        terms = {name: along(expression, values, points) for name, expression in bound.terms.items()}
        missing = _missing(bound, terms, values, wanted)
        if not missing:
            return SolvedPath(_as_rounded(n, values, direction), values, terms, _statuses(bound, values))
        progressed = False
        for index, row in enumerate(rows):
            if row.origin in missing and not (row.is_decay and needs[index] > np.log10(SATURATED)):
                short = min(missing[row.origin], LARGEST_CORRECTION)
                needs[index] += CORRECTED_DECAY if row.is_decay else CORRECTION + short
                progressed = True
        if not progressed:
            break
    raise IsolationError(
        f"no constants were found on which {bound.term!r} of {bound.statement.id} dominates by {margin:g} along"
        f" {', '.join(direction)} while every condition holds; missing: {', '.join(missing)}"
    )


def symbols_along(
    bound: ResolvedBound, begin: Decades, direction: Mapping[str, Fraction], n: Array
) -> dict[str, Array]:
    """All symbols along a path; counts are rounded, upwards where they stand still."""
    free = {}
    for name, decades in begin.items():
        value = 10**decades * n ** float(direction.get(name, 0))
        if name in LETTERS and LETTERS[name].counts:
            # slack for what should be whole but for the last bits
            value = np.maximum(np.rint(value) if name in direction else np.ceil(value - 1e-6), 1.0)
        elif name not in direction:
            value = np.full(len(n), float(f"{float(value[0]):.3g}"))
        free[name] = value + np.zeros(len(n))
    return bound.values(free, len(n))


def _as_rounded(n: Array, values: Mapping[str, Array], direction: Mapping[str, Fraction]) -> Array:
    """n itself, or, along a single count, as the count is rounded."""
    if len(direction) == 1 and all(LETTERS[name].counts for name in direction if name in LETTERS):
        (moving,) = direction
        return np.asarray(values[moving] / values[moving][0])
    return n


def _statuses(bound: ResolvedBound, values: Mapping[str, Array]) -> dict[str, str]:
    known = {one.text: one.relation is not None and one.symbols <= set(values) for one in bound.conditions}
    return {text: "holds" if decided else "unknown" for text, decided in known.items()}


def _missing(
    bound: ResolvedBound, terms: Mapping[str, Array], values: Mapping[str, Array], wanted: Mapping[str, float]
) -> dict[str, float]:
    """Terms that are too large and conditions that fail, with the decades that are missing."""
    own = terms[bound.term]
    if not (np.isfinite(own).all() and (own > 0).all()):
        raise IsolationError(f"{bound.term!r} is not positive and finite along the path")
    found = {}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for name, need in wanted.items():
            short = float((need + np.log10(terms[name] / own)).max())
            if not short <= 0:
                found[name] = short
        for condition in bound.conditions:
            decided = condition.relation is not None and condition.symbols <= set(values)
            if decided and not np.all(condition.holds_at(values)):
                found[condition.text] = _decades_missing(condition.relation, values)
    return found


def _decades_missing(relation: Boolean, values: Mapping[str, Array]) -> float:
    """How far an inequality between positive sides fails; 0 where that makes no sense."""
    if not isinstance(relation, Relational):
        return 0.0
    count = len(next(iter(values.values())))
    short = float(np.log10(along(relation.lts, values, count) / along(relation.gts, values, count)).max())
    return short if np.isfinite(short) and short > 0 else 0.0
