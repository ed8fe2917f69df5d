"""Checking a bound that someone pasted: units, exponents, what dominates what, and who else has such a bound."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from html import escape
from itertools import combinations
from typing import Any, Literal

import sympy
from sympy import Add, Expr

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.formulas.assumptions import assumption
from tightrate.rates.formulas.display import mathml, unicode
from tightrate.rates.formulas.display import text as text_of
from tightrate.rates.formulas.grammar import Reading
from tightrate.rates.formulas.left_side import LeftSide, left_side
from tightrate.rates.formulas.letter_notation import spell
from tightrate.rates.formulas.macros import Macro
from tightrate.rates.formulas.parse import ParsedBound, ParsedInequality, parse, parse_display, parse_hypotheses
from tightrate.rates.orders.budget import Budget
from tightrate.rates.orders.contradiction import Inequality, contradictory
from tightrate.rates.orders.decaying_powers import compare_with_powers, notes_on_powers
from tightrate.rates.orders.domination import OrderComparison, OrderResult, compare, dominated, is_proved
from tightrate.rates.orders.many_comparisons import MonomialSums
from tightrate.rates.orders.regimes import LargeRegionError, as_usual, has_region, where_dominated
from tightrate.rates.relations.conventions import (
    OTHER_MEANINGS,
    alpha_at_most_two,
    constants,
    counts_elsewhere,
    distributed,
    with_condition_number,
    with_conventional_logarithms,
    with_heavy_tails,
    with_leading_counts,
    with_positive_logarithms,
    with_total_steps,
    without_common_factors,
)
from tightrate.rates.relations.unit_check import UnitAnswer, UnitQuestion, check_units, conventional
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import paper_ids, statements, symbols_of_bounds, theorem
from tightrate.rates.statements.measures import MEASURES, Measure
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import (
    LETTERS,
    SQUARED_GRADIENT,
    declared,
    kind_of,
    known_letter,
    letter,
    meaning_of,
    symbol,
    with_definitions,
    without_kinds,
)
from tightrate.rates.symbols.hypothesis import Given, Hypothesis
from tightrate.rates.symbols.kinds import Kind
from tightrate.rates.symbols.monomial import Monomial, monomial
from tightrate.rates.symbols.unit_inference import UnitFact
from tightrate.rates.symbols.units import LENGTH, VALUE, Unit, unit_of

MOST_TERMS_READ_AGAIN = 4  # for longer bounds another meaning of a letter is only tried on the units
MOST_INEQUALITIES = 20  # of one regime
SECONDS = 1.5  # of computing, for which terms are dominated, regimes and neighbours of one bound
SECONDS_READ_AGAIN = 0.4  # of computing, for what all other meanings of letters change beside units

Relation = Literal["A<=B", "A>=B", "A~B", "incomparable", "undecided"]

_ONE_MEASURE: Mapping[Unit, str] = {
    VALUE: "gap",
    SQUARED_GRADIENT: "squared-gradient",
    LENGTH**2: "squared-distance",
    LENGTH: "distance",
}


@dataclass(frozen=True)
class ReadSymbol:
    """How one symbol of a bound was read: as written, as what, on whose word, and what else papers mean by it.

    `others` are the other common meanings where nobody said which; `changed` are those of them that change the answer,
    with the answer.  `paper` is the one whose conventions say so, empty where a letter was declared by itself.
    """

    written: str
    name: str
    meaning: str
    source: Literal["declared", "paper", "convention", "assumed", "unknown"]
    others: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    paper: str = ""


IN_WORDS: Mapping[Relation, str] = {"A~B": "it agrees with", "A<=B": "it is at most", "A>=B": "it is at least"}


@dataclass(frozen=True)
class CheckedTerm:
    """One term: its shape, its unit (or why it has none), and whether the other terms dominate it.

    `dominated` is None where that could not be decided; `branches` are the shapes of the alternatives of a minimum or
    maximum.
    """

    name: str
    expression: Expr
    shape: Monomial
    unit: Unit | None
    unit_error: str
    dominated: bool | None
    branches: tuple[Monomial, ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A catalogue entry for the same measure, and how the checked bound (A) compares with it (B)."""

    theorem: Theorem
    relation: Relation


@dataclass(frozen=True)
class CheckedBound:
    """Everything that can be said about a bound from its formula alone.

    `units_consistent` is whether all terms have one unit and, where a measure was named or stands on the left side,
    that of the measure; `measures` are the catalogue's measures of that unit.  `regimes` says where each term that is
    not dominated is the largest: of every list, at least one inequality must hold; `unknown_regimes` why that could
    not be said of some pairs.  `inferred` are the units that follow for symbols without one, `contradiction` a minimal
    set of places that no units satisfy; `notes` what was taken for granted.
    """

    terms: tuple[CheckedTerm, ...]
    units_consistent: bool
    measures: tuple[str, ...]
    regimes: Mapping[str, tuple[tuple[Hypothesis, ...], ...]]
    unknown_regimes: Mapping[str, str]
    neighbours: tuple[Neighbour, ...]
    inferred: Mapping[str, Unit] = field(default_factory=dict)
    contradiction: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left: LeftSide | None = None
    left_agrees: bool | None = None
    symbols: tuple[ReadSymbol, ...] = ()
    conditions: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    case: str = ""
    hidden: bool = False

    @property
    def by_relation(self) -> dict[str, tuple[str, ...]]:
        """The neighbours that the bound can be compared with: their ids, by the relation in words."""
        found = {
            f"{words} the {kind} bounds": tuple(
                one.theorem.id for one in self.neighbours if (one.relation, one.theorem.bound.kind) == (relation, kind)
            )
            for relation, words in IN_WORDS.items()
            for kind in ("upper", "lower")
        }
        return {words: ids for words, ids in found.items() if ids}

    def __str__(self) -> str:
        return "\n".join(f"{name}: {told}" for name, told in self._rows(unicode))

    def _repr_html_(self) -> str:
        rows = self._rows(mathml)
        cells = (f"<tr><th>{escape(name)}</th><td>{told}</td></tr>" for name, told in rows)
        return f"<div><b>checked bound</b><table>{''.join(cells)}</table></div>"

    def _rows(self, shown: Callable[[Expr], str]) -> list[tuple[str, str]]:
        """What a reader is told: every term, the units, where each term leads, and the neighbours."""
        plain = shown is unicode

        def words(text: object) -> str:
            return str(text) if plain else escape(str(text))

        rows = []
        for term in self.terms:
            unit = term.unit_error or (f"unit {term.unit}" if term.unit is not None else "of unknown unit")
            aside = ", dominated by the others" if term.dominated else ""
            rows.append((term.name, f"{shown(term.expression)}{words(f' ({unit}{aside})')}"))
        rows.append(("units", words("agree" if self.units_consistent else "do not agree")))
        rows.append(("can bound", words(", ".join(self.measures))))
        for name, lists in self.regimes.items():
            where = ", and ".join(" or ".join(map(_inequality, one)) for one in lists)
            rows.append((f"{name} is largest where", words(where or "everywhere")))
        rows += [(f"{name} is largest", words(f"undecided: {why}")) for name, why in self.unknown_regimes.items()]
        rows += [(relation, words(", ".join(ids))) for relation, ids in self.by_relation.items()]
        rows += [("contradiction", words(", ".join(self.contradiction)))]
        rows += [("note", words(note)) for note in self.notes]
        return [(name, told) for name, told in rows if told]


