"""Local steps do not help: suboptimality against rounds, for K up to infinity, at the hard angle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tightrate.figures.drawing import (
    SMALL,
    Array,
    Ink,
    common_height,
    count,
    drawable,
    formula,
    label_along,
    letter,
    log_axis,
    ordered_inks,
    panels,
    slope_triangle,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, FORBIDDEN, Columns
from tightrate.verify.measurement import symbols_of
from tightrate.verify.papers.patel2024 import local_steps_do_not_help

LOCAL_STEPS = (1.0, 10.0, 100.0, 1000.0, np.inf)


@figure(
    "k-does-not-help",
    title="More local steps do not help",
    caption=(
        "Suboptimality after $R$ rounds of local gradient descent on two workers with the Hessians $L e e^(T)$"
        " and $L v v^(T)$, where $e$ and $v$ are unit vectors at an angle of cosine $1 - 1/(6 R)$: another"
        " instance for each $R$. $K$ is the number of local steps a round, up to infinity, and $B$ the start"
        " distance. (a) With a small inner step, $eta L = {small_step:g}$, and plain averaging, $gamma = 1$, more"
        " local steps are faster, but only down to the same floor. (b) With the best inner step $eta$ and outer"
        " step $gamma$ for each $K$ and $R$ all $K$ lie on one curve. Triangle: the exponent of the lower bound,"
        " below which, in the grey part, nothing can lie."
    ),
    experiment=local_steps_do_not_help.rank_one_at_the_hard_angle,
    needs=("slow_gap", "best_gap"),
    letters_of="patel2024/prop7-constant",
)
def k_does_not_help(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: a small inner step with plain averaging, and the best steps of each K and R."""
    source = local_steps_do_not_help.k_does_not_help.theorem
    unit = data.attrs["L"] * data.attrs["B"] ** 2
    R, bound = data.R.values, drawable(source.bound.at(symbols_of(data)) / unit)
    local_steps = [steps for steps in LOCAL_STEPS if steps in data.K]
    inks = dict(zip(local_steps, ordered_inks(len(local_steps)), strict=True))
    slow, best = (
        {steps: drawable(data[variable].sel(K=steps) / unit) for steps in local_steps}
        for variable in ("slow_gap", "best_gap")
    )
    lower_bound = rf"lower bound ${formula(source.bound.expression)}$"
    picture, axes = panels(2, columns, tall=2.1)
    for ax, curves in zip(axes, (slow, best), strict=True):
        for turn, (steps, curve) in enumerate(curves.items()):
            # Markers take turns, so that curves that coincide show all of them.
            marks: dict[str, Any] = {
                "marker": inks[steps].marker,
                "markerfacecolor": "white",
                "markevery": (turn, len(curves)),
            }
            ax.plot(R, curve, color=inks[steps].color, **marks)
        ax.plot(R, bound, color=BLACK, linewidth=0.9)
        ax.fill_between(R, bound, bound[-1] * 0.01, color=FORBIDDEN, linewidth=0, zorder=0)
        log_axis(ax, "x")
        log_axis(ax, "y")
        ax.set_xlim(R[0] * 0.9, R[-1] * 1.12)
        ax.set_ylim(bound[-1] * 0.35, 1.0)
        ax.set_xlabel(words("communication rounds $R$ (an instance for each)"))
        label_along(ax, (R[0], bound[0]), (R[-1], bound[-1]), lower_bound, at=0.52, offset=-4)
    _label_apart(axes[0], R, slow, inks)
    _key(axes[1], inks)
    rate = source.bound.terms[0].monomial.exponents["R"]
    slope_triangle(axes[1], (R[-1] / 70, bound[0] * 12), 8.0, rate, letter("R"))
    common_height(axes, words("$F(x_R) - F(x*)$  in units of $L B^2$"))
    axes[0].set_title(words("(a) small step: a larger $K$ is sooner at the floor"))
    axes[1].set_title(words("(b) best $eta$ and $gamma$: every $K$ is the same"))
    return picture


def _label_apart(ax: Axes, R: Array, curves: Mapping[float, Array], inks: Mapping[float, Ink]) -> None:
    """Label each curve where it is farthest from the others; the lowest, and those on it, have no room beside them."""
    groups: list[list[float]] = []
    for steps, curve in curves.items():
        twins = [group for group in groups if np.allclose(curves[group[0]], curve, rtol=0.02, equal_nan=True)]
        if twins:
            twins[0].append(steps)
        else:
            groups.append([steps])
    logarithms = {group[0]: np.log(curves[group[0]]) for group in groups}
    for group in groups:
        own = logarithms[group[0]]
        apart = [np.abs(own - other) for steps, other in logarithms.items() if steps != group[0]]
        place = int(np.nanargmax(np.min(apart, axis=0))) if apart else len(R) // 2
        if apart and all(own[place] <= other[place] for other in logarithms.values()):
            continue
        ax.annotate(
            f"${letter('K')}={', '.join(map(count, group))}$",
            (R[place], curves[group[0]][place]),
            xytext=(3, 3),
            textcoords="offset points",
            color=inks[group[-1]].text,  # of the one drawn on top
            fontsize=SMALL,
        )


def _key(ax: Axes, inks: Mapping[float, Ink]) -> None:
    """Every marker with its number of local steps: where the curves coincide none can be labelled alone."""
    for steps, ink in inks.items():
        look: dict[str, Any] = {"color": ink.color, "marker": ink.marker, "markerfacecolor": "white"}
        ax.plot([], [], label=f"${letter('K')}={count(steps)}$", **look)
    ax.legend(loc="upper right", frameon=False, fontsize=SMALL, handlelength=1.6, labelspacing=0.2, borderaxespad=0)
