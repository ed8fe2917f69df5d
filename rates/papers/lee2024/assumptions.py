"""The assumptions of the paper, and what we found wrong or incomplete."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Eq

from tightrate.rates.papers.lee2024 import PAPER
from tightrate.rates.statements.builder import Statements
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import delay
from tightrate.rates.symbols.units import LENGTH, Unit

ADAPTIVE_STEPS: Mapping[str, Unit] = {"gamma": LENGTH, "eta": LENGTH}
FEDADA2 = Statements(
    PAPER,
    measure="squared-gradient",
    algorithm="fedada2",
    problem_class="non-convex, $L$-smooth, bounded gradients, full-batch client gradients",
    iterate="best round",
    holds="deterministically",
    units=ADAPTIVE_STEPS,
)

NO_DELAY = Condition("the preconditioner is updated at every local step", Eq(delay, 1))
BOUNDED_COORDINATES = Condition("every coordinate of a client's gradient is at most $G_inf$")
ZERO_START = Condition("client preconditioners start at zero in every round")

HETEROGENEITY = Erratum(
    "heterogeneity",
    "Smoothness and bounded gradients alone, as the rate is summarised, cannot suffice: some condition on the"
    " heterogeneity of the clients is needed. The poster says that the rate holds under some assumptions, which were"
    " not seen; this is no erratum of the paper.",
    "lee2024/counterexample: three convex smooth clients with bounded gradients on which the iterates never move and"
    " the gradient stays away from zero; lee2024/proved is a bound that does hold.",
    kind="conditional",
    where="summaries of Theorem 6",
    printed="the rate $R^(-1/2)$ under smoothness and bounded gradients",
    certainty="unseen",
)
