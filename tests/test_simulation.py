"""Sampled runs, closed-form runs and `simulate`: identities, metamorphic twins, mutants, bad input."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tightrate.common.errors import TightrateError
from tightrate.constructions.coordinate_pair import coordinate_pair
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.constructions.rank_one_pair import rank_one_pair
from tightrate.simulator.algorithms.local_sgd import LocalSGD, LocalState, local_sgd
from tightrate.simulator.exact.local_gradient_descent import integer_power, moved_fraction, round_map
from tightrate.simulator.sampled.sampling import sample
from tightrate.simulator.simulate import Output, simulate


def plain_local_sgd(problem: QuadraticWorkers, K: int, R: int, eta: float, gamma: float) -> np.ndarray:
    """The algorithm box as nested Python loops: an independent reference."""
    x = np.zeros(problem.dimension)
    for _ in range(R):
        ends = []
        for A_m, x_m in zip(problem.hessians, problem.minimizers, strict=True):
            y = x.copy()
            for _ in range(K):
                y = y - eta * A_m @ (y - x_m)
            ends.append(y)
        x = x + gamma * np.mean([y - x for y in ends], axis=0)
    return x


WORKERS = random_quadratics(M=3, d=3, tau=0.6, zeta_star=0.7, B=2.0, seed=5)


@pytest.mark.parametrize(("K", "R", "eta", "gamma"), [(1, 5, 0.3, 1.0), (7, 4, 1.2, 0.6), (20, 3, 0.05, 1.5)])
def test_sampled_run_and_closed_form_equal_the_plain_loops(K: int, R: int, eta: float, gamma: float) -> None:
    reference = plain_local_sgd(WORKERS, K, R, eta, gamma)
    sampled = sample(local_sgd(eta=eta, gamma=gamma), WORKERS, K=K, R=R).last[0]
    closed = round_map(WORKERS, K=K, eta=eta, gamma=gamma).after(R)
    np.testing.assert_allclose(sampled, reference, rtol=1e-12)
    np.testing.assert_allclose(closed, reference, rtol=1e-12)


def test_a_batch_with_different_K_equals_its_members_alone() -> None:
    K, eta, gamma = np.array([1, 4, 9]), np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.5, 1.5])
    batch = sample(local_sgd(eta=eta, gamma=gamma), WORKERS, K=K, R=6, averaging_decay=0.01)
    for i in range(3):
        alone = sample(local_sgd(eta=eta[i], gamma=gamma[i]), WORKERS, K=K[i], R=6, averaging_decay=0.01)
        np.testing.assert_allclose(batch.gaps[i], alone.gaps[0], rtol=1e-13)
        np.testing.assert_allclose(batch.average[i], alone.average[0], rtol=1e-12)


def test_one_local_step_depends_on_the_product_of_steps_only() -> None:
    one = sample(local_sgd(eta=0.2, gamma=1.5), WORKERS, K=1, R=9).gaps
    other = sample(local_sgd(eta=0.3, gamma=1.0), WORKERS, K=1, R=9).gaps
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_equal_workers_depend_on_the_total_number_of_steps_only() -> None:
    equal = random_quadratics(M=4, d=3, tau=0.0, zeta_star=0.0, seed=2)
    split = sample(local_sgd(eta=0.4), equal, K=6, R=2).last
    whole = sample(local_sgd(eta=0.4), equal, K=1, R=12).last
    np.testing.assert_allclose(split, whole, rtol=1e-12)


def test_permuting_workers_permutes_nothing_that_is_measured() -> None:
    order = [2, 0, 1]
    permuted = QuadraticWorkers(WORKERS.hessians[order], WORKERS.minimizers[order])
    original = sample(local_sgd(eta=0.5), WORKERS, K=5, R=5).last
    np.testing.assert_allclose(sample(local_sgd(eta=0.5), permuted, K=5, R=5).last, original, rtol=1e-12)


def test_rotating_the_problem_rotates_the_run() -> None:
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    rotated = QuadraticWorkers(rotation @ WORKERS.hessians @ rotation.T, WORKERS.minimizers @ rotation.T)
    original = sample(local_sgd(eta=0.5), WORKERS, K=5, R=5).last
    np.testing.assert_allclose(sample(local_sgd(eta=0.5), rotated, K=5, R=5).last, original @ rotation.T, rtol=1e-11)


@pytest.mark.parametrize(("length", "value"), [(3.0, 1.0), (1.0, 7.0), (0.2, 5.0)])
def test_rescaling_x_and_f_rescales_the_gap_like_a_value(length: float, value: float) -> None:
    scaled = QuadraticWorkers(WORKERS.hessians * value / length**2, WORKERS.minimizers * length)
    eta = 0.4
    original = sample(local_sgd(eta=eta), WORKERS, K=5, R=5).gaps
    rescaled = sample(local_sgd(eta=eta * length**2 / value), scaled, K=5, R=5).gaps
    np.testing.assert_allclose(rescaled, value * original, rtol=1e-12)


class MeansBeforeMoving(LocalSGD):
    """A mutant: the server averages the points but applies gamma to the average itself, not to its change."""

    def synchronize(self, state: LocalState) -> LocalState:
        x = self.gamma * state.x.mean(axis=-2, keepdims=True) + 0 * state.round_start
        return LocalState(x, x)


def test_a_wrong_synchronization_is_seen() -> None:
    wrong = MeansBeforeMoving(np.array([[[0.3]]]), np.array([[[0.6]]]))
    reference = plain_local_sgd(WORKERS, 4, 4, 0.3, 0.6)
    assert np.abs(sample(wrong, WORKERS, K=4, R=4).last[0] - reference).max() > 1e-2


def test_the_fixed_point_stays_fixed_and_does_not_depend_on_gamma() -> None:
    maps = [round_map(WORKERS, K=6, eta=0.7, gamma=gamma) for gamma in (0.5, 1.0, 1.6)]
    for found in maps:
        np.testing.assert_allclose(found.fixed_point, maps[0].fixed_point, rtol=1e-12)
    x = maps[0].fixed_point
    stayed = sample(local_sgd(eta=0.7, gamma=0.5), WORKERS, K=6, R=3, start=x).last[0]
    np.testing.assert_allclose(stayed, x, rtol=1e-12)


def test_one_local_step_has_the_optimum_as_fixed_point_and_infinitely_many_the_mean_of_optima() -> None:
    np.testing.assert_allclose(round_map(WORKERS, K=1, eta=0.5).fixed_point, WORKERS.optimum, rtol=1e-11)
    mean = WORKERS.minimizers.mean(axis=0)
    np.testing.assert_allclose(round_map(WORKERS, K=np.inf, eta=0.5).fixed_point, mean, rtol=1e-11)


def test_the_coordinate_pair_is_solved_in_one_round_with_outer_step_two() -> None:
    pair = coordinate_pair(L=3.0, B=2.0)
    np.testing.assert_allclose(round_map(pair, K=np.inf, eta=0.1, gamma=2.0).after(1), pair.optimum, rtol=1e-14)


@pytest.mark.parametrize(("K", "step"), [(10**9, 1e-12), (10**9, 1e-9), (3, 1e-15), (7, 1.7), (8, 1.7), (10**6, 1e-7)])
def test_moved_fraction_agrees_with_fifty_digits(K: int, step: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(50):
        exact = float(1 - (1 - mpmath.mpf(step)) ** K)
    assert float(moved_fraction(np.array(step), np.array(float(K)))) == pytest.approx(exact, rel=1e-13)


def test_infinite_powers_and_signs() -> None:
    bases = np.array([0.5, -0.5, -1.5, 1.0])
    np.testing.assert_array_equal(integer_power(bases, np.array(3.0)), bases**3)
    np.testing.assert_array_equal(integer_power(np.array([0.5, -0.5]), np.array(np.inf)), [0.0, 0.0])
    assert np.isnan(moved_fraction(np.array(2.0), np.array(np.inf)))
    assert moved_fraction(np.array(0.0), np.array(np.inf)) == 0.0


def test_noise_is_keyed_by_replica_and_worker_not_by_the_batch() -> None:
    noise = GaussianNoise(1.0)
    few = sample(local_sgd(eta=0.1), WORKERS, K=3, R=4, replicas=2, noise=noise, seed=9).last
    many = sample(local_sgd(eta=0.1), WORKERS, K=3, R=4, replicas=5, noise=noise, seed=9).last
    np.testing.assert_array_equal(many[:2], few)
    other = sample(local_sgd(eta=0.1), WORKERS, K=3, R=4, replicas=2, noise=noise, seed=10).last
    assert np.abs(other - few).min() > 0


def test_sampled_mean_agrees_with_the_noiseless_run_within_its_own_error() -> None:
    noise = GaussianNoise(0.5)
    run = sample(local_sgd(eta=0.2, gamma=1.2), WORKERS, K=4, R=6, replicas=4000, noise=noise, seed=1).last
    exact = round_map(WORKERS, K=4, eta=0.2, gamma=1.2).after(6)
    z = (run.mean(axis=0) - exact) / (run.std(axis=0, ddof=1) / np.sqrt(len(run)))
    assert np.abs(z).max() < 4


def test_a_diverging_run_is_recorded_and_the_batch_goes_on() -> None:
    run = sample(local_sgd(eta=np.array([0.3, 500.0])), WORKERS, K=4, R=80)
    assert run.diverged.tolist() == [False, True]
    assert np.isfinite(run.gaps[0]).all()
    assert not np.isnan(run.gaps).any()
    assert not np.isnan(run.distances).any()
    assert np.isinf(run.gaps[1, -1])
    found = simulate("local-sgd", "random-quadratics", {"eta": 500.0, "K": 4, "R": 80, "sigma": 1.0})
    assert found.status == "diverged"
    assert found.measures["gap"].mean is None


def test_the_exact_method_diverges_in_the_same_way() -> None:
    found = simulate("local-sgd", "rank-one-pair", {"cosine": 0.5, "eta": 3.0, "K": 50, "R": 400})
    assert (found.method, found.status) == ("exact", "diverged")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cosine": 0.5, "etta": 1.0, "K": 2, "R": 2}, "did you mean 'eta'"),
        ({"cosine": 1.5, "eta": 1.0, "K": 2, "R": 2}, r"cosine must lie in \(0,1\)"),
        ({"cosine": 0.5, "eta": 1.0, "K": 2.5, "R": 2}, "K must be a positive integer or inf"),
        ({"cosine": 0.5, "eta": 1.0, "K": 2, "R": 0}, "R must be a positive integer"),
        ({"cosine": 0.5, "eta": 1.0, "K": 2, "R": float("inf")}, "R must be a positive integer"),
        ({"cosine": 0.5, "eta": 0.0, "K": 2, "R": 2}, "eta must be positive and finite"),
        ({"cosine": 0.5, "eta": float("inf"), "K": 2, "R": 2}, "eta must be positive and finite"),
        ({"cosine": 0.5, "eta": 1.0, "K": 2, "R": 2, "M": 3}, "even number of workers"),
        ({"cosine": 0.5, "eta": 1.0, "K": 2, "R": 2, "M": 1.5}, "M must be a positive integer"),
        ({"eta": 1.0, "K": 2, "R": 2}, "missing cosine"),
        ({"cosine": 0.5, "eta": 1.0, "K": 2, "R": 2, "seed": -1}, "seed must be a nonnegative integer"),
    ],
)
def test_bad_input_is_one_clear_line(values: dict[str, float], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as caught:
        simulate("local-sgd", "rank-one-pair", values)
    assert "\n" not in str(caught.value)


def test_infinite_K_cannot_be_sampled() -> None:
    with pytest.raises(TightrateError, match="finite K"):
        sample(local_sgd(eta=0.1), rank_one_pair(cosine=0.5), K=np.inf, R=2)


def test_a_run_that_would_never_end_is_refused() -> None:
    values = {"eta": 0.1, "K": 1e12, "R": 2, "sigma": 1.0}
    replicas, workers, dimension = 64, 4, 4  # the defaults
    numbers = f"takes {replicas * workers * dimension * 1e12 * 2:.3g} numbers"
    with pytest.raises(TightrateError, match=re.escape(numbers)):
        simulate("local-sgd", "random-quadratics", values, method="sample")
    assert simulate("local-sgd", "random-quadratics", values).method == "exact"


def test_results_that_do_not_fit_the_memory_are_refused() -> None:
    with pytest.raises(TightrateError, match="GiB"):
        sample(local_sgd(eta=0.1), WORKERS, K=1, R=10**9)


@pytest.mark.parametrize("output", ["last", "average", "weighted"])
def test_auto_is_exact_for_every_linear_method_and_agrees_with_sampling(output: Output) -> None:
    values = {"eta": 0.2, "K": 3, "R": 5, "sigma": 0.6, "M": 3}
    exact = simulate("local-sgdm", "random-quadratics", values, output=output)
    found = simulate("local-sgdm", "random-quadratics", {**values, "replicas": 3000}, method="sample", output=output)
    assert (exact.method, found.method) == ("exact", "sample")
    assert set(exact.measures) == {"gap", "squared-distance"}
    for name, measured in exact.measures.items():
        assert measured.stderr == 0
        assert abs(found.measures[name].mean - measured.mean) < 4 * found.measures[name].stderr
    for options in ({"rho": 1.0},):
        assert simulate("local-sgdm", "random-quadratics", {**values, **options}).method == "sample"
    with pytest.raises(TightrateError, match="linear updates only"):
        simulate("local-adam", "random-quadratics", values, method="exact")
