"""What every figure must pass, whatever it draws: labels apart and inside, embedded fonts, the same bytes again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.text import Text
from numpy.typing import NDArray

from tightrate.figures.figure import FORMATS, FigureSpec, captions, save
from tightrate.figures.style import WIDTH, Columns, Family, Notation, styled
from tightrate.rates.formulas.inline import as_html, as_latex, as_markdown, as_text, formulas_of
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.verify.cache.netcdf import load_dataset

Array = NDArray[np.float64]
HALF_A_PAGE, SMALLEST = 5.0, 6.0  # inches, points
APART = 40  # of 255 levels of grey
TOLD_APART = 8.0  # of CIELAB: lightness in grey print, distance of colours on a page that both are seen on
NOTATIONS: tuple[Notation, ...] = ("alphabet", "paper")
LOOKS: list[Any] = [(1, "sans"), pytest.param(2, "serif", marks=pytest.mark.soak)]  # one column has the least room


def first_now(values: Iterable[Any]) -> list[Any]:
    """The first of them in every run of the tests, the others in `make soak`."""
    first, *others = values
    return [first, *(pytest.param(one, marks=pytest.mark.soak) for one in others)]


def visible_texts(picture: Figure) -> list[Text]:
    """Every text that is drawn: of an axis only the labels of ticks inside its limits."""
    ticks = {id(label) for ax in picture.axes for axis in (ax.xaxis, ax.yaxis) for label in _tick_labels(axis)}
    shown = [text for text in picture.findobj(Text) if id(text) not in ticks]
    for ax in picture.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            shown += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [text for text in shown if text.get_visible() and text.get_text().strip()]


def _tick_labels(axis: Axis) -> list[Text]:
    return [label for tick in axis.majorTicks + axis.minorTicks for label in (tick.label1, tick.label2)]


def check_labels(spec: FigureSpec, data: xr.Dataset, columns: Columns, family: Family) -> None:
    """Every text lies inside the figure, and no upright text on another; the width is that of a paper's columns.

    Also: one column is less than half a page high, no text is smaller than six points, contour labels have no smaller
    powers, regions are told apart in grey, and the letters are those of the notation that was asked for.
    """
    picture = spec.picture(data, columns, family)
    assert picture.get_figwidth() == WIDTH[columns]
    assert columns == 2 or picture.get_figheight() < HALF_A_PAGE
    check_sizes(picture)
    check_fills(picture)
    check_lines(picture)
    check_letters(spec, picture, spec.picture(data, columns, family, "paper"))
    check_caption(spec, data)
    with styled(family):
        canvas = FigureCanvasAgg(picture)
        canvas.draw()
        # of the words alone: a label may be tied to its point by a hairline
        boxes = [(text, Text.get_window_extent(text, canvas.get_renderer())) for text in visible_texts(picture)]
    for text, box in boxes:
        whole = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= picture.bbox.x1 and box.y1 <= picture.bbox.y1
        assert whole, f"{text.get_text()} is cut off"
    upright = [(text, box.padded(-1)) for text, box in boxes if text.get_rotation() in (0, 90)]
    for (first, box), (second, other) in combinations(upright, 2):
        assert not box.overlaps(other), f"{first.get_text()} lies on {second.get_text()}"


def check_sizes(picture: Figure) -> None:
    """Six points at least; contour labels have no powers or indices, which would be smaller."""
    for text in visible_texts(picture):
        assert text.get_fontsize() >= SMALLEST, f"{text.get_text()} is too small"
    for lines in picture.findobj(ContourSet):
        for label in lines.labelTexts:
            assert not re.search(r"[\^_]", label.get_text()), f"{label.get_text()} has parts that are too small"


def check_fills(picture: Figure) -> None:
    """Regions of different looks in one panel differ in their hatch, or in grey by a sixth of the way to white."""
    for ax in picture.axes:
        patches = [*ax.findobj(Polygon), *ax.findobj(PolyCollection)]
        looks = {fill for patch in patches for fill in _fills(patch)}
        for (hatch, grey), (other, other_grey) in combinations(looks, 2):
            assert hatch != other or abs(grey - other_grey) >= APART, f"{grey}, {other_grey}: alike in grey"


def _fills(patch: Polygon | PolyCollection) -> Iterator[tuple[str, int]]:
    """Hatch and grey level (0 to 255) of opaque fills; bands of uncertainty are transparent, around their line."""
    for red, green, blue, alpha in to_rgba_array(patch.get_facecolor()):
        if alpha == 1 and patch.get_linewidth() == 0:
            yield str(patch.get_hatch() or ""), round(255 * (0.299 * red + 0.587 * green + 0.114 * blue))


def check_lines(picture: Figure) -> None:
    """Lines of one panel that differ in colour alone differ in lightness, in grey print and for the colour blind."""
    for ax in picture.axes:
        looks = {
            (str(line.get_linestyle()), str(line.get_marker()), line.get_linewidth(), to_hex(line.get_color()))
            for line in ax.lines
            if line.get_visible() and line.get_gid() != "slope-triangle"
        }
        for (*look, color), (*other_look, other) in combinations(looks, 2):
            assert look != other_look or told_apart(color, other), f"{color}, {other}: lines that look alike"


def told_apart(color: str, other: str) -> bool:
    """Whether two inks are seen as two, in grey print and with every form of colour blindness."""
    seen = [np.abs(cielab(color) - cielab(other))[0]]
    seen += [np.linalg.norm(cielab(color, eye) - cielab(other, eye)) for eye in BLINDNESS.values()]
    return bool(min(seen) >= TOLD_APART)


def check_letters(spec: FigureSpec, ours: Figure, papers: Figure) -> None:
    """The same figure in the paper's letters is this one with each letter of the alphabet replaced, and nothing else.

    A letter that is written out in the figure's code would stay as it is, and a paper's letter in the alphabet's
    figure would be replaced by none.
    """
    letters = {LETTERS[name].latex: latex for name, latex in spec.letters("paper").items() if name in LETTERS}
    here, there = ([text.get_text() for text in one.findobj(Text)] for one in (ours, papers))
    assert sorted(_plain(replaced(text, letters)) for text in here) == sorted(map(_plain, there))
    foreign = set(letters.values()) - {letter.latex for letter in LETTERS.values()}
    for text in here:
        assert replaced(text, dict.fromkeys(foreign, "?")) == text, f"a letter of the paper in {text}"


def replaced(text: str, letters: Mapping[str, str]) -> str:
    """A text whose formulas have each of these letters replaced, all at once; every other letter stays whole."""
    known = sorted({*letters, *(letter.latex for letter in LETTERS.values())}, key=len, reverse=True)
    symbols = "|".join(re.escape(latex) + ("(?![A-Za-z])" if latex.startswith("\\") else "") for latex in known)
    token = re.compile(rf"{symbols}|\\mathrm\{{[^}}]*\}}|\\[A-Za-z]+|.", re.DOTALL)
    pieces = text.split("$")
    return "$".join(
        token.sub(lambda found: letters.get(found[0], found[0]), piece) if number % 2 else piece
        for number, piece in enumerate(pieces)
    )


def _plain(text: str) -> str:
    """Without the spaces that separate a command from a letter."""
    return text.replace(" ", "")


def check_caption(spec: FigureSpec, data: xr.Dataset) -> None:
    """Title and caption read in all four forms and in both notations; outside of formulas they are words."""
    for text in (spec.title, spec.caption_for(data)):
        outside = re.sub(r"\$[^$]*\$|`[^`]*`", "", text).replace("FedAda²", "FedAda")
        assert text.count("$") % 2 == 0
        assert not re.search(r"[\u0370-\u03ff\u2070-\u209f\u2200-\u22ff²³√∞→\u2212^_{}<>=]", outside), outside
        assert not re.search(r"(?<![\w.(])[B-Z](?![\w.)])", outside), f"a letter outside of a formula in {outside!r}"
        for letters in (spec.letters("alphabet"), spec.letters("paper")):
            assert "<math" in as_html(text, letters) or "$" not in text
            assert as_markdown(text, letters).count("$") == text.count("$")
            assert "$" not in as_text(text, letters)
            latex = as_latex(text, letters)
            assert not re.search(r"(?<!\\)[%#&]", latex)
            assert latex.count("{") == latex.count("}")
    assert not spec.title.endswith(".")
    written = " ".join(formulas_of(spec.title + spec.caption))
    changed = [name for name, latex in spec.letters("paper").items() if latex != LETTERS[name].latex]
    ours, papers = (captions(spec, data, notation)["txt"] for notation in NOTATIONS)
    assert (ours != papers) == any(re.search(rf"\b{name}(?![A-Za-z0-9])", written) for name in changed)


def check_files(spec: FigureSpec, data: xr.Dataset, folder: Path) -> None:
    """All formats come out the same again, with fonts in them, and the saved data redraw the figure."""
    first, again = (save(spec, data, folder / name, FORMATS) for name in ("a", "b"))
    assert [path.name for path in first] == [f"{spec.name}.{kind}" for kind in (*FORMATS, "txt", "tex", "nc")]
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), f"{one.name} differs when drawn again"
    pdf, _, svg, *_ = (path.read_bytes() for path in first)
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf
    assert b"<text" not in svg
    redrawn = save(spec, load_dataset(first[-1]), folder / "c", ["svg"])
    assert redrawn[0].read_bytes() == svg, "the saved data do not redraw the figure"


# Machado, Oliveira and Fernandes (2009), Table 1, severity 1: what is seen of linear red, green and blue.
BLINDNESS = {
    "protanopia": np.array([[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]),
    "deuteranopia": np.array([[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]),
    "tritanopia": np.array([[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]]),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # IEC 61966-2-1
WHITE = TO_XYZ.sum(axis=1)


def linear(color: str) -> Array:
    """Linear red, green and blue of an sRGB colour."""
    parts = np.array(to_rgba_array(color)[0][:3])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def cielab(color: str, seen: Array | None = None) -> Array:
    """CIELAB of a colour, of what a matrix leaves of it if one is given."""
    light = linear(color) if seen is None else np.clip(seen @ linear(color), 0, 1)
    ratio = TO_XYZ @ light / WHITE
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(first: str, second: str) -> float:
    """The contrast of two colours as WCAG 2 defines it, from 1 to 21."""
    darker, lighter = sorted(float(TO_XYZ[1] @ linear(color)) for color in (first, second))
    return (lighter + 0.05) / (darker + 0.05)
