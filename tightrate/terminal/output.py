"""What the command line prints for a person: tables, text and progress."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress

LEAST_COLUMNS = 20  # narrower terminals are not written for
MOST_COLUMNS = 10_000
LONGEST_WORD = 16  # that a column of a table is kept wide enough for
SECONDS_BETWEEN_LINES = 20.0  # of progress in a log

STATUS_STYLE: Mapping[str, str] = {
    "confirmed": "green",
    "consistent": "cyan",
    "violated": "magenta",
    "inconclusive": "yellow",
    "not-applicable": "dim",
    "error": "red",
}


def console(stderr: bool = False) -> Console:
    """A console that respects NO_COLOR, pipes and narrow terminals, and never marks up what it is given.

    >>> console().print("[bold] eq:x: and :cat:")
    [bold] eq:x: and :cat:
    """
    sizes = {name: os.environ.get(name, "") for name in ("COLUMNS", "LINES")}
    columns = int(sizes["COLUMNS"][:9]) if sizes["COLUMNS"].isdecimal() else 0
    width = min(max(columns, LEAST_COLUMNS), MOST_COLUMNS) if columns else None
    known = {name: value for name, value in os.environ.items() if name not in sizes}
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width, _environ=known)


def say(text: str) -> None:
    """One paragraph for a person."""
    console().print(text)


def indented(text: str, style: str = "", *, by: int = 2) -> RenderableType:
    """A paragraph whose every line, also where a narrow terminal breaks it, stands `by` columns to the right."""
    return Padding(Text(text, style), (0, 0, 0, by))


def number(value: float | None) -> str:
    """Four significant digits; a person's infinity.

    >>> number(float("inf")), number(1 / 3), number(None)
    ('∞', '0.3333', 'diverged')
    """
    if value is None:
        return "diverged"
    return "∞" if value == math.inf else f"{value:.4g}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: int | None = None) -> Table:
    """A plain table; the columns from index `right` on are numbers, set flush right.

    A narrow terminal breaks cells between words, and within one only where it is long; where even that does not fit,
    every row is told line by line, behind the names of the columns.
    """
    lines, least = [list(row) for row in rows], list[int]()
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=any(columns))
    for index, name in enumerate(columns):
        flush_right = right is not None and index >= right
        words = [len(word) for line in [columns, *lines] for word in str(line[index]).split()]
        least.append(min(max(words, default=1), LONGEST_WORD))
        made.add_column(name, justify="right" if flush_right else "left", overflow="fold")
    if sum(least) + 2 * len(least) <= console().width:
        for column, width in zip(made.columns, least, strict=True):
            column.min_width = width
    elif any(columns):
        return _told_line_by_line(columns, lines)
    for line in lines:
        made.add_row(*line)
    return made


def nothing_else_answers() -> AbstractContextManager[Any]:
    """A context in which what a paper of one's own prints goes to standard error: the answer follows, alone."""
    return redirect_stdout(sys.stderr)


def _told_line_by_line(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    """Every row as a block of its own."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for index, line in enumerate(lines):
        if index:
            made.add_row("", "")
        for name, cell in zip(columns, line, strict=True):
            if cell:
                made.add_row(name, cell)
    return made


@contextmanager
def working(what: str) -> Iterator[None]:
    """A sign of life on standard error while something runs whose length nobody knows; nothing off a terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # short commands show no progress

    shown = console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    bars = Progress(*columns, console=shown, disable=not shown.is_terminal, transient=True)
    with nothing_else_answers(), bars:
        bars.add_task(what, total=None)
        yield


class Watcher:
    """Progress bars on standard error, one for each piece of work; in a log, a line now and then."""

    def __init__(self, bars: Progress, log: Callable[[str], None] | None = None) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._log, self._began = log, monotonic()
        self._told = self._began

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done, total=total)
        now = monotonic()
        if self._log is not None and now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            self._log(f"{what}: {done} of {total} after {now - self._began:.0f} s")


def _log(line: str) -> None:
    with suppress(OSError, ValueError):  # nobody listens
        if sys.stderr is not None:
            print(line, file=sys.stderr, flush=True)


@contextmanager
def progress() -> Iterator[Watcher]:
    """A context in which work can report progress."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    shown = console(stderr=True)
    log = None if shown.is_terminal else _log
    with nothing_else_answers(), Progress(*columns, console=shown, disable=not shown.is_terminal) as bars:
        yield Watcher(bars, log)
