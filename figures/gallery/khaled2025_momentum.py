"""Outer momentum acts through the momentum-adjusted outer step."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sympy import Integer

from tightrate.figures.drawing import (
    SMALL,
    Array,
    common_height,
    count,
    drawable,
    formula,
    label_along,
    letter,
    log_axis,
    ordered_inks,
    panels,
    slope_triangle,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, Columns
from tightrate.rates.symbols.alphabet import B, L, gamma, momentum
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.khaled2025 import outer_momentum

ROUNDS = 1000.0


@figure(
    "khaled2025-momentum",
    title="Outer momentum acts through the adjusted outer step",
    caption=(
        "Gap of the averaged iterate of local SGD with outer heavy-ball momentum $momentum$, exact, without"
        " noise, on a quadratic whose {d} curvatures are spread evenly in the logarithm between ${flattest:g} L$"
        " and $L$; $K = {K}$, $eta L = {eta:g}$, $R = 1000$ rounds. (a) Against the outer step $gamma$ every"
        " momentum has its own line. (b) Against the momentum-adjusted outer step $gamma/(1 - momentum)$ they lie"
        " on one. Filled markers: inside the conditions of Theorem 2 with $(1 - momentum)^2$; open ones: outside,"
        " where nothing is claimed. Thin line: the theorem's bound (re-derived), which without noise depends on"
        " $gamma/(1 - momentum)$ alone."
    ),
    experiment=outer_momentum.adjusted_steps,
    needs=("gap", "gamma"),
    letters_of="khaled2025/thm2",
)
def adjusted_outer_step(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels with a common vertical axis: against gamma, and against gamma / (1 - momentum)."""
    source = outer_momentum.momentum_below_thm2.theorem
    at = data.sel(R=ROUNDS, method="nearest")
    unit = data.attrs["L"] * data.attrs["B"] ** 2
    picture, axes = panels(2, columns, tall=2.3, between=0.2, left=0.55)
    inks = ordered_inks(data.sizes["momentum"])
    gap = Measurement.of(at, "gap")
    bound = drawable(gap.at(source.bound.expression).isel(momentum=0) / unit)
    admissible = source.holds_at(gap.symbols).transpose("momentum", "adjusted").values
    gaps = drawable(at.gap / unit)
    for i, ink in enumerate(inks):
        for ax, x in zip(axes, (at.gamma.values[i], data.adjusted.values), strict=True):
            ax.plot(x, gaps[i], color=ink.color, linewidth=0.9, gid="gap")
            for inside in (True, False):
                rows = np.flatnonzero(admissible[i] == inside)
                rows = rows if ax is axes[0] else rows[rows % len(inks) == i]  # markers take turns where lines coincide
                marks: dict[str, Any] = {"linestyle": "none", "marker": ink.marker, "color": ink.color, "zorder": 3}
                ax.plot(x[rows], gaps[i][rows], markerfacecolor=ink.color if inside else "white", **marks)
    for ax in axes:
        log_axis(ax, "x")
        log_axis(ax, "y")
        ax.set_ylim(np.nanmin(gaps) / 12, np.nanmax(gaps) * 200)
    axes[0].set_xlim(np.nanmin(at.gamma) / 2, np.nanmax(at.gamma) * 4)
    axes[1].set_xlim(data.adjusted.values[0] / 1.6, data.adjusted.values[-1] * 1.6)
    axes[1].plot(data.adjusted, bound, color=BLACK, linewidth=0.7, gid="bound")
    ends = (data.adjusted.values[0], bound[0]), (data.adjusted.values[-1], bound[-1])
    label_along(axes[1], *ends, "bound of Theorem 2", at=0.7, offset=3)
    axes[0].text(
        0.98, 0.97, "filled: conditions of Theorem 2 hold", transform=axes[0].transAxes,
        ha="right", va="top", fontsize=SMALL, color=GREY,
    )  # fmt: skip
    _name_ends(axes[0], at.gamma.values[:, -1], gaps[:, -1], data.momentum.values, letter("momentum"))
    together = r",\ ".join(count(value) for value in data.momentum.values)
    axes[1].annotate(
        rf"${letter('momentum')}={together}$", (data.adjusted.values[5], np.nanmax(gaps[:, 5])), (5, 4),
        textcoords="offset points", fontsize=SMALL,
    )  # fmt: skip
    corner = data.adjusted.values[2], np.nanmin(gaps[:, 5]) / 6
    slope_triangle(axes[1], corner, 8.0, Integer(-1), f"({formula(gamma / (1 - momentum))})")
    common_height(axes, rf"${source.bound.measure.latex}$  in units of ${formula(L * B**2)}$")
    axes[0].set_xlabel(words("outer step $gamma$"))
    axes[1].set_xlabel(f"adjusted outer step ${formula(gamma / (1 - momentum))}$")
    axes[0].set_title("(a) every momentum has its own line")
    axes[1].set_title("(b) one line against the adjusted step")
    return picture


def _name_ends(ax: Axes, x: Array, y: Array, values: Array, name: str) -> None:
    """The name of each line below its last point: the outermost to the sides, the last but one a line lower."""
    order = np.argsort(x)
    for rank, i in enumerate(order):
        side = "right" if rank == 0 else "left" if rank == len(order) - 1 else "center"
        lower = rank == len(order) - 2
        ax.annotate(
            f"${name}={count(values[i])}$",
            (x[i], y[i]),
            xytext=({"right": 6, "left": -4, "center": 0}[side], -16 if lower else -7),
            textcoords="offset points",
            ha=side,
            va="top",
            fontsize=SMALL,
            color=ordered_inks(len(values))[i].text,
        )
