"""Any sweep: what was measured along each of its axes, the bound of its theorem, and predicted and fitted exponents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import sympy
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    slope_triangle,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import ALPHABET, GREY, Columns, styled
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.verify.exponents.of_sweep import SweepExponents, exponents
from tightrate.verify.exponents.sweep_cells import FittedExponent, NothingToFitError
from tightrate.verify.sweep.example import sweep_example
from tightrate.verify.sweep.run import measurement

MOST_PANELS, MOST_LINES = 4, 5
BELOW: Mapping[Columns, float] = {1: 0.54, 2: 0.38}  # inches for the key
ROOM = 0.45  # for labels, of the axis
BOUND = {"linewidth": 0.7, "color": GREY}
LAW: Mapping[str, Any] = {"linewidth": 0.8, "linestyle": (0, (4, 2))}
GAP = 11.0  # points between a triangle with its words and the lines above it
TALLEST_TRIANGLE = 4.0
SMALLEST_TRIANGLE = 0.05  # of an exponent that is shown as a slope


@figure(
    "sweep",
    title="Along every axis of a sweep the fitted exponent stands beside the theorem's",
    caption=(
        "Sweep “{title}”: means with bars of two standard errors (none where moments are exact) along every axis of"
        " numbers, at most four; lines differ in another axis, and all further axes stay at their middle values, which"
        " stand above. Thin lines: the bound of the sweep's theorem, where it has one, in the inks of what it bounds."
        " Dashed: the term of it that leads in most cells, moved to the last means; triangles: its exponent, or the"
        " fitted one without a theorem. Above each panel the exponent that all cells of that term follow together,"
        " logarithms of the bound divided out, with its 99 % interval, which knows noise, window and drift."
    ),
    experiment=sweep_example,
    needs=("sweep",),
    draws_any=True,
)
def sweep(data: xr.Dataset, columns: Columns) -> Figure:
    """One panel for each axis of numbers."""
    try:
        return panels_of(exponents(data), columns)
    except NothingToFitError:
        measured = measurement(data)
        shown = xr.Dataset({"mean": measured.measured, "stderr": measured.stderr.broadcast_like(measured.measured)})
        return _drawn(shown, {}, "", columns)


def panels_of(found: SweepExponents, columns: Columns) -> Figure:
    """The exponents along the axes of a sweep, drawn; paths on which several axes move have no panel."""
    fits = {path: found[path] for path in dict.fromkeys(one.path for one in found.exponents)}
    return _drawn(found.data, fits, found.theorem, columns)


def file_of(found: SweepExponents, kind: str) -> bytes:
    """The same picture as the bytes of a file, "pdf", "png" or "svg"; undated."""
    undated: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
    target = BytesIO()
    with styled("serif", ALPHABET):
        panels_of(found, 2).savefig(target, format=kind, metadata=undated)
    return target.getvalue()


def _drawn(shown: xr.Dataset, fits: Mapping[str, FittedExponent], stated: str, columns: Columns) -> Figure:
    every = axes_of(shown)
    along = ([axis for axis in every if axis in fits] or every)[:MOST_PANELS] if stated else every[:MOST_PANELS]
    if not along:
        raise TightrateError("the sweep has no axis with two numbers, there is nothing to draw it along")
    picture, axes = panels(len(along), columns, tall=2.2, left=0.62, between=0.14, top=0.4, below=BELOW[columns])
    heights = np.concatenate([drawable(shown[part]).ravel() for part in ("mean", "bound") if part in shown])
    if not np.isfinite(heights).any():
        raise TightrateError("every cell of the sweep diverged, there is nothing to draw")
    least, most = float(np.nanmin(heights)), float(np.nanmax(heights))
    tall = axes[0].bbox.height * 72 / picture.dpi
    gap = max(most / least, 10.0) ** (GAP / max(tall - 3 * GAP, 2 * GAP))
    for ax in axes:
        log_axis(ax, "y")
    described = [
        _panel(ax, shown, axis, mark, fits.get(axis), gap) for mark, ax, axis in zip("abcd", axes, along, strict=False)
    ]
    bottom = min([least / 2, *(foot / gap for _, foot in described)])
    for ax, (labels, _) in zip(axes, described, strict=True):
        ax.set_ylim(bottom, most * 2)
        place_labels(ax, labels, "right", gap=6)
    common_height(axes, str(shown["mean"].attrs.get("long_name", "measured")).removeprefix("mean: "))
    looks: dict[str, Mapping[str, Any]] = {"measured": {"marker": "o", "markerfacecolor": "white", "linestyle": "none"}}
    if any(fit.term for fit in fits.values()):
        looks["leading term, moved to the last means"] = LAW
    if "bound" in shown:
        looks[f"bound: {stated}"] = BOUND
    key(picture, looks, per_row=columns)
    return picture


def axes_of(data: xr.Dataset) -> list[str]:
    """The axes along which lines can be drawn: at least two different finite numbers."""
    return [str(name) for name in data["mean"].dims if len(_finite(data[name])) > 1]


def _finite(axis: xr.DataArray) -> Array:
    return np.unique(axis.values[np.isfinite(axis.values)]) if axis.dtype.kind in "iuf" else np.array([])


def _panel(
    ax: Axes, data: xr.Dataset, axis: str, mark: str, fit: FittedExponent | None, gap: float
) -> tuple[list[Label], float]:
    """The lines of one panel; returns their labels, to be placed when the limits are final, and the lowest point."""
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
    labels, drawn = [], []
    for row, ink in zip(rows, ordered_inks(len(rows)), strict=True):
        mean, error = drawable(row["mean"]), row.stderr.values
        ax.errorbar(
            x, mean, 2 * np.where(np.isfinite(mean), error, np.nan), color=ink.color, marker=ink.marker,
            markerfacecolor="white", linestyle="none", elinewidth=0.8, gid="measured",
        )  # fmt: skip
        if "bound" in row:
            ax.plot(x, drawable(row.bound), color=ink.color, linewidth=BOUND["linewidth"], gid="bound")
        drawn.append(mean)
        if fit is not None and fit.term:
            law = drawable(row[f"term: {fit.term}"])
            drawn.append(law * _moved(mean, law))
            ax.plot(x, drawn[-1], color=ink.color, gid="predicted law", **LAW)
        known = np.flatnonzero(np.isfinite(mean))
        if lines is not None and len(known):
            labels.append(Label(x[known[-1]], mean[known[-1]], _value(lines, row[lines].values.item()), ink.text))
    says = "no power" if fit is None else f"power of ${_letter(axis)}$: {_interval(fit)}"
    at = ", ".join(_value(name, data[name].values[place].item()) for name, place in fixed.items())
    ax.set_title(f"({mark}) {says}\n{at}".strip(), fontsize=SMALL, linespacing=1.3)
    ax.set_xlabel(f"{_meaning(axis)} ${_letter(axis)}$".strip())
    end_axis(ax, *ends)
    foot = _triangle(ax, fit, x, np.stack(drawn), gap) if fit is not None and logarithmic else np.inf
    return labels, foot


def _moved(mean: Array, law: Array) -> float:
    """The constant that moves a law to the last means, in logarithms: there transients have died out."""
    both = np.flatnonzero(np.isfinite(mean) & np.isfinite(law))[-3:]
    return float(np.exp(np.log(mean[both] / law[both]).mean())) if len(both) else np.nan


def _interval(fit: FittedExponent) -> str:
    low, middle, high = (f"{value:z.2f}".replace("-", "−") for value in (fit.low, fit.estimate, fit.high))
    return f"{middle} ({low} to {high})"


def _triangle(ax: Axes, fit: FittedExponent, x: Array, drawn: Array, gap: float) -> float:
    """The exponent that is predicted, or the fitted one where nothing is, below the lines by a factor; its foot."""
    value = fit.estimate if fit.predicted is None else fit.predicted
    power = sympy.Float(f"{value:.2f}") if fit.exactly is None else sympy.Rational(*fit.exactly.as_integer_ratio())
    if abs(power) < SMALLEST_TRIANGLE:
        return np.inf
    run = min(float((x[-1] / x[0]) ** 0.4), float(TALLEST_TRIANGLE ** (1 / abs(float(power)))))
    left = float(x[0] * (x[-1] / x[0]) ** 0.07)
    above = drawn[:, x <= left * run * 1.01]
    if not np.isfinite(above).any():
        return np.inf
    lowest = float(np.nanmin(above)) / gap
    slope_triangle(ax, (left, lowest / max(run ** float(power), 1.0)), run, power, _letter(fit.path))
    return float(lowest / run ** abs(float(power)))


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
