"""The session: the same results on any number of processes, kept on disk, and never taken from other code."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import xarray as xr

from tightrate.common import processes
from tightrate.common.errors import TightrateError
from tightrate.common.processes import in_processes
from tightrate.terminal import output
from tightrate.verify.cache import code_digest as digests
from tightrate.verify.cache.code_digest import code_digest, reached
from tightrate.verify.cache.result_cache import ResultStore
from tightrate.verify.claim import judge_all
from tightrate.verify.experiment import Experiment
from tightrate.verify.papers.patel2024 import closed_forms, discrepancy
from tightrate.verify.registry import CLAIMS, claims_of
from tightrate.verify.session import Session

CHEAP = (closed_forms.coordinate_runs, discrepancy.instances)


def test_processes_change_no_bit() -> None:
    alone, together = Session(jobs=1), Session(jobs=2)
    together.prepare(CHEAP)
    assert set(together.cached) == {one.name for one in CHEAP}
    for one in CHEAP:
        xr.testing.assert_identical(alone.data(one), together.data(one))


def test_a_result_says_where_it_comes_from() -> None:
    dataset, seconds = Session(seed=7).result(closed_forms.coordinate_runs)
    assert {**dataset.attrs, **closed_forms.coordinate_runs.origin("quick", 7)} == dataset.attrs
    assert seconds > 0


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def test_a_kept_result_is_taken_only_when_asked_for(store: ResultStore) -> None:
    first = Session(store=store).result(closed_forms.coordinate_runs)[0]
    again, seconds = Session(store=store, reuse=True).result(closed_forms.coordinate_runs)
    assert seconds == 0
    xr.testing.assert_identical(first, again)
    assert Session(store=store).result(closed_forms.coordinate_runs)[1] > 0


@pytest.mark.parametrize("change", ["seed", "code", "damage"])
def test_a_foreign_or_damaged_result_is_computed_again(store: ResultStore, change: str) -> None:
    dataset = Session(store=store).result(closed_forms.coordinate_runs)[0]
    path = store.path("coordinate-pair", "quick", 20240511)
    if change == "damage":
        path.write_bytes(path.read_bytes()[:500])
    else:
        store.write(dataset.assign_attrs(**{change: 1 if change == "seed" else "0" * 16}))
    wanted = Session(store=store, reuse=True, seed=1 if change == "seed" else 20240511)
    if change == "seed":  # the newest of that seed says it is of that seed: it is taken
        assert wanted.result(closed_forms.coordinate_runs)[1] == 0
        path.rename(store.path("coordinate-pair", "quick", 2))  # a file under another's name is not
        assert Session(store=store, reuse=True, seed=2).result(closed_forms.coordinate_runs)[1] > 0
        return
    assert wanted.result(closed_forms.coordinate_runs)[1] > 0
    assert store.read(closed_forms.coordinate_runs.origin("quick", 20240511)) is not None


def test_an_experiment_that_fails_is_heard_when_its_claim_is_judged() -> None:
    def broken(_: Session) -> xr.Dataset:
        raise TightrateError("no luck")

    session = Session()
    with pytest.raises(TightrateError, match="no luck"):
        session.result(Experiment("broken", broken))
    assert not session.cached


def test_judging_all_keeps_the_order() -> None:
    names = ["patel2024/prop21", "patel2024/coordinate-pair"]
    findings = judge_all([CLAIMS[name] for name in names], Session(jobs=2))
    assert [finding.claim.id for finding in findings] == names
    assert all(finding.as_expected for finding in findings)


def test_the_quick_profile_runs_quick_claims_only() -> None:
    quick, full = claims_of("quick", "*"), claims_of("full", "*")
    assert {claim.id for claim in full} == set(CLAIMS.names())
    assert all(claim.cost == "quick" for claim in quick)
    for dear in [claim for claim in full if claim.cost == "full"][:1]:
        with pytest.raises(TightrateError, match="--profile full"):
            claims_of("quick", dear.id)


def test_every_claim_says_how_it_is_tested() -> None:
    for claim in claims_of("full", "*"):
        assert claim.procedure.endswith((".", "!")), claim.id
        assert all(len(run.description) > 40 for run in claim.data), claim.id  # the two are shown together
        assert claim.statement.endswith("."), claim.id


def test_a_code_digest_hangs_on_all_code_that_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "tightrate.verify.papers.patel2024.closed_forms"
    within = reached([module])
    assert {
        "tightrate.rates.papers.patel2024",
        "tightrate.verify.session",
        "tightrate.rates.statements.bound",
    } <= within
    assert "tightrate.figures.style" not in within
    before = code_digest(module)
    sources = digests.source_of
    monkeypatch.setattr(
        digests, "source_of", lambda name: sources(name) + b" " * (name == "tightrate.rates.statements.bound")
    )
    assert code_digest(module) != before
    monkeypatch.setattr(digests, "source_of", lambda name: sources(name) + b" " * (name == "tightrate.figures.style"))
    assert code_digest(module) == before


def test_what_ran_in_a_process_that_was_killed_runs_again(tmp_path: Path) -> None:
    def found(number: int, fatal: bool) -> int:
        mark = tmp_path / str(number)
        if fatal and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number**2

    calls = [(number, number == 2) for number in range(5)]
    assert sorted(in_processes(found, calls, 2)) == [0, 1, 4, 9, 16]
    assert (tmp_path / "2").exists()


def test_a_process_that_is_killed_every_time_is_reported() -> None:
    def fatal(_number: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(TightrateError, match="were killed 3 times"):
        list(in_processes(fatal, [(1,), (2,)], 2))


def test_processes_are_killed_only_when_every_call_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that hands calls over fails on one that it is told to forget before; then the processes would stay."""
    futures: list[Future[None]] = [Future(), Future()]
    futures[0].set_running_or_notify_cancel()
    looks: list[float] = []

    def look(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            futures[1].set_running_or_notify_cancel()

    class Executor:
        def shutdown(self, **options: bool) -> None:
            assert options == {"wait": True, "kill_workers": True}
            assert all(future.running() for future in futures)
            looks.append(-1.0)

    monkeypatch.setattr(processes, "sleep", look)
    processes._give_up(Executor(), futures)
    assert (len(looks), looks[-1]) == (4, -1.0)


def test_whoever_stops_listening_ends_what_still_runs() -> None:
    def slow(seconds: float) -> int:
        sleep(seconds)
        return os.getpid()

    with closing(in_processes(slow, [(0.0,), (1000.0,), (1000.0,), (1000.0,)], 2)) as results:
        process = next(results)
        os.kill(process, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_log_hears_of_progress_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter(np.arange(0.0, 100.0, 7.0))
    monkeypatch.setattr(output, "monotonic", lambda: float(next(now)))
    with output.progress() as watcher:
        for done in range(9):
            watcher("experiments", done, 9)
    assert capsys.readouterr().err.splitlines() == [
        "experiments: 2 of 9 after 21 s",
        "experiments: 5 of 9 after 42 s",
        "experiments: 8 of 9 after 63 s",
    ]
