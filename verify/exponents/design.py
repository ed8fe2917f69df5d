"""Designing an experiment that shows one term of a bound: constants, and a path on which that term dominates.

The symbols are resolved (`resolved_bound`), the start of the path is a linear program in decades (`linear_program`),
and what the order algebra leaves out is put back by evaluating the bound itself (`corrected_path`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Expr
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.orders.regimes import dominant_region, isolating_path
from tightrate.rates.orders.undecidable import UndecidableError
from tightrate.rates.statements.catalogue import theorem as catalogued
from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.assertions.up_to_constants import trivial_bound
from tightrate.verify.exponents.corrected_path import corrected_path
from tightrate.verify.exponents.linear_program import RANGES, WIDEST, IsolationError, Ranges, choices
from tightrate.verify.exponents.resolved_bound import ResolvedBound, as_expression, resolve

Array = NDArray[np.float64]
Along = str | Mapping[str, Fraction | int]

UNITS: Mapping[str, float] = {"L": 1.0, "B": 1.0}  # lengths and values are measured in these, unless given otherwise
MOST_CHOICES = 64  # combinations of alternatives (branches of minima) that are tried


@dataclass(frozen=True)
class Design:
    """A path n -> symbols along which one term of a theorem's bound dominates all others together by `margin`.

    `along` has the exponents of the moving symbols: each is its start value times n^exponent, rounded where it counts
    something.  `values` are the symbols along the path, steps that the theorem prescribes among them; `terms` the
    values of the bound's own terms there; `conditions` says of every condition of the theorem whether it "holds" at
    all points or is "unknown" (in words only).

    Attributes:
        theorem: whose bound it is
        term: the one that dominates
        n: the parameter of the path, (point,)

    >>> isolate("dekel2012/explicit", "optimization", "R", span=100, points=3).n.tolist()
    [1.0, 10.0, 100.0]
    """

    theorem: str
    term: str
    along: Mapping[str, Fraction]
    n: Array
    values: Mapping[str, Array]
    terms: Mapping[str, Array]
    conditions: Mapping[str, str] = field(default_factory=dict)

    @property
    def margins(self) -> Array:
        """The term over the sum of all others, at every point; infinite where it is alone."""
        others = np.sum([value for name, value in self.terms.items() if name != self.term], axis=0)
        with np.errstate(divide="ignore"):
            return np.asarray(self.terms[self.term] / others + np.zeros(len(self.n)))

    @property
    def margin(self) -> float:
        """The least margin of the path."""
        return float(self.margins.min())

    @property
    def slopes(self) -> Array:
        """Local exponents of the term in n, logarithms included, between successive points."""
        return np.asarray(np.diff(np.log(self.terms[self.term])) / np.diff(np.log(self.n)))

    @property
    def span(self) -> float:
        """By which factor n grows."""
        return float(self.n[-1] / self.n[0])

    @property
    def name(self) -> str:
        """The moving symbols with their exponents, such as "K" or "K R^2"."""
        return " ".join(name if power == 1 else f"{name}^{power}" for name, power in self.along.items())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        ends = {name: [float(value[0]), float(value[-1])] for name, value in self.values.items()}
        return {
            "theorem": self.theorem,
            "term": self.term,
            "along": {name: str(power) for name, power in self.along.items()},
            "points": len(self.n),
            "symbols": ends,
            "margin": self.margin if np.isfinite(self.margin) else "inf",
            "conditions": dict(self.conditions),
        }


def isolate(
    statement: str | Theorem,
    term: str,
    along: Along | None = None,
    *,
    span: float = 1e6,
    points: int = 13,
    margin: float = 100.0,
    fixed: Mapping[str, float] = UNITS,
    within: Mapping[str, tuple[float, float]] | None = None,
    derived: Mapping[str, Expr] | None = None,
    given: Sequence[Boolean] = (),
    below: Expr | float | None = None,
    guides: Mapping[str, Expr] | None = None,
) -> Design:
    """Constants and a path on which `term` of the statement's bound exceeds all other terms together by `margin`.

    `along` is a symbol, or symbols with exponents; by default the order algebra finds the shortest direction, in K, R
    and M where that is possible and in all symbols else.  `fixed` are symbols with given values (L = B = 1 unless
    said; a symbol in an exponent, such as alpha, must be among them), `within` ranges of symbols, `derived` symbols
    that are expressions of others (prescribed steps and equations among the conditions are known), `given` further
    inequalities to obey.  The term stays below `below`: by default below what holds without any theorem (L B^2 for a
    gap, B^2 for a squared distance, where the bound has these symbols), as above it a bound says nothing; oo switches
    this off.  `guides` replace terms, in the search alone, that are no maxima of monomials; margins are taken from the
    bound itself all the same.  A term that can never dominate is refused with the certificate of it.

    Args:
        statement: a theorem or its id
        term: the name of the term
        along: a symbol, or symbols with exponents
        span: the largest n of the path
        points: how many values of n
        margin: by what factor the term exceeds the others together
        fixed: symbols with given values
        within: the least and largest values of symbols
        derived: symbols as expressions of others
        given: further inequalities
        below: what the term stays below
        guides: stand-ins of terms in the search alone

    Returns:
        The symbols' values along the path, with the predicted slopes.

    Raises:
        IsolationError: a TightrateError, with the certificate where the term can never dominate.

    >>> design = isolate("khaled2025/eq2", "statistical", "K", span=100, points=3)
    >>> design.along, design.margin >= 100, bool(np.allclose(design.slopes, -1 / 2))
    ({'K': Fraction(1, 1)}, True, True)
    >>> isolate("lee2024/cor8", "client drift")
    Traceback (most recent call last):
        ...
    tightrate.verify.exponents.linear_program.IsolationError: 'client drift' of lee2024/cor8 never dominates: \
