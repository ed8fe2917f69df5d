"""What follows from the package's files alone, kept on disk: names and symbols are had without computer algebra."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from tightrate.common.checksum import sealed, unsealed
from tightrate.common.errors import TightrateError
from tightrate.common.files import own_cache, read_bytes, write_whole


def kept(name: str, made: Callable[[], Any], folder: Path | None = None) -> Any:
    """What `made` gives, in JSON's types, from the cache while no file of the package has changed since.

    A damaged file is made again; a folder that cannot be written costs time and nothing else.
    """
    path = (folder or own_cache() / "kept") / f"{name}.json"
    state = state_of_the_package()
    try:
        found = unsealed(json.loads(read_bytes(path)))
        if found["state"] == state:
            return found["value"]
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    value = json.loads(json.dumps(made()))  # as it will be read
    document = json.dumps(sealed({"state": state, "value": value})).encode()
    with suppress(TightrateError):
        write_whole(path, lambda part: part.write_bytes(document))
    return value


@cache
def state_of_the_package() -> str:
    """A digest of the path, size and time of every file that things are read from; no file is opened."""
    package = Path(__file__).parents[1]
    lines = sorted(f"{path} {size} {changed}" for path, size, changed in _files(str(package)))
    return sha256("\n".join(lines).encode()).hexdigest()


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    for entry in os.scandir(folder):
        if entry.is_dir():  # the rooms may be links to folders
            if entry.name != "__pycache__":
                yield from _files(entry.path)
        elif entry.name.endswith((".py", ".bib")):
            told = entry.stat()
            yield entry.path, told.st_size, told.st_mtime_ns
