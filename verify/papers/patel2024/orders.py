"""Claims of patel2024 up to constants: Theorem 9 and its errata, Table 1, Theorem 15, comparison (10), Table 2."""

from __future__ import annotations

import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.order import judge_orders
from tightrate.verify.papers.patel2024 import orders_runs
from tightrate.verify.verdict import Verdict

ORDERS = orders_runs.patel2024_orders


@claim(
    "patel2024/thm9-any-steps-as-printed",
    statement=(
        "Theorem 9 as printed: for any inner and outer step the last iterate of local SGD stays, on some instance,"
        " above all four terms."
    ),
    theorem="patel2024/thm9",
    kind="erratum",
    data=ORDERS,
    expected="violated",
)
def thm9_any_steps_as_printed(data: xr.Dataset) -> Verdict:
    """Erratum E1: as eta -> 0 at a fixed gamma eta K local SGD is mini-batch SGD, so a lower bound for all steps must
    be at most of the order of mini-batch SGD's upper bound; the order algebra looks for a certificate or for a path."""
    return judge_orders(data, holds=["Theorem 9 <~ mini-batch SGD"], what="Theorem 9 <~ rate of mini-batch SGD")


@claim(
    "patel2024/thm9-any-steps",
    statement=(
        "The two terms of Theorem 9 that are kept for free inner and outer steps do not contradict mini-batch SGD."
    ),
    theorem="patel2024/thm9-any-steps",
    kind="regime",
    data=ORDERS,
    expected="confirmed",
)
def thm9_any_steps(data: xr.Dataset) -> Verdict:
    """The same comparison for the corrected bound, decided by the order algebra."""
    return judge_orders(
        data, holds=["any-step part of Theorem 9 <~ mini-batch SGD"], what="corrected bound <~ rate of mini-batch SGD"
    )


@claim(
    "patel2024/thm9-all-parameters-as-printed",
    statement="Theorem 9 as printed: the bound holds for all sigma and zeta_star.",
    theorem="patel2024/thm9",
    kind="erratum",
    data=ORDERS,
    expected="violated",
)
def thm9_all_parameters_as_printed(data: xr.Dataset) -> Verdict:
    """Erratum E7: steps may be as small as one likes, so a lower bound for all of them cannot exceed the gap at the
    start, L B^2 / 2, whatever sigma and zeta_star; decided by the order algebra."""
    return judge_orders(data, holds=["Theorem 9 <~ the gap at the start"], what="Theorem 9 <~ L B^2")


@claim(
    "patel2024/prop7-one-machine-as-printed",
    statement="Proposition 7 as printed: the bound L B^2 / R holds for every number of machines, one included.",
    theorem="patel2024/prop7",
    kind="erratum",
    data=ORDERS,
    expected="violated",
)
def prop7_one_machine_as_printed(data: xr.Dataset) -> Verdict:
    """Erratum E9: the bound without its condition M >= 2 against the upper bound of local SGD on equal machines at
    M = 1 and sigma = 0, by the order algebra."""
    return judge_orders(data, holds=["Prop. 7 <~ one machine"], what="L B^2 / R <~ rate of one machine")


@claim(
    "patel2024/thm9-minima",
    statement=(
        "The earlier lower bound of local SGD with plain averaging, with its minima, plus the L B^2 / R of Proposition"
        " 7 matches the upper bound of Koloskova et al. up to constants."
    ),
    theorem="patel2024/thm9-vanilla",
    kind="scaling",
    data=ORDERS,
    expected="confirmed",
)
def thm9_minima(data: xr.Dataset) -> Verdict:
    """The step of App. B.4 that removes the minima (erratum E5: its printed inequalities point the wrong way, its
    conclusion stands), and the tightness that follows: both directions by certificate."""
    return judge_orders(
        data,
        holds=["upper bound <~ Prop. 7 + earlier lower bound", "Prop. 7 + earlier lower bound <~ upper bound"],
        what="upper bound ~ Prop. 7 + earlier lower bound",
    )


@claim(
    "patel2024/table1-gap-before",
    statement="Without Proposition 7 the lower bound of Glasgow et al. does not match the upper bound of local SGD.",
    theorem="patel2024/thm9-vanilla",
    kind="scaling",
    data=ORDERS,
    expected="confirmed",
)
def table1_gap_before(data: xr.Dataset) -> Verdict:
    """A path inside the conditions of the earlier lower bound along which the upper bound outgrows it."""
    return judge_orders(data, fails=["upper bound <~ earlier lower bound"], what="upper bound not <~ earlier bound")


@claim(
    "patel2024/table1-order",
    statement=(
        "Under the table's condition on the noise, the rate of accelerated mini-batch SGD is at most that of mini-batch"
        " SGD, which is at most that of local SGD, and neither holds the other way round."
    ),
    theorem="patel2024/thm9-vanilla",
    kind="regime",
    data=ORDERS,
    expected="confirmed",
)
def table1_order(data: xr.Dataset) -> Verdict:
    """Two certificates and two paths of the order algebra."""
    return judge_orders(
        data,
        holds=["mini-batch <~ local", "accelerated <~ mini-batch"],
        fails=["local <~ mini-batch", "mini-batch <~ accelerated"],
        what="accelerated < mini-batch < local",
    )


@claim(
    "patel2024/table1-thm11",
    statement=(
        "The bound of Theorem 11 is that of accelerated mini-batch SGD up to constants, and strictly above the earlier"
        " bound for every algorithm."
    ),
    theorem="patel2024/thm11",
    kind="scaling",
    data=ORDERS,
    expected="confirmed",
)
def table1_thm11(data: xr.Dataset) -> Verdict:
    """Certificates both ways against the upper bound; a certificate and a path against the earlier lower bound."""
    return judge_orders(
        data,
        holds=[
            "Theorem 11 <~ accelerated",
            "accelerated <~ Theorem 11",
            "Theorem 11 <~ local",
            "earlier lower bound <~ Theorem 11",
        ],
        fails=["Theorem 11 <~ earlier lower bound"],
        what="Theorem 11 ~ accelerated rate > earlier bound",
    )


