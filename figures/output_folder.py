"""Publishing a folder: built aside, then put in place by renaming; what is not ours is never touched.

A published folder holds a marker that lists its files with their digests.  Only a folder whose files are all listed
and unchanged is replaced, so that nothing a person put or edited there can be lost.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from tightrate.common.errors import TightrateError
from tightrate.common.files import reason

MARKER = ".tightrate-report"
_ANOTHER = "give a new folder or an empty one"


def check_output_folder(out: Path) -> Path:
    """The folder's real path, if a report may be published there; otherwise one line that says why not.

    Call it before a long computation; `publish` checks again.
    """
    try:
        return _checked(out)
    except OSError as error:
        raise TightrateError(f"cannot write {out}: {reason(error)}") from None


def _checked(out: Path) -> Path:
    place = Path(os.path.realpath(out))
    if place.exists():
        if not place.is_dir():
            raise TightrateError(f"{out} is a file; give a folder for the report")
        if place == Path.cwd() or place in Path.cwd().parents or os.path.ismount(place):
            raise TightrateError(f"{out} is in use as a place (current folder or mount point); give a folder inside it")
        _check_is_ours(place, out)
    parent = _nearest_existing(place)
    if not parent.is_dir():
        raise TightrateError(f"cannot write {out}: {parent} is not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise TightrateError(f"cannot write {out}: no permission to write in {parent}")
    return place


def publish(build: Callable[[Path], object], out: Path) -> Path:
    """Let `build` fill a new folder, then put it in place of `out`; returns the real path.

    If `build` fails or is interrupted, `out` is as it was and nothing is left behind.
    """
    place = check_output_folder(out)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    except OSError as error:
        raise TightrateError(f"cannot write {out}: {error.strerror or error}") from None
    try:
        fresh = aside / "new"
        fresh.mkdir()
        build(fresh)
        _mark(fresh)
        check_output_folder(out)  # somebody may have put a file there meanwhile
        _swap(fresh, place, aside / "old")
    except OSError as error:
        raise TightrateError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        if place.exists() or not (aside / "old").exists():  # never delete the only copy of an old report
            shutil.rmtree(aside, ignore_errors=True)
    return place


def _swap(fresh: Path, place: Path, old: Path) -> None:
    """Two renames; if the second fails the first is undone."""
    if not place.exists():
        fresh.rename(place)
        return
    place.rename(old)
    try:
        fresh.rename(place)
    except BaseException:
        old.rename(place)
        raise


def _mark(folder: Path) -> None:
    content = {"files": {str(path.relative_to(folder)): _digest(path) for path in _files(folder)}}
    (folder / MARKER).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _check_is_ours(place: Path, shown: Path) -> None:
    """Refuse a folder that holds anything but the unchanged files of a report."""
    try:
        present = _files(place)
        if not present:
            return
        if place / MARKER not in present:
            raise TightrateError(f"{shown} is not empty and not a tightrate report; {_ANOTHER}")
        listed = json.loads((place / MARKER).read_text(encoding="utf-8"))["files"]
        for path in present:
            name = str(path.relative_to(place))
            if name == MARKER:
                continue
            if name not in listed:
                raise TightrateError(f"{shown} holds {name}, which is not part of the report; move it or {_ANOTHER}")
            if path.is_symlink() or not path.is_file() or _digest(path) != listed[name]:
                raise TightrateError(f"{shown}/{name} was changed since the report was made; move it or {_ANOTHER}")
    except OSError as error:
        raise TightrateError(f"cannot read {shown}: {error.strerror or error}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise TightrateError(f"{shown}/{MARKER} is not a marker that tightrate wrote; {_ANOTHER}") from None


def _files(folder: Path) -> list[Path]:
    """Everything in a folder that is not a folder with something in it."""
    return sorted(
        path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir() or not any(path.iterdir())
    )


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _nearest_existing(path: Path) -> Path:
    """The path itself or its first ancestor that exists; what exists is replaced by renaming, so its parent counts."""
    candidate = path.parent
    while not candidate.exists() and candidate != candidate.parent:
        candidate = candidate.parent
    return candidate
