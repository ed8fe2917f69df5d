"""The terms of the three rates, each in a full version with logarithms and the norm of the noise vector, and in a
short one without."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Add, Expr, Ge, Le, Max, Pow, Rational, exp, log, sqrt
from sympy.logic.boolalg import Boolean

from tightrate.rates.papers import dekel2012, koloskova2020, woodworth2020a
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import (
    B,
    Delta,
    G_inf,
    K,
    L,
    M,
    R,
    alpha,
    d,
    decay,
    delta,
    mu,
    sigma,
    sigma_2alpha,
    sigma_inf,
    weak,
)

ONE_BATCH = {"K": 1, "M": 1, "sigma": sigma / sqrt(K * M)}  # R steps on batches of K M gradients
EVEN_NOISE = {"sigma_2alpha": sigma * d ** (1 / (2 * alpha) - Rational(1, 2))}
SMALL_ACCURACY = Erratum(
    "accuracy",
    "The accuracy must be small relative to noise and gradients, as the full version assumes; so $sigma -> 0$ and $K ="
    " 1$ are not covered.",
    "Theorems B.4 and B.5 (for Local Adam, (C.25)) ask for a threshold of at least $G_inf$ and $sigma_inf$, and for"
    " $K$ of order $log(M K R / delta)$.",
    kind="side condition",
    where="Theorems 1 to 3",
    printed="the rates for all $sigma$, with a condition on $K$ alone",
)


def not_too_uneven_noise() -> tuple[Boolean, ...]:
    """The coordinates' noise levels are not too unequal for K local steps."""
    largest = sigma_2alpha * d ** (Rational(1, 2) - 1 / (2 * alpha))
    return Le(largest, sigma * K ** (Rational(1, 2) - 1 / alpha)), Le(sigma, largest)


def spread_noise() -> Expr:
    """||sigma||_{2 alpha} d^(1/2 - 1/(2 alpha)): at least sigma, equal to it when all coordinates are alike."""
    return sigma_2alpha * d ** (Rational(1, 2) - 1 / (2 * alpha))


def one_worker_log() -> Expr:
    """log(K R / delta)."""
    return log(K * R / delta)


def all_workers_log() -> Expr:
    """log(M K R / delta)."""
    return log(M * K * R / delta)


def clipping_strongly_convex(noise: Expr, logarithm: Expr) -> Expr:
    """noise^2/mu (sqrt(L/mu) / (K R))^(2 (alpha-1)/alpha): what clipping noise of that level costs."""
    return noise**2 / mu * (sqrt(L / mu) * logarithm / (K * R)) ** (2 * (alpha - 1) / alpha)


def clipping_convex(noise: Expr, logarithm: Expr) -> Expr:
    """B (sqrt(L B) noise^(alpha/(alpha-1)) / (K R))^(2 (alpha-1)/(3 alpha-1)), the noise taken out of the power."""
    power = 2 * (alpha - 1) / (3 * alpha - 1)
    return B * noise ** (2 * alpha / (3 * alpha - 1)) * (sqrt(L * B) * logarithm / (K * R)) ** power


def clipping_adam(noise: Expr, logarithm: Expr) -> Expr:
    """(L Delta noise^(alpha/(alpha-1)) / (K R))^(2 (alpha-1)/(3 alpha-2)), the noise taken out of the power."""
    power = 2 * (alpha - 1) / (3 * alpha - 2)
    return noise ** (2 * alpha / (3 * alpha - 2)) * (L * Delta * logarithm / (K * R)) ** power


def strongly_convex_terms(full: bool) -> dict[str, Expr]:
    """The rate of Local SGDM for mu > 0: full (B.19), or with logarithms dropped and evenly spread noise (4.3)."""
    noise, one, every = (spread_noise(), one_worker_log(), all_workers_log()) if full else (sigma, 1, 1)
    accuracy_log, statistical_log = (log(K * R), log(M * K * R)) if full else (1, 1)
    return {
        "optimization": mu * B**2 * exp(-decay * mu * K * R / L),
        "statistical": sigma**2 / (mu * M * K * R) * statistical_log * one,
        "noise drift": L * sigma**2 / (mu**2 * K * R**2) * accuracy_log**2 * every,
        "clipping": clipping_strongly_convex(noise, every),
    }


def convex_terms(full: bool) -> dict[str, Expr]:
    """The rate of Local SGDM for mu = 0: full (B.24), or with logarithms dropped and evenly spread noise (4.4)."""
    noise, one, every = (spread_noise(), one_worker_log(), all_workers_log()) if full else (sigma, 1, 1)
    return {
        "optimization": woodworth2020a.local_optimization(),
        "statistical": dekel2012.statistical() * sqrt(one),
        "noise drift": koloskova2020.noise_drift() * Pow(every, Rational(1, 3)),
        "clipping": clipping_convex(noise, every),
    }


def adam_terms(full: bool, inverse_step: Expr) -> dict[str, Expr]:
    """The rate of Local Adam: full, or with logarithms dropped and evenly spread noise.

    `inverse_step` multiplies the statistical term: lambda over the Moreau parameter (C.27), L at its best (4.10).
    """
    noise, one, every = (spread_noise(), one_worker_log(), all_workers_log()) if full else (sigma, 1, 1)
    drift = (L * Delta * sigma) ** Rational(2, 3) / (K ** Rational(1, 3) * R ** Rational(2, 3))
    return {
        "weak convexity": weak * Delta / R,
        "optimization": L * Delta / (K * R),
        "statistical": sqrt(inverse_step * Delta * sigma**2 / (M * K * R)) * Pow(one, Rational(1, 4)),
        "noise drift": drift * Pow(every, Rational(1, 3)),
        "clipping": clipping_adam(noise, every),
    }


def minibatch(expression: Expr) -> Expr:
    """The same term for R steps on batches of K M: K and M become 1 and the noise sigma / sqrt(K M)."""
    return expression.subs({K: 1, M: 1, sigma: sigma / sqrt(K * M)}, simultaneous=True)


def rate(terms: Mapping[str, Expr]) -> Expr:
    """The sum of the terms: the accuracy at which step size and threshold are prescribed."""
    return Add(*terms.values())


# --- Conditions of the full versions ---------------------------------------------------------------------------------


def local_steps_condition(factor: Expr) -> Condition:
    """K of order at least `factor`, decided with the hidden constant 1."""
    return Condition("$K$ of order at least the logarithm (constant 1 taken)", Ge(K, factor))


def spread_steps(steps: Expr) -> Expr:
    """log(M T / delta) (spread/sigma)^(2 alpha/(alpha-2)), the number of local steps that the full versions need."""
    return log(M * steps / delta) * (spread_noise() / sigma) ** (2 * alpha / (alpha - 2))


def small_accuracy(bias_threshold: Expr) -> Condition:
    """The accuracy is so small that the clipping threshold exceeds gradients and noise (constant 1 taken)."""
    return Condition(
        "accuracy small relative to noise and gradients (constant 1 taken)", Ge(bias_threshold, Max(G_inf, sigma_inf))
    )
