"""cheng2024, the momentum-free iterate z: its identities along runs, its exact variance, the weights of its average."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
import xarray as xr

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.heavy_tailed_noise import StudentNoise
from tightrate.constructions.problem import Array
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_adam import local_adam
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.trajectories import LocalStep, drawn_noise, step_by_step, worker_average
from tightrate.verify.assertions.assertion import Controlled, Every
from tightrate.verify.assertions.equal import Equal, Vanishes
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

LOCAL_STEPS = (1, 2, 5, 8)
ROUNDS = 12
WORKERS, DIMENSION = 4, 3
NOISE = StudentNoise(1.0, degrees=3.0)
ROUNDING = 1e-12  # allowed error, relative to the largest entry of the run
IDENTITY = "said of the recursion itself, for every step, momentum, threshold and noise"


# --- Identities along runs with heavy-tailed, clipped noise ----------------------------------------------------------


@dataclass
class Errors:
    """The largest error of each identity in each replica, relative to the largest entry of the run so far."""

    replicas: int
    largest: dict[str, Array] = field(default_factory=dict)
    scale: Array = field(default_factory=lambda: np.zeros(()))

    def seen(self, x: Array) -> None:
        """Let a state count towards the scale."""
        self.scale = np.maximum(self.scale, np.abs(x).reshape(self.replicas, -1).max(axis=-1))

    def compare(self, name: str, left: Array, right: Array) -> None:
        """Note the largest difference of the two sides."""
        error = np.abs(left - right).reshape(self.replicas, -1).max(axis=-1)
        self.largest[name] = np.maximum(self.largest.get(name, np.zeros(self.replicas)), error)

    def relative(self) -> dict[str, Array]:
        """All errors in units of the scale."""
        return {name: error / self.scale for name, error in self.largest.items()}


def note_lag(errors: Errors, step: LocalStep, previous: Array | None, beta1: Array, algorithm: Any, name: str) -> None:
    """The auxiliary sequence as printed, the mean iterate as an average of it, and the distance of the two (C.160).

    `previous` is the workers' mean iterate one step earlier, None at the first step.
    """
    x, z = algorithm.point, algorithm.averaged
    before, after = worker_average(x(step.before)), worker_average(x(step.after))
    anchor = before[:, None] if step.ends_round else x(step.before)
    printed = x(step.after) / (1 - beta1) - beta1 / (1 - beta1) * anchor
    errors.compare(f"{name}: auxiliary sequence", z(step.after), printed)
    b = beta1[:, 0]
    errors.compare(f"{name}: mean iterate", after, b * before + (1 - b) * worker_average(z(step.after)))
    if previous is not None:
        lag = np.linalg.norm(worker_average(z(step.before)) - before, axis=-1)
        moved = np.linalg.norm(before - previous, axis=-1)
        errors.compare(f"{name}: lag", lag, (b / (1 - b))[:, 0] * moved)


def note_adam_increment(
    errors: Errors, step: LocalStep, last: LocalStep, *, eta: Array, beta1: Array, lam: Array, rho: Array
) -> None:
    """The increment of z: by (C.5)-(C.6) away from the start of a round, and at it as printed and as it is."""

    def inverse(v: Array) -> Array:
        return np.asarray(1 / np.sqrt(v + lam**2))

    ratio = beta1 / (1 - beta1)
    z = step.before.x + ratio * step.before.move
    anchor = worker_average(step.before.x)[:, None] if step.ends_round else step.before.x
    increment = (step.after.x - beta1 * anchor) / (1 - beta1) - z
    clipped = np.clip(step.gradient, -rho, rho)
    own = inverse(step.updated.v)
    # what the round before left on every worker: last.updated is the state before it was averaged
    correction = ratio * (1 - inverse(last.updated.v) / own) * last.updated.u
    predicted = -eta * own * (clipped + correction)
    if not step.starts_round:
        errors.compare("increment", increment.mean(axis=-2), predicted.mean(axis=-2))
        if not step.ends_round:
            errors.compare("increment", increment, predicted)
        return
    errors.compare("first increment as printed", increment.mean(axis=-2), predicted.mean(axis=-2))
    pushed = (inverse(last.updated.v) * last.updated.u).mean(axis=-2, keepdims=True)
    exact = -eta * own * clipped - eta * ratio * (own * step.before.u - pushed)
    errors.compare("first increment", increment.mean(axis=-2), exact.mean(axis=-2))


@experiment("cheng2024-identities")
def identities(session: Session) -> xr.Dataset:
    """Random steps, momenta, thresholds and dampings: the largest relative error of every identity, ($K$, instance)."""
    n = session.choose(quick=48, full=400)
    rows = []
    for K in LOCAL_STEPS:
        generator = stream(session.seed, experiment="cheng2024-identities", K=K)
        eta = generator.uniform(0.05, 0.5, (n, 1, 1))
        beta1 = generator.choice([0.0, 0.5, 0.9], (n, 1, 1))
        beta2 = generator.uniform(0.5, 0.999, (n, 1, 1))
        lam, rho = generator.uniform(0.1, 2.0, (n, 1, 1)), generator.uniform(0.5, 3.0, (n, 1, 1))
        problem = asymmetric_softplus(mu=0.2, width=0.1, M=WORKERS, d=DIMENSION)
        noise = drawn_noise(
            NOISE,
            steps=K * ROUNDS,
            shape=(n, WORKERS, DIMENSION),
            seed=session.seed,
            experiment=f"cheng2024-identities-{K}",
        )
        errors = Errors(n)
        sgdm = local_sgdm(eta=eta, beta1=beta1, rho=rho)
        previous = None
        for step in step_by_step(sgdm, problem, noise=noise, K=K):
            errors.seen(step.after.x)
            z, z_next = (worker_average(sgdm.averaged(state)) for state in (step.before, step.after))
            mean_gradient = worker_average(np.clip(step.gradient, -rho, rho))
            errors.compare("momentum-free path", z_next, z - eta[:, 0] * mean_gradient)
            note_lag(errors, step, previous, beta1, sgdm, "SGDM")
            previous = worker_average(step.before.x)
        adam = local_adam(eta=eta, beta1=beta1, beta2=beta2, lam=lam, rho=rho)
        previous, last = None, None
        for step in step_by_step(adam, problem, noise=noise, K=K):
            errors.seen(step.after.x)
            note_lag(errors, step, previous, beta1, adam, "Adam")
            if last is not None:
                note_adam_increment(errors, step, last, eta=eta, beta1=beta1, lam=lam, rho=rho)
            previous, last = worker_average(step.before.x), step
        rows.append({**errors.relative(), "eta": eta, "beta1": beta1, "beta2": beta2, "lambda": lam, "rho": rho})
    names = {name for row in rows for name in row}
    columns = {
        name: (("K", "instance"), np.stack([row.get(name, np.zeros(n)).reshape(n) for row in rows])) for name in names
    }
    return xr.Dataset(
        columns,
        coords={"K": list(LOCAL_STEPS)},
        attrs={"M": WORKERS, "d": DIMENSION, "R": ROUNDS, "seed": session.seed},
    )


def vanishing(data: xr.Dataset, error: str, what: str) -> Vanishes:
    """The relative error of an identity is rounding."""
    return Vanishes(Measurement.of(data, error, what=what), ROUNDING)


def of_both_algorithms(data: xr.Dataset, error: str, what: str) -> Every:
    """The same for Local SGDM and Local Adam."""
    return Every({name: vanishing(data, f"{name}: {error}", what) for name in ("SGDM", "Adam")})


@claim(
    "cheng2024/momentum-free-path",
    "The workers' mean of $z$ moves by exactly $-eta$ times the mean clipped gradient, whatever the momentum.",
    theorem="cheng2024/lemB1",
    kind="identity",
    data=identities,
    expected="confirmed",
    outside=IDENTITY,
)
def momentum_free_path(data: xr.Dataset) -> Vanishes:
    """Every step of Local SGDM runs with heavy-tailed noise, clipping on, random steps, thresholds and momenta."""
    return vanishing(data, "momentum-free path", "the step of the mean auxiliary iterate")


@claim(
    "cheng2024/auxiliary-sequence",
    "$z = x - eta beta1/(1-beta1) u$ (for Adam, $x$ plus that multiple of its last move) is the printed $z$.",
    theorem="cheng2024/lemB6",
    kind="identity",
    data=identities,
    expected="confirmed",
    outside=IDENTITY,
)
def auxiliary_sequence(data: xr.Dataset) -> Every:
    """Both algorithms, every step and worker: (4.8) with the anchor that it prescribes at a communication."""
    return of_both_algorithms(data, "auxiliary sequence", "the auxiliary sequence")


@claim(
    "cheng2024/mean-iterate-averages-z",
    "The mean iterate is $beta1$ times the one before plus $1 - beta1$ times the $mean z$, for both algorithms.",
    theorem="cheng2024/lemB6",
    kind="identity",
    data=identities,
    expected="confirmed",
    outside=IDENTITY,
)
def mean_iterate_averages_z(data: xr.Dataset) -> Every:
    """Every step of both algorithms; so mean iterates stay in the convex hull of the $mean z$."""
    return of_both_algorithms(data, "mean iterate", "the mean iterate")


@claim(
    "cheng2024/momentum-lag",
    "The distance of $mean z$ and $mean x$ is $beta1/(1-beta1)$ times the last move of the $mean x$, (C.160).",
    theorem="cheng2024/lemC7",
    kind="identity",
    data=identities,
    expected="confirmed",
    outside=IDENTITY,
)
def momentum_lag(data: xr.Dataset) -> Every:
    """Every step of both algorithms, from the second on."""
    return of_both_algorithms(data, "lag", "the distance of mean z and mean x")


@claim(
    "cheng2024/adam-increment",
    "Away from a round's first step, $z$ moves by $-eta/H$ times gradient plus the correction $e$ of (C.5)-(C.6).",
    theorem="cheng2024/lemC10",
    kind="identity",
    data=identities,
    expected="confirmed",
    outside=IDENTITY,
)
def adam_increment(data: xr.Dataset) -> Vanishes:
    """Every worker at steps inside a round, the workers' mean at its last step."""
    inside = data.sel(K=data.K[data.K > 1])  # with K = 1 every step starts a round
    return vanishing(inside, "increment", "the increment of Local Adam's auxiliary iterate")


