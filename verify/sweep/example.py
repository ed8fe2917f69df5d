"""A small sweep with a theorem beside it, exact: what a sweep of one's own looks like when it is drawn."""

from __future__ import annotations

import xarray as xr

from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session
from tightrate.verify.sweep.run import Sweep, run_sweep, spaced


@experiment("sweep-example")
def sweep_example(session: Session) -> xr.Dataset:
    """Exact moments of local SGD on equal quadratics over $K$, $R$ and $eta$, with Theorem 1 of khaled2025 beside."""
    asked = Sweep(
        name="equal quadratics",
        algorithm="local-sgd",
        problem="random-quadratics",
        theorem="khaled2025/thm1",
        axes={"K": (1, 4, 16, 64), "R": (4, 16, 64, 256), "eta": spaced("eta", 0.001, 0.25, 6, "log")},
        parameters={"mu": 0.01, "L": 1.0, "d": 8, "tau": 0.0, "zeta_star": 0.0, "sigma": 1.0, "B": 4.0, "M": 4},
        steps={"gamma": 1.0},
        output="average",
        method="exact",
        measures=("gap",),
        seed=session.seed,
    )
    return run_sweep(asked, jobs=session.jobs)
