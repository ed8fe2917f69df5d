"""`tightrate new-paper`: start a paper of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tightrate.terminal.options import Letters


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as doe2026.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the file.")] = Path(),
    bound: Annotated[
        str | None, typer.Option("--from-bound", metavar="BOUND", help="State this bound, LaTeX or plain text.")
    ] = None,
    letters: Letters = None,
    measure: Annotated[str | None, typer.Option(metavar="NAME", help="What the bound is about, such as gap.")] = None,
) -> None:
    """Start a paper of your own: a small commented file with one theorem, one problem and one claim.

    Example: tightrate new-paper doe2026
    """
    from tightrate.terminal.output import say
    from tightrate.verify.new_paper import new_paper

    path = new_paper(name, out, bound=bound, letters=letters, measure=measure)
    say(f"{path} is written; run: tightrate verify --paper {path}")
