"""What the experiments of patel2024 record of batches of quadratic machines."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.quadratics import QuadraticMachines

Array = NDArray[np.float64]
CONSTANTS = ("L", "mu", "tau", "tau_mean", "zeta_star", "zeta_mean", "zeta_opt", "B")


def constants_of(problem: QuadraticMachines) -> dict[str, Array]:
    """What the theorems depend on, measured on every instance."""
    return {name: problem.constants[name] for name in CONSTANTS}


def farthest_optimum(problem: QuadraticMachines) -> Array:
    """max |x_m*| on every instance, the size of what is computed with."""
    return np.asarray(np.linalg.norm(problem.minimizers, axis=-1).max(axis=-1))


def matrices_of(problem: QuadraticMachines) -> xr.Dataset:
    """The `hessians` (instance, machine, row, column) and `minimizers` (instance, machine, row) themselves."""
    return xr.Dataset(
        {
            "hessians": (("instance", "machine", "row", "column"), problem.hessians),
            "minimizers": (("instance", "machine", "row"), problem.minimizers),
        },
        coords={"machine": range(problem.workers), **dict.fromkeys(("row", "column"), range(problem.dimension))},
    )
