"""Patel, Glasgow, Zindari, Wang, Stich, Cheng, Joshi, Srebro (COLT 2024): limits and potentials of local SGD.

Heterogeneous convex machines, K local steps and one communication per round.  Statement numbers are those of the
proceedings text.  The paper writes H for smoothness, beta for the outer step and alpha for the cosine of the
rank-one pair.

The module is longer than others because the paper has three theories (first-order assumptions, higher-order ones,
the fixed point) and because several statements are held both as printed and as corrected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from sympy import Eq, Expr, Ge, Integer, Le, Lt, Max, Min, Mod, Pow, Rational, exp, log, pi, sqrt, symbols

from tightrate.rates.papers import dekel2012, ghadimi2012, koloskova2020, woodworth2020, woodworth2020a, yuan2020
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.implication import Implication, SolvedBound, Specialization
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.setting import DISSIMILARITY_IN_BALL, Setting
from tightrate.rates.statements.theorem import Condition, Erratum, Paper, Provenance, Theorem
from tightrate.rates.symbols.alphabet import (
    B,
    D,
    K,
    L,
    M,
    Q,
    R,
    cosine,
    curvature,
    eps,
    eta,
    gamma,
    mu,
    sigma,
    tau,
    tau_mean,
    zeta,
    zeta_mean,
    zeta_opt,
    zeta_star,
)
from tightrate.rates.symbols.kinds import Constants, Kind
from tightrate.rates.symbols.monomial import monomial
from tightrate.rates.symbols.units import LENGTH, Unit

PAPER = Paper(
    id="patel2024",
    notation={
        "L": "H",
        "gamma": r"\beta",
        "cosine": r"\alpha",
        "zeta_opt": r"\zeta_\star",
    },
)

QUADRATIC_MACHINES = "strongly convex quadratic machines with different optima, no noise"
CONVEX = koloskova2020.HETEROGENEOUS_AT_OPTIMUM
HIGHER_ORDER = "convex, L-smooth, second-order heterogeneity tau, third-order smoothness Q"
STRONGLY_CONVEX_HIGHER_ORDER = "strongly convex, L-smooth, second-order heterogeneity tau, third-order smoothness Q"
WEIGHTED_AVERAGE = "average over all steps with weights (1 - mu eta / 2)^-(t+1)"
UNIFORM_AVERAGE = "uniform average of all M K R local iterates"

K_AT_LEAST_2, M_AT_LEAST_2 = koloskova2020.TWO_LOCAL_STEPS, koloskova2020.TWO_MACHINES
EVEN_WORKERS = Condition("an even number of machines", Eq(Mod(M, 2), 0))
STEP_AT_MOST_INVERSE_L = Condition("inner step at most 1/L", Le(eta * L, 1))
STEP_AT_MOST_HALF = Condition("inner step at most 1/(2L)", Le(eta * L, Rational(1, 2)))
STEP_BELOW_2 = Condition("inner step below 2/L (needed for K = inf)", Lt(eta * L, 2))
VANILLA = Condition("plain averaging, outer step 1", Eq(gamma, 1))
A1 = Condition("A1: the machines' gradients at every optimum have root mean square at most zeta_star")
A2 = Condition("A2: every machine's gradient stays within zeta of the mean gradient")
A3 = Condition("A3: any two Hessians differ by at most tau")
A7 = Condition("A7: the machines' optima lie within zeta_opt/L of the optimum, root mean square")
IN_BALL = Condition("every local iterate stays, in every realization, in the ball of radius D about the start")
NOISE_BELOW_START = woodworth2020.NOISE_BELOW_START
NOISE_DRIFT_BELOW_START = woodworth2020.NOISE_DRIFT_BELOW_START
DRIFT_BELOW_START = woodworth2020.DRIFT_BELOW_START

NO_NOISE_OR_NO_Q = Condition(
    "no noise or Q = 0; otherwise a fourth-moment bound on the noise is needed (erratum E3)", Eq(Q * sigma, 0)
)

E1 = Erratum(
    "E1",
    "Stated for any step size, but the zeta_star term and the K^(-1/3) term hold for plain averaging (gamma = 1) only;"
    " with a free outer step just L B^2 / R and sigma B / sqrt(M K R) remain.",
    "With eta -> 0 and gamma eta K fixed the update is mini-batch SGD, whose upper bound has neither term.",
)
E2 = Erratum(
    "E2",
    "The proof averages over the machines while the statement takes the worst machine, and it measures the distance"
    " to the optimum by the radius D of a ball about 0, which must be D + B.",
    "Equal Hessians, one machine with gradient g at the optimum and M - 1 with -g/(M - 1): the worst machine deviates"
    " by sqrt(M - 1) zeta_star.",
)
E3 = Erratum(
    "E3",
    "The proof bounds the second moment of the consensus error by the square of a bound on its mean,"
    " which needs a fourth-moment noise bound that is not assumed; it concerns the noise part of the Q terms.",
    "Jensen's inequality goes the other way.",
)
E4 = Erratum(
    "E4",
    "The proof bounds every machine's optimum by B, which the class only gives for the common optimum;"
    " under A7 the start distance must be B + zeta_opt / L.",
    "mean C_m x_m* is bounded by (1 - (1 - eta L)^K) times the mean norm of the x_m*.",
)
E5_MINIMA = Erratum(
    "E5",
    "In App. B.4 the sentence that removes the minima has its inequalities reversed; the conclusion stands.",
    "h + min{a, h^(1/3) a^(2/3)} >= (h + h^(1/3) a^(2/3)) / 2, by the two cases a <= h and a > h.",
)
E5_CHAIN = Erratum(
    "E5",
    "In (20) the average of even and odd machines has the factor H/4, not H/2; this changes constants only.",
    "Half of the machines carry each half of the chain, each with H/2 in front.",
)
E6 = Erratum(
    "E6",
    "That the iterates stay in a ball is assumed for every realization; unbounded noise does not imply it, and the"
    " paper names this as its main limitation.",
    "One Gaussian gradient leaves any ball with positive probability.",
)
E7 = Erratum(
    "E7",
    "Stated for all sigma and zeta_star, but no lower bound can exceed L B^2 / 2, so the statistical term needs"
    " sigma B / sqrt(M K R) <~ L B^2 (the paper assumes this for its table), the K^(-1/3) term"
    " sigma <~ L B R sqrt(K), and the heterogeneity term zeta_star <~ L B R.",
    "Local SGD with a step size near 0 (or an algorithm that stays at 0) keeps F(0) - F* <= L B^2 / 2.",
)
E9 = Erratum(
    "E9",
    "Stated for all M, but it needs two machines: one machine is not heterogeneous and takes K R steps.",
    "On one machine local SGD has the rate L B^2 / (K R) + sigma B / sqrt(K R), and accelerated gradient descent"
    " without noise L B^2 / (K R)^2; both are below the printed bounds for large K. The instances of Prop. 7 and"
    " Theorem 11 need machines of both kinds.",
)
E8_WEIGHTED = Erratum(
    "E8",
    "The exponential hides a constant in its exponent as well; the proof has exp(-mu K R / (4L)).",
    "One quadratic machine with eigenvalue mu, no noise, eta = 1/(2L): the first term of the weighted average alone"
    " leaves a gap of order (1 - mu/(4L))^(2 K R), and this over exp(-mu K R / L) grows without bound in K R.",
)
E8 = Erratum(
    "E8",
    "The exponential hides a constant in its exponent as well: the proof's step size at most 1/(2L) contracts slower.",
    "One quadratic machine with eigenvalue mu, no noise, eta = 1/(2L): the distance is exactly"
    " B (1 - mu/(2L))^(K R), and this over B exp(-mu K R / L) grows without bound in K R.",
)

PROOFS = "proofs/patel2024"

# With a shared optimum, no noise, eta <= 2/L and plain averaging no iterate moves away from the optimum: all stay
# within 2 B of the start, where the machines' gradients are at most 3 L B.
SHARED_OPTIMUM: Mapping[str, Expr | int] = {
    "sigma": 0,
    "zeta_star": 0,
    "Q": 0,
    "D": 2 * B,
    DISSIMILARITY_IN_BALL: 3 * L * B,
}
HIGHER_ORDER_CLASS: Mapping[str, Expr | int] = {"sigma": sigma, "tau": tau, "Q": Q}


def _read(where: str) -> Provenance:
    return Provenance("read", where)


def _own(where: str, anchor: str) -> Provenance:
    return Provenance("own", where, f"{PROOFS}#{anchor}")


def _theorem(
    label: str,
    title: str,
    statement: str,
    terms: Mapping[str, Expr],
    kind: Kind,
    constants: Constants,
    provenance: Provenance,
    *,
    measure: str = "gap",
    units: Mapping[str, Unit] | None = None,
    algorithm: str = "local-sgd",
    problem_class: str = QUADRATIC_MACHINES,
    iterate: str = "last iterate",
    holds: Literal["surely", "in expectation"] = "surely",
    **details: Any,
) -> Theorem:
    """A statement of this paper; the defaults are those of its noiseless quadratic machines."""
    named = tuple(Term(name, expression) for name, expression in terms.items())
    return Theorem(
        label=label,
        title=title,
        statement=statement,
        bound=Bound(named, MEASURES[measure], kind, constants, units or {}),
        paper=PAPER,
        provenance=provenance,
        algorithm=algorithm,
        problem_class=problem_class,
        iterate=iterate,
        holds=holds,
        **details,
    )


def remaining_fraction(step: Expr, hessian_eigenvalue: Expr) -> Expr:
    """What K local gradient steps leave of a displacement along an eigenvector: (1 - eta a)^K."""
    return Pow(1 - step * hessian_eigenvalue, K)


def phi(q: Expr) -> Expr:
    """phi_K(q) = 1 - K q (1-q)^(K-1) / (1 - (1-q)^K), in [0, 1]; it vanishes at K = 1 and as q -> 0."""
    return 1 - K * q * Pow(1 - q, K - 1) / (1 - Pow(1 - q, K))


# First-order assumptions


@statement("prop1")
def prop1() -> Theorem:
    """Bounded dissimilarity everywhere makes quadratic machines share their Hessian."""
    return _theorem(
        "prop1",
        "Bounded first-order heterogeneity everywhere forces equal Hessians",
        "If quadratic machines satisfy A2 on the whole space with a finite zeta, then all their Hessians coincide."
        " Without noise one initial round then reduces the problem to equal machines.",
        {"second-order heterogeneity": Integer(0)},
        "exact",
        "explicit",
        _read("Prop. 1, Remark 2"),
        measure="second-order",
        algorithm="any",
        problem_class="quadratic machines",
        iterate="any point",
        conditions=(A2,),
    )


@statement("eq8")
def eq8() -> Theorem:
    """The two-coordinate example."""
    return _theorem(
        "eq8",
        "The coordinate example in closed form",
        "Two machines, F_i(x) = (L/2) (x[i] - x*[i])^2, start 0, optimum at distance B: plain averaging halves"
        " the error per round at best, and the outer step 2 with K = inf reaches the optimum in one round.",
        {"distance": B * sqrt(Pow(1 - gamma / 2 * (1 - remaining_fraction(eta, L)), 2 * R))},
        "exact",
        "explicit",
        _read("Example (7)-(8)"),
        measure="distance",
        problem_class="coordinate pair",
        conditions=(STEP_BELOW_2,),
    )


@statement("lemma8")
def lemma8() -> Theorem:
    """Gradient descent on an ill-conditioned quadratic."""
    return _theorem(
        "lemma8",
        "Gradient descent is slow on an ill-conditioned quadratic, whatever its step",
        "A convex quadratic with extreme eigenvalues L and mu, L >= 6 mu, has an optimum at distance B for which"
        " gradient descent from 0 with any step stays above this; it is at least"
        " (mu B^2 / 4) exp(-12 mu R / L), hence of order L B^2 / R when L/mu is of order R.",
        {"optimization": mu * B**2 / 4 * Pow(1 - 3 * mu / L, 2 * R)},
        "lower",
        "explicit",
        _read("Lemma 8, constants of its proof"),
        algorithm="gradient-descent",
        problem_class="convex quadratics with extreme eigenvalues L and mu, no noise",
        conditions=(Condition("condition number at least 6", Ge(L, 6 * mu)),),
        setting=Setting("gradient-descent", {"sigma": 0, "zeta": 0, "Q": 0, "mu": mu}),
    )


def hard_cosine() -> Expr:
    """The angle of the rank-one pair that makes R rounds hard: cosine = 1 - 1/(6R)."""
    return 1 - 1 / (6 * R)


HARD_ANGLE = Condition("the hard angle", Eq(cosine, hard_cosine()))


@statement("prop7")
def prop7() -> Theorem:
    """K does not help, as published."""
    return _theorem(
        "prop7",
        "Local steps do not help under first-order assumptions",
        "For all K >= 2, R, M, L, B there is a noiseless convex instance whose machines share an optimum"
        " (zeta_star = 0) on which local gradient descent with any inner and outer step stays above order"
        " L B^2 / R.",
        {"optimization": L * B**2 / R},
        "lower",
        "hidden",
        _read("Prop. 7"),
        problem_class="convex, L-smooth, shared optimum, no noise",
        conditions=(K_AT_LEAST_2, M_AT_LEAST_2),
        errata=(E9,),
        setting=Setting("local-sgd-any-outer-step", SHARED_OPTIMUM),
    )


@statement("prop7-exact")
def prop7_exact() -> Theorem:
    """The suboptimality on the rank-one pair, exactly."""
    theta = gamma * (1 - remaining_fraction(eta, L))
    larger, smaller = (1 + cosine) / 2, (1 - cosine) / 2
    return _theorem(
        "prop7-exact",
        "Suboptimality of local gradient descent on the rank-one pair, in closed form",
        "On the rank-one pair with an even number of machines, started at 0 with the optimum at distance B"
        " split evenly over both eigenvectors, local gradient descent has exactly this suboptimality after"
        " R rounds; K = inf is the limit of exact local minimization, for 0 < eta L < 2.",
        {
            "large eigenvalue": L * B**2 / 4 * larger * Pow(1 - theta * larger, 2 * R),
            "small eigenvalue": L * B**2 / 4 * smaller * Pow(1 - theta * smaller, 2 * R),
        },
        "exact",
        "explicit",
        _own("closed form of the instance of Prop. 7", "prop7"),
        problem_class="rank-one pair",
        conditions=(EVEN_WORKERS, STEP_BELOW_2),
    )


@statement("prop7-constant")
def prop7_constant() -> Theorem:
    """K does not help, with the constant 1/108."""
    return _theorem(
        "prop7-constant",
        "Local steps do not help, with an explicit constant",
        "On the rank-one pair at the angle cosine = 1 - 1/(6R), local gradient descent stays above"
        " L B^2 / (108 R) for every inner step, every outer step and every K, K = inf included.",
        {"optimization": L * B**2 / (108 * R)},
        "lower",
        "explicit",
        _own("constant of Prop. 7", "prop7"),
        problem_class="rank-one pair",
        conditions=(EVEN_WORKERS, HARD_ANGLE, STEP_BELOW_2),
        setting=Setting("local-sgd-any-outer-step", SHARED_OPTIMUM),
    )


def hard_cosine_any_machines() -> Expr:
    """The angle that gives the average of M >= 2 machines, (M + 1)/2 of the first kind where M is odd, the smaller
    eigenvalue L / (12 R): a (1 - a) (1 - cosine^2) = (1 - 1/(12 R)) / (12 R) with the first kind's share a.
    """
    share, smaller = (M + Mod(M, 2)) / (2 * M), (1 - hard_cosine()) / 2
    return sqrt(1 - smaller * (1 - smaller) / (share * (1 - share)))


@statement("prop7-any-machines")
def prop7_any_machines() -> Theorem:
    """K does not help, for odd numbers of machines too."""
    return _theorem(
        "prop7-any-machines",
        "Local steps do not help on any number of machines, with an explicit constant",
        "On the rank-one pair spread over M >= 2 machines, (M + 1)/2 of the first kind where M is odd, at the"
        " angle that"
        " gives the average the smaller eigenvalue L / (12 R), local gradient descent stays above L B^2 / (108 R) for"
        " every inner step, every outer step and every K.",
        _by_name(prop7_constant().bound.terms),
        "lower",
        "explicit",
        _own("constant of Prop. 7 for any number of machines", "prop7-any-machines"),
        problem_class="rank-one pair",
        conditions=(
            M_AT_LEAST_2,
            Condition("the hard angle", Eq(cosine, hard_cosine_any_machines())),
            STEP_BELOW_2,
        ),
        setting=Setting("local-sgd-any-outer-step", SHARED_OPTIMUM),
    )


@statement("prop7-tau")
def prop7_tau() -> Theorem:
    """Second-order heterogeneity alone does not make local steps help."""
    return _theorem(
        "prop7-tau",
        "Second-order heterogeneity alone leaves an error that local steps cannot remove",
        "Two rank-one blocks of curvature tau at the hard angle beside a shared coordinate of curvature L satisfy A3"
        " with tau and share an optimum, yet local gradient descent stays above tau B^2 / (108 R) for all inner and"
        " outer steps and all K.",
        {"optimization": prop7_constant().bound.expression.subs(L, tau)},
        "lower",
        "explicit",
        _own("workshop version of the paper, Sec. 4; the constant is ours", "prop7-tau"),
        problem_class="convex, L-smooth, second-order heterogeneity tau, shared optimum, no noise",
        conditions=(
            EVEN_WORKERS,
            HARD_ANGLE,
            Condition("the blocks are no steeper than the shared coordinate", Le(tau, L)),
        ),
        setting=Setting("local-sgd-any-outer-step", {**SHARED_OPTIMUM, "tau": tau, DISSIMILARITY_IN_BALL: 3 * tau * B}),
    )


def _by_name(terms: tuple[Term, ...]) -> dict[str, Expr]:
    return {term.name: term.expression for term in terms}


def _minibatch_terms() -> dict[str, Expr]:
    return {"optimization": dekel2012.optimization(), "statistical": dekel2012.statistical()}


@statement("start")
def start() -> Theorem:
    """The gap at the start."""
    return _theorem(
        "start",
        "The gap at the start",
        "The start is within L B^2 / 2 of the optimal value, so an algorithm whose steps may be as small as one likes"
        " has a choice of steps that does no worse; a lower bound for all steps cannot exceed this.",
        {"start": L * B**2 / 2},
        "upper",
        "explicit",
        _own("the other side of every lower bound", "start"),
        algorithm="any",
        problem_class="convex, L-smooth",
        iterate="the start",
        setting=Setting("no-step"),
    )


@statement("thm9")
def thm9() -> Theorem:
    """The lower bound of local SGD, as printed: for any step size."""
    return _theorem(
        "thm9",
        "Lower bound of local SGD under first-order assumptions, as printed",
        "For all K >= 2, R, M, L, B, sigma, zeta_star some instance keeps the last iterate of local SGD from 0 above"
        " this, for any step size. As printed it contradicts the upper bound of mini-batch SGD (erratum E1);"
        " thm9-vanilla and thm9-any-steps are what holds.",
        _by_name(koloskova2020.convex_terms()),
        "lower",
        "hidden",
        _read("Theorem 9"),
        problem_class=CONVEX,
        holds="in expectation",
        conditions=(K_AT_LEAST_2, A1),
        errata=(E1, E5_MINIMA, E7, E9),
        setting=Setting("local-sgd-any-outer-step", {"sigma": sigma, "zeta_star": zeta_star}),
    )


@statement("thm9-vanilla")
def thm9_vanilla() -> Theorem:
    """The lower bound of local SGD with plain averaging."""
    return _theorem(
        "thm9-vanilla",
        "Lower bound of local SGD with plain averaging",
        "Some instance keeps the last iterate of local SGD with plain averaging above this for every inner step;"
        " together with the matching upper bound it settles this class.",
        _by_name(koloskova2020.convex_terms()),
        "lower",
        "hidden",
        _read("Theorem 9, restricted to gamma = 1 (erratum E1) and to its domain (erratum E7)"),
        problem_class=CONVEX,
        holds="in expectation",
        conditions=(
            K_AT_LEAST_2,
            M_AT_LEAST_2,
            VANILLA,
            A1,
            NOISE_BELOW_START,
            NOISE_DRIFT_BELOW_START,
            DRIFT_BELOW_START,
        ),
        errata=(E1, E5_MINIMA, E7, E9),
        setting=Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star}),
    )


@statement("thm9-any-steps")
def thm9_any_steps() -> Theorem:
    """What Theorem 9 leaves for a free outer step."""
    return _theorem(
        "thm9-any-steps",
        "Lower bound of local SGD with free inner and outer steps",
        "Some instance keeps the last iterate of local SGD above this for every inner and every outer step.",
        _minibatch_terms(),
        "lower",
        "hidden",
        _read("Theorem 9, the part that holds for all step sizes (errata E1 and E7)"),
        problem_class=CONVEX,
        holds="in expectation",
        conditions=(K_AT_LEAST_2, M_AT_LEAST_2, A1, NOISE_BELOW_START),
        errata=(E1, E7, E9),
        setting=Setting("local-sgd-any-outer-step", {"sigma": sigma, "zeta_star": zeta_star}),
    )


@statement("thm11")
def thm11() -> Theorem:
    """The algorithm-independent lower bound."""
    return _theorem(
        "thm11",
        "Lower bound for every distributed zero-respecting algorithm",
        "For all K >= 2, R, M, L, B, sigma some instance, even with zeta_star = 0, keeps every distributed"
        " zero-respecting algorithm above this; accelerated mini-batch SGD attains it.",
        {"optimization": ghadimi2012.accelerated_optimization(), "statistical": dekel2012.statistical()},
        "lower",
        "hidden",
        _read("Theorem 11, Lemma 24"),
        algorithm="distributed zero-respecting",
        problem_class=CONVEX,
        iterate="any output",
        holds="in expectation",
        conditions=(K_AT_LEAST_2, M_AT_LEAST_2, A1, NOISE_BELOW_START),
        errata=(E5_CHAIN, E7, E9),
        setting=Setting("zero-respecting", {"sigma": sigma, "zeta_star": 0}),
    )


def chain_ratio() -> Expr:
    """The ratio q of the chain whose optimum is proportional to (q, q^2, q^3, ...): q = max(1/2, 1 - 1/R)."""
    return Max(Rational(1, 2), 1 - 1 / R)


@statement("thm11-exact")
def thm11_exact() -> Theorem:
    """The smallest suboptimality on the chain within R coordinates, exactly."""
    q = chain_ratio()
    resistance = (1 - q ** (2 * R)) / (1 - q**2) + q ** (2 * R) / (1 + q**2)
    return _theorem(
        "thm11-exact",
        "Smallest suboptimality that R rounds allow on the chain split by parity",
        "On the chain split by parity with q = max(1/2, 1 - 1/R), in any dimension above R, this is the exact minimum"
        " of F over points supported on the first R coordinates, where every output of a distributed zero-respecting"
        " algorithm lies after R rounds.",
        {"optimization": L * B**2 / 8 * (1 - q**2) * q ** (2 * R) / resistance},
        "lower",
        "explicit",
        _own("exact value for the instance of Theorem 11", "thm11"),
        algorithm="distributed zero-respecting",
        problem_class="chain split by parity",
        iterate="any output",
        conditions=(EVEN_WORKERS,),
        setting=Setting("zero-respecting", SHARED_OPTIMUM),
    )


@statement("thm11-constant")
def thm11_constant() -> Theorem:
    """The noiseless algorithm-independent lower bound with the constant 1/128."""
    return _theorem(
        "thm11-constant",
        "Lower bound for every distributed zero-respecting algorithm, with an explicit constant",
        "On the chain split by parity, whose machines share their optimum, every distributed zero-respecting"
        " algorithm stays above L B^2 / (128 R^2) after R rounds, whatever K.",
        {"optimization": L * B**2 / (128 * R**2)},
        "lower",
        "explicit",
        _own("constant of Theorem 11, noiseless part", "thm11"),
        algorithm="distributed zero-respecting",
        problem_class="chain split by parity",
        iterate="any output",
        conditions=(EVEN_WORKERS,),
        setting=Setting("zero-respecting", SHARED_OPTIMUM),
    )


@statement("prop25")
def prop25() -> Theorem:
    """Heterogeneity at the optimum bounds the movement at the optimum."""
    return _theorem(
        "prop25",
        "First-order heterogeneity at the optimum bounds the movement at the optimum",
        "A1 implies A6: K exact local steps from the optimum move the average by at most K eta times this. With"
        " zeta_star = 0 nothing moves, so prop7 and thm11 hold under A6 too.",
        {"heterogeneity": zeta_star * ((1 + eta * L) ** (K - 1) - 1)},
        "upper",
        "explicit",
        _read("Prop. 25, Remark 10"),
        measure="movement",
        problem_class=CONVEX,
        iterate="one round from the optimum",
        conditions=(A1,),
    )


@statement("prop25-convex")
def prop25_convex() -> Theorem:
    """The movement at the optimum of convex machines grows only linearly in K."""
    return _theorem(
        "prop25-convex",
        "Movement at the optimum of convex machines",
        "For convex machines and eta <= 2/L local steps do not expand distances, so the growth in K of prop25 is"
        " linear instead of exponential.",
        {"heterogeneity": zeta_mean * eta * L * (K - 1) / 2},
        "upper",
        "explicit",
        _own("sharpens Prop. 25 for convex machines", "prop25"),
        measure="movement",
        problem_class=CONVEX,
        iterate="one round from the optimum",
        conditions=(Condition("inner step at most 2/L", Le(eta * L, 2)),),
    )


@statement("prop25-quadratics")
def prop25_quadratics() -> Theorem:
    """The movement at the optimum of quadratic machines."""
    return _theorem(
        "prop25-quadratics",
        "Movement at the optimum of quadratic machines",
        "For quadratic machines under A7 the movement at the optimum is at most this; the printed display lacks the"
        " smoothness in the denominator and so does not have the unit of a gradient.",
        {"heterogeneity": zeta_opt * (1 - remaining_fraction(eta, L)) / (eta * K * L)},
        "upper",
        "explicit",
        Provenance("re-derived", "display of App. C.1, with the smoothness restored", f"{PROOFS}#prop25"),
        measure="movement",
        iterate="one round from the optimum",
        conditions=(STEP_AT_MOST_INVERSE_L, A7),
        errata=(
            Erratum(
                "units",
                "The printed bound (1 - (1 - eta H)^K) zeta / (eta K) lacks a factor 1/H.",
                "Its unit is a gradient times a curvature; A7 bounds distances of optima by zeta/H.",
            ),
        ),
    )


# Second- and third-order assumptions


@statement("prop13")
def prop13() -> Theorem:
    """First-order heterogeneity on a ball, as printed."""
    return _theorem(
        "prop13",
        "Dissimilarity on a ball from heterogeneity at the optimum, as printed",
        "A1 and A3 bound the dissimilarity of every machine on the ball of radius D about the start. As printed it"
        " fails for three machines or more (erratum E2); prop13-mean and prop13-worst are what holds.",
        {"at the optimum": zeta_star, "curvature": tau * D},
        "upper",
        "explicit",
        _read("Prop. 13"),
        measure="dissimilarity",
        problem_class=CONVEX,
        iterate="any point of the ball",
        conditions=(A1, A3),
        errata=(E2,),
    )


@statement("prop13-mean")
def prop13_mean() -> Theorem:
    """First-order heterogeneity on a ball, root mean square."""
    return _theorem(
        "prop13-mean",
        "Root-mean-square dissimilarity on a ball from heterogeneity at the optimum",
        "A1 and A3 bound the root mean square dissimilarity at distance at most D from the start; more precisely by"
        " zeta_star + tau |x - x*|.",
        {"at the optimum": zeta_star, "curvature": tau * (D + B)},
        "upper",
        "explicit",
        _own("Prop. 13 corrected (erratum E2)", "prop13"),
        measure="rms-dissimilarity",
        problem_class=CONVEX,
        iterate="any point of the ball",
        conditions=(A1, A3),
        errata=(E2,),
    )


@statement("prop13-worst")
def prop13_worst() -> Theorem:
    """First-order heterogeneity on a ball, worst machine."""
    return _theorem(
        "prop13-worst",
        "Dissimilarity of the worst machine on a ball from heterogeneity at the optimum",
        "A1 and A3 bound the dissimilarity of every machine at distance at most D from the start; the factor"
        " sqrt(M - 1) is attained.",
        {"at the optimum": sqrt(M - 1) * zeta_star, "curvature": tau * (D + B)},
        "upper",
        "explicit",
        _own("Prop. 13 corrected (erratum E2)", "prop13"),
        measure="dissimilarity",
        problem_class=CONVEX,
        iterate="any point of the ball",
        conditions=(M_AT_LEAST_2, A1, A3),
        errata=(E2,),
    )


def _drift_terms(prefix: str, heterogeneity: Expr) -> dict[str, Expr]:
    """The two drift terms of Theorem 15 for a first-order heterogeneity."""
    return {
        f"{prefix} drift": (tau * heterogeneity * B**3) ** Rational(1, 2) / sqrt(R),
        f"third-order {prefix}": (Q * heterogeneity**2 * B**5) ** Rational(1, 3) / R ** Rational(2, 3),
    }


def _thm15_common_terms() -> dict[str, Expr]:
    return {
        "optimization": woodworth2020a.local_optimization(),
        "statistical": dekel2012.statistical(),
        "noise drift": (tau * sigma * B**3) ** Rational(1, 2) / (K ** Rational(1, 4) * sqrt(R)),
        "third-order noise": yuan2020.third_order_noise(),
    }


@statement("thm15")
def thm15() -> Theorem:
    """Convex machines with second- and third-order assumptions, uniform heterogeneity on the ball."""
    return _theorem(
        "thm15",
        "Local SGD with second-order heterogeneity, convex",
        "With plain averaging and a suitable fixed inner step, up to logarithms, for machines whose dissimilarity on"
        " the ball of radius D about 0 is at most zeta. This is version I, the one of Table 2.",
        {**_thm15_common_terms(), **_drift_terms("heterogeneity", zeta)},
        "upper",
        "hidden with logs",
        _read("Theorem 15, version I"),
        problem_class=HIGHER_ORDER,
        iterate=UNIFORM_AVERAGE,
        holds="in expectation",
        conditions=(VANILLA, STEP_AT_MOST_HALF, A2, A3, IN_BALL),
        errata=(E3, E6),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, DISSIMILARITY_IN_BALL: zeta, "D": D}),
    )


@statement("thm15-zeta-star")
def thm15_zeta_star() -> Theorem:
    """Convex machines with second- and third-order assumptions, heterogeneity at the optimum."""
    return _theorem(
        "thm15-zeta-star",
        "Local SGD with second-order heterogeneity, convex, heterogeneity at the optimum only",
        "With plain averaging and a suitable fixed inner step, up to logarithms, for machines with heterogeneity"
        " zeta_star at the optimum: version II, which is version I with zeta <= zeta_star + tau D split up.",
        {
            **_thm15_common_terms(),
            **_drift_terms("heterogeneity", zeta_star),
            **_drift_terms("curvature", tau * D),
        },
        "upper",
        "hidden with logs",
        _read("Theorem 15, version II"),
        problem_class=HIGHER_ORDER,
        iterate=UNIFORM_AVERAGE,
        holds="in expectation",
        conditions=(
            VANILLA,
            STEP_AT_MOST_HALF,
            A1,
            A3,
            IN_BALL,
            Condition("the ball reaches as far as the optimum (then D + B has the order of D)", Ge(D, B)),
        ),
        errata=(E2, E3, E6),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, "zeta_star": zeta_star, "D": D}),
    )


def _largest_heterogeneity(term: Expr) -> Expr:
    """The largest zeta for which the term, a power law in zeta, is at most the accuracy."""
    power = monomial(term).exponents["zeta"]
    return Pow(eps / term.subs(zeta, 1), 1 / power)


@statement("eq10-old")
def eq10_old() -> Theorem:
    """How much heterogeneity the first-order theory tolerates."""
    return _theorem(
        "eq10-old",
        "Heterogeneity tolerated by the first-order theory",
        "For large K, local SGD reaches the accuracy eps in R rounds if zeta is at most of this order, by the bound"
        " that uses smoothness only.",
        {"tolerance": _largest_heterogeneity(koloskova2020.heterogeneity_drift(zeta))},
        "upper",
        "hidden",
        _read("comparison (10)"),
        measure="tolerance",
        problem_class="convex, L-smooth, uniform heterogeneity zeta",
        iterate=UNIFORM_AVERAGE,
        holds="in expectation",
        conditions=(VANILLA, A2),
    )


@statement("eq10-new")
def eq10_new() -> Theorem:
    """How much heterogeneity the second- and third-order theory tolerates."""
    drifts = _drift_terms("heterogeneity", zeta).values()
    return _theorem(
        "eq10-new",
        "Heterogeneity tolerated by the theory with second- and third-order assumptions",
        "For large K, local SGD reaches the accuracy eps in R rounds if zeta is at most of this order, by thm15.",
        {"tolerance": Min(*(_largest_heterogeneity(term) for term in drifts))},
        "upper",
        "hidden with logs",
        _read("comparison (10)"),
        measure="tolerance",
        problem_class=HIGHER_ORDER,
        iterate=UNIFORM_AVERAGE,
        holds="in expectation",
        conditions=(VANILLA, A2, A3, IN_BALL),
        errata=(E6,),
    )


@statement("remark18")
def remark18() -> Theorem:
    """Mini-batch SGD gains nothing from similar machines."""
    return _theorem(
        "remark18",
        "Mini-batch SGD cannot gain from equal machines",
        "Even on equal quadratic machines (zeta_star = tau = Q = 0) mini-batch SGD with any step stays above this;"
        " it is conjectured (Conjecture 17) that local SGD gains when tau, Q B, sigma and zeta_star are small.",
        _minibatch_terms(),
        "lower",
        "hidden",
        _read("Remark 18"),
        algorithm="minibatch-sgd",
        problem_class="equal convex quadratic machines",
        holds="in expectation",
        conditions=(NOISE_BELOW_START,),
        setting=Setting("minibatch-sgd", {"sigma": sigma, "zeta": 0, "Q": 0}),
    )


@statement("lemma36")
def lemma36() -> Theorem:
    """The consensus error within a round."""
    return _theorem(
        "lemma36",
        "Consensus error of local SGD",
        "With plain averaging the iterates of the machines stay this close to their average at every step.",
        {"noise": 3 * K * sigma**2 * eta**2, "heterogeneity": 6 * K**2 * eta**2 * zeta**2},
        "upper",
        "explicit",
        _read("Lemma 36, there quoted from Woodworth et al. (2020b)"),
        measure="consensus-error",
        problem_class="convex, L-smooth, uniform heterogeneity zeta",
        iterate="every step",
        holds="in expectation",
        conditions=(VANILLA, STEP_AT_MOST_HALF, A2),
    )


def thm27_logarithm() -> Expr:
    """The logarithm in the step size of Theorem 27: ln max{2, A^2 T^2 r_0 / C}, A = mu/2, C = sigma^2/M, T = K R."""
    return log(Max(2, mu**2 * K**2 * R**2 * B**2 * M / (4 * sigma**2)))


def _thm27_log_step() -> Expr:
    return 2 * thm27_logarithm() / (mu * K * R)


def _thm27_steps() -> dict[str, Expr]:
    return {"eta": Min(1 / (2 * L), _thm27_log_step()), "gamma": Integer(1)}


def thm27_recursion() -> Mapping[str, Expr]:
    """The coefficients of one step in the proof of Theorem 27, with Xi the consensus error:

    E|x_{t+1} - x*|^2 <= (1 - rate eta) |x_t - x*|^2 - eta (F(x_t) - F*)
                         + eta (consensus Xi + squared consensus Xi^2 + noise eta).
    """
    return {
        "rate": mu / 2,
        "consensus": 8 * tau**2 / mu,
        "squared consensus": 2 * Q**2 / mu,
        "noise": sigma**2 / M,
    }


def _thm27_step_terms() -> dict[str, Expr]:
    """The bound of the proof of Theorem 27 at a fixed step: drift terms from Lemma 36 put into the recursion."""
    rate, second_order, third_order = (thm27_recursion()[name] for name in ("rate", "consensus", "squared consensus"))
    noise, heterogeneity = (term.expression for term in lemma36().bound.terms)
    return {
        "optimization": rate * B**2 / (Pow(1 - rate * eta, -K * R) - 1),
        "statistical": eta * thm27_recursion()["noise"],
        "noise drift": second_order * noise,
        "heterogeneity drift": second_order * heterogeneity,
        "third-order noise": third_order * 2 * noise**2,
        "third-order heterogeneity": third_order * 2 * heterogeneity**2,
    }


@statement("thm27")
def thm27() -> Theorem:
    """Strongly convex machines with second- and third-order assumptions."""
    equal_machines = _by_name(yuan2020.strongly_convex_terms())
    return _theorem(
        "thm27",
        "Local SGD with second-order heterogeneity, strongly convex",
        "With gamma = 1, a prescribed fixed inner step and geometrically weighted averaging of the iterates,"
        " up to logarithms; for equal quadratic machines only the first two terms remain.",
        {
            "optimization": equal_machines["optimization"],
            "statistical": equal_machines["statistical"],
            "noise drift": tau**2 * sigma**2 / (mu**3 * K * R**2),
            "heterogeneity drift": tau**2 * zeta**2 / (mu**3 * R**2),
            "third-order noise": equal_machines["third-order noise"],
            "third-order heterogeneity": Q**2 * zeta**4 / (mu**5 * R**4),
        },
        "upper",
        "hidden with logs",
        _read("Theorem 27"),
        problem_class=STRONGLY_CONVEX_HIGHER_ORDER,
        iterate=WEIGHTED_AVERAGE,
        holds="in expectation",
        conditions=(VANILLA, STEP_AT_MOST_HALF),
        steps=_thm27_steps(),
        errata=(E3, E8_WEIGHTED),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, "zeta": zeta, "mu": mu}),
    )


@statement("thm27-step")
def thm27_step() -> Theorem:
    """Theorem 27 at a fixed step, with the constants of its proof."""
    return _theorem(
        "thm27-step",
        "Local SGD with second-order heterogeneity, strongly convex, at a fixed step",
        "The recursion in the proof of thm27, summed with geometric weights at any fixed step eta <= 1/(2L), with its"
        " constants and before the step is chosen.",
        _thm27_step_terms(),
        "upper",
        "explicit",
        Provenance("re-derived", "proof of Theorem 27, Lemmas 36 and 37", f"{PROOFS}#thm27"),
        problem_class=STRONGLY_CONVEX_HIGHER_ORDER,
        iterate=WEIGHTED_AVERAGE,
        holds="in expectation",
        conditions=(VANILLA, STEP_AT_MOST_HALF, A2, A3, NO_NOISE_OR_NO_Q),
        errata=(E3,),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, "zeta": zeta, "mu": mu}),
    )


@statement("thm27-explicit")
def thm27_explicit() -> Theorem:
    """Theorem 27 at its prescribed step, with constants and logarithm."""
    at_log_step = {name: term.subs(eta, _thm27_log_step()) for name, term in _thm27_step_terms().items()}
    return _theorem(
        "thm27-explicit",
        "Local SGD with second-order heterogeneity, strongly convex, with constants and logarithms",
        "thm27-step at the step that thm27 prescribes.",
        {
            **at_log_step,
            "optimization": 2 * L * B**2 * exp(-mu * K * R / (4 * L)),
            "statistical": 2 * sigma**2 / (mu * M * K * R) * (thm27_logarithm() + 2 / (K * R)),
        },
        "upper",
        "explicit",
        Provenance("re-derived", "proof of Theorem 27, Lemma 37", f"{PROOFS}#thm27"),
        problem_class=STRONGLY_CONVEX_HIGHER_ORDER,
        iterate=WEIGHTED_AVERAGE,
        holds="in expectation",
        conditions=(VANILLA, A2, A3, NO_NOISE_OR_NO_Q),
        steps=_thm27_steps(),
        errata=(E3,),
        setting=Setting("local-sgd", {**HIGHER_ORDER_CLASS, "zeta": zeta, "mu": mu}),
    )


@statement("thm27-equal-quadratics")
def thm27_equal_quadratics() -> Theorem:
    """Theorem 27 for equal quadratic machines, with the constants of its step-size lemma."""
    return _theorem(
        "thm27-equal-quadratics",
        "Theorem 27 for machines with equal Hessians, with constants and logarithm",
        "For quadratic machines with one common Hessian (tau = Q = 0) the recursion in the proof gives, at a fixed"
        " step eta <= 1/(2L), r_0 A / ((1 - A eta)^(-K R) - 1) + eta sigma^2 / M with A = mu/2.",
        {name: _thm27_step_terms()[name] for name in ("optimization", "statistical")},
        "upper",
        "explicit",
        Provenance("re-derived", "proof of Theorem 27 and Lemma 37", f"{PROOFS}#thm27"),
        problem_class="strongly convex quadratics with equal Hessians",
        iterate=WEIGHTED_AVERAGE,
        holds="in expectation",
        conditions=(VANILLA, STEP_AT_MOST_HALF),
        steps=_thm27_steps(),
        setting=Setting("local-sgd", {"sigma": sigma, "tau": 0, "Q": 0, "mu": mu}),
    )


# The fixed point of local gradient descent on strongly convex quadratics


@statement("prop19")
def prop19() -> Theorem:
    """The fixed point of local gradient descent on quadratics."""
    return _theorem(
        "prop19",
        "The fixed point of local gradient descent",
        "On F_m(x) = (x - x_m)' A_m (x - x_m) / 2 one round is x -> x_inf + (I - gamma C)(x - x_inf) with"
        " C_m = I - (I - eta A_m)^K, C = mean C_m and x_inf = C^{-1} mean C_m x_m, independent of gamma."
        " The expression is the eigenvalue of C_m that belongs to the eigenvalue `curvature` of A_m.",
        {"round contraction": 1 - remaining_fraction(eta, curvature)},
        "exact",
        "explicit",
        _read("Prop. 19"),
        measure="contraction",
        iterate="every round",
        errata=(
            Erratum(
                "E5",
                "In App. E.2 the recursion C_m := I - (I - eta C_m)^K should have A_m inside the power.",
                "C_m is defined by the K local steps, which use A_m.",
            ),
        ),
    )


@statement("prop19-contraction")
def prop19_contraction() -> Theorem:
    """How fast a round approaches the fixed point."""
    slowest, fastest = (1 - remaining_fraction(eta, eigenvalue) for eigenvalue in (mu, L))
    return _theorem(
        "prop19-contraction",
        "Contraction of one round towards the fixed point",
        "One round contracts the distance to the fixed point by at most this factor; it is below 1 for every outer"
        " step below 2/(1 - (1 - eta L)^K), twice the range that the paper gives.",
        {"contraction": Max(1 - gamma * slowest, gamma * fastest - 1)},
        "upper",
        "explicit",
        _own("sharp range of the outer step in Prop. 19", "prop19"),
        measure="contraction",
        iterate="every round",
        conditions=(STEP_AT_MOST_INVERSE_L,),
    )


@statement("prop21-optima")
def prop21_optima() -> Theorem:
    """How far the optimum is from the mean of the machines' optima."""
    return _theorem(
        "prop21-optima",
        "Distance of the optimum from the mean of the machines' optima",
        "The optimum of the average lies within zeta_opt tau / (L mu) of the average of the optima.",
        {"heterogeneity": zeta_opt * tau / (L * mu)},
        "upper",
        "explicit",
        _read("Prop. 21, first part"),
        measure="optimum-to-mean",
        iterate="optimum",
        conditions=(A3, A7),
    )


