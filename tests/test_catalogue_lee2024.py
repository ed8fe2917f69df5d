"""Lee et al. (2024): orders, the proved bound, the counterexample and heavy tails, against direct computation."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray

from tightrate.rates.papers.lee2024.assumptions import HETEROGENEITY
from tightrate.rates.papers.lee2024.heavy_tails import move_by_bounded_steps
from tightrate.rates.papers.lee2024.orders import psi_ratios
from tightrate.rates.papers.lee2024.proved_bound import least_gain
from tightrate.rates.statements.catalogue import theorem, theorems
from tightrate.rates.symbols.alphabet import R, beta1, beta2, eta, gamma, symbol, zeta_inf
from tightrate.rates.symbols.evaluation import at
from tightrate.rates.symbols.monomial import monomial

Array = NDArray[np.float64]
Gradient = Callable[[int, Array], Array]


def value(label: str, **values: float | Array) -> Array:
    """A bound of the paper as floats."""
    return theorem(f"lee2024/{label}").bound.at(values)


def fedada2(
    gradient: Gradient,
    start: Array,
    clients: int,
    *,
    K: int,
    R: int,
    eta: float,
    gamma: float,
    damping: float,
    server_damping: float | None,
    delay: int = 1,
    cover: list[list[int]] | None = None,
    client: str = "adagrad",
) -> tuple[list[Array], float]:
    """The points x_0, ..., x_R and the largest coordinate of a client's move; SM3-II with a cover, AdaGrad without.

    Without server damping the server averages; `client="sgd"` makes the clients plain.
    """
    x, server = start.copy(), np.zeros_like(start)
    points, largest = [x], 0.0
    for _ in range(R):
        moves = []
        for i in range(clients):
            y, v = x.copy(), np.zeros_like(x)
            for k in range(K):
                g = gradient(i, y)
                if k % delay == 0:
                    if cover is not None:
                        accumulated = [v[block].max() for block in cover]
                        v = np.array([min(a for a, b in zip(accumulated, cover, strict=True) if j in b)
                                      for j in range(x.size)])  # fmt: skip
                    v = v + g**2
                y = y - eta * (g if client == "sgd" else g / (np.sqrt(v) + damping))
            moves.append(y - x)
        largest = max(largest, float(np.abs(moves).max()))
        move = np.mean(moves, axis=0)
        if server_damping is None:
            x = x + move
        else:
            server = server + move**2
            x = x + gamma * move / (np.sqrt(server) + server_damping)
        points.append(x)
    return points, largest


# --- the catalogue itself


def test_only_orders_in_both_steps_hide_units() -> None:
    hidden = {entry.label for entry in theorems("lee2024/*") if entry.bound.units_consistent() == "not-checkable"}
    assert hidden == {"thm6", "cor7a", "cor7b", "cor8", "blended"}


def test_a_dimensional_bound_with_a_wrong_term_is_not_excused() -> None:
    bound = theorem("lee2024/proved").bound
    wrong = type(bound)((*bound.terms, theorem("lee2024/h2").bound.terms[0]), bound.measure, "upper", "explicit")
    assert wrong.units_consistent() == "no"


# --- the orders and their corollaries


def exponents(terms: dict[str, sympy.Expr]) -> Callable[..., list[Fraction]]:
    """The exponents of R in the terms as a function of the letters' powers of R; logarithms count as constants."""
    found = [
        {name: Fraction(str(power)) for name, power in monomial(term).exponents.items()} for term in terms.values()
    ]

    def at(**powers: Fraction) -> list[Fraction]:
        letters = {"R": Fraction(1), **powers}
        return [sum((power * letters[name] for name, power in one.items()), Fraction(0)) for one in found]

    return at


def cor7(case: str) -> dict[str, sympy.Expr]:
    return {term.name: term.expression for term in theorem(f"lee2024/{case}").bound.terms}


def test_case_a_converges_exactly_under_its_conditions() -> None:
    terms = cor7("cor7a")
    expected = {"initial gap": {"R": -1, "eta": -1, "gamma": -1}, "server step": {"eta": 1, "gamma": 1}}
    expected |= {"client drift": {"eta": 1}, "preconditioner": {"eta": 2}, "server drift": {"eta": 2, "gamma": 2}}
    assert {name: dict(monomial(term).exponents) for name, term in terms.items()} == expected
    powers_at = exponents(terms)
    for step in range(-40, -9):  # client exponents from -2 to -1/2
        client = Fraction(step, 20)
        for server in (Fraction(e, 20) for e in range(-40, 41)):
            converges = all(power < 0 for power in powers_at(eta=client, gamma=server))
            assert converges == (-1 < client + server < 0)


