"""The one way to write a statement down: a decorator that names it, on a function whose docstring says it in words and
which returns its formulas::

    PAPER = Paper("doe2026")
    LOCAL = Statements(PAPER, algorithm="local-sgd", problem_class="convex, L-smooth")

    @LOCAL.upper("thm1", "Local SGD, convex", constants="hidden", provenance=read("Theorem 1"))
    def thm1() -> Stated:
        \"\"\"With one tuned step the gap of the average is at most this.\"\"\"
        return Stated({"optimization": L * B**2 / R}, conditions=(VANILLA,))

Everything that a list shows is in the decorator; the formulas are built when somebody asks for them.  Formulas may be
text, too, in the alphabet or in the paper's own letters: `Stated({"optimization": "L*B^2/R"}, conditions=("K >= 2",))`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from functools import cached_property, partial
from typing import Any, TypedDict, Unpack, cast, get_args

from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError, check_one_of, unknown_name
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.measures import MEASURES, OWN, Measure
from tightrate.rates.statements.reading import Formula, expression_of, relation_of
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Erratum, Holds, Paper, Provenance, Theorem, check_name
from tightrate.rates.symbols.kinds import Constants, Kind
from tightrate.rates.symbols.units import Unit

ALGORITHM_MARK = "__algorithm_name__"  # of the registry of algorithms


@dataclass(frozen=True)
class Stated:
    """The formulas of a statement: named terms in their order, and everything else that is made of symbols.

    `conditions` are its hypotheses, `steps` the step sizes that it prescribes, `setting` its algorithm and class for
    comparison with other bounds.  Formulas are expressions or text; a condition is a relation, as an expression or as
    text, or words, whose formulas stand between dollar signs.

    Attributes:
        terms: formulas by name, in their order
        errata: what is wrong or incomplete in the source

    >>> Stated({"optimization": "L*B^2/R"}).terms
    {'optimization': 'L*B^2/R'}
    """

    terms: Mapping[str, Formula] | Sequence[Term]
    conditions: Sequence[Condition | Boolean | str] = ()
    steps: Mapping[str, Formula] = field(default_factory=dict)
    errata: Sequence[Erratum] = ()
    setting: Setting | None = None


Formulas = Stated | Mapping[str, Formula]
"""What the function of a statement returns; terms alone where nothing else is to be said."""


@dataclass(frozen=True)
class Common:
    """What statements may share; `units` and `dimensional` are those of `Bound`, `notation` that of `Theorem`.

    The algorithm is a name or the function that is marked with it; so is the measure.
    """

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

    def __post_init__(self) -> None:
        for name, kind in (("constants", Constants), ("holds", Holds)):
            check_one_of(name, getattr(self, name), get_args(kind))
        if not isinstance(self.paper, Paper):
            raise TightrateError(f"statements belong to a Paper, such as Paper('doe2026'), not to {self.paper!r}")
        measure = getattr(self.measure, OWN, self.measure)  # a function of a run that is marked as one
        object.__setattr__(self, "measure", measure.name if isinstance(measure, Measure) else measure)
        object.__setattr__(self, "algorithm", getattr(self.algorithm, ALGORITHM_MARK, self.algorithm))
        for name in ("measure", "algorithm", "problem_class", "iterate"):
            if not isinstance(getattr(self, name), str):
                raise TightrateError(f"{name} of a statement must be a text, not {getattr(self, name)!r}")


class Own(TypedDict, total=False):
    """What a statement, or a group of them, does not share: the fields of `Common`, for the type checker."""

    measure: str | Measure | Callable[..., object]
    constants: Constants
    algorithm: str | Callable[..., object]
    problem_class: str
    iterate: str
    holds: Holds
    units: Mapping[str, Unit]
    dimensional: bool
    notation: Mapping[str, str]


@dataclass(frozen=True, eq=False, kw_only=True)
class Statement(Common):
    """An entry of the catalogue: all that can be said without building a formula.  Calling it builds the theorem.

    Attributes:
        paper: where it stands
        measure: what is bounded
        constants: how much of them is known
        algorithm: the method it speaks of
        problem_class: in words
        iterate: at which point the measure is taken
        holds: in which sense
        units: units of letters of its own
        dimensional: whether units can be checked
        notation: its own letters
        kind: "upper", "lower" or "exact"
        label: its name within the paper
        title: for a heading
        provenance: where it comes from
        formulas: makes them

    >>> from tightrate.rates.statements.catalogue import statement
    >>> statement("patel2024/thm9").kind
    'lower'
    """

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
        """The statement in words: the docstring of its function, its title where there is none."""
        return " ".join((inspect.getdoc(self.formulas) or self.title).split())

    def __call__(self) -> Theorem:
        """The theorem, built once."""
        return self.theorem

    @cached_property
    def theorem(self) -> Theorem:
        """The theorem with its formulas."""
        found = self.formulas()
        stated = found if isinstance(found, Stated) else Stated(found)
        if not stated.terms:
            raise TightrateError('a statement needs terms, for example {"optimization": "L*B^2/R"}')
        if self.measure not in MEASURES:
            raise unknown_name("measure", self.measure, MEASURES)
        if isinstance(stated.conditions, str) or not isinstance(stated.conditions, Sequence):
            raise TightrateError(f'conditions are a list of texts, such as ["eta*L <= 1"], not {stated.conditions!r}')
        letters = {written: name for name, written in {**self.paper.notation, **self.notation}.items()}
        terms = stated.terms if isinstance(stated.terms, Mapping) else {one.name: one for one in stated.terms}
        named = tuple(
            one if isinstance(one, Term) else Term(name, expression_of(one, f"term {name!r}", letters))
            for name, one in terms.items()
        )
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
            conditions=tuple(_condition(one, letters) for one in stated.conditions),
            steps={name: expression_of(step, f"step {name!r}", letters) for name, step in stated.steps.items()},
            errata=tuple(stated.errata),
            notation=self.notation,
            setting=stated.setting,
        )


def _condition(one: Condition | Boolean | str, letters: Mapping[str, str]) -> Condition:
    if isinstance(one, Condition):
        return one
    if not isinstance(one, str | Boolean):
        raise TightrateError(f"a condition is a text such as 'eta*L <= 1', a relation or words, not {one!r}")
    relation = relation_of(one, letters) if isinstance(one, str) else one
    return Condition(str(one), relation, wordless=relation is not None)


Decorator = Callable[[Callable[[], Formulas]], Statement]


@dataclass(frozen=True)
class Statements(Common):
    """The decorators of a paper: `upper`, `lower` and `exact` make a statement of a function that gives formulas.

    Attributes:
        paper: where they stand
        measure: what they bound
        constants: how much of them is known
        algorithm: the method they speak of
        problem_class: in words
        iterate: at which point the measure is taken
        holds: in which sense
        units: units of letters of their own
        dimensional: whether units can be checked
        notation: letters of their own

    >>> from tightrate.rates.statements.theorem import Paper
    >>> Statements(Paper("mine", title="A paper"), measure="gap").measure
    'gap'
    """

    def sharing(self, **shared: Unpack[Own]) -> Statements:
        """The same decorators with other things shared."""
        for name in shared:
            check_one_of("field of a statement", name, Own.__annotations__)
        return replace(self, **cast(Any, shared))

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
        check_name("a statement's label", label)
        if not isinstance(title, str) or not title.strip():
            raise TightrateError(f"{label} needs a title, such as 'Strongly convex functions', not {title!r}")
        if not isinstance(provenance, Provenance):
            raise TightrateError(
                f'provenance of {label} must be read("..."), stated("...") or the like: {provenance!r}'
            )
        return Statement(kind=kind, label=label, title=title, provenance=provenance, formulas=formulas, **common)


def in_words(words: str) -> Callable[[Callable[[], Formulas]], Callable[[], Formulas]]:
    """Give a function its docstring, the statement in words, where one function states several cases."""

    def give(formulas: Callable[[], Formulas]) -> Callable[[], Formulas]:
        formulas.__doc__ = words
        return formulas

    return give


def stated(where: str, proof: str = "") -> Provenance:
    """Stated by the author of the file, at this place of the paper.

    Args:
        where: the place, such as "Theorem 3"
        proof: the page and section of our proof, such as "proofs/patel2024#prop7"

    Returns:
        The provenance, for a statement.

    Raises:
        TightrateError: for a proof where none can be.

    >>> stated("Theorem 3").label
    'stated'
    """
    return Provenance("stated", where, proof)


def read(where: str, proof: str = "") -> Provenance:
    """Read in the paper, at this place; with the page of our proof where there is one.

    Args:
        where: the place, such as "Theorem 3"
        proof: the page and section of our proof, such as "proofs/patel2024#prop7"

    Returns:
        The provenance, for a statement.

    Raises:
        TightrateError: for a proof where none can be.

    >>> read("Theorem 3").label
    'read'
    """
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
    """Known from memory of the literature.

    Args:
        where: the place, such as "Theorem 3"
        proof: the page and section of our proof, such as "proofs/patel2024#prop7"

    Returns:
        The provenance, for a statement.

    Raises:
        TightrateError: for a proof where none can be.

    >>> memory("Theorem 3").label
    'memory'
    """
    return Provenance("memory", where, proof)


def derived(where: str, proof: str) -> Provenance:
    """Derived again along the paper's proof, with the page of our derivation."""
    return Provenance("re-derived", where, proof)


def own(where: str, proof: str) -> Provenance:
    """Proved by the authors of this toolkit, with the page of the proof."""
    return Provenance("own", where, proof)
