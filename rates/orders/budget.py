"""How long a question about orders may take, before its answer is `undecided`."""

from __future__ import annotations

from time import process_time

from tightrate.rates.orders.undecidable import UndecidableError

SECONDS = 10.0


class Budget:
    """CPU seconds from now on for one or several questions.

    >>> Budget(0).check()
    Traceback (most recent call last):
        ...
    tightrate.rates.orders.undecidable.UndecidableError: no answer within 0 s of computing
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.end = process_time() + seconds

    @property
    def is_spent(self) -> bool:
        """Whether the time is over."""
        return process_time() >= self.end

    def check(self) -> None:
        """Raise UndecidableError once the time is over."""
        if self.is_spent:
            raise UndecidableError(f"no answer within {self.seconds:g} s of computing")
