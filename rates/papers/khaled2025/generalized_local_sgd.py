"""Generalized local SGD: Theorem 1 on inner and outer steps, the tuned rates around it, and the rates it is compared
with."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Ge, Integer, Le, Max, Rational, sqrt

from tightrate.rates.papers import dekel2012
from tightrate.rates.papers.khaled2025 import LOCAL_SGD, PROOFS, identical_workers
from tightrate.rates.papers.koloskova2020 import TWO_STEPS_AT_LEAST
from tightrate.rates.papers.woodworth2020a import IDENTICAL_WORKERS
from tightrate.rates.papers.woodworth2020a import convex_terms as local_sgd_terms
from tightrate.rates.statements.builder import Stated, derived, own
from tightrate.rates.statements.family import FROM_GRADIENTS, Family, SpecialCase
from tightrate.rates.statements.implication import Implication, Specialization, TunedBound
from tightrate.rates.statements.measures import Measure
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import B, K, L, M, R, eta, gamma, sigma
from tightrate.rates.symbols.units import PURE

EXCESS = Max(gamma - 1, 0)  # (gamma - 1)_+
ANY_OUTER_STEP = "local-sgd-any-outer-step"
COMPARISON_RATE = "Section 3.2, comparison rate"
STEPS_TOGETHER = Condition(
    "$eta L (1 + (gamma - 1)_+ K)$ is at most 1/4: an outer step above 1 must leave room for $K$ local steps",
    Le(eta * L * (1 + EXCESS * K), Rational(1, 4)),
)
CROSS_TERM = Condition(
    "$E||sum_h g_h||^2$ is at most $E||sum_h grad_h||^2 + K sigma^2 / M$: proved for quadratics with any noise and"
    " in one dimension with noise independent of the point; not needed when $gamma <= 1$ and momentum = 0"
)


@LOCAL_SGD.upper("thm1", "Generalized local SGD", provenance=derived("Theorem 1, eq. (3)", f"{PROOFS}#thm1"))
def thm1() -> Stated:
    """The outer step divides the optimization term and multiplies the noise, but not the drift of the workers: it can
    make up for an inner step that is too small, never for one that is too large."""
    return Stated(
        {
            "optimization": 2 * B**2 / (gamma * eta * R * K),
            "statistical": 2 * eta * sigma**2 * Max(1, gamma) / M,
            "noise drift": 2 * L * eta**2 * sigma**2 * (K - 1),
        },
        conditions=(STEPS_TOGETHER, CROSS_TERM),
        errata=(
            Erratum(
                "constants",
                "Which numbers are printed is not known; the drift may carry 2, 4 or 8 and $K$ for $K - 1$.",
                "The condition with 1/4 is exactly what constants 2 and 2 need; the drift constant depends on how the"
                " spread of the workers is booked.",
                kind="remark",
                where="Theorem 1, eq. (3)",
                printed="a display that was lost",
                certainty="unseen",
            ),
            Erratum(
                "cross term",
                "For $gamma > 1$ the proof needs the second moment of a round's summed gradients without the"
                " correlation of early noise with later gradients, which is nonpositive for quadratics and in one"
                " dimension but is not known to be so in general.",
                "thm1-safe keeps the correlation and has larger constants.",
                kind="conditional",
                where="proof of Theorem 1",
                printed="displays that were lost; the prose takes this step",
                certainty="unseen",
            ),
        ),
        setting=identical_workers(ANY_OUTER_STEP),
    )


@LOCAL_SGD.upper(
    "thm1-safe",
    "Generalized local SGD, constants proved for every convex smooth objective",
    provenance=own("Theorem 1 without its shortcut", f"{PROOFS}#thm1-safe"),
)
def thm1_safe() -> Stated:
    """Theorem 1 under the same condition on the steps, with the cross term bounded by Young's inequality."""
    return Stated(
        {
            "optimization": 4 * B**2 / (gamma * eta * R * K),
            "statistical": 4 * eta * sigma**2 * (1 + 3 * EXCESS) / M,
            "noise drift": 4 * L * eta**2 * sigma**2 * (K - 1),
        },
        conditions=(STEPS_TOGETHER,),
        setting=identical_workers(ANY_OUTER_STEP),
    )


# Steps are written 1 / max{...} rather than min{1/...}: the same number, defined also without noise.


def local_step() -> Expr:
    """The inner step that balances Theorem 1 at gamma = 1: min{1/(4L), B sqrt(M)/(sigma sqrt(KR)), ...}."""
    return 1 / Max(4 * L, sigma * sqrt(K * R) / (B * sqrt(M)), (L * sigma**2 * K**2 * R / B**2) ** Rational(1, 3))


