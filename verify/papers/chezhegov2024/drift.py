"""Claims of chezhegov2024 on drift with a frozen matrix, on functions with a kink, where quadratics hide it."""

from __future__ import annotations

import xarray as xr

from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound
from tightrate.verify.papers.chezhegov2024 import drift_runs
from tightrate.verify.verdict import Verdict

DRIFT = drift_runs.frozen_scaling_drift
STANDARD_ERRORS = 5  # of a mean over replicas
LETTERS = ("K", "R", "M", "eta", "sigma", "sigma_star")


def _settings(data: xr.Dataset) -> dict[str, xr.DataArray]:
    """What all runs share: curvatures right and left of the kink, and the ends of the matrix."""
    return {name: xr.DataArray(float(data.attrs[name])) for name in ("L", "curvature", "d_min", "d_max")}


@claim(
    "chezhegov2024/bounds-with-a-kink",
    statement="Frozen matrix: the bounds (id-sc), (id-c) and (het-c) hold on functions with a kink, where drift shows.",
    theorem="chezhegov2024/id-sc",
    kind="bound with constants",
    data=DRIFT,
    expected="consistent",
)
def bounds_with_a_kink(data: xr.Dataset) -> Verdict:
    """Runs from the optimum: the mean over replicas and five standard errors against each bound, by value."""
    return judge_bound(
        data["mean"] + STANDARD_ERRORS * data.stderr,
        data.bound,
        side="upper",
        what="what each theorem bounds",
        witness={**{name: data[name] for name in LETTERS}, **_settings(data)},
    )


def _without_drift(data: xr.Dataset, label: str) -> Verdict:
    """Five standard errors below the mean: what is above the bound then is above it for certain."""
    at = data.sel(theorem=label)
    return judge_bound(
        at["mean"] - STANDARD_ERRORS * at.stderr,
        at.without,
        side="upper",
        what=theorem(f"chezhegov2024/{label}").bound.measure.meaning,
        witness={**{name: at[name] for name in LETTERS}, **_settings(data)},
    )


@claim(
    "chezhegov2024/id-sc-without-drift",
    statement="The bound (id-sc) for a frozen matrix holds without its drift term.",
    theorem="chezhegov2024/id-sc",
    kind="counterexample",
    data=DRIFT,
    expected="violated",
)
def id_sc_without_drift(data: xr.Dataset) -> Verdict:
    """Gaussian noise at a kink, 1024 equal machines from the optimum: the squared D-norm distance, five standard
    errors below its mean, against the other terms."""
    return _without_drift(data, "id-sc")


@claim(
    "chezhegov2024/id-c-without-drift",
    statement="The bound (id-c) for a frozen matrix holds without its drift term.",
    theorem="chezhegov2024/id-c",
    kind="counterexample",
    data=DRIFT,
    expected="violated",
)
def id_c_without_drift(data: xr.Dataset) -> Verdict:
    """The same runs: the gap of the average of all iterates."""
    return _without_drift(data, "id-c")


@claim(
    "chezhegov2024/het-c-without-drift",
    statement="The bound (het-c) for a frozen matrix holds without its drift term.",
    theorem="chezhegov2024/het-c",
    kind="counterexample",
    data=DRIFT,
    expected="violated",
)
def het_c_without_drift(data: xr.Dataset) -> Verdict:
    """Machines tilted up and down at a kink, without noise, from the optimum, at the largest step: the gap of the
    average of all iterates."""
    return _without_drift(data, "het-c")


@claim(
    "chezhegov2024/one-step",
    statement=(
        "Identical machines, in the variables D^{1/2} x: a step takes E|x - x*|^2 to at most (1 - eta mu)|x - x*|^2"
        " - (eta/2) gap + eta^2 sigma^2/M + 2 eta L V."
    ),
    theorem="chezhegov2024/local-id-sc",
    kind="bound with constants",
    data=DRIFT,
    expected="consistent",
)
def one_step(data: xr.Dataset) -> Verdict:
    """At every state of the noisy runs: the exact mean of the next squared distance against the coefficients that the
    summed bounds are made of."""
    return judge_bound(
        data.squared,
        data.one_step,
        side="upper",
        what="mean squared distance after a step",
        rounding=1e-15,
        witness=_settings(data),
    )


@claim(
    "chezhegov2024/spread-of-the-workers",
    statement=(
        "Identical machines, in the variables D^{1/2} x: the spread E V after h local steps is at most eta^2 sigma^2 h."
    ),
    theorem="khaled2025/lemma7-mean",
    kind="bound with constants",
    data=DRIFT,
    expected="consistent",
)
def spread_of_the_workers(data: xr.Dataset) -> Verdict:
    """After every local step, five standard errors below the mean over replicas, by value: after the first step the
    bound is attained in the mean.  K - 1 is the most local steps there are."""
    return judge_bound(
        data.spread - STANDARD_ERRORS * data.spread_stderr,
        data.spread_bound,
        side="upper",
        what="mean spread of the workers",
        rounding=1e-12 * data.spread_bound.max(),
        witness=_settings(data),
    )
