"""cheng2024, pairs of methods that are said to be the same, nearly the same, or not: on the same noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.heavy_tailed_noise import StudentNoise
from tightrate.constructions.noise import RademacherNoise
from tightrate.constructions.problem import Array, Problem
from tightrate.constructions.separable import SeparableWorkers
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_adam import local_adam, minibatch_adam
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgdm import local_sgdm, minibatch_sgdm
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step, worker_average
from tightrate.verify.assertions.assertion import Controlled, Every, Fact, Facts
from tightrate.verify.assertions.bounded import AtMost
from tightrate.verify.assertions.equal import Equal, Vanishes
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.cheng2024.auxiliary_sequence import IDENTITY, ROUNDING
from tightrate.verify.session import Session

WORKERS, DIMENSION, STEPS = 4, 3, 40
LOCAL_STEPS = (2, 5, 8)  # divisors of the number of steps
ETA, BETA1, BETA2, DAMPING, THRESHOLD = 0.2, 0.9, 0.9, 0.7, 1.0


def bent(workers: int = WORKERS) -> SeparableWorkers:
    """A function on which averaging local iterates is biased, the same on all workers."""
    return asymmetric_softplus(mu=0.2, width=0.1, M=workers, d=DIMENSION)


def mean_path(algorithm: Algorithm[Any], problem: Problem, noise: Array, K: int) -> Array:
    """The workers' mean iterate after every step, (step, replica, dimension)."""
    run = step_by_step(algorithm, problem, noise=noise, K=K)
    return np.stack([worker_average(algorithm.point(step.after)) for step in run])


def clipped_gradient_path(
    problem: Problem, noise: Array, K: int, *, eta: float, beta1: float, rho: float, average: str
) -> Array:
    """Clipped SGD in a plain loop: averaging the workers' iterates every K steps, or their clipped gradients.

    Same result as `mean_path`; `average` is "iterates" (without momentum) or "clipped gradients" (at every step).
    """
    x = np.zeros(noise.shape[1:])
    u = np.zeros_like(x)
    path = []
    for t, xi in enumerate(noise):
        clipped = np.clip(problem.gradient(x) + xi, -rho, rho)
        if average == "clipped gradients":
            clipped = clipped.mean(axis=-2, keepdims=True)
        u = beta1 * u + (1 - beta1) * clipped
        x = x - eta * u
        if average == "iterates" and t % K == K - 1:
            x = np.broadcast_to(x.mean(axis=-2, keepdims=True), x.shape)
        path.append(worker_average(x))
    return np.stack(path)


def distance(left: Array, right: Array) -> Array:
    """The largest difference of two paths (step, replica, dimension) relative to the size of the first, by replica."""
    return np.asarray(np.abs(left - right).max(axis=(0, 2)) / np.abs(left).max(axis=(0, 2)))