def test_case_b_converges_exactly_between_its_two_powers() -> None:
    terms = cor7("cor7b")
    assert terms["preconditioner"].has(sympy.log)
    powers_at = exponents(terms)
    for numerator in range(-120, 121):
        server = Fraction(numerator, 100)
        powers = powers_at(gamma=server)
        assert powers == [
            -server - Fraction(1, 2),
            server - Fraction(12, 25),
            Fraction(-12, 25),
            Fraction(-99, 100),
            2 * server - Fraction(97, 100),
        ]
        assert all(power < 0 for power in powers) == (Fraction(-1, 2) < server < Fraction(12, 25))


def test_minus_one_half_is_the_best_exponent() -> None:
    small, medium = psi_ratios("small"), psi_ratios("medium")
    assert sympy.simplify(small["initial gap"] * small["server step"] * R) == 1
    assert sympy.simplify(medium["initial gap"] * medium["server step"] - eta**2) == 0  # at least 1/R in that regime
    best = max(exponents(cor7("cor8"))())
    assert best == Fraction(-1, 2)
    ratios = {regime: psi_ratios(regime) for regime in ("small", "medium", "large")}  # type: ignore[arg-type]
    for terms in ratios.values():
        del terms["preconditioner"]  # carries a logarithm, and can only make the maximum larger
    powers_in = {regime: exponents(terms) for regime, terms in ratios.items()}
    for client in (Fraction(e, 10) for e in range(-30, 11)):
        regime = "small" if client <= Fraction(-1, 2) else "medium" if client <= 0 else "large"
        for server in (Fraction(e, 10) for e in range(-30, 31)):
            assert max(powers_in[regime](eta=client, gamma=server)) >= best


def test_piecewise_orders_are_the_regimes_and_agree_where_they_meet() -> None:
    entry = theorem("lee2024/thm6").bound
    for client_step, regime in ((1e-4, "small"), (0.3, "medium"), (7.0, "large")):
        values = {"R": 1e4, "eta": client_step, "gamma": 0.7}
        ratios = psi_ratios(regime)  # type: ignore[arg-type]
        for term in entry.terms:
            assert at(term.expression, values) == pytest.approx(at(ratios[term.name], values))
    for step, left, right in (
        (1 / sympy.sqrt(R), psi_ratios("small"), psi_ratios("medium")),
        (sympy.Integer(1), psi_ratios("medium"), psi_ratios("large")),
    ):
        for name in left:
            assert sympy.simplify(left[name].subs(eta, step) - right[name].subs(eta, step)) == 0


def test_corollary8_is_case_a_at_its_steps() -> None:
    steps = theorem("lee2024/cor8").steps
    for name, term in cor7("cor7a").items():
        assert sympy.simplify(term.subs({gamma: steps["gamma"], eta: steps["eta"]}) - cor7("cor8")[name]) == 0


# --- the proved bound


def random_clients(rng: np.random.Generator) -> tuple[Gradient, int, int, float, float, float, float]:
    """Clients f_i = f_0 + shift_i x with f_0 a sum of log cosh: gradient, sizes, L, G_inf, zeta_inf, initial gap.

    The gap is taken to the smallest value seen in a descent, which is at least the minimum, so it is never too large.
    """
    clients, dimension = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    directions = rng.normal(size=(dimension + 2, dimension))
    offsets, weights = rng.normal(size=dimension + 2), rng.uniform(0.1, 1, dimension + 2)
    shifts = rng.normal(size=(clients, dimension)) * 10 ** rng.uniform(-3, -0.5)
    shifts -= shifts.mean(axis=0)
    smooth = np.linalg.norm((weights[:, None] * directions).T @ directions, 2)
    largest = float(((weights[:, None] * np.abs(directions)).sum(axis=0) + np.abs(shifts)).max())

    def gradient(i: int, x: Array) -> Array:
        return np.asarray(directions.T @ (weights * np.tanh(directions @ x - offsets)) + shifts[i])

    def objective(x: Array) -> float:
        return float(weights @ np.logaddexp(directions @ x - offsets, offsets - directions @ x))

    x = np.zeros(dimension)
    for _ in range(200):
        x = x - (gradient(0, x) - shifts[0]) / smooth
    gap = objective(np.zeros(dimension)) - objective(x)
    return gradient, clients, dimension, smooth, largest, float(np.abs(shifts).max()), gap


