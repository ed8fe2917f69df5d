"""Rules that renew a scaling matrix, fed with arbitrary bounded increments, and Hutchinson samples of a matrix."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.savic import Scaling, savic
from tightrate.verify.falsification.search import Array, Axis, Point, Search, Trial, mentions, values_of
from tightrate.verify.papers.chezhegov2024.changing_scaling import fastest_averaging

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


def matrices(point: Point, scaling: Scaling, letters: dict[str, Array]) -> Array:
    """One entry of the matrix after every update, (update, n), from a start between d_min and d_max."""
    start = letters["d_min"] + point["start"] * (letters["d_max"] - letters["d_min"])
    method = savic(eta=1.0, d_min=letters["d_min"], beta2=letters["beta2"], d_start=start, scaling=scaling)
    state = method.init(np.zeros((len(start), 1, 1)))
    state = method.observe_curvature(state, state.x)  # the first one is the start
    found = [state.D_hat[:, 0, 0]]
    for t in range(UPDATES):
        state = method.observe_curvature(state, (point[f"increment{t}"] * letters["d_max"])[:, None, None])
        found.append(state.D_hat[:, 0, 0])
    return np.stack(found)


def trial(point: Point, *, theorem_id: str, scaling: Scaling, measured: Measured) -> Trial:
    """Averaging as fast as the axis `complement` says, or the share `averaged` of the fastest that is allowed."""
    source = theorem(theorem_id)
    letters = {"d_min": point["d_min"], "d_max": point["d_min"] * point["spread"], "mu": np.ones_like(point["d_min"])}
    if "averaged" in point:
        letters["eta"] = point["eta_scaled"] * letters["d_max"]
        letters["beta2"] = 1 - point["averaged"] * fastest_averaging(source, letters)
    else:
        letters["beta2"] = 1 - point["complement"]
    D = matrices(point, scaling, letters)
    value = {
        "entry": D.max(axis=0),
        "change": np.abs(np.diff(D, axis=0)).max(axis=0),
        "growth": (D[1:] / D[:-1]).max(axis=0) - 1,
    }[measured]
    size = letters["d_max"] if measured != "growth" else np.ones_like(letters["d_max"])
    return Trial(value, values_of(source.bound.expression, letters), letters, rounding=1e-14 * size)


def hutchinson_trial(point: Point) -> Trial:
    """The largest entry of |v * (A v)| over all signs v: the largest sum of the moduli in a row of A."""
    eigenvalue = np.stack([point[f"eigenvalue{i}"] for i in range(DIMENSION)], axis=-1)
    basis = np.eye(DIMENSION)
    for j in range(2):
        normal = np.stack([point[f"mirror{j}{i}"] for i in range(DIMENSION)], axis=-1)
        normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
        basis = basis - 2 * normal[:, :, None] * (normal[:, None] @ basis)
    matrix = np.swapaxes(basis, -1, -2) @ (eigenvalue[..., None] * basis) * point["L"][:, None, None]
    letters = {"L": point["L"] * np.abs(eigenvalue).max(axis=-1), "d": np.full_like(point["L"], DIMENSION)}
    bound = values_of(theorem("chezhegov2024/hutchinson").bound.expression, letters)
    return Trial(np.abs(matrix).sum(axis=-1).max(axis=-1), bound, letters, rounding=1e-14 * point["L"])


def _search(theorem_id: str, where: str, axes: tuple[Axis, ...], tried: Callable[[Point], Trial], name: str) -> Search:
    return Search(
        name=f"{theorem_id}@{name}" if name else theorem_id,
        theorem=theorem_id,
        where=where,
        side="upper",
        axes=axes,
        trial=tried,
        expected="consistent",
        method=METHOD,
    )


def _of_rule(label: str, rule: str, measured: Measured, name: str = "") -> Search:
    theorem_id = f"chezhegov2024/{label}"
    slow = mentions(theorem(theorem_id).conditions, "beta2")
    free = (Axis("averaged", 1e-2, 1.0), Axis("eta_scaled", 1e-4, 1.0)) if slow else (Axis("complement", 1e-4, 0.999),)
    tried = partial(trial, theorem_id=theorem_id, scaling=RULE[rule], measured=measured)
    where = "one entry of the matrix, four updates with any increments"
    return _search(theorem_id, where, (*MATRIX, *free), tried, name)


entry_rule2 = _of_rule("lemma1", "rule2", "entry", "rule2")
entry_rule3 = _of_rule("lemma1", "rule3", "entry", "rule3")
change_rule2 = _of_rule("lemma1-change-rule2", "rule2", "change")
change_rule3 = _of_rule("lemma1-change-rule3", "rule3", "change")
growth_rule2 = _of_rule("lemma1-growth-rule2", "rule2", "growth")
growth_rule3 = _of_rule("lemma1-growth-rule3", "rule3", "growth")
sharp_growth_rule2 = _of_rule("lemma1-sharp-growth-rule2", "rule2", "growth")
sharp_growth_rule3 = _of_rule("lemma1-sharp-growth-rule3", "rule3", "growth")
slow_rule2 = _of_rule("cor1-rule2", "rule2", "growth")
slow_rule3 = _of_rule("cor1-rule3", "rule3", "growth")
hutchinson = _search(
    "chezhegov2024/hutchinson", "symmetric matrices in four dimensions, all signs", SYMMETRIC, hutchinson_trial, ""
)
