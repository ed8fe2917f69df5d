"""Where the fixed point of patel2024's Prop. 19 goes: one local step, tiny inner steps, infinitely many local steps."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.random_quadratics import random_machines
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session


@experiment("patel2024-fixed-point-limits")
def fixed_point_limits(session: Session) -> xr.Dataset:
    """Random machines, distances relative to the farthest machine's optimum.

    `one_step` and `many_steps` (instance): of the fixed point from the optimum at K = 1, and from the mean of the
    machines' optima at K = infinity.  `from_optimum` (step, instance) at `share` of eta = 1/L; `from_mean`
    (multiple, instance) at K = multiple / (eta mu), rounded up.
    """
    n = session.choose(quick=200, full=4000)
    generator = stream(session.seed, experiment="patel2024-fixed-point-limits")
    problem = random_machines(generator, n, 3, 2)
    constants = problem.constants
    K = generator.integers(2, 33, n).astype(np.float64)
    eta = 10 ** generator.uniform(-2, -0.05, n) / constants["L"]
    size = np.linalg.norm(problem.minimizers, axis=-1).max(axis=-1)
    mean = problem.minimizers.mean(axis=-2)
    share, multiple = 10.0 ** -np.arange(1, 8), np.array([2.0, 8.0, 32.0])

    def distance(steps: np.ndarray, inner: np.ndarray, target: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(round_map(problem, K=steps, eta=inner).fixed_point - target, axis=-1) / size)

    small = [distance(K, part / constants["L"], problem.optimum) for part in share]
    large = [distance(np.ceil(times / (eta * constants["mu"])), eta, mean) for times in multiple]
    return xr.Dataset(
        {
            "one_step": (("instance",), distance(np.ones(n), eta, problem.optimum)),
            "many_steps": (("instance",), distance(np.full(n, np.inf), eta, mean)),
            "from_optimum": (("share", "instance"), np.stack(small)),
            "from_mean": (("multiple", "instance"), np.stack(large)),
            "apart": (("instance",), np.linalg.norm(mean - problem.optimum, axis=-1) / size),
            "L": (("instance",), constants["L"]),
            "mu": (("instance",), constants["mu"]),
            "K": (("instance",), K),
            "eta": (("instance",), eta),
        },
        coords={"share": share, "multiple": multiple},
        attrs={"theorem": "patel2024/prop19"},
    )
