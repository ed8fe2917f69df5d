"""Regimes: where which term of a bound dominates, where which bound is smaller, and where they cross.

Everything is derived from the terms: regions and conditions are monomial inequalities, irredundant under the
hypotheses; crossovers are monomials; and a path along which one term dominates is a vertex of a linear program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import lcm
from typing import Any, TypeAlias

import sympy
from sympy import QQ, Add, Expr, Symbol
from sympy.core.relational import Relational

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.orders.budget import Budget
from tightrate.rates.orders.cases import alternatives
from tightrate.rates.orders.certificate import Certificate, Clause, OrderQuestion, excess, value_at
from tightrate.rates.orders.domination import Implications, MonomialInequality, dominated, is_proved
from tightrate.rates.orders.facts import range_facts
from tightrate.rates.orders.linear_program import shortest_direction
from tightrate.rates.orders.moment_order import sign_for_all_alpha
from tightrate.rates.orders.normal_form import Form, field_of, form_of, in_alphabet, printed, standardized
from tightrate.rates.orders.special_factors import exponent_terms, is_exponential, larger_part
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.statements.bound import Bound
from tightrate.rates.symbols.hypothesis import Given, Hypothesis

Terms: TypeAlias = Bound | Mapping[str, Expr]


def terms_of(bound: Terms) -> dict[str, Expr]:
    """The named terms, in positive letters."""
    terms = {term.name: term.expression for term in bound.terms} if isinstance(bound, Bound) else bound
    return {name: standardized(term) for name, term in terms.items()}


def _named(terms: Mapping[str, Expr], name: str) -> Expr:
    if name not in terms:
        raise unknown_name("term", name, terms)
    return terms[name]


# --- one term against the others -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Region:
    """Where one term dominates all others: inequalities that hold together, or a certificate that it never does."""

    name: str
    inequalities: tuple[Hypothesis, ...]
    certificate: Certificate | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the term never dominates by more than a constant."""
        return self.certificate is not None


def dominant_region(bound: Terms, name: str, given: Given = ()) -> Region:
    """Where the named term dominates: the inequalities that do not follow from each other and the hypotheses.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> terms = {"optimization": L * B**2 / R, "statistical": sigma * B / sympy.sqrt(M * K * R)}
    >>> [solved(inequality, "K") for inequality in dominant_region(terms, "statistical").inequalities]
    [K <= R*sigma**2/(B**2*L**2*M)]
    """
    terms = terms_of(bound)
    term = _named(terms, name)
    others = [other for key, other in terms.items() if key != name]
    never = dominated(term, Add(*others), given)
    if never.certificate is not None:
        return Region(name, (), never.certificate)
    if never.witness is None:
        raise TightrateError(f"the region of {name!r} is not decidable: {never.reason}")
    kept = _irredundant([Hypothesis(other, term) for other in others], given)
    return Region(name, tuple(_readable(inequality) for inequality in kept))


def _readable(inequality: Hypothesis) -> Hypothesis:
    return Hypothesis(in_alphabet(inequality.smaller), in_alphabet(inequality.larger), inequality.reason)


def _irredundant(inequalities: Sequence[Hypothesis], given: Given) -> tuple[Hypothesis, ...]:
    kept = list(dict.fromkeys(inequalities))
    for inequality in tuple(kept):
        rest = [h for h in kept if h is not inequality]
        if dominated(inequality.smaller, inequality.larger, [*given, *rest]).relation == "holds":
            kept = rest
    return tuple(kept)


class LargeRegionError(UndecidableError):
    """A region of more inequalities than anybody reads."""


