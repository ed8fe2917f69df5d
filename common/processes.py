"""Further processes: they import nothing from the current folder, say nothing of their own and end with this one."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from threading import Thread
from time import sleep
from typing import Any

from tightrate.common.errors import TightrateError
from tightrate.common.paper_files import carried

SAFE: dict[str, str] = {
    "PYTHONSAFEPATH": "1",  # a joblib.py in the current folder is a file like any other
    "PYTHONWARNINGS": "ignore",  # warnings are for developers: leaked semaphores, processes that were renewed
}
ATTEMPTS = 3  # of a call whose process is killed under it
SECONDS_BETWEEN_LOOKS = 1.0  # at whether the parent still lives
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

    One process is this one; the others load the same papers of one's own first.  What ran in a process that was killed
    runs again.  Whoever stops listening ends what still runs.
    """
    from joblib.externals.loky.process_executor import BrokenProcessPool

    left = dict(enumerate(calls))
    for _ in range(ATTEMPTS):
        try:
            with closing(_unordered(function, dict(left), jobs)) as found:
                for number, result in found:
                    del left[number]
                    yield result
            return
        except BrokenProcessPool:
            continue
    raise TightrateError(f"processes were killed {ATTEMPTS} times (memory?); run it again, perhaps with fewer jobs")


def _unordered(function: Callable[..., Any], calls: Mapping[int, tuple[Any, ...]], jobs: int) -> Results:
    """The number and the result of each call, as soon as it is there."""
    import joblib

    # One call at a time: what waited for others in its batch would not be heard of when it is finished.
    parallel = joblib.Parallel(
        n_jobs=max(1, min(jobs, len(calls))), return_as="generator_unordered", batch_size=1, pre_dispatch="2 * n_jobs"
    )
    with safe_children():
        with _deaf():
            results = parallel(
                joblib.delayed(carried(_numbered, os.getpid(), n, function, call))() for n, call in calls.items()
            )
        try:
            for result in results:  # noqa: UP028 ("yield from" would hand on the end and not hear the warning)
                yield result
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of calls that are given up: they are meant to be
                results.close()


def _numbered(parent: int, number: int, function: Callable[..., Any], call: tuple[Any, ...]) -> tuple[int, Any]:
    if os.getpid() != parent:
        _end_with(parent)
    return number, function(*call)


@cache
def _end_with(parent: int) -> None:
    """End this process when its parent does, even if that was killed: nobody would take its results."""

    def wait() -> None:
        while os.getppid() == parent:
            sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    Thread(target=wait, daemon=True).start()
