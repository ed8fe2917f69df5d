"""Gradient noise without a second moment: what FedAvg loses and what adaptivity keeps."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Integer, Mod, Ne, oo, sqrt

from tightrate.rates.papers.lee2024 import PAPER, PROOFS
from tightrate.rates.papers.lee2024.assumptions import ADAPTIVE_STEPS, NO_DELAY, ZERO_START
from tightrate.rates.statements.builder import Stated, Statements, own, summary
from tightrate.rates.statements.family import Family
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import B, K, L, R, d, delay, eta, gamma

INDEPENDENT_NOISE = Condition(
    "the noise of the last local gradient is independent of everything else, infinite second moment"
)
HEAVY_TAILS = Statements(
    PAPER,
    algorithm="fedavg",
    problem_class="strongly convex, client gradients with infinite second moment",
    iterate="every round",
    units=ADAPTIVE_STEPS,
)
ANY_NOISE = Statements(
    PAPER,
    algorithm="fedada2",
    problem_class="$L$-smooth with a minimizer, any noise",
    holds="deterministically",
    units=ADAPTIVE_STEPS,
)


def move_by_bounded_steps(steps_per_round: Expr, step: Expr) -> Expr:
    """The gap after R rounds when no coordinate moves by more than `step` in each of `steps_per_round` steps."""
    return L / 2 * (B + R * steps_per_round * step * sqrt(d)) ** 2


@HEAVY_TAILS.lower(
    "thm1",
    "FedAvg has infinite expected regret under heavy tails",
    provenance=summary("poster Theorem 1 and Corollaries 1-2, informal"),
)
def thm1() -> Stated:
    """For strongly convex online objectives the expected regret of FedAvg is infinite when the gradient noise of the
    clients has no second moment, and one such client is enough; adaptivity of the clients removes this."""
    return Stated({"regret": oo}, setting=Setting("fedavg"))


@HEAVY_TAILS.lower(
    "h1",
    "One heavy-tailed client gives FedAvg an infinite expected gap in every round",
    provenance=own("precise form of poster Theorem 1", f"{PROOFS}#h1"),
)
def h1() -> Stated:
    """If a client takes part with positive probability and the noise of its last local gradient has infinite second
    moment and is independent of the past, of the other clients and of the sampling, then $E |x - x*|^2$ and $E [f(x)
    - f*]$ are infinite after that round."""
    return Stated({"gap": oo}, conditions=(INDEPENDENT_NOISE,), setting=Setting("fedavg"))


@ANY_NOISE.upper(
    "h2",
    "Clients with AdaGrad bound the gap surely, whatever the noise",
    provenance=own("precise form of poster Corollary 1", f"{PROOFS}#h2"),
)
def h2() -> Stated:
    """With client AdaGrad or SM3 without $delay$ and plain averaging no coordinate moves by more than $eta$ in a local
    step, whatever the gradients; after $R$ rounds the gap is at most this."""
    return Stated(
        {"gap": move_by_bounded_steps(K, eta)},
        conditions=(NO_DELAY, ZERO_START, Condition("server: plain averaging, step 1")),
        setting=Setting("fedada2"),
    )


@ANY_NOISE.upper(
    "h2-server",
    "A server with AdaGrad bounds the gap surely, whatever the clients do",
    provenance=own("precise form of poster Corollary 1, server side", f"{PROOFS}#h2"),
)
def h2_server() -> Stated:
    """With server AdaGrad without momentum no coordinate moves by more than $gamma$ in a round, also with SGD clients:
    adaptivity on one side is enough."""
    return Stated(
        {"gap": move_by_bounded_steps(Integer(1), gamma)},
        conditions=(Condition("server: AdaGrad without momentum"),),
        setting=Setting("server-adagrad"),
    )


@HEAVY_TAILS.lower(
    "h3",
    "With a delayed preconditioner adaptive clients have an infinite expected gap under heavy tails",
    algorithm="fedada2",
    provenance=own("limit of poster Corollary 1", f"{PROOFS}#h3"),
)
def h3() -> Stated:
    """If the last local step of a client does not update its preconditioner, that step is linear in a noise of infinite
    second moment: with plain averaging the expected gap is infinite, as for FedAvg."""
    return Stated(
        {"gap": oo},
        conditions=(
            Condition("the last local step does not update the preconditioner", Ne(Mod(K - 1, delay), 0)),
            INDEPENDENT_NOISE,
            Condition("server: plain averaging"),
        ),
        setting=Setting("fedada2"),
    )


def families() -> Iterator[Family]:
    """Averaging of clients, and adaptive steps on the server or on both sides."""
    yield Family("fedavg", "federated averaging")
    yield Family("fedada2", "adaptive steps on clients and server")
    yield Family("server-adagrad", "AdaGrad on the server")
