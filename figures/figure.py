"""A figure: one function from an experiment's results to a picture, and its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from types import ModuleType

import xarray as xr
from matplotlib.figure import Figure

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.files import is_regular, write_whole
from tightrate.common.registry import Registry
from tightrate.figures.style import ALPHABET, Columns, Family, Letters, Notation, styled
from tightrate.rates.formulas.inline import as_latex, as_text
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.cache.netcdf import load_dataset, save_dataset
from tightrate.verify.experiment import Experiment
from tightrate.verify.session import Profile

Draw = Callable[[xr.Dataset, Columns], Figure]
FORMATS = ("pdf", "png", "svg")


@dataclass(frozen=True)
class FigureSpec:
    """What a figure shows and how it is drawn.

    `draw` makes it, for one or two columns of a paper, from the dataset of `experiment`, of which it needs the
    variables and attributes `needs`.  Title and caption are sentences with formulas between dollar signs, as
    everywhere; the caption may name attributes of the dataset in braces, as {small_step:g} (indices of more than one
    letter stand in brackets, x_(t+1)).  `letters_of` is the statement in whose letters the paper would write the
    figure; a figure that speaks of several papers, or of none, has only the alphabet.  `cost` is the smallest profile
    whose report has it: "quick" is in every report, "full" only in the full one.  With `draws_any` results of other
    experiments are drawn, too, if they have what is needed: its own experiment is an example.  What a figure does not
    draw, as `draws` says, the figure of the name `otherwise` does.
    """

    name: str
    title: str
    caption: str
    experiment: Experiment
    needs: tuple[str, ...]
    draw: Draw
    cost: Profile = "quick"
    letters_of: str = ""
    draws_any: bool = False
    draws: Callable[[xr.Dataset], bool] | None = None
    otherwise: str = ""

    def drawing(self, dataset: xr.Dataset) -> FigureSpec:
        """The figure that draws this dataset: this one, or the other one under its name."""
        if self.draws is None or not self.otherwise or self.draws(dataset):
            return self
        return replace(FIGURES[self.otherwise], name=self.name)

    @property
    def __figure_name__(self) -> str:
        """The name under which the registry of figures finds this object."""
        return self.name

    def caption_for(self, dataset: xr.Dataset) -> str:
        """The caption with the dataset's own numbers: attributes, and variables that have one value everywhere."""
        try:
            return self.caption.format_map({**_single_values(dataset), **dataset.attrs})
        except KeyError as missing:
            raise self._misfit(f"the attribute {missing.args[0]}", dataset) from None

    def letters(self, notation: Notation) -> Letters:
        """How the figure writes letters where the alphabet has others."""
        return theorem(self.letters_of).letters if notation == "paper" and self.letters_of else ALPHABET

    def picture(
        self, dataset: xr.Dataset, columns: Columns = 2, family: Family = "serif", notation: Notation = "alphabet"
    ) -> Figure:
        """The figure drawn from a dataset; a dataset of another experiment is refused in one line."""
        source = dataset.attrs.get("experiment", self.experiment.name)
        if source != self.experiment.name and not self.draws_any:
            raise TightrateError(f"figure {self.name} draws results of {self.experiment.name}, not of {source}")
        missing = [name for name in self.needs if name not in dataset and name not in dataset.attrs]
        if missing:
            raise self._misfit(", ".join(missing), dataset)
        with styled(family, self.letters(notation)):
            return self.draw(dataset, columns)

    def _misfit(self, what: str, dataset: xr.Dataset) -> TightrateError:
        other = "; `tightrate figure sweep --from FILE` draws any sweep" if "sweep" in dataset.attrs else ""
        return TightrateError(
            f"figure {self.name} needs {what}; give the results of experiment {self.experiment.name}{other}"
        )


def _single_values(dataset: xr.Dataset) -> dict[str, float]:
    numbers = {
        str(name): values.values for name, values in dataset.items() if values.dtype.kind in "iuf" and values.size
    }
    return {name: float(array.flat[0]) for name, array in numbers.items() if (array == array.flat[0]).all()}


FIGURES: Registry[FigureSpec] = Registry("tightrate.figures.gallery", "figure")


def figure(
    name: str,
    *,
    title: str,
    caption: str,
    experiment: Experiment,
    needs: Sequence[str],
    cost: Profile = "quick",
    letters_of: str = "",
    draws_any: bool = False,
    draws: Callable[[xr.Dataset], bool] | None = None,
    otherwise: str = "",
) -> Callable[[Draw], FigureSpec]:
    """Make a figure of the function that draws it.

    Args:
        name: the figure's
        title: the message, a sentence with formulas between dollar signs
        caption: what is seen; attributes of the dataset may stand in braces
        experiment: whose results are drawn
        needs: variables and attributes that a dataset must have
        cost: "quick" or "full", the smallest profile whose report has it
        letters_of: the statement in whose letters its paper would write it
        draws_any: whether results of other experiments are drawn, too
        draws: which of them
        otherwise: the figure for the others

    Returns:
        A decorator, which turns a function of a dataset and of 1 or 2 columns into a `FigureSpec`.

    Raises:
        TightrateError: for a name that is taken.

    >>> FIGURES["krm-sweep"].experiment.name
    'krm-sweep'
    """

    def make(draw: Draw) -> FigureSpec:
        return FigureSpec(
            name, title, caption, experiment, tuple(needs), draw, cost, letters_of, draws_any, draws, otherwise
        )

    return make


