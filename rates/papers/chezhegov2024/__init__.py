"""Chezhegov, Skorik, Khachaturov, Shalagin, Avetisyan, Takac, Kholodov, Beznosikov (2024): local SGD with scaling.

Every worker preconditions its local steps with one common diagonal matrix D, recomputed only when the workers average:
x <- x - eta D^{-1} g with d_min <= D <= d_max.  The paper itself was known only from a summary and from the literature
around it; what has constants here is re-derived or ours, with proofs in `docs/proofs/chezhegov2024.md`.  The method of
proof is one substitution (`change_of_variables`): with a frozen D the method is local SGD in the variables D^{1/2} x.
K is the largest number of steps between two averagings, K R the number of all steps.  The paper writes gamma for the
step, H for the local steps, alpha and Gamma for the bounds on D.
"""

from __future__ import annotations

from collections.abc import Iterator

from tightrate.rates.statements.builder import Statements
from tightrate.rates.statements.family import FROM_GRADIENTS, Family, SpecialCase
from tightrate.rates.statements.theorem import Condition, Paper
from tightrate.rates.symbols.alphabet import STEP, B, d_max, d_min
from tightrate.rates.symbols.units import Unit

PAPER = Paper(
    id="chezhegov2024",
    notation={
        "eta": r"\gamma",
        "K": "H",
        "d_min": r"\alpha",
        "d_max": r"\Gamma",
        "beta2": r"\beta_t",
        "sigma_star": r"\sigma_{\mathrm{dif}}",
        "B": r"\|x_0-x^\star\|",
        "B_scaled": r"\|x_0-x^\star\|_D",
    },
    caution=(
        "The text of the paper was not available: no theorem is quoted. The worst-case factors d_max/d_min are never"
        " better than no scaling with a rescaled step; for Adam and RMSProp d_max is itself a bound on stochastic"
        " gradients; client-local scaling and first-moment momentum are not covered."
    ),
)
ORDER = ("local_sgd", "frozen_scaling", "scaling_matrix", "changing_scaling", "known_rates")

PROOFS = "proofs/chezhegov2024"
IDENTICAL_SC = "strongly convex, $L$-smooth, identical workers"
HETEROGENEOUS = "convex, $L$-smooth workers"
LAST_AVERAGE = "last average over workers"
ALL_AVERAGES = "average over all steps and workers"

SAVIC = Statements(PAPER, algorithm="savic", units={"eta": STEP * Unit(scaling=1)})  # a step of x - eta D^{-1} g

INDEPENDENT = Condition("the scaling matrix of a block is independent of the samples drawn in it")
NO_SCALING = {"d_min": 1, "d_max": 1, "B_scaled": B}


def families() -> Iterator[Family]:
    """Local SGD with one scaling matrix on every worker."""
    yield Family(
        "savic",
        "local SGD scaled by a common diagonal matrix",
        reduces_to=(FROM_GRADIENTS, SpecialCase("local-sgd", "D = I", {d_min: 1, d_max: 1})),
    )
