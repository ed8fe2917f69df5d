"""Yuan and Ma (NeurIPS 2020): federated accelerated SGD (FedAc), and local SGD with third-order smoothness.

Homogeneous workers.  The rates of local SGD under a Lipschitz Hessian are known through a later paper's table; the
two rates of FedAc are from memory of the literature.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Rational, exp

from tightrate.rates.papers.dekel2012 import statistical
from tightrate.rates.papers.ghadimi2012 import accelerated_optimization
from tightrate.rates.papers.koloskova2020 import DRIFT_AT_ONE_STEP, VANILLA, noise_drift
from tightrate.rates.papers.woodworth2020 import QUOTED_IN_TABLE_2
from tightrate.rates.papers.woodworth2020a import IDENTICAL, local_optimization
from tightrate.rates.statements.builder import Stated, Statements, memory, quoted
from tightrate.rates.statements.family import FROM_GRADIENTS, Family
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Paper
from tightrate.rates.symbols.alphabet import B, K, L, M, Q, R, mu, sigma

PAPER = Paper(
    id="yuan2020",
    caution="No statement was read in the paper itself; the authors' poster gives the exponents of $M$, $T$ and $R$.",
)

POSTER = "; exponents of $M$, $T = K R$ and $R$ as on the authors' NeurIPS poster"

LOCAL_SGD = Statements(PAPER, constants="hidden with logs", iterate="an average of the iterates")
FEDAC = Statements(
    PAPER, constants="hidden with logs", algorithm="fedac", problem_class=IDENTICAL, iterate="last aggregated iterate"
)


def third_order_noise() -> Expr:
    """(Q sigma^2 B^5)^(1/3) / (K^(1/3) R^(2/3)): drift that only the change of the Hessian causes."""
    return (Q * sigma**2 * B**5) ** Rational(1, 3) / (K ** Rational(1, 3) * R ** Rational(2, 3))


def strongly_convex_terms() -> dict[str, Expr]:
    """The strongly convex rate of local SGD with third-order smoothness on homogeneous workers."""
    return {
        "optimization": L * B**2 * exp(-mu * K * R / L),
        "statistical": sigma**2 / (mu * M * K * R),
        "third-order noise": Q**2 * sigma**4 / (mu**5 * K**2 * R**4),
    }


@LOCAL_SGD.upper(
    "convex",
    "Local SGD with third-order smoothness, convex, homogeneous workers",
    problem_class="convex, $L$-smooth, third-order smoothness $Q$, identical workers",
    provenance=quoted(f"{QUOTED_IN_TABLE_2}{POSTER}"),
)
def convex() -> Stated:
    """With a Lipschitz Hessian the drift of local SGD is paid by $Q B$ in place of $L$."""
    return Stated(
        {"optimization": local_optimization(), "statistical": statistical(), "third-order noise": third_order_noise()},
        conditions=(VANILLA,),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta": 0, "Q": Q}),
    )


@LOCAL_SGD.upper(
    "strongly-convex",
    "Local SGD with third-order smoothness, strongly convex, homogeneous workers",
    problem_class="strongly convex, $L$-smooth, third-order smoothness $Q$, identical workers",
    provenance=quoted(f"{QUOTED_IN_TABLE_2}{POSTER}"),
)
def strongly_convex() -> Stated:
    """With a Lipschitz Hessian the drift of local SGD is of higher order in $1/(K R^2)$."""
    return Stated(
        strongly_convex_terms(),
        conditions=(VANILLA,),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta": 0, "Q": Q, "mu": mu}),
    )


@FEDAC.upper("fedac1", "FedAc-I, convex, homogeneous workers", provenance=memory(f"FedAc-I, general convex{POSTER}"))
def fedac1() -> Stated:
    """Accelerated local steps, first choice of parameters."""
    return Stated(
        {
            "optimization": accelerated_optimization() / K,
            "statistical": statistical(),
            "noise drift": noise_drift() / R ** Rational(1, 3),
        },
        setting=Setting("fedac", {"sigma": sigma, "zeta": 0}),
    )


@FEDAC.upper("fedac2", "FedAc-II, convex, homogeneous workers", provenance=memory(f"FedAc-II, general convex{POSTER}"))
def fedac2() -> Stated:
    """Accelerated local steps, second choice of parameters: drift that shrinks with $M$."""
    return Stated(
        {
            "optimization": accelerated_optimization() / K,
            "statistical": statistical(),
            "noise drift": noise_drift() / M ** Rational(1, 3),
            "second noise drift": (L**2 * sigma**2 * B**6) ** Rational(1, 4) / (K ** Rational(1, 4) * R),
        },
        setting=Setting("fedac", {"sigma": sigma, "zeta": 0}),
    )


def families() -> Iterator[Family]:
    """FedAc."""
    yield Family("fedac", "local accelerated SGD", reduces_to=(FROM_GRADIENTS,))


def implications() -> Iterator[Implication]:
    """Third-order smoothness at both ends of its range, and one local step."""
    yield Specialization("yuan2020/convex", "woodworth2020a/convex", "=", {"Q": L / B})
    yield Specialization("yuan2020/convex", "woodworth2020a/quadratic", "~", {"Q": 0})
    for name in ("fedac1", "fedac2"):
        yield Specialization(
            f"yuan2020/{name}", "ghadimi2012/convex", "<~", {"K": 1}, {"K": 1}, fails_because=DRIFT_AT_ONE_STEP
        )
