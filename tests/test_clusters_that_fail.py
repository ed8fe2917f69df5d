"""Clusters that are not there, do not answer, speak another protocol or lose everybody: one line, soon."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tightrate.common.errors import TightrateError
from tightrate.verify.sweep import execution
from tightrate.verify.sweep.cell_store import CellStore
from tightrate.verify.sweep.run import run_sweep
from tightrate.verify.sweep.specification import Sweep

pytest.importorskip("distributed")

SWEEP = Sweep("s", "local-sgd", "rank-one-pair", {"R": (1, 2)}, {"K": 2, "eta": 0.5, "cosine": 0.5, "sigma": 1.0})


@contextmanager
def server(answer: bytes | None) -> Iterator[str]:
    """Accepts connections and answers with these bytes, or never."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[Any] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                kept.append(connection)
                if answer is not None:
                    connection.sendall(answer)
                    connection.close()

        Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        for connection in kept:
            connection.close()


def refused(address: str, match: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "SECONDS_TO_CONNECT", 3.0)
    began = time.monotonic()
    with pytest.raises(TightrateError, match=match) as refusal:
        run_sweep(SWEEP, scheduler=address)
    assert "\n" not in str(refusal.value)
    assert time.monotonic() - began < 100  # the machine may be busy; the limits themselves are seconds


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64])
def test_who_does_not_speak_as_a_scheduler_is_no_scheduler(
    answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(answer) as address:
        refused(f"tcp://{address}", "no Dask scheduler answers", monkeypatch)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "http://127.0.0.1:1", "tcp://", "tcp://x:y", "nowhere", "a:b:c"]
)
def test_addresses_where_nobody_is(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(address, "no Dask scheduler answers|is no scheduler's address", monkeypatch)


def answers(address: str) -> bool:
    host, _, port = address.removeprefix("tcp://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1.0).close()
    except OSError:
        return False
    return True


@pytest.mark.soak
@pytest.mark.parametrize("dies", ["nobody came", "workers", "scheduler"])
def test_a_cluster_that_loses_everybody_is_one_line_and_its_cells_are_kept(
    dies: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "SECONDS_WITHOUT_WORKERS", 3.0)
    if dies != "nobody came":
        monkeypatch.setattr(execution, "SECONDS_TO_CONNECT", 100.0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--no-jupyter"]
    scheduler = subprocess.Popen([*start, "--host", address], stderr=subprocess.DEVNULL)
    workers = []
    if dies != "nobody came":
        work = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-dashboard", "--no-nanny"]
        workers.append(subprocess.Popen(work, stderr=subprocess.DEVNULL))
    slow = Sweep(
        "s", "local-sgd", "random-quadratics", {"R": (1, 40_000, 50_000)}, {"K": 64, "eta": 0.01, "sigma": 1.0}
    )
    store = CellStore(tmp_path)

    def kill(*_: object) -> None:
        for process in workers if dies == "workers" else [scheduler]:
            process.kill()

    try:
        while not answers(address):
            assert scheduler.poll() is None
            time.sleep(0.1)
        with pytest.raises(TightrateError) as refusal:
            run_sweep(slow, scheduler=address, store=store, watch=kill)
        expected = {"nobody came": "has no workers", "workers": "all workers", "scheduler": "the scheduler"}[dies]
        assert expected in str(refusal.value)
        assert len(list(tmp_path.glob("*.cell"))) == (dies != "nobody came")
    finally:
        for process in (scheduler, *workers):
            process.kill()
            process.wait()
