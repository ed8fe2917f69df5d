"""Every algorithm against plain loops on the very same noise, its exact identities, its twins and its mutants."""

from __future__ import annotations

from typing import Any

import numpy as np
import plain_loops as plain
import pytest
from typical_values import required_of

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.constructions.three_clients import three_clients
from tightrate.simulator.algorithm import ALGORITHMS, leaves, worker_mean
from tightrate.simulator.algorithms.fedada2 import DelayedPreconditioner, client_parameters, fedada2
from tightrate.simulator.algorithms.fedada2_plus_plus import fedada2_plus_plus, rows_and_columns
from tightrate.simulator.algorithms.fedadagrad import server_adagrad
from tightrate.simulator.algorithms.local_adam import ClippedAdam, local_adam
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import Accelerated
from tightrate.simulator.algorithms.local_sgdm import SGDM, local_sgdm, minibatch_sgdm
from tightrate.simulator.algorithms.savic import SAVIC, SavicState
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.communication import FederatedOptimization, StateAveraging
from tightrate.simulator.sampled.sampling import sample

M, K, R, D = 3, 4, 5, 4
SIGMA, SEED = 0.7, 11
PROBLEM = random_quadratics(M=M, d=D, tau=0.6, zeta_star=0.8, B=2.0, seed=4)


def noisy_gradients(problem: Problem = PROBLEM, replica: int = 0, T: int = K * R) -> plain.Gradient:
    """gradient(m, x, t) with the noise that `sample` adds: the replica's stream in the order (step, worker, i)."""
    shape = (T, problem.workers, problem.dimension)
    noise = stream(SEED, replica=replica).standard_normal(shape) * SIGMA / np.sqrt(problem.dimension)

    def gradient(m: int, x: np.ndarray, t: int) -> np.ndarray:
        everywhere = np.broadcast_to(x, (problem.workers, problem.dimension))
        return problem.gradient(everywhere)[m] + noise[t, m]

    return gradient


def run(name: str, problem: Problem = PROBLEM, **parameters: Any) -> Any:
    return sample(
        ALGORITHMS[name](**parameters), problem, K=K, R=R, noise=GaussianNoise(SIGMA), seed=SEED, averaging_decay=0.05
    )


def weighted(seen: list[np.ndarray], q: float = 0.05) -> np.ndarray:
    weights = (1 - q) ** -(np.arange(len(seen)) + 1.0)
    return weights @ np.array(seen) / weights.sum()


LOOPS = [
    ("local-sgd", {"eta": 0.2, "gamma": 1.3}),
    ("local-sgdm", {"eta": 0.2, "beta1": 0.7}),
    ("local-sgdm", {"eta": 0.2, "beta1": 0.7, "rho": 0.4}),
    ("local-adam", {"eta": 0.1, "beta1": 0.6, "beta2": 0.8, "lam": 0.3}),
    ("local-adam", {"eta": 0.1, "beta1": 0.6, "beta2": 0.8, "lam": 0.3, "rho": 0.5}),
    ("minibatch-sgd", {"eta": 0.4}),
    ("minibatch-sgdm", {"eta": 0.4, "beta1": 0.5}),
    ("minibatch-sgdm", {"eta": 0.4, "beta1": 0.5, "rho": 0.2}),
    ("minibatch-adam", {"eta": 0.1, "beta1": 0.6, "beta2": 0.8, "lam": 0.3, "rho": 0.2}),
    ("accelerated-minibatch-sgd", {"eta": 0.4, "mu": 0.05}),
    ("accelerated-minibatch-sgd", {"eta": 0.4, "mu": 0.0}),
    ("nesterov-minibatch-sgd", {"eta": 0.5, "momentum": 0.6}),
    ("local-sgd-outer-momentum", {"eta": 0.1, "gamma": 0.7, "momentum": 0.6}),
    ("local-sgd-outer-acceleration", {"eta": 0.2, "gamma": 0.9}),
    ("local-sgd-schedule-free", {"eta": 0.1, "gamma": 1.5, "beta1": 0.2}),
    ("local-sgd-outer-nesterov", {"eta": 0.1, "gamma": 0.5, "momentum": 0.6}),
]


