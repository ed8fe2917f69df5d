r"""Bounds as text: printed formulas are read exactly, ambiguous and hostile ones are refused with the place."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress

import pytest
import sympy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sympy import Expr, Max, Min, Piecewise, Rational, exp, log, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.letter_notation import spell
from tightrate.rates.formulas.parse import ParsedBound, parse, parse_hypothesis
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.paper_notation import parse_letters
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
    T,
    alpha,
    d,
    decay,
    delta,
    eta,
    gamma,
    mu,
    sigma,
    sigma_2alpha,
    symbol,
    tau,
    tau_mean,
    weak,
    zeta,
    zeta_mean,
    zeta_opt,
    zeta_star,
)
from tightrate.rates.symbols.units import UnitError

THIRD = Rational(1, 3)
PATEL = {"H": "L", r"\beta": "gamma"}
CHENG = {"D_0": "B", r"\tau": "weak"}
KHALED = {"H": "K", "D": "B", r"\mu": "momentum"}

optimization = L * B**2 / R
statistical = sigma * B / sqrt(M * K * R)
noise_drift = (L * sigma**2 * B**4) ** THIRD / (K**THIRD * R ** (2 * THIRD))
heterogeneity_drift = (L * zeta_star**2 * B**4) ** THIRD / R ** (2 * THIRD)
uniform_drift = (L * zeta**2 * B**4) ** THIRD / R ** (2 * THIRD)
third_order = (Q * sigma**2 * B**5) ** THIRD / (K**THIRD * R ** (2 * THIRD))
exponential = L * B**2 * exp(-mu * K * R / L)


def twice(numerator: Expr, denominator: Expr) -> Expr:
    """2 numerator / denominator, as a product of three: Python's own order would multiply the 2 out."""
    return sympy.Mul(2, numerator, 1 / denominator)


