"""patel2024 on two quadratics beside a slow coordinate: bias in closed form, floor of plain averaging, Theorem 15."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from tightrate.constructions.zeta_quadratic_pair import zeta_quadratic_pair
from tightrate.rates.papers.patel2024.explicit_functions import slow_curvature
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import ExactRun, exact_moments
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.trend import Scaling
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
L, B, M = 1.0, 1.0, 2

# --- The closed forms ------------------------------------------------------------------------------------------------


@experiment("patel2024-two-quadratics")
def runs(session: Session) -> xr.Dataset:
    """Two quadratics beside a slow coordinate, step by step: `position` (instance, $R$) of the biased coordinate and
    `gap` (instance, $R$); `fixed_point` (instance) is the position after $10^8$ rounds with plain averaging."""
    n, rounds = session.choose(quick=200, full=2000), 20
    generator = stream(session.seed, experiment="patel2024-two-quadratics")
    L = 10 ** generator.uniform(-1, 1, n)
    tau, mu = L * generator.uniform(0.01, 0.99, n), L * 10 ** generator.uniform(-2, 0, n)
    zeta_star, B = 10 ** generator.uniform(-1, 1, n), 10 ** generator.uniform(-1, 1, n)
    K, eta = generator.integers(1, 40, n).astype(np.float64), 10 ** generator.uniform(-2, 0, n) / L
    gamma = generator.uniform(0.2, 1.5, n)
    problem = zeta_quadratic_pair(zeta=zeta_star, tau=tau, L=L, mu=mu, B=B)
    rule = local_sgd(eta=eta, gamma=gamma)
    run = sample(rule, problem, K=K, R=rounds)
    x, position = np.zeros((n, 2)), np.empty((n, rounds))
    for r in range(rounds):
        x = sample(rule, problem, K=K, R=1, start=x[:, None, :]).last
        position[:, r] = x[:, 1]
    settled = exact_moments(local_sgd(eta=eta), problem, K=K, R=1e8).last.mean[:, 1]
    symbols = {"L": L, "tau": tau, "mu": mu, "zeta_star": zeta_star, "B": B, "K": K, "eta": eta, "gamma": gamma}
    found = {"position": position, "gap": run.gaps[:, 1:], "fixed_point": settled}
    return labelled("instance", "R", **found, **symbols, R=np.arange(1, rounds + 1))


@claim(
    "patel2024/two-quadratics-position",
    "On two quadratics local gradient descent moves away from the optimum to exactly the closed form.",
    theorem="patel2024/two-quadratics",
    kind="identity",
    data=runs,
    expected="confirmed",
)
def two_quadratics_position(theorem: Theorem, data: xr.Dataset) -> Equal:
    """Runs step by step from the optimum, any inner and outer step, every round, against the theorem's expression."""
    position = Measurement.of(data, "position", what="position on the two quadratics")
    size = data.zeta_star / data.L
    # The closed form divides rounding by c_1 + c_2, at least 0.01.
    return Equal(position, theorem, scale=size, relative=1e-9, absolute=1e-13, matters=1e-6)


@claim(
    "patel2024/two-quadratics-gap",
    "Beside a slow coordinate the suboptimality on two quadratics is exactly the closed form.",
    kind="identity",
    data=runs,
    expected="confirmed",
)
def two_quadratics_gap(theorem: Theorem, data: xr.Dataset) -> Equal:
    """The same runs."""
    gap = Measurement.of(data, "gap", what="suboptimality on the two quadratics")
    return Equal(gap, theorem, scale=data.L * data.B**2, relative=1e-9)


