"""Claims of cheng2024 on clipping one coordinate, on means of independent noise, and on confidence without clipping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr
from sympy import simplify

from tightrate.rates.relations.misprints import misprint
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.judging.scaling import exponents_of, joined, judge_scaling
from tightrate.verify.papers.cheng2024 import clipping_runs
from tightrate.verify.verdict import Verdict

SIDES: Mapping[str, Literal["at most", "equal"]] = {"worst": "equal", "pareto": "at most"}
LAW = ("sigma", "alpha", "rho", "G_inf")


def on_laws(data: xr.Dataset, measured: str, label: str) -> Verdict:
    """A measured moment or bias against the bound of that statement."""
    return judge_bound(
        data[measured],
        data[f"bound: {label}"],
        side="upper",
        what=theorem(f"cheng2024/{label}").bound.measure.meaning,
        rounding=1e-13 * data[f"bound: {label}"] + 1e-15 * data["rho"],
        witness={name: data[name] for name in LAW},
    )


@claim(
    "cheng2024/clipping-bias",
    statement="Clipping a coordinate at rho moves its mean by at most (2 sigma)^alpha / rho^(alpha-1).",
    theorem="cheng2024/lemA2-bias",
    kind="bound with constants",
    data=clipping_runs.clipping_laws,
    expected="consistent",
)
def clipping_bias(data: xr.Dataset) -> Verdict:
    """Exact expectations of random laws with three values, within the lemma's conditions on rho."""
    return on_laws(data, "bias", "lemA2-bias")


@claim(
    "cheng2024/sharp-clipping-bias",
    statement="It moves the mean by at most (alpha-1)^(alpha-1)/alpha^alpha sigma^alpha / (rho - |mean|)^(alpha-1).",
    theorem="cheng2024/lemA2-sharp",
    kind="bound with constants",
    data=clipping_runs.clipping_laws,
    expected="consistent",
)
def sharp_clipping_bias(data: xr.Dataset) -> Verdict:
    """The same laws."""
    return on_laws(data, "bias", "lemA2-sharp")


@claim(
    "cheng2024/clipped-moment",
    statement="Clipping does not raise the moment of order alpha about the true mean.",
    theorem="cheng2024/lemA2-moment",
    kind="bound with constants",
    data=clipping_runs.clipping_laws,
    expected="consistent",
)
def clipped_moment(data: xr.Dataset) -> Verdict:
    """The same laws."""
    return on_laws(data, "moment", "lemA2-moment")


@claim(
    "cheng2024/clipped-centered-moment",
    statement="About its own mean a clipped coordinate has at most 2^alpha times the moment of order alpha.",
    theorem="cheng2024/lemA2-centered-moment",
    kind="bound with constants",
    data=clipping_runs.clipping_laws,
    expected="consistent",
)
def clipped_centered_moment(data: xr.Dataset) -> Verdict:
    """The same laws."""
    return on_laws(data, "centered_moment", "lemA2-centered-moment")


@claim(
    "cheng2024/symmetric-noise-has-no-bias",
    statement="Where the gradient vanishes, clipping symmetric noise causes no bias.",
    theorem="cheng2024/lemA2-bias",
    kind="identity",
    data=clipping_runs.clipping_laws,
    expected="confirmed",
)
def symmetric_noise(data: xr.Dataset) -> Verdict:
    """The symmetric ones of the laws: the bias relative to the threshold."""
    chosen = data.isel(law=np.flatnonzero(data.symmetric.values))
    relative = 1 + chosen.bias / chosen.rho
    one = xr.ones_like(relative)
    witness = {name: chosen[name] for name in LAW}
    return judge_identity(relative, one, one, what="the bias of symmetric noise", relative=1e-14, witness=witness)


@claim(
    "cheng2024/squared-clipping-bias",
    statement="(B.63): a clipped gradient has a squared bias of at most ||2 sigma||^(2 alpha) / rho^(2(alpha-1)).",
    theorem="cheng2024/eqB.63",
    kind="bound with constants",
    data=clipping_runs.clipping_laws,
    expected="consistent",
)
def squared_clipping_bias(data: xr.Dataset) -> Verdict:
    """Gradients in three dimensions, each coordinate with a random law, alpha = 4."""
    return judge_bound(
        data.vector_bias,
        data["bound: eqB.63"],
        side="upper",
        what="squared bias of a clipped gradient",
        witness={"rho": data.common_rho},
    )


