"""Mutation testing with cosmic-ray:  python tests/mutation_testing.py [--sample N] [MODULE ...]

The table [tool.tightrate.mutation] of pyproject.toml says which tests must notice a mutant of which module.  Mutants
are made in a copy of the tree, one at a time; at the end stands the score of each module, before it every survivor.
Survivors that no caller can tell from the original are in [tool.tightrate.mutation-equivalent], each with its reason.
A sample is the same N mutants of a module every time, drawn evenly from all of them.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(".*", "report", "build", "dist", "_build", "docs", "__pycache__")
SECONDS = 120  # a mutant may take before it counts as noticed
IN_ANNOTATIONS = "core/ReplaceBinaryOperator_BitOr_.*"  # unions of types, which nothing evaluates


@dataclass(frozen=True)
class Mutant:
    """A change at a place of a module, and whether a test failed on it or did not end."""

    operator: str
    line: int
    text: str
    noticed: bool
    endless: bool

    @property
    def name(self) -> str:
        """What was done, and to which line."""
        return f"{self.operator.removeprefix('core/')}: {self.text}"


def table(name: str) -> Mapping[str, Any]:
    """A table of pyproject.toml."""
    found: Mapping[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["tightrate"][name]
    return found


def run(folder: Path, *command: str) -> str:
    """A command of cosmic-ray in a folder."""
    tool = str(Path(sys.executable).parent / command[0])
    return subprocess.run([tool, *command[1:]], cwd=folder, check=True, text=True, stdout=subprocess.PIPE).stdout


def leave_all_but(sample: int, session: Path) -> None:
    """Skip all mutants of a session but a sample that depends on nothing else."""
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import WorkerOutcome, WorkResult

    with use_db(str(session)) as database:
        pending = sorted(database.pending_work_items, key=lambda item: str(item.mutations))
        for item in random.Random(0).sample(pending, max(0, len(pending) - sample)):
            database.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED))


def mutants(module: str, tests: Sequence[str], sample: int | None = None) -> Iterator[Mutant]:
    """The mutants of a module, or a sample of them, with what its tests say."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "tree"
        shutil.copytree(ROOT, folder, symlinks=True, ignore=LEFT_OUT)
        command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider -p no:xdist {' '.join(tests)}"
        (folder / "mutation.toml").write_text(
            f'[cosmic-ray]\nmodule-path = "{module}"\ntimeout = {SECONDS}\nexcluded-modules = []\n'
            f'test-command = "{command}"\n[cosmic-ray.distributor]\nname = "local"\n'
            f'[cosmic-ray.filters.operators-filter]\nexclude-operators = ["{IN_ANNOTATIONS}"]\n'
        )
        lines = (folder / module).read_text().splitlines()
        subprocess.run(command.split(), cwd=folder, check=True, stdout=subprocess.DEVNULL)  # the original passes
        run(folder, "cosmic-ray", "init", "mutation.toml", "session.sqlite")
        run(folder, "cr-filter-operators", "session.sqlite", "mutation.toml")
        if sample is not None:
            leave_all_but(sample, folder / "session.sqlite")
        run(folder, "cosmic-ray", "exec", "mutation.toml", "session.sqlite")
        for entry in run(folder, "cosmic-ray", "dump", "session.sqlite").splitlines():
            item, result = json.loads(entry)
            if result["worker_outcome"] != "skipped":
                done = item["mutations"][0]
                line = done["start_pos"][0]
                yield Mutant(
                    done["operator_name"],
                    line,
                    lines[line - 1].strip(),
                    noticed=result["test_outcome"] != "survived",
                    endless=result["output"] == "timeout",
                )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print survivors and scores; 1 where a survivor is not explained."""
    parser = argparse.ArgumentParser(description="the tests against mutants of the source")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="those of pyproject.toml if none is named")
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants of each module, not all of them")
    given = parser.parse_args(arguments)
    known, unexplained = table("mutation"), 0
    for module in set(given.modules) - set(known):
        print(f"no tests are named for {module}; pyproject.toml names some for: {', '.join(known)}", file=sys.stderr)
        return 2
    for module in given.modules or known:
        explained = table("mutation-equivalent").get(module, {})
        found = list(mutants(module, known[module], given.sample))
        survivors = [one for one in found if not one.noticed]
        equivalent = [one for one in survivors if one.name in explained]
        for one in survivors:
            print(f"{module}:{one.line}: {one.name}  [{explained.get(one.name, 'SURVIVES')}]")
        noticed, all_of_them = len(found) - len(survivors), len(found)
        unexplained += len(survivors) - len(equivalent)
        endless = sum(one.endless for one in found)
        print(
            f"{module}: {noticed} of {all_of_them} noticed, {endless} of them by no end within {SECONDS} s;"
            f" {len(equivalent)} equivalent",
            flush=True,
        )
    return int(unexplained > 0)


if __name__ == "__main__":
    sys.exit(main())