def _inequality(hypothesis: Hypothesis) -> str:
    left, sign, right = as_usual(hypothesis)
    return f"{text_of(left)} {sign} {text_of(right)}"


@dataclass(frozen=True)
class BoundComparison:
    """How two bounds compare, and what that rests on.

    `notes` are the conventions used and the answers without them; `symbols` how the letters were read.
    """

    order: OrderComparison
    notes: tuple[str, ...] = ()
    symbols: tuple[ReadSymbol, ...] = ()

    @property
    def relation(self) -> Relation:
        """The relation."""
        return self.order.relation

    @property
    def forward(self) -> OrderResult:
        """Whether A ≲ B, with a certificate or a witness."""
        return self.order.forward

    @property
    def backward(self) -> OrderResult:
        """Whether B <~ A."""
        return self.order.backward

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**self.order.as_dict(), "notes": list(self.notes)}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return (
            f"<div><b>{escape(self.relation)}</b>{''.join(f'<p>{escape(one)}</p>' for one in self._lines()[1:])}</div>"
        )

    def _lines(self) -> list[str]:
        found = self.order.as_dict()
        directions = {"A ≲ B": self.forward, "B ≲ A": self.backward}
        told = [f"{name}: {one.relation}{f' ({one.reason})' if one.reason else ''}" for name, one in directions.items()]
        return [str(found["relation"]), *told, *(f"note: {one}" for one in self.notes)]


# --- reading ---------------------------------------------------------------------------------------------------------


def with_constants(letters: Mapping[str, str] | None) -> dict[str, str]:
    """The letters with those that are constants where nobody says otherwise."""
    given = {spell(source).key for source in letters or {}}
    usual = {source: name for source, name in constants().items() if spell(source).key not in given}
    return {**usual, **(letters or {})}


def read_bound(
    text: str, letters: Mapping[str, str] | None = None, macros: Mapping[str, Macro] | None = None
) -> Theorem | ParsedBound:
    """A theorem of the catalogue by its id, or a bound given as text."""
    if "/" in text and text.partition("/")[0] in paper_ids():
        return theorem(text)
    return parse(text, with_constants(letters), macros)


def read_inequalities(
    texts: Sequence[str], letters: Mapping[str, str] | None = None, macros: Mapping[str, Macro] | None = None
) -> tuple[ParsedInequality, ...]:
    """The inequalities of hypotheses given as text; chains and equations are several.

    Raises TightrateError where they cannot hold together, with the fewest that cannot.
    """
    found = tuple(one for text in texts for one in parse_hypotheses(text, with_constants(letters), macros))
    refuse_contradictory(found)
    return found


def refuse_contradictory(inequalities: Sequence[ParsedInequality]) -> None:
    """Raise TightrateError with a minimal set of these that cannot hold together."""
    guilty = contradictory(
        [
            Inequality(one.smaller, one.larger, one.text, one.strict, one.much, one.up_to_constants and not one.much)
            for one in inequalities
            if one.smaller != 0
        ]
    )
    if guilty:
        together = "cannot hold" if len(guilty) == 1 else "cannot hold together"
        raise TightrateError(f"contradictory hypotheses: {' and '.join(repr(text) for text in guilty)} {together}")


def as_hypotheses(inequalities: Sequence[ParsedInequality]) -> tuple[Hypothesis, ...]:
    """The inequalities up to constants; that something is positive says nothing."""
    return tuple(Hypothesis(one.smaller, one.larger) for one in inequalities if one.smaller != 0)


def read_hypotheses(
    texts: Sequence[str], letters: Mapping[str, str] | None = None, macros: Mapping[str, Macro] | None = None
) -> tuple[Hypothesis, ...]:
    """Hypotheses given as text; all of them count up to constants."""
    return as_hypotheses(read_inequalities(texts, letters, macros))


Side = Theorem | ParsedBound | Sequence[Expr]


def terms_of(bound: Side) -> tuple[Expr, ...]:
    """The terms of what `read_bound` read."""
    if isinstance(bound, Theorem):
        return tuple(bound.bound.expressions)
    return tuple(bound.terms) if isinstance(bound, ParsedBound) else tuple(bound)


