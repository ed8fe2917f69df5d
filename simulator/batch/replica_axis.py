"""The replica axis of an algorithm's parameters: how long it is, and the same algorithm for some replicas only.

Parameters are the arrays of three dimensions, (replica, 1, 1) or (replica, 1, dimension), among what an algorithm
holds; other arrays (a mixing matrix) are its own affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import Array, Rule

A = TypeVar("A")


def _held(part: Any) -> Mapping[str, Any]:
    """What a rule holds, by name; nothing of what is no rule."""
    return vars(part) if isinstance(part, Rule) or (is_dataclass(part) and not isinstance(part, type)) else {}


def parameters(algorithm: Any) -> Iterator[Array]:
    """Every parameter with a replica axis, those of its optimizers included."""
    if isinstance(algorithm, np.ndarray):
        if algorithm.ndim == 3:
            yield algorithm
    elif isinstance(algorithm, tuple):
        for part in algorithm:
            yield from parameters(part)
    else:
        for part in _held(algorithm).values():
            yield from parameters(part)


def replicas_of(algorithm: Any) -> tuple[int, ...]:
    """The length of the replica axis that the parameters imply, as a shape."""
    return (common_batch(*(value.shape[:1] for value in parameters(algorithm))),)


def common_batch(*shapes: tuple[int, ...]) -> int:
    """The one number of replicas that all these leading shapes broadcast to.

    >>> common_batch((), (3,), (1,))
    3
    """
    different = [shape for shape in dict.fromkeys(shapes) if shape not in ((), (1,))]
    if len(different) > 1 or any(len(shape) > 1 for shape in different):
        given = ", ".join(map(str, different))
        raise TightrateError(f"parameters for different numbers of replicas cannot run together: shapes {given}")
    return different[0][0] if different else 1


def restrict(algorithm: A, rows: NDArray[np.intp], count: int, shape: tuple[int, int, int]) -> A:
    """The algorithm of these of the `count` replicas, for states of this shape.

    A parameter that they share becomes a single number and one that varies is spelled out for every entry, of one
    worker where the algorithm tells workers apart: both are faster than broadcasting, and neither changes a bit.
    """
    if getattr(algorithm, "remembers_workers", False) or getattr(algorithm, "client_state", ()):
        # its rules may take some of the workers, or be asked for what all clients keep
        shape = (shape[0], 1, shape[2])

    def narrow(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            if part.ndim != 3:
                return part
            own = part[rows] if len(part) == count else part
            return own[:1] if np.all(own == own[:1]) else np.broadcast_to(own, shape).copy()
        if isinstance(part, tuple):
            return tuple(narrow(inner) for inner in part)
        held = _held(part)
        if not held:
            return part
        narrowed = {name: narrow(inner) for name, inner in held.items()}
        if is_dataclass(part) and not isinstance(part, type):
            return replace(part, **narrowed)
        other = copy(part)
        vars(other).update(narrowed)
        return other

    whole: A = narrow(algorithm)
    return whole
