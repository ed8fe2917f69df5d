"""Claims of patel2024 on the explicit hard functions: bias of two quadratics, drift of a kink by tilts and by noise."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import CERTAIN, judge_bound, judge_identity, judge_sampled_bound
from tightrate.verify.judging.scaling import joined
from tightrate.verify.judging.trend import judge_trend
from tightrate.verify.papers.patel2024 import drift_runs
from tightrate.verify.verdict import Verdict

LETTERS = ("L", "tau", "mu", "zeta_star", "B", "K", "eta", "gamma")
NEAR = 0.05  # within which a drift is taken to be its leading order
FACTOR = 2.0  # within which "of the order of" is taken to hold
PRECISE = 0.1  # relative standard error above which nothing is said


@claim(
    "patel2024/two-quadratics-position",
    statement="On two quadratics local gradient descent moves away from the optimum to exactly the closed form.",
    theorem="patel2024/two-quadratics",
    kind="identity",
    data=drift_runs.two_quadratics,
    expected="confirmed",
)
def two_quadratics_position(data: xr.Dataset) -> Verdict:
    """Runs step by step from the optimum, any inner and outer step, every round, against the theorem's expression."""
    return judge_identity(
        data.position,
        data.exact_position,
        data.zeta_star / data.L,
        what="position on the two quadratics",
        relative=1e-9,
        absolute=1e-13,  # the closed form divides rounding by c_1 + c_2, at least 0.01
        matters=1e-6,
        witness={name: data[name] for name in LETTERS},
    )


@claim(
    "patel2024/two-quadratics-gap",
    statement="Beside a slow coordinate the suboptimality on two quadratics is exactly the closed form.",
    theorem="patel2024/two-quadratics-gap",
    kind="identity",
    data=drift_runs.two_quadratics,
    expected="confirmed",
)
def two_quadratics_gap(data: xr.Dataset) -> Verdict:
    """The same runs."""
    return judge_identity(
        data["gap"],
        data.exact_gap,
        data.L * data.B**2,
        what="suboptimality on the two quadratics",
        relative=1e-9,
        witness={name: data[name] for name in LETTERS},
    )


@claim(
    "patel2024/two-quadratics-discrepancy",
    statement="On two quadratics the fixed point is at least zeta_star tau phi_K(eta H) / (2 H^2) from the optimum.",
    theorem="patel2024/two-quadratics-discrepancy",
    kind="bound with constants",
    data=drift_runs.two_quadratics,
    expected="consistent",
)
def two_quadratics_discrepancy(data: xr.Dataset) -> Verdict:
    """The exact mean after 10^8 rounds with plain averaging."""
    return judge_bound(
        data.fixed_point,
        data.discrepancy,
        side="lower",
        what="distance of the fixed point",
        rounding=1e-13 * data.zeta_star / data.L,
        witness={name: data[name] for name in LETTERS},
    )


CELL = ("zeta_star", "tau", "K", "R", "slow")


@claim(
    "patel2024/two-quadratics-floor",
    statement=(
        "With plain averaging no inner step up to 1/H brings two quadratics beside the slow coordinate below"
        " min{tau^2 zeta_star^2 / H^3, (tau^2 zeta_star^2 B^4 / H)^(1/3) / R^(2/3)} / 5000."
    ),
    theorem="patel2024/two-quadratics-floor",
    kind="bound with constants",
    data=drift_runs.drift_floor,
    expected="consistent",
)
def two_quadratics_floor(data: xr.Dataset) -> Verdict:
    """The exact gap, minimized over a grid of inner steps, for K up to 1000 and R up to 10^6."""
    steps = {"eta": data.best_eta, **{name: data[name] for name in CELL}}
    return judge_bound(data.best_gap, data.bound, side="lower", what="gap at the best inner step", witness=steps)


@claim(
    "patel2024/two-quadratics-floor-any-steps",
    statement=(
        "The floor of two quadratics under plain averaging is one for every outer step too: no inner and outer step"
        " brings this instance below it."
    ),
    theorem="patel2024/two-quadratics-floor",
    kind="counterexample",
    data=drift_runs.drift_floor,
    expected="violated",
)
def two_quadratics_floor_any_steps(data: xr.Dataset) -> Verdict:
    """The exact gap with a tiny inner step and gamma eta K = 1/H, which is gradient descent, on the same instances.
    Other instances could be hard for all steps: what a lower bound over instances may say is decided by the order
    algebra (`patel2024/thm9-any-steps-as-printed`)."""
    return judge_bound(
        data.free_gap,
        data.bound,
        side="lower",
        what="gap with a free outer step",
        witness={**{name: data[name] for name in CELL}, "eta": data.free_eta, "gamma": data.free_gamma},
    )


@claim(
    "patel2024/piecewise-drift",
    statement="One round moves the kink pulled apart from its optimum by exactly the closed form, for eta <= 1/H.",
    theorem="patel2024/piecewise-drift",
    kind="identity",
    data=drift_runs.piecewise,
    expected="confirmed",
)
def piecewise_drift(data: xr.Dataset) -> Verdict:
    """One round step by step against the theorem's expression, random curvatures, tilts, steps and K."""
    of = {name: data[f"instance {name}"] for name in ("L", "zeta_star", "K", "eta", "gamma")}
    return judge_identity(
        data["instance drift"],
        data["instance exact_drift"],
        of["zeta_star"] / of["L"],
        what="drift of one round",
        relative=1e-9,
        absolute=1e-14,
        matters=1e-6,
        witness=of,
    )


