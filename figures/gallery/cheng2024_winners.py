"""Who wins in the plane of local steps and workers: Local SGDM and Local Adam against mini-batches."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from scipy.interpolate import interpn

from tightrate.figures.drawing import HALO, SMALL, label_along, letter, log_axis, panels
from tightrate.figures.figure import figure
from tightrate.figures.gallery.who_wins import inside, pale, roomiest
from tightrate.figures.style import BLACK, FORBIDDEN, GREY, Columns
from tightrate.rates.statements.catalogue import theorem
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

TINTS: Mapping[str, Any] = {"local": pale(4, 0.4), "minibatch": pale(1, 0.3), "start": FORBIDDEN}
TIE = "#ffffff"
GAINS = (Fraction(-2, 3), Fraction(-1, 3), Fraction(1, 3), Fraction(2, 3))
MEASURED = (0.5, 2.0, 4.0)
CRITICAL, LINEAR, SATURATED = (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5))
NEAR = 0.03  # measured gains so near to one count as equal
LEVEL_SIZE, LABELS_AT = 6.0, 0.83  # of the names of lines of equal gain; where they stand, as a share of the height
GRID = 61  # points along each axis, among which the words' places are chosen
PLANE = 121  # points along each axis of the plane of exponents


@figure(
    "cheng2024-winners",
    title="Local steps or mini-batches in the plane of local steps and workers",
    caption=(
        "(a), (b) Which bound is the smaller one as n = R → ∞, up to constants and logarithms, at noise σ = n with"
        " α = {alpha}: (a) Local SGDM (4.4) against mini-batch SGDM (4.5), convex; (b) Local Adam (4.10) against"
        " mini-batch Adam (4.11) with weak convexity τ = n^(−1/2). L = D₀ = Δ = 1. Thin lines: equal gains, the"
        " mini-batch bound over the local one, as powers of n. Grey: neither bound is below the start, so that no claim"
        " is made. White: the bounds agree. Dashed: K₀, from which on the drift is below the mini-batch method's"
        " optimization term; dotted: M = (K₀/K)^(1/3), up to which local steps keep linear speed-up when clipping is"
        " left out; dash-dotted in (b): where the gain reaches L/τ and ends. (c) Gains of local SGD over mini-batch SGD"
        " without momentum and clipping, both tuned (steps up to 1/(2L)), on a convex instance with two curvatures at"
        " R = {R_fixed:g}, σ = {sigma:g} LD₀, with the same lines at K₀ = {critical:.0f}, their constants set to one."
        " White: equal up to 3 %. The measured change from mini-batches to local steps has the predicted direction but"
        " comes much earlier: nothing is said of constants. In the grey part K is below log(MKR/δ), δ = {delta:g},"
        " where the theorem is silent; where it is dotted, nothing was run."
    ),
    experiment=figure_rates,
    needs=("x", "y", "wins", "tuned", "critical"),
)
def winners(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels of exponents, one for each algorithm, and one with measured gains."""
    picture, axes = panels(3, columns, tall=2.0, left=0.45, between=0.42, bottom=0.42, top=0.26)
    for mark, ax, (name, method) in zip("ab", axes, METHODS.items(), strict=False):
        _exponents(ax, data.sel(algorithm=name), name, method)
        ax.set_title(f"({mark}) bounds, Local {name}")
    _measured(axes[2], data, METHODS["SGDM"])
    axes[2].set_title("(c) runs of SGD, tuned")
    return picture


