r"""Bounds as people write them: each is read rightly or refused with what would be right, and never read wrongly.

`wild_bounds.toml` holds bounds of public papers, notes and reviews as their authors spelled them, spellings of standard
bounds, displays with more than a bound in them, and comparisons that a source claims, with what is right for each.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.printing.str import StrPrinter

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.assumptions import assumption
from tightrate.rates.formulas.display import sum_latex, sum_text, sum_unicode, text
from tightrate.rates.formulas.left_side import left_side
from tightrate.rates.formulas.macros import definitions, expanded, plainer
from tightrate.rates.formulas.parse import parse, parse_display, parse_hypotheses
from tightrate.rates.formulas.tokens import tokens
from tightrate.rates.orders import domination
from tightrate.rates.orders.budget import Budget
from tightrate.rates.orders.domination import compare, is_proved
from tightrate.rates.relations.bound_check import (
    attributed,
    check_bound,
    check_display,
    compare_bounds,
    compare_table,
    read_bound,
    read_hypotheses,
    read_table,
    with_constants,
)
from tightrate.rates.relations.conventions import distributed
from tightrate.rates.statements.catalogue import statements, theorem
from tightrate.rates.statements.paper_notation import papers_of_letters, parse_letters
from tightrate.rates.symbols.alphabet import LETTERS, B, K, L, M, R, T, declared, kind_of, letter, sigma
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
    """At least 95 % of the bounds are read; every refusal, of a bound or a spelling, says what would be right."""
    read = [case for case in WILD["bound"] if "terms" in case]
    assert len(read) >= 0.95 * len(WILD["bound"])
    useful = ("write", "leave", "give", "did you mean")
    refused = [case["refused"] for kind in ("bound", "spelling") for case in WILD[kind] if "refused" in case]
    unhelpful = [reason for reason in refused if not any(word in reason for word in useful)]
    assert len(unhelpful) <= 0.03 * len(WILD["spelling"])


SPELLINGS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "author_spellings.toml").read_text()
)


@pytest.mark.parametrize("group", SPELLINGS["same"], ids=lambda group: group["terms"])
def test_one_bound_in_many_spellings(group: dict[str, Any]) -> None:
    wanted = parse(group["terms"])
    for latex in group["spellings"]:
        (found,) = check_display(latex, neighbours=False, regimes=False, domination=False, other_readings=False)
        terms = sympy.Add(*(term.expression for term in found.terms))
        assert sympy.simplify(terms - wanted.expression) == 0, latex
        assert found.hidden == group.get("hidden", False), latex


@pytest.mark.parametrize("case", SPELLINGS["beside"], ids=lambda case: case["latex"])
def test_what_stands_beside_a_bound_is_no_part_of_it(case: dict[str, Any]) -> None:
    (found,) = check_display(rf"F(\hat x)-F^* \le \frac{{LB^2}}{{R}} {case['latex']}", neighbours=False)
    assert [text(term.expression) for term in found.terms] == ["L*B^2/R"]
    assert found.units_consistent
    assert list(found.conditions) == case.get("conditions", [])
    assert list(found.left_out) == case.get("left_out", [])


@pytest.mark.parametrize("case", SPELLINGS["refused"], ids=lambda case: case["latex"])
def test_what_is_no_bound_is_refused_with_what_would_be_right(case: dict[str, Any]) -> None:
    with pytest.raises(TightrateError, match=re.escape(case["because"])):
        check_display(case["latex"], neighbours=False)


LITERATURE: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "literature_bounds.toml").read_text())[
    "bound"
]


def _value(formula: str) -> complex:
    """The value of a formula in plain text where every letter has a value that follows from its name."""
    names = set(re.findall(r"[A-Za-z]\w*", formula)) - {"sqrt", "log", "exp", "min", "max", *LETTERS}
    expression = parse(formula, {name: declared(name, "number") for name in names}).expression.doit()
    values = {s: 2 + (crc32(s.name.partition(":")[0].encode()) % 997) / 331 for s in expression.free_symbols}
    return complex(expression.evalf(subs=values))


def _same_terms(found: Sequence[Any], wanted: Sequence[str]) -> bool:
    """Whether terms have the values of these formulas, in any order."""
    ours, theirs = (sorted(map(_value, some), key=abs) for some in ([text(t.expression) for t in found], wanted))
    return len(ours) == len(theirs) and all(abs(a - b) < 1e-9 * abs(b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("case", LITERATURE, ids=lambda case: case["id"])
def test_bounds_of_the_literature(case: dict[str, Any]) -> None:
    def read() -> Any:
        again = "changed" in case
        quick = {"neighbours": False, "regimes": False, "domination": False, "other_readings": again}
        return check_display(case["latex"], letters=_letters(case), measure=case.get("measure"), **quick)

    if "refused" in case:
        with pytest.raises(TightrateError, match=re.escape(case["refused"])):
            read()
        return
    found = read()
    if "terms" in case:
        assert len(found) == len(case["terms"])
        for bound, wanted in zip(found, case["terms"], strict=True):
            assert _same_terms(bound.terms, wanted), [text(term.expression) for term in bound.terms]
    said = {
        "agree": [bound.units_consistent for bound in found],
        "conditions": [list(bound.conditions) for bound in found],
        "left_out": [list(bound.left_out) for bound in found],
        "measures": [bound.measures[0] if bound.measures else "" for bound in found],
    }
    assert {key: said[key] for key in said if key in case} == {key: case[key] for key in said if key in case}
    symbols = [one for bound in found for one in bound.symbols]
    assert set(case.get("marked", [])) <= {one.written for one in symbols if one.source in ("assumed", "unknown")}
    assert set(case.get("changed", [])) <= {one.written for one in symbols if one.changed}


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


KNOWN: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "literature_comparisons.toml").read_text())[
    "comparison"
]


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: f"{case['A']} | {case['B']}")
def test_comparisons_whose_answer_is_known(case: dict[str, Any]) -> None:
    letters = _letters(case)
    given = read_hypotheses(case.get("given", []), letters)
    found = compare_bounds(read_bound(case["A"], letters), read_bound(case["B"], letters), given)
    assert found.relation == case["relation"], found.notes


def test_hidden_logarithms_are_said() -> None:
    found = compare_bounds(read_bound(r"\tilde O\left(\frac1T\right)"), read_bound(r"O\left(\frac1T\right)"))
    assert found.relation == "A~B"
    assert any("A hides logarithms" in note for note in found.notes)


@pytest.mark.parametrize(
    ("A", "B", "relation"),
    [
        (r"e^{-\mu R/L}", r"\left(1-\frac{\mu}{2L}\right)^{R}", "undecided"),
        (r"\left(1-\frac{\mu}{L}\right)^{R}", r"\frac{1}{R}", "incomparable"),
        (r"\left(1-\frac{\mu}{L}\right)^{KR}", r"\left(1-\frac{\mu}{L}\right)^{R}", "A<=B"),
        (r"e^{-\mu R/L}", r"\left(1-\frac{\mu}{L}\right)^{2R}", "A>=B"),
        ("1", r"(1-\eta\mu)^T", "A>=B"),
        (r"(1+\eta\mu)^{-T}", r"(1-\eta\mu)^T", "A>=B"),
        # 2 artanh(u) >= 2 u, and (1 - u)/(1 + u) <= 1 - u
        (r"\left(\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\right)^R", r"e^{-2R/\sqrt\kappa}", "A<=B"),
        (r"\left(\frac{\sqrt\kappa-1}{\sqrt\kappa+1}\right)^R", r"e^{-3R/\sqrt\kappa}", "undecided"),
        (r"\left(\frac{\kappa-1}{\kappa+1}\right)^R", r"(\frac{\sqrt\kappa-1}{\sqrt\kappa+1})^R", "A>=B"),
        (r"\left(1-\frac{\mu}{L}\right)^{R}", r"\left(\frac{L-\mu}{L+\mu}\right)^R", "A>=B"),
        (r"\left(\frac{L-\mu}{L+\mu}\right)^R", r"\frac{1}{R}", "incomparable"),
    ],
)
def test_powers_that_decay(A: str, B: str, relation: str) -> None:
    found = compare_bounds(read_bound(A), read_bound(B))
    assert found.relation == relation
    assert any("up to a constant in the exponent" in note for note in found.notes)


HINT = re.compile(r"--letters '(.*)=NAME'")


ALL_SEEN = [c["latex"] for kind in ("bound", "spelling", "display") for c in WILD[kind]] + [
    latex for group in SPELLINGS["same"] for latex in group["spellings"]
]


@pytest.mark.parametrize("latex", ALL_SEEN)
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


@pytest.mark.parametrize(
    ("written", "hint", "followed", "terms"),
    [
        ("1/MKR", "did you mean (M*K*R)", "1/(M*K*R)", ["1/(M*K*R)"]),
        ("1/LB2", "write (L*B^2)", "1/(L*B^2)", ["1/(L*B^2)"]),
        (r"\mathcal{O}\frac{LB^2}{R}", r"write \mathcal{O}(...)", r"\mathcal{O}(\frac{LB^2}{R})", ["L*B^2/R"]),
        (r"K \vee R", r"write \max(a, b)", r"\max(K, R)", ["max(K, R)"]),
        (r"\sigma^2/\mu MKR", "write a/(b c)", r"\sigma^2/(\mu MKR)", ["sigma^2/(mu*M*K*R)"]),
        (r"\log K R", "put its argument in brackets", r"\log(K) R", ["log(K)*R"]),
        (r"\frac{LB^2}{R} (21)", r"write \quad before", r"\frac{LB^2}{R} \quad (21)", ["L*B^2/R"]),
        (
            r"\frac{L}{R}\mystery",
            r"define it with \newcommand",
            r"\newcommand{\mystery}{B^2}\frac{L}{R}\mystery",
            ["L*B^2/R"],
        ),
        (
            r"\frac{LB^2}{R}+\dots",
            "write them",
            r"\frac{LB^2}{R}+\frac{\sigma B}{\sqrt R}",
            ["L*B^2/R", "sigma*B/sqrt(R)"],
        ),
        (r"\frac{f(y)}{R}", "write a letter", r"\frac{\Delta}{R}", ["Delta/R"]),
        (r"\frac{LB^2}{R}+o(1/R)", "leave it out", r"\frac{LB^2}{R}", ["L*B^2/R"]),
        ("$K^K^2$", "with brackets", "$K^{K^2}$", ["K^(K^2)"]),
    ],
)
def test_hints_that_are_no_letters_work_when_they_are_followed(
    written: str, hint: str, followed: str, terms: list[str]
) -> None:
    with pytest.raises(TightrateError, match=re.escape(hint)):
        check_display(written, neighbours=False)
    (found,) = check_display(followed, neighbours=False, regimes=False, domination=False, other_readings=False)
    assert _same_terms(found.terms, terms)


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
    return re.findall(r"\\(?:begin|end)\{\w+\}|\\[A-Za-z]+|\\.|\d+|[^\s]", latex)


def _signed(latex: list[str]) -> list[str]:
    return [term if index == 0 or term.startswith("-") else f"+ {term}" for index, term in enumerate(latex)]


@pytest.mark.parametrize("each", [3, pytest.param(len(STYLES), marks=pytest.mark.soak)])
def test_every_bound_of_the_catalogue_is_read_in_the_styles_of_authors(each: int) -> None:
    """Three styles for each entry, in turn, so that every style is met many times; all of them in `make soak`."""
    unread = []
    styles = list(STYLES)
    for number, entry in enumerate(statements()):
        expressions = entry.theorem.bound.expressions
        if any(e.has(sympy.oo) for e in expressions):
            continue
        terms = _signed([sum_latex([expression]) for expression in expressions])
        plain = parse(f"${sum_latex(expressions)}$").terms
        for style in (styles[(each * number + step) % len(styles)] for step in range(each)):
            if style == "nicefrac" and any(e.has(sympy.Piecewise) for e in expressions):
                continue
            try:
                found = parse(STYLES[style](sum_latex(expressions), terms)).terms
            except TightrateError as refusal:
                unread.append((entry.id, style, str(refusal)))
                continue
            if found != plain:
                unread.append((entry.id, style, "another bound"))
    assert not unread


OTHER_SPELLINGS: tuple[Callable[[Any], str], ...] = (
    lambda expressions: sum_text(expressions),
    lambda expressions: sum_unicode(expressions),
    lambda expressions: re.sub(r"\\frac\{(\w+)\}\{(\w+)\}", r"{\1 \\over \2}", f"${sum_latex(expressions)}$"),
    lambda expressions: rf"\mathbb{{E}}\left[\cdot\right] \le {sum_latex(expressions)}. \tag{{7}}",
)


def test_the_catalogues_own_bounds_agree_in_units_when_pasted_back() -> None:
    """As printed and in one other spelling; where an order hides constants with units, that they do not is said."""
    wrong = []
    for number, entry in enumerate(statements()):
        bound = entry.theorem.bound
        for spelling in (sum_latex, OTHER_SPELLINGS[number % len(OTHER_SPELLINGS)]):
            (found,) = check_display(
                spelling(bound.expressions),
                measure=bound.measure.name,
                neighbours=False,
                regimes=False,
                domination=False,
                other_readings=False,
            )
            if found.units_consistent != (bound.units_consistent() == "yes"):
                wrong.append((entry.id, found.contradiction))
            alternatives = [e for e in distributed(bound.expressions) if e.has(sympy.Min, sympy.Max)]
            if not alternatives and any(term.branches for term in found.terms):
                wrong.append((entry.id, ("branches",)))
    assert not wrong


def test_minima_keep_their_branches() -> None:
    (found,) = check_display(r"\frac{1}{R}\min\{LB^2, \sigma B\}", neighbours=False)
    assert [{name: str(p) for name, p in shape.exponents.items()} for shape in found.terms[0].branches] == [
        {"B": "1", "R": "-1", "sigma": "1"},
        {"B": "2", "L": "1", "R": "-1"},
    ]


def _bounds() -> Iterator[tuple[str, tuple[sympy.Expr, ...]]]:
    for entry in statements():
        bound = entry.theorem.bound
        names = {s.name for e in bound.expressions for s in e.free_symbols}
        right = names <= set(LETTERS) and not infer(bound.expressions, target=bound.measure.unit).contradiction
        if right and len(bound.expressions) > 1:  # a printed misprint stays as it is printed
            yield entry.id, tuple(bound.expressions)


@settings(deadline=None, max_examples=40)
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


@pytest.mark.parametrize(
    ("condition", "unit"),
    [
        (r"\|\nabla F(x)-\nabla F(y)\| \le H\|x-y\|", "value length^-2"),
        (r"\|\nabla F_i(x)-\nabla F(x)\|^2 \le H", "value^2 length^-2"),
        (r"F(y) \ge F(x) + \langle \nabla F(x), y-x\rangle + \frac{H}{2}\|x-y\|^2", "value length^-2"),
        (r"\mathbb E\|g(x)-\nabla F(x)\|^2 \le H^2", "value length^-1"),
        (r"\|\nabla^2 F(x)-\nabla^2 F(y)\| \le H\|x-y\|", "value length^-3"),
    ],
)
def test_assumptions_beside_a_bound_give_units(condition: str, unit: str) -> None:
    facts = assumption(condition, {})
    names = {s.name for fact in facts if isinstance(fact.one, sympy.Expr) for s in fact.one.free_symbols}
    found = infer([], unknown={name for name in names if kind_of(name) == "unknown"}, facts=facts)
    assert str(found.units["H:unknown"]) == unit


def test_a_contradiction_with_an_assumption_is_minimal() -> None:
    display = r"F(x)-F^* \le \frac{HB^2}{R} + \frac{\sigma B}{\sqrt{R}}"
    (right,) = check_display(display, assumptions=[r"\|\nabla F(x)-\nabla F(y)\| \le H\|x-y\|"], neighbours=False)
    assert right.units_consistent
    wrong = r"\|\nabla F(x)-\nabla F(y)\|^2 \le H\|x-y\|"
    (found,) = check_display(display, assumptions=[wrong], neighbours=False)
    assert found.contradiction == ("term 1 has the unit value", f"the assumption {wrong}")


def test_a_table_is_compared_as_its_pairs_are() -> None:
    rows = ["L*B^2/R", "L*B^2/(K*R) + sigma*B/sqrt(M*K*R)", "L*B^2/R + sigma*B/sqrt(M*K*R)", "mu*B^2/T", "sigma*B"]
    rows += ["L*B^2/R*log(2+K)", "Delta", "min(L*B^2/R, sigma*B)"]
    table = read_table("\n".join(f"b{number}: {row}" for number, row in enumerate(rows)))
    for (first, second), relation in compare_table(table).items():
        assert relation == compare_bounds(table[first], table[second]).relation, (first, second)


def test_a_spent_budget_gives_undecided_with_the_reason() -> None:
    found = compare(L * B**2 / R, L * B**2 / (K * R), budget=Budget(0))
    assert found.relation == "undecided"
    assert found.forward.reason == "no answer within 0 s of computing"
    assert not is_proved(L / R, L, budget=Budget(0))
    assert is_proved(L / R, L)


def test_symbols_are_echoed_and_ambiguous_ones_are_marked() -> None:
    (found,) = check_display(r"\frac{\tau\Delta}{R} + C_1\frac{LD}{N}", letters={"N": "M"}, neighbours=False)
    by_letter = {one.written: one for one in found.symbols}
    assert by_letter["N"].source == "declared"
    assert by_letter[r"\tau"].source == "assumed"
    assert "local steps per round" in [letter(name).meaning for name in by_letter[r"\tau"].others if name in LETTERS]
    assert by_letter["C_1"].meaning == "an absolute constant"


def test_the_echo_tells_pairs_from_a_papers_conventions_from_assumptions() -> None:
    written = "koloskova2020, N=M"
    (found,) = check_display(r"\frac{\tau L D^2}{N R} + \sigma D", letters=parse_letters(written), neighbours=False)
    by_letter = {one.written: one for one in attributed(found.symbols, papers_of_letters(written))}
    assert by_letter["N"].source == "declared"
    assert (by_letter[r"\tau"].source, by_letter[r"\tau"].paper) == ("paper", "koloskova2020")
    assert by_letter["D"].source == "assumed"
    assert by_letter[r"\sigma"].source == "convention"


def test_other_meanings_that_change_regimes_are_shown_with_them() -> None:
    (found,) = check_display(r"\frac{\tau\Delta}{R} + \frac{L\Delta}{KR}", letters={"K": "K"}, neighbours=False)
    changed = {one.written: one.changed for one in found.symbols if one.changed}
    assert any("units do not agree" in answer for answer in changed[r"\tau"])
    assert not any(one.changed for one in found.symbols if one.written != r"\tau")
    (other,) = check_display(r"\frac{LB^2}{T} + \frac{LB^2}{KR^2}", neighbours=False)
    answers = [answer for one in other.symbols if one.written == "K" for answer in one.changed]
    assert any("term" in answer for answer in answers)


@pytest.mark.parametrize(
    ("left", "measure"),
    [
        (r"\frac1M\sum_{m}\mathbb E\left\|\mathbf{x}_t^{(m)}-\bar{\mathbf x}_t\right\|^2", "consensus-error"),
        (r"\|x_{r,k}^m-x_{r,k}^n\|^2", "squared-consensus"),
        (r"\mathbb E\|x_R-x^\star\|^2", "squared-distance"),
        (r"\|x_{t+1}-x_t\|^2", ""),
    ],
)
def test_neighbours_are_of_the_same_measure_and_not_of_the_same_unit(left: str, measure: str) -> None:
    """All are squared lengths; of how far an iterate moves the catalogue says nothing."""
    (found,) = check_display(rf"{left} \le \eta^2\sigma^2K^2+\eta^2\zeta^2K^2", regimes=False)
    assert found.units_consistent
    assert {one.theorem.bound.measure.name for one in found.neighbours} <= {measure}
    assert bool(found.neighbours) == (measure in ("consensus-error", "squared-consensus"))


def test_the_work_of_a_check_does_not_explode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linear programs, and printed expressions, of the longest bounds of the catalogue: counted, as time varies."""
    work = {"programs": 0, "printed": 0}

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            work[name] += 1
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(domination, "minimize", counted("programs", domination.minimize))
    monkeypatch.setattr(domination, "shortest_direction", counted("programs", domination.shortest_direction))
    monkeypatch.setattr(StrPrinter, "doprint", counted("printed", StrPrinter.doprint))
    expressions = theorem("cheng2024/thmC3-plain").bound.expressions
    check_display(sum_latex(expressions), measure="steps", neighbours=False)
    assert work["programs"] < 400
    assert work["printed"] < 2_000


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


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (r"T = \Omega(M^3)", [("M^3", "T")]),
        (r"K=\mathcal{O}(\sqrt{R})", [("K", "sqrt(R)")]),
        (r"K = \Theta(R)", [("K", "R"), ("R", "K")]),
        (r"K \in [1, R]", [("1", "K"), ("K", "R")]),
        (r"\eta\in\left(0,\frac{1}{L}\right]", [("0", "eta"), ("eta", "1/L")]),
        (r"K\in\{1,\dots,R\}", [("1", "K"), ("K", "R")]),
        (r"K\le R,\quad M\ge K.", [("K", "R"), ("K", "M")]),
        (r"K\le R \text{ and } M\ge K", [("K", "R"), ("K", "M")]),
        (r"if $K \le R$", [("K", "R")]),
        (r"K, R \ge 2", [("2", "K"), ("2", "R")]),
        (r"1\le K\le R\ll M", [("1", "K"), ("K", "R"), ("R", "M")]),
    ],
)
def test_hypotheses_in_the_spellings_of_authors(written: str, means: list[tuple[str, str]]) -> None:
    assert [(text(one.smaller), text(one.larger)) for one in parse_hypotheses(written)] == means


