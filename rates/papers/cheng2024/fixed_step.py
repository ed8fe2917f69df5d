"""Local SGDM at a fixed step size: the shape of the bounds as their proofs give it, and our versions with constants, in
expectation and without momentum."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Ge, Integer, Le, Lt, Pow, Rational, sqrt

from tightrate.rates.papers.cheng2024 import CONVEX, MOMENT, MOMENTUM, PROOFS, STRONGLY_CONVEX, THRESHOLD
from tightrate.rates.papers.cheng2024.clipping import clipping_bias, sharp_clipping_bias
from tightrate.rates.papers.cheng2024.consensus import STEP_OF_DESCENT
from tightrate.rates.papers.cheng2024.local_sgdm import WEIGHTS
from tightrate.rates.papers.koloskova2020 import TWO_STEPS_AT_LEAST
from tightrate.rates.statements.builder import Stated, assembled, own
from tightrate.rates.statements.implication import Implication, Specialization, TunedBound
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import B, D, G_inf, K, L, M, R, alpha, beta1, d, eta, mu, rho, sigma, sigma_2alpha

CONTAINED = Condition("every mean iterate stays within $D$ of the optimum")
SHAPE_CONDITIONS = (
    MOMENT,
    *THRESHOLD,
    STEP_OF_DESCENT,
    CONTAINED,
    Condition("$D$ of the order of the start distance", Le(D, sqrt(3) * B)),
    Condition("one clipped step is at most $D$ (constant 1 taken)", Le(eta * rho * sqrt(d), D)),
    Condition("enough local steps for the threshold (constant and logarithm 1 taken)", Le(rho**2 * d, K * sigma**2)),
    MOMENTUM,
)
SECOND_MOMENT = Condition("noise moment of order at least 2", Ge(alpha, 2))
NO_MOMENTUM = Condition("no momentum", Eq(beta1, 0))
CLIPS_ABOVE_GRADIENT = Condition(
    "threshold above $G_inf$, which bounds every gradient coordinate at every iterate", Lt(G_inf, rho)
)


def fixed_step_convex_terms(
    bias: Expr, optimization: Expr, statistical: Expr, drift: Expr, squared: Expr, clipping_drift: Expr
) -> dict[str, Expr]:
    """B^2/(eta T) + eta sigma^2/M + L eta^2 sigma^2 K + D bias + eta bias^2 + L eta^2 K^2 bias^2, with coefficients.

    `drift` and `clipping_drift` come with their powers of K, so that K = 1 can have none.
    """
    return {
        "optimization": optimization * B**2 / (eta * K * R),
        "statistical": statistical * eta * sigma**2 / M,
        "noise drift": drift * L * eta**2 * sigma**2,
        "clipping": D * bias,
        "squared clipping": squared * eta * bias**2,
        "clipping drift": clipping_drift * L * eta**2 * bias**2,
    }


def fixed_step_strongly_convex_terms(
    bias: Expr, optimization: Expr, statistical: Expr, drift: Expr, clipping: Expr, squared: Expr, clipping_drift: Expr
) -> dict[str, Expr]:
    """mu B^2 (1-q)^T/(1-(1-q)^T) with q = eta mu/2, noise as in the convex case, and bias^2/mu."""
    left = Pow(1 - eta * mu / 2, K * R)
    return {
        "optimization": optimization * mu * B**2 * left / (1 - left),
        "statistical": statistical * eta * sigma**2 / M,
        "noise drift": drift * L * eta**2 * sigma**2,
        "clipping": clipping * bias**2 / mu,
        "squared clipping": squared * eta * bias**2,
        "clipping drift": clipping_drift * L * eta**2 * bias**2,
    }


@CONVEX.upper(
    "structural-convex",
    "Local SGD with momentum at a fixed step, convex: the shape of the bound",
    constants="hidden with logs",
    provenance=assembled("(B.71), (B.77) and (B.82), taken at a fixed step", f"{PROOFS}#structural-convex"),
)
def structural_convex() -> Stated:
    """At a fixed step: start, statistical, drift and clipping terms, up to constants and logarithms."""
    terms = fixed_step_convex_terms(clipping_bias(sigma_2alpha), 1, 1, K, 1, K**2)
    return Stated(terms, conditions=SHAPE_CONDITIONS)


@STRONGLY_CONVEX.upper(
    "structural-sc",
    "Local SGD with momentum at a fixed step, strongly convex: the shape of the bound",
    constants="hidden with logs",
    provenance=assembled("(B.58) and its bias parts, taken at a fixed step", f"{PROOFS}#structural-sc"),
)
def structural_sc() -> Stated:
    """At a fixed step: start, statistical, drift and clipping terms, up to constants and logarithms."""
    terms = fixed_step_strongly_convex_terms(clipping_bias(sigma_2alpha), 1, 1, K, 1, 1, K**2)
    return Stated(
        {**terms, "clipping range": eta * mu * D * rho * sqrt(d)}, conditions=SHAPE_CONDITIONS, errata=(WEIGHTS,)
    )


@CONVEX.upper(
    "fixed-step-convex",
    "Clipped local SGD at a fixed step, convex, with constants",
    holds="in expectation",
    provenance=own("an in-expectation version without momentum", f"{PROOFS}#fixed-step-convex"),
)
def fixed_step_convex() -> Stated:
    """Without momentum, in expectation, for any noise moment $alpha >= 2$, when every mean iterate stays within $D$ of
    the optimum; no clipping is $rho = inf$, and then $D$ does not matter."""
    half, two_thirds = Rational(1, 2), Rational(2, 3)
    bias = sharp_clipping_bias(sigma_2alpha)
    return Stated(
        fixed_step_convex_terms(bias, half, half, (K - 1) / 2, Integer(1), two_thirds * K * (K - 1)),
        conditions=(
            SECOND_MOMENT,
            NO_MOMENTUM,
            Condition("step at most $1/(2L)$", Le(2 * eta * L, 1)),
            CLIPS_ABOVE_GRADIENT,
            CONTAINED,
        ),
    )


@STRONGLY_CONVEX.upper(
    "fixed-step-sc",
    "Clipped local SGD at a fixed step, strongly convex, with constants",
    holds="in expectation",
    provenance=own("an in-expectation version without momentum", f"{PROOFS}#fixed-step-sc"),
)
def fixed_step_sc() -> Stated:
    """Without momentum, in expectation, for any noise moment $alpha >= 2$; no clipping is $rho = inf$."""
    half, one, two = Rational(1, 2), Integer(1), Integer(2)
    bias = sharp_clipping_bias(sigma_2alpha)
    return Stated(
        fixed_step_strongly_convex_terms(bias, half, one, 4 * (K - 1), two, two, 8 * (K - 1) ** 2),
        conditions=(
            SECOND_MOMENT,
            NO_MOMENTUM,
            Condition("step at most $1/(4L)$", Le(4 * eta * L, 1)),
            CLIPS_ABOVE_GRADIENT,
        ),
    )


def implications() -> Iterator[Implication]:
    """Without clipping these are bounds on local SGD."""
    unclipped: dict[str, Expr | int] = {"sigma_2alpha": 0}
    plain = {"gamma": 1}
    yield Specialization("cheng2024/structural-convex", "khaled2025/thm1", "~", unclipped, plain, TWO_STEPS_AT_LEAST)
    yield Specialization("cheng2024/fixed-step-convex", "khaled2025/thm1", "=", unclipped, plain, factor=Rational(1, 4))
    yield Specialization("cheng2024/fixed-step-convex", "dekel2012/fixed-step", "=", {**unclipped, "K": 1}, {"K": 1})
    yield TunedBound(
        "cheng2024/fixed-step-convex", "khaled2025/eq2", "~", unclipped, {}, TWO_STEPS_AT_LEAST, cap=1 / (2 * L)
    )
