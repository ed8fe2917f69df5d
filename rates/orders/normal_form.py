"""The normal form of a bound: maxima of minima of monomials.

Up to constants a sum is a maximum, so in the logarithms of its letters a bound is  max_i min_j l_ij  with linear
forms l_ij (or, dually, min_i max_j l_ij): a question about orders becomes a question about linear forms on a cone.
Factors that are no powers of letters - exponentials and logarithms - enter as letters of their own, with the few facts
that are known of them.  Of anything else no order is guessed: it raises `UndecidableError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any, Literal

import sympy
from sympy import QQ, Add, Expr, Max, Min, Mul, Pow, Symbol, exp, log
from sympy.logic.boolalg import Boolean
from sympy.polys.polyerrors import CoercionFailed

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.moment_order import ALPHA, ALPHA_RANGE, check_defined, sign_for_all_alpha
from tightrate.rates.orders.special_factors import exponent_terms, has_floor, is_exponential, larger_part
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.symbols.alphabet import known_letter, with_definitions

Outer = Literal["max", "min"]
SIZE_LIMIT = 200  # linear forms in one normal form; published bounds have about twenty


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
        return tuple(sorted((printed(factor), printed(exponent)) for factor, exponent in self.exponents))

    @property
    def factors(self) -> set[Expr]:
        """The letters and other factors that occur."""
        return {factor for factor, _ in self.exponents}

    def monomial(self, field: Any) -> Expr:
        """The monomial itself."""
        return Mul(*(factor ** field.to_sympy(exponent) for factor, exponent in self.exponents))


Clauses = tuple[frozenset[Form], ...]
printed = lru_cache(maxsize=8192)(str)  # printing is what sorting forms takes most time for


def listed(clause: frozenset[Form]) -> list[Form]:
    """The forms of a clause in an order that does not depend on hashes."""
    return sorted(clause, key=lambda form: form.sort_key)


def field_of(expressions: Iterable[Expr | Boolean]) -> Any:
    """The field of the exponents: the rationals, or rational functions of alpha where alpha occurs."""
    return QQ.frac_field(ALPHA) if any(ALPHA in e.free_symbols for e in expressions) else QQ


def standardized(expression: Any) -> Any:
    """The expression in positive letters, with functions of known order rewritten up to constants.

    What is short for a formula is written out.  log(1+X) -> min(1,X) log(max(2,X)),  1-exp(-X) -> min(1,X),
    ceiling(X) -> max(1,X); then log(max(2,X+Y)) is the larger of log(max(2,X)) and log(max(2,Y)).
    """
    try:
        found = sympy.sympify(expression, strict=True)  # strict: text is never evaluated
    except sympy.SympifyError:
        raise TightrateError(f"a bound must be an expression in letters, not {expression!r}") from None
    return _standardized(with_definitions(found))


@lru_cache(maxsize=1024, typed=True)
def _standardized(expression: Any) -> Any:
    if isinstance(expression, Add) and not expression.as_coeff_Add()[0]:  # terms recur in many questions
        return Add(*map(_standardized, expression.args))
    for symbol in expression.free_symbols:
        if symbol.is_extended_nonnegative is False or symbol.is_zero:
            raise TightrateError(f"every letter of a bound is positive, but {symbol} is declared otherwise")
    positive = {s: Symbol(s.name, positive=True) for s in expression.free_symbols if not s.is_positive}
    expression = substituted(expression, positive)
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


def substituted(expression: Expr, values: Mapping[Expr, Expr]) -> Expr:
    """The expression at these values; of a minimum or maximum the alternatives are not compared, which takes time.

    >>> from tightrate.rates.symbols.alphabet import K, R, T
    >>> substituted(sympy.Max(K, T), {T: K * R})
    Max(K, K*R)
    """
    if not expression.free_symbols & set(values):
        return expression
    if expression in values:
        return values[expression]
    parts = [substituted(part, values) for part in expression.args]
    if isinstance(expression, (Min, Max)):
        return expression.func(*parts, evaluate=False)
    return expression.func(*parts)


def in_alphabet(expression: Any) -> Any:
    """The expression with the symbols of the alphabet, as it is given back to users."""
    letters = {s: known.symbol for s in expression.free_symbols if (known := known_letter(s.name)) is not None}
    changed = {own: usual for own, usual in letters.items() if own != usual}
    return expression.xreplace(changed) if changed else expression


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


@lru_cache(maxsize=4096)
def clauses(expression: Expr, field: Any, outer: Outer = "max") -> Clauses:
    """The normal form: the maximum over clauses of the minimum over their forms, or (outer="min") the dual.

    >>> from tightrate.rates.symbols.alphabet import K, M, R
    >>> [len(clause) for clause in clauses(Min(1 / R, 1 / M + 1 / K) + 1 / (M * R), QQ)]
    [1, 2, 2]
    """
    return _NormalForm(field, outer).of(expression)


@lru_cache(maxsize=4096)
def _in_field(exponent: Expr, field: Any) -> Any:
    """An exponent as an element of the field; None where it is none."""
    with suppress(CoercionFailed, ValueError):
        if not exponent.has(sympy.Float):
            return field.from_sympy(exponent) * field.one  # drops a stale hash that sympy may leave
    return None


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
            return reduce(join_or_meet, (clauses(part, self.field, self.outer) for part in expression.args))
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
            check_defined(exponent)
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
        found = _in_field(exponent, self.field)
        if found is None:
            raise UndecidableError(f"{exponent} is not an exact exponent (in {Pow(base, exponent, evaluate=False)})")
        return found

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


def _positive_constant(expression: Expr) -> bool:
    if expression.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan):
        return False
    above = Symbol("above", nonnegative=True)
    return any(e.subs(ALPHA, ALPHA_RANGE[0] + above).is_positive for e in (expression, sympy.factor(expression)))
