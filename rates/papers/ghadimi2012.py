"""Ghadimi and Lan (SIAM J. Optim. 2012): accelerated stochastic approximation (AC-SA).

As accelerated mini-batch SGD: R accelerated steps, each on the average of the K M stochastic gradients of a round.
"""

from __future__ import annotations

from sympy import Expr

from tightrate.rates.papers.dekel2012 import ANY_HETEROGENEITY, QUOTED_IN_TABLE_1, statistical
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Paper, Provenance, Theorem
from tightrate.rates.symbols.alphabet import B, L, R, sigma

PAPER = Paper(
    id="ghadimi2012",
    caution="Known through the tables of later papers, which state the order in the setting of K, R and M.",
)


def accelerated_optimization() -> Expr:
    """L B^2 / R^2: one accelerated step for each round."""
    return L * B**2 / R**2


@statement("convex")
def convex() -> Theorem:
    """Accelerated minibatch SGD, convex."""
    return Theorem(
        label="convex",
        title="Accelerated mini-batch SGD, convex",
        statement="R accelerated steps (AC-SA) with all K M gradients of a round in one batch.",
        bound=Bound(
            (Term("optimization", accelerated_optimization()), Term("statistical", statistical())),
            MEASURES["gap"],
            "upper",
            "hidden with logs",
        ),
        paper=PAPER,
        provenance=Provenance("summary", QUOTED_IN_TABLE_1),
        algorithm="accelerated-minibatch-sgd",
        problem_class=ANY_HETEROGENEITY,
        iterate="last aggregated iterate",
        holds="in expectation",
        setting=Setting("accelerated-minibatch-sgd", {"sigma": sigma}),
    )