def where_dominated(
    left: Expr, right: Expr, given: Given = (), budget: Budget | None = None, most: int | None = None
) -> tuple[tuple[Hypothesis, ...], ...]:
    """When left <~ right: every one of the lists must contain an inequality that holds; () means always.

    Inequalities that follow from the hypotheses, or that another one in the list makes superfluous, are left out.  Of
    a bound with cases the hypotheses must choose one.  Raises TightrateError once the budget (of 10 s) is spent, or
    where there are more than `most` lists before those that follow from others are left out.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> local = L * B**2 / (K * R) + sympy.cbrt(L * sigma**2 * B**4 / (K * R**2))
    >>> [[solved(inequality, "K") for inequality in either] for either in where_dominated(local, L * B**2 / R)]
    [[K >= R*sigma**2/(B**2*L**2)]]
    """
    budget = budget or Budget()
    question = OrderQuestion.of(left, right, given)
    field = question.field
    chosen = _chosen_cases(question, given, budget)
    if len(chosen) != 1:
        raise TightrateError(f"the hypotheses must choose one case of {left} <= {right}, not {len(chosen)}")
    lows, highs, usable = chosen[0]
    known = Implications.of(usable, field, question.alpha, budget)
    lists: list[Either] = []
    for low in lows:
        for high in highs:
            pairs = [MonomialInequality(a, b) for a in low for b in high]
            if any(map(known.implies, pairs)) or (len(pairs) > 1 and known.implies_clause(low, high)):
                continue
            pairs.sort(key=lambda pair: (pair.small.sort_key, pair.large.sort_key))
            lists.append(tuple(_strongest(pairs, known)))
            if most is not None and len(lists) > most:
                raise LargeRegionError(f"its region has more than {most} inequalities")
    found = [tuple(pair.hypothesis(field) for pair in either) for either in _irreplaceable(lists, known)]
    return tuple(tuple(_readable(inequality) for inequality in either) for either in sorted(found, key=_printed))


def _printed(either: Sequence[Hypothesis]) -> str:
    """The text of inequalities; monomials recur in many of them and are printed once."""
    return " or ".join(f"{printed(h.smaller)}, {printed(h.larger)}" for h in either)


def has_region(left: Expr, right: Expr, given: Given, budget: Budget) -> bool:
    """Whether the hypotheses choose one case of the question where left <~ right, so that it has a region.

    >>> from tightrate.rates.symbols.alphabet import K, L, R, mu
    >>> has_region(1 / K, 1 / R, [], Budget()), has_region(1 / K, sympy.exp(-mu * R / L), [], Budget())
    (True, False)
    """
    try:
        return len(_chosen_cases(OrderQuestion.of(left, right, given), given, budget)) == 1
    except TightrateError:
        return False


def _chosen_cases(
    question: OrderQuestion, given: Given, budget: Budget
) -> list[tuple[list[Clause], list[Clause], list[Hypothesis]]]:
    """The cases that the hypotheses allow, with both sides and what may be used."""
    return [
        (lows, highs, usable)
        for case, lows, highs, usable in question.parts()
        if all(is_proved(h.smaller, h.larger, given, budget) for h in case.hypotheses if h.reason == "case")
    ]


Either: TypeAlias = tuple[MonomialInequality, ...]


def _strongest(either: Sequence[MonomialInequality], known: Implications) -> list[MonomialInequality]:
    """Of inequalities joined by `or`, those that imply no other one."""
    kept = list(either)
    for inequality in either:
        if any(known.and_also(inequality).implies(other) for other in kept if other is not inequality):
            kept.remove(inequality)
    return kept


def _irreplaceable(lists: Sequence[Either], known: Implications) -> list[Either]:
    """Of lists joined by `and`, those that no other list implies."""
    kept = list(dict.fromkeys(lists))
    for either in tuple(kept):
        for other in kept:
            if other is not either and all(any(known.and_also(g).implies(h) for h in either) for g in other):
                kept.remove(either)
                break
    return kept


def solved(inequality: Hypothesis, letter: str) -> Relational:
    """The inequality solved for one letter.

    >>> from tightrate.rates.symbols.alphabet import K, R, alpha, mu, L
    >>> solved(Hypothesis(mu * R**2 / L, K ** (alpha - 2)), "K")
    K >= (R**2*mu/L)**(1/(alpha - 2))
    """
    return crossover(inequality.smaller, inequality.larger, letter).relation


