"""Power laws in several parameters: exponents fitted to sampled or exact means, with intervals that know the noise and
the window, against those that a bound allows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.bound import Term
from tightrate.rates.symbols.monomial import monomial
from tightrate.verify.assertions.allowances import excess_within, stands_by
from tightrate.verify.assertions.assertion import Assertion, joined
from tightrate.verify.assertions.bounded import more
from tightrate.verify.assertions.flips import flips
from tightrate.verify.assertions.least_squares import check_independent, least_squares
from tightrate.verify.assertions.thresholds import BENT, CERTAIN, CERTAINTY, CONFIDENCE, SMALLEST_EXCESS, TRANSIENT
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.verdict import Verdict, fitted_power, predicted_power

Array = NDArray[np.float64]
Side = Literal["at most", "at least"]
CERTAIN_QUANTILE = -float(ndtri((1 - CERTAINTY) / 2))


@dataclass(frozen=True)
class Exponent:
    """The fitted exponent of one parameter.

    `low` and `high` bound it at the stated confidence: the interval of the fit on the whole window, widened to
    hold the estimate of every sub-window that drops one end of one axis.  A contradiction takes more certainty.
    """

    name: str
    estimate: float
    standard_error: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """The longer side of the interval."""
        return max(self.high - self.estimate, self.estimate - self.low)

    def exceeds(self, allowed: float) -> bool:
        """Whether it is larger than what is allowed for certain, and by more than a transient leaves."""
        return self.sharper(allowed) < 0

    def sharper(self, allowed: float) -> float:
        """By how much less would have to be allowed for it to be larger for certain."""
        certain = min(self.low, self.estimate - CERTAIN_QUANTILE * self.standard_error)
        return allowed - min(certain, self.estimate - TRANSIENT)

    @property
    def negated(self) -> Exponent:
        """The exponent of the reciprocal."""
        return replace(self, estimate=-self.estimate, low=-self.high, high=-self.low)


@dataclass(frozen=True)
class PowerLawFit:
    """y = constant * prod(parameter^exponent) * exp(offset), fitted in logarithms.

    `lack_of_fit` is the reduced chi-square: near 1 where the power law explains the data to within its noise.
    Standard errors are scaled up by its root where it exceeds 1.
    """

    exponents: Mapping[str, Exponent]
    constant: float
    lack_of_fit: float
    confidence: float


def fit_power_law(
    parameters: Mapping[str, Array],
    mean: Array,
    standard_error: Array,
    *,
    offset: Array | None = None,
    confidence: float = CONFIDENCE,
) -> PowerLawFit:
    """Weighted least squares of log(mean) - offset on the logarithms of the parameters.

    All arrays are flat, one entry for each cell.  `standard_error` is that of `mean`; its delta-method value
    standard_error / mean weighs each cell.  `offset` is a known logarithmic factor (such as log of a logarithm in
    the bound): it enters the model with coefficient one, not as something to be fitted.

    >>> cells = {"K": np.array([1.0, 2.0, 4.0, 8.0])}
    >>> fit = fit_power_law(cells, 3 / cells["K"], 0.01 / cells["K"])
    >>> round(fit.exponents["K"].estimate, 12), round(fit.constant, 12)
    (-1.0, 3.0)
    """
    names = list(parameters)
    if not np.all(np.isfinite(mean) & (mean > 0)):
        raise TightrateError("a power law needs positive finite means; a cell diverged or vanished")
    log_y = np.log(mean) - (0.0 if offset is None else offset)
    errors = np.maximum(standard_error / mean, 1e-12)
    logs = np.column_stack([np.ones_like(log_y), *(np.log(parameters[name]) for name in names)])
    check_independent(logs)
    fit = least_squares(logs, log_y, errors)
    spread = fit.errors * math.sqrt(fit.inflation)
    quantile = float(stdtrit(fit.freedom, (1 + confidence) / 2)) if fit.freedom > 0 else np.inf
    windows = [
        least_squares(logs[inside], log_y[inside], errors[inside]).coefficients
        for inside in _sub_windows([parameters[name] for name in names])
    ]
    exponents = {}
    for index, name in enumerate(names, start=1):
        estimate, half_width = float(fit.coefficients[index]), float(quantile * spread[index])
        others = [float(window[index]) for window in windows]
        low, high = min([estimate - half_width, *others]), max([estimate + half_width, *others])
        exponents[name] = Exponent(name, estimate, float(spread[index]), low, high)
    return PowerLawFit(exponents, float(np.exp(fit.coefficients[0])), fit.inflation, confidence)


def _sub_windows(columns: Sequence[Array]) -> list[NDArray[np.bool_]]:
    """Windows that drop the smallest or the largest value of one axis, where at least three values would remain."""
    windows = []
    for column, end in product(columns, (0, -1)):
        levels = np.unique(column)
        if len(levels) >= 4:
            windows.append(column != levels[end])
    return windows


def replicas_needed(
    parameters: Mapping[str, Array], relative_deviation: Array, *, half_width: float, confidence: float = CONFIDENCE
) -> int:
    """Replicas a cell so that every exponent's interval has at most this half-width, from a pilot's deviations.

    `relative_deviation` is the standard deviation of one replica over its mean, for each cell.
    """
    logs = np.column_stack([np.ones(len(relative_deviation)), *(np.log(values) for values in parameters.values())])
    single = least_squares(logs, np.zeros(len(logs)), np.maximum(relative_deviation, 1e-12)).errors[1:]
    quantile = float(ndtri((1 + confidence) / 2))
    return int(np.ceil((quantile * single.max() / half_width) ** 2))


def exponents_of(term: Term | sympy.Expr, symbols: Sequence[str], **values: float) -> dict[str, float]:
    """The exponents of these symbols in a term; `values` are those of symbols in the exponents (alpha).

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> drift = theorem("cheng2024/thm2").bound.term("noise drift")
    >>> exponents_of(drift, ["sigma", "M"])
    {'sigma': 0.6666666666666666, 'M': 0.0}
    """
    found = dict(monomial(term.expression if isinstance(term, Term) else term).exponents)
    numbers = {name: sympy.sympify(found.get(name, 0), strict=True) for name in symbols}
    given = {symbol: values[symbol.name] for power in numbers.values() for symbol in power.free_symbols}
    return {name: float(power.subs(given)) for name, power in numbers.items()}


def exponents_of_balance(left: Term, right: Term, symbol: str, symbols: Sequence[str]) -> dict[str, float]:
    """The exponents of these symbols in the value of `symbol` at which two terms are equal.

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> drift, other = theorem("cheng2024/thm2").bound.term("noise drift"), theorem("cheng2024/eq4.5").bound
    >>> exponents_of_balance(drift, other.term("optimization"), "K", ["sigma", "R"])
    {'sigma': 2.0, 'R': 1.0}
    """
    found = dict(monomial(left.expression / right.expression).exponents)
    return {name: float(-found.get(name, sympy.Integer(0)) / found[symbol]) for name in symbols}


@dataclass(frozen=True)
class PowerLaw:
    """Exponents over the measurement's own axes are those of an upper bound's term, or smaller: decaying faster than
    predicted is no contradiction.  With side "at least" they are those predicted, or larger; with "equal" they must
    agree from both sides.

    `predicted` are the term's exponents (`exponents_of`), one for every axis; cells with a nan are left out.  `offset`
    is a known logarithm in the logarithm of the bound.  An exponent contradicts the bound when it lies above the
    predicted one for certain, by more than a transient leaves.  It agrees with it only where an excess of a sixth lies
    outside the interval, and where the interval is at most `resolution` wide on either side; anything else is
    inconclusive, and the sentence says what would settle it.  A value of 0 is below every growing power law.
    """

    measurement: Measurement
    predicted: Mapping[str, float]
    resolution: float
    offset: Named | float = 0.0
    side: Side | Literal["equal"] = "at most"
    resolved: bool = False

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The cells that are fitted."""
        return (self.measurement,)

    def check(self) -> Verdict:
        """The verdict from the side, or the sides, that are asserted."""
        sides: dict[str, Side] = {"no slower": "at most", "no faster": "at least"}
        if self.side == "equal":
            return joined({name: self._judged(side) for name, side in sides.items()})
        return self._judged(self.side)

    def _judged(self, side: Side) -> Verdict:
        """The verdict on the cells that have a number."""
        found, axes = self.measurement, tuple(self.predicted)
        mean, error, offset = xr.broadcast(found.measured, found.stderr, Named(self.offset))
        if set(mean.dims) != set(axes):
            names = ", ".join(map(str, mean.dims))
            raise TightrateError(f"the axes {names} are not those predicted: {', '.join(axes)}")
        if self.resolved:
            distance = (mean / error).values.ravel()
            mean = mean.where(mean >= CERTAIN * error)
            if int(mean.count()) < len(axes) + 2 <= np.isfinite(distance).sum():
                return self._unresolved(np.sort(distance[np.isfinite(distance)])[::-1])
        if side == "at least" and bool((mean == 0).any()):
            witness = found.witness((mean == 0).argmax(...), measured=mean)
            predictions = ", ".join(predicted_power(name, power) for name, power in self.predicted.items())
            return Verdict("violated", f"{found.what} vanishes somewhere.", predictions, "0", witness=witness)
        mesh = np.meshgrid(*(mean[name].values for name in axes), indexing="ij")
        values, errors, offsets = (one.transpose(*axes).values.ravel() for one in (mean, error, offset))
        keep = np.isfinite(values)
        parameters = {name: grid.ravel().astype(np.float64)[keep] for name, grid in zip(axes, mesh, strict=True)}
        cells = parameters, values[keep], errors[keep], self.predicted
        verdict = judge_exponents(*cells, offset=offsets[keep], resolution=self.resolution, side=side)
        if verdict.witness is None:
            return verdict
        last = found.witness({axis: mean.sizes[axis] - 1 for axis in axes}, measured=mean)
        return replace(verdict, witness={**last, **verdict.witness})

    def _unresolved(self, distance: Array) -> Verdict:
        """Inconclusive, with the replicas that would resolve enough cells; distances in standard errors, falling."""
        enough = len(self.predicted) + 2
        last = float(distance[enough - 1])
        needed = f"{more(CERTAIN / last)} the replicas" if last > 0 else "other cells: some means are not above zero"
        sentence = (
            f"{self.measurement.what}: fewer than {enough} cells lie {CERTAIN:g} standard errors above zero; it takes"
            f" about {needed}."
        )
        predicted = ", ".join(predicted_power(name, power) for name, power in self.predicted.items())
        return Verdict(
            "inconclusive", sentence, predicted, "-", evidence={"standard errors above zero": distance.tolist()}
        )

    def mutants(self) -> Mapping[str, Assertion]:
        """Along each axis an exponent wrong by the fewest sixths that the fit excludes by a sixth: what was measured
        decays (or grows) more slowly than that."""
        verdict, sign = self.check(), 1 if self.side == "at least" else -1
        evidence = verdict.evidence.get("no slower", verdict.evidence)
        wrong = {}
        for name, power in self.predicted.items():
            fitted = evidence.get(f"exponent of {name}")
            if fitted is not None:
                room = sign * ((fitted["high"] if sign > 0 else fitted["low"]) - power)
                wrong[name] = power + sign * (math.floor(max(6 * room, 0)) + 2) / 6
        return {
            f"{name}^{power:.3g}": replace(self, predicted={**self.predicted, name: power})
            for name, power in wrong.items()
        }