@claim(
    "cheng2024/adam-increment-at-first-step-as-printed",
    "(C.5)-(C.6) also give the increment of $z$ at the first step of every round.",
    theorem="cheng2024/lemC10",
    kind="erratum",
    accuses="first step of a round",
    data=identities,
    expected="violated",
    outside=IDENTITY,
)
def adam_increment_as_printed(data: xr.Dataset) -> Controlled:
    """The workers' mean increment against (C.6) with every worker's own $u$ and $H$ of the step before.

    The control is the corrected increment."""
    return Controlled(
        vanishing(data, "first increment as printed", "the first increment of a round by (C.6)"),
        vanishing(data, "first increment", "the first increment of a round, corrected"),
    )


@claim(
    "cheng2024/adam-increment-at-first-step",
    "At a round's first step the correction is $beta1/(1-beta1)$ times $u/H$ with the averaged $u$ and the worker's"
    " new $H$, less the workers' mean of $u/H$ a step earlier.",
    theorem="cheng2024/lemC10",
    kind="identity",
    data=identities,
    expected="confirmed",
    outside=IDENTITY,
)
def adam_increment_at_first_step(data: xr.Dataset) -> Vanishes:
    """The workers' mean increment at the first step of every round but the first."""
    return vanishing(data, "first increment", "the first increment of a round, corrected")


