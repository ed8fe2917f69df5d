"""patel2024, Prop. 19: where local gradient descent ends on workers with different optima, and how it gets there."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics, random_workers
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import zeta_opt
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.assertion import Fact, Facts
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal, Vanishes
from tightrate.verify.assertions.limit import Limits, Line
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.patel2024.workers import constants_of, farthest_optimum
from tightrate.verify.session import Session

Array = NDArray[np.float64]


def predicted_fixed_point(problem: QuadraticWorkers, K: Array, eta: Array) -> tuple[Array, Array]:
    """x_inf = C^{-1} mean C_m x_m and C by Prop. 19: its scalar expression applied to every worker's spectrum."""
    contraction = catalogue.theorem("patel2024/prop19").bound
    spectrum, basis = np.linalg.eigh(problem.hessians)
    fraction = contraction.at(curvature=spectrum, K=K[..., None, None], eta=eta[..., None, None])
    C_m = (basis * fraction[..., None, :]) @ np.swapaxes(basis, -1, -2)
    C = C_m.mean(axis=-3)
    pull = (C_m @ problem.minimizers[..., None]).mean(axis=-3)
    return np.asarray(np.linalg.solve(C, pull)[..., 0]), np.asarray(C)


# --- Runs to the fixed point -----------------------------------------------------------------------------------------


