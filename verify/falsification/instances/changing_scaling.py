"""Local SGD in the norm of a matrix that changes from round to round by a shipped rule: exact second moments.

The increments are given in advance, so that the matrix of a block is independent of the samples drawn in it.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from tightrate.rates.statements.admissible_steps import fastest_averaging, largest_step, mentions
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.savic import Scaling, savic
from tightrate.simulator.exact.step_moments import step_moments
from tightrate.verify.falsification.instances.heterogeneous_quadratics import columns, table
from tightrate.verify.falsification.instances.scaling_rules import RULE
from tightrate.verify.falsification.search import Array, Axis, Point, Search, over_points
from tightrate.verify.measurement import Measurement

COORDINATES, WORKERS, MOST_ROUNDS = 2, 2, 30
METHOD = "exact second moments, every step taken, the matrix by the shipped rule from given increments"
COMMON = (
    *(Axis(f"start{i}", 1e-2, 10.0) for i in range(COORDINATES)),
    *(Axis(f"noise{i}", 1e-3, 10.0, may_vanish=True) for i in range(COORDINATES)),
    *(Axis(f"first{i}", 0.0, 1.0, "linear") for i in range(COORDINATES)),
    *(Axis(f"increment{i}", 0.0, 1.0, "linear") for i in range(COORDINATES)),
    Axis("d_min", 0.1, 10.0),
    Axis("spread", 1.0, 20.0),
    Axis("K", 1, 8, "whole"),
    Axis("R", 1, MOST_ROUNDS, "whole"),
    Axis("used", 0.02, 1.0),
    Axis("averaged", 1e-2, 1.0),
)
EQUAL = (*(Axis(f"curvature{i}", 1e-3, 1.0) for i in range(COORDINATES)), Axis("M", 1, 100, "whole"))
DIFFERENT = (
    *(Axis(f"curvature{m}{i}", 1e-3, 1.0) for m in range(WORKERS) for i in range(COORDINATES)),
    *(Axis(f"minimizer{m}{i}", -1.0, 1.0, "linear") for m in range(WORKERS) for i in range(COORDINATES)),
)


def scalings(point: Point, scaling: Scaling, symbols: dict[str, Array]) -> Array:
    """The matrix of every round, (n, R, d), which tends from the first one to the increments."""
    d_min, width = symbols["d_min"][:, None], (symbols["d_max"] - symbols["d_min"])[:, None]
    first, increment = (d_min + columns(point, name) * width for name in ("first", "increment"))
    states = []
    for i in range(COORDINATES):
        method = savic(
            eta=1.0, d_min=symbols["d_min"], beta2=symbols["beta2"], d_start=first[:, [i]], scaling=scaling
        )  # fmt: skip
        state = method.init(np.zeros((len(first), 1, 1)))
        found = []
        for _ in range(int(symbols["R"].max())):
            state = method.observe_curvature(state, increment[:, i, None, None])
            found.append(state.D_hat[:, 0, 0])
        states.append(np.stack(found, axis=-1))
    return np.stack(states, axis=-1)


def trial(theorem: Theorem, point: Point, *, scaling: Scaling) -> Measurement:
    """The share `used` of the largest step and the share `averaged` of the fastest averaging that are allowed."""
    start, noise = columns(point, "start"), columns(point, "noise")
    one = np.ones_like(point["K"])
    if "minimizer00" in point:
        curvature, minimizer = (np.moveaxis(table(point, name), 1, 2) for name in ("curvature", "minimizer"))
        workers, level = WORKERS * one, noise
    else:  # noise of M equal workers is averaged: one worker with 1/M of the variance
        curvature = columns(point, "curvature")[..., None]
        minimizer = np.zeros_like(curvature)
        workers, level = point["M"], noise / np.sqrt(point["M"])[:, None]
    mean_curvature = curvature.mean(axis=-1)
    optimum = (curvature * minimizer).mean(axis=-1) / mean_curvature
    symbols = {
        "L": curvature.max(axis=(1, 2)),
        "mu": curvature.min(axis=(1, 2)),
        "zeta_star": np.sqrt(np.sum((curvature * (optimum[..., None] - minimizer)) ** 2, axis=1).mean(axis=-1)),
        "sigma": np.linalg.norm(noise, axis=-1),
        "B": np.linalg.norm(start - optimum, axis=-1),
        "M": workers,
        "K": point["K"],
        "R": point["R"],
        "d_min": point["d_min"],
        "d_max": point["d_min"] * point["spread"],
    }
    of_step = [condition for condition in theorem.conditions if not mentions((condition,), "beta2")]
    symbols["eta"] = point["used"] * largest_step(of_step, symbols)
    symbols["beta2"] = 1 - point["averaged"] * fastest_averaging(theorem.conditions, symbols)
    D = scalings(point, scaling, symbols)
    symbols["B_scaled"] = np.sqrt(np.sum(D[:, 0] * (start - optimum) ** 2, axis=-1))
    found = step_moments(
        curvature,
        minimizer,
        start=start,
        optimum=optimum,
        steps=symbols["eta"][:, None, None] / D,
        noise=level,
        K=symbols["K"],
        R=symbols["R"],
    )
    of_distance = theorem.bound.measure.name == "squared-distance"
    value = found.last.sum(axis=-1) if of_distance else np.sum(mean_curvature / 2 * found.average, axis=-1)
    return over_points(value, symbols, rounding=1e-13 * symbols["B"] ** 2)


def _search(label: str, rule: str) -> Search:
    theorem_id = f"chezhegov2024/{label}-{rule}"
    differ = "het" in label
    return Search(
        name=theorem_id,
        theorem_id=theorem_id,
        where="two quadratic workers that differ" if differ else "one quadratic in two coordinates on every worker",
        axes=(*COMMON, *(DIFFERENT if differ else EQUAL)),
        trial=partial(trial, scaling=RULE[rule]),
        method=METHOD,
    )


changing_rule2 = _search("changing", "rule2")
changing_rule3 = _search("changing", "rule3")
block_rule2 = _search("changing-block", "rule2")
block_rule3 = _search("changing-block", "rule3")
convex_rule2 = _search("changing-c", "rule2")
convex_rule3 = _search("changing-c", "rule3")
different_rule2 = _search("changing-het-c", "rule2")
different_rule3 = _search("changing-het-c", "rule3")
