"""Chezhegov, Skorik, Khachaturov, Shalagin, Avetisyan, Takac, Kholodov, Beznosikov (2024): local SGD with scaling.

Every worker preconditions its local steps with one common diagonal matrix D, recomputed only when the workers average:
x <- x - eta D^{-1} g with d_min <= D <= d_max.  The paper itself was known only from a summary and from the literature
around it; what has constants here is re-derived or ours, with proofs in `docs/proofs/chezhegov2024.md`.  The method of
proof is one substitution, `rescale`: with a frozen D the method is local SGD in the variables D^{1/2} x.  K is
the largest number of steps between two averagings, K R the number of all steps.  The paper writes gamma for the step, H
for the local steps, alpha and Gamma for the bounds on D.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from sympy import Eq, Expr, Integer, Le, Max, Min, Pow, Rational, Symbol, exp, log, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.papers.koloskova2020 import VANILLA
from tightrate.rates.papers.woodworth2020a import IDENTICAL, IDENTICAL_MACHINES
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import statement, theorem
from tightrate.rates.statements.family import FROM_GRADIENTS, Family, SpecialCase
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.setting import SAMPLE_SMOOTHNESS, Setting
from tightrate.rates.statements.theorem import Condition, Paper, Provenance, ProvenanceLabel, Theorem
from tightrate.rates.symbols.alphabet import (
    STEP,
    B,
    B_scaled,
    G,
    K,
    L,
    M,
    Q,
    R,
    beta2,
    d,
    d_max,
    d_min,
    eta,
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
from tightrate.rates.symbols.kinds import Constants
from tightrate.rates.symbols.units import Unit

PAPER = Paper(
    id="chezhegov2024",
    notation={
        "eta": r"\gamma",
        "K": "H",
        "d_min": r"\alpha",
        "d_max": r"\Gamma",
        "beta2": r"\beta_t",
        "sigma_star": r"\sigma_{\mathrm{dif}}",
        "B": r"\|x_0-x^\star\|",
        "B_scaled": r"\|x_0-x^\star\|_D",
    },
    caution=(
        "The text of the paper was not available: no theorem is quoted. The worst-case factors d_max/d_min are never"
        " better than no scaling with a rescaled step; for Adam and RMSProp d_max is itself a bound on stochastic"
        " gradients; client-local scaling and first-moment momentum are not covered."
    ),
)

PROOFS = "proofs/chezhegov2024"
IDENTICAL_SC = "strongly convex, L-smooth, identical machines"
HETEROGENEOUS = "convex, L-smooth machines"
LAST_AVERAGE = "last average over workers"
ALL_AVERAGES = "average over all steps and workers"

SCALING = Unit(scaling=1)
SCALED_UNITS: Mapping[str, Unit] = {"eta": STEP * SCALING}  # a step of x - eta D^{-1} g

QUARTER_STEP = Condition("step at most 1/(4L)", Le(4 * eta * L, 1))
FROZEN = Condition("the scaling matrix is the same at every step and on every worker")
INDEPENDENT = Condition("the scaling matrix of a block is independent of the samples drawn in it")

Rule = Literal["rule2", "rule3"]
RULES: Mapping[Rule, str] = {
    "rule2": "D^2 is averaged: (D^t)^2 = beta (D^{t-1})^2 + (1 - beta) (H^t)^2 (Adam, RMSProp, AdaHessian)",
    "rule3": "D is averaged: D^t = beta D^{t-1} + (1 - beta) H^t (OASIS)",
}


def _bound(
    terms: Mapping[str, Expr], constants: Constants = "explicit", measure: str = "gap", *, scaled: bool = True
) -> Bound:
    units = SCALED_UNITS if scaled else {}
    return Bound(tuple(Term(name, term) for name, term in terms.items()), MEASURES[measure], "upper", constants, units)


def _proved(label: ProvenanceLabel, where: str, anchor: str) -> Provenance:
    return Provenance(label, where, f"{PROOFS}#{anchor}")


def _theorem(**fields: Any) -> Theorem:
    """A statement of this paper; what most of them share is filled in."""
    return Theorem(**{"paper": PAPER, "algorithm": "savic", "holds": "in expectation", **fields})


# --- Frozen scaling is local SGD in new variables --------------------------------------------------------------------

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


def rescale_expression(expression: Expr) -> Expr:
    """A formula of local SGD on f(D^{-1/2} y), in the constants of f and the bounds d_min, d_max on D.

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

    With y = D^{1/2} x the scaled method is plain local SGD on f(D^{-1/2} y), whose constants are L/d_min, mu/d_max,
    sigma/sqrt(d_min), ...; distances become distances in the norm of D.  The step eta gets a scaling unit.
    Source: the method of proof of the paper; `docs/proofs/chezhegov2024.md`, section rescale.

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
        units={**bound.units, **SCALED_UNITS},
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


