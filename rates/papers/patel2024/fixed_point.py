"""The fixed point of local gradient descent on strongly convex quadratic workers, and the linear rate towards it."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Eq, Expr, Ge, Integer, Le, Lt, Max, Min, Pow, Rational, exp, log

from tightrate.rates.papers.patel2024 import PAPER, PROOFS
from tightrate.rates.papers.patel2024.assumptions import A3, A7, NOISELESS_QUADRATICS, STEP_AT_MOST_INVERSE_L, VANILLA
from tightrate.rates.papers.patel2024.errata import E4, E5_FIXED_POINT, E5_ROUND, E8
from tightrate.rates.papers.patel2024.terms import phi, remaining_fraction
from tightrate.rates.statements.builder import Stated, corrected, own, read
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import (
    B,
    K,
    L,
    R,
    curvature,
    eps,
    eta,
    gamma,
    mu,
    tau,
    tau_mean,
    zeta_mean,
    zeta_opt,
)
from tightrate.rates.symbols.units import LENGTH

ROUND = NOISELESS_QUADRATICS.sharing(measure="contraction", iterate="every round")
FIXED_POINT = NOISELESS_QUADRATICS.sharing(measure="discrepancy", iterate="fixed point")


@ROUND.exact("prop19", "The fixed point of local gradient descent", provenance=read("Prop. 19"))
def prop19() -> Stated:
    """On $F_m(x) = (x - x_m)' A_m (x - x_m) / 2$ one round is $x -> x_inf + (I - gamma C)(x - x_inf)$ with
    $C_m = I - (I - eta A_m)^K$, $C = mean C_m$ and $x_inf = C^{-1} mean C_m x_m$, independent of $gamma$. The
    expression is the eigenvalue of $C_m$ that belongs to the eigenvalue `curvature` of $A_m$."""
    return Stated(
        {"round contraction": 1 - remaining_fraction(eta, curvature)},
        errata=(E5_FIXED_POINT,),
    )


@ROUND.upper(
    "prop19-contraction",
    "Contraction of one round towards the fixed point",
    provenance=own("sharp range of the outer step in Prop. 19", f"{PROOFS}#prop19"),
)
def prop19_contraction() -> Stated:
    """One round contracts the distance to the fixed point by at most this factor; it is below 1 for every outer step
    below $2/(1 - (1 - eta L)^K)$, twice the range that App. E.5 gives as sufficient."""
    slowest, fastest = (1 - remaining_fraction(eta, eigenvalue) for eigenvalue in (mu, L))
    return Stated({"contraction": Max(1 - gamma * slowest, gamma * fastest - 1)}, conditions=(STEP_AT_MOST_INVERSE_L,))


@NOISELESS_QUADRATICS.upper(
    "prop21-optima",
    "Distance of the optimum from the mean of the workers' optima",
    measure="optimum-to-mean",
    iterate="optimum",
    provenance=read("Prop. 21, first part"),
)
def prop21_optima() -> Stated:
    """The optimum of the average lies within $zeta_opt tau / (L mu)$ of the average of the optima."""
    return Stated({"heterogeneity": zeta_opt * tau / (L * mu)}, conditions=(A3, A7))


@FIXED_POINT.upper(
    "prop21",
    "Distance of the fixed point from the mean of the workers' optima",
    measure="fixed-point-to-mean",
    provenance=read("Prop. 21, second part"),
)
def prop21() -> Stated:
    """As $K$ grows at fixed $eta$ the fixed point moves from the optimum to the average of the workers' optima."""
    return Stated(
        {"heterogeneity": zeta_opt * tau / (L * mu) * (1 - phi(eta * mu))},
        conditions=(Condition("more than one local step", Ge(K, 2)), STEP_AT_MOST_INVERSE_L, A3, A7),
    )


@FIXED_POINT.upper(
    "discrepancy",
    "Sharp bound on the distance of the fixed point from the optimum",
    provenance=own("sharpens Prop. 21", f"{PROOFS}#discrepancy"),
)
def discrepancy() -> Stated:
    """The fixed point lies within $zeta_1 tau_mean / mu^2 * phi_K(eta mu)$ of the optimum; the bound vanishes at
    $K = 1$ and as $eta -> 0$, and is attained in the limit."""
    return Stated({"heterogeneity": zeta_mean * tau_mean / mu**2 * phi(eta * mu)}, conditions=(STEP_AT_MOST_INVERSE_L,))


