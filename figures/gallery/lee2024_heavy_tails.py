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
from tightrate.figures.style import Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, L
from tightrate.verify.papers.lee2024 import heavy_tails as runs

NAMES = {"FedAvg": "FedAvg", "AdaGrad clients": "AdaGrad", "delayed AdaGrad clients": "AdaGrad, delay {delay}"}
ROOM: Mapping[Columns, float] = {1: 20.0, 2: 10.0}  # beyond the last round, for the names of the lines
EXTREME = (0, (4, 1.6))


@figure(
    "lee2024-heavy-tails",
    title="One heavy-tailed client: regret and expected gap",
    caption=(
        "{M} clients with {K} local steps on a strongly convex quadratic; the gradient noise of one of them is"
        " Student's with {degrees:g} degrees of freedom, without a second moment. (a) Regret, the sum of the gaps"
        " over the rounds: medians of {regret_runs} runs, bands from the 5 % to the 95 % quantile, and dashed the"
        " 99.9 % quantile; thin, the sure bound for AdaGrad clients without delay. (b) Parts E[min(gap, 4u) −"
        " min(gap, u)] of the expected gap after one round, with bars of two standard errors; each point is from"
        " {copies} independent copies of its own. The expected gap is the sum of the parts over the powers of 4."
        " The tail of the noise predicts that they grow like u to the power {exponent:g} (triangle), so that the"
        " sum is infinite. AdaGrad clients protect against this, unless a delay of {delay} lets their last step"
        " keep an old preconditioner."
    ),
    experiment=runs.heavy_tails,
    needs=("part", "part_stderr", "regret", "sure", "exponent", "largest_adaptive_gap"),
    cost="full",
)
def heavy_tails(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: quantiles of the regret against rounds, and the parts of the expected gap."""
    picture, axes = panels(2, columns, tall=2.1, left=0.58, between=0.62)
    inks = dict(zip(data.method.values, ordered_inks(3), strict=True))
    _regret(axes[0], data, inks, ROOM[columns])
    _parts(axes[1], data, inks)
    axes[0].set_title("(a) quantiles of the regret")
    axes[1].set_title("(b) parts of the expected gap after one round")
    return picture


def _name(method: str, data: xr.Dataset) -> str:
    return NAMES[method].format(**data.attrs)


def _regret(ax: Axes, data: xr.Dataset, inks: dict[str, Ink], room: float) -> None:
    source = theorem("lee2024/h2")
    R = data.R.values
    log_axis(ax, "x", ticks=[*10.0 ** np.arange(np.floor(np.log10(R[-1])) + 1), R[-1]])
    log_axis(ax, "y")
    for i, ink in enumerate(inks.values()):
        low, middle, high, extreme = (drawable(row) for row in data.regret.isel(method=i))
        ax.fill_between(R, low, high, color=ink.color, alpha=0.18, linewidth=0)
        ax.plot(R, middle, color=ink.color, linewidth=1.4)
        ax.plot(R, extreme, color=ink.color, linewidth=0.8, linestyle=EXTREME)
    sure = drawable(data.sure)
    ink = inks["AdaGrad clients"]
    ax.plot(R, sure, color=ink.color, linewidth=0.7)
    ax.set_xlim(R[0], R[-1] * room)
    ax.spines["bottom"].set_bounds(R[0], R[-1])
    everything = drawable(data.regret)
    ax.set_ylim(np.nanmin(everything) * 0.5, np.nanmax(everything) * 3)
    inside = sure < np.nanmax(everything) * 2
    last = int(np.flatnonzero(inside)[-1])
    ends = ((R[last // 2], sure[last // 2]), (R[last], sure[last]))
    label_along(ax, *ends, "sure bound, AdaGrad", at=0.42, offset=3, color=ink.text)
    place_labels(
        ax,
        [
            Label(R[-1], float(data.regret.isel(method=i, quantile=1)[-1]), _name(method, data), ink.text)
            for i, (method, ink) in enumerate(inks.items())
        ],
        "right",
    )
    tails = [
        Label(R[-1], float(data.regret.isel(method=i, quantile=3)[-1]), "99.9 %", ink.text)
        for i, (method, ink) in enumerate(inks.items())
        if method != "AdaGrad clients"
    ]
    place_labels(ax, tails, "right")
    ax.set_xlabel(f"communication rounds ${letter('R', source)}$")
    ax.set_ylabel(r"regret  in units of $f(x_0)-f^\star$")


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
    ax.spines["bottom"].set_bounds(u[0] / 1.6, u[-1] * 1.6)
    ax.set_ylim(np.nanmin(shown) * 0.2, np.nanmax(shown) * 3)
    place_labels(ax, labels, "right", gap=6)
    exponent = Fraction(data.attrs["exponent"]).limit_denominator(100)
    lowest = float(np.nanmin(shown))
    slope_triangle(ax, (u[1], lowest * 0.45), 16.0, Rational(exponent.numerator, exponent.denominator), "u")
    largest = data.attrs["largest_adaptive_gap"]
    text = f"AdaGrad: largest gap {count(largest)}"
    ax.text(0.03, 0.03, text, fontsize=SMALL, color=inks["AdaGrad clients"].text, transform=ax.transAxes)
    unit = formula(L * B**2, theorem("lee2024/h2"))
    ax.set_xlabel(f"lower end $u$ of the part, in units of ${unit}$")
    ax.set_ylabel(f"part from $u$ to $4u$, in units of ${unit}$")