# As printed in papers: source, letters, terms in the printed order, constants.
PRINTED: list[tuple[str, str, Mapping[str, str], list[Expr], str]] = [
    (
        "Koloskova et al. and Patel et al., Theorem 9",
        r"\mathbb E F(x_R)-F^\star\succeq\frac{HB^2}R+\frac{(H\sigma^2B^4)^{1/3}}{K^{1/3}R^{2/3}}"
        r"+\frac{\sigma B}{\sqrt{MKR}}+\frac{(H\zeta_\star^2B^4)^{1/3}}{R^{2/3}}.",
        PATEL,
        [optimization, noise_drift, statistical, heterogeneity_drift],
        "hidden",
    ),
    (
        "Glasgow et al., lower bound with minima",
        r"$$\frac{HB^2}{KR}+\min\left\{\frac{\sigma B}{\sqrt{KR}},\frac{(H\sigma^2B^4)^{1/3}}{K^{1/3}R^{2/3}}"
        r"\right\}"
        r"+\frac{\sigma B}{\sqrt{MKR}}"
        r"+\min\Big\{\frac{\zeta_\star^2}H,\,\frac{(H\zeta_\star^2B^4)^{1/3}}{R^{2/3}}\Big\}$$",
        PATEL,
        [
            L * B**2 / (K * R),
            Min(sigma * B / sqrt(K * R), noise_drift, evaluate=False),
            statistical,
            Min(zeta_star**2 / L, heterogeneity_drift, evaluate=False),
        ],
        "explicit",
    ),
    (
        "mini-batch SGD",
        r"\[ \frac{HB^2}{R} + \frac{\sigma B}{\sqrt{M K R}} \]",
        PATEL,
        [optimization, statistical],
        "explicit",
    ),
    (
        "accelerated mini-batch SGD",
        r"\mathcal O\left(\dfrac{H B^{2}}{R^{2}}+\dfrac{\sigma B}{\sqrt{MKR}}\right)",
        PATEL,
        [L * B**2 / R**2, statistical],
        "hidden",
    ),
    (
        "Woodworth et al. 2020b, lower bound",
        r"\min\{\frac{HB^2}{R^2},\frac{\zeta_\star^2}{HR^2},\frac{\zeta_\star B}R\}+\frac{\sigma B}{\sqrt{MKR}}",
        PATEL,
        [
            Min(L * B**2 / R**2, zeta_star**2 / (L * R**2), zeta_star * B / R, evaluate=False),
            statistical,
        ],
        "explicit",
    ),
    (
        "Woodworth et al. 2020b, strongly convex",
        r"\frac{H^2B^2}{HKR+\mu K^2R^2}+\frac{\sigma^2}{\mu MKR}+\frac{H\zeta^2}{\mu^2R^2}"
        r"+\frac{H\sigma^2}{\mu^2KR^2}",
        PATEL,
        [
            L**2 * B**2 / (L * K * R + mu * K**2 * R**2),
            sigma**2 / (mu * M * K * R),
            L * zeta**2 / (mu**2 * R**2),
            L * sigma**2 / (mu**2 * K * R**2),
        ],
        "explicit",
    ),
    (
        "Yuan and Ma, strongly convex",
        r"HB^2e^{-\mu KR/H}+\frac{\sigma^2}{\mu MKR}+\frac{Q^2\sigma^4}{\mu^5K^2R^4}",
        PATEL,
        [exponential, sigma**2 / (mu * M * K * R), Q**2 * sigma**4 / (mu**5 * K**2 * R**4)],
        "explicit",
    ),
    (
        "Patel et al., Theorem 27, over two lines",
        r"\begin{align*} \mathbb E\big[F(\bar x_w)-F^\star\big] &\preceq HB^2e^{-\mu KR/H}+\frac{\sigma^2}{\mu MKR}"
        r"+\frac{\tau^2\sigma^2}{\mu^3KR^2} \\ &\quad+\frac{\tau^2\zeta^2}{\mu^3R^2}"
        r"+\frac{Q^2\sigma^4}{\mu^5K^2R^4}"
        r"+\frac{Q^2\zeta^4}{\mu^5R^4} \label{eq:thm27} \end{align*}",
        PATEL,
        [
            exponential,
            sigma**2 / (mu * M * K * R),
            tau**2 * sigma**2 / (mu**3 * K * R**2),
            tau**2 * zeta**2 / (mu**3 * R**2),
            Q**2 * sigma**4 / (mu**5 * K**2 * R**4),
            Q**2 * zeta**4 / (mu**5 * R**4),
        ],
        "hidden",
    ),
    (
        "Woodworth et al. 2020b, convex",
        r"\frac{HB^2}{KR}+\frac{\sigma B}{\sqrt{MKR}}+\frac{(H\zeta^2B^4)^{1/3}}{R^{2/3}}"
        r"+\frac{(H\sigma^2B^4)^{1/3}}{K^{1/3}R^{2/3}}",
        PATEL,
        [L * B**2 / (K * R), statistical, uniform_drift, noise_drift],
        "explicit",
    ),
    (
        "Yuan and Ma, convex",
        r"\tilde O\Big(\frac{HB^2}{KR}+\frac{\sigma B}{\sqrt{MKR}}"
        r"+\frac{(Q\sigma^2B^5)^{1/3}}{K^{1/3}R^{2/3}}\Big)",
        PATEL,
        [L * B**2 / (K * R), statistical, third_order],
        "hidden with logs",
    ),
    (
        "Patel et al., Theorem 15",
        r"\mathbb EF(\bar x)-F^\star\preceq\frac{HB^2}{KR}+\frac{\sigma B}{\sqrt{MKR}}"
        r"+\frac{(\tau\sigma B^3)^{1/2}}{K^{1/4}R^{1/2}}"
        r"+\frac{(Q\sigma^2B^5)^{1/3}}{K^{1/3}R^{2/3}}+\min\Big\{\frac{(\tau\zeta B^3)^{1/2}}{R^{1/2}}"
        r"+\frac{(Q\zeta^2B^5)^{1/3}}{R^{2/3}},"
        r"\frac{(\tau\zeta_\star B^3)^{1/2}}{R^{1/2}}+\frac{(Q\zeta_\star^2B^5)^{1/3}}{R^{2/3}}"
        r"+\frac{(\tau^2DB^3)^{1/2}}{R^{1/2}}"
        r"+\frac{(Q\tau^2D^2B^5)^{1/3}}{R^{2/3}}\Big\}",
        PATEL,
        [
            L * B**2 / (K * R),
            statistical,
            sqrt(tau * sigma * B**3) / (K ** Rational(1, 4) * sqrt(R)),
            third_order,
            Min(
                sqrt(tau * zeta * B**3 / R) + (Q * zeta**2 * B**5) ** THIRD / R ** (2 * THIRD),
                sqrt(tau * zeta_star * B**3 / R)
                + (Q * zeta_star**2 * B**5) ** THIRD / R ** (2 * THIRD)
                + sqrt(tau**2 * D * B**3 / R)
                + (Q * tau**2 * D**2 * B**5) ** THIRD / R ** (2 * THIRD),
                evaluate=False,
            ),
        ],
        "hidden",
    ),
    (
        "Woodworth et al. 2021, homogeneous lower bound",
        r"\frac{HB^2}{K^2R^2}+\min\{\frac{\sigma B}{\sqrt{MKR}},HB^2\}+\min\{\frac{HB^2}{R^2\log^2M},"
        r"\frac{\sqrt{Q\sigma}B^2}{K^{1/4}R^2\log^{7/4}M},\frac{\sigma B}{\sqrt{KR}}\}",
        PATEL,
        [
            L * B**2 / (K**2 * R**2),
            Min(statistical, L * B**2, evaluate=False),
            Min(
                L * B**2 / (R**2 * log(M) ** 2),
                sqrt(Q * sigma) * B**2 / (K ** Rational(1, 4) * R**2 * log(M) ** Rational(7, 4)),
                sigma * B / sqrt(K * R),
                evaluate=False,
            ),
        ],
        "explicit",
    ),
    (
        "Patel et al., Theorem 22",
        r"\|x_R-x^\star\|\preceq e^{-\mu KR/H}\frac{1-2^{-K}}{1-(1-\frac\mu{2H})^K}B"
        r"+\frac{\zeta_{\mathrm{opt}}\tau}{H\mu}",
        PATEL,
        [
            exp(-mu * K * R / L) * (1 - 2 ** (-K)) / (1 - (1 - mu / (2 * L)) ** K) * B,
            zeta_opt * tau / (L * mu),
        ],
        "hidden",
    ),
    (
        "fixed-point discrepancy",
        r"\|x_\infty-x^\star\|\le\frac{\zeta_1\bar\tau}{\mu^2}\Big(1-\frac{Kq(1-q)^{K-1}}{1-(1-q)^K}\Big)",
        {"q": "delta"},
        [zeta_mean * tau_mean / mu**2 * (1 - K * delta * (1 - delta) ** (K - 1) / (1 - (1 - delta) ** K))],
        "explicit",
    ),
    (
        "Cheng and Glasgow (4.3)",
        r"f(\hat x)-f_* \le \exp(-\Theta(\tfrac{\mu KR}{L}))+\tilde O\big(\tfrac{\sigma^2}{\mu MKR}"
        r"+\tfrac{L\sigma^2}{\mu^2KR^2}"
        r"+\tfrac{\sigma^2}{\mu}(\tfrac{L^{1/2}}{\mu^{1/2}KR})^{\frac{2(\alpha-1)}{\alpha}}\big)",
        CHENG,
        [
            exp(-decay * mu * K * R / L),
            sigma**2 / (mu * M * K * R),
            L * sigma**2 / (mu**2 * K * R**2),
            sigma**2 / mu * (sqrt(L / mu) / (K * R)) ** twice(alpha - 1, alpha),
        ],
        "hidden with logs",
    ),
    (
        "Cheng and Glasgow (4.4)",
        r"\tilde O\big(\tfrac{LD_0^2}{KR}+\tfrac{\sigma D_0}{\sqrt{MKR}}"
        r"+\tfrac{L^{1/3}\sigma^{2/3}D_0^{4/3}}{K^{1/3}R^{2/3}}"
        r"+D_0(\tfrac{(LD_0)^{1/2}\sigma^{\alpha/(\alpha-1)}}{KR})^{\frac{2(\alpha-1)}{3\alpha-1}}\big)",
        CHENG,
        [
            L * B**2 / (K * R),
            statistical,
            noise_drift,
            B * (sqrt(L * B) * sigma ** (alpha / (alpha - 1)) / (K * R)) ** twice(alpha - 1, 3 * alpha - 1),
        ],
        "hidden with logs",
    ),
    (
        "Cheng and Glasgow (4.10)",
        r"\widetilde{\mathcal O}\left(\frac{\tau\Delta}{R}+\frac{L\Delta}{KR}+\sqrt{\frac{L\Delta\sigma^2}{MKR}}"
        r"+\frac{(L\Delta\sigma)^{2/3}}{K^{1/3}R^{2/3}}"
        r"+\Big(\frac{L\Delta\sigma^{\frac{\alpha}{\alpha-1}}}{KR}\Big)^{\frac{2(\alpha-1)}{3\alpha-2}}\right)",
        CHENG,
        [
            weak * Delta / R,
            L * Delta / (K * R),
            sqrt(L * Delta * sigma**2 / (M * K * R)),
            (L * Delta * sigma) ** (2 * THIRD) / (K**THIRD * R ** (2 * THIRD)),
            (L * Delta * sigma ** (alpha / (alpha - 1)) / (K * R)) ** twice(alpha - 1, 3 * alpha - 2),
        ],
        "hidden with logs",
    ),
    (
        "Cheng and Glasgow (B.24)",
        r"f(\hat x)-f_*\lesssim\tfrac{LD_0^2}{KR}+\tfrac{\sigma D_0}{\sqrt{MKR}}\log^{\frac12}\tfrac{KR}\delta"
        r"+\tfrac{L^{1/3}\sigma^{2/3}D_0^{4/3}}{K^{1/3}R^{2/3}}\log^{\frac13}\tfrac{MKR}\delta"
        r"+\big(\|\boldsymbol\sigma\|_{2\alpha}^{\frac{2\alpha}{\alpha-1}}dLD_0\big)^{\frac{\alpha-1}{3"
        r"\alpha-1}}D_0"
        r"\Big(\tfrac{\log\frac{MKR}\delta}{KR}\Big)^{\frac{2(\alpha-1)}{3\alpha-1}}.",
        CHENG,
        [
            L * B**2 / (K * R),
            statistical * sqrt(log(K * R / delta)),
            noise_drift * log(M * K * R / delta) ** THIRD,
            (sigma_2alpha ** (2 * alpha / (alpha - 1)) * d * L * B) ** ((alpha - 1) / (3 * alpha - 1))
            * B
            * (log(M * K * R / delta) / (K * R)) ** twice(alpha - 1, 3 * alpha - 1),
        ],
        "hidden",
    ),
    (
        "Khaled et al., Theorem 2",
        r"\frac{4(1-\mu)D^2}{\gamma\eta RH}+\frac{4\eta\sigma^2}M\Big[\max(1,\tfrac{\gamma}{1-\mu})"
        r"+\frac{2\gamma\mu}{(1-\mu)^2}\Big]"
        r"+4L\eta^2\sigma^2(H-1)",
        KHALED,
        [
            sympy.Mul(4, 1 - symbol("momentum"), B**2 / (gamma * eta * R * K)),
            4
            * eta
            * sigma**2
            / M
            * (
                Max(1, gamma / (1 - symbol("momentum")), evaluate=False)
                + 2 * gamma * symbol("momentum") / (1 - symbol("momentum")) ** 2
            ),
            4 * L * eta**2 * sigma**2 * (K - 1),
        ],
        "explicit",
    ),
    (
        "Khaled et al., Theorem 1, with labels and a positive part",
        r"\frac{2D^2}{\gamma\eta RH}+\frac{2\eta\sigma^2}{M}\underbrace{\big(1+(\gamma-1)_"
        r"+\big)}_{=\max(1,\gamma)}+2L\eta^2\sigma^2H",
        KHALED,
        [
            2 * B**2 / (gamma * eta * R * K),
            2 * eta * sigma**2 / M * (1 + Max(0, gamma - 1, evaluate=False)),
            2 * L * eta**2 * sigma**2 * K,
        ],
        "explicit",
    ),
    (
        "frozen scaling, heterogeneous",
        r"\mathbb Ef(\bar x_T)-f^\star\le\frac{4\|x_0-x^\star\|^2}{\gamma T}"
        r"+\frac{20\gamma\sigma_{dif}^2}{\alpha M}"
        r"+\frac{16\gamma^2L(H-1)^2\sigma_{dif}^2}{\alpha^2}",
        {r"\gamma": "eta", "H": "K", r"\alpha": "d_min", r"\sigma_{dif}": "zeta_star"},
        [
            4 * B**2 / (eta * T),
            20 * eta * zeta_star**2 / (symbol("d_min") * M),
            16 * eta**2 * L * (K - 1) ** 2 * zeta_star**2 / symbol("d_min") ** 2,
        ],
        "explicit",
    ),
    (
        "an order with two regimes",
        r"\frac{(f(x_0)-f^\star)}{\eta T}"
        r"+\begin{cases}\eta^3\eta_\ell^3T&\eta_\ell\le1,\\ \eta^3\eta_\ell T&\text{otherwise.}\end{cases}",
        {r"\eta": "gamma", r"\eta_\ell": "eta", "T": "R"},
        [
            Delta / (gamma * R),
            Piecewise((gamma**3 * eta**3 * R, eta <= 1), (gamma**3 * eta * R, True)),
        ],
        "explicit",
    ),
]


