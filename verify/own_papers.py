"""Papers of one's own: a file is loaded, and everything in it is looked at before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import xarray as xr
from sympy import Mod, ceiling, floor
from sympy.core.relational import Relational

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError, check_one_of
from tightrate.constructions.noise import NOISES
from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.formulas.inline import as_text
from tightrate.rates.relations.bound_check import CheckedBound, check_theorem
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.builder import Statement
from tightrate.rates.statements.theorem import Paper, Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.units import UnitError, unit_of
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import ROWS
from tightrate.simulator.measures import MEASURES
from tightrate.simulator.parameters import parameters
from tightrate.simulator.sampled.recording import RECORDERS
from tightrate.simulator.validation import RUN_PARAMETERS
from tightrate.verify.claim import Claim, Finding
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session


def load_paper(path: Path | str) -> ModuleType:
    """Load a paper's file, so that everything knows what is in it, and check it: names, formulas, units.

    A file that has changed since is loaded again.  Raises TightrateError, one line with the place in the file, for a
    mistake in it and for a name that is taken.

    Args:
        path: the file

    Returns:
        The module that the file is.

    Raises:
        TightrateError: one line with the place in the file.

    >>> load_paper("nowhere.py")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: there is no file nowhere.py; start one with: tightrate new-paper NAME
    """
    module = paper_files.load(path)
    try:
        paper_files.guarded(lambda: check_paper(module))
    except BaseException:
        paper_files.forget(module)
        raise
    return module


def check_paper(module: ModuleType) -> None:
    """Refuse names that are taken, statements whose formulas cannot be read or whose units disagree, and names of
    algorithms, steps and theorems that do not exist.
    """
    for mapping in (LETTERS, MEASURES, RECORDERS):
        len(mapping)
    for registry in (ALGORITHMS, PROBLEMS, NOISES, CLAIMS):
        registry.names()
    if ROWS in NOISES.names():
        raise TightrateError(
            f"{paper_files.shown(module)}: the noise {ROWS} is that of sampled rows; name yours otherwise"
        )
    for paper in papers_of(module):
        for theorem_id in catalogue.theorem_ids(paper.id):
            statement = catalogue.statement(theorem_id)
            with _placed(statement.formulas):
                _check_statement(statement)
    for claim in _claims(module):
        with _placed(claim.asserted):
            _check_words("what a claim says", claim.statement)
            if claim.own_theorem is None:
                catalogue.statement(claim.theorem_id)


def _check_statement(statement: Statement) -> None:
    spoken_of = {one.algorithm for name in catalogue.built_in_ids() for one in catalogue.statements(f"{name}/*")}
    check_one_of("algorithm", statement.algorithm, {*ALGORITHMS.names(), *spoken_of})
    theorem = statement.theorem
    if theorem.bound.kind == "exact" and theorem.bound.constants != "explicit":
        raise TightrateError(
            f"{statement.label} is an equality, which has explicit constants, not {theorem.bound.constants} ones:"
            ' say upper or lower, or constants="explicit"'
        )
    for what, words in (
        ("the title", theorem.title),
        ("the statement in words", theorem.statement),
        ("problem_class", theorem.problem_class),
        *(("a condition", one.text) for one in theorem.conditions if one.relation is None),
    ):
        _check_words(what, words)
    theorem.bound.check_units()
    _check_units_beside(theorem)
    _check_steps(theorem)


def _check_words(what: str, words: str) -> None:
    """The formulas of a sentence can be read, and stand between two dollar signs each."""
    try:
        shown = as_text(words)
    except TightrateError as wrong:
        raise TightrateError(f"{what}: {wrong}") from None
    if "$" in shown:
        raise TightrateError(f"{what}: a formula stands between two dollar signs, and one has no other: {words!r}")


def _check_units_beside(theorem: Theorem) -> None:
    """The two sides of a condition have one unit, and a step has that of its letter."""
    unit_of_letter = theorem.bound.unit_of_letter
    if not theorem.bound.dimensional:
        return
    for condition in theorem.conditions:
        for one in () if condition.relation is None else condition.relation.atoms(Relational):
            if one.has(Mod, floor, ceiling):  # of whole numbers
                continue
            left, right = (unit_of(side, unit_of_letter) for side in (one.lhs, one.rhs))
            if left is not None and right is not None and left != right:
                raise UnitError(f"condition {condition.text!r} compares what has the unit {left} with {right}")
    for name, step in theorem.steps.items():
        found = unit_of(step, unit_of_letter)
        if not (name in LETTERS or name in theorem.bound.units) or found is None or found.is_pure:
            continue  # a pure number is a choice of units, too
        if found != unit_of_letter(name):
            raise UnitError(f"step {name!r} has the unit {found}, but {name} has {unit_of_letter(name)}")


def _check_steps(theorem: Theorem) -> None:
    """A step that the algorithm does not take would be prescribed to nobody."""
    if theorem.algorithm in ALGORITHMS.names():
        taken = parameters(ALGORITHMS[theorem.algorithm])
        for name in theorem.steps:
            check_one_of(f"step of {theorem.algorithm}", name, {*taken, *RUN_PARAMETERS})


@contextmanager
def _placed(function: Callable[..., object]) -> Iterator[None]:
    """A context whose refusals name the line where the function begins, unless they come from a line in it."""
    try:
        yield
    except TightrateError as error:
        code = getattr(inspect.unwrap(function), "__code__", None)
        begins = (
            f"{paper_files.shown(code.co_filename)}, line {code.co_firstlineno}" if code is not None else "the file"
        )
        raise TightrateError(f"{paper_files.place_of(error) or begins}: {error}") from None


def own_paper_ids() -> tuple[str, ...]:
    """The ids of all papers of one's own."""
    return tuple(name for name in catalogue.paper_ids() if name not in catalogue.built_in_ids())


def papers_of(module: ModuleType) -> tuple[Paper, ...]:
    """The papers that a module has."""
    return tuple(catalogue.paper(name) for name in own_paper_ids() if module in catalogue.modules_of(name))


def claims_in(*modules: ModuleType) -> tuple[str, ...]:
    """The names of the claims that modules have, in the order in which they stand there."""
    return tuple(dict.fromkeys(claim.id for module in modules for claim in _claims(module)))


def _claims(module: ModuleType) -> list[Claim]:
    return [value for value in vars(module).values() if isinstance(value, Claim)]


@dataclass(frozen=True)
class OwnFinding:
    """A finding on a paper of one's own, what the theorem's formula alone says, and the results behind it.

    `checked` is None where the order algebra cannot decide the formula, and `unchecked` says why.
    """

    finding: Finding
    checked: CheckedBound | None
    unchecked: str
    results: tuple[xr.Dataset, ...]

    @property
    def theorem(self) -> Theorem:
        """The theorem that the claim is about."""
        return self.finding.claim.theorem


def with_formulas(findings: Sequence[Finding], session: Session) -> tuple[OwnFinding, ...]:
    """The findings with what their theorems' formulas say, each formula looked at once."""
    known: dict[str, tuple[CheckedBound | None, str]] = {}
    found = []
    for finding in findings:
        theorem = finding.claim.theorem
        if theorem.id not in known:
            known[theorem.id] = _formula(theorem)
        ran = [session.cached[one.name][0] for one in finding.claim.data if one.name in session.cached]
        found.append(OwnFinding(finding, *known[theorem.id], tuple(ran)))
    return tuple(found)


def _formula(theorem: Theorem) -> tuple[CheckedBound | None, str]:
    try:
        return check_theorem(theorem), ""
    except TightrateError as reason:
        return None, str(reason)
