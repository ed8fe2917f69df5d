"""The preconditioners of Local Adam and the drift of its workers: Lemmas C.4 and C.7 to C.10, and (C.40)."""

from __future__ import annotations

from sympy import Expr, Ge, Le, Max, Min, Pow, log, sqrt

from tightrate.rates.papers.cheng2024 import EVERY_STEP, MOMENT, THRESHOLD, WEAKLY_CONVEX
from tightrate.rates.papers.cheng2024.clipping import squared_clipping_bias
from tightrate.rates.papers.cheng2024.errata import (
    INDICES_ADAM,
    INDICES_PRECONDITIONER,
    MINUS_SIGNS,
    MOMENTUM_FORGOTTEN,
)
from tightrate.rates.statements.builder import Stated, corrected, read
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import (
    Delta,
    G,
    G_inf,
    K,
    L,
    M,
    R,
    beta1,
    beta2,
    d,
    delta,
    eta,
    lam,
    moreau,
    rho,
    sigma,
    sigma_inf,
    weak,
)

WORKERS = WEAKLY_CONVEX.sharing(iterate=EVERY_STEP)
ENVELOPE_RANGE = (
    Condition("Moreau parameter at least $lambda/L$", Ge(moreau * L, lam)),
    Condition("Moreau parameter at most $lambda/(2 weak)$", Le(2 * weak * moreau, lam)),
)
STEP_OF_WEAK_CONVEXITY = Condition("step at most $lambda/(60 K weak)$", Le(60 * eta * K * weak, lam))
STEP_OF_DESCENT = Condition("step at most $(1 - beta1)^2 lambda/(64 L)$", Le(64 * eta * L, (1 - beta1) ** 2 * lam))
SLOW_PRECONDITIONER = Condition(
    "$1 - beta2$ of order at most $(G_inf^2 + sigma_inf^2)/(rho^2 log(dR/delta))$ (constant 1 taken)",
    Le((1 - beta2) * rho**2 * log(d * R / delta), G_inf**2 + sigma_inf**2),
)
ADAM_LOGS = Erratum(
    "logarithms in A",
    "Three versions of the powers of the two logarithms are printed; $log^2$ on the threshold and log on the constant,"
    " the third, is used here.",
    "Only the third follows from Freedman's inequality and (C.106); Lemma B.1 and (B.12) have it, too.",
    kind="misprint",
    where="(C.15), Lemma C.10, (C.28)",
    printed="$log$ and $log^2$ in (C.15), $log$ and $log$ in Lemma C.10, $log^2$ and $log$ in (C.28)",
)
FIRST_STEP = Erratum(
    "first step of a round",
    "The identity (C.6) for the increment of the auxiliary sequence fails at the first step of a round unless"
    " $beta1 = 0$ or $beta2 = 1$; whether the proof absorbs the difference was not checked.",
    "The momentum of the averaged state is preconditioned by each worker's own matrix: literal (C.6) missed 0.026"
    " of a displacement of 0.047 in a run where the exact form agrees to 2e-15.",
    kind="gap",
    where="(C.6)",
    printed="the increment of the auxiliary sequence, for every step without restriction",
)
CONTRACTION_ERRATA = (
    ADAM_LOGS,
    FIRST_STEP,
    Erratum(
        "factor in (C.99)",
        "$12 eta$ weak $K$; harmless at the step sizes allowed.",
        "Twice $eta$, twice the weak convexity (Lemma C.5), and 3 from $(1 + 1/K)^K <= 3$ make 12.",
        kind="misprint",
        where="(C.99)",
        printed="$6 eta$ weak $K$",
    ),
    MOMENTUM_FORGOTTEN,
    MINUS_SIGNS,
    INDICES_ADAM,
)


def consensus_factor_adam(steps: Expr, logarithms: tuple[int, int] = (2, 1)) -> Expr:
    """A of (C.15), with the powers of the logarithms as the proof needs them; printed are 1 and 2."""
    logarithm = log(M * steps / delta)
    return Max(
        2**20 * rho**2 * d / (K * sigma**2) * logarithm ** logarithms[0],
        2**20 * logarithm ** logarithms[1],
        2**8 * K * squared_clipping_bias() / sigma**2,
    )


def preconditioner_factor(first_entry: Expr, steps: Expr) -> Expr:
    """B and B_1 of (C.15), which differ in their first entry: how fast the second moment moves within a round."""
    logarithm = log(d * M * steps / delta)
    return Max(
        first_entry,
        16 * rho**2 / lam**2 * logarithm,
        2**6 * sqrt(K) * (G_inf + sigma_inf) * sigma_inf / lam**2 * sqrt(logarithm),
    )


def drift_factor(steps: Expr) -> Expr:
    """B of (C.15): movement of a worker's preconditioner within a round."""
    return preconditioner_factor(6 * K * (G_inf**2 + sigma_inf**2) / lam**2, steps)


def difference_factor(steps: Expr) -> Expr:
    """B_1 of (C.15): difference of two workers' preconditioners; without noise the entry of the threshold stays."""
    return preconditioner_factor(16 * K * sigma_inf**2 / lam**2, steps)


