"""Hypotheses up to constants: one monomial is at most of the order of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sympy import Expr
from sympy.logic.boolalg import Boolean


@dataclass(frozen=True)
class Hypothesis:
    """`smaller` is at most a constant times `larger`; both are monomials.

    Attributes:
        reason: where it comes from

    >>> from tightrate.rates.symbols.alphabet import K, R
    >>> print(Hypothesis(K, R))
    K <= R
    """

    smaller: Expr
    larger: Expr
    reason: str = "given"

    def __str__(self) -> str:
        return f"{self.smaller} <= {self.larger}"

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"smaller": str(self.smaller), "larger": str(self.larger), "reason": self.reason}


Given: TypeAlias = Sequence[Boolean | Hypothesis]
"""What may be assumed of the symbols: relations between them, and hypotheses up to constants."""
