r"""LaTeX manuscripts, read for their formulas, labels, references and tables.

This is no TeX: only what a reader sees as a formula, a table, a theorem or a reference is told apart from prose, in
one pass, and whatever is malformed costs at most itself.  Comments, listings and definitions of macros are passed
over.

Why no parser of a library: that of pylatexenc (2.11) writes no macros out, so that `\be ... \ee` hides a formula; with
it, one dollar sign or brace that is not closed swallows the rest of the manuscript; and 400 kB take it fifteen times as
long (2.5 s).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tightrate.rates.formulas.macros import definitions
from tightrate.rates.manuscripts.directives import directive
from tightrate.rates.manuscripts.manuscript import Block, Builder, Declaration, Label, Place, Row
from tightrate.rates.manuscripts.scanning import FileText, blanked

DISPLAYS = frozenset(
    ["equation", "align", "alignat", "gather", "multline", "eqnarray", "displaymath", "math", "flalign", "dmath"]
) | {"IEEEeqnarray", "xalignat"}
_TABLES = frozenset(["tabular", "tabularx", "tabulary", "longtable", "tblr", "array", "NiceTabular"])
_PASSED_OVER = frozenset(
    ["verbatim", "Verbatim", "lstlisting", "minted", "comment", "tikzpicture", "filecontents", "thebibliography"]
)
FORMULA_LENGTH = 20_000  # characters between two delimiters that can belong together

_TOKEN = re.compile(
    r"(?P<comment>%[^\n]*)"
    r"|(?P<break>\\\\\*?(?:\[[^\]\n]{0,20}\])?)"
    r"|\\(?P<verb>verb|lstinline)\b\*?"
    r"|\\(?P<edge>begin|end)\s*\{(?P<name>[A-Za-z]{1,40}\*?)\}"
    r"|(?P<dollars>\$\$)|(?P<dollar>\$)|(?P<bracket>\\\[)|(?P<round>\\\()"
    r"|\\label\s*\{(?P<label>[^{}\n]{1,200})\}"
    r"|\\(?:[A-Za-z]*[rR]ef|labelcref)\*?\s*\{(?P<refs>[^{}\n]{1,400})\}"
    r"|\\(?P<include>input|include|subfile|subimport|import)\s*\{(?P<first>[^{}\n]{0,200})\}"
    r"(?:\s*\{(?P<second>[^{}\n]{1,200})\})?"
    r"|\\(?P<section>(?:sub)*section|chapter|paragraph)\*?(?![A-Za-z])"
    r"|(?P<cell>(?<!\\)&)"
    r"|(?P<command>\\(?:[A-Za-z]+\*?|.))"
    r"|(?P<brace>[{}~])",
    re.DOTALL,
)
_ARGUMENT = re.compile(r"(?:\s*\[[^\]]{0,200}\])?(?:\s*\{[^{}]{0,200}(?:\{[^{}]{0,100}\}[^{}]{0,100}){0,9}\}){1,2}")
_INNER_LABEL = re.compile(r"\\label\s*\{([^{}]{1,200})\}")
_INNER_COMMENT = re.compile(r"(?<!\\)%([^\n]*)")
_NEXT_LINE = re.compile(r"(?:\$|\\\))\s*\\\\(?:\[[^\]\n]{0,20}\])?\s*(?:\$|\\\()")
_CONTINUES = re.compile(r"(?:\s|\\(?:q?quad|[,;!:>])|\{\})*(?:[+\-=]|\\(?:leq?|lesssim|cdot|times|pm)(?![A-Za-z]))")
_ABBREVIATION = re.compile(r"\s*\\begin\s*\{(?P<name>[A-Za-z]{1,40}\*?)\}(?:\s*\\begin\s*\{[a-z]+\*?\})?\s*")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")


@dataclass
class _Open:
    """An environment, section or table row that has begun."""

    kind: str
    start: int
    labels: list[str] = field(default_factory=list)
    place: Place | None = None
    table: int = 0
    depth: int = 0


class LatexReader:
    """Reads one file into a builder; `include` reads another one."""

    def __init__(self, source: FileText, builder: Builder, include: Callable[[str, Place], None]) -> None:
        self.source, self.builder, self.include = source, builder, include
        text = source.text
        found, stretches = definitions(_INNER_COMMENT.sub(lambda match: blanked(match.group()), text))
        builder.macros.update({name: macro for name, macro in found.items() if name not in builder.macros})
        kept, done = [], 0
        for start, stop in stretches:
            if start < done:
                continue
            kept += [text[done:start], blanked(text[start:stop])]
            done = stop
        self.text = "".join([*kept, text[done:]])
        self.plain = FileText(source.file, self.text)
        self.open: list[_Open] = []
        self.ignored: frozenset[str] = frozenset()  # what the next formula or row does not report
        self.line_ignored: dict[int, frozenset[str]] = {}
        self.depth = 0  # of braces
        self.last = (0, 0)  # where the formula before this place begins and ends

    def read(self) -> None:
        """All of the file."""
        self._note_directives_behind_text()
        position = 0
        while match := _TOKEN.search(self.text, position):
            self.say(position, match.start())
            position = self.token(match)
        self.say(position, len(self.text))
        while self.open:
            self.close()

    def _note_directives_behind_text(self) -> None:
        """Directives at the end of a line speak of what begins on that line."""
        for match in _INNER_COMMENT.finditer(self.text):
            said = directive(match[1]) if "tightrate" in match[1] else None
            if (
                said is not None
                and said.ignored
                and self.text[self.plain.line_start(match.start()) : match.start()].strip()
            ):
                self.line_ignored[self.plain.place(match.start()).line] = said.ignored

    def say(self, start: int, stop: int) -> None:
        if start < stop:
            self.builder.say(self.text[start:stop], self.plain.place(start))

    def token(self, match: re.Match[str]) -> int:
        """What one token means; returns where reading goes on."""
        start, stop = match.span()
        place = self.plain.place(start)
        if match["comment"] is not None:
            return self.comment(match, place)
        if match["break"] is not None:
            self.next_row(stop)
            self.builder.say(" ", place)
        elif match["verb"] is not None:
            return self.verb(stop)
        elif match["edge"] is not None:
            return self.environment(match)
        elif match["dollars"] is not None:
            return self.formula(stop, "$$", place, display=True)
        elif match["dollar"] is not None:
            return self.formula(stop, "$", place, display=False)
        elif match["bracket"] is not None:
            return self.formula(stop, r"\]", place, display=True)
        elif match["round"] is not None:
            return self.formula(stop, r"\)", place, display=False)
        elif match["label"] is not None:
            inner = [one for one in self.open if one.kind != "row"]
            if inner:
                inner[-1].labels.append(match["label"].strip())
        elif match["refs"] is not None:
            for label in match["refs"].split(","):
                self.builder.refer(label.strip(), place)
        elif match["include"] is not None:
            self.include("".join(filter(None, (match["first"], match["second"]))), place)
        elif match["section"] is not None:
            while self.open and self.open[-1].kind == "section":
                self.close()
            if not self.open:
                self.open.append(_Open("section", self.builder.length))
        elif match["cell"] is not None:
            self.builder.say(" | ", place)
        elif (abbreviated := self.abbreviated(match)) is not None:
            return self.formula(stop, abbreviated, place, display=True)
        else:
            self.depth += (match["brace"] == "{") - (match["brace"] == "}")
            self.builder.say(" ", place)
        return stop

    def abbreviated(self, match: re.Match[str]) -> str | None:
        r"""What ends the display that an author's \be begins, as in \newcommand{\be}{\begin{equation}}."""
        macro = self.builder.macros.get((match["command"] or "").lstrip("\\"))
        begins = _ABBREVIATION.fullmatch(macro.body) if macro is not None else None
        if begins is None or begins["name"].rstrip("*") not in DISPLAYS:
            return None
        ends = rf"\end{{{begins['name']}}}"
        names = [rf"\{name}" for name, one in self.builder.macros.items() if one.body.rstrip().endswith(ends)]
        found = [(place, end) for end in (*names, ends) if (place := self.plain.find(end, match.end())) >= 0]
        return min(found)[1] if found else None

    def comment(self, match: re.Match[str], place: Place) -> int:
        said = directive(match["comment"][1:]) if "tightrate" in match["comment"] else None
        if said is not None and said.letters:
            self.builder.declarations.append(Declaration(self.builder.length, said.letters, place))
        elif said is not None and place.line not in self.line_ignored:
            self.ignored |= said.ignored
        return match.end()

    def verb(self, stop: int) -> int:
        if stop >= len(self.text) or self.text[stop] in " \n{*":
            return stop
        end = self.plain.find(self.text[stop], stop + 1)
        line_end = self.plain.find("\n", stop)
        return stop if end < 0 or 0 <= line_end < end else end + 1

    def environment(self, match: re.Match[str]) -> int:
        name, stop = match["name"].rstrip("*"), match.end()
        place = self.plain.place(match.start())
        if match["edge"] == "end":
            if any(one.kind == name for one in self.open):
                while self.open[-1].kind != name:
                    self.close()
                self.close()
            if name not in _TABLES:
                self.builder.say("\n\n", place)  # a sentence ends here
            return stop
        if name in _PASSED_OVER:
            end = self.plain.find(rf"\end{{{match['name']}}}", stop)
            return stop if end < 0 else end
        if name in DISPLAYS:
            return self.formula(stop, rf"\end{{{match['name']}}}", place, display=True, begin=match.start())
        self.open.append(_Open(name, self.builder.length, place=place))
        if name in _TABLES:
            self.builder.tables += 1
            argument = _ARGUMENT.match(self.text, stop)
            stop = argument.end() if argument else stop
            self.begin_row(stop, self.builder.tables)
        return stop

    def begin_row(self, stop: int, table: int) -> None:
        self.open.append(_Open("row", self.builder.length, [], self.next_place(stop), table, self.depth))

    def next_place(self, stop: int) -> Place:
        """The place of the next character that is no space."""
        while stop < len(self.text) and self.text[stop].isspace():
            stop += 1
        return self.plain.place(min(stop, len(self.text)))

    def next_row(self, stop: int) -> None:
        row = self.open[-1] if self.open else None
        if row is not None and row.kind == "row" and self.depth <= row.depth:  # no line of a \makecell
            self.close()
            self.begin_row(stop, row.table)

    def close(self) -> None:
        one = self.open.pop()
        if one.kind == "row":
            assert one.place is not None
            ignored = self.line_ignored.get(one.place.line, frozenset())
            self.builder.rows.append(Row(one.table, one.place, one.start, self.builder.length, ignored))
        elif one.labels or one.kind != "section":
            self.builder.blocks.append(Block(one.kind, one.start, self.builder.length, tuple(one.labels)))

    def formula(self, stop: int, closing: str, place: Place, display: bool, begin: int | None = None) -> int:
        """A formula whose delimiter ends at `stop`; where it has no end, the delimiter means nothing."""
        end = self.closing(stop, closing, display)
        if end < 0:
            return stop
        body = self.text[stop:end]
        past = end + len(closing)
        start = stop
        if begin is not None:  # the reader knows the environments
            body, start = self.text[begin:past], begin
        ignored = self.ignored | self.line_ignored.get(place.line, frozenset())
        if self.ignored:  # of a comment on a line of its own: what begins on the next line with a formula
            self.line_ignored[place.line] = ignored
        for comment in _INNER_COMMENT.finditer(body):
            said = directive(comment[1])
            if said is not None:
                ignored |= said.ignored
                if said.letters:
                    self.builder.declarations.append(Declaration(self.builder.length, said.letters, place))
        body = _INNER_COMMENT.sub(lambda match: " " * len(match.group()), body)
        if not display and self.goes_on(body, start):
            start, before = self.last
            body = self.builder.take_back() + blanked(self.text[before:stop]) + body
        self.last = (start, end)
        labels = [Label(match[1].strip(), match.start()) for match in _INNER_LABEL.finditer(body)]
        self.builder.formula(body, self.plain.place(start), display, labels, ignored)
        self.ignored = frozenset()
        return past

    def goes_on(self, body: str, start: int) -> bool:
        """Whether this formula continues the one on the line before it, in one cell of a table."""
        between = self.text[self.last[1] : start]
        return self.last[1] > 0 and bool(_NEXT_LINE.fullmatch(between)) and bool(_CONTINUES.match(body))

    def closing(self, start: int, closing: str, display: bool) -> int:
        """Where a formula that begins at `start` ends; -1 where it does not."""
        position = start
        while True:
            end = self.plain.find(closing, position)
            if end < 0 or end - start > FORMULA_LENGTH:
                return -1
            if not display and _PARAGRAPH.search(self.text, start, end):
                return -1
            backslashes = 0
            while end - backslashes > start and self.text[end - backslashes - 1] == "\\":
                backslashes += 1
            if backslashes % 2 == 0:
                return end
            position = end + 1
