"""Exponents along a path: local slopes, intervals that know noise and window, hidden logarithms, the ratio.

What is fitted is the excess: the exponent of measured / term in n, so that everything the term says, its logarithms
included, enters as known.  An upper bound is contradicted by a positive excess, a lower bound by a negative one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit
from sympy import Expr, Rational

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.display import text
from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import symbol
from tightrate.verify.assertions.allowances import excess_within, stands_by
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.flips import flips, smallest
from tightrate.verify.assertions.least_squares import least_squares
from tightrate.verify.assertions.thresholds import (
    CERTAINTY,
    CONFIDENCE,
    FURTHER_DRIFT,
    MOST_LOGARITHMS,
    NOISELESS,
    SMALLEST_EXCESS,
    TRANSIENT,
)
from tightrate.verify.measurement import Measurement
from tightrate.verify.verdict import Verdict, fitted_power, predicted_power

Array = NDArray[np.float64]
Side = Literal["upper", "lower", "both"]
EXACTLY = 1e-4  # an interval of exact values that misses 0 by less has it
NEARLY_ATTAINED = 1 / 4  # an exponent that is smaller than the term's by this much is no longer its own


@dataclass(frozen=True)
class PathFit:
    """The excess exponent of measured / predicted along a path.

    `low` and `high` hold the estimates of all windows with at least two thirds of the points and of the last half,
    each with its noise; where the slope drifts along the path also its extrapolation by twice the same drift again
    (a transient of geometric drift is not done after one more); and the slack that terms of 1/margin leave.
    `low_logarithm` and `high_logarithm` are those of the windows after a free power of a logarithm was allowed,
    `logarithms` that power; `noise` is the half-width that replicas could make narrower.  `certain_low` and
    `certain_high` are `low` and `high` at the certainty that a contradiction takes.
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
    certain_low: float
    certain_high: float

    def tilted(self, power: float) -> PathFit:
        """The fit of the same data times n^power, where no power of a logarithm was fitted beside it."""
        moved = ("estimate", "low", "high", "low_logarithm", "high_logarithm", "certain_low", "certain_high")
        return replace(self, **{name: getattr(self, name) + power for name in moved})


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
    replicas: float = 0.0,
) -> PathFit:
    """Fit measured / predicted = constant n^excess, all arrays along one path.

    `replicas` of each point estimated its standard error, 0 where that is not known.

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
    more_certain = certain_quantile(replicas if errors.max() > NOISELESS else 0.0) / _normal_quantile(confidence)
    lows, highs, certain_lows, certain_highs = [], [], [], []
    for inside in _windows(len(n)):
        slope, half = _slope(x[inside], y[inside], errors[inside], confidence)
        lows.append(slope - half)
        highs.append(slope + half)
        certain_lows.append(slope - more_certain * half)
        certain_highs.append(slope + more_certain * half)
    estimate, noise = _slope(x, y, errors, confidence)
    middle = len(n) // 2
    (first, first_half), (last, last_half) = (
        _slope(x[part], y[part], errors[part], confidence) for part in (slice(0, middle + 1), slice(middle, None))
    )
    if abs(last - first) > np.hypot(first_half, last_half):  # the slope drifts
        lows.append(last + FURTHER_DRIFT * (last - first))
        highs.append(last + FURTHER_DRIFT * (last - first))
    low, high = min(lows) - slack, max(highs) + slack
    certain_low, certain_high = min(low, min(certain_lows) - slack), max(high, max(certain_highs) + slack)
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
    without = estimate, low, high
    return PathFit(
        *without, low_logarithm, high_logarithm, power, noise, slack, local, confidence, certain_low, certain_high
    )


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
    return float(ndtri((1 + confidence) / 2))


@cache
def certain_quantile(replicas: float) -> float:
    """Of Student's distribution where an error was estimated from so few replicas."""
    upper = (1 - CERTAINTY) / 2
    return -float(stdtrit(replicas - 1, upper) if replicas > 1 else ndtri(upper))


