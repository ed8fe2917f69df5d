"""Judging bounds with hidden constants: only a ratio that keeps growing, or keeps falling, contradicts one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from tightrate.verify.verdict import Verdict

RESOLUTION = 0.05  # exponents below this are not told from zero


def end_slopes(ratio: xr.DataArray, along: str) -> xr.DataArray:
    """d log(ratio) / d log(along) over the last half of the axis, by least squares, one for each line along it."""
    half = ratio.isel({along: slice(ratio.sizes[along] // 2, None)})
    if half.sizes[along] < 2:
        raise ValueError(f"a trend along {along} needs at least four values")
    x, y = (xr.apply_ufunc(np.log, values) for values in (half[along], half))
    centred = x - x.mean()
    slopes: xr.DataArray = (centred * (y - y.mean(along))).sum(along, skipna=False) / (centred**2).sum()
    return slopes


def judge_trend(
    measured: xr.DataArray,
    bound: xr.DataArray,
    *,
    side: Literal["upper", "lower"],
    along: Sequence[str],
    what: str,
    resolution: float = RESOLUTION,
) -> Verdict:
    """A bound up to constants: towards the end of no sweep may measured / bound grow (upper) or fall (lower).

    Violated where the ratio's exponent in an axis exceeds `resolution` in the wrong direction; faster than an upper
    bound is no contradiction.  Measurements must be exact: their noise has no place here.
    """
    ratio = measured / bound
    sign = 1 if side == "upper" else -1
    slopes = {axis: sign * end_slopes(ratio, axis) for axis in along}
    worst = max(slopes, key=lambda axis: float(slopes[axis].max()) if bool(slopes[axis].notnull().all()) else np.inf)
    place = slopes[worst].fillna(np.inf).argmax(...)
    steepest = float(slopes[worst].isel(place)) * sign
    evidence = {
        "smallest measured / bound": float(ratio.min()),
        "largest measured / bound": float(ratio.max()),
        **{
            f"steepest exponent of measured / bound in {axis}": sign * float(values.max())
            for axis, values in slopes.items()
        },
        "resolution": resolution,
    }
    texts = (
        f"{what} <~ bound" if side == "upper" else f"{what} >~ bound",
        f"measured / bound {float(ratio.min()):.3g} to {float(ratio.max()):.3g}, like {worst}^{steepest:.3f} at worst",
    )
    if not np.isfinite(steepest) or sign * steepest > resolution:
        line = ratio.isel({str(dim): int(at) for dim, at in place.items()})
        witness = {
            "exponent": steepest,
            "along": worst,
            **{str(name): float(value) for name, value in line.coords.items() if value.ndim == 0},
            worst: [float(value) for value in line[worst]],
            "measured / bound": [float(value) for value in line],
        }
        moves = "grows" if side == "upper" else "falls"
        sentence = f"{what} over the bound {moves} like {worst}^{steepest:.3f}: no constant makes the bound true."
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=witness)
    return Verdict(
        "consistent",
        f"{what} over the bound does not {'grow' if side == 'upper' else 'fall'} towards the end of any sweep.",
        *texts,
        evidence=evidence,
    )
