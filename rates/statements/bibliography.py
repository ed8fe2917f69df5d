"""The papers that statements come from: one BibTeX file, read by pybtex."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tightrate.common.errors import TightrateError, unknown_name


@dataclass(frozen=True)
class Reference:
    """One entry of a BibTeX file, as lists and pages show it; `bibtex` is the entry itself."""

    title: str
    authors: str
    year: int
    venue: str
    url: str
    bibtex: str

    @property
    def short(self) -> str:
        """Authors and year, as a heading or a sentence has them: Patel et al. (2024)."""
        first, *others = self.authors.split(", ")
        return f"{first}{' et al.' if len(others) > 1 else f' and {others[0]}' if others else ''} ({self.year})"


def bibliography() -> str:
    """The whole file, for a reader's own document."""
    return files("tightrate.rates.papers").joinpath("references.bib").read_text(encoding="utf-8")


def references(text: str = "") -> dict[str, Reference]:
    """The entries of a BibTeX file by their keys; of the project's own where no text is given."""
    return dict(_read(text or bibliography()))


@cache
def _read(text: str) -> dict[str, Reference]:
    from pybtex.database.input.bibtex import Parser  # only pages that show a reference need it
    from pybtex.exceptions import PybtexError

    try:
        entries = Parser().parse_string(text).entries
    except PybtexError as wrong:
        raise TightrateError(f"the BibTeX entry cannot be read: {' '.join(str(wrong).split())}") from None
    found = {}
    for key, entry in entries.items():
        fields = {name: str(value) for name, value in entry.fields.items()}
        people = [" ".join([*person.prelast_names, *person.last_names]) for person in entry.persons.get("author", [])]
        eprint, doi = fields.get("eprint", ""), fields.get("doi", "")
        url = fields.get("url") or (doi and f"https://doi.org/{doi}") or (eprint and f"https://arxiv.org/abs/{eprint}")
        venue = fields.get("venue") or fields.get("booktitle") or fields.get("journal") or "not published"
        found[key] = Reference(
            title=_plain(fields.get("title", "")),
            authors=", ".join(map(_plain, people)),
            year=int(fields["year"]) if fields.get("year", "").isdigit() else 0,
            venue=_plain(venue),
            url=url,
            bibtex=_source(key, text) or entry.to_string("bibtex").strip(),
        )
    return found


def reference(key: str, text: str = "") -> Reference:
    """The entry of that key.

    >>> reference("patel2024").year
    2024
    """
    whole = text or bibliography()
    known = _read(_source(key, whole) or whole)  # one entry is read faster than all
    if key not in known:
        raise unknown_name("reference", key, known)
    return known[key]


def _source(key: str, text: str) -> str:
    """The entry as it is written, where its braces stand on lines of their own."""
    alone = re.search(rf"^@\w+{{{re.escape(key)},.*?^}}$", text, re.MULTILINE | re.DOTALL)
    return alone[0] if alone else ""


def _plain(text: str) -> str:
    if "\\" in text:
        import latexcodec  # noqa: F401  (registers the codec)

        decode: Any = codecs.decode  # its types know only the codecs of the standard library
        text = decode(text, "ulatex")
    decoded = text.replace("{", "").replace("}", "")
    return " ".join(decoded.replace("--", "-").split())
