"""Khaled, Mishchenko, Richtarik (AISTATS 2020): tighter theory for local SGD on identical and heterogeneous data.

Convex workers, identical or heterogeneous, total steps T = K R.  What is read stands on slides of two of the authors;
the analysis of local gradient descent at a general step is from memory, and at the slides' step it gives the slides'
coefficients exactly, so each formula is written once, at a general step.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Le, Max, Min, sqrt

from tightrate.rates.papers.koloskova2020 import TWO_STEPS_AT_LEAST, TWO_WORKERS, VANILLA
from tightrate.rates.papers.woodworth2020a import IDENTICAL, IDENTICAL_WORKERS
from tightrate.rates.statements.builder import Stated, Statements, memory, quoted
from tightrate.rates.statements.implication import Implication, Specialization, TunedBound
from tightrate.rates.statements.setting import SAMPLE_SMOOTHNESS, Setting
from tightrate.rates.statements.theorem import Condition, Erratum, Paper
from tightrate.rates.symbols.alphabet import B, K, L, M, R, eps, eta, mu, sigma, sigma_star, zeta_star

PAPER = Paper(
    id="khaled2020",
    notation={
        "K": "H",
        "eta": r"\gamma",
        "B": r"\|r_0\|",
        "zeta_star": r"\sigma_f",
        "sigma_star": r"\sigma_{\mathrm{dif}}",
    },
    caution="Known through slides of two of the authors and from memory; the paper's text was not available.",
)

HETEROGENEOUS = "convex, every stochastic gradient $L$-smooth, variance $sigma_star$ at the optimum"
NOISE_AT_OPTIMUM = Setting("local-sgd", {"sigma_star": sigma_star, SAMPLE_SMOOTHNESS: L})
NOISELESS = Setting("local-sgd", {"sigma": 0, "zeta_star": zeta_star})
MEAN_OVER_STEPS = "average over all steps of the workers' mean iterate"

LOCAL_SGD = Statements(PAPER, problem_class=HETEROGENEOUS, iterate=MEAN_OVER_STEPS)
IDENTICAL_DATA = Statements(PAPER, problem_class=IDENTICAL, iterate=MEAN_OVER_STEPS)
LOCAL_GD = Statements(
    PAPER,
    problem_class="convex, $L$-smooth, heterogeneity $zeta_star$ at the optimum, no noise",
    iterate=MEAN_OVER_STEPS,
    holds="deterministically",
)


def theorem_5_terms(step: Expr) -> dict[str, Expr]:
    """4 B^2/(eta K R) + 20 eta sigma_star^2/M + 16 eta^2 L (K-1)^2 sigma_star^2 at the step `step`."""
    return {
        "optimization": 4 * B**2 / (step * K * R),
        "statistical": 20 * step * sigma_star**2 / M,
        "drift": 16 * step**2 * L * (K - 1) ** 2 * sigma_star**2,
    }


def local_gd_terms(step: Expr) -> dict[str, Expr]:
    """2 B^2/(eta K R) + 24 eta^2 L K^2 zeta_star^2 at the step `step`."""
    return {
        "optimization": 2 * B**2 / (step * K * R),
        "heterogeneity drift": 24 * step**2 * L * K**2 * zeta_star**2,
    }


def slide_step(divisor: int) -> Expr:
    """sqrt(M) / (divisor L sqrt(K R)), the step that the slides prescribe."""
    return sqrt(M) / (divisor * L * sqrt(K * R))


@LOCAL_SGD.upper(
    "thm5",
    "Local SGD, convex, heterogeneous, at a general step",
    provenance=quoted("Theorem 5, as on page 31 of the first author's slides of May 2020"),
)
def thm5() -> Stated:
    """Local SGD with plain averaging every $K$ steps; the noise is measured at the optimum only."""
    return Stated(
        theorem_5_terms(eta),
        conditions=(
            VANILLA,
            TWO_WORKERS,
            Condition("step at most $1/(4L)$", Le(4 * eta * L, 1)),
            Condition("step at most $1/(8L(K-1))$", Le(8 * eta * L * (K - 1), 1)),
        ),
        setting=NOISE_AT_OPTIMUM,
    )


@LOCAL_SGD.upper(
    "thm5-slides",
    "Local SGD, convex, heterogeneous, at the prescribed step",
    provenance=quoted("slides of the second author, pages 16-19"),
)
def thm5_slides() -> Stated:
    """Theorem 5 at $eta = sqrt(M) / (8 L sqrt(K R))$, which needs few local steps: $K M <= R$."""
    step = slide_step(8)
    return Stated(
        theorem_5_terms(step),
        conditions=(
            VANILLA,
            TWO_WORKERS,
            Condition("the prescribed step", Eq(eta, step)),
            Condition("few local steps: $K$ at most $sqrt(T/M)$", Le(K * M, R)),
        ),
        steps={"eta": step},
        errata=(
            Erratum(
                "balance",
                "The bound displayed with it balances at $K - 1$ of order $T^(1/4) M^(-3/4)$, as the slides of the"
                " first author have it; the printed $K$ is small enough.",
                "$M (K-1)^2 / T$ equals $1/sqrt(M T)$ at $(K-1)^2 = T^(1/2) M^(-3/2)$.",
                kind="misprint",
                where="slides of the second author, pages 16-19; not the paper",
                printed="$K = 1 + floor(T^(1/4) M^(-3/2))$",
            ),
        ),
        setting=NOISE_AT_OPTIMUM,
    )


@LOCAL_SGD.upper(
    "thm5-rounds",
    "Local SGD, convex, heterogeneous: rounds to reach an accuracy",
    notation={"eps": r"\varepsilon"},
    constants="hidden",
    measure="rounds",
    provenance=quoted("slides of the first author, pages 32-33"),
)
def thm5_rounds() -> Stated:
    """So many communications suffice for the accuracy $eps$; $K = 1 + floor(T^(1/4) M^(-3/4))$ local steps keep the
    leading term of mini-batch SGD."""
    return Stated(
        {"rounds": B**2 / eps * Max(L, sigma_star**2 / (K * M * eps), sqrt(L) * sigma_star / sqrt(eps))},
        conditions=(VANILLA,),
        errata=(
            Erratum(
                "communications",
                "$T/K$ at that $K$ is of the order $T^(3/4) M^(3/4)$.",
                "$T / (T^(1/4) M^(-3/4)) = T^(3/4) M^(3/4)$: more workers leave fewer local steps.",
                kind="misprint",
                where="slides of the first author, page 32; not the paper",
                printed="$C = Omega(min(T, T^(3/4) M^(-3/4)))$",
            ),
        ),
    )


@IDENTICAL_DATA.upper(
    "identical-convex",
    "Local SGD, convex, identical workers, at a general step",
    provenance=quoted("slides of the first author, page 44"),
)
def identical_convex() -> Stated:
    """Local SGD with plain averaging every $K$ steps on workers with the same data."""
    return Stated(
        {
            "optimization": 2 * B**2 / (eta * K * R),
            "statistical": 2 * eta * sigma**2 / M,
            "noise drift": 4 * eta**2 * L * (K - 1) * sigma**2,
        },
        conditions=(VANILLA, Condition("step at most $1/(4L)$", Le(4 * eta * L, 1))),
        setting=IDENTICAL_WORKERS,
    )


@IDENTICAL_DATA.upper(
    "identical-strongly-convex",
    "Local SGD, strongly convex, identical workers",
    measure="squared-distance",
    constants="hidden with logs",
    notation={"sigma_star": r"\sigma_{\mathrm{opt}}"},
    problem_class="strongly convex, identical workers, variance $sigma_star$ at the optimum",
    iterate="last iterate",
    provenance=quoted("slides of the first author, pages 41-42"),
)
def identical_strongly_convex() -> Stated:
    """Up to logarithms; $K = 1 + floor(T mu / (L M))$ local steps cost no more than one, with $min(T, M L / mu)$
    communications; one communication at the end leaves $sigma_star^2 L / (mu^3 T)$."""
    return Stated(
        {
            "optimization": B**2 / (K * R) ** 2,
            "statistical": sigma_star**2 / (mu**2 * M * K * R),
            "noise drift": sigma_star**2 * L * (K - 1) / (mu**3 * (K * R) ** 2),
        },
        conditions=(VANILLA,),
    )


@LOCAL_GD.upper(
    "local-gd",
    "Local gradient descent, convex, heterogeneous, at a general step",
    provenance=memory("local gradient descent (first analysis, 2019)"),
)
def local_gd() -> Stated:
    """Local gradient descent without noise; plain averaging every $K$ steps."""
    return Stated(
        local_gd_terms(eta),
        conditions=(VANILLA, Condition("step at most $1/(4LK)$", Le(4 * eta * L * K, 1))),
        setting=NOISELESS,
    )


@LOCAL_GD.upper(
    "local-gd-slides",
    "Local gradient descent, convex, heterogeneous, at the prescribed step",
    provenance=quoted("slides of the second author, pages 9-12"),
)
def local_gd_slides() -> Stated:
    """Local gradient descent at $eta = sqrt(M) / (4 L sqrt(K R))$, which needs $K M <= R$."""
    step = slide_step(4)
    return Stated(
        local_gd_terms(step),
        conditions=(
            VANILLA,
            Condition("the prescribed step", Eq(eta, step)),
            Condition("few local steps: $K$ at most $sqrt(T/M)$", Le(K * M, R)),
        ),
        steps={"eta": step},
        setting=NOISELESS,
    )


def implications() -> Iterator[Implication]:
    """One local step, the steps of the slides, and the best steps."""
    yield Specialization("khaled2020/thm5", "dekel2012/fixed-step", "~", {"K": 1, "sigma_star": sigma}, {"K": 1})
    yield Specialization("khaled2020/thm5", "khaled2020/thm5-slides", "=", {"eta": slide_step(8)})
    yield Specialization("khaled2020/local-gd", "khaled2020/local-gd-slides", "=", {"eta": slide_step(4)})
    yield Specialization("khaled2020/identical-convex", "chezhegov2024/local-id-c", "=")
    yield TunedBound("khaled2020/local-gd", "koloskova2020/convex", "~", target_at={"sigma": 0}, cap=1 / (4 * L * K))
    yield TunedBound(
        "khaled2020/thm5",
        "chezhegov2024/heterogeneous",
        "~",
        target_at={"d_min": 1, "d_max": 1, "B_scaled": B},
        given=TWO_STEPS_AT_LEAST,
        cap=Min(1 / (4 * L), 1 / (8 * L * (K - 1))),
    )
