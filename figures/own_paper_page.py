"""The page of a paper of your own: the parts that a claim has in the report, and how the formula compares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from markupsafe import Markup
from matplotlib.figure import Figure

from tightrate.common.errors import TightrateError
from tightrate.common.files import write_whole
from tightrate.figures.figure import FIGURES, FORMATS, FigureSpec, save
from tightrate.figures.html import page, sentence
from tightrate.figures.output_folder import publish
from tightrate.figures.style import Columns
from tightrate.rates.symbols.monomial import monomial
from tightrate.verify.findings_json import finding_as_json
from tightrate.verify.own_papers import OwnFinding
from tightrate.verify.session import Session
from tightrate.verify.sweep.run import provenance
from tightrate.verify.trial import TRIAL

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


def write_page(folder: Path, found: Sequence[OwnFinding], session: Session, papers: Sequence[Path]) -> Path:
    """Publish index.html with its figures, the data behind each and the verdicts as JSON; returns the page's path.

    Like the report of all claims it replaces a folder only if nobody has changed anything there.
    """
    if (folder / OF_THE_REPORT).exists():
        raise TightrateError(f"{folder} holds the report of all claims; give another folder for a paper of your own")
    publish(lambda fresh: _write(fresh, found, session, papers), folder)
    return folder / "index.html"


def _write(folder: Path, found: Sequence[OwnFinding], session: Session, papers: Sequence[Path]) -> None:
    names = dict.fromkeys(one.finding.claim.paper for one in found)
    surprising = sum(not one.finding.as_expected for one in found)
    lead = f"{len(found)} claim{'s' if len(found) > 1 else ''}, " + (
        f"{surprising} with another verdict than expected" if surprising else "every verdict as expected"
    )
    making = [("seed", str(session.seed)), *provenance().items()]
    claims = [_shown(one, folder, session, papers) for one in found]
    text = page("own_paper.html", name=", ".join(names), lead=lead, claims=claims, making=making)
    verdicts = json.dumps([finding_as_json(one.finding) for one in found], indent=2, ensure_ascii=False)
    write_whole(folder / "index.html", lambda part: part.write_text(text, encoding="utf-8"))
    write_whole(folder / "verdicts.json", lambda part: part.write_text(verdicts + "\n", encoding="utf-8"))


def _shown(found: OwnFinding, folder: Path, session: Session, papers: Sequence[Path]) -> dict[str, Any]:
    """What the template shows of one claim; the figures of its experiments are saved beside the page."""
    claim = found.finding.claim
    pictures = [picture for data in found.results for picture in _pictures(found, data, folder / "figures")]
    options = "".join(f" --paper {path}" for path in papers) + _options(session)
    return {
        "found": found,
        "key": claim.id.partition("/")[2],
        "undecided": found.unchecked if found.checked is None else "",
        "terms": _terms(found),
        "neighbours": _neighbours(found),
        "procedure": claim.procedure,
        "pictures": pictures,
        "command": f"tightrate verify {claim.id}{options}",
    }


def _pictures(found: OwnFinding, data: xr.Dataset, folder: Path) -> Iterator[dict[str, Any]]:
    """The figures of an experiment: measured and bound where it is a trial, and those that draw it."""
    claim = found.finding.claim
    specs = [spec for spec in FIGURES.entries().values() if spec.experiment.name == data.attrs["experiment"]]
    if TRIAL in data.attrs:
        needs = (f"{data.attrs['measure']}_mean", "bound")
        name = claim.id.replace("/", "-")
        specs.insert(0, FigureSpec(name, claim.statement, "", claim.data[0], needs, measured_and_bound))
    for spec in specs:
        paths = save(spec, data, folder, FORMATS)
        drawing = next(path for path in paths if path.suffix == ".svg").read_text(encoding="utf-8")
        yield {"drawing": Markup(drawing[drawing.index("<svg") :]), "files": [path.name for path in paths]}


def _options(session: Session) -> str:
    default = Session()
    profile = "" if session.profile == default.profile else f" --profile {session.profile}"
    return profile + ("" if session.seed == default.seed else f" --seed {session.seed}")


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
