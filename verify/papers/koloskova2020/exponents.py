"""koloskova2020: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

from sympy import Rational

from tightrate.rates.symbols.alphabet import K, L, R, tau, zeta_star
from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.exponent_test import Path
from tightrate.verify.exponents.instances import BALANCED, KRM, PAIR, SLOW, STEPS_TO_TUNE, WITH_LOCAL_STEPS
from tightrate.verify.sweep.tuning import Tuned

exponent_claim = exponent_claims(__name__)

HALF_CURVED = {"tau": L / 2, "mu": BALANCED.subs(tau, L / 2)}

optimization = exponent_claim(
    "koloskova2020/exponent-optimization",
    theorem="koloskova2020/convex",
    term="optimization",
    algorithm="local-sgd",
    problem="rank-one-pair",
    instance={"cosine": 1 - 1 / (6 * R)},
    fixed={"sigma": 0, "zeta_star": 0, "M": 2},
    tuned={"eta": Tuned(Rational(1, 100) / (K * L), 1 / L, points=201, closed="high")},
    matched_by="patel2024/thm9-vanilla",
    paths=(Path("K", 1e6, fixed={"R": 100}), Path("R", 1e6, fixed={"K": 16})),
)

statistical = exponent_claim(
    "koloskova2020/exponent-statistical",
    theorem="koloskova2020/convex",
    term="statistical",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    fixed={"zeta_star": 0},
    tuned={"eta": Tuned(1 / (L * K * R), 1 / L, points=31, closed="high")},
    matched_by="patel2024/thm9-vanilla",
    margin=10,
    paths=KRM,
)

heterogeneity = exponent_claim(
    "koloskova2020/exponent-heterogeneity",
    theorem="koloskova2020/convex",
    term="heterogeneity drift",
    algorithm="local-sgd",
    problem=PAIR,
    instance={"zeta": zeta_star, **HALF_CURVED},
    fixed={"sigma": 0, "M": 2},
    tuned=STEPS_TO_TUNE,
    matched_by="patel2024/thm9-vanilla",
    margin=10,
    paths=(
        Path("R", 1e5, points=9, fixed={"K": 16}),
        Path("K", 1e5, points=9, within=WITH_LOCAL_STEPS),
        Path("zeta_star", 1e3, points=7, fixed={"K": 16, "R": 10**8}, within={"zeta_star": (1e-3, 1e5)}),
    ),
)
