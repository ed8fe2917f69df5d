"""Statements of cheng2024 up to constants and logarithms, decided by the order algebra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import xarray as xr
from sympy import Expr, Ge, Le, Min, Rational, cbrt, log, sqrt
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.display import text
from tightrate.rates.orders.parameter_tuning import specialize_expression
from tightrate.rates.papers.cheng2024 import (
    bias_threshold_adam,
    bias_threshold_convex,
    bias_threshold_strongly_convex,
    clipping_bias,
    minibatch,
    squared_clipping_bias,
)
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import (
    B,
    Delta,
    K,
    L,
    M,
    R,
    T,
    alpha,
    beta1,
    d,
    eps,
    mu,
    rho,
    sigma,
    sigma_2alpha,
    weak,
)
from tightrate.rates.symbols.monomial import monomial
from tightrate.verify.experiment import experiment
from tightrate.verify.judging.order import Question, decided
from tightrate.verify.session import Session

SHORT = {"strongly convex": "thm1", "convex": "thm2", "Adam": "thm3"}
FULL = {"strongly convex": "thmB4", "convex": "thmB5", "Adam": "thmC3"}
MOMENTS = Ge(alpha, 4)
LOCAL_STEPS_WITHOUT_CLIPPING: dict[str, Boolean] = {  # printed below (4.5) and (4.10)
    "strongly convex": Ge(K ** (alpha - 2) * L, mu * R**2),
    "convex": Ge(K ** ((3 * alpha - 5) / 2) * L * B, sigma * R**2),
    "Adam": Ge(K ** ((3 * alpha - 4) / 2) * L * Delta, sigma**2 * R),
}
CRITICAL_STEPS = {"convex": sigma**2 * R / (L * B) ** 2, "Adam": sigma**2 * R / (L * Delta)}
MINIBATCH = {"strongly convex": "eq4.5-sc", "convex": "eq4.5", "Adam": "eq4.11"}


def term(label: str, name: str) -> Expr:
    """One term of a statement."""
    return theorem(f"cheng2024/{label}").bound.term(name).expression


def rate(label: str, *, without: str = "") -> Expr:
    """The sum of a statement's terms, without the one of that name."""
    return sympy.Add(*(t.expression for t in theorem(f"cheng2024/{label}").bound.terms if t.name != without))


def without_logarithms(expression: Expr) -> Expr:
    """Every logarithm set to one."""
    return expression.replace(log, lambda *_: sympy.Integer(1))


def flipped(relation: Boolean) -> Boolean:
    """The inequality the other way round."""
    return Le(relation.lhs, relation.rhs) if isinstance(relation, Ge) else Ge(relation.lhs, relation.rhs)


def exactly(name: str, left: Expr, right: Expr, given: Boolean, *more: Boolean) -> dict[str, Question]:
    """left <~ right where an inequality holds, and right <~ left where it holds the other way round."""
    return {
        f"{name}": Question(left, right, (given, *more)),
        f"{name}, converse": Question(right, left, (flipped(given), *more)),
    }


def equal(name: str, left: Expr, right: Expr, *given: Boolean) -> dict[str, Question]:
    """left ~ right."""
    return {f"{name}, at most": Question(left, right, given), f"{name}, at least": Question(right, left, given)}


def clipping_questions() -> dict[str, Question]:
    """Where the clipping term is below the drift term, and what is left of it for noise with all moments."""
    found: dict[str, Question] = {}
    for case, label in SHORT.items():
        clip, drift = term(label, "clipping"), term(label, "noise drift")
        found |= exactly(f"{case}: clipping below drift", clip, drift, LOCAL_STEPS_WITHOUT_CLIPPING[case], MOMENTS)
        power = K if case == "strongly convex" else cbrt(K)
        bounded = specialize_expression(clip, alpha=sympy.oo)
        found |= equal(f"{case}: all moments", bounded * power, drift)
    return found


def inversion_questions() -> dict[str, Question]:
    """Every term of the rates against the same term of the number of steps, logarithms set to one."""
    found: dict[str, Question] = {}
    for case, label in FULL.items():
        for one in theorem(f"cheng2024/{label}").bound.terms:
            if one.expression.has(sympy.exp):
                continue
            steps = without_logarithms(term(f"{label}-steps", one.name))
            needed = Ge(K * R, steps)
            name = f"{case}: steps to accuracy, {one.name}"
            found |= exactly(name, without_logarithms(one.expression), eps, needed, MOMENTS)
    return found


