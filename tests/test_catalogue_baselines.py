"""The baselines that the papers compare with: coefficients, special cases, and lower bounds below upper bounds."""

from itertools import pairwise

import numpy as np
import pytest
import sympy
from sympy import Rational, cancel, limit, simplify

from tightrate.rates.papers.dekel2012 import best_step
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, K, L, M, Q, R, eta, mu, sigma, sigma_star, zeta, zeta_star
from tightrate.rates.symbols.evaluation import at
from tightrate.rates.symbols.monomial import monomial


def term(theorem_id, name):
    return theorem(theorem_id).bound.term(name).expression


def random_points(letters, count=20_000, seed=3):
    """Log-uniform values over many decades, as arrays; K, R, M whole numbers, noise at most of the start's order."""
    rng = np.random.default_rng(seed)
    values = {name: 10 ** rng.uniform(-4, 4, count) for name in sorted(letters)}
    values |= {name: np.ceil(10 ** rng.uniform(0.31, 5, count)) for name in ("K", "R", "M")}
    largest_noise = values["L"] * values["B"] * np.sqrt(values["M"] * values["K"] * values["R"])
    return values | {"sigma": largest_noise * 10 ** rng.uniform(-6, 0, count)}


def test_minibatch_constants_follow_from_the_fixed_step():
    fixed, tuned = theorem("dekel2012/fixed-step").bound, theorem("dekel2012/explicit")
    assert tuned.step("eta") == best_step()
    values = random_points(tuned.bound.letters)
    at_best_step = fixed.expression.subs(eta, best_step())
    ratios = at(at_best_step, values) / at(tuned.bound.expression, values)
    assert ratios.max() <= 1 + 1e-12
    assert ratios.max() > 0.99, "the constants are those of the fixed step, not larger"


def test_slide_coefficients():
    """32, 5/2 and 1/4 for local SGD, 8 and 3/2 for local gradient descent, as on the slides, with T = K R."""
    root = sympy.sqrt(M * K * R)
    printed = 32 * L * B**2 / root + Rational(5, 2) * sigma_star**2 / (L * root)
    printed += Rational(1, 4) * sigma_star**2 * M * (K - 1) ** 2 / (L * K * R)
    assert simplify(theorem("khaled2020/thm5-slides").bound.expression - printed) == 0
    printed = 8 * L * B**2 / root + Rational(3, 2) * M * zeta_star**2 * K**2 / (L * K * R)
    assert simplify(theorem("khaled2020/local-gd-slides").bound.expression - printed) == 0


def test_slide_steps_meet_the_general_conditions_when_k_m_is_at_most_r():
    for general, tuned, steps in (("thm5", "thm5-slides", 8), ("local-gd", "local-gd-slides", 4)):
        step = theorem(f"khaled2020/{tuned}").step("eta")
        at_the_limit = simplify((step * steps * L * K).subs(R, K * M))
        assert at_the_limit == 1
        conditions = theorem(f"khaled2020/{general}").conditions
        values = {"L": 2.0, "K": 6, "M": 3, "gamma": 1.0}
        for rounds, status in ((19, "holds"), (600, "holds"), (4, "fails")):
            prescribed = float(step.subs({L: 2, K: 6, M: 3, R: rounds}))
            assert status in {c.status({**values, "eta": prescribed}) for c in conditions if c.relation.has(eta)}
            assert status == "fails" or all(
                c.status({**values, "eta": prescribed}) == "holds" for c in conditions if c.relation.has(eta)
            )


def test_the_slides_number_of_local_steps_does_not_balance():
    """With T fixed, M (K-1)^2 / T meets 1/sqrt(M T) at K - 1 = T^(1/4) M^(-3/4), not at M^(-3/2)."""
    total, local = sympy.symbols("total local", positive=True)
    drift = term("khaled2020/thm5-slides", "drift").subs((K - 1) ** 2, local**2).subs(R, total / K)
    statistical = term("khaled2020/thm5-slides", "statistical").subs(R, total / K)
    for power, balanced in ((Rational(-3, 4), True), (Rational(-3, 2), False)):
        at = (drift / statistical).subs(local, total ** Rational(1, 4) * M**power)
        assert (not simplify(at).free_symbols) == balanced


