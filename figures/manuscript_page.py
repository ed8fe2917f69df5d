"""The page of a manuscript: its bounds in order, typeset, with units, exponents, regimes, neighbours and findings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup

from tightrate.common.errors import TightrateError
from tightrate.common.files import write_whole
from tightrate.figures.html import page
from tightrate.figures.output_folder import publish
from tightrate.rates.formulas import display
from tightrate.rates.manuscripts.claims import Claim, claims
from tightrate.rates.manuscripts.comparison import WORDS
from tightrate.rates.manuscripts.lint import LintResult
from tightrate.rates.manuscripts.statements import Statement
from tightrate.rates.orders.regimes import as_usual
from tightrate.rates.relations.bound_check import CheckedBound, check_display
from tightrate.rates.symbols.alphabet import meaning_of
from tightrate.rates.symbols.hypothesis import Hypothesis
from tightrate.rates.symbols.monomial import monomial

OF_THE_REPORT = "reproduction.md"  # a file that only the report of all claims has
MOST_COMPARED = 100  # statements of a manuscript that are compared with the catalogue
MOST_TERMS = 6  # of such a statement
_SIGNS = {"<=": "≤", ">=": "≥", "<~": "≲", ">~": "≳", "~": "≍", "=": "=", "<": "<", ">": ">"}
_MATHML = "math mrow mi mn mo mtext mspace msup msub msubsup mfrac msqrt mroot mover munder munderover mstyle mpadded"


def write_page(folder: Path, results: Sequence[LintResult], progress: Callable[[int, int], None] | None = None) -> Path:
    """Publish index.html with the findings as JSON; returns the page's path.

    Like the report of all claims it replaces a folder only if nobody has changed anything there.
    """
    if (folder / OF_THE_REPORT).exists():
        raise TightrateError(f"{folder} holds the report of all claims; give another folder for a manuscript")
    publish(lambda fresh: _write(fresh, results, progress), folder)
    return folder / "index.html"


def _write(folder: Path, results: Sequence[LintResult], progress: Callable[[int, int], None] | None) -> None:
    manuscripts = [_manuscript(result, progress) for result in results]
    title = ", ".join(result.path.name for result in results)
    text = page("manuscript.html", title=title, lead=_lead(results), manuscripts=manuscripts)
    findings = json.dumps(
        [one.as_dict() for result in results for one in result.findings], indent=2, ensure_ascii=False
    )
    write_whole(folder / "index.html", lambda part: part.write_text(text, encoding="utf-8"))
    write_whole(folder / "findings.json", lambda part: part.write_text(findings + "\n", encoding="utf-8"))


def _lead(results: Sequence[LintResult]) -> str:
    found = [one for result in results for one in result.findings]
    errors = sum(one.severity == "error" for one in found)
    bounds = sum(result.bounds for result in results)
    judged = f"{bounds} bound{'' if bounds == 1 else 's'}, rates, complexities and step sizes were read"
    if not found:
        return f"{judged}; nothing was found."
    kinds = ((errors, "error"), (len(found) - errors, "warning"))
    counts = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in kinds if count)
    return f"{judged}; {counts} found."


def _manuscript(result: LintResult, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    """What the template shows of one manuscript."""
    document = result.document
    shown = [one for one in document.statements if one.kind != "step size" or one.judged]
    statements = []
    for index, one in enumerate(shown):
        if progress is not None:
            progress(index + 1, len(shown))
        statements.append(_statement(result, one, index < MOST_COMPARED))
    said = [
        [code(one.labels[0]), one.verb, code(one.labels[1]), one.verdict, _why(one), str(one.place)]
        for one in claims(document)
    ]
    symbols = {
        one.key: [latex(one.written), one.words or meaning_of(one.name), str(one.place)] for one in document.definitions
    }
    return {
        "name": result.path.name,
        "findings": [
            [f"{Path(one.place.file).name}:{one.place.line}:{one.place.column}", one.code, one.severity, one.message]
            for one in result.findings
        ],
        "statements": statements,
        "claims": said,
        "symbols": list(symbols.values()),
        "unread": [
            [str(one.formula.place), " ".join(one.formula.latex.split()), one.reason] for one in result.not_understood
        ],
    }


def code(text: str) -> Markup:
    """A text as code."""
    return Markup("<code>{}</code>").format(text)


def _why(claim: Claim) -> str:
    return claim.doubt or f"the first is {WORDS[claim.relation]} the second, up to constants"


def _statement(result: LintResult, one: Statement, compared: bool) -> dict[str, Any]:
    checked = _in_full(result, one) if compared and one.judged and one.checked.units_consistent else one.checked
    letters = {symbol.name: symbol.written for symbol in checked.symbols}
    labels = ", ".join(label.name for label in one.formula.labels)
    rows = [
        [
            term.name,
            _formula([term.expression], letters),
            Markup(", ").join(
                _power(name, power, letters) for name, power in monomial(term.expression).exponents.items()
            ),
            term.unit_error or str(term.unit if term.unit is not None else "unknown"),
            {True: "yes", False: "no", None: "not decided"}[term.dominated],
        ]
        for term in checked.terms
    ]
    regimes = [
        [name, Markup("; and ").join(_either(either, letters) for either in lists) if lists else "always"]
        for name, lists in checked.regimes.items()
        if len(checked.regimes) > 1
    ]
    words = {"A~B": "of the same order as", "A<=B": "at most", "A>=B": "at least"}
    lines = {place.line for place in (one.place, *(term.place for term in one.terms))}
    return {
        "heading": f"{Path(one.place.file).name}:{one.place.line}",
        "labels": labels,
        "kind": one.kind,
        "left": latex(checked.left.text) if checked.left is not None and checked.left.text else Markup(),
        "sign": _sign(one),
        "bound": _formula([term.expression for term in checked.terms], letters),
        "source": " ".join(one.formula.latex.split()),
        "terms": rows,
        "conditions": [latex(condition) for condition in checked.conditions],
        "regimes": regimes,
        "neighbours": [[words[n.relation], n.theorem.id, n.theorem.bound.kind] for n in checked.neighbours],
        "doubt": one.doubt,
        "agree": checked.units_consistent,
        "findings": [
            [f.code, f.message]
            for f in result.findings
            if f.number == one.number and f.place.file == one.place.file and (f.place.line in lines or len(lines) == 1)
        ],
    }


def _in_full(result: LintResult, one: Statement) -> CheckedBound:
    """The statement with its regimes and neighbours, where it is no giant."""
    if len(one.checked.terms) > MOST_TERMS:
        return one.checked
    try:
        found = check_display(one.formula.latex, letters=one.letters, macros=result.document.manuscript.macros)
    except TightrateError:
        return one.checked
    return found[one.part] if one.part < len(found) else one.checked


def _sign(one: Statement) -> str:
    """The relation sign of a statement; an order stands for itself."""
    left = one.checked.left
    if left is None or not left.text:
        return "order" if one.checked.hidden else ""
    return "≲" if one.checked.hidden else "≤" if r"\ge" not in one.formula.latex else "≥"


def _formula(expressions: Sequence[Any], letters: dict[str, str]) -> Markup:
    try:
        return Markup(display.sum_mathml(expressions, letters, block=False))
    except (TightrateError, KeyError, ValueError):
        return Markup(display.sum_mathml(expressions, block=False))


def _power(name: str, power: Any, letters: dict[str, str]) -> Markup:
    return Markup("{}&nbsp;{}").format(latex(letters.get(name, name)), str(power).replace("-", "−"))


def _either(either: Sequence[Hypothesis], letters: dict[str, str]) -> Markup:
    return Markup(" or ").join(_inequality(one, letters) for one in either)


def _inequality(hypothesis: Hypothesis, letters: dict[str, str]) -> Markup:
    left, sign, right = as_usual(hypothesis)
    return _formula([left], letters) + Markup(f" {_SIGNS[sign]} ") + _formula([right], letters)


def latex(text: str) -> Markup:
    r"""An author's formula in MathML; as code where it cannot be typeset or would be anything but MathML.

    >>> print(latex(r"\text{<script>}"), "<math" in latex(r"\bar x_R"))
    <code>\text{&lt;script&gt;}</code> True
    """
    try:
        found = convert(text)
        root = ElementTree.fromstring(found)
    except Exception:  # the converter raises anything on an author's half-written formula
        return Markup(f"<code>{escape(text)}</code>")
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    attributes = {name for element in root.iter() for name in element.attrib}
    if not tags <= set(_MATHML.split()) or any(name.lower().startswith("on") or "href" in name for name in attributes):
        return Markup(f"<code>{escape(text)}</code>")
    return Markup(found)
