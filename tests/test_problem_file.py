"""Workers from a file, starts of one's own and parameters that are vectors, from Python, TOML and the command line."""

from __future__ import annotations

import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.huber import huber
from tightrate.constructions.moved import moved
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.problem_file import ProblemFile
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.sampled.sampling import sample
from tightrate.simulator.simulate import simulate
from tightrate.verify.sweep.cell_key import cell_key
from tightrate.verify.sweep.plan import Plan
from tightrate.verify.sweep.run import run_sweep
from tightrate.verify.sweep.specification import Sweep

WORKERS = random_quadratics(M=3, d=2, tau=0.5, zeta_star=0.6, seed=1)
START = np.array([0.5, -1.0])
RUN = {"eta": 0.1, "K": 4, "R": 5}


def archive(folder: Path, **arrays: Any) -> str:
    path = folder / "workers.npz"
    np.savez(path, **arrays)
    return str(path)


def test_a_run_on_a_file_is_a_run_on_its_workers_from_its_start(tmp_path: Path) -> None:
    path = archive(tmp_path, hessians=WORKERS.hessians, minimizers=WORKERS.minimizers, start=START)
    found = simulate("local-sgd", path, RUN)
    whole = sample(ALGORITHMS["local-sgd"](eta=0.1), WORKERS, K=4, R=5, start=START)
    assert found.measures["gap"].mean == pytest.approx(whole.gaps[0, -1], rel=1e-12)
    problem = ProblemFile(path)()
    assert float(problem.constants["B"]) == pytest.approx(float(np.linalg.norm(WORKERS.optimum - START)), rel=1e-12)
    assert max(one.relative_error for one in problem.self_check()) < 1e-9
    lists = tmp_path / "workers.toml"
    lists.write_text("curvatures = [[1, 0.5], [0.2, 1]]\nminimizers = [[1, 0], [0, 1]]\n")
    diagonal = DiagonalQuadratics(np.array([[1, 0.5], [0.2, 1]]), np.array([[1.0, 0], [0, 1]]))
    rule = ALGORITHMS["local-sgd"](eta=0.1)
    gap = simulate("local-sgd", str(lists), RUN).measures["gap"].mean
    assert gap == pytest.approx(sample(rule, diagonal, K=4, R=5).gaps[0, -1], rel=1e-12)


