"""The lattice of theorems: which bound is a special case of which, and which follows from which by tuning.

Every link is decided when asked for (`tightrate.rates.relations.implication`).  A link with `fails_because` is one that
a reader would expect and that does not hold: a finding.
"""

from __future__ import annotations

from functools import cache

from sympy import Expr, Ge, Le, Min, Rational, log, oo, sqrt

from tightrate.rates.orders.normal_form import Hypothesis
from tightrate.rates.papers import cheng2024
from tightrate.rates.relations.implication import Edge, Link, Solution, Tuning
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import (
    B,
    D,
    Delta,
    G_inf,
    K,
    L,
    M,
    R,
    T,
    alpha,
    d,
    d_max,
    d_min,
    eps,
    eta,
    gamma,
    lam,
    sigma,
    sigma_2alpha,
    sigma_inf,
    tau,
    zeta_star,
)

HALF = Rational(1, 2)
TWO_LOCAL_STEPS = (Hypothesis(K, K - 1, "K >= 2"), Hypothesis(K**2, K**2 - 1, "K >= 2"))
NO_SCALING = {"d_min": 1, "d_max": 1, "B_scaled": B}
ONE_BATCH = {"K": 1, "M": 1, "sigma": sigma / sqrt(K * M)}  # R steps on batches of K M gradients
EVEN_NOISE = {"sigma_2alpha": sigma * d ** (1 / (2 * alpha) - HALF)}
SPREAD = (  # the noise vector is not too uneven for K local steps
    Le(sigma_2alpha * d ** (HALF - 1 / (2 * alpha)), sigma * K ** (HALF - 1 / alpha)),
    Le(sigma, sigma_2alpha * d ** (HALF - 1 / (2 * alpha))),
)

DRIFT_AT_ONE_STEP = (
    "At K = 1 nothing drifts, but the drift terms carry K and not K - 1, so the rate of mini-batch SGD is not"
    " recovered."
)
DRIFT_OF_ONE_MACHINE = (
    "One machine cannot drift from the average, but the drift terms carry no factor 1 - 1/M, so the rate of SGD with"
    " K R steps is not recovered."
)


def links() -> tuple[Link, ...]:
    """Every link of the lattice."""
    return (*special_cases(), *tuned_rates(), *solved_rates())


def _step(theorem_id: str, *names: str) -> dict[str, Expr | int]:
    steps = theorem(theorem_id).steps
    return {name: steps[name] for name in names or ("eta",)}


@cache
def special_cases() -> tuple[Edge, ...]:
    """One bound at special values of its letters."""
    return (
        *_restatements(),
        *_no_heterogeneity(),
        *_one_local_step(),
        *_one_machine_or_no_noise(),
        *_plain_outer_loop(),
        *_no_scaling(),
        *_light_tails(),
        *_prescribed_steps(),
        *_fixed_points(),
    )


