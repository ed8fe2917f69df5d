"""The cells of a sweep and what a theorem's bound says of them: which term leads, which lines are fitted, the verdict.

A cell belongs to the term of the bound that exceeds all others together threefold there.  Cells where the bound says no
more than the start alone, where a condition fails or where the value is not resolved do not count.  What is judged is
the excess, the exponent of measured / bound, so that the bound's own logarithms are divided out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.statements.theorem import ROUNDING, Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.evaluation import at
from tightrate.rates.symbols.monomial import monomial
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import Problems
from tightrate.simulator.theorem_values import check_class
from tightrate.verify.assertions.assertion import joined
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.paths import EXACTLY, PathFit, Side
from tightrate.verify.assertions.thresholds import (
    CERTAIN,
    DOMINATES,
    HIDDEN_CONSTANT,
    MOST_LOGARITHMS,
    SMALLEST_EXCESS,
    TRANSIENT,
)
from tightrate.verify.assertions.up_to_constants import NEGLIGIBLE, SHORTEST, TINY, forgiving, trivial_bound
from tightrate.verify.exponents.pooled_lines import FEWEST_LEVELS, Pooled
from tightrate.verify.exponents.resolved_bound import substituted
from tightrate.verify.measurement import Measurement
from tightrate.verify.sweep.run import measured_names, measurement, symbols_at_cells
from tightrate.verify.verdict import Status, Verdict

Array = NDArray[np.float64]
Path = Mapping[str, Fraction]
Flat = Mapping[str, Array]

ROOM = "the bound leaves room"
SAME = 1e-6  # relative, of logarithms that are equal but for rounding


def _has_a_logarithm(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray((values > 0) & np.isfinite(values))


class NothingToFitError(TightrateError):
    """A sweep without an axis of positive numbers."""


@dataclass(frozen=True)
class FittedExponent:
    """The exponent along one path, in the cells of one term of the bound, or in all cells without a theorem.

    `along` has the symbols that move, as powers of n, which is the first of them; `cells` of `lines` lines count.
    `predicted` is the term's exponent there: exact where `exactly` has it as a fraction, with the `factor` that is no
    power (a logarithm) divided out of `estimate`, `low` and `high`, which are what was measured; `raw` is the exponent
    with nothing divided out, `local` those between neighbouring values.  `excess` is the exponent of measured / bound,
    which the verdict is about: `status`, its `reason`, and what is `needed` to settle an open one.
    """

    path: str
    along: Path
    term: str
    cells: int
    lines: int
    values: tuple[float, ...]
    estimate: float
    low: float
    high: float
    raw: float
    local: tuple[float, ...]
    predicted: float | None = None
    exactly: Fraction | None = None
    factor: str = ""
    excess: tuple[float, float, float] | None = None
    ratio: tuple[float, float] | None = None
    status: Status | None = None
    reason: str = ""
    needed: str = ""

    @property
    def prediction(self) -> str:
        """The predicted exponent for a table: a fraction, or a number where the term is no power along this path."""
        if self.predicted is None:
            return ""
        shown = f"{self.predicted:.3f}" if self.exactly is None else str(self.exactly)
        return f"{shown}{f' times {self.factor}' if self.factor else ''}"

    @property
    def sentence(self) -> str:
        """What an open or a violated exponent lacks, or shows."""
        where = f", where {self.term} leads," if self.term else ""
        return f"Along {self.path}{where} {self.reason}.{f' Needed: {self.needed}.' if self.needed else ''}"

    def row(self) -> dict[str, str]:
        """What a table says."""
        return {
            "along": self.path,
            "term": self.term,
            "cells": str(self.cells),
            "predicted": self.prediction,
            "measured (99 %)": f"{self.estimate:z.3f} ({self.low:z.3f} to {self.high:z.3f})",
            "ends": ", ".join(f"{one:z.2f}" for one in (self.local[0], self.local[-1])),
            "verdict": f"{self.status or ''}{': the bound leaves room' if self.reason == ROOM else ''}",
        }

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "along": {name: str(power) for name, power in self.along.items()},
            "term": self.term or None,
            "cells": self.cells,
            "lines": self.lines,
            "values": list(self.values),
            "predicted": self.predicted,
            "exactly": None if self.exactly is None else str(self.exactly),
            "factor": self.factor or None,
            "measured": self.estimate,
            "interval": [self.low, self.high],
            "with nothing divided out": self.raw,
            "local": list(self.local),
            "excess over the bound": None if self.excess is None else self.excess[0],
            "interval of the excess": None if self.excess is None else list(self.excess[1:]),
            "measured / bound": None if self.ratio is None else list(self.ratio),
            "verdict": self.status,
            "reason": self.reason or None,
            "needed": self.needed or None,
        }


@dataclass(frozen=True)
class Dominance:
    """Where one term leads: in how many cells, and between which values of each axis."""

    term: str
    cells: int
    ranges: Mapping[str, tuple[float, float]]

    @property
    def where(self) -> str:
        """The ranges in words."""
        parts = (
            f"{name} = {low:g}" if low == high else f"{name} {low:g} to {high:g}"
            for name, (low, high) in self.ranges.items()
        )
        return ", ".join(parts)


# --- the cells --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segment:
    """Cells in which one term leads, on lines along a path: numbers, n, lines, and what tells the lines apart."""

    path: Path
    term: str
    inside: NDArray[np.int_]
    n: Array
    line: NDArray[np.int_]
    others: Flat

    @property
    def levels(self) -> Array:
        """The distinct values of n."""
        return np.unique(self.n)


def path_name(path: Path) -> str:
    """A path as text, such as "K R^-1"."""
    return " ".join(name if power == 1 else f"{name}^{power}" for name, power in path.items())


@dataclass(frozen=True)
class Cells:
    """All cells of a sweep, flat, with what the theorem says of them."""

    title: str
    measure: str
    claimed: Theorem | None
    measurement: Measurement
    axes: tuple[str, ...]
    coordinates: Mapping[str, NDArray[Any]]
    measured: Array
    stderr: Array
    symbols: Flat
    terms: Flat
    lenient: Flat
    """The terms with smaller constants in what decays exponentially, where constants are hidden."""
    trivial: Array
    applicable: NDArray[np.bool_]
    replicas: float
    doubts: tuple[str, ...] = ()
    """Why what contradicts the bound here need not contradict the theorem."""
    data: xr.Dataset = field(default_factory=xr.Dataset, repr=False)

    @staticmethod
    def of(data: xr.Dataset, claimed: Theorem | None, measure: str) -> Cells:
        wanted = measure or ("" if claimed is None else claimed.bound.measure.name)
        known = measured_names(data)
        name = wanted or next(iter(known), "")
        if name not in known:
            raise TightrateError(
                f"the sweep has no {name or 'measure'}; it measures {', '.join(known) or 'nothing'}"
                f"{'' if claimed is None or measure else f', and {claimed.id} bounds the {name}'}"
            )
        found = measurement(data, name)
        mean = found.measured
        dims = tuple(str(dim) for dim in mean.dims)

        def flat(array: Any) -> Array:
            return np.asarray(
                xr.DataArray(array).broadcast_like(mean).transpose(*dims).values, dtype=np.float64
            ).ravel()

        coordinates = {dim: np.asarray(mean[dim].broadcast_like(mean).transpose(*dims).values).ravel() for dim in dims}
        numbers = [dim for dim, values in coordinates.items() if values.dtype.kind in "iuf"]
        axes = tuple(dim for dim in numbers if len(np.unique(coordinates[dim][_has_a_logarithm(coordinates[dim])])) > 1)
        size = mean.size
        terms: Flat = {}
        lenient: Flat = {}
        trivial, applicable = np.full(size, np.inf), np.ones(size, dtype=bool)
        if claimed is not None:
            bound = claimed.bound.weakest
            letters = {name for condition in claimed.conditions for name in condition.symbols}
            more = symbols_at_cells(data, claimed, {*claimed.bound.letters, *letters} - set(found.symbols))
            found = Measurement(
                mean,
                found.what,
                {**more, **found.symbols},
                found.stderr,
                found.rounding,
                found.instance,
                found.replicas,
            )
            missing = sorted(set(bound.letters) - set(found.symbols))
            if missing:
                raise TightrateError(f"{claimed.id} needs {', '.join(missing)}, which the sweep does not have")
            terms = {term.name: flat(found.at(term.expression)) for term in bound.terms}
            lenient = terms
            if claimed.bound.constants != "explicit":
                lenient = {term.name: flat(found.at(forgiving(term.expression))) for term in bound.terms}
            ceiling = trivial_bound(claimed)
            if ceiling != sympy.oo:
                trivial = flat(found.at(ceiling))
            for condition in claimed.conditions:
                if condition.relation is not None and condition.symbols <= set(found.symbols):
                    applicable &= ~flat(condition.fails_at(found.symbols)).astype(bool)
        replicas = flat(found.replicas)
        return Cells(
            str(data.attrs.get("title", "the sweep")),
            name,
            claimed,
            found,
            axes,
            coordinates,
            flat(mean),
            flat(found.stderr),
            {symbol: flat(values) for symbol, values in found.symbols.items()},
            terms,
            lenient,
            trivial,
            applicable,
            float(replicas.min()) if np.isfinite(replicas).all() and (replicas > 1).all() else 0.0,
            () if claimed is None else tuple(doubts(data, claimed, found)),
            data,
        )

    @property
    def size(self) -> int:
        """The number of cells."""
        return len(self.measured)

    @property
    def bound(self) -> Array:
        """The sum of the terms; 1 without a theorem."""
        return np.asarray(sum(self.terms.values(), np.zeros(self.size)) if self.terms else np.ones(self.size))

    def dataset(self) -> xr.Dataset:
        """What is fitted, on the axes of the sweep."""
        mean = self.measurement.measured

        def on_the_grid(values: Array) -> xr.DataArray:
            return mean.copy(data=values.reshape(mean.shape))

        of_the_theorem = {f"term: {name}": on_the_grid(values) for name, values in self.terms.items()}
        if self.terms:
            of_the_theorem["bound"] = on_the_grid(self.bound)
        return xr.Dataset({"mean": mean, "stderr": on_the_grid(self.stderr), **of_the_theorem})

    @property
    def side(self) -> Side:
        """From which side the bound is one."""
        kind = "upper" if self.claimed is None else self.claimed.bound.kind
        return "both" if kind == "exact" else kind

    def speaks(self, constant: float = 1.0) -> NDArray[np.bool_]:
        """Where the bound times a constant says more than the start does; what exceeds the start was not granted."""
        return np.asarray((constant * self.bound <= self.trivial) | (self.measured > self.trivial))

    @property
    def counts(self) -> NDArray[np.bool_]:
        """The cells that count."""
        known = np.isfinite(self.measured) & (self.measured > 0) & (self.measured > CERTAIN * self.stderr)
        sensible = np.isfinite(self.bound) & (self.bound > TINY)
        return np.asarray(known & sensible & self.applicable & self.speaks())

    def leading(self) -> NDArray[np.int_]:
        """The number of the term that leads in a cell, -1 where none does."""
        if not self.terms:
            return np.zeros(self.size, dtype=int)
        values = np.array(list(self.terms.values()))
        largest, whole = values.max(axis=0), values.sum(axis=0)
        with np.errstate(invalid="ignore"):
            leads = largest >= DOMINATES * (whole - largest)
        return np.where(leads, values.argmax(axis=0), -1)

    def dominance(self) -> Iterator[Dominance]:
        """Where each term leads, the cells that do not count included."""
        leader = self.leading()
        for number, term in enumerate(self.terms):
            yield from self._where(term, leader == number)
        if self.terms:
            yield from self._where("no term leads", leader < 0)

    def _where(self, what: str, inside: NDArray[np.bool_]) -> Iterator[Dominance]:
        if inside.any():
            ranges = {
                name: (float(self.coordinates[name][inside].min()), float(self.coordinates[name][inside].max()))
                for name in self.axes
            }
            yield Dominance(what, int(inside.sum()), ranges)

    def notes(self) -> Iterator[str]:
        """What a reader must know."""
        for name, values in self.coordinates.items():
            if values.dtype.kind in "iuf" and len(np.unique(values)) > 1:
                ends = np.unique(values[~_has_a_logarithm(values)])
                if len(ends):
                    these = " and ".join(f"{name} = {end:g}" for end in ends)
                    beside = "the other cells are" if name in self.axes else "nothing is"
                    yield f"cells with {these} have no place on a line along {name}: {beside} fitted along it"
        if self.claimed is None:
            return
        reasons = {
            "the bound says no more than the start alone": ~self.speaks(),
            "a condition of the theorem fails": ~self.applicable,
            "the value is not resolved or has diverged": ~(
                np.isfinite(self.measured) & (self.measured > 0) & (self.measured > CERTAIN * self.stderr)
            ),
        }
        for reason, where in reasons.items():
            if where.any():
                yield f"{int(where.sum())} of {self.size} cells do not count: {reason}"
        yield from self.doubts
        if self.claimed.bound.kind == "lower":
            yield "a lower bound speaks of its hard instance; another one may decay faster"
        unchecked = self.claimed.unchecked_at(self.measurement.symbols)
        if unchecked:
            yield f"not checked: {'; '.join(unchecked)}"

    # --- lines ----------------------------------------------------------------------------------------------------

    def _lines(self, path: Path) -> NDArray[np.int_]:
        """The line that each cell lies on: what all cells of a line share is another axis, or a ratio of powers."""
        first = next(iter(path))
        keys = []
        for name, values in self.coordinates.items():
            if name not in path:
                keys.append(np.unique(values, return_inverse=True)[1].astype(np.float64))
            elif name != first:
                with np.errstate(divide="ignore", invalid="ignore"):
                    shared = np.log(values) - float(path[name]) * np.log(self.coordinates[first])
                keys.append(np.round(np.nan_to_num(shared) / SAME / 10) * 10)
        if not keys:
            return np.zeros(self.size, dtype=int)
        return np.unique(np.column_stack(keys), axis=0, return_inverse=True)[1].ravel()

    def fitted(self, path: Path) -> Iterator[FittedExponent]:
        """The exponents along a path, for each term that leads in cells of it."""
        leader = self.leading()
        on_lines = np.all([_has_a_logarithm(self.coordinates[name]) for name in path], axis=0)
        for number, term in enumerate(self.terms or [""]):
            segment = self._segment(path, term, self.counts & on_lines & (leader == number))
            if len(segment.levels) > 1:
                yield self._fitted(segment)

    def _segment(self, path: Path, term: str, inside: NDArray[np.bool_]) -> Segment:
        """The lines of these cells along a path; what stands alone on its line says nothing."""
        lines = self._lines(path)
        chosen = np.flatnonzero(inside & (np.bincount(lines[inside], minlength=lines.max() + 1)[lines] > 1))
        return Segment(
            path,
            term,
            chosen,
            self.coordinates[next(iter(path))][chosen].astype(np.float64),
            np.unique(lines[chosen], return_inverse=True)[1].ravel(),
            {
                name: np.unique(values[chosen], return_inverse=True)[1].astype(np.float64)
                for name, values in self.coordinates.items()
                if name not in path
            },
        )

    def _pooled(self, segment: Segment, predicted: Array) -> Pooled:
        inside = segment.inside
        return Pooled(
            segment.n,
            segment.line,
            self.measured[inside],
            self.stderr[inside],
            predicted[inside],
            segment.others,
            self.replicas,
        )

    def _fitted(self, segment: Segment) -> FittedExponent:
        raw = self._pooled(segment, np.ones(self.size)).fit()
        shown: dict[str, Any] = {
            "path": path_name(segment.path),
            "along": dict(segment.path),
            "term": segment.term,
            "cells": len(segment.inside),
            "lines": int(segment.line.max()) + 1,
            "values": tuple(float(value) for value in segment.levels),
            "raw": raw.estimate,
        }
        if self.claimed is None:
            return FittedExponent(estimate=raw.estimate, low=raw.low, high=raw.high, local=raw.local, **shown)
        term = self.terms[segment.term]
        of_term = self._pooled(segment, term).fit()
        exactly, factor = self._exactly(segment)
        alone = Pooled(
            segment.n,
            segment.line,
            term[segment.inside],
            np.zeros(len(segment.n)),
            np.ones(len(segment.n)),
            segment.others,
        )
        predicted = alone.fit().estimate if exactly is None else float(exactly)
        fits = [
            self._pooled(segment, self.bound).fit(logarithm=one, side=self.side)
            for one in self._hidden_logarithms(segment)
        ]
        fit = min(fits, key=lambda one: one.low_logarithm if self.side != "lower" else -one.high_logarithm)
        ratio = self._ratio(segment)
        status, reason, needed = self._judged(segment, fit, ratio[1])
        return FittedExponent(
            estimate=predicted + of_term.estimate,
            low=predicted + of_term.low,
            high=predicted + of_term.high,
            local=tuple(predicted + one for one in of_term.local),
            predicted=predicted,
            exactly=exactly,
            factor=factor,
            excess=(fit.estimate, fit.low, fit.high),
            ratio=ratio,
            status=status,
            reason=reason,
            needed=needed,
            **shown,
        )

    def _ratio(self, segment: Segment) -> tuple[float, float]:
        """measured / bound at the first and the last value, the middle one of all lines."""
        ratio = self.measured[segment.inside] / self.bound[segment.inside]
        first, last = (float(np.median(ratio[segment.n == end])) for end in (segment.levels[0], segment.levels[-1]))
        return first, last

    def _hidden_logarithms(self, segment: Segment) -> list[Array | None]:
        """Logarithms of which a bound up to logarithms may hide a power; None where it hides none."""
        assert self.claimed is not None
        if self.claimed.bound.constants != "hidden with logs":
            return [None]
        counts = [self.symbols[name][segment.inside] for name in ("K", "R", "M") if name in self.symbols]
        return [np.log(2 + segment.n), *([np.log(2 + np.prod(counts, axis=0))] if counts else [])]

    def _judged(self, segment: Segment, fit: PathFit, ratio: float) -> tuple[Status, str, str]:
        """Consistent where an excess of 1/6 is excluded, violated where the ratio grows for certain and no constant
        that is not large explains it, inconclusive otherwise; with the reason, and what would settle it."""
        assert self.claimed is not None
        side, name = self.side, path_name(segment.path)
        hidden = self.claimed.bound.constants == "hidden with logs"
        longer = f"a longer range of {name}"
        too_slow = fit.high >= SMALLEST_EXCESS and not (hidden and fit.high_logarithm < SMALLEST_EXCESS)
        too_fast = fit.low <= -SMALLEST_EXCESS and not (hidden and fit.low_logarithm > -SMALLEST_EXCESS)
        if len(segment.levels) < FEWEST_LEVELS:
            return "inconclusive", f"two values of {name} do not show whether the exponent drifts", longer
        if not ((too_slow and side != "lower") or (too_fast and side != "upper")):
            if fit.low <= EXACTLY and fit.high >= -EXACTLY:
                return "consistent", "it agrees with the bound", ""
            return "consistent", ROOM if side == "upper" else "it differs by less than 1/6", ""
        if side == "lower":
            reason = "it decays faster than the bound, which other instances than the hard one may"
            return "inconclusive", reason, "the instance that the lower bound speaks of"
        grows = fit.certain_low > 0 and fit.estimate > TRANSIENT
        if self._contradicted(segment):
            reason = (
                f"measured / bound keeps growing, with the exponent {fit.estimate:.3f}, and reaches {ratio:.3g}: no"
                " constant makes the bound true"
            )
            return "violated", reason, ""
        if side == "both" and (grows or (fit.certain_high < 0 and fit.estimate < -TRANSIENT)):
            return "violated", f"measured / predicted has the exponent {fit.estimate:.3f}, where none is allowed", ""
        grown = "it grows, as it does below any constant that is not reached yet"
        reason = (
            f"measured / bound has the exponent {fit.estimate:.3f} ({fit.low:.3f} to {fit.high:.3f}) and ends at"
            f" {ratio:.3g}: {grown if grows else 'an excess of 1/6 is neither excluded nor certain'}"
        )
        if 0 < ratio < 1 and fit.estimate > TRANSIENT:
            further = segment.levels[-1] * ratio ** (-1 / fit.estimate)
            return "inconclusive", reason, f"{longer}, to about {further:.2g}, where at this pace the ratio exceeds 1"
        if fit.noise > SMALLEST_EXCESS / 4:
            times = math.ceil((4 * fit.noise / SMALLEST_EXCESS) ** 2)
            return "inconclusive", reason, f"{longer}, or about {times} times the replicas"
        return "inconclusive", reason, longer

    def _contradicted(self, whole: Segment) -> bool:
        """Whether the cells where the bound speaks even with a larger constant grow beyond it for certain, and no other
        term of it grows along with what was measured."""
        number = list(self.terms).index(whole.term)
        segment = self._segment(
            whole.path, whole.term, self.counts & (self.leading() == number) & self.speaks(HIDDEN_CONSTANT)
        )
        if len(segment.levels) < FEWEST_LEVELS or segment.levels[-1] / segment.levels[0] < SHORTEST:
            return False
        last = segment.inside[segment.n == segment.levels[-1]]
        bound = np.asarray(sum(self.lenient.values(), np.zeros(self.size)))
        if not (self.measured[last] - CERTAIN * self.stderr[last] > bound[last]).all():
            return False
        measured = self.measured[segment.inside]
        hidden = [one for one in self._hidden_logarithms(segment) if one is not None]
        most = NEGLIGIBLE * np.max([np.ones(len(measured)), *(one**MOST_LOGARITHMS for one in hidden)], axis=0)
        matters = [one for one in self.lenient.values() if (one[segment.inside] * most > measured).any()]
        return all(self._grows(segment, predicted) for predicted in (bound, *matters))

    def _grows(self, segment: Segment, predicted: Array) -> bool:
        """Whether measured / predicted grows for certain, like a power, hidden logarithms allowed for."""
        if not (predicted[segment.inside] > 0).all():
            return False
        logarithms = self._hidden_logarithms(segment)
        fits = [self._pooled(segment, predicted).fit(logarithm=one) for one in logarithms]
        return all(
            fit.certain_low > 0 and fit.estimate > TRANSIENT and (one is None or fit.low_logarithm > TRANSIENT)
            for fit, one in zip(fits, logarithms, strict=True)
        )

    # --- the term's own exponent ----------------------------------------------------------------------------------

    def _exactly(self, segment: Segment) -> tuple[Fraction | None, str]:
        """The exponent of a term along a path, where the active branches make it a power; and logarithms beside it."""
        assert self.claimed is not None
        path, inside = segment.path, segment.inside
        expression = self.claimed.bound.weakest.term(segment.term).expression
        values = {name: array[inside] for name, array in self.symbols.items()}
        derived = {name: e for name, e in self._derived().items() if self._agrees(e, name, inside)}
        active = _active(substituted(expression, derived), values)
        if active is None:
            return None, ""
        moving = {name for name in self.symbols if (values[name] != values[name][0]).any()} | set(path)
        if {symbol.name for symbol in active.free_symbols} & moving - set(self.axes):
            return None, ""  # a symbol that follows from the axes in a way that is not known
        shape = monomial(active)
        beside = [one for one in shape.factors if {s.name for s in one.free_symbols} & set(path)]
        if not all(isinstance(one.as_base_exp()[0], sympy.log) for one in beside):
            return None, ""
        total = sum(
            (
                shape.exponents.get(name, sympy.Integer(0)) * sympy.Rational(power.numerator, power.denominator)
                for name, power in path.items()
            ),
            sympy.Integer(0),
        )
        if not total.is_Rational:
            alpha = {
                s: sympy.nsimplify(float(values[s.name][0]), rational=True)
                for s in total.free_symbols
                if s.name in values
            }
            total = total.subs(alpha)
            if not total.is_Rational:
                return None, ""
        return Fraction(int(total.p), int(total.q)), "a logarithm" if beside else ""

    def _derived(self) -> dict[str, Expr]:
        """Symbols that follow from others: prescribed steps, equations among the conditions, T = K R."""
        assert self.claimed is not None
        relations = [condition.relation for condition in self.claimed.conditions]
        equal = [one for one in relations if isinstance(one, sympy.Eq) and isinstance(one.lhs, sympy.Symbol)]
        equations = {one.lhs.name: one.rhs for one in equal}
        steps = LETTERS["K"].symbol * LETTERS["R"].symbol
        return {"T": steps, **equations, **self.claimed.steps}

    def _agrees(self, expression: Expr, name: str, inside: NDArray[np.int_]) -> bool:
        """Whether a symbol of the cells has the value that the theorem gives it."""
        needed = {symbol.name for symbol in expression.free_symbols}
        if name not in self.symbols or not needed <= set(self.symbols):
            return False
        found = np.asarray(at(expression, {one: self.symbols[one][inside] for one in needed}), dtype=np.float64)
        return bool(np.allclose(found, self.symbols[name][inside], rtol=1e-9, atol=0))

    # --- the verdict ----------------------------------------------------------------------------------------------

    def verdict(self, fitted: Sequence[FittedExponent]) -> Verdict:
        """By exponents, and by value where the constants are explicit; the most serious speaks.

        What contradicts the bound where the theorem may not speak of the sweep contradicts nothing.
        """
        assert self.claimed is not None
        found = self._by_exponents(fitted)
        if self.claimed.bound.constants == "explicit" and self.claimed.bound.kind == "upper":
            by_value = Bounded(self.claimed, self._applicable()).check()
            if by_value.status == "violated":
                found = joined({"values": by_value, "exponents": found})
        if found.status != "violated":
            return found
        doubts = [*self.doubts, *outside_of_the_class(self.data, self.claimed, self.measurement)]
        if not doubts:
            return found
        sentence = f"{found.sentence.rstrip('.')}, but {'; '.join(doubts)}."
        return replace(found, status="inconclusive", sentence=sentence, witness=None)

    def _applicable(self) -> Measurement:
        """The cells in which no condition is known to fail."""
        shape = self.measurement.measured.shape
        inside = self.measurement.measured.copy(data=self.applicable.reshape(shape))
        return self.measurement.mapped(
            lambda array: array.where(inside) if array.dims and array.dtype.kind in "fiu" else array
        )

    def _by_exponents(self, fitted: Sequence[FittedExponent]) -> Verdict:
        assert self.claimed is not None
        predicted = ", ".join(f"{one.path}^{one.predicted:.3g}" for one in fitted if one.predicted is not None)
        measured = ", ".join(f"{one.path}^{one.estimate:z.3f}" for one in fitted)
        evidence = {f"along {one.path}: {one.term}": one.as_json() for one in fitted}
        texts = predicted or "-", measured or "-"
        if not fitted:
            sentence = (
                f"No exponent can be read off: on no line a term of {self.claimed.id} leads in two cells that count."
            )
            return Verdict("inconclusive", sentence, *texts, evidence=evidence)
        of = {status: [one for one in fitted if one.status == status] for status in ("violated", "inconclusive")}
        if wrong := of["violated"]:
            worst = max(wrong, key=lambda one: abs(one.excess[0]) if one.excess else 0.0)
            assert worst.excess is not None
            witness = {
                "along": worst.path,
                "term": worst.term,
                "values": list(worst.values),
                "local exponents": list(worst.local),
            }
            return Verdict("violated", worst.sentence, *texts, worst.excess[1:], evidence, witness)
        if open_ones := of["inconclusive"]:
            return Verdict("inconclusive", open_ones[0].sentence, *texts, evidence=evidence)
        paths = ", ".join(dict.fromkeys(one.path for one in fitted))
        sentence = f"Along {paths} every excess of 1/6 over {self.claimed.id} is excluded."
        return Verdict("consistent", sentence, *texts, evidence=evidence)


def doubts(data: xr.Dataset, claimed: Theorem, found: Measurement) -> Iterator[str]:
    """Why a theorem may not speak of a sweep: its algorithm, its steps, a tuned step at an end of its grid."""
    if "sweep" not in data.attrs:
        return
    sweep = json.loads(data.attrs["sweep"])
    algorithms = sweep["axes"].get("algorithm", [sweep["algorithm"]])
    for algorithm in algorithms:
        known = algorithm in ALGORITHMS.entries()
        if claimed.algorithm != algorithm and not (known and claimed.id in ALGORITHMS.describe(algorithm).theorems):
            yield f"{claimed.id} speaks of {claimed.algorithm}, not of {algorithm}"
    spoken_of = {*claimed.bound.letters, *(name for condition in claimed.conditions for name in condition.symbols)}
    for name in ("eta", "gamma"):
        if name not in found.symbols or name in spoken_of or isinstance(sweep["steps"].get(name), dict):
            continue
        if name == "eta" and "K" in found.symbols and bool(np.isinf(found.symbols["K"]).all()):
            continue  # local problems are solved, with whatever steps
        values = found.symbols[name]
        step = claimed.steps.get(name)
        if step is None:
            if name == "eta":
                yield f"{claimed.id} holds for some {name}, which was neither tuned nor prescribed here"
        elif not _is(step, values, found):
            yield f"{claimed.id} prescribes another {name}"
    if "interior" in data and (ends := int((data["interior"] == 0).sum())):
        yield f"the tuned step lies at an end of its grid in {ends} cells"
    yield from data.attrs.get("notes", ())


def _is(expression: Expr, values: xr.DataArray, found: Measurement) -> bool:
    """Whether a symbol has everywhere the value that an expression of the others gives it."""
    if not {symbol.name for symbol in expression.free_symbols} <= set(found.symbols):
        return False
    return bool((abs(found.at(expression) - values) <= ROUNDING * abs(values)).all())


def outside_of_the_class(data: xr.Dataset, claimed: Theorem, found: Measurement) -> list[str]:
    """Why instances of a sweep are not in the class that the theorem's symbols describe; none where all are."""
    if "sweep" not in data.attrs:
        return []
    sweep = json.loads(data.attrs["sweep"])
    letters = {name: found.symbols[name] for name in claimed.bound.letters if name in found.symbols}
    dims = list(sweep["axes"])
    problems = Problems()
    for place in np.ndindex(*(len(sweep["axes"][name]) for name in dims)):
        where = dict(zip(dims, place, strict=True))
        chosen = {name: sweep["axes"][name][index] for name, index in where.items()}
        problem = chosen.get("problem", sweep["problem"])
        if problem not in PROBLEMS.entries():
            return []
        at = {name: float(array.isel(where, missing_dims="ignore")) for name, array in letters.items()}
        try:
            built = problems.get(problem, {"seed": sweep["seed"], **sweep["parameters"], **chosen})
            check_class(built, at, problem)
        except TightrateError as reason:
            return [str(reason)]
    return []


def _active(expression: Expr, values: Flat) -> Expr | None:
    """The expression with every minimum and maximum replaced by the branch that is active in all cells; None where
    none is in all of them."""
    if not expression.args or isinstance(expression, sympy.log):
        return expression
    arguments = [part for part in (_active(one, values) for one in expression.args) if part is not None]
    if len(arguments) < len(expression.args):
        return None
    if not isinstance(expression, sympy.Min | sympy.Max):
        return expression.func(*arguments)
    count = len(next(iter(values.values())))
    found = np.array(
        [
            np.asarray(at(part, {s.name: values[s.name] for s in part.free_symbols}), dtype=np.float64)
            + np.zeros(count)
            for part in arguments
        ]
    )
    chosen = found.argmin(axis=0) if isinstance(expression, sympy.Min) else found.argmax(axis=0)
    return arguments[int(chosen[0])] if (chosen == chosen[0]).all() else None
