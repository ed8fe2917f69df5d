"""How many mutants the verifier rejects: kill rate by family, with counts."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from tightrate.figures.drawing import SMALL, panels
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, GREY, ORDERED_INKS, Columns
from tightrate.verify.mutation import experiment as power

CONFIDENCE = 0.95
PALE = "#c2c2c2"
ALL = "all families"
ROW = 0.155  # inches for one family
NAMES: dict[Columns, float] = {1: 1.36, 2: 1.75}  # inches for the names of the families


@figure(
    "power-report",
    title="How many statements and methods made wrong on purpose are rejected",
    caption=(
        "Statements and implementations were made wrong on purpose in every family of mistakes, and judged as if"
        " they were right. Dots: the share of those mutants that some exact value, shipped instance or matching"
        " bound contradicts and that the verifier rejected; at the right how many of how many. Grey: what the"
        " counts would show at 95 % confidence if the mutants were drawn at random (one-sided, Clopper and"
        " Pearson): one of one says little. At least {required:.0%} over all families together, the first row, is"
        " required (tick). Wrong implementations are those of the server step taken twice, a wrong count of"
        " workers, a moment that is reset, kept or not averaged, clipping after the momentum, bias correction,"
        " and weights of the average. In all {total_rejected} of {total_contradicted} contradicted mutants were"
        " rejected; {total_others} further mutants are weaker but true, equivalent or undecidable and must not be"
        " rejected, nor must the {true_statements} true statements: there were {false_alarms} false alarms."
    ),
    experiment=power.power,
    needs=("contradicted", "rejected", "required"),
    cost="full",
)
def power_report(data: xr.Dataset, columns: Columns) -> Figure:
    """A row for all families together, then one for each that has contradicted mutants, largest families first."""
    some = data.isel(family=np.flatnonzero(data.contradicted.values > 0))
    some = some.isel(family=np.argsort(-some.contradicted.values, kind="stable"))
    names = [ALL, *map(str, some.family.values)]
    rejected, contradicted = (
        np.concatenate([[counts.values.sum()], counts.values]) for counts in (some.rejected, some.contradicted)
    )
    rows, rate, surely = np.arange(len(names)), rejected / contradicted, certain(rejected, contradicted)
    picture, (ax,) = panels(
        1, columns, tall=ROW * max(len(rows), 4) + 0.1, left=NAMES[columns], right=0.68, bottom=0.4, top=0.1
    )
    for row, low, found, first in zip(rows, surely, rate, rows == 0, strict=True):
        ink = BLACK if first else ORDERED_INKS[1]
        ax.plot([low, found], [row, row], color=PALE, linewidth=3.2, solid_capstyle="butt", zorder=1)
        ax.plot([found], [row], "o", color=ink, markersize=4.5 if first else 3.8, gid="kill-rate", clip_on=False)
    ax.plot([data.attrs["required"]] * 2, [-0.45, 0.45], color=BLACK, linewidth=1.0, gid="required")
    for row, some_of, all_of_them in zip(rows, rejected, contradicted, strict=True):
        ax.annotate(
            f"{int(some_of)} of {int(all_of_them)}",
            (1.0, row),
            xytext=(7, 0),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=SMALL,
            color=BLACK,
            weight="bold" if row == 0 else "normal",
            annotation_clip=False,
        )
    ax.set_yticks(rows, names)
    ax.get_yticklabels()[0].set_fontweight("bold")
    ax.tick_params(axis="y", length=0)
    ax.axhline(0.5, color=GREY, linewidth=0.4)
    ax.set_xlim(0, 1)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    ax.set_xlabel("rejected (grey: shown at 95 %)")
    ax.spines["left"].set_visible(False)
    return picture


def certain(rejected: NDArray[np.int64], contradicted: NDArray[np.int64]) -> NDArray[np.float64]:
    """The least kill rate that the counts leave possible, one-sided (Clopper and Pearson); 0 if none was rejected."""
    limit: NDArray[np.float64] = stats.beta.ppf(1 - CONFIDENCE, np.maximum(rejected, 1), contradicted - rejected + 1)
    return np.where(rejected > 0, limit, 0.0)
