"""Identities: what was measured equals its closed form to rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.bounded import certain_reach, more
from tightrate.verify.assertions.flips import flips
from tightrate.verify.assertions.thresholds import CERTAIN
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.verdict import Verdict


@dataclass(frozen=True)
class Equal:
    """What was measured equals `exact`, or the exact statement of a theorem at the measurement's symbols.

    The relative error is at most `relative` where the exact value exceeds `matters` times `scale`; the absolute error
    is at most `absolute` times `scale` elsewhere; both may be what the measurement says that rounding left.  `scale` is
    the size of what was computed with: by default the exact value itself.
    """

    measurement: Measurement
    exact: Named | Theorem
    scale: Named | None = None
    relative: float = 1e-10
    absolute: float = 1e-18
    matters: float = 1e-8

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that are judged."""
        return (self.measurement,)

    @property
    def value(self) -> Named:
        """The closed form at every point."""
        if isinstance(self.exact, Theorem):
            return self.measurement.at(self.exact.bound.expression)
        return self.exact

    def check(self) -> Verdict:
        """Confirmed where all comparisons agree; a side that is not a number agrees with nothing."""
        exact = self.value
        scale = abs(exact) if self.scale is None else self.scale
        measured, exact, scale = xr.broadcast(self.measurement.measured, exact, scale)
        what = self.measurement.what
        error = abs(measured - exact)
        matter = abs(exact) > self.matters * scale
        allowed = (self.relative * abs(exact)).where(matter, self.absolute * scale)
        allowed = allowed.where(allowed > self.measurement.rounding, self.measurement.rounding)
        within = error <= allowed
        worst_relative = float((error / abs(exact)).where(matter).max()) if bool(matter.any()) else 0.0
        worst_absolute = float((error / scale).where(~matter).max()) if bool((~matter).any()) else 0.0
        evidence = {
            "instances": int(measured.size),
            "largest relative error": worst_relative,
            "allowed relative error": self.relative,
            "largest absolute error in units of the scale": worst_absolute,
            "allowed absolute error": self.absolute,
        }
        found = f"relative error {worst_relative:.1e}" if bool(matter.any()) else f"error {worst_absolute:.1e}"
        texts = (f"{what}: equal", found)
        if measured.size == 0:
            return Verdict("error", f"{what}: there is nothing to compare.", *texts, evidence=evidence)
        if bool(within.all()):
            sentence = f"{what} agrees to rounding in all {measured.size} comparisons."
            return Verdict("confirmed", sentence, *texts, evidence=evidence | self._flips(measured, exact, matter))
        known = np.isfinite(measured) & np.isfinite(exact)
        if bool((within | ~known).all()):
            sentence = f"{what}: in {int((~known).sum())} of {measured.size} comparisons one side is not a number."
            return Verdict("error", sentence, *texts, evidence=evidence)
        place = (error / allowed).where(~within & known).fillna(-np.inf).argmax(...)
        return Verdict(
            "violated",
            f"{what} differs from its closed form in {int((~within).sum())} of {measured.size} comparisons.",
            *texts,
            evidence=evidence,
            witness=self.measurement.witness(place, measured=measured, exact=exact),
        )

    def _flips(self, measured: Named, exact: Named, matter: Named) -> dict[str, Any]:
        """The least relative change of the closed form that leaves one comparison outside of what is allowed."""
        if not bool(matter.any()):
            return flips(change=0.0)  # the closed form is zero to rounding: any other value differs from it
        off = ((measured - exact) / exact).where(matter)
        larger, smaller = (self.relative + off) / (1 - self.relative), (self.relative - off) / (1 + self.relative)
        return flips(change=float(np.minimum(larger, smaller).min()))

    def mutants(self) -> Mapping[str, Assertion]:
        """The closed form off by more than the tolerance."""
        exact = self.value
        scale = abs(exact) if self.scale is None else self.scale
        off = 3 * (self.relative * abs(exact) + self.absolute * scale + self.measurement.rounding)
        return (
            {"closed form off by three tolerances": replace(self, exact=exact + off)} if bool((off > 0).any()) else {}
        )


