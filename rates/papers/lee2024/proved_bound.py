"""A bound for FedAda² that is proved, with constants and with heterogeneity, and how far a client moves in a round."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Lt, ceiling, log, sqrt

from tightrate.rates.papers.lee2024 import PROOFS
from tightrate.rates.papers.lee2024.assumptions import BOUNDED_COORDINATES, FEDADA2, NO_DELAY, ZERO_START
from tightrate.rates.statements.builder import Stated, own
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import (
    Delta,
    G_inf,
    K,
    L,
    R,
    beta1,
    beta2,
    d,
    delay,
    eta,
    gamma,
    lam,
    server_damping,
    zeta_inf,
)

FULL_PARTICIPATION = Condition("all clients take part in every round")
DISPLACEMENT = FEDADA2.sharing(measure="displacement", iterate="every round")


def preconditioner_updates() -> Expr:
    """How often a client updates its preconditioner in one round: n = ceil(K / z)."""
    return ceiling(K / delay)


def displacement_factor() -> Expr:
    """Phi / eta: sqrt(n log(1 + n G^2/lambda^2)) + (K - n) G / lambda, a pure number."""
    n = preconditioner_updates()
    return sqrt(n * log(1 + n * G_inf**2 / lam**2)) + (K - n) * G_inf / lam


def displacement() -> Expr:
    """Phi: no coordinate of a client moves further than this in one round."""
    return eta * displacement_factor()


def least_gain() -> Expr:
    """K / (G sqrt((n+1)/2) + lambda), a lower bound of the sum of 1/(G sqrt(ceil(k/z)) + lambda) over k = 1..K."""
    return K / (G_inf * sqrt((preconditioner_updates() + 1) / 2) + lam)


def _proved_terms(client_step: Expr, phi: Expr) -> dict[str, Expr]:
    """The proved bound for a client step and the displacement Phi that it allows."""
    largest_server_scale = sqrt(R) * phi + server_damping  # S: no server preconditioner exceeds it
    server_logarithm = log(1 + R * phi**2 / server_damping**2)  # Lambda: sum of squared normalized server steps
    per_unit_of_decrease = 2 * largest_server_scale / (gamma * client_step * least_gain() * R)
    gradient_deviation = zeta_inf + L * sqrt(d) * phi
    return {
        "initial gap": per_unit_of_decrease * Delta,
        "server step": per_unit_of_decrease * L * gamma**2 * d / 2 * server_logarithm,
        "preconditioner": per_unit_of_decrease * gamma * d * G_inf * phi / server_damping,
        "heterogeneity and client drift": (
            d * K * largest_server_scale / (lam * server_damping * least_gain()) * gradient_deviation**2
        ),
    }


@FEDADA2.upper(
    "proved",
    "FedAda² and FedAda²++ with constants, with the floor that heterogeneity causes",
    provenance=own("replaces Theorem 6", f"{PROOFS}#proved"),
)
def proved() -> Stated:
    """All clients take part with exact gradients; clients run AdaGrad or SM3-II with $delay z$ and no clipping, the
    server AdaGrad without momentum. The bound holds for the mean over the rounds, hence for the best one."""
    return Stated(_proved_terms(eta, displacement()), conditions=(BOUNDED_COORDINATES, ZERO_START, FULL_PARTICIPATION))


@FEDADA2.upper(
    "proved-tuned",
    "FedAda² and FedAda²++ reach the rate $R^(-1/2)$ up to the floor that heterogeneity causes",
    provenance=own("replaces Corollary 8", f"{PROOFS}#proved"),
)
def proved_tuned() -> Stated:
    """The proved bound at the client step with $sqrt(R) Phi = lambda_s$: it is of order $1/sqrt(R)$ for identical
    clients, and in general up to a multiple of $zeta_inf^2$."""
    phi = server_damping / sqrt(R)
    client_step = phi / displacement_factor()
    return Stated(
        _proved_terms(client_step, phi),
        conditions=(BOUNDED_COORDINATES, ZERO_START, FULL_PARTICIPATION),
        steps={"eta": client_step},
    )


@DISPLACEMENT.upper(
    "client-displacement",
    "Displacement of a client with a delayed AdaGrad or SM3 preconditioner",
    provenance=own("client displacement", f"{PROOFS}#proved"),
)
def client_displacement() -> Stated:
    """No coordinate of a client moves further than this in one round."""
    return Stated({"displacement": displacement()}, conditions=(BOUNDED_COORDINATES, ZERO_START))


@DISPLACEMENT.upper(
    "client-displacement-adam",
    "Displacement of a client with Adam without bias correction",
    problem_class="any",
    provenance=own("client displacement for Adam", f"{PROOFS}#client-displacement-adam"),
)
def client_displacement_adam() -> Stated:
    """Whatever the gradients, no coordinate of a client moves further than this in one round."""
    return Stated(
        {"displacement": eta * K * (1 - beta1) / sqrt((1 - beta2) * (1 - beta1**2 / beta2))},
        conditions=(
            Condition("$beta1^2$ below $beta2$", Lt(beta1**2, beta2)),
            Condition("$beta2$ below 1", Lt(beta2, 1)),
            NO_DELAY,
            ZERO_START,
        ),
    )


@DISPLACEMENT.upper(
    "client-displacement-blended",
    "Displacement of a client whose steps are sums of damped gradients",
    provenance=own("counterpart of the client displacement for poster Theorem 3", f"{PROOFS}#proved"),
)
def client_displacement_blended() -> Stated:
    """If step $p$ of a client is at most the sum of $|g_l| / lambda$ over $l <= p$, coordinate by coordinate, as for
    momentum SGD ($lambda = 1$), Adam and AdaGrad, then no coordinate moves further than this in one round."""
    return Stated({"displacement": eta * G_inf / lam * K * (K + 1) / 2}, conditions=(BOUNDED_COORDINATES, ZERO_START))


def implications() -> Iterator[Implication]:
    """The tuned bound is the proved one at its step."""
    yield Specialization("lee2024/proved", "lee2024/proved-tuned", "=", proved_tuned().steps)