def bound_of(side: Theorem | ParsedBound | Bound, measure: str = "gap") -> Bound:
    """The bound that was read: a theorem's, or an upper bound on `measure` whose terms are named by their numbers.

    >>> bound_of(read_bound("L*B^2/R + sigma*B/sqrt(M*K*R)"))(L=1, B=1, sigma=1, M=1, K=1, R=4)
    0.75
    """
    if isinstance(side, Bound):
        return side
    if isinstance(side, Theorem):
        return side.bound
    if measure not in MEASURES:
        raise unknown_name("measure", measure, MEASURES)
    terms = tuple(Term(f"term {number}", term) for number, term in enumerate(side.terms, 1))
    kind: Kind = "lower" if side.relation in (">=", ">~") else "upper"
    return Bound(terms, MEASURES[measure], kind, side.constants)


# --- comparing -------------------------------------------------------------------------------------------------------


def compare_bounds(first: Side, second: Side, given: Given = ()) -> BoundComparison:
    """Which of two bounds is smaller, up to constants, with what is taken for granted.

    >>> compare_bounds(read_bound("L*B^2/T"), read_bound("L*B^2/(K*R)")).notes
    ('T = K R was used; with T independent of K and R: neither dominates the other',)
    """
    budget = Budget()
    hypotheses = [*given, *_conditions(first), *_conditions(second)]
    notes: list[str] = []
    answer = _compare(_sides(first, second), hypotheses, notes, _is_fixed(first, second), budget)
    notes += [*_other_measures(first, second), *_hidden_logarithms(first, second)]
    symbols = _both(first, second)
    relation_of = partial(_relation_with, first, second, hypotheses, budget)
    present = {s.name for side in (first, second) for term in terms_of(side) for s in term.free_symbols}
    symbols = tuple(
        _with_changes(_possible(one, present), partial(relation_of, one), answer.relation) for one in symbols
    )
    return BoundComparison(answer, tuple(notes), symbols)


def _other_measures(first: Side, second: Side) -> list[str]:
    """What two bounds are about where that is not the same, as far as it is known."""
    told = []
    for name, side in (("A", first), ("B", second)):
        if isinstance(side, Theorem):
            told.append((side.bound.measure.name, f"{name} bounds the {side.bound.measure.name}"))
    if len(dict(told)) > 1:
        return [f"{' and '.join(words for _, words in told)}: only the formulas are compared, not what they bound"]
    return [note for pair in ((first, second), (second, first)) for note in _other_unit(*pair)]


def _other_unit(stated: Side, written: Side) -> list[str]:
    """Whether a formula that is text has another unit than what a theorem bounds."""
    if not isinstance(stated, Theorem) or not isinstance(written, ParsedBound) or not stated.bound.dimensional:
        return []
    measure, known = stated.bound.measure, stated.bound.unit_of_letter
    names = {symbol.name for term in written.terms for symbol in term.free_symbols}
    if not all(name in LETTERS or name in stated.bound.units for name in names):
        return []
    try:
        units = {unit_of(term, known) for term in written.terms} - {None}
    except TightrateError:
        return []
    other = sorted(str(unit) for unit in units if unit != measure.unit)
    if not other:
        return []
    return [
        f"{stated.id} bounds the {measure.name}, a {measure.unit}, and the formula is a {' or a '.join(other)}:"
        " only the formulas are compared"
    ]


def _hidden_logarithms(first: Side, second: Side) -> list[str]:
    """That an order with a tilde hides logarithms, of whose powers a comparison knows nothing."""

    def hides(side: Side) -> bool:
        stated = side.bound.constants if isinstance(side, Theorem) else None
        return (side.constants if isinstance(side, ParsedBound) else stated) == "hidden with logs"

    hidden = [name for name, side in (("A", first), ("B", second)) if hides(side)]
    verb = "hides" if len(hidden) == 1 else "hide"
    return [f"{' and '.join(hidden)} {verb} logarithms, so that the answer is up to logarithms"] if hidden else []


def _sides(first: Side, second: Side) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    return terms_of(first), terms_of(second)


def _is_fixed(first: Side, second: Side) -> bool:
    """Whether alpha is that of a theorem, whose range is known."""
    return isinstance(first, Theorem) or isinstance(second, Theorem)


def _conditions(side: Side) -> tuple[Hypothesis, ...]:
    if not isinstance(side, ParsedBound):
        return ()
    found = tuple(one for condition in side.conditions for one in condition.inequalities)
    refuse_contradictory(found)
    return as_hypotheses(found)


def _relation_with(first: Side, second: Side, given: Given, budget: Budget, symbol_read: ReadSymbol, other: str) -> str:
    """The relation if a symbol means something else; TightrateError once the budget is spent."""
    budget.check()
    swap = {symbol(symbol_read.name): symbol(_name_of_meaning(symbol_read, other))}
    swapped = [[term.xreplace(swap) for term in terms_of(side)] for side in (first, second)]
    hypotheses = [
        Hypothesis(h.smaller.xreplace(swap), h.larger.xreplace(swap)) for h in given if isinstance(h, Hypothesis)
    ]
    return _compare((swapped[0], swapped[1]), hypotheses, [], _is_fixed(first, second), budget).relation


def _name_of_meaning(one: ReadSymbol, other: str) -> str:
    """The name of a symbol if it means something else: a letter of the alphabet, or a declared one."""
    return other if other in LETTERS else declared(one.written, other)


_WORDS = {
    "A<=B": "A is at most B, up to constants",
    "A>=B": "A is at least B, up to constants",
    "A~B": "A and B agree up to constants",
    "incomparable": "neither dominates the other",
    "undecided": "undecided",
}


