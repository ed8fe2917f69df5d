"""Local Adam: Theorem 3 and the mini-batch rates, the full versions C.1 to C.3 as rates and as steps that reach an
accuracy, and the shape of the bound at a fixed step."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Le, Lt, Min, Rational, log, sqrt

from tightrate.rates.papers.cheng2024 import MOMENT, MOMENTUM, PROOFS, SPREAD, THRESHOLD, TUNED, WEAKLY_CONVEX
from tightrate.rates.papers.cheng2024.clipping import squared_clipping_bias
from tightrate.rates.papers.cheng2024.clipping_thresholds import best_threshold, bias_threshold_adam
from tightrate.rates.papers.cheng2024.errata import DROPPED_FACTOR, INDICES_ADAM, MOMENTUM_FORGOTTEN
from tightrate.rates.papers.cheng2024.local_sgdm import bias_meets_accuracy
from tightrate.rates.papers.cheng2024.preconditioner import (
    ADAM_LOGS,
    ENVELOPE_RANGE,
    FIRST_STEP,
    SLOW_PRECONDITIONER,
    STEP_OF_DESCENT,
    STEP_OF_WEAK_CONVEXITY,
    consensus_factor_adam,
    difference_factor,
    drift_factor,
)
from tightrate.rates.papers.cheng2024.rate_terms import (
    EVEN_NOISE,
    ONE_BATCH,
    SMALL_ACCURACY,
    adam_terms,
    all_workers_log,
    local_steps_condition,
    minibatch,
    not_too_uneven_noise,
    rate,
    small_accuracy,
    spread_steps,
)
from tightrate.rates.statements.builder import Stated, assembled, corrected, read
from tightrate.rates.statements.implication import Implication, SolvedBound, Specialization, TunedBound
from tightrate.rates.statements.measures import MEASURES, Measure
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import (
    SQUARED_GRADIENT,
    Delta,
    G,
    G_inf,
    K,
    L,
    M,
    R,
    T,
    alpha,
    beta1,
    beta2,
    d,
    delta,
    eps,
    eta,
    lam,
    moreau,
    rho,
    sigma,
    sigma_2alpha,
    sigma_inf,
    weak,
)

ADAM = WEAKLY_CONVEX.sharing(measure="preconditioned-squared-gradient")
ENVELOPE = WEAKLY_CONVEX.sharing(measure="envelope-squared-gradient")
STEPS = WEAKLY_CONVEX.sharing(measure="steps", constants="hidden")

SECOND_MOMENT = Condition(
    "$1 - beta2$ of order $K^(-3/2) R^(-1/2)$ up to logarithms, (4.9) (constant 1 taken)",
    Le((1 - beta2) * K ** Rational(3, 2) * sqrt(R), 1),
)
LARGEST_ACCURACY = (sigma_inf**2 / G_inf) ** 2
SMALL_ADAM_ACCURACY = Condition(
    "accuracy at most $(sigma_inf^2/G_inf)^2$ (constant 1 taken)", Le(eps, LARGEST_ACCURACY)
)
ADAM_ACCURACY_UNIT = Erratum(
    "accuracy against sigma_inf^2/G_inf",
    "(C.14), (C.19), (C.23) and (C.25) compare the accuracy with $sigma_inf^2/G_inf$; its square is meant.",
    "The accuracy is a squared gradient, $sigma_inf^2/G_inf$ is not; the condition of Lemma C.9 gives"
    " $sigma_inf^4/G_inf^2$.",
    kind="misprint",
    where="(C.14), (C.19), (C.23), (C.25)",
    printed="$sigma_inf^2 / G_inf$",
)
ERRATA = (ADAM_ACCURACY_UNIT, ADAM_LOGS, FIRST_STEP)


def step_adam(accuracy: Expr, steps: Expr) -> Expr:
    """Theorem C.1: 24 lambda Delta / (eps T)."""
    return 24 * lam * Delta / (accuracy * steps)


def full_conditions(steps: Expr) -> tuple[Condition, ...]:
    """The hypotheses that Theorems C.2 and C.3 share, for T = `steps`."""
    return (
        local_steps_condition(spread_steps(steps)),
        small_accuracy(bias_threshold_adam(eps)),
        SMALL_ADAM_ACCURACY,
        SECOND_MOMENT,
        MOMENTUM,
    )


def prescribed(accuracy: Expr, steps: Expr) -> dict[str, Expr]:
    """The step size and the clipping threshold at an accuracy and a number of steps."""
    return {
        "eta": step_adam(accuracy, steps),
        "rho": best_threshold(bias_threshold_adam(accuracy), steps),
    }


# --- Rates -----------------------------------------------------------------------------------------------------------


@ADAM.upper(
    "thm3",
    "Local Adam, weakly convex",
    constants="hidden with logs",
    provenance=read("Theorem 3, (4.10)"),
)
def thm3() -> Stated:
    """Clipped Local Adam with the optimal step size and threshold, up to logarithms; only $eta/lambda$ matters."""
    terms = adam_terms(full=False, inverse_step=L)
    return Stated(
        terms,
        conditions=(MOMENT, local_steps_condition(all_workers_log()), SECOND_MOMENT, MOMENTUM, SPREAD, TUNED),
        steps={"eta": step_adam(rate(terms), K * R)},
        errata=(SMALL_ACCURACY, FIRST_STEP),
    )


@ADAM.upper(
    "eq4.11",
    "Mini-batch Adam",
    constants="hidden with logs",
    algorithm="minibatch-adam",
    provenance=read("(4.11)"),
)
def eq4_11() -> Stated:
    """$R$ steps of clipped Adam with the $K M$ gradients of a round in one batch: Local Adam at $K = M = 1$. The
    clipping term is a weighted geometric mean of the two terms, so dropping it is free. The display has no measure of
    its own; that of Theorem 3 is meant."""
    terms = adam_terms(full=False, inverse_step=L)
    return Stated(
        {name: minibatch(terms[name]) for name in ("optimization", "statistical")},
        conditions=(MOMENT, MOMENTUM, SPREAD, TUNED),
    )


@ENVELOPE.upper(
    "eqC.166",
    "Mini-batch Adam, gradient of the Moreau envelope",
    constants="hidden with logs",
    measure="envelope-squared-gradient-of-rounds",
    algorithm="minibatch-adam",
    provenance=read("(C.166)"),
)
def eq_c166() -> Stated:
    """$R$ steps of clipped Adam with the $K M$ gradients of a round in one batch."""
    terms = adam_terms(full=False, inverse_step=lam / moreau)
    return Stated(
        {name: minibatch(terms[name]) for name in ("optimization", "statistical", "clipping")},
        conditions=(MOMENT, *ENVELOPE_RANGE, MOMENTUM, SPREAD, TUNED),
        errata=(
            Erratum(
                "comparison after (C.167)",
                "At the Moreau parameter $lambda/L$ and $R$ of the order $L Delta / sigma^2$ all terms coincide and the"
                " comparison holds, as an order; for larger $R$ the second term dominates the clipping term and the"
                " first does not. For a larger Moreau parameter neither does, and (C.168) fails, which shows $M K R$"
                " where the text speaks of batch size 1.",
                "At $lambda/L$ the clipping term is the geometric mean of the first term, weight"
                " $(alpha-2)/(3 alpha-2)$, and the second, weight $2 alpha/(3 alpha-2)$: over the first it is"
                " $(sigma^2 R / (L Delta))^(alpha/(3 alpha-2))$.",
                kind="side condition",
                where="after (C.167)",
                printed="for $R$ of order at least $L Delta / sigma^2$ the clipping term is below the first term",
            ),
        ),
    )


@ENVELOPE.upper(
    "thmC2",
    "Local Adam, gradient of the Moreau envelope, with logarithms",
    constants="hidden",
    provenance=corrected("Theorem C.2, (C.27)"),
)
def thm_c2() -> Stated:
    """Weakly convex, any Moreau parameter between $lambda/L$ and $lambda/(2 weak)$."""
    terms = adam_terms(full=True, inverse_step=lam / moreau)
    return Stated(
        terms,
        conditions=(MOMENT, *ENVELOPE_RANGE, *full_conditions(K * R), TUNED),
        steps=prescribed(rate(terms), K * R),
        errata=(*ERRATA, DROPPED_FACTOR),
    )


@ADAM.upper(
    "thmC3",
    "Local Adam, weakly convex, with logarithms",
    constants="hidden",
    provenance=corrected("Theorem C.3, (C.33)"),
)
def thm_c3() -> Stated:
    """The full version of Theorem 3: Theorem C.2 at the Moreau parameter $lambda/L$, which needs $L >= 2$ weak;
    doubling $L$ gives that."""
    terms = adam_terms(full=True, inverse_step=L)
    return Stated(
        terms,
        conditions=(MOMENT, *full_conditions(K * R), TUNED),
        steps=prescribed(rate(terms), K * R),
        errata=ERRATA,
    )


@ADAM.upper(
    "thmC3-plain",
    "Local Adam, mean squared gradient in the plain norm",
    measure="squared-gradient",
    constants="hidden",
    provenance=corrected("Theorem C.3, (C.34)"),
)
def thm_c3_plain() -> Stated:
    """Theorem C.3 without the preconditioner in the norm, with probability at least $1 - 2 delta$: the damping must
    not be small against gradients and noise."""
    factor = 1 + (G_inf + sigma_inf) / lam
    return Stated(
        {name: factor * term for name, term in adam_terms(full=True, inverse_step=L).items()},
        conditions=(MOMENT, *full_conditions(K * R), TUNED, SLOW_PRECONDITIONER),
        errata=ERRATA,
    )


# --- Steps that reach an accuracy ------------------------------------------------------------------------------------


@STEPS.upper(
    "thmC1",
    "Local Adam: steps to reach an accuracy, any threshold, gradient of the Moreau envelope",
    provenance=corrected("Theorem C.1, (C.14), with the square of $sigma_inf^2/G_inf$"),
)
def thm_c1() -> Stated:
    """So many steps $T$ per worker suffice, up to a constant, for the accuracy $eps$ at the prescribed step; $T$ stands
    in the logarithms too."""
    small = Min(eps, LARGEST_ACCURACY)
    root_k = sqrt(K)
    second_moment = Min(
        (1 - beta1) / (root_k * difference_factor(T)),
        (1 - beta1) * sigma * sqrt(consensus_factor_adam(T)) / (root_k * difference_factor(T) * G),
        eta / (moreau * drift_factor(T)),
        (1 - beta1) / (root_k * drift_factor(T)),
        1 / K,
    )
    return Stated(
        {
            "weak convexity": K * weak * Delta / eps,
            "optimization": L * Delta / ((1 - beta1) ** 2 * eps),
            "statistical": lam * Delta * sigma**2 / (moreau * M * eps**2) * sqrt(log(T / delta)),
            "noise drift": Delta / eps * sqrt(L**2 * sigma**2 * K * consensus_factor_adam(T) / small),
            "clipping range": sqrt(L * Delta * rho**2 * d * log(T / delta)) / ((sqrt(beta2) - beta1) * eps),
        },
        conditions=(
            MOMENT,
            *ENVELOPE_RANGE,
            *THRESHOLD,
            bias_meets_accuracy((2**6 * (2 * sigma_2alpha) ** (2 * alpha) / eps) ** (1 / (2 * (alpha - 1)))),
            Condition("$beta1$ below the root of $beta2$", Lt(beta1, sqrt(beta2))),
            Condition("slow second moment, (C.13) (constant 1 taken)", Le(1 - beta2, second_moment)),
            Condition("the prescribed step", Eq(eta, step_adam(eps, T))),
        ),
        steps={"eta": step_adam(eps, T)},
        errata=(
            *ERRATA,
            Erratum(
                "comma in (C.13)",
                "A comma is missing between the first two entries of the minimum in (C.13) and (C.24).",
                "(C.80) in Lemma C.10 has them as separate entries.",
                kind="misprint",
                where="(C.13), (C.24)",
                printed="the first two entries of the minimum as one product",
            ),
            MOMENTUM_FORGOTTEN,
            INDICES_ADAM,
        ),
    )


def adam_steps_terms(inverse_step: Expr) -> dict[str, Expr]:
    """Steps to reach accuracy eps: (C.26), or (C.32) where `inverse_step` is L."""
    every = log(M * T / delta)
    return {
        "weak convexity": K * weak * Delta / eps,
        "optimization": L * Delta / eps,
        "statistical": inverse_step * Delta * sigma**2 / (M * eps**2) * sqrt(log(T / delta)),
        "noise drift": L * Delta / eps ** Rational(3, 2) * sqrt(sigma**2 * K * every),
        "clipping": L * Delta / eps ** Rational(3, 2) * bias_threshold_adam(eps) * sqrt(d) * every,
    }


@STEPS.upper(
    "thmC2-steps",
    "Local Adam: steps to reach an accuracy, gradient of the Moreau envelope",
    provenance=corrected("Theorem C.2, (C.26)"),
)
def thm_c2_steps() -> Stated:
    """So many steps $T$ per worker suffice, up to a constant, at the optimal step and threshold."""
    return Stated(
        adam_steps_terms(lam / moreau),
        conditions=(MOMENT, *ENVELOPE_RANGE, *full_conditions(T)),
        steps=prescribed(eps, T),
        errata=(*ERRATA, DROPPED_FACTOR),
    )


@STEPS.upper(
    "thmC3-steps",
    "Local Adam: steps to reach an accuracy",
    provenance=corrected("Theorem C.3, (C.32)"),
)
def thm_c3_steps() -> Stated:
    """So many steps $T$ per worker suffice, up to a constant, at the optimal step and threshold."""
    return Stated(
        adam_steps_terms(L), conditions=(MOMENT, *full_conditions(T)), steps=prescribed(eps, T), errata=ERRATA
    )


# --- A fixed step ----------------------------------------------------------------------------------------------------


def adam_budgets() -> tuple[Condition, ...]:
    """(C.158): noise, drift and clipping may each use up a twelfth of the initial gap."""
    step = eta / lam
    noise = 10 * step * eta * sigma**2 * K * R / (moreau * M)
    drift = 60 * step * K * R * step**2 * L**2 * sigma**2 * K * consensus_factor_adam(K * R)
    clipping = 60 * step * K * R * squared_clipping_bias()
    return tuple(
        Condition(f"the {name} stays below a twelfth of the initial gap, (C.158)", Le(12 * budget, Delta))
        for name, budget in (("noise", noise), ("drift", drift), ("clipping bias", clipping))
    )


@ENVELOPE.upper(
    "structural-adam",
    "Local Adam at a fixed step: the shape of the bound",
    constants="hidden with logs",
    provenance=assembled("Lemma C.11, (C.10) and (C.158), taken at a fixed step", f"{PROOFS}#structural-adam"),
)
def structural_adam() -> Stated:
    """At a fixed step: start, statistical, drift and clipping terms, up to constants and logarithms; proved as long as
    no other term exceeds the first, which keeps the iterates in the domain."""
    return Stated(
        {
            "optimization": lam * Delta / (eta * K * R),
            "statistical": eta * sigma**2 / (moreau * M),
            "noise drift": eta**2 * L**2 * sigma**2 * K / lam**2,
            "clipping": squared_clipping_bias(),
            "clipping drift": eta**2 * L**2 * K**2 * squared_clipping_bias() / lam**2,
        },
        conditions=(
            MOMENT,
            *ENVELOPE_RANGE,
            *THRESHOLD,
            STEP_OF_WEAK_CONVEXITY,
            STEP_OF_DESCENT,
            *adam_budgets(),
            SECOND_MOMENT,
            MOMENTUM,
        ),
    )


def implications() -> Iterator[Implication]:
    """One batch a round, the best Moreau parameter, no logarithms; threshold and accuracy solved for."""
    best = {"moreau": lam / L}
    yield Specialization("cheng2024/thm3", "cheng2024/eq4.11", "~", ONE_BATCH)
    yield Specialization("cheng2024/thmC3", "cheng2024/thmC3-plain", "<~")
    yield Specialization("cheng2024/thmC3", "cheng2024/thm3", "=", EVEN_NOISE, without_logarithms=True)
    yield Specialization("cheng2024/thmC2", "cheng2024/thmC3", "=", best)
    yield Specialization("cheng2024/thmC2-steps", "cheng2024/thmC3-steps", "=", best)
    yield Specialization("cheng2024/eqC.166", "cheng2024/eq4.11", "~", best)
    yield TunedBound(
        "cheng2024/thmC1",
        "cheng2024/thmC2-steps",
        "~",
        {"beta1": 0, "beta2": 1},
        given=(*not_too_uneven_noise(), Le(eps, L * Delta), Le(eps, LARGEST_ACCURACY)),
        without_logarithms=True,
        letter="rho",
        floor=bias_threshold_adam(eps),
    )
    for steps, reached in (("thmC2-steps", "thmC2"), ("thmC3-steps", "thmC3")):
        yield SolvedBound(
            f"cheng2024/{steps}", f"cheng2024/{reached}", "~", target_at={"R": T / K}, without_logarithms=True
        )


def misprints() -> Iterator[Misprint]:
    """Two terms of a summary, and accuracies compared with what is no squared gradient."""
    clipping, drift = (thm3.theorem.bound.term(name).expression for name in ("clipping", "noise drift"))
    yield Misprint(
        "summary-adam-clipping",
        "cheng2024",
        "last term of the Local Adam rate in a summary of the paper",
        (L * Delta * sigma) ** (alpha / (alpha - 1)) * K * R ** (-2 * (alpha - 1) / (3 * alpha - 2)),
        MEASURES["preconditioned-squared-gradient"],
        clipping,
        "value^(3*alpha/(alpha - 1)) length^(-3*alpha/(alpha - 1))",
        "Only $sigma$ carries the power $alpha/(alpha-1)$, and the outer power covers the whole quotient by $K R$.",
    )
    yield Misprint(
        "summary-adam-drift",
        "cheng2024",
        "fourth term of the Local Adam rate in a summary of the paper",
        (L * Delta * sigma) ** Rational(2, 3) * K ** Rational(1, 3) * R ** Rational(2, 3),
        MEASURES["preconditioned-squared-gradient"],
        drift,
        "value^2 length^-2",
        "$K$ and $R$ belong in the denominator; they have no unit, so that the unit is right all the same.",
    )
    printed_cap = sigma_inf**2 / G_inf
    yield Misprint(
        "eqC.14",
        "cheng2024",
        "(C.14), second term",
        Delta / eps * sqrt(L**2 * sigma**2 * K * consensus_factor_adam(T, (1, 2)) / Min(eps, printed_cap)),
        MEASURES["steps"],
        thm_c1.theorem.bound.term("noise drift").expression,
        "value length^-1",
        "The minimum compares the accuracy, a squared gradient, with $sigma_inf^2/G_inf$; its square is meant.  The"
        " powers of the two logarithms in A are exchanged, too, which no unit tells.",
        WEAKLY_CONVEX.units,
    )
    yield Misprint(
        "eqC.25",
        "cheng2024",
        "(C.25), also (C.19) and (C.23)",
        printed_cap,
        Measure("accuracy", r"\varepsilon", SQUARED_GRADIENT, "largest accuracy that the theorem covers"),
        LARGEST_ACCURACY,
        "value length^-1",
        "The accuracy is a squared gradient; the condition of Lemma C.9 gives the square of $sigma_inf^2/G_inf$.",
    )
    yield Misprint(
        "eqB.52",
        "cheng2024",
        "(B.52)",
        Delta / (2 * L),
        MEASURES["squared-gradient"],
        2 * L * Delta,
        "length^2",
        "Smoothness bounds the squared gradient by $2 L$ times the gap; (B.53) then needs $eta <= 1/(12 L)$.",
    )
