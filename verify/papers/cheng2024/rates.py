"""Claims of cheng2024 on rates: each term's exponents where it dominates, and local against minibatch SGD."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity, judge_upper_exponents
from tightrate.verify.judging.scaling import exponents_of, exponents_of_balance, joined, judge_scaling
from tightrate.verify.papers.cheng2024 import rates_runs
from tightrate.verify.verdict import Verdict

COMPUTED = 2e-3  # relative error of tuned gaps: grid of steps, grid of the round map
STATISTICAL = 1e-2  # the same where the step grid is coarser and the worst curvature is taken from a grid


@claim(
    "cheng2024/convex-drift-exponents",
    statement="Where the drift dominates, the tuned convex gap falls at least as K^(-1/3) R^(-2/3).",
    theorem="cheng2024/thm2",
    kind="scaling",
    data=rates_runs.convex_drift,
    expected="consistent",
)
def convex_drift_exponents(data: xr.Dataset) -> Verdict:
    """Infinitely many workers, computed exactly; the factor ((K-1)/K)^(1/3) of the drift of K steps is known."""
    predicted = exponents_of(theorem("cheng2024/thm2").bound.term("noise drift"), ["K", "R"])
    return judge_scaling(data.gap, COMPUTED * data.gap, predicted, offset=data.logarithm, resolution=0.05)


@claim(
    "cheng2024/convex-drift-value",
    statement="There the tuned gap stays below the explicit in-expectation bound at its own best step.",
    theorem="cheng2024/fixed-step-convex",
    kind="bound with constants",
    data=rates_runs.convex_drift,
    expected="consistent",
)
def convex_drift_value(data: xr.Dataset) -> Verdict:
    """The same tuned gaps by value."""
    return judge_bound(data.gap, data.explicit, side="upper", what="tuned gap", witness={"eta": data.eta})


@claim(
    "cheng2024/convex-statistical-exponents",
    statement="Where noise dominates, the tuned convex gap falls at least as (M K R)^(-1/2): linear speed-up.",
    theorem="cheng2024/thm2",
    kind="scaling",
    data=rates_runs.convex_statistical,
    expected="consistent",
)
def convex_statistical_exponents(data: xr.Dataset) -> Verdict:
    """Exponents over M, K and R on the worst parabola, expectations exact; it has no drift."""
    predicted = exponents_of(theorem("cheng2024/thm2").bound.term("statistical"), ["M", "K", "R"])
    return judge_scaling(data.local, STATISTICAL * data.local, predicted, resolution=0.05)


@claim(
    "cheng2024/minibatch-statistical-exponents",
    statement="There minibatch SGD has the same exponents, and the same gap up to five per cent.",
    theorem="cheng2024/eq4.5",
    kind="scaling",
    data=rates_runs.convex_statistical,
    expected="consistent",
)
def minibatch_statistical_exponents(data: xr.Dataset) -> Verdict:
    """The same instances, both methods tuned."""
    predicted = exponents_of(theorem("cheng2024/eq4.5").bound.term("statistical"), ["M", "K", "R"])
    slopes = judge_scaling(data.minibatch, STATISTICAL * data.minibatch, predicted, resolution=0.05)
    near = judge_bound(
        abs(data.minibatch / data.local - 1),
        xr.full_like(data.local, 0.05),
        side="upper",
        what="relative difference of both gaps",
        witness={"local": data.local, "minibatch": data.minibatch},
    )
    return joined({"exponents": slopes, "gaps": near})


@claim(
    "cheng2024/strongly-convex-drift-exponents",
    statement="With many workers, at the prescribed step, the strongly convex gap falls at least as K^-1 R^-2 log^2.",
    theorem="cheng2024/thm1",
    kind="scaling",
    data=rates_runs.strongly_convex_rates,
    expected="consistent",
)
def strongly_convex_drift_exponents(data: xr.Dataset) -> Verdict:
    """Infinitely many workers on two curvatures, weighted output; the step's logarithm is a known factor."""
    predicted = exponents_of(theorem("cheng2024/thm1").bound.term("noise drift"), ["K", "R"])
    return judge_scaling(data.drift, 1e-3 * data.drift, predicted, offset=data.drift_logarithm, resolution=0.05)


@claim(
    "cheng2024/strongly-convex-statistical-exponents",
    statement="With few workers it falls at least as (M K R)^-1 times a logarithm.",
    theorem="cheng2024/thm1",
    kind="scaling",
    data=rates_runs.strongly_convex_rates,
    expected="consistent",
)
def strongly_convex_statistical_exponents(data: xr.Dataset) -> Verdict:
    """Exact expectations on a parabola at the prescribed step, whose logarithm is a known factor."""
    predicted = exponents_of(theorem("cheng2024/thm1").bound.term("statistical"), ["K", "R", "M"])
    gap = data.statistical
    return judge_scaling(gap, 1e-3 * gap, predicted, offset=data.statistical_logarithm, resolution=0.05)


@claim(
    "cheng2024/exponential-phase",
    statement="Without noise, R rounds of K local steps do what KR rounds of minibatch SGD do at the same step.",
    theorem="cheng2024/thm1",
    kind="identity",
    data=rates_runs.exponential_phase,
    expected="confirmed",
)
def exponential_phase(data: xr.Dataset) -> Verdict:
    """Gaps of both methods on a strongly convex parabola."""
    one = xr.ones_like(data.local)
    return judge_identity(data.local, data.minibatch, one, what="the gap without noise", matters=0, witness={})


