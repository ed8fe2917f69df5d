"""What implies what: implications between the catalogue's statements, gathered by paper."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import xarray as xr
from matplotlib.figure import Figure

from tightrate.figures.drawing import SMALL, key, panels, paper_name
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, ORDERED_INKS, WIDTH, Columns
from tightrate.verify.implication_map import implication_map, layers

NUMBER = 6.5  # points
ROW = 0.27  # inches for one paper
NAMES: Mapping[Columns, float] = {1: 0.95, 2: 2.0}  # inches for the names of the papers
HELD, FAILED = ORDERED_INKS[1], ORDERED_INKS[4]
Pair = tuple[str, str]


@figure(
    "implications",
    title="Newer bounds imply older ones, but not all that one would expect",
    caption=(
        "All {implications} implications between {statements} statements of the catalogue: special cases, rates tuned"
        " over a parameter, bounds solved for a symbol. In the row of a paper: how many of its statements' implications"
        " lead to statements of the paper of the column. Full squares: proved, by an identity or by the order algebra;"
        " open ones: expected by a reader, and false ({failing} in all). What is implied by others stands further to"
        " the right and below."
    ),
    experiment=implication_map,
    needs=("source", "target", "holds", "statements"),
)
def implications(data: xr.Dataset, columns: Columns) -> Figure:
    """A row and a column for each paper."""
    pairs = {kind: Counter[Pair]() for kind in ("held", "failed")}
    for source, target, holds in zip(data.source.values, data.target.values, data.holds.values, strict=True):
        pairs["held" if holds else "failed"][_paper(source), _paper(target)] += 1
    implied: dict[str, set[str]] = defaultdict(set)
    for source, target in pairs["held"] + pairs["failed"]:
        implied[source].update({target} - {source})
    layer = layers(implied)
    order = sorted(layer, key=lambda paper: (-layer[paper], paper))
    size = ROW * len(order)
    right = WIDTH[columns] - NAMES[columns] - min(1.4 * size, WIDTH[columns] - NAMES[columns] - 0.1)
    picture, (ax,) = panels(1, columns, tall=size, left=NAMES[columns], right=right, bottom=0.05, top=0.9, below=0.25)
    for shift, (kind, color) in zip((-0.23, 0.23), (("held", HELD), ("failed", FAILED)), strict=True):
        for (source, target), number in pairs[kind].items():
            both = (source, target) in pairs["held"] and (source, target) in pairs["failed"]
            x, y = order.index(target), order.index(source) + shift * both
            face = color if kind == "held" else "white"
            ax.plot([x], [y], "s", color=color, markerfacecolor=face, markersize=8, gid=f"{kind}:{number}")
            text = "white" if kind == "held" else BLACK
            ax.text(x, y, str(number), ha="center", va="center_baseline", fontsize=NUMBER, color=text)
    ax.set_xlim(-0.5, len(order) - 0.5)
    ax.set_ylim(len(order) - 0.5, -0.5)
    for at in range(len(order) + 1):
        ax.axhline(at - 0.5, color=GREY, linewidth=0.2, zorder=0)
        ax.axvline(at - 0.5, color=GREY, linewidth=0.2, zorder=0)
    names = [paper_name(paper) for paper in order]
    ax.set_yticks(range(len(order)), names)
    ax.set_xticks(range(len(order)), names, rotation=90)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.annotate(
        "from a paper\nto a paper →", (0, 1), xytext=(-5, 4), xycoords="axes fraction",
        textcoords="offset points", ha="right", va="bottom", fontsize=SMALL, color=GREY, linespacing=1.4,
    )  # fmt: skip
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    mark = {"marker": "s", "linestyle": "none", "markersize": 7}
    looks = {
        "proved": {**mark, "color": HELD},
        "expected, and false": {**mark, "color": FAILED, "markerfacecolor": "white"},
    }
    key(picture, looks, per_row=2)
    return picture


def _paper(statement: str) -> str:
    return str(statement).partition("/")[0]
