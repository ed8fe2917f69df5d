"""Any sweep: what was measured along each of its axes, with the bound of its theorem and the fitted slopes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from tightrate.common.errors import TightrateError
from tightrate.figures.drawing import (
    SMALL,
    Array,
    Label,
    common_height,
    count,
    drawable,
    end_axis,
    key,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import GREY, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.verify.sweep.example import sweep_example
from tightrate.verify.sweep.run import measurement

MOST_PANELS, MOST_LINES = 4, 5
CONFIDENCE = 0.99
ROOM = 0.45  # for labels, of the axis
BOUND = {"linewidth": 0.7, "color": GREY}


@figure(
    "sweep",
    title="A sweep along its axes, with the bound of its theorem",
    caption=(
        "Sweep “{title}”: means with bars of two standard errors (none where moments are exact) along every axis of"
        " numbers, at most four; lines differ in another axis, and all further axes stay at their middle values, which"
        " stand above. Thin lines: the bound of the sweep's theorem, where it has one, in the inks of what it bounds."
        " Above each panel the power that its lines follow together, by least squares in logarithms, with its 99 %"
        " interval, which is wide where they are no power law."
    ),
    experiment=sweep_example,
    needs=("sweep",),
    draws_any=True,
)
def sweep(data: xr.Dataset, columns: Columns) -> Figure:
    """One panel for each axis of numbers."""
    measured = measurement(data)
    name = json.loads(data.attrs["sweep"])["measures"][0]
    shown = xr.Dataset({"mean": measured.measured, "error": measured.stderr.broadcast_like(measured.measured)})
    if "bound" in data:
        shown["bound"] = measured.at(theorem(data.bound.attrs["theorem"]).bound.expression).broadcast_like(
            shown["mean"]
        )
    along = axes_of(shown)[:MOST_PANELS]
    if not along:
        raise TightrateError("the sweep has no axis with two numbers, there is nothing to draw it along")
    picture, axes = panels(len(along), columns, tall=2.2, left=0.62, between=0.14, top=0.4, below=0.22)
    heights = np.concatenate([drawable(shown[part]).ravel() for part in ("mean", "bound") if part in shown])
    if not np.isfinite(heights).any():
        raise TightrateError("every cell of the sweep diverged, there is nothing to draw")
    for mark, ax, axis in zip("abcd", axes, along, strict=False):
        log_axis(ax, "y")
        ax.set_ylim(np.nanmin(heights) / 2, np.nanmax(heights) * 2)
        _panel(ax, shown, axis, mark)
    common_height(axes, str(data[f"{name}_mean"].attrs["long_name"]).removeprefix("mean: "))
    looks: dict[str, Mapping[str, Any]] = {"measured": {"marker": "o", "markerfacecolor": "white", "linestyle": "none"}}
    if "bound" in shown:
        looks[f"bound: {data.bound.attrs['theorem']}"] = BOUND
    key(picture, looks, per_row=2)
    return picture


def axes_of(data: xr.Dataset) -> list[str]:
    """The axes along which lines can be drawn: at least two different finite numbers."""
    return [str(name) for name in data["mean"].dims if len(_finite(data[name])) > 1]


def _finite(axis: xr.DataArray) -> Array:
    return np.unique(axis.values[np.isfinite(axis.values)]) if axis.dtype.kind in "iuf" else np.array([])


def slope(x: Array, mean: Array, error: Array) -> tuple[float, float] | None:
    """The power of x that several lines (line, x) follow together, and the half-width of its 99 % interval.

    Least squares in logarithms with a level for each line, weighted by the standard errors where all have one; the
    spread is never taken for smaller than the residuals say.  None where no three points are left.

    >>> x = np.array([1.0, 2.0, 4.0])
    >>> power, half_width = slope(x, np.stack([x**-2, 5 * x**-2]), np.zeros((2, 3)))
    >>> round(power, 9), half_width < 1e-9
    (-2.0, True)
    """
    usable = np.isfinite(mean) & (mean > 0) & (x > 0) & np.isfinite(x)
    usable &= usable.sum(axis=1, keepdims=True) > 1
    free = int(usable.sum() - usable.any(axis=1).sum() - 1)
    if free < 1:
        return None
    sampled = bool((error[usable] > 0).all())
    weight = np.where(usable, (mean / np.where(sampled, error, mean)) ** 2 if sampled else 1.0, 0.0)
    logs = np.log(np.where(usable, np.broadcast_to(x, mean.shape), 1.0)), np.log(np.where(usable, mean, 1.0))
    total = np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    (u, v) = (part - (weight * part).sum(axis=1, keepdims=True) / total for part in logs)
    spread = float((weight * u**2).sum())
    power = float((weight * u * v).sum() / spread)
    misfit = float((weight * (v - power * u) ** 2).sum()) / free
    variance = (max(misfit, 1.0) if sampled else misfit) / spread
    return power, float(stats.t.ppf((1 + CONFIDENCE) / 2, free) * np.sqrt(variance))


def _panel(ax: Axes, data: xr.Dataset, axis: str, mark: str) -> None:
    others = [str(name) for name in data["mean"].dims if name != axis and data.sizes[name] > 1]
    lines = max(others, key=lambda name: data.sizes[name], default=None)
    fixed = {name: (data.sizes[name] - 1) // 2 for name in map(str, data["mean"].dims) if name not in (axis, lines)}
    part = data.isel(fixed).sortby(axis)
    part = part.sel({axis: part[axis][np.isfinite(part[axis].values)]})
    x = part[axis].values.astype(float)
    logarithmic = bool((x > 0).all())
    if logarithmic:
        log_axis(ax, "x", ticks=x if len(x) < 6 else None)
        ax.set_xlim(x[0] / (x[-1] / x[0]) ** 0.08, x[-1] * (x[-1] / x[0]) ** ROOM)
        ends = x[0] / (x[-1] / x[0]) ** 0.08, x[-1] * (x[-1] / x[0]) ** 0.08
    else:
        ax.set_xlim(x[0] - 0.08 * (x[-1] - x[0]), x[-1] + ROOM * (x[-1] - x[0]))
        ends = x[0] - 0.08 * (x[-1] - x[0]), x[-1] + 0.08 * (x[-1] - x[0])
    places = [0] if lines is None else _evenly(data.sizes[lines])
    rows = [part if lines is None else part.isel({lines: place}) for place in places]
    labels = []
    for row, ink in zip(rows, ordered_inks(len(rows)), strict=True):
        mean, error = drawable(row["mean"]), row.error.values
        ax.errorbar(
            x, mean, 2 * np.where(np.isfinite(mean), error, np.nan), color=ink.color, marker=ink.marker,
            markerfacecolor="white", linestyle="none", elinewidth=0.8, gid="measured",
        )  # fmt: skip
        if "bound" in row:
            ax.plot(x, drawable(row.bound), color=ink.color, linewidth=BOUND["linewidth"], gid="bound")
        known = np.flatnonzero(np.isfinite(mean))
        if lines is not None and len(known):
            labels.append(Label(x[known[-1]], mean[known[-1]], _value(lines, row[lines].values.item()), ink.text))
    found = slope(x, *(np.stack([row[name].values for row in rows]) for name in ("mean", "error")))
    says = "no power" if found is None else f"power of ${_letter(axis)}$: ${found[0]:.2f} \\pm {found[1]:.2g}$"
    at = ", ".join(_value(name, data[name].values[place].item()) for name, place in fixed.items())
    ax.set_title(f"({mark}) {says}\n{at}".strip(), fontsize=SMALL, linespacing=1.3)
    ax.set_xlabel(f"{_meaning(axis)} ${_letter(axis)}$".strip())
    end_axis(ax, *ends)
    place_labels(ax, labels, "right", gap=6)


def _evenly(size: int) -> Sequence[int]:
    """At most five places from the first to the last."""
    return [int(place) for place in np.unique(np.linspace(0, size - 1, min(size, MOST_LINES)).round())]


def _letter(name: str) -> str:
    """A parameter in mathtext: a letter of the alphabet, or a word of the algorithm's or problem's own."""
    return letter(name) if name in LETTERS else rf"\mathrm{{{name.replace('_', ' ')}}}"


def _meaning(name: str) -> str:
    return LETTERS[name].meaning.partition(":")[0].partition(" (m")[0] if name in LETTERS else ""


def _value(name: str, value: float | str) -> str:
    return str(value) if isinstance(value, str) else f"${_letter(name)}={count(value)}$"
