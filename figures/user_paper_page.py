"""The page of a paper of your own: the parts that a claim has in the report, and how the formula compares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from markupsafe import Markup
from matplotlib.figure import Figure

from tightrate.common.errors import TightrateError
from tightrate.common.files import write_whole
from tightrate.figures.figure import FigureSpec, save
from tightrate.figures.html import page, sentence
from tightrate.figures.output_folder import publish
from tightrate.figures.style import Columns
from tightrate.rates.symbols.monomial import monomial
from tightrate.verify.findings_json import finding_as_json
from tightrate.verify.session import Session
from tightrate.verify.sweep.run import provenance
from tightrate.verify.user_paper.judge import OwnFinding

FORMATS = ("pdf", "png", "svg")
OF_THE_REPORT = "reproduction.md"  # a file that only the report of all claims has


def measured_and_bound(data: xr.Dataset, columns: Columns) -> Figure:
    """Measured values (dots) and the bound (lines) along the longest axis, one colour for each value of the next one.

    Further axes stay at their first value.
    """
    measure = data.attrs["measure"]
    measured, error = data[f"{measure}_mean"], data[f"{measure}_stderr"]
    names = sorted(map(str, measured.dims), key=lambda name: -measured.sizes[name])
    along, beside = names[0], names[1] if len(names) > 1 else None
    picture = Figure(figsize=(3.4 * columns if columns == 1 else 5.2, 3.4), layout="constrained")
    ax = picture.add_subplot()
    for index, value in enumerate(data[beside].values if beside else [None]):
        line = {**dict.fromkeys(names[2:], 0), **({beside: index} if beside else {})}
        label = f"{beside} = {value:g}" if beside else "measured"
        ax.plot(data[along], data.bound.isel(line), color=f"C{index}")
        ax.errorbar(data[along], measured.isel(line), 2 * error.isel(line), fmt="o", color=f"C{index}", label=label)
    ax.set(xscale="log", yscale="log", xlabel=along, ylabel=measure)
    ax.legend(title="dots: measured, lines: bound")
    return picture


def write_page(folder: Path, found: Sequence[OwnFinding]) -> Path:
    """Publish index.html with its figures, the data behind each and the verdicts as JSON; returns the page's path.

    Like the report of all claims it replaces a folder only if nobody has changed anything there.
    """
    if (folder / OF_THE_REPORT).exists():
        raise TightrateError(f"{folder} holds the report of all claims; give another folder for a paper of your own")
    publish(lambda fresh: _write(fresh, found), folder)
    return folder / "index.html"


def _write(folder: Path, found: Sequence[OwnFinding]) -> None:
    name = found[0].theorem.paper.id
    surprising = sum(not one.finding.as_expected for one in found)
    lead = f"{len(found)} claim{'s' if len(found) > 1 else ''}, " + (
        f"{surprising} with another verdict than expected" if surprising else "every verdict as expected"
    )
    making = [("seed", str(found[0].results.attrs["seed"])), *provenance().items()]
    claims = [_shown(one, folder) for one in found]
    text = page("user_paper.html", name=name, lead=lead, claims=claims, making=making)
    verdicts = json.dumps([finding_as_json(one.finding) for one in found], indent=2, ensure_ascii=False)
    write_whole(folder / "index.html", lambda part: part.write_text(text, encoding="utf-8"))
    write_whole(folder / "verdicts.json", lambda part: part.write_text(verdicts + "\n", encoding="utf-8"))


def _shown(found: OwnFinding, folder: Path) -> dict[str, Any]:
    """What the template shows of one claim; its figure is saved beside the page."""
    claim = found.finding.claim
    key = claim.id.partition("/")[2]
    spec = FigureSpec(
        key, claim.statement, "", claim.data[0], (f"{found.results.attrs['measure']}_mean",), measured_and_bound
    )
    paths = save(spec, found.results, folder / "figures", FORMATS)
    drawing = next(path for path in paths if path.suffix == ".svg").read_text(encoding="utf-8")
    return {
        "found": found,
        "key": key,
        "undecided": found.unchecked if found.checked is None else "",
        "terms": _terms(found),
        "neighbours": _neighbours(found),
        "procedure": _procedure(found).split("\n\n"),
        "drawing": Markup(drawing[drawing.index("<svg") :]),
        "files": [path.name for path in paths],
        "command": f"tightrate verify --paper {found.theorem.provenance.where}{_seed(found)}",
    }


def _procedure(found: OwnFinding) -> str:
    """What was run and how it was judged, in words."""
    data = found.results
    grid = ", ".join(f"{size} values of {name}" for name, size in data.bound.sizes.items())
    sampled = bool((data[f"{data.attrs['measure']}_stderr"] > 0).any())
    how = "the mean over replicas, with its standard error" if sampled else "the expectation in closed form"
    noise = f" with {data.attrs['noise']} noise" if data.attrs["noisy"] else ""
    judged = (
        "The bound is compared by value in every cell; five standard errors on the wrong side are a violation."
        if found.theorem.bound.constants == "explicit"
        else "Constants are hidden: the exponents along the axes are compared with those of the dominating term."
    )
    return (
        f"{data.attrs['algorithm']}{noise} was run in {data.bound.size} cells ({grid}); measured is {how} of the"
        f" {found.theorem.bound.measure.meaning}, {data.attrs['output']} iterate.\n\nThe theorem's conditions were"
        f" checked in every cell at the instance's own constants. {judged}"
    )


def _seed(found: OwnFinding) -> str:
    default = Session().seed
    return "" if found.results.attrs["seed"] == default else f" --seed {found.results.attrs['seed']}"


def _terms(found: OwnFinding) -> list[list[str]]:
    rows = []
    for term, checked in zip(found.theorem.bound.terms, found.checked.terms if found.checked else (), strict=False):
        powers = ", ".join(f"${name}^({power})$" for name, power in monomial(term.expression).exponents.items())
        unit = checked.unit_error or str(checked.unit)
        answers = {True: "yes", False: "no", None: "undecided"}
        rows.append([term.name, sentence(powers), unit, answers[checked.dominated]])
    return rows


def _neighbours(found: OwnFinding) -> list[list[str]]:
    words = {"A~B": "the same order as", "A<=B": "at most the order of", "A>=B": "at least the order of"}
    neighbours = found.checked.neighbours if found.checked else ()
    return [[words[one.relation], one.theorem.id, one.theorem.bound.kind] for one in neighbours]