@experiment("cheng2024-equivalences")
def equivalences(session: Session) -> xr.Dataset:
    """Relative distance of two methods' mean iterates over all steps, one variable for each pair.

    Over ($K$, instance); over the instances alone where both methods communicate at every step, and over $K$ alone
    without noise. "noiseless workers" is the largest spread of the workers of one run without noise."""
    n = session.choose(quick=32, full=256)
    heavy = StudentNoise(1.0, degrees=3.0)

    def noise(workers: int) -> Array:
        return drawn_noise(
            heavy,
            steps=STEPS,
            shape=(n, workers, DIMENSION),
            seed=session.seed,
            experiment=f"cheng2024-equivalences-{workers}",
        )

    xi, alone = noise(WORKERS), noise(1)
    silent = np.zeros((STEPS, 1, WORKERS, DIMENSION))
    problem, single = bent(), bent(1)
    curvatures = np.broadcast_to(np.geomspace(0.2, 1.0, DIMENSION), (WORKERS, DIMENSION))
    quadratic = DiagonalQuadratics(curvatures, np.ones((WORKERS, DIMENSION)))
    plain, clipped = local_sgdm(eta=ETA, beta1=BETA1), local_sgdm(eta=ETA, beta1=BETA1, rho=THRESHOLD)
    adam = local_adam(eta=ETA, beta1=BETA1, beta2=BETA2, lam=DAMPING, rho=THRESHOLD)
    memoryless = local_sgdm(eta=ETA, beta1=0.0, rho=THRESHOLD)
    pooled = minibatch_sgdm(eta=ETA, beta1=BETA1, rho=THRESHOLD)
    rows: dict[str, list[Array]] = {}

    def put(name: str, left: Array, right: Array) -> None:
        rows.setdefault(name, []).append(distance(left, right))

    pooled_plain = minibatch_sgdm(eta=ETA, beta1=BETA1)
    pooled_adam = minibatch_adam(eta=ETA, beta1=BETA1, beta2=BETA2, lam=DAMPING)
    unclipped_adam = local_adam(eta=ETA, beta1=BETA1, beta2=BETA2, lam=DAMPING)
    averaged = clipped_gradient_path(problem, xi, 1, eta=ETA, beta1=BETA1, rho=THRESHOLD, average="clipped gradients")
    every_step = {
        "one step": (plain, mean_path(pooled_plain, problem, xi, 1)),
        "one step, clipped": (clipped, mean_path(pooled, problem, xi, 1)),
        "one step, averaged after clipping": (clipped, averaged),
        "one step, Adam": (unclipped_adam, mean_path(pooled_adam, problem, xi, 1)),
    }
    for name, (method, other) in every_step.items():
        put(name, mean_path(method, problem, xi, 1), other)
    for K in LOCAL_STEPS:
        local = clipped_gradient_path(problem, xi, K, eta=ETA, beta1=0.0, rho=THRESHOLD, average="iterates")
        put("no momentum, clipped", mean_path(memoryless, problem, xi, K), local)
        bare = mean_path(local_sgd(eta=ETA), problem, xi, K)
        put("no momentum", mean_path(local_sgdm(eta=ETA, beta1=0.0), problem, xi, K), bare)
        for lam in (0.1, DAMPING, 3.0):
            frozen = local_adam(eta=ETA, beta1=BETA1, beta2=1.0, lam=lam, rho=THRESHOLD)
            scaled = local_sgdm(eta=ETA / lam, beta1=BETA1, rho=THRESHOLD)
            put(f"frozen, lambda={lam:g}", mean_path(frozen, problem, xi, K), mean_path(scaled, problem, xi, K))
        put("one worker, SGDM", mean_path(clipped, single, alone, 1), mean_path(clipped, single, alone, K))
        put("one worker, Adam", mean_path(adam, single, alone, 1), mean_path(adam, single, alone, K))
        for name, method in (("SGDM", clipped), ("Adam", adam)):
            together = mean_path(method, problem, silent, K)
            put(f"noiseless, {name}, K", mean_path(method, problem, silent, 1), together)
            put(f"noiseless, {name}, M", mean_path(method, single, silent[:, :, :1], K), together)
        put("noiseless workers", *noiseless_spread(adam, problem, silent, K))
        put("quadratic", mean_path(plain, quadratic, xi, 1), mean_path(plain, quadratic, xi, K))
        put("quadratic, clipped", mean_path(clipped, quadratic, xi, 1), mean_path(clipped, quadratic, xi, K))
        put("bent", mean_path(plain, problem, xi, 1), mean_path(plain, problem, xi, K))

    variables: dict[str, tuple[tuple[str, ...], Array]] = {}
    for name, row in rows.items():
        if name in every_step:
            variables[name] = (("instance",), row[0])
        elif name.startswith("noiseless"):
            variables[name] = (("K",), np.concatenate(row))
        else:
            variables[name] = (("K", "instance"), np.stack(row))
    settings = {"eta": ETA, "beta1": BETA1, "beta2": BETA2, "lambda": DAMPING, "rho": THRESHOLD, "M": WORKERS}
    return xr.Dataset(
        variables,
        coords={"K": list(LOCAL_STEPS)},
        attrs={**settings, "d": DIMENSION, "T": STEPS, "seed": session.seed},
    )


