"""Cheng and Glasgow (2024): convergence of distributed adaptive optimization with local updates.

Local SGD with momentum (Local SGDM) and Local Adam, homogeneous machines, coordinate-wise clipping, noise with a
bounded moment of order alpha >= 4, bounds with probability at least 1 - delta.  Statement numbers are those of the
arXiv text; the appendix restarts its counters, so B.4 is the full version of Theorem 1, B.5 of Theorem 2 and C.3 of
Theorem 3.

Each term is one function.  The main theorems are the full versions with the logarithms set to one and the noise
spread evenly over the coordinates; the mini-batch rates are the local ones at K = M = 1 with the noise of a batch.

The module is longer than others because the paper has two algorithms, each in a short and a full version, as a rate
and as a number of steps.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Eq, Expr, Ge, Integer, Le, Lt, Max, Min, Pow, Rational, exp, log, sqrt

from tightrate.rates.papers import dekel2012, koloskova2020, woodworth2020a
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.setting import NOISE_MOMENT, Family, Setting
from tightrate.rates.statements.theorem import Condition, Erratum, Paper, Provenance, Theorem
from tightrate.rates.symbols.alphabet import (
    SQUARED_GRADIENT,
    B,
    D,
    Delta,
    G,
    G_inf,
    K,
    L,
    M,
    R,
    T,
    alpha,
    beta1,
    beta2,
    d,
    delta,
    eps,
    eta,
    lam,
    moreau,
    mu,
    rho,
    sigma,
    sigma_2alpha,
    sigma_inf,
    weak,
)
from tightrate.rates.symbols.kinds import Constants
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

PROOFS = "proofs/cheng2024"
CONVEX = "convex, L-smooth, identical machines, noise moment alpha"
STRONGLY_CONVEX = "strongly convex, L-smooth, identical machines, noise moment alpha"
WEAKLY_CONVEX = "weakly convex, L-smooth, identical machines, noise moment alpha"
SCALAR = "one coordinate of a stochastic gradient"
AVERAGE_Z = "average of the momentum-free mean iterate over all steps"
WEIGHTED_Z = "average of the momentum-free mean iterate with weights proportional to (1 - eta mu/2)^(T-1-t)"
EVERY_STEP = "every step and every pair of workers"
ADAM_UNITS = {"eta": LENGTH, "eps": SQUARED_GRADIENT}

MOMENT = Condition("noise moment of order at least 4", Ge(alpha, 4))
MOMENTUM = Condition("1 - beta1 is bounded away from 0 (Omega(1))")
SPREAD = Condition("noise spread evenly: ||sigma||_{2 alpha} d^(1/2 - 1/(2 alpha)) = O(sigma)")
TUNED = Condition("optimal step size and clipping threshold")
THRESHOLD = (
    Condition("threshold at least three noise levels", Ge(rho, 3 * sigma_inf)),
    Condition("threshold at least twice every gradient coordinate", Ge(rho, 2 * G_inf)),
)

PREFACTOR = Erratum(
    "prefactor",
    "The display has a bare exponential; the prefactor mu D_0^2 that the last step of the proof gives is supplied.",
    "A bare exponential is a pure number and not a value; (B.16) reads 4 mu D_0^2 exp(-eta mu T / 2).",
)
SMALL_ACCURACY = Erratum(
    "accuracy",
    "The main text leaves out that the accuracy must be small relative to noise and gradients, which its full version"
    " assumes; so sigma -> 0 and K = 1 are not covered.",
    "Theorems B.4 and B.5 ask for a threshold of at least G_inf and sigma_inf, and for K of order log(M K R / delta).",
)
WEIGHTS = Erratum(
    "weights",
    "The printed weights of the output sum to 1 - eta mu / 2; normalized weights (1 - eta mu/2)^(T-1-t) are meant.",
    "Sum of (1-q)^(T-j) over j < T, times q / (1 - (1-q)^T), is 1 - q.",
)
THRESHOLD_CONSTANT = Erratum(
    "threshold constant",
    "For mu > 0 the constant 2^8 in the threshold is too small for the fifth that the proof claims; about 2^12 to 2^14"
    " is needed. For mu = 0 it suffices.",
    "The geometric sum in (B.64) gives 8 sqrt(2) in place of 4 sqrt(2).",
)
CONTRACTION_CONSTANT = Erratum(
    "contraction constant",
    "The constants inside A fall short of what the union bound needs; take them as orders, not as verified numbers.",
    "Freedman's exponent comes out near 1.2 log(MT/delta) while log(8 M^2 T / delta) is needed.",
)
ADAM_LOGS = Erratum(
    "logarithms in A",
    "The powers of the two logarithms in A are swapped between (C.15) and Lemma C.10; those of the lemma's proof,"
    " log^2 on the threshold and log on the constant, are used here.",
    "The proof of Theorem C.2 uses rho^2 d log^2 / K and log, as Lemma B.1 does.",
)
FIRST_STEP = Erratum(
    "first step of a round",
    "The identity (C.6) for the increment of the auxiliary sequence fails at the first step of a round unless beta1 = 0"
    " or beta2 = 1; whether the proof absorbs the difference was not checked.",
    "The momentum of the averaged state is preconditioned by each worker's own matrix: literal (C.6) missed 0.026 of a"
    " displacement of 0.047 in a run where the exact form agrees to 2e-15.",
)


# ----------------------------------------------------------------------------------------------- terms of the rates


def spread_noise() -> Expr:
    """||sigma||_{2 alpha} d^(1/2 - 1/(2 alpha)): at least sigma, equal to it when all coordinates are alike."""
    return sigma_2alpha * d ** (Rational(1, 2) - 1 / (2 * alpha))


def optimization_strongly_convex() -> Expr:
    """mu B^2 exp(-mu K R / L), up to a constant in the exponent."""
    return mu * B**2 * exp(-mu * K * R / L)


def statistical_strongly_convex() -> Expr:
    """sigma^2 / (mu M K R)."""
    return sigma**2 / (mu * M * K * R)


def drift_strongly_convex() -> Expr:
    """L sigma^2 / (mu^2 K R^2)."""
    return L * sigma**2 / (mu**2 * K * R**2)


def clipping_strongly_convex(noise: Expr, logarithm: Expr) -> Expr:
    """noise^2/mu (sqrt(L/mu) / (K R))^(2 (alpha-1)/alpha): what clipping noise of that level costs."""
    return noise**2 / mu * (sqrt(L / mu) * logarithm / (K * R)) ** (2 * (alpha - 1) / alpha)


def clipping_convex(noise: Expr, logarithm: Expr) -> Expr:
    """B (sqrt(L B) noise^(alpha/(alpha-1)) / (K R))^(2 (alpha-1)/(3 alpha-1)), the noise taken out of the power."""
    power = 2 * (alpha - 1) / (3 * alpha - 1)
    return B * noise ** (2 * alpha / (3 * alpha - 1)) * (sqrt(L * B) * logarithm / (K * R)) ** power


def clipping_adam(noise: Expr, logarithm: Expr) -> Expr:
    """(L Delta noise^(alpha/(alpha-1)) / (K R))^(2 (alpha-1)/(3 alpha-2)), the noise taken out of the power."""
    power = 2 * (alpha - 1) / (3 * alpha - 2)
    return noise ** (2 * alpha / (3 * alpha - 2)) * (L * Delta * logarithm / (K * R)) ** power


def one_worker_log() -> Expr:
    """log(K R / delta)."""
    return log(K * R / delta)


def all_workers_log() -> Expr:
    """log(M K R / delta)."""
    return log(M * K * R / delta)


def strongly_convex_terms(full: bool) -> tuple[Term, ...]:
    """The rate of Local SGDM for mu > 0: full (B.19), or with logarithms dropped and evenly spread noise (4.3)."""
    noise, one, every = (spread_noise(), one_worker_log(), all_workers_log()) if full else (sigma, 1, 1)
    accuracy_log, statistical_log = (log(K * R), log(M * K * R)) if full else (1, 1)
    return (
        Term("optimization", optimization_strongly_convex()),
        Term("statistical", statistical_strongly_convex() * statistical_log * one),
        Term("noise drift", drift_strongly_convex() * accuracy_log**2 * every),
        Term("clipping", clipping_strongly_convex(noise, every)),
    )


def convex_terms(full: bool) -> tuple[Term, ...]:
    """The rate of Local SGDM for mu = 0: full (B.24), or with logarithms dropped and evenly spread noise (4.4)."""
    noise, one, every = (spread_noise(), one_worker_log(), all_workers_log()) if full else (sigma, 1, 1)
    return (
        Term("optimization", woodworth2020a.local_optimization()),
        Term("statistical", dekel2012.statistical() * sqrt(one)),
        Term("noise drift", koloskova2020.noise_drift() * Pow(every, Rational(1, 3))),
        Term("clipping", clipping_convex(noise, every)),
    )


def adam_terms(full: bool, inverse_step: Expr) -> tuple[Term, ...]:
    """The rate of Local Adam: full, or with logarithms dropped and evenly spread noise.

    `inverse_step` multiplies the statistical term: lambda over the Moreau parameter (C.27), L at its best (4.10).
    """
    noise, one, every = (spread_noise(), one_worker_log(), all_workers_log()) if full else (sigma, 1, 1)
    drift = (L * Delta * sigma) ** Rational(2, 3) / (K ** Rational(1, 3) * R ** Rational(2, 3))
    return (
        Term("weak convexity", weak * Delta / R),
        Term("optimization", L * Delta / (K * R)),
        Term("statistical", sqrt(inverse_step * Delta * sigma**2 / (M * K * R)) * Pow(one, Rational(1, 4))),
        Term("noise drift", drift * Pow(every, Rational(1, 3))),
        Term("clipping", clipping_adam(noise, every)),
    )


def minibatch(expression: Expr) -> Expr:
    """The same term for R steps on batches of K M: K and M become 1 and the noise sigma / sqrt(K M)."""
    return expression.subs({K: 1, M: 1, sigma: sigma / sqrt(K * M)}, simultaneous=True)


def rate(terms: tuple[Term, ...]) -> Expr:
    """The sum of the terms: the accuracy at which step size and threshold are prescribed."""
    return sum((term.expression for term in terms), Integer(0))


# --------------------------------------------------------------------- prescribed step sizes, thresholds and factors


def step_strongly_convex(accuracy: Expr, steps: Expr) -> Expr:
    """(B.12), mu > 0: 2/(mu T) log(4 mu B^2 / eps)."""
    return 2 / (mu * steps) * log(4 * mu * B**2 / accuracy)


def step_convex(accuracy: Expr, steps: Expr) -> Expr:
    """(B.12), mu = 0: 4 B^2 / (T eps)."""
    return 4 * B**2 / (steps * accuracy)


def step_adam(accuracy: Expr, steps: Expr) -> Expr:
    """Theorem C.1: 24 lambda Delta / (eps T)."""
    return 24 * lam * Delta / (accuracy * steps)


def bias_threshold_strongly_convex(accuracy: Expr) -> Expr:
    """(||sigma||^(2 alpha) / (mu eps))^(1/(2 (alpha-1))): where the squared clipping bias over mu meets eps."""
    return (sigma_2alpha ** (2 * alpha) / (mu * accuracy)) ** (1 / (2 * (alpha - 1)))


def bias_threshold_convex(accuracy: Expr) -> Expr:
    """(B ||sigma||^alpha / eps)^(1/(alpha-1)): where the distance times the clipping bias meets eps."""
    return (B * sigma_2alpha**alpha / accuracy) ** (1 / (alpha - 1))


def bias_threshold_adam(accuracy: Expr) -> Expr:
    """(||sigma||^(2 alpha) / eps)^(1/(2 (alpha-1))): where the squared clipping bias meets eps."""
    return (sigma_2alpha ** (2 * alpha) / accuracy) ** (1 / (2 * (alpha - 1)))


def best_threshold(bias_threshold: Expr, steps: Expr) -> Expr:
    """(B.21), (B.26), (C.29): the order of the clipping threshold that balances the bound."""
    variance_threshold = sigma_2alpha * (K / (sqrt(d) * log(M * steps / delta))) ** (1 / alpha)
    return Max(variance_threshold, bias_threshold, sigma_inf, G_inf)


def consensus_factor(steps: Expr) -> Expr:
    """A of (B.12): the workers' auxiliary iterates stay within eta sigma sqrt(K A) of each other."""
    logarithm = log(M * steps / delta)
    return Max(
        2**10 * rho**2 * d / (K * sigma**2) * logarithm**2,
        2**9 * logarithm,
        2**12 * K * squared_clipping_bias() / sigma**2,
    )


