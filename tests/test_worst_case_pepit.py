"""Exact worst cases against PEPit, which writes every worker's points into one programme of its own."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from tightrate.simulator.worst_case.worst_case import worst_case

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    PEPit = pytest.importorskip("PEPit")
    functions = pytest.importorskip("PEPit.functions")


def by_pepit(*, K: int, R: int, M: int, eta: float, gamma: float, mu: float, zeta_star: float) -> float:
    """The worst gap of local gradient descent, with M functions of their own."""
    problem = PEPit.PEP()
    if mu:
        several = [problem.declare_function(functions.SmoothStronglyConvexFunction, mu=mu, L=1.0) for _ in range(M)]
    else:
        several = [problem.declare_function(functions.SmoothConvexFunction, L=1.0) for _ in range(M)]
    mean = sum(several[1:], several[0]) / M
    optimum = mean.stationary_point()
    problem.add_constraint(sum(one.gradient(optimum) ** 2 for one in several) / M <= zeta_star**2)
    x = problem.set_initial_point()
    problem.set_initial_condition((x - optimum) ** 2 <= 1)
    for _ in range(R):
        total = 0 * x
        for one in several:
            own = x
            for _ in range(K):
                gradient = one.gradient(own)
                own = own - eta * gradient
                total = total + gradient
        x = x - gamma * eta / M * total
    problem.set_performance_metric(mean(x) - mean(optimum))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(problem.solve(verbose=0, solver="CLARABEL"))


def cases() -> list[dict[str, Any]]:
    generator = np.random.default_rng(1)
    sizes = [(1, 2, 2), (2, 1, 2), (2, 1, 3), (2, 2, 2), (3, 1, 2), (1, 3, 3)]
    return [
        {
            "K": K,
            "R": R,
            "M": M,
            "eta": float(generator.uniform(0.3, 1.3)),
            "gamma": float(generator.uniform(0.7, 1.4)),
            "mu": float(generator.choice([0.0, 0.1])),
            "zeta_star": float(generator.choice([0.1, 0.5])),
        }
        for K, R, M in sizes
    ]


@pytest.mark.parametrize("case", cases())
def test_pepit_finds_the_same(case: dict[str, Any]) -> None:
    found = worst_case("local-sgd", **case)
    assert found.decided
    assert found.upper == pytest.approx(by_pepit(**case), rel=1e-3)
