"""Weighted least squares, the one fit behind every exponent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError

Array = NDArray[np.float64]
DEPENDENT = 1e-13  # a singular value this much below the largest one is zero


@dataclass(frozen=True)
class LeastSquares:
    """Coefficients with the standard errors that known errors of the values give them.

    `chi_square` is the weighted sum of squared residuals, `freedom` its degrees of freedom.
    """

    coefficients: Array
    errors: Array
    chi_square: float
    freedom: int

    @property
    def inflation(self) -> float:
        """The reduced chi-square, at least 1: by what the variances grow where noise does not explain all scatter."""
        return max(1.0, self.chi_square / self.freedom) if self.freedom > 0 else 1.0


def least_squares(design: Array, values: Array, errors: Array) -> LeastSquares:
    """Minimize sum(((values - design @ c) / errors)^2) by singular values, the columns scaled to length 1.

    >>> x = np.arange(5.0)
    >>> fit = least_squares(np.column_stack([np.ones(5), x]), 1 + 2 * x, np.full(5, 0.1))
    >>> fit.coefficients.round(12).tolist(), fit.errors.round(4).tolist()
    ([1.0, 2.0], [0.0775, 0.0316])
    """
    scaled, right = design / errors[:, None], values / errors
    scale = np.linalg.norm(scaled, axis=0)
    if not (scale > 0).all():
        raise TightrateError("the cells do not vary every parameter independently: no exponent can be fitted")
    left, singular, rows = np.linalg.svd(scaled / scale, full_matrices=False)
    inverse = np.where(singular > DEPENDENT * singular[0], 1 / np.maximum(singular, 1e-300), 0.0)
    coefficients = rows.T @ (inverse * (left.T @ right)) / scale
    spread = np.linalg.norm(rows.T * inverse, axis=1) / scale
    residuals = (values - design @ coefficients) / errors
    return LeastSquares(coefficients, spread, float(residuals @ residuals), len(values) - design.shape[1])


def check_independent(design: Array) -> None:
    """Refuse a design from which not every coefficient can be told."""
    lengths = np.linalg.norm(design, axis=0)
    if not (lengths > 0).all() or np.linalg.matrix_rank(design / lengths) < design.shape[1]:
        raise TightrateError("the cells do not vary every parameter independently: no exponent can be fitted")
