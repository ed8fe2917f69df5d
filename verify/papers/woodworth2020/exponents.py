"""woodworth2020: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

import sympy

from tightrate.rates.symbols.alphabet import B, K, L, R, mu, zeta
from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.exponent_test import Path
from tightrate.verify.exponents.instances import KINKED, KRM, SLOW
from tightrate.verify.sweep.tuning import Tuned

exponent_claim = exponent_claims(__name__)

statistical = exponent_claim(
    "woodworth2020/exponent-statistical",
    theorem="woodworth2020/convex",
    term="statistical",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    fixed={"zeta": 0},
    tuned={"eta": Tuned(1 / (L * K * R), 1 / L, points=31, closed="high")},
    matched_by="glasgow2022/lower",
    margin=10,
    paths=KRM,
)

heterogeneity = exponent_claim(
    "woodworth2020/exponent-heterogeneity",
    theorem="woodworth2020/convex",
    term="heterogeneity drift",
    algorithm="local-sgd",
    problem=KINKED,
    instance={"zeta": zeta, "mu": sympy.cbrt(zeta**2 / (L * B**2 * R**2)) / 4},
    output="average",
    fixed={"sigma": 0, "M": 2},
    tuned={"eta": Tuned(1 / (K * R * L), 1 / L, points=49, closed="high")},
    matched_by="glasgow2022/lower",
    margin=4,
    paths=(
        Path("R", 64, points=7, fixed={"K": 8}, within={"R": (16, 1024)}),
        Path("K", 32, points=6, within={"K": (4, 256), "R": (16, 64)}),
    ),
)

strongly_convex_heterogeneity = exponent_claim(
    "woodworth2020/exponent-strongly-convex-heterogeneity",
    theorem="woodworth2020/strongly-convex",
    term="heterogeneity drift",
    algorithm="local-sgd",
    problem="asymmetric-quadratic",
    instance={"zeta": zeta},
    fixed={"sigma": 0, "M": 2, "mu": 0.5},
    tuned={"eta": Tuned(1 / (K * R * L), 1 / L, points=49, closed="high")},
    logarithm=sympy.log(mu * K * R / L) ** 2,  # of the best step log(mu K R/L)/(mu K R)
    margin=10,
    paths=(
        Path("R", 64, points=7, fixed={"K": 8}, within={"R": (16, 1024)}),
        Path("K", 32, points=6, within={"K": (4, 256), "R": (16, 64)}),
    ),
)
