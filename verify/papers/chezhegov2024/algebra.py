"""Identities and inequalities of SAVIC's formulas, by computer algebra."""

from __future__ import annotations

from collections.abc import Mapping

import sympy
from sympy import Expr, Integer, Rational, Symbol, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.papers.chezhegov2024.scaling_matrix import Rule, adam_weight, slow_averaging
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import B, B_scaled, K, L, R, beta2, d_max, d_min, eta, mu, tau_mean, zeta_mean
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.claim import claim

BOTH_RULES: tuple[Rule, ...] = ("rule2", "rule3")
BETA, ANY_UPDATE = Symbol("beta", positive=True), Symbol("t", integer=True, positive=True)
KAPPA = Symbol("kappa", positive=True)  # L/mu
EXCESS = Symbol("excess", positive=True)
SPREAD = Symbol("spread", nonnegative=True)  # d_max/d_min - 1
TOO_SLOW = Rational(1, 1000)  # 1 - beta2 of averaging with 0.999
BEYOND: Mapping[Rule, Expr] = {"rule2": Integer(250), "rule3": Rational(125, 2)}  # condition numbers


def simplified(difference: Expr) -> Expr:
    """The difference with powers of positive symbols put together."""
    return sympy.simplify(sympy.powdenest(difference, force=True))


# --- How slowly the matrix must be averaged --------------------------------------------------------------------------


def largest_complement(rule: Rule) -> Expr:
    """The largest 1 - beta2 that Corollary 1 allows."""
    relation = slow_averaging(rule).relation
    assert relation is not None
    limit: Expr = relation.rhs
    return limit


def largest_complement_at(rule: Rule, kappa: Expr, spread: Expr, below: Expr = sympy.S.Zero) -> Expr:
    """The largest 1 - beta2 that Corollary 1 allows at L = kappa mu, d_max = (1 + spread) d_min, eta = d_min/(4L) over
    1 + below."""
    step = d_min / (4 * kappa * mu * (1 + below))
    return sympy.simplify(largest_complement(rule).subs({eta: step, d_max: (1 + spread) * d_min}))


def beyond(rule: Rule, kappa: Expr) -> Expr:
    """By how much the largest 1 - beta2 is below 1/1000 for every larger condition number and every d_max."""
    return TOO_SLOW - largest_complement_at(rule, kappa * (1 + EXCESS), SPREAD)


def keeps_half_the_contraction(rule: Rule, slow: Theorem) -> Symbolic:
    """Lemma 1's growth delta at the extreme weight, and the slack of (1 + delta)(1 - x) <= 1 - x/2."""
    lemma, rate = statement(f"chezhegov2024/lemma1-growth-{rule}").bound.expression, eta * mu / d_max
    allowed = slow.bound.expression
    return Symbolic(
        equal={
            "growth at the slowest averaging": (lemma.xreplace({beta2: 1 - largest_complement(rule)}), allowed),
            "slack of the contraction": (1 - rate / 2 - (1 + allowed) * (1 - rate), rate**2 / 2),
        },
        simplify=simplified,
    )


@claim(
    "chezhegov2024/cor1-rule2",
    "With $1 - beta2 <= eta mu d_min^2/d_max^3$ one update of $D^2$ grows $D$ by at most $eta mu/(2 d_max)$, and"
    " half the contraction of a step remains.",
    kind="identity",
    expected="confirmed",
)
def cor1_rule2(theorem: Theorem) -> Symbolic:
    """Lemma 1's growth at the extreme weight, and the slack of $(1 + delta)(1 - x) <= 1 - x/2$, by computer algebra."""
    return keeps_half_the_contraction("rule2", theorem)


@claim(
    "chezhegov2024/cor1-rule3",
    "With $1 - beta2 <= eta mu d_min/(4 d_max^2)$ one update of $D$ grows it by at most $eta mu/(2 d_max)$, and"
    " half the contraction of a step remains.",
    kind="identity",
    expected="confirmed",
)
def cor1_rule3(theorem: Theorem) -> Symbolic:
    """Lemma 1's growth at the extreme weight, and the slack of $(1 + delta)(1 - x) <= 1 - x/2$, by computer algebra."""
    return keeps_half_the_contraction("rule3", theorem)


@claim(
    "chezhegov2024/averaging-must-be-slow",
    "At the largest step $d_min/(4L)$ Corollary 1 asks for $1 - beta2 <= (mu/L) (d_min/d_max)^3/4$ under rule (2)"
    " and $(mu/L) (d_min/d_max)^2/16$ under rule (3): beyond 0.999 as soon as $L/mu$ exceeds 250, or 62.5.",
    theorem="chezhegov2024/cor1-rule2",
    kind="regime",
    expected="confirmed",
)
def averaging_must_be_slow() -> Symbolic:
    """The condition of Corollary 1 with the step put in, the condition number at which it reaches 1/1000 for $d_max =
    d_min$, and that it is below from there on for every $d_max$, by computer algebra."""
    ratio, shrinks = mu / L * d_min / d_max, d_min / d_max
    displayed: Mapping[Rule, Expr] = {"rule2": ratio * shrinks**2 / 4, "rule3": ratio * shrinks / 16}
    at_largest_step = {rule: largest_complement(rule).xreplace({eta: d_min / (4 * L)}) for rule in BOTH_RULES}
    reached = {rule: largest_complement_at(rule, KAPPA, Integer(0)) - TOO_SLOW for rule in BOTH_RULES}
    return Symbolic(
        equal={
            **{f"{rule} at the largest step": (at_largest_step[rule], displayed[rule]) for rule in BOTH_RULES},
            **{
                f"{rule} reaches 0.999 at d_max = d_min": (sympy.solve(reached[rule], KAPPA)[0], BEYOND[rule])
                for rule in BOTH_RULES
            },
        },
        positive={f"{rule} beyond 0.999 from there on": beyond(rule, limit) for rule, limit in BEYOND.items()},
        simplify=simplified,
    )


