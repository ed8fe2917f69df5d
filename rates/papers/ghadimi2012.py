"""Ghadimi and Lan (SIAM J. Optim. 2012): accelerated stochastic approximation (AC-SA).

As accelerated mini-batch SGD: R accelerated steps, each on the average of the K M stochastic gradients of a round.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr

from tightrate.rates.papers.dekel2012 import ANY_HETEROGENEITY, QUOTED_IN_TABLE_1, statistical
from tightrate.rates.statements.builder import Stated, Statements, quoted
from tightrate.rates.statements.family import FROM_GRADIENTS, Family
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Paper
from tightrate.rates.symbols.alphabet import B, L, R, sigma

PAPER = Paper(
    id="ghadimi2012",
    caution="Known through the tables of later papers, which state the order in the setting of K, R and M.",
)

ACCELERATED = Statements(
    PAPER, algorithm="accelerated-minibatch-sgd", problem_class=ANY_HETEROGENEITY, iterate="last aggregated iterate"
)


def accelerated_optimization() -> Expr:
    """L B^2 / R^2: one accelerated step for each round."""
    return L * B**2 / R**2


@ACCELERATED.upper(
    "convex", "Accelerated mini-batch SGD, convex", constants="hidden with logs", provenance=quoted(QUOTED_IN_TABLE_1)
)
def convex() -> Stated:
    """$R$ accelerated steps (AC-SA) with all $K M$ gradients of a round in one batch."""
    return Stated(
        {"optimization": accelerated_optimization(), "statistical": statistical()},
        setting=Setting("accelerated-minibatch-sgd", {"sigma": sigma}),
    )


def families() -> Iterator[Family]:
    """Accelerated mini-batch SGD."""
    yield Family(
        "accelerated-minibatch-sgd", "accelerated SGD on batches of K M gradients", reduces_to=(FROM_GRADIENTS,)
    )
