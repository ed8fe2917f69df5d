"""Local SGD as on slides of the authors: the coefficients of the displayed bounds, and the number of local steps."""

from __future__ import annotations

from collections.abc import Mapping

import sympy
from sympy import Expr, Integer, Rational, Symbol, sqrt

from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import B, K, L, M, R, T, eta, sigma_star, zeta_star
from tightrate.verify.assertions.order import Order, at_most
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.claim import claim
from tightrate.verify.papers.chezhegov2024.algebra import simplified

SGD: Mapping[str, Expr] = {
    "optimization": 32 * L * B**2 / sqrt(M * T),
    "statistical": Rational(5, 2) * sigma_star**2 / (L * sqrt(M * T)),
    "drift": sigma_star**2 * M * (K - 1) ** 2 / (4 * L * T),
}
GRADIENT_DESCENT: Mapping[str, Expr] = {
    "optimization": 8 * L * B**2 / sqrt(M * T),
    "heterogeneity drift": Rational(3, 2) * M * zeta_star**2 * K**2 / (L * T),
}


def at_step(general: str, step: Expr, displayed: Mapping[str, Expr]) -> dict[str, tuple[Expr, Expr]]:
    """Each term of a bound at a general step, with the step put in, beside the displayed one, K R = T."""
    return {
        term.name: (term.expression.xreplace({eta: step}).xreplace({R: T / K}), displayed[term.name])
        for term in statement(general).bound.terms
    }


@claim(
    "khaled2020/slides-coefficients",
    "At $eta = sqrt(M)/(8 L sqrt(T))$ the heterogeneous bound of Khaled et al. at a general step has the"
    " coefficients 32, 5/2 and 1/4 of the authors' slides, and $K <= sqrt(T/M)$ is $eta <= 1/(8LK)$.",
    theorem="khaled2020/thm5-slides",
    kind="identity",
    expected="confirmed",
)
def slides_coefficients(theorem: Theorem) -> Symbolic:
    """Each term at the prescribed step against the displayed one, by computer algebra."""
    step = theorem.step("eta")
    most = (8 * step.xreplace({R: T / K}) * L * K).subs(K, sqrt(T / M))
    terms = at_step("khaled2020/thm5", step, SGD)
    return Symbolic({**terms, "8 eta L K at the most local steps": (most, Integer(1))}, simplify=simplified)


@claim(
    "khaled2020/slides-local-gd",
    "At $eta = sqrt(M)/(4 L sqrt(T))$ the bound for local gradient descent at a general step has the coefficients 8"
    " and 3/2 of the slides.",
    theorem="khaled2020/local-gd-slides",
    kind="identity",
    expected="confirmed",
)
def slides_local_gd(theorem: Theorem) -> Symbolic:
    """Each term at the prescribed step against the displayed one, by computer algebra."""
    return Symbolic(at_step("khaled2020/local-gd", theorem.step("eta"), GRADIENT_DESCENT), simplify=simplified)


def balanced_at(theorem: Theorem, local_steps: Expr) -> Order:
    """Drift and noise are of the same order where K - 1 is of the order of `local_steps`."""
    more = Symbol("more", positive=True)  # K - 1
    drift, noise = (
        sympy.powdenest(sympy.simplify(by_more.subs(more, local_steps)), force=True)
        for by_more in (
            theorem.bound.term(name).expression.xreplace({R: T / K}).subs(K, more + 1)
            for name in ("drift", "statistical")
        )
    )
    return Order(
        (at_most(drift, noise, name="drift <~ noise"), at_most(noise, drift, name="noise <~ drift")), "drift ~ noise"
    )


@claim(
    "khaled2020/slides-balance",
    "The drift and the noise of the slides' bound balance at $K - 1$ of order $T^{1/4} M^{-3/4}$.",
    theorem="khaled2020/thm5-slides",
    kind="scaling",
    expected="confirmed",
)
def slides_balance(theorem: Theorem) -> Order:
    """Both terms at that number of local steps, each of the order of the other by the order algebra."""
    return balanced_at(theorem, T ** Rational(1, 4) * M ** Rational(-3, 4))


@claim(
    "khaled2020/slides-balance-as-printed",
    "The drift and the noise of the slides' bound balance at their $K - 1 = T^{1/4} M^{-3/2}$.",
    theorem="khaled2020/thm5-slides",
    kind="erratum",
    accuses="balance",
    expected="violated",
)
def slides_balance_as_printed(theorem: Theorem) -> Order:
    """Both terms at the number of local steps that the slides call optimal, by the order algebra.

    It is enough, but not optimal: along growing $M$ the drift stays below the noise by $M^{-3/2}$."""
    return balanced_at(theorem, T ** Rational(1, 4) * M ** Rational(-3, 2))
