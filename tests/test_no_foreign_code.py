"""No foreign code runs: neither modules in the current folder nor a copied checkout's original nor a read file."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from command_runs import ROOT, is_one_line, run_child
from typer.main import get_command

from tightrate.command_line import application
from tightrate.common.processes import SAFE, in_processes, safe_children
from tightrate.verify.cache.netcdf import save_dataset

PLANTED = (
    *("joblib", "numpy", "scipy", "numba", "xarray", "sympy", "matplotlib", "typer", "rich", "tightrate"),
    *("json", "random", "tempfile", "multiprocessing", "threadpoolctl", "sitecustomize", "usercustomize"),
    *("pybtex", "platformdirs", "clarabel", "sklearn", "distributed", "dask", "cloudpickle", "psutil", "stat"),
)
SPECIFICATION = """
algorithm = "local-sgd"
problem = "random-quadratics"
replicas = 2
[axes]
R = [1, 2]
sigma = [0.5, 1.0]
[parameters]
K = 2
eta = 0.1
"""
COMMANDS = [
    ("sweep", "s.toml", "--jobs", "2"),
    ("verify", "patel2024/lemma8", "patel2024/lemma37", "lee2024/strategies-fit", "--jobs", "2"),
    pytest.param(("figure", "scaling-factor", "cheng2024-clipping-bias", "--jobs", "2"), marks=pytest.mark.soak),
    pytest.param(("reproduce", "--jobs", "2"), marks=pytest.mark.soak),
    ("simulate", "local-sgd", "rank-one-pair", "cosine=0.9", "eta=1", "K=2", "R=2"),
    pytest.param(("worst-case", "local-sgd", "K=2", "R=1", "eta=1"), marks=pytest.mark.soak),
    ("check-bound", "L*B^2/R"),
    pytest.param(("compare", "patel2024/thm9", "L*B^2/R"), marks=pytest.mark.soak),
    pytest.param(("lint", "paper.tex"), marks=pytest.mark.soak),
    pytest.param(("list", "theorems"), marks=pytest.mark.soak),
    pytest.param(("show", "patel2024/prop7"), marks=pytest.mark.soak),
    pytest.param(("evaluate", "patel2024/prop7-constant", "L=1", "B=1", "R=10"), marks=pytest.mark.soak),
    pytest.param(("rounds", "koloskova2020/convex", "eps=0.1"), marks=pytest.mark.soak),
    pytest.param(("falsify", "khaled2025/thm2", "--evaluations", "2"), marks=pytest.mark.soak),
    pytest.param(("new-paper", "doe2026"), marks=pytest.mark.soak),
    pytest.param(("exponents", "kept.nc"), marks=pytest.mark.soak),
    pytest.param(("counterexample",), marks=pytest.mark.soak),
]


def test_every_command_is_among_these() -> None:
    tried = {(getattr(one, "values", None) or (one,))[0][0] for one in COMMANDS}
    assert tried == {*get_command(application()).commands}  # type: ignore[attr-defined]


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A folder with modules that leave a mark wherever they are imported."""
    for name in PLANTED:
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'MARK')!r}, 'a').write({name!r} + '\\n')\nraise SystemExit(77)\n"
        )
    (tmp_path / "s.toml").write_text(SPECIFICATION)
    (tmp_path / "paper.tex").write_text("$L B^2/R$")
    kept = xr.Dataset(
        {
            "gap_mean": ("R", 1 / np.array([16.0, 64, 256])),
            "gap_stderr": ("R", np.zeros(3)),
            "replicas": ("R", [0] * 3),
        },
        {"R": [16.0, 64, 256]},
    )
    save_dataset(kept, tmp_path / "kept.nc")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_no_command_imports_from_the_current_folder(command: tuple[str, ...], planted: Path) -> None:
    status, _, error = run_child(*command, cwd=planted)
    assert not (planted / "MARK").exists(), (planted / "MARK").read_text()
    assert "Traceback" not in error
    assert status == 0, error


def test_the_planted_modules_would_leave_their_mark(planted: Path) -> None:
    """The test above can fail: without the safe path a child imports them."""
    import subprocess

    for environment in ({}, SAFE):
        env = {key: value for key, value in os.environ.items() if key not in SAFE} | environment
        subprocess.run([sys.executable, "-c", "import joblib"], cwd=planted, env=env, capture_output=True, check=False)
        assert (planted / "MARK").exists() == (environment == {})
        (planted / "MARK").unlink(missing_ok=True)


def test_workers_are_safe_and_the_environment_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module("joblib")  # which sets a variable of its own
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    before = dict(os.environ)
    with safe_children():
        assert (os.environ["PYTHONSAFEPATH"], os.environ["PYTHONWARNINGS"]) == ("1", "default")
    assert dict(os.environ) == before
    results = in_processes(os.getpid, [()] * 3, 8)
    next(results)
    results.close()
    assert dict(os.environ) == before


def test_a_copied_checkout_does_not_run_the_originals_code(tmp_path: Path) -> None:
    """The command of a copied environment belongs to the original; it says so instead of running its code."""
    command = tmp_path / "copy" / ".venv" / "bin" / "tightrate"
    command.parent.mkdir(parents=True)
    command.write_text("import sys\nfrom tightrate.command_line import main\nsys.exit(main())\n")
    import subprocess

    def run() -> tuple[int, str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(
            [sys.executable, "-P", str(command), "list", "papers"], env=env, capture_output=True, text=True, check=False
        )
        return ran.returncode, ran.stderr

    assert run()[0] == 0  # an environment of its own, beside no checkout
    (tmp_path / "copy" / "tightrate").mkdir()
    shutil.copy(ROOT / "tightrate" / "command_line.py", tmp_path / "copy" / "tightrate")
    status, error = run()
    assert status == 2
    assert is_one_line(error)
    assert str(ROOT) in error


def test_the_documentation_says_what_does_run_code() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    for said in ("`--paper FILE.py`, on any command, runs that file", "pickle"):
        assert said in text
