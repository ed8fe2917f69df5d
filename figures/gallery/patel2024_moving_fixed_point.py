"""The fixed point of local gradient descent on its way from the optimum to the mean of the workers' optima."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from tightrate.figures.drawing import (
    HALO,
    SMALL,
    Ink,
    count,
    formula,
    letter,
    log_axis,
    ordered_inks,
    panels,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, Columns
from tightrate.rates.symbols.alphabet import L, eta
from tightrate.verify.papers.patel2024 import fixed_point_in_the_plane

NAMED = (30.0, 100.0)  # local steps that are written beside the path of the smallest step


@figure(
    "patel2024-moving-fixed-point",
    title="More local steps move the fixed point from the optimum to the mean of the workers' optima",
    caption=(
        "Where local gradient descent ends on {M} quadratic workers in the plane with different optima"
        " (crosses), none of them noisy. (a) At $K = 1$ the fixed point $x_inf$ is the optimum $x*$; as the local"
        " steps $K$ grow, or the inner step $eta$, it moves to the mean of the workers' optima, whatever the"
        " outer step. Lines are the closed form of Prop. 19, markers are runs step by step to the end, and the"
        " thin grey lines are level sets of the average objective; the written $K$ belong to the smallest step,"
        " marked by circles. (b) The distance from the optimum (thick, rising) and from the mean of the optima"
        " (thin, falling) in units of the distance between the two."
    ),
    experiment=fixed_point_in_the_plane.moving_fixed_point,
    needs=("path", "simulated", "optimum", "mean_optimum", "optima", "hessian"),
    letters_of="patel2024/prop19",
)
def moving_fixed_point(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: the paths in the plane, and distances against K."""
    picture, axes = panels(2, columns, tall=2.5, between=0.62, left=0.5)
    inks = ordered_inks(data.sizes["eta"])
    _plane(axes[0], data, inks)
    _distances(axes[1], data, inks)
    axes[0].legend(
        *axes[1].get_legend_handles_labels(), loc="upper left", frameon=False, fontsize=SMALL, handlelength=1.6,
        labelspacing=0.25, borderaxespad=0.2,
    )  # fmt: skip
    axes[0].set_title("(a) the fixed point leaves the optimum")
    axes[1].set_title("(b) and ends at the mean of the optima")
    return picture


def _plane(ax: Axes, data: xr.Dataset, inks: list[Ink]) -> None:
    optimum, mean = data.optimum.values, data.mean_optimum.values
    corners = np.concatenate([data.optima.values, [optimum, mean]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    # The panel's shape decides how much of the plane is seen, at one scale for both axes.
    box = ax.get_window_extent()
    middle, half = (low + high) / 2, (high - low) / 2 * 1.15
    scale = max(half[0] / box.width, half[1] / box.height)
    ax.set_xlim(middle[0] - scale * box.width, middle[0] + scale * box.width)
    ax.set_ylim(middle[1] - scale * box.height, middle[1] + scale * box.height)
    _level_sets(ax, data)
    for ink, (_, at) in zip(inks, data.groupby("eta"), strict=True):
        ax.plot(*at.path.values.reshape(-1, 2).T, color=ink.color)
        ends = at.simulated.values.reshape(-1, 2)
        ax.plot(*ends.T, linestyle="none", marker=ink.marker, color=ink.color, markerfacecolor="white")
    ax.plot(*data.optima.values.T, linestyle="none", marker="x", color=BLACK, markersize=5, markeredgewidth=1.1)
    for m, (x, y) in enumerate(data.optima.values):
        name = rf"$x_{m + 1}^\star$"
        ax.annotate(name, (x, y), xytext=(5, 2), textcoords="offset points", fontsize=SMALL, path_effects=[HALO])
    slowest = data.isel(eta=0)
    for steps, (x, y) in zip(data["K"].values, slowest.path.values, strict=True):
        if steps in NAMED:
            steps_there = f"${letter('K')}={count(steps)}$"
            style: dict[str, Any] = {"ha": "right", "fontsize": SMALL, "color": inks[0].text, "path_effects": [HALO]}
            ax.annotate(steps_there, (x, y), xytext=(-2, 5), textcoords="offset points", **style)
    for (x, y), text, shift, sides in (
        (optimum, r"$x^\star$", (4, 3), ("left", "bottom")),
        (mean, "mean of\nthe optima", (-7, 0), ("right", "center")),
    ):
        ax.plot(x, y, marker="o", color=BLACK, markersize=5.5)
        ax.annotate(
            text,
            (x, y),
            xytext=shift,
            textcoords="offset points",
            ha=sides[0],
            va=sides[1],
            fontsize=SMALL,
            path_effects=[HALO],
        )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MultipleLocator(0.5))
    ax.set_xlabel("first coordinate")
    ax.set_ylabel("second coordinate", labelpad=1)


def _level_sets(ax: Axes, data: xr.Dataset) -> None:
    """Ellipses on which the average objective is the same."""
    spectrum, axes = np.linalg.eigh(data.hessian.values)
    turn = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(turn), np.sin(turn)]) / np.sqrt(spectrum)[:, None]
    ellipse = (axes @ circle).T
    unit = np.abs(ellipse).max()
    for radius in (0.35, 0.7, 1.05, 1.4, 1.75, 2.1):
        ax.plot(
            *(data.optimum.values + radius / unit * ellipse).T,
            color=GREY,
            linewidth=0.35,
            zorder=0,
            alpha=0.6,
            gid="level",
        )


def _distances(ax: Axes, data: xr.Dataset, inks: list[Ink]) -> None:
    whole = float(np.linalg.norm(data.optimum - data.mean_optimum))
    for ink, (step, at) in zip(inks, data.groupby("eta"), strict=True):
        K = at["K"].values
        path, ends = at.path.values.reshape(-1, 2), at.simulated.values.reshape(-1, 2)
        rising = np.linalg.norm(path - data.optimum.values, axis=-1) / whole
        falling = np.linalg.norm(path - data.mean_optimum.values, axis=-1) / whole
        ax.plot(K, rising, color=ink.color, linewidth=1.5)
        ax.plot(K, falling, color=ink.color, linewidth=0.7)
        run = np.linalg.norm(ends - data.optimum.values, axis=-1) / whole
        ax.plot(K, run, linestyle="none", marker=ink.marker, color=ink.color, markerfacecolor="white")
        look: dict[str, Any] = {"color": ink.color, "marker": ink.marker, "markerfacecolor": "white"}
        ax.plot([], [], label=f"${formula(eta * L)}={count(float(step) * data.attrs['L'])}$", **look)
    log_axis(ax, "x")
    ax.set_xlim(0.8, float(data["K"][-1]) * 1.2)
    ax.set_ylim(-0.03, 1.13)
    ax.set_xlabel(words("local steps per round $K$"))
    ax.set_ylabel(r"distance of $x_\infty$ / distance of the two", labelpad=1)
    for end, side, text in ((0, "left", "from the mean of the optima"), (-1, "right", r"from $x^\star$")):
        ax.text(data["K"].values[end], 1.03, text, fontsize=SMALL, color=GREY, va="bottom", ha=side)
