"""What `tightrate list` and the shell's completion show, kept on disk: a name is completed without computer algebra."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from tightrate.common.errors import unknown_name
from tightrate.common.kept import kept

if TYPE_CHECKING:
    from tightrate.rates.statements.theorem import Provenance

KINDS = ("papers", "theorems", "claims", "figures", "algorithms", "problems")

GAP = "  "
SHORTEST_LINE = 7  # of a column that is broken, however narrow the terminal

Listing = tuple[tuple[str, ...], list[tuple[str, ...]]]


def listing(kind: str, folder: Path | None = None) -> Listing:
    """The columns and the rows of a kind, from the cache while no file of the package has changed since.

    >>> listing("papers")[0]
    ('id', 'authors', 'year', 'title')
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    columns, rows = kept(kind, lambda: collected(kind), folder)
    return tuple(columns), [tuple(row) for row in rows]


def collected(kind: str) -> Listing:
    """The columns and the rows of a kind, from the registries; formulas in sentences as text."""
    from tightrate.rates.formulas.inline import as_text

    rows: list[tuple[str, ...]]
    if kind == "papers":
        from tightrate.rates.statements.catalogue import paper, paper_ids

        cited = ((name, paper(name).reference) for name in paper_ids())
        rows = [(name, r.authors, str(r.year), r.title) for name, r in cited]
        return ("id", "authors", "year", "title"), rows
    if kind == "theorems":
        from tightrate.rates.statements.catalogue import statements

        found = sorted(statements(), key=lambda one: not one.provenance.checked)  # the others are listed apart
        return ("id", "kind", "source", "title"), [
            (one.id, one.kind, _source(one.provenance), as_text(one.title)) for one in found
        ]
    if kind == "claims":
        from tightrate.verify.registry import CLAIMS

        claims = CLAIMS.entries().values()
        return ("id", "kind", "expected", "statement"), [
            (claim.id, claim.kind, claim.expected, as_text(claim.statement)) for claim in claims
        ]
    if kind == "figures":
        from tightrate.figures.figure import FIGURES

        return ("id", "title"), [(figure.name, as_text(figure.title)) for figure in FIGURES.entries().values()]
    from tightrate.constructions.problem import PROBLEMS
    from tightrate.simulator.algorithm import ALGORITHMS
    from tightrate.simulator.parameters import parameters

    rows = []
    for name, construct in (PROBLEMS if kind == "problems" else ALGORITHMS).entries().items():
        taken = " ".join(p if own.required else f"[{p}]" for p, own in parameters(construct).items())
        rows.append((name, taken, (construct.__doc__ or "").strip().splitlines()[0]))
    return ("id", "parameters", "what"), rows


def _source(provenance: Provenance) -> str:
    """Where a statement is from, in a word or two; what was not compared with its source says so."""
    return provenance.label if provenance.checked else f"not checked ({provenance.label})"


def as_table(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """The rows below one another in `width` characters: names stand whole, all else is broken into lines.

    >>> print(as_table(("id", "title"), [("a/b", "one two three"), ("c", "four")], 13), end="")
    id   title
    a/b  one two
         three
    c    four
    """
    longest = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    first, *middle = longest[:-1]
    sizes = [first, *(min(size, max(width // 3, SHORTEST_LINE)) for size in middle)]
    sizes.append(max(min(width - sum(sizes) - len(GAP) * len(sizes), longest[-1]), SHORTEST_LINE))
    lines = []
    for row in (columns, *rows):
        cells = [textwrap.wrap(cell, size) or [""] for cell, size in zip(row, sizes, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            line = GAP.join(part.ljust(size) for part, size in zip(parts, sizes, strict=True))
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"
