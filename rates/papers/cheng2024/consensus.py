"""How far the workers of Local SGDM drift apart: Lemmas B.1 and B.6, and the exact variance on a linear objective."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Le, Max, log, sqrt

from tightrate.rates.papers.cheng2024 import CONVEX, EVERY_STEP, MOMENT, PROOFS, THRESHOLD
from tightrate.rates.papers.cheng2024.clipping import squared_clipping_bias
from tightrate.rates.papers.cheng2024.errata import MINUS_SIGNS
from tightrate.rates.statements.builder import Stated, own, read
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import B, K, L, M, R, beta1, d, delta, eta, rho, sigma

CONSENSUS = CONVEX.sharing(iterate=EVERY_STEP)
FLAT = CONVEX.sharing(
    measure="variance",
    problem_class="linear objective, identical workers",
    iterate="one worker after $K$ local steps from a synchronized start without momentum",
    holds="in expectation",
)
STEP_OF_DESCENT = Condition("step at most $(1 - beta1)^2 / (2L)$", Le(2 * eta * L, (1 - beta1) ** 2))
CONSTANT_GRADIENT = Condition("the gradient is constant and nothing is clipped")
CONTRACTION_CONSTANT = Erratum(
    "contraction constant",
    "The constants inside A fall short of what the union bound needs; take them as orders, not as verified numbers.",
    "Freedman's exponent comes out near $1.2 log(MT/delta)$ while $log(8 M^2 T / delta)$ is needed.",
    kind="gap",
    where="(B.12), Lemma B.1",
    printed="$A = max{2^10 rho^2 d / (K sigma^2) log^2(M T/delta), 2^9 log(M T/delta), ...}$",
)


def consensus_factor(steps: Expr) -> Expr:
    """A of (B.12): the workers' auxiliary iterates stay within eta sigma sqrt(K A) of each other."""
    logarithm = log(M * steps / delta)
    return Max(
        2**10 * rho**2 * d / (K * sigma**2) * logarithm**2,
        2**9 * logarithm,
        2**12 * K * squared_clipping_bias() / sigma**2,
    )


def consensus_conditions() -> tuple[Condition, ...]:
    """Hypotheses of Lemma B.1."""
    return (
        MOMENT,
        *THRESHOLD,
        STEP_OF_DESCENT,
        Condition("step at most $B / (4 sigma sqrt(K A))$", Le(4 * eta * sigma * sqrt(K * consensus_factor(K * R)), B)),
    )


@CONSENSUS.upper(
    "lemB1",
    "Workers of Local SGDM stay together: auxiliary iterates",
    measure="squared-consensus",
    provenance=read("Lemma B.1, (B.4)"),
)
def lem_b1() -> Stated:
    """Any two workers' momentum-free iterates $z$ stay within $eta sigma$ sqrt(K A) of each other."""
    return Stated(
        {"noise drift": eta**2 * sigma**2 * K * consensus_factor(K * R)},
        conditions=consensus_conditions(),
        errata=(CONTRACTION_CONSTANT, MINUS_SIGNS),
    )


@CONSENSUS.upper(
    "lemB6",
    "Workers of Local SGDM stay together: iterates",
    measure="consensus",
    provenance=read("Lemma B.6"),
)
def lem_b6() -> Stated:
    """Any two workers' iterates $x$ stay within $eta sigma$ sqrt(K A) of each other, and all within $sqrt(3) B$ of the
    optimum."""
    radius = eta * sigma * sqrt(K * consensus_factor(K * R))
    return Stated(
        {"noise drift": radius},
        conditions=(
            *consensus_conditions(),
            Condition("drift within the ball's margin", Le(radius, (sqrt(3) - sqrt(2)) * B)),
        ),
        errata=(CONTRACTION_CONSTANT, MINUS_SIGNS),
    )


@FLAT.exact(
    "flat-variance-z",
    "Variance of the auxiliary iterate on a linear objective",
    provenance=own("noise accumulates linearly", f"{PROOFS}#flat-variance"),
)
def flat_variance_z() -> Stated:
    """The momentum-free iterate $z$ spreads like a random walk, whatever $beta1$ is."""
    return Stated({"noise": eta**2 * sigma**2 * K}, conditions=(CONSTANT_GRADIENT,))


@FLAT.exact(
    "flat-variance-x",
    "Variance of the iterate on a linear objective",
    provenance=own("noise accumulates linearly", f"{PROOFS}#flat-variance"),
)
def flat_variance_x() -> Stated:
    """The iterate lags behind $z$: the sum of $(1 - beta1^j)^2$ over $j <= K$ replaces $K$."""
    geometric = 2 * beta1 * (1 - beta1**K) / (1 - beta1) - beta1**2 * (1 - beta1 ** (2 * K)) / (1 - beta1**2)
    return Stated({"noise": eta**2 * sigma**2 * (K - geometric)}, conditions=(CONSTANT_GRADIENT,))


def implications() -> Iterator[Implication]:
    """Without momentum the auxiliary iterate is the iterate."""
    yield Specialization("cheng2024/flat-variance-x", "cheng2024/flat-variance-z", "=", {"beta1": 0})
