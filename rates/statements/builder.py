"""The one way to write a statement down: a decorator that names it, on a function whose docstring says it in words and
which returns its formulas.

    PAPER = Paper("doe2026")
    LOCAL = Statements(PAPER, algorithm="local-sgd", problem_class="convex, L-smooth")

    @LOCAL.upper("thm1", "Local SGD, convex", constants="hidden", provenance=read("Theorem 1"))
    def thm1() -> Stated:
        \"\"\"With one tuned step the gap of the average is at most this.\"\"\"
        return Stated({"optimization": L * B**2 / R}, conditions=(VANILLA,))

Everything that a list shows is in the decorator; the formulas are built when somebody asks for them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from functools import cached_property, partial
from typing import TypedDict, Unpack

from sympy import Expr

from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Erratum, Holds, Paper, Provenance, Theorem
from tightrate.rates.symbols.kinds import Constants, Kind
from tightrate.rates.symbols.units import Unit


@dataclass(frozen=True)
class Stated:
    """The formulas of a statement: named terms in their order, and everything else that is made of symbols.

    `conditions` are its hypotheses, `steps` the step sizes that it prescribes, `setting` its algorithm and class for
    comparison with other bounds.
    """

    terms: Mapping[str, Expr] | Sequence[Term]
    conditions: Sequence[Condition] = ()
    steps: Mapping[str, Expr] = field(default_factory=dict)
    errata: Sequence[Erratum] = ()
    setting: Setting | None = None


Formulas = Stated | Mapping[str, Expr]
"""What the function of a statement returns; terms alone where nothing else is to be said."""


@dataclass(frozen=True)
class Common:
    """What statements may share; `units` and `dimensional` are those of `Bound`, `notation` that of `Theorem`."""

    paper: Paper
    _: KW_ONLY
    measure: str = "gap"
    constants: Constants = "explicit"
    algorithm: str = "local-sgd"
    problem_class: str = ""
    iterate: str = "last iterate"
    holds: Holds = "in expectation"
    units: Mapping[str, Unit] = field(default_factory=dict)
    dimensional: bool = True
    notation: Mapping[str, str] = field(default_factory=dict)


class Own(TypedDict, total=False):
    """What a statement, or a group of them, does not share: the fields of `Common`, for the type checker."""

    measure: str
    constants: Constants
    algorithm: str
    problem_class: str
    iterate: str
    holds: Holds
    units: Mapping[str, Unit]
    dimensional: bool
    notation: Mapping[str, str]


@dataclass(frozen=True, eq=False, kw_only=True)
class Statement(Common):
    """An entry of the catalogue: all that can be said without building a formula.  Calling it builds the theorem."""

    kind: Kind
    label: str
    title: str
    provenance: Provenance
    formulas: Callable[[], Formulas]

    @property
    def id(self) -> str:
        """paper/label, the name on the command line."""
        return f"{self.paper.id}/{self.label}"

    @property
    def statement(self) -> str:
        """The statement in words: the docstring of its function."""
        return " ".join((inspect.getdoc(self.formulas) or "").split())

    def __call__(self) -> Theorem:
        """The theorem, built once."""
        return self.theorem

    @cached_property
    def theorem(self) -> Theorem:
        """The theorem with its formulas."""
        found = self.formulas()
        stated = found if isinstance(found, Stated) else Stated(found)
        terms = stated.terms
        named = tuple(Term(*one) for one in terms.items()) if isinstance(terms, Mapping) else tuple(terms)
        bound = Bound(named, MEASURES[self.measure], self.kind, self.constants, self.units, self.dimensional)
        return Theorem(
            label=self.label,
            title=self.title,
            statement=self.statement,
            bound=bound,
            paper=self.paper,
            provenance=self.provenance,
            algorithm=self.algorithm,
            problem_class=self.problem_class,
            iterate=self.iterate,
            holds=self.holds,
            conditions=tuple(stated.conditions),
            steps=stated.steps,
            errata=tuple(stated.errata),
            notation=self.notation,
            setting=stated.setting,
        )


Decorator = Callable[[Callable[[], Formulas]], Statement]


@dataclass(frozen=True)
class Statements(Common):
    """The decorators of a paper: `upper`, `lower` and `exact` make a statement of a function that gives formulas."""

    def sharing(self, **shared: Unpack[Own]) -> Statements:
        """The same decorators with other things shared."""
        return replace(self, **shared)

    def upper(self, label: str, title: str, *, provenance: Provenance, **own: Unpack[Own]) -> Decorator:
        """Mark a function as an upper bound of this paper; `own` is what this statement does not share."""
        return partial(self.sharing(**own)._statement, "upper", label, title, provenance)

    def lower(self, label: str, title: str, *, provenance: Provenance, **own: Unpack[Own]) -> Decorator:
        """Mark a function as a lower bound of this paper."""
        return partial(self.sharing(**own)._statement, "lower", label, title, provenance)

    def exact(self, label: str, title: str, *, provenance: Provenance, **own: Unpack[Own]) -> Decorator:
        """Mark a function as an equality of this paper."""
        return partial(self.sharing(**own)._statement, "exact", label, title, provenance)

    def _statement(
        self, kind: Kind, label: str, title: str, provenance: Provenance, formulas: Callable[[], Formulas]
    ) -> Statement:
        common = {each.name: getattr(self, each.name) for each in fields(self)}
        return Statement(kind=kind, label=label, title=title, provenance=provenance, formulas=formulas, **common)


def in_words(words: str) -> Callable[[Callable[[], Formulas]], Callable[[], Formulas]]:
    """Give a function its docstring, the statement in words, where one function states several cases."""

    def give(formulas: Callable[[], Formulas]) -> Callable[[], Formulas]:
        formulas.__doc__ = words
        return formulas

    return give


def read(where: str, proof: str = "") -> Provenance:
    """Read in the paper, at this place; with the page of our proof where there is one."""
    return Provenance("read", where, proof)


def corrected(where: str, proof: str = "") -> Provenance:
    """Read in the paper and corrected, as the errata of the statement say."""
    return Provenance("corrected", where, proof)


def assembled(where: str, proof: str) -> Provenance:
    """Derived from displays that were read, with the page of our derivation."""
    return Provenance("assembled", where, proof)


def quoted(where: str, proof: str = "") -> Provenance:
    """Read where the authors' slides or poster, or another paper, quote it."""
    return Provenance("quoted", where, proof)


def summary(where: str, proof: str = "") -> Provenance:
    """Known from a summary of the paper only."""
    return Provenance("summary", where, proof)


def memory(where: str, proof: str = "") -> Provenance:
    """Known from memory of the literature."""
    return Provenance("memory", where, proof)


def derived(where: str, proof: str) -> Provenance:
    """Derived again along the paper's proof, with the page of our derivation."""
    return Provenance("re-derived", where, proof)


def own(where: str, proof: str) -> Provenance:
    """Proved by the authors of this toolkit, with the page of the proof."""
    return Provenance("own", where, proof)
