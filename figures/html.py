"""Pages from templates: jinja2 with everything escaped, and what the templates need to show formulas and numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tightrate.common.json_types import as_json
from tightrate.rates.formulas import display
from tightrate.rates.formulas.inline import as_html, as_text, dollared
from tightrate.rates.pages.theorem_facts import HIDDEN, facts, in_html, sign
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.verify.claim import Finding


def page(template: str, **context: Any) -> str:
    """A template filled in."""
    return _environment().get_template(template).render(style=style(), version=version("tightrate"), **context)


def style() -> Markup:
    """The style sheet of all pages."""
    return Markup(files("tightrate.figures").joinpath("report.css").read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    environment = Environment(loader=PackageLoader("tightrate.figures"), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {
        "sentence": sentence,
        "in_text": as_text,
        "verdict_text": verdict_text,
        "capitalized": lambda text: text[:1].upper() + text[1:],
        "number": number,
        "formula": _formula,
        "letter": lambda name, letters=None: Markup(display.mathml(LETTERS[name].symbol, letters)),
        "meaning": lambda name: LETTERS[name].meaning,
        "sign": sign,
        "hidden": lambda bound: HIDDEN[bound.constants],
        "facts": theorem_facts,
        "expression": lambda expression: Markup(display.mathml(expression)),
        "share": share,
        "percent": percent,
        "anchor": lambda name: name.replace("/", "--"),
        "exact": exact,
        "evidence": lambda finding: evidence(summary(finding) | dict(finding.verdict.evidence)),
    }
    return environment


def sentence(text: str) -> Markup:
    """A sentence with its formulas in MathML."""
    return Markup(as_html(text))


def verdict_text(text: str) -> Markup:
    """A verdict's short text: what is mathematics is typeset, too, where no dollar signs say so."""
    return sentence(dollared(text))


@cache
def _formula_of(expressions: tuple[Any, ...], letters: tuple[tuple[str, str], ...]) -> Markup:
    return Markup(display.sum_mathml(expressions, dict(letters)))


def _formula(bound: Bound, letters: Mapping[str, str]) -> Markup:
    return _formula_of(bound.expressions, tuple(sorted(letters.items())))


def theorem_facts(theorem: Theorem, home: str = "") -> list[tuple[str, Markup]]:
    """The facts of a theorem as the pages list them; `home` leads from the page to the report's folder."""
    found = [(fact.name, Markup(in_html(fact.content))) for fact in facts(theorem)]
    page_of_proof, _, section = theorem.provenance.proof.partition("#")
    links = {"proof": f"{home}{page_of_proof}.html#{section.lower()}", "paper": theorem.paper.reference.url}
    return [
        (name, Markup('<a href="{}">{}</a>').format(links[name], told) if links.get(name) else told)
        for name, told in found
    ]


LEAST_SHOWN = 1e-4  # of a bound used: the left end of the bar


def share(used: float) -> str:
    """The length of a bar, in percent, for how much of a bound was used: logarithmic, from a ten-thousandth to all.

    >>> share(1.0), share(0.01), share(1e-9)
    ('100', '50', '0')
    """
    return f"{100 * max(0.0, 1 - math.log(min(used, 1.0)) / math.log(LEAST_SHOWN)):.0f}"


def percent(used: float) -> str:
    """How much of a bound was used, in two digits.

    >>> percent(0.6194), percent(0.99999), percent(3.2e-6)
    ('62 %', '100 %', 'less than 0.01 %')
    """
    return f"{100 * used:.2g} %".replace("1e+02", "100") if used >= LEAST_SHOWN else "less than 0.01 %"


def number(value: Any) -> Markup:
    """A value of a result.

    >>> print(number(1500), number(float("inf")), number(True), number(None))
    1500 ∞ yes –
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Markup("–")
    if isinstance(value, bool):
        return Markup("yes" if value else "no")
    if isinstance(value, float):
        if math.isinf(value):
            return Markup("∞" if value > 0 else "−∞")
        return sentence(f"{value:.4g}".replace("-", "−") if "e" not in f"{value:.4g}" else f"${value:.4g}$")
    if isinstance(value, Mapping):
        return Markup(", ").join(
            Markup("{} {}").format(verdict_text(str(name)), number(one)) for name, one in value.items()
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Markup(", ").join(map(number, value))
    return verdict_text(str(value))


def exact(values: Mapping[str, Any]) -> str:
    """Values to every digit, one to a line, as a third party needs them."""
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in as_json(values).items())


@dataclass(frozen=True)
class Evidence:
    """Numbers as a list, groups of numbers that share their keys as a table, what is nested deeper folded away."""

    single: Sequence[tuple[str, Markup]]
    columns: Sequence[str | Markup]
    groups: Sequence[Sequence[Any]]
    folded: Sequence[tuple[str, str]]


def evidence(numbers: Mapping[str, Any]) -> Evidence:
    """The numbers behind a verdict, arranged for a page."""
    groups = {name: value for name, value in numbers.items() if isinstance(value, Mapping)}
    folded = {name: value for name, value in numbers.items() if name not in groups and _is_nested(value)}
    said = ("predicted", "measured", "verdict", "sentence")  # above the numbers, too
    shown = [name for name in numbers if name not in groups and name not in folded and name not in said]
    single = [(dollared(name), number(numbers[name])) for name in shown]
    inside = {f"{name}: {key}": value for name, group in groups.items() for key, value in group.items()}
    folded |= {label: value for label, value in inside.items() if _is_nested(value)}
    deep = {key for group in groups.values() for key, value in group.items() if _is_nested(value)}
    columns = [key for key in dict.fromkeys(key for group in groups.values() for key in group) if key not in deep]
    rows = [[verdict_text(name), *(number(group.get(key)) for key in columns)] for name, group in groups.items()]
    told = [(name, json.dumps(as_json(value), default=str)) for name, value in folded.items()]
    head = ["", *map(verdict_text, columns)]
    if len(columns) > len(rows):  # a page is taller than it is wide
        head, rows = (
            ["", *(row[0] for row in rows)],
            [list(cells) for cells in zip(map(verdict_text, columns), *(row[1:] for row in rows), strict=True)],
        )
    return Evidence(single, head, rows, told)


def _is_nested(value: Any) -> bool:
    """Whether a value has parts with parts of their own, as a certificate has: no table can show it."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(isinstance(part, Mapping | list | tuple) for part in parts)


def summary(finding: Finding) -> dict[str, Any]:
    """What a verdict predicted and measured."""
    verdict = finding.verdict
    return {"predicted": verdict.predicted, "measured": verdict.measured}
