"""The bounds of Tables 1 and 2 of patel2024 against the rounds: which upper bounds are met by lower ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tightrate.figures.drawing import (
    SMALL,
    Ink,
    Label,
    common_height,
    drawable,
    formula,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import GREY, Columns
from tightrate.rates.symbols.alphabet import B, L
from tightrate.verify.papers.patel2024 import tables as runs

LOWER = (0, (4, 1.6))
# What stands at the right end of each line; a lower bound that meets its upper bound is named with it.
NAMES: Mapping[str, str] = {
    "koloskova2020/convex": "local SGD, Thm. 9",
    "dekel2012/convex": "mini-batch SGD",
    "ghadimi2012/convex": "accelerated, Thm. 11",
    "glasgow2022/lower": "local SGD, in 2022",
    "woodworth2020/lower": "any method, in 2020",
    "woodworth2020/convex": "local SGD",
    "patel2024/thm15": "local SGD, Thm. 15",
    "yuan2020/convex": "equal workers",
    "patel2024/prop7-tau": "any inner, outer step",
}
# The ink of each class of methods, the same in both panels: a place among five.
CLASSES: Mapping[str, int] = {
    "koloskova2020/convex": 0,
    "woodworth2020/convex": 0,
    "glasgow2022/lower": 0,
    "dekel2012/convex": 1,
    "ghadimi2012/convex": 2,
    "yuan2020/convex": 2,
    "patel2024/thm15": 3,
    "woodworth2020/lower": 4,
    "patel2024/prop7-tau": 4,
}
MET = {"koloskova2020/convex": "patel2024/thm9-vanilla", "ghadimi2012/convex": "patel2024/thm11"}


@figure(
    "patel2024-tables",
    title="Upper bounds are met under first-order assumptions; higher-order ones leave a gap",
    caption=(
        "Bounds on the suboptimality against rounds $R$ at $K = {K:g}$ local steps, $M = {M:g}$ workers and, in"
        " units of $L$ and $B$, $sigma = {sigma:g}$. Solid: upper bounds; dashed: lower bounds; both: a lower"
        " bound that meets the upper bound of its class. Each class of methods has its ink in both panels."
        " Constants and logarithms are hidden, so that slopes and gaps speak, not levels. (a) Table 1:"
        " heterogeneity at the optimum, $zeta_star = {zeta_star:g}$. The bounds of local SGD are those of plain"
        " averaging. (b) Convex rows of Table 2: dissimilarity $zeta = {zeta:g}$, second-order heterogeneity $tau"
        " = {tau:g}$ and $Q = {Q:g}$, with the lower bound for every inner and outer step that $tau$ alone"
        " leaves."
    ),
    experiment=runs.tables,
    needs=("first", "second", "first_upper", "second_upper", "table_1", "table_2"),
    letters_of="patel2024/thm9",
)
def tables(data: xr.Dataset, columns: Columns) -> Figure:
    """One panel for each table, every line named at its right end."""
    picture, axes = panels(2, columns, tall=2.5, between=1.26, right=1.2)
    for ax, table, rows in zip(axes, ("first", "second"), ("table_1", "table_2"), strict=True):
        _lines(ax, data, table, data.attrs[rows])
        ax.set_xlabel(words("communication rounds $R$"))
    top, low = (pick([ax.get_ylim()[end] for ax in axes]) for pick, end in ((max, 1), (min, 0)))
    for ax in axes:
        ax.set_ylim(low, top)
    for ax, table, rows in zip(axes, ("first", "second"), ("table_1", "table_2"), strict=True):
        _name(ax, data, table, data.attrs[rows])
    common_height(axes, f"bound in units of ${formula(L * B**2)}$")
    _key(axes[0])
    axes[0].set_title("(a) first order: bounds meet")
    axes[1].set_title("(b) higher order: a gap is left")
    return picture


def _inks(rows: list[str]) -> dict[str, Ink]:
    inks = ordered_inks(5)
    return {row: inks[CLASSES[row]] for row in rows}


def _lines(ax: Axes, data: xr.Dataset, table: str, rows: list[str]) -> None:
    R = data.R.values
    for i, (row, ink) in enumerate(_inks(rows).items()):
        curve, upper = drawable(data[table][i]), bool(data[f"{table}_upper"][i])
        style: dict[str, Any] = {"linewidth": 1.5 if row in MET and table == "first" else 1.1}
        ax.plot(R, curve, color=ink.color, linestyle="-" if upper else LOWER, **style)
        if table == "first" and row in MET:  # the lower bound on top of the upper one
            ax.plot(R, curve, color="white", linestyle=LOWER, linewidth=0.6)
    log_axis(ax, "x")
    log_axis(ax, "y")
    ax.set_xlim(R[0], R[-1])


def _key(ax: Axes) -> None:
    """What solid and dashed lines are; the lines' names stand at their ends."""
    upper, lower = (Line2D([], [], color=GREY, linewidth=1.1, linestyle=dashes) for dashes in ("-", LOWER))
    both = Line2D([], [], color=GREY, linewidth=1.5), Line2D([], [], color="white", linewidth=0.6, linestyle=LOWER)
    kinds: dict[str, Artist | tuple[Artist, ...]] = {"upper bound": upper, "lower bound": lower, "both meet": both}
    look: dict[str, Any] = {"loc": "lower left", "frameon": False, "handlelength": 2.4, "labelspacing": 0.25}
    ax.legend(handles=list(kinds.values()), labels=list(kinds), fontsize=SMALL, **look)


def _name(ax: Axes, data: xr.Dataset, table: str, rows: list[str]) -> None:
    ends = [
        Label(float(data.R[-1]), float(data[table][i, -1]), NAMES[row], ink.text)
        for i, (row, ink) in enumerate(_inks(rows).items())
    ]
    place_labels(ax, ends, "right")