@statement("prop21")
def prop21() -> Theorem:
    """How far the fixed point is from the mean of the machines' optima."""
    return _theorem(
        "prop21",
        "Distance of the fixed point from the mean of the machines' optima",
        "As K grows at fixed eta the fixed point moves from the optimum to the average of the machines' optima.",
        {"heterogeneity": zeta_opt * tau / (L * mu) * (1 - phi(eta * mu))},
        "upper",
        "explicit",
        _read("Prop. 21, second part"),
        measure="fixed-point-to-mean",
        iterate="fixed point",
        conditions=(Condition("more than one local step", Ge(K, 2)), STEP_AT_MOST_INVERSE_L, A3, A7),
    )


@statement("discrepancy")
def discrepancy() -> Theorem:
    """The sharp bound on the fixed-point discrepancy."""
    return _theorem(
        "discrepancy",
        "Sharp bound on the distance of the fixed point from the optimum",
        "The fixed point lies within zeta_1 tau_bar / mu^2 * phi_K(eta mu) of the optimum; the bound vanishes at"
        " K = 1 and as eta -> 0, and is attained in the limit.",
        {"heterogeneity": zeta_mean * tau_mean / mu**2 * phi(eta * mu)},
        "upper",
        "explicit",
        _own("sharpens Prop. 21", "discrepancy"),
        measure="discrepancy",
        iterate="fixed point",
        conditions=(STEP_AT_MOST_INVERSE_L,),
    )


