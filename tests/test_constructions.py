"""Every registered problem: what it claims is measured, what it computes agrees with itself, and lies are caught."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.constructions.separable import SeparableMachines
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.units import LENGTH, PURE, Unit
from tightrate.simulator.parameters import parameters

REQUIRED: Mapping[str, dict[str, Any]] = {
    "rank-one-pair": {"cosine": 0.7},
    "shared-coordinate-pair": {"cosine": 0.7},
}
TOLERANCE = 1e-5  # of the constant, or 1e-11 of its unit where it vanishes: rounding of difference quotients
SMALL: Mapping[str, dict[str, Any]] = {"wishart-quadratic": {"d": 6, "M": 3}, "log-spaced-quadratic": {"d": 20}}
NEEDS_SKLEARN = {"real-logistic-regression"}
NAMES = [
    name
    for name in PROBLEMS.names()
    if name not in NEEDS_SKLEARN and "file" not in parameters(PROBLEMS[name])  # what is read has tests of its own
]


def uniform(low: float, high: float) -> Callable[[np.random.Generator], float]:
    return lambda rng: float(rng.uniform(low, high))


def log_uniform(low: float, high: float) -> Callable[[np.random.Generator], float]:
    return lambda rng: float(np.exp(rng.uniform(np.log(low), np.log(high))))


def either(*values: Any) -> Callable[[np.random.Generator], Any]:
    return lambda rng: values[rng.integers(len(values))]


# Feasible random parameters; every parameter with a unit appears, so that the same table serves the rescaling test.
RANDOM: Mapping[str, dict[str, Callable[[np.random.Generator], Any]]] = {
    "rank-one-pair": {
        "cosine": uniform(0.05, 0.95),
        "L": log_uniform(0.1, 10),
        "B": log_uniform(0.1, 10),
        "M": either(2, 6),
    },
    "coordinate-pair": {"L": log_uniform(0.1, 10), "B": log_uniform(0.1, 10)},
    "shared-coordinate-pair": {
        "cosine": uniform(0.05, 0.95),
        "curvature": uniform(0.1, 1),
        "L": uniform(1, 5),
        "B": log_uniform(0.1, 10),
        "M": either(2, 4),
    },
    "parity-chain": {"R": either(1, 2, 7), "L": log_uniform(0.1, 10), "B": log_uniform(0.1, 10), "M": either(2, 4)},
    "random-quadratics": {
        "M": either(2, 5),
        "d": either(2, 5),
        "mu": uniform(0.05, 0.3),
        "L": uniform(1, 3),
        "tau": uniform(0, 0.6),
        "zeta_star": log_uniform(0.1, 3),
        "B": log_uniform(0.1, 10),
        "seed": either(*range(100)),
    },
    "zeta-quadratic-pair": {
        "zeta": log_uniform(0.01, 3),
        "tau": uniform(0.05, 0.8),
        "L": uniform(1, 3),
        "mu": uniform(0.01, 0.9),
        "B": log_uniform(0.1, 10),
        "M": either(2, 4),
    },
    "zeta-piecewise-pair": {
        "zeta": log_uniform(0.01, 3),
        "L": uniform(1, 3),
        "curvature": uniform(0.1, 1),
        "mu": uniform(0.01, 0.9),
        "B": log_uniform(0.1, 10),
        "M": either(2, 4),
    },
    "log-spaced-quadratic": {
        "M": either(1, 3),
        "d": either(2, 30),
        "mu": log_uniform(1e-6, 1),
        "L": uniform(1, 3),
        "B": log_uniform(0.1, 10),
    },
    "log-uniform-quadratics": {
        "M": either(2, 5),
        "d": either(2, 9),
        "mu": log_uniform(1e-3, 0.3),
        "L": uniform(1, 3),
        "tau": uniform(0, 0.6),
        "zeta_star": log_uniform(0.01, 3),
        "B": log_uniform(0.1, 10),
        "seed": either(*range(100)),
    },
    "wishart-quadratic": {
        "d": either(3, 8),
        "M": either(1, 3),
        "power": either(1, 2),
        "L": log_uniform(0.1, 10),
        "seed": either(1, 2),
    },
    "asymmetric-quadratic": {
        "L": uniform(1, 3),
        "mu": uniform(0.05, 0.5),
        "tau": uniform(0.1, 0.5),
        "zeta": uniform(0, 1),
        "slope": uniform(-0.5, 0.5),
        "B": log_uniform(0.1, 10),
        "M": either(2, 4),
        "d": either(1, 3),
    },
    "asymmetric-softplus": {
        "L": uniform(1, 3),
        "mu": uniform(0.05, 0.5),
        "width": log_uniform(1e-4, 1),
        "tau": uniform(0, 0.5),
        "zeta": uniform(0, 1),
        "slope": uniform(-0.5, 0.5),
        "B": log_uniform(0.1, 10),
        "M": either(2, 4),
        "d": either(1, 3),
    },
    "huber": {
        "L": log_uniform(0.1, 10),
        "width": log_uniform(0.01, 10),
        "zeta": uniform(0, 1),
        "B": log_uniform(0.1, 10),
        "M": either(2, 4),
        "d": either(1, 3),
    },
    "weakly-convex": {
        "L": uniform(2, 4),
        "weak": uniform(0.05, 0.8),
        "curvature": uniform(0.05, 0.5),
        "width": log_uniform(0.01, 1),
        "wavelength": log_uniform(0.2, 3),
        "zeta": uniform(0, 1),
        "B": log_uniform(0.1, 10),
        "M": either(2, 4),
        "d": either(1, 3),
    },
    "generalized-smooth": {
        "L0": log_uniform(0.1, 10),
        "L1": log_uniform(0.1, 2),
        "zeta": uniform(0, 1),
        "B": log_uniform(0.1, 3),
        "M": either(2, 4),
        "d": either(1, 3),
    },
    "logistic-regression": {
        "M": either(1, 3),
        "d": either(2, 5),
        "L": log_uniform(0.3, 10),
        "mu": log_uniform(1e-3, 0.2),
        "heterogeneity": uniform(0, 1),
        "seed": either(*range(100)),
    },
    "heavy-tail-clients": {"L": uniform(1, 3), "mu": uniform(0.1, 1), "B": log_uniform(0.1, 10)},
    "confidence-instance": {"L": log_uniform(0.1, 10), "B": log_uniform(0.1, 10), "M": either(1, 3)},
}
UNITS: Mapping[str, Unit] = {
    "width": LENGTH,
    "wavelength": LENGTH,
    "slope": LETTERS["zeta"].unit,
    **dict.fromkeys(("M", "R", "d", "seed", "power", "rows", "flip", "heterogeneity"), PURE),
}
# Problems without the two free scales: numbers are fixed, or the value is that of the logistic loss.
FIXED_LENGTH = {"three-clients", "wishart-quadratic"}
FIXED_VALUE = {"three-clients", "logistic-regression"}


def default(name: str) -> Problem:
    return PROBLEMS[name](**REQUIRED.get(name, {}))


def random_parameters(name: str, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, *name.encode()])
    return {key: draw(rng) for key, draw in RANDOM.get(name, {}).items()}


def instances(name: str) -> list[Problem]:
    """The default instance and a few random ones."""
    drawn = [PROBLEMS[name](**random_parameters(name, seed)) for seed in range(3)] if name in RANDOM else []
    return [default(name), *drawn]


def points_around(problem: Problem, rng: np.random.Generator, count: int, radius: float = 1.0) -> np.ndarray[Any, Any]:
    """(count, ..., d) random points at about `radius` times B around the optimum."""
    optimum = problem.optimum
    length = np.maximum(np.linalg.norm(optimum, axis=-1, keepdims=True), 1e-3)
    return np.asarray(optimum + radius * length * rng.standard_normal((count, *optimum.shape)))


def at_all(problem: Problem, x: Any) -> np.ndarray[Any, Any]:
    """The same point for every machine."""
    return np.broadcast_to(x[..., None, :], (*x.shape[:-1], problem.workers, problem.dimension))


@pytest.mark.parametrize("name", NAMES)
def test_measured_constants_are_those_claimed(name: str) -> None:
    for problem in instances(name):
        checks = {check.name: check for check in problem.self_check()}
        assert set(checks) == set(problem.constants), "every claimed constant is measured"
        for check in checks.values():
            assert check.relative_error < TOLERANCE, (name, check)


@pytest.mark.parametrize("name", NAMES)
def test_every_false_claim_is_caught(name: str) -> None:
    """One constant at a time is claimed 1% too large or too small; zeros and infinities become numbers."""
    parameters = {**REQUIRED.get(name, {}), **SMALL.get(name, {})}
    honest = PROBLEMS[name](**parameters)
    scales = {check.name: check.scale for check in honest.self_check()}
    for constant, true in dict(honest.constants).items():
        for factor in (0.99, 1.01):
            problem = PROBLEMS[name](**parameters)
            tiny = np.abs(true) < 1e-6 * scales[constant]
            lie = np.where(np.isinf(true), 1e3 * scales[constant], factor * true)
            lie = np.where(tiny, 0.01 * scales[constant], lie)
            vars(problem)["constants"] = {**honest.constants, constant: lie}
            errors = {check.name: check.relative_error for check in problem.self_check()}
            assert errors[constant] > 5e-3, (name, constant, factor)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_gradient_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = default(name)
    dict(problem.constants)  # claimed while the gradient is still right
    right = type(problem).gradient
    monkeypatch.setattr(type(problem), "gradient", lambda self, x: 1.01 * right(self, x))
    errors = {check.name: check.relative_error for check in problem.self_check()}
    assert errors["L"] > 5e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_optimum_is_caught(name: str) -> None:
    problem = default(name)
    wrong: Problem
    if isinstance(problem, (QuadraticMachines, DiagonalQuadratics)):
        wrong = replace(problem, known_optimum=1.02 * problem.optimum)
    else:
        wrong = problem
        dict(wrong.constants)
        vars(wrong)["optimum"] = 1.02 * wrong.optimum
        vars(wrong)["constants"] = {**wrong.constants, "B": np.linalg.norm(wrong.optimum, axis=-1)}
    errors = {check.name: check.relative_error for check in wrong.self_check()}
    assert errors["B"] > 5e-3


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_derivative_of_the_value(name: str) -> None:
    rng = np.random.default_rng(1)
    for problem in instances(name):
        x = at_all(problem, points_around(problem, rng, 5))
        v = rng.standard_normal(x.shape)
        # Points may straddle a kink of the slope, where the central difference errs in proportion to its width.
        step = 1e-6 * np.linalg.norm(problem.optimum, axis=-1).max()
        difference = (problem.value(x + step * v) - problem.value(x - step * v)) / (2 * step)
        slope = np.sum(problem.gradient(x) * v, axis=-1)
        size = np.linalg.norm(problem.gradient(x), axis=-1) * np.linalg.norm(v, axis=-1)
        assert np.all(np.abs(difference - slope) <= 1e-5 * size + 1e-9 * np.abs(problem.value(x)) / step * 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_hessian_vector_product_is_the_derivative_of_the_gradient(name: str) -> None:
    rng = np.random.default_rng(2)
    for problem in instances(name):
        x = at_all(problem, points_around(problem, rng, 7))
        v = rng.standard_normal(x.shape)
        step = 1e-7 * np.linalg.norm(problem.optimum, axis=-1).max()
        difference = (problem.gradient(x + step * v) - problem.gradient(x - step * v)) / (2 * step)
        product = problem.hessian_vector_product(x, v)
        size = problem.constants["L"].max() * np.linalg.norm(v, axis=-1, keepdims=True) + np.abs(product)
        assert np.all(np.abs(difference - product) < 2e-4 * size)


@pytest.mark.parametrize("name", NAMES)
def test_gap_is_the_excess_of_the_value(name: str) -> None:
    rng = np.random.default_rng(3)
    for problem in instances(name):
        for radius in (0.1, 1.0, 3.0):
            x = points_around(problem, rng, 20, radius)
            at_x, at_optimum = (problem.value(at_all(problem, p)) for p in (x, problem.optimum))
            excess = at_x.mean(axis=-1) - at_optimum.mean(axis=-1)
            rounding = 1e-14 * (np.abs(at_x) + np.abs(at_optimum)).max(axis=-1)
            assert np.all(np.abs(problem.gap(x) - excess) <= 1e-11 * np.abs(excess) + rounding)


@pytest.mark.parametrize("name", NAMES)
def test_gap_is_zero_at_the_optimum_and_nowhere_negative(name: str) -> None:
    rng = np.random.default_rng(4)
    for problem in instances(name):
        scale = problem.constants["L"] * problem.constants["B"] ** 2
        assert np.all(np.abs(problem.gap(problem.optimum)) <= 1e-30 * scale)
        for radius in (1e-9, 1e-6, 1e-3, 0.1, 1.0, 10.0):
            assert np.all(problem.gap(points_around(problem, rng, 50, radius)) >= 0)


@pytest.mark.parametrize("name", NAMES)
def test_gap_does_not_cancel_close_to_the_optimum(name: str) -> None:
    """At a distance of 1e-5 B, where a difference of values has no digits left, it is the integral of the gradient."""
    rng = np.random.default_rng(5)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    for problem in instances(name):
        direction = 1e-5 * problem.constants["B"][..., None] * rng.standard_normal((20, *problem.optimum.shape))
        work = np.zeros(direction.shape[:-1])
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            slope = problem.gradient(at_all(problem, problem.optimum + node * direction)).mean(axis=-2)
            work += weight * np.sum(slope * direction, axis=-1)
        gap = problem.gap(problem.optimum + direction)
        floor = 1e-9 * problem.constants["L"] * np.sum(direction**2, axis=-1)  # along flat directions only rounding
        assert np.all(np.abs(gap - work) <= 1e-6 * gap + floor), name


@pytest.mark.parametrize("name", NAMES)
def test_the_average_gradient_vanishes_at_the_optimum(name: str) -> None:
    for problem in instances(name):
        gradients = problem.gradient(at_all(problem, problem.optimum))
        mean = np.linalg.norm(gradients.mean(axis=-2), axis=-1)
        size = problem.constants["L"] * (problem.constants["B"] + np.abs(getattr(problem, "minimizers", 0.0)).max())
        assert np.all(mean <= 1e-14 * size + 1e-15 * np.abs(gradients).max())
        if isinstance(problem, SeparableMachines):
            assert np.allclose(problem.residual, mean, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", NAMES)
def test_replicas_and_machines_are_independent_rows(name: str) -> None:
    """A batched call is the calls one by one: values, gradients and products, at different points on each machine."""
    rng = np.random.default_rng(6)
    problem = default(name)
    x = problem.optimum + rng.standard_normal((2, 3, problem.workers, problem.dimension))
    v = rng.standard_normal(x.shape)
    together = problem.gradient(x), problem.value(x), problem.hessian_vector_product(x, v)
    assert [a.shape for a in together] == [x.shape, x.shape[:-1], x.shape]
    for i, j in itertools.product(range(2), range(3)):
        alone = problem.gradient(x[i, j]), problem.value(x[i, j]), problem.hessian_vector_product(x[i, j], v[i, j])
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[i, j], b, rtol=1e-12, atol=1e-14)
    assert problem.gap(x[..., 0, :]).shape == (2, 3)


@pytest.mark.parametrize("name", NAMES)
def test_constants_rescale_by_their_units(name: str) -> None:
    """x -> s x and F -> c F: parameters and constants change by their units, gradients and gaps with them."""
    if name not in RANDOM:
        pytest.skip("no parameter with a unit")
    s = 1.0 if name in FIXED_LENGTH else 8.0
    c = 1.0 if name in FIXED_VALUE else 0.25  # powers of two: the rescaled arithmetic is the same, bit for bit

    def factor(unit: Unit) -> float:
        return float(s ** float(unit.length) * c ** float(unit.value))

    for seed in range(3):
        parameters = random_parameters(name, seed)
        scaled = {
            key: value * factor(UNITS[key] if key in UNITS else LETTERS[key].unit)
            if isinstance(value, float)
            else value
            for key, value in parameters.items()
        }
        one, other = PROBLEMS[name](**parameters), PROBLEMS[name](**scaled)
        np.testing.assert_allclose(other.optimum, s * one.optimum, rtol=1e-9)
        for constant, value in one.constants.items():
            scale = factor(LETTERS[constant].unit)
            np.testing.assert_allclose(
                other.constants[constant], scale * value, rtol=1e-9, atol=1e-14 * scale, err_msg=constant
            )
        x = points_around(one, np.random.default_rng(7), 4)
        np.testing.assert_allclose(other.gap(s * x), c * one.gap(x), rtol=1e-8)
        scaled_gradient = other.gradient(at_all(one, s * x))
        np.testing.assert_allclose(scaled_gradient, c / s * one.gradient(at_all(one, x)), rtol=1e-7, atol=1e-12 * c / s)


def test_limits_that_no_point_attains_are_said_to_be_so() -> None:
    flags = {
        name: {check.name for check in default(name).self_check() if not check.attained}
        for name in ("asymmetric-quadratic", "asymmetric-softplus", "three-clients", "generalized-smooth", "huber")
    }
    assert flags == {
        "asymmetric-quadratic": set(),
        "asymmetric-softplus": {"L", "mu"},
        "three-clients": {"mu", "G", "G_inf", "zeta", "zeta_inf"},
        "generalized-smooth": {"L1"},
        "huber": set(),
    }
    soft = default("asymmetric-softplus")
    near = at_all(soft, soft.optimum + np.linspace(-0.1, 0.1, 101)[:, None])
    curvature = soft.hessian_vector_product(near, np.ones(1))
    assert np.all((curvature > soft.constants["mu"]) & (curvature < soft.constants["L"]))


BATCHED: Mapping[str, dict[str, Any]] = {
    "rank-one-pair": {"cosine": [0.3, 0.9], "B": [1.0, 2.0]},
    "coordinate-pair": {"L": [1.0, 3.0]},
    "shared-coordinate-pair": {"cosine": [0.3, 0.9], "curvature": [0.1, 1.0]},
    "parity-chain": {"L": [1.0, 2.0], "B": [3.0, 1.0]},
    "zeta-quadratic-pair": {"zeta": [0.1, 2.0], "tau": [0.0, 0.7], "mu": [1e-3, 0.2]},
    "zeta-piecewise-pair": {"zeta": [0.1, 2.0], "mu": [1e-3, 0.2], "L": [1.0, 2.0]},
    "log-spaced-quadratic": {"mu": [1e-3, 1e-2], "B": [1.0, 2.0], "d": 6},
    "asymmetric-quadratic": {"mu": [0.0, 0.2], "slope": [0.1, -0.3], "zeta": [0.3, 0.0]},
    "asymmetric-softplus": {"width": [1e-3, 0.3], "tau": [0.0, 0.4], "slope": [0.0, 0.2]},
    "huber": {"width": [0.1, 2.0], "zeta": [0.0, 0.3]},
    "weakly-convex": {"weak": [0.1, 0.4], "wavelength": [1.0, 0.4]},
    "generalized-smooth": {"L0": [1.0, 2.0], "L1": [0.3, 1.0]},
    "heavy-tail-clients": {"mu": [0.1, 0.2]},
    "confidence-instance": {"L": [1.0, 2.0], "B": [0.5, 3.0]},
}


@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_of_instances_is_the_instances(name: str) -> None:
    batched = {key: value for key, value in BATCHED[name].items() if isinstance(value, list)}
    rest = {key: value for key, value in BATCHED[name].items() if not isinstance(value, list)}
    both = PROBLEMS[name](**BATCHED[name])
    rng = np.random.default_rng(8)
    x = rng.standard_normal((2, both.workers, both.dimension))
    for i in range(2):
        one = PROBLEMS[name](**{key: value[i] for key, value in batched.items()}, **rest)
        np.testing.assert_allclose(both.optimum[i], one.optimum, rtol=1e-14)
        np.testing.assert_allclose(both.gradient(x)[i], one.gradient(x[i]), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(both.gap(x[:, 0])[i], one.gap(x[i, 0]), rtol=1e-12)
        for constant, value in one.constants.items():
            if constant in both.constants:  # infinite for one instance, a constant is left out of the whole batch
                np.testing.assert_allclose(both.constants[constant][i], value, rtol=1e-12, atol=1e-14, err_msg=constant)
    for check in both.self_check():
        assert check.relative_error < TOLERANCE, check


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("rank-one-pair", {"cosine": 1.0}, r"cosine must lie in \(0,1\), not 1"),
    ("rank-one-pair", {"cosine": 0.5, "M": 3}, "even number of machines, not M = 3"),
    ("rank-one-pair", {"cosine": [0.1, 0.2], "L": [1.0, 2.0, 3.0]}, "broadcast together"),
    ("coordinate-pair", {"L": 0.0}, "L must be positive and finite, not 0"),
    ("coordinate-pair", {"L": "large"}, "L must be a number"),
    ("shared-coordinate-pair", {"cosine": 0.5, "curvature": 2.0}, "curvature must be at most L = 1 here, not 2"),
    ("parity-chain", {"R": 0}, "R must be a positive integer, not 0"),
    ("parity-chain", {"R": 5, "d": 5}, "longer than R = 5"),
    ("parity-chain", {"M": 3}, "even number of machines"),
    ("zeta-quadratic-pair", {"tau": 1.0}, "tau must be below L = 1"),
    ("zeta-quadratic-pair", {"mu": 2.0}, "mu must be at most L = 1 here, not 2"),
    ("zeta-piecewise-pair", {"zeta": 0.1, "M": 3}, "even number of machines, not M = 3"),
    ("zeta-piecewise-pair", {"curvature": 3.0}, "curvature must be at most L = 1 here, not 3"),
    ("log-spaced-quadratic", {"mu": 2.0}, "mu must be at most L = 1 here, not 2"),
    ("log-spaced-quadratic", {"d": 1}, "d must be an integer, at least 2, not 1"),
    ("log-uniform-quadratics", {"tau": 1.0}, "tau must be at most L - mu = 0.99"),
    ("log-uniform-quadratics", {"M": 1, "zeta_star": 1.0}, "one machine has no heterogeneity"),
    ("log-uniform-quadratics", {"seed": -1}, "seed must be an integer, at least 0, not -1"),
    ("wishart-quadratic", {"power": 3}, "power must be 1 or 2"),
    ("asymmetric-quadratic", {"mu": 0.0}, "give slope > 0"),
    ("asymmetric-quadratic", {"mu": 0.8, "tau": 0.5}, "tau must be at most L - mu = 0.2"),
    ("asymmetric-quadratic", {"zeta": -1.0}, "zeta must be nonnegative and finite, not -1"),
    ("asymmetric-softplus", {"width": 0.0}, "width must be positive and finite, not 0"),
    ("asymmetric-softplus", {"slope": float("nan")}, "slope must be finite"),
    ("huber", {"M": 2.5}, "M must be a positive integer, not 2.5"),
    ("huber", {"zeta": 0.5, "M": 1}, "even number of machines, not M = 1"),
    ("weakly-convex", {"weak": 0.9}, r"L must exceed weak \+ 2 curvature = 1.1"),
    ("generalized-smooth", {"L1": -1.0}, "L1 must be positive and finite, not -1"),
    ("logistic-regression", {"flip": 0.0}, r"flip must lie in \(0,1\)"),
    ("logistic-regression", {"mu": 2.0}, "mu must be below L"),
    ("logistic-regression", {"mu": 0.0, "rows": 2, "d": 8}, "a plane separates the labels"),
    ("random-quadratics", {"mu": 2.0}, "mu must not exceed L"),
    ("random-quadratics", {"d": 1.5}, "d must be a positive integer, not 1.5"),
]


@pytest.mark.parametrize(("name", "parameters", "message"), BAD)
def test_bad_parameters_are_refused_with_one_clear_line(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as refusal:
        PROBLEMS[name](**parameters)
    assert "\n" not in str(refusal.value)


def test_diagonal_and_dense_quadratics_are_the_same_problem() -> None:
    diagonal = PROBLEMS["log-uniform-quadratics"](tau=0.4, zeta_star=0.7, seed=5)
    assert isinstance(diagonal, DiagonalQuadratics)
    dense = diagonal.dense()
    x = np.random.default_rng(9).standard_normal((3, diagonal.workers, diagonal.dimension))
    np.testing.assert_allclose(diagonal.gradient(x), dense.gradient(x), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(diagonal.value(x), dense.value(x), rtol=1e-13)
    np.testing.assert_allclose(diagonal.gap(x[:, 0]), dense.gap(x[:, 0]), rtol=1e-13)
    for name, value in dense.constants.items():
        np.testing.assert_allclose(diagonal.constants[name], value, rtol=1e-12, atol=1e-15, err_msg=name)
    np.testing.assert_allclose(diagonal.mean_hessian, dense.mean_hessian)


def test_a_coupling_hidden_from_a_diagonal_problem_is_caught() -> None:
    """A gradient with an off-diagonal Hessian entry, under the class that claims a diagonal one."""

    class Coupled(DiagonalQuadratics):
        def gradient(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            return super().gradient(x) + 0.05 * np.roll(x, 1, axis=-1) - 0.05 * x  # rows still sum to the diagonal

    honest = PROBLEMS["log-uniform-quadratics"]()
    assert isinstance(honest, DiagonalQuadratics)
    coupled = Coupled(honest.curvatures, honest.minimizers, known_optimum=honest.optimum)
    assert max(check.relative_error for check in coupled.self_check()) > 0.01


@pytest.mark.parametrize("kind", [QuadraticMachines, DiagonalQuadratics])
def test_malformed_quadratics_are_refused(kind: type[Problem]) -> None:
    dense = kind is QuadraticMachines
    good = np.eye(2)[None] if dense else np.ones((1, 2))
    with pytest.raises(TightrateError, match="shaped"):
        kind(good, np.zeros((2, 2)))  # type: ignore[call-arg]
    with pytest.raises(TightrateError, match="finite"):
        kind(good * np.nan, np.zeros((1, 2)))  # type: ignore[call-arg]
    flat = kind(0 * good, np.zeros((1, 2)))  # type: ignore[call-arg]
    with pytest.raises(TightrateError, match="give known_optimum"):
        flat.optimum  # noqa: B018
    if dense:
        with pytest.raises(TightrateError, match="symmetric"):
            kind(np.triu(np.ones((1, 2, 2))), np.zeros((1, 2)))  # type: ignore[call-arg]
    else:
        with pytest.raises(TightrateError, match="must not be negative"):
            kind(-good, np.zeros((1, 2)))  # type: ignore[call-arg]