@FIXED_POINT.upper(
    "discrepancy-small-step",
    "The fixed-point discrepancy grows at most linearly in $eta (K - 1)$",
    provenance=own("first order of the sharp bound", f"{PROOFS}#discrepancy"),
)
def discrepancy_small_step() -> Stated:
    """$phi_K(q) <= (K - 1) q / (2 - q)$, so the discrepancy is at most first order in $eta (K - 1)$."""
    q = eta * mu
    return Stated(
        {"heterogeneity": zeta_mean * tau_mean / mu**2 * (K - 1) * q / (2 - q)}, conditions=(STEP_AT_MOST_INVERSE_L,)
    )


@FIXED_POINT.upper(
    "discrepancy-triangle",
    "Distance of the fixed point from the optimum by way of the mean of the optima",
    provenance=own("Prop. 21 and the triangle inequality", f"{PROOFS}#discrepancy-triangle"),
)
def discrepancy_triangle() -> Stated:
    """Both parts of prop21 together give $zeta_opt tau / (L mu) * (2 - phi_K(eta mu))$. It does not vanish as $eta ->
    0$, but has $L$ in place of one $mu$: take the smaller of this and the sharp bound."""
    legs = prop21_optima().bound.expression + prop21().bound.expression
    return Stated({"heterogeneity": legs.factor(zeta_opt, tau)}, conditions=(STEP_AT_MOST_INVERSE_L, A3, A7))


def _start_distance() -> Expr:
    """The start distance B with the correction E4: under A7 the mean norm of the workers' optima."""
    return B + zeta_opt / L


def _worst_aspect() -> Expr:
    """The largest ratio of two eigenvalues of C: (1 - (1 - eta L)^K) / (1 - (1 - eta mu)^K), at most L/mu."""
    return (1 - remaining_fraction(eta, L)) / (1 - remaining_fraction(eta, mu))


@NOISELESS_QUADRATICS.upper(
    "thm22",
    "Local gradient descent converges linearly to a floor",
    constants="hidden",
    measure="distance",
    provenance=corrected("Theorem 22, with $B$ replaced by $B + zeta_opt/L$ (erratum E4)"),
)
def thm22() -> Stated:
    """With $gamma = 1$ and $eta = 1/(2L)$, the distance to the optimum decays like $exp(-K R mu / L)$ down to a floor
    of order $zeta_opt tau / (L mu)$."""
    return Stated(
        {
            "optimization": exp(-K * R * mu / L) * _worst_aspect().subs(eta, 1 / (2 * L)) * _start_distance(),
            "floor": zeta_opt * tau / (L * mu),
        },
        conditions=(VANILLA, Condition("inner step $1/(2L)$", Eq(eta * L, Rational(1, 2))), A3, A7),
        steps={"eta": 1 / (2 * L), "gamma": Integer(1)},
        errata=(E4, E8),
    )


@NOISELESS_QUADRATICS.upper(
    "thm22-explicit",
    "Local gradient descent converges linearly to its fixed point",
    measure="distance-to-fixed-point",
    provenance=corrected("proof of Theorem 22, with $B$ replaced by $B + zeta_opt/L$ (erratum E4)"),
)
def thm22_explicit() -> Stated:
    """With $gamma = 1$, the distance to the fixed point after $R$ rounds from 0 is at most $(1 - eta mu)^(K R)$ times a
    factor of at most $L/mu$ times the start distance."""
    return Stated(
        {"optimization": Pow(1 - eta * mu, K * R) * _worst_aspect() * _start_distance()},
        conditions=(VANILLA, STEP_AT_MOST_INVERSE_L, A7),
        steps={"gamma": Integer(1)},
        errata=(E4, E5_ROUND),
    )


@NOISELESS_QUADRATICS.upper(
    "thm22-outer-step",
    "Local gradient descent with an outer step converges linearly to its fixed point",
    measure="distance-to-fixed-point",
    provenance=corrected("proof of Theorem 22, general outer step, with $B$ replaced by $B + zeta_opt/L$ (erratum E4)"),
)
def thm22_outer_step() -> Stated:
    """For every outer step up to $1/(1 - (1 - eta L)^K)$; at that step the factor per round is one minus the smallest
    over the largest eigenvalue of $C$."""
    slowest, fastest = (1 - remaining_fraction(eta, eigenvalue) for eigenvalue in (mu, L))
    return Stated(
        {"optimization": Pow(1 - gamma * slowest, R) * _worst_aspect() * _start_distance()},
        conditions=(
            STEP_AT_MOST_INVERSE_L,
            Condition("outer step at most $1/(1 - (1 - eta L)^K)$", Le(gamma * fastest, 1)),
            A7,
        ),
        errata=(E4, E5_ROUND),
    )


