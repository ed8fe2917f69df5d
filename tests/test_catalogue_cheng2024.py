"""Local SGDM and Local Adam: exponents, inversions, limits, mini-batch facts and the lemmas' constants."""

from itertools import product

import numpy as np
import pytest
import sympy
from sympy import Rational, cancel, limit, log, oo, simplify, sqrt

from tightrate.rates.papers.cheng2024 import clipping_thresholds
from tightrate.rates.papers.cheng2024.rate_terms import minibatch
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import (
    B,
    Delta,
    G_inf,
    K,
    L,
    M,
    R,
    T,
    alpha,
    d,
    decay,
    delta,
    eps,
    lam,
    moreau,
    mu,
    rho,
    sigma,
    sigma_2alpha,
)
from tightrate.rates.symbols.monomial import monomial

a = alpha
SC, CONVEX, ADAM = "cheng2024/thm1", "cheng2024/thm2", "cheng2024/thm3"


def term(theorem_id, name):
    return theorem(theorem_id).bound.term(name).expression


def without_logs(expression):
    """The expression with every logarithm set to one."""
    return expression.replace(log, lambda *_: sympy.Integer(1))


def exponents(expression):
    """Powers of the letters; the expression must be a power law."""
    found = monomial(expression)
    assert found.is_pure, found.factors
    return dict(found.exponents)


def same_power_law(left, right):
    """Whether two power laws have the same exponents, symbolically in alpha."""
    left, right = exponents(left), exponents(right)
    return all(cancel(left.get(n, 0) - right.get(n, 0)) == 0 for n in left.keys() | right.keys())


# --------------------------------------------------------------------------------------------- exponents and limits

EXPONENTS = {
    (SC, "statistical"): {"sigma": 2, "mu": -1, "M": -1, "K": -1, "R": -1},
    (SC, "noise drift"): {"L": 1, "sigma": 2, "mu": -2, "K": -1, "R": -2},
    (SC, "clipping"): {
        "sigma": 2,
        "L": (a - 1) / a,
        "mu": -1 - (a - 1) / a,
        "K": -2 * (a - 1) / a,
        "R": -2 * (a - 1) / a,
    },
    (CONVEX, "optimization"): {"L": 1, "B": 2, "K": -1, "R": -1},
    (CONVEX, "statistical"): {
        "sigma": 1,
        "B": 1,
        "M": Rational(-1, 2),
        "K": Rational(-1, 2),
        "R": Rational(-1, 2),
    },
    (CONVEX, "noise drift"): {
        "L": Rational(1, 3),
        "sigma": Rational(2, 3),
        "B": Rational(4, 3),
        "K": Rational(-1, 3),
        "R": Rational(-2, 3),
    },
    (CONVEX, "clipping"): {
        "L": (a - 1) / (3 * a - 1),
        "sigma": 2 * a / (3 * a - 1),
        "B": (4 * a - 2) / (3 * a - 1),
        "K": -2 * (a - 1) / (3 * a - 1),
        "R": -2 * (a - 1) / (3 * a - 1),
    },
    (ADAM, "weak convexity"): {"weak": 1, "Delta": 1, "R": -1},
    (ADAM, "optimization"): {"L": 1, "Delta": 1, "K": -1, "R": -1},
    (ADAM, "statistical"): {
        "L": Rational(1, 2),
        "Delta": Rational(1, 2),
        "sigma": 1,
        "M": Rational(-1, 2),
        "K": Rational(-1, 2),
        "R": Rational(-1, 2),
    },
    (ADAM, "noise drift"): {
        "L": Rational(2, 3),
        "Delta": Rational(2, 3),
        "sigma": Rational(2, 3),
        "K": Rational(-1, 3),
        "R": Rational(-2, 3),
    },
    (ADAM, "clipping"): {
        "L": 2 * (a - 1) / (3 * a - 2),
        "Delta": 2 * (a - 1) / (3 * a - 2),
        "sigma": 2 * a / (3 * a - 2),
        "K": -2 * (a - 1) / (3 * a - 2),
        "R": -2 * (a - 1) / (3 * a - 2),
    },
}


