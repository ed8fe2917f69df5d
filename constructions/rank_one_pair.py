"""The rank-one pair of patel2024 Prop. 7: the instance on which local steps do not help."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.parameters import batch, even_workers
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.quadratics import QuadraticWorkers


@PROBLEMS.add("rank-one-pair")
def rank_one_pair(*, cosine: ArrayLike, L: ArrayLike = 1.0, B: ArrayLike = 1.0, M: int = 2) -> QuadraticWorkers:
    """Even workers have the Hessian L e1 e1', odd ones L v v' with v = (c, sqrt(1 - c^2)), c the cosine.

    All workers share the optimum x* = -(B/sqrt 2)(v_+ + v_-), where v_+- are the eigenvectors of the average
    Hessian, with eigenvalues L (1 +- c) / 2; so every heterogeneity at the optimum vanishes and |x*| = B.
    `cosine`, `L` and `B` may be arrays: a batch of instances.

    >>> pair = rank_one_pair(cosine=0.5)
    >>> bool(np.allclose(np.linalg.eigvalsh(pair.mean_hessian), [0.25, 0.75]))
    True
    """
    workers = even_workers(M, "the rank-one pair")
    c, smoothness, distance = batch(cosine=cosine, L=L, B=B)
    sine = np.sqrt((1 - c) * (1 + c))
    first = np.stack([np.ones_like(c), np.zeros_like(c)], axis=-1)
    second = np.stack([c, sine], axis=-1)
    larger, smaller = first + second, first - second  # eigenvectors of the sum of two rank-one projectors
    larger, smaller = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (larger, smaller))
    optimum = -distance[..., None] / np.sqrt(2) * (larger + smaller)
    directions = np.stack([first if m % 2 == 0 else second for m in range(workers)], axis=-2)
    hessians = smoothness[..., None, None, None] * directions[..., :, None] * directions[..., None, :]
    minimizers = np.repeat(optimum[..., None, :], workers, axis=-2)
    return QuadraticWorkers(hessians, minimizers, known_optimum=optimum)
