"""Bounds as text: checked, compared, put into tables, and solved for the rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text
from sympy import Expr, GreaterThan

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas import display
from tightrate.rates.orders.regimes import solved
from tightrate.rates.pages.theorem_facts import exponent_text
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.hypothesis import Hypothesis
from tightrate.terminal.output import number, table
from tightrate.terminal.theorem import exponents_text, times

if TYPE_CHECKING:
    from tightrate.rates.orders.communication_complexity import RoundsAnswer
    from tightrate.rates.orders.domination import OrderComparison, OrderResult
    from tightrate.rates.relations.bound_check import CheckedBound


def comparison_page(sides: Sequence[Theorem | tuple[Expr, ...]], comparison: OrderComparison) -> RenderableType:
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
    for claim, result in (("A <~ B", comparison.forward), ("B <~ A", comparison.backward)):
        lines.append(Text(f"  {claim}: {_answer_text(result)}"))
    return Group(*lines)


def _side_text(side: Theorem | tuple[Expr, ...]) -> str:
    if isinstance(side, Theorem):
        return f"{side.id}, {display.sum_unicode(side.bound.expressions)}"
    return " + ".join(display.unicode(term) for term in side)


def _answer_text(result: OrderResult) -> str:
    if result.relation == "holds":
        assert result.certificate is not None
        steps = sum(len(case.steps) for case in result.certificate.cases)
        return f"proved, by a certificate of {steps} exact inequalities (--json shows it)"
    if result.witness is not None:
        path = ", ".join(f"{name} = n^{power}" for name, power in result.witness.exponents.items() if power)
        ratio = result.witness.ratio
        growth = "faster than every power of n" if ratio is None else f"like n^{ratio}"
        if ratio == 0:
            growth = f"like (log n)^{result.witness.logarithms}"
        return f"fails: along {path or 'constant letters'} the ratio grows {growth}"
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
                "exponents": {name: exponent_text(power) for name, power in term.shape.exponents.items()},
                "other_factors": [display.text(factor) for factor in term.shape.factors],
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
    }


def _inequality(hypothesis: Hypothesis) -> str:
    """An inequality up to constants, solved for one of its letters where it has one of the usual ones."""
    for name in ("K", "R", "M", "T", "sigma", "zeta_star", "zeta", "tau"):
        try:
            solved_for = solved(hypothesis, name)
        except TightrateError:
            continue
        sign = ">~" if isinstance(solved_for, GreaterThan) else "<~"
        return f"{display.text(solved_for.lhs)} {sign} {display.text(solved_for.rhs)}"
    return f"{display.text(hypothesis.smaller)} <~ {display.text(hypothesis.larger)}"


def bound_page(checked: CheckedBound) -> RenderableType:
    """Units, exponents, regimes and neighbours of a pasted bound."""
    rows = [
        (
            term.name,
            display.unicode(term.expression),
            exponents_text(term.shape.exponents) + times(term.shape.factors),
            str(term.unit) if term.unit is not None else term.unit_error or "any",
            {True: "dominated", False: "", None: "undecided"}[term.dominated],
        )
        for term in checked.terms
    ]
    measures = ", ".join(checked.measures) or "nothing that the catalogue measures"
    units = f"Units agree: {measures}." if checked.units_consistent else "Units do NOT agree."
    parts: list[RenderableType] = [table(("term", "formula", "exponents", "unit", ""), rows), Text(), Text(units)]
    if len(checked.regimes) + len(checked.unknown_regimes) > 1:
        parts += [Text(), Text("Largest where (up to constants)", "bold")]
        for name, lists in checked.regimes.items():
            where = "; and ".join(" or ".join(_inequality(h) for h in either) for either in lists) or "always"
            parts.append(Text(f"  {name}: {where}"))
        parts += [Text(f"  {name}: undecided, {reason}") for name, reason in checked.unknown_regimes.items()]
    parts += [Text(), Text("In the catalogue (up to constants)", "bold")]
    relation = {"A~B": "it agrees with", "A<=B": "it is at most", "A>=B": "it is at least"}
    neighbours = [
        (f"{words} the {kind} bounds", ", ".join(names))
        for sign, words in relation.items()
        for kind in ("upper", "lower")
        if (names := [n.theorem.id for n in checked.neighbours if (n.relation, n.theorem.bound.kind) == (sign, kind)])
    ]
    parts.append(table(("", ""), neighbours or [("it is comparable with no entry", "")]))
    return Group(*parts)


def table_page(checked: Mapping[str, CheckedBound], pairs: Mapping[tuple[str, str], str]) -> RenderableType:
    """A reviewer's table of rates: each bound's units, and the relation of every pair."""
    names = list(checked)
    turned = {"A<=B": "A>=B", "A>=B": "A<=B"}
    sign = {"A<=B": "<~", "A>=B": ">~", "A~B": "~", "incomparable": "||", "undecided": "?"}
    rows = []
    for a in names:
        cells = []
        for b in names:
            relation = pairs.get((a, b)) or (turned.get(r, r) if (r := pairs.get((b, a))) else None)
            cells.append(sign[relation] if relation else "")
        rows.append((a, "yes" if checked[a].units_consistent else "NO", *cells))
    legend = "row <~ column: at most, up to constants;  || incomparable;  ? undecided"
    return Group(table(("bound", "units agree", *names), rows), Text(), Text(legend))


def rounds_as_json(theorem: Theorem, answer: RoundsAnswer) -> dict[str, Any]:
    """What `rounds --json` prints."""
    best = answer.best
    return {
        "id": theorem.id,
        "order": None if answer.order is None else display.text(answer.order),
        "reason": answer.reason or None,
        "rounds": answer.least,
        "constants": theorem.bound.constants,
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


def rounds_page(theorem: Theorem, answer: RoundsAnswer) -> RenderableType:
    """Rounds as an order and as a number, and the best K."""
    taken = "" if theorem.bound.constants == "explicit" else f" (constants {theorem.bound.constants}: taken as 1)"
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
    heading = Text.assemble((theorem.id, "bold cyan"), f"  {theorem.title}")
    return Group(heading, Text(), table(("", ""), rows))
