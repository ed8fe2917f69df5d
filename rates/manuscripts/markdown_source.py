r"""Markdown manuscripts and plain text, read for their formulas, labels, references and tables.

Formulas stand between `$`, `$$`, `\(`, `\[`, in environments, or in fences named math.  Code, comments and front
matter are passed over.  In plain text a line that is a formula as a whole counts too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tightrate.rates.formulas.macros import definitions
from tightrate.rates.manuscripts.directives import directive
from tightrate.rates.manuscripts.latex_source import DISPLAYS, FORMULA_LENGTH
from tightrate.rates.manuscripts.manuscript import Block, Builder, Declaration, Label, Place, Row
from tightrate.rates.manuscripts.scanning import FileText
from tightrate.rates.pages.markdown import anchor

_TOKEN = re.compile(
    r"(?P<fence>^[ \t]{0,8}(?P<ticks>```+|~~~+)[ \t]*(?P<info>[^\n`]*)$)"
    r"|(?P<comment><!--)"
    r"|(?P<mathcode>\$`(?P<coded>[^`\n]+)`\$)"
    r"|(?P<code>`+)"
    r"|\\begin\s*\{(?P<name>[A-Za-z]{1,40}\*?)\}"
    r"|(?P<dollars>(?<!\\)\$\$)|(?P<dollar>(?<!\\)\$(?=[^\s$]))|(?P<bracket>\\\[)|(?P<round>\\\()"
    r"|^(?P<hashes>\#{1,6})[ \t]+(?P<heading>[^\n]*)$"
    r"|^\((?P<myst>[\w:.-]{1,100})\)=[ \t]*$"
    r"|<a\s+(?:id|name)\s*=\s*[\"'](?P<html>[^\"']{1,100})[\"'][^>]{0,100}>"
    r"|\[(?P<linked>[^\[\]\n]{0,200})\]\(\#(?P<target>[^()\s]{1,200})\)"
    r"|\{(?:eq|ref|numref|prf:ref)\}`(?:[^`<\n]*<)?(?P<role>[\w:.-]{1,100})>?`"
    r"|(?<![\w@])@(?P<cited>(?:eq|thm|tbl|lem|cor|prop|sec|fig)[:-][\w:-]{1,100})"
    r"|\\(?:[A-Za-z]*[rR]ef)\s*\{(?P<refs>[^{}\n]{1,400})\}"
    r"|(?P<row>^[ \t]*\|)|(?P<escaped>\\[^A-Za-z\n])|(?P<bar>\|)|(?P<line>\n)",
    re.MULTILINE,
)
_AFTER = re.compile(r"[ \t]*(?:\{\#(?P<pandoc>[\w:.-]{1,100})\}|\((?P<myst>[\w:.-]{1,100})\)[ \t]*$)", re.MULTILINE)
_HEADING_ID = re.compile(r"\{\#([\w:.-]{1,100})[^}]{0,50}\}\s*$")
_FENCE_LABEL = re.compile(r"^[ \t]*:label:[ \t]*([\w:.-]{1,100})[ \t]*$", re.MULTILINE)
_FENCE_OPTION = re.compile(r"^[ \t]*:[\w-]+:[^\n]*$", re.MULTILINE)
_FRONT = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)
_INNER_LABEL = re.compile(r"\\label\s*\{([^{}]{1,200})\}")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_PLAIN_FORMULA = re.compile(r"<=|>=|<~|>~|[≤≥≲≳=]|\bO\(|\\le|\\ge|\\lesssim|\\gtrsim|\\mathcal")
_NAME = re.compile(r"^\s*[\w ,.()+-]{1,60}:(?!=)\s*")
_STAR = re.compile(r"\b([fFx])\*(?=\s*(?:[<>=~≤≥≲≳)|]|$))")
_WORD = re.compile(r"(?<![\\A-Za-z_{])[A-Za-z]{4,}(?![A-Za-z_])")
_PLAIN_NAMES = frozenset(
    ["sqrt", "alpha", "beta", "gamma", "delta", "Delta", "sigma", "zeta", "Omega", "Theta", "lambda"]
)


@dataclass
class _Section:
    level: int
    start: int
    labels: list[str]


class MarkdownReader:
    """Reads one file into a builder; `plain` where lines may be formulas without any delimiter."""

    def __init__(self, source: FileText, builder: Builder, plain: bool) -> None:
        self.source, self.builder, self.plain = source, builder, plain
        self.text = source.text
        self.sections: list[_Section] = []
        self.labels: list[str] = []  # targets that stand before what they name
        self.ignored: frozenset[str] = frozenset()
        self.line_ignored: tuple[int, frozenset[str]] = (0, frozenset())
        self.row: tuple[int, Place] | None = None
        self.table_line = -2

    def read(self) -> None:
        """All of the file."""
        self.builder.macros.update(definitions(self.text)[0])
        front = _FRONT.match(self.text)
        position = front.end() if front else 0
        if self.plain:
            return self.read_plain()
        while match := _TOKEN.search(self.text, position):
            self.say(position, match.start())
            position = self.token(match)
        self.say(position, len(self.text))
        self.end_row()
        while self.sections:
            self.close()
        return None

    def read_plain(self) -> None:
        """A text, line by line: formulas between dollar signs, or lines that are formulas."""
        position = 0
        for line in re.findall(r"[^\n]*\n|[^\n]+", self.text):
            place, start = self.source.place(position), position
            position += len(line)
            stripped = line.lstrip()
            if stripped.startswith(("#", "%")):
                self.directive(stripped[1:], place)
            elif _is_formula(line):
                name = _NAME.match(line)
                begin = name.end() if name else len(line) - len(stripped)
                self.builder.say(line[:begin], place)
                formula = _STAR.sub(r"\1^*", line[begin:].rstrip())  # as people type it
                self.add(formula, self.source.place(start + begin), display=True)
                self.builder.say("\n", place)
            else:
                MarkdownReader(FileText(self.source.file, self.text), self.builder, plain=False).stretch(
                    start, position
                )

    def stretch(self, start: int, stop: int) -> None:
        """Inline formulas of a stretch that is prose."""
        position = start
        while (match := _TOKEN.search(self.text, position, stop)) is not None:
            self.say(position, match.start())
            position = self.token(match)
        self.say(position, stop)

    def say(self, start: int, stop: int) -> None:
        if start < stop:
            self.builder.say(self.text[start:stop], self.source.place(start))

    def token(self, match: re.Match[str]) -> int:
        """What one token means; returns where reading goes on."""
        start, stop = match.span()
        place = self.source.place(start)
        if match["fence"] is not None:
            return self.fence(match)
        if match["comment"] is not None:
            end = self.source.find("-->", stop)
            if end < 0:
                return stop
            self.directive(self.text[stop:end], place)
            return end + 3
        if match["mathcode"] is not None:
            self.add(match["coded"], self.source.place(match.start("coded")), display=False)
        elif match["code"] is not None:
            end = self.source.find(match["code"], stop)
            return stop if end < 0 or _PARAGRAPH.search(self.text, stop, end) else end + len(match["code"])
        elif match["name"] is not None:
            if match["name"].rstrip("*") in DISPLAYS:
                return self.formula(stop, rf"\end{{{match['name']}}}", place, begin=start)
        elif match["dollars"] is not None:
            return self.formula(stop, "$$", place)
        elif match["dollar"] is not None:
            return self.inline(stop)
        elif match["bracket"] is not None:
            return self.formula(stop, r"\]", place)
        elif match["round"] is not None:
            return self.formula(stop, r"\)", place, display=False)
        elif match["hashes"] is not None:
            return self.heading(match, place)
        elif (label := match["myst"] or match["html"]) is not None:
            self.labels.append(label)
        elif match["target"] is not None:
            self.builder.refer(match["target"], place)
        elif (label := match["role"] or match["cited"]) is not None:
            self.builder.refer(label, place)
        elif match["refs"] is not None:
            for label in match["refs"].split(","):
                self.builder.refer(label.strip(), place)
        elif match["row"] is not None:
            self.begin_row(place)
        elif match["line"] is not None:
            self.end_row()
            self.builder.say("\n", place)
        else:
            self.builder.say(" | " if match["bar"] else match.group(), place)
        return stop

    def directive(self, comment: str, place: Place) -> None:
        said = directive(comment) if "tightrate" in comment else None
        if said is not None and said.letters:
            self.builder.declarations.append(Declaration(self.builder.length, said.letters, place))
        elif said is not None:
            self.ignored |= said.ignored

    def fence(self, match: re.Match[str]) -> int:
        ticks = match["ticks"]
        end = self.source.find("\n" + ticks, match.end())
        while end >= 0 and self.text[self.source.line_start(match.start()) : match.start("ticks")].strip():
            end = -1
        stop = len(self.text) if end < 0 else end + 1 + len(ticks)
        body_end = len(self.text) if end < 0 else end
        if match["info"].strip() in ("math", "{math}"):
            body = self.text[match.end() : body_end]
            label = _FENCE_LABEL.search(body)
            body = _FENCE_OPTION.sub(lambda option: " " * len(option.group()), body)
            start = match.end() + len(body) - len(body.lstrip())
            self.add(body.strip(), self.source.place(start), True, [label[1]] if label else [])
        return stop

    def heading(self, match: re.Match[str], place: Place) -> int:
        level, title = len(match["hashes"]), match["heading"].strip().rstrip("#").strip()
        while self.sections and self.sections[-1].level >= level:
            self.close()
        given = _HEADING_ID.search(title)
        own = [given[1]] if given else [anchor(re.sub(r"[`*_]", "", title))]
        self.sections.append(_Section(level, self.builder.length, [*self.labels, *own]))
        self.labels = []
        self.builder.say("\n\n", place)
        return match.start("heading")

    def close(self) -> None:
        one = self.sections.pop()
        self.builder.blocks.append(Block("section", one.start, self.builder.length, tuple(one.labels)))

    def begin_row(self, place: Place) -> None:
        if place.line != self.table_line + 1:
            self.builder.tables += 1
        self.table_line = place.line
        self.row = (self.builder.length, place)
        self.builder.say(" | ", place)

    def end_row(self) -> None:
        if self.row is not None:
            start, place = self.row
            self.builder.rows.append(Row(self.builder.tables, place, start, self.builder.length))
            self.row = None

    def inline(self, start: int) -> int:
        """A formula between single dollar signs, told from money as Markdown does."""
        position = start
        while True:
            end = self.source.find("$", position)
            if end < 0 or end - start > 2000 or _PARAGRAPH.search(self.text, start, end):
                return start
            if self.text[end - 1] != "\\":
                break
            position = end + 1
        if self.text[end - 1].isspace() or self.text[end + 1 : end + 2].isdigit() or end == start:
            return start
        self.add(self.text[start:end], self.source.place(start), display=False)
        return end + 1

    def formula(self, start: int, closing: str, place: Place, display: bool = True, begin: int | None = None) -> int:
        end = self.source.find(closing, start)
        if end < 0 or end - start > FORMULA_LENGTH:
            return start
        past = end + len(closing)
        after = _AFTER.match(self.text, past)
        labels = [after["pandoc"] or after["myst"]] if after else []
        if begin is not None:
            self.add(self.text[begin:past], place, display, labels)
        else:
            self.add(self.text[start:end], self.source.place(start), display, labels)
        return after.end() if after else past

    def add(self, latex: str, place: Place, display: bool, labels: list[str] | None = None) -> None:
        own = [Label(match[1].strip(), match.start()) for match in _INNER_LABEL.finditer(latex)]
        own += [Label(label) for label in (*(labels or ()), *(self.labels if display else ()))]
        if display:
            self.labels = []
        if self.ignored:  # all that begins on the line of the next formula
            self.line_ignored = (place.line, self.ignored)
            self.ignored = frozenset()
        line, ignored = self.line_ignored
        self.builder.formula(latex, place, display, own, ignored if line == place.line else frozenset())


def _is_formula(line: str) -> bool:
    """Whether a line of plain text is a formula, with a name before it or not, rather than prose."""
    if "$" in line or not _PLAIN_FORMULA.search(line):
        return False
    name = _NAME.match(line)
    return not any(word not in _PLAIN_NAMES for word in _WORD.findall(line[name.end() if name else 0 :]))
