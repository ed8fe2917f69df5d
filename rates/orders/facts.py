"""What the order algebra may use without being told: ranges of letters, and laws of exponentials and logarithms."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

import sympy
from sympy import Add, Expr, Symbol, log

from tightrate.rates.orders.special_factors import (
    argument_of_logarithm,
    exceeds_one_in_order,
    exponent_terms,
    has_floor,
    is_exponential,
    larger_part,
)
from tightrate.rates.symbols.alphabet import kind_of, known_letter, ordered_letters
from tightrate.rates.symbols.hypothesis import Hypothesis

# For X >= 1 and every p > 0:  exp(-X) <~ X^-p  and  log(max(2, X)) <~ X^p.  One p of each is enough for certificates.
FAST_DECAY = 1000
SLOW_GROWTH = sympy.Rational(1, 1000)


def factor_facts(factors: Iterable[Expr]) -> tuple[Hypothesis, ...]:
    """What is known of the factors that are not letters."""
    one = sympy.Integer(1)
    found: list[Hypothesis] = []
    decays: list[tuple[Expr, Expr]] = []
    for factor in sorted(factors, key=sympy.default_sort_key):
        if is_exponential(factor):
            ((coefficient, argument),) = exponent_terms(factor)
            decays.append((factor, -coefficient * argument))
            found.append(Hypothesis(factor, one, "exponential decay"))
            found.append(Hypothesis(factor * argument**FAST_DECAY, one, "exponential decay"))
        elif isinstance(factor, log):
            argument = argument_of_logarithm(factor)
            if has_floor(factor):
                found.append(Hypothesis(one, factor, "logarithm of at least 2"))
            if argument is not None:
                found.append(Hypothesis(factor, argument**SLOW_GROWTH, "logarithmic growth"))
        elif isinstance(factor, Add):
            found.append(Hypothesis(factor, larger_part(factor), "difference"))
    for (first, faster), (second, slower) in permutations(decays, 2):
        if exceeds_one_in_order(faster / slower):
            found.append(Hypothesis(first, second, "exponential decay"))
    return tuple(found)


def range_facts(letters: Iterable[Symbol]) -> tuple[Hypothesis, ...]:
    """What holds between these letters in every problem: whole numbers are at least 1, mu <= L, and so on.

    >>> from tightrate.rates.symbols.alphabet import L, R, mu
    >>> [str(fact) for fact in range_facts([R, mu, L])]
    ['1 <= R', 'mu <= L']
    """
    present = {s.name: Symbol(s.name, positive=True) for s in letters}
    found: list[tuple[Expr, Expr]] = []
    for name in sorted(present):
        letter = known_letter(name)
        if letter is not None and (letter.is_at_least_one or letter.constant):
            found.append((sympy.Integer(1), present[name]))
        if letter is not None and (letter.is_at_most_one or letter.constant):
            found.append((present[name], sympy.Integer(1)))
    found += [(present[smaller], present[larger]) for smaller, larger in ordered_letters(present)]
    kinds = {kind: [name for name in present if kind_of(name) == kind] for kind in ("sampled", "clients")}
    found += [(present[few], present[all_]) for few in kinds["sampled"] for all_ in kinds["clients"]]
    if {"Delta", "L", "B"} <= set(present):  # smoothness: f(x_0) - f_* <= L B^2 / 2
        found.append((present["Delta"], present["L"] * present["B"] ** 2))
    if {"Delta", "mu", "B"} <= set(present):  # strong convexity: mu B^2 / 2 <= f(x_0) - f_*
        found.append((present["mu"] * present["B"] ** 2, present["Delta"]))
    return tuple(Hypothesis(smaller, larger, "range of the letters") for smaller, larger in dict.fromkeys(found))
