"""How close measured values come to every bound that is compared by value, by paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from tightrate.figures.drawing import Array, key, panels, paper_name
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, FORBIDDEN, GREY, ORDERED_INKS, Columns
from tightrate.verify.assertions.thresholds import ATTAINED
from tightrate.verify.sharpness import sharpness as ratios

LEAST = 1e-9  # what is farther from its bound stands at the edge, as an arrow
ROW = 0.2  # inches for one paper
NAMES: dict[Columns, float] = {1: 0.95, 2: 1.3}  # inches for the names of the papers
LOOKS: Mapping[str, Mapping[str, Any]] = {
    "upper": {"marker": "o", "color": ORDERED_INKS[1], "markersize": 3.6, "markeredgewidth": 0.5},
    "lower": {"marker": "^", "color": ORDERED_INKS[4], "markersize": 4.0, "markerfacecolor": "white"},
}
MEANING = {"upper": "upper bound: largest measured / bound", "lower": "lower bound: smallest measured / bound"}


@figure(
    "sharpness",
    title="Many bounds are attained, some are loose by orders of magnitude",
    caption=(
        "One mark for each of the {claims} claims that compare measured values with a bound that has its constants and"
        " that held at every point: the ratio of the two where it comes closest to 1, by the paper of the bound. Upper"
        " bounds can only lie to the left of 1, lower bounds to the right; in the grey strip they are within a factor"
        " of 2. A mark at the left edge is farther out. A bound that looks loose may be attained where nobody looked."
    ),
    experiment=ratios,
    needs=("ratio", "upper", "claims"),
)
def sharpness(data: xr.Dataset, columns: Columns) -> Figure:
    """A row for each paper, by the number of its claims."""
    papers, counts = np.unique(data.paper.values.astype(str), return_counts=True)
    order = [str(papers[place]) for place in np.argsort(-counts, kind="stable")]
    picture, (ax,) = panels(
        1, columns, tall=ROW * max(len(order), 3) + 0.15, left=NAMES[columns], right=0.12, bottom=0.4, top=0.1,
        below=0.36 if columns == 1 else 0.22,
    )  # fmt: skip
    ax.set_xscale("log")
    ax.axvspan(ATTAINED, 1 / ATTAINED, color=FORBIDDEN, linewidth=0, zorder=0)
    ax.axvline(1.0, color=BLACK, linewidth=0.8)
    for row, paper in enumerate(order):
        for side, look in LOOKS.items():
            own = data.ratio.values[(data.paper.values == paper) & (data.upper.values == (side == "upper"))]
            shown = np.maximum(own, LEAST)
            heights = row + _apart(shown, -0.28 if side == "upper" else 0.28)
            ax.plot(shown, heights, linestyle="none", gid=side, **look)
        ax.axhline(row + 0.5, color=GREY, linewidth=0.25, zorder=0)
    ax.set_yticks(range(len(order)), [paper_name(paper) for paper in order])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(order) - 0.45, -0.55)
    ax.set_xlim(max(LEAST, float(data.ratio.min())) / 2, max(10.0, float(data.ratio.max()) * 2))
    ax.xaxis.set_major_locator(LogLocator(base=100.0 if columns == 2 else 1000.0, numticks=20))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("measured / bound")
    key(picture, {MEANING[side]: {**look, "linestyle": "none"} for side, look in LOOKS.items()}, per_row=columns)
    return picture


def _apart(values: Array, most: float) -> Array:
    """Heights from 0 to `most`, in turn along the row, so that equal values are seen as several."""
    turns = np.empty(len(values))
    turns[np.argsort(values, kind="stable")] = np.arange(len(values)) % 4
    return most * (turns + 0.5) / 4
