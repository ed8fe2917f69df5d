"""Identical workers: one quadratic in three coordinates with noise of its own in each, by exact second moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np

from tightrate.rates.statements.admissible_steps import largest_step
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.exact.diagonal_moments import Response, response
from tightrate.verify.falsification.search import Array, Axis, Point, Search, over_points
from tightrate.verify.measurement import Measurement

COORDINATES = 3
METHOD = "exact second moments of the shipped algorithm on a diagonal quadratic"

INSTANCE = (
    *(Axis(f"curvature{i}", 1e-6, 1.0) for i in range(1, COORDINATES)),
    *(Axis(f"start{i}", 1e-3, 10.0) for i in range(COORDINATES)),
    *(Axis(f"noise{i}", 1e-4, 30.0, may_vanish=True) for i in range(COORDINATES)),
    Axis("K", 1, 64, "whole"),
    Axis("R", 1, 300, "whole"),
    Axis("M", 1, 100, "whole"),
)
USED = Axis("used", 0.01, 1.0)  # the share of the largest admissible inner step
OUTER = Axis("gamma", 0.05, 100.0)
BELOW_1 = Axis("gamma", 0.05, 1.0)
COMPLEMENT = Axis("complement", 0.003, 1.0)  # 1 - momentum
SCALING = tuple(Axis(f"scaling{i}", 0.1, 10.0) for i in range(COORDINATES))

Output = Literal["last", "average", "weighted"]


def instance(point: Point) -> tuple[Array, Array, Array, dict[str, Array]]:
    """Curvatures (largest 1), starts and noise levels (n, d), and the symbols that follow from them."""
    first = np.ones_like(point["start0"])
    columns = [first, *(point[f"curvature{i}"] for i in range(1, COORDINATES))]
    curvature = np.stack(columns, axis=-1)
    start, noise = (np.stack([point[f"{name}{i}"] for i in range(COORDINATES)], axis=-1) for name in ("start", "noise"))
    symbols = {
        "L": first,
        "mu": curvature.min(axis=-1),
        "B": np.linalg.norm(start, axis=-1),
        "sigma": np.linalg.norm(noise, axis=-1),
        **{name: point[name] for name in ("K", "R", "M")},
        **dict.fromkeys(("tau", "zeta", "zeta_star", "Q", "beta1"), 0 * first),
    }
    return curvature, start, noise, symbols


def trial(
    theorem: Theorem,
    point: Point,
    *,
    algorithm: str,
    output: Output,
    extra: Mapping[str, float] | None = None,
    measured: Literal["gap", "squared-distance", "scaled-squared-distance"] = "gap",
) -> Measurement:
    """Run the algorithm at the prescribed step, or at the share `used` of the largest one that is allowed."""
    curvature, start, noise, symbols = instance(point)
    symbols |= {name: np.full_like(symbols["L"], value) for name, value in (extra or {}).items()}
    if "scaling0" in point:
        scaling = np.stack([point[f"scaling{i}"] for i in range(COORDINATES)], axis=-1)
        symbols |= {"d_min": scaling.min(axis=-1), "d_max": scaling.max(axis=-1)}
        symbols["B_scaled"] = np.sqrt(np.sum(scaling * start**2, axis=-1))
    else:
        scaling = np.ones_like(start)
    symbols["gamma"] = point.get("gamma", np.ones_like(symbols["L"]))
    if "complement" in point:
        symbols["momentum"] = 1 - point["complement"]
    if theorem.steps:
        for name in ("gamma", "eta"):
            if name in theorem.steps:
                symbols[name] = theorem.step_at(name, symbols)
        symbols = {name: np.broadcast_to(value, symbols["L"].shape) for name, value in symbols.items()}
    else:
        symbols["eta"] = point["used"] * largest_step(theorem.conditions, symbols)
    run = _run(algorithm, output, symbols, curvature, start, scaling)
    weights = {"gap": curvature / 2, "squared-distance": np.ones_like(start), "scaled-squared-distance": scaling}
    value = run.expected(weights[measured], noise**2)
    return over_points(value, symbols, rounding=1e-14 * symbols["B"] ** 2)


def _run(
    algorithm: str, output: Output, symbols: Mapping[str, Array], curvature: Array, start: Array, scaling: Array
) -> Response:
    """Noise of M workers is averaged: one worker with 1/M of the variance has the same moments."""
    construct: Callable[..., Any] = ALGORITHMS[algorithm]
    accepted = construct.__kwdefaults__ or {}
    names = {"eta", *accepted} & {"eta", "gamma", "momentum"}
    steps = {name: symbols[name][:, None] + 0 * start for name in names}
    steps["eta"] = steps["eta"] / scaling
    found = response(
        construct,
        steps,
        curvature[:, None, :],
        np.zeros_like(curvature)[:, None, :],
        start=start,
        K=symbols["K"],
        R=symbols["R"],
        output="last" if output == "last" else "average",
        averaging_decay=symbols["mu"] * symbols["eta"] / 2 if output == "weighted" else None,
    )
    return Response(found.mean, found.variance / symbols["M"][:, None])


def _search(theorem_id: str, algorithm: str, output: Output, *axes: Axis, **details: Any) -> Search:
    return Search(
        name=theorem_id,
        theorem_id=theorem_id,
        where="one quadratic in three coordinates on every worker",
        axes=(*INSTANCE, *axes),
        trial=partial(trial, algorithm=algorithm, output=output, **details),
        method=METHOD,
    )


LOCAL, MOMENTUM, ACCELERATED = "local-sgd", "local-sgd-outer-momentum", "local-sgd-outer-acceleration"
NO_CLIPPING = {"alpha": 2.0, "rho": np.inf, "sigma_2alpha": 1.0, "G_inf": 1.0, "D": 1.0}

thm1 = _search("khaled2025/thm1", LOCAL, "average", USED, OUTER)
thm1_safe = _search("khaled2025/thm1-safe", LOCAL, "average", USED, OUTER)
eq2_explicit = _search("khaled2025/eq2-explicit", LOCAL, "average")
ill_tuned = _search("khaled2025/ill-tuned", LOCAL, "average")
thm2 = _search("khaled2025/thm2", MOMENTUM, "average", USED, OUTER, COMPLEMENT)
thm2_safe = _search("khaled2025/thm2-safe", MOMENTUM, "average", USED, OUTER, COMPLEMENT)
thm3_safe = _search("khaled2025/thm3-safe", ACCELERATED, "last", USED, BELOW_1)
cor1_safe = _search("khaled2025/cor1-safe", ACCELERATED, "last")
woodworth = _search("woodworth2020a/quadratic", LOCAL, "average")
fixed_batch = _search("dekel2012/fixed-step", "minibatch-sgd", "average", USED)
best_batch = _search("dekel2012/explicit", "minibatch-sgd", "average")
thm27_equal = _search("patel2024/thm27-equal-quadratics", LOCAL, "weighted")
local_id_sc = _search("chezhegov2024/local-id-sc", LOCAL, "last", USED, measured="squared-distance")
local_id_c = _search("chezhegov2024/local-id-c", LOCAL, "average", USED)
identical_convex = _search("khaled2020/identical-convex", LOCAL, "average", USED)
id_sc = _search("chezhegov2024/id-sc", LOCAL, "last", USED, *SCALING, measured="scaled-squared-distance")
id_sc_euclidean = _search("chezhegov2024/id-sc-euclidean", LOCAL, "last", USED, *SCALING, measured="squared-distance")
id_quadratic = _search("chezhegov2024/id-quadratic", LOCAL, "last", USED, *SCALING, measured="scaled-squared-distance")
id_c = _search("chezhegov2024/id-c", LOCAL, "average", USED, *SCALING)
id_c_tuned = _search("chezhegov2024/id-c-tuned", LOCAL, "average", *SCALING)
fixed_step_convex = _search("cheng2024/fixed-step-convex", LOCAL, "average", USED, extra=NO_CLIPPING)
fixed_step_sc = _search("cheng2024/fixed-step-sc", LOCAL, "weighted", USED, extra=NO_CLIPPING)
