"""Registries: things found by name because their file lies in the right folder.

A problem, an algorithm, a claim or a figure is a function marked with its registry, in any module of the registry's
package, or in a paper of one's own (`tightrate.common.paper_files`); adding one means adding a file.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from html import escape
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError, unknown_name

F = TypeVar("F")
G = TypeVar("G")


@dataclass(frozen=True)
class Registry(Mapping[str, F]):
    """The functions (or objects) of `package`, and of papers of one's own, that are marked as a `kind`, by name.

    Mark with `@registry.add("name")`.  A mapping from names, in alphabetical order: `registry["name"]`, `in`, `len`,
    iteration; `registry.match("a*")` has the names of patterns, `registry.search("word")` those that say a word.

    >>> from tightrate.simulator.algorithm import ALGORITHMS
    >>> "local-sgd" in ALGORITHMS, ALGORITHMS.search("two stages")
    (True, ('two-stage',))
    """

    package: str
    kind: str

    def add(self, name: str) -> Callable[[G], G]:
        """Mark a function with the name it is found by; it keeps its own type."""

        def mark(function: G) -> G:
            setattr(function, self._mark, name)
            return function

        return mark

    @property
    def _mark(self) -> str:
        return f"__{self.kind}_name__"

    def entries(self) -> Mapping[str, F]:
        """All marked functions, in alphabetical order of their names."""
        papers = paper_files.loaded()
        return _collected(self, papers, _entries(self)) if papers else _entries(self)

    def names(self) -> tuple[str, ...]:
        """The names, in alphabetical order."""
        return tuple(self.entries())

    def __getitem__(self, name: str) -> F:
        if name not in self.entries():
            raise unknown_name(self.kind, name, self.entries())
        return self.entries()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries())

    def __len__(self) -> int:
        return len(self.entries())

    def __contains__(self, name: object) -> bool:
        return name in self.entries()

    def get(self, name: str, default: Any = None) -> Any:
        """The entry of that name, or the default."""
        return self.entries().get(name, default)

    def search(self, text: str) -> tuple[str, ...]:
        """The names of the entries that say a text: in their name, or in the first paragraph of their docstring."""
        sought = text.lower()
        return tuple(name for name, one in self.entries().items() if sought in f"{name} {self._about(one)}".lower())

    def _about(self, one: F) -> str:
        words = getattr(one, "statement", None) or getattr(one, "title", None) or getattr(one, "__doc__", None) or ""
        return " ".join(str(words).split("\n\n")[0].split())

    def __str__(self) -> str:
        return "\n".join(f"{name}  {self._about(one)}" for name, one in self.entries().items())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(self._about(one))}</td></tr>"
            for name, one in self.entries().items()
        )
        return f"<div><b>{len(self)} {escape(self.kind)}s</b><table>{rows}</table></div>"

    def name_of(self, function: object) -> str:
        """The name that a function is found by; its own name where it is not marked."""
        return str(getattr(function, self._mark, None) or getattr(function, "__name__", function))

    def match(self, *patterns: str) -> tuple[str, ...]:
        """The names that match any of the shell-style patterns; a pattern that matches nothing is refused."""
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in self.names()):
                raise unknown_name(self.kind, pattern, self.names())
        return tuple(name for name in self.names() if any(fnmatchcase(name, pattern) for pattern in patterns))


def modules_in(package: str) -> Iterator[str]:
    """The names of all modules in a package and its subpackages, alphabetically."""
    for info in sorted(pkgutil.iter_modules(import_module(package).__path__), key=lambda info: info.name):
        name = f"{package}.{info.name}"
        yield name
        if info.ispkg:
            yield from modules_in(name)


@cache
def _entries(registry: Registry[F]) -> Mapping[str, F]:
    return _collected(registry, map(import_module, modules_in(registry.package)), {})


def _collected(registry: Registry[F], modules: Iterable[ModuleType], known: Mapping[str, F]) -> Mapping[str, F]:
    """What is known, and what these modules have; two of one name are refused."""
    found = dict(known)
    for module in modules:
        for function in list(vars(module).values()):
            of_a_class = isinstance(function, type)  # which has its own mark, or none: a subclass is another thing
            name = vars(function).get(registry._mark) if of_a_class else getattr(function, registry._mark, None)
            if not isinstance(name, str):  # unmarked, or the class of the marked objects
                continue
            if name in found and found[name] is not function:
                raise TightrateError(f"two {registry.kind}s are named {name!r}; give one of them another name")
            found[name] = function
    return dict(sorted(found.items()))
