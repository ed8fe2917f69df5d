"""Reading NAME=VALUE from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from rates.errors import TightrateError


def read_values(arguments: Sequence[str]) -> dict[str, float]:
    """NAME=VALUE pairs; a value is a number, a fraction such as 1/3, or inf.

    >>> read_values(["K=inf", "R=1e3", "cosine=1/2"])
    {'K': inf, 'R': 1000.0, 'cosine': 0.5}
    >>> read_values(["K"])
    Traceback (most recent call last):
        ...
    rates.errors.TightrateError: 'K' is not NAME=VALUE, for example K=10
    """
    values: dict[str, float] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not name:
            raise TightrateError(f"{argument!r} is not NAME=VALUE, for example K=10")
        if name in values:
            raise TightrateError(f"{name} is given twice")
        values[name] = read_number(name, text)
    return values


def read_names(text: str) -> tuple[str, ...]:
    """Names separated by commas; none in an empty text.

    >>> read_names("gap, distance"), read_names("")
    (('gap', 'distance'), ())
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def read_number(name: str, text: str) -> float:
    """A number, a fraction or inf; anything else is refused."""
    lowered = text.strip().lower()
    if lowered in ("inf", "+inf", "infinity", "oo", "∞"):
        return float("inf")
    try:
        if len(lowered) > 100:
            raise ValueError
        mantissa, _, exponent = lowered.partition("e")
        if "/" not in mantissa and abs(int(exponent or 0)) > 400:
            raise ValueError
        return float(Fraction(lowered))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise TightrateError(f"{name} must be a number, a fraction such as 1/3, or inf, not {text!r}") from None
