"""`tightrate check-bound`: check a bound of your own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tightrate.common.errors import TightrateError
from tightrate.terminal.options import AsJson, Given, Letters, Macros, Papers


def command(
    bound: Annotated[str | None, typer.Argument(metavar="BOUND", help="LaTeX or plain text.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="TABLE", help="Lines NAME: BOUND, compared in pairs.")] = None,
    measure: Annotated[str | None, typer.Option(metavar="NAME", help="What is bounded, such as gap.")] = None,
    given: Given = None,
    letters: Letters = None,
    macros: Macros = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Check a bound of your own.

    Units, exponents, dominated terms, regimes, and its neighbours in the catalogue.

    A hypothesis about gradients, function values or points says which units its letters have.

    Example: tightrate check-bound '\\frac{HB^2}{R} + \\frac{\\sigma B}{\\sqrt{MKR}}' --letters H=L
    """
    from tightrate.common.files import read_text
    from tightrate.rates.formulas.assumptions import is_assumption
    from tightrate.rates.relations.bound_check import (
        as_hypotheses,
        attributed,
        check_display,
        check_table,
        compare_table,
        read_inequalities,
        read_table,
    )
    from tightrate.rates.statements.paper_notation import papers_of_letters, parse_letters
    from tightrate.terminal.arguments import read_macros
    from tightrate.terminal.bound import bound_as_json, bounds_page, table_page
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console, working

    if (bound is None) == (file is None):
        raise TightrateError("give either a BOUND or --file TABLE")
    spelled = parse_letters(letters) if letters else None
    own = read_macros(macros)
    assumptions = [text for text in given or [] if is_assumption(text, own)]
    assumed = read_inequalities([text for text in given or [] if text not in assumptions], spelled, own)
    if bound is not None:
        with working("comparing with the catalogue"):
            found = check_display(
                bound, letters=spelled, macros=own, measure=measure, given=assumed, assumptions=assumptions
            )
        papers = papers_of_letters(letters or "")
        found = tuple(replace(one, symbols=attributed(one.symbols, papers)) for one in found)
        if as_json:
            documents = [bound_as_json(one) for one in found]
            print_json(documents[0] if len(documents) == 1 else {"bounds": documents})
        else:
            console().print(bounds_page(found))
        return
    assert file is not None
    table = read_table(read_text(file), spelled, own)
    checked = check_table(table, spelled, measure, assumed, only_units=not as_json)
    pairs = compare_table(table, as_hypotheses(assumed))
    if as_json:
        print_json(
            {
                "bounds": {name: bound_as_json(one) for name, one in checked.items()},
                "pairs": [{"A": a, "B": b, "relation": relation} for (a, b), relation in pairs.items()],
            }
        )
    else:
        console().print(table_page(checked, pairs))
