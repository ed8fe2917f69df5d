"""The published orders of FedAda^2: where they vanish, and how fast they can, by exact certificates."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import xarray as xr
from sympy import Eq, Expr, Ge, Le, Rational, sqrt

from tightrate.rates.orders.domination import dominated
from tightrate.rates.orders.phase_diagram import RegimeMap, winner_map
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import R, eta, gamma
from tightrate.verify.experiment import experiment
from tightrate.verify.judging.order import Question, decided
from tightrate.verify.session import Session

SMALL, LARGE = Le(R * eta**2, 1), Ge(R * eta**2, 1)
SLIGHTLY_LARGER = R ** Rational(-49, 100)  # the client step of case (B)
UPPER_END = R ** Rational(12, 25)  # of the server steps of case (B)
GROWING_SERVER = R ** Rational(1, 3)
WINDOW = ((Fraction(-1), Fraction(1)), (Fraction(-3, 2), Fraction(1, 2)))  # exponents of gamma and of eta


def questions(published: Bound, best: Bound) -> Mapping[str, Question]:
    """What the corollaries say about the bound of the theorem, as inequalities up to constants.

    A sum vanishes exactly if its largest terms do: so each case is two inequalities, the bound against those terms
    and back.
    """
    first_two = 1 / (gamma * eta * R) + gamma * eta
    case_b = 1 / (gamma * sqrt(R)) + gamma / UPPER_END
    at_b = Eq(eta, SLIGHTLY_LARGER)
    rate = 1 / sqrt(R)
    on_the_line = Eq(gamma * eta, rate)
    at_prescribed = published.expression.subs({gamma: 1, eta: rate})
    return {
        "(A) bound <~ first two ratios + R^(-1/2)": Question(published, first_two + rate, (SMALL, Le(gamma * eta, 1))),
        "(A) first two ratios <~ bound": Question(first_two, published, (SMALL,)),
        "(B) bound <~ 1/(gamma sqrt R) + gamma R^(-12/25) + R^(-12/25)": Question(
            published, case_b + 1 / UPPER_END, (at_b, Le(gamma, UPPER_END))
        ),
        "(B) 1/(gamma sqrt R) + gamma R^(-12/25) <~ bound": Question(case_b, published, (at_b,)),
        "bound at gamma = R^(1/3) <~ R^(-11/75)": Question(
            published, GROWING_SERVER / UPPER_END, (at_b, Eq(gamma, GROWING_SERVER))
        ),
        "R^(-1/2) <~ bound": Question(rate, published),
        "bound at gamma = 1, eta = R^(-1/2) <~ R^(-1/2)": Question(at_prescribed, rate),
        "rate as stated <~ R^(-1/2)": Question(best, rate),
        "bound on the line <~ R^(-1/2)": Question(published, rate, (SMALL, on_the_line)),
        "eta <~ bound for large client steps": Question(eta, published, (LARGE,)),
    }


@experiment("lee2024-orders")
def orders(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Cases (A) and (B), a growing server step, the best exponent and the line on which it is attained."""
    return decided(questions(theorem("lee2024/thm6").bound, theorem("lee2024/cor8").bound))


def regimes(terms: Mapping[str, Expr]) -> RegimeMap:
    """The plane gamma = R^x, eta = R^y, cut into polygons on which one of the terms is the largest."""
    return winner_map({"bound": terms}, ("gamma", "eta"), {"R": 1}, WINDOW)


@experiment("lee2024-regimes")
def regime_plane(session: Session) -> xr.Dataset:  # noqa: ARG001
    """The regimes of the bound in the plane of the two steps' exponents.

    Over (cell): `exponent` of R as an affine function, (constant, gamma, eta); `dominant`, the number of the largest
    term in the attribute "terms"; over (cell, vertex): `x`, `y`, the corners, nan where a cell has fewer.
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
    rate = 1 / sqrt(R)
    on_line = dominated(bound, rate, (SMALL, Eq(gamma * eta, rate))).relation
    return xr.Dataset(
        {
            "x": (("cell", "vertex"), corners[..., 0]),
            "y": (("cell", "vertex"), corners[..., 1]),
            "exponent": (("cell", "coefficient"), affine),
            "dominant": (("cell",), dominant),
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