@claim(
    "patel2024/two-quadratics-discrepancy",
    "On two quadratics the fixed point is at least $zeta_star tau phi_K(eta L) / (2 L^2)$ from the optimum.",
    kind="bound with constants",
    data=runs,
)
def two_quadratics_discrepancy(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The exact mean after $10^8$ rounds with plain averaging."""
    what, rounding = "distance of the fixed point", 1e-13 * data.zeta_star / data.L
    settled = {"R": 1e8, "gamma": 1.0}
    return Bounded(theorem, Measurement.of(data, "fixed_point", what=what, symbols=settled, rounding=rounding))


# --- The floor of plain averaging ------------------------------------------------------------------------------------


def over_steps(
    cells: Mapping[str, Array], eta: Array, gamma: ArrayLike = 1.0, averaging_decay: float | None = None
) -> ExactRun:
    """Exact moments of every cell (zeta_star, tau, mu, K, R) at every inner step, cell by cell."""
    shape = (len(cells["R"]), len(eta))
    of = {name: np.broadcast_to(values[:, None], shape).ravel() for name, values in cells.items()}
    inner, outer = (np.broadcast_to(values, shape).ravel() for values in (eta, gamma))
    problem = zeta_quadratic_pair(zeta=of["zeta_star"], tau=of["tau"], mu=of["mu"], L=L, B=B)
    return exact_moments(
        local_sgd(eta=inner, gamma=outer), problem, K=of["K"], R=of["R"], averaging_decay=averaging_decay
    )


def grid(**axes: ArrayLike) -> dict[str, Array]:
    """All combinations of the values, and the curvature mu of the slow coordinate that is hard for each."""
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    cells = {name: values.ravel().astype(np.float64) for name, values in zip(axes, mesh, strict=True)}
    return {**cells, "mu": at(slow_curvature(), cells, L=L, B=B)}


@experiment("patel2024-drift-floor")
def best_steps(session: Session) -> xr.Dataset:
    """The least exact gap over inner steps $eta <= 1/L$, at the slow curvature $mu$ of each cell $(zeta_star, tau, K,
    R)$.

    `best_gap` with plain averaging, at `best_eta`; `free_gap` with a tiny inner step `free_eta` and $gamma eta K =
    1/L$, which is gradient descent. Cells whose slow coordinate would be steeper than $L$ are left out."""
    points = session.choose(quick=120, full=1000)
    every = grid(zeta_star=[1e-3, 0.03, 1.0, 30.0], tau=[0.01, 0.3, 0.95], K=[2, 8, 1000], R=[1, 3, 30, 1000, 1e6])
    cells = {name: values[every["mu"] <= L] for name, values in every.items()}
    eta, tiny = np.geomspace(1e-7, 1.0, points) / L, np.array([1e-9 / L])
    outer = 1 / (tiny * L * cells["K"][:, None])
    plain = over_steps(cells, eta).last.gap.reshape(-1, points)
    return labelled(
        "cell",
        **cells,
        best_gap=plain.min(axis=-1),
        best_eta=eta[plain.argmin(axis=-1)],
        free_gap=over_steps(cells, tiny, outer).last.gap,
        free_eta=tiny[0],
        free_gamma=outer[:, 0],
        L=L,
        B=B,
        M=M,
    )


@claim(
    "patel2024/two-quadratics-floor",
    "With plain averaging no inner step up to $1/L$ brings two quadratics beside the slow coordinate below"
    " $min{tau^2 zeta_star^2 / L^3, (tau^2 zeta_star^2 B^4 / L)^(1/3) / R^(2/3)} / 5000$.",
    kind="bound with constants",
    data=best_steps,
)
def two_quadratics_floor(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The exact gap, minimized over a grid of inner steps, for $K$ up to 1000 and $R$ up to $10^6$."""
    what = "gap at the best inner step"
    plain = Measurement.of(data, "best_gap", what=what, symbols={"eta": "best_eta", "gamma": 1.0})
    return Bounded(theorem, plain)


@claim(
    "patel2024/two-quadratics-floor-any-steps",
    "The floor of two quadratics under plain averaging is one for every outer step too: no inner and outer step"
    " brings this instance below it.",
    theorem="patel2024/two-quadratics-floor",
    kind="counterexample",
    data=best_steps,
    expected="violated",
    outside={"plain averaging, outer step 1": "the claim is about every outer step"},
)
def two_quadratics_floor_any_steps(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The exact gap with a tiny inner step and $gamma eta K = 1/L$, which is gradient descent, on the same instances.
    Other instances could be hard for all steps: what a lower bound over instances may say is decided by the order
    algebra (`patel2024/thm9-if-both-steps-are-free`)."""
    steps = {"eta": "free_eta", "gamma": "free_gamma"}
    return Bounded(theorem, Measurement.of(data, "free_gap", what="gap with a free outer step", symbols=steps))


# --- Theorem 15 ------------------------------------------------------------------------------------------------------


@experiment("patel2024-thm15")
def averages(session: Session) -> xr.Dataset:
    """Two quadratics beside the hard slow coordinate: the `gap` $(tau, K, R)$ of the uniform average of all local
    iterates at the best inner step `eta` up to $1/(2L)$, and the dissimilarity `zeta` $(tau)$ in the ball of radius
    $2 B$."""
    points, zeta_star, D = session.choose(quick=60, full=400), 0.3, 2 * B
    axes = {"tau": np.array([0.05, 0.5, 0.95]), "K": np.array([2.0, 8, 64, 512, 4096]), "R": 16 * 4.0 ** np.arange(8)}
    eta = np.geomspace(1e-7, 0.5, points) / L
    average = over_steps(grid(zeta_star=zeta_star, **axes), eta, averaging_decay=0.0).average
    assert average is not None
    gaps = average.gap.reshape(*map(len, axes.values()), points)
    in_ball = catalogue.theorem("patel2024/prop13-worst").bound
    zeta = in_ball.at(zeta_star=zeta_star, D=D, B=B, M=M, tau=axes["tau"])
    setting = {"L": L, "B": B, "M": M, "D": D, "zeta_star": zeta_star, "sigma": 0.0, "Q": 0.0, "gamma": 1.0}
    return labelled(*axes, gap=gaps.min(axis=-1), eta=eta[gaps.argmin(axis=-1)], zeta=zeta, **axes, **setting)


@claim(
    "patel2024/thm15-scaling",
    "On two quadratics beside the hard slow coordinate, without noise, the average of all local iterates at the best"
    " step obeys Theorem 15 up to a constant, for growing $R$ and $K$.",
    theorem="patel2024/thm15",
    kind="scaling",
    data=averages,
)
def thm15_scaling(theorem: Theorem, data: xr.Dataset) -> Scaling:
    """Exact gaps of the uniform average over all local iterates, minimized over the inner step: the ratio to the bound
    does not grow along $R$ or $K$."""
    return Scaling(theorem, Measurement.of(data, "gap", what="gap of the uniform average"), along=["R", "K"])
