"""Theorem 2: local SGD with outer heavy-ball momentum, which acts through the adjusted outer step."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Le, Lt, Max, Pow, Rational

from tightrate.rates.papers.khaled2025 import LOCAL_SGD, PROOFS, QUADRATIC, identical_workers
from tightrate.rates.papers.khaled2025.generalized_local_sgd import ANY_OUTER_STEP, CROSS_TERM
from tightrate.rates.statements.builder import Stated, derived, own
from tightrate.rates.statements.family import FROM_GRADIENTS, Family, SpecialCase
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import B, K, L, M, R, curvature, eta, gamma, momentum, sigma

OUTER_MOMENTUM = LOCAL_SGD.sharing(algorithm="local-sgd-outer-momentum")
SETTING = identical_workers("local-sgd-outer-momentum")
ADJUSTED = gamma / (1 - momentum)  # the momentum-adjusted outer step
ADJUSTED_EXCESS = Max(ADJUSTED - 1, 0)
LEGIBLE_LIMIT = Rational(1, 16)
STEPS_WITH_MOMENTUM = Condition(
    "the same with the momentum-adjusted outer step $gamma/(1 - momentum)$",
    Le(eta * L * (1 + ADJUSTED_EXCESS * K), Rational(1, 4)),
)


def momentum_condition(limit: Rational = LEGIBLE_LIMIT, power: int = 2) -> Condition:
    """The second condition of Theorem 2; `power=1` is the paper's as far as legible, which is not enough (see thm2)."""
    return Condition(
        f"$eta gamma momentum L K/(1 - momentum)^{power}$ is at most {limit}",
        Le(eta * gamma * momentum * L * K / (1 - momentum) ** power, limit),
    )


@OUTER_MOMENTUM.upper("thm2", "Local SGD with outer momentum", provenance=derived("Theorem 2", f"{PROOFS}#thm2"))
def thm2() -> Stated:
    """Momentum acts through the adjusted outer step $gamma$ / (1 - momentum); it widens the admissible range of $gamma$
    and leaves the trade-off as it is."""
    return Stated(
        {
            "optimization": 4 * (1 - momentum) * B**2 / (gamma * eta * R * K),
            "statistical": 4 * eta * sigma**2 * Max(1, ADJUSTED) / M,
            "momentum noise": 8 * gamma * momentum * eta * sigma**2 / ((1 - momentum) ** 2 * M),
            "noise drift": 4 * L * eta**2 * sigma**2 * (K - 1),
        },
        conditions=(STEPS_WITH_MOMENTUM, momentum_condition(), CROSS_TERM),
        errata=(
            Erratum(
                "power of 1 - momentum",
                "Our derivation needs the square of 1 - momentum. With the first power no bound with a universal"
                " constant times (1 - momentum) $B^2 / (gamma eta R K)$ can hold; the printed bound itself was not"
                " seen, and this is not called an error of the paper.",
                "$f = (L/8) x^2$ for $x > 0$ and $(L/2) x^2$ otherwise, $K = M = 1$, no noise, $gamma = 1$ - momentum,"
                " $eta = 1/(16 L)$, $R$ = 1/(1 - momentum): the gap exceeds the term by a factor that grows like 1/(1"
                " - momentum), about 13 at 1 - momentum = 1e-5.",
                kind="conditional",
                where="Theorem 2, second condition",
                printed="$eta gamma momentum L K / (1 - momentum) <= 1/16$",
                certainty="legible",
            ),
        ),
        setting=SETTING,
    )


@OUTER_MOMENTUM.upper(
    "thm2-safe",
    "Local SGD with outer momentum, constants proved for every convex smooth objective",
    provenance=own("Theorem 2 without its shortcut", f"{PROOFS}#thm2-safe"),
)
def thm2_safe() -> Stated:
    """Theorem 2 with the cross term bounded by Young's inequality."""
    return Stated(
        {
            "optimization": 8 * (1 - momentum) * B**2 / (gamma * eta * R * K),
            "statistical": 8 * eta * sigma**2 * (1 + 3 * ADJUSTED_EXCESS) / M,
            "momentum noise": 48 * gamma * momentum * eta * sigma**2 / ((1 - momentum) ** 2 * M),
            "noise drift": 8 * L * eta**2 * sigma**2 * (K - 1),
        },
        conditions=(STEPS_WITH_MOMENTUM, momentum_condition(Rational(1, 48))),
        setting=SETTING,
    )


@OUTER_MOMENTUM.exact(
    "momentum-transient",
    "What outer momentum costs on a quadratic, in closed form",
    problem_class=QUADRATIC,
    iterate="sum over the gaps of all synchronized iterates",
    provenance=own("quadratic case", f"{PROOFS}#momentum-transient"),
)
def momentum_transient() -> Stated:
    """Along an eigenvector with eigenvalue `curvature`, without noise, the gaps at $x_0$, $x_1$, ... add up to this
    much more than with momentum 0 and the outer step $gamma$ / (1 - momentum): about momentum / (1 - momentum) times
    half the gap at the start, once, whatever $R$."""
    contraction = ADJUSTED * (1 - Pow(1 - eta * curvature, K))  # 1 - b of the run without momentum
    share = (1 + momentum - contraction) / ((2 - contraction) * (1 - momentum))
    return Stated(
        {"transient": curvature * B**2 * momentum * share / (2 + 2 * momentum - contraction * (1 - momentum))},
        conditions=(
            Condition("no noise", Eq(sigma, 0)),
            Condition("rounds with the adjusted step contract", Lt(contraction, 2)),
        ),
    )


def families() -> Iterator[Family]:
    """Outer momentum, which may be zero."""
    yield Family(
        "local-sgd-outer-momentum",
        "local SGD with free inner and outer steps and heavy-ball momentum of the outer step",
        contains=(SpecialCase(ANY_OUTER_STEP, "momentum = 0"),),
        reduces_to=(FROM_GRADIENTS, SpecialCase(ANY_OUTER_STEP, "momentum = 0", {momentum: 0})),
    )


def implications() -> Iterator[Implication]:
    """No momentum, and no noise."""
    yield Specialization("khaled2025/thm2", "khaled2025/thm1", "=", {"momentum": 0}, factor=2)
    yield Specialization("khaled2025/thm2-safe", "khaled2025/thm1-safe", "=", {"momentum": 0}, factor=2)
    yield Specialization("khaled2025/thm2", "khaled2025/thm2", "=", {"sigma": 0}, {"sigma": 0, "M": 1})
