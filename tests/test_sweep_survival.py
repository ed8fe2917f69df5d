"""Sweeps that are killed, run out of disk, find damaged files, or run elsewhere: the same bits in the end."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from joblib.externals.loky import reusable_executor
from typer.testing import CliRunner

from tightrate.command_line import application
from tightrate.common.errors import TightrateError
from tightrate.simulator.by_name import Problems
from tightrate.verify.cache.code_digest import reached, source_digest
from tightrate.verify.cache.netcdf import load_dataset, save_dataset
from tightrate.verify.sweep import cell_key as keys
from tightrate.verify.sweep import execution
from tightrate.verify.sweep.cell import Cell, Result, run_cell
from tightrate.verify.sweep.cell_key import cell_key, environment
from tightrate.verify.sweep.cell_store import CellStore
from tightrate.verify.sweep.plan import Plan
from tightrate.verify.sweep.run import Sweep, Tuned, read_sweep, run_sweep
from tightrate.verify.worst_case_sweep import worst_case

TUNED = """
algorithm = "local-sgd"
problem = "random-quadratics"
theorem = "patel2024/thm27-equal-quadratics"
output = "weighted"
replicas = 8
[axes]
K = [16, 17, 18, 19, 20, 21, 22, 23]
R = [20]
[parameters]
M = 4
d = 4
mu = 0.5
tau = 0.0
sigma = 4.0
[steps]
eta = {policy = "tuned", from = 0.01, to = 1.0, points = 5, replicas = 8}
"""
PATIENCE = 300.0  # seconds until something that does not happen is a failure, however busy the machine


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until, "nothing happened"
        assert process.poll() is None, "ended too early"
        time.sleep(0.01)


def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *map(str, arguments)], **options)


def count(store: Path) -> int:
    return len(list(store.glob("*.cell")))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tuned") / "tuned.toml"
    path.write_text(TUNED)
    return path


@pytest.fixture(scope="module")
def undisturbed(tuned: Path) -> xr.Dataset:
    return run_sweep(read_sweep(tuned))


STOPS_AFTER_TWO_CELLS = """
import os, signal, sys
from tightrate.command_line import main
from tightrate.verify.sweep.cell_store import CellStore

keep = CellStore.write
def write(store, *cell):
    if len(list(store.folder.glob("*.cell"))) == 2:
        os.kill(os.getpid(), signal.SIGSTOP)
    keep(store, *cell)

CellStore.write = write
main()
"""


def test_a_sweep_that_is_killed_goes_on_where_it_was_and_ends_with_the_same_bits(
    tuned: Path, undisturbed: xr.Dataset, tmp_path: Path
) -> None:
    out, cells = tmp_path / "out.nc", tmp_path / "out.nc.cells"
    process = start("-c", STOPS_AFTER_TWO_CELLS, "sweep", tuned, "--out", out, "--jobs", 2)
    wait_until(lambda: count(cells) >= 2, process)
    process.kill()
    process.wait()
    assert count(cells) == 2
    assert not out.exists()
    store = CellStore(cells)
    resumed = run_sweep(read_sweep(tuned), store=store)
    assert (store.found, store.damaged) == (2, 0)
    assert resumed.identical(undisturbed)
    again = CellStore(cells)
    assert run_sweep(read_sweep(tuned), store=again).identical(undisturbed)
    assert again.found == 8


def kills_itself(action: Callable[[], object]) -> None:
    """Run an action in a copy of this process that must die by its own hand (SIGKILL) in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks where there are threads
        child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("moment", ["in the middle of a file", "before a file is in place", "after it is in place"])
