"""patel2024, Theorem 22 with any outer step: its transient, its floor, and the sharp range of the outer step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.random_quadratics import random_workers
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import RoundMap, round_map
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.assertion import Controlled, Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost, Bounded
from tightrate.verify.claim import claim
from tightrate.verify.experiment import all_instances, experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.patel2024.workers import constants_of, farthest_optimum
from tightrate.verify.session import Session

Array = NDArray[np.float64]
ONE = xr.DataArray(1.0)

# --- Outer steps up to 1/(1 - (1 - eta L)^K) -------------------------------------------------------------------------


@experiment("patel2024-outer-steps")
def outer_steps(session: Session) -> xr.Dataset:
    """Random workers with outer steps up to $1/(1 - (1 - eta L)^K)$: the distance `to_fixed_point` (instance, $R$),
    and the `contraction` (instance) of a round; with plain averaging the distance `to_optimum` (instance, $R$)."""
    each = session.choose(quick=150, full=3000)
    generator = stream(session.seed, experiment="patel2024-outer-steps")
    R = np.array([1.0, 2, 3, 5, 10, 30, 100])

    def distances(rounds: RoundMap, target: Array) -> Array:
        return np.stack([np.linalg.norm(rounds.after(r) - target, axis=-1) for r in R], axis=-1)

    def batches() -> Iterator[xr.Dataset]:
        for M, d in ((2, 1), (3, 2), (4, 3)):
            problem = random_workers(generator, each, M, d)
            L = problem.constants["L"]
            K = np.round(10 ** generator.uniform(0, 2.5, each))
            eta = 10 ** generator.uniform(-3, 0, each) / L
            largest = 1 / (1 - (1 - eta * L) ** K)
            gamma = largest / 10 ** np.maximum(generator.uniform(-0.2, 1, each), 0)
            outer, plain = round_map(problem, K=K, eta=eta, gamma=gamma), round_map(problem, K=K, eta=eta)
            yield labelled(
                "instance",
                "R",
                **constants_of(problem),
                K=K,
                eta=eta,
                gamma=gamma,
                size=farthest_optimum(problem),
                to_fixed_point=distances(outer, outer.fixed_point),
                to_optimum=distances(plain, problem.optimum),
                contraction=np.abs(1 - gamma[:, None] * outer.eigenvalues).max(axis=-1),
                R=R,
            )

    return all_instances(batches())


@claim(
    "patel2024/thm22-outer-step",
    "With an outer step up to $1/(1 - (1 - eta L)^K)$, $|x_R - x_inf|$ is at most the transient of Theorem 22.",
    kind="bound with constants",
    data=outer_steps,
)
def thm22_outer_step(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random workers in one to three dimensions, exact iterates up to $R = 100$, start distance $B + zeta_opt/L$."""
    what, rounding = "distance from the fixed point", 1e-12 * data["size"]
    return Bounded(theorem, Measurement.of(data, "to_fixed_point", what=what, rounding=rounding))


