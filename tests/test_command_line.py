"""The command line as a person and as a program meets it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tightrate.common.registry
from tightrate.command_line import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process: exit status, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tightrate", *arguments])
        with pytest.raises(SystemExit) as exit_info:
            main()
        captured = capsys.readouterr()
        assert isinstance(exit_info.value.code, int)
        return exit_info.value.code, captured.out, captured.err

    return call


@pytest.mark.parametrize("kind", ["papers", "theorems", "problems", "algorithms", "claims", "figures"])
def test_every_kind_can_be_listed(run: Run, kind: str) -> None:
    status, out, _ = run("list", kind)
    assert status == 0
    assert len(out.splitlines()) > 1
    status, out, _ = run("list", kind, "--json")
    assert status == 0
    assert json.loads(out)


def test_show_is_in_the_alphabet(run: Run) -> None:
    status, out, _ = run("show", "patel2024/prop7-constant")
    assert status == 0
    assert "108 R" in out
    assert "L B²" in out
    assert "the paper writes H for L" in out
    assert "proved by the authors of this toolkit" in out


@pytest.mark.parametrize(
    "line",
    [
        ("show", "patel2024/thm22-explicit"),
        ("show", "patel2024/k-does-not-help"),
        ("list", "claims", "patel2024/k-does-not-help"),
        ("evaluate", "patel2024/prop7-any-machines", "L=1", "B=1", "R=9"),
    ],
)
def test_a_papers_own_letters_are_shown_a_whole_line_at_a_time(run: Run, line: tuple[str, ...]) -> None:
    own = run(*line, "--letters", "paper")[1].partition("is our")[0]
    usual = run(*line)[1].partition("the paper writes")[0]
    words = {name: set(re.findall(r"[^\W\d_]+", out)) for name, out in (("own", own), ("usual", usual))}
    assert "H" in words["own"] - words["usual"]
    assert "L" in words["usual"] - words["own"]


def test_letters_of_a_paper_where_there_is_none_are_refused(run: Run) -> None:
    for line in (("show", "local-sgd"), ("list", "papers")):
        status, out, error = run(*line, "--letters", "paper")
        assert (status, out) == (2, "")
        assert "no single paper" in error


def test_show_json_has_the_contracts_keys_and_exact_exponents(run: Run) -> None:
    _, out, _ = run("show", "patel2024/thm27", "--json")
    page = json.loads(out)
    for key in ("id", "kind", "constants", "measure", "terms", "conditions", "provenance", "reference"):
        assert key in page
    assert page["units_consistent"] is True
    statistical = next(term for term in page["terms"] if term["name"] == "statistical")
    assert statistical["exponents"] == {"K": "-1", "M": "-1", "R": "-1", "mu": "-1", "sigma": "2"}


def test_evaluate(run: Run) -> None:
    _, out, _ = run("evaluate", "patel2024/prop7-constant", "L=2", "B=3", "R=10", "eta=0.1", "--json")
    document = json.loads(out)
    assert document["value"] == pytest.approx(2 * 9 / 1080)
    statuses = {condition["status"] for condition in document["conditions"]}
    assert statuses <= {"holds", "fails", "unknown"}
    assert "holds" in statuses


def test_simulate_json_agrees_with_the_closed_form(run: Run) -> None:
    arguments = ["cosine=0.9", "eta=0.5", "gamma=1.5", "K=4", "R=7", "L=2", "B=3"]
    _, simulated, _ = run("simulate", "local-sgd", "rank-one-pair", *arguments, "--method", "sample", "--json")
    _, evaluated, _ = run("evaluate", "patel2024/prop7-exact", *arguments, "--json")
    document = json.loads(simulated)
    assert document["method"] == "sample"
    assert document["status"] == "ok"
    assert document["measures"]["gap"]["mean"] == pytest.approx(json.loads(evaluated)["value"], rel=1e-10)


def test_names_lists_and_flags_are_read_as_their_defaults_are(run: Run) -> None:
    from tightrate.constructions.random_quadratics import random_quadratics
    from tightrate.simulator.algorithm import ALGORITHMS
    from tightrate.simulator.sampled.sampling import sample

    for algorithm, given, meant in (
        ("savic", ["scaling=oasis", "client_local=true"], {"scaling": "oasis", "client_local": True}),
        ("savic", ["client_local=0"], {"client_local": False}),
        ("blended", ["strategies=sgd,adam", "weights=1,1/2"], {"strategies": ("sgd", "adam"), "weights": (1.0, 0.5)}),
        ("blended", ["strategies=adam", "steps=2"], {"strategies": ("adam",), "steps": (2,)}),
        ("fedada2-plus-plus", ["cover=0,1;2,3", "lam=0.5"], {"cover": ((0, 1), (2, 3)), "lam": 0.5}),
    ):
        status, out, err = run("simulate", algorithm, "random-quadratics", "eta=0.1", "K=3", "R=2", *given, "--json")
        assert (status, err) == (0, "")
        rule = ALGORITHMS[algorithm](eta=0.1, **meant)
        replicas = 64 if rule.uses_curvature else 1  # curvature is probed in random directions
        direct = sample(rule, random_quadratics(), K=3, R=2, replicas=replicas)
        assert json.loads(out)["measures"]["gap"]["mean"] == pytest.approx(direct.gaps[:, -1].mean(), rel=1e-13)


def test_rows_are_sampled_from_the_command_line(run: Run) -> None:
    arguments = ["eta=.1", "K=2", "R=2", "batch=2", "replicas=2", "--noise", "rows", "--json"]
    status, out, _ = run("simulate", "local-sgd", "logistic-regression", *arguments)
    assert (status, json.loads(out)["params"]["batch"]) == (0, 2)


def test_what_does_not_fit_the_memory_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("tightrate.simulator.by_name.construct", full)
    status, out, err = run("simulate", "local-sgd", "random-quadratics", "eta=1", "K=1", "R=1")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert "does not fit the memory" in err


@pytest.mark.parametrize("module", ["tightrate.rates.pages.paper_pages", "tightrate.simulator.algorithm_pages"])
def test_help_of_a_page_writer_writes_nothing(module: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", module, "--help"]
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(f"usage: python -m {module} ")
    assert not list(tmp_path.iterdir())


def test_infinity_and_divergence_in_json(run: Run) -> None:
    _, out, _ = run("simulate", "local-sgd", "rank-one-pair", "cosine=0.9", "eta=1", "K=inf", "R=2", "--json")
    assert json.loads(out)["params"]["K"] == "inf"
    status, out, _ = run("simulate", "local-sgd", "random-quadratics", "eta=1e6", "K=9", "R=99", "sigma=1", "--json")
    document = json.loads(out)
    assert status == 0
    assert document["status"] == "diverged"
    assert document["measures"]["gap"] == {"mean": None, "stderr": None}


def test_the_counterexample_ends_with_one_sentence(run: Run) -> None:
    status, out, _ = run("counterexample")
    assert status == 0
    assert "K = ∞" in out
    assert " ".join(out.split()).endswith("however many rounds it gets.")


def test_verify_prints_a_report_card_and_json(run: Run) -> None:
    status, out, _ = run("verify", "patel2024/k-does*", "patel2024/coordinate-pair")
    assert status == 0
    assert "2 claims, every verdict as expected." in out
    status, out, _ = run("verify", "patel2024/k-does-not-help", "--json")
    (finding,) = json.loads(out)
    expected = ("claim", "theorem", "verdict", "expected", "statement", "predicted", "measured", "interval", "evidence")
    assert set(expected) <= set(finding)


def test_an_unexpected_verdict_exits_with_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from tightrate.verify.registry import CLAIMS

    name = "patel2024/k-does-not-help"
    twisted = {**CLAIMS.entries(), name: replace(CLAIMS[name], expected="violated")}
    original = tightrate.common.registry._entries
    monkeypatch.setattr("tightrate.common.registry._entries", lambda r: twisted if r.kind == "claim" else original(r))
    status, out, _ = run("verify", name)
    assert status == 1
    assert "UNEXPECTED (expected: violated)" in out


def test_sweep_writes_labelled_results(run: Run, tmp_path: Path) -> None:
    from tightrate.verify.cache.netcdf import load_dataset

    specification = tmp_path / "s.toml"
    specification.write_text(
        'algorithm = "local-sgd"\nproblem = "rank-one-pair"\n[axes]\nK = [1, 4]\nR = [1, 2, 3]\n'
        "[parameters]\ncosine = 0.5\neta = 0.5\n"
    )
    status, out, _ = run("sweep", str(specification), "--out", str(tmp_path / "s.nc"))
    assert status == 0
    assert "6 cells" in out
    assert load_dataset(tmp_path / "s.nc")["gap_mean"].sizes == {"K": 2, "R": 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command"),
        (["list", "theorem"], "did you mean 'theorems'"),
        (["show", "patel2024/prop8"], "did you mean"),
        (["show", "patel2023/prop7"], "did you mean"),
        (["show", "nothing*"], "unknown theorem"),
        (["evaluate", "patel2024/prop7", "L=1"], "missing value for B, R"),
        (["evaluate", "patel2024/prop7", "L=1", "B=1", "Rr=3"], "unknown letter 'Rr'"),
        (["evaluate", "patel2024/prop7", "L=1", "B=1", "R"], "is not NAME=VALUE"),
        (["evaluate", "patel2024/prop7", "L=x", "B=1", "R=1"], "L must be a number"),
        (["evaluate", "patel2024/prop7", "L=1", "L=1"], "given twice"),
        (["evaluate", "patel2024/prop7", "L=-1", "B=1", "R=1"], "L must be positive"),
        (["simulate", "local-sgd", "rank-one-pair", "cosine=2", "eta=1", "K=2", "R=2"], "cosine must lie in (0,1)"),
        (["simulate", "local-sgd", "rank-one", "cosine=0.5", "eta=1", "K=2", "R=2"], "did you mean 'rank-one-pair'"),
        (["simulate", "local-sgd", "rank-one-pair", "--method", "guess"], "unknown method"),
        (["simulate", "savic", "huber", "client_local=yes"], "client_local must be true or false, not 'yes'"),
        (["simulate", "savic", "huber", "scaling=adma", "eta=1", "K=1", "R=1"], "did you mean 'adam'"),
        (["simulate", "savic", "huber", "scaling=__import__('os')"], "scaling must be a name"),
        (["simulate", "blended", "huber", "weights=1,two"], "weights must be a number"),
        (["simulate", "fedada2-plus-plus", "huber", "cover=0;1,"], "cover must be a number"),
        (["simulate", "local-sgd", "huber", "etta=x"], "did you mean 'eta'"),
        (["simulate", "local-sgd", "huber", "eta=x"], "eta must be a number, a fraction such as 1/3"),
        (["simulate", "local-sgd", "huber", "--noise", "row"], "did you mean 'rows'"),
        (["verify", "patel2024/nothing"], "unknown claim"),
        (["verify", "--profile", "huge"], "unknown profile"),
        (["verify", "--seed", "-1"], "seed"),
        (["figure", "no-such-figure"], "unknown figure"),
        (["figure", "k-does-not-help", "--format", "gif"], "unknown format"),
        (["sweep", "missing.toml"], "cannot read"),
        (["new-paper", "a b"], "a paper's name is"),
        (["falsify", "x", "--seconds", "3"], "unknown theorem"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_two(run: Run, arguments: list[str], message: str) -> None:
    status, out, err = run(*arguments)
    assert status == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err


def test_values_read_from_the_command_line_are_never_code(run: Run) -> None:
    status, _, err = run("evaluate", "patel2024/prop7", "L=__import__('os')", "B=1", "R=1")
    assert (status, len(err.splitlines())) == (2, 1)
    status, _, err = run("evaluate", "patel2024/prop7", "L=1e999999999", "B=1", "R=1")
    assert (status, len(err.splitlines())) == (2, 1)