@pytest.mark.parametrize(("name", "parameters"), LOOPS)
def test_sampled_runs_equal_the_algorithm_box_on_the_same_noise(name: str, parameters: dict[str, float]) -> None:
    box = getattr(plain, name.replace("-", "_"))
    last, seen = box(noisy_gradients(), np.zeros(D), M, K, R, **parameters)
    found = run(name, **parameters)
    np.testing.assert_allclose(found.last[0], last, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found.average[0], weighted(seen), rtol=1e-11, atol=1e-13)


COVER = rows_and_columns(2, 2)
SERVERS = [
    ("fedavg", {"eta": 0.1, "gamma": 1.2}, plain.sgd_client(0.1), {"server": "sgd", "gamma": 1.2}),
    (
        "fedadagrad",
        {"eta": 0.1, "gamma": 0.5, "beta1": 0.3, "server_damping": 0.2},
        plain.sgd_client(0.1),
        {"server": "adagrad", "gamma": 0.5, "server_beta1": 0.3, "server_damping": 0.2},
    ),
    *(
        (
            "fedadam",
            {"eta": 0.1, "gamma": 0.5, "beta1": 0.3, "beta2": 0.8, "server_damping": 0.2, "bias_correction": correct},
            plain.sgd_client(0.1),
            {
                "server": "adam",
                "gamma": 0.5,
                "server_beta1": 0.3,
                "server_beta2": 0.8,
                "server_damping": 0.2,
                "correct": correct,
            },
        )
        for correct in (False, True)
    ),
    *(
        (
            name,
            {"eta": 0.3, "gamma": 0.5, "lam": 0.4, "server_damping": 0.2, "delay": delay, **extra},
            plain.adaptive_client(kind, eta=0.3, lam=0.4, delay=delay, **own),
            {"server": "adagrad", "gamma": 0.5, "server_damping": 0.2},
        )
        for delay in (1, 3)
        for name, kind, extra, own in (
            ("fedada2", "adagrad", {}, {}),
            ("fedada2", "adagrad", {"smallest_step": 0.9}, {"smallest": 0.9}),
            ("fedada2-adam", "adam", {"beta1": 0.5, "beta2": 0.7}, {"beta1": 0.5, "beta2": 0.7}),
            ("fedada2-plus-plus", "sm3-i", {"rule": 1}, {}),
            ("fedada2-plus-plus", "sm3-ii", {"rule": 2}, {}),
            ("fedada2-plus-plus", "sm3-i", {"rule": 1, "cover": COVER}, {"cover": COVER}),
            ("fedada2-plus-plus", "sm3-ii", {"rule": 2, "cover": COVER}, {"cover": COVER}),
            ("direct-joint-adaptivity", "adagrad", {}, {"transmitted": True}),
        )
    ),
]


