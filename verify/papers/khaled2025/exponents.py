"""khaled2025: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

import sympy

from tightrate.rates.symbols.alphabet import B, K, L, R, eta, symbol
from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.exponent_test import Path
from tightrate.verify.exponents.instances import HARD, KINKED, KR, KRM, SLOW, SLOW_FOR_ROUNDS, WITH_LOCAL_STEPS

exponent_claim = exponent_claims(__name__)

eq2_optimization = exponent_claim(
    "khaled2025/exponent-eq2-optimization",
    theorem="khaled2025/eq2-explicit",
    term="optimization",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    matched_by="glasgow2022/lower-homogeneous",
    margin=30,
    fixed={"sigma": 0},
    paths=KR,
)

eq2_statistical = exponent_claim(
    "khaled2025/exponent-eq2-statistical",
    theorem="khaled2025/eq2-explicit",
    term="statistical",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=HARD,
    output="average",
    matched_by="glasgow2022/lower-homogeneous",
    margin=10,
    within=WITH_LOCAL_STEPS,
    paths=KRM,
)

eq2_drift = exponent_claim(
    "khaled2025/exponent-eq2-drift",
    theorem="khaled2025/eq2",
    term="noise drift",
    algorithm="local-sgd",
    problem=KINKED,
    instance={"zeta": 0.0, "mu": sympy.cbrt(symbol("sigma") ** 2 / (L * B**2 * K * R**2))},
    output="average",
    matched_by="glasgow2022/lower-homogeneous",
    margin=2,
    given=(symbol("sigma") ** 2 * R >= (L * B) ** 2 * K,),  # where the lower bound is its second branch
    fixed={"M": 64},
    most_replicas=(512, 1024),
    paths=(
        Path("R", 32, points=6, within={"K": (8, 128)}),
        Path("K", 16, points=5, within={"K": (8, 256), "R": (4, 8)}),
    ),
)

thm1_optimization = exponent_claim(
    "khaled2025/exponent-thm1-optimization",
    theorem="khaled2025/thm1",
    term="optimization",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    fixed={"sigma": 0, "M": 1},
    paths=(
        Path("K", 1e6, fixed={"gamma": 1}),
        Path("R", 1e6, fixed={"gamma": 4}),
        Path({"gamma": 1}, 1e3, points=7, fixed={"R": 10**6}),
        Path({"eta": -1}, 1e3, points=7, fixed={"gamma": 1}),
    ),
)

thm1_statistical = exponent_claim(
    "khaled2025/exponent-thm1-statistical",
    theorem="khaled2025/thm1",
    term="statistical",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=HARD,
    output="average",
    margin=10,
    within=WITH_LOCAL_STEPS,
    paths=(
        Path({"eta": -1}, 1e3, fixed={"gamma": 1}),
        Path("gamma", 1e2, points=7, within={"gamma": (4, 1e6)}),
        Path("M", 64, points=7, fixed={"gamma": 1}),
    ),
)

thm2_optimization = exponent_claim(
    "khaled2025/exponent-thm2-optimization",
    theorem="khaled2025/thm2",
    term="optimization",
    algorithm="local-sgd-outer-momentum",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    fixed={"sigma": 0, "M": 1, "gamma": 1, "momentum": 0.5},
    paths=KR,
)

thm2_statistical = exponent_claim(
    "khaled2025/exponent-thm2-statistical",
    theorem="khaled2025/thm2",
    term="statistical",
    algorithm="local-sgd-outer-momentum",
    problem="log-spaced-quadratic",
    instance=HARD,
    output="average",
    margin=16,
    given=(eta * K * R * L >= 1000,),
    below=sympy.oo,
    fixed={"gamma": 1, "momentum": 0.01, "B": 1e-3},  # from near the optimum, so that noise is all there is
    within=WITH_LOCAL_STEPS,
    paths=(Path({"eta": -1}, 1e2, points=9), Path("M", 64, points=7)),
)

thm3_optimization = exponent_claim(
    "khaled2025/exponent-thm3-optimization",
    theorem="khaled2025/thm3",
    term="optimization",
    algorithm="local-sgd-outer-acceleration",
    problem="log-spaced-quadratic",
    instance=SLOW_FOR_ROUNDS,
    fixed={"sigma": 0, "M": 1, "gamma": 1},
    paths=(
        Path("R", 64, points=9, within={"R": (16, 1024)}),
        Path("K", 256, points=9, fixed={"R": 64}),
        Path({"eta": -1}, 256, points=9, fixed={"R": 64}),
    ),
)

thm3_statistical = exponent_claim(
    "khaled2025/exponent-thm3-statistical",
    theorem="khaled2025/thm3",
    term="statistical",
    algorithm="local-sgd-outer-acceleration",
    problem="log-spaced-quadratic",
    instance={"mu": 10 / (eta * K * R**2), "d": 2},  # the eigenvalue that R rounds just reach
    fixed={"gamma": 1, "B": 1e-3},  # from near the optimum, so that noise is all there is
    within=WITH_LOCAL_STEPS,
    below=sympy.oo,
    margin=10,
    given=(eta * K * R**2 * L >= 1000,),
    paths=(
        Path("R", 16, points=7, within={"R": (16, 8192)}),
        Path("M", 64, points=7, within={"R": (16, 8192)}),
    ),
)

cor1_optimization = exponent_claim(
    "khaled2025/exponent-cor1-optimization",
    theorem="khaled2025/cor1",
    term="optimization",
    algorithm="local-sgd-outer-acceleration",
    problem="log-spaced-quadratic",
    instance=SLOW_FOR_ROUNDS,
    fixed={"sigma": 0, "M": 1},
    paths=(Path("R", 64, points=9, within={"R": (16, 1024)}), Path("K", 256, points=9, fixed={"R": 64})),
)

cor1_statistical = exponent_claim(
    "khaled2025/exponent-cor1-statistical",
    theorem="khaled2025/cor1",
    term="statistical",
    algorithm="local-sgd-outer-acceleration",
    problem="log-spaced-quadratic",
    instance=SLOW_FOR_ROUNDS,
    margin=4,
    below=L * B**2 / 5,
    paths=(
        Path("R", 128, points=8, within={"R": (8, 16384)}),
        Path("K", 256, points=7, within={"R": (8, 2048)}),
        Path("M", 16, points=5, within={"R": (8, 2048)}),
    ),
)

ill_tuned_optimization = exponent_claim(
    "khaled2025/exponent-ill-tuned-optimization",
    theorem="khaled2025/ill-tuned",
    term="optimization",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    fixed={"sigma": 0, "M": 1},
    matched_by="patel2024/thm9-any-steps",
    paths=(Path("R", 1e6), Path("K", 1e6, fixed={"R": 10**4})),
)

ill_tuned_statistical = exponent_claim(
    "khaled2025/exponent-ill-tuned-statistical",
    theorem="khaled2025/ill-tuned",
    term="statistical",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=HARD,
    output="average",
    margin=10,
    within=WITH_LOCAL_STEPS,
    paths=KRM,
)