def as_usual(inequality: Hypothesis) -> tuple[Expr, str, Expr]:
    """Both sides of an inequality with the sign between them, solved for one of the usual letters where it has one.

    >>> from tightrate.rates.symbols.alphabet import B, L, M, R, K, sigma
    >>> as_usual(Hypothesis(L * B**2 / (K * R), sigma * B / sympy.sqrt(M * K * R)))
    (K, '>~', B**2*L**2*M/(R*sigma**2))
    """
    for name in ("K", "R", "M", "T", "sigma", "zeta_star", "zeta", "tau"):
        try:
            found = solved(inequality, name)
        except TightrateError:
            continue
        return found.lhs, ">~" if isinstance(found, sympy.GreaterThan) else "<~", found.rhs
    return inequality.smaller, "<~", inequality.larger


@dataclass(frozen=True)
class Crossover:
    """`letter` = `value` is where two monomials are equal; `relation` is where the first is at most the second."""

    letter: Symbol
    value: Expr
    relation: Relational


def crossover(first: Expr, second: Expr, letter: str) -> Crossover:
    """Where the first monomial is at most the second, solved for a letter.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, R, sigma
    >>> crossover(sympy.cbrt(L * sigma**2 * B**4 / (K * R**2)), L * B**2 / R, "K").relation
    K >= R*sigma**2/(B**2*L**2)
    """
    first, second = standardized(first), standardized(second)
    field = field_of([first, second])
    symbol = Symbol(letter, positive=True)
    difference = form_of(first, field) - form_of(second, field)
    exponents = dict(difference.exponents)
    if symbol not in exponents:
        raise TightrateError(f"{first} and {second} do not cross in {letter}: it cancels in their ratio")
    if any(symbol in factor.free_symbols and factor != symbol for factor in exponents):
        raise TightrateError(
            f"{letter} stands in an exponential, a logarithm or a difference; solve for another letter"
        )
    power = exponents.pop(symbol)
    value = _monomial(Form(frozenset(exponents.items())) * (-1 / power), field)
    symbol, value = in_alphabet(symbol), in_alphabet(value)
    return Crossover(symbol, value, sympy.Le(symbol, value) if _sign(power, field) > 0 else sympy.Ge(symbol, value))


def _sign(exponent: Any, field: Any) -> int:
    return sign_for_all_alpha(field.to_sympy(exponent))


def _monomial(form: Form, field: Any) -> Expr:
    """The monomial as (whole powers)^exponent where all exponents are commensurable, which reads best with alpha."""
    factors = sorted(form.exponents, key=str)
    ratios = [field.to_sympy(exponent / factors[0][1]) for _, exponent in factors]
    if field == QQ or not factors or not all(ratio.is_Rational for ratio in ratios):
        return form.monomial(field)
    unit = factors[0][1] / (lcm(*(int(ratio.q) for ratio in ratios)) * _sign(factors[0][1], field))
    return (form * (1 / unit)).monomial(field) ** sympy.factor(field.to_sympy(unit))


# --- paths along which one term dominates ----------------------------------------------------------------------------


@dataclass(frozen=True)
class IsolatingPath:
    """letter = n^exponent for the letters that move; along it every term is n^slope, and all slopes differ.

    A slope of None belongs to a term that vanishes faster than every power.
    """

    exponents: Mapping[str, Fraction]
    slopes: Mapping[str, Fraction | None]
    dominant: str

    @property
    def margin(self) -> Fraction:
        """By which power of n the dominant term exceeds every other."""
        others = [slope for name, slope in self.slopes.items() if name != self.dominant and slope is not None]
        own = self.slopes[self.dominant]
        assert own is not None
        return own - max(others, default=Fraction(0))


