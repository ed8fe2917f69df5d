"""Results on disk: netCDF files that any tool opens, written whole or not at all, and read back equal."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tightrate.common.errors import TightrateError

FORMAT = "tightrate_format"  # the attribute by which our files are known
VERSION = "1"
AS_JSON = "json:"  # marks an attribute that netCDF-3 has no type for
INT32 = np.iinfo(np.int32)


def save_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset as netCDF-3; a file of that name is replaced only by a complete one.

    Numbers and texts stay readable attributes; what netCDF-3 has no type for (truth values, large integers, lists,
    tables) is kept as JSON.  Infinite and missing values survive, in coordinates too.
    """
    stored = dataset.copy()
    stored.attrs = {FORMAT: VERSION, **_encoded(dataset.attrs)}
    for name in stored.variables:
        stored[name].attrs = _encoded(dataset[name].attrs)
    write_whole(path, lambda part: _write(stored, part))


def load_dataset(path: Path) -> xr.Dataset:
    """Read a dataset that `save_dataset` wrote; any other file is refused in one line."""
    if not path.is_file():
        raise TightrateError(f"cannot read {path}: {'it is a folder' if path.is_dir() else 'no such file'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = xr.load_dataset(path, engine="scipy")
    except OSError as error:
        raise TightrateError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception:  # a damaged file can raise anything
        raise TightrateError(f"{path} is not a readable results file; give one that tightrate saved (.nc)") from None
    if dataset.attrs.pop(FORMAT, None) != VERSION:
        raise TightrateError(f"{path} was not saved by this version of tightrate; give a results file that was")
    dataset.attrs = _decoded(dataset.attrs)
    for name in dataset.variables:
        dataset[name].attrs = _decoded(dataset[name].attrs)
        dataset[name].encoding = {}
    dataset.encoding = {}
    return dataset


def check_writable(path: Path) -> None:
    """Refuse now, in one line, a place where a result could not be written after hours of work."""
    if path.is_dir():
        raise TightrateError(f"cannot write {path}: it is a folder; give the name of a file")
    write_whole(path.with_name(f".{path.name}.probe"), lambda part: part.touch())
    path.with_name(f".{path.name}.probe").unlink()


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place in one step."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        os.replace(part, path)
    except OSError as error:
        raise TightrateError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True) if part.parent.is_dir() else None


def _write(dataset: xr.Dataset, path: Path) -> None:
    dataset.to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")


def _encoded(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _encode(value) for name, value in attributes.items()}


def _encode(value: Any) -> Any:
    plain = (
        value.item() if isinstance(value, np.generic) else value.tolist() if isinstance(value, np.ndarray) else value
    )
    if isinstance(plain, float) or (isinstance(plain, str) and plain and not plain.startswith(AS_JSON)):
        return plain
    if isinstance(plain, int) and not isinstance(plain, bool) and INT32.min <= plain <= INT32.max:
        return np.int32(plain)
    try:
        return AS_JSON + json.dumps(plain)
    except TypeError:
        raise TightrateError(f"an attribute must be a number, a text or JSON, not {type(value).__name__}") from None


def _decoded(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _decode(value) for name, value in attributes.items()}


def _decode(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(AS_JSON):
        return json.loads(value.removeprefix(AS_JSON))
    return value.item() if isinstance(value, np.generic | np.ndarray) and np.size(value) == 1 else value
