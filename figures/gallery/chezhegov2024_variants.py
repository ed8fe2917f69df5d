"""Local SGD against its scaled variants: a matrix for all clients, or one for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tightrate.figures.drawing import (
    Label,
    common_height,
    drawable,
    end_axis,
    key,
    log_axis,
    ordered_inks,
    panels,
    place_labels,
    words,
)
from tightrate.figures.figure import figure
from tightrate.figures.style import Columns
from tightrate.verify.papers.chezhegov2024 import variants

COMMON, PER_CLIENT = "-", (0, (3.5, 2))
ROOM = 0.45  # for labels, of the axis
SAME = 0.3  # two ends whose logarithms differ by less share a label
PANELS = {"ill-conditioned": "scaling pays", "data": "one for each stalls"}  # and what is seen


@figure(
    "scaled-variants",
    title="One matrix for all clients converges; one for each can stall",
    caption=(
        "Suboptimality of the averaged iterate against communication rounds, {K} local steps a round: local SGD,"
        " and the same with Adam's or OASIS's scaling matrix, either one for all clients (solid) or one for each"
        " (dashed; no theorem covers it). Every method has the best of {steps_tried} step sizes for the last"
        " round; means over {replicas} runs with bands of two standard errors, in which the rises at the ends"
        " lie. (a) Here: {about ill-conditioned}. (b) Here: {about data}. Nothing is predicted: the theorems'"
        " worst-case constants allow no advantage over local SGD."
    ),
    experiment=variants.scaled_variants,
    needs=("gap", "stderr", "about ill-conditioned", "about data", "title of data"),
)
def scaled_variants(data: xr.Dataset, columns: Columns) -> Figure:
    """Two panels: an ill-conditioned quadratic, and data."""
    picture, axes = panels(2, columns, tall=2.1, left=0.52, between=0.2, below=0.22)
    labels = {}
    for ax, mark, (problem, told) in zip(axes, "ab", PANELS.items(), strict=True):
        at = data.sel(problem=problem)
        start = at.gap.isel(round=0)
        later = at.isel(round=slice(1, None))
        ax.set_xlabel(words("communication rounds $R$"))
        labels[ax] = _curves(ax, later.assign(gap=later.gap / start, stderr=later.stderr / start))
        ax.set_title(f"({mark}) {data.attrs[f'title of {problem}']}: {told}")
    low, high = (pick([ax.get_ylim()[end] for ax in axes]) for pick, end in ((min, 0), (max, 1)))
    for ax in axes:
        ax.set_ylim(low, high)
        place_labels(ax, labels[ax], "right")
    common_height(axes, r"$F(\hat x)-F(x^\star)$  in units of its start")
    looks: dict[str, dict[str, Any]] = {
        "one matrix for all clients": {"linestyle": COMMON},
        "one for each client": {"linestyle": PER_CLIENT},
    }
    key(picture, looks, per_row=2)
    return picture


def _curves(ax: Axes, data: xr.Dataset) -> list[Label]:
    """The lines of one panel; returns their names, which are placed when the limits are final."""
    rounds = data["round"].values
    labels: list[Label] = []
    ends: dict[str, list[float]] = {}
    families = list(dict.fromkeys(str(name).split(",")[0] for name in data.variant.values))
    inks = dict(zip(families, ordered_inks(len(families)), strict=True))
    log_axis(ax, "x", ticks=[*10.0 ** np.arange(np.floor(np.log10(rounds[-1])) + 1), rounds[-1]])
    log_axis(ax, "y")
    for name in map(str, data.variant.values):
        family, _, whose = name.partition(", ")
        ink, at = inks[family], data.sel(variant=name)
        mean, error = drawable(at.gap), 2 * np.nan_to_num(at.stderr.values)
        own = whose == "per client"
        line = ax.plot(rounds, mean, color=ink.color, linestyle=PER_CLIENT if own else COMMON)[0]
        if not own:
            line.set(marker=ink.marker, markerfacecolor="white", markevery=(families.index(family), 5))
        ax.fill_between(
            rounds, np.maximum(mean - error, mean * 0.1), mean + error, color=ink.color, alpha=0.2, linewidth=0
        )
        ends.setdefault(family, []).append(float(mean[-1]))
    for family, values in ends.items():
        if len(values) == 2 and abs(np.log(values[1] / values[0])) < SAME:
            labels.append(Label(rounds[-1], values[0], f"{family}", inks[family].text))
        else:
            names = (family, f"{family}, each")[: len(values)]
            labels += [Label(rounds[-1], y, text, inks[family].text) for y, text in zip(values, names, strict=True)]
    ax.set_xlim(rounds[0] / 1.15, rounds[-1] * (rounds[-1] / rounds[0]) ** ROOM)
    heights = drawable(data.gap)
    ax.set_ylim(np.nanmin(heights) * 0.25, np.nanmax(heights) * 1.6)
    end_axis(ax, rounds[0] / 1.15, rounds[-1] * 1.15)
    return labels