def consensus_factor_adam(steps: Expr) -> Expr:
    """A of (C.15), with the logarithms as the proof needs them."""
    logarithm = log(M * steps / delta)
    return Max(
        2**20 * rho**2 * d / (K * sigma**2) * logarithm**2,
        2**20 * logarithm,
        2**8 * K * squared_clipping_bias() / sigma**2,
    )


def preconditioner_factor(first_entry: Expr, steps: Expr) -> Expr:
    """B and B_1 of (C.15), which differ in their first entry: how fast the second moment moves within a round."""
    logarithm = log(d * M * steps / delta)
    return Max(
        first_entry,
        16 * rho**2 / lam**2 * logarithm,
        2**6 * sqrt(K) * (G_inf + sigma_inf) * sigma_inf / lam**2 * sqrt(logarithm),
    )


def drift_factor(steps: Expr) -> Expr:
    """B of (C.15): movement of a worker's preconditioner within a round."""
    return preconditioner_factor(6 * K * (G_inf**2 + sigma_inf**2) / lam**2, steps)


def difference_factor(steps: Expr) -> Expr:
    """B_1 of (C.15): difference of two workers' preconditioners; without noise the entry of the threshold stays."""
    return preconditioner_factor(16 * K * sigma_inf**2 / lam**2, steps)


# ------------------------------------------------------------------------------------------------------- clipping


def clipping_bias(noise: Expr) -> Expr:
    """(2 noise)^alpha / rho^(alpha-1): Lemma A.2."""
    return (2 * noise) ** alpha / rho ** (alpha - 1)


def squared_clipping_bias() -> Expr:
    """||2 sigma||_{2 alpha}^(2 alpha) / rho^(2 (alpha-1)): (B.63), the squares of the coordinates' biases summed."""
    return clipping_bias(sigma_2alpha) ** 2


def sharp_clipping_bias(noise: Expr) -> Expr:
    """(alpha-1)^(alpha-1)/alpha^alpha noise^alpha / (rho - G_inf)^(alpha-1): the best possible bound on the bias."""
    return (alpha - 1) ** (alpha - 1) / alpha**alpha * noise**alpha / (rho - G_inf) ** (alpha - 1)


# ----------------------------------------------------------------------------------------------- how entries are built


def upper(measure: str, constants: Constants, *terms: Term) -> Bound:
    """An upper bound on that measure; step sizes and accuracies of Local Adam have units of their own."""
    return Bound(terms, MEASURES[measure], "upper", constants)


def upper_adam(measure: str, constants: Constants, *terms: Term) -> Bound:
    """An upper bound for Local Adam, whose step is a length and whose accuracy is a squared gradient."""
    return Bound(terms, MEASURES[measure], "upper", constants, ADAM_UNITS)


def identical_machines(algorithm: Family, *, spread: bool, strongly_convex: bool) -> Setting:
    """Identical machines with a bounded noise moment; `spread` where the vector of noise levels has its own letter."""
    constants: dict[str, Expr | int] = {"sigma": sigma, NOISE_MOMENT: sigma, "zeta": 0}
    if spread:
        constants["sigma_2alpha"] = sigma_2alpha
    if strongly_convex:
        constants["mu"] = mu
    return Setting(algorithm, constants)


def local_sgdm(
    label: str,
    title: str,
    text: str,
    bound: Bound,
    provenance: Provenance,
    conditions: tuple[Condition, ...],
    errata: tuple[Erratum, ...] = (),
    steps: dict[str, Expr] | None = None,
    strongly_convex: bool = False,
    algorithm: str = "local-sgdm",
    iterate: str = "",
    setting: Setting | None = None,
) -> Theorem:
    """A statement on Local SGDM, or on its mini-batch version, with high probability."""
    return Theorem(
        label=label,
        title=title,
        statement=text,
        bound=bound,
        paper=PAPER,
        provenance=provenance,
        algorithm=algorithm,
        problem_class=STRONGLY_CONVEX if strongly_convex else CONVEX,
        iterate=iterate or (WEIGHTED_Z if strongly_convex else AVERAGE_Z),
        holds="with high probability",
        conditions=conditions,
        errata=errata,
        steps=steps or {},
        setting=setting,
    )


def local_adam(
    label: str,
    title: str,
    text: str,
    bound: Bound,
    where: str,
    conditions: tuple[Condition, ...],
    errata: tuple[Erratum, ...] = (),
    steps: dict[str, Expr] | None = None,
    algorithm: str = "local-adam",
    iterate: str = "momentum-free mean iterates, averaged over all rounds and steps",
    provenance: Provenance | None = None,
) -> Theorem:
    """A statement on Local Adam, or on its mini-batch version, with high probability."""
    return Theorem(
        label=label,
        title=title,
        statement=text,
        bound=bound,
        paper=PAPER,
        provenance=provenance or Provenance("read", where),
        algorithm=algorithm,
        problem_class=WEAKLY_CONVEX,
        iterate=iterate,
        holds="with high probability",
        conditions=conditions,
        errata=errata,
        steps=steps or {},
    )


