"""Running the command line as another process would, and what every answer of it must keep."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE = 3600.0  # seconds until a command has hung, however busy the machine
COMMAND = (sys.executable, "-P", "-m", "tightrate")


def environment(**more: str) -> dict[str, str]:
    """The environment of a child that finds the package under test, whatever its folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def run_child(*arguments: object, env: Mapping[str, str] | None = None, **options: Any) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command in a process of its own."""
    command: Sequence[str] = [*COMMAND, *map(str, arguments)]
    options = {"timeout": PATIENCE, "text": True, **options}
    ran = subprocess.run(command, env=environment(**(env or {})), capture_output=True, check=False, **options)
    return ran.returncode, ran.stdout, ran.stderr


def is_one_line(message: str) -> bool:
    """A refusal: one line that begins with the program's name, no traceback, no warning of a library."""
    return message.startswith("tightrate: ") and message.count("\n") == 1 and message.endswith("\n")
