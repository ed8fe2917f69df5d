"""The documentation site: pages in Markdown, examples that are run, and the interface from the docstrings."""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "tightrate"
copyright = "The tightrate authors"
author = "The tightrate authors"
release = version_of("tightrate")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "statement_search",
]
exclude_patterns = ["_build", "gallery/**/*.py", "**/README.txt"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

# Markdown: formulas between dollars, links to headings by the anchors that code hosts use too.
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

# The interface: signatures with types, members in the order of the source.
autosummary_generate = True
autodoc_member_order = "bysource"
napoleon_use_ivar = True  # an attribute that a class lists is described once, whether or not it has a value
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "ignore-module-all": True}
default_role = "code"

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": "/",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "download_all_examples": False,
    "plot_gallery": True,
    "image_scrapers": ("gallery_pictures.named_figures",),
    "within_subsection_order": "FileNameSortKey",
    "min_reported_time": 1e6,
}

html_theme = "furo"
html_title = "tightrate"
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]

warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")


def keep_bars(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: bars are norms in them, not references, and stars are optima."""
    for index, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[index] = line.replace("|", r"\|").replace("*", r"\*")


def setup(app: Any) -> None:
    """Hook into the reading of docstrings, before they are taken for reStructuredText."""
    app.connect("autodoc-process-docstring", keep_bars, priority=100)
