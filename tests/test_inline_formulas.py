"""Formulas inside sentences: the same one for a page, a document and a terminal."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.inline import as_html, as_markdown, as_text, formulas_of
from tightrate.rates.symbols.alphabet import LETTERS

SHOWN = [  # written, terminal, LaTeX
    ("|x_inf - x*| <= zeta_1/mu^2", "|x_∞ − x⋆| ≤ ζ₁/μ²", r"|x_{\infty}-x^{\star}|\le\zeta_1/\mu^2"),
    ("E|g - grad f|^2 <= sigma^2", "𝔼|g − ∇f|² ≤ σ²", r"\mathbb{E}|g-\nabla f|^2\le\sigma^2"),
    ("exp(-mu K R/(4L))", "exp(−μ K R/(4 L))", r"\exp(-\mu KR/(4L))"),
    ("(1 - eta mu)^(K R)", "(1 − η μ)^(K R)", r"(1-\eta\mu)^{KR}"),
    ("x_m^{t+1}", "x_m^(t+1)", "x_m^{t+1}"),
    ("R^-1.66 log^3 R", "R^−1.66 log³ R", r"R^{-1.66}\log^3R"),
    ("d_min^(3/2) beta1", "d_min^(3/2) β₁", r"d_{\min}^{3/2}\beta_1"),
    ("[1/2, 2)", "[1/2, 2)", "[1/2,2)"),
    ("||x||_2^2 -> inf", "‖x‖₂² → ∞", r"\|x\|_2^2\to\infty"),
    ("A <~ B ~ C", "A ≲ B ≍ C", r"A\lesssim B\asymp C"),
    ("sqrt(M K R)", "√(M K R)", r"\sqrt{MKR}"),
    ("(gamma - 1)_+ K", "(γ − 1)_+ K", r"(\gamma-1)_+K"),
    ("F_m^*(x)", "F_m⋆(x)", r"F_m^{\star}(x)"),
]


@pytest.mark.parametrize(("written", "terminal", "latex"), SHOWN)
def test_a_formula_looks_the_same_everywhere(written: str, terminal: str, latex: str) -> None:
    sentence = f"so ${written}$ & <more>"
    assert as_text(sentence) == f"so {terminal} & <more>"
    assert as_markdown(sentence) == f"so ${latex}$ & <more>"
    root = ElementTree.fromstring(f"<p>{as_html(sentence)}</p>")
    assert (root.text, root[0].tail) == ("so ", " & <more>")


@pytest.mark.parametrize("name", sorted(LETTERS))
def test_every_symbol_of_the_alphabet_looks_as_in_a_bound(name: str) -> None:
    assert as_markdown(f"${name}$") == f"${LETTERS[name].latex}$"
    ElementTree.fromstring(as_html(f"${name}^2$"))


def test_a_papers_own_letters() -> None:
    assert as_markdown("$L/mu$", {"L": "H"}) == r"$H/\mu$"
    assert as_text("$L/mu$", {"L": "H"}) == "H/μ"


@pytest.mark.parametrize("wrong", ["(a", "a)", "x_", "sqrt(a"])
def test_what_is_no_formula_is_refused_in_one_line(wrong: str) -> None:
    with pytest.raises(TightrateError, match="the formula"):
        as_html(f"${wrong}$")


def test_code_and_formulas_are_told_apart() -> None:
    assert as_html("`a < b` and $a$ of `x`") == (
        '<code>a &lt; b</code> and <math xmlns="http://www.w3.org/1998/Math/MathML"><mi>a</mi></math> of <code>x</code>'
    )
    assert formulas_of("with $a$, then `$b$` and $c^2$") == ("a", "c^2")


@pytest.mark.parametrize(
    ("written", "terminal"),
    [
        (r"\mathbb{E}\|x_r-x^\star\|^2 \le \frac{B^2}{5\,\eta\mu K R}", "𝔼‖x_r − x⋆‖² ≤ B²/(5 η μ K R)"),
        (r"\left(1-\frac{\mu}{L}\right)^{KR}", "(1 − μ/L)^(K R)"),
        (r"\frac12 L B^2 + \sqrt{K}", "(1/2) L B² + √K"),
        (r"\frac{a+b}{2L}", "(a + b)/(2 L)"),
        (r"\zeta_\star \in [0, \infty)", "ζ⋆ ∈ [0, ∞)"),
        (r"\bar x = \frac1M\sum_m x_m", "x̄ = (1/M) ∑_m x_m"),
        (r"\min\{\eta\mu, p^2\} \geq \varepsilon", "min{η μ, p²} ≥ ϵ"),
    ],
)
def test_latex_in_a_sentence_is_read(written: str, terminal: str) -> None:
    assert as_text(f"${written}$") == terminal
    assert "\\frac" not in as_markdown(f"${written}$")
    ElementTree.fromstring(as_html(f"${written}$"))


def test_a_command_of_latex_that_sentences_lack_is_refused() -> None:
    with pytest.raises(TightrateError, match=r"unknown command of the formula \$\\lambad\$ .*did you mean 'lambda'"):
        as_text(r"$\lambad$")