def times(bound: Bound, factor: Expr) -> Bound:
    """Every term multiplied by a pure factor."""
    return replace(bound, terms=tuple(Term(term.name, factor * term.expression) for term in bound.terms))


# --- Local SGD without scaling: the theorems that are transferred ----------------------------------------------------


@statement("local-id-sc")
def local_id_sc() -> Theorem:
    """Local SGD on identical strongly convex machines."""
    return _theorem(
        label="local-id-sc",
        title="Local SGD, identical data, strongly convex (no scaling)",
        statement="Linear convergence to a floor: the noise of batch M plus the drift of at most K - 1 local steps.",
        bound=_bound(
            {
                "optimization": Pow(1 - eta * mu, K * R) * B**2,
                "statistical": eta * sigma**2 / (mu * M),
                "noise drift": 2 * L * eta**2 * (K - 1) * sigma**2 / mu,
            },
            measure="squared-distance",
            scaled=False,
        ),
        provenance=_proved("re-derived", "Khaled et al. 2020, Theorem 1, the case D = I", "local-id"),
        algorithm="local-sgd",
        problem_class=IDENTICAL_SC,
        iterate=LAST_AVERAGE,
        conditions=(VANILLA, QUARTER_STEP),
    )


@statement("local-id-c")
def local_id_c() -> Theorem:
    """Local SGD on identical convex machines."""
    return _theorem(
        label="local-id-c",
        title="Local SGD, identical data, convex (no scaling)",
        statement="The gap at the average of all averaged iterates.",
        bound=_bound(
            {
                "optimization": 2 * B**2 / (eta * K * R),
                "statistical": 2 * eta * sigma**2 / M,
                "noise drift": 4 * L * eta**2 * (K - 1) * sigma**2,
            },
            scaled=False,
        ),
        provenance=_proved("re-derived", "Khaled et al. 2020, Theorem 2, the case D = I", "local-id"),
        algorithm="local-sgd",
        problem_class=IDENTICAL,
        iterate=ALL_AVERAGES,
        conditions=(VANILLA, QUARTER_STEP),
        setting=IDENTICAL_MACHINES,
    )


OWN_STEPS = (
    Condition("step at most 1/(8L)", Le(8 * eta * L, 1)),
    Condition("step at most 1/(16 L (K - 1))", Le(16 * eta * L * (K - 1), 1)),
)


@statement("local-het-c-own")
def local_het_c_own() -> Theorem:
    """Local SGD on heterogeneous convex machines, uniform noise."""
    return _theorem(
        label="local-het-c-own",
        title="Local SGD, heterogeneous data, convex, uniform noise (no scaling)",
        statement="Heterogeneity enters through the machines' gradients at the optimum, noise through its variance.",
        bound=_bound(
            {
                "optimization": B**2 / (eta * K * R),
                "statistical": eta * sigma**2 / M,
                "heterogeneity drift": 6 * eta**2 * L * (K - 1) ** 2 * zeta_star**2,
                "noise drift": 2 * eta**2 * L * (K - 1) * sigma**2,
            },
            scaled=False,
        ),
        provenance=_proved("own", "heterogeneous data, the case D = I", "local-het-c-own"),
        algorithm="local-sgd",
        problem_class=HETEROGENEOUS,
        iterate=ALL_AVERAGES,
        conditions=(VANILLA, *OWN_STEPS),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star}),
    )


# --- Frozen scaling --------------------------------------------------------------------------------------------------


def _frozen_conditions(unscaled: Theorem) -> tuple[Condition, ...]:
    return (FROZEN, *(rescale_condition(one) for one in unscaled.conditions if one.relation != VANILLA.relation))


def _scaled_setting(unscaled: Setting) -> Setting:
    """The class of local SGD's theorem, for SAVIC; the scaled start distance is a constant of the matrix too."""
    return Setting("savic", {**unscaled.constants, "B_scaled": B_scaled})


