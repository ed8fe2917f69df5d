"""Lee, Sharma, Zaheer, Li (2024): FedAda^2 and FedAda^2++, federated optimization with adaptive server and clients.

No preconditioner is sent: those of the clients start at zero in every round.  The paper writes eta for the server
step, eta_l for the client step and T for the number of rounds; here they are gamma, eta and R.  Adaptive steps are
lengths: a preconditioned gradient is a pure number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from sympy import (
    Eq,
    Expr,
    Gt,
    Integer,
    Le,
    Lt,
    Mod,
    Ne,
    Piecewise,
    Rational,
    ceiling,
    log,
    oo,
    sqrt,
)

from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.implication import Implication, Specialization
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.setting import Setting
from tightrate.rates.statements.theorem import Condition, Erratum, Paper, Provenance, Theorem
from tightrate.rates.symbols.alphabet import (
    B,
    Delta,
    G_inf,
    K,
    L,
    M,
    R,
    beta1,
    beta2,
    d,
    delay,
    eta,
    gamma,
    lam,
    server_damping,
    zeta_inf,
)
from tightrate.rates.symbols.kinds import Constants, Kind
from tightrate.rates.symbols.units import LENGTH, Unit

PAPER = Paper(
    id="lee2024",
    notation={
        "gamma": r"\eta",
        "eta": r"\eta_\ell",
        "R": "T",
        "M": "N",
        "Delta": r"(f(x_0)-f^\star)",
        "lambda": r"\varepsilon",
        "server_damping": r"\tau",
        "G_inf": "G",
        "zeta_inf": r"\zeta",
        "B": r"\|x_0-x^\star\|",
    },
    caution=(
        "The full text was not available: the orders are those of the authors' poster, conditions and numbering those"
        " quoted in public reviews; the constants of the paper are not known to us. Numbers are those of the ICLR"
        " version (Theorem 6 is Theorem 4.1 of the NeurIPS version and Theorem 2 of the poster)."
    ),
)

PROOFS = "proofs/lee2024"
FEDADA2 = "fedada2"
SMOOTH_BOUNDED = "non-convex, L-smooth, bounded gradients, full-batch client gradients"
HEAVY_TAILS = "strongly convex, client gradients with infinite second moment"
BEST_ROUND = "best round"
ADAPTIVE_STEPS: Mapping[str, Unit] = {"gamma": LENGTH, "eta": LENGTH}

SMALL_STEPS = Condition("client step at most of order 1/sqrt(R)", Le(R * eta**2, 1))
NO_DELAY = Condition("the preconditioner is updated at every local step", Eq(delay, 1))
BOUNDED_COORDINATES = Condition("every coordinate of a client's gradient is at most G_inf")
ZERO_START = Condition("client preconditioners start at zero in every round")

HETEROGENEITY = Erratum(
    "heterogeneity",
    "Smoothness and bounded gradients alone, as the statement is summarised, cannot suffice: some condition on the"
    " heterogeneity of the clients is needed. The full text may contain one that we did not see.",
    "lee2024/counterexample: three convex smooth clients with bounded gradients on which the iterates never move and"
    " the gradient stays away from zero; lee2024/proved is a bound that does hold.",
)
SUMMED_FORM = Erratum(
    "summed-form",
    "Read literally, with every a_l at least a positive constant and with coefficients that do not depend on the local"
    " step p, the sum of a_l g_l / theta_l over l <= p is not the step of SGD or of AdaGrad from p = 2 on. Both fit, as"
    " momentum and Adam do, where the coefficients of step p may depend on p and may vanish. The display was partly"
    " unreadable in our source.",
    "After the gradients g and 0 the second step of SGD and of AdaGrad is zero, whereas the sum's is a multiple of g"
    " that is not zero.",
)


def _read_off(where: str) -> Provenance:
    return Provenance("summary", where)


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
    measure: str = "squared-gradient",
    dimensional: bool = True,
    algorithm: str = FEDADA2,
    problem_class: str = SMOOTH_BOUNDED,
    iterate: str = BEST_ROUND,
    holds: Literal["surely", "in expectation"] = "surely",
    **details: Any,
) -> Theorem:
    """A statement of this paper; the defaults are those of its main theorem."""
    named = tuple(Term(name, expression) for name, expression in terms.items())
    return Theorem(
        label=label,
        title=title,
        statement=statement,
        bound=Bound(named, MEASURES[measure], kind, constants, ADAPTIVE_STEPS, dimensional),
        paper=PAPER,
        provenance=provenance,
        algorithm=algorithm,
        problem_class=problem_class,
        iterate=iterate,
        holds=holds,
        **details,
    )


# The main theorem: (Psi_1 + ... + Psi_5) / Psi_6


def psi_ratios(client: Literal["small", "medium", "large"]) -> dict[str, Expr]:
    """The ratios Psi_1/Psi_6, ..., Psi_5/Psi_6 in one regime of the client step, up to constants.

    Small is R eta^2 <= 1, medium is 1/sqrt(R) < eta <= 1, large is eta > 1.  Only Psi_6 tells small from medium and
    only Psi_5 tells medium from large.

    >>> psi_ratios("small")["server drift"]
    eta**2*gamma**2
    """
    psi = {
        "initial gap": Integer(1),
        "server step": gamma**2 * eta**2 * R,
        "client drift": gamma * eta**2 * R,
        "preconditioner": gamma * eta * log(1 + R * eta**2),
        "server drift": gamma**3 * R * (eta if client == "large" else eta**3),
    }
    progress = gamma * eta * R if client == "small" else gamma * sqrt(R)
    return {name: value / progress for name, value in psi.items()}


def _psi_terms() -> dict[str, Expr]:
    small, medium, large = (psi_ratios(client) for client in ("small", "medium", "large"))
    return {
        name: Piecewise(
            (small[name], R * eta**2 <= 1),
            *([] if medium[name] == large[name] else [(medium[name], eta <= 1)]),
            (large[name], True),
        )
        for name in small
    }


def _without_logarithm(ratio: Expr) -> Expr:
    """The ratio with log(1 + x) <= x applied, which loses a constant only while x = R eta^2 is bounded."""
    return ratio.replace(log, lambda argument: argument - 1)


def _cor7_small_terms() -> dict[str, Expr]:
    return {name: _without_logarithm(ratio) for name, ratio in psi_ratios("small").items()}


@statement("thm6")
def thm6() -> Theorem:
    """The rate of FedAda^2 and FedAda^2++."""
    return _theorem(
        "thm6",
        "FedAda^2 and FedAda^2++ for smooth functions, by orders in both steps",
        "The smallest squared gradient norm over R rounds, for any initialization and any sampling of clients, is at"
        " most (Psi_1 + ... + Psi_5) / Psi_6; each term is one ratio, with its regimes of the client step. The orders"
        " hide constants that have units. As summarised it fails for heterogeneous clients (see the erratum).",
        _psi_terms(),
        "upper",
        "hidden",
        _read_off("Theorem 6; orders from the poster"),
        dimensional=False,
        conditions=(Condition("bounded client gradients"), ZERO_START),
        errata=(HETEROGENEITY,),
    )


@statement("cor7a")
def cor7a() -> Theorem:
    """Convergence with small client steps."""
    return _theorem(
        "cor7a",
        "FedAda^2 converges with small client steps",
        "For client steps of order at most 1/sqrt(R) the ratios are powers, and all five vanish as R grows exactly if"
        " gamma eta vanishes more slowly than 1/R and both gamma eta and eta vanish.",
        _cor7_small_terms(),
        "upper",
        "hidden",
        Provenance("re-derived", "Corollary 7, case (A)", f"{PROOFS}#cor7"),
        dimensional=False,
        conditions=(
            SMALL_STEPS,
            Condition("gamma eta above the order 1/R", Gt(gamma * eta * R, 1)),
            Condition("gamma eta below the order 1", Lt(gamma * eta, 1)),
        ),
        errata=(HETEROGENEITY,),
    )


@statement("cor7b")
def cor7b() -> Theorem:
    """Convergence with client steps slightly above 1/sqrt(R)."""
    client_step = R ** Rational(-49, 100)
    return _theorem(
        "cor7b",
        "FedAda^2 converges with client steps slightly above 1/sqrt(R)",
        "With the client step R^(-49/100) all five ratios vanish as R grows exactly if the server step lies strictly"
        " between the orders R^(-1/2) and R^(12/25).",
        {name: ratio.subs(eta, client_step) for name, ratio in psi_ratios("medium").items()},
        "upper",
        "hidden",
        Provenance("re-derived", "Corollary 7, case (B)", f"{PROOFS}#cor7"),
        dimensional=False,
        conditions=(
            Condition("server step above the order R^(-1/2)", Gt(gamma * sqrt(R), 1)),
            Condition("server step below the order R^(12/25)", Lt(gamma, R ** Rational(12, 25))),
        ),
        steps={"eta": client_step},
        errata=(HETEROGENEITY,),
    )


@statement("cor8")
def cor8() -> Theorem:
    """The best rate."""
    steps: dict[str, Expr] = {"gamma": Integer(1), "eta": 1 / sqrt(R)}
    return _theorem(
        "cor8",
        "FedAda^2 has the rate R^(-1/2)",
        "With a constant server step and client steps of order 1/sqrt(R). No choice of steps makes the bound of thm6"
        " smaller than this order, because its first two ratios multiply to at least 1/R.",
        {name: ratio.subs({gamma: steps["gamma"], eta: steps["eta"]}) for name, ratio in _cor7_small_terms().items()},
        "upper",
        "hidden",
        _read_off("Corollary 8 (Corollary 4.3 of the NeurIPS version)"),
        dimensional=False,
        steps=steps,
        errata=(HETEROGENEITY,),
    )


@statement("blended")
def blended() -> Theorem:
    """Clients with different optimizers."""
    return _theorem(
        "blended",
        "FedAda^2 with a mixture of client optimizers",
        "Every client uses any strategy whose local steps are sums of a_l g_l / theta_l with bounded positive a_l and"
        " theta_l, any number of at most K local steps and any bounded positive aggregation weights: the orders are"
        " those of thm6.",
        _psi_terms(),
        "upper",
        "hidden",
        _read_off("poster Theorem 3"),
        dimensional=False,
        conditions=(
            Condition("bounded client gradients"),
            Condition("0 < m_l <= theta_l <= M_l and 0 < a_l <= A_l for every strategy l"),
            Condition("aggregation weights between two positive constants"),
        ),
        errata=(HETEROGENEITY, SUMMED_FORM),
    )


# A bound that is proved, with constants


def preconditioner_updates() -> Expr:
    """How often a client updates its preconditioner in one round: n = ceil(K / z)."""
    return ceiling(K / delay)


def displacement_factor() -> Expr:
    """Phi / eta: sqrt(n log(1 + n G^2/lambda^2)) + (K - n) G / lambda, a pure number."""
    n = preconditioner_updates()
    return sqrt(n * log(1 + n * G_inf**2 / lam**2)) + (K - n) * G_inf / lam


def displacement() -> Expr:
    """Phi: no coordinate of a client moves further than this in one round."""
    return eta * displacement_factor()


def least_gain() -> Expr:
    """K / (G sqrt((n+1)/2) + lambda), a lower bound of the sum of 1/(G sqrt(ceil(k/z)) + lambda) over k = 1..K."""
    return K / (G_inf * sqrt((preconditioner_updates() + 1) / 2) + lam)


def _proved_terms(client_step: Expr, phi: Expr) -> dict[str, Expr]:
    """The proved bound for a client step and the displacement Phi that it allows."""
    largest_server_scale = sqrt(R) * phi + server_damping  # S: no server preconditioner exceeds it
    server_logarithm = log(1 + R * phi**2 / server_damping**2)  # Lambda: sum of squared normalized server steps
    per_unit_of_decrease = 2 * largest_server_scale / (gamma * client_step * least_gain() * R)
    gradient_deviation = zeta_inf + L * sqrt(d) * phi
    return {
        "initial gap": per_unit_of_decrease * Delta,
        "server step": per_unit_of_decrease * L * gamma**2 * d / 2 * server_logarithm,
        "preconditioner": per_unit_of_decrease * gamma * d * G_inf * phi / server_damping,
        "heterogeneity and client drift": (
            d * K * largest_server_scale / (lam * server_damping * least_gain()) * gradient_deviation**2
        ),
    }


@statement("proved")
def proved() -> Theorem:
    """A bound for FedAda^2 and FedAda^2++ with constants and with heterogeneity."""
    return _theorem(
        "proved",
        "FedAda^2 and FedAda^2++ with constants, with the floor that heterogeneity causes",
        "All clients take part with exact gradients; clients run AdaGrad or SM3-II with delay z and no clipping, the"
        " server AdaGrad without momentum. The bound holds for the mean over the rounds, hence for the best one.",
        _proved_terms(eta, displacement()),
        "upper",
        "explicit",
        _own("replaces Theorem 6", "proved"),
        conditions=(BOUNDED_COORDINATES, ZERO_START, Condition("all clients take part in every round")),
    )


@statement("proved-tuned")
def proved_tuned() -> Theorem:
    """The proved bound at the steps that give the published rate."""
    phi = server_damping / sqrt(R)
    client_step = phi / displacement_factor()
    return _theorem(
        "proved-tuned",
        "FedAda^2 and FedAda^2++ reach the rate R^(-1/2) up to the floor that heterogeneity causes",
        "The proved bound at the client step with sqrt(R) Phi = lambda_s: it is of order 1/sqrt(R) for identical"
        " clients, and in general up to a multiple of zeta_inf^2.",
        _proved_terms(client_step, phi),
        "upper",
        "explicit",
        _own("replaces Corollary 8", "proved"),
        conditions=(BOUNDED_COORDINATES, ZERO_START, Condition("all clients take part in every round")),
        steps={"eta": client_step},
    )


@statement("client-displacement")
def client_displacement() -> Theorem:
    """How far a client with AdaGrad or SM3 moves."""
    return _theorem(
        "client-displacement",
        "Displacement of a client with a delayed AdaGrad or SM3 preconditioner",
        "No coordinate of a client moves further than this in one round.",
        {"displacement": displacement()},
        "upper",
        "explicit",
        _own("client displacement", "proved"),
        measure="displacement",
        iterate="every round",
        conditions=(BOUNDED_COORDINATES, ZERO_START),
    )


@statement("client-displacement-adam")
def client_displacement_adam() -> Theorem:
    """How far a client with Adam moves."""
    return _theorem(
        "client-displacement-adam",
        "Displacement of a client with Adam without bias correction",
        "Whatever the gradients, no coordinate of a client moves further than this in one round.",
        {"displacement": eta * K * (1 - beta1) / sqrt((1 - beta2) * (1 - beta1**2 / beta2))},
        "upper",
        "explicit",
        _own("client displacement for Adam", "client-displacement-adam"),
        measure="displacement",
        problem_class="any",
        iterate="every round",
        conditions=(
            Condition("beta1^2 below beta2", Lt(beta1**2, beta2)),
            Condition("beta2 below 1", Lt(beta2, 1)),
            NO_DELAY,
            ZERO_START,
        ),
    )


@statement("client-displacement-blended")
def client_displacement_blended() -> Theorem:
    """How far a client moves whose steps are weighted sums of its gradients."""
    return _theorem(
        "client-displacement-blended",
        "Displacement of a client whose steps are sums of damped gradients",
        "If step p of a client is at most the sum of |g_l| / lambda over l <= p, coordinate by coordinate, as for"
        " momentum SGD (lambda = 1), Adam and AdaGrad, then no coordinate moves further than this in one round.",
        {"displacement": eta * G_inf / lam * K * (K + 1) / 2},
        "upper",
        "explicit",
        _own("counterpart of the client displacement for poster Theorem 3", "proved"),
        measure="displacement",
        iterate="every round",
        conditions=(BOUNDED_COORDINATES, ZERO_START),
    )


@statement("counterexample")
def counterexample() -> Theorem:
    """Three clients on which FedAda^2 never moves although the gradient is not zero."""
    return _theorem(
        "counterexample",
        "Three clients on which FedAda^2 stays for ever at a point that is not stationary",
        "In one dimension, lambda (1 + tanh(L x / lambda) / 2) and twice lambda (-1/3 + tanh(L x / lambda)) are the"
        " derivatives of three convex L-smooth clients with gradients at most 3 lambda / 2. From 0 the normalized"
        " steps 1/2, -1/4, -1/4 cancel, so the iterate stays at 0 for all steps and any number of rounds, while the"
        " gradient is lambda/9: 1/81 for lambda = 1.",
        {"gradient that stays": lam**2 / 81},
        "exact",
        "explicit",
        _own("counterexample to the summarised Theorem 6", "counterexample"),
        problem_class="three-client counterexample",
        iterate="every round",
        conditions=(
            Condition("one local step", Eq(K, 1)),
            Condition("three clients, all of them in every round", Eq(M, 3)),
            ZERO_START,
        ),
    )


@statement("counterexample-family")
def counterexample_family() -> Theorem:
    """How large the gradient can be at which FedAda^2 stays."""
    return _theorem(
        "counterexample-family",
        "Three clients on which FedAda^2 stays at a gradient that small damping does not make small",
        "Where three clients have the gradients G, -b, -b with b = G lambda / (G + 2 lambda), one normalized step of"
        " each adds up to zero, while the mean gradient is G^2 / (3 (G + 2 lambda)): a third of G as lambda vanishes."
        " It is of the order of the heterogeneity there, and of the order of its square where G is far below lambda.",
        {"gradient that stays": (G_inf**2 / (3 * (G_inf + 2 * lam))) ** 2},
        "exact",
        "explicit",
        _own("counterexample to the summarised Theorem 6, the family", "counterexample"),
        problem_class="three-client counterexample",
        iterate="every round",
        conditions=(
            Condition("one local step", Eq(K, 1)),
            Condition("three clients, all of them in every round", Eq(M, 3)),
            ZERO_START,
        ),
        notation={"G_inf": "G"},
    )


# Heavy tails


def _move_by_bounded_steps(steps_per_round: Expr, step: Expr) -> Expr:
    """The gap after R rounds when no coordinate moves by more than `step` in each of `steps_per_round` steps."""
    return L / 2 * (B + R * steps_per_round * step * sqrt(d)) ** 2


@statement("thm1")
def thm1() -> Theorem:
    """FedAvg under heavy tails, as on the poster."""
    return _theorem(
        "thm1",
        "FedAvg has infinite expected regret under heavy tails",
        "For strongly convex online objectives the expected regret of FedAvg is infinite when the gradient noise of the"
        " clients has no second moment, and one such client is enough; adaptivity of the clients removes this.",
        {"regret": oo},
        "lower",
        "explicit",
        _read_off("poster Theorem 1 and Corollaries 1-2, informal"),
        measure="gap",
        algorithm="fedavg",
        problem_class=HEAVY_TAILS,
        iterate="every round",
        holds="in expectation",
        setting=Setting("fedavg"),
    )


@statement("h1")
def h1() -> Theorem:
    """FedAvg under heavy tails, with its hypotheses."""
    return _theorem(
        "h1",
        "One heavy-tailed client gives FedAvg an infinite expected gap in every round",
        "If a client takes part with positive probability and the noise of its last local gradient has infinite second"
        " moment and is independent of the past, of the other clients and of the sampling, then E |x - x*|^2 and"
        " E [f(x) - f*] are infinite after that round.",
        {"gap": oo},
        "lower",
        "explicit",
        _own("precise form of poster Theorem 1", "h1"),
        measure="gap",
        algorithm="fedavg",
        problem_class=HEAVY_TAILS,
        iterate="every round",
        holds="in expectation",
        conditions=(
            Condition("the noise of the last local gradient is independent of everything else, infinite second moment"),
        ),
        setting=Setting("fedavg"),
    )


@statement("h2")
def h2() -> Theorem:
    """Adaptive clients under any noise."""
    return _theorem(
        "h2",
        "Clients with AdaGrad bound the gap surely, whatever the noise",
        "With client AdaGrad or SM3 without delay and plain averaging no coordinate moves by more than eta in a local"
        " step, whatever the gradients; after R rounds the gap is at most this.",
        {"gap": _move_by_bounded_steps(K, eta)},
        "upper",
        "explicit",
        _own("precise form of poster Corollary 1", "h2"),
        measure="gap",
        problem_class="L-smooth with a minimizer, any noise",
        iterate="last iterate",
        conditions=(NO_DELAY, ZERO_START, Condition("server: plain averaging, step 1")),
        setting=Setting("fedada2"),
    )


@statement("h2-server")
def h2_server() -> Theorem:
    """An adaptive server under any noise."""
    return _theorem(
        "h2-server",
        "A server with AdaGrad bounds the gap surely, whatever the clients do",
        "With server AdaGrad without momentum no coordinate moves by more than gamma in a round, also with SGD clients:"
        " adaptivity on one side is enough.",
        {"gap": _move_by_bounded_steps(Integer(1), gamma)},
        "upper",
        "explicit",
        _own("precise form of poster Corollary 1, server side", "h2"),
        measure="gap",
        problem_class="L-smooth with a minimizer, any noise",
        iterate="last iterate",
        conditions=(Condition("server: AdaGrad without momentum"),),
        setting=Setting("server-adagrad"),
    )


@statement("h3")
def h3() -> Theorem:
    """A delayed client preconditioner does not protect against heavy tails."""
    return _theorem(
        "h3",
        "With a delayed preconditioner adaptive clients have an infinite expected gap under heavy tails",
        "If the last local step of a client does not update its preconditioner, that step is linear in a noise of"
        " infinite second moment: with plain averaging the expected gap is infinite, as for FedAvg.",
        {"gap": oo},
        "lower",
        "explicit",
        _own("limit of poster Corollary 1", "h3"),
        measure="gap",
        problem_class=HEAVY_TAILS,
        iterate="every round",
        holds="in expectation",
        conditions=(
            Condition("the last local step does not update the preconditioner", Ne(Mod(K - 1, delay), 0)),
            Condition("the noise of the last local gradient is independent of everything else, infinite second moment"),
            Condition("server: plain averaging"),
        ),
        setting=Setting("fedada2"),
    )


def implications() -> Iterator[Implication]:
    """The corollaries are the theorem at their steps, and no steps do better."""
    yield Specialization("lee2024/blended", "lee2024/thm6", "=")
    yield Specialization("lee2024/proved", "lee2024/proved-tuned", "=", proved_tuned().steps)
    yield Specialization("lee2024/thm6", "lee2024/cor7a", "~", given=(Le(R * eta**2, 1),))
    yield Specialization("lee2024/thm6", "lee2024/cor7b", "~", cor7b().steps)
    yield Specialization("lee2024/thm6", "lee2024/cor8", "~", cor8().steps)
    yield Specialization("lee2024/cor8", "lee2024/thm6", "<~")
