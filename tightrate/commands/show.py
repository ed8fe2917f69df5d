"""`tightrate show`: show a theorem, or anything else that has a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tightrate.common.errors import unknown_name
from tightrate.terminal.listing import KINDS, kinds_of, names
from tightrate.terminal.options import AsJson, OwnLetters, Papers, complete_kind, in_own_letters_named

if TYPE_CHECKING:
    from tightrate.rates.statements.theorem import Theorem


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_any)],
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Of what, where several have the name.", autocompletion=complete_kind),
    ] = None,
    notation: OwnLetters = "alphabet",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Show a theorem, or anything else that has a name.

    Of a theorem formula, exponents, conditions, provenance and errata, in the alphabet or in the letters of its paper.
    Shell-style patterns show several theorems.

    Example: tightrate show patel2024/prop7
    """
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console

    if kind is not None and kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    own_letters = in_own_letters_named(notation)
    if kind == "theorems" or (kind is None and (_is_pattern(name) or _is_theorem(name))):
        _show_theorems(name, own_letters, as_json)
        return
    from tightrate.terminal.entry import entry

    kinds = [kind] if kind is not None else kinds_of(name)
    if not kinds:
        raise unknown_name("name", name, names())
    found = [entry(each, name) for each in kinds]
    if as_json:
        print_json(found[0].as_json() if len(found) == 1 else [one.as_json() for one in found])
        return
    for index, one in enumerate(found):
        if index:
            console().print()
        console().print(one.page(own_letters))


def complete_any(incomplete: str) -> list[str]:
    """Shell completion with every name that can be shown."""
    return sorted({name for name in names() if name.startswith(incomplete)})


def _show_theorems(pattern: str, own_letters: bool, as_json: bool) -> None:
    from tightrate.rates.pages.theorem_facts import theorem_as_json
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console
    from tightrate.terminal.theorem import theorem_page

    found = _theorems(pattern)
    if as_json:
        pages = [theorem_as_json(one) for one in found]
        print_json(pages[0] if len(pages) == 1 and not _is_pattern(pattern) else pages)
        return
    for index, one in enumerate(found):
        if index:
            console().print()
        console().print(theorem_page(one, console().width, one.letters if own_letters else None))


def _is_theorem(name: str) -> bool:
    from tightrate.rates.statements.catalogue import paper_ids, theorem_ids

    paper, slash, _ = name.partition("/")
    return bool(slash) and paper in paper_ids() and (name in theorem_ids(paper) or name not in names())


def _is_pattern(name: str) -> bool:
    return any(character in name for character in "*?[")


def _theorems(pattern: str) -> list[Theorem]:
    from tightrate.rates.statements.catalogue import theorem, theorem_ids, theorems

    if not _is_pattern(pattern):
        return [theorem(pattern)]
    found = list(theorems(pattern))
    if not found:
        raise unknown_name("theorem", pattern, theorem_ids())
    return found
