"""Designing an experiment that shows one term of a bound: constants, and a path on which that term dominates.

In decades (logarithms to base 10) every term is a maximum of minima of linear functions of the letters, the conditions
of the theorem are linear inequalities, and a path is a segment.  A linear function is least at an end of a segment, so
the start and the end of the path are one linear program.  What the order algebra leaves out, constants and logarithms,
is put back by evaluating the bound itself along the path and asking for more where it falls short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import islice, product
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.optimize import linprog
from sympy import QQ, Equality, Expr, Symbol
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.orders.cases import alternatives
from tightrate.rates.orders.certificate import Certificate, value_at
from tightrate.rates.orders.facts import range_facts
from tightrate.rates.orders.normal_form import Form, clauses, form_of, listed, standardized
from tightrate.rates.orders.one_sided_estimates import above_one, is_excess
from tightrate.rates.orders.regimes import dominant_region, isolating_path
from tightrate.rates.orders.special_factors import exponent_terms, is_exponential, larger_part
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.statements.catalogue import theorem as catalogued
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.rates.symbols.hypothesis import Hypothesis

Array = NDArray[np.float64]
Decades = dict[str, float]
Along = str | Mapping[str, Fraction | int]

COUNTS = ("K", "R", "M", "T")
UNITS: Mapping[str, float] = {"L": 1.0, "B": 1.0}  # lengths and values are measured in these, unless given otherwise
RANGES: Mapping[str, tuple[float, float]] = {"K": (1, 1e9), "R": (1, 1e9), "T": (1, 1e18), "M": (1, 1e9)}
WIDEST = (1e-12, 1e12)  # of every other letter
COUNT_COST = 0.1  # of a decade of a count, where a decade of another letter costs 1
MOST_CORRECTIONS = 25
CORRECTION = 0.05  # decades beyond what is missing
MOST_CHOICES = 64  # combinations of alternatives (branches of minima) that are tried
SATURATED = 60.0  # argument of a decaying exponential beyond which nothing is asked any more


class IsolationError(TightrateError):
    """No path isolates the term; `certificate` proves it where the term can never dominate."""

    certificate: Certificate | None = None


@dataclass(frozen=True)
class Design:
    """A path n -> letters along which one term of a theorem's bound dominates all others together by `margin`.

    `along` has the exponents of the moving letters: each is its start value times n^exponent, rounded where it counts
    something.  `values` are the letters along the path, steps that the theorem prescribes among them; `terms` the
    values of the bound's own terms there; `conditions` says of every condition of the theorem whether it "holds" at
    all points or is "unknown" (in words only).
    """

    theorem: str
    term: str
    along: Mapping[str, Fraction]
    n: Array
    values: Mapping[str, Array]
    terms: Mapping[str, Array]
    conditions: Mapping[str, str] = field(default_factory=dict)

    @property
    def margins(self) -> Array:
        """The term over the sum of all others, at every point; infinite where it is alone."""
        others = np.sum([value for name, value in self.terms.items() if name != self.term], axis=0)
        with np.errstate(divide="ignore"):
            return np.asarray(self.terms[self.term] / others + np.zeros(len(self.n)))

    @property
    def margin(self) -> float:
        """The least margin of the path."""
        return float(self.margins.min())

    @property
    def slopes(self) -> Array:
        """Local exponents of the term in n, logarithms included, between successive points."""
        return np.asarray(np.diff(np.log(self.terms[self.term])) / np.diff(np.log(self.n)))

    @property
    def span(self) -> float:
        """By which factor n grows."""
        return float(self.n[-1] / self.n[0])

    @property
    def name(self) -> str:
        """The moving letters with their exponents, such as "K" or "K R^2"."""
        return " ".join(letter if power == 1 else f"{letter}^{power}" for letter, power in self.along.items())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        ends = {name: [float(value[0]), float(value[-1])] for name, value in self.values.items()}
        return {
            "theorem": self.theorem,
            "term": self.term,
            "along": {name: str(power) for name, power in self.along.items()},
            "points": len(self.n),
            "letters": ends,
            "margin": self.margin if np.isfinite(self.margin) else "inf",
            "conditions": dict(self.conditions),
        }


def isolate(
    statement: str | Theorem,
    term: str,
    along: Along | None = None,
    *,
    span: float = 1e6,
    points: int = 13,
    margin: float = 100.0,
    fixed: Mapping[str, float] = UNITS,
    within: Mapping[str, tuple[float, float]] | None = None,
    derived: Mapping[str, Expr] | None = None,
    given: Sequence[Boolean] = (),
    below: Expr | float | None = None,
    guides: Mapping[str, Expr] | None = None,
) -> Design:
    """Constants and a path on which `term` of the statement's bound exceeds all other terms together by `margin`.

    `along` is a letter, or letters with exponents; by default the order algebra finds the shortest direction, in K, R
    and M where that is possible and in all letters else.  `fixed` are letters with given values (L = B = 1 unless
    said; a letter in an exponent, such as alpha, must be among them), `within` ranges of letters, `derived` letters
    that are expressions of others (prescribed steps and equations among the conditions are known), `given` further
    inequalities to obey.  The term stays below `below`: by default below what holds without any theorem (L B^2 for a
    gap, B^2 for a squared distance, where the bound has these letters), as above it a bound says nothing; oo switches
    this off.  `guides` replace terms, in the search alone, that are no maxima of monomials; margins are taken from the
    bound itself all the same.  A term that can never dominate is refused with the certificate of it.

    >>> design = isolate("khaled2025/eq2", "statistical", "K", span=100, points=3)
    >>> design.along, design.margin >= 100, bool(np.allclose(design.slopes, -1 / 2))
    ({'K': Fraction(1, 1)}, True, True)
    >>> isolate("lee2024/cor8", "client drift")
    Traceback (most recent call last):
        ...
    tightrate.verify.exponents.design.IsolationError: 'client drift' of lee2024/cor8 never dominates: initial gap + \
