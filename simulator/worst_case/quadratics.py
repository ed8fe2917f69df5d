"""The worst quadratic of one worker: after a linear method every error is a polynomial in the curvature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tightrate.common.errors import TightrateError
from tightrate.simulator.worst_case.settings import Method, settings_of
from tightrate.simulator.worst_case.trajectory import exchangeable

Array = NDArray[np.float64]
CURVATURES = 2001  # between mu and L, at which a maximum is looked for before it is refined


@dataclass(frozen=True)
class WorstQuadratic:
    """The largest value of a measure over quadratics, attained by h (x - x*)^2/2 with the `curvature` h."""

    value: float
    curvature: float


def worst_quadratic(algorithm: Method, **settings: Any) -> WorstQuadratic:
    """The worst case over convex quadratics with curvatures between mu and L, of one worker or identical ones.

    In an eigendirection of the curvature h the gradients are h x_i, so that x_i = start_i x_0 + h sum_j own_ij x_j; all
    measures are sums over eigendirections, hence largest where all of B lies in one.  Settings are those of
    `worst_case`.

    >>> found = worst_quadratic("local-sgd", K=1, R=1, M=1, eta=1.0)  # h (1 - h)^2/2 at h = 1/3
    >>> round(found.value, 9), round(found.curvature, 6)
    (0.074074074, 0.333333)
    """
    asked = settings_of(algorithm, settings)
    if asked.numbers["M"] != 1:
        raise TightrateError("the worst quadratic is that of one worker; give M=1")
    L, mu, B = (asked.numbers[name] for name in ("L", "mu", "B"))
    run = exchangeable(asked.rule, K=asked.local_steps, R=int(asked.numbers["R"]), decay=asked.decay)
    moves, power = run.mean + run.own, {"gap": 1, "squared-distance": 0, "squared-gradient": 2}[asked.measure]

    def measured(curvatures: Array) -> Array:
        h = curvatures[:, None, None]
        points = np.linalg.solve(
            np.eye(run.points) - h * moves, np.broadcast_to(run.start[:, None], (len(h), run.points, 1))
        )
        squares = points[:, run.output, 0] ** 2 * B**2 * curvatures**power
        return np.asarray(squares / 2 if asked.measure == "gap" else squares)

    grid = np.linspace(mu, L, CURVATURES)
    values = measured(grid)
    at = int(values.argmax())
    between = (grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)])
    refined = minimize_scalar(
        lambda h: -float(measured(np.array([h]))[0]), bounds=between, method="bounded", options={"xatol": 1e-12 * L}
    )
    h = float(refined.x) if -refined.fun > values[at] else float(grid[at])
    return WorstQuadratic(float(max(-refined.fun, values[at])), h)
