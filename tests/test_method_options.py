"""Options of methods that other sources than the five papers ask for, each against its closed form or its own loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tightrate as tr
from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.sampling import sample

M, D, SIGMA, SEED = 3, 4, 0.5, 3
PROBLEM = random_quadratics(M=M, d=D, tau=0.6, zeta_star=0.8, B=2.0, seed=4)


def gradient(m: int, x: Array) -> Array:
    return np.asarray(PROBLEM.hessians[m] @ (x - PROBLEM.minimizers[m]))


def found(name: str, K: int, R: int, **parameters: Any) -> Array:
    run = sample(ALGORITHMS[name](**parameters), PROBLEM, K=K, R=R, noise=GaussianNoise(SIGMA), seed=SEED)
    return np.asarray(run.last[0])


def noise(K: int, R: int) -> Any:
    return iter(stream(SEED, replica=0).standard_normal((K * R, M, D)) * SIGMA / np.sqrt(D))


def shortened(g: Array, rho: float) -> Array:
    return g * min(1.0, rho / float(np.linalg.norm(g)))


@pytest.mark.parametrize("adam", [False, True])
def test_global_clipping_shortens_the_whole_vector(adam: bool) -> None:
    K, R, eta, beta1, beta2, lam, rho = 3, 4, 0.1, 0.6, 0.8, 0.3, 0.7
    draws = noise(K, R)
    x, u, v = np.zeros((M, D)), np.zeros((M, D)), np.zeros((M, D))
    for _ in range(R):
        for _ in range(K):
            xi = next(draws)
            g = np.array([shortened(gradient(m, x[m]) + xi[m], rho) for m in range(M)])
            u, v = beta1 * u + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
            x = x - eta * (u / np.sqrt(v + lam**2) if adam else u)
        x, u, v = (np.repeat(part.mean(axis=0)[None], M, axis=0) for part in (x, u, v))
    own = {"eta": eta, "beta1": beta1, "rho": rho, "clipping": "global"} | (
        {"beta2": beta2, "lam": lam} if adam else {}
    )
    name = "local-adam" if adam else "local-sgdm"
    np.testing.assert_allclose(found(name, K, R, **own), x[0], rtol=1e-11)
    assert np.abs(found(name, K, R, **{**own, "clipping": "coordinate"}) - x[0]).max() > 1e-3
    with pytest.raises(TightrateError, match="unknown clipping 'gloabl'; did you mean 'global'"):
        ALGORITHMS[name](eta=0.1, rho=1.0, clipping="gloabl")


@pytest.mark.parametrize("name", ["minibatch-sgdm", "minibatch-adam"])
def test_a_threshold_that_is_never_met_clips_nothing(name: str) -> None:
    for clipping in ("coordinate", "global"):
        far = found(name, 2, 5, eta=0.1, rho=1e9, clipping=clipping)
        np.testing.assert_allclose(far, found(name, 2, 5, eta=0.1), rtol=1e-13)


@pytest.mark.parametrize(("name", "beta2"), [("fedadam", 0.8), ("fedadagrad", None)])
def test_a_server_whose_second_moment_starts_at_its_damping_squared(name: str, beta2: float | None) -> None:
    eta, gamma, tau, K = 0.1, 0.5, 0.2, 3
    draws, x = noise(K, 1), np.zeros((M, D))
    for _ in range(K):
        xi = next(draws)
        x = np.array([x[m] - eta * (gradient(m, x[m]) + xi[m]) for m in range(M)])
    change = x.mean(axis=0)
    v = tau**2 + change**2 if beta2 is None else beta2 * tau**2 + (1 - beta2) * change**2
    own = {"eta": eta, "gamma": gamma, "beta1": 0.0, "server_damping": tau, "starts_at_damping": True}
    own |= {} if beta2 is None else {"beta2": beta2}
    np.testing.assert_allclose(found(name, K, 1, **own), gamma * change / (np.sqrt(v) + tau), rtol=1e-11)


@pytest.mark.parametrize("delay", [1, 2])
def test_client_adam_with_bias_correction(delay: int) -> None:
    K, eta, lam, beta1, beta2 = 4, 0.3, 0.4, 0.5, 0.7
    draws, y = noise(K, 1), np.zeros((M, D))
    m_, v, renewals = np.zeros((M, D)), np.zeros((M, D)), 0
    for k in range(K):
        xi = next(draws)
        g = np.array([gradient(m, y[m]) + xi[m] for m in range(M)])
        m_ = beta1 * m_ + (1 - beta1) * g
        if k % delay == 0:
            v, renewals = beta2 * v + (1 - beta2) * g**2, renewals + 1
        y = y - eta * m_ / (1 - beta1 ** (k + 1)) / (np.sqrt(v / (1 - beta2**renewals)) + lam)
    change, damping, gamma = y.mean(axis=0), 0.2, 0.5
    expected = gamma * change / (np.abs(change) + damping)
    own = {"eta": eta, "lam": lam, "beta1": beta1, "beta2": beta2, "delay": delay, "bias_correction": True}
    final = found("fedada2-adam", K, 1, gamma=gamma, server_damping=damping, **own)
    np.testing.assert_allclose(final, expected, rtol=1e-11)


def test_schedule_free_averages_with_and_without_the_start() -> None:
    K, R, eta, gamma, beta1 = 2, 5, 0.1, 1.5, 0.2
    for counts, first in ((False, 1), (True, 0)):
        draws, x, z = noise(K, R), np.zeros(D), [np.zeros(D)]
        for _ in range(R):
            start = (1 - beta1) * z[-1] + beta1 * x
            y = np.repeat(start[None], M, axis=0)
            for _ in range(K):
                xi = next(draws)
                y = np.array([y[m] - eta * (gradient(m, y[m]) + xi[m]) for m in range(M)])
            z.append(z[-1] + gamma * (y.mean(axis=0) - start))
            x = np.mean(z[first:], axis=0)
        own = {"eta": eta, "gamma": gamma, "beta1": beta1, "counts_the_start": counts}
        np.testing.assert_allclose(found("local-sgd-schedule-free", K, R, **own), x, rtol=1e-11)


@pytest.mark.parametrize("steps", ["ghadimi-lan", "lan"])
def test_the_steps_of_ac_sa_by_name(steps: str) -> None:
    """Lan: x_md = x/beta + (1 - 1/beta) x_ag, beta = (t + 1)/2; Ghadimi and Lan step by t/2 instead of (t + 1)/2."""
    R, eta = 30, 0.4
    x = aggregate = np.zeros(D)
    for t in range(1, R + 1):
        beta = (t + 1) / 2
        middle = x / beta + (1 - 1 / beta) * aggregate
        x = x - eta * (t + 1 if steps == "lan" else t) / 2 * np.mean([gradient(m, middle) for m in range(M)], axis=0)
        aggregate = x / beta + (1 - 1 / beta) * aggregate
    rule = ALGORITHMS["accelerated-minibatch-sgd"](eta=eta, step_rule=steps)
    np.testing.assert_allclose(exact_moments(rule, PROBLEM, K=1, R=R).last.mean[0], aggregate, rtol=1e-10)
    np.testing.assert_allclose(sample(rule, PROBLEM, K=1, R=R).last[0], aggregate, rtol=1e-10)


def test_steps_of_ac_sa_that_do_not_exist_are_refused() -> None:
    with pytest.raises(TightrateError, match="unknown step rule of AC-SA 'lann'; did you mean 'lan'"):
        ALGORITHMS["accelerated-minibatch-sgd"](eta=0.4, step_rule="lann")
    with pytest.raises(TightrateError, match="the steps of Lan are for mu = 0"):
        ALGORITHMS["accelerated-minibatch-sgd"](eta=0.4, mu=0.1, step_rule="lan")


def test_nesterov_with_growing_momentum() -> None:
    R, eta = 40, 0.8
    x, before = np.zeros(D), np.zeros(D)
    for r in range(R):
        y = x + r / (r + 3) * (x - before)
        x, before = y - eta * np.mean([gradient(m, y) for m in range(M)], axis=0), x
    rule = ALGORITHMS["nesterov-minibatch-sgd-growing"](eta=eta)
    np.testing.assert_allclose(exact_moments(rule, PROBLEM, K=1, R=R).last.mean[0], x, rtol=1e-11)
    np.testing.assert_allclose(sample(rule, PROBLEM, K=1, R=R).last[0], x, rtol=1e-11)


@pytest.mark.parametrize("square_of_mean", [False, True])
def test_savic_with_the_scaling_of_the_synchronized_iterate(square_of_mean: bool) -> None:
    """D at t_p is made of fresh gradients at the synchronized iterate, and of the ones before."""
    K, R, eta, d_min, beta2 = 3, 4, 0.05, 0.3, 0.6
    draws = noise(K, R)
    looks = iter(stream(SEED, replica=0, use="scaling").standard_normal((R, M, D)) * SIGMA / np.sqrt(D))
    x, square = np.zeros((M, D)), np.zeros(D)
    for p in range(R):
        xi = next(looks)
        seen = np.array([gradient(m, x[m]) + xi[m] for m in range(M)])
        H2 = seen.mean(axis=0) ** 2 if square_of_mean else (seen**2).mean(axis=0)
        square = H2 if p == 0 else beta2 * square + (1 - beta2) * H2
        for _ in range(K):
            xi = next(draws)
            x = np.array(
                [x[m] - eta * (gradient(m, x[m]) + xi[m]) / np.maximum(d_min, np.sqrt(square)) for m in range(M)]
            )
        x = np.repeat(x.mean(axis=0)[None], M, axis=0)
    own = {"eta": eta, "d_min": d_min, "beta2": beta2, "scaling": "rmsprop", "square_of_mean": square_of_mean}
    np.testing.assert_allclose(found("savic", K, R, **own), x[0], rtol=1e-11)
    assert np.abs(found("savic", K, R, **own, synchronized=False) - x[0]).max() > 1e-4
    rule = ALGORITHMS["savic"](eta=eta)
    run = sample(rule, PROBLEM, K=K, R=R, noise=GaussianNoise(SIGMA), seed=SEED, clients=2)
    assert np.isfinite(run.last).all()


@pytest.mark.parametrize("name", ["scaffold", "local-sgdm"])
def test_an_output_with_weights_of_ones_own(name: str) -> None:
    """sum_r w(r) x_r / sum_r w(r) of the method's outputs; linear methods stay linear, clients keep their state."""
    rule, R = ALGORITHMS[name](eta=0.2), 5
    weights = np.array([r**2 for r in range(1, R + 1)])
    outputs = [sample(rule, PROBLEM, K=2, R=r).last[0] for r in range(1, R + 1)]
    weighted = tr.weighted_output(rule, lambda r: r**2)
    expected = weights @ outputs / weights.sum()
    np.testing.assert_allclose(sample(weighted, PROBLEM, K=2, R=R).last[0], expected, rtol=1e-11)
    np.testing.assert_allclose(exact_moments(weighted, PROBLEM, K=2, R=R).last.mean[0], expected, rtol=1e-9)
    noisy = {"K": 2, "R": R, "noise": GaussianNoise(SIGMA)}
    gaps = sample(weighted, PROBLEM, **noisy, replicas=1000).gaps[:, -1]
    error = gaps.std(ddof=1) / np.sqrt(len(gaps))
    assert abs(gaps.mean() - exact_moments(weighted, PROBLEM, **noisy).last.gap[0]) < 5 * error
    with pytest.raises(TightrateError, match="the weight of round 2 must be finite and not negative, not -1"):
        sample(tr.weighted_output(rule, lambda r: 3 - 2 * r if r > 1 else 1), PROBLEM, K=2, R=3)
