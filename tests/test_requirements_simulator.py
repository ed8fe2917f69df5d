"""The three boxes with most bookkeeping, written out number by number, on random instances drawn afresh.

Local Adam with its z sequence and its synchronization, FedAda²++ with SM3-II, covers and delay, and the accelerated
outer loop: nested lists of floats and nothing of the simulator but the noise, so that a mistake in how arrays are
broadcast, averaged or carried over from round to round cannot be made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import copysign, sqrt
from typing import Any

import numpy as np
import pytest

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.run import Run
from tightrate.simulator.sampled.sampling import sample

Point = list[float]
Gradient = Callable[[int, Point, int], Point]  # of worker m at a point in step t = r K + k
SEED, SIGMA, INSTANCES = 5, 0.8, 6


def instance(number: int) -> tuple[Problem, int, int, np.random.Generator]:
    """A random problem (smooth or quadratic, always heterogeneous), K, R and a generator of parameters."""
    rng = np.random.default_rng([29, number])
    M, d = int(rng.integers(1, 3)) * 2, int(rng.integers(2, 6))
    if number % 2:
        smooth = asymmetric_softplus(M=M, d=d, mu=0.1, width=0.3, tau=0.4, zeta=0.7, B=2.0)
        return smooth, int(rng.integers(2, 6)), int(rng.integers(2, 6)), rng
    quadratic = random_quadratics(M=M, d=d, tau=0.5, zeta_star=0.8, B=2.0, seed=number)
    return quadratic, int(rng.integers(2, 6)), int(rng.integers(2, 6)), rng


def gradient_of(problem: Problem, T: int, noisy: bool = True) -> Gradient:
    """The stochastic gradients of replica 0: its stream in the order (step, worker, coordinate)."""
    M, d = problem.workers, problem.dimension
    noise = stream(SEED, replica=0).standard_normal((T, M, d)) * (SIGMA / np.sqrt(d) if noisy else 0.0)

    def gradient(m: int, x: Point, t: int) -> Point:
        return list(map(float, problem.gradient(np.tile(np.array(x), (M, 1)))[m] + noise[t, m]))

    return gradient


def ran(problem: Problem, name: str, K: int, R: int, *, noisy: bool = True, **parameters: Any) -> Run:
    record = ("auxiliary-iterate", "stationarity", "random-iterate", "least-gradient-norm")
    noise = GaussianNoise(SIGMA) if noisy else None
    settings: dict[str, Any] = {"K": K, "R": R, "noise": noise, "seed": SEED, "averaging_decay": 0.0, "record": record}
    return sample(ALGORITHMS[name](**parameters), problem, replicas=1, **settings)


def mean(points: Sequence[Point]) -> Point:
    return [sum(column) / len(points) for column in zip(*points, strict=True)]


def mean_gradient(problem: Problem, x: Point) -> Point:
    return list(map(float, problem.gradient(np.tile(np.array(x), (problem.workers, 1))).mean(axis=0)))


def assert_equal(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.squeeze(found), np.squeeze(expected), rtol=1e-12, atol=1e-12)


# Local Adam: cheng2024 Algorithm 1, eqs. (4.8) and (5.5).


def local_adam_by_hand(
    problem: Problem,
    K: int,
    R: int,
    *,
    eta: float,
    beta1: float,
    beta2: float,
    lam: float,
    rho: float,
    shares_v: bool = True,
) -> tuple[Point, list[Point], Point, float]:
    """The last x, the means of z before every step, the last mean z, and the theorem's mean squared gradient norm.

    The norm is lambda |grad f(mean z)|^2 in the inverse of H_r = sqrt(v_r + lambda^2), v_r that of the round's start.
    Without `shares_v` every worker keeps its own v, which is a mutant.
    """
    gradient, M, d = gradient_of(problem, K * R), problem.workers, problem.dimension
    x = [[0.0] * d for _ in range(M)]
    u, v, z = [[0.0] * d for _ in range(M)], [[0.0] * d for _ in range(M)], [[0.0] * d for _ in range(M)]
    means, total, H = [], 0.0, [lam] * d
    for t in range(K * R):
        if t % K == 0:
            H = [sqrt(v[0][i] + lam * lam) for i in range(d)]
        means.append(mean(z))
        slope = mean_gradient(problem, means[-1])
        total += sum(lam * slope[i] ** 2 / H[i] for i in range(d))
        before = [list(own) for own in x]
        for m in range(M):
            for i, g in enumerate(gradient(m, x[m], t)):
                clipped = copysign(min(abs(g), rho), g)
                u[m][i] = beta1 * u[m][i] + (1 - beta1) * clipped
                v[m][i] = beta2 * v[m][i] + (1 - beta2) * clipped**2
                x[m][i] -= eta * u[m][i] / sqrt(v[m][i] + lam**2)
        if t % K == K - 1:  # all three states are averaged, and so is the iterate before in z
            x, u = ([mean(states) for _ in range(M)] for states in (x, u))
            v = [mean(v) for _ in range(M)] if shares_v else v
            before = [mean(before) for _ in range(M)]
        z = [[(x[m][i] - beta1 * before[m][i]) / (1 - beta1) for i in range(d)] for m in range(M)]
    return x[0], means, mean(z), total / (K * R)


@pytest.mark.parametrize("number", range(INSTANCES))
def test_local_adam_number_by_number(number: int) -> None:
    problem, K, R, rng = instance(number)
    parameters: dict[str, Any] = {
        "eta": rng.uniform(0.02, 0.2),
        "beta1": rng.uniform(0.0, 0.9),
        "beta2": rng.uniform(0.3, 0.99),
        "lam": rng.uniform(0.05, 1.0),
        "rho": rng.uniform(0.3, 1.0),
    }
    run = ran(problem, "local-adam", K, R, **parameters)
    x, means, z, stationarity = local_adam_by_hand(problem, K, R, **parameters)
    assert_equal(run.last, x)
    assert_equal(run.average, mean(means))
    assert_equal(run.records["auxiliary-iterate"], z)
    assert_equal(run.records["stationarity"], stationarity)
    nearest = min(np.abs(run.records["random-iterate"][0] - np.array(one)).max() for one in means)
    assert nearest < 1e-12


# FedAda²++: lee2024 Algorithms 2 and 4.


def sm3_client(
    gradient: Gradient,
    i: int,
    x: Point,
    r: int,
    K: int,
    eta: float,
    lam: float,
    cover: Sequence[Sequence[int]],
    delay: int,
    smallest_step: float,
) -> Point:
    """K steps of client i: v_j = min over its sets of mu(b) + g_j^2, mu(b) = max over b of v_j, every `delay` steps."""
    d, y = len(x), list(x)
    mu, v = [0.0] * len(cover), [0.0] * len(x)
    for k in range(1, K + 1):
        g = gradient(i, y, r * K + k - 1)
        if (k - 1) % delay == 0:
            v = [min(mu[b] for b, own in enumerate(cover) if j in own) + g[j] ** 2 for j in range(d)]
            mu = [max(v[j] for j in own) for own in cover]
        step = [g[j] / (sqrt(v[j]) + lam) for j in range(d)]
        if 0 < sqrt(sum(s * s for s in step)) < smallest_step:
            continue
        y = [y[j] - eta * step[j] for j in range(d)]
    return y


def fedada2_plus_plus_by_hand(
    problem: Problem,
    K: int,
    R: int,
    *,
    gamma: float,
    server_damping: float,
    server_beta1: float,
    **client: Any,
) -> tuple[Point, float]:
    """x_R and the least squared gradient norm over x_0, ..., x_{R-1}."""
    gradient, M, d = gradient_of(problem, K * R), problem.workers, problem.dimension
    x, m, v, least = [0.0] * d, [0.0] * d, [0.0] * d, float("inf")
    for r in range(R):
        least = min(least, sum(s * s for s in mean_gradient(problem, x)))
        ends = [sm3_client(gradient, i, x, r, K, **client) for i in range(M)]
        change = [end - start for end, start in zip(mean(ends), x, strict=True)]
        m = [server_beta1 * m[j] + (1 - server_beta1) * change[j] for j in range(d)]
        v = [v[j] + change[j] ** 2 for j in range(d)]
        x = [x[j] + gamma * m[j] / (sqrt(v[j]) + server_damping) for j in range(d)]
    return x, least


def random_cover(rng: np.random.Generator, d: int) -> tuple[tuple[int, ...], ...]:
    """A few overlapping sets that contain every coordinate."""
    sets = [tuple(sorted(rng.choice(d, int(rng.integers(1, d + 1)), replace=False).tolist())) for _ in range(3)]
    missing = tuple(j for j in range(d) if not any(j in own for own in sets))
    return (*sets, missing) if missing else tuple(sets)


@pytest.mark.parametrize("number", range(INSTANCES))
def test_fedada2_plus_plus_number_by_number(number: int) -> None:
    problem, K, R, rng = instance(number)
    client: dict[str, Any] = {
        "eta": rng.uniform(0.02, 0.3),
        "lam": rng.uniform(0.05, 1.0),
        "cover": random_cover(rng, problem.dimension),
        "delay": int(rng.integers(1, 4)),
        "smallest_step": float(rng.choice([0.0, 0.6])),
    }
    server: dict[str, Any] = {
        "gamma": rng.uniform(0.3, 1.5),
        "server_damping": rng.uniform(0.01, 1.0),
        "server_beta1": float(rng.choice([0.0, 0.7])),
    }
    run = ran(problem, "fedada2-plus-plus", K, R, rule=2, **client, **server)
    x, least = fedada2_plus_plus_by_hand(problem, K, R, **client, **server)
    assert_equal(run.last, x)
    assert_equal(run.records["least-gradient-norm"], least)


# The accelerated outer loop: khaled2025 Theorem 3.


def accelerated_by_hand(
    problem: Problem, K: int, R: int, eta: float, gamma: float, noisy: bool = True, step_of_u: float = 1.0
) -> tuple[Point, Point]:
    """u_R and the average over all local iterates; `step_of_u` other than 1 is a mutant."""
    gradient, M, d = gradient_of(problem, K * R, noisy), problem.workers, problem.dimension
    u, z, seen = [0.0] * d, [0.0] * d, []
    for r in range(R):
        tau_r, gamma_r = 2 / (r + 2), gamma * (r + 1) / 2
        x = [(1 - tau_r) * u[i] + tau_r * z[i] for i in range(d)]
        y, total = [list(x) for _ in range(M)], [0.0] * d
        for h in range(K):
            seen += y
            g = [gradient(m, y[m], r * K + h) for m in range(M)]
            y = [[y[m][i] - eta * g[m][i] for i in range(d)] for m in range(M)]
            total = [total[i] + mean(g)[i] for i in range(d)]
        u = [x[i] - step_of_u * eta * total[i] for i in range(d)]
        z = [z[i] - gamma_r * eta * total[i] for i in range(d)]
    return u, mean(seen)


@pytest.mark.parametrize("number", range(INSTANCES))
def test_accelerated_outer_loop_number_by_number(number: int) -> None:
    problem, K, R, rng = instance(number)
    parameters: dict[str, Any] = {"eta": rng.uniform(0.05, 0.5), "gamma": rng.uniform(0.3, 1.0)}
    run = ran(problem, "local-sgd-outer-acceleration", K, R, **parameters)
    u, average = accelerated_by_hand(problem, K, R, **parameters)
    assert_equal(run.last, u)
    assert_equal(run.average, average)


@pytest.mark.parametrize("number", range(0, INSTANCES, 2))
def test_accelerated_outer_loop_in_closed_form(number: int) -> None:
    """Noise has mean zero and the updates are linear: the exact mean is the noiseless run."""
    problem, K, R, rng = instance(number)
    parameters: dict[str, Any] = {"eta": rng.uniform(0.05, 0.5), "gamma": rng.uniform(0.3, 1.0)}
    algorithm = ALGORITHMS["local-sgd-outer-acceleration"](**parameters)
    exact = exact_moments(algorithm, problem, K=K, R=R, noise=GaussianNoise(SIGMA), averaging_decay=0.0)
    u, average = accelerated_by_hand(problem, K, R, **parameters, noisy=False)
    assert exact.average is not None
    assert_equal(exact.last.mean, u)
    assert_equal(exact.average.mean, average)


def test_mutants_of_the_boxes_are_seen() -> None:
    """An outer step in u, statistics renewed in every step, and workers that keep their second moment."""
    problem, K, R, _ = instance(1)
    adam: dict[str, Any] = {"eta": 0.1, "beta1": 0.5, "beta2": 0.5, "lam": 0.1, "rho": 0.5}
    run = ran(problem, "local-adam", K, R, **adam)
    wrong, *_ = local_adam_by_hand(problem, K, R, **adam, shares_v=False)
    assert np.abs(run.last[0] - wrong).max() > 1e-3
    run = ran(problem, "local-sgd-outer-acceleration", K, R, eta=0.2, gamma=0.5)
    wrong, _ = accelerated_by_hand(problem, K, R, eta=0.2, gamma=0.5, step_of_u=0.5)
    assert np.abs(run.last[0] - wrong).max() > 1e-3
    cover = (tuple(range(problem.dimension)),)
    client: dict[str, Any] = {"eta": 0.2, "lam": 0.1, "cover": cover, "smallest_step": 0.0}
    server: dict[str, Any] = {"gamma": 1.0, "server_damping": 0.1, "server_beta1": 0.0}
    run = ran(problem, "fedada2-plus-plus", K, R, rule=2, delay=2, **client, **server)
    wrong, _ = fedada2_plus_plus_by_hand(problem, K, R, delay=1, **client, **server)
    assert np.abs(run.last[0] - wrong).max() > 1e-3
