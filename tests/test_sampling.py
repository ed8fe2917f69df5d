"""The sampling engine: streams, blocks, sampled clients and rows, what a run records, divergence, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import plain_loops as plain
import pytest
from scipy import stats
from typical_values import required_of

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.logistic_regression import logistic_regression
from tightrate.constructions.noise import GaussianNoise, RademacherNoise
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.constructions.structured_noise import AtStep, PerWorker
from tightrate.simulator.algorithm import ALGORITHMS, Algorithm
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import RowSampling, steps_per_draw, stream
from tightrate.simulator.compiled.tape import recorded
from tightrate.simulator.parameters import parameters
from tightrate.simulator.sampled import block, sampling
from tightrate.simulator.sampled.recording import RECORDERS
from tightrate.simulator.sampled.run import Run
from tightrate.simulator.sampled.sampling import sample

PROBLEM = random_quadratics(M=3, d=4, tau=0.6, zeta_star=0.8, seed=4)
DIAGONAL = DiagonalQuadratics(np.linspace(0.1, 1, 12).reshape(3, 4), np.cos(np.arange(12.0)).reshape(3, 4))
NOISE = GaussianNoise(0.7)
FIELDS = ("last", "average", "gaps", "distances", "diverged")


def same(one: Run, other: Run) -> bool:
    names = one.records.keys() == other.records.keys()
    return (
        names
        and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS)
        and all(np.array_equal(one.records[name], other.records[name]) for name in one.records)
    )


CLIPPED = {"rho": 0.4, "beta2": 0.9, "d_min": 0.3}  # where an algorithm knows them


IN_BLOCKS = [
    pytest.param(name, problem, id=f"{kind}-{name}", marks=pytest.mark.soak if later and "sgd" not in name else ())
    for kind, problem, later in (("dense", PROBLEM, False), ("diagonal", DIAGONAL, True))
    for name in ALGORITHMS.names()
]


@pytest.mark.parametrize(("name", "problem"), IN_BLOCKS)
def test_blocks_do_not_change_a_bit(name: str, problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {**required_of(name), "eta": np.array([0.1, 0.1, 0.3, 0.2, 0.2])}
    given |= {key: value for key, value in CLIPPED.items() if key in parameters(ALGORITHMS[name])}
    rule = ALGORITHMS[name](**given)
    options: dict[str, Any] = {
        "K": [3, 2, 3, 1, 3],
        "R": 12,
        "noise": NOISE,
        "seed": 5,
        "averaging_decay": 0.01,
        "clients": 2,
        "record": list(RECORDERS),
    }
    if rule.remembers_workers:
        with pytest.raises(TightrateError, match="let all take part"):
            sample(rule, problem, **options)
        options["clients"] = None
    whole = sample(rule, problem, **options)
    for size in (1, 24, 48):
        monkeypatch.setattr(sampling, "NUMBERS_PER_BLOCK", size)
        assert same(sample(rule, problem, **options), whole)
    order = np.array([4, 0, 3, 1, 2])
    moved = sample(
        ALGORITHMS[name](**{**given, "eta": given["eta"][order]}),
        problem,
        **{**options, "K": np.array(options["K"])[order], "streams": order},
    )
    np.testing.assert_array_equal(moved.last, whole.last[order])
    alone = sample(
        ALGORITHMS[name](**{**given, "eta": given["eta"][2]}), problem, **{**options, "K": 3, "streams": [2]}
    )
    np.testing.assert_array_equal(alone.last[0], whole.last[2])


def test_a_batch_of_instances_equals_the_instances_alone() -> None:
    one, other = (random_quadratics(M=3, d=4, seed=seed) for seed in (1, 2))
    both = QuadraticWorkers(np.stack([one.hessians, other.hessians]), np.stack([one.minimizers, other.minimizers]))
    batch = sample(local_sgd(eta=0.3), both, K=4, R=5, noise=NOISE)
    for i, problem in enumerate((one, other)):
        alone = sample(local_sgd(eta=0.3), problem, K=4, R=5, noise=NOISE, streams=[i])
        np.testing.assert_allclose(batch.gaps[i], alone.gaps[0], rtol=1e-9)


def test_equal_streams_are_common_random_numbers() -> None:
    twins = sample(local_sgd(eta=[0.2, 0.2, 0.2]), PROBLEM, K=3, R=4, noise=NOISE, streams=[7, 7, 8])
    np.testing.assert_array_equal(twins.last[0], twins.last[1])
    assert np.abs(twins.last[2] - twins.last[0]).min() > 0
    seventh = sample(local_sgd(eta=0.2), PROBLEM, K=3, R=4, replicas=8, noise=NOISE).last[7]
    np.testing.assert_array_equal(twins.last[0], seventh)


def test_the_noise_does_not_depend_on_how_steps_are_split_into_rounds() -> None:
    flat = DiagonalQuadratics(np.zeros((3, 4)), np.zeros((3, 4)), known_optimum=np.zeros(4))
    ends = [sample(local_sgd(eta=0.2), flat, K=k, R=120 // k, noise=NOISE).last for k in (1, 8, 120)]
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-12)
    np.testing.assert_allclose(ends[2], ends[0], rtol=1e-12)
    drawn = stream(0, replica=0).standard_normal((120, 3, 4)) * 0.7 / 2
    np.testing.assert_allclose(ends[0][0], -0.2 * drawn.mean(axis=1).sum(axis=0), rtol=1e-12)


def test_axes_and_seeds_separate_streams() -> None:
    def last(**options: Any) -> np.ndarray:
        return sample(local_sgd(eta=0.2), PROBLEM, K=3, R=4, noise=NOISE, **options).last

    base = last(seed=1, stream_axes={"cell": 3})
    np.testing.assert_array_equal(base, last(seed=1, stream_axes={"cell": 3}))
    for other in ({"seed": 2, "stream_axes": {"cell": 3}}, {"seed": 1, "stream_axes": {"cell": 4}}, {"seed": 1}):
        assert np.abs(last(**other) - base).min() > 0


def test_noise_has_the_law_it_claims() -> None:
    flat = DiagonalQuadratics(np.zeros((2, 3)), np.zeros((2, 3)), known_optimum=np.zeros(3))
    ends = sample(local_sgd(eta=1.0), flat, K=1, R=1, replicas=3000, noise=GaussianNoise(1.5)).last
    scaled = ends / (1.5 / np.sqrt(3) / np.sqrt(2))
    assert stats.kstest(scaled.ravel(), "norm").pvalue > 1e-4
    assert stats.kstest(1.1 * scaled.ravel(), "norm").pvalue < 1e-4  # ten percent would be seen
    assert np.abs(np.corrcoef(scaled.T) - np.eye(3)).max() < 4 / np.sqrt(3000)


def test_noise_of_one_worker_or_one_step_reaches_that_one_only() -> None:
    silent, loud = GaussianNoise(0.0), RademacherNoise(1.0)
    flat = DiagonalQuadratics(np.zeros((2, 3)), np.zeros((2, 3)), known_optimum=np.zeros(3))
    one_worker = sample(local_sgd(eta=1.0), flat, K=1, R=1, replicas=5, noise=PerWorker((silent, loud))).last
    np.testing.assert_allclose(np.abs(one_worker), 1 / np.sqrt(3) / 2, rtol=1e-12)
    T = 3 * steps_per_draw(2, 3)
    for step in (0, T - 1):
        one_step = sample(local_sgd(eta=1.0), flat, K=T, R=1, replicas=5, noise=AtStep(loud, step)).last
        assert set(np.round(np.abs(one_step.ravel()) * np.sqrt(3), 9)) <= {0.0, 1.0}
    nothing = sample(local_sgd(eta=1.0), flat, K=T, R=1, replicas=5, noise=AtStep(loud, T)).last
    assert np.abs(nothing).max() == 0
    with pytest.raises(TightrateError, match="client sampling"):
        sample(local_sgd(eta=1.0), flat, K=1, R=1, noise=PerWorker((silent, loud)), clients=1)


def test_sampled_clients_are_uniform_and_only_they_take_part() -> None:
    corners = DiagonalQuadratics(np.ones((4, 4)), np.eye(4))
    ends = sample(local_sgd(eta=1.0), corners, K=1, R=1, replicas=2000, clients=2).last
    assert set(np.unique(ends)) == {0.0, 0.5}
    pairs = np.unique(ends, axis=0, return_counts=True)[1]
    assert stats.chisquare(pairs).pvalue > 1e-4
    assert len(pairs) == 6
    everyone = sample(local_sgd(eta=0.3), PROBLEM, K=3, R=4, clients=3).last
    np.testing.assert_allclose(everyone, sample(local_sgd(eta=0.3), PROBLEM, K=3, R=4).last, rtol=1e-12)
    rounds = sample(local_sgd(eta=1.0), corners, K=1, R=30, replicas=3, clients=1)
    assert len(np.unique(rounds.gaps.round(9))) > 1 or np.ptp(rounds.last) > 0


def test_sampled_clients_of_a_general_problem_use_their_own_gradients() -> None:
    problem = logistic_regression(M=4, d=3, rows=20, heterogeneity=1.0)
    clients = stream(0, replica=0, use="clients").permutation(4)[:2]
    x = np.zeros(3)
    steps = [x - 0.5 * problem.gradient(np.broadcast_to(x, (4, 3)))[m] for m in clients]
    found = sample(ALGORITHMS["fedavg"](eta=0.5), problem, K=1, R=1, clients=2).last[0]
    np.testing.assert_allclose(found, np.mean(steps, axis=0), rtol=1e-12)


def test_row_sampling_draws_the_workers_own_rows_uniformly() -> None:
    problem = logistic_regression(M=3, d=2, rows=7, heterogeneity=0.5)
    x = np.array([0.4, -0.2])
    expected = np.concatenate([problem.row_gradients(x, m) for m in range(3)])
    rule, n = local_sgd(eta=1.0), 400
    gradient = (x - sample(rule, problem, K=1, R=1, replicas=n, noise=RowSampling(), start=x).last).mean(axis=0)
    full = problem.gradient(np.broadcast_to(x, (3, 2))).mean(axis=0)
    spread = np.sqrt(problem.row_variance(x).mean() / 3 / n)
    assert np.linalg.norm(gradient - full) < 4 * spread
    single = sample(
        ALGORITHMS["fedavg"](eta=1.0), problem, K=1, R=1, replicas=n, noise=RowSampling(), start=x, clients=1
    )
    for row in x - single.last[:50]:
        assert np.abs(expected - row).sum(axis=1).min() < 1e-12
    assert len(np.unique(single.last.round(12), axis=0)) == 21
    whole = sample(rule, problem, K=1, R=1, replicas=n, noise=RowSampling(batch=64), start=x).last
    assert whole.var() < 0.1 * sample(rule, problem, K=1, R=1, replicas=n, noise=RowSampling(), start=x).last.var()
    with pytest.raises(TightrateError, match="sum over rows"):
        sample(rule, PROBLEM, K=1, R=1, noise=RowSampling())


def plain_gradient(problem: Any, T: int, level: float = 0.35) -> plain.Gradient:
    noise = stream(0, replica=0).standard_normal((T, problem.workers, problem.dimension)) * level
    return lambda m, x, t: problem.hessians[m] @ (x - problem.minimizers[m]) + noise[t, m]


def test_records_are_what_they_say() -> None:
    K, R, eta = 3, 4, 0.2
    names = list(RECORDERS)
    found = sample(local_sgd(eta=eta), PROBLEM, K=K, R=R, noise=NOISE, record=names, averaging_decay=0.0)
    gradient, x = plain_gradient(PROBLEM, K * R), np.zeros(4)
    slope = lambda y: plain.mean([PROBLEM.hessians[m] @ (y - PROBLEM.minimizers[m]) for m in range(3)])  # noqa: E731
    consensus, norms, path = [], [slope(x) @ slope(x)], []
    for r in range(R):
        y = [x] * 3
        for k in range(K):
            path.append(plain.mean(y))
            y = [y[m] - eta * gradient(m, y[m], r * K + k) for m in range(3)]
        x = plain.mean(y)
        consensus.append(np.mean([(v - x) @ (v - x) for v in y]))
        norms.append(slope(x) @ slope(x))
    np.testing.assert_allclose(found.records["consensus"][0], consensus, rtol=1e-11)
    np.testing.assert_allclose(found.records["squared-gradient-norm"][0], norms, rtol=1e-11)
    np.testing.assert_allclose(found.records["least-gradient-norm"][0], min(norms[:-1]), rtol=1e-11)
    np.testing.assert_allclose(found.records["stationarity"][0], np.mean([slope(v) @ slope(v) for v in path]))
    np.testing.assert_allclose(found.average[0], np.mean(path, axis=0), rtol=1e-12)
    chosen = int(stream(0, replica=0, use="random-iterate").random() * K * R)
    np.testing.assert_allclose(found.records["random-iterate"][0], path[chosen], rtol=1e-12)


def test_the_norm_of_local_adam_lies_between_the_plain_one_and_a_fraction_of_it() -> None:
    rule, lam = ALGORITHMS["local-adam"](eta=0.05, lam=0.5, beta2=0.9), 0.5
    state = rule.init(np.zeros((1, 3, 4)))
    total = []
    gradient = plain_gradient(PROBLEM, 12)
    for r in range(4):
        v = state.v[:, 0].copy()
        for k in range(3):
            z = rule.averaged(state).mean(axis=1)[0]
            slope = plain.mean([PROBLEM.hessians[m] @ (z - PROBLEM.minimizers[m]) for m in range(3)])
            total.append((lam * slope**2 / np.sqrt(v[0] + lam**2)).sum())
            x = rule.point(state)[0]
            state = rule.local_step(state, np.array([[gradient(m, x[m], 3 * r + k) for m in range(3)]]))
        state = rule.synchronize(state)
    found = sample(rule, PROBLEM, K=3, R=4, noise=NOISE, record=["stationarity"]).records["stationarity"]
    np.testing.assert_allclose(found[0], np.mean(total), rtol=1e-11)


def test_consensus_on_a_flat_objective_has_the_variance_of_a_random_walk() -> None:
    flat = DiagonalQuadratics(np.zeros((6, 2)), np.zeros((6, 2)), known_optimum=np.zeros(2))
    eta, beta, K, n = 0.3, 0.8, 5, 2000
    for name, own, factor in (
        ("local-sgd", {}, float(K)),
        ("local-sgdm", {"beta1": beta}, sum((1 - beta**j) ** 2 for j in range(1, K + 1))),
    ):
        rule = ALGORITHMS[name](eta=eta, **own)
        run = sample(rule, flat, K=K, R=1, noise=NOISE, replicas=n, record=["consensus"])
        errors = run.records["consensus"][:, 0]
        expected = eta**2 * 0.7**2 * factor * (1 - 1 / 6)
        assert abs(errors.mean() - expected) < 4 * errors.std() / np.sqrt(n)


def test_only_the_rounds_asked_for_are_measured() -> None:
    every = sample(local_sgd(eta=0.3), PROBLEM, K=3, R=6, noise=NOISE)
    some = sample(local_sgd(eta=0.3), PROBLEM, K=3, R=6, noise=NOISE, measured_rounds=[6, 0, 2])
    np.testing.assert_array_equal(some.gaps, every.gaps[:, [0, 2, 6]])
    np.testing.assert_array_equal(some.distances, every.distances[:, [0, 2, 6]])


def test_divergence_is_recorded_and_the_batch_goes_on() -> None:
    for name in ("local-sgd", "local-sgdm", "local-sgd-outer-acceleration"):
        run = sample(ALGORITHMS[name](eta=[0.1, 900.0]), PROBLEM, K=9, R=150, noise=NOISE, averaging_decay=0.0)
        assert run.diverged.tolist() == [False, True]
        assert np.isfinite(run.gaps[0]).all()
        assert not np.isnan(run.gaps).any()
        assert np.isinf(run.gaps[1, -1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"K": np.inf}, "finite K"),
        ({"K": 2.5}, "finite K"),
        ({"K": [1, 2, 3], "replicas": 2}, r"different numbers of replicas.*\(3,\), \(2,\)"),
        ({"K": [1, 2, 3], "replicas": 1}, "do not fit replicas = 1"),
        ({"record": ["consensu"]}, "did you mean 'consensus'"),
        ({"clients": 9}, "between 1 and the number of workers 3, not 9"),
    ],
)
def test_bad_input_is_one_clear_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as caught:
        sample(local_sgd(eta=0.1), PROBLEM, **{"K": 2, "R": 2, **options})
    assert "\n" not in str(caught.value)


# Local steps in place.


class Scripted(Algorithm[Any]):
    """Two buffers and any local step."""

    def __init__(self, rule: Any) -> None:
        self.rule = rule

    def init(self, start: np.ndarray) -> Any:
        return (start, 0.5 * start + 1)

    def point(self, state: Any) -> np.ndarray:
        return state[0]

    def local_step(self, state: Any, gradient: np.ndarray) -> Any:
        return self.rule(*state, gradient)

    def synchronize(self, state: Any) -> Any:
        return state


HALF = np.full((1, 1, 1), 0.5)
ENTRYWISE = {
    "a swap": lambda a, b, g: (b, a),  # noqa: ARG005
    "a swap with work": lambda a, b, g: (b + g, a - g),
    "one result twice": lambda a, b, g: (a - g, a - g),  # noqa: ARG005
    "the gradient itself": lambda a, b, g: (g, a + b),
    "nothing": lambda a, b, g: (a, b),  # noqa: ARG005
    "powers": lambda a, b, g: (a**2 - g**3, np.abs(b) ** 0.5 + 1 / (1 + g**2)),
    "clipping": lambda a, b, g: (np.clip(a - g, -HALF, 0.7), np.maximum(b, np.minimum(g, 0.3))),
    "deep": lambda a, b, g: ((a + b) * (a - b) + (a + g) * (b - g), ((a + 1) * (b + 1) - (g + 1)) / (2 + b * b)),
    "numbers first": lambda a, b, g: (1 - a * 0.3, 2 / (3 + g * g) - HALF * b),
}
BEYOND = {
    "a sum over coordinates": lambda a, b, g: (a - g * g.sum(axis=-1, keepdims=True), b),
    "a norm": lambda a, b, g: (a - g / np.linalg.norm(g, axis=-1, keepdims=True), b),
    "a decision": lambda a, b, g: (a - g if a.mean() > 0 else a + g, b),
    "a new array": lambda a, b, g: (a - g, np.zeros_like(b)),
    "where": lambda a, b, g: (np.where(g > 0, a, b), b),
    "a constant": lambda a, b, g: (a - g, 1.0 + np.zeros(a.shape)),  # noqa: ARG005
    "another shape": lambda a, b, g: (a - g * np.ones((5, *a.shape))[0], b),
}


@pytest.mark.parametrize("rule", [*ENTRYWISE.values(), *BEYOND.values()], ids=[*ENTRYWISE, *BEYOND])
def test_recorded_steps_are_the_rule_bit_for_bit(rule: Any) -> None:
    algorithm = Scripted(rule)
    gradients = stream(5).standard_normal((6, 2, 3, 4))
    state = algorithm.init(stream(6).standard_normal((2, 3, 4)))
    in_place = recorded(algorithm, state)
    assert (in_place is None) == (rule in BEYOND.values()) or rule is BEYOND["another shape"]
    if in_place is None:
        return
    for gradient in gradients:
        state = rule(*state, gradient)
        np.copyto(in_place.gradient, gradient)
        in_place.replay()
        for found, expected in zip(in_place.state, state, strict=True):
            np.testing.assert_array_equal(found, expected)
    in_place.load((state[1] + 1, in_place.state[0]))  # a view of its own buffers may be loaded too
    np.testing.assert_array_equal(in_place.state[1], state[0])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("local-sgd", {"eta": [0.1, 0.2], "gamma": 1.2}),
        ("local-sgdm", {"eta": [0.1, 0.2], "rho": 0.5}),
        ("local-adam", {"eta": [0.1, 0.2], "rho": 0.5}),
    ],
)
def test_runs_in_place_are_the_same_bit_for_bit(
    name: str, parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = ALGORITHMS[name](**parameters)
    options: dict[str, Any] = {"K": 5, "R": 6, "noise": NOISE, "averaging_decay": 0.1, "record": list(RECORDERS)}
    assert recorded(rule, rule.init(np.zeros((2, 3, 4)))) is not None
    fast = sample(rule, PROBLEM, **options)
    monkeypatch.setattr(block, "recorded", lambda *_: None)
    assert same(sample(rule, PROBLEM, **options), fast)


def test_dense_products_do_not_depend_on_the_company() -> None:
    for d in (1, 3, 17, 64):
        problem = random_quadratics(M=2, d=d, tau=0.0, zeta_star=0.1, **({"mu": 1.0} if d == 1 else {}))
        starts = stream(8).standard_normal((19, 1, d))
        together = sample(local_sgd(eta=0.3), problem, K=2, R=2, start=starts).last
        for i in (0, 7, 8, 18):
            np.testing.assert_array_equal(
                sample(local_sgd(eta=0.3), problem, K=2, R=2, start=starts[i : i + 1]).last[0], together[i]
            )
        silent = plain_gradient(problem, 4, level=0.0)
        slow = [plain.local_sgd(silent, s[0], 2, 2, 2, eta=0.3, gamma=1)[0] for s in starts]
        np.testing.assert_allclose(together, slow, rtol=1e-12, atol=1e-13)
