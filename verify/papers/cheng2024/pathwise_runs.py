"""Inequalities of the proofs that hold along every run, and those of the preconditioned Moreau envelope."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.heavy_tailed_noise import StudentNoise
from tightrate.constructions.problem import Array
from tightrate.constructions.separable import SeparableMachines
from tightrate.constructions.weakly_convex import weakly_convex
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step, worker_average
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

LARGEST_STEP = {  # times L: where the statements are made, or, with momentum, well inside
    "contraction": 0.5,  # (B.36): eta L <= (1 - beta1)^2 / 2
    "descent": 1 / 12,  # (B.53) along the corrected chain
    "printed descent": 1 / 6,  # (B.53) as printed
    "lag": 1 / 12,  # (B.84), (B.85): small steps
}
MOMENTA = (0.0, 0.5, 0.9)
WORKERS, DIMENSION, LOCAL_STEPS, ROUNDS = 3, 2, 6, 6


def square(x: Array) -> Array:
    """Squared Euclidean norm along the last axis."""
    return np.asarray(np.sum(x**2, axis=-1))


@dataclass
class Inequality:
    """Both sides where the left one comes closest to the right one, or exceeds it most, in each replica."""

    left: Array | None = None
    right: Array | None = None

    def add(self, left: Array, right: Array) -> None:
        """Note one more instance, (replica, ...)."""
        left, right = (side.reshape(len(side), -1) for side in np.broadcast_arrays(left, right))
        worst = np.argmax(left - right, axis=-1)[:, None]
        left, right = (np.take_along_axis(side, worst, axis=-1)[:, 0] for side in (left, right))
        if self.left is None or self.right is None:
            self.left, self.right = left, right
            return
        worse = left - right > self.left - self.right
        self.left, self.right = np.where(worse, left, self.left), np.where(worse, right, self.right)


@dataclass
class Path:
    """What the inequalities on the momentum's lag remember: moves of the mean iterate and the disturbances C_j."""

    beta1: float
    moves: list[Array] = field(default_factory=list)
    disturbances: list[Array] = field(default_factory=list)

    def lag_potential(self, t: int) -> Array:
        """Lambda_t: the squared moves before t with the weights beta1^(t-j-1) (t - j + beta1/(1-beta1))."""
        b = self.beta1
        weighted = (b ** (t - j - 1) * (t - j + b / (1 - b)) * self.moves[j] for j in range(t))
        return np.asarray(sum(weighted, start=np.zeros(1)))

    def disturbance(self, t: int) -> Array:
        """The sum of beta1^(t-j-1) C_j before t."""
        parts = (self.beta1 ** (t - j - 1) * self.disturbances[j] for j in range(t))
        return np.asarray(sum(parts, start=np.zeros(1)))


