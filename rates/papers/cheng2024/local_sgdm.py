"""Local SGDM: Theorems 1 and 2, the mini-batch rates (4.5), and the full versions B.3 to B.5 as rates and as steps that
reach an accuracy."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Ge, Le, exp, log, oo, sqrt

from tightrate.rates.papers.cheng2024 import (
    CONVEX,
    MOMENT,
    MOMENTUM,
    PROOFS,
    SPREAD,
    STRONGLY_CONVEX,
    THRESHOLD,
    TUNED,
    identical_workers,
)
from tightrate.rates.papers.cheng2024.clipping_thresholds import (
    best_threshold,
    bias_threshold_convex,
    bias_threshold_strongly_convex,
)
from tightrate.rates.papers.cheng2024.consensus import CONTRACTION_CONSTANT, consensus_factor
from tightrate.rates.papers.cheng2024.errata import DESCENT_STEP, INDICES_SGDM, MINUS_SIGNS
from tightrate.rates.papers.cheng2024.rate_terms import (
    EVEN_NOISE,
    ONE_BATCH,
    SMALL_ACCURACY,
    all_workers_log,
    convex_terms,
    local_steps_condition,
    minibatch,
    not_too_uneven_noise,
    rate,
    small_accuracy,
    spread_steps,
    strongly_convex_terms,
)
from tightrate.rates.statements.builder import Stated, corrected, read
from tightrate.rates.statements.family import FROM_GRADIENTS, Family
from tightrate.rates.statements.implication import Implication, SolvedBound, Specialization, TunedBound
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import (
    B,
    K,
    L,
    M,
    R,
    T,
    alpha,
    beta1,
    d,
    decay,
    delta,
    eps,
    eta,
    mu,
    rho,
    sigma,
    sigma_2alpha,
)

PREFACTOR = Erratum(
    "prefactor",
    "The exponential has a factor of the unit of the measure in front; $mu B^2$, which the last step of the proof"
    " gives, is supplied.",
    "$exp(-Theta(mu K R / L))$ is a pure number and not a value; (B.16) reads $4 mu B^2 exp(-eta mu T / 2)$.",
    kind="misprint",
    where="(4.3), (4.5), (B.19)",
    printed="$exp(-Theta(mu K R / L))$, resp. $exp(-Theta(mu R / L))$, without a factor in front",
)
WEIGHTS = Erratum(
    "weights",
    "The printed weights of the output sum to $1 - eta mu / 2$; normalized weights $(1 - eta mu/2)^(T-1-t)$ are meant.",
    "Sum of $(1-q)^(T-j)$ over $j < T$, times $q / (1 - (1-q)^T)$, is $1 - q$.",
    kind="misprint",
    where="proof of Theorem B.3, the point that Theorem 1 speaks of",
    printed="$x_hat = eta mu sum_{j=0}^{T-1} (1 - eta mu/2)^{T-j} z_j / (2 (1 - (1 - eta mu/2)^T))$",
)
THRESHOLD_CONSTANT = Erratum(
    "threshold constant",
    "For $mu > 0$ the constant $2^8$ in the threshold is too small for the fifth that the proof claims; about $2^12$"
    " to $2^14$ is needed. For $mu = 0$ it suffices.",
    "The geometric sum in (B.64) gives 8 sqrt(2) in place of 4 sqrt(2).",
    kind="gap",
    where="(B.12) and (B.64)",
    printed="the threshold constant $2^8$, and $4 sqrt(2)$ from the geometric sum, for $mu > 0$ too",
)


DESCENT = Condition("the step is at most of the order $(1 - beta1)^2 / L$, (B.9)")


def step_strongly_convex(accuracy: Expr, steps: Expr) -> Expr:
    """(B.12), mu > 0: 2/(mu T) log(4 mu B^2 / eps)."""
    return 2 / (mu * steps) * log(4 * mu * B**2 / accuracy)


def step_convex(accuracy: Expr, steps: Expr) -> Expr:
    """(B.12), mu = 0: 4 B^2 / (T eps)."""
    return 4 * B**2 / (steps * accuracy)


# --- Rates -----------------------------------------------------------------------------------------------------------


@STRONGLY_CONVEX.upper(
    "thm1",
    "Local SGD with momentum, strongly convex",
    constants="hidden with logs",
    provenance=corrected("Theorem 1, (4.3), with the factor in front"),
)
def thm1() -> Stated:
    """Clipped Local SGDM with the optimal step size and threshold, up to logarithms."""
    terms = strongly_convex_terms(full=False)
    return Stated(
        terms,
        conditions=(MOMENT, local_steps_condition(all_workers_log()), MOMENTUM, SPREAD, TUNED, DESCENT),
        steps={"eta": step_strongly_convex(rate(terms), K * R)},
        errata=(PREFACTOR, SMALL_ACCURACY, WEIGHTS),
        setting=identical_workers("local-sgdm", mu=mu),
    )


@CONVEX.upper(
    "thm2",
    "Local SGD with momentum, convex",
    constants="hidden with logs",
    provenance=read("Theorem 2, (4.4)"),
)
def thm2() -> Stated:
    """Clipped Local SGDM with the optimal step size and threshold, up to logarithms."""
    terms = convex_terms(full=False)
    return Stated(
        terms,
        conditions=(MOMENT, local_steps_condition(all_workers_log()), MOMENTUM, SPREAD, TUNED),
        steps={"eta": step_convex(rate(terms), K * R)},
        errata=(SMALL_ACCURACY,),
        setting=identical_workers("local-sgdm"),
    )


def substitution_erratum(excess: str) -> Erratum:
    """What substitution of K = M = 1 alone does not give."""
    return Erratum(
        "substitution",
        "The rate is right, but it does not follow by substituting $K = M = 1$ as the paper says: $K = 1$ violates"
        " the theorem's own condition, and a clipping term remains. With one worker there is no consensus error;"
        " without it the clipping term becomes small.",
        f"The substituted clipping term {excess}; the argument without the consensus error is in {PROOFS}#eq45.",
        kind="gap",
        where="before (4.5)",
        printed=(
            "the mini-batch rates follow from (4.3) and (4.4) with 1 for $M$ and $K$ and $sigma/sqrt(M K)$ for $sigma$"
        ),
    )


@CONVEX.upper(
    "eq4.5",
    "Mini-batch SGD with momentum, convex",
    constants="hidden with logs",
    algorithm="minibatch-sgdm",
    provenance=read("(4.5), second case"),
)
def eq4_5() -> Stated:
    """$R$ steps of clipped SGDM with the $K M$ gradients of a round in one batch: Local SGDM at $K = M = 1$."""
    terms = convex_terms(full=False)
    return Stated(
        {name: minibatch(terms[name]) for name in ("optimization", "statistical")},
        conditions=(MOMENT, MOMENTUM, SPREAD, TUNED),
        errata=(substitution_erratum("exceeds the two terms by $R^(1/(3 alpha - 1))$ times a geometric mean of them"),),
        setting=identical_workers("minibatch-sgdm"),
    )


@STRONGLY_CONVEX.upper(
    "eq4.5-sc",
    "Mini-batch SGD with momentum, strongly convex",
    constants="hidden with logs",
    algorithm="minibatch-sgdm",
    provenance=corrected("(4.5), first case, with the factor in front"),
)
def eq4_5_sc() -> Stated:
    """$R$ steps of clipped SGDM with the $K M$ gradients of a round in one batch: Local SGDM at $K = M = 1$."""
    terms = strongly_convex_terms(full=False)
    excess = "is $((L/mu)^(alpha-1) R^(2-alpha))^(1/alpha)$ times the statistical term"
    return Stated(
        {name: minibatch(terms[name]) for name in ("optimization", "statistical")},
        conditions=(MOMENT, MOMENTUM, SPREAD, TUNED),
        errata=(PREFACTOR, substitution_erratum(excess)),
        setting=identical_workers("minibatch-sgdm", mu=mu),
    )


@STRONGLY_CONVEX.upper(
    "thmB4",
    "Local SGD with momentum, strongly convex, with logarithms",
    constants="hidden",
    provenance=corrected("Theorem B.4, (B.19), with the factor in front"),
)
def thm_b4() -> Stated:
    """The full version of Theorem 1: logarithms, dimension and the norm of the noise vector written out."""
    terms = strongly_convex_terms(full=True)
    return Stated(
        terms,
        conditions=(
            MOMENT,
            local_steps_condition(spread_steps(K * R)),
            small_accuracy(bias_threshold_strongly_convex(eps)),
            MOMENTUM,
            TUNED,
            DESCENT,
        ),
        steps={
            "eta": step_strongly_convex(rate(terms), K * R),
            "rho": best_threshold(bias_threshold_strongly_convex(rate(terms)), K * R),
        },
        errata=(PREFACTOR, WEIGHTS, THRESHOLD_CONSTANT, CONTRACTION_CONSTANT),
        setting=identical_workers("local-sgdm", sigma_2alpha=sigma_2alpha, mu=mu),
    )


@CONVEX.upper(
    "thmB5",
    "Local SGD with momentum, convex, with logarithms",
    constants="hidden",
    provenance=read("Theorem B.5, (B.24)"),
)
def thm_b5() -> Stated:
    """The full version of Theorem 2: logarithms, dimension and the norm of the noise vector written out."""
    terms = convex_terms(full=True)
    return Stated(
        terms,
        conditions=(
            MOMENT,
            local_steps_condition(spread_steps(K * R)),
            small_accuracy(bias_threshold_convex(eps)),
            MOMENTUM,
            TUNED,
        ),
        steps={
            "eta": step_convex(rate(terms), K * R),
            "rho": best_threshold(bias_threshold_convex(rate(terms)), K * R),
        },
        errata=(CONTRACTION_CONSTANT,),
        setting=identical_workers("local-sgdm", sigma_2alpha=sigma_2alpha),
    )


# --- Steps that reach an accuracy ------------------------------------------------------------------------------------

CONVEX_STEPS = CONVEX.sharing(measure="steps", constants="hidden")
STRONGLY_CONVEX_STEPS = STRONGLY_CONVEX.sharing(measure="steps", constants="hidden")


def bias_meets_accuracy(threshold: Expr) -> Condition:
    """The clipping threshold is above the one where the clipping bias meets the accuracy."""
    return Condition("threshold above the one where clipping bias meets the accuracy", Ge(rho, threshold))


@CONVEX_STEPS.upper(
    "thmB3",
    "Local SGD with momentum, convex: steps to reach an accuracy, any threshold",
    provenance=read("Theorem B.3, $(B.11)-(B.12)$, $mu = 0$"),
)
def thm_b3() -> Stated:
    """So many steps $T$ per worker suffice, up to a constant, for the accuracy $eps$ at the prescribed step; $T$ stands
    in the logarithms too."""
    return Stated(
        {
            "optimization": B**2 / eps * L / (1 - beta1) ** 2,
            "statistical": B**2 * sigma**2 / (M * eps**2) * log(T / delta),
            "noise drift": B**2 / eps * sqrt(L * sigma**2 * K * consensus_factor(T) / eps),
            "clipping range": B * rho * sqrt(d) / eps * log(T / delta),
        },
        conditions=(
            MOMENT,
            *THRESHOLD,
            bias_meets_accuracy((2**8 * B * (2 * sigma_2alpha) ** alpha / eps) ** (1 / (alpha - 1))),
            Condition("the prescribed step", Eq(eta, step_convex(eps, T))),
        ),
        steps={"eta": step_convex(eps, T)},
        errata=(CONTRACTION_CONSTANT, DESCENT_STEP, MINUS_SIGNS, INDICES_SGDM),
    )


@STRONGLY_CONVEX_STEPS.upper(
    "thmB3-sc",
    "Local SGD with momentum, strongly convex: steps to reach an accuracy, any threshold",
    provenance=read("Theorem B.3, $(B.11)-(B.12)$, $mu > 0$"),
)
def thm_b3_sc() -> Stated:
    """So many steps $T$ per worker suffice, up to a constant, for the accuracy $eps$ at the prescribed step; $T$ stands
    in the logarithms too."""
    accuracy_log = log(mu * B**2 / eps)
    return Stated(
        {
            "optimization": accuracy_log * L / ((1 - beta1) ** 2 * mu),
            "statistical": accuracy_log * sigma**2 / (mu * M * eps) * log(T / delta),
            "noise drift": accuracy_log * sqrt(L * sigma**2 * K * consensus_factor(T) / (mu**2 * eps)),
            "clipping range": accuracy_log * rho * sqrt(d) / sqrt(mu * eps) * log(T / delta),
        },
        conditions=(
            MOMENT,
            *THRESHOLD,
            bias_meets_accuracy((2**8 * (2 * sigma_2alpha) ** (2 * alpha) / (mu * eps)) ** (1 / (2 * (alpha - 1)))),
            Condition("the prescribed step", Eq(eta, step_strongly_convex(eps, T))),
        ),
        steps={"eta": step_strongly_convex(eps, T)},
        errata=(WEIGHTS, THRESHOLD_CONSTANT, CONTRACTION_CONSTANT, DESCENT_STEP, MINUS_SIGNS, INDICES_SGDM),
    )


@STRONGLY_CONVEX_STEPS.upper(
    "thmB4-steps",
    "Local SGD with momentum, strongly convex: steps to reach an accuracy",
    provenance=read("Theorem B.4, (B.18)"),
)
def thm_b4_steps() -> Stated:
    """So many steps $T$ per worker suffice, up to a constant, at the optimal step and threshold."""
    accuracy_log = log(mu * B**2 / eps)
    every, threshold = log(M * T / delta), bias_threshold_strongly_convex(eps)
    return Stated(
        {
            "optimization": accuracy_log * L / mu,
            "statistical": accuracy_log * sigma**2 / (mu * M * eps) * log(T / delta),
            "noise drift": accuracy_log * sqrt(L * sigma**2 * K * every / (mu**2 * eps)),
            "clipping": accuracy_log * sqrt(L * d / (mu**2 * eps)) * every * threshold,
        },
        conditions=(MOMENT, local_steps_condition(spread_steps(T)), small_accuracy(threshold), MOMENTUM),
        steps={"eta": step_strongly_convex(eps, T), "rho": best_threshold(threshold, T)},
        errata=(WEIGHTS, THRESHOLD_CONSTANT, CONTRACTION_CONSTANT),
    )


@CONVEX_STEPS.upper(
    "thmB5-steps",
    "Local SGD with momentum, convex: steps to reach an accuracy",
    provenance=read("Theorem B.5, (B.23)"),
)
def thm_b5_steps() -> Stated:
    """So many steps $T$ per worker suffice, up to a constant, at the optimal step and threshold."""
    every, threshold = log(M * T / delta), bias_threshold_convex(eps)
    return Stated(
        {
            "optimization": B**2 * L / eps,
            "statistical": B**2 * sigma**2 / (M * eps**2) * log(T / delta),
            "noise drift": B**2 / eps * sqrt(L * sigma**2 * K * every / eps),
            "clipping": B**2 / eps * sqrt(d * L / eps) * threshold * every,
        },
        conditions=(MOMENT, local_steps_condition(spread_steps(T)), small_accuracy(threshold), MOMENTUM),
        steps={"eta": step_convex(eps, T), "rho": best_threshold(threshold, T)},
        errata=(CONTRACTION_CONSTANT,),
    )


def families() -> Iterator[Family]:
    """Clipped SGD with momentum, by local steps and on batches."""
    yield Family("local-sgdm", "clipped local SGD with momentum", reduces_to=(FROM_GRADIENTS,))
    yield Family(
        "minibatch-sgdm", "clipped SGD with momentum on batches of K M gradients", reduces_to=(FROM_GRADIENTS,)
    )


def implications() -> Iterator[Implication]:
    """Light tails, one batch a round, no logarithms; thresholds and accuracies solved for."""
    yield Specialization("cheng2024/eq4.5", "dekel2012/convex", "=")
    yield Specialization("cheng2024/thm1", "woodworth2020/strongly-convex", "<~", {"alpha": oo}, {"zeta": 0})
    yield Specialization("cheng2024/thm2", "woodworth2020a/convex", "~", {"alpha": oo})
    yield Specialization("cheng2024/thm2", "cheng2024/thm2", "=", {"sigma": 0}, {"sigma": 0, "M": 1})
    for local, batch in (("thm2", "eq4.5"), ("thm1", "eq4.5-sc")):
        yield Specialization(
            f"cheng2024/{local}",
            f"cheng2024/{batch}",
            "<~",
            ONE_BATCH,
            fails_because="A clipping term remains; the mini-batch rate needs an argument without consensus error"
            f" (erratum of {batch}).",
        )
    for full, short in (("thmB4", "thm1"), ("thmB5", "thm2")):
        yield Specialization(f"cheng2024/{full}", f"cheng2024/{short}", "=", EVEN_NOISE, without_logarithms=True)
    yield TunedBound(
        "cheng2024/thmB3",
        "cheng2024/thmB5-steps",
        "~",
        {"beta1": 0},
        given=(*not_too_uneven_noise(), Le(eps, L * B**2)),
        without_logarithms=True,
        letter="rho",
        floor=bias_threshold_convex(eps),
    )
    yield TunedBound(
        "cheng2024/thmB3-sc",
        "cheng2024/thmB4-steps",
        "~",
        {"beta1": 0},
        given=not_too_uneven_noise(),
        without_logarithms=True,
        letter="rho",
        floor=bias_threshold_strongly_convex(eps),
    )
    in_steps = {"R": T / K}
    yield SolvedBound("cheng2024/thmB5-steps", "cheng2024/thmB5", "~", target_at=in_steps, without_logarithms=True)
    yield SolvedBound(
        "cheng2024/thmB4", "cheng2024/thmB4-steps", "~", in_steps, without_logarithms=True, letter="T", value=eps
    )


def misprints() -> Iterator[Misprint]:
    """A summary's clipping term, and the exponentials without their prefactor."""
    yield Misprint(
        "summary-sgdm-clipping",
        "cheng2024",
        "last term of the Local SGDM rate in a summary of the paper",
        sigma**2 * sqrt(L) / sqrt(mu) * K * R ** (2 * (alpha - 1) / alpha),
        MEASURES["gap"],
        thm1.theorem.bound.term("clipping").expression,
        "value^2 length^-2",
        "$K R$ belongs in the denominator inside the power, and a factor $1/mu$ is missing.",
    )
    for name, where, printed, complete in (
        ("eq4.3-prefactor", "(4.3), first term", exp(-decay * mu * K * R / L), thm1),
        ("eq4.5-prefactor", "(4.5), first term of the strongly convex case", exp(-decay * mu * R / L), eq4_5_sc),
    ):
        yield Misprint(
            name,
            "cheng2024",
            where,
            printed,
            MEASURES["gap"],
            complete.theorem.bound.term("optimization").expression,
            "pure number",
            "The prefactor $mu B^2$ of the exponential is left out.",
        )