def noiseless_spread(algorithm: Algorithm[Any], problem: Problem, silent: Array, K: int) -> tuple[Array, Array]:
    """The iterates of the first worker and of the one farthest from it before each communication, (step, 1, d)."""
    states = [algorithm.point(step.updated) for step in step_by_step(algorithm, problem, noise=silent, K=K)]
    x = np.stack(states)
    farthest = np.abs(x - x[:, :, :1]).max(axis=-2)
    return x[:, :, 0], x[:, :, 0] + farthest


def same(data: xr.Dataset, pair: str, what: str, **symbols: float) -> Vanishes:
    """The relative difference of two methods is rounding; `symbols` the comparison has and the dataset does not."""
    return Vanishes(Measurement.of(data, pair, what=what, symbols=symbols), ROUNDING)


def all_the_same(data: xr.Dataset, pairs: Sequence[str], what: str) -> Every:
    """The same for several pairs."""
    return Every({pair: same(data, pair, what) for pair in pairs})


@claim(
    "cheng2024/no-momentum-is-local-sgd",
    "With $beta1 = 0$, Local SGDM is (clipped) local SGD and $z$ is $x$.",
    theorem="cheng2024/thm2",
    kind="identity",
    data=equivalences,
    expected="confirmed",
    outside=IDENTITY,
)
def no_momentum(data: xr.Dataset) -> Every:
    """Against a plain loop with clipping, and against the local SGD of this toolkit without."""
    return all_the_same(data, ["no momentum, clipped", "no momentum"], "Local SGDM without momentum")


@claim(
    "cheng2024/frozen-second-moment-is-sgdm",
    "With $beta2 = 1$, Local Adam is Local SGDM at the step $eta/lambda$, for every damping $lambda$.",
    theorem="cheng2024/thm3",
    kind="identity",
    data=equivalences,
    expected="confirmed",
    outside=IDENTITY,
)
def frozen_second_moment(data: xr.Dataset) -> Every:
    """Three dampings, three numbers of local steps, the same clipped heavy-tailed noise."""
    names = [str(name) for name in data.data_vars if str(name).startswith("frozen")]
    return all_the_same(data, names, "Local Adam with a frozen second moment")


@claim(
    "cheng2024/one-local-step",
    "With $K = 1$ and no clipping, Local SGDM is minibatch SGDM on batches of $M$.",
    theorem="cheng2024/eq4.5",
    kind="identity",
    data=equivalences,
    expected="confirmed",
    outside=IDENTITY,
)
def one_local_step(data: xr.Dataset) -> Vanishes:
    """The mean iterates of both after every step, on the same samples."""
    return same(data, "one step", "Local SGDM at K = 1", K=1.0)


@claim(
    "cheng2024/one-local-step-with-clipping",
    "With $K = 1$, clipped Local SGDM is clipped minibatch SGDM on batches of $M$.",
    theorem="cheng2024/eq4.5",
    kind="counterexample",
    data=equivalences,
    expected="violated",
    outside=IDENTITY,
)
def one_local_step_with_clipping(data: xr.Dataset) -> Controlled:
    """The same samples and threshold: minibatch SGDM clips the average, Local SGDM every sample.

    The control is the same comparison without clipping."""
    return Controlled(
        same(data, "one step, clipped", "clipped Local SGDM at K = 1", K=1.0),
        same(data, "one step", "Local SGDM at K = 1", K=1.0),
    )


@claim(
    "cheng2024/one-local-step-averages-clipped-gradients",
    "With $K = 1$, clipped Local SGDM is SGDM on the average of gradients that were clipped one by one.",
    theorem="cheng2024/eq4.5",
    kind="identity",
    data=equivalences,
    expected="confirmed",
    outside=IDENTITY,
)
def one_local_step_averages_clipped_gradients(data: xr.Dataset) -> Vanishes:
    """Against a plain loop, on the same samples."""
    return same(data, "one step, averaged after clipping", "clipped Local SGDM at K = 1", K=1.0)


