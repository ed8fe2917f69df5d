"""Parameters of problems, algorithms and noise laws, by the names that the alphabet gives them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

from tightrate.common.errors import TightrateError
from tightrate.rates.symbols.alphabet import LETTERS

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

VECTORS = frozenset({"d_start", "start"})  # parameters that may be a list, one number for each coordinate
KEYWORDS: Mapping[str, str] = {"lambda": "lam"}  # symbols that Python keeps for itself, and what stands for them


@dataclass(frozen=True)
class Parameter:
    """One parameter of a constructor that can be given by name; `default` is None where there is none."""

    keyword: str
    required: bool
    default: Any


@lru_cache(maxsize=4096)
def parameters(constructor: Callable[..., Any]) -> Mapping[str, Parameter]:
    """The parameters of a constructor by their names in the alphabet, those that `shares` added included.

    >>> def damped(*, eta, lam=1.0): ...
    >>> parameters(damped)["lambda"]
    Parameter(keyword='lam', required=False, default=1.0)
    """
    symbols = {keyword: symbol for symbol, keyword in KEYWORDS.items()}
    found = {}
    for name, part in inspect.signature(constructor).parameters.items():
        if part.kind in (part.KEYWORD_ONLY, part.POSITIONAL_OR_KEYWORD):
            required = part.default is part.empty
            found[symbols.get(name, name)] = Parameter(name, required, None if required else part.default)
    return MappingProxyType(found)


def takes_any_name(constructor: Callable[..., Any]) -> bool:
    """Whether the constructor has parameters that its signature does not name."""
    return any(part.kind is part.VAR_KEYWORD for part in inspect.signature(constructor).parameters.values())


def construct(constructor: Callable[..., T], values: Mapping[str, Any]) -> T:
    """What the constructor makes of those of `values` that are its parameters; whole numbers where it counts.

    >>> construct(lambda *, lam, delay: (lam, delay), {"lambda": 0.5, "delay": 2.0, "eta": 1.0})
    (0.5, 2)
    """
    accepted = parameters(constructor)
    rest = (
        {name: value for name, value in values.items() if name not in accepted} if takes_any_name(constructor) else {}
    )
    own = {one.keyword: _whole(name, values[name]) for name, one in accepted.items() if name in values}
    return constructor(**own, **rest)


def spelled(values: Mapping[str, T]) -> dict[str, T]:
    """The same values with Python's keywords spelled as in the alphabet; two spellings of one name are refused.

    >>> spelled({"lam": 1.0, "eta": 0.1})
    {'lambda': 1.0, 'eta': 0.1}
    """
    symbols = {keyword: symbol for symbol, keyword in KEYWORDS.items()}
    for keyword, symbol in symbols.items():
        if keyword in values and symbol in values:
            raise TightrateError(f"{symbol} is given twice, as {keyword} too; give it once")
    return {symbols.get(name, name): value for name, value in values.items()}


def shares(template: Callable[..., Any], fixed: Collection[str] = ()) -> Callable[[F], F]:
    """Mark a constructor that hands its `**shared` to `template`, whose parameters, but for `fixed`, become its own."""

    def mark(constructor: F) -> F:
        own = [p for p in inspect.signature(constructor).parameters.values() if p.kind is p.KEYWORD_ONLY]
        names = {part.name for part in own} | set(fixed)
        passed = [
            part
            for part in inspect.signature(template).parameters.values()
            if part.kind is part.KEYWORD_ONLY and part.name not in names
        ]
        setattr(constructor, "__signature__", inspect.Signature([*passed, *own]))  # noqa: B010
        return constructor

    return mark


def _whole(name: str, value: Any) -> Any:
    counts = name == "seed" or (name in LETTERS and LETTERS[name].counts)
    return int(value) if counts and isinstance(value, float) and value.is_integer() else value
