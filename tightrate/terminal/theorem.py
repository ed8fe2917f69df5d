"""A theorem, and its values, as the command line shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy
from rich.console import Group, RenderableType
from rich.text import Text
from sympy import Expr

from tightrate.rates.formulas import display
from tightrate.rates.formulas.inline import RAISED, as_text
from tightrate.rates.pages.theorem_facts import Letters, facts, in_terminal, sign, term_facts
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import symbol
from tightrate.terminal.output import number, table


def theorem_page(theorem: Theorem, width: int, letters: Letters | None = None) -> RenderableType:
    """A theorem for a person: the formula, its terms, and every fact about it, in the alphabet or in other letters.

    A formula wider than `width` is left to the table of its terms.
    """
    bound = theorem.bound
    heading = Text.assemble((theorem.id, "bold cyan"), "  ", (as_text(theorem.title, letters), "bold"))
    lead = f"  {bound.measure.name} {as_text(f'${sign(bound)}$')} "
    terms = table(
        ("term", "formula", "exponents"),
        [
            (
                one.name,
                display.unicode(one.expression, letters),
                exponents_text(one.exponents, letters) + times(one.factors),
            )
            for one in term_facts(bound)
        ],
    )
    rows = [(as_text(one.name, letters), in_terminal(one.content, letters)) for one in facts(theorem, letters)]
    if not letters and (others := _renamed(theorem)):
        rows.append(("letters", f"those of the alphabet; the paper writes {others} (--letters paper)"))
    formula = Text(_drawn(bound, lead, width, letters), no_wrap=True)
    parts = heading, Text(as_text(theorem.statement, letters)), Text(), formula, Text(), terms, Text()
    return Group(*parts, table(("", ""), rows))


def _renamed(theorem: Theorem) -> str:
    """Which letters of the bound and its conditions the paper writes otherwise."""
    related = [one.relation.free_symbols for one in theorem.conditions if one.relation is not None]
    names = dict.fromkeys((*theorem.bound.letters, *sorted(letter.name for found in related for letter in found)))
    own = [symbol(name) for name in names if name in theorem.letters]
    pairs = [(display.unicode(one, theorem.letters), display.unicode(one)) for one in own]
    return ", ".join(f"{theirs} for {ours}" for theirs, ours in pairs if theirs != ours)


def _drawn(bound: Bound, lead: str, width: int, letters: Letters | None) -> str:
    """The formula on several lines behind what it bounds, if there is room for it."""
    lines = display.sum_stacked(bound.expressions, letters).splitlines()
    middle = len(lines) // 2
    drawn = [(lead if place == middle else " " * len(lead)) + line for place, line in enumerate(lines)]
    return "\n".join(drawn) if max(map(len, drawn)) <= width else f"{lead}the sum of"


def exponents_text(exponents: Mapping[str, Expr], letters: Letters | None = None) -> str:
    """Symbols with their powers in a term, in the letters of its formula.

    >>> exponents_text({"zeta_star": sympy.Rational(2, 3), "R": sympy.Integer(-1), "L": sympy.Integer(1)}, {"L": "H"})
    'ζ⋆^(2/3), R^−1, H'
    """
    return ", ".join(power_text(display.unicode(symbol(name), letters), power) for name, power in exponents.items())


def power_text(base: str, exponent: Expr) -> str:
    """A power without spaces, at which a narrow column would break it."""
    power = display.unicode(sympy.factor(exponent)).replace(" ", "")
    if power == "1":
        return base
    if power.isdigit():
        return base + power.translate(RAISED)
    return f"{base}^{power}" if power.lstrip("−").isalnum() else f"{base}^({power})"


def times(factors: Sequence[Expr]) -> str:
    """That a term has factors which are no powers."""
    return " × other factors" if factors else ""


def evaluation_as_json(
    theorem: Theorem, values: Mapping[str, float], prescribed: Mapping[str, float]
) -> dict[str, Any]:
    """The contract of `evaluate --json`; `prescribed` are those of the values that the theorem says itself."""
    return {
        "id": theorem.id,
        "value": theorem.bound.at(values),
        "terms": theorem.bound.terms_at(values),
        "constants": theorem.bound.constants,
        "prescribed": dict(prescribed),
        "conditions": [{"text": one.text, "status": one.status(values)} for one in theorem.conditions],
    }


def evaluation_page(
    theorem: Theorem,
    values: Mapping[str, float],
    prescribed: Mapping[str, float],
    letters: Letters | None = None,
) -> RenderableType:
    """Terms, total, which steps the theorem prescribes here, and which conditions hold."""
    rows = [(name, number(value)) for name, value in theorem.bound.terms_at(values).items()]
    rows.append(("total", number(theorem.bound.at(values))))
    note = "" if theorem.bound.constants == "explicit" else f"  (constants {theorem.bound.constants}: taken as 1)"
    conditions = [(as_text(one.text, letters), one.status(values)) for one in theorem.conditions]
    heading = Text.assemble((theorem.id, "bold cyan"), f"  {as_text(theorem.title, letters)}{note}")
    parts: list[RenderableType] = [heading, Text(), table(("term", "value"), rows, right=1)]
    if prescribed:
        steps = ", ".join(f"{as_text(f'${name}$', letters)} = {number(value)}" for name, value in prescribed.items())
        parts += [Text(), Text(f"as the theorem prescribes: {steps}")]
    if conditions:
        parts += [Text(), table(("condition", "at these values"), conditions)]
    return Group(*parts)
