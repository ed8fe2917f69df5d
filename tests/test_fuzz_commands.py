"""Whatever is typed: no traceback, no waiting, no file that was not named.  Two thousand lines in `make soak`."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_runs import is_one_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tightrate.command_line import main

SECONDS = 10.0  # of the processor, for any one line
QUICK, LONG = 12, 2000

numbers = st.one_of(
    st.integers(-3, 40).map(str),
    st.floats(allow_nan=True, width=32).map(repr),
    st.sampled_from(
        [
            "inf",
            "-inf",
            "nan",
            "1/3",
            "1/0",
            "1e3",
            "1e308",
            "1e-320",
            "1_0",
            "１２",
            "",
            "0x1",
            "9" * 400,
            "eta",
            "1,2;3",
        ]
    ),
)
letters = st.sampled_from(
    ["K", "R", "M", "d", "L", "mu", "B", "sigma", "eta", "gamma", "tau", "cosine", "lam", "lambda"]
)
names = st.one_of(
    letters, st.sampled_from(["seed", "replicas", "clients", "split", "file", "x" * 300, "", "é", "__class__"])
)
values = st.builds("{}={}".format, names, numbers) | st.sampled_from(["K", "=", "K=1=2", "=1"])
small = st.sampled_from(["K=1", "K=2", "R=1", "R=3", "eta=0.1", "eta=1", "M=2", "sigma=1", "replicas=2", "cosine=0.5"])
formulas = st.recursive(
    st.sampled_from(["L", "B", "K", "R", "M", "sigma", "tau", "1", "2", "0", "1/2", "\\sigma", "inf", "x", "K_1"]),
    lambda inner: st.one_of(
        st.builds("({}{}{})".format, inner, st.sampled_from(["+", "*", "/", "-", "^", " ", ","]), inner),
        st.builds("sqrt({})".format, inner),
        st.builds("\\frac{{{}}}{{{}}}".format, inner, inner),
        st.builds("min({},{})".format, inner, inner),
        st.builds("{}^{{{}}}".format, inner, inner),
    ),
    max_leaves=6,
)
texts = st.text(max_size=20).filter(lambda text: "\x00" not in text) | formulas
theorems = st.sampled_from(
    [
        "patel2024/prop7-constant",
        "patel2024/prop7",
        "koloskova2020/convex",
        "khaled2025/thm2",
        "nothing",
        "a/b",
        "*",
        "[",
    ]
)
algorithms = st.sampled_from(["local-sgd", "fedadam", "savic", "local-adam", "sgd", "none", ""])
problems = st.sampled_from(
    ["random-quadratics", "rank-one-pair", "huber", "parity-chain", "logistic-regression", "none"]
)
kinds = st.sampled_from(["papers", "theorems", "claims", "figures", "algorithms", "problems", "nothing"])
options = {
    "--method": st.sampled_from(["auto", "exact", "rounds", "sample", "guess"]),
    "--output": st.sampled_from(["last", "average", "weighted", "random", "auxiliary", "first"]),
    "--noise": st.sampled_from(["gaussian", "student", "rows", "none"]),
    "--measure": st.sampled_from(["gap", "distance", "gap,gap", ",", "nothing"]),
    "--quantile": numbers,
    "--limit": st.sampled_from(["1", "1e-9", "0", "-1", "x"]),
    "--theorem": theorems,
}


def line(command: str, *parts: st.SearchStrategy[Sequence[str]]) -> st.SearchStrategy[list[str]]:
    """A command with its parts, and perhaps --json."""
    json = st.sampled_from([[], ["--json"]])
    return st.tuples(*parts, json).map(lambda chosen: [command, *(word for part in chosen for word in part)])


def one(part: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return part.map(lambda word: [word])


some_values = st.lists(st.one_of(small, values), max_size=6)
some_options = st.lists(
    st.sampled_from(sorted(options)).flatmap(lambda name: options[name].map(lambda value: (name, value))), max_size=2
).map(lambda pairs: [word for pair in pairs for word in pair])

LINES = st.one_of(
    line("simulate", one(algorithms), one(problems), some_values, some_options),
    line("evaluate", one(theorems), some_values),
    line("rounds", one(theorems), some_values),
    line("show", one(theorems)),
    line("list", one(kinds)),
    line("worst-case", one(algorithms), some_values),
    line("sweep", one(st.sampled_from(["s.toml", "none.toml", ".", ""])), st.just(["--jobs"]), one(numbers)),
    line("figure", one(texts), st.just(["--columns"]), one(numbers)),
    line("verify", one(texts.map(lambda text: f"no-such-claim {text}"))),
    line("falsify", one(theorems), st.just(["--evaluations", "1", "--witness"]), one(st.just("R=1 K=1"))),
    line("new-paper", one(texts), st.just(["--out", "given"])),
    line("lint", one(st.sampled_from(["paper.tex", "none.tex", "s.toml", "."]))),
    line("nothing", one(texts)),
    st.lists(texts, max_size=4),
)
READING = st.one_of(  # formulas, whose reader has budgets of its own
    line("check-bound", one(formulas)),
    line("compare", one(theorems | formulas), one(formulas)),
)


def answer_of(arguments: Sequence[str]) -> tuple[int, str, float]:
    """Status, standard error and processor time of a line, in this process."""
    out, error = io.StringIO(), io.StringIO()
    began = time.process_time()
    before, sys.argv = sys.argv, ["tightrate", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = before
    return int(ended.value.code or 0), error.getvalue(), time.process_time() - began


def check(folder: Path, arguments: Sequence[str]) -> None:
    here = Path.cwd()
    os.chdir(folder)
    try:
        before = contents(folder)
        status, error, seconds = answer_of(arguments)
        changed = {
            name for name in before.keys() | contents(folder).keys() if before.get(name) != contents(folder).get(name)
        }
    finally:
        os.chdir(here)
    assert "Traceback" not in error
    assert status in (0, 1, 2), arguments
    assert status != 2 or is_one_line(error), (arguments, error)
    assert seconds < SECONDS, (arguments, seconds)
    assert not [name for name in changed if not name.startswith(("given/", "s.nc"))], (arguments, changed)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "100")
    place = tmp_path / "place"
    place.mkdir()
    (place / "paper.tex").write_text("$L B^2/R \\le \\frac{\\sigma}{K}$ and $x$")
    (place / "s.toml").write_text(
        'algorithm = "local-sgd"\nproblem = "rank-one-pair"\nmethod = "exact"\n[axes]\nR = [1, 2]\n'
        "[parameters]\nK = 2\neta = 0.5\ncosine = 0.5\n"
    )
    return place


SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=QUICK, suppress_health_check=SUPPRESSED)
@given(arguments=LINES)
def test_a_sample_of_lines_is_answered(folder: Path, arguments: list[str]) -> None:
    check(folder, arguments)


@pytest.mark.soak
@settings(max_examples=LONG, suppress_health_check=SUPPRESSED)
@given(arguments=LINES | READING)
def test_two_thousand_lines_are_answered(folder: Path, arguments: list[str]) -> None:
    check(folder, arguments)
