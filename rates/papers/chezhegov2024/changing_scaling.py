"""Changing scaling: what the growth of the scaling matrix costs, at every averaging or once a block."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Le, Pow, Rational, log

from tightrate.rates.papers.chezhegov2024 import IDENTICAL_SC, INDEPENDENT, LAST_AVERAGE, PROOFS, SAVIC
from tightrate.rates.papers.chezhegov2024.change_of_variables import euclidean, frozen
from tightrate.rates.papers.chezhegov2024.frozen_scaling import het_c_own, id_c, id_sc
from tightrate.rates.papers.chezhegov2024.local_sgd import local_het_c_own, local_id_c
from tightrate.rates.papers.chezhegov2024.scaling_matrix import ENTRIES_BOUNDED, RULES, Rule, growth, slow_averaging
from tightrate.rates.statements.builder import Stated, Statement, derived, in_words, own
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import B, K, L, R, d_max, d_min, eta, mu

STRONGLY_CONVEX = SAVIC.sharing(measure="squared-distance", problem_class=IDENTICAL_SC, iterate=LAST_AVERAGE)
STEP_TO_SCALE = Condition("step at most $d_min/(4L)$", Le(4 * eta * L, d_min))
STEPS_TO_SCALE_HET = (
    Condition("step at most $d_min/(8L)$", Le(8 * eta * L, d_min)),
    Condition("step at most $d_min/(16 L (K - 1))$", Le(16 * eta * L * (K - 1), d_min)),
)


def _slow_contraction(noise_factor: Expr) -> dict[str, Expr]:
    """Half the contraction of the frozen case, and its noise terms times a factor."""
    noise = [term for term in euclidean(id_sc().bound).terms if term.name != "optimization"]
    return {
        "optimization": d_max / d_min * Pow(1 - eta * mu / (2 * d_max), K * R) * B**2,
        **{term.name: noise_factor * term.expression for term in noise},
    }


def _changing(rule: Rule) -> Statement:
    @STRONGLY_CONVEX.upper(
        f"changing-{rule}",
        "Changing scaling, identical data, strongly convex",
        provenance=derived("theorem for identical data, strongly convex", f"{PROOFS}#changing"),
    )
    @in_words(f"{RULES[rule]}; half the rate of a frozen matrix and 9/4 of its noise terms.")
    def stated() -> Stated:
        return Stated(
            _slow_contraction(Rational(9, 4)),
            conditions=(STEP_TO_SCALE, slow_averaging(rule), ENTRIES_BOUNDED, INDEPENDENT),
        )

    return stated


def _changing_block(rule: Rule) -> Statement:
    @STRONGLY_CONVEX.upper(
        f"changing-block-{rule}",
        "Changing scaling, identical data, strongly convex, blocks of exactly $K$ steps",
        provenance=own("identical data, strongly convex, long blocks", f"{PROOFS}#changing-block"),
    )
    @in_words(f"{RULES[rule]}; the growth is paid once a block, so longer blocks allow faster averaging.")
    def stated() -> Stated:
        rate = eta * mu / d_max
        paid = Condition(
            "the growth of one update is paid by the contraction of one block",
            Le((1 + growth(rule)) * Pow(1 - rate, K), Pow(1 - rate / 2, K)),
        )
        return Stated(
            _slow_contraction(2 * (1 + growth(rule))), conditions=(STEP_TO_SCALE, paid, ENTRIES_BOUNDED, INDEPENDENT)
        )

    return stated


def _twice(unchanging: Theorem, rule: Rule, *steps: Condition) -> Stated:
    """Twice a bound for a frozen matrix, as long as the matrix grows by at most a factor 2 in all."""
    growing = Condition("$R$ updates grow the scaling matrix by at most a factor 2", Le(R * growth(rule), log(2)))
    return Stated(
        {term.name: 2 * term.expression for term in unchanging.bound.terms},
        conditions=(*steps, growing, ENTRIES_BOUNDED, INDEPENDENT),
        setting=unchanging.setting,
    )


def _changing_convex(rule: Rule) -> Statement:
    @frozen(local_id_c).upper(
        f"changing-c-{rule}",
        "Changing scaling, identical data, convex",
        provenance=own("identical data, convex, changing scaling", f"{PROOFS}#changing-c"),
    )
    @in_words(f"{RULES[rule]}; twice the bound of a frozen matrix. $B_scaled$ is taken in the first matrix.")
    def stated() -> Stated:
        return _twice(id_c(), rule, STEP_TO_SCALE)

    return stated


def _changing_heterogeneous(rule: Rule) -> Statement:
    @frozen(local_het_c_own).upper(
        f"changing-het-c-{rule}",
        "Changing scaling, heterogeneous data, convex",
        provenance=own("heterogeneous data, convex, changing scaling", f"{PROOFS}#changing-c"),
    )
    @in_words(f"{RULES[rule]}; twice the bound of a frozen matrix. $B_scaled$ is taken in the first matrix.")
    def stated() -> Stated:
        return _twice(het_c_own(), rule, *STEPS_TO_SCALE_HET)

    return stated


changing_rule2, changing_rule3 = map(_changing, RULES)
changing_block_rule2, changing_block_rule3 = map(_changing_block, RULES)
changing_c_rule2, changing_c_rule3 = map(_changing_convex, RULES)
changing_het_c_rule2, changing_het_c_rule3 = map(_changing_heterogeneous, RULES)


def implications() -> Iterator[Implication]:
    """Twice the bounds for a frozen matrix."""
    for changing, unchanging in (
        (changing_c_rule2, id_c),
        (changing_c_rule3, id_c),
        (changing_het_c_rule2, het_c_own),
        (changing_het_c_rule3, het_c_own),
    ):
        yield Specialization(changing.id, unchanging.id, "=", factor=2)
