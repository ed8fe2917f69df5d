"""Dekel, Gilad-Bachrach, Shamir, Xiao (JMLR 2012): mini-batch SGD.

R steps of SGD on the average of all K M stochastic gradients of a round.  Only the average objective matters, so the
bound holds for workers of any heterogeneity.  The order is the one by which later papers quote this work; the
explicit constants are ours.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Le, Max, Rational, sqrt

from tightrate.rates.statements.builder import Stated, Statements, own, quoted
from tightrate.rates.statements.family import FROM_GRADIENTS, Family, SpecialCase
from tightrate.rates.statements.implication import Implication, Specialization, TunedBound
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Paper
from tightrate.rates.symbols.alphabet import B, K, L, M, R, eta, sigma

PAPER = Paper(
    id="dekel2012",
    caution="Known through the tables of later papers, which state the order in the setting of K, R and M.",
)

ANY_HETEROGENEITY = "convex, $L$-smooth, any heterogeneity"
QUOTED_IN_TABLE_1 = "as quoted in Patel et al. (COLT 2024), Table 1, log factors dropped"
MEAN_ITERATE = "average of the first $R$ iterates"

MINIBATCH = Statements(PAPER, algorithm="minibatch-sgd", problem_class=ANY_HETEROGENEITY, iterate=MEAN_ITERATE)


def optimization() -> Expr:
    """L B^2 / R: gradient descent with one step for each round."""
    return L * B**2 / R


def statistical() -> Expr:
    """sigma B / sqrt(M K R): the price of M K R stochastic gradients."""
    return sigma * B / sqrt(M * K * R)


def best_step() -> Expr:
    """min{1/L, B sqrt(K M) / (sigma sqrt(R))}, written so that no noise divides by zero."""
    return 1 / Max(L, sigma * sqrt(R) / (B * sqrt(K * M)))


@MINIBATCH.upper(
    "convex",
    "Mini-batch SGD, convex",
    constants="hidden with logs",
    iterate="an average of the iterates",
    provenance=quoted(QUOTED_IN_TABLE_1),
)
def convex() -> Stated:
    """$R$ steps of SGD with all $K M$ gradients of a round in one batch."""
    return Stated(
        {"optimization": optimization(), "statistical": statistical()},
        setting=Setting("minibatch-sgd", {"sigma": sigma}),
    )


@MINIBATCH.upper(
    "fixed-step",
    "Mini-batch SGD at a fixed step, with constants",
    provenance=own("classical argument with its constants", "proofs/dekel2012#fixed-step"),
)
def fixed_step() -> Stated:
    """Mini-batch SGD with the step $eta$ on the average of the $K M$ gradients of a round; the gradient at the output
    is not needed, and the workers may differ."""
    return Stated(
        {"optimization": B**2 / (2 * eta * R), "statistical": eta * sigma**2 / (2 * K * M)},
        conditions=(Condition("step at most $1/L$", Le(eta * L, 1)),),
        setting=Setting("minibatch-sgd", {"sigma": sigma}),
    )


@MINIBATCH.upper(
    "explicit",
    "Mini-batch SGD at its best step, with constants",
    provenance=own("the fixed-step bound at its best step", "proofs/dekel2012#explicit"),
)
def explicit() -> Stated:
    """The fixed-step bound at $eta = min{1/L, B sqrt(K M) / (sigma sqrt(R))}$."""
    return Stated(
        {"optimization": optimization() * Rational(1, 2), "statistical": statistical()},
        conditions=(Condition("the prescribed step", Eq(eta, best_step())),),
        steps={"eta": best_step()},
        setting=Setting("minibatch-sgd", {"sigma": sigma}),
    )


def families() -> Iterator[Family]:
    """Steps on batches, with gradient descent as the case without noise."""
    yield Family("gradient-descent", "gradient descent", reduces_to=(FROM_GRADIENTS,))
    yield Family(
        "minibatch-sgd",
        "SGD on the K M gradients of a round as one batch",
        reduces_to=(FROM_GRADIENTS, SpecialCase("gradient-descent", "no noise", {sigma: 0})),
    )


def implications() -> Iterator[Implication]:
    """The tuned bounds follow from the one at a fixed step; without noise the number of workers does not matter."""
    yield Specialization("dekel2012/explicit", "dekel2012/convex", "~")
    yield Specialization("dekel2012/convex", "dekel2012/convex", "=", {"sigma": 0}, {"sigma": 0, "M": 1})
    yield TunedBound("dekel2012/fixed-step", "dekel2012/convex", "~", cap=1 / L)