def _compare(
    sides: tuple[Sequence[Expr], Sequence[Expr]], given: Given, notes: list[str], fixed: bool, budget: Budget
) -> OrderComparison:
    """Both sides compared under the conventions, each said in `notes` where it was used."""
    usual_sides = [[with_conventional_logarithms(term) for term in side] for side in sides]
    if usual_sides != [list(side) for side in sides]:
        notes.append("the logarithm of an accuracy is log(1/eps), whatever stands over eps")
    left, right, cancelled = without_common_factors(*usual_sides)
    if cancelled:
        notes.append(f"common factor cancelled: {', '.join(map(text_of, cancelled))}")
    hypotheses = [h for h in given if isinstance(h, Hypothesis)]
    other_given = [h for h in given if not isinstance(h, Hypothesis)]
    flat = [left, right, *(side for h in hypotheses for side in (h.smaller, h.larger))]
    logs = [with_positive_logarithms(e) for e in flat]
    if logs != flat:
        notes.append("logarithms count as at least 1, as usual")
    flat, by_kappa = with_condition_number(logs)
    if by_kappa:
        notes.append("kappa = L/mu was used")
    flat, moment = with_heavy_tails(flat)
    if moment:
        notes.append(f"{moment.partition(':')[0]} ranges over (1, 2]; proofs write it as 1 + 4/alpha with alpha >= 4")
    flat, alpha_given, low = _alpha_range(flat, fixed or bool(moment))
    if low:
        notes.append("alpha ranges over (1, 2]; proofs write it as 1 + 4/alpha with alpha >= 4")
    notes += notes_on_powers(*flat[:2])
    answer = _ask(flat, [*other_given, *alpha_given], budget)
    in_totals, by_total = with_total_steps(flat)
    if by_total:
        with_totals = _ask(in_totals, [*other_given, *alpha_given], budget)
        if with_totals.relation != answer.relation:
            notes.append(f"T = K R was used; with T independent of K and R: {_WORDS[answer.relation]}")
        answer, flat = with_totals, in_totals
    alpha = symbol("alpha")
    free_alpha = any(alpha in e.free_symbols for e in flat[:2]) and not (fixed or moment or low or alpha_given)
    if free_alpha:
        heavy = _ask(alpha_at_most_two(flat), other_given, budget)
        if heavy.relation != answer.relation:
            notes.append(
                f"it depends on alpha: for alpha >= 4, {_WORDS[answer.relation]}; for alpha in (1, 2],"
                f" {_WORDS[heavy.relation]}; give --given 'alpha >= 4' or 'alpha <= 2'"
            )
            return OrderComparison("undecided", answer.forward, answer.backward)
        notes.append("the same for alpha >= 4 and for alpha in (1, 2]")
    return answer


def _ask(flat: Sequence[Expr], more: Given, budget: Budget) -> OrderComparison:
    pairs = zip(flat[2::2], flat[3::2], strict=True)
    given = [*more, *(Hypothesis(small, large) for small, large in pairs)]
    asked = compare_with_powers if notes_on_powers(*flat[:2]) else compare
    return asked(flat[0], flat[1], given, budget)


def _alpha_range(flat: Sequence[Expr], fixed: bool) -> tuple[list[Expr], list[sympy.logic.boolalg.Boolean], bool]:
    """Hypotheses on alpha alone taken out: both sides, what they say of alpha >= 4, and whether alpha is at most 2."""
    alpha = symbol("alpha")
    kept, low, high = list(flat[:2]), None, None
    for small, large in zip(flat[2::2], flat[3::2], strict=True):
        if (small.free_symbols | large.free_symbols) != {alpha}:
            kept += [small, large]
        elif large == alpha and small.is_number:
            low = small if low is None else max(low, small)
        elif small == alpha and large.is_number:
            high = large if high is None else min(high, large)
        else:
            raise TightrateError("a hypothesis on alpha compares it with a number")
    if high is not None and high <= 2 and not fixed and (low is None or low <= 1):
        return alpha_at_most_two(kept), [], True
    outside = (high is not None and high < 4) or (low is not None and low < 4 and not fixed and high is not None)
    if outside:
        raise TightrateError("the moment order alpha is at least 4 here, or in (1, 2] where --given says alpha <= 2")
    said = [sympy.Ge(alpha, low)] if low is not None and low > 4 else []
    said += [sympy.Le(alpha, high)] if high is not None else []
    return kept, said or ([sympy.Ge(alpha, 4)] if low is not None else []), False


# --- how symbols were read -------------------------------------------------------------------------------------------


def symbols_read(bound: ParsedBound, letters: Mapping[str, str] | None = None) -> tuple[ReadSymbol, ...]:
    """How each symbol of a bound was read, in the order in which they occur."""
    given = {spell(source).key for source in letters or {}}
    found: dict[str, ReadSymbol] = {}
    for reading in bound.readings:
        found.setdefault(reading.name, _read_symbol(reading, given))
    return tuple(found.values())


def attributed(symbols: Sequence[ReadSymbol], papers: Mapping[str, str]) -> tuple[ReadSymbol, ...]:
    """The symbols, those that the conventions of a paper name with that paper; `papers` go by the key of a letter."""

    def one(symbol_read: ReadSymbol) -> ReadSymbol:
        try:
            paper = papers.get(spell(symbol_read.written).key, "")
        except TightrateError:
            paper = ""
        is_theirs = symbol_read.source == "declared" and paper
        return replace(symbol_read, source="paper", paper=paper) if is_theirs else symbol_read

    return tuple(map(one, symbols))


def _read_symbol(reading: Reading, given: set[str]) -> ReadSymbol:
    known = known_letter(reading.name)
    meaning = known.meaning if known is not None else f"the formula {reading.name}"
    try:
        spelled = spell(reading.written)
        key, base = spelled.key, spelled.base.lstrip("\\") if not spelled.accents else ""
    except TightrateError:
        key, base = "", ""
    if reading.how == "unknown":
        others = (*OTHER_MEANINGS[key], "unknown") if counts_elsewhere(reading.name) else OTHER_MEANINGS.get(key, ())
        return ReadSymbol(reading.written, reading.name, meaning, "unknown", others if key == base else ())
    if key in given:
        return ReadSymbol(reading.written, reading.name, meaning, "declared")
    meanings = OTHER_MEANINGS.get(key, ()) if key == base or "_" in key else ()
    others = tuple(other for other in meanings if other not in (reading.name, kind_of(reading.name)))
    if others:
        return ReadSymbol(reading.written, reading.name, meaning, "assumed", others)
    return ReadSymbol(reading.written, reading.name, meaning, "convention")


