"""Khaled, Kale, Douillard, Jin, Fergus, Zaheer (NeurIPS 2025): outer optimizers in local SGD.

Identical convex machines, K local steps of size eta, then an outer step gamma (1 is plain averaging), with or without
outer momentum or acceleration.  The displays of the paper were not available: conditions, measures and prose were read,
the right-hand sides are re-derived along its proofs, and the statements called `-safe` are ours.  Proofs of all of them
are in `docs/proofs/khaled2025.md`.  The paper writes H for the local steps and D for the start distance.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import sympy
from sympy import Abs, Expr, Ge, Integer, Le, Lt, Max, Piecewise, Pow, Rational, log, sqrt

from tightrate.rates.papers import dekel2012
from tightrate.rates.papers.woodworth2020a import IDENTICAL, IDENTICAL_MACHINES
from tightrate.rates.papers.woodworth2020a import convex_terms as local_sgd_terms
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.setting import Family, Setting
from tightrate.rates.statements.theorem import Condition, Erratum, Paper, Provenance, ProvenanceLabel, Theorem
from tightrate.rates.symbols.alphabet import B, G, K, L, M, R, curvature, delta, eta, gamma, momentum, sigma
from tightrate.rates.symbols.kinds import Constants, Kind

PAPER = Paper(
    id="khaled2025",
    notation={"K": "H", "B": "D", "momentum": r"\mu"},
    caution=(
        "No displayed bound of this paper was seen: right-hand sides are re-derived or ours, and constants are not"
        " quotations."
    ),
)

PROOFS = "proofs/khaled2025"
QUADRATIC = "quadratic, identical machines, along one eigenvector"
ALL_LOCAL_ITERATES = "average over all local iterates of all workers"

QUARTER = Rational(1, 4)
PRODUCT = sympy.Symbol("product", positive=True)  # eta gamma
EXCESS = Max(gamma - 1, 0)  # (gamma - 1)_+
ADJUSTED = gamma / (1 - momentum)  # the momentum-adjusted outer step
ADJUSTED_EXCESS = Max(ADJUSTED - 1, 0)
IOTA = 2 * log(60 * log(6 * R * K) / delta)  # the paper's logarithm of Theorem 4
LOGARITHM = log(8 * R / delta)  # ours

STEPS_TOGETHER = Condition(
    "eta L (1 + (gamma - 1)_+ K) is at most 1/4: an outer step above 1 must leave room for K local steps",
    Le(eta * L * (1 + EXCESS * K), QUARTER),
)
STEPS_WITH_MOMENTUM = Condition(
    "the same with the momentum-adjusted outer step gamma / (1 - momentum)",
    Le(eta * L * (1 + ADJUSTED_EXCESS * K), QUARTER),
)
CROSS_TERM = Condition(
    "E||sum_h g_h||^2 is at most E||sum_h grad_h||^2 + K sigma^2 / M: proved for quadratics with any noise and in one"
    " dimension with noise independent of the point; not needed when gamma <= 1 and momentum = 0"
)
HALF_STEP = Condition("inner step at most 1/(2L)", Le(2 * L * eta, 1))
OUTER_AT_MOST_1 = Condition("outer step at most 1", Le(gamma, 1))
BOUNDED_NOISE = Condition("the noise of one stochastic gradient is almost surely at most sigma in norm")
BOUNDED_GRADIENTS = Condition("every stochastic gradient met along the run has norm at most G")
OUTER_NOT_TINY = Condition("ours, for the proof: the outer step is at least 1/sqrt(R)", Ge(gamma**2 * R, 1))
STEP_AT_MOST_INVERSE_L = Condition("inner step at most 1/L", Le(eta * L, 1))


def _bound(terms: dict[str, Expr], constants: Constants, measure: str = "gap", kind: Kind = "upper") -> Bound:
    return Bound(tuple(Term(name, term) for name, term in terms.items()), MEASURES[measure], kind, constants)


def _proved(label: ProvenanceLabel, where: str, anchor: str) -> Provenance:
    return Provenance(label, where, f"{PROOFS}#{anchor}")


def _theorem(**fields: Any) -> Theorem:
    """A statement of this paper; what most of them share is filled in."""
    shared = {"paper": PAPER, "algorithm": "local-sgd", "problem_class": IDENTICAL, "holds": "in expectation"}
    return Theorem(**{"iterate": ALL_LOCAL_ITERATES, **shared, **fields})


def _identical_machines(algorithm: Family) -> Setting:
    return replace(IDENTICAL_MACHINES, algorithm=algorithm)


# --- Generalized local SGD -------------------------------------------------------------------------------------------


@statement("thm1")
def thm1() -> Theorem:
    """Generalized local SGD: inner and outer step."""
    return _theorem(
        label="thm1",
        title="Generalized local SGD",
        statement=(
            "The outer step divides the optimization term and multiplies the noise, but not the drift of the workers:"
            " it can make up for an inner step that is too small, never for one that is too large."
        ),
        bound=_bound(
            {
                "optimization": 2 * B**2 / (gamma * eta * R * K),
                "statistical": 2 * eta * sigma**2 * Max(1, gamma) / M,
                "noise drift": 2 * L * eta**2 * sigma**2 * (K - 1),
            },
            "explicit",
        ),
        provenance=_proved("re-derived", "Theorem 1, eq. (3)", "thm1"),
        conditions=(STEPS_TOGETHER, CROSS_TERM),
        errata=(
            Erratum(
                "constants",
                "Not an error: which numbers are printed is not known; the drift may carry 2, 4 or 8 and K for K - 1.",
                "The condition with 1/4 is exactly what constants 2 and 2 need; the drift constant depends on how"
                " the spread of the workers is booked.",
            ),
            Erratum(
                "cross term",
                "For gamma > 1 the proof needs the second moment of a round's summed gradients without the correlation"
                " of early noise with later gradients, which is nonpositive for quadratics and in one dimension but is"
                " not known to be so in general.",
                "thm1-safe keeps the correlation and has larger constants.",
            ),
        ),
        setting=_identical_machines("local-sgd-any-outer-step"),
    )


@statement("thm1-safe")
def thm1_safe() -> Theorem:
    """Generalized local SGD with constants that need no cross-term argument."""
    return _theorem(
        label="thm1-safe",
        title="Generalized local SGD, constants proved for every convex smooth objective",
        statement="Theorem 1 under the same condition on the steps, with the cross term bounded by Young's inequality.",
        bound=_bound(
            {
                "optimization": 4 * B**2 / (gamma * eta * R * K),
                "statistical": 4 * eta * sigma**2 * (1 + 3 * EXCESS) / M,
                "noise drift": 4 * L * eta**2 * sigma**2 * (K - 1),
            },
            "explicit",
        ),
        provenance=_proved("own", "Theorem 1 without its shortcut", "thm1-safe"),
        conditions=(STEPS_TOGETHER,),
        setting=_identical_machines("local-sgd-any-outer-step"),
    )


# Steps are written 1 / max{...} rather than min{1/...}: the same number, defined also without noise.


def local_step() -> Expr:
    """The inner step that balances Theorem 1 at gamma = 1: min{1/(4L), B sqrt(M)/(sigma sqrt(KR)), ...}."""
    return 1 / Max(4 * L, sigma * sqrt(K * R) / (B * sqrt(M)), (L * sigma**2 * K**2 * R / B**2) ** Rational(1, 3))


@statement("eq2")
def eq2() -> Theorem:
    """The rate of local SGD with plain averaging."""
    return _theorem(
        label="eq2",
        title="Local SGD with plain averaging, tuned",
        statement=(
            "The first two terms are those of K R steps of SGD with batch M;"
            " the drift term falls faster in R than in K."
        ),
        bound=Bound(local_sgd_terms(), MEASURES["gap"], "upper", "hidden"),
        provenance=_proved("re-derived", "eq. (2)", "eq2"),
        steps={"eta": local_step(), "gamma": Integer(1)},
        setting=IDENTICAL_MACHINES,
    )


@statement("eq2-explicit")
def eq2_explicit() -> Theorem:
    """The rate of local SGD with plain averaging, with its constants."""
    return _theorem(
        label="eq2-explicit",
        title="Local SGD with plain averaging, tuned, with constants",
        statement="Theorem 1 at gamma = 1 and the balancing inner step; no cross term arises at gamma = 1.",
        bound=_bound(
            {
                term.name: constant * term.expression
                for constant, term in zip((8, 4, 4), local_sgd_terms(), strict=True)
            },
            "explicit",
        ),
        provenance=_proved("own", "Theorem 1 at gamma = 1, tuned", "eq2"),
        conditions=(
            Condition("plain averaging", sympy.Eq(gamma, 1)),
            Condition("the balancing inner step", sympy.Eq(eta, local_step())),
        ),
        steps={"eta": local_step(), "gamma": Integer(1)},
        setting=IDENTICAL_MACHINES,
    )


def _minibatch_terms() -> dict[str, Expr]:
    return {"optimization": dekel2012.optimization(), "statistical": dekel2012.statistical()}


@statement("minibatch")
def minibatch() -> Theorem:
    """Minibatch SGD."""
    return _theorem(
        label="minibatch",
        title="Minibatch SGD, tuned",
        statement="R steps of SGD with batch K M: what eta -> 0 at a fixed product eta gamma, or K = 1, amounts to.",
        bound=_bound(_minibatch_terms(), "hidden"),
        provenance=_proved("re-derived", "Section 3.2, comparison rate", "minibatch"),
        algorithm="minibatch-sgd",
        iterate="average over the rounds",
        setting=_identical_machines("minibatch-sgd"),
    )


@statement("karimireddy")
def karimireddy() -> Theorem:
    """The earlier rate with two step sizes."""
    return _theorem(
        label="karimireddy",
        title="Two step sizes as analysed before (Karimireddy et al. 2020), without heterogeneity",
        statement="For chosen eta and gamma local SGD attains minibatch SGD's rate; it does not recover eq. (2).",
        bound=_bound(_minibatch_terms(), "hidden"),
        provenance=_proved("re-derived", "Section 3.2, comparison rate", "minibatch"),
        setting=_identical_machines("local-sgd-any-outer-step"),
    )


@statement("malinovsky")
def malinovsky() -> Theorem:
    """Server-side step sizes, specialised to identical machines."""
    return _theorem(
        label="malinovsky",
        title="Server-side steps (Malinovsky and Richtarik 2022), specialised and tuned, no noise",
        statement="Small inner, large outer steps, gamma up to 1/(L eta K): the tuned rate is that of R steps of GD.",
        bound=_bound({"optimization": dekel2012.optimization()}, "hidden"),
        provenance=_proved("re-derived", "Section 3.2, comparison rate; its range of steps was read", "malinovsky"),
        conditions=(
            Condition("no noise", sympy.Eq(sigma, 0)),
            Condition("eta K is at most 1/L", Le(eta * K * L, 1)),
            Condition("the outer step is at least 1", Ge(gamma, 1)),
            Condition("the outer step is at most 1/(L eta K)", Le(gamma * L * eta * K, 1)),
        ),
        setting=Setting("local-sgd-any-outer-step", {"sigma": 0, "zeta": 0}),
    )


@statement("ill-tuned")
def ill_tuned() -> Theorem:
    """An inner step that is far too small, repaired by the outer step."""
    product = 1 / Max(8 * L * K, sigma * sqrt(R * K) / (B * sqrt(M)))
    step = 1 / Max(8 * L * R, 8 * L * K, sigma * sqrt(R * K) / (B * sqrt(M)))
    return _theorem(
        label="ill-tuned",
        title="A small inner step repaired by the outer step",
        statement=(
            "With eta of order 1/(R L) and the product eta gamma that balances the rest, generalized local SGD has"
            " minibatch SGD's rate and a remainder that falls like 1/R^2."
        ),
        bound=_bound(
            {
                "optimization": 32 * L * B**2 / R,
                "statistical": 16 * sigma * B / sqrt(M * K * R),
                "noise drift": sigma**2 * K / (16 * L * R**2),
            },
            "explicit",
        ),
        provenance=_proved("re-derived", "discussion after Theorem 1, with our constants", "ill-tuned"),
        conditions=(
            Condition("the prescribed inner step", sympy.Eq(eta, step)),
            Condition("the prescribed product of the steps", sympy.Eq(eta * gamma, product)),
        ),
        steps={"eta": step, "gamma": product / step},
        errata=(
            Erratum(
                "gamma_*",
                "The legible formula for the balancing gamma_* = gamma eta L K, sqrt(L D^2 sigma^2 M H / (R sigma^2)),"
                " is not a pure number; minimizing the rate gives sqrt(L^2 D^2 M H / (R sigma^2)).",
                "gamma_* multiplies sigma^2 / (L M H) and divides L D^2 / R, so it must be a pure number; the square"
                " root may also have lost symbols in a conversion of the text.",
            ),
        ),
        setting=_identical_machines("local-sgd-any-outer-step"),
    )


@statement("quadratic-mean")
def quadratic_mean() -> Theorem:
    """The mean iterate on a quadratic."""
    return _theorem(
        label="quadratic-mean",
        title="The mean iterate on a quadratic, in closed form",
        statement="The distance of the mean of x_R from the optimum along an eigenvector with eigenvalue `curvature`.",
        bound=_bound(
            {"distance": B * sqrt(Pow(1 - gamma + gamma * Pow(1 - eta * curvature, K), 2 * R))},
            "explicit",
            "distance",
            "exact",
        ),
        provenance=_proved("read", "discussion after Theorem 1, with the exponent R restored", "stationary"),
        problem_class=QUADRATIC,
        iterate="mean of the last iterate",
        errata=(
            Erratum(
                "exponent",
                "The text has the factor of one round; R rounds raise it to the power R.",
                "x_{r+1} = (1 - gamma) x_r + gamma (I - eta Q)^K x_r in the mean.",
            ),
            Erratum(
                "Figure 1",
                "With the objective as legible, f = |Q(x - x_*)|^2 / 2 and Q = A'A, the stated eta = 0.001 diverges for"
                " every outer step; with Hessian Q it does not, and the reported trend appears.",
                "For d = 50 and standard normal A, eta times the largest eigenvalue is above 30 for Q^2, 0.2 for Q.",
            ),
        ),
    )


@statement("stationary")
def stationary() -> Theorem:
    """The stationary second moment on a quadratic."""
    a = 1 - eta * curvature
    return _theorem(
        label="stationary",
        title="The stationary second moment on a quadratic",
        statement=(
            "Along an eigenvector with eigenvalue `curvature` and per-coordinate noise sigma, E (x_r - x_*)^2 tends to"
            " this value, which increases with gamma: on noisy quadratics an outer step below 1 can be best."
        ),
        bound=_bound(
            {"statistical": gamma * eta**2 * sigma**2 * (1 + a**K) / (M * (1 - a**2) * (2 - gamma * (1 - a**K)))},
            "explicit",
            "squared-distance",
            "exact",
        ),
        provenance=_proved("own", "quadratic case", "stationary"),
        problem_class=QUADRATIC,
        iterate="last iterate, R -> infinity",
        conditions=(
            Condition("local steps contract", Lt(eta * curvature, 2)),
            Condition("rounds contract: gamma (1 - (1 - eta a)^K) is below 2", Lt(gamma * (1 - a**K), 2)),
        ),
    )


def round_factor() -> Expr:
    """What one round multiplies the mean along an eigenvector with eigenvalue `curvature` by."""
    return 1 - gamma + gamma * Pow(1 - eta * curvature, K)


def round_variance() -> Expr:
    """The variance that one round adds along an eigenvector, sigma being the noise of that coordinate."""
    a = 1 - eta * curvature
    return gamma**2 * eta**2 * sigma**2 * (1 - a ** (2 * K)) / (M * (1 - a**2))


@statement("average-gap")
def average_gap() -> Theorem:
    """The mean gap over all local iterates on a quadratic, in closed form."""
    a, b = 1 - eta * curvature, round_factor()
    kept = (1 - a ** (2 * K)) / (K * (1 - a**2))  # mean over h < K of a^(2h)
    past = (1 - b ** (2 * R)) / (R * (1 - b**2))  # mean over r < R of b^(2r)
    return _theorem(
        label="average-gap",
        title="The mean gap over all local iterates on a quadratic, in closed form",
        statement=(
            "What the proof of Theorem 1 bounds, along an eigenvector with eigenvalue `curvature` and per-coordinate"
            " noise sigma; the gap of the averaged iterate is at most this."
        ),
        bound=_bound(
            {
                "optimization": curvature / 2 * kept * past * B**2,
                "statistical": curvature / 2 * kept * (1 - past) * round_variance() / (1 - b**2),
                "spread": curvature / 2 * (1 - kept) * eta**2 * sigma**2 / (1 - a**2),
            },
            "explicit",
            kind="exact",
        ),
        provenance=_proved("own", "quadratic case", "average-gap"),
        problem_class=QUADRATIC,
        iterate="mean over the gaps of all local iterates of all workers",
    )


# --- Proposition 1: the best pair of steps ---------------------------------------------------------------------------


def rate_of_steps(c0: Expr | int = 1, c1: Expr | int = 1, c2: Expr | int = 1) -> dict[str, Expr]:
    """The terms of h(eta, gamma), the right-hand side that Proposition 1 minimizes, with constants c0, c1, c2."""
    return {
        "optimization": c0 * B**2 / (eta * gamma * R * K),
        "statistical": c1 * eta * sigma**2 * Max(1, gamma) / M,
        "noise drift": c2 * L * eta**2 * sigma**2 * K,
    }


@statement("prop1")
def prop1() -> Theorem:
    """The step-dependent rate whose minimum over both steps is sought."""
    return _theorem(
        label="prop1",
        title="The rate as a function of both steps",
        statement=(
            "Candidate A has gamma = 1 and eta = min(1/(4L), root of a cubic); candidate B has gamma above 1, the"
            " condition on the steps active and eta the root of another cubic; the smaller value wins, or candidate C:"
            " eta -> 0 at a fixed product (prop1-limit)."
        ),
        bound=_bound(rate_of_steps(), "hidden"),
        provenance=_proved("re-derived", "Proposition 1 and program (5)", "prop1"),
        conditions=(STEPS_TOGETHER,),
        errata=(
            Erratum(
                "third candidate",
                "The two candidates do not cover the case 16 M K L^2 B^2 <= R sigma^2 (constants 1): there the cubic of"
                " candidate B has no positive root, the condition on the steps is slack and the infimum, approached as"
                " eta -> 0 with eta gamma fixed, is not attained.",
                "The derivative along the active condition is nonnegative at eta = 0; a grid search agrees.",
            ),
        ),
        setting=_identical_machines("local-sgd-any-outer-step"),
    )


@statement("prop1-limit")
def prop1_limit() -> Theorem:
    """The third candidate of Proposition 1."""
    return _theorem(
        label="prop1-limit",
        title="The third candidate: vanishing inner step, fixed product",
        statement="As eta -> 0 with eta gamma = B sqrt(M / (sigma^2 R K)) prop1 tends to this, minibatch SGD's noise.",
        bound=_bound({"statistical": 2 * sigma * B / sqrt(M * K * R)}, "hidden"),
        provenance=_proved("own", "completes Proposition 1", "prop1"),
        conditions=(
            Condition("large noise: 16 M K L^2 B^2 is at most R sigma^2", Le(16 * M * K * L**2 * B**2, R * sigma**2)),
        ),
        setting=_identical_machines("local-sgd-any-outer-step"),
    )


def active_outer_step() -> Expr:
    """The outer step at which eta L (1 + (gamma - 1) K) = 1/4."""
    return 1 + (1 - 4 * eta * L) / (4 * eta * L * K)


def _stationarity(rate: Expr) -> Expr:
    """The polynomial in eta whose positive root minimizes `rate`, negative at eta = 0 when a root exists."""
    return sympy.fraction(sympy.cancel(sympy.diff(rate, eta)))[0]


def _above_1(terms: dict[str, Expr]) -> Expr:
    return sympy.Add(*terms.values()).subs(Max(1, gamma), gamma)


@cache
def cubic_at_unit_outer_step(**constants: Expr | int) -> Expr:
    """Candidate A's cubic in eta: stationarity of h(eta, 1)."""
    return _stationarity(_above_1(rate_of_steps(**constants)).subs(gamma, 1))


