"""Claims of cheng2024 at a fixed step size: the floors of noise, drift and clipping."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import L, lam, moreau
from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import CERTAIN, judge_bound, judge_sampled_bound, more
from tightrate.verify.judging.scaling import exponents_of, joined, judge_scaling
from tightrate.verify.papers.cheng2024 import floors_runs, rates_runs
from tightrate.verify.verdict import Verdict

LEAST = 3  # cells for a slope with an interval
EXACT = 1e-3  # relative error of the numbers that the limit of infinitely many workers is computed with


@claim(
    "cheng2024/drift-floor",
    statement="At a fixed step, with infinitely many workers, the gap settles at no more than order L eta^2 sigma^2 K.",
    theorem="cheng2024/structural-sc",
    kind="scaling",
    data=floors_runs.floor,
    expected="consistent",
)
def drift_floor(data: xr.Dataset) -> Verdict:
    """Exponents of eta and K on two curvatures, K - 1 in place of K entering as a known factor."""
    predicted = exponents_of(theorem("cheng2024/structural-sc").bound.term("noise drift"), ["eta", "K"])
    return judge_scaling(data.drift, EXACT * data.drift, predicted, offset=data.logarithm, resolution=0.05)


@claim(
    "cheng2024/drift-floor-value",
    statement="There the gap stays below the explicit in-expectation bound without momentum.",
    theorem="cheng2024/fixed-step-sc",
    kind="bound with constants",
    data=floors_runs.floor,
    expected="consistent",
)
def drift_floor_value(data: xr.Dataset) -> Verdict:
    """The same floors by value."""
    return judge_bound(data.drift, data.drift_bound, side="upper", what="floor of the gap", witness={})


@claim(
    "cheng2024/statistical-floor",
    statement="At a fixed step and K = 1 the gap settles at no more than order eta sigma^2/M.",
    theorem="cheng2024/structural-sc",
    kind="scaling",
    data=floors_runs.floor,
    expected="consistent",
)
def statistical_floor(data: xr.Dataset) -> Verdict:
    """Exponents of eta and M on a parabola, where the expected gap of the weighted average is exact."""
    predicted = exponents_of(theorem("cheng2024/structural-sc").bound.term("statistical"), ["eta", "M"])
    return judge_scaling(data.statistical, EXACT * data.statistical, predicted, resolution=0.05)


@claim(
    "cheng2024/statistical-floor-value",
    statement="There the gap stays below the explicit in-expectation bound without momentum.",
    theorem="cheng2024/fixed-step-sc",
    kind="bound with constants",
    data=floors_runs.floor,
    expected="consistent",
)
def statistical_floor_value(data: xr.Dataset) -> Verdict:
    """The same floors by value."""
    return judge_bound(data.statistical, data.statistical_bound, side="upper", what="floor of the gap", witness={})


@claim(
    "cheng2024/momentum-leaves-floors",
    statement="With K well above 1/(1-beta1), neither the statistical nor the drift floor of z grows with momentum.",
    theorem="cheng2024/structural-sc",
    kind="scaling",
    data=floors_runs.floor_momentum,
    expected="consistent",
)
def momentum_leaves_floors(data: xr.Dataset) -> Verdict:
    """Exponents of 1/(1-beta1) up to 10: exact for the statistical floor, sampled for the drift."""
    exact = judge_scaling(data.statistical, EXACT * data.statistical, {"slowness": 0.0}, resolution=0.05)
    drift = judge_scaling(data.drift, data.drift_stderr, {"slowness": 0.0}, resolution=0.3)
    return joined({"statistical": exact, "drift": drift})


@claim(
    "cheng2024/more-workers-leave-the-drift",
    statement="Up to 32 workers do not remove the drift: at a fixed step the gap stays above that of M = infinity.",
    theorem="cheng2024/structural-convex",
    kind="regime",
    data=rates_runs.drift_over_workers,
    expected="consistent",
)
def more_workers_leave_the_drift(data: xr.Dataset) -> Verdict:
    """The sampled gap's whole interval, five standard errors to either side, against the exact limit."""
    limit = xr.full_like(data.gap, data.attrs["limit"])
    return judge_sampled_bound(data.gap, data.stderr, limit, side="lower", what="gap with M workers", witness={})