def _frozen(source: Theorem, **fields: Any) -> Theorem:
    """The image of a theorem on local SGD under the change of variables."""
    return _theorem(
        **{
            "bound": rescale(source.bound),
            "problem_class": source.problem_class,
            "iterate": source.iterate,
            "conditions": _frozen_conditions(source),
            "setting": source.setting and _scaled_setting(source.setting),
            **fields,
        }
    )


@statement("id-sc")
def id_sc() -> Theorem:
    """Frozen scaling, identical strongly convex machines, in the norm of the scaling matrix."""
    return _frozen(
        local_id_sc(),
        label="id-sc",
        title="Frozen scaling, identical data, strongly convex",
        statement="In units of the effective step eta/d_min this is local SGD with mu multiplied by d_min/d_max.",
        provenance=_proved("re-derived", "theorem for identical data, strongly convex, frozen scaling", "id-sc"),
    )


@statement("id-sc-euclidean")
def id_sc_euclidean() -> Theorem:
    """Frozen scaling, identical strongly convex machines, in the Euclidean norm."""
    return _frozen(
        local_id_sc(),
        label="id-sc-euclidean",
        title="Frozen scaling, identical data, strongly convex, Euclidean distance",
        statement="The price of leaving the norm of the scaling matrix is one more factor d_max/d_min.",
        bound=euclidean(id_sc().bound),
        provenance=_proved("re-derived", "theorem for identical data, strongly convex, frozen scaling", "id-sc"),
    )


@statement("id-sc-tuned")
def id_sc_tuned() -> Theorem:
    """Frozen scaling, identical strongly convex machines, tuned step."""
    step = Min(
        d_min / (4 * L), d_max / (mu * K * R) * log(Max(2, d_min * mu**2 * B**2 * M * K * R / (d_max * sigma**2)))
    )
    ratio = d_max / d_min
    return _frozen(
        local_id_sc(),
        label="id-sc-tuned",
        title="Frozen scaling, identical data, strongly convex, tuned",
        statement="Up to logarithms: the condition number and, to growing powers, the noise terms pay d_max/d_min.",
        bound=_bound(
            {
                "optimization": ratio * B**2 * exp(-mu * K * R / (4 * ratio * L)),
                "statistical": ratio**2 * sigma**2 / (mu**2 * M * K * R),
                "noise drift": ratio**3 * L * (K - 1) * sigma**2 / (mu**3 * K**2 * R**2),
            },
            "hidden with logs",
            "squared-distance",
        ),
        provenance=_proved("re-derived", "theorem for identical data, strongly convex, tuned", "id-sc-tuned"),
        steps={"eta": step},
    )


@statement("id-quadratic")
def id_quadratic() -> Theorem:
    """Frozen scaling on one quadratic: the noise floor in the norm of the matrix does not pay d_max/d_min."""
    return _theorem(
        label="id-quadratic",
        title="Frozen scaling, one quadratic on all machines",
        statement="To first order in the step the floor is eta tr(A^{-1} C) / (2M), whatever the scaling matrix.",
        bound=_bound(
            {
                "optimization": Pow(1 - eta * mu / d_max, 2 * K * R) * B_scaled**2,
                "statistical": Rational(4, 7) * eta * sigma**2 / (mu * M),
            },
            measure="scaled-squared-distance",
        ),
        provenance=_proved("own", "identical data, quadratic, frozen scaling", "id-quadratic"),
        problem_class="one strongly convex quadratic, additive noise of the same covariance at every step",
        iterate=LAST_AVERAGE,
        conditions=_frozen_conditions(local_id_sc()),
    )


@statement("id-c")
def id_c() -> Theorem:
    """Frozen scaling, identical convex machines."""
    return _frozen(
        local_id_c(),
        label="id-c",
        title="Frozen scaling, identical data, convex",
        statement="The start enters in the norm of the scaling matrix, at most sqrt(d_max) times its Euclidean norm.",
        provenance=_proved("re-derived", "theorem for identical data, convex, frozen scaling", "id-c"),
    )


