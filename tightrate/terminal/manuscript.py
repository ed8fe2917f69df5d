"""Findings of a manuscript as a compiler prints them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tightrate.rates.manuscripts.lint import LintResult


def lint_lines(results: Sequence[LintResult], verbose: bool) -> Iterator[str]:
    """`file:line:column: CODE message` for each finding, what was not understood if asked for, and a summary."""
    for result in results:
        for one in result.findings:
            yield f"{one.file}:{one.line}:{one.column}: {one.code} {one.message}"
        if verbose:
            for formula, reason in result.not_understood:
                yield f"{formula.file}:{formula.line}:{formula.column}: not understood: {reason}"
    findings = sum(len(result.findings) for result in results)
    formulas, bounds, unread = (
        sum(count) for count in zip(*((r.formulas, r.bounds, len(r.not_understood)) for r in results), strict=True)
    )
    yield f"{findings} findings in {bounds} bounds; {formulas} formulas, {unread} of them not understood (--verbose)"
