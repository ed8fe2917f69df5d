"""Rounds of gradient steps at once, and many cells in few runs: the same numbers as step by step, as alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.logistic_regression import logistic_regression
from tightrate.constructions.noise import GaussianNoise, Noise, RademacherNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.constructions.rank_one_pair import rank_one_pair
from tightrate.constructions.structured_noise import PerWorker
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.compiled import gradient_rounds
from tightrate.simulator.compiled.gradient_rounds import step_sizes
from tightrate.simulator.sampled import sampling
from tightrate.simulator.sampled.run import Run
from tightrate.simulator.sampled.sampling import sample
from tightrate.simulator.sampled.shared_runs import PackedCell, sample_packed

NOISE = GaussianNoise(0.7)
DENSE = random_quadratics(M=3, d=4, tau=0.6, zeta_star=0.8, seed=4)
DIAGONAL = DiagonalQuadratics(np.linspace(0.1, 1, 12).reshape(3, 4), np.cos(np.arange(12.0)).reshape(3, 4))
BATCH = DiagonalQuadratics(np.linspace(0.1, 1, 48).reshape(4, 3, 4), np.cos(np.arange(48.0)).reshape(4, 3, 4))
FLAT = rank_one_pair(cosine=0.9)
ETA = np.array([0.1, 0.1, 0.3, 1.2])


def agree(one: Run, other: Run, tolerance: float) -> None:
    """The two runs agree relative to the size of the iterates."""
    scale = np.abs(other.last).max()
    np.testing.assert_allclose(one.last, other.last, rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(one.distances, other.distances, rtol=0, atol=tolerance * max(scale, 1.0))


def identical(one: Run, other: Run) -> None:
    for name in ("last", "gaps", "distances", "diverged", "diverged_at"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("problem", [DENSE, DIAGONAL, BATCH, FLAT], ids=["dense", "diagonal", "batch", "flat"])
@pytest.mark.parametrize("noise", [None, NOISE, RademacherNoise(0.7)], ids=["none", "gaussian", "rademacher"])
@pytest.mark.parametrize("name", ["local-sgd", "fedavg", "local-sgd-outer-momentum"])
def test_rounds_at_once_are_the_steps_one_by_one(
    name: str, problem: Problem, noise: Noise | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = ALGORITHMS[name](eta=ETA)
    assert step_sizes(rule, problem, noise) is not None
    options: dict[str, Any] = {"K": [1, 5, 5, 7], "R": 9, "noise": noise, "seed": 3, "streams": [0, 1, 1, 2]}
    at_once = sample(rule, problem, **options)
    monkeypatch.setattr(gradient_rounds, "NUMBERS_PER_DRAW", 3 * problem.workers * problem.dimension)  # 3 steps a piece
    piecewise = sample(rule, problem, **options)
    monkeypatch.setattr(sampling, "step_sizes", lambda *_: None)
    step_by_step = sample(rule, problem, **options)
    agree(at_once, step_by_step, 1e-13)
    agree(piecewise, step_by_step, 1e-13)
    wrong = sample(ALGORITHMS[name](eta=ETA * (1 + 1e-9)), problem, **options)
    if np.abs(step_by_step.last).max() > 0:
        with pytest.raises(AssertionError):  # one part in 10^9 of the step would be seen
            agree(wrong, at_once, 1e-13)


@pytest.mark.parametrize("problem", [DENSE, DIAGONAL, BATCH], ids=["dense", "diagonal", "batch"])
def test_blocks_of_rounds_do_not_change_a_bit(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = ALGORITHMS["local-sgd"](eta=ETA)
    options: dict[str, Any] = {"K": [3, 5, 5, 3], "R": 40, "noise": NOISE, "seed": 5, "streams": [4, 1, 1, 9]}
    whole = sample(rule, problem, **options)
    for numbers, replicas in ((1, 1), (100, 2), (1000, 3), (1 << 19, 1)):
        monkeypatch.setattr(gradient_rounds, "NUMBERS_AT_ONCE", numbers)
        monkeypatch.setattr(gradient_rounds, "MOST_REPLICAS", replicas)
        identical(sample(rule, problem, **options), whole)


def test_only_plain_gradient_steps_on_quadratics_are_taken_at_once() -> None:
    sgd = ALGORITHMS["local-sgd"](eta=0.1)
    for name in ("local-sgdm", "local-adam", "minibatch-sgdm", "fedadam"):
        assert step_sizes(ALGORITHMS[name](eta=0.1), DIAGONAL, NOISE) is None
    assert step_sizes(sgd, logistic_regression(M=3, d=4), NOISE) is None
    assert step_sizes(sgd, DIAGONAL, PerWorker((NOISE, NOISE, RademacherNoise(1.0)))) is None


def test_what_overflows_within_a_round_has_diverged_and_what_stands_still_has_not() -> None:
    still = DiagonalQuadratics(np.ones((2, 2)), np.zeros((2, 2)))
    rule = ALGORITHMS["local-sgd"](eta=[0.5, 5.0])
    for noise, expected in ((None, [False, False]), (NOISE, [False, True])):
        run = sample(rule, still, K=2000, R=2, noise=noise)
        assert run.diverged.tolist() == expected
        assert not np.isnan(run.gaps).any()
    assert run.diverged_at is not None
    assert run.diverged_at.tolist() == [np.inf, 1.0]


CELLS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("local-sgd", {"eta": [0.1, 0.2, 9.0]}, DIAGONAL, NOISE),
    ("local-sgd", {"eta": [0.1, 0.2, 0.3]}, DENSE, NOISE),
    ("local-adam", {"eta": [0.1, 0.2, 0.3], "rho": 0.4}, DENSE, RademacherNoise(1.0)),
    ("local-sgd", {"eta": [0.1, 0.2, 0.3]}, DIAGONAL, PerWorker((NOISE, NOISE, RademacherNoise(1.0)))),
    ("local-sgd", {"eta": [0.1, 0.2, 0.3]}, logistic_regression(M=3, d=4, rows=20), RowSampling()),
]


@pytest.mark.parametrize(("name", "parameters", "problem", "noise"), CELLS)
def test_packed_cells_are_the_cells_alone_bit_for_bit(
    name: str, parameters: dict[str, Any], problem: Problem, noise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, runs = ALGORITHMS[name](**parameters), []

    def counted(*given: Any, **named: Any) -> Run:
        runs.append(given)
        return sample(*given, **named)

    monkeypatch.setattr("tightrate.simulator.sampled.shared_runs.sample", counted)
    cells = [
        PackedCell(rule, problem, K, R, noise=noise, seed=2, stream_axes={"K": K}, streams=streams)
        for R in (7, 1, 150)
        for K in (4, 3)
        for streams in ([0, 0, 0], [0, 1, 2])
    ]
    found = sample_packed(cells)
    assert len(runs) == (12 if isinstance(noise, PerWorker) else 4)
    for cell, run in zip(cells, found, strict=True):
        alone = sample(
            rule,
            problem,
            K=cell.K,
            R=cell.R,
            noise=noise,
            seed=2,
            stream_axes=dict(cell.stream_axes),
            streams=cell.streams,
            measured_rounds=(cell.R,),
        )
        identical(run, alone)
    backwards = sample_packed(cells[::-1])[::-1]
    for one, other in zip(found, backwards, strict=True):
        identical(one, other)


def test_common_streams_of_a_packed_cell_are_common() -> None:
    rule = ALGORITHMS["local-sgd"](eta=[0.2, 0.2])
    twins, others = (
        sample_packed([PackedCell(rule, DIAGONAL, 3, 4, noise=NOISE, streams=s)])[0] for s in ([5, 5], [5, 6])
    )
    np.testing.assert_array_equal(twins.last[0], twins.last[1])
    assert np.abs(others.last[0] - others.last[1]).min() > 0
