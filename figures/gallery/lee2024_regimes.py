"""The regimes of the published bound of FedAda² in the plane of its two steps, with the line of the best rate."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from sympy.core.relational import Relational

from tightrate.figures.drawing import CONTOUR_LABEL, HALO, SMALL, Array, common_height, fill, letter, panels, words
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, NO_CLAIM, ORDERED_INKS, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.monomial import monomial
from tightrate.verify.papers.lee2024.regimes import regime_plane

FILLS = {
    "initial gap": fill(0, 0.42),
    "server step": fill(1, 0.3, "\\\\\\\\"),
    "client drift": fill(2, 0.2),
    "preconditioner": fill(3, 0.5),
    "server drift": fill(4, 0.35, "////"),
}
LEVELS = (-0.5, -0.375, -0.25, -0.125, 0.0)


@figure(
    "lee2024-regimes",
    title="Only a line of steps attains the best rate of FedAda²",
    caption=(
        "The published bound $(Psi_1 + ... + Psi_5)/Psi_6$ in logarithmic exponents, for $R$ rounds, server step"
        " $gamma$ and client step $eta$, as $R$ grows. (a) Which term is the largest: the gap at the start"
        " $Psi_1/Psi_6$, the server step $Psi_2/Psi_6$, the client drift $Psi_3/Psi_6$, the server drift"
        " $Psi_5/Psi_6$; the preconditioner's $Psi_4/Psi_6$ nowhere is. The dotted lines $eta = R^(-1/2)$ and"
        " $eta = 1$ separate the regimes of $Psi_6$ and of $Psi_5$. (b) The exponent of $R$ in the bound. In the"
        " grey part the bound does not vanish and claims nothing. The smallest exponent, ${least}$, is attained"
        " exactly on the thick line $gamma eta = R^(-1/2)$, $eta <= R^(-1/2)$, which goes on below the window."
        " Squares: the ends of the server steps of Corollary 7 (B); circle: the steps of Corollary 8. For clients"
        " that differ the bound, as it is summarised, does not hold; see the counterexample."
    ),
    experiment=regime_plane,
    needs=("x", "y", "exponent", "dominant", "best", "terms", "window"),
    letters_of="lee2024/thm6",
)
def regimes(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels of one plane: the dominant ratio, and the exponent of the bound."""
    picture, axes = panels(2, columns, tall=2.55, between=0.25)
    (x0, x1), (y0, y1) = data.attrs["window"]
    for ax in axes:
        ax.set_xlim(x0, x1)
        ax.set_ylim(y0, y1)
        ax.set_xlabel(rf"$\log_{{{letter('R')}}}{letter('gamma')}$")
        ax.set_xticks(np.arange(x0, x1 + 0.1, 0.5))
        ax.set_yticks(np.arange(y0, y1 + 0.1, 0.5))
    _dominant(axes[0], data)
    _exponents(axes[1], data)
    common_height(axes, rf"$\log_{{{letter('R')}}}{letter('eta')}$")
    axes[0].set_title("(a) small steps: the start dominates")
    axes[1].set_title(words("(b) its exponent of $R$: least on a line"))
    return picture


def _corners(data: xr.Dataset, i: int) -> Array:
    corners = np.stack([data.x[i].values, data.y[i].values], axis=-1)
    return np.asarray(corners[np.isfinite(corners).all(axis=-1)])


def _dominant(ax: Axes, data: xr.Dataset) -> None:
    for i in range(data.sizes["cell"]):
        corners, place = _corners(data, i), int(data.dominant[i])
        ax.add_patch(Polygon(corners, linewidth=0, **FILLS[data.attrs["terms"][place]]))
        ax.add_patch(Polygon(corners, fill=False, edgecolor="white", linewidth=0.6))
    for place in sorted({int(value) for value in data.dominant.values}):
        name = data.attrs["terms"][place].replace(" ", "\n")
        own = [_corners(data, i) for i in range(data.sizes["cell"]) if int(data.dominant[i]) == place]
        for region in _regions(own):
            x, y = max(region, key=_area).mean(axis=0)
            ax.text(x, y, name, ha="center", va="center", fontsize=SMALL, linespacing=1.0, path_effects=[HALO])
    for height in (-0.5, 0.0):
        ax.axhline(height, color=GREY, linewidth=0.6, linestyle=":")


