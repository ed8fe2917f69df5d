"""Glasgow, Yuan, Ma (AISTATS 2022): sharp bounds for federated averaging (local SGD).

Lower bounds for local SGD with plain averaging, homogeneous and heterogeneous; the homogeneous one matches the known
upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Min, sqrt

from tightrate.rates.papers.dekel2012 import QUOTED_IN_TABLE_1, statistical
from tightrate.rates.papers.koloskova2020 import (
    HETEROGENEOUS_AT_OPTIMUM,
    TWO_LOCAL_STEPS,
    TWO_WORKERS,
    VANILLA,
    heterogeneity_drift,
    noise_drift,
)
from tightrate.rates.papers.woodworth2020 import DRIFT_BELOW_START, NOISE_BELOW_START, NOISE_DRIFT_BELOW_START
from tightrate.rates.papers.woodworth2020a import IDENTICAL, IDENTICAL_WORKERS, local_optimization
from tightrate.rates.statements.builder import Stated, Statements, memory, quoted
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.matching import Matching
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Erratum, Paper
from tightrate.rates.symbols.alphabet import B, K, L, R, sigma, zeta_star

PAPER = Paper(
    id="glasgow2022",
    notation={"L": "H"},
    caution="The heterogeneous bound is known through the table of Patel et al. (2024).",
)

HOMOGENEOUS_DOMAIN = (TWO_LOCAL_STEPS, VANILLA, NOISE_BELOW_START, NOISE_DRIFT_BELOW_START)
DOMAIN = Erratum(
    "domain",
    "The bound also needs two local steps, $sigma$ at most of order $L B R sqrt(K)$ and, for the heterogeneity drift,"
    " two workers and $zeta_star$ at most of order $L B R$; these conditions are added here. Whether the original has"
    " them is not known.",
    "With one local step the method is mini-batch SGD, one worker is not heterogeneous, and no lower bound can exceed"
    " the gap at the start, $L B^2 / 2$ (patel2024/start).",
    kind="conditional",
    where="Table 1 of Patel et al. (2024), for the homogeneous bound our memory",
    printed="no restriction except $sigma B / sqrt(M K R) <= L B^2$",
    certainty="unseen",
)

LOCAL_SGD = Statements(PAPER)


def single_worker() -> Expr:
    """sigma B / sqrt(K R): the statistical term of one worker alone."""
    return sigma * B / sqrt(K * R)


def homogeneous_terms() -> dict[str, Expr]:
    """The terms that homogeneous workers cause."""
    return {
        "optimization": local_optimization(),
        "noise drift": Min(single_worker(), noise_drift()),
        "statistical": statistical(),
    }


@LOCAL_SGD.lower(
    "lower",
    "Lower bound for local SGD, heterogeneity at the optimum",
    constants="hidden with logs",
    problem_class=HETEROGENEOUS_AT_OPTIMUM,
    provenance=quoted(QUOTED_IN_TABLE_1),
)
def lower() -> Stated:
    """Some instance keeps local SGD with plain averaging above this at every fixed step size."""
    return Stated(
        {**homogeneous_terms(), "heterogeneity drift": Min(zeta_star**2 / L, heterogeneity_drift(zeta_star))},
        conditions=(*HOMOGENEOUS_DOMAIN, TWO_WORKERS, DRIFT_BELOW_START),
        errata=(DOMAIN,),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star}),
    )


@LOCAL_SGD.lower(
    "lower-homogeneous",
    "Lower bound for local SGD, homogeneous workers",
    constants="hidden",
    problem_class=IDENTICAL,
    provenance=memory("homogeneous lower bound for federated averaging"),
)
def lower_homogeneous() -> Stated:
    """The noise-drift term of the upper bound is needed: a piecewise quadratic with noise keeps local SGD with plain
    averaging above this at every fixed step size."""
    return Stated(homogeneous_terms(), conditions=HOMOGENEOUS_DOMAIN, errata=(DOMAIN,), setting=IDENTICAL_WORKERS)


def implications() -> Iterator[Implication]:
    """Without heterogeneity the first bound is the second."""
    yield Specialization("glasgow2022/lower", "glasgow2022/lower-homogeneous", "=", {"zeta_star": 0})


def matching() -> Iterator[Matching]:
    """The optimization and the statistical term of local SGD; at the optimum also the drift by heterogeneity."""
    for upper in ("khaled2025/eq2", "khaled2025/eq2-explicit", "woodworth2020a/convex"):
        yield Matching(upper, "glasgow2022/lower-homogeneous")
    for upper in ("koloskova2020/convex", "khaled2020/local-gd"):
        yield Matching(upper, "glasgow2022/lower")
