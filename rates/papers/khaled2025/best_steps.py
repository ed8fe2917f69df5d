"""Proposition 1: the best pair of inner and outer steps of generalized local SGD.

The rate h(eta, gamma) is minimized over eta, gamma > 0 with eta L (1 + (gamma - 1)_+ K) <= 1/4.  Three candidates
decide: plain averaging (A), the active condition on the steps (B), and the limit eta -> 0 at a fixed product (C).
Everything numerical is evaluated from the symbolic objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import mpmath
import sympy
from sympy import Expr, Le, Max, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.papers.khaled2025 import LOCAL_SGD, PROOFS, identical_workers
from tightrate.rates.papers.khaled2025.generalized_local_sgd import ANY_OUTER_STEP, STEPS_TOGETHER
from tightrate.rates.statements.builder import Stated, derived, own
from tightrate.rates.statements.implication import Implication, TunedBound
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import B, K, L, M, R, eta, gamma, sigma
from tightrate.rates.symbols.evaluation import at

PRODUCT = sympy.Symbol("product", positive=True)  # eta gamma
PROPOSITION = LOCAL_SGD.sharing(constants="hidden")

Candidate = Literal["plain averaging", "active condition", "vanishing inner step"]


def rate_of_steps(c0: Expr | int = 1, c1: Expr | int = 1, c2: Expr | int = 1) -> dict[str, Expr]:
    """The terms of h(eta, gamma), the right-hand side that Proposition 1 minimizes, with constants c0, c1, c2."""
    return {
        "optimization": c0 * B**2 / (eta * gamma * R * K),
        "statistical": c1 * eta * sigma**2 * Max(1, gamma) / M,
        "noise drift": c2 * L * eta**2 * sigma**2 * K,
    }


@PROPOSITION.upper(
    "prop1",
    "The rate as a function of both steps",
    provenance=derived("Proposition 1 and program (5)", f"{PROOFS}#prop1"),
)
def prop1() -> Stated:
    """Candidate A has $gamma = 1$ and $eta$ = min(1/(4L), root of a cubic); candidate $B$ has $gamma$ above 1, the
    condition on the steps active and $eta$ the root of another cubic; the smaller value wins, or candidate $C$: $eta
    -> 0$ at a fixed product (prop1-limit)."""
    return Stated(
        rate_of_steps(),
        conditions=(STEPS_TOGETHER,),
        errata=(
            Erratum(
                "third candidate",
                "If $h$ has the re-derived shape, a third candidate is needed where $16 M K L^2 B^2 <= R sigma^2$"
                " (constants 1): there the cubic of candidate $B$ has no positive root, the condition on the steps is"
                " slack and the infimum, approached as $eta -> 0$ with $eta gamma$ fixed, is not attained. The $h$ of"
                " the paper was not seen.",
                "The derivative along the active condition is nonnegative at $eta = 0$; a grid search agrees.",
                kind="conditional",
                where="Proposition 1",
                printed="two candidates, the smaller of which is the least value of a rate $h$ whose display was lost",
                certainty="unseen",
            ),
        ),
        setting=identical_workers(ANY_OUTER_STEP),
    )


@PROPOSITION.upper(
    "prop1-limit",
    "The third candidate: vanishing inner step, fixed product",
    provenance=own("completes Proposition 1", f"{PROOFS}#prop1"),
)
def prop1_limit() -> Stated:
    """As $eta -> 0$ with $eta gamma = B sqrt(M / (sigma^2 R K))$ prop1 tends to this, minibatch SGD's noise."""
    return Stated(
        {"statistical": 2 * sigma * B / sqrt(M * K * R)},
        conditions=(
            Condition(
                "large noise: $16 M K L^2 B^2$ is at most $R sigma^2$", Le(16 * M * K * L**2 * B**2, R * sigma**2)
            ),
        ),
        setting=identical_workers(ANY_OUTER_STEP),
    )


def implications() -> Iterator[Implication]:
    """With plain averaging the best step gives the tuned rate."""
    yield TunedBound("khaled2025/prop1", "khaled2025/eq2", "~", {"gamma": 1}, cap=1 / (4 * L))


# --- The candidates in symbols ---------------------------------------------------------------------------------------


def active_outer_step() -> Expr:
    """The outer step at which eta L (1 + (gamma - 1) K) = 1/4."""
    return 1 + (1 - 4 * eta * L) / (4 * eta * L * K)


def _stationarity(rate: Expr) -> Expr:
    """The polynomial in eta whose positive root minimizes `rate`, negative at eta = 0 when a root exists."""
    return sympy.fraction(sympy.cancel(sympy.diff(rate, eta)))[0]