@statement("discrepancy-small-step")
def discrepancy_small_step() -> Theorem:
    """The first-order law of the fixed-point discrepancy."""
    q = eta * mu
    return _theorem(
        "discrepancy-small-step",
        "The fixed-point discrepancy grows at most linearly in eta (K - 1)",
        "phi_K(q) <= (K - 1) q / (2 - q), so the discrepancy is at most first order in eta (K - 1).",
        {"heterogeneity": zeta_mean * tau_mean / mu**2 * (K - 1) * q / (2 - q)},
        "upper",
        "explicit",
        _own("first order of the sharp bound", "discrepancy"),
        measure="discrepancy",
        iterate="fixed point",
        conditions=(STEP_AT_MOST_INVERSE_L,),
    )


@statement("discrepancy-triangle")
def discrepancy_triangle() -> Theorem:
    """The discrepancy by way of the mean of the machines' optima."""
    legs = prop21_optima().bound.expression + prop21().bound.expression
    return _theorem(
        "discrepancy-triangle",
        "Distance of the fixed point from the optimum by way of the mean of the optima",
        "Both parts of prop21 together give zeta_opt tau / (L mu) * (2 - phi_K(eta mu)). It does not vanish as"
        " eta -> 0, but has L in place of one mu: take the smaller of this and the sharp bound.",
        {"heterogeneity": legs.factor(zeta_opt, tau)},
        "upper",
        "explicit",
        _own("Prop. 21 and the triangle inequality", "discrepancy-triangle"),
        measure="discrepancy",
        iterate="fixed point",
        conditions=(STEP_AT_MOST_INVERSE_L, A3, A7),
    )


