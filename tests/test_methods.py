"""Methods written as whole rounds, and what engines assume of a method: against plain loops, closed forms and liars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from tightrate.common.errors import TightrateError
from tightrate.constructions.huber import huber
from tightrate.constructions.logistic_regression import logistic_regression
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Problem, newton_prox
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.simulator.algorithm import ALGORITHMS, Algorithm, Array, worker_mean
from tightrate.simulator.batch.randomness import RowSampling, stream
from tightrate.simulator.engine_choice import Question
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.round_algorithm import RoundAlgorithm, Workers
from tightrate.simulator.sampled.round_law import sample_rounds
from tightrate.simulator.sampled.sampling import sample
from tightrate.simulator.simulate import simulate
from tightrate.simulator.worst_case.trajectory import exchangeable, trajectory

M, D, SIGMA, SEED = 4, 3, 0.4, 9
PROBLEM = random_quadratics(M=M, d=D, tau=0.6, zeta_star=0.8, B=2.0, mu=0.1, seed=4)
NOISE = GaussianNoise(SIGMA)


def drawn(steps: int, workers: int = M) -> Array:
    """The noise that a sampled run adds, (step, worker, i)."""
    return stream(SEED, replica=0).standard_normal((steps, workers, D)) * SIGMA / np.sqrt(D)


def gradient(m: int, x: Array) -> Array:
    return np.asarray(PROBLEM.hessians[m] @ (x - PROBLEM.minimizers[m]))


# The boxes of the papers, in plain loops.


@pytest.mark.parametrize("option", [1, 2])
@pytest.mark.parametrize("clients", [None, 2, 4])
def test_scaffold_equals_its_box_also_where_clients_are_drawn(option: int, clients: int | None) -> None:
    K, R, eta, gamma, S = 3, 7, 0.15, 0.9, clients or M
    draws, noise = stream(SEED, replica=0, use="clients"), iter(drawn(R * (K + (option == 1)), S))
    x, c, c_i = np.zeros(D), np.zeros(D), np.zeros((M, D))
    for _ in range(R):
        taking_part = list(range(M)) if clients is None else draws.permutation(M)[:S].tolist()
        y = np.repeat(x[None], S, axis=0)
        for _ in range(K):
            xi = next(noise)
            for place, m in enumerate(taking_part):
                y[place] = y[place] - eta * (gradient(m, y[place]) + xi[place] - c_i[m] + c)
        xi = next(noise) if option == 1 else np.zeros((S, D))
        before = c_i.copy()
        for place, m in enumerate(taking_part):
            c_i[m] = gradient(m, x) + xi[place] if option == 1 else before[m] - c + (x - y[place]) / (K * eta)
        x = x + gamma * (y - x).mean(axis=0)
        c = c + S / M * (c_i - before)[taking_part].mean(axis=0)
    rule = ALGORITHMS["scaffold"](eta=eta, gamma=gamma, option=option)
    found = sample(rule, PROBLEM, K=K, R=R, noise=NOISE, seed=SEED, clients=clients)
    np.testing.assert_allclose(found.last[0], x, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("K", "p"), [(5, None), (1, 0.3), (4, 1.0)])
def test_proxskip_equals_its_box_and_counts_its_communications(K: int, p: float | None) -> None:
    R, eta, chance = 12, 0.2, 1 / K if p is None else p
    coins = stream(SEED, replica=0, use="method", draw="communicate")
    x, h, communications, seen = np.zeros((M, D)), np.zeros((M, D)), 0, []
    for xi in drawn(K * R):
        seen.append(x.mean(axis=0))
        moved = np.array([x[m] - eta * (gradient(m, x[m]) + xi[m] - h[m]) for m in range(M)])
        heads = coins.random() < chance
        communications += heads
        x = np.repeat(moved.mean(axis=0)[None], M, axis=0) if heads else moved
        h = h + chance / eta * (x - moved)
    run = sample(
        ALGORITHMS["proxskip"](eta=eta, p=p),
        PROBLEM,
        K=K,
        R=R,
        noise=NOISE,
        seed=SEED,
        averaging_decay=0.0,
        record=["communications"],
    )
    np.testing.assert_allclose(run.last[0], x.mean(axis=0), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(run.average[0], np.mean(seen, axis=0), rtol=1e-11, atol=1e-13)
    assert run.records["communications"].tolist() == [communications]


def test_fedprox_equals_its_box_and_its_steps_end_in_the_proximal_point() -> None:
    K, R, eta, weight = 4, 5, 0.1, 0.7
    x, noise = np.zeros(D), iter(drawn(K * R))
    for _ in range(R):
        y = np.repeat(x[None], M, axis=0)
        for _ in range(K):
            xi = next(noise)
            y = np.array([y[m] - eta * (gradient(m, y[m]) + xi[m] + weight * (y[m] - x)) for m in range(M)])
        x = y.mean(axis=0)
    rule = ALGORITHMS["fedprox"](eta=eta, prox=weight)
    np.testing.assert_allclose(sample(rule, PROBLEM, K=K, R=R, noise=NOISE, seed=SEED).last[0], x, rtol=1e-11)
    x = np.zeros(D)
    for _ in range(R):
        points = [
            np.linalg.solve(
                PROBLEM.hessians[m] + weight * np.eye(D), PROBLEM.hessians[m] @ PROBLEM.minimizers[m] + weight * x
            )
            for m in range(M)
        ]
        x = np.mean(points, axis=0)
    ends = [sample(rule, PROBLEM, K=steps, R=R).last[0] for steps in (np.inf, 2000)]
    np.testing.assert_allclose(ends[0], x, rtol=1e-12)
    np.testing.assert_allclose(ends[1], x, rtol=1e-12)
    np.testing.assert_allclose(exact_moments(rule, PROBLEM, K=np.inf, R=R).last.mean[0], x, rtol=1e-12)
    with pytest.raises(TightrateError, match="took no stochastic gradient"):
        sample(rule, PROBLEM, K=np.inf, R=R, noise=NOISE)


def test_the_fixed_point_of_scaffold_is_the_optimum_and_that_of_local_sgd_is_not() -> None:
    for K in (1, 4, 64):
        corrected = exact_moments(ALGORITHMS["scaffold"](eta=0.1), PROBLEM, K=K, R=10**5).last.squared_distance[0]
        assert corrected < 1e-14
        drifting = exact_moments(ALGORITHMS["local-sgd"](eta=0.1), PROBLEM, K=K, R=10**5).last.squared_distance[0]
        assert drifting < 1e-20 if K == 1 else drifting > 1e-6


# Proximal steps.


PROXIMAL = [
    random_quadratics(M=3, d=4, tau=0.6, zeta_star=0.8, seed=1),
    huber(M=2, d=3, zeta=0.3),
    logistic_regression(M=3, d=4, seed=2),
]


@pytest.mark.parametrize("problem", PROXIMAL, ids=lambda problem: type(problem).__name__)
@pytest.mark.parametrize("step", [1e-3, 1.0, 50.0])
def test_a_proximal_step_solves_its_equation(problem: Problem, step: float) -> None:
    x = 3 * np.random.default_rng(5).standard_normal((6, problem.workers, problem.dimension))
    for y in (problem.prox(x, step), problem.prox(x, np.full((6, 1, 1), step)), newton_prox(problem, x, step)):
        residual = y + step * problem.gradient(y) - x
        assert np.abs(residual).max() <= 1e-10 * (1 + np.abs(x).max() + step * np.abs(problem.gradient(x)).max())


def test_a_proximal_step_on_a_weakly_convex_function_must_be_short() -> None:
    class Hill(QuadraticWorkers):
        def gradient(self, x: Array) -> Array:
            return -x + 0.1 * x**3

        def hessian_vector_product(self, x: Array, v: Array) -> Array:
            return Problem.hessian_vector_product(self, x, v)  # there is none: difference quotients do

    hill = Hill(np.ones((1, 1, 1)), np.zeros((1, 1)))
    y = newton_prox(hill, np.full((1, 1, 1), 0.3), 0.5)
    assert abs(y + 0.5 * (-y + 0.1 * y**3) - 0.3).max() < 1e-12
    with pytest.raises(TightrateError, match="below 1/weak"):
        newton_prox(hill, np.full((1, 1, 1), 0.3), 2.0)


# A method of one's own: several gradients at different points of one sample, and what a round may not do.


@dataclass(frozen=True, eq=False)
class ExtragradientWithAnchor(RoundAlgorithm[Any]):
    """y = x - eta g(x); x <- x - eta (g(y) - g(anchor) of the same sample + exact gradient at the anchor)."""

    eta: float
    random_numbers: bool = False

    @property
    def random(self) -> bool:
        return self.random_numbers

    def init(self, start: Array) -> Any:
        return (start,)

    def round(self, state: Any, workers: Workers) -> Any:
        anchor = x = state[0]
        full = workers.exact_gradient(anchor)
        for _ in range(workers.K):
            y = x - self.eta * workers.gradient(x, averaged=False)
            there, before = workers.gradient(y, anchor)
            x = x - self.eta * (there - before + full)
        return (workers.mean(x),)

    def output(self, state: Any) -> Array:
        return state[0]


def test_gradients_at_several_points_are_of_one_sample() -> None:
    problem, K, R, eta = logistic_regression(M=2, d=D, rows=5, seed=3), 3, 4, 0.3
    run = sample(ExtragradientWithAnchor(eta), problem, K=K, R=R, noise=RowSampling(2), seed=SEED, averaging_decay=0.0)
    uniform = stream(SEED, replica=0).random((2 * K * R, 2, 2))
    x, rows, seen = np.zeros((1, 2, D)), iter(uniform), []
    for _ in range(R):
        anchor = x
        for _ in range(K):
            y = x - eta * problem.sampled_gradient(x, problem.rows_at(next(rows)[None]))
            own = problem.rows_at(next(rows)[None])
            seen.append(y.mean(axis=1))
            step = problem.sampled_gradient(y, own) - problem.sampled_gradient(anchor, own) + problem.gradient(anchor)
            x = x - eta * step
        x = worker_mean(x)
    np.testing.assert_allclose(run.last[0], x[0, 0], rtol=1e-11)
    np.testing.assert_allclose(run.average[0], np.mean(seen, axis=0)[0], rtol=1e-11)


class Tossing(ExtragradientWithAnchor):
    def round(self, state: Any, workers: Workers) -> Any:
        own = workers.uniform("own", of_each_worker=True)
        return (workers.mean(state[0] - self.eta * own * workers.gradient(state[0])),)


def test_random_numbers_of_a_method_are_declared_and_keyed_by_name_and_client() -> None:
    with pytest.raises(TightrateError, match="must say random = True"):
        sample(Tossing(0.1), PROBLEM, K=1, R=2)
    rule = Tossing(0.1, random_numbers=True)
    alone = sample(rule, PROBLEM, K=1, R=3, seed=SEED, streams=[5])
    among = sample(rule, PROBLEM, K=1, R=3, seed=SEED, streams=[2, 5, 1])
    np.testing.assert_array_equal(alone.last[0], among.last[1])
    numbers, x = stream(SEED, replica=5, use="method", draw="own").random((3, M)), np.zeros(D)
    for u in numbers:
        x = np.mean([x - 0.1 * u[m] * gradient(m, x) for m in range(M)], axis=0)
    np.testing.assert_allclose(alone.last[0], x, rtol=1e-12)
    numbers, x = stream(SEED, replica=5, use="method", draw="own").random((3, M)), np.zeros(D)
    draws = stream(SEED, replica=5, use="clients")
    for u in numbers:
        x = np.mean([x - 0.1 * u[m] * gradient(m, x) for m in draws.permutation(M)[:2]], axis=0)
    found = sample(rule, PROBLEM, K=1, R=3, seed=SEED, streams=[5], clients=2)
    np.testing.assert_allclose(found.last[0], x, rtol=1e-12)
    assert not Question(rule, PROBLEM, None, 1, 3, ("gap",)).certain


# What a method says of itself is tried.


class LiarState(NamedTuple):
    x: Any
    start: Any
    c: Any
    c_m: Any
    k: int
    r: int


class Honest(Algorithm[LiarState]):
    """Local SGD in a state with room for more; each subclass changes one thing."""

    @property
    def linear(self) -> bool:
        return True

    def init(self, start: Array) -> LiarState:
        return LiarState(start, start, 0 * start, 0 * start, 0, 0)

    def point(self, state: LiarState) -> Array:
        return state.x

    def local_step(self, state: LiarState, gradient: Array) -> LiarState:
        return state._replace(x=state.x - 0.2 * gradient, k=state.k + 1)

    def synchronize(self, state: LiarState) -> LiarState:
        x = worker_mean(state.x)
        return LiarState(x, x, state.c, state.c_m, 0, state.r + 1)


class ScaffoldInSteps(Honest):
    def local_step(self, state: LiarState, gradient: Array) -> LiarState:
        return state._replace(x=state.x - 0.2 * (gradient - state.c_m + state.c), k=state.k + 1)

    def synchronize(self, state: LiarState) -> LiarState:
        c_m = state.c_m - state.c + (state.start - state.x) / (0.2 * state.k)
        x = worker_mean(state.x)
        return LiarState(x, x, state.c + worker_mean(c_m - state.c_m), c_m, 0, state.r + 1)


class QuadraticStep(Honest):
    def local_step(self, state: LiarState, gradient: Array) -> LiarState:
        return state._replace(x=state.x - 0.2 * gradient - 1e-6 * gradient**2)


class QuadraticCommunication(Honest):
    def synchronize(self, state: LiarState) -> LiarState:
        after = super().synchronize(state)
        x = after.x + 1e-6 * (after.x - state.start) ** 2
        return after._replace(x=x, start=x)


class LateStep(Honest):
    def local_step(self, state: LiarState, gradient: Array) -> LiarState:
        return super().local_step(state, gradient if state.r < 40 else gradient / 2)


class LateCommunication(Honest):
    def synchronize(self, state: LiarState) -> LiarState:
        after = super().synchronize(state)
        x = state.start + (1.0 if state.r < 40 else 0.5) * (after.x - state.start)
        return after._replace(x=x, start=x)


class WeightDecay(Honest):
    def local_step(self, state: LiarState, gradient: Array) -> LiarState:
        return super().local_step(state, gradient + 0.1 * state.x)


class FirstPlaceOnly(Honest):
    def synchronize(self, state: LiarState) -> LiarState:
        x = state.x[:, :1] + 0 * state.x
        return super().synchronize(state)._replace(x=x, start=x)


class PlaceSteps(Honest):
    def local_step(self, state: LiarState, gradient: Array) -> LiarState:
        return super().local_step(state, gradient / (1 + np.arange(gradient.shape[1])[:, None]))


class CoordinateSteps(Honest):
    def local_step(self, state: LiarState, gradient: Array) -> LiarState:
        return super().local_step(state, gradient / (1 + np.arange(gradient.shape[2])))


FOLLOWED = [Honest, ScaffoldInSteps, LateCommunication, WeightDecay, FirstPlaceOnly, PlaceSteps, CoordinateSteps]
REFUSED = [
    (QuadraticStep, "QuadraticStep calls itself linear, but its rounds are not affine"),
    (QuadraticCommunication, "QuadraticCommunication calls itself linear, but its rounds are not affine"),
    (LateStep, "local steps whose coefficients do not change"),
]


@pytest.mark.parametrize("method", FOLLOWED)
def test_linear_methods_of_every_kind_have_the_moments_of_the_run_itself(method: type[Honest]) -> None:
    exact = exact_moments(method(), PROBLEM, K=3, R=60, averaging_decay=0.01)
    run = sample(method(), PROBLEM, K=3, R=60, averaging_decay=0.01)
    np.testing.assert_allclose(exact.last.mean, run.last, rtol=1e-10)
    np.testing.assert_allclose(exact.last.gap, run.gaps[:, -1], rtol=1e-7, atol=1e-20)
    assert exact.average is not None
    np.testing.assert_allclose(exact.average.mean, run.average, rtol=1e-10)


@pytest.mark.parametrize(("method", "message"), REFUSED)
def test_what_is_not_as_it_says_is_refused_in_one_line(method: type[Honest], message: str) -> None:
    for clients in (None, 2):
        with pytest.raises(TightrateError, match=message) as caught:
            exact_moments(method(), PROBLEM, K=3, R=60, clients=clients)
        assert "\n" not in str(caught.value)
    with pytest.raises(TightrateError, match=message):
        Question(method(), PROBLEM, None, 3, 60, ("gap",)).engine("exact")
    if method is not LateStep:  # true of a run of every step, too: only its claim is false
        with pytest.raises(TightrateError, match=message):
            Question(method(), PROBLEM, None, 3, 60, ("gap",)).engine("auto")
    else:
        assert Question(method(), PROBLEM, None, 3, 60, ("gap",)).engine("auto") == "sample"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (ScaffoldInSteps, "the field c_m of the state differs from worker to worker when a round starts"),
        (FirstPlaceOnly, "treats workers by their place"),
        (PlaceSteps, "treats workers by their place"),
    ],
)
def test_state_tied_to_places_is_refused_where_clients_are_drawn(method: type[Honest], message: str) -> None:
    for engine in (sample, exact_moments):
        with pytest.raises(TightrateError, match=message):
            engine(method(), PROBLEM, K=3, R=5, clients=2)


class ClientsKeepTheirs(ScaffoldInSteps):
    client_state = ("c_m",)

    def synchronize(self, state: LiarState) -> LiarState:
        after = super().synchronize(state)
        return after._replace(c=state.c + (after.c - state.c) / 2)  # two clients of four


def test_scaffold_in_steps_and_as_a_round_are_one_method() -> None:
    for clients, method in ((None, ScaffoldInSteps), (2, ClientsKeepTheirs)):
        options: dict[str, Any] = {"K": 3, "R": 6, "noise": NOISE, "clients": clients}
        steps = exact_moments(method(), PROBLEM, **options).last
        rounds = exact_moments(ALGORITHMS["scaffold"](eta=0.2), PROBLEM, **options).last
        np.testing.assert_allclose(steps.gap, rounds.gap, rtol=1e-10)
        runs = [sample(rule, PROBLEM, seed=1, **options).last for rule in (method(), ALGORITHMS["scaffold"](eta=0.2))]
        np.testing.assert_allclose(runs[0], runs[1], rtol=1e-10)


def test_a_client_that_is_not_drawn_keeps_its_state() -> None:
    """With one client of many a round, control variates that were tied to places would all be those of one client."""
    rule = ALGORITHMS["scaffold"](eta=0.1)
    ends = sample(rule, PROBLEM, K=4, R=6000, clients=1, replicas=3).gaps[:, -1]
    assert ends.max() < 1e-20


def test_engines_that_cannot_say_so() -> None:
    for name in ("scaffold", "proxskip", "fedprox"):
        with pytest.raises(TightrateError, match="keep nothing of their own"):
            sample_rounds(ALGORITHMS[name](eta=0.1), PROBLEM, K=2, R=2)
    with pytest.raises(TightrateError, match="let all take part"):
        simulate("proxskip", "random-quadratics", {"eta": 0.1, "K": 2, "R": 2, "clients": 2})
    far = simulate("scaffold", "random-quadratics", {"eta": 0.1, "K": 8, "R": 2, "M": 30, "d": 20, "sigma": 0.1})
    assert far.method == "sample"
    with pytest.raises(TightrateError, match="does not apply: exact moments with every worker's state need at most"):
        simulate("scaffold", "random-quadratics", {"eta": 0.1, "K": 8, "R": 2, "M": 30, "d": 20}, method="exact")
    with pytest.raises(TightrateError, match=r"takes every local step and so needs finite K|give a finite K"):
        simulate("scaffold", "random-quadratics", {"eta": 0.1, "K": np.inf, "R": 2})


def test_the_worst_case_of_a_method_written_as_rounds() -> None:
    pair = trajectory(ALGORITHMS["scaffold"](eta=0.2), K=2, R=2, M=2)
    assert pair.points == 5
    steps = trajectory(ScaffoldInSteps(), K=2, R=2, M=2)
    np.testing.assert_allclose(pair.gradients, steps.gradients, atol=1e-13)
    assert exchangeable(ALGORITHMS["scaffold"](eta=0.2), K=2, R=2).points == 5
    with pytest.raises(TightrateError, match="a worst case is that of a certain run"):
        trajectory(ALGORITHMS["proxskip"](eta=0.2), K=2, R=2, M=2)
    for wrong in (QuadraticStep(), PlaceSteps()):
        with pytest.raises(TightrateError, match=r"not linear in the gradients|treat its workers alike"):
            exchangeable(wrong, K=2, R=2)


class LeaveOneOut(Honest):
    def synchronize(self, state: LiarState) -> LiarState:
        workers = state.x.shape[1]
        x = state.start + workers / (workers + 1) * (worker_mean(state.x) - state.start)
        return super().synchronize(state)._replace(x=x, start=x)


def test_a_method_that_knows_the_number_of_workers_is_not_read_off_two_of_them() -> None:
    with pytest.raises(TightrateError, match="depends on the number of workers"):
        exchangeable(LeaveOneOut(), K=2, R=2)


# Communications, and what is beyond all reason.


def test_communications_are_a_measure() -> None:
    values = {"eta": 0.1, "K": 4, "R": 50, "tau": 0.5, "zeta_star": 1.0}
    exact = simulate("proxskip", "random-quadratics", values, measures=["communications"])
    assert exact.method == "exact"
    assert exact.measures["communications"].mean == pytest.approx(50, rel=1e-12)
    drawn = simulate(
        "proxskip", "random-quadratics", {**values, "replicas": 400}, measures=["communications"], method="sample"
    ).measures["communications"]
    assert drawn.mean is not None
    assert drawn.stderr is not None
    assert abs(drawn.mean - 50) < 4 * drawn.stderr
    assert drawn.stderr == pytest.approx(np.sqrt(200 * 0.25 * 0.75 / 400), rel=0.2)  # binomial
    for name in ("local-sgd", "scaffold"):
        certain = simulate(name, "random-quadratics", values, measures=["communications"], method="sample")
        assert certain.measures["communications"].mean == 50


@pytest.mark.parametrize("method", ["auto", "rounds", "sample"])
def test_numbers_beyond_all_reason_are_diverged(method: Any) -> None:
    values = {"cosine": 0.5, "eta": 1e9, "K": 4, "R": 4}
    found = simulate("local-sgd", "rank-one-pair", values, method=method)
    assert found.status == "diverged"
    assert all(one.mean is None for one in found.measures.values())
    large = simulate("local-sgd", "rank-one-pair", {**values, "eta": 1e-20, "B": 1e60, "L": 1e20}, method=method)
    assert large.status == "ok"  # large, but not beside its problem