@claim(
    "patel2024/thm15-beats-mini-batch",
    statement=(
        "Where tau zeta R <= H^2 B, Q zeta^2 R <= H^3 B, tau^2 sigma^2 R^2 <= H^4 B^2 K and Q sigma^2 R <= H^3 B K, the"
        " bound of Theorem 15 is at most that of mini-batch SGD; without these conditions it is not."
    ),
    theorem="patel2024/thm15",
    kind="regime",
    data=ORDERS,
    expected="confirmed",
)
def thm15_beats_mini_batch(data: xr.Dataset) -> Verdict:
    """The upper-bound side of Conjecture 17: a certificate under the conditions and a path without them."""
    return judge_orders(
        data,
        holds=["Theorem 15 <~ mini-batch, similar machines"],
        fails=["Theorem 15 <~ mini-batch, any machines"],
        what="Theorem 15 <~ mini-batch rate for similar machines",
    )


@claim(
    "patel2024/thm15-against-first-order-theory",
    statement=(
        "Even for tau <= H and Q B <= H neither Theorem 15 nor the bound of Woodworth et al. is at most the other up to"
        " constants."
    ),
    theorem="patel2024/thm15",
    kind="regime",
    data=ORDERS,
    expected="confirmed",
)
def thm15_against_first_order_theory(data: xr.Dataset) -> Verdict:
    """A path in each direction, inside tau <= H and Q B <= H."""
    return judge_orders(
        data,
        fails=["Theorem 15 <~ first-order theory", "first-order theory <~ Theorem 15"],
        what="neither bound <~ the other",
    )


@claim(
    "patel2024/eq10-inversions",
    statement="Comparison (10) is what the bounds give when their heterogeneity terms are solved for zeta.",
    theorem="patel2024/eq10-new",
    kind="scaling",
    data=ORDERS,
    expected="confirmed",
)
def eq10_inversions(data: xr.Dataset) -> Verdict:
    """Every term of each bound set to at most eps and solved for zeta, against the printed tolerances, both ways."""
    return judge_orders(
        data,
        holds=[f"{a} <~ {b}" for kind in ("old", "new") for a, b in (
            (f"{kind} tolerance", "its inversion"), ("inversion", f"{kind} tolerance"),
        )],
        what="printed tolerances ~ inverted bounds",
    )  # fmt: skip


@claim(
    "patel2024/eq10-improvement",
    statement=(
        "The new theory tolerates at least as much heterogeneity as the old one for Q B <= H and tau^2 B^2 <= H eps;"
        " tau <= H does not suffice."
    ),
    theorem="patel2024/eq10-new",
    kind="regime",
    data=ORDERS,
    expected="confirmed",
)
def eq10_improvement(data: xr.Dataset) -> Verdict:
    """A certificate for the first part and a path for the second."""
    return judge_orders(
        data,
        holds=["old tolerance <~ new tolerance, tau^2 B^2 <= L eps"],
        fails=["old tolerance <~ new tolerance, tau <= L"],
        what="old tolerance <~ new tolerance",
    )


@claim(
    "patel2024/table2-equal-machines",
    statement="For equal machines (tau = zeta = 0) Theorems 15 and 27 are the rates of Yuan and Ma in Table 2.",
    theorem="patel2024/thm27",
    kind="scaling",
    data=ORDERS,
    expected="confirmed",
)
def table2_equal_machines(data: xr.Dataset) -> Verdict:
    """Both theorems at tau = zeta = 0 against the rows of the table, both ways."""
    return judge_orders(
        data,
        holds=[f"{a} <~ {b}, equal machines" for name in ("thm15", "thm27") for a, b in (
            (name, "Table 2"), ("Table 2", name),
        )],
        what="theorems at tau = zeta = 0 ~ rates of equal machines",
    )  # fmt: skip


@claim(
    "patel2024/tau-bounds-agree",
    statement=(
        "The lower bounds with second-order heterogeneity, tau B^2 / R for any steps and the floor of two"
        " quadratics for"
        " plain averaging, are at most Theorem 15; the floor leaves a gap to its heterogeneity term."
    ),
    theorem="patel2024/two-quadratics-floor",
    kind="scaling",
    data=ORDERS,
    expected="confirmed",
)
def tau_bounds_agree(data: xr.Dataset) -> Verdict:
    """Certificates for lower <~ upper in the setting that both speak of, and a path along which the gap opens."""
    return judge_orders(
        data,
        holds=["tau bound <~ Theorem 15", "floor <~ Theorem 15", "floor <~ first-order theory"],
        fails=["drift of Theorem 15 <~ floor"],
        what="lower bounds <~ Theorem 15",
    )


@claim(
    "patel2024/two-quadratics-floor-everywhere",
    statement=(
        "The floor of two quadratics holds for all zeta_star and tau, also where its slow coordinate is too steep."
    ),
    theorem="patel2024/two-quadratics-floor",
    kind="regime",
    data=ORDERS,
    expected="violated",
)
def two_quadratics_floor_everywhere(data: xr.Dataset) -> Verdict:
    """The floor without its condition zeta_star tau <= H^2 B R against the gap at the start: why the condition is
    there."""
    return judge_orders(
        data, holds=["floor without its domain <~ the gap at the start"], what="floor <~ L B^2 without its condition"
    )
