"""Heterogeneity under a frozen scaling matrix: what local steps cost, and where the method ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tightrate.figures.drawing import (
    Array,
    Label,
    count,
    drawable,
    formula,
    label_along,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    slope_triangle,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, L
from tightrate.verify.papers.chezhegov2024 import heterogeneity

THIN = 0.7
WORST = (0, (4, 2))
ROOM = 0.42  # for labels, of the axis
DRIFT = "heterogeneity drift"
NAMES = {"none": "$D=I$", "along": "along", "against": "against"}  # the curvatures


@figure(
    "scaled-heterogeneity",
    title="Client drift under a frozen scaling matrix",
    caption=(
        "Heterogeneous quadratics ({M} workers, dimension {d}, condition number {kappa:.3g}) with a frozen"
        " diagonal matrix D that all clients share, against the heterogeneity at the optimum. (a) Exact expected"
        " suboptimality of the average iterate for the same number of steps in all and one step size, with D along"
        " the curvatures (Γ/α = {ratio:.3g}), for several numbers H of local steps. Thin: the bound at the largest"
        " H, with its terms, in the constants of the norm of D; it grows as the suboptimality does, with far"
        " larger constants. (b) Where the method ends without noise, {most_local_steps:g} local steps a round, at"
        " the largest step that worst-case constants allow: for D = I, along the curvatures and against them:"
        " distance of its fixed point from the optimum in the norm of D, in units of √α (thick), with the bound in"
        " the constants of the norm of D (thin) and with worst-case constants (dashed). A common matrix scales"
        " client drift but does not remove it."
    ),
    experiment=heterogeneity.scaled_heterogeneity,
    needs=("gap", "bound", f"term: {DRIFT}", "floor", "worst", "true"),
    cost="full",
)
def scaled_heterogeneity(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels against zeta_star: the gap at equal work, and the fixed point."""
    source = theorem(data.attrs["theorem"])
    picture, (left, right) = panels(2, columns, tall=2.4, left=0.56, between=0.66)
    value, gradient, length = (unit_of(data, powers) for powers in ((1, 2), (1, 1), (0, 1)))
    shown = data.assign_coords(zeta_star=data.zeta_star / gradient)
    for name in data:
        shown[name] = shown[name] / (length if name in ("floor", "worst", "true") else value)
    x = shown.zeta_star.values
    for ax in (left, right):
        log_axis(ax, "x", ticks=decades(x))
        log_axis(ax, "y")
        ax.set_xlim(x[0] / 1.15, x[-1] * (x[-1] / x[0]) ** ROOM)
        ax.spines["bottom"].set_bounds(x[0] / 1.15, x[-1] * 1.15)
        ax.set_xlabel(rf"heterogeneity ${letter('zeta_star', source)}$ in units of ${formula(L * B, source)}$")
    _gap(left, shown)
    _fixed_points(right, shown)
    left.set_ylabel(rf"${source.bound.measure.latex}$  in units of ${formula(L * B**2, source)}$")
    of_distance = rf"\|x_\infty-x^\star\|_D/\sqrt{{{letter('d_min', source)}}}"
    right.set_ylabel(rf"${of_distance}$  in units of ${letter('B', source)}$")
    left.set_title("(a) at equal work")
    right.set_title("(b) without noise, at the end")
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
        labels.append(Label(x[-1], gap[-1], f"${letter('K', source)}={count(steps)}$", ink.text))
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
    slope_triangle(ax, (x[0] * 1.6, total[-1] * 0.01), 5.0, exponent, letter("zeta_star", source))


def _fixed_points(ax: Axes, data: xr.Dataset) -> None:
    x, labels = data.zeta_star.values, []
    for turn, (name, ink) in enumerate(zip(data["matrix"].values, ordered_inks(data.sizes["matrix"]), strict=True)):
        at = data.sel(matrix=name)
        floor = drawable(at.floor)
        marks: dict[str, Any] = {"marker": ink.marker, "markerfacecolor": "white", "markevery": (turn, 6)}
        ax.plot(x, floor, color=ink.color, **marks)
        ax.plot(x, drawable(at.true), color=ink.color, linewidth=THIN)
        ax.plot(x, drawable(at.worst), color=ink.color, linewidth=THIN, linestyle=WORST)
        labels.append(Label(x[-1], floor[-1], NAMES[str(name)], ink.text))
        labels.append(Label(x[-1], float(at.true[-1]), f"{NAMES[str(name)]}, bound", ink.text))
    everything = np.concatenate([drawable(data[part]).ravel() for part in ("floor", "worst")])
    ax.set_ylim(np.nanmin(everything) * 0.4, np.nanmax(everything) * 3)
    worst = drawable(data.worst).max(axis=0)
    label_along(ax, (x[0], worst[0]), (x[-1], worst[-1]), "worst-case constants", at=0.4, offset=3)
    place_labels(ax, labels, "right")
