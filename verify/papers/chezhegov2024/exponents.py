"""chezhegov2024: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

from sympy import sqrt

from tightrate.rates.symbols.alphabet import K, R, eta, symbol
from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.exponent_test import Path

exponent_claim = exponent_claims(__name__)

FROZEN = {  # the scaling d_min on every coordinate, never renewed
    "B": symbol("B_scaled") / sqrt(symbol("d_min")),
    "scaling": "rmsprop",
    "beta2": 1.0,
    "d_start": symbol("d_min"),
}

frozen_optimization = exponent_claim(
    "chezhegov2024/exponent-frozen-optimization",
    theorem="chezhegov2024/id-c-tuned",
    term="optimization",
    algorithm="savic",
    problem="log-spaced-quadratic",
    instance={"mu": 1e-5, "d": 16, **FROZEN},
    output="average",
    fixed={"sigma": 0, "M": 1, "B_scaled": 1},
    paths=(
        Path("K", 64, points=7, fixed={"d_min": 1, "R": 16}, within={"K": (8, 1024)}),
        Path("R", 64, points=7, fixed={"d_min": 1, "K": 16}, within={"R": (8, 1024)}),
        Path("d_min", 1e3, points=7, fixed={"K": 8, "R": 32}),
    ),
)

frozen_statistical = exponent_claim(
    "chezhegov2024/exponent-frozen-statistical",
    theorem="chezhegov2024/id-c-tuned",
    term="statistical",
    algorithm="savic",
    problem="log-spaced-quadratic",
    instance={"mu": symbol("d_min") / (eta * K * R), "d": 2, **FROZEN},
    output="average",
    fixed={"B_scaled": 1, "M": 2},
    margin=2,
    most_replicas=(2048, 2048),
    cost="full",
    paths=(Path("R", 16, points=5, fixed={"d_min": 1}, within={"K": (2, 16), "R": (16, 4096)}),),
)