@pytest.mark.parametrize("cell", [1, 4, 7])  # the seventh file is the whole dataset
def test_killed_at_any_moment_it_ends_with_the_same_bits(
    cell: int, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, out, put = _quick(), tmp_path / "out.nc", os.replace
    written: list[Path] = []

    def replace_and_die(part: Path, path: Path) -> None:
        written.append(path)
        if len(written) == cell and moment != "after it is in place":
            if moment == "in the middle of a file":
                os.truncate(part, part.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        put(part, path)
        if len(written) == cell:
            os.kill(os.getpid(), signal.SIGKILL)

    def run() -> None:
        save_dataset(run_sweep(sweep, store=CellStore(tmp_path / "cells")), out)

    with monkeypatch.context() as context:
        context.setattr("tightrate.common.files.os.replace", replace_and_die)
        kills_itself(run)
    kept = min(cell - (moment != "after it is in place"), 6)
    assert count(tmp_path / "cells") == kept
    assert out.exists() == (cell == 7 and moment == "after it is in place")
    store = CellStore(tmp_path / "cells")
    save_dataset(run_sweep(sweep, store=store), out)
    assert (store.found, store.damaged) == (kept, 0)
    assert load_dataset(out).identical(run_sweep(sweep))


# A cluster of two processes on this machine


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler's address and its two workers, when both are there."""
    distributed = pytest.importorskip("distributed")
    contact = tmp_path / "scheduler.json"
    log = (tmp_path / "cluster.log").open("wb")
    options = {"stdout": log, "stderr": log, "cwd": tmp_path}
    flags = ("--host", "127.0.0.1", "--no-dashboard")
    processes = [start("-m", "dask", "scheduler", "--port", 0, *flags, "--scheduler-file", contact, **options)]
    try:
        wait_until(lambda: contact.exists() and contact.read_text().endswith("}"), processes[0])
        address = json.loads(contact.read_text())["address"]
        worker = ("-m", "dask", "worker", address, "--nthreads", 1, "--no-nanny", "--no-dashboard")
        processes += [start(*worker, "--local-directory", tmp_path, **options) for _ in range(2)]
        with distributed.Client(address, timeout=PATIENCE, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=PATIENCE)
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()
        log.close()


def test_a_cluster_gives_the_same_bits_and_outlives_a_killed_worker(
    tuned: Path,
    undisturbed: xr.Dataset,
    tmp_path: Path,
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, workers = cluster
    out, cells, killed_at = tmp_path / "out.nc", tmp_path / "out.nc.cells", []

    def kill_a_worker(*_: Any) -> None:
        if not killed_at:
            killed_at.append(count(cells))
            workers[0].send_signal(signal.SIGKILL)

    monkeypatch.setattr("tightrate.terminal.live_sweep.LiveSweep.watch", kill_a_worker)
    for limit in ("SECONDS_TO_CONNECT", "SECONDS_WITHOUT_WORKERS"):
        monkeypatch.setattr(f"tightrate.verify.sweep.execution.{limit}", PATIENCE)
    arguments = ["sweep", str(tuned), "--out", str(out), "--scheduler", address]
    done = CliRunner().invoke(application(), arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert killed_at == [1]
    workers[0].wait(PATIENCE)
    assert workers[1].poll() is None
    assert load_dataset(out).identical(undisturbed)
    grid: dict[str, Any] = {"K": 1, "R": [1, 2], "eta": [0.5, 1.0]}
    there = worst_case("local-sgd", **grid, scheduler=address)
    xr.testing.assert_identical(there, worst_case("local-sgd", **grid))


@pytest.mark.parametrize(
    ("address", "message"),
    [("nonsense", "no scheduler's address"), ("tcp://127.0.0.1:9", "no Dask scheduler answers")],
)
def test_no_scheduler_is_one_clear_line(
    tuned: Path, address: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("tightrate.verify.sweep.execution.SECONDS_TO_CONNECT", 1)
    with pytest.raises(TightrateError, match=message) as caught:
        run_sweep(read_sweep(tuned), scheduler=address)
    assert "\n" not in str(caught.value)


def test_no_dask_is_one_clear_line(tuned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(TightrateError, match=r"pip install -e '\.\[cluster\]'"):
        run_sweep(read_sweep(tuned), scheduler="tcp://127.0.0.1:8786")


def test_a_worker_with_other_code_is_refused() -> None:
    (cell, *_) = Plan(_quick()).cells
    outcome = execution.attempt(cell, Problems(), {**environment(), "code": "0123"})
    assert isinstance(outcome, execution.Failure)
    assert "instead of 0123" in outcome.message


def test_a_killed_process_is_replaced(tuned: Path, undisturbed: xr.Dataset, tmp_path: Path) -> None:
    killed = []

    def kill_one(*_: Any) -> None:
        if not killed:
            killed.append(next(iter(reusable_executor._executor._processes)))
            os.kill(killed[0], signal.SIGKILL)

    assert run_sweep(read_sweep(tuned), jobs=2, store=CellStore(tmp_path), watch=kill_one).identical(undisturbed)
    assert killed


# The store


def _quick(**changes: Any) -> Sweep:
    given: dict[str, Any] = {
        "axes": {"K": (1, 2, 3), "R": (2, 5)},
        "parameters": {"sigma": 1.0, "eta": 0.1, "M": 2},
        "replicas": 4,
        **changes,
    }
    return Sweep("quick", "local-sgd", "random-quadratics", **given)


def test_a_finished_sweep_is_read_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_sweep(_quick(), store=CellStore(tmp_path))
    monkeypatch.setattr(execution, "run_cell", None)
    store = CellStore(tmp_path)
    assert run_sweep(_quick(), store=store).identical(first)
    assert store.found == 6


def test_a_larger_sweep_takes_the_cells_of_a_smaller_one(tmp_path: Path) -> None:
    run_sweep(_quick(), store=CellStore(tmp_path))
    store = CellStore(tmp_path)
    larger = run_sweep(_quick(axes={"K": (1, 2, 3, 4), "R": (2, 5, 7)}), store=store)
    assert store.found == 6
    assert larger.identical(run_sweep(_quick(axes={"K": (1, 2, 3, 4), "R": (2, 5, 7)})))


def _flip_last_bit(path: Path, _other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _flip_middle_bit(path: Path, _other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _other_key(path: Path, other: Path) -> None:
    head, _, archive = other.read_bytes().partition(b"\n")
    path.write_bytes(json.dumps({**json.loads(head), "key": path.stem}).encode() + b"\n" + archive)


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "empty": lambda path, _: path.write_bytes(b""),
    "truncated": lambda path, _: os.truncate(path, path.stat().st_size - 7),
    "truncated in its first line": lambda path, _: os.truncate(path, 20),
    "only its first line": lambda path, _: path.write_bytes(path.read_bytes().partition(b"\n")[0]),
    "a flipped bit at the end": _flip_last_bit,
    "a flipped bit in the middle": _flip_middle_bit,
    "longer": lambda path, _: path.write_bytes(path.read_bytes() + b"\0"),
    "text of something else": lambda path, _: path.write_text("K,R,gap\n1,2,0.5\n"),
    "a JSON document": lambda path, _: path.write_text("[1]\n"),
    "zeros": lambda path, _: path.write_bytes(bytes(path.stat().st_size)),
    "another cell": lambda path, other: shutil.copy(other, path),
    "another cell under this name": _other_key,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_or_foreign_cell_is_noticed_and_run_again(
    damage: Callable[[Path, Path], object], tmp_path: Path
) -> None:
    first = run_sweep(_quick(), store=CellStore(tmp_path))
    names = [cell_key(cell) for cell in Plan(_quick()).cells]
    whole = CellStore(tmp_path)
    damage(whole.path(names[2]), whole.path(names[4]))
    store = CellStore(tmp_path)
    assert run_sweep(_quick(), store=store).identical(first)
    assert (store.found, store.damaged) == (5, 1)
    healed = CellStore(tmp_path)
    assert run_sweep(_quick(), store=healed).identical(first)
    assert (healed.found, healed.damaged) == (6, 0)


def test_a_full_disk_stops_the_sweep_and_loses_no_finished_cell(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    finished = []

    def fill_the_disk(*found: Any) -> None:
        finished.append(found)
        if len(finished) == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))  # the next file is cut off in the middle

    try:
        with pytest.raises(TightrateError, match="cannot write") as caught:
            run_sweep(_quick(), store=CellStore(tmp_path), watch=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert count(tmp_path) == 3
    assert len(list(tmp_path.iterdir())) == 3  # nothing half-written stays behind
    store = CellStore(tmp_path)
    assert run_sweep(_quick(), store=store).identical(run_sweep(_quick()))
    assert (store.found, store.damaged) == (3, 0)


def test_no_space_left_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as context:
        context.setattr("tightrate.common.files.os.replace", full)
        with pytest.raises(TightrateError, match="No space left"):
            run_sweep(_quick(), store=CellStore(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_reported_after_all_other_cells_and_never_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_memory(cell: Cell, problems: Problems, hours: float) -> Result:
        if cell.values["K"] == 2:
            raise MemoryError("no room\nat all")
        return run_cell(cell, problems, hours)

    with monkeypatch.context() as context:
        context.setattr(execution, "run_cell", short_of_memory)
        with pytest.raises(TightrateError, match="2 of 6 cells failed, the first with MemoryError") as caught:
            run_sweep(_quick(), store=CellStore(tmp_path))
    assert "\n" not in str(caught.value)
    assert count(tmp_path) == 4
    assert run_sweep(_quick(), store=CellStore(tmp_path)).identical(run_sweep(_quick()))


def test_bad_input_stops_at_once_and_says_where(tmp_path: Path) -> None:
    with pytest.raises(TightrateError, match=r"tau must be at most .* \(at tau = 5\)"):
        run_sweep(_quick(axes={"tau": (0.1, 5.0)}, parameters={"K": 1, "R": 1, "eta": 0.1}), store=CellStore(tmp_path))
    assert count(tmp_path) <= 1


def test_divergence_is_a_result_and_kept(tmp_path: Path) -> None:
    sweep = _quick(axes={"K": (4,), "R": (300,)}, parameters={"eta": 50.0}, method="sample")
    first = run_sweep(sweep, store=CellStore(tmp_path))
    assert first["diverged"].item() == 4
    store = CellStore(tmp_path)
    assert run_sweep(sweep, store=store).identical(first)
    assert store.found == 1


OTHER: dict[str, Any] = {
    "algorithm": "fedavg",
    "problem": "three-clients",
    "noise": "student",
    "values": {"K": 1, "R": 2, "sigma": 1.0 + 2**-52, "M": 2},
    "steps": {"eta": 0.1, "gamma": 1.0 + 2**-52},
    "tuned": {"eta": Tuned(0.1, 1.0)},
    "output": "average",
    "method": "auto",
    "measures": ("gap",),
    "replicas": 5,
    "relative_error": 0.5,
    "most_replicas": 7,
    "seed": 1,
    "stream": {"K": "1"},
}


def test_any_change_of_an_input_is_another_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    (cell, *_) = Plan(_quick()).cells
    assert set(OTHER) == {part.name for part in fields(Cell)}
    found = [cell_key(cell), *(cell_key(replace(cell, **{name: value})) for name, value in OTHER.items())]
    found.append(cell_key(replace(cell, tuned={"eta": Tuned(0.1, 1.0, points=10)})))
    for name in environment():
        with monkeypatch.context() as context:
            changed = {**environment(), name: "other"}
            context.setattr(keys, "environment", lambda changed=changed: changed)
            found.append(cell_key(cell))
    assert len(set(found)) == len(found)
    order = dict(reversed(list(cell.values.items())))
    assert cell_key(replace(cell, values=order)) == cell_key(cell)


def test_the_code_of_a_cell_is_what_can_move_a_bit_of_it() -> None:
    code = reached(keys.RUNS_CELLS, keys.MOVES_BITS)
    for module in (
        "constructions.random_quadratics",
        "constructions.heavy_tailed_noise",
        "simulator.algorithms.savic",
        "simulator.compiled.loops",
        "simulator.exact.moments",
        "simulator.measure",
        "simulator.sampled.round_law",
        "verify.sweep.cell",
        "verify.sweep.packs",
        "verify.sweep.tuning",
    ):
        assert f"tightrate.{module}" in code, module
    others = ("tightrate.rates", "tightrate.simulator.simulate", "tightrate.verify.sweep.plan")
    assert not [module for module in code if module.startswith(others)]
    assert environment()["code"] == source_digest(*keys.RUNS_CELLS, within=keys.MOVES_BITS)
    assert environment()["code"] != source_digest(*keys.RUNS_CELLS)


def test_progress_counts_kept_cells_from_the_start(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    run_sweep(_quick(axes={"K": (1, 2), "R": (2, 5)}), store=CellStore(tmp_path))
    run_sweep(_quick(), store=CellStore(tmp_path), progress=lambda *said: heard.append(said))
    assert heard == [("quick", done, 6) for done in (4, 5, 6)]
