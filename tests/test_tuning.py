"""Tuned rates, inversions, rounds and special cases, against the printed corollaries and against brute force."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Add, Expr, Min, Rational, Symbol, cbrt, exp, log, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.domination import compare, dominated
from tightrate.rates.orders.normal_form import without_logarithms
from tightrate.rates.orders.parameter_tuning import (
    best_local_steps,
    invert,
    irredundant,
    least_rounds,
    minimize_over,
    monomials,
    rounds_to_reach,
    specialize,
    specialize_expression,
)
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.symbols.alphabet import (
    B,
    D,
    Delta,
    K,
    L,
    M,
    Q,
    R,
    T,
    alpha,
    eps,
    eta,
    gamma,
    mu,
    rho,
    sigma,
    tau,
    weak,
    zeta,
)

SIXTH = Rational(1, 6)
SPREAD = Symbol("sigma_2alpha", nonnegative=True)  # the noise level in another norm, of the same order by assumption


def bound(name: str) -> Bound:
    return theorem(name).bound


def expressions(name: str) -> dict[str, Expr]:
    return {term.name: term.expression for term in bound(name).terms}


def without_clipping(name: str) -> dict[str, Expr]:
    return {name: term for name, term in expressions(name).items() if name != "clipping"}


# --- minimization over a step size ------------------------------------------------------------------------------------

exponents = st.integers(-4, 4).map(lambda p: Fraction(p, 2))
systems = st.lists(st.tuples(st.integers(-30, 30), exponents), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(systems, st.integers(-10, 10), st.integers(0, 20))
def test_tuned_bounds_agree_with_a_grid(system: list[tuple[int, Fraction]], low: int, width: int) -> None:
    """In powers of 10: coefficients 10^c, exponents p, a step between 10^low and 10^(low + width)."""
    names = [Symbol(f"c{i}", positive=True) for i in range(len(system))]
    terms = {
        f"term {i}": c * eta ** Rational(p.numerator, p.denominator)
        for i, (c, (_, p)) in enumerate(zip(names, system, strict=True))
    }
    floor, cap = sympy.symbols("a b", positive=True)
    tuned = minimize_over(terms, "eta", cap=cap, floor=floor, given=[floor <= cap])
    point = {c: sympy.Integer(10) ** value for c, (value, _) in zip(names, system, strict=True)}
    point |= {floor: sympy.Integer(10) ** low, cap: sympy.Integer(10) ** (low + width)}
    found = float(sympy.log(tuned.rate.subs(point), 10).evalf())
    steps = [low + i * width / 400 for i in range(401)]
    best = min(max(value + float(p) * step for value, p in system) for step in steps)
    assert abs(found - best) < 1.0 + 0.01 * width  # constants of at most five terms, and the grid
    assert tuned.step is not None or all(p == 0 for _, p in system)
    if tuned.step is not None:
        step = float(sympy.log(tuned.step.subs(point), 10).evalf())
        assert low - 1e-9 <= step <= low + width + 1e-9
        assert max(value + float(p) * step for value, p in system) <= best + 1e-6 + 0.01 * width


def test_local_sgd_from_its_fixed_step_bound() -> None:
    """The bound at outer step 1 tuned with the cap 1/(4L) is the known rate, and its step the prescribed one."""
    fixed = {name: term.subs(gamma, 1) for name, term in expressions("khaled2025/prop1").items()}
    tuned = minimize_over(fixed, "eta", cap=1 / (4 * L))
    assert compare(tuned.rate, bound("khaled2025/eq2")).relation == "A~B"
    assert tuned.step is not None
    assert compare(tuned.step, theorem("khaled2025/eq2").steps["eta"]).relation == "A~B"
    assert set(tuned.terms) == {
        "optimization = statistical",
        "optimization = noise drift",
        "optimization at the cap",
    }


@pytest.mark.parametrize("letter", [K, R, M, sigma, L])
def test_a_wrong_fixed_step_bound_gives_a_wrong_rate(letter: Symbol) -> None:
    fixed = {name: term.subs(gamma, 1) for name, term in expressions("khaled2025/prop1").items()}
    for name in fixed:
        wrong = {**fixed, name: fixed[name] * letter**SIXTH}
        assert compare(minimize_over(wrong, "eta", cap=1 / L).rate, bound("khaled2025/eq2")).relation != "A~B"
    without_cap = minimize_over(fixed, "eta").rate
    assert compare(without_cap, bound("khaled2025/eq2")).relation == "A<=B"


def test_candidates_of_the_outer_step() -> None:
    """A: outer step 1.  B: the constraint eta gamma L K <= 1 is active.  C: inner step to 0.

    Over both steps the best is the better of local SGD (A) and minibatch SGD (B and C together).
    """
    terms = expressions("khaled2025/prop1")
    active = {name: term.subs(gamma, 1 / (eta * L * K)) for name, term in terms.items()}
    beyond_one = {name: term.subs(sympy.Max(1, gamma), gamma) for name, term in terms.items()}
    over_gamma = minimize_over(beyond_one, "gamma", cap=1 / (eta * L * K), floor=sympy.S.One, given=[eta * L * K <= 1])
    larger_step = minimize_over(over_gamma.terms, "eta", cap=1 / (L * K))
    assert larger_step.step is None  # the infimum is not attained: the inner step goes to 0
    assert compare(larger_step.rate, bound("khaled2025/minibatch")).relation == "A~B"
    candidate_c = larger_step.rate - bound("khaled2025/minibatch").term("optimization").expression
    assert compare(candidate_c, bound("khaled2025/prop1-limit")).relation == "A~B"
    candidate_b = minimize_over(
        {
            name: monomials(term.subs(sympy.Max(1, 1 / (eta * L * K)), 1 / (eta * L * K)))
            for name, term in active.items()
        },
        "eta",
        cap=1 / (L * K),
    )
    assert dominated(candidate_b.rate, bound("khaled2025/minibatch")).relation == "fails"
    noisy = [sigma**2 * R >= L**2 * B**2 * K * M]
    assert (
        dominated(bound("khaled2025/minibatch").term("optimization").expression, candidate_c, noisy).relation == "holds"
    )
    assert dominated(candidate_c, candidate_b.rate, noisy).relation == "holds"
    quiet = [sigma**2 * R <= L**2 * B**2 * K * M]
    assert compare(candidate_b.rate, bound("khaled2025/minibatch"), quiet).relation == "A~B"


def test_accelerated_outer_loop() -> None:
    """Corollary 1 from the fixed-step bound of Theorem 3 at outer step 1, with the cap 1/(2L)."""
    fixed = {name: term.subs(gamma, 1) for name, term in expressions("khaled2025/thm3").items()}
    tuned = minimize_over(fixed, "eta", cap=1 / (2 * L))
    assert compare(tuned.rate, bound("khaled2025/cor1")).relation == "A~B"
    assert "optimization = averaged noise drift" not in tuned.terms  # dominated by the others
    assert tuned.step is not None
    assert compare(tuned.step, theorem("khaled2025/cor1").steps["eta"]).relation == "A~B"
    wrong = {**fixed, "noise drift": fixed["noise drift"] / K}
    assert compare(minimize_over(wrong, "eta", cap=1 / (2 * L)).rate, bound("khaled2025/cor1")).relation == "A<=B"


def test_minibatch_sgd_from_its_fixed_step_bound() -> None:
    tuned = minimize_over(bound("dekel2012/fixed-step"), "eta", cap=1 / L)
    assert compare(tuned.rate, bound("dekel2012/convex")).relation == "A~B"


def test_clipped_local_sgdm_from_its_descent_inequality() -> None:
    """Tuned over the threshold, then over the step, for all alpha >= 4: the convex theorem and its clipping term."""
    terms = {
        name: term.subs({SPREAD: sigma, D: B}) for name, term in expressions("cheng2024/structural-convex").items()
    }
    terms["clipping range"] = L * eta**2 * rho**2  # the part of the consensus error that grows with the threshold
    small_steps = [eta * L <= 1]
    over_threshold = minimize_over(terms, "rho", given=small_steps)
    tuned = minimize_over(over_threshold.terms, "eta", cap=1 / L)
    published = bound("cheng2024/thm2")
    assert compare(tuned.rate, published).relation == "A~B"
    assert len(tuned.terms) == 4
    main = {"optimization": terms["optimization"], "range": terms["clipping range"], "bias": terms["clipping"]}
    twice = minimize_over(minimize_over(main, "rho").terms, "eta")
    clip = published.term("clipping").expression
    assert compare(twice.rate, clip).relation == "A~B"
    wrong = {**main, "range": main["range"] * rho**SIXTH}
    assert compare(minimize_over(minimize_over(wrong, "rho").terms, "eta").rate, clip).relation != "A~B"


def test_clipped_local_adam_from_its_descent_inequality() -> None:
    scale = {Symbol("lambda", positive=True): 1, Symbol("moreau", positive=True): 1 / L, SPREAD: sigma}
    terms = {name: term.subs(scale) for name, term in expressions("cheng2024/structural-adam").items()}
    clip = bound("cheng2024/thm3").term("clipping").expression
    main = {"optimization": terms["optimization"], "range": L**2 * eta**2 * rho**2, "bias": terms["clipping"]}
    assert compare(minimize_over(minimize_over(main, "rho").terms, "eta").rate, clip).relation == "A~B"
    everything = {**terms, "range": main["range"]}
    over_threshold = minimize_over(everything, "rho", given=[eta * L <= 1])
    tuned = minimize_over(over_threshold.terms, "eta", cap=Min(1 / L, 1 / (K * weak)))
    assert compare(tuned.rate, bound("cheng2024/thm3")).relation == "A~B"


def test_strongly_convex_clipping_term() -> None:
    """At the step 1/(mu K R): bias sigma^(2a) rho^(2-2a)/mu against L eta^2 rho^2."""
    step = 1 / (mu * K * R)
    terms = {"bias": sigma ** (2 * alpha) * rho ** (2 - 2 * alpha) / mu, "range": L * step**2 * rho**2}
    clip = bound("cheng2024/thm1").term("clipping").expression
    assert compare(minimize_over(terms, "rho").rate, clip).relation == "A~B"


def test_unattained_and_refused_minima() -> None:
    assert minimize_over({"rising": eta * K}, "eta").step is None
    assert minimize_over({"rising": eta * K}, "eta").rate == 0
    assert minimize_over({"falling": K / eta}, "eta", cap=1 / L).step == 1 / L
    assert minimize_over({"constant": K}, "eta").terms == {"constant": K}
    with pytest.raises(TightrateError, match="is not a power"):
        minimize_over({"decay": exp(-eta * mu * K)}, "eta")
    with pytest.raises(TightrateError, match="must be at most the cap"):
        minimize_over({"falling": K / eta}, "eta", cap=1 / L, floor=1 / mu)


# --- accuracy and effort ----------------------------------------------------------------------------------------------


def test_comparison_10() -> None:
    """The largest heterogeneity at which K -> oo still reaches eps: by the old and by the new bound."""
    old = {"drift": bound("woodworth2020/convex").term("heterogeneity drift").expression}
    names = ("heterogeneity drift", "third-order heterogeneity")
    new = {name: bound("patel2024/thm15").term(name).expression for name in names}
    for terms, name in ((old, "patel2024/eq10-old"), (new, "patel2024/eq10-new")):
        found = invert(terms, "zeta", eps)
        assert isinstance(found.relation, sympy.Le)
        assert compare(found.value, bound(name)).relation == "A~B"
        assert compare(found.value * eps**SIXTH, bound(name)).relation != "A~B"


def test_rounds_of_the_regime_table() -> None:
    """Rounds to reach eps of local and minibatch methods: convex, with Adam, strongly convex."""
    convex = (
        L * B**2 / (K * eps) + sigma**2 * B**2 / (M * K * eps**2) + sqrt(L / K) * sigma * B**2 / eps ** Rational(3, 2)
    )
    adam = weak * Delta / eps + L * Delta / (K * eps) + L * Delta * sigma**2 / (M * K * eps**2)
    adam += L * Delta * sigma / (sqrt(K) * eps ** Rational(3, 2))
    assert compare(rounds_to_reach(without_clipping("cheng2024/thm2"), eps), convex).relation == "A~B"
    assert compare(rounds_to_reach(without_clipping("cheng2024/thm3"), eps), adam).relation == "A~B"
    minibatch = L * B**2 / eps + sigma**2 * B**2 / (M * K * eps**2)
    assert compare(rounds_to_reach(bound("cheng2024/eq4.5"), eps), minibatch).relation == "A~B"
    kappa = L / mu
    strongly = sigma**2 / (mu * M * K * eps) + sqrt(L / (K * eps)) * sigma / mu
    rounds = rounds_to_reach(without_clipping("cheng2024/thm1"), eps)
    assert compare(rounds, kappa / K * log(sympy.Max(2, mu * B**2 / eps)) + strongly).relation == "A~B"


@pytest.mark.parametrize("name", ["cheng2024/thm2", "cheng2024/thm3", "koloskova2020/convex", "patel2024/thm15"])
def test_inversion_there_and_back(name: str) -> None:
    """eps(R) -> R(eps) -> eps(R) is the identity up to constants, with symbolic alpha."""
    there = {str(i): term for i, term in enumerate(Add.make_args(invert(bound(name), "R", eps).value))}
    back = invert(there, "eps", R)
    assert compare(back.value, bound(name)).relation == "A~B"


def test_steps_to_reach_eps_of_the_full_theorem() -> None:
    """T = K R from the convex rate is the printed T(eps), its logarithms left out."""
    steps = K * rounds_to_reach(bound("cheng2024/thm2"), eps)
    printed = without_logarithms(bound("cheng2024/thmB5-steps").expression)
    one_dimension = {Symbol("d", positive=True): 1, SPREAD: sigma}
    assert compare(steps, printed.subs(one_dimension)).relation == "A~B"


def test_inversion_lists_what_rounds_cannot_do() -> None:
    floor = {"rate": 1 / R, "floor": zeta**2 / L}
    found = invert(floor, "R", eps)
    assert found.needs == (sympy.Le(zeta**2 / L, eps),)
    assert invert({"floor": zeta**2 / L}, "R", eps).relation is None
    with pytest.raises(TightrateError, match="does not depend"):
        _ = invert({"floor": zeta**2 / L}, "R", eps).value
    with pytest.raises(TightrateError, match="falls and rises"):
        invert({"fall": 1 / eta, "rise": eta}, "eta", eps)
    minimum = invert({"smaller": Min(sigma / sqrt(R), tau / R)}, "R", eps)
    assert minimum.value == Min(tau / eps, sigma**2 / eps**2)


def test_best_local_steps_at_a_fixed_budget() -> None:
    """K = 1 is never worse, and up to the returned K nothing is lost; minibatch pays for every K."""
    local = best_local_steps(without_clipping("cheng2024/thm2"))
    assert local.smallest == 1
    rate = L * B**2 / T + sigma * B / sqrt(M * T) + cbrt(L * sigma**2 * B**4) / T ** Rational(2, 3)
    assert compare(local.rate, rate).relation == "A~B"
    at_largest = Add(*without_clipping("cheng2024/thm2").values()).subs(R, T / K)
    noisy = [sigma**2 * T >= (L * B) ** 2 * M**3, sigma * M ** Rational(3, 2) * L * B >= sigma**2]
    threshold = sigma * sqrt(T) / (L * B * M ** Rational(3, 2))
    assert compare(at_largest.subs(K, threshold), rate, noisy).relation == "A~B"
    assert compare(local.largest, Min(T, threshold), noisy).relation == "A~B"
    assert compare(at_largest.subs(K, threshold * M**SIXTH), rate, noisy).relation == "A>=B"
    minibatch = best_local_steps(bound("cheng2024/eq4.5"))
    assert minibatch.smallest == 1
    strongly = {name: term for name, term in without_clipping("cheng2024/thm1").items() if name != "optimization"}
    assert (
        compare(best_local_steps(strongly).largest, sympy.Max(1, mu * T / (L * M)), [mu * T >= L * M]).relation == "A~B"
    )


def test_least_rounds_is_the_least() -> None:
    terms = (Term("optimization", L * B**2 / R), Term("statistical", sigma * B / sqrt(M * K * R)))
    explicit = Bound(terms, MEASURES["gap"], "upper", "explicit")
    values = {"L": 2.0, "B": 1.5, "sigma": 3.0, "M": 4, "K": 8}
    rounds = least_rounds(explicit, values, 0.125)
    assert explicit.at({**values, "R": rounds}) <= 0.125 < explicit.at({**values, "R": rounds - 1})
    assert least_rounds(explicit, values, 1e9) == 1
    floor = Bound((Term("floor", zeta), Term("rate", L * B**2 / R)), MEASURES["gap"], "upper", "explicit")
    assert least_rounds(floor, {"zeta": 1.0, "L": 1, "B": 1}, 0.5) == math.inf


# --- special cases ----------------------------------------------------------------------------------------------------


def test_special_cases() -> None:
    published = bound("patel2024/thm15")
    homogeneous = specialize(published, tau=0, zeta=0)
    assert [term.name for term in homogeneous.terms] == ["optimization", "statistical", "third-order noise"]
    assert compare(homogeneous, bound("yuan2020/convex")).relation == "A~B"
    quadratic = specialize(published, Q=0, sigma=0)
    assert [term.name for term in quadratic.terms] == ["optimization", "heterogeneity drift"]
    one_step = specialize(bound("koloskova2020/convex"), K=1, zeta_star=0)
    assert compare(one_step, specialize(bound("dekel2012/convex"), K=1)).relation == "A>=B"
    assert specialize(published, tau=0, zeta=0).measure == published.measure
    zero = specialize(bound("glasgow2022/lower"), zeta_star=0)
    assert "heterogeneity drift" not in [term.name for term in zero.terms]


def test_infinite_alpha() -> None:
    """clip/drift is 1/K, K^(-1/3), K^(-1/3) in the limit."""
    for name, limit in (("cheng2024/thm1", 1 / K), ("cheng2024/thm2", 1 / cbrt(K)), ("cheng2024/thm3", 1 / cbrt(K))):
        clip = specialize(bound(name), alpha=sympy.oo).term("clipping").expression
        assert compare(clip / bound(name).term("noise drift").expression, limit).relation == "A~B"
    quiet = specialize(bound("cheng2024/thm2"), sigma=0)
    assert [term.name for term in quiet.terms] == ["optimization"]
    with pytest.raises(TightrateError, match="no finite limit"):
        specialize_expression(K**alpha, alpha=sympy.oo)
    with pytest.raises(TightrateError, match="outside of exponents"):
        specialize_expression(K * alpha, alpha=sympy.oo)


def test_undefined_special_cases_are_refused() -> None:
    with pytest.raises(TightrateError, match="undefined at sigma=0"):
        specialize_expression(L / sigma, sigma=0)
    with pytest.raises(TightrateError, match="undefined at sigma=0"):
        specialize_expression(sigma ** (-1 / alpha), sigma=0)
    assert specialize_expression(L * sigma ** (1 / alpha), sigma=0) == 0


def test_irredundant_keeps_what_is_needed() -> None:
    terms = {"a": K, "b": R, "mean": sqrt(K * R), "c": Q}
    assert irredundant(terms) == {"a": K, "b": R, "c": Q}
    assert irredundant({"a": K, "same": 2 * K}) in ({"a": K}, {"same": 2 * K})
    assert irredundant({"a": K, "b": R}, [K <= R]) == {"b": R}