def _restatements() -> tuple[Edge, ...]:
    """The same bound under two names."""
    return (
        Edge("patel2024/thm9-vanilla", "koloskova2020/convex", "="),
        Edge("patel2024/thm9-any-steps", "dekel2012/convex", "="),
        Edge("patel2024/thm11", "ghadimi2012/convex", "="),
        Edge("patel2024/remark18", "dekel2012/convex", "="),
        Edge("khaled2025/eq2", "woodworth2020a/convex", "="),
        Edge("khaled2025/minibatch", "dekel2012/convex", "="),
        Edge("khaled2025/karimireddy", "dekel2012/convex", "="),
        Edge("cheng2024/eq4.5", "dekel2012/convex", "="),
        Edge("lee2024/blended", "lee2024/thm6", "="),
        Edge("dekel2012/explicit", "dekel2012/convex", "~"),
        Edge("khaled2025/eq2-explicit", "khaled2025/eq2", "~"),
        Edge("patel2024/prop7-constant", "patel2024/prop7", "~"),
        Edge("patel2024/thm11-constant", "patel2024/thm11", "~", target_at={"sigma": 0}),
        Edge("patel2024/prop7-constant", "patel2024/prop7-tau", "=", {"L": tau}),
        Edge("patel2024/prop13-mean", "patel2024/prop13", "~", given=(Ge(D, B),)),
        Edge("khaled2025/thm1", "khaled2025/prop1", "~", given=TWO_LOCAL_STEPS),
        Edge("khaled2025/thm1-safe", "khaled2025/thm1", "=", {"gamma": 1}, {"gamma": 1}, factor=2),
        Edge(
            "khaled2025/thm3-safe",
            "khaled2025/thm3",
            "<~",
            given=(Le(gamma, 1), *TWO_LOCAL_STEPS),
            fails_because="The complete analysis has a term L eta^2 sigma^2 K that does not fall with M; the probable"
            " printed shape lacks it (erratum of thm3).",
        ),
        Edge("khaled2025/thm3", "khaled2025/thm3-safe", "<~", given=(Le(gamma, 1), *TWO_LOCAL_STEPS)),
        Edge(
            "khaled2025/cor1-safe",
            "khaled2025/cor1",
            "<~",
            fails_because="The first drift term of the complete analysis does not fall with M (erratum of cor1).",
        ),
        Edge("khaled2025/cor1", "khaled2025/cor1-safe", "<~"),
        Edge(
            "patel2024/thm27-explicit",
            "patel2024/thm27",
            "<~",
            {"zeta": 0, "sigma": 0},
            {"zeta": 0, "sigma": 0},
            without_logarithms=True,
            fails_because="The proof has exp(-mu K R / (4L)); the statement hides the constant in the exponent"
            " (erratum E8).",
        ),
        Edge("patel2024/thm27-explicit", "patel2024/thm27", "~", target_at={"L": 4 * L}, without_logarithms=True),
        Edge("cheng2024/thmC3", "cheng2024/thmC3-plain", "<~"),
        Edge("cheng2024/lemA3-sharp", "cheng2024/lemA3", "<~"),
        Edge("khaled2025/lemma7-mean", "khaled2025/lemma7", "<~"),
        Edge("khaled2025/lemma7-mean", "patel2024/lemma36", "<~", target_at={"zeta": 0}),
    )


def _no_heterogeneity() -> tuple[Edge, ...]:
    """tau = 0, Q = 0, zeta = 0 and zeta_star = 0."""
    return (
        Edge("patel2024/thm15", "yuan2020/convex", "=", {"tau": 0, "zeta": 0}),
        Edge("patel2024/thm15", "woodworth2020a/quadratic", "~", {"tau": 0, "Q": 0}),
        Edge("patel2024/thm15", "patel2024/thm15-zeta-star", "~", {"zeta": zeta_star + tau * D}),
        Edge("patel2024/thm15-zeta-star", "patel2024/thm15", "=", {"tau": 0}, {"tau": 0, "zeta": zeta_star}),
        Edge("patel2024/thm27", "yuan2020/strongly-convex", "=", {"tau": 0, "zeta": 0}),
        Edge("patel2024/thm27-step", "patel2024/thm27-equal-quadratics", "=", {"tau": 0, "Q": 0}),
        Edge("yuan2020/convex", "woodworth2020a/convex", "=", {"Q": L / B}),
        Edge("yuan2020/convex", "woodworth2020a/quadratic", "~", {"Q": 0}),
        Edge("woodworth2020/convex", "woodworth2020a/convex", "=", {"zeta": 0}),
        Edge("woodworth2020/convex", "koloskova2020/convex", "<~", {"zeta": zeta_star}),
        Edge(
            "koloskova2020/convex",
            "woodworth2020a/convex",
            "<~",
            {"zeta_star": 0},
            fails_because="Machines that share an optimum need not be identical: L B^2 / R stays, K times the"
            " homogeneous term. This is no weakness of the proof but Proposition 7 of patel2024.",
        ),
        Edge("woodworth2020a/convex", "koloskova2020/convex", "<~", target_at={"zeta_star": 0}),
        Edge("glasgow2022/lower", "glasgow2022/lower-homogeneous", "=", {"zeta_star": 0}),
        Edge("chezhegov2024/local-het-c-own", "khaled2025/thm1", "~", {"zeta_star": 0}, {"gamma": 1}),
    )


