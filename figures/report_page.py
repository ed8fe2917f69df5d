"""The report as one HTML page: verdict table, figures, one section for each claim, and how it was made.

The page needs no network and no script: pictures are data in it, formulas are MathML, filters are style rules.
"""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup

from tightrate.figures.figure import FigureSpec
from tightrate.figures.html import page
from tightrate.rates.statements.bibliography import Reference
from tightrate.rates.statements.catalogue import paper
from tightrate.rates.statements.theorem import PROVENANCE_MEANING
from tightrate.verify.claim import Claim, Finding, names_of
from tightrate.verify.session import Session
from tightrate.verify.sweep.run import provenance
from tightrate.verify.verdict import STATUS_MEANING, Status

HEADLINE = ("k-does-not-help", "fixed-point-floor", "krm-sweep")  # the figures that come first
SECTIONS = {
    "papers": "Paper by paper",
    "counterexamples": "Counterexamples",
    "verdicts": "Verdicts",
    "figures": "Figures",
    "claims": "The claims, one by one",
    "making": "How this was made",
}


@dataclass(frozen=True)
class Picture:
    """A figure in the report: its caption filled in, SVG for wide and narrow screens, and its files beside the page."""

    spec: FigureSpec
    caption: str
    wide: bytes
    narrow: bytes
    files: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What a report tells: findings, the session that made them, pictures, and how and when it was made."""

    findings: Sequence[Finding]
    session: Session
    pictures: Sequence[Picture]
    command: str
    started: str
    seconds: float


@dataclass(frozen=True)
class PaperPart:
    """One paper's findings, counted."""

    id: str
    reference: Reference
    findings: Sequence[Finding]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many findings have each status."""
        return Counter(finding.verdict.status for finding in self.findings)

    @property
    def unexpected(self) -> int:
        """How many came out otherwise than expected."""
        return sum(not finding.as_expected for finding in self.findings)

    @property
    def seconds(self) -> float:
        """What the experiments took; one that several claims share counts once."""
        return sum({names_of(one.claim) or one.claim.id: one.seconds for one in self.findings}.values())

    @property
    def classes(self) -> str:
        """The part is shown as long as a filter leaves one of its findings."""
        names = {name for finding in self.findings for name in classes(finding).split()[1:]}
        return " ".join(["group", *sorted(names)])


def report_page(report: Report) -> str:
    """The whole page."""
    findings = report.findings
    pictures = sorted(report.pictures, key=_place)
    papers = parts(findings)
    present = {
        "papers": papers,
        "counterexamples": counterexamples(findings),
        "verdicts": findings,
        "figures": pictures,
        "claims": findings,
        "making": True,
    }
    groups = _groups(findings)
    return page(
        "report.html",
        sections={key: title for key, title in SECTIONS.items() if present[key]},
        **summarized(findings),
        papers=papers,
        statuses=_statuses(findings),
        counterexamples=counterexamples(findings),
        filters=groups,
        filter_rules=_filter_rules(groups),
        classes=classes,
        pictures=pictures,
        claims_on=lambda spec: [finding for finding in findings if spec.experiment in finding.claim.data],
        pictures_of=lambda finding: [one.spec for one in pictures if one.spec.experiment in finding.claim.data],
        procedure=lambda finding: procedure_of(finding.claim),
        meanings=_meanings(findings),
        profile_option="" if report.session.profile == "quick" else f" --profile {report.session.profile}",
        making=_making(report),
        experiments=_experiments(report.session),
        version=provenance()["tightrate"],
    )


def conclusion(findings: Sequence[Finding]) -> str:
    """One sentence or two that say how the claims came out, as HTML."""
    return page("conclusion.html", **summarized(findings))


def summarized(findings: Sequence[Finding]) -> dict[str, Any]:
    """What the first sentence needs."""
    counts = Counter(finding.verdict.status for finding in findings)
    told = [f"{counts[status]} {status}" for status in STATUS_MEANING if counts[status]]
    return {
        "findings": findings,
        "surprising": [finding for finding in findings if not finding.as_expected],
        "violated": [finding for finding in findings if finding.verdict.status == "violated"],
        "tally": " and ".join(filter(None, (", ".join(told[:-1]), told[-1]))) if told else "none judged",
        "total": f"{len(findings)} claim" + ("s" if len(findings) != 1 else ""),
    }


def parts(findings: Sequence[Finding]) -> list[PaperPart]:
    """The findings paper by paper."""
    return [
        PaperPart(name, paper(name).reference, [finding for finding in findings if finding.claim.paper == name])
        for name in sorted({finding.claim.paper for finding in findings})
    ]


def counterexamples(findings: Sequence[Finding]) -> list[Finding]:
    """What the counterexamples showed; refuted beliefs come last."""
    shown = [finding for finding in findings if finding.claim.kind == "counterexample" and finding.as_expected]
    return sorted(shown, key=lambda finding: finding.verdict.status == "violated")


def procedure_of(claim: Claim) -> list[str]:
    """How a claim is tested, in paragraphs: what is asserted, and what is run."""
    texts = [inspect.getdoc(claim.asserted) or "", *(run.description for run in claim.data)]
    return [" ".join(part.split()) for text in texts for part in re.split(r"\n\s*\n", text) if part.strip()]


def classes(finding: Finding) -> str:
    """The classes by which the filters know a finding."""
    return f"finding is-{finding.verdict.status} of-{finding.claim.paper}"


def _statuses(findings: Sequence[Finding]) -> list[Status]:
    present = {finding.verdict.status for finding in findings}
    return [status for status in STATUS_MEANING if status in present]


def _meanings(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """The words for verdicts and provenance that occur, with their meaning."""
    labels = {finding.claim.theorem.provenance.label for finding in findings}
    told = [(str(status), STATUS_MEANING[status]) for status in _statuses(findings)]
    return told + [(f"theorem {label}", text) for label, text in PROVENANCE_MEANING.items() if label in labels]


@dataclass(frozen=True)
class FilterGroup:
    """Something to filter by: its name, the prefix of its classes, the values."""

    name: str
    prefix: str
    choices: Sequence[str]


def _groups(findings: Sequence[Finding]) -> list[FilterGroup]:
    """What can be filtered by, where there is a choice."""
    papers = sorted({finding.claim.paper for finding in findings})
    groups = [FilterGroup("verdict", "is", _statuses(findings)), FilterGroup("paper", "of", papers)]
    return [group for group in groups if len(group.choices) > 1]


def _filter_rules(groups: Sequence[FilterGroup]) -> Markup:
    return Markup("").join(
        Markup("body:has(#only-{0}-{1}:checked) :is(.finding, .group):not(.{0}-{1}) {{ display: none; }}\n").format(
            group.prefix, value
        )
        for group in groups
        for value in group.choices
    )


def _place(picture: Picture) -> tuple[int, str, str]:
    """The headline first, then paper by paper: a module of the gallery is named for its paper."""
    name = picture.spec.name
    rank = HEADLINE.index(name) if name in HEADLINE else len(HEADLINE)
    return rank, picture.spec.draw.__module__, name


def _making(report: Report) -> list[tuple[str, Any]]:
    session = report.session
    return [
        ("command", Markup("<code>{}</code>").format(report.command)),
        ("started", report.started),
        ("wall time", f"{report.seconds:.0f} seconds on {session.jobs} core{'s' if session.jobs > 1 else ''}"),
        ("profile", session.profile),
        ("seed", str(session.seed)),
        *provenance().items(),
    ]


def _experiments(session: Session) -> list[list[Any]]:
    return [
        [Markup("<code>{}</code>").format(name), f"{seconds:.1f}", _extent(dataset), _parameters(dataset)]
        for name, (dataset, seconds) in sorted(session.cached.items())
    ]


def _extent(dataset: xr.Dataset) -> str:
    """The dimensions of a dataset with their ranges."""
    told = []
    for name, size in dataset.sizes.items():
        values = dataset[name].values if name in dataset.coords else None
        if values is None or not np.issubdtype(values.dtype, np.number):
            told.append(f"{size} {name}s")
        else:
            low, high = (f"{value:.4g}".replace("inf", "∞") for value in (values.min(), values.max()))
            told.append(f"{size} values of {name} from {low} to {high}")
    return "; ".join(told)


def _parameters(dataset: xr.Dataset) -> Markup:
    """The attributes of a dataset that are parameters; those of a sweep are in its specification."""
    own = {str(name): value for name, value in dataset.attrs.items() if name not in provenance()}
    specification = json.loads(own.pop("sweep", "{}"))
    own.pop("title", None)
    own = {**own, **specification.pop("parameters", {}), **specification}
    for said_elsewhere in ("axes", "name", "experiment", "profile", "seed", "code"):
        own.pop(said_elsewhere, None)
    shown = (
        f"{name} = {value:.6g}" if isinstance(value, float) else f"{name} = {value}" for name, value in own.items()
    )
    return Markup(", ").join(shown)
