"""Exponents along a path: local slopes, intervals that know noise and window, hidden logarithms, the ratio.

What is fitted is the excess: the exponent of measured / term in n, so that everything the term says, its logarithms
included, enters as known.  An upper bound is contradicted by a positive excess, a lower bound by a negative one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any, Literal, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from tightrate.common.errors import TightrateError
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.least_squares import least_squares
from tightrate.verify.assertions.thresholds import (
    CONFIDENCE,
    FURTHER_DRIFT,
    MOST_LOGARITHMS,
    NOISELESS,
    SMALLEST_EXCESS,
    TRANSIENT,
)
from tightrate.verify.measurement import Measurement
from tightrate.verify.verdict import Verdict

Array = NDArray[np.float64]
Side = Literal["upper", "lower", "both"]


@dataclass(frozen=True)
class PathFit:
    """The excess exponent of measured / predicted along a path.

    `low` and `high` hold the estimates of all windows with at least two thirds of the points and of the last half,
    each with its noise; where the slope drifts along the path also its extrapolation by twice the same drift again
    (a transient of geometric drift is not done after one more); and the slack that terms of 1/margin leave.
    `low_logarithm` and `high_logarithm` are those of the windows after a free power of a logarithm was allowed,
    `logarithms` that power; `noise` is the half-width that replicas could make narrower.
    """

    estimate: float
    low: float
    high: float
    low_logarithm: float
    high_logarithm: float
    logarithms: float
    noise: float
    slack: float
    local: tuple[float, ...]
    confidence: float


def fit_path(
    n: Array,
    measured: Array,
    standard_error: Array,
    predicted: Array,
    *,
    margin: float = np.inf,
    logarithm: Array | None = None,
    side: Side = "upper",
    confidence: float = CONFIDENCE,
) -> PathFit:
    """Fit measured / predicted = constant n^excess, all arrays along one path.

    `margin` is that by which the predicted term dominates the rest of its bound; `logarithm`, where given, is the
    logarithm of what a hidden power of it would hold, and is allowed to explain an excess (upward for an upper bound,
    downward for a lower one).

    >>> n = np.geomspace(1, 1e6, 13)
    >>> fit = fit_path(n, 3 / n, np.zeros(13), n**-0.75)
    >>> round(fit.estimate, 9), fit.high < 0
    (-0.25, True)
    """
    if len(n) < 4:
        raise TightrateError(f"an exponent needs at least four points on a path, not {len(n)}")
    if not np.isfinite(measured).all() or (measured <= 0).any():
        raise TightrateError("an exponent needs positive finite values; a run diverged or hit the optimum exactly")
    x, y = np.log(n), np.log(measured / predicted)
    errors = np.maximum(standard_error / measured, 1e-12)
    slack = float(np.log1p(1 / margin) / (x.max() - x.min()))
    lows, highs = [], []
    for inside in _windows(len(n)):
        slope, half = _slope(x[inside], y[inside], errors[inside], confidence)
        lows.append(slope - half)
        highs.append(slope + half)
    estimate, noise = _slope(x, y, errors, confidence)
    middle = len(n) // 2
    (first, first_half), (last, last_half) = (
        _slope(x[part], y[part], errors[part], confidence) for part in (slice(0, middle + 1), slice(middle, None))
    )
    if abs(last - first) > np.hypot(first_half, last_half):  # the slope drifts
        lows.append(last + FURTHER_DRIFT * (last - first))
        highs.append(last + FURTHER_DRIFT * (last - first))
    low, high = min(lows) - slack, max(highs) + slack
    low_logarithm, high_logarithm, power = low, high, 0.0
    if logarithm is not None and np.ptp(logarithm) > 0:
        fits = [
            _slope_and_logarithm(x[inside], y[inside], np.log(logarithm[inside]), errors[inside], side, confidence)
            for inside in _windows(len(n))
        ]
        power = fits[-1][2]
        low_logarithm = min(slope - half - slack for slope, half, _ in fits)
        high_logarithm = max(slope + half + slack for slope, half, _ in fits)
    local = tuple((np.diff(np.log(measured)) / np.diff(x)).tolist())
    return PathFit(estimate, low, high, low_logarithm, high_logarithm, power, noise, slack, local, confidence)


def _windows(count: int) -> Iterator[slice]:
    """The last half, all windows with at least two thirds of the points, the whole path last."""
    yield slice(min(count // 2, count - 3), None)
    for length in range(max(3, -(-2 * count // 3)), count + 1):
        for start in range(count - length + 1):
            yield slice(start, start + length)


def _slope(x: Array, y: Array, errors: Array, confidence: float) -> tuple[float, float]:
    """The slope and the half-width of its interval, wider where noise does not explain all scatter."""
    slope, half, _ = _line(np.column_stack([np.ones_like(x), x]), y, errors, confidence)
    return slope, half


def _slope_and_logarithm(
    x: Array, y: Array, logarithm: Array, errors: Array, side: Side, confidence: float
) -> tuple[float, float, float]:
    """The slope beside a free power of the logarithm, the half-width, and that power within what is allowed."""
    least, most = {"upper": (0, 1), "lower": (-1, 0), "both": (-1, 1)}[side]
    slope, half, power = _line(np.column_stack([np.ones_like(x), x, logarithm]), y, errors, confidence)
    allowed = float(np.clip(power, least * MOST_LOGARITHMS, most * MOST_LOGARITHMS))
    if allowed != power:
        return *_slope(x, y - allowed * logarithm, errors, confidence), allowed
    return slope, half, allowed


def _line(design: Array, y: Array, errors: Array, confidence: float) -> tuple[float, float, float]:
    """The second coefficient, its half-width (the errors are known, from a pilot's replicas), the last coefficient."""
    fit = least_squares(design, y, errors)
    noisy = errors.max() > NOISELESS
    half = float(fit.errors[1]) * (float(np.sqrt(fit.inflation)) if noisy else 1.0) * _normal_quantile(confidence)
    return float(fit.coefficients[1]), half, float(fit.coefficients[-1])


@cache
def _normal_quantile(confidence: float) -> float:
    return float(stats.norm.ppf((1 + confidence) / 2))


# --- the verdict on a dataset of paths --------------------------------------------------------------------------------


NOT_SHOWN = ", but other terms of the bound may be what is seen, so that a slower decay would not be rejected"


@dataclass(frozen=True)
class PathVerdict:
    """The verdict on one path with its reason; `budget` says what would settle an inconclusive one."""

    status: Literal["consistent", "violated", "inconclusive"]
    reason: str
    tight: bool
    budget: str = ""


def judge_path(fit: PathFit, side: Side, *, hidden: bool, shown: bool, span: float, replicas: float = 0) -> PathVerdict:
    """One path.

    `hidden`: the bound hides logarithms, which may explain an excess.  `shown`: the measured values exceed what the
    other terms of the bound would explain by themselves; where they do not, a slower decay cannot be rejected, and a
    consistent verdict says so.  A contradiction needs the whole interval on the wrong side,
    and an estimate nearer to a wrong exponent than to the right one; consistency needs every excess of 1/6 or more
    excluded.
    """
    above, below = side != "lower", side != "upper"
    low, high = fit.low, fit.high
    if hidden:  # whatever a logarithm explains is no excess
        low, high = min(low, fit.low_logarithm), max(high, fit.high_logarithm)
    slower = above and low > 0 and fit.estimate > TRANSIENT
    faster = below and high < 0 and fit.estimate < -TRANSIENT
    tight = low <= 0 <= high or abs(fit.estimate) < TRANSIENT
    if slower and not shown:
        return PathVerdict(
            "inconclusive",
            "the other terms of the bound are larger than what was measured, and could be what is seen",
            False,
            "an instance on which the term shows itself",
        )
    if slower or faster:
        way = "slower than the bound allows" if slower else "faster than the bound allows"
        return PathVerdict("violated", f"it decays {way}", False)
    too_slow, too_fast = above and fit.high >= SMALLEST_EXCESS, below and fit.low <= -SMALLEST_EXCESS
    alone = "" if shown or not above else NOT_SHOWN
    if not (too_slow or too_fast):
        return PathVerdict(
            "consistent", ("it agrees with the term" if tight else "the bound leaves room") + alone, tight
        )
    excluded = not (above and fit.high_logarithm >= SMALLEST_EXCESS) and not (
        below and fit.low_logarithm <= -SMALLEST_EXCESS
    )
    if hidden and excluded:
        reason = f"a logarithm to the power {fit.logarithms:.2g} explains what exceeds the power law"
        return PathVerdict("consistent", reason + alone, tight)
    return PathVerdict("inconclusive", "an excess of 1/6 cannot be excluded", tight, _budget(fit, span, replicas))


def _budget(fit: PathFit, span: float, replicas: float) -> str:
    """What would settle it: replicas where noise is what makes the interval wide, else a longer path."""
    room = max(SMALLEST_EXCESS - abs(fit.estimate), SMALLEST_EXCESS / 4)
    if fit.noise > room / 2 and replicas > 0:
        return f"about {int(np.ceil(replicas * (2 * fit.noise / room) ** 2))} replicas a point"
    decades = np.log10(span)
    wide = max(fit.high - fit.estimate, fit.estimate - fit.low)
    return f"a path of about {int(np.ceil(decades * wide / room)) + 1} decades instead of {decades:.2g}"


@dataclass(frozen=True)
class Exponents:
    """One term's exponents along paths on which the order algebra makes it dominate all others.

    Along each path the excess of the measured exponent over the term's own is fitted, with an interval over noise and
    choice of window.  An excess that a hidden logarithm explains is none; consistency needs every excess of 1/6 or more
    excluded.  `data` is what `tightrate.verify.exponents.exponent_test.run_exponent_test` returns.
    """

    data: xr.Dataset
    about: tuple[Measurement, ...] = ()

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points of all paths."""
        return self.about

    def check(self) -> Verdict:
        """A violation on any path, else what is open on any."""
        data = self.data
        side = cast(Side, data.attrs["side"])
        hidden = bool(data.attrs["hidden_logarithms"])
        found: list[tuple[str, PathFit, PathVerdict]] = []
        evidence: dict[str, Any] = {"term": data.attrs["term"], "dominates by": float(data.margin.min()), "side": side}
        for path in data.path.values:
            one = data.sel(path=path)
            one = one.isel(point=np.flatnonzero(np.isfinite(one.n.values)))
            fit = fit_path(
                one.n.values,
                one.measured.values,
                one.stderr.values,
                one.term.values,
                margin=float(one.margin.min()),
                logarithm=one.logarithm.values if hidden else None,
                side=side,
            )
            span = float(one.n[-1] / one.n[0])
            shown = bool((one.measured > one.bound - one.term).any())
            verdict = judge_path(fit, side, hidden=hidden, shown=shown, span=span, replicas=float(one.replicas.max()))
            found.append((str(path), fit, verdict))
            rejected = (
                f"off by more than {max(-fit.low, fit.slack):.3g}"
                if shown
                else "none slower: other terms may be what is seen"
            )
            evidence[f"along {path}"] = {
                **_evidence(one, fit, verdict),
                "wrong exponents that would be rejected": rejected,
            }
        return _together(found, data, evidence)

    def mutants(self) -> Mapping[str, Assertion]:
        """The term's exponent wrong by half a power along all paths, towards what the side forbids."""
        power = 0.5 if self.data.attrs["side"] == "lower" else -0.5
        ratio = (self.data.n / self.data.n.isel(point=0)) ** power
        tilted = self.data.assign(term=self.data.term * ratio, bound=self.data.bound - self.data.term * (1 - ratio))
        shown = bool((self.data.measured > self.data.bound - self.data.term).any("point").all())
        return {f"exponent off by {power:g}": replace(self, data=tilted)} if shown else {}


def _evidence(one: xr.Dataset, fit: PathFit, verdict: PathVerdict) -> dict[str, Any]:
    ratio = (one.measured / one.bound).values
    slope = float(np.log(one.term[-1] / one.term[0]) / np.log(one.n[-1] / one.n[0]))
    return {
        "predicted exponent": slope,
        "measured exponent": slope + fit.estimate,
        "interval": [slope + fit.low, slope + fit.high],
        "excess": fit.estimate,
        "excess interval": [fit.low, fit.high],
        "excess interval with a hidden logarithm": [fit.low_logarithm, fit.high_logarithm],
        "power of the hidden logarithm": fit.logarithms,
        "confidence": fit.confidence,
        "local exponents": [round(value, 4) for value in fit.local],
        "measured / bound, start and end": [float(ratio[0]), float(ratio[-1])],
        "decades": float(np.log10(one.n[-1] / one.n[0])),
        "margin": float(one.margin.min()),
        "replicas": float(one.replicas.max()),
        "verdict": verdict.status,
        "reason": verdict.reason,
        **({"needed": verdict.budget} if verdict.budget else {}),
    }


def _together(found: list[tuple[str, PathFit, PathVerdict]], data: xr.Dataset, evidence: dict[str, Any]) -> Verdict:
    """One verdict for all paths: a violation on any, else what is open on any."""
    slopes = {path: evidence[f"along {path}"]["predicted exponent"] for path, _, _ in found}
    designs = json.loads(data.attrs["designs"])
    told = {path: _power_of(path, designs[path]["along"]) for path, _, _ in found}
    predicted = ", ".join(f"{name}^{slopes[path] / power:.3g}" for path, (name, power) in told.items())
    measured = ", ".join(
        f"{told[path][0]}^{(slopes[path] + fit.estimate) / told[path][1]:.3f}" for path, fit, _ in found
    )
    path, fit, _ = max(found, key=lambda one: (_RANK[one[2].status], abs(one[1].estimate)))
    ends = sorted((slopes[path] + end) / told[path][1] for end in (fit.low, fit.high))
    interval = (ends[0], ends[1])
    name = f"{data.attrs['term']!r} of {data.attrs['theorem']}"
    statuses = {verdict.status for _, _, verdict in found}
    margin = evidence["dominates by"]
    where = f"Where {name} dominates by {margin:.3g}" if np.isfinite(margin) else f"Where {name} is alone"
    said = f"{where}: {'; '.join(f'along {path} {verdict.reason}' for path, _, verdict in found)}."
    if "violated" in statuses:
        bad = [path for path, _, verdict in found if verdict.status == "violated"]
        witness = {"paths": bad, **{path: designs[path] for path in bad}}
        return Verdict("violated", said, predicted, measured, interval, evidence, witness)
    if "inconclusive" in statuses:
        needs = "; ".join(f"along {path} {verdict.budget}" for path, _, verdict in found if verdict.budget)
        return Verdict("inconclusive", f"{said} Needed: {needs}.", predicted, measured, interval, evidence)
    evidence["exponents attained"] = all(verdict.tight for _, _, verdict in found)
    return Verdict("consistent", said, predicted, measured, interval, evidence)


_RANK: Mapping[str, int] = {"consistent": 0, "inconclusive": 1, "violated": 2}


def _power_of(path: str, along: Mapping[str, str]) -> tuple[str, float]:
    """What is raised to an exponent, and its own power of n: the letter of a path of one letter, else n itself."""
    if len(along) == 1:
        ((letter, power),) = along.items()
        return letter, float(Fraction(power))
    return f"n({path})", 1.0
