"""Implications and misprints of the papers whose modules do not declare theirs yet."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Ge, Le, Min, Rational, exp, oo, sqrt

from tightrate.rates.papers import cheng2024
from tightrate.rates.papers.koloskova2020 import DRIFT_AT_ONE_STEP, TWO_STEPS_AT_LEAST
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.implication import Implication, SolvedBound, Specialization, TunedBound
from tightrate.rates.statements.measures import MEASURES, Measure
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.symbols.alphabet import (
    SQUARED_GRADIENT,
    B,
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
    delta,
    eps,
    eta,
    gamma,
    lam,
    mu,
    sigma,
    sigma_2alpha,
    sigma_inf,
)
from tightrate.rates.symbols.units import PURE

HALF = Rational(1, 2)
NO_SCALING = {"d_min": 1, "d_max": 1, "B_scaled": B}
ONE_BATCH = {"K": 1, "M": 1, "sigma": sigma / sqrt(K * M)}  # R steps on batches of K M gradients
EVEN_NOISE = {"sigma_2alpha": sigma * d ** (1 / (2 * alpha) - HALF)}
SPREAD = (  # the noise vector is not too uneven for K local steps
    Le(sigma_2alpha * d ** (HALF - 1 / (2 * alpha)), sigma * K ** (HALF - 1 / alpha)),
    Le(sigma, sigma_2alpha * d ** (HALF - 1 / (2 * alpha))),
)


def implications() -> Iterator[Implication]:
    """Those of khaled2025, chezhegov2024 and cheng2024."""
    yield from _khaled2025()
    yield from _chezhegov2024()
    yield from _cheng2024()


def _khaled2025() -> Iterator[Implication]:
    one, plain = {"K": 1}, {"gamma": 1}
    one_step = {"K": 1, "gamma": 1}
    at_product = {"K": 1, "eta": gamma * eta}
    yield Specialization("khaled2025/eq2", "woodworth2020a/convex", "=")
    yield Specialization("khaled2025/minibatch", "dekel2012/convex", "=")
    yield Specialization("khaled2025/karimireddy", "dekel2012/convex", "=")
    yield Specialization("khaled2025/eq2-explicit", "khaled2025/eq2", "~")
    yield Specialization("khaled2025/thm1", "khaled2025/prop1", "~", given=TWO_STEPS_AT_LEAST)
    yield Specialization("khaled2025/thm1-safe", "khaled2025/thm1", "=", plain, plain, factor=2)
    yield Specialization(
        "khaled2025/thm3-safe",
        "khaled2025/thm3",
        "<~",
        given=(Le(gamma, 1), *TWO_STEPS_AT_LEAST),
        fails_because="The complete analysis has a term L eta^2 sigma^2 K that does not fall with M; the probable"
        " printed shape lacks it (erratum of thm3).",
    )
    yield Specialization("khaled2025/thm3", "khaled2025/thm3-safe", "<~", given=(Le(gamma, 1), *TWO_STEPS_AT_LEAST))
    yield Specialization(
        "khaled2025/cor1-safe",
        "khaled2025/cor1",
        "<~",
        fails_because="The first drift term of the complete analysis does not fall with M (erratum of cor1).",
    )
    yield Specialization("khaled2025/cor1", "khaled2025/cor1-safe", "<~")
    yield Specialization("khaled2025/lemma7-mean", "khaled2025/lemma7", "<~")
    yield Specialization("khaled2025/lemma7-mean", "patel2024/lemma36", "<~", target_at={"zeta": 0})
    yield Specialization("khaled2025/thm1", "dekel2012/fixed-step", "=", one_step, one, factor=4)
    yield Specialization("khaled2025/thm1", "dekel2012/fixed-step", "~", one, at_product, given=(Ge(gamma, 1),))
    yield Specialization(
        "khaled2025/thm1",
        "dekel2012/fixed-step",
        "<~",
        one,
        at_product,
        fails_because="At K = 1 only the product of both steps matters, but for gamma < 1 the bound keeps the noise"
        " eta sigma^2 / M: it is loose there.",
    )
    for name in ("cor1", "cor1-safe"):
        yield Specialization(
            f"khaled2025/{name}", "ghadimi2012/convex", "<~", one, one, fails_because=DRIFT_AT_ONE_STEP
        )
    for name in ("stationary", "quadratic-mean"):
        yield Specialization(f"khaled2025/{name}", f"khaled2025/{name}", "=", one, {**one_step, "eta": gamma * eta})
    yield Specialization("khaled2025/cor1", "ghadimi2012/convex", "~", {"K": 1, "M": 1}, {"K": 1, "M": 1})
    yield Specialization("khaled2025/lemma7-mean", "0", "=", {"M": 1})
    yield Specialization("khaled2025/malinovsky", "dekel2012/convex", "=", target_at={"sigma": 0})
    for name in ("thm1", "thm2"):
        yield Specialization(f"khaled2025/{name}", f"khaled2025/{name}", "=", {"sigma": 0}, {"sigma": 0, "M": 1})
    yield Specialization("khaled2025/thm2", "khaled2025/thm1", "=", {"momentum": 0}, factor=2)
    yield Specialization("khaled2025/thm2-safe", "khaled2025/thm1-safe", "=", {"momentum": 0}, factor=2)
    for name in ("eq2-explicit", "ill-tuned"):
        steps = theorem(f"khaled2025/{name}").steps
        yield Specialization("khaled2025/thm1", f"khaled2025/{name}", "<~", {n: steps[n] for n in ("eta", "gamma")})
    quarter, half = 1 / (4 * L), 1 / (2 * L)
    yield TunedBound("khaled2025/thm1", "khaled2025/eq2", "~", plain, given=TWO_STEPS_AT_LEAST, cap=quarter)
    yield TunedBound("khaled2025/thm1", "dekel2012/convex", "~", one_step, {"K": 1}, cap=quarter)
    yield TunedBound("khaled2025/prop1", "khaled2025/eq2", "~", plain, cap=quarter)
    yield TunedBound("khaled2025/thm3", "khaled2025/cor1", "~", plain, cap=half)
    yield TunedBound("khaled2025/thm3-safe", "khaled2025/cor1-safe", "~", plain, given=TWO_STEPS_AT_LEAST, cap=half)
    yield TunedBound("khaled2025/thm3-safe", "ghadimi2012/convex", "~", one_step, {"K": 1}, cap=half)


def _chezhegov2024() -> Iterator[Implication]:
    one = {"K": 1}
    quarter = 1 / (4 * L)
    yield Specialization("chezhegov2024/local-het-c-own", "khaled2025/thm1", "~", {"zeta_star": 0}, {"gamma": 1})
    yield Specialization("chezhegov2024/local-het-c-own", "dekel2012/fixed-step", "=", one, one, factor=2)
    yield Specialization("chezhegov2024/id-c-tuned", "woodworth2020a/quadratic", "~", {**NO_SCALING, "K": 1}, one)
    yield Specialization("chezhegov2024/local-id-c", "khaled2025/thm1", "~", target_at={"gamma": 1})
    for scaled, plain in (
        ("id-sc", "chezhegov2024/local-id-sc"),
        ("id-sc-euclidean", "chezhegov2024/local-id-sc"),
        ("id-c", "chezhegov2024/local-id-c"),
        ("het-c", "khaled2020/thm5"),
        ("het-c-own", "chezhegov2024/local-het-c-own"),
        ("fixed-point", "patel2024/discrepancy"),
        ("fixed-point-small-step", "patel2024/discrepancy-small-step"),
    ):
        yield Specialization(f"chezhegov2024/{scaled}", plain, "=", NO_SCALING)
    yield Specialization("chezhegov2024/id-c-tuned", "khaled2025/eq2", "~", NO_SCALING, given=TWO_STEPS_AT_LEAST)
    yield Specialization("chezhegov2024/identical", "khaled2025/eq2", "~", NO_SCALING, given=TWO_STEPS_AT_LEAST)
    for kind, frozen in (("c", "id-c"), ("het-c", "het-c-own")):
        for rule in ("rule2", "rule3"):
            yield Specialization(f"chezhegov2024/changing-{kind}-{rule}", f"chezhegov2024/{frozen}", "=", factor=2)
    yield Specialization(
        "chezhegov2024/id-sc-euclidean", "chezhegov2024/changing-rule2", "<~", terms=("statistical", "noise drift")
    )
    yield TunedBound("chezhegov2024/local-id-c", "khaled2025/eq2", "~", given=TWO_STEPS_AT_LEAST, cap=quarter)
    yield TunedBound(
        "chezhegov2024/local-het-c-own",
        "koloskova2020/convex",
        "~",
        given=TWO_STEPS_AT_LEAST,
        cap=Min(1 / (8 * L), 1 / (16 * L * (K - 1))),
    )
    yield TunedBound("chezhegov2024/id-c", "chezhegov2024/id-c-tuned", "~", cap=d_min * quarter)
    yield TunedBound(
        "chezhegov2024/id-c", "chezhegov2024/identical", "<~", {"B_scaled": sqrt(d_max) * B}, cap=d_min * quarter
    )
    yield TunedBound(
        "chezhegov2024/het-c",
        "chezhegov2024/heterogeneous",
        "<~",
        {"B_scaled": sqrt(d_max) * B},
        given=TWO_STEPS_AT_LEAST,
        cap=d_min * Min(quarter, 1 / (8 * L * (K - 1))),
    )
    yield TunedBound("chezhegov2024/id-sc-euclidean", "chezhegov2024/id-sc-tuned", "~", cap=d_min * quarter)


def _cheng2024() -> Iterator[Implication]:
    yield Specialization("cheng2024/eq4.5", "dekel2012/convex", "=")
    yield Specialization("cheng2024/thmC3", "cheng2024/thmC3-plain", "<~")
    yield Specialization("cheng2024/lemA3-sharp", "cheng2024/lemA3", "<~")
    yield Specialization("cheng2024/thm2", "cheng2024/thm2", "=", {"sigma": 0}, {"sigma": 0, "M": 1})
    gaussian: dict[str, Expr | int] = {"sigma_2alpha": 0}
    yield Specialization(
        "cheng2024/structural-convex", "khaled2025/thm1", "~", gaussian, {"gamma": 1}, TWO_STEPS_AT_LEAST
    )
    yield Specialization(
        "cheng2024/fixed-step-convex", "khaled2025/thm1", "=", gaussian, {"gamma": 1}, factor=Rational(1, 4)
    )
    yield Specialization(
        "cheng2024/fixed-step-convex", "dekel2012/fixed-step", "=", {"sigma_2alpha": 0, "K": 1}, {"K": 1}
    )
    yield Specialization("cheng2024/flat-variance-x", "cheng2024/flat-variance-z", "=", {"beta1": 0})
    yield Specialization("cheng2024/thm1", "woodworth2020/strongly-convex", "<~", {"alpha": oo}, {"zeta": 0})
    yield Specialization("cheng2024/thm2", "woodworth2020a/convex", "~", {"alpha": oo})
    yield Specialization("cheng2024/thm3", "cheng2024/eq4.11", "~", ONE_BATCH)
    for name, minibatch in (("thm2", "eq4.5"), ("thm1", "eq4.5-sc")):
        yield Specialization(
            f"cheng2024/{name}",
            f"cheng2024/{minibatch}",
            "<~",
            ONE_BATCH,
            fails_because="A clipping term remains; the mini-batch rate needs an argument without consensus error"
            f" (erratum of {minibatch}).",
        )
    yield Specialization("cheng2024/thmC2", "cheng2024/thmC3", "=", {"moreau": lam / L})
    yield Specialization("cheng2024/thmC2-steps", "cheng2024/thmC3-steps", "=", {"moreau": lam / L})
    yield Specialization("cheng2024/eqC.166", "cheng2024/eq4.11", "~", {"moreau": lam / L})
    for full, short in (("thmB4", "thm1"), ("thmB5", "thm2"), ("thmC3", "thm3")):
        yield Specialization(f"cheng2024/{full}", f"cheng2024/{short}", "=", EVEN_NOISE, without_logarithms=True)
    yield TunedBound(
        "cheng2024/fixed-step-convex", "khaled2025/eq2", "~", gaussian, {}, TWO_STEPS_AT_LEAST, cap=1 / (2 * L)
    )
    yield TunedBound(
        "cheng2024/thmB3",
        "cheng2024/thmB5-steps",
        "~",
        {"beta1": 0},
        given=(*SPREAD, Le(eps, L * B**2)),
        without_logarithms=True,
        letter="rho",
        floor=cheng2024.bias_threshold_convex(eps),
    )
    yield TunedBound(
        "cheng2024/thmB3-sc",
        "cheng2024/thmB4-steps",
        "~",
        {"beta1": 0},
        given=SPREAD,
        without_logarithms=True,
        letter="rho",
        floor=cheng2024.bias_threshold_strongly_convex(eps),
    )
    yield TunedBound(
        "cheng2024/thmC1",
        "cheng2024/thmC2-steps",
        "~",
        {"beta1": 0, "beta2": 1},
        given=(*SPREAD, Le(eps, L * Delta), Le(eps, (sigma_inf**2 / G_inf) ** 2)),
        without_logarithms=True,
        letter="rho",
        floor=cheng2024.bias_threshold_adam(eps),
    )
    in_steps = {"R": T / K}
    for steps, rate in (("thmB5-steps", "thmB5"), ("thmC2-steps", "thmC2"), ("thmC3-steps", "thmC3")):
        yield SolvedBound(f"cheng2024/{steps}", f"cheng2024/{rate}", "~", target_at=in_steps, without_logarithms=True)
    yield SolvedBound(
        "cheng2024/thmB4", "cheng2024/thmB4-steps", "~", in_steps, without_logarithms=True, letter="T", value=eps
    )


def misprints() -> Iterator[Misprint]:
    """Those of cheng2024 and khaled2025."""
    accuracy_cap = sigma_inf**2 / G_inf
    yield Misprint(
        "summary-sgdm-clipping",
        "cheng2024",
        "last term of the Local SGDM rate in a summary of the paper",
        sigma**2 * sqrt(L) / sqrt(mu) * K * R ** (2 * (alpha - 1) / alpha),
        MEASURES["gap"],
        _term("cheng2024/thm1", "clipping"),
        "value^2 length^-2",
        "K R belongs in the denominator inside the power, and a factor 1/mu is missing.",
    )
    yield Misprint(
        "summary-adam-clipping",
        "cheng2024",
        "last term of the Local Adam rate in a summary of the paper",
        (L * Delta * sigma) ** (alpha / (alpha - 1)) * K * R ** (-2 * (alpha - 1) / (3 * alpha - 2)),
        MEASURES["preconditioned-squared-gradient"],
        _term("cheng2024/thm3", "clipping"),
        "value^(3*alpha/(alpha - 1)) length^(-3*alpha/(alpha - 1))",
        "Only sigma carries the power alpha/(alpha-1), and the outer power covers the whole quotient by K R.",
    )
    yield Misprint(
        "eq4.3-prefactor",
        "cheng2024",
        "(4.3), first term",
        exp(-mu * K * R / L),
        MEASURES["gap"],
        _term("cheng2024/thm1", "optimization"),
        "pure number",
        "The prefactor mu B^2 of the exponential is left out.",
    )
    yield Misprint(
        "eq4.5-prefactor",
        "cheng2024",
        "(4.5), first term of the strongly convex case",
        exp(-mu * R / L),
        MEASURES["gap"],
        _term("cheng2024/eq4.5-sc", "optimization"),
        "pure number",
        "The prefactor mu B^2 of the exponential is left out.",
    )
    yield Misprint(
        "eqB.52",
        "cheng2024",
        "(B.52)",
        Delta / (2 * L),
        MEASURES["squared-gradient"],
        2 * L * Delta,
        "length^2",
        "Smoothness bounds the squared gradient by 2 L times the gap.",
    )
    yield Misprint(
        "eqC.14",
        "cheng2024",
        "(C.14), second term",
        Delta / eps * sqrt(L**2 * sigma**2 * K * cheng2024.consensus_factor_adam(T) / Min(eps, accuracy_cap)),
        MEASURES["steps"],
        _term("cheng2024/thmC1", "noise drift"),
        "value length^-1",
        "The minimum compares the accuracy, a squared gradient, with sigma_inf^2/G_inf; its square is meant.",
        cheng2024.ADAM_UNITS,
    )
    yield Misprint(
        "eqC.25",
        "cheng2024",
        "(C.25), also (C.19) and (C.23)",
        accuracy_cap,
        Measure("accuracy", r"\varepsilon", SQUARED_GRADIENT, "largest accuracy that the theorem covers"),
        cheng2024.SMALL_ADAM_ACCURACY.relation.rhs if cheng2024.SMALL_ADAM_ACCURACY.relation is not None else None,
        "value length^-1",
        "The accuracy is a squared gradient; Lemma C.9's condition gives the square of sigma_inf^2/G_inf.",
    )
    yield Misprint(
        "eqD.1",
        "cheng2024",
        "(D.1) and (D.11)",
        sigma / delta ** (1 / alpha) * sqrt(L / eps),
        MEASURES["steps"],
        _term("cheng2024/thmD1", "confidence"),
        "value length^-2",
        "sqrt(L/eps) should be 1/sqrt(L eps): the two facts that the paper quotes give it.",
    )
    yield Misprint(
        "gamma-star",
        "khaled2025",
        "outer step that balances the rate, discussion after Theorem 1, as legible in a conversion of the text",
        sqrt(L * B**2 * sigma**2 * M * K / (R * sigma**2)),
        Measure("balancing-factor", r"\gamma_\star", PURE, "gamma eta L K at which the two terms are equal"),
        sqrt(L**2 * B**2 * M * K / (R * sigma**2)),
        "value^(1/2)",
        "Minimizing the rate over gamma_* gives the square of L and no noise in the numerator.",
    )
    yield Misprint(
        "summary-adam-drift",
        "cheng2024",
        "fourth term of the Local Adam rate in a summary of the paper",
        (L * Delta * sigma) ** Rational(2, 3) * K ** Rational(1, 3) * R ** Rational(2, 3),
        MEASURES["preconditioned-squared-gradient"],
        _term("cheng2024/thm3", "noise drift"),
        "value^2 length^-2",
        "K and R belong in the denominator; they have no unit, so that the unit is right all the same.",
    )


def _term(theorem_id: str, name: str) -> Expr:
    """A term of the catalogue: the corrected form."""
    return theorem(theorem_id).bound.term(name).expression
