"""Theorem 4, eq. (9) and Proposition 2: guarantees with the sizes of the gradients along the run, for every outer
step."""

from __future__ import annotations

from sympy import Abs, Expr, Ge, Lt, Piecewise, Rational, log, sqrt

from tightrate.rates.papers.khaled2025 import BOUNDED_NOISE, LOCAL_SGD, PROOFS, STEP_AT_MOST_INVERSE_L
from tightrate.rates.statements.builder import Stated, derived, own
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import B, G, K, M, R, delta, eta, gamma, sigma

IOTA = 2 * log(60 * log(6 * R * K) / delta)  # the paper's logarithm of Theorem 4
LOGARITHM = log(8 * R / delta)  # ours
BOUNDED_GRADIENTS = Condition("every stochastic gradient met along the run has norm at most $G$")
OUTER_NOT_TINY = Condition("ours, for the proof: the outer step is at least $1/sqrt(R)$", Ge(gamma**2 * R, 1))
CONDITIONS = (STEP_AT_MOST_INVERSE_L, BOUNDED_NOISE, BOUNDED_GRADIENTS)

DATA_DEPENDENT = LOCAL_SGD.sharing(holds="with high probability", notation={"B": "d_0"})


def _terms(noise: Expr, spread: Expr) -> dict[str, Expr]:
    return {
        "optimization": B**2 / (gamma * eta * R * K),
        "statistical": gamma * eta * noise,
        "gradients": gamma * eta * G**2,
        "outer step": Abs(1 - gamma) * eta * K * G**2,
        "noise drift": eta * sigma * spread * G,
    }


@DATA_DEPENDENT.upper(
    "thm4",
    "Data-dependent guarantee, reconstructed shape",
    constants="hidden with logs",
    provenance=derived("Theorem 4", f"{PROOFS}#thm4"),
)
def thm4() -> Stated:
    """With the sizes of the gradients along the run in the bound, outer steps on either side of 1 can be best; averages
    of squared gradient norms are replaced by their bound $G^2$."""
    return Stated(
        _terms(sigma**2 * IOTA, sqrt(IOTA * K)),
        conditions=(*CONDITIONS, OUTER_NOT_TINY),
        errata=(
            Erratum(
                "bounded noise",
                "The statement asks for unbiased noise of bounded variance; its proof uses surely bounded noise.",
                "Lemma 10 and the martingale lemma are applied to bounded increments.",
                kind="gap",
                where="Theorem 4",
                printed="Assumptions 1 and 2, that is unbiased noise of bounded variance",
                certainty="legible",
            ),
            Erratum(
                "virtual sequence",
                "The auxiliary point of step $h$ subtracts the gradients of the first $h$ steps, not of all of the"
                " round, unless the left side is the next round's point.",
                "With the upper limit as legible it would not depend on $h$.",
                kind="remark",
                where="Appendix B",
                printed="$x_{r,h} = x_r - gamma eta sum_{h=0}^{K-1} g_{r,h}$",
                certainty="legible",
            ),
        ),
    )


@DATA_DEPENDENT.upper(
    "thm4-safe",
    "Data-dependent guarantee with constants, for every outer step",
    provenance=own("Theorem 4", f"{PROOFS}#thm4"),
)
def thm4_safe() -> Stated:
    """With probability at least $1 - delta$; the logarithm is that of $8 R / delta$, the martingale noise is divided by
    $M$, and averages of squared gradient norms are replaced by their bound $G^2$."""
    ell = LOGARITHM
    return Stated(
        {
            "optimization": Rational(3, 4) * B**2 / (gamma * eta * R * K),
            "statistical": 24 * gamma * eta * sigma**2 * ell / M,
            "gradients": Rational(3, 4) * gamma * eta * G**2,
            "outer step": Rational(3, 2) * Abs(1 - gamma) * eta * K * G**2,
            "outer step noise": Rational(3, 2) * Abs(1 - gamma) * eta * sigma**2 * ell / (M * R),
            "noise drift": 3 * sqrt(5) * eta * sigma * sqrt(K * ell) * G,
            "drift noise": 6 * sqrt(5) * eta * sigma**2 * ell / sqrt(M * R),
        },
        conditions=CONDITIONS,
    )


def prop2_minimizer(a: Expr, b: Expr, c: Expr) -> Expr:
    """Proposition 2: the minimizer over x > 0 of a/x + b x + c |1 - x|, for nonnegative a, b, c.

    >>> from sympy import Integer
    >>> prop2_minimizer(Integer(9), Integer(1), Integer(0)), prop2_minimizer(Integer(1), Integer(1), Integer(1))
    (3, 1)
    """
    return Piecewise((sqrt(a / (b + c)), Ge(a, b + c)), (sqrt(a / (b - c)), Lt(a, b - c)), (1, True))


@DATA_DEPENDENT.upper(
    "eq9",
    "Simplified data-dependent guarantee",
    constants="hidden with logs",
    provenance=derived("eq. (9)", f"{PROOFS}#thm4"),
)
def eq9() -> Stated:
    """Theorem 4 with all gradients of one size; Proposition 2 gives the best outer step: above 1 when the optimization
    term outweighs noise and movement, below 1 when the noise does, else exactly 1."""
    return Stated(
        _terms(sigma**2, sqrt(K)),
        conditions=(*CONDITIONS, OUTER_NOT_TINY),
        steps={"gamma": prop2_minimizer(B**2 / (eta * R * K), eta * (sigma**2 + G**2), eta * K * G**2)},
        errata=(
            Erratum(
                "first case",
                "Proposition 2 asks for $B^2/(eta^2 R K)$ of at least order $sigma^2 + K G^2$; the verbal condition"
                " only negates the case $gamma < 1$. Eq. (9) itself was not seen.",
                "Proposition 2 with a = $B^2/(eta R K)$, $b = eta (sigma^2 + G^2)$, $c = eta K G^2$.",
                kind="conditional",
                where="text after eq. (9)",
                printed="for $gamma > 1$: $B^2/(eta^2 R K) + K G^2$ of at least order $sigma^2$",
                certainty="legible",
            ),
        ),
    )
