"""Explicit functions on which bias and drift of local steps are known exactly: our counterparts of Theorem 9."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Integer, Le, Lt, Min, Pow, Rational, pi, sqrt

from tightrate.rates.papers.patel2024 import PAPER, PROOFS
from tightrate.rates.papers.patel2024.assumptions import (
    EVEN_WORKERS,
    K_AT_LEAST_2,
    NOISELESS_QUADRATICS,
    STEP_AT_MOST_INVERSE_L,
    VANILLA,
)
from tightrate.rates.papers.patel2024.terms import phi, remaining_fraction
from tightrate.rates.statements.builder import Stated, Statements, own
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.setting import DISSIMILARITY_IN_BALL, Setting
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import B, D, K, L, R, eta, gamma, mu, sigma, tau, zeta_star

DRIFT = Statements(PAPER, measure="drift", iterate="one round from the optimum", holds="deterministically")


def _two_quadratics_fixed_point() -> Expr:
    """The fixed point on the two quadratics a_i x^2/2 +- zeta x with a = L, L - tau."""
    steep, flat = L, L - tau
    gain_steep, gain_flat = (1 - remaining_fraction(eta, a) for a in (steep, flat))
    return zeta_star * (gain_flat / flat - gain_steep / steep) / (gain_steep + gain_flat)


def _two_quadratics_position() -> Expr:
    gain = sum((1 - remaining_fraction(eta, a) for a in (L, L - tau)), Integer(0)) / 2
    return (1 - Pow(1 - gamma * gain, R)) * _two_quadratics_fixed_point()


TWO_QUADRATICS = "two quadratics in one dimension, no noise"


BELOW_L = Condition("both curvatures are positive", Lt(tau, L))


@NOISELESS_QUADRATICS.exact(
    "two-quadratics",
    "Bias of local gradient descent on two quadratics, in closed form",
    measure="distance",
    problem_class=TWO_QUADRATICS,
    provenance=own("heterogeneity instance in closed form", f"{PROOFS}#two-quadratics"),
)
def two_quadratics() -> Stated:
    """Two workers $a_i x^2 / 2 +- zeta_star x$ with curvatures $L$ and $L - tau$, optimum 0, started there: this is
    exactly where $R$ rounds of local gradient descent end."""
    return Stated({"bias": _two_quadratics_position()}, conditions=(STEP_AT_MOST_INVERSE_L, BELOW_L))


@NOISELESS_QUADRATICS.lower(
    "two-quadratics-discrepancy",
    "The fixed point of two quadratics is off the optimum by $phi_K(eta L)$",
    measure="discrepancy",
    problem_class=TWO_QUADRATICS,
    iterate="fixed point",
    provenance=own("counterpart of the sharp discrepancy bound", f"{PROOFS}#two-quadratics"),
)
def two_quadratics_discrepancy() -> Stated:
    """On the two quadratics the fixed point is at least $zeta_star tau phi_K(eta L) / (2 L^2)$ away from the optimum,
    and $phi_K(q) >= q (K - 1) / (2 + q (K - 1))$."""
    return Stated(
        {"heterogeneity": zeta_star * tau / (2 * L**2) * phi(eta * L)}, conditions=(STEP_AT_MOST_INVERSE_L, BELOW_L)
    )


@NOISELESS_QUADRATICS.exact(
    "two-quadratics-gap",
    "Suboptimality on two quadratics beside a slow coordinate, in closed form",
    problem_class="two quadratics beside a slow coordinate, no noise",
    provenance=own("heterogeneity instance in closed form", f"{PROOFS}#two-quadratics"),
)
def two_quadratics_gap() -> Stated:
    """The two quadratics beside a shared slow coordinate $mu (y - B)^2 / 2$: small inner steps leave the slow
    coordinate behind, large ones pay for the bias. The value is exact."""
    return Stated(
        {
            "slow coordinate": mu * B**2 / 2 * Pow(1 - gamma * (1 - remaining_fraction(eta, mu)), 2 * R),
            "bias": (L - tau / 2) / 2 * _two_quadratics_position() ** 2,
        },
        conditions=(STEP_AT_MOST_INVERSE_L, BELOW_L),
    )


def slow_curvature() -> Expr:
    """The curvature of the slow coordinate that balances bias and slowness: mu^3 = zeta_star^2 tau^2 / (L B^2 R^2)."""
    return (zeta_star**2 * tau**2 / (L * B**2 * R**2)) ** Rational(1, 3)


@NOISELESS_QUADRATICS.lower(
    "two-quadratics-floor",
    "Plain averaging cannot beat the heterogeneity drift on two quadratics",
    problem_class="two quadratics beside a slow coordinate, no noise",
    provenance=own("heterogeneity term of Theorem 9 on quadratics, with a constant", f"{PROOFS}#two-quadratics"),
)
def two_quadratics_floor() -> Stated:
    """Two quadratics beside a slow coordinate with $mu^3 = zeta_star^2 tau^2 / (L B^2 R^2)$: local gradient descent
    with plain averaging stays above this for every inner step up to $1/L$ and every $K >= 2$. The constant 1/5000 is
    proved; numerical searches stayed above 0.018 times the minimum."""
    drift = (tau**2 * zeta_star**2 * B**4 / L) ** Rational(1, 3) / R ** Rational(2, 3)
    return Stated(
        {"heterogeneity drift": Min(tau**2 * zeta_star**2 / L**3, drift) / 5000},
        conditions=(
            EVEN_WORKERS,
            K_AT_LEAST_2,
            VANILLA,
            STEP_AT_MOST_INVERSE_L,
            BELOW_L,
            Condition("the slow coordinate is no steeper than $L$", Le(zeta_star * tau, L**2 * B * R)),
        ),
        setting=Setting(
            "local-sgd",
            {
                "sigma": 0,
                "zeta_star": zeta_star,
                "tau": tau,
                "Q": 0,
                "D": D,
                DISSIMILARITY_IN_BALL: zeta_star + tau * D,
            },
        ),
    )


@DRIFT.exact(
    "piecewise-drift",
    "Drift of one round on a piecewise quadratic with opposite slopes",
    problem_class="piecewise quadratic pair, no noise",
    provenance=own("heterogeneity instance with a kink in the curvature", f"{PROOFS}#drift"),
)
def piecewise_drift() -> Stated:
    """$psi(x) = (L/2) x^2$ for $x > 0$ and $(L/4) x^2$ for $x < 0$; the two workers $psi +- zeta_star x$ have the
    optimum 0. One round from there moves the average by exactly this, downwards, for $eta <= 1/L$."""
    moved_steep, moved_flat = ((1 - remaining_fraction(eta, a)) / a for a in (L, L / 2))
    return Stated({"drift": gamma * zeta_star / 2 * (moved_flat - moved_steep)}, conditions=(STEP_AT_MOST_INVERSE_L,))


@DRIFT.lower(
    "noise-drift",
    "Drift of one round that noise causes where the curvature is asymmetric",
    problem_class="piecewise quadratic with Gaussian noise, equal workers",
    holds="in expectation",
    provenance=own("noise instance with a kink in the curvature", f"{PROOFS}#drift"),
)
def noise_drift() -> Stated:
    """Equal workers $psi(x) + z x$ with $psi$ as in piecewise-drift and $z$ normal with deviation $sigma$: one round
    from the optimum moves the mean by at least this, downwards, and averaging over workers does not reduce it."""
    leading = Rational(2, 3) * (K - 1) ** Rational(3, 2) / sqrt(2 * pi)
    correction = Rational(8, 15) * eta * L * K ** Rational(5, 2)
    return Stated(
        {"drift": gamma * eta**2 * L * sigma / 2 * (leading - correction)}, conditions=(STEP_AT_MOST_INVERSE_L,)
    )


def implications() -> Iterator[Implication]:
    """One local step from the optimum, or equal curvatures, cause no bias."""
    for zero in ({"K": 1}, {"tau": 0}):
        yield Specialization("patel2024/two-quadratics", "0", "=", zero)
    yield Specialization("patel2024/piecewise-drift", "0", "=", {"K": 1})
