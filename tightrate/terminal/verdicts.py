"""Verdicts as the command line shows them: claim by claim, and counted paper by paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from tightrate.rates.formulas.inline import as_text
from tightrate.terminal.output import STATUS_STYLE, number, table
from tightrate.verify.claim import Finding, names_of
from tightrate.verify.verdict import STATUS_MEANING

MOST_SHOWN = 8  # parts of a witness that stand in the text


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
    if verdict.status not in ("confirmed", "consistent") or not finding.as_expected:
        rows.append(("found", as_text(verdict.sentence)))
    if verdict.witness is not None:
        rows.append(("witness", witness_text(verdict.witness)))
    if claim.erratum is not None:
        rows += [(name, as_text(words)) for name, words in claim.erratum.parts.items()]
    return [head, *(Padding(Text(f"{name}  {text}"), (0, 0, 0, 4)) for name, text in rows if text)]


def witness_text(witness: Mapping[str, Any]) -> str:
    """Where a claim is false, on a line or two: numbers and names; longer things are left to --json.

    >>> witness_text({"K": 4.0, "measured": 0.25, "start": [1.0] * 99, "profile": "quick", "gap": [1.0, 0.5]})
    'K = 4, measured = 0.25, start = (99 values), profile = quick, gap = (1, 0.5)'
    """
    return ", ".join(f"{name} = {_short(value)}" for name, value in witness.items())


def _short(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, Mapping):
        return f"({len(value)} entries)" if len(value) > MOST_SHOWN else f"({witness_text(value)})"
    if isinstance(value, list | tuple):
        return f"({len(value)} values)" if len(value) > MOST_SHOWN else f"({', '.join(map(_short, value))})"
    return str(value)
