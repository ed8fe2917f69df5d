"""Exact moments against exact fractions, 50-digit arithmetic, sampling, and the closed forms of local descent."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import plain_loops as plain
import pytest
from typical_values import required_of

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.heavy_tailed_noise import StableNoise
from tightrate.constructions.noise import GaussianNoise, RademacherNoise
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.constructions.structured_noise import AtStep, OnCoordinates, PerWorker
from tightrate.constructions.three_clients import three_clients
from tightrate.simulator.algorithm import ALGORITHMS, worker_mean
from tightrate.simulator.algorithms.local_sgd import LocalSGD, LocalState
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.communication import Minibatch
from tightrate.simulator.exact.affine_gaussian import AffineGaussian, compose
from tightrate.simulator.exact.linear_form import LinearForm
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.optimizer import Optimizer
from tightrate.simulator.parameters import parameters as parameters_of
from tightrate.simulator.round_algorithm import AnsweringWorkers, RoundAlgorithm, one_round
from tightrate.simulator.sampled.round_law import sample_rounds
from tightrate.simulator.sampled.sampling import sample

DYADIC = {
    "eta": 0.25,
    "gamma": 0.75,
    "momentum": 0.5,
    "beta1": 0.25,
    "mu": 0.125,
    "second_eta": 0.5,
}


def dyadic(name: str) -> dict[str, float]:
    """Parameters of an algorithm with which exact rational arithmetic stays short."""
    return {**required_of(name), **{key: DYADIC[key] for key in parameters_of(ALGORITHMS[name]) if key in DYADIC}}


def function(name: str) -> str:
    """The name of an algorithm's plain loop, where it has one."""
    return name.replace("-", "_")


IS_LINEAR = [(name, dyadic(name)) for name in ALGORITHMS.names() if ALGORITHMS[name](**dyadic(name)).linear]
STAGES = {name: len(ALGORITHMS[name](**parameters).stages()) for name, parameters in IS_LINEAR}
ALIKE = {name: LinearForm.exists(ALGORITHMS[name](**parameters)) for name, parameters in IS_LINEAR}
LINEAR = [(name, parameters) for name, parameters in IS_LINEAR if STAGES[name] == 1 and ALIKE[name]]
STACKED = [(name, parameters) for name, parameters in IS_LINEAR if not ALIKE[name]]  # all workers' states are followed
STAGED = [(name, parameters) for name, parameters in IS_LINEAR if STAGES[name] > 1]


class Formal:
    """A number plus a formal sum of independent unit noises, with exact rational coefficients."""

    def __init__(self, mean: Fraction, noise: dict[int, Fraction] | None = None) -> None:
        self.mean, self.noise = mean, noise or {}

    def __add__(self, other: Formal | Fraction | int) -> Formal:
        if not isinstance(other, Formal):
            return Formal(self.mean + other, self.noise)
        keys = self.noise.keys() | other.noise.keys()
        return Formal(self.mean + other.mean, {key: self.noise.get(key, 0) + other.noise.get(key, 0) for key in keys})

    def __mul__(self, factor: Fraction | int) -> Formal:
        return Formal(self.mean * factor, {key: value * factor for key, value in self.noise.items()})

    def __sub__(self, other: Formal | Fraction) -> Formal:
        return self + other * -1

    def __truediv__(self, divisor: Fraction | int) -> Formal:
        return self * (1 / Fraction(divisor))

    @property
    def variance(self) -> Fraction:
        return sum((value**2 for value in self.noise.values()), Fraction(0))


CURVATURES = [Fraction(1), Fraction(1, 4), Fraction(3, 4)]
MINIMIZERS = [Fraction(1), Fraction(-1, 2), Fraction(2)]


@pytest.mark.parametrize(("name", "parameters"), [one for one in LINEAR + STAGED if hasattr(plain, function(one[0]))])
@pytest.mark.parametrize("equal_workers", [False, True])
def test_exact_moments_equal_exact_fractions(name: str, parameters: dict[str, float], equal_workers: bool) -> None:
    K, R, s, q = 3, 4, Fraction(1, 2), Fraction(1, 8)
    a = [CURVATURES[2]] * 3 if equal_workers else CURVATURES

    def gradient(m: int, x: Formal, t: int) -> Formal:
        return (x - MINIMIZERS[m]) * a[m] + Formal(Fraction(0), {3 * t + m: s})

    exact = {key: value if key == "switch" else Fraction(value) for key, value in parameters.items()}
    box = getattr(plain, function(name))
    last, seen = box(gradient, Formal(Fraction(1, 4)), 3, K, R, **exact)
    weights = [(1 - q) ** -(t + 1) for t in range(K * R)]
    average = seen[0] * 0
    for weight, x in zip(weights, seen, strict=True):
        average = average + x * (weight / sum(weights))
    problem = DiagonalQuadratics(np.array(a, dtype=float)[:, None], np.array(MINIMIZERS, dtype=float)[:, None])
    found = exact_moments(
        ALGORITHMS[name](**parameters), problem, K=K, R=R, noise=GaussianNoise(0.5), averaging_decay=0.125, start=[0.25]
    )
    optimum = sum(x * y for x, y in zip(a, MINIMIZERS, strict=True)) / sum(a)
    for moments, reference in ((found.last, last), (found.average, average)):
        assert moments is not None
        assert moments.mean[0, 0] == pytest.approx(float(reference.mean), rel=1e-14)
        assert moments.covariance[0, 0, 0] == pytest.approx(float(reference.variance), rel=1e-13)
        second = (reference.mean - optimum) ** 2 + reference.variance
        assert moments.gap[0] == pytest.approx(float(sum(a) / 3 * second / 2), rel=1e-13)
        assert moments.squared_distance[0] == pytest.approx(float(second), rel=1e-13)


