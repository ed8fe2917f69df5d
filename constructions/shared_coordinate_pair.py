"""The rank-one pair beside a coordinate that all workers share: local steps do not help at small tau either."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.parameters import at_most, batch
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.rank_one_pair import rank_one_pair


@PROBLEMS.add("shared-coordinate-pair")
def shared_coordinate_pair(
    *, cosine: ArrayLike, curvature: ArrayLike = 0.1, L: ArrayLike = 1.0, B: ArrayLike = 1.0, M: int = 2
) -> QuadraticWorkers:
    """The rank-one pair with curvature `curvature` <= L on two coordinates, and (L/2) x_3^2 on every worker.

    From the workshop version of patel2024: all workers are L-smooth while two Hessians differ by only
    tau = curvature sqrt(1 - cosine^2), and what Prop. 7 says of the pair holds with `curvature` in the place of L:
    local gradient descent stays at least curvature B^2/(108 R) above the optimum at cosine 1 - 1/(6 R).

    >>> constants = shared_coordinate_pair(cosine=0.6, curvature=0.5).constants
    >>> float(constants["L"]), round(float(constants["tau"]), 12)
    (1.0, 0.4)
    """
    c, small, smoothness, distance = batch(cosine=cosine, curvature=curvature, L=L, B=B)
    small = at_most("curvature", small, smoothness, "L")
    pair = rank_one_pair(cosine=c, L=small, B=distance, M=M)
    hessians = np.zeros((*pair.hessians.shape[:-2], 3, 3))
    hessians[..., :2, :2] = pair.hessians
    hessians[..., 2, 2] = smoothness[..., None]
    padding = [(0, 0)] * pair.optimum.ndim
    optimum = np.pad(pair.optimum, [*padding[:-1], (0, 1)])
    minimizers = np.pad(pair.minimizers, [*padding, (0, 1)])
    return QuadraticWorkers(hessians, minimizers, known_optimum=optimum)