def _start_distance() -> Expr:
    """The start distance B with the correction E4: under A7 the mean norm of the machines' optima."""
    return B + zeta_opt / L


def _worst_aspect() -> Expr:
    """The largest ratio of two eigenvalues of C: (1 - (1 - eta L)^K) / (1 - (1 - eta mu)^K), at most L/mu."""
    return (1 - remaining_fraction(eta, L)) / (1 - remaining_fraction(eta, mu))


@statement("thm22")
def thm22() -> Theorem:
    """Linear convergence to a neighbourhood of the optimum, as published (start distance corrected)."""
    return _theorem(
        "thm22",
        "Local gradient descent converges linearly to a floor",
        "With gamma = 1 and eta = 1/(2L), the distance to the optimum decays like exp(-K R mu / L) down to a"
        " floor of order zeta_opt tau / (L mu).",
        {
            "optimization": exp(-K * R * mu / L) * _worst_aspect().subs(eta, 1 / (2 * L)) * _start_distance(),
            "floor": zeta_opt * tau / (L * mu),
        },
        "upper",
        "hidden",
        _read("Theorem 22, with B replaced by B + zeta_opt/L (erratum E4)"),
        measure="distance",
        conditions=(VANILLA, Condition("inner step 1/(2L)", Eq(eta * L, Rational(1, 2))), A3, A7),
        steps={"eta": 1 / (2 * L), "gamma": Integer(1)},
        errata=(E4, E8),
    )