def _above_1(terms: dict[str, Expr]) -> Expr:
    return sympy.Add(*terms.values()).subs(Max(1, gamma), gamma)


@cache
def cubic_at_unit_outer_step(**constants: Expr | int) -> Expr:
    """Candidate A's cubic in eta: stationarity of h(eta, 1)."""
    return _stationarity(_above_1(rate_of_steps(**constants)).subs(gamma, 1))


@cache
def cubic_at_active_condition(**constants: Expr | int) -> Expr:
    """Candidate B's cubic in eta: stationarity of h along the active condition on the steps."""
    return _stationarity(_above_1(rate_of_steps(**constants)).subs(gamma, active_outer_step()))


def limiting_rate(c0: Expr | int = 1, c1: Expr | int = 1) -> Expr:
    """Candidate C: h as eta -> 0 with eta gamma = `product`."""
    return sympy.expand(_above_1(rate_of_steps(c0, c1)).subs(gamma, PRODUCT / eta)).subs(eta, 0)


def limiting_product(c0: Expr | int = 1, c1: Expr | int = 1) -> Expr:
    """Candidate C's product eta gamma: the minimizer of the limiting rate, at most 1/(4 L K)."""
    return 1 / Max(4 * L * K, sqrt(c1 * sigma**2 * R * K / (c0 * M)) / B)


# --- The candidates in numbers ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepPair:
    """One candidate: its steps, their product, and the rate there.

    A vanishing inner step has eta = 0 and gamma = inf; only the product of the two matters then, and `value` is an
    infimum that no pair attains.
    """

    candidate: Candidate
    eta: float
    gamma: float
    product: float
    value: float


def positive_root(polynomial: Expr, values: Mapping[str, float]) -> float | None:
    """The one positive root in eta of a polynomial that increases for eta > 0; None if it is nonnegative at 0.

    >>> sharp = {"L": 1.0, "B": 1.0, "K": 10, "R": 100, "M": 8, "sigma": 1.0}
    >>> round(positive_root(cubic_at_unit_outer_step(), sharp), 7)
    0.0348704
    """
    coefficients = [at(c, values) for c in sympy.Poly(polynomial, eta).all_coeffs()]
    while coefficients and coefficients[0] == 0:
        del coefficients[0]
    if len(coefficients) < 2 or coefficients[-1] >= 0:
        return None
    with mpmath.workdps(40):
        roots = mpmath.polyroots(coefficients, maxsteps=200, extraprec=200)
        return max(float(mpmath.re(root)) for root in roots if abs(mpmath.im(root)) < mpmath.mpf(10) ** -20 * abs(root))


def step_candidates(values: Mapping[str, float]) -> tuple[StepPair, ...]:
    """The candidates of Proposition 1 (constants 1) that exist at these values of L, B, K, R, M, sigma > 0.

    >>> for pair in step_candidates({"L": 1.0, "B": 1.0, "K": 10, "R": 100, "M": 8, "sigma": 1.0}):
    ...     print(f"{pair.candidate}: eta {pair.eta:.6g}, gamma {pair.gamma:.6g}, rate {pair.value:.6g}")
    plain averaging: eta 0.0348704, gamma 1, rate 0.0451959
    active condition: eta 0.0193687, gamma 2.19075, rate 0.0326227
    """
    if not values.get("sigma", 0) > 0:
        raise TightrateError("the best steps need noise: give sigma > 0 (without noise take eta = 1/(4L), gamma = 1)")
    cap = 1 / (4 * values["L"])
    rate = prop1.theorem.bound

    def pair(name: Candidate, inner: float, outer: float) -> StepPair:
        return StepPair(name, inner, outer, inner * outer, rate.at(values, eta=inner, gamma=outer))

    root = positive_root(cubic_at_unit_outer_step(), values)
    assert root is not None  # the cubic is negative at 0
    found = [pair("plain averaging", min(cap, root), 1.0)]
    root = positive_root(cubic_at_active_condition(), values)
    if root is not None and root < cap:
        found.append(pair("active condition", root, at(active_outer_step(), values, eta=root)))
    if root is None:
        product = at(limiting_product(), values)
        value = at(limiting_rate(), values, product=product)
        found.append(StepPair("vanishing inner step", 0.0, float("inf"), product, value))
    return tuple(found)


def best_steps(values: Mapping[str, float]) -> StepPair:
    """The candidate with the smallest rate."""
    return min(step_candidates(values), key=lambda pair: pair.value)
