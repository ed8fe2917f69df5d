r"""The exponents of a term cannot come from a balance of terms of one unit.

Fractional exponents come from choosing a step size (or $K$) so that two terms are equal. Both have the unit of the
measure, and so has what comes out: $(L\sigma^2B^4)^{1/3}$ is the balance of $B^2/\eta$ and $\eta^2L\sigma^2$ and has
the unit of a value; $(L\sigma^2B^3)^{1/3}$ is that of nothing. The message says which exponent would be right. Also
reported, as a warning: powers such as $K^{1/3}$ and $R^{3/4}$ in one term. A balance of $a\eta^p$ with $b\eta^{-q}$
gives multiples of $1/(p+q)$, or of half of it where $a$ and $b$ hold square roots, so thirds and quarters do not come
together for $p + q$ up to 5.

Wrong:

    $F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{(L\sigma^2B^3)^{1/3}}{K^{1/3}R^{2/3}}$

Right:

    $F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{(L\sigma^2B^4)^{1/3}}{K^{1/3}R^{2/3}}$
"""

from __future__ import annotations

from collections.abc import Iterator
from math import lcm

import sympy

from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.statements import Statement
from tightrate.rates.manuscripts.units_of_statement import (
    exponents_of,
    finding_of,
    has_fractional_fault,
    odd_terms,
    repair,
    shown,
    written,
)

MOST = 5  # p + q, powers of the step size in two terms that are balanced


@RULES.add("TR104")
def balances(document: Document) -> Iterator[Finding]:
    """Terms with fractional exponents of the wrong unit, or of denominators that do not go together."""
    for one in document.statements:
        if has_fractional_fault(one):
            index = odd_terms(one)[0]
            place = one.terms[index].place if index < len(one.terms) else one.place
            mend = repair(one, index)
            hint = f"; {mend} would give the unit of the others" if mend else ""
            yield finding_of(
                one,
                "TR104",
                "error",
                f"no balance of terms of one unit gives this one: {shown(one, index)}{hint}",
                place,
            )
        elif one.checked.units_consistent and one.kind != "step size" and one.judged:
            yield from _mixed(one)


def _mixed(one: Statement) -> Iterator[Finding]:
    for index, term in enumerate(one.checked.terms):
        found = exponents_of(term.expression)
        if found is None:
            continue
        units = [power for name, power in found.items() if name not in ("K", "R", "M", "T", "d")]
        if not any(power.q > 1 for power in units):
            continue
        common = lcm(*(int(power.q) for power in found.values()))
        if any((2 * total) % common == 0 for total in range(1, MOST + 1)):
            continue
        powers = ", ".join(
            f"{written(one, name)}^({power})"
            for name, power in found.items()
            if isinstance(power, sympy.Rational) and power.q > 1
        )
        place = one.terms[index].place if index < len(one.terms) else one.place
        message = f"no one balance of two powers of a step size gives exponents with these denominators: {powers}"
        yield finding_of(one, "TR104", "warning", message, place)
