"""Fitting exponents: a power law in several parameters, with intervals that know the noise and the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tightrate.common.errors import TightrateError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Exponent:
    """The fitted exponent of one parameter.

    `low` and `high` bound it at the stated confidence: the interval of the fit on the whole window, widened to
    hold the estimate of every sub-window that drops one end of one axis.
    """

    name: str
    estimate: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class PowerLawFit:
    """y = constant * prod(parameter^exponent) * exp(offset), fitted in logarithms.

    `lack_of_fit` is the reduced chi-square: near 1 where the power law explains the data to within its noise.
    Standard errors are scaled up by its root where it exceeds 1.
    """

    exponents: Mapping[str, Exponent]
    constant: float
    lack_of_fit: float
    confidence: float


def fit_power_law(
    parameters: Mapping[str, Array],
    mean: Array,
    standard_error: Array,
    *,
    offset: Array | None = None,
    confidence: float = 0.99,
) -> PowerLawFit:
    """Weighted least squares of log(mean) - offset on the logarithms of the parameters.

    All arrays are flat, one entry for each cell.  `standard_error` is that of `mean`; its delta-method value
    standard_error / mean weighs each cell.  `offset` is a known logarithmic factor (such as log of a logarithm in
    the bound): it enters the model with coefficient one, not as something to be fitted.

    >>> cells = {"K": np.array([1.0, 2.0, 4.0, 8.0])}
    >>> fit = fit_power_law(cells, 3 / cells["K"], 0.01 / cells["K"])
    >>> round(fit.exponents["K"].estimate, 12), round(fit.constant, 12)
    (-1.0, 3.0)
    """
    names = list(parameters)
    if not np.all(np.isfinite(mean) & (mean > 0)):
        raise TightrateError("a power law needs positive finite means; a cell diverged or vanished")
    log_y = np.log(mean) - (0.0 if offset is None else offset)
    weights = 1 / np.maximum(standard_error / mean, 1e-12)
    logs = np.column_stack([np.ones_like(log_y), *(np.log(parameters[name]) for name in names)])
    estimate, covariance, chi_square, freedom = _weighted_least_squares(logs, log_y, weights)
    inflation = max(1.0, chi_square / freedom) if freedom > 0 else 1.0
    errors = np.sqrt(np.diag(covariance) * inflation)
    quantile = float(stats.t.ppf((1 + confidence) / 2, freedom)) if freedom > 0 else np.inf
    windows = [
        _weighted_least_squares(logs[inside], log_y[inside], weights[inside])[0]
        for inside in _sub_windows([parameters[name] for name in names])
    ]
    exponents = {}
    for index, name in enumerate(names, start=1):
        others = [window[index] for window in windows]
        half_width = quantile * errors[index]
        exponents[name] = Exponent(
            name,
            float(estimate[index]),
            float(errors[index]),
            float(min([estimate[index] - half_width, *others])),
            float(max([estimate[index] + half_width, *others])),
        )
    return PowerLawFit(exponents, float(np.exp(estimate[0])), float(inflation), confidence)


def _weighted_least_squares(design: Array, values: Array, weights: Array) -> tuple[Array, Array, float, int]:
    """Estimate, covariance (from the weights alone), chi-square and degrees of freedom."""
    scaled = design * weights[:, None]
    if np.linalg.matrix_rank(scaled) < design.shape[1]:
        raise TightrateError("the cells do not vary every parameter independently: no exponent can be fitted")
    covariance = np.asarray(np.linalg.inv(scaled.T @ scaled), dtype=np.float64)
    estimate = covariance @ (scaled.T @ (values * weights))
    residual = (values - design @ estimate) * weights
    return estimate, covariance, float(residual @ residual), len(values) - int(design.shape[1])


def _sub_windows(columns: Sequence[Array]) -> list[NDArray[np.bool_]]:
    """Windows that drop the smallest or the largest value of one axis, where at least three values would remain."""
    windows = []
    for column, end in product(columns, (0, -1)):
        levels = np.unique(column)
        if len(levels) >= 4:
            windows.append(column != levels[end])
    return windows


def replicas_needed(
    parameters: Mapping[str, Array], relative_deviation: Array, *, half_width: float, confidence: float = 0.99
) -> int:
    """Replicas a cell so that every exponent's interval has at most this half-width, from a pilot's deviations.

    `relative_deviation` is the standard deviation of one replica over its mean, for each cell.
    """
    logs = np.column_stack([np.ones(len(relative_deviation)), *(np.log(values) for values in parameters.values())])
    scaled = logs / np.maximum(relative_deviation, 1e-12)[:, None]
    single = np.sqrt(np.diag(np.linalg.inv(scaled.T @ scaled)))[1:]
    quantile = stats.norm.ppf((1 + confidence) / 2)
    return int(np.ceil((quantile * single.max() / half_width) ** 2))
