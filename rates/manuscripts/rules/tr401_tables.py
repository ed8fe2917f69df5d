r"""A row of a table differs from the theorem that it cites, or from the statement of the same quantity.

A row cites a theorem or an equation by `\ref`, `\cref`, `\eqref` or a Markdown link to its anchor, or has the left
side of one in a cell. Its bound is compared with the theorem's up to constants. Nothing is reported where the order
algebra does not decide it, where the theorem states several bounds and one of them is in the row, or where the text
around the table says that something other than constants and logarithms is left out.

Wrong:

    # Rate {#rate}

    $$F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$$

    # Overview

    | method | gap |
    |---|---|
    | [local SGD](#rate) | $\frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MR}}$ |

Right:

    # Rate {#rate}

    $$F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$$

    # Overview

    | method | gap |
    |---|---|
    | [local SGD](#rate) | $\frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$ |
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tightrate.rates.manuscripts.comparison import WORDS, comparable, relation
from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.statements import Statement
from tightrate.rates.manuscripts.units_of_statement import finding_of

_LEFT_OUT = re.compile(
    r"\b(?:omit\w*|ignor\w*|suppress\w*|drop\w*|hid(?:e|es|ing|den)|neglect\w*|leading\s+term|simplif\w*)\s*(?P<what>[^.]{0,60})",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"\b(?:constants?|log\w*|polylog\w*)\b", re.IGNORECASE)


@RULES.add("TR401")
def rows_of_tables(document: Document) -> Iterator[Finding]:
    """Table rows whose bound is of another order than what they cite."""
    for number, cells in sorted(document.cells.items()):
        row = document.manuscript.rows[number]
        cited = [label for _, label in document.references(row.start, row.stop) if label in document.labels]
        stated = [
            one for label in cited for one in document.labels[label] if not row.start <= one.formula.at < row.stop
        ]
        if not stated:
            stated = list(_same_quantity(document, number))
        pairs = [(cell, one) for cell in cells for one in stated if comparable(cell, one)]
        if not pairs or _leaves_out(document, row.start, row.stop):
            continue
        relations = [relation(cell, one, without_logarithms=_logs(cell, one)) for cell, one in pairs]
        if any(found in ("A~B", "undecided") for found in relations):
            continue
        (cell, one), found = pairs[0], relations[0]
        message = f"this bound is {WORDS[found]} the one at {one.place}, which the row cites, and not of its order"
        yield finding_of(cell, "TR401", "error", message)


def _logs(cell: Statement, one: Statement) -> bool:
    """Whether an order with a tilde leaves logarithms out on one side."""
    return "tilde" in cell.formula.latex or "tilde" in one.formula.latex


def _same_quantity(document: Document, number: int) -> Iterator[Statement]:
    """The one displayed statement whose left side stands alone in a cell of the row."""
    row = document.manuscript.rows[number]
    in_row = {_plain(formula.latex) for _, formula in document.manuscript.between(row.start, row.stop)}
    displayed = [one for one in document.statements if one.formula.display and one.kind == "bound"]
    found = [one for one in displayed if one.checked.left and _plain(one.checked.left.text) in in_row]
    if len(found) == 1:
        yield found[0]


def _plain(latex: str) -> str:
    return re.sub(r"\s|\\,|\\left|\\right|\\big|\\;|&", "", latex.replace(r"\star", "*").replace("^{*}", "^*"))


def _leaves_out(document: Document, start: int, stop: int) -> bool:
    """Whether the text around the table says that it leaves something out."""
    around = document.manuscript.prose[max(0, start - 800) : stop + 800]
    return any(not _HARMLESS.search(match["what"]) for match in _LEFT_OUT.finditer(around))