@cache
def cubic_at_active_condition(**constants: Expr | int) -> Expr:
    """Candidate B's cubic in eta: stationarity of h along the active condition on the steps."""
    return _stationarity(_above_1(rate_of_steps(**constants)).subs(gamma, active_outer_step()))


def limiting_rate(c0: Expr | int = 1, c1: Expr | int = 1) -> Expr:
    """Candidate C: h as eta -> 0 with eta gamma = `product`."""
    return sympy.expand(_above_1(rate_of_steps(c0, c1)).subs(gamma, PRODUCT / eta)).subs(eta, 0)


def limiting_product(c0: Expr | int = 1, c1: Expr | int = 1) -> Expr:
    """Candidate C's product eta gamma: the minimizer of the limiting rate, at most 1/(4 L K)."""
    return 1 / Max(4 * L * K, sqrt(c1 * sigma**2 * R * K / (c0 * M)) / B)


# --- Outer momentum --------------------------------------------------------------------------------------------------


LEGIBLE_LIMIT = Rational(1, 16)


def momentum_condition(limit: Rational = LEGIBLE_LIMIT, power: int = 2) -> Condition:
    """The second condition of Theorem 2; `power=1` is the paper's as far as legible, which is not enough (see thm2)."""
    return Condition(
        f"eta gamma momentum L K / (1 - momentum)^{power} is at most {limit}",
        Le(eta * gamma * momentum * L * K / (1 - momentum) ** power, limit),
    )


