"""The rates of Local SGDM and Local Adam term by term along K, R and M, against the mini-batch method."""

from __future__ import annotations

from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from sympy import Expr, Integer

from tightrate.figures.drawing import (
    SMALL,
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
from tightrate.rates.symbols.evaluation import at
from tightrate.verify.papers.cheng2024.figure_rates import METHODS, MIDDLE, RANGE, Lines, figure_rates, lines_along

ROOM = 0.62  # for the labels, of the axis in logarithms
MEANING = {"K": "local steps", "R": "rounds", "M": "workers"}
SHORT = {"optimization": "optim.", "weak convexity": "weak conv.", "statistical": "stat.", "noise drift": "drift"}
MINIBATCH = (0, (4, 1.8))
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
    experiment=figure_rates,
    needs=("tuned", "tuned_over_rounds"),
    cost="full",
)
def rates_sgdm(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels along K, R and M, with tuned runs."""
    picture, axes = _picture("SGDM", L * B**2, data.attrs["alpha"], columns)
    runs = {
        "K": data.tuned.sel(M=MIDDLE["M"]),
        "R": data.tuned_over_rounds,
        "M": data.tuned.sel(K=MIDDLE["K"]),
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
    experiment=figure_rates,
    needs=("alpha",),
    cost="full",
)
def rates_adam(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels along K, R and M."""
    return _picture("Adam", L * Delta, data.attrs["alpha"], columns)[0]


def _picture(name: str, unit: Expr, moments: int, columns: Columns) -> tuple[Figure, list[Axes]]:
    method = METHODS[name]
    source = theorem(method.local)
    picture, axes = panels(len(RANGE), columns, tall=2.35, left=0.7 if name == "Adam" else 0.58, between=0.12)
    value = at(unit, method.values)
    along = {axis: lines_along(method, axis) for axis in RANGE}
    for mark, ax, (axis, lines) in zip("abc", axes, along.items(), strict=True):
        _along(ax, lines, value)
        others = [f"{letter(other, source)}={count(x)}" for other, x in MIDDLE.items() if other != axis]
        ax.set_title(f"({mark}) ${', '.join(others)}$")
        ax.set_xlabel(f"{MEANING[axis]} ${letter(axis, source)}$")
    lowest = min(float(values.min()) for lines in along.values() for values in lines.terms.values())
    highest = max(float(lines.total.max()) for lines in along.values())
    for ax in axes:
        ax.set_ylim(lowest / value * 0.6, highest / value * 2)
    common_height(axes, f"${source.bound.measure.latex}$  in units of ${formula(unit, source)}$")
    for ax, (axis, lines) in zip(axes, along.items(), strict=True):
        _names(ax, lines, axis, source, value, moments)
    return picture, axes


def _along(ax: Axes, lines: Lines, unit: float) -> None:
    x = lines.place
    log_axis(ax, "x")
    log_axis(ax, "y")
    for ink, (name, values) in zip(ordered_inks(len(lines.terms)), lines.terms.items(), strict=True):
        ax.plot(x, values / unit, color=ink.color, linewidth=0.8, gid=f"term: {name}")
    ax.plot(x, lines.total / unit, color=BLACK, linewidth=1.8, gid="total")
    ax.plot(x, lines.minibatch / unit, color=GREY, linewidth=1.3, linestyle=MINIBATCH, gid="minibatch")
    open_to = x[~lines.claimed]
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


def _names(ax: Axes, lines: Lines, axis: str, source: Theorem, unit: float, moments: int) -> None:
    """The terms' names with their exponents, at the right ends of the lines."""
    x, end = lines.place, -1
    labels = []
    for ink, (name, values) in zip(ordered_inks(len(lines.terms)), lines.terms.items(), strict=True):
        power = exponent(source, name, axis, moments)
        shown = rf"${letter(axis, source)}^{{{power}}}$" if power else ""
        labels.append(Label(x[end], values[end] / unit, f"{SHORT.get(name, name)} {shown}".strip(), ink.text))
    labels.append(Label(x[end], float(lines.total[end]) / unit, "sum", BLACK))
    if axis != "R":  # along the rounds it ends on its statistical term, which both methods share
        labels.append(Label(x[end], float(lines.minibatch[end]) / unit, "mini-batch", GREY))
    place_labels(ax, labels, "right")
    if not lines.claimed.all():
        ax.text(x[0] / 1.1, ax.get_ylim()[0] * 1.5, "no\nclaim", fontsize=SMALL, color=GREY, va="bottom")