@claim(
    "cheng2024/one-local-step-of-adam",
    "With $K = 1$ and no clipping, Local Adam is minibatch Adam on batches of $M$.",
    theorem="cheng2024/eq4.11",
    kind="counterexample",
    data=equivalences,
    expected="violated",
    outside=IDENTITY,
)
def one_local_step_of_adam(data: xr.Dataset) -> Controlled:
    """The same samples: Local Adam averages squares, minibatch Adam squares the average.

    The control is the same comparison for Local SGDM."""
    return Controlled(
        same(data, "one step, Adam", "Local Adam at K = 1", K=1.0),
        same(data, "one step", "Local SGDM at K = 1", K=1.0),
    )


@claim(
    "cheng2024/one-worker",
    "With $M = 1$ there is no consensus error: the run does not depend on $K$ at all.",
    theorem="cheng2024/lemB1",
    kind="identity",
    data=equivalences,
    expected="confirmed",
    outside=IDENTITY,
)
def one_worker(data: xr.Dataset) -> Every:
    """Both algorithms, clipped, on the same noise: $K = 1$ against larger $K$."""
    return all_the_same(data, ["one worker, SGDM", "one worker, Adam"], "the run of a single worker")


@claim(
    "cheng2024/noiseless-workers-agree",
    "Without noise the workers stay together, and the run depends neither on $M$ nor, at a fixed $T$, on $K$.",
    theorem="cheng2024/lemC9",
    kind="identity",
    data=equivalences,
    expected="confirmed",
    outside=IDENTITY,
)
def noiseless_workers_agree(data: xr.Dataset) -> Every:
    """Both algorithms on a bent parabola: spread of the workers, runs with larger $K$, and with one worker."""
    names = [str(name) for name in data.data_vars if str(name).startswith("noiseless")]
    return all_the_same(data, names, "the run without noise")


@claim(
    "cheng2024/quadratics-hide-drift",
    "On quadratics with equal Hessians, nothing clipped, the mean iterate does not depend on $K$.",
    theorem="cheng2024/thm2",
    kind="identity",
    data=equivalences,
    expected="confirmed",
    outside=IDENTITY,
)
def quadratics_hide_drift(data: xr.Dataset) -> Vanishes:
    """The mean iterates after every step, synchronized at every step and every $K$ steps, on the same noise."""
    return same(data, "quadratic", "the mean iterate on a quadratic")


@claim(
    "cheng2024/clipping-shows-local-steps",
    "On the same quadratics the mean iterate of clipped Local SGDM does not depend on $K$ either.",
    theorem="cheng2024/thm2",
    kind="counterexample",
    data=equivalences,
    expected="violated",
    outside=IDENTITY,
)
def clipping_shows_local_steps(data: xr.Dataset) -> Controlled:
    """The same comparison with clipping on; the control is that without."""
    return Controlled(
        same(data, "quadratic, clipped", "the mean iterate on a quadratic, clipped"),
        same(data, "quadratic", "the mean iterate on a quadratic"),
    )


@claim(
    "cheng2024/curvature-shows-local-steps",
    "On a function with two curvatures the mean iterate does not depend on $K$ either.",
    theorem="cheng2024/thm2",
    kind="counterexample",
    data=equivalences,
    expected="violated",
    outside=IDENTITY,
)
def curvature_shows_local_steps(data: xr.Dataset) -> Controlled:
    """The same comparison without clipping, on a bent parabola; the control is that on the quadratic."""
    return Controlled(
        same(data, "bent", "the mean iterate on a bent parabola"),
        same(data, "quadratic", "the mean iterate on a quadratic"),
    )


# --- The second moment from v = 0 ------------------------------------------------------------------------------------