@statement("thm2")
def thm2() -> Theorem:
    """Outer heavy-ball momentum."""
    return _theorem(
        label="thm2",
        title="Local SGD with outer momentum",
        statement=(
            "Momentum acts through the adjusted outer step gamma / (1 - momentum); it widens the admissible range of"
            " gamma and leaves the trade-off as it is."
        ),
        bound=_bound(
            {
                "optimization": 4 * (1 - momentum) * B**2 / (gamma * eta * R * K),
                "statistical": 4 * eta * sigma**2 * Max(1, ADJUSTED) / M,
                "momentum noise": 8 * gamma * momentum * eta * sigma**2 / ((1 - momentum) ** 2 * M),
                "noise drift": 4 * L * eta**2 * sigma**2 * (K - 1),
            },
            "explicit",
        ),
        provenance=_proved("re-derived", "Theorem 2", "thm2"),
        algorithm="local-sgd-outer-momentum",
        conditions=(STEPS_WITH_MOMENTUM, momentum_condition(), CROSS_TERM),
        errata=(
            Erratum(
                "power of 1 - momentum",
                "Unresolved, not claimed as an error: the legible second condition divides by 1 - momentum once, our"
                " derivation needs the square. With the first power no bound with a universal constant times"
                " (1 - momentum) B^2 / (gamma eta R K) can hold; the printed bound itself was not seen.",
                "f = (L/8) x^2 for x > 0 and (L/2) x^2 otherwise, K = M = 1, no noise, gamma = 1 - momentum,"
                " eta = 1/(16 L), R = 1/(1 - momentum): the gap exceeds the term by a factor that grows like"
                " 1/(1 - momentum), about 13 at 1 - momentum = 1e-5.",
            ),
        ),
        setting=_identical_machines("local-sgd-outer-momentum"),
    )


