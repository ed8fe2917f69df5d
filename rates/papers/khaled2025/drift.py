"""Lemmas on how far the workers drift apart during K local steps."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Integer, Le, Max, log

from tightrate.rates.papers.khaled2025 import BOUNDED_NOISE, LOCAL_SGD, PROOFS, STEP_AT_MOST_INVERSE_L
from tightrate.rates.statements.builder import Stated, derived, own, read
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import K, L, M, delta, eta, sigma

STEP_AT_MOST_2 = Condition("inner step at most $2/L$", Le(eta * L, 2))

DRIFT = LOCAL_SGD.sharing(measure="squared-drift", iterate="after $K$ local steps")


@LOCAL_SGD.upper(
    "lemma1",
    "A gradient step is nonexpansive",
    measure="contraction",
    holds="deterministically",
    iterate="one local step",
    provenance=read("Lemma 1", f"{PROOFS}#lemma7"),
)
def lemma1() -> Stated:
    """For convex $L$-smooth $f$ and $eta <= 2/L$, $|T(x) - T(y)| <= |x - y|$ with $T$ = I $- eta grad f$."""
    return Stated({"contraction": Integer(1)}, conditions=(STEP_AT_MOST_2,))


@DRIFT.upper(
    "lemma7",
    "The workers' pairwise drift",
    measure="squared-consensus",
    provenance=read("Lemma 7", f"{PROOFS}#lemma7"),
)
def lemma7() -> Stated:
    """A bound on the squared distance of two workers after $K$ local steps, averaged over all $M^2$ pairs."""
    return Stated({"noise drift": 2 * eta**2 * sigma**2 * K}, conditions=(STEP_AT_MOST_INVERSE_L,))


@DRIFT.upper(
    "lemma7-mean",
    "The workers' drift from their average",
    provenance=own("sharpens Lemma 7", f"{PROOFS}#lemma7"),
)
def lemma7_mean() -> Stated:
    """Sharp: equality when the gradient is constant and the noise has variance $sigma^2$."""
    return Stated({"noise drift": eta**2 * sigma**2 * K * (1 - 1 / M)}, conditions=(STEP_AT_MOST_2,))


@DRIFT.upper(
    "lemma10",
    "The workers' drift with high probability",
    holds="with high probability",
    iterate="every local step of a round",
    provenance=derived("Lemma 10, with our constant and logarithm", f"{PROOFS}#lemma10"),
)
def lemma10() -> Stated:
    """In one round, with probability at least $1 - delta$, at every local step at once."""
    return Stated(
        {"noise drift": 10 * eta**2 * sigma**2 * K * Max(1, log(1 / delta))}, conditions=(STEP_AT_MOST_2, BOUNDED_NOISE)
    )


def implications() -> Iterator[Implication]:
    """The drift from the average against the pairwise one, and one worker."""
    yield Specialization("khaled2025/lemma7-mean", "khaled2025/lemma7", "<~")
    yield Specialization("khaled2025/lemma7-mean", "patel2024/lemma36", "<~", target_at={"zeta": 0})
    yield Specialization("khaled2025/lemma7-mean", "0", "=", {"M": 1})