@statement("thm22-explicit")
def thm22_explicit() -> Theorem:
    """Linear convergence to the fixed point with its constant."""
    return _theorem(
        "thm22-explicit",
        "Local gradient descent converges linearly to its fixed point",
        "With gamma = 1, the distance to the fixed point after R rounds from 0 is at most"
        " (1 - eta mu)^(K R) times a factor of at most L/mu times the start distance.",
        {"optimization": Pow(1 - eta * mu, K * R) * _worst_aspect() * _start_distance()},
        "upper",
        "explicit",
        _read("proof of Theorem 22, with B replaced by B + zeta_opt/L (erratum E4)"),
        measure="distance-to-fixed-point",
        conditions=(VANILLA, STEP_AT_MOST_INVERSE_L, A7),
        steps={"gamma": Integer(1)},
        errata=(E4,),
    )


@statement("thm22-outer-step")
def thm22_outer_step() -> Theorem:
    """Linear convergence to the fixed point with an outer step."""
    slowest, fastest = (1 - remaining_fraction(eta, eigenvalue) for eigenvalue in (mu, L))
    return _theorem(
        "thm22-outer-step",
        "Local gradient descent with an outer step converges linearly to its fixed point",
        "For every outer step up to 1/(1 - (1 - eta L)^K); at that step the factor per round is one minus the"
        " smallest over the largest eigenvalue of C.",
        {"optimization": Pow(1 - gamma * slowest, R) * _worst_aspect() * _start_distance()},
        "upper",
        "explicit",
        _read("proof of Theorem 22, general outer step, with B replaced by B + zeta_opt/L (erratum E4)"),
        measure="distance-to-fixed-point",
        conditions=(
            STEP_AT_MOST_INVERSE_L,
            Condition("outer step at most 1/(1 - (1 - eta L)^K)", Le(gamma * fastest, 1)),
            A7,
        ),
        errata=(E4,),
    )


