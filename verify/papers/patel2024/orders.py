"""patel2024 up to constants: Theorem 9 and its errata, Table 1, Theorem 15, comparison (10), Table 2, tau bounds."""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Le
from sympy.logic.boolalg import Boolean

from tightrate.rates.relations.implications import at, derived, solved_rates
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import B, K, L, Q, R, eps, sigma, tau, zeta, zeta_star
from tightrate.verify.assertions.order import (
    Order,
    at_most,
    equivalent,
    lower_below_upper,
    not_at_most,
    strictly_below,
)
from tightrate.verify.claim import claim

MINIBATCH, LOCAL, ACCELERATED = "dekel2012/convex", "koloskova2020/convex", "ghadimi2012/convex"
EARLIER_LOCAL, EARLIER_ANY, UNIFORM = "glasgow2022/lower", "woodworth2020/lower", "woodworth2020/convex"
START, FLOOR, THM15 = "patel2024/start", "patel2024/two-quadratics-floor", "patel2024/thm15"
SIMILAR = (Le(tau, L), Le(Q * B, L))
SIMILAR_WORKERS = (  # where the drift terms of Theorem 15 are below L B^2 / R
    Le(tau * zeta * R, L**2 * B),
    Le(Q * zeta**2 * R, L**3 * B),
    Le(tau**2 * sigma**2 * R**2, L**4 * B**2 * K),
    Le(Q * sigma**2 * R, L**3 * B * K),
)


def bound(name: str) -> Expr:
    """The bound of a statement of the catalogue."""
    return catalogue.theorem(name).bound.expression


def conditions(name: str) -> tuple[Boolean, ...]:
    """The conditions of a statement on sigma and zeta_star, as the order algebra reads them."""
    relations = [one.relation for one in catalogue.theorem(name).conditions if one.relation is not None]
    return tuple(one for one in relations if {s.name for s in one.free_symbols} & {"sigma", "zeta_star"})


def without(name: str, words: str) -> Theorem:
    """A statement without the one condition whose text has these words."""
    entry = catalogue.theorem(name)
    kept = tuple(one for one in entry.conditions if words not in one.text)
    assert len(kept) == len(entry.conditions) - 1
    return replace(entry, conditions=kept)


# --- Theorem 9 and its errata ----------------------------------------------------------------------------------------


@claim(
    "patel2024/thm9-if-both-steps-are-free",
    "Theorem 9, if its 'any step size' is read as both the inner and the outer one: the last iterate of local SGD"
    " stays, on some instance, above all four terms.",
    theorem="patel2024/thm9",
    kind="conditional",
    accuses="E1",
    expected="violated",
)
def thm9_any_steps_as_printed(theorem: Theorem) -> Order:
    """Erratum E1: as $eta -> 0$ at a fixed $gamma eta K$ local SGD is mini-batch SGD, so a lower bound for all steps
    must be at most of the order of mini-batch SGD's upper bound; the order algebra looks for a certificate or for a
    path."""
    inside_its_domain = conditions("patel2024/thm9-vanilla")  # beyond it the bound fails anyway, erratum E7
    return Order([at_most(theorem, MINIBATCH, *inside_its_domain)], "Theorem 9 <~ rate of mini-batch SGD")


@claim(
    "patel2024/thm9-any-steps",
    "The two terms of Theorem 9 that are kept for free inner and outer steps do not contradict mini-batch SGD.",
    kind="regime",
    expected="confirmed",
)
def thm9_any_steps(theorem: Theorem) -> Order:
    """The same comparison for the corrected bound, decided by the order algebra."""
    return Order([lower_below_upper(theorem, MINIBATCH)], "corrected bound <~ rate of mini-batch SGD")


@claim(
    "patel2024/thm9-for-all-parameters",
    "Theorem 9 without the unstated limits on noise and heterogeneity: the bound holds for all $sigma$ and"
    " $zeta_star$.",
    theorem="patel2024/thm9",
    kind="side condition",
    accuses="E7",
    expected="violated",
)
def thm9_all_parameters_as_printed(theorem: Theorem) -> Order:
    """Erratum E7: steps may be as small as one likes, so a lower bound for all of them cannot exceed the gap at the
    start, $L B^2 / 2$, whatever $sigma$ and $zeta_star$; decided by the order algebra."""
    return Order([lower_below_upper(theorem, START)], "Theorem 9 <~ L B^2")