@pytest.mark.parametrize(
    ("written", "because"),
    [
        (r"T = \tilde\Omega(K)", "hides no logarithms"),
        (r"K \ge 1 + O(R)", "stands alone behind its sign"),
        (r"K \le \Omega(R)", "say opposite things"),
        (r"K \in \mathbb{N}", "where it is an interval"),
        ("K is at most R", "a hypothesis is one inequality"),
    ],
)
def test_hypotheses_that_are_none_say_what_is_one(written: str, because: str) -> None:
    with pytest.raises(TightrateError, match=re.escape(because)):
        parse_hypotheses(written)


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
        (r"\norm[\big]{x}", r"\|x\|"),
        (r"\inner{a}{b}", r"\langle a, b\rangle"),
        (r"\parens{a + \parens{b}}", r"\left(a + \left(b\right)\right)"),
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
        (r"\frac{1}{KR}\sum_{r,k}\mathbb{E}\|\nabla f(\bar x_{r,k})\|^2", "value^2 length^-2", "squared-gradient"),
        (r"\frac{1}{TM}\sum_{t,m} \mathbb{E}\|x_t^m - \bar x_t\|^2", "length^2", "consensus-error"),
        (r"\left\lVert x_T-x_*\right\rVert^2_2", "length^2", "squared-distance"),
        (r"\|x\|^2_A", "None", None),
        (r"\mathrm{dist}^2(x_T, X^*)", "length^2", "squared-distance"),
        (r"\operatorname{dist}(x_T, X^*)", "length", "distance"),
        (r"\mathrm{Var}[x_R]", "length^2", "squared-distance"),
        (r"\mathbb{P}(F(\hat x)-F^*\ge \epsilon)", "pure number", None),
        (r"h(x_T)-h_\star", "value", "gap"),
        (r"{\mathbb{E}\|\nabla F(x)\|^2 \over L}", "value", "gap"),
        (r"\eta_g\eta_l", "value^-1 length^2", None),
        (r"T(\epsilon)", "pure number", None),
        (r"N_\epsilon", "pure number", None),
        (r"\mathcal{E}(R)", "None", None),
        (r"\delta_T", "None", None),
        (r"V(x_T)", "None", None),
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
