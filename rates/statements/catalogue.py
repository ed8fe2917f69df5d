"""The catalogue: every statement of every paper, found by its id `paper/label`.

A paper is one module of `tightrate.rates.papers`, or a package of them: a `PAPER` and one function for each statement,
decorated by the paper's `Statements`; a paper of one's own is a file that has the same
(`tightrate.common.paper_files`).  Formulas are built when a statement is first asked for, so that listing ids, titles
and kinds costs no algebra.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from inspect import isfunction
from types import ModuleType
from typing import TypeVar

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.kept import kept
from tightrate.common.registry import modules_in
from tightrate.rates.statements.builder import Statement
from tightrate.rates.statements.theorem import Paper, Theorem

D = TypeVar("D")
PAPERS = "tightrate.rates.papers"


def paper_ids() -> tuple[str, ...]:
    """The papers that the catalogue holds, in alphabetical order, and then those of one's own.

    Returns:
        The ids.

    >>> "patel2024" in paper_ids()
    True
    """
    return (*built_in_ids(), *_own_papers())


def built_in_ids() -> tuple[str, ...]:
    """The papers that the catalogue holds, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(import_module(PAPERS).__path__)))


def _own_papers() -> dict[str, tuple[Paper, tuple[ModuleType, ...]]]:
    """The papers of one's own by their ids, each with the modules that have it."""
    found: dict[str, tuple[Paper, tuple[ModuleType, ...]]] = {}
    for module in paper_files.loaded():
        for one in vars(module).values():
            if not isinstance(one, Paper) or (one.id in built_in_ids() and paper(one.id) is one):
                continue
            if one.id in built_in_ids() or (one.id in found and found[one.id][0] is not one):
                raise TightrateError(
                    f"{paper_files.shown(module)}: there is a paper {one.id} already; give this one another id"
                )
            modules = found[one.id][1] if one.id in found else ()
            if module not in modules:
                found[one.id] = (one, (*modules, module))
    return found


def paper(paper_id: str) -> Paper:
    """The paper of that id.

    Args:
        paper_id: such as "patel2024"

    Returns:
        Its reference, letters and caution.

    Raises:
        TightrateError: for a paper that does not exist.

    >>> paper("patel2024").reference.year
    2024
    """
    if paper_id not in built_in_ids():
        own = _own_papers()
        if paper_id not in own:
            raise unknown_name("paper", paper_id, paper_ids())
        return own[paper_id][0]
    found = import_module(f"{PAPERS}.{paper_id}").PAPER
    assert isinstance(found, Paper)
    return found


def modules_of(paper_id: str) -> tuple[ModuleType, ...]:
    """The modules of a paper: the one, or those of its package, first those that its `ORDER` names, in that order."""
    if paper_id in built_in_ids():
        return _built_in_modules(paper_id)
    own = _own_papers()
    if paper_id not in own:
        raise unknown_name("paper", paper_id, paper_ids())
    return own[paper_id][1]


@cache
def _built_in_modules(paper_id: str) -> tuple[ModuleType, ...]:
    main = import_module(f"{PAPERS}.{paper_id}")
    if not hasattr(main, "__path__"):
        return (main,)
    names = list(modules_in(main.__name__))
    first = [f"{main.__name__}.{name}" for name in getattr(main, "ORDER", ())]
    return (main, *map(import_module, (*first, *(name for name in names if name not in first))))


def declared(name: str, kind: type[D]) -> tuple[D, ...]:
    """What the functions of this name in the papers' modules yield, paper by paper: `implications`, `matching`.

    >>> from tightrate.rates.statements.misprint import Misprint
    >>> "two-stage-logarithm" in {misprint.id for misprint in declared("misprints", Misprint)}
    True
    """
    found: list[D] = []
    for module in dict.fromkeys(module for paper_id in paper_ids() for module in modules_of(paper_id)):
        function = vars(module).get(name)
        if isfunction(function) and function.__module__ == module.__name__:
            found += function()
    assert all(isinstance(one, kind) for one in found)
    return tuple(found)


def _statements(paper_id: str) -> dict[str, Statement]:
    return _built_in_statements(paper_id) if paper_id in built_in_ids() else _statements_in_modules(paper_id)


@cache
def _built_in_statements(paper_id: str) -> dict[str, Statement]:
    return _statements_in_modules(paper_id)


def _statements_in_modules(paper_id: str) -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    for module in modules_of(paper_id):
        for value in vars(module).values():
            own = isinstance(value, Statement) and value.paper.id == paper_id
            if own and found.setdefault(value.id, value) is not value:
                raise TightrateError(f"two statements have the id {value.id}; give each a label of its own")
    return found


def theorem_ids(paper_id: str | None = None) -> tuple[str, ...]:
    """The ids of all statements, of one paper or of all, in the order of the papers' modules.

    Args:
        paper_id: of one paper; of all unless given

    Returns:
        The ids.

    Raises:
        TightrateError: for a paper that does not exist.

    >>> theorem_ids("ghadimi2012")
    ('ghadimi2012/convex',)
    """
    papers = paper_ids() if paper_id is None else (paper_id,)
    return tuple(name for one in papers for name in _statements(one))


def statement(theorem_id: str) -> Statement:
    """The entry of that id: title, kind, measure and provenance, without building a formula.

    >>> statement("patel2024/prop7").kind
    'lower'
    """
    paper_id = theorem_id.partition("/")[0]
    if paper_id not in built_in_ids() and paper_id not in _own_papers():
        raise unknown_name("theorem", theorem_id, theorem_ids())
    known = _statements(paper_id)
    if theorem_id not in known:
        raise unknown_name("theorem", theorem_id, known)
    return known[theorem_id]


def theorem(theorem_id: str) -> Theorem:
    """The theorem of that id, with its formulas.

    Args:
        theorem_id: such as "patel2024/thm9"

    Returns:
        The statement with its bound, conditions, provenance and errata.

    Raises:
        TightrateError: for an id that does not exist.

    >>> theorem("patel2024/prop7").bound.letters
    ('R', 'L', 'B')
    """
    return statement(theorem_id)()


def statements(pattern: str = "*") -> Iterator[Statement]:
    """The entries whose id matches a shell-style pattern, without building a formula.

    >>> [(found.label, found.kind, found.title) for found in statements("ghadimi2012/*")]
    [('convex', 'upper', 'Accelerated mini-batch SGD, convex')]
    """
    for paper_id in paper_ids():
        for name, found in _statements(paper_id).items():
            if fnmatchcase(name, pattern):
                yield found


@cache
def symbols_of_bounds(measure: str) -> Mapping[str, frozenset[str]]:
    """The ASCII names of the symbols in every built-in bound on a measure, by id, kept on disk: no formula is built
    twice.

    >>> sorted(symbols_of_bounds("gap")["patel2024/prop7"])
    ['B', 'L', 'R']
    """

    def made() -> dict[str, list[str]]:
        built_in = (one for paper_id in built_in_ids() for one in _built_in_statements(paper_id).values())
        return {one.id: list(one.theorem.bound.letters) for one in built_in if one.measure == measure}

    return {name: frozenset(symbols) for name, symbols in kept(f"symbols of the {measure}", made).items()}


def theorems(pattern: str = "*") -> Iterator[Theorem]:
    """The theorems whose id matches a shell-style pattern, with their formulas.

    Args:
        pattern: such as "patel2024/*"

    Returns:
        The statements, one after the other.

    Raises:
        TightrateError: for a pattern that fits nothing.

    >>> [one.id for one in theorems("ghadimi2012/*")]
    ['ghadimi2012/convex']
    """
    for found in statements(pattern):
        yield found()
