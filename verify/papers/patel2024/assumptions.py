"""Claims of patel2024 on what its assumptions imply: Props. 1, 13 and 25, the fourth moment, the ball, regression."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.papers.patel2024 import assumptions_runs
from tightrate.verify.verdict import Verdict


@claim(
    "patel2024/prop1",
    statement=(
        "The gradients of quadratic machines with unequal Hessians are arbitrarily far apart: far out by |x| times the"
        " largest |A_m - A|."
    ),
    theorem="patel2024/prop1",
    kind="exact value",
    data=assumptions_runs.dissimilarity,
    expected="confirmed",
)
def prop1(data: xr.Dataset) -> Verdict:
    """What 10^9 units of length along the worst eigenvector add to the dissimilarity, per length, against the largest
    |A_m - A| of the matrices; it vanishes only where all Hessians coincide."""
    return judge_identity(
        data.slope,
        data.tau_mean,
        xr.ones_like(data.tau_mean),
        what="dissimilarity over distance",
        relative=1e-9,
        absolute=1e-12,
        matters=1e-3,
        witness={"M": data.M},
    )


def _settings(data: xr.Dataset, *names: str) -> dict[str, xr.DataArray]:
    """Settings that all cells of an experiment share, for a witness."""
    return {name: xr.DataArray(float(data.attrs[name])) for name in names}


def _with_machines(found: Verdict, data: xr.Dataset) -> Verdict:
    """The verdict whose witness, if it is the worst instance against the printed bound, has the machines as lists."""
    machines = data.attrs["worst as printed"]
    if found.witness is None or found.witness.get("instance") != machines["instance"]:
        return found
    return replace(found, witness={**found.witness, **machines})


def _dissimilarity(data: xr.Dataset, measured: str, bound: str) -> Verdict:
    return judge_bound(
        data[measured],
        data[bound],
        side="upper",
        what="dissimilarity on the ball",
        rounding=1e-13 * data[bound],
        witness={name: data[name] for name in ("M", "d", "zeta_star", "tau", "D", "B")},
    )


@claim(
    "patel2024/prop13-as-printed",
    statement=(
        "Prop. 13 as printed: on the ball of radius D every machine's gradient is within zeta_star + tau D of the mean."
    ),
    theorem="patel2024/prop13",
    kind="erratum",
    data=assumptions_runs.dissimilarity,
    expected="violated",
)
def prop13_as_printed(data: xr.Dataset) -> Verdict:
    """Erratum E2: random quadratic machines, and equal Hessians with one machine's gradient against all others."""
    return _with_machines(_dissimilarity(data, "worst", "printed"), data)


@claim(
    "patel2024/prop13-mean",
    statement="The root mean square of the machines' deviations is at most zeta_star + tau (D + B) on the ball.",
    theorem="patel2024/prop13-mean",
    kind="bound with constants",
    data=assumptions_runs.dissimilarity,
    expected="consistent",
)
def prop13_mean(data: xr.Dataset) -> Verdict:
    """The same instances, 128 random points of each sphere."""
    return _dissimilarity(data, "mean", "mean_bound")


@claim(
    "patel2024/prop13-worst",
    statement=(
        "Every machine's deviation is at most sqrt(M - 1) zeta_star + tau (D + B) on the ball, and this is attained."
    ),
    theorem="patel2024/prop13-worst",
    kind="bound with constants",
    data=assumptions_runs.dissimilarity,
    expected="consistent",
)
def prop13_worst(data: xr.Dataset) -> Verdict:
    """The same instances; one machine against all others attains it."""
    return _dissimilarity(data, "worst", "worst_bound")


def _movement(data: xr.Dataset, bound: str) -> Verdict:
    return judge_bound(
        data.movement,
        data[bound],
        side="upper",
        what="movement at the optimum",
        rounding=1e-12 * data.scale,
        witness={name: data[name] for name in ("M", "d", "unit", "L", "mu", "K", "eta", "zeta_star", "zeta_opt")},
    )


@claim(
    "patel2024/prop25",
    statement="A1 implies A6: K local steps move the optimum by at most K eta zeta_star ((1 + eta H)^(K-1) - 1).",
    theorem="patel2024/prop25",
    kind="bound with constants",
    data=assumptions_runs.movement,
    expected="consistent",
)
def prop25(data: xr.Dataset) -> Verdict:
    """Random quadratic machines, one exact round from the optimum, in three units of curvature."""
    return _movement(data, "prop25")


