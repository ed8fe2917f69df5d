"""Generalized local SGD along one eigenvector of a quadratic, in closed form."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Lt, Pow, sqrt

from tightrate.rates.papers.khaled2025 import LOCAL_SGD, PROOFS, QUADRATIC
from tightrate.rates.statements.builder import Stated, corrected, own
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import B, K, M, R, curvature, eta, gamma, sigma

EIGENVECTOR = LOCAL_SGD.sharing(problem_class=QUADRATIC)
A = 1 - eta * curvature  # what one local step multiplies the mean by


def round_factor() -> Expr:
    """What one round multiplies the mean along an eigenvector with eigenvalue `curvature` by."""
    return 1 - gamma + gamma * Pow(A, K)


def round_variance() -> Expr:
    """The variance that one round adds along an eigenvector, sigma being the noise of that coordinate."""
    return gamma**2 * eta**2 * sigma**2 * (1 - A ** (2 * K)) / (M * (1 - A**2))


@EIGENVECTOR.exact(
    "quadratic-mean",
    "The mean iterate on a quadratic, in closed form",
    measure="distance",
    iterate="mean of the last iterate",
    provenance=corrected("discussion after Theorem 1, with the exponent $R$ restored", f"{PROOFS}#stationary"),
)
def quadratic_mean() -> Stated:
    """The distance of the mean of $x_R$ from the optimum along an eigenvector with eigenvalue `curvature`."""
    return Stated(
        {"distance": B * sqrt(Pow(round_factor(), 2 * R))},
        errata=(
            Erratum(
                "exponent",
                "The factor of one round stands in the text that was available; $R$ rounds raise it to the power $R$."
                " Whether the print lacks the exponent cannot be told.",
                "$x_{r+1} = (1 - gamma) x_r + gamma (I - eta Q)^K x_r$ in the mean.",
                kind="remark",
                where="discussion after Theorem 1",
                printed="$E x_R = ((1 - gamma) I + gamma (I - eta Q)^K) x_0$",
                certainty="legible",
            ),
            Erratum(
                "Figure 1",
                "With $Q = A'A$ the stated step diverges for every outer step; with Hessian $Q$ it does not, and the"
                " reported trend appears. Whether the print has this objective cannot be told.",
                "For $d = 50$ and standard normal A, $eta$ times the largest eigenvalue is above 30 for $Q^2$, 0.2 for"
                " $Q$.",
                kind="remark",
                where="Figure 1",
                printed="$f = |Q(x - x_*)|^2 / 2$ with $eta = 0.001$",
                certainty="legible",
            ),
        ),
    )


@EIGENVECTOR.exact(
    "stationary",
    "The stationary second moment on a quadratic",
    measure="squared-distance",
    iterate="last iterate, $R$ -> infinity",
    provenance=own("quadratic case", f"{PROOFS}#stationary"),
)
def stationary() -> Stated:
    """Along an eigenvector with eigenvalue `curvature` and per-coordinate noise $sigma$, $E (x_r - x_*)^2$ tends to
    this value, which increases with $gamma$: on noisy quadratics an outer step below 1 can be best."""
    return Stated(
        {"statistical": gamma * eta**2 * sigma**2 * (1 + A**K) / (M * (1 - A**2) * (2 - gamma * (1 - A**K)))},
        conditions=(
            Condition("local steps contract", Lt(eta * curvature, 2)),
            Condition("rounds contract: $gamma (1 - (1 - eta a)^K)$ is below 2", Lt(gamma * (1 - A**K), 2)),
        ),
    )


@EIGENVECTOR.exact(
    "average-gap",
    "The mean gap over all local iterates on a quadratic, in closed form",
    iterate="mean over the gaps of all local iterates of all workers",
    provenance=own("quadratic case", f"{PROOFS}#average-gap"),
)
def average_gap() -> Stated:
    """What the proof of Theorem 1 bounds, along an eigenvector with eigenvalue `curvature` and per-coordinate noise
    $sigma$; the gap of the averaged iterate is at most this."""
    b = round_factor()
    kept = (1 - A ** (2 * K)) / (K * (1 - A**2))  # mean over h < K of A^(2h)
    past = (1 - b ** (2 * R)) / (R * (1 - b**2))  # mean over r < R of b^(2r)
    return Stated(
        {
            "optimization": curvature / 2 * kept * past * B**2,
            "statistical": curvature / 2 * kept * (1 - past) * round_variance() / (1 - b**2),
            "spread": curvature / 2 * (1 - kept) * eta**2 * sigma**2 / (1 - A**2),
        }
    )


def implications() -> Iterator[Implication]:
    """At one local step only the product of both steps matters."""
    for name in ("stationary", "quadratic-mean"):
        at_product = {"K": 1, "gamma": 1, "eta": gamma * eta}
        yield Specialization(f"khaled2025/{name}", f"khaled2025/{name}", "=", {"K": 1}, at_product)
