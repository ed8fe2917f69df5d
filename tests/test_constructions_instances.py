"""What the hard instances are for: each shows the number that it was built to show."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from tightrate.constructions.confidence_instance import confidence_instance, confidence_noise, failure_probability
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.heavy_tail_clients import heavy_tail_clients, one_heavy_tailed_client
from tightrate.constructions.log_spaced_quadratic import log_spaced_quadratic
from tightrate.constructions.parity_chain import chain_ratio, parity_chain
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.rank_one_pair import rank_one_pair
from tightrate.constructions.shared_coordinate_pair import shared_coordinate_pair
from tightrate.constructions.three_clients import three_clients
from tightrate.constructions.weakly_convex import weakly_convex
from tightrate.constructions.wishart_quadratic import wishart_quadratic
from tightrate.constructions.zeta_piecewise_pair import zeta_piecewise_pair
from tightrate.constructions.zeta_quadratic_pair import zeta_quadratic_pair


def local_steps(problem: Problem, x: Any, eta: float, K: int) -> np.ndarray[Any, Any]:
    """Every worker's point after K gradient steps from the common point x, (M, d)."""
    y = np.broadcast_to(x, (problem.workers, problem.dimension))
    for _ in range(K):
        y = y - eta * problem.gradient(y)
    return y


@pytest.mark.parametrize(
    ("R", "value"), [(1, 0.0195), (2, 0.0180), (3, 0.0322), (5, 0.0475), (10, 0.0616), (20, 0.0696)]
)
def test_chain_keeps_what_the_first_R_coordinates_cannot_see(R: int, value: float) -> None:
    """The exact minimum of F over vectors on the first R coordinates, times R^2/(L B^2), and the bound below it.

    The reference values are for links of curvature L (1 + q^2)/2 instead of L and an infinite chain.
    """
    L, B, d = 2.0, 3.0, max(40 * R, 60)
    chain = parity_chain(R=R, L=L, B=B, d=d)
    q = chain_ratio(R)
    hessian, optimum = chain.mean_hessian, chain.optimum
    best = np.zeros(d)
    best[:R] = np.linalg.solve(hessian[:R, :R], hessian[:R] @ optimum)
    floor = float(chain.gap(best))
    assert floor * R**2 / (L * B**2) * (1 + q**2) / 2 == pytest.approx(value, abs=6e-5)
    assert floor >= L * B**2 / (8 * R**2) * (q ** (2 * R) - q ** (2 * d))


def test_chain_reveals_one_coordinate_a_round_to_a_zero_respecting_method() -> None:
    """Local gradient descent with any K: after r rounds nothing beyond coordinate r has moved."""
    chain = parity_chain(R=5, d=12)
    x = np.zeros(12)
    for r in range(1, 6):
        x = local_steps(chain, x, 0.3, 50).mean(axis=0)
        assert np.all(x[r:] == 0), r
        assert x[r - 1] != 0


@pytest.mark.parametrize("R", [1, 3, 10, 100])
def test_shared_coordinate_pair_stops_local_descent_at_small_tau(R: int) -> None:
    """The pair's floor with the blocks' curvature in place of L, for every effective step of a round."""
    curvature, B = 0.1, 2.0
    pair = shared_coordinate_pair(cosine=1 - 1 / (6 * R), curvature=curvature, B=B)
    eigenvalues, basis = np.linalg.eigh(pair.mean_hessian[:2, :2])
    modes = basis.T @ pair.optimum[:2]

    def gap(step: float) -> float:  # one round is one gradient step on the average pair, whatever eta, gamma and K
        return float(0.5 * np.sum(eigenvalues * ((1 - step * eigenvalues) ** R * modes) ** 2))

    steps = np.linspace(0, 5 / curvature, 4001)  # beyond, the pair explodes
    floor = min(gap(step) for step in steps)
    assert floor >= curvature * B**2 / (108 * R)
    # Its tau is smaller than the curvature, so in tau the floor falls like 1/sqrt R only: tau B^2 sqrt(3 R)/(108 R).
    assert floor >= float(pair.constants["tau"]) * B**2 * np.sqrt(3 * R) / (108 * R)
    assert float(pair.constants["L"]) == 1.0


