r"""Assumptions beside a bound, as far as they say which units its letters have.

`\|\nabla f(x)-\nabla f(y)\| \le H\|x-y\|` gives H the unit of a curvature, whatever H usually means.

    >>> (fact,) = assumption(r"\|\nabla f(x)-\nabla f(y)\| \le H\|x-y\|", {})
    >>> str(fact.other), sorted(str(symbol).rpartition(":")[0] for symbol in fact.one.free_symbols)
    ('value length^-1', ['H', '\\|x-y\\|'])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sympy import Add

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.display_parts import is_measure, take_apart
from tightrate.rates.formulas.grammar import Grammar
from tightrate.rates.formulas.left_side import left_side
from tightrate.rates.formulas.letter_notation import spell
from tightrate.rates.formulas.macros import Macro
from tightrate.rates.formulas.tokens import Readable, Token
from tightrate.rates.symbols.unit_inference import UnitFact

_BRACKETS = {"(": 1, "[": 1, "{": 1, r"\{": 1, r"\langle": 1, ")": -1, "]": -1, "}": -1, r"\}": -1, r"\rangle": -1}


def is_assumption(text: str, macros: Mapping[str, Macro] | None = None) -> bool:
    r"""Whether a text is an inequality about gradients, function values or points, rather than between letters.

    >>> is_assumption(r"\mathbb E\|g-\nabla f(x)\|^2 \le \sigma^2"), is_assumption(r"\eta \le 1/L")
    (True, False)
    """
    try:
        parts = take_apart(text, macros).parts
    except TightrateError:
        return False
    return bool(parts) and all(part.relation and is_measure(part.left) for part in parts)


def assumption(
    text: str, letters: Mapping[str, str], macros: Mapping[str, Macro] | None = None
) -> tuple[UnitFact, ...]:
    """What an assumption says of units: each of its summands on the right has the unit of its left side.

    Empty where the left side is not understood, or a summand is neither a formula in letters nor a measure.
    """
    keys = {spell(source).key: name for source, name in letters.items()}
    display = take_apart(text, macros)
    found: list[UnitFact] = []
    for part in display.parts:
        left = left_side(part.left_pieces, keys, part.left)
        if left.unit is None:
            continue
        for pieces in _summands(part.bound_pieces):
            summand = _read(display.source, pieces, letters)
            if summand is not None:
                found.append(UnitFact(f"the assumption {text.strip()}", summand, left.unit, defines=True))
            elif (unit := left_side(pieces, keys).unit) is not None:
                found.append(UnitFact(f"the assumption {text.strip()}", unit, left.unit, defines=True))
    return tuple(found)


def _read(source: Readable, pieces: Sequence[Token], letters: Mapping[str, str]) -> Add | None:
    try:
        return Add(*Grammar(source, letters, pieces, infer=True).whole())
    except TightrateError:
        return None


def _summands(pieces: Sequence[Token]) -> Iterator[tuple[Token, ...]]:
    """The summands outside all brackets and norms."""
    depth, norm = 0, False
    current: list[Token] = []
    for piece in pieces:
        depth += _BRACKETS.get(piece.text, 0)
        norm ^= piece.text == r"\|"
        if depth == 0 and not norm and piece.text in ("+", "-"):
            yield from (tuple(current),) if current else ()
            current = []
        else:
            current.append(piece)
    yield from (tuple(current),) if current else ()
