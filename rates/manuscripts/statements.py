"""The statements of a manuscript: bounds, rates, complexities and step sizes among its formulas, read and checked.

Only what is understood becomes a statement that is judged: its left side is a measure, an accuracy, a count or a step
size, or it is an order; and no other common reading of an ambiguous letter, no dropped constant of an order, and no
scaling matrix explains units that differ.  Everything else is counted, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from sympy import Add, fraction

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.display_parts import DisplayPart, take_apart
from tightrate.rates.formulas.letter_notation import spell
from tightrate.rates.formulas.macros import Macro
from tightrate.rates.formulas.tokens import Readable, Token
from tightrate.rates.manuscripts.manuscript import Formula, Place
from tightrate.rates.relations.bound_check import CheckedBound, check_display
from tightrate.rates.relations.conventions import OTHER_MEANINGS
from tightrate.rates.symbols.alphabet import CURVATURE, KINDS, STEP, declared, kind_of, known_letter
from tightrate.rates.symbols.units import LENGTH, VALUE, Unit

Kind = Literal["bound", "rate", "complexity", "step size"]

MOST_CHARACTERS = 6_000  # of one formula
MOST_TERMS = 8  # in which dominated terms are sought
_COMMANDS = ("le", "leq", "leqslant", "ge", "geq", "geqslant", "lesssim", "gtrsim", "prec", "succ", "asymp", "sim")
_SIGNS = (
    *(rf"\{name}" for name in _COMMANDS),
    *"=<>≤≥≲≳",
    r"\mathcal",
    r"\cal",
    r"\cO",
    r"\bigO",
    "O(",
    r"O\left",
    r"O\big",
)
_SIGNS = (*_SIGNS, r"O\Big", r"\tilde", r"\Omega", r"\Theta", r"O\!")
_ORDERS = {"O", "Theta", "Omega", r"\Theta", r"\Omega"}
_OPENING, _CLOSING = {"(", "[", "{", r"\{", r"\begin{cases}"}, {")", "]", "}", r"\}", r"\end{cases}"}


@dataclass(frozen=True)
class Term:
    """A term as its author wrote it, and where."""

    written: str
    place: Place


@dataclass(frozen=True)
class Statement:
    """A bound, rate, complexity or step size of a manuscript.

    `number` is that of its formula, `part` that of the bound in it.  `judged` says whether its units may be judged, and
    `doubt` why not; `reading` is how an ambiguous letter had to be read so that most terms agree.
    """

    number: int
    part: int
    formula: Formula
    place: Place
    kind: Kind
    checked: CheckedBound
    terms: tuple[Term, ...]
    letters: Mapping[str, str]
    doubt: str = ""
    reading: str = ""

    @property
    def judged(self) -> bool:
        """Whether nothing but a fault explains units that differ."""
        return not self.doubt

    @property
    def names(self) -> frozenset[str]:
        """The names of its symbols."""
        return frozenset(s.name for term in self.checked.terms for s in term.expression.free_symbols)


@dataclass(frozen=True)
class Unread:
    """A formula that may state a bound and was not understood, with the reason."""

    formula: Formula
    reason: str


def may_state_a_bound(latex: str) -> bool:
    """Whether there is a relation sign or an order at all."""
    return 8 < len(latex) <= MOST_CHARACTERS and any(sign in latex for sign in _SIGNS)


def statements_of(
    number: int, formula: Formula, letters: Mapping[str, str], macros: Mapping[str, Macro], any_formula: bool = False
) -> tuple[list[Statement], str]:
    """The statements of a formula, and why it holds none although it may; `any_formula` also takes a lone term."""
    if not any_formula and not may_state_a_bound(formula.latex):
        return [], ""
    try:
        display = take_apart(formula.latex, macros, each_case=True)
        found = check_display(
            formula.latex,
            letters=letters,
            macros=macros,
            neighbours=False,
            regimes=False,
            domination=_is_short_order(formula.latex),
            other_readings=False,
        )
    except TightrateError as reason:
        return [], str(reason)
    parts = display.parts if len(display.parts) == len(found) else ()
    statements: list[Statement] = []
    for index, one in enumerate(found):
        kind: Kind | None = kind_of_statement(one)
        if kind is None and any_formula and (one.left is None or not one.left.text) and _is_rate(one):
            kind = "rate"
        if kind is None:
            continue
        part = parts[index] if parts else None
        place: Place = formula.place
        terms: tuple[Term, ...] = ()
        if part is not None:
            first = (part.left_pieces or part.bound_pieces)[0]
            place = formula.place_of(display.source.place(first.start))
            terms = _terms(part, display.source, formula, len(one.terms))
        doubt = reading = ""
        if not one.units_consistent:
            doubt, one, reading = other_explanation(index, formula.latex, one, letters, macros, kind)
        elif kind != "step size" and one.hidden and len(one.terms) > 1 and not _is_short_order(formula.latex):
            one = with_domination(formula.latex, index, one, letters, macros)
        statements.append(Statement(number, index, formula, place, kind, one, terms, letters, doubt, reading))
    return statements, ""


def _is_short_order(latex: str) -> bool:
    """Whether a formula shows that it is an order of few terms, so that dominated ones are sought at once."""
    return latex.count("+") < MOST_TERMS and any(sign in latex for sign in ("mathcal", "lesssim", "gtrsim", "O("))


def with_domination(
    latex: str, index: int, one: CheckedBound, letters: Mapping[str, str], macros: Mapping[str, Macro]
) -> CheckedBound:
    """The same bound, where it is no giant, with the terms that the others dominate."""
    if len(one.terms) > MOST_TERMS:
        return one
    found = check_display(latex, letters=letters, macros=macros, neighbours=False, regimes=False, other_readings=False)
    return found[index]


def kind_of_statement(one: CheckedBound) -> Kind | None:
    """What a formula that was read states; None for an identity, a definition, an assumption or an update."""
    names = {s.name for term in one.terms for s in term.expression.free_symbols}
    known = [letter for name in names if (letter := known_letter(name)) is not None]
    left = one.left
    if left is not None and left.text:
        if not (left.is_known or left.is_accuracy) or (left.measure and left.text in ("f", "F", r"\ell")):
            return None  # `f = ...` is a definition
        if is_step(one):
            return "step size" if _has_curvature(names) and "eta" not in names else None
        if left.measure is None and not left.is_accuracy:
            if r"\eta" in left.text and left.unit is not None and left.unit.is_pure and _has_unit(names):
                return "step size"
            counts = bool(left.choices) and all(unit.is_pure for _, unit in left.choices)
            counts = counts or (left.unit is not None and left.unit.is_pure and "/" not in left.text)
            return "complexity" if counts and _speaks_of_theory(names) else None
    runs = any(letter.counts or letter.chosen or letter.name == "eps" for letter in known)
    if not runs or len(names) < (2 if left is not None and left.measure else 3):
        return None
    if left is not None and left.measure is not None:
        return "bound"
    return "complexity" if "eps" in names and not (left is not None and left.is_accuracy) else "rate"


def _is_rate(one: CheckedBound) -> bool:
    """Whether a formula without a left side, in a table, has two letters and one of them counts or is chosen."""
    names = {s.name for term in one.terms for s in term.expression.free_symbols}
    known = [letter for name in names if (letter := known_letter(name)) is not None]
    return len(names) >= 2 and any(letter.counts or letter.chosen or letter.name == "eps" for letter in known)


def is_step(one: CheckedBound) -> bool:
    """Whether the left side is a step size."""
    return one.left is not None and (one.left.unit == STEP or any(name == "eta" for name, _ in one.left.choices))


def _has_curvature(names: set[str]) -> bool:
    return any(known.unit == CURVATURE for name in names if (known := known_letter(name)) is not None)


def _has_unit(names: set[str]) -> bool:
    return any(not known.unit.is_pure for name in names if (known := known_letter(name)) is not None)


def _speaks_of_theory(names: set[str]) -> bool:
    """Whether letters of convergence theory occur that hardly mean anything else."""
    return "eps" in names or len(names & {"L", "mu", "sigma", "eta", "Delta", "zeta", "zeta_star"}) >= 2


# --- what else may explain units that differ -------------------------------------------------------------------------

# What else letters stand for, beside what `check-bound` offers: heavy-ball momentum, steps of normalized updates.
_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "mu": ("momentum",),
    "eta": ("length",),
    "alpha": ("eta",),
    "D": ("number",),
    "Q": ("constant",),
    "rho": ("number",),
    "lambda": ("number",),
    "delta": ("length", "value", "number"),
    "B": ("value", "G^2"),
}
_ABOVE: Mapping[str, tuple[str, ...]] = {"R": ("length",), "M": ("gradient",)}  # where they stand in a numerator
_SUMMANDS: Mapping[str, tuple[str, ...]] = {"zeta": ("number",), "a": ("count",), "gamma": ("count",)}  # beside numbers
_IN_PAIRS = {"B", *_ABOVE, *_SUMMANDS}
MOST_PAIRS = 60  # of readings of two letters at once
_BESIDE_ONE = re.compile(r"1\s*[-+]\s*\\mu(?![a-z])")  # as momentum stands
_STEP = re.compile(r"\\(?:eta|gamma|alpha)(?![a-z])")  # one that is declared to be of another unit is still a step
_STARTS = {"B", "Delta", "D", "B_scaled"}


def other_explanation(
    index: int, latex: str, one: CheckedBound, letters: Mapping[str, str], macros: Mapping[str, Macro], kind: Kind
) -> tuple[str, CheckedBound, str]:
    """Why the units may agree after all, empty where nothing but a fault explains it; and the bound to report.

    That is the bound with the one letter read otherwise under which fewest terms differ, and how it was read then.
    """
    units = [term.unit for term in one.terms if term.unit is not None]
    left = one.left.unit if one.left is not None else None
    wanted = left if left is not None else units[0] if units else None
    clear = len(units) == len(one.terms) and not any(term.unit_error for term in one.terms)
    ratios = [unit / wanted for unit in units] if wanted is not None and clear else []
    scaled = any(ratio.scaling != 0 for ratio in ratios)
    if scaled and all(ratio.length == ratio.value == 0 for ratio in ratios):
        return "the units agree up to a scaling matrix", one, ""
    is_order = one.hidden or one.left is None  # a cell of a table without more is one, too
    if is_order and kind != "step size" and drops_constants(one):
        return "the order hides constants that have units", one, ""
    if not _is_anchored(one):
        return "nothing in it shows that its letters are those of optimization", one, ""
    readings = list(_other_readings(latex, one, kind))
    pure = {written: name for written, name in reversed(readings) if _must_be_pure(written, one) and _is_pure(name)}
    if pure:  # tau - 1 and gamma + T say what tau and gamma are
        letters = {**letters, **pure}
        one = _read_otherwise(index, latex, letters, macros) or one
        if one.units_consistent:
            return f"the units agree where {_said(pure.items())}", one, ""
        readings = [reading for reading in readings if reading[0] not in pure]
    in_pairs = [reading for reading in readings if _plain_base(reading[0]) in _IN_PAIRS]
    pairs = [pair for pair in combinations(in_pairs, 2) if pair[0][0] != pair[1][0]][:MOST_PAIRS]
    nearest, reading, odd = one, _said(pure.items()), _odd(one)
    for changes in (*((reading,) for reading in readings), *pairs):
        found = _read_otherwise(index, latex, {**letters, **dict(changes)}, macros)
        if found is None:
            continue
        said = _said((*pure.items(), *changes))
        if found.units_consistent:
            return f"the units agree where {said}", one, ""
        if len(changes) == 1 and _odd(found) < odd:
            nearest, reading, odd = found, said, _odd(found)
    return "", nearest, reading


def _other_readings(latex: str, one: CheckedBound, kind: Kind) -> Iterator[tuple[str, str]]:
    """Symbols that nobody declared, with another meaning or formula that each may stand for."""
    for symbol in one.symbols:
        base = _plain_base(symbol.written)
        if symbol.source == "declared" or not base:
            continue
        if (kind == "step size" and base == "eta") or (base == "mu" and not _BESIDE_ONE.search(latex)):
            continue
        elsewhere = list(OTHER_MEANINGS.get(base, ()))
        elsewhere += _ELSEWHERE.get(base, ()) if kind != "step size" or base != "B" else ()
        elsewhere += ["unknown"] if symbol.source == "unknown" else []
        elsewhere += _ABOVE.get(base, ()) if _stands_above(symbol.name, one) else ()
        elsewhere += _SUMMANDS.get(base, ()) if _is_summand(symbol.name, one) else ()
        for name in elsewhere:
            yield symbol.written, declared(symbol.written, name) if name in KINDS else name


def _stands_above(name: str, one: CheckedBound) -> bool:
    """Whether a symbol stands in the numerator of a term."""
    return any(name in {s.name for s in fraction(term.expression)[0].free_symbols} for term in one.terms)


def _is_summand(name: str, one: CheckedBound) -> bool:
    """Whether a symbol, or a power of it, is added to a number or to a count."""
    sums = (total for term in one.terms for total in term.expression.atoms(Add))
    return any(
        part.as_coeff_Mul()[1].as_base_exp()[0].name == name
        for total in sums
        for part in total.args
        if part.as_coeff_Mul()[1].as_base_exp()[0].is_Symbol
    )


def _must_be_pure(written: str, one: CheckedBound) -> bool:
    """Whether a symbol that is read as something with a unit stands beside a number."""
    name = next(symbol.name for symbol in one.symbols if symbol.written == written)
    return not _is_pure(name) and _is_summand(name, one)


def _is_pure(name: str) -> bool:
    known = known_letter(name)
    return known is not None and known.unit.is_pure and kind_of(name) != "unknown"


def _said(changes: Iterable[tuple[str, str]]) -> str:
    """How letters are read, in words."""
    known = ((written, known_letter(name), name) for written, name in changes)
    return " and ".join(f"{written} is {name if letter is None else letter.meaning}" for written, letter, name in known)


def _odd(one: CheckedBound) -> int:
    """How many terms have another unit than the left side, or than most terms."""
    units = [term.unit for term in one.terms]
    left = one.left
    wanted = {left.unit} if left is not None and left.unit is not None else set()
    wanted |= {unit for _, unit in left.choices} if left is not None else set()
    if wanted:
        return sum(unit not in wanted for unit in units)
    return len(units) - max(map(units.count, units), default=0)


def _plain_base(written: str) -> str:
    """The letter without its backslash; empty where it has an accent, a subscript or a fence."""
    try:
        spelled = spell(written)
    except TightrateError:
        return ""
    base = spelled.base.lstrip("\\")
    return base if spelled.key == base else ""


def _read_otherwise(
    index: int, latex: str, letters: Mapping[str, str], macros: Mapping[str, Macro]
) -> CheckedBound | None:
    try:
        found = check_display(
            latex,
            letters=letters,
            macros=macros,
            neighbours=False,
            regimes=False,
            domination=False,
            other_readings=False,
        )
    except TightrateError:
        return None
    return found[index] if index < len(found) else None


def _is_anchored(one: CheckedBound) -> bool:
    """Whether the left side is a gap or a gradient, or the right side speaks of smoothness, step sizes or gaps.

    A norm of an error with noise alone may be statistics, where letters have other units.
    """
    if one.left is not None and one.left.measure in ("gap", "squared-gradient"):
        return True
    names = {s.name for term in one.terms for s in term.expression.free_symbols}
    return _has_curvature(names) or bool(names & {"eta", "Delta"}) or (one.left is not None and one.left.unit == VALUE)


def drops_constants(one: CheckedBound) -> bool:
    """Whether powers of constants that an order mentions nowhere make the units agree.

    Orders often leave out the smoothness, or the distance or gap at the start, as constants; one that mentions both a
    curvature and a start leaves out neither.
    """
    names = {s.name for term in one.terms for s in term.expression.free_symbols}
    starts = bool(names & _STARTS) or any(
        kind_of(name) in ("length", "value") and not _STEP.match(name) for name in names
    )
    curvature = _has_curvature(names)
    if starts and curvature:
        return False
    if not starts and not curvature:
        return True
    spans: tuple[Unit, ...] = (CURVATURE,) if starts else (LENGTH, VALUE)
    units = [term.unit for term in one.terms]
    if any(unit is None for unit in units):
        return False
    found = [unit for unit in units if unit is not None]
    wanted = one.left.unit if one.left is not None and one.left.unit is not None else found[0]
    return any(all(_is_power(unit / wanted, span) for unit in found) for span in spans)


def _is_power(ratio: Unit, of: Unit) -> bool:
    """Whether a unit is a power of another one."""
    pairs = ((ratio.length, of.length), (ratio.value, of.value), (ratio.scaling, of.scaling))
    powers = {have / base for have, base in pairs if base != 0}
    return len(powers) == 1 and all(have == 0 for have, base in pairs if base == 0)


# --- terms as written ------------------------------------------------------------------------------------------------


def _terms(part: DisplayPart, source: Readable, formula: Formula, count: int) -> tuple[Term, ...]:
    """The summands of a bound as they stand; none where their number is not that of the terms that were read."""
    pieces = list(part.bound_pieces)
    found = list(_summands(pieces))
    if len(found) != count:
        return ()
    return tuple(
        Term(
            " ".join(source.text[one[0].start : one[-1].start + len(one[-1].shown)].replace("&", " ").split()),
            formula.place_of(source.place(one[0].start)),
        )
        for one in found
        if one
    )


def _summands(pieces: Sequence[Token]) -> Iterator[list[Token]]:
    """The pieces between plus signs outside brackets, also inside the bracket of an order."""
    while pieces and pieces[-1].text in (".", ",", ";"):
        pieces = pieces[:-1]
    for summand in _split(pieces):
        inside = _inside_of_order(summand)
        yield from _summands(inside) if inside is not None else (summand,)


def _split(pieces: Sequence[Token]) -> Iterator[list[Token]]:
    current: list[Token] = []
    depth = 0
    for piece in pieces:
        depth += (piece.text in _OPENING) - (piece.text in _CLOSING)
        if depth == 0 and piece.text == "+" and current:
            yield current
            current = []
        elif piece.text != r"\\":
            current.append(piece)
    if current:
        yield current


def _inside_of_order(pieces: Sequence[Token]) -> list[Token] | None:
    """What stands in the one bracket of O(...), Theta(...) and the like; None for anything else."""
    opening = next((index for index, piece in enumerate(pieces) if piece.text in ("(", "[", r"\{")), None)
    if opening is None or pieces[-1].text not in (")", "]", r"\}"):
        return None
    head = {piece.text for piece in pieces[:opening]}
    if not head & _ORDERS or head - _ORDERS - {r"\mathcal", r"\tilde", r"\widetilde", "{", "}", r"\cal", r"\mathrm"}:
        return None
    depth = 0
    for piece in pieces[opening:-1]:
        depth += (piece.text in _OPENING) - (piece.text in _CLOSING)
        if depth == 0:
            return None
    return list(pieces[opening + 1 : -1])
