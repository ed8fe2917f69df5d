"""cheng2024 up to constants and logarithms: inversions, thresholds in K and M, local against mini-batch bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy
from sympy import Expr, Ge, Le, Min, Rational, cbrt, log, sqrt
from sympy.logic.boolalg import Boolean

from tightrate.rates.orders.parameter_tuning import specialize_expression
from tightrate.rates.papers.cheng2024.clipping import clipping_bias, squared_clipping_bias
from tightrate.rates.papers.cheng2024.clipping_thresholds import (
    bias_threshold_adam,
    bias_threshold_convex,
    bias_threshold_strongly_convex,
)
from tightrate.rates.papers.cheng2024.rate_terms import minibatch
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import (
    B,
    Delta,
    K,
    L,
    M,
    R,
    T,
    alpha,
    d,
    eps,
    mu,
    rho,
    sigma,
    sigma_2alpha,
    weak,
)
from tightrate.verify.assertions.order import Comparison, Order, at_most, not_at_most
from tightrate.verify.claim import claim

SHORT = {"strongly convex": "thm1", "convex": "thm2", "Adam": "thm3"}
FULL = {"strongly convex": "thmB4", "convex": "thmB5", "Adam": "thmC3"}
MINIBATCH = {"strongly convex": "eq4.5-sc", "convex": "eq4.5", "Adam": "eq4.11"}
MOMENTS = Ge(alpha, 4)
LOCAL_STEPS_WITHOUT_CLIPPING: Mapping[str, Boolean] = {  # printed below (4.5) and (4.10)
    "strongly convex": Ge(K ** (alpha - 2) * L, mu * R**2),
    "convex": Ge(K ** ((3 * alpha - 5) / 2) * L * B, sigma * R**2),
    "Adam": Ge(K ** ((3 * alpha - 4) / 2) * L * Delta, sigma**2 * R),
}
CRITICAL_STEPS = {"convex": sigma**2 * R / (L * B) ** 2, "Adam": sigma**2 * R / (L * Delta)}


def term(label: str, name: str) -> Expr:
    """One term of a statement."""
    return theorem(f"cheng2024/{label}").bound.term(name).expression


def rate(label: str, *, without: str = "") -> Expr:
    """The sum of a statement's terms, without the one of that name."""
    return sympy.Add(*(t.expression for t in theorem(f"cheng2024/{label}").bound.terms if t.name != without))


def equal(name: str, left: Expr, right: Expr, *given: Boolean) -> Iterator[Comparison]:
    """left ~ right."""
    yield at_most(left, right, *given, name=f"{name}, at most")
    yield at_most(right, left, *given, name=f"{name}, at least")


def exactly(name: str, left: Expr, right: Expr, given: Boolean, *more: Boolean) -> Iterator[Comparison]:
    """left <~ right where an inequality holds, and right <~ left where it holds the other way round."""
    flipped = Le(given.lhs, given.rhs) if isinstance(given, Ge) else Ge(given.lhs, given.rhs)
    yield at_most(left, right, given, *more, name=name)
    yield at_most(right, left, flipped, *more, name=f"{name}, converse")


# --- Rates and numbers of steps --------------------------------------------------------------------------------------


def without_logarithms(expression: Expr) -> Expr:
    """Every logarithm set to one."""
    return expression.replace(log, lambda *_: sympy.Integer(1))


@claim(
    "cheng2024/rates-invert",
    "Up to logarithms, (B.19), (B.24), (C.33) and the numbers of steps (B.18), (B.23), (C.32) are inverses.",
    theorem="cheng2024/thmB5-steps",
    kind="identity",
    expected="confirmed",
)
def rates_invert() -> Order:
    """Every power-law term in both directions: at most $eps$ exactly where $T$ is at least the same term of the
    steps.
    """
    comparisons: list[Comparison] = []
    for case, label in FULL.items():
        for one in theorem(f"cheng2024/{label}").bound.terms:
            if not one.expression.has(sympy.exp):
                enough = Ge(K * R, without_logarithms(term(f"{label}-steps", one.name)))
                comparisons += exactly(f"{case}: {one.name}", without_logarithms(one.expression), eps, enough, MOMENTS)
    return Order(comparisons, "steps and rates are inverse")