@pytest.mark.parametrize(("name", "parameters", "client", "server"), SERVERS)
def test_federated_methods_equal_the_algorithm_box(
    name: str, parameters: dict[str, Any], client: Any, server: dict[str, Any]
) -> None:
    reference = plain.federated(noisy_gradients(), np.zeros(D), M, K, R, client=client, **server)
    np.testing.assert_allclose(run(name, **parameters).last[0], reference, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("scaling", ["adam", "rmsprop", "adahessian", "oasis"])
@pytest.mark.parametrize("variant", [{}, {"client_local": True}, {"square_of_mean": True}, {"d_start": 0.8}])
def test_savic_equals_its_box(scaling: str, variant: dict[str, Any]) -> None:
    signs = stream(SEED, replica=0, use="signs")
    v = np.copysign(1.0, signs.random((R + 1, M, D)) - 0.5)

    def curvature(m: int, x: np.ndarray, p: int) -> np.ndarray:  # noqa: ARG001
        return v[p, m] * (PROBLEM.hessians[m] @ v[p, m])

    parameters = {"eta": 0.05, "d_min": 0.3, "beta2": 0.6, "scaling": scaling, **variant}
    hutchinson = curvature if scaling in ("adahessian", "oasis") else None
    reference = plain.savic(noisy_gradients(), np.zeros(D), M, K, R, curvature=hutchinson, **parameters)
    np.testing.assert_allclose(
        run("savic", **parameters, synchronized=False).last[0], reference, rtol=1e-11, atol=1e-13
    )


def test_savic_with_a_frozen_scaling_is_local_sgd_in_other_variables() -> None:
    scale = np.array([0.5, 1.0, 2.0, 4.0])
    root = np.sqrt(scale)
    turned = QuadraticWorkers(PROBLEM.hessians / (root[:, None] * root), PROBLEM.minimizers * root)
    in_other_variables = sample(ALGORITHMS["local-sgd"](eta=0.2), turned, K=K, R=R).last[0] / root

    class Frozen(SAVIC):
        def _renewed(self, state: SavicState, H: np.ndarray) -> SavicState:
            return state._replace(D_hat=scale + 0 * H, p=state.p + 1)

    one = np.ones((1, 1, 1))
    frozen = Frozen(0.2 * one, one, one, None, "adam", False, False)
    np.testing.assert_allclose(sample(frozen, PROBLEM, K=K, R=R).last[0], in_other_variables, rtol=1e-12)


def test_blended_clients_with_one_strategy_are_fedada2() -> None:
    parameters = {"eta": 0.3, "lam": 0.4, "gamma": 0.5, "server_damping": 0.2}
    same = run("blended", strategies=("adagrad",), **parameters).last
    np.testing.assert_allclose(same, run("fedada2", **parameters).last, rtol=1e-13)
    clients = [
        plain.adaptive_client("adagrad", eta=0.3, lam=0.4),
        plain.sgd_client(0.3),
        plain.adaptive_client("adam", eta=0.3, lam=0.4, beta1=0.9, beta2=0.99),
    ]
    steps, weights = [K, 2, 3], [1.0, 0.5, 2.0]
    gradient = noisy_gradients()
    x, v = np.zeros(D), np.zeros(D)
    for r in range(R):
        moves = []
        for m in range(M):
            y = clients[m](lambda y, k, m=m, r=r: gradient(m, y, r * K + k), x, steps[m], v)
            moves.append(weights[m] * (y - x))
        delta = plain.mean(moves)
        v = v + delta**2
        x = x + 0.5 * delta / (np.sqrt(v) + 0.2)
    found = run("blended", strategies=("adagrad", "sgd", "adam"), steps=steps, weights=weights, **parameters)
    np.testing.assert_allclose(found.last[0], x, rtol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"strategies": ()}, "at least one strategy"),
        ({"strategies": ("sgd", "newton")}, "unknown strategy 'newton'"),
        ({"steps": (1, 2, 3)}, "2 strategies need as many steps, not 3"),
        ({"weights": (1.0,)}, "2 strategies need as many weights, not 1"),
        ({"weights": (1.0, -1.0)}, "weights must be positive and finite, not -1"),
        ({"weights": (1.0, np.nan)}, "weights must be positive and finite, not nan"),
        ({"steps": (1, 0.5)}, "steps must be a positive integer, not 0.5"),
    ],
)
def test_blended_refuses_in_one_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as caught:
        ALGORITHMS["blended"](eta=0.1, **parameters)
    assert "\n" not in str(caught.value)


def test_clients_with_strategies_of_their_own_cannot_be_sampled() -> None:
    for clients in (2, PROBLEM.workers):  # the draw of all clients would permute them
        with pytest.raises(TightrateError, match="let all take part"):
            sample(ALGORITHMS["blended"](eta=0.1), PROBLEM, K=K, R=R, clients=clients)
    alike = sample(ALGORITHMS["blended"](eta=0.1, strategies=("adagrad",)), PROBLEM, K=K, R=R, clients=2, seed=SEED)
    same = sample(ALGORITHMS["fedada2"](eta=0.1), PROBLEM, K=K, R=R, clients=2, seed=SEED)
    np.testing.assert_allclose(alike.last, same.last, rtol=1e-13)


def test_two_stages_are_local_sgd_followed_by_minibatch_sgd() -> None:
    gradient = noisy_gradients()
    x, _ = plain.local_sgd(gradient, np.zeros(D), M, K, 2, eta=0.2, gamma=1.1)
    x, _ = plain.minibatch_sgd(lambda m, y, t: gradient(m, y, t + 2 * K), x, M, K, R - 2, eta=0.3)
    found = run("two-stage", eta=0.2, gamma=1.1, switch=2, second_eta=0.3)
    np.testing.assert_allclose(found.last[0], x, rtol=1e-12)


