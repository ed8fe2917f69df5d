r"""What is wrong with the bounds of a manuscript, as far as their formulas tell.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder, "notes.md")
...     _ = path.write_text(r"We get $F(x_R)-F^\star \le \frac{\|x_0-x^\star\|^2}{KR}$.")
...     found = lint(path)
>>> [(one.place.line, one.place.column, one.code) for one in found.findings]
[(1, 9, 'TR102')]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tightrate.rates.formulas.macros import Macro
from tightrate.rates.manuscripts.document import Document, Progress, read_document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.manuscript import EVERYTHING
from tightrate.rates.manuscripts.reading import read_manuscript
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.settings import Settings, read_settings
from tightrate.rates.manuscripts.statements import Unread


@dataclass(frozen=True)
class LintResult:
    """The findings in reading order, and what they were found in.

    `not_understood` are formulas that may state a bound and were not judged, with the reason.
    """

    path: Path
    findings: tuple[Finding, ...]
    document: Document
    not_understood: tuple[Unread, ...]

    @property
    def formulas(self) -> int:
        """The number of all formulas."""
        return len(self.document.manuscript.formulas)

    @property
    def bounds(self) -> int:
        """The number of bounds that were judged."""
        return sum(one.judged for one in self.document.statements)


def lint(
    path: Path,
    letters: Mapping[str, str] | None = None,
    macros: Mapping[str, Macro] | None = None,
    progress: Progress | None = None,
) -> LintResult:
    """Check every bound of a manuscript.

    Comments in it declare letters (`% tightrate: H=L`) or take codes back (`% tightrate: ignore TR201`), as does
    `tightrate.toml` beside it.  Raises TightrateError for what is no manuscript, and for declarations that are wrong.
    """
    settings = read_settings(path, RULES.names(), letters or {}, macros or {})
    document = read_document(read_manuscript(path), settings, progress)
    findings = [
        finding
        for code in RULES.names()
        for finding in RULES[code](document)
        if not _is_ignored(finding, document, settings)
    ]
    order = {file: index for index, file in enumerate(document.manuscript.files)}
    findings.sort(key=lambda one: (order.get(one.place.file, 0), one.place.line, one.place.column, one.code))
    doubts = [Unread(one.formula, one.doubt) for one in document.statements if one.doubt]
    unread = sorted((*document.unread, *doubts), key=lambda one: one.formula.at)
    return LintResult(path, tuple(dict.fromkeys(findings)), document, tuple(unread))


def _is_ignored(finding: Finding, document: Document, settings: Settings) -> bool:
    codes = {finding.code, *EVERYTHING}
    if finding.code in settings.ignored:
        return True
    if any(codes & settings.ignored_at.get(label, frozenset()) for label in finding.labels):
        return True
    return finding.number >= 0 and bool(codes & document.manuscript.formulas[finding.number].ignored)
