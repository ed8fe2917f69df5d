"""patel2024, Tables 1 and 2: their bounds along the rounds, at one choice of the other symbols."""

from __future__ import annotations

import numpy as np
import xarray as xr

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
SYMBOLS = {
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
    """`first` (row, $R$): the bounds of Table 1; `second` (other, $R$): convex bounds of Table 2; `upper` for each
    row.
    """
    R = np.geomspace(1, 1e3, 61)
    rows = xr.Dataset(coords={"R": R}, attrs={**SYMBOLS, "table_1": list(TABLE_1), "table_2": list(TABLE_2)})
    for name, dimension, entries in (("first", "row", TABLE_1), ("second", "other", TABLE_2)):
        bounds = [theorem(entry).bound for entry in entries]
        rows[name] = ((dimension, "R"), np.stack([bound.at(SYMBOLS, R=R) for bound in bounds]))
        rows[f"{name}_upper"] = (dimension, np.array([float(bound.kind == "upper") for bound in bounds]))
    return rows
