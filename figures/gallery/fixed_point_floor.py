"""The fixed-point floor: where local gradient descent ends instead of at the optimum, against K and against eta."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tightrate.figures.drawing import (
    SMALL,
    Label,
    common_height,
    count,
    drawable,
    end_axis,
    formula,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    slope_triangle,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import GREY, Columns
from tightrate.rates.symbols.alphabet import L, eta
from tightrate.verify.measurement import symbols_of
from tightrate.verify.papers.patel2024 import discrepancy

LINES = 3  # of each panel
BOUND_WIDTH = 0.7
FIRST_ORDER = (0, (5, 2.5))


@figure(
    "fixed-point-floor",
    title="Local steps move the end of local gradient descent away from the optimum",
    caption=(
        "Distance of the fixed point $x_inf$ of local gradient descent from the optimum $x*$ on {M} quadratic"
        " workers in dimension {d} with different optima ($mu = {mu:.3g} L$, $tau = {tau:.3g} L$, $B$ the start"
        " distance): (a) against the local steps $K$, (b) against the inner step $eta$, whatever the outer step."
        " Thick lines are exact, markers are runs step by step to the end. The sharp bound is followed closely"
        " until the fixed point comes near the mean of the workers' optima, and the first-order bound,"
        " proportional to $eta (K - 1)$ for small $eta$, tells how the floor vanishes; triangle: its exponent of"
        " $eta$. At $K = 1$ there is no floor."
    ),
    experiment=discrepancy.floor,
    needs=("floor", "simulated"),
    letters_of="patel2024/discrepancy",
)
def fixed_point_floor(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: against K for a few eta, and against eta for a few K, each with both bounds."""
    source, small_step = discrepancy.sharp_discrepancy.theorem, discrepancy.first_order_discrepancy.theorem
    known = symbols_of(data)
    bounds = {"sharp": source.bound.at(known), "first_order": small_step.bound.at(known)}
    scaled = data[["floor", "simulated"]].assign(bounds) / data.attrs["B"]
    # At K = 1 floor and bounds are zero, which rounding hides and a log axis cannot show.
    scaled = scaled.where(scaled.K > 1, drop=True).assign_coords(eta=scaled.eta * data.attrs["L"])
    picture, axes = panels(2, columns, tall=2.2)
    floor = drawable(scaled.floor)
    for ax in axes:
        log_axis(ax, "x")
        log_axis(ax, "y")
        ax.set_ylim(np.nanmin(floor) * 0.6, np.nanmax(drawable(scaled.sharp)) * 1.6)
    _lines(axes[0], scaled, along="K", name=formula(eta * L))
    _lines(axes[1], scaled, along="eta", name=letter("K"))
    _key(axes[1])
    slope = small_step.bound.terms[0].monomial.exponents["eta"]
    slope_triangle(axes[1], (scaled.eta.values[0] * 4, axes[1].get_ylim()[0] * 2), 4.0, slope, letter("eta"))
    axes[0].set_xlabel(words("local steps per round $K$"))
    axes[1].set_xlabel(words("inner step $eta$ in units of $1/L$"))
    for ax, low in zip(axes, (1.0, scaled.eta.values[0]), strict=True):
        end_axis(ax, low, ax.get_xlim()[1])
    common_height(axes, rf"${source.bound.measure.latex}$  in units of ${letter('B')}$")
    axes[0].set_title("(a) the floor rises with the local steps")
    axes[1].set_title("(b) it vanishes only with the inner step")
    return picture


def _lines(ax: Axes, data: xr.Dataset, *, along: Literal["K", "eta"], name: str) -> None:
    """Floor, runs and both bounds along one dimension, for a few values of the other one where runs were made."""
    other = "eta" if along == "K" else "K"
    with_runs = data[other].values[np.isfinite(data.simulated).any(along).values]
    chosen = with_runs[np.unique(np.linspace(0, len(with_runs) - 1, LINES).round().astype(int))]
    x = data[along].values
    labels = []
    for value, ink in zip(chosen, ordered_inks(len(chosen)), strict=True):
        at = data.sel({other: value})
        ax.plot(x, drawable(at.first_order), color=ink.color, linewidth=BOUND_WIDTH, linestyle=FIRST_ORDER)
        ax.plot(x, drawable(at.sharp), color=ink.color, linewidth=BOUND_WIDTH)
        ax.plot(x, drawable(at.floor), color=ink.color, linewidth=1.5)
        runs: dict[str, Any] = {"linestyle": "none", "marker": ink.marker, "markerfacecolor": "white"}
        ax.plot(x, drawable(at.simulated), color=ink.color, **runs)
        labels.append(Label(x[0], float(at.floor[0]), f"${name}={count(value)}$", ink.text))
    ax.set_xlim(x[0] / (x[-1] / x[0]) ** 0.25, x[-1] * 1.15)
    place_labels(ax, labels, "left")


def _key(ax: Axes) -> None:
    """What each kind of line is; colours are named on the lines."""
    kinds: dict[str, dict[str, Any]] = {
        "run, step by step": {"linestyle": "none", "marker": "o", "markerfacecolor": "white"},
        "fixed point, exact": {"linewidth": 1.5},
        "sharp bound": {"linewidth": BOUND_WIDTH},
        "first-order bound": {"linewidth": BOUND_WIDTH, "linestyle": FIRST_ORDER},
    }
    handles = [Line2D([], [], color=GREY, label=kind, **look) for kind, look in kinds.items()]
    ax.legend(handles=handles, loc="lower right", frameon=False, fontsize=SMALL, handlelength=2.4, labelspacing=0.25)
