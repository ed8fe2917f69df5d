"""The best pair of inner and outer steps of generalized local SGD, by Proposition 1 of khaled2025.

The rate h(eta, gamma) is minimized over eta, gamma > 0 with eta L (1 + (gamma - 1)_+ K) <= 1/4.  Three candidates
decide: plain averaging (A), the active condition on the steps (B), and the limit eta -> 0 at a fixed product (C).
Everything numerical is evaluated from the symbolic objects of `tightrate.rates.papers.khaled2025`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import mpmath
import sympy
from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.papers import khaled2025
from tightrate.rates.symbols.alphabet import eta
from tightrate.rates.symbols.evaluation import evaluate

Candidate = Literal["plain averaging", "active condition", "vanishing inner step"]


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

    >>> from tightrate.rates.papers.khaled2025 import cubic_at_unit_outer_step
    >>> sharp = {"L": 1.0, "B": 1.0, "K": 10, "R": 100, "M": 8, "sigma": 1.0}
    >>> round(positive_root(cubic_at_unit_outer_step(), sharp), 7)
    0.0348704
    """
    coefficients = [evaluate(c, values) for c in sympy.Poly(polynomial, eta).all_coeffs()]
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
    rate = khaled2025.prop1().bound

    def pair(name: Candidate, inner: float, outer: float) -> StepPair:
        return StepPair(name, inner, outer, inner * outer, rate.evaluate({**values, "eta": inner, "gamma": outer}))

    root = positive_root(khaled2025.cubic_at_unit_outer_step(), values)
    assert root is not None  # the cubic is negative at 0
    found = [pair("plain averaging", min(cap, root), 1.0)]
    root = positive_root(khaled2025.cubic_at_active_condition(), values)
    if root is not None and root < cap:
        found.append(pair("active condition", root, evaluate(khaled2025.active_outer_step(), {**values, "eta": root})))
    if root is None:
        product = evaluate(khaled2025.limiting_product(), values)
        value = evaluate(khaled2025.limiting_rate(), {**values, "product": product})
        found.append(StepPair("vanishing inner step", 0.0, float("inf"), product, value))
    return tuple(found)


def best_steps(values: Mapping[str, float]) -> StepPair:
    """The candidate with the smallest rate."""
    return min(step_candidates(values), key=lambda pair: pair.value)
