"""Clipping one coordinate: laws with three values, whose moments are sums of three terms."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.falsification.search import Array, Axis, Point, Search, over_points
from tightrate.verify.measurement import Measurement

METHOD = "exact: a law with three values"
LAW = (
    Axis("weight0", 1e-4, 1.0),
    Axis("weight1", 1e-4, 1.0),
    Axis("value0", 1e-2, 1e2),
    Axis("value1", -10.0, 10.0, "linear"),
)
THRESHOLD = (Axis("rho", 0.1, 100.0), Axis("alpha", 2.0, 8.0, "linear"), Axis("mean", -1.0, 1.0, "linear"))

ABOVE = (  # thresholds of at least three noise levels and twice every gradient coordinate
    Axis("rho_noise", 3.0, 30.0),
    Axis("alpha", 4.0, 12.0, "linear"),
    Axis("mean", -0.5, 0.5, "linear"),
    Axis("d", 1, 100, "whole"),
)

Measured = Literal["bias", "squared-bias", "moment", "centered", "fourth"]


def law(point: Point) -> tuple[Array, Array]:
    """Probabilities and deviations from the mean, (n, 3): the weights of two values, and 1 for the value 0."""
    weights = np.stack([point["weight0"], point["weight1"], np.ones_like(point["weight0"])], axis=-1)
    values = np.stack([point["value0"], point["value1"], np.zeros_like(point["value0"])], axis=-1)
    probability = weights / weights.sum(axis=-1, keepdims=True)
    return probability, values - np.sum(probability * values, axis=-1, keepdims=True)


def trial(_: Theorem, point: Point, *, measured: Measured) -> Measurement:
    """Bias and moments of the clipped variable, or the fourth moment of the mean of M independent copies."""
    probability, deviation = law(point)
    if measured == "fourth":
        second, fourth = (np.sum(probability * deviation**power, axis=-1) for power in (2, 4))
        M = point["M"]
        symbols = {"sigma": fourth**0.25, "M": M}
        return over_points((fourth + 3 * (M - 1) * second**2) / M**3, symbols)
    alpha = point["alpha"]
    largest = np.abs(deviation).max(axis=-1, keepdims=True)
    moment = np.sum(probability * np.abs(deviation / largest) ** alpha[:, None], axis=-1)
    symbols = {"alpha": alpha, "sigma": largest[:, 0] * moment ** (1 / alpha)}
    rho = symbols["rho"] = point["rho"] if "rho" in point else point["rho_noise"] * symbols["sigma"]
    center = point["mean"][:, None] * rho[:, None]
    symbols["G_inf"] = np.abs(center[:, 0])
    clipped = np.clip(center + deviation, -rho[:, None], rho[:, None])
    average = np.sum(probability * clipped, axis=-1, keepdims=True)
    about = center if measured == "moment" else average
    rounding = 1e-14 * rho
    if measured == "bias":
        value = np.abs(average - center)[:, 0]
    elif measured == "squared-bias":  # d coordinates with the same law
        bias = np.abs(average - center)[:, 0]
        value, rounding = point["d"] * bias**2, point["d"] * rounding * (2 * bias + rounding)
        symbols |= {"sigma_inf": symbols["sigma"], "sigma_2alpha": symbols["sigma"] * point["d"] ** (1 / (2 * alpha))}
    else:
        value = np.sum(probability * np.abs(clipped - about) ** alpha[:, None], axis=-1)
    return over_points(value, symbols, rounding=rounding)


def _search(theorem_id: str, measured: Measured, *axes: Axis) -> Search:
    return Search(
        name=theorem_id,
        theorem_id=theorem_id,
        where="laws with three values",
        axes=(*LAW, *axes),
        trial=partial(trial, measured=measured),
        method=METHOD,
    )


bias = _search("cheng2024/lemA2-bias", "bias", *THRESHOLD)
sharp_bias = _search("cheng2024/lemA2-sharp", "bias", *THRESHOLD)
moment = _search("cheng2024/lemA2-moment", "moment", *THRESHOLD)
centered = _search("cheng2024/lemA2-centered-moment", "centered", *THRESHOLD)
fourth = _search("cheng2024/lemA3", "fourth", Axis("M", 1, 100, "whole"))
sharp_fourth = _search("cheng2024/lemA3-sharp", "fourth", Axis("M", 1, 100, "whole"))
squared_bias = _search("cheng2024/eqB.63", "squared-bias", *ABOVE)