def lemma(
    label: str, title: str, text: str, bound: Bound, provenance: Provenance, conditions: tuple[Condition, ...] = ()
) -> Theorem:
    """A statement on one clipped coordinate or on independent noise: probability, no algorithm."""
    return Theorem(
        label=label,
        title=title,
        statement=text,
        bound=bound,
        paper=PAPER,
        provenance=provenance,
        algorithm="clipping",
        problem_class=SCALAR,
        iterate="none",
        holds="surely",
        conditions=conditions,
    )


def local_steps_condition(factor: Expr) -> Condition:
    """K of order at least `factor`, decided with the hidden constant 1."""
    return Condition("K of order at least the logarithm (constant 1 taken)", Ge(K, factor))


def spread_steps(steps: Expr) -> Expr:
    """log(M T / delta) (spread/sigma)^(2 alpha/(alpha-2)), the number of local steps that the full versions need."""
    return log(M * steps / delta) * (spread_noise() / sigma) ** (2 * alpha / (alpha - 2))


def small_accuracy(bias_threshold: Expr) -> Condition:
    """The accuracy is so small that the clipping threshold exceeds gradients and noise (constant 1 taken)."""
    return Condition(
        "accuracy small relative to noise and gradients (constant 1 taken)", Ge(bias_threshold, Max(G_inf, sigma_inf))
    )


# ------------------------------------------------------------------------------------------------- Local SGDM, rates


@statement("thm1")
def thm1() -> Theorem:
    """Local SGDM, strongly convex."""
    terms = strongly_convex_terms(full=False)
    return local_sgdm(
        "thm1",
        "Local SGD with momentum, strongly convex",
        "Clipped Local SGDM with the optimal step size and threshold, up to logarithms.",
        upper("gap", "hidden with logs", *terms),
        Provenance("read", "Theorem 1, (4.3)"),
        (MOMENT, local_steps_condition(all_workers_log()), MOMENTUM, SPREAD, TUNED),
        (PREFACTOR, SMALL_ACCURACY, WEIGHTS),
        {"eta": step_strongly_convex(rate(terms), K * R)},
        strongly_convex=True,
        setting=identical_machines("local-sgdm", spread=False, strongly_convex=True),
    )


@statement("thm2")
def thm2() -> Theorem:
    """Local SGDM, convex."""
    terms = convex_terms(full=False)
    return local_sgdm(
        "thm2",
        "Local SGD with momentum, convex",
        "Clipped Local SGDM with the optimal step size and threshold, up to logarithms.",
        upper("gap", "hidden with logs", *terms),
        Provenance("read", "Theorem 2, (4.4)"),
        (MOMENT, local_steps_condition(all_workers_log()), MOMENTUM, SPREAD, TUNED),
        (SMALL_ACCURACY,),
        {"eta": step_convex(rate(terms), K * R)},
        setting=identical_machines("local-sgdm", spread=False, strongly_convex=False),
    )


@statement("eq4.5")
def eq4_5() -> Theorem:
    """Minibatch SGDM, convex."""
    return local_sgdm(
        "eq4.5",
        "Mini-batch SGD with momentum, convex",
        "R steps of clipped SGDM with the K M gradients of a round in one batch: Local SGDM at K = M = 1.",
        upper("gap", "hidden with logs", *(Term(t.name, minibatch(t.expression)) for t in convex_terms(False)[:2])),
        Provenance("read", "(4.5), second case"),
        (MOMENT, MOMENTUM, SPREAD, TUNED),
        (minibatch_erratum("exceeds the two terms by R^(1/(3 alpha - 1)) times a geometric mean of them"),),
        algorithm="minibatch-sgdm",
        setting=identical_machines("minibatch-sgdm", spread=False, strongly_convex=False),
    )


@statement("eq4.5-sc")
def eq4_5_sc() -> Theorem:
    """Minibatch SGDM, strongly convex."""
    terms = strongly_convex_terms(full=False)[:2]
    return local_sgdm(
        "eq4.5-sc",
        "Mini-batch SGD with momentum, strongly convex",
        "R steps of clipped SGDM with the K M gradients of a round in one batch: Local SGDM at K = M = 1.",
        upper("gap", "hidden with logs", *(Term(t.name, minibatch(t.expression)) for t in terms)),
        Provenance("read", "(4.5), first case"),
        (MOMENT, MOMENTUM, SPREAD, TUNED),
        (
            PREFACTOR,
            minibatch_erratum("is ((L/mu)^(alpha-1) R^(2-alpha))^(1/alpha) times the statistical term"),
        ),
        strongly_convex=True,
        algorithm="minibatch-sgdm",
        setting=identical_machines("minibatch-sgdm", spread=False, strongly_convex=True),
    )


def minibatch_erratum(excess: str) -> Erratum:
    """What substitution alone does not give."""
    return Erratum(
        "substitution",
        "The rate is right, but it does not follow by substituting K = M = 1 as the paper says: K = 1 violates the"
        " theorem's own condition, and a clipping term remains. With one worker there is no consensus error; without"
        " it the clipping term becomes small.",
        f"The substituted clipping term {excess}; the argument without the consensus error is in {PROOFS}#eq45.",
    )


@statement("thmB4")
def thm_b4() -> Theorem:
    """Local SGDM, strongly convex, with logarithms."""
    terms = strongly_convex_terms(full=True)
    return local_sgdm(
        "thmB4",
        "Local SGD with momentum, strongly convex, with logarithms",
        "The full version of Theorem 1: logarithms, dimension and the norm of the noise vector written out.",
        upper("gap", "hidden", *terms),
        Provenance("read", "Theorem B.4, (B.19)"),
        (
            MOMENT,
            local_steps_condition(spread_steps(K * R)),
            small_accuracy(bias_threshold_strongly_convex(eps)),
            MOMENTUM,
            TUNED,
        ),
        (PREFACTOR, WEIGHTS, THRESHOLD_CONSTANT, CONTRACTION_CONSTANT),
        {
            "eta": step_strongly_convex(rate(terms), K * R),
            "rho": best_threshold(bias_threshold_strongly_convex(rate(terms)), K * R),
        },
        strongly_convex=True,
        setting=identical_machines("local-sgdm", spread=True, strongly_convex=True),
    )


@statement("thmB5")
def thm_b5() -> Theorem:
    """Local SGDM, convex, with logarithms."""
    terms = convex_terms(full=True)
    return local_sgdm(
        "thmB5",
        "Local SGD with momentum, convex, with logarithms",
        "The full version of Theorem 2: logarithms, dimension and the norm of the noise vector written out.",
        upper("gap", "hidden", *terms),
        Provenance("read", "Theorem B.5, (B.24)"),
        (
            MOMENT,
            local_steps_condition(spread_steps(K * R)),
            small_accuracy(bias_threshold_convex(eps)),
            MOMENTUM,
            TUNED,
        ),
        (CONTRACTION_CONSTANT,),
        {
            "eta": step_convex(rate(terms), K * R),
            "rho": best_threshold(bias_threshold_convex(rate(terms)), K * R),
        },
        setting=identical_machines("local-sgdm", spread=True, strongly_convex=False),
    )


# --------------------------------------------------------------------------------- Local SGDM, steps to reach accuracy


@statement("thmB3")
def thm_b3() -> Theorem:
    """Local SGDM, convex: steps to reach accuracy eps at a given clipping threshold."""
    return local_sgdm(
        "thmB3",
        "Local SGD with momentum, convex: steps to reach an accuracy, any threshold",
        "So many steps T per worker suffice, up to a constant, for the accuracy eps at the prescribed step; T stands in"
        " the logarithms too.",
        upper(
            "steps",
            "hidden",
            Term("optimization", B**2 / eps * L / (1 - beta1) ** 2),
            Term("statistical", B**2 * sigma**2 / (M * eps**2) * log(T / delta)),
            Term("noise drift", B**2 / eps * sqrt(L * sigma**2 * K * consensus_factor(T) / eps)),
            Term("clipping range", B * rho * sqrt(d) / eps * log(T / delta)),
        ),
        Provenance("read", "Theorem B.3, (B.11)-(B.12), mu = 0"),
        (
            MOMENT,
            *THRESHOLD,
            Condition(
                "threshold above the one where clipping bias meets the accuracy",
                Ge(rho, (2**8 * B * (2 * sigma_2alpha) ** alpha / eps) ** (1 / (alpha - 1))),
            ),
            Condition("the prescribed step", Eq(eta, step_convex(eps, T))),
        ),
        (CONTRACTION_CONSTANT,),
        {"eta": step_convex(eps, T)},
    )


