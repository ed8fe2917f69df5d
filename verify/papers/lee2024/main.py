"""Claims of lee2024 about rates: the orders of FedAda^2, a bound with constants, and the counterexample to the rate."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity, judge_upper_exponents
from tightrate.verify.judging.order import judge_orders
from tightrate.verify.papers.lee2024 import counterexample_runs, orders_runs, proved_bound_runs
from tightrate.verify.verdict import Verdict

RESOLUTION = 0.1  # half-width beyond which an exponent says nothing
EXACT_RUN = 1e-9  # relative error at which a run without noise enters a fit


FIRST_TWO = "(A) first two ratios <~ bound"


@claim(
    "lee2024/small-client-steps",
    statement=(
        "For client steps of order at most R^(-1/2) the published bound vanishes exactly if gamma eta vanishes, and"
        " more slowly than 1/R."
    ),
    theorem="lee2024/cor7a",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def small_client_steps(data: xr.Dataset) -> Verdict:
    """Exact certificates that the bound is of the order of its two decisive ratios (and of R^(-1/2)), and back."""
    proved = ["(A) bound <~ first two ratios + R^(-1/2)", FIRST_TWO]
    return judge_orders(data, holds=proved, what="bound -> 0 iff 1/R << gamma eta << 1")


@claim(
    "lee2024/larger-client-steps",
    statement=(
        "With the client step R^(-49/100) the published bound vanishes exactly for server steps strictly between the"
        " orders R^(-1/2) and R^(12/25)."
    ),
    theorem="lee2024/cor7b",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def larger_client_steps(data: xr.Dataset) -> Verdict:
    """Exact certificates, from the theorem's own orders at that client step, in both directions."""
    proved = [
        "(B) bound <~ 1/(gamma sqrt R) + gamma R^(-12/25) + R^(-12/25)",
        "(B) 1/(gamma sqrt R) + gamma R^(-12/25) <~ bound",
    ]
    return judge_orders(data, holds=proved, what="bound -> 0 iff R^(-1/2) << gamma << R^(12/25)")