@dataclass(frozen=True)
class EqualInTheMean:
    """The mean of what was sampled equals the exact statement of a theorem, as far as its standard error tells.

    A mean that is farther off than `certain_reach` violates it.  Samples confirm no identity: they are consistent with
    it where every interval is narrow against the value, and leave it open elsewhere.
    """

    measurement: Measurement
    exact: Theorem
    factor: float = 1.0
    narrow: float = 0.2

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that are judged."""
        return (self.measurement,)

    def check(self) -> Verdict:
        """Violated where one interval leaves the value out."""
        m = self.measurement
        exact = self.factor * m.at(self.exact.bound.expression)
        measured, exact, error, reach, rounding = xr.broadcast(
            m.measured, exact, m.stderr, certain_reach(m), m.rounding
        )
        off = abs(measured - exact)
        wide = float((CERTAIN * error / abs(exact)).where(off > rounding, 0.0).max())
        evidence = {"instances": int(measured.size), "widest interval / value": wide}
        texts = (f"{m.what}: equal", f"within {CERTAIN:g} standard errors, at most {wide:.2g} of the value")
        if not bool((np.isfinite(measured) & np.isfinite(exact)).all()):
            return Verdict("error", f"{m.what}: one side is not a number somewhere.", *texts, evidence=evidence)
        beyond = off > reach + rounding
        if bool(beyond.any()):
            place = (off / (reach + rounding)).fillna(-np.inf).argmax(...)
            sentence = f"{m.what} differs from the stated value in {int(beyond.sum())} of {measured.size} comparisons."
            witness = m.witness(place, **{"measured": measured, "exact": exact, "standard error": error})
            return Verdict("violated", sentence, *texts, evidence=evidence, witness=witness)
        if not wide <= self.narrow:
            needed = f"{more(wide / self.narrow)} the replicas" if np.isfinite(wide) else "more replicas"
            sentence = f"{m.what}: intervals of {CERTAIN:g} standard errors are {wide:.2g} of the value; give {needed}."
            return Verdict("inconclusive", sentence, *texts, evidence=evidence)
        sentence = f"{m.what} agrees with the stated value in all {measured.size} comparisons, within {wide:.2g} of it."
        return Verdict("consistent", sentence, *texts, evidence=evidence | flips(factor=1 + 2 * wide))

    def mutants(self) -> Mapping[str, Assertion]:
        """A value beyond every interval."""
        m = self.measurement
        exact = m.at(self.exact.bound.expression)
        away = float((2 * (certain_reach(m) + m.rounding) / abs(exact)).max())
        return {f"value times {1 + away:.4g}": replace(self, factor=1 + away)} if 0 < away < np.inf else {}


@dataclass(frozen=True)
class Vanishes:
    """What was measured is zero to rounding: at most `allowed` in absolute value.

    For residuals of identities whose two sides were computed together; `allowed` carries their scale.
    """

    measurement: Measurement
    allowed: Named | float

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that are judged."""
        return (self.measurement,)

    def check(self) -> Verdict:
        """Confirmed where every residual is within what rounding explains."""
        residual, allowed = xr.broadcast(abs(self.measurement.measured), Named(self.allowed))
        what = self.measurement.what
        if residual.size == 0:
            return Verdict("error", f"{what}: there is nothing to compare.", f"{what}: 0 to rounding", "-")
        within = residual <= allowed
        largest = float(residual.max())
        evidence = {
            "instances": int(residual.size),
            "largest residual": largest,
            "largest residual / allowed": float((residual / allowed).max()),
        }
        texts = (f"{what}: 0 to rounding", f"at most {largest:.1e}")
        if bool(residual.isnull().any()) and bool((within | residual.isnull()).all()):
            sentence = f"{what}: {int(residual.isnull().sum())} of {residual.size} residuals are not numbers."
            return Verdict("error", sentence, *texts, evidence=evidence)
        if bool(within.all()):
            sentence = f"{what} vanishes to rounding in all {residual.size} comparisons."
            return Verdict("confirmed", sentence, *texts, evidence=evidence | flips(change=0.0))  # of 0: anything else
        place = (residual / allowed).where(~within).fillna(-np.inf).argmax(...)
        sentence = f"{what} does not vanish in {int((~within).sum())} of {residual.size} comparisons."
        witness = self.measurement.witness(place, residual=residual, allowed=allowed)
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=witness)

    def mutants(self) -> Mapping[str, Assertion]:
        """A residual of twice what is allowed."""
        moved = self.measurement.measured + 3 * Named(self.allowed)
        return {"residual above rounding": replace(self, measurement=replace(self.measurement, measured=moved))}
