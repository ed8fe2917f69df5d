"""Who wins in the plane of local steps and workers: Local SGDM and Local Adam against mini-batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.text import Text
from scipy.interpolate import interpn

from tightrate.figures.drawing import CONTOUR_LABEL, HALO, SMALL, fill, label_along, letter, log_axis, panels, words
from tightrate.figures.figure import figure
from tightrate.figures.gallery.who_wins import inside, no_claim, roomiest
from tightrate.figures.style import BLACK, NO_CLAIM, Columns
from tightrate.rates.symbols.evaluation import at
from tightrate.rates.symbols.monomial import monomial
from tightrate.verify.papers.cheng2024.figure_rates import (
    LEAST,
    METHODS,
    MIDDLE,
    MOST,
    Method,
    exponent_of,
    figure_rates,
    gain_exponents,
    least_steps,
)

FILLS: Mapping[str, dict[str, Any]] = {
    "local": fill(4, 0.35, "////"),
    "minibatch": fill(1, 0.46),
    "start": {"facecolor": NO_CLAIM, "edgecolor": NO_CLAIM},
    "tie": {"facecolor": "#ffffff", "edgecolor": "#ffffff"},
}
GAINS = (Fraction(-2, 3), Fraction(-1, 3), Fraction(1, 3), Fraction(2, 3))
MEASURED = (0.5, 2.0, 4.0)
CRITICAL, LINEAR, SATURATED = (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5))
NEAR = 0.03  # measured gains so near to one count as equal
LABELS_AT = 0.83  # where the names of lines of equal gain stand, as a share of the height
GRID = 61  # points along each axis, among which the words' places are chosen
PLANE = 121  # points along each axis of the plane of exponents


@figure(
    "cheng2024-winners",
    title="Local steps win from a critical number on",
    caption=(
        "(a), (b) Which bound is the smaller one as $n = R -> inf$, up to constants and logarithms, at noise"
        " $sigma = n$ with $alpha = {alpha}$: (a) Local SGDM (4.4) against mini-batch SGDM (4.5), convex; (b)"
        " Local Adam (4.10) against mini-batch Adam (4.11) with weak convexity $weak = n^(-1/2)$; $L = B = Delta"
        " = 1$. Thin lines: equal gains, the mini-batch bound over the local one, with their power of $n$. Grey:"
        " neither bound is below the start, so that no claim is made. White: the bounds agree. Dashed: $K_0$,"
        " from which on the drift is below the mini-batch method's optimization term; dotted: $M ="
        " (K_0/K)^(1/3)$, up to which local steps keep linear speed-up when clipping is left out; dash-dotted in"
        " (b): where the gain reaches $L/weak$ and ends. (c) Gains of local SGD over mini-batch SGD without"
        " momentum and clipping, both tuned (steps up to $1/(2 L)$), on a convex instance with two curvatures at"
        " $R = {R_fixed:g}$, $sigma = {sigma:g} L B$, with the same lines at $K_0 = {critical:.0f}$, their"
        " constants set to one. White: equal up to 3 %. The measured change from mini-batches to local steps has"
        " the predicted direction but comes much earlier: nothing is said of constants. In the grey part $K$ is"
        " below $log(M K R/delta)$, $delta = {delta:g}$, where the theorem is silent."
    ),
    experiment=figure_rates,
    needs=("x", "y", "wins", "tuned", "critical"),
    letters_of="cheng2024/thm3",
)
def winners(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels of exponents, one for each algorithm, and one with measured gains."""
    picture, axes = panels(3, columns, tall=2.0, left=0.45, between=0.46)
    for mark, ax, (name, method) in zip("ab", axes, METHODS.items(), strict=False):
        _exponents(ax, data.sel(algorithm=name), name, method)
        ax.set_title(words(f"({mark}) bounds, {name}: from $K_0$ on"))
    _measured(axes[2], data, METHODS["SGDM"])
    axes[2].set_title("(c) tuned runs of SGD: earlier")
    return picture


def _exponents(ax: Axes, data: xr.Dataset, name: str, method: Method) -> None:
    saturated = method.saturated_steps()
    critical = float(exponent_of(method.critical_steps(), method))
    until = float("inf") if saturated is None else float(exponent_of(saturated, method))
    x, y = np.linspace(LEAST, MOST, PLANE), np.linspace(LEAST, MOST / 2, PLANE)
    gain = gain_exponents(method, *np.meshgrid(x, y))
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    groups: dict[tuple[str, ...], list[Any]] = {}
    for cell in range(data.sizes["cell"]):
        corners = np.stack([data.x[cell].values, data.y[cell].values], axis=-1)
        corners = corners[np.isfinite(corners).all(axis=-1)]
        if len(corners):
            won = tuple(str(bound) for bound in data.bound.values[data.wins[cell].values == 1])
            groups.setdefault(won, []).append(corners)
    names = {"local": f"Local\n{name}", "minibatch": f"mini-batch\n{name}", "start": no_claim(ax)}
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    for won, own in groups.items():
        look = FILLS[won[0] if len(won) == 1 else "tie"]
        for corners in own:  # first an edge of the same colour, so that there are no seams
            seam = {"facecolor": look["facecolor"], "edgecolor": look["facecolor"]}
            ax.add_patch(Polygon(corners, linewidth=0.5, zorder=0.4, **seam))
        for corners in own:
            ax.add_patch(Polygon(corners, linewidth=0, zorder=0.5, gid=" = ".join(won), **look))
        within = np.any([inside(points, corners) for corners in own], axis=0)
        beside = within & (np.abs(points[:, 0] - until) > 0.05 * x[-1])  # no word on a line
        place, _ = roomiest(beside.reshape(len(y), len(x)))
        _word(ax, tuple(points[place]), names[won[0]] if len(won) == 1 else "equal")
    levels = [float(gain) for gain in GAINS]
    shown = ax.contour(x, y, gain, levels=levels, colors=BLACK, linewidths=0.5, linestyles="solid")
    base, row = letter("R"), int(LABELS_AT * len(y))
    along = gain[row]
    places = [(float(np.interp(level, along, x)), float(y[row])) for level in levels if level < along[-1]]
    fractions = {float(gain): f"{gain}".replace("-", "−") for gain in GAINS}
    named = ax.clabel(shown, fmt=fractions, fontsize=CONTOUR_LABEL, inline=False, manual=places)
    upright_with_halo(named)
    steps, most = np.array([0.0, critical]), method.linear_workers()
    power = Fraction(str(monomial(most).exponents["K"]))
    workers = float(exponent_of(most, method)) + float(power) * steps
    ax.plot(steps, workers, color=BLACK, linewidth=1.0, linestyle=LINEAR, gid="linear")
    border = f"$({letter('K')}_0/{letter('K')})^{{{-power}}}$"
    label_along(ax, (steps[0], workers[0]), (steps[1], workers[1]), border, at=0.6, offset=2, halo=True)
    _upright(ax, critical, words("$K_0$"), CRITICAL)
    if until < x[-1]:
        _upright(ax, until, words("$K_0 (L/weak)^3$"), SATURATED)
    ax.set_xlabel(rf"$\log_{{{base}}}{letter('K')}$")
    ax.set_ylabel(rf"$\log_{{{base}}}{letter('M')}$", labelpad=2)


