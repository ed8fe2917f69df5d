"""FedAda² against direct joint adaptivity and one-sided methods: suboptimality against what is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tightrate.figures.drawing import (
    SMALL,
    common_height,
    count,
    drawable,
    letter,
    log_axis,
    ordered_inks,
    panels,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import Columns
from tightrate.verify.papers.lee2024 import transmission as runs

NAMES = {
    "FedAvg": "FedAvg",
    "AdaGrad server": "AdaGrad server",
    "FedAda2": "FedAda²",
    "FedAda2++": "FedAda²++",
    "direct": "direct joint",
}
DASHES = ("-", (0, (5, 1.6)), "-", (0, (3, 1.4)), (0, (1, 1.1)))


@figure(
    "lee2024-transmission",
    title="Sending less costs FedAda² nothing at a large damping, and much at a small one",
    caption=(
        "Suboptimality against the numbers that a client and the server have exchanged, on logistic regression"
        " with features of very different frequency ({M} clients, {d} parameters, {K} local steps a round on"
        " {batch} rows each); $2 d$ and $3 d$ are the numbers a round. Lines are medians of {runs} runs, bands go"
        " from the 10 % to the 90 % quantile; each method has the client and server step of a grid that is best"
        " after {rounds} rounds of other runs. FedAda² sends iterates only and starts the clients'"
        " preconditioners at zero; direct joint adaptivity also sends the server's. (a) With a large damping"
        " $lambda$ of the clients' steps nothing is lost. (b) With a small one zero preconditioners make all"
        " clients' steps nearly equally long, whatever their gradients, which holds FedAda² up; the server's"
        " preconditioner prevents that. No theorem predicts these lines: none tells the methods apart."
    ),
    experiment=runs.transmission,
    needs=("gap", "numbers", "methods", "d"),
    letters_of="lee2024/thm6",
)
def transmission(data: xr.Dataset, columns: Columns) -> Figure:
    """One panel for each damping."""
    picture, axes = panels(data.sizes["damping"], columns, tall=2.3, between=0.14)
    shown = drawable(data.gap)
    told = ("nothing is lost", "FedAda² is held up")
    for ax, mark, i in zip(axes, "ab", range(data.sizes["damping"]), strict=True):
        log_axis(ax, "x")
        log_axis(ax, "y")
        ax.set_ylim(np.nanmin(shown) * 0.7, np.nanmax(shown) * 1.6)
        _panel(ax, data.isel(damping=i))
        damping = count(float(data.damping[i]))
        ax.set_title(rf"({mark}) damping ${letter('lambda')}={damping}$: {told[i]}")
        ax.set_xlabel(words("numbers exchanged per client, in units of $d$"))
    _key(axes[0])
    common_height(axes, words("$(f(x) - f*)/(f(x_0) - f*)$"))
    return picture


def _panel(ax: Axes, data: xr.Dataset) -> None:
    for i, (method, ink) in enumerate(zip(data.attrs["methods"], ordered_inks(5), strict=True)):
        sent = float(data.numbers[i]) * data.R.values
        low, middle, high = (drawable(row) for row in data.gap.isel(method=i))
        ax.fill_between(sent, low, high, color=ink.color, alpha=0.15, linewidth=0)
        marks: dict[str, Any] = {"marker": ink.marker, "markerfacecolor": "white", "markevery": (i, 8)}
        name = f"{NAMES[method]}, ${int(data.numbers[i])}d$"
        ax.plot(sent, middle, color=ink.color, linestyle=DASHES[i], label=name, **marks)
    ax.set_xlim(float(data.numbers.min()) * 0.9, float(data.numbers.max()) * float(data.R[-1]) * 1.1)


def _key(ax: Axes) -> None:
    """The methods with the numbers that they send in a round: their lines are too close together for labels."""
    key = ax.legend(loc="lower left", frameon=False, fontsize=SMALL, handlelength=2.6, labelspacing=0.3)
    for text, ink in zip(key.get_texts(), ordered_inks(5), strict=True):
        text.set_color(ink.text)