@statement("id-c-tuned")
def id_c_tuned() -> Theorem:
    """Frozen scaling, identical convex machines, tuned step."""
    cube = (2 * L * (K - 1) * sigma**2 * K * R / (d_min**2 * B_scaled**2)) ** Rational(1, 3)
    # 1 / max{...} rather than min{1/...}: the same number, defined also without noise
    step = 1 / Max(4 * L / d_min, sigma * sqrt(K * R) / (B_scaled * sqrt(d_min * M)), cube)
    return _frozen(
        local_id_c(),
        label="id-c-tuned",
        title="Frozen scaling, identical data, convex, tuned",
        statement="Local SGD's rate in the scaled constants: L/d_min, sigma/sqrt(d_min) and the scaled start distance.",
        bound=_bound(
            {
                "optimization": 8 * L * B_scaled**2 / (d_min * K * R),
                "statistical": 4 * sigma * B_scaled / sqrt(d_min * M * K * R),
                "noise drift": 4
                * (2 * L * (K - 1) * sigma**2 * B_scaled**4 / (d_min**2 * K**2 * R**2)) ** Rational(1, 3),
            }
        ),
        provenance=_proved("own", "tuned form of the convex bound", "id-c-tuned"),
        conditions=(*_frozen_conditions(local_id_c()), Condition("the balancing step", Eq(eta, step))),
        steps={"eta": step},
    )


@statement("het-c")
def het_c() -> Theorem:
    """Frozen scaling, heterogeneous convex machines, noise measured at the optimum."""
    return _frozen(
        theorem("khaled2020/thm5"),
        label="het-c",
        title="Frozen scaling, heterogeneous data, convex",
        statement="The theorem on local SGD with heterogeneous data, in the scaled variables.",
        provenance=_proved(
            "memory", "Khaled et al. 2020, Theorem 5, carried over by the change of variables", "rescale"
        ),
    )


@statement("het-c-own")
def het_c_own() -> Theorem:
    """Frozen scaling, heterogeneous convex machines, uniform noise."""
    return _frozen(
        local_het_c_own(),
        label="het-c-own",
        title="Frozen scaling, heterogeneous data, convex, uniform noise",
        statement="Local SGD on heterogeneous machines with uniform noise, in the scaled variables.",
        provenance=_proved("own", "heterogeneous data, frozen scaling", "het-c-own"),
    )


@statement("fixed-point")
def fixed_point() -> Theorem:
    """The fixed point with a frozen scaling matrix."""
    return _frozen(
        theorem("patel2024/discrepancy"),
        label="fixed-point",
        title="A common scaling matrix does not remove client drift",
        statement="On quadratics without noise the fixed point stays off the optimum as without scaling.",
        provenance=_proved("own", "fixed point of the scaled method", "fixed-point"),
        holds="surely",
    )


@statement("fixed-point-small-step")
def fixed_point_small_step() -> Theorem:
    """The first-order law of the fixed point with a frozen scaling matrix."""
    return _frozen(
        theorem("patel2024/discrepancy-small-step"),
        label="fixed-point-small-step",
        title="Client drift of the scaled method to first order",
        statement="The distance of the fixed point from the optimum is at most first order in eta (K - 1).",
        provenance=_proved("own", "fixed point of the scaled method, first order", "fixed-point"),
        holds="surely",
    )


# --- How the scaling matrix changes ----------------------------------------------------------------------------------


def adam_weight(beta: Expr, t: Expr) -> Expr:
    """The averaging weight beta_t with which rule (2) reproduces Adam's bias-corrected second moment.

    >>> from sympy import Integer
    >>> adam_weight(Rational(1, 2), Integer(0)), adam_weight(Rational(1, 2), Integer(1))
    (0, 1/3)
    """
    return (beta - beta ** (t + 1)) / (1 - beta ** (t + 1))


def change(rule: Rule) -> Expr:
    """How much an entry of the clipped scaling matrix can change at one update."""
    return {"rule2": (1 - beta2) * d_max**2 / (2 * d_min), "rule3": 2 * (1 - beta2) * d_max}[rule]


def growth(rule: Rule) -> Expr:
    """delta with D^t <= (1 + delta) D^{t-1}: the change relative to the smallest entry."""
    return change(rule) / d_min


def slow_averaging(rule: Rule) -> Condition:
    """The condition of Corollary 1 on beta: the growth is at most eta mu / (2 d_max)."""
    limit = {"rule2": eta * mu * d_min**2 / d_max**3, "rule3": eta * mu * d_min / (4 * d_max**2)}[rule]
    return Condition("the averaging is slow enough against the step", Le(1 - beta2, limit))


