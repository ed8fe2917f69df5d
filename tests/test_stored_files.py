"""Stored files are believed only as they were stored: checksums, fingerprints, and what killed writers leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tightrate.common import files
from tightrate.common.checksum import sealed
from tightrate.common.errors import TightrateError
from tightrate.common.files import check_output, remove_abandoned, write_whole
from tightrate.common.kept import kept
from tightrate.terminal import listing
from tightrate.verify.cache.code_digest import PACKAGE, reached
from tightrate.verify.cache.netcdf import load_dataset, save_dataset
from tightrate.verify.cache.result_cache import FOLDER, ResultStore, default_store
from tightrate.verify.experiment import Experiment
from tightrate.verify.session import Session
from tightrate.verify.sweep import cell_key as keys
from tightrate.verify.sweep.cell import run_cell
from tightrate.verify.sweep.cell_store import CellStore
from tightrate.verify.sweep.plan import Plan
from tightrate.verify.sweep.specification import Sweep

ROOT = Path(__file__).parents[1]
DATA = xr.Dataset(
    {"gap": (("K", "R"), np.linspace(1.0, 2.0, 6).reshape(2, 3), {"units": "value", "note": ["a", 1]})},
    {"K": ("K", [1.0, np.inf]), "R": ("R", [1.0, 2.0, 3.0])},
    {"title": "small", "seed": 3},
)
ORIGIN: dict[str, str | int] = {"experiment": "own/small", "profile": "quick", "seed": 3, "code": "c"}


def kept_netcdf(folder: Path) -> tuple[Path, Callable[[], Any]]:
    save_dataset(DATA, folder / "data.nc")
    return folder / "data.nc", lambda: load_dataset(folder / "data.nc")


def kept_result(folder: Path) -> tuple[Path, Callable[[], Any]]:
    store = ResultStore(folder)
    store.write(DATA.assign_attrs(ORIGIN))
    (path,) = folder.glob("*.nc")
    return path, lambda: store.read(ORIGIN)


def kept_cell(folder: Path) -> tuple[Path, Callable[[], Any]]:
    store = CellStore(folder)
    (cell,) = Plan(
        Sweep(
            "s",
            "local-sgd",
            "rank-one-pair",
            {"R": (2,)},
            {"K": 2, "eta": 0.5, "cosine": 0.5, "sigma": 1.0},
            replicas=3,
        )
    ).cells
    store.write("k" * 32, cell, run_cell(cell))
    return store.path("k" * 32), lambda: store.read("k" * 32)


def kept_listing(folder: Path) -> tuple[Path, Callable[[], Any]]:
    made = iter(["kept"])
    return folder / "x.json", lambda: kept("x", lambda: next(made, None), folder)


def kept_functions(folder: Path) -> tuple[Path, Callable[[], Any]]:
    from tightrate.constructions.interpolated_functions import interpolated_functions

    content = {"points": [[[0.5]]], "slopes": [[[0.0]]], "values": [[0.25]], "L": 1.5, "mu": 0.5}
    (folder / "f.json").write_text(json.dumps({"functions": sealed(content)}))
    return folder / "f.json", lambda: interpolated_functions(file=str(folder / "f.json"))


KEPT = [kept_netcdf, kept_result, kept_cell, kept_listing, kept_functions]


@pytest.mark.parametrize("keep", KEPT)
def test_no_stored_file_is_believed_after_any_change_in_one_place(
    keep: Callable[[Path], tuple[Path, Callable[[], Any]]], tmp_path: Path
) -> None:
    """One bit flipped, a byte taken out, one put in, the end cut off: at many places, and each is seen."""
    path, read = keep(tmp_path)
    read()
    honest = path.read_bytes()
    content = repr(read())
    for at in range(0, len(honest), max(1, len(honest) // 250)):
        flipped = honest[:at] + bytes([honest[at] ^ (1 << at % 8)]) + honest[at + 1 :]
        for changed in (flipped, honest[:at] + honest[at + 1 :], honest[:at] + b"0" + honest[at:], honest[:at]):
            if changed == honest:
                continue
            path.write_bytes(changed)
            try:
                found = read()  # a space between two words of JSON may go, which changes nothing
                assert found is None or (path.suffix == ".json" and repr(found) == content), (keep.__name__, at)
            except TightrateError:
                continue
    path.write_bytes(honest)
    assert repr(read()) == content


@pytest.mark.parametrize("keep", KEPT)
def test_nothing_that_is_read_is_unpickled(
    keep: Callable[[Path], tuple[Path, Callable[[], Any]]], tmp_path: Path
) -> None:
    """A pickle in the place of each stored file, and an array of pickles in a numpy archive, would leave a mark."""
    path, read = keep(tmp_path)
    read()
    mark = tmp_path / "mark"

    class Planted:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(mark),)

    import io
    import pickle

    planted = np.array([Planted()], dtype=object)
    archive = io.BytesIO()
    np.savez(archive, allow_pickle=True, plain=planted, diverged=planted)
    array = io.BytesIO()
    np.save(array, planted, allow_pickle=True)
    head = path.read_bytes().partition(b"\n")[0] + b"\n"
    for content in (pickle.dumps(Planted()), archive.getvalue(), head + archive.getvalue(), array.getvalue()):
        path.write_bytes(content)
        with suppress(TightrateError):
            assert read() is None
        assert not mark.exists()


def test_the_fingerprint_follows_all_code_that_runs_a_cell_or_an_experiment() -> None:
    """Whatever a process has loaded when it has run them, the compiled loops included, is among what is followed."""
    code = (
        "import json, sys\n"
        "from tightrate.verify.sweep.plan import Plan\n"
        "from tightrate.verify.sweep.specification import Sweep\n"
        "from tightrate.verify.sweep.cell_store import CellStore\n"
        "from tightrate.verify.sweep.packs import run_pack\n"
        "cells = Plan(Sweep('s', 'local-sgd', 'random-quadratics', {'R': (2, 3)},"
        " {'K': 2, 'eta': 0.1, 'sigma': 1.0}, replicas=3)).cells\n"
        "before = set(sys.modules)\n"
        "from tightrate.simulator.compiled import kernels\n"
        f"{'kernels.loops()' if find_spec('numba') else ''}\n"
        "from tightrate.verify.sweep.cell import run_cell\n"
        "run_pack(cells, Plan(Sweep('s', 'local-sgd', 'random-quadratics', {'R': (2,)},"
        " {'K': 2, 'eta': 0.1, 'sigma': 1.0}, replicas=3)).problems), run_cell(cells[0])\n"
        "print(json.dumps([m for m in sys.modules if m.startswith('tightrate')]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = set(json.loads(ran.stdout))
    followed = reached(keys.RUNS_CELLS, keys.MOVES_BITS)
    of_the_runs = ("tightrate.constructions.", "tightrate.simulator.", "tightrate.common.")
    around = {  # what plans, names and keeps cells, and moves no bit of a result
        "tightrate.simulator.theorem_values",
        "tightrate.simulator.validation",
        "tightrate.common.json_types",
        "tightrate.common.kept",
    }
    missing = {module for module in loaded if module.startswith(of_the_runs)} - followed - around
    assert not missing
    if find_spec("numba"):
        assert "tightrate.simulator.compiled.loops" in loaded & followed
    whole = reached(["tightrate.verify.sweep.run"])
    assert not {m for m in loaded if m.startswith(of_the_runs)} - whole - around
    assert {"numba", "llvmlite"} <= set(keys.environment())
    assert PACKAGE not in whole  # its texts name everything


def test_a_changed_loop_is_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    from tightrate.verify.cache import code_digest

    before = code_digest.code_digest("tightrate.verify.papers.patel2024.krm_sweep")
    source = code_digest.source_of
    for module in ("tightrate.simulator.compiled.loops", "tightrate.simulator.algorithms", "tightrate.common.threads"):
        monkeypatch.setattr(code_digest, "source_of", lambda m, changed=module: source(m) + b"#" * (m == changed))
        assert code_digest.code_digest("tightrate.verify.papers.patel2024.krm_sweep") != before, module
    monkeypatch.setattr(code_digest, "source_of", source)
    monkeypatch.setattr(code_digest, "version_of", lambda library: "other" if library == "numba" else "1")
    assert code_digest.code_digest("tightrate.verify.papers.patel2024.krm_sweep") != before


KILLED = """
import os, sys
from pathlib import Path
from tightrate.common.files import write_whole
def write(part):
    part.write_text("half")
    print(part, flush=True)
    {then}
