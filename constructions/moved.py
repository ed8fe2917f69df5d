"""A problem seen from a start of one's own: every run starts from 0, so the problem is moved instead."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.finite_sum import FiniteSum, Rows
from tightrate.constructions.problem import Array, Measured, Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.separable import SeparableWorkers


def moved(problem: Problem, start: ArrayLike) -> Problem:
    """The same functions in the coordinates x - x_0, for x_0 a number or (d,); B and Delta are those of this start.

    >>> from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
    >>> worker = DiagonalQuadratics(np.ones((1, 2)), np.array([[3.0, 4.0]]))
    >>> float(moved(worker, [0.0, 4.0]).constants["B"])
    3.0
    """
    x = np.asarray(start, dtype=np.float64)
    if x.shape not in ((), (1,), (problem.dimension,)) or not np.isfinite(x).all():
        raise TightrateError(f"start must be a finite number or {problem.dimension} of them, not {start!r}")
    optimum = problem.optimum - x
    if isinstance(problem, QuadraticWorkers):
        return QuadraticWorkers(problem.hessians, problem.minimizers - x, known_optimum=optimum)
    if isinstance(problem, DiagonalQuadratics):
        return DiagonalQuadratics(problem.curvatures, problem.minimizers - x, known_optimum=optimum)
    if type(problem) is SeparableWorkers:
        return SeparableWorkers(problem.piece, problem.centres - x, problem.tilts, problem.root)
    return MovedSum(problem, x) if isinstance(problem, FiniteSum) else Moved(problem, x)


OF_THE_START = ("B", "Delta", "B_scaled")  # constants that change with the start


class Moved(Problem):
    """Any problem in the coordinates x - x_0: every question is asked of the problem itself, at x + x_0."""

    def __init__(self, problem: Problem, start: Array) -> None:
        self._problem, self._x0 = problem, start

    @property
    def workers(self) -> int:
        return self._problem.workers

    @property
    def dimension(self) -> int:
        return self._problem.dimension

    @property
    def optimum(self) -> Array:
        return self._problem.optimum - self._x0

    @property
    def constants(self) -> Mapping[str, Array]:
        kept = {name: value for name, value in self._problem.constants.items() if name not in OF_THE_START}
        at_the_start = {
            "B": np.linalg.norm(self.optimum, axis=-1),
            "Delta": self.gap(np.zeros(self.dimension)),
        }
        return {
            **kept,
            **{name: np.asarray(own) for name, own in at_the_start.items() if name in self._problem.constants},
        }

    def gradient(self, x: Array) -> Array:
        return self._problem.gradient(x + self._x0)

    def gap(self, x: Array) -> Array:
        return self._problem.gap(x + self._x0)

    def value(self, x: Array) -> Array:
        return self._problem.value(x + self._x0)

    def prox(self, x: Array, step: Array | float) -> Array:
        return self._problem.prox(x + self._x0, step) - self._x0

    def hessian_vector_product(self, x: Array, v: Array) -> Array:
        return self._problem.hessian_vector_product(x + self._x0, v)

    def self_check(self) -> tuple[Measured, ...]:
        return tuple(one for one in self._problem.self_check() if one.name not in OF_THE_START)


class MovedSum(Moved, FiniteSum):
    """The same of a problem that is a sum over rows of data."""

    _problem: FiniteSum

    @property
    def offsets(self) -> Rows:
        return self._problem.offsets

    @property
    def row_data(self) -> Array:
        return self._problem.row_data

    def data_gradient(self, x: Array, data: Array, out: Array) -> None:
        self._problem.data_gradient(x + self._x0, data, out)
