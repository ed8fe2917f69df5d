r"""The right side of a bound has another unit than its left side.

The left side says what is bounded: a gap has the unit of a function value, $\|x-x^\star\|^2$ that of a squared length,
a number of rounds none. All terms of the right side agree with each other, but not with it.

Wrong:

    $F(x_R) - F^\star \le \frac{\|x_0 - x^\star\|^2}{KR}$

Right:

    $F(x_R) - F^\star \le \frac{L\|x_0 - x^\star\|^2}{KR}$
"""

from __future__ import annotations

from collections.abc import Iterator

from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.units_of_statement import finding_of


@RULES.add("TR102")
def sides_of_different_units(document: Document) -> Iterator[Finding]:
    """Bounds whose terms agree with each other but not with the left side."""
    for one in document.statements:
        left = one.checked.left
        if (
            not one.judged
            or one.checked.units_consistent
            or one.kind == "step size"
            or left is None
            or not left.is_known
        ):
            continue
        units = {term.unit for term in one.checked.terms}
        if len(units) != 1 or None in units:
            continue
        (unit,) = units
        wanted = str(left.unit) if left.unit is not None else "the unit of a count"
        if left.unit == unit:  # then a link of the chain between the two differs
            yield finding_of(one, "TR102", "error", "; ".join(one.checked.contradiction))
            continue
        message = f"the left side {left.text} has {_article(wanted)}, the right side {_article(str(unit))}"
        yield finding_of(one, "TR102", "error", message)


def _article(unit: str) -> str:
    return (
        "no unit (a pure number)" if unit == "pure number" else unit if unit.startswith("the ") else f"the unit {unit}"
    )