@statement("thm2-safe")
def thm2_safe() -> Theorem:
    """Outer heavy-ball momentum with constants that need no cross-term argument."""
    return _theorem(
        label="thm2-safe",
        title="Local SGD with outer momentum, constants proved for every convex smooth objective",
        statement="Theorem 2 with the cross term bounded by Young's inequality.",
        bound=_bound(
            {
                "optimization": 8 * (1 - momentum) * B**2 / (gamma * eta * R * K),
                "statistical": 8 * eta * sigma**2 * (1 + 3 * ADJUSTED_EXCESS) / M,
                "momentum noise": 48 * gamma * momentum * eta * sigma**2 / ((1 - momentum) ** 2 * M),
                "noise drift": 8 * L * eta**2 * sigma**2 * (K - 1),
            },
            "explicit",
        ),
        provenance=_proved("own", "Theorem 2 without its shortcut", "thm2-safe"),
        algorithm="local-sgd-outer-momentum",
        conditions=(STEPS_WITH_MOMENTUM, momentum_condition(Rational(1, 48))),
        setting=_identical_machines("local-sgd-outer-momentum"),
    )


@statement("momentum-transient")
def momentum_transient() -> Theorem:
    """What outer momentum costs on a quadratic, compared with the momentum-adjusted outer step."""
    contraction = ADJUSTED * (1 - Pow(1 - eta * curvature, K))  # 1 - b of the run without momentum
    return _theorem(
        label="momentum-transient",
        title="What outer momentum costs on a quadratic, in closed form",
        statement=(
            "Along an eigenvector with eigenvalue `curvature`, without noise, the gaps at x_0, x_1, ... add up to this"
            " much more than with momentum 0 and the outer step gamma / (1 - momentum): about"
            " momentum / (1 - momentum) times half the gap at the start, once, whatever R."
        ),
        bound=_bound(
            {
                "transient": curvature
                * B**2
                * momentum
                * (1 + momentum - contraction)
                / ((2 - contraction) * (1 - momentum) * (2 + 2 * momentum - contraction * (1 - momentum)))
            },
            "explicit",
            kind="exact",
        ),
        provenance=_proved("own", "quadratic case", "momentum-transient"),
        algorithm="local-sgd-outer-momentum",
        problem_class=QUADRATIC,
        iterate="sum over the gaps of all synchronized iterates",
        conditions=(
            Condition("no noise", sympy.Eq(sigma, 0)),
            Condition("rounds with the adjusted step contract", Lt(contraction, 2)),
        ),
    )