ENTRIES_BOUNDED = Condition("every entry of the start and of the increments H^t is at most d_max in size")


def _scaling_matrix(**fields: Any) -> Theorem:
    return _theorem(
        **{
            "problem_class": "any",
            "iterate": "every update",
            "holds": "surely",
            "conditions": (ENTRIES_BOUNDED,),
            **fields,
        }
    )


@statement("lemma1")
def lemma1() -> Theorem:
    """The entries of the scaling matrix stay within their bounds."""
    return _scaling_matrix(
        label="lemma1",
        title="The scaling matrix stays diagonal and between d_min and d_max",
        statement="Averaging keeps entries at most d_max, and clipping from below keeps them at least d_min.",
        bound=_bound({"largest entry": d_max}, measure="scaling-entry"),
        provenance=Provenance("summary", "Lemma 1, part 1", f"{PROOFS}#lemma1"),
    )


def _lemma1_change(rule: Rule) -> Theorem:
    return _scaling_matrix(
        label=f"lemma1-change-{rule}",
        title="How much the scaling matrix changes at one update",
        statement=RULES[rule],
        bound=_bound({"change": change(rule)}, measure="scaling-change"),
        provenance=Provenance("memory", "Lemma 1, part 2, in the form of arXiv 2206.08303", f"{PROOFS}#lemma1"),
    )


def _lemma1_growth(rule: Rule) -> Theorem:
    return _scaling_matrix(
        label=f"lemma1-growth-{rule}",
        title="How much the scaling matrix grows at one update",
        statement=RULES[rule],
        bound=_bound({"growth": growth(rule)}, measure="scaling-growth"),
        provenance=Provenance("memory", "Lemma 1, part 3, in the form of arXiv 2206.08303", f"{PROOFS}#lemma1"),
    )


def _cor1(rule: Rule) -> Theorem:
    return _scaling_matrix(
        label=f"cor1-{rule}",
        title="Averaging that is slow enough keeps the contraction",
        statement=f"{RULES[rule]}; then (1 + delta)(1 - eta mu/d_max) <= 1 - eta mu/(2 d_max).",
        bound=_bound({"growth": eta * mu / (2 * d_max)}, measure="scaling-growth"),
        provenance=Provenance("memory", "Corollary 1, in the form of arXiv 2206.08303", f"{PROOFS}#cor1"),
        conditions=(ENTRIES_BOUNDED, slow_averaging(rule)),
    )


@statement("lemma1-change-rule2")
def lemma1_change_rule2() -> Theorem:
    """Change of the scaling matrix when its square is averaged."""
    return _lemma1_change("rule2")


@statement("lemma1-change-rule3")
def lemma1_change_rule3() -> Theorem:
    """Change of the scaling matrix when it is averaged itself."""
    return _lemma1_change("rule3")


@statement("lemma1-growth-rule2")
def lemma1_growth_rule2() -> Theorem:
    """Growth of the scaling matrix when its square is averaged."""
    return _lemma1_growth("rule2")


@statement("lemma1-growth-rule3")
def lemma1_growth_rule3() -> Theorem:
    """Growth of the scaling matrix when it is averaged itself."""
    return _lemma1_growth("rule3")


def sharp_growth(rule: Rule) -> Expr:
    """The least delta with D^t <= (1 + delta) D^{t-1}: attained from an entry d_min by an increment d_max."""
    ratio = d_max / d_min
    return {"rule2": sqrt(1 + (1 - beta2) * (ratio**2 - 1)) - 1, "rule3": (1 - beta2) * (ratio - 1)}[rule]


def _lemma1_sharp_growth(rule: Rule) -> Theorem:
    return _scaling_matrix(
        label=f"lemma1-sharp-growth-{rule}",
        title="How much the scaling matrix grows at one update, sharp",
        statement=f"{RULES[rule]}; attained. Under rule (3) it is less than half of the growth of Lemma 1.",
        bound=_bound({"growth": sharp_growth(rule)}, measure="scaling-growth"),
        provenance=_proved("own", "growth of the scaling matrix, sharp", "lemma1-sharp-growth"),
    )


@statement("lemma1-sharp-growth-rule2")
def lemma1_sharp_growth_rule2() -> Theorem:
    """Sharp growth of the scaling matrix when its square is averaged."""
    return _lemma1_sharp_growth("rule2")