@claim(
    "patel2024/piecewise-floor",
    statement=(
        "With plain averaging and the best inner step the kink pulled apart, beside a slow coordinate, stays"
        " of the order"
        " of the heterogeneity term (H zeta_star^2 B^4)^(1/3) / R^(2/3)."
    ),
    theorem="patel2024/thm9-vanilla",
    kind="scaling",
    data=drift_runs.piecewise,
    expected="consistent",
)
def piecewise_floor(data: xr.Dataset) -> Verdict:
    """Runs step by step, minimized over a grid of inner steps: the ratio to the term does not fall along R."""
    return judge_trend(data.best_gap, data.floor, side="lower", along=["R"], what="gap at the best inner step")


@claim(
    "patel2024/noise-drift",
    statement="At a kink Gaussian noise moves the mean of a round from the optimum by at least the bound, downwards.",
    theorem="patel2024/noise-drift",
    kind="bound with constants",
    data=drift_runs.noise_drift,
    expected="consistent",
)
def noise_drift(data: xr.Dataset) -> Verdict:
    """The mean over replicas, less a quadratic with the same noise: its whole interval, five standard errors to either
    side, must be above the bound."""
    return judge_sampled_bound(
        data.drift, data.error, data.bound, side="lower", what="mean drift of a round", witness={}
    )


@claim(
    "patel2024/noise-drift-leading-order",
    statement=(
        "That drift is at most 5 per cent above its leading order (2/3) (a_+ - a_-) eta^2 K^(3/2) sigma / sqrt(2 pi),"
        " and within 5 per cent of it for the smallest eta H K and the largest K."
    ),
    theorem="patel2024/noise-drift",
    kind="exact value",
    data=drift_runs.noise_drift,
    expected="consistent",
)
def noise_drift_leading_order(data: xr.Dataset) -> Verdict:
    """Whole intervals, five standard errors to either side, against 1.05 times the leading order, and at the smallest
    eta H K and the largest K also against 0.95 times."""
    what = "mean drift of a round"
    above = judge_sampled_bound(data.drift, data.error, (1 + NEAR) * data.leading, side="upper", what=what, witness={})
    close = data.isel(K=[-1], reach=[0])
    reached = judge_sampled_bound(
        close.drift, close.error, (1 - NEAR) * close.leading, side="lower", what=f"{what} at small steps", witness={}
    )
    return joined({"at most": above, "approached": reached})


@claim(
    "patel2024/noise-floor-order",
    statement="At a kink noise keeps the average of the machines, in the end, of the order of eta sqrt(K) sigma off.",
    theorem="patel2024/noise-drift",
    kind="scaling",
    data=drift_runs.noise_floor,
    expected="consistent",
)
def noise_floor_order(data: xr.Dataset) -> Verdict:
    """The mean of 64 machines' average after 8/(eta H K) rounds, less a quadratic with the same noise, over the leading
    drift of a round divided by what a round removes: the ratio varies by less than a factor 2 while the shape varies by
    far more."""
    ratio, error = data["mean"] / data["shape"], data.error / data["shape"]
    spread = float((ratio - CERTAIN * error).max() / (ratio + CERTAIN * error).min())
    evidence = {
        "ratios": [float(value) for value in ratio.values.ravel()],
        "standard errors": [float(value) for value in error.values.ravel()],
        "range of the shape": float(data["shape"].max() / data["shape"].min()),
        "certain spread of the ratio": spread,
    }
    texts = ("mean ~ eta sqrt(K) sigma", f"ratios {float(ratio.min()):.2f} to {float(ratio.max()):.2f}")
    if spread > FACTOR or not bool((ratio > 0).all()):
        places = {str(name): [float(v) for v in data[name]] for name in ("K", "reach")}
        sentence = f"The ratio to the shape varies by more than a factor {FACTOR:g}."
        return Verdict("violated", sentence, *texts, evidence=evidence, witness={**evidence, **places})
    if not np.isfinite(spread) or float((error / ratio).max()) > PRECISE:
        return Verdict("inconclusive", "The means are not known to a tenth: more replicas.", *texts, evidence=evidence)
    sentence = f"The ratio stays within {float(ratio.min()):.2f} and {float(ratio.max()):.2f}."
    return Verdict("consistent", sentence, *texts, evidence=evidence)


@claim(
    "patel2024/thm15-scaling",
    statement=(
        "On two quadratics beside the hard slow coordinate, without noise, the average of all local iterates"
        " at the best"
        " step obeys Theorem 15 up to a constant, for growing R and K."
    ),
    theorem="patel2024/thm15",
    kind="scaling",
    data=drift_runs.thm15,
    expected="consistent",
)
def thm15_scaling(data: xr.Dataset) -> Verdict:
    """Exact gaps of the uniform average over all local iterates, minimized over the inner step: the ratio to the bound
    does not grow along R or K."""
    return judge_trend(data["gap"], data.bound, side="upper", along=["R", "K"], what="gap of the uniform average")
