"""The normal form of a bound: maxima of minima of monomials, and the hypotheses under which it is read.

Up to constants a sum is a maximum, so in the logarithms of its letters a bound is  max_i min_j l_ij  with linear
forms l_ij (or, dually, min_i max_j l_ij): a question about orders becomes a question about linear forms on a cone.
Factors that are no powers of letters - exponentials and logarithms - enter as letters of their own, with the few facts
that are known of them.  Of anything else no order is guessed: it raises `UndecidableError`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, reduce
from itertools import combinations, permutations, product
from typing import Any, Literal

import sympy
from sympy import QQ, Add, Expr, Max, Min, Mul, Piecewise, Pow, Symbol, exp, log
from sympy.core.relational import (
    Equality,
    GreaterThan,
    LessThan,
    Relational,
    StrictGreaterThan,
    StrictLessThan,
    Unequality,
)
from sympy.logic.boolalg import And, Boolean, Not, Or
from sympy.polys.polyerrors import CoercionFailed

from tightrate.common.errors import TightrateError
from tightrate.rates.symbols.alphabet import LETTERS, ordered_letters
from tightrate.rates.symbols.hypothesis import Hypothesis

Outer = Literal["max", "min"]
ALPHA = Symbol("alpha", positive=True)
ALPHA_RANGE = (sympy.Integer(4), sympy.oo)
SIZE_LIMIT = 200  # linear forms in one normal form; published bounds have about twenty
CASES_LIMIT = 256  # combinations of alternatives among the hypotheses
REGIMES_LIMIT = 5  # different exponentials and logarithms in one question
# For X >= 1 and every p > 0:  exp(-X) <~ X^-p  and  log(max(2, X)) <~ X^p.  One p of each is enough for certificates.
FAST_DECAY = 1000
SLOW_GROWTH = sympy.Rational(1, 1000)


class UndecidableError(TightrateError):
    """Why a question about orders has no answer here."""


@dataclass(frozen=True)
class Form:
    """The logarithm of a monomial: each factor (a letter, an exponential, a logarithm) with its exponent, not 0."""

    exponents: frozenset[tuple[Expr, Any]] = frozenset()

    def __add__(self, other: Form) -> Form:
        total: dict[Expr, Any] = dict(self.exponents)
        for factor, exponent in other.exponents:
            total[factor] = total[factor] + exponent if factor in total else exponent
        return Form(frozenset((factor, exponent) for factor, exponent in total.items() if exponent))

    def __mul__(self, scale: Any) -> Form:
        if scale == 1 or not scale:
            return self if scale else Form()
        return Form(frozenset((factor, exponent * scale) for factor, exponent in self.exponents))

    def __neg__(self) -> Form:
        return Form(frozenset((factor, -exponent) for factor, exponent in self.exponents))

    def __sub__(self, other: Form) -> Form:
        return self + -other

    @cached_property
    def sort_key(self) -> tuple[tuple[str, str], ...]:
        """An order of forms that does not depend on hashes."""
        return tuple(sorted((str(factor), str(exponent)) for factor, exponent in self.exponents))

    @property
    def factors(self) -> set[Expr]:
        """The letters and other factors that occur."""
        return {factor for factor, _ in self.exponents}

    def monomial(self, field: Any) -> Expr:
        """The monomial itself."""
        return Mul(*(factor ** field.to_sympy(exponent) for factor, exponent in self.exponents))


Clauses = tuple[frozenset[Form], ...]


def listed(clause: frozenset[Form]) -> list[Form]:
    """The forms of a clause in an order that does not depend on hashes."""
    return sorted(clause, key=lambda form: form.sort_key)


def field_of(expressions: Iterable[Expr | Boolean]) -> Any:
    """The field of the exponents: the rationals, or rational functions of alpha where alpha occurs."""
    return QQ.frac_field(ALPHA) if any(ALPHA in e.free_symbols for e in expressions) else QQ


@lru_cache(maxsize=1024, typed=True)
def standardized(expression: Any) -> Any:
    """The expression in positive letters, with functions of known order rewritten up to constants.

    log(1+X) -> min(1,X) log(max(2,X)),  1-exp(-X) -> min(1,X),  ceiling(X) -> max(1,X); then log(max(2,X+Y)) is the
    larger of log(max(2,X)) and log(max(2,Y)).
    """
    try:
        expression = sympy.sympify(expression, strict=True)  # strict: text is never evaluated
    except sympy.SympifyError:
        raise TightrateError(f"a bound must be an expression in letters, not {expression!r}") from None
    for symbol in expression.free_symbols:
        if symbol.is_extended_nonnegative is False or symbol.is_zero:
            raise TightrateError(f"every letter of a bound is positive, but {symbol} is declared otherwise")
    positive = {s: Symbol(s.name, positive=True) for s in expression.free_symbols if not s.is_positive}
    expression = expression.xreplace(positive)
    if expression.has(exp, log, sympy.ceiling, sympy.Abs):
        expression = expression.replace(sympy.Abs, _absolute).replace(sympy.ceiling, lambda x: Max(1, x))
        expression = expression.replace(lambda e: isinstance(e, (log, Add)), _with_known_order)
    return expression


def without_logarithms(expression: Expr) -> Expr:
    """The expression with every logarithmic factor replaced by 1, for comparisons up to logarithms.

    >>> from tightrate.rates.symbols.alphabet import K, R
    >>> without_logarithms(sympy.sqrt(log(2 + K * R)) / R)
    1/R
    """
    return in_alphabet(standardized(expression).replace(log, lambda _: sympy.S.One))


def in_alphabet(expression: Any) -> Any:
    """The expression with the symbols of the alphabet, as it is given back to users."""
    letters = {s: LETTERS[s.name].symbol for s in expression.free_symbols if s.name in LETTERS}
    return expression.xreplace(letters)


def _absolute(argument: Expr) -> Expr:
    try:
        larger_part(argument)
    except UndecidableError:
        return sympy.Abs(argument)
    return argument


def _with_known_order(expression: Expr) -> Expr:
    if isinstance(expression, Add):
        constant, rest = expression.as_coeff_Add()
        if constant == 1 and is_exponential(-rest) and all(c < 0 for c, _ in exponent_terms(-rest)):
            return Min(1, Add(*(-c * x for c, x in exponent_terms(-rest))))
        return expression
    (argument,) = expression.args
    if isinstance(argument, Max):
        constant = max((a for a in argument.args if a.is_number), default=sympy.S.Zero)
        terms = [a for a in argument.args if not a.is_number]
    else:
        constant, rest = argument.as_coeff_Add()
        terms = list(Add.make_args(rest))
    if not all(term.is_positive for term in terms) or constant < 1 or (constant == 1 and isinstance(argument, Max)):
        return expression
    logarithm = Max(*(log(Max(2, term)) for term in terms))
    return Min(1, Add(*terms)) * logarithm if constant == 1 else logarithm


def clauses(expression: Expr, field: Any, outer: Outer = "max") -> Clauses:
    """The normal form: the maximum over clauses of the minimum over their forms, or (outer="min") the dual.

    >>> from tightrate.rates.symbols.alphabet import K, M, R
    >>> [len(clause) for clause in clauses(Min(1 / R, 1 / M + 1 / K) + 1 / (M * R), QQ)]
    [1, 2, 2]
    """
    return _NormalForm(field, outer).of(expression)


@dataclass(frozen=True)
class _NormalForm:
    """How expressions become clauses, over one field of exponents and from one side."""

    field: Any
    outer: Outer

    @property
    def dual(self) -> _NormalForm:
        """The same from the other side."""
        return _NormalForm(self.field, "min" if self.outer == "max" else "max")

    def of(self, expression: Expr) -> Clauses:
        """The clauses of an expression."""
        if isinstance(expression, Symbol) and expression != ALPHA:
            return self.factor(expression)
        if isinstance(expression, Mul):
            return reduce(_product, map(self.of, expression.args))
        if isinstance(expression, Pow) and isinstance(expression.base, Symbol):
            return self.power(expression.base, expression.exp)
        if expression.is_zero:
            return () if self.outer == "max" else (frozenset(),)
        if expression.is_number or expression.free_symbols == {ALPHA}:
            if not _positive_constant(expression):
                raise UndecidableError(f"{expression} is not positive")
            return (frozenset([Form()]),)
        if is_exponential(expression):
            return (frozenset([self.exponential(expression)]),)
        if isinstance(expression, Pow):
            return self.power(expression.base, expression.exp)
        if isinstance(expression, (Add, Max, Min)):
            if isinstance(expression, Add) and any(term.could_extract_minus_sign() for term in expression.args):
                larger_part(expression)
                return self.factor(expression)
            join_or_meet = _join if isinstance(expression, Min) == (self.outer == "min") else _meet
            return reduce(join_or_meet, map(self.of, expression.args))
        if isinstance(expression, log):
            has_floor(expression)
            return self.factor(expression)
        raise UndecidableError(f"the order of {expression} is not known")

    def factor(self, factor: Expr) -> Clauses:
        """A letter, or what counts as one."""
        return (frozenset([Form(frozenset([(factor, self.field.one)]))]),)

    def power(self, base: Expr, exponent: Expr) -> Clauses:
        """The clauses of base^exponent; a negative power is read from the other side."""
        scale = self.scale(base, exponent)
        if self.field != QQ:
            _check_defined(exponent)
        if isinstance(base, Symbol) and base != ALPHA:
            return (frozenset([Form(frozenset([(base, scale)] if scale else []))]),)
        inner = self.of(base)
        if len(inner) == 1 and len(inner[0]) == 1:
            return (frozenset(form * scale for form in inner[0]),)
        if sign_for_all_alpha(exponent) < 0:
            inner = self.dual.of(base)
        return tuple(frozenset(form * scale for form in clause) for clause in inner)

    def scale(self, base: Expr, exponent: Expr) -> Any:
        """An exponent in the field."""
        with suppress(CoercionFailed, ValueError):
            if not exponent.has(sympy.Float):
                return self.field.from_sympy(exponent) * self.field.one  # drops a stale hash that sympy may leave
        raise UndecidableError(f"{exponent} is not an exact exponent (in {Pow(base, exponent, evaluate=False)})")

    def exponential(self, expression: Expr) -> Form:
        """The form of exp(c1 X1 + c2 X2 + ...), each exp(-X) a letter of its own."""
        total = Form()
        for coefficient, argument in exponent_terms(expression):
            rational = coefficient.is_Rational
            factor = exp(-argument) if rational else exp(-abs(coefficient) * argument)
            exponent = self.field.from_sympy(-coefficient if rational else -sympy.sign(coefficient)) * self.field.one
            total += Form(frozenset([(factor, exponent)]))
        return total


def _product(first: Clauses, second: Clauses) -> Clauses:
    _check_size(sum(map(len, first)) * sum(map(len, second)))
    return _shortest(frozenset(f + g for f in a for g in b) for a in first for b in second)


def _join(first: Clauses, second: Clauses) -> Clauses:
    _check_size(sum(map(len, (*first, *second))))
    return _shortest((*first, *second))


def _meet(first: Clauses, second: Clauses) -> Clauses:
    _check_size(len(first) * sum(map(len, second)) + len(second) * sum(map(len, first)))
    return _shortest(a | b for a in first for b in second)


def _check_size(size: int) -> None:
    if size > SIZE_LIMIT:
        raise UndecidableError(f"the normal form has more than {SIZE_LIMIT} monomials")


def _shortest(found: Iterable[frozenset[Form]]) -> Clauses:
    """The clauses without those that another one makes superfluous."""
    distinct = tuple(dict.fromkeys(found))
    return tuple(c for c in distinct if not any(other < c for other in distinct))


def form_of(monomial: Expr, field: Any) -> Form:
    """The one linear form of a monomial."""
    found = clauses(monomial, field)
    if len(found) != 1 or len(found[0]) != 1:
        raise TightrateError(f"{monomial} is not a monomial up to constants; give its terms or branches one by one")
    return next(iter(found[0]))


@cache
def _roots_in_range(polynomial: Expr) -> int:
    if ALPHA not in polynomial.free_symbols:
        return 0
    return int(sympy.Poly(polynomial, ALPHA).count_roots(ALPHA_RANGE[0], None))


def _check_defined(exponent: Expr) -> None:
    if _roots_in_range(sympy.fraction(sympy.cancel(exponent))[1]):
        raise UndecidableError(f"the exponent {exponent} is undefined for some alpha >= {ALPHA_RANGE[0]}")


def sign_for_all_alpha(exponent: Expr) -> int:
    """The sign of a rational function of alpha on alpha >= 4; UndecidableError where it is not the same everywhere."""
    if ALPHA in exponent.free_symbols:
        _check_defined(exponent)
        if _roots_in_range(sympy.fraction(sympy.cancel(exponent))[0]):
            raise UndecidableError(f"the exponent {exponent} changes sign for some alpha >= {ALPHA_RANGE[0]}")
    return int(sympy.sign(exponent.subs(ALPHA, ALPHA_RANGE[0])))


def _positive_constant(expression: Expr) -> bool:
    if expression.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan):
        return False
    above = Symbol("above", nonnegative=True)
    return any(e.subs(ALPHA, ALPHA_RANGE[0] + above).is_positive for e in (expression, sympy.factor(expression)))


def is_exponential(expression: Expr) -> bool:
    """Whether letters stand in an exponent: exp(X) or c^X."""
    if isinstance(expression, exp):
        return not expression.is_number
    return (
        isinstance(expression, Pow)
        and bool(expression.base.is_number)
        and not expression.exp.is_number
        and bool(expression.base.is_positive)
        and expression.exp.free_symbols != {ALPHA}
    )


def exponent_terms(exponential: Expr) -> list[tuple[Expr, Expr]]:
    """exp(c1 X1 + c2 X2 + ...) as (c1, X1), (c2, X2), ...: numbers times monomials with coefficient 1."""
    base, argument = exponential.as_base_exp()
    terms = [term.as_independent(*term.free_symbols) for term in Add.make_args(sympy.expand(argument * log(base)))]
    for _, part in terms:
        if not _is_monomial(part):
            raise UndecidableError(f"{part} in the exponent of {exponential} is not a monomial")
    return terms


def _is_monomial(expression: Expr) -> bool:
    return all(
        isinstance(factor.as_base_exp()[0], Symbol) and factor.as_base_exp()[1].is_Rational
        for factor in Mul.make_args(expression)
    )


def exceeds_one(monomial: Expr) -> bool:
    """Whether a monomial is surely at least 1: whole numbers on top, fractions below, coefficient at least 1."""
    coefficient, rest = monomial.as_independent(*monomial.free_symbols, as_Add=False)
    powers = [factor.as_base_exp() for factor in Mul.make_args(rest) if factor != 1]
    return bool(coefficient >= 1) and all(
        isinstance(base, Symbol)
        and base.name in LETTERS
        and power.is_Rational
        and ((LETTERS[base.name].counts and power > 0) or (LETTERS[base.name].below_one and power < 0))
        for base, power in powers
    )


def larger_part(expression: Expr) -> Expr:
    """`a` of a difference a - b that is surely nonnegative, such as K - 1; UndecidableError otherwise."""
    larger, smaller = (
        [term for term in expression.args if term.could_extract_minus_sign() is negative] for negative in (False, True)
    )
    if len(larger) != 1 or len(smaller) != 1 or not exceeds_one(larger[0] / -smaller[0]):
        raise UndecidableError(f"the sign or the order of the difference {expression} is not known")
    return larger[0]


def has_floor(logarithm: Expr) -> bool:
    """Whether this is log(max(2, X)), rather than log(X) with X >= 1; UndecidableError if it may be negative."""
    (argument,) = logarithm.args
    if isinstance(argument, Max) and 2 in argument.args:
        return True
    if not exceeds_one(argument):
        raise UndecidableError(f"the sign of {logarithm} is not known")
    return False


def argument_of_logarithm(logarithm: Expr) -> Expr | None:
    """X of log(X) or log(max(2, X)) where that is a monomial."""
    (inside,) = logarithm.args
    parts = [part for part in (inside.args if isinstance(inside, Max) else [inside]) if not part.is_number]
    return parts[0] if len(parts) == 1 and _is_monomial(parts[0]) else None


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
        if exceeds_one(faster / slower):
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
    for name in sorted(set(present) & set(LETTERS)):
        if LETTERS[name].counts:
            found.append((sympy.Integer(1), present[name]))
        elif LETTERS[name].below_one:
            found.append((present[name], sympy.Integer(1)))
    found += [(present[smaller], present[larger]) for smaller, larger in ordered_letters(present)]
    if {"Delta", "L", "B"} <= set(present):  # smoothness: f(x_0) - f_* <= L B^2 / 2
        found.append((present["Delta"], present["L"] * present["B"] ** 2))
    if {"Delta", "mu", "B"} <= set(present):  # strong convexity: mu B^2 / 2 <= f(x_0) - f_*
        found.append((present["mu"] * present["B"] ** 2, present["Delta"]))
    return tuple(Hypothesis(smaller, larger, "range of the letters") for smaller, larger in dict.fromkeys(found))


@dataclass(frozen=True)
class Case:
    """One of finitely many cases that cover a question: hypotheses, and both sides without case distinctions.

    `growing` are the X of exponentials and logarithms that are taken to be at least 1.  If the hypotheses force one of
    them to be at most a constant, the case is part of another one, in which X <= 1.
    """

    hypotheses: tuple[Hypothesis, ...]
    left: Expr
    right: Expr
    growing: tuple[Expr, ...] = ()


def cases(left: Expr, right: Expr, given: Sequence[Boolean | Hypothesis], field: Any) -> Iterator[Case]:
    """All cases: alternatives among the hypotheses, branches of Piecewise, and exponentials flat or decaying."""
    options = [alternatives(condition, field) for condition in given]
    for condition, option in zip(given, options, strict=True):
        if not option:
            raise TightrateError(f"the hypothesis {condition} cannot hold, so it would prove anything")
    if math.prod(map(len, options)) > CASES_LIMIT:
        raise UndecidableError(f"the hypotheses have more than {CASES_LIMIT} combinations of alternatives")
    for chosen in product(*options):
        hypotheses = tuple(dict.fromkeys(h for part in chosen for h in part))
        for branch in _branches(Case(hypotheses, left, right), field):
            yield from _regimes(branch)


def _branches(case: Case, field: Any) -> Iterator[Case]:
    """Every condition of a Piecewise is true in one case and false in another, in both sides at once."""
    pieces = case.left.atoms(Piecewise) | case.right.atoms(Piecewise)
    conditions = {c for piece in pieces for _, condition in piece.args for c in condition.atoms(Relational)}
    if not conditions:
        if pieces:
            raise UndecidableError(f"{pieces.pop()} is not defined everywhere")
        yield case
        return
    condition = min(conditions, key=sympy.default_sort_key)
    for truth, known in ((condition, sympy.true), (Not(condition), sympy.false)):
        left, right = (side.xreplace({condition: known}) for side in (case.left, case.right))
        for added in alternatives(truth, field, "case"):
            yield from _branches(Case(tuple(dict.fromkeys((*case.hypotheses, *added))), left, right), field)


def _regimes(case: Case) -> Iterator[Case]:
    """exp(-X) and log(max(2,X)) are of order 1 where X <= 1; where X >= 1 they stay, with what is known of them."""
    functions = [f for side in (case.left, case.right) for f in side.atoms(exp, Pow, log)]
    exponentials = [f for f in functions if is_exponential(f)]
    logarithms = {
        f: x for f in functions if isinstance(f, log) and (x := argument_of_logarithm(f)) is not None and has_floor(f)
    }
    arguments = {x for e in exponentials for _, x in exponent_terms(e)} | set(logarithms.values())
    if len(arguments) > REGIMES_LIMIT:
        raise UndecidableError(f"more than {REGIMES_LIMIT} different exponentials and logarithms")
    for flat in _subsets(sorted(arguments, key=sympy.default_sort_key)):
        growing = tuple(sorted(arguments - flat, key=sympy.default_sort_key))
        regime = [Hypothesis(x, sympy.S.One, "case") for x in sorted(flat, key=sympy.default_sort_key)]
        regime += [Hypothesis(sympy.S.One, x, "case") for x in growing]
        flatten = {e: exp(Add(*(c * x for c, x in exponent_terms(e) if x not in flat))) for e in exponentials}
        flatten |= {f: sympy.S.One for f, x in logarithms.items() if x in flat}
        hypotheses = (*case.hypotheses, *regime)
        yield Case(hypotheses, case.left.xreplace(flatten), case.right.xreplace(flatten), growing)


def _subsets(items: Sequence[Expr]) -> Iterator[frozenset[Expr]]:
    return (frozenset(chosen) for count in range(len(items) + 1) for chosen in combinations(items, count))


def alternatives(condition: Boolean | Hypothesis, field: Any, reason: str = "given") -> list[tuple[Hypothesis, ...]]:
    """A condition as alternatives, each a list of monomial inequalities that hold together.

    >>> from tightrate.rates.symbols.alphabet import K, M, R
    >>> alternatives(sympy.Max(K, M) <= R, sympy.QQ)
    [(Hypothesis(smaller=K, larger=R, reason='given'), Hypothesis(smaller=M, larger=R, reason='given'))]
    """
    if isinstance(condition, Hypothesis):
        return [(condition,)]
    if condition == sympy.true:
        return [()]
    if condition == sympy.false:
        return []
    if isinstance(condition, Not):
        return alternatives(sympy.to_nnf(condition, simplify=False), field, reason)
    if isinstance(condition, Or):
        return [choice for part in condition.args for choice in alternatives(part, field, reason)]
    if isinstance(condition, And):
        choices = product(*(alternatives(part, field, reason) for part in condition.args))
        return [tuple(h for part in choice for h in part) for choice in choices]
    if isinstance(condition, Equality):
        return alternatives(And(condition.lhs <= condition.rhs, condition.lhs >= condition.rhs), field, reason)
    if isinstance(condition, (GreaterThan, StrictGreaterThan, LessThan, StrictLessThan)):
        smaller, larger = clauses(condition.lts, field, "max"), clauses(condition.gts, field, "min")
        options = [
            [Hypothesis(a.monomial(field), b.monomial(field), reason) for a in listed(low) for b in listed(high)]
            for low in smaller
            for high in larger
        ]
        if math.prod(map(len, options)) > CASES_LIMIT:
            raise UndecidableError(f"{condition} has more than {CASES_LIMIT} alternatives")
        return [tuple(choice) for choice in product(*options)]
    if isinstance(condition, Unequality) and reason == "case":
        return [()]  # the rest of a Piecewise without one value
    kind = "relation" if isinstance(condition, Relational) else type(condition).__name__
    raise TightrateError(f"a hypothesis must be built from <=, >=, and, or; not the {kind} {condition}")