def pathwise_run(
    problem: SeparableMachines, *, eta: float, beta1: float, rho: float, noise: Array, L: float, mu: float
) -> dict[str, Inequality]:
    """(B.36), (B.53), (B.84) and (B.85) at every step of a run of Local SGDM from 0."""
    algorithm = local_sgdm(eta=eta, beta1=beta1, rho=rho)
    found = {name: Inequality() for name in ("contraction", "descent", "lag potential", "lag")}
    path = Path(beta1)
    optimum = problem.optimum
    first, second = np.triu_indices(WORKERS, 1)

    def gradient_at(x: Array) -> Array:
        """The common gradient at points (replica, d)."""
        return problem.gradient(np.broadcast_to(x[:, None, :], (len(x), WORKERS, x.shape[-1])))[:, 0]

    gathered, budget = np.zeros((noise.shape[1], len(first))), np.zeros((noise.shape[1], len(first)))
    for step in step_by_step(algorithm, problem, noise=noise, K=LOCAL_STEPS):
        if step.starts_round:
            gathered, budget = np.zeros_like(gathered), np.zeros_like(budget)
        clipped = np.clip(step.gradient, -rho, rho)
        z = algorithm.averaged(step.before)
        apart = z[:, first] - z[:, second]
        slopes = step.exact[:, first] - step.exact[:, second]
        error = slopes - (clipped[:, first] - clipped[:, second])
        gathered = beta1 * gathered + square(slopes)
        budget = budget + 2 * eta * np.sum(apart * error, axis=-1) + 4 * eta**2 * square(error)
        z_next = algorithm.averaged(step.updated)
        if not step.ends_round:
            spread = square(z_next[:, first] - z_next[:, second])
            found["contraction"].add(spread + eta / L * gathered, budget)
        mean_x, mean_z = worker_average(step.before.x), worker_average(z)
        next_z = worker_average(algorithm.averaged(step.after))
        deviation = square(step.before.x - mean_x[:, None]).mean(axis=-1)
        drift = worker_average(clipped - step.exact)
        lag, gradient = square(mean_z - mean_x), gradient_at(mean_z)
        found["descent"].add(
            square(next_z - optimum),
            (1 - eta * mu / 2) * square(mean_z - optimum)
            - eta * problem.gap(mean_z)
            + 4 * eta * L * (lag + deviation)
            - 2 * eta * np.sum((mean_z - optimum) * drift, axis=-1)
            + 2 * eta**2 * square(drift),
        )
        t = step.t
        if t > 0:
            disturbed = path.disturbance(t)
            before = path.lag_potential(t - 1)
            grown = 32 * eta**2 / (1 - beta1) * square(gradient)
            found["lag potential"].add(
                path.lag_potential(t), (1 - (1 - beta1) ** 2 / 2) * before + grown + 4 * eta**2 * disturbed
            )
            scale = (eta * beta1 / (1 - beta1)) ** 2
            late = scale * (16 * L**2 * before + 32 * square(gradient))
            found["lag"].add(lag, late + 4 * (eta * beta1) ** 2 / (1 - beta1) * disturbed)
        path.moves.append(square(worker_average(step.after.x) - mean_x))
        path.disturbances.append(2 * L**2 * deviation + square(drift))
    return found


@experiment("cheng2024-pathwise")
def pathwise(session: Session) -> xr.Dataset:
    """Both sides of the pathwise inequalities at their closest, over (momentum, width, share, instance).

    Steps are a `share` of the largest allowed; the objective has two curvatures joined over `width`; noise has heavy
    tails and is clipped.  For each inequality "<name>: left" and "<name>: right".
    """
    n = session.choose(quick=32, full=1024)
    widths, shares, rho, L, mu = (0.01, 0.3), (0.3, 1.0), 3.0, 1.0, 0.2
    limits = {"contraction": "contraction", "descent": "descent", "lag potential": "lag", "lag": "lag"}
    shape = (len(MOMENTA), len(widths), len(shares), n)
    names = (*limits, "printed descent")
    sides = {f"{name}: {side}": np.empty(shape) for name in names for side in ("left", "right")}
    for i, j, s in np.ndindex(shape[:-1]):
        problem = asymmetric_softplus(L=L, mu=mu, width=widths[j], M=WORKERS, d=DIMENSION)
        noise = drawn_noise(
            StudentNoise(1.0, degrees=3.0),
            steps=LOCAL_STEPS * ROUNDS,
            shape=(n, WORKERS, DIMENSION),
            seed=session.seed,
            experiment=f"cheng2024-pathwise-{i}-{j}-{s}",
        )
        for largest in dict.fromkeys((*limits.values(), "printed descent")):
            eta = shares[s] * LARGEST_STEP[largest] * (1 - MOMENTA[i]) ** 2 / L
            run = pathwise_run(problem, eta=eta, beta1=MOMENTA[i], rho=rho, noise=noise, L=L, mu=mu)
            wanted = {name: name for name, limit in limits.items() if limit == largest}
            wanted = wanted or {"printed descent": "descent"}
            for name, source in wanted.items():
                sides[f"{name}: left"][i, j, s] = run[source].left
                sides[f"{name}: right"][i, j, s] = run[source].right
    return xr.Dataset(
        {name: (("beta1", "width", "share", "instance"), values) for name, values in sides.items()},
        coords={"beta1": list(MOMENTA), "width": list(widths), "share": list(shares)},
        attrs={"L": L, "mu": mu, "rho": rho, "M": WORKERS, "K": LOCAL_STEPS, "R": ROUNDS, "seed": session.seed},
    )


