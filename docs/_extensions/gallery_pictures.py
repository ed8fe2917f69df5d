"""Pictures in the gallery: every figure that an example names is shown after the block that names it."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

from tightrate.figures.style import styled


def named_figures(_block: Any, variables: dict[str, Any], gallery: dict[str, Any]) -> str:
    """Save the figures among the example's variables that no earlier block showed."""
    shown = variables.setdefault("shown_figures", [])
    paths = []
    for value in list(variables["example_globals"].values()):
        if isinstance(value, Figure) and not any(value is known for known in shown):
            shown.append(value)
            path = next(variables["image_path_iterator"])
            with styled():
                value.savefig(path, dpi=200)
            paths.append(path)
    return figure_rst(paths, gallery["src_dir"]) if paths else ""
