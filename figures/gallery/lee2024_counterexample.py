"""The counterexample: three clients on which FedAda² stays away from stationary points."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from sympy import Rational

from tightrate.figures.drawing import (
    SMALL,
    drawable,
    label_along,
    letter,
    log_axis,
    ordered_inks,
    panels,
    slope_triangle,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import GREY, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.papers.lee2024 import counterexample as runs


@figure(
    "lee2024-counterexample",
    title="FedAda² stays at a point that is not stationary",
    caption=(
        "Three convex, 1-smooth clients with bounded gradients ($lambda = {lambda:g}$, one local step, exact"
        " gradients). (a) The gradient of their mean $f$ vanishes at $x* = {optimum:.3f}$, the mean of the"
        " normalized steps $f_i'/(|f_i'| + lambda)$ at 0, where the runs start. (b) The squared gradient of the"
        " iterates: $1/81$ in every round for AdaGrad, SM3 and Adam clients, with a delay and with a clip of"
        " small steps, for four pairs of steps (all on one line); with SGD clients and the same server it"
        " vanishes. The triangle is the rate that is said to hold for any clients. (c) On the family with the"
        " gradients $G_inf$, $-b$, $-b$ the squared gradient that stays: runs (circles) and closed form (line)."
        " It tends to $G_inf^2/9$ as the damping $lambda$ vanishes. The bound that is proved here (thin) has a"
        " floor of the order of the squared heterogeneity, and allows it."
    ),
    experiment=runs.counterexample,
    needs=("squared_gradient", "sgd_clients", "slope", "step", "client_step", "staying", "family_lambda"),
    letters_of="lee2024/counterexample-family",
)
def counterexample(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels: where the steps cancel, the squared gradient over the rounds, and the family."""
    picture, axes = panels(3, columns, tall=2.0, left=0.55, between=0.6)
    _cancel(axes[0], data)
    _rounds(axes[1], data)
    _family(axes[2], data)
    for ax, title in zip(
        axes, ("(a) steps cancel off $x*$", "(b) so FedAda² stays there", "(c) for every damping"), strict=True
    ):
        ax.set_title(words(title))
    return picture


def _cancel(ax: Axes, data: xr.Dataset) -> None:
    x = data.x.values
    first, second = ordered_inks(4)[0], ordered_inks(4)[2]
    ax.axhline(0, color=GREY, linewidth=0.5)
    ax.plot(x, data.slope, color=first.color)
    ax.plot(x, data.step, color=second.color, linestyle=(0, (4, 1.5)))
    ax.plot([data.attrs["optimum"]], [0], "o", color=first.color, markerfacecolor="white")
    ax.plot([0], [0], "s", color=second.color, markerfacecolor="white")
    ax.annotate(
        words("$x*$"),
        (data.attrs["optimum"], 0),
        xytext=(-2, 4),
        textcoords="offset points",
        ha="right",
        fontsize=SMALL,
    )
    ax.set_xlim(x[0], x[-1])
    ends = (x[60], x[-1])
    label_along(
        ax,
        (ends[0], float(data.slope.sel(x=ends[0]))),
        (ends[1], float(data.slope.sel(x=ends[1]))),
        words("$grad f$"),
        at=0.65,
        offset=3,
        color=first.text,
    )
    label_along(
        ax,
        (ends[0], float(data.step.sel(x=ends[0]))),
        (ends[1], float(data.step.sel(x=ends[1]))),
        "mean step",
        at=0.6,
        offset=-4,
        color=second.text,
    )
    ax.set_xlabel("$x$")
    ax.set_ylabel(words("slope; step in units of $eta$"))


def _rounds(ax: Axes, data: xr.Dataset) -> None:
    source = theorem(data.attrs["theorem"])
    R = data.R.values
    first, second = ordered_inks(4)[0], ordered_inks(4)[2]
    log_axis(ax, "x")
    log_axis(ax, "y")
    for trace in data.squared_gradient.stack(run=("method", "steps")).transpose("run", "R"):
        ax.plot(R, drawable(trace), color=first.color, linewidth=1.2)
    sgd = drawable(data.sgd_clients)
    ax.plot(R, sgd, color=second.color, linestyle=(0, (4, 1.5)))
    ax.set_xlim(R[0], R[-1])
    exact = source.bound.at({"lambda": data.attrs["lambda"]})
    ax.set_ylim(exact * 1e-3, exact * 8)
    label_along(
        ax, (R[0], exact), (R[-1], exact), f"FedAda²: ${_fraction(exact)}$, all variants", offset=3, color=first.text
    )
    below = int(np.argmax(sgd < exact * 1e-2))
    ax.annotate(
        "SGD clients", (R[below], sgd[below]), xytext=(-4, -2), textcoords="offset points", ha="right",
        fontsize=SMALL, color=second.text,
    )  # fmt: skip
    powers = [term.monomial.exponents["R"] for term in theorem("lee2024/cor8").bound.terms]
    slope_triangle(ax, (R[0] * 2.6, exact * 0.3), 9.0, Rational(max(powers)), letter("R"))
    ax.set_xlabel(words("communication rounds $R$"))
    ax.set_ylabel(words("$||grad f(x)||^2$"))


def _fraction(value: float) -> Fraction:
    """A number that is a simple fraction."""
    return Fraction(value).limit_denominator(1000)


def _family(ax: Axes, data: xr.Dataset) -> None:
    source, proved = theorem("lee2024/counterexample-family"), theorem("lee2024/proved-tuned")
    staying = runs.what_stays(data)
    unit, limit = staying.symbols["G_inf"] ** 2, source.bound.at({"G_inf": 1.0, "lambda": 0.0})
    ratio, floor = data.ratio.values, drawable(staying.at(proved.bound.expression) / unit)
    first, second = ordered_inks(4)[0], ordered_inks(4)[2]
    log_axis(ax, "x")
    log_axis(ax, "y")
    ax.plot(ratio, drawable(staying.at(source.bound.expression) / unit), color=first.color)
    ax.plot(ratio[::4], drawable(data.staying / unit)[::4], "o", color=first.color, markerfacecolor="white")
    ax.plot(ratio, floor, color=second.color, linewidth=0.7)
    ax.axhline(limit, color=GREY, linewidth=0.6, linestyle=":")
    ax.set_xlim(ratio[0] / 2, ratio[-1] * 2)
    ax.set_ylim(1e-6, 1e8)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(base=100))
        axis.set_minor_locator(NullLocator())
    ax.text(ratio[0] * 2, limit * 2, f"${_fraction(limit)}$", fontsize=SMALL, color=GREY)
    label_along(ax, (ratio[0], floor[0]), (ratio[len(ratio) // 2], floor[len(ratio) // 2]), "proved bound",
                at=0.6, offset=3, color=second.text)  # fmt: skip
    ax.set_xlabel(words("damping $lambda/G_inf$"))
    ax.set_ylabel(words("$||grad f(0)||^2/G_inf^2$"))
