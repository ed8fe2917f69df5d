"""Judging arrays: identities to rounding, bounds by value, exponents by intervals.

Each function returns a whole verdict, with the worst case as evidence and, on a violation, as the witness.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.verify.judging.power_law import Exponent, fit_power_law, replicas_needed
from tightrate.verify.verdict import Verdict

Array = NDArray[np.float64]

CERTAIN = 5.0  # standard errors: no chance of a false alarm in a few dozen cells
SMALLEST_EXCESS = 1 / 6  # the smallest wrong exponent that a test must be able to see
TIGHT = 0.5  # a bound that some instance uses to half of its value or more "looked tight"


def judge_identity(
    measured: xr.DataArray,
    exact: xr.DataArray,
    scale: xr.DataArray,
    *,
    what: str,
    relative: float = 1e-10,
    absolute: float = 1e-18,
    matters: float = 1e-8,
    witness: Mapping[str, xr.DataArray],
) -> Verdict:
    """Equality to rounding: relative error at most `relative` where exact > matters * scale, else absolute * scale."""
    measured, exact, scale = xr.broadcast(measured, exact, scale)
    error = abs(measured - exact)
    matter = exact > matters * scale
    allowed = (relative * exact).where(matter, absolute * scale)
    within = error <= allowed  # a nan is not within
    worst_relative = float((error / exact).where(matter).max()) if bool(matter.any()) else 0.0
    worst_absolute = float((error / scale).where(~matter).max()) if bool((~matter).any()) else 0.0
    evidence = {
        "instances": int(measured.size),
        "largest relative error": worst_relative,
        "allowed relative error": relative,
        "largest absolute error in units of the scale": worst_absolute,
        "allowed absolute error": absolute,
    }
    found = f"relative error {worst_relative:.1e}" if bool(matter.any()) else f"error {worst_absolute:.1e}"
    texts = (f"{what}: equal", found)
    if bool(within.all()):
        return Verdict(
            "confirmed", f"{what} agrees to rounding in all {measured.size} comparisons.", *texts, evidence=evidence
        )
    place = (error / allowed).where(~within).fillna(np.inf).where(~within, -np.inf).argmax(...)
    return Verdict(
        "violated",
        f"{what} differs from its closed form in {int((~within).sum())} of {measured.size} comparisons.",
        *texts,
        evidence=evidence,
        witness=_witness(place, {**witness, "measured": measured, "exact": exact}),
    )


def judge_bound(
    measured: xr.DataArray,
    bound: xr.DataArray,
    *,
    side: Literal["upper", "lower"],
    what: str,
    rounding: xr.DataArray | float = 0.0,
    witness: Mapping[str, xr.DataArray],
) -> Verdict:
    """A bound with explicit constants, by value: never more than consistent, because instances prove nothing.

    `rounding` is the absolute error that the measurement itself may have.
    """
    measured, bound, slack = xr.broadcast(measured, bound, xr.DataArray(rounding))
    holds = measured <= bound + slack if side == "upper" else measured >= bound - slack
    resolved = bound > 100 * slack
    ratio = (measured / bound.where(resolved)).where(resolved)
    extreme = float(ratio.max() if side == "upper" else ratio.min())
    tight = extreme >= TIGHT if side == "upper" else extreme <= 1 / TIGHT
    evidence = {
        "comparisons": int(measured.size),
        f"{'largest' if side == 'upper' else 'smallest'} measured / bound": extreme,
        "looked tight": bool(tight),
    }
    sign = "<=" if side == "upper" else ">="
    texts = (f"{what} {sign} bound", f"measured / bound {sign} {extreme:.6g}")
    if bool(holds.all()):
        looked = "it looked tight" if tight else "it was not seen tight"
        sentence = f"No violation in {measured.size} comparisons; {looked} (extreme ratio {extreme:.6g})."
        return Verdict("consistent", sentence, *texts, evidence=evidence)
    excess = (measured - bound - slack) if side == "upper" else (bound - slack - measured)
    place = (excess / np.maximum(bound, slack)).fillna(np.inf).where(~holds, -np.inf).argmax(...)
    return Verdict(
        "violated",
        f"{what} breaks the {side} bound in {int((~holds).sum())} of {measured.size} comparisons.",
        *texts,
        evidence=evidence,
        witness=_witness(place, {**witness, "measured": measured, "bound": bound}),
    )


def judge_sampled_bound(
    mean: xr.DataArray,
    standard_error: xr.DataArray,
    bound: xr.DataArray,
    *,
    side: Literal["upper", "lower"],
    what: str,
    witness: Mapping[str, xr.DataArray],
) -> Verdict:
    """A bound on expectations that are known up to noise: both ends of every interval of five standard errors count.

    Violated where a whole interval is on the wrong side; consistent where every whole interval is on the right one;
    between the two inconclusive, with the number of replicas that would settle the worst cell if its mean stayed.
    """
    mean, standard_error, bound = xr.broadcast(mean, standard_error, bound)
    toward = -1 if side == "upper" else 1
    given = {**witness, "mean": mean, "standard error": standard_error}
    lenient = judge_bound(mean + toward * CERTAIN * standard_error, bound, side=side, what=what, witness=given)
    if lenient.status != "consistent":
        return lenient
    strict = judge_bound(mean - toward * CERTAIN * standard_error, bound, side=side, what=what, witness=given)
    if strict.status == "consistent":
        return strict
    distance = abs(mean - bound) / standard_error  # in standard errors
    open_cells = toward * (mean - bound) < CERTAIN * standard_error
    nearest = float(distance.where(open_cells).min())
    needed = f"{more(CERTAIN / nearest)} the replicas" if nearest > 0 else "another cell: the mean is on the bound"
    sentence = (
        f"{what}: {int(open_cells.sum())} of {mean.size} intervals of {CERTAIN:g} standard errors hold their bound;"
        f" it takes about {needed}."
    )
    evidence = {**strict.evidence, "least distance of an open cell in standard errors": nearest}
    return Verdict("inconclusive", sentence, strict.predicted, strict.measured, evidence=evidence)


def more(ratio: float) -> str:
    """How many times the replicas make an interval narrower by this factor: its square, rounded up.

    >>> more(1.5)
    '3 times'
    """
    return f"{math.ceil(ratio**2 - 1e-9)} times"


def judge_upper_exponents(
    parameters: Mapping[str, Array],
    mean: Array,
    standard_error: Array,
    predicted: Mapping[str, float],
    *,
    offset: Array,
    resolution: float,
) -> Verdict:
    """Exponents against an upper bound, one-sided: decaying faster than predicted is no contradiction.

    An exponent contradicts the bound when its whole interval lies above the predicted one.  It agrees with it only
    where an excess of a sixth lies outside the interval, and where the interval is at most `resolution` wide on
    either side; anything else is `inconclusive`, and the sentence says what would settle it.
    """
    fit = fit_power_law(parameters, mean, standard_error, offset=offset)
    fitted = fit.exponents
    evidence = {
        "confidence": fit.confidence,
        "lack of fit (reduced chi-square, at least 1)": fit.lack_of_fit,
        **{
            f"exponent of {name}": {
                "predicted": predicted[name],
                "estimate": e.estimate,
                "low": e.low,
                "high": e.high,
            }
            for name, e in fitted.items()
        },
    }
    predictions = ", ".join(f"{name}^{predicted[name]:g}" for name in fitted)
    estimates = ", ".join(f"{name}^{e.estimate:.3f}" for name, e in fitted.items())
    slow = [name for name, e in fitted.items() if e.low > predicted[name]]
    missing = {name: shortfall(e, predicted[name], resolution) for name, e in fitted.items()}
    open_names = [name for name, ratio in missing.items() if ratio > 1]
    worst = max(fitted.values(), key=lambda e: e.estimate - predicted[e.name])
    interval = (worst.low, worst.high)
    if slow:
        return Verdict(
            "violated",
            f"The measured decay in {', '.join(slow)} is slower than the bound allows.",
            predictions,
            estimates,
            interval,
            evidence,
            {"exponents": estimates, "slower than predicted in": slow},
        )
    if open_names:
        name = max(open_names, key=lambda each: missing[each])
        e = fitted[name]
        width = half_width(e) / missing[name]
        noise = math.sqrt(replicas_needed(parameters, standard_error / mean, half_width=width))
        cure = (
            f"it takes about {more(max(missing[name], noise))} the replicas"
            if fit.lack_of_fit < BENT
            else "it takes cells nearer to the limit, because the data bend by more than their noise"
        )
        excess = f"an excess of 1/6 over {predicted[name]:g}" if e.high >= predicted[name] + SMALLEST_EXCESS else "much"
        return Verdict(
            "inconclusive",
            f"The interval of the exponent of {name}, {e.low:.3f} to {e.high:.3f}, does not exclude {excess}: {cure}.",
            predictions,
            estimates,
            (e.low, e.high),
            evidence,
        )
    tight = all(e.low <= predicted[name] <= e.high for name, e in fitted.items())
    looked = "every interval holds its prediction, so the bound looked tight" if tight else "some decay faster"
    return Verdict(
        "consistent",
        f"No exponent is slower than the bound's at {fit.confidence:.0%} confidence; {looked}.",
        predictions,
        estimates,
        interval,
        {**evidence, "looked tight": tight},
    )


BENT = 9.0  # a reduced chi-square above which noise is not what widens an interval


def half_width(exponent: Exponent) -> float:
    """The longer side of an interval."""
    return max(exponent.high - exponent.estimate, exponent.estimate - exponent.low)


def shortfall(exponent: Exponent, predicted: float, resolution: float) -> float:
    """By what factor the interval must shrink before it decides: at most 1 where it excludes an excess of a sixth.

    An estimate nearer to that excess than to the prediction is settled once the interval excludes the prediction.
    """
    excess = exponent.estimate - predicted
    resolved = half_width(exponent) / resolution
    if exponent.high - predicted < SMALLEST_EXCESS:
        return resolved
    return max(half_width(exponent) / max(SMALLEST_EXCESS - excess, excess), resolved, 1 + 1e-9)


def _witness(place: Mapping[object, xr.DataArray], arrays: Mapping[str, xr.DataArray]) -> dict[str, float | str]:
    """The values of all arrays at one place, with its coordinates, numbers or names."""
    index = {str(dim): int(position) for dim, position in place.items()}
    found: dict[str, float | str] = {}
    for name, array in arrays.items():
        at = array.isel({dim: i for dim, i in index.items() if dim in array.dims})
        found[name] = float(at)
        for dim, where in at.coords.items():
            value = where.values.item()
            found[str(dim)] = value if isinstance(value, str) else float(value)
    return found