server step + preconditioner + server drift is at least of its order, which has a certificate
    """
    found = catalogued(statement) if isinstance(statement, str) else statement
    ranges = {**RANGES, **(within or {})}
    if margin < 1 or span <= 1 or points < 3:
        raise TightrateError("a design needs margin >= 1, span > 1 and at least 3 points")
    ceiling = _trivial(found) if below is None else _expression("below", below)
    if ceiling != sympy.oo:
        given = (*given, sympy.Le(found.bound.term(term).expression, ceiling, evaluate=False))
    problem = _letters_resolved(found, term, fixed, derived or {}, given, guides or {})
    last: TightrateError | None = None
    for direction in _directions(problem, along):
        room = span if along is not None else min(span, _room(direction, ranges))
        for choice in islice(_choices(problem), MOST_CHOICES):
            try:
                return _designed(problem, choice, direction, room, points, margin, ranges)
            except IsolationError as reason:
                last = last or reason
    _refuse_if_never_dominant(problem)
    raise last if last is not None else IsolationError(f"no path isolates {term!r} of {found.id}")


def _trivial(found: Theorem) -> Expr:
    """What the start alone guarantees, for an upper bound whose letters say it; infinite otherwise."""
    smoothness, distance = LETTERS["L"].symbol, LETTERS["B"].symbol
    trivial = {"gap": smoothness * distance**2, "distance": distance, "squared-distance": distance**2}
    value = trivial.get(found.bound.measure.name, sympy.oo)
    known = set(found.bound.letters) >= {symbol.name for symbol in value.free_symbols}
    return value if known and found.bound.kind == "upper" else sympy.oo


# --- what is asked ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Problem:
    """A bound whose letters are free, fixed, or derived from others; and the inequalities that must hold."""

    statement: Theorem
    term: str
    terms: Mapping[str, Expr]  # of the free letters and the fixed ones
    derived: Mapping[str, Expr]
    fixed: Mapping[str, float]
    free: tuple[str, ...]
    conditions: Mapping[str, Boolean | None]
    guides: Mapping[str, Expr]

    @property
    def others(self) -> tuple[str, ...]:
        """The terms besides the isolated one that are not zero."""
        return tuple(name for name, e in self.terms.items() if name != self.term and e != 0)

    def shape(self, name: str) -> Expr:
        """A term as the search sees it."""
        return self.guides.get(name, self.terms[name])

    def values(self, free: Mapping[str, Array], count: int) -> dict[str, Array]:
        """Every letter along the path."""
        found = {name: np.full(count, float(value)) for name, value in self.fixed.items()}
        found |= {name: np.asarray(value, dtype=np.float64) for name, value in free.items()}
        for name, expression in self.derived.items():
            found[name] = _at(expression, found, count)
        return found


def _expression(name: str, value: Expr | float) -> Expr:
    """A number or an expression as sympy has it; text is never evaluated."""
    try:
        return sympy.sympify(value, strict=True)
    except sympy.SympifyError:
        raise TightrateError(
            f"{name} must be a number or an expression, not {value!r}; tightrate.parse reads text"
        ) from None


def _letters_resolved(
    found: Theorem,
    term: str,
    fixed: Mapping[str, float],
    derived: Mapping[str, Expr],
    given: Sequence[Boolean],
    guides: Mapping[str, Expr],
) -> _Problem:
    found.bound.term(term)
    conditions = {condition.text: condition.relation for condition in found.conditions}
    conditions |= {str(extra): extra for extra in given}
    powers = _fixed_exponents([one.expression for one in found.bound.terms], fixed)
    conditions = {
        text: None if relation is None else relation.xreplace(powers) for text, relation in conditions.items()
    }
    equations = {
        relation.lhs.name: relation.rhs
        for relation in conditions.values()
        if isinstance(relation, Equality) and isinstance(relation.lhs, Symbol)
    }
    chosen = {name: _expression(name, value) for name, value in {**equations, **found.steps, **derived}.items()}
    chosen = {name: expression.xreplace(powers) for name, expression in chosen.items() if name not in fixed}
    ordered = _in_order(chosen)
    absent = {name: sympy.Integer(0) for name, value in fixed.items() if value == 0}
    ordered = {name: _substituted(expression, absent) for name, expression in ordered.items()}
    own = {one.name: one.expression.xreplace(powers) for one in found.bound.terms}
    terms = {name: _substituted(_substituted(expression, ordered), absent) for name, expression in own.items()}
    needed = {symbol.name for expression in (*terms.values(), *ordered.values()) for symbol in expression.free_symbols}
    needed |= {symbol.name for extra in given for symbol in extra.free_symbols}
    needed |= {"K", "R", "M", *({*fixed} & {*found.bound.letters})}
    kept = {name: float(value) for name, value in fixed.items() if name in needed}
    free = tuple(name for name in (*LETTERS, *sorted(needed - set(LETTERS))) if name in needed - {*ordered, *kept})
    guides = {name: _substituted(guide.xreplace(powers), ordered) for name, guide in guides.items()}
    return _Problem(found, term, terms, ordered, kept, free, conditions, guides)


def _fixed_exponents(expressions: Sequence[Expr], fixed: Mapping[str, float]) -> dict[Symbol, Expr]:
    """The values of fixed letters that stand in an exponent, exactly: with them the terms are powers of the others."""
    exponents = [power.exp for expression in expressions for power in expression.atoms(sympy.Pow)]
    letters = {symbol for exponent in exponents for symbol in exponent.free_symbols if symbol.name in fixed}
    counted = ("K", "R", "T")  # of (1 - eta mu)^{K R}, which decays and is no power
    return {s: sympy.nsimplify(fixed[s.name], rational=True) for s in letters if s.name not in counted}


def _in_order(derived: Mapping[str, Expr]) -> dict[str, Expr]:
    """The derived letters in an order in which each uses only those before it."""
    ordered: dict[str, Expr] = {}
    waiting = dict(derived)
    while waiting:
        ready = [n for n, e in waiting.items() if not {s.name for s in e.free_symbols} & set(waiting)]
        if not ready:
            raise TightrateError(f"the letters {', '.join(waiting)} are defined by each other; give one a value")
        ordered |= {name: waiting.pop(name) for name in ready}
    return ordered


def _substituted(expression: Expr, derived: Mapping[str, Expr]) -> Expr:
    """The expression in letters that are not derived; later ones may use earlier ones."""
    for name, value in reversed([*derived.items()]):
        symbols = [symbol for symbol in expression.free_symbols if symbol.name == name]
        expression = expression.subs(dict.fromkeys(symbols, value))
    return expression


def _directions(problem: _Problem, along: Along | None) -> Iterator[dict[str, Fraction]]:
    """The exponents of the moving letters, the largest of them 1 in size: the given ones, or ways to try."""
    if along is not None:
        yield _direction(problem, {along: 1} if isinstance(along, str) else along)
        return
    counts = [name for name in problem.free if name in ("K", "R", "M")]
    for letters in (counts, list(problem.free)):
        try:
            shapes = {name: problem.shape(name) for name in (problem.term, *problem.others)}
            yield _direction(problem, isolating_path(shapes, problem.term, letters).exponents)
        except (TightrateError, UndecidableError):
            continue
    for name in (*counts, *(name for name in problem.free if name not in counts)):
        yield from ({name: Fraction(sign)} for sign in (1, -1))


def _direction(problem: _Problem, along: Mapping[str, Fraction | int]) -> dict[str, Fraction]:
    exponents = {name: Fraction(power) for name, power in along.items() if power}
    for name in exponents:
        if name in problem.derived:
            raise TightrateError(f"{name} follows from other letters; move those")
        if name in problem.fixed:
            raise TightrateError(f"{name} has a given value, so that it cannot move along the path")
        if name not in problem.free:
            raise unknown_name(f"letter of {problem.statement.id}", name, problem.free)
    if not exponents:
        raise TightrateError("a path needs a letter that moves")
    largest = max(abs(power) for power in exponents.values())
    return {name: power / largest for name, power in exponents.items()}


def _room(direction: Mapping[str, Fraction], ranges: Mapping[str, tuple[float, float]]) -> float:
    """The factor by which n can grow before a letter has crossed its whole range."""
    widths = {name: np.log10(ranges.get(name, WIDEST)) for name in direction}
    return float(10 ** min((high - low) / abs(float(direction[name])) for name, (low, high) in widths.items()))


def _refuse_if_never_dominant(problem: _Problem) -> None:
    """Raise with a certificate where the other terms are at least of the term's order everywhere."""
    try:
        region = dominant_region(problem.terms, problem.term)
    except (TightrateError, UndecidableError):
        return
    if region.is_empty:
        others = " + ".join(name for name in problem.terms if name != problem.term)
        refusal = IsolationError(
            f"{problem.term!r} of {problem.statement.id} never dominates: {others} is at least of its order, which has"
            " a certificate"
        )
        refusal.certificate = region.certificate
        raise refusal


