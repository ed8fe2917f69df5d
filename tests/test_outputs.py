"""Outputs never destroy: inputs, devices, links and whatever stood there are safe, and nothing is left half-written."""

from __future__ import annotations

import json
import os
import resource
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from command_runs import is_one_line, run_child

from tightrate.command_line import main
from tightrate.common.errors import TightrateError
from tightrate.common.files import check_output, write_whole
from tightrate.verify.new_paper import new_paper

Run = Callable[..., tuple[int, str, str]]

SPECIFICATION = """
algorithm = "local-sgd"
problem = "rank-one-pair"
replicas = 2
[axes]
R = [1, 2]
[parameters]
K = 2
eta = 0.5
cosine = 0.5
sigma = 1.0
"""
SIMULATE = ("simulate", "local-sgd", "rank-one-pair", "cosine=0.5", "eta=1", "K=2", "R=2")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tightrate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "s.toml"
    path.write_text(SPECIFICATION)
    return path


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(answer: tuple[int, str, str]) -> bool:
    return answer[0] == 2 and is_one_line(answer[2])


@pytest.mark.parametrize("spelling", ["s.toml", "./s.toml", "../{0}/s.toml", "link", "hard", "s.nc"])
def test_a_specification_is_never_its_own_output(
    run: Run, spec: Path, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the file is called: by another path, through a link, or because its results would have its name."""
    folder = spec.parent
    monkeypatch.chdir(folder)
    (folder / "link").symlink_to("s.toml")
    os.link(spec, folder / "hard")
    arguments = ["s.toml", "--out", spelling.format(folder.name)]
    if spelling == "s.nc":
        spec.rename(folder / "s.nc")
        arguments = ["s.nc"]
    before = snapshot(folder)
    assert refused(run("sweep", *arguments))
    assert snapshot(folder) == before


def test_no_other_command_writes_over_what_it_reads(run: Run, tmp_path: Path) -> None:
    from tightrate.common.checksum import sealed

    functions = tmp_path / "f.json"
    content = {"points": [[[0.5]]], "slopes": [[[0.0]]], "values": [[0.25]], "L": 1.5, "mu": 0.5}
    functions.write_text(json.dumps({"functions": sealed(content)}))
    data = tmp_path / "krm-sweep.nc"
    data.write_bytes(b"CDF")
    before = snapshot(tmp_path)
    simulated = ("simulate", "local-sgd", "interpolated-functions", f"file={functions}", "eta=1", "K=1", "R=1")
    assert refused(run(*simulated, "--out", functions))
    assert refused(run("figure", "krm-sweep", "--from", data, "--out", tmp_path))
    assert snapshot(tmp_path) == before


READING: list[tuple[str, ...]] = [
    ("lint", "paper.tex", "--macros", "macros.tex", "--sarif"),
    ("simulate", "local-sgd", "K=1", "R=1", "eta=0.1", "--problem", "p.toml", "--out"),
    ("sweep", "s.toml", "--problem", "p.toml", "--out"),
    ("worst-case", "local-sgd", "K=1", "R=1", "eta=1", "--out"),
    ("exponents", "s.nc", "--figure"),
]


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_no_output_is_anything_that_the_same_command_reads(
    run: Run, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files, a paper of one's own and a module beside that: by their names and by links with any ending."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "paper.tex": "$L B^2/R$",
        "macros.tex": "",
        "p.toml": "curvatures = [[1, 0.5]]\nminimizers = [[1, 0]]\n",
        "s.toml": 'algorithm = "local-sgd"\n[axes]\nR = [1, 2]\n[parameters]\nK = 1\neta = 0.1\n',
        "s.nc": "CDF",
        "doe.py": "import beside\n",
        "beside.py": "",
    }.items():
        (tmp_path / name).write_text(text)
    inputs = [word for word in command if (tmp_path / word).is_file()] + ["doe.py", "beside.py"]
    for name in inputs:
        (tmp_path / f"{name}.png").symlink_to(name)
    before = snapshot(tmp_path)
    for name in inputs:
        for output in (f"{name}.png",) if command[0] == "exponents" else (name, f"{name}.png"):
            answer = run(*command, output, "--paper", "doe.py")
            assert refused(answer), (output, answer)
            assert "it is the input" in answer[2]
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("command", [SIMULATE, ("worst-case", "local-sgd", "K=2", "R=1", "eta=1"), ("sweep",)])
def test_devices_and_pipes_are_written_to_and_never_replaced(
    run: Run, command: tuple[str, ...], spec: Path, tmp_path: Path
) -> None:
    command = (*command, str(spec)) if command == ("sweep",) else command
    pipe, null = tmp_path / "pipe", tmp_path / "null"
    os.mkfifo(pipe)
    null.symlink_to("/dev/null")
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()), daemon=True)
    reader.start()
    status, _, error = run(*command, "--out", pipe)
    assert (status, error) == (0, "")
    reader.join(10)
    assert heard[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    for device in ("/dev/null", null):
        assert run(*command, "--out", device)[0] == 0
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert null.is_symlink()
    status, _, error = run(*command, "--out", "/dev/full")
    assert (status, "No space left" in error, is_one_line(error)) == (2, True, True)
    assert not Path("/dev/null.cells").exists()


def test_links_are_followed_and_permissions_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "kept.json", tmp_path / "link.json"
    link.symlink_to(target)
    for _ in range(2):  # a link to nothing yet, then to a file
        assert run(*SIMULATE, "--out", link)[0] == 0
        assert link.is_symlink()
        assert json.loads(target.read_text())["status"] == "ok"
        target.chmod(0o640)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert refused(run(*SIMULATE, "--out", loop))


OUTPUTS = {
    "empty": "",
    "a folder": ".",
    "too long": "x" * 256 + ".json",
    "below a file": "file/x.json",
    "below a device": "/dev/null/x.json",
    "in a file system of another kind": "/proc/x.json",
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_an_impossible_output_is_one_line_before_anything_runs(
    run: Run, kind: str, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = spec.parent
    monkeypatch.chdir(folder)
    (folder / "file").write_text("kept")
    before = snapshot(folder)
    monkeypatch.setattr("tightrate.simulator.simulate.simulate", lambda *_, **__: pytest.fail("it ran"))
    monkeypatch.setattr("tightrate.verify.sweep.run.run_sweep", lambda *_, **__: pytest.fail("it ran"))
    for command in (SIMULATE, ("sweep", str(spec)), ("worst-case", "local-sgd", "K=2", "R=1", "eta=1")):
        assert refused(run(*command, "--out", OUTPUTS[kind])), (command, kind)
    assert snapshot(folder) == before


def test_a_name_of_250_characters_is_written(run: Run, tmp_path: Path) -> None:
    assert run(*SIMULATE, "--out", tmp_path / ("x" * 250))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["x" * 250]


def test_a_read_only_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the operating system as anybody but root would hear it."""
    kept = tmp_path / "kept"
    kept.write_text("kept")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    for action in (lambda: check_output(kept), lambda: write_whole(kept, lambda part: part.write_text("new"))):
        with pytest.raises(TightrateError, match="read-only"):
            action()
    assert kept.read_text() == "kept"


def test_what_fails_or_is_stopped_leaves_what_was_there(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt(), ZeroDivisionError()):

        def write(part: Path, error: BaseException = error) -> None:
            part.write_text("half")
            raise error

        expected = TightrateError if isinstance(error, OSError) else type(error)
        with pytest.raises(expected):
            write_whole(kept, write)
        assert snapshot(tmp_path) == {"kept": b"kept"}


def no_file_may_grow() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize("command", [("new-paper", "doe2026"), (*SIMULATE, "--out", "out.json"), ("sweep", "s.toml")])
def test_a_full_disk_is_one_line_and_leaves_nothing(command: tuple[str, ...], spec: Path) -> None:
    before = snapshot(spec.parent)
    quiet = {"PYTHONDONTWRITEBYTECODE": "1"}  # what Python writes before it is deaf to the signal would kill it
    status, _, error = run_child(*command, cwd=spec.parent, preexec_fn=no_file_may_grow, env=quiet)
    assert (status, is_one_line(error)) == (2, True), error
    assert "File too large" in error
    assert snapshot(spec.parent) == before


@pytest.mark.parametrize("command", [("new-paper", "doe2026"), (*SIMULATE, "--out", "out.json"), ("sweep", "s.toml")])
def test_a_folder_that_is_gone_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()

    def leave() -> None:
        os.chdir(gone)
        os.rmdir(gone)

    status, _, error = run_child(*command, preexec_fn=leave)
    assert (status, is_one_line(error)) == (2, True), error


def test_a_paper_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "doe2026.py").symlink_to(tmp_path / "nowhere")
    with pytest.raises(TightrateError, match="is there already"):
        new_paper("doe2026", tmp_path)
    new_paper("roe2026", tmp_path)
    with pytest.raises(TightrateError, match="is there already"):
        new_paper("roe2026", tmp_path)


