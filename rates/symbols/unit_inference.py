"""Units inferred: those of the symbols that nobody declared, from the equations that a bound must satisfy.

All terms of a sum have one unit, exponents and exponentials are pure numbers: linear equations over the rationals (or
over rational functions of alpha) for the exponents of length, value and scaling.  They are solved exactly; where they
contradict one another, a minimal set of them that does is found.  This is type inference with units of measure.

    >>> from tightrate.rates.symbols.alphabet import L, Delta, M, sigma, eps
    >>> found = infer([L * Delta / eps, L * sigma**2 * Delta / (M * eps**2)], unknown={"eps"})
    >>> str(found.units["eps"]), str(found.of_terms[0]), found.contradiction
    ('value^2 length^-2', 'pure number', ())
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import sympy
from sympy import Add, Expr, Max, Min, Mul, Pow, Symbol

from tightrate.rates.symbols.alphabet import known_letter, letter
from tightrate.rates.symbols.units import PURE, Unit, UnitError


@dataclass(frozen=True)
class OpenUnit:
    """A unit with unknown factors: known * product of unit(symbol)^exponent."""

    known: Unit = PURE
    unknown: Mapping[str, Expr] = field(default_factory=dict)

    def __mul__(self, other: OpenUnit) -> OpenUnit:
        total = {
            name: sympy.cancel(self.unknown.get(name, 0) + other.unknown.get(name, 0))
            for name in {*self.unknown, *other.unknown}
        }
        return OpenUnit(self.known * other.known, {name: power for name, power in total.items() if power != 0})

    def __pow__(self, exponent: Expr | int) -> OpenUnit:
        powers = {name: sympy.cancel(power * exponent) for name, power in self.unknown.items()}
        return OpenUnit(self.known**exponent, {name: power for name, power in powers.items() if power != 0})

    def at(self, units: Mapping[str, Unit]) -> Unit | None:
        """The unit once the unknown ones are known; None while one is not."""
        if not set(self.unknown) <= set(units):
            return None
        total = self.known
        for name, power in self.unknown.items():
            total *= units[name] ** power
        return total


@dataclass(frozen=True)
class UnitEquation:
    """Something must be a pure number, with where that is demanded."""

    unit: OpenUnit
    place: str


@dataclass(frozen=True)
class UnitFact:
    """Something stated beside a bound: an expression, or a unit, that has the unit of another one, and where.

    Where it `defines`, its letters have the units that follow from it, whatever they usually have.
    """

    place: str
    one: Expr | Unit
    other: Expr | Unit
    defines: bool = False


@dataclass(frozen=True)
class Inferred:
    """The unit of each unknown that the equations determine, the units of the terms, and what contradicts what.

    `contradiction` is empty or a minimal set of places whose equations have no solution together; `free` are the
    unknowns that stay open.  A term whose unit cannot be said has None.
    """

    units: Mapping[str, Unit]
    free: tuple[str, ...]
    of_terms: tuple[Unit | None, ...]
    contradiction: tuple[str, ...] = ()


def infer(
    terms: Sequence[Expr],
    *,
    target: Unit | None = None,
    unknown: Collection[str] = (),
    declared: Callable[[str], Unit] = lambda name: letter(name).unit,
    logarithms_of: Collection[str] = ("eps",),
    names: Sequence[str] = (),
    facts: Sequence[UnitFact] = (),
) -> Inferred:
    """The units that make all terms agree, with each other, with `target`, and with `facts`.

    Logarithms whose argument holds one of `logarithms_of` or an unknown are conventional: their argument need not be
    a pure number.
    """
    equations: list[UnitEquation] = []
    collector = _Collector(frozenset(unknown), declared, frozenset(logarithms_of) | frozenset(unknown), equations)
    labels = names or [f"term {index + 1}" for index in range(len(terms))]
    found = [collector.unit(term, label) for term, label in zip(terms, labels, strict=True)]
    present = [(unit, label) for unit, label in zip(found, labels, strict=True) if unit is not None]
    if target is not None:
        equations += [_equal(unit, OpenUnit(target), label, "what it should have") for unit, label in present]
    elif present:
        first, first_label = present[0]
        equations += [_equal(unit, first, label, first_label) for unit, label in present[1:]]
    for fact in facts:
        sides = [OpenUnit(x) if isinstance(x, Unit) else collector.unit(x, fact.place) for x in (fact.one, fact.other)]
        if sides[0] is not None and sides[1] is not None:
            equations.append(UnitEquation(sides[0] * sides[1] ** -1, fact.place))
    open_names = sorted({name for equation in equations for name in equation.unit.unknown} | set(unknown))
    solution = _solve(equations, open_names)
    if solution is None:
        guilty = tuple(equation.place for equation in _minimal(equations, open_names))
        return Inferred({}, tuple(open_names), tuple(_closed(unit, {}) for unit in found), guilty)
    units = {name: unit for name, unit in solution.items() if unit is not None}
    free = tuple(name for name in open_names if name not in units)
    return Inferred(units, free, tuple(_closed(unit, units) for unit in found))


def _equal(unit: OpenUnit, other: OpenUnit, label: str, whose: str) -> UnitEquation:
    """That two units agree, said with both where they are known."""
    if unit.unknown:
        place = f"{label} has the unit {other.known}" if not other.unknown else f"{label} has the unit of {whose}"
    elif whose.startswith("what"):
        place = f"{label} has the unit {unit.known}, not {other.known}"
    else:
        place = f"{label} has the unit {unit.known}, {whose} {other.known if not other.unknown else 'the same'}"
    return UnitEquation(unit * other**-1, place)


def _closed(unit: OpenUnit | None, units: Mapping[str, Unit]) -> Unit | None:
    return None if unit is None else unit.at(units)


@dataclass(frozen=True)
class _Collector:
    """Walks expressions and collects what must hold."""

    unknown: frozenset[str]
    declared: Callable[[str], Unit]
    conventional: frozenset[str]
    equations: list[UnitEquation]

    def unit(self, part: Expr, place: str) -> OpenUnit | None:
        """The unit of an expression; None for zero and infinity, which have every unit."""
        if isinstance(part, Symbol):
            if part.name in self.unknown:
                return OpenUnit(PURE, {part.name: sympy.Integer(1)})
            return OpenUnit(self.declared(part.name))
        if not part.args or part.is_number:
            return None if part.is_zero or part.is_infinite else OpenUnit()
        if isinstance(part, Mul):
            total = OpenUnit()
            for factor in part.args:
                one = self.unit(factor, place)
                if one is None:
                    return None
                total *= one
            return total
        if isinstance(part, Pow):
            self.pure(part.exp, f"an exponent in {place} is a pure number")
            base = self.unit(part.base, place)
            if base is None:
                return None
            letters = {s.name for s in part.exp.free_symbols}
            of_moments = {name.rpartition(":")[2] for name in letters} <= {"alpha", "moment"}
            if letters and not of_moments and (base.unknown or any(map(_counts, letters))):
                self.equations.append(UnitEquation(base, f"the base of a power in {place} is a pure number"))
                return OpenUnit()
            raised: OpenUnit = base**part.exp
            return raised
        if isinstance(part, Add):
            return self.same(part.args, f"the summands {' and '.join(map(str, part.args[:2]))} in {place} agree", place)
        if isinstance(part, (Max, Min)):
            return self.same(part.args, f"the alternatives in {place} agree", place)
        if isinstance(part, sympy.Abs):
            return self.unit(part.args[0], place)
        if isinstance(part, sympy.Piecewise):
            return self.same(tuple(branch.expr for branch in part.args), f"the cases in {place} agree", place)
        if isinstance(part, sympy.log):
            if not {s.name for s in part.free_symbols} & self.conventional:
                self.pure(part.args[0], f"the argument of a logarithm in {place} is a pure number")
            return OpenUnit()
        if isinstance(part, (sympy.exp, sympy.ceiling, sympy.floor, sympy.atan)):
            self.pure(part.args[0], f"the argument of {type(part).__name__} in {place} is a pure number")
            return OpenUnit()
        raise UnitError(f"no unit is known for {type(part).__name__} in {part}")

    def pure(self, part: Expr, place: str) -> None:
        found = self.unit(part, place)
        if found is not None:
            self.equations.append(UnitEquation(found, place))

    def same(self, parts: Sequence[Expr], claim: str, place: str) -> OpenUnit | None:
        found = [unit for part in parts if (unit := self.unit(part, place)) is not None]
        self.equations.extend(UnitEquation(unit * found[0] ** -1, claim) for unit in found[1:])
        return found[0] if found else None


def _counts(name: str) -> bool:
    """Whether a letter is a number of steps, rounds or workers, which no moment's order is."""
    known = known_letter(name)
    return known is not None and known.counts