WORDS: Mapping[Side, tuple[str, str, str, str]] = {
    "at most": (
        "decay in {} is slower than the bound allows",
        "an excess of 1/6 over",
        "slower than the bound's",
        "some decay faster",
    ),
    "at least": (
        "growth in {} is slower than predicted",
        "a deficit of 1/6 below",
        "below the predicted",
        "some grow faster",
    ),
}


def judge_exponents(
    parameters: Mapping[str, Array],
    mean: Array,
    standard_error: Array,
    predicted: Mapping[str, float],
    *,
    offset: Array,
    resolution: float,
    side: Side = "at most",
) -> Verdict:
    """Exponents of flat cells against predicted ones, one-sided; see `PowerLaw`."""
    predictions = ", ".join(predicted_power(name, power) for name, power in predicted.items())
    if len(mean) <= len(parameters) + 1:
        sentence = f"Only {len(mean)} cells have a number: too few for {len(parameters)} exponents."
        return Verdict("error", sentence, predictions, "-")
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
    predictions = ", ".join(predicted_power(name, predicted[name]) for name in fitted)
    estimates = ", ".join(fitted_power(name, e.estimate, e.low, e.high) for name, e in fitted.items())
    too_slow, excess_of, wrong_side, better = WORDS[side]
    # from below, the exponents of the reciprocal are judged from above
    facing = {
        name: (e, predicted[name]) if side == "at most" else (e.negated, -predicted[name]) for name, e in fitted.items()
    }
    slow = [name for name, (e, allowed) in facing.items() if e.exceeds(allowed)]
    missing = {name: shortfall(e, allowed, resolution) for name, (e, allowed) in facing.items()}
    open_names = [name for name, ratio in missing.items() if ratio > 1]
    worst = fitted[max(facing, key=lambda name: facing[name][0].estimate - facing[name][1])]
    if slow:
        sentence = f"The measured {too_slow.format(', '.join(slow))}."
        witness = {"exponents": estimates, "slower than predicted in": slow}
        return Verdict("violated", sentence, predictions, estimates, (worst.low, worst.high), evidence, witness)
    if open_names:
        name = max(open_names, key=lambda each: missing[each])
        e, (against, allowed) = fitted[name], facing[name]
        width = e.half_width / missing[name]
        noise = math.sqrt(replicas_needed(parameters, standard_error / mean, half_width=width))
        cure = (
            f"it takes about {more(max(missing[name], noise))} the replicas"
            if fit.lack_of_fit < BENT
            else "it takes cells nearer to the limit, because the data bend by more than their noise"
        )
        excess = f"{excess_of} {predicted[name]:g}" if against.high >= allowed + SMALLEST_EXCESS else "much"
        sentence = (
            f"The interval of the exponent of {name}, {e.low:.3f} to {e.high:.3f}, does not exclude {excess}: {cure}."
        )
        return Verdict("inconclusive", sentence, predictions, estimates, (e.low, e.high), evidence)
    attained = all(e.low <= predicted[name] <= e.high for name, e in fitted.items())
    looked = "every interval holds its prediction" if attained else better
    sentence = f"No exponent is {wrong_side} at {fit.confidence:.0%} confidence; {looked}."
    sharper = {name: e.sharper(allowed) for name, (e, allowed) in facing.items()}
    within = [
        excess_within(e.estimate - allowed, CERTAIN_QUANTILE * e.standard_error, e.low - allowed)
        for e, allowed in facing.values()
    ]
    if np.ptp(offset) > 0:
        within.append("a logarithm of the bound")
    evidence = {**evidence, "every exponent attained": attained, **stands_by(within), **flips(exponents=sharper)}
    return Verdict("consistent", sentence, predictions, estimates, (worst.low, worst.high), evidence)


def shortfall(exponent: Exponent, predicted: float, resolution: float) -> float:
    """By what factor the interval must shrink before it decides: at most 1 where it excludes an excess of a sixth.

    An estimate nearer to that excess than to the prediction is settled once the interval excludes the prediction.
    """
    excess = exponent.estimate - predicted
    resolved = exponent.half_width / resolution
    if exponent.high - predicted < SMALLEST_EXCESS:
        return resolved
    return max(exponent.half_width / max(SMALLEST_EXCESS - excess, excess), resolved, 1 + 1e-9)
