"""Hypotheses that cannot hold together, found by a linear program and checked by exact arithmetic.

In the logarithms of the letters a hypothesis  smaller <= c larger  is  v.x + log c >= 0.  Hypotheses contradict one
another if and only if some nonnegative combination of them, and of the ranges of the letters, reads  0 + log c >= 0
with c < 1 (Farkas' lemma).  A vertex of the program has the fewest hypotheses: without one of them the rest can hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy
from sympy import Expr

from tightrate.rates.orders.facts import range_facts
from tightrate.rates.orders.linear_program import minimize
from tightrate.rates.symbols.monomial import monomial

_STRICT = Fraction(1, 10**9)  # makes a strict inequality count where the constants cancel


@dataclass(frozen=True)
class Inequality:
    """smaller <= larger as somebody wrote it; `strict` excludes equality, `much` any constant factor.

    `loose` inequalities hold up to a constant that nobody knows.
    """

    smaller: Expr
    larger: Expr
    text: str
    strict: bool = False
    much: bool = False
    loose: bool = False


def contradictory(inequalities: Sequence[Inequality]) -> tuple[str, ...]:
    """The texts of a minimal set of inequalities that cannot hold together; empty if none is found.

    >>> from tightrate.rates.symbols.alphabet import K, R
    >>> contradictory([Inequality(2 * R, K, "K >= 2 R"), Inequality(K, R, "R >= K"), Inequality(K, R**3, "other")])
    ('K >= 2 R', 'R >= K')
    """
    exact = [one for one in inequalities if not (one.loose or one.much)]
    return _find(exact, with_constants=True) or _find(inequalities, with_constants=False)


def _find(inequalities: Sequence[Inequality], with_constants: bool) -> tuple[str, ...]:
    letters = {s for one in inequalities for s in (one.smaller.free_symbols | one.larger.free_symbols)}
    facts = [Inequality(fact.smaller, fact.larger, "") for fact in range_facts(letters)]
    rows: list[tuple[Inequality, dict[str, Fraction], Fraction]] = []
    for one in (*inequalities, *facts):
        read = _row(one)
        if read is not None:
            rows.append((one, *read))
    if not any(one.text for one, *_ in rows):
        return ()
    names = sorted({name for _, powers, _ in rows for name in powers})
    strict = [one.strict if with_constants else one.much for one, *_ in rows]
    cost = [
        (Fraction(math.log(constant)).limit_denominator(10**12) if with_constants else Fraction(0)) - _STRICT * counts
        for (_, _, constant), counts in zip(rows, strict, strict=True)
    ]
    matrix = [[powers.get(name, Fraction(0)) for _, powers, _ in rows] for name in names]
    found = minimize(cost, [*matrix, [1] * len(rows)], [0] * len(names) + [1])
    if found is None or found.value >= 0:
        return ()
    used = [(row, weight) for row, weight in zip(rows, found.point, strict=True) if weight]
    scale = math.lcm(*(weight.denominator for _, weight in used))
    constant = Fraction(1)
    if with_constants:
        for (_, _, factor), weight in used:
            constant *= factor ** int(weight * scale)
    is_strict = any(one.strict if with_constants else one.much for (one, _, _), _ in used)
    if constant > 1 or (constant == 1 and not is_strict):
        return ()
    return tuple(dict.fromkeys(one.text for (one, _, _), _ in used if one.text))


def _row(one: Inequality) -> tuple[dict[str, Fraction], Fraction] | None:
    """larger/smaller as powers and a constant; None where it is no monomial with rational exponents."""
    ratio = monomial(sympy.sympify(one.larger) / sympy.sympify(one.smaller))
    rational = all(power.is_Rational for power in ratio.exponents.values())
    if ratio.factors or not rational or not ratio.coefficient.is_positive:
        return None
    if not ratio.coefficient.is_Rational:
        return None
    powers = {name: Fraction(int(power.p), int(power.q)) for name, power in ratio.exponents.items()}
    return powers, Fraction(int(ratio.coefficient.p), int(ratio.coefficient.q))
