"""patel2024, Theorem 27 in the noise-dominated regime: stochastic local SGD over K, R and M at the prescribed step."""

from __future__ import annotations

import xarray as xr
from sympy import log

from tightrate.rates.papers.patel2024.theorem_27 import thm27_logarithm
from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of, replicas_needed
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session
from tightrate.verify.sweep.run import Sweep, measurement, run_sweep

AXES = ("K", "R", "M")
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
def runs(session: Session) -> xr.Dataset:
    """The sweep with replicas sized by a pilot: `gap_mean`, `gap_stderr` $(K, R, M)$ of the weighted average."""
    pilot = run_sweep(sweep(16, session.seed + 1), jobs=session.jobs)
    cells = (pilot["gap"].std("replica", ddof=1) / pilot["gap_mean"]).stack(cell=AXES)
    needed = replicas_needed({name: cells[name].values for name in AXES}, cells.values, half_width=HALF_WIDTH)
    final = sweep(max(needed, session.choose(quick=64, full=1024)), session.seed)
    dataset = run_sweep(final, jobs=session.jobs, progress=session.progress)
    return dataset.assign_attrs(replicas_needed=needed, replicas=final.replicas)


def mean_gap(data: xr.Dataset) -> Measurement:
    """The mean over replicas, with its standard error."""
    return measurement(data, what="mean gap of the weighted average")


@claim(
    "patel2024/krm-exponents",
    "On quadratics with equal Hessians, noise-dominated, at the prescribed step the gap of the weighted average"
    " decays in $K$, $R$ and $M$ at least as fast as the statistical term $sigma^2 / (mu M K R)$ times its logarithm.",
    theorem="patel2024/thm27",
    kind="scaling",
    data=runs,
)
def krm_exponents(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Exponents from the statistical term's monomial; the prescribed step's logarithm enters as a known factor."""
    gap = mean_gap(data)
    predicted = exponents_of(theorem.bound.term("statistical"), AXES)
    return PowerLaw(gap, predicted, resolution=0.1, offset=gap.at(log(thm27_logarithm())))


@claim(
    "patel2024/krm-value",
    "On the same grid the measured gap stays below Theorem 27's bound with the constants of its proof.",
    theorem="patel2024/thm27-equal-quadratics",
    kind="bound with constants",
    data=runs,
)
def krm_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Both ends of every cell's interval of five standard errors: 64 cells, no chance of a false alarm."""
    return Bounded(theorem, mean_gap(data))