# --- the verdict on paths ---------------------------------------------------------------------------------------------


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
    slower = above and fit.certain_low > 0 and fit.estimate > TRANSIENT
    faster = below and fit.certain_high < 0 and fit.estimate < -TRANSIENT
    if hidden:  # whatever a logarithm explains is no excess
        slower &= fit.low_logarithm > TRANSIENT
        faster &= fit.high_logarithm < -TRANSIENT
    tight = fit.low <= EXACTLY and fit.high >= -EXACTLY
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
        excess = (above and fit.low > EXACTLY) or (below and fit.high < -EXACTLY)
        loose = "an excess remains, no larger than a transient leaves" if excess else "the bound leaves room"
        return PathVerdict("consistent", ("it agrees with the term" if tight else loose) + alone, tight)
    excluded = not (above and fit.high_logarithm >= SMALLEST_EXCESS) and not (
        below and fit.low_logarithm <= -SMALLEST_EXCESS
    )
    if hidden and excluded:
        reason = f"a logarithm to the power {fit.logarithms:.2g} would explain what exceeds the power law"
        return PathVerdict("inconclusive", reason, tight, "the logarithm that the bound hides, its argument and power")
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
class MeasuredPath:
    """What was measured along a path, over one axis with the coordinate `n`, which grows from 1.

    The symbols move as powers of n, with the exponents `along`, so that the term dominates the rest of its bound by
    `margin`.  `design` is what a third party needs to walk the path again.  Where a tuned step lies at an end of its
    grid the path is not `interior`: the best step is another one, and a slow decay contradicts nothing.
    """

    measurement: Measurement
    along: Mapping[str, Fraction]
    margin: float
    replicas: float = 0.0
    design: Mapping[str, Any] = field(default_factory=dict)
    interior: bool = True

    @property
    def n(self) -> Array:
        """The parameter of the path."""
        return np.asarray(self.measurement.measured.n.values)

    @property
    def span(self) -> float:
        """By which factor n grows."""
        return float(self.n[-1] / self.n[0])

    @property
    def logarithm(self) -> Array:
        """The logarithm that a bound may hide: of the product of the counts."""
        symbols = self.measurement.symbols
        counts = (symbols[name].values for name in ("K", "R", "M") if name in symbols)
        return np.asarray(np.log(2 + np.prod(list(counts), axis=0)) + np.zeros(len(self.n)))

    @property
    def moving(self) -> str:
        """The symbol that moves most."""
        return max(self.along, key=lambda name: abs(self.along[name]))

    def at(self, expression: Expr) -> Array:
        """An expression at every point."""
        return np.asarray(self.measurement.at(expression).values + np.zeros(len(self.n)))