def test_a_start_moves_the_run_and_the_distance_that_theorems_speak_of() -> None:
    values = {**RUN, "M": 3, "d": 2, "seed": 1, "tau": 0.5, "zeta_star": 0.6, "start": (0.5, -1.0)}
    found = simulate("local-sgd", "random-quadratics", values, theorem="koloskova2020/convex", method="sample")
    whole = sample(ALGORITHMS["local-sgd"](eta=0.1), WORKERS, K=4, R=5, start=START)
    assert found.measures["gap"].mean == pytest.approx(whole.gaps[0, -1], rel=1e-12)
    other = simulate("local-sgd", "random-quadratics", {**values, "start": 0.0}, theorem="koloskova2020/convex")
    assert found.bound is not None
    assert other.bound is not None
    assert found.bound != other.bound
    with pytest.raises(TightrateError, match="start must be a finite number or 2 of them"):
        simulate("local-sgd", "random-quadratics", {**values, "start": (1.0, 2.0, 3.0)})
    kinked = huber(M=2, d=3, zeta=0.3)
    x = np.random.default_rng(1).standard_normal((4, 2, 3))
    np.testing.assert_allclose(moved(kinked, 0.4).gradient(x), kinked.gradient(x + 0.4), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("noise", ["gaussian", "rows"])
def test_every_problem_can_be_started_elsewhere(noise: str) -> None:
    """A run of the moved problem from 0 is a run of the problem from the start, with rows as with added noise."""
    problem, start = PROBLEMS["logistic-regression"](M=3, d=2, rows=8), np.array([0.5, -1.0])
    other, rule = moved(problem, start), ALGORITHMS["local-sgd"](eta=0.1)
    law = RowSampling(2) if noise == "rows" else GaussianNoise(0.3)
    here = sample(rule, other, K=3, R=4, noise=law, replicas=3)
    there = sample(rule, problem, K=3, R=4, noise=law, replicas=3, start=start)
    np.testing.assert_allclose(here.last + start, there.last, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(here.gaps, there.gaps, rtol=1e-8)
    x = np.random.default_rng(2).standard_normal((3, 2))
    np.testing.assert_allclose(other.prox(x, 0.5), problem.prox(x + start, 0.5) - start, rtol=1e-8)
    assert float(other.constants["B"]) == pytest.approx(float(np.linalg.norm(problem.optimum - start)))
    assert float(other.constants["Delta"]) == pytest.approx(float(problem.gap(start)))
    assert float(other.constants["L"]) == float(problem.constants["L"])
    assert all(one.name not in ("B", "Delta") for one in other.self_check())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"hessians": WORKERS.hessians}, "needs minimizers"),
        ({"minimizers": WORKERS.minimizers}, "and either hessians"),
        ({"hessians": WORKERS.hessians, "minimisers": WORKERS.minimizers}, "did you mean 'minimizers'"),
        ({"hessians": WORKERS.hessians * np.nan, "minimizers": WORKERS.minimizers}, "must be finite"),
        ({"hessians": WORKERS.hessians[:2], "minimizers": WORKERS.minimizers}, r"must be shaped \(3, 2, 2\)"),
        ({"hessians": WORKERS.hessians[0], "minimizers": WORKERS.minimizers}, "numbers with 3 axes"),
        ({"hessians": -WORKERS.hessians, "minimizers": WORKERS.minimizers}, "no negative eigenvalue"),
        ({"hessians": WORKERS.hessians * (1 + 1j), "minimizers": WORKERS.minimizers}, "must be an array of real"),
        ({"hessians": WORKERS.hessians > 0, "minimizers": WORKERS.minimizers}, "must be numbers with 3 axes"),
        (
            {"hessians": WORKERS.hessians + np.array([[0, 0.1], [0, 0]]), "minimizers": WORKERS.minimizers},
            "must be symmetric",
        ),
        (
            {"hessians": WORKERS.hessians, "minimizers": WORKERS.minimizers, "optimum": np.ones(2)},
            "the mean gradient does not vanish there",
        ),
        ({"curvatures": np.zeros((3, 2)), "minimizers": WORKERS.minimizers}, "the optimum is not unique"),
        ({"hessians": np.array([object()]), "minimizers": WORKERS.minimizers}, "allow_pickle=False"),
        ({"hessians": WORKERS.hessians * 1e200, "minimizers": WORKERS.minimizers}, "magnitude from 1e-100 to 1e"),
        ({"curvatures": np.ones((3, 2)), "minimizers": np.full((3, 2), 1e-200)}, "magnitude from 1e-100 to 1e"),
    ],
)
def test_every_field_of_a_file_is_checked(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as caught:
        simulate("local-sgd", archive(tmp_path, **arrays), RUN)
    assert "\n" not in str(caught.value)


def test_files_that_are_none_of_ours(tmp_path: Path) -> None:
    harmful = tmp_path / "harmful.npz"
    harmful.write_bytes(pickle.dumps({"hessians": 1}))
    broken = tmp_path / "broken.toml"
    broken.write_text("hessians = [[")
    ragged = tmp_path / "ragged.toml"
    ragged.write_text("curvatures = [[1, 2], [3]]\nminimizers = [[1, 2], [3, 4]]\n")
    cases = (
        (harmful, "no archive"),
        (broken, "no TOML file"),
        (ragged, "real numbers"),
        (tmp_path / "no.npz", "cannot read"),
    )
    for path, message in cases:
        with pytest.raises(TightrateError, match=message):
            simulate("local-sgd", str(path), RUN)


def test_files_that_would_fill_the_memory_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of a hundred megabytes, an archive of ten thousand others, one that unpacks to more than it should."""
    lists = tmp_path / "long.toml"
    with lists.open("wb") as file:
        file.truncate(100 << 20)
    many = tmp_path / "many.npz"
    with zipfile.ZipFile(many, "w") as made:
        for number in range(10_000):
            made.writestr(f"{number}.npy", b"")
    monkeypatch.setattr("tightrate.constructions.problem_file.MOST_BYTES", 1 << 20)
    bomb = tmp_path / "bomb.npz"
    np.savez_compressed(bomb, hessians=np.zeros((1, 400, 400)), minimizers=np.zeros((1, 400)))
    assert bomb.stat().st_size < 1 << 16
    tracemalloc.start()
    for path, message in ((lists, "at most"), (many, "unknown array"), (bomb, "unpacks to")):
        with pytest.raises(TightrateError, match=message):
            simulate("local-sgd", str(path), RUN)
    assert tracemalloc.get_traced_memory()[1] < 30e6
    tracemalloc.stop()


def test_a_sweep_on_a_file_knows_when_the_file_changes(tmp_path: Path) -> None:
    path = archive(tmp_path, hessians=WORKERS.hessians, minimizers=WORKERS.minimizers)
    sweep = Sweep(
        "own",
        "local-sgd",
        path,
        axes={"K": (1, 4)},
        parameters={"eta": 0.1, "R": 5, "start": [0.5, -1.0]},
        method="auto",
    )
    gaps = run_sweep(sweep)["gap_mean"].to_numpy()
    rule = ALGORITHMS["local-sgd"](eta=0.1)
    for gap, K in zip(gaps, (1, 4), strict=True):
        expected = sample(rule, WORKERS, K=K, R=5, start=START).gaps[0, -1]
        assert float(gap) == pytest.approx(expected, rel=1e-12)
    keys = {cell_key(cell) for cell in Plan(sweep).cells}
    assert keys == {cell_key(cell) for cell in Plan(sweep).cells}
    archive(tmp_path, hessians=2 * WORKERS.hessians, minimizers=WORKERS.minimizers)
    assert not keys & {cell_key(cell) for cell in Plan(sweep).cells}
    with pytest.raises(TightrateError, match="give it as a parameter"):
        Sweep("own", "local-sgd", path, axes={"start": ((1.0, 2.0),)}, parameters={"eta": 0.1, "K": 1, "R": 5})


def test_a_vector_of_scalings_is_one_number_for_each_coordinate_and_not_replicas() -> None:
    problem = random_quadratics(M=3, d=2, tau=0.5, zeta_star=0.6, seed=1)
    run = sample(ALGORITHMS["savic"](eta=0.05, d_min=0.1, d_start=[0.5, 1.5]), problem, K=3, R=1)
    assert run.last.shape == (1, 2)
    scale = np.sqrt([0.5, 1.5])
    turned = QuadraticWorkers(problem.hessians / (scale[:, None] * scale), problem.minimizers * scale)
    frozen = sample(ALGORITHMS["local-sgd"](eta=0.05), turned, K=3, R=1).last / scale
    np.testing.assert_allclose(run.last, frozen, rtol=1e-12)
    both = sample(ALGORITHMS["savic"](eta=0.05, d_min=0.1, d_start=[[0.5, 1.5], [2.0, 2.0]]), problem, K=3, R=1)
    np.testing.assert_allclose(both.last[0], run.last[0], rtol=1e-15)
    values = {**RUN, "eta": 0.05, "K": 3, "R": 1, "M": 3, "d": 2, "seed": 1, "tau": 0.5, "zeta_star": 0.6, "d_min": 0.1}
    found = simulate("savic", "random-quadratics", {**values, "d_start": [0.5, 1.5]})
    assert found.measures["gap"].mean == pytest.approx(run.gaps[0, -1], rel=1e-12)
    with pytest.raises(TightrateError, match="d_start must be a number or 2 of them, not 3"):
        simulate("savic", "random-quadratics", {**values, "d_start": [0.5, 1.5, 1.0]})
    swept = Sweep(
        "scalings",
        "savic",
        "random-quadratics",
        axes={"d_start": (0.5, 2.0)},
        parameters=values | {"seed": 1},
        replicas=2,
    )
    gaps = run_sweep(swept)["gap_mean"].to_numpy()
    alone = simulate("savic", "random-quadratics", {**values, "d_start": 2.0}).measures["gap"].mean
    assert float(gaps[1]) == pytest.approx(alone, rel=1e-12)
