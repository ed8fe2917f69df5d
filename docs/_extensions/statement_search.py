"""The search finds a statement by its number: the searched words leave out numbers, the index does not."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

NUMBERED = re.compile(r"(?P<where>[^:,]*\d[^:,]*), (?P<authors>[^(]*) \((?P<year>\d{4})\):")
SHORT = {"Theorem": "Thm", "Proposition": "Prop", "Corollary": "Cor", "Lemma": "Lem"}


def entries_for(title: str) -> list[str]:
    """What a statement is looked up by, from the title of its page.

    >>> entries_for("Theorem 9, Patel et al. (2024): Lower bound of local SGD")
    ['Theorem 9', 'Thm 9', 'Theorem 9 Patel 2024', 'Theorem 9, Patel et al. (2024)']
    >>> entries_for("Patel et al. (2024): Gradient descent")
    []
    """
    found = NUMBERED.match(title)
    if not found:
        return []
    where, authors, year = found["where"], found["authors"], found["year"]
    word, _, number = where.partition(" ")
    short = [f"{SHORT[word]} {number}"] if word in SHORT else []
    return [where, *short, f"{where} {authors.split()[0]} {year}", f"{where}, {authors} ({year})"]


class StatementEntries(SphinxTransform):
    """Index entries on every page of a statement, before the domains collect them."""

    default_priority = 800

    def apply(self, **_: Any) -> None:
        """Add them behind the title."""
        title = self.document.next_node(nodes.title)
        if self.env.docname.count("/") != 2 or not self.env.docname.startswith("papers/") or title is None:
            return
        section = title.parent
        entries = [("single", name, section["ids"][0], "main", None) for name in entries_for(title.astext())]
        if entries:
            section.insert(1, addnodes.index(entries=entries))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(StatementEntries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
