"""Judging limits of exact numbers: exponents that are reached only as a parameter grows, and values that are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tightrate.verify.verdict import Verdict

Array = NDArray[np.float64]
SETTLED = 0.1  # a deviation this much below the resolution may fluctuate


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


def judge_limiting_exponents(lines: Sequence[Line], *, what: str, predicted: str, resolution: float) -> Verdict:
    """Local slopes must come within `resolution` of the predicted exponent at the end, and come closer before.

    Violated where the last slope is farther away than that and not on its way (less than a tenth closer than the one
    before it); inconclusive where it is on its way but has not arrived, with the x at which it would arrive if every
    further point came closer by the same factor.  There is no noise, hence no interval.
    """
    last = {line.name: float(line.slopes[-1]) for line in lines}
    evidence: dict[str, Any] = {
        "resolution": resolution,
        **{f"slopes: {line.name}": [float(slope) for slope in line.slopes] for line in lines},
    }
    worst = max(lines, key=lambda line: np.nan_to_num(line.deviations[-1], nan=np.inf))
    texts = (predicted, f"{worst.name}: {last[worst.name]:.3f}")
    arrived = [_arrived(line, resolution) for line in lines]
    away = [line for line in lines if not _arrived(line, resolution) and not _on_its_way(line)]
    if away:
        witness = {
            "line": away[0].name,
            "x": away[0].x.tolist(),
            "y": away[0].y.tolist(),
            "slopes": away[0].slopes.tolist(),
        }
        sentence = (
            f"{what}: along {away[0].name} the slope ends at {last[away[0].name]:.3f} and does not approach"
            f" {away[0].exponent:g}."
        )
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=witness)
    if not all(arrived):
        sentence = (
            f"{what}: along {worst.name} the slope {last[worst.name]:.3f} is still on its way to its limit; at its pace"
            f" it comes within {resolution:g} near x = {arrival(worst, resolution):.2g}."
        )
        return Verdict("inconclusive", sentence, *texts, evidence=evidence)
    sentence = f"{what}: every one of {len(lines)} slopes comes within {resolution:g} of its limit."
    return Verdict("consistent", sentence, *texts, evidence=evidence)


def also(verdict: Verdict, facts: Sequence[bool], sizes: Mapping[str, Any]) -> Verdict:
    """The verdict with more evidence; violated if it was good but one of these facts, named by `sizes`, is false."""
    told = replace(verdict, evidence={**verdict.evidence, **sizes})
    if all(facts) or verdict.status in ("violated", "error"):
        return told
    wrong = [f"{name} is {size:.4g}" for (name, size), good in zip(sizes.items(), facts, strict=False) if not good]
    sentence = f"Not as stated: {'; '.join(wrong)}."
    return replace(told, status="violated", sentence=sentence, measured=wrong[0], witness=dict(sizes))


def arrival(line: Line, resolution: float) -> float:
    """Where the last deviation's decay, continued geometrically, reaches the resolution; inf where it does not decay.

    >>> x = 2.0 ** np.arange(4)
    >>> float(round(arrival(Line("x", x, x * np.exp(-1 / x), 1.0), 1e-3) / x[-1]))
    256.0
    """
    before, last = (float(size) for size in line.deviations[-2:])
    if not 0 < last < before:
        return np.inf
    points = np.ceil(max(np.log(last / resolution) / np.log(before / last), 1.0))
    with np.errstate(over="ignore"):
        return float(line.x[-1] * (line.x[-1] / line.x[-2]) ** points)


def _arrived(line: Line, resolution: float) -> bool:
    ends = line.deviations[-2:]
    return bool(ends[-1] <= resolution and (ends[-1] <= ends[0] or ends[-1] <= SETTLED * resolution))


def _on_its_way(line: Line) -> bool:
    ends = line.deviations[-2:]
    return bool(ends[-1] < 0.9 * ends[0])
