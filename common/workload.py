"""How long a computation will take, said before it starts: what would not end is refused with its estimate."""

from __future__ import annotations

from tightrate.common.errors import TightrateError

HOURS = 24.0  # of work on one core that is started without being asked for
NUMBERS_PER_SECOND = 2e7  # that one core draws, adds and multiplies in a run
NUMBERS_PER_STEP = 500  # a step of fewer numbers takes as long, unless it is compiled
NUMBERS_PER_ROUND = 600  # of communication and recording, beside its steps
NUMBERS_TO_BEGIN = 4e5  # for the instance, its constants and the labels of the result
ADVICE = "--limit HOURS raises it"


def numbers_of_a_run(in_a_step: float, K: float, R: float) -> float:
    """How many numbers a run of R rounds with K steps takes, in the time of which everything else is counted.

    >>> numbers_of_a_run(1e6, K=10, R=100)
    1000460000.0
    """
    return NUMBERS_TO_BEGIN + R * (NUMBERS_PER_ROUND + K * max(in_a_step, NUMBERS_PER_STEP))


def refuse_endless(what: str, numbers: float, hours: float = HOURS) -> None:
    """One line instead of work that takes longer than so many hours on one core, as estimated from its numbers.

    >>> refuse_endless("a run", 1e15)
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: a run takes 1e+15 numbers, about 2 years on one core; at most 24 hours \
are started (--limit HOURS raises it)
    """
    seconds = numbers / NUMBERS_PER_SECOND
    if not seconds <= hours * 3600:
        raise TightrateError(
            f"{what} takes {numbers:.3g} numbers, about {lasting(seconds)} on one core; at most {hours:g} hours are"
            f" started ({ADVICE})"
        )


def lasting(seconds: float) -> str:
    """A time in words.

    >>> lasting(90), lasting(7200), lasting(1e13)
    ('2 minutes', '2 hours', '3.17e+05 years')
    """
    for unit, size in (("years", 365.25 * 86400), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.3g} {unit}" if seconds >= 9.5 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
