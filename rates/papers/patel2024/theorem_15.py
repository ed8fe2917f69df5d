"""Theorem 15: convex workers with second-order heterogeneity and third-order smoothness, and what it buys."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Ge, Min, Pow, Rational, sqrt

from tightrate.rates.papers import dekel2012, koloskova2020, woodworth2020a, yuan2020
from tightrate.rates.papers.patel2024 import PAPER
from tightrate.rates.papers.patel2024.assumptions import (
    A1,
    A2,
    A3,
    HIGHER_ORDER,
    HIGHER_ORDER_CLASS,
    IN_BALL,
    NOISE_BELOW_START,
    STEP_AT_MOST_HALF,
    UNIFORM_AVERAGE,
    VANILLA,
)
from tightrate.rates.papers.patel2024.errata import E2, E3, E6
from tightrate.rates.papers.patel2024.terms import minibatch_terms
from tightrate.rates.statements.builder import Stated, Statements, corrected, read
from tightrate.rates.statements.implication import Implication, SolvedBound, Specialization
from tightrate.rates.statements.matching import Matching
from tightrate.rates.statements.setting import DISSIMILARITY_IN_BALL, Setting
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import B, D, K, Q, R, eps, sigma, tau, zeta, zeta_star
from tightrate.rates.symbols.monomial import monomial

CONVEX_WORKERS = Statements(PAPER, constants="hidden with logs", problem_class=HIGHER_ORDER, iterate=UNIFORM_AVERAGE)


def _drift_terms(prefix: str, heterogeneity: Expr) -> dict[str, Expr]:
    """The two drift terms of Theorem 15 for a first-order heterogeneity."""
    return {
        f"{prefix} drift": (tau * heterogeneity * B**3) ** Rational(1, 2) / sqrt(R),
        f"third-order {prefix}": (Q * heterogeneity**2 * B**5) ** Rational(1, 3) / R ** Rational(2, 3),
    }


def _thm15_common_terms() -> dict[str, Expr]:
    return {
        "optimization": woodworth2020a.local_optimization(),
        "statistical": dekel2012.statistical(),
        "noise drift": (tau * sigma * B**3) ** Rational(1, 2) / (K ** Rational(1, 4) * sqrt(R)),
        "third-order noise": yuan2020.third_order_noise(),
    }


@CONVEX_WORKERS.upper(
    "thm15", "Local SGD with second-order heterogeneity, convex", provenance=read("Theorem 15, version I")
)
def thm15() -> Stated:
    """With plain averaging and a suitable fixed inner step, up to logarithms, for workers whose dissimilarity on the
    ball of radius $D$ about 0 is at most $zeta$. This is version I, the one of Table 2."""
    return Stated(
        {**_thm15_common_terms(), **_drift_terms("heterogeneity", zeta)},
        conditions=(VANILLA, STEP_AT_MOST_HALF, A2, A3, IN_BALL),
        errata=(E3, E6),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, DISSIMILARITY_IN_BALL: zeta, "D": D}),
    )


@CONVEX_WORKERS.upper(
    "thm15-zeta-star",
    "Local SGD with second-order heterogeneity, convex, heterogeneity at the optimum only",
    provenance=corrected("Theorem 15, version II, on a ball that reaches the optimum (erratum E2)"),
)
def thm15_zeta_star() -> Stated:
    """With plain averaging and a suitable fixed inner step, up to logarithms, for workers with heterogeneity
    $zeta_star$ at the optimum: version II, which is version I with $zeta <= zeta_star + tau D$ split up."""
    return Stated(
        {
            **_thm15_common_terms(),
            **_drift_terms("heterogeneity", zeta_star),
            **_drift_terms("curvature", tau * D),
        },
        conditions=(
            VANILLA,
            STEP_AT_MOST_HALF,
            A1,
            A3,
            IN_BALL,
            Condition("the ball reaches as far as the optimum (then $D + B$ has the order of $D$)", Ge(D, B)),
        ),
        errata=(E2, E3, E6),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, "zeta_star": zeta_star, "D": D}),
    )


def _largest_heterogeneity(term: Expr) -> Expr:
    """The largest zeta for which the term, a power law in zeta, is at most the accuracy."""
    power = monomial(term).exponents["zeta"]
    return Pow(eps / term.subs(zeta, 1), 1 / power)


@CONVEX_WORKERS.upper(
    "eq10-old",
    "Heterogeneity tolerated by the first-order theory",
    constants="hidden",
    measure="tolerance",
    problem_class="convex, $L$-smooth, uniform heterogeneity $zeta$",
    provenance=read("comparison (10)"),
)
def eq10_old() -> Stated:
    """For large $K$, local SGD reaches the accuracy $eps$ in $R$ rounds if $zeta$ is at most of this order, by the
    bound that uses smoothness only."""
    return Stated(
        {"tolerance": _largest_heterogeneity(koloskova2020.heterogeneity_drift(zeta))}, conditions=(VANILLA, A2)
    )


@CONVEX_WORKERS.upper(
    "eq10-new",
    "Heterogeneity tolerated by the theory with second- and third-order assumptions",
    measure="tolerance",
    provenance=read("comparison (10)"),
)
def eq10_new() -> Stated:
    """For large $K$, local SGD reaches the accuracy $eps$ in $R$ rounds if $zeta$ is at most of this order (thm15)."""
    drifts = _drift_terms("heterogeneity", zeta).values()
    return Stated(
        {"tolerance": Min(*(_largest_heterogeneity(term) for term in drifts))},
        conditions=(VANILLA, A2, A3, IN_BALL),
        errata=(E6,),
    )


@CONVEX_WORKERS.lower(
    "remark18",
    "Mini-batch SGD cannot gain from equal workers",
    constants="hidden",
    algorithm="minibatch-sgd",
    problem_class="equal convex quadratic workers",
    iterate="last iterate",
    provenance=read("Remark 18"),
)
def remark18() -> Stated:
    """Even on equal quadratic workers ($zeta_star = tau = Q = 0$) mini-batch SGD with any step stays above this; it is
    conjectured (Conjecture 17) that local SGD gains when $tau$, $Q B$, $sigma$ and $zeta_star$ are small."""
    return Stated(
        minibatch_terms(),
        conditions=(NOISE_BELOW_START,),
        setting=Setting("minibatch-sgd", {"sigma": sigma, "zeta": 0, "Q": 0}),
    )


def implications() -> Iterator[Implication]:
    """Equal workers, the two versions of Theorem 15, and the heterogeneity that it tolerates."""
    yield Specialization("patel2024/thm15", "yuan2020/convex", "=", {"tau": 0, "zeta": 0})
    yield Specialization("patel2024/thm15", "woodworth2020a/quadratic", "~", {"tau": 0, "Q": 0})
    yield Specialization("patel2024/thm15", "patel2024/thm15-zeta-star", "~", {"zeta": zeta_star + tau * D})
    yield Specialization("patel2024/thm15-zeta-star", "patel2024/thm15", "=", {"tau": 0}, {"tau": 0, "zeta": zeta_star})
    yield SolvedBound("patel2024/thm15", "patel2024/eq10-new", "=", letter="zeta", value=eps)
    yield Specialization("patel2024/remark18", "dekel2012/convex", "=")


def matching() -> Iterator[Matching]:
    """Remark 18 has both terms of mini-batch SGD."""
    for upper in ("dekel2012/convex", "dekel2012/explicit", "khaled2025/minibatch", "woodworth2020a/quadratic"):
        yield Matching(upper, "patel2024/remark18")
