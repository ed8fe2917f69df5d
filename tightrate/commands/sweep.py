"""`tightrate sweep`: run a sweep described in a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tightrate.common.errors import TightrateError
from tightrate.terminal.ending import telling
from tightrate.terminal.options import Jobs, Limit, Papers, ProblemFile


def command(
    specification: Annotated[Path, typer.Argument(metavar="SPEC.toml")],
    out: Annotated[Path | None, typer.Option(help="netCDF file for the results; SPEC.nc here by default.")] = None,
    jobs: Jobs = 1,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run on this Dask cluster.")] = None,
    problem_file: ProblemFile = None,
    limit: Limit = "24",
    _papers: Papers = None,
) -> None:
    """Run a sweep described in a TOML file.

    Labelled results are saved in the current folder; run it again to go on after a stop.  Every finished cell is kept
    in OUT.cells, from where the same sweep, or a larger one, takes it.

    Example: tightrate sweep examples/krm_sweep.toml --jobs 2
    """
    from tightrate.common.files import keeps_files
    from tightrate.terminal.arguments import check_output, own_problem, read_limit
    from tightrate.terminal.exponents import exponents_page
    from tightrate.terminal.live_sweep import live, summary
    from tightrate.terminal.output import console, say
    from tightrate.verify.cache.netcdf import save_dataset
    from tightrate.verify.exponents.of_sweep import exponents as exponents_of
    from tightrate.verify.sweep.run import CellStore, read_sweep, run_sweep

    hours = read_limit(limit)
    described = read_sweep(specification, problem=None if problem_file is None else own_problem(problem_file))
    target = Path(f"{specification.stem}.nc") if out is None else out
    check_output(target, specification, problem_file)
    store = CellStore(target.with_name(f"{target.name}.cells")) if keeps_files(target) else None
    if store is not None:
        check_output(store.path("probe"))
    kept = "nothing is kept" if store is None else f"finished cells are kept in {store.folder}, run it again to go on"
    with telling(kept), live(described) as shown:
        dataset = run_sweep(
            described,
            jobs=jobs,
            scheduler=scheduler,
            store=store,
            progress=shown.progress,
            watch=shown.watch,
            hours=hours,
        )
    save_dataset(dataset, target)
    for note in dataset.attrs.get("notes", ()):
        say(f"note: {note}")
    if store is None:
        say(f"{summary(dataset)}; results in {target}")
    else:
        told = summary(dataset, kept=store.found, damaged=store.damaged)
        say(f"{told}; results in {target}, cells in {store.folder}")
    try:
        page = exponents_page(exponents_of(dataset))
    except TightrateError as reason:
        say(f"no exponents: {reason}")
    else:
        say("")
        console().print(page)