def _upright(ax: Axes, at: float, name: str, dashes: Any) -> None:
    """A named line at a number of local steps."""
    ax.axvline(at, color=BLACK, linewidth=1.0, linestyle=dashes, gid=name)
    ax.annotate(
        name, (at, 0.97), (2, 0), xycoords=("data", "axes fraction"), textcoords="offset points", va="top",
        fontsize=SMALL, path_effects=[HALO], zorder=5,
    )  # fmt: skip


_IN_A_MAP: Mapping[str, Any] = {
    "ha": "center", "va": "center", "fontsize": SMALL, "linespacing": 1.1, "path_effects": [HALO], "zorder": 5,
}  # fmt: skip


def _word(ax: Axes, at: tuple[float, float], text: str) -> None:
    ax.text(*at, text, **_IN_A_MAP)


def upright_with_halo(labels: Sequence[Text]) -> None:
    """Names of contour lines written across them."""
    for label in labels:
        label.set(rotation=0, path_effects=[HALO], zorder=5)


def _measured(ax: Axes, data: xr.Dataset, method: Method) -> None:
    K, M = data["K"].values, data["M"].values
    gain = (data.tuned.sel(who="minibatch") / data.tuned.sel(who="local")).transpose("M", "K").values
    log_axis(ax, "x")
    log_axis(ax, "y")
    ax.set_xlim(K[0], max(float(K[-1]), 2 * data.attrs["critical"]))
    ax.set_ylim(M[0], M[-1])
    near = float(np.log1p(NEAR))
    looks = [FILLS[name] for name in ("minibatch", "tie", "local")]
    regions = ax.contourf(
        K, M, np.log(gain), levels=[-1e9, -near, near, 1e9],
        colors=[look["facecolor"] for look in looks], hatches=[look.get("hatch", "") for look in looks],
    )  # fmt: skip
    regions.set_edgecolor([look["edgecolor"] for look in looks])
    regions.set_linewidth(0.0)
    silent = least_steps(method, M)
    claimed = np.where(silent[:, None] <= K, gain, np.nan)
    lines = ax.contour(K, M, claimed, levels=MEASURED, colors=BLACK, linewidths=0.5)
    high = float(M[0] * (M[-1] / M[0]) ** LABELS_AT)
    along = gain[int(np.abs(np.log(M / high)).argmin())]
    places = [
        (float(np.exp(np.interp(level, along, np.log(K)))), high)
        for level in MEASURED
        if np.nanmin(claimed) < level < along[-1]
    ]
    upright_with_halo(
        ax.clabel(lines, fmt=lambda level: f"{level:g}", fontsize=CONTOUR_LABEL, inline=False, manual=places)
    )
    ax.fill_betweenx(M, K[0], silent, linewidth=0, zorder=2.5, gid="no claim", **FILLS["start"])
    most = at(method.linear_workers(), {**method.values, **MIDDLE, "K": K})
    ax.plot(K, most, color=BLACK, linewidth=1.0, linestyle=LINEAR, gid="linear", zorder=4)
    if K[-1] < ax.get_xlim()[1]:
        middle = float(np.sqrt(K[-1] * ax.get_xlim()[1]))
        ax.text(middle, float(np.sqrt(M[0] * M[-1])), "nothing was run", rotation=90, **_IN_A_MAP)
    _upright(ax, data.attrs["critical"], words("$K_0$"), CRITICAL)
    steps, workers = np.geomspace(K[0], K[-1], GRID), np.geomspace(M[0], M[-1], GRID)
    points = np.stack(np.meshgrid(np.log(workers), np.log(steps), indexing="ij"), axis=-1)
    logs = interpn((np.log(M), np.log(K)), np.log(gain), points)
    out = steps < np.interp(np.log(workers), np.log(M), silent)[:, None]
    for text, within in ((no_claim(ax), out), ("mini-\nbatch", ~out & (logs < -near)), ("local", ~out & (logs > near))):
        if within.any():
            place, _ = roomiest(within)
            _word(ax, (float(steps[place % GRID]), float(workers[place // GRID])), text)
    ax.set_xlabel(words("local steps $K$"))
    ax.set_ylabel(words("workers $M$"), labelpad=1)