def proximal_point(problem: SeparableMachines, z: Array, weight: Array) -> Array:
    """argmin f(y) + weight/2 (y - z)^2 in one dimension, for weight above the weak convexity, by bisection: (n,)."""
    low, high = z - 1.0, z + 1.0

    def slope(y: Array) -> Array:
        return np.asarray(problem.gradient(y[:, None, None])[:, 0, 0] + weight * (y - z))

    for _ in range(60):
        low, high = (
            np.where(slope(low) > 0, z - 2 * (z - low), low),
            np.where(slope(high) < 0, z + 2 * (high - z), high),
        )
    for _ in range(200):
        middle = (low + high) / 2
        rising = slope(middle) > 0
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    return np.asarray((low + high) / 2)


@experiment("cheng2024-moreau")
def moreau_envelope(session: Session) -> xr.Dataset:
    """Lemmas C.4 to C.6 in one dimension on random weakly convex functions: both sides of each, over (instance,).

    y is the proximal point of z for f in the norm of H >= lambda at the parameter gamma in [lambda/L, lambda/(2 weak)].
    "ratio" is the gradient over the envelope's, with `bound: ratio` from Lemma C.4.
    """
    n = session.choose(quick=200, full=4000)
    generator = stream(session.seed, experiment="cheng2024-moreau")
    weak = generator.uniform(0.02, 0.4, n)
    problem = weakly_convex(
        L=np.ones(n), weak=weak, curvature=0.05, width=10 ** generator.uniform(-2, 0, n), B=np.full(n, 0.5), M=1
    )
    lam = 10 ** generator.uniform(-1, 1, n)
    gamma = lam * (1 / (2 * weak)) ** generator.uniform(0, 1, n)  # from lambda/L = lambda to lambda/(2 weak)
    H = lam * 10 ** generator.uniform(0, 1, n)
    z = generator.standard_normal(n) * 5
    y = proximal_point(problem, z, H / gamma)

    def slope(x: Array) -> Array:
        return np.asarray(problem.gradient(x[:, None, None])[:, 0, 0])

    envelope_slope = slope(y)
    eta = lam * generator.uniform(0, 1, n)
    envelope_gap = problem.gap(y[:, None]) + H * (z - y) ** 2 / (2 * gamma)
    other = z + generator.standard_normal(n) * 10 ** generator.uniform(-3, 1, n)
    difference = slope(z) - slope(other)
    best = proximal_point(problem, z, np.ones(n))  # the parameter lambda/L at H = lambda
    smooth_gap = problem.gap(best[:, None]) + (z - best) ** 2 / 2
    gap = problem.gap(z[:, None])
    ratio = theorem("cheng2024/lemC4-ratio").bound.function(L=1.0)(moreau=gamma, **{"lambda": lam})
    measured = {
        "ratio: left": np.abs(slope(z)),
        "ratio: right": ratio * np.abs(envelope_slope),
        "stationary: left": H * (z - y) / gamma,
        "stationary: right": envelope_slope,
        "step: left": np.abs(H * (z - y) - eta * slope(z)),
        "step: right": gamma * np.abs(envelope_slope),
        "envelope: left": envelope_slope**2 / H,
        "envelope: right": 2 / gamma * envelope_gap,
        "monotone: left": -(z - other) * difference + difference**2,
        "monotone: right": 2 * weak * (z - other) ** 2,
        "half: left": gap / 2,
        "half: right": smooth_gap,
        "whole: left": smooth_gap,
        "whole: right": gap,
        "lambda": lam,
        "gamma": gamma,
        "H": H,
        "weak": weak,
        "z": z,
    }
    return xr.Dataset(
        {name: (("instance",), values) for name, values in measured.items()}, attrs={"L": 1.0, "seed": session.seed}
    )