@claim(
    "patel2024/thm22-constant",
    "With plain averaging $|x_R - x*|$ is at most the transient plus the smaller of the sharp floor and the floor by"
    " way of the mean of the optima.",
    kind="bound with constants",
    data=outer_steps,
)
def thm22_constant(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same instances with $gamma = 1$."""
    what, rounding = "distance from the optimum", 1e-12 * data["size"]
    return Bounded(theorem, Measurement.of(data, "to_optimum", what=what, rounding=rounding, symbols={"gamma": 1.0}))


@claim(
    "patel2024/round-contraction",
    "A round contracts by at most $max{1 - gamma c_mu, gamma c_H - 1}$ with $c_a = 1 - (1 - eta a)^K$.",
    theorem="patel2024/prop19-contraction",
    kind="bound with constants",
    data=outer_steps,
)
def round_contraction(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The spectral norm of $I - gamma C$ on the same instances."""
    return Bounded(theorem, Measurement.of(data, "contraction", what="contraction of a round", rounding=1e-12))


# --- The sharp range of the outer step -------------------------------------------------------------------------------


@experiment("patel2024-sharp-outer-step")
def around_the_limit(session: Session) -> xr.Dataset:
    """Runs step by step with $gamma = 2 s / lambda_max(C)$ for the share $s$: `growth` (share, instance) of the
    distance in a round.

    The distance is from the fixed point, over the last ten of 300 rounds: many more would leave that of rounding.
    $C$ is the mean of $I - (I - eta A_m)^K$."""
    n = session.choose(quick=60, full=600)
    generator = stream(session.seed, experiment="patel2024-sharp-outer-step")
    problem = random_workers(generator, n, 3, 2)
    L = problem.constants["L"]
    K, eta = generator.integers(1, 9, n).astype(np.float64), generator.uniform(0.1, 1.0, n) / L
    still = round_map(problem, K=K, eta=eta)
    share = np.array([0.98, 1.02])
    gamma = 2 * share[:, None] / still.eigenvalues.max(axis=-1)
    growth = np.empty(gamma.shape)
    for i, outer in enumerate(gamma):
        rule = local_sgd(eta=eta, gamma=outer)
        early = sample(rule, problem, K=K, R=290, measured_rounds=(290,)).last
        late = sample(rule, problem, K=K, R=10, start=early[:, None, :], measured_rounds=(10,)).last
        near, far = (np.linalg.norm(x - still.fixed_point, axis=-1) for x in (early, late))
        growth[i] = (far / near) ** (1 / 10)
    over = labelled("share", "instance", growth=growth, gamma=gamma, share=share)
    return over.merge(labelled("instance", L=L, mu=problem.constants["mu"], K=K, eta=eta))


@claim(
    "patel2024/sharp-outer-step",
    "Local gradient descent converges to its fixed point exactly for outer steps below $2/lambda_max(C)$: it does 2"
    " % below, and moves away 2 % above.",
    theorem="patel2024/prop19-contraction",
    kind="regime",
    data=around_the_limit,
)
def sharp_outer_step(data: xr.Dataset) -> Every:
    """Runs step by step: the factor by which a round changes the distance, after 290 rounds, on both sides of the
    limit."""
    below, above = (
        Measurement.of(data.sel(share=share), "growth", what="change of distance in a round") for share in data.share
    )
    return Every({"2 % below": AtMost(below, ONE), "2 % above": AtLeast(above, ONE)})


@claim(
    "patel2024/sufficient-outer-step-range-is-needed",
    "The range $gamma < 1/(1 - (1 - eta L)^K)$ that App. E.5 gives as sufficient is also necessary for convergence.",
    theorem="patel2024/prop19",
    kind="counterexample",
    data=around_the_limit,
    expected="violated",
)
def outer_step_range_as_needed(data: xr.Dataset) -> Controlled:
    """The same runs 2 % below the sharp limit, all with outer steps above the paper's range: they converge.

    The control is that runs 2 % above the sharp limit do not."""
    below = data.isel(share=0)
    outside = below.where(below.gamma * (1 - (1 - below.eta * below.L) ** below.K) > 1, drop=True)
    what = "change of distance in a round outside the paper's range"
    above = Measurement.of(data.isel(share=1), "growth", what="change of distance in a round above the sharp limit")
    return Controlled(AtLeast(Measurement.of(outside, "growth", what=what), ONE), AtLeast(above, ONE))


# --- The factor before the start distance ----------------------------------------------------------------------------


@experiment("patel2024-start-factor")
def start_factor(session: Session) -> xr.Dataset:  # noqa: ARG001
    """The factor before $B$ in Theorem 22 at $eta = 1/(2L)$ and $R = 0$: `factor` ($kappa$, multiple) at the least $K$
    that the theorem asks for and above, and at a tenth of it."""
    kappa, multiple = np.geomspace(1.0, 1e5, 40), np.array([0.1, 1.0, 1.5, 3.0, 10.0])
    enough = next(one for one in catalogue.theorem("patel2024/two-stage").conditions if "enough" in one.text).relation
    assert enough is not None
    at_start = {"L": kappa[:, None], "mu": 1.0, "eta": 1 / (2 * kappa[:, None]), "R": 0.0, "B": 1.0, "zeta_opt": 0.0}
    least = at(enough.rhs, at_start)
    K = np.maximum(np.ceil(least * multiple), 1.0)
    factor = catalogue.theorem("patel2024/thm22-explicit").bound.at(at_start, K=K)
    symbols = {"L": kappa, "mu": 1.0, "K": K, "eta": 1 / (2 * kappa), "gamma": 1.0}
    return labelled("kappa", "multiple", factor=factor, **symbols, kappa=kappa, multiple=multiple)


@claim(
    "patel2024/thm22-start-factor",
    "At $eta = 1/(2L)$ and $K >= 1/(-log_2(1 - 1/(2 kappa)))$ the factor before $B$ in Theorem 22 is at most 2.",
    theorem="patel2024/thm22",
    kind="bound with constants",
    data=start_factor,
)
def thm22_start_factor(data: xr.Dataset) -> AtMost:
    """The symbolic factor for condition numbers up to $10^5$, at the least $K$ that the theorem asks for and above."""
    asked = data.sel(multiple=data.multiple >= 1)
    return AtMost(Measurement.of(asked, "factor", what="factor before B"), xr.DataArray(2.0))