@experiment("fixed-point-convergence")
def runs(session: Session) -> xr.Dataset:
    """Step-by-step runs from 0: the distance to the fixed point of Prop. 19 and to the optimum, round by round.

    `size` is the norm of the farthest worker's optimum; `map_error` the largest distance over the rounds between the
    run and $x_inf + (I - gamma C)^r (x_0 - x_inf)$, relative to it. The first half of the instances has $gamma = 1$.
    """
    n, rounds, M, d = session.choose(quick=200, full=2000), 400, 4, 3
    generator = stream(session.seed, experiment="fixed-point-convergence")

    def workers(number: int) -> QuadraticWorkers:
        mu, tau = 10 ** generator.uniform(-0.7, -0.3), generator.uniform(0.05, 0.4)
        B = 10 ** generator.uniform(-3, 1)
        return random_quadratics(M=M, d=d, mu=mu, L=1.0, tau=tau, zeta_star=1.0, B=B, seed=session.seed + number)

    every = [workers(number) for number in range(n)]
    problem = QuadraticWorkers(np.stack([one.hessians for one in every]), np.stack([one.minimizers for one in every]))
    K, eta = generator.integers(2, 33, n).astype(np.float64), generator.uniform(0.2, 1.0, n)
    gamma = np.where(np.arange(n) < n // 2, 1.0, generator.uniform(0.8, 1.7, n))
    fixed_point, C = predicted_fixed_point(problem, K, eta)
    map_of_round = np.eye(d) - gamma[:, None, None] * C
    to_fixed_point, to_optimum, error = np.empty((n, rounds + 1)), np.empty((n, rounds + 1)), np.zeros(n)
    # The run restarts from its own last iterate: one call for each round keeps every synchronized iterate.
    x, displacement = np.zeros((n, d)), -fixed_point
    algorithm = local_sgd(eta=eta, gamma=gamma)
    for r in range(rounds + 1):
        to_fixed_point[:, r] = np.linalg.norm(x - fixed_point, axis=-1)
        to_optimum[:, r] = np.linalg.norm(x - problem.optimum, axis=-1)
        error = np.maximum(error, np.linalg.norm(x - fixed_point - displacement, axis=-1))
        displacement = (map_of_round @ displacement[..., None])[..., 0]
        x = sample(algorithm, problem, K=K, R=1, start=x[:, None, :]).last
    size = farthest_optimum(problem)
    return labelled(
        "instance",
        "R",
        to_fixed_point=to_fixed_point,
        to_optimum=to_optimum,
        map_error=error / size,
        discrepancy=np.linalg.norm(fixed_point - problem.optimum, axis=-1),
        size=size,
        **constants_of(problem),
        M=M,
        d=d,
        K=K,
        eta=eta,
        gamma=gamma,
        R=np.arange(rounds + 1),
    )


@claim(
    "patel2024/round-map",
    "Every round moves $x$ by exactly $x_inf$ + (I $- gamma$ C)(x $- x_inf$), with $x_inf$ independent of $gamma$.",
    theorem="patel2024/prop19",
    kind="identity",
    data=runs,
    expected="confirmed",
)
def round_map_of_runs(data: xr.Dataset) -> Vanishes:
    """The largest distance over all rounds between the run and the predicted map, relative to the optima's norm."""
    what = "distance of the run from the predicted map, relative to the optima"
    return Vanishes(Measurement.of(data, "map_error", what=what), allowed=1e-11)


@claim(
    "patel2024/not-the-optimum",
    "Local gradient descent converges to the fixed point, and so stays away from the optimum for ever.",
    theorem="patel2024/prop19",
    kind="counterexample",
    data=runs,
    expected="confirmed",
)
def not_the_optimum(data: xr.Dataset) -> Facts:
    """After the last round: at the fixed point to rounding, and at its distance from the optimum."""
    end = data.isel(R=-1)
    what = "final distance from the optimum, against |x_inf - x*|"
    found = Measurement.of(end, "to_optimum", what=what)
    away = Equal(found, data.discrepancy, scale=data["size"], absolute=1e-14, matters=1e-4)
    arrived = {
        "largest final |x_R - x_inf| / max |x_m*|": Fact(float((end.to_fixed_point / end["size"]).max()), at_most=1e-9),
        "largest final |x_R - x_inf| / |x_inf - x*|": Fact(
            float((end.to_fixed_point / data.discrepancy).max()), at_most=1e-4
        ),
    }
    farthest = {"largest |x_inf - x*| / max |x_m*|": float((data.discrepancy / data["size"]).max())}
    return Facts(arrived, main=away, also=farthest)


def plain_averaging(data: xr.Dataset) -> Measurement:
    """The distance from the fixed point in every round of the runs with gamma = 1."""
    plain = data.where(data.gamma == 1, drop=True)
    what = "distance from the fixed point"
    return Measurement.of(plain, "to_fixed_point", what=what, rounding=1e-13 * plain["size"])


@claim(
    "patel2024/thm22-transient",
    "With $gamma = 1$, $|x_R - x_inf|$ is at most the transient of Theorem 22, start distance $B + zeta_opt/L$.",
    theorem="patel2024/thm22-explicit",
    kind="bound with constants",
    data=runs,
)
def thm22_transient(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Every round of the runs with plain averaging."""
    return Bounded(theorem, plain_averaging(data))


@claim(
    "patel2024/thm22-transient-as-printed",
    "With $gamma = 1$, $|x_R - x_inf|$ is at most the transient of Theorem 22, start distance $B$ alone.",
    theorem="patel2024/thm22-explicit",
    kind="erratum",
    accuses="E4",
    data=runs,
    expected="violated",
)
def thm22_transient_as_printed(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Erratum E4: workers whose optima lie farther out than the common optimum break it."""
    return Bounded(theorem, plain_averaging(data), expression=theorem.bound.expression.subs(zeta_opt, 0))


# --- Its ends --------------------------------------------------------------------------------------------------------


@experiment("patel2024-fixed-point-limits")
def limits(session: Session) -> xr.Dataset:
    """Random workers, distances relative to the farthest worker's optimum.

    `one_step` and `many_steps` (instance): of the fixed point from the optimum at $K = 1$, and from the mean of the
    workers' optima at $K$ = infinity. `from_optimum` (share, instance) at `share` of $eta = 1/L$; `from_mean`
    (multiple, instance) at $K$ = multiple / $(eta mu)$, rounded up."""
    n = session.choose(quick=200, full=4000)
    generator = stream(session.seed, experiment="patel2024-fixed-point-limits")
    problem = random_workers(generator, n, 3, 2)
    L, mu = (problem.constants[name] for name in ("L", "mu"))
    K = generator.integers(2, 33, n).astype(np.float64)
    eta = 10 ** generator.uniform(-2, -0.05, n) / L
    size, mean = farthest_optimum(problem), problem.minimizers.mean(axis=-2)
    share, multiple = 10.0 ** -np.arange(1, 8), np.array([2.0, 8.0, 32.0])

    def distance(K: Array, eta: Array, target: Array) -> Array:
        return np.asarray(np.linalg.norm(round_map(problem, K=K, eta=eta).fixed_point - target, axis=-1) / size)

    of_instances = labelled(
        "instance",
        one_step=distance(np.ones(n), eta, problem.optimum),
        many_steps=distance(np.full(n, np.inf), eta, mean),
        apart=np.linalg.norm(mean - problem.optimum, axis=-1) / size,
        L=L,
        mu=mu,
        eta=eta,
    )
    small_steps = [distance(K, part / L, problem.optimum) for part in share]
    long_rounds = [distance(np.ceil(times / (eta * mu)), eta, mean) for times in multiple]
    parts = [
        of_instances,
        labelled("share", "instance", from_optimum=small_steps, share=share),
        labelled("multiple", "instance", from_mean=long_rounds, multiple=multiple),
    ]
    return xr.merge(parts)


@claim(
    "patel2024/fixed-point-ends",
    "The fixed point is the optimum for $K = 1$ and the mean of the workers' optima for $K$ = infinity, $eta < 1/L$.",
    theorem="patel2024/prop19",
    kind="identity",
    data=limits,
    expected="confirmed",
)
def fixed_point_ends(data: xr.Dataset) -> Vanishes:
    """Random workers whose mean of optima is not the optimum: both distances, relative to the farthest optimum."""
    ends = xr.concat([data.one_step, data.many_steps], xr.DataArray([1.0, np.inf], dims="K", name="K"))
    what = "distance of the fixed point from the optimum (K = 1) and from the mean of the optima (K = infinity)"
    return Vanishes(Measurement.of(data, ends, what=what, instance=["apart"]), allowed=1e-11)


@claim(
    "patel2024/fixed-point-limits",
    "The fixed point tends to the optimum at first order as $eta -> 0$, and to the mean of the workers' optima as"
    " $K$ grows beyond $1/(eta mu)$.",
    theorem="patel2024/prop19",
    kind="regime",
    data=limits,
)
def fixed_point_limits(data: xr.Dataset) -> Facts:
    """The median distance from the optimum over seven decades of $eta$ must have slope 1; the largest distance from the
    mean of the optima must fall below $10^-9$ of the optima's size by $K = 32/(eta mu)$."""
    median = data.from_optimum.median("instance")
    line = Line("1/eta, distance from the optimum", 1 / data.share.values, median.values, exponent=-1.0)
    *longer, longest = (
        (
            f"largest distance from the mean at K = {float(times):g}/(eta mu)",
            float(data.from_mean.sel(multiple=times).max()),
        )
        for times in data.multiple
    )
    first_order = Limits([line], what="fixed point", predicted="exponent 1 in eta", resolution=0.01)
    return Facts({longest[0]: Fact(longest[1], at_most=1e-9)}, main=first_order, also=dict(longer))
