"""`tightrate evaluate`: evaluate a bound term by term, and check its conditions."""

from __future__ import annotations

from typing import Annotated

import typer

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.terminal.options import AsJson, OwnLetters, Papers, Values, complete, in_own_letters_named

TheoremId = Annotated[str, typer.Argument(metavar="THEOREM", autocompletion=complete("theorems"))]


def command(
    theorem_id: TheoremId,
    values: Values = None,
    notation: OwnLetters = "alphabet",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Evaluate a bound term by term, and check its conditions.

    A step size that is not given, or given as eta=prescribed, is the one that the theorem prescribes.

    Example: tightrate evaluate patel2024/prop7-constant L=1 B=1 R=10
    """
    from tightrate.rates.statements.catalogue import theorem
    from tightrate.rates.symbols.alphabet import LETTERS, check_value
    from tightrate.terminal.arguments import read_values
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console
    from tightrate.terminal.theorem import evaluation_as_json, evaluation_page

    found = theorem(theorem_id)
    own_letters = in_own_letters_named(notation)
    left_out = {f"{name}=prescribed" for name in found.steps}
    given = read_values([value for value in values or [] if value not in left_out])
    known = {*LETTERS, *found.bound.letters}
    for name, value in given.items():
        if name not in known:
            raise unknown_name("letter", name, known)
        if name in LETTERS:
            check_value(name, value)
    own, given = set(given), found.with_steps(given)
    for name in found.steps:
        if name in found.bound.letters and name not in given:
            missing = sorted({symbol.name for symbol in found.step(name).free_symbols} - set(given))
            raise TightrateError(
                f"missing value for {', '.join(missing)}, from which {found.id} prescribes {name}; give"
                f" {missing[0]}=VALUE, or {name}=VALUE"
            )
    prescribed = {name: value for name, value in given.items() if name not in own}
    undefined = [name for name, value in found.bound.terms_at(given).items() if value != value]
    if undefined:
        raise TightrateError(
            f"{found.id} has no value here: {' and '.join(undefined)} has no limit (such as that of (1 - eta*L)^K for"
            " eta*L >= 2 as K grows); give a finite K or other steps"
        )
    if as_json:
        print_json(evaluation_as_json(found, given, prescribed))
    else:
        console().print(evaluation_page(found, given, prescribed, found.letters if own_letters else None))
