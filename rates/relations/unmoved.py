"""Implications and misprints of the papers whose modules do not declare theirs yet."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Min, sqrt

from tightrate.rates.papers.koloskova2020 import TWO_STEPS_AT_LEAST
from tightrate.rates.statements.implication import Implication, Specialization, TunedBound
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.symbols.alphabet import (
    B,
    K,
    L,
    d_max,
    d_min,
)

NO_SCALING = {"d_min": 1, "d_max": 1, "B_scaled": B}


def implications() -> Iterator[Implication]:
    """Those of chezhegov2024."""
    yield from _chezhegov2024()


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


def misprints() -> Iterator[Misprint]:
    """None."""
    return iter(())
