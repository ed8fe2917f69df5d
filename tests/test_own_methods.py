"""Methods that are not in the catalogue, each in one file written from the documentation, under every command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
import xarray as xr
from typer.testing import CliRunner

import tightrate as tr
from tightrate.command_line import application
from tightrate.common.errors import TightrateError
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.own_papers import load_paper

FILES = Path(__file__).parent / "own_methods"


class Case(NamedTuple):
    """A paper of a method, one of its statements with the trial that tries it, and values for both."""

    method: str
    theorem: str
    trial: str
    problem: str
    values: str
    engine: str
    worst: str  # values for the exact worst case, or why there is none


QUADRATICS = "L=1 mu=0.1 M=4 d=3 tau=0 zeta_star=0 B=1"
CASES = {
    "feddyn": Case(
        "feddyn",
        "optimum",
        "optimum-is-fixed",
        "random-quadratics",
        "L=1 mu=1 M=4 d=3 tau=0 zeta_star=1 B=1 K=inf w=1.5",
        "exact",
        "K=2 R=2 M=2 eta=0.5 w=1",
    ),
    "mime": Case(
        "mime", "equal", "holds", "random-quadratics", f"{QUADRATICS} K=2 eta=0.5", "exact", "K=1 R=2 M=1 eta=0.5"
    ),
    "ef21": Case(
        "ef21", "pl", "holds", "random-quadratics", f"{QUADRATICS} K=1 eta=0.1 k=2", "sample", "needs a method that is"
    ),
    "fednova": Case(
        "fednova",
        "equal",
        "holds",
        "random-quadratics",
        f"{QUADRATICS} K=4 eta=0.25",
        "exact",
        "K=2 R=1 M=2 eta=0.25 most=2",
    ),
    "gossip": Case(
        "ring-sgd", "equal", "holds", "random-quadratics", f"{QUADRATICS} K=2 eta=0.25", "exact", "K=1 R=2 M=3 eta=0.5"
    ),
    "compressed": Case(
        "compressed-proxskip",
        "thm",
        "holds",
        "two-diagonals",
        "L=1 mu=0.2 K=1 eta=0.5 p=0.5 q=0.5",
        "sample",
        "draws",
    ),
    "randomk": Case(
        "random-k-sgd", "thm", "holds", "random-quadratics", f"{QUADRATICS} K=4 eta=0.5", "sample", "draws"
    ),
}


FEW = pytest.mark.parametrize(
    "paper", [name if name == "fednova" else pytest.param(name, marks=pytest.mark.soak) for name in CASES]
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def run(paper: str, *arguments: str, status: int = 0) -> str:
    """What a command prints that knows the paper."""
    done = CliRunner().invoke(application(), [*arguments, "--paper", str(FILES / f"{paper}.py")], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    assert (done.return_value or 0) == status, done.output
    return done.output


@FEW
def test_a_method_of_ones_own_is_listed_shown_evaluated_and_compared(paper: str) -> None:
    case = CASES[paper]
    theorem = f"{paper}/{case.theorem}"
    for kind, name in (("theorems", theorem), ("algorithms", case.method), ("claims", f"{paper}/{case.trial}")):
        assert name in [row["id"] for row in json.loads(run(paper, "list", kind, "--json"))]
    assert "Algorithm" in run(paper, "show", case.method) or "<-" in run(paper, "show", case.method)
    assert "upper bound, with its constants" in run(paper, "show", theorem)
    given = dict(value.split("=") for value in case.values.split() if value.partition("=")[0] not in ("d", "tau"))
    at = [f"{name}={value}" for name, value in {**given, "B": "1", "sigma": "0", "zeta_star": "1"}.items()]
    document = json.loads(run(paper, "evaluate", theorem, *at, "R=4", "--json"))
    assert 0 < document["value"] < 10
    relation = json.loads(run(paper, "compare", theorem, "B^2", "--json"))["relation"]
    assert relation in ("A<=B", "undecided", "incomparable")
    assert "In the catalogue" in run(paper, "check-bound", "B^2", "--measure", "squared-distance")
    assert "rounds" in run(paper, "rounds", theorem, *at, "eps=0.5")


@FEW
def test_a_method_of_ones_own_is_simulated_swept_and_fitted(paper: str) -> None:
    case = CASES[paper]
    theorem = f"{paper}/{case.theorem}"
    values = case.values.split()
    again = ("simulate", case.method, case.problem, *values, "R=8", "replicas=32", "--json")
    document = json.loads(run(paper, *again))
    assert (document["method"], document["status"]) == (case.engine, "ok")
    assert json.loads(run(paper, *again)) == document
    given = "\n".join(value.replace("=", " = ") for value in values)
    load_paper(FILES / f"{paper}.py")
    measure = tr.theorem(theorem).bound.measure.name
    Path("s.toml").write_text(
        f'algorithm = "{case.method}"\nproblem = "{case.problem}"\ntheorem = "{theorem}"\nmeasures = ["{measure}"]\n'
        f"replicas = 32\n[axes]\nR = [2, 4, 8, 16]\n[parameters]\n{given}\n"
    )
    swept = run(paper, "sweep", "s.toml", "--out", "s.nc")
    assert "4 cells, 0 with diverged replicas" in swept
    mean = xr.load_dataset("s.nc", engine="scipy")[f"{measure}_mean"]
    assert (mean.diff("R") < 0).all()
    fitted = json.loads(run(paper, "exponents", "s.nc", "--theorem", theorem, "--figure", "s.svg", "--json"))
    assert fitted["verdict"] in ("consistent", "inconclusive")  # it is true, and its range may be short
    assert Path("s.svg").is_file()


@FEW
def test_a_method_of_ones_own_is_judged_searched_and_published(paper: str) -> None:
    case = CASES[paper]
    theorem = f"{paper}/{case.theorem}"
    found = json.loads(run(paper, "verify", "--report", "out", "--json"))
    assert all(one["verdict"] in (one["expected"], "confirmed") for one in found)
    assert case.method in Path("out/index.html").read_text()
    searched = json.loads(run(paper, "falsify", theorem, "--evaluations", "8", "--json"))
    assert all(one["verdict"] in ("consistent", "not-applicable", "inconclusive") for one in searched)


def test_figures_of_a_paper_are_its_own_unless_others_are_named() -> None:
    run("fednova", "figure", "--format", "svg", "--out", "figures")
    assert sorted(path.name for path in Path("figures").glob("*.svg")) == ["fednova-distance.svg"]
    with pytest.raises(
        TightrateError, match=r"mime.py has no figures of its own .*verify --report DIR draws its trials"
    ):
        run("mime", "figure", "--out", "figures")


def test_constant_arrays_of_a_state_are_no_part_of_its_moments() -> None:
    """FedNova keeps every worker's number of steps: the closed form is the run itself."""
    load_paper(FILES / "fednova.py")
    problem = tr.PROBLEMS["random-quadratics"](L=1.0, mu=0.1, M=4, d=3, tau=0.5, zeta_star=1.0, B=1.0, seed=3)
    for clients in (None, 2):
        rule = tr.ALGORITHMS["fednova"](eta=0.2)
        exact = exact_moments(rule, problem, K=4, R=6, clients=clients)
        run = sample(rule, problem, K=4, R=6, clients=clients, replicas=1 if clients is None else 4000)
        found = ((run.last - problem.optimum) ** 2).sum(axis=-1)
        error = 0.0 if clients is None else found.std() / len(found) ** 0.5
        assert abs(found.mean() - exact.last.squared_distance[0]) <= 1e-12 + 5 * error


def test_moments_of_a_method_whose_choices_are_no_coins_are_sampled() -> None:
    load_paper(FILES / "randomk.py")
    values = {"L": 1.0, "mu": 0.1, "M": 2, "d": 2, "eta": 0.5, "K": 3, "R": 2, "replicas": 8}
    assert tr.simulate("random-k-sgd", "random-quadratics", values).method == "sample"
