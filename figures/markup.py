"""HTML by small functions: escaping, prose with formulas in ASCII, numbers, tables of evidence."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "Gamma": "Γ", "Delta": "Δ", "Xi": "Ξ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ",
}  # fmt: skip
SUBSCRIPTS = {"inf": "∞", "star": "⋆", "*": "⋆", "-": "−"}
SIGNS = (
    ("&lt;=", "≤"), ("&gt;=", "≥"), ("&lt;~", "≲"), ("&gt;~", "≳"), ("!=", "≠"), ("-&gt;", "→"),
    ("||", "‖"), ("+-", "±"), (" * ", " · "),
)  # fmt: skip

_NAMES = "|".join(GREEK)
# A name of code: words joined by underscores that no formula has.
_IDENTIFIER = re.compile(
    rf"(\b(?:(?!(?:{_NAMES}|sum|mean|max|min)_)[A-Za-z]{{2,}}|[A-Za-z]+_[A-Za-z]{{2,}})_[A-Za-z]{{2,}}\b)"
)
# A Greek letter by name, its digit an index (beta1); not the first part of a name like zeta-quadratic-pair.
_GREEK = re.compile(rf"(?<![^\W_])({_NAMES})(?:(\d)(?!\d))?(?![a-z]|-[a-z]+-[a-z])")
_INDEX = re.compile(
    r"(?<=[\w|‖)⋆])_(?:\{([^{}]*)\}|(inf|star|opt|min|max|mean|scaled|[A-Za-zα-ω0-9∞](?![A-Za-z0-9])|[*+-](?![\w(])))"
)
_POWER = re.compile(r"\^(-?)(?:\(((?:[^()]|\([^()]*\))*)\)|\{([^{}]*)\}|(\d+(?:\.\d+)?|[^\W\d_]\b|[a-z]{2,}\b))")
_MINUS = re.compile(
    r"(?<=[ (])-(?=[ \d(√α-ω]|&lt;)|^-(?=\d)|(?:(?<=\b[A-Za-z\d])|(?<=[α-ω)])|(?<=</sub>))-(?=[A-Za-z\d]\b|[α-ω])"
)


def element(tag: str, *content: str, **attributes: str | None) -> str:
    """An element around content that is HTML already; `class_` and `aria_label` become class and aria-label.

    >>> element("a", "gap", href="#x", class_="claim")
    '<a href="#x" class="claim">gap</a>'
    """
    shown = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{shown}>{''.join(content)}</{tag}>"


def prose(text: str) -> str:
    """Plain text with ASCII formulas as HTML: Greek letters, indices, powers and signs; `code` in backquotes.

    >>> prose("|x_inf - x*| <= zeta_1 / mu^2 with `eta`")
    '|x<sub>∞</sub> − x⋆| ≤ ζ<sub>1</sub> / μ<sup>2</sup> with <code>eta</code>'
    """
    pieces = [
        piece
        for i, part in enumerate(text.split("`"))
        for piece in (((True, part),) if i % 2 else _with_identifiers(part))
    ]
    return "".join(element("code", escape(part)) if code else _formulas(escape(part)) for code, part in pieces)


def _with_identifiers(text: str) -> list[tuple[bool, str]]:
    """The text in pieces, each with whether it is a name of code."""
    return [(bool(i % 2), part) for i, part in enumerate(_IDENTIFIER.split(text))]


def _formulas(text: str) -> str:
    for plain, sign in SIGNS:
        text = text.replace(plain, sign)
    text = re.sub(r"(?<=[\w)])\*(?=[\w(])", " ", text.replace("**", "^"))
    text = re.sub(r"\bn\^(-?\d+/\d+)", r"n^(\1)", text)  # n runs along a path; its exponent may be a fraction
    text = re.sub(r"\btau_bar\b", "τ̄", text)
    text = re.sub(r"\bsum_", "Σ_", re.sub(r"\bsqrt\(", "√(", text))
    text = _GREEK.sub(lambda found: GREEK[found[1]] + (f"_{found[2]}" if found[2] else ""), text)
    text = re.sub(r"\b([xfFθ])(_m)?\*(?![\w(*])", r"\1\2⋆", text)
    text = _INDEX.sub(_index, text)
    text = re.sub(r"\binf\b", "∞", text)
    text = _POWER.sub(_power, text)
    text = re.sub(
        r"(?:(?<![\d.])(1)|(?<=\d))e([+-]?)0*(\d+)\b",
        lambda found: f"{'' if found[1] else '·'}10<sup>{'−' if found[2] == '-' else ''}{found[3]}</sup>",
        text,
    )
    text = re.sub(r"\bgrad (?=[fF]\b|[fF]&|[fF]<)", "∇", text)
    return _MINUS.sub("−", re.sub(r"(?<=[ (]\d)-(?=\d[ ,.;)])", "–", text))


def _index(found: re.Match[str]) -> str:
    if found[2] == "*":
        return "⋆"
    written = found[1] or found[2]
    return element("sub", SUBSCRIPTS.get(written, written.replace("-", "−")))


def _power(found: re.Match[str]) -> str:
    sign, nested, braced, plain = found.groups()
    power = f"({nested})" if sign and nested else nested or braced or plain
    return element("sup", (sign + power).replace("-", "−"))


def paragraphs(text: str) -> str:
    """Prose in paragraphs, separated by blank lines."""
    return "".join(element("p", prose(" ".join(part.split()))) for part in re.split(r"\n\s*\n", text) if part.strip())


def number(value: Any) -> str:
    """A value of a result as HTML.

    >>> number(5.697e-12), number(1500), number(float("inf")), number(True)
    ('5.697·10<sup>−12</sup>', '1500', '∞', 'yes')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        return _formulas(f"{value:.4g}")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(number, value))
    return prose(str(value))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, label: str, class_: str | None = None) -> str:
    """A table of cells that are HTML already; the first cell of a row is its header.

    Roles are spelled out because the style sheet turns rows into blocks on narrow screens.
    """
    heads = element("tr", *(element("th", name, scope="col", role="columnheader") for name in head), role="row")
    body = []
    for row in rows:
        first = element("th", row[0], scope="row", role="rowheader")
        rest = (element("td", cell, role="cell", data_label=name) for name, cell in zip(head[1:], row[1:], strict=True))
        body.append(element("tr", first, *rest, role="row"))
    return element(
        "table",
        element("thead", heads, role="rowgroup"),
        element("tbody", *body, role="rowgroup"),
        role="table",
        aria_label=label,
        class_=class_,
    )


