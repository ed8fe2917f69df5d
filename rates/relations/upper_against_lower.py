"""Upper bounds against lower bounds: each pair of the catalogue that speaks of the same thing.

A lower bound says that some instance of its class is hard for every algorithm of its family.  Where that class lies in
the class of an upper bound and the family holds the upper bound's algorithm (`tightrate.rates.statements.setting`), the
lower bound must be at most a constant times the upper one wherever the conditions of both hold; a path along which it
is not is a contradiction: one of the two statements is wrong.  A pair is looked at wherever that can be: for all
values, at one local step, where local SGD is mini-batch SGD, and on one worker, where nothing is heterogeneous.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import sympy
from sympy import Add, Eq, Expr, Ge, Integer, Max, Mod, Symbol, log
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.cases import alternatives
from tightrate.rates.orders.domination import OrderResult, dominated
from tightrate.rates.orders.normal_form import field_of, standardized
from tightrate.rates.orders.one_sided_estimates import (
    above_one,
    below_excess,
    is_excess,
    primitive_differences,
    with_exponentials,
    without_excess,
)
from tightrate.rates.orders.parameter_tuning import specialize_expression
from tightrate.rates.relations.memberships import memberships
from tightrate.rates.statements.catalogue import theorems
from tightrate.rates.statements.setting import inclusion
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import LETTERS, K, M
from tightrate.rates.symbols.hypothesis import Hypothesis

Verdict = Literal["consistent", "contradiction", "undecided", "nothing in common"]


@dataclass(frozen=True)
class PairCheck:
    """One lower bound against one upper bound, under the values at which they speak of the same thing.

    `result` is whether lower <~ upper under the hypotheses; None where no values meet the conditions of both, and then
    `reason` says which condition fails.  `offending` are the terms of the lower bound that are not <~ upper.
    `left_out` are conditions that the order algebra cannot use; `remarks` are differences between the statements
    (output, sense) that the comparison passes over.
    """

    lower: Theorem
    upper: Theorem
    values: Mapping[Symbol, Expr]
    because: tuple[str, ...]
    low: Expr
    high: Expr
    given: tuple[Boolean | Hypothesis, ...]
    result: OrderResult | None
    left_out: tuple[Condition, ...] = ()
    reason: str = ""
    offending: Mapping[str, OrderResult] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Unknown never passes, and a path that may leave a condition is no contradiction."""
        if self.result is None:
            return "nothing in common"
        if self.result.relation == "holds":
            return "consistent"
        if self.result.relation == "undecided" or self.left_out or self.only_logarithms:
            return "undecided"
        return "contradiction"

    @property
    def only_logarithms(self) -> bool:
        """Whether the lower bound outgrows the upper one by logarithms that one of the two hides."""
        witness = self.result.witness if self.result is not None else None
        hidden = "hidden with logs" in (self.lower.bound.constants, self.upper.bound.constants)
        return hidden and witness is not None and witness.ratio == 0

    @property
    def remarks(self) -> tuple[str, ...]:
        """Differences between the two statements that the comparison passes over."""
        lower, upper = self.lower, self.upper
        notes = []
        if lower.iterate not in (upper.iterate, "any output"):
            notes.append(f"the lower bound is on the {lower.iterate}, the upper bound on: {upper.iterate}")
        if lower.holds != upper.holds:
            notes.append(f"the lower bound holds {lower.holds}, the upper bound {upper.holds}")
        return tuple(notes)

    @property
    def where(self) -> str:
        """The values, in words."""
        return ", ".join(f"{letter} = {value}" for letter, value in self.values.items()) or "everywhere"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "lower": self.lower.id,
            "upper": self.upper.id,
            "where": {str(letter): str(value) for letter, value in self.values.items()},
            "because": list(self.because),
            "verdict": self.verdict,
            "given": [str(hypothesis) for hypothesis in self.given],
            "result": self.result and self.result.as_dict(),
            "left_out": [condition.text for condition in self.left_out],
            "remarks": list(self.remarks),
            "reason": self.reason,
            "offending": {name: result.as_dict() for name, result in self.offending.items()},
        }


def all_checks(pattern: str = "*") -> Iterator[PairCheck]:
    """Every lower bound of the catalogue against every upper bound that speaks of the same thing."""
    entries = [entry for entry in theorems(pattern) if entry.setting is not None]
    uppers = [entry for entry in entries if entry.bound.kind == "upper"]
    for lower in entries:
        if lower.bound.kind == "lower":
            for upper in uppers:
                yield from checks(lower, upper)


