"""Bounds by value: what was measured against a bound with explicit constants, at every point.

There is one rule for all of them.  A point is decided where its whole interval, less the rounding error, lies on one
side of the bound: some point on the wrong side is a violation, all on the right one are consistent, anything else is
inconclusive.  The interval is the value itself where nothing was sampled.  Towards the right side it is five standard
errors of a sampled mean; towards the wrong one as many as it takes, by Student's distribution for the replicas there
are, for the chance of any false violation among all comparisons to stay below a stated one.
Instances prove nothing, so that a bound is never more than consistent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy import stats
from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.verify.assertions.allowances import stands_by
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.flips import flips
from tightrate.verify.assertions.thresholds import ATTAINED, CERTAIN, FAMILY, RESOLVED
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.verdict import Verdict, of_the_bound

Side = Literal["upper", "lower"]


@dataclass(frozen=True)
class Bounded:
    """What was measured lies on its side of a theorem's bound, with the theorem's own constants and symbols.

    `term` is one named term in the place of the whole bound; `expression` a variant of the bound in the theorem's
    symbols; `right` the right side as an array, where the statement has other measured quantities in it (a recursion).

    Attributes:
        theorem: whose bound it is
        measurement: what was measured, with the theorem's symbols

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> from tightrate.verify.measurement import Measurement
    >>> gap = Measurement(xr.DataArray([0.001], dims="R"), "gap", {"L": 1.0, "B": 1.0, "R": 10.0})
    >>> Bounded(theorem("patel2024/prop7-constant"), gap).check().status
    'consistent'
    """

    theorem: Theorem
    measurement: Measurement
    term: str = ""
    expression: Expr | None = None
    right: Named | None = None

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that are judged."""
        return (self.measurement,)

    @property
    def side(self) -> Side:
        """The side of the theorem's bound."""
        kind = self.theorem.bound.kind
        if kind == "exact":
            raise TightrateError(f"{self.theorem.id} is an equality: assert Equal, AtMost or AtLeast")
        return kind

    @property
    def is_whole(self) -> bool:
        """Whether the right side is the theorem's bound as it stands."""
        return not self.term and self.expression is None and self.right is None

    @property
    def inequality(self) -> AtMost | AtLeast:
        """The inequality that the theorem states; where it hides constants in exponents, what it states for sure."""
        return self._against(self.theorem.bound.weakest if self._open_constants else self.theorem.bound)

    @property
    def _open_constants(self) -> bool:
        """Whether the theorem hides a constant in an exponent for which the measurement assumes no value."""
        return not set(self.theorem.bound.unspecified) <= set(self.measurement.symbols)

    def _against(self, bound: Bound) -> AtMost | AtLeast:
        if self.right is not None:
            right = self.right
        elif self.expression is not None:
            right = self.measurement.at(self.expression)
        else:
            right = self.measurement.at(bound.term(self.term).expression if self.term else bound.expression)
        return (AtMost if self.side == "upper" else AtLeast)(self.measurement, right)

    def check(self) -> Verdict:
        """The one rule of this module; with an unknown constant in an exponent, at both ends of its range.

        What keeps the bound with the constant 1 keeps it with every other one that can be meant, and what breaks it at
        the other end breaks it always; between the two nothing is known.
        """
        found = self.inequality.check()
        if not self._open_constants or self.expression is not None or self.right is not None:
            return found
        claimed = self._against(self.theorem.bound.strongest).check()
        if claimed.status == "consistent" or found.status != "consistent":
            return claimed if claimed.status == "consistent" else found
        sentence = (
            f"{self.measurement.what} exceeds the bound with the constant 1 in the exponent that the source hides by"
            " Theta, but not with every constant; the constant would settle it."
        )
        return replace(claimed, status="inconclusive", sentence=sentence, witness=None)

    def mutants(self) -> Mapping[str, Assertion]:
        """A bound just beyond the closest point."""
        return self.inequality.mutants()


