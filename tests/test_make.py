"""make sets up its environment whole or not at all: with a stand-in for Python, every way in which that goes wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_runs import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")

STAND_IN = """#!/bin/sh
echo "$0 $*" >> {log}
case "$*" in
  "-c import sys; "*) exit 0 ;;
  "-c import venv, ensurepip") [ -z "$WITHOUT_VENV" ] || exit 1 ;;
  "-m venv "*) mkdir -p "$3/bin"; [ -z "$SLOW_VENV" ] || sleep 30
    printf 'command = %s -m venv %s\\n' "$0" "$PWD/$3" > "$3/pyvenv.cfg"
    cp "$0" "$3/bin/python"; for name in tightrate lint-imports; do cp "$0" "$3/bin/$name"; done ;;
  "-m pip --version") [ ! -e "$(dirname "$0")/no-pip" ] || exit 1 ;;
  *install*) echo "Collecting numpy"; [ -z "$NO_NETWORK" ] || exit 1 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "docs").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "python3").write_text(STAND_IN.format(log=tmp_path / "log"))
    (folder / "python3").chmod(0o755)
    return folder


def make(folder: Path, target: str = "reproduce", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", target, "PYTHON=./python3"],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def log(folder: Path) -> str:
    return (folder.parent / "log").read_text()


@pytest.mark.parametrize(
    ("target", "extra"), [("reproduce", ".[data]"), ("test", ".[test]"), ("lint", ".[lint]"), ("docs", ".[docs]")]
)
def test_every_target_installs_what_it_needs_once_and_says_how_it_goes(checkout: Path, target: str, extra: str) -> None:
    first = make(checkout, target)
    assert first.returncode == 0, first.stderr
    assert "Collecting numpy" in first.stdout
    assert log(checkout).count("install --") == 1
    assert f"--editable {extra}" in log(checkout)
    make(checkout, target)
    assert log(checkout).count("install --") == 1


def test_the_stamp_is_set_only_when_everything_is_there(checkout: Path) -> None:
    failed = make(checkout, NO_NETWORK="1")
    assert failed.returncode != 0
    assert "tightrate reproduce" not in log(checkout)
    assert make(checkout).returncode == 0
    assert log(checkout).count("install --") == 2
    assert log(checkout).count("-m venv") == 1


def test_an_environment_that_was_stopped_in_the_making_is_made_anew(checkout: Path) -> None:
    process = subprocess.Popen(
        ["make", "reproduce", "PYTHON=./python3"],
        cwd=checkout,
        env={**os.environ, "SLOW_VENV": "1"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 20
    while not (checkout / ".venv" / "bin").exists() and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(20)
    assert not (checkout / ".venv" / "pyvenv.cfg").exists()
    assert make(checkout).returncode == 0
    assert (checkout / ".venv" / ".ready").exists()


@pytest.mark.parametrize("damage", ["no pip", "no python", "copied"])
def test_a_broken_or_copied_environment_is_rebuilt(checkout: Path, damage: str) -> None:
    assert make(checkout).returncode == 0
    if damage == "copied":
        copy = checkout.parent / "copy"
        shutil.copytree(checkout, copy)
        checkout = copy
    elif damage == "no pip":
        (checkout / ".venv" / "bin" / "no-pip").touch()
    else:
        (checkout / ".venv" / "bin" / "python").unlink()
    os.utime(checkout / "pyproject.toml", (time.time() + 5,) * 2)
    assert make(checkout).returncode == 0
    assert log(checkout).count("-m venv") == 2


def test_a_copied_stamp_is_not_believed(checkout: Path) -> None:
    assert make(checkout).returncode == 0
    copy = checkout.parent / "copy"
    shutil.copytree(checkout, copy)
    assert make(copy).returncode == 0
    assert log(checkout).count("-m venv") == 2


def test_a_python_that_cannot_make_environments_names_the_package(checkout: Path) -> None:
    failed = make(checkout, WITHOUT_VENV="1")
    assert failed.returncode != 0
    assert "python3-venv" in failed.stderr
    assert not (checkout / ".venv").exists()
    missing = subprocess.run(
        ["make", "reproduce", "PYTHON=/nowhere/python3"], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert "needs Python 3.11 or newer" in missing.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_checkout_says_so(checkout: Path) -> None:
    checkout.chmod(0o555)
    try:
        failed = make(checkout)
    finally:
        checkout.chmod(0o755)
    assert f"{checkout} cannot be written" in failed.stderr
