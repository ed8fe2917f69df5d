"""patel2024, Theorem 11: what any algorithm can reach in R rounds on the chain, and what four algorithms do reach."""

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
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.accelerated_minibatch_sgd import accelerated_minibatch_sgd, nesterov_minibatch_sgd
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.sgd import minibatch_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.bounded import AtMost, Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.trend import Scaling
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
L, B = 2.0, 3.0
NO_NOISE = {"sigma": 0.0, "zeta_star": 0.0}
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
    """Name, a whole grid of steps as replicas, and local steps (gradients a round, where all are taken at one point).

    Without noise their number is of no account to a mini-batch.
    """
    eta = np.geomspace(0.05, 4.0, points) / L
    yield "mini-batch SGD", minibatch_sgd(eta=eta), 2
    yield "accelerated mini-batch SGD", accelerated_minibatch_sgd(eta=eta), 2
    steps, momentum = (grid.ravel() for grid in np.meshgrid(eta, np.linspace(0.0, 0.98, points), indexing="ij"))
    yield "Nesterov's method", nesterov_minibatch_sgd(eta=steps, momentum=momentum), 2
    inner, outer = (grid.ravel() for grid in np.meshgrid(eta[eta * L < 2], [0.5, 1.0, 1.5, 2.0], indexing="ij"))
    for K in (2, 20):
        yield f"local SGD, K = {K}", local_sgd(eta=inner, gamma=outer), K


# --- The instance ----------------------------------------------------------------------------------------------------


def as_in_the_proof(R: int, d: int) -> ParityChain:
    """The chain with links of curvature L/2 (1 + q^2) and the optimum of an infinite chain, cut off after d links."""
    q = at(chain_ratio(), R=R)
    return parity_chain(R=R, d=d, L=L * (1 + q**2) / 2, B=B * np.sqrt(1 - q ** (2 * d)))


def smallest_gap(problem: ParityChain, support: int) -> float:
    """min F(x) - F* over x supported on the first coordinates: the Schur complement of the average Hessian."""
    A, hidden = problem.mean_hessian, -problem.optimum[support:]
    first, cross, last = A[:support, :support], A[:support, support:], A[support:, support:]
    return float(hidden @ (last - cross.T @ np.linalg.solve(first, cross)) @ hidden) / 2


@experiment("patel2024-chain")
def runs(session: Session) -> xr.Dataset:
    """`best_gap` (algorithm, $R$) over each grid of steps, `revealed` the number of coordinates that moved;
    `smoothness`, `distance`, `heterogeneity` $(R)$ are the constants of the instance.

    `minimum` $(R)$: the least suboptimality on $R$ coordinates by linear algebra, for links of curvature $L/2$.
    `average`, `squares` (point): the average objective of display (20) at the random points `x`, and the sum of all
    squares of both kinds of workers."""
    points = session.choose(quick=16, full=40)
    names, rules, K = (list(column) for column in zip(*algorithms(points), strict=True))
    workers = np.where(np.arange(len(ROUNDS)) % 2, 2, 4)
    best, revealed = np.empty((len(rules), len(ROUNDS))), np.empty((len(rules), len(ROUNDS)))
    minimum, constants = np.empty(len(ROUNDS)), np.empty((3, len(ROUNDS)))
    for j, R in enumerate(ROUNDS):
        problem = parity_chain(R=R, L=L, B=B, M=workers[j], d=4 * R + 4)
        minimum[j] = smallest_gap(as_in_the_proof(R, 4 * R + 4), R)
        constants[:, j] = [float(problem.constants[name]) for name in ("L", "B", "zeta_star")]
        for i, rule in enumerate(rules):
            run = sample(rule, LinkByLink(problem), K=K[i], R=R, measured_rounds=(R,))
            gaps = np.where(np.isfinite(run.gaps[:, -1]), run.gaps[:, -1], np.inf)
            best[i, j] = gaps.min()
            revealed[i, j] = 1 + np.flatnonzero((run.last != 0).any(axis=0)).max()
        session.progress("patel2024-chain", j + 1, len(ROUNDS))
    of_instances = dict(zip(("smoothness", "distance", "heterogeneity"), constants, strict=True))
    parts = [
        labelled("algorithm", "R", best_gap=best, revealed=revealed, K=np.array(K, dtype=np.float64), algorithm=names),
        labelled("R", minimum=minimum, **of_instances, M=workers.astype(np.float64), R=np.array(ROUNDS, np.float64)),
        labelled(L=L, B=B, **NO_NOISE),
        _display_20(session.seed),
    ]
    return xr.merge(parts)


def _display_20(seed: int) -> xr.Dataset:
    """The average objective at random points beside the sum of all squares of both kinds of workers."""
    d = DISPLAY_DIMENSION
    problem = as_in_the_proof(DISPLAY_ROUNDS, d)
    q, x = problem.ratio, stream(seed, experiment="patel2024-display-20").standard_normal((POINTS, d))
    u = x - problem.optimum
    squares = (1 + q**2) * u[:, 0] ** 2 + ((q * u[:, :-1] - u[:, 1:]) ** 2).sum(axis=-1)
    return labelled(
        "point", "coordinate", average=problem.gap(x), squares=squares, strength=float(problem.strength), x=x
    )


