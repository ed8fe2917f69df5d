"""The exponents of a sweep: what was measured along each axis and path, beside what a theorem's bound predicts there.

Along each axis, and for each term of the bound, all lines of cells in which that term leads and which count are fitted
together, each with a level of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import xarray as xr

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.statements.catalogue import theorem as catalogued
from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.exponents.sweep_cells import Cells, Dominance, FittedExponent, NothingToFitError
from tightrate.verify.notebook_tables import html_rows, text_rows
from tightrate.verify.verdict import Verdict


@dataclass(frozen=True)
class SweepExponents:
    """The exponents of a sweep, which term of the bound leads where, and the verdict on the theorem.

    Prints as a table, in a notebook as HTML.  `notes` say what a reader must know, such as how many cells do not count.
    `data` has, on the axes of the sweep, `mean`, `stderr`, and with a theorem `bound` and `term: NAME`.

    Attributes:
        title: of the sweep
        measure: what was measured
        theorem: the id of the statement, empty without one
        exponents: by axis, each with its interval
        dominance: in how many cells each term leads
        cells: how many the sweep has
        counted: how many of them count
        verdict: None without a theorem

    >>> from tightrate.verify.sweep.run import Sweep, run_sweep
    >>> given = {"mu": 1e-9, "d": 40, "B": 1, "K": 1, "M": 1, "eta": 1}
    >>> swept = Sweep("rounds", "local-sgd", "log-spaced-quadratic", {"R": (64, 128, 256, 512)}, given, method="exact")
    >>> exponents(run_sweep(swept)).cells
    4
    """

    title: str
    measure: str
    theorem: str
    exponents: tuple[FittedExponent, ...]
    dominance: tuple[Dominance, ...]
    cells: int
    counted: int
    data: xr.Dataset = field(repr=False, compare=False)
    verdict: Verdict | None = None
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, path: str) -> FittedExponent:
        """The exponent along a path, in the cells of the term that leads in most of them."""
        found = [one for one in self.exponents if one.path == path]
        if not found:
            raise unknown_name("path", path, dict.fromkeys(one.path for one in self.exponents))
        return max(found, key=lambda one: one.cells)

    @property
    def heading(self) -> str:
        """One line."""
        of = f" against {self.theorem}" if self.theorem else ""
        return f"Exponents of the {self.measure} of {self.title}{of}"

    @property
    def dominance_rows(self) -> list[dict[str, str]]:
        """Which term leads where, for a table."""
        return [
            {"term": one.term, "leads in": f"{one.cells} of {self.cells} cells", "where": one.where}
            for one in self.dominance
        ]

    def __str__(self) -> str:
        parts = [self.heading, "", text_rows([one.row() for one in self.exponents])]
        if self.dominance:
            parts += ["", text_rows(self.dominance_rows)]
        parts += ["", *self.sentences]
        return "\n".join(parts).rstrip()

    @property
    def sentences(self) -> list[str]:
        """The verdict with its reasons, and the notes."""
        said = [] if self.verdict is None else [f"{self.verdict.status}: {self.verdict.sentence}"]
        said += [one.sentence for one in self.exponents if one.status in ("inconclusive", "violated")][1:]
        return [*said, *(f"note: {note}" for note in self.notes)]

    def _repr_html_(self) -> str:
        tables = [html_rows(self.heading, [one.row() for one in self.exponents])]
        if self.dominance:
            tables.append(html_rows("Which term leads where", self.dominance_rows))
        tables += [html_rows("", [{"": sentence} for sentence in self.sentences])] if self.sentences else []
        return "".join(tables)

    def as_json(self) -> dict[str, Any]:
        """The contract of `exponents --json`."""
        verdict = self.verdict
        return {
            "title": self.title,
            "measure": self.measure,
            "theorem": self.theorem or None,
            "exponents": [one.as_json() for one in self.exponents],
            "dominance": [
                {"term": d.term, "cells": d.cells, "ranges": {k: list(v) for k, v in d.ranges.items()}}
                for d in self.dominance
            ],
            "cells": self.cells,
            "counted": self.counted,
            "verdict": None if verdict is None else verdict.status,
            "sentence": None if verdict is None else verdict.sentence,
            "witness": None if verdict is None else verdict.witness,
            "notes": list(self.notes),
        }


def exponents(
    data: xr.Dataset,
    theorem: str | Theorem | None = None,
    *,
    along: str | Sequence[str] | None = None,
    measure: str = "",
) -> SweepExponents:
    """The exponents of a sweep along each of its axes, beside those that a theorem predicts.

    `data` is what `run_sweep` gives or `xarray.load_dataset` reads; any dataset with axes of positive numbers, a
    variable `NAME_mean` and perhaps `NAME_stderr` and `symbol: LETTER` will do.  The theorem is that of the sweep
    unless another is given, by id or as an object; without any, exponents are fitted and nothing is judged.  `along`
    are axes, or paths on which several axes move together, such as "K R" or "K R^-1"; all axes unless said.  `measure`
    is the theorem's, or the sweep's first.

    Each interval holds the noise of every cell, the choice of window and a slope that drifts, at 99 %; scatter beyond
    the noise widens it.  A theorem with explicit constants is judged by value, too.

    Args:
        data: a dataset with axes of positive numbers and a variable `NAME_mean`
        theorem: the statement beside whose exponents the fitted ones are put
        along: axes, or paths on which several axes move together
        measure: which of the measured quantities

    Returns:
        The exponents by axis with their intervals, what the theorem predicts, and a verdict where there is a
        theorem.

    Raises:
        TightrateError: for a dataset without such axes, or a measure or theorem that does not fit it.

    >>> from tightrate.verify.sweep.run import Sweep, run_sweep
    >>> given = {"mu": 1e-9, "d": 40, "B": 1, "K": 1, "M": 1, "eta": 1}
    >>> swept = Sweep("rounds", "local-sgd", "log-spaced-quadratic", {"R": (64, 128, 256, 512)}, given, method="exact")
    >>> found = exponents(run_sweep(swept))
    >>> -1.2 < found["R"].estimate < -0.8, found.verdict is None
    (True, True)
    """
    claimed = _claimed(data, theorem)
    cells = Cells.of(data, claimed, measure)
    paths = [_path(text, cells.axes) for text in _listed(along)] or [{name: Fraction(1)} for name in cells.axes]
    if not paths:
        raise NothingToFitError("the sweep has no axis with two positive numbers: nothing has an exponent")
    fitted = tuple(one for path in paths for one in cells.fitted(path))
    return SweepExponents(
        cells.title,
        cells.measure,
        "" if claimed is None else claimed.id,
        fitted,
        tuple(cells.dominance()),
        cells.size,
        int(cells.counts.sum()),
        cells.dataset(),
        None if claimed is None else cells.verdict(fitted),
        tuple(cells.notes()),
    )


def _claimed(data: xr.Dataset, given: str | Theorem | None) -> Theorem | None:
    if given is None and "bound" in data:
        given = str(data["bound"].attrs["theorem"])
    return catalogued(given) if isinstance(given, str) else given


def _listed(along: str | Sequence[str] | None) -> list[str]:
    texts = along.split(",") if isinstance(along, str) else list(along or ())
    return [text.strip() for text in texts if text.strip()]


def _path(text: str, axes: Sequence[str]) -> dict[str, Fraction]:
    """A path as text: symbols with powers, as in "K R^-1/2"; the first one is n."""
    found: dict[str, Fraction] = {}
    for part in text.replace("*", " ").split():
        name, _, power = part.partition("^")
        if name not in axes:
            raise unknown_name("axis", name, axes)
        try:
            found[name] = Fraction(power.strip("()") or 1)
        except (ValueError, ZeroDivisionError):
            raise TightrateError(f"a path is symbols with powers, such as 'K R^-1', not {text!r}") from None
    moving = {name: power for name, power in found.items() if power}
    if not moving:
        raise TightrateError(f"nothing moves along {text!r}")
    first = next(iter(moving.values()))
    return {name: power / first for name, power in moving.items()}
