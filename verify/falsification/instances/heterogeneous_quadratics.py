"""Two workers that differ in curvature and in optimum, two coordinates, bounded noise: exact second moments."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from tightrate.rates.statements.admissible_steps import largest_step
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.exact.diagonal_moments import response
from tightrate.simulator.exact.step_moments import step_moments
from tightrate.verify.falsification.search import Array, Axis, Point, Search, over_points
from tightrate.verify.measurement import Measurement

WORKERS, COORDINATES = 2, 2
METHOD = "exact second moments of the shipped algorithm on diagonal quadratics, noise of two equal jumps"
FUNCTIONS = (
    *(Axis(f"curvature{m}{i}", 1e-4, 1.0) for m in range(WORKERS) for i in range(COORDINATES)),
    *(Axis(f"minimizer{m}{i}", -1.0, 1.0, "linear") for m in range(WORKERS) for i in range(COORDINATES)),
    *(Axis(f"start{i}", -5.0, 5.0, "linear") for i in range(COORDINATES)),
)
NOISE = tuple(Axis(f"noise{i}", 1e-4, 10.0) for i in range(COORDINATES))
INSTANCE = (*FUNCTIONS, *NOISE, Axis("K", 1, 64, "whole"), Axis("R", 1, 200, "whole"))
NOISELESS = (*FUNCTIONS, Axis("K", 1, 64, "whole"), Axis("R", 1, 1000, "whole"))
SHORT = (*FUNCTIONS, *NOISE, Axis("K", 1, 10, "whole"), Axis("R", 1, 10, "whole"))
USED = Axis("used", 0.01, 1.0)
SCALING = tuple(Axis(f"scaling{i}", 0.1, 10.0) for i in range(COORDINATES))


def table(point: Point, name: str) -> Array:
    """(n, M, d)."""
    rows = [[point[f"{name}{m}{i}"] for i in range(COORDINATES)] for m in range(WORKERS)]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def columns(point: Point, name: str) -> Array:
    """(n, d)."""
    return np.stack([point[f"{name}{i}"] for i in range(COORDINATES)], axis=-1)


def dissimilarity(curvature: Array, minimizer: Array, start: Array, noise: Array) -> Array:
    """The largest |grad F_m - grad F| wherever iterates can get: start, minimizers, and noise/curvature beyond them.

    A step x <- (1 - eta a) x + eta a x_m -+ eta noise with eta a <= 1 stays within noise/a of x_m, or comes closer.
    """
    reach = noise[:, None] / curvature
    low = np.minimum((minimizer - reach).min(axis=1), start)
    high = np.maximum((minimizer + reach).max(axis=1), start)
    difference = [
        np.abs(curvature[:, 0] * (x - minimizer[:, 0]) - curvature[:, 1] * (x - minimizer[:, 1])) for x in (low, high)
    ]
    return np.asarray(np.linalg.norm(np.maximum(*difference), axis=-1) / 2)


def trial(theorem: Theorem, point: Point, *, output: Literal["average", "weighted", "consensus"]) -> Measurement:
    """Plain averaging at the prescribed step, or at the share `used` of the largest one that is allowed."""
    curvature, minimizer = table(point, "curvature"), table(point, "minimizer")
    start = columns(point, "start")
    noise = columns(point, "noise") if "noise0" in point else np.zeros_like(start)
    one = np.ones_like(point["K"])
    scaling = columns(point, "scaling") if "scaling0" in point else np.ones_like(start)
    mean_curvature = curvature.mean(axis=1)
    optimum = (curvature * minimizer).mean(axis=1) / mean_curvature
    at_optimum = np.sum((curvature * (optimum[:, None] - minimizer)) ** 2, axis=-1).mean(axis=-1)
    symbols = {
        "L": curvature.max(axis=(1, 2)),
        "mu": curvature.min(axis=(1, 2)),
        "tau": np.abs(curvature[:, 0] - curvature[:, 1]).max(axis=-1),
        "zeta": dissimilarity(curvature, minimizer, start, noise),
        "zeta_star": np.sqrt(at_optimum),
        "sigma": np.linalg.norm(noise, axis=-1),
        "sigma_star": np.sqrt(at_optimum + np.sum(noise**2, axis=-1)),
        "B": np.linalg.norm(start - optimum, axis=-1),
        "B_scaled": np.sqrt(np.sum(scaling * (start - optimum) ** 2, axis=-1)),
        "d_min": scaling.min(axis=-1),
        "d_max": scaling.max(axis=-1),
        "M": WORKERS * one,
        "Q": 0 * one,
        "gamma": one,
        "K": point["K"],
        "R": point["R"],
    }
    if "used" in point:
        symbols["eta"] = point["used"] * largest_step(theorem.conditions, symbols)
    else:
        symbols["eta"] = theorem.step_at("eta", symbols)
    if output == "consensus":
        each_step = step_moments(
            np.moveaxis(curvature, 1, 2),
            np.moveaxis(minimizer, 1, 2),
            start=start,
            optimum=optimum,
            steps=np.broadcast_to(symbols["eta"][:, None, None], (len(start), 1, COORDINATES)),
            noise=noise,
            K=symbols["K"],
            R=symbols["R"],
        )
        return over_points(each_step.consensus, symbols, rounding=1e-13)
    found = response(
        local_sgd,
        {"eta": symbols["eta"][:, None] / scaling},
        curvature,
        minimizer,
        start=start,
        K=symbols["K"],
        R=symbols["R"],
        output="average",
        averaging_decay=symbols["mu"] * symbols["eta"] / 2 if output == "weighted" else None,
    )
    gap = found.expected(mean_curvature / 2, noise**2)
    return over_points(gap, symbols, rounding=1e-13)


def _search(
    theorem_id: str,
    output: Literal["average", "weighted", "consensus"],
    *axes: Axis,
    instance: tuple[Axis, ...] = INSTANCE,
) -> Search:
    return Search(
        name=theorem_id,
        theorem_id=theorem_id,
        where="two quadratic workers of different curvature and optimum",
        axes=(*instance, *axes),
        trial=partial(trial, output=output),
        method=METHOD,
    )


thm27_step = _search("patel2024/thm27-step", "weighted", USED)
thm27_explicit = _search("patel2024/thm27-explicit", "weighted")
local_het_c_own = _search("chezhegov2024/local-het-c-own", "average", USED)
het_c_own = _search("chezhegov2024/het-c-own", "average", USED, *SCALING)
het_c = _search("chezhegov2024/het-c", "average", USED, *SCALING)
thm5 = _search("khaled2020/thm5", "average", USED)
thm5_slides = _search("khaled2020/thm5-slides", "average")
local_gd = _search("khaled2020/local-gd", "average", USED, instance=NOISELESS)
local_gd_slides = _search("khaled2020/local-gd-slides", "average", instance=NOISELESS)
lemma36 = _search("patel2024/lemma36", "consensus", USED, instance=SHORT)
