"""Theorem 6 and its corollaries: FedAda² by orders in both steps, (Psi_1 + ... + Psi_5) / Psi_6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sympy import Expr, Gt, Integer, Le, Lt, Piecewise, Rational, log, sqrt

from tightrate.rates.papers.lee2024 import PROOFS
from tightrate.rates.papers.lee2024.assumptions import FEDADA2, HETEROGENEITY, ZERO_START
from tightrate.rates.statements.builder import Stated, derived, summary
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import R, eta, gamma

BOUNDED_GRADIENTS = Condition("bounded client gradients")
UNSEEN = Condition("further assumptions, to which the poster refers and which were not seen")
ORDERS = FEDADA2.sharing(constants="hidden", dimensional=False)

SUMMED_FORM = Erratum(
    "summed-form",
    "Our reading of the summed display: with every $a_l$ at least a positive constant and coefficients that do not"
    " depend on the local step $p$, the sum of $a_l g_l / theta_l$ over $l <= p$ is not the step of SGD or of AdaGrad"
    " from $p = 2$ on; it is where the coefficients may depend on $p$ and may vanish. No text that was available"
    " claims that those methods fit, and the display is damaged in our source.",
    "After the gradients $g$ and 0 the second step of SGD and of AdaGrad is zero, whereas the sum is a multiple of $g$"
    " that is not zero.",
    kind="remark",
    where="poster, Theorem 3, display damaged",
    printed="a sum over the local steps with bounded coefficients",
    certainty="legible",
)


def psi_ratios(client: Literal["small", "medium", "large"]) -> dict[str, Expr]:
    """The ratios Psi_1/Psi_6, ..., Psi_5/Psi_6 in one regime of the client step, up to constants.

    Small is R eta^2 <= 1, medium is 1/sqrt(R) < eta <= 1, large is eta > 1.  Only Psi_6 tells small from medium and
    only Psi_5 tells medium from large.

    >>> psi_ratios("small")["server drift"]
    eta**2*gamma**2
    """
    psi = {
        "initial gap": Integer(1),
        "server step": gamma**2 * eta**2 * R,
        "client drift": gamma * eta**2 * R,
        "preconditioner": gamma * eta * log(1 + R * eta**2),
        "server drift": gamma**3 * R * (eta if client == "large" else eta**3),
    }
    progress = gamma * eta * R if client == "small" else gamma * sqrt(R)
    return {name: value / progress for name, value in psi.items()}


def _psi_terms() -> dict[str, Expr]:
    small, medium, large = (psi_ratios(client) for client in ("small", "medium", "large"))
    return {
        name: Piecewise(
            (small[name], R * eta**2 <= 1),
            *([] if medium[name] == large[name] else [(medium[name], eta <= 1)]),
            (large[name], True),
        )
        for name in small
    }


def _small_step_terms() -> dict[str, Expr]:
    """Without the logarithm log(1 + x) <= x, which loses a constant only while x = R eta^2 is bounded."""
    return {n: ratio.replace(log, lambda argument: argument - 1) for n, ratio in psi_ratios("small").items()}


@ORDERS.upper(
    "thm6",
    "FedAda² for smooth functions, by orders in both steps",
    provenance=summary("Theorem 6; orders from the poster"),
)
def thm6() -> Stated:
    """The smallest squared gradient norm over $R$ rounds, for any initialization and any sampling of clients, is at
    most ($Psi_1$ + ... + $Psi_5$) / $Psi_6$; each term is one ratio, with its regimes of the client step. The orders
    hide constants that have units. The poster names FedAda² alone; FedAda²++ came with a later version. Without
    the assumptions that were not seen it fails for heterogeneous clients (see the erratum)."""
    return Stated(_psi_terms(), conditions=(BOUNDED_GRADIENTS, ZERO_START, UNSEEN), errata=(HETEROGENEITY,))


@ORDERS.upper(
    "cor7a", "FedAda² converges with small client steps", provenance=derived("Corollary 7, case (A)", f"{PROOFS}#cor7")
)
def cor7a() -> Stated:
    """For client steps of order at most $1/sqrt(R)$ the ratios are powers, and all five vanish as $R$ grows exactly if
    $gamma eta$ vanishes more slowly than $1/R$ and both $gamma eta$ and $eta$ vanish."""
    return Stated(
        _small_step_terms(),
        conditions=(
            Condition("client step at most of order $1/sqrt(R)$", Le(R * eta**2, 1)),
            Condition("$gamma eta$ above the order $1/R$", Gt(gamma * eta * R, 1)),
            Condition("$gamma eta$ below the order 1", Lt(gamma * eta, 1)),
        ),
        errata=(HETEROGENEITY,),
    )


@ORDERS.upper(
    "cor7b",
    "FedAda² converges with client steps slightly above $1/sqrt(R)$",
    provenance=derived("Corollary 7, case $(B)$", f"{PROOFS}#cor7"),
)
def cor7b() -> Stated:
    """With the client step $R^(-49/100)$ all five ratios vanish as $R$ grows exactly if the server step lies strictly
    between the orders $R^(-1/2)$ and $R^(12/25)$."""
    client_step = R ** Rational(-49, 100)
    return Stated(
        {name: ratio.subs(eta, client_step) for name, ratio in psi_ratios("medium").items()},
        conditions=(
            Condition("server step above the order $R^(-1/2)$", Gt(gamma * sqrt(R), 1)),
            Condition("server step below the order $R^(12/25)$", Lt(gamma, R ** Rational(12, 25))),
        ),
        steps={"eta": client_step},
        errata=(HETEROGENEITY,),
    )


@ORDERS.upper(
    "cor8", "FedAda² has the rate $R^(-1/2)$", provenance=summary("Corollary 8 (Corollary 4.3 of the NeurIPS version)")
)
def cor8() -> Stated:
    """With a constant server step and client steps of order $1/sqrt(R)$. No choice of steps makes the bound of thm6
    smaller than this order, because its first two ratios multiply to at least $1/R$."""
    steps: dict[str, Expr] = {"gamma": Integer(1), "eta": 1 / sqrt(R)}
    return Stated(
        {n: ratio.subs({gamma: steps["gamma"], eta: steps["eta"]}) for n, ratio in _small_step_terms().items()},
        steps=steps,
        errata=(HETEROGENEITY,),
    )


@ORDERS.upper("blended", "FedAda² with a mixture of client optimizers", provenance=summary("poster Theorem 3"))
def blended() -> Stated:
    """Every client uses any strategy whose local steps are sums of $a_l g_l / theta_l$ with bounded positive $a_l$ and
    $theta_l$, any number of at most $K$ local steps and any bounded positive aggregation weights: the orders are
    those of thm6."""
    return Stated(
        _psi_terms(),
        conditions=(
            BOUNDED_GRADIENTS,
            UNSEEN,
            Condition("$0 < m_l <= theta_l <= M_l$ and $0 < a_l <= A_l$ for every strategy $l$"),
            Condition("aggregation weights between two positive constants"),
        ),
        errata=(HETEROGENEITY, SUMMED_FORM),
    )


def implications() -> Iterator[Implication]:
    """The corollaries are the theorem at their steps, and no steps do better."""
    yield Specialization("lee2024/thm6", "lee2024/cor7a", "~", given=(Le(R * eta**2, 1),))
    yield Specialization("lee2024/thm6", "lee2024/cor7b", "~", cor7b().steps)
    yield Specialization("lee2024/thm6", "lee2024/cor8", "~", cor8().steps)
    yield Specialization("lee2024/cor8", "lee2024/thm6", "<~")
    yield Specialization("lee2024/blended", "lee2024/thm6", "=")
