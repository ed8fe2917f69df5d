"""Results on disk: netCDF files that any tool opens, written whole or not at all, and read back equal.

Every file holds the SHA-256 of itself (with 64 zeros in the place of the digest), so that none is believed of which a
single bit has changed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.common.files import read_bytes, write_whole

FORMAT = "tightrate_format"  # the attribute by which our files are known
VERSION = "2"
DIGEST = "tightrate_sha256"  # the attribute with the digest of the whole file
UNKNOWN = "0" * 64  # stands for it while the digest is taken
LARGEST = 1 << 40  # bytes of a results file
AS_JSON = "json:"  # marks an attribute that netCDF-3 has no type for
INT32 = np.iinfo(np.int32)


def save_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset as netCDF-3; a file of that name is replaced only by a complete one.

    Numbers and texts stay readable attributes; what netCDF-3 has no type for (truth values, large integers, lists,
    tables) is kept as JSON.  Infinite and missing values survive, in coordinates too.
    """
    stored = dataset.copy()
    stored.attrs = {FORMAT: VERSION, DIGEST: UNKNOWN, **_encoded(dataset.attrs)}
    for name in stored.variables:
        stored[name].attrs = _encoded(dataset[name].attrs)
    content = bytes(stored.to_netcdf(engine="scipy", format="NETCDF3_64BIT"))
    at = _place_of_the_digest(content)
    digest = sha256(content).hexdigest().encode()
    write_whole(path, lambda part: part.write_bytes(content[:at] + digest + content[at + len(UNKNOWN) :]))


def load_dataset(path: Path) -> xr.Dataset:
    """Read a dataset that `save_dataset` wrote; any other file, or a changed one, is refused in one line."""
    content = read_bytes(path, LARGEST)
    if not content.startswith(b"CDF"):
        raise TightrateError(f"{path} is not a readable results file; give one that tightrate saved (.nc)")
    at = _place_of_the_digest(content)
    if at < 0:
        raise TightrateError(f"{path} was not saved by this version of tightrate; give a results file that was")
    blank = content[:at] + UNKNOWN.encode() + content[at + len(UNKNOWN) :]
    if sha256(blank).hexdigest().encode() != content[at : at + len(UNKNOWN)]:
        raise TightrateError(f"{path} is damaged, or was changed since tightrate saved it; make it anew")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = xr.load_dataset(BytesIO(content), engine="scipy")
    except Exception:  # whoever wrote it, it is none of ours
        raise TightrateError(f"{path} is not a readable results file; give one that tightrate saved (.nc)") from None
    del dataset.attrs[DIGEST]
    if dataset.attrs.pop(FORMAT, None) != VERSION:
        raise TightrateError(f"{path} was not saved by this version of tightrate; give a results file that was")
    dataset.attrs = _decoded(dataset.attrs)
    for name in dataset.variables:
        dataset[name].attrs = _decoded(dataset[name].attrs)
        dataset[name].encoding = {}
    dataset.encoding = {}
    return dataset


def _place_of_the_digest(content: bytes) -> int:
    """Where the digest stands in a file: behind the attribute's name, its type (text) and its length; -1 if nowhere."""
    head = DIGEST.encode() + (2).to_bytes(4, "big") + len(UNKNOWN).to_bytes(4, "big")
    at = content.find(head)
    return at + len(head) if at >= 0 else -1


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
