"""Bounds as text: checked, compared, put into tables, and solved for the rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text
from sympy import sympify

from tightrate.rates.formulas import display
from tightrate.rates.formulas.inline import as_text
from tightrate.rates.formulas.parse import ParsedBound
from tightrate.rates.formulas.plain_text import plain_name
from tightrate.rates.orders.regimes import as_usual
from tightrate.rates.pages.theorem_facts import exponent_text
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import meaning_of, symbol
from tightrate.rates.symbols.hypothesis import Hypothesis
from tightrate.terminal.output import indented, number, table
from tightrate.terminal.theorem import exponents_text, power_text, times

if TYPE_CHECKING:
    from tightrate.rates.orders.communication_complexity import RoundsAnswer
    from tightrate.rates.orders.domination import OrderResult
    from tightrate.rates.relations.bound_check import BoundComparison, CheckedBound, CheckedTerm, ReadSymbol


def comparison_as_json(comparison: BoundComparison) -> dict[str, Any]:
    """What `compare --json` prints beside the two bounds."""
    return {
        **comparison.order.as_dict(),
        "notes": list(comparison.notes),
        "letters": [_symbol_as_json(one) for one in comparison.symbols],
    }


def _symbol_as_json(one: ReadSymbol) -> dict[str, Any]:
    return {
        "written": one.written,
        "name": plain_name(one.name),
        "meaning": one.meaning,
        "source": one.source,
        "paper": one.paper or None,
        "other_meanings": [meaning_of(other) for other in one.others],
        "changed_answers": list(one.changed),
    }


def _symbol_lines(symbols: Sequence[ReadSymbol]) -> Iterator[RenderableType]:
    """How every symbol was read; a ? marks those that papers use for other things too."""
    if symbols:
        yield Text("Read as", "bold")
    for one in symbols:
        mark = "?" if one.source in ("assumed", "unknown") else " "
        how = {
            "declared": "from --letters",
            "paper": f"by the conventions of {one.paper}",
            "convention": "usual",
            "assumed": "assumed",
            "unknown": "unknown",
        }
        yield Text(f"{mark} {one.written}: {as_text(one.meaning)} ({how[one.source]})")
        answers = dict(changed.rsplit(": ", 1) for changed in one.changed)
        elsewhere = [
            f"{meaning} (then {answers[meaning]})" if meaning in answers else meaning
            for meaning in map(meaning_of, one.others)
        ]
        if elsewhere:
            yield indented(f"elsewhere: {as_text('; '.join(elsewhere))}", by=4)


def comparison_page(sides: Sequence[Theorem | ParsedBound], comparison: BoundComparison) -> RenderableType:
    """The relation, with the path along which it fails or the words that it is proved."""
    meaning = {
        "A<=B": "A is at most B, up to constants",
        "A>=B": "A is at least B, up to constants",
        "A~B": "A and B agree up to constants",
        "incomparable": "neither dominates the other",
        "undecided": "undecided",
    }
    lines: list[RenderableType] = [Text(f"{name}: {_side_text(side)}") for name, side in zip("AB", sides, strict=True)]
    lines += [Text(), Text(meaning[comparison.relation], "bold")]
    for claim, result in (("A ≲ B", comparison.order.forward), ("B ≲ A", comparison.order.backward)):
        lines.append(indented(f"{claim}: {_answer_text(result)}"))
    lines += [indented(note) for note in comparison.notes]
    left_out = [note for side in sides if isinstance(side, ParsedBound) for note in _around(side)]
    lines += [indented(note) for note in left_out]
    if comparison.symbols:
        lines += [Text(), *_symbol_lines(comparison.symbols)]
    return Group(*lines)


def _around(side: ParsedBound) -> Iterator[str]:
    """What stood beside a bound."""
    for condition in side.conditions:
        yield f"condition{' not used' if condition.unread else ''}: {condition.text}"
    for text in side.left_out:
        yield f"left out: {text}"


def _side_text(side: Theorem | ParsedBound) -> str:
    if isinstance(side, Theorem):
        return f"{side.id}, {display.sum_unicode(side.bound.expressions)}"
    return " + ".join(display.unicode(term) for term in side.terms)


def _answer_text(result: OrderResult) -> str:
    if result.relation == "holds":
        assert result.certificate is not None
        steps = sum(len(case.steps) for case in result.certificate.cases)
        return f"proved, by a certificate of {steps} exact inequalities (--json shows it)"
    if result.witness is not None:
        path = ", ".join(
            f"{display.unicode(symbol(name))} = {power_text('n', sympify(power))}"
            for name, power in result.witness.exponents.items()
            if power
        )
        ratio = result.witness.ratio
        growth = "faster than every power of n" if ratio is None else f"like {power_text('n', sympify(ratio))}"
        if ratio == 0:
            growth = f"like {power_text('(log n)', sympify(result.witness.logarithms))}"
        alpha = f", at α = {result.witness.alpha}" if result.witness.alpha is not None else ""
        return f"fails: along {path or 'constant letters'} the ratio grows {growth}{alpha}"
    return f"undecided: {result.reason}"


def bound_as_json(checked: CheckedBound) -> dict[str, Any]:
    """The contract of `check-bound --json`."""
    return {
        "units_consistent": checked.units_consistent,
        "measures": list(checked.measures),
        "terms": [
            {
                "name": term.name,
                "latex": display.latex(term.expression),
                "exponents": {plain_name(name): exponent_text(power) for name, power in term.shape.exponents.items()},
                "other_factors": [display.text(factor) for factor in term.shape.factors],
                "branches": [
                    {plain_name(name): exponent_text(power) for name, power in shape.exponents.items()}
                    for shape in term.branches
                ],
                "units": str(term.unit) if term.unit is not None else None,
                "units_error": term.unit_error or None,
                "dominated": term.dominated,
            }
            for term in checked.terms
        ],
        "regimes": [
            {"term": name, "all_of": [{"any_of": [_inequality(h) for h in either]} for either in lists]}
            for name, lists in checked.regimes.items()
        ],
        "unknown_regimes": dict(checked.unknown_regimes),
        "neighbours": [
            {"theorem": neighbour.theorem.id, "relation": neighbour.relation} for neighbour in checked.neighbours
        ],
        "left_side": None if checked.left is None else _left_as_json(checked),
        "case": checked.case or None,
        "conditions": list(checked.conditions),
        "left_out": list(checked.left_out),
        "letters": [_symbol_as_json(one) for one in checked.symbols],
        "inferred_units": {plain_name(name): str(unit) for name, unit in checked.inferred.items()},
        "contradiction": list(checked.contradiction),
        "notes": list(checked.notes),
    }


def _left_as_json(checked: CheckedBound) -> dict[str, Any]:
    assert checked.left is not None
    unit = checked.left.unit
    return {
        "text": checked.left.text,
        "units": None if unit is None else str(unit),
        "measure": checked.left.measure,
        "agrees": checked.left_agrees,
    }


def bounds_page(found: Sequence[CheckedBound]) -> RenderableType:
    """Every bound of a display, one after the other."""
    if len(found) == 1:
        return bound_page(found[0])
    parts: list[RenderableType] = []
    for number_, one in enumerate(found, 1):
        of = f", {one.case}" if one.case else ""
        left = f": {one.left.text}" if one.left is not None and one.left.text else ""
        parts += [Text(f"Bound {number_} of {len(found)}{left}{of}", "bold"), bound_page(one), Text()]
    return Group(*parts)


def _inequality(hypothesis: Hypothesis) -> str:
    """An inequality up to constants, solved for one of its letters where it has one of the usual ones."""
    left, sign, right = as_usual(hypothesis)
    return f"{display.text(left)} {sign} {display.text(right)}"


def _inequality_text(hypothesis: Hypothesis) -> str:
    """The same, typeset."""
    left, sign, right = as_usual(hypothesis)
    return f"{display.unicode(left)} {as_text(f'${sign}$')} {display.unicode(right)}"


def _shape_text(term: CheckedTerm) -> str:
    """The exponents of a term, or those of each branch of a minimum or maximum."""
    shapes = term.branches or (term.shape,)
    return "; or ".join(exponents_text(shape.exponents) + times(shape.factors) for shape in shapes)


def bound_page(checked: CheckedBound) -> RenderableType:
    """Units, exponents, regimes and neighbours of a pasted bound."""
    rows = [
        (
            term.name,
            display.unicode(term.expression),
            _shape_text(term),
            str(term.unit) if term.unit is not None else term.unit_error or "any",
            {True: "dominated", False: "", None: "undecided"}[term.dominated],
        )
        for term in checked.terms
    ]
    measures = ", ".join(checked.measures) or "nothing that the catalogue measures"
    units = f"Units agree: {measures}." if checked.units_consistent else "Units do NOT agree."
    parts: list[RenderableType] = [table(("term", "formula", "exponents", "unit", ""), rows), Text(), Text(units)]
    if checked.left is not None and checked.left.unit is not None:
        agrees = {True: "as the right side", False: "the right side has another unit", None: "not compared"}
        parts.append(indented(f"left side {checked.left.text}: {checked.left.unit}, {agrees[checked.left_agrees]}"))
    parts += [indented(f"no units satisfy: {place}") for place in checked.contradiction]
    parts += [indented(note) for note in checked.notes]
    parts += [indented(f"condition: {condition}") for condition in checked.conditions]
    parts += [indented(f"left out: {text}") for text in checked.left_out]
    if checked.symbols:
        parts += [Text(), *_symbol_lines(checked.symbols)]
    if len(checked.regimes) + len(checked.unknown_regimes) > 1:
        parts += [Text(), Text("Largest where (up to constants)", "bold")]
        for name, lists in checked.regimes.items():
            where = "; and ".join(" or ".join(_inequality_text(h) for h in either) for either in lists) or "always"
            parts.append(indented(f"{name}: {where}"))
        parts += [indented(f"{name}: undecided, {reason}") for name, reason in checked.unknown_regimes.items()]
    parts += [Text(), Text("In the catalogue (up to constants)", "bold")]
    neighbours = [(words, ", ".join(ids)) for words, ids in checked.by_relation.items()]
    parts.append(table(("", ""), neighbours or [("it is comparable with no entry", "")]))
    return Group(*parts)


def table_page(checked: Mapping[str, CheckedBound], pairs: Mapping[tuple[str, str], str]) -> RenderableType:
    """A reviewer's table of rates: each bound's units, and the relation of every pair."""
    names = list(checked)
    turned = {"A<=B": "A>=B", "A>=B": "A<=B"}
    sign = {"A<=B": "≲", "A>=B": "≳", "A~B": "≍", "incomparable": "||", "undecided": "?"}
    rows = []
    for a in names:
        cells = []
        for b in names:
            relation = pairs.get((a, b)) or (turned.get(r, r) if (r := pairs.get((b, a))) else None)
            cells.append(sign[relation] if relation else "")
        rows.append((a, "yes" if checked[a].units_consistent else "NO", *cells))
    legend = "row ≲ column: at most, up to constants;  || incomparable;  ? undecided"
    return Group(table(("bound", "units agree", *names), rows), Text(), Text(legend))


def rounds_as_json(name: str, bound: Bound, answer: RoundsAnswer) -> dict[str, Any]:
    """What `rounds --json` prints of the theorem of that id, or of a bound as text."""
    best = answer.best
    return {
        "id": name,
        "order": None if answer.order is None else display.text(answer.order),
        "reason": answer.reason or None,
        "rounds": answer.least,
        "constants": bound.constants,
        "best_K_at_budget_T": None
        if best is None
        else {
            "rate": display.text(best.rate),
            "smallest_K": display.text(best.smallest),
            "largest_K": display.text(best.largest),
        },
        "best_K_reason": answer.best_reason or None,
        "best_K": answer.best_K,
        "best_value": answer.best_value,
    }


def rounds_page(name: str, title: str, bound: Bound, answer: RoundsAnswer) -> RenderableType:
    """Rounds as an order and as a number, and the best K."""
    taken = "" if bound.constants == "explicit" else f" (constants {bound.constants}: taken as 1)"
    rows = [("rounds, up to constants", answer.reason if answer.order is None else display.unicode(answer.order))]
    if answer.least is not None:
        rows.append((f"rounds at these values{taken}", number(answer.least)))
    best = answer.best
    if best is None:
        rows.append(("best K at budget T = K R", answer.best_reason))
    else:
        rows.append(("rate at the best K, T = K R", display.unicode(best.rate)))
        rows.append(("smallest K that has it", display.unicode(best.smallest)))
        rows.append(("largest K that keeps it", display.unicode(best.largest)))
    if answer.best_K is not None:
        rows.append(
            (f"best K at this budget{taken}", f"{answer.best_K}, where the bound is {number(answer.best_value)}")
        )
    heading = Text.assemble((name, "bold cyan"), f"  {as_text(title)}")
    return Group(heading, Text(), table(("", ""), rows))
