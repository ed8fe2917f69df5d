"""Heterogeneity under a frozen scaling matrix: what local steps cost, and where the method ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tightrate.common.errors import TightrateError
from tightrate.figures.drawing import (
    SMALL,
    Array,
    Label,
    count,
    drawable,
    end_axis,
    formula,
    label_along,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    slope_triangle,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, L, zeta_star
from tightrate.verify.papers.chezhegov2024 import heterogeneity

THIN = 0.7
# What a row of the right panel shows of a matrix: its mark, and its meaning.
MARKS: Mapping[str, tuple[dict[str, Any], str]] = {
    "floor": ({"marker": "o", "markersize": 4.5}, "fixed point"),
    "true": ({"marker": "|", "markersize": 9, "markeredgewidth": 1.2}, "bound"),
    "worst": ({"marker": "D", "markersize": 4, "markerfacecolor": "white"}, "worst-case bound"),
}
ROOM = 0.42  # for labels, of the axis
DRIFT = "heterogeneity drift"
NAMES = {"none": "$D=I$", "along": "along\ncurvature", "against": "against\ncurvature"}


@figure(
    "scaled-heterogeneity",
    title="A common scaling matrix scales client drift but does not remove it",
    caption=(
        "Heterogeneous quadratics ({M} workers, dimension {d}, condition number {kappa:.3g}) with a frozen"
        " diagonal matrix $D$ that all clients share. (a) Exact expected suboptimality of the average iterate,"
        " against the heterogeneity at the optimum, for the same number of steps in all and one step size, with"
        " $D$ along the curvatures ($d_max/d_min = {ratio:.3g}$), for several numbers $K$ of local steps. Thin:"
        " the bound at the largest $K$, with its terms, in the constants of the norm of $D$; it grows as the"
        " suboptimality does, with far larger constants. (b) Where the method ends without noise,"
        " {most_local_steps:g} local steps a round, at the largest step that worst-case constants allow: distance"
        " of its fixed point from the optimum in the norm of $D$, in units of $sqrt(d_min)$, as a multiple of the"
        " heterogeneity, to which it is proportional. Each matrix is to be compared with its own bounds."
    ),
    experiment=heterogeneity.scaled_heterogeneity,
    needs=("gap", "bound", f"term: {DRIFT}", "floor", "worst", "true"),
    letters_of="chezhegov2024/local-het-c-own",
)
def scaled_heterogeneity(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels against zeta_star: the gap at equal work, and the fixed point."""
    source = theorem(data.attrs["theorem"])
    picture, (left, right) = panels(2, columns, tall=2.4, left=0.56, between=0.86, bottom=0.5)
    value, gradient, length = (unit_of(data, powers) for powers in ((1, 2), (1, 1), (0, 1)))
    shown = data.assign_coords(zeta_star=data.zeta_star / gradient)
    for name in data:
        shown[name] = shown[name] / (length if name in ("floor", "worst", "true") else value)
    x = shown.zeta_star.values
    log_axis(left, "x", ticks=decades(x))
    log_axis(left, "y")
    left.set_xlim(x[0] / 1.15, x[-1] * (x[-1] / x[0]) ** ROOM)
    left.set_xlabel(words("heterogeneity $zeta_star$ in units of $L B$"))
    _gap(left, shown)
    end_axis(left, x[0] / 1.15, x[-1] * 1.15)
    _fixed_points(right, shown)
    left.set_ylabel(rf"${source.bound.measure.latex}$  in units of ${formula(L * B**2)}$")
    drift = source.bound.term(DRIFT).monomial.exponents["zeta_star"]
    left.set_title(words(f"(a) drift grows with $K$, as $zeta_star^{drift}$"))
    of_distance = rf"\|x_\infty-x^\star\|_D/\sqrt{{{letter('d_min')}}}"
    right.set_xlabel(rf"${of_distance}$  in units of ${formula(zeta_star / L)}$")
    right.set_title("(b) it stays, whatever the matrix")
    return picture


