"""cheng2024, Lemmas C.4 to C.6: gradients and gaps of preconditioned Moreau envelopes of weakly convex functions."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.problem import Array
from tightrate.constructions.separable import SeparableWorkers
from tightrate.constructions.weakly_convex import weakly_convex
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.bounded import AtMost, Bounded
from tightrate.verify.assertions.equal import Vanishes
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.session import Session

INSTANCE = ("H", "z")


def proximal_point(problem: SeparableWorkers, z: Array, weight: Array) -> Array:
    """argmin f(y) + weight/2 (y - z)^2 in one dimension, for weight above the weak convexity, by bisection: (n,)."""
    low, high = z - 1.0, z + 1.0

    def slope(y: Array) -> Array:
        return np.asarray(problem.gradient(y[:, None, None])[:, 0, 0] + weight * (y - z))

    for _ in range(60):
        low, high = (
            np.where(slope(low) > 0, z - 2 * (z - low), low),
            np.where(slope(high) < 0, z + 2 * (high - z), high),
        )
    for _ in range(200):
        middle = (low + high) / 2
        rising = slope(middle) > 0
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    return np.asarray((low + high) / 2)


@experiment("cheng2024-moreau")
def moreau_envelope(session: Session) -> xr.Dataset:
    """Random weakly convex functions $f$ with $L = 1$ in one dimension, at one point $z$ each, over (instance,).

    $y$ is the proximal point of $z$ for $f$ in the norm of $H >= lambda$ at the parameter `moreau` in $[lambda/L,
    lambda/(2 weak)]$, and `best` that at the parameter $lambda/L$ with $H = lambda$. `slope`, `proximal_slope` and
    `other_slope` are $f'$ at $z$, at $y$ and at `other`, a further point; `gap`, `envelope_gap` and `smooth_gap` are
    those of $f$ at $z$ and of its envelopes with $y$ and with best; `eta` is a step of at most $lambda/L$.
    """
    n = session.choose(quick=200, full=4000)
    generator = stream(session.seed, experiment="cheng2024-moreau")
    weak = generator.uniform(0.02, 0.4, n)
    problem = weakly_convex(
        L=np.ones(n), weak=weak, curvature=0.05, width=10 ** generator.uniform(-2, 0, n), B=np.full(n, 0.5), M=1
    )
    lam = 10 ** generator.uniform(-1, 1, n)
    moreau = lam * (1 / (2 * weak)) ** generator.uniform(0, 1, n)  # from lambda/L = lambda to lambda/(2 weak)
    H = lam * 10 ** generator.uniform(0, 1, n)
    z = generator.standard_normal(n) * 5
    y = proximal_point(problem, z, H / moreau)

    def slope(x: Array) -> Array:
        return np.asarray(problem.gradient(x[:, None, None])[:, 0, 0])

    eta = lam * generator.uniform(0, 1, n)
    other = z + generator.standard_normal(n) * 10 ** generator.uniform(-3, 1, n)
    best = proximal_point(problem, z, np.ones(n))
    columns = {
        "weak": weak,
        "lambda": lam,
        "moreau": moreau,
        "eta": eta,
        "H": H,
        "z": z,
        "y": y,
        "other": other,
        "slope": slope(z),
        "proximal_slope": slope(y),
        "other_slope": slope(other),
        "gap": problem.gap(z[:, None]),
        "envelope_gap": problem.gap(y[:, None]) + H * (z - y) ** 2 / (2 * moreau),
        "smooth_gap": problem.gap(best[:, None]) + (z - best) ** 2 / 2,
    }
    return xr.Dataset(
        {name: ("instance", values) for name, values in columns.items()}, attrs={"L": 1.0, "seed": session.seed}
    )


def side(data: xr.Dataset, values: Named, what: str) -> Measurement:
    """The left side of an inequality, known to rounding."""
    return Measurement.of(data, values, what=what, rounding=1e-13 * (1 + abs(values)), instance=INSTANCE)


@claim(
    "cheng2024/envelope-gradient",
    "(C.42): at the proximal point $y$ of $z$, $H (z - y)/gamma$ is the gradient of $f$.",
    theorem="cheng2024/lemC4-ratio",
    kind="identity",
    data=moreau_envelope,
    expected="confirmed",
)
def envelope_gradient(data: xr.Dataset) -> Vanishes:
    """Proximal points by bisection to the last bit, on random weakly convex functions."""
    error = data.H * (data.z - data.y) / data.moreau - data.proximal_slope
    scale = abs(data.H * data.z / data.moreau) + 1
    relative = Measurement.of(data, error / scale, what="gradient at the proximal point", instance=INSTANCE)
    return Vanishes(relative, 1e-12)


@claim(
    "cheng2024/gradient-below-envelope",
    "(C.43): the gradient is at most $2 gamma L/lambda$ times the envelope's gradient.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=moreau_envelope,
)
def gradient_below_envelope(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random functions, points and preconditioners in one dimension, where the norm cancels."""
    gradient = side(data, abs(data.slope), "gradient against the envelope's")
    return Bounded(theorem, gradient, right=gradient.at(theorem.bound.expression) * abs(data.proximal_slope))


@claim(
    "cheng2024/gradient-step-near-proximal-step",
    "(C.44): a preconditioned gradient step up to $lambda/L$ misses the proximal point by $gamma |grad f(y)|$.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=moreau_envelope,
)
def gradient_step_near_proximal_step(data: xr.Dataset) -> AtMost:
    """The same instances, random steps between 0 and $lambda/L$."""
    missed = abs(data.H * (data.z - data.y) - data.eta * data.slope)
    return AtMost(side(data, missed, "left side of (C.44)"), data.moreau * abs(data.proximal_slope))


@claim(
    "cheng2024/envelope-gradient-below-gap",
    "(C.45): the envelope's squared gradient is at most $2/gamma$ times its gap.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=moreau_envelope,
)
def envelope_gradient_below_gap(data: xr.Dataset) -> AtMost:
    """The same instances."""
    squared = data.proximal_slope**2 / data.H
    return AtMost(side(data, squared, "left side of (C.45)"), 2 / data.moreau * data.envelope_gap)


@claim(
    "cheng2024/weakly-convex-monotonicity",
    "Lemma C.5: $-<x-y$, $g(x)-g(y)> + |g(x)-g(y)|^2/L$ is at most 2 weak $|x-y|^2$.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=moreau_envelope,
)
def weakly_convex_monotonicity(data: xr.Dataset) -> AtMost:
    """Random pairs of points, near and far."""
    apart, turned = data.z - data.other, data.slope - data.other_slope
    left = -apart * turned + turned**2 / data.attrs["L"]
    return AtMost(side(data, left, "left side of Lemma C.5"), 2 * data.weak * apart**2)


@claim(
    "cheng2024/envelope-gap",
    "Lemma C.6: at the parameter $lambda/L$ the envelope's gap lies between half the gap and the gap.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=moreau_envelope,
)
def envelope_gap(data: xr.Dataset) -> AtMost:
    """The same instances: both sides at once."""
    left, right = (
        xr.concat(pair, dim="part") for pair in ((data.gap / 2, data.smooth_gap), (data.smooth_gap, data.gap))
    )
    return AtMost(side(data, left, "gap against the envelope's"), right)
