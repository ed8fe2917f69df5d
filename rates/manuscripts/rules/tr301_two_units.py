r"""One symbol has two units in the document.

A symbol has one unit throughout. Units come from assumptions (`\mathbb E\|g-\nabla F(x)\|^2 \le \sigma^2` makes
$\sigma$ a gradient norm), from the symbol's usual meaning, from a declaration, or from the bounds in which it stands.
Where two places ask for different units, the later one is reported, or the assumption where the bounds agree against
it.

Wrong:

    Assume $\mathbb{E}\|g(x;\xi) - \nabla F(x)\|^2 \le \sigma$. Then
    $F(x_R) - F^\star \le \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$.

Right:

    Assume $\mathbb{E}\|g(x;\xi) - \nabla F(x)\|^2 \le \sigma^2$. Then
    $F(x_R) - F^\star \le \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$.
"""

from __future__ import annotations

from collections.abc import Iterator

from tightrate.rates.manuscripts.definitions import Definition
from tightrate.rates.manuscripts.document import Document, inferred_units
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.statements import Statement
from tightrate.rates.manuscripts.units_of_statement import finding_of
from tightrate.rates.symbols.units import Unit


@RULES.add("TR301")
def symbols_of_two_units(document: Document) -> Iterator[Finding]:
    """Symbols to which two places give different units."""
    seen: dict[str, Definition] = {}
    for one in document.definitions:
        if one.how == "mention":
            continue
        before = seen.setdefault(one.key, one)
        if before.unit != one.unit and not _is_power_of_it(document, one.key):
            message = f"{one.written} has the unit {one.unit} here, but {before.unit} at {before.place}"
            yield Finding(one.place, "TR301", "error", message, one.at)
    for use in document.alternative_uses:
        if use.as_usual:
            where = use.as_usual[0]
            message = (
                f"{use.definition.written} has the unit {use.definition.unit} by this assumption, but"
                f" {use.definition.usual_unit} in the bound at {where.place}"
            )
            yield Finding(use.definition.place, "TR301", "error", message, use.definition.at)
    inferred: dict[str, tuple[Unit, Statement]] = {}
    for statement in document.statements:
        if not (statement.judged and statement.checked.units_consistent):
            continue
        for written, unit in inferred_units(statement):
            first_unit, first = inferred.setdefault(written, (unit, statement))
            if first_unit != unit:
                message = f"{written} must have the unit {unit} here, but {first_unit} at {first.place}"
                yield finding_of(statement, "TR301", "error", message)


def _is_power_of_it(document: Document, key: str) -> bool:
    """Whether the units are those of one assumption that is an alternative, which is reported by its uses."""
    return any(use.definition.key == key for use in document.alternative_uses)
