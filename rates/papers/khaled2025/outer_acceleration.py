"""Theorem 3 and Corollary 1: local SGD with an accelerated outer loop."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Integer, Le, Max, Rational, sqrt

from tightrate.rates.papers.khaled2025 import LOCAL_SGD, PROOFS, identical_workers
from tightrate.rates.papers.koloskova2020 import DRIFT_AT_ONE_STEP, TWO_STEPS_AT_LEAST
from tightrate.rates.statements.builder import Stated, derived, own
from tightrate.rates.statements.family import FROM_GRADIENTS, Family
from tightrate.rates.statements.implication import Implication, Specialization, TunedBound
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import B, K, L, M, R, eta, gamma, sigma

ACCELERATED = LOCAL_SGD.sharing(algorithm="local-sgd-outer-acceleration", iterate="last iterate $u_R$")
SETTING = identical_workers("local-sgd-outer-acceleration")
HALF_STEP = Condition("inner step at most $1/(2L)$", Le(2 * L * eta, 1))
OUTER_AT_MOST_1 = Condition("outer step at most 1", Le(gamma, 1))
ONE = Integer(1)


@ACCELERATED.upper(
    "thm3",
    "Local SGD with an accelerated outer loop, probable printed shape",
    constants="hidden",
    provenance=derived("Theorem 3, eq. (7); shape inferred from the prose", f"{PROOFS}#thm3"),
)
def thm3() -> Stated:
    """Outer steps $gamma_r = gamma (r+1)/2$, mixing weights $tau_r = 2/(r+2)$: acceleration in $R$, not in $K$."""
    return Stated(
        {
            "optimization": B**2 / (gamma * eta * K * R**2),
            "statistical": R * eta * sigma**2 / M,
            "averaged noise drift": R * L * eta**2 * sigma**2 * K / M,
            "noise drift": R * L**2 * eta**3 * sigma**2 * K**2,
        },
        conditions=(HALF_STEP, OUTER_AT_MOST_1),
        errata=(
            Erratum(
                "drift without M",
                "The prose speaks of two drift terms and of $M$ in their denominators, which suggests this shape; but"
                " a term of order $L eta^2 sigma^2 K$ that does not vanish as $M$ grows is needed. If eq. (7) has"
                " none, it fails; thm3-safe has it. The display was not seen, and this is not called an error of the"
                " paper.",
                "$M$ -> infinity, $f = (L/2) max(x,0)^2 - s x$ with $s = 0.35 L eta sigma sqrt(K)$, started at the"
                " optimum, $gamma = 1$, $R = 4/sqrt(eta L K)$: the gap over this bound grows like $(eta L K)^(-1/2)$.",
                kind="conditional",
                where="Theorem 3, eq. (7)",
                printed="a display that was lost",
                certainty="unseen",
            ),
        ),
        setting=SETTING,
    )


@ACCELERATED.upper(
    "thm3-safe",
    "Local SGD with an accelerated outer loop, with constants",
    provenance=own("Theorem 3", f"{PROOFS}#thm3-safe"),
)
def thm3_safe() -> Stated:
    """The accelerated outer loop with every drift term that its analysis produces, and its constants."""
    growth = (R + 2) / 3
    return Stated(
        {
            "optimization": 2 * B**2 / (gamma * eta * K * R * (R + 1)),
            "statistical": growth * eta * sigma**2 / (2 * M),
            "averaged noise drift": growth * L * eta**2 * sigma**2 * (K + 1) / (4 * M),
            "spread": growth * L * eta**2 * sigma**2 * (K - 1) / 2,
            "noise drift": growth * L**2 * eta**3 * sigma**2 * (K**2 - 1) / 3,
        },
        conditions=(HALF_STEP, OUTER_AT_MOST_1),
        setting=SETTING,
    )


def accelerated_step(averaging_workers: Expr) -> Expr:
    """The inner step of Corollary 1; `averaging_workers` is M if the first drift term has it, else 1."""
    return 1 / Max(
        2 * L,
        sigma * sqrt(K * R**3) / (B * sqrt(M)),
        (L * sigma**2 * K**2 * R**3 / (averaging_workers * B**2)) ** Rational(1, 3),
        (L**2 * sigma**2 * K**3 * R**3 / B**2) ** Rational(1, 4),
    )


def _accelerated_rate(averaging_workers: Expr, constants: tuple[Expr, Expr, Expr, Expr]) -> dict[str, Expr]:
    return {
        "optimization": constants[0] * L * B**2 / (K * R**2),
        "statistical": constants[1] * sigma * B / sqrt(M * K * R),
        "spread": constants[2] * (L * sigma**2 * B**4 / (averaging_workers * K * R**3)) ** Rational(1, 3),
        "noise drift": constants[3] * (L**2 * sigma**2 * B**6 / (K * R**5)) ** Rational(1, 4),
    }


@ACCELERATED.upper(
    "cor1",
    "Accelerated outer loop, tuned, probable printed shape",
    constants="hidden",
    provenance=derived("Corollary 1, eq. (8); shape inferred from the prose", f"{PROOFS}#cor1"),
)
def cor1() -> Stated:
    """Theorem 3 at $gamma = 1$ with the balancing inner step; its first drift term falls with $M$."""
    return Stated(
        _accelerated_rate(M, (ONE, ONE, ONE, ONE)),
        steps={"eta": accelerated_step(M), "gamma": ONE},
        errata=(
            Erratum(
                "drift without M",
                "Whether the printed first drift term has $M$ in its denominator is not known; that of cor1-safe has"
                " not.",
                "The instance of the erratum of thm3.",
                kind="conditional",
                where="Corollary 1, eq. (8)",
                printed="a display that was lost",
                certainty="unseen",
            ),
        ),
        setting=SETTING,
    )


@ACCELERATED.upper(
    "cor1-safe",
    "Accelerated outer loop, tuned, with constants",
    provenance=own("Corollary 1", f"{PROOFS}#cor1-safe"),
)
def cor1_safe() -> Stated:
    """The complete bound at $gamma = 1$ with the balancing inner step."""
    return Stated(
        _accelerated_rate(ONE, (Integer(4), Rational(5, 2), Integer(3), Rational(7, 3))),
        conditions=(
            Condition("outer step 1", Eq(gamma, 1)),
            Condition("the balancing inner step", Eq(eta, accelerated_step(ONE))),
        ),
        steps={"eta": accelerated_step(ONE), "gamma": ONE},
        setting=SETTING,
    )


def families() -> Iterator[Family]:
    """Outer acceleration."""
    yield Family(
        "local-sgd-outer-acceleration", "local SGD with an accelerated outer loop", reduces_to=(FROM_GRADIENTS,)
    )


def implications() -> Iterator[Implication]:
    """The printed shapes against ours, one local step, and the tuned step."""
    one, plain, one_step = {"K": 1}, {"gamma": 1}, {"K": 1, "gamma": 1}
    steps = (Le(gamma, 1), *TWO_STEPS_AT_LEAST)
    yield Specialization("khaled2025/thm3", "khaled2025/thm3-safe", "<~", given=steps)
    yield Specialization(
        "khaled2025/thm3-safe",
        "khaled2025/thm3",
        "<~",
        given=steps,
        fails_because="The complete analysis has a term $L eta^2 sigma^2 K$ that does not fall with $M$; the"
        " probable printed shape lacks it (erratum of thm3).",
    )
    yield Specialization("khaled2025/cor1", "khaled2025/cor1-safe", "<~")
    yield Specialization(
        "khaled2025/cor1-safe",
        "khaled2025/cor1",
        "<~",
        fails_because="The first drift term of the complete analysis does not fall with $M$ (erratum of cor1).",
    )
    yield Specialization("khaled2025/cor1", "ghadimi2012/convex", "~", {"K": 1, "M": 1}, {"K": 1, "M": 1})
    for name in ("cor1", "cor1-safe"):
        yield Specialization(
            f"khaled2025/{name}", "ghadimi2012/convex", "<~", one, one, fails_because=DRIFT_AT_ONE_STEP
        )
    cap = 1 / (2 * L)
    yield TunedBound("khaled2025/thm3", "khaled2025/cor1", "~", plain, cap=cap)
    yield TunedBound("khaled2025/thm3-safe", "khaled2025/cor1-safe", "~", plain, given=TWO_STEPS_AT_LEAST, cap=cap)
    yield TunedBound("khaled2025/thm3-safe", "ghadimi2012/convex", "~", one_step, one, cap=cap)
