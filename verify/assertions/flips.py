"""What would have turned a verdict around: the smallest factor, and the smallest exponent along each axis.

A bound that would still stand if it were ten thousand times sharper, or by a third of a power in every direction, was
hardly tested: that is weak evidence, and is said.  A bound that is attained within a factor of two is tested, however
short the ranges on which a power would show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tightrate.verify.assertions.thresholds import ATTAINED, WEAK_EXPONENT, WEAK_FACTOR

MOST = 2.0  # the largest exponent that is tried


def smallest(wrong: Callable[[float], bool], most: float = MOST, digits: float = 1e-4) -> float:
    """The smallest size from which on something is wrong, to some digits; infinite where the largest is not.

    >>> round(smallest(lambda size: size > 1 / 3), 3)
    0.333
    """
    if wrong(0.0):
        return 0.0
    if not wrong(most):
        return np.inf
    low, high = 0.0, most
    while high - low > digits:
        middle = (low + high) / 2
        low, high = (low, middle) if wrong(middle) else (middle, high)
    return high


def flips(
    factor: float | None = None,
    exponents: Mapping[str, float] | None = None,
    *,
    change: float | None = None,
    ranges: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Evidence for a verdict: the factor by which a bound would have to be sharper for the same judge to call it
    violated, and the least exponents by which it would have to be; infinite where none would do.  `change` is the least
    relative change of an equality's prediction, `ranges` are the factors by which ranges would have to be narrower.

    >>> flips(2.0, {"K": 0.1})
    {'would be violated': {'if sharper by a factor of': 2.0, 'if sharper by an exponent of': {'K': 0.1}}}
    >>> flips(exponents={"K": 0.5})["weak evidence"]
    'no exponent that is wrong by less than 1/3 would have been noticed'
    >>> flips(change=1e-10)
    {'would be violated': {'if changed by a relative amount of': 1e-10}}
    """
    found: dict[str, Any] = {}
    weak = []
    if factor is not None:
        found["if sharper by a factor of"] = factor
        if not factor <= WEAK_FACTOR:
            weak.append(f"a bound {WEAK_FACTOR:g} times sharper would have stood")
    if exponents:
        found["if sharper by an exponent of"] = {name: round(value, 5) for name, value in exponents.items()}
        attained = factor is not None and factor <= 1 / ATTAINED
        if not attained and not min(exponents.values()) <= WEAK_EXPONENT:
            weak.append("no exponent that is wrong by less than 1/3 would have been noticed")
    if change is not None:
        found["if changed by a relative amount of"] = change
        if not change <= WEAK_EXPONENT:
            weak.append("no prediction that is wrong by less than a third would have been noticed")
    if ranges:
        found["if a range were narrower by a factor of"] = dict(ranges)
        if factor is None and not exponents and not min(ranges.values()) <= WEAK_FACTOR:
            weak.append(f"ranges {WEAK_FACTOR:g} times narrower would have stood")
    evidence: dict[str, Any] = {"would be violated": found} if found else {}
    return {**evidence, **({"weak evidence": "; ".join(weak)} if weak else {})}