@statement("thm22-constant")
def thm22_constant() -> Theorem:
    """Linear convergence to a neighbourhood of the optimum, all constants explicit."""
    sharp = discrepancy().bound.expression.subs({zeta_mean: zeta_opt, tau_mean: tau})
    return _theorem(
        "thm22-constant",
        "Local gradient descent converges linearly to a floor, with all constants",
        "With gamma = 1 and any eta <= 1/L: the distance to the fixed point plus the smaller of the two bounds on"
        " the fixed point's distance from the optimum.",
        {
            "optimization": thm22_explicit().bound.expression,
            "floor": Min(sharp, discrepancy_triangle().bound.expression),
        },
        "upper",
        "explicit",
        _own("Theorem 22 with constants and with the sharp floor", "thm22"),
        measure="distance",
        conditions=(VANILLA, STEP_AT_MOST_INVERSE_L, A3, A7),
        steps={"gamma": Integer(1)},
    )


@statement("two-stage")
def two_stage() -> Theorem:
    """Rounds of local gradient descent followed by gradient descent."""
    kappa, floor = L / mu, prop21_optima().bound.expression
    enough_local_steps = -log(2) / log(1 - 1 / (2 * kappa))
    return _theorem(
        "two-stage",
        "Rounds of local gradient descent followed by gradient descent",
        "Local gradient descent runs until it reaches its floor zeta_opt tau / (L mu), gradient descent continues"
        " from there to distance eps: this many rounds in all, up to constants.",
        {"local stage": kappa / K * log(B / floor), "gradient stage": kappa * log(floor / eps)},
        "upper",
        "hidden",
        _read("App. E.6, with B moved into the numerator"),
        measure="rounds",
        units={"eps": LENGTH},
        algorithm="two-stage",
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
                "The printed logarithms have B in the denominator.",
                "The first stage ends when B exp(-K R_1 / kappa) equals the floor; as printed the argument of the"
                " logarithm is not a pure number.",
            ),
        ),
    )