@pytest.mark.parametrize(
    ("source", "letters", "terms", "constants"), [row[1:] for row in PRINTED], ids=[row[0] for row in PRINTED]
)
def test_printed_formulas_are_read_exactly_and_in_order(
    source: str, letters: Mapping[str, str], terms: list[Expr], constants: str
) -> None:
    bound = parse(source, letters)
    assert list(bound.terms) == terms
    assert bound.expression == sympy.Add(*terms)
    assert bound.constants == constants


def test_the_printed_rows_are_told_apart() -> None:
    """A reader that dropped exponents or letters would make two of these rows equal."""
    read = [parse(source, letters).terms for _, source, letters, _, _ in PRINTED]
    assert len(set(read)) == len(read)


@pytest.mark.parametrize(
    "garbled",
    [
        r"\sigma^2L^{1/2}\mu^{-1/2}KR^{2(\alpha-1)/\alpha}",  # the power must cover the whole ratio
        r"\sigma^2\frac{L^{1/2}}{\mu^{1/2}KR}",
        r"\frac{LB}{R}",
        r"\frac{L^2B^2}{R}",
    ],
)
def test_a_garbled_formula_is_read_as_it_stands_and_fails_its_units(garbled: str) -> None:
    bound = Bound((Term("garbled", parse(garbled).expression),), MEASURES["gap"], "upper", "hidden")
    with pytest.raises(UnitError, match="garbled"):
        bound.check_units()


