"""Faults planted by hand, one at a time in a copy of the tree:  python tests/planted_faults.py [AREA ...]

`planted_faults.toml` says what is changed in which module and which tests must notice: a wrong constant, exponent,
sign, condition, letter, a swapped argument, an allowance that is too generous.  The tests pass on the tree as it is.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation_testing import LEFT_OUT, ROOT

SECONDS = 900  # a fault may keep the tests from ending for so long before it counts as noticed


@dataclass(frozen=True)
class Fault:
    """`old`, found once in `module`, becomes `new`; pytest with the arguments `tests` must fail."""

    area: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def text(self) -> str:
        """The module with the fault in it."""
        original = (ROOT / self.module).read_text(encoding="utf-8")
        if original.count(self.old) != 1:
            raise LookupError(f"{self.module} has {self.old!r} {original.count(self.old)} times, not once")
        return original.replace(self.old, self.new)

    def is_noticed(self, folder: Path) -> bool:
        """Whether its tests fail on a copy of the tree that has it."""
        module = folder / self.module
        original = module.read_text(encoding="utf-8")
        module.write_text(self.text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *self.tests]
        try:
            done = subprocess.run(
                command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False
            )
            return done.returncode != 0
        except subprocess.TimeoutExpired:
            return True
        finally:
            module.write_text(original, encoding="utf-8")


def planted() -> list[Fault]:
    """All faults, in the order of the file."""
    found = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["fault"]
    return [Fault(**{**one, "tests": tuple(one["tests"])}) for one in found]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every fault and whether it is noticed, then the count of each area; 1 where one is not."""
    faults = planted()
    parser = argparse.ArgumentParser(description="the tests against faults planted by hand")
    parser.add_argument("areas", nargs="*", choices=[[], *dict.fromkeys(one.area for one in faults)], metavar="AREA")
    parser.add_argument("--at-most", type=int, default=len(faults), metavar="N", help="the first N of each area")
    given = parser.parse_args(arguments)
    noticed: Counter[str] = Counter()
    made: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "tree"
        shutil.copytree(ROOT, folder, symlinks=True, ignore=LEFT_OUT)
        for fault in faults:
            if (given.areas and fault.area not in given.areas) or made[fault.area] >= given.at_most:
                continue
            found = fault.is_noticed(folder)
            made[fault.area] += 1
            noticed[fault.area] += found
            told = "noticed" if found else "NOT NOTICED"
            print(f"{told}: {fault.module}: {' '.join(fault.new.split())}", flush=True)
    for area, count in made.items():
        print(f"{area}: {noticed[area]} of {count} noticed")
    return int(noticed != made)


if __name__ == "__main__":
    sys.exit(main())
