"""A problem seen from a start of one's own: every run starts from 0, so the problem is moved instead."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.constructions.separable import SeparableMachines


def moved(problem: Problem, start: ArrayLike) -> Problem:
    """The same functions in the coordinates x - x_0, for x_0 a number or (d,); B and Delta are those of this start.

    >>> from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
    >>> machine = DiagonalQuadratics(np.ones((1, 2)), np.array([[3.0, 4.0]]))
    >>> float(moved(machine, [0.0, 4.0]).constants["B"])
    3.0
    """
    x = np.asarray(start, dtype=np.float64)
    if x.shape not in ((), (1,), (problem.dimension,)) or not np.isfinite(x).all():
        raise TightrateError(f"start must be a finite number or {problem.dimension} of them, not {start!r}")
    optimum = problem.optimum - x
    if isinstance(problem, QuadraticMachines):
        return QuadraticMachines(problem.hessians, problem.minimizers - x, known_optimum=optimum)
    if isinstance(problem, DiagonalQuadratics):
        return DiagonalQuadratics(problem.curvatures, problem.minimizers - x, known_optimum=optimum)
    if type(problem) is SeparableMachines:
        return SeparableMachines(problem.piece, problem.centres - x, problem.tilts, problem.root)
    raise TightrateError(
        f"a start of its own is for quadratic and separable problems, which {type(problem).__name__} is not"
    )