def _both(first: Side, second: Side) -> tuple[ReadSymbol, ...]:
    found: dict[str, ReadSymbol] = {}
    for side in (first, second):
        if isinstance(side, ParsedBound):
            for one in symbols_read(
                side, {r.written: r.name for r in side.readings if r.how == "given" and not _is_usual(r)}
            ):
                found.setdefault(one.name, one)
    return tuple(found.values())


def _is_usual(reading: Reading) -> bool:
    """Whether this is one of the letters that are constants where nobody says otherwise."""
    return kind_of(reading.name) == "constant" and reading.name == constants().get(reading.written)


def _possible(one: ReadSymbol, present: set[str]) -> ReadSymbol:
    """Without the meanings for which the formula has another letter."""
    return replace(one, others=tuple(other for other in one.others if other not in present))


def _with_changes(one: ReadSymbol, answer_with: Callable[[str], str], answer: str = "") -> ReadSymbol:
    """The symbol with the meanings that give another answer, in words, than `answer`."""
    changed = []
    for other in one.others:
        try:
            found = answer_with(other)
        except TightrateError:
            continue
        if found != answer:
            changed.append(f"{meaning_of(other)}: {_WORDS.get(found, found)}")
    return replace(one, changed=tuple(changed))


# --- checking --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effort:
    """Which parts of a check are done: the others save time."""

    neighbours: bool = True
    regimes: bool = True
    domination: bool = True
    other_readings: bool = True


def check_display(
    text: str,
    *,
    letters: Mapping[str, str] | None = None,
    macros: Mapping[str, Macro] | None = None,
    measure: str | None = None,
    given: Sequence[ParsedInequality] = (),
    assumptions: Sequence[str] = (),
    neighbours: bool = True,
    regimes: bool = True,
    domination: bool = True,
    other_readings: bool = True,
) -> tuple[CheckedBound, ...]:
    r"""Check every bound of a display, with its left side, its conditions, and how its symbols were read.

    `assumptions` about gradients, values and points give the units of the letters in them.  Neighbours, regimes, which
    terms are dominated, and what other meanings of a letter change, may be left out, which saves time.

    >>> (found,) = check_display(r"F(\hat x)-F^\star \le \frac{\|x_0-x_*\|^2}{K R}", neighbours=False)
    >>> found.units_consistent, str(found.left.unit), str(found.terms[0].unit)
    (False, 'value', 'length^2')
    """
    spelled = with_constants(letters)
    effort = Effort(neighbours, regimes, domination, other_readings)
    bounds = parse_display(text, spelled, macros, infer=True)
    facts = [fact for one in assumptions for fact in assumption(one, spelled, macros)]
    found: list[CheckedBound] = []
    for number, bound in enumerate(bounds, 1):
        question = _question(bound, spelled, letters or {}, measure, facts)
        found.append(_check_parsed(bound, letters or {}, question, given, effort))
        target = question.targets[0][1] if question.left is not None and question.left.is_known else None
        if target is not None and found[-1].units_consistent and len(bounds) > 1:  # one unit for a symbol in a display
            place = f"bound {number}: {{}} has the unit {target}"
            facts += [UnitFact(place.format(text_of(term)), term, target) for term in bound.terms]
    return tuple(found)


def _question(
    bound: ParsedBound,
    spelled: Mapping[str, str],
    letters: Mapping[str, str],
    measure: str | None,
    facts: Sequence[UnitFact] = (),
) -> UnitQuestion:
    carriers = {
        one.name for one in symbols_read(bound, letters) if kind_of(one.name) == "constant" and one.source != "declared"
    }
    return UnitQuestion(
        _named_measure(measure),
        _left_of(bound, spelled),
        bound.constants != "explicit",
        frozenset(carriers),
        (*facts, *bound.facts),
        frozenset(letters.values()),
        bound.links,
        frozenset(letters.values()),
    )


def _left_of(bound: ParsedBound, spelled: Mapping[str, str]) -> LeftSide | None:
    """The left side of a bound, as a measure or as a formula in letters."""
    if not bound.left_pieces:
        return None
    keys = {spell(source).key: name for source, name in spelled.items()}
    left = left_side(bound.left_pieces, keys, bound.measure_text)
    if left.is_known or left.is_accuracy or bound.left_formula is None:
        return left
    try:
        return replace(left, unit=unit_of(conventional(bound.left_formula), lambda name: letter(name).unit))
    except TightrateError:
        return left


def _check_parsed(
    bound: ParsedBound,
    letters: Mapping[str, str],
    question: UnitQuestion,
    given: Sequence[ParsedInequality],
    effort: Effort,
) -> CheckedBound:
    inequalities = [*given, *(one for condition in bound.conditions for one in condition.inequalities)]
    refuse_contradictory(inequalities)
    usable = [one for one in as_hypotheses(inequalities) if _is_monomial(one)]
    found = _check(bound.terms, question, usable, effort)
    present = {s.name for term in bound.terms for s in term.free_symbols}
    symbols = tuple(_possible(one, present) for one in symbols_read(bound, letters))
    if effort.other_readings:
        whole = effort.domination and len(found.terms) <= MOST_TERMS_READ_AGAIN
        again = Effort(effort.neighbours and whole, effort.regimes and whole, whole, other_readings=False)
        budget = Budget(SECONDS_READ_AGAIN)

        def answer_with(one: ReadSymbol, other: str) -> CheckedBound:
            if other == "unknown":
                freed = replace(question, open=question.open | {one.name})
                return _check(bound.terms, freed, usable, Effort(False, False, False), budget)
            swap = {symbol(one.name): symbol(_name_of_meaning(one, other))}
            terms = [term.xreplace(swap) for term in bound.terms]
            units = _check(terms, question, usable, Effort(False, False, False), budget)
            more = whole and units.units_consistent and not budget.is_spent
            return _check(terms, question, usable, again, budget) if more else units

        symbols = tuple(_with_changes(one, partial(_differences, answer_with, found, one, again)) for one in symbols)
    facts = {fact.place for fact in bound.facts}
    unread = tuple(
        f"condition not used: {c.text}"
        for c in bound.conditions
        if c.unread and c.text != "otherwise" and f"the assumption {c.text}" not in facts
    )
    return replace(
        found,
        symbols=symbols,
        conditions=tuple(condition.text for condition in bound.conditions),
        left_out=(*bound.left_out, *unread),
        case=bound.case,
    )


