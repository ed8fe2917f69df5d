"""patel2024, Prop. 19 in the plane: the path of the fixed point from the optimum to the mean of the optima."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.patel2024.fixed_point import predicted_fixed_point
from tightrate.verify.session import Session

CURVATURES = (1.0, 0.06)  # of every worker, along its own two axes
ANGLES = (3.0, 2.0, 2.6)  # of the first axis, in radians
OPTIMA = ((1.0, 1.0), (-1.0, -0.5), (0.5, -0.5))
STEPS = (0.05, 0.3, 1.0)  # eta L
SIMULATED = (1.0, 3.0, 10.0, 30.0, 100.0)


def three_workers() -> QuadraticWorkers:
    """Three workers in the plane, steep along one direction each."""
    hessians = []
    for angle in ANGLES:
        axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        hessians.append((axes * CURVATURES) @ axes.T)
    symmetric = np.stack(hessians)
    return QuadraticWorkers((symmetric + symmetric.swapaxes(-1, -2)) / 2, np.array(OPTIMA))


@experiment("patel2024-moving-fixed-point")
def moving_fixed_point(session: Session) -> xr.Dataset:
    """`path` ($eta, K$, axis) of Prop. 19's fixed point, and `simulated` where a run step by step ends (nan
    elsewhere).

    `optimum`, `mean_optimum` (axis), `optima` (worker, axis), `hessian` (axis, other): the instance."""
    problem = three_workers()
    L, mu = (float(problem.constants[name]) for name in ("L", "mu"))
    K = np.union1d(np.round(np.geomspace(1, 3000, 60)), SIMULATED)
    eta = np.array(STEPS) / L
    path = predicted_fixed_point(problem, *np.broadcast_arrays(K, eta[:, None]))[0]
    ends = np.full(path.shape, np.nan)
    for done, steps in enumerate(SIMULATED):
        rounds = int(np.ceil(14 / (1 - (1 - eta[0] * mu) ** steps)))
        run = sample(local_sgd(eta=eta), problem, K=steps, R=rounds, measured_rounds=(rounds,))
        ends[:, np.flatnonzero(steps == K)[0]] = run.last
        session.progress("patel2024-moving-fixed-point", done + 1, len(SIMULATED))
    return xr.Dataset(
        {
            "path": (("eta", "K", "axis"), path),
            "simulated": (("eta", "K", "axis"), ends),
            "optimum": ("axis", problem.optimum),
            "mean_optimum": ("axis", problem.minimizers.mean(axis=0)),
            "optima": (("worker", "axis"), problem.minimizers),
            "hessian": (("axis", "other"), problem.mean_hessian),
        },
        coords={"eta": eta, "K": K},
        attrs={"L": L, "mu": mu, "M": problem.workers},
    )