# Exact identities of Local SGDM and Local Adam, and the hand-checked numbers of the accelerated outer loop.


def test_the_auxiliary_sequence_of_sgdm_moves_by_the_mean_clipped_gradient() -> None:
    rule = local_sgdm(eta=0.2, beta1=0.9, rho=0.5)
    noise = stream(3).standard_t(3, (K * R, 1, M, D))
    state = rule.init(np.ones((1, M, D)))
    x_before = state.x
    for t in range(K * R):
        z = rule.averaged(state).mean(axis=-2)
        g = PROBLEM.gradient(rule.point(state)) + noise[t]
        state = rule.local_step(state, g)
        if t % K == K - 1:
            state = rule.synchronize(state)
        after = rule.averaged(state)
        np.testing.assert_allclose(after.mean(axis=-2), z - 0.2 * np.clip(g, -0.5, 0.5).mean(axis=-2), atol=1e-13)
        mean_x, mean_before = state.x.mean(axis=-2), x_before.mean(axis=-2)
        np.testing.assert_allclose(mean_x, 0.9 * mean_before + 0.1 * after.mean(axis=-2), atol=1e-13)
        if t % K == K - 1:
            np.testing.assert_allclose(after, np.broadcast_to(after[:, :1], after.shape), atol=1e-15)
        x_before = state.x


def test_local_adam_with_a_frozen_second_moment_is_local_sgdm() -> None:
    adam = run("local-adam", eta=0.2, beta1=0.8, beta2=1.0, lam=2.0, rho=0.5)
    sgdm = run("local-sgdm", eta=0.1, beta1=0.8, rho=0.5)
    np.testing.assert_allclose(adam.last, sgdm.last, rtol=1e-13)
    moving = run("local-adam", eta=0.2, beta1=0.8, beta2=0.99, lam=2.0, rho=0.5)
    assert np.abs(moving.last - sgdm.last).max() > 1e-6


def one_step_rounds(rule: Any, noise: bool = True) -> np.ndarray:
    return sample(rule, PROBLEM, K=1, R=12, noise=GaussianNoise(SIGMA) if noise else None, seed=SEED).last


def test_one_local_step_of_sgdm_is_a_minibatch_step_exactly_if_nothing_is_clipped() -> None:
    for rho, equal in ((np.inf, True), (1e6, True), (0.3, False)):
        local = one_step_rounds(local_sgdm(eta=0.3, beta1=0.7, rho=rho))
        pooled = one_step_rounds(minibatch_sgdm(eta=0.3, beta1=0.7, rho=rho))
        assert np.allclose(local, pooled, rtol=1e-12) == equal


def test_one_local_step_of_adam_is_not_a_minibatch_step() -> None:
    local = one_step_rounds(local_adam(eta=0.1, beta2=0.9, lam=0.1))
    pooled = one_step_rounds(ALGORITHMS["minibatch-adam"](eta=0.1, beta2=0.9, lam=0.1))
    assert np.abs(local - pooled).max() > 1e-3


