"""One exponent that several lines of a grid share: each line has a level of its own, the slope is common.

The interval is that of the fit to all points, by Student's distribution and wider where noise does not explain all
scatter; it is widened to hold the estimates of all windows along the axis and across the lines, and the extrapolation
of a slope that drifts beyond its noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from tightrate.common.errors import TightrateError
from tightrate.verify.assertions.least_squares import least_squares
from tightrate.verify.assertions.paths import PathFit, Side, certain_quantile
from tightrate.verify.assertions.thresholds import CONFIDENCE, FURTHER_DRIFT, MOST_LOGARITHMS, NOISELESS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST_LEVELS = 3  # of the axis: with two no drift can be seen
KNOWN = 1e9  # degrees of freedom of errors that are known


@dataclass(frozen=True)
class Pooled:
    """Points of several lines, flat: the parameter that grows along each line, which line, and what was measured.

    `others` are the coordinates that tell the lines apart, `predicted` what is divided out, and `replicas` how many
    estimated the standard errors of a point, 0 where that is not known.
    """

    x: Array
    line: NDArray[np.int_]
    measured: Array
    stderr: Array
    predicted: Array
    others: Mapping[str, Array]
    replicas: float = 0.0

    @property
    def levels(self) -> Array:
        """The distinct values along the lines."""
        return np.unique(self.x)

    def fit(self, *, logarithm: Array | None = None, side: Side = "upper", confidence: float = CONFIDENCE) -> PathFit:
        """The exponent of measured / predicted in x, and its interval; see the module.

        `logarithm` is one of which a hidden power may explain an excess.

        >>> x, line = np.tile([1.0, 2.0, 4.0, 8.0], 2), np.repeat([0, 1], 4)
        >>> pooled = Pooled(x, line, 3.0**line / x, np.zeros(8), np.ones(8), {"M": 1.0 * line})
        >>> fit = pooled.fit()
        >>> round(fit.estimate, 9), round(fit.low, 9), round(fit.high, 9)
        (-1.0, -1.0, -1.0)
        """
        if len(self.levels) < 2:
            raise TightrateError("an exponent needs at least two values along its axis")
        if not (np.isfinite(self.measured).all() and (self.measured > 0).all()):
            raise TightrateError("an exponent needs positive finite values; a run diverged or hit the optimum exactly")
        x, y = np.log(self.x), np.log(self.measured / self.predicted)
        errors = np.maximum(self.stderr / self.measured, 1e-12)
        noisy = bool(errors.max() > NOISELESS)
        more = certain_quantile(self.replicas if noisy else 0.0)
        whole = np.ones(len(x), dtype=bool)
        fit = self._slope(x, y, errors, whole, confidence)
        if fit is None:
            raise TightrateError("no line has two points: no exponent can be fitted")
        estimate, noise, error = fit
        windows = (self._slope(x, y, errors, inside, confidence) for inside in self._windows(noisy))
        held = [one[0] for one in windows if one is not None]
        if (further := self._drift(x, y, errors, confidence)) is not None:
            held.append(further)
        low, high = min(estimate - noise, *held, estimate), max(estimate + noise, *held, estimate)
        low_logarithm, high_logarithm, power = low, high, 0.0
        if logarithm is not None and np.ptp(logarithm) > 0:
            low_logarithm, high_logarithm, power = self._with_logarithm(
                x, y, errors, np.log(logarithm), side, confidence
            )
        return PathFit(
            estimate,
            low,
            high,
            low_logarithm,
            high_logarithm,
            power,
            noise,
            0.0,
            self.local(),
            confidence,
            min(low, estimate - more * error),
            max(high, estimate + more * error),
        )

    def local(self) -> tuple[float, ...]:
        """The local exponents of measured / predicted, between neighbouring levels, over the lines that have both."""
        y, found = np.log(self.measured / self.predicted), []
        for a, b in zip(self.levels[:-1], self.levels[1:], strict=True):
            starts = dict(zip(self.line[self.x == a], y[self.x == a], strict=True))
            ends = dict(zip(self.line[self.x == b], y[self.x == b], strict=True))
            rises = [ends[one] - starts[one] for one in starts if one in ends]
            if rises:
                found.append(float(np.mean(rises) / np.log(b / a)))
        return tuple(found)

    def _windows(self, noisy: bool) -> Iterator[Mask]:
        """The last half, all windows with two thirds of the levels, and all lines but those at an end of some axis;
        every line by itself where nothing is noise."""
        levels, count = self.levels, len(self.levels)
        yield self.x >= levels[min(count // 2, count - 2)]
        least = max(2, -(-2 * count // 3))
        for length in range(least, count):
            for start in range(count - length + 1):
                yield (self.x >= levels[start]) & (self.x <= levels[start + length - 1])
        for column in self.others.values():
            ends = np.unique(column)
            if len(ends) > 1:
                yield column != ends[0]
                yield column != ends[-1]
        if not noisy:
            for one in np.unique(self.line):
                yield self.line == one

    def _slope(
        self, x: Array, y: Array, errors: Array, inside: Mask, confidence: float
    ) -> tuple[float, float, float] | None:
        """The common slope, the half-width of its interval and its standard error, both wider by lack of fit."""
        found = self._common(np.column_stack([x]), y, errors, inside)
        if found is None:
            return None
        coefficients, spread, freedom, chi_square = found
        noisy = bool(errors[inside].max() > NOISELESS)
        inflation = max(1.0, chi_square / freedom) if noisy and freedom > 0 else 1.0
        quantile = float(stdtrit(freedom if inflation > 1 else KNOWN, (1 + confidence) / 2))
        error = float(spread[0] * np.sqrt(inflation))
        return float(coefficients[0]), quantile * error, error

    def _common(self, columns: Array, y: Array, errors: Array, inside: Mask) -> tuple[Array, Array, int, float] | None:
        """Coefficients that the lines share, their errors, degrees of freedom and chi-square; each line's level is
        taken out."""
        kept = inside & (np.bincount(self.line[inside], minlength=self.line.max() + 1)[self.line] > 1)
        if not kept.any():
            return None
        lines, weights = self.line[kept], errors[kept] ** -2.0

        def centred(column: Array) -> Array:
            total = np.bincount(lines, weights)
            mean = np.bincount(lines, weights * column[kept]) / np.where(total > 0, total, 1.0)
            return np.asarray(column[kept] - mean[lines])

        design = np.column_stack([centred(column) for column in columns.T])
        if not (np.abs(design).max(axis=0) > 0).all():
            return None
        fit = least_squares(design, centred(y), errors[kept])
        freedom = int(kept.sum()) - len(np.unique(lines)) - design.shape[1]
        return fit.coefficients, fit.errors, freedom, fit.chi_square

    def _drift(self, x: Array, y: Array, errors: Array, confidence: float) -> float | None:
        """Where the slope would end if it went on drifting from the first half to the last."""
        if len(self.levels) < FEWEST_LEVELS:
            return None
        middle = self.levels[len(self.levels) // 2]
        first = self._slope(x, y, errors, self.x <= middle, confidence)
        last = self._slope(x, y, errors, self.x >= middle, confidence)
        if first is None or last is None or abs(last[0] - first[0]) <= np.hypot(first[1], last[1]):
            return None
        return last[0] + FURTHER_DRIFT * (last[0] - first[0])

    def _with_logarithm(
        self, x: Array, y: Array, errors: Array, logarithm: Array, side: Side, confidence: float
    ) -> tuple[float, float, float]:
        """The interval beside a free power of a logarithm, and that power within what is allowed."""
        least, most = {"upper": (0, 1), "lower": (-1, 0), "both": (-1, 1)}[side]
        whole = np.ones(len(x), dtype=bool)
        found = self._common(np.column_stack([x, logarithm]), y, errors, whole)
        power = 0.0 if found is None else float(np.clip(found[0][1], least * MOST_LOGARITHMS, most * MOST_LOGARITHMS))
        rest = self._slope(x, y - power * logarithm, errors, whole, confidence)
        assert rest is not None
        half = rest[1]
        if found is not None and power == float(found[0][1]):  # the power is fitted, and not known
            half = max(half, float(stdtrit(KNOWN, (1 + confidence) / 2)) * float(found[1][0]))
        return rest[0] - half, rest[0] + half, power
