"""Adding one thing is adding one file: a problem, a noise, an algorithm, a paper, a claim with its run and a figure.

Each is a file in a folder of its own, is found by its registry and passes the tests of its kind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent

PROBLEM = '''"""One parabola for every worker."""

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.parameters import batch
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.quadratics import QuadraticWorkers


@PROBLEMS.add("added-parabola")
def added_parabola(*, L: ArrayLike = 1.0, B: ArrayLike = 1.0, M: int = 2) -> QuadraticWorkers:
    """F(x) = L (x - B)^2 / 2 on every worker."""
    smoothness, distance = batch(L=L, B=B)
    hessians = smoothness[..., None, None, None] * np.ones((M, 1, 1))
    return QuadraticWorkers(hessians, distance[..., None, None] * np.ones((M, 1)), known_optimum=distance[..., None])
'''

NOISE = '''"""Uniform noise."""

from dataclasses import dataclass

import numpy as np

from tightrate.constructions.noise import NOISES, IsotropicNoise
from tightrate.constructions.problem import Array


@NOISES.add("added-uniform")
@dataclass(frozen=True)
class AddedUniform(IsotropicNoise):
    """Every coordinate is uniform on an interval around zero."""

    @property
    def standard_bound(self) -> float:
        return 1.0

    def standard_moment(self, alpha: float) -> float:
        return 1 / (1 + alpha)

    def draw_standard(self, generator: np.random.Generator, out: Array) -> None:
        generator.random(out=out)
        out *= 2.0
        out -= 1.0
'''

ALGORITHM = '''"""Local SGD with plain averaging, once more."""

from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.communication import StateAveraging


@ALGORITHMS.add("added-averaging", source="Doe (2026), Algorithm 1", theorems=("added2026/thm1",))
def added_averaging(*, eta: ArrayLike) -> StateAveraging:
    """Local steps of SGD, and an average after each round.

    Algorithm::

        every worker m: K times y_m <- y_m - eta g_m(y_m)
        y_m <- mean_m y_m
    """
    return StateAveraging(SGD(per_replica("eta", eta)))
'''

PAPER = '''"""Doe (2026): a paper that is one file."""

from sympy import Le

from tightrate.rates.statements.builder import Stated, Statements, read
from tightrate.rates.statements.theorem import Condition, Paper
from tightrate.rates.symbols.alphabet import B, L, eta

PAPER = Paper("added2026", bib="@article{added2026, title={One File}, author={Doe, J.}, journal={J.}, year={2026}}")
LOCAL_SGD = Statements(PAPER, problem_class="convex, $L$-smooth, identical workers, no noise")


@LOCAL_SGD.upper("thm1", "The gap does not grow", provenance=read("Theorem 1"))
def thm1() -> Stated:
    """The gap is at most what smoothness gives at the start."""
    return Stated({"start": L * B**2 / 2}, conditions=(Condition("inner step at most $1/L$", Le(eta * L, 1)),))
'''

CLAIM = '''"""Doe (2026) on its parabola."""

import xarray as xr
from tightrate.constructions.added_parabola import added_parabola
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.added_averaging import added_averaging
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session


@experiment("added-parabola")
def parabola(session: Session) -> xr.Dataset:
    """The gap after some rounds of small steps."""
    R, eta = [1.0, 2.0, 4.0], 0.001
    found = exact_moments(added_averaging(eta=eta), added_parabola(), K=2, R=[R])
    return labelled("R", gap=found.last.gap[0], R=R, eta=eta, L=1.0, B=1.0, M=2, K=2)


@claim("added2026/thm1", "The gap stays below that at the start.", kind="bound with constants", data=parabola)
def gap_stays_below(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact gaps on a parabola."""
    return Bounded(theorem, Measurement.of(data, "gap"))
'''

FIGURE = '''"""The gap on the parabola."""

import xarray as xr
from matplotlib.figure import Figure

from tightrate.figures.drawing import panels
from tightrate.figures.figure import figure
from tightrate.figures.style import Columns
from tightrate.verify.papers.added2026 import parabola


@figure("added-figure", title="A gap", caption="The gap, {profile} profile.", experiment=parabola, needs=("gap",))
def added(data: xr.Dataset, columns: Columns) -> Figure:
    """One line."""
    picture, (ax,) = panels(1, columns, tall=2.2)
    ax.plot(data.R, data.gap)
    ax.set_xlabel("rounds")
    return picture
'''

ADDED = {
    "constructions": {"added_parabola": PROBLEM, "added_uniform": NOISE},
    "simulator.algorithms": {"added_averaging": ALGORITHM},
    "rates.papers": {"added2026": PAPER},
    "verify.papers": {"added2026": CLAIM},
    "figures.gallery": {"added_figure": FIGURE},
}
ROOMS = """
from importlib import import_module
from pathlib import Path

for folder in Path(__file__).parent.glob("tightrate.*"):
    import_module(folder.name).__path__.append(str(folder))
"""
OF_THEIR_KINDS = {  # tests that must be among those that run
    "test_measured_constants_are_those_claimed[added-parabola]",
    "test_level_is_the_moment_of_its_order_in_every_dimension[AddedUniform(sigma=0.7, order=2.0)]",
    "test_every_algorithm_is_described[added-averaging]",
    "test_a_method_says_that_it_is_linear_if_it_is[added-averaging]",
    "test_blocks_do_not_change_a_bit[dense-added-averaging]",
    "test_entry[added2026/thm1]",
    "test_paper[added2026]",
    "test_a_claim_comes_out_as_expected_and_its_mutants_do_not[added2026/thm1]",
    "test_a_figure_without_tests_of_its_own_is_drawn_from_a_quick_run[added-figure]",
}


def run_tests(folder: Path, *files: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(TESTS), str(TESTS.parent)])}
    arguments = ["-p", "added_rooms", "-p", "no:xdist", "-p", "no:cacheprovider", "-vv", "-k", "added"]
    command = [sys.executable, "-m", "pytest", *arguments, *(str(TESTS / file) for file in files)]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=TESTS.parent)
    return found.stdout + found.stderr


def test_one_of_each_is_a_file_of_its_own_and_passes_the_tests_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "added_rooms.py").write_text(ROOMS)
    for room, files in ADDED.items():
        (tmp_path / f"tightrate.{room}").mkdir()
        for name, text in files.items():
            (tmp_path / f"tightrate.{room}" / f"{name}.py").write_text(text)
    said = run_tests(
        tmp_path,
        *("test_constructions.py", "test_constructions_noise.py", "test_algorithm_descriptions.py"),
        *("test_algorithms.py", "test_sampling.py", "test_moments.py", "test_catalogue.py", "test_claims.py"),
        *("test_figures.py", "test_generated_docs.py"),
    )
    assert " failed" not in said, said
    assert " error" not in said.lower().replace("error::", ""), said
    passed = {line.split("::")[1].rsplit(" PASSED")[0] for line in said.splitlines() if " PASSED" in line}
    assert passed >= OF_THEIR_KINDS, OF_THEIR_KINDS - passed
