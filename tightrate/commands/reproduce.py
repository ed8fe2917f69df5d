"""`tightrate reproduce`: judge every claim, draw every figure, write a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tightrate.terminal.options import Folder, Jobs, Papers, ProfileName, Seed, profile_named


def command(
    profile: ProfileName = "quick",
    out: Folder = Path("report"),
    jobs: Jobs = 2,
    seed: Seed = 20240511,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print every verdict, not the summary only.")
    ] = False,
    _papers: Papers = None,
) -> int:
    """Judge every claim, draw every figure, write a report.

    Example: tightrate reproduce --profile full --out report
    """
    from tightrate.figures.report import reproduce as make_report
    from tightrate.terminal.output import console, progress, say
    from tightrate.terminal.verdicts import report_card, summary
    from tightrate.verify.cache.result_cache import default_store
    from tightrate.verify.session import Session

    with progress() as watcher:
        session = Session(profile_named(profile), seed, jobs, watcher, default_store())
        findings = make_report(out, session)
    console().print((report_card if verbose else summary)(findings))
    say("")
    say(f"The report: {out / 'index.html'}")
    return 0 if all(finding.as_expected for finding in findings) else 1
