"""The exponents of a sweep as the command line shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tightrate.rates.formulas.inline import as_text
from tightrate.terminal.output import STATUS_STYLE, table
from tightrate.verify.exponents.of_sweep import SweepExponents


def exponents_page(found: SweepExponents) -> RenderableType:
    """The fitted exponents beside the predicted ones, which term leads where, and the verdict with its reasons."""
    parts: list[RenderableType] = [
        Text(found.heading, "bold"),
        Text(),
        _columns([one.row() for one in found.exponents]),
    ]
    if found.dominance:
        parts += [Text(), _columns(found.dominance_rows)]
    parts.append(Text())
    for sentence in found.sentences:
        status = sentence.partition(":")[0]
        parts.append(Text(as_text(sentence), STATUS_STYLE.get(status, "")))
    return Group(*parts)


def _columns(rows: Sequence[Mapping[str, str]]) -> Table:
    shown = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    return table(shown, [[row[name] for name in shown] for row in rows])
