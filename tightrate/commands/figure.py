"""`tightrate figure`: draw figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.files import is_regular
from tightrate.terminal.options import (
    Folder,
    Jobs,
    OwnLetters,
    Papers,
    ProfileName,
    complete,
    in_own_letters_named,
    profile_named,
    whole_number,
)

if TYPE_CHECKING:
    from tightrate.figures.style import Columns, Family, Notation


FAMILIES = ("serif", "sans")


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...",
            help="Figures or patterns; if none, those of --paper, or all.",
            autocompletion=complete("figures"),
        ),
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", metavar="FILE", help="Draw from a results file.")] = None,
    out: Folder = Path("figures-out"),
    formats: Annotated[str, typer.Option("--format", help="Any of pdf,png,svg.")] = "pdf,png",
    columns: Annotated[
        int, typer.Option(parser=whole_number("columns", 1, 2), metavar="1|2", help="Columns of a paper.")
    ] = 2,
    family: Annotated[str, typer.Option(help="Type: serif or sans.")] = "serif",
    notation: OwnLetters = "alphabet",
    profile: ProfileName = "quick",
    jobs: Jobs = 2,
    check: Annotated[bool, typer.Option("--check", help="Only say which figures in the folder are stale.")] = False,
    papers: Papers = None,
) -> int:
    """Draw figures.

    The data behind each are saved beside it; kept results are used if the same code made them.

    With --check nothing is drawn: exit status 1 if a figure in the folder is stale against its data or the code.

    Example: tightrate figure k-does-not-help --format pdf,svg --columns 1
    """
    from tightrate.figures.figure import FIGURES, FORMATS, Look, figures_in, save, staleness
    from tightrate.terminal.arguments import check_output
    from tightrate.terminal.output import progress, say
    from tightrate.verify.cache.netcdf import load_dataset
    from tightrate.verify.cache.result_cache import default_store
    from tightrate.verify.own_papers import load_paper
    from tightrate.verify.session import Session

    chosen = FIGURES.match(*(names or (figures_in(*map(load_paper, papers)) if papers else ["*"])))
    if not chosen:
        raise TightrateError(
            f"{papers[0] if papers else ''} has no figures of its own (@tr.figure): verify --report DIR draws its"
            " trials, and figures of the gallery are drawn by their names"
        )
    kinds = tuple(dict.fromkeys(part.strip() for part in formats.split(",")))
    for kind in kinds:
        if kind not in FORMATS:
            raise unknown_name("format", kind, FORMATS)
    if family not in FAMILIES:
        raise unknown_name("family", family, FAMILIES)
    in_own_letters_named(notation)
    if source is not None and (len(chosen) != 1 or check):
        raise TightrateError("--from draws one figure from one file: name exactly one figure, without --check")
    if check:
        present = [name for name in chosen if names or is_regular(out / f"{name}.nc")]
        if not present:
            raise TightrateError(f"{out} holds no figure; give the folder with --out")
        stale = {name: why for name in present if (why := staleness(FIGURES[name], out)) is not None}
        for name in present:
            say(f"{name}: {'stale: ' + stale[name] if name in stale else 'up to date'}")
        return 1 if stale else 0
    given = None if source is None else load_dataset(source)  # before a folder is made for what it draws
    look = Look(cast("Columns", columns), cast("Family", family), cast("Notation", notation))
    for name in chosen:
        for ending in ("nc", *kinds):
            check_output(out / f"{name}.{ending}", source)
    told: list[str] = []
    with progress() as watcher:
        session = Session(profile_named(profile), jobs=jobs, progress=watcher, store=default_store(), reuse=True)
        if source is None:
            session.prepare([FIGURES[name].experiment for name in chosen])
        for name in chosen:
            spec = FIGURES[name]
            dataset = session.result(spec.experiment)[0] if given is None else given
            if (drawing := spec.drawing(dataset)) is not spec:
                axes = ", ".join(map(str, dataset.dims))
                told.append(
                    f"note: {name} draws a sweep of its own; this one, over {axes}, is drawn as by the figure sweep"
                )
                spec = drawing
            told += map(str, save(spec, dataset, out, kinds, look))
            if notation == "paper" and not spec.letters_of:
                told.append(f"note: {name} speaks of no single paper: it is drawn in the alphabet's letters")
    for line in told:
        say(line)
    return 0
