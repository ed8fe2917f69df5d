"""Orders: statements  left <~ right  decided exactly, with certificates and paths that are checked a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import inf
from typing import Any

from sympy import Expr, Rational, Symbol, sympify

from tightrate.rates.formulas.display import text
from tightrate.rates.orders.certificate import Side, check_witness
from tightrate.rates.orders.certificate_check import check_certificate
from tightrate.rates.orders.domination import OrderResult, dominated
from tightrate.rates.orders.moment_order import ALPHA
from tightrate.rates.relations.upper_against_lower import PairCheck, checks
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import decay, decay_lower
from tightrate.rates.symbols.hypothesis import Given
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.flips import flips
from tightrate.verify.measurement import Measurement
from tightrate.verify.verdict import Verdict

Statement = str | Theorem | Side
"""One side of a comparison: the id of a theorem, a theorem, a bound or an expression."""


@dataclass(frozen=True)
class Comparison:
    """left <~ right, up to constants, wherever the hypotheses hold: asserted to hold, or to fail."""

    name: str
    left: Side
    right: Side
    given: Given = ()
    holds: bool = True

    @property
    def opposite(self) -> Comparison:
        """The same comparison asserted the other way."""
        return replace(self, holds=not self.holds)


def at_most(left: Statement, right: Statement, *given: Any, name: str = "") -> Comparison:
    """left <~ right."""
    (a, low), (b, high) = _side(left), _side(right)
    return Comparison(name or f"{a} <~ {b}", low, high, given)


def not_at_most(left: Statement, right: Statement, *given: Any, name: str = "") -> Comparison:
    """There is a path along which left outgrows right."""
    return at_most(left, right, *given, name=name).opposite


def equivalent(left: Statement, right: Statement, *given: Any) -> tuple[Comparison, Comparison]:
    """left ~ right."""
    return at_most(left, right, *given), at_most(right, left, *given)


def strictly_below(left: Statement, right: Statement, *given: Any) -> tuple[Comparison, Comparison]:
    """left <~ right, and not the other way round."""
    return at_most(left, right, *given), not_at_most(right, left, *given)


def lower_below_upper(lower: str | Theorem, upper: str | Theorem, where: str = "") -> Comparison:
    """A lower and an upper bound in the setting that both have in common (at `where`, if given)."""
    low, high = (theorem(one) if isinstance(one, str) else one for one in (lower, upper))
    found = next(one for one in checks(low, high) if one.result is not None and where in one.where)
    return of_pair(f"{low.id} <~ {high.id}", found)


def of_pair(name: str, pair: PairCheck) -> Comparison:
    """What a lower and an upper bound of the same setting must satisfy: lower <~ upper, where both hold."""
    return Comparison(name, pair.low, pair.high, pair.given)


def _side(side: Statement) -> tuple[str, Side]:
    if isinstance(side, str):
        return side, theorem(side).bound
    if isinstance(side, Theorem):
        return side.id, side.bound
    return text(side.expression if isinstance(side, Bound) else side), side


LADDER = (Rational(1, 1000), Rational(1, 10), Rational(1, 3), Rational(2))
TRIES = 150  # comparisons that are decided again to find the smallest change that turns one


def letters_of(one: Comparison) -> set[Symbol]:
    """The letters of both sides."""
    sides = (side.expression if isinstance(side, Bound) else sympify(side) for side in (one.left, one.right))
    return set().union(*(side.free_symbols for side in sides)) - {ALPHA, decay, decay_lower}


def scaled(side: Side, factor: Expr) -> Side:
    """A side times a factor."""
    if not isinstance(side, Bound):
        return sympify(side) * factor
    return replace(side, terms=tuple(replace(term, expression=term.expression * factor) for term in side.terms))


@dataclass(frozen=True)
class Order:
    """All comparisons come out as asserted: those that hold by a certificate, the others by a path, each checked
    again by arithmetic on exponents alone."""

    comparisons: Sequence[Comparison]
    what: str = ""

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """Nothing is measured."""
        return ()

    def check(self) -> Verdict:
        """Confirmed where all are; a comparison that comes out the other way is a violation, with its path or
        certificate as the witness; one that is neither proved nor refuted leaves all inconclusive."""
        decided = {name: _decide(one) for name, one in self._named().items()}
        predicted = self.what or "; ".join(f"{'' if d.asked.holds else 'not '}{name}" for name, d in decided.items())
        evidence = {name: one.evidence for name, one in decided.items()}
        unsure = {name: one for name, one in decided.items() if not one.sure}
        wrong = {name: one for name, one in decided.items() if one.sure and one.holds != one.asked.holds}
        if wrong:
            name, one = next(iter(wrong.items()))
            witness = one.witness(name)
            found = str(witness["why"] if "grows" in witness else one.result.relation)
            sentence = f"The statement {name!r} {'holds' if one.holds else 'fails'}: {witness['why']}."
            return Verdict("violated", sentence, predicted, found, evidence=evidence, witness=witness)
        if not decided:
            return Verdict("error", "Nothing is compared.", predicted, "-")
        if unsure:
            name, one = next(iter(unsure.items()))
            reason = one.result.reason or "its proof could not be checked"
            sentence = f"The statement {name!r} was neither proved nor refuted: {reason}."
            return Verdict("inconclusive", sentence, predicted, "undecided", evidence=evidence)
        hold = sum(one.holds for one in decided.values())
        counts = {"proved": hold, "shown to fail": len(decided) - hold}
        found = ", ".join(f"{count} {how}" for how, count in counts.items() if count)
        margin = flips(exponents=self._sharper())
        if not hold:
            margin.pop("weak evidence", None)  # what a path refutes is the better refuted the larger its margin
        evidence |= margin
        sentence = f"Of the comparisons {found}, as stated; a second program checked every certificate and path."
        return Verdict("confirmed", sentence, predicted, found, evidence=evidence)

    def _sharper(self) -> Mapping[str, float]:
        """The first letter whose exponent, changed on one side of one comparison, turns it, and by how much.

        The changes on the ladder are tried one after another, the smallest first; infinite where none of them does.
        """
        changes = (
            (size, one, letter, sign)
            for size in LADDER
            for one in self.comparisons
            for letter in sorted(letters_of(one), key=lambda found: found.name)
            for sign in (1, -1)
        )
        for size, one, letter, sign in islice(changes, TRIES):
            changed = scaled(one.left, letter ** (sign * size))
            if dominated(changed, one.right, one.given).relation == ("fails" if one.holds else "holds"):
                return {letter.name: float(size)}
        return {"any letter that was tried": inf}

    def _named(self) -> dict[str, Comparison]:
        """The comparisons by name, numbered where one occurs again."""
        named: dict[str, Comparison] = {}
        for one in self.comparisons:
            name, again = one.name, 2
            while name in named:
                name, again = f"{one.name} ({again})", again + 1
            named[name] = one
        return named

    def mutants(self) -> Mapping[str, Assertion]:
        """Each comparison asserted the other way."""
        return {f"{one.name}: {'fails' if one.holds else 'holds'}": Order((one.opposite,)) for one in self.comparisons}


@dataclass(frozen=True)
class _Decided:
    """A comparison with what the order algebra says; `sure` where the certificate or the path was verified again."""

    asked: Comparison
    result: OrderResult
    sure: bool

    @property
    def holds(self) -> bool:
        return self.result.relation == "holds"

    @property
    def sides(self) -> dict[str, Any]:
        shown = {
            name: text(side.expression if isinstance(side, Bound) else side)
            for name, side in (("left", self.asked.left), ("right", self.asked.right))
        }
        return {**shown, "given": [str(hypothesis) for hypothesis in self.asked.given]}

    @property
    def evidence(self) -> dict[str, Any]:
        return {
            key: value for key, value in {**self.sides, **self.result.as_dict()}.items() if value not in (None, "", [])
        }

    def witness(self, name: str) -> dict[str, Any]:
        """What a third party needs: both sides, hypotheses, and the path along which they part."""
        found = self.result.as_dict()
        path = found["witness"]
        shared = {"statement": name, **self.sides}
        if path is None:
            return {**shared, "certificate": found["certificate"], "why": "a certificate proves it"}
        along = ", ".join(f"{letter} = {_power_of_n(power)}" for letter, power in path["exponents"].items())
        infinite = path["ratio"] == "inf"
        grows = "ratio grows faster than any power" if infinite else f"ratio grows like {_power_of_n(path['ratio'])}"
        return {**shared, **path, "grows": grows, "why": f"along {along} the {grows}"}


def _power_of_n(power: Any) -> str:
    return "$n$" if str(power) == "1" else f"n^{power}"


def _decide(asked: Comparison) -> _Decided:
    sides = (asked.left, asked.right, asked.given)
    result = dominated(*sides)
    if result.relation == "holds":
        sure = result.certificate is not None and check_certificate(result.certificate, *sides)
    else:
        sure = result.witness is not None and check_witness(result.witness, *sides)
    return _Decided(asked, result, sure)
