"""Woodworth, Patel, Stich, Dai, Bullins, McMahan, Shamir, Srebro (ICML 2020): is local SGD better than minibatch SGD?

Homogeneous workers.  The rate of local SGD, the lower bound that shows it does not always beat mini-batch SGD, and
quadratics, on which local steps cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Integer, Le, Min, Rational

from tightrate.rates.papers import dekel2012
from tightrate.rates.papers.koloskova2020 import (
    DRIFT_AT_ONE_STEP,
    DRIFT_OF_ONE_WORKER,
    ONE_WORKER_WITH_ALL_STEPS,
    TWO_LOCAL_STEPS,
    VANILLA,
    noise_drift,
)
from tightrate.rates.statements.builder import Stated, Statements, memory, own
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Paper
from tightrate.rates.symbols.alphabet import B, K, L, R, eta, sigma

PAPER = Paper(
    id="woodworth2020a",
    notation={"L": "H"},
)

POSTER = "; exponents of $M$, $T = K R$ and $R$ as on the NeurIPS poster of Yuan and Ma (2020)"
IDENTICAL = "convex, $L$-smooth, identical workers"
IDENTICAL_WORKERS = Setting("local-sgd", {"sigma": sigma, "zeta": 0})

LOCAL_SGD = Statements(PAPER, problem_class=IDENTICAL)


def local_optimization() -> Expr:
    """L B^2 / (K R): gradient descent with every local step counted."""
    return L * B**2 / (K * R)


def convex_terms() -> dict[str, Expr]:
    """The three terms of the convex rate of local SGD on homogeneous workers."""
    return {
        "optimization": local_optimization(),
        "statistical": dekel2012.statistical(),
        "noise drift": noise_drift(),
    }


@LOCAL_SGD.upper(
    "convex",
    "Local SGD, convex, homogeneous workers",
    constants="hidden with logs",
    iterate="average of all local iterates",
    provenance=memory(f"upper bound for local SGD, homogeneous, convex{POSTER}"),
)
def convex() -> Stated:
    """Local SGD with plain averaging and one tuned step size."""
    return Stated(convex_terms(), conditions=(VANILLA,), setting=IDENTICAL_WORKERS)


@LOCAL_SGD.lower(
    "lower",
    "Lower bound for local SGD, homogeneous workers",
    constants="hidden",
    iterate="average of the last round's iterates",
    provenance=memory("lower bound for local SGD, convex"),
)
def lower() -> Stated:
    """For all $K >= 2$, $R$, $M$ there is a homogeneous convex instance on which local SGD with any fixed step size
    stays above this; Glasgow, Yuan and Ma (2022) later improved the power of $K$ to the matching 1/3."""
    trivial = L * B**2
    return Stated(
        {
            "noise drift": Min((L * sigma**2 * B**4) ** Rational(1, 3) / (K * R) ** Rational(2, 3), trivial),
            "statistical": Min(dekel2012.statistical(), trivial),
        },
        conditions=(TWO_LOCAL_STEPS, VANILLA),
        setting=IDENTICAL_WORKERS,
    )


@LOCAL_SGD.upper(
    "quadratic",
    "Local SGD on homogeneous quadratics, with constants",
    problem_class="convex quadratic, $L$-smooth, identical workers",
    iterate="average over all steps of the workers' mean iterate",
    provenance=own("rate of the paper, constants ours", "proofs/woodworth2020a#quadratic"),
)
def quadratic() -> Stated:
    """On one common convex quadratic the average of the workers' iterates moves exactly like SGD with $K R$ steps and
    batches of $M$, whatever $K$ is: local steps cost nothing."""
    every_step = {K: 1, R: K * R}
    terms = dekel2012.explicit().bound.terms
    step = dekel2012.best_step().subs(every_step, simultaneous=True)
    return Stated(
        {term.name: term.expression.subs(every_step, simultaneous=True) for term in terms},
        conditions=(
            VANILLA,
            Condition("step at most $1/L$", Le(eta * L, 1)),
            Condition("the prescribed step", Eq(eta, step)),
        ),
        steps={"eta": step, "gamma": Integer(1)},
        setting=Setting("local-sgd", {"sigma": sigma, "zeta": 0, "Q": 0}),
    )


def implications() -> Iterator[Implication]:
    """One local step, one worker, and the class with heterogeneity at the optimum."""
    yield Specialization("woodworth2020a/convex", "koloskova2020/convex", "<~", target_at={"zeta_star": 0})
    yield Specialization(
        "woodworth2020a/convex", "dekel2012/convex", "<~", {"K": 1}, {"K": 1}, fails_because=DRIFT_AT_ONE_STEP
    )
    yield Specialization(
        "woodworth2020a/convex",
        "dekel2012/convex",
        "<~",
        {"M": 1},
        ONE_WORKER_WITH_ALL_STEPS,
        fails_because=DRIFT_OF_ONE_WORKER,
    )
    yield Specialization("woodworth2020a/quadratic", "dekel2012/explicit", "=", target_at={"K": 1, "R": K * R})
