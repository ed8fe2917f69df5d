"""A theorem: a bound together with everything that says when and where it holds, and its provenance."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from html import escape
from math import inf
from operator import and_, or_
from typing import Any, Literal

import sympy
from sympy import Expr
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas import display
from tightrate.rates.formulas.inline import as_html, as_text
from tightrate.rates.statements.bibliography import Reference, reference
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.setting import Setting
from tightrate.rates.symbols.evaluation import at

ProvenanceLabel = Literal[
    "read", "corrected", "assembled", "own", "stated", "quoted", "summary", "re-derived", "memory"
]

Holds = Literal["deterministically", "in expectation", "with high probability"]

PROVENANCE_MEANING: Mapping[ProvenanceLabel, str] = {
    "read": "read in the paper",
    "corrected": "read in the paper, and corrected as the errata say",
    "assembled": "derived from displays that were read; no display of the paper",
    "own": "proved by the authors of this toolkit, not stated in the paper",
    "stated": "stated by the author of the file",
    "quoted": "read where the authors' slides or another paper quote it; the paper's text was not available",
    "summary": "known from a summary of the paper only",
    "re-derived": "the paper's display was not available; re-derived along its proof",
    "memory": "as the literature is known to have it; the source was not available",
}
UNCHECKED: frozenset[ProvenanceLabel] = frozenset({"quoted", "summary", "re-derived", "memory"})


@dataclass(frozen=True)
class Provenance:
    """Where a statement comes from, and whether it was read, recalled, derived again or proved by us.

    `where` points into the paper (statement number) or, for what we proved, names the section of `proof`;
    `proof` is the page of the documentation that has the proof of what is not the paper's.

    Attributes:
        label: "read", "corrected", "own", "memory" and so on

    >>> Provenance("memory", "Theorem 1").checked
    False
    """

    label: ProvenanceLabel
    where: str
    proof: str = ""

    @property
    def meaning(self) -> str:
        """The label in words."""
        return PROVENANCE_MEANING[self.label]

    @property
    def checked(self) -> bool:
        """Whether the statement was compared with the text of its source, or is our own and proved."""
        return self.label not in UNCHECKED


@dataclass(frozen=True)
class Condition:
    """A hypothesis of a theorem: in words and, where numbers can decide it, as a relation between letters.

    `wordless` says that the text is the relation itself, as it was written.

    Attributes:
        text: the hypothesis in words
        relation: the same as a relation, None where numbers cannot decide it

    >>> from tightrate.rates.symbols.alphabet import K
    >>> Condition("at least two local steps", K >= 2).status({"K": 1.0})
    'fails'
    """

    text: str
    relation: Boolean | None = None
    wordless: bool = False

    @property
    def symbols(self) -> frozenset[str]:
        """The ASCII names of the symbols that decide the condition; none where it is in words."""
        return frozenset() if self.relation is None else frozenset(s.name for s in self.relation.free_symbols)

    def status(self, values: Mapping[str, float]) -> Literal["holds", "fails", "unknown"]:
        """Whether the condition holds at these numbers; unknown when in words, or when a symbol has no value.

        >>> from tightrate.rates.symbols.alphabet import K
        >>> Condition("at least two local steps", sympy.Ge(K, 2)).status({"K": 1})
        'fails'
        """
        if self.symbols - set(values) or self.relation is None:
            return "unknown"
        return "fails" if bool(self.fails_at(values)) else "holds" if bool(self.holds_at(values)) else "unknown"

    def holds_at(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """Where the condition holds: numbers, arrays and labelled arrays as in `Bound.at`.

        Equalities and the ends of ranges hold to rounding (1e-9 relative); what is undefined does not hold.  A
        condition in words raises TightrateError.

        >>> from tightrate.rates.symbols.alphabet import K
        >>> import numpy as np
        >>> Condition("at least two local steps", sympy.Ge(K, 2)).holds_at(K=np.array([1, 2])).tolist()
        [False, True]
        """
        if self.relation is None:
            raise TightrateError(f"the condition {self.text!r} is in words: no number decides it")
        return _holds(self.relation, {**(values or {}), **more})

    def fails_at(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """Where the condition is decided and does not hold: what is undefined neither holds nor fails.

        >>> from tightrate.rates.symbols.alphabet import K
        >>> import numpy as np
        >>> Condition("at least two local steps", sympy.Ge(K, 2)).fails_at(K=np.array([1, 2, np.nan])).tolist()
        [True, False, False]
        """
        given = {**(values or {}), **more}
        holds = self.holds_at(given)
        assert self.relation is not None
        return _not(holds | _undefined(self.relation, given))


ROUNDING = 1e-9  # relative: in an equality between symbols, and at the end of a range


def _holds(relation: Boolean, values: Mapping[str, Any]) -> Any:
    if isinstance(relation, sympy.And | sympy.Or):
        parts = [_holds(part, values) for part in relation.args]
        return reduce(and_ if isinstance(relation, sympy.And) else or_, parts)
    if isinstance(relation, sympy.Not):
        return _not(_holds(relation.args[0], values))
    if relation in (sympy.true, sympy.false):
        return bool(relation)
    if not isinstance(relation, sympy.core.relational.Relational):
        raise TightrateError(f"the condition {relation} is not a relation between two expressions")
    left, right = (at(side, values) for side in (relation.lhs, relation.rhs))
    if isinstance(relation, sympy.Eq):
        return (left == right) | _near(left, right)
    if isinstance(relation, sympy.Ne):
        return left != right
    low, high = (left, right) if isinstance(relation, sympy.Le | sympy.Lt) else (right, left)
    return low < high if isinstance(relation, sympy.Lt | sympy.Gt) else (low <= high) | _near(low, high)


def _near(left: Any, right: Any) -> Any:
    """Where two numbers agree to rounding; infinite ones do not."""
    if not (isinstance(left, float) and isinstance(right, float)):
        import numpy as np

        with np.errstate(invalid="ignore"):
            return _agrees(left, right)
    return _agrees(left, right)


def _agrees(left: Any, right: Any) -> Any:
    apart, sizes = abs(left - right), (abs(left), abs(right))
    near = (apart <= ROUNDING * sizes[0]) | (apart <= ROUNDING * sizes[1])
    return near & (sizes[0] < inf) & (sizes[1] < inf)


def _not(where: Any) -> Any:
    return not where if isinstance(where, bool) else ~where


def _undefined(relation: Boolean, values: Mapping[str, Any]) -> Any:
    """Where a side is no number."""
    if isinstance(relation, sympy.core.relational.Relational):
        left, right = (at(side, values) for side in (relation.lhs, relation.rhs))
        return (left != left) | (right != right)
    parts = [_undefined(part, values) for part in relation.args if isinstance(part, Boolean)]
    return reduce(or_, parts, False)


Certainty = Literal["read", "legible", "quoted", "unseen"]
CERTAINTY_MEANING: Mapping[Certainty, str] = {
    "read": "read in the source",
    "legible": "legible in a text of the source that lost its displays",
    "quoted": "read where another source quotes it",
    "unseen": "not seen in the source",
}

ErratumKind = Literal["misprint", "error", "gap", "side condition", "conditional", "remark"]
ERRATUM_MEANING: Mapping[ErratumKind, str] = {
    "misprint": "a slip of the pen",
    "error": "false as it stands",
    "gap": "a step of the proof needs more than is assumed",
    "side condition": "an unstated side condition or constant, which readers will supply",
    "conditional": "false only if the source reads as said here, which the available text does not settle",
    "remark": "no fault of the source",
}


@dataclass(frozen=True)
class Erratum:
    """Something wrong or incomplete in a published statement, said with care and with evidence.

    `where` is the place in the source and `printed` what stands there; `text` says what is true instead, `evidence` is
    the witness, and `certainty` says how sure we are that this is what is printed.  What was not seen is no fault.
    """

    label: str
    text: str
    evidence: str
    kind: ErratumKind
    where: str
    printed: str
    certainty: Certainty = "read"

    def __post_init__(self) -> None:
        if self.accuses and self.certainty == "unseen":
            raise TightrateError(f"erratum {self.label}: what was not seen is at most 'conditional'")

    @property
    def accuses(self) -> bool:
        """Whether this finds a fault in the source, without an if."""
        return self.kind not in ("conditional", "remark")

    @property
    def parts(self) -> Mapping[str, str]:
        """Everything there is to say, under the names that pages and terminals show."""
        return {
            "kind": ERRATUM_MEANING[self.kind],
            "printed": f"{self.printed} ({self.where}; {CERTAINTY_MEANING[self.certainty]})",
            "true": self.text,
            "witness": self.evidence,
        }


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+@-]*")


def check_name(what: str, name: object) -> None:
    """Refuse what could not stand on a command line: a name is letters, digits and _.+@-, without spaces or slashes.

    >>> check_name("a label", "thm1")
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise TightrateError(f"{what} is letters, digits and any of _ . + @ -, such as thm1, not {name!r}")


