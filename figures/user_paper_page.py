"""The page of a paper of your own: the parts that a claim has in the report, and how the formula compares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from tightrate.common.errors import TightrateError
from tightrate.common.json_types import as_json
from tightrate.figures.figure import FigureSpec, save
from tightrate.figures.markup import definitions, element, evidence, exact, paragraphs, prose, table
from tightrate.figures.output_folder import publish
from tightrate.figures.report_page import theorem_section
from tightrate.figures.style import Columns
from tightrate.rates.symbols.monomial import monomial
from tightrate.verify.cache.netcdf import write_whole
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
    style = files("tightrate.figures").joinpath("report.css").read_text(encoding="utf-8")
    name = found[0].theorem.paper.id
    surprising = sum(not one.finding.as_expected for one in found)
    lead = f"{len(found)} claim{'s' if len(found) > 1 else ''}, " + (
        f"{surprising} with another verdict than expected" if surprising else "every verdict as expected"
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>\n{style}</style>"
    )
    eyebrow = element("p", "tightrate report: a paper of your own", class_="eyebrow")
    header = element("header", eyebrow, element("h1", escape(name)), element("p", lead, class_="lead"))
    body = element("body", header, element("main", *(_section(one, folder) for one in found), _making(found)))
    text = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n{body}</html>\n'
    verdicts = json.dumps([finding_as_json(one.finding) for one in found], indent=2, ensure_ascii=False)
    write_whole(folder / "index.html", lambda part: part.write_text(text, encoding="utf-8"))
    write_whole(folder / "verdicts.json", lambda part: part.write_text(verdicts + "\n", encoding="utf-8"))


def _section(found: OwnFinding, folder: Path) -> str:
    finding = found.finding
    claim, verdict = finding.claim, finding.verdict
    key = claim.id.partition("/")[2]
    spec = FigureSpec(
        key, claim.statement, "", claim.data[0], (f"{found.results.attrs['measure']}_mean",), measured_and_bound
    )
    paths = save(spec, found.results, folder / "figures", FORMATS)
    drawing = next(path for path in paths if path.suffix == ".svg").read_text(encoding="utf-8")
    saved = ", ".join(element("a", escape(path.name), href=f"figures/{path.name}") for path in paths)
    interval = {"interval": "{:.4g} to {:.4g}".format(*verdict.interval)} if verdict.interval else {}
    unexpected = "" if finding.as_expected else f" {element('span', 'unexpected', class_='unexpected')}"
    parts = [
        element("h2", escape(key)),
        element("h4", "Claim"),
        element("p", prose(claim.statement)),
        element(
            "p",
            element("span", escape(verdict.status), class_=f"verdict is-{verdict.status}"),
            element("span", f"expected: {escape(claim.expected)}{unexpected}"),
            element("span", escape(claim.kind), class_="soft"),
            element("span", f"{finding.seconds:.1f} s", class_="soft"),
            class_="status-line",
        ),
        element("p", element("strong", "Verdict."), " ", prose(verdict.sentence)),
        element("h4", "Theorem"),
        theorem_section(found.theorem),
        _terms(found),
        _neighbours(found),
        element("h4", "How it was tested"),
        paragraphs(_procedure(found)),
        element("h4", "Numbers"),
        evidence({"predicted": verdict.predicted, "measured": verdict.measured, **interval} | dict(verdict.evidence)),
        element(
            "figure",
            drawing[drawing.index("<svg") :],
            element("figcaption", element("p", f"Files: {saved}.", class_="soft small")),
        ),
    ]
    if verdict.witness is not None:
        parts += [element("h4", "Witness"), exact(as_json(verdict.witness))]
    parts += [
        element("h4", "Run it again"),
        element("pre", escape(f"tightrate verify --paper {found.theorem.provenance.where}{_seed(found)}")),
    ]
    return element("section", *parts)


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


def _making(found: Sequence[OwnFinding]) -> str:
    facts = {"seed": str(found[0].results.attrs["seed"]), **{name: escape(one) for name, one in provenance().items()}}
    return element("section", element("h2", "How this was made"), definitions(facts))


def _terms(found: OwnFinding) -> str:
    if found.checked is None:
        return element("p", prose(f"The order algebra cannot decide this formula: {found.unchecked}"))
    rows = []
    for term, checked in zip(found.theorem.bound.terms, found.checked.terms, strict=True):
        powers = ", ".join(f"{name}^({power})" for name, power in monomial(term.expression).exponents.items())
        unit = checked.unit_error or str(checked.unit)
        answers = {True: "yes", False: "no", None: "undecided"}
        rows.append((escape(term.name), prose(powers), escape(unit), answers[checked.dominated]))
    return table(("term", "exponents", "unit", "dominated by the others"), rows, label="terms")


def _neighbours(found: OwnFinding) -> str:
    if found.checked is None:
        return ""
    if not found.checked.neighbours:
        return element("p", "No bound of the catalogue for the same measure compares with it.")
    words = {"A~B": "the same order as", "A<=B": "at most the order of", "A>=B": "at least the order of"}
    rows = [(words[one.relation], escape(one.theorem.id), one.theorem.bound.kind) for one in found.checked.neighbours]
    return table(("this bound is", "statement", "kind"), rows, label="neighbours in the catalogue")