def checks(lower: Theorem, upper: Theorem) -> Iterator[PairCheck]:
    """All the ways in which a lower bound and an upper bound speak of the same thing, each decided.

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> printed, corrected = theorem("patel2024/thm9"), theorem("patel2024/thm9-any-steps")
    >>> minibatch = theorem("dekel2012/convex")
    >>> [check.verdict for check in checks(corrected, minibatch)], next(checks(printed, minibatch)).verdict
    (['consistent'], 'contradiction')
    """
    if lower.setting is None or upper.setting is None or lower.bound.measure != upper.bound.measure:
        return
    anywhere = inclusion(lower.setting, upper.setting)
    on_one_worker = inclusion(lower.setting, upper.setting, one_worker=True)
    for inside in (anywhere, on_one_worker if on_one_worker != anywhere else None):
        if inside is None:
            continue
        workers = {} if inside is anywhere else {M: Integer(1)}
        looked_at: list[Mapping[Symbol, Expr]] = []
        for way in memberships(upper.setting.algorithm, lower.setting.algorithm, frozenset(upper.bound.letters)):
            if any(values.items() <= way.at.items() for values in looked_at):
                continue  # a special case of what was looked at already
            looked_at.append(way.at)
            values = {**dict.fromkeys(sorted(inside.vanishing, key=str), Integer(0)), **way.at, **workers}
            because = (*way.reasons, *(["one worker"] if workers else []))
            check = _decided(lower, upper, values, inside.values, because)
            if check.result is not None or not values:
                yield check
            if f"{K} >= 2" in check.because:
                yield _decided(lower, upper, {**values, K: Integer(1)}, inside.values, (*because, "one local step"))


def needed_conditions(lower: Theorem, uppers: Sequence[Theorem]) -> Iterator[tuple[Condition, PairCheck]]:
    """The conditions without which a lower bound contradicts one of the upper bounds, each with the contradiction."""
    for condition in lower.conditions:
        if condition.relation is not None and not _is_prescription(condition.relation, set()):
            without = replace(lower, conditions=tuple(other for other in lower.conditions if other != condition))
            found = (check for upper in uppers for check in checks(without, upper) if check.verdict == "contradiction")
            first = next(found, None)
            if first is not None:
                yield condition, first


def _decided(
    lower: Theorem,
    upper: Theorem,
    values: Mapping[Symbol, Expr],
    constants: Mapping[Symbol, Expr],
    because: tuple[str, ...],
) -> PairCheck:
    """Lower <~ upper at these values, under the conditions of both; `constants` are those of the lower one's class."""
    check = PairCheck(lower, upper, values, because, lower.bound.expression, upper.bound.expression, (), None)
    try:
        common = _common(lower, upper, values, constants, refuting=False)
        if common.violated is not None:
            return replace(check, reason=f"no values meet both statements: {common.violated.text}")
        result = common.decide()
        if result.relation == "fails" and common.is_simpler:
            common = _common(lower, upper, values, constants, refuting=True)
            result = common.decide()
            if result.relation != "fails":
                result = OrderResult("undecided", reason="neither proved nor refuted by the simpler forms at hand")
    except TightrateError as error:
        return replace(check, result=OrderResult("undecided", reason=str(error)))
    return replace(
        check,
        low=common.low,
        high=common.high,
        given=common.given,
        result=result,
        left_out=common.left_out,
        because=(*because, *(f"{letter} >= 2" for letter in sorted(common.at_least_two, key=str))),
        offending=common.offending() if result.relation == "fails" else {},
    )


# --- what two statements have in common ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Common:
    """Both bounds where both statements hold, and the hypotheses that describe it.

    If `is_simpler`, sides and hypotheses were replaced by what the order algebra can read: for a proof by a larger
    lower bound, a smaller upper bound and weaker hypotheses, for a refutation the other way round.  `at_least_two` are
    the whole numbers that are taken to be at least 2 though no condition says so; their value 1 is another question.
    """

    terms: Mapping[str, Expr]
    high: Expr
    given: tuple[Boolean | Hypothesis, ...] = ()
    left_out: tuple[Condition, ...] = ()
    is_simpler: bool = False
    at_least_two: frozenset[Expr] = frozenset()
    violated: Condition | None = None

    @property
    def low(self) -> Expr:
        """The lower bound."""
        return Add(*self.terms.values())

    def decide(self) -> OrderResult:
        """Whether low <~ high."""
        return self._against(self.low)

    def offending(self) -> dict[str, OrderResult]:
        """The terms of the lower bound that are not <~ high."""
        results = {name: self._against(term) for name, term in self.terms.items()}
        return {name: result for name, result in results.items() if result.relation == "fails"}

    def _against(self, low: Expr) -> OrderResult:
        if low.is_infinite:
            return OrderResult("fails", reason="the lower bound is infinite")
        return dominated(low, self.high, self.given)


