r"""The formulas of a manuscript, each with its file, line and column.

LaTeX with `\input`, Markdown and text; comments, listings and code are passed over.

    >>> [(f.line, f.column, f.latex) for f in formulas("paper.md", "We have $K=1$.\n\n$$F(x)-F^* \\le LB^2/R$$")]
    [(1, 10, 'K=1'), (3, 3, 'F(x)-F^* \\le LB^2/R')]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tightrate.common.errors import TightrateError

LARGEST = 4_000_000  # characters of one file
DEEPEST = 20  # files that include one another
SUFFIXES = (".tex", ".md", ".txt", ".markdown", ".ltx")

_DISPLAYS = "equation|align|alignat|gather|multline|eqnarray|displaymath|math|flalign"
_FORMULA = re.compile(
    rf"\\begin\{{(?P<name>(?:{_DISPLAYS})\*?)\}}(?P<environment>.*?)\\end\{{(?P=name)\}}"
    r"|(?<!\\)\$\$(?P<dollars>.+?)(?<!\\)\$\$"
    r"|(?<!\\)\\\[(?P<brackets>.+?)\\\]"
    r"|(?<!\\)\\\((?P<round>.+?)\\\)"
    r"|(?<![\\$])\$(?P<inline>[^$\n]+(?:\n[^$\n]+){0,3}?)(?<!\\)\$",
    re.DOTALL,
)
_PASSED_OVER_LATEX = re.compile(r"\\begin\{(verbatim\*?|lstlisting|minted|comment)\}.*?\\end\{\1\}", re.DOTALL)
_PASSED_OVER_MARKDOWN = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`|<!--(?! *tightrate).*?-->", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"(?<!\\)%(?P<said>[^\n]*)")
_DIRECTIVE = re.compile(r"(?:%|<!--)\s*tightrate:\s*(?P<said>[^\n]*?)\s*(?:-->|$)", re.MULTILINE)
_INPUT = re.compile(r"\\(?:input|include|subfile)\{([^{}]+)\}")


@dataclass(frozen=True)
class Formula:
    """A formula as it stands in a file; `ignored` where a comment before it says so."""

    file: str
    line: int
    column: int
    latex: str
    display: bool
    ignored: bool = False


@dataclass(frozen=True)
class Manuscript:
    """What a manuscript holds: its formulas in order, the text with the author's macros, and declared letters."""

    formulas: tuple[Formula, ...]
    text: str
    letters: str


def read_manuscript(path: Path, depth: int = 0) -> Manuscript:
    """A manuscript with the files that it includes; TightrateError for what is no text or no manuscript."""
    if path.suffix.lower() not in SUFFIXES:
        raise TightrateError(f"{path} is no manuscript; lint reads {', '.join(SUFFIXES[:3])}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TightrateError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not a text file'}") from None
    if len(text) > LARGEST:
        raise TightrateError(f"{path} has {len(text)} characters; at most {LARGEST} are read")
    found = list(formulas(str(path), text))
    texts, letters = [text], declarations(text)
    if path.suffix.lower() in (".tex", ".ltx"):
        for match in _INPUT.finditer(_blank(_COMMENT, text)):
            inner = path.parent / (match[1] if Path(match[1]).suffix else f"{match[1]}.tex")
            if depth < DEEPEST and inner.exists():
                part = read_manuscript(inner, depth + 1)
                found += part.formulas
                texts.append(part.text)
                letters = [*letters, *filter(None, [part.letters])]
    return Manuscript(tuple(found), "\n".join(texts), ",".join(letters))


def declarations(text: str) -> list[str]:
    """The letters that comments declare: `% tightrate: H=L, N=M`."""
    said = (match["said"] for match in _DIRECTIVE.finditer(text))
    return [one for one in said if one != "ignore"]


def formulas(file: str, text: str) -> Iterator[Formula]:
    """The formulas of one file in order."""
    is_latex = file.lower().endswith((".tex", ".ltx"))
    ignored = [match.end() for match in _DIRECTIVE.finditer(text) if match["said"] == "ignore"]
    plain = _blank(_PASSED_OVER_LATEX, _blank(_COMMENT, text)) if is_latex else _blank(_PASSED_OVER_MARKDOWN, text)
    previous = 0
    for match in _FORMULA.finditer(plain):
        kind = match.lastgroup or ""
        start = match.start(kind)
        name = match["name"]
        latex = match.group() if name else match[kind]
        start = match.start() if name else start
        skipped = any(previous <= place <= match.start() for place in ignored)
        previous = match.end()
        yield Formula(
            file,
            plain.count("\n", 0, start) + 1,
            start - plain.rfind("\n", 0, start),
            latex,
            kind != "inline" and kind != "round",
            skipped,
        )


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """The text with what the pattern finds replaced by spaces, line by line."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
