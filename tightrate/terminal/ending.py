"""How the program ends: one line and a status, whatever stops it and whoever stops listening."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread, Timer, main_thread
from types import FrameType
from typing import Any, NoReturn
from weakref import ref

BAD_INPUT = 2
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
WORDS = {"SIGINT": "interrupted", "SIGTERM": "ended by a signal", "SIGHUP": "ended with its terminal"}
NOTHING_KEPT = "nothing is left half-written"
SECONDS_UNTIL_AGAIN = 0.01  # when what a signal raised was lost
SECONDS_TO_ANSWER = 3.0  # until a signal ends a process whose libraries are deep in a computation


class Stopped(BaseException):
    """A signal to end; notes say what is kept."""

    def __init__(self, number: int, taken: Event | None = None) -> None:
        super().__init__(number)
        self.number, self.taken = number, taken or Event()

    def line(self) -> str:
        """What is said to whoever sent the signal, by whoever ends the program for it."""
        self.taken.set()
        return f"{_word(self.number)}; {'; '.join(getattr(self, '__notes__', [])) or NOTHING_KEPT}"


def _word(number: int) -> str:
    return WORDS.get(signal.Signals(number).name, "ended by a signal")


class OutputLost(BaseException):
    """Nobody can be told anything any more; `error` is what the operating system says."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def stops_are_raised() -> Iterator[None]:
    """A context in which the first signal to end raises `Stopped`, and a second one ends the process at once.

    What is raised in a destructor, in a callback of a library or under a bare `except` is lost there, and is raised
    again.
    """
    before: dict[int, Any] = {}
    answered, taken = Event(), Event()
    raised: list[ref[Stopped]] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        answered.set()
        for other in before:
            signal.signal(other, signal.SIG_DFL)
        stopped = Stopped(number, taken)
        raised[:] = [ref(stopped, lambda _: again(number))]
        try:
            raise stopped
        finally:
            del stopped  # whoever loses it keeps nothing of it

    def again(number: int) -> None:
        if not taken.is_set():
            signal.signal(number, stop)
            later = Timer(SECONDS_UNTIL_AGAIN, _to_the_main_thread, (number,))
            later.daemon = True
            later.start()

    report = sys.unraisablehook

    def unheard(lost: Any) -> None:
        if not isinstance(lost.exc_value, Stopped):
            report(lost)

    try:
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup asked for it
                before[number] = signal.signal(number, stop)
    except ValueError:  # not in the main thread
        before.clear()
    sys.unraisablehook = unheard
    try:
        with _minded(before, answered):
            yield
    finally:
        taken.set()
        sys.unraisablehook = report
        for number, handler in before.items():
            with suppress(ValueError, TypeError):
                signal.signal(number, handler)


def _to_the_main_thread(number: int) -> None:
    """Wakes it, even if it sleeps."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)


@contextmanager
def _minded(numbers: Collection[int], answered: Event) -> Iterator[None]:
    """A context in which a signal ends the process even if no handler can run, because a library computes for long."""
    if not numbers or os.name != "posix":
        yield
        return
    hears, tells = os.pipe()
    os.set_blocking(tells, False)
    before = signal.set_wakeup_fd(tells, warn_on_full_buffer=False)

    def mind() -> None:
        while heard := os.read(hears, 1):
            if heard[0] in numbers and not answered.wait(SECONDS_TO_ANSWER):
                _said(f"{_word(heard[0])}; what was finished is kept", 0)
                os._exit(128 + heard[0])
        os.close(hears)

    Thread(target=mind, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(tells)


@contextmanager
def telling(what_is_kept: str) -> Iterator[None]:
    """A context whose end by a signal says what is kept."""
    try:
        yield
    except Stopped as stop:
        stop.add_note(what_is_kept)
        raise


class _Stream:
    """A stream that spells what its encoding has no letters for, and knows when nobody listens."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            from tightrate.terminal.plain_letters import plain

            self._written(plain(text, self._stream.encoding))
        except OSError as error:
            raise OutputLost(error) from None
        return len(text)

    def _written(self, text: str) -> None:
        try:
            self._stream.write(text)
        except OSError as error:
            raise OutputLost(error) from None

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise OutputLost(error) from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _own_streams() -> Iterator[None]:
    """Standard output and error that fail in one way only; a closed one is one that nobody reads."""
    before = sys.stdout, sys.stderr
    nowhere = [open(os.devnull, "w", encoding="utf-8") for stream in before if stream is None]  # noqa: SIM115
    spare = iter(nowhere)
    sys.stdout, sys.stderr = (_Stream(stream if stream is not None else next(spare)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in nowhere:
            stream.close()


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Warnings of libraries are for developers; whoever turned them on or into errors gets them."""
    with warnings.catch_warnings():
        if not sys.warnoptions and not any(action == "error" for action, *_ in warnings.filters):
            warnings.simplefilter("ignore")
        yield


def ended(run: Callable[[], int]) -> int:
    """The exit status of `run`, once all it printed has left; every other end is one line on standard error."""
    try:
        with stops_are_raised(), _own_streams(), _no_warnings():
            return _status(run)
    except Stopped as stop:  # before it ran, or when it had
        return _said(stop.line(), 128 + stop.number)


def _status(run: Callable[[], int]) -> int:
    try:
        status = run()
        sys.stdout.flush()
    except Stopped as stop:
        return _said(stop.line(), 128 + stop.number)
    except KeyboardInterrupt:
        return _said(f"interrupted; {NOTHING_KEPT}", 130)
    except OutputLost as lost:
        _let_go()
        if isinstance(lost.error, BrokenPipeError):  # whoever read it had enough
            return 0
        return _said(f"cannot write the output: {lost.error.strerror or lost.error}", BAD_INPUT)
    return status


def leave(status: int) -> NoReturn:
    """End the process: who interrupts it while threads and processes end kills it, and hears nothing more."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    sys.exit(status)


def _said(line: str, status: int) -> int:
    with suppress(OutputLost, OSError, ValueError, AttributeError):
        sys.stderr.write(f"tightrate: {' '.join(line.split())}\n")
        sys.stderr.flush()
    return status


def refusal(error: Exception | str) -> int:
    """Say why there is no answer, in one line; the status of bad input."""
    return _said(str(error), BAD_INPUT)


def _let_go() -> None:
    """Let what is still in the buffer of standard output go nowhere: the interpreter flushes it when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        descriptor = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
