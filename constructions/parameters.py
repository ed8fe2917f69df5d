"""Parameters of a construction: each checked with one clear line, then broadcast to the batch of instances."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.common.numbers import MOST, SEEDS, in_range, shown
from tightrate.constructions.problem import Array
from tightrate.constructions.quadratics import as_batch
from tightrate.rates.symbols.alphabet import LETTERS, check_value

MOST_BYTES = 4 * 2**30


def batch(*, may_vanish: tuple[str, ...] = (), **values: ArrayLike) -> tuple[Array, ...]:
    """The parameters as arrays of one common batch shape, each entry checked.

    A letter of the alphabet must be a value that it can have; anything else must be positive and finite.  The names
    in `may_vanish` may be zero too.

    >>> [a.tolist() for a in batch(L=[1.0, 2.0], mu=0.0, may_vanish=("mu",))]
    [[1.0, 2.0], [0.0, 0.0]]
    >>> batch(width=-1.0)
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: width must be positive and finite, not -1
    """
    for name, value in values.items():
        for entry in np.unique(_numbers(name, value)):
            if not (entry == 0 and name in may_vanish):
                check_number(name, float(entry))
    try:
        return as_batch(*values.values())
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items() if np.ndim(value))
        raise TightrateError(f"parameters given as arrays must broadcast together, not {shapes}") from None


def check_number(name: str, value: float) -> float:
    """`value` if the letter, or the positive quantity, of that name can have it."""
    if name in LETTERS:
        return check_value(name, value)
    if not 0 < value < float("inf"):
        raise TightrateError(f"{name} must be positive and finite, not {value:g}")
    return value


def at_most(name: str, value: ArrayLike, limit: ArrayLike, meaning: str) -> Array:
    """`value`, cut to `limit`, if it exceeds it by rounding at most; `meaning` names the limit in the refusal.

    >>> float(at_most("tau", 0.9 + 1e-16, 1.0 - 0.1, "L - mu"))
    0.9
    """
    values, limits = np.broadcast_arrays(np.asarray(value, dtype=np.float64), np.asarray(limit, dtype=np.float64))
    beyond = values > limits * (1 + 1e-12)
    if beyond.any():
        raise TightrateError(
            f"{name} must be at most {meaning} = {limits[beyond].flat[0]:g} here, not {values[beyond].flat[0]:g}"
        )
    return np.asarray(np.minimum(values, limits))


def real(name: str, value: ArrayLike) -> Array:
    """`value` as an array of finite numbers of either sign."""
    numbers = _numbers(name, value)
    if not np.isfinite(numbers).all():
        raise TightrateError(f"{name} must be finite")
    return numbers


def count(name: str, value: float, *, least: int = 1, most: int = MOST) -> int:
    """`value` as an integer, if it is one from `least` to `most`.

    >>> count("M", 4.0)
    4
    """
    whole = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not (whole and value == value and abs(value) != float("inf") and value == int(value) and value >= least):
        allowed = "a positive integer" if least == 1 else f"an integer, at least {least}"
        raise TightrateError(f"{name} must be {allowed}, not {shown(value)}")
    if value > most:
        raise TightrateError(f"{name} must be at most {most}, not {shown(int(value))}")
    return int(value)


def fraction(name: str, value: float) -> float:
    """`value` if it lies in (0, 1)."""
    if not 0 < value < 1:
        raise TightrateError(f"{name} must lie in (0,1), not {value:g}")
    return value


def even_workers(M: float, what: str) -> int:
    """M, if the workers can be split into two equal halves."""
    workers = count("M", M)
    if workers % 2:
        raise TightrateError(f"{what} needs an even number of workers, not M = {workers}")
    return workers


def check_memory(numbers: float, what: str) -> None:
    """Refuse what would fill the memory before it is built; each of its `numbers` takes 8 bytes.

    >>> check_memory(1e12, "a problem with M = 1 and d = 1e+06")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: a problem with M = 1 and d = 1e+06 would take 7.45e+03 GiB; \
at most 4 GiB are allowed
    """
    if 8 * numbers > MOST_BYTES:
        raise TightrateError(
            f"{what} would take {8 * numbers / 2**30:.3g} GiB; at most {MOST_BYTES // 2**30} GiB are allowed"
        )


def generator_of(seed: int) -> np.random.Generator:
    """The generator that draws a random instance, from its seed alone."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(count("seed", seed, least=0, most=SEEDS))))


def _numbers(name: str, value: ArrayLike) -> Array:
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise TightrateError(f"{name} must be a number or an array of numbers, not {shown(value)}") from None
    for end in (np.abs(numbers).min(initial=1.0), np.abs(numbers).max(initial=1.0)):
        in_range(name, float(end))
    return numbers
