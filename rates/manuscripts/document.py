"""A manuscript as rules see it: statements with labels, definitions, and what each label and table row refers to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Rational

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.letter_notation import meanings, spell
from tightrate.rates.formulas.macros import Macro
from tightrate.rates.manuscripts.definitions import COUNTS, Definition, by_assumptions, in_words, step_sizes
from tightrate.rates.manuscripts.manuscript import EVERYTHING, REFERENCE, Manuscript, Row
from tightrate.rates.manuscripts.settings import Settings
from tightrate.rates.manuscripts.statements import Statement, Unread, statements_of
from tightrate.rates.statements.paper_notation import parse_letters
from tightrate.rates.symbols.alphabet import known_letter
from tightrate.rates.symbols.units import Unit

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class AlternativeUse:
    """A symbol that an assumption gives another unit than its usual one, and the bounds that agree only with one."""

    definition: Definition
    as_usual: tuple[Statement, ...]
    as_defined: tuple[Statement, ...]


@dataclass(frozen=True)
class Document:
    """A manuscript with everything that was understood of it.

    `statements` are in reading order; `cells` are those of table rows, by the number of the row; `alternative_uses` are
    of the letters that an assumption gives another unit than their usual one.
    """

    manuscript: Manuscript
    statements: tuple[Statement, ...]
    unread: tuple[Unread, ...]
    definitions: tuple[Definition, ...]
    labels: Mapping[str, tuple[Statement, ...]]
    cells: Mapping[int, tuple[Statement, ...]] = field(default_factory=dict)
    alternative_uses: tuple[AlternativeUse, ...] = ()

    def references(self, start: int, stop: int) -> Iterator[tuple[int, str]]:
        """The references of a stretch of the prose."""
        for match in REFERENCE.finditer(self.manuscript.prose, start, stop):
            yield match.start(), match[1]

    def labelled(self, label: str) -> Statement | None:
        """The one statement that a label names; None where it names none or several."""
        found = [one for one in self.labels.get(label, ()) if one.kind != "step size"]
        displayed = [one for one in found if one.formula.display]
        chosen = displayed if displayed else found
        return chosen[0] if len(chosen) == 1 else None


def read_document(manuscript: Manuscript, settings: Settings, progress: Progress | None = None) -> Document:
    """All statements of a manuscript, read in the letters that are declared where they stand."""
    macros = {**settings.macros, **manuscript.macros}
    found_definitions = [*in_words(manuscript), *by_assumptions(manuscript, macros)]
    found_definitions += step_sizes(manuscript, found_definitions)
    definitions = tuple(sorted(found_definitions, key=lambda one: one.at))
    present = frozenset(one.latex.strip() for one in manuscript.formulas if len(one.latex) < 20)
    said, alternatives = _meanings(definitions, frozenset(filter(None, map(_key, present))))
    scopes = _scopes(manuscript, said, settings)
    starts = [start for start, _ in scopes]
    rows = [row.start for row in manuscript.rows]
    ordered = sorted(range(len(rows)), key=lambda index: rows[index])
    sorted_rows = [rows[index] for index in ordered]
    statements: list[Statement] = []
    cells: dict[int, list[Statement]] = {}
    unread: list[Unread] = []
    cache: dict[tuple[str, int], str] = {}
    for number, formula in enumerate(manuscript.formulas):
        if progress is not None:
            progress(number + 1, len(manuscript.formulas))
        if formula.ignored & EVERYTHING:
            continue
        scope = bisect_right(starts, formula.at) - 1
        row = _row_at(manuscript.rows, ordered, sorted_rows, formula.at)
        key = (formula.latex, scope)
        if cache.get(key):
            unread.append(Unread(formula, cache[key]))
            continue
        found, reason = statements_of(number, formula, scopes[scope][1], macros, any_formula=row is not None)
        cache[key] = reason
        if reason:
            unread.append(Unread(formula, reason))
        if row is not None:
            cells.setdefault(row, []).extend(found)
        statements += [one for one in found if row is None or _says_what_it_is(one)]
    statements, uses = _with_alternatives(statements, alternatives, scopes[0][1], macros)
    return Document(
        manuscript,
        tuple(statements),
        tuple(unread),
        definitions,
        _labels(manuscript, statements),
        {row: tuple(found) for row, found in cells.items()},
        uses,
    )


def _says_what_it_is(one: Statement) -> bool:
    """Whether a cell has a left side or is an order, or has terms whose units nothing but a fault explains."""
    return one.checked.left is not None or one.checked.hidden or (one.judged and not one.checked.units_consistent)


def _with_alternatives(
    statements: Sequence[Statement],
    alternatives: Mapping[str, Definition],
    letters: Mapping[str, str],
    macros: Mapping[str, Macro],
) -> tuple[list[Statement], tuple[AlternativeUse, ...]]:
    """The statements, those that agree only with a symbol as an assumption defines it read that way."""
    found = list(statements)
    uses = []
    declared_keys = {spell(source).key for source in letters}
    for key, definition in alternatives.items():
        formula = _as_formula(definition)
        if not formula or key in declared_keys:
            continue
        usual: list[Statement] = []
        defined: list[Statement] = []
        for index, one in enumerate(found):
            if not any(symbol.name == definition.name for symbol in one.checked.symbols):
                continue
            again, _ = statements_of(
                one.number, one.formula, {**one.letters, definition.written: formula}, macros, any_formula=True
            )
            other = next((other for other in again if other.part == one.part), None)
            if other is None:
                continue
            if one.checked.units_consistent and not other.checked.units_consistent:
                usual.append(one)
            elif other.checked.units_consistent and not one.checked.units_consistent:
                defined.append(one)
                found[index] = other
        uses.append(AlternativeUse(definition, tuple(usual), tuple(defined)))
    return found, tuple(uses)


def _as_formula(definition: Definition) -> str:
    """The symbol as a power of what it usually is, such as sigma^2 for a variance; empty where it is none."""
    of, usual = definition.unit, definition.usual_unit
    powers = {power for power in (Rational(2), Rational(1, 2)) if usual**power == of}
    return f"{definition.name}^({powers.pop()})" if powers else ""


def _row_at(rows: Sequence[Row], ordered: Sequence[int], starts: Sequence[int], at: int) -> int | None:
    index = bisect_right(starts, at) - 1
    if index < 0:
        return None
    row = ordered[index]
    return row if rows[row].start <= at < rows[row].stop else None


def _meanings(
    definitions: Sequence[Definition], present: frozenset[str]
) -> tuple[dict[str, str], dict[str, Definition]]:
    """Letters as words and assumptions give them, and assumptions that give a letter another unit than its usual one.

    Where two places disagree about a symbol it keeps its usual meaning.
    """
    found: dict[str, Definition] = {}
    contested: set[str] = set()
    alternatives: dict[str, Definition] = {}
    for one in definitions:
        if one.unit != one.usual_unit:
            alternatives.setdefault(one.key, one)
            continue
        before = found.get(one.key)
        if before is None or (before.how == "mention" and one.how != "mention"):
            found[one.key] = one
        elif before.name != one.name and one.how != "mention":
            contested.add(one.key)
    kept = {key: one for key, one in found.items() if key not in contested}
    return {
        one.written: one.name for key, one in kept.items() if one.how != "mention" or _is_free(key, one, present)
    }, {key: one for key, one in alternatives.items() if key not in kept}


def _is_free(key: str, one: Definition, present: frozenset[str]) -> bool:
    """Whether a mention alone may say what a symbol is: it has no usual meaning, or no other symbol has this one."""
    usual = meanings().get(key)
    if usual is None or usual == one.name:
        return True
    known = known_letter(one.name)
    return known is not None and spell(known.latex).key not in present


def _scopes(manuscript: Manuscript, said: Mapping[str, str], settings: Settings) -> list[tuple[int, dict[str, str]]]:
    """The letters in force from each place of the prose on: of words, settings, comments, and the command line."""
    base = current = _over(_over(COUNTS, said), settings.letters)
    scopes = [(0, _over(current, settings.command_letters))]
    for declaration in manuscript.declarations:
        try:
            letters = parse_letters(declaration.text)
        except TightrateError as reason:
            raise TightrateError(f"{declaration.place}: {reason}") from None
        names_a_paper = any("=" not in part for part in declaration.text.split(","))
        current = _over(base if names_a_paper else current, letters)  # other letters than before
        scopes.append((declaration.at, _over(current, settings.command_letters)))
    return scopes


def _key(written: str) -> str:
    """The key of a letter; empty for what is none."""
    try:
        return spell(written).key
    except TightrateError:
        return ""


def _over(letters: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """Letters with others over them, by what they spell."""
    keys = {spell(source).key for source in others}
    return {**{source: name for source, name in letters.items() if spell(source).key not in keys}, **others}


def _labels(manuscript: Manuscript, statements: Sequence[Statement]) -> dict[str, tuple[Statement, ...]]:
    """The statements that each label names: those of its row of a display, or those of its theorem or section."""
    found: dict[str, list[Statement]] = {}
    by_formula: dict[int, list[Statement]] = {}
    for one in statements:
        by_formula.setdefault(one.number, []).append(one)
    for number, formula in enumerate(manuscript.formulas):
        for label in formula.labels:
            here = by_formula.get(number, [])
            if len(here) > 1:
                at = formula.place_of(label.offset)
                before = [one for one in here if one.place <= at]
                here = before[-1:] or here[:1]
            found.setdefault(label.name, []).extend(here)
    for block in manuscript.blocks:
        inside = [one for one in statements if block.start <= one.formula.at < block.stop] if block.labels else []
        for name in block.labels:
            found.setdefault(name, []).extend(inside)
    return {label: tuple(found[label]) for label in found}


def inferred_units(statement: Statement) -> Iterator[tuple[str, Unit]]:
    """The symbols of a statement that nobody declared, as written, with the unit that they must have in it."""
    for symbol in statement.checked.symbols:
        if symbol.source == "unknown" and symbol.name in statement.checked.inferred:
            yield symbol.written, statement.checked.inferred[symbol.name]
