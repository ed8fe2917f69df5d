"""Woodworth, Bullins, Shamir, Srebro (COLT 2021): the min-max complexity of intermittent communication.

Homogeneous machines with third-order smoothness: a lower bound for every algorithm.
"""

from __future__ import annotations

from sympy import Ge, Min, Rational, log, sqrt

from tightrate.rates.papers.dekel2012 import statistical
from tightrate.rates.papers.ghadimi2012 import accelerated_optimization
from tightrate.rates.papers.woodworth2020 import QUOTED_IN_TABLE_2, ZERO_RESPECTING
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Paper, Provenance, Theorem
from tightrate.rates.symbols.alphabet import B, K, L, M, Q, R, sigma

PAPER = Paper(
    id="woodworth2021",
    notation={"L": "H"},
    caution="Known through the table of Patel et al. (2024).",
)


@statement("lower")
def lower() -> Theorem:
    """A lower bound for every algorithm on homogeneous machines."""
    return Theorem(
        label="lower",
        title="Algorithm-independent lower bound, homogeneous machines",
        statement=(
            "Homogeneous convex machines with third-order smoothness Q: no algorithm with K local gradients on each of"
            " M machines in each of R rounds does better, up to constants; the logarithms of M are printed."
        ),
        bound=Bound(
            (
                Term("optimization", accelerated_optimization() / K**2),
                Term("statistical", Min(statistical(), L * B**2)),
                Term(
                    "communication",
                    Min(
                        accelerated_optimization() / log(M) ** 2,
                        sqrt(Q * sigma) * B**2 / (K ** Rational(1, 4) * R**2 * log(M) ** Rational(7, 4)),
                        sigma * B / sqrt(K * R),
                    ),
                ),
            ),
            MEASURES["gap"],
            "lower",
            "hidden with logs",
        ),
        paper=PAPER,
        provenance=Provenance("summary", QUOTED_IN_TABLE_2),
        algorithm=ZERO_RESPECTING,
        problem_class="convex, L-smooth, third-order smoothness Q, identical machines",
        iterate="any output",
        holds="in expectation",
        conditions=(Condition("more than one machine (log M divides)", Ge(M, 2)),),
        setting=Setting("zero-respecting", {"sigma": sigma, "zeta": 0, "Q": Q}),
    )