@statement("thmB3-sc")
def thm_b3_sc() -> Theorem:
    """Local SGDM, strongly convex: steps to reach accuracy eps at a given clipping threshold."""
    accuracy_log = log(mu * B**2 / eps)
    return local_sgdm(
        "thmB3-sc",
        "Local SGD with momentum, strongly convex: steps to reach an accuracy, any threshold",
        "So many steps T per worker suffice, up to a constant, for the accuracy eps at the prescribed step; T stands in"
        " the logarithms too.",
        upper(
            "steps",
            "hidden",
            Term("optimization", accuracy_log * L / ((1 - beta1) ** 2 * mu)),
            Term("statistical", accuracy_log * sigma**2 / (mu * M * eps) * log(T / delta)),
            Term("noise drift", accuracy_log * sqrt(L * sigma**2 * K * consensus_factor(T) / (mu**2 * eps))),
            Term("clipping range", accuracy_log * rho * sqrt(d) / sqrt(mu * eps) * log(T / delta)),
        ),
        Provenance("read", "Theorem B.3, (B.11)-(B.12), mu > 0"),
        (
            MOMENT,
            *THRESHOLD,
            Condition(
                "threshold above the one where clipping bias meets the accuracy",
                Ge(rho, (2**8 * (2 * sigma_2alpha) ** (2 * alpha) / (mu * eps)) ** (1 / (2 * (alpha - 1)))),
            ),
            Condition("the prescribed step", Eq(eta, step_strongly_convex(eps, T))),
        ),
        (WEIGHTS, THRESHOLD_CONSTANT, CONTRACTION_CONSTANT),
        {"eta": step_strongly_convex(eps, T)},
        strongly_convex=True,
    )


@statement("thmB4-steps")
def thm_b4_steps() -> Theorem:
    """Local SGDM, strongly convex: steps to reach accuracy eps."""
    accuracy_log = log(mu * B**2 / eps)
    every = log(M * T / delta)
    return local_sgdm(
        "thmB4-steps",
        "Local SGD with momentum, strongly convex: steps to reach an accuracy",
        "So many steps T per worker suffice, up to a constant, at the optimal step and threshold.",
        upper(
            "steps",
            "hidden",
            Term("optimization", accuracy_log * L / mu),
            Term("statistical", accuracy_log * sigma**2 / (mu * M * eps) * log(T / delta)),
            Term("noise drift", accuracy_log * sqrt(L * sigma**2 * K * every / (mu**2 * eps))),
            Term(
                "clipping",
                accuracy_log * sqrt(L * d / (mu**2 * eps)) * every * bias_threshold_strongly_convex(eps),
            ),
        ),
        Provenance("read", "Theorem B.4, (B.18)"),
        (
            MOMENT,
            local_steps_condition(spread_steps(T)),
            small_accuracy(bias_threshold_strongly_convex(eps)),
            MOMENTUM,
        ),
        (WEIGHTS, THRESHOLD_CONSTANT, CONTRACTION_CONSTANT),
        {"eta": step_strongly_convex(eps, T), "rho": best_threshold(bias_threshold_strongly_convex(eps), T)},
        strongly_convex=True,
    )


@statement("thmB5-steps")
def thm_b5_steps() -> Theorem:
    """Local SGDM, convex: steps to reach accuracy eps."""
    every = log(M * T / delta)
    return local_sgdm(
        "thmB5-steps",
        "Local SGD with momentum, convex: steps to reach an accuracy",
        "So many steps T per worker suffice, up to a constant, at the optimal step and threshold.",
        upper(
            "steps",
            "hidden",
            Term("optimization", B**2 * L / eps),
            Term("statistical", B**2 * sigma**2 / (M * eps**2) * log(T / delta)),
            Term("noise drift", B**2 / eps * sqrt(L * sigma**2 * K * every / eps)),
            Term("clipping", B**2 / eps * sqrt(d * L / eps) * bias_threshold_convex(eps) * every),
        ),
        Provenance("read", "Theorem B.5, (B.23)"),
        (MOMENT, local_steps_condition(spread_steps(T)), small_accuracy(bias_threshold_convex(eps)), MOMENTUM),
        (CONTRACTION_CONSTANT,),
        {"eta": step_convex(eps, T), "rho": best_threshold(bias_threshold_convex(eps), T)},
    )


def threshold_statement(label: str, where: str, bias_threshold: Expr, adam: bool, strongly_convex: bool) -> Theorem:
    """The order of the optimal clipping threshold."""
    bound = Bound(
        (Term("clipping threshold", best_threshold(bias_threshold, T)),),
        MEASURES["clipping-threshold"],
        "exact",
        "hidden",
        ADAM_UNITS if adam else {},
    )
    title = "Order of the optimal clipping threshold"
    text = "The clipping threshold that balances the bound, up to a constant, at the accuracy eps and T steps."
    if adam:
        return local_adam(label, f"{title}, Local Adam", text, bound, where, (MOMENT,))
    kind = "strongly convex" if strongly_convex else "convex"
    return local_sgdm(
        label,
        f"{title}, Local SGDM, {kind}",
        text,
        bound,
        Provenance("read", where),
        (MOMENT,),
        strongly_convex=strongly_convex,
    )


@statement("eqB.21")
def eq_b21() -> Theorem:
    """Optimal threshold of Local SGDM, strongly convex."""
    return threshold_statement("eqB.21", "(B.21)", bias_threshold_strongly_convex(eps), False, True)


@statement("eqB.26")
def eq_b26() -> Theorem:
    """Optimal threshold of Local SGDM, convex."""
    return threshold_statement("eqB.26", "(B.26)", bias_threshold_convex(eps), False, False)


@statement("eqC.29")
def eq_c29() -> Theorem:
    """Optimal threshold of Local Adam."""
    return threshold_statement("eqC.29", "(C.29)", bias_threshold_adam(eps), True, False)


# ------------------------------------------------------------------------------------- Local SGDM at a fixed step size

STEP_OF_DESCENT = Condition("step at most (1 - beta1)^2 / (2L)", Le(2 * eta * L, (1 - beta1) ** 2))
NO_MOMENTUM = Condition("no momentum", Eq(beta1, 0))
CONTAINED = Condition("every mean iterate stays within D of the optimum")
CONTAINED_NEAR_START = (CONTAINED, Condition("D of the order of the start distance", Le(D, sqrt(3) * B)))
MODERATE_THRESHOLD = (
    Condition("one clipped step is at most D (constant 1 taken)", Le(eta * rho * sqrt(d), D)),
    Condition("enough local steps for the threshold (constant and logarithm 1 taken)", Le(rho**2 * d, K * sigma**2)),
)
CLIPS_ABOVE_GRADIENT = Condition(
    "threshold above G_inf, which bounds every gradient coordinate at every iterate", Lt(G_inf, rho)
)


def fixed_step_convex_terms(
    bias: Expr, optimization: Expr, statistical: Expr, drift: Expr, squared: Expr, clipping_drift: Expr
) -> tuple[Term, ...]:
    """B^2/(eta T) + eta sigma^2/M + L eta^2 sigma^2 K + D bias + eta bias^2 + L eta^2 K^2 bias^2, with coefficients.

    `drift` and `clipping_drift` come with their powers of K, so that K = 1 can have none.
    """
    return (
        Term("optimization", optimization * B**2 / (eta * K * R)),
        Term("statistical", statistical * eta * sigma**2 / M),
        Term("noise drift", drift * L * eta**2 * sigma**2),
        Term("clipping", D * bias),
        Term("squared clipping", squared * eta * bias**2),
        Term("clipping drift", clipping_drift * L * eta**2 * bias**2),
    )


def fixed_step_strongly_convex_terms(
    bias: Expr, optimization: Expr, statistical: Expr, drift: Expr, clipping: Expr, squared: Expr, clipping_drift: Expr
) -> tuple[Term, ...]:
    """mu B^2 (1-q)^T/(1-(1-q)^T) with q = eta mu/2, noise as in the convex case, and bias^2/mu."""
    left = Pow(1 - eta * mu / 2, K * R)
    return (
        Term("optimization", optimization * mu * B**2 * left / (1 - left)),
        Term("statistical", statistical * eta * sigma**2 / M),
        Term("noise drift", drift * L * eta**2 * sigma**2),
        Term("clipping", clipping * bias**2 / mu),
        Term("squared clipping", squared * eta * bias**2),
        Term("clipping drift", clipping_drift * L * eta**2 * bias**2),
    )


