"""How verdicts, findings and sweeps show themselves in a notebook: small tables, in HTML and in LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def text_table(title: str, rows: Mapping[str, str]) -> str:
    """The same as plain text.

    >>> print(text_table("consistent", {"K": "1", "empty": ""}))
    consistent
      K  1
    """
    shown = {name: text for name, text in rows.items() if text}
    size = max(map(len, shown), default=0)
    return "\n".join([title, *(f"  {name.ljust(size)}  {text}" for name, text in shown.items())])


def html_rows(title: str, rows: Sequence[Mapping[str, str]]) -> str:
    """A bold title over a table with a column for each key.

    >>> html_rows("", [{"K": "1 < 2"}])
    '<div><table><tr><th>K</th></tr><tr><td style="text-align: left">1 &lt; 2</td></tr></table></div>'
    """
    columns = list(rows[0]) if rows else []
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td {LEFT}>{escape(row[name])}</td>' for name in columns)}</tr>" for row in rows)
    return f"<div>{f'<b>{escape(title)}</b>' if title else ''}<table><tr>{head}</tr>{body}</table></div>"


def text_rows(rows: Sequence[Mapping[str, str]]) -> str:
    """The same as plain text in columns; empty columns are left out.

    >>> print(text_rows([{"along": "K", "measured": "-1"}, {"along": "R^2", "measured": "0"}]))
    along  measured
    K      -1
    R^2    0
    """
    columns = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    sizes = [max(len(name), *(len(row[name]) for row in rows)) for name in columns]
    lines = [columns, *([row[name] for name in columns] for row in rows)]
    return "\n".join(
        "  ".join(cell.ljust(size) for cell, size in zip(line, sizes, strict=True)).rstrip() for line in lines
    )


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
