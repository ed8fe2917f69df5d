"""Woodworth, Patel, Srebro (NeurIPS 2020): minibatch versus local SGD for heterogeneous workers.

Upper bounds for local SGD under uniform first-order heterogeneity zeta, and a lower bound for every algorithm.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Le, Min, sqrt

from tightrate.rates.papers.dekel2012 import QUOTED_IN_TABLE_1, statistical
from tightrate.rates.papers.ghadimi2012 import accelerated_optimization
from tightrate.rates.papers.koloskova2020 import HETEROGENEOUS_AT_OPTIMUM, TWO_WORKERS, VANILLA, heterogeneity_drift
from tightrate.rates.papers.woodworth2020a import convex_terms
from tightrate.rates.statements.builder import Stated, Statements, quoted
from tightrate.rates.statements.family import Family
from tightrate.rates.statements.implication import Implication, SolvedBound, Specialization
from tightrate.rates.statements.matching import Matching
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Erratum, Paper
from tightrate.rates.symbols.alphabet import B, K, L, M, R, eps, mu, sigma, zeta, zeta_star

PAPER = Paper(
    id="woodworth2020",
    notation={"L": "H", "mu": r"\lambda", "zeta": r"\bar\zeta"},
    caution="Known through the tables of Patel et al. (2024).",
)

QUOTED_IN_TABLE_2 = "as quoted in Patel et al. (COLT 2024), Table 2, log factors dropped"
NOISE_BELOW_START = Condition("the statistical term is at most $L B^2$", Le(sigma, L * B * sqrt(M * K * R)))
NOISE_DRIFT_BELOW_START = Condition("the noise drift is at most $L B^2$", Le(sigma, L * B * R * sqrt(K)))
DRIFT_BELOW_START = Condition("the heterogeneity drift is at most $L B^2$", Le(zeta_star, L * B * R))
ZERO_RESPECTING = "distributed zero-respecting"

LOCAL_SGD = Statements(PAPER, constants="hidden with logs", iterate="an average of the iterates")


@LOCAL_SGD.upper(
    "convex",
    "Local SGD, convex, uniform heterogeneity",
    problem_class="convex, $L$-smooth, uniform heterogeneity $zeta$",
    provenance=quoted(QUOTED_IN_TABLE_2),
)
def convex() -> Stated:
    """Local SGD with plain averaging; the gradients of the workers differ by at most $zeta$ everywhere."""
    return Stated(
        {**convex_terms(), "heterogeneity drift": heterogeneity_drift(zeta)},
        conditions=(VANILLA,),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta": zeta}),
    )


@LOCAL_SGD.upper(
    "strongly-convex",
    "Local SGD, strongly convex, uniform heterogeneity",
    problem_class="strongly convex, $L$-smooth, uniform heterogeneity $zeta$",
    provenance=quoted(f"{QUOTED_IN_TABLE_2}, with the numerator $H^2 B^2$ (erratum)"),
)
def strongly_convex() -> Stated:
    """Local SGD with plain averaging; the gradients of the workers differ by at most $zeta$ everywhere."""
    return Stated(
        {
            "optimization": L**2 * B**2 / (L * K * R + mu * K**2 * R**2),
            "statistical": sigma**2 / (mu * M * K * R),
            "heterogeneity drift": L * zeta**2 / (mu**2 * R**2),
            "noise drift": L * sigma**2 / (mu**2 * K * R**2),
        },
        conditions=(VANILLA,),
        errata=(
            Erratum(
                "numerator",
                "$L^2 B^2$ over $L K R + mu K^2 R^2$ is meant; a misprint of the table that quotes the bound.",
                "$L B^2 / (L K R)$ is a squared length, not a value; with $L^2 B^2$ the term equals the convex row's"
                " $L B^2 / (K R)$ as the strong convexity vanishes.",
                kind="misprint",
                where="Table 2 of Patel et al. (2024), strongly convex row; not the quoted paper",
                printed="$L B^2$ over $L K R + mu K^2 R^2$",
            ),
        ),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta": zeta, "mu": mu}),
    )


@LOCAL_SGD.lower(
    "lower",
    "Algorithm-independent lower bound, heterogeneity at the optimum",
    algorithm=ZERO_RESPECTING,
    problem_class=HETEROGENEOUS_AT_OPTIMUM,
    iterate="any output",
    provenance=quoted(QUOTED_IN_TABLE_1),
)
def lower() -> Stated:
    """Some instance forces every distributed zero-respecting algorithm to stay above this; Patel et al. (2024, Thm 11)
    later removed the minimum."""
    return Stated(
        {
            "optimization": Min(accelerated_optimization(), zeta_star**2 / (L * R**2), zeta_star * B / R),
            "statistical": statistical(),
        },
        conditions=(TWO_WORKERS, NOISE_BELOW_START),
        setting=Setting("zero-respecting", {"sigma": sigma, "zeta_star": zeta_star}),
    )


def families() -> Iterator[Family]:
    """What a lower bound for every algorithm is stated for."""
    yield Family("zero-respecting", "every algorithm that moves only in coordinates that it has seen in a gradient")


def implications() -> Iterator[Implication]:
    """No heterogeneity, heterogeneity at the optimum, and the heterogeneity that an accuracy tolerates."""
    yield Specialization("woodworth2020/convex", "woodworth2020a/convex", "=", {"zeta": 0})
    yield Specialization("woodworth2020/convex", "koloskova2020/convex", "<~", {"zeta": zeta_star})
    yield SolvedBound("woodworth2020/convex", "patel2024/eq10-old", "=", letter="zeta", value=eps)


def matching() -> Iterator[Matching]:
    """The statistical term of local SGD."""
    yield Matching("koloskova2020/convex", "woodworth2020/lower")


def misprints() -> Iterator[Misprint]:
    """The strongly convex row of the table that quotes this paper."""
    yield Misprint(
        "woodworth2020-strongly-convex",
        PAPER.id,
        "strongly convex row as quoted in Patel et al. (2024), Table 2",
        L * B**2 / (L * K * R + mu * K**2 * R**2),
        MEASURES["gap"],
        strongly_convex().bound.term("optimization").expression,
        "length^2",
        "With $H^2 B^2$ in the numerator the term has the unit of a value and agrees with the convex row at $mu = 0$.",
    )
