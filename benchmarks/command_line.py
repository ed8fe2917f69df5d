"""The small commands: CPU seconds, and how many times as long as `import sympy` they take.

python benchmarks/command_line.py [--turns 7] [--check]

Every turn runs each command and `import sympy` once, so that a loaded machine slows both down; shown are medians. Each
command has run before: its modules are compiled and its lists are kept, as on a user's machine. With --check the exit
status is 1 where a command takes more than its share.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from statistics import median

ALGEBRA = ("-c", "import sympy")
BOUND = "L*B^2/R + sigma*B/sqrt(M*K*R)"
COMMANDS: Mapping[str, tuple[tuple[str, ...], float]] = {  # what is run, and the most it may take
    "list theorems": (("list", "theorems"), 1.0),
    "list claims": (("list", "claims"), 1.0),
    "show": (("show", "patel2024/thm27"), 2.2),
    "evaluate": (("evaluate", "patel2024/prop7-constant", "L=1", "B=1", "R=10"), 2.0),
    "compare": (("compare", "patel2024/thm9", "woodworth2020a/convex"), 2.1),
    "check-bound": (("check-bound", BOUND), 4.2),
    "completion": ((), 1.0),
}
TYPED = "tightrate show patel2024/th"
RUN = "import sys; sys.argv[0] = 'tightrate'; from tightrate.command_line import main; main()"


def seconds(arguments: Sequence[str], environment: Mapping[str, str]) -> float:
    """CPU seconds of one run of the interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(turns: int) -> dict[str, list[tuple[float, float]]]:
    """For every command the seconds of each turn: its own, and those of `import sympy` right before."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        plain |= {"PYTHONPYCACHEPREFIX": f"{folder}/compiled", "XDG_CACHE_HOME": f"{folder}/kept", "COLUMNS": "100"}
        typed = {"_TIGHTRATE_COMPLETE": "complete_bash", "COMP_WORDS": TYPED, "COMP_CWORD": "2"}
        for turn in range(turns + 1):  # the first one compiles and keeps
            for name, (arguments, _) in COMMANDS.items():
                algebra = seconds(ALGEBRA, plain)
                environment = plain if arguments else {**plain, **typed}
                own = seconds(("-c", RUN, *arguments), environment)
                if turn:
                    found[name].append((own, algebra))
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(arguments)
    found = measured(given.turns)
    algebra = median(other for times in found.values() for _, other in times)
    lines, slow = [f"{'command':<14}  CPU s  x import sympy  at most"], False
    lines.append(f"{'import sympy':<14}  {algebra:5.2f}  {1:14.2f}")
    for name, times in found.items():
        ratio, most = median(own / other for own, other in times), COMMANDS[name][1]
        late = ratio > most
        slow |= late
        lines.append(
            f"{name:<14}  {median(own for own, _ in times):5.2f}  {ratio:14.2f}  {most:7.2f}{'  NOT MET' * late}"
        )
    sys.stdout.write("\n".join(lines) + "\n")
    return int(given.check and slow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
