"""Formulas as MathML, which browsers draw by themselves: no script, nothing fetched from elsewhere."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def formula(latex: str, display: str) -> str:
    """A formula as an element; one that is not understood stops the build."""
    try:
        return convert(latex, display=display)
    except Exception as error:
        raise ExtensionError(f"formula not understood: {latex!r} ({type(error).__name__}: {error})") from error


def visit_inline(self: Any, node: nodes.math) -> None:
    """A formula in a line."""
    self.body.append(formula(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(self: Any, node: nodes.math_block) -> None:
    """A formula on lines of its own."""
    self.body.append(f'<div class="math">{formula(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name mathml."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
