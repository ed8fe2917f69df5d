"""Woodworth, Patel, Stich, Dai, Bullins, McMahan, Shamir, Srebro (ICML 2020): is local SGD better than minibatch SGD?

Homogeneous machines.  The rate of local SGD, the lower bound that shows it does not always beat mini-batch SGD, and
quadratics, on which local steps cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Integer, Le, Min, Rational

from tightrate.rates.papers import dekel2012
from tightrate.rates.papers.koloskova2020 import (
    DRIFT_AT_ONE_STEP,
    DRIFT_OF_ONE_MACHINE,
    ONE_MACHINE_WITH_ALL_STEPS,
    TWO_LOCAL_STEPS,
    VANILLA,
    noise_drift,
)
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Paper, Provenance, Theorem
from tightrate.rates.symbols.alphabet import B, K, L, R, eta, sigma

PAPER = Paper(
    id="woodworth2020a",
    notation={"L": "H"},
)

IDENTICAL = "convex, L-smooth, identical machines"
IDENTICAL_MACHINES = Setting("local-sgd", {"sigma": sigma, "zeta": 0})


def local_optimization() -> Expr:
    """L B^2 / (K R): gradient descent with every local step counted."""
    return L * B**2 / (K * R)


def convex_terms() -> tuple[Term, ...]:
    """The three terms of the convex rate of local SGD on homogeneous machines."""
    return (
        Term("optimization", local_optimization()),
        Term("statistical", dekel2012.statistical()),
        Term("noise drift", noise_drift()),
    )


@statement("convex")
def convex() -> Theorem:
    """Local SGD, convex, homogeneous."""
    return Theorem(
        label="convex",
        title="Local SGD, convex, homogeneous machines",
        statement="Local SGD with plain averaging and one tuned step size.",
        bound=Bound(convex_terms(), MEASURES["gap"], "upper", "hidden with logs"),
        paper=PAPER,
        provenance=Provenance("memory", "upper bound for local SGD, homogeneous, convex"),
        algorithm="local-sgd",
        problem_class=IDENTICAL,
        iterate="average of all local iterates",
        holds="in expectation",
        conditions=(VANILLA,),
        setting=IDENTICAL_MACHINES,
    )


@statement("lower")
def lower() -> Theorem:
    """Local SGD does not always beat minibatch SGD."""
    trivial = L * B**2
    return Theorem(
        label="lower",
        title="Lower bound for local SGD, homogeneous machines",
        statement=(
            "For all K >= 2, R, M there is a homogeneous convex instance on which local SGD with any fixed step size"
            " stays above this; Glasgow, Yuan and Ma (2022) later improved the power of K to the matching 1/3."
        ),
        bound=Bound(
            (
                Term(
                    "noise drift",
                    Min((L * sigma**2 * B**4) ** Rational(1, 3) / (K * R) ** Rational(2, 3), trivial),
                ),
                Term("statistical", Min(dekel2012.statistical(), trivial)),
            ),
            MEASURES["gap"],
            "lower",
            "hidden",
        ),
        paper=PAPER,
        provenance=Provenance("memory", "lower bound for local SGD, convex"),
        algorithm="local-sgd",
        problem_class=IDENTICAL,
        iterate="average of the last round's iterates",
        holds="in expectation",
        conditions=(TWO_LOCAL_STEPS, VANILLA),
        setting=IDENTICAL_MACHINES,
    )


@statement("quadratic")
def quadratic() -> Theorem:
    """On quadratics the mean iterate of local SGD is that of K R steps of minibatch SGD."""
    every_step = {K: 1, R: K * R}
    bound = dekel2012.explicit().bound
    step = dekel2012.best_step().subs(every_step, simultaneous=True)
    return Theorem(
        label="quadratic",
        title="Local SGD on homogeneous quadratics, with constants",
        statement=(
            "On one common convex quadratic the average of the workers' iterates moves exactly like SGD with K R steps"
            " and batches of M, whatever K is: local steps cost nothing."
        ),
        bound=Bound(
            tuple(Term(term.name, term.expression.subs(every_step, simultaneous=True)) for term in bound.terms),
            bound.measure,
            bound.kind,
            bound.constants,
        ),
        paper=PAPER,
        provenance=Provenance("own", "rate of the paper, constants ours", "proofs/woodworth2020a#quadratic"),
        algorithm="local-sgd",
        problem_class="convex quadratic, L-smooth, identical machines",
        iterate="average over all steps of the workers' mean iterate",
        holds="in expectation",
        conditions=(
            VANILLA,
            Condition("step at most 1/L", Le(eta * L, 1)),
            Condition("the prescribed step", Eq(eta, step)),
        ),
        steps={"eta": step, "gamma": Integer(1)},
        setting=Setting("local-sgd", {"sigma": sigma, "zeta": 0, "Q": 0}),
    )


def implications() -> Iterator[Implication]:
    """One local step, one machine, and the class with heterogeneity at the optimum."""
    yield Specialization("woodworth2020a/convex", "koloskova2020/convex", "<~", target_at={"zeta_star": 0})
    yield Specialization(
        "woodworth2020a/convex", "dekel2012/convex", "<~", {"K": 1}, {"K": 1}, fails_because=DRIFT_AT_ONE_STEP
    )
    yield Specialization(
        "woodworth2020a/convex",
        "dekel2012/convex",
        "<~",
        {"M": 1},
        ONE_MACHINE_WITH_ALL_STEPS,
        fails_because=DRIFT_OF_ONE_MACHINE,
    )
    yield Specialization("woodworth2020a/quadratic", "dekel2012/explicit", "=", target_at={"K": 1, "R": K * R})
