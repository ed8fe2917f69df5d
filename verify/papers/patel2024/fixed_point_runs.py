"""The fixed point of local gradient descent on strongly convex quadratic machines with different optima."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.constructions.random_quadratics import random_machines, random_quadratics
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]
CONSTANTS = ("L", "mu", "tau", "tau_mean", "zeta_star", "zeta_mean", "zeta_opt", "B")


def predicted_fixed_point(problem: QuadraticMachines, K: Array, eta: Array) -> tuple[Array, Array]:
    """x_inf = C^{-1} mean C_m x_m and C by Prop. 19: its scalar expression applied to every machine's spectrum."""
    expression = theorem("patel2024/prop19").bound.expression
    spectrum, basis = np.linalg.eigh(problem.hessians)
    fraction = vectorized(expression)(curvature=spectrum, K=K[..., None, None], eta=eta[..., None, None])
    C_m = (basis * fraction[..., None, :]) @ np.swapaxes(basis, -1, -2)
    C = C_m.mean(axis=-3)
    pull = (C_m @ problem.minimizers[..., None]).mean(axis=-3)
    return np.asarray(np.linalg.solve(C, pull)[..., 0]), np.asarray(C)


@experiment("discrepancy-instances")
def discrepancy_instances(session: Session) -> xr.Dataset:
    """Random instances of many shapes: where the fixed point lies, and every bound on it from measured constants."""
    each = session.choose(quick=250, full=5000)
    generator = stream(session.seed, experiment="discrepancy-instances")
    columns: dict[str, list[Array]] = {}

    def put(name: str, values: Array) -> None:
        columns.setdefault(name, []).append(np.asarray(values, dtype=np.float64))

    for M, d in ((2, 1), (3, 1), (2, 2), (3, 2), (5, 3), (4, 4)):
        problem = random_machines(generator, each, M, d)
        constants = problem.constants
        K = np.round(10 ** generator.uniform(np.log10(2), 3, each))
        eta = 10 ** generator.uniform(-4, 0, each) / constants["L"]
        fixed_point = round_map(problem, K=K, eta=eta).fixed_point
        mean_optimum = problem.minimizers.mean(axis=-2)
        put("M", np.full(each, M))
        put("d", np.full(each, d))
        put("K", K)
        put("eta", eta)
        for name in CONSTANTS:
            put(name, constants[name])
        put("size", np.linalg.norm(problem.minimizers, axis=-1).max(axis=-1))
        put("discrepancy", np.linalg.norm(fixed_point - problem.optimum, axis=-1))
        put("fixed-point-to-mean", np.linalg.norm(fixed_point - mean_optimum, axis=-1))
        put("optimum-to-mean", np.linalg.norm(problem.optimum - mean_optimum, axis=-1))
    values = {name: np.concatenate(parts) for name, parts in columns.items()}
    letters = {name: values[name] for name in ("K", "eta", *CONSTANTS)}
    for label in ("discrepancy", "discrepancy-small-step", "prop21", "prop21-optima"):
        bound = theorem(f"patel2024/{label}").bound
        values[f"bound: {label}"] = bound.function()(**{name: letters[name] for name in bound.letters})
    return xr.Dataset({name: (("instance",), array) for name, array in values.items()}, attrs={"seed": session.seed})