def covariate_shift() -> Expr:
    """How far apart the Hessians of two linear regressions are, at most (Sec. 5.1).

    With covariates of means a, b and covariances S, T the Hessians are a a' + S and b b' + T, which differ by at most
    (|a| + |b|) |a - b| + |S - T|.
    """
    first, second, shift, spread = symbols("mean_1 mean_2 mean_shift covariance_shift", nonnegative=True)
    return (first + second) * shift + spread


# Explicit hard functions


def _two_quadratics_fixed_point() -> Expr:
    """The fixed point on the two quadratics a_i x^2/2 +- zeta x with a = L, L - tau."""
    steep, flat = L, L - tau
    gain_steep, gain_flat = (1 - remaining_fraction(eta, a) for a in (steep, flat))
    return zeta_star * (gain_flat / flat - gain_steep / steep) / (gain_steep + gain_flat)


def _two_quadratics_position() -> Expr:
    gain = sum((1 - remaining_fraction(eta, a) for a in (L, L - tau)), Integer(0)) / 2
    return (1 - Pow(1 - gamma * gain, R)) * _two_quadratics_fixed_point()


TWO_QUADRATICS = "two quadratics in one dimension, no noise"
BELOW_L = Condition("both curvatures are positive", Lt(tau, L))


@statement("two-quadratics")
def two_quadratics() -> Theorem:
    """Where local gradient descent ends on two quadratics, exactly."""
    return _theorem(
        "two-quadratics",
        "Bias of local gradient descent on two quadratics, in closed form",
        "Two machines a_i x^2 / 2 +- zeta_star x with curvatures L and L - tau, optimum 0, started there: this is"
        " exactly where R rounds of local gradient descent end.",
        {"bias": _two_quadratics_position()},
        "exact",
        "explicit",
        _own("heterogeneity instance in closed form", "two-quadratics"),
        measure="distance",
        problem_class=TWO_QUADRATICS,
        conditions=(STEP_AT_MOST_INVERSE_L, BELOW_L),
    )


@statement("two-quadratics-discrepancy")
def two_quadratics_discrepancy() -> Theorem:
    """The sharp discrepancy bound has a lower bound of the same form."""
    return _theorem(
        "two-quadratics-discrepancy",
        "The fixed point of two quadratics is off the optimum by phi_K(eta L)",
        "On the two quadratics the fixed point is at least zeta_star tau phi_K(eta L) / (2 L^2) away from the optimum,"
        " and phi_K(q) >= q (K - 1) / (2 + q (K - 1)).",
        {"heterogeneity": zeta_star * tau / (2 * L**2) * phi(eta * L)},
        "lower",
        "explicit",
        _own("counterpart of the sharp discrepancy bound", "two-quadratics"),
        measure="discrepancy",
        problem_class=TWO_QUADRATICS,
        iterate="fixed point",
        conditions=(STEP_AT_MOST_INVERSE_L, BELOW_L),
    )


@statement("two-quadratics-gap")
def two_quadratics_gap() -> Theorem:
    """Two quadratics beside a slow coordinate, exactly."""
    return _theorem(
        "two-quadratics-gap",
        "Suboptimality on two quadratics beside a slow coordinate, in closed form",
        "The two quadratics beside a shared slow coordinate mu (y - B)^2 / 2: small inner steps leave the slow"
        " coordinate behind, large ones pay for the bias. The value is exact.",
        {
            "slow coordinate": mu * B**2 / 2 * Pow(1 - gamma * (1 - remaining_fraction(eta, mu)), 2 * R),
            "bias": (L - tau / 2) / 2 * _two_quadratics_position() ** 2,
        },
        "exact",
        "explicit",
        _own("heterogeneity instance in closed form", "two-quadratics"),
        problem_class="two quadratics beside a slow coordinate, no noise",
        conditions=(STEP_AT_MOST_INVERSE_L, BELOW_L),
    )


def slow_curvature() -> Expr:
    """The curvature of the slow coordinate that balances bias and slowness: mu^3 = zeta_star^2 tau^2 / (L B^2 R^2)."""
    return (zeta_star**2 * tau**2 / (L * B**2 * R**2)) ** Rational(1, 3)


