"""Frozen scaling: local SGD's theorems in the scaled variables, tuned, and one quadratic for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sympy import Eq, Max, Min, Pow, Rational, exp, log, sqrt

from tightrate.rates.papers import khaled2020
from tightrate.rates.papers.chezhegov2024 import NO_SCALING, PROOFS
from tightrate.rates.papers.chezhegov2024.change_of_variables import euclidean, frozen, frozen_conditions, image
from tightrate.rates.papers.chezhegov2024.local_sgd import local_het_c_own, local_id_c, local_id_sc
from tightrate.rates.papers.koloskova2020 import TWO_STEPS_AT_LEAST
from tightrate.rates.papers.patel2024.fixed_point import discrepancy, discrepancy_small_step
from tightrate.rates.statements.builder import Stated, derived, memory, own
from tightrate.rates.statements.implication import Implication, Specialization, TunedBound
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import B, B_scaled, K, L, M, R, d_max, d_min, eta, mu, sigma

STRONGLY_CONVEX = frozen(local_id_sc)
STRONGLY_CONVEX_THEOREM = derived("theorem for identical data, strongly convex, frozen scaling", f"{PROOFS}#id-sc")


@STRONGLY_CONVEX.upper("id-sc", "Frozen scaling, identical data, strongly convex", provenance=STRONGLY_CONVEX_THEOREM)
def id_sc() -> Stated:
    """In units of the effective step $eta/d_min$ this is local SGD with $mu$ multiplied by $d_min/d_max$."""
    return image(local_id_sc)


@STRONGLY_CONVEX.upper(
    "id-sc-euclidean",
    "Frozen scaling, identical data, strongly convex, Euclidean distance",
    measure="squared-distance",
    provenance=STRONGLY_CONVEX_THEOREM,
)
def id_sc_euclidean() -> Stated:
    """The price of leaving the norm of the scaling matrix is one more factor $d_max/d_min$."""
    return replace(image(local_id_sc), terms=euclidean(id_sc().bound).terms)


@STRONGLY_CONVEX.upper(
    "id-sc-tuned",
    "Frozen scaling, identical data, strongly convex, tuned",
    measure="squared-distance",
    constants="hidden with logs",
    provenance=derived("theorem for identical data, strongly convex, tuned", f"{PROOFS}#id-sc-tuned"),
)
def id_sc_tuned() -> Stated:
    """Up to logarithms: the condition number and, to growing powers, the noise terms pay $d_max/d_min$."""
    logarithm = log(Max(2, d_min * mu**2 * B**2 * M * K * R / (d_max * sigma**2)))
    ratio = d_max / d_min
    return Stated(
        {
            "optimization": ratio * B**2 * exp(-mu * K * R / (4 * ratio * L)),
            "statistical": ratio**2 * sigma**2 / (mu**2 * M * K * R),
            "noise drift": ratio**3 * L * (K - 1) * sigma**2 / (mu**3 * K**2 * R**2),
        },
        conditions=frozen_conditions(local_id_sc()),
        steps={"eta": Min(d_min / (4 * L), d_max / (mu * K * R) * logarithm)},
    )


@STRONGLY_CONVEX.upper(
    "id-quadratic",
    "Frozen scaling, one quadratic on all workers",
    problem_class="one strongly convex quadratic, additive noise of the same covariance at every step",
    provenance=own("identical data, quadratic, frozen scaling", f"{PROOFS}#id-quadratic"),
)
def id_quadratic() -> Stated:
    """To first order in the step the floor is $eta tr(A^{-1} C) / (2M)$, whatever the scaling matrix."""
    return Stated(
        {
            "optimization": Pow(1 - eta * mu / d_max, 2 * K * R) * B_scaled**2,
            "statistical": Rational(4, 7) * eta * sigma**2 / (mu * M),
        },
        conditions=frozen_conditions(local_id_sc()),
    )


@frozen(local_id_c).upper(
    "id-c",
    "Frozen scaling, identical data, convex",
    provenance=derived("theorem for identical data, convex, frozen scaling", f"{PROOFS}#id-c"),
)
def id_c() -> Stated:
    """The start enters in the norm of the scaling matrix, at most $sqrt(d_max)$ times its Euclidean norm."""
    return image(local_id_c)


@frozen(local_id_c).upper(
    "id-c-tuned",
    "Frozen scaling, identical data, convex, tuned",
    provenance=own("tuned form of the convex bound", f"{PROOFS}#id-c-tuned"),
)
def id_c_tuned() -> Stated:
    """Local SGD's rate in the scaled constants: $L/d_min$, $sigma/sqrt(d_min)$ and the scaled start distance."""
    cube = (2 * L * (K - 1) * sigma**2 * K * R / (d_min**2 * B_scaled**2)) ** Rational(1, 3)
    # 1 / max{...} rather than min{1/...}: the same number, defined also without noise
    step = 1 / Max(4 * L / d_min, sigma * sqrt(K * R) / (B_scaled * sqrt(d_min * M)), cube)
    drift = (2 * L * (K - 1) * sigma**2 * B_scaled**4 / (d_min**2 * K**2 * R**2)) ** Rational(1, 3)
    unscaled = image(local_id_c)
    return replace(
        unscaled,
        terms={
            "optimization": 8 * L * B_scaled**2 / (d_min * K * R),
            "statistical": 4 * sigma * B_scaled / sqrt(d_min * M * K * R),
            "noise drift": 4 * drift,
        },
        conditions=(*unscaled.conditions, Condition("the balancing step", Eq(eta, step))),
        steps={"eta": step},
    )


