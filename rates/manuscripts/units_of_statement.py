"""What rules on units share: which terms are odd, what would mend one, and how to show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import sympy
from sympy import Expr, Mul, Pow, Rational, Symbol

from tightrate.rates.formulas import display
from tightrate.rates.manuscripts.finding import Finding, Severity
from tightrate.rates.manuscripts.manuscript import Place
from tightrate.rates.manuscripts.statements import Statement
from tightrate.rates.symbols.alphabet import known_letter
from tightrate.rates.symbols.units import Unit


def finding_of(one: Statement, code: str, severity: Severity, message: str, place: Place | None = None) -> Finding:
    """A finding at a statement, or at a place in it."""
    labels = tuple(label.name for label in one.formula.labels)
    return Finding(place or one.place, code, severity, message, one.formula.at, labels, one.number)


def wanted_unit(one: Statement) -> Unit | None:
    """The unit that the terms must have: that of the left side, or the one that most terms have."""
    left = one.checked.left
    if left is not None and left.unit is not None:
        return left.unit
    units = Counter(term.unit for term in one.checked.terms if term.unit is not None)
    return units.most_common(1)[0][0] if units else None


def odd_terms(one: Statement) -> list[int]:
    """The terms that have another unit than the left side, or than most terms."""
    wanted = wanted_unit(one)
    return [index for index, term in enumerate(one.checked.terms) if term.unit != wanted or term.unit_error]


def written_term(one: Statement, index: int) -> str:
    """A term as its author wrote it."""
    return one.terms[index].written if index < len(one.terms) else display.text(one.checked.terms[index].expression)


def written(one: Statement, name: str) -> str:
    """A symbol as its author wrote it."""
    return next((symbol.written for symbol in one.checked.symbols if symbol.name == name), name)


def shown(one: Statement, index: int) -> str:
    """A term with its unit."""
    term = one.checked.terms[index]
    if term.unit_error:
        return f"{written_term(one, index)} has none ({term.unit_error})"
    if term.unit is None:
        return f"{written_term(one, index)} has a unit that is not known"
    return f"{written_term(one, index)} " + ("is a pure number" if term.unit.is_pure else f"has the unit {term.unit}")


def exponents_of(expression: Expr) -> Mapping[str, Rational] | None:
    """The rational exponents of a monomial's letters; None for anything else."""
    found: dict[str, Rational] = {}
    for factor in Mul.make_args(sympy.powsimp(expression)):
        base, power = factor.as_base_exp()
        if factor.is_number:
            continue
        if isinstance(base, Symbol) and isinstance(power, Rational):
            found[base.name] = found.get(base.name, Rational(0)) + power
        elif isinstance(base, Mul) and isinstance(power, Rational):
            inner = exponents_of(base)
            if inner is None:
                return None
            for name, one in inner.items():
                found[name] = found.get(name, Rational(0)) + one * power
        elif not isinstance(base, Pow):
            return None
        else:
            return None
    return found


def repair(one: Statement, index: int) -> str:
    """The one exponent of one letter that would give a term the unit that is wanted; empty if there is none or many.

    Of several letters whose exponent could change, the change is named only if it is the smallest by far.
    """
    wanted, term = wanted_unit(one), one.checked.terms[index]
    found = exponents_of(term.expression)
    if wanted is None or term.unit is None or found is None:
        return ""
    ratio = wanted / term.unit
    changes: list[tuple[Rational, str, Rational]] = []
    for name, power in found.items():
        known = known_letter(name)
        if known is None or known.unit.is_pure:
            continue
        change = _power(ratio, known.unit)
        if change is not None and power + change != 0:
            changes.append((abs(change), name, power + change))
    changes.sort(key=lambda one: (one[0], one[1]))
    if not changes or (len(changes) > 1 and changes[1][0] == changes[0][0]):
        return ""
    _, name, power = changes[0]
    return f"{written(one, name)}^({power})" if power.q > 1 else f"{written(one, name)}^{power}"


def _power(ratio: Unit, of: Unit) -> Rational | None:
    """The exponent with which one unit is a power of another."""
    pairs = ((ratio.length, of.length), (ratio.value, of.value), (ratio.scaling, of.scaling))
    powers = {have / base for have, base in pairs if base != 0}
    if len(powers) != 1 or any(have != 0 for have, base in pairs if base == 0):
        return None
    (power,) = powers
    return power if isinstance(power, Rational) else None


def has_fractional_fault(one: Statement) -> bool:
    """Whether just one term has another unit, with exponents of letters of a unit that are finer than halves."""
    if not one.judged or one.checked.units_consistent or one.kind == "step size":
        return False
    odd = odd_terms(one)
    if len(odd) != 1 or len(one.checked.terms) < 2 or one.checked.terms[odd[0]].unit is None:
        return False
    found = exponents_of(one.checked.terms[odd[0]].expression)
    if found is None:
        return False
    with_unit = [name for name in found if (known := known_letter(name)) is not None and not known.unit.is_pure]
    return any(found[name].q > 2 for name in with_unit)