@statement("structural-convex")
def structural_convex() -> Theorem:
    """Local SGDM at a fixed step, convex: the shape of the bound."""
    bias = clipping_bias(sigma_2alpha)
    return local_sgdm(
        "structural-convex",
        "Local SGD with momentum at a fixed step, convex: the shape of the bound",
        "At a fixed step: start, statistical, drift and clipping terms, up to constants and logarithms.",
        upper("gap", "hidden with logs", *fixed_step_convex_terms(bias, 1, 1, K, 1, K**2)),
        Provenance("re-derived", "(B.71), (B.77), (B.82) read at a fixed step", f"{PROOFS}#structural-convex"),
        (
            MOMENT,
            *THRESHOLD,
            STEP_OF_DESCENT,
            *CONTAINED_NEAR_START,
            *MODERATE_THRESHOLD,
            MOMENTUM,
        ),
    )


@statement("structural-sc")
def structural_sc() -> Theorem:
    """Local SGDM at a fixed step, strongly convex: the shape of the bound."""
    bias = clipping_bias(sigma_2alpha)
    return local_sgdm(
        "structural-sc",
        "Local SGD with momentum at a fixed step, strongly convex: the shape of the bound",
        "At a fixed step: start, statistical, drift and clipping terms, up to constants and logarithms.",
        upper(
            "gap",
            "hidden with logs",
            *fixed_step_strongly_convex_terms(bias, 1, 1, K, 1, 1, K**2),
            Term("clipping range", eta * mu * D * rho * sqrt(d)),
        ),
        Provenance("re-derived", "(B.58) and its bias parts read at a fixed step", f"{PROOFS}#structural-sc"),
        (MOMENT, *THRESHOLD, STEP_OF_DESCENT, *CONTAINED_NEAR_START, *MODERATE_THRESHOLD, MOMENTUM),
        (WEIGHTS,),
        strongly_convex=True,
    )


@statement("fixed-step-convex")
def fixed_step_convex() -> Theorem:
    """Clipped local SGD at a fixed step, convex, with constants."""
    terms = fixed_step_convex_terms(
        sharp_clipping_bias(sigma_2alpha),
        Rational(1, 2),
        Rational(1, 2),
        (K - 1) / 2,
        Integer(1),
        Rational(2, 3) * K * (K - 1),
    )
    return in_expectation(
        local_sgdm(
            "fixed-step-convex",
            "Clipped local SGD at a fixed step, convex, with constants",
            "Without momentum, in expectation, for any noise moment alpha >= 2, when every mean iterate stays within D"
            " of the optimum; no clipping is rho = inf, and then D does not matter.",
            upper("gap", "explicit", *terms),
            Provenance("own", "an in-expectation version without momentum", f"{PROOFS}#fixed-step-convex"),
            (
                Condition("noise moment of order at least 2", Ge(alpha, 2)),
                NO_MOMENTUM,
                Condition("step at most 1/(2L)", Le(2 * eta * L, 1)),
                CLIPS_ABOVE_GRADIENT,
                CONTAINED,
            ),
        )
    )


@statement("fixed-step-sc")
def fixed_step_sc() -> Theorem:
    """Clipped local SGD at a fixed step, strongly convex, with constants."""
    terms = fixed_step_strongly_convex_terms(
        sharp_clipping_bias(sigma_2alpha),
        Rational(1, 2),
        Integer(1),
        4 * (K - 1),
        Integer(2),
        Integer(2),
        8 * (K - 1) ** 2,
    )
    return in_expectation(
        local_sgdm(
            "fixed-step-sc",
            "Clipped local SGD at a fixed step, strongly convex, with constants",
            "Without momentum, in expectation, for any noise moment alpha >= 2; no clipping is rho = inf.",
            upper("gap", "explicit", *terms),
            Provenance("own", "an in-expectation version without momentum", f"{PROOFS}#fixed-step-sc"),
            (
                Condition("noise moment of order at least 2", Ge(alpha, 2)),
                NO_MOMENTUM,
                Condition("step at most 1/(4L)", Le(4 * eta * L, 1)),
                CLIPS_ABOVE_GRADIENT,
            ),
            strongly_convex=True,
        )
    )


def in_expectation(entry: Theorem) -> Theorem:
    """The same entry with a bound that holds in expectation."""
    return replace(entry, holds="in expectation")


# ------------------------------------------------------------------------------------------------- Local Adam, rates

SECOND_MOMENT = Condition(
    "1 - beta2 of order K^(-3/2) R^(-1/2) up to logarithms, (4.9) (constant 1 taken)",
    Le((1 - beta2) * K ** Rational(3, 2) * sqrt(R), 1),
)
ENVELOPE_RANGE = (
    Condition("Moreau parameter at least lambda/L", Ge(moreau * L, lam)),
    Condition("Moreau parameter at most lambda/(2 weak)", Le(2 * weak * moreau, lam)),
)
SMALL_ADAM_ACCURACY = Condition(
    "accuracy at most (sigma_inf^2/G_inf)^2 (constant 1 taken)", Le(eps, (sigma_inf**2 / G_inf) ** 2)
)
ADAM_ACCURACY_UNIT = Erratum(
    "accuracy against sigma_inf^2/G_inf",
    "(C.14), (C.19), (C.23) and (C.25) compare the accuracy with sigma_inf^2/G_inf; its square is meant.",
    "The accuracy is a squared gradient, sigma_inf^2/G_inf is not; Lemma C.9's condition gives sigma_inf^4/G_inf^2.",
)


@statement("thm3")
def thm3() -> Theorem:
    """Local Adam, weakly convex."""
    terms = adam_terms(full=False, inverse_step=L)
    return local_adam(
        "thm3",
        "Local Adam, weakly convex",
        "Clipped Local Adam with the optimal step size and threshold, up to logarithms; only eta/lambda matters.",
        upper_adam("preconditioned-squared-gradient", "hidden with logs", *terms),
        "Theorem 3, (4.10)",
        (MOMENT, local_steps_condition(all_workers_log()), SECOND_MOMENT, MOMENTUM, SPREAD, TUNED),
        (
            SMALL_ACCURACY,
            FIRST_STEP,
            Erratum(
                "number of terms",
                "The text after (4.10) speaks of four parts; the display has five terms.",
                "The optimization part has two terms, weak Delta / R and L Delta / (K R).",
            ),
        ),
        {"eta": step_adam(rate(terms), K * R)},
    )


@statement("eq4.11")
def eq4_11() -> Theorem:
    """Minibatch Adam."""
    terms = [term for term in adam_terms(full=False, inverse_step=L) if term.name in ("optimization", "statistical")]
    return local_adam(
        "eq4.11",
        "Mini-batch Adam",
        "R steps of clipped Adam with the K M gradients of a round in one batch: Local Adam at K = M = 1. The clipping"
        " term is a weighted geometric mean of the two terms, so dropping it is free.",
        upper_adam(
            "preconditioned-squared-gradient",
            "hidden with logs",
            *(Term(term.name, minibatch(term.expression)) for term in terms),
        ),
        "(4.11)",
        (MOMENT, MOMENTUM, SPREAD, TUNED),
        algorithm="minibatch-adam",
    )


@statement("eqC.166")
def eq_c166() -> Theorem:
    """Minibatch Adam, Moreau envelope."""
    terms = adam_terms(full=False, inverse_step=lam / moreau)
    return local_adam(
        "eqC.166",
        "Mini-batch Adam, gradient of the Moreau envelope",
        "R steps of clipped Adam with the K M gradients of a round in one batch.",
        upper_adam(
            "envelope-squared-gradient",
            "hidden with logs",
            *(
                Term(term.name, minibatch(term.expression))
                for term in terms
                if term.name in ("optimization", "statistical", "clipping")
            ),
        ),
        "(C.166)",
        (MOMENT, *ENVELOPE_RANGE, MOMENTUM, SPREAD, TUNED),
        (
            Erratum(
                "comparison after (C.167)",
                "The text says that the clipping term is dominated by the first term; at the Moreau parameter lambda/L"
                " and R of order at least L Delta / sigma^2 it is dominated by the second. (C.168) shows M K R where"
                " the text speaks of batch size 1.",
                "The clipping term is the geometric mean of the first term, weight (alpha-2)/(3 alpha-2), and the"
                " second, weight 2 alpha/(3 alpha-2).",
            ),
        ),
        algorithm="minibatch-adam",
    )


@statement("thmC2")
def thm_c2() -> Theorem:
    """Local Adam, Moreau envelope, with logarithms."""
    terms = adam_terms(full=True, inverse_step=lam / moreau)
    return local_adam(
        "thmC2",
        "Local Adam, gradient of the Moreau envelope, with logarithms",
        "Weakly convex, any Moreau parameter between lambda/L and lambda/(2 weak).",
        upper_adam("envelope-squared-gradient", "hidden", *terms),
        "Theorem C.2, (C.27)",
        (
            MOMENT,
            *ENVELOPE_RANGE,
            local_steps_condition(spread_steps(K * R)),
            small_accuracy(bias_threshold_adam(eps)),
            SMALL_ADAM_ACCURACY,
            SECOND_MOMENT,
            MOMENTUM,
            TUNED,
        ),
        (ADAM_ACCURACY_UNIT, ADAM_LOGS, FIRST_STEP),
        {
            "eta": step_adam(rate(terms), K * R),
            "rho": best_threshold(bias_threshold_adam(rate(terms)), K * R),
        },
    )