# --- The variance on a linear objective ------------------------------------------------------------------------------


@experiment("cheng2024-linear-objective")
def linear_objective(session: Session) -> xr.Dataset:  # noqa: ARG001
    """A constant gradient: how far every single noise moves $x$ and $z$ by the end of the round, squared and summed.

    The algorithm is linear there, so unit impulses at each step give the exact variances for independent noise of unit
    variance, over $(K, beta1)$."""
    largest = 64
    K = np.array([1, 2, 4, 8, 16, 32, largest])
    beta1 = np.array([0.0, 0.5, 0.9, 0.99])
    eta = 0.3
    flat = asymmetric_softplus(L=1e-30, mu=1e-30, M=1)
    impulses = np.eye(largest)[:, :, None, None]  # replica s has its impulse at step s
    measured = {name: np.empty((len(K), len(beta1))) for name in ("x", "z")}
    for j, momentum in enumerate(beta1):
        algorithm = local_sgdm(eta=eta, beta1=momentum)
        for step in step_by_step(algorithm, flat, noise=impulses, K=largest):
            if step.t + 1 in K:
                i = int(np.flatnonzero(step.t + 1 == K)[0])
                arrived = {"x": algorithm.point(step.updated), "z": algorithm.averaged(step.updated)}
                for name, values in arrived.items():
                    measured[name][i, j] = np.sum(values[:, 0, 0] ** 2)
    return xr.Dataset(
        {f"variance of {name}": (("K", "beta1"), values) for name, values in measured.items()},
        coords={"K": K, "beta1": beta1},
        attrs={"eta": eta, "sigma": 1.0},
    )


