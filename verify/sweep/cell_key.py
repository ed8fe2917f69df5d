"""What a cell's bits depend on beside its own inputs, and the key that names them all."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from platform import machine, python_version
from typing import Any

import numpy as np

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError
from tightrate.common.threads import blas_kernel
from tightrate.constructions.problem_file import ProblemFile, is_problem_file
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import noise_constructor, problem_constructor, problem_name
from tightrate.simulator.measures import MEASURES
from tightrate.verify.cache.code_digest import source_digest, version_of
from tightrate.verify.sweep.cell import Cell

RUNS_CELLS = ("tightrate.verify.sweep.cell", "tightrate.verify.sweep.packs")
MOVES_BITS = (  # of what these reach
    "tightrate.common",
    "tightrate.constructions",
    "tightrate.simulator",
    "tightrate.verify.sweep",
)


def environment() -> Mapping[str, str]:
    """The versions, the code, the kind of CPU and the BLAS kernel that a cell's bits depend on."""
    with paper_files.ONE_AT_A_TIME:
        return _environment()


@cache
def _environment() -> Mapping[str, str]:
    return {
        "python": ".".join(python_version().split(".")[:2]),
        **{name: version_of(name) for name in ("tightrate", "numpy", "scipy", "numba", "llvmlite")},
        "code": source_digest(*RUNS_CELLS, within=MOVES_BITS),
        "cpu": _cpu(),
        "kernel": blas_kernel(),
    }


def _cpu() -> str:
    """The machine and the instruction sets that numpy found: its loops for them may round differently."""
    umath = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
    found: Mapping[str, bool] = getattr(umath, "__cpu_features__", {})
    names = " ".join(sorted(name for name, present in found.items() if present))
    return f"{machine()}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"


def cell_key(cell: Cell) -> str:
    """The name of a cell: a digest of all of its inputs, so that any change of one of them is another cell.

    What a cell takes from papers of one's own changes with these; a function that is found under no name in one of them
    may change unseen.
    """
    text = cell.as_json() + json.dumps(dict(environment()), sort_keys=True)
    if not isinstance(cell.problem, str):
        text += f"{cell.problem.__module__} {_importable(cell.problem)}"
    if isinstance(cell.problem, str) and is_problem_file(cell.problem):
        text += ProblemFile(cell.problem).digest()
    if any(paper_files.is_own(part.__module__) for part in _parts(cell)):
        text += paper_files.digest()
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _parts(cell: Cell) -> list[Callable[..., Any]]:
    """Everything that the cell's numbers are made by, and that papers of one's own may have."""
    problem, noise = problem_constructor(cell.problem), noise_constructor(cell.noise)
    return [ALGORITHMS[cell.algorithm], problem, noise, *(MEASURES[name].take for name in cell.measures)]


def _importable(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "")
    if not paper_files.is_own(function.__module__) or vars(sys.modules[function.__module__]).get(name) is not function:
        raise TightrateError(
            f"cells on {problem_name(function)} cannot be kept: nothing tells that a function of your own changed"
        )
    return name