@statement("lemma1-sharp-growth-rule3")
def lemma1_sharp_growth_rule3() -> Theorem:
    """Sharp growth of the scaling matrix when it is averaged itself."""
    return _lemma1_sharp_growth("rule3")


@statement("cor1-rule2")
def cor1_rule2() -> Theorem:
    """Slow averaging of the square."""
    return _cor1("rule2")


@statement("cor1-rule3")
def cor1_rule3() -> Theorem:
    """Slow averaging of the matrix itself."""
    return _cor1("rule3")


@statement("hutchinson")
def hutchinson() -> Theorem:
    """The size of the increments of AdaHessian and OASIS."""
    return _scaling_matrix(
        label="hutchinson",
        title="The size of a Hutchinson sample",
        statement="For signs v the entries of v * (Hessian v) are at most sqrt(d) L, so d_max = sqrt(d) L will do.",
        bound=_bound({"entry": sqrt(d) * L}, measure="hutchinson", scaled=False),
        provenance=_proved("own", "bound on the increments", "hutchinson"),
        problem_class="every sample's loss is twice differentiable and L-smooth",
        conditions=(),
    )


# --- Changing scaling ------------------------------------------------------------------------------------------------

STEP_TO_SCALE = Condition("step at most d_min/(4L)", Le(4 * eta * L, d_min))
STEPS_TO_SCALE_HET = (
    Condition("step at most d_min/(8L)", Le(8 * eta * L, d_min)),
    Condition("step at most d_min/(16 L (K - 1))", Le(16 * eta * L * (K - 1), d_min)),
)


def _contraction(rate: Expr) -> Expr:
    return d_max / d_min * Pow(1 - rate * eta * mu / d_max, K * R) * B**2


def _changing_bound(noise_factor: Expr) -> Bound:
    """Half the contraction of the frozen case, and its noise terms times a factor."""
    slow = {"optimization": _contraction(Rational(1, 2))}
    frozen = euclidean(id_sc().bound).terms
    return _bound(
        slow | {term.name: noise_factor * term.expression for term in frozen if term.name != "optimization"},
        measure="squared-distance",
    )


def _changing(rule: Rule) -> Theorem:
    return _theorem(
        label=f"changing-{rule}",
        title="Changing scaling, identical data, strongly convex",
        statement=f"{RULES[rule]}; half the rate of a frozen matrix and 9/4 of its noise terms.",
        bound=_changing_bound(Rational(9, 4)),
        provenance=_proved("re-derived", "theorem for identical data, strongly convex", "changing"),
        problem_class=IDENTICAL_SC,
        iterate=LAST_AVERAGE,
        conditions=(STEP_TO_SCALE, slow_averaging(rule), ENTRIES_BOUNDED, INDEPENDENT),
    )


@statement("changing-rule2")
def changing_rule2() -> Theorem:
    """Changing scaling with the square averaged."""
    return _changing("rule2")


@statement("changing-rule3")
def changing_rule3() -> Theorem:
    """Changing scaling with the matrix itself averaged."""
    return _changing("rule3")


def _changing_block(rule: Rule) -> Theorem:
    rate = eta * mu / d_max
    return _theorem(
        label=f"changing-block-{rule}",
        title="Changing scaling, identical data, strongly convex, blocks of exactly K steps",
        statement=f"{RULES[rule]}; the growth is paid once a block, so longer blocks allow faster averaging.",
        bound=_changing_bound(2 * (1 + growth(rule))),
        provenance=_proved("own", "identical data, strongly convex, long blocks", "changing-block"),
        problem_class=IDENTICAL_SC,
        iterate=LAST_AVERAGE,
        conditions=(
            STEP_TO_SCALE,
            Condition(
                "the growth of one update is paid by the contraction of one block",
                Le((1 + growth(rule)) * Pow(1 - rate, K), Pow(1 - rate / 2, K)),
            ),
            ENTRIES_BOUNDED,
            INDEPENDENT,
        ),
    )


@statement("changing-block-rule2")
def changing_block_rule2() -> Theorem:
    """Long blocks with the square averaged."""
    return _changing_block("rule2")


@statement("changing-block-rule3")
def changing_block_rule3() -> Theorem:
    """Long blocks with the matrix itself averaged."""
    return _changing_block("rule3")


def _total_growth(rule: Rule) -> Condition:
    return Condition("R updates grow the scaling matrix by at most a factor 2", Le(R * growth(rule), log(2)))