# --- Accelerated outer loop ------------------------------------------------------------------------------------------

ACCELERATED = "local-sgd-outer-acceleration"
LAST_ITERATE = "last iterate u_R"


@statement("thm3")
def thm3() -> Theorem:
    """The accelerated outer loop, probable printed shape."""
    return _theorem(
        label="thm3",
        title="Local SGD with an accelerated outer loop, probable printed shape",
        statement="Outer steps gamma_r = gamma (r+1)/2, mixing weights tau_r = 2/(r+2): acceleration in R, not in K.",
        bound=_bound(
            {
                "optimization": B**2 / (gamma * eta * K * R**2),
                "statistical": R * eta * sigma**2 / M,
                "averaged noise drift": R * L * eta**2 * sigma**2 * K / M,
                "noise drift": R * L**2 * eta**3 * sigma**2 * K**2,
            },
            "hidden",
        ),
        provenance=_proved("re-derived", "Theorem 3, eq. (7); shape inferred from the prose", "thm3"),
        algorithm=ACCELERATED,
        iterate=LAST_ITERATE,
        conditions=(HALF_STEP, OUTER_AT_MOST_1),
        errata=(
            Erratum(
                "drift without M",
                "Unresolved, not claimed as an error: the prose speaks of two drift terms and of M in their"
                " denominators, which suggests this shape; but a term of order L eta^2 sigma^2 K that does not vanish"
                " as M grows is needed. If eq. (7) has none, it fails; thm3-safe has it.",
                "M -> infinity, f = (L/2) max(x,0)^2 - s x with s = 0.35 L eta sigma sqrt(K), started at the optimum,"
                " gamma = 1, R = 4/sqrt(eta L K): the gap over this bound grows like (eta L K)^(-1/2).",
            ),
        ),
        setting=_identical_machines("local-sgd-outer-acceleration"),
    )