def _one_local_step() -> tuple[Edge, ...]:
    """K = 1: local SGD with plain averaging is mini-batch SGD."""
    one = {"K": 1}
    return (
        Edge("khaled2025/thm1", "dekel2012/fixed-step", "=", {"K": 1, "gamma": 1}, one, factor=4),
        Edge("khaled2025/thm1", "dekel2012/fixed-step", "~", one, {"K": 1, "eta": gamma * eta}, given=(Ge(gamma, 1),)),
        Edge(
            "khaled2025/thm1",
            "dekel2012/fixed-step",
            "<~",
            one,
            {"K": 1, "eta": gamma * eta},
            fails_because="At K = 1 only the product of both steps matters, but for gamma < 1 the bound keeps the noise"
            " eta sigma^2 / M: it is loose there.",
        ),
        Edge("chezhegov2024/local-het-c-own", "dekel2012/fixed-step", "=", one, one, factor=2),
        Edge("khaled2020/thm5", "dekel2012/fixed-step", "~", {"K": 1, "sigma_star": sigma}, one),
        Edge("chezhegov2024/id-c-tuned", "woodworth2020a/quadratic", "~", {**NO_SCALING, "K": 1}, one),
        *(
            Edge(name, target, "<~", one, one, fails_because=DRIFT_AT_ONE_STEP)
            for name, target in (
                ("koloskova2020/convex", "dekel2012/convex"),
                ("woodworth2020a/convex", "dekel2012/convex"),
                ("khaled2025/cor1", "ghadimi2012/convex"),
                ("khaled2025/cor1-safe", "ghadimi2012/convex"),
                ("yuan2020/fedac1", "ghadimi2012/convex"),
                ("yuan2020/fedac2", "ghadimi2012/convex"),
            )
        ),
        Edge("khaled2025/stationary", "khaled2025/stationary", "=", one, {"K": 1, "gamma": 1, "eta": gamma * eta}),
        Edge(
            "khaled2025/quadratic-mean", "khaled2025/quadratic-mean", "=", one, {**one, "gamma": 1, "eta": gamma * eta}
        ),
        Edge("woodworth2020a/quadratic", "dekel2012/explicit", "=", target_at={"K": 1, "R": K * R}),
        *(
            Edge(name, "0", "=", one)
            for name in ("patel2024/prop25", "patel2024/prop25-convex", "patel2024/piecewise-drift")
        ),
    )


def _one_machine_or_no_noise() -> tuple[Edge, ...]:
    """M = 1, and sigma = 0, where M does not matter."""
    single = {"K": 1, "M": 1, "R": K * R}
    return (
        *(
            Edge(name, "dekel2012/convex", "<~", {"M": 1, **values}, single, fails_because=DRIFT_OF_ONE_MACHINE)
            for name, values in (("woodworth2020a/convex", {}), ("koloskova2020/convex", {"zeta_star": 0}))
        ),
        Edge("khaled2025/cor1", "ghadimi2012/convex", "~", {"K": 1, "M": 1}, {"K": 1, "M": 1}),
        Edge("khaled2025/lemma7-mean", "0", "=", {"M": 1}),
        Edge("khaled2025/malinovsky", "dekel2012/convex", "=", target_at={"sigma": 0}),
        *(
            Edge(name, name, "=", {"sigma": 0}, {"sigma": 0, "M": 1})
            for name in (
                "dekel2012/convex",
                "koloskova2020/convex",
                "khaled2025/thm1",
                "khaled2025/thm2",
                "cheng2024/thm2",
            )
        ),
    )


