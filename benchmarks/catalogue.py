"""How long the theory core takes: import, building the catalogue, units, implications, upper against lower, pairs.

    python benchmarks/catalogue.py              everything; the pairs take minutes
    python benchmarks/catalogue.py --pairs 500  a random sample of the pairs

Budgets: importing `rates` 0.5 s, any pairwise comparison 0.2 s, units + implications + upper against lower 60 s.
Pairs are timed by the processor's clock, so that other work does not count; everything else by the wall's.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import combinations

from tightrate.rates.orders.domination import compare
from tightrate.rates.relations.implications import decide, implications
from tightrate.rates.relations.upper_against_lower import all_checks
from tightrate.rates.statements.catalogue import theorems

SLOWEST_SHOWN = 10


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def import_time(module: str, repeats: int = 5) -> float:
    """The least time of a fresh interpreter that imports a module, less that of one that imports nothing."""

    def least(code: str) -> float:
        return min(seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True)) for _ in range(repeats))

    return least(f"import {module}") - least("pass")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, help="how many pairs of bounds to compare; all by default")
    wanted = parser.parse_args().pairs
    for module in ("tightrate.rates", "tightrate.rates.statements.catalogue", "tightrate.rates.orders.domination"):
        print(f"import {module:28s} {import_time(module):8.3f} s")
    start = time.perf_counter()
    entries = list(theorems())
    print(f"build {len(entries)} entries {time.perf_counter() - start:24.3f} s")
    core = seconds(lambda: [entry.bound.units_consistent() for entry in entries])
    print(f"units of all entries {core:22.3f} s")
    decided: list[str] = []
    took = seconds(lambda: decided.extend(decide(one).verdict for one in implications()))
    core += took
    print(f"implications, {len(decided)} {took:24.3f} s   {dict(Counter(decided))}")
    verdicts: list[str] = []
    took = seconds(lambda: verdicts.extend(check.verdict for check in all_checks()))
    core += took
    print(f"upper against lower, {len(verdicts)} pairs {took:11.3f} s   {dict(Counter(verdicts))}")
    print(f"units + implications + upper against lower {core:.3f} s   (budget 60 s)")
    pairs = [pair for pair in combinations(entries, 2) if pair[0].bound.measure == pair[1].bound.measure]
    if wanted is not None:
        pairs = random.Random(0).sample(pairs, min(wanted, len(pairs)))
    times = []
    relations: Counter[str] = Counter()
    for first, second in pairs:
        start = time.process_time()
        relations[compare(first.bound, second.bound).relation] += 1
        times.append((time.process_time() - start, first.id, second.id))
    times.sort(reverse=True)
    over = sum(took > 0.2 for took, _, _ in times)
    print(f"pairs of the same measure: {len(times)} in {sum(t for t, _, _ in times):.1f} s, {over} over 0.2 s")
    print(f"  {dict(relations)}")
    for took, a, b in times[:SLOWEST_SHOWN]:
        print(f"  {took:6.3f} s  {a}  {b}")


if __name__ == "__main__":
    main()
