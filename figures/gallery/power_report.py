"""How many mutants the verifier rejects: kill rate by family, with counts."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from tightrate.figures.drawing import SMALL, panels
from tightrate.figures.figure import figure
from tightrate.figures.style import BLACK, FORBIDDEN, ORDERED_INKS, Columns
from tightrate.verify.mutation import experiment as power

CONFIDENCE = 0.95
PALE = "#9fb0dc"  # of the ink of the bars
ROW = 0.155  # inches for one family
NAMES: dict[Columns, float] = {1: 1.36, 2: 1.75}  # inches for the names of the families


@figure(
    "power-report",
    title="How many mutants the verifier rejects",
    caption=(
        "Statements and implementations were made wrong on purpose in every family of mistakes, and judged as if they"
        " were right. Bars: the share of the mutants that some exact value, shipped instance or matching bound"
        " contradicts and that the verifier rejected; at the right how many of how many. The dark part is what the"
        " counts would show at 95 % confidence if the mutants were drawn at random: one of one says little. At least"
        " {required:.0%} over all families together is required (dashed line)."
        " In all {total_rejected} of {total_contradicted} contradicted mutants were rejected; {total_others} further"
        " mutants are weaker but true, equivalent or undecidable and must not be rejected, nor must the"
        " {true_statements} true statements: there were {false_alarms} false alarms."
    ),
    experiment=power.power,
    needs=("contradicted", "rejected", "required"),
    cost="full",
)
def power_report(data: xr.Dataset, columns: Columns) -> Figure:
    """One horizontal bar for each family that has contradicted mutants, largest families first."""
    some = data.isel(family=np.flatnonzero(data.contradicted.values > 0))
    some = some.isel(family=np.argsort(-some.contradicted.values, kind="stable"))
    rows = np.arange(some.sizes["family"])
    rate = some.rejected.values / some.contradicted.values
    picture, (ax,) = panels(
        1, columns, tall=ROW * max(len(rows), 3) + 0.1, left=NAMES[columns], right=0.62, bottom=0.4, top=0.1
    )
    ax.barh(rows, np.ones(len(rows)), height=0.66, color=FORBIDDEN)
    ax.barh(rows, rate, height=0.66, color=PALE, gid="kill-rate")
    ax.barh(rows, certain(some.rejected.values, some.contradicted.values), height=0.66, color=ORDERED_INKS[1])
    ax.axvline(data.attrs["required"], color=BLACK, linewidth=0.8, linestyle=(0, (2, 2)))
    for row, rejected, all_of_them in zip(rows, some.rejected.values, some.contradicted.values, strict=True):
        ax.annotate(
            f"{int(rejected)} of {int(all_of_them)}",
            (1.0, row),
            xytext=(4, 0),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=SMALL,
            color=BLACK,
            annotation_clip=False,
        )
    ax.set_yticks(rows, [str(name) for name in some.family.values])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    ax.set_xlabel("contradicted mutants that were rejected")
    ax.spines["left"].set_visible(False)
    return picture


def certain(rejected: NDArray[np.int64], contradicted: NDArray[np.int64]) -> NDArray[np.float64]:
    """The least kill rate that the counts leave possible, one-sided (Clopper and Pearson); 0 if none was rejected."""
    limit: NDArray[np.float64] = stats.beta.ppf(1 - CONFIDENCE, np.maximum(rejected, 1), contradicted - rejected + 1)
    return np.where(rejected > 0, limit, 0.0)
