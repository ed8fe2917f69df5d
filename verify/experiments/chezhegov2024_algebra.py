"""What algebra decides about SAVIC's theorems: identities between formulas, and orders with certificates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import sympy
import xarray as xr
from sympy import Expr, Ge, Integer, Le, Rational, Symbol, sqrt

from rates.alphabet import (
    B,
    B_scaled,
    K,
    L,
    M,
    R,
    T,
    beta2,
    d_max,
    d_min,
    eta,
    mu,
    sigma_star,
    tau_mean,
    zeta_mean,
    zeta_star,
)
from rates.bound import Bound
from rates.catalogue import theorem
from rates.certificate import Given
from rates.errors import TightrateError
from rates.lattice import links
from rates.order import OrderResult, dominated
from rates.papers.chezhegov2024 import Rule, adam_weight, growth, slow_averaging
from verify.laboratory import EXPERIMENTS, Laboratory

BOTH_RULES: tuple[Rule, ...] = ("rule2", "rule3")
BETA, ANY_UPDATE = Symbol("beta", positive=True), Symbol("t", integer=True, positive=True)
NO_SCALING: Mapping[Symbol, Expr] = {d_min: Integer(1), d_max: Integer(1), B_scaled: B}


class Identity(NamedTuple):
    """Two formulas that should be the same function of positive letters."""

    name: str
    left: Expr
    right: Expr


def bound_of(label: str) -> Bound:
    """A bound of this paper; labels with a slash are of other papers."""
    return theorem(label if "/" in label else f"chezhegov2024/{label}").bound


def largest_complement(rule: Rule) -> Expr:
    """The largest 1 - beta2 that Corollary 1 allows."""
    relation = slow_averaging(rule).relation
    assert relation is not None
    limit: Expr = relation.rhs
    return limit


def identities() -> Iterator[Identity]:
    """All of them, by name."""
    rate = eta * mu / d_max
    for rule in BOTH_RULES:
        extreme = growth(rule).xreplace({beta2: 1 - largest_complement(rule)})
        slow = bound_of(f"cor1-{rule}").expression
        yield Identity(f"cor1-{rule}: growth at the slowest averaging", extreme, slow)
        yield Identity(f"cor1-{rule}: slack of the contraction", 1 - rate / 2 - (1 + slow) * (1 - rate), rate**2 / 2)
    at_largest_step = {eta: d_min / (4 * L)}
    ratio = mu / L * d_min / d_max
    yield Identity(
        "beta2: rule2", largest_complement("rule2").xreplace(at_largest_step), ratio * (d_min / d_max) ** 2 / 4
    )
    yield Identity("beta2: rule3", largest_complement("rule3").xreplace(at_largest_step), ratio * (d_min / d_max) / 16)
    yield Identity("adam: complement of the first weight", 1 - adam_weight(BETA, Integer(1)), 1 / (1 + BETA))
    previous, fresh = sympy.symbols("previous fresh", positive=True)
    weight = adam_weight(BETA, ANY_UPDATE)
    corrected = BETA * (1 - BETA**ANY_UPDATE) * previous + (1 - BETA) * fresh
    yield Identity(
        "adam: bias correction",
        weight * previous + (1 - weight) * fresh,
        corrected / (1 - BETA ** (ANY_UPDATE + 1)),
    )
    yield from _effective_step()
    yield from _contractions()
    first_order = bound_of("fixed-point-small-step").expression / eta
    yield Identity(
        "fixed point: to first order in the step",
        sympy.limit(first_order, eta, 0),
        (K - 1) * zeta_mean * tau_mean * d_max / (2 * d_min ** Rational(3, 2) * mu),
    )
    yield from _slides()


def _effective_step() -> Iterator[Identity]:
    """(T-id-sc) in units of the step eta/d_min and of |x|_D^2/d_min is local SGD's bound with mu d_min/d_max."""
    for term in bound_of("id-sc").terms:
        plain = bound_of("local-id-sc").term(term.name).expression
        scaled = term.expression.xreplace({eta: d_min * eta, B_scaled: sqrt(d_min) * B}) / d_min
        yield Identity(f"effective step: {term.name}", scaled, plain.xreplace({mu: mu * d_min / d_max}))


def _contractions() -> Iterator[Identity]:
    """The rate at which a scaled bound forgets its start, in units of that with D = I: exactly d_min/d_max."""
    for label in ("id-sc", "id-sc-euclidean", "id-sc-tuned"):
        start = bound_of(label).term("optimization").expression
        rates = [forgetting(part) for part in (start, without_scaling(label, start))]
        yield Identity(f"contraction: {label}", rates[0] / rates[1], d_min / d_max)


def forgetting(expression: Expr) -> Expr:
    """x of (1 - x)^{K R} or of exp(-x K R)."""
    for part in expression.args:
        if part.is_Pow and part.exp == K * R:
            return 1 - part.base
        if isinstance(part, sympy.exp):
            return -part.exp / (K * R)
    raise TightrateError(f"nothing geometric or exponential in {expression}")