@claim(
    "patel2024/prop7-on-one-machine",
    "Proposition 7 without the unstated condition of two workers: the bound $L B^2 / R$ holds for every number of"
    " workers, one included.",
    theorem="patel2024/prop7",
    kind="side condition",
    accuses="E9",
    expected="violated",
)
def prop7_one_worker_as_printed(theorem: Theorem) -> Order:
    """Erratum E9: the bound without its condition $M >= 2$ against the upper bound of local SGD on equal workers at $M
    = 1$ and $sigma = 0$, by the order algebra."""
    printed = without(theorem.id, "two workers")
    one_worker = lower_below_upper(printed, "woodworth2020a/convex", "M = 1")
    return Order([one_worker], "L B^2 / R <~ rate of one worker")


@claim(
    "patel2024/thm9-minima",
    "The earlier lower bound of local SGD with plain averaging, with its minima, plus the $L B^2 / R$ of Proposition"
    " 7 matches the upper bound of Koloskova et al. up to constants.",
    theorem="patel2024/thm9-vanilla",
    kind="scaling",
    expected="confirmed",
)
def thm9_minima() -> Order:
    """The step of App. B.4 that removes the minima (erratum E5: its printed inequalities point the wrong way, its
    conclusion stands), and the tightness that follows: both directions by certificate."""
    both = bound("patel2024/prop7") + bound(EARLIER_LOCAL)
    return Order(
        equivalent(bound(LOCAL), both, *conditions(EARLIER_LOCAL)), "upper bound ~ Prop. 7 + earlier lower bound"
    )


# --- Table 1 ---------------------------------------------------------------------------------------------------------


@claim(
    "patel2024/table1-gap-before",
    "Without Proposition 7 the lower bound of Glasgow et al. does not match the upper bound of local SGD.",
    theorem="patel2024/thm9-vanilla",
    kind="scaling",
    expected="confirmed",
)
def table1_gap_before() -> Order:
    """A path inside the conditions of the earlier lower bound along which the upper bound outgrows it."""
    opens = not_at_most(LOCAL, EARLIER_LOCAL, *conditions(EARLIER_LOCAL))
    return Order([opens], "upper bound not <~ earlier bound")


@claim(
    "patel2024/table1-order",
    "Under the table's condition on the noise, the rate of accelerated mini-batch SGD is at most that of mini-batch"
    " SGD, which is at most that of local SGD, and neither holds the other way round.",
    theorem="patel2024/thm9-vanilla",
    kind="regime",
    expected="confirmed",
)
def table1_order() -> Order:
    """Two certificates and two paths of the order algebra."""
    noise = conditions("patel2024/thm11")
    chain = [*strictly_below(MINIBATCH, LOCAL, *noise), *strictly_below(ACCELERATED, MINIBATCH, *noise)]
    return Order(chain, "accelerated < mini-batch < local")


@claim(
    "patel2024/table1-thm11",
    "The bound of Theorem 11 is that of accelerated mini-batch SGD up to constants, and strictly above the earlier"
    " bound for every algorithm.",
    theorem="patel2024/thm11",
    kind="scaling",
    expected="confirmed",
)
def table1_thm11(theorem: Theorem) -> Order:
    """Certificates both ways against the upper bound; a certificate and a path against the earlier lower bound."""
    noise = conditions(theorem.id)
    comparisons = [
        *equivalent(theorem, ACCELERATED, *noise),
        at_most(theorem, LOCAL, *noise),
        *strictly_below(EARLIER_ANY, theorem, *noise),
    ]
    return Order(comparisons, "Theorem 11 ~ accelerated rate > earlier bound")


# --- Theorem 15 and comparison (10) ----------------------------------------------------------------------------------


@claim(
    "patel2024/thm15-beats-mini-batch",
    "Where $tau zeta R <= L^2 B$, $Q zeta^2 R <= L^3 B$, $tau^2 sigma^2 R^2 <= L^4 B^2 K$ and $Q sigma^2 R <= L^3 B"
    " K$, the bound of Theorem 15 is at most that of mini-batch SGD; without these conditions it is not.",
    theorem=THM15,
    kind="regime",
    expected="confirmed",
)
def thm15_beats_mini_batch() -> Order:
    """The upper-bound side of Conjecture 17: a certificate under the conditions and a path without them."""
    comparisons = [at_most(THM15, MINIBATCH, *SIMILAR_WORKERS), not_at_most(THM15, MINIBATCH)]
    return Order(comparisons, "Theorem 15 <~ mini-batch rate for similar workers")


