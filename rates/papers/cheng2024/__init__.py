"""Cheng and Glasgow (2024): convergence of distributed adaptive optimization with local updates.

Local SGD with momentum (Local SGDM) and Local Adam, homogeneous workers, coordinate-wise clipping, noise with a
bounded moment of order alpha >= 4, bounds with probability at least 1 - delta.  Statement numbers are those of the
arXiv text; the appendix restarts its counters, so B.4 is the full version of Theorem 1, B.5 of Theorem 2 and C.3 of
Theorem 3.

Each term is one function.  The main theorems are the full versions with the logarithms set to one and the noise
spread evenly over the coordinates; the mini-batch rates are the local ones at K = M = 1 with the noise of a batch.
"""

from __future__ import annotations

from sympy import Expr, Ge

from tightrate.rates.statements.builder import Statements
from tightrate.rates.statements.setting import NOISE_MOMENT, Setting
from tightrate.rates.statements.theorem import Condition, Paper
from tightrate.rates.symbols.alphabet import SQUARED_GRADIENT, G_inf, alpha, rho, sigma, sigma_inf
from tightrate.rates.symbols.units import LENGTH

PAPER = Paper(
    id="cheng2024",
    notation={
        "B": "D_0",
        "weak": r"\tau",
        "moreau": r"\gamma",
        "rho": r"\rho",
        "eps": r"\varepsilon",
        "sigma_2alpha": r"\|\boldsymbol\sigma\|_{2\alpha}",
    },
    caution="Read in the first arXiv version (September 2024); later versions number some equations differently.",
)
ORDER = (
    "local_sgdm",
    "clipping_thresholds",
    "fixed_step",
    "local_adam",
    "clipping",
    "consensus",
    "preconditioner",
    "without_clipping",
)

PROOFS = "proofs/cheng2024"
EVERY_STEP = "every step and every pair of workers"

CONVEX = Statements(
    PAPER,
    algorithm="local-sgdm",
    problem_class="convex, $L$-smooth, identical workers, noise moment $alpha$",
    iterate="average of the momentum-free mean iterate over all steps",
    holds="with high probability",
)
STRONGLY_CONVEX = CONVEX.sharing(
    problem_class="strongly convex, $L$-smooth, identical workers, noise moment $alpha$",
    iterate="average of the momentum-free mean iterate with weights proportional to $(1 - eta mu/2)^(T-1-t)$",
)
WEAKLY_CONVEX = CONVEX.sharing(
    algorithm="local-adam",
    problem_class="weakly convex, $L$-smooth, identical workers, noise moment $alpha$",
    iterate="momentum-free mean iterates, averaged over all rounds and steps",
    units={"eta": LENGTH, "eps": SQUARED_GRADIENT},  # a step of Adam is a length
)

MOMENT = Condition("noise moment of order at least 4", Ge(alpha, 4))
MOMENTUM = Condition("$1 - beta1$ is bounded away from 0 ($Omega(1)$)")
SPREAD = Condition("noise spread evenly: $||sigma||_{2 alpha} d^(1/2 - 1/(2 alpha)) = O(sigma)$")
TUNED = Condition("optimal step size and clipping threshold")
THRESHOLD = (
    Condition("threshold at least three noise levels", Ge(rho, 3 * sigma_inf)),
    Condition("threshold at least twice every gradient coordinate", Ge(rho, 2 * G_inf)),
)


def identical_workers(algorithm: str, **bounded: Expr | int) -> Setting:
    """Identical workers with a bounded noise moment, and what else the class bounds."""
    return Setting(algorithm, {"sigma": sigma, NOISE_MOMENT: sigma, "zeta": 0, **bounded})
