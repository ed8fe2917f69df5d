"""The catalogue: every statement of every paper, found by its id `paper/label`.

A paper is one module of `tightrate.rates.papers`: a `PAPER` and one function for each statement, marked `@statement`.
The functions run when a statement is first asked for, so that listing ids costs no algebra.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from types import ModuleType

import tightrate.rates.papers
from tightrate.common.errors import unknown_name
from tightrate.common.registry import modules_in
from tightrate.rates.statements.builder import Statement
from tightrate.rates.statements.theorem import Paper, Theorem

_MARK = "__statement_label__"


def statement(label: str) -> Callable[[Callable[[], Theorem]], Callable[[], Theorem]]:
    """Mark a function without arguments as the statement of that label in its module's paper."""

    def mark(build: Callable[[], Theorem]) -> Callable[[], Theorem]:
        built = cache(build)
        setattr(built, _MARK, label)
        return built

    return mark


def paper_ids() -> tuple[str, ...]:
    """The papers that the catalogue holds, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(tightrate.rates.papers.__path__)))


def _module(paper_id: str) -> ModuleType:
    if paper_id not in paper_ids():
        raise unknown_name("paper", paper_id, paper_ids())
    return import_module(f"tightrate.rates.papers.{paper_id}")


def paper(paper_id: str) -> Paper:
    """The paper of that id."""
    found = _module(paper_id).PAPER
    assert isinstance(found, Paper)
    return found


@cache
def _statements(paper_id: str) -> dict[str, Callable[[], Theorem]]:
    found: dict[str, Callable[[], Theorem]] = {}
    package = _module(paper_id)
    modules = (
        [package, *map(import_module, modules_in(package.__name__))] if hasattr(package, "__path__") else [package]
    )
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Statement) and value.paper.id == paper_id:
                found.setdefault(value.id, value)
            elif hasattr(value, _MARK) and module is package:
                found[f"{paper_id}/{getattr(value, _MARK)}"] = value
    return found


def theorem_ids(paper_id: str | None = None) -> tuple[str, ...]:
    """The ids of all statements, of one paper or of all, in the order of the papers' modules."""
    papers = paper_ids() if paper_id is None else (paper_id,)
    return tuple(name for one in papers for name in _statements(one))


def theorem(theorem_id: str) -> Theorem:
    """The statement of that id.

    >>> theorem("patel2024/prop7").bound.kind
    'lower'
    """
    paper_id = theorem_id.partition("/")[0]
    if paper_id not in paper_ids():
        raise unknown_name("theorem", theorem_id, theorem_ids())
    statements = _statements(paper_id)
    if theorem_id not in statements:
        raise unknown_name("theorem", theorem_id, statements)
    return statements[theorem_id]()


def theorems(pattern: str = "*") -> Iterator[Theorem]:
    """The statements whose id matches a shell-style pattern."""
    for name in theorem_ids():
        if fnmatchcase(name, pattern):
            yield theorem(name)