@statement("thmC3")
def thm_c3() -> Theorem:
    """Local Adam, with logarithms."""
    terms = adam_terms(full=True, inverse_step=L)
    return local_adam(
        "thmC3",
        "Local Adam, weakly convex, with logarithms",
        "The full version of Theorem 3: Theorem C.2 at the Moreau parameter lambda/L, which needs L >= 2 weak; doubling"
        " L gives that.",
        upper_adam("preconditioned-squared-gradient", "hidden", *terms),
        "Theorem C.3, (C.33)",
        (
            MOMENT,
            local_steps_condition(spread_steps(K * R)),
            small_accuracy(bias_threshold_adam(eps)),
            SMALL_ADAM_ACCURACY,
            SECOND_MOMENT,
            MOMENTUM,
            TUNED,
        ),
        (ADAM_ACCURACY_UNIT, ADAM_LOGS, FIRST_STEP),
        {
            "eta": step_adam(rate(terms), K * R),
            "rho": best_threshold(bias_threshold_adam(rate(terms)), K * R),
        },
    )


@statement("thmC3-plain")
def thm_c3_plain() -> Theorem:
    """Local Adam, plain norm of the gradient."""
    factor = 1 + (G_inf + sigma_inf) / lam
    return local_adam(
        "thmC3-plain",
        "Local Adam, mean squared gradient in the plain norm",
        "Theorem C.3 without the preconditioner in the norm, with probability at least 1 - 2 delta: the damping must"
        " not be small against gradients and noise.",
        upper_adam(
            "squared-gradient",
            "hidden",
            *(Term(term.name, factor * term.expression) for term in adam_terms(full=True, inverse_step=L)),
        ),
        "Theorem C.3, (C.34)",
        (
            *thm_c3().conditions,
            Condition(
                "1 - beta2 of order at most (G_inf^2 + sigma_inf^2) / (rho^2 log(dR/delta)) (constant 1 taken)",
                Le((1 - beta2) * rho**2 * log(d * R / delta), G_inf**2 + sigma_inf**2),
            ),
        ),
        (ADAM_ACCURACY_UNIT, ADAM_LOGS, FIRST_STEP),
    )


# ------------------------------------------------------------------------------- Local Adam, steps to reach an accuracy


@statement("thmC1")
def thm_c1() -> Theorem:
    """Local Adam: steps to reach accuracy eps at a given clipping threshold."""
    small = Min(eps, (sigma_inf**2 / G_inf) ** 2)
    root_k = sqrt(K)
    second_moment = Min(
        (1 - beta1) / (root_k * difference_factor(T)),
        (1 - beta1) * sigma * sqrt(consensus_factor_adam(T)) / (root_k * difference_factor(T) * G),
        eta / (moreau * drift_factor(T)),
        (1 - beta1) / (root_k * drift_factor(T)),
        1 / K,
    )
    return local_adam(
        "thmC1",
        "Local Adam: steps to reach an accuracy, any threshold, gradient of the Moreau envelope",
        "So many steps T per worker suffice, up to a constant, for the accuracy eps at the prescribed step; T stands in"
        " the logarithms too.",
        upper_adam(
            "steps",
            "hidden",
            Term("weak convexity", K * weak * Delta / eps),
            Term("optimization", L * Delta / ((1 - beta1) ** 2 * eps)),
            Term("statistical", lam * Delta * sigma**2 / (moreau * M * eps**2) * sqrt(log(T / delta))),
            Term("noise drift", Delta / eps * sqrt(L**2 * sigma**2 * K * consensus_factor_adam(T) / small)),
            Term(
                "clipping range",
                sqrt(L * Delta * rho**2 * d * log(T / delta)) / ((sqrt(beta2) - beta1) * eps),
            ),
        ),
        "Theorem C.1, (C.14), with the square of sigma_inf^2/G_inf (erratum)",
        (
            MOMENT,
            *ENVELOPE_RANGE,
            *THRESHOLD,
            Condition(
                "threshold above the one where clipping bias meets the accuracy",
                Ge(rho, (2**6 * (2 * sigma_2alpha) ** (2 * alpha) / eps) ** (1 / (2 * (alpha - 1)))),
            ),
            Condition("beta1 below the root of beta2", Lt(beta1, sqrt(beta2))),
            Condition("slow second moment, (C.13) (constant 1 taken)", Le(1 - beta2, second_moment)),
            Condition("the prescribed step", Eq(eta, step_adam(eps, T))),
        ),
        (
            ADAM_ACCURACY_UNIT,
            ADAM_LOGS,
            FIRST_STEP,
            Erratum(
                "comma in (C.13)",
                "A comma is missing between the first two entries of the minimum in (C.13) and (C.24).",
                "(C.80) in Lemma C.10 has them as separate entries.",
            ),
        ),
        {"eta": step_adam(eps, T)},
    )


def adam_steps_terms(inverse_step: Expr) -> tuple[Term, ...]:
    """Steps to reach accuracy eps: (C.26), or (C.32) where `inverse_step` is L."""
    every = log(M * T / delta)
    return (
        Term("weak convexity", K * weak * Delta / eps),
        Term("optimization", L * Delta / eps),
        Term("statistical", inverse_step * Delta * sigma**2 / (M * eps**2) * sqrt(log(T / delta))),
        Term("noise drift", L * Delta / eps ** Rational(3, 2) * sqrt(sigma**2 * K * every)),
        Term("clipping", L * Delta / eps ** Rational(3, 2) * bias_threshold_adam(eps) * sqrt(d) * every),
    )


@statement("thmC2-steps")
def thm_c2_steps() -> Theorem:
    """Local Adam, Moreau envelope: steps to reach accuracy eps."""
    return local_adam(
        "thmC2-steps",
        "Local Adam: steps to reach an accuracy, gradient of the Moreau envelope",
        "So many steps T per worker suffice, up to a constant, at the optimal step and threshold.",
        upper_adam("steps", "hidden", *adam_steps_terms(lam / moreau)),
        "Theorem C.2, (C.26)",
        (
            MOMENT,
            *ENVELOPE_RANGE,
            local_steps_condition(spread_steps(T)),
            small_accuracy(bias_threshold_adam(eps)),
            SMALL_ADAM_ACCURACY,
            SECOND_MOMENT,
            MOMENTUM,
        ),
        (ADAM_ACCURACY_UNIT, ADAM_LOGS, FIRST_STEP),
        {"eta": step_adam(eps, T), "rho": best_threshold(bias_threshold_adam(eps), T)},
    )


@statement("thmC3-steps")
def thm_c3_steps() -> Theorem:
    """Local Adam: steps to reach accuracy eps."""
    return local_adam(
        "thmC3-steps",
        "Local Adam: steps to reach an accuracy",
        "So many steps T per worker suffice, up to a constant, at the optimal step and threshold.",
        upper_adam("steps", "hidden", *adam_steps_terms(L)),
        "Theorem C.3, (C.32)",
        (
            MOMENT,
            local_steps_condition(spread_steps(T)),
            small_accuracy(bias_threshold_adam(eps)),
            SMALL_ADAM_ACCURACY,
            SECOND_MOMENT,
            MOMENTUM,
        ),
        (ADAM_ACCURACY_UNIT, ADAM_LOGS, FIRST_STEP),
        {"eta": step_adam(eps, T), "rho": best_threshold(bias_threshold_adam(eps), T)},
    )


def adam_budgets() -> tuple[Condition, ...]:
    """(C.158): noise, drift and clipping may each use up a twelfth of the initial gap."""
    step = eta / lam
    noise = 10 * step * eta * sigma**2 * K * R / (moreau * M)
    drift = 60 * step * K * R * step**2 * L**2 * sigma**2 * K * consensus_factor_adam(K * R)
    clipping = 60 * step * K * R * squared_clipping_bias()
    return tuple(
        Condition(f"the {name} stays below a twelfth of the initial gap, (C.158)", Le(12 * budget, Delta))
        for name, budget in (("noise", noise), ("drift", drift), ("clipping bias", clipping))
    )