def _plain_outer_loop() -> tuple[Edge, ...]:
    """No momentum, outer step 1."""
    return (
        Edge("khaled2025/thm2", "khaled2025/thm1", "=", {"momentum": 0}, factor=2),
        Edge("khaled2025/thm2-safe", "khaled2025/thm1-safe", "=", {"momentum": 0}, factor=2),
        Edge("chezhegov2024/local-id-c", "khaled2025/thm1", "~", target_at={"gamma": 1}),
        Edge("cheng2024/structural-convex", "khaled2025/thm1", "~", {"sigma_2alpha": 0}, {"gamma": 1}, TWO_LOCAL_STEPS),
        Edge(
            "cheng2024/fixed-step-convex",
            "khaled2025/thm1",
            "=",
            {"sigma_2alpha": 0},
            {"gamma": 1},
            factor=Rational(1, 4),
        ),
        Edge("cheng2024/fixed-step-convex", "dekel2012/fixed-step", "=", {"sigma_2alpha": 0, "K": 1}, {"K": 1}),
        Edge("cheng2024/flat-variance-x", "cheng2024/flat-variance-z", "=", {"beta1": 0}),
    )


def _no_scaling() -> tuple[Edge, ...]:
    """D = I: scaled local SGD is local SGD; and scaling that changes against scaling that is frozen."""
    return (
        *(
            Edge(f"chezhegov2024/{scaled}", plain, "=", NO_SCALING)
            for scaled, plain in (
                ("id-sc", "chezhegov2024/local-id-sc"),
                ("id-sc-euclidean", "chezhegov2024/local-id-sc"),
                ("id-c", "chezhegov2024/local-id-c"),
                ("het-c", "khaled2020/thm5"),
                ("het-c-own", "chezhegov2024/local-het-c-own"),
                ("fixed-point", "patel2024/discrepancy"),
                ("fixed-point-small-step", "patel2024/discrepancy-small-step"),
            )
        ),
        Edge("chezhegov2024/id-c-tuned", "khaled2025/eq2", "~", NO_SCALING, given=TWO_LOCAL_STEPS),
        Edge("chezhegov2024/identical", "khaled2025/eq2", "~", NO_SCALING, given=TWO_LOCAL_STEPS),
        *(
            Edge(f"chezhegov2024/changing-{kind}-{rule}", f"chezhegov2024/{frozen}", "=", factor=2)
            for kind, frozen in (("c", "id-c"), ("het-c", "het-c-own"))
            for rule in ("rule2", "rule3")
        ),
        Edge(
            "chezhegov2024/id-sc-euclidean", "chezhegov2024/changing-rule2", "<~", terms=("statistical", "noise drift")
        ),
    )


def _light_tails() -> tuple[Edge, ...]:
    """alpha -> infinity, one batch a round, the best Moreau parameter, evenly spread noise without logarithms."""
    return (
        Edge("cheng2024/thm1", "woodworth2020/strongly-convex", "<~", {"alpha": oo}, {"zeta": 0}),
        Edge("cheng2024/thm2", "woodworth2020a/convex", "~", {"alpha": oo}),
        Edge("cheng2024/thm3", "cheng2024/eq4.11", "~", ONE_BATCH),
        Edge(
            "cheng2024/thm2",
            "cheng2024/eq4.5",
            "<~",
            ONE_BATCH,
            fails_because="A clipping term remains; the mini-batch rate needs an argument without consensus error"
            " (erratum of eq4.5).",
        ),
        Edge(
            "cheng2024/thm1",
            "cheng2024/eq4.5-sc",
            "<~",
            ONE_BATCH,
            fails_because="A clipping term remains; the mini-batch rate needs an argument without consensus error"
            " (erratum of eq4.5-sc).",
        ),
        Edge("cheng2024/thmC2", "cheng2024/thmC3", "=", {"moreau": lam / L}),
        Edge("cheng2024/thmC2-steps", "cheng2024/thmC3-steps", "=", {"moreau": lam / L}),
        Edge("cheng2024/eqC.166", "cheng2024/eq4.11", "~", {"moreau": lam / L}),
        *(
            Edge(f"cheng2024/{full}", f"cheng2024/{short}", "=", EVEN_NOISE, without_logarithms=True)
            for full, short in (("thmB4", "thm1"), ("thmB5", "thm2"), ("thmC3", "thm3"))
        ),
    )


