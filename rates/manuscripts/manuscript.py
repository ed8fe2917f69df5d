"""What a manuscript holds: its formulas in reading order, with labels, tables, references and the prose around them.

The prose is the text with a mark for each formula and each reference, so that sentences can be searched without
looking into formulas; `FORMULA` and `REFERENCE` find the marks.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tightrate.rates.formulas.macros import Macro

# Private characters around the number of a formula, and around the label of a reference.
FORMULA_MARKS = ("\ue000", "\ue001")
REFERENCE_MARKS = ("\ue002", "\ue003")
FORMULA = re.compile(f"{FORMULA_MARKS[0]}(\\d+){FORMULA_MARKS[1]}")
REFERENCE = re.compile(f"{REFERENCE_MARKS[0]}([^{REFERENCE_MARKS[1]}]*){REFERENCE_MARKS[1]}")
MARKS = "".join((*FORMULA_MARKS, *REFERENCE_MARKS))
EVERYTHING = frozenset(["*"])


@dataclass(frozen=True, order=True)
class Place:
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Label:
    """A label, and where in its formula it stands if it stands in one."""

    name: str
    offset: int = 0


@dataclass(frozen=True)
class Formula:
    """A formula as it stands in a file.

    `at` is its place in the prose, `labels` are its own, `ignored` the codes that a comment at it takes back
    (`EVERYTHING` for all).
    """

    place: Place
    latex: str
    display: bool
    at: int = 0
    labels: tuple[Label, ...] = ()
    ignored: frozenset[str] = frozenset()

    def place_of(self, offset: int) -> Place:
        """The place in the file of a character of the formula."""
        before = self.latex[:offset]
        lines = before.count("\n")
        column = len(before) - before.rfind("\n") if lines else self.place.column + len(before)
        return Place(self.place.file, self.place.line + lines, column)


@dataclass(frozen=True)
class Block:
    """A theorem, another environment, or a section: where it begins and ends in the prose, and its labels."""

    kind: str
    start: int
    stop: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A row of a table: its place, and where it begins and ends in the prose."""

    table: int
    place: Place
    start: int
    stop: int
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Declaration:
    """What a comment declares from its place in the prose on, such as `H=L, N=M`."""

    at: int
    text: str
    place: Place


@dataclass(frozen=True)
class Manuscript:
    """A manuscript with the files that it includes, in reading order."""

    files: tuple[str, ...]
    prose: str
    formulas: tuple[Formula, ...]
    blocks: tuple[Block, ...] = ()
    rows: tuple[Row, ...] = ()
    declarations: tuple[Declaration, ...] = ()
    macros: Mapping[str, Macro] = field(default_factory=dict)
    ignored: Mapping[str, frozenset[str]] = field(default_factory=dict)  # at labels, as settings say
    missing: tuple[tuple[Place, str], ...] = ()  # files that are included and not there
    _offsets: tuple[int, ...] = ()
    _places: tuple[Place, ...] = ()

    def place(self, at: int) -> Place:
        """The place in its file of a character of the prose."""
        index = bisect_right(self._offsets, at) - 1
        return self._places[max(index, 0)]

    def between(self, start: int, stop: int) -> Iterator[tuple[int, Formula]]:
        """The formulas of a stretch of the prose, with their numbers."""
        for match in FORMULA.finditer(self.prose, start, stop):
            number = int(match[1])
            yield number, self.formulas[number]

    def sentence(self, at: int) -> tuple[int, int]:
        """Where the sentence around a place of the prose begins and ends."""
        start = max((m.end() for m in _SENTENCE_END.finditer(self.prose, max(0, at - 1500), at)), default=None)
        found = _SENTENCE_END.search(self.prose, at, at + 1500)
        return (
            start if start is not None else max(0, at - 1500),
            found.start() if found else min(len(self.prose), at + 1500),
        )


_SENTENCE_END = re.compile(r"(?<!Eq)(?<!Eqs)(?<!Thm)(?<!Fig)(?<!Sec)(?<!cf)(?<!e\.g)(?<!i\.e)[.!?](?=\s|$)|\n\s*\n")

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class Builder:
    """Collects a manuscript while its files are read."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.formulas: list[Formula] = []
        self.blocks: list[Block] = []
        self.rows: list[Row] = []
        self.declarations: list[Declaration] = []
        self.macros: dict[str, Macro] = {}
        self.missing: list[tuple[Place, str]] = []
        self.tables = 0
        self._prose: list[str] = []
        self.length = 0
        self._offsets: list[int] = []
        self._places: list[Place] = []

    def say(self, text: str, place: Place) -> None:
        """Text of the prose, which begins at a place."""
        if not text:
            return
        if any(mark in text for mark in MARKS):
            text = "".join(" " if character in MARKS else character for character in text)
        start = self.length
        for line in _LINE.findall(text):  # each line knows its place
            self._offsets.append(start)
            self._places.append(place)
            start += len(line)
            place = Place(place.file, place.line + 1, 1)
        self._prose.append(text)
        self.length += len(text)

    def refer(self, label: str, place: Place) -> None:
        """A reference to a label."""
        self._mark(f"{REFERENCE_MARKS[0]}{label}{REFERENCE_MARKS[1]}", place)

    def formula(
        self,
        latex: str,
        place: Place,
        display: bool,
        labels: Sequence[Label] = (),
        ignored: frozenset[str] = frozenset(),
    ) -> None:
        """A formula at this place of the prose."""
        self.formulas.append(Formula(place, latex, display, self.length, tuple(labels), ignored))
        self._mark(f"{FORMULA_MARKS[0]}{len(self.formulas) - 1}{FORMULA_MARKS[1]}", place)

    def take_back(self) -> str:
        """The formula that was added last, which is then no longer there; its place in the prose stays."""
        number = len(self.formulas) - 1
        mark = f"{FORMULA_MARKS[0]}{number}{FORMULA_MARKS[1]}"
        place = next(place for place in range(len(self._prose) - 1, -1, -1) if self._prose[place] == mark)
        self._prose[place] = " " * len(mark)
        return self.formulas.pop().latex

    def _mark(self, text: str, place: Place) -> None:
        self._offsets.append(self.length)
        self._places.append(place)
        self._prose.append(text)
        self.length += len(text)

    def manuscript(self) -> Manuscript:
        """All that was collected."""
        return Manuscript(
            tuple(self.files),
            "".join(self._prose),
            tuple(self.formulas),
            tuple(self.blocks),
            tuple(self.rows),
            tuple(self.declarations),
            self.macros,
            {},
            tuple(self.missing),
            tuple(self._offsets),
            tuple(self._places),
        )