PRINTED: Mapping[str, Mapping[str, Expr]] = {  # the coefficients displayed on the slides
    "khaled2020/thm5": {
        "optimization": 32 * L * B**2 / sqrt(M * T),
        "statistical": Rational(5, 2) * sigma_star**2 / (L * sqrt(M * T)),
        "drift": sigma_star**2 * M * (K - 1) ** 2 / (4 * L * T),
    },
    "khaled2020/local-gd": {
        "optimization": 8 * L * B**2 / sqrt(M * T),
        "heterogeneity drift": Rational(3, 2) * M * zeta_star**2 * K**2 / (L * T),
    },
}


def _slides() -> Iterator[Identity]:
    """The general bounds at the slides' steps, K R = T."""
    for name, printed in PRINTED.items():
        step = theorem(f"{name}-slides").step("eta")
        for term in theorem(name).bound.terms:
            at_step = term.expression.xreplace({eta: step}).xreplace({R: T / K})
            yield Identity(f"slides: {name} {term.name}", at_step, printed[term.name])
    step = theorem("khaled2020/thm5-slides").step("eta").xreplace({R: T / K})
    yield Identity("slides: 8 eta L K at the most local steps", (8 * step * L * K).subs(K, sqrt(T / M)), Integer(1))


class Order(NamedTuple):
    """The question whether left <~ right."""

    name: str
    left: Expr
    right: Expr
    given: Given = ()


WIDER = (Ge(d_max, d_min), Ge(B_scaled**2, d_min * B**2), Le(B_scaled**2, d_max * B**2))
AT_A_STEP = ("id-sc", "id-sc-euclidean", "id-c", "het-c", "het-c-own")
TUNED = ("id-sc-tuned", "id-c-tuned", "identical", "heterogeneous")


def without_scaling(label: str, expression: Expr) -> Expr:
    """The same formula with D = I; at a general step this is eta/d_min, and a norm of D counts sqrt(d_min) times."""
    measure = bound_of(label).measure.name
    unit = d_min if measure == "scaled-squared-distance" else Integer(1)
    plain = unit * expression.xreplace(dict(NO_SCALING))
    return plain.xreplace({eta: eta / d_min}) if label in AT_A_STEP else plain


def orders() -> Iterator[Order]:
    """Every question, by name.

    What forgets the start geometrically is compared apart (`_contractions`); here it counts as one.
    """
    for label in (*AT_A_STEP, *TUNED):
        for term in bound_of(label).terms:
            scaled = remembering(term.expression)
            plain = remembering(without_scaling(label, term.expression))
            yield Order(f"worst case: {label}: {term.name}", plain, scaled, WIDER)
            yield Order(f"strictly: {label}: {term.name}", scaled, plain, WIDER)
    slides = bound_of("khaled2020/thm5-slides")
    more = Symbol("more", positive=True)  # K - 1
    statistical, drift = (
        slides.term(name).expression.xreplace({R: T / K}).subs(K, more + 1) for name in ("statistical", "drift")
    )
    for name, exponent in (("derived", Rational(-3, 4)), ("printed", Rational(-3, 2))):
        local_steps = T ** Rational(1, 4) * M**exponent
        at = [
            sympy.powdenest(sympy.simplify(term.subs(more, local_steps)), force=True) for term in (drift, statistical)
        ]
        yield Order(f"balance: {name}: drift below noise", at[0], at[1])
        yield Order(f"balance: {name}: noise below drift", at[1], at[0])


def remembering(expression: Expr) -> Expr:
    """The expression with (1 - x)^{K R} and exp(-x K R) set to one."""
    return expression.replace(
        lambda part: isinstance(part, sympy.exp) or (part.is_Pow and part.exp == K * R), lambda _: Integer(1)
    )


@EXPERIMENTS.add("scaling-algebra")
def scaling_algebra(laboratory: Laboratory) -> xr.Dataset:  # noqa: ARG001
    """Identities and orders, by name.

    `difference` of both sides of every identity is simplified by computer algebra: "0" where they are the same.
    `relation` says whether left <~ right: "holds" with a certificate, "fails" with a witness path, or "undecided".
    Tunings of this paper's bounds, decided as links of the lattice, "hold" where the link is proved.
    """
    found = list(identities())
    differences = [str(sympy.simplify(sympy.powdenest(one.left - one.right, force=True))) for one in found]
    rows: list[tuple[str, str, str]] = []
    for question in orders():
        result = dominated(question.left, question.right, question.given)
        rows.append((question.name, result.relation, witness_of(result)))
    for link in links():
        if link.source.startswith("chezhegov2024/") and link.target.removeprefix("chezhegov2024/") in TUNED:
            outcome = link.decide()
            verdict = {"proved": "holds"}.get(outcome.verdict, outcome.verdict)
            rows.append((f"tuned: {link.source} to {link.target}", verdict, outcome.reason))
    names, relations, witnesses = zip(*rows, strict=True)
    return xr.Dataset(
        {
            "difference": (("identity",), np.array(differences)),
            "right": (("identity",), np.array([str(one.right) for one in found])),
            "relation": (("question",), np.array(relations)),
            "witness": (("question",), np.array(witnesses)),
        },
        coords={"identity": [one.name for one in found], "question": list(names)},
    )


def witness_of(result: OrderResult) -> str:
    """The exponents along which left outgrows right, as text."""
    if result.witness is None:
        return result.reason
    return ", ".join(f"{name}^{power}" for name, power in result.witness.exponents.items())