def isolating_path(
    bound: Terms, name: str, letters: Sequence[str], margin: Fraction = Fraction(1, 4), given: Given = ()
) -> IsolatingPath:
    """A path of the given letters along which the named term exceeds every other term at least by n^margin.

    The slopes of all terms are different, so that a fitted slope tells which term is seen.  The shortest such path, in
    the sum of the absolute exponents, up to the separation of equal slopes.  Logarithms do not count, and terms with a
    decaying exponential are made to vanish: their slope is None.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> terms = {"optimization": L * B**2 / R, "statistical": sigma * B / sympy.sqrt(M * K * R)}
    >>> isolating_path(terms, "optimization", ["K", "M", "R"], Fraction(1, 2)).exponents
    {'K': Fraction(1, 1)}
    """
    terms = terms_of(bound)
    _named(terms, name)
    field = field_of(terms.values())
    if field != QQ:
        raise TightrateError("give alpha a value: a path has numbers for exponents")
    decays = {key: decay for key, term in terms.items() if (decay := _decaying(form_of(term, field)))}
    if name in decays:
        raise TightrateError(f"{name!r} decays faster than every power; no path lets it dominate as a power law")
    forms = {key: _moving(form_of(term, field), letters) for key, term in terms.items() if key not in decays}
    facts = list(range_facts({s for term in terms.values() for s in term.free_symbols}))
    for condition in given:
        first, *more = alternatives(condition if isinstance(condition, Hypothesis) else standardized(condition), field)
        if more:
            raise TightrateError(f"a path needs hypotheses without alternatives, not {condition}")
        facts += first
    weak = [_moving(excess(fact, field), letters) for fact in facts]
    ahead = [_difference(forms[name], form) for key, form in forms.items() if key != name]
    ahead += [_moving(form_of(argument, field), letters) for arguments in decays.values() for argument in arguments]
    if not all(ahead):
        raise TightrateError(f"{name!r} and another term have the same exponents in {', '.join(letters)}")
    strict = [_scaled(form, 1 / margin) for form in ahead]
    while True:
        exponents = shortest_direction(strict, weak)
        if exponents is None:
            raise TightrateError(f"no path in {', '.join(letters)} lets {name!r} dominate; let other letters move")
        slopes = {key: _value(form, exponents) for key, form in forms.items()}
        tied = next(((a, b) for a, b in combinations(forms, 2) if slopes[a] == slopes[b]), None)
        if tied is None:
            return IsolatingPath(exponents, {key: slopes.get(key) for key in terms}, name)
        apart = _scaled(_difference(forms[tied[0]], forms[tied[1]]), 2 / margin)
        if not apart:
            raise TightrateError(f"{tied[0]!r} and {tied[1]!r} have the same exponents in {', '.join(letters)}")
        feasible = shortest_direction([*strict, apart], weak) is not None
        strict.append(apart if feasible else _scaled(apart, Fraction(-1)))


def _decaying(form: Form) -> list[Expr]:
    """The X of the exponentials exp(-X) in a monomial."""
    found = []
    for factor, exponent in sorted(form.exponents, key=str):
        if is_exponential(factor):
            if exponent < 0:
                raise TightrateError(f"{1 / factor} exceeds every power")
            found += [argument for _, argument in exponent_terms(factor)]
    return found


def _moving(form: Form, letters: Sequence[str]) -> dict[str, Fraction]:
    """The exponents of the moving letters; differences a - b count as a, logarithms not at all."""
    total: dict[str, Fraction] = {}
    for factor, exponent in form.exponents:
        plain = form_of(larger_part(factor), QQ).exponents if isinstance(factor, sympy.Add) else [(factor, QQ.one)]
        for letter, power in plain:
            if isinstance(letter, Symbol) and letter.name in letters:
                total[letter.name] = total.get(letter.name, Fraction(0)) + value_at(exponent * power, None)
    return {name: total[name] for name in sorted(total) if total[name]}


def _difference(first: Mapping[str, Fraction], second: Mapping[str, Fraction]) -> dict[str, Fraction]:
    total = {k: first.get(k, Fraction(0)) - second.get(k, Fraction(0)) for k in sorted({*first, *second})}
    return {k: v for k, v in total.items() if v}


def _scaled(form: Mapping[str, Fraction], factor: Fraction) -> dict[str, Fraction]:
    return {k: v * factor for k, v in form.items()}


def _value(form: Mapping[str, Fraction], point: Mapping[str, Fraction]) -> Fraction:
    return sum((v * point.get(k, Fraction(0)) for k, v in form.items()), Fraction(0))
