"""Clipping one coordinate: laws with three values, whose moments are sums of three terms."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.falsification.search import Array, Axis, Point, Search, Trial, values_of

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


def trial(point: Point, *, theorem_id: str, measured: Measured) -> Trial:
    """Bias and moments of the clipped variable, or the fourth moment of the mean of M independent copies."""
    probability, deviation = law(point)
    bound = theorem(theorem_id).bound.expression
    if measured == "fourth":
        second, fourth = (np.sum(probability * deviation**power, axis=-1) for power in (2, 4))
        M = point["M"]
        letters = {"sigma": fourth**0.25, "M": M}
        return Trial((fourth + 3 * (M - 1) * second**2) / M**3, values_of(bound, letters), letters)
    alpha = point["alpha"]
    largest = np.abs(deviation).max(axis=-1, keepdims=True)
    moment = np.sum(probability * np.abs(deviation / largest) ** alpha[:, None], axis=-1)
    letters = {"alpha": alpha, "sigma": largest[:, 0] * moment ** (1 / alpha)}
    rho = letters["rho"] = point["rho"] if "rho" in point else point["rho_noise"] * letters["sigma"]
    center = point["mean"][:, None] * rho[:, None]
    letters["G_inf"] = np.abs(center[:, 0])
    clipped = np.clip(center + deviation, -rho[:, None], rho[:, None])
    average = np.sum(probability * clipped, axis=-1, keepdims=True)
    about = center if measured == "moment" else average
    rounding = 1e-14 * rho
    if measured == "bias":
        value = np.abs(average - center)[:, 0]
    elif measured == "squared-bias":  # d coordinates with the same law
        bias = np.abs(average - center)[:, 0]
        value, rounding = point["d"] * bias**2, point["d"] * rounding * (2 * bias + rounding)
        letters |= {"sigma_inf": letters["sigma"], "sigma_2alpha": letters["sigma"] * point["d"] ** (1 / (2 * alpha))}
    else:
        value = np.sum(probability * np.abs(clipped - about) ** alpha[:, None], axis=-1)
    return Trial(value, values_of(bound, letters), letters, rounding)


def _search(theorem_id: str, measured: Measured, *axes: Axis) -> Search:
    return Search(
        name=theorem_id,
        theorem=theorem_id,
        where="laws with three values",
        side="upper",
        axes=(*LAW, *axes),
        trial=partial(trial, theorem_id=theorem_id, measured=measured),
        expected="consistent",
        method=METHOD,
    )


bias = _search("cheng2024/lemA2-bias", "bias", *THRESHOLD)
sharp_bias = _search("cheng2024/lemA2-sharp", "bias", *THRESHOLD)
moment = _search("cheng2024/lemA2-moment", "moment", *THRESHOLD)
centered = _search("cheng2024/lemA2-centered-moment", "centered", *THRESHOLD)
fourth = _search("cheng2024/lemA3", "fourth", Axis("M", 1, 100, "whole"))
sharp_fourth = _search("cheng2024/lemA3-sharp", "fourth", Axis("M", 1, 100, "whole"))
squared_bias = _search("cheng2024/eqB.63", "squared-bias", *ABOVE)