@statement("thm3-safe")
def thm3_safe() -> Theorem:
    """The accelerated outer loop with a complete proof."""
    growth = (R + 2) / 3
    return _theorem(
        label="thm3-safe",
        title="Local SGD with an accelerated outer loop, with constants",
        statement="The accelerated outer loop with every drift term that its analysis produces, and its constants.",
        bound=_bound(
            {
                "optimization": 2 * B**2 / (gamma * eta * K * R * (R + 1)),
                "statistical": growth * eta * sigma**2 / (2 * M),
                "averaged noise drift": growth * L * eta**2 * sigma**2 * (K + 1) / (4 * M),
                "spread": growth * L * eta**2 * sigma**2 * (K - 1) / 2,
                "noise drift": growth * L**2 * eta**3 * sigma**2 * (K**2 - 1) / 3,
            },
            "explicit",
        ),
        provenance=_proved("own", "Theorem 3", "thm3-safe"),
        algorithm=ACCELERATED,
        iterate=LAST_ITERATE,
        conditions=(HALF_STEP, OUTER_AT_MOST_1),
        setting=_identical_machines("local-sgd-outer-acceleration"),
    )


def accelerated_step(averaging_workers: Expr) -> Expr:
    """The inner step of Corollary 1; `averaging_workers` is M if the first drift term has it, else 1."""
    return 1 / Max(
        2 * L,
        sigma * sqrt(K * R**3) / (B * sqrt(M)),
        (L * sigma**2 * K**2 * R**3 / (averaging_workers * B**2)) ** Rational(1, 3),
        (L**2 * sigma**2 * K**3 * R**3 / B**2) ** QUARTER,
    )


