"""patel2024, Prop. 21 and its sharp form: how far the fixed point lies from the optimum, and from the mean optimum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from tightrate.constructions.random_quadratics import random_quadratics, random_workers
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import claim
from tightrate.verify.experiment import all_instances, experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.patel2024.workers import constants_of, farthest_optimum
from tightrate.verify.session import Session

# --- Random instances ------------------------------------------------------------------------------------------------


@experiment("discrepancy-instances")
def instances(session: Session) -> xr.Dataset:
    """Random instances of many shapes: the distances between fixed point, optimum and mean of the workers' optima."""
    each = session.choose(quick=250, full=5000)
    generator = stream(session.seed, experiment="discrepancy-instances")

    def batches() -> Iterator[xr.Dataset]:
        for M, d in ((2, 1), (3, 1), (2, 2), (3, 2), (5, 3), (4, 4)):
            problem = random_workers(generator, each, M, d)
            K = np.round(10 ** generator.uniform(np.log10(2), 3, each))
            eta = 10 ** generator.uniform(-4, 0, each) / problem.constants["L"]
            fixed_point, optimum = round_map(problem, K=K, eta=eta).fixed_point, problem.optimum
            mean_optimum = problem.minimizers.mean(axis=-2)
            distances = {
                "discrepancy": fixed_point - optimum,
                "fixed-point-to-mean": fixed_point - mean_optimum,
                "optimum-to-mean": optimum - mean_optimum,
            }
            yield labelled(
                "instance",
                **{name: np.linalg.norm(between, axis=-1) for name, between in distances.items()},
                size=farthest_optimum(problem),
                **constants_of(problem),
                K=K,
                eta=eta,
                M=float(M),
                d=float(d),
            )

    return all_instances(batches())


def measured(theorem: Theorem, data: xr.Dataset) -> Measurement:
    """The distance that the theorem bounds."""
    measure = theorem.bound.measure
    return Measurement.of(data, measure.name, what=measure.meaning, rounding=1e-12 * data["size"])


@claim(
    "patel2024/sharp-discrepancy",
    "$|x_inf - x*| <= zeta_1 tau_mean / mu^2 phi_K(eta mu)$ for $eta <= 1/L$.",
    theorem="patel2024/discrepancy",
    kind="bound with constants",
    data=instances,
)
def sharp_discrepancy(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random instances in one to four dimensions, curvatures spread a lot or little."""
    return Bounded(theorem, measured(theorem, data))


@claim(
    "patel2024/first-order-discrepancy",
    "$|x_inf - x*| <= zeta_1 tau_mean / mu^2 (K-1) q / (2-q)$, $q = eta mu$: at most first order in $eta (K-1)$.",
    theorem="patel2024/discrepancy-small-step",
    kind="bound with constants",
    data=instances,
)
def first_order_discrepancy(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random instances in one to four dimensions, curvatures spread a lot or little, against the theorem's value."""
    return Bounded(theorem, measured(theorem, data))


@claim(
    "patel2024/prop21",
    "$|x_inf - mean x_m*|$ is at most $zeta_opt tau / (L mu) (1 - phi_K(eta mu))$.",
    kind="bound with constants",
    data=instances,
)
def prop21(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random instances in one to four dimensions, curvatures spread a lot or little, against the theorem's value."""
    return Bounded(theorem, measured(theorem, data))


@claim(
    "patel2024/prop21-optima",
    "$|x* - mean x_m*|$ is at most $zeta_opt tau / (L mu)$.",
    kind="bound with constants",
    data=instances,
)
def prop21_optima(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random instances in one to four dimensions, curvatures spread a lot or little, against the theorem's value."""
    return Bounded(theorem, measured(theorem, data))


# --- One instance, for the figure ------------------------------------------------------------------------------------


@experiment("fixed-point-floor")
def floor(session: Session) -> xr.Dataset:
    """One instance over a grid of $K$ and $eta$: the floor, and runs that reach it.

    `floor` $(K, eta)$ is the distance of the fixed point from the optimum; `simulated` the distance that a step-by-step
    run ends at, on the coarse part of the grid (nan elsewhere)."""
    problem = random_quadratics(M=2, d=2, mu=0.3, L=1.0, tau=0.3, zeta_star=1.0, B=1.0, seed=1)
    constants = {name: float(value) for name, value in constants_of(problem).items()}
    K = np.array([1.0, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000])
    eta = np.geomspace(1e-3, 1.0, 31) / constants["L"]
    distance = np.linalg.norm(round_map(problem, K=K[:, None], eta=eta).fixed_point - problem.optimum, axis=-1)
    simulated = np.full(distance.shape, np.nan)
    coarse_K, coarse_eta = [0, 1, 3, 4, 5, 8], list(range(10, 31, 5))
    for i in coarse_K:
        rounds = int(np.ceil(30 / (1 - (1 - eta[coarse_eta[0]] * constants["mu"]) ** K[i])))
        run = sample(local_sgd(eta=eta[coarse_eta]), problem, K=K[i], R=rounds)
        simulated[i, coarse_eta] = run.distances[:, -1]
        session.progress("fixed-point-floor", coarse_K.index(i) + 1, len(coarse_K))
    found = labelled("K", "eta", floor=distance, simulated=simulated, K=K, eta=eta)
    return found.assign_attrs(**constants, M=problem.workers, d=problem.dimension)