@pytest.mark.parametrize(("theorem_id", "name"), list(EXPONENTS))
def test_exponents(theorem_id, name):
    found, expected = exponents(term(theorem_id, name)), EXPONENTS[theorem_id, name]
    assert found.keys() == expected.keys()
    assert all(cancel(found[letter] - expected[letter]) == 0 for letter in expected)


def test_exponential_term_has_a_value_in_front():
    found = monomial(term(SC, "optimization"))
    assert dict(found.exponents) == {"mu": 1, "B": 2}
    assert found.factors == (sympy.exp(-decay * mu * K * R / L),)  # (4.3) prints exp(-Theta(mu K R / L))


@pytest.mark.parametrize(
    ("theorem_id", "expected"),
    [
        (SC, {4: Rational(3, 2), 6: Rational(5, 3), 8: Rational(7, 4), oo: 2}),
        (CONVEX, {4: Rational(6, 11), 6: Rational(10, 17), 8: Rational(14, 23), oo: Rational(2, 3)}),
        (ADAM, {4: Rational(3, 5), 6: Rational(5, 8), 8: Rational(7, 11), oo: Rational(2, 3)}),
    ],
)
def test_clipping_exponent_at_given_moments(theorem_id, expected):
    power = -exponents(term(theorem_id, "clipping"))["K"]
    assert {moment: limit(power, alpha, moment) for moment in expected} == expected


@pytest.mark.parametrize(("theorem_id", "power"), [(SC, -1), (CONVEX, Rational(-1, 3)), (ADAM, Rational(-1, 3))])
def test_clipping_over_drift_with_all_moments_is_a_power_of_local_steps(theorem_id, power):
    ratio = exponents(term(theorem_id, "clipping") / term(theorem_id, "noise drift"))
    limits = {name: limit(exponent, alpha, oo) for name, exponent in ratio.items()}
    assert {name: value for name, value in limits.items() if value != 0} == {"K": power}


@pytest.mark.parametrize(
    ("theorem_id", "left", "right"),
    [
        (SC, K ** (a - 2), mu * R**2 / L),
        (CONVEX, K ** ((3 * a - 5) / 2), sigma * R**2 / (L * B)),
        (ADAM, K ** ((3 * a - 4) / 2), sigma**2 * R / (L * Delta)),
    ],
)
def test_clipping_is_below_drift_from_the_printed_number_of_local_steps_on(theorem_id, left, right):
    """clipping/drift is a positive power of right/left, so the thresholds of the paper are exact."""
    ratio = exponents(term(theorem_id, "clipping") / term(theorem_id, "noise drift"))
    claimed = exponents(right / left)
    power = cancel(ratio["K"] / claimed["K"])
    assert all(cancel(ratio.get(n, 0) - power * claimed.get(n, 0)) == 0 for n in ratio.keys() | claimed.keys())
    assert all(power.subs(alpha, moment) > 0 for moment in (4, 5, 100))


# ---------------------------------------------------------------------- short and full versions, inversions, mini-batch


@pytest.mark.parametrize(("short", "full"), [(SC, "thmB4"), (CONVEX, "thmB5"), (ADAM, "thmC3"), (ADAM, "thmC2")])
def test_full_versions_reduce_to_the_short_ones(short, full):
    """Logarithms one, noise spread evenly, Moreau parameter lambda/L."""
    for entry in theorem(f"cheng2024/{full}").bound.terms:
        reduced = without_logs(entry.expression).subs(
            {sigma_2alpha: sigma * d ** (1 / (2 * alpha) - Rational(1, 2)), moreau: lam / L}
        )
        if entry.name == "optimization" and short == SC:
            assert reduced == term(short, entry.name)
        else:
            assert same_power_law(reduced, term(short, entry.name)), entry.name


