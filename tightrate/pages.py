"""Objects as the command line shows them: theorems, evaluations, simulations, verdicts, the counterexample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from sympy import Expr, GreaterThan

from tightrate.common.errors import TightrateError
from tightrate.output import STATUS_STYLE, number, table
from tightrate.rates.formulas import display
from tightrate.rates.orders.regimes import solved
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.theorem import Evaluation, Theorem
from tightrate.rates.symbols.alphabet import symbol
from tightrate.rates.symbols.hypothesis import Hypothesis
from tightrate.rates.symbols.monomial import monomial

if TYPE_CHECKING:
    import xarray as xr

    from tightrate.rates.orders.communication_complexity import RoundsAnswer
    from tightrate.rates.orders.domination import Comparison, OrderResult
    from tightrate.rates.relations.bound_check import CheckedBound
    from tightrate.simulator.simulate import Simulation
    from tightrate.verify.claim import Finding


def theorem_as_json(theorem: Theorem) -> dict[str, Any]:
    """The contract of `show --json`."""
    return {
        "id": theorem.id,
        "title": theorem.title,
        "statement": theorem.statement,
        "kind": theorem.bound.kind,
        "constants": theorem.bound.constants,
        "measure": theorem.bound.measure.name,
        "iterate": theorem.iterate,
        "holds": theorem.holds,
        "algorithm": theorem.algorithm,
        "problem_class": theorem.problem_class,
        "latex": display.sum_latex(theorem.bound.expressions, theorem.letters),
        "terms": [term_as_json(theorem, term.name) for term in theorem.bound.terms],
        "conditions": [
            {"text": condition.text, "checkable": condition.relation is not None} for condition in theorem.conditions
        ],
        "steps": {name: display.text(expression) for name, expression in theorem.steps.items()},
        "provenance": {
            "label": theorem.provenance.label,
            "meaning": theorem.provenance.meaning,
            "where": theorem.provenance.where,
            "proof": theorem.provenance.proof or None,
        },
        "errata": [vars(erratum) for erratum in theorem.errata],
        "notation": dict(theorem.letters),
        "reference": {
            "key": theorem.paper.id,
            "title": theorem.paper.reference.title,
            "authors": theorem.paper.reference.authors,
            "year": theorem.paper.reference.year,
            "venue": theorem.paper.reference.venue,
            "bibtex": theorem.paper.reference.bibtex,
        },
        "units_consistent": units_consistent(theorem.bound),
    }


def units_consistent(bound: Bound) -> bool | str:
    """True or False; the text "not-checkable" where an order hides dimensional constants."""
    answer = bound.units_consistent()
    return {"yes": True, "no": False}.get(answer, answer)


def exponent_text(power: Expr) -> str:
    """An exact exponent in a string, factored where it depends on alpha.

    >>> from tightrate.rates.symbols.alphabet import alpha
    >>> exponent_text(sympy.Rational(-2, 3)), exponent_text((2 - 2 * alpha) / alpha)
    ('-2/3', '-2*(alpha-1)/alpha')
    """
    return display.text(sympy.factor(power)).replace(" ", "")


def term_as_json(theorem: Theorem, name: str) -> dict[str, Any]:
    """One term: its formula, the exponents of its letters, and what is not a power."""
    term = theorem.bound.term(name)
    shape = monomial(term.expression)
    found: dict[str, Any] = {
        "name": name,
        "latex": display.latex(term.expression, theorem.letters),
        "text": display.text(term.expression),
        "exponents": {letter: exponent_text(power) for letter, power in shape.exponents.items()},
        "coefficient": display.text(shape.coefficient),
        "other_factors": [display.text(factor) for factor in shape.factors],
    }
    if len(term.branches) > 1:
        found["branches"] = [
            {
                "latex": display.latex(branch, theorem.letters),
                "exponents": {letter: exponent_text(power) for letter, power in monomial(branch).exponents.items()},
            }
            for branch in term.branches
        ]
    return found


def comparison_page(sides: Sequence[Theorem | tuple[Expr, ...]], comparison: Comparison) -> RenderableType:
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
            _exponents(term.expression),
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


SIGN: Mapping[tuple[str, str], str] = {
    ("upper", "explicit"): "≤",
    ("lower", "explicit"): "≥",
    ("exact", "explicit"): "=",
    ("upper", "hidden"): "≲",
    ("lower", "hidden"): "≳",
    ("upper", "hidden with logs"): "≲ (up to logs)",
    ("lower", "hidden with logs"): "≳ (up to logs)",
}


def theorem_page(theorem: Theorem, width: int) -> RenderableType:
    """A theorem for a person: the formula in the paper's letters, what holds when, on whose word.

    A formula wider than `width` is left to the table of its terms.
    """
    bound = theorem.bound
    sign = SIGN.get((bound.kind, bound.constants), "~")
    heading = Text.assemble((theorem.id, "bold cyan"), "  ", (theorem.title, "bold"))
    rows: list[tuple[str, str]] = [
        ("bounds", f"{bound.measure.meaning} ({theorem.iterate}), {theorem.holds}"),
        ("kind", f"{bound.kind} bound, constants {bound.constants}" if bound.kind != "exact" else "exact expression"),
        ("about", f"{theorem.algorithm}; {theorem.problem_class}"),
        *(("if", condition.text + _checkable(condition.relation)) for condition in theorem.conditions),
        *((f"step {name}", display.unicode(step, theorem.letters)) for name, step in theorem.steps.items()),
        ("on the word of", f"{theorem.provenance.meaning} ({theorem.provenance.where})"),
    ]
    if theorem.provenance.proof:
        rows.append(("proof", f"docs/{theorem.provenance.proof}"))
    rows.append(
        (
            "paper",
            f"{theorem.paper.reference.authors} ({theorem.paper.reference.year}), {theorem.paper.reference.venue}",
        )
    )
    rows.extend((f"erratum {erratum.label}", erratum.text) for erratum in theorem.errata)
    units = {True: "every term has the unit of the measure", False: "INCONSISTENT"}
    consistent = units_consistent(bound)
    rows.append(("units", units[consistent] if isinstance(consistent, bool) else consistent))
    terms = table(
        ("term", "formula", "exponents"),
        [
            (term.name, display.unicode(term.expression, theorem.letters), _exponents(term.expression))
            for term in bound.terms
        ],
    )
    formula = display.sum_stacked(bound.expressions, theorem.letters).splitlines()
    middle = len(formula) // 2
    lead = f"  {bound.measure.name} {sign} "
    drawn = "\n".join((lead if i == middle else " " * len(lead)) + line for i, line in enumerate(formula))
    if max(map(len, drawn.splitlines())) > width:
        drawn = f"{lead}the sum of"
    renamed = [name for name in bound.letters if name in theorem.letters]
    if renamed:
        spelled = (f"{display.unicode(symbol(name), theorem.letters)} is our {name}" for name in renamed)
        rows.append(("letters", ", ".join(spelled)))
    facts = table(("", ""), rows)
    return Group(heading, Text(theorem.statement), Text(), Text(drawn, no_wrap=True), Text(), terms, Text(), facts)


def _checkable(relation: object) -> str:
    return "" if relation is not None else "  (not checkable from numbers)"


def _exponents(expression: Any) -> str:
    shape = monomial(expression)
    found = [f"{name} {display.unicode(sympy.factor(power))}" for name, power in shape.exponents.items()]
    return ", ".join(found) + (" × other factors" if shape.factors else "")


def evaluation_as_json(theorem: Theorem, evaluation: Evaluation) -> dict[str, Any]:
    """The contract of `evaluate --json`."""
    return {
        "id": theorem.id,
        "value": evaluation.value,
        "terms": dict(evaluation.terms),
        "constants": theorem.bound.constants,
        "conditions": [{"text": condition.text, "status": status} for condition, status in evaluation.conditions],
    }


def evaluation_page(theorem: Theorem, evaluation: Evaluation) -> RenderableType:
    """Terms, total, and which conditions hold."""
    rows = [(name, number(value)) for name, value in evaluation.terms.items()]
    rows.append(("total", number(evaluation.value)))
    note = "" if theorem.bound.constants == "explicit" else f"  (constants {theorem.bound.constants}: taken as 1)"
    conditions = [(condition.text, status) for condition, status in evaluation.conditions]
    heading = Text.assemble((theorem.id, "bold cyan"), f"  {theorem.title}{note}")
    parts: list[RenderableType] = [heading, Text(), table(("term", "value"), rows, right=1)]
    if conditions:
        parts += [Text(), table(("condition", "at these values"), conditions)]
    return Group(*parts)


def simulation_as_json(simulation: Simulation) -> dict[str, Any]:
    """The contract of `simulate --json`."""
    return {
        "measures": {
            name: {"mean": one.mean, "stderr": one.stderr, **({"quantiles": one.quantiles} if one.quantiles else {})}
            for name, one in simulation.measures.items()
        },
        "method": simulation.method,
        "status": simulation.status,
        "params": simulation.parameters,
        "notes": simulation.notes,
        "conditions": simulation.conditions,
        "bound": simulation.bound,
    }


def simulation_page(simulation: Simulation) -> RenderableType:
    """Measures with their standard errors."""
    levels = list(next(iter(simulation.measures.values())).quantiles)
    rows = [
        (
            name,
            number(measured.mean),
            number(measured.stderr) if measured.mean is not None else "",
            *(number(measured.quantiles.get(level)) for level in levels),
        )
        for name, measured in simulation.measures.items()
    ]
    used = ", ".join(
        f"{name}={value if isinstance(value, str) else f'{value:g}'}" for name, value in simulation.parameters.items()
    )
    title = f"method {simulation.method}, status {simulation.status}"
    measures = table(("measure", "mean", "standard error", *(f"quantile {level}" for level in levels)), rows, right=1)
    said: list[RenderableType] = [Text(f"note: {note}") for note in simulation.notes]
    if simulation.conditions:
        conditions = [(one.condition, one.status) for one in simulation.conditions]
        said += [*([Text()] if said else []), table(("condition of the theorem", "here"), conditions)]
    if simulation.bound is not None:
        said += [
            *([Text()] if said else []),
            Text(f"the theorem's bound, hidden constants taken as 1: {number(simulation.bound)}"),
        ]
    return Group(Text(title), Text(), measures, *([Text(), *said] if said else []), Text(), Text(used))


def report_card(findings: Sequence[Finding]) -> RenderableType:
    """Claims by paper, each with its verdict, what was predicted, what was measured, and the seconds it took."""
    parts: list[RenderableType] = []
    paper = ""
    for finding in findings:
        if (belongs_to := finding.claim.paper) != paper:
            paper = belongs_to
            parts += [Text(), Text(paper, "bold")] if parts else [Text(paper, "bold")]
        parts += _finding_lines(finding)
    unexpected = [finding.claim.id for finding in findings if not finding.as_expected]
    closing = f"unexpected: {', '.join(unexpected)}." if unexpected else "every verdict as expected."
    return Group(*parts, Text(), tally(findings), Text(), Text(f"{len(findings)} claims, {closing}"))


def tally(findings: Sequence[Finding]) -> RenderableType:
    """How many claims of each paper came out how, and the seconds that its experiments took."""
    from tightrate.verify.claim import names_of
    from tightrate.verify.verdict import STATUS_MEANING

    statuses = [status for status in STATUS_MEANING if any(f.verdict.status == status for f in findings)]
    rows = []
    for paper in dict.fromkeys(finding.claim.paper for finding in findings):
        own = [finding for finding in findings if finding.claim.paper == paper]
        counts = Counter(finding.verdict.status for finding in own)
        seconds = sum({names_of(finding.claim): finding.seconds for finding in own}.values())
        rows.append([paper, *(str(counts[status] or "") for status in statuses), f"{seconds:.1f}"])
    return table(("paper", *statuses, "seconds"), rows, right=1)


def _finding_lines(finding: Finding) -> list[RenderableType]:
    claim, verdict = finding.claim, finding.verdict
    style = STATUS_STYLE[verdict.status]
    head = Text.assemble(
        ("✓ " if finding.as_expected else "✗ ", "green" if finding.as_expected else "bold red"),
        (claim.id, "bold"),
        "  ",
        (verdict.status, style),
    )
    if not finding.as_expected:
        head.append(f" (EXPECTED {claim.expected})", "bold red")
    elif claim.kind == "erratum":
        head.append(" (expected: an erratum)")
    head.append(f"  {finding.seconds:.1f} s", "dim")
    measured = verdict.measured
    if verdict.interval is not None:
        low, high = verdict.interval
        measured += f"  (interval of the slowest [{low:.3f}, {high:.3f}])"
    rows = [("predicted", verdict.predicted), ("measured", measured)]
    return [head, *(Padding(Text(f"{name}  {text}"), (0, 0, 0, 4)) for name, text in rows)]


def counterexample_page(pair: xr.Dataset, floor: xr.Dataset) -> RenderableType:
    """Both halves of the counterexample: K does not help, and the fixed point is not the optimum."""
    rounds = [r for r in (1.0, 10.0, 100.0, 1000.0) if r in pair["R"].values]
    columns = [f"R = {r:g}" for r in rounds]
    scale = pair.attrs["L"] * pair.attrs["B"] ** 2
    rows = [
        [f"K = {number(float(k))}", *(number(float(pair["best_gap"].sel(K=k, R=r)) / scale) for r in rounds)]
        for k in pair["K"].values
    ]
    rows.append(["lower bound 1/(108 R)", *(number(float(pair["bound"].sel(R=r)) / scale) for r in rounds)])
    title = "Suboptimality over L B² on the rank-one pair, best inner and outer step of the whole grid"
    first = table(["", *columns], rows, right=1)
    smoothness = floor.attrs["L"]
    at = floor.sel(eta=0.1 / smoothness, method="nearest")
    eta = float(at["eta"])
    steps = [k for k in (1.0, 2.0, 5.0, 10.0, 100.0, 1000.0) if k in floor["K"].values]
    floor_title = f"Distance from the optimum after convergence, two quadratic machines, eta L = {eta * smoothness:g}"
    second = table(
        ["", *(f"K = {k:g}" for k in steps)],
        [
            ["fixed point", *(_distance(float(at["floor"].sel(K=k))) for k in steps)],
            ["step-by-step run", *(_distance(float(at["simulated"].sel(K=k))) for k in steps)],
            ["sharp bound", *(_distance(float(at["sharp"].sel(K=k))) for k in steps)],
        ],
        right=1,
    )
    return Group(Text(title, "bold"), first, Text(), Text(floor_title, "bold"), second)


def _distance(value: float) -> str:
    """A distance of order one: what is below rounding is zero, what was not run is a dash."""
    return "-" if np.isnan(value) else "0" if abs(value) < 1e-12 else number(value)


def counterexample_conclusion(pair: xr.Dataset, floor: xr.Dataset) -> str:
    """One sentence, made of the numbers."""
    ratio = float((pair["best_gap"] / pair["bound"]).min())
    tried = int(pair["steps_tried"].sum())
    away = float(floor["floor"].max())
    return (
        f"Local steps do not help: over {tried:,} combinations of K (up to infinity), R, inner and outer step the"
        f" suboptimality never fell below {ratio:.2f} times the lower bound L B²/(108 R), and with different optima"
        f" local gradient descent settles up to {away:.2g} away from the optimum, however many rounds it gets."
    )