# --- as linear inequalities -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """coefficients . decades >= need, where `need` starts at `least` and grows as evaluation asks for more."""

    coefficients: Mapping[str, float]
    origin: str  # the name of a term or the text of a condition
    least: float
    is_decay: bool = False


Choice = list[_Row]


def _choices(problem: _Problem) -> Iterator[Choice]:
    """Rows for every way to choose among the branches of minima, maxima and alternatives of conditions."""
    own_clauses = _clauses(problem.shape(problem.term))
    ways: list[list[tuple[str, Any]]] = [[(problem.term, listed(clause)) for clause in own_clauses]]
    for name in problem.others:
        ways += [[(name, form) for form in listed(clause)] for clause in _clauses(problem.shape(name))]
    facts: list[tuple[str, list[tuple[Hypothesis, ...]]]] = [
        (str(fact), [(fact,)]) for fact in range_facts(_symbols(problem))
    ]
    for text, relation in problem.conditions.items():
        options = _alternatives(relation, problem)
        if options:
            facts.append((text, options))
    ways += [[(text, option) for option in options] for text, options in facts]
    for picked in product(*ways):
        (_, own), *rest = picked
        rows: Choice = []
        for name, part in rest:
            if isinstance(part, Form):
                rows += [row for form in own for row in _rows(form - part, name, 0.0)]
            else:
                for hypothesis in part:
                    excess = form_of(hypothesis.larger, QQ) - form_of(hypothesis.smaller, QQ)
                    rows += _rows(excess, name, 0.0)
        yield rows