COMMUTING = DiagonalQuadratics(
    np.array([[0.2, 1.0, 0.5], [0.9, 0.1, 0.4], [0.6, 0.6, 0.6]]), np.array([[1.0, 0, -1], [0, 2, 1], [1, 1, 0.5]])
)
TURN = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
TURNED = QuadraticWorkers(TURN @ COMMUTING.hessians @ TURN.T, COMMUTING.minimizers @ TURN.T)
APART = random_quadratics(M=4, d=3, zeta_star=0.5, tau=0.6, seed=3)


@pytest.mark.parametrize(("name", "parameters"), LINEAR + STACKED)
@pytest.mark.parametrize("problem", [COMMUTING, APART], ids=["commuting", "not commuting"])
def test_exact_moments_agree_with_sampling(
    name: str, parameters: dict[str, float], problem: QuadraticWorkers | DiagonalQuadratics
) -> None:
    rule, noise, n = ALGORITHMS[name](**parameters), GaussianNoise(0.8), 4000
    exact = exact_moments(rule, problem, K=3, R=5, noise=noise, averaging_decay=0.02)
    run = sample(rule, problem, K=3, R=5, noise=noise, averaging_decay=0.02, replicas=n, seed=1)
    assert exact.average is not None
    assert run.average is not None
    for points, moments in ((run.last, exact.last), (run.average, exact.average)):
        gaps, squares = problem.gap(points), ((points - moments.mean) ** 2).sum(axis=-1)
        centered = points - moments.mean
        products = centered[:, :, None] * centered[:, None, :]
        for values, expected in (
            (points, moments.mean[0]),
            (gaps, moments.gap[0]),
            (squares, np.trace(moments.covariance[0])),
            (products, moments.covariance[0]),
        ):
            z = (values.mean(axis=0) - expected) / (values.std(axis=0, ddof=1) / np.sqrt(n))
            assert np.abs(z).max() < 4.5  # largest of some 300 comparisons: 4 standard errors and a little


def test_a_wrong_variance_would_be_seen() -> None:
    rule, noise, n = ALGORITHMS["local-sgdm"](eta=0.25, beta1=0.75), GaussianNoise(0.8), 4000
    run = sample(rule, APART, K=3, R=5, noise=noise, replicas=n, seed=1)
    gaps = APART.gap(run.last)
    wrong = exact_moments(rule, APART, K=3, R=5, noise=GaussianNoise(0.9)).last.gap[0]
    forgotten = exact_moments(ALGORITHMS["local-sgdm"](eta=0.25, beta1=0.7), APART, K=3, R=5, noise=noise).last.gap[0]
    for value in (wrong, forgotten):
        assert abs(gaps.mean() - value) > 5 * gaps.std() / np.sqrt(n)


