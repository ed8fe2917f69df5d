"""What the experiments of patel2024 record of batches of quadratic workers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tightrate.constructions.quadratics import QuadraticWorkers

Array = NDArray[np.float64]
CONSTANTS = ("L", "mu", "tau", "tau_mean", "zeta_star", "zeta_mean", "zeta_opt", "B")
MATRICES = ("instance", "worker", "row", "column")


def constants_of(problem: QuadraticWorkers) -> dict[str, Array]:
    """What the theorems depend on, measured on every instance."""
    return {name: problem.constants[name] for name in CONSTANTS}


def farthest_optimum(problem: QuadraticWorkers) -> Array:
    """max |x_m*| on every instance, the size of what is computed with."""
    return np.asarray(np.linalg.norm(problem.minimizers, axis=-1).max(axis=-1))


def matrices_of(problem: QuadraticWorkers) -> dict[str, ArrayLike]:
    """The `hessians` and `minimizers` themselves, along MATRICES."""
    worker, axis = range(problem.workers), range(problem.dimension)
    return {
        "hessians": problem.hessians,
        "minimizers": problem.minimizers,
        "worker": worker,
        "row": axis,
        "column": axis,
    }
