"""The report as one HTML page: verdict table, figures, one section for each claim, and how it was made.

The page needs no network and no script: pictures are data in it, formulas are MathML, filters are style rules.
"""

from __future__ import annotations

import inspect
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
import xarray as xr

from tightrate.common.json_types import as_json
from tightrate.figures.figure import FigureSpec
from tightrate.figures.markup import definitions, element, evidence, exact, number, paragraphs, prose, table
from tightrate.rates.formulas.display import mathml, sum_mathml
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import paper, theorem
from tightrate.rates.statements.theorem import PROVENANCE_MEANING, Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.verify.claim import Finding, names_of
from tightrate.verify.session import Session
from tightrate.verify.sweep.run import provenance
from tightrate.verify.verdict import STATUS_MEANING, Status

RELATIONS = {"upper": ("≤", "≲"), "lower": ("≥", "≳"), "exact": ("=", "≍")}
HIDDEN = {"hidden": "up to a constant", "hidden with logs": "up to a constant and logarithms", "explicit": ""}
FEW = 6  # claims that a sentence can name
NONE = "No claim was judged."
HEADLINE = ("k-does-not-help", "fixed-point-floor", "krm-sweep")  # the figures that come first
COLUMNS = ("Claim", "Theorem", "Verdict", "Expected", "Predicted", "Measured", "Interval", "Seconds")


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


def report_page(report: Report) -> str:
    """The whole page."""
    style = files("tightrate.figures").joinpath("report.css").read_text(encoding="utf-8")
    counterexamples = "".join(element("li", text) for text in _counterexamples(report.findings))
    sections = {
        "papers": ("Paper by paper", _by_paper(report.findings)),
        "counterexamples": ("Counterexamples", element("ul", counterexamples) if counterexamples else ""),
        "verdicts": ("Verdicts", _verdicts(report)),
        "figures": ("Figures", "".join(_figure(picture, report.findings) for picture in _ordered(report.pictures))),
        "claims": ("The claims, one by one", _articles(report)),
        "making": ("How this was made", _making(report)),
    }
    present = {key: section for key, section in sections.items() if section[1]}
    links = (element("li", element("a", title, href=f"#{key}")) for key, (title, _) in present.items())
    header = element(
        "header",
        element("a", "Skip to the verdicts", href="#verdicts", class_="skip"),
        element("p", "tightrate report", class_="eyebrow"),
        element("h1", "Does the theory agree with the data?"),
        element("p", conclusion(report.findings), class_="lead"),
        element("nav", element("ul", *links), aria_label="sections"),
    )
    main = "".join(
        element("section", element("h2", title, id=f"{key}-title"), body, id=key, aria_labelledby=f"{key}-title")
        for key, (title, body) in present.items()
    )
    footer = element("footer", element("p", f"Made by tightrate {provenance()['tightrate']}.", class_="soft small"))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>tightrate report</title>"
        f"<style>\n{style}{_filter_rules(report.findings)}</style>"
    )
    body = element("body", header, element("main", main), footer)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n{body}</html>\n'


def conclusion(findings: Sequence[Finding]) -> str:
    """One sentence or two that say how the claims came out, as HTML."""
    surprising = [finding for finding in findings if not finding.as_expected]
    counts = Counter(finding.verdict.status for finding in findings)
    parts = [f"{counts[status]} {status}" for status in STATUS_MEANING if counts[status]]
    tally = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else "none judged"
    total = f"{len(findings)} claim" + ("s" if len(findings) != 1 else "")
    if surprising:
        names = ", ".join(_claim_link(finding) for finding in surprising)
        warning = element("strong", f"{len(surprising)} of {total} did not come out as expected")
        return f"{warning}: {names}. In all: {tally}."
    errata = [finding for finding in findings if finding.verdict.status == "violated"]
    false = "What is violated is known to be false: a misprint, or a belief that a counterexample refutes"
    note = f" {false}" if errata else ""
    named = f": {_links(errata)}" if 0 < len(errata) <= FEW else ""
    return f"All {total} came out as expected: {tally}.{note}{named}{'.' if note else ''}" if findings else NONE


def _by_paper(findings: Sequence[Finding]) -> str:
    """How many claims of each paper came out how."""
    statuses = _statuses(findings)
    rows = []
    for name in sorted({finding.claim.paper for finding in findings}):
        own = [finding for finding in findings if finding.claim.paper == name]
        counts = Counter(finding.verdict.status for finding in own)
        surprising = sum(not finding.as_expected for finding in own)
        alarm = element("span", str(surprising), class_="unexpected") if surprising else "0"
        source = paper(name).reference
        title = element("p", escape(f"{source.authors} ({source.year})")) + element("code", escape(name))
        cells = [str(counts[status] or "") for status in statuses]
        rows.append([title, *cells, alarm, f"{_seconds(own):.0f}"])
    columns = ("Paper", *(_capital(status) for status in statuses), "Unexpected", "Seconds")
    return table(columns, rows, label="papers", class_="papers") if rows else ""


