"""The check of certificates of  A <~ B, which shares no code with the prover.

It reads nothing of a certificate but monomials, weights, hypotheses and intervals of alpha, and takes the question from
its own reading of both sides: a sum is of the order of its largest term, so a side is a maximum of minima of monomials
or, dually, a minimum of maxima.  What a certificate must show, and what is checked here, is that in every case into
which the hypotheses fall, for every minimum a of A and every maximum b of B, steps

    prod a_j^p_j * prod (larger/smaller)^y = prod b_k^q_k,   p, q, y >= 0,   sum p = sum q = 1,

cover all alpha, use monomials of a and of b alone, and hypotheses of the case or laws that are known here.  Anything
else is refused, with the reason; so is whatever this module cannot read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, combinations, pairwise, product
from typing import Any

import sympy
from sympy import Add, Expr, Max, Min, Mul, Piecewise, Poly, Pow, Symbol, exp, log
from sympy.core.relational import Relational

from tightrate.rates.symbols.alphabet import known_letter

Form = frozenset[tuple[Any, Expr]]  # a monomial: letters by name, and other factors, each with its exponent
Clauses = list[frozenset[Form]]
Fact = tuple[Form, Form]  # the first is at most a constant times the second
ONE: Form = frozenset()
LEAST_ALPHA = sympy.Integer(4)
LAWS = ("range of the letters", "exponential decay", "logarithm of at least 2", "logarithmic growth", "difference")


class RefusalError(Exception):
    """Why a certificate proves nothing."""


def _exact(value: Any) -> Any:
    """A number or an expression as it is; text is never evaluated."""
    try:
        return sympy.sympify(value, strict=True)
    except sympy.SympifyError:
        raise RefusalError(f"{value!r} is no expression") from None


def check_certificate(certificate: Any, left: Any, right: Any, given: Sequence[Any] = ()) -> bool:
    """Whether the certificate proves left <~ right under the hypotheses."""
    return not refusal(certificate, left, right, given)


def refusal(certificate: Any, left: Any, right: Any, given: Sequence[Any] = ()) -> str:
    """Why the certificate does not prove left <~ right; empty where it does."""
    try:
        sides = [_plain(_exact(getattr(side, "expression", side))) for side in (left, right)]
        alpha = _interval([*sides, *given])
        conditions = [one for one in given if getattr(one, "free_symbols", ()) != {_alpha_of(one)}]
        proofs = [
            ({(_form(h.smaller), _form(h.larger)) for h in case.hypotheses}, case.steps) for case in certificate.cases
        ]
        for region in _regions(sides[0], sides[1], conditions):
            steps = [step for needed, steps in proofs if needed <= region.facts for step in steps]
            _check_region(region, steps, alpha, {"given", "case", *(h.reason for h in given if hasattr(h, "reason"))})
    except RefusalError as reason:
        return str(reason)
    return ""


# --- Monomials --------------------------------------------------------------------------------------------------------


def _times(*forms: tuple[Form, Any]) -> Form:
    """The product of monomials, each to a power."""
    total: dict[Any, Expr] = {}
    for form, power in forms:
        for key, exponent in form:
            total[key] = total.get(key, sympy.S.Zero) + exponent * power
    reduced = ((key, sympy.cancel(exponent)) for key, exponent in total.items())
    return frozenset((key, exponent) for key, exponent in reduced if exponent != 0)


@cache
def _form(expression: Expr) -> Form:
    """The one monomial that an expression is."""
    found = _clauses(_plain(_exact(expression)), "max")
    if len(found) != 1 or len(found[0]) != 1:
        raise RefusalError(f"{expression} is no monomial")
    return next(iter(found[0]))


def _clauses(expression: Expr, outer: str) -> Clauses:
    """The maximum over clauses of the minima of their monomials (outer = "max"), or the minimum of maxima."""
    dual = "min" if outer == "max" else "max"
    if isinstance(expression, Symbol):
        return [frozenset([frozenset([(expression.name, sympy.S.One)])])]
    if expression.is_zero:
        return [] if outer == "max" else [frozenset()]
    if expression.is_number or {s.name for s in expression.free_symbols} == {"alpha"}:
        if not _positive(expression):
            raise RefusalError(f"{expression} is not a positive constant")
        return [frozenset([ONE])]
    exponent = _exponent(expression)
    if exponent is not None:
        return [frozenset([_times(*((_decay(c, x), 1) for c, x in exponent))])]
    if isinstance(expression, Mul):
        found = [frozenset([ONE])]
        for factor in expression.args:
            found = [_paired(a, b) for a in found for b in _clauses(factor, outer)]
        return found
    if isinstance(expression, Pow):
        inner = _clauses(expression.base, outer)
        if (len(inner), *map(len, inner)) != (1, 1) and _sign(expression.exp) < 0:  # a power of more than a monomial
            inner = _clauses(expression.base, dual)
        return [frozenset(_times((form, expression.exp)) for form in clause) for clause in inner]
    if isinstance(expression, Add | Max | Min):
        if isinstance(expression, Add) and any(term.could_extract_minus_sign() for term in expression.args):
            _larger_part(expression)
            return [frozenset([frozenset([(("difference", expression), sympy.S.One)])])]
        parts = [_clauses(part, outer) for part in expression.args]
        if isinstance(expression, Min) == (outer == "min"):
            return list(chain.from_iterable(parts))
        return [frozenset().union(*chosen) for chosen in product(*parts)]
    if isinstance(expression, log):
        return [frozenset([frozenset([(_logarithm(expression), sympy.S.One)])])]
    raise RefusalError(f"{expression} cannot be read")


def _paired(first: frozenset[Form], second: frozenset[Form]) -> frozenset[Form]:
    return frozenset(_times((a, 1), (b, 1)) for a in first for b in second)


def _exponent(expression: Expr) -> list[tuple[Expr, Form]] | None:
    """c and X of exp(c1 X1 + c2 X2 + ...), or of a number to such a power; None for anything else."""
    if not isinstance(expression, Pow | exp):
        return None
    base, power = expression.as_base_exp()
    if not base.is_number or {s.name for s in power.free_symbols} <= {"alpha"}:
        return None
    terms = []
    for term in Add.make_args(sympy.expand(power * log(base))):
        coefficient, rest = term.as_independent(*term.free_symbols, as_Add=False)
        terms.append((coefficient, _form(rest)))
    return terms


def _decay(coefficient: Expr, argument: Form) -> Form:
    """exp(c X) as a power of the factor exp(-X); a coefficient that is no fraction stays in the factor."""
    if coefficient.is_Rational:
        return frozenset([(("exp", sympy.S.One, argument), -coefficient)])
    return frozenset([(("exp", abs(coefficient), argument), -sympy.sign(coefficient))])


def _logarithm(expression: Expr) -> tuple[str, bool, Form]:
    """log(max(2, X)), which is at least a constant, or log(X) of something that is surely at least 1."""
    (inside,) = expression.args
    if isinstance(inside, Max) and sympy.Integer(2) in inside.args:
        return "log", True, _form(Max(*(part for part in inside.args if part != 2)))
    if not _surely_at_least_one(inside):
        raise RefusalError(f"the sign of {expression} is not known")
    return "log", False, _form(inside)


def _plain(expression: Any) -> Any:
    """Functions of known order written with maxima and minima; the assumptions on symbols do not matter here."""
    if isinstance(expression, Symbol):
        return Symbol(expression.name, positive=True)
    if not isinstance(expression, Expr) or not expression.args:
        return expression
    args = [_plain(part) for part in expression.args] if not isinstance(expression, Piecewise) else expression.args
    if isinstance(expression, sympy.ceiling):
        return Max(1, args[0], evaluate=False)
    if isinstance(expression, sympy.Abs):
        _larger_part(args[0])
        return args[0]
    rebuilt = expression.func(*args) if args != list(expression.args) else expression
    if isinstance(rebuilt, Add):
        constant, rest = rebuilt.as_coeff_Add()
        inside = _exponent(-rest) if constant == 1 else None
        if inside and all(c.is_negative for c, _ in inside):  # 1 - exp(-X) is of the order min(1, X)
            (_, power) = (-rest).as_base_exp()
            return Min(1, -power * log((-rest).as_base_exp()[0]))
    if isinstance(rebuilt, log):
        return _plain_logarithm(rebuilt)
    return rebuilt


def _plain_logarithm(logarithm: Expr) -> Expr:
    """log(c + X + ...) for c >= 1: the largest log(max(2, X)), times min(1, X + ...) for c = 1."""
    (inside,) = logarithm.args
    if inside.is_number:
        return logarithm
    if isinstance(inside, Max):
        constant = max((part for part in inside.args if part.is_number), default=sympy.S.Zero)
        terms = [part for part in inside.args if not part.is_number]
    else:
        constant, rest = inside.as_coeff_Add()
        terms = list(Add.make_args(rest))
    if constant < 1 or (constant == 1 and isinstance(inside, Max)) or any(t.could_extract_minus_sign() for t in terms):
        return logarithm
    largest = Max(*(log(Max(2, term, evaluate=False), evaluate=False) for term in terms), evaluate=False)
    largest = largest if len(terms) > 1 else log(Max(2, terms[0], evaluate=False), evaluate=False)
    return Min(1, Add(*terms)) * largest if constant == 1 else largest


# --- What is known of letters -----------------------------------------------------------------------------------------


def _surely_at_least_one(expression: Expr) -> bool:
    """Whole numbers on top, fractions below, a coefficient of at least 1."""
    coefficient, rest = expression.as_independent(*expression.free_symbols, as_Add=False)
    factors = [factor.as_base_exp() for factor in Mul.make_args(rest) if factor != 1]
    return bool(coefficient >= 1) and all(
        isinstance(base, Symbol) and power.is_Rational and _letter_sign(base.name) * power > 0
        for base, power in factors
    )


def _letter_sign(name: str) -> int:
    """1 for letters that are never below 1, -1 for those that are never above 1, 0 for all others."""
    letter = known_letter(name)
    if letter is None:
        return 0
    return int(letter.counts or letter.at_least_one) - int(letter.below_one or letter.at_most_one)


def _larger_part(difference: Expr) -> Expr:
    """a of a difference a - b with a >= b for sure."""
    above = [term for term in Add.make_args(difference) if not term.could_extract_minus_sign()]
    below = [-term for term in Add.make_args(difference) if term.could_extract_minus_sign()]
    if len(above) != 1 or len(below) != 1 or not _surely_at_least_one(above[0] / below[0]):
        raise RefusalError(f"the sign of {difference} is not known")
    return above[0]


def _at_most(smaller: str, larger: str) -> bool:
    """Whether the alphabet says, directly or through other letters, that one letter is at most another."""
    letter = known_letter(smaller)
    if smaller.endswith(":sampled") and larger.endswith(":clients"):
        return True
    return letter is not None and (larger in letter.at_most or any(_at_most(one, larger) for one in letter.at_most))


def _is_law(fact: Fact, facts: set[Fact]) -> bool:
    """Whether the fact holds in every problem, where also `facts` do."""
    excess = dict(_times((fact[1], 1), (fact[0], -1)))
    special = {key: power for key, power in excess.items() if not isinstance(key, str)}
    letters = {key: power for key, power in excess.items() if isinstance(key, str)}
    if not special:
        return _letter_law(letters)
    if len(special) == 2:
        (slow, up), (fast, down) = sorted(special.items(), key=lambda item: -item[1])
        both = slow[0] == fast[0] == "exp" and not letters and (up, down) == (1, -1)
        return both and slow[1] == fast[1] and _grown_in_order(_times((fast[2], 1), (slow[2], -1)))
    if len(special) > 2:
        return False
    ((key, power),) = special.items()
    if key[0] == "exp" and power == -1:
        scale = _multiple(letters, dict(key[2]))
        return not letters or (_is_negative(scale) and (ONE, key[2]) in facts)
    if key[0] == "log" and power == 1:
        return key[1] and not letters
    if key[0] == "log" and power == -1:
        scale = _multiple(letters, dict(key[2]))
        grows = (ONE, key[2]) in facts or _grown_by_one(key[2])
        return scale is not None and _is_negative(-scale) and grows
    if key[0] == "difference" and power == -1:
        return frozenset(letters.items()) == _form(_larger_part(key[1]))
    return False


def _is_negative(scale: Expr | None) -> bool:
    return scale is not None and bool(scale.is_number) and bool(scale < 0)


def _letter_law(excess: dict[str, Expr]) -> bool:
    """1 <= K, beta <= 1, C ~ 1, mu <= L, and what smoothness and strong convexity say of the gap at the start."""
    if len(excess) == 1:
        ((name, power),) = excess.items()
        letter = known_letter(name)
        return letter is not None and (letter.constant or _grows(name, power))
    if set(excess.values()) == {sympy.S.One, sympy.S.NegativeOne} and len(excess) == 2:
        larger, smaller = sorted(excess, key=lambda name: -excess[name])
        return _at_most(smaller, larger)
    return excess in ({"Delta": -1, "L": 1, "B": 2}, {"Delta": 1, "mu": -1, "B": -2}) or not excess


def _grown_by_one(form: Form) -> bool:
    return all(isinstance(key, str) and _grows(key, power) for key, power in form)


def _grown_in_order(form: Form) -> bool:
    """Whether letters that are never below 1, and at most one ratio of a larger letter to a smaller one, make it up."""
    powers: dict[Any, Expr] = dict(form)
    names = [key for key in powers if isinstance(key, str)]
    for smaller, larger in product(names, names):
        if _at_most(smaller, larger) and powers[larger] == -powers[smaller] and bool(powers[larger] > 0):
            return all(_grows(key, power) for key, power in powers.items() if key not in (smaller, larger))
    return _grown_by_one(form)


def _grows(name: str, power: Expr) -> bool:
    """Whether a letter to this power is never below 1."""
    return bool(power.is_number) and bool(_letter_sign(name) * power > 0)


def _multiple(letters: dict[Any, Expr], unit: dict[Any, Expr]) -> Expr | None:
    """n with letters = unit^n."""
    if set(letters) != set(unit) or not unit:
        return None
    ratios = {sympy.cancel(letters[key] / unit[key]) for key in unit}
    return ratios.pop() if len(ratios) == 1 else None


# --- Cases ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Region:
    """Facts that hold together, and both sides where they do; `growing` are the X of exp(-X) and log taken >= 1."""

    facts: set[Fact]
    left: Expr
    right: Expr
    growing: tuple[Form, ...] = ()


def _regions(left: Expr, right: Expr, given: Sequence[Any]) -> Iterator[_Region]:
    """Regions that cover everything that the hypotheses allow."""
    for chosen in product(*(list(_alternatives(one)) for one in given)):
        for branch in _branches(_Region(set(chain.from_iterable(chosen)), left, right)):
            yield from _flat_or_growing(branch)


def _alternatives(condition: Any) -> Iterable[set[Fact]]:
    """Sets of facts, one of which holds where the condition does."""
    if hasattr(condition, "smaller"):
        return [{(_form(condition.smaller), _form(condition.larger))}]
    if condition == sympy.true:
        return [set()]
    if isinstance(condition, sympy.Not):
        return _alternatives(sympy.to_nnf(condition, simplify=False))
    if isinstance(condition, sympy.Or):
        return [facts for part in condition.args for facts in _alternatives(part)]
    if isinstance(condition, sympy.And):
        return [set().union(*chosen) for chosen in product(*map(_alternatives, condition.args))]
    if isinstance(condition, sympy.Eq):
        return _alternatives(sympy.And(condition.lhs <= condition.rhs, condition.lhs >= condition.rhs))
    if isinstance(condition, sympy.Ne):
        return [set()]
    if not hasattr(condition, "lts"):
        raise RefusalError(f"the hypothesis {condition} cannot be read")
    low, high = _clauses(_plain(condition.lts), "max"), _clauses(_plain(condition.gts), "min")
    options = [[(a, b) for a in clause for b in other] for clause in low for other in high]
    return [set(chosen) for chosen in product(*options)]


def _branches(region: _Region) -> Iterator[_Region]:
    """Every condition of a case distinction holds or does not."""
    pieces = region.left.atoms(Piecewise) | region.right.atoms(Piecewise)
    tests = {test for piece in pieces for _, one in piece.args for test in one.atoms(Relational)}
    if not tests:
        if pieces:
            raise RefusalError("a side is not defined everywhere")
        yield region
        return
    test = min(tests, key=sympy.default_sort_key)
    for holds, known in ((test, sympy.true), (sympy.Not(test), sympy.false)):
        left, right = (_plain(side.xreplace({test: known})) for side in (region.left, region.right))
        for more in _alternatives(holds):
            yield from _branches(_Region(region.facts | more, left, right))


def _flat_or_growing(region: _Region) -> Iterator[_Region]:
    """exp(-X) and log(max(2, X)) are of order 1 where X <= 1; elsewhere X >= 1."""
    arguments: dict[Form, list[tuple[Expr, Expr]]] = {}
    for side in (region.left, region.right):
        for part in side.atoms(exp, Pow, log):
            if isinstance(part, log) and isinstance(part.args[0], Max):
                arguments.setdefault(_logarithm(part)[2], []).append((part, sympy.S.One))
            for _, argument in () if isinstance(part, log) else (_exponent(part) or ()):
                arguments.setdefault(argument, [])
    for size in range(len(arguments) + 1):
        for flat in combinations(arguments, size):
            facts = {(x, ONE) if x in flat else (ONE, x) for x in arguments}
            logs = {old: new for x in flat for old, new in arguments[x]}
            sides = [_without(side.xreplace(logs), set(flat)) for side in (region.left, region.right)]
            growing = tuple(x for x in arguments if x not in flat)
            yield _Region(region.facts | facts, sides[0], sides[1], growing)


def _without(side: Expr, flat: set[Form]) -> Expr:
    """The side with exp(-X) = 1 for these X."""
    changed = {}
    for part in side.atoms(exp, Pow):
        if _exponent(part) is None:
            continue
        base, power = part.as_base_exp()
        terms = Add.make_args(sympy.expand(power * log(base)))
        kept = [t for t in terms if _form(t.as_independent(*t.free_symbols, as_Add=False)[1]) not in flat]
        changed[part] = exp(Add(*kept))
    return side.xreplace(changed)


# --- Steps ------------------------------------------------------------------------------------------------------------


def _check_region(
    region: _Region, steps: Sequence[Any], alpha: tuple[Expr, Expr] | None, told: Collection[str]
) -> None:
    valid = []
    for step in steps:
        used = [((_form(h.smaller), _form(h.larger)), weight) for h, weight in step.used]
        for (fact, _), (hypothesis, _) in zip(used, step.used, strict=True):
            given = fact in region.facts and hypothesis.reason in told
            if not given and not (hypothesis.reason in LAWS and _is_law(fact, region.facts)):
                raise RefusalError(f"a step uses {hypothesis}, which is neither given nor known")
        left, right = ([(_form(m), w) for m, w in side] for side in (step.left, step.right))
        weights = [w for part in (left, right, used) for _, w in part]
        if not all(_nonnegative(_exact(w), step.alpha) for w in weights):
            raise RefusalError("a weight is negative")
        if any(not _vanishes(sum(w for _, w in part) - 1, step.alpha) for part in (left, right)):
            raise RefusalError("weights do not sum to one")
        excess = [(larger, w) for (_, larger), w in used] + [(smaller, -w) for (smaller, _), w in used]
        remains = _times(*left, *excess, *((form, -w) for form, w in right))
        if not all(_vanishes(power, step.alpha) for _, power in remains):
            raise RefusalError("the two sides of a step differ")
        valid.append(({f for f, _ in left}, {f for f, _ in right}, step.alpha))

    def covered(a: frozenset[Form], b: frozenset[Form]) -> bool:
        intervals = [interval for low, high, interval in valid if low <= a and high <= b]
        if alpha is None:
            return None in intervals
        reached = alpha[0]
        for start, stop in sorted((i for i in intervals if i is not None), key=lambda i: (i[0], i[1])):
            reached = max(reached, stop) if start <= reached else reached
        return any(i is None for i in intervals) or (bool(intervals) and reached >= alpha[1])

    if any(covered(frozenset([x]), frozenset([ONE])) for x in region.growing):
        return  # x is of order 1 here, which is the region where it is at most 1
    pairs = [(a, b) for a in _clauses(region.left, "max") for b in _clauses(region.right, "min")]
    if not all(covered(a, b) for a, b in pairs):
        raise RefusalError("a part of the left side is not shown to be below a part of the right side")


def _alpha_of(expression: Any) -> Symbol | None:
    return next((s for s in getattr(expression, "free_symbols", ()) if s.name == "alpha"), None)


def _interval(parts: Sequence[Any]) -> tuple[Expr, Expr] | None:
    """The values of alpha in question, at least 4; None where it does not occur."""
    if not any(
        _alpha_of(side) for one in parts for side in ((one.smaller, one.larger) if hasattr(one, "smaller") else (one,))
    ):
        return None
    start, stop = LEAST_ALPHA, sympy.oo
    for one in parts:
        if getattr(one, "free_symbols", set()) != {_alpha_of(one)} or not isinstance(one, Relational):
            continue
        if isinstance(one, sympy.Eq):
            start = stop = one.rhs
        elif one.gts == _alpha_of(one):
            start = max(start, one.lts)
        else:
            stop = min(stop, one.gts)
    return start, stop


def _samples(function: Expr, interval: tuple[Expr, Expr]) -> list[Expr]:
    """Values of alpha between all zeros and poles inside an interval, and a value beyond the last one."""
    symbol = _alpha_of(function)
    start, stop = interval
    special = {start}
    for part in sympy.fraction(sympy.cancel(function)):
        if symbol in part.free_symbols:
            special |= {root for root in Poly(part, symbol).real_roots() if start < root < stop}
    points = [*sorted(special), stop if stop != sympy.oo else max(special) + 2]
    return [(low + high) / 2 for low, high in pairwise(points)]


def _nonnegative(weight: Expr, interval: tuple[Expr, Expr] | None) -> bool:
    """Whether a weight is a number, or a function of alpha, nonnegative and defined for every alpha of the interval."""
    symbol = _alpha_of(weight)
    if symbol is None:
        return bool(weight.is_nonnegative) and bool(weight.is_number) and bool(weight.is_finite)
    if interval is None or weight.free_symbols != {symbol}:
        return False
    start, stop = interval
    if start == stop:
        return _nonnegative(weight.subs(symbol, start), None)
    bottom = sympy.fraction(sympy.cancel(weight))[1]
    poles = Poly(bottom, symbol).real_roots() if symbol in bottom.free_symbols else []
    return not any(start <= pole <= stop for pole in poles) and all(
        weight.subs(symbol, point) >= 0 for point in _samples(weight, interval)
    )


def _vanishes(expression: Expr, interval: tuple[Expr, Expr] | None) -> bool:
    """Whether this is zero for every alpha of the interval."""
    expression = _exact(expression)
    if interval is not None and interval[0] == interval[1] and _alpha_of(expression) is not None:
        expression = expression.subs(_alpha_of(expression), interval[0])
    return bool(sympy.cancel(expression) == 0)


def _sign(exponent: Expr) -> int:
    """The sign of an exponent for every alpha from 4 on."""
    if _alpha_of(exponent) is None:
        return int(sympy.sign(exponent))
    everywhere = (LEAST_ALPHA, sympy.oo)
    for sign in (1, -1):
        if _nonnegative(sign * exponent, everywhere):
            return sign
    raise RefusalError(f"the exponent {exponent} changes its sign or has a pole")


def _positive(constant: Expr) -> bool:
    """Whether a number, or a function of alpha alone, is positive and finite."""
    if constant.is_number:
        return bool(constant.is_positive) and bool(constant.is_finite)
    beyond = LEAST_ALPHA + Symbol("beyond", nonnegative=True)
    forms = (constant, sympy.factor(constant))
    return not constant.has(sympy.oo, sympy.zoo, sympy.nan) and any(
        bool(form.subs(_alpha_of(constant), beyond).is_positive) for form in forms
    )
