"""An inner step that is far too small, repaired by the outer step."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from tightrate.figures.drawing import SMALL, darker, drawable, formula, label_along, letter, log_axis, panels, words
from tightrate.figures.figure import figure
from tightrate.figures.style import GREY, ORDERED_INKS, Columns
from tightrate.rates.symbols.alphabet import B, L, gamma
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.khaled2025 import inner_step_too_small

PLAIN, LARGEST = ORDERED_INKS[4], ORDERED_INKS[1]


@figure(
    "khaled2025-ill-tuned",
    title="A large outer step repairs an inner step that is too small",
    caption=(
        "Local SGD without noise on a quadratic whose {d} curvatures are spread evenly in the logarithm between"
        " ${flattest:g} L$ and $L$; $K = {K}$ local steps, $R = {R}$ rounds. (a) Mean gap of all local iterates,"
        " exact, against the inner step $eta$: with plain averaging, $gamma = 1$, it grows to the gap at the"
        " start as $eta$ falls; with the largest outer step that Theorem 1 allows it tends to that of $R$ steps"
        " of gradient descent of size $1/(4 L)$ (dashed). Thin lines: Theorem 1's bound (re-derived), which"
        " without noise is its optimization term alone; the bound for $gamma = 1$ lies above the gap at the start"
        " for small $eta$. (b) That largest outer step."
    ),
    experiment=inner_step_too_small.ill_tuned,
    needs=("local_gap", "gamma", "limit", "start"),
    letters_of="khaled2025/thm1",
)
def ill_tuned(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: the gap against the inner step, and the outer step that repairs it."""
    source = inner_step_too_small.ill_tuned_below_thm1.theorem
    unit = data.attrs["L"] * data.attrs["B"] ** 2
    eta = data.eta.values * data.attrs["L"]
    picture, (left, right) = panels(2, columns, tall=2.2, between=0.6, left=0.55)
    outer = letter("gamma")
    curves = {name: drawable(data.local_gap.sel(outer=name) / unit) for name in ("plain", "largest")}
    bound = Measurement.of(data, "local_gap").at(source.bound.expression)
    bounds = {name: drawable(bound.sel(outer=name) / unit) for name in ("plain", "largest")}
    for ax in (left, right):
        log_axis(ax, "x")
        log_axis(ax, "y")
        ax.set_xlim(eta[0] / 1.4, eta[-1] * 1.6)
        ax.set_xlabel(words("inner step $eta$ in units of $1/L$"))
    for name, ink in (("plain", PLAIN), ("largest", LARGEST)):
        left.plot(eta, curves[name], color=ink, linewidth=1.6, gid=name)
        left.plot(eta, bounds[name], color=ink, linewidth=0.7, gid=f"bound: {name}")
    left.axhline(data.attrs["limit"] / unit, color=LARGEST, linewidth=0.8, linestyle=(0, (4, 2)), gid="limit")
    left.axhline(data.attrs["start"] / unit, color=GREY, linewidth=0.6, zorder=0)
    left.set_ylim(np.nanmin(curves["largest"]) / 4, 4.0)
    gold = darker(PLAIN)
    left.annotate(
        f"${outer}=1$", (eta[-9], curves["plain"][-9]), (3, 3), textcoords="offset points", fontsize=SMALL, color=gold
    )
    at = (eta[3], curves["largest"][3])
    left.annotate(f"largest ${outer}$", at, (0, 3), textcoords="offset points", fontsize=SMALL, color=LARGEST)
    gradient_descent = rf"gradient descent, step $1/(4{letter('L')})$"
    left.annotate(
        gradient_descent, (eta[0], data.attrs["limit"] / unit), (2, -2), textcoords="offset points",
        fontsize=SMALL, va="top", color=LARGEST,
    )  # fmt: skip
    left.annotate(
        "gap at the start", (eta[0], data.attrs["start"] / unit), (2, 3), textcoords="offset points",
        fontsize=SMALL, color=GREY,
    )  # fmt: skip
    label_along(
        left,
        (eta[0], bounds["largest"][0]),
        (eta[12], bounds["largest"][12]),
        f"bound, largest ${outer}$",
        offset=3,
        color=LARGEST,
    )
    inside = np.flatnonzero(bounds["plain"] < 3.0)
    first, last = (eta[inside[0]], bounds["plain"][inside[0]]), (eta[-1], bounds["plain"][-1])
    label_along(left, first, last, f"bound, ${outer}=1$", at=0.42, offset=3, color=gold)
    steps = drawable(data.gamma.sel(outer="largest"))
    right.plot(eta, steps, color=LARGEST, linewidth=1.6)
    right.axhline(1.0, color=PLAIN, linewidth=1.0)
    right.annotate(f"${outer}=1$", (eta[0], 1.0), (2, 3), textcoords="offset points", fontsize=SMALL, color=gold)
    middle = len(eta) // 2
    right.annotate(
        f"largest ${outer}$",
        (eta[middle], steps[middle]),
        (4, 3),
        textcoords="offset points",
        fontsize=SMALL,
        color=LARGEST,
    )
    right.set_ylim(0.5, np.nanmax(steps) * 2)
    left.set_ylabel(f"mean gap in units of ${formula(L * B**2)}$")
    right.set_ylabel(f"outer step ${formula(gamma)}$")
    left.set_title("(a) the gap no longer depends on the inner step")
    right.set_title("(b) the outer step that this takes")
    return picture
