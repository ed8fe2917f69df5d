"""Proposition 13: dissimilarity on a ball from heterogeneity at the optimum and second-order heterogeneity."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Ge, sqrt

from tightrate.rates.papers.patel2024 import PAPER, PROOFS
from tightrate.rates.papers.patel2024.assumptions import A1, A3, CONVEX, M_AT_LEAST_2
from tightrate.rates.papers.patel2024.errata import E2
from tightrate.rates.statements.builder import Stated, Statements, own, read
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.symbols.alphabet import B, D, M, tau, zeta_star

ON_BALL = Statements(
    PAPER, measure="dissimilarity", problem_class=CONVEX, iterate="any point of the ball", holds="deterministically"
)


@ON_BALL.upper(
    "prop13", "Dissimilarity on a ball from heterogeneity at the optimum, as printed", provenance=read("Prop. 13")
)
def prop13() -> Stated:
    """With the largest gradient of any machine at the optimum for $zeta_star$, A3 bounds the dissimilarity of every
    worker on the ball of radius $D$ about the start. As printed it fails where the optimum is farther off than $D$
    (erratum E2): $D + B$ is needed. prop13-mean and prop13-worst hold, with the root mean square for $zeta_star$."""
    return Stated({"at the optimum": zeta_star, "curvature": tau * D}, conditions=(A1, A3), errata=(E2,))


@ON_BALL.upper(
    "prop13-mean",
    "Root-mean-square dissimilarity on a ball from heterogeneity at the optimum",
    measure="rms-dissimilarity",
    provenance=own("Prop. 13 corrected (erratum E2)", f"{PROOFS}#prop13"),
)
def prop13_mean() -> Stated:
    """A1 and A3 bound the root mean square dissimilarity at distance at most $D$ from the start; more precisely by
    $zeta_star + tau |x - x*|$."""
    return Stated({"at the optimum": zeta_star, "curvature": tau * (D + B)}, conditions=(A1, A3), errata=(E2,))


@ON_BALL.upper(
    "prop13-worst",
    "Dissimilarity of the worst worker on a ball from heterogeneity at the optimum",
    provenance=own("Prop. 13 corrected (erratum E2)", f"{PROOFS}#prop13"),
)
def prop13_worst() -> Stated:
    """A1 and A3 bound the dissimilarity of every worker at distance at most $D$ from the start; the factor $sqrt(M -
    1)$ is attained."""
    return Stated(
        {"at the optimum": sqrt(M - 1) * zeta_star, "curvature": tau * (D + B)},
        conditions=(M_AT_LEAST_2, A1, A3),
        errata=(E2,),
    )


def implications() -> Iterator[Implication]:
    """On a ball that reaches the optimum the corrected statement has the printed order."""
    yield Specialization("patel2024/prop13-mean", "patel2024/prop13", "~", given=(Ge(D, B),))
