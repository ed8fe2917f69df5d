"""Who wins where: the smallest catalogued upper bound of a problem class in a plane of exponents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from tightrate.figures.drawing import HALO, SMALL, Array, fill, letter, panels
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, NO_CLAIM, Columns
from tightrate.verify.papers import who_wins as planes_of_bounds

# Pale inks in the order of their lightness; hatches repeat the difference for grey print.
LOOKS: Mapping[str, tuple[int, str]] = {
    "accelerated mini-batch": (4, ""),
    "local SGD": (0, "...."),
    "local SGD, Q": (2, "////"),
    "local SGD, tau, Q": (2, "////"),
    "mini-batch SGD": (1, "----"),
    "FedAc I": (3, "\\\\\\\\"),
    "FedAc II": (1, "xxxx"),
}
SHORT: Mapping[str, str] = {
    "accelerated mini-batch": "accelerated\nmini-batch SGD",
    "local SGD, Q": "local SGD,\nsmall {Q}",
    "local SGD, tau, Q": "local SGD,\nsmall {tau}, {Q}",
    "FedAc I": "FedAc (I)",
    "FedAc II": "FedAc (II)",
}
TIE = "#ffffff"
GRID = 61  # points along each axis, among which the labels' places are chosen
WIDER = 2.2  # how much wider than high a label is
ROOM_FOR_NAMES, ROOM_FOR_WORDS, ROOM_FOR_A_NUMBER = 0.1, 0.05, 0.04  # half heights, as shares of the panel's


@figure(
    "who-wins",
    title="Local SGD has the smallest bound only with many local steps and workers that are alike",
    caption=(
        "The smallest of the catalogued upper bounds of one problem class, up to constants and logarithms, as"
        " powers of the number of rounds $R = n -> inf$ in units of $L$ and $B$. Every region is labelled with"
        " what attains it; in white regions several bounds agree, a number says how many, where there is room,"
        " and grey lines lead from one group of such bounds to another. (a) Convex, heterogeneous workers with"
        " dissimilarity $zeta = n^y$, second-order heterogeneity $tau$ and third-order smoothness $Q$. (b), (c)"
        " Convex, equal workers;"
        " the line above each panel says how the other letters grow. In the grey region every bound is above the"
        " gap at the start, so that no claim is made. The map compares proved bounds, not methods: a method with"
        " a worse bound may be as good."
    ),
    experiment=planes_of_bounds.who_wins,
    needs=("x", "y", "wins", "planes"),
)
def who_wins(data: xr.Dataset, columns: Columns) -> Figure:
    """One panel for each plane."""
    planes = data.attrs["planes"]
    picture, axes = panels(len(planes), columns, tall=1.85, between=0.5, top=0.42, bottom=0.42, left=0.45)
    for i, (ax, plane) in enumerate(zip(axes, planes, strict=True)):
        _draw(ax, data.isel(plane=i), plane)
        title = f"({'abcdef'[i]}) {plane['name']}"
        ax.set_title(f"{title}\n{_growth(plane['path'])}", fontsize=SMALL, linespacing=1.35)
    return picture


def _draw(ax: Axes, data: xr.Dataset, plane: Mapping[str, Any]) -> None:
    (x0, x1), (y0, y1) = plane["window"]
    ax.set_xlim(x0, x1)
    ax.set_ylim(y0, y1)
    base = letter("R")
    across, up = plane["letters"]
    unit = rf"/({letter('L')}{letter('B')})" if up in ("zeta", "zeta_star") else ""
    ax.set_xlabel(rf"$\log_{{{base}}}{letter(across)}$")
    ax.set_ylabel(rf"$\log_{{{base}}}{letter(up)}{unit}$", labelpad=1)
    ax.set_xticks(range(x0, x1 + 1))
    ax.set_yticks(range(y0, y1 + 1))
    groups: dict[tuple[str, ...], list[Array]] = {}
    for cell in range(data.sizes["cell"]):
        corners = np.stack([data.x[cell].values, data.y[cell].values], axis=-1)
        corners = corners[np.isfinite(corners).all(axis=-1)]
        if len(corners):
            won = tuple(str(name) for name in data.bound.values[data.wins[cell].values == 1])
            groups.setdefault(won, []).append(corners)
    for winners, own in groups.items():
        look = _look(winners)
        for corners in own:  # first without hatch, with a line in the same colour: no seams between cells
            ax.add_patch(Polygon(corners, facecolor=look["facecolor"], edgecolor=look["facecolor"], linewidth=0.7))
        for corners in own:
            ax.add_patch(Polygon(corners, linewidth=0, gid=" = ".join(winners), **look))
    _borders(ax, groups)
    points = np.meshgrid(np.linspace(x0, x1, GRID), np.linspace(y0, y1, GRID))
    grid = np.stack(points, axis=-1).reshape(-1, 2)
    for winners, own in groups.items():
        within = np.any([inside(grid, corners) for corners in own], axis=0)
        place, room = roomiest(within.reshape(GRID, GRID))
        words = no_claim(ax) if winners == ("start",) else _label(winners, room, len(plane["bounds"]))
        if words:
            style: dict[str, Any] = {"fontsize": SMALL, "color": BLACK, "path_effects": [HALO], "linespacing": 1.1}
            x, y = grid[place]
            ax.text(x, y, words, ha="center", va="center", **style)


def roomiest(within: NDArray[np.bool_]) -> tuple[int, float]:
    """The point of a square grid of the window with the most room for a label, and that room as a share of its height.

    Words are wider than high, so a distance counts for less across than up.
    """
    step = 1 / (len(within) - 1)
    room = distance_transform_edt(np.pad(within, 1), sampling=(step, step / WIDER))[1:-1, 1:-1]
    best = np.flatnonzero(room >= 0.9 * room.max())
    middle = np.argwhere(within).mean(axis=0)
    place = best[np.linalg.norm(np.stack(np.unravel_index(best, room.shape), axis=-1) - middle, axis=-1).argmin()]
    return int(place), float(room.max())


def _look(winners: tuple[str, ...]) -> dict[str, Any]:
    if winners == ("start",):
        return {"facecolor": NO_CLAIM}
    if len(winners) > 1:
        return {"facecolor": TIE}
    place, hatch = LOOKS[winners[0]]
    return fill(place, 0.35 if hatch else 0.75, hatch)


def _borders(ax: Axes, groups: Mapping[tuple[str, ...], list[Array]]) -> None:
    """The edges between regions of different winners: an edge that two cells of one region share is left out, one
    between two regions where several agree is grey."""
    ties = [corners for winners, own in groups.items() if len(winners) > 1 for corners in own]
    for winners, own in groups.items():
        for index, corners in enumerate(own):
            for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
                middle = (a + b) / 2
                if any(inside(middle, other) for place, other in enumerate(own) if place != index):
                    continue
                within = len(winners) > 1 and sum(bool(inside(middle, other)) for other in ties) > 1
                look: dict[str, Any] = (
                    {"color": GREY, "linewidth": 0.4} if within else {"color": BLACK, "linewidth": 0.7}
                )
                ax.plot([a[0], b[0]], [a[1], b[1]], solid_capstyle="round", zorder=1.9 if within else 2, **look)


def inside(points: Array, corners: Array) -> NDArray[np.bool_]:
    """Whether points (..., 2) lie in a convex polygon with its corners counterclockwise, its edges included."""
    along = np.roll(corners, -1, axis=0) - corners
    to = points[..., None, :] - corners
    return np.asarray((along[:, 0] * to[..., 1] - along[:, 1] * to[..., 0] >= -1e-9).all(axis=-1))


def no_claim(ax: Axes) -> str:
    """The name of the grey region, in two lines where the panel is high enough."""
    return "no\nclaim" if ax.bbox.height > 1.4 * ax.figure.dpi else "no claim"


def _label(winners: tuple[str, ...], room: float, candidates: int) -> str:
    """What a region is called: by name where there is room, else by how many bounds agree, else not at all."""
    if len(winners) == candidates:
        return "all agree" if room > ROOM_FOR_WORDS else ""
    if len(winners) == 1 or (len(winners) == 2 and room > ROOM_FOR_NAMES):
        return "\n= ".join(_name(name) for name in winners)
    return f"{len(winners)} agree" if room > ROOM_FOR_A_NUMBER else ""


def _name(name: str) -> str:
    return SHORT.get(name, name).format(tau=f"${letter('tau')}$", Q=f"${letter('Q')}$")


def _growth(path: Mapping[str, str]) -> str:
    """How the other letters grow, as powers of n = R."""
    parts = [f"{letter(name)}={_power(power)}" for name, power in path.items() if name != "R"]
    return "$" + r",\ ".join(parts) + "$"


def _power(power: str) -> str:
    return "1" if power == "0" else "R" if power == "1" else f"R^{{{power}}}"
