"""Implications between statements: those that the papers' modules declare, and whether they hold.

An implication is decided, by an identity or by the order algebra, never assumed.  One with `fails_because` is one that
a reader would expect and that does not hold: a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sympy
from sympy import Add, Expr, Integer, Min, log, oo

from tightrate.common.errors import TightrateError
from tightrate.common.paper_files import OnceForPapers
from tightrate.rates.orders.certificate import Certificate, Witness
from tightrate.rates.orders.domination import compare, dominated
from tightrate.rates.orders.one_sided_estimates import primitive_differences, with_exponentials
from tightrate.rates.orders.parameter_tuning import invert, irredundant, minimize_over, monomials, specialize_expression
from tightrate.rates.statements.catalogue import declared, theorem
from tightrate.rates.statements.implication import (
    Implication,
    Relation,
    SolvedBound,
    Specialization,
    TunedBound,
    Values,
)
from tightrate.rates.symbols.alphabet import symbol
from tightrate.rates.symbols.hypothesis import Given


@OnceForPapers
def implications() -> tuple[Implication, ...]:
    """Every implication that a paper's module declares, in the order of the papers.

    >>> len({implication.source.partition("/")[0] for implication in implications()}) > 5
    True
    """
    return declared("implications", Implication)


def special_cases() -> tuple[Specialization, ...]:
    """One bound at special values of its symbols."""
    return tuple(one for one in implications() if isinstance(one, Specialization))


def tuned_rates() -> tuple[TunedBound, ...]:
    """Rates that are the minimum of a bound over a parameter, with the cap that the theorem sets."""
    return tuple(one for one in implications() if isinstance(one, TunedBound))


def solved_rates() -> tuple[SolvedBound, ...]:
    """Accuracies against numbers of steps, and the heterogeneity that a rate tolerates."""
    return tuple(one for one in implications() if isinstance(one, SolvedBound))


# --- how they are decided --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What was found: an identity, or certificates and witnesses of the order algebra."""

    verdict: Literal["proved", "fails", "undecided"]
    certificates: tuple[Certificate, ...] = ()
    witness: Witness | None = None
    reason: str = ""


def decide(implication: Implication) -> Outcome:
    """Whether the implication holds.

    >>> decide(Specialization("woodworth2020/convex", "woodworth2020a/convex", "=", {"zeta": 0})).verdict
    'proved'
    """
    try:
        return related(derived(implication), stated(implication), implication.relation, implication.given)
    except TightrateError as error:
        return Outcome("undecided", reason=str(error))


def derived(implication: Implication) -> Expr:
    """What the source becomes: its value, its minimum by all balances, or its solution.

    >>> from tightrate.rates.symbols.alphabet import L
    >>> derived(TunedBound("dekel2012/fixed-step", "dekel2012/convex", "~", {"sigma": 0}, cap=1 / L))
    B**2*L/R
    """
    terms = terms_at(implication, implication.source, implication.at)
    if isinstance(implication, TunedBound):
        return _least_over(implication, terms)
    if isinstance(implication, SolvedBound):
        found = powers(terms, implication.given)
        dependent = {n: term for n, term in found.items() if symbol(implication.letter) in term.free_symbols}
        value = invert(dependent, implication.letter, implication.value).value
        return at(value, {}, implication.without_logarithms)
    return Add(*terms.values())


def stated(implication: Implication) -> Expr:
    """The target, with its factor."""
    factor = implication.factor if isinstance(implication, Specialization) else 1
    return Add(*(factor * t for t in terms_at(implication, implication.target, implication.target_at).values()))


def terms_at(implication: Implication, name: str, values: Values) -> dict[str, Expr]:
    """The terms of an entry at these values, as the implication reads them."""
    if name == "0":
        return {}
    kept = [term for term in theorem(name).bound.terms if not implication.terms or term.name in implication.terms]
    return {term.name: at(term.expression, values, implication.without_logarithms) for term in kept}


def _least_over(tuning: TunedBound, terms: Mapping[str, Expr]) -> Expr:
    """With an exponential exp(-x letter) the minimum is taken up to logarithms: see `tuned_up_to_logarithm`."""
    decaying = {name: with_exponentials(term) for name, term in terms.items()}
    if decaying != terms and tuning.cap is not None:
        return tuned_up_to_logarithm(decaying, tuning.letter, tuning.cap)
    return minimize_over(powers(terms, tuning.given), tuning.letter, tuning.cap, tuning.floor, tuning.given).rate