@LOCAL_SGD.upper(
    "eq2",
    "Local SGD with plain averaging, tuned",
    constants="hidden",
    provenance=derived("eq. (2)", f"{PROOFS}#eq2"),
)
def eq2() -> Stated:
    """The first two terms are those of $K R$ steps of SGD with batch $M$; the drift term falls faster in $R$ than in
    $K$."""
    return Stated(local_sgd_terms(), steps={"eta": local_step(), "gamma": Integer(1)}, setting=IDENTICAL_WORKERS)


@LOCAL_SGD.upper(
    "eq2-explicit",
    "Local SGD with plain averaging, tuned, with constants",
    provenance=own("Theorem 1 at $gamma = 1$, tuned", f"{PROOFS}#eq2"),
)
def eq2_explicit() -> Stated:
    """Theorem 1 at $gamma = 1$ and the balancing inner step; no cross term arises at $gamma = 1$."""
    constants = (8, 4, 4)
    return Stated(
        {name: c * term for c, (name, term) in zip(constants, local_sgd_terms().items(), strict=True)},
        conditions=(
            Condition("plain averaging", Eq(gamma, 1)),
            Condition("the balancing inner step", Eq(eta, local_step())),
        ),
        steps={"eta": local_step(), "gamma": Integer(1)},
        setting=IDENTICAL_WORKERS,
    )


MINIBATCH_TERMS = {"optimization": dekel2012.optimization(), "statistical": dekel2012.statistical()}
MINIBATCH = LOCAL_SGD.sharing(constants="hidden")


@MINIBATCH.upper(
    "minibatch",
    "Minibatch SGD, tuned",
    algorithm="minibatch-sgd",
    iterate="average over the rounds",
    provenance=derived(COMPARISON_RATE, f"{PROOFS}#minibatch"),
)
def minibatch() -> Stated:
    """$R$ steps of SGD with batch $K M$: what $eta -> 0$ at a fixed product $eta gamma$, or $K = 1$, amounts to."""
    return Stated(MINIBATCH_TERMS, setting=identical_workers("minibatch-sgd"))


@MINIBATCH.upper(
    "karimireddy",
    "Two step sizes as analysed before (Karimireddy et al. 2020), without heterogeneity",
    provenance=derived(COMPARISON_RATE, f"{PROOFS}#minibatch"),
)
def karimireddy() -> Stated:
    """For chosen $eta$ and $gamma$ local SGD attains minibatch SGD's rate; it does not recover eq. (2)."""
    return Stated(MINIBATCH_TERMS, setting=identical_workers(ANY_OUTER_STEP))


@MINIBATCH.upper(
    "malinovsky",
    "Server-side steps (Malinovsky and Richtarik 2022), specialised and tuned, no noise",
    provenance=derived(f"{COMPARISON_RATE}; its range of steps was read", f"{PROOFS}#malinovsky"),
)
def malinovsky() -> Stated:
    """Small inner, large outer steps, $gamma$ up to $1/(L eta K)$: the tuned rate is that of $R$ steps of GD."""
    return Stated(
        {"optimization": dekel2012.optimization()},
        conditions=(
            Condition("no noise", Eq(sigma, 0)),
            Condition("$eta K$ is at most $1/L$", Le(eta * K * L, 1)),
            Condition("the outer step is at least 1", Ge(gamma, 1)),
            Condition("the outer step is at most $1/(L eta K)$", Le(gamma * L * eta * K, 1)),
        ),
        setting=Setting(ANY_OUTER_STEP, {"sigma": 0, "zeta": 0}),
    )


@LOCAL_SGD.upper(
    "ill-tuned",
    "A small inner step repaired by the outer step",
    provenance=derived("discussion after Theorem 1, with our constants", f"{PROOFS}#ill-tuned"),
)
def ill_tuned() -> Stated:
    """With $eta$ of order $1/(R L)$ and the product $eta gamma$ that balances the rest, generalized local SGD has
    minibatch SGD's rate and a remainder that falls like $1/R^2$."""
    product = 1 / Max(8 * L * K, sigma * sqrt(R * K) / (B * sqrt(M)))
    step = 1 / Max(8 * L * R, 8 * L * K, sigma * sqrt(R * K) / (B * sqrt(M)))
    return Stated(
        {
            "optimization": 32 * L * B**2 / R,
            "statistical": 16 * sigma * B / sqrt(M * K * R),
            "noise drift": sigma**2 * K / (16 * L * R**2),
        },
        conditions=(
            Condition("the prescribed inner step", Eq(eta, step)),
            Condition("the prescribed product of the steps", Eq(eta * gamma, product)),
        ),
        steps={"eta": step, "gamma": product / step},
        errata=(
            Erratum(
                "gamma_*",
                "Minimizing the rate gives $sqrt(L^2 B^2 M K / (R sigma^2))$, a pure number; whether the print differs"
                " or the conversion of the text lost symbols is not known.",
                "$gamma_*$ multiplies $sigma^2 / (L M K)$ and divides $L B^2 / R$, so it must be a pure number.",
                kind="remark",
                where="discussion after Theorem 1",
                printed="$sqrt(L B^2 sigma^2 M K / (R sigma^2))$",
                certainty="legible",
            ),
        ),
        setting=identical_workers(ANY_OUTER_STEP),
    )


