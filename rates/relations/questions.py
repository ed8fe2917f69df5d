"""Questions about bounds, asked of anything that is one: an id, a text, a theorem, a bound, an expression.

What the command line asks by text, Python asks by these functions; answers print as text and show in notebooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import sympy
from sympy import Expr
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.parse import ParsedBound
from tightrate.rates.orders.communication_complexity import RoundsAnswer, rounds_to_accuracy
from tightrate.rates.orders.regimes import Region, dominant_region
from tightrate.rates.relations.bound_check import (
    BoundComparison,
    CheckedBound,
    Side,
    bound_of,
    check_display,
    compare_bounds,
    read_bound,
    read_hypotheses,
    read_inequalities,
)
from tightrate.rates.relations.bound_check import check_bound as check_terms
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.hypothesis import Hypothesis

AnyBound: TypeAlias = str | Theorem | Bound | ParsedBound | Expr | Sequence[Expr]
"""A theorem's id, a bound as text (LaTeX or plain), a theorem, a bound, what `parse` gives, or one or more terms."""
Hypotheses: TypeAlias = str | Sequence[str | Hypothesis | Boolean]
"""Inequalities, as text such as "K >= sigma^2*R/(L*B)^2", of sympy, or as `Hypothesis`."""
Letters: TypeAlias = Mapping[str, str] | None
"""What the letters of a text are in the alphabet, such as {"H": "L"}."""


def compare(first: AnyBound, second: AnyBound, given: Hypotheses = (), *, letters: Letters = None) -> BoundComparison:
    """Which of two bounds is smaller, up to constants, exactly.

    The `relation` is "A<=B", "A>=B", "A~B" or "incomparable", with certificates or witnesses in `forward` and
    `backward`, or "undecided" with the reason.  Raises TightrateError, in one line, for what cannot be read.

    Args:
        first: a formula as text, a `Bound`, a `Theorem` or its id
        second: the same
        given: relations between symbols that hold, each as text or as a sympy relation
        letters: letters of the texts, each with the alphabet's name for it

    Returns:
        The relation with its certificates or paths, and how every letter was read.

    Raises:
        TightrateError: for what cannot be read.

    >>> compare("L*B^2/(K*R)", "L*B^2/R").relation
    'A<=B'
    >>> from tightrate.rates.statements.catalogue import theorem
    >>> print(compare(theorem("dekel2012/convex").bound, "L*B^2/R"))
    A>=B
    A ≲ B: fails
    B ≲ A: holds
    """
    return compare_bounds(_side(first, letters), _side(second, letters), _given(given, letters))


def check_bound(
    bound: AnyBound,
    *,
    measure: str | None = None,
    given: Hypotheses = (),
    letters: Letters = None,
    neighbours: bool = True,
) -> CheckedBound:
    """Check a bound: the unit of each term, its exponents, dominated terms, regimes, and neighbours in the catalogue.

    `measure` is what is bounded, such as "gap"; all measures whose unit fits unless said.

    Args:
        bound: a formula as text, LaTeX or plain, a `Bound`, a `Theorem` or its id
        measure: what is bounded, such as "gap"
        given: relations between symbols that hold, each as text or as a sympy relation
        letters: letters of the text, each with the alphabet's name for it
        neighbours: whether comparable entries of the catalogue are sought

    Returns:
        The terms with their units and exponents, regimes, neighbours, and how every letter was read.

    Raises:
        TightrateError: for what cannot be read.

    >>> found = check_bound("L*B^2/R + sigma*B/sqrt(M*K*R)", measure="gap", neighbours=False)
    >>> found.units_consistent, [str(term.unit) for term in found.terms]
    (True, ['value', 'value'])
    """
    if isinstance(bound, str) and not isinstance(read_bound(bound, letters), Theorem):
        texts = [given] if isinstance(given, str) else [one for one in given if isinstance(one, str)]
        if len(texts) != len([given] if isinstance(given, str) else given):
            raise TightrateError("hypotheses about a bound as text are texts, too")
        read = read_inequalities(texts, letters)
        return check_display(bound, letters=letters, measure=measure, given=read, neighbours=neighbours)[0]
    side = _side(bound, letters)
    terms = (
        tuple(side.bound.expressions)
        if isinstance(side, Theorem)
        else side.terms
        if isinstance(side, ParsedBound)
        else side
    )
    return check_terms(terms, measure=measure, given=_given(given, letters), neighbours=neighbours)


