"""Parameters of a batch: one value for all replicas, or one for each."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.constructions.parameters import check_number
from tightrate.rates.symbols.alphabet import check_value
from tightrate.simulator.algorithm import Array


def per_replica(name: str, value: ArrayLike) -> Array:
    """A parameter as an array that broadcasts over (replica, worker, dimension), each entry checked.

    A letter of the alphabet must be a value that it can have; a parameter of another name must be positive and finite.

    >>> per_replica("eta", [0.1, 0.2]).shape
    (2, 1, 1)
    """
    values = np.asarray(value, dtype=np.float64)
    for entry in np.unique(values):
        check_number(name, float(entry))
    return values.reshape(-1, 1, 1)


def coordinates(name: str, value: ArrayLike) -> Array:
    """A parameter that may be a vector: a number, (d,) of them, or (replica, 1) or (replica, d) for each replica.

    >>> coordinates("d_start", [0.5, 1.5]).shape, coordinates("d_start", [[0.5], [1.5]]).shape
    ((1, 1, 2), (2, 1, 1))
    """
    values = np.asarray(value, dtype=np.float64)
    for entry in np.unique(values):
        check_number(name, float(entry))
    if values.ndim > 2:
        raise TightrateError(f"{name} must be a number, a vector (d,) or an array (replica, d), not {values.shape}")
    rows = values if values.ndim == 2 else values.reshape(1, -1)
    return rows[:, None, :]


def probability(name: str, value: ArrayLike) -> Array:
    """A chance in (0, 1] that broadcasts over (replica, worker, dimension).

    >>> probability("p", 0.25).shape
    (1, 1, 1)
    """
    values = per_replica(name, value)
    if (values > 1).any():
        raise TightrateError(f"{name} must lie in (0, 1], not {values.max():g}")
    return values


def nonnegative(name: str, value: ArrayLike) -> Array:
    """As `per_replica`, where zero is allowed too."""
    values = np.asarray(value, dtype=np.float64)
    per_replica(name, values[values != 0])
    return values.reshape(-1, 1, 1)


def threshold(rho: ArrayLike) -> Array | None:
    """Clipping thresholds, each positive; None where all are infinite, which is no clipping.

    >>> threshold(float("inf")) is None
    True
    """
    values = np.asarray(rho, dtype=np.float64)
    for entry in np.unique(values[np.isfinite(values)]):
        check_value("rho", float(entry))
    if np.isnan(values).any() or (values < 0).any():
        check_value("rho", float(values.min()))
    return None if np.isinf(values).all() else values.reshape(-1, 1, 1)


Clipping = Literal["coordinate", "global"]
CLIPPINGS: tuple[Clipping, ...] = ("coordinate", "global")


def clip(gradient: Array, rho: Array | None, clipping: Clipping = "coordinate") -> Array:
    """sign(g_i) min(|g_i|, rho), coordinate by coordinate, or g min(1, rho/|g|), globally.

    >>> clip(np.array([[3.0, 4.0]]), np.array(1.0)).tolist()
    [[1.0, 1.0]]
    >>> clip(np.array([[3.0, 4.0]]), np.array(1.0), "global").round(12).tolist()
    [[0.6, 0.8]]
    """
    if rho is None:
        return gradient
    if clipping == "coordinate":
        return np.clip(gradient, -rho, rho)
    length = np.linalg.norm(gradient, axis=-1, keepdims=True)
    return np.asarray(gradient * np.minimum(1.0, rho / np.where(length > 0, length, 1.0)))


def clipping_named(name: str) -> Clipping:
    """The kind of clipping of that name."""
    if name not in CLIPPINGS:
        raise unknown_name("clipping", str(name), CLIPPINGS)
    return name


Averages = Literal["auxiliary", "iterates"]
AVERAGES: tuple[Averages, ...] = ("auxiliary", "iterates")


def averages_named(name: str) -> Averages:
    """What the averages of a method with momentum run over: its auxiliary sequence z, or its iterates x."""
    if name not in AVERAGES:
        raise unknown_name("sequence to average", str(name), AVERAGES)
    return name


def whole(name: str, value: float) -> int:
    """A positive whole number.

    >>> whole("delay", 2.0)
    2
    """
    if not (value >= 1 and value == int(value)):
        raise TightrateError(f"{name} must be a positive whole number, not {value:g}")
    return int(value)
