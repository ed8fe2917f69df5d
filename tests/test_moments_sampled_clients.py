"""Exact moments with sampled clients, and K = infinity: against every draw in fractions, sampling, and large K."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from typing import Any

import mpmath
import numpy as np
import plain_loops as plain
import pytest
from test_moments import APART, COMMUTING, CURVATURES, LINEAR, MINIMIZERS, STACKED, STAGED, Formal, powered

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.constructions.structured_noise import PerWorker
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.sampling import sample

DRAWN = [(name, own) for name, own in STACKED if not ALGORITHMS[name](**own).remembers_workers]
EQUAL_HESSIANS = DiagonalQuadratics(np.repeat(COMMUTING.curvatures[:1], 3, axis=0), COMMUTING.minimizers)


@pytest.mark.parametrize(("name", "parameters"), LINEAR + STAGED)
@pytest.mark.parametrize("equal_workers", [False, True])
def test_sampled_clients_equal_the_mean_over_all_draws(
    name: str, parameters: dict[str, float], equal_workers: bool
) -> None:
    """Two of three workers in each of three rounds: 27 histories, each followed in exact fractions."""
    K, R, S, s, q = 2, 3, 2, Fraction(1, 2), Fraction(1, 8)
    a = [CURVATURES[2]] * 3 if equal_workers else CURVATURES
    exact = {key: value if key == "switch" else Fraction(value) for key, value in parameters.items()}
    box, weights = getattr(plain, name.replace("-", "_")), [(1 - q) ** -(t + 1) for t in range(K * R)]
    histories = list(product(combinations(range(3), S), repeat=R))
    ends: list[list[Formal]] = [[], []]
    for history in histories:

        def gradient(slot: int, x: Formal, t: int, history: Any = history) -> Formal:
            m = history[t // K][slot]
            return (x - MINIMIZERS[m]) * a[m] + Formal(Fraction(0), {3 * t + m: s})

        last, seen = box(gradient, Formal(Fraction(1, 4)), S, K, R, **exact)
        average = seen[0] * 0
        for weight, x in zip(weights, seen, strict=True):
            average = average + x * (weight / sum(weights))
        ends[0].append(last)
        ends[1].append(average)
    problem = DiagonalQuadratics(np.array(a, dtype=float)[:, None], np.array(MINIMIZERS, dtype=float)[:, None])
    found = exact_moments(
        ALGORITHMS[name](**parameters),
        problem,
        K=K,
        R=R,
        noise=GaussianNoise(0.5),
        averaging_decay=0.125,
        start=[0.25],
        clients=S,
    )
    optimum = sum(x * y for x, y in zip(a, MINIMIZERS, strict=True)) / sum(a)
    for moments, values in zip((found.last, found.average), ends, strict=True):
        assert moments is not None
        count = len(values)
        mean = sum((v.mean for v in values), Fraction(0)) / count
        second = sum(((v.mean - optimum) ** 2 + v.variance for v in values), Fraction(0)) / count
        assert moments.mean[0, 0] == pytest.approx(float(mean), rel=1e-13)
        assert moments.spread[0, 0] == pytest.approx(float(second - (mean - optimum) ** 2), rel=1e-12)
        assert moments.gap[0] == pytest.approx(float(sum(a) / 3 * second / 2), rel=1e-12)


def largest_deviation(problem: Problem, moments: Any, points: np.ndarray, variances: bool) -> float:
    """In standard errors, over mean, gap, squared distance and the variances of the coordinates."""
    pairs = [
        (points, moments.mean[0]),
        (problem.gap(points), moments.gap[0]),
        (((points - problem.optimum) ** 2).sum(axis=-1), moments.squared_distance[0]),
    ]
    if variances:
        spread = moments.spread[0] if moments.correlated else np.diag(moments.covariance[0])
        pairs.append(((points - moments.mean[0]) ** 2, spread))
    return max(
        float(np.abs((values.mean(axis=0) - expected) / (values.std(axis=0, ddof=1) / np.sqrt(len(points)))).max())
        for values, expected in pairs
    )


@pytest.mark.parametrize(("name", "parameters"), LINEAR + STAGED + DRAWN)
@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(COMMUTING, id="commuting", marks=pytest.mark.soak),
        pytest.param(EQUAL_HESSIANS, id="equal", marks=pytest.mark.soak),
        pytest.param(APART, id="not commuting"),
    ],
)
def test_sampled_clients_agree_with_sampling(
    name: str, parameters: dict[str, float], problem: QuadraticWorkers | DiagonalQuadratics
) -> None:
    rule, noise, n = ALGORITHMS[name](**parameters), GaussianNoise(0.8), 2000
    exact = exact_moments(rule, problem, K=2, R=4, noise=noise, averaging_decay=0.02, clients=2)
    run = sample(rule, problem, K=2, R=4, noise=noise, averaging_decay=0.02, clients=2, replicas=n, seed=1)
    assert run.average is not None
    for moments, points in ((exact.last, run.last), (exact.average, run.average)):
        assert largest_deviation(problem, moments, points, variances=True) < 4


def test_ignoring_the_draw_would_be_seen() -> None:
    rule, noise, n = ALGORITHMS["fedavg"](eta=0.3), GaussianNoise(0.2), 2000
    gaps = COMMUTING.gap(sample(rule, COMMUTING, K=3, R=5, noise=noise, clients=2, replicas=n, seed=1).last)
    for wrong in (exact_moments(rule, COMMUTING, K=3, R=5, noise=noise).last.gap[0], 0.9 * gaps.mean()):
        assert abs(gaps.mean() - wrong) > 4 * gaps.std() / np.sqrt(n)


def test_all_clients_are_no_sampling_and_sizes_do_not_matter() -> None:
    rule, noise = ALGORITHMS["local-sgd"](eta=0.3, gamma=1.1), GaussianNoise(0.4)
    whole = exact_moments(rule, APART, K=3, R=5, noise=noise).last
    np.testing.assert_array_equal(exact_moments(rule, APART, K=3, R=5, noise=noise, clients=4).last.gap, whole.gap)
    slow = ALGORITHMS["local-sgd"](eta=1e-9)
    far = [exact_moments(slow, COMMUTING, K=10**9, R=R, noise=noise, clients=2).last for R in (10**6, 10**9)]
    np.testing.assert_allclose(far[0].gap, far[1].gap, rtol=1e-12)  # both stationary
    along = exact_moments(rule, COMMUTING, K=3, R=np.array([[1, 4]]), noise=noise, clients=2).last
    alone = exact_moments(rule, COMMUTING, K=3, R=4, noise=noise, clients=2).last
    np.testing.assert_allclose(along.gap[0, 1], alone.gap[0], rtol=1e-13)


@pytest.mark.parametrize("eta", [1e-9, 1e-3, 0.5])
def test_sampled_clients_agree_with_fifty_digits_at_any_size(eta: float) -> None:
    """One of two workers in each round: the covariance, the squared mean and the mean as three numbers."""
    K, R, a, x_m, s = 10**6, 10**9, (0.5, 0.25), (1.0, -0.5), 0.5
    problem = DiagonalQuadratics(np.array(a)[:, None], np.array(x_m)[:, None])
    found = exact_moments(
        ALGORITHMS["local-sgd"](eta=eta), problem, K=K, R=R, noise=GaussianNoise(s), start=[0.25], clients=1
    ).last
    with mpmath.workdps(90):
        step = mpmath.mpf(eta)
        factors = [(1 - step * mpmath.mpf(v)) ** K for v in a]
        shifts = [(1 - f) * mpmath.mpf(x) for f, x in zip(factors, x_m, strict=True)]
        variances = [(step * s) ** 2 * (1 - f * f) / (1 - (1 - step * v) ** 2) for f, v in zip(factors, a, strict=True)]
        F, f = sum(factors) / 2, sum(shifts) / 2
        G, g = factors[0] - F, shifts[0] - f  # the other worker deviates by the opposite
        one = mpmath.matrix([[F * F + G * G, G * G, 2 * G * g], [0, F * F, 2 * F * f], [0, 0, F]])
        constant = mpmath.matrix([g * g + sum(variances) / 2, f * f, f])
        power, shift, _ = powered((one, constant, mpmath.zeros(3)), R)
        C, N, e = power * mpmath.matrix([0, mpmath.mpf(1) / 16, mpmath.mpf(1) / 4]) + shift
        assert abs(N - e * e) < mpmath.mpf(10) ** -60
        assert abs(mpmath.mpf(float(found.mean[0, 0])) / e - 1) < 1e-13
        assert abs(mpmath.mpf(float(found.spread[0, 0])) / C - 1) < 1e-12


def test_sampled_clients_are_refused_where_moments_are_not_known() -> None:
    rule, noise = ALGORITHMS["local-sgd"](eta=0.3), GaussianNoise(0.4)
    with pytest.raises(TightrateError, match="only the variances"):
        _ = exact_moments(rule, COMMUTING, K=2, R=2, noise=noise, clients=2).last.covariance
    assert exact_moments(rule, APART, K=2, R=2, noise=noise, clients=2).last.covariance.shape == (1, 3, 3)
    with pytest.raises(TightrateError, match="blocks of at most 24 coordinates, not 25"):
        exact_moments(rule, random_quadratics(M=3, d=25, tau=0.4, seed=1), K=2, R=2, clients=2)
    with pytest.raises(TightrateError, match="clients must lie between 1 and"):
        exact_moments(rule, APART, K=2, R=2, clients=5)


def random_case(name: str, commuting: bool) -> tuple[Any, QuadraticWorkers | DiagonalQuadratics, dict[str, Any]]:
    """A random instance of an algorithm on random quadratics, with a random run, drawn from its own stream."""
    generator = stream(20240511, algorithm=name, commuting=int(commuting))
    M, d = int(generator.integers(2, 6)), int(generator.integers(1, 5))
    parameters: dict[str, Any] = {"eta": generator.uniform(0.05, 0.5)}
    for key in dict([*LINEAR, *STAGED, *STACKED])[name]:
        low, high = {"gamma": (0.3, 1.3), "switch": (1, 3)}.get(key, (0.05, 0.7))
        parameters.setdefault(key, generator.uniform(low, high))
    if "switch" in parameters:
        parameters["switch"] = 2
    problem: QuadraticWorkers | DiagonalQuadratics
    if commuting:
        problem = DiagonalQuadratics(generator.uniform(0.05, 1.0, (M, d)), generator.standard_normal((M, d)))
    else:
        problem = random_quadratics(M=M, d=d + 1, tau=0.6, zeta_star=0.7, seed=int(generator.integers(1000)))
    levels = generator.uniform(0.2, 1.5, M)
    run = {
        "K": int(generator.integers(1, 5)),
        "R": int(generator.integers(2, 6)),
        "noise": PerWorker(tuple(GaussianNoise(float(level)) for level in levels)),
        "averaging_decay": float(generator.uniform(0, 0.2)),
        "start": generator.standard_normal(problem.dimension),
    }
    return ALGORITHMS[name](**parameters), problem, run


@pytest.mark.parametrize("name", [name for name, _ in LINEAR + STAGED + STACKED])
@pytest.mark.parametrize("commuting", [True, False])
def test_exact_moments_agree_with_sampling_on_random_instances(name: str, commuting: bool) -> None:
    rule, problem, run = random_case(name, commuting)
    exact = exact_moments(rule, problem, **run)
    drawn = sample(rule, problem, replicas=3000, seed=5, **run)
    assert drawn.average is not None
    for moments, points in ((exact.last, drawn.last), (exact.average, drawn.average)):
        assert largest_deviation(problem, moments, points, variances=True) < 4


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("local-sgdm", {"eta": 0.25, "beta1": 0.75}),
        ("minibatch-sgd", {"eta": 0.5}),
        ("minibatch-sgdm", {"eta": 0.5, "beta1": 0.5}),
        ("accelerated-minibatch-sgd", {"eta": 0.5, "mu": 0.1}),
        ("nesterov-minibatch-sgd", {"eta": 0.5, "momentum": 0.5}),
        ("local-sgd-outer-nesterov", {"eta": 0.25}),
        ("two-stage", {"eta": 0.25, "switch": 2}),
    ],
)
@pytest.mark.parametrize("problem", [COMMUTING, APART], ids=["commuting", "not commuting"])
def test_infinite_K_is_the_limit_of_large_K(
    name: str, parameters: dict[str, float], problem: QuadraticWorkers | DiagonalQuadratics
) -> None:
    rule, noise = ALGORITHMS[name](**parameters), GaussianNoise(0.8)
    ends = [exact_moments(rule, problem, K=K, R=4, noise=noise).last for K in (1e15, np.inf)]
    np.testing.assert_allclose(ends[1].mean, ends[0].mean, rtol=1e-12)
    np.testing.assert_allclose(ends[1].gap, ends[0].gap, rtol=1e-12)
    np.testing.assert_allclose(ends[1].covariance, ends[0].covariance, atol=1e-14)
    together = exact_moments(rule, problem, K=np.array([2, np.inf]), R=4, noise=noise).last
    np.testing.assert_allclose(together.gap[1], ends[1].gap[0], rtol=1e-13)
    np.testing.assert_allclose(together.gap[0], exact_moments(rule, problem, K=2, R=4, noise=noise).last.gap[0])


def test_infinite_K_that_does_not_settle_has_an_infinite_gap() -> None:
    assert exact_moments(ALGORITHMS["local-sgdm"](eta=50.0, beta1=0.5), COMMUTING, K=np.inf, R=1).last.gap[0] == np.inf
    averaged = exact_moments(
        ALGORITHMS["minibatch-sgd"](eta=0.5), COMMUTING, K=np.inf, R=3, averaging_decay=0.0
    ).average
    reference = exact_moments(ALGORITHMS["minibatch-sgd"](eta=0.5), COMMUTING, K=7, R=3, averaging_decay=0.0).average
    assert averaged is not None
    assert reference is not None
    np.testing.assert_allclose(averaged.gap, reference.gap, rtol=1e-13)  # without noise K does not matter
