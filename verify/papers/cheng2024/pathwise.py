"""cheng2024, steps of the proofs that hold along every run of Local SGDM: (B.36), (B.53), (B.84) and (B.85)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.heavy_tailed_noise import StudentNoise
from tightrate.constructions.problem import Array
from tightrate.constructions.separable import SeparableWorkers
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step, worker_average
from tightrate.verify.assertions.bounded import AtMost
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

LARGEST_STEP = {  # times L: where the statements are made, or, with momentum, well inside
    "contraction": 0.5,  # (B.36): eta L <= (1 - beta1)^2 / 2
    "descent": 1 / 12,  # (B.53) along the corrected chain
    "printed descent": 1 / 6,  # (B.53) as printed
    "lag": 1 / 12,  # (B.84), (B.85): small steps
}
LIMITS = {name: name for name in LARGEST_STEP} | {"lag potential": "lag"}  # which of these each inequality has
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
    problem: SeparableWorkers, *, eta: float, beta1: float, rho: float, noise: Array, L: float, mu: float
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
    shape = (len(MOMENTA), len(widths), len(shares), n)
    sides = {f"{name}: {side}": np.empty(shape) for name in LIMITS for side in ("left", "right")}
    for i, j, s in np.ndindex(shape[:-1]):
        problem = asymmetric_softplus(L=L, mu=mu, width=widths[j], M=WORKERS, d=DIMENSION)
        noise = drawn_noise(
            StudentNoise(1.0, degrees=3.0),
            steps=LOCAL_STEPS * ROUNDS,
            shape=(n, WORKERS, DIMENSION),
            seed=session.seed,
            experiment=f"cheng2024-pathwise-{i}-{j}-{s}",
        )
        for limit, largest in LARGEST_STEP.items():
            eta = shares[s] * largest * (1 - MOMENTA[i]) ** 2 / L
            run = pathwise_run(problem, eta=eta, beta1=MOMENTA[i], rho=rho, noise=noise, L=L, mu=mu)
            for name in (one for one, its in LIMITS.items() if its == limit):
                worst = run[name.removeprefix("printed ")]
                sides[f"{name}: left"][i, j, s], sides[f"{name}: right"][i, j, s] = worst.left, worst.right
    return xr.Dataset(
        {name: (("beta1", "width", "share", "instance"), values) for name, values in sides.items()},
        coords={"beta1": list(MOMENTA), "width": list(widths), "share": list(shares)},
        attrs={"L": L, "mu": mu, "rho": rho, "M": WORKERS, "K": LOCAL_STEPS, "R": ROUNDS, "seed": session.seed},
    )


HEAVY_TAILS = "the inequality holds along every run, also with noise of infinite fourth moment and active clipping"
EVERY_RUN = "a step of the proof that holds along every run; its own limit on the step is kept"


def inequality(data: xr.Dataset, name: str, number: str) -> AtMost:
    """Left side at most right side, to rounding, at the step that the instance has."""
    left = data[f"{name}: left"]
    largest = LARGEST_STEP[LIMITS[name]] / data.attrs["L"]
    symbols = {"eta": data.share * largest * (1 - data.beta1) ** 2}
    rounding = 1e-13 * (1 + abs(left))
    found = Measurement.of(data, left, what=f"left side of {number}", symbols=symbols, rounding=rounding)
    return AtMost(found, data[f"{name}: right"])


@claim(
    "cheng2024/pathwise-contraction",
    "(B.36): along every run the distance of two $z$ within a round is paid for by the noise alone.",
    theorem="cheng2024/lemB1",
    kind="bound with constants",
    data=pathwise,
    outside=dict.fromkeys(
        (
            "noise moment of order at least 4",
            "threshold at least three noise levels",
            "threshold at least twice every gradient coordinate",
            "step at most $B / (4 sigma sqrt(K A))$",
        ),
        HEAVY_TAILS,
    ),
)
def pathwise_contraction(data: xr.Dataset) -> AtMost:
    """Both sides at every step and pair of workers, up to the largest step allowed, with three momenta."""
    return inequality(data, "contraction", "(B.36)")


@claim(
    "cheng2024/pathwise-descent",
    "(B.53), the descent of the $mean z$ in one step, holds along every run for $eta <= 1/(12L)$.",
    theorem="cheng2024/thm1",
    kind="bound with constants",
    data=pathwise,
    outside=EVERY_RUN,
)
def pathwise_descent(data: xr.Dataset) -> AtMost:
    """Both sides at every step; with momentum the steps are $(1-beta1)^2$ times as large."""
    return inequality(data, "descent", "(B.53)")


@claim(
    "cheng2024/pathwise-descent-as-printed",
    "(B.53) holds along every run for $eta <= 1/(6L)$, as printed.",
    theorem="cheng2024/thm1",
    kind="bound with constants",
    data=pathwise,
    outside=EVERY_RUN,
)
def pathwise_descent_as_printed(data: xr.Dataset) -> AtMost:
    """The same at twice the steps: the printed proof supports half of them, but no run contradicts it."""
    return inequality(data, "printed descent", "(B.53)")


@claim(
    "cheng2024/pathwise-lag-potential",
    "(B.84): the potential of the momentum's lag contracts up to gradients, spread and noise.",
    theorem="cheng2024/thm1",
    kind="bound with constants",
    data=pathwise,
    outside=EVERY_RUN,
)
def pathwise_lag_potential(data: xr.Dataset) -> AtMost:
    """Both sides at every step, for $eta <= (1-beta1)^2/(12L)$."""
    return inequality(data, "lag potential", "(B.84)")


@claim(
    "cheng2024/pathwise-lag",
    "(B.85): the squared distance of $mean z$ and $mean x$ is below that potential, gradients, spread and noise.",
    theorem="cheng2024/thm1",
    kind="bound with constants",
    data=pathwise,
    outside=EVERY_RUN,
)
def pathwise_lag(data: xr.Dataset) -> AtMost:
    """Both sides at every step, for $eta <= (1-beta1)^2/(12L)$."""
    return inequality(data, "lag", "(B.85)")