def test_the_command_line_example() -> None:
    bound = parse("L*B^2/R + (L*sigma^2*B^4)^(1/3)/(K^(1/3)*R^(2/3)) + min(zeta_star^2/L, sigma*B/sqrt(M*K*R))")
    assert bound == ParsedBound(
        (optimization, noise_drift, Min(zeta_star**2 / L, statistical, evaluate=False)), "explicit"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("L*B**2/R", "L*B^2/R"),
        ("L B^2/R", r"\frac{LB^2}{R}"),
        ("σ²·τ/√(M·K·R)", r"\frac{\sigma^2\tau}{\sqrt{MKR}}"),
        ("ζ_⋆ + ζ⋆ + τ̄", r"2\zeta_\star+\bar{\tau}"),
        ("zeta_star^2/L", r"\zeta^2_{\star}/L"),
        ("sigma_inf^alpha*sqrt(d)", r"\sigma^\alpha_\infty\sqrt d"),
        ("0.25*K + .5", r"\tfrac14K+\frac12"),
        ("1e-3*K", r"\frac{K}{1000}"),
        ("log(K)/log(2)", r"\log_2 K"),
        ("ln(K)^2", r"\log^2K"),
        ("exp(-K) + abs(gamma-1)", r"e^{-K}+|\gamma-1|"),
        ("(L*B^2)^(1/3)", r"\sqrt[3]{LB^2}"),
        ("K - (R - M)", "K - R + M"),
        ("-K^2", "0 - K^2"),
        ("K/R/M", "K/(R*M)"),
        ("ceiling(K/2) + floor(R)", r"\lceil\frac K2\rceil+\lfloor R\rfloor"),
        ("eps + rho", r"\varepsilon+\varrho"),
        ("d_min*G_inf", r"d_{\min}G_\infty"),
        ("B^2", r"\lVert x_0-x_*\rVert_2^2"),
        ("Delta*L", r"L(f(x_0)-f(x_\star))"),
        ("𝜎*𝐾", r"\sigma K"),
        ("pi*e^K", r"\pi\mathrm{e}^{K}"),
        ("max(0, gamma-1)", r"[\gamma-1]_+"),
        ("inf", r"\infty"),
    ],
)
def test_two_ways_to_write_one_formula(one: str, other: str) -> None:
    assert parse(one).expression == parse(other).expression


