"""Claims of cheng2024 that are identities: the auxiliary sequence, and methods that coincide or do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.judging.scaling import joined
from tightrate.verify.papers.cheng2024 import equivalences_runs, identities_runs
from tightrate.verify.verdict import Verdict

ROUNDING = 1e-12  # allowed error, relative to the largest entry of the run
DRAWN = ("eta", "beta1", "beta2", "lambda", "rho")


def same(data: xr.Dataset, errors: Sequence[str], what: str, drawn: Sequence[str] = (), **letters: float) -> Verdict:
    """Identity of two quantities whose relative differences the dataset holds under these names, each over its axes.

    The witness holds the error itself, the numbers among the dataset's attributes, the variables `drawn`, and
    `letters`, the values that the comparison has and the dataset does not.
    """
    numbers = {name: float(value) for name, value in data.attrs.items() if isinstance(value, int | float)}
    fixed = {name: xr.DataArray(value) for name, value in {**numbers, **letters}.items()}
    witness = {**fixed, **{name: data[name] for name in drawn}}
    parts = {}
    for name in errors:
        error = data[name]
        zero, one = xr.zeros_like(error), xr.ones_like(error)
        parts[name] = judge_identity(error, zero, one, what=what, absolute=ROUNDING, witness=witness)
    return joined(parts) if len(parts) > 1 else parts[errors[0]]


@claim(
    "cheng2024/momentum-free-path",
    statement="The workers' mean of z moves by exactly -eta times the mean clipped gradient, whatever the momentum.",
    theorem="cheng2024/lemB1",
    kind="identity",
    data=identities_runs.identities,
    expected="confirmed",
)
def momentum_free_path(data: xr.Dataset) -> Verdict:
    """Every step of Local SGDM runs with heavy-tailed noise, clipping on, random steps, thresholds and momenta."""
    return same(data, ["momentum-free path"], "the step of the mean auxiliary iterate", DRAWN)


@claim(
    "cheng2024/auxiliary-sequence",
    statement="z = x - eta beta1/(1-beta1) u (for Adam, x plus that multiple of its last move) is the printed z.",
    theorem="cheng2024/lemB6",
    kind="identity",
    data=identities_runs.identities,
    expected="confirmed",
)
def auxiliary_sequence(data: xr.Dataset) -> Verdict:
    """Both algorithms, every step and worker: (4.8) with the anchor that it prescribes at a communication."""
    return same(data, ["SGDM: auxiliary sequence", "Adam: auxiliary sequence"], "the auxiliary sequence", DRAWN)


@claim(
    "cheng2024/mean-iterate-averages-z",
    statement="The mean iterate is beta1 times the one before plus 1 - beta1 times the mean z, for both algorithms.",
    theorem="cheng2024/lemB6",
    kind="identity",
    data=identities_runs.identities,
    expected="confirmed",
)
def mean_iterate_averages_z(data: xr.Dataset) -> Verdict:
    """Every step of both algorithms; so mean iterates stay in the convex hull of the mean z."""
    return same(data, ["SGDM: mean iterate", "Adam: mean iterate"], "the mean iterate", DRAWN)


@claim(
    "cheng2024/momentum-lag",
    statement="The distance of mean z and mean x is beta1/(1-beta1) times the last move of the mean x, (C.160).",
    theorem="cheng2024/lemC7",
    kind="identity",
    data=identities_runs.identities,
    expected="confirmed",
)
def momentum_lag(data: xr.Dataset) -> Verdict:
    """Every step of both algorithms, from the second on."""
    return same(data, ["SGDM: lag", "Adam: lag"], "the distance of mean z and mean x", DRAWN)


@claim(
    "cheng2024/adam-increment",
    statement="Away from a round's first step, z moves by -eta/H times gradient plus the correction e of (C.5)-(C.6).",
    theorem="cheng2024/lemC10",
    kind="identity",
    data=identities_runs.identities,
    expected="confirmed",
)
def adam_increment(data: xr.Dataset) -> Verdict:
    """Every worker at steps inside a round, the workers' mean at its last step."""
    inside = data.sel(K=data.K[data.K > 1])  # with K = 1 every step starts a round
    return same(inside, ["increment"], "the increment of Local Adam's auxiliary iterate", DRAWN)


