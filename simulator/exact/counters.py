"""Counters that notice when a rule looks at them: what does not look is the same at every step and in every round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Watched:
    """A counter that can be advanced by whole numbers and nothing else; anything else is a look at it."""

    advanced: int = 0

    __array_ufunc__ = None  # numpy leaves operators to this class, which has no more of them

    def __add__(self, count: Any) -> Watched:
        return Watched(self.advanced + count) if isinstance(count, int) else NotImplemented

    __radd__ = __add__

    def __eq__(self, other: object) -> bool:
        raise TypeError("a look at a counter")

    def __hash__(self) -> int:
        raise TypeError("a look at a counter")

    def __bool__(self) -> bool:
        raise TypeError("a look at a counter")


def looks_at_counters(rule: Callable[[], Any]) -> bool:
    """Whether a rule that is given `Watched` counters does more than advance them."""
    try:
        rule()
    except TypeError:
        return True
    return False