@WEAKLY_CONVEX.upper(
    "lemC4-ratio",
    "The gradient is at most a multiple of the envelope's gradient",
    measure="gradient-to-envelope",
    iterate="any point",
    holds="deterministically",
    provenance=read("Lemma C.4, (C.43)"),
)
def lem_c4_ratio() -> Stated:
    """For preconditioners $H >= lambda I$, in the norm of the inverse preconditioner; 2 at the parameter $lambda/L$."""
    return Stated({"ratio": 2 * moreau * L / lam}, conditions=ENVELOPE_RANGE)


@WORKERS.upper(
    "lemC8-upper",
    "A worker's preconditioner grows little within a round",
    measure="preconditioner-ratio",
    provenance=read("Lemma C.8, (C.7)"),
)
def lem_c8_upper() -> Stated:
    """Against the preconditioner of the round's start; the proof gives the square root of this."""
    return Stated({"growth": 1 + (1 - beta2) * drift_factor(K * R)}, conditions=(MOMENT, *THRESHOLD))


@WORKERS.lower(
    "lemC8-lower",
    "A worker's preconditioner shrinks little within a round",
    measure="preconditioner-ratio",
    holds="deterministically",
    provenance=read("Lemma C.8, (C.7)"),
)
def lem_c8_lower() -> dict[str, Expr]:
    """Against the preconditioner of the round's start; this side holds for every run."""
    return {"decay": Pow(beta2, K / 2)}


@WORKERS.upper(
    "lemC9",
    "Two workers' preconditioners agree up to the noise",
    measure="preconditioner-gap",
    provenance=corrected("Lemma C.9, (C.8)"),
)
def lem_c9() -> Stated:
    """Relative to the round's start. Without noise workers agree, while the bound keeps its entry with $rho$."""
    radius = eta * L * sigma / lam * sqrt(K * consensus_factor_adam(K * R))
    return Stated(
        {"difference": (1 - beta2) * difference_factor(K * R)},
        conditions=(
            MOMENT,
            *THRESHOLD,
            Condition("$1 - beta2$ at most $1/(4K)$", Le(4 * K * (1 - beta2), 1)),
            Condition("drift small against the noise", Le(radius * G_inf, 2 * sigma_inf**2)),
        ),
        errata=(ADAM_LOGS, MINUS_SIGNS),
    )


def consensus_conditions() -> tuple[Condition, ...]:
    """Hypotheses of Lemma C.10."""
    slow = Min(
        (1 - beta1) / (4 * difference_factor(K * R)),
        (1 - beta1) * sigma * sqrt(consensus_factor_adam(K * R)) / (2**12 * difference_factor(K * R) * G),
        (1 - beta1) / (4 * drift_factor(K * R)),
    )
    return (
        MOMENT,
        *THRESHOLD,
        STEP_OF_WEAK_CONVEXITY,
        STEP_OF_DESCENT,
        Condition("slow second moment, (C.80)", Le((1 - beta2) * sqrt(K), slow)),
    )


@WORKERS.upper(
    "lemC10",
    "Workers of Local Adam stay together: auxiliary iterates",
    measure="preconditioned-consensus",
    provenance=corrected("Lemma C.10, (C.9)"),
)
def lem_c10() -> Stated:
    """In the norm of the round's preconditioner."""
    return Stated(
        {"noise drift": eta**2 * sigma**2 / lam * K * consensus_factor_adam(K * R)},
        conditions=consensus_conditions(),
        errata=CONTRACTION_ERRATA,
    )


@WORKERS.upper(
    "lemC7",
    "Workers of Local Adam stay together: iterates",
    measure="consensus",
    provenance=corrected("Lemma C.7 with Lemma C.10"),
)
def lem_c7() -> Stated:
    """Any two workers' iterates stay within $(eta/lambda) sigma$ sqrt(K A) of each other."""
    radius = eta * sigma / lam * sqrt(K * consensus_factor_adam(K * R))
    return Stated(
        {"noise drift": radius},
        conditions=(
            *consensus_conditions(),
            Condition("drift within the domain's margin", Le(radius, sqrt(Delta * moreau / (160 * lam)))),
        ),
        errata=CONTRACTION_ERRATA,
    )


@WEAKLY_CONVEX.upper(
    "eqC.40",
    "The preconditioner stays bounded",
    measure="preconditioner",
    iterate="start of every round",
    provenance=read("(C.40)"),
)
def eq_c40() -> Stated:
    """So $lambda$ times the squared gradient in the norm of the inverse preconditioner is at least $lambda/(lambda + 2
    G_inf + 2 sigma_inf)$ times the squared gradient, and at most the squared gradient."""
    return Stated(
        {"damping": lam, "gradients": 2 * G_inf, "noise": 2 * sigma_inf},
        conditions=(MOMENT, *THRESHOLD, SLOW_PRECONDITIONER),
        errata=(INDICES_PRECONDITIONER,),
    )
