"""Woodworth, Bullins, Shamir, Srebro (COLT 2021): the min-max complexity of intermittent communication.

Homogeneous workers with third-order smoothness: a lower bound for every algorithm.
"""

from __future__ import annotations

from sympy import Ge, Min, Rational, log, sqrt

from tightrate.rates.papers.dekel2012 import statistical
from tightrate.rates.papers.ghadimi2012 import accelerated_optimization
from tightrate.rates.papers.woodworth2020 import QUOTED_IN_TABLE_2, ZERO_RESPECTING
from tightrate.rates.statements.builder import Stated, Statements, quoted
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Paper
from tightrate.rates.symbols.alphabet import B, K, L, M, Q, R, sigma

PAPER = Paper(
    id="woodworth2021",
    notation={"L": "H"},
    caution="Known through the table of Patel et al. (2024).",
)

ALL = Statements(PAPER, algorithm=ZERO_RESPECTING, iterate="any output")


@ALL.lower(
    "lower",
    "Algorithm-independent lower bound, homogeneous workers",
    constants="hidden with logs",
    problem_class="convex, $L$-smooth, third-order smoothness $Q$, identical workers",
    provenance=quoted(QUOTED_IN_TABLE_2),
)
def lower() -> Stated:
    """Homogeneous convex workers with third-order smoothness $Q$: no algorithm with $K$ local gradients on each of $M$
    workers in each of $R$ rounds does better, up to constants; the logarithms of $M$ are printed."""
    return Stated(
        {
            "optimization": accelerated_optimization() / K**2,
            "statistical": Min(statistical(), L * B**2),
            "communication": Min(
                accelerated_optimization() / log(M) ** 2,
                sqrt(Q * sigma) * B**2 / (K ** Rational(1, 4) * R**2 * log(M) ** Rational(7, 4)),
                sigma * B / sqrt(K * R),
            ),
        },
        conditions=(Condition("more than one worker ($log M$ divides)", Ge(M, 2)),),
        setting=Setting("zero-respecting", {"sigma": sigma, "zeta": 0, "Q": Q}),
    )
