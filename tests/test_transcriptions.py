"""Every transcribed statement against the catalogue: terms, constants, exponents, branches, conditions, steps, letters.

The files under `transcriptions` were typed from readings of the papers, in the papers' letters; nothing in them comes
from the catalogue.  A term is compared by its values at many points, which tells every constant, exponent and
branch apart.
"""

import math
import random
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Expr, Min, Pow, sqrt

from tightrate.rates.formulas.letter_notation import spell
from tightrate.rates.formulas.parse import parse
from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import LETTERS, K, L, Q, R, d_min, known_letter, sigma, symbol
from tightrate.rates.symbols.evaluation import at as value_at

FILES = sorted((Path(__file__).parent / "transcriptions").glob("*.toml"))
POINTS = 40
CLOSE = 1e-9


def statements() -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, str]]]:
    """The id, the transcription and the letters of each statement."""
    for path in FILES:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        for one in found["statement"]:
            yield f"{one.get('paper', path.stem)}/{one['id']}", one, {**found["letters"], **one.get("letters", {})}


TRANSCRIBED = {name: (one, letters) for name, one, letters in statements()}
COMPARED = [name for name, (one, _) in TRANSCRIBED.items() if "skip" not in one]


def points(names: set[str]) -> dict[str, list[float]]:
    """Values of these letters at many points, over several decades, whole numbers and fractions as they must be."""
    source = random.Random("transcriptions")
    found: dict[str, list[float]] = {}
    for name in sorted(names):
        letter = known_letter(name)
        assert letter is not None, name
        if name == "alpha":
            found[name] = [source.uniform(4, 9) for _ in range(POINTS)]
        elif letter.counts:
            found[name] = [float(source.randint(2, 60)) for _ in range(POINTS)]
        elif letter.is_at_most_one:
            found[name] = [source.uniform(0.05, 0.95) for _ in range(POINTS)]
        else:
            found[name] = [math.exp(source.uniform(-5, 5)) for _ in range(POINTS)]
    return found


def same(one: Expr, other: Expr) -> bool:
    """Whether two expressions have the same values, at every point where both are numbers; some must be."""
    one, other = (
        sympy.sympify(each).xreplace({s: symbol(s.name) for s in sympy.sympify(each).free_symbols})
        for each in (one, other)
    )
    names = {s.name for s in one.free_symbols | other.free_symbols}
    if not names:
        return bool(abs(one - other) < CLOSE)
    at = points(names)
    arrays = {name: np.array(values) for name, values in at.items()}
    values = [np.broadcast_to(value_at(each, arrays), POINTS) for each in (one, other)]
    pairs = [(a, b) for a, b in zip(*values, strict=True) if math.isfinite(a) and math.isfinite(b)]
    return len(pairs) >= POINTS // 4 and all(abs(a - b) <= CLOSE * max(abs(a), abs(b), 1e-250) for a, b in pairs)


def read(text: str, letters: Mapping[str, str]) -> Expr:
    return parse(text, dict(letters)).expression


def relation(text: str, letters: Mapping[str, str]) -> tuple[Expr, str]:
    """A condition as the ratio of its smaller to its larger side, with whether it is an equality."""
    left, sign, right = re.split(r"\s*(\\le|\\ge|=)\s+", text, maxsplit=1)
    sides = read(left, letters), read(right, letters)
    smaller, larger = sides if sign != r"\ge" else sides[::-1]
    return smaller / larger, "=" if sign == "=" else "<="


def ratio(condition: Condition) -> tuple[Expr, str] | None:
    found = condition.relation
    if found is None or found.has(sympy.Mod):
        return None
    if isinstance(found, sympy.Eq):
        return found.lhs / found.rhs, "="
    return found.lts / found.gts, "<="


def alike(one: tuple[Expr, str], other: tuple[Expr, str]) -> bool:
    if one[1] != other[1]:
        return False
    return same(one[0], other[0]) or (one[1] == "=" and same(1 / one[0], other[0]))


def differences(entry: Theorem, one: Mapping[str, Any], letters: Mapping[str, str]) -> Iterator[str]:
    """Where a statement of the catalogue is not what was read."""
    if entry.bound.kind != one["kind"]:
        yield f"a {entry.bound.kind} bound, not a {one['kind']} one"
    written = {text: read(text, letters) for text in one["terms"]}
    left = list(entry.bound.terms)
    for text, expression in written.items():
        match = next((term for term in left if same(term.expression, expression)), None)
        if match is None:
            yield f"no term is {text}"
        else:
            left.remove(match)
    yield from (f"the term {term.name} was not read" for term in left)
    wanted = [relation(text, letters) for text in one.get("conditions", ())]
    held = [(condition.text, found) for condition in entry.conditions if (found := ratio(condition)) is not None]
    for text, asked in zip(one.get("conditions", ()), wanted, strict=True):
        if not any(alike(asked, found) for _, found in held):
            yield f"the condition {text} is missing"
    if "conditions" in one:
        for text, found in held:
            ours = any(words in text for words in one.get("ours", ()))
            if not ours and not any(alike(asked, found) for asked in wanted):
                yield f"the condition {text!r} was not read"
    for name, text in one.get("steps", {}).items():
        if name not in entry.steps or not same(entry.steps[name], read(text, letters)):
            yield f"the step {name} is not {text}"


