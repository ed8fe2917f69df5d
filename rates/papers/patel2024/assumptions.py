"""The assumptions of the paper and the classes of problems that they define."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Eq, Expr, Le, Lt, Mod, Rational, symbols

from tightrate.rates.papers import koloskova2020, woodworth2020
from tightrate.rates.papers.patel2024 import PAPER
from tightrate.rates.statements.builder import Statements
from tightrate.rates.statements.setting import DISSIMILARITY_IN_BALL
from tightrate.rates.statements.theorem import Condition
from tightrate.rates.symbols.alphabet import B, L, M, Q, eta, gamma, sigma, tau

QUADRATIC_WORKERS = "strongly convex quadratic workers with different optima, no noise"
CONVEX = koloskova2020.HETEROGENEOUS_AT_OPTIMUM
HIGHER_ORDER = "convex, $L$-smooth, second-order heterogeneity $tau$, third-order smoothness $Q$"
STRONGLY_CONVEX_HIGHER_ORDER = (
    "strongly convex, $L$-smooth, second-order heterogeneity $tau$, third-order smoothness $Q$"
)
WEIGHTED_AVERAGE = "average over all steps with weights $(1 - mu eta / 2)^-(t+1)$"
UNIFORM_AVERAGE = "uniform average of all $M K R$ local iterates"

NOISELESS_QUADRATICS = Statements(PAPER, problem_class=QUADRATIC_WORKERS, holds="deterministically")

K_AT_LEAST_2, M_AT_LEAST_2 = koloskova2020.TWO_LOCAL_STEPS, koloskova2020.TWO_WORKERS
EVEN_WORKERS = Condition("an even number of workers", Eq(Mod(M, 2), 0))
STEP_AT_MOST_INVERSE_L = Condition("inner step at most $1/L$", Le(eta * L, 1))
STEP_AT_MOST_HALF = Condition("inner step at most $1/(2L)$", Le(eta * L, Rational(1, 2)))
STEP_BELOW_2 = Condition("inner step below $2/L$ (needed for $K = inf$)", Lt(eta * L, 2))
VANILLA = Condition("plain averaging, outer step 1", Eq(gamma, 1))
A1 = Condition("A1: the workers' gradients at every optimum have root mean square at most $zeta_star$")
A2 = Condition("A2: every worker's gradient stays within $zeta$ of the mean gradient")
A3 = Condition("A3: any two Hessians differ by at most $tau$")
A7 = Condition("A7: the workers' optima lie within $zeta_opt/L$ of the optimum, root mean square")
IN_BALL = Condition("every local iterate stays, in every realization, in the ball of radius $D$ about the start")
NOISE_BELOW_START = woodworth2020.NOISE_BELOW_START
NOISE_DRIFT_BELOW_START = woodworth2020.NOISE_DRIFT_BELOW_START
DRIFT_BELOW_START = woodworth2020.DRIFT_BELOW_START
NO_NOISE_OR_NO_Q = Condition(
    "no noise or $Q = 0$; otherwise a fourth-moment bound on the noise is needed (erratum E3)", Eq(Q * sigma, 0)
)

# With a shared optimum, no noise, eta <= 2/L and plain averaging no iterate moves away from the optimum: all stay
# within 2 B of the start, where the workers' gradients are at most 3 L B.
SHARED_OPTIMUM: Mapping[str, Expr | int] = {
    "sigma": 0,
    "zeta_star": 0,
    "Q": 0,
    "D": 2 * B,
    DISSIMILARITY_IN_BALL: 3 * L * B,
}
HIGHER_ORDER_CLASS: Mapping[str, Expr | int] = {"sigma": sigma, "tau": tau, "Q": Q}


def covariate_shift() -> Expr:
    """How far apart the Hessians of two linear regressions are, at most (Sec. 5.1).

    With covariates of means a, b and covariances S, T the Hessians are a a' + S and b b' + T, which differ by at most
    (|a| + |b|) |a - b| + |S - T|.
    """
    first, second, shift, spread = symbols("mean_1 mean_2 mean_shift covariance_shift", nonnegative=True)
    return (first + second) * shift + spread
