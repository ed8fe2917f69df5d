"""What one statement implies for another: a special case, a rate tuned over a parameter, a bound solved for a symbol.

An implication is written beside the statement that it starts from, in a function `implications()` of that paper's
module.  It only says what is to be shown; `tightrate.rates.relations.implications` finds all of them and decides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import sympy
from sympy import Expr

from tightrate.rates.formulas.display import text
from tightrate.rates.symbols.alphabet import T
from tightrate.rates.symbols.hypothesis import Given

Relation = Literal["=", "~", "<~"]
Values = Mapping[str, Expr | int]


def _formula(value: Expr | int) -> str:
    """As it stands between the dollar signs of a sentence: products without stars."""
    return text(sympy.sympify(value, strict=True)).replace("*", " ")


@dataclass(frozen=True)
class Implication:
    """Two entries of the catalogue, values of their symbols, and how they are related there.

    The target "0" is zero.  `terms` restricts both sides to terms of these names; with `without_logarithms` every
    logarithm is set to one.  `fails_because` is the reason of one that a reader would expect and that does not hold.
    """

    source: str
    target: str
    relation: Relation
    at: Values = field(default_factory=dict)
    target_at: Values = field(default_factory=dict)
    given: Given = ()
    terms: tuple[str, ...] = ()
    without_logarithms: bool = False
    fails_because: str = ""

    @property
    def operation(self) -> str:
        """What happens to the source, a sentence's part with formulas between dollar signs."""
        values = (f"${name} = {_formula(value)}$" for name, value in self.at.items())
        return ", ".join(values) or "as it stands"


@dataclass(frozen=True)
class Specialization(Implication):
    """`source` at these values is `factor` times `target`, of its order, or at most of its order."""

    factor: Expr | int = 1


@dataclass(frozen=True)
class TunedBound(Implication):
    """The minimum of `source` over `letter` between floor and cap is related to `target`.

    >>> from tightrate.rates.symbols.alphabet import L
    >>> TunedBound("dekel2012/fixed-step", "dekel2012/convex", "~", cap=1 / L).operation
    'minimized over $eta$ at most $1/L$'
    """

    letter: str = "eta"
    cap: Expr | None = None
    floor: Expr | None = None

    @property
    def operation(self) -> str:
        """What happens to the source, in words."""
        ends = [
            f"{word} ${text(end)}$"
            for word, end in (("at most", self.cap), ("at least", self.floor))
            if end is not None
        ]
        at_values = "" if not self.at else f" at {super().operation}"
        return f"minimized over ${self.letter}$ {' and '.join(ends)}".rstrip() + at_values


@dataclass(frozen=True)
class SolvedBound(Implication):
    """Where every term of `source` is at most `value`, solved for `letter`, is related to `target`.

    >>> from tightrate.rates.symbols.alphabet import eps
    >>> SolvedBound("woodworth2020/convex", "patel2024/eq10-old", "=", letter="zeta", value=eps).operation
    'every term at most $eps$, solved for $zeta$'
    """

    letter: str = "eps"
    value: Expr = T

    @property
    def operation(self) -> str:
        """What happens to the source, in words."""
        at_values = "" if not self.at else f" at {super().operation}"
        return f"every term at most ${_formula(self.value)}$, solved for ${self.letter}${at_values}"