@pytest.mark.parametrize(
    ("source", "constants", "measure"),
    [
        ("L*B^2/R", "explicit", ""),
        (r"F(\hat x)-F^* \lesssim \frac{LB^2}{R}", "hidden", r"F(\hat x)-F^*"),
        (
            r"$\mathbb{E}[f(\bar x_T)]-f(x_\star) \leq \frac{LB^2}{R}$",
            "explicit",
            r"\mathbb{E}[f(\bar x_T)]-f(x_\star)",
        ),
        (r"f(x) &= \mathcal{O}(\frac{LB^2}{R})", "hidden", "f(x)"),
        ("gap <= O(L*B^2/R)", "hidden", "gap"),
        ("gap ≲ L*B^2/R", "hidden", "gap"),
        (r"\epsilon = \widetilde\Omega\left(\frac{LB^2}{R}\right)", "hidden with logs", r"\epsilon"),
        (r"x \le y \lesssim \frac{LB^2}{R}", "hidden", "x"),
        ("Õ(L*B^2/R)", "hidden with logs", ""),
        ("‖∇F(x)‖² ≤ L*B^2/R", "explicit", "‖∇F(x)‖²"),
    ],
)
def test_orders_relations_and_measures(source: str, constants: str, measure: str) -> None:
    bound = parse(source)
    assert (bound.terms, bound.constants, bound.measure_text) == ((optimization,), constants, measure)


