"""Options and arguments that several commands share, and how the shell completes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.numbers import SEEDS, read_whole
from tightrate.terminal.listing import KINDS, listing

if TYPE_CHECKING:
    from tightrate.verify.session import Profile


def complete(kind: str) -> Callable[[str], list[str]]:
    """Shell completion with the names of a kind (see `tightrate list`)."""

    def matching(incomplete: str) -> list[str]:
        return [row[0] for row in listing(kind)[1] if row[0].startswith(incomplete)]

    return matching


def complete_kind(incomplete: str) -> list[str]:
    """Shell completion with the kinds that can be listed."""
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def load_papers(files: list[Path] | None) -> list[Path] | None:
    """Load papers of one's own before anything else of a command is read."""
    if files:
        from tightrate.terminal.output import nothing_else_answers
        from tightrate.verify.own_papers import load_paper

        with nothing_else_answers():
            for file in files:
                load_paper(file)
    return files


Papers = Annotated[
    list[Path] | None,
    typer.Option(
        "--paper", metavar="FILE.py", is_eager=True, callback=load_papers, help="A paper of your own; may be repeated."
    ),
]
Values = Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="Parameters, such as K=10 R=inf.")]
ProblemFile = Annotated[
    Path | None,
    typer.Option("--problem", metavar="FILE", help="Matrices, minimizers and start of your own: .npz or .toml."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def whole_number(name: str, least: int, most: int) -> Callable[[object], int]:
    """What reads an option that is a whole number in a range."""

    def parsed(given: object) -> int:
        try:
            return read_whole(name, str(given), least, most)
        except TightrateError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


Jobs = Annotated[
    int, typer.Option("--jobs", parser=whole_number("jobs", 1, 256), metavar="N", help="Processes to use, at most 256.")
]
Limit = Annotated[
    str, typer.Option("--limit", metavar="HOURS", help="Refuse what would take longer on one core, as estimated.")
]
Seed = Annotated[
    int, typer.Option("--seed", parser=whole_number("seed", 0, SEEDS), metavar="N", help="Of everything random.")
]
ProfileName = Annotated[str, typer.Option("--profile", help="quick or full.")]
Folder = Annotated[Path, typer.Option("--out", help="Folder for the output.")]
OwnLetters = Annotated[
    str, typer.Option("--letters", help="Whose: the alphabet's, or the paper's own.", metavar="alphabet|paper")
]
PROFILES = ("quick", "full")
NOTATIONS = ("alphabet", "paper")


def in_own_letters_named(notation: str) -> bool:
    if notation not in NOTATIONS:
        raise unknown_name("letters", notation, NOTATIONS)
    return notation == "paper"


Letters = Annotated[
    str | None,
    typer.Option(metavar="PAPER=ALPHABET,...", help="Letters of the text, such as 'H=L,N=M', or a paper's id."),
]
Macros = Annotated[
    Path | None, typer.Option(metavar="FILE", help="LaTeX definitions (\\newcommand, \\def) that the text uses.")
]
Given = Annotated[list[str] | None, typer.Option(metavar="'EXPR >= EXPR'", help="A hypothesis; may be repeated.")]


def profile_named(name: str) -> Profile:
    if name not in PROFILES:
        raise unknown_name("profile", name, PROFILES)
    return cast("Profile", name)