@claim(
    "lee2024/growing-server-step",
    statement="The server step may grow like R^(1/3) with the client step R^(-49/100): the bound is below R^(-11/75).",
    theorem="lee2024/cor7b",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def growing_server_step(data: xr.Dataset) -> Verdict:
    """An exact certificate at these two steps."""
    proved = ["bound at gamma = R^(1/3) <~ R^(-11/75)"]
    return judge_orders(data, holds=proved, what="bound <~ R^(-11/75)")


@claim(
    "lee2024/best-exponent",
    statement="No choice of steps makes the published bound smaller than the order R^(-1/2), which is attained.",
    theorem="lee2024/cor8",
    kind="scaling",
    data=orders_runs.orders,
    expected="confirmed",
)
def best_exponent(data: xr.Dataset) -> Verdict:
    """Exact certificates: R^(-1/2) is at most the bound for all steps, and at least the bound at the stated ones."""
    proved = ["R^(-1/2) <~ bound", "bound at gamma = 1, eta = R^(-1/2) <~ R^(-1/2)", "rate as stated <~ R^(-1/2)"]
    return judge_orders(data, holds=proved, what="min over steps of the bound ~ R^(-1/2)")


@claim(
    "lee2024/best-line",
    statement=(
        "The order R^(-1/2) is attained by the steps with gamma eta of order R^(-1/2) and eta at most of order"
        " R^(-1/2), and by no others."
    ),
    theorem="lee2024/thm6",
    kind="regime",
    data=orders_runs.orders,
    expected="confirmed",
)
def best_line(data: xr.Dataset) -> Verdict:
    """Exact certificates: on the line the bound is small enough; off it, one of the first two ratios is too large."""
    proved = ["bound on the line <~ R^(-1/2)", FIRST_TWO, "eta <~ bound for large client steps"]
    return judge_orders(data, holds=proved, what="bound <~ R^(-1/2) iff gamma eta ~ R^(-1/2) and eta <~ R^(-1/2)")


RANDOM_LETTERS = ("eta", "gamma", "lambda", "server_damping", "delay", "K", "R", "M", "d", "L", "G_inf", "zeta_inf")


@claim(
    "lee2024/proved-bound",
    statement="The mean squared gradient over the rounds of FedAda^2 and FedAda^2++ is below the bound with constants.",
    theorem="lee2024/proved",
    kind="bound with constants",
    data=proved_bound_runs.random_instances,
    expected="consistent",
)
def proved_bound(data: xr.Dataset) -> Verdict:
    """Random clients, some of them concave, random steps, delays and SM3 covers; every instance by value."""
    return judge_bound(
        data["mean"],
        data.bound,
        side="upper",
        what="mean squared gradient",
        witness={name: data[name] for name in (*RANDOM_LETTERS, "Delta", "cover")},
    )


@claim(
    "lee2024/identical-clients",
    statement="With identical clients, at the prescribed steps, the mean squared gradient decays at least as R^(-1/2).",
    theorem="lee2024/proved-tuned",
    kind="scaling",
    data=proved_bound_runs.identical_clients,
    expected="consistent",
)
def identical_rate(data: xr.Dataset) -> Verdict:
    """The exponent of R in runs without noise; the interval is as wide as the choice of the window makes it."""
    return _decay(data["mean"], data.attrs["exponent"])


@claim(
    "lee2024/identical-clients-value",
    statement="With identical clients the mean squared gradient stays below the proved bound at its own steps.",
    theorem="lee2024/proved-tuned",
    kind="bound with constants",
    data=proved_bound_runs.identical_clients,
    expected="consistent",
)
def identical_value(data: xr.Dataset) -> Verdict:
    """The same runs, by value."""
    witness = {"eta": data.eta, "least": data.least}
    return judge_bound(data["mean"], data.bound, side="upper", what="mean squared gradient", witness=witness)


def _decay(measured: xr.DataArray, exponent: float) -> Verdict:
    values = measured.values
    return judge_upper_exponents(
        {"R": measured.R.values.astype(float)},
        values,
        EXACT_RUN * values,
        {"R": exponent},
        offset=np.zeros(len(values)),
        resolution=RESOLUTION,
    )


@claim(
    "lee2024/counterexample",
    statement=(
        "On three convex smooth clients with bounded gradients FedAda^2 stays for ever where the squared gradient is"
        " 1/81, for all steps of client and server; so it does with a delay, a clip of small steps, SM3 and Adam."
    ),
    theorem="lee2024/counterexample",
    kind="counterexample",
    data=counterexample_runs.counterexample,
    expected="confirmed",
)
def counterexample(data: xr.Dataset) -> Verdict:
    """One local step, four pairs of steps, rounds up to a thousand: the squared gradient against its exact value."""
    return judge_identity(
        data.squared_gradient,
        data.exact.broadcast_like(data.squared_gradient),
        data.exact,
        what="squared gradient at the point where FedAda^2 stays",
        witness={"eta": data.eta, "gamma": data.gamma},
    )


@claim(
    "lee2024/small-damping",
    statement=(
        "On the family of such clients the squared gradient that stays is (G^2 / (3 (G + 2 lambda)))^2, and the"
        " gradient tends to a third of the largest one as lambda vanishes."
    ),
    theorem="lee2024/counterexample-family",
    kind="exact value",
    data=counterexample_runs.counterexample,
    expected="confirmed",
)
def small_damping(data: xr.Dataset) -> Verdict:
    """Runs over eight decades of damping against the closed form, whose limit, taken exactly, is compared with G/3."""
    identity = judge_identity(
        data.staying,
        data.staying_exact,
        xr.full_like(data.staying_exact, data.attrs["G"] ** 2),
        what="squared gradient at the point where FedAda^2 stays",
        witness={"zeta_inf": data.zeta_inf},
    )
    third = data.attrs["G"] ** 2 / 9
    close = abs(float(data.staying.isel(ratio=0)) - third) <= 1e-5 * third
    if identity.status == "confirmed" and not (close and data.attrs["limit"] == third):
        found = float(data.staying.isel(ratio=0))
        return Verdict(
            "violated",
            "The gradient does not tend to a third of the largest one as the damping vanishes.",
            "squared gradient -> G^2/9",
            f"{found:.6g} at the least damping, limit {data.attrs['limit']:.6g}",
            witness={"ratio": float(data.ratio[0]), "squared gradient": found, "limit": data.attrs["limit"]},
        )
    return identity


@claim(
    "lee2024/rate-as-summarised",
    statement=(
        "Under smoothness and bounded gradients alone, at the steps of the corollary, the least squared gradient of R"
        " rounds decays at least like R^(-1/2)."
    ),
    theorem="lee2024/cor8",
    kind="erratum",
    data=counterexample_runs.summarised_rate,
    expected="violated",
)
def rate_as_summarised(data: xr.Dataset) -> Verdict:
    """The exponent of R on three clients, for AdaGrad, delayed, SM3 and Adam clients and several local steps.

    The statement speaks of all of them, so the slowest decides.  SGD clients on the same problem, of which it does not
    speak, must decay: otherwise the steps, not the statement, would be at fault, and the test is inconclusive.
    """
    verdicts = [_decay(data.least.isel(method=i), data.attrs["exponent"]) for i in range(data.sizes["method"])]
    *adaptive, control = verdicts
    names = data.attrs["methods"]
    sgd = data.least.isel(method=-1)
    if not bool(sgd[-1] / sgd[0] <= (sgd.R[-1] / sgd.R[0]) ** data.attrs["exponent"]):
        return Verdict("inconclusive", "SGD clients do not decay either.", control.predicted, control.measured)
    slow = [name for name, verdict in zip(names, adaptive, strict=False) if verdict.status == "violated"]
    evidence = {name: verdict.measured for name, verdict in zip(names, verdicts, strict=True)}
    if not slow:
        return Verdict(
            "consistent", "All decay as fast as said.", control.predicted, adaptive[0].measured, evidence=evidence
        )
    worst = adaptive[names.index(slow[0])]
    end = data.isel(R=-1)
    witness = {
        "problem": "three-clients",
        "slower than said": slow,
        "R": int(end.R),
        "eta": float(end.eta),
        "least squared gradient": float(end.least.isel(method=names.index(slow[0]))),
    }
    sentence = f"The least squared gradient does not decay: {', '.join(slow)}."
    return Verdict("violated", sentence, worst.predicted, worst.measured, worst.interval, evidence, witness)


@claim(
    "lee2024/heterogeneity-floor",
    statement="The squared gradient that heterogeneous clients keep is at most the proved floor of order zeta^2.",
    theorem="lee2024/proved-tuned",
    kind="bound with constants",
    data=counterexample_runs.counterexample,
    expected="consistent",
)
def heterogeneity_floor(data: xr.Dataset) -> Verdict:
    """What stays on the family of three clients, against the proved bound for R to infinity (1e18 rounds)."""
    return judge_bound(
        data.staying,
        data.floor,
        side="upper",
        what="squared gradient that stays",
        witness={"zeta_inf": data.zeta_inf},
    )


@claim(
    "lee2024/floor-is-needed",
    statement=(
        "No bound whose floor is of smaller order than zeta^2 can hold for all damping: on the family the squared"
        " gradient that stays is more than zeta^2/16 once the damping is below a hundredth of G."
    ),
    theorem="lee2024/counterexample-family",
    kind="counterexample",
    data=counterexample_runs.counterexample,
    expected="consistent",
)
def floor_is_needed(data: xr.Dataset) -> Verdict:
    """The ratio of what stays to zeta^2, over four decades of damping."""
    small = data.where(data.ratio <= 1e-2, drop=True)
    return judge_bound(
        small.staying,
        small.zeta_inf**2 / 16,
        side="lower",
        what="squared gradient that stays",
        witness={"zeta_inf": small.zeta_inf},
    )