def test_clipping_terms_as_printed():
    """The paper keeps the noise inside the power; the catalogue takes it out."""
    kr = K * R
    printed = {
        SC: sigma**2 / mu * (sqrt(L) / (sqrt(mu) * kr)) ** (2 * (a - 1) / a),
        CONVEX: B * (sqrt(L * B) * sigma ** (a / (a - 1)) / kr) ** (2 * (a - 1) / (3 * a - 1)),
        ADAM: (L * Delta * sigma ** (a / (a - 1)) / kr) ** (2 * (a - 1) / (3 * a - 2)),
    }
    values = {K: 3, R: 5, L: 2, mu: Rational(1, 3), B: 7, sigma: Rational(1, 2), Delta: 11, a: Rational(9, 2)}
    for theorem_id, formula in printed.items():
        assert sympy.N(formula.subs(values)) == pytest.approx(sympy.N(term(theorem_id, "clipping").subs(values)))


@pytest.mark.parametrize(
    ("steps", "rate", "letters"),
    [
        ("thmB4-steps", "thmB4", ("statistical", "noise drift", "clipping")),
        ("thmB5-steps", "thmB5", ("optimization", "statistical", "noise drift", "clipping")),
        ("thmC2-steps", "thmC2", ("weak convexity", "optimization", "statistical", "noise drift", "clipping")),
        ("thmC3-steps", "thmC3", ("weak convexity", "optimization", "statistical", "noise drift", "clipping")),
    ],
)
def test_steps_and_rate_are_inverse_term_by_term(steps, rate, letters):
    """At the accuracy that one term of the rate has after K R steps, that term asks for K R steps (logarithms one)."""
    for name in letters:
        needed = without_logs(term(f"cheng2024/{steps}", name))
        reached = without_logs(term(f"cheng2024/{rate}", name))
        in_eps, in_rest = exponents(needed), exponents(reached)
        power = in_eps.pop("eps")
        total = {n: cancel(in_eps.get(n, 0) + power * in_rest.get(n, 0)) for n in in_eps.keys() | in_rest.keys()}
        assert {n: value for n, value in total.items() if value != 0} == {"K": 1, "R": 1}, name


def test_exponential_phase_inverts_with_its_logarithm():
    needed = term("cheng2024/thmB4-steps", "optimization")
    assert simplify(needed.subs(eps, term("cheng2024/thmB4", "optimization")) - decay * K * R) == 0


@pytest.mark.parametrize(
    ("general", "tuned", "threshold"),
    [
        ("thmB3-sc", "thmB4-steps", clipping_thresholds.bias_threshold_strongly_convex(eps)),
        ("thmB3", "thmB5-steps", clipping_thresholds.bias_threshold_convex(eps)),
        ("thmC1", "thmC2-steps", clipping_thresholds.bias_threshold_adam(eps)),
    ],
)
def test_clipping_term_comes_from_the_consensus_factor(general, tuned, threshold):
    """A >= rho^2 d log^2 / (K sigma^2) at the threshold where bias meets accuracy gives the tuned clipping term."""
    drift = term(f"cheng2024/{general}", "noise drift")
    (factor,) = drift.atoms(sympy.Max)
    logarithm = log(M * T / delta)
    at_threshold = drift.subs(factor, rho**2 * d * logarithm**2 / (K * sigma**2)).subs(rho, threshold)
    at_threshold = at_threshold.replace(sympy.Min, lambda *_: eps)
    clipping = term(f"cheng2024/{tuned}", "clipping")
    assert same_power_law(without_logs(at_threshold), without_logs(clipping))


def test_minibatch_rates_are_local_rates_of_one_worker_and_one_step():
    dekel = theorem("dekel2012/convex").bound
    assert theorem("cheng2024/eq4.5").bound.expression == dekel.expression
    assert term("cheng2024/eq4.5-sc", "optimization") == mu * B**2 * sympy.exp(-decay * mu * R / L)
    assert term("cheng2024/eq4.5-sc", "statistical") == term(SC, "statistical")
    assert theorem("cheng2024/eq4.11").bound.expression == L * Delta / R + sigma * sqrt(L * Delta / (M * K * R))


