"""Exact worst cases against PEPit, which writes every worker's points into one programme of its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import plain_loops
import pytest

from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.parameters import construct, parameters
from tightrate.simulator.round_algorithm import RoundAlgorithm
from tightrate.simulator.worst_case.worst_case import worst_case

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    PEPit = pytest.importorskip("PEPit")
    functions = pytest.importorskip("PEPit.functions")


Box = Callable[..., tuple[Any, list[Any]]]


def by_pepit(
    box: Box, *, K: int, R: int, M: int, mu: float, zeta_star: float, measure: str, output: str, **steps: float
) -> float:
    """The worst case of an algorithm box written out as loops, with M functions of their own."""
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
    last, seen = box(lambda m, y, _: several[m].gradient(y), x, M, K, R, **steps)
    returned = last if output == "last" else sum(seen[1:], seen[0]) / len(seen)
    if measure == "gap":
        problem.set_performance_metric(mean(returned) - mean(optimum))
    else:
        vector = returned - optimum if measure == "squared-distance" else mean.gradient(returned)
        problem.set_performance_metric(vector**2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(problem.solve(verbose=0, solver="CLARABEL"))


def accelerated(*arguments: Any, **steps: Any) -> tuple[Any, list[Any]]:
    """The box for convex functions, whose strong convexity nobody tells it."""
    return plain_loops.accelerated_minibatch_sgd(*arguments, **{"mu": 0.0, **steps})


def scaffold(
    gradient: plain_loops.Gradient, x0: Any, M: int, K: int, R: int, *, eta: float, gamma: float
) -> tuple[Any, list[Any]]:
    """Control variates, option II: c_i <- c_i - c + (x - y_i)/(K eta)."""
    x, c, own, seen = x0, x0 * 0, [x0 * 0] * M, []
    for _ in range(R):
        y = [x] * M
        for _ in range(K):
            seen.append(plain_loops.mean(y))
            y = [y[m] - (gradient(m, y[m], 0) - own[m] + c) * eta for m in range(M)]
        own = [own[m] - c + (x - y[m]) / (K * eta) for m in range(M)]
        x, c = x + (plain_loops.mean(y) - x) * gamma, plain_loops.mean(own)
    return x, seen


def fedprox(
    gradient: plain_loops.Gradient, x0: Any, M: int, K: int, R: int, *, eta: float, prox: float
) -> tuple[Any, list[Any]]:
    x, seen = x0, []
    for _ in range(R):
        y = [x] * M
        for _ in range(K):
            seen.append(plain_loops.mean(y))
            y = [y[m] - (gradient(m, y[m], 0) + (y[m] - x) * prox) * eta for m in range(M)]
        x = plain_loops.mean(y)
    return x, seen


BOXES: dict[str, tuple[Box, dict[str, float]]] = {
    "local-sgd": (plain_loops.local_sgd, {"eta": 0.8, "gamma": 1.2}),
    "local-sgdm": (plain_loops.local_sgdm, {"eta": 0.9, "beta1": 0.4}),
    "local-sgd-outer-momentum": (
        plain_loops.local_sgd_outer_momentum, {"eta": 0.5, "gamma": 1.1, "momentum": 0.3}
    ),
    "local-sgd-outer-nesterov": (
        plain_loops.local_sgd_outer_nesterov, {"eta": 0.6, "gamma": 0.7, "momentum": 0.5}
    ),
    "local-sgd-outer-acceleration": (plain_loops.local_sgd_outer_acceleration, {"eta": 0.4, "gamma": 1.0}),
    "local-sgd-schedule-free": (plain_loops.local_sgd_schedule_free, {"eta": 0.5, "gamma": 1.5, "beta1": 0.2}),
    "two-stage": (plain_loops.two_stage, {"eta": 0.7, "gamma": 1.0, "switch": 1, "second_eta": 1.2}),
    "minibatch-sgd": (plain_loops.minibatch_sgd, {"eta": 1.3}),
    "minibatch-sgdm": (plain_loops.minibatch_sgdm, {"eta": 1.1, "beta1": 0.4}),
    "accelerated-minibatch-sgd": (accelerated, {"eta": 0.8}),
    "nesterov-minibatch-sgd": (plain_loops.nesterov_minibatch_sgd, {"eta": 0.9, "momentum": 0.4}),
    "nesterov-minibatch-sgd-growing": (plain_loops.nesterov_minibatch_sgd_growing, {"eta": 0.9}),
    "scaffold": (scaffold, {"eta": 0.5, "gamma": 0.9}),
    "fedprox": (fedprox, {"eta": 0.6, "prox": 0.5}),
    "fedavg": (plain_loops.local_sgd, {"eta": 0.6, "gamma": 1.4}),
}  # fmt: skip


AVERAGES = ("local-sgdm", "local-sgd-schedule-free", "accelerated-minibatch-sgd")


@pytest.mark.parametrize(
    ("name", "output"), [(name, "last") for name in BOXES] + [(name, "average") for name in AVERAGES]
)
def test_pepit_finds_the_same_for_every_method(name: str, output: str) -> None:
    """The box as loops over workers, which shares nothing with the update rule that is run on unit vectors."""
    box, steps = BOXES[name]
    case: dict[str, Any] = {"K": 2, "R": 2, "M": 2, "mu": 0.0, "zeta_star": 0.2, "measure": "gap", "output": output}
    found = worst_case(name, **case, **steps)
    assert found.decided
    assert found.upper == pytest.approx(by_pepit(box, **case, **steps), rel=1e-3)


def test_every_method_that_has_an_exact_worst_case_is_checked() -> None:
    """Those of the registry that are linear in gradients and draw no numbers."""
    linear = set()
    for name in ALGORITHMS.names():
        own = parameters(ALGORITHMS[name])
        rule = construct(ALGORITHMS[name], {one: 1 if one == "switch" else 0.1 for one in own if own[one].required})
        if rule.linear and not (isinstance(rule, RoundAlgorithm) and rule.random):
            linear.add(name)
    assert linear == set(BOXES)


@pytest.mark.parametrize("measure", ["squared-distance", "squared-gradient"])
def test_pepit_finds_the_same_for_every_measure(measure: str) -> None:
    case: dict[str, Any] = {"K": 2, "R": 1, "M": 2, "mu": 0.1, "zeta_star": 0.2, "measure": measure, "output": "last"}
    found = worst_case("local-sgd", **case, eta=0.8, gamma=1.1)
    assert found.upper == pytest.approx(by_pepit(plain_loops.local_sgd, **case, eta=0.8, gamma=1.1), rel=1e-3)


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
            "measure": "gap",
            "output": "last",
        }
        for K, R, M in sizes
    ]


@pytest.mark.parametrize("case", cases())
def test_pepit_finds_the_same(case: dict[str, Any]) -> None:
    found = worst_case("local-sgd", **case)
    assert found.decided
    assert found.upper == pytest.approx(by_pepit(plain_loops.local_sgd, **case), rel=1e-3)