write_whole(Path(sys.argv[1]), write)
"""


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_stays(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    target = tmp_path / "out.nc"
    killed = [sys.executable, "-c", KILLED.format(then="os._exit(1)"), str(target)]
    subprocess.run(killed, env=environment, capture_output=True, check=False)
    living = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(then="sys.stdin.read()"), str(target)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert living.stdout is not None
    own = Path(living.stdout.readline().strip())
    assert len(list(tmp_path.glob(".*.part"))) == 2
    check_output(target)
    assert list(tmp_path.glob(".*.part")) == [own]
    living.communicate("")
    assert target.read_text() == "half"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_of_one_process_number_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two containers count their processes from one: both write the same file at once, and it is whole."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    target = tmp_path / "cell"

    def outer(part: Path) -> None:
        part.write_text("outer")
        write_whole(target, lambda other: other.write_text("inner"))
        remove_abandoned(tmp_path)
        assert target.read_text() == "inner"

    write_whole(target, outer)
    assert target.read_text() == "outer"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("place", ["file/below", "file", "long", "missing-home"])
def test_a_cache_that_cannot_be_written_costs_no_result(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    if place == "missing-home":
        monkeypatch.delenv(FOLDER)
        monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache/tightrate"))
    else:
        monkeypatch.setenv(FOLDER, str(tmp_path / ("x" * 300 if place == "long" else place)))
    calls = []
    own = Experiment("own/small", lambda _session: calls.append(1) or DATA)  # type: ignore[func-returns-value]
    for _ in range(2):
        session = Session(store=default_store(), reuse=True)
        assert session.data(own).gap.equals(DATA.gap)
    assert len(calls) == 2
    assert listing.listing("papers", default_store().folder)[1]
    assert {path.name for path in tmp_path.iterdir()} == {"file"}
    assert files.own_cache().is_absolute()