def figures_in(*modules: ModuleType) -> tuple[str, ...]:
    """The names of the figures that modules have, in the order in which they stand there."""
    found = (value for module in modules for value in vars(module).values())
    return tuple(dict.fromkeys(value.name for value in found if isinstance(value, FigureSpec)))


def figures_of(profile: Profile) -> tuple[FigureSpec, ...]:
    """The figures that a report of this profile has."""
    return tuple(spec for spec in FIGURES.entries().values() if profile == "full" or spec.cost == "quick")


@dataclass(frozen=True)
class Look:
    """For how many columns of a paper a figure is made, in which type, and in whose letters."""

    columns: Columns = 2
    family: Family = "serif"
    notation: Notation = "alphabet"


STANDARD = Look()


def save(
    spec: FigureSpec,
    dataset: xr.Dataset,
    directory: Path,
    formats: Sequence[str] = ("pdf", "png"),
    look: Look = STANDARD,
) -> list[Path]:
    """Draw a figure and write NAME.pdf, NAME.png, NAME.svg as asked, its caption as NAME.txt and NAME.tex, and NAME.nc
    with the data to redraw it.

    NAME.nc remembers the look.  The same dataset gives the same bytes: no file holds a date or a random name.
    """
    for wanted in formats:
        if wanted not in FORMATS:
            raise unknown_name("figure format", wanted, FORMATS)
    files = _files(spec, dataset, tuple(dict.fromkeys(formats)), look)
    for name, content in files.items():
        write_whole(directory / name, partial(_write_bytes, content))
    data = directory / f"{spec.name}.nc"
    made_by = {"experiment": spec.experiment.name, **dataset.attrs}
    save_dataset(dataset.assign_attrs({**made_by, **vars(look)}), data)
    return [*(directory / name for name in files), data]


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def staleness(spec: FigureSpec, directory: Path) -> str | None:
    """Why the files of a figure in a folder are not what the current code would make, None if they are.

    The data are stale when code that they depend on has changed since, a picture or a caption when making it again from
    the data beside it gives other bytes.
    """
    data = directory / f"{spec.name}.nc"
    if not is_regular(data):
        return f"there is no {data}"
    dataset = load_dataset(data)
    attributes = dict(dataset.attrs)
    try:
        made = spec.experiment.origin(attributes["profile"], attributes["seed"])
        look = Look(**{name: attributes.pop(name) for name in vars(STANDARD)})
    except KeyError as missing:
        return f"{data} does not say its {missing.args[0]}"
    if attributes.get("code") != made["code"]:
        return f"the code that made {data} has changed since"
    kinds = [kind for kind in FORMATS if is_regular(directory / f"{spec.name}.{kind}")]
    if not kinds:
        return f"there is no picture beside {data}"
    dataset.attrs = attributes
    for name, content in _files(spec, dataset, kinds, look).items():
        path = directory / name
        if not is_regular(path) or path.read_bytes() != content:
            return f"{path} is not what the data in {data.name} give"
    return None


def svg(spec: FigureSpec, dataset: xr.Dataset, columns: Columns = 2) -> bytes:
    """The figure as the bytes of an SVG file."""
    return _picture_file(spec, spec.picture(dataset, columns), "svg", "serif")


def _files(spec: FigureSpec, dataset: xr.Dataset, formats: Sequence[str], look: Look) -> dict[str, bytes]:
    """The pictures and the captions of a figure, by the names of their files."""
    picture = spec.picture(dataset, look.columns, look.family, look.notation)
    files = {f"{spec.name}.{kind}": _picture_file(spec, picture, kind, look.family) for kind in formats}
    for kind, text in captions(spec, dataset, look.notation).items():
        files[f"{spec.name}.{kind}"] = text.encode()
    return files


def captions(spec: FigureSpec, dataset: xr.Dataset, notation: Notation = "alphabet") -> dict[str, str]:
    """Title and caption as the contents of NAME.txt and of NAME.tex, which a paper can \\input below the picture."""
    letters, title, caption = spec.letters(notation), spec.title.removesuffix(".") + ".", spec.caption_for(dataset)
    return {
        "txt": as_text(f"{title} {caption}", letters).strip() + "\n",
        "tex": f"\\caption{{\\textbf{{{as_latex(title, letters)}}} {as_latex(caption, letters)}}}\n"
        f"\\label{{fig:{spec.name}}}\n",
    }


def _picture_file(spec: FigureSpec, picture: Figure, kind: str, family: Family) -> bytes:
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
    target = BytesIO()
    with styled(family):
        picture.savefig(target, format=kind, metadata={**undated, "Title": as_text(spec.title)})
    return target.getvalue()