def _seconds(findings: Sequence[Finding]) -> float:
    """What the experiments of these claims took; one that several claims share counts once."""
    return sum({names_of(one.claim) or one.claim.id: one.seconds for one in findings}.values())


def _counterexamples(findings: Sequence[Finding]) -> list[str]:
    """What the counterexamples showed, in the words of claim and verdict; refuted beliefs come last."""
    shown = [finding for finding in findings if finding.claim.kind == "counterexample" and finding.as_expected]
    return [
        f"{_badge(finding.verdict.status)} "
        + prose(f"{finding.claim.statement} {_capital(finding.verdict.sentence)}")
        + f" ({_claim_link(finding, 'details')})"
        for finding in sorted(shown, key=lambda finding: finding.verdict.status == "violated")
    ]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _links(findings: Sequence[Finding]) -> str:
    return ", ".join(_claim_link(finding) for finding in findings)


def _anchor(name: str) -> str:
    return name.replace("/", "--")


def _claim_link(finding: Finding, text: str | None = None) -> str:
    return element("a", escape(text or finding.claim.id), href=f"#claim-{_anchor(finding.claim.id)}")


def _badge(status: str) -> str:
    return element("span", escape(status), class_=f"verdict is-{status}")


def _expected(finding: Finding) -> str:
    why = " (erratum)" if finding.claim.kind == "erratum" else ""
    alarm = "" if finding.as_expected else f" {element('span', 'unexpected', class_='unexpected')}"
    return escape(finding.claim.expected) + why + alarm


def _interval(finding: Finding) -> str:
    interval = finding.verdict.interval
    return "" if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def _id(source: Theorem) -> str:
    """The id as code that may break after the paper."""
    return element("code", escape(source.id).replace("/", "/<wbr>"))


def _standing(source: Theorem) -> str:
    """On whose word a theorem stands, and how many errata it has, in a few words."""
    n = len(source.errata)
    return source.provenance.label + (f"; {n} {'erratum' if n == 1 else 'errata'}" if n else "")


def _verdicts(report: Report) -> str:
    findings = report.findings
    rows = []
    for finding in findings:
        source = finding.claim.theorem
        claim = element("p", prose(finding.claim.statement)) + _claim_link(finding)
        standing = f"{_id(source)}<br>{element('span', escape(_standing(source)), class_='soft')}"
        texts = prose(finding.verdict.predicted), prose(finding.verdict.measured), _interval(finding)
        badge = _badge(finding.verdict.status)
        rows.append([claim, standing, badge, _expected(finding), *texts, f"{finding.seconds:.1f}"])
    html = ""
    for name in sorted({finding.claim.paper for finding in findings}):
        own = [(finding, row) for finding, row in zip(findings, rows, strict=True) if finding.claim.paper == name]
        part = table(COLUMNS, [row for _, row in own], label=f"verdicts on {name}", class_="verdicts")
        for finding, _ in own:
            part = part.replace(
                '<tr role="row"><th scope="row"', f'<tr class="{_classes(finding)}" role="row"><th scope="row"', 1
            )
        own_findings = [finding for finding, _ in own]
        html += element("div", element("h3", element("code", escape(name))), part, class_=_group_classes(own_findings))
    meanings = definitions(
        {status: escape(STATUS_MEANING[status]) for status in _statuses(findings)}
        | {f"theorem {label}": escape(meaning) for label, meaning in _labels(findings).items()}
    )
    data = element("p", element("a", "The same as JSON", href="verdicts.json"), class_="small")
    return _filters(findings) + html + meanings + data


def _classes(finding: Finding) -> str:
    return f"finding is-{finding.verdict.status} of-{finding.claim.paper}"


def _group_classes(findings: Sequence[Finding]) -> str:
    """A group is shown as long as a filter leaves one of its findings."""
    return " ".join(["group", *sorted({name for finding in findings for name in _classes(finding).split()[1:]})])


def _statuses(findings: Sequence[Finding]) -> list[Status]:
    present = {finding.verdict.status for finding in findings}
    return [status for status in STATUS_MEANING if status in present]


def _labels(findings: Sequence[Finding]) -> dict[str, str]:
    """The provenance labels that occur, with their meaning."""
    present = {finding.claim.theorem.provenance.label for finding in findings}
    return {label: meaning for label, meaning in PROVENANCE_MEANING.items() if label in present}


