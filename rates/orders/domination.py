"""The relation  A <~ B , decided.

Every question about a minimum a_1, ..., a_J of A and a maximum b_1, ..., b_N of B is one small linear program (Farkas'
lemma): either weights exist that make a certificate, or a direction exists in which every a_j outgrows every b_k.  Both
are exact, and both are checked by `tightrate.rates.orders.certificate`, which knows nothing of linear programming.
Where alpha occurs, the weights found at one value are lifted to rational functions of alpha on the same basis and kept
on the interval where they stay nonnegative; intervals are added until they cover the range.  What cannot be proved
either way is "undecided", with the reason, and never passes for a proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from dataclasses import field as default
from fractions import Fraction
from functools import cached_property
from itertools import islice, product
from math import gcd, lcm
from typing import Any, Literal, TypeAlias

import sympy
from sympy import Expr, Poly, Rational, Symbol
from sympy.polys.matrices import DomainMatrix

from tightrate.rates.orders.budget import Budget
from tightrate.rates.orders.certificate import (
    CaseProof,
    Certificate,
    Clause,
    Interval,
    OrderQuestion,
    ProofStep,
    Side,
    Witness,
    clauses_of_bounded,
    excess,
    inside,
    rational,
    value_at,
)
from tightrate.rates.orders.linear_program import minimize, shortest_direction
from tightrate.rates.orders.moment_order import ALPHA
from tightrate.rates.orders.normal_form import Form, form_of, listed, printed
from tightrate.rates.orders.special_factors import argument_of_logarithm, exponent_terms, is_exponential, larger_part
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.symbols.alphabet import without_kinds
from tightrate.rates.symbols.hypothesis import Given, Hypothesis

Letters: TypeAlias = list[dict[str, Fraction]]
PIECES_LIMIT = 24  # intervals of alpha that one proof may need
PAIRS_LIMIT = 4000  # pairs of linear forms, one of each side, in one question
WAYS_LIMIT = 64  # combinations of exponentials that the search for a witness tries


@dataclass(frozen=True)
class OrderResult:
    """Whether A <~ B: `holds` with a certificate, `fails` with a witness, or `undecided` with the reason."""

    relation: Literal["holds", "fails", "undecided"]
    certificate: Certificate | None = None
    witness: Witness | None = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "relation": self.relation,
            "certificate": self.certificate and self.certificate.as_dict(),
            "witness": self.witness and self.witness.as_dict(),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class OrderComparison:
    """Both directions together."""

    relation: Literal["A<=B", "A>=B", "A~B", "incomparable", "undecided"]
    forward: OrderResult
    backward: OrderResult

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "relation": self.relation,
            "certificate": [r.certificate and r.certificate.as_dict() for r in (self.forward, self.backward)],
            "witness": [r.witness and r.witness.as_dict() for r in (self.forward, self.backward)],
            "reason": "; ".join(r.reason for r in (self.forward, self.backward) if r.reason),
        }


def compare(left: Side, right: Side, given: Given = (), budget: Budget | None = None) -> OrderComparison:
    """A <~ B, B <~ A, both or neither; undecided unless what is said is proved, within the budget (of 10 s).

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> compare(L * B**2 / R + sigma * B / sympy.sqrt(M * K * R), L * B**2 / (K * R)).relation
    'A>=B'
    """
    budget = budget or Budget()
    return compared(dominated(left, right, given, budget), dominated(right, left, given, budget))


def compared(forward: OrderResult, backward: OrderResult) -> OrderComparison:
    """The relation that two directions make together."""
    relation: Literal["A<=B", "A>=B", "A~B", "incomparable", "undecided"]
    match forward.relation, backward.relation:
        case "holds", "holds":
            relation = "A~B"
        case "holds", _:
            relation = "A<=B"
        case _, "holds":
            relation = "A>=B"
        case "fails", "fails":
            relation = "incomparable"
        case _:
            relation = "undecided"
    return OrderComparison(relation, forward, backward)


def dominated(left: Side, right: Side, given: Given = (), budget: Budget | None = None) -> OrderResult:
    """Whether left <~ right; undecided once the budget (of 10 s) is spent.

    Args:
        left: an expression, or a mapping of named terms
        right: the same
        given: relations and hypotheses that hold
        budget: how long the linear programmes may take

    Returns:
        `relation` "holds", with a certificate, "fails", with a path, or "undecided", with the reason.

    Raises:
        TightrateError: for factors that no order can be decided of.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> drift, statistical = sympy.cbrt(L * sigma**2 * B**4 / (K * R**2)), sigma * B / sympy.sqrt(M * K * R)
    >>> dominated(drift, statistical).witness.exponents
    {'M': Fraction(1, 1)}
    >>> dominated(drift, statistical, [R * sigma**2 >= K * M**3 * (L * B) ** 2]).relation
    'holds'
    """
    try:
        return _answer(OrderQuestion.of(left, right, given), budget or Budget())
    except UndecidableError as reason:
        return OrderResult("undecided", reason=without_kinds(str(reason)))


def is_proved(left: Side, right: Side, given: Given = (), budget: Budget | None = None) -> bool:
    """Whether left <~ right has a proof; faster than `dominated`, as no witness is looked for where there is none.

    >>> from tightrate.rates.symbols.alphabet import K, R
    >>> is_proved(K, K * R), is_proved(K * R, K)
    (True, False)
    """
    try:
        return _answer(OrderQuestion.of(left, right, given), budget or Budget(), proofs_only=True).relation == "holds"
    except UndecidableError:
        return False


def _answer(question: OrderQuestion, budget: Budget, proofs_only: bool = False) -> OrderResult:
    proofs: list[CaseProof] = []
    doubt = ""
    budget.check()
    for case, low, high, usable in question.parts():
        budget.check()
        prover = _Prover(question.field, question.alpha, [(h, excess(h, question.field)) for h in usable], budget)
        if sum(map(len, low)) * sum(map(len, high)) > PAIRS_LIMIT:
            raise UndecidableError(f"the question has more than {PAIRS_LIMIT} pairs of monomials")
        pairs = [(a, b) for a in low for b in high]
        if any(prover.prove(*clauses_of_bounded(x, question.field)) is None for x in case.growing):
            pairs = []  # the case is part of another one
        for a, b in pairs:
            refutation = prover.prove(a, b)
            if refutation is None:
                continue
            if proofs_only:
                return OrderResult("undecided")
            witness = _witness(question, prover, a, b, refutation.alpha)
            if witness is not None:
                return OrderResult("fails", witness=witness)
            term = _minimum(a, question.field)
            special = sorted({str(f) for form in (*a, *b) for f in form.factors if not isinstance(f, Symbol)})
            because = f", where {', '.join(special)} is no power of letters" if special else ""
            doubt = doubt or f"neither a proof nor a path was found for {term} <~ {case.right}{because}"
        proofs.append(CaseProof(case.hypotheses, tuple(prover.steps)))
    return OrderResult("undecided", reason=doubt) if doubt else OrderResult("holds", Certificate(tuple(proofs)))


def _witness(question: OrderQuestion, prover: _Prover, a: Clause, b: Clause, alpha: Fraction | None) -> Witness | None:
    """A path where all of a outgrow all of b, walked along and found to be a witness, with the least integers."""
    term = _minimum(a, question.field)
    for direction in prover.directions(a, b, alpha):
        whole = lcm(*(u.denominator for u in direction.values()))
        scale = Fraction(whole, gcd(*(int(u * whole) for u in direction.values())) or 1)
        with suppress(UndecidableError):
            return question.walk({name: u * scale for name, u in direction.items()}, term, alpha)
    return None


def _minimum(clause: Clause, field: Any) -> Expr:
    first, *others = (form.monomial(field) for form in listed(clause))
    return sympy.Min(first, *others, evaluate=False) if others else first


@dataclass(frozen=True)
class _Refutation:
    """No certificate exists; `alpha` is the value at which it fails, if alpha occurs."""

    alpha: Fraction | None


@dataclass
class _Prover:
    """Certificates and directions for one case; `steps` collects what was proved."""

    field: Any
    alpha: Interval | None
    facts: list[tuple[Hypothesis, Form]]
    budget: Budget
    steps: list[ProofStep] = default(default_factory=list)
    proved: list[tuple[set[Form], set[Form]]] = default(default_factory=list)

    def prove(self, a: Clause, b: Clause) -> _Refutation | None:
        """Prove min a <~ max b for every alpha, or say where that is impossible."""
        if any(low <= a and high <= b for low, high in self.proved):
            return None
        program = _FarkasProgram(self.field, listed(a), listed(b), [form for _, form in self.facts])
        needed: tuple[set[Form], set[Form]] = (set(), set())
        pending: list[Interval | None] = [self.alpha]
        for _ in range(PIECES_LIMIT):
            self.budget.check()
            if not pending:
                self.proved.append(needed)
                return None
            interval = pending.pop()
            found = program.solve(interval)
            if found is None:
                return _Refutation(interval and inside(interval))
            weights, basis = found
            if interval is not None and interval[0] != interval[1]:
                start, stop = interval
                lifted = program.lift(basis)
                piece = lifted and _where_nonnegative(lifted, interval)
                if not lifted or not piece:
                    middle = rational(inside(interval))
                    pending += [(start, middle), (middle, stop)]
                    continue
                weights, interval = lifted, piece
                pending += [(s, t) for s, t in ((start, piece[0]), (piece[1], stop)) if s < t]
            low, high, used = program.split(weights)
            self.steps.append(
                ProofStep(
                    tuple((form.monomial(self.field), self.exact(w)) for form, w in low),
                    tuple((form.monomial(self.field), self.exact(w)) for form, w in high),
                    tuple((self.facts[i][0], self.exact(w)) for i, w in used),
                    interval,
                )
            )
            needed[0].update(form for form, _ in low)
            needed[1].update(form for form, _ in high)
        raise UndecidableError(f"the proof needs more than {PIECES_LIMIT} intervals of alpha")

    def exact(self, weight: Any) -> Expr:
        """A weight as sympy writes it."""
        return rational(weight) if isinstance(weight, Fraction) else sympy.factor(self.field.to_sympy(weight))

    def directions(self, a: Clause, b: Clause, alpha: Fraction | None) -> Iterator[dict[str, Fraction]]:
        """Exponents of the letters in the cone where every form of a may outgrow every form of b: paths to try.

        First inside the case, then on its boundary; first by powers, then by logarithms.
        """
        plain = [(h, self.in_letters(f, alpha)) for h, f in self.facts if not any(map(is_exponential, f.factors))]
        for by_logarithms in (False, True):
            ways = product(*(self.ways(f - g, alpha, by_logarithms) for f in listed(a) for g in listed(b)))
            for chosen in islice(ways, WAYS_LIMIT):
                self.budget.check()
                for boundary in (False, True):
                    strict = [form for way in chosen for form in way[0]]
                    weak = [form for way in chosen for form in way[1]]
                    for hypothesis, form in plain:
                        (strict if hypothesis.reason == "case" and not boundary else weak).append(form)
                    found = shortest_direction(strict, weak)
                    if found is not None:
                        yield found

    def ways(self, difference: Form, alpha: Fraction | None, by_logarithms: bool) -> list[tuple[Letters, Letters]]:
        """How the difference can be positive: forms that must be positive, forms that must not be negative."""
        powers = self.in_letters(difference, alpha)
        grows: list[dict[str, Fraction]] = []
        decays: list[dict[str, Fraction]] = []
        logarithms: list[dict[str, Fraction]] = []
        for factor, exponent in sorted(difference.exponents, key=lambda pair: printed(pair[0])):
            if is_exponential(factor):
                (_, argument), *_ = exponent_terms(factor)
                (decays if value_at(exponent, alpha) > 0 else grows).append(
                    self.in_letters(form_of(argument, self.field), alpha)
                )
            elif isinstance(factor, sympy.log) and value_at(exponent, alpha) > 0:
                argument = argument_of_logarithm(factor)
                if argument is not None:
                    logarithms.append(self.in_letters(form_of(argument, self.field), alpha))
        if grows:  # exp(X)/exp(Y) grows where X outgrows every Y
            return [([x, *(_minus(x, y) for y in decays)], []) for x in grows]
        if decays:
            return []
        if by_logarithms and logarithms:
            return [([x], [powers]) for x in logarithms]
        return [([powers], [])]

    def in_letters(self, form: Form, alpha: Fraction | None) -> dict[str, Fraction]:
        """The form with logarithms left out and differences a - b replaced by a."""
        total: dict[str, Fraction] = {}
        for factor, exponent in form.exponents:
            plain = form_of(larger_part(factor), self.field) if isinstance(factor, sympy.Add) else None
            for letter, power in plain.exponents if plain else [(factor, self.field.one)]:
                if isinstance(letter, Symbol):
                    total[letter.name] = total.get(letter.name, Fraction(0)) + value_at(exponent * power, alpha)
        return {name: value for name, value in total.items() if value}


def _minus(first: dict[str, Fraction], second: dict[str, Fraction]) -> dict[str, Fraction]:
    return {name: first.get(name, Fraction(0)) - second.get(name, Fraction(0)) for name in {*first, *second}}


Direction: TypeAlias = dict[Expr, int]  # up to a positive factor


@dataclass(frozen=True)
class MonomialInequality:
    """smaller <= larger, as linear forms."""

    small: Form
    large: Form

    @cached_property
    def excess(self) -> Form:
        """log(larger/smaller), nonnegative up to constants."""
        return self.large - self.small

    def hypothesis(self, field: Any) -> Hypothesis:
        """The inequality between monomials."""
        return Hypothesis(self.small.monomial(field), self.large.monomial(field))


@dataclass(frozen=True)
class Implications:
    """What follows from the hypotheses and facts of one case of a question.

    What does not follow is seen along a direction that obeys all facts (Farkas' lemma); `directions` collects those
    that were found, at one value of alpha, as one often answers many questions.
    """

    field: Any
    alpha: Interval | None
    facts: tuple[tuple[Hypothesis, Form], ...]
    budget: Budget
    numbers: tuple[Direction, ...]
    more: tuple[Direction, ...] = ()
    directions: list[Direction] = default(default_factory=list)
    extended: dict[MonomialInequality, tuple[tuple[Hypothesis, Form], Direction]] = default(default_factory=dict)

    @staticmethod
    def of(usable: Iterable[Hypothesis], field: Any, alpha: Interval | None, budget: Budget) -> Implications:
        """What follows from hypotheses and facts."""
        facts = tuple((h, excess(h, field)) for h in usable)
        return Implications(field, alpha, facts, budget, tuple(_at_one_alpha(form, alpha) for _, form in facts))

    def numbered(self, inequality: MonomialInequality) -> tuple[tuple[Hypothesis, Form], Direction]:
        """An inequality as a fact, and its exponents at one value of alpha."""
        if inequality not in self.extended:
            fact = (inequality.hypothesis(self.field), inequality.excess)
            self.extended[inequality] = (fact, _at_one_alpha(inequality.excess, self.alpha))
        return self.extended[inequality]

    def and_also(self, inequality: MonomialInequality) -> Implications:
        """What follows if one more inequality between monomials holds."""
        fact, numbers = self.numbered(inequality)
        return replace(self, facts=(*self.facts, fact), more=(*self.more, numbers))

    def implies(self, inequality: MonomialInequality) -> bool:
        """Whether an inequality between monomials follows."""
        if self.is_refuted([self.numbered(inequality)[1]]):
            return False
        return self.implies_clause(frozenset([inequality.small]), frozenset([inequality.large]))

    def implies_largest(self, small: Form, high: Clause) -> bool:
        """Whether a monomial is at most the largest of several."""
        if self.is_refuted([self.numbered(MonomialInequality(small, large))[1] for large in listed(high)]):
            return False
        return self.implies_clause(frozenset([small]), high)

    def is_refuted(self, forms: Sequence[Direction]) -> bool:
        """Whether all of these, which should not all be negative, are so along a direction that obeys the facts."""
        for place, u in enumerate(self.directions):
            if all(_along(form, u) < 0 for form in forms) and all(_along(f, u) >= 0 for f in self.more):
                self.directions.insert(0, self.directions.pop(place))  # what answered last is tried first
                return True
        if not all(forms):
            return False
        strict = [{printed(factor): Fraction(-value) for factor, value in form.items()} for form in forms]
        weak = [{printed(factor): Fraction(value) for factor, value in f.items()} for f in (*self.numbers, *self.more)]
        found = shortest_direction(strict, weak)
        if found is not None:
            letters = {factor for f in (*forms, *self.numbers, *self.more) for factor in f}
            self.directions.append(_whole({f: found[printed(f)] for f in letters if printed(f) in found}))
        return found is not None

    def implies_clause(self, low: Clause, high: Clause) -> bool:
        """Whether the least of the first is at most the largest of the second."""
        self.budget.check()
        return _Prover(self.field, self.alpha, list(self.facts), self.budget).prove(low, high) is None


def _at_one_alpha(form: Form, interval: Interval | None) -> Direction:
    alpha = interval and inside(interval)
    return _whole({factor: value for factor, exponent in form.exponents if (value := value_at(exponent, alpha))})


def _whole(numbers: Mapping[Expr, Fraction]) -> Direction:
    """Fractions times the least number that makes all of them whole."""
    scale = lcm(*(number.denominator for number in numbers.values()))
    return {factor: number.numerator * (scale // number.denominator) for factor, number in numbers.items()}


def _along(form: Direction, direction: Direction) -> int:
    return sum(value * direction[factor] for factor, value in form.items() if factor in direction)


@dataclass(frozen=True)
class _FarkasProgram:
    """Weights p, q, y >= 0 with sum p = sum q = 1 and  p.left + y.facts = q.right  as linear forms."""

    field: Any
    left: list[Form]
    right: list[Form]
    facts: list[Form]

    def rows(self) -> list[list[Any]]:
        """The equations, the right-hand side last."""
        columns = [dict((-form).exponents) for form in self.left] + [dict(form.exponents) for form in self.right]
        columns += [dict((-form).exponents) for form in self.facts]
        zero, one = self.field.zero, self.field.one
        factors = sorted({factor for column in columns for factor in column}, key=printed)
        rows = [[column.get(factor, zero) for column in columns] + [zero] for factor in factors]
        low, high, rest = len(self.left), len(self.right), len(self.facts)
        rows.append([one] * low + [zero] * (high + rest) + [one])
        rows.append([zero] * low + [one] * high + [zero] * rest + [one])
        return rows

    def solve(self, interval: Interval | None) -> tuple[Sequence[Any], tuple[int, ...]] | None:
        """The weights, and their basis, that use least of the facts, at one value of alpha in the interval."""
        alpha = interval and inside(interval)
        rows = [[value_at(entry, alpha) for entry in row] for row in self.rows()]
        cost = [0] * (len(self.left) + len(self.right)) + [1] * len(self.facts)
        found = minimize(cost, [row[:-1] for row in rows], [row[-1] for row in rows])
        return None if found is None else (found.point, found.basis)

    def lift(self, basis: Sequence[int]) -> list[Any] | None:
        """The weights on that basis as rational functions of alpha; None where the basis is special to one value."""
        rows = self.rows()
        entries = [[row[j] for j in basis] + [row[-1]] for row in rows]
        reduced, pivots = DomainMatrix(entries, (len(entries), len(basis) + 1), self.field).rref()
        if tuple(pivots) != tuple(range(len(basis))):
            return None
        weights = [self.field.zero] * (len(rows[0]) - 1)
        for i, j in enumerate(basis):
            weights[j] = reduced[i, len(basis)].element
        return weights

    def split(
        self, weights: Sequence[Any]
    ) -> tuple[list[tuple[Form, Any]], list[tuple[Form, Any]], list[tuple[int, Any]]]:
        """The weights that are not zero: of the left side, of the right side, and of the facts by number."""
        low, high = len(self.left), len(self.left) + len(self.right)
        return (
            [(form, w) for form, w in zip(self.left, weights[:low], strict=True) if w],
            [(form, w) for form, w in zip(self.right, weights[low:high], strict=True) if w],
            [(i, w) for i, w in enumerate(weights[high:]) if w],
        )


def _where_nonnegative(weights: Iterable[Any], interval: Interval) -> Interval | None:
    """A subinterval around `inside(interval)` where weights that are nonnegative there stay so and have no pole."""
    start, stop = interval
    centre = rational(inside(interval))
    limits = {"inf": interval[0], "sup": None if interval[1] == sympy.oo else interval[1]}
    for weight in weights:
        for part, is_pole in ((weight.numer, False), (weight.denom, True)):
            polynomial = Poly(part.as_expr(), ALPHA)
            if polynomial.degree() <= 0:
                continue
            for (low, high), _ in polynomial.intervals(eps=Rational(1, 1000), **limits):
                if high < centre:
                    start = max(start, (high + centre) / 2 if is_pole else high)
                elif low > centre:
                    stop = min(stop, (low + centre) / 2 if is_pole else low)
                else:
                    return None
    return start, stop
