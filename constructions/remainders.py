"""Second-order remainders f(x + h) - f(x) - f'(x) h, written so that nothing cancels.

The gap of a problem is such a remainder at its optimum, where the first-order part vanishes: a gap of 1e-30 is then
as accurate as a gap of 1.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, spence

from tightrate.constructions.problem import Array

SMALL = 0.05  # below it, power series; above it, the formula itself has lost at most three digits
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def exponential_remainder(h: Array) -> Array:
    """e^h - 1 - h.

    >>> abs(float(exponential_remainder(np.array(1e-9))) - 5e-19) < 1e-27
    True
    """
    small = np.where(np.abs(h) < SMALL, h, 0.0)
    series = np.ones_like(small)
    for k in range(9, 2, -1):
        series = 1 + small / k * series
    return np.where(np.abs(h) < SMALL, small**2 / 2 * series, np.expm1(h) - h)


def sine_remainder(h: Array) -> Array:
    """h - sin h, odd, of third order."""
    small = np.where(np.abs(h) < 8 * SMALL, h, 0.0)
    series = np.ones_like(small)
    for k in range(14, 2, -2):
        series = 1 - small**2 / (k * (k + 1)) * series
    return np.where(np.abs(h) < 8 * SMALL, small**3 / 6 * series, h - np.sin(h))


def cosine_remainder(x: Array, h: Array) -> Array:
    """cos(x + h) - cos x + h sin x."""
    return np.asarray(np.sin(x) * sine_remainder(h) - 2 * np.cos(x) * np.sin(h / 2) ** 2)


def logistic_remainder(v: Array, h: Array) -> Array:
    """s(v + h) - s(v) - s'(v) h for s(u) = log(1 + e^u): the cumulant function of a coin with probability s'(v).

    >>> abs(float(logistic_remainder(np.array(0.0), np.array(1e-8))) - 1.25e-17) < 1e-32
    True
    """
    h = np.asarray(np.where(v > 0, -h, h))  # s(u) - u = s(-u): the remainder is the same after both signs are turned
    v = np.broadcast_to(-np.abs(v), h.shape)
    p = expit(v)
    remainder = np.asarray(np.log1p(p * np.expm1(np.minimum(h, 30.0))))
    far = h >= 30
    if far.any():
        remainder[far] = np.logaddexp(0.0, v[far] + h[far]) - np.logaddexp(0.0, v[far])
    remainder -= p * h
    near = np.abs(h) < SMALL / 3
    if near.any():
        remainder[near] = _cumulant_series(p[near], h[near])
    return remainder


def _cumulant_series(p: Array, h: Array) -> Array:
    """The sum over k >= 2 of the coin's cumulants times h^k/k!."""
    variance = p * (1 - p)
    skew = variance * (1 - 2 * p)
    cumulants = (
        variance,
        skew,
        variance * (1 - 6 * variance),
        skew * (1 - 12 * variance),
        variance * (1 - 30 * variance + 120 * variance**2),
        skew * (1 - 60 * variance + 360 * variance**2),
    )
    series = cumulants[-1]
    for k, cumulant in zip(range(7, 2, -1), cumulants[-2::-1], strict=True):
        series = cumulant + h / k * series
    return np.asarray(h**2 / 2 * series)


def softplus_integral(u: Array) -> Array:
    """S(u) = -Li_2(-e^u), the integral of log(1 + e^t) up to u; about u^2/2 + pi^2/6 far out.

    >>> abs(float(softplus_integral(np.array(0.0))) - np.pi**2 / 12) < 1e-15
    True
    """
    return np.where(u > 0, u**2 / 2, 0.0) + _bend(u)


def _bend(u: Array) -> Array:
    """S(u) less the kinked parabola u_+^2 / 2: bounded, symmetric about (0, pi^2 / 12)."""
    decay = np.exp(-np.abs(u))
    near = np.where(decay > 0.1, -spence(1 + np.where(decay > 0.1, decay, 1.0)), 0.0)
    powers = np.where(decay > 0.1, 0.0, decay)
    series = sum((-1) ** (k + 1) * powers**k / k**2 for k in range(1, 17))
    tail = near + series
    return np.asarray(np.where(u > 0, np.pi**2 / 6 - tail, tail))


def softplus_integral_remainder(v: Array, h: Array) -> Array:
    """S(v + h) - S(v) - S'(v) h, with S' = log(1 + e^u) and S'' the logistic function.

    Nearby points: h^2 times the integral of (1 - s) S''(v + s h), by a Gauss rule that is exact to rounding because
    the nearest pole is pi away.  Far points: the kinked parabola's own remainder plus that of a bounded function.
    """
    near = np.where(np.abs(h) < 1, h, 0.0)
    integral = np.zeros(np.broadcast_shapes(np.shape(v), np.shape(h)))
    for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
        integral += weight * (1 - node) * expit(v + node * near)
    u = v + h
    slope = np.log1p(np.exp(-np.abs(v)))
    far = kinked_remainder(v, u, left=np.asarray(0.0), right=np.asarray(1.0)) + _bend(u) - _bend(v) - slope * h
    return np.where(np.abs(h) < 1, near**2 * integral, far)


def kinked_remainder(y: Array, x: Array, *, left: Array, right: Array) -> Array:
    """f(x) - f(y) - f'(y)(x - y) for f = right x_+^2 / 2 + left x_-^2 / 2."""
    at_x, at_y = np.where(x > 0, right, left), np.where(y > 0, right, left)
    return np.where((x > 0) == (y > 0), at_x * (x - y) ** 2, at_x * x**2 + at_y * y**2 - 2 * at_y * x * y) / 2