def minibatch_questions() -> dict[str, Question]:
    """What substituting K = M = 1 and sigma/sqrt(K M) into the local rates leaves."""
    optimization, statistical = term("eq4.5", "optimization"), term("eq4.5", "statistical")
    drift = minibatch(term("thm2", "noise drift"))
    mean = cbrt(optimization * statistical**2)
    kappa = L / mu
    strongly_convex = minibatch(term("thm1", "clipping"))
    enough_rounds = Ge(R, kappa ** ((alpha - 1) / (alpha - 2)))
    one_machine = {name: term("thm3", name).subs({K: 1, M: 1}) for name in ("optimization", "statistical", "clipping")}
    many_rounds = Ge(R * sigma**2, L * Delta)
    return {
        **equal("convex: substituted drift", drift, mean),
        "convex: substituted clipping": Question(minibatch(term("thm2", "clipping")), rate("eq4.5"), (MOMENTS,)),
        "strongly convex: substituted clipping": Question(strongly_convex, rate("eq4.5-sc"), (MOMENTS, Ge(L, mu))),
        "strongly convex: substituted clipping, many rounds": Question(
            strongly_convex, term("eq4.5-sc", "statistical"), (MOMENTS, Ge(L, mu), enough_rounds)
        ),
        "Adam: substituted clipping": Question(minibatch(term("thm3", "clipping")), rate("eq4.11"), (MOMENTS,)),
        "Adam: one machine, clipping below first term": Question(
            one_machine["clipping"], one_machine["optimization"], (MOMENTS, many_rounds)
        ),
        "Adam: one machine, clipping below second term": Question(
            one_machine["clipping"], one_machine["statistical"], (MOMENTS, many_rounds)
        ),
    }


def regime_questions() -> dict[str, Question]:
    """Local against minibatch: where the drift starts and ends to matter, what is gained, and what is lost."""
    found: dict[str, Question] = {}
    for case, critical in CRITICAL_STEPS.items():
        label, pooled = SHORT[case], MINIBATCH[case]
        drift = term(label, "noise drift")
        found |= exactly(
            f"{case}: drift below minibatch optimization", drift, term(pooled, "optimization"), Ge(K, critical)
        )
        found |= exactly(f"{case}: drift below statistical", drift, term(label, "statistical"), Le(M**3 * K, critical))
        local, other = rate(label, without="clipping"), rate(pooled)
        gain = Min(K, cbrt(K / critical), sqrt(M * K / critical))
        weakly = () if case == "convex" else (Le(weak, L),)
        gain = gain if case == "convex" else Min(gain, L / weak)
        found |= equal(f"{case}: gain", other, gain * local, Ge(K, critical), *weakly)
        loss = Min(cbrt(critical / K), sqrt(M) * (K / critical) ** Rational(1, 6))
        if case == "convex":
            found |= equal(f"{case}: loss", local, loss * other, Le(K, critical), Ge(M**3 * K, critical))
        found[f"{case}: never worse"] = Question(local, other, weakly)
    drift = term("thm1", "noise drift")
    found |= exactly("strongly convex: drift below statistical", drift, term("thm1", "statistical"), Le(M * L, R * mu))
    drift, floor = term("thm3", "noise drift"), term("thm3", "weak convexity")
    printed = Ge(K * weak, L)
    found["Adam: gain ends at L/weak"] = Question(drift, floor, (printed,))
    found["Adam: gain ends at L/weak, small K_0"] = Question(
        drift, floor, (printed, Le(CRITICAL_STEPS["Adam"], (weak / L) ** 2))
    )
    found |= exactly("Adam: gain ends later", drift, floor, Ge(K, CRITICAL_STEPS["Adam"] * (L / weak) ** 3))
    found["Adam: gain at most L/weak"] = Question(rate("eq4.11"), L / weak * rate("thm3"), (Le(weak, L),))
    return found


def budget_questions() -> dict[str, Question]:
    """A fixed budget of T = K R gradients for each worker: the drift grows with K, and K = 1 is best."""
    found: dict[str, Question] = {}
    for case, label in SHORT.items():
        on_budget = rate(label).subs(R, T / K)
        drift = term(label, "noise drift").subs(R, T / K)
        power = K if case == "strongly convex" else cbrt(K)
        found |= equal(f"{case}: drift on a budget", drift, power * drift.subs(K, 1))
        found[f"{case}: one local step is best"] = Question(on_budget.subs(K, 1), on_budget, (Ge(K, 1), MOMENTS))
    return found


def threshold_questions() -> dict[str, Question]:
    """The threshold that minimizes the consensus factor, and those at which the clipping bias meets the accuracy."""
    spread = rho**2 * d / K + K * squared_clipping_bias()
    best = sigma_2alpha * (K / sqrt(d)) ** (1 / alpha)
    squared = squared_clipping_bias()
    return {
        "best threshold": Question(spread.subs(rho, best), spread, (MOMENTS,)),
        "another power of K": Question(spread.subs(rho, best * K ** (1 / alpha)), spread.subs(rho, best), (MOMENTS,)),
        **equal(
            "strongly convex: threshold", squared.subs(rho, bias_threshold_strongly_convex(eps)) / mu, eps, MOMENTS
        ),
        **equal(
            "convex: threshold", B * clipping_bias(sigma_2alpha).subs(rho, bias_threshold_convex(eps)), eps, MOMENTS
        ),
        **equal("Adam: threshold", squared.subs(rho, bias_threshold_adam(eps)), eps, MOMENTS),
    }