@dataclass(frozen=True)
class Exponents:
    """One term's exponents along paths on which the order algebra makes it dominate all others.

    Along each path the excess of the measured exponent over the term's own is fitted, with an interval over noise and
    choice of window.  `logarithm` is what a bound up to logarithms hides beside the term, and is a part of what is
    predicted; an excess that only some power of some logarithm would explain is neither a contradiction nor consistent.
    Consistency needs every excess of 1/6 or more excluded.  Where `matched_by` bounds the same from the other side, the
    exponents must agree on both, unless `one_sided`.
    """

    theorem: Theorem
    term: str
    paths: Mapping[str, MeasuredPath]
    matched_by: Theorem | None = None
    one_sided: bool = False
    logarithm: Expr | None = None

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points of all paths."""
        return tuple(path.measurement for path in self.paths.values())

    @property
    def side(self) -> Side:
        """From which side the exponents are bounded."""
        kind = self.theorem.bound.kind
        return "both" if kind == "exact" or (self.matched_by is not None and not self.one_sided) else kind

    @property
    def hides_logarithms(self) -> bool:
        """Whether one of the bounds holds up to logarithms only."""
        if self.logarithm is not None:
            return False
        bounds = [self.theorem.bound, *([self.matched_by.bound] if self.matched_by is not None else [])]
        return any(bound.constants == "hidden with logs" for bound in bounds)

    @property
    def term_expression(self) -> Expr:
        """The term that dominates."""
        return self.theorem.bound.term(self.term).expression

    def fit(self, path: MeasuredPath, tilt: float = 0.0) -> PathFit:
        """The excess exponent along a path, of what was measured times n^tilt."""
        beside = 1.0 if self.logarithm is None else path.at(self.logarithm)
        return fit_path(
            path.n,
            path.measurement.measured.values * path.n**tilt,
            path.measurement.stderr.values * path.n**tilt,
            path.at(self.term_expression) * beside,
            margin=path.margin,
            logarithm=path.logarithm if self.hides_logarithms else None,
            side=self.side,
            replicas=path.replicas,
        )

    def judged(self, path: MeasuredPath, fit: PathFit) -> PathVerdict:
        """The verdict on one path with such a fit."""
        found = judge_path(
            fit, self.side, hidden=self.hides_logarithms, shown=self.shows(path), span=path.span, replicas=path.replicas
        )
        if path.interior or found.status != "violated":
            return found
        return PathVerdict(
            "inconclusive",
            f"{found.reason}, but the tuned step lies at an end of its grid",
            False,
            "a wider grid of steps",
        )

    def sharper(self, path: MeasuredPath, fit: PathFit) -> dict[str, float]:
        """The smallest exponents of n by which what was measured would have to decay more slowly, or faster, for the
        same judge to call it a contradiction; infinite where it never would."""
        ways = {"slower": 1, "faster": -1}
        if self.side != "both":
            ways.pop("faster" if self.side == "upper" else "slower")

        def contradicts(sign: int, size: float) -> bool:
            tilt = sign * size
            moved = self.fit(path, tilt) if self.hides_logarithms else fit.tilted(tilt)
            return self.judged(path, moved).status == "violated"

        return {way: smallest(partial(contradicts, sign)) for way, sign in ways.items()}

    def _allowances(self, fit: PathFit) -> Iterator[str]:
        """What explains an excess on a side that is bounded, and the logarithm without which there might be one."""
        if self.side != "lower":
            yield excess_within(fit.estimate, fit.noise, fit.low, fit.slack)
        if self.side != "upper":
            yield excess_within(-fit.estimate, fit.noise, -fit.high, fit.slack)
        if self.logarithm is not None:
            yield f"the bound hides a logarithm, here ${text(self.logarithm).replace('*', ' ')}$"

    def shows(self, path: MeasuredPath) -> bool:
        """Whether the measured values exceed what the other terms of the bound would explain by themselves."""
        others = path.at(self.theorem.bound.weakest.expression) - path.at(self.term_expression)
        return bool((path.measurement.measured.values > others).any())

    def check(self) -> Verdict:
        """A violation on any path, else what is open on any."""
        found: dict[str, tuple[PathFit, PathVerdict]] = {}
        margin = min(path.margin for path in self.paths.values())
        evidence: dict[str, Any] = {"term": self.term, "dominates by": margin, "side": self.side}
        if self.logarithm is not None:
            evidence["logarithm beside the term"] = text(self.logarithm)
        for name, path in self.paths.items():
            fit = self.fit(path)
            verdict = self.judged(path, fit)
            found[name] = fit, verdict
            evidence[f"along {name}"] = {
                **self._evidence(path, fit, verdict),
                **stands_by(self._allowances(fit)),
                **flips(exponents=self.sharper(path, fit)),
            }
        return self._together(found, evidence)

    def mutants(self) -> Mapping[str, Assertion]:
        """Along each path that shows the term, its exponent wrong by half a power, towards what the side forbids."""
        toward = 1 if self.side == "lower" else -1
        wrong = {}
        for name, path in self.paths.items():
            if self.shows(path) and -toward * self.fit(path).estimate > -NEARLY_ATTAINED:
                moving = path.moving
                power = Rational(toward, 2) / Rational(path.along[moving])
                changed = with_term(self.theorem, self.term, self.term_expression * symbol(moving) ** power)
                wrong[f"along {name}: {moving}^({power}) more"] = replace(self, theorem=changed)
        return wrong

    def _evidence(self, path: MeasuredPath, fit: PathFit, verdict: PathVerdict) -> dict[str, Any]:
        term, bound = path.at(self.term_expression), path.at(self.theorem.bound.weakest.expression)
        ratio = path.measurement.measured.values / bound
        slope = float(np.log(term[-1] / term[0]) / np.log(path.span))
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
            "decades": float(np.log10(path.span)),
            "margin": path.margin,
            "replicas": path.replicas,
            "verdict": verdict.status,
            "reason": verdict.reason,
            **({"needed": verdict.budget} if verdict.budget else {}),
        }

    def _together(self, found: Mapping[str, tuple[PathFit, PathVerdict]], evidence: dict[str, Any]) -> Verdict:
        """One verdict for all paths: a violation on any, else what is open on any."""
        slopes = {name: evidence[f"along {name}"]["predicted exponent"] for name in found}
        bases = {name: _base(name, self.paths[name].along) for name in found}
        intervals = {
            name: sorted((slopes[name] + end) / bases[name][1] for end in (fit.low, fit.high))
            for name, (fit, _) in found.items()
        }
        times = "" if self.logarithm is None else f", all times ${text(self.logarithm).replace('*', ' ')}$"
        predicted = (
            ", ".join(predicted_power(base, slopes[name] / power) for name, (base, power) in bases.items()) + times
        )
        measured = ", ".join(
            fitted_power(bases[name][0], (slopes[name] + fit.estimate) / bases[name][1], *intervals[name])
            for name, (fit, _) in found.items()
        )
        measured += times
        worst = max(found, key=lambda name: (_RANK[found[name][1].status], abs(found[name][0].estimate)))
        low, high = intervals[worst]
        texts, interval = (predicted, measured), (low, high)
        margin = evidence["dominates by"]
        how = f"dominates by {margin:.3g}" if np.isfinite(margin) else "is alone"
        reasons = "; ".join(f"along {name} {verdict.reason}" for name, (_, verdict) in found.items())
        sentence = f"Where {self.term!r} of {self.theorem.id} {how}: {reasons}."
        statuses = {verdict.status for _, verdict in found.values()}
        if "violated" in statuses:
            bad = [name for name, (_, verdict) in found.items() if verdict.status == "violated"]
            witness = {"paths": bad, **{name: dict(self.paths[name].design) for name in bad}}
            return Verdict("violated", sentence, *texts, interval, evidence, witness)
        if "inconclusive" in statuses:
            needs = "; ".join(f"along {name} {v.budget}" for name, (_, v) in found.items() if v.budget)
            return Verdict("inconclusive", f"{sentence} Needed: {needs}.", *texts, interval, evidence)
        evidence["exponents attained"] = all(verdict.tight for _, verdict in found.values())
        return Verdict("consistent", sentence, *texts, interval, evidence)


def with_term(theorem: Theorem, name: str, expression: Expr) -> Theorem:
    """The theorem with another expression for one term of its bound."""
    terms = tuple(Term(name, expression) if term.name == name else term for term in theorem.bound.terms)
    return replace(theorem, bound=replace(theorem.bound, terms=terms))


_RANK: Mapping[str, int] = {"consistent": 0, "inconclusive": 1, "violated": 2}


def _base(path: str, along: Mapping[str, Fraction]) -> tuple[str, float]:
    """What is raised to an exponent, and its own power of n: the symbol of a path of one symbol, else n itself."""
    if len(along) == 1:
        ((name, power),) = along.items()
        return name, float(power)
    return f"n({path})", 1.0