@pytest.mark.parametrize(
    ("source", "larger", "smaller", "up_to_constants"),
    [
        ("K^(alpha-2) >= mu*R^2/L", K ** (alpha - 2), mu * R**2 / L, False),
        (r"\mu R^2/L \le K^{\alpha-2}", K ** (alpha - 2), mu * R**2 / L, False),
        ("K >~ sigma^2*R/(L*Delta)", K, sigma**2 * R / (L * Delta), True),
        ("K ≳ σ²·R/(L·Δ)", K, sigma**2 * R / (L * Delta), True),
        (r"\tau \lesssim 2L", 2 * L, tau, True),
        (r"\tau \preceq 2L", 2 * L, tau, True),
        ("tau < 2*L", 2 * L, tau, False),
        ("1 ≲ K", K, sympy.Integer(1), True),
    ],
)
def test_hypotheses(source: str, larger: Expr, smaller: Expr, up_to_constants: bool) -> None:
    found = parse_hypothesis(source)
    assert (found.larger, found.smaller, found.up_to_constants) == (larger, smaller, up_to_constants)


@pytest.mark.parametrize("source", ["K", "K >= R >= M", "K = R", "K >= O(R)", ">= K", "K >=", "K ~ R", ""])
def test_what_is_no_hypothesis(source: str) -> None:
    with pytest.raises(TightrateError):
        parse_hypothesis(source)


# Source, column of the place (0 for the formula as a whole), and what the message says.
MALFORMED = [
    ("", 1, "expected a formula"),
    ("L*B^2/", 7, "the formula ends"),
    ("L**", 4, "expected an exponent"),
    ("L*B^/R", 5, "expected an exponent"),
    ("(L*B", 5, "expected ')' to close the '(' of column 1"),
    (r"\frac{L}{R", 11, "expected '}' to close the '{' of column 9"),
    (r"\left(L\right]", 14, "expected ')'"),
    ("L*B)", 4, "no bracket is open"),
    ("log()", 5, "expected a number, a letter or a bracket"),
    ("sqrt L", 6, "in brackets"),
    ("min(L, )", 8, "expected a number"),
    ("exp(K, R)", 1, "one argument"),
    (r"\sqrt[0]{K}", 7, "index of a root"),
    ("K_", 3, "subscript"),
    (r"\bar+", 5, "expected a letter under"),
    (r"\|x_0-x_*", 1, "no closing"),
    ("L*foo", 3, "unknown letter"),
    ("zeta_str", 1, "did you mean zeta_star?"),
    (r"\frac{\xi}{R}", 7, "or a formula such as L/mu"),
    ("HB^2/R", 1, "unknown letter"),
    ("MKR", 1, "did you mean M*K*R?"),
    (r"H\tau", 1, "--letters 'H=NAME'"),
    (r"\fra{L}{R}", 1, r"did you mean \frac?"),
    (r"\sum_k K", 1, "sum over an index"),
    (r"K \gg R", 3, r"\gtrsim"),
    (r"K + \dots", 5, "left out"),
    ("K + o(K)", 5, "lower order"),
    ("K, R", 2, "the formula ends here"),
    (r"K \\ R", 3, "new line"),
    (r"\frac{LB^2\text{ for all }}{R}", 11, "words have no place"),
    ("L/R K", 5, "two readings"),
    (r"\sigma/\mu MKR", 12, "two readings"),
    (r"\log M K", 8, "two readings"),
    (r"K^10\mu", 3, "^{10}"),
    ("K^1/3", 4, "^(1/3)"),
    ("K^R^2", 4, "a second exponent"),
    ("K 2", 3, "a number cannot follow"),
    ("3 4", 3, "a number cannot follow"),
    ("K--R", 3, "expected a number"),
    (r"\zeta_\star_1", 12, "second subscript"),
    (r"\bar\bar\bar\bar K", 13, "accents"),
    ("K/0", 3, "division by zero"),
    ("K/(R-R)", 3, "division by zero"),
    ("0^0", 2, "not defined"),
    ("log(0)", 1, "not a finite real number"),
    ("sqrt(0-2)", 1, "not a finite real number"),
    ("1 + (0-K)^(1/3)", 10, "not a finite real number"),
    ("K - inf", 0, "term 2 of the formula"),
    ("K <= R >= L", 8, "both directions"),
    ("(K <= R)", 4, "relation"),
    ("cases(K if R, 1)", 13, "expected a condition"),
    (r"\begin{matrix}K\end{matrix}", 1, "environment"),
    ("K²³⁴⁵⁶⁷⁸", 2, "digits"),
    ("L*К", 3, "CYRILLIC CAPITAL LETTER KA"),
    ("L\u200b", 2, "ZERO WIDTH SPACE"),
    ("\u202eK", 1, "RIGHT-TO-LEFT OVERRIDE"),
    ("Kᴷ", 2, "MODIFIER LETTER"),
    ("L;DROP", 2, "the formula ends here"),
]


@pytest.mark.parametrize(("source", "column", "reason"), MALFORMED)
def test_malformed_formulas_name_the_place_and_the_reason(source: str, column: int, reason: str) -> None:
    with pytest.raises(TightrateError) as refused:
        parse(source)
    message = str(refused.value)
    assert reason in message
    assert len(message.splitlines()) == 1
    place = re.match(r"column (\d+), at ", message)
    assert (int(place.group(1)) if place else 0) == column