def test_shared_coordinate_pair_is_the_rank_one_pair_beside_a_parabola() -> None:
    whole, part = shared_coordinate_pair(cosine=0.8, curvature=0.3, L=2.0), rank_one_pair(cosine=0.8, L=0.3)
    x = np.random.default_rng(0).standard_normal((2, 3))
    np.testing.assert_allclose(whole.gradient(x)[:, :2], part.gradient(x[:, :2]), atol=1e-15)
    np.testing.assert_allclose(whole.gradient(x)[:, 2], 2.0 * x[:, 2])


@pytest.mark.parametrize(("tau", "K", "eta"), [(0.5, 4, 0.3), (0.1, 32, 1.0), (0.9, 2, 0.01)])
def test_zeta_quadratic_pair_tends_to_its_biased_fixed_point(tau: float, K: int, eta: float) -> None:
    zeta, mu, B, R = 0.4, 1e-3, 2.0, 60
    pair = zeta_quadratic_pair(zeta=zeta, tau=tau, mu=mu, B=B)
    x = np.zeros(2)
    for _ in range(R):
        x = local_steps(pair, x, eta, K).mean(axis=0)
    a1, a2 = 1.0, 1.0 - tau
    c1, c2 = 1 - (1 - eta * a1) ** K, 1 - (1 - eta * a2) ** K
    fixed_point = zeta * (c2 / a2 - c1 / a1) / (c1 + c2)
    assert x[1] == pytest.approx((1 - (1 - (c1 + c2) / 2) ** R) * fixed_point, rel=1e-10)
    assert x[0] == pytest.approx(B * (1 - (1 - eta * mu) ** (K * R)), rel=1e-10)
    assert fixed_point == pytest.approx(eta * (K - 1) * zeta * tau / (4 * (a1 + a2) / 2), rel=2 * eta * K)


@pytest.mark.parametrize(("K", "eta"), [(1, 0.5), (4, 0.3), (64, 0.02)])
def test_zeta_piecewise_pair_drifts_in_one_round_by_the_closed_form(K: int, eta: float) -> None:
    zeta, L = 0.3, 1.0
    pair = zeta_piecewise_pair(zeta=zeta, L=L)
    drift = local_steps(pair, pair.optimum, eta, K).mean(axis=0)[1]
    a = L / 2
    expected = zeta / 2 * ((1 - (1 - eta * L) ** K) / L - (1 - (1 - eta * a) ** K) / a)
    assert drift == pytest.approx(expected, rel=1e-12, abs=1e-16)
    if K == 1:
        assert drift == 0
    else:
        assert drift == pytest.approx(-zeta * eta**2 * K * (K - 1) / 4 * (L - a), rel=eta * L * K)


def test_three_clients_never_move_under_client_adagrad_and_keep_their_gradient() -> None:
    """The counterexample, frozen: one normalized local step g/(|g| + 1) from 0, averaged, for many rounds."""
    clients = three_clients()
    x = np.zeros(1)
    for _ in range(1000):
        g = clients.gradient(np.broadcast_to(x, (3, 1)))
        x = x - 0.1 * (g / (np.abs(g) + 1)).mean(axis=0)
    assert abs(x[0]) < 1e-13
    mean = clients.gradient(np.zeros((3, 1))).mean()
    assert mean == pytest.approx(1 / 9, rel=1e-14)
    assert mean**2 == pytest.approx(1 / 81, rel=1e-14)
    np.testing.assert_allclose(np.tanh(clients.optimum), -2 / 15, rtol=1e-14)
    assert float(clients.constants["G"]) == 1.5
    assert float(clients.constants["L"]) == 1.0


