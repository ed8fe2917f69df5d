"""Whatever is typed: no traceback, no waiting, no file that was not named.  Two thousand lines in `make soak`.

Lines are drawn from the commands themselves: each has its own arguments and options, each of which has a grammar here.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from command_runs import is_one_line
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tightrate.command_line import application, main
from tightrate.common import paper_files
from tightrate.verify.cache.netcdf import save_dataset
from tightrate.verify.new_paper import new_paper
from tightrate.verify.sweep.run import read_sweep, run_sweep

SECONDS = 10.0  # of the processor, for any one line
QUICK, LONG = 8, 2000

# What is typed

numbers = st.one_of(
    st.integers(-3, 40).map(str),
    st.floats(allow_nan=True, width=32).map(repr),
    st.sampled_from(
        [
            *("inf", "-inf", "nan", "1/3", "1/0", "1e3", "1e308", "1e-320", "1_0", "１２", "", "0x1", "9" * 400, "eta"),
            "1,2;3",
        ]
    ),
)
letters = st.sampled_from(
    ["K", "R", "M", "d", "L", "mu", "B", "sigma", "eta", "gamma", "tau", "cosine", "lam", "lambda"]
)
names = letters | st.sampled_from(["seed", "replicas", "clients", "split", "file", "x" * 300, "", "é", "__class__"])
small = st.sampled_from(["K=1", "K=2", "R=1", "R=3", "eta=0.1", "eta=1", "M=2", "sigma=1", "replicas=2", "cosine=0.5"])
values = small | st.builds("{}={}".format, names, numbers) | st.sampled_from(["K", "=", "K=1=2", "=1"])
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
    ["patel2024/prop7-constant", "patel2024/prop7", "koloskova2020/convex", "khaled2025/thm2", "own/thm1", "a/b", "["]
)
algorithms = st.sampled_from(["local-sgd", "fedadam", "savic", "local-adam", "sgd", "none", ""])
problems = st.sampled_from(
    ["random-quadratics", "rank-one-pair", "huber", "parity-chain", "logistic-regression", "p.toml", "none"]
)
measures = st.sampled_from(["gap", "squared-distance", "squared-gradient", "gap,gap", ",", "nothing"])
outputs = st.sampled_from(["last", "average", "weighted", "random", "auxiliary", "first"])
hypotheses = st.builds("{} {} {}".format, formulas, st.sampled_from([">=", "<=", "=", "<~", "~", "", "in"]), formulas)
FILES = (
    *("paper.tex", "macros.tex", "table.txt", "s.toml", "deep.toml", "p.toml", "p.npz", "cut.npz", "s.nc", "cut.nc"),
    *("flipped.nc", "own.py", "raises.py", "exits.py", "broken.py", "bytes", "full/kept"),
)
PLACES = ("", ".", "none", "full", "none/none", "x" * 300, "/dev/null", "/dev/full", "/dev/zero", "link", "loop")
files = st.sampled_from([*FILES, *PLACES])


def likely(*often: str) -> st.SearchStrategy[str]:
    """These files more often than any others."""
    return st.sampled_from(often) | files


targets = st.sampled_from(["given/out", "given/out.json", "given/out.png", "given/out.svg"]) | files
whole_numbers = st.integers(1, 3).map(str) | numbers

GRAMMAR: Mapping[str, st.SearchStrategy[str]] = {
    "--along": st.sampled_from(["K", "R", "K,R", "K R", "K R^-1", "K^2 R", "", ",", "M", "K K"]) | texts,
    "--against": theorems,
    "--algorithm": algorithms,
    "--class": st.sampled_from(["common-optimum", "heterogeneous", "one-worker", "none"]),
    "--columns": whole_numbers,
    "--constants": st.sampled_from(["explicit", "hidden", "hidden with logs", "none"]),
    "--evaluations": st.sampled_from(["1", "2", "0", "x"]),
    "--figure": targets,
    "--file": likely("table.txt"),
    "--format": st.sampled_from(["pdf", "png", "svg,pdf", "", ",", "gif", "pdf,pdf"]),
    "--from": likely("s.nc"),
    "--from-bound": formulas | texts,
    "--given": hypotheses | texts,
    "--jobs": whole_numbers,
    "--kind": st.sampled_from(["upper", "lower", "exact", "theorems", "papers", "noises", "none", "*"]),
    "--letters": st.sampled_from(["H=L", "H=L,N=M", "L=L", "=", "H", "H=", "x=L", "patel2024", "paper", "alphabet"])
    | texts,
    "--limit": st.sampled_from(["1", "1e-9", "0", "-1", "x"]),
    "--macros": likely("macros.tex"),
    "--measure": measures,
    "--method": st.sampled_from(["auto", "exact", "rounds", "sample", "guess"]),
    "--noise": st.sampled_from(["gaussian", "student", "rows", "none"]),
    "--of": st.sampled_from(["patel2024", "own", "*", "none"]),
    "--out": targets,
    "--output": outputs,
    "--paper": likely("own.py", "raises.py", "exits.py", "broken.py"),
    "--problem": likely("p.toml", "p.npz", "cut.npz"),
    "--profile": st.sampled_from(["quick", "full", "none"]),
    "--quantile": numbers,
    "--report": st.sampled_from(["given", "given/report"]) | files,
    "--sarif": targets,
    "--scheduler": st.sampled_from(["", "nowhere", "a:b:c", "::", "x"]),
    "--seconds": st.sampled_from(["0.1", "0", "-1", "nan", "inf", "x"]),
    "--seed": whole_numbers,
    "--theorem": theorems,
    "--tune": st.sampled_from(["eta", "eta,gamma", "K", ",", "none"]),
    "--witness": st.lists(values, max_size=4).map(" ".join),
    "algorithm": algorithms,
    "bound": formulas | theorems,
    "claims": st.sampled_from(["patel2024/lemma8", "own/holds", "no-such", "["]),
    "first": formulas | theorems,
    "second": formulas | theorems,
    "kind": st.sampled_from(["papers", "theorems", "claims", "figures", "algorithms", "symbols", "nothing"]) | texts,
    "name": st.sampled_from(["own", "doe2026", "K", "gap", "patel2024/prop7", "patel2024/*"]) | texts,
    "names": st.sampled_from(["sweep", "krm-sweep", "none", "*", "["]),
    "pattern": st.sampled_from(["*", "patel2024/*", "step size"]) | texts,
    "problem": problems,
    "theorem_id": theorems,
    "values": values,
    "exponents file": likely("s.nc", "cut.nc", "flipped.nc"),
    "figure --family": st.sampled_from(["serif", "sans", "none"]),
    "lint files": likely("paper.tex", "own.py"),
    "sweep specification": likely("s.toml", "deep.toml"),
    "verify --report": st.sampled_from(["given", "given/report"]) | files,
    "worst-case values": small | st.builds("{}={}".format, names.filter(lambda name: name not in "KR"), numbers),
}
ENDLESS: Mapping[str, Sequence[str]] = {
    "counterexample": ["more"],
    "reproduce": ["--out", "full"],
    "figure": ["none"],
    "verify": ["no-such-claim"],
    "falsify": ["--evaluations", "1"],
}
"""What keeps commands short whose whole work takes minutes by design."""
READ_FORMULAS = ("compare", "check-bound", "rounds", "new-paper", "lint")  # which have budgets of their own
COMMANDS: Mapping[str, Any] = typer.main.get_command(application()).commands  # type: ignore[attr-defined]


def key(command: str, parameter: Any) -> str:
    """Under which name the grammar has a parameter."""
    name = str(parameter.opts[0])
    return f"{command} {name}" if f"{command} {name}" in GRAMMAR else name


def is_option(parameter: Any) -> bool:
    return str(parameter.opts[0]).startswith("-")


@st.composite
def lines(draw: st.DrawFn, command: str) -> list[str]:
    """A command with its arguments, some of its options, and now and then a word too many or too few."""
    words = [command]
    for one in COMMANDS[command].params:
        grammar = GRAMMAR.get(key(command, one))
        if is_option(one):
            if draw(st.integers(0, 3)) == 0:
                words += [one.opts[0]] if grammar is None else [one.opts[0], draw(grammar)]
        elif one.nargs == -1:
            words += draw(st.lists(grammar, min_size=int(one.required), max_size=6))
        elif one.required or draw(st.booleans()):
            words.append(draw(grammar))
    slip = draw(st.integers(0, 19))
    if slip == 0:
        words.insert(draw(st.integers(1, len(words))), draw(texts))
    elif slip == 1 and len(words) > 1:
        del words[draw(st.integers(1, len(words) - 1))]
    return [*words, *ENDLESS.get(command, ())]


QUICK_LINES = st.sampled_from([one for one in COMMANDS if one not in READ_FORMULAS]).flatmap(lines)
LINES = st.one_of(st.sampled_from(list(COMMANDS)).flatmap(lines), st.lists(texts, max_size=4))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_and_option_has_a_grammar(command: str) -> None:
    missing = [
        key(command, one)
        for one in COMMANDS[command].params
        if not (is_option(one) and one.is_flag) and key(command, one) not in GRAMMAR
    ]
    assert not missing


# What is answered


def answer_of(arguments: Sequence[str]) -> tuple[int, str, str, float]:
    """Status, standard output, standard error and processor time of a line, in this process."""
    out, error = io.StringIO(), io.StringIO()
    began = time.process_time()
    before, sys.argv = sys.argv, ["tightrate", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = before
        for module in paper_files.files():
            paper_files.forget(module)
    return int(ended.value.code or 0), out.getvalue(), error.getvalue(), time.process_time() - began


def check(template: Path, arguments: Sequence[str]) -> None:
    folder, here = template.parent / "place", Path.cwd()
    shutil.copytree(template, folder, symlinks=True)
    try:
        before = contents(folder)
        os.chdir(folder)
        try:
            status, out, error, seconds = answer_of(arguments)
        finally:
            os.chdir(here)
        after = contents(folder)
    finally:
        shutil.rmtree(folder)
    assert "Traceback" not in error + out, arguments
    assert status in (0, 1, 2), arguments
    assert status != 2 or is_one_line(error), (arguments, error)
    assert seconds < SECONDS, (arguments, seconds)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert not [name for name in changed if not may_change(name, arguments, before)], (arguments, changed)


WRITTEN = ("--out", "--sarif", "--report", "--figure")


def may_change(name: str, arguments: Sequence[str], before: Mapping[str, bytes]) -> bool:
    """Whether a file is an output that was named, or one where none was named, and nothing that was read."""
    words = list(zip(["", *arguments], arguments, strict=False))
    read = {word for option, word in words if option not in WRITTEN}
    named = [os.path.normpath(word) for option, word in words if option in WRITTEN]
    named += defaults(arguments) + (["linked"] if "link" in named else [])
    if name in before:
        return name in named and name not in read
    inside = tuple(f"{one}{end}" for one in named for end in ("/", ".cells/"))
    return "." in named or name in named or name.startswith(inside)


def defaults(arguments: Sequence[str]) -> list[str]:
    """What a command writes that is told no name."""
    stems = [Path(word).stem for word in arguments]
    found = {"sweep": [f"{one}.nc" for one in stems], "new-paper": [f"{one}.py" for one in stems]}
    return ["figures-out", *found.get(next(iter(arguments), ""), [])]


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


SPECIFICATION = """
algorithm = "local-sgd"
problem = "rank-one-pair"
method = "exact"
theorem = "patel2024/prop7-constant"
[axes]
K = [1, 2, 4]
R = [1, 2, 4]
[parameters]
eta = 0.5
cosine = 0.5
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of every kind that a command reads, whole and damaged."""
    place = tmp_path_factory.mktemp("fuzz") / "template"
    (place / "full").mkdir(parents=True)
    (place / "full" / "kept").write_text("kept")
    (place / "paper.tex").write_text(
        "$L B^2/R \\le \\frac{\\sigma}{K}$ and $x$, \\begin{tabular}{c} $1/K$ \\end{tabular}"
    )
    (place / "macros.tex").write_text("\\newcommand{\\gap}{F(x_R) - F^*}\\def\\L#1{\\L{#1}}\n")
    (place / "table.txt").write_text("one: L*B^2/R\ntwo: sigma*B/sqrt(M*K*R)\nthree\n")
    (place / "s.toml").write_text(SPECIFICATION)
    (place / "deep.toml").write_text(f"axes = {'[' * 5000}")
    (place / "p.toml").write_text("curvatures = [[1, 0.5], [0.2, 1]]\nminimizers = [[1, 0], [0, 1]]\n")
    np.savez(place / "p.npz", hessians=np.stack([np.eye(2)] * 2), minimizers=np.ones((2, 2)))
    (place / "cut.npz").write_bytes((place / "p.npz").read_bytes()[:200])
    save_dataset(run_sweep(read_sweep(place / "s.toml")), place / "s.nc")
    whole = (place / "s.nc").read_bytes()
    (place / "cut.nc").write_bytes(whole[: len(whole) // 2])
    (place / "flipped.nc").write_bytes(whole[:900] + bytes([whole[900] ^ 1]) + whole[901:])
    new_paper("own", place)
    (place / "raises.py").write_text("raise RuntimeError('two\\nlines')\n")
    (place / "exits.py").write_text("import sys\nsys.exit(3)\n")
    (place / "broken.py").write_text("def (:\n")
    (place / "bytes").write_bytes(bytes(range(256)))
    (place / "link").symlink_to("linked")
    (place / "loop").symlink_to("loop")
    return place


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


WITHOUT_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]  # a line is short as it is
SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=QUICK, suppress_health_check=SUPPRESSED)
@given(arguments=QUICK_LINES)
def test_a_sample_of_lines_is_answered(template: Path, arguments: list[str]) -> None:
    check(template, arguments)


@pytest.mark.soak
@settings(max_examples=LONG, suppress_health_check=SUPPRESSED, phases=WITHOUT_SHRINKING)
@given(arguments=LINES)
def test_two_thousand_lines_are_answered(template: Path, arguments: list[str]) -> None:
    check(template, arguments)