@claim(
    "patel2024/prop25-convex",
    statement="For convex machines the movement at the optimum is at most zeta_1 eta H (K - 1) / 2.",
    theorem="patel2024/prop25-convex",
    kind="bound with constants",
    data=assumptions_runs.movement,
    expected="consistent",
)
def prop25_convex(data: xr.Dataset) -> Verdict:
    """The same instances."""
    return _movement(data, "prop25-convex")


@claim(
    "patel2024/prop25-quadratics",
    statement="For quadratic machines the movement at the optimum is at most (1 - (1 - eta H)^K) zeta_opt / (eta K H).",
    theorem="patel2024/prop25-quadratics",
    kind="bound with constants",
    data=assumptions_runs.movement,
    expected="consistent",
)
def prop25_quadratics(data: xr.Dataset) -> Verdict:
    """The same instances."""
    return _movement(data, "prop25-quadratics")


@claim(
    "patel2024/prop25-quadratics-as-printed",
    statement="App. C.1 as printed: that movement is at most (1 - (1 - eta H)^K) zeta_opt / (eta K).",
    theorem="patel2024/prop25-quadratics",
    kind="erratum",
    data=assumptions_runs.movement,
    expected="violated",
)
def prop25_quadratics_as_printed(data: xr.Dataset) -> Verdict:
    """A factor 1/H is missing, so the display has not the unit of a gradient: in units where H = 0.01 it fails."""
    return _with_machines(_movement(data, "printed"), data)


@claim(
    "patel2024/consensus-square-as-printed",
    statement=(
        "The proof of Theorem 27 as printed: the second moment of the consensus error is at most the square of"
        " the bound"
        " on its mean, for every noise of variance sigma^2."
    ),
    theorem="patel2024/thm27",
    kind="erratum",
    data=assumptions_runs.fourth_moment,
    expected="violated",
)
def consensus_square_as_printed(data: xr.Dataset) -> Verdict:
    """Erratum E3: exact moments of a noise that is mostly 0 and rarely large, of the same variance, after one local
    step of equal machines."""
    return judge_bound(
        data["square"],
        data.square_bound,
        side="upper",
        what="second moment of the consensus error",
        witness=_settings(data, "sigma", "eta", "K"),
    )


@claim(
    "patel2024/consensus-mean-of-jumps",
    statement=(
        "For the same noises the mean of the consensus error obeys Lemma 36: only its square needs a fourth moment."
    ),
    theorem="patel2024/lemma36",
    kind="bound with constants",
    data=assumptions_runs.fourth_moment,
    expected="consistent",
)
def consensus_mean_of_jumps(data: xr.Dataset) -> Verdict:
    """Exact first moments of the same laws against Lemma 36."""
    witness = _settings(data, "sigma", "eta", "K")
    return judge_bound(data["mean"], data.mean_bound, side="upper", what="mean consensus error", witness=witness)


@claim(
    "patel2024/ball-as-assumed",
    statement=(
        "What Theorem 15 assumes of the local iterates, that in every realization they stay in a ball of radius D, can"
        " hold under noise of bounded variance alone: it does with Gaussian noise, for some D."
    ),
    theorem="patel2024/thm15",
    kind="counterexample",
    data=assumptions_runs.ball,
    expected="violated",
)
def ball_as_assumed(data: xr.Dataset) -> Verdict:
    """The exact probability that one local step with Gaussian noise leaves the ball, for several D: a Gaussian tail
    never vanishes.  The paper assumes containment, claims it nowhere, and names this as its main limitation."""
    found = judge_bound(
        data.probability,
        data.allowed,
        side="upper",
        what="probability of leaving the ball",
        witness=_settings(data, "L", "B", "sigma", "eta", "K"),
    )
    chances = ", ".join(f"{float(p):.2g}" for p in data.probability)
    return replace(found, predicted="probability of leaving the ball = 0", measured=f"probabilities {chances}")


@claim(
    "patel2024/covariate-shift",
    statement=(
        "The Hessians of two linear regressions differ by at most (|mu_m| + |mu_n|) |mu_m - mu_n| + |Sigma_m -"
        " Sigma_n|."
    ),
    theorem="patel2024/prop21",
    kind="bound with constants",
    data=assumptions_runs.regression,
    expected="consistent",
)
def covariate_shift(data: xr.Dataset) -> Verdict:
    """Random means and covariances over four orders of magnitude, spectral norms."""
    return judge_bound(
        data.tau,
        data.bound,
        side="upper",
        what="distance of two Hessians",
        rounding=1e-14 * data.scale,
        witness={name: data[name] for name in ("mean_1", "mean_2", "mean_shift", "covariance_shift")},
    )