def _prescribed_steps() -> tuple[Edge, ...]:
    """A step-dependent bound at the step that is prescribed."""
    drifts = ("noise drift", "heterogeneity drift", "third-order noise", "third-order heterogeneity")
    (log_step,) = (part for part in theorem("patel2024/thm27").step("eta").args if part.has(log))
    return (
        Edge("khaled2020/thm5", "khaled2020/thm5-slides", "=", _step("khaled2020/thm5-slides")),
        Edge("khaled2020/local-gd", "khaled2020/local-gd-slides", "=", _step("khaled2020/local-gd-slides")),
        Edge("khaled2025/thm1", "khaled2025/eq2-explicit", "<~", _step("khaled2025/eq2-explicit", "eta", "gamma")),
        Edge("khaled2025/thm1", "khaled2025/ill-tuned", "<~", _step("khaled2025/ill-tuned", "eta", "gamma")),
        Edge(
            "patel2024/thm27-step",
            "patel2024/thm27-explicit",
            "=",
            {"eta": log_step},
            terms=drifts,
        ),
        Edge("lee2024/proved", "lee2024/proved-tuned", "=", _step("lee2024/proved-tuned")),
        Edge("lee2024/thm6", "lee2024/cor7a", "~", given=(Le(R * eta**2, 1),)),
        Edge("lee2024/thm6", "lee2024/cor7b", "~", _step("lee2024/cor7b")),
        Edge("lee2024/thm6", "lee2024/cor8", "~", _step("lee2024/cor8", "eta", "gamma")),
        Edge("lee2024/cor8", "lee2024/thm6", "<~"),  # no steps do better
    )


def _fixed_points() -> tuple[Edge, ...]:
    """Quadratics without noise."""
    return (
        *(Edge("patel2024/discrepancy", "0", "=", values) for values in ({"K": 1}, {"tau_mean": 0}, {"zeta_mean": 0})),
        *(Edge("patel2024/two-quadratics", "0", "=", values) for values in ({"K": 1}, {"tau": 0})),
        Edge("patel2024/discrepancy", "patel2024/discrepancy-small-step", "=", {"K": 2}, {"K": 2}),
        Edge("patel2024/prop21", "patel2024/prop21-optima", "=", {"K": 1}),
        Edge("patel2024/thm22-outer-step", "patel2024/thm22-explicit", "=", {"gamma": 1}),
        Edge("patel2024/eq8", "khaled2025/quadratic-mean", "=", target_at={"gamma": gamma / 2, "curvature": L}),
    )


