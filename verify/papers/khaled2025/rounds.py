"""Claims of khaled2025 that are identities: special cases of the rules, the regret of a round, closed forms."""

from __future__ import annotations

import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.papers.khaled2025 import average_gap_runs, momentum_runs, rounds_runs, stability_runs
from tightrate.verify.verdict import Verdict

ROUNDS, CLOSED, TRANSIENT = "khaled2025-rounds", "khaled2025-closed-forms", "khaled2025-momentum-transient"
STABLE, GROWS = "khaled2025-stability", 1.05  # 1.04^2 = 1.08 is the growth 2 % outside
ROUNDING = 1e-12  # of the largest parts of an identity


def _vanishes(data: xr.Dataset, name: str, what: str) -> Verdict:
    one = xr.ones_like(data[name])
    parameters = {key: data[key] for key in ("L", "B", "eta", "gamma")}
    return judge_identity(1 + data[name], one, one, what=what, relative=ROUNDING, witness=parameters)


@claim(
    "khaled2025/plain-averaging",
    statement="With gamma = 1 generalized local SGD averages the workers' iterates after every round.",
    theorem="khaled2025/eq2",
    kind="identity",
    data=rounds_runs.rounds,
    expected="confirmed",
)
def plain_averaging(data: xr.Dataset) -> Verdict:
    """Random smooth functions with a soft kink and random noise, step by step: every synchronized iterate against the
    mean of the workers' last local iterates."""
    return _vanishes(data, "averaging", "the synchronized iterate at gamma = 1")


@claim(
    "khaled2025/one-local-step",
    statement="With one local step the run depends on gamma and eta through their product only: it is minibatch SGD.",
    theorem="khaled2025/minibatch",
    kind="identity",
    data=rounds_runs.rounds,
    expected="confirmed",
)
def one_local_step(data: xr.Dataset) -> Verdict:
    """Two pairs of steps with the same product on the same noise, each against minibatch SGD with step gamma eta."""
    return _vanishes(data, "product", "the run with one local step")


@claim(
    "khaled2025/no-momentum",
    statement="With momentum 0 the rule with outer momentum is generalized local SGD.",
    theorem="khaled2025/thm2",
    kind="identity",
    data=rounds_runs.rounds,
    expected="confirmed",
)
def no_momentum(data: xr.Dataset) -> Verdict:
    """Both rules on the same functions with the same noise."""
    return _vanishes(data, "no momentum", "the run with momentum 0")


@claim(
    "khaled2025/accelerated-one-local-step",
    statement="With one local step the accelerated outer loop is accelerated minibatch SGD.",
    theorem="khaled2025/thm3",
    kind="identity",
    data=rounds_runs.rounds,
    expected="confirmed",
)
def accelerated_one_local_step(data: xr.Dataset) -> Verdict:
    """The shipped rule against the two sequences u and z written out with the minibatch gradient."""
    return _vanishes(data, "acceleration", "the accelerated run with one local step")


@claim(
    "khaled2025/no-noise-no-workers",
    statement="Without noise the number of workers changes nothing, with and without acceleration.",
    theorem="khaled2025/thm1",
    kind="identity",
    data=rounds_runs.rounds,
    expected="confirmed",
)
def no_noise_no_workers(data: xr.Dataset) -> Verdict:
    """The same run with one worker and with four."""
    return _vanishes(data, "no noise", "the run without noise")


@claim(
    "khaled2025/lemma6",
    statement=(
        "Lemma 6: in every round sum_h <y_h - x_r, g_h> = (eta/2) sum_h |g_h|^2 - |y_H - x_r|^2 / (2 eta),"
        " whatever eta."
    ),
    theorem="khaled2025/thm1",
    kind="identity",
    data=rounds_runs.rounds,
    expected="confirmed",
)
def lemma6(data: xr.Dataset) -> Verdict:
    """Both sides along every round of random runs of the shipped rules, relative to the sum of their parts' sizes."""
    return _vanishes(data, "lemma6", "the regret of a round against its start")