LONGER_THAN_NAMES = "x" * 300


@pytest.mark.parametrize(
    "command",
    [
        ("check-bound", "L*B^2", "--paper", LONGER_THAN_NAMES),
        ("figure", "k-does-not-help", "--out", LONGER_THAN_NAMES),
        ("figure", "k-does-not-help", "--from", LONGER_THAN_NAMES),
        ("reproduce", "--out", LONGER_THAN_NAMES),
        ("reproduce", "--out", f"{LONGER_THAN_NAMES}/report"),
        ("lint", "paper.tex", "--report", LONGER_THAN_NAMES),
        ("lint", "paper.tex", "--macros", LONGER_THAN_NAMES),
        ("lint", LONGER_THAN_NAMES),
        ("sweep", LONGER_THAN_NAMES),
        ("new-paper", "doe2026", "--out", LONGER_THAN_NAMES),
        ("new-paper", LONGER_THAN_NAMES),
    ],
    ids=" ".join,
)
def test_names_longer_than_the_file_system_takes_are_one_line(
    run: Run, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paper.tex").write_text("$L B^2/R$")
    status, out, error = run(*command)
    assert (status, out, is_one_line(error)) == (2, "", True), error
    assert [path.name for path in tmp_path.iterdir()] == ["paper.tex"]


def test_a_manuscript_may_include_any_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "paper.tex").write_text(f"\\input{{{LONGER_THAN_NAMES}}} $L B^2/R$")
    status, out, error = run("lint", tmp_path / "paper.tex")
    assert (status, error) == (0, "")
    assert "Traceback" not in out