@claim(
    "cheng2024/adam-increment-at-first-step-as-printed",
    statement="(C.5)-(C.6) also give the increment of z at the first step of every round.",
    theorem="cheng2024/lemC10",
    kind="erratum",
    data=identities_runs.identities,
    expected="violated",
)
def adam_increment_as_printed(data: xr.Dataset) -> Verdict:
    """The workers' mean increment against (C.6) with every worker's own u and H of the step before."""
    return same(data, ["first increment as printed"], "the first increment of a round by (C.6)", DRAWN)


@claim(
    "cheng2024/adam-increment-at-first-step",
    statement=(
        "At a round's first step the correction is beta1/(1-beta1) times u/H with the averaged u and the worker's new"
        " H, less the workers' mean of u/H a step earlier."
    ),
    theorem="cheng2024/lemC10",
    kind="identity",
    data=identities_runs.identities,
    expected="confirmed",
)
def adam_increment_at_first_step(data: xr.Dataset) -> Verdict:
    """The workers' mean increment at the first step of every round but the first."""
    return same(data, ["first increment"], "the first increment of a round, corrected", DRAWN)


@claim(
    "cheng2024/no-momentum-is-local-sgd",
    statement="With beta1 = 0, Local SGDM is (clipped) local SGD and z is x.",
    theorem="cheng2024/thm2",
    kind="identity",
    data=equivalences_runs.equivalences,
    expected="confirmed",
)
def no_momentum(data: xr.Dataset) -> Verdict:
    """Against a plain loop with clipping, and against the local SGD of this toolkit without."""
    return same(data, ["no momentum, clipped", "no momentum"], "Local SGDM without momentum")


@claim(
    "cheng2024/frozen-second-moment-is-sgdm",
    statement="With beta2 = 1, Local Adam is Local SGDM at the step eta/lambda, for every damping lambda.",
    theorem="cheng2024/thm3",
    kind="identity",
    data=equivalences_runs.equivalences,
    expected="confirmed",
)
def frozen_second_moment(data: xr.Dataset) -> Verdict:
    """Three dampings, three numbers of local steps, the same clipped heavy-tailed noise."""
    names = [str(name) for name in data.data_vars if str(name).startswith("frozen")]
    return same(data, names, "Local Adam with a frozen second moment")


@claim(
    "cheng2024/one-local-step",
    statement="With K = 1 and no clipping, Local SGDM is minibatch SGDM on batches of M.",
    theorem="cheng2024/eq4.5",
    kind="identity",
    data=equivalences_runs.equivalences,
    expected="confirmed",
)
def one_local_step(data: xr.Dataset) -> Verdict:
    """The mean iterates of both after every step, on the same samples."""
    return same(data, ["one step"], "Local SGDM at K = 1", K=1)


@claim(
    "cheng2024/one-local-step-with-clipping",
    statement="With K = 1, clipped Local SGDM is clipped minibatch SGDM on batches of M.",
    theorem="cheng2024/eq4.5",
    kind="counterexample",
    data=equivalences_runs.equivalences,
    expected="violated",
)
def one_local_step_with_clipping(data: xr.Dataset) -> Verdict:
    """The same samples and threshold: minibatch SGDM clips the average, Local SGDM every sample."""
    return same(data, ["one step, clipped"], "clipped Local SGDM at K = 1", K=1)


@claim(
    "cheng2024/one-local-step-averages-clipped-gradients",
    statement="With K = 1, clipped Local SGDM is SGDM on the average of gradients that were clipped one by one.",
    theorem="cheng2024/eq4.5",
    kind="identity",
    data=equivalences_runs.equivalences,
    expected="confirmed",
)
def one_local_step_averages_clipped_gradients(data: xr.Dataset) -> Verdict:
    """Against a plain loop, on the same samples."""
    return same(data, ["one step, averaged after clipping"], "clipped Local SGDM at K = 1", K=1)


