"""Exact moments of all that a method keeps, such as momenta: against runs of the rule itself, and in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.simulator.algorithm import ALGORITHMS, leaf_names, leaves
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.round_algorithm import AnsweringWorkers, one_round

M, D, K, R, SIGMA, REPLICAS = 3, 4, 2, 3, 0.5, 4000
PROBLEM = random_quadratics(L=1.0, mu=0.1, M=M, d=D, tau=0.5, zeta_star=1.0, B=1.0, seed=3)
METHODS: list[tuple[str, dict[str, Any]]] = [
    ("local-sgdm", {"eta": 0.2}),
    ("local-sgd-outer-momentum", {"eta": 0.1, "gamma": 1.0}),
    ("local-sgd-schedule-free", {"eta": 0.1}),
    ("local-sgd-outer-acceleration", {"eta": 0.1}),
    ("scaffold", {"eta": 0.1}),
]


@pytest.mark.parametrize(("name", "parameters"), METHODS)
def test_every_array_of_the_state_has_the_moments_of_runs_of_the_rule(name: str, parameters: dict[str, Any]) -> None:
    """Within five standard errors, which the exact covariance gives."""
    rule, generator = ALGORITHMS[name](**parameters), np.random.default_rng(4)

    def gradient(x: Any) -> Any:
        return PROBLEM.gradient(x) + SIGMA / np.sqrt(D) * generator.standard_normal(x.shape)

    state = rule.init(np.zeros((REPLICAS, M, D)))
    for _ in range(R):
        state = one_round(rule, state, AnsweringWorkers(K, M, gradient))
    exact = exact_moments(rule, PROBLEM, K=K, R=R, noise=GaussianNoise(SIGMA), state=True).state
    arrays = {n: x for n, x in zip(leaf_names(state), leaves(state), strict=True) if isinstance(x, np.ndarray)}
    assert list(arrays) == list(exact)
    for field, values in arrays.items():
        mean, covariance = exact[field].mean[0], exact[field].covariance[0]
        found = values if mean.ndim == 2 else values[:, :1]
        mean, covariance = mean.reshape(-1, D), covariance.reshape(-1, D, D)
        for m in range(len(mean)):
            variance = np.diagonal(covariance[m])
            apart = np.abs(found[:, m].mean(axis=0) - mean[m])
            assert (apart <= 5 * np.sqrt(variance / REPLICAS) + 1e-12).all(), field
            away = found[:, m] - mean[m]
            error = np.sqrt((covariance[m] ** 2 + variance[:, None] * variance) / REPLICAS)
            assert (np.abs(away.T @ away / REPLICAS - covariance[m]) <= 5 * error + 1e-12).all(), field


def test_the_momentum_of_one_worker_on_a_parabola_by_hand() -> None:
    """u_1 = (1 - beta) g_0 and x_1 = x_0 - eta u_1, so that u_2 = beta u_1 + (1 - beta)(a (x_1 - x*) + xi)."""
    a, eta, beta, sigma = 0.7, 0.3, 0.6, 0.5
    problem = DiagonalQuadratics(np.array([[a]]), np.array([[2.0]]))
    rule = ALGORITHMS["local-sgdm"](eta=eta, beta1=beta)
    found = exact_moments(rule, problem, K=2, R=1, noise=GaussianNoise(sigma), state=True).state
    first = (1 - beta) * -a * 2
    mean = beta * first + (1 - beta) * (-a * 2 - a * eta * first)
    carried = beta - (1 - beta) * a * eta
    variance = (1 - beta) ** 2 * sigma**2 * (1 + carried**2)
    assert found["u"].mean[0] == pytest.approx(mean, rel=1e-12)
    assert found["u"].covariance[0, 0, 0] == pytest.approx(variance, rel=1e-12)
    along = exact_moments(rule, problem, K=2, R=np.array([[1, 2, 9]]), noise=GaussianNoise(sigma), state=True)
    assert along.state["u"].mean.shape == (1, 3, 1)
    assert along.state["u"].mean[0, 0] == pytest.approx(mean, rel=1e-12)
    np.testing.assert_allclose(along.state["x"].mean, along.last.mean, rtol=1e-12)


def test_a_method_of_several_stages_has_no_single_state() -> None:
    with pytest.raises(TightrateError, match="a method of several stages has no single state"):
        exact_moments(ALGORITHMS["two-stage"](eta=0.1, second_eta=0.1, switch=2), PROBLEM, K=1, R=3, state=True)


@pytest.mark.parametrize(("name", "options"), [("local-sgdm", {"averages": "iterates"}), ("scaffold", {})])
def test_averages_of_the_iterates_have_exact_moments_too(name: str, options: dict[str, str]) -> None:
    """Of every worker's points over all local steps, as a run of the rule adds them up."""
    rule, generator, seen = ALGORITHMS[name](eta=0.2, **options), np.random.default_rng(5), []

    def gradient(x: Any) -> Any:
        return PROBLEM.gradient(x) + SIGMA / np.sqrt(D) * generator.standard_normal(x.shape)

    state = rule.init(np.zeros((REPLICAS, M, D)))
    for _ in range(R):
        state = one_round(rule, state, AnsweringWorkers(K, M, gradient, lambda x: seen.append(x.mean(axis=1))))
    average = np.mean(seen, axis=0)
    found = exact_moments(rule, PROBLEM, K=K, R=R, noise=GaussianNoise(SIGMA), averaging_decay=0.0).average
    assert found is not None
    error = np.sqrt(np.diagonal(found.covariance[0]) / REPLICAS)
    assert (np.abs(average.mean(axis=0) - found.mean[0]) <= 5 * error).all()
    assert np.abs(average.mean(axis=0) - state[0].mean(axis=(0, 1))).max() > 10 * error.max()
