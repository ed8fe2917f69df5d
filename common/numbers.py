"""Numbers from outside: one rule for how they are written and how large they may be, wherever they come from.

The product of a few of them must still be a number: magnitudes lie between 1e-100 and 1e100.  Counts of a run lie
below 2^53, where every whole number is a float.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from tightrate.common.errors import LONGEST, TightrateError

SMALLEST, LARGEST = 1e-100, 1e100
MOST = 2**53
SEEDS = 2**63 - 1

_DECIMAL = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?"
_NUMBER = re.compile(rf"[+-]?{_DECIMAL}(?:/{_DECIMAL})?")
_INFINITE = ("inf", "+inf", "infinity", "oo", "∞")


def read_number(name: str, text: str) -> float:
    """A number, a fraction or inf, in ASCII digits; anything else is refused.

    >>> read_number("cosine", "1/2"), read_number("R", "1e3"), read_number("K", "inf")
    (0.5, 1000.0, inf)
    >>> read_number("R", "1_000")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: R must be a number, a fraction such as 1/3, or inf, not '1_000'
    """
    written = text.strip().lower()
    if written in _INFINITE:
        return float("inf")
    if len(written) <= LONGEST and _NUMBER.fullmatch(written):
        above, _, below = written.partition("/")
        if not below or Fraction(below):
            return float(in_range(name, Fraction(above) / Fraction(below or 1)))
    raise TightrateError(f"{name} must be a number, a fraction such as 1/3, or inf, not {shown(text)}")


def read_whole(name: str, text: str, least: int, most: int) -> int:
    """A whole number between two others, in ASCII digits.

    >>> read_whole("jobs", "2", 1, 256)
    2
    """
    written = text.strip()
    if not re.fullmatch(r"[+-]?[0-9]+", written):
        raise TightrateError(f"{name} must be a whole number from {least} to {most}, not {shown(text)}")
    if len(written) > LONGEST:
        raise TightrateError(f"{name} must be a whole number from {least} to {most}, not one of {len(written)} digits")
    return whole(name, int(written), least, most)


def number(name: str, value: Any) -> float:
    """The value, if it is a number of a size that can be calculated with; nan is left for others to refuse."""
    plain = getattr(value, "item", lambda: value)() if not isinstance(value, int | float) else value
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        raise TightrateError(f"{name} must be a number, not {shown(value)}")
    in_range(name, plain)
    return plain


def in_range(name: str, value: Any) -> Any:
    """The value, if its magnitude lies in the common range, or is 0, infinite or nan.

    >>> in_range("sigma", 10**400)
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: sigma must be 0 or of a magnitude from 1e-100 to 1e+100, not 1.0e+400
    """
    if value == 0 or value != value or (isinstance(value, float) and abs(value) == float("inf")):
        return value
    if not SMALLEST <= abs(value) <= LARGEST:
        raise TightrateError(f"{name} must be 0 or of a magnitude from {SMALLEST:g} to {LARGEST:g}, not {sized(value)}")
    return value


def whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """The value, if it is a whole number that is neither too small nor too large."""
    found = value if isinstance(value, int) and not isinstance(value, bool) else number(name, value)
    if not (least <= found < float("inf") and found == int(found)):
        kind = {0: "a nonnegative integer", 1: "a positive integer"}.get(least, f"an integer, at least {least}")
        raise TightrateError(f"{name} must be {kind}, not {sized(found)}")
    limit = MOST if most is None else most
    if found > limit:
        raise TightrateError(f"{name} must be at most {limit}, not {sized(found)}")
    return int(found)


def sized(value: Any) -> str:
    """A number in a few digits, however large.

    >>> sized(-(10**5000)), sized(2.5), sized(0)
    ('-1.0e+5000', '2.5', '0')
    """
    if isinstance(value, float):
        return f"{value:g}"
    if value == 0 or Fraction(1, 10**9) < abs(value) < 10**15:
        return f"{float(value):g}"
    exact = abs(Fraction(value))
    digits = _decimal_length(exact.numerator) - _decimal_length(exact.denominator)
    for power in (digits + 1, digits, digits - 1, digits - 2):
        leading = exact / Fraction(10) ** power
        if leading >= 1:
            return f"{'-' if value < 0 else ''}{float(leading):.1f}e{power:+03d}"
    return f"about 1e{digits}"


def _decimal_length(value: int) -> int:
    return value.bit_length() * 1233 // 4096  # log10(2), nearly


def shown(value: Any) -> str:
    """A value as it was given, cut where it is too long to read."""
    if isinstance(value, int) and not isinstance(value, bool):
        return sized(value)
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
