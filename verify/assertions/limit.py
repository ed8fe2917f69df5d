"""Limits of exact numbers: exponents that are reached only as a parameter grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tightrate.verify.assertions.allowances import NEGLIGIBLE, stands_by
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.flips import flips, smallest
from tightrate.verify.assertions.thresholds import SETTLED
from tightrate.verify.measurement import Measurement
from tightrate.verify.verdict import Verdict

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """Exact values `y` along a parameter `x` that moves towards its limit, and the exponent predicted there.

    With side "at most" only a slope above the prediction counts: falling faster contradicts no upper bound.
    """

    name: str
    x: Array
    y: Array
    exponent: float
    side: Literal["equal", "at most"] = "equal"

    @property
    def slopes(self) -> Array:
        """The slopes between neighbours on a doubly logarithmic page; nan where a value is not positive."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.diff(np.log(self.y)) / np.diff(np.log(self.x)))

    @property
    def deviations(self) -> Array:
        """How far each slope is from the prediction, on the sides that count."""
        excess = self.slopes - self.exponent
        return np.abs(excess) if self.side == "equal" else np.maximum(excess, 0.0)

    def arrived(self, resolution: float) -> bool:
        """Whether the last slope is within the resolution, and no longer leaving."""
        before, last = self.deviations[-2:]
        return bool(last <= resolution and (last <= before or last <= SETTLED * resolution))

    @property
    def on_its_way(self) -> bool:
        """Whether the last slope is at least a tenth closer than the one before it."""
        before, last = self.deviations[-2:]
        return bool(last < 0.9 * before)

    def arrival(self, resolution: float) -> float:
        """Where the last deviation's decay, continued geometrically, reaches the resolution; inf where it does not.

        >>> x = 2.0 ** np.arange(4)
        >>> float(round(Line("x", x, x * np.exp(-1 / x), 1.0).arrival(1e-3) / x[-1]))
        256.0
        """
        before, last = (float(size) for size in self.deviations[-2:])
        if not 0 < last < before:
            return np.inf
        points = np.ceil(max(np.log(last / resolution) / np.log(before / last), 1.0))
        with np.errstate(over="ignore"):
            return float(self.x[-1] * (self.x[-1] / self.x[-2]) ** points)


@dataclass(frozen=True)
class Limits:
    """Local slopes come within `resolution` of the predicted exponents at the end, and come closer before.

    There is no noise, hence no interval.
    """

    lines: Sequence[Line]
    what: str
    predicted: str
    resolution: float
    about: tuple[Measurement, ...] = ()

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that the lines were taken from."""
        return self.about

    def check(self) -> Verdict:
        """Violated where the last slope is too far away and not on its way; inconclusive where it has not arrived,
        with the x at which it would arrive if every further point came closer by the same factor."""
        lines, what, resolution = self.lines, self.what, self.resolution
        last = {line.name: float(line.slopes[-1]) for line in lines}
        evidence: dict[str, Any] = {
            "resolution": resolution,
            **{f"slopes: {line.name}": [float(slope) for slope in line.slopes] for line in lines},
        }
        worst = max(lines, key=lambda line: np.nan_to_num(line.deviations[-1], nan=np.inf))
        texts = (self.predicted, f"{worst.name}: {last[worst.name]:.3f}")
        if any(np.isnan(line.deviations[-2:]).any() for line in lines):
            sentence = f"{what}: along {worst.name} the values are not positive numbers."
            return Verdict("error", sentence, *texts, evidence=evidence)
        away = [line for line in lines if not line.arrived(resolution) and not line.on_its_way]
        if away:
            first = away[0]
            witness = {
                "line": first.name,
                "x": first.x.tolist(),
                "y": first.y.tolist(),
                "slopes": first.slopes.tolist(),
            }
            sentence = (
                f"{what}: along {first.name} the slope ends at {last[first.name]:.3f} and does not approach"
                f" {first.exponent:g}."
            )
            return Verdict("violated", sentence, *texts, evidence=evidence, witness=witness)
        if not all(line.arrived(resolution) for line in lines):
            sentence = (
                f"{what}: along {worst.name} the slope {last[worst.name]:.3f} is still on its way to its limit; at its"
                f" pace it comes within {resolution:g} near x = {worst.arrival(resolution):.2g}."
            )
            return Verdict("inconclusive", sentence, *texts, evidence=evidence)
        sentence = f"{what}: every one of {len(lines)} slopes comes within {resolution:g} of its limit."
        sharper = {line.name: smallest(partial(self._is_wrong, line)) for line in lines}
        apart = [
            f"the slope of {line.name} ends {float(line.deviations[-1]):.2g} from its limit"
            for line in lines
            if float(line.deviations[-1]) > NEGLIGIBLE
        ]
        evidence |= stands_by(apart) | flips(exponents=sharper)
        return Verdict("consistent", sentence, *texts, evidence=evidence)

    def _is_wrong(self, line: Line, size: float) -> bool:
        """Whether an exponent that is wrong by so much, towards either side that counts, would be violated."""
        changes = (-size, size) if line.side == "equal" else (-size,)
        lines = (replace(line, exponent=line.exponent + change) for change in changes)
        return any(not one.arrived(self.resolution) and not one.on_its_way for one in lines)

    def mutants(self) -> Mapping[str, Assertion]:
        """One line's exponent wrong by half a power: too small, so that decay is too slow for either side."""
        wrong = {}
        for place, line in enumerate(self.lines):
            lines = list(self.lines)
            lines[place] = replace(line, exponent=line.exponent - 0.5)
            wrong[f"{line.name}: exponent {line.exponent - 0.5:g}"] = replace(self, lines=lines)
        return wrong
