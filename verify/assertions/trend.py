"""Bounds with hidden constants: only a ratio that keeps growing, or keeps falling, contradicts one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.assertions.allowances import NEGLIGIBLE, stands_by
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.bounded import Side
from tightrate.verify.assertions.flips import flips
from tightrate.verify.assertions.thresholds import TREND
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.verdict import Verdict, raised


@dataclass(frozen=True)
class Scaling:
    """Up to constants what was measured lies on its side of a theorem's bound: towards the end of no axis in `along`
    may measured / bound grow (upper) or fall (lower).

    Faster than an upper bound is no contradiction.  Measurements must be exact: their noise has no place here.  `term`,
    `expression` and `right` are those of `Bounded`; `side` is given only where the theorem is an equality, or where a
    statement is tested that turns the theorem's side around.
    """

    theorem: Theorem
    measurement: Measurement
    along: Sequence[str]
    term: str = ""
    expression: Expr | None = None
    right: Named | None = None
    side: Side | None = None
    resolution: float = TREND

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that are judged."""
        return (self.measurement,)

    @property
    def bound(self) -> Named:
        """The right side at every point."""
        if self.right is not None:
            return self.right
        if self.expression is not None:
            return self.measurement.at(self.expression)
        bound = self.theorem.bound
        return self.measurement.at(bound.term(self.term).expression if self.term else bound.expression)

    def check(self) -> Verdict:
        """Violated where the ratio's exponent in an axis exceeds the resolution in the wrong direction."""
        side = self.side or self.theorem.bound.kind
        if side == "exact":
            raise TightrateError(f"{self.theorem.id} is an equality: say which side is asserted")
        verdict = judge_trend(
            self.measurement.measured / self.bound,
            side,
            along=self.along,
            what=self.measurement.what,
            resolution=self.resolution,
        )
        if verdict.witness is None:
            return verdict
        line = {name: value for name, value in verdict.witness.items() if name in self.measurement.measured.dims}
        place = {
            dim: int(np.flatnonzero(self.measurement.measured[dim].values == value)[0])
            for dim, value in line.items()
            if not isinstance(value, list)
        }
        moving = {
            name: [float(value) for value in array.isel({d: i for d, i in place.items() if d in array.dims})]
            for name, array in self.measurement.symbols.items()
            if set(array.dims) - set(place) == {verdict.witness["along"]}
        }
        return replace(verdict, witness={**self.measurement.witness(place), **moving, **verdict.witness})

    def mutants(self) -> Mapping[str, Assertion]:
        """A bound that falls faster (slower, for a lower bound) along one axis by half a power."""
        side = self.side or self.theorem.bound.kind
        power = -0.5 if side == "upper" else 0.5
        bound = self.bound
        return {
            f"bound times {axis}^{power:g}": replace(self, right=bound * self.measurement.measured[axis] ** power)
            for axis in self.along
        }


def end_slopes(ratio: Named, along: str) -> Named:
    """d log(ratio) / d log(along) over the last half of the axis, by least squares, one for each line along it."""
    half = ratio.isel({along: slice(ratio.sizes[along] // 2, None)})
    if half.sizes[along] < 2:
        raise TightrateError(f"a trend along {along} needs at least four values")
    x, y = (xr.apply_ufunc(np.log, values) for values in (half[along], half))
    centred = x - x.mean()
    slopes: Named = (centred * (y - y.mean(along))).sum(along, skipna=False) / (centred**2).sum()
    return slopes


def judge_trend(ratio: Named, side: Side, *, along: Sequence[str], what: str, resolution: float = TREND) -> Verdict:
    """The verdict on a ratio measured / bound along axes."""
    sign = 1 if side == "upper" else -1
    with np.errstate(divide="ignore", invalid="ignore"):
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
    like = f"like {raised(worst)}^{steepest:.3f}"
    texts = (
        f"{what} <~ bound" if side == "upper" else f"{what} >~ bound",
        f"measured / bound {float(ratio.min()):.3g} to {float(ratio.max()):.3g}, {like} at worst",
    )
    if np.isnan(steepest):
        sentence = f"{what}: some line along {worst} has a ratio that is not a positive number."
        return Verdict("error", sentence, *texts, evidence=evidence)
    if sign * steepest > resolution:
        line = ratio.isel({str(dim): int(at) for dim, at in place.items()})
        witness = {
            "exponent": steepest,
            "along": worst,
            **{str(name): _plain(value) for name, value in line.coords.items() if value.ndim == 0},
            worst: [float(value) for value in line[worst]],
            "measured / bound": [float(value) for value in line],
        }
        moves = "grows" if side == "upper" else "falls"
        sentence = f"{what} over the bound {moves} {like}: no constant makes the bound true."
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=witness)
    return Verdict(
        "consistent",
        f"{what} over the bound does not {'grow' if side == 'upper' else 'fall'} towards the end of any sweep.",
        *texts,
        evidence=evidence
        | stands_by(
            f"measured / bound still {'grows' if side == 'upper' else 'falls'} like {axis}^{float(values.max()):.2g}"
            for axis, values in slopes.items()
            if float(values.max()) > NEGLIGIBLE
        )
        | flips(exponents={axis: resolution - float(values.max()) for axis, values in slopes.items()}),
    )


def _plain(value: Named) -> float | str:
    item = value.values.item()
    return item if isinstance(item, str) else float(item)