@dataclass(frozen=True)
class Paper:
    """Where statements come from; `notation` maps our symbols to the paper's own LaTeX letters.

    The reference is the entry of that id in `rates/papers/references.bib`, or in `bib`, a BibTeX text of its own; a
    paper that has neither is known by its `title`.

    Attributes:
        id: such as "patel2024"
        caution: what a reader must know of how it was read

    >>> Paper("mine", title="A paper").reference.title
    'A paper'
    """

    id: str
    notation: Mapping[str, str] = field(default_factory=dict)
    caution: str = ""
    bib: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        check_name("a paper's id", self.id)

    @property
    def reference(self) -> Reference:
        """Title, authors, year, venue and BibTeX entry."""
        return reference(self.id, self.bib or (self.title and self._misc))

    @property
    def _misc(self) -> str:
        """The entry of a paper of which only the title is known; its year is in its id, or this one."""
        dated = re.search(r"(?:19|20)\d\d", self.id)
        year = dated[0] if dated else str(date.today().year)
        return f"@misc{{{self.id},\n  author = {{{{{self.id}}}}},\n  title = {{{self.title}}},\n  year = {{{year}}}\n}}"


@dataclass(frozen=True)
class Theorem:
    """One statement of the catalogue.

    `steps` are the step sizes that the statement prescribes, as expressions in the letters; `algorithm` and
    `problem_class` name what the statement is about; `iterate` says which point the measure is taken at;
    `holds` says in which sense (for sure, in expectation, or with probability at least 1 - delta); `setting` names
    algorithm and class for comparison with other bounds, where that is meaningful.

    Attributes:
        label: its name within the paper
        title: for a heading
        statement: in words
        bound: its formula
        paper: where it stands
        provenance: whether it was read, and where
        conditions: its hypotheses
        errata: what is wrong or incomplete in the source
        notation: letters of its own

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> theorem("patel2024/thm9").provenance.where
    'Theorem 9'
    """

    label: str
    title: str
    statement: str
    bound: Bound
    paper: Paper
    provenance: Provenance
    algorithm: str
    problem_class: str
    iterate: str
    holds: Holds
    conditions: tuple[Condition, ...] = ()
    steps: Mapping[str, Expr] = field(default_factory=dict)
    errata: tuple[Erratum, ...] = ()
    notation: Mapping[str, str] = field(default_factory=dict)
    setting: Setting | None = None

    @property
    def id(self) -> str:
        """paper/label, the name on the command line."""
        return f"{self.paper.id}/{self.label}"

    @property
    def letters(self) -> Mapping[str, str]:
        """Our letters to the paper's LaTeX letters: the paper's notation, with this statement's own on top."""
        return {**self.paper.notation, **self.notation}

    def __str__(self) -> str:
        """Id, title, statement, formula in our letters, conditions and provenance, one on each line."""
        conditions = [f"  if {as_text(one.text)}" for one in self.conditions]
        source = f"  {self.provenance.meaning} ({self.provenance.where})"
        return "\n".join(
            [f"{self.id}  {as_text(self.title)}", as_text(self.statement), f"  {self.bound}", *conditions, source]
        )

    def _repr_latex_(self) -> str:
        """The formula in the paper's letters, in a notebook."""
        return f"$\\displaystyle {display.sum_latex(self.bound.expressions, self.letters)}$"

    def _repr_html_(self) -> str:
        """Title, statement, formula in the paper's letters, conditions and provenance, formulas typeset."""
        title, statement = (as_html(text, self.letters) for text in (self.title, self.statement))
        conditions = "".join(f"<li>{as_html(one.text, self.letters)}</li>" for one in self.conditions)
        return (
            f"<div><b>{escape(self.id)}</b> {title}<p>{statement}</p>"
            f"{display.sum_mathml(self.bound.expressions, self.letters)}<ul>{conditions}</ul>"
            f"<p><small>{escape(self.provenance.meaning)} ({escape(self.provenance.where)})</small></p></div>"
        )

    def step(self, name: str) -> Expr:
        """The prescribed step size of that name."""
        if name not in self.steps:
            raise TightrateError(f"{self.id} prescribes no {name}; it prescribes {', '.join(self.steps) or 'nothing'}")
        return self.steps[name]

    def __call__(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """The value of the bound, as in `Bound.at`, at the steps that the statement prescribes unless they are given.

        >>> from tightrate.rates.statements.catalogue import theorem
        >>> theorem("patel2024/prop7-constant")(L=1, B=1, R=10)
        0.000925925925925926
        """
        return self.bound.at(self.with_steps({**(values or {}), **more}))

    def with_steps(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values, and those prescribed steps that are not among them and follow from them.

        >>> from tightrate.rates.statements.catalogue import theorem
        >>> theorem("patel2024/thm27").with_steps({"L": 1.0})
        {'L': 1.0, 'gamma': 1.0}
        """
        found = dict(values)
        waiting = {name: step for name, step in self.steps.items() if name not in found}
        while ready := [n for n, step in waiting.items() if {s.name for s in step.free_symbols} <= set(found)]:
            found |= {name: at(waiting.pop(name), found) for name in ready}
        return found

    def holds_at(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """Where all conditions hold that these symbols decide; see `unchecked_at` for the others."""
        given = {**(values or {}), **more}
        decided = [c.holds_at(given) for c in self.conditions if c.relation is not None and not c.symbols - set(given)]
        return reduce(and_, decided, True)

    def unchecked_at(self, known: Collection[str]) -> Mapping[str, str]:
        """The conditions that cannot be decided from these symbols, by their text, each with the reason."""
        found = {}
        for condition in self.conditions:
            missing = sorted(condition.symbols - set(known))
            if condition.relation is None:
                found[condition.text] = "in words"
            elif missing:
                found[condition.text] = f"needs {', '.join(missing)}"
        return found

    def step_at(self, name: str, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """The prescribed step size of that name at values of the symbols, as in `Bound.at`."""
        return at(self.step(name), values, **more)
