"""Misprints: formulas as they stand in papers, or in summaries of papers, and cannot be right.

They are the negative examples of the unit checker.  A misprint is written beside the statement that it garbles, in a
function `misprints()` of that paper's module; `tightrate.rates.relations.misprints` finds all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sympy import Expr

from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.measures import Measure
from tightrate.rates.statements.theorem import Certainty
from tightrate.rates.symbols.units import Unit


@dataclass(frozen=True)
class Misprint:
    """A formula that cannot be right, what is meant, and what the unit checker finds in it.

    `found` is the unit that betrays the misprint: that of the whole formula or, where two parts clash or an argument
    should be a pure number, that of the offending part.  `units` are the letters' units where they differ from the
    alphabet's.  `corrected` is None where the correct form is not known; where the catalogue has it, it is taken from
    there, so that no formula is written twice.  `certainty` says how sure we are that this is what is printed.
    """

    id: str
    paper: str
    where: str
    printed: Expr
    measure: Measure
    corrected: Expr | None
    found: str
    explanation: str
    units: Mapping[str, Unit] = field(default_factory=dict)
    certainty: Certainty = "read"

    @property
    def visible_to_units(self) -> bool:
        """Whether units betray it; where only pure numbers are misplaced, the unit is right and exponents tell."""
        return self.found != str(self.measure.unit)

    @property
    def printed_bound(self) -> Bound:
        """The formula as printed, as a bound on its measure; checking its units raises `UnitError` where they tell.

        >>> from tightrate.rates.statements.measures import MEASURES
        >>> from tightrate.rates.symbols.alphabet import L, sigma
        >>> wrong = Misprint("a", "b", "c", sigma / L, MEASURES["gap"], None, "length", "sigma is a gradient")
        >>> wrong.printed_bound.units_consistent()
        'no'
        """
        return self._as_bound("as printed", self.printed)

    @property
    def corrected_bound(self) -> Bound | None:
        """The formula as it should read, as a bound on its measure, if known."""
        return None if self.corrected is None else self._as_bound("corrected", self.corrected)

    def _as_bound(self, name: str, formula: Expr) -> Bound:
        return Bound((Term(name, formula),), self.measure, "upper", "hidden", self.units)
