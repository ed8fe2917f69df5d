"""A value for any parameter, by the kind of symbol that its name stands for: nothing is listed by hand."""

from __future__ import annotations

from typing import Any

from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.parameters import parameters

STEP = 0.1


def typical(name: str) -> Any:
    """A count of 2, a fraction of 0.7, a step of 0.1, and 1 of everything else; a number where the name is no symbol.

    >>> typical("M"), typical("cosine"), typical("eta"), typical("L"), typical("switch")
    (2, 0.7, 0.1, 1.0, 1)
    """
    if name not in LETTERS:
        return 1
    letter = LETTERS[name]
    if letter.counts:
        return 2
    if letter.below_one:
        return 0.7
    return STEP if letter.chosen and letter.unit == LETTERS["eta"].unit else 1.0


def required_of(algorithm: str) -> dict[str, Any]:
    """A value for every parameter of an algorithm that has no default."""
    own = parameters(ALGORITHMS[algorithm])
    return {name: typical(name) for name, one in own.items() if one.required}