ALONE = QuadraticWorkers(PROBLEM.hessians[:1], PROBLEM.minimizers[:1])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("local-sgd", {"eta": 0.2}),
        ("local-sgdm", {"eta": 0.2, "rho": 0.5}),
        ("local-adam", {"eta": 0.1, "beta2": 0.9, "rho": 0.5}),
    ],
)
def test_a_single_worker_does_not_notice_communications(name: str, parameters: dict[str, float]) -> None:
    rule, noise = ALGORITHMS[name](**parameters), GaussianNoise(SIGMA)
    ends = [sample(rule, ALONE, K=k, R=24 // k, noise=noise, seed=SEED).last for k in (1, 3, 24)]
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-12)
    np.testing.assert_allclose(ends[2], ends[0], rtol=1e-12)


SYMMETRIC = [
    ("local-sgd", {"eta": 0.2, "gamma": 1.2}),
    ("local-sgdm", {"eta": 0.2, "rho": 0.5}),
    ("local-adam", {"eta": 0.1, "beta2": 0.9, "rho": 0.5}),
    ("savic", {"eta": 0.05, "d_min": 0.3}),
    ("fedada2", {"eta": 0.3}),
    ("fedadam", {"eta": 0.1}),
    ("local-sgd-outer-acceleration", {"eta": 0.2}),
    ("minibatch-adam", {"eta": 0.1}),
]


@pytest.mark.parametrize(("name", "parameters"), SYMMETRIC)
def test_equal_workers_without_noise_stay_equal(name: str, parameters: dict[str, float]) -> None:
    rule = ALGORITHMS[name](**parameters)
    copies = QuadraticWorkers(np.repeat(ALONE.hessians, 5, axis=0), np.repeat(ALONE.minimizers, 5, axis=0))
    many = sample(rule, copies, K=K, R=R, record=["consensus"])
    np.testing.assert_allclose(many.last, sample(rule, ALONE, K=K, R=R).last, rtol=1e-12)
    assert many.records["consensus"].max() < 1e-28


@pytest.mark.parametrize(("name", "parameters"), SYMMETRIC)
def test_the_order_of_workers_does_not_matter(name: str, parameters: dict[str, float]) -> None:
    order = [2, 0, 1]
    permuted = QuadraticWorkers(PROBLEM.hessians[order], PROBLEM.minimizers[order])
    rule = ALGORITHMS[name](**parameters)
    np.testing.assert_allclose(
        sample(rule, permuted, K=K, R=R).last, sample(rule, PROBLEM, K=K, R=R).last, rtol=1e-11, atol=1e-14
    )


@pytest.mark.parametrize(
    ("name", "parameters", "equivariant"),
    [
        ("local-sgd", {"eta": 0.2, "gamma": 1.2}, True),
        ("local-sgdm", {"eta": 0.2}, True),
        ("local-sgdm", {"eta": 0.2, "rho": 0.2}, False),
        ("accelerated-minibatch-sgd", {"eta": 0.4}, True),
        ("local-sgd-schedule-free", {"eta": 0.1}, True),
        ("local-adam", {"eta": 0.1, "beta2": 0.9}, False),
        ("fedada2", {"eta": 0.3}, False),
        ("savic", {"eta": 0.05, "d_min": 0.1}, False),
    ],
)
def test_which_methods_turn_with_the_coordinates(name: str, parameters: dict[str, float], equivariant: bool) -> None:
    turn = np.linalg.qr(stream(1).standard_normal((D, D)))[0]
    turned = QuadraticWorkers(turn @ PROBLEM.hessians @ turn.T, PROBLEM.minimizers @ turn.T)
    rule = ALGORITHMS[name](**parameters)
    original, other = sample(rule, PROBLEM, K=K, R=R).last @ turn.T, sample(rule, turned, K=K, R=R).last
    assert np.allclose(other, original, rtol=1e-10, atol=1e-12) == equivariant


# Rescaling x by a length and f by a value, each parameter by its unit.
UNITS = [
    ("local-sgd", {"eta": (0.2, 2, -1)}),
    ("local-sgdm", {"eta": (0.2, 2, -1), "rho": (0.3, -1, 1)}),
    ("local-adam", {"eta": (0.1, 1, 0), "lam": (0.3, -1, 1), "rho": (0.3, -1, 1)}),
    ("accelerated-minibatch-sgd", {"eta": (0.3, 2, -1), "mu": (0.05, -2, 1)}),
    ("fedada2", {"eta": (0.3, 1, 0), "lam": (0.3, -1, 1), "server_damping": (0.4, 1, 0), "gamma": (0.5, 1, 0)}),
    ("savic", {"eta": (0.1, 1, 0), "d_min": (0.3, -1, 1)}),
    ("savic-oasis", {"eta": (0.1, 0, 0), "d_min": (0.3, -2, 1)}),
]


@pytest.mark.parametrize(("name", "parameters"), UNITS)
@pytest.mark.parametrize(("length", "value"), [(3.0, 1.0), (1.0, 5.0), (0.5, 7.0)])
def test_rescaling_x_and_f(
    name: str, parameters: dict[str, tuple[float, int, int]], length: float, value: float
) -> None:
    scaled = QuadraticWorkers(PROBLEM.hessians * value / length**2, PROBLEM.minimizers * length)
    original = sample(ALGORITHMS[name](**{key: p for key, (p, _, _) in parameters.items()}), PROBLEM, K=K, R=R)
    moved = {key: p * length**a * value**b for key, (p, a, b) in parameters.items()}
    rescaled = sample(ALGORITHMS[name](**moved), scaled, K=K, R=R)
    np.testing.assert_allclose(rescaled.gaps, value * original.gaps, rtol=1e-10)


def test_the_accelerated_outer_loop_reproduces_the_numbers_computed_by_hand() -> None:
    parabola = DiagonalQuadratics(np.ones((1, 1)), np.zeros((1, 1)))
    rule = ALGORITHMS["local-sgd-outer-acceleration"](eta=0.5, gamma=1.0)
    state = rule.init(np.ones((1, 1, 1)))
    seen = []
    for _ in range(3):
        state = rule.synchronize(rule.local_step(state, parabola.gradient(rule.point(state))))
        seen.append([float(v.ravel()[0]) for v in (state.server.u, state.server.z, rule.point(state))])
    np.testing.assert_allclose(seen[0], [1 / 2, 3 / 4, 2 / 3], rtol=1e-15)
    np.testing.assert_allclose(seen[1], [1 / 3, 5 / 12, 3 / 8], rtol=1e-15)
    np.testing.assert_allclose(seen[2][0], 3 / 16, rtol=1e-15)


def test_momentum_and_outer_steps_that_do_nothing() -> None:
    plain_run = run("local-sgd", eta=0.2, gamma=1.3).last
    np.testing.assert_allclose(run("local-sgd-outer-momentum", eta=0.2, gamma=1.3, momentum=0.0).last, plain_run)
    np.testing.assert_allclose(run("fedavg", eta=0.2, gamma=1.3).last, plain_run, rtol=1e-12)
    averaging = run("local-sgd", eta=0.2).last
    np.testing.assert_allclose(run("local-sgdm", eta=0.2, beta1=0.0).last, averaging, rtol=1e-12)
    np.testing.assert_allclose(run("local-sgd-outer-nesterov", eta=0.2, gamma=1.0, momentum=0.0).last, averaging)
    heavy = run("local-sgd-outer-momentum", eta=0.2, gamma=1.3, momentum=0.3).last
    assert np.abs(heavy - plain_run).max() > 1e-3


def test_one_local_step_turns_the_accelerated_outer_loop_into_an_accelerated_minibatch_method() -> None:
    first = one_step_rounds(ALGORITHMS["local-sgd-outer-acceleration"](eta=0.3, gamma=1.0))
    u = z = np.zeros(D)
    gradient = noisy_gradients(T=12)
    for r in range(12):
        x = u + 2 / (r + 2) * (z - u)
        g = plain.pooled(gradient, x, M, 1, r)
        u, z = x - 0.3 * g, z - 0.3 * (r + 1) / 2 * g
    np.testing.assert_allclose(first[0], u, rtol=1e-12)


@pytest.mark.parametrize(("eta", "gamma"), [(0.1, 1.0), (1.0, 0.3), (1e-3, 10.0)])
@pytest.mark.parametrize("construct", [fedada2, fedada2_plus_plus])
def test_the_three_clients_are_frozen_for_ever(eta: float, gamma: float, construct: Any) -> None:
    clients = three_clients()
    rule = construct(eta=eta, gamma=gamma, lam=1.0)
    found = sample(rule, clients, K=1, R=500, record=["least-gradient-norm"], measured_rounds=[500])
    assert np.abs(found.last).max() < 1e-13
    assert found.records["least-gradient-norm"][0] == pytest.approx(1 / 81, rel=1e-10)
    moving = sample(ALGORITHMS["fedavg"](eta=0.3), clients, K=1, R=500, record=["least-gradient-norm"])
    assert moving.records["least-gradient-norm"][0] < 1e-6


def test_transmitting_the_preconditioner_makes_a_difference() -> None:
    parameters = {"eta": 0.3, "lam": 0.4, "gamma": 0.5, "server_damping": 0.2}
    sent, not_sent = run("direct-joint-adaptivity", **parameters).last, run("fedada2", **parameters).last
    assert np.abs(sent - not_sent).max() > 1e-3


def test_sm3_on_singletons_is_adagrad() -> None:
    singletons = tuple((j,) for j in range(D))
    reference = run("fedada2", eta=0.3, delay=2).last
    for rule in (1, 2):
        found = run("fedada2-plus-plus", eta=0.3, delay=2, rule=rule, cover=singletons).last
        np.testing.assert_allclose(found, reference, rtol=1e-13)
    with pytest.raises(TightrateError, match="cover must contain every coordinate"):
        run("fedada2-plus-plus", eta=0.3, cover=((0, 1), (3,)))


@pytest.mark.parametrize(
    ("cover", "message"),
    [
        (((0, 1), (2, D)), f"every coordinate 0, ..., {D - 1}, and no other"),
        (((0, 1), (2, -1)), "a coordinate of an SM3 cover must be an integer, at least 0, not -1"),
        (((0, 1.5), (2, 3)), "must be an integer, at least 0, not 1.5"),
        (((0, 1), ("2", 3)), "must be an integer, at least 0, not '2'"),
        (((0, 1, 2, 3), ()), r"none of them empty, not of \(\)"),
        ((0, 1, 2, 3), "consists of sets of coordinates, none of them empty, not of 0"),
    ],
)
def test_a_cover_that_is_none_is_refused(cover: Any, message: str) -> None:
    for rule in (1, 2):
        with pytest.raises(TightrateError, match=message):
            run("fedada2-plus-plus", eta=0.3, rule=rule, cover=cover)


def test_parameters_are_refused_by_their_own_names() -> None:
    for value in (-1.0, np.nan, np.inf):
        with pytest.raises(TightrateError, match="smallest_step must be nonnegative and finite"):
            ALGORITHMS["fedada2"](eta=0.1, smallest_step=value)
    with pytest.raises(TightrateError, match="d_start must be positive and finite, not 0"):
        ALGORITHMS["savic"](eta=0.1, d_start=0)
    for name in ("local-adam", "fedadam", "savic", "fedada2-adam"):
        with pytest.raises(TightrateError, match=r"beta2 must lie in \[0,1\], not 1.5"):
            ALGORITHMS[name](eta=0.1, beta2=1.5)
        ALGORITHMS[name](eta=0.1, beta2=1.0)


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_at_a_common_optimum_nothing_moves(name: str) -> None:
    """Gradients that vanish move nothing; away from the optimum something moves."""
    rule, common = ALGORITHMS[name](**required_of(name)), DiagonalQuadratics(np.full((M, D), 0.5), np.zeros((M, D)))
    np.testing.assert_array_equal(sample(rule, common, K=K, R=R, start=np.zeros(D)).last, 0)
    assert np.abs(sample(rule, common, K=K, R=R, start=np.ones(D)).last - 1).max() > 1e-3


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_gradients_and_points_may_be_moved_together(name: str) -> None:
    """A shift of the origin shifts the run: no rule looks at where the points are, only at differences."""
    rule, shift = ALGORITHMS[name](**required_of(name)), np.linspace(-1, 1, D)
    shifted = QuadraticWorkers(PROBLEM.hessians, PROBLEM.minimizers + shift)
    original = sample(rule, PROBLEM, K=K, R=R).last
    np.testing.assert_allclose(sample(rule, shifted, K=K, R=R, start=shift).last, original + shift, rtol=1e-10)


def test_shorthands_of_savic_choose_the_scaling() -> None:
    for scaling in ("rmsprop", "adahessian", "oasis"):
        short = run(f"savic-{scaling}", eta=0.05, d_min=0.3).last
        np.testing.assert_array_equal(short, run("savic", eta=0.05, d_min=0.3, scaling=scaling).last)
        local = run(f"savic-{scaling}", eta=0.05, d_min=0.3, client_local=True).last
        assert np.abs(local - short).max() > 1e-6


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_states_hold_arrays_of_every_worker_and_counters_only(name: str) -> None:
    state = ALGORITHMS[name](**required_of(name)).init(np.zeros((2, 4, 3)))
    assert all(isinstance(leaf, int) or leaf.shape[:1] == (2,) for leaf in leaves(state))


# Deliberately mutants: each common slip moves the result by far more than the tolerance above.


class ForgetsMomentum(StateAveraging):
    """Averages x but leaves every worker its own u."""

    def synchronize(self, state: Any) -> Any:
        return state._replace(x=worker_mean(state.x))


class ClipsMomentum(SGDM):
    """Clips after the momentum instead of before."""

    def step(self, state: Any, gradient: np.ndarray) -> Any:
        u = self.beta1 * state.u + (1 - self.beta1) * gradient
        return state._replace(x=state.x - self.eta * np.clip(u, -self.rho, self.rho), u=u)


class DampsOutside(ClippedAdam):
    """sqrt(v) + lambda instead of sqrt(v + lambda^2)."""

    def step(self, state: Any, gradient: np.ndarray) -> Any:
        after = super().step(state, gradient)
        return after._replace(x=state.x - self.eta * after.u / (np.sqrt(after.v) + self.lam))


class ScalesBeforeRenewing(ClippedAdam):
    """Divides by the root of the old second moment."""

    def step(self, state: Any, gradient: np.ndarray) -> Any:
        after = super().step(state, gradient)
        return after._replace(x=state.x - self.eta * after.u / np.sqrt(state.v + self.lam**2))


class AveragesRoots(StateAveraging):
    """Averages sqrt(v) instead of v."""

    def synchronize(self, state: Any) -> Any:
        return super().synchronize(state)._replace(v=worker_mean(np.sqrt(state.v)) ** 2)


class AppliesGammaToTheAverage(Accelerated):
    """u_{r+1} = x_r - gamma g instead of a plain average."""

    def step(self, state: Any, gradient: np.ndarray) -> Any:
        return super().step(state, gradient)._replace(u=self.point(state) - self.gamma * gradient)


class RenewsTooLate(DelayedPreconditioner):
    """The statistics are renewed at steps delay, 2 delay, ... instead of 1, 1 + delay, ..."""

    def step(self, state: Any, gradient: np.ndarray) -> Any:
        shifted = super().step(state._replace(k=state.k + 1), gradient)
        return shifted._replace(k=state.k + 1)


def number(value: float) -> np.ndarray:
    return np.full((1, 1, 1), value)


WRONG = [
    ("local-sgdm", {"eta": 0.2, "beta1": 0.7}, ForgetsMomentum(SGDM(number(0.2), number(0.7), None))),
    (
        "local-sgdm",
        {"eta": 0.2, "beta1": 0.7, "rho": 0.4},
        StateAveraging(ClipsMomentum(number(0.2), number(0.7), number(0.4))),
    ),
    *(
        (
            "local-adam",
            {"eta": 0.1, "beta1": 0.6, "beta2": 0.8, "lam": 0.3},
            template(kind(number(0.1), number(0.6), number(0.8), number(0.3), None)),
        )
        for template, kind in (
            (StateAveraging, DampsOutside),
            (StateAveraging, ScalesBeforeRenewing),
            (AveragesRoots, ClippedAdam),
        )
    ),
    (
        "local-sgd-outer-acceleration",
        {"eta": 0.2, "gamma": 0.9},
        FederatedOptimization(SGD(number(0.2)), AppliesGammaToTheAverage(number(0.9))),
    ),
]


@pytest.mark.parametrize(("name", "parameters", "wrong"), WRONG)
def test_mutants_are_rejected(name: str, parameters: dict[str, float], wrong: Any) -> None:
    box = getattr(plain, name.replace("-", "_"))
    last, _ = box(noisy_gradients(), np.zeros(D), M, K, R, **parameters)
    found = sample(wrong, PROBLEM, K=K, R=R, noise=GaussianNoise(SIGMA), seed=SEED).last[0]
    assert np.abs(found - last).max() > 1e-3


def test_a_preconditioner_that_is_renewed_too_late_is_rejected() -> None:
    parameters = client_parameters(0.3, 0.4, 0.0, 3, 0.0)
    server = server_adagrad(0.5, 0.0, 0.2)
    client = plain.adaptive_client("adagrad", eta=0.3, lam=0.4, delay=3)
    reference = plain.federated(
        noisy_gradients(), np.zeros(D), M, K, R, client=client, server="adagrad", gamma=0.5, server_damping=0.2
    )
    for kind, right in ((DelayedPreconditioner, True), (RenewsTooLate, False)):
        rule = FederatedOptimization(kind(**parameters), server)
        found = sample(rule, PROBLEM, K=K, R=R, noise=GaussianNoise(SIGMA), seed=SEED).last[0]
        assert (np.abs(found - reference).max() < 1e-10) == right