@NOISELESS_QUADRATICS.upper(
    "thm22-constant",
    "Local gradient descent converges linearly to a floor, with all constants",
    measure="distance",
    provenance=own("Theorem 22 with constants and with the sharp floor", f"{PROOFS}#thm22"),
)
def thm22_constant() -> Stated:
    """With $gamma = 1$ and any $eta <= 1/L$: the distance to the fixed point plus the smaller of the two bounds on the
    fixed point's distance from the optimum."""
    sharp = discrepancy().bound.expression.subs({zeta_mean: zeta_opt, tau_mean: tau})
    return Stated(
        {
            "optimization": thm22_explicit().bound.expression,
            "floor": Min(sharp, discrepancy_triangle().bound.expression),
        },
        conditions=(VANILLA, STEP_AT_MOST_INVERSE_L, A3, A7),
        steps={"gamma": Integer(1)},
    )


@NOISELESS_QUADRATICS.upper(
    "two-stage",
    "Rounds of local gradient descent followed by gradient descent",
    constants="hidden",
    measure="rounds",
    algorithm="two-stage",
    units={"eps": LENGTH},
    provenance=corrected("App. E.6, with $B$ moved into the numerator"),
)
def two_stage() -> Stated:
    """Local gradient descent runs until it reaches its floor $zeta_opt tau / (L mu)$, gradient descent continues from
    there to distance $eps$: this many rounds in all, up to constants."""
    kappa, floor = L / mu, prop21_optima().bound.expression
    enough_local_steps = -log(2) / log(1 - 1 / (2 * kappa))
    return Stated(
        {"local stage": kappa / K * log(B / floor), "gradient stage": kappa * log(floor / eps)},
        conditions=(
            Condition("the start is outside the floor", Lt(floor, B)),
            Condition("the accuracy is below the floor", Lt(eps, floor)),
            Condition("enough local steps to forget the start factor", Ge(K, enough_local_steps)),
            A3,
            A7,
        ),
        steps={"eta": 1 / (2 * L), "gamma": Integer(1)},
        errata=(
            Erratum(
                "units",
                "The printed logarithms have $B$ in the denominator.",
                "The first stage ends when $B exp(-K R_1 / kappa)$ equals the floor; as printed the argument of the"
                " logarithm is not a pure number.",
                kind="misprint",
                where="App. E.6",
                printed="$log(L mu / (zeta_opt tau B))$ in the rounds of the first stage",
            ),
            Erratum(
                "E5",
                "The start must lie outside the floor: $zeta_opt tau / (L mu) < B$.",
                "$zeta_opt mu tau$ and $L B$ have different units; two stages gain where the floor is below $B$.",
                kind="misprint",
                where="App. E.6",
                printed="the condition $zeta_opt mu tau << L B$",
            ),
        ),
    )


def implications() -> Iterator[Implication]:
    """One local step, equal Hessians or optima, and plain averaging."""
    for zero in ({"K": 1}, {"tau_mean": 0}, {"zeta_mean": 0}):
        yield Specialization("patel2024/discrepancy", "0", "=", zero)
    yield Specialization("patel2024/discrepancy", "patel2024/discrepancy-small-step", "=", {"K": 2}, {"K": 2})
    yield Specialization("patel2024/prop21", "patel2024/prop21-optima", "=", {"K": 1})
    yield Specialization("patel2024/thm22-outer-step", "patel2024/thm22-explicit", "=", {"gamma": 1})


def misprints() -> Iterator[Misprint]:
    """The logarithm of App. E.6."""
    yield Misprint(
        "two-stage-logarithm",
        PAPER.id,
        "App. E.6, rounds of the first stage",
        L / (mu * K) * log(L * mu / (zeta_opt * tau) / B),
        MEASURES["rounds"],
        two_stage().bound.term("local stage").expression,
        "length^-2",
        "$B exp(-K R_1 mu/L) = zeta_opt tau/(L mu)$ puts $B$ into the numerator.",
    )