@dataclass(frozen=True)
class AtMost:
    """What was measured is at most `bound`; for inequalities that are not the theorem's bound itself."""

    measurement: Measurement
    bound: Named

    side: Side = "upper"

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that are judged."""
        return (self.measurement,)

    def check(self) -> Verdict:
        """The one rule of this module."""
        return judge_bound(self.measurement, self.bound, self.side)

    def mutants(self) -> Mapping[str, Assertion]:
        """A bound so much smaller (larger for a lower bound) that the closest point lies beyond it for certain."""
        m = self.measurement
        toward = -1 if self.side == "upper" else 1
        certain = m.measured + toward * ((CERTAIN + 1) * m.stderr + 2 * m.rounding)
        ratio = (certain / self.bound.where(self.bound > RESOLVED * m.rounding)).where(certain > 0)
        finite = ratio.where(np.isfinite(ratio))
        if not bool(finite.notnull().any()):
            return {}
        closest = float(finite.max() if self.side == "upper" else finite.min())
        factor = closest * (0.99 if self.side == "upper" else 1.01)
        return {f"constant times {factor:.4g}": replace(self, bound=self.bound * factor)}


@dataclass(frozen=True)
class AtLeast(AtMost):
    """What was measured is at least `bound`."""

    side: Side = "lower"


def judge_bound(measurement: Measurement, bound: Named, side: Side) -> Verdict:
    """The verdict on measured <= bound (or >=), by the rule of this module."""
    verdict = _judged(measurement, bound, side)
    if verdict.status != "consistent":
        return verdict
    return replace(verdict, evidence={**verdict.evidence, **_flips(measurement, bound, side)})


def _flips(measurement: Measurement, bound: Named, side: Side) -> dict[str, Any]:
    """By what factor, and by which exponent of each axis, the bound would have to be sharper to be violated."""
    toward = 1 if side == "upper" else -1
    certain = measurement.measured - toward * (certain_reach(measurement) + measurement.rounding)
    ratio = (certain / bound).where((certain > 0) & (bound > 0))
    log = ratio.copy(data=np.log(ratio.values)) * toward  # above 0 where it is violated
    log = log.where(np.isfinite(log))
    if not bool(log.notnull().any()):
        return flips(np.inf)
    exponents = {}
    for name, values in _moving(measurement, log):
        move = xr.apply_ufunc(lambda value: np.abs(np.log(value)), values)
        turned = (-log / move).where((move > 0) & np.isfinite(move))
        exponents[name] = float(turned.min()) if bool(turned.notnull().any()) else np.inf
    return flips(math.exp(min(-float(log.max()), 700.0)), exponents)


def _moving(measurement: Measurement, judged: Named) -> Iterator[tuple[str, Named]]:
    """What a bound could be a wrong power of: the axes of numbers, and the counts that differ from point to point.

    An axis of whole numbers that is no letter tells instances apart and has no powers.
    """
    for axis in map(str, judged.dims):
        kind = judged[axis].dtype.kind
        is_power = kind == "f" or (kind in "iu" and axis in LETTERS)
        if judged.sizes[axis] > 1 and is_power and bool((judged[axis] > 0).all()):
            yield axis, judged[axis]
    for name, values in measurement.symbols.items():
        if name in LETTERS and LETTERS[name].counts and name not in judged.dims and values.size > 1:
            yield name, values.where(values > 0)


def _judged(measurement: Measurement, bound: Named, side: Side) -> Verdict:
    if measurement.exact:
        return _judge(measurement, measurement.measured, bound, side)
    toward = -1 if side == "upper" else 1
    reach = toward * CERTAIN * measurement.stderr
    lenient = _judge(measurement, measurement.measured + toward * certain_reach(measurement), bound, side)
    if lenient.status != "consistent":
        return lenient
    strict = _judge(measurement, measurement.measured - reach, bound, side)
    if strict.status == "consistent":
        return strict
    mean, error, bound = xr.broadcast(measurement.measured, measurement.stderr, bound)
    distance = abs(mean - bound) / error  # in standard errors
    open_points = ~(toward * (mean - bound) >= CERTAIN * error)  # an unknown error leaves its point open
    nearest = float(distance.where(open_points).min())
    needed = f"{more(CERTAIN / nearest)} the replicas" if nearest > 0 else "another cell: the mean is on the bound"
    sentence = (
        f"{measurement.what}: {int(open_points.sum())} of {mean.size} intervals of {CERTAIN:g} standard errors hold"
        f" their bound; it takes about {needed}."
    )
    evidence = {**strict.evidence, "least distance of an open cell in standard errors": nearest}
    return Verdict("inconclusive", sentence, strict.predicted, strict.measured, evidence=evidence)


def certain_reach(measurement: Measurement) -> Named:
    """How far the mean may be from what was measured: beyond it lies any of the means with the chance `FAMILY` only.

    Bonferroni's correction for all comparisons that were sampled; replicas that are not known count as many, and one
    replica, from which nothing can be said of its error, as none.
    """
    sampled = int((measurement.stderr > 0).sum())
    freedom = (measurement.replicas.where(measurement.replicas > 0, np.inf) - 1).clip(min=0)
    quantile = xr.apply_ufunc(lambda df: stats.t.isf(FAMILY / max(sampled, 1) / 2, df), freedom)
    reach: Named = measurement.stderr * quantile.where(freedom > 0, np.inf).clip(min=CERTAIN)
    return reach.where(measurement.stderr != 0, 0.0)


def _judge(measurement: Measurement, measured: Named, bound: Named, side: Side) -> Verdict:
    """The verdict on numbers that are exact but for their rounding."""
    what = measurement.what
    measured, bound, slack = xr.broadcast(measured, bound, measurement.rounding)
    sign = "<=" if side == "upper" else ">="
    if measured.size == 0:
        return Verdict("error", f"{what}: there is nothing to compare.", f"{what} {sign} bound", "-")
    holds = measured <= bound + slack if side == "upper" else measured >= bound - slack  # a nan does not hold
    resolved = bound > RESOLVED * slack
    ratio = (measured / bound.where(resolved)).where(resolved)
    extreme = float(ratio.max() if side == "upper" else ratio.min())
    attained = bool(extreme >= ATTAINED if side == "upper" else extreme <= 1 / ATTAINED)
    evidence: dict[str, Any] = {
        "comparisons": int(measured.size),
        f"{'largest' if side == 'upper' else 'smallest'} measured / bound": extreme,
        "attained within a factor of 2": attained,
    }
    closest = of_the_bound(extreme)
    texts = (f"{what} {sign} bound", f"at {'most' if side == 'upper' else 'least'} {closest}")
    if bool(holds.all()):
        sentence = f"No violation in {measured.size} comparisons; closest approach {closest}."
        beyond = int((measured > bound if side == "upper" else measured < bound).sum())
        rounded = [f"{beyond} of {measured.size} comparisons hold by what arithmetic rounds"] if beyond else []
        return Verdict("consistent", sentence, *texts, evidence=evidence | stands_by(rounded))
    known = measured.notnull() & bound.notnull()
    if bool((holds | ~known).all()):
        sentence = f"{what}: in {int((~known).sum())} of {measured.size} comparisons one side is not a number."
        return Verdict("error", sentence, *texts, evidence=evidence)
    excess = (measured - bound - slack) if side == "upper" else (bound - slack - measured)
    place = (excess / np.maximum(bound, slack)).fillna(np.inf).where(~holds & known, -np.inf).argmax(...)
    witness = measurement.witness(place, measured=measured, bound=bound)
    if not measurement.exact:
        witness |= measurement.witness(place, **{"standard error": measurement.stderr})
    reached = f"{'up' if side == 'upper' else 'down'} to {closest}"
    return Verdict(
        "violated",
        f"{what} breaks the {side} bound in {int((~holds).sum())} of {measured.size} comparisons.",
        texts[0],
        reached,
        evidence=evidence,
        witness=witness,
    )


def more(ratio: float) -> str:
    """How many times the replicas make an interval narrower by this factor: its square, rounded up.

    >>> more(1.5)
    '3 times'
    """
    return f"{math.ceil(ratio**2 - 1e-9)} times"
