"""One experiment for every exponent test: terms of the catalogue, the instance that shows each, and the paths.

Homogeneous quadratics hide every drift, because the mean iterate does not see how often machines communicate; drift
terms are therefore walked on machines with different Hessians (exact), or on kinked ones (step by step).
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy
import xarray as xr
from sympy import Rational, sqrt

from tightrate.rates.symbols.alphabet import B, K, L, M, Q, R, eta, gamma, mu, symbol, tau, zeta, zeta_opt, zeta_star
from tightrate.verify.experiment import Experiment, experiment
from tightrate.verify.exponents.exponent_test import ExponentTest, Path, Tuning, run_exponent_test
from tightrate.verify.session import Session

SLOW = {"mu": 1e-20, "d": 50}  # a spectrum over 20 decades, so that some eigenvalue is the hard one at every K R
FROZEN = {  # the scaling d_min on every coordinate, never renewed
    "B": symbol("B_scaled") / sqrt(symbol("d_min")),
    "scaling": "rmsprop",
    "beta2": 1.0,
    "d_start": symbol("d_min"),
}
HARD = {"mu": 1 / (eta * gamma * K * R), "d": 2}  # beside L the eigenvalue that K R steps just reach, at each point
SLOW_FOR_ROUNDS = {"mu": 1e-8, "d": 48}
KINKED = "zeta-piecewise-pair"
PAIR = "zeta-quadratic-pair"

# The slow curvature beside the drift that makes both cost the same at the best step: (zeta^2 tau^2/(L B^2 R^2))^(1/3).
BALANCED = sympy.cbrt((zeta_star * tau) ** 2 / (L * B**2 * R**2))
HALF_CURVED = {"tau": L / 2, "mu": BALANCED.subs(tau, L / 2)}

STEPS_TO_TUNE = (Tuning("eta", 1 / (K * R * L), 1 / L, points=61),)
TWO_SIDED_STEPS = (
    Tuning("eta", Rational(1, 1000) / (K * L), 1 / L, points=13),
    Tuning("gamma", Rational(1, 10), 2000 * K, points=61),
)

KRM = (Path("K", 1e4), Path("R", 1e4), Path("M", 64, points=7))
KR = (Path("K", 1e6), Path("R", 1e6))
WITH_LOCAL_STEPS = {"K": (8.0, 1e9)}

TESTS: tuple[ExponentTest, ...] = (
    # --- patel2024 -----------------------------------------------------------------------------------------------
    ExponentTest(
        id="patel2024/exponent-thm27-statistical",
        theorem="patel2024/thm27",
        term="statistical",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance={"d": 8},
        output="weighted",
        fixed={"mu": 0.1, "tau": 0, "zeta": 0, "Q": 0},
        given=(K * R * mu >= 10**4 * L,),  # where the step is prescribed by the noise, not by its cap
        within=WITH_LOCAL_STEPS,
        paths=(Path("K", 1e6), Path("R", 1e6), Path("M", 64, points=7)),
    ),
    ExponentTest(
        id="patel2024/exponent-thm27-explicit-statistical",
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
    ),
    ExponentTest(
        id="patel2024/exponent-thm27-explicit-heterogeneity",
        theorem="patel2024/thm27-explicit",
        term="heterogeneity drift",
        algorithm="local-sgd",
        problem=PAIR,
        instance={"zeta": zeta / 2},  # |grad F_m - grad F| stays below twice that wherever the run comes
        output="weighted",
        fixed={"mu": 0.1, "tau": 0.5, "Q": 0, "M": 2},
        margin=30,
        paths=(Path("R", 1e3, fixed={"K": 16}), Path("K", 1e3, within=WITH_LOCAL_STEPS)),
    ),
    ExponentTest(
        id="patel2024/exponent-thm27-third-order",
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
    ),
    ExponentTest(
        id="patel2024/exponent-prop7-optimization",
        theorem="patel2024/prop7",
        term="optimization",
        algorithm="local-sgd",
        problem="rank-one-pair",
        instance={"cosine": 1 - 1 / (6 * R)},
        fixed={"M": 2},
        tuned=TWO_SIDED_STEPS,
        matched_by="dekel2012/convex",
        paths=(Path("K", 1e6, points=7, fixed={"R": 100}), Path("R", 1e6, points=7, fixed={"K": 16})),
    ),
    ExponentTest(
        id="patel2024/exponent-two-quadratics-floor",
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
    ),
    ExponentTest(
        id="patel2024/exponent-thm15-heterogeneity",
        theorem="patel2024/thm15",
        term="heterogeneity drift",
        algorithm="local-sgd",
        problem=PAIR,
        instance={"zeta": zeta / 2, "tau": tau, "mu": BALANCED.subs(zeta_star, zeta)},
        output="average",
        fixed={"M": 2, "sigma": 0, "Q": 0, "tau": 0.5},
        tuned=(Tuning("eta", 1 / (K * R * L), 1 / (2 * L), points=61),),
        paths=(
            Path("R", 1e5, points=9, fixed={"K": 16}),
            Path("K", 1e5, points=9, within=WITH_LOCAL_STEPS),
        ),
    ),
    ExponentTest(
        id="patel2024/exponent-thm22-floor",
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
    ),
    # --- khaled2025 ----------------------------------------------------------------------------------------------
    ExponentTest(
        id="khaled2025/exponent-eq2-optimization",
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
    ),
    ExponentTest(
        id="khaled2025/exponent-eq2-statistical",
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
    ),
    ExponentTest(
        id="khaled2025/exponent-eq2-drift",
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
        paths=(
            Path("R", 32, points=6, within={"K": (8, 128)}),
            Path("K", 16, points=5, within={"K": (8, 256), "R": (4, 8)}),
        ),
    ),
    ExponentTest(
        id="khaled2025/exponent-thm1-optimization",
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
    ),
    ExponentTest(
        id="khaled2025/exponent-thm1-statistical",
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
    ),
    ExponentTest(
        id="khaled2025/exponent-thm2-optimization",
        theorem="khaled2025/thm2",
        term="optimization",
        algorithm="local-sgd-outer-momentum",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        fixed={"sigma": 0, "M": 1, "gamma": 1, "momentum": 0.5},
        paths=KR,
    ),
    ExponentTest(
        id="khaled2025/exponent-thm2-statistical",
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
    ),
    ExponentTest(
        id="khaled2025/exponent-thm3-optimization",
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
    ),
    ExponentTest(
        id="khaled2025/exponent-thm3-statistical",
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
    ),
    ExponentTest(
        id="khaled2025/exponent-cor1-optimization",
        theorem="khaled2025/cor1",
        term="optimization",
        algorithm="local-sgd-outer-acceleration",
        problem="log-spaced-quadratic",
        instance=SLOW_FOR_ROUNDS,
        fixed={"sigma": 0, "M": 1},
        paths=(Path("R", 64, points=9, within={"R": (16, 1024)}), Path("K", 256, points=9, fixed={"R": 64})),
    ),
    ExponentTest(
        id="khaled2025/exponent-cor1-statistical",
        theorem="khaled2025/cor1",
        term="statistical",
        algorithm="local-sgd-outer-acceleration",
        problem="log-spaced-quadratic",
        instance=SLOW_FOR_ROUNDS,
        margin=4,
        below=L * B**2 / 5,
        paths=(
            Path("R", 16, points=7, within={"R": (8, 2048)}),
            Path("K", 256, points=7, within={"R": (8, 2048)}),
            Path("M", 16, points=5, within={"R": (8, 2048)}),
        ),
    ),
    ExponentTest(
        id="khaled2025/exponent-ill-tuned-optimization",
        theorem="khaled2025/ill-tuned",
        term="optimization",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        fixed={"sigma": 0, "M": 1},
        matched_by="patel2024/thm9-any-steps",
        paths=(Path("R", 1e6), Path("K", 1e6, fixed={"R": 10**4})),
    ),
    ExponentTest(
        id="khaled2025/exponent-ill-tuned-statistical",
        theorem="khaled2025/ill-tuned",
        term="statistical",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance=HARD,
        output="average",
        margin=10,
        within=WITH_LOCAL_STEPS,
        paths=KRM,
    ),
    # --- baselines -----------------------------------------------------------------------------------------------
    ExponentTest(
        id="dekel2012/exponent-optimization",
        theorem="dekel2012/explicit",
        term="optimization",
        algorithm="minibatch-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        fixed={"sigma": 0, "M": 1, "K": 4},
        paths=(Path("R", 1e6),),
    ),
    ExponentTest(
        id="dekel2012/exponent-statistical",
        theorem="dekel2012/explicit",
        term="statistical",
        algorithm="minibatch-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        matched_by="patel2024/thm11",
        margin=30,
        paths=KRM,
    ),
    ExponentTest(
        id="ghadimi2012/exponent-optimization",
        theorem="ghadimi2012/convex",
        term="optimization",
        algorithm="accelerated-minibatch-sgd",
        problem="log-spaced-quadratic",
        instance={**SLOW_FOR_ROUNDS, "eta": 1 / (4 * L)},
        fixed={"sigma": 0, "M": 1, "K": 4},
        matched_by="patel2024/thm11",
        paths=(Path("R", 64, points=9, within={"R": (16, 1024)}),),
    ),
    ExponentTest(
        id="woodworth2020a/exponent-optimization",
        theorem="woodworth2020a/quadratic",
        term="optimization",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        fixed={"sigma": 0, "M": 1},
        paths=KR,
    ),
    ExponentTest(
        id="woodworth2020a/exponent-statistical",
        theorem="woodworth2020a/quadratic",
        term="statistical",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        matched_by="woodworth2020a/lower",
        margin=30,
        given=(symbol("sigma") ** 2 * K * R >= 10**5 * (L * B) ** 2 * M**3,),  # so much above the lower bound's drift
        paths=KRM,
    ),
    ExponentTest(
        id="woodworth2020/exponent-statistical",
        theorem="woodworth2020/convex",
        term="statistical",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        fixed={"zeta": 0},
        tuned=(Tuning("eta", 1 / (L * K * R), 1 / L, points=31),),
        matched_by="glasgow2022/lower",
        margin=10,
        paths=KRM,
    ),
    ExponentTest(
        id="woodworth2020/exponent-heterogeneity",
        theorem="woodworth2020/convex",
        term="heterogeneity drift",
        algorithm="local-sgd",
        problem=KINKED,
        instance={"zeta": zeta, "mu": sympy.cbrt(zeta**2 / (L * B**2 * R**2)) / 4},
        output="average",
        fixed={"sigma": 0, "M": 2},
        tuned=(Tuning("eta", 1 / (K * R * L), 1 / L, points=49),),
        matched_by="glasgow2022/lower",
        margin=4,
        paths=(
            Path("R", 64, points=7, fixed={"K": 8}, within={"R": (16, 1024)}),
            Path("K", 32, points=6, within={"K": (4, 256), "R": (16, 64)}),
        ),
    ),
    ExponentTest(
        id="woodworth2020/exponent-strongly-convex-heterogeneity",
        theorem="woodworth2020/strongly-convex",
        term="heterogeneity drift",
        algorithm="local-sgd",
        problem="asymmetric-quadratic",
        instance={"zeta": zeta},
        fixed={"sigma": 0, "M": 2, "mu": 0.5},
        tuned=(Tuning("eta", 1 / (K * R * L), 1 / L, points=49),),
        margin=10,
        paths=(
            Path("R", 64, points=7, fixed={"K": 8}, within={"R": (16, 1024)}),
            Path("K", 32, points=6, within={"K": (4, 256), "R": (16, 64)}),
        ),
    ),
    ExponentTest(
        id="koloskova2020/exponent-optimization",
        theorem="koloskova2020/convex",
        term="optimization",
        algorithm="local-sgd",
        problem="rank-one-pair",
        instance={"cosine": 1 - 1 / (6 * R)},
        fixed={"sigma": 0, "zeta_star": 0, "M": 2},
        tuned=(Tuning("eta", Rational(1, 100) / (K * L), 1 / L, points=201),),
        matched_by="patel2024/thm9-vanilla",
        paths=(Path("K", 1e6, fixed={"R": 100}), Path("R", 1e6, fixed={"K": 16})),
    ),
    ExponentTest(
        id="koloskova2020/exponent-statistical",
        theorem="koloskova2020/convex",
        term="statistical",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        fixed={"zeta_star": 0},
        tuned=(Tuning("eta", 1 / (L * K * R), 1 / L, points=31),),
        matched_by="patel2024/thm9-vanilla",
        margin=10,
        paths=KRM,
    ),
    ExponentTest(
        id="koloskova2020/exponent-heterogeneity",
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
    ),
    ExponentTest(
        id="glasgow2022/exponent-lower-optimization",
        theorem="glasgow2022/lower",
        term="optimization",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        fixed={"sigma": 0, "zeta_star": 0, "M": 2},
        tuned=(Tuning("eta", Rational(1, 100) / L, 2 / L, points=61),),
        paths=KR,
    ),
    ExponentTest(
        id="khaled2020/exponent-local-gd-optimization",
        theorem="khaled2020/local-gd",
        term="optimization",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        fixed={"zeta_star": 0, "M": 1},
        paths=(Path("K", 1e5), Path("R", 1e6), Path({"eta": -1}, 1e4)),
    ),
    ExponentTest(
        id="khaled2020/exponent-local-gd-heterogeneity",
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
    ),
    ExponentTest(
        id="khaled2020/exponent-slides-optimization",
        theorem="khaled2020/local-gd-slides",
        term="optimization",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance=SLOW,
        output="average",
        fixed={"zeta_star": 0},
        paths=(Path("K", 1e4), Path("R", 1e4), Path("M", 64, points=7)),
    ),
    ExponentTest(
        id="khaled2020/exponent-slides-heterogeneity",
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
    ),
    ExponentTest(
        id="khaled2020/exponent-thm5-statistical",
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
    ),
    # --- chezhegov2024 -------------------------------------------------------------------------------------------
    ExponentTest(
        id="chezhegov2024/exponent-frozen-optimization",
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
    ),
    ExponentTest(
        id="chezhegov2024/exponent-frozen-statistical",
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
    ),
)

EXPONENT_TESTS: Mapping[str, ExponentTest] = {test.id: test for test in TESTS}


def experiment_name(test_id: str) -> str:
    """The name of a test's experiment: its id without the slash, which files cannot have."""
    return test_id.replace("/", "-")


def _experiment(test: ExponentTest) -> Experiment:
    @experiment(experiment_name(test.id))
    def run(session: Session) -> xr.Dataset:
        """Design the paths, run the instance along them, lay measurement, term and bound side by side."""
        return run_exponent_test(test, session)

    return run


# Another process finds them here by name.
EXPONENT_EXPERIMENTS: Mapping[str, Experiment] = {test.id: _experiment(test) for test in TESTS}
vars().update({f"_run_{number}": run for number, run in enumerate(EXPONENT_EXPERIMENTS.values())})
