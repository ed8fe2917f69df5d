"""A lower bound that has the terms of an upper bound, or some of them: there nothing is left between the two.

A pair is written beside its lower bound, in a function `matching()` of that paper's module.  The mutants of both sides
show whether the order algebra notices a wrong exponent (`tightrate.verify.mutation.orders`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Matching:
    """The ids of an upper bound and of a lower bound that has some of its terms."""

    upper: str
    lower: str

    @property
    def paper(self) -> str:
        """The paper of the lower bound."""
        return self.lower.partition("/")[0]