def _exponents(ax: Axes, data: xr.Dataset, name: str, method: Method) -> None:
    source, saturated = theorem(method.local), method.saturated_steps()
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
    names = {"local": f"Local\n{name}", "minibatch": f"mini-batch\n{name}", "start": "no\nclaim"}
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    for won, own in groups.items():
        tint = TINTS[won[0]] if len(won) == 1 else TIE
        for corners in own:  # an edge of the same colour, so that there are no seams
            ax.add_patch(
                Polygon(corners, facecolor=tint, edgecolor=tint, linewidth=0.5, zorder=0.5, gid=" = ".join(won))
            )
        within = np.any([inside(points, corners) for corners in own], axis=0)
        beside = within & (np.abs(points[:, 0] - until) > 0.05 * x[-1])  # no word on a line
        place, _ = roomiest(beside.reshape(len(y), len(x)))
        _word(ax, tuple(points[place]), names[won[0]] if len(won) == 1 else "equal")
    levels = [float(gain) for gain in GAINS]
    shown = ax.contour(x, y, gain, levels=levels, colors=BLACK, linewidths=0.5, linestyles="solid")
    base, row = letter("R", source), int(LABELS_AT * len(y))
    along = gain[row]
    places = [(float(np.interp(level, along, x)), float(y[row])) for level in levels if level < along[-1]]
    fractions = {float(gain): f"${base}^{{{gain}}}$" for gain in GAINS}
    ax.clabel(shown, fmt=fractions, fontsize=LEVEL_SIZE, inline=True, inline_spacing=2, manual=places)
    steps, most = np.array([0.0, critical]), method.linear_workers()
    power = Fraction(str(monomial(most).exponents["K"]))
    workers = float(exponent_of(most, method)) + float(power) * steps
    ax.plot(steps, workers, color=BLACK, linewidth=1.0, linestyle=LINEAR, gid="linear")
    words = f"$(K_0/K)^{{{-power}}}$"
    label_along(ax, (steps[0], workers[0]), (steps[1], workers[1]), words, at=0.6, offset=2, halo=True)
    _upright(ax, critical, "$K_0$", CRITICAL)
    if until < x[-1]:
        _upright(ax, until, rf"$K_0(L/{letter('weak', source)})^3$", SATURATED)
    ax.set_xlabel(rf"$\log_{{{base}}}{letter('K', source)}$")
    ax.set_ylabel(rf"$\log_{{{base}}}{letter('M', source)}$", labelpad=2)


def _upright(ax: Axes, at: float, name: str, dashes: Any) -> None:
    """A named line at a number of local steps."""
    ax.axvline(at, color=BLACK, linewidth=1.0, linestyle=dashes, gid=name)
    ax.annotate(
        name, (at, 0.97), (2, 0), xycoords=("data", "axes fraction"), textcoords="offset points", va="top",
        fontsize=SMALL, path_effects=[HALO], zorder=5,
    )  # fmt: skip


def _word(ax: Axes, at: tuple[float, float], text: str) -> None:
    ax.text(*at, text, ha="center", va="center", fontsize=SMALL, linespacing=1.1, path_effects=[HALO], zorder=5)


def _measured(ax: Axes, data: xr.Dataset, method: Method) -> None:
    K, M, source = data["K"].values, data["M"].values, theorem(method.local)
    gain = (data.tuned.sel(who="minibatch") / data.tuned.sel(who="local")).transpose("M", "K").values
    log_axis(ax, "x")
    log_axis(ax, "y")
    ax.set_xlim(K[0], max(float(K[-1]), 2 * data.attrs["critical"]))
    ax.set_ylim(M[0], M[-1])
    near = float(np.log1p(NEAR))
    tints = [TINTS["minibatch"], TIE, TINTS["local"]]
    ax.contourf(K, M, np.log(gain), levels=[-1e9, -near, near, 1e9], colors=tints)
    lines = ax.contour(K, M, gain, levels=MEASURED, colors=BLACK, linewidths=0.5)
    ax.clabel(lines, fmt=lambda level: f"${level:g}$", fontsize=LEVEL_SIZE, inline=True, inline_spacing=2)
    silent = least_steps(method, M)
    ax.fill_betweenx(M, K[0], silent, color=FORBIDDEN, alpha=0.85, linewidth=0, zorder=1.5, gid="no claim")
    most = at(method.linear_workers(), {**method.values, **MIDDLE, "K": K})
    ax.plot(K, most, color=BLACK, linewidth=1.0, linestyle=LINEAR, gid="linear", zorder=4)
    if K[-1] < ax.get_xlim()[1]:
        ax.axvspan(K[-1], ax.get_xlim()[1], facecolor="white", edgecolor=GREY, hatch="....", linewidth=0, alpha=0.4)
    _upright(ax, data.attrs["critical"], "$K_0$", CRITICAL)
    steps, workers = np.geomspace(K[0], K[-1], GRID), np.geomspace(M[0], M[-1], GRID)
    points = np.stack(np.meshgrid(np.log(workers), np.log(steps), indexing="ij"), axis=-1)
    logs = interpn((np.log(M), np.log(K)), np.log(gain), points)
    out = steps < np.interp(np.log(workers), np.log(M), silent)[:, None]
    for text, within in (("no\nclaim", out), ("mini-\nbatch", ~out & (logs < -near)), ("local", ~out & (logs > near))):
        if within.any():
            place, _ = roomiest(within)
            _word(ax, (float(steps[place % GRID]), float(workers[place // GRID])), text)
    ax.set_xlabel(f"local steps ${letter('K', source)}$")
    ax.set_ylabel(f"workers ${letter('M', source)}$", labelpad=1)