# --- The clipping term -----------------------------------------------------------------------------------------------


@claim(
    "cheng2024/clipping-below-drift",
    "The clipping term is below the drift term exactly from the printed number of local steps on: $K^(alpha-2) = mu"
    " R^2/L$, $K^((3 alpha-5)/2) = sigma R^2/(L B)$, $K^((3 alpha-4)/2) = sigma^2 R/(L Delta)$.",
    theorem="cheng2024/thm1",
    kind="regime",
    expected="confirmed",
)
def clipping_below_drift() -> Order:
    """Certificates for all moments $alpha >= 4$, in both directions."""
    comparisons: list[Comparison] = []
    for case, label in SHORT.items():
        clipping, drift = term(label, "clipping"), term(label, "noise drift")
        comparisons += exactly(case, clipping, drift, LOCAL_STEPS_WITHOUT_CLIPPING[case], MOMENTS)
    return Order(comparisons, "thresholds in K are exact")


@claim(
    "cheng2024/clipping-with-all-moments",
    "As $alpha$ grows, clipping over drift tends to $1/K$ (strongly convex) or $K^(-1/3)$ (convex, Adam).",
    theorem="cheng2024/thm2",
    kind="identity",
    expected="confirmed",
)
def clipping_with_all_moments() -> Order:
    """The limit of every exponent as $alpha$ goes to infinity, compared with the drift term in both directions."""
    comparisons: list[Comparison] = []
    for case, label in SHORT.items():
        bounded = specialize_expression(term(label, "clipping"), alpha=sympy.oo)
        power = K if case == "strongly convex" else cbrt(K)
        comparisons += equal(case, bounded * power, term(label, "noise drift"))
    return Order(comparisons, "limits of the clipping terms")


@claim(
    "cheng2024/best-threshold",
    "$rho = ||sigma|| (K/sqrt d)^(1/alpha)$ minimizes $rho^2 d/K + K b^2$ with the bias $b$, the clipping part"
    " of the factor A.",
    theorem="cheng2024/eqB.21",
    kind="regime",
    expected="confirmed",
)
def best_threshold() -> Order:
    """A certificate against every other threshold, and a path that refutes another power of $K$."""
    spread = rho**2 * d / K + K * squared_clipping_bias()
    best = sigma_2alpha * (K / sqrt(d)) ** (1 / alpha)
    other = best * K ** (1 / alpha)
    return Order(
        [
            at_most(spread.subs(rho, best), spread, MOMENTS, name="the best threshold"),
            not_at_most(spread.subs(rho, other), spread.subs(rho, best), MOMENTS, name="another power of K"),
        ],
        "the order of the best threshold",
    )


@claim(
    "cheng2024/threshold-meets-accuracy",
    "At the accuracy's entries of (B.21), (B.26), (C.29) the bias costs $eps$: $b^2/mu$, $B b$, $b^2$ for the"
    " bias $b$.",
    theorem="cheng2024/eqB.26",
    kind="identity",
    expected="confirmed",
)
def threshold_meets_accuracy() -> Order:
    """Certificates in both directions."""
    bias, squared = clipping_bias(sigma_2alpha), squared_clipping_bias()
    costs = {
        "strongly convex": squared.subs(rho, bias_threshold_strongly_convex(eps)) / mu,
        "convex": B * bias.subs(rho, bias_threshold_convex(eps)),
        "Adam": squared.subs(rho, bias_threshold_adam(eps)),
    }
    comparisons = [one for case, cost in costs.items() for one in equal(case, cost, eps, MOMENTS)]
    return Order(comparisons, "where clipping bias meets the accuracy")


# --- What substituting K = M = 1 and sigma/sqrt(K M) into the local rates leaves -------------------------------------


def substituted_drift() -> Iterator[Comparison]:
    """The substituted drift against the geometric mean of the terms of (4.5) with weights 1/3 and 2/3."""
    mean = cbrt(term("eq4.5", "optimization") * term("eq4.5", "statistical") ** 2)
    return equal("convex: substituted drift", minibatch(term("thm2", "noise drift")), mean)


