"""Claims of patel2024 on the approach to the fixed point with any outer step, and on the two-stage schedule."""

from __future__ import annotations

import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.judging.limit import Line, also, judge_limiting_exponents
from tightrate.verify.judging.trend import judge_trend
from tightrate.verify.papers.patel2024 import fixed_point_limits_runs, outer_steps_runs
from tightrate.verify.verdict import Verdict

LETTERS = ("L", "mu", "tau", "zeta_opt", "B", "K", "eta", "gamma")


@claim(
    "patel2024/thm22-outer-step",
    statement="With an outer step up to 1/(1 - (1 - eta H)^K), |x_R - x_inf| is at most the transient of Theorem 22.",
    theorem="patel2024/thm22-outer-step",
    kind="bound with constants",
    data=outer_steps_runs.outer_steps,
    expected="consistent",
)
def thm22_outer_step(data: xr.Dataset) -> Verdict:
    """Random machines in one to three dimensions, exact iterates up to R = 100, start distance B + zeta_opt/H."""
    return judge_bound(
        data.to_fixed_point,
        data.transient,
        side="upper",
        what="distance from the fixed point",
        rounding=1e-12 * data["size"],
        witness={name: data[name] for name in LETTERS},
    )


@claim(
    "patel2024/thm22-constant",
    statement=(
        "With plain averaging |x_R - x*| is at most the transient plus the smaller of the sharp floor and the"
        " floor by way"
        " of the mean of the optima."
    ),
    theorem="patel2024/thm22-constant",
    kind="bound with constants",
    data=outer_steps_runs.outer_steps,
    expected="consistent",
)
def thm22_constant(data: xr.Dataset) -> Verdict:
    """The same instances with gamma = 1."""
    return judge_bound(
        data.to_optimum,
        data.total,
        side="upper",
        what="distance from the optimum",
        rounding=1e-12 * data["size"],
        witness={name: data[name] for name in LETTERS},
    )


@claim(
    "patel2024/round-contraction",
    statement="A round contracts by at most max{1 - gamma c_mu, gamma c_H - 1} with c_a = 1 - (1 - eta a)^K.",
    theorem="patel2024/prop19-contraction",
    kind="bound with constants",
    data=outer_steps_runs.outer_steps,
    expected="consistent",
)
def round_contraction(data: xr.Dataset) -> Verdict:
    """The spectral norm of I - gamma C on the same instances."""
    return judge_bound(
        data.contraction,
        data.contraction_bound,
        side="upper",
        what="contraction of a round",
        rounding=1e-12,
        witness={name: data[name] for name in LETTERS},
    )


@claim(
    "patel2024/sharp-outer-step",
    statement=(
        "Local gradient descent converges to its fixed point exactly for outer steps below 2/lambda_max(C): it does 2 %"
        " below, and moves away 2 % above."
    ),
    theorem="patel2024/prop19-contraction",
    kind="regime",
    data=outer_steps_runs.sharp_outer_step,
    expected="consistent",
)
def sharp_outer_step(data: xr.Dataset) -> Verdict:
    """Runs step by step: the factor by which a round changes the distance, after 590 rounds, on both sides of the
    limit."""
    side = 1 - 2 * (data.share > 1)  # above the limit the factor must exceed one: compare its reciprocal
    return judge_bound(
        data.growth**side,
        xr.ones_like(data.growth),
        side="upper",
        what="change of distance in a round (inverted above the limit)",
        witness={"growth": data.growth},
    )


@claim(
    "patel2024/outer-step-range-as-needed",
    statement=(
        "The condition beta < 1/(1 - (1 - eta H)^K) of Prop. 19 is necessary for convergence, not only sufficient."
    ),
    theorem="patel2024/prop19",
    kind="regime",
    data=outer_steps_runs.sharp_outer_step,
    expected="violated",
)
def outer_step_range_as_needed(data: xr.Dataset) -> Verdict:
    """The same runs 2 % below the sharp limit, all with outer steps above the paper's range: they converge."""
    outside = data.sel(share=data.share[0]).where(data.above.sel(share=data.share[0]) > 1, drop=True)
    return judge_bound(
        outside.growth,
        xr.ones_like(outside.growth),
        side="lower",
        what="change of distance in a round outside the paper's range",
        witness={"gamma over the paper's limit": outside.above},
    )


