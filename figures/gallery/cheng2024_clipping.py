"""The bias of a clipped stochastic gradient against the threshold, and how much of its bound it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator
from sympy import Expr

from tightrate.figures.drawing import (
    Ink,
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
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import alpha as moments
from tightrate.rates.symbols.alphabet import rho as threshold
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.cheng2024.clipping import clipping_bias_over_threshold

PARETO = (0, (4, 1.6))
ROOM = 0.3  # for the labels, of the axis in logarithms


@figure(
    "cheng2024-clipping-bias",
    title="The bias of a clipped gradient has the bound's power of the threshold, at a fraction of its size",
    caption=(
        "(a) Bias of one clipped coordinate with noise of moment $sigma^alpha$ against the threshold $rho$,"
        " exact: markers, the worst law of two values for each threshold, at mean zero; dashed, a Pareto law with"
        " tail index $alpha + 1/2$. Thin, the bound $(2 sigma)^alpha rho^(1 - alpha)$ of Lemma A.2; the triangles"
        " have its exponents. (b) The same as shares of that bound, at mean zero (filled) and (hollow markers,"
        " upper lines) at the mean $rho/2$, the largest that the lemma allows; thin lines are the best possible"
        " bound, which the worst law approaches for large thresholds."
    ),
    experiment=clipping_bias_over_threshold,
    needs=("worst", "pareto", "G_inf", "sigma"),
    letters_of="cheng2024/lemA2-bias",
)
def clipping_bias(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: biases, and their shares of the bound."""
    source = theorem("cheng2024/lemA2-bias")
    unit = float(data.attrs["sigma"])
    shown = data.sel(rho=data.rho[data.rho <= 100 * unit])
    biases = Measurement.of(shown, "worst")
    best = theorem("cheng2024/lemA2-sharp").bound
    shown = shown.assign(bound=biases.at(source.bound.expression), sharp=biases.at(best.expression))
    picture, (left, right) = panels(2, columns, tall=2.4, left=0.6, between=0.62)
    for ax in (left, right):
        log_axis(ax, "x")
        log_axis(ax, "y")
        rho = shown.rho.values / unit
        ax.set_xlim(rho[0] / 1.15, rho[-1] * (rho[-1] / rho[0]) ** ROOM)
        ax.set_xticks([10.0, 100.0])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlabel(words("threshold $rho$ in units of $sigma$"))
    inks = dict(zip(shown.alpha.values, ordered_inks(shown.sizes["alpha"]), strict=True))
    _biases(left, shown / unit, rho, inks, source)
    _shares(right, shown, rho, inks)
    for ax in (left, right):
        end_axis(ax, ax.get_xlim()[0], rho[-1] * 1.08)
    left.set_ylabel(words("bias in units of $sigma$"))
    right.set_ylabel("bias as a share of the bound")
    left.set_title("(a) at mean zero: the bound's exponents")
    right.set_title("(b) a share that does not depend on the threshold")
    return picture


def exponent(source: Theorem, alpha: float) -> Expr:
    """The power of the threshold in the bound for noise with that many moments."""
    return source.bound.term("clipping").monomial.exponents["rho"].subs(moments, int(alpha))


def _biases(ax: Axes, data: xr.Dataset, rho: Any, inks: dict[float, Ink], source: Theorem) -> None:
    at = data.sel(mean=0.0)
    labels = []
    for alpha, ink in inks.items():
        one = at.sel(alpha=alpha)
        worst, bound = drawable(one.worst), drawable(one.bound)
        ax.plot(rho, bound, color=ink.color, linewidth=0.7, gid="bound")
        ax.plot(rho, drawable(one.pareto), color=ink.color, linewidth=0.8, linestyle=PARETO, gid="pareto")
        marks: dict[str, Any] = {"marker": ink.marker, "markerfacecolor": "white", "markevery": 2}
        ax.plot(rho, worst, color=ink.color, linewidth=1.2, gid="worst", **marks)
        labels.append(Label(rho[-1], worst[-1], rf"${letter('alpha')}={count(alpha)}$", ink.text))
        power = f"{letter('rho')}^{{{exponent(source, alpha)}}}"
        labels.append(Label(rho[-1], bound[-1], f"bound, ${power}$", ink.text))
    pareto = drawable(at.sel(alpha=max(inks)).pareto)
    labels.append(Label(rho[-1], pareto[-1], "Pareto law", inks[max(inks)].text))
    lowest, highest = float(np.nanmin(drawable(at.pareto))), float(np.nanmax(drawable(at.bound)))
    ax.set_ylim(lowest * 0.3, highest * 5)
    ax.yaxis.set_major_locator(LogLocator(numticks=8))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())
    place_labels(ax, labels, "right", gap=5)
    for alpha, corner in zip((min(inks), max(inks)), ((rho[-1] * 0.28, 1.6), (rho[0] * 1.25, 2e-9)), strict=True):
        slope_triangle(ax, corner, 2.5, exponent(source, alpha), formula(threshold))


def _shares(ax: Axes, data: xr.Dataset, rho: Any, inks: dict[float, Ink]) -> None:
    labels = []
    for alpha, ink in inks.items():
        for mean in (0.0, 0.5):
            one = data.sel(alpha=alpha, mean=mean)
            worst = drawable(one.worst / one.bound)
            ax.plot(rho, drawable(one.sharp / one.bound), color=ink.color, linewidth=0.7, gid="sharp")
            face = ink.color if mean == 0 else "white"
            marks: dict[str, Any] = {"marker": ink.marker, "markerfacecolor": face, "linestyle": "none"}
            ax.plot(rho, worst, color=ink.color, markevery=2, gid="worst", **marks)
            labels.append(Label(rho[-1], worst[-1], rf"${letter('alpha')}={count(alpha)}$", ink.text))
    ax.axhline(1.0, color=BLACK, linewidth=0.8, gid="bound")
    lowest = float(np.nanmin(drawable((data.worst / data.bound).sel(mean=[0.0, 0.5]))))
    ax.set_ylim(lowest * 0.4, 4.0)
    label_along(ax, (rho[0], 1.0), (rho[-1], 1.0), "bound, Lemma A.2", offset=3)
    place_labels(ax, labels, "right", gap=6)
    for mean, text in ((0.0, "mean 0"), (0.5, rf"mean ${letter('rho')}/2$")):
        first = drawable((data.worst / data.bound).sel(mean=mean))[0]
        label_along(ax, (rho[0], first[0]), (rho[-1], first[-1]), text, offset=5, at=0.3, color=GREY)
