"""`tightrate falsify`: search for a violation of a theorem."""

from __future__ import annotations

from typing import Annotated

import typer

from tightrate.common.errors import TightrateError
from tightrate.terminal.options import AsJson, Papers, Seed, complete, whole_number

MOST_SECONDS = 1e6


def command(
    theorem_id: Annotated[
        str,
        typer.Argument(
            metavar="THEOREM", help="A theorem, a search, or a pattern.", autocompletion=complete("theorems")
        ),
    ],
    seconds: Annotated[
        str | None, typer.Option(metavar="S", help="Time budget, at most 1e6; else a number of points.")
    ] = None,
    evaluations: Annotated[
        int | None,
        typer.Option(parser=whole_number("evaluations", 1, 10**7), metavar="N", help="Points to try in each search."),
    ] = None,
    seed: Seed = 0,
    witness: Annotated[str | None, typer.Option(metavar="'NAME=VALUE ...'", help="Measure this point again.")] = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> int:
    """Search for a violation of a theorem.

    Inside its conditions; exit status 1 if a verdict is not the expected one.

    Example: tightrate falsify khaled2025/thm2 --seconds 20
    """
    from tightrate.common.numbers import read_number
    from tightrate.common.threads import one_blas_thread
    from tightrate.terminal.arguments import read_values
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.falsification import print_falsifications
    from tightrate.terminal.output import console, progress
    from tightrate.verify.falsification.falsify import falsification_as_json, run_witness
    from tightrate.verify.falsification.falsify import falsify as search_for_violation

    budget = None if seconds is None else read_number("seconds", seconds)
    if budget is not None and not 0.1 <= budget <= MOST_SECONDS:
        raise TightrateError(f"seconds must lie between 0.1 and {MOST_SECONDS:g}, not {budget:g}")
    if witness is not None:
        found = [run_witness(theorem_id, read_values(witness.split()))]
    else:
        with progress() as watcher, one_blas_thread():
            searched = search_for_violation(
                theorem_id, seconds=budget, evaluations=evaluations, seed=seed, progress=watcher
            )
        found = list(searched)
    if as_json:
        print_json([falsification_as_json(one) for one in found])
    else:
        print_falsifications(found, console())
    return 0 if all(one.as_expected for one in found) else 1
