"""Verdicts as the command line shows them: claim by claim, and counted paper by paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from tightrate.rates.formulas.inline import Letters, as_text, dollared
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.terminal.output import STATUS_STYLE, number, table
from tightrate.verify.claim import Finding, names_of
from tightrate.verify.verdict import STATUS_MEANING

MOST_SHOWN = 8  # parts of a witness that stand in the text
ACCUSED: Mapping[str, str] = {
    "erratum": ": an erratum",
    "side condition": ": a side condition that is not printed",
    "conditional": ", if the source reads so",
}


def report_card(findings: Sequence[Finding], own_letters: bool = False) -> RenderableType:
    """Claims by paper, each with its verdict, what was predicted, what was measured, and the seconds it took.

    In the letters of the alphabet, or each in those of its paper.
    """
    parts: list[RenderableType] = []
    paper = ""
    for finding in findings:
        if (belongs_to := finding.claim.paper) != paper:
            paper = belongs_to
            parts += [Text(), Text(paper, "bold")] if parts else [Text(paper, "bold")]
        parts += _finding_lines(finding, own_letters)
    return Group(*parts, Text(), summary(findings))


def summary(findings: Sequence[Finding]) -> RenderableType:
    """How many claims came out how, paper by paper, and in full those that nobody expected."""
    surprises = [finding for finding in findings if not finding.as_expected]
    closing = f"{len(surprises)} UNEXPECTED:" if surprises else "every verdict as expected."
    told = [line for finding in surprises for line in _finding_lines(finding)]
    return Group(tally(findings), Text(), Text(f"{len(findings)} claim{'s' * (len(findings) > 1)}, {closing}"), *told)


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


def _finding_lines(finding: Finding, own_letters: bool = False) -> list[RenderableType]:
    claim, verdict = finding.claim, finding.verdict
    letters = claim.theorem.letters if own_letters else None
    head = Text.assemble((claim.id, "bold"), "  ", (verdict.status, STATUS_STYLE[verdict.status]))
    if finding.as_expected:
        why = ACCUSED.get(claim.kind, "") if claim.accuses else ""
        head.append(f", as expected{why}")
    else:
        head.append(f", UNEXPECTED (expected: {claim.expected})", "bold red")
    if not claim.theorem.provenance.checked:
        head.append(" (a statement not checked against its source)", "dim")
    head.append(f"  {finding.seconds:.1f} s", "dim")
    rows = [("predicted", _typeset(verdict.predicted, letters)), ("measured", _typeset(verdict.measured, letters))]
    if verdict.status not in ("confirmed", "consistent") or not finding.as_expected:
        rows.append(("found", _typeset(verdict.sentence, letters)))
    rows += [("stands by", _typeset(verdict.allowances, letters)), ("weak", _typeset(verdict.weak, letters))]
    if verdict.witness is not None:
        rows.append(("where", witness_text(verdict.witness, letters)))
    if claim.erratum is not None:
        rows += [(name, as_text(words, letters)) for name, words in claim.erratum.parts.items()]
    told = Text(as_text(claim.told, letters), "dim")
    lines = table(("", ""), [row for row in rows if row[1]])
    return [head, Padding(told, (0, 0, 0, 4)), Padding(lines, (0, 0, 0, 4))]


FORMULAS = frozenset(("left", "right"))
SAID = frozenset(("statement", "term", "logarithms", "ratio", "grows", "why", "profile", "seed"))
"""Of a witness what the verdict's sentence says, too, or what every verdict has; --json has it."""


def _typeset(text: str, letters: Letters | None) -> str:
    return as_text(dollared(text), letters)


def witness_text(witness: Mapping[str, Any], letters: Letters | None = None) -> str:
    """Where a claim is false, on a line or two: numbers and names; longer things are left to --json.

    >>> witness_text({"K": 4.0, "measured": 0.25, "start": [1.0] * 99, "profile": "quick", "gap": [1.0, 0.5]})
    'K = 4, measured = 0.25, start = (99 values), gap = (1, 0.5)'
    >>> witness_text({"zeta_star": 0.5, "left": "L*sigma^2"})
    'ζ⋆ = 0.5, left = L σ²'
    """
    told = {name: value for name, value in witness.items() if name not in SAID and value not in (None, "", [], ())}
    return ", ".join(f"{_letter(name, letters)} = {_short(name, value, letters)}" for name, value in told.items())


def _letter(name: str, letters: Letters | None) -> str:
    return as_text(f"${name}$", letters) if name in LETTERS else name


def _short(name: str, value: Any, letters: Letters | None) -> str:
    if name in FORMULAS and isinstance(value, str):
        return as_text(f"${value.replace('*', ' ')}$", letters)
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return f"({len(value)} entries)" if len(value) > MOST_SHOWN else f"({witness_text(value, letters)})"
    if isinstance(value, list | tuple):
        shown = ", ".join(_short("", one, letters) for one in value)
        return f"({len(value)} values)" if len(value) > MOST_SHOWN else f"({shown})"
    return _typeset(str(value), letters)
