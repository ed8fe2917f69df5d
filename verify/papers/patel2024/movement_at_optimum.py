"""patel2024, Prop. 25 and App. C.1: how far one round moves the optimum (A1 implies A6)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_workers
from tightrate.rates.relations.misprints import misprint
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import claim
from tightrate.verify.experiment import all_instances, experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.patel2024.workers import MATRICES, farthest_optimum, matrices_of
from tightrate.verify.session import Session


@experiment("patel2024-movement")
def rounds_from_the_optimum(session: Session) -> xr.Dataset:
    """Random quadratic workers in three units of curvature: `movement` (instance) of the average by one exact round
    from the optimum, over $K eta$."""
    each = session.choose(quick=300, full=5000)
    generator = stream(session.seed, experiment="patel2024-movement")

    def batches() -> Iterator[xr.Dataset]:
        for unit in (0.01, 1.0, 100.0):
            for M, d in ((2, 1), (3, 2), (5, 3)):
                base = random_workers(generator, each, M, d)
                problem = QuadraticWorkers(unit * base.hessians, base.minimizers)
                constants = problem.constants
                K = generator.integers(1, 31, each).astype(np.float64)
                eta = 10 ** generator.uniform(-2, 0, each) / constants["L"]
                moved = round_map(problem, K=K, eta=eta, start=problem.optimum).after(1) - problem.optimum
                yield labelled(
                    *MATRICES,
                    movement=np.linalg.norm(moved, axis=-1) / (K * eta),
                    size=constants["L"] * farthest_optimum(problem),
                    **{name: constants[name] for name in ("L", "mu", "zeta_star", "zeta_mean", "zeta_opt")},
                    K=K,
                    eta=eta,
                    M=float(M),
                    d=float(d),
                    unit=unit,
                    **matrices_of(problem),
                )

    return all_instances(batches())


def movement(data: xr.Dataset) -> Measurement:
    """The movement at the optimum, with the workers of every instance."""
    workers = ["unit", "hessians", "minimizers"]
    what, rounding = "movement at the optimum", 1e-12 * data["size"]
    return Measurement.of(data, "movement", what=what, rounding=rounding, instance=workers)


@claim(
    "patel2024/prop25",
    "A1 implies A6: $K$ local steps move the optimum by at most $K eta zeta_star ((1 + eta L)^(K-1) - 1)$.",
    kind="bound with constants",
    data=rounds_from_the_optimum,
)
def prop25(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random quadratic workers, one exact round from the optimum, in three units of curvature."""
    return Bounded(theorem, movement(data))


@claim(
    "patel2024/prop25-convex",
    "For convex workers the movement at the optimum is at most $zeta_1 eta L (K - 1) / 2$.",
    kind="bound with constants",
    data=rounds_from_the_optimum,
)
def prop25_convex(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same instances."""
    return Bounded(theorem, movement(data))


@claim(
    "patel2024/prop25-quadratics",
    "For quadratic workers the movement at the optimum is at most $(1 - (1 - eta L)^K) zeta_opt / (eta K L)$.",
    kind="bound with constants",
    data=rounds_from_the_optimum,
)
def prop25_quadratics(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same instances."""
    return Bounded(theorem, movement(data))


@claim(
    "patel2024/prop25-quadratics-as-printed",
    "App. C.1 as printed: that movement is at most $(1 - (1 - eta L)^K) zeta_opt / (eta K)$.",
    theorem="patel2024/prop25-quadratics",
    kind="erratum",
    accuses="units",
    data=rounds_from_the_optimum,
    expected="violated",
)
def prop25_quadratics_as_printed(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """A factor $1/L$ is missing, so the display has not the unit of a gradient: in units where $L = 0.01$ it fails."""
    return Bounded(theorem, movement(data), expression=misprint("prop25-quadratics").printed)