@claim(
    "cheng2024/exponential-phase-rounds",
    statement="In tiny noise local SGD needs exactly K times fewer rounds than minibatch SGD, rounded up.",
    theorem="cheng2024/thm1",
    kind="regime",
    data=rates_runs.exponential_phase,
    expected="consistent",
)
def exponential_phase_rounds(data: xr.Dataset) -> Verdict:
    """Rounds until the exact expected gap is below 1e-6, for K up to 16: neither more nor fewer."""
    fewer = np.ceil(data.minibatch_rounds / data.K)
    witness = {"minibatch": data.minibatch_rounds}
    return joined(
        {
            "no more": judge_bound(data.rounds, fewer, side="upper", what="rounds of local SGD", witness=witness),
            "no fewer": judge_bound(data.rounds, fewer, side="lower", what="rounds of local SGD", witness=witness),
        }
    )


@claim(
    "cheng2024/local-never-loses",
    statement="With infinitely many workers tuned local SGD is never worse than tuned minibatch SGD.",
    theorem="cheng2024/eq4.5",
    kind="counterexample",
    data=rates_runs.local_or_minibatch,
    expected="violated",
)
def local_never_loses(data: xr.Dataset) -> Verdict:
    """Measured gaps on the same instance: below the critical number of local steps minibatch SGD wins."""
    minibatch = data.minibatch.broadcast_like(data.local)
    return judge_bound(
        data.local,
        minibatch,
        side="upper",
        what="tuned gap of local SGD",
        rounding=0.005 * minibatch,
        witness={"K_0": data.critical},
    )


@claim(
    "cheng2024/critical-steps-exponents",
    statement="Local SGD overtakes minibatch SGD at no more than order K_0 = sigma^2 R/(L B)^2 local steps.",
    theorem="cheng2024/eq4.5",
    kind="scaling",
    data=rates_runs.local_or_minibatch,
    expected="consistent",
)
def critical_steps_exponents(data: xr.Dataset) -> Verdict:
    """Exponents of sigma and R in the measured crossing; interpolation on the grids leaves two per cent."""
    drift = theorem("cheng2024/thm2").bound.term("noise drift")
    optimization = theorem("cheng2024/eq4.5").bound.term("optimization")
    predicted = exponents_of_balance(drift, optimization, "K", ["sigma", "R"])
    return judge_scaling(data.crossing, 0.02 * data.crossing, predicted, resolution=0.1)


@claim(
    "cheng2024/gain-exponents",
    statement="Beyond the crossing the gain over minibatch SGD grows at least as (K/K_0)^(1/3).",
    theorem="cheng2024/eq4.5",
    kind="scaling",
    data=rates_runs.local_or_minibatch,
    expected="consistent",
)
def gain_exponents(data: xr.Dataset) -> Verdict:
    """The exponent of K/K_0 in local SGD's gap over minibatch SGD's, over all noises, K >= 16 and R together."""
    loss = 1 / data.gain.sel(K=data.K[data.K >= 16])
    term = theorem("cheng2024/thm2").bound.term("noise drift").expression
    other = theorem("cheng2024/eq4.5").bound.term("optimization").expression
    predicted = exponents_of(term / other, ["K"])["K"]
    steps = loss.K.broadcast_like(loss)
    ratio = (steps / data.critical.sel(K=loss.K)).values.ravel()
    values = loss.values.ravel()
    beyond = values < 1
    if beyond.sum() < 4:
        evidence = {"cells beyond the crossing": int(beyond.sum())}
        return Verdict("inconclusive", "Hardly any cell lies beyond the crossing.", "-", "-", evidence=evidence)
    factor = (np.log1p(-1 / steps) / 3).values.ravel()
    return judge_upper_exponents(
        {"K/K_0": ratio[beyond]},
        values[beyond],
        0.02 * values[beyond],
        {"K/K_0": predicted},
        offset=factor[beyond],
        resolution=0.05,
    )


@claim(
    "cheng2024/drift-on-a-budget",
    statement="At a fixed budget T = KR the tuned gap grows with K, but no faster than K^(1/3).",
    theorem="cheng2024/thm2",
    kind="scaling",
    data=rates_runs.fixed_budget,
    expected="consistent",
)
def drift_on_a_budget(data: xr.Dataset) -> Verdict:
    """Infinitely many workers: the exponent of K, and each gap against the one at half as many local steps."""
    drift = theorem("cheng2024/thm2").bound.term("noise drift")
    powers = exponents_of(drift, ["K", "R"])
    slope = judge_scaling(
        data.gap, COMPUTED * data.gap, {"K": powers["K"] - powers["R"]}, offset=data.logarithm, resolution=0.05
    )
    grown = data.gap.isel(K=slice(1, None))
    before = data.gap.isel(K=slice(None, -1)).assign_coords(K=grown.K)
    more = judge_bound(grown, before, side="lower", what="gap at twice the local steps", witness={})
    return joined({"exponent": slope, "no benefit": more})


@claim(
    "cheng2024/linear-speed-up",
    statement="Up to M = (K_0/K)^(1/3) workers, tuned local SGD is at most twice as bad as tuned minibatch SGD.",
    theorem="cheng2024/thm2",
    kind="regime",
    data=rates_runs.linear_speed_up,
    expected="consistent",
)
def linear_speed_up(data: xr.Dataset) -> Verdict:
    """Gaps of both where the bounds keep linear speed-up, with at least two workers; no other cell is compared."""
    cells = data.stack(cell=("K", "M")).reset_index("cell")
    cells = cells.isel(cell=np.flatnonzero((cells.linear >= cells.M).values))
    if cells.sizes["cell"] == 0:
        return Verdict("not-applicable", "No cell keeps linear speed-up.", "-", "-")
    witness = {"K": cells.K, "M": cells.M, "local": cells.local, "minibatch": cells.minibatch}
    ratio = cells.local / cells.minibatch
    return judge_bound(ratio, xr.full_like(ratio, 2.0), side="upper", what="local over minibatch gap", witness=witness)
