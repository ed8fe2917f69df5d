"""Do local steps help?  The exact answer for a common optimum: the least worst case over both steps, and where."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tightrate.figures.drawing import (
    SMALL,
    Ink,
    Label,
    count,
    drawable,
    end_axis,
    formula,
    letter,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, Columns
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import B, L, R
from tightrate.verify.measurement import symbols_of
from tightrate.verify.papers import exact_minimax as claims

THIN = 0.7
STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # ticks
DASHED, DOTTED = (0, (5, 2.5)), (0, (1, 1.5))
ROOM = 0.5  # for labels, of the axis of K


@figure(
    "exact-minimax",
    title="In the exact worst case local steps help, each less than the one before",
    caption=(
        "Local gradient descent on any number of smooth convex functions with a common minimizer, without noise,"
        " at the inner and the outer step that make its exact worst case least. (a) That worst case, over all"
        " functions of any dimension, in units of $L B^2/R$, against the local steps $K$; dotted: $R$ rounds of"
        " mini-batch gradient descent at its best step; dashed: $K R$ steps of gradient descent at $1/L$ on one"
        " worker; thin: the lower bound of Proposition 7. (b) The best inner step $eta$ in units of $1/L$ (full"
        " markers) and the best outer step $gamma$ (open markers), from $K = {first:g}$ on: at $K = 1$ only their"
        " product counts."
    ),
    experiment=claims.exact_minimax,
    needs=("upper", "best_eta", "best_gamma", "best_minibatch", "gradient_descent", "first"),
    letters_of="patel2024/prop7-any-machines",
)
def exact_minimax(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels against K: the least worst case with what it lies between, and the steps where it is least."""
    source = theorem(claims.PROPOSITION)
    inks = dict(zip(data.R.values.tolist(), ordered_inks(data.sizes["R"]), strict=True))
    picture, (left, right) = panels(2, columns, tall=2.3, left=0.55, between=0.55)
    K = data.K.values.astype(float)
    log_axis(left, "y")
    for ax in (left, right):
        log_axis(ax, "x", ticks=K)
        ax.set_xlim(K[0] / 1.15, K[-1] * (K[-1] / K[0]) ** ROOM)
        ax.set_xlabel(words("local steps per round $K$"))
    _gaps(left, data, inks, source)
    _steps(right, data.sel(K=data.K > 1), inks)
    for ax in (left, right):
        end_axis(ax, K[0] / 1.15, K[-1] * 1.1)
    handles = [
        Line2D([], [], color=ink.color, marker=ink.marker, label=f"${letter('R')}={count(rounds)}$")
        for rounds, ink in inks.items()
    ]
    right.legend(handles=handles, loc="lower left", frameon=False, fontsize=SMALL, labelspacing=0.25)
    left.set_ylabel(rf"worst-case gap in units of ${formula(L * B**2 / R)}$")
    right.set_ylabel("best steps")
    left.set_title("(a) the worst case falls, ever more slowly")
    right.set_title("(b) by smaller inner, larger outer steps")
    return picture


def _gaps(ax: Axes, data: xr.Dataset, inks: Mapping[int, Ink], source: Theorem) -> None:
    """In units of 1/R: the worst case of each R, minibatch above it, gradient descent and the bound below."""
    K, last = data.K.values, data.isel(R=-1)
    known = symbols_of(data.assign_coords(eta=1.0, gamma=1.0))
    bound = (source.bound.at(known) * data.R).broadcast_like(data.upper)
    for rounds, ink in inks.items():
        at = data.sel(R=rounds)
        ax.plot(K, drawable(at.gradient_descent * rounds), color=ink.color, linewidth=THIN, linestyle=DASHED)
        ax.plot(K[[0, -1]], [float(at.best_minibatch) * rounds] * 2, color=ink.color, linewidth=THIN, linestyle=DOTTED)
        ax.plot(K, drawable(at.upper * rounds), color=ink.color, linewidth=1.5, marker=ink.marker)
    lowest = drawable(bound.sel(R=last.R))
    ax.plot(K, lowest, color=BLACK, linewidth=THIN)
    labels = [
        Label(K[-1], float((last.upper * last.R)[-1]), "least worst case", BLACK),
        Label(K[-1], float(last.best_minibatch * last.R), "mini-batch", GREY),
        Label(K[-1], float(last.gradient_descent[-1] * last.R), "gradient descent", GREY),
        Label(K[-1], float(lowest[-1]), "lower bound", BLACK),
    ]
    ax.set_ylim(float(lowest[-1]) / 1.5, float((data.gradient_descent * data.R).max()) * 1.2)
    place_labels(ax, labels, "right")


def _steps(ax: Axes, data: xr.Dataset, inks: Mapping[int, Ink]) -> None:
    """The best inner and outer step of each R."""
    K = data.K.values
    for rounds, ink in inks.items():
        at = data.sel(R=rounds)
        ax.plot(K, drawable(at.best_eta * data.attrs["L"]), color=ink.color, linewidth=1.5, marker=ink.marker)
        ax.plot(K, drawable(at.best_gamma), color=ink.color, linewidth=THIN, marker=ink.marker, markerfacecolor="white")
    log_axis(ax, "y", ticks=STEPS)
    ax.set_ylim(float(data.best_eta.min()) / 2, float(data.best_gamma.max()) * 1.4)
    labels = [
        Label(K[-1], float(data.best_gamma.isel(K=-1).mean()), "outer", BLACK),
        Label(K[-1], float(data.best_eta.isel(K=-1).mean()), "inner", BLACK),
    ]
    place_labels(ax, labels, "right", gap=7.0)
