"""How verdicts, findings and sweeps show themselves in a notebook: small tables, in HTML and in LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

LATEX = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"} | {sign: f"\\{sign}" for sign in "&%$#_{}"}
LEFT = 'style="text-align: left"'  # a notebook sets cells flush right unless told otherwise


def html_table(title: str, rows: Mapping[str, str]) -> str:
    """A bold title over a table with one row for each entry; empty entries are left out.

    >>> html_table("a < b", {"K": "1", "empty": ""})
    '<div><b>a &lt; b</b><table><tr><th>K</th><td style="text-align: left">1</td></tr></table></div>'
    """
    cells = (f"<tr><th>{escape(name)}</th><td {LEFT}>{escape(text)}</td></tr>" for name, text in rows.items() if text)
    return f"<div><b>{escape(title)}</b><table>{''.join(cells)}</table></div>"


def latex_table(title: str, rows: Mapping[str, str]) -> str:
    r"""The same as a LaTeX array of texts.

    >>> latex_table("x_1", {"K": "50 %"})
    '$\\displaystyle\\begin{array}{ll}\\text{x\\_1}\\\\\\text{K}&\\text{50 \\%}\\end{array}$'
    """
    lines = [rf"\text{{{_plain(title)}}}"]
    lines += [rf"\text{{{_plain(name)}}}&\text{{{_plain(text)}}}" for name, text in rows.items() if text]
    return r"$\displaystyle\begin{array}{ll}" + r"\\".join(lines) + r"\end{array}$"


def _plain(text: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in text)