@statement("structural-adam")
def structural_adam() -> Theorem:
    """Local Adam at a fixed step: the shape of the bound."""
    return local_adam(
        "structural-adam",
        "Local Adam at a fixed step: the shape of the bound",
        "At a fixed step: start, statistical, drift and clipping terms, up to constants and logarithms; proved as long"
        " as no other term exceeds the first, which keeps the iterates in the domain.",
        upper_adam(
            "envelope-squared-gradient",
            "hidden with logs",
            Term("optimization", lam * Delta / (eta * K * R)),
            Term("statistical", eta * sigma**2 / (moreau * M)),
            Term("noise drift", eta**2 * L**2 * sigma**2 * K / lam**2),
            Term("clipping", squared_clipping_bias()),
            Term("clipping drift", eta**2 * L**2 * K**2 * squared_clipping_bias() / lam**2),
        ),
        "",
        (
            MOMENT,
            *ENVELOPE_RANGE,
            *THRESHOLD,
            Condition("step at most lambda/(60 K weak)", Le(60 * eta * K * weak, lam)),
            Condition("step at most (1 - beta1)^2 lambda/(64 L)", Le(64 * eta * L, (1 - beta1) ** 2 * lam)),
            *adam_budgets(),
            SECOND_MOMENT,
            MOMENTUM,
        ),
        provenance=Provenance(
            "re-derived", "Lemma C.11, (C.10) and (C.158), read at a fixed step", f"{PROOFS}#structural-adam"
        ),
    )


# ------------------------------------------------------------------------------- clipping, noise and consensus lemmas

SCALAR_CLIPPING = (
    Condition("moment of order at least 2", Ge(alpha, 2)),
    Condition("mean at most half the threshold (G_inf bounds it)", Le(2 * G_inf, rho)),
    Condition("threshold at least three noise levels", Ge(rho, 3 * sigma)),
)


@statement("lemA2-bias")
def lem_a2_bias() -> Theorem:
    """Bias of clipping."""
    return lemma(
        "lemA2-bias",
        "Bias of clipping",
        "E|X - x|^alpha <= sigma^alpha with mean x: clipping at rho moves the mean by at most this.",
        upper("clipping-bias", "explicit", Term("clipping", clipping_bias(sigma))),
        Provenance("read", "Lemma A.2, (A.3), first part"),
        SCALAR_CLIPPING,
    )


@statement("lemA2-moment")
def lem_a2_moment() -> Theorem:
    """Moment of a clipped variable about the true mean."""
    return lemma(
        "lemA2-moment",
        "Moment of a clipped coordinate about the true mean",
        "Clipping does not raise the moment of order alpha about the true mean.",
        upper("clipped-moment", "explicit", Term("noise", sigma**alpha)),
        Provenance("read", "Lemma A.2, (A.3), second part"),
        SCALAR_CLIPPING,
    )


@statement("lemA2-centered-moment")
def lem_a2_centered_moment() -> Theorem:
    """Moment of a clipped variable about its own mean."""
    return lemma(
        "lemA2-centered-moment",
        "Moment of a clipped coordinate about its own mean",
        "About its own mean the clipped coordinate has at most 2^alpha times the moment.",
        upper("clipped-moment", "explicit", Term("noise", (2 * sigma) ** alpha)),
        Provenance("read", "Lemma A.2, (A.3), third part"),
        SCALAR_CLIPPING,
    )


@statement("lemA2-sharp")
def lem_a2_sharp() -> Theorem:
    """Best possible bound on the bias of clipping."""
    return lemma(
        "lemA2-sharp",
        "Bias of clipping, best possible",
        "For every alpha > 1 and every threshold above the mean; two-point laws with jumps alpha/(alpha-1) (rho - |x|)"
        " attain it as sigma/rho -> 0, so the exponent alpha - 1 is sharp and 2^alpha in Lemma A.2 is not.",
        upper("clipping-bias", "explicit", Term("clipping", sharp_clipping_bias(sigma))),
        Provenance("own", "sharpens Lemma A.2", f"{PROOFS}#lema2-sharp"),
        (
            Condition("moment of order above 1", Lt(1, alpha)),
            Condition("mean below the threshold (G_inf bounds it)", Lt(G_inf, rho)),
        ),
    )


@statement("eqB.63")
def eq_b63() -> Theorem:
    """Squared bias of a clipped stochastic gradient."""
    return lemma(
        "eqB.63",
        "Squared bias of a clipped stochastic gradient",
        "Lemma A.2 summed over the coordinates.",
        upper("squared-clipping-bias", "explicit", Term("clipping", squared_clipping_bias())),
        Provenance("read", "(B.63)"),
        (MOMENT, *THRESHOLD),
    )


@statement("lemA3")
def lem_a3() -> Theorem:
    """Fourth moment of the mean of independent noise."""
    return lemma(
        "lemA3",
        "Fourth moment of the mean of independent noise",
        "Independent vectors of mean zero with fourth moment at most sigma^4: the moment of their mean.",
        upper("fourth-moment", "explicit", Term("noise", 4 * sigma**4 / M**2)),
        Provenance("read", "Lemma A.3"),
    )


@statement("lemA3-sharp")
def lem_a3_sharp() -> Theorem:
    """Best possible bound on the fourth moment of the mean."""
    return lemma(
        "lemA3-sharp",
        "Fourth moment of the mean of independent noise, best possible",
        "Random signs attain it for every M.",
        upper("fourth-moment", "explicit", Term("noise", (3 - 2 / M) * sigma**4 / M**2)),
        Provenance("own", "sharpens Lemma A.3", f"{PROOFS}#lema3-sharp"),
    )


def consensus_conditions() -> tuple[Condition, ...]:
    """Hypotheses of Lemma B.1."""
    return (
        MOMENT,
        *THRESHOLD,
        STEP_OF_DESCENT,
        Condition("step at most B / (4 sigma sqrt(K A))", Le(4 * eta * sigma * sqrt(K * consensus_factor(K * R)), B)),
    )


@statement("lemB1")
def lem_b1() -> Theorem:
    """Consensus of Local SGDM's auxiliary iterates."""
    return local_sgdm(
        "lemB1",
        "Workers of Local SGDM stay together: auxiliary iterates",
        "Any two workers' momentum-free iterates z stay within eta sigma sqrt(K A) of each other.",
        upper("squared-consensus", "explicit", Term("noise drift", eta**2 * sigma**2 * K * consensus_factor(K * R))),
        Provenance("read", "Lemma B.1, (B.4)"),
        consensus_conditions(),
        (CONTRACTION_CONSTANT,),
        iterate=EVERY_STEP,
    )


@statement("lemB6")
def lem_b6() -> Theorem:
    """Consensus of Local SGDM's iterates."""
    radius = eta * sigma * sqrt(K * consensus_factor(K * R))
    return local_sgdm(
        "lemB6",
        "Workers of Local SGDM stay together: iterates",
        "Any two workers' iterates x stay within eta sigma sqrt(K A) of each other, and all within sqrt(3) B of the"
        " optimum.",
        upper("consensus", "explicit", Term("noise drift", radius)),
        Provenance("read", "Lemma B.6"),
        (
            *consensus_conditions(),
            Condition("drift within the ball's margin", Le(radius, (sqrt(3) - sqrt(2)) * B)),
        ),
        (CONTRACTION_CONSTANT,),
        iterate=EVERY_STEP,
    )


def flat_variance(label: str, title: str, text: str, variance: Expr) -> Theorem:
    """Exact variance within a round where the objective is linear and nothing is clipped."""
    entry = local_sgdm(
        label,
        title,
        text,
        Bound((Term("noise", variance),), MEASURES["variance"], "exact", "explicit"),
        Provenance("own", "noise accumulates linearly", f"{PROOFS}#flat-variance"),
        (Condition("the gradient is constant and nothing is clipped"),),
        iterate="one worker after K local steps from a synchronized start without momentum",
    )
    return replace(in_expectation(entry), problem_class="linear objective, identical machines")


@statement("flat-variance-z")
def flat_variance_z() -> Theorem:
    """Variance of the auxiliary iterate on a flat objective."""
    return flat_variance(
        "flat-variance-z",
        "Variance of the auxiliary iterate on a linear objective",
        "The momentum-free iterate z spreads like a random walk, whatever beta1 is.",
        eta**2 * sigma**2 * K,
    )


@statement("flat-variance-x")
def flat_variance_x() -> Theorem:
    """Variance of the iterate on a flat objective."""
    geometric = 2 * beta1 * (1 - beta1**K) / (1 - beta1) - beta1**2 * (1 - beta1 ** (2 * K)) / (1 - beta1**2)
    return flat_variance(
        "flat-variance-x",
        "Variance of the iterate on a linear objective",
        "The iterate lags behind z: the sum of (1 - beta1^j)^2 over j <= K replaces K.",
        eta**2 * sigma**2 * (K - geometric),
    )


@statement("lemC4-ratio")
def lem_c4_ratio() -> Theorem:
    """Gradient against gradient of the Moreau envelope."""
    entry = local_adam(
        "lemC4-ratio",
        "The gradient is at most a multiple of the envelope's gradient",
        "For preconditioners H >= lambda I, in the norm of the inverse preconditioner; 2 at Moreau parameter lambda/L.",
        upper_adam("gradient-to-envelope", "explicit", Term("ratio", 2 * moreau * L / lam)),
        "Lemma C.4, (C.43)",
        ENVELOPE_RANGE,
        iterate="any point",
    )
    return replace(entry, holds="surely")