@frozen(khaled2020.thm5).upper(
    "het-c",
    "Frozen scaling, heterogeneous data, convex",
    provenance=memory("Khaled et al. 2020, Theorem 5, carried over by the change of variables", f"{PROOFS}#rescale"),
)
def het_c() -> Stated:
    """The theorem on local SGD with heterogeneous data, in the scaled variables."""
    return image(khaled2020.thm5)


@frozen(local_het_c_own).upper(
    "het-c-own",
    "Frozen scaling, heterogeneous data, convex, uniform noise",
    provenance=own("heterogeneous data, frozen scaling", f"{PROOFS}#het-c-own"),
)
def het_c_own() -> Stated:
    """Local SGD on heterogeneous workers with uniform noise, in the scaled variables."""
    return image(local_het_c_own)


@frozen(discrepancy).upper(
    "fixed-point",
    "A common scaling matrix does not remove client drift",
    provenance=own("fixed point of the scaled method", f"{PROOFS}#fixed-point"),
)
def fixed_point() -> Stated:
    """On quadratics without noise the fixed point stays off the optimum as without scaling."""
    return image(discrepancy)


@frozen(discrepancy_small_step).upper(
    "fixed-point-small-step",
    "Client drift of the scaled method to first order",
    provenance=own("fixed point of the scaled method, first order", f"{PROOFS}#fixed-point"),
)
def fixed_point_small_step() -> Stated:
    """The distance of the fixed point from the optimum is at most first order in $eta (K - 1)$."""
    return image(discrepancy_small_step)


def implications() -> Iterator[Implication]:
    """No scaling gives local SGD back; the tuned steps give the tuned rates."""
    for scaled, plain in (
        (id_sc, local_id_sc),
        (id_sc_euclidean, local_id_sc),
        (id_c, local_id_c),
        (het_c, khaled2020.thm5),
        (het_c_own, local_het_c_own),
        (fixed_point, discrepancy),
        (fixed_point_small_step, discrepancy_small_step),
    ):
        yield Specialization(scaled.id, plain.id, "=", NO_SCALING)
    yield Specialization("chezhegov2024/id-c-tuned", "khaled2025/eq2", "~", NO_SCALING, given=TWO_STEPS_AT_LEAST)
    yield Specialization("chezhegov2024/id-c-tuned", "woodworth2020a/quadratic", "~", {**NO_SCALING, "K": 1}, {"K": 1})
    yield Specialization(
        "chezhegov2024/id-sc-euclidean", "chezhegov2024/changing-rule2", "<~", terms=("statistical", "noise drift")
    )
    cap, far = d_min / (4 * L), {"B_scaled": sqrt(d_max) * B}
    yield TunedBound("chezhegov2024/id-sc-euclidean", "chezhegov2024/id-sc-tuned", "~", cap=cap)
    yield TunedBound("chezhegov2024/id-c", "chezhegov2024/id-c-tuned", "~", cap=cap)
    yield TunedBound("chezhegov2024/id-c", "chezhegov2024/identical", "<~", far, cap=cap)
    yield TunedBound(
        "chezhegov2024/het-c",
        "chezhegov2024/heterogeneous",
        "<~",
        far,
        given=TWO_STEPS_AT_LEAST,
        cap=d_min * Min(1 / (4 * L), 1 / (8 * L * (K - 1))),
    )