def test_what_the_operating_system_refuses_nobody_expected_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As any library that opens a file does, when too many are open."""

    def refused(*_: object) -> None:
        raise OSError(24, "Too many open files", "/library/table")

    monkeypatch.setattr("tightrate.command_line._check_own_code", refused)
    status, out, error = run("list", "papers")
    assert (status, out, is_one_line(error)) == (2, "", True)
    assert "/library/table: Too many open files" in error


@pytest.mark.parametrize(
    "command",
    [
        ("figure", "krm-sweep", "--from", "none.nc", "--out", "new/figures"),
        ("sweep", "broken.toml", "--out", "new/results.nc"),
        ("lint", "paper.tex", "--letters", "H=", "--sarif", "new/findings.sarif"),
        ("simulate", "local-sgd", "rank-one-pair", "K=-1", "--out", "new/run.nc"),
        ("worst-case", "local-sgd", "K=-1", "--out", "new/worst.json"),
        ("new-paper", "doe2026", "--from-bound", "L*(", "--out", "new/papers"),
    ],
    ids=lambda command: command[0],
)
def test_what_is_refused_leaves_no_folder(
    run: Run, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paper.tex").write_text("$L B^2/R$")
    (tmp_path / "broken.toml").write_text("axes = 5")
    assert refused(run(*command))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.toml", "paper.tex"]


def test_a_place_that_can_be_written_is_asked_about_without_making_its_folders(tmp_path: Path) -> None:
    check_output(tmp_path / "new" / "deep" / "out")
    assert not list(tmp_path.iterdir())
    for impossible in (tmp_path / "new" / ("x" * 300) / "out", tmp_path / "new" / "deep" / ("x" * 300)):
        with pytest.raises(TightrateError, match="cannot write"):
            check_output(impossible)
    write_whole(tmp_path / "new" / "deep" / "out", lambda part: part.write_text("kept"))
    assert (tmp_path / "new" / "deep" / "out").read_text() == "kept"
