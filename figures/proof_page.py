"""The proofs of what the catalogue calls own or re-derived as pages of the report: from Markdown, with MathML."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markupsafe import Markup
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tightrate.figures.html import page


def proofs() -> list[str]:
    """The papers that have a page of proofs."""
    names = (entry.name for entry in files("tightrate.rates").joinpath("proofs").iterdir())
    return sorted(name.removesuffix(".md") for name in names if name.endswith(".md") and name != "README.md")


def proof_page(name: str, has_claims: bool = True) -> str:
    """One page of proofs; each section has the anchor that statements link to.

    >>> "<math" in proof_page("dekel2012"), 'id="fixed-step"' in proof_page("dekel2012")
    (True, True)
    """
    text = files("tightrate.rates").joinpath("proofs", f"{name}.md").read_text(encoding="utf-8")
    body = _markdown().render(re.sub(r"\]\((\w+)\.md(#[\w-]+)\)", r"](\1.html\2)", text))
    return page("proofs.html", name=name, has_claims=has_claims, body=Markup(body))


def _markdown() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.use(anchors_plugin, max_level=3)
    return reader.use(dollarmath_plugin, renderer=_formula, allow_space=False)


def _formula(latex: str, options: dict[str, Any]) -> str:
    return convert(latex, display="block" if options["display_mode"] else "inline")
