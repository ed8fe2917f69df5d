"""Lower bounds under heterogeneity at the optimum: local SGD (Theorem 9), zero-respecting algorithms (Theorem 11)."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Max, Rational

from tightrate.rates.papers import dekel2012, ghadimi2012, koloskova2020, woodworth2020
from tightrate.rates.papers.patel2024 import PAPER, PROOFS
from tightrate.rates.papers.patel2024.assumptions import (
    A1,
    CONVEX,
    DRIFT_BELOW_START,
    EVEN_WORKERS,
    K_AT_LEAST_2,
    M_AT_LEAST_2,
    NOISE_BELOW_START,
    NOISE_DRIFT_BELOW_START,
    NOISELESS_QUADRATICS,
    SHARED_OPTIMUM,
    VANILLA,
)
from tightrate.rates.papers.patel2024.errata import E1, E5_CHAIN, E5_MINIMA, E5_START, E7, E9
from tightrate.rates.papers.patel2024.terms import minibatch_terms
from tightrate.rates.statements.builder import Stated, Statements, corrected, own, read
from tightrate.rates.statements.family import FROM_GRADIENTS, Family, SpecialCase
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.matching import Matching
from tightrate.rates.statements.setting import Setting
from tightrate.rates.symbols.alphabet import B, L, R, sigma, zeta_star

ZERO_RESPECTING = woodworth2020.ZERO_RESPECTING
LOWER = Statements(PAPER, constants="hidden", problem_class=CONVEX)
CHAIN = NOISELESS_QUADRATICS.sharing(
    algorithm=ZERO_RESPECTING, problem_class="chain split by parity", iterate="any output"
)


@NOISELESS_QUADRATICS.upper(
    "start",
    "The gap at the start",
    algorithm="any",
    problem_class="convex, $L$-smooth",
    iterate="the start",
    provenance=own("the other side of every lower bound", f"{PROOFS}#start"),
)
def start() -> Stated:
    """The start is within $L B^2 / 2$ of the optimal value, so an algorithm whose steps may be as small as one likes
    has a choice of steps that does no worse; a lower bound for all steps cannot exceed this."""
    return Stated({"start": L * B**2 / 2}, setting=Setting("no-step"))


@LOWER.lower("thm9", "Lower bound of local SGD under first-order assumptions, as printed", provenance=read("Theorem 9"))
def thm9() -> Stated:
    """For all $K >= 2$, $R$, $M$, $L$, $B$, $sigma$, $zeta_star$ some instance keeps the last iterate of local SGD from
    0 above this, for any step size. As printed it contradicts the upper bound of mini-batch SGD (erratum E1);
    thm9-vanilla and thm9-any-steps are what holds."""
    return Stated(
        koloskova2020.convex_terms(),
        conditions=(K_AT_LEAST_2, A1),
        errata=(E1, E5_MINIMA, E7, E9),
        setting=Setting("local-sgd-any-outer-step", {"sigma": sigma, "zeta_star": zeta_star}),
    )


@LOWER.lower(
    "thm9-vanilla",
    "Lower bound of local SGD with plain averaging",
    provenance=corrected("Theorem 9, restricted to $gamma = 1$ (erratum E1) and to its domain (erratum E7)"),
)
def thm9_vanilla() -> Stated:
    """Some instance keeps the last iterate of local SGD with plain averaging above this for every inner step; together
    with the matching upper bound it settles this class."""
    return Stated(
        koloskova2020.convex_terms(),
        conditions=(
            K_AT_LEAST_2,
            M_AT_LEAST_2,
            VANILLA,
            A1,
            NOISE_BELOW_START,
            NOISE_DRIFT_BELOW_START,
            DRIFT_BELOW_START,
        ),
        errata=(E1, E5_MINIMA, E7, E9),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star}),
    )


@LOWER.lower(
    "thm9-any-steps",
    "Lower bound of local SGD with free inner and outer steps",
    provenance=corrected("Theorem 9, the part that holds for all step sizes (errata E1 and E7)"),
)
def thm9_any_steps() -> Stated:
    """Some instance keeps the last iterate of local SGD above this for every inner and every outer step."""
    return Stated(
        minibatch_terms(),
        conditions=(K_AT_LEAST_2, M_AT_LEAST_2, A1, NOISE_BELOW_START),
        errata=(E1, E7, E9),
        setting=Setting("local-sgd-any-outer-step", {"sigma": sigma, "zeta_star": zeta_star}),
    )


@LOWER.lower(
    "thm11",
    "Lower bound for every distributed zero-respecting algorithm",
    algorithm=ZERO_RESPECTING,
    iterate="any output",
    provenance=corrected("Theorem 11, Lemma 24, on its domain (errata E7 and E9)"),
)
def thm11() -> Stated:
    """For all $K >= 2$, $R$, $M$, $L$, $B$, $sigma$ some instance, even with $zeta_star = 0$, keeps every distributed
    zero-respecting algorithm above this; accelerated mini-batch SGD attains it."""
    return Stated(
        {"optimization": ghadimi2012.accelerated_optimization(), "statistical": dekel2012.statistical()},
        conditions=(K_AT_LEAST_2, M_AT_LEAST_2, A1, NOISE_BELOW_START),
        errata=(E5_CHAIN, E5_START, E7, E9),
        setting=Setting("zero-respecting", {"sigma": sigma, "zeta_star": 0}),
    )


def chain_ratio() -> Expr:
    """The ratio q of the chain whose optimum is proportional to (q, q^2, q^3, ...): q = max(1/2, 1 - 1/R)."""
    return Max(Rational(1, 2), 1 - 1 / R)


@CHAIN.lower(
    "thm11-exact",
    "Smallest suboptimality that $R$ rounds allow on the chain split by parity",
    provenance=own("exact value for the instance of Theorem 11", f"{PROOFS}#thm11"),
)
def thm11_exact() -> Stated:
    """On the chain split by parity with $q = max(1/2, 1 - 1/R)$, in any dimension above $R$, this is the exact minimum
    of $F$ over points supported on the first $R$ coordinates, where every output of a distributed zero-respecting
    algorithm lies after $R$ rounds."""
    q = chain_ratio()
    resistance = (1 - q ** (2 * R)) / (1 - q**2) + q ** (2 * R) / (1 + q**2)
    return Stated(
        {"optimization": L * B**2 / 8 * (1 - q**2) * q ** (2 * R) / resistance},
        conditions=(EVEN_WORKERS,),
        setting=Setting("zero-respecting", SHARED_OPTIMUM),
    )


@CHAIN.lower(
    "thm11-constant",
    "Lower bound for every distributed zero-respecting algorithm, with an explicit constant",
    provenance=own("constant of Theorem 11, noiseless part", f"{PROOFS}#thm11"),
)
def thm11_constant() -> Stated:
    """On the chain split by parity, whose workers share their optimum, every distributed zero-respecting algorithm
    stays above $L B^2 / (128 R^2)$ after $R$ rounds, whatever $K$."""
    return Stated(
        {"optimization": L * B**2 / (128 * R**2)},
        conditions=(EVEN_WORKERS,),
        setting=Setting("zero-respecting", SHARED_OPTIMUM),
    )


def families() -> Iterator[Family]:
    """The start itself, which every algorithm with free steps has as a limit."""
    others = ("gradient-descent", "minibatch-sgd", "local-sgd")
    yield Family(
        "no-step",
        "the limit of vanishing steps: the output is the start",
        reduces_to=(FROM_GRADIENTS, *(SpecialCase(name, "steps that vanish") for name in others)),
    )


def implications() -> Iterator[Implication]:
    """The lower bounds are the upper bounds that they match."""
    yield Specialization("patel2024/thm9-vanilla", "koloskova2020/convex", "=")
    yield Specialization("patel2024/thm9-any-steps", "dekel2012/convex", "=")
    yield Specialization("patel2024/thm11", "ghadimi2012/convex", "=")
    yield Specialization("patel2024/thm11-constant", "patel2024/thm11", "~", target_at={"sigma": 0})


def matching() -> Iterator[Matching]:
    """All terms of local SGD with plain averaging, and of accelerated mini-batch SGD."""
    yield Matching("koloskova2020/convex", "patel2024/thm9-vanilla")
    yield Matching("ghadimi2012/convex", "patel2024/thm11")
