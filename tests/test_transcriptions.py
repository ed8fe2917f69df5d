"""Every transcribed statement against the catalogue: terms, constants, exponents, branches, conditions, steps, letters.

The files under `transcriptions` were typed from readings of the papers, in the papers' letters; nothing in them comes
from the catalogue.  A term is compared by its values at many points, which tells every constant, exponent and branch
apart.  That the comparison is sharp is shown by slips, made in every statement, piece by piece.
"""

import math
import random
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray
from sympy import Expr, Integer, Max, Min, Pow, Rational, Symbol, log, sqrt
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.letter_notation import spell
from tightrate.rates.formulas.parse import parse
from tightrate.rates.relations.misprints import invisible_to_units, misprints
from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.catalogue import theorem, theorems
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import LETTERS, K, known_letter

FILES = sorted((Path(__file__).parent / "transcriptions").glob("*.toml"))
POINTS = 600
CLOSE = 1e-9
FROM_THE_SOURCE = ("read", "corrected", "quoted", "summary")


# --- The data --------------------------------------------------------------------------------------------------------


def transcribed(kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The id of each statement, or misprint, and its transcription, with what its file says about all."""
    for path in FILES:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        for one in found.get(kind, ()):
            own = {**found["defaults"], **one}
            own["letters"] = {**found["letters"], **one.get("letters", {})}
            own["shorthand"] = {**found.get("shorthand", {}), **one.get("shorthand", {}), **one.get("with", {})}
            yield f"{one.get('paper', path.stem)}/{one['id']}" if kind == "statement" else one["id"], own


TRANSCRIBED = dict(transcribed("statement"))
MISPRINTS = dict(transcribed("misprint"))
COMPARED = [name for name, one in TRANSCRIBED.items() if "skip" not in one]
PRINTED = ("printed", "printed_conditions", "printed_holds")
DIFFERING = [name for name in COMPARED if any(key in TRANSCRIBED[name] for key in PRINTED)]


def spelled_out(text: str, one: Mapping[str, Any]) -> str:
    """A text with every `<shorthand>` replaced; `<rate>` is the sum of the terms."""
    known = {"T": "T", "eps": r"\varepsilon", "rate": f"({'+'.join(one.get('terms', ()))})", **one["shorthand"]}
    while found := re.search(r"<([^<>]*)>", text):
        text = text[: found.start()] + known[found[1]] + text[found.end() :]
    return text


def read(text: str, one: Mapping[str, Any]) -> Expr:
    return _read(spelled_out(text, one), tuple(one["letters"].items()))


@cache
def _read(text: str, letters: tuple[tuple[str, str], ...]) -> Expr:
    return parse(text, dict(letters)).expression


# --- Values ----------------------------------------------------------------------------------------------------------


@cache
def points(name: str) -> NDArray[np.float64]:
    """Values of a letter, over several decades, whole numbers and fractions as they must be."""
    source = random.Random(f"transcriptions {name}")
    letter = known_letter(name)
    assert letter is not None, name
    if name == "alpha":
        found = [source.uniform(4, 9) for _ in range(POINTS)]
    elif letter.counts:
        found = [float(source.randint(2, 60)) for _ in range(POINTS)]
    elif letter.is_at_most_one:
        found = [source.uniform(0.05, 0.95) for _ in range(POINTS)]
    else:
        widths = (0.7, 2, 6)  # letters of one size, so that no branch always wins, and of many sizes
        found = [math.exp(source.uniform(-1, 1) * widths[place % 3]) for place in range(POINTS)]
    return np.array(found)


FUNCTIONS: Mapping[type, Callable[..., Any]] = {
    sympy.Add: lambda *parts: np.sum(np.broadcast_arrays(*parts), axis=0),
    sympy.Mul: lambda *parts: np.prod(np.broadcast_arrays(*parts), axis=0),
    Pow: np.power,
    Max: lambda *parts: np.max(np.broadcast_arrays(*parts), axis=0),
    Min: lambda *parts: np.min(np.broadcast_arrays(*parts), axis=0),
    log: np.log,
    sympy.exp: np.exp,
    sympy.Abs: np.abs,
    sympy.Le: np.less_equal,
    sympy.Lt: np.less,
    sympy.Ge: np.greater_equal,
    sympy.Gt: np.greater,
}


@cache
def values(expression: sympy.Basic) -> Any:
    """An expression at the points, operation by operation."""
    if isinstance(expression, Symbol):
        return points(expression.name)
    if isinstance(expression, sympy.Piecewise):
        pieces = [(values(value), values(where)) for value, where in expression.args]
        wheres = [np.broadcast_to(where, POINTS) for _, where in pieces]
        return np.select(wheres, [np.broadcast_to(value, POINTS) for value, _ in pieces], np.nan)
    if isinstance(expression, sympy.logic.boolalg.BooleanAtom):
        return bool(expression)
    if not expression.args:
        return float(expression) if expression.is_extended_real else math.nan  # type: ignore[arg-type]
    with np.errstate(all="ignore"):
        return FUNCTIONS[expression.func](*map(values, expression.args))


def both(one: Any, other: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two sets of values where both are numbers; there must be enough of them."""
    one, other = (np.broadcast_to(each, POINTS) for each in (one, other))
    fine = np.isfinite(one) & np.isfinite(other)
    return (one[fine], other[fine]) if fine.sum() >= POINTS // 4 else (np.zeros(1), np.ones(1))


def same(one: Expr, other: Expr) -> bool:
    """Whether two expressions have the same values."""
    if one == other:
        return True
    left, right = both(values(one), values(other))
    return bool(np.all(abs(left - right) <= CLOSE * np.maximum(np.maximum(abs(left), abs(right)), 1e-250)))


# --- The comparison --------------------------------------------------------------------------------------------------

SIGN = re.compile(r"\s*(\\le|\\ge|=)\s+")  # of a condition between formulas; others are in words
Side = tuple[Expr, str]  # the ratio of the smaller to the larger side of a condition, and its sign


def relation(text: str, one: Mapping[str, Any]) -> Side:
    left, sign, right = SIGN.split(spelled_out(text, one), maxsplit=1)
    sides = read(left, one), read(right, one)
    smaller, larger = sides if sign != r"\ge" else sides[::-1]
    return smaller / larger, "=" if sign == "=" else "<="


def ratio(found: Boolean | None) -> Side | None:
    if found is None or found.has(sympy.Mod):
        return None
    if isinstance(found, sympy.Eq):
        return found.lhs / found.rhs, "="
    return found.lts / found.gts, "<="


def alike(one: Side, other: Side) -> bool:
    """Whether two relations say the same: their ratios are powers of each other."""
    if one[1] != other[1]:
        return False
    with np.errstate(all="ignore"):
        left, right = both(*(np.log(values(ratio)) for ratio, _ in (one, other)))
        apart = (abs(left) > CLOSE) | (abs(right) > CLOSE)  # at the end of both ranges any power will do
        power = left[apart] / right[apart]
    if not np.all(np.isfinite(power)):
        return False
    usual = float(np.median(power))
    return bool(np.allclose(power, usual, rtol=1e-7)) and (usual > 0 or (one[1] == "=" and usual < 0))


def differences(entry: Theorem, one: Mapping[str, Any]) -> Iterator[str]:
    """Where a statement of the catalogue is not what was read."""
    if entry.bound.kind != one["kind"]:
        yield f"a {entry.bound.kind} bound, not a {one['kind']} one"
    if entry.bound.constants != one["constants"]:
        yield f"constants are {entry.bound.constants}, not {one['constants']}"
    if entry.holds != one["holds"]:
        yield f"holds {entry.holds}, not {one['holds']}"
    yield from (
        f"the statement does not say {words!r}" for words in one.get("says", ()) if words not in entry.statement
    )
    yield from different_terms(entry, one)
    yield from different_conditions(entry.conditions, one)
    for name, text in one.get("steps", {}).items():
        if name not in entry.steps or not same(entry.steps[name], read(text, one)):
            yield f"the step {name} is not {text}"
    yield from (f"the step {name} was not read" for name in set(entry.steps) - set(one.get("steps", {})))


def different_terms(entry: Theorem, one: Mapping[str, Any]) -> Iterator[str]:
    left = list(entry.bound.terms)
    for text in one["terms"]:
        match = next((term for term in left if same(term.expression, read(text, one))), None)
        if match is None:
            yield f"no term is {text}"
        else:
            left.remove(match)
    yield from (f"the term {term.name} was not read" for term in left)


@cache
def parts(side: Side) -> tuple[Side, ...]:
    """A relation, one for each branch of a minimum or maximum that is there to say several things at once."""
    whole, sign = side
    for atom in sorted(whole.atoms(Max, Min), key=lambda one: -sympy.count_ops(one)):
        branches = [whole.xreplace({atom: branch}) for branch in atom.args]
        with np.errstate(all="ignore"):
            one, other = both(values(whole), np.max(np.broadcast_arrays(*map(values, branches)), axis=0))
        if sign == "<=" and np.allclose(one, other, rtol=CLOSE):
            return tuple(part for branch in branches for part in parts((branch, sign)))
    return (side,)


def different_conditions(conditions: Sequence[Condition], one: Mapping[str, Any]) -> Iterator[str]:
    written = (*one["conditions"], *one.get("words", ()), *one.get("ours", ()), *one.get("scope", ()))
    relations = {text: relation(text, one) for text in written if is_relation(text, one)}
    words = [text for text in written if text not in relations]
    wanted = [(text, part) for text, side in relations.items() for part in parts(side)]
    said = {condition.text: any(each in condition.text for each in words) for condition in conditions}
    held = [(one.text, part) for one in conditions if (side := ratio(one.relation)) is not None for part in parts(side)]
    for text, part in wanted:
        if not any(alike(part, found) for _, found in held):
            yield f"the condition {text} is missing"
    yield from (f"no condition says {each!r}" for each in words if not any(each in text for text in said))
    for text, found in held:
        if not said[text] and not any(alike(part, found) for _, part in wanted):
            yield f"the condition {text!r} was not read"
    decided = {text for text, _ in held}
    yield from (f"the condition {text!r} was not read" for text in said if not said[text] and text not in decided)


def is_relation(text: str, one: Mapping[str, Any]) -> bool:
    return "$" not in text and SIGN.search(spelled_out(text, one)) is not None


# --- What holds ------------------------------------------------------------------------------------------------------


def test_every_statement_with_a_source_is_transcribed() -> None:
    """What was read is compared, without exception; what is known otherwise may be left out, with a reason."""
    labels = {one.id: one.provenance.label for one in theorems()}
    assert not {name for name, label in labels.items() if label in FROM_THE_SOURCE} - set(TRANSCRIBED)
    assert not set(TRANSCRIBED) - set(labels)
    left_out = {name: TRANSCRIBED[name]["skip"] for name in set(TRANSCRIBED) - set(COMPARED)}
    assert all(left_out.values())
    assert not [name for name in left_out if labels[name] in ("read", "corrected")]


@pytest.mark.parametrize("name", COMPARED)
def test_the_catalogue_holds_what_was_read(name: str) -> None:
    assert not list(differences(theorem(name), TRANSCRIBED[name]))


@pytest.mark.parametrize("name", DIFFERING)
def test_what_differs_from_the_print_has_an_erratum(name: str) -> None:
    one, entry = TRANSCRIBED[name], theorem(name)
    assert one["erratum"] in [erratum.label for erratum in entry.errata]
    for printed, key in zip(PRINTED, ("terms", "conditions", "holds"), strict=True):
        if printed in one:
            assert list(differences(entry, {**one, key: one[printed]}))


def test_what_differs_from_the_print_is_labelled_corrected() -> None:
    labels = {name: theorem(name).provenance.label for name in COMPARED}
    differing = {name for name in COMPARED if name in DIFFERING or "ours" in TRANSCRIBED[name]}
    assert {name for name, label in labels.items() if label == "corrected"} == {
        name for name in differing if labels[name] in ("read", "corrected")
    }


@pytest.mark.parametrize("name", [name for name in COMPARED if not TRANSCRIBED[name].get("paper")])
def test_letters_are_the_papers(name: str) -> None:
    """Pages show a letter as the paper writes it."""
    entry, letters = theorem(name), TRANSCRIBED[name]["letters"]
    for ours in set(letters.values()) & set(entry.bound.letters):
        shown = entry.letters.get(ours, LETTERS[ours].latex)
        assert spell(shown).key in [spell(latex).key for latex, letter in letters.items() if letter == ours], shown


@pytest.mark.parametrize("entry", [*misprints(), *invisible_to_units()], ids=lambda entry: entry.id)
def test_misprints_are_what_was_read(entry: Misprint) -> None:
    one = MISPRINTS[entry.id]
    assert entry.corrected is not None
    for formula, key in ((entry.printed, "printed"), (entry.corrected, "meant")):
        assert same(formula, read(one[key], one))
        slipped = [found for _, found in unevaluated(changed_formulas, formula)]
        assert sum(same(found, read(one[key], one)) for found in slipped) <= 0.1 * len(slipped)


# --- Slips -----------------------------------------------------------------------------------------------------------

Slip = tuple[str, Theorem]


def changed_formulas(expression: Expr) -> Iterator[tuple[str, Expr]]:
    """A formula with one slip in it, for every place where it can be made."""
    for part in expression.atoms(Pow):
        if isinstance(part.exp, Rational) and not part.exp.is_Integer:
            yield "a lost root", expression.xreplace({part: part.base})
    for letter in expression.free_symbols:
        yield f"{letter} to another power", expression * letter ** Rational(1, 2)
        yield f"{letter}^(1/4)", expression * letter ** Rational(1, 4)
    yield "K outside a root", expression * sqrt(K)
    yield "4 for 3", expression * Rational(4, 3)
    yield "8 for 4", expression * 2
    yield "1/128 for 1/64", expression / 2
    for number in sorted((one for one in expression.atoms(Integer) if one > 1), key=int):
        yield "another number", expression.xreplace({number: number + 1})
    for part in expression.atoms(Max, Min):
        for branch in part.args:
            yield "a lost branch", expression.xreplace({part: part.func(*(set(part.args) - {branch}))})
    for part in expression.atoms(log):
        yield "a logarithm to another power", expression.xreplace({part: part**2})


def unevaluated(changes: Callable[[Any], Iterator[tuple[str, Any]]], formula: Any) -> list[tuple[str, Any]]:
    """The changed formulas as they stand: to simplify maxima takes long."""
    with sympy.evaluate(False):
        return list(changes(formula))


def slips(entry: Theorem) -> Iterator[Slip]:
    """A statement with one slip in it, for every place where it can be made."""
    bound = entry.bound
    for place, term in enumerate(bound.terms):
        rest = bound.terms[:place] + bound.terms[place + 1 :]
        if rest:
            yield "a lost term", replace(entry, bound=replace(bound, terms=rest))
        for what, expression in unevaluated(changed_formulas, term.expression):
            if expression != term.expression:
                with suppress(TightrateError):  # a constant of Theta anywhere but in its exponential
                    yield what, replace(entry, bound=replace(bound, terms=(*rest, Term(term.name, expression))))
    for place, condition in enumerate(entry.conditions):
        others = entry.conditions[:place] + entry.conditions[place + 1 :]
        yield "a lost condition", replace(entry, conditions=others)
        for what, found in unevaluated(changed_relations, condition.relation):
            yield f"{what} in a condition", replace(entry, conditions=(*others, replace(condition, relation=found)))
    for name, step in entry.steps.items():
        yield "a lost step", replace(entry, steps={key: one for key, one in entry.steps.items() if key != name})
        for what, expression in unevaluated(changed_formulas, step):
            if expression != step:
                yield f"{what} in a step", replace(entry, steps={**entry.steps, name: expression})
    other_side = {"upper": "lower", "lower": "upper", "exact": "upper"}
    yield "another side", replace(entry, bound=replace(bound, kind=other_side[bound.kind]))
    constants = "hidden" if bound.constants == "explicit" else "explicit"
    yield "constants that were not given", replace(entry, bound=replace(bound, constants=constants))
    yield (
        "another sense",
        replace(entry, holds="deterministically" if entry.holds != "deterministically" else "in expectation"),
    )


def changed_relations(found: Boolean | None) -> Iterator[tuple[str, Boolean]]:
    if ratio(found) is None:
        return
    smaller, larger = (found.lhs, found.rhs) if isinstance(found, sympy.Eq) else (found.lts, found.gts)  # type: ignore[union-attr]
    relation = type(sympy.Eq(K, 2)) if isinstance(found, sympy.Eq) else sympy.Le
    if relation is sympy.Le:
        yield "turned round", sympy.Le(larger, smaller, evaluate=False)
    yield "8 for 4", relation(2 * smaller, larger, evaluate=False)
    for letter in smaller.free_symbols | larger.free_symbols:
        yield "a lost letter", relation(smaller.subs(letter, 1), larger.subs(letter, 1), evaluate=False)
    for part in smaller.atoms(Max, Min) | larger.atoms(Max, Min):
        for branch in part.args:
            less = {part: part.func(*(set(part.args) - {branch}))}
            yield "a lost branch", relation(smaller.xreplace(less), larger.xreplace(less), evaluate=False)


def check_slips(name: str, made: dict[str, list[bool]], survivors: list[tuple[str, str]], at_most: int) -> None:
    """Make the slips of one statement, or a sample of them, and note which are noticed."""
    every = list(slips(theorem(name)))
    for what, changed in every if len(every) <= at_most else random.Random(name).sample(every, at_most):
        noticed = next(differences(changed, TRANSCRIBED[name]), None) is not None
        kind = re.sub(r"^\w+( to another power|\^\(1/4\))", r"a letter\1", what)
        made.setdefault(kind, []).append(noticed)
        if not noticed:
            survivors.append((name, what))


@pytest.mark.parametrize("at_most", [8, pytest.param(10**6, marks=pytest.mark.soak)])
def test_slips_are_noticed(at_most: int) -> None:
    """At least 95 of 100, and 90 of each kind made often enough to tell: a branch that never wins is no loss."""
    made: dict[str, list[bool]] = {}
    survivors: list[tuple[str, str]] = []
    for name in COMPARED:
        check_slips(name, made, survivors, at_most)
    shares = {kind: sum(found) / len(found) for kind, found in made.items() if len(found) >= 20}
    assert sum(map(sum, made.values())) >= 0.95 * sum(map(len, made.values())), survivors
    assert not {kind: share for kind, share in shares.items() if share < 0.9}, survivors
    assert len(made) >= 20
