"""How far the workers of Local SGDM drift apart within a round, against step, noise and local steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sympy import Expr

from tightrate.figures.drawing import (
    SMALL,
    Array,
    common_height,
    count,
    drawable,
    formula,
    key,
    letter,
    log_axis,
    ordered_inks,
    panels,
    slope_triangle,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import K, eta, sigma
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.cheng2024.consensus import consensus as distances
from tightrate.verify.papers.cheng2024.consensus import squared_range

AXES = {"eta": "inner step", "sigma": "noise", "K": "local steps"}
QUANTILE: Mapping[str, Any] = {"flat": (0, (4, 1.6)), "curved": (0, (1.3, 1.3))}
KEY_ROOM: Mapping[Columns, float] = {1: 0.55, 2: 0.22}  # inches
KEY_COLUMNS: Mapping[Columns, int] = {1: 2, 2: 5}
FLAT = "cheng2024/flat-variance-z"


@figure(
    "cheng2024-consensus",
    title="Workers drift apart as a random walk does",
    caption=(
        "Largest squared distance of two of {M} workers' momentum-free iterates $z$ before a communication,"
        " against the step $eta$, the noise $sigma$ and the local steps $K$, in units in which $L = 1$ and the"
        " middle noise is one; Gaussian noise in one dimension, $beta1 = {beta1:g}$. Circles: means over"
        " {replicas} replicas with bars of two standard errors on a linear objective (“flat”); triangles: the"
        " same on one with curvatures up to $L$ (“curved”), whose pull saturates the growth with $K$. Dashed: the"
        " quantile $1 - delta = 1 - {delta:g}$ of the largest of {R} rounds. The thin line is what a random walk"
        " gives exactly on the linear objective, $eta^2 sigma^2 K$ times the mean squared range of {M} normal"
        " variables; the slope triangles have its exponents. In the corner: how far the bound of Lemma B.1 on"
        " that quantile, with its constants, lies above it. Its factor $A$ falls with $K$ as long as the clipping"
        " threshold dominates it, so that over these $K$ it grows little."
    ),
    experiment=distances,
    needs=("mean", "stderr", "quantile", "rho", "sigma_2alpha", "M", "R", "d", "alpha", "beta1", "delta", "replicas"),
    letters_of="cheng2024/lemB1",
)
def consensus(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels along eta, sigma and K, the other two in the middle of the grid."""
    data = data.assign(bound=Measurement.of(data, "quantile").at(theorem("cheng2024/lemB1").bound.expression))
    picture, axes = panels(len(AXES), columns, tall=2.2, left=0.6, between=0.12, below=KEY_ROOM[columns])
    middle = {name: float(data[name].values[data.sizes[name] // 2]) for name in AXES}
    slices = {name: data.sel({other: value for other, value in middle.items() if other != name}) for name in AXES}
    shown = np.concatenate([drawable(part[kind]).ravel() for part in slices.values() for kind in ("mean", "quantile")])
    for mark, ax, (name, part) in zip("abc", axes, slices.items(), strict=True):
        x = part[name].values.astype(float)
        log_axis(ax, "x", ticks=x)
        log_axis(ax, "y")
        ax.set_xlim(x[0] / (x[-1] / x[0]) ** 0.1, x[-1] * (x[-1] / x[0]) ** 0.1)
        ax.set_ylim(np.nanmin(shown) * 0.25, np.nanmax(shown) * 6)
        _panel(ax, part, name, {**middle, name: x})
        others = [f"{letter(other)}={count(value)}" for other, value in middle.items() if other != name]
        power = f"{letter(name)}^{{{walk_exponent(name)}}}".removesuffix("^{1}")
        ax.set_title(f"({mark}) as ${power}$, at ${', '.join(others)}$")
        ax.set_xlabel(words(f"{AXES[name]} ${name}$"))
    common_height(axes, words("max over $m, n$ of $|z^m - z^n|^2$"))
    key(picture, _looks(data), per_row=KEY_COLUMNS[columns])
    return picture


def random_walk(workers: int, at: dict[str, Any]) -> Array:
    """The mean largest squared distance on a linear objective: the exact variance times the mean squared range."""
    return np.asarray(squared_range([workers])[0] * theorem(FLAT).bound.at(at))


def walk_exponent(name: str) -> Expr:
    """The exponent of a symbol in the random walk's distance."""
    return theorem(FLAT).bound.term("noise").monomial.exponents[name]


def _kind(L: float) -> str:
    return "flat" if L == 0 else "curved"


def _looks(data: xr.Dataset) -> dict[str, dict[str, Any]]:
    """What every kind of mark is, for the key."""
    looks: dict[str, dict[str, Any]] = {"random walk, exact": {"color": BLACK, "linewidth": 0.7}}
    sure = f"{100 * (1 - data.attrs['delta']):g} %"
    for ink, L in zip(ordered_inks(3)[:2], data.L.values, strict=True):
        looks[f"{_kind(L)}: mean"] = {
            "color": ink.color, "marker": ink.marker, "markerfacecolor": "white", "linestyle": "none"
        }  # fmt: skip
        looks[f"{_kind(L)}: {sure} quantile"] = {"color": ink.color, "linewidth": 0.9, "linestyle": QUANTILE[_kind(L)]}
    return looks


def _panel(ax: Axes, data: xr.Dataset, name: str, at: dict[str, Any]) -> None:
    x = at[name]
    walk = random_walk(int(data.attrs["M"]), at)
    ax.plot(x, walk, color=BLACK, linewidth=0.7, gid="random walk")
    for ink, L in zip(ordered_inks(3)[:2], data.L.values, strict=True):
        of, kind = data.sel(L=L), _kind(L)
        marks: dict[str, Any] = {"marker": ink.marker, "markerfacecolor": "white", "linestyle": "none"}
        ax.errorbar(x, drawable(of["mean"]), 2 * of.stderr.values, color=ink.color, gid=f"mean, {kind}", **marks)
        look: dict[str, Any] = {"linewidth": 0.9, "linestyle": QUANTILE[kind], "gid": f"quantile, {kind}"}
        ax.plot(x, drawable(of["quantile"]), color=ink.color, **look)
    above = data.bound / data["quantile"].max("L")
    least, most = (f"{float(f'{float(value):.2g}'):.0f}" for value in (above.min(), above.max()))
    above_it = f"Lemma B.1: {least} to {most}\ntimes the {100 * (1 - data.attrs['delta']):g} % quantile"
    ax.text(
        0.02, 0.98, above_it, fontsize=SMALL, color=GREY, va="top", linespacing=1.1, transform=ax.transAxes, gid="bound"
    )
    corner = (x[0] * (x[-1] / x[0]) ** 0.55, float(np.nanmin(drawable(data["mean"]))) * 0.75)
    symbol = formula({"eta": eta, "sigma": sigma, "K": K}[name])
    slope_triangle(ax, corner, (x[-1] / x[0]) ** 0.35, walk_exponent(name), symbol)