def test_substituted_minibatch_terms_as_geometric_means():
    one, two = (term("cheng2024/eq4.5", name) for name in ("optimization", "statistical"))
    drift, clipping = (minibatch(term(CONVEX, name)) for name in ("noise drift", "clipping"))
    assert same_power_law(drift, one ** Rational(1, 3) * two ** Rational(2, 3))
    excess = R ** (1 / (3 * a - 1))
    assert same_power_law(clipping, one ** ((a - 1) / (3 * a - 1)) * two ** (2 * a / (3 * a - 1)) * excess)

    clipping, statistical = (minibatch(term(SC, name)) for name in ("clipping", "statistical"))
    assert same_power_law(clipping / statistical, ((L / mu) ** (a - 1) * R ** (2 - a)) ** (1 / a))

    one, two = (term("cheng2024/eq4.11", name) for name in ("optimization", "statistical"))
    clipping = minibatch(term(ADAM, "clipping"))
    weights = (a - 2) / (3 * a - 2), 2 * a / (3 * a - 2)
    assert cancel(sum(weights)) == 1
    assert same_power_law(clipping, one ** weights[0] * two ** weights[1])
    assert same_power_law(term("cheng2024/eqC.166", "clipping"), clipping)


def test_values_at_points_computed_by_hand():
    ones = dict.fromkeys(("L", "B", "sigma", "mu", "Delta", "weak"), 1)
    convex = theorem(CONVEX).bound.terms_at({**ones, "K": 8, "R": 8, "M": 4, "alpha": 5})
    assert convex["optimization"] == pytest.approx(1 / 64)
    assert convex["statistical"] == pytest.approx(1 / 16)
    assert convex["noise drift"] == pytest.approx(1 / 8)
    assert convex["clipping"] == pytest.approx(64 ** (-4 / 7))
    strongly = theorem(SC).bound.terms_at({**ones, "K": 4, "R": 4, "M": 2, "alpha": 4, "decay": 1})
    assert strongly["statistical"] == pytest.approx(1 / 32)
    assert strongly["noise drift"] == pytest.approx(1 / 64)
    assert strongly["clipping"] == pytest.approx(1 / 64)
    adam = theorem(ADAM).bound.terms_at({**ones, "K": 27, "R": 8, "M": 6, "alpha": 6, "weak": 0.5})
    assert adam["weak convexity"] == pytest.approx(1 / 16)
    assert adam["optimization"] == pytest.approx(1 / 216)
    assert adam["statistical"] == pytest.approx(1 / 36)
    assert adam["noise drift"] == pytest.approx(1 / 12)
    assert adam["clipping"] == pytest.approx(216 ** (-5 / 8))


def test_prescribed_steps():
    """eta T eps = 4 B^2 and log(4 mu B^2/eps) / (mu eta T) = 1/2 with the rate for eps; (B.16), (B.17)."""
    entry = theorem(CONVEX)
    assert simplify(entry.step("eta") * K * R * entry.bound.expression - 4 * B**2) == 0
    entry = theorem(SC)
    assert simplify(4 * mu * B**2 * sympy.exp(-entry.step("eta") * mu * K * R / 2) - entry.bound.expression) == 0
    entry = theorem(ADAM)
    assert simplify(entry.step("eta") * K * R * entry.bound.expression - 24 * lam * Delta) == 0


def test_mutants_are_told_apart():
    """A rate with one exponent changed has other exponents, and inverts to something else."""
    twin = term(CONVEX, "clipping") * K ** Rational(1, 11)
    assert not same_power_law(twin, term(CONVEX, "clipping"))
    assert not same_power_law(
        minibatch(term(CONVEX, "noise drift")),
        sqrt(term("cheng2024/eq4.5", "optimization") * term("cheng2024/eq4.5", "statistical")),
    )
    sharper_moment = term(ADAM, "clipping").subs(alpha, alpha + 1)
    assert not same_power_law(sharper_moment, term(ADAM, "clipping"))


