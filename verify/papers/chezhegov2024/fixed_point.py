"""The fixed point of the scaled method on heterogeneous quadratics: a common matrix does not remove client drift."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.savic import savic
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.assertion import Fact, Facts
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal, Vanishes
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.chezhegov2024.frozen_scaling import in_new_variables
from tightrate.verify.session import Session

Array = NDArray[np.float64]
CONSTANTS = ("L", "mu", "tau_mean", "zeta_mean")


@experiment("scaled-fixed-point")
def scaled_fixed_point(session: Session) -> xr.Dataset:
    """SAVIC with a frozen matrix on heterogeneous quadratics without noise, step by step to the end, and its formula.

    $D$ holds the root mean squares of the clients' gradients at the start, clipped from below. `reached` is the
    distance of the last iterate from $x_inf = (sum C_m)^{-1} sum C_m x_m$, $C_m = I - (I - eta D^{-1} A_m)^K$;
    `discrepancy` that of $x_inf$ from $x*$ in the norm of $D$, `remaining` that of the last iterate, `size` that of the
    workers' optima, `left` what the runs had still to go. $L$, $mu$, $tau_mean$ and $zeta_mean$ are those of the
    workers; `scaled_L` and so on are those of $f(D^{-1/2} y)$."""
    n, M, d = session.choose(quick=150, full=1500), 3, 2
    generator = stream(session.seed, experiment="scaled-fixed-point")
    mu = 10 ** generator.uniform(-0.7, -0.1, (n, 1, 1))  # at curvatures that are all alike nothing drifts
    spectrum = mu + (1 - mu) * generator.random((n, M, d))
    basis = np.linalg.qr(generator.standard_normal((n, M, d, d)))[0]
    hessians = (basis * spectrum[..., None, :]) @ np.swapaxes(basis, -1, -2)
    problem = QuadraticWorkers((hessians + np.swapaxes(hessians, -1, -2)) / 2, generator.standard_normal((n, M, d)))
    at_start = problem.gradient(np.zeros((n, M, d)))
    d_min = 10 ** generator.uniform(-1, 0, n) * np.sqrt((at_start**2).mean(axis=1)).min(axis=-1)
    D = np.maximum(d_min[:, None], np.sqrt((at_start**2).mean(axis=1)))
    K = np.array([2.0, 4.0, 8.0])[np.arange(n) % 3]
    constants = problem.constants
    eta = generator.uniform(0.2, 1.0, n) * D.min(axis=-1) / constants["L"]
    rounds = session.choose(quick=1000, full=4000)
    run = sample(
        savic(eta=eta, d_min=d_min, beta2=1.0, scaling="rmsprop"), problem, K=K, R=rounds, measured_rounds=(rounds,)
    )
    fixed_point = fixed_point_of(problem, D, K, eta)
    image = in_new_variables(problem, D)

    def scaled_norm(x: Array) -> Array:
        return np.asarray(np.linalg.norm(x * np.sqrt(D), axis=-1))

    slowest = round_map(image, K=K, eta=eta).eigenvalues.min(axis=-1)
    of_run = {"d_min": D.min(axis=-1), "d_max": D.max(axis=-1), "K": K, "eta": eta}
    columns = {
        "reached": scaled_norm(run.last - fixed_point),
        "remaining": scaled_norm(run.last - problem.optimum),
        "discrepancy": scaled_norm(fixed_point - problem.optimum),
        "size": scaled_norm(np.abs(problem.minimizers).max(axis=1)),
        "left": (1 - slowest) ** rounds,
        **{name: constants[name] for name in CONSTANTS},
        **{f"scaled_{name}": image.constants[name] for name in CONSTANTS},
        **of_run,
    }
    return xr.Dataset(
        {name: ("instance", values) for name, values in columns.items()},
        attrs={"seed": session.seed, "M": M, "d": d, "R": rounds, "gamma": 1.0, "sigma": 0.0},
    )


def fixed_point_of(problem: QuadraticWorkers, D: Array, K: Array, eta: Array) -> Array:
    """x_inf by its formula in the original coordinates."""
    d = problem.dimension
    step = np.eye(d) - (eta[:, None] / D)[:, None, :, None] * problem.hessians
    power = np.stack([np.linalg.matrix_power(one, int(k)) for one, k in zip(step, K, strict=True)])
    C = np.eye(d) - power
    pull = (C @ problem.minimizers[..., None]).sum(axis=1)
    return np.asarray(np.linalg.solve(C.sum(axis=1), pull)[..., 0])


@claim(
    "chezhegov2024/fixed-point-formula",
    "Without noise the method with frozen $D$ ends at the fixed point of $C_m = I - (I - eta D^{-1} A_m)^K$.",
    theorem="chezhegov2024/fixed-point",
    kind="identity",
    data=scaled_fixed_point,
    expected="confirmed",
)
def fixed_point_formula(data: xr.Dataset) -> Vanishes:
    """Step-by-step runs until nothing moves, against the formula: the distance relative to the workers' optima."""
    return Vanishes(Measurement.of(data, data.reached / data["size"], what="relative distance from the formula"), 1e-11)


@claim(
    "chezhegov2024/drift-remains",
    "A common scaling matrix does not remove client drift: the method ends away from the optimum.",
    theorem="chezhegov2024/fixed-point",
    kind="counterexample",
    data=scaled_fixed_point,
    expected="confirmed",
)
def drift_remains(data: xr.Dataset) -> Facts:
    """The distance of the last iterate from the optimum, against that of the fixed point, and against rounding."""
    remaining = Measurement.of(data, "remaining", what="final distance from the optimum in the norm of D")
    least = float((data.discrepancy / data["size"]).min(skipna=False))
    return Facts(
        {"least |x_inf - x*|_D relative to the workers' optima": Fact(least, at_least=1e-9)},
        main=Equal(remaining, data.discrepancy, data["size"], relative=1e-9, absolute=1e-13, matters=1e-4),
    )


def discrepancy(data: xr.Dataset, **symbols: str) -> Measurement:
    """How far the fixed point is from the optimum, in the norm of D."""
    what = "distance of the fixed point from the optimum in the norm of D"
    return Measurement.of(data, "discrepancy", what=what, symbols=symbols, rounding=1e-12 * data["size"])


@claim(
    "chezhegov2024/fixed-point",
    "$|x_inf - x*|_D$ is at most the bound on the discrepancy with worst-case constants.",
    kind="bound with constants",
    data=scaled_fixed_point,
)
def fixed_point(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random heterogeneous quadratics with the matrix of the clients' first gradients."""
    return Bounded(theorem, discrepancy(data))


@claim(
    "chezhegov2024/fixed-point-small-step",
    "$|x_inf - x*|_D$ is at most first order in $eta (K - 1)$, with worst-case constants.",
    kind="bound with constants",
    data=scaled_fixed_point,
)
def fixed_point_small_step(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same instances."""
    return Bounded(theorem, discrepancy(data))


@claim(
    "chezhegov2024/fixed-point-true-constants",
    "$|x_inf - x*|_D$ is at most local gradient descent's bound with the constants of the scaled geometry.",
    theorem="patel2024/discrepancy",
    kind="bound with constants",
    data=scaled_fixed_point,
)
def fixed_point_true_constants(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same instances, with $L$, $mu$, $tau$ and $zeta$ of $f(D^{-1/2} y)$ as measured."""
    return Bounded(theorem, discrepancy(data, **{name: f"scaled_{name}" for name in CONSTANTS}))