def _groups(findings: Sequence[Finding]) -> dict[str, tuple[str, Sequence[str]]]:
    """What can be filtered by: legend, class prefix, values; only where there is a choice."""
    papers = sorted({finding.claim.paper for finding in findings})
    groups: dict[str, tuple[str, Sequence[str]]] = {"verdict": ("is", _statuses(findings)), "paper": ("of", papers)}
    return {name: group for name, group in groups.items() if len(group[1]) > 1}


def _filters(findings: Sequence[Finding]) -> str:
    html = ""
    for name, (prefix, values) in _groups(findings).items():
        choices = [f'<label><input type="radio" name="{name}" id="{prefix}-any" checked>all</label>'] + [
            f'<label><input type="radio" name="{name}" id="only-{prefix}-{value}">{escape(value)}</label>'
            for value in values
        ]
        html += element("fieldset", element("legend", f"Show by {name}"), *choices, class_="filter")
    return html


def _filter_rules(findings: Sequence[Finding]) -> str:
    return "".join(
        f"body:has(#only-{prefix}-{value}:checked) :is(.finding, .group):not(.{prefix}-{value}) {{ display: none; }}\n"
        for prefix, values in _groups(findings).values()
        for value in values
    )


def _ordered(pictures: Sequence[Picture]) -> list[Picture]:
    """The headline first, then paper by paper: a module of the gallery is named for its paper."""

    def place(picture: Picture) -> tuple[int, str, str]:
        name = picture.spec.name
        rank = HEADLINE.index(name) if name in HEADLINE else len(HEADLINE)
        return rank, picture.spec.draw.__module__, name

    return sorted(pictures, key=place)


def _figure(picture: Picture, findings: Sequence[Finding]) -> str:
    spec = picture.spec
    claims = [finding for finding in findings if spec.experiment in finding.claim.data]
    about = f" Claims on the same data: {_links(claims)}." if claims else ""
    saved = ", ".join(element("a", escape(name.rpartition("/")[2]), href=name) for name in picture.files)
    return element(
        "figure",
        element(
            "picture",
            f'<source media="(max-width: 40rem)" srcset="{_data(picture.narrow)}">',
            f'<img src="{_data(picture.wide)}" alt="{escape(f"{spec.title}. {picture.caption}")}">',
        ),
        element(
            "figcaption",
            element("p", element("strong", f"{escape(spec.title)}."), " ", prose(picture.caption)),
            element("p", f"Files: {saved}.{about}", class_="soft small"),
        ),
        id=f"figure-{spec.name}",
    )


def _data(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg).decode()}"


def _articles(report: Report) -> str:
    """Every claim, paper by paper, folded to one line each."""
    html = ""
    for name in sorted({finding.claim.paper for finding in report.findings}):
        own = [finding for finding in report.findings if finding.claim.paper == name]
        body = "".join(_article(finding, report) for finding in own)
        html += element("div", element("h3", element("code", escape(name))), body, class_=_group_classes(own))
    return html


def _article(finding: Finding, report: Report) -> str:
    claim, verdict = finding.claim, finding.verdict
    profile = "" if report.session.profile == "quick" else f" --profile {report.session.profile}"
    figures = [p.spec for p in report.pictures if p.spec.experiment in claim.data]
    parts = [
        element("h4", "Claim"),
        element("p", prose(claim.statement)),
        element(
            "p",
            element("span", f"expected: {_expected(finding)}"),
            element("span", escape(claim.kind), class_="soft"),
            element("span", f"{finding.seconds:.1f} s", class_="soft"),
            class_="status-line",
        ),
        element("p", element("strong", "Verdict."), " ", prose(_capital(verdict.sentence))),
        element("h4", "Theorem"),
        _theorem(claim.theorem_id),
        element("h4", "How it was tested"),
        paragraphs(inspect.getdoc(claim.judge) or ""),
        paragraphs("\n\n".join(experiment.description for experiment in claim.data)),
        element("h4", "Numbers"),
        evidence(_summary(finding) | dict(verdict.evidence)),
    ]
    if figures:
        links = ", ".join(element("a", escape(spec.title), href=f"#figure-{spec.name}") for spec in figures)
        parts.append(element("p", f"Figure: {links}."))
    if verdict.witness is not None:
        parts += [element("h4", "Witness"), exact(as_json(verdict.witness))]
    parts += [element("h4", "Run it again"), element("pre", escape(f"tightrate verify {claim.id}{profile}"))]
    line = element("summary", _badge(verdict.status), " ", element("code", escape(claim.id)))
    # The anchor is inside, so that a link to it unfolds the claim.
    body = element("article", *parts, id=f"claim-{_anchor(claim.id)}")
    return element("details", line, body, class_=_classes(finding))


