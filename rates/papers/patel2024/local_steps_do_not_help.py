"""Quadratic workers, under first-order assumptions, on which local steps do not help whatever the step sizes."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Ge, Integer, Le, Mod, Pow, sqrt

from tightrate.rates.papers.patel2024 import PROOFS
from tightrate.rates.papers.patel2024.assumptions import (
    A2,
    EVEN_WORKERS,
    K_AT_LEAST_2,
    M_AT_LEAST_2,
    NOISELESS_QUADRATICS,
    SHARED_OPTIMUM,
    STEP_BELOW_2,
)
from tightrate.rates.papers.patel2024.errata import E9, E10
from tightrate.rates.papers.patel2024.terms import remaining_fraction
from tightrate.rates.statements.builder import Stated, corrected, own, read
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.setting import DISSIMILARITY_IN_BALL, Setting
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import B, L, M, R, cosine, eta, gamma, mu, tau

RANK_ONE_PAIR = NOISELESS_QUADRATICS.sharing(problem_class="rank-one pair")


@NOISELESS_QUADRATICS.exact(
    "prop1",
    "Bounded first-order heterogeneity everywhere forces equal Hessians",
    measure="second-order",
    algorithm="any",
    problem_class="quadratic workers",
    iterate="any point",
    provenance=read("Prop. 1, Remark 2"),
)
def prop1() -> Stated:
    """If quadratic workers satisfy A2 on the whole space with a finite $zeta$, then all their Hessians coincide.
    Without noise one initial round then reduces the problem to equal workers."""
    return Stated({"second-order heterogeneity": Integer(0)}, conditions=(A2,))


@NOISELESS_QUADRATICS.exact(
    "eq8",
    "The coordinate example in closed form",
    measure="distance",
    problem_class="coordinate pair",
    provenance=read("Example (7)-(8)"),
)
def eq8() -> Stated:
    """Two workers, $F_i(x) = (L/2) (x[i] - x*[i])^2$, start 0, optimum at distance $B$: plain averaging halves the
    error per round at best, and the outer step 2 with $K = inf$ reaches the optimum in one round."""
    return Stated(
        {"distance": B * sqrt(Pow(1 - gamma / 2 * (1 - remaining_fraction(eta, L)), 2 * R))}, conditions=(STEP_BELOW_2,)
    )


@NOISELESS_QUADRATICS.lower(
    "lemma8",
    "Gradient descent is slow on an ill-conditioned quadratic, whatever its step",
    algorithm="gradient-descent",
    problem_class="convex quadratics with extreme eigenvalues $L$ and $mu$, no noise",
    provenance=read("Lemma 8, constants of its proof"),
)
def lemma8() -> Stated:
    """A convex quadratic with extreme eigenvalues $L$ and $mu$, $L >= 6 mu$, has an optimum at distance $B$ for which
    gradient descent from 0 with any step stays above this; it is at least $(mu B^2 / 4) exp(-12 mu R / L)$, hence of
    order $L B^2 / R$ when $L/mu$ is of order $R$."""
    return Stated(
        {"optimization": mu * B**2 / 4 * Pow(1 - 3 * mu / L, 2 * R)},
        conditions=(Condition("condition number at least 6", Ge(L, 6 * mu)),),
        errata=(E10,),
        setting=Setting("gradient-descent", {"sigma": 0, "zeta": 0, "Q": 0, "mu": mu}),
    )


def hard_cosine() -> Expr:
    """The angle of the rank-one pair that makes R rounds hard: cosine = 1 - 1/(6R)."""
    return 1 - 1 / (6 * R)


def hard_angle(angle: Expr) -> Condition:
    """The pair has the angle that makes R rounds hard."""
    return Condition("the hard angle", Eq(cosine, angle))


@NOISELESS_QUADRATICS.lower(
    "prop7",
    "Local steps do not help under first-order assumptions",
    constants="hidden",
    problem_class="convex, $L$-smooth, shared optimum, no noise",
    provenance=corrected("Prop. 7, for at least two workers (erratum E9)"),
)
def prop7() -> Stated:
    """For all $K >= 2$, $R$, $M$, $L$, $B$ there is a noiseless convex instance whose workers share an optimum
    ($zeta_star = 0$) on which local gradient descent with any inner and outer step stays above order $L B^2 / R$."""
    return Stated(
        {"optimization": L * B**2 / R},
        conditions=(K_AT_LEAST_2, M_AT_LEAST_2),
        errata=(E9,),
        setting=Setting("local-sgd-any-outer-step", SHARED_OPTIMUM),
    )


@RANK_ONE_PAIR.exact(
    "prop7-exact",
    "Suboptimality of local gradient descent on the rank-one pair, in closed form",
    provenance=own("closed form of the instance of Prop. 7", f"{PROOFS}#prop7"),
)
def prop7_exact() -> Stated:
    """On the rank-one pair with an even number of workers, started at 0 with the optimum at distance $B$ split evenly
    over both eigenvectors, local gradient descent has exactly this suboptimality after $R$ rounds; $K = inf$ is the
    limit of exact local minimization, for $0 < eta L < 2$."""
    theta = gamma * (1 - remaining_fraction(eta, L))
    larger, smaller = (1 + cosine) / 2, (1 - cosine) / 2
    return Stated(
        {
            "large eigenvalue": L * B**2 / 4 * larger * Pow(1 - theta * larger, 2 * R),
            "small eigenvalue": L * B**2 / 4 * smaller * Pow(1 - theta * smaller, 2 * R),
        },
        conditions=(EVEN_WORKERS, STEP_BELOW_2),
    )


@RANK_ONE_PAIR.lower(
    "prop7-constant",
    "Local steps do not help, with an explicit constant",
    provenance=own("constant of Prop. 7", f"{PROOFS}#prop7"),
)
def prop7_constant() -> Stated:
    """On the rank-one pair at the angle cosine = $1 - 1/(6R)$, local gradient descent stays above $L B^2 / (108 R)$ for
    every inner step, every outer step and every $K$, $K = inf$ included."""
    return Stated(
        {"optimization": L * B**2 / (108 * R)},
        conditions=(EVEN_WORKERS, hard_angle(hard_cosine()), STEP_BELOW_2),
        setting=Setting("local-sgd-any-outer-step", SHARED_OPTIMUM),
    )


def hard_cosine_any_workers() -> Expr:
    """The angle that gives the average of M >= 2 workers, (M + 1)/2 of the first kind where M is odd, the smaller
    eigenvalue L / (12 R): a (1 - a) (1 - cosine^2) = (1 - 1/(12 R)) / (12 R) with the first kind's share a.
    """
    share, smaller = (M + Mod(M, 2)) / (2 * M), (1 - hard_cosine()) / 2
    return sqrt(1 - smaller * (1 - smaller) / (share * (1 - share)))


@RANK_ONE_PAIR.lower(
    "prop7-any-machines",
    "Local steps do not help on any number of workers, with an explicit constant",
    provenance=own("constant of Prop. 7 for any number of workers", f"{PROOFS}#prop7-any-machines"),
)
def prop7_any_workers() -> Stated:
    """On the rank-one pair spread over $M >= 2$ workers, $(M + 1)/2$ of the first kind where $M$ is odd, at the angle
    that gives the average the smaller eigenvalue $L / (12 R)$, local gradient descent stays above $L B^2 / (108 R)$
    for every inner step, every outer step and every $K$."""
    return Stated(
        prop7_constant().bound.terms,
        conditions=(M_AT_LEAST_2, hard_angle(hard_cosine_any_workers()), STEP_BELOW_2),
        setting=Setting("local-sgd-any-outer-step", SHARED_OPTIMUM),
    )


@NOISELESS_QUADRATICS.lower(
    "prop7-tau",
    "Second-order heterogeneity alone leaves an error that local steps cannot remove",
    problem_class="convex, $L$-smooth, second-order heterogeneity $tau$, shared optimum, no noise",
    provenance=own("workshop version of the paper, Sec. 4; the constant is ours", f"{PROOFS}#prop7-tau"),
)
def prop7_tau() -> Stated:
    """Two rank-one blocks of curvature $tau$ at the hard angle beside a shared coordinate of curvature $L$ satisfy A3
    with $tau$ and share an optimum, yet local gradient descent stays above $tau B^2 / (108 R)$ for all inner and
    outer steps and all $K$."""
    return Stated(
        {"optimization": prop7_constant().bound.expression.subs(L, tau)},
        conditions=(
            EVEN_WORKERS,
            hard_angle(hard_cosine()),
            Condition("the blocks are no steeper than the shared coordinate", Le(tau, L)),
        ),
        setting=Setting("local-sgd-any-outer-step", {**SHARED_OPTIMUM, "tau": tau, DISSIMILARITY_IN_BALL: 3 * tau * B}),
    )


def implications() -> Iterator[Implication]:
    """The constants imply the orders; one coordinate of the example is a quadratic on identical workers."""
    yield Specialization(
        "patel2024/eq8", "khaled2025/quadratic-mean", "=", target_at={"gamma": gamma / 2, "curvature": L}
    )
    yield Specialization("patel2024/prop7-constant", "patel2024/prop7", "~")
    yield Specialization("patel2024/prop7-constant", "patel2024/prop7-tau", "=", {"L": tau})