# ------------------------------------------------------------------------------------------------- lemmas by numbers


def two_point_bias(moment, mean, threshold, probability):
    """Exact clipping bias of a law that jumps up by alpha/(alpha-1) (rho - mean), scaled to its moment."""
    jump = moment / (moment - 1) * (threshold - mean)
    drop = probability / (1 - probability) * jump
    level = (probability * jump**moment + (1 - probability) * drop**moment) ** (1 / moment)
    bias = probability * (jump - (threshold - mean))
    return bias, level


@pytest.mark.parametrize("moment", [2.0, 4.0, 7.5])
@pytest.mark.parametrize("mean", [0.0, 0.3])
def test_sharp_clipping_bias_is_attained(moment, mean):
    bound = theorem("cheng2024/lemA2-sharp").bound
    for probability, tightness in ((1e-1, 0.4), (1e-9, 0.999)):
        bias, noise = two_point_bias(moment, mean, 1.0, probability)
        ceiling = bound.at({"alpha": moment, "sigma": noise, "rho": 1.0, "G_inf": mean})
        assert tightness * ceiling <= bias <= ceiling * (1 + 1e-12)
        twin = ceiling * 0.9  # a constant one tenth smaller is refuted in the limit
        assert probability > 1e-3 or bias > twin


def test_clipping_lemma_holds_on_random_laws_and_is_looser_than_the_sharp_one():
    rng = np.random.default_rng(11)
    sharp, stated = (theorem(f"cheng2024/lemA2-{name}").bound for name in ("sharp", "bias"))
    about_mean, centered = (theorem(f"cheng2024/lemA2-{name}").bound for name in ("moment", "centered-moment"))
    for _ in range(200):
        moment = rng.uniform(2, 8)
        weights, support = rng.dirichlet(np.ones(5) * rng.uniform(0.05, 1)), rng.standard_t(2, 5)
        mean = rng.uniform(-0.5, 0.5)
        support = support - weights @ support
        level = (weights @ np.abs(support) ** moment) ** (1 / moment)
        support *= rng.uniform(0.01, 1 / 3) / level  # threshold 1 is at least three noise levels
        noise = (weights @ np.abs(support) ** moment) ** (1 / moment)
        clipped = np.clip(mean + support, -1, 1)
        values = {"alpha": moment, "sigma": noise, "rho": 1.0, "G_inf": abs(mean)}
        bias = abs(weights @ clipped - mean)
        assert bias <= sharp.at(values) * (1 + 1e-9) + 1e-15
        assert sharp.at(values) <= stated.at(values)
        assert weights @ np.abs(clipped - mean) ** moment <= about_mean.at(values) * (1 + 1e-9)
        assert weights @ np.abs(clipped - weights @ clipped) ** moment <= centered.at(values) * (1 + 1e-9)


def test_sharp_constant_of_the_clipping_bias():
    """27/256 at alpha = 4, and 27/32 where the mean is half the threshold, against 16."""
    sharp, stated = (term(f"cheng2024/lemA2-{name}", "clipping").subs(alpha, 4) for name in ("sharp", "bias"))
    unit = sigma**4 / rho**3
    assert simplify(sharp.subs(G_inf, 0) / unit) == Rational(27, 256)
    assert simplify(sharp.subs(G_inf, rho / 2) / unit) == Rational(27, 32)
    assert simplify(stated / unit) == 16