_COMPONENTS = ("length", "value", "scaling")


def _solve(equations: Sequence[UnitEquation], names: Sequence[str]) -> dict[str, Unit | None] | None:
    """The unit of each unknown (None where it is free), or None where the equations have no solution."""
    closed = [equation for equation in equations if not equation.unit.unknown]
    if any(not equation.unit.known.is_pure for equation in closed):
        return None
    rows = [
        [equation.unit.unknown.get(name, sympy.Integer(0)) for name in names]
        + [-sympy.sympify(getattr(equation.unit.known, component), strict=True) for component in _COMPONENTS]
        for equation in equations
        if equation.unit.unknown
    ]
    if not rows:
        return dict.fromkeys(names)
    width = len(names)
    reduced, pivots = sympy.Matrix(rows).rref(simplify=True)
    if any(pivot >= width for pivot in pivots):
        return None
    found: dict[str, Unit | None] = dict.fromkeys(names)
    for row, pivot in enumerate(pivots):
        if all(reduced[row, column] == 0 for column in range(width) if column != pivot):
            found[names[pivot]] = Unit(*(reduced[row, width + index] for index in range(3)))
    return found


def _minimal(equations: Sequence[UnitEquation], names: Sequence[str]) -> list[UnitEquation]:
    """An irreducible set of equations without a solution: none of them can be left out."""
    kept = list(equations)
    for equation in tuple(kept):
        rest = [other for other in kept if other is not equation]
        if _solve(rest, names) is None:
            kept = rest
    return kept
