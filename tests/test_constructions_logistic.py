"""Logistic regression: exact constants, sampled gradients, real data with and without scikit-learn, its splits."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from tightrate.common.errors import TightrateError
from tightrate.constructions.logistic_regression import LogisticRegression, logistic_regression, logistic_workers
from tightrate.constructions.parameters import generator_of
from tightrate.constructions.real_logistic_regression import (
    DATA_SETS,
    dirichlet_split,
    real_logistic_regression,
    standardized,
)


def uneven(seed: int = 0, mu: float = 0.05) -> LogisticRegression:
    """Workers with 3, 40 and 17 rows."""
    rng = np.random.default_rng(seed)
    features = [rng.standard_normal((n, 4)) for n in (3, 40, 17)]
    labels = [np.where(rng.random(len(a)) < 0.5, 1.0, -1.0) for a in features]
    return logistic_workers(features, labels, L=2.0, mu=mu)


@pytest.mark.parametrize(
    "problem", [uneven(), uneven(mu=0.0), logistic_regression(mu=0.0), logistic_regression(seed=4)]
)
def test_optimum_is_that_of_a_general_minimizer(problem: LogisticRegression) -> None:
    def average(x: Any) -> float:
        return float(problem.value(np.broadcast_to(x, (problem.workers, problem.dimension))).mean())

    other = minimize(average, np.zeros(problem.dimension), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(problem.optimum, other.x, atol=1e-4)
    assert average(problem.optimum) <= other.fun + 1e-15
    assert problem.residual < 1e-15
    assert all(check.relative_error < 1e-5 for check in problem.self_check())


def test_workers_of_different_sizes_are_their_own_averages() -> None:
    problem = uneven()
    assert problem.row_counts.tolist() == [3, 40, 17]
    x = np.random.default_rng(1).standard_normal((3, 4))
    for m in range(3):
        rows = problem.signed[problem.offsets[m] : problem.offsets[m + 1]]
        margins = rows @ x[m]
        value = np.mean(np.log1p(np.exp(-margins))) + 0.05 / 2 * x[m] @ x[m]
        gradient = -np.mean(rows / (1 + np.exp(margins))[:, None], axis=0) + 0.05 * x[m]
        np.testing.assert_allclose(problem.value(x)[m], value, rtol=1e-13)
        np.testing.assert_allclose(problem.gradient(x)[m], gradient, rtol=1e-12, atol=1e-15)


def test_sampled_gradients_of_all_rows_average_to_the_gradient() -> None:
    """Every row once, as one batch and as single rows: no bias."""
    problem = logistic_regression(M=3, rows=20, d=4, heterogeneity=0.5)
    x = np.random.default_rng(2).standard_normal((2, 3, 4))
    rows = np.broadcast_to(np.arange(60).reshape(3, 20), (2, 3, 20))
    np.testing.assert_allclose(problem.sampled_gradient(x, rows), problem.gradient(x), rtol=1e-12, atol=1e-15)
    single = np.mean([problem.sampled_gradient(x, rows[..., j : j + 1]) for j in range(20)], axis=0)
    np.testing.assert_allclose(single, problem.gradient(x), rtol=1e-12, atol=1e-15)


def test_drawn_rows_belong_to_their_worker_and_are_uniform() -> None:
    problem = uneven()
    for m in range(3):
        places = np.random.default_rng(m).random((5000, 1, 2))
        rows = problem.rows_at(places, np.array([m]))
        counts = np.bincount(rows.ravel() - problem.offsets[m], minlength=problem.row_counts[m])
        assert len(counts) == problem.row_counts[m]
        expected = rows.size / problem.row_counts[m]
        assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))
    everyone = problem.rows_at(np.broadcast_to([[0.0], [0.5], [1 - 2**-53]], (4, 3, 1)))
    np.testing.assert_array_equal(everyone[0, 0], problem.offsets[:1])
    np.testing.assert_array_equal(everyone[0, 2], problem.offsets[3:] - 1)


def test_row_variance_is_that_of_sampling() -> None:
    problem = uneven()
    x = np.random.default_rng(3).standard_normal(4)
    points = np.broadcast_to(x, (100_000, 3, 4))
    exact = problem.row_variance(x)
    for m in range(3):
        rows = problem.rows_at(np.random.default_rng(m).random((len(points), 1, 1)), np.array([m]))
        drawn = problem.sampled_gradient(points, np.repeat(rows, 3, axis=1))[:, m]
        squares = np.sum((drawn - problem.gradient(points[0])[m]) ** 2, axis=-1)
        assert squares.mean() == pytest.approx(exact[m], abs=5 * squares.std() / np.sqrt(len(rows)))
    star = problem.row_variance(problem.optimum).mean() + problem.constants["zeta_star"] ** 2
    assert float(problem.constants["sigma_star"]) ** 2 == pytest.approx(star, rel=1e-12)


def test_gap_is_accurate_far_below_rounding_of_the_value() -> None:
    problem = uneven()
    direction = np.random.default_rng(4).standard_normal(4)
    for t in (1e-3, 1e-6, 1e-9):
        curvature = problem.hessian_vector_product(
            np.broadcast_to(problem.optimum, (3, 4)), np.broadcast_to(direction, (3, 4))
        )
        quadratic = t**2 / 2 * direction @ curvature.mean(axis=0)
        assert problem.gap(problem.optimum + t * direction) == pytest.approx(quadratic, rel=10 * t + 1e-6)


def test_real_data_without_scikit_learn_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(TightrateError, match=r"real data needs scikit-learn: pip install -e '\.\[data\]'"):
        real_logistic_regression()


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for scikit-learn's loaders: ten classes of Gaussian rows, with one constant column."""

    def load() -> SimpleNamespace:
        rng = np.random.default_rng(0)
        target = np.repeat(np.arange(10), 30)
        data = np.column_stack([rng.standard_normal((300, 3)) + 0.1 * target[:, None], np.ones(300)])
        return SimpleNamespace(data=data, target=target)

    datasets = ModuleType("sklearn.datasets")
    for loader, _ in DATA_SETS.values():
        setattr(datasets, loader, load)
    package = ModuleType("sklearn")
    package.datasets = datasets  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sklearn", package)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", datasets)


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize("split", ["iid", "dirichlet"])
def test_real_data_is_split_rescaled_and_solved(split: str) -> None:
    problem = real_logistic_regression(data="digits", split=split, M=6, L=3.0, mu=0.02, seed=1)
    assert problem.row_counts.sum() == 300
    assert problem.dimension == 4, "the constant column is dropped, an intercept added"
    assert float(problem.constants["L"]) == pytest.approx(3.0, rel=1e-12)
    assert problem.residual < 1e-14
    assert all(check.relative_error < 1e-5 for check in problem.self_check())
    again = real_logistic_regression(data="digits", split=split, M=6, L=3.0, mu=0.02, seed=1)
    np.testing.assert_array_equal(problem.signed, again.signed)
    assert (np.ptp(problem.row_counts) <= 1) == (split == "iid")


