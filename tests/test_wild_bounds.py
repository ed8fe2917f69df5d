r"""Bounds as people write them: each is read rightly or refused with what would be right, and never read wrongly.

`wild_bounds.toml` holds bounds of public papers, notes and reviews as their authors spelled them, spellings of standard
bounds, displays with more than a bound in them, and comparisons that a source claims, with what is right for each.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.display import sum_latex, text
from tightrate.rates.formulas.left_side import left_side
from tightrate.rates.formulas.macros import definitions, expanded, plainer
from tightrate.rates.formulas.parse import parse, parse_display, parse_hypotheses
from tightrate.rates.formulas.tokens import tokens
from tightrate.rates.relations.bound_check import (
    check_bound,
    check_display,
    compare_bounds,
    read_bound,
    read_hypotheses,
    with_constants,
)
from tightrate.rates.statements.catalogue import statements, theorem
from tightrate.rates.statements.paper_notation import parse_letters
from tightrate.rates.symbols.alphabet import LETTERS, B, K, L, M, R, T, letter, sigma
from tightrate.rates.symbols.unit_inference import infer
from tightrate.rates.symbols.units import Unit

WILD: dict[str, list[dict[str, Any]]] = tomllib.loads((Path(__file__).parent / "wild_bounds.toml").read_text())


def _letters(case: dict[str, Any]) -> dict[str, str] | None:
    return parse_letters(case["letters"]) if "letters" in case else None


def _read(case: dict[str, Any]) -> Any:
    return check_display(case["latex"], letters=_letters(case), measure=case.get("measure"), neighbours=False)


@pytest.mark.parametrize("kind", ["bound", "spelling", "display"])
def test_what_authors_write_is_right_or_refused_by_name(kind: str) -> None:
    wrong = []
    for case in WILD[kind]:
        try:
            found = _read(case)
        except TightrateError as refusal:
            if case.get("refused", "no refusal expected") not in str(refusal):
                wrong.append((case["latex"], str(refusal)))
            continue
        said = {
            "terms": [[text(term.expression) for term in bound.terms] for bound in found],
            "agree": [bound.units_consistent for bound in found],
            "left": [bound.left.text if bound.left else "" for bound in found],
            "conditions": [list(bound.conditions) for bound in found],
            "left_out": [list(bound.left_out) for bound in found],
        }
        wrong += [(case["latex"], key, said[key]) for key in said if key in case and said[key] != case[key]]
        wrong += [(case["latex"], "was not refused")] if "refused" in case else []
    assert not wrong


def test_the_bars() -> None:
    """At least 95 % of the bounds are read, 97 % of the spellings are read or refused with what would be right."""
    bounds = [case for case in WILD["bound"] if "terms" in case or "two readings" in case["refused"]]
    assert len(bounds) >= 0.92 * len(WILD["bound"])  # a sum over an index is refused by name
    useful = ("write", "leave", "not read", "did you mean")
    assert all(any(word in case["refused"] for word in useful) for case in WILD["spelling"] if "refused" in case)


@pytest.mark.parametrize("case", WILD["comparison"], ids=lambda case: case["id"])
def test_comparisons(case: dict[str, Any]) -> None:
    letters = _letters(case)
    if "refused" in case:
        with pytest.raises(TightrateError, match=case["refused"]):
            read_hypotheses(case["given"], letters)
        return
    given = read_hypotheses(case.get("given", []), letters)
    found = compare_bounds(read_bound(case["A"], letters), read_bound(case["B"], letters), given)
    assert found.relation == case["relation"], found.notes


HINT = re.compile(r"--letters '(.*)=NAME'")


@pytest.mark.parametrize("latex", [c["latex"] for kind in ("bound", "spelling") for c in WILD[kind]])
def test_every_hint_can_be_followed(latex: str) -> None:
    letters: dict[str, str] = {}
    for _ in range(12):
        try:
            parse(latex, letters)
        except TightrateError as refusal:
            hint = HINT.search(str(refusal))
            if hint is None:
                return
            named = parse_letters(f"{hint[1]}=L")
            assert not set(named) <= set(letters), f"{hint[1]} was declared and is unknown again"
            letters |= named
        else:
            return
    pytest.fail(f"the hints for {latex} have no end")


# Every bound of the catalogue in the styles of authors

STYLES: dict[str, Callable[[str, list[str]], str]] = {
    "left side": lambda whole, _: rf"\mathbb{{E}}[F(\hat x)] - F^\star \le {whole}",
    "align, one term on each line": lambda _, terms: (
        r"\begin{align*} F(x)-F^* &\le " + r" \\ &\quad ".join(terms) + r". \label{eq:rate} \end{align*}"
    ),
    "order": lambda whole, _: rf"\tilde{{\mathcal{{O}}}}\left({whole}\right)",
    "macro order": lambda whole, _: rf"F(x) - F^* = \cO\Big({whole}\Big).",
    "old order": lambda whole, _: rf"{{\cal O}}({whole})",
    "author's macro": lambda whole, _: rf"\newcommand{{\rate}}{{{whole}}} \sqn{{x_R - x_*}} \lesssim \rate",
    "def": lambda whole, _: rf"\def\mybound{{{whole}}} \mybound",
    "boxed and coloured": lambda whole, _: rf"\boxed{{ \norm{{x}} \le \textcolor{{blue}}{{{whole}}} }} \tag{{3}}",
    "condition behind": lambda whole, _: rf"{whole}, \qquad \forall R \ge 1. \quad (12)",
    "words behind": lambda whole, _: rf"${whole}$ after R rounds",
    "nicefrac": lambda whole, _: whole.replace(r"\frac", r"\nicefrac"),
    "spaced out": lambda whole, _: " ".join(_pieces(whole)),
    "wide gaps inside": lambda _, terms: r" \, ".join(terms),
}


def _pieces(latex: str) -> list[str]:
    return re.findall(r"\\[A-Za-z]+|\\.|\d+|[^\s]", latex)


def _signed(latex: list[str]) -> list[str]:
    return [term if index == 0 or term.startswith("-") else f"+ {term}" for index, term in enumerate(latex)]


@pytest.mark.parametrize("style", STYLES)
def test_every_bound_of_the_catalogue_is_read_in_every_style(style: str) -> None:
    unread = []
    for entry in statements():
        expressions = entry.theorem.bound.expressions
        if any(e.has(sympy.Piecewise, sympy.oo) for e in expressions):
            continue
        terms = _signed([sum_latex([expression]) for expression in expressions])
        plain = parse(f"${sum_latex(expressions)}$").terms
        written = STYLES[style](sum_latex(expressions), terms)
        try:
            found = parse(written).terms
        except TightrateError as refusal:
            unread.append((entry.id, str(refusal)))
            continue
        if found != plain:
            unread.append((entry.id, written))
    assert not unread


def _bounds() -> Iterator[tuple[str, tuple[sympy.Expr, ...]]]:
    for entry in statements():
        bound = entry.theorem.bound
        names = {s.name for e in bound.expressions for s in e.free_symbols}
        right = names <= set(LETTERS) and not infer(bound.expressions, target=bound.measure.unit).contradiction
        if right and len(bound.expressions) > 1:  # a printed misprint stays as it is printed
            yield entry.id, tuple(bound.expressions)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(list(_bounds())), st.integers(0, 20), st.sampled_from(["L", "B", "sigma", "mu", "zeta"]))
def test_a_mutated_unit_is_found_and_an_unknown_one_is_inferred(
    bound: tuple[str, tuple[sympy.Expr, ...]], index: int, name: str
) -> None:
    _, terms = bound
    place = index % len(terms)
    mutated = [term * (letter(name).symbol if i == place else 1) for i, term in enumerate(terms)]
    unit = theorem(bound[0]).bound.measure.unit
    assert infer(mutated, target=unit).contradiction
    for symbol in sorted({s.name for s in sympy.Add(*terms).free_symbols}):
        found = infer(terms, target=unit, unknown={symbol})
        assert found.units.get(symbol, letter(symbol).unit) == letter(symbol).unit


def test_a_minimal_contradiction_has_no_place_too_many() -> None:
    found = infer([L * B**2 / R, sigma * B, B**3, sigma * B / M], target=Unit(value=1))
    assert found.contradiction == ("term 3 has the unit length^3, not value",)
    unknown = infer([L / T, sigma * B * L, B**2 * L / R, L**2], unknown={"L", "T", "B"}, target=Unit(value=1))
    assert len(unknown.contradiction) <= 4
    assert unknown.contradiction


def test_symbols_are_echoed_and_ambiguous_ones_are_marked() -> None:
    (found,) = check_display(r"\frac{\tau\Delta}{R} + C_1\frac{LD}{N}", letters={"N": "M"}, neighbours=False)
    by_letter = {one.written: one for one in found.symbols}
    assert by_letter["N"].source == "declared"
    assert by_letter[r"\tau"].source == "assumed"
    assert "local steps per round" in [letter(name).meaning for name in by_letter[r"\tau"].others if name in LETTERS]
    assert by_letter["C_1"].meaning == "an absolute constant"


def test_an_accuracy_has_one_unit_in_a_display() -> None:
    display = r"R = \mathcal O(\frac{LB^2}{\epsilon}), \; K = \mathcal O(\frac{L\Delta}{\epsilon})"
    first, second = check_display(display, neighbours=False)
    assert first.units_consistent
    assert not second.units_consistent
    assert second.contradiction == (
        "term 1 has the unit pure number",
        "bound 1: L*B^2/eps has the unit pure number",
    )


def test_regimes_name_the_factor_and_the_other_terms_keep_theirs() -> None:
    found = check_bound(
        [L * B**2 * sympy.exp(-letter("mu").symbol * R / L), sigma * B / sympy.sqrt(M * K * R), L * B**2 / (K * R)],
        neighbours=False,
    )
    assert "exp(-R*mu/L) in term 1" in found.unknown_regimes["term 2"]
    assert found.regimes["term 2"]


def test_total_steps_are_known_and_the_answer_says_so() -> None:
    found = compare_bounds([L * B**2 / T], [L * B**2 / (K * R)])
    assert found.relation == "A~B"
    assert any("T = K R" in note for note in found.notes)
    assert check_bound([L * B**2 / T + L * B**2 / (K * R)], neighbours=False).notes


def test_hypotheses_in_chains_and_much_less() -> None:
    found = parse_hypotheses(r"1 \ll K \lesssim R < M")
    assert [(str(one.smaller), str(one.larger), one.much, one.strict) for one in found] == [
        ("1", "K", True, False),
        ("K", "R", False, False),
        ("R", "M", False, True),
    ]
    with pytest.raises(TightrateError, match=r"'K >= 2\*R' and 'R >= K' cannot hold together"):
        read_hypotheses(["M >= R", "K >= 2*R", "R >= K"])
    assert read_hypotheses(["K >= R", "R >= K"])


# Macros


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (r"\newcommand{\a}{b}\a", "b"),
        (r"\newcommand\a[1]{(#1)}\a{x}", "(x)"),
        (r"\newcommand{\a}[2][p]{#1#2}\a{x}\a[q]{y}", "pxqy"),
        (r"\def\a#1{#1#1}\a z", "zz"),
        (r"\DeclareMathOperator{\tr}{tr}\tr", r"\operatorname{tr}"),
        (r"\DeclarePairedDelimiter{\nn}{\lVert}{\rVert}\nn*{x}", r"\lVert x\rVert"),
        (r"\newcommand{\a}{\b}\newcommand{\b}{c}\a", "c"),
        (r"\E{X}", r"\mathbb{E}\left[X\right]"),
        (r"\cO(K)", r"\mathcal{O}(K)"),
        (r"\inner{a}{b}", r"\langle a, b\rangle"),
    ],
)
def test_macros_are_written_out(source: str, written: str) -> None:
    assert expanded(source).text.strip() == written


def test_macros_without_end_are_refused_fast() -> None:
    tripled = r"\newcommand{\a}[1]{#1#1#1}" + r"\a{" * 30 + "x" + "}" * 30
    for source in (r"\def\a{\a\a}\a", r"\def\a{\b\b}\def\b{\a\a}\a", tripled):
        with pytest.raises(TightrateError, match="expands"):
            expanded(source)
    assert definitions(r"\newcommand{\a") == ({}, [])


def test_a_place_is_that_of_the_authors_text() -> None:
    source = r"\frac{\norm{x_0-x_*}^2}{\unread}"
    with pytest.raises(TightrateError, match=f"column {source.index('unread')}, "):
        parse(source)


MACRO_PIECES = [*(rf"\{name}" for name in ("newcommand", "def", "a", "b", "norm", "cO", "E")), *"{}#1[]x"]


@settings(deadline=1_000, max_examples=200)
@given(st.text(max_size=120) | st.lists(st.sampled_from(MACRO_PIECES)).map("".join))
def test_any_text_has_macros_or_none(source: str) -> None:
    try:
        assert len(plainer(expanded(source).text)) >= 0
        tokens(source)
        parse_display(source, with_constants(None), infer=True)
    except TightrateError:
        return


@pytest.mark.parametrize(
    ("left", "unit", "measure"),
    [
        (r"\min_{t\in[T]} \mathbb{E}\|\nabla f(x_t)\|^2", "value^2 length^-2", "squared-gradient"),
        (r"\frac{1}{T}\sum_{t=0}^{T-1} \mathbb E[\|\nabla F(\bar x^t)\|]", "value length^-1", None),
        (r"\mathbb{E}\left[f(\bar x_T) - f(x^\star)\right]", "value", "gap"),
        (r"\|\hat x - x^\star\|", "length", "distance"),
        (r"\mathbb E \langle \nabla f(x), x - x_*\rangle", "value", None),
        (r"\|\nabla^2 f(x)\|", "value length^-2", None),
        (r"\|x\|_{H}^2", "None", None),
        (r"\mathrm{Regret}_T", "None", None),
        (r"L(w_T) - L(w^*)", "value", "gap"),
        (r"\eta", "value^-1 length^2", None),
        (r"\mu\|x_T-x^*\|^2", "value", "gap"),
    ],
)
def test_left_sides(left: str, unit: str, measure: str | None) -> None:
    (bound,) = parse_display(rf"{left} \le 1")
    found = left_side(bound.left_pieces, {})
    assert (str(found.unit), found.measure) == (unit, measure)