@claim(
    "cheng2024/minibatch-by-substitution",
    "Substituting $K = M = 1$ and $sigma/sqrt(KM)$ into the convex rate (4.4) gives the minibatch rate (4.5).",
    theorem="cheng2024/eq4.5",
    kind="erratum",
    accuses="substitution",
    expected="violated",
)
def minibatch_by_substitution() -> Order:
    """Whether (4.5) dominates the substituted drift and clipping terms; a path shows that it misses the second."""
    clipping = minibatch(term("thm2", "clipping"))
    return Order(
        [*substituted_drift(), at_most(clipping, rate("eq4.5"), MOMENTS, name="convex: substituted clipping")],
        "(4.5) dominates what substitution leaves",
    )


@claim(
    "cheng2024/minibatch-drift-is-a-mean",
    "The substituted drift term is the geometric mean of the terms of (4.5), with weights 1/3 and 2/3.",
    theorem="cheng2024/eq4.5",
    kind="identity",
    expected="confirmed",
)
def minibatch_drift_is_a_mean() -> Order:
    """Certificates in both directions."""
    return Order([*substituted_drift()], "a geometric mean")


@claim(
    "cheng2024/minibatch-by-substitution-strongly-convex",
    "The substituted strongly convex clipping term is below the statistical one where $R >="
    " kappa^((alpha-1)/(alpha-2))$, and not always.",
    theorem="cheng2024/eq4.5-sc",
    kind="regime",
    expected="confirmed",
)
def minibatch_strongly_convex() -> Order:
    """A certificate with that many rounds, and a path with fewer."""
    clipping, name = minibatch(term("thm1", "clipping")), "strongly convex: substituted clipping"
    given, many_rounds = (MOMENTS, Ge(L, mu)), Ge(R, (L / mu) ** ((alpha - 1) / (alpha - 2)))
    statistical = term("eq4.5-sc", "statistical")
    return Order(
        [
            at_most(clipping, statistical, *given, many_rounds, name=f"{name}, many rounds"),
            not_at_most(clipping, rate("eq4.5-sc"), *given, name=name),
        ],
        "dominated from there on only",
    )


@claim(
    "cheng2024/minibatch-adam-drops-clipping",
    "The substituted clipping term of minibatch Adam is dominated by the two terms of (4.11).",
    theorem="cheng2024/eq4.11",
    kind="regime",
    expected="confirmed",
)
def minibatch_adam_drops_clipping() -> Order:
    """A certificate for all $alpha >= 4$: the term is a weighted geometric mean of the two."""
    clipping = minibatch(term("thm3", "clipping"))
    return Order(
        [at_most(clipping, rate("eq4.11"), MOMENTS, name="Adam: substituted clipping")],
        "dropping the clipping term is free",
    )


def clipping_on_one_worker(other: str) -> Comparison:
    """Adam's clipping term for K = M = 1 and R at least of order L Delta/sigma^2 against another term there."""
    clipping, bound = (term("thm3", name).subs({K: 1, M: 1}) for name in ("clipping", other))
    return at_most(clipping, bound, MOMENTS, Ge(R * sigma**2, L * Delta), name=f"one worker: clipping below {other}")


@claim(
    "cheng2024/clipping-below-first-term-at-all-later-rounds",
    "For one worker Adam's clipping term is below its first term $L Delta/R$ for every $R$ of at least the order $L"
    " Delta/sigma^2$.",
    theorem="cheng2024/eqC.166",
    kind="side condition",
    accuses="comparison after (C.167)",
    expected="violated",
)
def clipping_below_first_term() -> Order:
    """The comparison after (C.167) at the Moreau parameter $lambda/L$."""
    return Order([clipping_on_one_worker("optimization")], "below the first term")


