"""Documents that carry the digest of their contents, so that a changed one is not believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

KEY = "sha256"


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the digest of everything else in it.

    >>> unsealed(sealed({"L": 1.0}))
    {'L': 1.0}
    >>> unsealed({**sealed({"L": 1.0}), "L": 2.0})
    Traceback (most recent call last):
        ...
    ValueError: the digest does not fit
    """
    return {**document, KEY: _digest(document)}


def unsealed(document: Any) -> dict[str, Any]:
    """What was sealed; ValueError where there is no digest or another one."""
    if not isinstance(document, dict) or document.get(KEY) != _digest({k: v for k, v in document.items() if k != KEY}):
        raise ValueError("the digest does not fit")
    return {name: value for name, value in document.items() if name != KEY}


def _digest(document: Mapping[str, Any]) -> str:
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