@pytest.mark.usefixtures("pretended")
def test_label_skew_means_different_workers() -> None:
    """The smaller the concentration, the larger the gradients at the optimum, on average over splits."""

    def heterogeneity(**split: Any) -> float:
        problems = [real_logistic_regression(data="digits", M=5, seed=seed, **split) for seed in range(10)]
        return float(np.mean([problem.constants["zeta_star"] for problem in problems]))

    assert heterogeneity(split="dirichlet", concentration=0.1) > 1.5 * heterogeneity(split="iid")


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"data": "digit"}, "did you mean 'digits'"),
        ({"split": "random"}, "unknown split 'random'"),
        ({"M": 301}, "too few for M = 301 workers"),
        ({"M": 0}, "M must be a positive integer"),
        ({"concentration": 0.0}, "concentration must be positive"),
        ({"split": "dirichlet", "M": 250, "concentration": 0.01}, "without rows; give a larger one or fewer M"),
    ],
)
def test_bad_requests_for_real_data_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(TightrateError, match=message):
        real_logistic_regression(**parameters)


def test_dirichlet_split_deals_every_row_once_and_follows_its_concentration() -> None:
    classes = np.repeat(np.arange(4), 500)
    spread = {}
    for concentration in (0.1, 1000.0):
        owners = dirichlet_split(generator_of(0), classes, 5, concentration)
        assert sorted(np.concatenate(owners).tolist()) == list(range(2000))
        shares = np.array([[np.sum(classes[o] == label) for label in range(4)] for o in owners]) / 500
        spread[concentration] = shares.std()
    # A share of a symmetric Dirichlet law on 5 workers has variance (1/5)(4/5)/(5 a + 1).
    assert spread[1000.0] == pytest.approx(np.sqrt(0.16 / 5001), rel=0.6)
    assert spread[0.1] == pytest.approx(np.sqrt(0.16 / 1.5), rel=0.4)


def test_standardized_columns_have_mean_zero_and_variance_one() -> None:
    columns = standardized(np.random.default_rng(0).uniform(5, 9, (100, 3)))
    np.testing.assert_allclose(columns[:, :3].mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(columns[:, :3].std(axis=0), 1)
    assert np.all(columns[:, 3] == 1)


@pytest.mark.parametrize("data", DATA_SETS)
def test_the_data_sets_of_scikit_learn(data: str) -> None:
    pytest.importorskip("sklearn.datasets", exc_type=ImportError)
    for split in ("iid", "dirichlet"):
        problem = real_logistic_regression(data=data, split=split, M=4)
        assert all(check.relative_error < 1e-4 for check in problem.self_check())
        assert problem.residual < 1e-12