def at(expression: Expr, values: Values, without_logarithms: bool = False) -> Expr:
    """An expression at special values, its logarithms set to one where asked for.

    >>> from tightrate.rates.symbols.alphabet import K, M, R, sigma
    >>> at(sigma**2 / (M * K) * log(K * R), {"M": K}, without_logarithms=True)
    sigma**2/K**2
    """
    if without_logarithms:
        expression = expression.replace(log, lambda _: Integer(1))
    plain = {symbol(name): value for name, value in values.items() if value not in (0, oo)}
    limits = {name: value for name, value in values.items() if value in (0, oo)}
    return specialize_expression(expression.xreplace(plain), **limits)


def related(left: Expr, right: Expr, relation: Relation, given: Given = ()) -> Outcome:
    """Whether left = right, left ~ right or left <~ right."""
    if relation == "=":
        return Outcome("proved") if identical(left, right) else Outcome("fails", reason="the formulas differ")
    comparison = compare(primitive_differences(left), primitive_differences(right), given)
    results = (comparison.forward, comparison.backward) if relation == "~" else (comparison.forward,)
    if all(result.relation == "holds" for result in results):
        return Outcome("proved", tuple(result.certificate for result in results if result.certificate))
    failing = next((result for result in results if result.relation == "fails"), None)
    if failing is not None:
        return Outcome("fails", witness=failing.witness)
    return Outcome("undecided", reason="; ".join(result.reason for result in results if result.reason))


def identical(left: Expr, right: Expr) -> bool:
    """Whether two formulas are the same function of positive letters."""
    if left == right:
        return True
    difference = sympy.powdenest(left - right, force=True)
    return bool(difference == 0 or sympy.simplify(difference) == 0)


def powers(terms: Mapping[str, Expr], given: Given = ()) -> dict[str, Expr]:
    """Terms up to constants as irredundant monomials, or minima of monomials, where they are sums or maxima.

    >>> from tightrate.rates.symbols.alphabet import K, R, eta
    >>> powers({"drift": eta**2 * (R + 2) * (K + 1)})
    {'drift': K*R*eta**2}
    """
    found: dict[str, Expr] = {}
    for name, term in terms.items():
        if term == 0:
            continue
        parts = [_least(part, given) for part in Add.make_args(monomials(primitive_differences(term)))]
        kept = (
            irredundant({str(index): part for index, part in enumerate(parts)}, given) if parts[1:] else {"": parts[0]}
        )
        found |= {f"{name} {index}".rstrip() if len(kept) > 1 else name: part for index, part in kept.items()}
    return found


def _least(minimum: Expr, given: Given) -> Expr:
    """A minimum without the monomials that another one never exceeds."""
    kept = list(minimum.args) if isinstance(minimum, Min) else [minimum]
    for part in tuple(kept):
        if any(dominated(other, part, given).relation == "holds" for other in kept if other is not part):
            kept.remove(part)
    return Min(*kept)


def tuned_up_to_logarithm(terms: Mapping[str, Expr], letter: str, cap: Expr) -> Expr:
    """min over x <= cap of  A exp(-c x) + sum_i e_i x^p_i  with p_i > 0, up to logarithms.

    At x = min(cap, l/c), where l >= 1 is a logarithm that brings A exp(-l) below the other terms, the exponential is
    at most A exp(-c cap) or below the others, and these are at most l^p times their values at x = 1/c.

    >>> from tightrate.rates.symbols.alphabet import B, L, T, eta, mu, sigma
    >>> tuned_up_to_logarithm({"start": B**2 * sympy.exp(-mu * eta * T), "noise": eta * sigma**2 / mu}, "eta", 1 / L)
    B**2*exp(-T*mu/L) + sigma**2/(T*mu**2)
    """
    step = symbol(letter)
    rates = {
        -exponential.args[0].coeff(step)
        for term in terms.values()
        for exponential in term.atoms(sympy.exp)
        if step in exponential.free_symbols
    }
    if len(rates) != 1:
        raise TightrateError(f"one exponential in {letter} is needed, not {len(rates)}")
    (rate,) = rates
    return Add(*(term.subs(step, cap if term.has(sympy.exp) else 1 / rate) for term in terms.values()))
