"""Regret under heavy tails: FedAvg, AdaGrad clients, and AdaGrad clients with a delay."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sympy import Rational

from tightrate.figures.drawing import (
    SMALL,
    Ink,
    Label,
    count,
    drawable,
    end_axis,
    formula,
    label_along,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    slope_triangle,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import Columns
from tightrate.rates.symbols.alphabet import B, L
from tightrate.verify.papers.lee2024 import heavy_tails as runs

NAMES = {"FedAvg": "FedAvg", "AdaGrad clients": "AdaGrad", "delayed AdaGrad clients": "AdaGrad, delay {delay}"}
ROOM: Mapping[Columns, float] = {1: 60.0, 2: 10.0}  # beyond the last round, for the names of the lines
EXTREME = (0, (4, 1.6))


@figure(
    "lee2024-heavy-tails",
    title="One heavy-tailed client makes the expected gap infinite, unless its steps adapt without delay",
    caption=(
        "{M} clients with {K} local steps on a strongly convex quadratic; the gradient noise of one of them is"
        " Student's with {degrees:g} degrees of freedom, without a second moment. (a) Regret, the sum of the gaps"
        " over the rounds: medians of {regret_runs} runs (thick) and 99 % quantiles (dashed, with their 95 %"
        " intervals from order statistics as bands); thin, the bound that holds in every run of AdaGrad clients"
        " without delay, and of no other method. (b) Parts $E[min(gap, 4 u) - min(gap, u)]$ of the expected gap"
        " after one round, with bars of two standard errors; each point is from {copies} independent copies of"
        " its own. The expected gap is the sum of the parts over the powers of 4. The tail of the noise predicts"
        " that they grow like $u$ to the power {exponent:g} (triangle), so that the sum is infinite. AdaGrad"
        " clients protect against this, unless a delay of {delay} lets their last step keep an old"
        " preconditioner."
    ),
    experiment=runs.heavy_tails,
    needs=("part", "part_stderr", "regret", "regret_low", "regret_high", "sure", "exponent", "largest_adaptive_gap"),
    letters_of="lee2024/h2",
)
def heavy_tails(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: quantiles of the regret against rounds, and the parts of the expected gap."""
    picture, axes = panels(2, columns, tall=2.2, left=0.58, between=0.62)
    inks = dict(zip(data.method.values, ordered_inks(3), strict=True))
    _regret(axes[0], data, inks, ROOM[columns])
    _parts(axes[1], data, inks)
    axes[0].set_title("(a) medians agree, the tails do not")
    axes[1].set_title("(b) growing parts of the gap: infinite sum")
    return picture


def _name(method: str, data: xr.Dataset) -> str:
    return NAMES[method].format(**data.attrs)


def _regret(ax: Axes, data: xr.Dataset, inks: dict[str, Ink], room: float) -> None:
    R = data.R.values
    log_axis(ax, "x", ticks=[*10.0 ** np.arange(np.floor(np.log10(R[-1])) + 1), R[-1]])
    log_axis(ax, "y")
    for i, ink in enumerate(inks.values()):
        middle, extreme = (drawable(data.regret.isel(method=i).sel(quantile=q)) for q in (0.5, 0.99))
        low, high = (drawable(data[end].isel(method=i)) for end in ("regret_low", "regret_high"))
        ax.fill_between(R, low, high, color=ink.color, alpha=0.2, linewidth=0)
        ax.plot(R, middle, color=ink.color, linewidth=1.4)
        ax.plot(R, extreme, color=ink.color, linewidth=0.9, linestyle=EXTREME)
    sure = drawable(data.sure)
    ink = inks["AdaGrad clients"]
    ax.plot(R, sure, color=ink.color, linewidth=0.7)
    ax.set_xlim(R[0], R[-1] * room)
    everything = drawable(data.regret.sel(quantile=[0.5, 0.99]))
    ax.set_ylim(np.nanmin(everything) * 0.5, np.nanmax(everything) * 3)
    inside = sure < np.nanmax(everything) * 2
    last = int(np.flatnonzero(inside)[-1])
    ends = ((R[last // 2], sure[last // 2]), (R[last], sure[last]))
    label_along(ax, *ends, "AdaGrad, every run", at=0.42, offset=3, color=ink.text)
    ends_of = [
        Label(R[-1], float(data.regret.isel(method=i).sel(quantile=q)[-1]), _name(method, data) + tail, ink.text)
        for i, (method, ink) in enumerate(inks.items())
        for q, tail in ((0.5, ""), (0.99, ", 99 %"))
    ]
    place_labels(ax, ends_of, "right")
    ax.set_xlabel(words("communication rounds $R$"))
    end_axis(ax, R[0], R[-1])
    ax.set_ylabel(words("regret in units of $f(x_0) - f*$"))


def _parts(ax: Axes, data: xr.Dataset, inks: dict[str, Ink]) -> None:
    u = data.u.values
    log_axis(ax, "x", ticks=u)
    log_axis(ax, "y")
    labels = []
    for i, (method, ink) in enumerate(inks.items()):
        part = drawable(data.part.isel(method=i))
        if not np.isfinite(part).all():
            continue
        error = 2 * np.where(np.isfinite(part), data.part_stderr.isel(method=i), np.nan)
        marks: dict[str, Any] = {"marker": ink.marker, "markerfacecolor": "white", "elinewidth": 0.8}
        ax.errorbar(u, part, error, color=ink.color, linewidth=0.9, **marks)
        labels.append(Label(u[-1], part[-1], _name(method, data), ink.text))
    shown = drawable(data.part)
    ax.set_xlim(u[0] / 1.6, u[-1] * 18)
    ax.set_ylim(np.nanmin(shown) * 0.2, np.nanmax(shown) * 3)
    place_labels(ax, labels, "right", gap=6)
    exponent = Fraction(data.attrs["exponent"]).limit_denominator(100)
    lowest = float(np.nanmin(shown))
    slope_triangle(ax, (u[1], lowest * 0.45), 16.0, Rational(exponent.numerator, exponent.denominator), "u")
    largest = data.attrs["largest_adaptive_gap"]
    text = f"AdaGrad: all parts vanish, largest gap {count(largest)}"
    ax.text(0.03, 0.03, text, fontsize=SMALL, color=inks["AdaGrad clients"].text, transform=ax.transAxes)
    unit = formula(L * B**2)
    ax.set_xlabel(f"lower end $u$ of the part in units of ${unit}$")
    end_axis(ax, u[0] / 1.6, u[-1] * 1.6)
    ax.set_ylabel(f"part from $u$ to $4u$ in units of ${unit}$")