def _clauses(expression: Expr) -> Any:
    try:
        return clauses(standardized(expression), QQ)
    except UndecidableError as reason:
        raise IsolationError(f"{expression} is no maximum of monomials: {reason}; derive or fix a letter") from None


def _symbols(problem: _Problem) -> set[Symbol]:
    return {Symbol(name, positive=True) for name in (*problem.free, *problem.fixed)}


def _alternatives(relation: Boolean | None, problem: _Problem) -> list[tuple[Hypothesis, ...]]:
    """The condition as alternatives of monomial inequalities; none where it is no such thing, or follows."""
    if relation is None or isinstance(relation, Equality):
        return []
    neutral = {name: sympy.Integer(int(value)) for name, value in problem.fixed.items() if value in (0, 1)}
    try:
        sides = (_substituted(_substituted(side, problem.derived), neutral) for side in relation.args)
        plain = standardized(relation.func(*sides).replace(is_excess, above_one))
        return alternatives(plain, QQ)
    except (TightrateError, UndecidableError, AttributeError):
        return []  # evaluated along the path all the same


def _rows(form: Form, origin: str, least: float) -> list[_Row]:
    """`form` at least `least` decades: its letters, or, of each decaying exponential in the way, its argument."""
    total: dict[str, float] = {}
    decays: list[_Row] = []
    grows = False
    for factor, exponent in form.exponents:
        power = float(value_at(exponent, None))
        if is_exponential(factor):
            grows |= power > 0
            if power < 0:
                decays += [_Row(_letters_of(argument), origin, 0.0, True) for _, argument in exponent_terms(factor)]
            continue
        for name, own in _letters_of(factor).items():
            total[name] = total.get(name, 0.0) + power * own
    if grows:
        raise IsolationError("a term that decays exponentially cannot dominate as a power law")
    return decays or [_Row(total, origin, least)]


