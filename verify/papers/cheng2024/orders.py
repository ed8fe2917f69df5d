"""Claims of cheng2024 up to constants and logarithms: inversions, thresholds in K and M, local against minibatch."""

from __future__ import annotations

import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.order import judge_orders
from tightrate.verify.papers.cheng2024 import orders_runs
from tightrate.verify.verdict import Verdict


def questions(data: xr.Dataset, part: str) -> list[str]:
    """The names of all statements that contain this."""
    return [name for name in data.question.values.tolist() if part in name]


@claim(
    "cheng2024/rates-invert",
    statement="Up to logarithms, (B.19), (B.24), (C.33) and the numbers of steps (B.18), (B.23), (C.32) are inverses.",
    theorem="cheng2024/thmB5-steps",
    kind="identity",
    data=orders_runs.orders,
    expected="confirmed",
)
def rates_invert(data: xr.Dataset) -> Verdict:
    """Every power-law term in both directions: at most eps exactly where T is at least the same term of the steps."""
    return judge_orders(data, holds=questions(data, "steps to accuracy"), what="steps and rates are inverse")


@claim(
    "cheng2024/clipping-below-drift",
    statement=(
        "The clipping term is below the drift term exactly from the printed number of local steps on:"
        " K^(alpha-2) = mu R^2/L, K^((3 alpha-5)/2) = sigma R^2/(L B), K^((3 alpha-4)/2) = sigma^2 R/(L Delta)."
    ),
    theorem="cheng2024/thm1",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def clipping_below_drift(data: xr.Dataset) -> Verdict:
    """Certificates for all moments alpha >= 4, in both directions."""
    return judge_orders(data, holds=questions(data, "clipping below drift"), what="thresholds in K are exact")


@claim(
    "cheng2024/clipping-with-all-moments",
    statement="As alpha grows, clipping over drift tends to 1/K (strongly convex) or K^(-1/3) (convex, Adam).",
    theorem="cheng2024/thm2",
    kind="identity",
    data=orders_runs.orders,
    expected="confirmed",
)
def clipping_with_all_moments(data: xr.Dataset) -> Verdict:
    """The limit of every exponent as alpha goes to infinity, compared with the drift term in both directions."""
    return judge_orders(data, holds=questions(data, "all moments"), what="limits of the clipping terms")


@claim(
    "cheng2024/minibatch-by-substitution",
    statement="Substituting K = M = 1 and sigma/sqrt(KM) into the convex rate (4.4) gives the minibatch rate (4.5).",
    theorem="cheng2024/eq4.5",
    kind="erratum",
    data=orders_runs.orders,
    expected="violated",
)
def minibatch_by_substitution(data: xr.Dataset) -> Verdict:
    """Whether (4.5) dominates the substituted drift and clipping terms; a path shows that it misses the second."""
    names = [*questions(data, "convex: substituted drift"), "convex: substituted clipping"]
    return judge_orders(data, holds=names, what="(4.5) dominates what substitution leaves")


@claim(
    "cheng2024/minibatch-drift-is-a-mean",
    statement="The substituted drift term is the geometric mean of the terms of (4.5), with weights 1/3 and 2/3.",
    theorem="cheng2024/eq4.5",
    kind="identity",
    data=orders_runs.orders,
    expected="confirmed",
)
def minibatch_drift_is_a_mean(data: xr.Dataset) -> Verdict:
    """Certificates in both directions."""
    return judge_orders(data, holds=questions(data, "convex: substituted drift"), what="a geometric mean")


@claim(
    "cheng2024/minibatch-by-substitution-strongly-convex",
    statement=(
        "The substituted strongly convex clipping term is below the statistical one where"
        " R >= kappa^((alpha-1)/(alpha-2)), and not always."
    ),
    theorem="cheng2024/eq4.5-sc",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def minibatch_strongly_convex(data: xr.Dataset) -> Verdict:
    """A certificate with that many rounds, and a path with fewer."""
    name = "strongly convex: substituted clipping"
    return judge_orders(data, holds=[f"{name}, many rounds"], fails=[name], what="dominated from there on only")


@claim(
    "cheng2024/minibatch-adam-drops-clipping",
    statement="The substituted clipping term of minibatch Adam is dominated by the two terms of (4.11).",
    theorem="cheng2024/eq4.11",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def minibatch_adam_drops_clipping(data: xr.Dataset) -> Verdict:
    """A certificate for all alpha >= 4: the term is a weighted geometric mean of the two."""
    return judge_orders(data, holds=["Adam: substituted clipping"], what="dropping the clipping term is free")


@claim(
    "cheng2024/clipping-below-first-term-as-printed",
    statement="For one machine and R of order L Delta/sigma^2, Adam's clipping term is below its first term L Delta/R.",
    theorem="cheng2024/eqC.166",
    kind="erratum",
    data=orders_runs.orders,
    expected="violated",
)
def clipping_below_first_term(data: xr.Dataset) -> Verdict:
    """The comparison after (C.167) at the Moreau parameter lambda/L."""
    return judge_orders(data, holds=["Adam: one machine, clipping below first term"], what="below the first term")


@claim(
    "cheng2024/clipping-below-second-term",
    statement="There it is the second, statistical term that dominates the clipping term.",
    theorem="cheng2024/eqC.166",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def clipping_below_second_term(data: xr.Dataset) -> Verdict:
    """A certificate for all alpha >= 4."""
    return judge_orders(data, holds=["Adam: one machine, clipping below second term"], what="below the second term")


@claim(
    "cheng2024/critical-local-steps",
    statement=(
        "The drift is below the minibatch method's optimization term exactly from K_0 = sigma^2 R/(L B)^2 (convex),"
        " sigma^2 R/(L Delta) (Adam) local steps on."
    ),
    theorem="cheng2024/thm2",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def critical_local_steps(data: xr.Dataset) -> Verdict:
    """Certificates in both directions."""
    return judge_orders(data, holds=questions(data, "drift below minibatch optimization"), what="the critical K_0")


@claim(
    "cheng2024/linear-speed-up-ends",
    statement="The drift is below the statistical term exactly up to M = (K_0/K)^(1/3), or M = R/kappa with mu > 0.",
    theorem="cheng2024/thm1",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def linear_speed_up_ends(data: xr.Dataset) -> Verdict:
    """Certificates in both directions, for all three rates."""
    return judge_orders(
        data, holds=questions(data, "drift below statistical"), what="the largest M with linear speed-up"
    )


@claim(
    "cheng2024/gain-over-minibatch",
    statement=(
        "For K >= K_0, clipping aside, the minibatch bound is min(K, (K/K_0)^(1/3), sqrt(MK/K_0)) times the local one;"
        " for Adam the minimum includes L/weak."
    ),
    theorem="cheng2024/eq4.5",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def gain_over_minibatch(data: xr.Dataset) -> Verdict:
    """Certificates in both directions, convex and Adam."""
    return judge_orders(data, holds=questions(data, ": gain, "), what="the gain of local steps")


@claim(
    "cheng2024/local-never-worse",
    statement="Clipping aside, the local bounds are never worse than the minibatch bounds.",
    theorem="cheng2024/eq4.5",
    kind="counterexample",
    data=orders_runs.orders,
    expected="violated",
)
def local_never_worse(data: xr.Dataset) -> Verdict:
    """A path along which the local bound grows against the minibatch bound without limit."""
    return judge_orders(data, holds=questions(data, ": never worse"), what="local <~ minibatch")


@claim(
    "cheng2024/loss-against-minibatch",
    statement=(
        "For K <= K_0 and M >= (K_0/K)^(1/3) the convex local bound is worse by"
        " min((K_0/K)^(1/3), sqrt(M) (K/K_0)^(1/6))."
    ),
    theorem="cheng2024/eq4.5",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def loss_against_minibatch(data: xr.Dataset) -> Verdict:
    """Certificates in both directions."""
    return judge_orders(data, holds=questions(data, ": loss, "), what="the loss by local steps")


@claim(
    "cheng2024/adam-gain-ends-at-once",
    statement="From K = L/weak on, the drift of Local Adam is below weak Delta/R, so that its gain stops growing.",
    theorem="cheng2024/thm3",
    kind="counterexample",
    data=orders_runs.orders,
    expected="violated",
)
def adam_gain_ends_at_once(data: xr.Dataset) -> Verdict:
    """The remark after (4.11), without further hypotheses: a path where noise is large refutes it."""
    return judge_orders(data, holds=["Adam: gain ends at L/weak"], what="no growth from L/weak on")


@claim(
    "cheng2024/adam-gain-ends",
    statement="Adam's drift is below weak Delta/R exactly from K_0 (L/weak)^3 on, or from L/weak on if K_0 is small.",
    theorem="cheng2024/thm3",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def adam_gain_ends(data: xr.Dataset) -> Verdict:
    """Certificates in both directions, and one for L/weak under K_0 <= (weak/L)^2."""
    names = [*questions(data, "Adam: gain ends later"), "Adam: gain ends at L/weak, small K_0"]
    return judge_orders(data, holds=names, what="where the gain of Adam stops growing")


@claim(
    "cheng2024/adam-gain-is-limited",
    statement="Local Adam's bound is never more than L/weak times better than minibatch Adam's.",
    theorem="cheng2024/thm3",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def adam_gain_is_limited(data: xr.Dataset) -> Verdict:
    """A certificate of the order algebra, checked once more by itself."""
    return judge_orders(data, holds=["Adam: gain at most L/weak"], what="gain at most L/weak")


@claim(
    "cheng2024/large-local-steps",
    statement="As K grows at a fixed R, the SGDM bounds vanish and Adam's tends to weak Delta/R.",
    theorem="cheng2024/thm3",
    kind="identity",
    data=orders_runs.limits,
    expected="confirmed",
)
def large_local_steps(data: xr.Dataset) -> Verdict:
    """The limit of every term of the three bounds, from its power of K for all alpha >= 4 or by symbolic calculation,
    checked again by its logarithmic derivative."""
    return judge_orders(data, holds=questions(data, ": large K"), what="the limits of all terms")


@claim(
    "cheng2024/fixed-budget",
    statement="At a fixed budget T = KR the drift grows as K^(1/3) (convex, Adam) or K; K = 1 gives the best bound.",
    theorem="cheng2024/thm2",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def fixed_budget(data: xr.Dataset) -> Verdict:
    """Certificates: the drift's power of K in both directions, and the whole bound at K = 1 below that at any K."""
    names = [*questions(data, "drift on a budget"), *questions(data, "one local step is best")]
    return judge_orders(data, holds=names, what="more local steps never help on a budget")


@claim(
    "cheng2024/best-threshold",
    statement="rho = ||sigma|| (K/sqrt d)^(1/alpha) minimizes rho^2 d/K + K bias^2, the clipping part of the factor A.",
    theorem="cheng2024/eqB.21",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def best_threshold(data: xr.Dataset) -> Verdict:
    """A certificate against every other threshold, and a path that refutes another power of K."""
    return judge_orders(
        data, holds=["best threshold"], fails=["another power of K"], what="the order of the best threshold"
    )


@claim(
    "cheng2024/threshold-meets-accuracy",
    statement="At the accuracy's entries of (B.21), (B.26), (C.29) the bias costs eps: bias^2/mu, B bias, bias^2.",
    theorem="cheng2024/eqB.26",
    kind="identity",
    data=orders_runs.orders,
    expected="confirmed",
)
def threshold_meets_accuracy(data: xr.Dataset) -> Verdict:
    """Certificates in both directions."""
    return judge_orders(data, holds=questions(data, ": threshold, "), what="where clipping bias meets the accuracy")


@claim(
    "cheng2024/momentum-only-slows-the-start",
    statement="The numbers of steps of Theorem B.3 depend on beta1 only through L/(1-beta1)^2 in their first term.",
    theorem="cheng2024/thmB3",
    kind="identity",
    data=orders_runs.limits,
    expected="confirmed",
)
def momentum_only_slows_the_start(data: xr.Dataset) -> Verdict:
    """The expressions themselves: with L (1-beta1)^2 in place of L the first term is free of beta1, as the others are;
    checked again by derivatives."""
    return judge_orders(data, holds=questions(data, ": momentum"), what="free of beta1")
