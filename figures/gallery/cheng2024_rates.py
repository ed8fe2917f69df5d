"""The rates of Local SGDM and Local Adam term by term along K, R and M, against the mini-batch method."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from sympy import Expr, Integer

from tightrate.figures.drawing import (
    SMALL,
    Ink,
    Label,
    common_height,
    count,
    drawable,
    formula,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, FORBIDDEN, GREY, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import B, Delta, L, alpha
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.verify.papers.cheng2024.figure_rates import figure_rates

EXPERIMENT = figure_rates
ROOM = 0.62  # for the labels, of the axis in logarithms
MEANING = {"K": "local steps", "R": "rounds", "M": "workers"}
SHORT = {"optimization": "optim.", "weak convexity": "weak conv.", "statistical": "stat.", "noise drift": "drift"}
MINIBATCH = (0, (4, 1.8))
NEEDS = ("local", "minibatch", "place", "claimed", "letters", "theorems", "middle")
READING = (
    " Thin lines are the terms with their exponents, the thick line is their sum, and the dashed line the bound of the"
    " mini-batch method with as many gradients and rounds. All are drawn with constants and logarithms set to one, as"
    " the statements leave them open, and α = {alpha}. Where two letters are fixed, they are K = {K_fixed:g},"
    " R = {R_fixed:g}, M = {M_fixed:g}. In the grey part K is below log(MKR/δ), δ = {delta:g}, so that nothing is"
    " claimed."
)


@figure(
    "cheng2024-rates-sgdm",
    title="Local SGDM term by term, against mini-batch SGDM",
    caption=(
        "The bound (4.4) of Local SGDM on a convex objective along the local steps, the rounds and the workers, with"
        " noise σ = {sigma:g} LD₀." + READING + " Markers are runs without momentum and clipping on a convex instance"
        " with two curvatures, each with its best step up to 1/(2L): circles local SGD, squares mini-batch SGD. Their"
        " constants are smaller than one; what is to be compared are the slopes and where the methods cross."
    ),
    experiment=EXPERIMENT,
    needs=(*NEEDS, "tuned", "tuned_over_rounds"),
    cost="full",
)
def rates_sgdm(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels along K, R and M, with tuned runs."""
    picture, axes = _picture(data, "SGDM", L * B**2, columns)
    fixed = data.attrs["middle"]
    runs = {
        "K": data.tuned.sel(M=fixed["M"]),
        "R": data.tuned_over_rounds,
        "M": data.tuned.sel(K=fixed["K"]),
    }
    for ax, (axis, found) in zip(axes, runs.items(), strict=True):
        for who, marker in (("minibatch", "s"), ("local", "o")):
            marks: dict[str, Any] = {"marker": marker, "markerfacecolor": "white", "linestyle": "none", "zorder": 4}
            color = BLACK if who == "local" else GREY
            ax.plot(found[axis], drawable(found.sel(who=who)), color=color, gid=f"tuned: {who}", **marks)
    return picture