def variance(theorem: Theorem, data: xr.Dataset, iterate: str) -> Equal:
    """Exact variance by impulses against the theorem."""
    what = f"the variance of {iterate}"
    return Equal(Measurement.of(data, f"variance of {iterate}", what=what), theorem)


@claim(
    "cheng2024/flat-variance-z",
    "On a linear objective $z$ has the variance $eta^2 sigma^2 K$ after $K$ local steps, for every $beta1$.",
    kind="exact value",
    data=linear_objective,
    expected="confirmed",
)
def flat_variance_z(theorem: Theorem, data: xr.Dataset) -> Equal:
    """The squared response to a unit impulse at every step, summed: the exact variance of a linear method."""
    return variance(theorem, data, "z")


@claim(
    "cheng2024/flat-variance-x",
    "There $x$ has the variance $eta^2 sigma^2$ times the sum over $j <= K$ of $(1 - beta1^j)^2$.",
    kind="exact value",
    data=linear_objective,
    expected="confirmed",
)
def flat_variance_x(theorem: Theorem, data: xr.Dataset) -> Equal:
    """The squared response to a unit impulse at every step, summed: the exact variance of a linear method."""
    return variance(theorem, data, "x")


# --- The weights of the output ---------------------------------------------------------------------------------------


q = sympy.Symbol("q", positive=True)


def sums_to_one(shift: int) -> Symbolic:
    """That the weights (1-q)^(T-shift-j) of the steps j = 0, ..., T-1, times q/(1 - (1-q)^T), sum to one."""
    sums = {}
    for steps in (1, 2, 3, 8):
        weights = [(1 - q) ** (steps - shift - j) for j in range(steps)]
        sums[f"T = {steps}"] = (q / (1 - (1 - q) ** steps) * sympy.Add(*weights), sympy.Integer(1))
    return Symbolic(sums, simplify=sympy.cancel)


@claim(
    "cheng2024/output-weights-as-printed",
    "The printed weights of the strongly convex output, proportional to $(1-q)^(T-j)$, sum to one.",
    theorem="cheng2024/thm1",
    kind="erratum",
    accuses="weights",
    expected="violated",
)
def output_weights_as_printed() -> Controlled:
    """The sum for several $T$, as a rational function of $q = eta mu/2$; the corrected weights are the control."""
    return Controlled(sums_to_one(0), sums_to_one(1))


@claim(
    "cheng2024/output-weights",
    "With $(1-q)^(T-1-j)$ and the same factor in front they do.",
    theorem="cheng2024/thm1",
    kind="identity",
    expected="confirmed",
)
def corrected_weights() -> Symbolic:
    """The sum for several $T$, as a rational function of $q = eta mu/2$."""
    return sums_to_one(1)