def _differences(
    answer_with: Callable[[ReadSymbol, str], CheckedBound],
    answer: CheckedBound,
    one: ReadSymbol,
    effort: Effort,
    other: str,
) -> str:
    """What a check says otherwise where a symbol means something else, in words; empty where it says the same."""
    if not effort.domination and other != "unknown" and _unit_of_meaning(one.name) == _unit_of_meaning(other):
        return ""  # only units are compared, and they are the same
    if other == "unknown" and answer.units_consistent:
        return ""
    found = answer_with(one, other)
    said: list[str] = []
    if found.units_consistent != answer.units_consistent:
        said.append("units agree" if found.units_consistent else "units do not agree")
    if not found.units_consistent and not answer.units_consistent:
        return ""
    unit = found.terms[0].unit if found.terms else None
    if found.units_consistent and answer.units_consistent and unit is not None and unit != answer.terms[0].unit:
        said.append(f"its unit is {unit}")
    if effort.domination and found.units_consistent and other != "unknown":
        back = {symbol(_name_of_meaning(one, other)): symbol(one.name)}
        said += _changed_order(answer, found, back)
        said += _changed_neighbours(answer, found) if effort.neighbours else []
    return "; ".join(said)


def _unit_of_meaning(name: str) -> Unit:
    return letter(name if known_letter(name) is not None else declared(name, name)).unit


def _changed_order(answer: CheckedBound, found: CheckedBound, back: Mapping[Expr, Expr]) -> Iterator[str]:
    """Which terms another reading dominates, and where each is the largest, as far as that differs."""
    for ours, theirs in zip(answer.terms, found.terms, strict=False):
        if ours.dominated != theirs.dominated and theirs.dominated is not None:
            yield f"{theirs.name} {'is' if theirs.dominated else 'is not'} dominated"
    for name, lists in found.regimes.items():
        if name not in answer.regimes or len(found.regimes) < 2:
            continue
        translated = [[Hypothesis(h.smaller.xreplace(back), h.larger.xreplace(back)) for h in one] for one in lists]
        if _ratios(translated) != _ratios(answer.regimes[name]):
            where = "; and ".join(" or ".join(_inequality_text(h) for h in one) for one in lists)
            yield f"{name} is the largest {f'where {where}' if where else 'always'}"


def _ratios(lists: Sequence[Sequence[Hypothesis]]) -> set[frozenset[Expr]]:
    """Inequalities up to the way in which they are written."""
    return {frozenset(sympy.powdenest(h.smaller / h.larger, force=True) for h in one) for one in lists}


def _inequality_text(hypothesis: Hypothesis) -> str:
    left, sign, right = as_usual(hypothesis)
    return f"{text_of(left)} {sign} {text_of(right)}"


def _changed_neighbours(answer: CheckedBound, found: CheckedBound) -> Iterator[str]:
    """The entries of the catalogue that only another reading agrees with."""
    ours, theirs = ({n.theorem.id for n in one.neighbours if n.relation == "A~B"} for one in (answer, found))
    if theirs - ours:
        yield f"it agrees with {', '.join(sorted(theirs - ours))}"


def _is_monomial(hypothesis: Hypothesis) -> bool:
    return not any(
        side.has(Add, sympy.Max, sympy.Min, sympy.log, sympy.exp) for side in (hypothesis.smaller, hypothesis.larger)
    )


def check_theorem(theorem: Theorem) -> CheckedBound:
    """Check the bound of a theorem, its terms by their names; it is no neighbour of its own."""
    bound = theorem.bound
    found = check_bound(list(bound.expressions), measure=bound.measure.name)
    if len(found.terms) == len(bound.terms):  # no term was taken apart
        names = {checked.name: own.name for checked, own in zip(found.terms, bound.terms, strict=True)}
        found = replace(
            found,
            terms=tuple(replace(term, name=names[term.name]) for term in found.terms),
            regimes={names[name]: regime for name, regime in found.regimes.items()},
            unknown_regimes={names[name]: why for name, why in found.unknown_regimes.items()},
        )
    return replace(found, neighbours=tuple(one for one in found.neighbours if one.theorem.id != theorem.id))


def check_bound(
    terms: Sequence[Expr], *, measure: str | None = None, given: Given = (), neighbours: bool = True
) -> CheckedBound:
    """Check the terms of a bound.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> import sympy
    >>> found = check_bound([L * B**2 / R, sigma * B / sympy.sqrt(M * K * R)], measure="gap")
    >>> found.units_consistent, [str(term.unit) for term in found.terms]
    (True, ['value', 'value'])
    """
    return _check(terms, UnitQuestion(_named_measure(measure)), given, Effort(neighbours=neighbours))


