"""Values in JSON's own types, for every document that a program may read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def as_json(value: Any) -> Any:
    """A value in JSON's own types: infinities are the text "inf" or "-inf", undefined numbers null.

    >>> as_json({"K": float("inf"), "gap": float("nan"), "interval": (-1.5, 2)})
    {'K': 'inf', 'gap': None, 'interval': [-1.5, 2]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: as_json(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):  # an array or a number of numpy's
        return as_json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)
