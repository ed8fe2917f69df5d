"""Further processes: they import nothing from the current folder, say nothing of their own and end with this one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing, contextmanager, redirect_stdout
from functools import cache
from itertools import islice
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from tightrate.common.errors import TightrateError
from tightrate.common.paper_files import carried

if TYPE_CHECKING:
    from joblib.externals.loky import ProcessPoolExecutor

SAFE: dict[str, str] = {
    "PYTHONSAFEPATH": "1",  # a joblib.py in the current folder is a file like any other
    "PYTHONWARNINGS": "ignore",  # warnings are for developers: leaked semaphores, processes that were renewed
}
# What numpy and numba compute with; a process among several has its share of the cores.
LIBRARIES = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMBA")
ATTEMPTS = 3  # of a call whose process is killed under it
SECONDS_UNTIL_IDLE_ONES_END = 300.0
SECONDS_TO_HAND_OVER = 10.0
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


def _start_trackers() -> None:
    """Start the processes that remove what others share, which opens this one's ears again: before any other is."""
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as of_the_executor

    for tracker in (resource_tracker, of_the_executor):
        with _deaf():
            tracker.ensure_running()


def in_processes(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], jobs: int) -> Results:
    """What the function returns for each of `calls`, as soon as it has it, on at most as many processes as calls.

    One process is this one; the others load the same papers of one's own first.  What ran in a process that was killed
    runs again.  Whoever stops listening ends what still runs.
    """
    workers = min(jobs, len(calls))
    if workers < 2:
        yield from (function(*call) for call in calls)
        return
    from joblib.externals.loky.process_executor import BrokenProcessPool

    left = dict(enumerate(calls))
    for _ in range(ATTEMPTS):
        try:
            with closing(_unordered(function, dict(left), workers)) as found:
                for number, result in found:
                    del left[number]
                    yield result
            return
        except BrokenProcessPool:
            continue
    raise TightrateError(f"processes were killed {ATTEMPTS} times (memory?); run it again, perhaps with fewer jobs")


def _unordered(function: Callable[..., Any], calls: Mapping[int, tuple[Any, ...]], workers: int) -> Results:
    """The number and the result of each call, as soon as it is there."""
    from joblib.externals.loky import get_reusable_executor

    waiting = iter(calls.items())
    sent: dict[Future[Any], int] = {}
    with safe_children():
        _start_trackers()
        executor = get_reusable_executor(workers, timeout=SECONDS_UNTIL_IDLE_ONES_END, env=_threads(workers))
        try:
            while True:
                # No more than the queue to the processes holds, so that each call that is sent is on its way.
                with _deaf():
                    for number, call in islice(waiting, min(2 * workers, executor.queue_size) - len(sent)):
                        task = carried(_beside, os.getpid(), function, call)
                        sent[executor.submit(task)] = number
                if not sent:
                    return
                finished, _ = wait(sent, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield sent.pop(future), future.result()
        finally:
            if sent:
                _give_up(executor, sent)


def _give_up(executor: ProcessPoolExecutor, sent: Iterable[Future[Any]]) -> None:
    """Kill the processes.

    The thread that hands calls to them fails on a call that it is told to forget before it has handed it over.
    """
    until = monotonic() + SECONDS_TO_HAND_OVER
    while monotonic() < until and not all(future.running() or future.done() for future in sent):
        sleep(0.001)
    executor.shutdown(wait=True, kill_workers=True)


def _threads(workers: int) -> dict[str, str]:
    """The threads of linear algebra in each process: all together, as many as there are cores."""
    from joblib import cpu_count

    names = ("VECLIB_MAXIMUM_THREADS", *(f"{library}_NUM_THREADS" for library in LIBRARIES))
    return {name: os.environ.get(name, str(max(1, cpu_count() // workers))) for name in names}


def _beside(parent: int, function: Callable[..., Any], call: tuple[Any, ...]) -> Any:
    _end_with(parent)
    with redirect_stdout(sys.stderr):  # what a paper of one's own prints is no answer of the program
        return function(*call)


@cache
def _end_with(parent: int) -> None:
    """End this process when its parent does, even if that was killed: nobody would take its results."""

    def wait() -> None:
        while os.getppid() == parent:
            sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    Thread(target=wait, daemon=True).start()
