"""Searching one long text from left to right without ever going over it twice, and lines and columns of its places."""

from __future__ import annotations

import re
from bisect import bisect_right

from tightrate.rates.manuscripts.manuscript import Place


class FileText:
    """The text of one file."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._found: dict[str, tuple[int, int]] = {}

    def place(self, at: int) -> Place:
        """The place of a character."""
        line = bisect_right(self._line_starts, at)
        return Place(self.file, line, at - self._line_starts[line - 1] + 1)

    def line_start(self, at: int) -> int:
        """Where the line of a character begins."""
        return self._line_starts[bisect_right(self._line_starts, at) - 1]

    def find(self, what: str, start: int) -> int:
        """Where `what` comes next, or -1; the answer is kept for later starts, so that all is linear."""
        since, found = self._found.get(what, (0, -2))
        if found == -2 or not since <= start or 0 <= found < start:
            found = self.text.find(what, start)
            self._found[what] = (start, found)
        return found


def blanked(text: str) -> str:
    """Spaces of the same length, line by line."""
    return re.sub(r"[^\n]", " ", text)
