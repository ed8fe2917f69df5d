"""SCAFFOLD, stochastic controlled averaging: Karimireddy, Kale, Mohri, Reddi, Stich and Suresh (2020).

Run:  tightrate verify --paper examples/papers/scaffold.py

Control variates, one kept by every client, correct the drift of local steps: without noise the optimum is a fixed
point for every K, which it is not for FedAvg.  With S of N clients in a round the others keep their control variates.
The method is `scaffold`, written in simulator/algorithms/scaffold.py.
"""

import tightrate as tr

PAPER = tr.Paper("scaffold", title="SCAFFOLD: stochastic controlled averaging for federated learning")
S = tr.symbol("S", meaning="clients that take part in a round", counts=True, run="clients")
STATED = tr.Statements(PAPER, algorithm="scaffold", problem_class="every $F_m$ $L$-smooth and $mu$-strongly convex")


@STATED.upper("fixed-point", "The fixed point", measure="squared-distance", provenance=tr.memory("section 4"))
def fixed_point():
    """Without noise SCAFFOLD ends in the optimum for every $K$: of the start nothing is left, of the data nothing."""
    return tr.Stated(
        {"rounding": "10^(-12)*B^2"},
        conditions=["eta*K*L <= 1", "eta*K*mu*R >= 40", "the gradients are exact"],
    )


# Theorem III (VII in the appendix), strongly convex, gamma = 1 and S of the M = N clients in a round, from c_i = 0:
# with eta at most min(1/(81 K L), S/(15 mu N K)), up to constants and logarithms.
@STATED.upper(
    "thm3", "Strongly convex", measure="gap", constants="hidden with logs", provenance=tr.memory("Theorem III (VII)")
)
def thm3():
    """The rate does not depend on how heterogeneous the clients are, but through the control variates' start."""
    return tr.Stated(
        {
            "statistical": "sigma^2/(mu*K*R*S)",
            "optimization": "(M*mu/S) * (B^2 + zeta_star^2/L^2) * exp(-min(S/(30*M), mu/(162*L)) * R)",
        },
        conditions=["mu*R >= L", "S <= M"],
        steps={"eta": "min(1/(81*K*L), S/(15*mu*M*K), 2*log(R)/(mu*K*R))"},
    )


# Theorem IV: with few rounds of many steps, SCAFFOLD takes advantage of similar Hessians: delta = tau there.
@STATED.upper(
    "quadratics", "Quadratics with similar Hessians", constants="hidden with logs", provenance=tr.memory("Theorem IV")
)
def quadratics():
    """On quadratics a round contracts by $mu K/(L + tau K)$: many local steps help where Hessians are similar."""
    return tr.Stated(
        {
            "statistical": "sigma^2/(mu*K*R*M)",
            "optimization": "mu*(B^2 + zeta_star^2/L^2) * exp(-mu*K*R/(L + tau*K))",
        },
        conditions=["mu*K*R >= L + tau*K"],
    )


INSTANCE = {"L": 1.0, "mu": 0.2, "M": 4, "d": 3, "tau": 0.5, "zeta_star": 1.0, "B": 1.0}

optimum_for_every_K = tr.trial(
    "optimum-for-every-K",
    "The fixed point of SCAFFOLD is the optimum, to rounding, for K from 1 to 64.",
    theorem=fixed_point,
    problem="random-quadratics",
    axes={"K": [1, 4, 16, 64], "eta": [0.005, 0.015]},
    parameters={**INSTANCE, "R": 100_000},
    method="exact",
)

not_of_fedavg = tr.trial(
    "not-of-fedavg",
    "The fixed point of FedAvg is not the optimum for K from 4 on.",
    theorem=fixed_point,
    problem="random-quadratics",
    algorithm="fedavg",
    axes={"K": [4, 16, 64], "eta": [0.005, 0.015]},
    parameters={**INSTANCE, "R": 100_000},
    method="exact",
    expected="violated",
)

clients_keep_theirs = tr.trial(
    "clients-keep-theirs",
    "With two of four clients in a round the optimum is still the limit, in expectation over all draws.",
    theorem=fixed_point,
    problem="random-quadratics",
    axes={"K": [4, 16]},
    parameters={**INSTANCE, "R": 6000, "eta": 0.01, "clients": 2},
    method="exact",
)

noise = tr.trial(
    "noise",
    "With noise the gap falls as $1/(K R)$, up to the logarithm in the step.",
    theorem=thm3,
    problem="random-quadratics",
    axes={"K": [2, 4, 8], "R": [2**15, 2**17, 2**19]},
    parameters={**INSTANCE, "zeta_star": 0.1, "sigma": 1.0},
    method="exact",
)
