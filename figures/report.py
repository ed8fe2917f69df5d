"""The report: one self-contained page to look at, with its figures, verdicts as JSON and a reproduction page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tightrate.figures.figure import FORMATS, FigureSpec, figures_of, save, svg
from tightrate.figures.output_folder import check_output_folder, publish
from tightrate.figures.report_page import Picture, Report, report_page
from tightrate.figures.reproduction_page import reproduction_page
from tightrate.verify.cache.netcdf import write_whole
from tightrate.verify.claim import Finding, experiments_of, judge_all
from tightrate.verify.findings_json import finding_as_json
from tightrate.verify.registry import claims_of
from tightrate.verify.session import Session


def reproduce(out: Path, session: Session) -> tuple[Finding, ...]:
    """Judge every claim, draw every figure and publish the report in `out`; returns the findings.

    The folder is checked before anything runs, and replaced only by a complete report.
    """
    started = datetime.now(UTC)
    check_output_folder(out)
    specs = figures_of(session.profile)
    claims = claims_of(session.profile, "*")
    session.prepare(list(experiments_of(claims)) + [spec.experiment for spec in specs])
    findings = judge_all(claims, session)
    command = " ".join(["tightrate reproduce", *_options(session), f"--out {out}"])
    publish(lambda folder: write_report(folder, findings, session, specs, command=command, started=started), out)
    return findings


def _options(session: Session) -> list[str]:
    """The options that differ from the defaults."""
    default = Session()
    profile = [f"--profile {session.profile}"] if session.profile != default.profile else []
    return profile + ([f"--seed {session.seed}"] if session.seed != default.seed else [])


def write_report(
    folder: Path,
    findings: Sequence[Finding],
    session: Session,
    figures: Sequence[FigureSpec],
    *,
    command: str,
    started: datetime,
) -> Path:
    """Write index.html, verdicts.json, reproduction.md and figures/ into a folder; returns the path of the page.

    `started` is an aware time; the wall time that the report tells runs from then until the figures are drawn.
    """
    pictures: list[Picture] = []
    for spec in figures:
        session.progress("figures", len(pictures), len(figures))
        pictures.append(_picture(spec, session, folder))
    session.progress("figures", len(pictures), len(figures))
    now = datetime.now(UTC)
    report = Report(
        tuple(findings),
        session,
        pictures,
        command,
        started.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        (now - started).total_seconds(),
    )
    verdicts = json.dumps([finding_as_json(finding) for finding in findings], indent=2, ensure_ascii=False)
    _write(folder / "verdicts.json", verdicts + "\n")
    _write(folder / "reproduction.md", reproduction_page(report))
    page = folder / "index.html"
    _write(page, report_page(report))
    return page


def _picture(spec: FigureSpec, session: Session, folder: Path) -> Picture:
    dataset, _ = session.result(spec.experiment)
    paths = save(spec, dataset, folder / "figures", FORMATS)
    wide = next(path for path in paths if path.suffix == ".svg").read_bytes()
    files = tuple(f"figures/{path.name}" for path in paths)
    return Picture(spec, spec.caption_for(dataset), wide, svg(spec, dataset, columns=1), files)


def _write(path: Path, text: str) -> None:
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8") and None)
