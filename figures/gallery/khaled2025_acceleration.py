"""The accelerated outer loop: acceleration in the rounds, not in the local steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sympy import Expr, Integer

from tightrate.figures.drawing import (
    Label,
    common_height,
    count,
    drawable,
    end_axis,
    formula,
    label_along,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    slope_triangle,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, L
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.khaled2025 import outer_acceleration

RATES: Mapping[str, str] = {"accelerated": "khaled2025/cor1", "plain": "khaled2025/eq2"}
STYLES: Mapping[str, tuple[int, tuple[float, ...]]] = {"accelerated": (0, ()), "plain": (0, (4, 2))}


def exponent(rule: str, name: str) -> Expr:
    """The exponent of K or R in the optimization term of the tuned rate."""
    return Integer(theorem(RATES[rule]).bound.term("optimization").monomial.exponents[name])


@figure(
    "khaled2025-acceleration",
    title="Acceleration is in the rounds, not in the local steps",
    caption=(
        "Gap of the last iterate without noise, exact, on a quadratic whose {d} curvatures are spread evenly in"
        " the logarithm between ${flattest:g} L$ and $L$, at $eta = {eta:g}/L$ and $gamma = 1$: the accelerated"
        " outer loop (solid, markers) and plain averaging (dashed), (a) against the rounds $R$ for three numbers"
        " of local steps $K$, (b) against $K$ for three numbers of rounds. Triangles: the exponents of Corollary"
        " 1 and equation (2), $-2$ and $-1$ in $R$, $-1$ in $K$ for both; they are reached as $R$ grows. Thin"
        " line in (a): the bound $2 B^2/(gamma eta K R (R + 1))$ for the smallest $K$, proved for this toolkit;"
        " it holds for the others with their own $K$."
    ),
    experiment=outer_acceleration.acceleration,
    needs=("gap",),
    letters_of="khaled2025/cor1",
)
def acceleration(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels with a common vertical axis: against R and against K."""
    source = outer_acceleration.accelerated_value.theorem
    unit = data.attrs["L"] * data.attrs["B"] ** 2
    shown = data.gap / unit
    picture, axes = panels(2, columns, tall=2.4, between=0.2, left=0.58)
    local_steps, rounds = _three(data.K.values), _three(data.R.values[1:])
    _lines(axes[0], shown, "R", "K", local_steps)
    _lines(axes[1], shown, "K", "R", rounds)
    bound = drawable(Measurement.of(data.isel(K=0), "gap").at(source.bound.expression) / unit)
    axes[0].plot(data.R, bound, color=ordered_inks(3)[0].color, linewidth=0.7, gid="bound")
    values = drawable(shown)
    for ax in axes:
        ax.set_ylim(np.nanmin(values) / 2, np.nanmax(bound) * 2)
    name = f"bound, ${letter('K')}={count(float(data.K[0]))}$"
    ends = (float(data.R[0]), bound[0]), (float(data.R[-1]), bound[-1])
    label_along(axes[0], *ends, name, at=0.35, offset=3, color=ordered_inks(3)[0].text)
    common_height(axes, rf"${source.bound.measure.latex}$  in units of ${formula(L * B**2)}$")
    for ax, label, x in zip(
        axes, ("communication rounds $R$", "local steps per round $K$"), (data.R, data.K), strict=True
    ):
        ax.set_xlabel(words(label))
        end_axis(ax, float(x[0]) / 1.3, float(x[-1]) * 1.3)
    plain, accelerated = (f"$R^{exponent(rule, 'R')}$" for rule in ("plain", "accelerated"))
    axes[0].set_title(words(f"(a) from {plain} to {accelerated} with the accelerated loop"))
    axes[1].set_title(words(f"(b) $K^{exponent('accelerated', 'K')}$ with and without it"))
    _triangles(axes, data, shown, local_steps, rounds)
    return picture


def _three(values: np.ndarray) -> list[float]:
    """The first, a middle and the last of them."""
    return [float(values[place]) for place in sorted({0, (len(values) - 1) // 2, len(values) - 1})]


def _lines(ax: Axes, gap: xr.DataArray, along: str, other: str, chosen: list[float]) -> None:
    x = gap[along].values
    log_axis(ax, "x", ticks=x[:: max(1, len(x) // 5)])
    log_axis(ax, "y")
    labels = []
    for value, ink in zip(chosen, ordered_inks(len(chosen)), strict=True):
        for rule, dashes in STYLES.items():
            y = drawable(gap.sel({"rule": rule, other: value}))
            marker = ink.marker if rule == "accelerated" else ""
            ax.plot(x, y, color=ink.color, linestyle=dashes, marker=marker, markerfacecolor="white", gid=rule)
            if np.isfinite(y[-1]) and rule == "accelerated":
                labels.append(Label(x[-1], float(y[-1]), f"${letter(other)}={count(value)}$", ink.text))
    ax.set_xlim(x[0] / 1.3, x[-1] * (x[-1] / x[0]) ** 0.3)
    place_labels(ax, labels, "right", gap=6)


def _triangles(axes: list[Axes], data: xr.Dataset, gap: xr.DataArray, K: list[float], R: list[float]) -> None:
    """Below the lowest accelerated line, and above the highest plain one."""
    low = drawable(gap.sel(rule="accelerated", K=K[-1]))
    corner = float(data.R[0]) * 1.3, float(low[0]) / 60
    slope_triangle(axes[0], corner, 4.0, exponent("accelerated", "R"), letter("R"))
    for ax, line in ((axes[0], gap.sel(rule="plain", K=K[0])), (axes[1], gap.sel(rule="plain", R=R[1]))):
        y, x = drawable(line), line[line.dims[0]].values
        first, last = len(x) // 4, 3 * len(x) // 4
        below = -3 if ax is axes[0] else 3
        label_along(
            ax,
            (x[first], y[first]),
            (x[last], y[last]),
            "plain averaging",
            at=0.62 if below < 0 else 0.45,
            offset=below,
        )
    lowest = drawable(gap.sel(rule="accelerated", R=R[-1]))
    corner = float(data.K[0]) * 1.2, float(lowest[0]) / 12
    slope_triangle(axes[1], corner, 6.0, exponent("accelerated", "K"), letter("K"))
