"""How fast the simulator is, against the time of drawing the noise and against other ways: ratios, targets, verdicts.

    python benchmarks/simulation.py [WORKLOAD ...] [--turns N] [--loop] [--json]

All contestants take turns in one process, on one CPU and one thread; a ratio is taken within a turn, and the median
over turns is what a target is held against.  Times are CPU times, which other processes disturb least.  `sample` is
the compiled backend where numba is installed (`pip install -e '.[fast]'`), beside `sample, numpy`.  JAX takes part
where it is installed (`pip install jax`); --loop adds the slow loops over workers.  benchmarks/README.md describes the
workloads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
import peers
from peers import STEPS, Contestant

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.logistic_regression import logistic_regression
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.compiled.kernels import Backend
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.round_law import sample_rounds
from tightrate.simulator.sampled.sampling import sample
from tightrate.simulator.sampled.shared_runs import PackedCell, sample_packed

NOISE = GaussianNoise(1.0)
SHORTEST_TURN = 0.05  # seconds; quicker contestants repeat within a turn
SLOW = 2.0  # seconds; slower contestants take part in the first turns only
SLOW_TURNS = 2
FLOOR_NUMBERS, FLOOR_STREAMS = 8192, 64  # a draw, and as many streams as share a block
SIZES = [2**i for i in range(8)]
ETAS = np.geomspace(1e-3, 1, 20)
PARAMETERS = {
    "local-sgd": ("eta",),
    "local-sgdm": ("eta", "beta1", "rho"),
    "local-adam": ("eta", "beta1", "beta2", "lam", "rho"),
}
MOST_MEGABYTES = 300.0
COMPILED = find_spec("numba") is not None
NUMPY = "{}, numpy" if COMPILED else "{}"  # what a run with numpy alone is called


@dataclass(frozen=True)
class Target:
    """What the ratio of two contestants' times (or one time in ms, if `below` is empty) should be."""

    above: str
    below: str
    at_most: float | None = None
    at_least: float | None = None
    stretch: float | None = None

    @property
    def text(self) -> str:
        return f"{self.above} / {self.below}" if self.below else f"{self.above}, ms"

    @property
    def limit(self) -> str:
        return f"<= {self.at_most:g}" if self.at_most is not None else f">= {self.at_least:g}"

    def met(self, value: float) -> bool:
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)


@dataclass(frozen=True)
class Workload:
    """Contestants by name, and what is wanted of their times; `memory` is the one whose memory is measured."""

    contestants: Mapping[str, Contestant]
    targets: Sequence[Target]
    memory: str


@dataclass(frozen=True)
class Finding:
    """One line of the table."""

    workload: str
    what: str
    target: str
    stretch: float | None
    measured: float
    smallest: float
    largest: float
    met: bool


