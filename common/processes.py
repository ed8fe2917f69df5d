"""Further processes: they import nothing from the current folder, say nothing of their own and end with this one."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tightrate.common.paper_files import carried

SAFE: dict[str, str] = {
    "PYTHONSAFEPATH": "1",  # a joblib.py in the current folder is a file like any other
    "PYTHONWARNINGS": "ignore",  # warnings are for developers: leaked semaphores, processes that were renewed
}
Results = Generator[Any, None, None]
KEYBOARD = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def safe_children() -> Iterator[None]:
    """A context in which every process that is started finds its modules where they were installed."""
    before = {name: os.environ.get(name) for name in SAFE}
    os.environ.update({name: before[name] or value for name, value in SAFE.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _deaf() -> Iterator[None]:
    """A context whose children never hear the keyboard, which reaches a whole group: this process answers for all."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, KEYBOARD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def in_processes(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], jobs: int) -> Results:
    """What the function returns for each of `calls`, as soon as it has it, on at most as many processes as calls.

    One process is this one; the others load the same papers of one's own first.  Whoever stops listening ends what
    still runs.
    """
    import joblib

    # One call at a time: what waited for others in its batch would not be heard of when it is finished.
    parallel = joblib.Parallel(
        n_jobs=max(1, min(jobs, len(calls))), return_as="generator_unordered", batch_size=1, pre_dispatch="2 * n_jobs"
    )
    with safe_children():
        with _deaf():
            results = parallel(joblib.delayed(carried(function, *call))() for call in calls)
        try:
            for result in results:  # noqa: UP028 ("yield from" would hand on the end and not hear the warning)
                yield result
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of calls that are given up: they are meant to be
                results.close()
