"""Claims of cheng2024 on how far local workers and their preconditioners drift apart within a round."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from sympy import Max, Symbol, log

from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import beta2
from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_sampled_bound
from tightrate.verify.judging.scaling import exponents_of, joined, judge_scaling
from tightrate.verify.papers.cheng2024 import consensus_runs
from tightrate.verify.papers.cheng2024.consensus_runs import squared_range
from tightrate.verify.verdict import Verdict

NEAR = 0.1  # within which a sampled mean is taken to be the exact one
UPPER: Literal["upper"] = "upper"
LOWER: Literal["lower"] = "lower"
VANISHES = -0.5  # the exponent of 1/sigma at which something vanishes without doubt
STAYS = 0.1  # that at which it does not


def movement_exponents(label: str) -> dict[str, float]:
    """The exponents of 1 - beta2 and K in the first entry, without a logarithm, of a bound on preconditioners."""
    complement = Symbol("complement", positive=True)
    bound = theorem(f"cheng2024/{label}").bound.expression.subs(beta2, 1 - complement)
    (factor,) = bound.atoms(Max)
    (entry,) = (part for part in factor.args if not part.has(log))
    return exponents_of(bound.coeff(factor) * entry, ["complement", "K"])


@claim(
    "cheng2024/consensus-bound",
    statement="With probability 1 - delta no two workers' z are farther apart than eta sigma sqrt(KA), Lemma B.1.",
    theorem="cheng2024/lemB1",
    kind="bound with constants",
    data=consensus_runs.consensus,
    expected="consistent",
)
def consensus_bound(data: xr.Dataset) -> Verdict:
    """The empirical quantile 1 - delta of the largest squared distance over all rounds; the constants are generous."""
    return judge_bound(
        data["quantile"],
        data.bound,
        side="upper",
        what=theorem("cheng2024/lemB1").bound.measure.meaning,
        witness={"mean": data["mean"]},
    )


@claim(
    "cheng2024/consensus-exponents",
    statement="The squared distance of two workers' z grows no faster than eta^2 sigma^2 K.",
    theorem="cheng2024/lemB1",
    kind="scaling",
    data=consensus_runs.consensus,
    expected="consistent",
)
def consensus_exponents(data: xr.Dataset) -> Verdict:
    """Exponents of the mean largest squared distance on a flat objective, where they are tight, and on a bent one."""
    predicted = exponents_of(theorem("cheng2024/flat-variance-z").bound.term("noise"), ["eta", "sigma", "K"])
    parts = {}
    for name, L in (("flat", 0.0), ("bent", 1.0)):
        at = data.sel(L=L, drop=True)
        parts[name] = judge_scaling(at["mean"], at["stderr"], predicted, resolution=0.1)
    return joined(parts)


@claim(
    "cheng2024/consensus-over-workers",
    statement=(
        "Over the number of workers the largest squared distance grows no faster than the squared range of M Gaussian"
        " variables, so that it stays below 8 (1 + log M) times the variance of z."
    ),
    theorem="cheng2024/lemB1",
    kind="scaling",
    data=consensus_runs.consensus_over_workers,
    expected="consistent",
)
def consensus_over_workers(data: xr.Dataset) -> Verdict:
    """The exponent of M in the mean largest squared distance over the expected squared range, from the law's integral;
    and that expectation against 8 (1 + log M) for the same M.

    With W the range of M standard Gaussian variables X, W^2 <= 4 max X^2, and P(|X| > t) <= exp(-t^2/2) gives
    E max X^2 <= 2 log M + 2.
    """
    law = xr.DataArray(squared_range(data.M.values), coords={"M": data.M})
    logarithm = 8 * (1 + np.log(data.M))
    slope = judge_scaling(data["mean"], data["stderr"], {"M": 0.0}, offset=xr.DataArray(np.log(law)), resolution=0.1)
    below = judge_bound(law, logarithm, side="upper", what="expected squared range", witness={})
    return joined({"growth over the law's": slope, "law": below})


@claim(
    "cheng2024/consensus-is-a-gaussian-range",
    statement=(
        "On a flat objective the mean largest squared distance is the variance eta^2 sigma^2 K of z times the expected"
        " squared range of M Gaussian variables, within a tenth."
    ),
    theorem="cheng2024/flat-variance-z",
    kind="exact value",
    data=consensus_runs.consensus_over_workers,
    expected="consistent",
)
def consensus_is_a_gaussian_range(data: xr.Dataset) -> Verdict:
    """Whole intervals of the mean, five standard errors to either side, against 0.9 and 1.1 times the exact value."""
    mean, error, exact = data["mean"], data["stderr"], data.exact
    what = "mean largest squared distance"
    parts = {
        name: judge_sampled_bound(mean, error, factor * exact, side=side, what=what, witness={})
        for name, side, factor in (("at most", UPPER, 1 + NEAR), ("at least", LOWER, 1 - NEAR))
    }
    return joined(parts)


@claim(
    "cheng2024/adam-consensus-bound",
    statement="With probability 1 - delta no two workers' iterates are farther apart than (eta/lambda) sigma sqrt(KA).",
    theorem="cheng2024/lemC7",
    kind="bound with constants",
    data=consensus_runs.adam_consensus,
    expected="consistent",
)
def adam_consensus_bound(data: xr.Dataset) -> Verdict:
    """The empirical quantile 1 - delta of the largest squared distance; constants of 2^20 make this a weak test."""
    what = theorem("cheng2024/lemC7").bound.measure.meaning
    return judge_bound(data["quantile"], data.bound, side="upper", what=what, witness={"mean": data["mean"]})


@claim(
    "cheng2024/adam-consensus-exponents",
    statement="The squared distance of two Local Adam workers grows no faster than (eta/lambda)^2 sigma^2 K.",
    theorem="cheng2024/lemC7",
    kind="scaling",
    data=consensus_runs.adam_consensus,
    expected="consistent",
)
def adam_consensus_exponents(data: xr.Dataset) -> Verdict:
    """Exponents of the mean largest squared distance on a bent parabola, that of lambda as it falls."""
    drift = theorem("cheng2024/structural-adam").bound.term("noise drift")
    predicted = exponents_of(drift, ["eta", "sigma", "K", "lambda"])
    predicted["1/lambda"] = -predicted.pop("lambda")
    falling = data.assign_coords({"lambda": 1 / data["lambda"]}).rename({"lambda": "1/lambda"})
    return judge_scaling(falling["mean"], falling["stderr"], predicted, resolution=0.15)


@claim(
    "cheng2024/preconditioner-decay",
    statement="On every run a worker's preconditioner keeps at least beta2^(K/2) of the round's first.",
    theorem="cheng2024/lemC8-lower",
    kind="bound with constants",
    data=consensus_runs.preconditioner,
    expected="consistent",
)
def preconditioner_decay(data: xr.Dataset) -> Verdict:
    """The least ratio over all steps, workers and replicas."""
    what = theorem("cheng2024/lemC8-lower").bound.measure.meaning
    return judge_bound(data.least, data.lower, side="lower", what=what, witness={})


@claim(
    "cheng2024/preconditioner-growth",
    statement="A worker's preconditioner grows at most by the factor 1 + (1-beta2) B within a round, Lemma C.8.",
    theorem="cheng2024/lemC8-upper",
    kind="bound with constants",
    data=consensus_runs.preconditioner,
    expected="consistent",
)
def preconditioner_growth(data: xr.Dataset) -> Verdict:
    """The largest ratio over all steps, workers and replicas."""
    what = theorem("cheng2024/lemC8-upper").bound.measure.meaning
    return judge_bound(data.most, data.upper, side="upper", what=what, witness={})


@claim(
    "cheng2024/preconditioner-growth-exponents",
    statement="The relative change of the preconditioner within a round grows no faster than (1-beta2) K.",
    theorem="cheng2024/lemC8-upper",
    kind="scaling",
    data=consensus_runs.preconditioner,
    expected="consistent",
)
def preconditioner_growth_exponents(data: xr.Dataset) -> Verdict:
    """Exponents of the mean largest change, at every noise level: (1-beta2) B with B of order K (its first entry)."""
    predicted = movement_exponents("lemC8-upper")
    parts = {}
    for sigma in data.sigma.values:
        at = data.sel(sigma=sigma, drop=True)
        parts[f"sigma = {sigma:g}"] = judge_scaling(at.growth, at.growth_stderr, predicted, resolution=0.1)
    return joined(parts)


@claim(
    "cheng2024/preconditioner-difference",
    statement="Two workers' preconditioners differ relatively by at most (1-beta2) B_1, Lemma C.9.",
    theorem="cheng2024/lemC9",
    kind="bound with constants",
    data=consensus_runs.preconditioner,
    expected="consistent",
)
def preconditioner_difference(data: xr.Dataset) -> Verdict:
    """The mean largest difference of the replicas, its whole interval of five standard errors to either side."""
    what = theorem("cheng2024/lemC9").bound.measure.meaning
    return judge_sampled_bound(data.difference, data.difference_stderr, data.apart, side="upper", what=what, witness={})


@claim(
    "cheng2024/preconditioner-difference-vanishes",
    statement="As the noise vanishes, so does the difference of two preconditioners; their change in a round stays.",
    theorem="cheng2024/lemC9",
    kind="regime",
    data=consensus_runs.preconditioner,
    expected="consistent",
)
def preconditioner_difference_vanishes(data: xr.Dataset) -> Verdict:
    """The exponent of 1/sigma: for the difference at most -1/2, for the inverse of the change at most 0.1."""
    axes = ("complement", "K", "sigma")
    order = movement_exponents("lemC9")
    inverse = data.assign_coords(sigma=1 / data.sigma).rename(sigma="quiet")
    vanishing = judge_scaling(
        inverse.difference, inverse.difference_stderr, {**order, "quiet": VANISHES}, resolution=0.2
    )
    change = 1 / data.growth.sel(sigma=data.sigma[data.sigma <= 0.1])
    error = change**2 * data.growth_stderr
    lasting = judge_scaling(
        change.transpose(*axes), error, {"complement": 0.0, "K": 0.0, "sigma": STAYS}, resolution=0.2
    )
    return joined({"difference": vanishing, "change": lasting})


@claim(
    "cheng2024/measure-below-plain-norm",
    statement="lambda times the squared gradient by the inverse preconditioner never exceeds the squared gradient.",
    theorem="cheng2024/eqC.40",
    kind="bound with constants",
    data=consensus_runs.preconditioner,
    expected="consistent",
)
def measure_below_plain_norm(data: xr.Dataset) -> Verdict:
    """The largest weight of a coordinate in the preconditioned norm over all runs."""
    one = xr.ones_like(data.norm_ratio)
    return judge_bound(data.norm_ratio, one, side="upper", what="weight in the preconditioned norm", witness={})


@claim(
    "cheng2024/measure-above-plain-norm",
    statement="It is at least lambda/(lambda + 2 G_inf + 2 sigma_inf) times the squared gradient.",
    theorem="cheng2024/eqC.40",
    kind="bound with constants",
    data=consensus_runs.preconditioner,
    expected="consistent",
)
def measure_above_plain_norm(data: xr.Dataset) -> Verdict:
    """The least weight of a coordinate over all runs; G_inf is the largest gradient that the runs met."""
    return judge_bound(
        data.norm_least, data.norm_bound, side="lower", what="weight in the preconditioned norm", witness={}
    )