def test_strong_convexity_of_zero_gives_the_convex_row():
    corrected = term("woodworth2020/strongly-convex", "optimization")
    assert simplify(limit(corrected, mu, 0) - term("woodworth2020/convex", "optimization")) == 0


def test_special_cases():
    """Each edge sets one constant to a value and lands on another entry."""
    assert (
        theorem("woodworth2020/convex").bound.expression.subs(zeta, 0)
        == theorem("woodworth2020a/convex").bound.expression
    )
    in_smoothness = term("yuan2020/convex", "third-order noise").subs(Q, L / B)
    assert in_smoothness == term("woodworth2020a/convex", "noise drift")
    lower, homogeneous = (theorem(f"glasgow2022/{name}").bound.expression for name in ("lower", "lower-homogeneous"))
    assert lower.subs(zeta_star, 0) == homogeneous
    local = theorem("woodworth2020a/quadratic").bound.expression
    assert local == theorem("dekel2012/explicit").bound.expression.subs({K: 1, R: K * R}, simultaneous=True)
    noiseless = theorem("ghadimi2012/convex").bound.expression.subs(sigma, 0)
    assert noiseless == theorem("dekel2012/convex").bound.expression.subs(sigma, 0) / R


def test_acceleration_of_local_steps():
    """FedAc replaces one power of K R by K R^2; its drift gains R^(-1/3) or M^(-1/3)."""
    local = monomial(term("woodworth2020a/convex", "noise drift")).exponents
    for name, letter in (("fedac1", "R"), ("fedac2", "M")):
        drift = monomial(term(f"yuan2020/{name}", "noise drift")).exponents
        gained = {n: cancel(drift.get(n, 0) - local.get(n, 0)) for n in drift.keys() | local.keys()}
        assert {n: value for n, value in gained.items() if value != 0} == {letter: Rational(-1, 3)}
    assert term("yuan2020/fedac1", "optimization") == term("ghadimi2012/convex", "optimization") / K


@pytest.mark.parametrize(
    ("lower", "upper", "constant"),
    [
        ("glasgow2022/lower", "koloskova2020/convex", 1),
        ("glasgow2022/lower-homogeneous", "woodworth2020a/convex", 1),
        ("woodworth2020a/lower", "glasgow2022/lower-homogeneous", 2),
        ("woodworth2020/lower", "ghadimi2012/convex", 1),
        ("ghadimi2012/convex", "dekel2012/convex", 1),
    ],
)
def test_lower_bounds_stay_below_upper_bounds(lower, upper, constant):
    below, above = (theorem(name).bound.expression for name in (lower, upper))
    values = random_points({symbol.name for symbol in below.free_symbols | above.free_symbols})
    assert (at(below, values) / at(above, values)).max() <= constant * (1 + 1e-12)


def test_a_lower_bound_that_forgets_the_other_workers_is_refuted():
    """Power of the test above: sigma B / sqrt(K R) in place of sigma B / sqrt(M K R)."""
    lower, above = (theorem(name).bound.expression for name in ("glasgow2022/lower", "koloskova2020/convex"))
    statistical = term("glasgow2022/lower", "statistical")
    twin = lower - statistical + statistical * sympy.sqrt(M)
    values = random_points({symbol.name for symbol in lower.free_symbols})
    assert (at(twin, values) / at(above, values)).max() > 10


def test_names_of_the_classes_are_shared():
    """Entries that speak of the same class say so in the same words, so that they can be paired."""
    classes = {
        theorem(name).problem_class for name in ("koloskova2020/convex", "glasgow2022/lower", "woodworth2020/lower")
    }
    assert len(classes) == 1
    homogeneous = ("woodworth2020a/convex", "woodworth2020a/lower", "glasgow2022/lower-homogeneous", "yuan2020/fedac1")
    assert all(theorem(a).problem_class == theorem(b).problem_class for a, b in pairwise(homogeneous))
