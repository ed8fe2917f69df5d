"""Second-order remainders against 80-digit references: nothing cancels, however close or far the points are."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from tightrate.constructions.remainders import (
    cosine_remainder,
    exponential_remainder,
    kinked_remainder,
    logistic_remainder,
    softplus_integral,
    softplus_integral_remainder,
)

STEPS = [
    sign * h
    for sign in (1, -1)
    for h in (1e-12, 1e-6, 1e-3, 0.016, 0.017, 0.049, 0.051, 0.39, 0.41, 0.99, 1.01, 8, 29, 31, 90)
]
CASES: list[tuple[Callable[..., object], Callable[..., object], Callable[..., object], list[float]]] = [
    (lambda _, h: exponential_remainder(h), mpmath.exp, mpmath.exp, [0.0]),
    (cosine_remainder, mpmath.cos, lambda x: -mpmath.sin(x), [-3.0, -1.0, 0.0, 0.2, 1.0]),
    (
        logistic_remainder,
        lambda x: mpmath.log1p(mpmath.exp(x)),
        lambda x: 1 / (1 + mpmath.exp(-x)),
        [-60.0, -5.0, -0.3, 0.0, 0.2, 3.0, 40.0],
    ),
    (
        softplus_integral_remainder,
        lambda x: -mpmath.re(mpmath.polylog(2, -mpmath.exp(x))),
        lambda x: mpmath.log1p(mpmath.exp(x)),
        [-60.0, -5.0, -0.3, 0.0, 0.2, 3.0, 40.0],
    ),
]


@pytest.mark.parametrize(
    ("remainder", "f", "slope", "places"), CASES, ids=["exp", "cos", "logistic", "softplus-integral"]
)
def test_remainders_have_full_relative_accuracy(
    remainder: Callable[..., object], f: Callable[..., object], slope: Callable[..., object], places: list[float]
) -> None:
    for x in places:
        computed = remainder(np.full(len(STEPS), x), np.array(STEPS))
        for h, value in zip(STEPS, computed, strict=True):  # type: ignore[call-overload]
            with mpmath.workdps(80):
                place, step = mpmath.mpf(x), mpmath.mpf(h)
                exact = f(place + step) - f(place) - slope(place) * step  # type: ignore[operator]
                assert abs(float(value) / exact - 1) < 1e-13, (x, h)


def test_softplus_integral_has_full_relative_accuracy() -> None:
    places = np.linspace(-60, 60, 121)
    with mpmath.workdps(30):
        exact = [float(-mpmath.re(mpmath.polylog(2, -mpmath.exp(mpmath.mpf(x))))) for x in places]
    np.testing.assert_allclose(softplus_integral(places), exact, rtol=3e-15)


def test_kinked_remainder_on_either_side_and_across() -> None:
    left, right = np.array(0.3), np.array(2.0)

    def value(x: float) -> float:
        return float(right if x > 0 else left) * x**2 / 2

    for y in (-1.5, 0.0, 0.7):
        slope = float(right if y > 0 else left) * y
        for x in (-2.0, -1.5, 0.0, 0.1, 3.0):
            computed = float(kinked_remainder(np.array(y), np.array(x), left=left, right=right))
            assert computed == pytest.approx(value(x) - value(y) - slope * (x - y), abs=1e-15)
            assert computed >= 0