@claim(
    "patel2024/thm11-instance",
    "The chain of Theorem 11 is $L$-smooth, has its optimum at distance $B$, and $zeta_star = 0$.",
    theorem="patel2024/thm11",
    kind="identity",
    data=runs,
    expected="confirmed",
)
def thm11_instance(data: xr.Dataset) -> Equal:
    """Constants of the matrices against the prescribed ones: largest eigenvalue over all workers, norm of the
    optimum, root mean square of the workers' gradients there."""
    measured = xr.concat([data.smoothness / L, data.distance / B, data.heterogeneity], "constant")
    prescribed = xr.DataArray([1.0, 1.0, 0.0], dims="constant")
    constants = Measurement.of(data, measured, what="constant of the chain")
    return Equal(constants, prescribed, scale=xr.ones_like(measured), relative=1e-12, absolute=1e-13)


@claim(
    "patel2024/thm11-minimum",
    "The least suboptimality on the chain over $R$ coordinates is the closed form, whatever the dimension.",
    theorem="patel2024/thm11-exact",
    kind="identity",
    data=runs,
    expected="confirmed",
)
def thm11_minimum(theorem: Theorem, data: xr.Dataset) -> Equal:
    """A Schur complement of the average Hessian against the theorem's expression, links of curvature $L/2$."""
    return Equal(Measurement.of(data, "minimum", what="least suboptimality on R coordinates"), theorem, relative=1e-9)


@claim(
    "patel2024/thm11-constant",
    "The exact minimum of the chain is at least $L B^2 / (128 R^2)$.",
    kind="bound with constants",
    data=runs,
)
def thm11_constant(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The minimum by linear algebra against the simple form, for $R$ up to 20."""
    return Bounded(theorem, Measurement.of(data, "minimum", what="least suboptimality on R coordinates"))


@claim(
    "patel2024/eq20-as-printed",
    "Display (20), with its constants taken as exact: the average of the even and odd workers has the factor $L/2$.",
    theorem="patel2024/thm11",
    kind="side condition",
    accuses="E5",
    data=runs,
    expected="violated",
)
def eq20_as_printed(data: xr.Dataset) -> Equal:
    """Erratum E5: the average objective at random points against $L/2$ times the sum of all squares; it is half of
    that, because each half of the workers carries each half of the squares."""
    printed = data.strength / 2 * data.squares
    of_display = {"R": DISPLAY_ROUNDS, "d": DISPLAY_DIMENSION, "M": 2}
    average = Measurement.of(data, "average", what="average objective", symbols=of_display, instance=["x"])
    return Equal(average, printed)


# --- Runs on it ------------------------------------------------------------------------------------------------------


@claim(
    "patel2024/thm11-one-coordinate",
    "On the chain no algorithm that moves along gradients only finds more than one coordinate per round.",
    theorem="patel2024/thm11",
    kind="exact value",
    data=runs,
)
def thm11_one_coordinate(data: xr.Dataset) -> AtMost:
    """Local SGD with up to 20 local steps, mini-batch SGD and two accelerated forms of it, over whole grids of steps:
    the last coordinate that is not exactly zero after $R$ rounds."""
    return AtMost(Measurement.of(data, "revealed", what="number of coordinates found"), data.R)


@claim(
    "patel2024/thm11-value",
    "After $R$ rounds no run on the chain is below the exact minimum of Theorem 11's instance.",
    theorem="patel2024/thm11-exact",
    kind="bound with constants",
    data=runs,
)
def thm11_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The best step of each algorithm's grid, by value; the accelerated ones come closest."""
    return Bounded(theorem, Measurement.of(data, "best_gap", what="best suboptimality of each algorithm"))


@experiment("patel2024-acceleration")
def longer_chains(session: Session) -> xr.Dataset:
    """Accelerated mini-batch SGD (AC-SA, best step up to $1/L$) on ever longer chains: its `gap` $(R)$."""
    eta = np.geomspace(0.05, 1.0, session.choose(quick=12, full=40)) / L
    gaps = []
    for R in LONGER_ROUNDS:
        problem = LinkByLink(parity_chain(R=R, L=L, B=B, d=3 * R))
        gaps.append(sample(accelerated_minibatch_sgd(eta=eta), problem, K=2, R=R, measured_rounds=(R,)).gaps.min())
        session.progress("patel2024-acceleration", len(gaps), len(LONGER_ROUNDS))
    return labelled("R", gap=gaps, R=np.array(LONGER_ROUNDS, dtype=np.float64), L=L, B=B, M=2, K=2, **NO_NOISE)


@claim(
    "patel2024/thm11-attained",
    "On the chain accelerated mini-batch SGD falls at least as fast as $L B^2 / R^2$, so Theorem 11 is tight.",
    theorem="patel2024/thm11",
    kind="scaling",
    data=longer_chains,
)
def thm11_attained(theorem: Theorem, data: xr.Dataset) -> Scaling:
    """AC-SA at its best step on a chain made for each $R$, over Theorem 11's bound without noise: the ratio does not
    grow along $R$."""
    gap = Measurement.of(data, "gap", what="suboptimality of AC-SA")
    return Scaling(theorem, gap, along=["R"], side="upper")
