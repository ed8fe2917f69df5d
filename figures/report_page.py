"""The report's first page: what was found, the misprints, a table to search, all figures, and how it was made.

It needs no network; formulas are MathML, pictures are files beside it.  A script of a few lines narrows the table
while one types; without it the page reads the same.
"""

from __future__ import annotations

import inspect
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tightrate.figures.figure import FigureSpec
from tightrate.figures.html import page
from tightrate.rates.formulas.latex_sentence import GREEK
from tightrate.rates.papers.patel2024.local_steps_do_not_help import hard_cosine
from tightrate.rates.statements.bibliography import Reference
from tightrate.rates.statements.catalogue import paper, theorems
from tightrate.rates.statements.theorem import CERTAINTY_MEANING, PROVENANCE_MEANING, Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.verify.claim import Claim, Finding
from tightrate.verify.session import Session
from tightrate.verify.sweep.run import provenance
from tightrate.verify.verdict import STATUS_MEANING, Status

STORY = {  # what the first screens tell, each from one claim and its figure
    "help": ("patel2024/k-does-not-help", "k-does-not-help"),
    "floor": ("patel2024/sharp-discrepancy", "fixed-point-floor"),
    "rates": ("patel2024/krm-exponents", "krm-sweep"),
}


COUNTED: Mapping[Status, str] = {  # the words for verdicts before these are explained
    "confirmed": "proved or exact",
    "consistent": "agree with the data",
    "violated": "shown false",
    "inconclusive": "undecided",
    "not-applicable": "not applicable",
    "error": "failed to run",
}
PRINTED = "False in print"
UNSTATED = "True under a condition that is not printed"
IF_READ_SO = "False if it is read as said here"
SPELLED_OUT = {"Prop.": "Proposition", "Thm.": "Theorem", "App.": "Appendix", "Sec.": "Section"}


@dataclass(frozen=True)
class Picture:
    """A figure in the report: its caption filled in, and its files beside the page."""

    spec: FigureSpec
    caption: str
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
    """One paper's findings in the order of its statements."""

    id: str
    reference: Reference
    findings: Sequence[Finding]

    @property
    def name(self) -> str:
        """Authors and year, short enough for a heading."""
        people = self.reference.authors.split(", ")
        shown = people[0] + (" et al." if len(people) > 2 else f" and {people[1]}" if len(people) == 2 else "")
        return f"{shown} {self.reference.year}"

    @property
    def by_theorem(self) -> Sequence[tuple[Theorem, Sequence[Finding]]]:
        """The findings on each statement."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.claim.theorem_id, []).append(finding)
        return [(group[0].claim.theorem, group) for group in found.values()]


def report_page(report: Report) -> str:
    """The first page."""
    findings = report.findings
    return page(
        "report.html",
        **summarized(findings),
        story=_story(report),
        cosine=hard_cosine(),
        papers=parts(findings),
        counts=_counts(report),
        meanings=_meanings(findings),
        misprints=misprints(findings),
        certainty=CERTAINTY_MEANING,
        beliefs=beliefs(findings),
        exact=[one for one in findings if one.claim.id.endswith("-exact-worst-case") and closeness(one)],
        exact_facts=[one for one in findings if "exact_minimax" in one.claim.asserted.__module__],
        pictures=report.pictures,
        row_words=row_words,
        closeness=closeness,
        place=place,
        making=_making(report),
    )


def summarized(findings: Sequence[Finding]) -> dict[str, Any]:
    """What the first sentence needs."""
    counts = Counter(finding.verdict.status for finding in findings)
    told = [f"{counts[status]} {words}" for status, words in COUNTED.items() if counts[status]]
    return {
        "findings": findings,
        "surprising": [finding for finding in findings if not finding.as_expected],
        "violated": [finding for finding in findings if finding.verdict.status == "violated"],
        "tally": " and ".join(filter(None, (", ".join(told[:-1]), told[-1]))) if told else "none judged",
        "total": f"{len(findings)} claim" + ("s" if len(findings) != 1 else ""),
    }


def parts(findings: Sequence[Finding]) -> list[PaperPart]:
    """The findings paper by paper, in the order of its statements; those not checked against their source come last."""
    ordered = sorted(theorems(), key=lambda theorem: not theorem.provenance.checked)
    order = {theorem.id: number for number, theorem in enumerate(ordered)}
    ranked = sorted(findings, key=lambda finding: (order.get(finding.claim.theorem_id, len(order)), finding.claim.id))
    return [
        PaperPart(name, paper(name).reference, [finding for finding in ranked if finding.claim.paper == name])
        for name in sorted({finding.claim.paper for finding in findings})
    ]


def misprints(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Printed statements that were shown false, under what a reader should make of them."""
    groups = {
        "misprint": PRINTED,
        "error": PRINTED,
        "gap": PRINTED,
        "side condition": UNSTATED,
        "conditional": IF_READ_SO,
    }
    found: dict[str, list[Finding]] = {title: [] for title in (PRINTED, UNSTATED, IF_READ_SO)}
    for one in findings:
        if one.verdict.status == "violated" and one.claim.erratum is not None:
            found[groups.get(one.claim.erratum.kind, IF_READ_SO)].append(one)
    return {title: group for title, group in found.items() if group}


