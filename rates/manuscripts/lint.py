"""What is wrong with the bounds of a manuscript, as far as their formulas tell.

Only what is understood is judged: a bound or rate (a measure on the left, or an order), read with every symbol known,
whose finding no other common reading of an ambiguous letter removes.  The rest is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.macros import Macro, definitions
from tightrate.rates.manuscripts.source import Formula, read_manuscript
from tightrate.rates.relations.bound_check import CheckedBound, check_display
from tightrate.rates.statements.paper_notation import parse_letters
from tightrate.rates.symbols.alphabet import KINDS, STEP, declared, known_letter

CODES: Mapping[str, str] = {
    "TR101": "the terms of a bound have different units",
    "TR102": "the right side has another unit than the left side",
    "TR103": "a step size has not the unit of one over a curvature",
    "TR201": "a term is dominated by the others and could be left out of the order",
}
_COMMANDS = ("le", "ge", "lesssim", "gtrsim", "prec", "succ", "mathcal", "cal")
_SIGNS = (*(rf"\{name}" for name in _COMMANDS), *"=<>", "O(", "O\\")


@dataclass(frozen=True)
class LintFinding:
    """One finding at one place."""

    file: str
    line: int
    column: int
    code: str
    severity: Literal["error", "warning"]
    message: str

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
        }


@dataclass(frozen=True)
class LintResult:
    """The findings, how many formulas and bounds were read, and what was not understood, with the reason."""

    findings: tuple[LintFinding, ...]
    formulas: int
    bounds: int
    not_understood: tuple[tuple[Formula, str], ...]


def lint(
    path: Path,
    letters: Mapping[str, str] | None = None,
    macros: Mapping[str, Macro] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LintResult:
    """Check every bound of a manuscript; comments in it declare letters (`% tightrate: H=L`) or say `ignore`."""
    manuscript = read_manuscript(path)
    spelled = {**(parse_letters(manuscript.letters) if manuscript.letters else {}), **(letters or {})}
    own = {**(macros or {}), **definitions(manuscript.text)[0]}
    findings: list[LintFinding] = []
    unread: list[tuple[Formula, str]] = []
    bounds = 0
    total = len(manuscript.formulas)
    for index, formula in enumerate(manuscript.formulas):
        if progress is not None:
            progress(index, total)
        if formula.ignored or not _may_state_a_bound(formula.latex):
            continue
        try:
            found = check_display(formula.latex, letters=spelled, macros=own, neighbours=False, regimes=False)
        except TightrateError as reason:
            unread.append((formula, str(reason)))
            continue
        for one in found:
            if not _states_a_rate(one):
                continue
            doubtful = [symbol.written for symbol in one.symbols if symbol.source == "unknown"]
            if doubtful:
                unread.append((formula, f"not declared: {', '.join(doubtful)}"))
                continue
            if not one.units_consistent and (why := _other_reading(formula, one, spelled, own)):
                unread.append((formula, why))
                continue
            bounds += 1
            findings += _findings(formula, one)
    return LintResult(tuple(findings), total, bounds, tuple(unread))


def _may_state_a_bound(latex: str) -> bool:
    """Whether there is a relation sign or an order at all."""
    return len(latex) > 8 and any(sign in latex for sign in _SIGNS)


# What papers write with these letters where they mean something else: heavy-ball momentum, steps of normalized updates.
_ELSEWHERE = ((r"\mu", "momentum"), (r"\eta", "length"), (r"\gamma", "eta"), (r"\alpha", "eta"))


def _other_reading(formula: Formula, one: CheckedBound, letters: Mapping[str, str], macros: Mapping[str, Macro]) -> str:
    """Why the units may agree after all: another reading of a letter, or a scaling matrix that nobody declared."""
    for symbol in one.symbols:
        if any("units agree" in changed for changed in symbol.changed):
            return f"the units agree where {symbol.written} means something else"
    units = [term.unit for term in one.terms if term.unit is not None]
    wanted = one.left.unit if one.left is not None and one.left.unit is not None else units[0] if units else None
    if wanted is not None and all((unit / wanted).length == (unit / wanted).value == 0 for unit in units):
        return "the units agree up to a scaling matrix"
    for source, kind in _ELSEWHERE:
        if source in letters or source not in formula.latex or _is_step(one):
            continue
        name = declared(source, kind) if kind in KINDS else kind
        try:
            again = check_display(
                formula.latex, letters={**letters, source: name}, macros=macros, neighbours=False, regimes=False
            )
        except TightrateError:
            continue
        if all(other.units_consistent for other in again):
            return f"the units agree where {source} is {known_meaning(name)}"
    return ""


def known_meaning(name: str) -> str:
    """The meaning of a letter in words."""
    found = known_letter(name)
    return found.meaning if found is not None else name


def _states_a_rate(one: CheckedBound) -> bool:
    """Whether this is a bound, rate, complexity or step size, rather than an identity, a definition or an assumption.

    The left side is a measure, an accuracy, a count or a step size that is understood, or there is none; and the right
    side speaks of counts, step sizes or an accuracy.
    """
    if one.left is not None and one.left.text and not (one.left.is_known or one.left.is_accuracy):
        return False
    names = {s.name for term in one.terms for s in term.expression.free_symbols}
    known = [letter for name in names if (letter := known_letter(name)) is not None]
    if one.left is not None and one.left.text and one.left.measure is None and not one.left.is_accuracy:
        if _is_step(one):
            return one.left.text == r"\eta" and bool({"L", "mu"} & names) and "eta" not in names
        counts = one.left.choices and all(unit.is_pure for _, unit in one.left.choices)
        return bool(counts) and "eps" in names
    runs = any(letter.counts or letter.chosen or letter.name == "eps" for letter in known)
    return runs and len(names) >= 3


def _is_step(one: CheckedBound) -> bool:
    """Whether the left side is a step size."""
    return one.left is not None and (one.left.unit == STEP or any(name == "eta" for name, _ in one.left.choices))


def _findings(formula: Formula, one: CheckedBound) -> Iterator[LintFinding]:
    def finding(code: str, severity: Literal["error", "warning"], message: str) -> LintFinding:
        return LintFinding(formula.file, formula.line, formula.column, code, severity, message)

    if not one.units_consistent:
        units = [str(term.unit) if term.unit is not None else term.unit_error or "unknown" for term in one.terms]
        each = "; ".join(f"{term.expression}: {unit}" for term, unit in zip(one.terms, units, strict=True))
        if len(set(units)) > 1:
            yield finding("TR101", "error", f"terms of different units: {each}")
        elif one.left is not None and _is_step(one):
            yield finding("TR103", "error", f"{one.left.text} is a step size, but the right side is a {units[0]}")
        elif one.left is not None and one.left.is_known:
            wanted = str(one.left.unit) if one.left.unit is not None else "none of its usual units"
            yield finding("TR102", "error", f"the left side {one.left.text} has {wanted}, the right side {units[0]}")
        else:
            yield finding("TR101", "error", "; ".join(one.contradiction) or each)
    elif one.hidden:
        for term in one.terms:
            if term.dominated and len(one.terms) > 1:
                yield finding("TR201", "warning", f"{term.name}, {term.expression}, is dominated by the others")
