"""The best outer step on a random quadratic against the noise, after Figure 1 of khaled2025, by exact moments."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tightrate.figures.drawing import (
    SMALL,
    Label,
    count,
    drawable,
    label_along,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import GREY, ORDERED_INKS, Columns
from tightrate.verify.papers.khaled2025 import figure_1

SHOWN = (0.01, 0.5, 5.0, 15.0, 50.0)  # noise levels of the right panel


@figure(
    "khaled2025-best-outer-step",
    title="The best outer step against the noise",
    caption=(
        "Local SGD with outer step γ on the quadratic (x − x⋆)ᵀQ(x − x⋆)/2, Q = AᵀA, A of {d} × {d} standard normal"
        " entries, as in the paper's Figure 1: H = {K} local steps, R = {R} rounds, η = {eta:g}; M = {M} machines and"
        " the start 0 are ours. Expected losses over the last ten rounds are exact, on {seeds} random matrices. (a)"
        " The best of ten outer steps (ticks) for each noise σ per coordinate: median over the matrices, and band"
        " from smallest to largest. (b) The loss against γ for the first matrix; open circles mark the best outer"
        " step, dashed lines the floor that the noise alone leaves for R → ∞. With the objective as printed, |Q(x −"
        " x⋆)|²/2, every outer step diverges: there ηL is at least {literal_steepness:.0f}, here at most"
        " {steepness:.2f}."
    ),
    experiment=figure_1.figure_1,
    needs=("loss", "floor", "literal_steepness", "steepness"),
)
def best_outer_step(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: the best outer step against the noise, and the loss against the outer step."""
    source = figure_1.less_than_1_can_be_best.theorem
    picture, axes = panels(2, columns, tall=2.2, between=0.55, right=0.62)
    gamma = letter("gamma", source)
    _best(axes[0], data, gamma)
    _losses(axes[1], data)
    axes[0].set_xlabel(r"noise per coordinate $\sigma$")
    axes[0].set_ylabel(f"best outer step ${gamma}$")
    axes[0].set_title("(a) the best outer step")
    axes[1].set_xlabel(f"outer step ${gamma}$")
    axes[1].set_ylabel("loss over the last ten rounds")
    axes[1].set_title("(b) the loss of every outer step")
    return picture


def _best(ax: Axes, data: xr.Dataset, gamma: str) -> None:
    loss = data.loss.where(np.isfinite(data.loss), np.inf)
    best = data.gamma[loss.argmin("gamma")]
    sigma, ink = data.sigma.values, ORDERED_INKS[1]
    log_axis(ax, "x")
    log_axis(ax, "y", ticks=[0.1, 0.5, 1.0, 1.5])
    ax.fill_between(sigma, best.min("seed"), best.max("seed"), color=ink, alpha=0.22, linewidth=0, gid="band")
    ax.plot(sigma, best.median("seed"), color=ink, marker="o", markerfacecolor="white", gid="best")
    ax.axhline(1.0, color=GREY, linewidth=0.6, zorder=0)
    ax.set_xlim(sigma[0] / 1.6, sigma[-1] * 1.6)
    ax.set_ylim(0.06, 2.6)
    ax.text(sigma[-1] * 1.4, 1.06, f"${gamma}=1$", fontsize=SMALL, color=GREY, ha="right", va="bottom")


def _losses(ax: Axes, data: xr.Dataset) -> None:
    one = data.isel(seed=0)
    levels = [sigma for sigma in SHOWN if sigma in one.sigma]
    log_axis(ax, "x")
    log_axis(ax, "y")
    labels = []
    for sigma, ink in zip(levels, ordered_inks(len(levels)), strict=True):
        at = one.sel(sigma=sigma)
        loss = drawable(at.loss)
        ax.plot(one.gamma, drawable(at.floor), color=ink.color, linewidth=0.7, linestyle=(0, (4, 2)), gid="floor")
        ax.plot(one.gamma, loss, color=ink.color, gid="loss")
        if np.isfinite(loss).any():
            place = int(np.nanargmin(loss))
            ax.plot(one.gamma[place], loss[place], "o", color=ink.color, markerfacecolor="white", markersize=5)
        labels.append(Label(float(one.gamma[-1]), float(loss[-2]), rf"$\sigma={count(sigma)}$", ink.text))
    ax.set_xlim(float(one.gamma[0]) / 1.5, float(one.gamma[-1]) * 1.25)
    lowest = np.nanmin(drawable(one.loss.sel(sigma=levels)))
    ax.set_ylim(lowest / 6, np.nanmax(drawable(one.loss.sel(sigma=levels))) * 3)
    place_labels(ax, [label for label in labels if np.isfinite(label.y)], "right", gap=3.0)
    _name_the_floor(ax, one.sel(sigma=levels[-1]))


def _name_the_floor(ax: Axes, loudest: xr.Dataset) -> None:
    """What the dashed lines are, written along the highest of them."""
    floor, gamma = drawable(loudest.floor), loudest.gamma.values
    known = np.flatnonzero(np.isfinite(floor))
    if len(known) > 2:
        start, end = ((float(gamma[i]), float(floor[i])) for i in known[:2])
        label_along(ax, start, end, "floor of the noise alone", at=0.55, offset=3)