@claim(
    "khaled2025/eq13",
    statement=(
        "Eq. (13): |x_{r+1} - x*|^2 = |x_r - x*|^2 - 2 gamma eta sum_h <y_h - x*, g_h> + gamma eta^2 sum_h |g_h|^2"
        " + gamma (gamma - 1) eta^2 |G_r|^2 in every round of every run."
    ),
    theorem="khaled2025/thm1",
    kind="identity",
    data=rounds_runs.rounds,
    expected="confirmed",
)
def eq13(data: xr.Dataset) -> Verdict:
    """Both sides along every round of random runs of the shipped rules, outer steps below and above 1."""
    return _vanishes(data, "eq13", "the squared distance after a round")


def _moments(data: xr.Dataset, name: str, what: str) -> Verdict:
    """Step by step and by the engine of exact moments, against the closed form; padding of shorter runs left out."""
    both = xr.concat([data[f"kicked: {name}"], data[f"engine: {name}"]], dim="method").stack(
        cell=("method", "R", "instance")
    )
    exact = xr.concat([data[f"exact: {name}"]] * 2, dim="method").stack(cell=("method", "R", "instance"))
    scale = (data.scale * xr.ones_like(xr.concat([data[f"exact: {name}"]] * 2, dim="method"))).stack(
        cell=("method", "R", "instance")
    )
    there = exact.notnull()
    both, exact, scale = (part.where(there, drop=True).reset_index("cell") for part in (both, exact, scale))
    return judge_identity(both, exact, scale, what=what, relative=1e-10, matters=1e-4, absolute=1e-13, witness={})


@claim(
    "khaled2025/second-moments",
    statement=(
        "On a quadratic E x_r^2 follows b^2 E x_r^2 + gamma^2 eta^2 s^2 S_H / M with b = 1 - gamma + gamma a^H,"
        " round by round."
    ),
    theorem="khaled2025/stationary",
    kind="exact value",
    data=average_gap_runs.closed_forms,
    expected="confirmed",
)
def second_moments(data: xr.Dataset) -> Verdict:
    """Exact second moments of the shipped rule, from its response to every single kick of noise and from the engine
    of exact moments, against the recursion, on random instances."""
    return _moments(data, "local", "second moment of local SGD")


@claim(
    "khaled2025/momentum-second-moments",
    statement="With outer momentum x_{r+1} = (b + momentum) x_r - momentum x_{r-1} + noise, of the same variance.",
    theorem="khaled2025/thm2",
    kind="exact value",
    data=average_gap_runs.closed_forms,
    expected="confirmed",
)
def momentum_second_moments(data: xr.Dataset) -> Verdict:
    """The same two ways, against the second moments of the two-term recursion."""
    return _moments(data, "momentum", "second moment with outer momentum")


@claim(
    "khaled2025/accelerated-second-moments",
    statement=(
        "On a quadratic the accelerated loop is u_{r+1} = a^H x_r + n, z_{r+1} = z_r - gamma_r ((1 - a^H) x_r - n),"
        " the same n in both."
    ),
    theorem="khaled2025/thm3",
    kind="exact value",
    data=average_gap_runs.closed_forms,
    expected="confirmed",
)
def accelerated_second_moments(data: xr.Dataset) -> Verdict:
    """The same two ways, against the recursion of the covariance of (u, z)."""
    return _moments(data, "accelerated", "second moment of the accelerated loop")


@claim(
    "khaled2025/quadratic-mean",
    statement="On a quadratic the mean of x_R is ((1 - gamma) I + gamma (I - eta Q)^H)^R x_0, with the exponent R.",
    theorem="khaled2025/quadratic-mean",
    kind="exact value",
    data=average_gap_runs.closed_forms,
    expected="confirmed",
)
def quadratic_mean(data: xr.Dataset) -> Verdict:
    """The mean along the rounds by the engine of exact moments, against the theorem's expression."""
    there = data["mean: exact"].notnull()
    measured, exact = (data[name].where(there, 0.0) for name in ("mean", "mean: exact"))
    return judge_identity(measured, exact, data.B, what="mean on a quadratic", matters=1e-4, absolute=1e-13, witness={})


