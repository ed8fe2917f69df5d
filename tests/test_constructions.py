"""Every registered problem: what it claims is measured, what it computes agrees with itself, and lies are caught."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from typical_values import typical

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.separable import SeparableWorkers
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.units import LENGTH, PURE, Unit
from tightrate.simulator.parameters import Parameter, parameters

TOLERANCE = 1e-5  # of the constant, or 1e-11 of its unit where it vanishes: rounding of difference quotients
NAMES = [  # what is read from a file or another package has tests of its own
    name for name in PROBLEMS.names() if not {"file", "data"} & set(parameters(PROBLEMS[name]))
]
LARGEST = 8  # dimension that is tried
OWN_UNITS = (PURE, LENGTH, LETTERS["zeta"].unit)  # of widths, slopes and shares


def required(name: str) -> dict[str, Any]:
    """A value for every parameter without a default."""
    return {key: typical(key) for key, own in parameters(PROBLEMS[name]).items() if own.required}


def default(name: str) -> Problem:
    return PROBLEMS[name](**required(name))


def small(name: str) -> dict[str, Any]:
    """What makes the default instance small, where it is not."""
    own = parameters(PROBLEMS[name])
    return {key: LARGEST for key in ("d", "M") if key in own and (own[key].default or 0) > LARGEST}


def drawn_value(rng: np.random.Generator, key: str, own: Parameter) -> Any:
    """A random value of the kind of the default; None where the default stays."""
    usual = typical(key) if own.required or (own.default is None and key in LETTERS) else own.default
    if key == "seed":
        return int(rng.integers(100))
    if key == "M":
        return usual + 2 * int(rng.integers(2))  # even where it was
    if key in LETTERS and LETTERS[key].counts:
        return 1 + int(rng.integers(min(usual, LARGEST)))
    if not isinstance(usual, float) or (own.default is None and not own.required and rng.uniform() < 0.5):
        return None
    if key in LETTERS and LETTERS[key].below_one and own.required:
        return float(rng.uniform(0.05, 0.95))
    return float(rng.choice([0.0, 0.1, 0.5]) * rng.uniform() if usual == 0 else usual * np.exp(rng.uniform(-1.2, 1.2)))


@cache
def drawn(name: str, seed: int) -> Mapping[str, Any]:
    """Random parameters from which the problem can be built."""
    rng = np.random.default_rng([seed, *name.encode()])
    for _ in range(1000):
        values = {key: drawn_value(rng, key, own) for key, own in parameters(PROBLEMS[name]).items()}
        values = {key: value for key, value in values.items() if value is not None}
        try:
            PROBLEMS[name](**values)
        except TightrateError:
            continue
        return values
    raise AssertionError(f"no random parameters of {name} are accepted")


def instances(name: str) -> list[Problem]:
    """The default instance and a few random ones."""
    return [default(name), *(PROBLEMS[name](**drawn(name, seed)) for seed in range(3))]


def points_around(problem: Problem, rng: np.random.Generator, count: int, radius: float = 1.0) -> np.ndarray[Any, Any]:
    """(count, ..., d) random points at about `radius` times B around the optimum."""
    optimum = problem.optimum
    length = np.maximum(np.linalg.norm(optimum, axis=-1, keepdims=True), 1e-3)
    return np.asarray(optimum + radius * length * rng.standard_normal((count, *optimum.shape)))


def at_all(problem: Problem, x: Any) -> np.ndarray[Any, Any]:
    """The same point for every worker."""
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
    values = {**required(name), **small(name)}
    honest = PROBLEMS[name](**values)
    scales = {check.name: check.scale for check in honest.self_check()}
    for constant, true in dict(honest.constants).items():
        for factor in (0.99, 1.01):
            problem = PROBLEMS[name](**values)
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
    if isinstance(problem, (QuadraticWorkers, DiagonalQuadratics)):
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
        if isinstance(problem, SeparableWorkers):
            assert np.allclose(problem.residual, mean, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", NAMES)
def test_replicas_and_workers_are_independent_rows(name: str) -> None:
    """A batched call is the calls one by one: values, gradients and products, at different points on each worker."""
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


def rescales(name: str, values: Mapping[str, Any], s: float, c: float, own_units: Mapping[str, Unit]) -> bool:
    """Whether x -> s x and F -> c F changes constants by their units, and gradients and gaps with them, where
    parameters change by theirs."""

    def factor(unit: Unit) -> float:
        return float(s ** float(unit.length) * c ** float(unit.value))

    scaled = {
        key: value * factor(own_units[key] if key in own_units else LETTERS[key].unit)
        if isinstance(value, float)
        else value
        for key, value in values.items()
    }
    try:
        one, other = PROBLEMS[name](**values), PROBLEMS[name](**scaled)
    except TightrateError:
        return False
    x = points_around(one, np.random.default_rng(7), 4)
    moved = at_all(one, s * x)
    size = c / s * np.abs(one.gradient(at_all(one, x))).max()
    return (
        np.allclose(other.optimum, s * one.optimum, rtol=1e-9)
        and all(
            np.allclose(other.constants[key], factor(LETTERS[key].unit) * value, rtol=1e-9, atol=1e-12 * size)
            for key, value in one.constants.items()
            if np.isfinite(value).all()
        )
        and np.allclose(other.gap(s * x), c * one.gap(x), rtol=1e-8)
        and np.allclose(other.gradient(moved), c / s * one.gradient(at_all(one, x)), rtol=1e-7, atol=1e-12 * size)
    )


@pytest.mark.parametrize("name", NAMES)
def test_constants_rescale_by_their_units(name: str) -> None:
    """As many scales are free as the units of the parameters are independent; powers of two change no bit.

    A parameter that is no symbol of the alphabet has one of the units that shapes have."""
    for seed in range(3):
        values = drawn(name, seed)
        units = [LETTERS[key].unit for key, value in values.items() if isinstance(value, float) and key in LETTERS]
        rank = np.linalg.matrix_rank([[float(unit.length), float(unit.value)] for unit in units]) if units else 0
        own = [key for key, value in values.items() if isinstance(value, float) and key not in LETTERS]
        choices = [dict(zip(own, units, strict=True)) for units in itertools.product(OWN_UNITS, repeat=len(own))]
        free = max(
            sum(rescales(name, values, s, c, choice) for s, c in ((8.0, 1.0), (1.0, 0.25))) for choice in choices
        )
        assert free >= rank, (name, dict(values))


def test_a_constant_of_a_wrong_unit_does_not_rescale(monkeypatch: pytest.MonkeyPatch) -> None:
    values = drawn("huber", 0)
    wrong = {**LETTERS, "L": replace(LETTERS["L"], unit=LENGTH)}
    assert rescales("huber", values, 8.0, 1.0, {"width": LENGTH})
    assert not rescales("huber", values, 8.0, 1.0, {"width": PURE})
    monkeypatch.setitem(globals(), "LETTERS", wrong)
    assert not rescales("huber", values, 8.0, 1.0, {"width": LENGTH})


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


@pytest.mark.parametrize("name", [name for name in NAMES if "seed" not in parameters(PROBLEMS[name])])
def test_a_batch_of_instances_is_the_instances(name: str) -> None:
    first, second = drawn(name, 0), drawn(name, 1)
    each = [{**first, **{key: v for key, v in one.items() if isinstance(v, float)}} for one in (first, second)]
    batched = {key: [one[key] for one in each] for key in each[0] if isinstance(each[0][key], float)}
    try:
        both = PROBLEMS[name](**{**first, **batched})
        ones = [PROBLEMS[name](**one) for one in each]
    except TightrateError:
        pytest.skip("one instance at a time, or none with these values")
    if not batched:
        pytest.skip("nothing that a batch could differ in")
    x = np.random.default_rng(8).standard_normal((2, both.workers, both.dimension))
    for i, one in enumerate(ones):
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
    ("rank-one-pair", {"cosine": 0.5, "M": 3}, "even number of workers, not M = 3"),
    ("rank-one-pair", {"cosine": [0.1, 0.2], "L": [1.0, 2.0, 3.0]}, "broadcast together"),
    ("coordinate-pair", {"L": 0.0}, "L must be positive and finite, not 0"),
    ("coordinate-pair", {"L": "large"}, "L must be a number"),
    ("shared-coordinate-pair", {"cosine": 0.5, "curvature": 2.0}, "curvature must be at most L = 1 here, not 2"),
    ("parity-chain", {"R": 0}, "R must be a positive integer, not 0"),
    ("parity-chain", {"R": 5, "d": 5}, "longer than R = 5"),
    ("parity-chain", {"M": 3}, "even number of workers"),
    ("zeta-quadratic-pair", {"tau": 1.0}, "tau must be below L = 1"),
    ("zeta-quadratic-pair", {"mu": 2.0}, "mu must be at most L = 1 here, not 2"),
    ("zeta-piecewise-pair", {"zeta": 0.1, "M": 3}, "even number of workers, not M = 3"),
    ("zeta-piecewise-pair", {"curvature": 3.0}, "curvature must be at most L = 1 here, not 3"),
    ("log-spaced-quadratic", {"mu": 2.0}, "mu must be at most L = 1 here, not 2"),
    ("log-spaced-quadratic", {"d": 1}, "d must be an integer, at least 2, not 1"),
    ("log-uniform-quadratics", {"tau": 1.0}, "tau must be at most L - mu = 0.99"),
    ("log-uniform-quadratics", {"M": 1, "zeta_star": 1.0}, "one worker has no heterogeneity"),
    ("log-uniform-quadratics", {"seed": -1}, "seed must be an integer, at least 0, not -1"),
    ("wishart-quadratic", {"power": 3}, "power must be 1 or 2"),
    ("asymmetric-quadratic", {"mu": 0.0}, "give slope > 0"),
    ("asymmetric-quadratic", {"mu": 0.8, "tau": 0.5}, "tau must be at most L - mu = 0.2"),
    ("asymmetric-quadratic", {"zeta": -1.0}, "zeta must be nonnegative and finite, not -1"),
    ("asymmetric-softplus", {"width": 0.0}, "width must be positive and finite, not 0"),
    ("asymmetric-softplus", {"slope": float("nan")}, "slope must be finite"),
    ("huber", {"M": 2.5}, "M must be a positive integer, not 2.5"),
    ("huber", {"zeta": 0.5, "M": 1}, "even number of workers, not M = 1"),
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


@pytest.mark.parametrize("kind", [QuadraticWorkers, DiagonalQuadratics])
def test_malformed_quadratics_are_refused(kind: type[Problem]) -> None:
    dense = kind is QuadraticWorkers
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