@claim(
    "cheng2024/clipping-bias-is-attained",
    statement=(
        "Two-point laws attain the sharp bound up to a factor 1 - (chance of their jump), which tends to 1 with rho:"
        " neither the exponent alpha - 1 nor the sharp constant can be improved."
    ),
    theorem="cheng2024/lemA2-sharp",
    kind="bound with constants",
    data=clipping_runs.clipping_bias_over_threshold,
    expected="consistent",
)
def clipping_bias_is_attained(data: xr.Dataset) -> Verdict:
    """Exact biases of the law made for each threshold, for three moments and three means."""
    return judge_bound(
        data.worst,
        data.sharp * (1 - data.probability),
        side="lower",
        what="bias of the worst two-point law",
        rounding=1e-12 * data.sharp,
        witness={"probability": data.probability},
    )


@claim(
    "cheng2024/clipping-bias-exponent",
    statement="The bias falls at least as fast as rho^-(alpha-1) in the threshold, and for the worst laws exactly so.",
    theorem="cheng2024/lemA2-bias",
    kind="scaling",
    data=clipping_runs.clipping_bias_over_threshold,
    expected="consistent",
)
def clipping_bias_exponent(data: xr.Dataset) -> Verdict:
    """Slopes in rho fitted for alpha = 4, 6, 8 at mean zero: for the worst two-point laws neither slower nor faster
    than predicted, for Pareto's not slower."""
    term = theorem("cheng2024/lemA2-bias").bound.term("clipping")
    parts = {}
    for alpha in data.alpha.values:
        predicted = exponents_of(term, ["rho"], alpha=float(alpha))
        at = data.sel(alpha=alpha, mean=0.0)
        for name, side in SIDES.items():
            law = at[name].sel(rho=at.rho[at.rho >= 10])
            part = judge_scaling(law, 1e-3 * law, predicted, resolution=0.1, side=side)
            parts[f"alpha = {alpha:g}, {name}"] = part
    return joined(parts)


@claim(
    "cheng2024/fourth-moment-of-the-mean",
    statement="The mean of M independent noises of fourth moment at most sigma^4 has at most 4 sigma^4/M^2.",
    theorem="cheng2024/lemA3",
    kind="bound with constants",
    data=clipping_runs.fourth_moment,
    expected="consistent",
)
def fourth_moment_of_the_mean(data: xr.Dataset) -> Verdict:
    """Exact fourth moments for random laws with three values, in units of their own fourth moment."""
    what = theorem("cheng2024/lemA3").bound.measure.meaning
    return judge_bound(data.laws, data.printed, side="upper", what=what, witness={})


@claim(
    "cheng2024/sharp-fourth-moment",
    statement="It is at most (3 - 2/M) sigma^4/M^2.",
    theorem="cheng2024/lemA3-sharp",
    kind="bound with constants",
    data=clipping_runs.fourth_moment,
    expected="consistent",
)
def sharp_fourth_moment(data: xr.Dataset) -> Verdict:
    """The same laws."""
    what = theorem("cheng2024/lemA3-sharp").bound.measure.meaning
    return judge_bound(data.laws, data.sharp, side="upper", what=what, rounding=1e-12 * data.sharp, witness={})


@claim(
    "cheng2024/random-signs-attain-the-fourth-moment",
    statement="Random signs have exactly (3 - 2/M) sigma^4/M^2.",
    theorem="cheng2024/lemA3-sharp",
    kind="exact value",
    data=clipping_runs.fourth_moment,
    expected="confirmed",
)
def random_signs(data: xr.Dataset) -> Verdict:
    """The binomial sum for M up to 1000."""
    one = xr.ones_like(data.sharp)
    return judge_identity(data.signs, data.sharp, one, what="fourth moment of the mean sign", matters=0, witness={})


# ----------------------------------------------------------------------------------------------------------- confidence