@claim(
    "patel2024/thm15-against-first-order-theory",
    "Even for $tau <= L$ and $Q B <= L$ neither Theorem 15 nor the bound of Woodworth et al. is at most the other up"
    " to constants.",
    theorem=THM15,
    kind="regime",
    expected="confirmed",
)
def thm15_against_first_order_theory() -> Order:
    """A path in each direction, inside $tau <= L$ and $Q B <= L$."""
    comparisons = [not_at_most(THM15, UNIFORM, *SIMILAR), not_at_most(UNIFORM, THM15, *SIMILAR)]
    return Order(comparisons, "neither bound <~ the other")


@claim(
    "patel2024/eq10-inversions",
    "Comparison (10) is what the bounds give when their heterogeneity terms are solved for $zeta$.",
    theorem="patel2024/eq10-new",
    kind="scaling",
    expected="confirmed",
)
def eq10_inversions() -> Order:
    """Every term of each bound set to at most $eps$ and solved for $zeta$, against the printed tolerances, both
    ways.
    """
    solved = [one for one in solved_rates() if one.target.startswith("patel2024/eq10")]
    comparisons = [each for one in solved for each in equivalent(bound(one.target), derived(one))]
    return Order(comparisons, "printed tolerances ~ inverted bounds")


@claim(
    "patel2024/eq10-improvement",
    "The new theory tolerates at least as much heterogeneity as the old one for $Q B <= L$ and $tau^2 B^2 <= L eps$;"
    " $tau <= L$ does not suffice.",
    theorem="patel2024/eq10-new",
    kind="regime",
    expected="confirmed",
)
def eq10_improvement(theorem: Theorem) -> Order:
    """A certificate for the first part and a path for the second."""
    old = "patel2024/eq10-old"
    comparisons = [
        at_most(old, theorem, Le(Q * B, L), Le(tau**2 * B**2, L * eps)),
        not_at_most(old, theorem, *SIMILAR),
    ]
    return Order(comparisons, "old tolerance <~ new tolerance")


# --- Table 2 ---------------------------------------------------------------------------------------------------------


@claim(
    "patel2024/table2-equal-machines",
    "For equal workers ($tau = zeta = 0$) Theorems 15 and 27 are the rates of Yuan and Ma in Table 2.",
    theorem="patel2024/thm27",
    kind="scaling",
    expected="confirmed",
)
def table2_equal_workers(theorem: Theorem) -> Order:
    """Both theorems at $tau = zeta = 0$ against the rows of the table, both ways."""
    rows = {THM15: "yuan2020/convex", theorem.id: "yuan2020/strongly-convex"}
    comparisons = [
        each for ours, row in rows.items() for each in equivalent(at(bound(ours), {"tau": 0, "zeta": 0}), bound(row))
    ]
    return Order(comparisons, "theorems at tau = zeta = 0 ~ rates of equal workers")


@claim(
    "patel2024/tau-bounds-agree",
    "The lower bounds with second-order heterogeneity, $tau B^2 / R$ for any steps and the floor of two quadratics"
    " for plain averaging, are at most Theorem 15; the floor leaves a gap to its heterogeneity term.",
    theorem=FLOOR,
    kind="scaling",
    expected="confirmed",
)
def tau_bounds_agree(theorem: Theorem) -> Order:
    """Certificates that the lower bound is of no larger order than the upper one, in the setting of both, and a path
    along which the gap opens."""
    drift = catalogue.theorem(THM15).bound.term("heterogeneity drift").expression
    floor_in_ball = theorem.bound.expression.subs(zeta_star, zeta)
    comparisons = [
        lower_below_upper("patel2024/prop7-tau", THM15),
        lower_below_upper(theorem, THM15),
        lower_below_upper(theorem, LOCAL),
        not_at_most(drift, floor_in_ball, Le(zeta * tau, L**2 * B * R), Le(tau, L)),
    ]
    return Order(comparisons, "lower bounds <~ Theorem 15")


@claim(
    "patel2024/two-quadratics-floor-everywhere",
    "The floor of two quadratics holds for all $zeta_star$ and $tau$, also where its slow coordinate is too steep.",
    theorem=FLOOR,
    kind="regime",
    expected="violated",
)
def two_quadratics_floor_everywhere() -> Order:
    """The floor without its condition $zeta_star tau <= L^2 B R$ against the gap at the start: why the condition is
    there."""
    everywhere = lower_below_upper(without(FLOOR, "slow coordinate"), START)
    return Order([everywhere], "floor <~ L B^2 without its condition")
