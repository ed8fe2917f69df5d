"""The chain of Theorem 11: what any algorithm can reach in R rounds, and what four algorithms do reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.parity_chain import ParityChain, parity_chain
from tightrate.constructions.problem import Measured, Problem
from tightrate.rates.papers.patel2024.lower_bounds import chain_ratio
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.accelerated_minibatch_sgd import accelerated_minibatch_sgd, nesterov_minibatch_sgd
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.sgd import minibatch_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]
L, B = 2.0, 3.0
ROUNDS = (1, 2, 3, 5, 8, 12, 20)
LONGER_ROUNDS = (8, 16, 32, 64, 128, 256)
POINTS, DISPLAY_ROUNDS, DISPLAY_DIMENSION = 200, 6, 28  # where the average of the chain is held against display (20)


@dataclass(frozen=True, eq=False)
class LinkByLink(Problem):
    """The chain with its gradients computed link by link, where a matrix product would round zeros away."""

    chain: ParityChain

    @property
    def workers(self) -> int:
        return self.chain.workers

    @property
    def dimension(self) -> int:
        return self.chain.dimension

    @property
    def optimum(self) -> Array:
        return self.chain.optimum

    @property
    def constants(self) -> Mapping[str, Array]:
        return self.chain.constants

    def gradient(self, x: Array) -> Array:
        return self.chain.gradient(x)

    def gap(self, x: Array) -> Array:
        return self.chain.gap(x)

    def self_check(self) -> tuple[Measured, ...]:
        return self.chain.self_check()


def algorithms(points: int) -> Iterator[tuple[str, Algorithm[Any], int]]:
    """Name, a whole grid of steps as replicas, and local steps."""
    eta = np.geomspace(0.05, 4.0, points) / L
    yield "mini-batch SGD", minibatch_sgd(eta=eta), 1
    yield "accelerated mini-batch SGD", accelerated_minibatch_sgd(eta=eta), 1
    steps, momentum = (grid.ravel() for grid in np.meshgrid(eta, np.linspace(0.0, 0.98, points), indexing="ij"))
    yield "Nesterov's method", nesterov_minibatch_sgd(eta=steps, momentum=momentum), 1
    inner, outer = (grid.ravel() for grid in np.meshgrid(eta[eta * L < 2], [0.5, 1.0, 1.5, 2.0], indexing="ij"))
    for K in (2, 20):
        yield f"local SGD, K = {K}", local_sgd(eta=inner, gamma=outer), K


def as_in_the_proof(R: int, d: int) -> ParityChain:
    """The chain with links of curvature L/2 (1 + q^2) and the optimum of an infinite chain, cut off after d links."""
    q = float(vectorized(chain_ratio())(R=R))
    return parity_chain(R=R, d=d, L=L * (1 + q**2) / 2, B=B * np.sqrt(1 - q ** (2 * d)))


def smallest_gap(problem: ParityChain, support: int) -> float:
    """min F(x) - F* over x supported on the first coordinates: the Schur complement of the average Hessian."""
    A, hidden = problem.mean_hessian, -problem.optimum[support:]
    first, cross, last = A[:support, :support], A[:support, support:], A[support:, support:]
    return float(hidden @ (last - cross.T @ np.linalg.solve(first, cross)) @ hidden) / 2


@experiment("patel2024-chain")
def chain(session: Session) -> xr.Dataset:
    """`best_gap` (algorithm, R) over each grid of steps, `revealed` the number of coordinates that moved.

    `minimum` and `exact` (R) are the least suboptimality on R coordinates by linear algebra and by the theorem, both
    for links of curvature L/2; `exact_here`, `bound` (R) the theorem's value and its simple form for the instance
    that was run.  `smoothness`, `distance`, `heterogeneity` (R) are that instance's constants.
    `averaged`, `printed` (point): the average at the random points `x` against display (20) with H/2.
    """
    points = session.choose(quick=16, full=40)
    names = [name for name, _, _ in algorithms(points)]
    best, revealed = np.empty((len(names), len(ROUNDS))), np.empty((len(names), len(ROUNDS)))
    minimum, constants = np.empty(len(ROUNDS)), np.empty((3, len(ROUNDS)))
    for j, R in enumerate(ROUNDS):
        problem = parity_chain(R=R, L=L, B=B, M=2 if j % 2 else 4, d=4 * R + 4)
        minimum[j] = smallest_gap(as_in_the_proof(R, 4 * R + 4), R)
        constants[:, j] = [float(problem.constants[name]) for name in ("L", "B", "zeta_star")]
        for i, (_, algorithm, K) in enumerate(algorithms(points)):
            run = sample(algorithm, LinkByLink(problem), K=K, R=R, measured_rounds=(R,))
            gaps = np.where(np.isfinite(run.gaps[:, -1]), run.gaps[:, -1], np.inf)
            best[i, j] = gaps.min()
            revealed[i, j] = 1 + np.flatnonzero((run.last != 0).any(axis=0)).max()
        session.progress("patel2024-chain", j + 1, len(ROUNDS))
    along = np.array(ROUNDS, dtype=np.float64)
    letters = {"L": L, "B": B}
    averaged, printed, x = _display_20(session.seed)
    return xr.Dataset(
        {
            "best_gap": (("algorithm", "R"), best),
            "revealed": (("algorithm", "R"), revealed),
            "minimum": (("R",), minimum),
            "exact": (("R",), theorem("patel2024/thm11-exact").bound.function(**letters)(R=along)),
            "bound": (("R",), theorem("patel2024/thm11-constant").bound.function(**letters)(R=along)),
            "smoothness": (("R",), constants[0]),
            "distance": (("R",), constants[1]),
            "heterogeneity": (("R",), constants[2]),
            "averaged": (("point",), averaged),
            "printed": (("point",), printed),
            "x": (("point", "coordinate"), x),
        },
        coords={"R": along, "point": np.arange(len(x))},
        attrs={
            "L": L,
            "B": B,
            "algorithms": names,
            "theorem": "patel2024/thm11-exact",
            "display 20": {"L": L, "B": B, "R": DISPLAY_ROUNDS, "d": DISPLAY_DIMENSION},
        },
    )


def _display_20(seed: int) -> tuple[Array, Array, Array]:
    """The average objective at random points, (H/2) times the sum of all squares of both machines, and the points."""
    d = DISPLAY_DIMENSION
    problem = as_in_the_proof(DISPLAY_ROUNDS, d)
    q, x = problem.ratio, stream(seed, experiment="patel2024-display-20").standard_normal((POINTS, d))
    u = x - problem.optimum
    squares = (1 + q**2) * u[:, 0] ** 2 + ((q * u[:, :-1] - u[:, 1:]) ** 2).sum(axis=-1)
    return problem.gap(x), float(problem.strength) / 2 * squares, x


@experiment("patel2024-acceleration")
def acceleration(session: Session) -> xr.Dataset:
    """Accelerated mini-batch SGD (AC-SA, best step up to 1/L) on ever longer chains: `gap` and `bound`, both (R,)."""
    eta = np.geomspace(0.05, 1.0, session.choose(quick=12, full=40)) / L
    gaps = []
    for R in LONGER_ROUNDS:
        problem = LinkByLink(parity_chain(R=R, L=L, B=B, d=3 * R))
        gaps.append(sample(accelerated_minibatch_sgd(eta=eta), problem, K=1, R=R, measured_rounds=(R,)).gaps.min())
        session.progress("patel2024-acceleration", len(gaps), len(LONGER_ROUNDS))
    along = np.array(LONGER_ROUNDS, dtype=np.float64)
    bound = theorem("ghadimi2012/convex").bound.function(L=L, B=B, sigma=0.0, M=2.0, K=1.0)(R=along)
    return xr.Dataset(
        {"gap": (("R",), np.array(gaps)), "bound": (("R",), bound)},
        coords={"R": along},
        attrs={"L": L, "B": B, "theorem": "ghadimi2012/convex"},
    )