def _accelerated_rate(averaging_workers: Expr, constants: tuple[Expr, Expr, Expr, Expr]) -> dict[str, Expr]:
    return {
        "optimization": constants[0] * L * B**2 / (K * R**2),
        "statistical": constants[1] * sigma * B / sqrt(M * K * R),
        "spread": constants[2] * (L * sigma**2 * B**4 / (averaging_workers * K * R**3)) ** Rational(1, 3),
        "noise drift": constants[3] * (L**2 * sigma**2 * B**6 / (K * R**5)) ** QUARTER,
    }


@statement("cor1")
def cor1() -> Theorem:
    """The accelerated outer loop, tuned, probable printed shape."""
    one = Integer(1)
    return _theorem(
        label="cor1",
        title="Accelerated outer loop, tuned, probable printed shape",
        statement="Theorem 3 at gamma = 1 with the balancing inner step; its first drift term falls with M.",
        bound=_bound(_accelerated_rate(M, (one, one, one, one)), "hidden"),
        provenance=_proved("re-derived", "Corollary 1, eq. (8); shape inferred from the prose", "cor1"),
        algorithm=ACCELERATED,
        iterate=LAST_ITERATE,
        steps={"eta": accelerated_step(M), "gamma": one},
        errata=(
            Erratum(
                "drift without M",
                "Unresolved: whether the printed first drift term has M in its denominator; that of cor1-safe has not.",
                "see thm3",
            ),
        ),
        setting=_identical_machines("local-sgd-outer-acceleration"),
    )


@statement("cor1-safe")
def cor1_safe() -> Theorem:
    """The accelerated outer loop, tuned, with constants."""
    return _theorem(
        label="cor1-safe",
        title="Accelerated outer loop, tuned, with constants",
        statement="The complete bound at gamma = 1 with the balancing inner step.",
        bound=_bound(
            _accelerated_rate(Integer(1), (Integer(4), Rational(5, 2), Integer(3), Rational(7, 3))), "explicit"
        ),
        provenance=_proved("own", "Corollary 1", "cor1-safe"),
        algorithm=ACCELERATED,
        iterate=LAST_ITERATE,
        conditions=(
            Condition("outer step 1", sympy.Eq(gamma, 1)),
            Condition("the balancing inner step", sympy.Eq(eta, accelerated_step(Integer(1)))),
        ),
        steps={"eta": accelerated_step(Integer(1)), "gamma": Integer(1)},
        setting=_identical_machines("local-sgd-outer-acceleration"),
    )


# --- Data-dependent analysis -----------------------------------------------------------------------------------------


def _data_dependent_terms(noise: Expr, spread: Expr) -> dict[str, Expr]:
    return {
        "optimization": B**2 / (gamma * eta * R * K),
        "statistical": gamma * eta * noise,
        "gradients": gamma * eta * G**2,
        "outer step": Abs(1 - gamma) * eta * K * G**2,
        "noise drift": eta * sigma * spread * G,
    }


@statement("thm4")
def thm4() -> Theorem:
    """The data-dependent guarantee, reconstructed shape."""
    return _theorem(
        label="thm4",
        title="Data-dependent guarantee, reconstructed shape",
        statement=(
            "With the sizes of the gradients along the run in the bound, outer steps on either side of 1 can be best;"
            " averages of squared gradient norms are replaced by their bound G^2."
        ),
        bound=_bound(_data_dependent_terms(sigma**2 * IOTA, sqrt(IOTA * K)), "hidden with logs"),
        provenance=_proved("re-derived", "Theorem 4", "thm4"),
        holds="with high probability",
        conditions=(
            STEP_AT_MOST_INVERSE_L,
            BOUNDED_NOISE,
            BOUNDED_GRADIENTS,
            OUTER_NOT_TINY,
        ),
        notation={"B": "d_0"},
        errata=(
            Erratum(
                "bounded noise",
                "The statement asks for unbiased noise of bounded variance; its proof uses surely bounded noise.",
                "Lemma 10 and the martingale lemma are applied to bounded increments.",
            ),
            Erratum(
                "virtual sequence",
                "The auxiliary point of step h subtracts the gradients of the first h steps, not of all of the round.",
                "With the upper limit as legible in Appendix B it would not depend on h.",
            ),
        ),
    )


@statement("thm4-safe")
def thm4_safe() -> Theorem:
    """The data-dependent guarantee with constants."""
    ell = LOGARITHM
    return _theorem(
        label="thm4-safe",
        title="Data-dependent guarantee with constants, for every outer step",
        statement=(
            "With probability at least 1 - delta; the logarithm is that of 8 R / delta, the martingale noise is divided"
            " by M, and averages of squared gradient norms are replaced by their bound G^2."
        ),
        bound=_bound(
            {
                "optimization": Rational(3, 4) * B**2 / (gamma * eta * R * K),
                "statistical": 24 * gamma * eta * sigma**2 * ell / M,
                "gradients": Rational(3, 4) * gamma * eta * G**2,
                "outer step": Rational(3, 2) * Abs(1 - gamma) * eta * K * G**2,
                "outer step noise": Rational(3, 2) * Abs(1 - gamma) * eta * sigma**2 * ell / (M * R),
                "noise drift": 3 * sqrt(5) * eta * sigma * sqrt(K * ell) * G,
                "drift noise": 6 * sqrt(5) * eta * sigma**2 * ell / sqrt(M * R),
            },
            "explicit",
        ),
        provenance=_proved("own", "Theorem 4", "thm4"),
        holds="with high probability",
        conditions=(STEP_AT_MOST_INVERSE_L, BOUNDED_NOISE, BOUNDED_GRADIENTS),
        notation={"B": "d_0"},
    )


