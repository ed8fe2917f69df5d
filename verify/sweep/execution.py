"""Where cells run: on processes of this machine, or on the workers of a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from time import monotonic, sleep
from typing import Any, Protocol, TypeVar

from tightrate.common.errors import TightrateError
from tightrate.common.paper_files import carried, place_of
from tightrate.common.processes import ATTEMPTS, in_processes
from tightrate.common.threads import one_blas_thread
from tightrate.common.workload import HOURS
from tightrate.simulator.by_name import Problems
from tightrate.verify.sweep.cell import Cell, Result, run_cell
from tightrate.verify.sweep.cell_key import environment
from tightrate.verify.sweep.packs import packs, run_pack, work

T = TypeVar("T")

SECONDS_TO_CONNECT = 9.0  # and to find a worker
SECONDS_WITHOUT_WORKERS = 10.0  # after which they are taken to be gone
SECONDS_BETWEEN_LOOKS = 1.0
KEPT = "finished cells are kept, run it again to go on"


@dataclass(frozen=True)
class Failure:
    """Why a cell has no result; `bad_input` when every run of it must fail in the same way."""

    message: str
    bad_input: bool


Found = TypeVar("Found")
Found_co = TypeVar("Found_co", covariant=True)
Outcome = tuple[int, Result | Failure]

LAST_DIGITS = ("cpu", "kernel")  # all that these change of a cell
NO_DEMANDS: Mapping[str, str] = {}  # on the versions of a process of this same installation


class Together(Protocol[Found_co]):
    """Numbered tasks that run together in one process, and the outcome of each."""

    @property
    def numbers(self) -> Sequence[int]: ...

    def outcomes(self, expected: Mapping[str, str] = NO_DEMANDS) -> Sequence[tuple[int, Found_co]]: ...


@dataclass(frozen=True)
class Pack:
    """Cells that run together, their numbers, and those of their problems that are built already."""

    numbers: Sequence[int]
    cells: Sequence[Cell]
    problems: Problems
    hours: float = HOURS

    def outcomes(self, expected: Mapping[str, str] = NO_DEMANDS) -> list[Outcome]:
        """The outcome of each cell, all run together; where one of them fails each runs alone, to say so itself."""
        if len(self.cells) > 1 and not other_versions(expected):
            try:
                return list(zip(self.numbers, run_pack(self.cells, self.problems, self.hours), strict=True))
            except Exception:  # whatever it is, the cell that raises it meets it again below
                pass
        found = [attempt(cell, self.problems, expected, self.hours) for cell in self.cells]
        return list(zip(self.numbers, found, strict=True))


def attempt(
    cell: Cell, problems: Problems, expected: Mapping[str, str] = NO_DEMANDS, hours: float = HOURS
) -> Result | Failure:
    """Run a cell where it may fail and where the versions may be others, and say so."""
    return attempted(lambda: run_cell(cell, problems, hours), expected)


def attempted(run: Callable[[], Found], expected: Mapping[str, str] = NO_DEMANDS) -> Found | Failure:
    """What `run` finds, where it may fail and where the versions may be others."""
    here = environment()
    if differs := other_versions(expected):
        what = ", ".join(f"{name} {here.get(name)} instead of {expected[name]}" for name in differs)
        return Failure(f"a worker has {what}; install the same versions everywhere", True)
    try:
        return run()
    except TightrateError as error:
        return Failure(f"{_place(error)}{error}", True)
    except Exception as error:  # an exhausted memory, a damaged installation: whatever one cell meets
        return Failure(" ".join(f"{_place(error)}{type(error).__name__}: {error}".split()), False)


def _place(error: Exception) -> str:
    """Where in a paper of one's own it was raised, if it was."""
    place = place_of(error)
    return "" if place is None else f"{place}: "


def other_versions(expected: Mapping[str, str]) -> list[str]:
    """The names of what is expected to be the same here, and is not; results tell on which kernel they were made."""
    return [name for name in expected if name not in LAST_DIGITS and environment().get(name) != expected[name]]


def outcomes(
    cells: Sequence[Cell],
    problems: Problems,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    hours: float = HOURS,
) -> Iterator[Outcome]:
    """The number and the outcome of each cell, as soon as it has one.

    Cells that can be one run are a pack, and packs that take the most work are started first.  A pack whose worker is
    killed is run again.
    """
    found = []
    for numbers in sorted(packs(cells), key=lambda pack: -sum(work(cells[index]) for index in pack)):
        own = [cells[index] for index in numbers]
        found.append(Pack(numbers, own, problems.only(cell.instance for cell in own), hours))
    return run_together(found, jobs=jobs, scheduler=scheduler)


def run_together(
    packs: Sequence[Together[Found]], *, jobs: int = 1, scheduler: str | None = None
) -> Iterator[tuple[int, Found]]:
    """The number and the outcome of each task, on processes of this machine or on a cluster."""
    return _on_processes(packs, jobs) if scheduler is None else _on_cluster(packs, scheduler)


