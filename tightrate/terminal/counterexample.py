"""The counterexample in two tables and a sentence."""

from __future__ import annotations

import numpy as np
import xarray as xr
from rich.console import Group, RenderableType
from rich.text import Text

from tightrate.terminal.output import number, table


def counterexample_page(pair: xr.Dataset, floor: xr.Dataset) -> RenderableType:
    """Both halves of the counterexample: K does not help, and the fixed point is not the optimum."""
    rounds = [r for r in (1.0, 10.0, 100.0, 1000.0) if r in pair["R"].values]
    columns = [f"R = {r:g}" for r in rounds]
    scale = pair.attrs["L"] * pair.attrs["B"] ** 2
    rows = [
        [f"K = {number(float(k))}", *(number(float(pair["best_gap"].sel(K=k, R=r)) / scale) for r in rounds)]
        for k in pair["K"].values
    ]
    rows.append(["lower bound 1/(108 R)", *(number(float(pair["bound"].sel(R=r)) / scale) for r in rounds)])
    title = "Suboptimality over L B² on the rank-one pair, best inner and outer step of the whole grid"
    first = table(["", *columns], rows, right=1)
    smoothness = floor.attrs["L"]
    at = floor.sel(eta=0.1 / smoothness, method="nearest")
    eta = float(at["eta"])
    steps = [k for k in (1.0, 2.0, 5.0, 10.0, 100.0, 1000.0) if k in floor["K"].values]
    floor_title = f"Distance from the optimum after convergence, two quadratic workers, η L = {eta * smoothness:g}"
    second = table(
        ["", *(f"K = {k:g}" for k in steps)],
        [
            ["fixed point", *(_distance(float(at["floor"].sel(K=k))) for k in steps)],
            ["step-by-step run", *(_distance(float(at["simulated"].sel(K=k))) for k in steps)],
            ["sharp bound", *(_distance(float(at["sharp"].sel(K=k))) for k in steps)],
        ],
        right=1,
    )
    return Group(Text(title, "bold"), first, Text(), Text(floor_title, "bold"), second)


def _distance(value: float) -> str:
    """A distance of order one: what is below rounding is zero, what was not run is a dash."""
    return "-" if np.isnan(value) else "0" if abs(value) < 1e-12 else number(value)


def counterexample_conclusion(pair: xr.Dataset, floor: xr.Dataset) -> str:
    """One sentence, made of the numbers."""
    ratio = float((pair["best_gap"] / pair["bound"]).min())
    tried = int(pair["steps_tried"].sum())
    away = float(floor["floor"].max())
    return (
        f"Local steps do not help: over {tried:,} combinations of K (up to infinity), R, inner and outer step the"
        f" suboptimality never fell below {ratio:.2f} times the lower bound L B²/(108 R), and with different optima"
        f" local gradient descent settles up to {away:.2g} away from the optimum, however many rounds it gets."
    )