def test_fourth_moment_of_the_mean_of_signs():
    sharp, stated = theorem("cheng2024/lemA3-sharp").bound, theorem("cheng2024/lemA3").bound
    for workers in range(1, 7):
        means = [Rational(sum(signs), workers) for signs in product((-1, 1), repeat=workers)]
        exact = sum(mean**4 for mean in means) / len(means)
        values = {"M": workers, "sigma": 1}
        assert sharp.at(values) == pytest.approx(float(exact), rel=1e-14)
        assert sharp.at(values) <= stated.at(values)
    twin = 2 * sigma**4 / M**2
    assert float(twin.subs({M: 6, sigma: 1})) < sharp.at({"M": 6, "sigma": 1})


def test_variance_on_a_linear_objective():
    """The closed form against the sum, and the lag at beta1 = 0.9 that hides the spread for few local steps."""
    lagged, free = theorem("cheng2024/flat-variance-x").bound, theorem("cheng2024/flat-variance-z").bound
    for beta, steps in product((0.0, 0.5, 0.9), (1, 4, 16)):
        values = {"eta": 0.1, "sigma": 2.0, "K": steps, "beta1": beta}
        summed = 0.04 * sum((1 - beta**j) ** 2 for j in range(1, steps + 1))
        assert lagged.at(values) == pytest.approx(summed, rel=1e-12)
        assert lagged.at(values) <= free.at(values)
    at = {"eta": 1.0, "sigma": 1.0, "beta1": 0.9}
    shares = [lagged.at({**at, "K": steps}) / free.at({**at, "K": steps}) for steps in (4, 16)]
    assert shares == pytest.approx([0.06, 0.34], abs=0.005)


def test_unclipped_sgd_needs_the_steps_of_theorem_d1():
    """The fewest steps over all step sizes that are not refuted by the construction, against the bound."""
    bound = theorem("cheng2024/thmD1-explicit").bound
    rng = np.random.default_rng(5)
    ratios, curvatures = [], []
    for _ in range(200):
        moment, confidence = rng.uniform(2, 8), 10 ** rng.uniform(-4, -1)
        curvature, accuracy, start = 10 ** rng.uniform(-2, 2), 10 ** rng.uniform(-4, 0), 10 ** rng.uniform(0, 2)
        least_noise = 4 * confidence ** (1 / moment) * np.sqrt(2 * curvature * accuracy)
        noise = least_noise * 10 ** rng.uniform(0, 2)
        radius = np.sqrt(2 * accuracy / curvature)
        if start <= 1.01 * radius:
            continue
        largest_step = 2 * radius * confidence ** (1 / moment) / noise
        fewest = np.ceil(np.log(start / radius) / -np.log1p(-largest_step * curvature))
        values = {"alpha": moment, "delta": confidence, "L": curvature, "eps": accuracy, "B": start, "sigma": noise}
        assert theorem("cheng2024/thmD1").holds_at(values)
        ratios.append(fewest / bound.at(values))
        curvatures.append(curvature)
    assert min(ratios) >= 1
    as_printed = np.array(ratios) / np.array(curvatures)  # (D.1) has sqrt(L/eps): larger by a factor L
    assert min(as_printed) < 1, "the printed form would be refuted"


def expected_run(curvature, step, threshold, jump, probability, steps):
    """Local SGD on curvature x^2/2 with infinitely many workers, clipped two-point noise: exact mean iterates."""
    drop = probability / (1 - probability) * jump
    x, path = 1.0, []
    for _ in range(steps):
        path.append(x)
        up, down = np.clip([curvature * x + jump, curvature * x - drop], -threshold, threshold)
        x -= step * (probability * up + (1 - probability) * down)
    return np.array(path)


