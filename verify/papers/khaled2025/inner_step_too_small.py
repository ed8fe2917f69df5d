"""Inner steps that are far too small: which outer steps Theorem 1 still allows, and that they repair the rate."""

from __future__ import annotations

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr, Max, Rational, Symbol

from tightrate.constructions.log_spaced_quadratic import log_spaced_quadratic
from tightrate.constructions.problem import Problem
from tightrate.rates.papers.khaled2025.best_steps import active_outer_step
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import K as LOCAL_STEPS
from tightrate.rates.symbols.alphabet import L, eta, gamma
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithms.local_sgd import LocalSGD, local_sgd
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.assertion import Every, Fact, Facts
from tightrate.verify.assertions.bounded import AtMost, Bounded
from tightrate.verify.assertions.limit import Limits, Line
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.khaled2025.closed_forms_on_quadratics import average_local_gap
from tightrate.verify.session import Session

Array = NDArray[np.float64]

# --- The condition of Theorem 1 --------------------------------------------------------------------------------------

EIGHTH = Rational(1, 8)


def remainders(condition: Condition, below: Rational = EIGHTH, product: Rational = EIGHTH) -> dict[str, Expr]:
    """What the condition on both steps leaves of its limit beyond what two simple conditions leave of theirs.

    The simple conditions are eta L <= `below` and eta gamma L K <= `product`; the remainders, one for outer steps
    above 1 and one for those below, must not be negative.
    """
    assert isinstance(condition.relation, sympy.Le)
    slack = condition.relation.rhs - condition.relation.lhs
    first, second = below - eta * L, product - eta * gamma * L * LOCAL_STEPS
    more, part = Symbol("more", positive=True), Symbol("part", positive=True)
    left = {
        "gamma = 1 + more": (slack - first - second).subs(gamma, 1 + more),
        "gamma = 1/(1 + part)": (slack - first).subs(gamma, 1 / (1 + part)),
    }
    return {name: sympy.expand(sympy.simplify(_of_known_sign(one))) for name, one in left.items()}


def _of_known_sign(expression: Expr) -> Expr:
    """The expression with every maximum of 0 and something of known sign resolved."""
    return expression.replace(
        lambda part: isinstance(part, Max),
        lambda part: Max(*(sympy.factor(sympy.together(one)) for one in part.args)),
    )


@claim(
    "khaled2025/small-steps-suffice",
    "Where $8 eta L <= 1$, $eta gamma L K <= 1/8$ is enough for the condition of Theorem 1.",
    theorem="khaled2025/thm1",
    kind="regime",
    expected="confirmed",
)
def small_steps_suffice(theorem: Theorem) -> Symbolic:
    """What the condition leaves of its limit, less what the two simple ones leave of theirs, by computer algebra for
    outer steps above and below 1: an expression that is evidently not negative is the proof."""
    return Symbolic(nonnegative=remainders(theorem.conditions[0]))


# --- The rate with the largest outer step that is allowed ------------------------------------------------------------

K, R = 8, 64
FLATTEST = 1e-9  # the smallest curvature, in units of L: modes of every speed


