"""Probability lemmas: the bias and the moments of a clipped coordinate (Lemma A.2, (B.63)), the fourth moment of the
mean of independent noise (Lemma A.3), and the best possible constants of both."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Ge, Le, Lt

from tightrate.rates.papers.cheng2024 import MOMENT, PAPER, PROOFS, THRESHOLD
from tightrate.rates.statements.builder import Stated, Statements, own, read
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import G_inf, M, alpha, rho, sigma, sigma_2alpha

SCALAR = Statements(
    PAPER,
    algorithm="clipping",
    problem_class="one coordinate of a stochastic gradient",
    iterate="none",
    holds="deterministically",
)
SCALAR_CLIPPING = (
    Condition("moment of order at least 2", Ge(alpha, 2)),
    Condition("mean at most half the threshold ($G_inf$ bounds it)", Le(2 * G_inf, rho)),
    Condition("threshold at least three noise levels", Ge(rho, 3 * sigma)),
)


def clipping_bias(noise: Expr) -> Expr:
    """(2 noise)^alpha / rho^(alpha-1): Lemma A.2."""
    return (2 * noise) ** alpha / rho ** (alpha - 1)


def squared_clipping_bias() -> Expr:
    """||2 sigma||_{2 alpha}^(2 alpha) / rho^(2 (alpha-1)): (B.63), the squares of the coordinates' biases summed."""
    return clipping_bias(sigma_2alpha) ** 2


def sharp_clipping_bias(noise: Expr) -> Expr:
    """(alpha-1)^(alpha-1)/alpha^alpha noise^alpha / (rho - G_inf)^(alpha-1): the best possible bound on the bias."""
    return (alpha - 1) ** (alpha - 1) / alpha**alpha * noise**alpha / (rho - G_inf) ** (alpha - 1)


@SCALAR.upper(
    "lemA2-bias",
    "Bias of clipping",
    measure="clipping-bias",
    provenance=read("Lemma A.2, (A.3), first part"),
)
def lem_a2_bias() -> Stated:
    """$E|X - x|^alpha <= sigma^alpha$ with $mean x$: clipping at $rho$ moves the mean by at most this."""
    return Stated({"clipping": clipping_bias(sigma)}, conditions=SCALAR_CLIPPING)


@SCALAR.upper(
    "lemA2-moment",
    "Moment of a clipped coordinate about the true mean",
    measure="clipped-moment",
    provenance=read("Lemma A.2, (A.3), second part"),
)
def lem_a2_moment() -> Stated:
    """Clipping does not raise the moment of order $alpha$ about the true mean."""
    return Stated({"noise": sigma**alpha}, conditions=SCALAR_CLIPPING)


@SCALAR.upper(
    "lemA2-centered-moment",
    "Moment of a clipped coordinate about its own mean",
    measure="clipped-moment",
    provenance=read("Lemma A.2, (A.3), third part"),
)
def lem_a2_centered_moment() -> Stated:
    """About its own mean the clipped coordinate has at most $2^alpha$ times the moment."""
    return Stated({"noise": (2 * sigma) ** alpha}, conditions=SCALAR_CLIPPING)


@SCALAR.upper(
    "lemA2-sharp",
    "Bias of clipping, best possible",
    measure="clipping-bias",
    provenance=own("sharpens Lemma A.2", f"{PROOFS}#lema2-sharp"),
)
def lem_a2_sharp() -> Stated:
    """For every $alpha > 1$ and every threshold above the mean; two-point laws with jumps $alpha/(alpha-1) (rho - |x|)$
    attain it as $sigma/rho -> 0$, so the exponent $alpha - 1$ is sharp and $2^alpha$ in Lemma A.2 is not."""
    return Stated(
        {"clipping": sharp_clipping_bias(sigma)},
        conditions=(
            Condition("moment of order above 1", Lt(1, alpha)),
            Condition("mean below the threshold ($G_inf$ bounds it)", Lt(G_inf, rho)),
        ),
    )


@SCALAR.upper(
    "eqB.63",
    "Squared bias of a clipped stochastic gradient",
    measure="squared-clipping-bias",
    provenance=read("(B.63)"),
)
def eq_b63() -> Stated:
    """Lemma A.2 summed over the coordinates."""
    return Stated({"clipping": squared_clipping_bias()}, conditions=(MOMENT, *THRESHOLD))


@SCALAR.upper(
    "lemA3",
    "Fourth moment of the mean of independent noise",
    measure="fourth-moment",
    provenance=read("Lemma A.3"),
)
def lem_a3() -> dict[str, Expr]:
    """Independent vectors of mean zero with fourth moment at most $sigma^4$: the moment of their mean."""
    return {"noise": 4 * sigma**4 / M**2}


@SCALAR.upper(
    "lemA3-sharp",
    "Fourth moment of the mean of independent noise, best possible",
    measure="fourth-moment",
    provenance=own("sharpens Lemma A.3", f"{PROOFS}#lema3-sharp"),
)
def lem_a3_sharp() -> dict[str, Expr]:
    """Random signs attain it for every $M$."""
    return {"noise": (3 - 2 / M) * sigma**4 / M**2}


def implications() -> Iterator[Implication]:
    """The best possible constant implies the paper's."""
    yield Specialization("cheng2024/lemA3-sharp", "cheng2024/lemA3", "<~")
