"""Many sums of monomials compared with one another: what was found out for one pair is used for the others.

For plain monomials A <~ B means that every term of A is at most the largest term of B, and whatever does not follow is
seen along a direction in the logarithms of the letters (`tightrate.rates.orders.domination.Implications`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sympy import QQ, Expr, Symbol

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.budget import Budget
from tightrate.rates.orders.domination import Implications
from tightrate.rates.orders.facts import range_facts
from tightrate.rates.orders.normal_form import Form, field_of, form_of, standardized
from tightrate.rates.symbols.hypothesis import Hypothesis


class MonomialSums:
    """Sums of plain monomials, under hypotheses between plain monomials.

    >>> from tightrate.rates.symbols.alphabet import K, M, R
    >>> sums = MonomialSums([(1 / R, 1 / K), (1 / (K * R),), (2 / (M * K),)], [], Budget())
    >>> [sums.relation(*pair) for pair in ((0, 1), (1, 2), (2, 0))]
    ['A>=B', 'incomparable', 'A<=B']
    """

    def __init__(self, sums: Sequence[Sequence[Expr]], given: Sequence[Hypothesis], budget: Budget) -> None:
        """Raises TightrateError where a side of a hypothesis is no monomial in letters alone."""
        self.sums = [_all_plain(terms) for terms in sums]
        letters = {factor for forms in self.sums for form in forms or () for factor in form.factors}
        for hypothesis in given:
            letters |= _plain(hypothesis.smaller).factors | _plain(hypothesis.larger).factors
        usable = [*given, *range_facts(letters)]
        usable = [Hypothesis(standardized(h.smaller), standardized(h.larger)) for h in usable]
        self.known = Implications.of(usable, QQ, None, budget)
        self.answers: dict[tuple[Form, frozenset[Form]], bool] = {}

    def relation(self, first: int, second: int) -> Literal["A<=B", "A>=B", "A~B", "incomparable"] | None:
        """How two of the sums compare, None where a term of them is no plain monomial.

        Raises TightrateError once the budget is spent.
        """
        if self.sums[first] is None or self.sums[second] is None:
            return None
        below, above = self.is_at_most(first, second), self.is_at_most(second, first)
        return "A~B" if below and above else "A<=B" if below else "A>=B" if above else "incomparable"

    def is_at_most(self, first: int, second: int) -> bool:
        """Whether every term of the first sum is at most the largest of the second."""
        high = frozenset(self.sums[second] or ())
        for form in self.sums[first] or ():
            if (form, high) not in self.answers:
                self.answers[form, high] = form in high or self.known.implies_largest(form, high)
            if not self.answers[form, high]:
                return False
        return True


def _all_plain(terms: Sequence[Expr]) -> list[Form] | None:
    try:
        return [_plain(term) for term in terms]
    except TightrateError:
        return None


def _plain(term: Expr) -> Form:
    expression = standardized(term)
    if field_of([expression]) != QQ:
        raise TightrateError(f"{term} depends on alpha")
    form = form_of(expression, QQ)
    if not all(isinstance(factor, Symbol) for factor in form.factors):
        raise TightrateError(f"{term} is no monomial in letters alone")
    return form