initial gap + server step + preconditioner + server drift is at least of its order, which has a certificate
    """
    found = catalogued(statement) if isinstance(statement, str) else statement
    ranges = {**RANGES, **(within or {})}
    if margin < 1 or span <= 1 or points < 3:
        raise TightrateError("a design needs margin >= 1, span > 1 and at least 3 points")
    ceiling = trivial_bound(found) if below is None else as_expression("below", below)
    if ceiling != sympy.oo:
        given = (*given, sympy.Le(found.bound.term(term).expression, ceiling, evaluate=False))
    resolved = resolve(found, term, fixed, derived or {}, given, guides or {})
    last: TightrateError | None = None
    for direction in _directions(resolved, along):
        room = span if along is not None else min(span, _room(direction, ranges))
        for rows in islice(choices(resolved), MOST_CHOICES):
            try:
                path = corrected_path(resolved, rows, direction, span=room, points=points, margin=margin, ranges=ranges)
            except IsolationError as reason:
                last = last or reason
                continue
            return Design(found.id, term, dict(direction), path.n, path.values, path.terms, path.conditions)
    _refuse_if_never_dominant(resolved)
    raise last if last is not None else IsolationError(f"no path isolates {term!r} of {found.id}")


def _directions(bound: ResolvedBound, along: Along | None) -> Iterator[dict[str, Fraction]]:
    """The exponents of the moving symbols, the largest of them 1 in size: the given ones, or ways to try."""
    if along is not None:
        yield _direction(bound, {along: 1} if isinstance(along, str) else along)
        return
    counts = [name for name in bound.free if name in ("K", "R", "M")]
    for symbols in (counts, list(bound.free)):
        try:
            shapes = {name: bound.shape(name) for name in (bound.term, *bound.others)}
            yield _direction(bound, isolating_path(shapes, bound.term, symbols).exponents)
        except (TightrateError, UndecidableError):
            continue
    for name in (*counts, *(name for name in bound.free if name not in counts)):
        yield from ({name: Fraction(sign)} for sign in (1, -1))


def _direction(bound: ResolvedBound, along: Mapping[str, Fraction | int]) -> dict[str, Fraction]:
    exponents = {name: Fraction(power) for name, power in along.items() if power}
    for name in exponents:
        if name in bound.derived:
            raise TightrateError(f"{name} follows from other letters; move those")
        if name in bound.fixed:
            raise TightrateError(f"{name} has a given value, so that it cannot move along the path")
        if name not in bound.free:
            raise unknown_name(f"letter of {bound.statement.id}", name, bound.free)
    if not exponents:
        raise TightrateError("a path needs a letter that moves")
    largest = max(abs(power) for power in exponents.values())
    return {name: power / largest for name, power in exponents.items()}


def _room(direction: Mapping[str, Fraction], ranges: Ranges) -> float:
    """The factor by which n can grow before a symbol has crossed its whole range."""
    widths = {name: np.log10(ranges.get(name, WIDEST)) for name in direction}
    return float(10 ** min((high - low) / abs(float(direction[name])) for name, (low, high) in widths.items()))


def _refuse_if_never_dominant(bound: ResolvedBound) -> None:
    """Raise with a certificate where the other terms are at least of the term's order everywhere."""
    try:
        region = dominant_region(bound.terms, bound.term)
    except (TightrateError, UndecidableError):
        return
    if region.is_empty:
        others = " + ".join(name for name in bound.terms if name != bound.term)
        refusal = IsolationError(
            f"{bound.term!r} of {bound.statement.id} never dominates: {others} is at least of its order, which has"
            " a certificate"
        )
        refusal.certificate = region.certificate
        raise refusal
