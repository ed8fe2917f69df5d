"""Claims of lee2024 about single clients: how far they move, their preconditioners, and heavy tails."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import half_width, judge_bound, judge_identity, more
from tightrate.verify.judging.power_law import fit_power_law
from tightrate.verify.papers.lee2024 import client_steps_runs, heavy_tails_runs
from tightrate.verify.verdict import Verdict

ROUNDING = 1e-12  # relative, of sums of a few steps
RESOLUTION = 0.15


@claim(
    "lee2024/client-displacement",
    statement="No coordinate of an AdaGrad or SM3 client with delay z moves further than Phi in a round.",
    theorem="lee2024/client-displacement",
    kind="bound with constants",
    data=client_steps_runs.adaptive_clients,
    expected="consistent",
)
def client_displacement(data: xr.Dataset) -> Verdict:
    """Arbitrary gradient sequences: heavy tails, geometric growth and decay, rare gradients, one sign."""
    return judge_bound(
        data.displacement,
        data.bound,
        side="upper",
        what="largest coordinate of a client's move",
        rounding=ROUNDING * data.bound,
        witness={name: data[name] for name in ("eta", "lambda", "G_inf")},
    )


@claim(
    "lee2024/step-at-most-eta",
    statement="Without delay no coordinate of an AdaGrad or SM3 client moves by more than eta in a step, in any noise.",
    theorem="lee2024/h2",
    kind="bound with constants",
    data=client_steps_runs.adaptive_clients,
    expected="consistent",
)
def step_at_most_eta(data: xr.Dataset) -> Verdict:
    """The largest single step over the same sequences with delay 1, in units of eta."""
    steps = data.largest_step.sel(delay=1)
    one = xr.ones_like(steps)
    return judge_bound(
        steps,
        one,
        side="upper",
        what="largest step in units of eta",
        rounding=ROUNDING * one,
        witness={name: data[name] for name in ("eta", "lambda")},
    )


@claim(
    "lee2024/delayed-step-exceeds-eta",
    statement="With a delay a step of an AdaGrad or SM3 client can be more than a thousand times eta.",
    theorem="lee2024/h3",
    kind="counterexample",
    data=client_steps_runs.adaptive_clients,
    expected="consistent",
)
def delayed_step(data: xr.Dataset) -> Verdict:
    """The largest step over the same sequences with delays 2 and 3, for every rule: a step that does not renew the
    preconditioner is not bounded by eta."""
    largest = data.largest_step.where(data.delay > 1, drop=True).max(("K", "sequence"))
    return judge_bound(
        largest,
        xr.full_like(largest, 1000.0),
        side="lower",
        what="largest step in units of eta",
        witness={},
    )


@claim(
    "lee2024/sm3-dominates",
    statement=(
        "The preconditioner of SM3 is at least AdaGrad's sum of squared gradients, and at most the number of updates"
        " times the largest squared gradient."
    ),
    theorem="lee2024/client-displacement",
    kind="bound with constants",
    data=client_steps_runs.adaptive_clients,
    expected="consistent",
)
def sm3_dominates(data: xr.Dataset) -> Verdict:
    """Both ratios for SM3-I and SM3-II with three covers and all delays, on the same sequences."""
    both = xr.concat([1 / data.accumulator_low, data.accumulator_high], dim="side")
    one = xr.ones_like(both)
    return judge_bound(
        both, one, side="upper", what="ratio of preconditioners", rounding=ROUNDING * one, witness={"eta": data.eta}
    )


@claim(
    "lee2024/adam-displacement",
    statement="In any noise no coordinate of an Adam client with beta1^2 < beta2 moves further than the bound.",
    theorem="lee2024/client-displacement-adam",
    kind="bound with constants",
    data=client_steps_runs.adam_clients,
    expected="consistent",
)
def adam_displacement(data: xr.Dataset) -> Verdict:
    """Single steps and whole rounds, on random sequences and on the extremal one of the proof."""
    measured = xr.concat([data.displacement, data.largest_step], dim="what")
    bound = xr.concat([data.bound, data.step_bound], dim="what")
    return judge_bound(
        measured,
        bound,
        side="upper",
        what="largest coordinate of a client's move",
        rounding=ROUNDING * bound,
        witness={name: data[name] for name in ("eta", "beta1", "beta2")},
    )


@claim(
    "lee2024/strategies-fit",
    statement=(
        "SGD, momentum SGD, AdaGrad and Adam are strategies of the mixture: step p is eta times a sum of"
        " a_l g_l / theta_l with a_l at most 1 that may depend on p and vanish."
    ),
    theorem="lee2024/blended",
    kind="identity",
    data=client_steps_runs.blended_strategies,
    expected="confirmed",
)
def strategies_fit(data: xr.Dataset) -> Verdict:
    """Every step of the shipped optimizers against the sum, written from the definitions without recursions."""
    one = xr.ones_like(data.step_error)
    return judge_identity(
        1 + data.step_error,
        one,
        one,
        what="a step, relative to the sum of damped gradients",
        relative=1e-12,
        witness={name: data[name] for name in ("eta", "lambda", "beta1", "beta2")},
    )


@claim(
    "lee2024/strategies-damping",
    statement="For AdaGrad and Adam theta lies between lambda and sqrt(K) G + lambda, for SGD and momentum it is 1.",
    theorem="lee2024/blended",
    kind="bound with constants",
    data=client_steps_runs.blended_strategies,
    expected="consistent",
)
def strategies_damping(data: xr.Dataset) -> Verdict:
    """The ratios of theta to both ends, and of a to 1, on random gradient sequences."""
    ratios = xr.concat([1 / data.theta_low, data.theta_high, data.largest_a], dim="end")
    one = xr.ones_like(ratios)
    witness = {"lambda": data["lambda"], "beta1": data.beta1}
    return judge_bound(ratios, one, side="upper", what="theta", rounding=ROUNDING * one, witness=witness)


@claim(
    "lee2024/strategies-displacement",
    statement="No coordinate of a client with one of the four strategies moves further than eta G K (K+1) / (2 m).",
    theorem="lee2024/client-displacement-blended",
    kind="bound with constants",
    data=client_steps_runs.blended_strategies,
    expected="consistent",
)
def strategies_displacement(data: xr.Dataset) -> Verdict:
    """Random gradient sequences, by value; m is lambda for AdaGrad and Adam and 1 for the others."""
    return judge_bound(
        data.displacement,
        data.bound,
        side="upper",
        what="largest coordinate of a client's move",
        rounding=ROUNDING * data.bound,
        witness={name: data[name] for name in ("eta", "lambda")},
    )


@claim(
    "lee2024/strategies-as-displayed",
    statement=(
        "With every a_l above a positive constant, as displayed, the sum is the step of SGD, momentum SGD, AdaGrad and"
        " Adam; so after the gradients 1, 0 their second step is not zero."
    ),
    theorem="lee2024/blended",
    kind="erratum",
    data=client_steps_runs.blended_strategies,
    expected="violated",
)
def strategies_as_displayed(data: xr.Dataset) -> Verdict:
    """The second step of every strategy after the gradients 1, 0, in units of the first."""
    tiny = np.finfo(float).tiny
    return judge_bound(
        data.second_step,
        xr.full_like(data.second_step, tiny),
        side="lower",
        what="second step",
        witness={name: data[name] for name in ("eta", "lambda", "beta1", "beta2")},
    )


@claim(
    "lee2024/infinite-expected-gap",
    statement=(
        "With one heavy-tailed client the parts E[min(gap, 4u) - min(gap, u)] of FedAvg's expected gap after a round"
        " grow at least like u^(1 - nu/2), so that their sum, the expected gap, is infinite."
    ),
    theorem="lee2024/h1",
    kind="scaling",
    data=heavy_tails_runs.heavy_tails,
    expected="consistent",
)
def infinite_expected_gap(data: xr.Dataset) -> Verdict:
    """Five bands of the gap, each from runs of its own; the exponent's interval must reach the tail's and exclude 0.

    No finite sample shows that an expectation is infinite.  What is tested is the hypothesis that the parts grow more
    slowly than the tail of the noise says: it is rejected or not at 99 %; and that they grow at all.
    """
    return judge_divergence(data.isel(method=data.attrs["methods"].index("FedAvg")), data.attrs["exponent"])


@claim(
    "lee2024/delay-loses-protection",
    statement=(
        "With delay 2 and two local steps the parts of the expected gap of AdaGrad clients grow at least like"
        " u^(1 - nu/2), too: it is infinite as for FedAvg."
    ),
    theorem="lee2024/h3",
    kind="scaling",
    data=heavy_tails_runs.heavy_tails,
    expected="consistent",
)
def delay_loses_protection(data: xr.Dataset) -> Verdict:
    """The same bands for AdaGrad clients whose last step does not renew the preconditioner, with plain averaging."""
    return judge_divergence(
        data.isel(method=data.attrs["methods"].index("delayed AdaGrad clients")), data.attrs["exponent"]
    )


def judge_divergence(data: xr.Dataset, exponent: float) -> Verdict:
    """Violated if parts are missing or grow more slowly than u^exponent for sure; inconclusive if they may not grow."""
    part, error = data.part.values, data.part_stderr.values
    predicted = f"u^{exponent:g}"
    if not np.all(part > 0):
        empty = float(data.u[int(np.argmin(part))])
        sentence = f"No run reached the band above u = {empty:g}: the expected gap has no part there."
        return Verdict("violated", sentence, predicted, "no mass", witness={"u": empty, "part": 0.0})
    fit = fit_power_law({"u": data.u.values}, part, error)
    found = fit.exponents["u"]
    evidence = {
        "confidence": fit.confidence,
        "independent copies in a band": data.attrs["copies"],
        "tail index of the noise": data.attrs["degrees"],
        "lack of fit (reduced chi-square, at least 1)": fit.lack_of_fit,
        **{f"part above u = {u:g}": f"{p:.4g} +- {e:.2g}" for u, p, e in zip(data.u.values, part, error, strict=True)},
    }
    texts = (predicted, f"u^{found.estimate:.3f}")
    interval = (found.low, found.high)
    if found.high < exponent:
        witness = {"exponent": found.estimate, "high": found.high, "predicted": exponent}
        sentence = "The parts of the expected gap grow more slowly than the tail of the noise says."
        return Verdict("violated", sentence, *texts, interval, evidence, witness)
    allowed = min(RESOLUTION, abs(found.estimate))  # the half-width at which 0 is excluded, too
    if found.low <= 0 or half_width(found) > RESOLUTION:
        needed = f"about {more(half_width(found) / allowed)} the {data.attrs['copies']} copies in a band"
        sentence = f"The exponent's interval is {found.low:.3f} to {found.high:.3f}: it takes {needed}."
        return Verdict("inconclusive", sentence, *texts, interval, evidence)
    sentence = (
        f"The parts grow, by an exponent between {found.low:.3f} and {found.high:.3f}; the tail's is {exponent:g},"
        " which makes the expectation infinite."
    )
    return Verdict("consistent", sentence, *texts, interval, evidence)


@claim(
    "lee2024/sure-bound",
    statement=(
        "With AdaGrad or SM3 clients without delay and plain averaging the gap stays below the sure bound in every run"
        " and round, whatever the noise."
    ),
    theorem="lee2024/h2",
    kind="bound with constants",
    data=heavy_tails_runs.sure_bounds,
    expected="consistent",
)
def sure_bound(data: xr.Dataset) -> Verdict:
    """The largest gap over runs in which every client has noise of infinite variance, at levels up to 10^6."""
    return _surely(data.isel(method=slice(0, -1)))


@claim(
    "lee2024/sure-bound-server",
    statement=(
        "With SGD clients and an AdaGrad server the gap stays below the sure bound in every run and round, whatever the"
        " noise: adaptivity on one side is enough."
    ),
    theorem="lee2024/h2-server",
    kind="bound with constants",
    data=heavy_tails_runs.sure_bounds,
    expected="consistent",
)
def sure_bound_server(data: xr.Dataset) -> Verdict:
    """The same noise with SGD clients and an AdaGrad server."""
    return _surely(data.isel(method=slice(-1, None)))


def _surely(data: xr.Dataset) -> Verdict:
    return judge_bound(
        data.largest_gap, data.bound, side="upper", what="largest gap over the runs", rounding=ROUNDING, witness={}
    )
