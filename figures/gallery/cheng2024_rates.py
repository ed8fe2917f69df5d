"""The rates of Local SGDM and Local Adam term by term along K, R and M, against the mini-batch method."""

from __future__ import annotations

from collections.abc import Mapping
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
    end_axis,
    formula,
    key,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, FORBIDDEN, GREY, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import B, Delta, L, alpha
from tightrate.rates.symbols.evaluation import at
from tightrate.verify.papers.cheng2024.figure_rates import METHODS, MIDDLE, RANGE, Lines, figure_rates, lines_along

ROOM = 0.28  # for the exponents, of the axis in logarithms
MEANING = {"K": "local steps", "R": "rounds", "M": "workers"}
Look = dict[str, Any]
DASHES: tuple[Any, ...] = ("-", (0, (6, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.4, 1.2, 1.4)), (0, (3, 1.2)))
SUM: Look = {"color": BLACK, "linewidth": 1.8}
MINIBATCH: Look = {"color": GREY, "linewidth": 1.4, "linestyle": (0, (4, 1.8))}
RUNS: Mapping[str, Look] = {
    who: {"marker": marker, "markerfacecolor": "white", "linestyle": "none", "color": color}
    for who, marker, color in (("minibatch", "s", GREY), ("local", "o", BLACK))
}
KEY_ROOM: Mapping[Columns, float] = {1: 0.68, 2: 0.34}  # inches
KEY_COLUMNS: Mapping[Columns, int] = {1: 2, 2: 4}
READING = (
    " The thin lines are its terms with their exponents, the thick line is their sum, and the dashed line the bound of"
    " the mini-batch method with as many gradients and rounds. All are drawn with constants and logarithms set to one,"
    " as the statements leave them open, and $alpha = {alpha}$. Where two letters are fixed, they are"
    " $K = {K_fixed:g}$, $R = {R_fixed:g}$, $M = {M_fixed:g}$. In the grey part $K$ is below $log(M K R/delta)$,"
    " $delta = {delta:g}$, so that nothing is claimed."
)