@claim(
    "cheng2024/confidence-failure-probability",
    statement=(
        "On the instance of Theorem D.1, SGD with the largest step that the confidence allows fails with probability"
        " exactly delta; one step less, or a step size one per cent larger, and it fails more often."
    ),
    theorem="cheng2024/thmD1",
    kind="exact value",
    data=clipping_runs.confidence,
    expected="confirmed",
)
def confidence_failure_probability(data: xr.Dataset) -> Verdict:
    """One run for each of the noise's three values, weighed by their chances."""
    delta = data.delta.broadcast_like(data.failure)
    exact = judge_identity(data.failure, delta, delta, what="the failure probability", relative=1e-9, witness={})
    capped = xr.ones_like(delta)
    early = judge_bound(data.early, capped, side="lower", what="failure one step earlier", witness={})
    bolder = data.bold.where(data.bold.notnull(), 1.0)
    bold = judge_bound(bolder, delta * 1.0001, side="lower", what="failure at a larger step", witness={})
    parts = joined({"exact": exact, "one step less": early, "larger step": bold})
    holds = parts.status == "consistent"  # the bounds are one-sided comparisons of exact numbers with exact numbers
    return exact if holds and exact.status == "confirmed" else parts


@claim(
    "cheng2024/confidence-lower-bound",
    statement="SGD without clipping needs at least the number of steps of Theorem D.1, with constant and logarithm.",
    theorem="cheng2024/thmD1-explicit",
    kind="bound with constants",
    data=clipping_runs.confidence,
    expected="consistent",
)
def confidence_lower_bound(data: xr.Dataset) -> Verdict:
    """The least number of steps at the best step size, on the theorem's instance."""
    return judge_bound(
        data.plain, data.bound, side="lower", what=theorem("cheng2024/thmD1").bound.measure.meaning, witness={}
    )


def uncertain_steps(data: xr.Dataset) -> xr.DataArray:
    """By how much the least number of steps may be off its power law: rounding up, and log(1 - eta L) for -eta L."""
    return xr.DataArray(0.5 + data.contraction * data.plain)


@claim(
    "cheng2024/confidence-exponents",
    statement="The steps needed without clipping grow as delta^(-1/alpha) and (L eps)^(-1/2), up to a logarithm.",
    theorem="cheng2024/thmD1",
    kind="scaling",
    data=clipping_runs.confidence,
    expected="consistent",
)
def confidence_exponents(data: xr.Dataset) -> Verdict:
    """Exponents of delta, L and eps; the logarithm is a known factor.

    Whole steps count as an error of 1/2, and -log(1 - eta L) in place of eta L as one of eta L, relatively.
    """
    term = theorem("cheng2024/thmD1").bound.term("confidence")
    predicted = exponents_of(term, ["delta", "L", "eps"], alpha=data.attrs["alpha"])
    return judge_scaling(data.plain, uncertain_steps(data), predicted, offset=np.log(data.logarithm), resolution=0.05)


@claim(
    "cheng2024/confidence-as-printed",
    statement="As (D.1) prints it, the number of steps needed grows as sqrt(L/eps).",
    theorem="cheng2024/thmD1",
    kind="erratum",
    data=clipping_runs.confidence,
    expected="violated",
)
def confidence_as_printed(data: xr.Dataset) -> Verdict:
    """The printed lower bound over the measured steps must stay bounded; it grows with L."""
    entry = misprint("eqD.1")
    factor = vectorized(simplify(entry.printed / entry.corrected))(L=data.L.values)
    printed = data.order * xr.DataArray(factor, coords={"L": data.L}) * data.logarithm
    ratio = printed / data.plain
    error = ratio * uncertain_steps(data) / data.plain
    return judge_scaling(ratio, error, {"L": 0.0, "delta": 0.0, "eps": 0.0}, resolution=0.05)


@claim(
    "cheng2024/clipping-buys-confidence",
    statement="With clipping the number of steps does not grow with 1/delta on that instance, and no run fails.",
    theorem="cheng2024/thmB3-sc",
    kind="regime",
    data=clipping_runs.confidence,
    expected="consistent",
)
def clipping_buys_confidence(data: xr.Dataset) -> Verdict:
    """The clipped runs for all values of the noise, and the exponent of delta in their number of steps."""
    delta = data.delta.broadcast_like(data.clipped_failure)
    fails = judge_bound(data.clipped_failure, delta, side="upper", what="failure with clipping", witness={})
    growth = data.clipped / data.clipped.isel(delta=0)
    one = xr.ones_like(growth)
    flat = judge_bound(growth, one, side="upper", what="growth of the steps as delta falls", witness={})
    return joined({"failure": fails, "steps": flat})
