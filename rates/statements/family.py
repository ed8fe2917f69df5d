"""Families of algorithms: which of them are special cases of others.

A family is declared beside the statements of the paper that brings it up, in a function `families()` of that paper's
module; what connects two families is said once, by one of them.
`tightrate.rates.relations.memberships` finds all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Expr, Symbol


@dataclass(frozen=True)
class SpecialCase:
    """A family, values of symbols, and why one algorithm is another there; without values it is so for all of them."""

    family: str
    reason: str
    at: Mapping[Symbol, Expr | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """Algorithms that differ in nothing but their free step sizes.

    `contains` says which algorithms of other families are among these, `reduces_to` where one of these is among
    others.

    >>> Family("sgd-with-restarts", "SGD that starts again", contains=(SpecialCase("sgd", "no restart"),)).reduces_to
    ()
    """

    name: str
    meaning: str
    contains: Sequence[SpecialCase] = ()
    reduces_to: Sequence[SpecialCase] = ()


FROM_GRADIENTS = SpecialCase("zero-respecting", "it sees coordinates only through gradients")
