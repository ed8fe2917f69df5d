"""How far the workers of Local SGDM drift apart within a round, against step, noise and local steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tightrate.figures.drawing import (
    Array,
    Label,
    common_height,
    count,
    drawable,
    formula,
    label_along,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    slope_triangle,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import K, eta, sigma
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.cheng2024.consensus import consensus as distances
from tightrate.verify.papers.cheng2024.consensus import squared_range

ROOM = 0.55  # for the labels, of the axis in logarithms
AXES = {"eta": "inner step", "sigma": "noise", "K": "local steps"}
QUANTILE = (0, (4, 1.6))
FLAT = "cheng2024/flat-variance-z"


@figure(
    "cheng2024-consensus",
    title="How far the workers of Local SGDM drift apart within a round",
    caption=(
        "Largest squared distance of two of {M} workers' momentum-free iterates z before a communication, against the"
        " step, the noise and the local steps, in units in which L = 1 and the middle noise is one; Gaussian noise in"
        " one dimension, β₁ = {beta1:g}. Markers: means over {replicas} replicas with bands of two standard errors,"
        " circles on a linear objective (“flat”), triangles on one with curvatures up to L (“curved”), whose pull"
        " saturates the growth with K; dashed: the quantile 1 − δ = 1 − {delta:g} of the largest of {R} rounds. The"
        " thin line through the circles is what a random walk gives exactly on the linear objective, η²σ²K times the"
        " mean squared range of {M} normal variables; the slope triangles have its exponents. Grey: the bound of Lemma"
        " B.1 on that quantile, with its constants, divided by the power of ten that is named. Its factor A falls with"
        " K as long as the clipping threshold dominates it, so that over these K it grows little."
    ),
    experiment=distances,
    needs=("mean", "stderr", "quantile", "rho", "sigma_2alpha", "M", "R", "d", "alpha", "beta1", "delta", "replicas"),
    cost="full",
)
def consensus(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels along eta, sigma and K, the other two in the middle of the grid."""
    source = theorem("cheng2024/lemB1")
    data = data.assign(bound=Measurement.of(data, "quantile").at(source.bound.expression))
    picture, axes = panels(len(AXES), columns, tall=2.3, left=0.58, between=0.12)
    middle = {name: float(data[name].values[data.sizes[name] // 2]) for name in AXES}
    slices = {name: data.sel({other: value for other, value in middle.items() if other != name}) for name in AXES}
    shrunk = 10.0 ** np.floor(np.log10(float((data.bound / data["quantile"].max("L")).min())))
    everything = [drawable(part["mean"]) for part in slices.values()]
    highest = max(float(drawable(part.bound).max()) for part in slices.values()) / shrunk
    lowest = min(float(np.nanmin(values)) for values in everything)
    for mark, ax, (name, part) in zip("abc", axes, slices.items(), strict=True):
        x = part[name].values.astype(float)
        log_axis(ax, "x", ticks=x)
        log_axis(ax, "y")
        ax.set_xlim(x[0] / (x[-1] / x[0]) ** 0.08, x[-1] * (x[-1] / x[0]) ** ROOM)
        ax.set_ylim(lowest * 0.3, highest * 2.5)
        _panel(ax, part, name, {**middle, name: x}, shrunk, source)
        others = [f"{letter(other, source)}={count(value)}" for other, value in middle.items() if other != name]
        ax.set_title(f"({mark}) ${', '.join(others)}$")
        ax.set_xlabel(f"{AXES[name]} ${letter(name, source)}$")
    common_height(axes, r"$\max_{m,n}\,|z^m-z^n|^2$")
    return picture


def random_walk(workers: int, at: dict[str, Any]) -> Array:
    """The mean largest squared distance on a linear objective: the exact variance times the mean squared range."""
    return np.asarray(squared_range([workers])[0] * theorem(FLAT).bound.at(at))


def _panel(ax: Axes, data: xr.Dataset, name: str, at: dict[str, Any], shrunk: float, source: Theorem) -> None:
    x, labels, sure = at[name], [], 100 * (1 - data.attrs["delta"])
    walk = random_walk(int(data.attrs["M"]), at)
    ax.plot(x, walk, color=BLACK, linewidth=0.7, gid="random walk")
    for ink, L in zip(ordered_inks(3)[:2], data.L.values, strict=True):
        of = data.sel(L=L)
        middle, error = drawable(of["mean"]), 2 * of.stderr.values
        ax.fill_between(x, middle - error, middle + error, color=ink.color, alpha=0.25, linewidth=0, gid="band")
        marks: dict[str, Any] = {"marker": ink.marker, "markerfacecolor": "white"}
        kind = "flat" if L == 0 else "curved"
        ax.plot(x, middle, color=ink.color, linewidth=1.2 * (L > 0), gid=f"mean, {kind}", **marks)
        quantile = drawable(of["quantile"])
        ax.plot(x, quantile, color=ink.color, linewidth=0.8, linestyle=QUANTILE, gid=f"quantile, {kind}")
        labels += [
            Label(x[-1], middle[-1], kind, ink.text),
            Label(x[-1], quantile[-1], f"{kind}, {sure:g} %", ink.text),
        ]
    bound = drawable(data.bound) / shrunk
    ax.plot(x, bound, color=GREY, linewidth=0.8, gid="bound")
    power = rf"10^{{{np.log10(shrunk):.0f}}}"
    label_along(ax, (x[0], bound[0]), (x[-1], bound[-1]), f"bound$/{power}$", offset=3, color=GREY, halo=True)
    place_labels(ax, labels, "right", gap=6)
    exponent = theorem(FLAT).bound.term("noise").monomial.exponents[name]
    corner = (x[0] * (x[-1] / x[0]) ** 0.45, walk[0] * 0.55)
    slope_triangle(
        ax, corner, (x[-1] / x[0]) ** 0.4, exponent, formula({"eta": eta, "sigma": sigma, "K": K}[name], source)
    )
