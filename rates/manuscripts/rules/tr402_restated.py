r"""A bound that is stated again differs from where it was stated.

A sentence that recalls or restates a labelled theorem or equation gives its bound; up to constants both must agree.
Nothing is reported where the sentence names a condition.

Wrong:

    # Rate {#rate}

    $$F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$$

    # Proof

    Recall from [the theorem](#rate) that $F(x_R) - F^\star \lesssim \frac{LB^2}{KR} + \frac{\sigma B}{\sqrt{MKR}}$.

Right:

    # Rate {#rate}

    $$F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$$

    # Proof

    Recall from [the theorem](#rate) that $F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tightrate.rates.manuscripts.comparison import WORDS, comparable, relation
from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.units_of_statement import finding_of

_RECALLED = re.compile(r"\b(?:recall|restat|repeat)\w*\b", re.IGNORECASE)
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|with|for|under|where|assum\w+|in\s+the\s+case|without|not)\b", re.IGNORECASE
)


@RULES.add("TR402")
def restated_bounds(document: Document) -> Iterator[Finding]:
    """Bounds that a sentence restates, of another order than the original."""
    for one in document.statements:
        start, _ = document.manuscript.sentence(one.formula.at)
        before = document.manuscript.prose[start : one.formula.at]
        if not _RECALLED.search(before) or _CONDITION.search(before):
            continue
        cited = [label for _, label in document.references(start, one.formula.at) if label in document.labels]
        stated = [other for label in cited for other in document.labels[label] if other.number != one.number]
        stated = [other for other in stated if comparable(one, other)]
        relations = [relation(one, other) for other in stated]
        if not stated or any(found in ("A~B", "undecided") for found in relations):
            continue
        message = (
            f"this bound is {WORDS[relations[0]]} the one at {stated[0].place}, which it restates, and not of its order"
        )
        yield finding_of(one, "TR402", "error", message)
