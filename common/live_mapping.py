"""A mapping that has what is built in and, after it, what papers of one's own declare at this moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from tightrate.common.errors import TightrateError

T = TypeVar("T")


class LiveMapping(Mapping[str, T], Generic[T]):
    """What is built in by name, and then `declared()`, by name too; a name of both is refused.

    >>> own = {}
    >>> letters = LiveMapping("letter", {"K": 1}, lambda: own.items())
    >>> own["S"] = 2
    >>> dict(letters)
    {'K': 1, 'S': 2}
    >>> own["K"] = 3
    >>> "S" in letters
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: there is a letter K already; give yours another name
    """

    def __init__(self, kind: str, built_in: Mapping[str, T], declared: Callable[[], Iterable[tuple[str, T]]]) -> None:
        self._kind, self.built_in, self._declared = kind, built_in, declared

    def own(self) -> dict[str, T]:
        """What is declared and not built in."""
        found: dict[str, T] = {}
        for name, value in self._declared():
            if name in self.built_in or found.get(name, value) != value:
                raise TightrateError(f"there is a {self._kind} {name} already; give yours another name")
            found[name] = value
        return found

    def __getitem__(self, name: str) -> T:
        return self.built_in[name] if name in self.built_in else self.own()[name]

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or name in self.own()

    def __iter__(self) -> Iterator[str]:
        yield from self.built_in
        yield from self.own()

    def __len__(self) -> int:
        return len(self.built_in) + len(self.own())