@experiment("khaled2025-ill-tuned")
def ill_tuned(session: Session) -> xr.Dataset:
    """The mean gap of all local iterates over $eta L$, exactly, on a quadratic with curvatures from $10^-9 L$ to $L$.

    Over (outer, $eta$) with outer "plain" ($gamma = 1$) and "largest" (the condition of Theorem 1 active): `local_gap`,
    `gamma`, and `gap_of_average` of the averaged iterate by the shipped algorithm. Over $eta$: `distance_from_limit`,
    the distance of `local_gap` from `limit` with the largest outer step. The attribute `limit` is the mean gap of
    $R$ steps of gradient descent of size $1/(4L)$: where $eta -> 0$ leads with the largest outer step; `start` the
    gap at the start.
    """
    modes = session.choose(quick=400, full=2000)
    problem = log_spaced_quadratic(d=modes, mu=FLATTEST)
    curvature, start = problem.curvatures[0], problem.optimum
    eta = np.geomspace(1e-6, 0.25, 28)
    gamma = np.stack([np.ones_like(eta), at(active_outer_step(), L=1.0, K=K, eta=eta)])
    quiet = np.zeros(modes)

    def local_gap(eta: Array, gamma: Array, steps: float) -> Array:
        counts = {name: np.full(eta.shape, float(value)) for name, value in (("K", steps), ("R", R), ("M", 1))}
        return average_local_gap(curvature, start, quiet, eta=eta, gamma=gamma, **counts)

    gaps = np.stack([local_gap(eta, outer, K) for outer in gamma])
    averages = np.stack([_gap_of_average(local_sgd(eta=eta, gamma=outer), problem, K, R) for outer in gamma])
    one = np.ones(1)
    limit = float(local_gap(one / 4, one, 1)[0])
    columns = {"local_gap": gaps, "gap_of_average": averages, "gamma": gamma}
    symbols = {"L": 1.0, "B": 1.0, "sigma": 0.0, "M": 1, "K": K, "R": R, "d": modes}
    return xr.Dataset(
        {
            **{name: (("outer", "eta"), values) for name, values in columns.items()},
            "distance_from_limit": ("eta", np.abs(gaps[1] - limit)),
        },
        coords={"outer": ["plain", "largest"], "eta": eta},
        attrs={**symbols, "limit": limit, "start": float(problem.gap(np.zeros(modes))), "flattest": FLATTEST},
    )


def _gap_of_average(algorithm: LocalSGD, problem: Problem, K: int, R: int) -> Array:
    found = exact_moments(algorithm, problem, K=K, R=R, averaging_decay=0.0)
    assert found.average is not None
    return found.average.gap


@claim(
    "khaled2025/outer-step-repairs-a-small-inner-step",
    "Without noise and with the largest outer step that Theorem 1 allows, the mean gap tends to that of gradient"
    " descent with step $1/(4L)$ once a round as $eta -> 0$, at first order in $eta$; with $gamma = 1$ it tends to"
    " the gap at the start.",
    theorem="khaled2025/thm1",
    kind="regime",
    data=ill_tuned,
)
def outer_step_repairs(data: xr.Dataset) -> Facts:
    """Exact mean gaps on a quadratic with curvatures of every size, inner steps over five decades: the distance to the
    limit must have slope 1 in $eta$ with the largest outer step, and the progress slope 1 with plain averaging."""
    falling = data.sortby("eta", ascending=False)
    inverse, progress = 1 / falling.eta.values, data.attrs["start"] - falling.local_gap.sel(outer="plain")
    distance = "1/eta, distance from the limit with the largest outer step"
    lines = [
        Line(distance, inverse, falling.distance_from_limit.values, -1.0),
        Line("1/eta, progress with plain averaging", inverse, progress.values, -1.0),
    ]
    slopes = Limits(lines, "mean gap", "exponent 1 in eta", 0.02, about=(Measurement.of(data, "local_gap"),))
    at_end = falling.local_gap.isel(eta=-1)
    worse = float(at_end.sel(outer="plain") / at_end.sel(outer="largest"))
    name = "gap with gamma = 1 over gap with the largest gamma, at the smallest eta"
    return Facts({name: Fact(worse, at_least=1.0)}, main=slopes)


@claim(
    "khaled2025/ill-tuned-below-thm1",
    "For every inner step, with $gamma = 1$ and with the largest outer step, the gap is below Theorem 1's.",
    theorem="khaled2025/thm1",
    kind="bound with constants",
    data=ill_tuned,
)
def ill_tuned_below_thm1(theorem: Theorem, data: xr.Dataset) -> Every:
    """The same exact values against the bound, and the gap of the averaged iterate against the mean gap, by value."""
    mean, average = (Measurement.of(data, name, rounding=1e-15) for name in ("local_gap", "gap_of_average"))
    return Every({"mean gap": Bounded(theorem, mean), "gap of the average": AtMost(average, data.local_gap)})