def test_log_spaced_quadratic_gives_the_flat_averages_of_a_tuned_outer_step() -> None:
    """Mean gap of all local iterates (K = 8, R = 64, no noise): flat in eta at the boundary gamma, not at gamma = 1."""
    problem = log_spaced_quadratic()
    a, K, R = problem.curvatures[0], 8, 64
    start = problem.optimum**2

    def average_gap(eta: float, gamma: float) -> float:
        inner = 1 - eta * a
        outer = 1 - gamma + gamma * inner**K
        total = sum(a / 2 * start * outer ** (2 * r) * inner ** (2 * h) for r, h in product(range(R), range(K)))
        return float(np.sum(total) / (K * R))

    boundary = [average_gap(eta, 1 + (1 / (4 * eta) - 1) / K) for eta in (0.1, 0.01, 1e-3, 1e-4, 1e-5)]
    plain = [average_gap(eta, 1.0) for eta in (0.1, 0.01, 1e-3, 1e-4, 1e-5)]
    np.testing.assert_allclose(boundary, [0.00110, 0.00262, 0.00310, 0.00316, 0.00316], atol=6e-6)
    np.testing.assert_allclose(plain, [0.00124, 0.00690, 0.0195, 0.0241, 0.0246], rtol=6e-3)


def test_wishart_quadratic_as_printed_diverges_at_the_printed_step() -> None:
    for seed in range(5):
        printed, plain = wishart_quadratic(power=2, seed=seed), wishart_quadratic(seed=seed)
        assert 0.001 * float(printed.constants["L"]) > 20
        assert 0.1 < 0.001 * float(plain.constants["L"]) < 0.3
        np.testing.assert_allclose(np.sqrt(printed.constants["L"]), plain.constants["L"], rtol=1e-10)


