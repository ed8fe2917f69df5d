"""The best outer step on a random quadratic against the noise, after Figure 1 of khaled2025, by exact moments."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

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
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import GREY, ORDERED_INKS, Columns
from tightrate.verify.papers.khaled2025 import figure_1

SHOWN = (0.01, 0.5, 5.0, 15.0, 50.0)  # noise levels of the right panel


@figure(
    "khaled2025-best-outer-step",
    title="The noisier the gradients, the smaller the best outer step",
    caption=(
        "Local SGD with outer step $gamma$ on the quadratic $(x - x*)^T Q (x - x*)/2$ with $Q = A^T A$ and {d} ×"
        " {d} standard normal entries of $A$, as in the paper's Figure 1: $K = {K}$ local steps, $R = {R}$"
        " rounds, $eta = {eta:g}$; $M = {M}$ workers and the start 0 are ours. Expected losses over the last ten"
        " rounds are exact, on {seeds} random matrices. (a) The best outer step for each noise $sigma$ per"
        " coordinate: line and band, among all outer steps (median over the matrices, and from smallest to"
        " largest); markers, the median of the best among the paper's ten outer steps (ticks). (b) The loss"
        " against $gamma$ for the first matrix; open circles mark the best of the ten, dashed lines the floor"
        " that the noise alone leaves as $R -> inf$. With the objective as printed, $|Q (x - x*)|^2/2$, every"
        " outer step diverges: there $eta L$ is at least {literal_steepness:.0f}, here at most {steepness:.2f}."
    ),
    experiment=figure_1.figure_1,
    needs=("loss", "floor", "best_of_all", "literal_steepness", "steepness"),
    letters_of="khaled2025/stationary",
)
def best_outer_step(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: the best outer step against the noise, and the loss against the outer step."""
    picture, axes = panels(2, columns, tall=2.2, between=0.55, right=0.62)
    _best(axes[0], data)
    _losses(axes[1], data)
    axes[0].set_xlabel(words("noise per coordinate $sigma$"))
    axes[0].set_ylabel(words("best outer step $gamma$"))
    axes[0].set_title("(a) above 1 without noise, below 1 with much")
    axes[1].set_xlabel(words("outer step $gamma$"))
    axes[1].set_ylabel("loss over the last ten rounds")
    axes[1].set_title("(b) the floor of the noise decides")
    return picture


def best_of_the_ten(data: xr.Dataset) -> xr.DataArray:
    """The median over the matrices of the best of the paper's outer steps: one of them, also for an even number."""
    loss = data.loss.where(np.isfinite(data.loss), np.inf)
    median: xr.DataArray = data.gamma[loss.argmin("gamma")].quantile(0.5, "seed", method="inverted_cdf")
    return median


def _best(ax: Axes, data: xr.Dataset) -> None:
    sigma, of_all, ink = data.sigma.values, data.best_of_all, ORDERED_INKS[1]
    log_axis(ax, "x")
    shown = [step for step in data.gamma.values if step >= 0.1]
    log_axis(ax, "y", ticks=[step for step in shown if step in (0.1, 0.5, 1.0, 2.0)])
    ax.yaxis.set_minor_locator(FixedLocator(shown))
    ax.fill_between(sigma, of_all.min("seed"), of_all.max("seed"), color=ink, alpha=0.22, linewidth=0, gid="band")
    ax.plot(sigma, of_all.median("seed"), color=ink, gid="best of all")
    ax.plot(sigma, best_of_the_ten(data), color=ink, marker="o", markerfacecolor="white", linestyle="none", gid="best")
    ax.axhline(1.0, color=GREY, linewidth=0.6, zorder=0)
    ends = (sigma[4], float(of_all.median("seed")[4])), (sigma[6], float(of_all.median("seed")[6]))
    label_along(ax, *ends, "best of all", at=0.3, offset=4, color=ink, halo=True)
    ax.annotate(
        "best of the ten", (sigma[0], 1.5), (-2, -5), textcoords="offset points", va="top", fontsize=SMALL, color=ink
    )
    ax.set_xlim(sigma[0] / 1.6, sigma[-1] * 1.6)
    ax.set_ylim(min(0.06, float(of_all.min()) * 0.8), 2.6)
    ax.text(sigma[-1] * 1.4, 1.06, f"${letter('gamma')}=1$", fontsize=SMALL, color=GREY, ha="right", va="bottom")


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
        labels.append(Label(float(one.gamma[-1]), float(loss[-2]), f"${letter('sigma')}={count(sigma)}$", ink.text))
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
        label_along(ax, start, end, "floor of the noise", at=0.95, offset=3)