@statement("two-quadratics-floor")
def two_quadratics_floor() -> Theorem:
    """The drift floor of plain averaging on quadratics."""
    drift = (tau**2 * zeta_star**2 * B**4 / L) ** Rational(1, 3) / R ** Rational(2, 3)
    return _theorem(
        "two-quadratics-floor",
        "Plain averaging cannot beat the heterogeneity drift on two quadratics",
        "Two quadratics beside a slow coordinate with mu^3 = zeta_star^2 tau^2 / (L B^2 R^2): local gradient descent"
        " with plain averaging stays above this for every inner step up to 1/L and every K >= 2. The constant 1/5000"
        " is proved; numerical searches stayed above 0.018 times the minimum.",
        {"heterogeneity drift": Min(tau**2 * zeta_star**2 / L**3, drift) / 5000},
        "lower",
        "explicit",
        _own("heterogeneity term of Theorem 9 on quadratics, with a constant", "two-quadratics"),
        problem_class="two quadratics beside a slow coordinate, no noise",
        conditions=(
            EVEN_WORKERS,
            K_AT_LEAST_2,
            VANILLA,
            STEP_AT_MOST_INVERSE_L,
            BELOW_L,
            Condition("the slow coordinate is no steeper than L", Le(zeta_star * tau, L**2 * B * R)),
        ),
        setting=Setting(
            "local-sgd",
            {
                "sigma": 0,
                "zeta_star": zeta_star,
                "tau": tau,
                "Q": 0,
                "D": D,
                DISSIMILARITY_IN_BALL: zeta_star + tau * D,
            },
        ),
    )


@statement("piecewise-drift")
def piecewise_drift() -> Theorem:
    """The drift of a round on the asymmetric piecewise quadratic, exactly."""
    moved_steep, moved_flat = ((1 - remaining_fraction(eta, a)) / a for a in (L, L / 2))
    return _theorem(
        "piecewise-drift",
        "Drift of one round on a piecewise quadratic with opposite slopes",
        "psi(x) = (L/2) x^2 for x > 0 and (L/4) x^2 for x < 0; the two machines psi +- zeta_star x have the optimum 0."
        " One round from there moves the average by exactly this, downwards, for eta <= 1/L.",
        {"drift": gamma * zeta_star / 2 * (moved_flat - moved_steep)},
        "exact",
        "explicit",
        _own("heterogeneity instance with a kink in the curvature", "drift"),
        measure="drift",
        problem_class="piecewise quadratic pair, no noise",
        iterate="one round from the optimum",
        conditions=(STEP_AT_MOST_INVERSE_L,),
    )


@statement("noise-drift")
def noise_drift() -> Theorem:
    """The drift of a round that Gaussian noise causes on an asymmetric piecewise quadratic."""
    leading = Rational(2, 3) * (K - 1) ** Rational(3, 2) / sqrt(2 * pi)
    correction = Rational(8, 15) * eta * L * K ** Rational(5, 2)
    return _theorem(
        "noise-drift",
        "Drift of one round that noise causes where the curvature is asymmetric",
        "Equal machines psi(x) + z x with psi as in piecewise-drift and z normal with deviation sigma: one round from"
        " the optimum moves the mean by at least this, downwards, and averaging over machines does not reduce it.",
        {"drift": gamma * eta**2 * L * sigma / 2 * (leading - correction)},
        "lower",
        "explicit",
        _own("noise instance with a kink in the curvature", "drift"),
        measure="drift",
        problem_class="piecewise quadratic with Gaussian noise, equal machines",
        iterate="one round from the optimum",
        holds="in expectation",
        conditions=(STEP_AT_MOST_INVERSE_L,),
    )


def implications() -> Iterator[Implication]:
    """Restatements, special values of heterogeneity and steps, and the tolerance that Theorem 15 gives."""
    yield Specialization("patel2024/thm9-vanilla", "koloskova2020/convex", "=")
    yield Specialization("patel2024/thm9-any-steps", "dekel2012/convex", "=")
    yield Specialization("patel2024/thm11", "ghadimi2012/convex", "=")
    yield Specialization("patel2024/remark18", "dekel2012/convex", "=")
    yield Specialization("patel2024/prop7-constant", "patel2024/prop7", "~")
    yield Specialization("patel2024/prop7-constant", "patel2024/prop7-tau", "=", {"L": tau})
    yield Specialization("patel2024/thm11-constant", "patel2024/thm11", "~", target_at={"sigma": 0})
    yield Specialization("patel2024/prop13-mean", "patel2024/prop13", "~", given=(Ge(D, B),))
    yield from _second_order_implications()
    yield from _fixed_point_implications()
    for name in ("prop25", "prop25-convex", "piecewise-drift"):
        yield Specialization(f"patel2024/{name}", "0", "=", {"K": 1})


def _second_order_implications() -> Iterator[Implication]:
    """tau = 0, Q = 0 and zeta = 0 in Theorems 15 and 27; Theorem 27 at its step."""
    equal: dict[str, Expr | int] = {"tau": 0, "zeta": 0}
    yield Specialization("patel2024/thm15", "yuan2020/convex", "=", equal)
    yield Specialization("patel2024/thm15", "woodworth2020a/quadratic", "~", {"tau": 0, "Q": 0})
    yield Specialization("patel2024/thm15", "patel2024/thm15-zeta-star", "~", {"zeta": zeta_star + tau * D})
    yield Specialization("patel2024/thm15-zeta-star", "patel2024/thm15", "=", {"tau": 0}, {"tau": 0, "zeta": zeta_star})
    yield SolvedBound("patel2024/thm15", "patel2024/eq10-new", "=", letter="zeta", value=eps)
    yield Specialization("patel2024/thm27", "yuan2020/strongly-convex", "=", equal)
    yield Specialization("patel2024/thm27-step", "patel2024/thm27-equal-quadratics", "=", {"tau": 0, "Q": 0})
    yield Specialization(
        "patel2024/thm27-step",
        "patel2024/thm27-explicit",
        "=",
        {"eta": _thm27_log_step()},
        terms=("noise drift", "heterogeneity drift", "third-order noise", "third-order heterogeneity"),
    )
    yield Specialization(
        "patel2024/thm27-explicit",
        "patel2024/thm27",
        "<~",
        {"zeta": 0, "sigma": 0},
        {"zeta": 0, "sigma": 0},
        without_logarithms=True,
        fails_because="The proof has exp(-mu K R / (4L)); the statement hides the constant in the exponent"
        " (erratum E8).",
    )
    yield Specialization(
        "patel2024/thm27-explicit", "patel2024/thm27", "~", target_at={"L": 4 * L}, without_logarithms=True
    )


def _fixed_point_implications() -> Iterator[Implication]:
    """Quadratics without noise."""
    for zero in ({"K": 1}, {"tau_mean": 0}, {"zeta_mean": 0}):
        yield Specialization("patel2024/discrepancy", "0", "=", zero)
    for zero in ({"K": 1}, {"tau": 0}):
        yield Specialization("patel2024/two-quadratics", "0", "=", zero)
    yield Specialization("patel2024/discrepancy", "patel2024/discrepancy-small-step", "=", {"K": 2}, {"K": 2})
    yield Specialization("patel2024/prop21", "patel2024/prop21-optima", "=", {"K": 1})
    yield Specialization("patel2024/thm22-outer-step", "patel2024/thm22-explicit", "=", {"gamma": 1})
    yield Specialization(
        "patel2024/eq8", "khaled2025/quadratic-mean", "=", target_at={"gamma": gamma / 2, "curvature": L}
    )


def misprints() -> Iterator[Misprint]:
    """Two displays that have the wrong unit."""
    yield Misprint(
        "prop25-quadratics",
        PAPER.id,
        "App. C.1, quadratic case of Prop. 25",
        zeta_opt * (1 - remaining_fraction(eta, L)) / (eta * K),
        MEASURES["movement"],
        prop25_quadratics().bound.term("heterogeneity").expression,
        "value^2 length^-3",
        "The bound carries the distance of the optima, zeta_opt/L: an L is missing in the denominator.",
    )
    yield Misprint(
        "two-stage-logarithm",
        PAPER.id,
        "App. E.6, rounds of the first stage",
        L / (mu * K) * log(L * mu / (zeta_opt * tau) / B),
        MEASURES["rounds"],
        two_stage().bound.term("local stage").expression,
        "length^-2",
        "B exp(-K R_1 mu/L) = zeta_opt tau/(L mu) puts B into the numerator.",
    )