@statement("lemC8-upper")
def lem_c8_upper() -> Theorem:
    """Growth of a worker's preconditioner within a round."""
    return local_adam(
        "lemC8-upper",
        "A worker's preconditioner grows little within a round",
        "Against the preconditioner of the round's start; the proof gives the square root of this.",
        upper_adam("preconditioner-ratio", "explicit", Term("growth", 1 + (1 - beta2) * drift_factor(K * R))),
        "Lemma C.8, (C.7)",
        (MOMENT, *THRESHOLD),
        iterate=EVERY_STEP,
    )


@statement("lemC8-lower")
def lem_c8_lower() -> Theorem:
    """Decay of a worker's preconditioner within a round."""
    entry = local_adam(
        "lemC8-lower",
        "A worker's preconditioner shrinks little within a round",
        "Against the preconditioner of the round's start; this side holds for every run.",
        Bound((Term("decay", Pow(beta2, K / 2)),), MEASURES["preconditioner-ratio"], "lower", "explicit"),
        "Lemma C.8, (C.7)",
        (),
        iterate=EVERY_STEP,
    )
    return replace(entry, holds="surely")


@statement("lemC9")
def lem_c9() -> Theorem:
    """Difference of two workers' preconditioners."""
    return local_adam(
        "lemC9",
        "Two workers' preconditioners agree up to the noise",
        "Relative to the round's start. Without noise workers agree, while the bound keeps its entry with rho.",
        upper_adam("preconditioner-gap", "explicit", Term("difference", (1 - beta2) * difference_factor(K * R))),
        "Lemma C.9, (C.8)",
        (
            MOMENT,
            *THRESHOLD,
            Condition("1 - beta2 at most 1/(4K)", Le(4 * K * (1 - beta2), 1)),
            Condition(
                "drift small against the noise",
                Le(eta * L * sigma / lam * sqrt(K * consensus_factor_adam(K * R)) * G_inf, 2 * sigma_inf**2),
            ),
        ),
        iterate=EVERY_STEP,
    )


def adam_consensus_conditions() -> tuple[Condition, ...]:
    """Hypotheses of Lemma C.10."""
    slow = Min(
        (1 - beta1) / (4 * difference_factor(K * R)),
        (1 - beta1) * sigma * sqrt(consensus_factor_adam(K * R)) / (2**12 * difference_factor(K * R) * G),
        (1 - beta1) / (4 * drift_factor(K * R)),
    )
    return (
        MOMENT,
        *THRESHOLD,
        Condition("step at most lambda/(60 K weak)", Le(60 * eta * K * weak, lam)),
        Condition("step at most (1 - beta1)^2 lambda/(64 L)", Le(64 * eta * L, (1 - beta1) ** 2 * lam)),
        Condition("slow second moment, (C.80)", Le((1 - beta2) * sqrt(K), slow)),
    )


ADAM_CONTRACTION = (
    ADAM_LOGS,
    FIRST_STEP,
    Erratum(
        "factor in (C.99)",
        "6 eta weak K should be 12 eta weak K; harmless at the step sizes allowed.",
        "Twice the weak convexity of each of two workers enters.",
    ),
)


@statement("lemC10")
def lem_c10() -> Theorem:
    """Consensus of Local Adam's auxiliary iterates."""
    return local_adam(
        "lemC10",
        "Workers of Local Adam stay together: auxiliary iterates",
        "In the norm of the round's preconditioner.",
        upper_adam(
            "preconditioned-consensus",
            "explicit",
            Term("noise drift", eta**2 * sigma**2 / lam * K * consensus_factor_adam(K * R)),
        ),
        "Lemma C.10, (C.9)",
        adam_consensus_conditions(),
        ADAM_CONTRACTION,
        iterate=EVERY_STEP,
    )


@statement("lemC7")
def lem_c7() -> Theorem:
    """Consensus of Local Adam's iterates."""
    radius = eta * sigma / lam * sqrt(K * consensus_factor_adam(K * R))
    return local_adam(
        "lemC7",
        "Workers of Local Adam stay together: iterates",
        "Any two workers' iterates stay within (eta/lambda) sigma sqrt(K A) of each other.",
        upper_adam("consensus", "explicit", Term("noise drift", radius)),
        "Lemma C.7 with Lemma C.10",
        (
            *adam_consensus_conditions(),
            Condition("drift within the domain's margin", Le(radius, sqrt(Delta * moreau / (160 * lam)))),
        ),
        ADAM_CONTRACTION,
        iterate=EVERY_STEP,
    )


@statement("eqC.40")
def eq_c40() -> Theorem:
    """Size of the preconditioner."""
    return local_adam(
        "eqC.40",
        "The preconditioner stays bounded",
        "So lambda times the squared gradient in the norm of the inverse preconditioner is at least"
        " lambda/(lambda + 2 G_inf + 2 sigma_inf) times the squared gradient, and at most the squared gradient.",
        upper_adam(
            "preconditioner",
            "explicit",
            Term("damping", lam),
            Term("gradients", 2 * G_inf),
            Term("noise", 2 * sigma_inf),
        ),
        "(C.40)",
        (
            MOMENT,
            *THRESHOLD,
            Condition(
                "1 - beta2 of order at most (G_inf^2 + sigma_inf^2) / (rho^2 log(dR/delta)) (constant 1 taken)",
                Le((1 - beta2) * rho**2 * log(d * R / delta), G_inf**2 + sigma_inf**2),
            ),
        ),
        iterate="start of every round",
    )


# ------------------------------------------------------------------------------------------- SGD without clipping fails


def confidence_steps() -> Expr:
    """sigma / (delta^(1/alpha) sqrt(L eps)): steps that SGD without clipping needs for confidence delta."""
    return sigma / (delta ** (1 / alpha) * sqrt(L * eps))


def without_clipping(label: str, title: str, text: str, bound: Bound, provenance: Provenance) -> Theorem:
    """A lower bound on the steps of SGD without clipping."""
    return Theorem(
        label=label,
        title=title,
        statement=text,
        bound=bound,
        paper=PAPER,
        provenance=provenance,
        algorithm="sgd",
        problem_class="one-dimensional quadratic of curvature L, noise moment alpha",
        iterate="last iterate",
        holds="with high probability",
        conditions=(
            Condition("step at most 1/L", Le(eta * L, 1)),
            Condition(
                "enough noise: sigma at least 4 delta^(1/alpha) sqrt(2 L eps)",
                Ge(sigma, 4 * delta ** (1 / alpha) * sqrt(2 * L * eps)),
            ),
            Condition("the start is not yet accurate: L B^2 / 2 above eps", Lt(2 * eps, L * B**2)),
        ),
        setting=Setting("sgd", {"sigma": sigma, NOISE_MOMENT: sigma, "zeta": 0, "Q": 0, "mu": L}),
        errata=(
            Erratum(
                "(D.1)",
                "The display has sqrt(L/eps) where 1/sqrt(L eps) follows from the two facts before it; (D.11) alike."
                " The second '=' of (D.8) should be '>='.",
                "sigma delta^(-1/alpha) sqrt(L/eps) is not a pure number; the smallest T, measured without its"
                " logarithm, scales as L^(-1/2).",
            ),
        ),
    )


@statement("thmD1")
def thm_d1() -> Theorem:
    """SGD without clipping pays a power of the confidence."""
    return without_clipping(
        "thmD1",
        "SGD without clipping needs a power of 1/delta",
        "For every step size and number of steps there is noise with moment sigma^alpha on f = L x^2 / 2 such that the"
        " accuracy eps with probability at least 1 - delta needs so many steps, up to logarithms.",
        Bound((Term("confidence", confidence_steps()),), MEASURES["steps"], "lower", "hidden with logs"),
        Provenance("re-derived", "Theorem D.1, (D.1) corrected", f"{PROOFS}#thmd1"),
    )


@statement("thmD1-explicit")
def thm_d1_explicit() -> Theorem:
    """SGD without clipping pays a power of the confidence, with constants."""
    return without_clipping(
        "thmD1-explicit",
        "SGD without clipping needs a power of 1/delta, with constant and logarithm",
        "Theorem D.1 with its constant 1/(8 sqrt(2)) and its logarithm.",
        Bound(
            (Term("confidence", confidence_steps() * log(L * B**2 / (2 * eps)) / (8 * sqrt(2))),),
            MEASURES["steps"],
            "lower",
            "explicit",
        ),
        Provenance("own", "constant of Theorem D.1", f"{PROOFS}#thmd1"),
    )