@pytest.mark.parametrize(("name", "parameters"), LINEAR + STACKED)
def test_turning_the_coordinates_turns_the_moments(name: str, parameters: dict[str, float]) -> None:
    rule, noise = ALGORITHMS[name](**parameters), GaussianNoise(0.8)
    one = exact_moments(rule, COMMUTING, K=3, R=5, noise=noise, averaging_decay=0.02).average
    other = exact_moments(rule, TURNED, K=3, R=5, noise=noise, averaging_decay=0.02).average
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(other.mean, one.mean @ TURN.T, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(other.covariance, TURN @ one.covariance @ TURN.T, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(other.gap, one.gap, rtol=1e-11)


@pytest.mark.parametrize(("name", "parameters"), LINEAR + STACKED)
def test_nearly_commuting_workers_give_nearly_the_moments_of_commuting_ones(
    name: str, parameters: dict[str, float]
) -> None:
    """The two routes of the engine, per eigenvalue and per block, meet."""
    push = 1e-9 * np.ones((3, 3, 3)) * np.array([1.0, -1, 0])[:, None, None]
    nearby = QuadraticWorkers(COMMUTING.hessians + push, COMMUTING.minimizers)
    rule, noise = ALGORITHMS[name](**parameters), GaussianNoise(0.8)
    one, other = (exact_moments(rule, p, K=3, R=5, noise=noise, averaging_decay=0.02) for p in (COMMUTING, nearby))
    for a, b in ((one.last, other.last), (one.average, other.average)):
        assert a is not None
        assert b is not None
        assert b.basis is None  # the block route was taken
        np.testing.assert_allclose(b.mean, a.mean, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(b.covariance, a.covariance, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(b.gap, a.gap, rtol=1e-7)


@pytest.mark.parametrize("problem", [COMMUTING, APART], ids=["commuting", "not commuting"])
@pytest.mark.parametrize("K", [1.0, 5.0, np.inf])
def test_without_noise_the_mean_is_local_gradient_descent(
    problem: QuadraticWorkers | DiagonalQuadratics, K: float
) -> None:
    dense = problem.dense() if isinstance(problem, DiagonalQuadratics) else problem
    rule = ALGORITHMS["local-sgd"](eta=0.7, gamma=0.9)
    exact, jumped = exact_moments(rule, problem, K=K, R=6).last, round_map(dense, K=K, eta=0.7, gamma=0.9).after(6)
    np.testing.assert_allclose(exact.mean[0], jumped, rtol=1e-12)
    np.testing.assert_allclose(exact.gap[0], problem.gap(jumped), rtol=1e-11)
    assert exact.covariance.max() == 0


def test_a_batch_equals_its_members_and_rounds_can_be_followed() -> None:
    noise = GaussianNoise(1.0)
    for name, parameters in LINEAR:
        eta = np.array([0.1, 0.3, 0.2])
        K, R = np.array([1, 4, 2]), np.array([[0, 3, 7], [5, 5, 1], [2, 0, 9]])
        batch = exact_moments(
            ALGORITHMS[name](**{**parameters, "eta": eta}), COMMUTING, K=K, R=R, noise=noise, averaging_decay=0.1
        )
        for i in range(3):
            rule = ALGORITHMS[name](**{**parameters, "eta": eta[i]})
            for j in range(3):
                alone = exact_moments(rule, COMMUTING, K=K[i], R=R[i, j], noise=noise, averaging_decay=0.1)
                np.testing.assert_allclose(batch.last.gap[i, j], alone.last.gap[0], rtol=1e-12)
                np.testing.assert_allclose(batch.last.mean[i, j], alone.last.mean[0], rtol=1e-12)
                assert batch.average is not None
                if R[i, j] == 0:
                    assert np.isnan(batch.average.gap[i, j])
                else:
                    assert alone.average is not None
                    np.testing.assert_allclose(batch.average.covariance[i, j], alone.average.covariance[0], rtol=1e-12)


# Fifty digits: the scalar recursions written out again, composed with 90 digits by repeated squaring.

Map = tuple[mpmath.matrix, mpmath.matrix, mpmath.matrix]


def followed(first: Map, second: Map) -> Map:
    (A1, b1, Q1), (A2, b2, Q2) = first, second
    return A2 * A1, A2 * b1 + b2, A2 * Q1 * A2.T + Q2


def powered(one: Map, count: int) -> Map:
    n = one[0].rows
    result = mpmath.eye(n), mpmath.zeros(n, 1), mpmath.zeros(n)
    while count:
        if count & 1:
            result = followed(result, one)
        one, count = followed(one, one), count >> 1
    return result


def averaged_workers(a: list[Any], x_m: list[Any], rows: list[list[Any]], push: list[Any], s: Any, K: int) -> Map:
    """K local steps w <- (rows + a push e_1') w + ..., averaged over workers; the iterate is the first entry."""
    maps = []
    for curvature, minimizer in zip(a, x_m, strict=True):
        A, g = mpmath.matrix(rows), mpmath.matrix(push)
        for i in range(A.rows):
            A[i, 0] += curvature * g[i]
        maps.append(powered((A, -curvature * minimizer * g, g * g.T * s**2), K))
    M, n = len(maps), maps[0][0].rows
    zeros = mpmath.zeros(n), mpmath.zeros(n, 1), mpmath.zeros(n)
    A, b, Q = (sum((m[i] for m in maps), zeros[i]) for i in range(3))
    return A / M, b / M, Q / M**2


def client_round(p: dict[str, Any], a: list[Any], x_m: list[Any], s: Any, K: int, q: Any) -> Map:
    """A round of client SGD with an outer heavy-ball or Nesterov step, on (x, previous x or buffer, sum)."""
    A, b, Q = averaged_workers(a, x_m, [[1, 0], [1, 1 - q]], [-p["eta"], 0], s, K)
    gamma, momentum = p.get("gamma", mpmath.mpf(1)), p.get("momentum", mpmath.mpf(0))
    spread = mpmath.matrix([[1, 0, 0], [0, 0, 1]])
    if p["nesterov"]:
        gather = mpmath.matrix([[gamma * (1 + momentum), 0], [-1, 0], [0, 1]])
        kept = mpmath.matrix([[1 - gamma * (1 + momentum), -gamma * momentum**2, 0], [1, momentum, 0], [0, 0, 0]])
    else:
        gather = mpmath.matrix([[gamma, 0], [0, 0], [0, 1]])
        kept = mpmath.matrix([[1 - gamma + momentum, -momentum, 0], [1, 0, 0], [0, 0, 0]])
    return kept + gather * A * spread, gather * b, gather * Q * gather.T


def pooled_round(name: str, p: dict[str, Any], a: list[Any], x_m: list[Any], s: Any, K: int, q: Any) -> Map:
    """A round of a minibatch method on (iterate, momentum or extrapolated point, sum): one gradient of K M samples."""
    eta, b, m = p["eta"], p.get("beta1", mpmath.mpf(0)), p.get("momentum", mpmath.mpf(0))
    kept_sum, visits = (1 - q) ** K, K if q == 0 else (1 - (1 - q) ** K) / q
    if name == "nesterov-minibatch-sgd":
        rows, push, at = [[0, 1, 0], [-m, 1 + m, 0]], [-eta, -(1 + m) * eta, 0], [0, 1, 0]
        rows.append([0, visits, kept_sum])
    else:
        rows, push, at = [[1, -eta * b, 0], [0, b, 0]], [-eta * (1 - b), 1 - b, 0], [1, 0, 0]
        rows.append([visits, -visits * eta * b / (1 - b), kept_sum])
    M = len(a)
    curvature, pull = sum(a) / M, sum(x * y for x, y in zip(a, x_m, strict=True)) / M
    A, g = mpmath.matrix(rows) + curvature * mpmath.matrix(push) * mpmath.matrix([at]), mpmath.matrix(push)
    return A, -pull * g, g * g.T * s**2 / (K * M)


def fifty_digits(
    name: str, p: dict[str, Any], a: list[Any], x_m: list[Any], s: Any, K: int, R: int, x0: Any, q: Any
) -> dict[str, Any]:
    """Mean and variance of the last iterate and of the average, from recursions on three coordinates."""
    start = mpmath.matrix([x0, 0, 0])
    if name == "local-sgdm":
        eta, b = p["eta"], p["beta1"]
        rows = [[1, -eta * b, 0], [0, b, 0], [1, -eta * b / (1 - b), 1 - q]]
        one = averaged_workers(a, x_m, rows, [-eta * (1 - b), 1 - b, 0], s, K)
    elif "minibatch" in name:
        one = pooled_round(name, p, a, x_m, s, K, q)
        start = mpmath.matrix([x0, x0 if name == "nesterov-minibatch-sgd" else 0, 0])
    else:
        nesterov = name == "local-sgd-outer-nesterov"
        one = client_round({**p, "nesterov": nesterov}, a, x_m, s, K, q)
        start = mpmath.matrix([x0, 0 if nesterov else x0, 0])
    A, b, Q = powered(one, R)
    end, n = A * start + b, A.rows - 1
    total = K * R if q == 0 else (1 - (1 - q) ** (K * R)) / q
    return {
        "mean": end[0],
        "variance": Q[0, 0],
        "average": end[n] / total,
        "variance of average": Q[n, n] / total**2,
    }


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("local-sgd", {"gamma": 1.25}),
        ("fedavg", {"gamma": 1.25}),
        ("local-sgdm", {"beta1": 0.9}),
        ("local-sgdm", {"beta1": 0.99}),
        ("local-sgd-outer-momentum", {"gamma": 0.5, "momentum": 0.75}),
        ("local-sgd-outer-nesterov", {"gamma": 0.5, "momentum": 0.75}),
        ("minibatch-sgd", {}),
        ("minibatch-sgdm", {"beta1": 0.9}),
        ("nesterov-minibatch-sgd", {"momentum": 0.75}),
    ],
)
@pytest.mark.parametrize("eta", [1e-12, 1e-6, 0.25])
@pytest.mark.parametrize("curvatures", [(1e-6,), (1.0, 0.25)])
def test_moments_agree_with_fifty_digits_at_any_size(
    name: str, parameters: dict[str, float], eta: float, curvatures: tuple[float, ...]
) -> None:
    minimizers = (1.0, -0.5)[: len(curvatures)]
    problem = DiagonalQuadratics(np.array(curvatures)[:, None], np.array(minimizers)[:, None])
    rule, q = ALGORITHMS[name](eta=eta, **parameters), 1e-7
    with mpmath.workdps(90):
        exact = {key: mpmath.mpf(value) for key, value in {"eta": eta, **parameters}.items()}
        a, x_m = [mpmath.mpf(v) for v in curvatures], [mpmath.mpf(v) for v in minimizers]
        for K, R in ((1, 10**9), (10**9, 10**9), (1000, 1000)):
            found = exact_moments(rule, problem, K=K, R=R, noise=GaussianNoise(0.5), averaging_decay=q, start=[0.25])
            reference = fifty_digits(name, exact, a, x_m, mpmath.mpf("0.5"), K, R, mpmath.mpf("0.25"), mpmath.mpf(q))
            last, average = found.last, found.average
            assert average is not None
            for value, key in (
                (last.mean[0, 0], "mean"),
                (last.covariance[0, 0, 0], "variance"),
                (average.mean[0, 0], "average"),
                (average.covariance[0, 0, 0], "variance of average"),
            ):
                assert abs(mpmath.mpf(float(value)) / reference[key] - 1) < 1e-13, (K, R, key)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("mu", [1e-2, 1e-6])
def test_moments_of_ill_conditioned_dense_workers_agree_with_fifty_digits(mu: float, seed: int) -> None:
    """The least eigenvalues of dense matrices are known to 2^-52 L, and long runs are ruled by them."""
    problem, eta, s = random_quadratics(M=3, d=3, mu=mu, tau=0.5, zeta_star=0.5, seed=seed), 0.5, 0.5
    for K, R in ((10, 100), (10**6, 10**6)):
        found = exact_moments(ALGORITHMS["local-sgd"](eta=eta), problem, K=K, R=R, noise=GaussianNoise(s)).last
        with mpmath.workdps(60):
            one, maps = mpmath.eye(3), []
            for hessian, minimizer in zip(problem.hessians, problem.minimizers, strict=True):
                step = eta * mpmath.matrix(hessian.tolist())
                maps.append(
                    powered((one - step, step * mpmath.matrix(minimizer.tolist()), one * (eta * s) ** 2 / 3), K)
                )
            A, b, Q = ((maps[0][i] + maps[1][i] + maps[2][i]) / 3 for i in range(3))
            _, mean, covariance = powered((A, b, Q / 3), R)
        exact = np.array(covariance.tolist(), dtype=float)
        allowed = 1e-14 + np.finfo(float).eps / mu
        assert np.abs(found.covariance[0] - exact).max() < allowed * np.abs(exact).max()
        assert np.abs(found.mean[0] - np.array(mean, dtype=float)).max() < allowed


# Coefficients that change with the round: the recursions round by round in whole numbers of 2^-300.

BITS = 300
ONE = 1 << BITS


def fixed(value: Any) -> int:
    """A number of the recursion, as a multiple of 2^-300."""
    return int(mpmath.nint(mpmath.mpf(value) * ONE))


def times(*factors: int) -> int:
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor >> BITS
    return product


def over(a: int, b: int) -> int:
    return (a << BITS) // b


def coefficients(name: str, p: dict[str, int], A: int, a: int, r: int) -> tuple[tuple[int, int, int, int], int, int]:
    """The matrix of round r on two displacements from the optimum, and what one unit of noise adds to each.

    A is the factor of K local steps, a the curvature.  The output is the first displacement.
    """
    if name == "local-sgd-outer-acceleration":  # u and z
        tau, g = over(2 * ONE, (r + 2) * ONE), p["gamma"] * (r + 1) // 2
        moved = times(g, A - ONE)
        return (times(A, ONE - tau), times(A, tau), times(moved, ONE - tau), ONE + times(moved, tau)), ONE, g
    if name == "local-sgd-schedule-free":  # x and z
        b, g = p["beta1"], p["gamma"]
        moved = times(g, A - ONE)
        z = (times(moved, b), ONE + times(moved, ONE - b))
        return (ONE - ONE // (r + 1) + z[0] // (r + 1), z[1] // (r + 1), *z), g // (r + 1), g
    t = r + 1  # AC-SA: the aggregate and x
    alpha, mu = over(2 * ONE, (t + 1) * ONE), p["mu"]
    g = over(4 * ONE, p["eta"] * t * (t + 1))
    w = over(times(alpha, times(ONE - alpha, mu) + g), g + times(ONE - times(alpha, alpha), mu))
    rate = over(alpha, mu + g)
    x = (times(rate, mu - a, ONE - w), ONE - times(rate, mu) + times(rate, mu - a, w))
    return (ONE - alpha + times(alpha, x[0]), times(alpha, x[1]), *x), -times(alpha, rate), -rate


def followed_in_fixed_point(
    name: str, parameters: dict[str, float], *, K: int, R: int, eta: float, a: float, s: float
) -> tuple[float, float]:
    """Mean displacement and variance of the output after R rounds from the displacement -1, one worker."""
    with mpmath.workdps(95):
        step = mpmath.mpf(eta)
        A, _, Q = powered((mpmath.matrix([[1 - step * a]]), mpmath.zeros(1), mpmath.matrix([[(step * s) ** 2]])), K)
        factor, noise = fixed(A[0, 0]), fixed(mpmath.mpf(s) ** 2 / K if "minibatch" in name else Q[0, 0])
        whole, curvature = {key: fixed(value) for key, value in {"eta": eta, **parameters}.items()}, fixed(a)
    u, v = -ONE, -ONE
    C = [0, 0, 0]  # of the first with itself, with the second, of the second with itself
    for r in range(R):
        (f00, f01, f10, f11), n0, n1 = coefficients(name, whole, factor, curvature, r)
        u, v = (f00 * u + f01 * v) >> BITS, (f10 * u + f11 * v) >> BITS
        left = [(f00 * C[0] + f01 * C[1]) >> BITS, (f00 * C[1] + f01 * C[2]) >> BITS]
        right = [(f10 * C[0] + f11 * C[1]) >> BITS, (f10 * C[1] + f11 * C[2]) >> BITS]
        m0, m1 = times(noise, n0), times(noise, n1)
        C = [
            (left[0] * f00 + left[1] * f01 + m0 * n0) >> BITS,
            (left[0] * f10 + left[1] * f11 + m0 * n1) >> BITS,
            (right[0] * f10 + right[1] * f11 + m1 * n1) >> BITS,
        ]
    return u / ONE, C[0] / ONE


CHANGING: list[tuple[str, dict[str, float]]] = [
    ("local-sgd-outer-acceleration", {"gamma": 0.75}),
    ("local-sgd-schedule-free", {"gamma": 1.5, "beta1": 0.25}),
    ("accelerated-minibatch-sgd", {"mu": 0.125}),
]


@pytest.mark.parametrize(
    ("name", "parameters", "R", "eta"),
    [
        *((name, parameters, 50_000, eta) for name, parameters in CHANGING for eta in (1e-9, 0.25)),
        pytest.param("local-sgd-outer-acceleration", {"gamma": 0.75}, 1_000_000, 1e-9, marks=pytest.mark.soak),
    ],
)
def test_round_dependent_coefficients_agree_with_fifty_digits(
    name: str, parameters: dict[str, float], R: int, eta: float
) -> None:
    K, a, s = 10**6, 0.5, 0.5
    problem = DiagonalQuadratics(np.array([[a]]), np.array([[1.0]]))
    found = exact_moments(ALGORITHMS[name](eta=eta, **parameters), problem, K=K, R=R, noise=GaussianNoise(s)).last
    mean, variance = followed_in_fixed_point(name, parameters, K=K, R=R, eta=eta, a=a, s=s)
    assert abs(found.mean[0, 0] - 1 - mean) < 1e-15 * R
    assert abs(found.covariance[0, 0, 0] / variance - 1) < 1e-15 * R


def test_powers_and_compositions_agree() -> None:
    generator = np.random.default_rng(0)
    one = AffineGaussian(0.3 * generator.standard_normal((3, 3)), generator.standard_normal(3), np.eye(3))
    direct = one
    for _ in range(12):
        direct = direct.then(one)
    repeated = AffineGaussian(*(np.repeat(part[None], 13, axis=0) for part in (one.change, one.shift, one.covariance)))
    for other in (one.power(13), compose(repeated)):
        for name in ("change", "shift", "covariance"):
            np.testing.assert_allclose(getattr(other, name), getattr(direct, name), rtol=1e-10)
    scalar = AffineGaussian(np.full((4, 1, 1), -0.3), np.ones((4, 1)), np.ones((4, 1, 1)))
    closed = scalar.power(np.array([0.0, 1, 5, np.inf]))
    np.testing.assert_allclose(closed.change[:, 0, 0], [0, -0.3, 0.7**5 - 1, -1], rtol=1e-15)
    np.testing.assert_allclose(closed.shift[3, 0], 1 / 0.3, rtol=1e-15)
    np.testing.assert_allclose(closed.covariance[:, 0, 0], [0, 1, sum(0.49**i for i in range(5)), 1 / 0.51], rtol=1e-15)


@pytest.mark.parametrize("factor", [-0.5, -1.0, 1.0, 1.5, -3.0])
def test_scalar_powers_of_any_factor(factor: float) -> None:
    one = AffineGaussian(np.array([[factor - 1]]), np.array([0.5]), np.array([[2.0]]))
    seventh = one.power(7)
    np.testing.assert_allclose(seventh.factor[0, 0], factor**7, rtol=1e-14)
    np.testing.assert_allclose(seventh.shift[0], 0.5 * sum(factor**i for i in range(7)), rtol=1e-14)
    np.testing.assert_allclose(seventh.covariance[0, 0], 2 * sum(factor ** (2 * i) for i in range(7)), rtol=1e-14)
    assert bool(np.isinf(one.power(1e9).covariance[0, 0])) == (abs(factor) > 1)


def test_diverging_methods_have_an_infinite_gap() -> None:
    for name in ("local-sgd", "local-sgdm", "local-sgd-outer-acceleration"):
        found = exact_moments(ALGORITHMS[name](eta=500.0), APART, K=9, R=900, noise=GaussianNoise(1.0)).last
        assert found.gap[0] == np.inf
        assert found.squared_distance[0] == np.inf


def test_only_the_variance_of_the_noise_counts() -> None:
    rule = ALGORITHMS["local-sgd"](eta=0.3)
    normal, signs = (
        exact_moments(rule, APART, K=2, R=3, noise=n(0.7)).last.gap for n in (GaussianNoise, RademacherNoise)
    )
    np.testing.assert_array_equal(normal, signs)


@pytest.mark.parametrize("problem", [COMMUTING, APART], ids=["commuting", "not commuting"])
def test_two_stages_follow_each_other_exactly(problem: QuadraticWorkers | DiagonalQuadratics) -> None:
    rule, noise, n = ALGORITHMS["two-stage"](eta=0.3, gamma=0.8, switch=2, second_eta=0.5), GaussianNoise(0.8), 4000
    along = exact_moments(rule, problem, K=3, R=np.arange(6)[None], noise=noise, averaging_decay=0.02)
    run = sample(rule, problem, K=3, R=5, noise=noise, averaging_decay=0.02, replicas=n)
    assert along.average is not None
    assert run.average is not None
    z = (run.gaps.mean(axis=0) - along.last.gap[0])[1:] / (run.gaps.std(axis=0)[1:] / np.sqrt(n))
    assert np.abs(z).max() < 4
    for points, mean, spread in (
        (run.last, along.last.mean[0, 5], along.last.covariance[0, 5]),
        (run.average, along.average.mean[0, 5], along.average.covariance[0, 5]),
    ):
        products = (points - mean)[:, :, None] * (points - mean)[:, None]
        for values, expected in ((points, mean), (products, spread)):
            z = (values.mean(axis=0) - expected) / (values.std(axis=0) / np.sqrt(n))
            assert np.abs(z).max() < 4
    first = exact_moments(ALGORITHMS["local-sgd"](eta=0.3, gamma=0.8), problem, K=3, R=2, noise=noise).last
    np.testing.assert_allclose(along.last.gap[0, 2], first.gap[0], rtol=1e-13)
    with pytest.raises(TightrateError, match="several stages"):
        sample_rounds(rule, problem, K=3, R=5, noise=noise)
    dense = problem.dense() if isinstance(problem, DiagonalQuadratics) else problem
    x = round_map(dense, K=3, eta=0.3, gamma=0.8).after(2)
    x = round_map(dense, K=1, eta=0.5, start=x).after(3)
    np.testing.assert_allclose(exact_moments(rule, problem, K=3, R=5).last.mean, x[None].reshape(1, 3), rtol=1e-12)


# Sampling by the law of a round.


@pytest.mark.parametrize(("name", "parameters"), LINEAR)
@pytest.mark.parametrize(
    "problem",
    [pytest.param(COMMUTING, id="commuting", marks=pytest.mark.soak), pytest.param(APART, id="not commuting")],
)
def test_one_draw_for_each_round_has_the_same_law(
    name: str, parameters: dict[str, float], problem: QuadraticWorkers | DiagonalQuadratics
) -> None:
    rule, noise, n = ALGORITHMS[name](**parameters), GaussianNoise(0.8), 4000
    run = sample_rounds(rule, problem, K=3, R=5, noise=noise, averaging_decay=0.02, replicas=n, seed=2)
    exact = exact_moments(rule, problem, K=3, R=5, noise=noise, averaging_decay=0.02)
    along = exact_moments(rule, problem, K=3, R=np.arange(6)[None], noise=noise).last
    assert exact.average is not None
    assert run.average is not None
    centered = [p - m.mean for p, m in ((run.last, exact.last), (run.average, exact.average))]
    for values, expected in (
        (run.last, exact.last.mean[0]),
        (run.average, exact.average.mean[0]),
        (centered[0][:, :, None] * centered[0][:, None], exact.last.covariance[0]),
        (centered[1][:, :, None] * centered[1][:, None], exact.average.covariance[0]),
        (run.gaps[:, 1:], along.gap[0, 1:]),
    ):
        z = (values.mean(axis=0) - expected) / (values.std(axis=0, ddof=1) / np.sqrt(n))
        assert np.abs(z).max() < 4.5
    stepwise = sample(rule, problem, K=3, R=5, noise=noise, replicas=n, seed=3)
    products = [r.distances[:, 2] * r.distances[:, 5] for r in (run, stepwise)]  # two rounds of the same run
    spread = np.sqrt(sum(p.var() for p in products) / n)
    assert abs(products[0].mean() - products[1].mean()) < 4 * spread


@pytest.mark.parametrize(("name", "parameters"), LINEAR)
@pytest.mark.parametrize("problem", [COMMUTING, APART], ids=["commuting", "not commuting"])
def test_rounds_without_noise_are_the_run_itself(
    name: str, parameters: dict[str, float], problem: QuadraticWorkers | DiagonalQuadratics
) -> None:
    rule = ALGORITHMS[name](**{**parameters, "eta": np.array([0.1, 0.2])})
    options: dict[str, Any] = {"K": [3, 2], "R": 5, "averaging_decay": 0.02, "measured_rounds": [0, 3, 5]}
    jumped, stepped = sample_rounds(rule, problem, **options), sample(rule, problem, **options)
    for field in ("last", "average", "gaps", "distances"):
        np.testing.assert_allclose(getattr(jumped, field), getattr(stepped, field), rtol=1e-10, atol=1e-13)


def test_the_law_of_a_round_needs_gaussian_noise_and_common_streams_are_common() -> None:
    rule = ALGORITHMS["local-sgd"](eta=[0.1, 0.1, 0.2])
    with pytest.raises(TightrateError, match="Gaussian only"):
        sample_rounds(rule, APART, K=2, R=2, noise=RademacherNoise(1.0))
    run = sample_rounds(rule, APART, K=2, R=9, noise=GaussianNoise(1.0), streams=[4, 4, 5])
    np.testing.assert_array_equal(run.last[0], run.last[1])
    alone = sample_rounds(ALGORITHMS["local-sgd"](eta=0.2), APART, K=2, R=9, noise=GaussianNoise(1.0), streams=[5])
    np.testing.assert_allclose(run.last[2], alone.last[0], rtol=1e-12)
    far = sample_rounds(ALGORITHMS["local-sgd"](eta=[0.1, 900.0]), APART, K=9, R=150, noise=GaussianNoise(1.0))
    assert far.diverged.tolist() == [False, True]
    assert not np.isnan(far.gaps).any()


def test_noise_that_differs_by_worker_or_coordinate() -> None:
    noises = PerWorker((GaussianNoise(0.2), GaussianNoise(1.0), OnCoordinates(GaussianNoise(0.7), (0, 2))))
    rule, n = ALGORITHMS["local-sgdm"](eta=0.3, beta1=0.5), 6000
    exact = exact_moments(rule, COMMUTING, K=3, R=5, noise=noises).last
    points = sample(rule, COMMUTING, K=3, R=5, noise=noises, replicas=n).last
    squares = (points - exact.mean) ** 2
    z = (squares.mean(axis=0) - np.diagonal(exact.covariance[0])) / (squares.std(axis=0) / np.sqrt(n))
    assert np.abs(z).max() < 4
    same_hessians = DiagonalQuadratics(np.ones((3, 3)), COMMUTING.minimizers)
    one = exact_moments(rule, same_hessians, K=3, R=5, noise=noises).last.covariance
    nearly = DiagonalQuadratics(np.ones((3, 3)) + 1e-12 * np.eye(3), COMMUTING.minimizers)
    np.testing.assert_allclose(one, exact_moments(rule, nearly, K=3, R=5, noise=noises).last.covariance, rtol=1e-9)
    with pytest.raises(TightrateError, match="equal coordinates"):
        exact_moments(rule, APART, K=3, R=5, noise=OnCoordinates(GaussianNoise(1.0), (0,)))
    with pytest.raises(TightrateError, match="same at every step"):
        exact_moments(rule, APART, K=3, R=5, noise=AtStep(GaussianNoise(1.0), 3))


# What is refused.


class Switching(SGD):
    """A mutant: a step that says it is linear but changes with the step count in its point."""

    def init(self, start: np.ndarray) -> Any:
        return (start, 0)

    def point(self, state: Any) -> Any:
        return state[0] * (1 + state[1])

    def step(self, state: Any, gradient: np.ndarray) -> Any:
        return (state[0] - self.eta * gradient, state[1] + 1)


def test_what_has_no_exact_moments_is_refused() -> None:
    with pytest.raises(TightrateError, match="linear updates only"):
        exact_moments(ALGORITHMS["local-sgdm"](eta=0.1, rho=1.0), APART, K=2, R=2)
    with pytest.raises(TightrateError, match="linear updates only"):
        exact_moments(ALGORITHMS["local-adam"](eta=0.1), APART, K=2, R=2)
    with pytest.raises(TightrateError, match="quadratic workers only"):
        exact_moments(ALGORITHMS["local-sgd"](eta=0.1), three_clients(), K=2, R=2)
    with pytest.raises(TightrateError, match="infinitely many local steps is not defined"):
        exact_moments(ALGORITHMS["local-sgd"](eta=0.1), APART, K=np.inf, R=2, averaging_decay=0.0)
    with pytest.raises(TightrateError, match="additive noise, not RowSampling"):
        exact_moments(ALGORITHMS["local-sgd"](eta=0.1), APART, K=2, R=2, noise=RowSampling(1))
    with pytest.raises(TightrateError, match=r"finite variance, not StableNoise"):
        exact_moments(ALGORITHMS["local-sgd"](eta=0.1), APART, K=2, R=2, noise=StableNoise(1.0))
    with pytest.raises(TightrateError, match=r"K must be a whole number, at least 1, not 2\.5"):
        exact_moments(ALGORITHMS["local-sgd"](eta=0.1), APART, K=2.5, R=2)
    switching: Optimizer[Any] = Switching(np.full((1, 1, 1), 0.1))
    with pytest.raises(TightrateError, match="do not change"):
        exact_moments(Minibatch(switching), APART, K=2, R=2)


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_a_method_says_that_it_is_linear_if_it_is(name: str) -> None:
    """Outputs superpose, and a communication sees the workers only through their mean."""
    generator = np.random.default_rng(2)
    rule = ALGORITHMS[name](**dyadic(name))
    if rule.uses_curvature:
        assert not rule.linear
        return
    starts = generator.standard_normal((2, 1, 1, 4))
    gradients = generator.standard_normal((2, 6, 1, 3, 4))

    def run(start: np.ndarray, forces: np.ndarray) -> np.ndarray:
        state, remaining = rule.init(np.repeat(start, 3, axis=1)), iter([*forces, *forces])
        workers = AnsweringWorkers(3, 3, lambda _: next(remaining))
        for _ in range(2):
            state = one_round(rule, state, workers)
        return rule.output(state)

    both = run(2 * starts[0] + starts[1], 2 * gradients[0] + gradients[1])
    apart = np.abs(both - 2 * run(starts[0], gradients[0]) - run(starts[1], gradients[1])).max()
    common = np.broadcast_to(gradients[0].mean(axis=2, keepdims=True), gradients[0].shape)
    if not isinstance(rule, RoundAlgorithm):
        apart = max(apart, np.abs(run(starts[0], gradients[0]) - run(starts[0], common)).max())
    assert apart < 1e-13 if rule.linear else apart > 1e-6


class Forgetful(LocalSGD):
    """A mutant: local SGD that averages the workers but forgets the outer step."""

    def synchronize(self, state: LocalState) -> LocalState:
        x = worker_mean(state.x)
        return LocalState(x, x)


def test_the_coefficients_are_read_off_the_rule_itself() -> None:
    wrong = Forgetful(np.full((1, 1, 1), 0.3), np.full((1, 1, 1), 0.5))
    right = ALGORITHMS["local-sgd"](eta=0.3, gamma=0.5)
    plain_average = ALGORITHMS["local-sgd"](eta=0.3, gamma=1.0)
    found = [
        exact_moments(rule, APART, K=3, R=4, noise=GaussianNoise(1.0)).last.gap
        for rule in (wrong, right, plain_average)
    ]
    assert found[0] == pytest.approx(found[2], rel=1e-13)
    assert abs(found[0] - found[1]) > 1e-3


# --- how many digits hold --------------------------------------------------------------------------------------------


def accelerated_rounds(a: float, eta: float, gamma: float, R: int) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Displacement and variance of the accelerated outer loop on one worker with one local step, in 60 digits."""
    a, eta, gamma = map(mpmath.mpf, (a, eta, gamma))
    u = z = mpmath.mpf(1)
    uu = zz = uz = mpmath.mpf(0)
    for r in range(R):
        t, outer = mpmath.mpf(2) / (r + 2), gamma * (r + 1) / 2
        x, xx, xz = (1 - t) * u + t * z, (1 - t) ** 2 * uu + 2 * t * (1 - t) * uz + t**2 * zz, (1 - t) * uz + t * zz
        c, d = 1 - eta * a, outer * eta * a
        u, z = c * x, z - d * x
        noise = eta**2
        uu, zz = c**2 * xx + noise, zz - 2 * d * xz + d**2 * xx + outer**2 * noise
        uz = c * xz - c * d * xx + outer * noise
    return u, uu


LONG = [pytest.param(R, digits, marks=pytest.mark.soak) for R, digits in ((30_000, 6), (1_000_000, 3))]


@pytest.mark.parametrize(("R", "digits"), [(30, 12), (300, 10), (3000, 8), *LONG])
def test_the_digits_that_hold_where_coefficients_change_with_the_round(R: int, digits: int) -> None:
    with mpmath.workdps(60):
        mean, variance = accelerated_rounds(1e-6, 0.25, 0.5, R)
        worker = DiagonalQuadratics(np.full((1, 1, 1), 1e-6), np.ones((1, 1, 1)))
        rule = ALGORITHMS["local-sgd-outer-acceleration"](eta=0.25, gamma=0.5)
        run = exact_moments(rule, worker, K=1, R=R, noise=GaussianNoise(1.0))
        accuracy = float(run.accuracy[0])
        assert abs(1 - mpmath.mpf(float(run.last.mean[0, 0])) - mean) < accuracy
        assert abs(mpmath.mpf(float(run.last.spread[0, 0])) / variance - 1) < accuracy
    assert run.digits.tolist() == [digits]


@pytest.mark.parametrize("eta", [1e-12, 0.1])
@pytest.mark.parametrize("momentum", [0.5, 0.999])
def test_momentum_keeps_twelve_digits_over_a_million_rounds(eta: float, momentum: float) -> None:
    a, R = 1e-3, 10**6
    with mpmath.workdps(60):
        e, b, c = map(mpmath.mpf, (eta, momentum, a))
        power, squared = mpmath.matrix([[1 - e * c, b - e * c * b], [-e * c, b - e * c * b]]), mpmath.matrix([-e, -e])
        added, total, noise, left = squared * squared.T, mpmath.eye(2), mpmath.zeros(2), R
        while left:
            if left % 2:
                total, noise = power * total, power * noise * power.T + added
            added, power, left = power * added * power.T + added, power * power, left // 2
        worker = DiagonalQuadratics(np.full((1, 1, 1), a), np.ones((1, 1, 1)))
        rule = ALGORITHMS["nesterov-minibatch-sgd"](eta=eta, momentum=momentum)
        run = exact_moments(rule, worker, K=1, R=R, noise=GaussianNoise(1.0))
        gap = c / 2 * (total[0, 0] ** 2 + noise[0, 0])
        for found, exact in ((run.last.spread[0, 0], noise[0, 0]), (run.last.gap[0], gap)):
            assert abs(mpmath.mpf(float(found)) / exact - 1) < 1e-12
    assert run.digits.tolist() == [13]


def test_dense_workers_lose_the_digits_of_their_condition() -> None:
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    for least, digits in ((1e-2, 12), (1e-8, 7)):
        hessians = np.stack([turn @ np.diag([1.0, least]) @ turn.T, np.diag([1.0, least])])
        run = exact_moments(ALGORITHMS["local-sgd"](eta=0.5), QuadraticWorkers(hessians, np.ones((2, 2))), K=2, R=3)
        assert run.digits.tolist() == [digits]