@pytest.mark.parametrize("name", COMPARED)
def test_the_catalogue_holds_what_was_read(name: str) -> None:
    one, letters = TRANSCRIBED[name]
    assert not list(differences(theorem(name), one, letters))


@pytest.mark.parametrize("name", [name for name in COMPARED if "printed" in TRANSCRIBED[name][0]])
def test_what_differs_from_the_print_has_an_erratum(name: str) -> None:
    one, letters = TRANSCRIBED[name]
    entry = theorem(name)
    assert one["erratum"] in [erratum.label for erratum in entry.errata]
    assert list(differences(entry, {**one, "terms": one["printed"]}, letters))


@pytest.mark.parametrize("name", [one for one in COMPARED if one.startswith(("patel2024", "cheng2024"))])
def test_letters_are_the_papers(name: str) -> None:
    """Pages show a letter as the paper writes it."""
    entry, (_, letters) = theorem(name), TRANSCRIBED[name]
    for latex, ours in letters.items():
        if ours in entry.bound.letters:
            shown = entry.letters.get(ours, LETTERS[ours].latex)
            assert spell(shown).key == spell(latex).key, (latex, ours, shown)


# --- Planted errors --------------------------------------------------------------------------------------------------


def with_term(entry: Theorem, place: int, change: Any) -> Theorem:
    terms = list(entry.bound.terms)
    terms[place] = Term(terms[place].name, change(terms[place].expression))
    return replace(entry, bound=replace(entry.bound, terms=tuple(terms)))


def with_condition(entry: Theorem, change: Any) -> Theorem:
    """The first condition with a relation, changed."""
    done, conditions = False, []
    for condition in entry.conditions:
        if condition.relation is not None and not done:
            done, condition = True, replace(condition, relation=change(condition.relation))
        conditions.append(condition)
    assert done
    return replace(entry, conditions=tuple(conditions))


PLANTED: dict[str, tuple[str, Any]] = {
    "a lost root": ("patel2024/thm11", lambda e: with_term(e, 1, lambda t: t * sqrt(K * R))),
    "4 against 3": ("patel2024/lemma36", lambda e: with_term(e, 0, lambda t: t * 4 / 3)),
    "K outside a root": ("patel2024/thm9", lambda e: with_term(e, 2, lambda t: t / sqrt(K))),
    "a condition without its K": (
        "cheng2024/thm3",
        lambda e: replace(
            e,
            conditions=tuple(
                replace(c, relation=c.relation.subs(K, 1)) if c.text.startswith("$1 - beta2") else c
                for c in e.conditions
            ),
        ),
    ),
    "8 against 4": ("patel2024/lemma8", lambda e: with_term(e, 0, lambda t: t / 2)),
    "1/128 against 1/64": ("patel2024/prop21", lambda e: with_term(e, 0, lambda t: 2 * t)),
    "a denominator to another power": ("patel2024/thm27", lambda e: with_term(e, 2, lambda t: t / sqrt(sigma))),
    "K^(1/2) against K^(1/4)": (
        "patel2024/thm15",
        lambda e: with_term(e, 2, lambda t: t / Pow(K, sympy.Rational(1, 4))),
    ),
    "a missing branch of a minimum": ("patel2024/eq10-new", lambda e: with_term(e, 0, lambda t: t.args[0])),
    "a branch too many": ("patel2024/eq10-new", lambda e: with_term(e, 0, lambda t: Min(t, Q * R**2))),
    "a lost term": ("patel2024/thm15", lambda e: replace(e, bound=replace(e.bound, terms=e.bound.terms[:-1]))),
    "another side": ("patel2024/thm9", lambda e: replace(e, bound=replace(e.bound, kind="upper"))),
    "a condition turned round": ("patel2024/prop7", lambda e: with_condition(e, lambda r: sympy.Le(*r.args))),
    "a condition with another number": ("patel2024/lemma8", lambda e: with_condition(e, lambda r: r.subs(L, 2 * L))),
    "a lost condition": ("patel2024/thm22", lambda e: replace(e, conditions=())),
    "another step": ("cheng2024/thmB5-steps", lambda e: replace(e, steps={"eta": 2 * e.steps["eta"]})),
    "a constant in the exponent": ("cheng2024/thm1", lambda e: replace(e, bound=e.bound.strongest)),
    "d_min to another power": ("patel2024/prop25", lambda e: with_term(e, 0, lambda t: t / sqrt(d_min))),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_error_is_noticed(what: str) -> None:
    name, plant = PLANTED[what]
    one, letters = TRANSCRIBED[name]
    assert list(differences(plant(theorem(name)), one, letters)), what
