"""How the scaling matrix changes: its two averaging rules, Lemma 1 and Corollary 1, and what is sharp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sympy import Expr, Le, sqrt

from tightrate.rates.papers.chezhegov2024 import PROOFS, SAVIC
from tightrate.rates.statements.builder import Stated, Statement, in_words, memory, own, summary
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import L, beta2, d, d_max, d_min, eta, mu

Rule = Literal["rule2", "rule3"]
RULES: Mapping[Rule, str] = {
    "rule2": "$D^2$ is averaged: $(D^t)^2 = beta (D^{t-1})^2 + (1 - beta) (H^t)^2$ (Adam, RMSProp, AdaHessian)",
    "rule3": "$D$ is averaged: $D^t = beta D^{t-1} + (1 - beta) H^t$ (OASIS)",
}
ENTRIES_BOUNDED = Condition("every entry of the start and of the increments $H^t$ is at most $d_max$ in size")
EARLIER_TEXT = "in the form of arXiv 2206.08303"

SCALING_MATRIX = SAVIC.sharing(problem_class="any", iterate="every update", holds="deterministically")
GROWTH = SCALING_MATRIX.sharing(measure="scaling-growth")


def adam_weight(beta: Expr, t: Expr) -> Expr:
    """The averaging weight beta_t with which rule (2) reproduces Adam's bias-corrected second moment.

    >>> from sympy import Integer, Rational
    >>> adam_weight(Rational(1, 2), Integer(0)), adam_weight(Rational(1, 2), Integer(1))
    (0, 1/3)
    """
    return (beta - beta ** (t + 1)) / (1 - beta ** (t + 1))


def change(rule: Rule) -> Expr:
    """How much an entry of the clipped scaling matrix can change at one update."""
    return {"rule2": (1 - beta2) * d_max**2 / (2 * d_min), "rule3": 2 * (1 - beta2) * d_max}[rule]


def growth(rule: Rule) -> Expr:
    """delta with D^t <= (1 + delta) D^{t-1}: the change relative to the smallest entry."""
    return change(rule) / d_min


def sharp_growth(rule: Rule) -> Expr:
    """The least delta with D^t <= (1 + delta) D^{t-1}: attained from an entry d_min by an increment d_max."""
    ratio = d_max / d_min
    return {"rule2": sqrt(1 + (1 - beta2) * (ratio**2 - 1)) - 1, "rule3": (1 - beta2) * (ratio - 1)}[rule]


def slow_averaging(rule: Rule) -> Condition:
    """The condition of Corollary 1 on beta: the growth is at most eta mu / (2 d_max)."""
    limit = {"rule2": eta * mu * d_min**2 / d_max**3, "rule3": eta * mu * d_min / (4 * d_max**2)}[rule]
    return Condition("the averaging is slow enough against the step", Le(1 - beta2, limit))


@SCALING_MATRIX.upper(
    "lemma1",
    "The scaling matrix stays diagonal and between $d_min$ and $d_max$",
    measure="scaling-entry",
    provenance=summary("Lemma 1, part 1", f"{PROOFS}#lemma1"),
)
def lemma1() -> Stated:
    """Averaging keeps entries at most $d_max$, and clipping from below keeps them at least $d_min$."""
    return Stated({"largest entry": d_max}, conditions=(ENTRIES_BOUNDED,))


def _lemma1_change(rule: Rule) -> Statement:
    @SCALING_MATRIX.upper(
        f"lemma1-change-{rule}",
        "How much the scaling matrix changes at one update",
        measure="scaling-change",
        provenance=memory(f"Lemma 1, part 2, {EARLIER_TEXT}", f"{PROOFS}#lemma1"),
    )
    @in_words(RULES[rule])
    def stated() -> Stated:
        return Stated({"change": change(rule)}, conditions=(ENTRIES_BOUNDED,))

    return stated


def _lemma1_growth(rule: Rule) -> Statement:
    @GROWTH.upper(
        f"lemma1-growth-{rule}",
        "How much the scaling matrix grows at one update",
        provenance=memory(f"Lemma 1, part 3, {EARLIER_TEXT}", f"{PROOFS}#lemma1"),
    )
    @in_words(RULES[rule])
    def stated() -> Stated:
        return Stated({"growth": growth(rule)}, conditions=(ENTRIES_BOUNDED,))

    return stated


def _lemma1_sharp_growth(rule: Rule) -> Statement:
    @GROWTH.upper(
        f"lemma1-sharp-growth-{rule}",
        "How much the scaling matrix grows at one update, sharp",
        provenance=own("growth of the scaling matrix, sharp", f"{PROOFS}#lemma1-sharp-growth"),
    )
    @in_words(f"{RULES[rule]}; attained. Under rule (3) it is less than half of the growth of Lemma 1.")
    def stated() -> Stated:
        return Stated({"growth": sharp_growth(rule)}, conditions=(ENTRIES_BOUNDED,))

    return stated


def _cor1(rule: Rule) -> Statement:
    @GROWTH.upper(
        f"cor1-{rule}",
        "Averaging that is slow enough keeps the contraction",
        provenance=memory(f"Corollary 1, {EARLIER_TEXT}", f"{PROOFS}#cor1"),
    )
    @in_words(f"{RULES[rule]}; then $(1 + delta)(1 - eta mu/d_max) <= 1 - eta mu/(2 d_max)$.")
    def stated() -> Stated:
        return Stated({"growth": eta * mu / (2 * d_max)}, conditions=(ENTRIES_BOUNDED, slow_averaging(rule)))

    return stated


lemma1_change_rule2, lemma1_change_rule3 = map(_lemma1_change, RULES)
lemma1_growth_rule2, lemma1_growth_rule3 = map(_lemma1_growth, RULES)
lemma1_sharp_growth_rule2, lemma1_sharp_growth_rule3 = map(_lemma1_sharp_growth, RULES)
cor1_rule2, cor1_rule3 = map(_cor1, RULES)


@SCALING_MATRIX.upper(
    "hutchinson",
    "The size of a Hutchinson sample",
    measure="hutchinson",
    problem_class="every sample's loss is twice differentiable and $L$-smooth",
    units={},
    provenance=own("bound on the increments", f"{PROOFS}#hutchinson"),
)
def hutchinson() -> dict[str, Expr]:
    """For signs $v$ the entries of $v$ * (Hessian $v$) are at most $sqrt(d) L$, so $d_max = sqrt(d) L$ will do."""
    return {"entry": sqrt(d) * L}
