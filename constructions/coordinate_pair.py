"""The coordinate example (7)-(8) of patel2024: two workers, each sees one coordinate."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.parameters import batch
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.quadratics import QuadraticWorkers


@PROBLEMS.add("coordinate-pair")
def coordinate_pair(*, L: ArrayLike = 1.0, B: ArrayLike = 1.0) -> QuadraticWorkers:
    """F_i(x) = (L/2)(x[i] - x*[i])^2 for i = 1, 2, with x* = (B, B)/sqrt 2; then F = (L/4)|x - x*|^2."""
    smoothness, distance = batch(L=L, B=B)
    optimum = distance[..., None] / np.sqrt(2) * np.ones(2)
    projectors = np.stack([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])])
    hessians = smoothness[..., None, None, None] * projectors
    return QuadraticWorkers(hessians, np.repeat(optimum[..., None, :], 2, axis=-2), known_optimum=optimum)
