"""How commands end: signals, closed and full outputs, poor terminals; one line, the right status, nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from command_runs import COMMAND, environment, is_one_line, run_child

from tightrate.command_line import main
from tightrate.terminal.ending import ended
from tightrate.terminal.output import console, table
from tightrate.terminal.plain_letters import plain

LONG = """
algorithm = "local-sgd"
problem = "random-quadratics"
replicas = 100
[axes]
K = [1, 256]
R = [10, 20000, 40000]
[parameters]
sigma = 1.0
eta = 0.01
"""

RUN = (
    "simulate",
    "local-sgd",
    "random-quadratics",
    "eta=0.01",
    "K=100",
    "R=20000",
    "sigma=1",
    "replicas=1000",
    "--method",
    "sample",
)


@pytest.fixture(autouse=True)
def signals_are_heard() -> Iterator[None]:
    """Commands inherit what ignores a signal; whoever runs the tests in the background ignores some."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def stopped(
    arguments: tuple[str, ...], number: signal.Signals, after: Callable[[subprocess.Popen[str]], None], folder: Path
) -> tuple[int, str]:
    """Status and standard error of a command whose whole process group gets a signal."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        after(process)
        os.killpg(process.pid, number)
        _, error = process.communicate(timeout=60)
        return process.returncode, error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def once_ours(wait: float) -> Callable[[subprocess.Popen[str]], None]:
    """So long after the first moment at which the program, no longer the interpreter that loads it, hears signals."""

    def waiting(process: subprocess.Popen[str]) -> None:
        caught = 0
        while not caught >> (signal.SIGTERM - 1) & 1 and process.poll() is None:
            told = Path(f"/proc/{process.pid}/status").read_text()
            caught = int(told.partition("SigCgt:")[2].split()[0], 16)
        time.sleep(wait)

    return waiting


@pytest.mark.soak
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_sweep_with_one_line_that_says_what_is_kept(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    (tmp_path / "s.toml").write_text(LONG)

    def working(process: subprocess.Popen[str]) -> None:
        """Both processes and the one that removes what they share."""
        while len(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()) < 3:
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(1.0)

    found, error = stopped(("sweep", "s.toml", "--jobs", "2"), number, working, tmp_path)
    assert (found, is_one_line(error)) == (status, True), error
    assert "finished cells are kept in s.nc.cells" in error
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux which signals a process hears")
@pytest.mark.parametrize("wait", [0.0, 0.03, 0.2, 1.0])
def test_a_signal_at_any_moment_prints_one_line(wait: float, tmp_path: Path) -> None:
    """From the first moment, while libraries still load."""
    status, error = stopped(RUN, signal.SIGINT, once_ours(wait), tmp_path)
    assert (status, is_one_line(error)) == (130, True), error


DEEP = """
import hashlib
from tightrate.terminal import ending
ending.SECONDS_TO_ANSWER = 0.2

def deep() -> int:
    print("computing", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # an hour without a handler, as eigenvectors of many rows take
    return 0

ending.leave(ending.ended(deep))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_of_a_library_ends_the_process(number: signal.Signals, status: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", DEEP],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "computing\n"
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, is_one_line(error)) == (status, True), error


def in_a_destructor() -> None:
    class Lossy:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    Lossy()


def under_a_bare_except() -> None:
    with suppress(BaseException):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("lost", [in_a_destructor, under_a_bare_except])
def test_a_signal_that_is_lost_is_raised_again(lost: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Libraries have destructors, callbacks and bare excepts, in which what a handler raises disappears."""

    def run() -> int:
        lost()
        time.sleep(60)
        return 0

    began = time.monotonic()
    assert ended(run) == 130
    assert time.monotonic() - began < 30
    assert is_one_line(capsys.readouterr().err)


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    """nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert ended(lambda: os.kill(os.getpid(), signal.SIGHUP) or 0) == 0  # type: ignore[func-returns-value]
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def shell(line: str, folder: Path) -> tuple[int, str]:
    """Status and standard error of a line for bash, $T the command."""
    text = f"T='{' '.join(COMMAND)}'; {line}"
    ran = subprocess.run(
        ["bash", "-c", text], env=environment(), cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    return ran.returncode, ran.stderr


@pytest.mark.parametrize(
    ("line", "status", "lines"),
    [
        ("set -o pipefail; $T list theorems | head -1", 0, 0),
        ("set -o pipefail; $T list theorems --json | head -c 1", 0, 0),
        ("set -o pipefail; $T show 'patel2024/*' | true", 0, 0),
        ("$T list papers > /dev/full", 2, 1),
        ("$T list papers --json > /dev/full", 2, 1),
        ("$T list papers >&-", 0, 0),
        ("$T list papers 2>&-", 0, 0),
        ("$T list no-such-kind 2>&-", 2, 0),
        ("$T list no-such-kind 2> /dev/full", 2, 0),
        ("$T list papers <&-", 0, 0),
    ],
)
def test_lost_outputs_end_quietly_with_the_right_status(line: str, status: int, lines: int, tmp_path: Path) -> None:
    found, error = shell(line, tmp_path)
    assert found == status, error
    assert error.count("\n") == lines, error


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminals_without_unicode_get_mathematics_in_plain_letters(encoding: str, tmp_path: Path) -> None:
    env = {"PYTHONIOENCODING": encoding, "COLUMNS": "100"}
    status, out, error = run_child("show", "patel2024/thm27", env=env, cwd=tmp_path, encoding=encoding, errors="strict")
    assert (status, error) == (0, "")
    assert "sigma" in out
    assert "?" not in out


def test_json_for_poor_terminals_is_the_same_document() -> None:
    documents = [
        json.loads(run_child("show", "patel2024/thm27", "--json", env={"PYTHONIOENCODING": encoding})[1])
        for encoding in ("utf-8", "ascii")
    ]
    assert documents[0] == documents[1]


@pytest.mark.parametrize("columns", ["0", "00", "1", "-5", "abc", "", "99999999999999999999"])
def test_any_width_prints_everything(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:  # what reports the test keeps its width
        patched.setenv("COLUMNS", columns)
        patched.setattr(sys, "argv", ["tightrate", "list", "papers"])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 0
    assert capsys.readouterr().out.count("\n") > 10


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("σ²ηL", "sigma^2 eta L"),
        ("√(MKR)", "sqrt(MKR)"),
        ("ζ⁎", "zeta*"),
        ("x₁₂ → x⁻¹", "x_12 -> x^-1"),
        ("a ≤ b ≥ c ≠ d", "a <= b >= c != d"),
        ("naïve – “quoted”", 'naive - "quoted"'),
    ],
)
def test_plain_letters(text: str, spelled: str) -> None:
    assert plain(text, "ascii") == spelled


@pytest.mark.parametrize(
    ("told", "shown"), [("0", 80), ("1", 20), ("9" * 30, 10_000), ("-4", 80), ("\u00b2", 80), ("\uff19x", 80), ("", 80)]
)
def test_terminals_of_any_size_are_written_for(told: str, shown: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the environment tells a size that is no number."""
    monkeypatch.setenv("COLUMNS", told)
    monkeypatch.setenv("LINES", told)
    opened = console()
    opened.file = StringIO()
    opened.print("word", table(("a",), [("b",)]))
    assert opened.width == shown or shown == 80  # else that of the terminal in which the tests run
    assert opened.file.getvalue().split() == ["word", "a", "b"]


def test_a_program_named_within_a_folder_that_is_gone_still_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr(sys, "argv", ["tightrate", "list", "papers"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert "patel2024" in capsys.readouterr().out
