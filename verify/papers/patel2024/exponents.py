"""patel2024: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

import sympy
from sympy import Rational, sqrt

from tightrate.rates.papers.patel2024.theorem_27 import thm27_logarithm
from tightrate.rates.symbols.alphabet import B, K, L, Q, R, eta, mu, tau, zeta, zeta_opt, zeta_star
from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.exponent_test import Path
from tightrate.verify.exponents.instances import BALANCED, PAIR, STEPS_TO_TUNE, WITH_LOCAL_STEPS
from tightrate.verify.sweep.tuning import Tuned

exponent_claim = exponent_claims(__name__)

TWO_SIDED_STEPS = {
    "eta": Tuned(Rational(1, 1000) / (K * L), 1 / L, points=13, closed="high"),
    "gamma": Tuned(Rational(1, 10), 2000 * K, points=61),
}

thm27_statistical = exponent_claim(
    "patel2024/exponent-thm27-statistical",
    theorem="patel2024/thm27",
    term="statistical",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance={"d": 8},
    output="weighted",
    fixed={"mu": 0.1, "tau": 0, "zeta": 0, "Q": 0},
    logarithm=thm27_logarithm(),
    given=(K * R * mu >= 10**4 * L,),  # where the step is prescribed by the noise, not by its cap
    within=WITH_LOCAL_STEPS,
    paths=(Path("K", 1e6), Path("R", 1e6), Path("M", 64, points=7)),
)

thm27_explicit_statistical = exponent_claim(
    "patel2024/exponent-thm27-explicit-statistical",
    theorem="patel2024/thm27-explicit",
    term="statistical",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance={"d": 8},
    output="weighted",
    fixed={"mu": 0.1, "tau": 0, "zeta": 0, "Q": 0},
    given=(K * R * mu >= 10**4 * L,),  # where the step is prescribed by the noise, not by its cap
    within=WITH_LOCAL_STEPS,
    paths=(Path("K", 1e6), Path("R", 1e6), Path("M", 64, points=7)),
)

thm27_explicit_heterogeneity = exponent_claim(
    "patel2024/exponent-thm27-explicit-heterogeneity",
    theorem="patel2024/thm27-explicit",
    term="heterogeneity drift",
    algorithm="local-sgd",
    problem=PAIR,
    instance={"zeta": zeta / 2},  # |grad F_m - grad F| stays below twice that wherever the run comes
    output="weighted",
    fixed={"mu": 0.1, "tau": 0.5, "Q": 0, "M": 2},
    margin=30,
    paths=(Path("R", 1e3, fixed={"K": 16}), Path("K", 1e3, within=WITH_LOCAL_STEPS)),
)

thm27_third_order = exponent_claim(
    "patel2024/exponent-thm27-third-order",
    theorem="patel2024/thm27-step",
    term="third-order heterogeneity",
    algorithm="local-sgd",
    problem="asymmetric-softplus",
    instance={"width": (L - mu) / (4 * Q), "zeta": zeta},
    output="weighted",
    fixed={"mu": 0.5, "tau": 0, "sigma": 0, "M": 2, "K": 4, "B": 0.01},
    guides={"optimization": B**2 * mu * sympy.exp(-eta * mu * K * R / 2)},
    given=(20 * eta * K * zeta * Q <= L, 20 * eta * L <= 1, eta * mu * K * R >= 20),
    below=sympy.oo,
    paths=(Path({"eta": -1, "R": 1}, 8, points=7),),
)

prop7_optimization = exponent_claim(
    "patel2024/exponent-prop7-optimization",
    theorem="patel2024/prop7",
    term="optimization",
    algorithm="local-sgd",
    problem="rank-one-pair",
    instance={"cosine": 1 - 1 / (6 * R)},
    fixed={"M": 2},
    tuned=TWO_SIDED_STEPS,
    matched_by="dekel2012/convex",
    paths=(Path("K", 1e6, points=7, fixed={"R": 100}), Path("R", 1e6, points=7, fixed={"K": 16})),
)

two_quadratics_floor = exponent_claim(
    "patel2024/exponent-two-quadratics-floor",
    theorem="patel2024/two-quadratics-floor",
    term="heterogeneity drift",
    algorithm="local-sgd",
    problem=PAIR,
    instance={"zeta": zeta_star, "mu": BALANCED},
    fixed={"M": 2, "tau": 0.5},
    given=(R * (tau * zeta_star) ** 2 >= L**4 * B**2,),  # where the rate is the smaller branch
    tuned=STEPS_TO_TUNE,
    paths=(
        Path("R", 1e5, points=9, fixed={"K": 16}),
        Path("K", 1e5, points=9, within=WITH_LOCAL_STEPS, fixed={"R": 10**6}),
    ),
)

thm15_heterogeneity = exponent_claim(
    "patel2024/exponent-thm15-heterogeneity",
    theorem="patel2024/thm15",
    term="heterogeneity drift",
    algorithm="local-sgd",
    problem=PAIR,
    instance={"zeta": zeta / 2, "tau": tau, "mu": BALANCED.subs(zeta_star, zeta)},
    output="average",
    fixed={"M": 2, "sigma": 0, "Q": 0, "tau": 0.5},
    tuned={"eta": Tuned(1 / (K * R * L), 1 / (2 * L), points=61, closed="high")},
    paths=(
        Path("R", 1e5, points=9, fixed={"K": 16}),
        Path("K", 1e5, points=9, within=WITH_LOCAL_STEPS),
    ),
)

thm22_floor = exponent_claim(
    "patel2024/exponent-thm22-floor",
    theorem="patel2024/thm22-constant",
    term="floor",
    algorithm="local-sgd",
    problem=PAIR,
    instance={"zeta": zeta_opt / sqrt((1 + (L / (L - tau)) ** 2) / 2)},
    fixed={"mu": 0.1, "M": 2, "K": 16},
    matched_by="patel2024/two-quadratics-discrepancy",
    below=sympy.oo,
    guides={
        "optimization": (B + zeta_opt / L) * sympy.exp(-eta * mu * K * R),
        "floor": tau * zeta_opt * K * eta / mu,
    },
    given=(eta * K * L <= 1, 10 * tau <= L),
    paths=(
        Path({"eta": -1, "R": 1}, 1e5, fixed={"tau": 0.1}),
        Path({"tau": -1}, 1e5, fixed={"eta": 0.001}),
        Path("zeta_opt", 1e5, fixed={"tau": 0.1, "eta": 0.001}),
    ),
)
