"""Judging arrays: identities to rounding, bounds by value, exponents by intervals.

Each function returns a whole verdict, with the worst case as evidence and, on a violation, as the witness.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from verify.exponents import fit_power_law
from verify.verdict import Verdict

Array = NDArray[np.float64]

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
    worst_relative = float((error / exact).where(matter).max())
    worst_absolute = float((error / scale).where(~matter).max()) if bool((~matter).any()) else 0.0
    evidence = {
        "instances": int(measured.size),
        "largest relative error": worst_relative,
        "allowed relative error": relative,
        "largest absolute error in units of the scale": worst_absolute,
        "allowed absolute error": absolute,
    }
    texts = (f"{what}: equal", f"relative error {worst_relative:.1e}")
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

    An exponent contradicts the bound when its whole interval lies above the predicted one.  Intervals wider than
    `resolution` on either side cannot tell, which is `inconclusive`.
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
    wide = [name for name, e in fitted.items() if max(e.high - e.estimate, e.estimate - e.low) > resolution]
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
    if wide:
        return Verdict(
            "inconclusive",
            f"The interval of the exponent of {', '.join(wide)} is wider than {resolution:g} on a side: more replicas.",
            predictions,
            estimates,
            interval,
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
