"""Exact worst cases: CPU seconds, and ratios within one run.

python benchmarks/worst_case.py [--large]      (8, 8) takes about a minute
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import process_time

from tightrate.simulator.worst_case.worst_case import WorstCase, worst_case


def seconds(run: Callable[[], WorstCase]) -> float:
    """CPU seconds of the fastest of three runs."""
    times = []
    for _ in range(3):
        began = process_time()
        assert run().status == "solved"
        times.append(process_time() - began)
    return min(times)


def main(arguments: list[str]) -> int:
    """Print the table."""
    small = seconds(lambda: worst_case("local-sgd", K=4, R=2, M=2, eta=1.0))
    every = seconds(lambda: worst_case("local-sgd", K=4, R=2, M=2, eta=1.0, symmetric=False))
    two = seconds(lambda: worst_case("local-sgd", K=4, R=4, M=2, eta=1.0))
    many = seconds(lambda: worst_case("local-sgd", K=4, R=4, M=64, eta=1.0))
    infinite = seconds(lambda: worst_case("local-sgd", K=4, R=4, eta=1.0))
    sys.stdout.write(
        f"(4, 2, 2): {small:.3f} s; without symmetry {every:.3f} s, {every / small:.1f} times as long\n"
        f"(4, 4): M = 2 {two:.3f} s, M = 64 {many:.3f} s, {many / two:.2f} times as long; M = inf {infinite:.3f} s\n"
    )
    if "--large" in arguments:
        began = process_time()
        found = worst_case("local-sgd", K=8, R=8, eta=0.5)
        sys.stdout.write(f"(8, 8): {process_time() - began:.1f} s, [{found.lower:.8g}, {found.upper:.8g}]\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