@experiment("cheng2024-warm-up")
def warm_up(session: Session) -> xr.Dataset:
    """The second moment of Local Adam at $1 - beta2 = K^(-3/2) R^(-1/2)$ from $v = 0$, on a flat objective.

    Noise is $+-sigma$, so every squared gradient is $sigma^2$: `v` $(K, R)$ is what is reached after $T$ steps, in
    units of $sigma^2$. `preconditioner` is $max |H/lambda - 1|$ over a run on a bent parabola, `path` the largest
    distance from Local SGDM at the step $eta/lambda$, relative to its path. `complement` is $1 - beta2$."""
    K, R = np.array([4, 16, 64]), np.array([4, 16, 64])
    sigma, lam, eta, beta1 = 1.0, 1.0, 0.05, 0.5
    complement, steps = K[:, None] ** -1.5 * R**-0.5, K[:, None] * R
    v, preconditioner, path, largest = (np.empty(steps.shape) for _ in range(4))
    for (i, j), slow in np.ndenumerate(complement):
        k, T = int(K[i]), int(steps[i, j])
        xi = drawn_noise(RademacherNoise(sigma), steps=T, shape=(1, 2, 1), seed=session.seed, experiment="warm-up")
        adam = local_adam(eta=eta, beta1=beta1, beta2=1 - slow, lam=lam)
        *_, end = step_by_step(adam, asymmetric_softplus(L=1e-30, mu=1e-30), noise=xi, K=k)
        v[i, j] = end.after.v.max() / sigma**2
        bend = asymmetric_softplus(mu=0.2, width=0.1)
        sgdm = local_sgdm(eta=eta / lam, beta1=beta1)
        runs = zip(step_by_step(adam, bend, noise=xi, K=k), step_by_step(sgdm, bend, noise=xi, K=k), strict=True)
        apart = size = off = gradients = 0.0
        for ours, theirs in runs:
            off = max(off, float(np.sqrt(1 + ours.updated.v.max() / lam**2) - 1))
            gradients = max(gradients, float(np.abs(ours.gradient).max()))
            apart = max(apart, float(np.abs(ours.after.x - theirs.after.x).max()))
            size = max(size, float(np.abs(theirs.after.x).max()))
        preconditioner[i, j], path[i, j], largest[i, j] = off, apart / size, gradients
    measured = {"v": v, "preconditioner": preconditioner, "path": path, "largest_gradient": largest}
    return xr.Dataset(
        {name: (("K", "R"), values) for name, values in {**measured, "complement": complement, "T": steps}.items()},
        coords={"K": K, "R": R},
        attrs={"sigma": sigma, "lambda": lam, "eta": eta, "beta1": beta1, "M": 2},
    )


@claim(
    "cheng2024/second-moment-warm-up",
    "From $v = 0$ and without bias correction, $v$ reaches the share $1 - beta2^T$ of the mean squared gradient.",
    theorem="cheng2024/thm3",
    kind="exact value",
    data=warm_up,
    expected="confirmed",
    outside=IDENTITY,
)
def second_moment_warm_up(data: xr.Dataset) -> Equal:
    """A flat objective with noise $+-sigma$, whose square is constant; $1 - beta2$ as (4.9) allows at most."""
    reached = Measurement.of(data, "v", what="v after T steps in units of sigma^2")
    return Equal(reached, -np.expm1(data["T"] * np.log1p(-data.complement)))


@claim(
    "cheng2024/adam-is-nearly-sgdm",
    "At the $1 - beta2$ of (4.9), $H/lambda - 1$ stays below $sqrt(1 + (1-beta2) T g^2/lambda^2) - 1$ with"
    " $(1-beta2) T = sqrt(R/K)$ and $g$ the largest gradient: for $K$ well above $R$, Local Adam is nearly Local"
    " SGDM.",
    theorem="cheng2024/thm3",
    kind="regime",
    data=warm_up,
    outside="the preconditioner is bounded on every run",
)
def adam_is_nearly_sgdm(data: xr.Dataset) -> Facts:
    """The preconditioner over whole runs, and the distance of Local Adam from Local SGDM at $eta/lambda$, noise
    equal.
    """
    gathered = data.complement * data["T"]
    what = "largest relative change of the preconditioner"
    change = Measurement.of(data, "preconditioner", what=what, rounding=1e-12)
    ceiling = np.sqrt(1 + gathered * data.largest_gradient**2 / data.attrs["lambda"] ** 2) - 1
    near, far = float(data.path[-1, 0]), float(data.path[0, -1])
    return Facts(
        {"distance at the largest K/R over that at the smallest": Fact(near / far, at_most=1.0)},
        main=AtMost(change, ceiling),
        also={
            "relative distance from Local SGDM at the largest K/R": near,
            "relative distance from Local SGDM at the smallest K/R": far,
        },
    )
