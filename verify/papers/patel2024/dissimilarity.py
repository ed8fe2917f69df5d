"""patel2024, Props. 1 and 13: how far apart the gradients of quadratic workers are, on a ball and far out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_workers
from tightrate.rates.statements.catalogue import theorem as catalogued
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.assertion import Controlled
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.claim import claim
from tightrate.verify.experiment import all_instances, experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.patel2024.workers import MATRICES, matrices_of
from tightrate.verify.session import Session

Array = NDArray[np.float64]
FAR = 1e9  # a distance at which the dissimilarity of unequal Hessians dominates everything


def one_against_all(workers: int, gradient: float) -> QuadraticWorkers:
    """Equal Hessians in one dimension; one worker has `gradient` at the optimum, the others share its opposite."""
    slopes = np.full(workers, -gradient / (workers - 1))
    slopes[0] = gradient
    return QuadraticWorkers(np.ones((1, workers, 1, 1)), 1.0 - slopes[None, :, None])


def flat_against_curved(workers: int) -> QuadraticWorkers:
    """One worker of Hessian 0 in one dimension, all others of Hessian 1, with one optimum at distance 1 from 0."""
    hessians = np.ones((1, workers, 1, 1))
    hessians[:, 0] = 0.0
    return QuadraticWorkers(hessians, np.ones((1, workers, 1)))


def deviations(problem: QuadraticWorkers, x: Array) -> Array:
    """|grad F_m - grad F| of every worker at points x (..., n, d), the same for all workers."""
    shape = (*x.shape[:-1], problem.workers, problem.dimension)
    gradients = problem.gradient(np.broadcast_to(x[..., None, :], shape))
    return np.asarray(np.linalg.norm(gradients - gradients.mean(axis=-2, keepdims=True), axis=-1))


def growth_far_out(problem: QuadraticWorkers) -> Array:
    """What FAR units of length along the worst eigenvector of all A_m - A add to the dissimilarity, per length."""
    n, M, d = problem.minimizers.shape
    widths, axes = np.linalg.eigh(problem.hessians - problem.mean_hessian[:, None])
    farthest = np.abs(widths).reshape(n, -1).argmax(axis=-1)
    ray = axes.swapaxes(-1, -2).reshape(n, -1, d)[np.arange(n), farthest]
    ends = (problem.gradient(np.broadcast_to(reach * ray[:, None], (n, M, d))) for reach in (FAR, 0.0))
    added = np.subtract(*ends)
    return np.asarray(np.linalg.norm(added - added.mean(axis=-2, keepdims=True), axis=-1).max(axis=-1) / FAR)


@experiment("patel2024-dissimilarity")
def gradients_apart(session: Session) -> xr.Dataset:
    """Random quadratic workers, one against all others, and one flat one: how far gradients are apart on a ball about
    the start.

    `largest` (instance) is the largest $|grad F_m - grad F|$ at the optimum; `worst` and `mean` are the largest of it
    and the largest root mean square over $m$, over random points at distance $D$; `slope` is its growth per length far
    out along the worst direction."""
    each = session.choose(quick=100, full=2000)
    generator = stream(session.seed, experiment="patel2024-dissimilarity")
    problems = [random_workers(generator, each, M, d) for M, d in ((2, 2), (4, 3), (8, 2))]
    problems += [one_against_all(M, 0.7) for M in (2, 3, 5, 17)]
    problems += [flat_against_curved(M) for M in (3, 5, 17) for _ in range(4)]

    def batches() -> Iterator[xr.Dataset]:
        for problem in problems:
            n, M, d = problem.minimizers.shape
            D: Array = np.power(10, generator.uniform(-1.5, 1.5, n))
            directions = generator.standard_normal((128, n, d))
            x = D[:, None] * directions / np.linalg.norm(directions, axis=-1, keepdims=True)
            apart = deviations(problem, x)
            yield labelled(
                *MATRICES,
                worst=apart.max(axis=(0, -1)),
                mean=np.sqrt((apart**2).mean(axis=-1)).max(axis=0),
                slope=growth_far_out(problem),
                largest=deviations(problem, problem.optimum[None]).max(axis=(0, -1)),
                **{name: problem.constants[name] for name in ("zeta_star", "tau", "tau_mean", "B")},
                D=D,
                M=float(M),
                d=float(d),
                **matrices_of(problem),
            )

    return all_instances(batches())


@claim(
    "patel2024/prop1",
    "The gradients of quadratic workers with unequal Hessians are arbitrarily far apart: far out by $|x|$ times the"
    " largest $|A_m - A|$.",
    kind="exact value",
    data=gradients_apart,
    expected="confirmed",
)
def prop1(data: xr.Dataset) -> Equal:
    """What $10^9$ units of length along the worst eigenvector add to the dissimilarity, per length, against the largest
    $|A_m - A|$ of the matrices; it vanishes only where all Hessians coincide."""
    slope = Measurement.of(data, "slope", what="dissimilarity over distance")
    unit = xr.ones_like(data.tau_mean)
    return Equal(slope, data.tau_mean, scale=unit, relative=1e-9, absolute=1e-12, matters=1e-3)


def on_the_ball(data: xr.Dataset, measured: str, at_optimum: str = "zeta_star") -> Measurement:
    """A dissimilarity on the ball, with the workers of every instance and what stands for zeta_star."""
    rounding = 1e-13 * (data.zeta_star + data.tau * (data.D + data.B))
    what, workers = "dissimilarity on the ball", ["hessians", "minimizers"]
    symbols = {"zeta_star": at_optimum}
    return Measurement.of(data, measured, what=what, rounding=rounding, instance=workers, symbols=symbols)


@claim(
    "patel2024/prop13-as-printed",
    "Prop. 13 as printed: on the ball of radius $D$ about the start every worker's gradient is within $zeta_star +"
    " tau D$ of the mean, $zeta_star$ being that of the worst worker.",
    theorem="patel2024/prop13",
    kind="erratum",
    accuses="E2",
    data=gradients_apart,
    expected="violated",
)
def prop13_as_printed(theorem: Theorem, data: xr.Dataset) -> Controlled:
    """Erratum E2: the worst worker against its own gradient at the optimum; a flat worker among curved ones breaks
    it where the ball is small.

    The control is the corrected bound on the same deviations."""
    control = Bounded(catalogued("patel2024/prop13-worst"), on_the_ball(data, "worst"))
    return Controlled(Bounded(theorem, on_the_ball(data, "worst", at_optimum="largest")), control)


@claim(
    "patel2024/prop13-mean",
    "The root mean square of the workers' deviations is at most $zeta_star + tau (D + B)$ on the ball.",
    kind="bound with constants",
    data=gradients_apart,
)
def prop13_mean(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same instances, 128 random points of each sphere."""
    return Bounded(theorem, on_the_ball(data, "mean"))


@claim(
    "patel2024/prop13-worst",
    "Every worker's deviation is at most $sqrt(M - 1) zeta_star + tau (D + B)$ on the ball, and this is attained.",
    kind="bound with constants",
    data=gradients_apart,
)
def prop13_worst(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same instances; one worker against all others attains it."""
    return Bounded(theorem, on_the_ball(data, "worst"))
