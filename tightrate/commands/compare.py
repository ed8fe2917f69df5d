"""`tightrate compare`: compare two bounds up to constants, exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from tightrate.terminal.options import AsJson, Given, Letters, Macros, Papers


def command(
    first: Annotated[str, typer.Argument(metavar="A")],
    second: Annotated[str, typer.Argument(metavar="B")],
    given: Given = None,
    letters: Letters = None,
    macros: Macros = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Compare two bounds up to constants, exactly.

    Theorem ids, or bounds as text (LaTeX or plain).

    Example: tightrate compare patel2024/thm9 'L*B^2/R + sigma*B/sqrt(M*K*R)' --given 'K >= sigma^2*R/(L*B)^2'
    """
    from tightrate.rates.relations.bound_check import attributed, compare_bounds, read_bound, read_hypotheses
    from tightrate.rates.statements.paper_notation import papers_of_letters, parse_letters
    from tightrate.terminal.arguments import read_macros
    from tightrate.terminal.bound import comparison_as_json, comparison_page
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console

    spelled = parse_letters(letters) if letters else None
    own = read_macros(macros)
    left, right = read_bound(first, spelled, own), read_bound(second, spelled, own)
    found = compare_bounds(left, right, read_hypotheses(given or [], spelled, own))
    found = replace(found, symbols=attributed(found.symbols, papers_of_letters(letters or "")))
    if as_json:
        print_json({"A": first, "B": second, **comparison_as_json(found)})
    else:
        console().print(comparison_page([left, right], found))
