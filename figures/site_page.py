"""The documentation's page of all figures, with captions and the claims on the same data, from a finished report."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tightrate.common.files import write_whole
from tightrate.figures.figure import FIGURES, FigureSpec
from tightrate.figures.report import small_picture
from tightrate.rates.formulas.inline import as_markdown
from tightrate.rates.pages.markdown import GENERATED, page
from tightrate.rates.pages.paper_pages import PICTURES, statement_link
from tightrate.verify.cache.netcdf import load_dataset
from tightrate.verify.claim import Claim
from tightrate.verify.registry import CLAIMS

COMMAND = "python -m tightrate.figures.site_page report docs"
SIZE = (1200, 1200)  # pixels at most
COLORS = 64


def figure_page(report: Path) -> str:
    """The page, in the order of the files that describe the figures; pictures lie in figures/ beside it."""
    specs = sorted(FIGURES.entries().values(), key=lambda spec: (spec.draw.__module__, spec.name))
    return page(
        GENERATED.format(command=COMMAND),
        "# Figures",
        "Drawn by `make reproduce` from the runs that the claims are judged on. `tightrate figure NAME` draws one as"
        " PDF, PNG or SVG for one or two columns of a paper, with the data and the caption beside it.",
        *(part for spec in specs for part in _section(spec, report)),
    )


def _section(spec: FigureSpec, report: Path) -> Iterator[str]:
    yield f"## {as_markdown(spec.title)}"
    if _data(report, spec).is_file():
        yield f"![{as_markdown(spec.title)}](figures/{spec.name}.png)"
        yield as_markdown(spec.caption_for(load_dataset(_data(report, spec))))
    else:
        yield "In the full report only."
    claims = [CLAIMS[name] for name in CLAIMS.names()]
    about = ", ".join(_link(claim) for claim in claims if spec.experiment in claim.data)
    yield f"`tightrate figure {spec.name}`" + (f"; claims on the same data: {about}." if about else "")


def _link(claim: Claim) -> str:
    return statement_link(claim.theorem_id, text=claim.id)


def figures_of_statements(report: Path) -> dict[str, list[list[str]]]:
    """For each statement the figures that are drawn from its claims' runs, as the pages of statements show them."""
    found: dict[str, list[list[str]]] = {}
    for spec in FIGURES.entries().values():
        if _data(report, spec).is_file():
            about = {CLAIMS[name].theorem_id for name in CLAIMS.names() if spec.experiment in CLAIMS[name].data}
            about |= {spec.letters_of} - {""}
            for statement in about:
                found.setdefault(statement, []).append([spec.name, as_markdown(spec.title)])
    return {statement: found[statement] for statement in sorted(found)}


def _data(report: Path, spec: FigureSpec) -> Path:
    return report / "figures" / f"{spec.name}.nc"


def write(report: Path, docs: Path) -> None:
    """figures.md, and small pictures of all figures in figures/."""
    (docs / "figures").mkdir(parents=True, exist_ok=True)
    for name in FIGURES.names():
        picture = report / "figures" / f"{name}.png"
        if picture.is_file():
            write_whole(docs / "figures" / f"{name}.png", partial(small_picture, picture, SIZE, COLORS))
    (docs / "figures.md").write_text(figure_page(report), encoding="utf-8")
    (docs / PICTURES).write_text(json.dumps(figures_of_statements(report), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = ArgumentParser(prog=COMMAND.rpartition(" report")[0], description=__doc__)
    parser.add_argument("report", type=Path, help="a report that tightrate reproduce has written")
    parser.add_argument("docs", type=Path, help="where figures.md and figures/ go")
    given = parser.parse_args()
    write(given.report, given.docs)