def rounds(
    bound: str | Theorem | Bound | ParsedBound,
    values: Mapping[str, float] | None = None,
    *,
    letters: Letters = None,
    **more: float,
) -> RoundsAnswer:
    """Rounds R until an upper bound is at most `eps`, as an order in the letters.

    Where all letters have values also as a number.  Values are given in a mapping or as keywords; with the budget `T`
    also the best K at T = K R.

    Args:
        bound: an upper bound as text, a `Bound`, a `Theorem` or its id
        values: letters with their values; those left out stay letters
        letters: letters of the text, each with the alphabet's name for it
        more: further values

    Returns:
        The order, the least number of rounds where all letters have values, and the best K where `T` is given.

    Raises:
        TightrateError: for what cannot be read, and for values out of range.

    >>> found = rounds("L*B^2/R + sigma*B/sqrt(M*K*R)", eps=0.1, L=1, B=1, sigma=1, M=4, K=5)
    >>> found.order, found.least
    (B**2*L/eps + B**2*sigma**2/(K*M*eps**2), 20)
    """
    read = read_bound(bound, letters) if isinstance(bound, str) else bound
    claimed = read if isinstance(read, Theorem | Bound) else bound_of(read)
    return rounds_to_accuracy(claimed, {**(values or {}), **more})


def regimes(
    bound: str | Theorem | Bound | ParsedBound, given: Hypotheses = (), *, letters: Letters = None
) -> dict[str, Region]:
    """Where each term of a bound dominates all others: inequalities up to constants, or a certificate against it.

    Args:
        bound: a formula as text, a `Bound`, a `Theorem` or its id
        given: relations between symbols that hold
        letters: letters of the text, each with the alphabet's name for it

    Returns:
        For each term its region.

    Raises:
        TightrateError: for what cannot be read, or has no region of monomial inequalities.

    >>> [str(one) for one in regimes("dekel2012/convex")["statistical"].inequalities]
    ['B**2*L/R <= B*sigma/(sqrt(K)*sqrt(M)*sqrt(R))']
    """
    read = read_bound(bound, letters) if isinstance(bound, str) else bound
    of = bound_of(read)
    return {term.name: dominant_region(of, term.name, _given(given, letters)) for term in of.terms}


def _side(given: AnyBound, letters: Letters) -> Side:
    if isinstance(given, str):
        return read_bound(given, letters)
    if isinstance(given, Bound):
        return tuple(given.expressions)
    if isinstance(given, Expr):
        return (given,)
    if isinstance(given, Theorem | ParsedBound):
        return given
    if isinstance(given, Sequence) and all(isinstance(one, Expr) for one in given):
        return tuple(given)
    raise TightrateError(f"a bound is a text, a theorem, a bound or an expression, not {type(given).__name__}")


def _given(given: Hypotheses, letters: Letters) -> list[Hypothesis]:
    each = [given] if isinstance(given, str) else list(given)
    texts = [one for one in each if isinstance(one, str)]
    found = list(read_hypotheses(texts, letters))
    for one in each:
        if isinstance(one, Hypothesis):
            found.append(one)
        elif isinstance(one, sympy.Ge | sympy.Gt | sympy.Le | sympy.Lt):
            found.append(Hypothesis(one.lts, one.gts))
        elif not isinstance(one, str):
            raise TightrateError(f"a hypothesis is an inequality, not {one!r}")
    return found


__all__ = ["AnyBound", "Hypotheses", "check_bound", "compare", "regimes", "rounds"]
