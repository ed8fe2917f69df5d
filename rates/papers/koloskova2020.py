"""Koloskova, Loizou, Boreiri, Jaggi, Stich (ICML 2020): local and decentralized SGD with heterogeneity at the optimum.

The upper bound for local SGD that the lower bound of Patel et al. (2024, Thm 9) matches term by term.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Ge, Rational

from tightrate.rates.papers.dekel2012 import QUOTED_IN_TABLE_1, optimization, statistical
from tightrate.rates.statements.builder import Stated, Statements, quoted
from tightrate.rates.statements.family import FROM_GRADIENTS, Family, SpecialCase
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Paper
from tightrate.rates.symbols.alphabet import B, K, L, M, R, gamma, sigma, zeta_star
from tightrate.rates.symbols.hypothesis import Hypothesis

PAPER = Paper(
    id="koloskova2020",
    notation={"K": r"\tau", "M": "n"},
    caution="Known through the table of Patel et al. (2024); the paper itself states rates for changing topologies.",
)

HETEROGENEOUS_AT_OPTIMUM = "convex, $L$-smooth, heterogeneity $zeta_star$ at the optimum"
VANILLA = Condition("plain averaging, outer step 1", Eq(gamma, 1))
TWO_LOCAL_STEPS = Condition("at least two local steps", Ge(K, 2))
TWO_WORKERS = Condition("at least two workers", Ge(M, 2))
THIRD = Rational(1, 3)
TWO_STEPS_AT_LEAST = (Hypothesis(K, K - 1, "K >= 2"), Hypothesis(K**2, K**2 - 1, "K >= 2"))
ONE_WORKER_WITH_ALL_STEPS = {"K": 1, "M": 1, "R": K * R}
DRIFT_AT_ONE_STEP = (
    "At $K = 1$ nothing drifts, but the drift terms carry $K$ and not $K - 1$, so the rate of mini-batch SGD is not"
    " recovered."
)
DRIFT_OF_ONE_WORKER = (
    "One worker cannot drift from the average, but the drift terms carry no factor $1 - 1/M$, so the rate of SGD"
    " with $K R$ steps is not recovered."
)

LOCAL_SGD = Statements(PAPER, problem_class=HETEROGENEOUS_AT_OPTIMUM, iterate="an average of the iterates")


def noise_drift() -> Expr:
    """(L sigma^2 B^4)^(1/3) / (K^(1/3) R^(2/3)): the workers drift apart by their noise."""
    return (L * sigma**2 * B**4) ** THIRD / (K**THIRD * R ** (2 * THIRD))


def heterogeneity_drift(level: Expr) -> Expr:
    """(L zeta^2 B^4)^(1/3) / R^(2/3): the workers drift apart because their objectives differ by `level`."""
    return (L * level**2 * B**4) ** THIRD / R ** (2 * THIRD)


def convex_terms() -> dict[str, Expr]:
    """The four terms of the convex rate of local SGD under heterogeneity at the optimum."""
    return {
        "optimization": optimization(),
        "noise drift": noise_drift(),
        "statistical": statistical(),
        "heterogeneity drift": heterogeneity_drift(zeta_star),
    }


@LOCAL_SGD.upper(
    "convex",
    "Local SGD, convex, with heterogeneity at the optimum",
    constants="hidden with logs",
    provenance=quoted(QUOTED_IN_TABLE_1),
)
def convex() -> Stated:
    """Local SGD with plain averaging and one tuned step size."""
    setting = Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star})
    return Stated(convex_terms(), conditions=(VANILLA,), setting=setting)


def families() -> Iterator[Family]:
    """Local SGD, which is mini-batch SGD at one local step."""
    yield Family(
        "local-sgd",
        "local SGD with plain averaging and one free inner step",
        contains=(SpecialCase("minibatch-sgd", "one local step", {K: 1}),),
        reduces_to=(FROM_GRADIENTS, SpecialCase("minibatch-sgd", "one local step", {K: 1})),
    )


def implications() -> Iterator[Implication]:
    """One local step, one worker, no noise, and a shared optimum."""
    yield Specialization(
        "koloskova2020/convex",
        "woodworth2020a/convex",
        "<~",
        {"zeta_star": 0},
        fails_because="Workers that share an optimum need not be identical: $L B^2 / R$ stays, $K$ times the"
        " homogeneous term. This is no weakness of the proof but Proposition 7 of patel2024.",
    )
    yield Specialization(
        "koloskova2020/convex", "dekel2012/convex", "<~", {"K": 1}, {"K": 1}, fails_because=DRIFT_AT_ONE_STEP
    )
    yield Specialization(
        "koloskova2020/convex",
        "dekel2012/convex",
        "<~",
        {"M": 1, "zeta_star": 0},
        ONE_WORKER_WITH_ALL_STEPS,
        fails_because=DRIFT_OF_ONE_WORKER,
    )
    yield Specialization("koloskova2020/convex", "koloskova2020/convex", "=", {"sigma": 0}, {"sigma": 0, "M": 1})
