"""Whether the units of a bound agree: with each other, with what stands on the left, and with what stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sympy
from sympy import Expr

from tightrate.rates.formulas.left_side import LeftSide
from tightrate.rates.relations.conventions import counts_elsewhere
from tightrate.rates.statements.measures import Measure
from tightrate.rates.symbols.alphabet import GRADIENT, SQUARED_GRADIENT, STEP, kind_of, letter, meaning_of, symbol
from tightrate.rates.symbols.unit_inference import Inferred, UnitFact, infer
from tightrate.rates.symbols.units import LENGTH, PURE, VALUE, Unit, UnitError, unit_of

# What an accuracy may be the accuracy of.
ACCURACIES: Mapping[str, Unit] = {
    "a function value": VALUE,
    "a squared gradient norm": SQUARED_GRADIENT,
    "a gradient norm": GRADIENT,
    "a squared distance": LENGTH**2,
    "a distance": LENGTH,
    "a pure number (relative)": PURE,
}

# What a step may be, beside a step against a gradient, and the letters of which one must occur for that.
SCALED_STEP = STEP * Unit(scaling=1)
_SCALING = frozenset(["d_min", "d_max", "B_scaled"])
_NORMALIZING = frozenset(
    ["lambda", "server_damping", "rho", "moreau", "G_inf", "sigma_inf", "zeta_inf", "beta1", "beta2", "d"]
)
_STEPS = ("eta", "gamma")


@dataclass(frozen=True)
class UnitQuestion:
    """What the terms of a bound must agree with.

    That is a measure that was named, or the left side; `facts` are what stands beside the bound.  `hidden` says that an
    order hides constants, `carriers` are constants that may carry a unit, `declared` letters keep their unit even where
    an assumption gives them another one.  `links` are those of a chain; `open` are symbols that nobody declared and
    that may have a unit although others write counts with them.
    """

    named: Measure | None = None
    left: LeftSide | None = None
    hidden: bool = False
    carriers: frozenset[str] = frozenset()
    facts: tuple[UnitFact, ...] = ()
    declared: frozenset[str] = frozenset()
    links: tuple[UnitFact, ...] = ()
    open: frozenset[str] = frozenset()

    @property
    def targets(self) -> list[tuple[str, Unit | None]]:
        """The units that the terms may have, each with the reading of the left side that it belongs to."""
        if self.named is not None:
            return [("", self.named.unit)]
        if self.left is None or not self.left.is_known:
            return [("", None)]
        readings = list(self.left.choices) if self.left.unit is None else [("", self.left.unit)]
        return [*readings, ("", None)] if self.left.is_name else list(readings)


@dataclass(frozen=True)
class UnitAnswer:
    """The unit of each term (None where it cannot be said), why one alone has none, and whether all agree.

    `inferred` are units that follow, `contradiction` is a minimal set of places that no units satisfy; `left_agrees` is
    None where the left side was not compared.
    """

    of_terms: tuple[Unit | None, ...]
    errors: tuple[str, ...]
    consistent: bool
    inferred: Mapping[str, Unit] = field(default_factory=dict)
    contradiction: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_agrees: bool | None = None


def check_units(terms: Sequence[Expr], question: UnitQuestion) -> UnitAnswer:
    """Whether the units of the terms agree, with what had to be inferred for that.

    >>> from tightrate.rates.symbols.alphabet import B, L, R, eps
    >>> check_units([L * B**2 / R, L * B / R], UnitQuestion()).contradiction
    ('term 2 has the unit value length^-1, term 1 value',)
    >>> check_units([L * B**2 / eps], UnitQuestion(hidden=True)).notes[-1]
    'eps is the accuracy of a function value'
    """
    names = {s.name for part in _expressions(terms, (*question.facts, *question.links)) for s in part.free_symbols}
    assumed = [fact for fact in question.facts if fact.defines]
    stated = {s.name for part in _expressions((), assumed) for s in part.free_symbols} - question.declared
    stated = {name for name in stated if kind_of(name) in ("", "unknown", "constant")}
    undeclared = {name for name in names if kind_of(name) == "unknown"}
    unknown = {n for n in undeclared if n in question.open or not counts_elsewhere(n)} | (names & {"eps"}) | stated
    unknown |= question.carriers & names
    left = question.left
    target, label, found, why = _best(terms, question, unknown)
    notes = _steps_said(found) if not why else []
    agrees: bool | None = None
    if left is not None and question.named is None and left.is_known:
        agrees = None if target is None and not why else not why
        if left.is_name and target is None and not why:
            notes.append(f"{left.text} is taken as a name for the right side")
        elif agrees and label:
            notes.append(f"the left side {left.text} is read as: {meaning_of(label)}")
    if left is not None and not left.is_known and not left.is_accuracy and left.text:
        notes.append(f"the left side {left.text} was not understood, so its unit is not compared")
    if (
        why and (target is not None or question.links) and question.named is None
    ):  # do the terms at least agree with each other?
        alone, alone_why = _infer(terms, None, unknown, question.facts)
        pure = all(unit is not None and unit.is_pure for unit in alone.of_terms)
        if not alone_why and question.hidden and pure and all(alone.units.get(n, PURE).is_pure for n in unknown):
            notes.append("the right side is a pure number: the order hides constants that have units")
            return UnitAnswer(alone.of_terms, _errors(terms, unknown), True, alone.units, notes=tuple(notes))
        nearest = _with_nearest_accuracy(terms, target, unknown)
        if nearest is not None:
            found, why = nearest
        elif not alone_why:
            found = alone
    if target is None and not _has_left(question) and _is_complexity(terms, found, bool(why)):
        as_number, number_why = _infer(terms, PURE, unknown, question.facts)
        found, why = _with_nearest_accuracy(terms, PURE, unknown) or (as_number, number_why or why)
    if not why and target is None and "eps" in found.free:
        as_number, number_why = _infer(terms, PURE, unknown, question.facts)
        notes.append("taken as a complexity, a pure number, as an accuracy occurs")
        found, why = (as_number if not number_why else found), number_why
    if left is not None and left.is_accuracy and not why:
        own = {unit for unit in found.of_terms if unit is not None}
        why = () if own <= set(ACCURACIES.values()) else ("the left side is an accuracy",)
    steps = set(found.units) & set(_STEPS) if not why else set()
    errors = _errors(terms, unknown | steps)
    of_terms = tuple(
        unit if unit is not None else _alone(term, unknown) for unit, term in zip(found.of_terms, terms, strict=True)
    )
    notes += _said(found, unknown)
    return UnitAnswer(of_terms, errors, not why and not any(errors), found.units, why, tuple(notes), agrees)


def _has_left(question: UnitQuestion) -> bool:
    return question.left is not None and bool(question.left.text)


def _is_complexity(terms: Sequence[Expr], found: Inferred, disagrees: bool) -> bool:
    """Whether every term is divided by an accuracy, and they disagree or are no pure numbers."""
    below = all(symbol("eps") in sympy.fraction(term)[1].free_symbols for term in terms)
    return below and (disagrees or all(unit is not None and not unit.is_pure for unit in found.of_terms))


def _with_nearest_accuracy(
    terms: Sequence[Expr], target: Unit | None, unknown: set[str]
) -> tuple[Inferred, tuple[str, ...]] | None:
    """The units if eps is the accuracy with which most terms have the unit of the target, and which terms differ.

    None without eps, without a target, or where no term of several has its unit.
    """
    present = {s.name for term in terms for s in term.free_symbols}
    if target is None or len(terms) < 2 or unknown & present != {"eps"}:
        return None
    best: tuple[int, tuple[Unit | None, ...], Unit] | None = None
    for accuracy in ACCURACIES.values():
        known = {"eps": accuracy} | {name: letter(name).unit for name in present - {"eps"}}
        try:
            units = tuple(unit_of(conventional(term), known.__getitem__) for term in terms)
        except UnitError:
            return None
        right = sum(one == target for one in units)
        if right and (best is None or right > best[0]):
            best = right, units, accuracy
    if best is None or best[0] == len(terms):
        return None
    _, units, accuracy = best
    why = (f"term {number} has the unit {one}, not {target}" for number, one in enumerate(units, 1) if one != target)
    return Inferred({"eps": accuracy}, (), units), tuple(why)


def _expressions(terms: Sequence[Expr], facts: Sequence[UnitFact]) -> Iterator[Expr]:
    yield from terms
    yield from (side for fact in facts for side in (fact.one, fact.other) if isinstance(side, Expr))


def _best(
    terms: Sequence[Expr], question: UnitQuestion, unknown: set[str]
) -> tuple[Unit | None, str, Inferred, tuple[str, ...]]:
    """The first reading of the left side, and of the step sizes, under which the units agree; else the first."""
    names = {s.name for term in terms for s in term.free_symbols}
    steps = names & set(_STEPS) if names & (_SCALING | _NORMALIZING) else set()
    tried = [
        (target, label, *_infer(terms, target, unknown | more, (*question.facts, *question.links)))
        for more in ([set(), steps] if steps else [set()])
        for label, target in question.targets
    ]
    return next((one for one in tried if not one[3] and _usual_steps(one[2], names)), tried[0])


def _usual_steps(found: Inferred, names: set[str]) -> bool:
    """Whether every inferred step is one that methods take."""
    allowed = {STEP, PURE}
    allowed |= {SCALED_STEP} if names & _SCALING else set()
    allowed |= {LENGTH} if names & _NORMALIZING else set()
    return all(found.units[name] in allowed for name in _STEPS if name in found.units)


def _steps_said(found: Inferred) -> list[str]:
    words = {SCALED_STEP: "times a scaling matrix", LENGTH: "along a normalized direction, a length"}
    return [f"{name} is a step {words[unit]}" for name, unit in found.units.items() if name in _STEPS and unit in words]


def _infer(
    terms: Sequence[Expr], target: Unit | None, unknown: set[str], facts: Sequence[UnitFact]
) -> tuple[Inferred, tuple[str, ...]]:
    """The inferred units, and what contradicts what; an accuracy must be the accuracy of something."""
    try:
        found = infer(terms, target=target, unknown=unknown, facts=facts)
    except UnitError as reason:
        return Inferred({}, (), (None,) * len(terms)), (str(reason),)
    if found.contradiction:
        return found, found.contradiction
    eps = found.units.get("eps")
    if eps is not None and eps not in ACCURACIES.values():
        return found, (f"eps would have the unit {eps}, which is the accuracy of nothing",)
    return found, ()


def _errors(terms: Sequence[Expr], unknown: set[str]) -> tuple[str, ...]:
    """For each term by itself, why it has no unit, or nothing."""
    errors = []
    for term in terms:
        try:
            if unknown & {s.name for s in term.free_symbols}:
                errors.append("; ".join(infer([term], unknown=unknown).contradiction))
            else:
                unit_of(conventional(term), lambda name: letter(name).unit)
                errors.append("")
        except UnitError as reason:
            errors.append(str(reason))
    return tuple(errors)


def conventional(term: Expr) -> Expr:
    """The term with the logarithms of accuracies out of the way, whose argument is conventional."""
    return term.replace(
        lambda e: isinstance(e, sympy.log) and symbol("eps") in e.free_symbols, lambda _: sympy.Integer(2)
    )


def _alone(term: Expr, unknown: set[str]) -> Unit | None:
    """The unit of a term by itself, with an unknown accuracy as a function value; None where it cannot be said."""
    if unknown - {"eps"} & {s.name for s in term.free_symbols}:
        return None
    try:
        return unit_of(conventional(term), lambda name: letter(name).unit)
    except UnitError:
        return None


def _said(found: Inferred, unknown: set[str]) -> list[str]:
    notes = []
    for name in sorted(unknown & set(found.units)):
        unit = found.units[name]
        shown = name.rpartition(":")[0] or name
        if name == "eps":
            of = next((text for text, one in ACCURACIES.items() if one == unit), None)
            notes.append(f"eps is the accuracy of {of}" if of else f"eps would have the unit {unit}")
        elif kind_of(name) == "unknown":
            notes.append(f"{shown} is not declared; its unit must be {unit}")
        elif kind_of(name) == "constant" and not unit.is_pure:
            notes.append(f"the constant {shown} must carry the unit {unit}")
        elif kind_of(name) != "constant" and unit != letter(name).unit:
            notes.append(f"{shown} has the unit {unit} by what is assumed")
    return notes
