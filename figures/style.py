"""One style for every figure: sizes, fonts that ship with matplotlib, and inks that survive grey printing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal

import matplotlib
from matplotlib import rc_context

Family = Literal["serif", "sans"]

Notation = Literal["alphabet", "paper"]
"""Whose letters a figure is written in: the alphabet's, or those of the paper that it is about."""

Letters = Mapping[str, str]
"""Our ASCII names to LaTeX where they differ from the alphabet's."""

ALPHABET: Letters = MappingProxyType({})
# Scoped as matplotlib's own parameters are: set by `styled` alone, read by whoever writes a letter.
_LETTERS: ContextVar[Letters] = ContextVar("letters of the figure that is drawn", default=ALPHABET)

Columns = Literal[1, 2]
WIDTH: Mapping[Columns, float] = {1: 3.3, 2: 6.9}  # inches: one and two columns of a paper
TALLEST = 4.9  # inches, of panels one below the other: half a page is left for text

BLACK, GREY = "#000000", "#6b6b6b"
FORBIDDEN = "#ececec"  # the side of a bound where nothing may lie
NO_CLAIM = "#d4d4d4"  # of a map: where no bound says anything; apart from white and from the fills in grey print

# An ordered quantity (K, R, M, eta) runs from dark to light with CIE lightness 9, 30, 43, 53, 62: it reads in grey and
# with every common form of colour blindness; markers repeat the order for whoever sees neither.
ORDERED_INKS = ("#1b1044", "#2a3f8f", "#0b6f85", "#2f8f5b", "#c58b00")
ORDERED_MARKERS = ("o", "s", "^", "D", "v")


def _fonts(family: str, mathtext: str, size: float) -> dict[Any, Any]:
    """Fonts at a size in points for labels; text inside a panel is "small", about a tenth smaller."""
    names = {"font.family": family, "mathtext.fontset": mathtext, "font.size": size / 0.944}
    labels = dict.fromkeys(("axes.labelsize", "axes.titlesize"), size)
    return {**names, **labels, **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 0.882 * size)}


_FONTS: Mapping[Family, dict[Any, Any]] = {
    "serif": _fonts("STIXGeneral", "stix", 8.5),
    "sans": _fonts("DejaVu Sans", "dejavusans", 7.3),  # a wide face, with tall small letters
}

_STYLE: dict[Any, Any] = {
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.width": 0.35,
    "ytick.minor.width": 0.35,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "lines.linewidth": 1.2,
    "lines.markersize": 3.8,
    "lines.markeredgewidth": 0.7,
    "errorbar.capsize": 1.6,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # TrueType, embedded; many venues refuse Type 3
    "ps.fonttype": 42,
    "svg.fonttype": "path",  # the same letters on every machine
    "svg.hashsalt": "tightrate",  # the same bytes at every run
    "text.usetex": False,
    "path.simplify": False,
}


@contextmanager
def styled(family: Family = "serif", letters: Letters = ALPHABET) -> Iterator[None]:
    """The style and the letters, for as long as a figure is drawn and saved; nothing outside is changed."""
    written = _LETTERS.set(letters)
    try:
        with rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update({**_STYLE, **_FONTS[family]})
            yield
    finally:
        _LETTERS.reset(written)


def current_letters() -> Letters:
    """The letters of the figure that is being drawn.

    >>> with styled(letters={"L": "H"}):
    ...     current_letters()["L"]
    'H'
    >>> dict(current_letters())
    {}
    """
    return _LETTERS.get()
