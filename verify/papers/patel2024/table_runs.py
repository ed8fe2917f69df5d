"""The bounds of Tables 1 and 2 of patel2024 along the rounds, at one choice of the other letters."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

TABLE_1 = (
    "koloskova2020/convex",
    "dekel2012/convex",
    "ghadimi2012/convex",
    "glasgow2022/lower",
    "woodworth2020/lower",
)
TABLE_2 = (
    "woodworth2020/convex",
    "patel2024/thm15",
    "yuan2020/convex",
    "dekel2012/convex",
    "patel2024/prop7-tau",
)
LETTERS = {
    "L": 1.0,
    "B": 1.0,
    "K": 64.0,
    "M": 100.0,
    "sigma": 0.02,
    "zeta_star": 0.2,
    "zeta": 0.2,
    "tau": 0.05,
    "Q": 0.02,
}


@experiment("patel2024-tables")
def tables(session: Session) -> xr.Dataset:  # noqa: ARG001
    """`first` (row, R): the bounds of Table 1; `second` (other, R): convex bounds of Table 2; `upper` for each row."""
    R = np.geomspace(1, 1e3, 61)
    rows: dict[str, tuple[tuple[str, ...], NDArray[np.float64]]] = {}
    for name, dimension, entries in (("first", "row", TABLE_1), ("second", "other", TABLE_2)):
        bounds = [theorem(entry).bound for entry in entries]
        needed = [{letter: LETTERS[letter] for letter in bound.letters if letter != "R"} for bound in bounds]
        values = [bound.function(**letters)(R=R) for bound, letters in zip(bounds, needed, strict=True)]
        rows[name] = ((dimension, "R"), np.stack(values))
        rows[f"{name}_upper"] = ((dimension,), np.array([float(bound.kind == "upper") for bound in bounds]))
    return xr.Dataset(rows, coords={"R": R}, attrs={**LETTERS, "table_1": list(TABLE_1), "table_2": list(TABLE_2)})
