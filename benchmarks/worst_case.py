"""Exact worst cases: CPU seconds, and ratios within one run.

python benchmarks/worst_case.py [--large]      (8, 8) takes about half a minute

With PEPit (`pip install -e '.[bench]'`) its full programme, which has the points of every worker, is timed too:
with the solver that it chooses, and with Clarabel.
"""

from __future__ import annotations

import resource
import sys
import warnings
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

from tightrate.simulator.worst_case.worst_case import WorstCase, worst_case
from tightrate.verify.worst_case_sweep import worst_cases


def seconds(run: Callable[[], Any]) -> float:
    """CPU seconds of the fastest of three runs."""
    times = []
    for _ in range(3):
        began = process_time()
        found = run()
        assert not isinstance(found, WorstCase) or found.status == "solved"
        times.append(process_time() - began)
    return min(times)


def by_pepit(K: int, R: int, M: int, eta: float, solver: str | None) -> float:
    """The worst gap of local gradient descent with a common optimum, every worker with points of its own."""
    from PEPit import PEP
    from PEPit.functions import SmoothConvexFunction

    problem = PEP()
    several = [problem.declare_function(SmoothConvexFunction, L=1.0) for _ in range(M)]
    mean = sum(several[1:], several[0]) / M
    optimum = mean.stationary_point()
    for one in several:
        problem.add_constraint(one.gradient(optimum) ** 2 <= 0)
    x = problem.set_initial_point()
    problem.set_initial_condition((x - optimum) ** 2 <= 1)
    for _ in range(R):
        after = 0 * x
        for one in several:
            own = x
            for _ in range(K):
                own = own - eta * one.gradient(own)
            after = after + own / M
        x = after
    problem.set_performance_metric(mean(x) - mean(optimum))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(problem.solve(verbose=0, **({"solver": solver} if solver else {})))


def main(arguments: list[str]) -> int:
    """Print the table."""
    small = seconds(lambda: worst_case("local-sgd", K=4, R=2, M=2, eta=1.0))
    every = seconds(lambda: worst_case("local-sgd", K=4, R=2, M=2, eta=1.0, symmetric=False))
    two = seconds(lambda: worst_case("local-sgd", K=4, R=4, M=2, eta=1.0))
    many = seconds(lambda: worst_case("local-sgd", K=4, R=4, M=64, eta=1.0))
    infinite = seconds(lambda: worst_case("local-sgd", K=4, R=4, eta=1.0))
    steps = np.linspace(0.6, 0.64, 8).tolist()
    along = seconds(lambda: worst_cases("local-sgd", {"K": 4, "R": 4, "eta": steps}))
    alone = seconds(lambda: [worst_case("local-sgd", K=4, R=4, eta=eta) for eta in steps])
    sys.stdout.write(
        f"(4, 2, 2): {small:.3f} s; without symmetry {every:.3f} s, {every / small:.1f} times as long\n"
        f"(4, 4): M = 2 {two:.3f} s, M = 64 {many:.3f} s, {many / two:.2f} times as long; M = inf {infinite:.3f} s\n"
        f"(4, 4): {len(steps)} steps along a sweep {along:.3f} s, each alone {alone:.3f} s,"
        f" {alone / along:.2f} times as long\n"
    )
    try:
        for solver, name in ((None, "PEPit"), ("CLARABEL", "PEPit with Clarabel")):
            full = seconds(lambda solver=solver: by_pepit(4, 2, 2, 1.0, solver))
            sys.stdout.write(f"(4, 2, 2): {name} {full:.3f} s, {full / small:.1f} times as long\n")
    except ImportError:
        sys.stdout.write("PEPit is not installed: pip install -e '.[bench]'\n")
    if "--large" in arguments:
        began = process_time()
        found = worst_case("local-sgd", K=8, R=8, eta=0.5)
        sys.stdout.write(
            f"(8, 8): {process_time() - began:.1f} s, [{found.lower:.8g}, {found.upper:.8g}],"
            f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
