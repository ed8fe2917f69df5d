"""Methods that are not in the catalogue, each in one file written from the documentation, under every command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
import xarray as xr
from typer.testing import CliRunner

from tightrate.command_line import app
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


@pytest.fixture(params=CASES)
def paper(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return str(request.param)


def run(paper: str, *arguments: str, status: int = 0) -> str:
    """What a command prints that knows the paper."""
    done = CliRunner().invoke(app, [*arguments, "--paper", str(FILES / f"{paper}.py")], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    assert (done.return_value or 0) == status, done.output
    return done.output


def test_a_method_of_ones_own_is_listed_shown_evaluated_and_compared(paper: str) -> None:
    case = CASES[paper]
    theorem = f"{paper}/{case.theorem}"
    for kind, name in (("theorems", theorem), ("algorithms", case.method), ("claims", f"{paper}/{case.trial}")):
        assert name in [row["id"] for row in json.loads(run(paper, "list", kind, "--json"))]
    assert "Algorithm" in run(paper, "show", case.method) or "<-" in run(paper, "show", case.method)
    assert "upper bound, with its constants" in run(paper, "show", theorem)
    at = [value for value in case.values.split() if value.partition("=")[0] not in ("M", "d", "tau", "zeta_star")]
    document = json.loads(run(paper, "evaluate", theorem, *at, "R=4", "zeta_star=1", "--json"))
    assert 0 < document["value"] < 10
    relation = json.loads(run(paper, "compare", theorem, "B^2", "--json"))["relation"]
    assert relation in ("A<=B", "undecided", "incomparable")
    assert "In the catalogue" in run(paper, "check-bound", "B^2", "--measure", "squared-distance")
    assert "rounds" in run(paper, "rounds", theorem, *at, "zeta_star=1", "eps=0.5")


def test_a_method_of_ones_own_is_simulated_swept_and_fitted(paper: str) -> None:
    case = CASES[paper]
    theorem = f"{paper}/{case.theorem}"
    values = case.values.split()
    again = ("simulate", case.method, case.problem, *values, "R=8", "replicas=32", "--json")
    document = json.loads(run(paper, *again))
    assert (document["method"], document["status"]) == (case.engine, "ok")
    assert json.loads(run(paper, *again)) == document
    given = "\n".join(value.replace("=", " = ") for value in values)
    measure = load_paper(FILES / f"{paper}.py").STATED.measure
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


def test_a_method_of_ones_own_is_judged_searched_and_published(paper: str) -> None:
    case = CASES[paper]
    theorem = f"{paper}/{case.theorem}"
    found = json.loads(run(paper, "verify", "--report", "out", "--json"))
    assert all(one["verdict"] in (one["expected"], "confirmed") for one in found)
    assert case.method in Path("out/index.html").read_text()
    searched = json.loads(run(paper, "falsify", theorem, "--evaluations", "8", "--json"))
    assert all(one["verdict"] in ("consistent", "not-applicable", "inconclusive") for one in searched)
