"""The plane of the two steps' exponents, cut where another ratio of the published bound of FedAda² is the largest."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import xarray as xr
from sympy import Eq, Expr

from tightrate.rates.orders.domination import dominated
from tightrate.rates.orders.phase_diagram import RegimeMap, winner_map
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import eta, gamma
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.lee2024.orders import RATE, SMALL
from tightrate.verify.session import Session

WINDOW = ((Fraction(-1), Fraction(1)), (Fraction(-3, 2), Fraction(1, 2)))  # exponents of gamma and of eta


def regimes(terms: Mapping[str, Expr]) -> RegimeMap:
    """The plane gamma = R^x, eta = R^y, cut into polygons on which one of the terms is the largest."""
    return winner_map({"bound": terms}, ("gamma", "eta"), {"R": 1}, WINDOW)


@experiment("lee2024-regimes")
def regime_plane(session: Session) -> xr.Dataset:  # noqa: ARG001
    """The regimes of the bound in the plane of the two steps' exponents.

    Over (cell): `exponent` of $R$ as an affine function, (constant, $gamma$, $eta$); `dominant`, the number of the
    largest term in the attribute "terms"; over (cell, vertex): `x`, `y`, the corners, nan where a cell has fewer.
    `best` is the line of steps on which the smallest exponent is attained, from the two ends that it has in the window.
    """
    bound = theorem("lee2024/thm6").bound
    terms = {term.name: term.expression for term in bound.terms}
    found = regimes(terms)
    most = max(len(cell.vertices) for cell in found.cells)
    corners = np.full((len(found.cells), most, 2), np.nan)
    affine, dominant = np.empty((len(found.cells), 3)), np.empty(len(found.cells))
    for i, cell in enumerate(found.cells):
        corners[i, : len(cell.vertices)] = [[float(value) for value in vertex] for vertex in cell.vertices]
        exponent = cell.exponents["bound"]
        if exponent is None:
            raise ArithmeticError("the bound is smaller than every power of R somewhere")
        affine[i] = float(exponent.constant), float(exponent.x), float(exponent.y)
        dominant[i] = list(terms).index(cell.dominant["bound"])
    values = {
        vertex: exponent(vertex)
        for cell in found.cells
        for vertex in cell.vertices
        if (exponent := cell.exponents["bound"]) is not None
    }
    least = min(values.values())
    ends = sorted(vertex for vertex, value in values.items() if value == least)
    on_line = dominated(bound, RATE, (SMALL, Eq(gamma * eta, RATE))).relation
    return xr.Dataset(
        {
            "x": (("cell", "vertex"), corners[..., 0]),
            "y": (("cell", "vertex"), corners[..., 1]),
            "exponent": (("cell", "coefficient"), affine),
            "dominant": ("cell", dominant),
            "best": (("end", "coordinate"), np.array([[float(v) for v in end] for end in (ends[0], ends[-1])])),
        },
        attrs={
            "terms": list(terms),
            "least": str(least),
            "on_line": on_line,
            "window": [[float(v) for v in side] for side in WINDOW],
            "theorem": "lee2024/thm6",
        },
    )