def test_proved_bound_holds_on_random_clients() -> None:
    rng = np.random.default_rng(1)
    bound, phi = (theorem(f"lee2024/{label}").bound for label in ("proved", "client-displacement"))
    tightest, furthest = 0.0, 0.0
    for trial in range(60):
        gradient, clients, dimension, smooth, largest, heterogeneity, gap = random_clients(rng)
        steps, rounds, delay = int(rng.integers(1, 5)), int(rng.integers(1, 40)), int(rng.integers(1, 4))
        client_step, server_step = 10 ** rng.uniform(-2, 0), 10 ** rng.uniform(-2, 0)
        damping, server_damping = 10 ** rng.uniform(-1.5, 0), 10 ** rng.uniform(-2, 0)
        cover = None if trial % 2 else [list(range(dimension)), [0], list(range(dimension // 2, dimension))]
        points, move = fedada2(
            gradient, np.zeros(dimension), clients, K=steps, R=rounds, eta=client_step, gamma=server_step,
            damping=damping, server_damping=server_damping, delay=delay, cover=cover,
        )  # fmt: skip
        mean = [np.mean([gradient(i, x) for i in range(clients)], axis=0) for x in points[:-1]]
        squared = np.sum(np.square(mean), axis=1)
        values = {"K": steps, "R": rounds, "eta": client_step, "gamma": server_step, "lambda": damping, "d": dimension}
        values |= {"server_damping": server_damping, "delay": delay, "L": smooth, "G_inf": largest, "Delta": gap}
        limit = bound.at(values, zeta_inf=heterogeneity)
        assert squared.min() <= squared.mean() <= limit
        furthest_allowed = phi.at(values)
        assert move <= furthest_allowed * (1 + 1e-12)
        tightest = max(tightest, squared.mean() / limit)
        furthest = max(furthest, move / furthest_allowed)
    assert tightest > 1e-3
    assert furthest > 0.3


def test_least_gain_is_below_the_sum_and_equal_without_updates() -> None:
    for damping in (0.01, 1.0, 10.0):
        for delay in (1, 2, 3, 7):
            for steps in range(1, 25):
                total = sum(1 / (math.sqrt(-(-k // delay)) + damping) for k in range(1, steps + 1))
                least = at(least_gain(), {"K": steps, "delay": delay, "G_inf": 1.0, "lambda": damping})
                assert least <= total * (1 + 1e-12)
                assert total <= math.sqrt(2) * least
                if steps <= delay:
                    assert least == pytest.approx(total)


def test_tuned_bound_is_the_proved_one_at_its_step_and_has_its_rate() -> None:
    values = {"K": 5, "gamma": 0.3, "lambda": 0.2, "d": 3, "server_damping": 0.7, "delay": 2, "L": 2.0, "G_inf": 1.5}
    values |= {"Delta": 4.0, "zeta_inf": 0.1, "R": 50}
    entry = theorem("lee2024/proved-tuned")
    at_step = theorem("lee2024/proved").bound.at(values, eta=entry.step_at("eta", values))
    assert entry.bound.at(values) == pytest.approx(at_step)
    same = {**values, "zeta_inf": 0.0}
    rounds = np.array([1e8, 1e10])
    decay = value("proved-tuned", **{**same, "R": rounds})
    assert math.log(decay[1] / decay[0], 100) == pytest.approx(-0.5, abs=1e-2)
    floor = value("proved-tuned", **{**values, "R": np.array([1e12])})
    least = at(least_gain(), values)
    assert floor == pytest.approx(2 * 3 * 5 * 0.1**2 / (0.2 * least), rel=1e-3)


def test_adam_displacement_is_a_bound_and_nearly_attained() -> None:
    factor = theorem("lee2024/client-displacement-adam").bound
    rng = np.random.default_rng(2)
    first, second = 0.9, 0.99
    limit = factor.at(K=1, eta=1.0, beta1=first, beta2=second)
    worst = 0.0
    sequences = [rng.standard_t(1.2, size=60) * rng.choice([1, 100], 60) for _ in range(300)]
    sequences.append((first / second) ** np.arange(200.0)[::-1])
    for gradients in sequences:
        m = v = 0.0
        for g in gradients:
            m, v = first * m + (1 - first) * g, second * v + (1 - second) * g**2
            worst = max(worst, abs(m) / math.sqrt(v))
    assert 0.99 * limit < worst <= limit
    twin = factor.expression.subs(beta1**2 / beta2, 0)  # momentum ignored in the sum
    assert worst > at(twin, K=1, eta=1.0, beta1=first, beta2=second)


def test_blended_displacement_is_a_bound_that_repeated_gradients_attain() -> None:
    """Undamped sums of all gradients so far, the most that a strategy may do, with gradients of one sign."""
    for steps in (1, 2, 7):
        moved = sum(0.1 * p * 3.0 / 0.5 for p in range(1, steps + 1))
        limit = value("client-displacement-blended", eta=0.1, G_inf=3.0, K=steps, **{"lambda": 0.5})
        assert float(limit) == pytest.approx(moved)


# --- the counterexample


def test_the_family_contains_the_counterexample_and_cancels_in_exact_arithmetic() -> None:
    entry = theorem("lee2024/counterexample-family").bound.expression
    for largest, damping in ((Fraction(1), Fraction(1)), (Fraction(3, 2), Fraction(1, 7)), (Fraction(2), Fraction(9))):
        b = largest * damping / (largest + 2 * damping)
        gradients = [largest, -b, -b]
        assert sum(g / (abs(g) + damping) for g in gradients) == 0
        stays = (sum(gradients) / 3) ** 2
        exact = entry.subs(
            {symbol("G_inf"): sympy.Rational(str(largest)), symbol("lambda"): sympy.Rational(str(damping))}
        )
        assert Fraction(int(exact.p), int(exact.q)) == stays
    assert entry.subs({symbol("G_inf"): 1, symbol("lambda"): 1}) == sympy.Rational(1, 81)
    assert sympy.limit(entry.subs(symbol("G_inf"), 1), symbol("lambda"), 0) == sympy.Rational(1, 9)


def three_clients(slope: float = 1.0) -> Gradient:
    def gradient(i: int, x: Array) -> Array:
        scaled = np.tanh(slope * x)
        return 1 + scaled / 2 if i == 0 else -1 / 3 + scaled

    return gradient


def test_counterexample_is_frozen_in_exact_arithmetic() -> None:
    gradients = [Fraction(1), Fraction(-1, 3), Fraction(-1, 3)]
    assert sum(g / (abs(g) + 1) for g in gradients) == 0
    exact = theorem("lee2024/counterexample").bound.expression.subs(symbol("lambda"), 1)
    assert (sum(gradients) / 3) ** 2 == Fraction(int(exact.p), int(exact.q)) == Fraction(1, 81)


@pytest.mark.parametrize("steps", [(1.0, 1.0), (1e-3, 10.0), (1.0, 500**-0.5)])
def test_counterexample_never_moves(steps: tuple[float, float]) -> None:
    server_step, client_step = steps
    settings = {"K": 1, "R": 500, "eta": client_step, "gamma": server_step}
    points, _ = fedada2(three_clients(), np.zeros(1), 3, damping=1.0, server_damping=1.0, **settings)
    assert np.abs(points).max() < 1e-12
    mean = np.mean([three_clients()(i, points[-1]) for i in range(3)])
    assert mean**2 == pytest.approx(float(value("counterexample", **{"lambda": 1.0})), rel=1e-10)
    moved, _ = fedada2(three_clients(), np.zeros(1), 3, damping=0.5, server_damping=1.0, **settings)  # twin
    assert np.abs(moved).max() > 1e-6


def test_counterexample_satisfies_its_hypotheses_and_refutes_a_bound_without_heterogeneity() -> None:
    x = np.linspace(-5, 5, 2001)
    values = np.array([three_clients()(i, x) for i in range(3)])
    slopes = np.diff(values, axis=1) / np.diff(x)
    assert slopes.min() >= 0
    assert slopes.max() <= 1
    assert np.abs(values).max() <= 1.5
    assert values.mean(axis=0).min() < 0 < values.mean(axis=0).max()
    heterogeneity = np.abs(values - values.mean(axis=0)).max()
    settings = {"K": 1, "gamma": 1.0, "lambda": 1.0, "d": 1, "server_damping": 1.0, "delay": 1, "L": 1.0, "G_inf": 1.5}
    settings |= {"Delta": 1.0, "R": 1e8}
    stays = float(value("counterexample", **{"lambda": 1.0}))
    assert stays <= value("proved-tuned", zeta_inf=heterogeneity, **settings)
    assert stays > at(theorem("lee2024/proved-tuned").bound.expression.subs(zeta_inf, 0), settings)
    assert HETEROGENEITY in theorem("lee2024/thm6").errata


def test_family_of_counterexamples() -> None:
    g, damping = sympy.symbols("g lambda", positive=True)
    b = g * damping / (g + 2 * damping)
    assert sympy.simplify(g / (g + damping) - 2 * b / (b + damping)) == 0
    stays = sympy.simplify((g - 2 * b) / 3)
    assert sympy.simplify(stays - g**2 / (3 * (g + 2 * damping))) == 0
    assert sympy.limit(stays, damping, 0) == g / 3
    squared = theorem("lee2024/counterexample").bound.expression
    assert sympy.simplify(stays.subs(g, damping) ** 2 - squared.subs(symbol("lambda"), damping)) == 0


# --- heavy tails


def heavy_tailed(rng: np.random.Generator) -> Gradient:
    """x/2 on every client plus noise with infinite variance on the first."""
    return lambda i, x: x / 2 + (rng.standard_t(1.1, size=x.size) * 100 if i == 0 else 0.0)


def test_adaptive_sides_bound_the_gap_and_plain_clients_do_not() -> None:
    rng = np.random.default_rng(3)
    settings = {"K": 4, "R": 30, "eta": 0.05, "gamma": 0.2, "damping": 1e-3}
    start = np.array([0.6, 0.8])
    common = {"B": 1.0, "R": 30, "d": 2, "L": 0.5}
    client_limit = float(value("h2", K=4, eta=0.05, **common))
    server_limit = float(value("h2-server", gamma=0.2, **common))

    def worst(**choice: object) -> float:
        gaps = []
        for _ in range(20):
            points, _ = fedada2(heavy_tailed(rng), start, 3, **{**settings, **choice})  # type: ignore[arg-type]
            gaps.append(0.25 * float(points[-1] @ points[-1]))
        return max(gaps)

    assert worst(server_damping=None) <= client_limit
    assert worst(server_damping=1e-3, client="sgd") <= server_limit
    assert worst(server_damping=None, client="sgd") > client_limit
    assert worst(server_damping=None, delay=2) > client_limit  # K - 1 = 3 is odd: the last step does not update


def test_h2_is_attained_by_steps_that_all_point_away() -> None:
    points, _ = fedada2(lambda _i, x: np.full_like(x, -1e9), np.zeros(2), 1, K=1, R=20, eta=0.1, gamma=1.0,
                        damping=1e-3, server_damping=None)  # fmt: skip
    reached = float(np.linalg.norm(points[-1]))
    limit = float(value("h2", B=1e-12, R=20, d=2, L=2.0, K=1, eta=0.1)) ** 0.5
    assert reached == pytest.approx(limit, rel=1e-9)
    assert reached > float(value("h2", B=1e-12, R=20, d=1, L=2.0, K=1, eta=0.1)) ** 0.5  # twin: no dimension


def test_infinite_regret_is_infinite_and_its_conditions_decide() -> None:
    for label in ("thm1", "h1", "h3"):
        entry = theorem(f"lee2024/{label}")
        assert entry.bound.at() == math.inf
        assert entry.bound.kind == "lower"
    delayed = theorem("lee2024/h3").conditions[0]
    assert delayed.status({"K": 2, "delay": 2}) == "holds"
    assert delayed.status({"K": 3, "delay": 2}) == "fails"
    assert delayed.status({"K": 7, "delay": 1}) == "fails"


def test_second_moment_inequality_of_h1() -> None:
    rng = np.random.default_rng(4)
    a, noise = rng.normal(size=(2, 1000, 3)) * 10 ** rng.uniform(-3, 3, (2, 1000, 1))
    c = 10 ** rng.uniform(-3, 3, (1000, 1))
    left = np.sum((a - c * noise) ** 2, axis=1)
    right = np.sum((c * noise) ** 2, axis=1) / 2 - np.sum(a**2, axis=1)
    assert np.all(left >= right - 1e-9 * np.abs(right))


def test_bounded_steps_along_the_diagonal_reach_their_bound() -> None:
    """f = L |x|^2 / 2 from B along the diagonal, every coordinate moved away by the largest step in every step."""
    smoothness, distance, rounds, steps, step, dimension = 2.0, 0.5, 3, 4, 0.1, 9
    x = np.full(dimension, distance / math.sqrt(dimension))
    for _ in range(rounds * steps):
        x = x + step
    bound = move_by_bounded_steps(sympy.Integer(steps), sympy.Float(step))
    assert smoothness / 2 * x @ x == pytest.approx(at(bound, L=smoothness, B=distance, R=rounds, d=dimension))