def _run_here(pack: Together[Found]) -> Sequence[tuple[int, Found]]:
    with one_blas_thread():
        return pack.outcomes()


def _run_there(pack: Together[Found], expected: Mapping[str, str]) -> Sequence[tuple[int, Found]]:
    """On a worker of a cluster, which may run several packs in threads: its setting stays."""
    one_blas_thread()
    return pack.outcomes(expected)


def _on_processes(packs: Sequence[Together[Found]], jobs: int) -> Iterator[tuple[int, Found]]:
    with closing(in_processes(_run_here, [(pack,) for pack in packs], jobs)) as found:
        for outcomes_of_pack in found:
            yield from outcomes_of_pack


def _on_cluster(packs: Sequence[Together[Found]], address: str) -> Iterator[tuple[int, Found]]:
    distributed = _dask()
    with _quiet(), closing(_connected(distributed, address)) as client:

        def submit(pack: Together[Found]) -> Any:
            return client.submit(carried(_run_there, pack, environment()), pure=False)

        running = {submit(pack): (pack, 1) for pack in packs}
        finished = distributed.as_completed(list(running), loop=client.loop)
        lost = _Watch(client, address)
        for future in finished:
            pack, attempts = running.pop(future)
            if future.status == "finished":
                yield from future.result()
                continue
            error = future.exception() if future.status == "error" else None
            if isinstance(error, distributed.KilledWorker) and attempts < ATTEMPTS:
                again = submit(pack)
                running[again] = (pack, attempts + 1)
                finished.add(again)
            elif isinstance(error, ImportError):
                raise TightrateError(f"a worker cannot import tightrate ({error}); install the same version there")
            elif error is not None:
                why = " ".join(f"{type(error).__name__}: {error}".split())
                raise TightrateError(f"the cluster gave a cell back: {why}; {KEPT}")
            else:
                raise TightrateError(f"{lost.why or f'lost the scheduler at {address}'}; {KEPT}")


def _dask() -> Any:
    try:
        return import_module("distributed")
    except ImportError:
        raise TightrateError(
            "a cluster needs Dask, which is not installed: pip install -e '.[cluster]' in the checkout"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask logs its troubles with tracebacks; here each of them becomes one line."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _connected(distributed: Any, address: str) -> Any:
    """A client of the scheduler at that address, which has at least one worker."""
    if "://" not in address and address.count(":") != 1:
        raise TightrateError(f"{address!r} is no scheduler's address; give one such as tcp://127.0.0.1:8786")
    until = monotonic() + SECONDS_TO_CONNECT
    try:
        client = _within(
            SECONDS_TO_CONNECT,
            lambda: distributed.Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False),
        )
    except Exception as error:  # a wrong protocol raises whatever its library does
        why = " ".join(str(error).split()) or "no answer"
        raise TightrateError(
            f"no Dask scheduler answers at {address} ({why[:200]}); start one with: dask scheduler"
        ) from None
    try:
        _within(SECONDS_TO_CONNECT, lambda: client.wait_for_workers(1, timeout=max(until - monotonic(), 1.0)))
    except Exception:
        with suppress(Exception):
            _within(1.0, client.close)
        raise TightrateError(
            f"the scheduler at {address} has no workers; start some with: dask worker {address} --nworkers 2"
        ) from None
    return client


def _within(seconds: float, action: Callable[[], T]) -> T:
    """What the action returns, if in time; who accepts a connection and never answers would be waited for."""
    found: list[T] = []
    failed: list[BaseException] = []

    def act() -> None:
        try:
            found.append(action())
        except BaseException as error:  # told where it is waited for
            failed.append(error)

    thread = Thread(target=act, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError(f"no answer in {seconds:g} seconds")
    return found[0]


class _Watch:
    """Ends a client whose scheduler or whose last worker is gone, which would be waited for without end."""

    def __init__(self, client: Any, address: str) -> None:
        self.why = ""
        self._client, self._address = client, address
        Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        alone_since = None
        while self._client.status != "closed":
            sleep(SECONDS_BETWEEN_LOOKS)
            try:
                alone = not _within(SECONDS_TO_CONNECT, self._client.scheduler_info)["workers"]
                gone = "all workers"
            except Exception:
                alone, gone = True, "the scheduler"
            alone_since = (alone_since or monotonic()) if alone else None
            if alone_since is not None and monotonic() - alone_since >= SECONDS_WITHOUT_WORKERS:
                self.why = f"lost {gone} at {self._address}"
                with suppress(Exception):
                    self._client.close(timeout=1)
                return


Watch = Callable[[Mapping[str, Any], Result], None]
"""Called with the parameters of each cell and what it found, as soon as it has found it."""
