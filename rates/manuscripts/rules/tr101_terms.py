r"""The terms of a bound have different units.

All terms of a sum scale alike when the space or the function is rescaled, so each must have the unit of the quantity
that the bound is for. Where one letter's exponent alone would mend it, the message says which. Not reported: an order
that mentions no constants (`O(1/T + \sigma/\sqrt{T})` hides constants that have units), and formulas whose units agree
when an ambiguous letter has another of its common meanings.

Wrong:

    $F(x_R) - F^\star \le \frac{LB^2}{R} + \frac{\sigma^2 B}{\sqrt{MKR}}$

Right:

    $F(x_R) - F^\star \le \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$
"""

from __future__ import annotations

from collections.abc import Iterator

from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.units_of_statement import finding_of, has_fractional_fault, odd_terms, repair, shown


@RULES.add("TR101")
def terms_of_different_units(document: Document) -> Iterator[Finding]:
    """Bounds whose terms differ in unit, at the first term that differs from the left side or from most."""
    for one in document.statements:
        if not one.judged or one.checked.units_consistent or one.kind == "step size" or has_fractional_fault(one):
            continue
        odd = odd_terms(one)
        units = {term.unit for term in one.checked.terms}
        if len(units) == 1 and None not in units:
            continue  # the left side has another unit than all of them, which is TR102
        index = odd[0] if odd else 0
        mend = repair(one, index)
        hint = f"; with {mend} it would agree" if mend else ""
        each = "; ".join(shown(one, i) for i in range(len(one.checked.terms)))
        if one.checked.contradiction and not odd:
            each = "; ".join(one.checked.contradiction)
        each += f", where {one.reading}" if one.reading else ""
        place = one.terms[index].place if index < len(one.terms) else one.place
        yield finding_of(one, "TR101", "error", f"terms of different units: {each}{hint}", place)
