"""Replicas are independent runs: rules that mix them are refused, parameters of each reach it, draws are their own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.typical_values import required_of
from tightrate.common.errors import TightrateError
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.simulator.algorithm import ALGORITHMS, Algorithm, worker_mean
from tightrate.simulator.batch.replica_axis import parameters, replicas_of, restrict
from tightrate.simulator.by_name import build_algorithm
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.replica_check import check_replicas
from tightrate.simulator.round_algorithm import RoundAlgorithm, Workers
from tightrate.simulator.sampled.sampling import sample

PROBLEM = random_quadratics(L=1.0, mu=0.1, M=3, d=4, tau=0.5, zeta_star=1.0, B=1.0, seed=3)


class State(NamedTuple):
    x: Any


class Plain(Algorithm[State]):
    """Local SGD as a class that is no dataclass, with its parameters as they come."""

    def __init__(self, eta: Any) -> None:
        self.eta = eta

    def init(self, start: Any) -> State:
        return State(start)

    def point(self, state: State) -> Any:
        return state.x

    def local_step(self, state: State, gradient: Any) -> State:
        return State(state.x - self.eta * self.changed(gradient))

    def changed(self, gradient: Any) -> Any:
        return gradient

    def synchronize(self, state: State) -> State:
        return State(worker_mean(state.x))


class OneNormForAll(Plain):
    def changed(self, gradient: Any) -> Any:
        return gradient / max(1.0, float(np.linalg.norm(gradient)))


class LargestOfAll(Plain):
    def changed(self, gradient: Any) -> Any:
        return np.clip(gradient, -np.abs(gradient).mean(), np.abs(gradient).mean())


class OwnDraws(Plain):
    def changed(self, gradient: Any) -> Any:
        return gradient * np.random.default_rng().random(gradient.shape)


class InRounds(RoundAlgorithm[State]):
    """A round whose coin says whether a second gradient is taken."""

    random = True

    def __init__(self, eta: Any) -> None:
        self.eta = eta

    def init(self, start: Any) -> State:
        return State(start)

    def output(self, state: State) -> Any:
        return state.x

    def round(self, state: State, workers: Workers) -> State:
        x = state.x - self.eta * workers.gradient(state.x)
        heads = workers.coin("again", 0.5)
        return State(workers.mean(self.again(x, heads, workers)))

    def again(self, x: Any, heads: Any, workers: Workers) -> Any:
        return np.where(heads, x - self.eta * workers.gradient(x), x)


class TheFirstDecides(InRounds):
    def again(self, x: Any, heads: Any, workers: Workers) -> Any:
        return x - self.eta * workers.gradient(x) if heads.flat[0] else x


class AnyDecides(InRounds):
    def again(self, x: Any, heads: Any, workers: Workers) -> Any:
        return np.where(heads, x - self.eta * workers.gradient(x), x) if heads.any() else x


class ARandomNumberOfGradients(InRounds):
    def again(self, x: Any, heads: Any, workers: Workers) -> Any:
        for _ in range(1 + int(heads.sum())):
            x = x - self.eta * workers.gradient(x)
        return x


@pytest.mark.parametrize(
    "method",
    [OneNormForAll, LargestOfAll, OwnDraws, TheFirstDecides, AnyDecides, ARandomNumberOfGradients],
    ids=lambda method: str(method.__name__),
)
def test_a_method_whose_replicas_see_each_other_is_refused(method: Any) -> None:
    with pytest.raises(TightrateError, match="a replica goes another way beside others than alone") as caught:
        sample(method(0.1), PROBLEM, K=2, R=2, replicas=2)
    assert "\n" not in str(caught.value)


def test_methods_that_keep_replicas_apart_pass() -> None:
    for rule in (Plain(0.1), InRounds(0.1), *(ALGORITHMS[name](**required_of(name)) for name in ALGORITHMS.names())):
        check_replicas(rule, 3, 4)


@pytest.mark.parametrize("count", [3, 4])  # as many as workers, as many as coordinates
def test_a_parameter_of_each_replica_reaches_it_whatever_class_holds_it(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tightrate.simulator.by_name.ALGORITHMS", {"plain": Plain})
    steps = np.geomspace(0.01, 0.3, count)
    rule = build_algorithm("plain", {"eta": steps})
    assert isinstance(rule, Plain)
    assert replicas_of(rule) == (count,)
    expected = [sample(ALGORITHMS["local-sgd"](eta=eta), PROBLEM, K=2, R=3).last[0] for eta in steps]
    np.testing.assert_allclose(sample(rule, PROBLEM, K=2, R=3).last, expected, rtol=1e-13)
    other = Plain(steps.reshape(-1, 1, 1))
    np.testing.assert_allclose(sample(other, PROBLEM, K=2, R=3).last, expected, rtol=1e-13)
    some = restrict(other, np.array([1]), count, (1, 3, 4))
    assert [float(one.item()) for one in parameters(some)] == [steps[1]]
    assert replicas_of(other) == (count,)


class Gossip(RoundAlgorithm[State]):
    """A gradient step and a mixture with the neighbours."""

    linear = True
    remembers_workers = True

    def __init__(self, eta: float, W: Any) -> None:
        self.eta, self.W = eta, W

    def init(self, start: Any) -> State:
        return State(start)

    def output(self, state: State) -> Any:
        return worker_mean(state.x)

    def round(self, state: State, workers: Workers) -> State:
        return State(workers.mix(state.x - self.eta * workers.gradient(state.x), self.W))


def test_a_decentralized_method_mixes_by_its_weights_and_communicates() -> None:
    W, R = np.array([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25], [0.0, 0.5, 0.5]]), 7
    x = np.zeros((3, 4))
    for _ in range(R):
        gradient = np.array([PROBLEM.hessians[m] @ (x[m] - PROBLEM.minimizers[m]) for m in range(3)])
        x = W @ (x - 0.1 * gradient)
    run = sample(Gossip(0.1, W), PROBLEM, K=1, R=R, record=["communications"])
    np.testing.assert_allclose(run.last[0], x.mean(axis=0), rtol=1e-12)
    assert run.records["communications"][0] == R
    np.testing.assert_allclose(
        exact_moments(Gossip(0.1, W), PROBLEM, K=1, R=R).last.mean[0], x.mean(axis=0), rtol=1e-10
    )
    with pytest.raises(TightrateError, match=r"weights must be shaped \(worker, worker\) = \(3, 3\), not \(2, 2\)"):
        sample(Gossip(0.1, W[:2, :2]), PROBLEM, K=1, R=1)


class Thinned(InRounds):
    """Every worker keeps each coordinate of its step with a chance of one half."""

    def round(self, state: State, workers: Workers) -> State:
        kept = workers.uniform("kept", of_each_worker=True, of_each_coordinate=True) < 0.5
        return State(workers.mean(state.x - self.eta * 2 * np.where(kept, workers.gradient(state.x), 0.0)))


def test_random_coordinates_are_drawn_for_each_worker_by_itself() -> None:
    run = sample(Thinned(0.2), PROBLEM, K=1, R=1, replicas=2000, seed=5)
    step = -0.2 * np.array([PROBLEM.hessians[m] @ -PROBLEM.minimizers[m] for m in range(3)])
    error = np.sqrt((step**2).sum(axis=0) / 9 / 2000)  # the deviation of a mean of independent coins
    assert (np.abs(run.last.mean(axis=0) - step.mean(axis=0)) < 5 * error).all()
    np.testing.assert_allclose(run.last.var(axis=0), (step**2).sum(axis=0) / 9, rtol=0.2)
    few = sample(Thinned(0.2), PROBLEM, K=1, R=1, replicas=3, seed=5)
    np.testing.assert_array_equal(few.last, run.last[:3])
    assert np.isfinite(sample(Thinned(0.2), PROBLEM, K=1, R=3, replicas=2, clients=2).last).all()
