"""Upper bounds with hidden constants on a grid: contradicted only by a ratio that keeps growing where the bound speaks.

A cell counts where the bound says more than the start does, and where the value is resolved.  Along every line of the
grid the ratio measured / bound is followed over the last cells that count and in which one term leads; it contradicts
the bound only where it grows at the end of that line in every window, beyond what noise, a drifting slope and hidden
logarithms explain, and has exceeded 1, so that a constant that is merely small is told from none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Expr

from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS, symbol
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.paths import PathFit, fit_path
from tightrate.verify.assertions.thresholds import (
    CERTAIN,
    CERTAINTY,
    CONFIDENCE,
    DOMINATES,
    HIDDEN_CONSTANT,
    MOST_LOGARITHMS,
    SMALLEST_EXCESS,
    TRANSIENT,
)
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.verdict import Verdict, fitted_power

Array = NDArray[np.float64]
LineStatus = Literal["consistent", "violated", "inconclusive"]

FEWEST = 4  # points of an exponent
SHORTEST = 8.0  # the least factor over which a line must grow to contradict anything
LONG_ENOUGH = 1e3  # a factor after which the start of an instance is forgotten
NEGLIGIBLE = 100.0  # a term this much below what was measured explains nothing of it, whatever constant it hides
TINY = 1e-280  # a bound below this is no number to divide by
DIGITS = 100.0  # times what rounding leaves: below, a value is not resolved
COUNTED = ("K", "R", "M", "T")
LENGTHS = ("distance", "discrepancy")


@dataclass(frozen=True)
class Line:
    """What was measured along one axis of a grid, all else fixed, with the bound and its terms.

    `start` is the measure before the first step and `trivial` what the theorem's class guarantees without any theorem,
    infinite where they are not known; below `least` nothing is resolved; `arguments` are those of the
    logarithms of which a hidden power may stand in the bound.
    """

    axis: str
    at: Mapping[str, float | str]
    values: Array
    measured: Array
    stderr: Array
    terms: Mapping[str, Array]
    start: Array
    trivial: Array
    least: Array
    arguments: tuple[Array, ...] = ()

    @property
    def bound(self) -> Array:
        """The sum of the terms."""
        return np.asarray(np.sum(list(self.terms.values()), axis=0) + np.zeros(len(self.values)))

    @property
    def name(self) -> str:
        """For sentences and JSON."""
        where = ", ".join(
            f"{name} = {value:g}" if isinstance(value, float) else value for name, value in self.at.items()
        )
        return f"{self.axis}{f' at {where}' if where else ''}"

    @property
    def span(self) -> float:
        """By which factor the symbol grows."""
        return float(self.values[-1] / self.values[0]) if len(self.values) else 0.0

    def counts(self, ceiling: Array, constant: float = 1.0) -> NDArray[np.bool_]:
        """Where the bound times `constant` says more than the ceiling does, and the value is resolved.

        What exceeds the ceiling was not granted by it, whatever the bound.
        """
        known = np.isfinite(self.measured) & np.isfinite(self.bound) & (self.bound > TINY)
        with np.errstate(invalid="ignore"):
            resolved = (self.measured > self.least) & (self.measured > CERTAIN * self.stderr)
            speaks = (constant * self.bound <= ceiling) | (self.measured > ceiling)
        return np.asarray(known & resolved & speaks)

    def part(self, inside: slice) -> Line:
        """Some of its points."""
        return replace(
            self,
            values=self.values[inside],
            measured=self.measured[inside],
            stderr=self.stderr[inside],
            terms={name: term[inside] for name, term in self.terms.items()},
            start=self.start[inside],
            trivial=self.trivial[inside],
            least=self.least[inside],
            arguments=tuple(one[inside] for one in self.arguments),
        )

    def speaking(self, ceiling: Array, constant: float = 1.0) -> Line:
        """Its last points in a row that count and in which the same term exceeds all others together threefold."""
        values = np.array(list(self.terms.values()))
        leader = values.argmax(axis=0)
        leads = values.max(axis=0) >= DOMINATES * (self.bound - values.max(axis=0))
        good = self.counts(ceiling, constant) & leads
        if not good.any():
            return self.part(slice(0, 0))
        last = int(np.flatnonzero(good)[-1])
        first = last
        while first > 0 and good[first - 1] and leader[first - 1] == leader[last]:
            first -= 1
        return self.part(slice(first, last + 1))

    def fit(self, predicted: Array, confidence: float = CONFIDENCE) -> PathFit:
        """The excess exponent of what was measured over something predicted, under the kindest hidden logarithm."""
        n = self.values / self.values[0]
        logarithms: Sequence[Array | None] = [np.log(2 + one) for one in self.arguments] or [None]
        found = [
            fit_path(n, self.measured, self.stderr, predicted, logarithm=one, confidence=confidence)
            for one in logarithms
        ]
        return min(found, key=lambda fit: fit.low_logarithm)


@dataclass(frozen=True)
class LineVerdict:
    """The verdict on one line, its reason, and what would settle an open one."""

    status: LineStatus
    reason: str
    line: Line
    fit: PathFit | None = None
    needed: str = ""

    @property
    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {"verdict": self.status, "reason": self.reason}
        if self.fit is not None:
            ratio = self.line.measured / self.line.bound
            found |= {
                self.line.axis: [float(value) for value in self.line.values],
                "measured / bound": [float(value) for value in ratio],
                "exponent of measured / bound": self.fit.estimate,
                "interval": [self.fit.low, self.fit.high],
            }
            if self.line.arguments:
                found["interval with a hidden logarithm"] = [self.fit.low_logarithm, self.fit.high_logarithm]
        return found | ({"needed": self.needed} if self.needed else {})


def judge_line(line: Line) -> LineVerdict:
    """The verdict on one line; see the module."""
    shown = line.speaking(line.trivial)
    larger = f"a longer range of {line.axis}"
    if len(shown.values) < FEWEST:
        count = len(shown.values)
        reason = (
            f"the bound speaks in {count} of {len(line.values)} cells only: elsewhere it exceeds what the start alone"
            " guarantees, no term of it leads, or the value is not resolved"
        )
        return LineVerdict(
            "inconclusive", reason, line, None, f"{larger}, at least {FEWEST} values in a row that count"
        )
    fit = shown.fit(shown.bound)
    contradicted = _contradicted(line)
    if contradicted is not None:
        return contradicted
    for part in _ends(shown):
        fitted = part.fit(part.bound)
        high, low = fitted.high, min(fitted.low, fitted.low_logarithm)
        if high < SMALLEST_EXCESS or (line.arguments and fitted.high_logarithm < SMALLEST_EXCESS):
            attained = low <= 0 <= high or abs(fitted.estimate) < TRANSIENT
            reason = "measured / bound does not grow" if attained else "the bound leaves room"
            return LineVerdict("consistent", reason, part, fitted)
    ratio = float(shown.measured[-1] / shown.bound[-1])
    reason = (
        f"measured / bound has the exponent {fit.estimate:.3f} and ends at {ratio:.3g}: an excess of 1/6 is neither"
        " excluded nor certain"
    )
    needed = larger
    if 0 < ratio < 1 and fit.estimate > TRANSIENT:
        further = shown.values[-1] * ratio ** (-1 / fit.estimate)
        needed += f", to {line.axis} about {further:.2g}, where at this pace the ratio exceeds 1"
    elif fit.noise > SMALLEST_EXCESS / 4:
        needed += f", or about {math.ceil((4 * fit.noise / SMALLEST_EXCESS) ** 2)} times the replicas"
    return LineVerdict("inconclusive", reason, shown, fit, needed)


def _ends(line: Line) -> Iterator[Line]:
    """The line, and where it is long its last half, the last half of that, and so on."""
    yield line
    while line.span >= LONG_ENOUGH and len(line.values) > FEWEST:
        line = line.part(slice(min(len(line.values) // 2, len(line.values) - FEWEST), None))
        yield line


def _contradicted(line: Line) -> LineVerdict | None:
    """The violation that a line is, if it is one.

    The bound says something even with a larger constant; the ratio grows for certain, exceeds 1 at the end, and no
    other term of the bound grows along with what was measured.
    """
    ceiling = line.trivial if line.span >= LONG_ENOUGH else np.minimum(line.start, line.trivial)
    part = line.speaking(ceiling, HIDDEN_CONSTANT)
    if len(part.values) < FEWEST or part.span < SHORTEST:
        return None
    if not float(part.measured[-1] - CERTAIN * part.stderr[-1]) > float(part.bound[-1]):
        return None
    if not _grows(part, part.bound):
        return None
    hidden = NEGLIGIBLE * np.max([np.ones(len(part.values)), *(logarithms(one) for one in part.arguments)], axis=0)
    for term in part.terms.values():
        matters = bool((term * hidden > part.measured).any())
        if matters and not ((term > 0).all() and _grows(part, term)):
            return None
    fit = part.fit(part.bound)
    ratio = float(part.measured[-1] / part.bound[-1])
    reason = (
        f"measured / bound keeps growing, with the exponent {fit.estimate:.3f}, and reaches {ratio:.3g}: no constant"
        " makes the bound true"
    )
    return LineVerdict("violated", reason, part, fit)


def logarithms(argument: Array) -> Array:
    """The most that hidden logarithms of this argument may amount to."""
    return np.asarray(np.log(2 + argument) ** MOST_LOGARITHMS)


def _grows(line: Line, predicted: Array) -> bool:
    """Whether measured / predicted grows for certain, like a power, logarithms allowed for."""
    fit = line.fit(predicted, CERTAINTY)
    logarithms = not line.arguments or fit.low_logarithm > TRANSIENT
    return fit.low > 0 and fit.estimate > TRANSIENT and logarithms


# --- a grid -----------------------------------------------------------------------------------------------------------

Continue = Callable[[Line], Line]
"""A line again, with further cells beyond its last one; the same line where none can be had."""


@dataclass(frozen=True)
class UpToConstants:
    """What was measured is at most a constant times an upper bound, along every axis of numbers of the grid.

    `start` is the value of the measure before the first step, `lost` what rounding may leave of a displacement relative
    to the start distance.  A constant inside an exponent is hidden, too: it may be
    smaller by the same factor by which others may be larger.  `further` adds cells to a line that the grid leaves open.
    """

    theorem: Theorem
    measurement: Measurement
    start: Named = field(default_factory=lambda: Named(np.inf))
    lost: Named = field(default_factory=lambda: Named(0.0))
    further: Continue | None = None

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The cells that are judged."""
        return (self.measurement,)

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes of positive numbers with more than one value."""
        found = self.measurement.measured
        return tuple(
            str(name)
            for name, size in found.sizes.items()
            if size > 1 and found[name].dtype.kind in "fiu" and bool((found[name] > 0).all())
        )

    def lines(self, axis: str) -> Iterator[Line]:
        """Every line along an axis; a symbol that counts nothing is followed both ways."""
        for place in self._places(axis):
            line = line_of(self.theorem, self.measurement, axis, place, self.start, self.lost)
            yield line
            if axis in LETTERS and not LETTERS[axis].counts:
                yield _reversed(line)

    def _places(self, axis: str) -> Iterator[dict[str, int]]:
        others = [str(name) for name in self.measurement.measured.dims if name != axis]
        for place in product(*(range(self.measurement.measured.sizes[name]) for name in others)):
            yield dict(zip(others, place, strict=True))

    def check(self) -> Verdict:
        """Violated by any line; consistent where along every axis some line excludes an excess and none is open."""
        judged = {axis: [self._judged(line) for line in self.lines(axis)] for axis in self.axes}
        judged = {axis: found for axis, found in judged.items() if any(len(v.line.values) >= FEWEST for v in found)}
        if not judged:
            sentence = f"No exponent can be read off: no axis of numbers has {FEWEST} values."
            return Verdict("inconclusive", sentence, f"{self.measurement.what} <~ bound", "-")
        each = [one for found in judged.values() for one in found]
        evidence = {
            "constants": "hidden",
            "lines": {one.line.name: one.as_dict for one in each},
        }
        shown = [one for one in each if one.fit is not None]
        texts = (f"{self.measurement.what} <~ bound", self._measured(shown))
        wrong = [one for one in each if one.status == "violated"]
        if wrong:
            worst = max(wrong, key=lambda one: float(one.line.measured[-1] / one.line.bound[-1]))
            assert worst.fit is not None
            sentence = f"Along {worst.line.name} {worst.reason}."
            interval = (worst.fit.low, worst.fit.high)
            return Verdict("violated", sentence, *texts, interval, evidence, _witness(worst))
        settled = {axis: [one for one in found if one.status == "consistent"] for axis, found in judged.items()}
        unsettled = [one for one in each if one.status == "inconclusive" and one.fit is not None]
        unsettled += [one for axis, found in judged.items() if not settled[axis] for one in found]
        if unsettled:
            first = unsettled[0]
            sentence = f"Along {first.line.name} {first.reason}. Needed: {first.needed}."
            return Verdict("inconclusive", sentence, *texts, evidence=evidence)
        closest = max(shown, key=lambda one: one.fit.estimate if one.fit else -np.inf)
        assert closest.fit is not None
        sentence = (
            f"Along {', '.join(judged)} measured / bound does not keep growing: an excess of 1/6 is excluded on"
            f" {len(shown)} lines; its largest exponent is {closest.fit.estimate:z.3f}, in {closest.line.axis}."
        )
        interval = (closest.fit.low, closest.fit.high)
        return Verdict("consistent", sentence, *texts, interval, evidence)

    def _judged(self, line: Line) -> LineVerdict:
        """The verdict on a line, on one that is continued where that can settle it."""
        verdict = judge_line(line)
        if verdict.status == "consistent" or self.further is None or len(line.values) < 2:
            return verdict
        return judge_line(self.further(line))

    @staticmethod
    def _measured(shown: list[LineVerdict]) -> str:
        worst: dict[str, PathFit] = {}
        for one in shown:
            assert one.fit is not None
            if one.line.axis not in worst or one.fit.estimate > worst[one.line.axis].estimate:
                worst[one.line.axis] = one.fit
        powers = (fitted_power(axis, fit.estimate, fit.low, fit.high) for axis, fit in worst.items())
        return ", ".join(f"measured / bound {power}" for power in powers) or "-"

    def mutants(self) -> Mapping[str, Assertion]:
        """A bound that falls faster by half a power along each axis on which this one is attained."""
        wrong: dict[str, Assertion] = {}
        for axis in self.axes:
            fits = [v.fit for v in map(judge_line, self.lines(axis)) if v.fit is not None and v.status == "consistent"]
            if axis not in LETTERS or not any(abs(fit.estimate) < TRANSIENT for fit in fits):
                continue
            terms = tuple(Term(one.name, one.expression / sympy.sqrt(symbol(axis))) for one in self.theorem.bound.terms)
            changed = replace(self.theorem, bound=replace(self.theorem.bound, terms=terms))
            wrong[f"bound times {axis}^(-1/2)"] = replace(self, theorem=changed, further=None)
        return wrong


def trivial_bound(found: Theorem) -> Expr:
    """What the start alone guarantees, for an upper bound whose symbols say it; infinite (oo) otherwise."""
    smoothness, distance = LETTERS["L"].symbol, LETTERS["B"].symbol
    trivial = {"gap": smoothness * distance**2, "distance": distance, "squared-distance": distance**2}
    value = trivial.get(found.bound.measure.name, sympy.oo)
    known = set(found.bound.letters) >= {symbol.name for symbol in value.free_symbols}
    return value if known and found.bound.kind == "upper" else sympy.oo


def line_of(
    theorem: Theorem, found: Measurement, axis: str, place: Mapping[str, int], start: Named, lost: Named
) -> Line:
    """One line of a grid."""
    here = found.isel(**place)
    values = np.asarray(here.measured[axis].values, dtype=np.float64)
    order = np.argsort(values)

    def along(array: Named) -> Array:
        picked = array.isel(place, missing_dims="ignore")
        numbers = np.asarray(picked.values, dtype=np.float64) + np.zeros(len(values))
        return numbers[order]

    terms = {one.name: along(found.at(forgiving(one.expression))) for one in theorem.bound.terms}
    first = along(start)
    ceiling = trivial_bound(theorem)
    power = 1 if theorem.bound.measure.name in LENGTHS else 2
    least = np.where(np.isfinite(first), first * (DIGITS * along(lost)) ** power, 0.0)
    arguments: tuple[Array, ...] = ()
    if theorem.bound.constants == "hidden with logs":
        counts = [along(found.symbols[name]) for name in ("K", "R", "M") if name in found.symbols]
        arguments = (values[order], *([np.asarray(np.prod(counts, axis=0))] if counts else []))
    at = {
        name: (value if isinstance(value, str) else float(value))
        for name, value in ((name, found.measured[name].values[index].item()) for name, index in place.items())
    }
    return Line(
        axis,
        at,
        values[order],
        along(here.measured),
        along(found.stderr),
        terms,
        first,
        first if ceiling == sympy.oo else along(found.at(ceiling)),
        least,
        arguments,
    )


def joined(parts: Sequence[Line]) -> Line:
    """Lines that continue each other."""

    def of(arrays: Iterator[Array]) -> Array:
        return np.concatenate(list(arrays))

    first = parts[0]
    return replace(
        first,
        values=of(one.values for one in parts),
        measured=of(one.measured for one in parts),
        stderr=of(one.stderr for one in parts),
        terms={name: of(one.terms[name] for one in parts) for name in first.terms},
        start=of(one.start for one in parts),
        trivial=of(one.trivial for one in parts),
        least=of(one.least for one in parts),
        arguments=tuple(of(one.arguments[i] for one in parts) for i in range(len(first.arguments))),
    )


def _reversed(line: Line) -> Line:
    """The line towards small values: its parameter is the reciprocal."""
    turned = line.part(slice(None, None, -1))
    return replace(turned, axis=f"1/{line.axis}", values=1 / turned.values)


def forgiving(expression: Expr) -> Expr:
    """The expression with smaller constants in what decays exponentially: hidden constants are hidden there, too.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, R, eta, mu
    >>> forgiving(B * sympy.exp(-K * R * mu / L)), forgiving(B**2 * (1 - eta * mu) ** (K * R))
    (B*exp(-K*R*mu/(10*L)), B**2*(-eta*mu + 1)**(K*R/10))
    """
    rate = 1 / sympy.Integer(int(HIDDEN_CONSTANT))
    swept = {symbol(name) for name in COUNTED}

    def slower(power: Expr) -> Expr:
        return sympy.Pow(power.base, power.exp * rate)

    found = expression.replace(lambda one: isinstance(one, sympy.exp), lambda one: sympy.exp(one.args[0] * rate))
    return found.replace(lambda one: isinstance(one, sympy.Pow) and bool(one.exp.free_symbols & swept), slower)


def _witness(found: LineVerdict) -> dict[str, Any]:
    line = found.line
    return {
        **line.at,
        "along": line.axis,
        line.axis: [float(value) for value in line.values],
        "measured": [float(value) for value in line.measured],
        "bound": [float(value) for value in line.bound],
        "measured / bound": [float(value) for value in line.measured / line.bound],
    }