@claim(
    "cheng2024/clipping-below-first-term",
    "For one worker and $R$ of the order $L Delta/sigma^2$, Adam's clipping term is of the order of its first term.",
    theorem="cheng2024/eqC.166",
    kind="regime",
    expected="confirmed",
)
def clipping_of_the_first_term() -> Order:
    """The comparison after (C.167) as the order that it states: certificates in both directions."""
    clipping, first = (term("thm3", name).subs({K: 1, M: 1}) for name in ("clipping", "optimization"))
    there = (MOMENTS, Ge(R * sigma**2, L * Delta), Le(R * sigma**2, L * Delta))
    return Order([*equal("one worker: clipping and optimization", clipping, first, *there)], "of one order")


@claim(
    "cheng2024/clipping-below-second-term",
    "There it is the second, statistical term that dominates the clipping term.",
    theorem="cheng2024/eqC.166",
    kind="regime",
    expected="confirmed",
)
def clipping_below_second_term() -> Order:
    """A certificate for all $alpha >= 4$."""
    return Order([clipping_on_one_worker("statistical")], "below the second term")


# --- Local against mini-batch: where the drift starts and ends to matter, what is gained, and what is lost -----------


@claim(
    "cheng2024/critical-local-steps",
    "The drift is below the minibatch method's optimization term exactly from $K_0 = sigma^2 R/(L B)^2$ (convex),"
    " $sigma^2 R/(L Delta)$ (Adam) local steps on.",
    theorem="cheng2024/thm2",
    kind="regime",
    expected="confirmed",
)
def critical_local_steps() -> Order:
    """Certificates in both directions."""
    comparisons: list[Comparison] = []
    for case, critical in CRITICAL_STEPS.items():
        drift, optimization = term(SHORT[case], "noise drift"), term(MINIBATCH[case], "optimization")
        comparisons += exactly(f"{case}: drift below minibatch optimization", drift, optimization, Ge(K, critical))
    return Order(comparisons, "the critical K_0")


@claim(
    "cheng2024/linear-speed-up-ends",
    "The drift is below the statistical term exactly up to $M = (K_0/K)^(1/3)$, or $M = R/kappa$ with $mu > 0$.",
    theorem="cheng2024/thm1",
    kind="regime",
    expected="confirmed",
)
def linear_speed_up_ends() -> Order:
    """Certificates in both directions, for all three rates."""
    few_workers = {case: Le(M**3 * K, critical) for case, critical in CRITICAL_STEPS.items()}
    few_workers["strongly convex"] = Le(M * L, R * mu)
    comparisons: list[Comparison] = []
    for case, few in few_workers.items():
        drift, statistical = (term(SHORT[case], name) for name in ("noise drift", "statistical"))
        comparisons += exactly(f"{case}: drift below statistical", drift, statistical, few)
    return Order(comparisons, "the largest M with linear speed-up")


def unclipped(case: str) -> tuple[Expr, Expr]:
    """The local bound, clipping aside, and the mini-batch bound."""
    return rate(SHORT[case], without="clipping"), rate(MINIBATCH[case])


@claim(
    "cheng2024/gain-over-minibatch",
    "For $K >= K_0$, clipping aside, the minibatch bound is $min(K, (K/K_0)^(1/3), sqrt(MK/K_0))$ times the local"
    " one; for Adam the minimum includes $L/weak$.",
    theorem="cheng2024/eq4.5",
    kind="regime",
    expected="confirmed",
)
def gain_over_minibatch() -> Order:
    """Certificates in both directions, convex and Adam."""
    comparisons: list[Comparison] = []
    for case, critical in CRITICAL_STEPS.items():
        local, pooled = unclipped(case)
        gain = Min(K, cbrt(K / critical), sqrt(M * K / critical))
        given = [Ge(K, critical)]
        if case == "Adam":
            gain, given = Min(gain, L / weak), [*given, Le(weak, L)]
        comparisons += equal(f"{case}: gain", pooled, gain * local, *given)
    return Order(comparisons, "the gain of local steps")


@claim(
    "cheng2024/local-never-worse",
    "Clipping aside, the local bounds are never worse than the minibatch bounds.",
    theorem="cheng2024/eq4.5",
    kind="counterexample",
    expected="violated",
)
def local_never_worse() -> Order:
    """A path along which the local bound grows against the minibatch bound without limit."""
    return Order(
        [
            at_most(*unclipped("convex"), name="convex: never worse"),
            at_most(*unclipped("Adam"), Le(weak, L), name="Adam: never worse"),
        ],
        "local <~ minibatch",
    )


