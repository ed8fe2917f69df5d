"""The report: a page to look at, pages of claims, figures and proofs behind it, and all of it as data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tightrate.common.files import write_whole
from tightrate.common.json_types import as_json
from tightrate.common.processes import in_processes
from tightrate.figures.claim_page import claim_page
from tightrate.figures.figure import FIGURES, FORMATS, FigureSpec, figures_of, save, svg
from tightrate.figures.figure_page import figure_page
from tightrate.figures.output_folder import check_output_folder, publish
from tightrate.figures.proof_page import proof_page, proofs
from tightrate.figures.report_page import Picture, Report, parts, report_page
from tightrate.figures.reproduction_page import reproduction_page
from tightrate.rates.statements.bibliography import bibliography
from tightrate.verify.claim import Finding, experiments_of, judge_all
from tightrate.verify.findings_json import finding_as_json
from tightrate.verify.registry import claims_of
from tightrate.verify.session import Session

THUMBNAIL = ((640, 440), 32)  # pixels and colours at most


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
    """Write the report's pages, data and figures into a folder; returns the path of the first page, index.html.

    Beside it: claims/PAPER.html, figures.html, proofs/PAPER.html, verdicts.json, experiments.json, references.bib,
    reproduction.md and figures/.  `started` is an aware time; the wall time that the report tells runs from then until
    the figures are drawn.
    """
    pictures = _pictures(figures, session, folder)
    now = datetime.now(UTC)
    report = Report(
        tuple(findings),
        session,
        pictures,
        command,
        started.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        (now - started).total_seconds(),
    )
    pages = {"index.html": report_page(report), "figures.html": figure_page(report)}
    pages |= {f"claims/{part.id}.html": claim_page(part, report) for part in parts(findings)}
    pages |= {f"proofs/{name}.html": proof_page(name, f"claims/{name}.html" in pages) for name in proofs()}
    pages["verdicts.json"] = _json([finding_as_json(finding) for finding in findings])
    pages["experiments.json"] = _json({name: experiment_as_json(*run) for name, run in sorted(session.cached.items())})
    pages["reproduction.md"] = reproduction_page(report)
    pages["references.bib"] = bibliography()
    for name, text in pages.items():
        _write(folder / name, text)
    return folder / "index.html"


def experiment_as_json(dataset: xr.Dataset, seconds: float) -> dict[str, Any]:
    """What an experiment was given: its parameters, and the values along its axes that are numbers."""
    axes = {
        str(name): dataset[name].values
        for name in dataset.dims
        if name in dataset.coords and np.issubdtype(dataset[name].dtype, np.number)
    }
    found: dict[str, Any] = as_json(
        {"seconds": round(seconds, 3), "sizes": dict(dataset.sizes), "axes": axes, "parameters": dict(dataset.attrs)}
    )
    return found


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _pictures(specs: Sequence[FigureSpec], session: Session, folder: Path) -> list[Picture]:
    """All figures, drawn on as many processes as the session has, in the order of the files that describe them."""
    calls = [(spec.name, session.data(spec.experiment), folder) for spec in specs]
    drawn: dict[str, Picture] = {}
    session.progress("figures", 0, len(calls))
    for name, caption, files in in_processes(_drawn, calls, session.jobs):
        drawn[name] = Picture(FIGURES[name], caption, files)
        session.progress("figures", len(drawn), len(calls))
    return sorted(drawn.values(), key=lambda picture: (picture.spec.draw.__module__, picture.spec.name))


def _drawn(name: str, dataset: xr.Dataset, folder: Path) -> tuple[str, str, tuple[str, ...]]:
    """The figure's files, for one column and for two, and a thumbnail; name, caption and where the files are."""
    spec, pictures = FIGURES[name], folder / "figures"
    paths = save(spec, dataset, pictures, FORMATS)
    paths.append(pictures / f"{name}-one-column.svg")
    narrow = svg(spec, dataset, columns=1)
    write_whole(paths[-1], lambda part: part.write_bytes(narrow) and None)
    small = pictures / "thumbnails" / f"{name}.png"
    small.parent.mkdir(exist_ok=True)
    write_whole(small, partial(small_picture, pictures / f"{name}.png", *THUMBNAIL))
    return name, spec.caption_for(dataset), tuple(f"figures/{path.name}" for path in paths)


def small_picture(picture: Path, size: tuple[int, int], colors: int, target: Path) -> None:
    """A PNG of at most so many pixels and colours."""
    from PIL import Image  # matplotlib's own way to write PNG

    with Image.open(picture) as image:
        small = image.convert("RGB")
    small.thumbnail(size)
    small.quantize(colors).save(target, "PNG", optimize=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8") and None)
