"""The factor d_max/d_min of a frozen scaling matrix: real in the rate, absent from the noise floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tightrate.figures.drawing import (
    Array,
    Ink,
    Label,
    drawable,
    end_axis,
    formula,
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
from tightrate.rates.symbols.alphabet import M, d_max, d_min, eta, mu, sigma
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.chezhegov2024 import worst_case_factor

THIN = 0.7
ROOM = 0.55  # for labels, of the axis
TRUE_STEP = (0, (4, 2))
NAMES = {"against": "against curvature", "random": "random", "along": "along curvature"}


@figure(
    "scaling-factor",
    title="A frozen scaling matrix costs its spread in the rate, not in the noise floor",
    caption=(
        "Local SGD on one quadratic (condition number {kappa:g}, dimension {d}, {M} workers) in the norm of a"
        " frozen diagonal matrix $D$, against the ratio $d_max/d_min$ of its largest to its smallest entry, at"
        " the largest step that worst-case constants allow. (a) Steps that reduce the squared distance in the"
        " norm of $D$ to ${reduction:g}$ of its start, from the slowest direction. A matrix that is largest along"
        " the flattest direction (“against curvature”) follows the bound for quadratics exactly; random matrices"
        " (median of {draws}, band from the 10th to the 90th percentile) and matrices along the curvatures need"
        " fewer steps; dashed: along the curvatures, at the longer step that the true smoothness in the norm of"
        " $D$ allows. (b) The limit of the expected squared distance under noise, with the same marks: the factor"
        " $d_max/d_min$ that the general bound has in its statistical term is not there on a quadratic."
    ),
    experiment=worst_case_factor.scaling_factor,
    needs=("steps", "true_steps", "floor", "d_max", "reduction"),
    letters_of="chezhegov2024/id-sc",
)
def scaling_factor(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels against d_max/d_min: steps to a reduction, and the noise floor."""
    inks = dict(zip(NAMES, ordered_inks(3), strict=True))
    picture, (left, right) = panels(2, columns, tall=2.3, left=0.5, between=0.6)
    ratio = data.ratio.values
    for ax in (left, right):
        log_axis(ax, "x", ticks=10.0 ** np.arange(np.ceil(np.log10(ratio[-1])) + 1))
        log_axis(ax, "y")
        ax.set_xlim(ratio[0] / 1.3, ratio[-1] * (ratio[-1] / ratio[0]) ** ROOM)
        ax.set_xlabel(f"spread of the matrix ${formula(d_max / d_min)}$")
    _steps(left, data, inks)
    _floors(right, data, inks)
    for ax in (left, right):
        end_axis(ax, ratio[0] / 1.3, ratio[-1] * 1.3)
    left.set_ylabel(words(f"steps until $||x - x*||_D^2$ is ${data.attrs['reduction']:.0e}$ of its start"))
    unit = formula(eta * sigma**2 / (mu * M))
    right.set_ylabel(rf"noise floor in units of ${unit}$")
    left.set_title("(a) the rate has the factor")
    right.set_title("(b) the noise floor on a quadratic does not")
    return picture


def _matrices(ax: Axes, values: xr.DataArray, inks: Mapping[str, Ink]) -> dict[str, Array]:
    """The line of each kind of matrix with its band, where there is more than one; the lines' heights."""
    ratio, heights = values.ratio.values, {}
    for turn, (lies, ink) in enumerate(inks.items()):
        drawn = values.sel(lies=lies).transpose("ratio", "draw").values
        low, middle, high = np.nanpercentile(drawn, (10, 50, 90), axis=1)
        if (high > low).any():
            ax.fill_between(ratio, low, high, color=ink.color, alpha=0.22, linewidth=0)
        marks: dict[str, Any] = {"marker": ink.marker, "markerfacecolor": "white", "markevery": (turn % 2, 2)}
        ax.plot(ratio, drawable(xr.DataArray(middle)), color=ink.color, **marks)
        heights[lies] = middle
    return heights


def _steps(ax: Axes, data: xr.Dataset, inks: Mapping[str, Ink]) -> None:
    ratio = data.ratio.values
    heights = _matrices(ax, data.steps, inks)
    true = data.true_steps.values
    ax.plot(ratio, true, color=inks["along"].color, linestyle=TRUE_STEP, linewidth=1.0)
    general = _bounds(ax, data, "steps")
    ax.set_ylim(np.nanmin(true) * 0.5, general[-1] * 3)
    labels = [Label(ratio[-1], general[-1], "general bound", BLACK)]
    labels += [Label(ratio[-1], heights[lies][-1], NAMES[lies], ink.text) for lies, ink in inks.items()]
    labels.append(Label(ratio[-1], true[-1], "along, longer step", inks["along"].text))
    place_labels(ax, labels, "right")


def _floors(ax: Axes, data: xr.Dataset, inks: Mapping[str, Ink]) -> None:
    ratio = data.ratio.values
    heights = _matrices(ax, data.floor, inks)
    general = _bounds(ax, data, "floor")
    ax.set_ylim(0.05, general[-1] * 3)
    labels = [
        Label(ratio[-1], general[-1], "general bound", BLACK),
        Label(ratio[-1], float(allowed(data, "id-quadratic", "floor")[-1]), "quadratic bound", GREY),
        Label(ratio[-1], heights["along"][-1], "against, along", inks["along"].text),
        Label(ratio[-1], heights["random"][-1], "random", inks["random"].text),
    ]
    place_labels(ax, labels, "right")
    statistical = theorem("chezhegov2024/id-sc").bound.term("statistical").monomial
    name = formula(d_max / d_min)
    slope_triangle(ax, (ratio[len(ratio) // 2], general[0] * 6), 20.0, statistical.exponents["d_max"], name)


def _bounds(ax: Axes, data: xr.Dataset, measured: str) -> Array:
    """Thin lines of both bounds; the general one is returned."""
    general, quadratic = (drawable(allowed(data, label, measured)) for label in ("id-sc", "id-quadratic"))
    ax.plot(data.ratio.values, general, color=BLACK, linewidth=THIN)
    ax.plot(data.ratio.values, quadratic, color=GREY, linewidth=THIN, zorder=5)
    return general


def allowed(data: xr.Dataset, label: str, measured: str) -> xr.DataArray:
    """What a theorem allows: the steps to the reduction, or the noise floor in units of eta sigma^2/(mu M)."""
    bound, at = theorem(f"chezhegov2024/{label}").bound, Measurement.of(data, measured).at
    if measured == "steps":
        contraction = at(bound.term("optimization").expression)  # in K R steps from |x_0 - x*|_D = 1
        steps: xr.DataArray = data.attrs["K"] * data.attrs["R"] * np.log(data.attrs["reduction"]) / np.log(contraction)
        return steps
    return at(bound.term("statistical").expression / (eta * sigma**2 / (mu * M))).broadcast_like(data.ratio)
