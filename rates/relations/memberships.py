"""The ways in which the algorithm of one statement is among those of another, from the families of the papers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy
from sympy import Expr, Symbol

from tightrate.common.errors import unknown_name
from tightrate.common.paper_files import OnceForPapers
from tightrate.rates.statements.catalogue import declared
from tightrate.rates.statements.family import Family, SpecialCase
from tightrate.rates.symbols.alphabet import LETTERS


@OnceForPapers
def families() -> Mapping[str, Family]:
    """The families that the papers' modules declare, by their names."""
    return {family.name: family for family in declared("families", Family)}


def family(name: str) -> Family:
    """The family of that name; an unknown one is refused with the nearest match."""
    if name not in families():
        raise unknown_name("algorithm family", name, families())
    return families()[name]


@dataclass(frozen=True)
class Membership:
    """An algorithm at these values is in a family, for these reasons."""

    at: Mapping[Symbol, Expr]
    reasons: tuple[str, ...]


def memberships(algorithm: str, target: str, free: frozenset[str]) -> Iterator[Membership]:
    """The ways in which an algorithm is in a family, shortest first; `free` are the letters open in its bound.

    A letter of the method can take a special value only where the bound holds for all its values: not once the
    algorithm is only one member of a larger family.

    >>> [way.reasons for way in memberships("local-sgd-any-outer-step", "minibatch-sgd", frozenset({"K", "gamma"}))]
    [('one local step',), ('gamma = 1', 'one local step')]
    """
    family(target)
    queue: list[tuple[str, tuple[SpecialCase, ...]]] = [(algorithm, ())]
    while queue:
        reached, way = queue.pop(0)
        if reached == target:
            values = {letter: sympy.sympify(value, strict=True) for step in way for letter, value in step.at.items()}
            yield Membership(values, tuple(step.reason for step in way))
            continue
        visited = {algorithm, *(step.family for step in way)}
        is_one_member = any(not step.at for step in way)
        for step in _next(reached):
            chosen = {letter.name for letter in step.at if LETTERS[letter.name].chosen}
            allowed = not step.at if is_one_member else chosen <= free
            if step.family not in visited and allowed:
                queue.append((step.family, (*way, step)))


def _next(name: str) -> Iterator[SpecialCase]:
    """The families that hold this one, and those that it reduces to."""
    for larger in families().values():
        yield from (SpecialCase(larger.name, case.reason, case.at) for case in larger.contains if case.family == name)
    yield from family(name).reduces_to
