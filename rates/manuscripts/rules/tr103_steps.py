r"""A step size times a curvature is not a pure number.

A gradient step $x - \eta\nabla F(x)$ makes sense only where $\eta$ has the unit of length squared over value, so that
$\eta L$ is a pure number. This holds for all step sizes, also for one that is chosen by minimizing a bound.

Wrong:

    $\eta \le \frac{\mu}{L}$

Right:

    $\eta \le \frac{1}{L}$
"""

from __future__ import annotations

from collections.abc import Iterator

from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.units_of_statement import finding_of, odd_terms, shown


@RULES.add("TR103")
def step_sizes(document: Document) -> Iterator[Finding]:
    """Step sizes that have not the unit of one over a curvature."""
    for one in document.statements:
        left = one.checked.left
        if not one.judged or one.checked.units_consistent or one.kind != "step size" or left is None:
            continue
        odd = odd_terms(one)
        index = odd[0] if odd else 0
        each = "; ".join(shown(one, i) for i in range(len(one.checked.terms)))
        wanted = "the unit length^2 value^-1 of one over a curvature"
        if left.unit is not None and left.unit.is_pure:
            wanted = "no unit (a pure number)"
        place = one.terms[index].place if len(one.terms) > 1 and index < len(one.terms) else one.place
        yield finding_of(one, "TR103", "error", f"the step size {left.text} must have {wanted}, but {each}", place)
