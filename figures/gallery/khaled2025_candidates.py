"""The regime map of Proposition 1: which pair of steps minimizes the rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from tightrate.figures.drawing import (
    CONTOUR_LABEL,
    HALO,
    SMALL,
    Array,
    common_height,
    count,
    fill,
    formula,
    letter,
    log_axis,
    panels,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, Columns
from tightrate.rates.symbols.alphabet import B, L, R, sigma
from tightrate.verify.papers.khaled2025 import proposition_1

PLACES = (0, 2, 4)  # among the ordered inks
FILLS: Mapping[int, Any] = {0: fill(0, 0.16), 2: fill(2, 0.55), 4: fill(4, 0.5, "////")}
LEVELS = (1.2, 1.5, 2.0, 5.0)


@figure(
    "khaled2025-candidates",
    title="Three pairs of steps, not two, minimize the rate",
    caption=(
        "Proposition 1 (re-derived, constants 1): the best pair of inner step $eta$ and outer step $gamma$ for"
        " the rate $B^2/(eta gamma R K) + eta sigma^2 max(1, gamma)/M + L eta^2 sigma^2 K$ under the condition"
        " $eta L (1 + (gamma - 1)_+ K) <= 1/4$, over the noise and the number of local steps $K$, for (a) one"
        " worker and (b) many. Plain averaging: $gamma = 1$, always with its step clipped at $1/(4 L)$."
        " Outer step above 1: with the condition active; white lines are levels of the best $gamma$. Vanishing"
        " inner step: $eta -> 0$ at a fixed product $eta gamma$, the limit of mini-batch SGD, which the paper's"
        " two candidates leave out. The black edges are where the cubic of the second candidate has its root at"
        " $1/(4 L)$, and where it loses its positive root."
    ),
    experiment=proposition_1.regime_map,
    needs=("candidate", "gamma", "plain_until", "vanishing_from"),
    letters_of="khaled2025/prop1",
)
def candidates(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels of one plane, for few and for many workers."""
    picture, axes = panels(2, columns, tall=2.3, between=0.2)
    wins = words("where $gamma > 1$ wins"), "over more noise"
    for ax, mark, M, told in zip(axes, "ab", data.M.values, wins, strict=True):
        _map(ax, data.sel(M=M), letter("gamma"))
        ax.set_xlabel(rf"noise ${formula(sigma**2 * R / (L * B) ** 2)}$")
        workers = "one worker" if M == 1 else f"${letter('M')}={count(float(M))}$ workers"
        ax.set_title(f"({mark}) {workers}: {told}")
    common_height(axes, words("local steps per round $K$"))
    return picture


def _map(ax: Axes, data: xr.Dataset, gamma: str) -> None:
    noise, K = data.noise.values, data.K.values
    log_axis(ax, "x")
    log_axis(ax, "y")
    first, second = data.plain_until.values, data.vanishing_from.values
    names = (
        words("plain\naveraging\n$gamma = 1$"),
        words("outer step\n$gamma > 1$"),
        words("vanishing\ninner step\n$eta -> 0$"),
    )
    edges = (np.full_like(K, noise[0]), first, second, np.full_like(K, noise[-1]))
    for place, name, low, high in zip(PLACES, names, edges[:-1], edges[1:], strict=True):
        ax.fill_betweenx(K, np.clip(low, *noise[[0, -1]]), np.clip(high, *noise[[0, -1]]), linewidth=0, **FILLS[place])
        logs = np.log(np.clip(np.stack([low, high]), *noise[[0, -1]]))
        wide = int(np.argmax(logs[1] - logs[0]))
        row = int(np.clip(wide, len(K) // 6, len(K) - 1 - len(K) // 6))
        share = 0.3 if place == PLACES[1] else 0.5  # the levels of gamma crowd the right half of B
        ax.text(
            float(np.exp((1 - share) * logs[0, row] + share * logs[1, row])), K[row], name, ha="center", va="center",
            path_effects=[HALO], gid="candidate", fontsize=SMALL, linespacing=1.0,
        )  # fmt: skip
    for edge in (first, second):
        ax.plot(edge, K, color=BLACK, linewidth=0.9, gid="edge")
    lines = ax.contour(
        noise, K, 1 / data.gamma.values, levels=sorted(1 / np.array(LEVELS)), colors="white", linewidths=0.8
    )
    heights = np.geomspace(12, 200, len(LEVELS))
    places = [
        (float(np.interp(1 / level, *_along(data, height))), height)
        for level, height in zip(LEVELS, heights, strict=True)
    ]
    ax.clabel(
        lines, manual=places, fmt=lambda level: f"${gamma}={count(1 / level)}$", fontsize=CONTOUR_LABEL, colors=BLACK
    )
    ax.xaxis.set_major_locator(LogLocator(base=100.0))
    ax.set_xlim(noise[0], noise[-1])
    ax.set_ylim(K[0], K[-1])


def _along(data: xr.Dataset, K: float) -> tuple[Array, Array]:
    """1/gamma, increasing, and the noise at which it is the best one, at the nearest K."""
    row = data.sel(K=K, method="nearest")
    return (1 / row.gamma.values)[::-1], row.noise.values[::-1]
