"""Findings of a manuscript as a compiler prints them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tightrate.rates.formulas.tokens import printable
from tightrate.rates.manuscripts.claims import claims

if TYPE_CHECKING:
    from tightrate.rates.manuscripts.lint import LintResult


def lint_lines(results: Sequence[LintResult], verbose: bool) -> Iterator[str]:
    """`file:line:column: CODE message` for each finding, what was not understood if asked for, and a summary."""
    for result in results:
        for one in result.findings:
            yield f"{printable(str(one.place))}: {one.code} {printable(one.message)}"
        for place, reason in result.document.manuscript.missing:
            yield f"{printable(str(place))}: note: {printable(reason)}"
        if verbose:
            for claim in claims(result.document):
                if claim.verdict != "refuted":
                    what = f"'{claim.labels[0]} {claim.verb} {claim.labels[1]}' is {claim.verdict}"
                    why = f": {claim.doubt}" if claim.doubt else ""
                    yield f"{printable(str(claim.place))}: note: {printable(what + why)}"
            for unread in result.not_understood:
                yield f"{printable(str(unread.formula.place))}: not understood: {printable(unread.reason)}"
    errors = sum(one.severity == "error" for result in results for one in result.findings)
    warnings = sum(len(result.findings) for result in results) - errors
    bounds, formulas, unread = (
        sum(count) for count in zip(*((r.bounds, r.formulas, len(r.not_understood)) for r in results), strict=True)
    )
    found = f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}" if errors or warnings else "no findings"
    yield f"{found} in {_counted(bounds, 'bound')}; {_counted(formulas, 'formula')}, {unread} not understood" + (
        "" if verbose or not unread else " (--verbose lists them)"
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
