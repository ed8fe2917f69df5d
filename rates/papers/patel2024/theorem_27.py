"""Theorem 27: strongly convex workers with second-order heterogeneity and third-order smoothness, and its proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sympy import Expr, Integer, Max, Min, Pow, exp, log

from tightrate.rates.papers import yuan2020
from tightrate.rates.papers.patel2024 import PAPER, PROOFS
from tightrate.rates.papers.patel2024.assumptions import (
    A2,
    A3,
    HIGHER_ORDER_CLASS,
    NO_NOISE_OR_NO_Q,
    STEP_AT_MOST_HALF,
    STRONGLY_CONVEX_HIGHER_ORDER,
    VANILLA,
    WEIGHTED_AVERAGE,
)
from tightrate.rates.papers.patel2024.errata import E3, E3_CITATION, E8_WEIGHTED
from tightrate.rates.statements.builder import Stated, Statements, assembled, corrected, read
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.setting import Setting
from tightrate.rates.symbols.alphabet import B, K, L, M, Q, R, eta, mu, sigma, tau, zeta

STRONGLY_CONVEX = Statements(PAPER, problem_class=STRONGLY_CONVEX_HIGHER_ORDER, iterate=WEIGHTED_AVERAGE)


@STRONGLY_CONVEX.upper(
    "lemma36",
    "Consensus error of local SGD",
    measure="consensus-error",
    problem_class="convex, $L$-smooth, uniform heterogeneity $zeta$",
    iterate="every step",
    provenance=corrected("Lemma 36 in expectation (erratum E3), there quoted from Woodworth et al. $(2020b)$"),
)
def lemma36() -> Stated:
    """With plain averaging the iterates of the workers stay this close to their average at every step."""
    return Stated(
        {"noise": 3 * K * sigma**2 * eta**2, "heterogeneity": 6 * K**2 * eta**2 * zeta**2},
        conditions=(VANILLA, STEP_AT_MOST_HALF, A2),
        errata=(E3, E3_CITATION),
    )


def thm27_logarithm() -> Expr:
    """The logarithm in the step size of Theorem 27: ln max{2, A^2 T^2 r_0 / C}, A = mu/2, C = sigma^2/M, T = K R."""
    return log(Max(2, mu**2 * K**2 * R**2 * B**2 * M / (4 * sigma**2)))


def _logarithmic_step() -> Expr:
    return 2 * thm27_logarithm() / (mu * K * R)


def _step_sizes() -> dict[str, Expr]:
    return {"eta": Min(1 / (2 * L), _logarithmic_step()), "gamma": Integer(1)}


def thm27_recursion() -> Mapping[str, Expr]:
    """The coefficients of one step in the proof of Theorem 27, with Xi the consensus error:

    E|x_{t+1} - x*|^2 <= (1 - rate eta) |x_t - x*|^2 - eta (F(x_t) - F*)
                         + eta (consensus Xi + squared consensus Xi^2 + noise eta).
    """
    return {
        "rate": mu / 2,
        "consensus": 8 * tau**2 / mu,
        "squared consensus": 2 * Q**2 / mu,
        "noise": sigma**2 / M,
    }


def _fixed_step_terms() -> dict[str, Expr]:
    """The bound of the proof of Theorem 27 at a fixed step: drift terms from Lemma 36 put into the recursion."""
    rate, second_order, third_order = (thm27_recursion()[name] for name in ("rate", "consensus", "squared consensus"))
    noise, heterogeneity = (term.expression for term in lemma36().bound.terms)
    return {
        "optimization": rate * B**2 / (Pow(1 - rate * eta, -K * R) - 1),
        "statistical": eta * thm27_recursion()["noise"],
        "noise drift": second_order * noise,
        "heterogeneity drift": second_order * heterogeneity,
        "third-order noise": third_order * 2 * noise**2,
        "third-order heterogeneity": third_order * 2 * heterogeneity**2,
    }


@STRONGLY_CONVEX.upper(
    "thm27",
    "Local SGD with second-order heterogeneity, strongly convex",
    constants="hidden with logs",
    provenance=read("Theorem 27 (called informal)"),
)
def thm27() -> Stated:
    """With $gamma = 1$, a prescribed fixed inner step and geometrically weighted averaging of the iterates, up to
    logarithms; for equal quadratic workers only the first two terms remain."""
    equal_workers = yuan2020.strongly_convex_terms()
    return Stated(
        {
            "optimization": equal_workers["optimization"],
            "statistical": equal_workers["statistical"],
            "noise drift": tau**2 * sigma**2 / (mu**3 * K * R**2),
            "heterogeneity drift": tau**2 * zeta**2 / (mu**3 * R**2),
            "third-order noise": equal_workers["third-order noise"],
            "third-order heterogeneity": Q**2 * zeta**4 / (mu**5 * R**4),
        },
        conditions=(VANILLA, STEP_AT_MOST_HALF, A2, A3),
        steps=_step_sizes(),
        errata=(E3, E8_WEIGHTED),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, "zeta": zeta, "mu": mu}),
    )


@STRONGLY_CONVEX.upper(
    "thm27-step",
    "Local SGD with second-order heterogeneity, strongly convex, at a fixed step",
    provenance=assembled("proof of Theorem 27, Lemmas 36 and 37", f"{PROOFS}#thm27"),
)
def thm27_step() -> Stated:
    """The recursion in the proof of thm27, summed with geometric weights at any fixed step $eta <= 1/(2L)$, with its
    constants and before the step is chosen."""
    return Stated(
        _fixed_step_terms(),
        conditions=(VANILLA, STEP_AT_MOST_HALF, A2, A3, NO_NOISE_OR_NO_Q),
        errata=(E3,),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, "zeta": zeta, "mu": mu}),
    )


@STRONGLY_CONVEX.upper(
    "thm27-explicit",
    "Local SGD with second-order heterogeneity, strongly convex, with constants and logarithms",
    provenance=assembled("proof of Theorem 27, Lemma 37", f"{PROOFS}#thm27"),
)
def thm27_explicit() -> Stated:
    """thm27-step at the step that thm27 prescribes."""
    at_log_step = {name: term.subs(eta, _logarithmic_step()) for name, term in _fixed_step_terms().items()}
    return Stated(
        {
            **at_log_step,
            "optimization": 2 * L * B**2 * exp(-mu * K * R / (4 * L)),
            "statistical": 2 * sigma**2 / (mu * M * K * R) * (thm27_logarithm() + 2 / (K * R)),
        },
        conditions=(VANILLA, A2, A3, NO_NOISE_OR_NO_Q),
        steps=_step_sizes(),
        errata=(E3,),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, "zeta": zeta, "mu": mu}),
    )


@STRONGLY_CONVEX.upper(
    "thm27-equal-quadratics",
    "Theorem 27 for workers with equal Hessians, with constants and logarithm",
    problem_class="strongly convex quadratics with equal Hessians",
    provenance=assembled("proof of Theorem 27 and Lemma 37", f"{PROOFS}#thm27"),
)
def thm27_equal_quadratics() -> Stated:
    """For quadratic workers with one common Hessian ($tau = Q = 0$) the recursion in the proof gives, at a fixed step
    $eta <= 1/(2L)$, $r_0 A/((1 - A eta)^(-K R) - 1) + eta sigma^2/M$ with $A = mu/2$."""
    return Stated(
        {name: _fixed_step_terms()[name] for name in ("optimization", "statistical")},
        conditions=(VANILLA, STEP_AT_MOST_HALF),
        steps=_step_sizes(),
        setting=Setting("local-sgd", {"sigma": sigma, "tau": 0, "Q": 0, "mu": mu}),
    )


def implications() -> Iterator[Implication]:
    """Equal workers, the prescribed step, and the constant in the exponent."""
    yield Specialization("patel2024/thm27", "yuan2020/strongly-convex", "=", {"tau": 0, "zeta": 0})
    yield Specialization("patel2024/thm27-step", "patel2024/thm27-equal-quadratics", "=", {"tau": 0, "Q": 0})
    yield Specialization(
        "patel2024/thm27-step",
        "patel2024/thm27-explicit",
        "=",
        {"eta": _logarithmic_step()},
        terms=("noise drift", "heterogeneity drift", "third-order noise", "third-order heterogeneity"),
    )
    noiseless: dict[str, Expr | int] = {"zeta": 0, "sigma": 0}
    yield Specialization(
        "patel2024/thm27-explicit",
        "patel2024/thm27",
        "<~",
        noiseless,
        noiseless,
        without_logarithms=True,
        fails_because="The proof has $exp(-mu K R / (4L))$; the statement hides the constant in the exponent"
        " (erratum E8).",
    )
    yield Specialization(
        "patel2024/thm27-explicit", "patel2024/thm27", "~", target_at={"L": 4 * L}, without_logarithms=True
    )
