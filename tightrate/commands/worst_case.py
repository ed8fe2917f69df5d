"""`tightrate worst-case`: the exact worst case of a method without noise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tightrate.common.errors import TightrateError
from tightrate.terminal.options import AsJson, Jobs, Limit, Papers, Values, complete


def command(
    algorithm: Annotated[str, typer.Argument(autocompletion=complete("algorithms"))],
    values: Values = None,
    class_name: Annotated[
        str, typer.Option("--class", help="common-optimum, heterogeneous or one-worker; else by M and zeta_star.")
    ] = "",
    measure: Annotated[str, typer.Option(help="gap, squared-distance or squared-gradient.")] = "gap",
    output: Annotated[str, typer.Option(help="Iterate: last, average or weighted.")] = "last",
    theorem: Annotated[str | None, typer.Option("--against", metavar="THEOREM", help="Compare with its bound.")] = None,
    tune: Annotated[
        str, typer.Option(metavar="NAME,...", help="Steps to choose so that the worst case is least.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write result, certificate and functions to this file.")] = None,
    jobs: Jobs = 1,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run lists on this Dask cluster.")] = None,
    limit: Limit = "24",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> int:
    """The exact worst case of a method without noise.

    Over all convex L-smooth functions, for any number of workers.

    Symbols: K, R, M (inf unless given), L, mu, B, zeta_star, and the method's own steps; lists such as eta=0.5,1 make a
    table.  Exit status 1 if a theorem is refuted.

    Example: tightrate worst-case local-sgd K=4 R=2 eta=1 --against patel2024/prop7-constant
    """
    from tightrate.common.files import write_whole
    from tightrate.rates.statements.catalogue import theorem as theorem_of
    from tightrate.simulator.worst_case.settings import defaults_of, of_class
    from tightrate.simulator.worst_case.worst_case import tuned_worst_case
    from tightrate.simulator.worst_case.worst_case import worst_case as one_worst_case
    from tightrate.terminal.arguments import check_output, read_limit, read_lists, read_names, read_pairs
    from tightrate.terminal.documents import json_text, print_json
    from tightrate.terminal.output import console, working
    from tightrate.terminal.worst_case import worst_case_as_json, worst_case_page, worst_cases_as_json, worst_cases_page
    from tightrate.verify.exact_worst_case import against
    from tightrate.verify.worst_case_sweep import check_comparable, refuse_endless_programmes, worst_cases

    claimed = theorem_of(theorem) if theorem is not None else None
    given = read_lists(read_pairs(values or []), defaults_of(algorithm))
    settings: dict[str, Any] = {**of_class(class_name, given), "measure": measure, "output": output}
    lists = [name for name, value in given.items() if isinstance(value, list)]
    hours = read_limit(limit)
    for option, used in (("--out", out is not None), ("--tune", bool(tune))):
        if lists and used:
            raise TightrateError(f"{option} is for one worst case: give {lists[0]} one value")
    if lists:
        with working(f"worst cases of {algorithm}"):
            data = worst_cases(algorithm, settings, theorem=claimed, jobs=jobs, scheduler=scheduler, limit=hours)
        if as_json:
            print_json(worst_cases_as_json(data))
        else:
            console().print(worst_cases_page(data))
        return 1 if claimed is not None and bool((data.conclusion == "refuted").any()) else 0
    if out is not None:
        check_output(out)
    start = {name: float(settings.pop(name, 1.0)) for name in read_names(tune)}
    check_comparable(algorithm, {**settings, **start}, claimed)
    if start:
        refuse_endless_programmes(algorithm, {**settings, **start}, {}, len(start), hours)
    steps: dict[str, float] = {}
    with working(f"worst case of {algorithm}"):
        if start:
            tuned = tuned_worst_case(algorithm, start, **settings)
            found, steps = tuned.worst, dict(tuned.steps)
        else:
            found = one_worst_case(algorithm, **settings)
    compared = None if claimed is None else against(claimed, found)
    document = worst_case_as_json(found, compared)
    if out is not None:
        functions = {"functions": found.witness.as_json()} if found.status == "solved" else {}
        text = json_text({**document, "certificate": found.certificate, **functions})
        write_whole(out, lambda part: part.write_text(text, encoding="utf-8"))
    if as_json:
        print_json(document)
    else:
        console().print(worst_case_page(found, compared, steps))
    return 1 if compared is not None and compared.conclusion == "refuted" else 0
