"""ProxSkip, Scaffnew in federated learning: Mishchenko, Malinovsky, Stich and Richtarik (2022).

Run:  tightrate verify --paper examples/papers/proxskip.py

All workers take a gradient step corrected by a control variate and toss one coin, heads with probability p: only then
do they communicate.  With p = 1/sqrt(kappa) the steps are as many as gradient descent takes, kappa log(1/eps), and the
communications sqrt(kappa) log(1/eps).  The method is `proxskip`, written in simulator/algorithms/proxskip.py.
"""

import numpy as np

import tightrate as tr

PAPER = tr.Paper("proxskip", title="ProxSkip: local gradient steps accelerate communication")
p = tr.symbol("p", meaning="probability that a step communicates", within="(0, 1]", chosen=True)
STATED = tr.Statements(PAPER, algorithm="proxskip", problem_class="every $F_m$ $L$-smooth and $mu$-strongly convex")


@tr.measure("lyapunov", unit="B^2", of="state", latex=r"\Psi")
def lyapunov(state, algorithm, problem):
    """mean over workers of |x_m - x*|^2 + (eta/p)^2 |h_m - grad F_m(x*)|^2"""
    x_star = np.broadcast_to(problem.optimum[..., None, :], state.x.shape)
    h_star = problem.gradient(x_star)
    away = (state.x - x_star) ** 2 + (algorithm.eta / algorithm.p) ** 2 * (state.h - h_star) ** 2
    return away.sum(axis=-1).mean(axis=-1)


# Theorem 3.6: E Psi_T <= (1 - min(eta mu, p^2))^T Psi_0 for eta <= 1/L, with T = K R steps and
# Psi_0 = B^2 + (eta/p)^2 zeta_star^2 from h = 0 (means over the workers where the paper has sums).
CONTRACTION = "(1 - min(eta*mu, p^2))^(K*R) * (B^2 + eta^2*zeta_star^2/p^2)"
PROGRESS = {"contraction": CONTRACTION}


@STATED.upper("thm3.6", "The Lyapunov function contracts", measure=lyapunov, provenance=tr.memory("Theorem 3.6"))
def thm36():
    """Without noise $Psi$ contracts by $1 - min{eta mu, p^2}$ in a step, whatever the heterogeneity."""
    return tr.Stated(PROGRESS, conditions=["eta*L <= 1", "the gradients are exact"])


@STATED.upper("iterate", "The mean iterate contracts", measure="squared-distance", provenance=tr.memory("Theorem 3.6"))
def iterate():
    """$Psi$ is at least the squared distance of the workers' mean from the optimum."""
    return tr.Stated(PROGRESS, conditions=["eta*L <= 1", "the gradients are exact"])


# Corollary 3.7 with eta = 1/L and p = 1/K: R is the number of communications, in expectation.
@STATED.upper(
    "acceleration", "Communications", measure="squared-distance", provenance=tr.memory("Corollary 3.7, with p = 1/K")
)
def acceleration():
    """For $K^2 <= L/mu$ a communication contracts like $K$ gradient steps: $sqrt(L/mu)$ of them at the largest $K$."""
    return tr.Stated(
        {"contraction": "(1 - mu/L)^(K*R) * (B^2 + K^2*zeta_star^2/L^2)"},
        conditions=["K^2*mu <= L", "$p = 1/K$"],
        steps={"eta": "1/L"},
    )


# Theorem 5.5: with noise a ball of radius eta^2 sigma^2 / min(eta mu, p^2) is left.
@STATED.upper("thm5.5", "With noise", measure=lyapunov, provenance=tr.memory("Theorem 5.5"))
def thm55():
    """With noise $Psi$ contracts to $eta^2 sigma^2 / min{eta mu, p^2}$."""
    return tr.Stated({**PROGRESS, "noise": "eta^2*sigma^2/min(eta*mu, p^2)"}, conditions=["eta*L <= 1"])


INSTANCE = {"L": 1.0, "M": 4, "d": 3, "tau": 0.5, "zeta_star": 1.0, "B": 1.0}

exactly = tr.trial(
    "exactly",
    "In expectation over all coins, in closed form, the workers' mean obeys the theorem on random quadratics.",
    theorem=iterate,
    problem="random-quadratics",
    axes={"p": [0.1, 0.3, 1.0], "R": [4, 64, 1024], "eta": [0.3, 1.0]},
    parameters={**INSTANCE, "mu": 0.05, "K": 1},
    method="exact",
)

lyapunov_function = tr.trial(
    "lyapunov-function",
    "The sampled Lyapunov function obeys the theorem on random quadratics.",
    theorem=thm36,
    problem="random-quadratics",
    axes={"p": [0.1, 0.3, 1.0], "R": [16, 64, 256]},
    parameters={**INSTANCE, "mu": 0.05, "K": 1, "eta": 1.0},
    replicas=400,
)

communications = tr.trial(
    "communications",
    "With $p = 1/K$ and $K = sqrt(kappa)$ the error is below that of $sqrt(kappa)$ log(1/eps) communications.",
    theorem=acceleration,
    problem="random-quadratics",
    axes={"K": [1, 4, 16], "R": [2, 8, 32, 128]},
    parameters={**INSTANCE, "mu": 1 / 256},
    method="exact",
)

not_of_local_sgd = tr.trial(
    "not-of-local-sgd",
    "Local SGD keeps no such promise: with heterogeneity it stops at a fixed point that is not the optimum.",
    theorem=acceleration,
    problem="random-quadratics",
    axes={"K": [4, 16], "R": [32, 128, 512]},
    parameters={**INSTANCE, "mu": 1 / 256},
    algorithm="local-sgd",
    expected="violated",
)

noise = tr.trial(
    "noise",
    "With noise the sampled Lyapunov function obeys the theorem.",
    theorem=thm55,
    problem="random-quadratics",
    axes={"p": [0.2, 0.5], "R": [16, 64, 256], "sigma": [0.1, 1.0]},
    parameters={**INSTANCE, "mu": 0.05, "K": 1, "eta": 0.5},
    replicas=400,
)