@claim(
    "chezhegov2024/adam-starts-too-fast",
    "Adam's bias-corrected weight at the first update is $1 - beta_1 = 1/(1 + beta) > 1/2$, while Corollary 1 allows"
    " at most 1/4 at any admissible step: no $beta$ satisfies it.",
    theorem="chezhegov2024/cor1-rule2",
    kind="regime",
    expected="confirmed",
)
def adam_starts_too_fast() -> Symbolic:
    """The weight, and the signs of its excess over 1/2 for every $beta$ below 1 and of 1/4 less the limit for all $mu
    <= L$, $d_min <= d_max$ and $eta <= d_min/(4L)$, by computer algebra."""
    more, below = sympy.symbols("more below", nonnegative=True)
    first = 1 - adam_weight(BETA, Integer(1))
    return Symbolic(
        equal={"complement of the first weight": (first, 1 / (1 + BETA))},
        positive={
            "complement of the first weight above 1/2": sympy.simplify(first.subs(BETA, 1 / (1 + EXCESS)))
            - Rational(1, 2)
        },
        nonnegative={
            f"{rule} allows at most 1/4": Rational(1, 4) - largest_complement_at(rule, 1 + more, SPREAD, below)
            for rule in BOTH_RULES
        },
        simplify=simplified,
    )


@claim(
    "chezhegov2024/adam-weight",
    "Rule (2) with weight $(beta - beta^{t+1})/(1 - beta^{t+1})$ is Adam's bias-corrected second moment.",
    theorem="chezhegov2024/lemma1",
    kind="identity",
    expected="confirmed",
)
def adam_weight_is_bias_correction() -> Symbolic:
    """Both recursions with the same past and the same fresh gradient, by computer algebra."""
    previous, fresh = sympy.symbols("previous fresh", positive=True)
    weight = adam_weight(BETA, ANY_UPDATE)
    moment = BETA * (1 - BETA**ANY_UPDATE) * previous + (1 - BETA) * fresh
    corrected = moment / (1 - BETA ** (ANY_UPDATE + 1))
    return Symbolic({"bias correction": (weight * previous + (1 - weight) * fresh, corrected)}, simplify=simplified)


# --- The frozen matrix against no matrix -----------------------------------------------------------------------------


@claim(
    "chezhegov2024/effective-step",
    "In units of the step $eta/d_min$ the bound for a frozen matrix is that of local SGD with $mu$ multiplied by"
    " $d_min/d_max$.",
    theorem="chezhegov2024/id-sc",
    kind="identity",
    expected="confirmed",
)
def effective_step(theorem: Theorem) -> Symbolic:
    """Term by term, in units of $d_min$ for the squared distance, by computer algebra."""
    plain = statement("chezhegov2024/local-id-sc").bound
    units = {eta: d_min * eta, B_scaled: sqrt(d_min) * B}
    flatter = {mu: mu * d_min / d_max}
    return Symbolic(
        {
            term.name: (term.expression.xreplace(units) / d_min, plain.term(term.name).expression.xreplace(flatter))
            for term in theorem.bound.terms
        },
        simplify=simplified,
    )


def rate_of(optimization: Expr) -> Expr:
    """x of a term with the factor (1 - x)^{K R} or exp(-x K R): how fast the start decays."""
    for part in optimization.args:
        if part.is_Pow and part.exp == K * R:
            return 1 - part.base
        if isinstance(part, sympy.exp):
            return -part.exp / (K * R)
    raise TightrateError(f"nothing geometric or exponential in {optimization}")


# --- The fixed point -------------------------------------------------------------------------------------------------


@claim(
    "chezhegov2024/fixed-point-first-order",
    "To first order in $eta$ the bound on the fixed point's distance is $eta (K - 1) zeta_1 tau_mean d_max/(2"
    " d_min^{3/2} mu)$.",
    theorem="chezhegov2024/fixed-point-small-step",
    kind="identity",
    expected="confirmed",
)
def fixed_point_first_order(theorem: Theorem) -> Symbolic:
    """The limit of the bound over $eta$ as $eta$ tends to 0, by computer algebra."""
    limit = sympy.limit(theorem.bound.expression / eta, eta, 0)
    displayed = (K - 1) * zeta_mean * tau_mean * d_max / (2 * d_min ** Rational(3, 2) * mu)
    return Symbolic({"to first order in the step": (limit, displayed)}, simplify=simplified)