@claim(
    "cheng2024/one-local-step-of-adam",
    statement="With K = 1 and no clipping, Local Adam is minibatch Adam on batches of M.",
    theorem="cheng2024/eq4.11",
    kind="counterexample",
    data=equivalences_runs.equivalences,
    expected="violated",
)
def one_local_step_of_adam(data: xr.Dataset) -> Verdict:
    """The same samples: Local Adam averages squares, minibatch Adam squares the average."""
    return same(data, ["one step, Adam"], "Local Adam at K = 1", K=1)


@claim(
    "cheng2024/one-worker",
    statement="With M = 1 there is no consensus error: the run does not depend on K at all.",
    theorem="cheng2024/lemB1",
    kind="identity",
    data=equivalences_runs.equivalences,
    expected="confirmed",
)
def one_worker(data: xr.Dataset) -> Verdict:
    """Both algorithms, clipped, on the same noise: K = 1 against larger K."""
    return same(data, ["one worker, SGDM", "one worker, Adam"], "the run of a single worker")


@claim(
    "cheng2024/noiseless-workers-agree",
    statement="Without noise the workers stay together, and the run depends neither on M nor, at a fixed T, on K.",
    theorem="cheng2024/lemC9",
    kind="identity",
    data=equivalences_runs.equivalences,
    expected="confirmed",
)
def noiseless_workers_agree(data: xr.Dataset) -> Verdict:
    """Both algorithms on a bent parabola: spread of the workers, runs with larger K, and with one worker."""
    names = [str(name) for name in data.data_vars if str(name).startswith("noiseless")]
    return same(data, names, "the run without noise")


@claim(
    "cheng2024/quadratics-hide-drift",
    statement="On quadratics with equal Hessians, nothing clipped, the mean iterate does not depend on K.",
    theorem="cheng2024/thm2",
    kind="identity",
    data=equivalences_runs.equivalences,
    expected="confirmed",
)
def quadratics_hide_drift(data: xr.Dataset) -> Verdict:
    """The mean iterates after every step, synchronized at every step and every K steps, on the same noise."""
    return same(data, ["quadratic"], "the mean iterate on a quadratic")


@claim(
    "cheng2024/clipping-shows-local-steps",
    statement="On the same quadratics the mean iterate of clipped Local SGDM does not depend on K either.",
    theorem="cheng2024/thm2",
    kind="counterexample",
    data=equivalences_runs.equivalences,
    expected="violated",
)
def clipping_shows_local_steps(data: xr.Dataset) -> Verdict:
    """The same comparison with clipping on."""
    return same(data, ["quadratic, clipped"], "the mean iterate on a quadratic, clipped")


@claim(
    "cheng2024/curvature-shows-local-steps",
    statement="On a function with two curvatures the mean iterate does not depend on K either.",
    theorem="cheng2024/thm2",
    kind="counterexample",
    data=equivalences_runs.equivalences,
    expected="violated",
)
def curvature_shows_local_steps(data: xr.Dataset) -> Verdict:
    """The same comparison without clipping, on a bent parabola."""
    return same(data, ["bent"], "the mean iterate on a bent parabola")


def variance(data: xr.Dataset, name: str) -> Verdict:
    """Exact variance by impulses against the theorem."""
    exact = data[f"exact variance of {name}"]
    return judge_identity(
        data[f"variance of {name}"], exact, xr.ones_like(exact), what=f"the variance of {name}", matters=0, witness={}
    )


@claim(
    "cheng2024/flat-variance-z",
    statement="On a linear objective z has the variance eta^2 sigma^2 K after K local steps, for every beta1.",
    theorem="cheng2024/flat-variance-z",
    kind="exact value",
    data=equivalences_runs.linear_objective,
    expected="confirmed",
)
def flat_variance_z(data: xr.Dataset) -> Verdict:
    """The squared response to a unit impulse at every step, summed: the exact variance of a linear method."""
    return variance(data, "z")


