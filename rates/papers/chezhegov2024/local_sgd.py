"""Local SGD without scaling: the theorems that the change of variables carries over."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Le, Min, Pow

from tightrate.rates.papers.chezhegov2024 import ALL_AVERAGES, HETEROGENEOUS, IDENTICAL_SC, LAST_AVERAGE, PAPER, PROOFS
from tightrate.rates.papers.koloskova2020 import TWO_STEPS_AT_LEAST, VANILLA
from tightrate.rates.papers.woodworth2020a import IDENTICAL, IDENTICAL_WORKERS
from tightrate.rates.statements.builder import Stated, Statements, derived, own
from tightrate.rates.statements.implication import Implication, Specialization, TunedBound
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import B, K, L, M, R, eta, mu, sigma, zeta_star

LOCAL_SGD = Statements(PAPER, iterate=ALL_AVERAGES)
QUARTER_STEP = Condition("step at most $1/(4L)$", Le(4 * eta * L, 1))


@LOCAL_SGD.upper(
    "local-id-sc",
    "Local SGD, identical data, strongly convex (no scaling)",
    measure="squared-distance",
    problem_class=IDENTICAL_SC,
    iterate=LAST_AVERAGE,
    provenance=derived("Khaled et al. 2020, Theorem 1, the case $D$ = I", f"{PROOFS}#local-id"),
)
def local_id_sc() -> Stated:
    """Linear convergence to a floor: the noise of batch $M$ plus the drift of at most $K - 1$ local steps."""
    return Stated(
        {
            "optimization": Pow(1 - eta * mu, K * R) * B**2,
            "statistical": eta * sigma**2 / (mu * M),
            "noise drift": 2 * L * eta**2 * (K - 1) * sigma**2 / mu,
        },
        conditions=(VANILLA, QUARTER_STEP),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta": 0, "mu": mu}),
    )


@LOCAL_SGD.upper(
    "local-id-c",
    "Local SGD, identical data, convex (no scaling)",
    problem_class=IDENTICAL,
    provenance=derived(
        "Khaled et al. 2020, Theorem 2, the case $D$ = I; its constants are those of page 44 of the slides",
        f"{PROOFS}#local-id",
    ),
)
def local_id_c() -> Stated:
    """The gap at the average of all averaged iterates."""
    return Stated(
        {
            "optimization": 2 * B**2 / (eta * K * R),
            "statistical": 2 * eta * sigma**2 / M,
            "noise drift": 4 * L * eta**2 * (K - 1) * sigma**2,
        },
        conditions=(VANILLA, QUARTER_STEP),
        setting=IDENTICAL_WORKERS,
    )


@LOCAL_SGD.upper(
    "local-het-c-own",
    "Local SGD, heterogeneous data, convex, uniform noise (no scaling)",
    problem_class=HETEROGENEOUS,
    provenance=own("heterogeneous data, the case $D$ = I", f"{PROOFS}#local-het-c-own"),
)
def local_het_c_own() -> Stated:
    """Heterogeneity enters through the workers' gradients at the optimum, noise through its variance."""
    return Stated(
        {
            "optimization": B**2 / (eta * K * R),
            "statistical": eta * sigma**2 / M,
            "heterogeneity drift": 6 * eta**2 * L * (K - 1) ** 2 * zeta_star**2,
            "noise drift": 2 * eta**2 * L * (K - 1) * sigma**2,
        },
        conditions=(
            VANILLA,
            Condition("step at most $1/(8L)$", Le(8 * eta * L, 1)),
            Condition("step at most $1/(16 L (K - 1))$", Le(16 * eta * L * (K - 1), 1)),
        ),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star}),
    )


def implications() -> Iterator[Implication]:
    """Identical workers, one local step, and the tuned step."""
    one, plain = {"K": 1}, {"gamma": 1}
    yield Specialization("chezhegov2024/local-het-c-own", "khaled2025/thm1", "~", {"zeta_star": 0}, plain)
    yield Specialization("chezhegov2024/local-het-c-own", "dekel2012/fixed-step", "=", one, one, factor=2)
    yield Specialization("chezhegov2024/local-id-c", "khaled2025/thm1", "~", target_at=plain)
    yield TunedBound("chezhegov2024/local-id-c", "khaled2025/eq2", "~", given=TWO_STEPS_AT_LEAST, cap=1 / (4 * L))
    yield TunedBound(
        "chezhegov2024/local-het-c-own",
        "koloskova2020/convex",
        "~",
        given=TWO_STEPS_AT_LEAST,
        cap=Min(1 / (8 * L), 1 / (16 * L * (K - 1))),
    )
