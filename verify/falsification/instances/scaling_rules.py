"""Rules that renew a scaling matrix, fed with arbitrary bounded increments, and Hutchinson samples of a matrix."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from tightrate.rates.statements.admissible_steps import fastest_averaging
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.savic import Scaling, savic
from tightrate.verify.falsification.search import Array, Axis, Point, Search, Trial, over_points
from tightrate.verify.measurement import Measurement

UPDATES, DIMENSION = 4, 4
RULE: dict[str, Scaling] = {"rule2": "adahessian", "rule3": "oasis"}
METHOD = "the shipped update of the matrix, no randomness"
MATRIX = (
    Axis("d_min", 1e-2, 1e2),
    Axis("spread", 1.0, 1e3),
    Axis("start", 0.0, 1.0, "linear"),
    *(Axis(f"increment{t}", -1.0, 1.0, "linear") for t in range(UPDATES)),
)
SYMMETRIC = (
    *(Axis(f"eigenvalue{i}", -1.0, 1.0, "linear") for i in range(DIMENSION)),
    *(Axis(f"mirror{j}{i}", -1.0, 1.0, "linear") for j in range(2) for i in range(DIMENSION)),
    Axis("L", 1e-2, 1e2),
)

Measured = Literal["entry", "change", "growth"]


def matrices(point: Point, scaling: Scaling, symbols: dict[str, Array]) -> Array:
    """One entry of the matrix after every update, (update, n), from a start between d_min and d_max."""
    start = symbols["d_min"] + point["start"] * (symbols["d_max"] - symbols["d_min"])
    method = savic(eta=1.0, d_min=symbols["d_min"], beta2=symbols["beta2"], d_start=start[:, None], scaling=scaling)
    state = method.init(np.zeros((len(start), 1, 1)))
    state = method.observe_curvature(state, state.x)  # the first one is the start
    found = [state.D_hat[:, 0, 0]]
    for t in range(UPDATES):
        state = method.observe_curvature(state, (point[f"increment{t}"] * symbols["d_max"])[:, None, None])
        found.append(state.D_hat[:, 0, 0])
    return np.stack(found)


def trial(theorem: Theorem, point: Point, *, scaling: Scaling, measured: Measured) -> Measurement:
    """Averaging as fast as the axis `complement` says, or the share `averaged` of the fastest that is allowed."""
    symbols = {"d_min": point["d_min"], "d_max": point["d_min"] * point["spread"], "mu": np.ones_like(point["d_min"])}
    if "averaged" in point:
        symbols["eta"] = point["eta_scaled"] * symbols["d_max"]
        symbols["beta2"] = 1 - point["averaged"] * fastest_averaging(theorem.conditions, symbols)
    else:
        symbols["beta2"] = 1 - point["complement"]
    D = matrices(point, scaling, symbols)
    value = {
        "entry": D.max(axis=0),
        "change": np.abs(np.diff(D, axis=0)).max(axis=0),
        "growth": (D[1:] / D[:-1]).max(axis=0) - 1,
    }[measured]
    size = symbols["d_max"] if measured != "growth" else np.ones_like(symbols["d_max"])
    return over_points(value, symbols, rounding=1e-14 * size)


def hutchinson_trial(_: Theorem, point: Point) -> Measurement:
    """The largest entry of |v * (A v)| over all signs v: the largest sum of the moduli in a row of A."""
    eigenvalue = np.stack([point[f"eigenvalue{i}"] for i in range(DIMENSION)], axis=-1)
    basis = np.eye(DIMENSION)
    for j in range(2):
        normal = np.stack([point[f"mirror{j}{i}"] for i in range(DIMENSION)], axis=-1)
        normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
        basis = basis - 2 * normal[:, :, None] * (normal[:, None] @ basis)
    matrix = np.swapaxes(basis, -1, -2) @ (eigenvalue[..., None] * basis) * point["L"][:, None, None]
    symbols = {"L": point["L"] * np.abs(eigenvalue).max(axis=-1), "d": np.full_like(point["L"], DIMENSION)}
    return over_points(np.abs(matrix).sum(axis=-1).max(axis=-1), symbols, rounding=1e-14 * point["L"])


def _search(theorem_id: str, where: str, axes: tuple[Axis, ...], trial: Trial, name: str = "") -> Search:
    return Search(
        name=f"{theorem_id}@{name}" if name else theorem_id,
        theorem_id=theorem_id,
        where=where,
        axes=axes,
        trial=trial,
        method=METHOD,
    )


def _of_rule(label: str, rule: str, measured: Measured, *axes: Axis, name: str = "") -> Search:
    where = "one entry of the matrix, four updates with any increments"
    with_rule = partial(trial, scaling=RULE[rule], measured=measured)
    return _search(f"chezhegov2024/{label}", where, (*MATRIX, *axes), with_rule, name)


ANY = Axis("complement", 1e-4, 0.999)  # 1 - beta2
SLOW = (Axis("averaged", 1e-2, 1.0), Axis("eta_scaled", 1e-4, 1.0))  # averaging that the step limits


entry_rule2 = _of_rule("lemma1", "rule2", "entry", ANY, name="rule2")
entry_rule3 = _of_rule("lemma1", "rule3", "entry", ANY, name="rule3")
change_rule2 = _of_rule("lemma1-change-rule2", "rule2", "change", ANY)
change_rule3 = _of_rule("lemma1-change-rule3", "rule3", "change", ANY)
growth_rule2 = _of_rule("lemma1-growth-rule2", "rule2", "growth", ANY)
growth_rule3 = _of_rule("lemma1-growth-rule3", "rule3", "growth", ANY)
sharp_growth_rule2 = _of_rule("lemma1-sharp-growth-rule2", "rule2", "growth", ANY)
sharp_growth_rule3 = _of_rule("lemma1-sharp-growth-rule3", "rule3", "growth", ANY)
slow_rule2 = _of_rule("cor1-rule2", "rule2", "growth", *SLOW)
slow_rule3 = _of_rule("cor1-rule3", "rule3", "growth", *SLOW)
hutchinson = _search(
    "chezhegov2024/hutchinson", "symmetric matrices in four dimensions, all signs", SYMMETRIC, hutchinson_trial
)
