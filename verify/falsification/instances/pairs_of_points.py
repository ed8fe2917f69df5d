"""Inequalities between gradients at two points: nonexpansive steps, and gradients of a Moreau envelope."""

from __future__ import annotations

import numpy as np

from tightrate.constructions.pieces import Kinked, Rippled
from tightrate.constructions.separable import SeparableWorkers
from tightrate.rates.statements.admissible_steps import largest_step
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.moreau_envelope import envelope_gradient
from tightrate.verify.falsification.search import Array, Axis, Point, Search, Trial, over_points
from tightrate.verify.measurement import Measurement

RIDGES = 3
SUM_OF_RIDGES = (
    *(Axis(f"{side}{j}", 1e-3, 1.0) for side in ("left", "right") for j in range(RIDGES)),
    *(Axis(f"angle{j}", 0.0, np.pi, "linear") for j in range(RIDGES)),
    *(Axis(f"kink{j}", -1.0, 1.0, "linear") for j in range(RIDGES)),
    *(Axis(f"{name}{i}", -1.0, 1.0, "linear") for name in ("x", "y") for i in range(2)),
    Axis("used", 1e-3, 1.0),
)
RIPPLED = (
    Axis("curvature", 0.0, 0.3, "linear"),
    Axis("weak", 0.01, 0.4, "linear"),
    Axis("width", 1e-2, 1.0),
    Axis("wavelength", 0.1, 3.0),
    Axis("z", -5.0, 5.0, "linear"),
    Axis("lambda", 1e-2, 1e2),
    Axis("preconditioner", 1.0, 100.0),
    Axis("parameter", 0.0, 1.0, "linear"),
)


def contraction_trial(theorem: Theorem, point: Point) -> Measurement:
    """|T x - T y| / |x - y| for T = I - eta grad f, f a sum of parabolas with two curvatures across lines."""
    angle, kink, left, right = (
        np.stack([point[f"{name}{j}"] for j in range(RIDGES)], axis=-1) for name in ("angle", "kink", "left", "right")
    )
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    ridge = Kinked(left, right)

    def gradient(x: Array) -> Array:
        slopes = ridge.slope((normal @ x[..., None])[..., 0] - kink)
        return np.asarray(np.sum(slopes[..., None] * normal, axis=-2))

    x, y = (np.stack([point[f"{name}{i}"] for i in range(2)], axis=-1) for name in ("x", "y"))
    largest = np.maximum(left, right)[..., None, None] * normal[..., :, None] * normal[..., None, :]
    symbols = {"L": np.linalg.eigvalsh(largest.sum(axis=1))[..., -1]}
    symbols["eta"] = point["used"] * largest_step(theorem.conditions, symbols)
    moved = x - y - symbols["eta"][:, None] * (gradient(x) - gradient(y))
    distance = np.linalg.norm(x - y, axis=-1)
    size = 1 + symbols["eta"] * symbols["L"]
    return over_points(np.linalg.norm(moved, axis=-1) / distance, symbols, rounding=1e-14 * size / distance)


def envelope_trial(_: Theorem, point: Point) -> Measurement:
    """|grad F(z)| / |grad F_gamma(z)| for a parabola with two curvatures and a ripple, of smoothness 1."""
    one = np.ones_like(point["z"])
    ripple = point["weak"] + point["curvature"]
    piece = Rippled(
        *(
            part[:, None, None]
            for part in (point["curvature"], one - ripple, point["width"], ripple, point["wavelength"])
        )
    )
    at_zero = np.zeros((len(one), 1))
    problem = SeparableWorkers(piece, at_zero, np.zeros((len(one), 1, 1)), at_zero)
    symbols = {"L": one, "weak": point["weak"], "lambda": point["lambda"]}
    symbols["moreau"] = point["lambda"] * (1 / (2 * point["weak"])) ** point["parameter"]
    weights = (point["lambda"] * point["preconditioner"] / symbols["moreau"])[:, None]
    z = point["z"][:, None]
    envelope = np.abs(envelope_gradient(problem, z, weights)[:, 0])
    value = np.abs(problem.gradient(z[:, None])[:, 0, 0]) / envelope
    return over_points(value, symbols, rounding=1e-12 * weights[:, 0] * (1 + np.abs(point["z"])) / envelope)


def _search(theorem_id: str, where: str, axes: tuple[Axis, ...], trial: Trial) -> Search:
    return Search(
        name=theorem_id,
        theorem_id=theorem_id,
        where=where,
        axes=axes,
        trial=trial,
        method="gradients at two points, no randomness",
    )


lemma1 = _search("khaled2025/lemma1", "sums of three parabolas with two curvatures", SUM_OF_RIDGES, contraction_trial)
lemC4 = _search(
    "cheng2024/lemC4-ratio", "a parabola with two curvatures and a ripple, in one dimension", RIPPLED, envelope_trial
)