def _summary(finding: Finding) -> dict[str, Any]:
    verdict = finding.verdict
    interval = {"interval": f"{verdict.interval[0]:.4g} to {verdict.interval[1]:.4g}"} if verdict.interval else {}
    return {"predicted": verdict.predicted, "measured": verdict.measured, **interval}


@cache
def _theorem(theorem_id: str) -> str:
    return theorem_section(theorem(theorem_id))


def theorem_section(source: Theorem) -> str:
    """What a theorem says, in formulas, and on whose word."""
    bound, origin = source.bound, source.paper.reference
    parts = [
        element("p", element("strong", prose(source.title)), f" ({_id(source)})"),
        element("p", prose(source.statement)),
        _formula(bound, {}),
    ]
    if sum_mathml(bound.expressions, source.letters) != sum_mathml(bound.expressions):
        parts += [element("p", "In the paper's letters:", class_="soft small"), _formula(bound, source.letters)]
    parts.append(_letters(source))
    if source.steps:
        steps = "".join(
            element("li", mathml(LETTERS[name].symbol), " = ", mathml(expression), class_="formula")
            for name, expression in source.steps.items()
        )
        parts += [element("p", "Prescribed steps:"), element("ul", steps)]
    facts = {
        "holds": escape(source.holds),
        "for": prose(f"{source.problem_class}; {source.iterate}"),
        "conditions": prose("; ".join(condition.text for condition in source.conditions) or "none"),
        "provenance": prose(f"{source.provenance.meaning}; {source.provenance.where}"),
        "paper": escape(f"{origin.authors}. {origin.title}. {origin.venue}, {origin.year}."),
    }
    facts |= {
        f"erratum {erratum.label}": f"{prose(erratum.text)} {element('span', prose(erratum.evidence), class_='soft')}"
        for erratum in source.errata
    }
    return "".join(parts) + definitions(facts)


def _formula(bound: Bound, letters: Mapping[str, str]) -> str:
    exactly, loosely = RELATIONS[bound.kind]
    hidden = HIDDEN[bound.constants]
    return element(
        "p",
        element("span", escape(bound.measure.meaning)),
        element("span", loosely if hidden else exactly),
        sum_mathml(bound.expressions, letters),
        element("span", hidden, class_="soft small") if hidden else "",
        class_="formula",
    )


def _letters(source: Theorem) -> str:
    """What each letter of the bound means, and what the paper calls it if not the same."""
    entries = ""
    for name in source.bound.letters:
        own = mathml(LETTERS[name].symbol)
        papers = mathml(LETTERS[name].symbol, source.letters)
        other = f" (the paper's {papers})" if papers != own else ""
        entries += element("div", element("dt", own), element("dd", prose(LETTERS[name].meaning) + other))
    return element("dl", entries, class_="letters")


def _making(report: Report) -> str:
    session = report.session
    facts = {
        "command": element("code", escape(report.command)),
        "started": escape(report.started),
        "wall time": f"{report.seconds:.0f} seconds on {session.jobs} core{'s' if session.jobs > 1 else ''}",
        "profile": escape(session.profile),
        "seed": str(session.seed),
        **{name: escape(version) for name, version in provenance().items()},
    }
    rows = []
    for name, (dataset, seconds) in sorted(session.cached.items()):
        rows.append([element("code", escape(name)), f"{seconds:.1f}", escape(_extent(dataset)), _parameters(dataset)])
    experiments = table(("Experiment", "Seconds", "Grid", "Parameters"), rows, label="experiments")
    return definitions(facts) + element("h3", "Experiments") + experiments


def _extent(dataset: xr.Dataset) -> str:
    """The dimensions of a dataset with their ranges."""
    parts = []
    for name, size in dataset.sizes.items():
        values = dataset[name].values if name in dataset.coords else None
        if values is None or not np.issubdtype(values.dtype, np.number):
            parts.append(f"{size} {name}s")
        else:
            low, high = (f"{value:.4g}".replace("inf", "∞") for value in (values.min(), values.max()))
            parts.append(f"{size} values of {name} from {low} to {high}")
    return "; ".join(parts)


def _parameters(dataset: xr.Dataset) -> str:
    """The attributes of a dataset that are parameters; those of a sweep are in its specification."""
    own = {name: value for name, value in dataset.attrs.items() if name not in provenance()}
    specification = json.loads(own.pop("sweep", "{}"))
    own.pop("title", None)
    own = {**own, **specification.pop("parameters", {}), **specification}
    for said_elsewhere in ("axes", "name", "experiment", "profile", "seed", "code"):
        own.pop(said_elsewhere, None)
    return ", ".join(f"{escape(str(name))} = {_parameter(value)}" for name, value in own.items())


def _parameter(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))
