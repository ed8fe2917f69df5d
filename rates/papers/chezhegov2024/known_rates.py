"""The paper's theorems as far as they are known: local SGD's rates times d_max/d_min."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sympy import Expr, Rational, sqrt

from tightrate.rates.papers.chezhegov2024 import ALL_AVERAGES, HETEROGENEOUS, INDEPENDENT, NO_SCALING, SAVIC
from tightrate.rates.papers.koloskova2020 import TWO_STEPS_AT_LEAST
from tightrate.rates.papers.woodworth2020a import IDENTICAL, IDENTICAL_WORKERS
from tightrate.rates.statements.builder import Stated, in_words, summary
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.setting import SAMPLE_SMOOTHNESS, Setting
from tightrate.rates.symbols.alphabet import B, K, L, M, R, d_max, d_min, sigma, sigma_star

KNOWN = SAVIC.sharing(constants="hidden with logs", iterate=ALL_AVERAGES)
ONLY_THE_FACTOR = (
    "Local SGD's rate times a factor $d_max/d_min$. Only the factor is known from the summary; the rate of local SGD"
    " beside it is filled in, and implied by the bounds for a frozen matrix."
)


def _times_the_factor(terms: Mapping[str, Expr], setting: Setting) -> Stated:
    return Stated(
        {name: d_max / d_min * term for name, term in terms.items()}, conditions=(INDEPENDENT,), setting=setting
    )


@KNOWN.upper(
    "identical",
    "Theorem for identical data, convex case",
    problem_class=IDENTICAL,
    provenance=summary("Theorem for identical data, convex case"),
)
@in_words(ONLY_THE_FACTOR)
def identical() -> Stated:
    return _times_the_factor(
        {
            "optimization": L * B**2 / (K * R),
            "statistical": sigma * B / sqrt(M * K * R),
            "noise drift": (L * (K - 1) * sigma**2 * B**4 / (K * R) ** 2) ** Rational(1, 3),
        },
        replace(IDENTICAL_WORKERS, algorithm="savic"),
    )


@KNOWN.upper(
    "heterogeneous",
    "Theorem for heterogeneous data, convex case",
    problem_class=HETEROGENEOUS,
    provenance=summary("Theorem for heterogeneous data, convex case"),
)
@in_words(ONLY_THE_FACTOR)
def heterogeneous() -> Stated:
    return _times_the_factor(
        {
            "optimization": L * B**2 / R,
            "statistical": sigma_star * B / sqrt(M * K * R),
            "noise drift": (L * (K - 1) ** 2 * sigma_star**2 * B**4 / (K * R) ** 2) ** Rational(1, 3),
        },
        Setting("savic", {"sigma_star": sigma_star, SAMPLE_SMOOTHNESS: L}),
    )


def implications() -> Iterator[Implication]:
    """No scaling gives local SGD's rate."""
    yield Specialization("chezhegov2024/identical", "khaled2025/eq2", "~", NO_SCALING, given=TWO_STEPS_AT_LEAST)