def floor(replicas: int, M: int, d: int, T: int) -> Contestant:
    """Draw the noise of a run, a stream for each replica, in blocks."""
    length = min(max(1, FLOOR_NUMBERS // (M * d)), T)

    def draw() -> None:
        for first in range(0, replicas, FLOOR_STREAMS):
            own = range(first, min(first + FLOOR_STREAMS, replicas))
            generators = [np.random.Generator(np.random.SFC64(i)) for i in own]
            block = np.empty((len(own), length, M, d))
            for done in range(0, T, length):
                for generator, out in zip(generators, block, strict=True):
                    generator.standard_normal(out=out[: min(length, T - done)])

    return draw


def diagonal(M: int = 16, d: int = 32) -> DiagonalQuadratics:
    generator = np.random.default_rng(0)
    return DiagonalQuadratics(generator.uniform(0.1, 1, (M, d)), generator.standard_normal((M, d)))


def dense(M: int = 16, d: int = 64) -> QuadraticWorkers:
    generator = np.random.default_rng(0)
    basis = np.linalg.qr(generator.standard_normal((M, d, d)))[0]
    hessians = (basis * generator.uniform(0.1, 1, (M, 1, d))) @ np.swapaxes(basis, -1, -2)
    return QuadraticWorkers((hessians + np.swapaxes(hessians, -1, -2)) / 2, generator.standard_normal((M, d)))


def backends(name: str, run: Callable[[Backend], object]) -> dict[str, Contestant]:
    """A run as the fastest backend does it, and with numpy alone where that is another."""
    contestants: dict[str, Contestant] = {NUMPY.format(name): partial(run, "numpy")}
    return {name: partial(run, "compiled"), **contestants} if COMPILED else contestants


def noisy(
    name: str,
    problem: DiagonalQuadratics | QuadraticWorkers,
    replicas: int,
    targets: Sequence[Target],
    *,
    loop: bool,
    K: int = 16,
    R: int = 50,
) -> Workload:
    """P1 to P4."""
    rule = ALGORITHMS[name](**{key: STEPS[key] for key in PARAMETERS[name]})
    contestants: dict[str, Contestant] = {
        **backends(
            "sample",
            lambda backend: sample(
                rule, problem, replicas=replicas, K=K, R=R, noise=NOISE, measured_rounds=[R], backend=backend
            ),
        ),
        "floor": floor(replicas, problem.workers, problem.dimension, K * R),
        **peers.jax_quadratics(name, problem, replicas, K, R),
    }
    if rule.linear:
        contestants["exact moments"] = lambda: exact_moments(rule, problem, K=K, R=R, noise=NOISE)
    if loop:
        contestants["loop"] = lambda: peers.plain_loop(name, problem, replicas, K, R)
    return Workload(contestants, targets, "sample")


def without_noise() -> Workload:
    """P5."""
    problem, eta, K, R = diagonal(2, 2), 1e-4, 1000, 1000
    rule = ALGORITHMS["local-sgd"](eta=eta)
    contestants: dict[str, Contestant] = {
        "rounds at once": lambda: sample_rounds(rule, problem, K=K, R=R),
        "sample": lambda: sample(rule, problem, K=K, R=R),
        **peers.jax_without_noise(problem, eta, K, R),
    }
    return Workload(contestants, [Target("rounds at once", "jax", at_most=2.0)], "sample")


def rows() -> Workload:
    """P6."""
    problem, K, R = logistic_regression(M=8, d=20, rows=200, mu=0.01), 16, 50
    rule = ALGORITHMS["local-sgd"](eta=STEPS["eta"])
    problem.optimum  # noqa: B018 (found once, outside the times)

    def run(replicas: int, backend: Backend) -> object:
        sizes: dict[str, Any] = {"replicas": replicas, "K": K, "R": R, "measured_rounds": [R]}
        return sample(rule, problem, **sizes, noise=RowSampling(), backend=backend)

    contestants: dict[str, Contestant] = {}
    for n in (16, 512):
        contestants |= backends(f"sample, {n}", partial(run, n)) | peers.jax_rows(problem, STEPS["eta"], n, K, R)
    targets = [Target("sample, 16", "jax, 16", at_most=1.5), Target("sample, 512", "jax, 512", at_most=1.0)]
    return Workload(contestants, targets, "sample, 512")


def sweep() -> Workload:
    """P7."""
    problems = {M: diagonal(M, 1) for M in SIZES}
    rule = ALGORITHMS["local-sgd"](eta=ETAS)

    def cells(streams: np.ndarray[tuple[int], np.dtype[np.int_]], *own: str) -> list[PackedCell]:
        found = []
        for M, K, R in product(SIZES, SIZES, SIZES):
            axes = {"K": K, "M": M, "R": R}
            axes = {name: axes[name] for name in own}
            found.append(PackedCell(rule, problems[M], K, R, noise=NOISE, streams=streams, stream_axes=axes))
        return found

    def exact() -> None:
        K, eta = (values.ravel() for values in np.meshgrid(SIZES, ETAS, indexing="ij"))
        for problem in problems.values():
            exact_moments(ALGORITHMS["local-sgd"](eta=eta), problem, K=K, R=np.array(SIZES)[None], noise=NOISE)

    common, each = np.zeros(len(ETAS), dtype=int), np.arange(len(ETAS))
    contestants: dict[str, Contestant] = {
        "packed sweep": lambda: sample_packed(cells(common, "K", "M")),
        "every step": lambda: sample_packed(cells(each, "K", "M", "R")),
        "exact moments": exact,
        **peers.jax_sweep(problems, SIZES, ETAS),
    }
    targets = [
        Target("jax, cell by cell", "packed sweep", at_least=10.0),
        Target("jax, common numbers", "packed sweep", at_least=1.0),
        Target("every step", "exact moments", at_least=100.0),
    ]
    return Workload(contestants, targets, "packed sweep")


def large() -> Workload:
    """P8: K = R = 10^9."""
    problem, rule = diagonal(), ALGORITHMS["local-sgd"](eta=STEPS["eta"])
    contestants = {"exact moments": lambda: exact_moments(rule, problem, K=1e9, R=10**9, noise=NOISE)}
    return Workload(contestants, [Target("exact moments", "", at_most=10.0)], "exact moments")


def workloads(loop: bool) -> dict[str, Callable[[], Workload]]:
    """All workloads by name."""

    def to_floor(at_most: float, stretch: float) -> Target:
        return Target("sample", "floor", at_most=at_most, stretch=stretch)

    def to_jax(at_least: float, stretch: float) -> Target:
        return Target("jax", "sample", at_least=at_least, stretch=stretch)

    def to_loop(at_least: float) -> Target:
        return Target("loop", "sample", at_least=at_least)

    moments = Target(NUMPY.format("sample"), "exact moments", at_least=1000.0)
    p1, p2 = [to_floor(1.25, 1.1), to_jax(1.4, 1.7), to_loop(12)], [to_floor(1.4, 1.2), to_jax(1.3, 1.55), to_loop(18)]
    p3, p4 = [to_floor(1.7, 1.45), to_jax(1.15, 1.35), to_loop(22)], [to_floor(1.5, 1.1), to_jax(1.4, 1.9), to_loop(7)]
    return {
        "P1": lambda: noisy("local-sgd", diagonal(), 64, [*p1, moments], loop=loop),
        "P2": lambda: noisy("local-sgdm", diagonal(), 64, p2, loop=loop),
        "P3": lambda: noisy("local-adam", diagonal(), 64, p3, loop=loop),
        "P4": lambda: noisy("local-sgd", dense(), 32, p4, loop=loop),
        "P5": without_noise,
        "P6": rows,
        "P7": sweep,
        "P8": large,
    }


def measure(contestants: Mapping[str, Contestant], turns: int) -> dict[str, list[float]]:
    """CPU seconds of every contestant in every turn; nothing that takes no part in a turn is in its list."""
    repeats, taking_part = {}, {}
    for name, contestant in contestants.items():
        contestant()
        begin = time.process_time()
        contestant()
        took = time.process_time() - begin
        repeats[name], taking_part[name] = max(1, int(SHORTEST_TURN / max(took, 1e-5))), turns
        if took > SLOW:
            taking_part[name] = min(turns, SLOW_TURNS)
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(turns):
        for name, contestant in contestants.items():
            if turn < taking_part[name]:
                begin = time.process_time()
                for _ in range(repeats[name]):
                    contestant()
                times[name].append((time.process_time() - begin) / repeats[name])
    return times


def judge(workload: str, targets: Sequence[Target], times: Mapping[str, Sequence[float]]) -> list[Finding]:
    """Each target beside the median ratio; targets of contestants that did not take part are left out."""
    found = []
    for target in targets:
        if target.above not in times or target.below not in {"", *times}:
            continue
        above = np.array(times[target.above])
        below = np.array(times[target.below]) if target.below else np.full(len(above), 1e-3)
        both = min(len(above), len(below))
        ratios = above[:both] / below[:both]
        value = float(np.median(ratios))
        range_ = float(ratios.min()), float(ratios.max())
        found.append(Finding(workload, target.text, target.limit, target.stretch, value, *range_, target.met(value)))
    return found


def footprint(workload: str) -> list[Finding]:
    """Peak memory above the imports, and threads, of one run in a process of its own without JAX."""
    code = f"import sys; sys.modules['jax'] = None; import simulation; simulation.print_footprint({workload!r})"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_surroundings()
    )
    megabytes, threads = json.loads(found.stdout)
    limit = f"<= {MOST_MEGABYTES:g}"
    return [
        Finding(workload, "memory, MB", limit, None, megabytes, megabytes, megabytes, megabytes <= MOST_MEGABYTES),
        Finding(workload, "threads", "<= 1", None, threads, threads, threads, threads <= 1),
    ]


def print_footprint(workload: str) -> None:
    """Run the simulator's part of a workload; print the memory above the imports (MB) and the number of threads."""
    at_import = peak_megabytes()
    chosen = workloads(loop=False)[workload]()
    chosen.contestants[chosen.memory]()
    print(json.dumps([peak_megabytes() - at_import, len(os.listdir("/proc/self/task"))]))


def peak_megabytes() -> float:
    """The peak resident memory of this process (Linux); getrusage would remember what the parent's was."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def _surroundings() -> dict[str, str]:
    """One thread, for libraries that look when they are imported, and this folder to import from."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    flags = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **one, **flags, "PYTHONPATH": path, "BENCHMARK": "1"}


def table(findings: Sequence[Finding]) -> str:
    """The findings, one line each."""
    lines = [f"{'':4s}{'':36s}{'target':>10s}{'stretch':>9s}{'measured':>10s}  range"]
    for one in findings:
        stretch = "" if one.stretch is None else f"{one.stretch:g}"
        text = f"{one.workload:4s}{one.what:36s}{one.target:>10s}{stretch:>9s}{one.measured:>10.4g}"
        lines.append(f"{text}  [{one.smallest:.4g}, {one.largest:.4g}]{'' if one.met else '  NOT MET'}")
    return "\n".join(lines)


def main() -> None:
    makers = workloads(loop=False)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", default=list(makers), help=", ".join(makers))
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--loop", action="store_true", help="also run the slow loops over workers")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    arguments = parser.parse_args()
    unknown = set(arguments.workloads) - set(makers)
    if unknown:
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(makers)}")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    findings, milliseconds = [], {}
    for name in arguments.workloads:
        workload = workloads(arguments.loop)[name]()
        times = measure(workload.contestants, arguments.turns)
        milliseconds[name] = {contestant: 1e3 * float(np.median(own)) for contestant, own in times.items()}
        findings += judge(name, workload.targets, times)
        if os.path.isdir("/proc/self/task"):  # Linux
            findings += footprint(name)
        if not arguments.json:
            print(name, ", ".join(f"{contestant} {own:.3g} ms" for contestant, own in milliseconds[name].items()))
    if arguments.json:
        print(json.dumps({"milliseconds": milliseconds, "findings": [asdict(one) for one in findings]}, indent=1))
    else:
        print(table(findings))


if __name__ == "__main__":
    if os.environ.get("BENCHMARK") != "1":  # libraries read their surroundings when they are imported: start again
        os.execve(sys.executable, [sys.executable, *sys.argv], _surroundings())
    main()