def _check(
    terms: Sequence[Expr], question: UnitQuestion, given: Given, effort: Effort, budget: Budget | None = None
) -> CheckedBound:
    terms = distributed(terms)
    units = check_units(terms, question)
    usual, notes = _under_conventions(terms)
    budget = budget or Budget(SECONDS)
    given = [_usual_hypothesis(h) if isinstance(h, Hypothesis) else h for h in given]
    checked = []
    for index, expression in enumerate(terms):
        shape, said = with_leading_counts(expression)
        notes += said
        checked.append(
            CheckedTerm(
                f"term {index + 1}",
                expression,
                monomial(shape),
                units.of_terms[index],
                units.errors[index],
                _is_dominated(index, usual, given, budget) if effort.domination else None,
                tuple(_branches(shape)),
            )
        )
    remaining = {term.name: usual[index] for index, term in enumerate(checked) if not term.dominated}
    regimes, unknown = _regimes(remaining, given, budget) if effort.regimes else ({}, {})
    unknown = {name: without_kinds(why) for name, why in unknown.items()}
    measures = _measures(units, question)
    is_one = bool(measures) and (
        question.named is not None or len(measures) == 1 or measures[0] in _ONE_MEASURE.values()
    )
    if budget.is_spent:
        notes.append(f"not everything was compared within {budget.seconds:g} s of computing")
    listed: tuple[Neighbour, ...] = ()
    if effort.neighbours and is_one and not (question.named is None and question.left and question.left.is_other):
        listed, all_compared = _neighbours(usual, measures[0], given)
        notes += [] if all_compared else ["not every entry of the catalogue was compared, for lack of time"]
    return CheckedBound(
        tuple(checked),
        units.consistent,
        measures,
        regimes,
        unknown,
        listed,
        units.inferred,
        units.contradiction,
        tuple(dict.fromkeys((*units.notes, *notes))),
        question.left,
        units.left_agrees,
        hidden=question.hidden,
    )


def _branches(term: Expr) -> Iterator[Monomial]:
    """The shapes of the alternatives of a term that is a minimum or maximum, times other factors."""
    factors = sympy.Mul.make_args(term)
    extreme = next((factor for factor in factors if isinstance(factor, (sympy.Min, sympy.Max))), None)
    if extreme is not None:
        rest = sympy.Mul(*(factor for factor in factors if factor is not extreme))
        yield from (monomial(rest * one) for one in sorted(extreme.args, key=sympy.default_sort_key))


def _measures(units: UnitAnswer, question: UnitQuestion) -> tuple[str, ...]:
    """The catalogue's measures of the bound, the usual one first."""
    left = question.left
    if question.named is not None:
        return (question.named.name,)
    found = {unit for unit in units.of_terms if unit is not None}
    if left is not None and left.measure is not None and found <= {left.unit}:
        return (left.measure,)
    if len(found) != 1:
        return ()
    (unit,) = found
    names = [m.name for m in MEASURES.values() if m.unit == unit and not m.of_runs]
    return tuple(sorted(names, key=lambda name: name != _ONE_MEASURE.get(unit)))


def _under_conventions(terms: Sequence[Expr]) -> tuple[list[Expr], list[str]]:
    """The terms as the order algebra takes them, and what was taken for granted."""
    notes: list[str] = []
    known = {one.name: known_letter(one.name) for term in terms for one in term.free_symbols}
    short = {name: one.defined for name, one in sorted(known.items()) if one is not None and one.defined is not None}
    notes += [f"{name} = {text_of(formula)} where terms are compared" for name, formula in short.items()]
    usual = [with_positive_logarithms(with_conventional_logarithms(with_definitions(term))) for term in terms]
    usual, by_kappa = with_condition_number(usual)
    usual, by_total = with_total_steps(usual)
    usual, moment = with_heavy_tails(usual)
    notes += ["kappa = L/mu where terms are compared"] * by_kappa
    notes += ["T = K R where terms are compared"] * by_total
    notes += [f"{moment.partition(':')[0]} ranges over (1, 2]"] if moment else []
    return list(usual), notes


def _usual_hypothesis(hypothesis: Hypothesis) -> Hypothesis:
    usual, _ = _under_conventions([hypothesis.smaller, hypothesis.larger])
    return Hypothesis(usual[0], usual[1], hypothesis.reason)


def _regimes(
    remaining: Mapping[str, Expr], given: Given, budget: Budget
) -> tuple[dict[str, tuple[tuple[Hypothesis, ...], ...]], dict[str, str]]:
    """Where each term is the largest, against all terms that allow an answer; which do not, and why."""
    regimes: dict[str, tuple[tuple[Hypothesis, ...], ...]] = {}
    unknown: dict[str, str] = {}
    readable: dict[str, bool] = {}  # which terms have a region, once one has none
    for name, expression in remaining.items():
        rest = {other: term for other, term in remaining.items() if other != name}
        refused: list[str] = []
        found: tuple[tuple[Hypothesis, ...], ...] = ()
        try:
            if not readable:
                found = where_dominated(Add(*rest.values()), expression, given, budget, MOST_INEQUALITIES)
        except LargeRegionError as reason:
            unknown[name] = str(reason)
            continue
        except TightrateError as reason:
            if budget.is_spent:
                unknown[name] = str(reason)
                continue
            readable = {other: has_region(term, term, given, budget) for other, term in remaining.items()}
        if readable:
            refused = [other for other in rest if not (readable[name] and readable[other])]
            usable = [term for other, term in rest.items() if other not in refused]
            try:
                found = where_dominated(Add(*usable), expression, given, budget, MOST_INEQUALITIES) if usable else ()
            except TightrateError as why:
                unknown[name] = str(why)
                continue
            if not rest:
                unknown[name] = f"{_special_factor(expression) or expression} has no region of monomial inequalities"
                continue
        if refused:
            whose = _special_factor(expression)
            if whose is None:
                factors = [(_special_factor(remaining[other]), other) for other in refused]
                because = "; ".join(f"{factor or remaining[other]} in {other}" for factor, other in factors)
            else:
                because = f"{whose} in {name}"
            unknown[name] = f"against {', '.join(refused)}: {because} has no region of monomial inequalities"
        if found or not refused:
            regimes[name] = found
    return regimes, unknown


