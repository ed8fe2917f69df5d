"""Checking a bound that someone pasted: units, exponents, what dominates what, and who else has such a bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sympy import Add, Expr

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.formulas.parse import parse, parse_hypothesis
from tightrate.rates.orders.domination import OrderComparison, compare, dominated
from tightrate.rates.orders.regimes import where_dominated
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import paper_ids, statements, theorem
from tightrate.rates.statements.measures import MEASURES, Measure
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import letter
from tightrate.rates.symbols.hypothesis import Given, Hypothesis
from tightrate.rates.symbols.monomial import Monomial, monomial
from tightrate.rates.symbols.units import Unit, UnitError, unit_of

Relation = Literal["A<=B", "A>=B", "A~B", "incomparable", "undecided"]


@dataclass(frozen=True)
class CheckedTerm:
    """One term: its shape, its unit (or why it has none), and whether the other terms dominate it.

    `dominated` is None where that could not be decided.
    """

    name: str
    expression: Expr
    shape: Monomial
    unit: Unit | None
    unit_error: str
    dominated: bool | None


@dataclass(frozen=True)
class Neighbour:
    """A catalogue entry for the same measure, and how the checked bound (A) compares with it (B)."""

    theorem: Theorem
    relation: Relation


@dataclass(frozen=True)
class CheckedBound:
    """Everything that can be said about a bound from its formula alone.

    `units_consistent` is whether all terms have one unit and, where a measure was named, that of the measure;
    `measures` are the catalogue's measures of that unit.  `regimes` says where each term that is not dominated is the
    largest: of every list, at least one inequality must hold; `unknown_regimes` why that could not be said.
    """

    terms: tuple[CheckedTerm, ...]
    units_consistent: bool
    measures: tuple[str, ...]
    regimes: Mapping[str, tuple[tuple[Hypothesis, ...], ...]]
    unknown_regimes: Mapping[str, str]
    neighbours: tuple[Neighbour, ...]


def read_bound(text: str, letters: Mapping[str, str] | None = None) -> Theorem | tuple[Expr, ...]:
    """A theorem of the catalogue by its id, or the terms of a bound given as text."""
    if "/" in text and text.partition("/")[0] in paper_ids():
        return theorem(text)
    return parse(text, letters).terms


def read_hypotheses(texts: Sequence[str], letters: Mapping[str, str] | None = None) -> tuple[Hypothesis, ...]:
    """Hypotheses given as text; all of them count up to constants."""
    read = [parse_hypothesis(text, letters) for text in texts]
    return tuple(Hypothesis(found.smaller, found.larger) for found in read)


def side(bound: Theorem | tuple[Expr, ...]) -> Expr:
    """The expression of what `read_bound` read."""
    return bound.bound.expression if isinstance(bound, Theorem) else Add(*bound)


def compare_bounds(
    first: Theorem | tuple[Expr, ...], second: Theorem | tuple[Expr, ...], given: Given = ()
) -> OrderComparison:
    """Which of two bounds is smaller, up to constants."""
    return compare(side(first), side(second), given)


def check_bound(terms: Sequence[Expr], *, measure: str | None = None, given: Given = ()) -> CheckedBound:
    """Check the terms of a bound.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> import sympy
    >>> found = check_bound([L * B**2 / R, sigma * B / sympy.sqrt(M * K * R)], measure="gap")
    >>> found.units_consistent, [str(term.unit) for term in found.terms]
    (True, ['value', 'value'])
    """
    named = _named_measure(measure)
    checked = tuple(_check_term(index, terms, given) for index in range(len(terms)))
    units = {term.unit for term in checked if term.unit is not None}
    consistent = all(not term.unit_error for term in checked) and len(units) <= 1
    if consistent and named is not None and units:
        consistent = units == {named.unit}
    measures = tuple(m.name for m in MEASURES.values() if units == {m.unit}) if named is None else (named.name,)
    remaining = {term.name: term.expression for term in checked if not term.dominated}
    regimes: dict[str, tuple[tuple[Hypothesis, ...], ...]] = {}
    unknown: dict[str, str] = {}
    for name, expression in remaining.items():
        others = Add(*(term for other, term in remaining.items() if other != name))
        try:
            regimes[name] = where_dominated(others, expression, given)
        except TightrateError:
            unknown[name] = "an exponential or a logarithm has no region of monomial inequalities"
    return CheckedBound(checked, consistent, measures, regimes, unknown, _neighbours(terms, measures, given))


def _named_measure(measure: str | None) -> Measure | None:
    if measure is None:
        return None
    if measure not in MEASURES:
        raise unknown_name("measure", measure, MEASURES)
    return MEASURES[measure]


def _check_term(index: int, terms: Sequence[Expr], given: Given) -> CheckedTerm:
    expression = terms[index]
    unit, error = None, ""
    try:
        unit = unit_of(expression, lambda name: letter(name).unit)
    except UnitError as reason:
        error = str(reason)
    others = [term for other, term in enumerate(terms) if other != index]
    return CheckedTerm(
        f"term {index + 1}", expression, monomial(expression), unit, error, _is_dominated(index, terms, others, given)
    )


def _is_dominated(index: int, terms: Sequence[Expr], others: Sequence[Expr], given: Given) -> bool | None:
    """Whether the other terms dominate this one; of two equivalent terms the first one counts."""
    if not others:
        return False
    answer = dominated(terms[index], Add(*others), given).relation
    if answer != "holds":
        return False if answer == "fails" else None
    later_twins = [term for term in terms[index + 1 :] if compare(terms[index], term, given).relation == "A~B"]
    if later_twins:
        rest = [term for term in others if term not in later_twins]
        return bool(rest) and dominated(terms[index], Add(*rest), given).relation == "holds"
    return True


def _neighbours(terms: Sequence[Expr], measures: Sequence[str], given: Given) -> tuple[Neighbour, ...]:
    """The comparable upper and lower bounds of the catalogue for the same measure, closest relation first."""
    total = Add(*terms)
    letters = {symbol.name for symbol in total.free_symbols}
    found = []
    for entry in statements():
        if entry.measure not in measures or entry.kind == "exact":
            continue
        bound = entry.theorem.bound
        if not _comparable(bound, letters):
            continue
        relation = compare(total, bound.expression, given).relation
        if relation in ("A~B", "A<=B", "A>=B"):
            found.append(Neighbour(entry.theorem, relation))
    ranking = {"A~B": 0, "A<=B": 1, "A>=B": 2}
    return tuple(sorted(found, key=lambda neighbour: ranking[neighbour.relation]))


def _comparable(bound: Bound, letters: set[str]) -> bool:
    """Whether both speak of step sizes or neither does, and both of strong convexity or neither."""
    theirs = set(bound.letters)
    return all((name in theirs) == (name in letters) for name in ("eta", "mu", "lambda", "rho", "delta", "Delta"))


def read_table(text: str, letters: Mapping[str, str] | None = None) -> dict[str, tuple[Expr, ...]]:
    """Several bounds, one on each line as `name: bound`; empty lines and lines that begin with # are skipped."""
    found: dict[str, tuple[Expr, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, formula = line.partition(":")
        if not colon or not formula.strip():
            raise TightrateError(f"line {number} is not NAME: BOUND, for example  mini-batch: L*B^2/R")
        if name.strip() in found:
            raise TightrateError(f"line {number} names {name.strip()!r} a second time; give each bound its own name")
        try:
            found[name.strip()] = parse(formula.strip(), letters).terms
        except TightrateError as reason:
            raise TightrateError(f"line {number}: {reason}") from None
    if not found:
        raise TightrateError("the file has no bounds; write one on each line as NAME: BOUND")
    return found


def compare_table(table: Mapping[str, tuple[Expr, ...]], given: Given = ()) -> dict[tuple[str, str], Relation]:
    """The relation of every pair of bounds, in the order of the table."""
    names = list(table)
    return {
        (first, second): compare(Add(*table[first]), Add(*table[second]), given).relation
        for i, first in enumerate(names)
        for second in names[i + 1 :]
    }