@claim(
    "patel2024/thm22-start-factor",
    statement="At eta = 1/(2H) and K >= 1/(-log2(1 - 1/(2 kappa))) the factor before B in Theorem 22 is at most 2.",
    theorem="patel2024/thm22",
    kind="bound with constants",
    data=outer_steps_runs.start_factor,
    expected="consistent",
)
def thm22_start_factor(data: xr.Dataset) -> Verdict:
    """The symbolic factor for condition numbers up to 10^5, at the least K that the theorem asks for and above."""
    asked = data.factor.where(data.multiple >= 1, drop=True)
    return judge_bound(asked, 2 * xr.ones_like(asked), side="upper", what="factor before B", witness={"K": data["K"]})


@claim(
    "patel2024/two-stage-rounds",
    statement=(
        "Local gradient descent followed by gradient descent reaches eps within a constant times the rounds of"
        " App. E.6,"
        " however large the condition number and however fine the accuracy."
    ),
    theorem="patel2024/two-stage",
    kind="scaling",
    data=outer_steps_runs.two_stage,
    expected="consistent",
)
def two_stage_rounds(data: xr.Dataset) -> Verdict:
    """Exact rounds at the best time to switch, over the predicted number, for few and for many local steps: no growth
    along the condition number and the accuracy."""
    return judge_trend(data.rounds, data.bound, side="upper", along=["kappa", "accuracy"], what="rounds")


@claim(
    "patel2024/two-stage-as-printed",
    statement="App. E.6 as printed: the rounds of the first stage do not depend on the unit of length.",
    theorem="patel2024/two-stage",
    kind="erratum",
    data=outer_steps_runs.two_stage,
    expected="violated",
)
def two_stage_as_printed(data: xr.Dataset) -> Verdict:
    """B stands in the denominator of the printed logarithm: the same instance with all lengths in other units gives
    other numbers of rounds, although the method takes equally many."""
    return _in_every_unit(data, "unit_printed")


@claim(
    "patel2024/two-stage-corrected",
    statement="With B in the numerator the rounds of the first stage do not depend on the unit of length.",
    theorem="patel2024/two-stage",
    kind="identity",
    data=outer_steps_runs.two_stage,
    expected="confirmed",
)
def two_stage_corrected(data: xr.Dataset) -> Verdict:
    """The corrected logarithm, and the rounds that the method takes, on the same instance in three units."""
    return _in_every_unit(data, "unit_corrected")


def _in_every_unit(data: xr.Dataset, formula: str) -> Verdict:
    values = xr.concat([data[formula], data.unit_rounds], "quantity")
    first = values.isel(unit=0, drop=True)
    return judge_identity(
        values,
        first + 0 * values,
        first,
        what="rounds in another unit of length",
        relative=1e-9,
        witness={"rounds taken": data.unit_rounds},
    )


@claim(
    "patel2024/fixed-point-ends",
    statement=(
        "The fixed point is the optimum for K = 1 and the mean of the machines' optima for K = infinity, eta < 1/H."
    ),
    theorem="patel2024/prop19",
    kind="identity",
    data=fixed_point_limits_runs.fixed_point_limits,
    expected="confirmed",
)
def fixed_point_ends(data: xr.Dataset) -> Verdict:
    """Random machines whose mean of optima is not the optimum: both distances, relative to the farthest optimum."""
    both = xr.concat([data.one_step, data.many_steps], "end")
    return judge_identity(
        1 + both,
        xr.ones_like(both),
        xr.ones_like(both),
        what="the fixed point at K = 1 and K = infinity",
        relative=1e-11,
        witness={name: data[name] for name in ("L", "mu", "eta", "apart")},
    )


@claim(
    "patel2024/fixed-point-limits",
    statement=(
        "The fixed point tends to the optimum at first order as eta -> 0, and to the mean of the machines' optima as K"
        " grows beyond 1/(eta mu)."
    ),
    theorem="patel2024/prop19",
    kind="regime",
    data=fixed_point_limits_runs.fixed_point_limits,
    expected="consistent",
)
def fixed_point_limits(data: xr.Dataset) -> Verdict:
    """The median distance from the optimum over seven decades of eta must have slope 1; the largest distance from the
    mean of the optima must fall below 10^-9 of the optima's size by K = 32/(eta mu)."""
    distance = data.from_optimum.median("instance")
    line = Line("1/eta, distance from the optimum", 1 / data.share.values, distance.values, -1.0)
    verdict = judge_limiting_exponents([line], what="fixed point", predicted="exponent 1 in eta", resolution=0.01)
    farthest = [float(value) for value in data.from_mean.max("instance")]
    sizes = {
        f"largest distance from the mean at K = {m:g}/(eta mu)": far
        for m, far in zip(data.multiple.values, farthest, strict=True)
    }
    return also(verdict, [True] * (len(sizes) - 1) + [farthest[-1] < 1e-9], sizes)