@figure(
    "cheng2024-rates-adam",
    title="Local Adam term by term, against mini-batch Adam",
    caption=(
        "The bound (4.10) of Local Adam on a weakly convex objective along the local steps, the rounds and the"
        " workers, with noise σ = {sigma_adam:g} √(LΔ) and weak convexity τ = {weak:g} L." + READING + " Beyond (a), at"
        " K = K₀(L/τ)³ with K₀ = σ²R/(LΔ), the drift reaches the weak-convexity term and the gain over mini-batches"
        " ends: local steps do not make that term smaller."
    ),
    experiment=EXPERIMENT,
    needs=NEEDS,
    cost="full",
)
def rates_adam(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels along K, R and M."""
    return _picture(data, "Adam", L * Delta, columns)[0]


def _picture(data: xr.Dataset, method: str, unit: Expr, columns: Columns) -> tuple[Figure, list[Axes]]:
    source = theorem(data.attrs["theorems"][method])
    picture, axes = panels(data.sizes["axis"], columns, tall=2.35, left=0.7 if method == "Adam" else 0.58, between=0.12)
    of_method = data.sel(algorithm=method)
    value = float(vectorized(unit)(**{s.name: data.attrs["letters"][method][s.name] for s in unit.free_symbols}))
    for mark, ax, axis in zip("abc", axes, data.axis.values, strict=True):
        _along(ax, of_method.sel(axis=axis), value)
        others = [f"{letter(name, source)}={count(x)}" for name, x in data.attrs["middle"].items() if name != axis]
        ax.set_title(f"({mark}) ${', '.join(others)}$")
        ax.set_xlabel(f"{MEANING[str(axis)]} ${letter(str(axis), source)}$")
    everything = drawable(of_method.local.sum("term"))
    lowest = float(np.nanmin(drawable(of_method.local)))
    for ax in axes:
        ax.set_ylim(lowest / value * 0.6, np.nanmax(everything) / value * 2)
    common_height(axes, f"${source.bound.measure.latex}$  in units of ${formula(unit, source)}$")
    for ax, axis in zip(axes, data.axis.values, strict=True):
        _names(ax, of_method.sel(axis=axis), str(axis), source, value)
    return picture, axes


def _terms(data: xr.Dataset) -> dict[str, tuple[Ink, np.ndarray[Any, np.dtype[np.float64]]]]:
    """The terms that the local bound has, each with its ink."""
    names = [str(name) for name in data.term.values if np.isfinite(data.local.sel(term=name)).any()]
    return {
        name: (ink, drawable(data.local.sel(term=name)))
        for name, ink in zip(names, ordered_inks(len(names)), strict=True)
    }


def _along(ax: Axes, data: xr.Dataset, unit: float) -> None:
    x = data.place.values
    log_axis(ax, "x")
    log_axis(ax, "y")
    for name, (ink, values) in _terms(data).items():
        ax.plot(x, values / unit, color=ink.color, linewidth=0.8, gid=f"term: {name}")
    ax.plot(x, drawable(data.local.sum("term")) / unit, color=BLACK, linewidth=1.8, gid="total")
    pooled = drawable(data.minibatch.sum("term")) / unit
    ax.plot(x, pooled, color=GREY, linewidth=1.3, linestyle=MINIBATCH, gid="minibatch")
    open_to = x[data.claimed.values == 0]
    if len(open_to):
        ax.axvspan(x[0] / 1.3, float(open_to.max()), color=FORBIDDEN, linewidth=0, zorder=0, gid="no claim")
    ax.set_xlim(x[0] / 1.3, x[-1] * (x[-1] / x[0]) ** ROOM)
    ax.set_xticks([10.0**power for power in range(7) if x[0] <= 10.0**power <= x[-1]])
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())


def exponent(source: Theorem, term: str, of: str, moments: int) -> Expr:
    """The exponent of K, R or M in a term, for noise with that many moments."""
    powers = source.bound.term(term).monomial.exponents
    return Integer(0) if of not in powers else powers[of].subs(alpha, moments)


def _names(ax: Axes, data: xr.Dataset, axis: str, source: Theorem, unit: float) -> None:
    """The terms' names with their exponents, at the right ends of the lines."""
    x, end = data.place.values, -1
    labels = []
    for name, (ink, values) in _terms(data).items():
        power = exponent(source, name, axis, data.attrs["alpha"])
        shown = rf"${letter(axis, source)}^{{{power}}}$" if power else ""
        labels.append(Label(x[end], values[end] / unit, f"{SHORT.get(name, name)} {shown}".strip(), ink.text))
    labels.append(Label(x[end], float(data.local.sum("term")[end]) / unit, "sum", BLACK))
    if axis != "R":  # along the rounds it ends on its statistical term, which both methods share
        labels.append(Label(x[end], float(data.minibatch.sum("term")[end]) / unit, "mini-batch", GREY))
    place_labels(ax, labels, "right")
    if not data.claimed.values.all():
        ax.text(x[0] / 1.1, ax.get_ylim()[0] * 1.5, "no\nclaim", fontsize=SMALL, color=GREY, va="bottom")
