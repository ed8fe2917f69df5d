"""The benchmark script: contestants run, ratios are taken within turns, a missed target is called missed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module("simulation")


def test_ratios_are_medians_within_turns_and_targets_decide(benchmark: ModuleType) -> None:
    times = {"ours": [1.0, 2.0, 3.0], "floor": [1.0, 1.0, 1.0], "peer": [4.0, 8.0]}
    targets = [
        benchmark.Target("ours", "floor", at_most=1.9),
        benchmark.Target("ours", "floor", at_most=2.0, stretch=1.1),
        benchmark.Target("peer", "ours", at_least=4.0),
        benchmark.Target("peer", "ours", at_least=4.1),
        benchmark.Target("absent", "ours", at_least=1.0),
        benchmark.Target("ours", "", at_most=10.0),
    ]
    found = benchmark.judge("P0", targets, times)
    assert [one.met for one in found] == [False, True, True, False, False]
    assert [one.measured for one in found] == [2.0, 2.0, 4.0, 4.0, 2000.0]
    assert benchmark.table(found).count("NOT MET") == 3


def test_every_workload_has_its_contestants(benchmark: ModuleType) -> None:
    assert {"sample", benchmark.NUMPY.format("sample")} <= {*benchmark.workloads(loop=False)["P1"]().contestants}
    for name, make in benchmark.workloads(loop=True).items():
        workload = make()
        own = {target.above for target in workload.targets} | {target.below for target in workload.targets}
        assert own - {""} <= {*workload.contestants, "jax", *(n for n in own if n.startswith("jax"))}, name
        assert workload.memory in workload.contestants


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_peak_memory_sees_what_is_used(benchmark: ModuleType) -> None:
    code = (
        "import numpy as np, simulation; before = simulation.peak_megabytes(); np.ones(2**24);"
        "print(simulation.peak_megabytes() - before)"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join([str(FOLDER), str(FOLDER.parent)])}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=path)
    assert benchmark.MOST_MEGABYTES > float(found.stdout) > 100


def test_a_small_run_is_measured(benchmark: ModuleType) -> None:
    targets = [benchmark.Target("sample", "floor", at_most=1e9), benchmark.Target("sample", "loop", at_most=1e9)]
    workload = benchmark.noisy("local-adam", benchmark.diagonal(2, 3), 2, targets, loop=True, K=2, R=2)
    times = benchmark.measure({name: workload.contestants[name] for name in ("sample", "floor", "loop")}, turns=1)
    assert all(one.met and one.measured > 0 for one in benchmark.judge("P3", targets, times))