@experiment("cheng2024-orders")
def orders(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Every statement up to constants, decided by the order algebra."""
    return decided(
        {
            **clipping_questions(),
            **inversion_questions(),
            **minibatch_questions(),
            **regime_questions(),
            **budget_questions(),
            **threshold_questions(),
        }
    )


@dataclass(frozen=True)
class Proof:
    """A named statement: whether it holds, whether a second proof agrees, and how it is told."""

    name: str
    holds: bool
    checked: bool
    statement: dict[str, Any]


def proved(name: str, sides: tuple[Expr, Expr], given: list[str], certificate: dict[str, str], **how: bool) -> Proof:
    """A statement about two expressions, whose entry has the form of those that the order algebra decides."""
    left, right = (text(side) for side in sides)
    entry = {"left": left, "right": right, "given": given, "witness": None, "reason": "", "certificate": certificate}
    return Proof(name, statement=entry, **how)


def limit_in_steps(expression: Expr) -> tuple[Expr, dict[str, str]]:
    """The limit of a term as K grows, for alpha >= 4, and the certificate: its power of K, or sympy's limit.

    >>> limit_in_steps(term("thm3", "weak convexity"))[0]
    Delta*weak/R
    >>> limit_in_steps(term("thm2", "clipping"))
    (0, {'power of K': '(2 - 2*alpha)/(3*alpha - 1)'})
    """
    parts = monomial(expression)
    if any(K in factor.free_symbols for factor in parts.factors):
        found = sympy.limit(expression, K, sympy.oo)
        return found, {"limit": str(found)}
    power = sympy.sympify(parts.exponents.get("K", 0), strict=True)
    beyond = sympy.Symbol("beyond", nonnegative=True)
    at_4 = sympy.cancel(power.subs(alpha, 4 + beyond))
    if not (at_4.is_negative or at_4.is_zero or at_4.is_positive):
        raise TightrateError(f"the sign of the exponent {power} of K is not known for alpha >= 4")
    limit = sympy.Integer(0) if at_4.is_negative else sympy.oo if at_4.is_positive else expression
    return limit, {"power of K": str(power)}


def tends(name: str, expression: Expr, limit: Expr) -> Proof:
    """The term tends to this as K grows; checked by its logarithmic derivative K d log(term)/dK.

    A positive term whose logarithmic derivative tends to something negative vanishes, one without any is constant.
    """
    found, certificate = limit_in_steps(expression)
    steepness = sympy.simplify(K * sympy.diff(sympy.expand_log(log(expression), force=True), K))
    end = sympy.limit(steepness, K, sympy.oo).subs(alpha, 4 + sympy.Symbol("beyond", nonnegative=True))
    again = end == -sympy.oo or bool(sympy.cancel(end).is_negative) if found == 0 else steepness == 0
    certificate["logarithmic derivative in K"] = str(steepness)
    holds = sympy.simplify(found - limit) == 0
    return proved(name, (expression, limit), [str(MOMENTS)], certificate, holds=holds, checked=bool(again))


def without_momentum(name: str, expression: Expr, scaled: Expr) -> Proof:
    """`scaled`, made of the expression, does not hold beta1; checked by its derivative."""
    reduced = sympy.simplify(scaled) if beta1 in scaled.free_symbols else scaled
    derivative = sympy.simplify(sympy.diff(scaled, beta1))
    holds = beta1 not in reduced.free_symbols
    certificate = {"free of beta1": str(reduced), "derivative in beta1": str(derivative)}
    return proved(name, (expression, reduced), [], certificate, holds=holds, checked=(derivative == 0) == holds)


@experiment("cheng2024-limits")
def limits(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Statements about the bounds' expressions, proved symbolically: their limits as K grows, and where beta1 occurs.

    As the dataset of `decided`: "large K" are the limits of all terms, 0 but for Adam's weak Delta / R; "momentum" says
    that the first term of Theorem B.3 holds beta1 through L/(1-beta1)^2 alone, so that L (1-beta1)^2 in place of L
    removes it, and that the other terms do not hold it.
    """
    proofs = []
    for case, label in SHORT.items():
        for one in theorem(f"cheng2024/{label}").bound.terms:
            limit = weak * Delta / R if one.name == "weak convexity" else sympy.Integer(0)
            proofs.append(tends(f"{case}: large K, {one.name}", one.expression, limit))
    for label in ("thmB3", "thmB3-sc"):
        for one in theorem(f"cheng2024/{label}").bound.terms:
            smooth = one.expression.subs(L, L * (1 - beta1) ** 2) if one.name == "optimization" else one.expression
            proofs.append(without_momentum(f"{label}: momentum, {one.name}", one.expression, smooth))
    return xr.Dataset(
        {
            "answer": (("question",), np.array([int(proof.holds) for proof in proofs])),
            "checked": (("question",), np.array([proof.checked for proof in proofs])),
        },
        coords={"question": [proof.name for proof in proofs]},
        attrs={"statements": {proof.name: proof.statement for proof in proofs}},
    )