@pytest.mark.parametrize("probability", [0.05, 0.2])
def test_fixed_step_bounds_hold_where_clipping_bias_is_the_floor(probability):
    """With 10^9 workers and K = 1 start and clipping bias are left; without the clipping terms the bounds fail."""
    curvature, step, threshold, steps, moment = 1.0, 0.2, 2.0, 4000, 4.0
    jump = 4.0 * (threshold - 1)
    drop = probability / (1 - probability) * jump
    level = (probability * jump**moment + (1 - probability) * drop**moment) ** (1 / moment)
    path = expected_run(curvature, step, threshold, jump, probability, steps)
    values = {"K": 1, "R": steps, "M": 10**9, "L": curvature, "mu": curvature, "eta": step, "rho": threshold}
    values |= {"sigma": level, "sigma_2alpha": level, "alpha": moment, "B": 1.0, "beta1": 0.0}
    values |= {"D": float(np.abs(path).max()), "G_inf": float(np.abs(path).max() * curvature)}
    weights = (1 - step * curvature / 2) ** (steps - 1 - np.arange(steps))
    outputs = {"fixed-step-convex": path.mean(), "fixed-step-sc": weights @ path / weights.sum()}
    for name, output in outputs.items():
        statement = theorem(f"cheng2024/{name}")
        assert statement.holds_at(values)
        gap = curvature * output**2 / 2
        assert gap <= statement.bound.at(values)
        assert gap > sum(value for key, value in statement.bound.terms_at(values).items() if "clipping" not in key)


def balanced(start, other):
    """The value at which a term falling like 1/eta meets one that grows with a power of eta."""
    falling, growing = exponents(start), exponents(other)
    power = growing["eta"]
    assert falling["eta"] == -1
    return start ** (power / (power + 1)) * other ** (1 / (power + 1))


@pytest.mark.parametrize(
    ("structural", "name", "tuned"),
    [
        ("structural-convex", "statistical", CONVEX),
        ("structural-convex", "noise drift", CONVEX),
        ("structural-adam", "statistical", "cheng2024/eqC.166"),
        ("structural-adam", "noise drift", ADAM),
    ],
)
def test_fixed_step_terms_balance_to_the_tuned_rate(structural, name, tuned):
    start, other = (term(f"cheng2024/{structural}", key) for key in ("optimization", name))
    assert same_power_law(balanced(start, other), term(tuned, name))
    assert not same_power_law(balanced(start, other * K), term(tuned, name))


def local_sgd_on_bent_parabola(flat, step, local_steps, rounds, workers, noise, replicas=200):
    """Mean iterates (steps, replicas) of local SGD from its optimum 0 on x^2/2 for x > 0, flat x^2/2 for x < 0."""
    rng = np.random.default_rng(17)
    x, path = np.zeros((replicas, workers)), []
    for t in range(local_steps * rounds):
        path.append(x.mean(axis=1))
        x = x - step * (np.where(x > 0, x, flat * x) + noise * rng.standard_normal(x.shape))
        if (t + 1) % local_steps == 0:
            x = np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape)
    return np.array(path)


def test_fixed_step_bounds_hold_where_drift_is_the_floor():
    """Many workers, many local steps: the drift term is needed, and the bounds with it hold."""
    flat, step, local_steps, rounds, workers = 0.02, 0.25, 32, 16, 64
    path = local_sgd_on_bent_parabola(flat, step, local_steps, rounds, workers, noise=1.0)
    values = {"K": local_steps, "R": rounds, "M": workers, "L": 1.0, "mu": flat, "eta": step, "rho": 1e9}
    values |= {"sigma": 1.0, "sigma_2alpha": 1.0, "alpha": 2.0, "B": 1e-6, "beta1": 0.0, "G_inf": 1e2, "D": 1e2}
    weights = (1 - step * flat / 2) ** (local_steps * rounds - 1 - np.arange(local_steps * rounds))
    outputs = {"fixed-step-convex": path.mean(axis=0), "fixed-step-sc": weights @ path / weights.sum()}
    for name, output in outputs.items():
        statement = theorem(f"cheng2024/{name}")
        assert statement.holds_at(values)
        bound = statement.bound.at(values)
        gaps = np.where(output > 0, 1.0, flat) * output**2 / 2
        error = 5 * gaps.std() / np.sqrt(gaps.size)
        assert gaps.mean() + error <= bound
        assert gaps.mean() - error > bound - statement.bound.terms_at(values)["noise drift"]
