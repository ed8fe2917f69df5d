"""Khaled, Kale, Douillard, Jin, Fergus, Zaheer (NeurIPS 2025): outer optimizers in local SGD.

Identical convex workers, K local steps of size eta, then an outer step gamma (1 is plain averaging), with or without
outer momentum or acceleration.  The displays of the paper were not available: conditions, measures and prose were read,
the right-hand sides are re-derived along its proofs, and the statements called `-safe` are ours.  Proofs of all of them
are in `docs/proofs/khaled2025.md`.  The paper writes H for the local steps and D for the start distance.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Le

from tightrate.rates.papers.woodworth2020a import IDENTICAL, IDENTICAL_WORKERS
from tightrate.rates.statements.builder import Statements
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Paper
from tightrate.rates.symbols.alphabet import L, eta

PAPER = Paper(
    id="khaled2025",
    notation={"K": "H", "B": "D", "momentum": r"\mu"},
    caution=(
        "No displayed bound of this paper was seen: right-hand sides are re-derived or ours, and constants are not"
        " quotations."
    ),
)
ORDER = (
    "generalized_local_sgd",
    "quadratics",
    "best_steps",
    "outer_momentum",
    "outer_acceleration",
    "data_dependent",
    "drift",
)

PROOFS = "proofs/khaled2025"
QUADRATIC = "quadratic, identical workers, along one eigenvector"
ALL_LOCAL_ITERATES = "average over all local iterates of all workers"
STEP_AT_MOST_INVERSE_L = Condition("inner step at most $1/L$", Le(eta * L, 1))
BOUNDED_NOISE = Condition("the noise of one stochastic gradient is almost surely at most $sigma$ in norm")

LOCAL_SGD = Statements(PAPER, problem_class=IDENTICAL, iterate=ALL_LOCAL_ITERATES)


def identical_workers(algorithm: str) -> Setting:
    """The class of identical workers for an algorithm family."""
    return replace(IDENTICAL_WORKERS, algorithm=algorithm)