def families() -> Iterator[Family]:
    """An outer step of its own: between local SGD and mini-batch SGD."""
    yield Family(
        ANY_OUTER_STEP,
        "local SGD with free inner and outer steps",
        contains=(
            SpecialCase("minibatch-sgd", "eta -> 0 at a fixed gamma eta K: all gradients at one point"),
            SpecialCase("local-sgd", "gamma = 1"),
        ),
        reduces_to=(
            FROM_GRADIENTS,
            SpecialCase("local-sgd", "gamma = 1", {gamma: 1}),
            SpecialCase("minibatch-sgd", "one local step", {K: 1}),
        ),
    )


def implications() -> Iterator[Implication]:
    """Restatements of earlier rates, one local step, no noise, and the tuned and prescribed steps."""
    one, plain = {"K": 1}, {"gamma": 1}
    one_step, at_product = {"K": 1, "gamma": 1}, {"K": 1, "eta": gamma * eta}
    yield Specialization("khaled2025/eq2", "woodworth2020a/convex", "=")
    yield Specialization("khaled2025/minibatch", "dekel2012/convex", "=")
    yield Specialization("khaled2025/karimireddy", "dekel2012/convex", "=")
    yield Specialization("khaled2025/malinovsky", "dekel2012/convex", "=", target_at={"sigma": 0})
    yield Specialization("khaled2025/eq2-explicit", "khaled2025/eq2", "~")
    yield Specialization("khaled2025/thm1", "khaled2025/prop1", "~", given=TWO_STEPS_AT_LEAST)
    yield Specialization("khaled2025/thm1-safe", "khaled2025/thm1", "=", plain, plain, factor=2)
    yield Specialization("khaled2025/thm1", "khaled2025/thm1", "=", {"sigma": 0}, {"sigma": 0, "M": 1})
    yield Specialization("khaled2025/thm1", "dekel2012/fixed-step", "=", one_step, one, factor=4)
    yield Specialization("khaled2025/thm1", "dekel2012/fixed-step", "~", one, at_product, given=(Ge(gamma, 1),))
    yield Specialization(
        "khaled2025/thm1",
        "dekel2012/fixed-step",
        "<~",
        one,
        at_product,
        fails_because="At $K = 1$ only the product of both steps matters, but for $gamma < 1$ the bound keeps the"
        " noise $eta sigma^2 / M$: it is loose there.",
    )
    for prescribed in (eq2_explicit, ill_tuned):
        steps = prescribed.theorem.steps
        yield Specialization("khaled2025/thm1", prescribed.id, "<~", {name: steps[name] for name in ("eta", "gamma")})
    cap = 1 / (4 * L)
    yield TunedBound("khaled2025/thm1", "khaled2025/eq2", "~", plain, given=TWO_STEPS_AT_LEAST, cap=cap)
    yield TunedBound("khaled2025/thm1", "dekel2012/convex", "~", one_step, {"K": 1}, cap=cap)


def misprints() -> Iterator[Misprint]:
    """The balancing factor after Theorem 1."""
    yield Misprint(
        "gamma-star",
        "khaled2025",
        "outer step that balances the rate, discussion after Theorem 1, as legible in a conversion of the text",
        sqrt(L * B**2 * sigma**2 * M * K / (R * sigma**2)),
        Measure("balancing-factor", r"\gamma_\star", PURE, "$gamma eta L K$ at which the two terms are equal"),
        sqrt(L**2 * B**2 * M * K / (R * sigma**2)),
        "value^(1/2)",
        "Minimizing the rate over $gamma_*$ gives the square of $L$ and no noise in the numerator; the conversion of"
        " the"
        " text may have lost symbols, so that this is not called an error of the paper.",
        certainty="legible",
    )
