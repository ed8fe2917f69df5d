"""Stochastic local SGD over K, R and M in the noise-dominated regime, at the step size that Theorem 27 prescribes."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.rates.papers.patel2024.theorem_27 import thm27_logarithm
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.verify.experiment import experiment
from tightrate.verify.judging.power_law import replicas_needed
from tightrate.verify.session import Session
from tightrate.verify.sweep.run import Sweep, run_sweep

HALF_WIDTH = 0.02  # of every exponent's 99 % interval, which sizes the replicas


def sweep(replicas: int, seed: int) -> Sweep:
    """Equal Hessians, different optima; mu K R / L and the noise are large, so the statistical term dominates."""
    return Sweep(
        name="krm-sweep",
        algorithm="local-sgd",
        problem="random-quadratics",
        theorem="patel2024/thm27-equal-quadratics",
        axes={"K": (8, 16, 32, 64), "R": (16, 32, 64, 128), "M": (2, 4, 8, 16)},
        parameters={"mu": 0.5, "L": 1.0, "d": 4, "tau": 0.0, "zeta_star": 1.0, "sigma": 4.0, "B": 4.0},
        output="weighted",
        replicas=replicas,
        seed=seed,
    )


@experiment("krm-sweep")
def krm_sweep(session: Session) -> xr.Dataset:
    """The sweep with replicas sized by a pilot; `logarithm` is the theorem's own logarithm on the same grid."""
    pilot = run_sweep(sweep(16, session.seed + 1), jobs=session.jobs)
    mesh = np.meshgrid(*(pilot[name].values for name in ("K", "R", "M")), indexing="ij")
    grid = {name: values.ravel() for name, values in zip(("K", "R", "M"), mesh, strict=True)}
    deviation = (pilot["gap"].std("replica", ddof=1) / pilot["gap_mean"]).values.ravel()
    needed = replicas_needed(grid, deviation, half_width=HALF_WIDTH)
    final = sweep(max(needed, session.choose(quick=64, full=1024)), session.seed)
    dataset = run_sweep(final, jobs=session.jobs, progress=session.progress)
    logarithm = thm27_logarithm()
    values = {**final.parameters, **dict(zip(("K", "R", "M"), mesh, strict=True))}
    dataset["logarithm"] = (
        ("K", "R", "M"),
        vectorized(logarithm)(**{symbol.name: values[symbol.name] for symbol in logarithm.free_symbols}),
    )
    dataset.attrs["replicas_needed"] = needed
    dataset.attrs["replicas"] = final.replicas
    return dataset