@claim(
    "cheng2024/floor-above-drift-falls-with-workers",
    statement="What the gap exceeds the drift by falls at least as 1/M: floor and drift add up.",
    theorem="cheng2024/structural-convex",
    kind="scaling",
    data=rates_runs.drift_over_workers,
    expected="consistent",
)
def floor_above_drift(data: xr.Dataset) -> Verdict:
    """The exponent of M in the sampled gap less the exact limit, where that is five standard errors or more."""
    excess = data.gap - data.attrs["limit"]
    predicted = exponents_of(theorem("cheng2024/structural-convex").bound.term("statistical"), ["M"])
    clear = excess / data["stderr"]  # in standard errors
    resolved = excess.where(clear >= CERTAIN)
    if int(resolved.count()) < LEAST:
        evidence = {"excess": excess.values.tolist(), "standard errors": data["stderr"].values.tolist()}
        third = float(np.sort(clear.values)[-LEAST])
        needed = f"about {more(CERTAIN / third)} the replicas" if third > 0 else "fewer workers"
        sentence = f"Fewer than {LEAST} numbers of workers resolve the excess; it takes {needed}."
        return Verdict("inconclusive", sentence, f"M^{predicted['M']:g}", "-", evidence=evidence)
    return judge_scaling(resolved, data["stderr"], predicted, resolution=0.3)


@claim(
    "cheng2024/adam-statistical-floor",
    statement="At a fixed step and K = 1 Local Adam's measure settles at no more than order L eta sigma^2/(lambda M).",
    theorem="cheng2024/structural-adam",
    kind="scaling",
    data=floors_runs.adam_floor,
    expected="consistent",
)
def adam_statistical_floor(data: xr.Dataset) -> Verdict:
    """Exponents of eta, M and 1/lambda at the Moreau parameter lambda/L, on sampled runs from the optimum."""
    term = theorem("cheng2024/structural-adam").bound.term("statistical").expression
    predicted = exponents_of(term.subs(moreau, lam / L), ["eta", "M", "lambda"])
    predicted["1/lambda"] = -predicted.pop("lambda")
    falling = data.assign_coords({"lambda": 1 / data["lambda"]}).rename({"lambda": "1/lambda"})
    return judge_scaling(falling.statistical, falling.statistical_stderr, predicted, resolution=0.35)


@claim(
    "cheng2024/adam-drift-floor",
    statement="With many workers it settles at no more than order eta^2 L^2 sigma^2 K/lambda^2.",
    theorem="cheng2024/structural-adam",
    kind="scaling",
    data=floors_runs.adam_floor,
    expected="consistent",
)
def adam_drift_floor(data: xr.Dataset) -> Verdict:
    """Exponents of eta and K on sampled runs on two curvatures; K - 1 in place of K is a known factor."""
    predicted = exponents_of(theorem("cheng2024/structural-adam").bound.term("noise drift"), ["eta", "K"])
    renamed = data.drop_vars(["eta", "statistical", "statistical_stderr"]).rename(fine="eta")
    factor = np.log1p(-1 / renamed.K)
    return judge_scaling(renamed.drift, renamed.drift_stderr, predicted, offset=factor, resolution=0.5)


def clipping_exponent(data: xr.Dataset, case: str, label: str) -> Verdict:
    """The exponent of R at few local steps, for every moment."""
    term = theorem(f"cheng2024/{label}").bound.term("clipping")
    parts = {}
    for alpha in data.alpha.values:
        at = data.sel(case=case, alpha=alpha, drop=True).error
        predicted = exponents_of(term, ["R"], alpha=float(alpha))
        parts[f"alpha = {alpha:g}"] = judge_scaling(at, EXACT * at, predicted, resolution=0.2)
    return joined(parts)


@claim(
    "cheng2024/clipping-term-strongly-convex",
    statement="With few local steps the strongly convex error falls at least as (KR)^(-2(alpha-1)/alpha) in R.",
    theorem="cheng2024/thm1",
    kind="scaling",
    data=floors_runs.clipping_term,
    expected="consistent",
)
def clipping_term_strongly_convex(data: xr.Dataset) -> Verdict:
    """Prescribed step and threshold, infinitely many workers, K = 2, noise worst for the threshold; alpha = 4, 6, 8."""
    return clipping_exponent(data, "strongly convex", "thm1")


@claim(
    "cheng2024/clipping-term-convex",
    statement="With few local steps the convex error falls at least as (KR)^(-2(alpha-1)/(3 alpha-1)) in R.",
    theorem="cheng2024/thm2",
    kind="scaling",
    data=floors_runs.clipping_term,
    expected="consistent",
)
def clipping_term_convex(data: xr.Dataset) -> Verdict:
    """The same on the parabola whose curvature is worst for the run."""
    return clipping_exponent(data, "convex", "thm2")


@claim(
    "cheng2024/clipping-term-adam",
    statement="With few local steps Adam's squared gradient falls at least as (KR)^(-2(alpha-1)/(3 alpha-2)) in R.",
    theorem="cheng2024/thm3",
    kind="scaling",
    data=floors_runs.clipping_term,
    expected="consistent",
)
def clipping_term_adam(data: xr.Dataset) -> Verdict:
    """The same with a frozen second moment, on a parabola of curvature L."""
    return clipping_exponent(data, "Adam", "thm3")