def beliefs(findings: Sequence[Finding]) -> list[Finding]:
    """Other statements that were shown false."""
    return [one for one in findings if one.claim.erratum is None and one.verdict.status == "violated"]


def place(theorem: Theorem) -> str:
    """Where the statement stands in its paper, spelled out, without what a comma or a semicolon adds.

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> place(theorem("khaled2025/thm3")), place(theorem("patel2024/prop13"))
    ('Theorem 3', 'Proposition 13')
    """
    where = re.match(r"(?:\([^)]*\)|[^,;(])*", theorem.provenance.where)[0].strip()  # type: ignore[index]
    for short, word in SPELLED_OUT.items():
        where = where.replace(short, word)
    return where[:1].upper() + where[1:]


def closeness(finding: Finding) -> float | None:
    """How much of the bound was used at the closest point, 1 where it is attained; None where nothing says so.

    For an upper bound that is measured / bound at its largest, for a lower one bound / measured.
    """
    found = [value for value in _closest(finding.verdict.evidence) if math.isfinite(value) and value > 0]
    return max(found) if found and finding.verdict.status == "consistent" else None


def _closest(evidence: Mapping[str, Any]) -> Iterator[float]:
    for name, value in evidence.items():
        if isinstance(value, Mapping):
            yield from _closest(value)
        elif name == "largest measured / bound" and value is not None:
            yield float(value)
        elif name == "smallest measured / bound" and value:
            yield 1 / float(value)


def row_words(finding: Finding) -> str:
    """What a search finds a row by, besides the words in it."""
    claim = finding.claim
    symbols = " ".join(claim.theorem.bound.letters)
    return f"{claim.id} {claim.theorem_id} {claim.kind} {finding.verdict.status} {claim.theorem.title} {symbols}"


def procedure_of(claim: Claim) -> list[str]:
    """How a claim is tested, in paragraphs: what is asserted, and what is run."""
    texts = [inspect.getdoc(claim.asserted) or "", *(run.description for run in claim.data)]
    texts = [NAME_OF_A_VARIABLE.sub(lambda found: _in_words(found[1]), text) for text in texts]
    return [" ".join(part.split()) for text in texts for part in re.split(r"\n\s*\n", text) if part.strip()]


def _in_words(name: str) -> str:
    """The name of a variable as words, letters among them typeset."""
    if name in LETTERS:
        return f"${name}$"
    return " ".join(f"${word}$" if word in LETTERS or word in GREEK else word for word in name.split("_"))


NAME_OF_A_VARIABLE = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)*)`")


def _story(report: Report) -> dict[str, tuple[Finding, Picture]]:
    """The findings that the first screens tell, where they came out as expected and their figure is there."""
    findings = {one.claim.id: one for one in report.findings if one.as_expected}
    pictures = {picture.spec.name: picture for picture in report.pictures}
    return {
        part: (findings[claim], pictures[figure])
        for part, (claim, figure) in STORY.items()
        if claim in findings and figure in pictures
    }


def _counts(report: Report) -> list[tuple[int | str, str, str]]:
    """The strip of counts: a number, what it counts, and what to search for."""
    findings = report.findings
    counted = Counter(finding.verdict.status for finding in findings)
    papers = len({finding.claim.paper for finding in findings})
    source = f"{papers} papers" if papers != 1 else "one paper"
    strip: list[tuple[int | str, str, str]] = [(len(findings), f"statements tested, from {source}", "")]
    strip += [(counted[status], words, status) for status, words in COUNTED.items() if counted[status]]
    strip.append((sum(not one.as_expected for one in findings), "surprises", "unexpected"))
    return strip


def _meanings(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """The words for verdicts and sources that occur, with their meaning."""
    statuses: list[Status] = [one for one in STATUS_MEANING if one in {each.verdict.status for each in findings}]
    labels = {finding.claim.theorem.provenance.label for finding in findings}
    told = [(str(status), STATUS_MEANING[status]) for status in statuses]
    return told + [(label, text) for label, text in PROVENANCE_MEANING.items() if label in labels]


def _making(report: Report) -> list[tuple[str, Any]]:
    session = report.session
    return [
        ("command", Markup("<code>{}</code>").format(report.command)),
        ("started", report.started),
        ("wall time", f"{report.seconds:.0f} seconds on {session.jobs} core{'s' if session.jobs > 1 else ''}"),
        ("profile", session.profile),
        ("seed", str(session.seed)),
        ("experiments", str(len(session.cached))),
        *provenance().items(),
    ]
