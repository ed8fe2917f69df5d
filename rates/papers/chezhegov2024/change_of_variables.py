"""With y = D^{1/2} x local SGD with a frozen scaling matrix D is plain local SGD on f(D^{-1/2} y), whose constants are
L/d_min, mu/d_max, sigma/sqrt(d_min), ...; distances become distances in the norm of D.

Source: the method of proof of the paper; `docs/proofs/chezhegov2024.md`, section rescale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sympy import Expr, Rational, Symbol, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.papers.chezhegov2024 import SAVIC
from tightrate.rates.papers.koloskova2020 import VANILLA
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.builder import Stated, Statement, Statements
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import (
    B,
    B_scaled,
    G,
    L,
    Q,
    d_max,
    d_min,
    mu,
    sigma,
    sigma_star,
    tau,
    tau_mean,
    weak,
    zeta,
    zeta_mean,
    zeta_star,
)

IMAGES: Mapping[Symbol, Expr] = {
    L: L / d_min,
    mu: mu / d_max,
    weak: weak / d_min,
    tau: tau / d_min,
    tau_mean: tau_mean / d_min,
    Q: Q / d_min ** Rational(3, 2),
    B: B_scaled,
    **{gradient: gradient / sqrt(d_min) for gradient in (sigma, sigma_star, zeta, zeta_star, zeta_mean, G)},
}
UNCHANGED = frozenset({"K", "R", "M", "T", "d", "gamma", "momentum", "eta", "Delta", "delta", "eps", "alpha"})
MEASURE_IMAGES: Mapping[str, str] = {
    "gap": "gap",
    "squared-distance": "scaled-squared-distance",
    "discrepancy": "scaled-discrepancy",
}
FROZEN = Condition("the scaling matrix is the same at every step and on every worker")


def rescale_expression(expression: Expr) -> Expr:
    """A formula of local SGD on f(D^{-1/2} y), in the constants of f and the bounds d_min, d_max on D.

    >>> from tightrate.rates.symbols.alphabet import eta
    >>> rescale_expression(eta * L)
    L*eta/d_min
    """
    known = {symbol.name for symbol in IMAGES} | UNCHANGED
    foreign = sorted({symbol.name for symbol in expression.free_symbols} - known)
    if foreign:
        raise TightrateError(
            f"no image under scaling is known for {', '.join(foreign)}; known: {', '.join(sorted(known))}"
        )
    return expression.xreplace(dict(IMAGES))


def rescale(bound: Bound) -> Bound:
    """A bound for local SGD, turned into the bound for local SGD with a frozen scaling matrix D.

    The step eta gets a scaling unit.

    >>> from tightrate.rates.papers.chezhegov2024.local_sgd import local_id_c
    >>> rescale(local_id_c().bound).term("statistical").expression
    2*eta*sigma**2/(M*d_min)
    """
    if bound.measure.name not in MEASURE_IMAGES:
        raise TightrateError(
            f"no image under scaling is known for the measure {bound.measure.name}; known: {', '.join(MEASURE_IMAGES)}"
        )
    return replace(
        bound,
        terms=tuple(Term(term.name, rescale_expression(term.expression)) for term in bound.terms),
        measure=MEASURES[MEASURE_IMAGES[bound.measure.name]],
        units={**bound.units, **SAVIC.units},
    )


def rescale_condition(condition: Condition) -> Condition:
    """A condition on local SGD, turned into the condition on local SGD with a frozen scaling matrix."""
    if condition.relation is None:
        return condition
    relation = condition.relation
    image = relation.func(rescale_expression(relation.lhs), rescale_expression(relation.rhs))
    return Condition(f"{condition.text}, in the scaled variables", image)


def euclidean(bound: Bound) -> Bound:
    """A bound on |x - x*|_D^2, weakened to one on |x - x*|^2 by d_min |x|^2 <= |x|_D^2 <= d_max |x|^2."""
    if bound.measure.name != "scaled-squared-distance":
        raise TightrateError(f"only a scaled-squared-distance becomes a squared-distance, not a {bound.measure.name}")
    terms = tuple(Term(term.name, term.expression.subs(B_scaled, sqrt(d_max) * B) / d_min) for term in bound.terms)
    return replace(bound, terms=terms, measure=MEASURES["squared-distance"])


# --- Statements carried over -----------------------------------------------------------------------------------------


def frozen(source: Statement) -> Statements:
    """The decorators for what becomes of a statement on local SGD under a frozen scaling matrix."""
    return SAVIC.sharing(
        measure=MEASURE_IMAGES[source.measure],
        problem_class=source.problem_class,
        iterate=source.iterate,
        holds=source.holds,
    )


def frozen_conditions(unscaled: Theorem) -> tuple[Condition, ...]:
    """The conditions of a theorem on local SGD in the scaled variables; averaging is plain all the same."""
    return (FROZEN, *(rescale_condition(one) for one in unscaled.conditions if one.relation != VANILLA.relation))


def frozen_setting(unscaled: Theorem) -> Setting | None:
    """The class of local SGD's theorem, for SAVIC; the scaled start distance is a constant of the matrix too."""
    setting = unscaled.setting
    return setting and Setting("savic", {**setting.constants, "B_scaled": B_scaled})


def image(source: Statement) -> Stated:
    """What a statement on local SGD says under a frozen scaling matrix."""
    unscaled = source.theorem
    return Stated(rescale(unscaled.bound).terms, frozen_conditions(unscaled), setting=frozen_setting(unscaled))