def test_weakly_convex_optimum_is_global() -> None:
    """Against a dense grid: several local minima, none below the one that is claimed."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        problem = weakly_convex(weak=rng.uniform(0.3, 0.9), curvature=0.02, L=2.0, wavelength=rng.uniform(0.05, 1.0))
        grid = np.linspace(-30, 30, 30_001)[:, None]
        gaps = problem.gap(grid)
        assert gaps.min() > -1e-13
        assert np.sum((gaps[1:-1] < gaps[:-2]) & (gaps[1:-1] < gaps[2:])) > 1


def test_weakly_convex_becomes_convex_by_exactly_its_constant() -> None:
    """f + (weak/2)|x|^2 has increasing slopes; with 1% less it has not."""
    problem = weakly_convex(weak=0.4, width=0.01, B=0.0)
    x = np.linspace(-30, 30, 60_001)[:, None]
    slopes = problem.gradient(np.repeat(x[:, None], 2, axis=1)).mean(axis=1)[:, 0]
    assert np.all(np.diff(slopes + 0.4 * x[:, 0]) > -1e-12)
    assert np.any(np.diff(slopes + 0.396 * x[:, 0]) < 0)


def test_generalized_smooth_obeys_both_smoothness_inequalities() -> None:
    problem = PROBLEMS["generalized-smooth"](L0=0.7, L1=1.3, B=1.5, d=3)
    rng = np.random.default_rng(0)
    points = problem.optimum + rng.standard_normal((4000, 3)) * rng.uniform(0, 2, (4000, 1))
    points = points[problem.gap(points) <= problem.constants["Delta"]]
    assert len(points) > 500
    everywhere = np.repeat(points[:, None], problem.workers, axis=1)
    gradient = np.linalg.norm(problem.gradient(everywhere).mean(axis=1), axis=-1)
    curvature = problem.hessian_vector_product(everywhere, np.ones(3))[:, 0].max(axis=-1)  # diagonal Hessian
    assert np.all(curvature <= (0.7 + 1.3 * gradient) * (1 + 1e-12))
    assert np.all(curvature <= problem.constants["L"] * (1 + 1e-12))
    assert np.all(gradient**2 <= 2 * problem.constants["L"] * problem.gap(points) * (1 + 1e-12))
    assert curvature.max() > 0.3 * problem.constants["L"]


@pytest.mark.parametrize("alpha", [2.0, 4.0])
def test_confidence_instance_fails_as_often_as_its_noise_jumps(alpha: float) -> None:
    """All three outcomes of the last step: exact, thrown up, thrown down; both throws cost at least eps."""
    L, B, sigma, eps, eta, T = 2.0, 3.0, 0.2, 1e-4, 0.05, 200
    problem = confidence_instance(L=L, B=B)
    noise = confidence_noise(eta=eta, T=T, sigma=sigma, alpha=alpha, eps=eps, L=L, B=B)
    x = np.zeros((1, 1))
    for _ in range(T - 1):
        x = x - eta * problem.gradient(x)
    draws = np.empty((T, 1))
    jump = noise.noise.bound
    assert jump == pytest.approx(2 * np.sqrt(2 * eps / L) / eta, rel=1e-12)
    exact, up, down = (problem.gap((x - eta * (problem.gradient(x) + xi))[0]) for xi in (0.0, jump, -jump))
    assert exact < eps
    assert min(up, down) >= eps * (1 - 1e-9)
    chance = failure_probability(eta=eta, sigma=sigma, alpha=alpha, eps=eps, L=L)
    assert noise.moment(alpha) == pytest.approx(sigma, rel=1e-12)
    assert (jump / sigma) ** -alpha == pytest.approx(chance, rel=1e-12)
    noise.on(0).draw(np.random.default_rng(0), draws)
    assert np.all(draws[: T - 1] == 0)
    assert draws[T - 1, 0] in (0.0, jump, -jump)


def test_confidence_noise_is_off_where_the_noiseless_run_fails_anyway() -> None:
    noise = confidence_noise(eta=0.05, T=3, sigma=1.0, alpha=4.0, eps=1e-6)
    assert noise.variance == 0
    assert noise.bound == 0


def test_heavy_tailed_client_alone_makes_the_expected_regret_infinite() -> None:
    """Only its own noise lacks a second moment, and only a step that is not normalized inherits that."""
    problem = heavy_tail_clients(M=4, mu=0.5)
    assert float(problem.constants["mu"]) == pytest.approx(0.5)
    noise = one_heavy_tailed_client(M=4, client=2)
    assert [noise.on(m).variance for m in range(4)] == [1.0, 1.0, float("inf"), 1.0]
    assert noise.on(2).moment(1.0) == pytest.approx(1.0)
    # Sample second moments keep growing; those of an adaptive step |g|/(|g| + eps) do not.
    generator = np.random.default_rng(0)
    grown = []
    for size in (10**3, 10**6):
        out = np.empty((size, 1))
        noise.on(2).draw(generator, out)
        grown.append(np.mean(out**2))
        assert np.mean((np.abs(out) / (np.abs(out) + 1e-8)) ** 2) <= 1
    assert grown[1] > 3 * grown[0]


def test_rank_one_pair_floor_holds_at_its_best_step() -> None:
    """L B^2/(108 R) at cosine 1 - 1/(6 R), at the step that a one-dimensional search finds best."""
    for R in (1, 5, 50):
        pair = rank_one_pair(cosine=1 - 1 / (6 * R))
        assert isinstance(pair, QuadraticWorkers)
        values, basis = np.linalg.eigh(pair.mean_hessian)
        modes = basis.T @ pair.optimum

        def gap(step: float, R: int = R, values: Any = values, modes: Any = modes) -> float:
            return float(0.5 * np.sum(values * ((1 - step * values) ** R * modes) ** 2))

        best = min(gap(minimize_scalar(gap, bounds=(a, a + 0.25), method="bounded").x) for a in np.arange(0, 4, 0.25))
        assert 1 / (108 * R) <= best < 3 / (108 * R)


def test_log_uniform_spectra_fill_their_decades() -> None:
    problem = PROBLEMS["log-uniform-quadratics"](M=1, d=3000, mu=1e-6)
    assert isinstance(problem, DiagonalQuadratics)
    counts, _ = np.histogram(np.log10(problem.curvatures), bins=6, range=(-6, 0))
    assert np.all(np.abs(counts - 500) < 5 * np.sqrt(500))
