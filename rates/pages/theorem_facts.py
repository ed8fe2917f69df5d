"""What there is to say of a theorem, once, for every way of saying it: terminal, HTML, Markdown, JSON, notebooks.

A fact is a name with its content: sentences, which may hold formulas between dollar signs, and expressions.  A reader's
format renders both through `rates.formulas`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr
from sympy.logic.boolalg import Boolean

from tightrate.rates.formulas import display
from tightrate.rates.formulas.inline import as_html, as_markdown, as_text
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import letter, symbol
from tightrate.rates.symbols.kinds import Constants, Kind
from tightrate.rates.symbols.monomial import monomial

Letters = Mapping[str, str]
Content = Sequence["str | Expr | Boolean"]
"""Sentences and formulas that stand behind one another."""


@dataclass(frozen=True)
class Fact:
    """One thing that holds of a theorem, under a name that a table can show."""

    name: str
    content: Content


# --- Words ------------------------------------------------------------------------------------------------------------

SIGNS: Mapping[Kind, tuple[str, str]] = {"upper": ("<=", "<~"), "lower": (">=", ">~"), "exact": ("=", "~")}
HIDDEN: Mapping[Constants, str] = {
    "explicit": "",
    "hidden": "up to a constant",
    "hidden with logs": "up to a constant and logarithms",
}


def sign(bound: Bound) -> str:
    """How the measure relates to the bound, in the notation of inline formulas.

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> sign(theorem("patel2024/prop7").bound)
    '>~'
    """
    return SIGNS[bound.kind][bound.constants != "explicit"]


def kind_in_words(bound: Bound) -> str:
    """From which side, and how much of the constants is known."""
    side = {"upper": "an upper bound", "lower": "a lower bound", "exact": "an equality"}[bound.kind]
    return f"{side}, {HIDDEN[bound.constants] or 'with its constants'}{_exponent_in_words(bound)}"


def _exponent_in_words(bound: Bound) -> str:
    """What is known of a constant that the source hides in an exponent."""
    known = [letter(name) for name in bound.unspecified]
    ends = ["at least 1" if one.is_at_least_one else "at most 1" for one in known]
    return "".join(
        f"; the constant in the exponent (`{one.name}`) is not given, {end}"
        for one, end in zip(known, ends, strict=True)
    )


UNITS: Mapping[str, str] = {
    "yes": "every term has the unit of the measure",
    "no": "INCONSISTENT: some term has another unit than the measure",
    "not-checkable": "not checkable, because the order hides constants that have units",
}


# --- Facts ------------------------------------------------------------------------------------------------------------


def facts(theorem: Theorem, letters: Letters | None = None) -> tuple[Fact, ...]:
    """Everything but title, statement, formula and terms; in a paper's letters also what they mean."""
    return tuple(_facts(theorem, letters or {}))


def _facts(theorem: Theorem, letters: Letters) -> Iterator[Fact]:
    bound, provenance, source = theorem.bound, theorem.provenance, theorem.paper.reference
    yield Fact("bounds", [f"{bound.measure.meaning} ({theorem.iterate}), {theorem.holds}"])
    yield Fact("kind", [kind_in_words(bound)])
    yield Fact("about", [f"`{theorem.algorithm}`; {theorem.problem_class}"])
    for condition in theorem.conditions:
        yield Fact("if", condition_content(condition))
    for name, step in theorem.steps.items():
        yield Fact(f"step size ${name}$", [step])
    yield Fact("provenance", [f"{provenance.meaning} ({provenance.where})"])
    if provenance.proof:
        yield Fact("proof", [f"docs/{provenance.proof}"])
    yield Fact("paper", [f"{source.authors} ({source.year}), {source.venue}"])
    for erratum in theorem.errata:
        kind, *others = erratum.parts.items()
        yield Fact(f"erratum {erratum.label}", [kind[1]])
        for name, told in others:
            yield Fact(f"{erratum.label} {name}", [told])
    yield Fact("units", [UNITS[bound.units_consistent()]])
    renamed = [name for name in bound.letters if name in letters]
    if renamed:
        parts = [part for name in renamed for part in (symbol(name), f" is our `{name}`, ")]
        yield Fact("letters", [*parts[:-1], str(parts[-1]).removesuffix(", ")])


def condition_content(condition: Condition) -> Content:
    """A condition in words, with its formula where it has one that can be printed."""
    if condition.relation is None:
        return [f"{condition.text} (in words only)"]
    if condition.relation.has(sympy.Mod):  # divisibility is said in words
        return [condition.text]
    return [condition.relation] if condition.wordless else [f"{condition.text}: ", condition.relation]


@dataclass(frozen=True)
class TermFacts:
    """A term or one branch of it: its formula, the exponents of its symbols, and what is no power."""

    name: str
    expression: Expr
    coefficient: Expr
    exponents: Mapping[str, Expr]
    factors: tuple[Expr, ...]

    @staticmethod
    def of(name: str, expression: Expr) -> TermFacts:
        """Read off the expression."""
        shape = monomial(expression)
        return TermFacts(name, expression, shape.coefficient, dict(shape.exponents), tuple(shape.factors))