def _letters_of(factor: Expr) -> dict[str, float]:
    """The exponents of the letters in a factor; a difference counts as its larger part, a logarithm not at all."""
    if isinstance(factor, Symbol):
        return {factor.name: 1.0}
    if isinstance(factor, sympy.log):
        return {}
    whole = form_of(larger_part(factor) if isinstance(factor, sympy.Add) else factor, QQ)
    return {s.name: float(value_at(power, None)) for s, power in whole.exponents if isinstance(s, Symbol)}


# --- solved -----------------------------------------------------------------------------------------------------------


def _designed(
    problem: _Problem,
    rows: Choice,
    direction: Mapping[str, Fraction],
    span: float,
    points: int,
    margin: float,
    ranges: Mapping[str, tuple[float, float]],
) -> Design:
    """Solve, evaluate, ask for more where the bound itself falls short, and solve again."""
    wanted = {name: float(np.log10(margin * len(problem.others))) for name in problem.others}
    needs = [row.least if row.is_decay else row.least + wanted.get(row.origin, 0.0) for row in rows]
    n = np.geomspace(1.0, span, points)
    for _ in range(MOST_CORRECTIONS):
        start = _start(problem, rows, needs, direction, np.log10(span), ranges)
        values = _along(problem, start, direction, n)
        terms = {name: _at(expression, values, points) for name, expression in problem.terms.items()}
        missing = _missing(problem, terms, values, wanted)
        if not missing:
            status = {
                text: "unknown" if relation is None or not _known(relation, values) else "holds"
                for text, relation in problem.conditions.items()
            }
            if len(direction) == 1 and all(LETTERS[name].counts for name in direction if name in LETTERS):
                (moving,) = direction
                n = values[moving] / values[moving][0]  # as rounded
            return Design(problem.statement.id, problem.term, dict(direction), n, values, terms, status)
        progressed = False
        for index, row in enumerate(rows):
            if row.origin in missing and not (row.is_decay and needs[index] > np.log10(SATURATED)):
                needs[index] += CORRECTION + (0.1 if row.is_decay else min(missing[row.origin], 2.0))
                progressed = True
        if not progressed:
            break
    raise IsolationError(
        f"no constants were found on which {problem.term!r} of {problem.statement.id} dominates by {margin:g} along"
        f" {', '.join(direction)} while every condition holds; missing: {', '.join(missing)}"
    )


