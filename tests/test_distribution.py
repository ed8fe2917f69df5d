"""What is installed is one name, `tightrate`, beside which a user's own files of any name may lie."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("common", "rates", "constructions", "simulator", "verify", "figures")
SCRIPT = """
import tightrate as tr

print(tr.theorem("patel2024/prop7-constant").bound.at(L=1, B=1, R=10))
print(tr.simulate("local-sgd", "rank-one-pair", {"cosine": 0.5, "eta": 1.0, "K": 4, "R": 2}).method)
print(tr.judge(tr.CLAIMS["patel2024/coordinate-pair"], tr.Session()).verdict.status)
print(len(tr.FIGURES.names()) > 10)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints; its error where it fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder, whose files have the names of our rooms."""
    for name in ROOMS:
        (tmp_path / f"{name}.py").write_text('raise SystemExit("the user\'s own file was imported")\n')
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that has our dependencies, and nothing of ours."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    site_packages(place).joinpath("dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return place


def site_packages(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))


def install(environment: Path, *what: str | Path) -> None:
    python = environment / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", *what, cwd=environment)


def build(target: str, source: Path, into: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", into, cwd=source)
    (built,) = into.iterdir()
    return built


def test_a_wheel_made_from_the_sdist_has_one_name_and_runs_beside_the_users_own_files(
    folder: Path, environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sdist = build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    unpacked = tmp_path_factory.mktemp("unpacked")
    run("tar", "xzf", sdist, "-C", unpacked, cwd=unpacked)
    (source,) = unpacked.iterdir()
    install(environment, build("wheel", source, tmp_path_factory.mktemp("wheel")))
    names = {path.name for path in site_packages(environment).iterdir() if path.is_dir()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"tightrate"}
    assert (site_packages(environment) / "tightrate" / "py.typed").is_file()
    for name in ROOMS:
        assert (site_packages(environment) / "tightrate" / name / "__init__.py").is_file()
    printed = run(environment / "bin" / "python", "script.py", cwd=folder).split()
    assert printed == ["0.000925925925925926", "exact", "confirmed", "True"]
    shown = run(
        environment / "bin" / "tightrate", "evaluate", "patel2024/prop7-constant", "L=1", "B=1", "R=10", cwd=folder
    )
    assert "0.0009259" in shown


def test_an_editable_install_offers_tightrate_and_no_other_name(folder: Path, environment: Path) -> None:
    install(environment, "--no-build-isolation", "-e", ROOT)
    python = environment / "bin" / "python"
    assert (
        run(python, "-c", "import tightrate; print(tightrate.__file__)", cwd=environment).strip().startswith(str(ROOT))
    )
    for name in (*ROOMS, "tests", "docs"):
        code = f"import importlib.util; print(importlib.util.find_spec({name!r}))"
        assert run(python, "-c", code, cwd=environment).strip() == "None", name
    assert run(python, "script.py", cwd=folder).split()[0] == "0.000925925925925926"
