"""Files: read within bounds, written whole or not at all, and never over what a command reads.

A file is filled beside its place under a name of its own, locked for as long as its writer lives, and then put in
place in one step.  What a killed writer left is known by its lock, which died with it, on this machine or another.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from tightrate.common.errors import TightrateError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # not on Windows: there nothing is removed that a killed writer left
    fcntl = None

PART_BEGINS, PART_ENDS = ".tightrate-", ".part"
MOST_BYTES = 64 << 20  # of a file that is read: specifications, tables, manuscripts, functions


def own_cache() -> Path:
    """The folder for caches that the operating system has for this user; a place where nothing can be if none."""
    from platformdirs import user_cache_path

    found = user_cache_path("tightrate", appauthor=False)
    return found if found.is_absolute() else Path(os.devnull) / "tightrate"


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The contents of a regular file that is not too large; TightrateError for anything else."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise TightrateError(f"cannot read {path}: it is no regular file")
            if about.st_size > most:
                raise TightrateError(f"cannot read {path}: it has {about.st_size} bytes, at most {most} are read")
            content = file.read(min(about.st_size, most) + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, TightrateError):
            raise
        raise TightrateError(f"cannot read {path}: {reason(error)}") from None
    if len(content) > most:
        raise TightrateError(f"cannot read {path}: it has more than {most} bytes")
    return content


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The text of a file in UTF-8, with or without a byte order mark; TightrateError where there is none."""
    try:
        text = read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TightrateError(f"cannot read {path}: it is not a text file in UTF-8") from None
    return text.replace("\r\n", "\n")


def _without_waiting(path: str, flags: int) -> int:
    """Opened so that a pipe which nobody writes to is seen, not waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def reason(error: Exception) -> str:
    """What an operating system says of a failure, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def check_output(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Refuse now, in one line, a place where a result could not be written after hours of work, or that is read.

    Nothing is left behind, and what is there already is not touched.
    """
    for own in inputs:
        if _is_same(path, own):
            raise TightrateError(f"cannot write {path}: it is the input {own}; give another name")
    with _told(path):
        place = _place(path)
        if place is not None:
            remove_abandoned(place.parent)
            with _part_in(_above(place), place):
                pass


def is_regular(path: Path) -> bool:
    """Whether a file is there; no name, however long or odd, is an error."""
    return os.path.isfile(path)


def keeps_files(path: Path) -> bool:
    """Whether a file can stand at that place, or beside it: not where a device or a pipe does."""
    return not os.path.exists(path) or os.path.isfile(path) or os.path.isdir(path)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return os.path.realpath(one) == os.path.realpath(other)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then put it in place in one step; what fails leaves what was there.

    Links are followed.  A device or a pipe is written to, never replaced.
    """
    with _told(path):
        place = _place(path)
        if place is None:
            from tempfile import TemporaryDirectory

            with TemporaryDirectory() as folder:
                part = Path(folder) / "part"
                write(part)
                content = part.read_bytes()
            with path.open("wb") as device:
                device.write(content)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        with _part_in(place.parent, place) as part:
            write(part)
            os.replace(part, place)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, TightrateError):
            raise
        raise TightrateError(f"cannot write {path}: {reason(error)}") from None


def _place(path: Path) -> Path | None:
    """Where a file of that name is put, its links followed; None for a device or a pipe."""
    if not path.name:
        raise TightrateError(f"cannot write {path}: it is a folder; give the name of a file")
    place = Path(os.path.realpath(path))
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        return place
    if stat.S_ISDIR(kind):
        raise TightrateError(f"cannot write {path}: it is a folder; give the name of a file")
    if not os.access(path, os.W_OK):
        raise TightrateError(f"cannot write {path}: it is read-only")
    return place if stat.S_ISREG(kind) else None


def _above(place: Path) -> Path:
    """The nearest folder that is there; names below it that no file can have are an error."""
    above = next((one for one in place.parents if os.path.exists(one)), place.parent)
    for name in place.relative_to(above).parts:
        with suppress(FileNotFoundError):
            os.stat(above / name)
    return above


@contextmanager
def _part_in(folder: Path, place: Path) -> Iterator[Path]:
    """A new file in a folder, with the permissions of `place`, that is locked here and removed unless renamed."""
    descriptor, part = _locked_part(folder)
    try:
        with suppress(OSError):
            os.chmod(part, stat.S_IMODE(place.stat().st_mode))
        yield part
    finally:
        os.close(descriptor)
        with suppress(OSError):
            part.unlink()


def _locked_part(folder: Path) -> tuple[int, Path]:
    while True:
        part = folder / f"{PART_BEGINS}{os.urandom(8).hex()}{PART_ENDS}"
        try:
            descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        except FileExistsError:
            continue
        if fcntl is None:
            return descriptor, part
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # taken for abandoned, just now
            os.close(descriptor)
            continue
        except OSError:  # a file system without locks
            return descriptor, part
        if os.path.exists(part):
            return descriptor, part
        os.close(descriptor)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of writers that were killed; those of living ones are locked and stay."""
    if fcntl is None or not os.path.isdir(folder):
        return
    for part in folder.glob(f"{PART_BEGINS}*{PART_ENDS}"):
        try:
            descriptor = os.open(part, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink(missing_ok=True)
        except OSError:
            continue
        finally:
            os.close(descriptor)
