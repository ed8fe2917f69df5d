"""Stochastic local SGD over K, R and M in the noise-dominated regime: measured gaps against the predicted power law."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tightrate.figures.drawing import (
    SMALL,
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
from tightrate.figures.style import GREY, Columns
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import K, M, R
from tightrate.rates.symbols.evaluation import at
from tightrate.verify.assertions.power_law import PowerLaw
from tightrate.verify.papers.patel2024 import krm_sweep as claims

AXES = ("K", "R", "M")
MEANING = {"K": "local steps per round", "R": "communication rounds", "M": "workers"}
# Each panel: what it runs along, and what its lines differ in; the third axis stays at its middle value.
PANELS = (("K", "R"), ("R", "M"), ("M", "K"))


def asserted(data: xr.Dataset) -> PowerLaw:
    """What the claim asserts of the sweep: the statistical term's exponents, the step's logarithm as a known factor."""
    law = claims.krm_exponents.assertion(data)
    assert isinstance(law, PowerLaw)
    return law


def predicted_law(data: xr.Dataset) -> xr.DataArray:
    """The statistical term's power law times the prescribed step's logarithm, with one constant fitted to all cells.

    That constant, the mean of log(gap / law), is the only number that is not the theorem's.
    """
    power_law = asserted(data)
    law = xr.DataArray(np.exp(xr.DataArray(power_law.offset)))
    for name, power in power_law.predicted.items():
        law = law * data[name] ** power
    constant = np.exp(np.log(data.gap_mean.where(np.isfinite(data.gap_mean)) / law).mean())
    return law * float(constant)


def is_its_own(data: xr.Dataset) -> bool:
    """Whether a dataset is a sweep of Theorem 27 over K, R and M, and nothing else."""
    stated = json.loads(data.attrs["sweep"])["theorem"] if "sweep" in data.attrs else None
    axes = set(map(str, data["gap_mean"].dims)) if "gap_mean" in data else set()
    return stated == claims.krm_value.theorem_id and axes == {*AXES} and "bound" in data


@figure(
    "krm-sweep",
    title="Rates over local steps, rounds and workers hold: predicted and measured exponents agree",
    caption=(
        "Suboptimality of the weighted average of local SGD on strongly convex quadratics with equal Hessians and"
        " large noise, at the step size that Theorem 27 prescribes: means over {replicas:g} runs a cell with bars"
        " of two standard errors. Dashed: the theorem's statistical term, its logarithm included, with one"
        " constant fitted to all cells at once; triangles: its exact exponents without the logarithm. Thin lines:"
        " the bound with the constants of its proof, for the uppermost line of each panel."
        " In the corners the exponent that the whole sweep gives, with its 99 % interval."
    ),
    experiment=claims.runs,
    needs=("gap_mean", "gap_stderr", "bound", *AXES),
    letters_of="patel2024/thm27",
    draws=is_its_own,
    otherwise="sweep",
)
def krm_sweep(data: xr.Dataset, columns: Columns) -> Figure:
    """Three panels with a common vertical axis: against K, R and M."""
    source = claims.krm_exponents.theorem
    noise_unit = source.bound.term("statistical").expression * K * R * M
    unit = float(at(noise_unit, {name: claims.mean_gap(data).symbols[name] for name in ("mu", "sigma")}))
    shown = data[["gap_mean", "gap_stderr", "bound"]].transpose("K", "R", "M") / unit
    law = predicted_law(data) / unit
    judged = asserted(data).check().evidence
    picture, axes = panels(3, columns, tall=2.1, left=0.55, between=0.14)
    everything = np.concatenate([drawable(shown.gap_mean).ravel(), drawable(shown.bound).ravel()])
    for ax, mark, (along, lines) in zip(axes, "abc", PANELS, strict=True):
        x = data[along].values
        log_axis(ax, "x", ticks=x)
        log_axis(ax, "y")
        ax.set_xlim(x[0] / 1.25, x[-1] * (x[-1] / x[0]) ** 0.42)
        ax.set_ylim(np.nanmin(everything) * 0.25, np.nanmax(everything) * 2.5)
        (fixed,) = {*MEANING} - {along, lines}
        middle = float(data[fixed].values[(data.sizes[fixed] - 1) // 2])
        _panel(ax, shown.sel({fixed: middle}), law.sel({fixed: middle}), along, lines, source)
        fitted = judged.get(f"exponent of {along}")
        if fitted is not None:
            values = [f"{fitted[name]:.3f}".replace("-", "−") for name in ("estimate", "low", "high")]
            text = "fitted exponent {} ({} to {})".format(*values)
            ax.text(1, 1, text, ha="right", va="top", fontsize=SMALL, transform=ax.transAxes)
        ax.set_xlabel(words(f"{MEANING[along]} ${along}$"))
        end_axis(ax, x[0] / 1.25, x[-1] * 1.25)
        power = f"{letter(along)}^{{{source.bound.term('statistical').monomial.exponents[along]}}}"
        ax.set_title(f"({mark}) predicted ${power}$, at ${letter(fixed)}={count(middle)}$")
    axes[0].text(
        1, 0.02, "equal Hessians, large noise", ha="right", fontsize=SMALL, color=GREY, transform=axes[0].transAxes
    )
    common_height(axes, rf"${source.bound.measure.latex}$  in units of ${formula(noise_unit)}$")
    return picture


def _panel(ax: Axes, data: xr.Dataset, law: xr.DataArray, along: str, lines: str, source: Theorem) -> None:
    """One line of means with its predicted law for each value of `lines`, and the slope triangle."""
    x = data[along].values
    labels = []
    for value, ink in zip(data[lines].values, ordered_inks(data.sizes[lines]), strict=True):
        at = data.sel({lines: value})
        mean = drawable(at.gap_mean)
        error = 2 * np.where(np.isfinite(mean), at.gap_stderr, np.nan)
        predicted = drawable(law.sel({lines: value}))
        ax.plot(x, predicted, color=ink.color, linewidth=0.8, linestyle=(0, (4, 2)), gid="predicted law")
        marks: dict[str, Any] = {
            "linestyle": "none",
            "marker": ink.marker,
            "markerfacecolor": "white",
            "elinewidth": 0.8,
        }
        ax.errorbar(x, mean, error, color=ink.color, **marks)
        labels.append(Label(x[-1], predicted[-1], f"${letter(lines)}={count(value)}$", ink.text))
    top = data.isel({lines: 0})
    bound, ink = drawable(top.bound), ordered_inks(data.sizes[lines])[0]
    ax.plot(x, bound, color=ink.color, linewidth=0.7)
    name = f"bound, ${letter(lines)}={count(float(top[lines]))}$"
    label_along(ax, (x[0], bound[0]), (x[-1], bound[-1]), name, at=0.3, offset=-3, color=ink.text)
    place_labels(ax, labels, "right", gap=6)
    law_of_top = drawable(law.isel({lines: 0}))
    label_along(
        ax, (x[0], law_of_top[0]), (x[-1], law_of_top[-1]), "statistical term", at=0.72, offset=3, color=ink.text
    )
    lowest = drawable(law.isel({lines: -1}))
    exponents = source.bound.term("statistical").monomial.exponents
    slope_triangle(ax, (x[0], lowest[0] * 0.19), 2.5, exponents[along], letter(along))
