"""patel2024, Prop. 7 and Lemma 8: with the best of all inner and outer steps no number of local steps helps."""

from __future__ import annotations

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.rank_one_pair import rank_one_pair
from tightrate.constructions.shared_coordinate_pair import shared_coordinate_pair
from tightrate.rates.papers.patel2024.local_steps_do_not_help import hard_cosine, hard_cosine_any_workers
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols import alphabet
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.verify.assertions.assertion import Fact, Facts
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
L, B = 1.0, 1.0
SMALL_STEP = 0.01  # eta L of the slow run, where K does help, but only down to the same floor
ROUNDS = np.unique(np.round(np.geomspace(1, 300, 13)))


def best_steps(pair: QuadraticWorkers, K: Array, R: Array, points: int) -> xr.Dataset:
    """The least suboptimality over a grid of inner and outer steps, for every K and R: `best_gap`, `eta`, `gamma`.

    `pair` is one problem or a batch (R, 1, 1).  The inner grid reaches beyond 2/L, where finite K may still converge
    and K = inf has no limit; `steps_tried` counts the pairs of steps that gave a finite value.
    """
    eta = np.concatenate([np.geomspace(1e-6, 1.9, points), np.linspace(1.95, 2.5, 6)]) / L
    gamma = np.geomspace(1e-2, 1e4, 2 * points)
    best, tried = np.empty((3, len(K), len(R))), np.empty((len(K), len(R)))
    for i, steps in enumerate(K):
        grid = round_map(pair, K=steps, eta=eta[:, None], gamma=gamma)
        with np.errstate(over="ignore", invalid="ignore"):  # steps that diverge are part of the grid
            gaps = pair.gap(grid.after(R[:, None, None])).reshape(len(R), -1)
        finite = np.isfinite(gaps)
        gaps = np.where(finite, gaps, np.inf)
        winner = gaps.argmin(axis=-1)
        best[:, i] = gaps.min(axis=-1), eta[winner // len(gamma)], gamma[winner % len(gamma)]
        tried[i] = finite.sum(axis=-1)
    found = labelled("K", "R", best_gap=best[0], eta=best[1], gamma=best[2], steps_tried=tried, K=K, R=R)
    return found.assign_attrs(L=L, B=B)


# --- The rank-one pair -----------------------------------------------------------------------------------------------


@experiment("k-does-not-help")
def rank_one_at_the_hard_angle(session: Session) -> xr.Dataset:
    """`best_gap` $(K, R)$ on the rank-one pair over all inner and outer steps, and `slow_gap` $(K, R)$ with a small
    inner step and plain averaging. Each $R$ has its own instance, at the hard angle."""
    K = np.array([1.0, 2.0, 10.0, 100.0, 1000.0, 1e6, np.inf])
    R = np.unique(np.round(np.geomspace(1, 1000, 37)))
    cosine, M = at(hard_cosine(), R=R), 2
    one_per_round = rank_one_pair(cosine=cosine[:, None, None], L=L, B=B, M=M)
    best = best_steps(one_per_round, K, R, session.choose(quick=48, full=160))
    pair = rank_one_pair(cosine=cosine, L=L, B=B, M=M)
    slow = [pair.gap(round_map(pair, K=steps, eta=SMALL_STEP / L).after(R)) for steps in K]
    return best.assign(slow_gap=(("K", "R"), slow), cosine=("R", cosine)).assign_attrs(M=M, small_step=SMALL_STEP)


@claim(
    "patel2024/k-does-not-help",
    "At the hard angle no inner step, outer step or number of local steps, infinity included, brings local gradient"
    " descent below $L B^2 / (108 R)$.",
    theorem="patel2024/prop7-constant",
    kind="counterexample",
    data=rank_one_at_the_hard_angle,
    outside={"inner step below $2/L$ (needed for $K = inf$)": "with finite $K$ the best inner step may be larger"},
)
def k_does_not_help(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The minimum over the whole grid of step sizes, for every $K$ and $R$."""
    return Bounded(theorem, Measurement.of(data, "best_gap", what="best suboptimality"))


# --- Any number of workers ------------------------------------------------------------------------------------------


def uneven_pair(cosine: Array, workers: int) -> QuadraticWorkers:
    """The rank-one pair for any number of workers: (M + 1)/2 of the first kind where M is odd.

    The optimum is split evenly over both eigenvectors of the average Hessian.
    """
    first = np.stack([np.ones_like(cosine), np.zeros_like(cosine)], axis=-1)
    second = np.stack([cosine, np.sqrt((1 - cosine) * (1 + cosine))], axis=-1)
    directions = np.stack([first if m % 2 == 0 else second for m in range(workers)], axis=-2)
    hessians = L * directions[..., :, None] * directions[..., None, :]
    eigenvectors = np.linalg.eigh(hessians.mean(axis=-3))[1]
    optimum = B / np.sqrt(2) * eigenvectors.sum(axis=-1)
    minimizers = np.repeat(optimum[..., None, :], workers, axis=-2)
    return QuadraticWorkers(hessians, minimizers, known_optimum=optimum)


@experiment("patel2024-any-machines")
def odd_workers(session: Session) -> xr.Dataset:
    """The pair on 3, 5 and 9 workers: `best_gap` $(M, K, R)$ over all steps, and `eigenvalue` $(M, R)$, the smaller
    one of the average Hessian."""
    workers, K = np.array([3, 5, 9]), np.array([2.0, 10.0, 1000.0, np.inf])
    points = session.choose(quick=24, full=64)
    found = []
    for M in workers:
        cosine = at(hard_cosine_any_workers(), R=ROUNDS, M=M)
        smaller = np.linalg.eigvalsh(uneven_pair(cosine, M).mean_hessian)[..., 0]
        steps = best_steps(uneven_pair(cosine[:, None, None], M), K, ROUNDS, points)
        found.append(steps.assign(cosine=("R", cosine), eigenvalue=("R", smaller)))
    return xr.concat(found, xr.DataArray(workers, dims="M", name="M"), data_vars="all")


@claim(
    "patel2024/prop7-odd-machines",
    "On 3, 5 and 9 workers too no inner step, outer step or number of local steps, infinity included, brings local"
    " gradient descent below $L B^2 / (108 R)$.",
    theorem="patel2024/prop7-any-machines",
    kind="counterexample",
    data=odd_workers,
)
def prop7_odd_workers(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The minimum of the exact suboptimality over a grid of inner and outer steps, for every $M$, $K$ and $R$."""
    return Bounded(theorem, Measurement.of(data, "best_gap", what="best suboptimality"))


@claim(
    "patel2024/prop7-eigenvalues",
    "With the share $a$ of the workers on the first direction the average of the rank-one pair has the smaller"
    " eigenvalue $(1 - sqrt(1 - 4 a (1 - a) (1 - cosine^2))) L / 2$.",
    theorem="patel2024/prop7-any-machines",
    kind="identity",
    data=odd_workers,
    expected="confirmed",
)
def prop7_eigenvalues(data: xr.Dataset) -> Equal:
    """The formula is solved for the angle that makes the eigenvalue $L / (12 R)$; eigenvalues of the matrices must be
    exactly that, to rounding."""
    smaller = Measurement.of(data, "eigenvalue", what="smaller eigenvalue of the average")
    return Equal(smaller, smaller.at(alphabet.L * (1 - hard_cosine()) / 2), scale=smaller.symbols["L"])


# --- Second-order heterogeneity alone --------------------------------------------------------------------------------


@experiment("patel2024-tau")
def blocks_of_curvature_tau(session: Session) -> xr.Dataset:
    """The pair with curvature $tau$ beside a shared coordinate of curvature $L$: `best_gap` $(tau, K, R)$ over all
    steps, and `hessian_distance` $(tau, R)$, the largest distance of two Hessians."""
    taus, K = np.array([1e-3, 0.03, 1.0]), np.array([2.0, 10.0, 1000.0, np.inf])
    points = session.choose(quick=24, full=64)
    cosine = at(hard_cosine(), R=ROUNDS)
    found = []
    for tau in taus:
        pair = shared_coordinate_pair(cosine=cosine[:, None, None], curvature=tau, L=L, B=B)
        apart = pair.constants["tau"][:, 0, 0]
        found.append(best_steps(pair, K, ROUNDS, points).assign(hessian_distance=("R", apart)))
    joined = xr.concat(found, xr.DataArray(taus, dims="tau", name="tau"), data_vars="all")
    return joined.assign(cosine=("R", cosine), M=2)


@claim(
    "patel2024/tau-lower-bound",
    "With Hessians that differ by at most $tau$ and a common optimum, local gradient descent stays above $tau B^2 /"
    " (108 R)$ for every inner step, every outer step and every $K$, infinity included.",
    theorem="patel2024/prop7-tau",
    kind="counterexample",
    data=blocks_of_curvature_tau,
)
def tau_lower_bound(theorem: Theorem, data: xr.Dataset) -> Facts:
    """The minimum over a grid of inner and outer steps for every $tau$, $K$ and $R$, where the Hessians are at most
    $tau$ apart."""
    apart = float((data.hessian_distance / data.tau).max())
    gap = Measurement.of(data, "best_gap", what="best suboptimality")
    return Facts({"largest |A_m - A_n| / tau": Fact(apart, at_most=1 + 1e-12)}, main=Bounded(theorem, gap))


# --- Gradient descent on one quadratic -------------------------------------------------------------------------------


@experiment("patel2024-lemma8")
def gradient_descent(session: Session) -> xr.Dataset:
    """Gradient descent on $diag(L, mu)$, the optimum split evenly: `best_gap` $(kappa, R)$ at the best step `eta`."""
    kappa = np.array([6.0, 10.0, 30.0, 100.0, 1000.0, 10000.0])
    R = np.unique(np.round(np.geomspace(1, 3000, 25)))
    points = session.choose(quick=400, full=4000)
    eta = np.concatenate([np.geomspace(1e-4, 1.0, points), np.linspace(1.0, 3.5, points)]) / L
    mu = L / kappa
    hessians = np.zeros((len(kappa), 1, 1, 2, 2))
    hessians[..., 0, 0], hessians[..., 1, 1] = L, mu[:, None, None]
    optimum = np.full((len(kappa), 1, 2), B / np.sqrt(2))
    problem = QuadraticWorkers(hessians, optimum[..., None, :], known_optimum=optimum)
    grid = round_map(problem, K=1, eta=eta)
    with np.errstate(over="ignore", invalid="ignore"):  # steps that diverge are part of the grid
        gaps = np.stack([problem.gap(grid.after(rounds)) for rounds in R], axis=1)
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    best = {"best_gap": gaps.min(axis=-1), "eta": eta[gaps.argmin(axis=-1)]}
    return labelled("kappa", "R", **best, L=L, mu=mu, B=B, kappa=kappa, R=R)


@claim(
    "patel2024/lemma8",
    "On a quadratic with eigenvalues $L$ and $mu <= L/6$ no step brings $R$ steps of gradient descent below $(L B^2"
    " / (4 kappa)) (1 - 3/kappa)^(2R)$.",
    kind="bound with constants",
    data=gradient_descent,
)
def lemma8(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The minimum over a grid of steps up to $3.5/L$, for condition numbers from 6 and up to 3000 steps."""
    what = "best suboptimality of gradient descent"
    return Bounded(theorem, Measurement.of(data, "best_gap", what=what, rounding=1e-28 * L * B**2))


@experiment("patel2024-lemma8-main-text")
def at_the_inverse_smoothness(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Gradient descent on $diag(L, mu)$ at $eta = 1/L$ from 0: `gap` $(kappa, R)$ for the worst optimum at distance
    $B$, which is the one along the flat direction, as the other coordinate is met in one step."""
    kappa = np.array([6.0, 10.0, 30.0, 100.0, 1000.0])
    R = np.unique(np.round(np.geomspace(1, 3000, 25)))
    mu = L / kappa
    hessians = np.zeros((len(kappa), 1, 1, 2, 2))
    hessians[..., 0, 0], hessians[..., 1, 1] = L, mu[:, None, None]
    optimum = np.zeros((len(kappa), 1, 2))
    optimum[..., 1] = B
    problem = QuadraticWorkers(hessians, optimum[..., None, :], known_optimum=optimum)
    steps = round_map(problem, K=1, eta=np.array([1.0]) / L)
    gaps = np.stack([problem.gap(steps.after(rounds))[..., 0] for rounds in R], axis=-1)
    return labelled("kappa", "R", gap=gaps, L=L, mu=mu, B=B, eta=1 / L, kappa=kappa, R=R)


@claim(
    "patel2024/lemma8-main-text-as-printed",
    "Lemma 8 as the main text prints it: for some optimum within $B$ every step leaves gradient descent at or above"
    " $(L B^2 / kappa) exp(-R / kappa)$ after $R$ steps.",
    theorem="patel2024/lemma8",
    kind="erratum",
    accuses="E10",
    data=at_the_inverse_smoothness,
    expected="violated",
)
def lemma8_main_text_as_printed(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Erratum E10: the step $1/L$ and the optimum that is worst for it."""
    gap = Measurement.of(data, "gap", what="gap of gradient descent at the step 1/H", rounding=1e-28 * L * B**2)
    rate = alphabet.mu / alphabet.L  # 1/kappa
    return Bounded(theorem, gap, expression=alphabet.mu * alphabet.B**2 * sympy.exp(-rate * alphabet.R))
