"""What algebra decides about SAVIC's theorems: identities and inequalities of formulas, orders with certificates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import sympy
import xarray as xr
from sympy import Expr, Ge, Integer, Le, Rational, Symbol, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.papers.chezhegov2024 import Rule, adam_weight, growth, slow_averaging
from tightrate.rates.relations.implications import derived, implications, stated
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import (
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
from tightrate.verify.experiment import experiment
from tightrate.verify.judging.order import Question, decided
from tightrate.verify.session import Session

BOTH_RULES: tuple[Rule, ...] = ("rule2", "rule3")
BETA, ANY_UPDATE = Symbol("beta", positive=True), Symbol("t", integer=True, positive=True)
KAPPA = Symbol("kappa", positive=True)  # L/mu
TOO_SLOW = Rational(1, 1000)  # 1 - beta2 of averaging with 0.999
BEYOND: Mapping[Rule, Expr] = {"rule2": Integer(250), "rule3": Rational(125, 2)}  # condition numbers
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
    for rule, limit in BEYOND.items():
        reached = sympy.solve(largest_complement_at(rule, KAPPA, Integer(0)) - TOO_SLOW, KAPPA)
        yield Identity(f"beta2: {rule} reaches 0.999 at d_max = d_min", reached[0], limit)
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


class Inequality(NamedTuple):
    """right - left, in symbols that are not negative, should be positive, or zero where equality is allowed."""

    name: str
    left: Expr
    right: Expr
    strict: bool

    @property
    def difference(self) -> Expr:
        """right - left over a common denominator, the numerator a sum of products."""
        numerator, denominator = sympy.fraction(sympy.together(self.right - self.left))
        return sympy.expand(numerator) / sympy.factor(denominator)

    @property
    def holds(self) -> bool:
        """Whether the sign is evident."""
        difference = self.difference
        return bool(difference.is_positive if self.strict else difference.is_nonnegative)


def largest_complement_at(rule: Rule, kappa: Expr, spread: Expr, below: Expr = sympy.S.Zero) -> Expr:
    """The largest 1 - beta2 that Corollary 1 allows at L = kappa mu, d_max = (1 + spread) d_min, eta = d_min/(4L) over
    1 + below."""
    step = d_min / (4 * kappa * mu * (1 + below))
    return sympy.simplify(largest_complement(rule).subs({eta: step, d_max: (1 + spread) * d_min}))


def inequalities() -> Iterator[Inequality]:
    """All of them, by name."""
    more, spread, below = sympy.symbols("more spread below", nonnegative=True)
    excess = Symbol("excess", positive=True)
    for rule, limit in BEYOND.items():
        allowed = largest_complement_at(rule, limit * (1 + excess), spread)
        yield Inequality(f"beta2: {rule} beyond 0.999 from there on", allowed, TOO_SLOW, strict=True)
    first = (1 - adam_weight(BETA, Integer(1))).subs(BETA, 1 / (1 + excess))  # any beta below 1
    yield Inequality(
        "adam: complement of the first weight above 1/2", Rational(1, 2), sympy.simplify(first), strict=True
    )
    for rule in BOTH_RULES:
        allowed = largest_complement_at(rule, 1 + more, spread, below)
        yield Inequality(f"adam: {rule} allows at most 1/4", allowed, Rational(1, 4), strict=False)


WIDER = (Ge(d_max, d_min), Ge(B_scaled**2, d_min * B**2), Le(B_scaled**2, d_max * B**2))
AT_A_STEP = ("id-sc", "id-sc-euclidean", "id-c", "het-c", "het-c-own")
TUNED = ("id-sc-tuned", "id-c-tuned", "identical", "heterogeneous")


def without_scaling(label: str, expression: Expr) -> Expr:
    """The same formula with D = I; at a general step this is eta/d_min, and a norm of D counts sqrt(d_min) times."""
    measure = bound_of(label).measure.name
    unit = d_min if measure == "scaled-squared-distance" else Integer(1)
    plain = unit * expression.xreplace(dict(NO_SCALING))
    return plain.xreplace({eta: eta / d_min}) if label in AT_A_STEP else plain


def orders() -> dict[str, Question]:
    """Every question, by name.

    What forgets the start geometrically is compared apart (`_contractions`); here it counts as one.
    """
    found: dict[str, Question] = {}
    for label in (*AT_A_STEP, *TUNED):
        for term in bound_of(label).terms:
            scaled = remembering(term.expression)
            plain = remembering(without_scaling(label, term.expression))
            found[f"worst case: {label}: {term.name}"] = Question(plain, scaled, WIDER)
            found[f"strictly: {label}: {term.name}"] = Question(scaled, plain, WIDER)
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
        found[f"balance: {name}: drift below noise"] = Question(at[0], at[1])
        found[f"balance: {name}: noise below drift"] = Question(at[1], at[0])
    return found


def tunings() -> dict[str, Question]:
    """The minima of this paper's bounds over the step against the tuned rates, as the implications state them."""
    found: dict[str, Question] = {}
    for link in implications():
        if link.source.startswith("chezhegov2024/") and link.target.removeprefix("chezhegov2024/") in TUNED:
            rate, tuned = derived(link), stated(link)
            found[f"{link.source} at its best step <~ {link.target}"] = Question(rate, tuned, link.given)
            if link.relation == "~":
                found[f"{link.target} <~ {link.source} at its best step"] = Question(tuned, rate, link.given)
    return found


def remembering(expression: Expr) -> Expr:
    """The expression with (1 - x)^{K R} and exp(-x K R) set to one."""
    return expression.replace(
        lambda part: isinstance(part, sympy.exp) or (part.is_Pow and part.exp == K * R), lambda _: Integer(1)
    )


@experiment("scaling-algebra")
def scaling_algebra(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Identities, inequalities and orders, by name.

    `difference` of both sides of every identity is simplified by computer algebra: "0" where they are the same.
    `excess` of the right side of every inequality over the left, `holds` where its sign is evident.
    Orders, tunings of this paper's bounds among them, as `tightrate.verify.judging.order.decided` gives them.
    """
    found, unequal = list(identities()), list(inequalities())
    differences = [str(sympy.simplify(sympy.powdenest(one.left - one.right, force=True))) for one in found]
    return decided({**orders(), **tunings()}).assign(
        difference=(("identity",), np.array(differences)),
        right=(("identity",), np.array([str(one.right) for one in found])),
        excess=(("inequality",), np.array([str(one.difference) for one in unequal])),
        holds=(("inequality",), np.array([one.holds for one in unequal])),
    ).assign_coords(identity=[one.name for one in found], inequality=[one.name for one in unequal])  # fmt: skip