def unit_of(data: xr.Dataset, powers: tuple[int, int]) -> float:
    """L^a B^b in numbers."""
    return float(data.attrs["L"] ** powers[0] * data.attrs["B"] ** powers[1])


def decades(x: Array) -> Array:
    """The powers of ten in the range of x."""
    ends = np.log10(x[[0, -1]])
    return np.asarray(10.0 ** np.arange(np.ceil(ends[0]), np.floor(ends[1]) + 1))


def _gap(ax: Axes, data: xr.Dataset) -> None:
    source, x = theorem(data.attrs["theorem"]), data.zeta_star.values
    labels = []
    for turn, (steps, ink) in enumerate(zip(data.K.values, ordered_inks(data.sizes["K"]), strict=True)):
        gap = drawable(data.gap.sel(K=steps))
        marks: dict[str, Any] = {
            "marker": ink.marker,
            "markerfacecolor": "white",
            "markevery": (turn, 2 * data.sizes["K"]),
        }
        ax.plot(x, gap, color=ink.color, **marks)
        labels.append(Label(x[-1], gap[-1], f"${letter('K')}={count(steps)}$", ink.text))
    for term in source.bound.terms:
        line = drawable(data[f"term: {term.name}"])
        ax.plot(x, line, color=GREY, linewidth=THIN, linestyle=(0, (1.5, 1.5)))
        labels.append(Label(x[-1], line[-1], term.name.replace("heterogeneity ", ""), GREY))
    total = drawable(data.bound)
    ax.plot(x, total, color=BLACK, linewidth=THIN)
    lowest = float(np.nanmin(data.gap))
    ax.set_ylim(lowest * 0.3, total[-1] * 3)
    near = len(x) // 5
    label_along(ax, (x[0], total[0]), (x[near], total[near]), "bound", at=0.6, offset=3)
    place_labels(ax, labels, "right")
    exponent = source.bound.term(DRIFT).monomial.exponents["zeta_star"]
    slope_triangle(ax, (x[0] * 1.6, total[-1] * 0.01), 5.0, exponent, letter("zeta_star"))


def per_heterogeneity(values: xr.DataArray, zeta_star: xr.DataArray) -> float:
    """The one number to which values are proportional along the heterogeneity."""
    factors = (values / zeta_star).values
    if not np.allclose(factors, factors[0], rtol=1e-6):
        raise TightrateError(
            "the distance of the fixed point is not proportional to the heterogeneity in these results"
        )
    return float(factors[0])


def _fixed_points(ax: Axes, data: xr.Dataset) -> None:
    """For each matrix a row: where the method ends, and what the bounds allow."""
    names, inks = [str(name) for name in data["matrix"].values], ordered_inks(data.sizes["matrix"])
    rows = -np.arange(len(names), dtype=np.float64)
    found = {part: [per_heterogeneity(data[part].sel(matrix=name), data.zeta_star) for name in names] for part in MARKS}
    log_axis(ax, "x")
    everything = np.concatenate(list(found.values()))
    ax.set_xlim(everything.min() / 4, everything.max() * 4)
    ax.set_ylim(rows[-1] - 0.6, 1.1)
    for part, (mark, _) in MARKS.items():
        for row, value, ink in zip(rows, found[part], inks, strict=True):
            ax.plot([value], [row], linestyle="none", color=ink.color, gid=part, **mark)
    for row, name in zip(rows, names, strict=True):
        inside = [found[part][names.index(name)] for part in MARKS]
        ax.hlines(row, min(inside), max(inside), color=GREY, linewidth=0.4, zorder=0)
    ax.set_yticks(rows, [NAMES[name] for name in names])
    ax.tick_params(axis="y", length=0)
    handles = [Line2D([], [], linestyle="none", color=GREY, label=meaning, **mark) for mark, meaning in MARKS.values()]
    ax.legend(
        handles=handles, loc="upper center", ncols=3, frameon=False, fontsize=SMALL, handlelength=0.6,
        handletextpad=0.4, columnspacing=0.9, borderaxespad=0.0,
    )  # fmt: skip