def _changing_convex(rule: Rule) -> Theorem:
    return _theorem(
        label=f"changing-c-{rule}",
        title="Changing scaling, identical data, convex",
        statement=f"{RULES[rule]}; twice the bound of a frozen matrix. B_scaled is taken in the first matrix.",
        bound=times(id_c().bound, Integer(2)),
        provenance=_proved("own", "identical data, convex, changing scaling", "changing-c"),
        problem_class=IDENTICAL,
        iterate=ALL_AVERAGES,
        conditions=(STEP_TO_SCALE, _total_growth(rule), ENTRIES_BOUNDED, INDEPENDENT),
        setting=id_c().setting,
    )


@statement("changing-c-rule2")
def changing_c_rule2() -> Theorem:
    """Changing scaling, convex, with the square averaged."""
    return _changing_convex("rule2")


@statement("changing-c-rule3")
def changing_c_rule3() -> Theorem:
    """Changing scaling, convex, with the matrix itself averaged."""
    return _changing_convex("rule3")


def _changing_heterogeneous(rule: Rule) -> Theorem:
    return _theorem(
        label=f"changing-het-c-{rule}",
        title="Changing scaling, heterogeneous data, convex",
        statement=f"{RULES[rule]}; twice the bound of a frozen matrix. B_scaled is taken in the first matrix.",
        bound=times(het_c_own().bound, Integer(2)),
        provenance=_proved("own", "heterogeneous data, convex, changing scaling", "changing-c"),
        problem_class=HETEROGENEOUS,
        iterate=ALL_AVERAGES,
        conditions=(*STEPS_TO_SCALE_HET, _total_growth(rule), ENTRIES_BOUNDED, INDEPENDENT),
        setting=het_c_own().setting,
    )


@statement("changing-het-c-rule2")
def changing_het_c_rule2() -> Theorem:
    """Changing scaling, heterogeneous data, with the square averaged."""
    return _changing_heterogeneous("rule2")


@statement("changing-het-c-rule3")
def changing_het_c_rule3() -> Theorem:
    """Changing scaling, heterogeneous data, with the matrix itself averaged."""
    return _changing_heterogeneous("rule3")


# --- The paper's theorems as far as they are known -------------------------------------------------------------------


def _summarized(label: str, title: str, terms: dict[str, Expr], problem_class: str, setting: Setting) -> Theorem:
    return _theorem(
        label=label,
        title=title,
        statement=(
            "Local SGD's rate times a factor d_max/d_min. Only the factor is known from the summary; the rate of local"
            " SGD beside it is filled in, and implied by the bounds for a frozen matrix."
        ),
        bound=_bound({name: d_max / d_min * term for name, term in terms.items()}, "hidden with logs"),
        provenance=Provenance("summary", title),
        problem_class=problem_class,
        iterate=ALL_AVERAGES,
        conditions=(INDEPENDENT,),
        setting=setting,
    )


@statement("identical")
def identical() -> Theorem:
    """The theorem for identical data as summarized."""
    return _summarized(
        "identical",
        "Theorem for identical data, convex case",
        {
            "optimization": L * B**2 / (K * R),
            "statistical": sigma * B / sqrt(M * K * R),
            "noise drift": (L * (K - 1) * sigma**2 * B**4 / (K * R) ** 2) ** Rational(1, 3),
        },
        IDENTICAL,
        replace(IDENTICAL_MACHINES, algorithm="savic"),
    )


@statement("heterogeneous")
def heterogeneous() -> Theorem:
    """The theorem for heterogeneous data as summarized."""
    return _summarized(
        "heterogeneous",
        "Theorem for heterogeneous data, convex case",
        {
            "optimization": L * B**2 / R,
            "statistical": sigma_star * B / sqrt(M * K * R),
            "noise drift": (L * (K - 1) ** 2 * sigma_star**2 * B**4 / (K * R) ** 2) ** Rational(1, 3),
        },
        HETEROGENEOUS,
        Setting("savic", {"sigma_star": sigma_star, SAMPLE_SMOOTHNESS: L}),
    )


def families() -> Iterator[Family]:
    """Local SGD with one scaling matrix on every worker."""
    yield Family(
        "savic",
        "local SGD scaled by a common diagonal matrix",
        reduces_to=(FROM_GRADIENTS, SpecialCase("local-sgd", "D = I", {d_min: 1, d_max: 1})),
    )
