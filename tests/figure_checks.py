"""What every figure must pass, whatever it draws: labels apart and inside, embedded fonts, the same bytes again."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import xarray as xr
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from tightrate.figures.figure import FORMATS, FigureSpec, save
from tightrate.figures.style import WIDTH, Columns, Family, styled
from tightrate.verify.cache.netcdf import load_dataset


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
    """Every text lies inside the figure, and no upright text on another; the width is that of a paper's columns."""
    picture = spec.picture(data, columns, family)
    assert picture.get_figwidth() == WIDTH[columns]
    with styled(family):
        canvas = FigureCanvasAgg(picture)
        canvas.draw()
        boxes = [(text, text.get_window_extent(canvas.get_renderer())) for text in visible_texts(picture)]
    for text, box in boxes:
        whole = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= picture.bbox.x1 and box.y1 <= picture.bbox.y1
        assert whole, f"{text.get_text()} is cut off"
    upright = [(text, box.padded(-1)) for text, box in boxes if text.get_rotation() in (0, 90)]
    for (first, box), (second, other) in combinations(upright, 2):
        assert not box.overlaps(other), f"{first.get_text()} lies on {second.get_text()}"


def check_files(spec: FigureSpec, data: xr.Dataset, folder: Path) -> None:
    """All formats come out the same again, with fonts in them, and the saved data redraw the figure."""
    first, again = (save(spec, data, folder / name, FORMATS) for name in ("a", "b"))
    assert [path.name for path in first] == [f"{spec.name}.{kind}" for kind in (*FORMATS, "nc")]
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), f"{one.name} differs when drawn again"
    pdf, _, svg, _ = (path.read_bytes() for path in first)
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf
    assert b"<text" not in svg
    redrawn = save(spec, load_dataset(first[-1]), folder / "c", ["svg"])
    assert redrawn[0].read_bytes() == svg, "the saved data do not redraw the figure"