def _common(
    lower: Theorem,
    upper: Theorem,
    values: Mapping[Symbol, Expr],
    constants: Mapping[Symbol, Expr],
    refuting: bool,
) -> _Common:
    """What both statements say at these values, with the constants of the lower bound's class in the upper bound."""
    constants = {letter: value.subs(values) for letter, value in constants.items()}
    both = ((lower, dict(values)), (upper, {**values, **constants}))
    conditions = [
        (condition, _at(condition.relation, assigned))
        for entry, assigned in both
        for condition in entry.conditions
        if condition.relation is not None
    ]
    fixed = _equalities(relation for _, relation in conditions)
    terms, high_terms = (
        {term.name: primitive_differences(_value(term.expression, assigned, fixed)) for term in entry.bound.terms}
        for entry, assigned in both
    )
    exact = (dict(terms), high := Add(*high_terms.values()))
    if not refuting:
        terms = {name: with_exponentials(term) for name, term in terms.items()}
    high = high.replace(is_excess, above_one if refuting else below_excess)
    is_simpler = (terms, high) != exact
    letters = high.free_symbols.union(*(term.free_symbols for term in terms.values()))
    given: list[Boolean | Hypothesis] = []
    left_out: list[Condition] = []
    known_two: set[Expr] = set()
    for condition, relation in conditions:
        relation = _at(relation, fixed)
        if relation == sympy.false:
            return _Common(terms, high, violated=condition)
        if _is_at_least_two(relation):
            known_two.add(relation.lhs)
        elif relation != sympy.true and not relation.has(Mod) and not _is_prescription(relation, letters):
            simpler = without_excess(relation, refuting)
            is_simpler = is_simpler or simpler != relation
            if _is_readable(simpler):
                given.append(simpler)
            else:
                left_out.append(condition)
    if M in known_two:
        terms = {name: term.subs(log(M), log(Max(2, M))) for name, term in terms.items()}
    differences = _differences((*terms.values(), high, *given))
    given += [Hypothesis(difference + 1, difference, "at least 2") for difference in differences]
    assumed = frozenset(letter for difference in differences for letter in difference.free_symbols - known_two)
    return _Common(terms, high, tuple(given), tuple(left_out), is_simpler, assumed)


def _value(expression: Expr, *assignments: Mapping[Symbol, Expr]) -> Expr:
    """An expression at these values; where it is undefined at zero, for any value of what vanishes."""
    for assigned in assignments:
        expression = _specialized(expression, frozenset(assigned.items()))
    return expression


@lru_cache(maxsize=4096)
def _specialized(expression: Expr, assigned: frozenset[tuple[Symbol, Expr]]) -> Expr:
    zeros = {letter.name: value for letter, value in assigned if value == 0}
    expression = expression.xreplace({letter: value for letter, value in assigned if value != 0})
    if any(letter.name in zeros for letter in expression.free_symbols):
        with suppress(TightrateError, ValueError):
            return specialize_expression(expression, **zeros)
    return expression


def _at(relation: Boolean, assigned: Mapping[Symbol, Expr]) -> Boolean:
    """A condition at these values, itself where it is undefined there; every whole number is divisible by 1."""
    changed = {letter: value for letter, value in assigned.items() if letter in relation.free_symbols}
    try:
        found = relation.xreplace(changed) if changed else relation
    except TypeError:  # a comparison with an undefined value
        return relation
    return found.replace(lambda e: isinstance(e, Mod) and e.args[1] == 1, lambda _: Integer(0)) if changed else found


def _equalities(relations: Iterable[Boolean]) -> dict[Symbol, Expr]:
    """Letters that the conditions fix."""
    return {
        relation.lhs: relation.rhs
        for relation in relations
        if isinstance(relation, Eq)
        and isinstance(relation.lhs, Symbol)
        and relation.lhs not in relation.rhs.free_symbols
    }


def _is_at_least_two(relation: Boolean) -> bool:
    return isinstance(relation, Ge) and relation.lhs in (K, M) and relation.rhs == 2


def _is_prescription(relation: Boolean, letters: set[Symbol]) -> bool:
    """Whether it only prescribes steps that the bounds do not show: the method's choice, which is always possible."""
    steps = {letter for letter in relation.free_symbols if LETTERS[letter.name].chosen}
    return bool(steps) and not steps & letters


def _is_readable(relation: Boolean) -> bool:
    """Whether the order algebra can use it."""
    try:
        relation = standardized(relation)
        return bool(alternatives(relation, field_of([relation])))
    except TightrateError:
        return False


def _differences(expressions: Iterable[Any]) -> list[Expr]:
    """The n^p - 1 that occur, n a number of steps or workers."""
    found = {
        difference
        for expression in expressions
        for difference in expression.atoms(Add)
        if (difference + 1).as_base_exp()[0] in (K, M)
    }
    return sorted(found, key=str)
