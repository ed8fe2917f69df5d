"""Tuning: the best step size, accuracies turned into rounds and back, the best K at a fixed budget, special cases.

A bound that depends on a step size is a sum of terms c_i eta^{p_i}.  In logarithms it is a maximum of linear functions
of log eta, and the minimum of such a maximum over an interval is attained where a decreasing and an increasing term
balance, or at an end: the tuned bound is, up to constants, the sum of all balances, of the decreasing terms at the cap,
of the increasing terms at the floor, and of the terms without eta.  Nothing is guessed and nothing is sampled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy
from sympy import Add, Expr, Max, Min, Symbol, log
from sympy.core.relational import Relational

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.domination import dominated
from tightrate.rates.orders.moment_order import ALPHA, sign_for_all_alpha
from tightrate.rates.orders.normal_form import clauses, field_of, in_alphabet, standardized
from tightrate.rates.orders.regimes import Terms, terms_of
from tightrate.rates.orders.special_factors import exponent_terms, is_exponential
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.symbols.hypothesis import Given

MOST_ROUNDS = 10**100  # the largest magnitude of a letter


@dataclass(frozen=True)
class Minimized:
    """The least value of a bound over a parameter, up to constants.

    `terms` name the balances ("first = second"), the terms at an end ("first at the cap") and those without the
    parameter; terms that others dominate are left out.  `step` attains the value, up to constants; None if only the
    limit 0 or infinity does.
    """

    terms: Mapping[str, Expr]
    step: Expr | None

    @property
    def rate(self) -> Expr:
        """The sum of the terms."""
        return Add(*self.terms.values())


def minimize_over(
    bound: Terms, letter: str, cap: Expr | None = None, floor: Expr | None = None, given: Given = ()
) -> Minimized:
    """The bound at the best value of a letter between `floor` and `cap`, up to constants, exactly.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, eta, sigma
    >>> terms = {
    ...     "optimization": B**2 / (eta * K * R),
    ...     "statistical": eta * sigma**2 / M,
    ...     "drift": L * eta**2 * sigma**2 * K,
    ... }
    >>> for name, term in minimize_over(terms, "eta", cap=1 / L).terms.items():
    ...     print(f"{name}: {term}")
    optimization = statistical: B*sigma/(sqrt(K)*sqrt(M)*sqrt(R))
    optimization = drift: B**(4/3)*L**(1/3)*sigma**(2/3)/(K**(1/3)*R**(2/3))
    optimization at the cap: B**2*L/(K*R)
    """
    symbol = Symbol(letter, positive=True)
    powers = {name: _power(term, symbol) for name, term in terms_of(bound).items()}
    falling = {name: (c, p) for name, (c, p) in powers.items() if sign_for_all_alpha(p) < 0}
    rising = {name: (c, p) for name, (c, p) in powers.items() if sign_for_all_alpha(p) > 0}
    found = {name: c for name, (c, p) in powers.items() if p == 0}
    if cap is not None and floor is not None and dominated(floor, cap, given).relation != "holds":
        raise TightrateError(f"the floor {floor} must be at most the cap {cap}; give the hypothesis under which it is")
    for first, (c, p) in falling.items():
        for second, (e, q) in rising.items():
            share = sympy.cancel(q / (q - p))
            found[f"{first} = {second}"] = c**share * e ** (1 - share)
    if cap is not None:
        found |= {f"{name} at the cap": c * standardized(cap) ** p for name, (c, p) in falling.items()}
    if floor is not None:
        found |= {f"{name} at the floor": c * standardized(floor) ** p for name, (c, p) in rising.items()}
    terms = irredundant({name: monomials(term) for name, term in found.items()}, given)
    step = _best_step(falling, rising, cap, floor)
    return Minimized({name: in_alphabet(term) for name, term in terms.items()}, step and in_alphabet(step))


def _best_step(
    falling: Mapping[str, tuple[Expr, Expr]],
    rising: Mapping[str, tuple[Expr, Expr]],
    cap: Expr | None,
    floor: Expr | None,
) -> Expr | None:
    """Where the largest falling term meets the largest rising one, brought between floor and cap."""
    if not falling or not rising:
        return cap if falling else floor if rising else cap or floor
    step = Min(*(Max(*(monomials((c / e) ** (1 / (q - p))) for c, p in falling.values())) for e, q in rising.values()))
    step = step if cap is None else Min(cap, step)
    return step if floor is None else Max(floor, step)


def _power(term: Expr, symbol: Symbol) -> tuple[Expr, Expr]:
    """c, p of a term c symbol^p."""
    for powers in (term, _separated(term)):
        coefficient, dependent = powers.as_independent(symbol, as_Add=False)
        if dependent == 1:
            return coefficient, sympy.S.Zero
        base, power = dependent.as_base_exp()
        if base == symbol and power.free_symbols <= {ALPHA}:
            return coefficient, power
    raise TightrateError(f"{term} is not a power of {symbol} times something without it")


def _separated(term: Expr) -> Expr:
    """(a b)^p as a^p b^p everywhere; all letters are positive."""
    for step in (sympy.expand_power_base, sympy.powdenest, sympy.expand_power_base):
        term = step(term, force=True)
    return term


def monomials(expression: Expr) -> Expr:
    """An expression up to constants in its normal form: a sum of minima of monomials with coefficient 1.

    >>> from tightrate.rates.symbols.alphabet import K, R
    >>> monomials(3 * (1 / K + 2 / R) ** 2)
    R**(-2) + K**(-2)
    """
    expression = standardized(expression)
    field = field_of([expression])
    return in_alphabet(Add(*(Min(*(form.monomial(field) for form in clause)) for clause in clauses(expression, field))))


def irredundant(terms: Mapping[str, Expr], given: Given = ()) -> dict[str, Expr]:
    """The terms that the others do not dominate together."""
    kept = dict(terms)
    for name, term in terms.items():
        rest = [other for key, other in kept.items() if key != name]
        if rest and dominated(term, Add(*rest), given).relation == "holds":
            del kept[name]
    return kept


# --- accuracy and effort ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inversion:
    """The values of a letter at which a bound is at most eps, up to constants.

    `relation` is the range of the letter, None where the bound does not depend on it; `needs` are the conditions on
    the terms without the letter, which no value of it can bring below eps.
    """

    relation: Relational | None
    needs: tuple[Relational, ...]

    @property
    def value(self) -> Expr:
        """The end of the range."""
        if self.relation is None:
            raise TightrateError("the bound does not depend on that letter")
        return self.relation.rhs


def invert(bound: Terms, letter: str, eps: Expr) -> Inversion:
    """All values of a letter that make every term at most eps.

    >>> from tightrate.rates.symbols.alphabet import B, L, R, eps, zeta_star
    >>> heterogeneity = sympy.cbrt(L * zeta_star**2 * B**4 / R**2)
    >>> invert({"optimization": L * B**2 / R, "heterogeneity": heterogeneity}, "R", eps).relation
    R >= B**2*sqrt(L)*zeta_star/eps**(3/2) + B**2*L/eps
    >>> invert({"heterogeneity": heterogeneity}, "zeta_star", eps).relation
    zeta_star <= R*eps**(3/2)/(B**2*sqrt(L))
    """
    symbol = Symbol(letter, positive=True)
    eps = standardized(eps)
    at_least: list[Expr] = []
    at_most: list[Expr] = []
    needs: list[Relational] = []
    for term in terms_of(bound).values():
        relation = _solve(term, symbol, eps)
        if symbol not in relation.free_symbols:
            needs.append(relation)
        else:
            (at_least if relation.gts == symbol else at_most).append(
                relation.lts if relation.gts == symbol else relation.gts
            )
    end: Relational | None = None
    if at_least and at_most:
        raise TightrateError(f"the bound falls and rises in {letter}; minimize it over {letter} instead")
    if at_least:
        end = sympy.Ge(symbol, Add(*at_least))
    elif at_most:
        end = sympy.Le(symbol, Min(*at_most))
    return Inversion(None if end is None else in_alphabet(end), tuple(in_alphabet(need) for need in needs))


def _solve(term: Expr, symbol: Symbol, eps: Expr) -> Relational:
    """term <= eps, solved for the symbol."""
    if symbol not in term.free_symbols:
        return sympy.Le(term, eps, evaluate=False)
    if isinstance(term, (Min, Max, Add)):
        parts = [_solve(part, symbol, eps) for part in term.args]
        if all(symbol == part.gts for part in parts):
            ends = [part.lts for part in parts]
            return symbol >= (Min(*ends) if isinstance(term, Min) else Max(*ends))
        if all(symbol == part.lts for part in parts):
            ends = [part.gts for part in parts]
            return symbol <= (Max(*ends) if isinstance(term, Min) else Min(*ends))
        raise TightrateError(f"{term} is not monotone in {symbol}, or not all of it depends on {symbol}")
    coefficient, dependent = term.as_independent(symbol, as_Add=False)
    if is_exponential(dependent):
        ((scale, argument),) = exponent_terms(dependent)
        inner, power = _power(-scale * argument, symbol)
        value = (log(Max(2, coefficient / eps)) / inner) ** (1 / power)
        return symbol >= value if power > 0 else symbol <= value
    coefficient, power = _power(term, symbol)
    value = sympy.expand_power_base((coefficient / eps) ** sympy.cancel(-1 / power), force=True)
    return symbol >= value if sign_for_all_alpha(power) < 0 else symbol <= value


def rounds_to_reach(bound: Terms, eps: Expr, given: Given = ()) -> Expr:
    """The rounds after which the bound is at most eps, up to constants, as irredundant terms.

    Terms that do not fall with the rounds must be at most eps by themselves; `invert` lists these conditions.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, eps, sigma
    >>> rounds_to_reach({"optimization": L * B**2 / R, "statistical": sigma * B / sympy.sqrt(M * K * R)}, eps)
    B**2*L/eps + B**2*sigma**2/(K*M*eps**2)
    """
    value = invert(bound, "R", eps).value
    terms = {str(i): term for i, term in enumerate(Add.make_args(value))}
    return in_alphabet(Add(*irredundant(terms, given).values()))


@dataclass(frozen=True)
class LocalSteps:
    """The best K at a fixed budget T = K R: the rate, the smallest K that attains it, and the largest that keeps it."""

    rate: Expr
    smallest: Expr
    largest: Expr


def best_local_steps(bound: Terms, given: Given = ()) -> LocalSteps:
    """The best K at a fixed budget of T = K R steps per worker, for K between 1 and T, up to constants.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> local = {"optimization": L * B**2 / (K * R), "drift": sympy.cbrt(L * sigma**2 * B**4 / (K * R**2))}
    >>> found = best_local_steps(local)
    >>> found.rate, found.smallest
    (B**(4/3)*L**(1/3)*sigma**(2/3)/T**(2/3) + B**2*L/T, 1)
    """
    steps, rounds, budget = (Symbol(name, positive=True) for name in ("K", "R", "T"))
    terms = {name: _separated(term.subs(rounds, budget / steps)) for name, term in terms_of(bound).items()}
    tuned = minimize_over(terms, "K", cap=budget, floor=sympy.S.One, given=given)
    ends = [_solve(term, steps, standardized(tuned.rate)) for term in terms.values() if steps in term.free_symbols]
    smallest = Max(1, *(end.lts for end in ends if end.gts == steps))
    largest = Min(budget, *(end.gts for end in ends if end.lts == steps))
    return LocalSteps(tuned.rate, in_alphabet(smallest), in_alphabet(largest))


def least_rounds(bound: Bound, values: Mapping[str, float], eps: float) -> float:
    """The least whole number of rounds at which the bound, with its constants, is at most eps; inf if none is.

    For bounds that fall as R grows.

    >>> from tightrate.rates.symbols.alphabet import B, L, R
    >>> from tightrate.rates.statements.measures import MEASURES
    >>> bound = Bound((Term("optimization", L * B**2 / R),), MEASURES["gap"], "upper", "explicit")
    >>> least_rounds(bound, {"L": 2, "B": 3}, 0.25)
    72
    """

    def reached(rounds: int) -> bool:
        return bool(bound.at({**values, "R": rounds}) <= eps)

    high = 1
    while not reached(high):
        if high > MOST_ROUNDS:
            return math.inf
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


# --- special cases ---------------------------------------------------------------------------------------------------


def specialize(bound: Bound, **values: Any) -> Bound:
    """The bound at special values of its letters: K=1, sigma=0, tau=0, alpha=oo, an expression in other letters.

    Terms that vanish are dropped.  alpha=oo is the limit of the exponents.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> from tightrate.rates.statements.measures import MEASURES
    >>> terms = (Term("optimization", L * B**2 / (K * R)), Term("statistical", sigma * B / sympy.sqrt(M * K * R)))
    >>> [term.expression for term in specialize(Bound(terms, MEASURES["gap"], "upper", "hidden"), sigma=0, K=1).terms]
    [B**2*L/R]
    """
    terms = []
    for term in bound.terms:
        expression = specialize_expression(term.expression, **values)
        if expression != 0:
            terms.append(Term(term.name, expression))
    return replace(bound, terms=tuple(terms))


def specialize_expression(expression: Expr, **values: Any) -> Expr:
    """An expression at special values of its letters; refused where it is undefined there."""
    symbols = {s.name: s for s in expression.free_symbols}
    numbers = {symbols[name]: sympy.sympify(value, strict=True) for name, value in values.items() if name in symbols}
    limit = [s for s, value in numbers.items() if s.name == "alpha" and value == sympy.oo]
    for s in limit:
        del numbers[s]
        expression = _at_infinite_alpha(expression, s)
    found = expression.subs(numbers, simultaneous=True)
    found = found.replace(lambda e: isinstance(e, sympy.Pow) and e.base == 0, _power_of_zero)
    if found.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        raise TightrateError(f"{expression} is undefined at " + ", ".join(f"{n}={v}" for n, v in values.items()))
    return found


def _power_of_zero(power: Expr) -> Expr:
    return sympy.S.Zero if sign_for_all_alpha(power.exp) > 0 else sympy.zoo


def _at_infinite_alpha(expression: Expr, symbol: Symbol) -> Expr:
    """Every power with alpha in its exponent at the limit of that exponent, a rational function of alpha."""
    if symbol not in expression.free_symbols:
        return expression
    if isinstance(expression, sympy.Pow) and expression.exp.free_symbols == {symbol}:
        numerator, denominator = (sympy.Poly(part, symbol) for part in sympy.fraction(sympy.cancel(expression.exp)))
        if numerator.degree() > denominator.degree():
            raise TightrateError(f"the exponent {expression.exp} has no finite limit as alpha -> oo")
        same = numerator.degree() == denominator.degree()
        limit = numerator.LC() / denominator.LC() if same else sympy.S.Zero
        return _at_infinite_alpha(expression.base, symbol) ** limit
    if not expression.args:
        raise TightrateError("alpha occurs outside of exponents; the limit alpha -> oo is taken in exponents only")
    return expression.func(*(_at_infinite_alpha(part, symbol) for part in expression.args))