def _regions(cells: list[Array]) -> list[list[Array]]:
    """The cells in groups that hang together by common edges."""
    groups: list[list[Array]] = []
    for cell in cells:
        own = {tuple(corner) for corner in cell.round(9).tolist()}
        touching = [
            group
            for group in groups
            if any(len(own & {tuple(c) for c in other.round(9).tolist()}) > 1 for other in group)
        ]
        groups = [group for group in groups if not any(group is one for one in touching)]
        groups.append([cell, *(other for group in touching for other in group)])
    return groups


def _area(corners: Array) -> float:
    x, y = corners.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def _exponents(ax: Axes, data: xr.Dataset) -> None:
    (x0, x1), (y0, y1) = data.attrs["window"]
    x, y = np.meshgrid(np.linspace(x0, x1, 401), np.linspace(y0, y1, 401))
    value = exponent_at(data, x, y)
    shades = [_between(share) for share in np.linspace(0.75, 0.15, len(LEVELS) - 1)]
    ax.contourf(x, y, value, levels=LEVELS, colors=shades)
    ax.contourf(x, y, value, levels=[LEVELS[-1], float(value.max()) + 1], colors=[NO_CLAIM])
    ax.contour(x, y, value, levels=[LEVELS[-1]], colors=[BLACK], linewidths=0.8)
    inner = ax.contour(x, y, value, levels=LEVELS[1:-1], colors=["white"], linewidths=0.7, linestyles="solid")
    ax.clabel(
        inner,
        fmt=lambda level: f"{Fraction(level)}".replace("-", "−"),
        fontsize=CONTOUR_LABEL,
        colors=[BLACK],
        inline=True,
        manual=[(-0.05 - 0.5 * level, -0.95 - 0.5 * level) for level in LEVELS[1:-1]],
    )
    ax.plot(*data.best.values.T, color=BLACK, linewidth=2.2, solid_capstyle="butt", gid="best")
    client, ends = _case_b()
    ax.plot(ends, [client, client], "s", markerfacecolor="white", color=BLACK)
    start, end = (tuple(row) for row in data.best.values)
    ax.plot(*start, "o", markerfacecolor="white", color=BLACK)
    rate = rf"${letter('R')}^{{{data.attrs['least']}}}$"
    towards = (end[0] - start[0], end[1] - start[1])
    ax.annotate(
        f"best: {rate}",
        (start[0] + 0.2 * towards[0], start[1] + 0.2 * towards[1]),
        xytext=(start[0] + 0.35, start[1] + 0.4),
        ha="center",
        arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": BLACK, "shrinkA": 1, "shrinkB": 2},
    )
    ax.text(x0 + 0.06, y1 - 0.08, "no claim: the bound\ndoes not vanish", va="top", fontsize=SMALL, color=GREY)


def _case_b() -> tuple[float, list[float]]:
    """The exponents of Corollary 7 (B): of the client step, and of the two ends of the server steps."""
    corollary = theorem("lee2024/cor7b")
    client = monomial(corollary.steps["eta"]).exponents["R"]
    ends = []
    for condition in corollary.conditions:
        relation = condition.relation
        assert isinstance(relation, Relational)
        powers = monomial(relation.lhs / relation.rhs).exponents
        ends.append(float(-powers["R"] / powers["gamma"]))
    return float(client), sorted(ends)


def _between(share: float) -> tuple[float, float, float]:
    """White, coloured by that share of an ink."""
    red, green, blue = (1 - share * (1 - part) * 0.75 for part in to_rgb(ORDERED_INKS[2]))
    return red, green, blue


def exponent_at(data: xr.Dataset, x: Array, y: Array) -> Array:
    """The exponent of T at points of the window: in each cell an affine function."""
    value = np.full(x.shape, np.nan)
    for i in range(data.sizes["cell"]):
        corners = _corners(data, i)
        inside = np.ones(x.shape, dtype=bool)
        for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            inside &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= -1e-12
        constant, along_x, along_y = data.exponent[i].values
        value = np.where(inside, constant + along_x * x + along_y * y, value)
    return value