@claim(
    "cheng2024/loss-against-minibatch",
    "For $K <= K_0$ and $M >= (K_0/K)^(1/3)$ the convex local bound is worse by $min((K_0/K)^(1/3), sqrt(M)"
    " (K/K_0)^(1/6))$.",
    theorem="cheng2024/eq4.5",
    kind="regime",
    expected="confirmed",
)
def loss_against_minibatch() -> Order:
    """Certificates in both directions."""
    local, pooled = unclipped("convex")
    critical = CRITICAL_STEPS["convex"]
    loss = Min(cbrt(critical / K), sqrt(M) * (K / critical) ** Rational(1, 6))
    given = (Le(K, critical), Ge(M**3 * K, critical))
    return Order([*equal("convex: loss", local, loss * pooled, *given)], "the loss by local steps")


@claim(
    "cheng2024/adam-gain-ends-at-once",
    "From $K = L/weak$ on, the drift of Local Adam is below $weak Delta/R$, so that its gain stops growing.",
    theorem="cheng2024/thm3",
    kind="counterexample",
    expected="violated",
)
def adam_gain_ends_at_once() -> Order:
    """The remark after (4.11), without further hypotheses: a path where noise is large refutes it."""
    drift, floor = term("thm3", "noise drift"), term("thm3", "weak convexity")
    return Order([at_most(drift, floor, Ge(K * weak, L), name="the gain ends at L/weak")], "no growth from $L/weak$ on")


@claim(
    "cheng2024/adam-gain-ends",
    "Adam's drift is below $weak Delta/R$ exactly from $K_0 (L/weak)^3$ on, or from $L/weak$ on if $K_0$ is small.",
    theorem="cheng2024/thm3",
    kind="regime",
    expected="confirmed",
)
def adam_gain_ends() -> Order:
    """Certificates in both directions, and one for $L/weak$ under $K_0 <= (weak/L)^2$."""
    drift, floor = term("thm3", "noise drift"), term("thm3", "weak convexity")
    critical = CRITICAL_STEPS["Adam"]
    small = (Ge(K * weak, L), Le(critical, (weak / L) ** 2))
    return Order(
        [
            *exactly("the gain ends later", drift, floor, Ge(K, critical * (L / weak) ** 3)),
            at_most(drift, floor, *small, name="the gain ends at L/weak, small K_0"),
        ],
        "where the gain of Adam stops growing",
    )


@claim(
    "cheng2024/adam-gain-is-limited",
    "Local Adam's bound is never more than $L/weak$ times better than minibatch Adam's.",
    theorem="cheng2024/thm3",
    kind="regime",
    expected="confirmed",
)
def adam_gain_is_limited() -> Order:
    """A certificate of the order algebra, checked once more by itself."""
    gain = at_most(rate("eq4.11"), L / weak * rate("thm3"), Le(weak, L), name="the gain is at most L/weak")
    return Order([gain], "gain at most $L/weak$")


@claim(
    "cheng2024/fixed-budget",
    "At a fixed budget $T = KR$ the drift grows as $K^(1/3)$ (convex, Adam) or $K$; $K = 1$ gives the best bound.",
    theorem="cheng2024/thm2",
    kind="regime",
    expected="confirmed",
)
def fixed_budget() -> Order:
    """Certificates: the drift's power of $K$ in both directions, and the whole bound at $K = 1$ below that at any
    $K$.
    """
    comparisons: list[Comparison] = []
    for case, label in SHORT.items():
        drift, whole = (one.subs(R, T / K) for one in (term(label, "noise drift"), rate(label)))
        power = K if case == "strongly convex" else cbrt(K)
        comparisons += equal(f"{case}: drift on a budget", drift, power * drift.subs(K, 1))
        comparisons.append(at_most(whole.subs(K, 1), whole, Ge(K, 1), MOMENTS, name=f"{case}: K = 1 is best"))
    return Order(comparisons, "more local steps never help on a budget")