def _start(
    problem: _Problem,
    rows: Choice,
    needs: Sequence[float],
    direction: Mapping[str, Fraction],
    decades: float,
    ranges: Mapping[str, tuple[float, float]],
) -> Decades:
    """The decades of the free letters at the start of the path, as near to 1 as the rows allow at both ends."""
    names = problem.free
    known = {name: float(np.log10(value)) for name, value in problem.fixed.items() if value > 0}
    shift = {name: decades * float(power) for name, power in direction.items()}
    matrix, right = [], []
    for row, need in zip(rows, needs, strict=True):
        own = sum(power * known.get(name, 0.0) for name, power in row.coefficients.items())
        moved = sum(power * shift.get(name, 0.0) for name, power in row.coefficients.items())
        matrix.append([-row.coefficients.get(name, 0.0) for name in names])
        right.append(own + min(0.0, moved) - need)
    count = len(names)
    bounds = []
    for name in names:
        low, high = np.log10(ranges.get(name, WIDEST))
        bounds.append((low - min(0.0, shift.get(name, 0.0)), high - max(0.0, shift.get(name, 0.0))))
        if bounds[-1][0] > bounds[-1][1] + 1e-12:
            raise IsolationError(
                f"{name} has no room to move by {abs(shift[name]):g} decades between {10**low:g} and {10**high:g}:"
                " give a smaller span or another range"
            )
    cost = [COUNT_COST if name in COUNTS else 1.0 for name in names]
    absolute = np.block([[np.eye(count), -np.eye(count)], [-np.eye(count), -np.eye(count)]])
    solved = linprog(
        [0.0] * count + cost,
        A_ub=np.vstack([np.hstack([np.reshape(matrix, (-1, count)), np.zeros((len(matrix), count))]), absolute]),
        b_ub=np.concatenate([right, np.zeros(2 * count)]),
        bounds=bounds + [(0, None)] * count,
        method="highs",
    )
    if not solved.success:
        raise IsolationError(
            f"no constants let {problem.term!r} of {problem.statement.id} dominate along {', '.join(direction)} by"
            f" that margin over {decades:g} decades: ask for less, or let other letters move or range wider"
        )
    return dict(zip(names, solved.x[:count].tolist(), strict=True))


def _along(problem: _Problem, start: Decades, direction: Mapping[str, Fraction], n: Array) -> dict[str, Array]:
    """All letters along the path; counts are rounded, upwards where they stand still."""
    free = {}
    for name, decades in start.items():
        value = 10**decades * n ** float(direction.get(name, 0))
        if name in LETTERS and LETTERS[name].counts:
            # slack for what should be whole but for the last bits
            value = np.maximum(np.rint(value) if name in direction else np.ceil(value - 1e-6), 1.0)
        elif name not in direction:
            value = np.full(len(n), float(f"{float(value[0]):.3g}"))
        free[name] = value + np.zeros(len(n))
    return problem.values(free, len(n))


def _missing(
    problem: _Problem, terms: Mapping[str, Array], values: Mapping[str, Array], wanted: Mapping[str, float]
) -> dict[str, float]:
    """Terms that are too large and conditions that fail, with the decades that are missing."""
    own = terms[problem.term]
    if not (np.isfinite(own).all() and (own > 0).all()):
        raise IsolationError(f"{problem.term!r} is not positive and finite along the path")
    found = {}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for name, need in wanted.items():
            short = float((need + np.log10(terms[name] / own)).max())
            if not short <= 0:
                found[name] = short
        for text, relation in problem.conditions.items():
            if relation is not None and _known(relation, values) and not _holds(relation, values):
                found[text] = _decades_missing(relation, values)
    return found


def _decades_missing(relation: Boolean, values: Mapping[str, Array]) -> float:
    """How far an inequality between positive sides fails; 0 where that makes no sense."""
    if not isinstance(relation, Relational):
        return 0.0
    count = len(next(iter(values.values())))
    short = float(np.log10(_at(relation.lts, values, count) / _at(relation.gts, values, count)).max())
    return short if np.isfinite(short) and short > 0 else 0.0


def _known(relation: Boolean, values: Mapping[str, Array]) -> bool:
    """Whether the path has all letters of a condition."""
    return {symbol.name for symbol in relation.free_symbols} <= set(values)


def _holds(relation: Boolean, values: Mapping[str, Array]) -> bool:
    """Whether a condition holds at every point of a path, equations to rounding."""
    count = len(next(iter(values.values())))
    if not isinstance(relation, Relational):
        return all(_holds(part, values) for part in relation.args)
    left, right = (_at(side, values, count) for side in (relation.lhs, relation.rhs))
    scale = 1e-9 * np.maximum(np.abs(left), np.abs(right))
    if isinstance(relation, Equality):
        return bool((np.abs(left - right) <= scale).all())
    low, high = (left, right) if relation.rel_op in ("<", "<=") else (right, left)
    return bool((low < high + scale).all() if relation.rel_op in ("<", ">") else (low <= high + scale).all())


def _at(expression: Expr, values: Mapping[str, Array], count: int) -> Array:
    """An expression along the path."""
    names = [symbol.name for symbol in expression.free_symbols]
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        found = _compiled(expression)(**{name: values[name] for name in names})
    return np.asarray(found, dtype=np.float64) + np.zeros(count)


@cache
def _compiled(expression: Expr) -> Any:
    return vectorized(expression)
