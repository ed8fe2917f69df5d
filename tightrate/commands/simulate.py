"""`tightrate simulate`: run an algorithm on a problem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tightrate.common.errors import TightrateError
from tightrate.terminal.options import AsJson, Limit, Papers, ProblemFile, Values, complete


def command(
    algorithm: Annotated[str, typer.Argument(autocompletion=complete("algorithms"))],
    problem: Annotated[str | None, typer.Argument(autocompletion=complete("problems"))] = None,
    values: Values = None,
    problem_file: ProblemFile = None,
    method: Annotated[str, typer.Option(help="auto, exact, rounds or sample.")] = "auto",
    output: Annotated[str, typer.Option(help="Iterate: last, average, weighted, random or auxiliary.")] = "last",
    noise: Annotated[str, typer.Option(help="Law of the gradient noise, or rows for a finite sum.")] = "gaussian",
    measures: Annotated[str, typer.Option("--measure", metavar="NAME,...", help="Measures.")] = "",
    quantiles: Annotated[str, typer.Option("--quantile", metavar="Q,...", help="Over replicas: 0.5,0.9.")] = "",
    theorem: Annotated[str | None, typer.Option(help="Say which of its conditions hold, and its bound.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the JSON document to this file too.")] = None,
    limit: Limit = "24",
    as_json: AsJson = False,
    _papers: Papers = None,
) -> None:
    """Run an algorithm on a problem.

    A value is a number, a fraction or inf; a name, true or false, or a list (1,2) where the default is one.

    Example: tightrate simulate local-sgd rank-one-pair cosine=0.9 eta=1 K=inf R=20
    """
    from tightrate.common.files import write_whole
    from tightrate.common.numbers import read_number
    from tightrate.common.threads import one_blas_thread
    from tightrate.rates.statements.catalogue import theorem as theorem_of
    from tightrate.simulator.parameters import spelled
    from tightrate.simulator.simulate import simulate as run
    from tightrate.simulator.validation import known_parameters, method_named, output_named
    from tightrate.terminal.arguments import (
        check_output,
        own_problem,
        read_limit,
        read_names,
        read_pairs,
        read_settings,
    )
    from tightrate.terminal.documents import json_text, print_json
    from tightrate.terminal.output import console, working
    from tightrate.terminal.simulation import simulation_as_json, simulation_page

    hours = read_limit(limit)
    claimed = theorem_of(theorem) if theorem is not None else None
    if problem_file is not None:
        values, problem = [*([problem] if problem is not None else []), *(values or [])], own_problem(problem_file)
    if problem is None:
        raise TightrateError("missing argument PROBLEM; give the name of one, or --problem FILE")
    at = output_named(output)
    known = known_parameters(algorithm, problem, noise=noise, output=at, theorem=claimed)
    given = read_settings(spelled(read_pairs(values or [])), known)
    if out is not None:
        check_output(out, given.get("file"), problem_file)
    with working(f"{algorithm} on {problem}"), one_blas_thread():
        found = run(
            algorithm,
            problem,
            given,
            method=method_named(method),
            output=at,
            noise=noise,
            measures=read_names(measures),
            quantiles=[read_number("quantile", level) for level in read_names(quantiles)],
            theorem=theorem,
            hours=hours,
        )
    document = simulation_as_json(found)
    if out is not None:
        write_whole(out, lambda part: part.write_bytes(json_text(document).encode()))
    if as_json:
        print_json(document)
    else:
        console().print(simulation_page(found))
