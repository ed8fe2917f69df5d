"""FedProx: Li, Sahu, Zaheer, Sanjabi, Talwalkar and Smith (2020).

Run:  tightrate verify --paper examples/papers/fedprox.py

Every client minimizes its objective plus (prox/2) |y - x|^2, by K steps or to the end: K = inf is the exact proximal
step, in closed form on quadratics and by bisection on separable functions.  The paper's own
theorem is stated for convex functions and exact steps, where it has one constant less; the others are on quadratics and
derived in the comments.  The method is `fedprox`, written in simulator/algorithms/fedprox.py.
"""

import tightrate as tr

PAPER = tr.Paper("fedprox", title="Federated optimization in heterogeneous networks")
prox = tr.symbol("prox", latex=r"\mu_{\mathrm{prox}}", meaning="weight of the proximal term", unit="L", chosen=True)
S = tr.symbol("S", meaning="clients that take part in a round", counts=True, run="clients")
dis = tr.symbol("dis", latex=r"B_{\mathrm{dis}}", meaning="dissimilarity of the clients' gradients", within="[1, inf)")
STATED = tr.Statements(
    PAPER,
    algorithm="fedprox",
    measure="squared-distance",
    problem_class="every $F_m$ $L$-smooth and $mu$-strongly convex",
)


# One optimum for all clients, K = inf: y_m - x* is the proximal step of x - x*, which contracts by prox/(prox + mu)
# for every mu-strongly convex F_m, and so does the mean.
@STATED.upper("one-optimum", "Exact steps, one optimum", provenance=tr.stated("the comment above it"))
def one_optimum():
    """Exact proximal steps contract by $prox/(prox + mu)$ in a round where all clients have one optimum."""
    return tr.Stated(
        {"contraction": "(prox/(prox + mu))^(2*R) * B^2"}, conditions=["zeta_star <= 0", "all clients have one optimum"]
    )


# In general the fixed point x of the mean proximal step has sum_m P_m (x - x_m) = 0 with P_m = A_m/(prox + A_m), of
# norm at least mu/(prox + mu) and at most 1: |x - x*| is at most (prox + mu)/mu times the mean proximal move at x*,
# mean_m P_m (x* - x_m) = mean_m (prox + A_m)^-1 g_m(x*), whose norm is at most zeta_star/(prox + mu), and less
# mean_m g_m(x*)/prox = 0 at most L zeta_star/(prox (prox + mu)): the bias falls as 1/prox.
@STATED.upper("bias", "The fixed point of exact steps", provenance=tr.stated("the comment above it"))
def bias():
    """After many rounds the error is that of the fixed point, at most of the order $zeta_star L/(mu prox)$."""
    return tr.Stated(
        {"start": "(prox/(prox + mu))^(2*R)*B^2*2", "drift": "2*zeta_star^2*L^2/(mu^2*prox^2)"},
        conditions=["the functions are quadratic"],
    )


@STATED.upper("no-bias", "The optimum", provenance=tr.memory("a belief that section 3 does not state"))
def no_bias():
    """FedProx ends in the optimum (it does not: this is to be refuted)."""
    return tr.Stated({"start": "(prox/(prox + mu))^(2*R)*B^2"})


# Theorem 4 for convex functions (L_- = 0) and exact steps (gamma = 0), summed over the rounds: a round lowers F by
# rho |grad F|^2 in expectation, where mean_m |grad F_m|^2 <= dis^2 |grad F|^2 and S clients are drawn.  If all have one
# optimum dis = L/mu is enough: gradients at x then have norms between mu |x - x*| and L |x - x*|.
RHO = "(1 - dis*sqrt(2/S) - (L/prox)*(dis + dis^2/2 + dis^2*(2*sqrt(2*S) + 2)/S))/prox"


@STATED.upper(
    "thm4", "Under dissimilarity", measure="least-gradient-norm", provenance=tr.memory("Theorem 4, gamma = 0, L_- = 0")
)
def thm4():
    """For a large proximal term some round starts at a small gradient, at the rate of gradient descent."""
    return tr.Stated({"descent": f"Delta/(R*({RHO}))"}, conditions=[f"{RHO} > 0", "dis >= L/mu", "zeta_star <= 0"])


INSTANCE = {"L": 1.0, "mu": 0.2, "M": 4, "d": 3, "tau": 0.5, "B": 1.0, "eta": 0.1}
INF = float("inf")

contracts = tr.trial(
    "contracts",
    "Exact steps contract as stated on quadratics with one optimum.",
    theorem=one_optimum,
    problem="random-quadratics",
    axes={"prox": [0.1, 1.0, 10.0], "R": [1, 8, 64]},
    parameters={**INSTANCE, "zeta_star": 0.0, "K": INF},
    method="exact",
)

drifts = tr.trial(
    "drifts",
    "With heterogeneity the error obeys the bias that is stated, which falls as the proximal term grows.",
    theorem=bias,
    problem="random-quadratics",
    axes={"prox": [0.1, 1.0, 10.0, 100.0], "R": [4, 64, 1024]},
    parameters={**INSTANCE, "zeta_star": 1.0, "K": INF},
    method="exact",
)

sampled = tr.trial(
    "sampled",
    "A sampled run with exact proximal steps is the same method.",
    theorem=bias,
    problem="random-quadratics",
    axes={"prox": [0.1, 1.0, 10.0], "R": [4, 64]},
    parameters={**INSTANCE, "zeta_star": 1.0, "K": INF},
    method="sample",
    replicas=2,
)

under_dissimilarity = tr.trial(
    "under-dissimilarity",
    "With clients that share an optimum the least gradient obeys the paper's theorem, all taking part or some.",
    theorem=thm4,
    problem="random-quadratics",
    axes={"prox": [30.0, 100.0], "R": [4, 32, 256], "S": [32, 40]},
    parameters={**INSTANCE, "mu": 0.5, "M": 40, "zeta_star": 0.0, "K": INF, "dis": 2.0},
    replicas=16,
)

not_the_optimum = tr.trial(
    "not-the-optimum",
    "The optimum is not where FedProx ends.",
    theorem=no_bias,
    problem="random-quadratics",
    axes={"prox": [0.1, 1.0], "R": [64, 1024]},
    parameters={**INSTANCE, "zeta_star": 1.0, "K": INF},
    method="exact",
    expected="violated",
)
