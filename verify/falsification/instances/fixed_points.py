"""Local gradient descent on three strongly convex quadratic workers in the plane: where it ends, how fast."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.rates.statements.admissible_steps import largest_step
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.verify.falsification.search import Array, Axis, Point, Search, over_points
from tightrate.verify.measurement import Measurement
from tightrate.verify.verdict import Status

WORKERS, DIMENSION = 3, 2
METHOD = "closed form of local gradient descent on quadratics"
CONSTANTS = ("L", "mu", "tau", "tau_mean", "zeta_star", "zeta_mean", "zeta_opt", "B")
WORKER = (
    *(Axis(f"curvature{m}{i}", 1e-3, 1.0) for m in range(WORKERS) for i in range(DIMENSION)),
    *(Axis(f"angle{m}", 0.0, np.pi, "linear") for m in range(WORKERS)),
    *(Axis(f"minimizer{m}{i}", -1.0, 1.0, "linear") for m in range(WORKERS) for i in range(DIMENSION)),
)
LOCAL_STEPS = Axis("K", 2, 1000, "whole")
INSTANCE = (*WORKER, LOCAL_STEPS, Axis("used", 1e-3, 1.0))
ROUNDS = Axis("R", 1, 300, "whole")
OUTER = Axis("gamma_used", 0.01, 1.0)

SCALING = tuple(Axis(f"scaling{i}", 0.1, 10.0) for i in range(DIMENSION))
LONG_STEP = Axis("used", 1e-3, 2.0)
BALL = (Axis("D", 1e-3, 10.0), Axis("direction", 0.0, 2 * np.pi, "linear"), Axis("inside", 0.0, 1.0, "linear"))

Measured = Literal[
    "discrepancy", "fixed-point-to-mean", "optimum-to-mean", "transient", "distance", "contraction", "movement", "start"
]


def workers(point: Point) -> QuadraticWorkers:
    """Hessians with the curvatures `curvature` along axes turned by `angle`."""
    angles = np.stack([point[f"angle{m}"] for m in range(WORKERS)], axis=-1)
    cosine, sine = np.cos(angles), np.sin(angles)
    basis = np.stack([np.stack([cosine, -sine], axis=-1), np.stack([sine, cosine], axis=-1)], axis=-2)

    def table(name: str) -> Array:
        rows = [[point[f"{name}{m}{i}"] for i in range(DIMENSION)] for m in range(WORKERS)]
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    hessians = (basis * table("curvature")[..., None, :]) @ np.swapaxes(basis, -1, -2)
    return QuadraticWorkers((hessians + np.swapaxes(hessians, -1, -2)) / 2, table("minimizer"))


def trial(theorem: Theorem, point: Point, *, measured: Measured) -> Measurement:
    """Constants measured on the instance; the inner step is the share `used` of the largest one allowed."""
    problem = workers(point)
    one = np.ones_like(point["K"])
    symbols = {name: problem.constants[name] for name in CONSTANTS}
    symbols |= {"K": point["K"], "R": point.get("R", one), "gamma": one}
    symbols["eta"] = point["used"] / symbols["L"]
    if "gamma_used" in point:
        symbols["gamma"] = point["gamma_used"] * largest_step(theorem.conditions, symbols, "gamma")
    if "gamma_free" in point:
        symbols["gamma"] = point["gamma_free"]
    if "scaling0" in point:  # local steps of the variables D^(1/2) x
        scaling = np.stack([point[f"scaling{i}"] for i in range(DIMENSION)], axis=-1)
        symbols |= {"d_min": scaling.min(axis=-1), "d_max": scaling.max(axis=-1)}
        symbols["eta"] = symbols["eta"] * symbols["d_min"]
        problem = in_scaled_variables(problem, scaling)
    start = problem.optimum if measured == "movement" else np.zeros_like(problem.optimum)
    rounds = round_map(problem, K=symbols["K"], eta=symbols["eta"], gamma=symbols["gamma"], start=start)
    mean_optimum = problem.minimizers.mean(axis=-2)
    size = np.linalg.norm(problem.minimizers, axis=-1).max(axis=-1)
    if measured == "contraction":
        value = np.abs(1 - symbols["gamma"][:, None] * rounds.eigenvalues).max(axis=-1)
        size = one
    elif measured == "start":
        value = problem.gap(np.zeros_like(problem.optimum))
    elif measured == "movement":
        value = np.linalg.norm(rounds.after(one) - problem.optimum, axis=-1) / (symbols["K"] * symbols["eta"])
        size = size / (symbols["K"] * symbols["eta"])
    else:
        pairs = {
            "discrepancy": (rounds.fixed_point, problem.optimum),
            "fixed-point-to-mean": (rounds.fixed_point, mean_optimum),
            "optimum-to-mean": (problem.optimum, mean_optimum),
            "transient": (rounds.after(symbols["R"]), rounds.fixed_point),
            "distance": (rounds.after(symbols["R"]), problem.optimum),
        }
        value = np.linalg.norm(np.subtract(*pairs[measured]), axis=-1)
    return over_points(value, symbols, rounding=1e-11 * size)


def in_scaled_variables(problem: QuadraticWorkers, scaling: Array) -> QuadraticWorkers:
    """The same workers as functions of D^(1/2) x, for diagonal D (n, d)."""
    root = np.sqrt(scaling)
    hessians = problem.hessians / (root[:, None, :, None] * root[:, None, None, :])
    return QuadraticWorkers((hessians + np.swapaxes(hessians, -1, -2)) / 2, problem.minimizers * root[:, None])


def dissimilarity_trial(_: Theorem, point: Point, *, of_worst: bool) -> Measurement:
    """|grad F_m - grad F| of the worst worker, or its root mean square, at a point at most D away from the start 0."""
    problem = workers(point)
    symbols = {name: problem.constants[name] for name in CONSTANTS}
    symbols |= {"D": point["D"], "M": np.full_like(point["D"], WORKERS)}
    direction = np.stack([np.cos(point["direction"]), np.sin(point["direction"])], axis=-1)
    x = (point["inside"] * point["D"])[:, None] * direction
    gradients = problem.gradient(np.broadcast_to(x[:, None], problem.minimizers.shape))
    apart = np.linalg.norm(gradients - gradients.mean(axis=-2, keepdims=True), axis=-1)
    value = apart.max(axis=-1) if of_worst else np.sqrt((apart**2).mean(axis=-1))
    return over_points(value, symbols, rounding=1e-13)


def _search(
    theorem_id: str,
    measured: Measured,
    *axes: Axis,
    instance: tuple[Axis, ...] = INSTANCE,
    name: str = "",
) -> Search:
    return Search(
        name=f"{theorem_id}@{name}" if name else theorem_id,
        theorem_id=theorem_id,
        where="three strongly convex quadratic workers in the plane",
        axes=(*instance, *axes),
        trial=partial(trial, measured=measured),
        method=METHOD,
    )


def _of_dissimilarity(label: str, *, of_worst: bool, expected: Status = "consistent") -> Search:
    theorem_id = f"patel2024/{label}"
    return Search(
        name=theorem_id,
        theorem_id=theorem_id,
        where="three strongly convex quadratic workers in the plane",
        axes=(*WORKER, *BALL),
        trial=partial(dissimilarity_trial, of_worst=of_worst),
        expected=expected,
        method="gradients at one point",
    )


prop19_contraction = _search("patel2024/prop19-contraction", "contraction", Axis("gamma_free", 0.01, 30.0))
prop21_optima = _search("patel2024/prop21-optima", "optimum-to-mean")
prop21 = _search("patel2024/prop21", "fixed-point-to-mean")
discrepancy = _search("patel2024/discrepancy", "discrepancy")
discrepancy_small_step = _search("patel2024/discrepancy-small-step", "discrepancy")
discrepancy_triangle = _search("patel2024/discrepancy-triangle", "discrepancy")
thm22_explicit = _search("patel2024/thm22-explicit", "transient", ROUNDS)
thm22_outer_step = _search("patel2024/thm22-outer-step", "transient", ROUNDS, OUTER)
thm22_constant = _search("patel2024/thm22-constant", "distance", ROUNDS)
of_scaled = _search("chezhegov2024/fixed-point", "discrepancy", *SCALING)
of_scaled_small_step = _search("chezhegov2024/fixed-point-small-step", "discrepancy", *SCALING)
gap_at_start = _search("patel2024/start", "start")
prop25 = _search("patel2024/prop25", "movement")
prop25_quadratics = _search("patel2024/prop25-quadratics", "movement")
prop25_convex = _search("patel2024/prop25-convex", "movement", LOCAL_STEPS, LONG_STEP, instance=WORKER)
prop13 = _of_dissimilarity("prop13", of_worst=True, expected="violated")
prop13_mean = _of_dissimilarity("prop13-mean", of_worst=False)
prop13_worst = _of_dissimilarity("prop13-worst", of_worst=True)
