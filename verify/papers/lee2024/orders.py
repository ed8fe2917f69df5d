"""The published orders of FedAda²: where they vanish, and how fast they can, by exact certificates.

A sum vanishes exactly if its largest terms do: so a statement on where the bound vanishes is two inequalities, the
bound against those terms and back.
"""

from __future__ import annotations

from sympy import Eq, Expr, Ge, Le, Rational, sqrt

from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import R, eta, gamma
from tightrate.verify.assertions.order import Comparison, Order, at_most
from tightrate.verify.assertions.power_law import exponents_of
from tightrate.verify.claim import claim

SMALL, LARGE = Le(R * eta**2, 1), Ge(R * eta**2, 1)  # client steps against R^(-1/2)
RATE = 1 / sqrt(R)
FIRST_TWO = 1 / (gamma * eta * R) + gamma * eta  # ratios of the published bound
CASE_B = Eq(eta, R ** Rational(-49, 100))  # the client step
UPPER_END = R ** Rational(12, 25)  # of the server steps of case (B)
GROWING_SERVER = R ** Rational(1, 3)


def published() -> Bound:
    """The bound of the main theorem."""
    return statement("lee2024/thm6").bound


def published_rate() -> dict[str, float]:
    """The exponent of R in the published rate: the largest one of its terms."""
    return {"R": max(exponents_of(term, ["R"])["R"] for term in statement("lee2024/cor8").bound.terms)}


def first_two_below() -> Comparison:
    """For small client steps the bound is at least its first two ratios."""
    return at_most(FIRST_TWO, published(), SMALL, name="(A) first two ratios <~ bound")


@claim(
    "lee2024/small-client-steps",
    "For client steps of order at most $R^(-1/2)$ the published bound vanishes exactly if $gamma eta$ vanishes, and"
    " more slowly than $1/R$.",
    theorem="lee2024/cor7a",
    kind="regime",
    expected="confirmed",
)
def small_client_steps() -> Order:
    """Exact certificates that the bound is of the order of its two decisive ratios (and of $R^(-1/2)$), and back."""
    name = "(A) bound <~ first two ratios + R^(-1/2)"
    above = at_most(published(), FIRST_TWO + RATE, SMALL, Le(gamma * eta, 1), name=name)
    return Order((above, first_two_below()), "bound -> 0 iff 1/R << gamma eta << 1")


@claim(
    "lee2024/larger-client-steps",
    "With the client step $R^(-49/100)$ the published bound vanishes exactly for server steps strictly between the"
    " orders $R^(-1/2)$ and $R^(12/25)$.",
    theorem="lee2024/cor7b",
    kind="regime",
    expected="confirmed",
)
def larger_client_steps() -> Order:
    """Exact certificates, from the theorem's own orders at that client step, in both directions."""
    ratios: Expr = 1 / (gamma * sqrt(R)) + gamma / UPPER_END
    above, below = (
        "(B) bound <~ 1/(gamma sqrt R) + gamma R^(-12/25) + R^(-12/25)",
        "(B) 1/(gamma sqrt R) + gamma R^(-12/25) <~ bound",
    )
    return Order(
        (
            at_most(published(), ratios + 1 / UPPER_END, CASE_B, Le(gamma, UPPER_END), name=above),
            at_most(ratios, published(), CASE_B, name=below),
        ),
        "bound -> 0 iff R^(-1/2) << gamma << R^(12/25)",
    )


@claim(
    "lee2024/growing-server-step",
    "The server step may grow like $R^(1/3)$ with the client step $R^(-49/100)$: the bound is below $R^(-11/75)$.",
    theorem="lee2024/cor7b",
    kind="regime",
    expected="confirmed",
)
def growing_server_step() -> Order:
    """An exact certificate at these two steps."""
    steps, name = (CASE_B, Eq(gamma, GROWING_SERVER)), "bound at gamma = R^(1/3) <~ R^(-11/75)"
    return Order((at_most(published(), GROWING_SERVER / UPPER_END, *steps, name=name),), "bound <~ R^(-11/75)")


@claim(
    "lee2024/best-exponent",
    "No choice of steps makes the published bound smaller than the order $R^(-1/2)$, which is attained.",
    theorem="lee2024/cor8",
    kind="scaling",
    expected="confirmed",
)
def best_exponent(theorem: Theorem) -> Order:
    """Exact certificates: $R^(-1/2)$ is at most the bound for all steps, and at least the bound at the stated ones."""
    at_stated = published().expression.subs({gamma: theorem.step("gamma"), eta: theorem.step("eta")})
    return Order(
        (
            at_most(RATE, published(), name="R^(-1/2) <~ bound"),
            at_most(at_stated, RATE, name="bound at gamma = 1, eta = R^(-1/2) <~ R^(-1/2)"),
            at_most(theorem, RATE, name="rate as stated <~ R^(-1/2)"),
        ),
        "min over steps of the bound ~ R^(-1/2)",
    )


@claim(
    "lee2024/best-line",
    "The order $R^(-1/2)$ is attained by the steps with $gamma eta$ of order $R^(-1/2)$ and $eta$ at most of order"
    " $R^(-1/2)$, and by no others.",
    theorem="lee2024/thm6",
    kind="regime",
    expected="confirmed",
)
def best_line() -> Order:
    """Exact certificates: on the line the bound is small enough; off it, one of the first two ratios is too large."""
    on_the_line = (SMALL, Eq(gamma * eta, RATE))
    return Order(
        (
            at_most(published(), RATE, *on_the_line, name="bound on the line <~ R^(-1/2)"),
            first_two_below(),
            at_most(eta, published(), LARGE, name="eta <~ bound for large client steps"),
        ),
        "bound <~ R^(-1/2) iff gamma eta ~ R^(-1/2) and eta <~ R^(-1/2)",
    )