def _special_factor(expression: Expr) -> Expr | None:
    """The exponential, logarithm or power of a difference in a term."""
    found = [f for f in expression.atoms(sympy.exp, sympy.log, sympy.Pow) if _is_special(f)]
    return min(found, key=sympy.default_sort_key) if found else None


def _is_special(part: Expr) -> bool:
    if isinstance(part, (sympy.exp, sympy.log)):
        return bool(part.free_symbols)
    return (
        isinstance(part, sympy.Pow) and bool(part.exp.free_symbols) and not part.exp.free_symbols <= {symbol("alpha")}
    )


def _named_measure(measure: str | None) -> Measure | None:
    if measure is None:
        return None
    if measure not in MEASURES:
        raise unknown_name("measure", measure, MEASURES)
    return MEASURES[measure]


def _is_dominated(index: int, terms: Sequence[Expr], given: Given, budget: Budget) -> bool | None:
    """Whether the other terms dominate this one; of two equivalent terms the first one counts."""
    others = [term for other, term in enumerate(terms) if other != index]
    if not others:
        return False
    answer = dominated(terms[index], Add(*others), given, budget).relation
    if answer != "holds":
        return False if answer == "fails" else None
    later_twins = [term for term in terms[index + 1 :] if compare(terms[index], term, given, budget).relation == "A~B"]
    if later_twins:
        rest = [term for term in others if term not in later_twins]
        return bool(rest) and is_proved(terms[index], Add(*rest), given, budget)
    return True


def _neighbours(terms: Sequence[Expr], measure: str, given: Given) -> tuple[tuple[Neighbour, ...], bool]:
    """The comparable upper and lower bounds of the catalogue for the same measure, closest relation first.

    With them comes whether all entries were compared within the usual budget.
    """
    total = Add(*terms)
    letters = {symbol.name for symbol in total.free_symbols}
    known = symbols_of_bounds(measure)
    comparable = [
        entry.theorem
        for entry in statements()
        if entry.measure == measure
        and entry.kind != "exact"
        and _comparable(known.get(entry.id) or frozenset(entry.theorem.bound.letters), letters)
    ]
    budget = Budget()  # from here on: the formulas of the entries have been read
    found = []
    for entry in comparable:
        other = entry.bound.expression
        at_most, at_least = is_proved(total, other, given, budget), is_proved(other, total, given, budget)
        if at_most or at_least:
            relation: Relation = "A~B" if at_most and at_least else "A<=B" if at_most else "A>=B"
            found.append(Neighbour(entry, relation))
    ranking = {"A~B": 0, "A<=B": 1, "A>=B": 2}
    return tuple(sorted(found, key=lambda neighbour: ranking[neighbour.relation])), not budget.is_spent


def _comparable(theirs: Collection[str], letters: Collection[str]) -> bool:
    """Whether both speak of step sizes or neither does, and both of strong convexity or neither."""
    return all((name in theirs) == (name in letters) for name in ("eta", "mu", "lambda", "rho", "delta", "Delta"))


def read_table(
    text: str, letters: Mapping[str, str] | None = None, macros: Mapping[str, Macro] | None = None
) -> dict[str, ParsedBound]:
    """Several bounds, one on each line as `name: bound`; empty lines and lines that begin with # are skipped."""
    found: dict[str, ParsedBound] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, formula = line.partition(":")
        if not colon or not formula.strip():
            raise TightrateError(f"line {number} is not NAME: BOUND, for example  mini-batch: L*B^2/R")
        if name.strip() in found:
            raise TightrateError(f"line {number} names {name.strip()!r} a second time; give each bound its own name")
        try:
            found[name.strip()] = parse(formula.strip(), with_constants(letters), macros)
        except TightrateError as reason:
            raise TightrateError(f"line {number}: {reason}") from None
    if not found:
        raise TightrateError("the file has no bounds; write one on each line as NAME: BOUND")
    return found


def check_table(
    table: Mapping[str, ParsedBound],
    letters: Mapping[str, str] | None = None,
    measure: str | None = None,
    given: Sequence[ParsedInequality] = (),
    only_units: bool = False,
) -> dict[str, CheckedBound]:
    """Each bound of a table by itself."""
    spelled = with_constants(letters)
    effort = Effort(False, False, False, False) if only_units else Effort()
    return {
        name: _check_parsed(bound, letters or {}, _question(bound, spelled, letters or {}, measure), given, effort)
        for name, bound in table.items()
    }


def compare_table(table: Mapping[str, Side], given: Given = ()) -> dict[tuple[str, str], Relation]:
    """The relation of every pair of bounds, in the order of the table; `undecided` after a minute of computing."""
    budget = Budget(60)
    quick = _monomial_sums(table, given, budget)
    found: dict[tuple[str, str], Relation] = {}
    for (i, first), (j, second) in combinations(enumerate(table), 2):
        sides = _sides(table[first], table[second])
        conditions = [*given, *_conditions(table[first]), *_conditions(table[second])]
        fixed = _is_fixed(table[first], table[second])
        if budget.is_spent:
            found[first, second] = "undecided"
            continue
        known = quick.relation(i, j) if quick is not None and not fixed else None
        found[first, second] = known or _compare(sides, conditions, [], fixed, budget).relation
    return found


def _monomial_sums(table: Mapping[str, Side], given: Given, budget: Budget) -> MonomialSums | None:
    """All bounds of the table ready to be compared, if they are sums of monomials without conditions of their own."""
    if any(_conditions(side) for side in table.values()) or not all(isinstance(h, Hypothesis) for h in given):
        return None
    hypotheses = [_usual_hypothesis(h) for h in given if isinstance(h, Hypothesis)]
    try:
        usual = [_under_conventions([*terms_of(side), symbol("K"), symbol("L")])[0][:-2] for side in table.values()]
        return MonomialSums(usual, hypotheses, budget)
    except TightrateError:
        return None
