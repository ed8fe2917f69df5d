"""Verdicts as the command line shows them: claim by claim, and counted paper by paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from tightrate.rates.formulas.inline import as_text
from tightrate.terminal.output import STATUS_STYLE, table
from tightrate.verify.claim import Finding, names_of
from tightrate.verify.verdict import STATUS_MEANING


def report_card(findings: Sequence[Finding]) -> RenderableType:
    """Claims by paper, each with its verdict, what was predicted, what was measured, and the seconds it took."""
    parts: list[RenderableType] = []
    paper = ""
    for finding in findings:
        if (belongs_to := finding.claim.paper) != paper:
            paper = belongs_to
            parts += [Text(), Text(paper, "bold")] if parts else [Text(paper, "bold")]
        parts += _finding_lines(finding)
    unexpected = [finding.claim.id for finding in findings if not finding.as_expected]
    closing = f"unexpected: {', '.join(unexpected)}." if unexpected else "every verdict as expected."
    return Group(*parts, Text(), tally(findings), Text(), Text(f"{len(findings)} claims, {closing}"))


def _apart(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Findings by paper, those about statements that were not checked against their source apart and last."""
    groups: dict[tuple[bool, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.claim.theorem.provenance.checked, finding.claim.paper), []).append(finding)
    ordered = sorted(groups.items(), key=lambda item: not item[0][0])
    return [(paper if checked else f"{paper}, not checked", own) for (checked, paper), own in ordered]


def tally(findings: Sequence[Finding]) -> RenderableType:
    """How many claims of each paper came out how, and the seconds that its experiments took.

    Claims about statements that were not checked against their source are counted apart.
    """
    statuses = [status for status in STATUS_MEANING if any(f.verdict.status == status for f in findings)]
    rows = []
    for name, own in _apart(findings):
        counts = Counter(finding.verdict.status for finding in own)
        seconds = sum({names_of(finding.claim): finding.seconds for finding in own}.values())
        rows.append([name, *(str(counts[status] or "") for status in statuses), f"{seconds:.1f}"])
    return table(("paper", *statuses, "seconds"), rows, right=1)


def _finding_lines(finding: Finding) -> list[RenderableType]:
    claim, verdict = finding.claim, finding.verdict
    style = STATUS_STYLE[verdict.status]
    head = Text.assemble(
        ("✓ " if finding.as_expected else "✗ ", "green" if finding.as_expected else "bold red"),
        (claim.id, "bold"),
        "  ",
        (verdict.status, style),
    )
    if not finding.as_expected:
        head.append(f" (EXPECTED {claim.expected})", "bold red")
    elif claim.accuses:
        head.append(f" (expected: {'an erratum' if claim.kind == 'erratum' else f'a {claim.kind}'})")
    if not claim.theorem.provenance.checked:
        head.append(" (a statement not checked against its source)", "dim")
    head.append(f"  {finding.seconds:.1f} s", "dim")
    measured = verdict.measured
    if verdict.interval is not None:
        low, high = verdict.interval
        measured += f"  (interval of the slowest [{low:.3f}, {high:.3f}])"
    rows = [("predicted", verdict.predicted), ("measured", measured)]
    if claim.erratum is not None:
        rows += [(name, as_text(words)) for name, words in claim.erratum.parts.items()]
    return [head, *(Padding(Text(f"{name}  {text}"), (0, 0, 0, 4)) for name, text in rows)]
