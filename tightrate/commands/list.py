"""`tightrate list`: list what there is, by kind, pattern and filters."""

from __future__ import annotations

import shutil
import sys
from difflib import get_close_matches
from typing import Annotated

import typer

from tightrate.common.errors import unknown_name
from tightrate.terminal.listing import KINDS, as_shown, as_table, everywhere, in_own_letters, matching, overview
from tightrate.terminal.options import AsJson, OwnLetters, Papers, complete_kind, in_own_letters_named


def command(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help=f"{', '.join(KINDS)}.", autocompletion=complete_kind)
    ] = None,
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="Of ids, such as 'patel2024/*', or words of a title.")
    ] = "",
    of: Annotated[str | None, typer.Option("--of", metavar="PAPER", help="Only of this paper.")] = None,
    algorithm: Annotated[str | None, typer.Option(metavar="NAME", help="Only about this algorithm.")] = None,
    measure: Annotated[str | None, typer.Option(metavar="NAME", help="Only about this measure.")] = None,
    side: Annotated[
        str | None, typer.Option("--kind", metavar="NAME", help="upper, lower or exact; a claim's.")
    ] = None,
    constants: Annotated[
        str | None, typer.Option(metavar="NAME", help="explicit, hidden or 'hidden with logs'.")
    ] = None,
    notation: OwnLetters = "alphabet",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """List what there is, by kind, pattern and filters.

    Without a kind a name is looked for among all; without any, the kinds are listed.  Filters take patterns; piped,
    every entry is one line.

    Example: tightrate list theorems 'patel2024/*' --kind lower
    """
    from tightrate.terminal.documents import print_json

    given = {"of": of, "algorithm": algorithm, "measure": measure, "kind": side, "constants": constants}
    filters = {name: value for name, value in given.items() if value is not None}
    if kind is None:
        columns, rows = overview()
    elif kind in KINDS:
        columns, rows = matching(kind, pattern, filters)
        if in_own_letters_named(notation):
            rows = in_own_letters(kind, rows)
        if not as_json:
            columns, rows = as_shown(kind, columns, rows)
    elif pattern or filters or get_close_matches(kind, KINDS, cutoff=0.8):
        raise unknown_name("kind", kind, KINDS)
    else:
        columns, rows = everywhere(kind)
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        sys.stdout.write(as_table(columns, rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
