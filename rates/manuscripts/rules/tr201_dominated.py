r"""A term of an order is dominated by the others and could be left out.

Up to constants the other terms are never smaller, whatever the letters are. With explicit constants nothing is
reported, and neither is a term for which this cannot be decided, nor one of an order that leaves out the smoothness or
the start (`O(1/\sqrt{KR} + 1/R)`), as what is left out may differ from term to term.

Wrong:

    $\|\nabla F(\hat x)\|^2 = \mathcal{O}\big(\frac{L\Delta}{R} + \frac{L\Delta}{KR}\big)$

Right:

    $\|\nabla F(\hat x)\|^2 = \mathcal{O}\big(\frac{L\Delta}{R} + \frac{\sigma\sqrt{L\Delta}}{\sqrt{MKR}}\big)$
"""

from __future__ import annotations

from collections.abc import Iterator

from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.statements import drops_constants
from tightrate.rates.manuscripts.units_of_statement import finding_of, written_term


@RULES.add("TR201")
def dominated_terms(document: Document) -> Iterator[Finding]:
    """Terms of orders that the others dominate."""
    for one in document.statements:
        if not (one.judged and one.checked.units_consistent and one.checked.hidden) or len(one.checked.terms) < 2:
            continue
        if drops_constants(one.checked):
            continue
        for index, term in enumerate(one.checked.terms):
            if term.dominated:
                place = one.terms[index].place if index < len(one.terms) else one.place
                message = f"the term {written_term(one, index)} is dominated by the others"
                yield finding_of(one, "TR201", "warning", message, place)