def term_facts(bound: Bound) -> tuple[TermFacts, ...]:
    """One entry for each term."""
    return tuple(TermFacts.of(term.name, term.expression) for term in bound.terms)


def branch_facts(term: Term) -> tuple[TermFacts, ...]:
    """One entry for each alternative of a term that is a minimum, a maximum or given by cases, else the term."""
    expression = term.expression
    if isinstance(expression, sympy.Piecewise):
        named = {
            f"{term.name} ({'otherwise' if test == sympy.true else f'if ${display.text(test)}$'})": value
            for value, test in expression.args
        }
        return tuple(TermFacts.of(name, value) for name, value in named.items())
    if len(term.branches) == 1:
        return (TermFacts.of(term.name, expression),)
    which = "smallest" if isinstance(expression, sympy.Min) else "largest"
    return tuple(
        TermFacts.of(f"{term.name}, {which} of: {number}", branch)
        for number, branch in enumerate(term.branches, start=1)
    )


def exponent_text(power: Expr) -> str:
    """An exact exponent in plain text, factored where it depends on alpha.

    >>> from tightrate.rates.symbols.alphabet import alpha
    >>> exponent_text(sympy.Rational(-2, 3)), exponent_text((2 - 2 * alpha) / alpha)
    ('-2/3', '-2*(alpha-1)/alpha')
    """
    return display.text(sympy.factor(power)).replace(" ", "")


# --- Formats ----------------------------------------------------------------------------------------------------------


def in_terminal(content: Content, letters: Letters | None = None) -> str:
    """The content on one line of a terminal."""
    return _rendered(content, lambda part: as_text(part, letters), lambda part: display.unicode(part, letters))


def in_html(content: Content, letters: Letters | None = None) -> str:
    """The content as HTML, formulas in MathML."""
    return _rendered(content, lambda part: as_html(part, letters), lambda part: display.mathml(part, letters))


def in_markdown(content: Content, letters: Letters | None = None) -> str:
    """The content as Markdown, formulas in LaTeX."""
    return _rendered(content, lambda part: as_markdown(part, letters), lambda part: f"${display.latex(part, letters)}$")


def _rendered(content: Content, sentence: Callable[[str], str], formula: Callable[[Any], str]) -> str:
    return "".join(sentence(part) if isinstance(part, str) else formula(part) for part in content)


# --- Documents --------------------------------------------------------------------------------------------------------


def theorem_as_json(theorem: Theorem) -> dict[str, Any]:
    """The contract of `show --json`."""
    bound, source = theorem.bound, theorem.paper.reference
    answer = bound.units_consistent()
    return {
        "id": theorem.id,
        "title": theorem.title,
        "statement": theorem.statement,
        "kind": bound.kind,
        "constants": bound.constants,
        "unspecified_constants": {
            name: [int(letter(name).is_at_least_one), 1 if letter(name).is_at_most_one else "inf"]
            for name in bound.unspecified
        },
        "measure": bound.measure.name,
        "iterate": theorem.iterate,
        "holds": theorem.holds,
        "algorithm": theorem.algorithm,
        "problem_class": theorem.problem_class,
        "latex": display.sum_latex(bound.expressions, theorem.letters),
        "terms": [_term_as_json(term, theorem.letters) for term in bound.terms],
        "conditions": [{"text": one.text, "checkable": one.relation is not None} for one in theorem.conditions],
        "steps": {name: display.text(expression) for name, expression in theorem.steps.items()},
        "provenance": {
            "label": theorem.provenance.label,
            "meaning": theorem.provenance.meaning,
            "checked": theorem.provenance.checked,
            "where": theorem.provenance.where,
            "proof": theorem.provenance.proof or None,
        },
        "errata": [vars(erratum) for erratum in theorem.errata],
        "notation": dict(theorem.letters),
        "reference": {"key": theorem.paper.id, **vars(source)},
        "units_consistent": {"yes": True, "no": False}.get(answer, answer),
    }


def _term_as_json(term: Term, letters: Letters) -> dict[str, Any]:
    whole = TermFacts.of(term.name, term.expression)
    found: dict[str, Any] = {
        "name": term.name,
        "latex": display.latex(term.expression, letters),
        "text": display.text(term.expression),
        "exponents": {name: exponent_text(power) for name, power in whole.exponents.items()},
        "coefficient": display.text(whole.coefficient),
        "other_factors": [display.text(factor) for factor in whole.factors],
    }
    if len(term.branches) > 1:
        found["branches"] = [
            {
                "latex": display.latex(branch.expression, letters),
                "exponents": {name: exponent_text(power) for name, power in branch.exponents.items()},
            }
            for branch in branch_facts(term)
        ]
    return found