def test_a_place_in_a_formula_of_several_lines() -> None:
    with pytest.raises(TightrateError, match=r"^line 2, column 3, at 'foo'"):
        parse("L +\n  foo")


# Letters


def test_letters_are_pairs_of_the_paper_and_the_alphabet() -> None:
    assert parse_letters(r"H=L, N=M; \zeta_{1,2} = zeta_star") == {"H": "L", "N": "M", r"\zeta_{1,2}": "zeta_star"}
    assert parse(r"\frac{HD_0^2}{N}", parse_letters("H=L,D_0=B,N=M")).terms == (L * B**2 / M,)


def test_given_letters_take_the_place_of_the_usual_ones() -> None:
    assert parse(r"\tau\Delta", {r"\tau": "weak"}).expression == weak * Delta
    assert parse("KR", {"KR": "T"}).expression == T


def test_the_letters_of_a_paper_and_of_a_statement() -> None:
    assert parse(r"\frac{LD_0^2}{KR}", parse_letters("cheng2024")).expression == L * B**2 / (K * R)
    assert parse_letters("patel2024")[r"\zeta_\star"] == "zeta_star"  # the paper's A1, used by its rates
    assert parse_letters("patel2024/prop21")[r"\zeta_\star"] == "zeta_opt"  # its A7, which this statement is about
    assert parse_letters(r"patel2024, \zeta_\star=zeta_opt")[r"\zeta_\star"] == "zeta_opt"


def test_every_paper_has_letters_that_can_be_read_and_told_apart() -> None:
    for paper_id in catalogue.paper_ids():
        notation = catalogue.paper(paper_id).notation
        keys = [spell(latex).key for latex in notation.values()]
        assert len(set(keys)) == len(keys), f"{paper_id} writes two quantities with one letter"


@pytest.mark.parametrize(
    ("letters", "reason"),
    [
        ("H=X", "unknown letter 'X'"),
        ("L=H", "did you mean 'H=L'?"),
        ("d=dimension", "did you mean d=d (dimension)?"),
        ("n=workers", "did you mean n=M (workers"),
        ("H=zeta_str", "did you mean 'zeta_star'"),
        ("L*B=L", "must be one letter"),
        ("=L", "must be one letter"),
        ("patel", "did you mean 'patel2024'"),
        ("patel2024/thm99", "unknown theorem"),
    ],
)
def test_wrong_letters_are_refused(letters: str, reason: str) -> None:
    with pytest.raises(TightrateError, match=re.escape(reason)):
        parse_letters(letters)


# Hostile input


HOSTILE = {
    "nested roots": "sqrt(" * 20_000 + "K" + ")" * 20_000,
    "nested roots within the length": r"\sqrt{" * 1_400 + "K" + "}" * 1_400,
    "roots without braces": r"\sqrt" * 1_900 + "K",
    "brackets": "(" * 4_500 + "K" + ")" * 4_500,
    "bars": "|" * 9_000,
    "accents": r"\bar" * 2_000 + "K",
    "a tower of exponents": "^".join(["9"] * 4_500),
    "a tower in braces": "e^{" * 2_000 + "K" + "}" * 2_000,
    "a huge power": "9^999999",
    "a huge power of a product": "(9*K)^999999",
    "a huge number": "9" * 9_000,
    "a huge scientific number": "1e999999999",
    "a huge product": "*".join(["9" * 30] * 300),
    "many terms": "K+" * 4_500 + "K",
    "a million terms": "K+" * 10**6 + "K",
    "many factors": "K*" * 4_500 + "K",
    "a long denominator": "+".join(f"1/{2 * n + 1}" for n in range(290)),
    "many alternatives": "min(" + ",".join(f"K^{n}" for n in range(1, 400)) + ")",
    "nested alternatives": "min(K," * 500 + "R" + ")" * 500,
    "many full stops before a letter": "K" + "." * 9_000 + "K",
    "many labels": r"\label{K}" * 1_000,
    "many relations": "<=" * 4_500,
    "an import": "__import__('os').system('true')",
    "a lambda": "(lambda: 0)()",
    "an attribute": "K.__class__",
    "a call": "exec(K)",
    "an item": "K['a']",
    "a format": "{K.__init__}",
    "a comprehension": "[K for K in (1, 2)]",
    "an assignment": "K := R; K",
    "a null byte": "K\0",
    "a long word": "z" * 9_000,
    "combining accents": "τ" + "\u0304" * 9_000,
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_input_is_refused_within_a_second(source: str) -> None:
    start = time.process_time()
    with pytest.raises(TightrateError) as refused:
        parse(source)
    assert time.process_time() - start < 1
    assert len(str(refused.value)) < 400
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "nest", ["1/(K+{})", "sqrt(1+{})", "abs(K-{})", "log(1+{})", "(K+{})^(1/3)", "min(K,{})", "ceiling(K/2+{})"]
)
def test_the_deepest_formulas_are_read_within_a_second(nest: str) -> None:
    source = "R"
    for _ in range(20):
        source = nest.format(source)
    start = time.process_time()
    assert parse(source).expression.free_symbols <= {K, R}
    assert time.process_time() - start < 1


