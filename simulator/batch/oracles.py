"""Gradient oracles in the form that is fastest for a block of replicas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.finite_sum import FiniteSum
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Array
from tightrate.simulator.batch.randomness import NoiseSteps, RowSteps

Oracle = Callable[[Array, Array], None]  # (points, gradients to be filled), both (replica, worker, dimension)
Clients = NDArray[np.intp]

REPLICAS_PER_PRODUCT = 8


def gradient_oracle(problem: Problem, shape: tuple[int, int, int]) -> Oracle:
    """The gradients of all workers, each at its own point."""
    diagonal = diagonal_of(problem)
    if diagonal is not None:
        curvatures, minimizers = (np.broadcast_to(values, shape).copy() for values in diagonal)

        def scaled(x: Array, out: Array) -> None:
            np.subtract(x, minimizers, out)
            np.multiply(out, curvatures, out)

        return scaled
    if isinstance(problem, QuadraticWorkers) and problem.optimum.ndim == 1:
        return _dense(problem, shape)
    return lambda x, out: np.copyto(out, problem.gradient(x))


def _dense(problem: QuadraticWorkers, shape: tuple[int, int, int]) -> Oracle:
    """Dense Hessians: one matrix product for each worker and `REPLICAS_PER_PRODUCT` replicas.

    Products of one fixed size round every replica in the same way, whichever others it runs with.
    """
    replicas, M, d = shape
    products = -(-replicas // REPLICAS_PER_PRODUCT)
    padded = np.zeros((products * REPLICAS_PER_PRODUCT, M, d))
    displacement, minimizers = padded[:replicas], np.broadcast_to(problem.minimizers, shape).copy()
    left, result = _by_worker(padded), np.empty_like(padded)

    def multiplied(x: Array, out: Array) -> None:
        np.subtract(x, minimizers, displacement)
        if len(padded) == replicas:
            np.matmul(left, problem.hessians, out=_by_worker(out))  # Hessians are symmetric
        else:
            np.matmul(left, problem.hessians, out=_by_worker(result))
            np.copyto(out, result[:replicas])

    return multiplied


def _by_worker(x: Array) -> Array:
    """A view of (replica, worker, dimension) as (product, worker, replica of the product, dimension)."""
    return np.swapaxes(x.reshape(-1, REPLICAS_PER_PRODUCT, *x.shape[1:]), 1, 2)


def client_gradient(problem: Problem, clients: Clients) -> Oracle:
    """The gradients of the sampled workers `clients` (replica, slot), each at its own point."""
    replicas = np.arange(len(clients))[:, None]
    diagonal = diagonal_of(problem)
    if diagonal is not None:
        curvatures, minimizers = (
            np.broadcast_to(v, (len(clients), *v.shape[-2:]))[replicas, clients] for v in diagonal
        )
        return lambda x, out: np.copyto(out, curvatures * (x - minimizers))

    def gradient(x: Array, out: Array) -> None:
        everywhere = np.zeros((len(x), problem.workers, problem.dimension))
        everywhere[replicas, clients] = x
        out[...] = problem.gradient(everywhere)[replicas, clients]

    return gradient


def stochastic_oracle(
    problem: Problem, gradient: Oracle, steps: NoiseSteps | RowSteps | None, clients: Clients | None
) -> Oracle:
    """The stochastic gradient: with additive noise, of sampled rows, or exact."""
    if steps is None:
        return gradient
    if isinstance(steps, NoiseSteps):
        noise = steps

        def noisy(x: Array, out: Array) -> None:
            gradient(x, out)
            np.add(out, noise.draw(), out)

        return noisy
    sampler = steps
    assert isinstance(problem, FiniteSum)
    if clients is None:
        return lambda x, out: np.copyto(out, problem.sampled_gradient(x, sampler.rows()))
    replicas, chosen = np.arange(len(clients))[:, None], clients

    def sampled(x: Array, out: Array) -> None:
        drawn = sampler.rows(chosen)
        everywhere = np.zeros((len(x), problem.workers, problem.dimension))
        rows = np.zeros((len(x), problem.workers, drawn.shape[-1]), dtype=np.intp)
        everywhere[replicas, chosen], rows[replicas, chosen] = x, drawn
        out[...] = problem.sampled_gradient(everywhere, rows)[replicas, chosen]

    return sampled


def instances(problem: Problem, rows: NDArray[np.intp] | Sequence[int]) -> Problem | None:
    """These instances of a batch of problems, None where the problem cannot be taken apart."""
    if problem.optimum.ndim != 2:
        return None
    if isinstance(problem, QuadraticWorkers):
        return QuadraticWorkers(problem.hessians[rows], problem.minimizers[rows], known_optimum=problem.optimum[rows])
    if isinstance(problem, DiagonalQuadratics):
        return DiagonalQuadratics(
            problem.curvatures[rows], problem.minimizers[rows], known_optimum=problem.optimum[rows]
        )
    return None


def diagonal_of(problem: Problem) -> tuple[Array, Array] | None:
    """Curvatures and minimizers (..., M, d) of quadratic workers with diagonal Hessians."""
    if isinstance(problem, DiagonalQuadratics):
        return problem.curvatures, problem.minimizers
    if isinstance(problem, QuadraticWorkers):
        curvatures = np.diagonal(problem.hessians, axis1=-2, axis2=-1)
        if np.count_nonzero(problem.hessians) == np.count_nonzero(curvatures):
            return curvatures, problem.minimizers
    return None


def check_rows(problem: Problem) -> FiniteSum:
    """The problem, if it is a sum over rows of data."""
    if not isinstance(problem, FiniteSum):
        raise TightrateError(f"row sampling needs a problem that is a sum over rows, not {type(problem).__name__}")
    return problem