@claim(
    "cheng2024/flat-variance-x",
    statement="There x has the variance eta^2 sigma^2 times the sum over j <= K of (1 - beta1^j)^2.",
    theorem="cheng2024/flat-variance-x",
    kind="exact value",
    data=equivalences_runs.linear_objective,
    expected="confirmed",
)
def flat_variance_x(data: xr.Dataset) -> Verdict:
    """The squared response to a unit impulse at every step, summed: the exact variance of a linear method."""
    return variance(data, "x")


@claim(
    "cheng2024/second-moment-warm-up",
    statement="From v = 0 and without bias correction, v reaches the share 1 - beta2^T of the mean squared gradient.",
    theorem="cheng2024/thm3",
    kind="exact value",
    data=equivalences_runs.warm_up,
    expected="confirmed",
)
def second_moment_warm_up(data: xr.Dataset) -> Verdict:
    """A flat objective with noise +-sigma, whose square is constant; 1 - beta2 as (4.9) allows at most."""
    return judge_identity(
        data.v,
        data.fraction,
        xr.ones_like(data.v),
        what="v after T steps in units of sigma^2",
        witness={"(1 - beta2) T": data.forgotten},
    )


@claim(
    "cheng2024/adam-is-nearly-sgdm",
    statement=(
        "At the 1 - beta2 of (4.9), H/lambda - 1 stays below sqrt(1 + (1-beta2) T g^2/lambda^2) - 1 with"
        " (1-beta2) T = sqrt(R/K) and g the largest gradient: for K well above R, Local Adam is nearly Local SGDM."
    ),
    theorem="cheng2024/thm3",
    kind="regime",
    data=equivalences_runs.warm_up,
    expected="consistent",
)
def adam_is_nearly_sgdm(data: xr.Dataset) -> Verdict:
    """The preconditioner over whole runs, and the distance of Local Adam from Local SGDM at eta/lambda, noise equal."""
    ceiling = np.sqrt(1 + data.forgotten * data.largest_gradient**2 / data.attrs["lambda"] ** 2) - 1
    verdict = judge_bound(
        data.preconditioner,
        ceiling,
        side="upper",
        what="largest relative change of the preconditioner",
        rounding=1e-12,
        witness={"(1 - beta2) T": data.forgotten},
    )
    evidence = {
        **verdict.evidence,
        "relative distance from Local SGDM at the largest K/R": float(data.path[-1, 0]),
        "relative distance from Local SGDM at the smallest K/R": float(data.path[0, -1]),
    }
    closer = float(data.path[-1, 0]) < float(data.path[0, -1])
    if verdict.status == "consistent" and not closer:
        return Verdict(
            "violated",
            "Local Adam is no closer to Local SGDM where K/R is larger.",
            verdict.predicted,
            verdict.measured,
            evidence=evidence,
            witness={"K": float(data.K[-1]), "R": float(data.R[0])},
        )
    return Verdict(
        verdict.status,
        verdict.sentence,
        verdict.predicted,
        verdict.measured,
        evidence=evidence,
        witness=verdict.witness,
    )


def weights(data: xr.Dataset, name: str) -> Verdict:
    """The sum of the weights against one."""
    one = xr.ones_like(data[name])
    return judge_identity(data[name], one, one, what="the sum of the output's weights", witness={})


@claim(
    "cheng2024/output-weights-as-printed",
    statement="The printed weights of the strongly convex output, proportional to (1-q)^(T-j), sum to one.",
    theorem="cheng2024/thm1",
    kind="erratum",
    data=equivalences_runs.output_weights,
    expected="violated",
)
def output_weights_as_printed(data: xr.Dataset) -> Verdict:
    """The sum for several q = eta mu/2 and T."""
    return weights(data, "printed")


@claim(
    "cheng2024/output-weights",
    statement="With (1-q)^(T-1-j) and the same factor in front they do.",
    theorem="cheng2024/thm1",
    kind="identity",
    data=equivalences_runs.output_weights,
    expected="confirmed",
)
def output_weights(data: xr.Dataset) -> Verdict:
    """The sum for several q = eta mu/2 and T."""
    return weights(data, "corrected")
