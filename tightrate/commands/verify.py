"""`tightrate verify`: judge claims and print a report card."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tightrate.common.errors import TightrateError
from tightrate.terminal.ending import telling
from tightrate.terminal.options import (
    AsJson,
    Jobs,
    OwnLetters,
    Papers,
    ProfileName,
    Seed,
    complete,
    in_own_letters_named,
    profile_named,
)

if TYPE_CHECKING:
    from tightrate.verify.session import Profile


def command(
    claims: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLAIM...", help="Claims or patterns; all if none.", autocompletion=complete("claims")),
    ] = None,
    profile: ProfileName = "quick",
    jobs: Jobs = 2,
    seed: Seed = 20240511,
    papers: Papers = None,
    power: Annotated[bool, typer.Option("--power", help="Report how many mutants are rejected.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="DIR", help="With --paper: write a page here.")] = None,
    notation: OwnLetters = "alphabet",
    as_json: AsJson = False,
) -> int:
    """Judge claims and print a report card.

    Exit status 1 if a verdict differs from the expected one.

    Example: tightrate verify 'patel2024/*'
    """
    from tightrate.rates.formulas.inline import as_text
    from tightrate.terminal.bound import bound_as_json, bound_page
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.output import console, progress, say
    from tightrate.terminal.verdicts import report_card
    from tightrate.verify.cache.result_cache import default_store
    from tightrate.verify.claim import judge_all
    from tightrate.verify.findings_json import finding_as_json
    from tightrate.verify.own_papers import claims_in, load_paper, own_paper_ids, with_formulas
    from tightrate.verify.registry import claims_of
    from tightrate.verify.session import Session

    own_letters = in_own_letters_named(notation)
    if (power and (claims or papers)) or (report is not None and not papers):
        raise TightrateError("give one of CLAIM..., --paper FILE.py and --power; --report goes with --paper")
    if power:
        return _report_power(profile_named(profile), as_json)
    if papers and not claims:
        claims = list(claims_in(*map(load_paper, papers)))
        if not claims:
            raise TightrateError(f"{papers[0]} has no claims; see the file that tightrate new-paper writes")
    chosen = claims_of(profile_named(profile), *(claims or ["*"]))
    if report is not None:
        from tightrate.figures.output_folder import check_output_folder

        check_output_folder(report)
    store = default_store()
    kept = telling(f"finished cells are kept in {store.folder}, run it again to go on") if papers else nullcontext()
    with progress() as watcher, kept:
        session = Session(profile_named(profile), seed, jobs, watcher, store)
        findings = judge_all(chosen, session)
    own = with_formulas([one for one in findings if papers and one.claim.paper in own_paper_ids()], session)
    page = None
    if report is not None:
        from tightrate.figures.own_paper_page import write_page

        page = write_page(report, own, session, papers or [])
    if as_json:
        bounds = {one.finding.claim.id: bound_as_json(one.checked) if one.checked else None for one in own}
        told = [{"bound": bounds[one.claim.id]} if one.claim.id in bounds else {} for one in findings]
        print_json([{**finding_as_json(one), **bound} for one, bound in zip(findings, told, strict=True)])
    else:
        for one in {one.theorem.id: one for one in own}.values():
            say(f"{one.theorem.id}  {as_text(one.theorem.title)}")
            console().print(bound_page(one.checked) if one.checked else f"The formula is not decided: {one.unchecked}")
            say("")
        console().print(report_card(findings, own_letters))
        if page is not None:
            say(f"The page: {page}")
    return 0 if all(finding.as_expected for finding in findings) else 1


def _report_power(profile: Profile, as_json: bool) -> int:
    """`verify --power`."""
    from tightrate.terminal.documents import print_json
    from tightrate.terminal.falsification import power_page
    from tightrate.terminal.output import console, progress
    from tightrate.verify.mutation.suite import power_as_json, power_report
    from tightrate.verify.session import Session

    with progress() as watcher:
        report = power_report(profile, Session(progress=watcher))
    if as_json:
        print_json(power_as_json(report))
    else:
        console().print(power_page(report))
    return 0 if report.passed else 1
