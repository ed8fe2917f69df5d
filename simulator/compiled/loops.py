"""The loops that numba compiles: random numbers, sums, a row's gradient.  Imported only when they are used.

The arithmetic is numpy's, operation by operation (no fast-math, no contraction), and so are the random numbers: SFC64
and the ziggurat of `Generator.standard_normal`, from a generator's four words, which are moved on in place.  Inlined,
they cost a quarter of numpy's calls.  `words` are (4,), all other arrays C-contiguous.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Words = NDArray[np.uint64]
Function = TypeVar("Function", bound=Callable[..., Any])

UNIT = 1.0 / 2**53
LARGEST_FRACTION = np.uint64(2**52 - 1)
BYTE, ONE, THREE, EIGHT, NINE, ELEVEN, TWENTY_FOUR, FORTY = (np.uint64(n) for n in (255, 1, 3, 8, 9, 11, 24, 40))

try:
    _numba: Any = import_module("numba")
    _tables: Any = import_module("numba.np.random._constants")
    RATIO, REACH = np.array(_tables.wi_double), np.array(_tables.ki_double)
    DENSITY, TAIL = np.array(_tables.fi_double), float(_tables.ziggurat_nor_r)
    TAIL_INVERSE = float(_tables.ziggurat_nor_inv_r)
except ImportError:
    _numba = None


def jit(function: Function) -> Function:
    """The compiled function; the function itself where there is no numba."""
    if _numba is None:
        return function
    compiled: Function = _numba.njit(error_model="numpy")(function)
    return compiled


@jit
def _next(a: Any, b: Any, c: Any, counter: Any) -> Any:
    """One number of SFC64, then the new words."""
    drawn = a + b + counter
    return drawn, b ^ (b >> ELEVEN), c + (c << THREE), ((c << TWENTY_FOUR) | (c >> FORTY)) + drawn, counter + ONE


@jit
def _unit(bits: Any) -> Any:
    """53 bits as a number in [0, 1)."""
    return np.int64(bits >> ELEVEN) * UNIT


@jit
def _outside(bits: Any, a: Any, b: Any, c: Any, counter: Any) -> Any:
    """The normal number from bits that may fall beyond the ziggurat's inner part, then the new words."""
    while True:
        layer = bits & BYTE
        fraction = (bits >> NINE) & LARGEST_FRACTION
        x = np.int64(fraction) * RATIO[layer]
        if (bits >> EIGHT) & ONE:
            x = -x
        if fraction < REACH[layer]:
            return x, a, b, c, counter
        if layer == 0:
            while True:
                bits, a, b, c, counter = _next(a, b, c, counter)
                beyond = -TAIL_INVERSE * math.log1p(-_unit(bits))
                bits, a, b, c, counter = _next(a, b, c, counter)
                height = -math.log1p(-_unit(bits))
                if height + height > beyond * beyond:
                    x = TAIL + beyond
                    return (-x if (fraction >> EIGHT) & ONE else x), a, b, c, counter
        bits, a, b, c, counter = _next(a, b, c, counter)
        if (DENSITY[layer - ONE] - DENSITY[layer]) * _unit(bits) + DENSITY[layer] < math.exp(-0.5 * x * x):
            return x, a, b, c, counter
        bits, a, b, c, counter = _next(a, b, c, counter)


@jit
def normals(words: Words, level: float, out: Array) -> None:
    """Fill `out` (n,) with standard normal numbers times the level."""
    a, b, c, counter = words[0], words[1], words[2], words[3]
    for i in range(out.size):
        bits, a, b, c, counter = _next(a, b, c, counter)
        layer = bits & BYTE
        fraction = (bits >> NINE) & LARGEST_FRACTION
        x = np.int64(fraction) * RATIO[layer]
        x = -x if (bits >> EIGHT) & ONE else x
        if fraction >= REACH[layer]:
            x, a, b, c, counter = _outside(bits, a, b, c, counter)
        out[i] = x * level
    words[0], words[1], words[2], words[3] = a, b, c, counter


@jit
def rows(words: Words, offsets: Integers, counts: Integers, out: Integers) -> None:
    """Draw one row of every worker, uniformly: out (M,)."""
    a, b, c, counter = words[0], words[1], words[2], words[3]
    for m in range(out.size):
        bits, a, b, c, counter = _next(a, b, c, counter)
        out[m] = offsets[m] + np.int64(_unit(bits) * counts[m])
    words[0], words[1], words[2], words[3] = a, b, c, counter


@jit
def logistic(x: float) -> float:
    """1/(1 + exp(-x))."""
    return 1.0 / (1.0 + math.exp(-x))


@jit
def dot(a: Array, b: Array, d: int) -> float:
    """<a, b> of d coordinates, in the order in which `numpy.einsum` adds where a register holds two numbers."""
    even, odd = 0.0, 0.0
    whole = d // 8 * 8
    for first in range(0, whole, 8):
        for i in range(first + 6, first - 1, -2):
            even += a[i] * b[i]
            odd += a[i + 1] * b[i + 1]
    for i in range(whole, d - 1, 2):
        even += a[i] * b[i]
        odd += a[i + 1] * b[i + 1]
    if d % 2:
        even += a[d - 1] * b[d - 1]
    return even + odd


@jit
def _add(row: Array, weights: Array, sums: Array, first: bool) -> None:
    """sums <- row * weights, added to what is there unless this is the first row."""
    if first:
        for j in range(row.size):
            sums[j] = row[j] * weights[j]
    else:
        for j in range(row.size):
            sums[j] += row[j] * weights[j]


@jit
def weighted_sums(drawn: Array, first: Integers, members: Integers, powers: Array, sums: Array) -> None:
    """Sums over steps of every round, with the last of the powers as weights.

    drawn (stream, round, step, n), powers (replica or 1, at least as many steps and one, n), sums (replica, round, n).
    """
    steps = drawn.shape[2]
    skipped = powers.shape[1] - steps
    for stream in range(first.size - 1):
        for one in range(drawn.shape[1]):
            for step in range(steps):
                for i in range(first[stream], first[stream + 1]):
                    r = members[i]
                    weights = powers[r if len(powers) > 1 else 0, skipped + step]
                    _add(drawn[stream, one, step], weights, sums[r, one], step == 0)


@jit
def weighted_normals(
    words: Words, level: float, rounds: int, steps: int, first: Integers, members: Integers, powers: Array, sums: Array
) -> None:
    """The same with normal numbers, which are drawn step by step and kept nowhere."""
    row, skipped = np.empty(sums.shape[2]), powers.shape[1] - steps
    for stream in range(first.size - 1):
        for one in range(rounds):
            for step in range(steps):
                normals(words[stream], level, row)
                for i in range(first[stream], first[stream + 1]):
                    r = members[i]
                    weights = powers[r if len(powers) > 1 else 0, skipped + step]
                    _add(row, weights, sums[r, one], step == 0)
