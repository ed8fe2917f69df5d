"""`tightrate rounds`: rounds until a bound is at most eps, and the best K."""

from __future__ import annotations

from typing import Annotated

import typer

from tightrate.terminal.options import AsJson, Letters, Macros, Papers, Values, complete


def command(
    bound: Annotated[str, typer.Argument(metavar="BOUND", autocompletion=complete("theorems"))],
    values: Values = None,
    letters: Letters = None,
    macros: Macros = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Rounds until a bound is at most eps, and the best K.

    BOUND is a theorem's id or a bound as text; the answer is an order in the letters, and a number where all letters
    have values.  The best K is that at a fixed budget T = K R.

    Example: tightrate rounds koloskova2020/convex eps=0.01 L=1 B=1 sigma=1 zeta_star=0 M=8 K=16
    """
    from tightrate.rates.orders.communication_complexity import rounds_to_accuracy
    from tightrate.rates.relations.bound_check import bound_of, read_bound
    from tightrate.rates.statements.paper_notation import parse_letters
    from tightrate.rates.statements.theorem import Theorem
    from tightrate.rates.symbols.alphabet import check_value, letter
    from tightrate.terminal.arguments import read_macros, read_values
    from tightrate.terminal.bound import rounds_as_json, rounds_page
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console

    read = read_bound(bound, parse_letters(letters) if letters else None, read_macros(macros))
    found = read if isinstance(read, Theorem) else bound_of(read)
    name, title, own = (found.id, found.title, found.bound) if isinstance(found, Theorem) else (bound, "", found)
    given = read_values(values or [])
    for each, value in given.items():
        letter(each)
        check_value(each, value)
    answer = rounds_to_accuracy(found, given)
    if as_json:
        print_json(rounds_as_json(name, own, answer))
    else:
        console().print(rounds_page(name, title, own, answer))
