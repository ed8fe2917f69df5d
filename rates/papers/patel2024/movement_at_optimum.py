"""How far K local steps from the optimum move the average (Proposition 25): what the first-order assumptions imply."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Le

from tightrate.rates.papers.patel2024 import PAPER, PROOFS
from tightrate.rates.papers.patel2024.assumptions import A1, A7, CONVEX, QUADRATIC_WORKERS, STEP_AT_MOST_INVERSE_L
from tightrate.rates.papers.patel2024.terms import remaining_fraction
from tightrate.rates.statements.builder import Stated, Statements, corrected, own, read
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import K, L, eta, zeta_mean, zeta_opt, zeta_star

MOVEMENT = Statements(
    PAPER, measure="movement", problem_class=CONVEX, iterate="one round from the optimum", holds="deterministically"
)


@MOVEMENT.upper(
    "prop25",
    "First-order heterogeneity at the optimum bounds the movement at the optimum",
    provenance=read("Prop. 25, Remark 10"),
)
def prop25() -> Stated:
    """A1 implies A6: $K$ exact local steps from the optimum move the average by at most $K eta$ times this. With
    $zeta_star = 0$ nothing moves, so prop7 and thm11 hold under A6 too."""
    return Stated({"heterogeneity": zeta_star * ((1 + eta * L) ** (K - 1) - 1)}, conditions=(A1,))


@MOVEMENT.upper(
    "prop25-convex",
    "Movement at the optimum of convex workers",
    provenance=own("sharpens Prop. 25 for convex workers", f"{PROOFS}#prop25"),
)
def prop25_convex() -> Stated:
    """For convex workers and $eta <= 2/L$ local steps do not expand distances, so the growth in $K$ of prop25 is
    linear instead of exponential."""
    return Stated(
        {"heterogeneity": zeta_mean * eta * L * (K - 1) / 2},
        conditions=(Condition("inner step at most $2/L$", Le(eta * L, 2)),),
    )


@MOVEMENT.upper(
    "prop25-quadratics",
    "Movement at the optimum of quadratic workers",
    problem_class=QUADRATIC_WORKERS,
    provenance=corrected("App. C.1, with the factor $1/H$", f"{PROOFS}#prop25"),
)
def prop25_quadratics() -> Stated:
    """For quadratic workers under A7 the movement at the optimum is at most this; the printed display lacks the
    smoothness in the denominator and so does not have the unit of a gradient."""
    return Stated(
        {"heterogeneity": zeta_opt * (1 - remaining_fraction(eta, L)) / (eta * K * L)},
        conditions=(STEP_AT_MOST_INVERSE_L, A7),
        errata=(
            Erratum(
                "units",
                "A factor $1/L$ is missing; with it the bound follows.",
                "The unit of the print is a gradient times a curvature; A7 bounds distances of optima by $zeta_opt/L$.",
                kind="misprint",
                where="App. C.1, which has another letter for the smoothness",
                printed="$(1 - (1 - eta L)^K) zeta_opt / (eta K)$",
            ),
        ),
    )


def implications() -> Iterator[Implication]:
    """One local step from the optimum moves nothing."""
    for name in ("prop25", "prop25-convex"):
        yield Specialization(f"patel2024/{name}", "0", "=", {"K": 1})


def misprints() -> Iterator[Misprint]:
    """The display of App. C.1."""
    yield Misprint(
        "prop25-quadratics",
        PAPER.id,
        "App. C.1, quadratic case of Prop. 25",
        zeta_opt * (1 - remaining_fraction(eta, L)) / (eta * K),
        MEASURES["movement"],
        prop25_quadratics().bound.term("heterogeneity").expression,
        "value^2 length^-3",
        "The bound carries the distance of the optima, $zeta_opt/L$: an $L$ is missing in the denominator.",
    )
