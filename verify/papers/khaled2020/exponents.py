"""khaled2020: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

import sympy

from tightrate.rates.symbols.alphabet import K, L, R, eta, zeta_star
from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.exponent_test import Path
from tightrate.verify.exponents.instances import HARD, PAIR, SLOW, WITH_LOCAL_STEPS

exponent_claim = exponent_claims(__name__)

local_gd_optimization = exponent_claim(
    "khaled2020/exponent-local-gd-optimization",
    theorem="khaled2020/local-gd",
    term="optimization",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    fixed={"zeta_star": 0, "M": 1},
    paths=(Path("K", 1e5), Path("R", 1e6), Path({"eta": -1}, 1e4)),
)

local_gd_heterogeneity = exponent_claim(
    "khaled2020/exponent-local-gd-heterogeneity",
    theorem="khaled2020/local-gd",
    term="heterogeneity drift",
    algorithm="local-sgd",
    problem=PAIR,
    instance={"zeta": zeta_star, "mu": L / 10, "tau": L / 2},
    output="average",
    fixed={"M": 2, "B": 0.1},
    below=sympy.oo,
    matched_by="patel2024/two-quadratics-discrepancy",
    paths=(
        Path({"eta": -1}, 1e3, points=9, fixed={"K": 16}),
        Path("K", 1e3, points=9, within={"K": (32, 1e9)}),
        Path("zeta_star", 1e3, points=9, fixed={"K": 16}),
    ),
)

slides_optimization = exponent_claim(
    "khaled2020/exponent-slides-optimization",
    theorem="khaled2020/local-gd-slides",
    term="optimization",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    fixed={"zeta_star": 0},
    paths=(Path("K", 1e4), Path("R", 1e4), Path("M", 64, points=7)),
)

slides_heterogeneity = exponent_claim(
    "khaled2020/exponent-slides-heterogeneity",
    theorem="khaled2020/local-gd-slides",
    term="heterogeneity drift",
    algorithm="local-sgd",
    problem=PAIR,
    instance={"zeta": zeta_star, "mu": L / 10, "tau": L / 2},
    output="average",
    below=sympy.oo,
    fixed={"B": 0.1},
    paths=(
        Path("R", 1e3, fixed={"M": 2, "K": 64}, within={"R": (1e4, 1e9)}),
        Path("K", 1e3, fixed={"M": 2}, within={"K": (32, 1e9)}),
    ),
)

thm5_statistical = exponent_claim(
    "khaled2020/exponent-thm5-statistical",
    theorem="khaled2020/thm5",
    term="statistical",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=HARD,
    output="average",
    noise="sigma_star",
    margin=5,
    below=sympy.oo,
    given=(eta * K * R * L >= 1000,),
    fixed={"B": 1e-5},
    within={"M": (2, 64), **WITH_LOCAL_STEPS},
    paths=(Path({"eta": -1}, 1e2, points=9), Path("M", 32, points=6)),
)
