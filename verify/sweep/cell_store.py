"""Finished cells on disk: one file each, complete or absent, known by its contents and never by its date."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.common.files import write_whole
from tightrate.simulator.measure import Samples
from tightrate.verify.sweep.cell import Cell, Result

FORMAT = "tightrate-cell-3"
WORTH_FLUSHING = 0.1  # seconds that a cell took; forcing a cheaper one to the disk would take longer than its loss


@dataclass
class CellStore:
    """A folder of finished cells, each in a file named by the digest of its inputs.

    A file is one line of JSON (format, key, SHA-256 of key and contents) followed by the contents, a numpy archive.
    A file that is cut off, damaged, of another kind or of another cell is no cell at all: it is counted in `damaged`
    and written anew.  `found` counts the cells that were taken.  Only results are kept, never failures.

    Attributes:
        folder: where the files lie

    >>> from tempfile import mkdtemp
    >>> store = CellStore(mkdtemp())
    >>> store.found, store.damaged
    (0, 0)
    """

    folder: Path
    found: int = 0
    damaged: int = 0

    def path(self, key: str) -> Path:
        """The file of a cell."""
        return self.folder / f"{key}.cell"

    def read(self, key: str) -> Result | None:
        """The result of a cell, None if there is none that can be trusted."""
        try:
            content = self.path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TightrateError(f"cannot read {self.path(key)}: {error.strerror or error}") from None
        try:
            result = _decoded(key, content)
        except Exception:  # untrusted input can raise anything
            self.damaged += 1
            return None
        self.found += 1
        return result

    def write(self, key: str, cell: Cell, result: Result) -> None:
        """Put a finished cell on disk, all of it in one step."""
        content = _encoded(key, cell, result)

        def write(part: Path) -> None:
            with part.open("wb") as file:
                file.write(content)
                if result.seconds >= WORTH_FLUSHING:
                    file.flush()
                    os.fsync(file.fileno())

        write_whole(self.path(key), write)


def _digest(key: str, archive: bytes) -> str:
    return hashlib.sha256(key.encode() + archive).hexdigest()


def _encoded(key: str, cell: Cell, result: Result) -> bytes:
    samples = result.samples
    arrays: dict[str, Any] = {f"samples/{name}": values for name, values in samples.values.items()}
    arrays |= {f"tuning/{name}": values for name, values in result.tuning.items()}
    plain = {
        "steps": dict(result.steps),
        "engine": samples.engine,
        "notes": samples.notes,
        "interior": result.interior,
        "pilot": result.pilot,
        "seconds": result.seconds,
        "kernel": result.kernel,
        "inputs": json.loads(cell.as_json()),
    }
    archive = BytesIO()
    np.savez(archive, allow_pickle=False, diverged=samples.diverged, plain=np.array(json.dumps(plain)), **arrays)
    head = {"format": FORMAT, "key": key, "sha256": _digest(key, archive.getvalue())}
    return json.dumps(head).encode() + b"\n" + archive.getvalue()


def _decoded(key: str, content: bytes) -> Result:
    line, _, archive = content.partition(b"\n")
    head = json.loads(line)
    if head != {"format": FORMAT, "key": key, "sha256": _digest(key, archive)}:
        raise TightrateError("not this cell")
    with np.load(BytesIO(archive), allow_pickle=False) as arrays:
        plain = json.loads(str(arrays["plain"]))
        return Result(
            samples=Samples(_group(arrays, "samples"), arrays["diverged"], plain["engine"], tuple(plain["notes"])),
            steps=plain["steps"],
            tuning=_group(arrays, "tuning"),
            interior=plain["interior"],
            pilot=plain["pilot"],
            seconds=plain["seconds"],
            kernel=plain["kernel"],
        )


def _group(arrays: Any, group: str) -> dict[str, Any]:
    return {name.removeprefix(f"{group}/"): arrays[name] for name in arrays.files if name.startswith(f"{group}/")}
