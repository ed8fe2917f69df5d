"""A figure: one function from an experiment's results to a picture, and its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.registry import Registry
from tightrate.figures.style import Columns, Family, styled
from tightrate.verify.cache.netcdf import load_dataset, save_dataset, write_whole
from tightrate.verify.experiment import Experiment
from tightrate.verify.session import Profile

Draw = Callable[[xr.Dataset, Columns], Figure]
FORMATS = ("pdf", "png", "svg")


@dataclass(frozen=True)
class FigureSpec:
    """What a figure shows and how it is drawn.

    `draw` makes it, for one or two columns of a paper, from the dataset of `experiment`, of which it needs the
    variables and attributes `needs`; the caption may name attributes of the dataset in braces, as {small_step:g}.
    `cost` is the smallest profile whose report has it: "quick" is in every report, "full" only in the full one.
    """

    name: str
    title: str
    caption: str
    experiment: Experiment
    needs: tuple[str, ...]
    draw: Draw
    cost: Profile = "quick"

    @property
    def __figure_name__(self) -> str:
        """The name under which the registry of figures finds this object."""
        return self.name

    def caption_for(self, dataset: xr.Dataset) -> str:
        """The caption with the dataset's own numbers."""
        try:
            return self.caption.format_map(dataset.attrs)
        except KeyError as missing:
            raise self._misfit(f"the attribute {missing.args[0]}") from None

    def picture(self, dataset: xr.Dataset, columns: Columns = 2, family: Family = "serif") -> Figure:
        """The figure drawn from a dataset; a dataset of another experiment is refused in one line."""
        source = dataset.attrs.get("experiment", self.experiment.name)
        if source != self.experiment.name:
            raise TightrateError(f"figure {self.name} draws results of {self.experiment.name}, not of {source}")
        missing = [name for name in self.needs if name not in dataset and name not in dataset.attrs]
        if missing:
            raise self._misfit(", ".join(missing))
        with styled(family):
            return self.draw(dataset, columns)

    def _misfit(self, what: str) -> TightrateError:
        return TightrateError(f"figure {self.name} needs {what}; give the results of experiment {self.experiment.name}")


FIGURES: Registry[FigureSpec] = Registry("tightrate.figures.gallery", "figure")


def figure(
    name: str, *, title: str, caption: str, experiment: Experiment, needs: Sequence[str], cost: Profile = "quick"
) -> Callable[[Draw], FigureSpec]:
    """Make a figure of the function that draws it."""

    def make(draw: Draw) -> FigureSpec:
        return FigureSpec(name, title, caption, experiment, tuple(needs), draw, cost)

    return make


def figures_of(profile: Profile) -> tuple[FigureSpec, ...]:
    """The figures that a report of this profile has."""
    return tuple(spec for spec in FIGURES.entries().values() if profile == "full" or spec.cost == "quick")


def save(
    spec: FigureSpec,
    dataset: xr.Dataset,
    directory: Path,
    formats: Sequence[str] = ("pdf", "png"),
    columns: Columns = 2,
    family: Family = "serif",
) -> list[Path]:
    """Draw a figure and write NAME.pdf, NAME.png, NAME.svg as asked, and NAME.nc with the data to redraw it.

    `columns` is how many columns of a paper it is made for; NAME.nc remembers it, and the family of its letters.

    The same dataset gives the same bytes: no file holds a date or a random name.
    """
    for wanted in formats:
        if wanted not in FORMATS:
            raise unknown_name("figure format", wanted, FORMATS)
    picture = spec.picture(dataset, columns, family)
    paths = [directory / f"{spec.name}.{wanted}" for wanted in dict.fromkeys(formats)]
    for path in paths:
        write_whole(path, partial(_write_picture, picture, spec.title, path.suffix[1:], family))
    data = directory / f"{spec.name}.nc"
    save_dataset(dataset.assign_attrs(experiment=spec.experiment.name, columns=columns, family=family), data)
    return [*paths, data]


def staleness(spec: FigureSpec, directory: Path) -> str | None:
    """Why the files of a figure in a folder are not what the current code would make, None if they are.

    The data are stale when code that they depend on has changed since, a picture when drawing it again from the data
    beside it gives other bytes.
    """
    data = directory / f"{spec.name}.nc"
    if not data.is_file():
        return f"there is no {data}"
    dataset = load_dataset(data)
    attributes = dict(dataset.attrs)
    try:
        made = spec.experiment.origin(attributes["profile"], attributes["seed"])
        columns, family = attributes.pop("columns"), attributes.pop("family")
    except KeyError as missing:
        return f"{data} does not say its {missing.args[0]}"
    if attributes.get("code") != made["code"]:
        return f"the code that made {data} has changed since"
    pictures = [path for kind in FORMATS if (path := directory / f"{spec.name}.{kind}").is_file()]
    if not pictures:
        return f"there is no picture beside {data}"
    dataset.attrs = attributes
    drawn = spec.picture(dataset, columns, family)
    for path in pictures:
        target = BytesIO()
        _write_picture(drawn, spec.title, path.suffix[1:], family, target)
        if target.getvalue() != path.read_bytes():
            return f"{path} is not what the data in {data.name} give"
    return None


def svg(spec: FigureSpec, dataset: xr.Dataset, columns: Columns = 2) -> bytes:
    """The figure as the bytes of an SVG file."""
    target = BytesIO()
    _write_picture(spec.picture(dataset, columns), spec.title, "svg", "serif", target)
    return target.getvalue()


def _write_picture(picture: Figure, title: str, kind: str, family: Family, path: Path | BytesIO) -> None:
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
    with styled(family):
        picture.savefig(path, format=kind, metadata={**undated, "Title": title})
