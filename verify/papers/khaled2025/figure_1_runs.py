"""The experiment of Figure 1: the best outer step on a random quadratic, over ten noise levels, by exact moments."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.wishart_quadratic import wishart_quadratic
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]
NOISE = np.array([1e-3, 1e-2, 1e-1, 0.5, 1.0, 5.0, 10.0, 15.0, 25.0, 50.0])  # of every coordinate
OUTER = np.array([0.001, 0.01, 0.1, 0.5, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0])
K, R, ETA, DIMENSION = 50, 1000, 0.001, 50
LAST_ROUNDS = 10  # over which the loss is averaged
WORKERS = 8  # not given in the paper, nor is the start, which is 0 here


@experiment("khaled2025-figure-1")
def figure_1(session: Session) -> xr.Dataset:
    """Expected loss of local SGD over (seed, gamma, sigma), averaged over the last ten of 1000 rounds of 50 steps.

    `loss` on (x - x*)'Q(x - x*)/2 with Q = A'A, 50 x 50 with standard normal A; `floor`, what the noise alone leaves
    for R -> infinity, from the stationary second moments; `along` the expected loss over the rounds `round` of the
    first seed; `literal_loss` on |Q(x - x*)|^2/2, as printed; `literal_factor`, by how much the fastest mode grows in a
    round there; `smoothness` is eta L of both.
    """
    seeds = np.arange(session.choose(quick=12, full=100))
    loss, literal = (np.empty((len(seeds), len(OUTER), len(NOISE))) for _ in range(2))
    floor, factor = np.empty_like(loss), np.empty((len(seeds), len(OUTER)))
    steepness = np.empty((len(seeds), 2))
    last = np.arange(R - LAST_ROUNDS + 1, R + 1, dtype=np.float64)
    rounds = np.unique(np.round(np.geomspace(1, R, 40)))
    mean = theorem("khaled2025/quadratic-mean").bound.function(B=1.0, K=K, R=1, eta=ETA)
    settled = theorem("khaled2025/stationary").bound.function(K=K, M=WORKERS, eta=ETA, sigma=1.0)
    for i, seed in enumerate(seeds):
        modes = eigenmodes(int(seed), power=1)
        curvature = modes.curvatures[0]
        loss[i] = expected_loss(modes, last)
        floor[i] = (curvature / 2 * settled(gamma=OUTER[:, None], curvature=curvature)).sum(axis=1)[:, None] * NOISE**2
        steep = eigenmodes(int(seed), power=2)
        literal[i] = expected_loss(steep, last)
        factor[i] = mean(gamma=OUTER[:, None], curvature=steep.curvatures[0]).max(axis=1)
        steepness[i] = ETA * curvature.max(), ETA * steep.curvatures[0].max()
        session.progress("khaled2025-figure-1", i + 1, len(seeds))
    first = eigenmodes(0, power=1)
    along = np.stack([expected_loss(first, np.array([r])) for r in rounds])
    dims = ("seed", "gamma", "sigma")
    return xr.Dataset(
        {
            "loss": (dims, loss),
            "floor": (dims, floor),
            "literal_loss": (dims, literal),
            "literal_factor": (dims[:2], factor),
            "along": (("round", "gamma", "sigma"), along),
            "smoothness": (("seed", "power"), steepness),
        },
        coords={"seed": seeds, "gamma": OUTER, "sigma": NOISE, "round": rounds, "power": [1, 2]},
        attrs={
            "theorem": "khaled2025/stationary", "M": WORKERS, "K": K, "R": R, "eta": ETA, "d": DIMENSION,
            "seeds": len(seeds), "literal_steepness": float(steepness[:, 1].min()),
            "steepness": float(steepness[:, 0].max()),
        },
    )  # fmt: skip


def eigenmodes(seed: int, power: int) -> DiagonalQuadratics:
    """The random quadratic of Figure 1 in the coordinates of its eigenvectors."""
    problem = wishart_quadratic(d=DIMENSION, M=1, power=power, seed=seed)
    spectrum, basis = np.linalg.eigh(problem.hessians[0])
    optimum = basis.T @ problem.optimum
    shape = (WORKERS, DIMENSION)
    return DiagonalQuadratics(np.broadcast_to(np.maximum(spectrum, 0.0), shape), np.broadcast_to(optimum, shape))


def expected_loss(modes: DiagonalQuadratics, rounds: Array) -> Array:
    """E f - f* over (gamma, sigma), averaged over these rounds; infinite where it overflows.

    Moments are affine in the variance of the noise: one run with variance 1 in every coordinate serves all levels.
    """
    found = exact_moments(
        local_sgd(eta=ETA, gamma=OUTER),
        modes,
        K=K,
        R=np.broadcast_to(rounds, (len(OUTER), len(rounds))),
        noise=GaussianNoise(np.sqrt(DIMENSION)),
    ).last
    with np.errstate(over="ignore", invalid="ignore"):
        weight = modes.curvatures[0] / 2
        bias = np.sum(weight * (found.mean - modes.optimum) ** 2, axis=-1).mean(axis=1)
        spread = np.sum(weight * found.spread, axis=-1).mean(axis=1)
        loss = bias[:, None] + NOISE**2 * spread[:, None]
    return np.where(np.isfinite(loss), loss, np.inf)