def definitions(entries: Mapping[str, str]) -> str:
    """A list of terms with their values, which are HTML already."""
    return element("dl", *(element("div", element("dt", prose(k)), element("dd", v)) for k, v in entries.items()))


def evidence(numbers: Mapping[str, Any]) -> str:
    """Evidence: single numbers as a list, groups of numbers that share their keys as a table.

    What is nested deeper, such as a certificate, is folded away as JSON.
    """
    groups = {name: value for name, value in numbers.items() if isinstance(value, Mapping)}
    folded = {name: value for name, value in numbers.items() if name not in groups and _is_nested(value)}
    single = {name: number(value) for name, value in numbers.items() if name not in groups and name not in folded}
    html = definitions(single) if single else ""
    if groups:
        inside = {f"{name}: {key}": value for name, group in groups.items() for key, value in group.items()}
        folded |= {label: value for label, value in inside.items() if _is_nested(value)}
        deep = {key for group in groups.values() for key, value in group.items() if _is_nested(value)}
        columns = [key for key in dict.fromkeys(key for group in groups.values() for key in group) if key not in deep]
        rows = [[prose(name), *(number(group.get(key)) for key in columns)] for name, group in groups.items()]
        html += table(["", *map(prose, columns)], rows, label="evidence")
    return html + "".join(
        element("details", element("summary", prose(name)), element("pre", escape(json.dumps(value, default=str))))
        for name, value in folded.items()
    )


def _is_nested(value: Any) -> bool:
    """Whether a value has parts with parts of their own, as a certificate has: no table can show it."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return isinstance(value, Mapping) or any(isinstance(part, Mapping | list | tuple) for part in parts)


def exact(values: Mapping[str, Any]) -> str:
    """Values to every digit, one to a line, as a third party needs them."""
    return element("pre", escape("\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())))
