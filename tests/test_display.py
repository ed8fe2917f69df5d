"""Formulas as people see them: they look like in papers, and what was printed reads back as what it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sympy import Expr, Max, Min, Piecewise, Rational, ceiling, exp, log, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.display import (
    latex,
    mathml,
    stacked,
    sum_latex,
    sum_mathml,
    sum_stacked,
    sum_text,
    sum_unicode,
    text,
    unicode,
)
from tightrate.rates.formulas.parse import parse
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.paper_notation import parse_letters
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import (
    LETTERS,
    B,
    D,
    Delta,
    K,
    L,
    M,
    Q,
    R,
    alpha,
    cosine,
    delta,
    eta,
    gamma,
    mu,
    sigma,
    symbol,
    tau,
    tau_mean,
    zeta,
    zeta_mean,
    zeta_star,
)
from tightrate.rates.symbols.evaluation import at

THIRD = Rational(1, 3)


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        (L * B**2 / R, r"\frac{LB^2}{R}"),
        (sigma * B / sqrt(M * K * R), r"\frac{\sigma B}{\sqrt{MKR}}"),
        (
            (L * sigma**2 * B**4 / (K * R**2)) ** THIRD,
            r"\frac{(L\sigma^2B^4)^{1/3}}{K^{1/3}R^{2/3}}",
        ),
        (sqrt(tau * zeta * B**3 / R), r"\sqrt{\frac{\tau\zeta B^3}{R}}"),
        (sqrt(L * Delta * sigma**2 / (M * K * R)), r"\sigma\sqrt{\frac{L\Delta}{MKR}}"),
        (sqrt(tau * sigma * B**3) / (K ** Rational(1, 4) * sqrt(R)), r"\frac{\sqrt{\tau\sigma B^3}}{K^{1/4}\sqrt{R}}"),
        (L * B**2 * exp(-mu * K * R / L), r"LB^2e^{-\mu KR/L}"),
        (Q**2 * zeta**4 / (mu**5 * R**4), r"\frac{Q^2\zeta^4}{\mu^5R^4}"),
        (L * B**2 / (108 * R), r"\frac{LB^2}{108R}"),
        (zeta_mean * tau_mean / mu**2, r"\frac{\bar\tau\zeta_1}{\mu^2}"),
        (
            sigma**2 / mu * (sqrt(L / mu) / (K * R)) ** (2 * (alpha - 1) / alpha),
            r"\frac{\sigma^2}{\mu}\left(\frac{\sqrt{L}}{KR\sqrt{\mu}}\right)^{2(\alpha - 1)/\alpha}",
        ),
        (L * B**2 / (R**2 * log(M) ** 2), r"\frac{LB^2}{R^2\log^2(M)}"),
        (sigma**2 / (mu * K) * log(K * R / delta), r"\frac{\sigma^2}{\mu K}\log\left(\frac{KR}{\delta}\right)"),
        (Min(zeta_star**2 / L, L * B**2), r"\min\left\{LB^2, \frac{\zeta_\star^2}{L}\right\}"),
        (1 - (1 - eta * mu) ** (K * R), r"1 - (1 - \eta\mu)^{KR}"),
        (4 * B**2 * (1 - cosine) / R, r"\frac{4B^2(1 - c)}{R}"),
        ((R + 2) / 3, r"\frac{R + 2}{3}"),
        (ceiling(K / 2) + 1, r"\left\lceil\frac{K}{2}\right\rceil + 1"),
        (Piecewise((K, K <= R), (R, True)), r"\begin{cases}K & K \le R \\ R & \text{otherwise}\end{cases}"),
        (-L / R, r"-\frac{L}{R}"),
        (sympy.Integer(0), "0"),
        (sympy.oo, r"\infty"),
        (sqrt(2) * 3**THIRD * K, r"\sqrt{2} \cdot 3^{1/3}K"),
    ],
)
def test_latex_looks_like_a_paper(expression: Expr, printed: str) -> None:
    assert latex(expression) == printed
    assert sympy.expand(parse(f"${printed}$").expression - expression) in (0, sympy.nan)


def test_letters_of_the_paper() -> None:
    letters = {
        "L": "H",
        "B": r"\|x_0-x^\star\|",
        "Delta": r"(f(x_0)-f^\star)",
        "zeta_star": r"\zeta^\star",
        "eta": "a+b",
    }
    assert latex(L * B**2 / R, letters) == r"\frac{H\|x_0-x^\star\|^2}{R}"
    assert unicode(L * B**2 * Delta, letters) == "H (f(x₀)-f⋆) ‖x₀-x⋆‖²"
    assert latex(zeta_star**2 * L, letters) == r"H(\zeta^\star)^2"  # not a double superscript
    assert latex(eta * L, letters) == "(a+b)H"
    assert "<mtext>a+b</mtext>" in mathml(eta * L, letters)


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        (zeta_star**2 / L, "ζ⋆²/L"),
        (sigma * B / sqrt(M * K * R), "σ B/√(M K R)"),
        ((L * sigma**2 * B**4) ** THIRD / K**THIRD, "(L σ² B⁴)^(1/3)/K^(1/3)"),
        (tau_mean * symbol("beta1") * symbol("G_inf") * symbol("d_min"), "τ̄ G∞ d_min β₁"),
        (abs(1 - gamma) / R, "|γ − 1|/R"),
        (sigma**2 / M * log(K), "σ² log(K)/M"),
        (sigma**2 / M * exp(-K), "σ²/M · e^(−K)"),
        (12 * K**12, "12 K¹²"),
    ],
)
def test_one_line_of_a_terminal(expression: Expr, line: str) -> None:
    assert unicode(expression) == line
    assert parse(line).expression == expression


def test_several_lines_of_a_terminal() -> None:
    expression = zeta_star**2 / L * (1 - (1 - eta * mu) ** (K + 1)) + Max(1, gamma / (1 - mu), evaluate=False)
    lines = stacked(Max(1, gamma / (1 - mu), evaluate=False)).splitlines()
    assert lines == ["   ⎧     γ  ⎫", "max⎨1, ─────⎬", "   ⎩   1 − μ⎭"]
    assert max(len(line) for line in stacked(expression).splitlines()) < 60


@pytest.fixture(scope="module")
def bound() -> Bound:
    return Bound(
        (Term("first", L * B**2 / R), Term("second", -sigma * B / sqrt(M * K * R)), Term("third", D * L)),
        MEASURES["gap"],
        "upper",
        "explicit",
    )


def test_a_bound_keeps_the_order_of_its_terms(bound: Bound) -> None:
    assert sum_latex(bound.expressions, {"L": "H"}) == r"\frac{HB^2}{R} - \frac{\sigma B}{\sqrt{MKR}} + HD"
    assert sum_text(bound.expressions) == "L*B^2/R - sigma*B/sqrt(M*K*R) + L*D"
    assert sum_unicode(bound.expressions) == "L B²/R − σ B/√(M K R) + L D"
    assert sum_stacked(bound.expressions).splitlines()[1] == "──── − ──────── + L D"
    assert parse(sum_text(bound.expressions)).terms == tuple(term.expression for term in bound.terms)
    root = ElementTree.fromstring(sum_mathml(bound.expressions))
    assert root.get("display") == "block"
    assert [operator.text for operator in root.iter(MO) if operator.text in ("+", "−")] == ["−", "+"]


MO, MI = "{http://www.w3.org/1998/Math/MathML}mo", "{http://www.w3.org/1998/Math/MathML}mi"


def test_mathml_puts_power_and_subscript_of_a_letter_on_top_of_each_other() -> None:
    markup = mathml(zeta_star**2)
    assert "<msubsup><mi>ζ</mi>" in markup
    assert markup.endswith("<mn>2</mn></msubsup></math>")


def test_what_has_no_printed_form_is_refused() -> None:
    with pytest.raises(TightrateError, match="no printed form is known for sin"):
        latex(sympy.sin(K))


# Everything in the catalogue


def expressions(theorem: Theorem) -> Iterator[Expr]:
    yield from (term.expression for term in theorem.bound.terms)
    yield from theorem.steps.values()


def same(one: Expr, other: Expr) -> bool:
    """Equal as they stand, or at a point in general position: sums may have had a common number taken out."""
    if one == other:
        return True
    names_of_both = sorted({letter.name for letter in one.free_symbols | other.free_symbols})
    point = {name: 1.4 + 0.6 * place for place, name in enumerate(names_of_both)}
    return one.free_symbols == other.free_symbols and at(one, point) == pytest.approx(
        at(other, point), rel=1e-13, nan_ok=True
    )


@pytest.mark.parametrize("paper_id", catalogue.paper_ids())
def test_every_formula_of_the_catalogue_reads_back(paper_id: str) -> None:
    for theorem in catalogue.theorems(f"{paper_id}/*"):
        own_letters = parse_letters(theorem.id)
        for expression in expressions(theorem):
            assert parse(text(expression)).expression == expression, theorem.id
            assert same(parse(latex(expression)).expression, expression), theorem.id
            assert same(parse(latex(expression, theorem.letters), own_letters).expression, expression), theorem.id
            assert same(parse(unicode(expression)).expression, expression), theorem.id


@pytest.mark.parametrize("paper_id", catalogue.paper_ids())
def test_every_formula_of_the_catalogue_has_a_form_for_pages_and_terminals(paper_id: str) -> None:
    for theorem in catalogue.theorems(f"{paper_id}/*"):
        root = ElementTree.fromstring(sum_mathml(theorem.bound.expressions))
        shown = {element.text for element in root.iter(MI)}
        letters = set(theorem.bound.letters) - set(theorem.bound.unspecified)  # those are printed as Theta
        bases = {re.split(r"_", LETTERS[name].latex)[0] for name in letters}
        assert {base for base in bases if len(base) == 1} <= shown, theorem.id
        lines = sum_stacked(theorem.bound.expressions, theorem.letters).splitlines()
        assert not any("\\" in line for line in lines), theorem.id
        assert all(character.isprintable() for line in lines for character in line)
        assert "\\" not in sum_unicode(theorem.bound.expressions, theorem.letters), theorem.id


# Random expressions

names = st.sampled_from(sorted(name for name, letter in LETTERS.items() if not letter.unspecified))
exponents = st.sampled_from([1, 2, -1, -2, THIRD, -2 * THIRD, Rational(1, 2), Rational(-3, 2), Rational(5, 4)])
numbers = st.builds(Rational, st.integers(-12, 12), st.integers(1, 9))
symbolic = st.sampled_from([2 * (alpha - 1) / alpha, -alpha / (3 * alpha - 1), K * R, -K, 1 - 1 / alpha])
leaves = st.one_of(names.map(symbol), st.integers(1, 12).map(sympy.Integer), numbers.filter(bool))


def alternatives(function: type[Expr], one: Expr, other: Expr) -> Expr:
    """The lesser or greater of two different expressions with letters, not compared."""
    return function(one, other, evaluate=False) if one != other and (one - other).free_symbols else one


def combined(parts: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    positive = parts.map(lambda part: 1 + part**2)
    return st.one_of(
        st.builds(lambda a, b: a + b, parts, parts),
        st.builds(lambda a, b: a * b, parts, parts),
        st.builds(lambda a, b: a / (1 + b**2), parts, parts),
        st.builds(lambda a, e: a**e, positive, exponents),
        st.builds(lambda a, e: a**e, positive, symbolic),
        st.builds(lambda name, e: symbol(name) ** e, names, exponents),
        st.builds(lambda a: exp(-a), names.map(symbol)),
        positive.map(log),
        parts.map(ceiling),
        parts.map(abs),
        st.builds(alternatives, st.sampled_from([Min, Max]), positive, parts),
    )


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.recursive(leaves, combined, max_leaves=5))
def test_random_expressions_read_back(expression: Expr) -> None:
    assert parse(text(expression)).expression == expression
    for form in (latex(expression), unicode(expression)):
        assert same(parse(form).expression, expression)
    ElementTree.fromstring(mathml(expression))
    assert stacked(expression).strip()


def test_notebooks_show_bounds_and_theorems_in_latex_and_mathml() -> None:
    found = catalogue.theorem("patel2024/prop7")
    assert found.bound._repr_latex_() == r"$\displaystyle \frac{LB^2}{R}$"
    assert found._repr_latex_() == r"$\displaystyle \frac{HB^2}{R}$"
    assert found.bound._repr_html_().startswith("<math")
    page = found._repr_html_()
    assert "<math" in page
    assert "<mi>H</mi>" in page
    assert "read in the paper" in page
