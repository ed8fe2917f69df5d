"""`tightrate exponents`: fitted exponents of a sweep beside a theorem's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tightrate.common.errors import TightrateError
from tightrate.terminal.options import AsJson, Papers, complete


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE.nc", help="What `tightrate sweep` wrote.")],
    theorem: Annotated[
        str | None,
        typer.Option(metavar="ID", help="That of the sweep unless given.", autocompletion=complete("theorems")),
    ] = None,
    along: Annotated[
        str | None,
        typer.Option(metavar="K,R,M", help="Axes, or paths such as 'K R' or 'K R^-1'; all axes unless given."),
    ] = None,
    measure: Annotated[str, typer.Option(metavar="NAME", help="The theorem's, or the first, unless given.")] = "",
    figure_out: Annotated[
        Path | None, typer.Option("--figure", metavar="OUT", help="Draw it: .pdf, .png or .svg.")
    ] = None,
    as_json: AsJson = False,
    _papers: Papers = None,
) -> int:
    """Fitted exponents of a sweep beside a theorem's.

    Along each axis or path, by the term of the bound that leads there; intervals know noise, window and drift.  Exit
    status 1 if the theorem is contradicted.

    Example: tightrate exponents krm_sweep.nc --along K,R,'K R'
    """
    from tightrate.common.files import write_whole
    from tightrate.rates.statements.catalogue import theorem as theorem_of
    from tightrate.terminal.arguments import check_output
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.exponents import exponents_page
    from tightrate.terminal.output import console, say
    from tightrate.verify.cache.netcdf import load_dataset
    from tightrate.verify.exponents.of_sweep import exponents as exponents_of

    claimed = theorem_of(theorem) if theorem is not None else None
    if figure_out is not None:
        kind = figure_out.suffix.removeprefix(".")
        if kind not in ("pdf", "png", "svg"):
            raise TightrateError(f"--figure draws .pdf, .png or .svg, not {figure_out.name}")
        check_output(figure_out, file)
    found = exponents_of(load_dataset(file), claimed, along=along, measure=measure)
    if figure_out is not None:
        from tightrate.figures.gallery.sweep import file_of

        content = file_of(found, kind)
        write_whole(figure_out, lambda part: part.write_bytes(content))
    if as_json:
        print_json(found.as_json())
    else:
        console().print(exponents_page(found))
        if figure_out is not None:
            say(f"The figure: {figure_out}")
    return 1 if found.verdict is not None and found.verdict.status == "violated" else 0
