"""Exact identities of Local SGDM and Local Adam, along runs with heavy-tailed, clipped noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.heavy_tailed_noise import StudentNoise
from tightrate.constructions.problem import Array
from tightrate.simulator.algorithms.local_adam import local_adam
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.trajectories import LocalStep, drawn_noise, step_by_step, worker_average
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

LOCAL_STEPS = (1, 2, 5, 8)
ROUNDS = 12
WORKERS, DIMENSION = 4, 3
NOISE = StudentNoise(1.0, degrees=3.0)


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
    """Random steps, momenta, thresholds and dampings: the largest relative error of every identity, (K, instance)."""
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
