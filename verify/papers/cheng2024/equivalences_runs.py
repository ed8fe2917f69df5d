"""Pairs of methods that are said to be the same, or not to be, on the same noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.heavy_tailed_noise import StudentNoise
from tightrate.constructions.noise import RademacherNoise
from tightrate.constructions.problem import Array, Problem
from tightrate.constructions.separable import SeparableMachines
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_adam import local_adam, minibatch_adam
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgdm import local_sgdm, minibatch_sgdm
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step, worker_average
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

WORKERS, DIMENSION, STEPS = 4, 3, 40
LOCAL_STEPS = (2, 5, 8)  # divisors of the number of steps
ETA, BETA1, BETA2, DAMPING, THRESHOLD = 0.2, 0.9, 0.9, 0.7, 1.0


def bent(workers: int = WORKERS) -> SeparableMachines:
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

    Over (K, instance); over the instances alone where both methods communicate at every step, and over K alone without
    noise.  "noiseless workers" is the largest spread of the workers of one run without noise.
    """
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
    letters = {"eta": ETA, "beta1": BETA1, "beta2": BETA2, "lambda": DAMPING, "rho": THRESHOLD, "M": WORKERS}
    return xr.Dataset(
        variables,
        coords={"K": list(LOCAL_STEPS)},
        attrs={**letters, "d": DIMENSION, "T": STEPS, "seed": session.seed},
    )


def noiseless_spread(algorithm: Algorithm[Any], problem: Problem, silent: Array, K: int) -> tuple[Array, Array]:
    """The iterates of the first worker and of the one farthest from it before each communication, (step, 1, d)."""
    states = [algorithm.point(step.updated) for step in step_by_step(algorithm, problem, noise=silent, K=K)]
    x = np.stack(states)
    farthest = np.abs(x - x[:, :, :1]).max(axis=-2)
    return x[:, :, 0], x[:, :, 0] + farthest


@experiment("cheng2024-linear-objective")
def linear_objective(session: Session) -> xr.Dataset:  # noqa: ARG001
    """A constant gradient: how far every single noise moves x and z by the end of the round, squared and summed.

    The algorithm is linear there, so unit impulses at each step give the exact variances for independent noise of
    unit variance, over (K, beta1).  `exact` are the theorems' values; v after a run with gradients of constant square
    is compared with (1 - beta2^T) times that square, over K.
    """
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
    exact = {
        name: theorem(f"cheng2024/flat-variance-{name}").bound.function(eta=eta, sigma=1.0)(K=K[:, None], beta1=beta1)
        for name in ("x", "z")
    }
    return xr.Dataset(
        {
            **{f"variance of {name}": (("K", "beta1"), values) for name, values in measured.items()},
            **{f"exact variance of {name}": (("K", "beta1"), values) for name, values in exact.items()},
        },
        coords={"K": K, "beta1": beta1},
        attrs={"eta": eta, "sigma": 1.0},
    )


@experiment("cheng2024-warm-up")
def warm_up(session: Session) -> xr.Dataset:
    """The second moment of Local Adam at 1 - beta2 = K^(-3/2) R^(-1/2) from v = 0, on a flat objective.

    Noise is +-sigma, so every squared gradient is sigma^2: `v` (K, R) is what is reached, in units of sigma^2, and
    `fraction` the 1 - beta2^T that it should be.  `preconditioner` is max |H/lambda - 1| over a run on a bent
    parabola, `path` the largest distance from Local SGDM at the step eta/lambda, relative to its path.
    """
    K, R = np.array([4, 16, 64]), np.array([4, 16, 64])
    sigma, lam, eta, beta1 = 1.0, 1.0, 0.05, 0.5
    shape = (len(K), len(R))
    v, fraction, forgotten, preconditioner, path, largest = (np.empty(shape) for _ in range(6))
    for i, k in enumerate(K):
        for j, r in enumerate(R):
            complement = float(k) ** -1.5 * float(r) ** -0.5
            steps = int(k * r)
            forgotten[i, j] = complement * steps
            fraction[i, j] = -np.expm1(steps * np.log1p(-complement))
            xi = drawn_noise(
                RademacherNoise(sigma), steps=steps, shape=(1, 2, 1), seed=session.seed, experiment="warm-up"
            )
            adam = local_adam(eta=eta, beta1=beta1, beta2=1 - complement, lam=lam)
            *_, end = step_by_step(adam, asymmetric_softplus(L=1e-30, mu=1e-30), noise=xi, K=int(k))
            v[i, j] = end.after.v.max() / sigma**2
            bend = asymmetric_softplus(mu=0.2, width=0.1)
            sgdm = local_sgdm(eta=eta / lam, beta1=beta1)
            runs = zip(
                step_by_step(adam, bend, noise=xi, K=int(k)), step_by_step(sgdm, bend, noise=xi, K=int(k)), strict=True
            )
            apart = size = off = gradients = 0.0
            for ours, theirs in runs:
                off = max(off, float(np.sqrt(1 + ours.updated.v.max() / lam**2) - 1))
                gradients = max(gradients, float(np.abs(ours.gradient).max()))
                apart = max(apart, float(np.abs(ours.after.x - theirs.after.x).max()))
                size = max(size, float(np.abs(theirs.after.x).max()))
            preconditioner[i, j], path[i, j], largest[i, j] = off, apart / size, gradients
    axes = ("K", "R")
    return xr.Dataset(
        {
            "v": (axes, v),
            "fraction": (axes, fraction),
            "forgotten": (axes, forgotten),
            "preconditioner": (axes, preconditioner),
            "path": (axes, path),
            "largest_gradient": (axes, largest),
        },
        coords={"K": K, "R": R},
        attrs={"sigma": sigma, "lambda": lam, "eta": eta, "beta1": beta1},
    )


@experiment("cheng2024-output-weights")
def output_weights(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Sums of the strongly convex output's weights over (q, T), q = eta mu/2: as printed, and shifted by one step."""
    q, T = np.array([1e-3, 1e-2, 0.1, 0.3]), np.array([1, 2, 10, 100])
    sums = {name: np.empty((len(q), len(T))) for name in ("printed", "corrected")}
    for i, k in np.ndindex(len(q), len(T)):
        left = np.arange(int(T[k]), 0, -1)  # T - j for j = 0, ..., T - 1
        scale = q[i] / (1 - (1 - q[i]) ** T[k])
        sums["printed"][i, k] = scale * np.sum((1 - q[i]) ** left)
        sums["corrected"][i, k] = scale * np.sum((1 - q[i]) ** (left - 1))
    return xr.Dataset({name: (("q", "T"), values) for name, values in sums.items()}, coords={"q": q, "T": T})
