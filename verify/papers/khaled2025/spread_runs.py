"""Infinitely many workers on a function with a kink: where plain averaging settles, however many they are.

The mean of the workers after a round depends on the round's start alone.  It is found backwards: the expected end of
the round from every point before the last step, before the last but one, and so on.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.fedavg import fedavg
from tightrate.verify.experiment import experiment
from tightrate.verify.falsification.instances.kinked_functions import bent_parabola, run
from tightrate.verify.session import Session

Array = NDArray[np.float64]
TILT = 0.35  # the slope at the kink, in units of L eta sigma sqrt K: where the drift is largest
REACH = 9.0  # of the grid, in units of the spread of a round
ALL_PATHS = 5  # local steps up to which all paths are followed one by one as well


def settled_offset(K: int, step: float, *, left: float = 0.0, points: int) -> tuple[float, float]:
    """Where rounds come to rest and where their local iterates are on average, as distances from the optimum.

    The unit of length is eta sigma; `step` is eta L.  f = (L x_+^2 + left L x_-^2)/2 - s x with s = TILT L eta sigma
    sqrt K (on `left` = 1 an ordinary parabola), noise +-sigma with equal chances.  Between the points of a grid the
    expected move of the rest of the round is taken as linear.
    """
    spread = np.sqrt(K)
    x = np.linspace(-REACH * spread, REACH * spread, points)
    moved = x - step * (np.where(x > 0, 1.0, left) * x - TILT * spread)
    rest, total = np.zeros_like(x), np.zeros_like(x)
    for _ in range(K):  # `rest` is the expected move in the remaining steps, `total` sums it over their number
        total += rest
        rest = moved - x + (np.interp(moved + 1, x, rest) + np.interp(moved - 1, x, rest)) / 2
    inside = slice(points // 4, -(points // 4))
    start = float(np.interp(0.0, -rest[inside], x[inside]))
    mean = start + float(np.interp(start, x, total)) / K
    return start - TILT * spread, mean - TILT * spread


@experiment("khaled2025-spread")
def spread(session: Session) -> xr.Dataset:
    """The gap at which local SGD with plain averaging settles with infinitely many workers, over K and eta L.

    Over (K, eta): `gap` of the average of all local iterates in units of L eta^2 sigma^2 K; `bound`, Theorem 1's for
    R = M = inf, in the same units; `by_paths`, the gap after one round from the resting point by following every path
    of the noise with the shipped algorithm (nan for larger K); `on_a_parabola`, the same without a kink.
    """
    K = np.array([5, 20, 80, 320])
    eta = np.geomspace(1e-5, 1e-2, 7)
    points = session.choose(quick=4001, full=16001)
    offsets = np.array([[settled_offset(int(k), float(step), points=points) for step in eta] for k in K])
    on_a_parabola = np.array(
        [[settled_offset(int(k), float(step), left=1.0, points=points)[1] for step in eta] for k in K]
    )
    by_paths = np.full(offsets.shape[:2], np.nan)
    for i, k in enumerate(K[K <= ALL_PATHS]):
        by_paths[i] = _by_paths(float(k), eta, offsets[i, :, 0])
    source = theorem("khaled2025/thm1").bound
    bound = source.function(L=1.0, B=1.0, sigma=1.0, gamma=1.0, M=np.inf, R=np.inf)(K=K[:, None], eta=eta)
    return xr.Dataset(
        {
            "gap": (("K", "eta"), offsets[..., 1] ** 2 / 2 / K[:, None]),
            "by_paths": (("K", "eta"), by_paths),
            "on_a_parabola": (("K", "eta"), on_a_parabola**2 / 2 / K[:, None]),
            "bound": (("K", "eta"), bound / (eta**2 * K[:, None])),
        },
        coords={"K": K.astype(np.float64), "eta": eta},
        attrs={"theorem": "khaled2025/thm1", "tilt": TILT},
    )


def _by_paths(K: float, eta: Array, offset: Array) -> Array:
    """The gap of the average of one round's local iterates, started at the resting point, in units of L eta^2 K."""
    n, one = len(eta), np.ones(len(eta))
    slope = TILT * eta * np.sqrt(K)
    problem = bent_parabola(0 * one + 1e-12, slope, one)
    found = run(
        problem,
        fedavg(eta=eta, gamma=1.0),
        eta=eta,
        K=np.full(n, K),
        R=one,
        start=1.0 + eta * offset,
        jumps=(one, -one),
        probability=one / 2,
    )
    return found.gap / (eta**2 * K)