@claim(
    "khaled2025/quadratic-mean-as-legible",
    statement=(
        "The mean of x_R is ((1 - gamma) I + gamma (I - eta Q)^H) x_0, as legible in the available text, which has no"
        " exponent R."
    ),
    theorem="khaled2025/quadratic-mean",
    kind="counterexample",
    data=average_gap_runs.closed_forms,
    expected="violated",
)
def quadratic_mean_as_legible(data: xr.Dataset) -> Verdict:
    """The mean after every round against that after the first: with one round both readings agree, later they part.

    The conversion of the text lost raised and lowered signs elsewhere, so that this may be no slip of the paper.
    """
    there = data["mean: exact"].notnull() & (data.R >= 1)
    once = data["mean: exact"].sel(R=1)
    measured, exact = data["mean"].where(there, 0.0), once.where(there, 0.0)
    parameters = {name: data[name] for name in ("curvature", "B", "eta", "gamma", "K")}
    return judge_identity(
        measured, exact, data.B, what="mean on a quadratic", matters=1e-4, absolute=1e-13, witness=parameters
    )


@claim(
    "khaled2025/stationary",
    statement=(
        "On a quadratic with noise E (x_r - x*)^2 settles at gamma eta^2 s^2 S_H / (M (1 - a^H)(2 - gamma (1 - a^H)))"
        " wherever rounds contract."
    ),
    theorem="khaled2025/stationary",
    kind="exact value",
    data=average_gap_runs.closed_forms,
    expected="confirmed",
)
def stationary(data: xr.Dataset) -> Verdict:
    """The second moment after 10^9 rounds by the engine of exact moments, against the theorem's expression."""
    return judge_identity(
        data["stationary"],
        data["stationary: exact"],
        data.scale,
        what="stationary second moment",
        witness={name: data[name] for name in ("curvature", "sigma", "eta", "gamma", "K", "M")},
    )


@claim(
    "khaled2025/average-gap",
    statement="On a quadratic the mean gap over all local iterates of all workers has the stated closed form.",
    theorem="khaled2025/average-gap",
    kind="exact value",
    data=average_gap_runs.closed_forms,
    expected="confirmed",
)
def average_gap(data: xr.Dataset) -> Verdict:
    """Step by step from the response to every kick of noise, and by the form without cancellation that the other tests
    use, against the theorem's expression."""
    both = xr.concat([data["average"], data["average: stable"]], dim="method")
    names = ("curvature", "B", "sigma", "eta", "gamma", "K", "M")
    return judge_identity(
        both,
        data["average: exact"],
        data.curvature * data.scale,
        what="mean gap of the local iterates",
        relative=1e-11,
        witness={name: data[name] for name in names},
    )


@claim(
    "khaled2025/momentum-transient",
    statement=(
        "On a quadratic without noise, momentum costs one transient, about momentum / (1 - momentum) times half the"
        " gap at the start in the sum over all rounds, beyond the momentum-adjusted outer step gamma / (1 - momentum)."
    ),
    theorem="khaled2025/momentum-transient",
    kind="exact value",
    data=momentum_runs.transient,
    expected="confirmed",
)
def momentum_transient(data: xr.Dataset) -> Verdict:
    """The gaps of all rounds added up until nothing is left, with momentum and with the adjusted step alone, on random
    curvatures; their difference against the theorem's expression."""
    return judge_identity(
        1 + (data.transient - data.exact) / data.scale,
        xr.ones_like(data.exact),
        xr.ones_like(data.exact),
        what="the sum of the gaps that momentum adds, relative to the whole sum",
        relative=ROUNDING,
        witness={name: data[name] for name in ("curvature", "B", "eta", "gamma", "momentum")},
    )


@claim(
    "khaled2025/stable-range",
    statement="On a quadratic with noise E x_r^2 stays bounded exactly where 0 < gamma (1 - a^H) < 2.",
    theorem="khaled2025/stationary",
    kind="regime",
    data=stability_runs.stability,
    expected="consistent",
)
def stable_range(data: xr.Dataset) -> Verdict:
    """Exact second moments 2 % of the range inside and outside of both ends, local steps that diverge among them: from
    1000 to 2000 rounds they stay inside and grow outside."""
    side = 2 * data.inside - 1  # outside the factor must exceed one: compare its reciprocal
    return judge_bound(
        data.growth**side,
        xr.ones_like(data.growth).where(data.inside == 1, 1 / GROWS),
        side="upper",
        what="growth of the second moment in a round (inverted outside)",
        rounding=1e-12,
        witness={name: data[name] for name in ("share", "curvature", "eta", "gamma", "K", "growth")},
    )
