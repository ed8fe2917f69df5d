"""The largest step sizes that conditions allow, and the fastest averaging: a theorem used to the full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.theorem import ROUNDING, Condition
from tightrate.rates.symbols.alphabet import beta2

Array = NDArray[np.float64]
SMALLEST, LARGEST = 1e-14, 1e6  # between which a largest admissible step is looked for
BISECTIONS = 60
COMPLEMENT = sympy.Symbol("complement", positive=True)  # 1 - beta2


def largest_step(conditions: Sequence[Condition], symbols: Mapping[str, ArrayLike], name: str = "eta") -> Array:
    """The largest step of that name that every condition allows, by bisection; conditions on small steps only.

    >>> from tightrate.rates.symbols.alphabet import L, eta
    >>> step = largest_step([Condition("at most 1/L", sympy.Le(eta * L, 1))], {"L": np.array([1.0, 4.0])})
    >>> step.round(6).tolist()
    [1.0, 0.25]
    """
    bounding = [one for one in conditions if mentions((one,), name) and not isinstance(one.relation, sympy.Eq)]
    if not bounding:
        raise TightrateError(f"no condition bounds {name}")
    shape = np.broadcast_shapes(*(np.shape(value) for value in symbols.values()))
    low, high = np.full(shape, np.log(SMALLEST)), np.full(shape, np.log(LARGEST))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        step: dict[str, Any] = {**symbols, name: np.exp(middle)}
        allowed = np.logical_and.reduce([np.broadcast_to(one.holds_at(step), shape) for one in bounding])
        low, high = np.where(allowed, middle, low), np.where(allowed, high, middle)
    return np.asarray(np.exp(low) * (1 - 2 * ROUNDING))  # inside also where conditions are not read to rounding


def fastest_averaging(conditions: Sequence[Condition], symbols: Mapping[str, ArrayLike]) -> Array:
    """The largest 1 - beta2, at most 1, that the conditions allow."""
    of_complement = [
        Condition(one.text, one.relation.xreplace({beta2: 1 - COMPLEMENT}))
        for one in conditions
        if one.relation is not None and beta2 in one.relation.free_symbols
    ]
    return np.minimum(1.0, largest_step(of_complement, symbols, COMPLEMENT.name))


def mentions(conditions: Sequence[Condition], name: str) -> bool:
    """Whether a condition that numbers can decide speaks of the symbol of that name."""
    return any(name in condition.symbols for condition in conditions)
