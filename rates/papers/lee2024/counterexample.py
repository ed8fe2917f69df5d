"""Three clients on which FedAda² never moves although the gradient is not zero."""

from __future__ import annotations

from sympy import Eq

from tightrate.rates.papers.lee2024 import PROOFS
from tightrate.rates.papers.lee2024.assumptions import FEDADA2, ZERO_START
from tightrate.rates.statements.builder import Stated, own
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import G_inf, K, M, lam

ONE_STEP_OF_THREE_CLIENTS = (
    Condition("one local step", Eq(K, 1)),
    Condition("three clients, all of them in every round", Eq(M, 3)),
    ZERO_START,
)
THREE_CLIENTS = FEDADA2.sharing(problem_class="three-client counterexample", iterate="every round")


@THREE_CLIENTS.exact(
    "counterexample",
    "Three clients on which FedAda² stays for ever at a point that is not stationary",
    provenance=own("counterexample to the summarised Theorem 6", f"{PROOFS}#counterexample"),
)
def counterexample() -> Stated:
    """In one dimension, $lambda$ (1 + tanh(L $x / lambda$) / 2) and twice $lambda$ (-1/3 + tanh(L $x / lambda$)) are
    the derivatives of three convex $L$-smooth clients with gradients at most $3 lambda / 2$. From 0 the normalized
    steps 1/2, -1/4, -1/4 cancel, so the iterate stays at 0 for all steps and any number of rounds, while the
    gradient is $lambda/9$: 1/81 for $lambda = 1$."""
    return Stated(
        {"gradient that stays": lam**2 / 81},
        conditions=(
            Condition("one local step", Eq(K, 1)),
            Condition("three clients, all of them in every round", Eq(M, 3)),
            ZERO_START,
        ),
    )


@THREE_CLIENTS.exact(
    "counterexample-family",
    "Three clients on which FedAda² stays at a gradient that small damping does not make small",
    notation={"G_inf": "G"},
    provenance=own("counterexample to the summarised Theorem 6, the family", f"{PROOFS}#counterexample"),
)
def counterexample_family() -> Stated:
    """Where three clients have the gradients $G$, $-b$, $-b$ with $b = G lambda / (G + 2 lambda)$, one normalized step
    of each adds up to zero, while the mean gradient is $G^2 / (3 (G + 2 lambda))$: a third of $G$ as $lambda$
    vanishes. It is of the order of the heterogeneity there, and of the order of its square where $G$ is far below
    $lambda$."""
    return Stated(
        {"gradient that stays": (G_inf**2 / (3 * (G_inf + 2 * lam))) ** 2},
        conditions=ONE_STEP_OF_THREE_CLIENTS,
    )
