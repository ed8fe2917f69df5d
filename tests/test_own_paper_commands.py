"""One file is a paper: every command knows what is in it, with a helper module beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr
from typer.testing import CliRunner

import tightrate as tr
from tightrate.command_line import application
from tightrate.common import paper_files
from tightrate.common.errors import TightrateError
from tightrate.verify.exact_worst_case import AgainstTheorem

HELPER = """
import numpy as np

def curvatures(L, mu):
    return np.diag([mu, L])
"""
PAPER = r'''
from typing import NamedTuple

import numpy as np
import tightrate as tr
from helper_of_doe import curvatures

PAPER = tr.Paper("doe2026", title="Lazy steps", notation={"L": "H"})
THEOREM = tr.Statements(PAPER, algorithm="lazy-sgd", problem_class="convex")
q = tr.symbol("q", meaning="laziness", within="(0, 1]", chosen=True)


class State(NamedTuple):
    x: np.ndarray


class Lazy(tr.Algorithm[State]):
    linear = True

    def __init__(self, eta, q):
        self.eta, self.q = eta, q

    def init(self, start):
        return State(start)

    def point(self, state):
        return state.x

    def local_step(self, state, gradient):
        return State(state.x - self.q * self.eta * gradient)

    def synchronize(self, state):
        return State(tr.worker_mean(state.x))


@tr.ALGORITHMS.add("lazy-sgd", source="Doe (2026)", theorems=["lazy-sgd"])
def lazy_sgd(*, eta, q=1.0):
    """Local SGD that takes a part of every step.

        x <- x - q eta g
    """
    return Lazy(eta, q)


@tr.PROBLEMS.add("own-quadratics")
def own_quadratics(*, L: float, mu: float, M: int = 2):
    """Equal quadratics in two dimensions."""
    return tr.QuadraticWorkers(np.broadcast_to(curvatures(L, mu), (M, 2, 2)).copy(), np.ones((M, 2)))


@tr.NOISES.add("own-gaussian")
class OwnGaussian(tr.GaussianNoise):
    """Gaussian noise under another name."""


@tr.measure("lazy-lyapunov", unit="B^2", of="state")
def lyapunov(state, algorithm, problem):
    "squared distance over the laziness"
    return ((state.x - problem.optimum) ** 2 / algorithm.q).sum(axis=-1).mean(axis=-1)


@THEOREM.upper("thm1", "Lazy steps count less", constants="explicit", provenance=tr.stated("Theorem 1"))
def thm1():
    """Without noise the gap is at most this."""
    return tr.Stated({"optimization": "B^2/(2*q*eta*K*R)"}, conditions=["eta*H <= 1"])


@THEOREM.upper("thm2", "A Lyapunov function", measure=lyapunov, constants="explicit", provenance=tr.stated("Theorem 2"))
def thm2():
    """It decays."""
    return tr.Stated({"start": "B^2/q"}, conditions=["eta*H <= 1"])


trial = tr.trial(
    "holds", "The bound holds.", theorem=thm1, problem=own_quadratics, axes={"K": [1, 2], "R": [2, 8], "q": [0.5, 1.0]},
    parameters={"L": 1.0, "mu": 0.1, "eta": 0.5},
)
decay = tr.trial(
    "decays", "The Lyapunov function stays below its start.", theorem=thm2, problem="own-quadratics",
    axes={"R": [2, 8]}, parameters={"K": 2, "L": 1.0, "mu": 0.1, "eta": 0.5, "q": 0.5},
)


@tr.figure("doe2026-gap", title="The gap", caption="The gap.", experiment=trial.data[0], needs=("gap_mean",))
def gap(data, columns):
    from matplotlib.figure import Figure

    picture = Figure()
    picture.add_subplot().plot(data.R, data.gap_mean.isel(K=0, q=0))
    return picture
'''
SETTING = "from tightrate.rates.statements.setting import Setting"
SWEEP = """
algorithm = "lazy-sgd"
problem = "own-quadratics"
noise = "own-gaussian"
theorem = "doe2026/thm1"
measures = ["gap", "lazy-lyapunov"]
[axes]
R = [2, 4]
[parameters]
K = 2
L = 1.0
mu = 0.1
eta = 0.5
q = 0.5
sigma = 0.1
"""
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command with the paper."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper_of_doe.py").write_text(HELPER)
    (tmp_path / "doe.py").write_text(PAPER)
    (tmp_path / "s.toml").write_text(SWEEP)
    (tmp_path / "p.tex").write_text(r"The gap is at most $$F(\hat x)-F^\star\le\frac{B^2}{q\eta K R}.$$")

    def with_paper(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(application(), [*arguments, "--paper", "doe.py"], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        assert (done.return_value or 0) == status, done.output
        return done.output

    return with_paper


def test_lists_and_pages_know_everything_in_the_file(run: Run) -> None:
    for kind, name in (
        ("papers", "doe2026"),
        ("theorems", "doe2026/thm1"),
        ("claims", "doe2026/holds"),
        ("figures", "doe2026-gap"),
        ("algorithms", "lazy-sgd"),
        ("problems", "own-quadratics"),
        ("noises", "own-gaussian"),
        ("symbols", "q"),
        ("measures", "lazy-lyapunov"),
    ):
        rows = json.loads(run("list", kind, "--json"))
        assert [row["id"] for row in rows].count(name) == 1, kind
    shown = run("show", "doe2026/thm1")
    for part in ("Lazy steps count less", "2 η K R q", "η L ≤ 1", "H for L", "stated by the author of the file"):
        assert part in shown, shown
    assert "x <- x - q eta g" in run("show", "lazy-sgd")


def test_formulas_of_the_file_are_evaluated_compared_and_inverted(run: Run) -> None:
    document = json.loads(run("evaluate", "doe2026/thm1", "eta=0.5", "B=2", "K=2", "R=8", "q=0.5", "L=1", "--json"))
    assert document["value"] == pytest.approx(4 / (2 * 0.5 * 0.5 * 16))
    assert document["conditions"][0]["status"] == "holds"
    with pytest.raises(TightrateError, match=r"q must lie in \(0,1\], not 2"):
        run("evaluate", "doe2026/thm1", "q=2")
    compared = json.loads(run("compare", "doe2026/thm1", "B^2/(q*eta*K*R)", "--json"))
    assert compared["relation"] == "A~B"
    assert json.loads(run("compare", "doe2026/thm1", "B^2/(eta*K*R)", "--json"))["relation"] == "A>=B"  # q <= 1
    checked = json.loads(run("check-bound", "B^2/(q*eta*K*R)", "--measure", "gap", "--json"))
    assert "doe2026/thm1" in [one["theorem"] for one in checked["neighbours"]]
    rounds = run("rounds", "doe2026/thm1", "eps=0.1", "eta=0.5", "B=1", "K=2", "q=0.5")
    assert "20" in rounds  # 1/(2 q eta K eps)
    run("lint", "p.tex")


def test_methods_problems_noise_and_measures_of_the_file_are_run(run: Run, tmp_path: Path) -> None:
    values = ("L=1", "mu=0.1", "eta=0.5", "K=2", "R=4")
    half = json.loads(run("simulate", "lazy-sgd", "own-quadratics", *values, "q=0.5", "--json"))
    plain = json.loads(run("simulate", "local-sgd", "own-quadratics", *values[:2], "eta=0.25", *values[3:], "--json"))
    assert half["measures"]["gap"]["mean"] == pytest.approx(plain["measures"]["gap"]["mean"], rel=1e-14)
    assert half["method"] == "exact"
    noisy = ("sigma=0.5", "replicas=4", "--noise", "own-gaussian", "--measure", "lazy-lyapunov", "--json")
    document = json.loads(run("simulate", "lazy-sgd", "own-quadratics", *values, "q=0.5", *noisy))
    assert document["measures"]["lazy-lyapunov"]["mean"] > 0
    compared = run("simulate", "lazy-sgd", "own-quadratics", *values, "--theorem", "doe2026/thm1")
    assert "speaks of" not in compared
    run("sweep", "s.toml", "--out", "s.nc")
    data = xr.load_dataset(tmp_path / "s.nc", engine="scipy")
    assert data["lazy-lyapunov_mean"].attrs["units"] == "length^2"
    assert (data["symbol: q"] == 0.5).all()
    assert "2 of them finished before" in run("sweep", "s.toml", "--out", "s.nc")
    (tmp_path / "helper_of_doe.py").write_text(HELPER + "\n# another module now\n")
    assert "finished before" not in run("sweep", "s.toml", "--out", "s.nc")


def test_claims_and_figures_of_the_file_are_judged_and_drawn(run: Run, tmp_path: Path) -> None:
    verdicts = json.loads(run("verify", "--json"))
    assert [one["claim"] for one in verdicts] == ["doe2026/decays", "doe2026/holds"]
    assert {one["verdict"] for one in verdicts} == {"consistent"}
    assert all(one["bound"]["units_consistent"] for one in verdicts)
    run("verify", "doe2026/holds", "--report", "out", "--json")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "doe2026-gap.svg" in page  # the paper's own figure of the same run
    assert "tightrate verify doe2026/holds --paper doe.py" in page
    run("figure", "doe2026-gap", "--format", "svg", "--out", "figures")
    assert (tmp_path / "figures" / "doe2026-gap.svg").is_file()
    (tmp_path / "doe.py").write_text(PAPER.replace("B^2/(2*q*eta*K*R)", "B^2/(2000*q*eta*K*R)"))
    output = run("verify", "doe2026/holds", status=1)
    assert "violated" in output
    assert "where " in output


def test_theorems_of_the_file_are_searched_and_held_against_worst_cases(run: Run, tmp_path: Path) -> None:
    (asked,) = json.loads(run("falsify", "doe2026/thm1", "--json"))  # no search is written for it
    assert (asked["verdict"], asked["expected"]) == ("consistent", "consistent")
    assert "No function of the class is worse" in asked["sentence"]
    (other,) = json.loads(run("falsify", "doe2026/thm2", "--json"))
    assert other["verdict"] == "not-applicable"
    assert "doe2026/decays" in other["sentence"]
    named = PAPER.replace('["eta*H <= 1"]', '["eta*H <= 1"], setting=Setting("lazy-sgd", {"sigma": 0, "zeta": 0})', 1)
    wrong = named.replace("2*q*eta*K*R", "16*q*eta*K*R").replace("as tr\n", f"as tr\n{SETTING}\n")
    (tmp_path / "doe.py").write_text(wrong)
    (refuted,) = json.loads(run("falsify", "doe2026/thm1", "--json", status=1))
    assert refuted["verdict"] == "violated"
    again = ("K=2", "R=2", "M=1", "eta=1", "--against", "doe2026/thm1", "--json")
    document = json.loads(run("worst-case", "lazy-sgd", *again, status=1))
    assert document["conclusion"] == "refuted"
    assert document["ratio"] == pytest.approx(16 * 4 / (4 * 4 + 2), rel=1e-6)


def test_a_theorem_of_the_file_is_held_against_exact_worst_cases(run: Run) -> None:
    """On one worker lazy steps are gradient descent with the step q eta, whose worst case is 1/(4 q eta K R + 2)."""
    sizes = {"K": 2, "R": 2, "M": 1, "eta": 0.5}
    given = [f"{name}={value}" for name, value in sizes.items()]
    against = ("--against", "doe2026/thm1", "--json")
    document = json.loads(run("worst-case", "lazy-sgd", *given, "q=0.5,1", *against))
    assert document["conclusion"] == ["certified at these sizes"] * 2
    assert document["ratio"] == pytest.approx([2 / 6, 4 / 10], rel=1e-6)
    one = json.loads(run("worst-case", "lazy-sgd", *given, "q=0.5", *against))
    assert (one["conclusion"], one["bound"]) == ("certified at these sizes", pytest.approx(0.5))
    makes, theorem = tr.ALGORITHMS["lazy-sgd"], tr.theorem("doe2026/thm1")
    by_name = tr.worst_case("lazy-sgd", q=0.5, **sizes, theorem="doe2026/thm1")
    as_function = tr.worst_case(makes, q=0.5, **sizes, theorem=theorem)
    sizes.pop("eta")
    as_object = tr.worst_case(makes(eta=0.5, q=0.5), **sizes, theorem=theorem)
    over = tr.worst_case(makes(eta=0.5, q=0.5), **{**sizes, "R": [1, 2]}, theorem=theorem)
    assert isinstance(over, xr.Dataset)
    for found in (by_name, as_function, as_object):
        assert isinstance(found, AgainstTheorem)
        assert (found.ratio, found.bound) == (one["ratio"], one["bound"])
        assert found.ratio == pytest.approx(float(over.ratio.sel(R=2)), rel=1e-6)
    with pytest.raises(TightrateError, match="is about lazy-sgd, not about local-sgd"):
        tr.worst_case("local-sgd", eta=0.5, **sizes, theorem=theorem)
    with pytest.raises(TightrateError, match="has its parameters already: leave q out"):
        tr.worst_case(makes(eta=0.5), q=0.5, **sizes)
    with pytest.raises(TightrateError, match="FederatedOptimization is not in the registry"):
        tr.worst_case(tr.ALGORITHMS["fedavg"](eta=0.5), **sizes, theorem=theorem)


def test_the_paper_is_unknown_without_the_option(run: Run) -> None:
    run("list", "papers")
    (module,) = paper_files.files()
    paper_files.forget(module)
    done = CliRunner().invoke(application(), ["show", "doe2026/thm1"], standalone_mode=False)
    assert isinstance(done.exception, TightrateError)


@pytest.mark.usefixtures("run")
def test_the_option_comes_first_wherever_it_stands() -> None:
    done = CliRunner().invoke(application(), ["show", "--paper", "doe.py", "doe2026/thm1"], standalone_mode=False)
    assert "Lazy steps count less" in done.output


def test_what_a_paper_prints_is_no_part_of_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when it is loaded, nor in its theorems, nor in its problems, here and in other processes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    assert CliRunner().invoke(application(), ["new-paper", "loud"]).exit_code == 0
    path = tmp_path / "loud.py"
    lines = path.read_text().replace('axes={"K": [1, 4, 16], "R": [4, 16, 64, 256]}', 'axes={"K": [1, 2], "R": [1, 2]}')
    lines = lines.replace("    return tr.Stated", "    print('SHOUT')\n    return tr.Stated")
    lines = lines.replace("    hessians = ", "    print('SHOUT')\n    hessians = ")
    path.write_text(f"print('SHOUT')\n{lines}")
    values = ("B=1", "eta=1", "K=1", "R=1")
    for arguments in (("verify", "--jobs", "1"), ("show", "loud/thm1"), ("evaluate", "loud/thm1", *values)):
        for module in paper_files.files():
            paper_files.forget(module)
        said = CliRunner().invoke(application(), [*arguments, "--json", "--paper", str(path)])
        assert json.loads(said.stdout)
        assert "SHOUT" in said.stderr