SIGNS = r"""+ - * / ^ _ ( ) [ ] { } \{ \} , | \| \left \right & \\ 0 1 2 17 0.5 e ² ⁻ √ ⋆ <= \lesssim = $ ' ~ . ;
    if cases \frac \sqrt \min \max \log \exp min max sqrt log \cdot \begin{cases} \end{cases} \bar \mathrm \text
    O \tilde \mathcal \infty inf \lceil \rceil"""
PIECES = st.sampled_from([*LETTERS, *(known.latex for known in LETTERS.values()), *SIGNS.split()])
FAST = settings(deadline=1_000, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


def only_tightrate_errors(source: str) -> None:
    for read in (parse, parse_hypothesis):
        with suppress(TightrateError):
            read(source)


@FAST
@given(st.text(max_size=200))
@example("\\")
@example("_")
@example("K\\")
@example("𝕂")
def test_any_text_is_read_or_refused(source: str) -> None:
    only_tightrate_errors(source)


@FAST
@given(st.lists(PIECES, max_size=40), st.sampled_from(["", " "]))
def test_any_pieces_of_formulas_are_read_or_refused(pieces: list[str], between: str) -> None:
    only_tightrate_errors(between.join(pieces))


@FAST
@given(st.sampled_from([row[1] for row in PRINTED]), st.data())
def test_any_damaged_formula_is_read_or_refused(source: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, min(len(source), start + 8)))
    only_tightrate_errors(
        source[:start] + data.draw(st.sampled_from(["", "{", "}", "\\", "^", "(", "|"])) + source[end:]
    )


# What a formula means: random formulas are written by rules of their own and evaluated without the reader.


RULES = (
    "sum",
    "product",
    "quotient",
    "power",
    "inverse power",
    "root",
    "maximum",
    "minimum",
    "squared logarithm",
    "distance",
)
Written = tuple[str, str, float]  # plain text, LaTeX, value
VALUES = {"K": 1.5, "R": 2.25, "mu": 0.75, "zeta_star": 3.5, "tau_mean": 0.6}
leaves = st.sampled_from(
    [(name, LETTERS[name].latex, value) for name, value in VALUES.items()]
    + [("2", "2", 2.0), ("0.25", r"\frac14", 0.25), ("7", "7", 7.0)]
)


def _compound(parts: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    def both(rule: str, a: Written, b: Written) -> Written:
        (p, x, u), (q, y, v) = a, b
        rules: Mapping[str, Written] = {
            "sum": (f"({p} + {q})", rf"\left({x}+{y}\right)", u + v),
            "product": (f"({p})*({q})", rf"({x})\,({y})", u * v),
            "quotient": (f"({p})/({q})", rf"\frac{{{x}}}{{{y}}}", u / v),
            "power": (f"({p})^(2/3)", rf"\Big({x}\Big)^{{\frac23}}", u ** (2 / 3)),
            "inverse power": (f"({p})^(-2)", rf"[{x}]^{{-2}}", u**-2),
            "root": (f"sqrt({p})", rf"\sqrt{{{x}}}", u**0.5),
            "maximum": (f"max({p}, {q})", rf"\max\{{{x},{y}\}}", max(u, v)),
            "minimum": (f"min({p}, {q})", rf"\min\left({x}, {y}\right)", min(u, v)),
            "squared logarithm": (f"log(1 + {p})^2", rf"\log^2\big(1+{x}\big)", float(sympy.log(1 + u)) ** 2),
            "distance": (f"(abs({p} - ({q})) + {q})", rf"{{|({x})-({y})|+{y}}}", abs(u - v) + v),
        }
        return rules[rule]

    return st.builds(both, st.sampled_from(RULES), parts, parts)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.recursive(leaves, _compound, max_leaves=8))
def test_formulas_mean_what_they_say(written: Written) -> None:
    plain, printed, value = written
    for source in (plain, f"${printed}$"):
        expression = parse(source).expression
        found = float(expression.subs({symbol(name): number for name, number in VALUES.items()}))
        assert found == pytest.approx(value, rel=1e-9, abs=1e-9)
