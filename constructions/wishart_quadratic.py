"""The random quadratic of khaled2025 Figure 1."""

from __future__ import annotations

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.fixed_order import eigenvalue_range, product
from tightrate.constructions.parameters import batch, check_memory, count, generator_of
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.quadratics import QuadraticWorkers


@PROBLEMS.add("wishart-quadratic")
def wishart_quadratic(
    *, d: int = 50, M: int = 8, power: int = 1, L: float | None = None, seed: int = 0
) -> QuadraticWorkers:
    """F(x) = (x - x*)' Q^power (x - x*) / 2 on every worker, Q = A'A with A and x* of standard normal entries.

    As printed in khaled2025 (section on quadratics, Figure 1: d = 50, R = 1000, K = 50, eta = 0.001), the objective
    |Q(x - x*)|^2 / 2 has power = 2, and every outer step size diverges at that eta, since eta L is about 30 to 40;
    power = 1 has eta L of about 0.2 and shows the reported trend.  The number of workers, the start and the seeds
    are not given there.  `L` rescales the objective to that smoothness.

    >>> round(float(wishart_quadratic(d=5, L=2.0).constants["L"]), 12)
    2.0
    """
    dimension, workers = count("d", d), count("M", M)
    check_memory(workers * dimension**2, f"wishart-quadratic with M = {workers} and d = {dimension}")
    if power not in (1, 2):
        raise TightrateError(f"power must be 1 or 2 (as printed), not {power}")
    generator = generator_of(seed)
    factor = generator.standard_normal((dimension, dimension))
    optimum = generator.standard_normal(dimension)
    hessian = product(factor.T, factor)
    if power == 2:
        hessian = product(hessian, hessian)
    if L is not None:
        (smoothness,) = batch(L=L)
        hessian = hessian * (smoothness / eigenvalue_range((hessian + hessian.T) / 2)[1])
    hessian = (hessian + hessian.T) / 2
    return QuadraticWorkers(
        np.broadcast_to(hessian, (workers, dimension, dimension)),
        np.broadcast_to(optimum, (workers, dimension)),
        known_optimum=optimum,
    )