@figure(
    "cheng2024-rates-sgdm",
    title="Local SGDM pays drift and clipping, and wins only at many local steps",
    caption=(
        "The bound (4.4) of Local SGDM on a convex objective along the local steps, the rounds and the workers, with"
        " noise $sigma = {sigma:g} L B$." + READING + " Markers are runs without momentum and clipping on a convex"
        " instance with two curvatures, each with its best step up to $1/(2 L)$: circles local SGD, squares mini-batch"
        " SGD; their slow coordinate is exact, the fast one a mean over sampled paths. Their constants are smaller than"
        " one; what is to be compared are the slopes and where the methods cross."
    ),
    experiment=figure_rates,
    needs=("tuned", "tuned_over_rounds"),
    letters_of="cheng2024/thm2",
)
def rates_sgdm(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels along K, R and M, with tuned runs."""
    named = {"local SGD, run": RUNS["local"], "mini-batch SGD, run": RUNS["minibatch"]}
    picture, axes = _picture("SGDM", L * B**2, data.attrs["alpha"], columns, named)
    runs = {
        "K": data.tuned.sel(M=MIDDLE["M"]),
        "R": data.tuned_over_rounds,
        "M": data.tuned.sel(K=MIDDLE["K"]),
    }
    for ax, (axis, found) in zip(axes, runs.items(), strict=True):
        for who, look in RUNS.items():
            ax.plot(found[axis], drawable(found.sel(who=who)), zorder=4, gid=f"tuned: {who}", **look)
    return picture


@figure(
    "cheng2024-rates-adam",
    title="Local Adam wins only at many local steps, and up to its weak-convexity term",
    caption=(
        "The bound (4.10) of Local Adam on a weakly convex objective along the local steps, the rounds and the"
        " workers, with noise $sigma = {sigma_adam:g} sqrt(L Delta)$ and weak convexity $weak = {weak:g} L$; nothing"
        " was run." + READING + " Beyond (a), at $K = K_0 (L/weak)^3$ with $K_0 = sigma^2 R/(L Delta)$, the drift"
        " reaches the weak-convexity term and the gain over mini-batches ends: local steps do not make that term"
        " smaller."
    ),
    experiment=figure_rates,
    needs=("alpha",),
    letters_of="cheng2024/thm3",
)
def rates_adam(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels along K, R and M."""
    return _picture("Adam", L * Delta, data.attrs["alpha"], columns, {})[0]


def _picture(
    name: str, unit: Expr, moments: int, columns: Columns, runs: Mapping[str, Look]
) -> tuple[Figure, list[Axes]]:
    method = METHODS[name]
    source = theorem(method.local)
    left = 0.7 if name == "Adam" else 0.58
    picture, axes = panels(len(RANGE), columns, tall=2.2, left=left, between=0.12, below=KEY_ROOM[columns])
    value = at(unit, method.values)
    along = {axis: lines_along(method, axis) for axis in RANGE}
    for mark, ax, (axis, lines) in zip("abc", axes, along.items(), strict=True):
        _along(ax, lines, value)
        others = [f"{letter(other)}={count(x)}" for other, x in MIDDLE.items() if other != axis]
        ax.text(
            0.98, 0.98, f"${', '.join(others)}$", ha="right", va="top", fontsize=SMALL, color=GREY,
            transform=ax.transAxes,
        )  # fmt: skip
        power = exponent(source, "noise drift", axis, moments)
        ax.set_title(f"({mark}) {MEANING[axis]}: drift " + (f"as ${letter(axis)}^{{{power}}}$" if power else "stays"))
        ax.set_xlabel(words(f"{MEANING[axis]} ${axis}$"))
    lowest = min(float(values.min()) for lines in along.values() for values in lines.terms.values())
    highest = max(float(lines.total.max()) for lines in along.values())
    for ax in axes:
        ax.set_ylim(lowest / value * 0.6, highest / value * 2)
    common_height(axes, f"${source.bound.measure.latex}$  in units of ${formula(unit)}$")
    for ax, (axis, lines) in zip(axes, along.items(), strict=True):
        _exponents(ax, lines, axis, source, value, moments)
        end_axis(ax, lines.place[0] / 1.3, lines.place[-1])
    terms = {f"{term}": look for term, look in zip(along["K"].terms, _looks(len(along["K"].terms)), strict=True)}
    key(picture, {**terms, "sum of the terms": SUM, f"mini-batch {name}, sum": MINIBATCH, **runs}, KEY_COLUMNS[columns])
    return picture, axes


def _looks(terms: int) -> list[Look]:
    """Ink and dashes of each term."""
    inks = zip(ordered_inks(terms), DASHES, strict=False)
    return [{"color": ink.color, "linestyle": dashes, "linewidth": 0.9} for ink, dashes in inks]


def _along(ax: Axes, lines: Lines, unit: float) -> None:
    x = lines.place
    log_axis(ax, "x")
    log_axis(ax, "y")
    for look, (name, values) in zip(_looks(len(lines.terms)), lines.terms.items(), strict=True):
        ax.plot(x, values / unit, gid=f"term: {name}", **look)
    ax.plot(x, lines.total / unit, gid="total", **SUM)
    ax.plot(x, lines.minibatch / unit, gid="minibatch", **MINIBATCH)
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


def _exponents(ax: Axes, lines: Lines, axis: str, source: Theorem, unit: float, moments: int) -> None:
    """The terms' exponents, at the right ends of the lines."""
    labels = []
    for ink, (name, values) in zip(ordered_inks(len(lines.terms)), lines.terms.items(), strict=True):
        power = exponent(source, name, axis, moments)
        if power:
            labels.append(Label(lines.place[-1], values[-1] / unit, rf"${letter(axis)}^{{{power}}}$", ink.text))
    place_labels(ax, labels, "right")
    if not lines.claimed.all():
        ax.text(
            lines.place[0] / 1.1, ax.get_ylim()[0] * 1.5, "no\nclaim", fontsize=SMALL, color=GREY, va="bottom",
            linespacing=1.0,
        )  # fmt: skip
