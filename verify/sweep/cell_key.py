"""What a cell's bits depend on beside its own inputs, and the key that names them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from platform import machine, python_version

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.common.threads import blas_kernel
from tightrate.simulator.by_name import problem_name
from tightrate.verify.cache.code_digest import source_digest, version_of
from tightrate.verify.sweep.cell import Cell

RUNS_CELLS = ("tightrate.verify.sweep.cell", "tightrate.verify.sweep.packs")
MOVES_BITS = (  # of what these reach
    "tightrate.common",
    "tightrate.constructions",
    "tightrate.simulator",
    "tightrate.verify.sweep",
)


@cache
def environment() -> Mapping[str, str]:
    """The versions, the code, the kind of CPU and the BLAS kernel that a cell's bits depend on."""
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
    """The name of a cell: a digest of all of its inputs, so that any change of one of them is another cell."""
    if not isinstance(cell.problem, str):
        raise TightrateError(
            f"cells on {problem_name(cell.problem)} cannot be kept: nothing tells that a function of your own changed"
        )
    text = cell.as_json() + json.dumps(dict(environment()), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