@experiment("fixed-point-convergence")
def fixed_point_convergence(session: Session) -> xr.Dataset:
    """Step-by-step runs from 0: the distance to the fixed point of Prop. 19 and to the optimum, round by round.

    `size` is the norm of the farthest machine's optimum; `map_error` the largest distance over the rounds between
    the run and x_inf + (I - gamma C)^r (x_0 - x_inf), relative to it; `bound` is the transient of Theorem 22 with
    the corrected start distance, `printed` the same with B alone (both for gamma = 1, the first half of the instances).
    """
    n = session.choose(quick=200, full=2000)
    rounds = 400
    generator = stream(session.seed, experiment="fixed-point-convergence")
    M, d = 4, 3
    hessians, minimizers = [], []
    for i in range(n):
        mu, tau = 10 ** generator.uniform(-0.7, -0.3), generator.uniform(0.05, 0.4)
        one = random_quadratics(
            M=M, d=d, mu=mu, L=1.0, tau=tau, zeta_star=1.0, B=10 ** generator.uniform(-3, 1), seed=session.seed + i
        )
        hessians.append(one.hessians)
        minimizers.append(one.minimizers)
    problem = QuadraticMachines(np.stack(hessians), np.stack(minimizers))
    constants = problem.constants
    K = generator.integers(2, 33, n).astype(np.float64)
    eta = generator.uniform(0.2, 1.0, n)
    gamma = np.where(np.arange(n) < n // 2, 1.0, generator.uniform(0.8, 1.7, n))
    fixed_point, C = predicted_fixed_point(problem, K, eta)
    error = np.zeros(n)
    to_fixed_point = np.empty((n, rounds + 1))
    to_optimum = np.empty((n, rounds + 1))
    size = np.linalg.norm(problem.minimizers, axis=-1).max(axis=-1)
    map_of_round = np.eye(d) - gamma[:, None, None] * C
    displacement = -fixed_point
    # The run restarts from its own last iterate: one call for each round keeps every synchronized iterate.
    x = np.zeros((n, d))
    algorithm = local_sgd(eta=eta, gamma=gamma)
    for r in range(rounds + 1):
        to_fixed_point[:, r] = np.linalg.norm(x - fixed_point, axis=-1)
        to_optimum[:, r] = np.linalg.norm(x - problem.optimum, axis=-1)
        error = np.maximum(error, np.linalg.norm(x - fixed_point - displacement, axis=-1))
        displacement = (map_of_round @ displacement[..., None])[..., 0]
        x = sample(algorithm, problem, K=K, R=1, start=x[:, None, :]).last
    transient = theorem("patel2024/thm22-explicit").bound
    letters = {"K": K[:, None], "eta": eta[:, None], "R": np.arange(rounds + 1.0)}
    shared = {name: constants[name][:, None] for name in ("L", "mu", "B", "zeta_opt")}
    bound = transient.function()(**letters, **shared)
    printed = transient.function()(**letters, **{**shared, "zeta_opt": np.zeros((n, 1))})
    return xr.Dataset(
        {
            "to_fixed_point": (("instance", "R"), to_fixed_point),
            "to_optimum": (("instance", "R"), to_optimum),
            "bound": (("instance", "R"), bound),
            "printed": (("instance", "R"), printed),
            "map_error": (("instance",), error / size),
            "discrepancy": (("instance",), np.linalg.norm(fixed_point - problem.optimum, axis=-1)),
            "size": (("instance",), size),
            "gamma": (("instance",), gamma),
            "K": (("instance",), K),
            "eta": (("instance",), eta),
            **{name: (("instance",), constants[name]) for name in CONSTANTS},
        },
        coords={"R": np.arange(rounds + 1)},
        attrs={"theorem": "patel2024/prop19", "seed": session.seed, "M": M, "d": d},
    )


@experiment("fixed-point-floor")
def fixed_point_floor(session: Session) -> xr.Dataset:
    """One instance over a grid of K and eta: the floor, its first-order law, its sharp bound, and runs that reach it.

    `floor` (K, eta) is the distance of the fixed point from the optimum; `simulated` the distance that a
    step-by-step run ends at, on the coarse part of the grid (nan elsewhere).
    """
    problem = random_quadratics(M=2, d=2, mu=0.3, L=1.0, tau=0.3, zeta_star=1.0, B=1.0, seed=1)
    constants = {name: float(problem.constants[name]) for name in CONSTANTS}
    K = np.array([1.0, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000])
    eta = np.geomspace(1e-3, 1.0, 31) / constants["L"]
    floor = np.linalg.norm(round_map(problem, K=K[:, None], eta=eta).fixed_point - problem.optimum, axis=-1)
    simulated = np.full(floor.shape, np.nan)
    coarse_K, coarse_eta = [0, 1, 3, 4, 5, 8], list(range(10, 31, 5))
    for i in coarse_K:
        rounds = int(np.ceil(30 / (1 - (1 - eta[coarse_eta[0]] * constants["mu"]) ** K[i])))
        run = sample(local_sgd(eta=eta[coarse_eta]), problem, K=K[i], R=rounds)
        simulated[i, coarse_eta] = run.distances[:, -1]
        session.progress("fixed-point-floor", coarse_K.index(i) + 1, len(coarse_K))
    bounds = {
        label: theorem(f"patel2024/{label}").bound.function(**constants)(K=K[:, None], eta=eta)
        for label in ("discrepancy", "discrepancy-small-step")
    }
    return xr.Dataset(
        {
            "floor": (("K", "eta"), floor),
            "simulated": (("K", "eta"), simulated),
            "sharp": (("K", "eta"), bounds["discrepancy"]),
            "first_order": (("K", "eta"), bounds["discrepancy-small-step"]),
        },
        coords={"K": K, "eta": eta},
        attrs={**constants, "M": problem.workers, "d": problem.dimension, "theorem": "patel2024/discrepancy"},
    )
