"""Local gradient descent with the best of all inner and outer steps on the hard pairs of patel2024, and Lemma 8."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.constructions.shared_coordinate_pair import shared_coordinate_pair
from tightrate.rates.papers.patel2024.k_does_not_help import hard_cosine, hard_cosine_any_machines
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]
L, B = 1.0, 1.0
LOCAL_STEPS = np.array([2.0, 10.0, 1000.0, np.inf])
ROUNDS = np.unique(np.round(np.geomspace(1, 300, 13)))


def uneven_pair(cosine: Array, machines: int) -> QuadraticMachines:
    """The rank-one pair for any number of machines: (M + 1)/2 of the first kind where M is odd.

    The optimum is split evenly over both eigenvectors of the average Hessian.
    """
    first = np.stack([np.ones_like(cosine), np.zeros_like(cosine)], axis=-1)
    second = np.stack([cosine, np.sqrt((1 - cosine) * (1 + cosine))], axis=-1)
    directions = np.stack([first if m % 2 == 0 else second for m in range(machines)], axis=-2)
    hessians = L * directions[..., :, None] * directions[..., None, :]
    eigenvectors = np.linalg.eigh(hessians.mean(axis=-3))[1]
    optimum = B / np.sqrt(2) * eigenvectors.sum(axis=-1)
    minimizers = np.repeat(optimum[..., None, :], machines, axis=-2)
    return QuadraticMachines(hessians, minimizers, known_optimum=optimum)


def best_steps(problem: QuadraticMachines, R: Array, points: int) -> tuple[Array, Array, Array]:
    """The least suboptimality over a grid of inner and outer steps, and the steps; the batch of `problem` goes with R.

    Shapes (K, R).
    """
    eta = np.concatenate([np.geomspace(1e-6, 1.9, points), np.linspace(1.95, 2.5, 6)]) / L
    gamma = np.geomspace(1e-2, 1e4, 2 * points)
    best = np.empty((3, len(LOCAL_STEPS), len(R)))
    for i, steps in enumerate(LOCAL_STEPS):
        with np.errstate(over="ignore", invalid="ignore"):  # steps that diverge are part of the grid
            gaps = problem.gap(round_map(problem, K=steps, eta=eta[:, None], gamma=gamma).after(R[:, None, None]))
        gaps = np.where(np.isfinite(gaps), gaps, np.inf).reshape(len(R), -1)
        winner = gaps.argmin(axis=-1)
        best[:, i] = gaps.min(axis=-1), eta[winner // len(gamma)], gamma[winner % len(gamma)]
    return best[0], best[1], best[2]


@experiment("patel2024-any-machines")
def any_machines(session: Session) -> xr.Dataset:
    """The pair on 3, 5 and 9 machines: `best_gap` (M, K, R) over all steps, and the two lower bounds.

    `eigenvalue` (M, R) is the smaller one of the average Hessian, `predicted` what the angle was chosen for.
    """
    machines = np.array([3, 5, 9])
    points = session.choose(quick=24, full=64)
    best = np.empty((3, len(machines), len(LOCAL_STEPS), len(ROUNDS)))
    eigenvalue = np.empty((len(machines), len(ROUNDS)))
    for i, M in enumerate(machines):
        cosine = vectorized(hard_cosine_any_machines())(R=ROUNDS, M=M)
        best[:, i] = best_steps(uneven_pair(cosine[:, None, None], M), ROUNDS, points)
        eigenvalue[i] = np.linalg.eigvalsh(uneven_pair(cosine, M).mean_hessian)[..., 0]
        session.progress("patel2024-any-machines", i + 1, len(machines))
    bound = theorem("patel2024/prop7-any-machines").bound.function(L=L, B=B)
    return xr.Dataset(
        {
            "best_gap": (("M", "K", "R"), best[0]),
            "best_eta": (("M", "K", "R"), best[1]),
            "best_gamma": (("M", "K", "R"), best[2]),
            "eigenvalue": (("M", "R"), eigenvalue),
            "predicted": (("R",), L * vectorized((1 - hard_cosine()) / 2)(R=ROUNDS)),
            "bound": (("R",), bound(R=ROUNDS)),
        },
        coords={"M": machines, "K": LOCAL_STEPS, "R": ROUNDS},
        attrs={"L": L, "B": B, "theorem": "patel2024/prop7-any-machines"},
    )


@experiment("patel2024-tau")
def tau_version(session: Session) -> xr.Dataset:
    """The pair with curvature tau beside a shared coordinate of curvature L: `best_gap` (tau, K, R) and its bound.

    `measured_tau` (tau, R) is the largest distance of two Hessians, at most tau.
    """
    taus = np.array([1e-3, 0.03, 1.0])
    points = session.choose(quick=24, full=64)
    cosine = vectorized(hard_cosine())(R=ROUNDS)
    best = np.empty((3, len(taus), len(LOCAL_STEPS), len(ROUNDS)))
    measured = np.empty((len(taus), len(ROUNDS)))
    for i, tau in enumerate(taus):
        problem = shared_coordinate_pair(cosine=cosine[:, None, None], curvature=tau, L=L, B=B)
        best[:, i] = best_steps(problem, ROUNDS, points)
        measured[i] = problem.constants["tau"][:, 0, 0]
        session.progress("patel2024-tau", i + 1, len(taus))
    bound = theorem("patel2024/prop7-tau").bound.function(B=B)
    return xr.Dataset(
        {
            "best_gap": (("tau", "K", "R"), best[0]),
            "best_eta": (("tau", "K", "R"), best[1]),
            "best_gamma": (("tau", "K", "R"), best[2]),
            "measured_tau": (("tau", "R"), measured),
            "bound": (("tau", "R"), bound(tau=taus[:, None], R=ROUNDS)),
        },
        coords={"tau": taus, "K": LOCAL_STEPS, "R": ROUNDS},
        attrs={"L": L, "B": B, "theorem": "patel2024/prop7-tau"},
    )


@experiment("patel2024-lemma8")
def lemma8(session: Session) -> xr.Dataset:
    """Gradient descent on diag(L, mu), optimum split evenly: `best_gap` (kappa, R) over the step, and Lemma 8."""
    kappa = np.array([6.0, 10.0, 30.0, 100.0, 1000.0, 10000.0])
    R = np.unique(np.round(np.geomspace(1, 3000, 25)))
    points = session.choose(quick=400, full=4000)
    eta = np.concatenate([np.geomspace(1e-4, 1.0, points), np.linspace(1.0, 3.5, points)]) / L
    mu = L / kappa
    hessians = np.zeros((len(kappa), 1, 1, 2, 2))
    hessians[..., 0, 0], hessians[..., 1, 1] = L, mu[:, None, None]
    optimum = np.full((len(kappa), 1, 2), B / np.sqrt(2))
    problem = QuadraticMachines(hessians, optimum[..., None, :], known_optimum=optimum)
    grid = round_map(problem, K=1, eta=eta)
    with np.errstate(over="ignore", invalid="ignore"):  # steps that diverge are part of the grid
        gaps = np.stack([problem.gap(grid.after(rounds)) for rounds in R], axis=1)
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    bound = theorem("patel2024/lemma8").bound.function(L=L, B=B)
    return xr.Dataset(
        {
            "best_gap": (("kappa", "R"), gaps.min(axis=-1)),
            "best_eta": (("kappa", "R"), eta[gaps.argmin(axis=-1)]),
            "bound": (("kappa", "R"), bound(mu=mu[:, None], R=R)),
        },
        coords={"kappa": kappa, "R": R},
        attrs={"L": L, "B": B, "theorem": "patel2024/lemma8"},
    )