@statement("eq9")
def eq9() -> Theorem:
    """The simplified data-dependent guarantee and the outer step that minimizes it."""
    return _theorem(
        label="eq9",
        title="Simplified data-dependent guarantee",
        statement=(
            "Theorem 4 with all gradients of one size; Proposition 2 gives the best outer step: above 1 when the"
            " optimization term outweighs noise and movement, below 1 when the noise does, else exactly 1."
        ),
        bound=_bound(_data_dependent_terms(sigma**2, sqrt(K)), "hidden with logs"),
        provenance=_proved("re-derived", "eq. (9)", "thm4"),
        holds="with high probability",
        conditions=(STEP_AT_MOST_INVERSE_L, BOUNDED_NOISE, BOUNDED_GRADIENTS, OUTER_NOT_TINY),
        steps={"gamma": prop2_minimizer(B**2 / (eta * R * K), eta * (sigma**2 + G**2), eta * K * G**2)},
        notation={"B": "d_0"},
        errata=(
            Erratum(
                "first case",
                "The condition for gamma > 1 in the text, d_0^2/(eta^2 R H) + H G^2 of at least order sigma^2, only"
                " negates the case gamma < 1; Proposition 2 asks for d_0^2/(eta^2 R H) of at least order"
                " sigma^2 + H G^2.",
                "Proposition 2 with a = d_0^2/(eta R H), b = eta (sigma^2 + G^2), c = eta H G^2.",
            ),
        ),
    )


def prop2_minimizer(a: Expr, b: Expr, c: Expr) -> Expr:
    """Proposition 2: the minimizer over x > 0 of a/x + b x + c |1 - x|, for nonnegative a, b, c.

    >>> from sympy import Integer
    >>> prop2_minimizer(Integer(9), Integer(1), Integer(0)), prop2_minimizer(Integer(1), Integer(1), Integer(1))
    (3, 1)
    """
    return Piecewise((sqrt(a / (b + c)), Ge(a, b + c)), (sqrt(a / (b - c)), Lt(a, b - c)), (1, True))


# --- Lemmas that are bounds ------------------------------------------------------------------------------------------


@statement("lemma1")
def lemma1() -> Theorem:
    """One gradient step does not separate two points."""
    return _theorem(
        label="lemma1",
        title="A gradient step is nonexpansive",
        statement="For convex L-smooth f and eta <= 2/L, |T(x) - T(y)| <= |x - y| with T = I - eta grad f.",
        bound=_bound({"contraction": Integer(1)}, "explicit", "contraction"),
        provenance=Provenance("read", "Lemma 1", f"{PROOFS}#lemma7"),
        holds="surely",
        iterate="one local step",
        conditions=(Condition("inner step at most 2/L", Le(eta * L, 2)),),
    )


@statement("lemma7")
def lemma7() -> Theorem:
    """How far the workers drift apart."""
    return _theorem(
        label="lemma7",
        title="The workers' pairwise drift",
        statement="A bound on the squared distance of two workers after K local steps, averaged over all M^2 pairs.",
        bound=_bound({"noise drift": 2 * eta**2 * sigma**2 * K}, "explicit", "squared-consensus"),
        provenance=Provenance("read", "Lemma 7", f"{PROOFS}#lemma7"),
        iterate="after K local steps",
        conditions=(STEP_AT_MOST_INVERSE_L,),
    )


@statement("lemma7-mean")
def lemma7_mean() -> Theorem:
    """How far the workers drift from their average."""
    return _theorem(
        label="lemma7-mean",
        title="The workers' drift from their average",
        statement="Sharp: equality when the gradient is constant and the noise has variance sigma^2.",
        bound=_bound({"noise drift": eta**2 * sigma**2 * K * (1 - 1 / M)}, "explicit", "squared-drift"),
        provenance=_proved("own", "sharpens Lemma 7", "lemma7"),
        iterate="after K local steps",
        conditions=(Condition("inner step at most 2/L", Le(eta * L, 2)),),
    )


@statement("lemma10")
def lemma10() -> Theorem:
    """How far the workers drift from their average, with high probability."""
    return _theorem(
        label="lemma10",
        title="The workers' drift with high probability",
        statement="In one round, with probability at least 1 - delta, at every local step at once.",
        bound=_bound({"noise drift": 10 * eta**2 * sigma**2 * K * Max(1, log(1 / delta))}, "explicit", "squared-drift"),
        provenance=_proved("re-derived", "Lemma 10, with our constant and logarithm", "lemma10"),
        holds="with high probability",
        iterate="every local step of a round",
        conditions=(Condition("inner step at most 2/L", Le(eta * L, 2)), BOUNDED_NOISE),
    )
