"""Who wins where: the smallest upper bound of one problem class, everywhere in a plane of exponents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import xarray as xr

from tightrate.rates.orders.phase_diagram import RegimeMap, winner_map
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

START = "patel2024/start"
Span = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Plane:
    """What the map shows, the upper bounds of a problem class by what attains them, and the exponents of n of letters.

    L = B = 1 are units; `path` moves the letters that are not in the plane.  The gap at the start takes part: where
    nothing is below it, no bound claims anything.
    """

    name: str
    bounds: Mapping[str, str]
    letters: tuple[str, str]
    path: Mapping[str, int]
    window: Span

    def cut(self) -> RegimeMap:
        """The window cut into convex cells with the same winners."""
        terms = {
            name: {term.name: term.expression for term in theorem(entry).bound.terms}
            for name, entry in {**self.bounds, "start": START}.items()
        }
        return winner_map(terms, self.letters, self.path, self.window)


EQUAL: Mapping[str, str] = {
    "local SGD": "woodworth2020a/convex",
    "local SGD, Q": "yuan2020/convex",
    "mini-batch SGD": "dekel2012/convex",
    "accelerated mini-batch": "ghadimi2012/convex",
    "FedAc I": "yuan2020/fedac1",
    "FedAc II": "yuan2020/fedac2",
}
PLANES = (
    Plane(
        "local SGD: many steps, alike workers",
        {
            "local SGD": "woodworth2020/convex",
            "local SGD, tau, Q": "patel2024/thm15",
            "mini-batch SGD": "dekel2012/convex",
            "accelerated mini-batch": "ghadimi2012/convex",
        },
        ("K", "zeta"),
        {"R": 1, "M": 1, "sigma": 0, "tau": -2, "Q": -2},
        ((0, 4), (-4, 1)),
    ),
    Plane("equal workers: many steps win", EQUAL, ("K", "M"), {"R": 1, "sigma": 0, "Q": -2}, ((0, 4), (0, 4))),
    Plane("more noise: local steps only tie", EQUAL, ("K", "M"), {"R": 1, "sigma": 1, "Q": 0}, ((0, 4), (0, 4))),
)


@experiment("who-wins")
def who_wins(session: Session) -> xr.Dataset:  # noqa: ARG001
    """The cells of every plane: `x`, `y` (plane, cell, vertex), nan beyond a cell's corners, and `wins` (plane, cell,
    bound), 1 where the bound is among the smallest, 0 where it is not, nan where the plane has no such cell or bound.

    The attribute "planes" says what each plane shows.
    """
    return mapped(PLANES)


def mapped(planes: tuple[Plane, ...]) -> xr.Dataset:
    """The dataset of several planes."""
    maps = [plane.cut() for plane in planes]
    names = list(dict.fromkeys([*(name for plane in planes for name in plane.bounds), "start"]))
    cells = max(len(found.cells) for found in maps)
    corners = max(len(cell.vertices) for found in maps for cell in found.cells)
    vertices = np.full((len(planes), cells, corners, 2), np.nan)
    wins = np.full((len(planes), cells, len(names)), np.nan)
    for i, (plane, found) in enumerate(zip(planes, maps, strict=True)):
        for j, cell in enumerate(found.cells):
            vertices[i, j, : len(cell.vertices)] = [[float(value) for value in vertex] for vertex in cell.vertices]
            for k, name in enumerate(names):
                if name in plane.bounds or name == "start":
                    wins[i, j, k] = float(name in cell.winners)
    described = [
        {
            "name": plane.name,
            "letters": list(plane.letters),
            "path": {letter: str(Fraction(power)) for letter, power in plane.path.items()},
            "window": [list(side) for side in plane.window],
            "bounds": dict(plane.bounds),
        }
        for plane in planes
    ]
    return xr.Dataset(
        {
            "x": (("plane", "cell", "vertex"), vertices[..., 0]),
            "y": (("plane", "cell", "vertex"), vertices[..., 1]),
            "wins": (("plane", "cell", "bound"), wins),
        },
        coords={"bound": names},
        attrs={"planes": described},
    )