@cache
def tuned_rates() -> tuple[Tuning, ...]:
    """Rates that are the minimum of a step-dependent bound over its step, with the cap that the theorem sets."""
    quarter, plain = 1 / (4 * L), {"gamma": 1}
    heterogeneous_cap = Min(1 / (8 * L), 1 / (16 * L * (K - 1)))
    one_step = {"K": 1, "gamma": 1}
    below_start = Le(eps, L * B**2)
    return (
        Tuning("dekel2012/fixed-step", "dekel2012/convex", "~", cap=1 / L),
        Tuning("khaled2025/thm1", "khaled2025/eq2", "~", plain, given=TWO_LOCAL_STEPS, cap=quarter),
        Tuning("khaled2025/thm1", "dekel2012/convex", "~", one_step, {"K": 1}, cap=quarter),
        Tuning("khaled2025/prop1", "khaled2025/eq2", "~", plain, cap=quarter),
        Tuning("khaled2025/thm3", "khaled2025/cor1", "~", plain, cap=1 / (2 * L)),
        Tuning("khaled2025/thm3-safe", "khaled2025/cor1-safe", "~", plain, given=TWO_LOCAL_STEPS, cap=1 / (2 * L)),
        Tuning("khaled2025/thm3-safe", "ghadimi2012/convex", "~", one_step, {"K": 1}, cap=1 / (2 * L)),
        Tuning("khaled2020/local-gd", "koloskova2020/convex", "~", target_at={"sigma": 0}, cap=1 / (4 * L * K)),
        Tuning(
            "khaled2020/thm5",
            "chezhegov2024/heterogeneous",
            "~",
            target_at=NO_SCALING,
            given=TWO_LOCAL_STEPS,
            cap=Min(quarter, 1 / (8 * L * (K - 1))),
        ),
        Tuning("chezhegov2024/local-id-c", "khaled2025/eq2", "~", given=TWO_LOCAL_STEPS, cap=quarter),
        Tuning(
            "chezhegov2024/local-het-c-own",
            "koloskova2020/convex",
            "~",
            given=TWO_LOCAL_STEPS,
            cap=heterogeneous_cap,
        ),
        Tuning("chezhegov2024/id-c", "chezhegov2024/id-c-tuned", "~", cap=d_min * quarter),
        Tuning(
            "chezhegov2024/id-c", "chezhegov2024/identical", "<~", {"B_scaled": sqrt(d_max) * B}, cap=d_min * quarter
        ),
        Tuning(
            "chezhegov2024/het-c",
            "chezhegov2024/heterogeneous",
            "<~",
            {"B_scaled": sqrt(d_max) * B},
            given=TWO_LOCAL_STEPS,
            cap=d_min * Min(quarter, 1 / (8 * L * (K - 1))),
        ),
        Tuning("chezhegov2024/id-sc-euclidean", "chezhegov2024/id-sc-tuned", "~", cap=d_min * quarter),
        Tuning(
            "cheng2024/fixed-step-convex",
            "khaled2025/eq2",
            "~",
            {"sigma_2alpha": 0},
            {},
            TWO_LOCAL_STEPS,
            cap=1 / (2 * L),
        ),
        Tuning(
            "cheng2024/thmB3",
            "cheng2024/thmB5-steps",
            "~",
            {"beta1": 0},
            given=(*SPREAD, below_start),
            without_logarithms=True,
            letter="rho",
            floor=cheng2024.bias_threshold_convex(eps),
        ),
        Tuning(
            "cheng2024/thmB3-sc",
            "cheng2024/thmB4-steps",
            "~",
            {"beta1": 0},
            given=SPREAD,
            without_logarithms=True,
            letter="rho",
            floor=cheng2024.bias_threshold_strongly_convex(eps),
        ),
        Tuning(
            "cheng2024/thmC1",
            "cheng2024/thmC2-steps",
            "~",
            {"beta1": 0, "beta2": 1},
            given=(*SPREAD, Le(eps, L * Delta), Le(eps, (sigma_inf**2 / G_inf) ** 2)),
            without_logarithms=True,
            letter="rho",
            floor=cheng2024.bias_threshold_adam(eps),
        ),
    )


@cache
def solved_rates() -> tuple[Solution, ...]:
    """Accuracies against numbers of steps, and the heterogeneity that a rate tolerates."""
    in_steps = {"R": T / K}
    return (
        *(
            Solution(f"cheng2024/{steps}", f"cheng2024/{rate}", "~", target_at=in_steps, without_logarithms=True)
            for steps, rate in (("thmB5-steps", "thmB5"), ("thmC2-steps", "thmC2"), ("thmC3-steps", "thmC3"))
        ),
        Solution(
            "cheng2024/thmB4",
            "cheng2024/thmB4-steps",
            "~",
            in_steps,
            without_logarithms=True,
            letter="T",
            value=eps,
        ),
        Solution("woodworth2020/convex", "patel2024/eq10-old", "=", letter="zeta", value=eps),
        Solution("patel2024/thm15", "patel2024/eq10-new", "=", letter="zeta", value=eps),
    )
