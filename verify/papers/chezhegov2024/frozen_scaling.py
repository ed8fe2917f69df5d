"""A frozen scaling matrix: the change of variables on every trajectory, and the bounds on random quadratics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.logistic_regression import LogisticRegression, logistic_regression
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_workers
from tightrate.rates.statements.admissible_steps import largest_step
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.savic import savic
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import Moments, exact_moments
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Vanishes
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
HALF = 0.5  # y = D^(1/2) x

FROZEN = ("id-sc", "id-sc-euclidean", "id-quadratic", "id-c", "id-c-tuned", "het-c", "het-c-own")
IDENTICAL = ("id-sc", "id-sc-euclidean", "id-quadratic", "id-c", "id-c-tuned")
LAST = {"id-sc": "scaled", "id-quadratic": "scaled", "id-sc-euclidean": "euclidean"}  # else: the gap of the average


def in_new_variables(problem: QuadraticWorkers, D: Array, power: float = HALF) -> QuadraticWorkers:
    """The quadratic workers f_m(D^{-1/2} y) for diagonals D (n, d); any `power` but 1/2 is a mutant."""
    root = D**power
    hessians = problem.hessians / (root[:, None, :, None] * root[:, None, None, :])
    hessians = (hessians + np.swapaxes(hessians, -1, -2)) / 2
    return QuadraticWorkers(hessians, problem.minimizers * root[:, None], known_optimum=problem.optimum * root)


# --- The change of variables, step by step ---------------------------------------------------------------------------


@experiment("frozen-scaling-trajectories")
def frozen_scaling_trajectories(session: Session) -> xr.Dataset:
    """SAVIC with $beta2 = 1$ beside local SGD on $f(D^{-1/2} y)$, with common noise, at every step of every worker.

    `error` is the largest distance between $y$ and $D^{1/2} x$ over steps and workers, relative to the largest $|y|$:
    heterogeneous dense quadratics with Gaussian noise first, then logistic regression with sampled rows."""
    n = session.choose(quick=150, full=1500)
    quadratic = quadratic_error(stream(session.seed, experiment="frozen-quadratics"), n)
    logistic = [
        logistic_error(stream(session.seed, experiment="frozen-logistic", replica=i), i)
        for i in range(session.choose(quick=12, full=120))
    ]
    kinds = ["quadratic"] * n + ["logistic"] * len(logistic)
    return xr.Dataset(
        {
            "error": ("instance", np.concatenate([quadratic[0], [error for error, _ in logistic]])),
            "spread": ("instance", np.concatenate([quadratic[1], [ratio for _, ratio in logistic]])),
        },
        coords={"kind": ("instance", kinds)},
        attrs={"seed": session.seed, "K": ROUND, "R": ROUNDS},
    )


ROUND, ROUNDS = 5, 12


def quadratic_error(generator: np.random.Generator, n: int, power: float = HALF) -> tuple[Array, Array]:
    """Error and d_max/d_min of n runs on quadratics."""
    M, d = 3, 3
    problem = random_workers(generator, n, M, d)
    eta, d_min = 10 ** generator.uniform(-2, 0, n), 10 ** generator.uniform(-2, 0, n)
    method = savic(eta=eta * d_min, d_min=d_min, beta2=1.0, scaling="rmsprop")
    noise = 0.1 * generator.standard_normal((ROUND * ROUNDS, n, M, d))
    state, path = method.init(np.zeros((n, M, d))), []
    for t, xi in enumerate(noise):
        state = method.observe_gradient(state, problem.gradient(state.x) + xi) if t % ROUND == 0 else state
        state = method.local_step(state, problem.gradient(state.x) + xi)
        state = method.synchronize(state) if (t + 1) % ROUND == 0 else state
        path.append(state.x)
    D = state.D_hat[:, 0]
    plain, twin = local_sgd(eta=eta * d_min), in_new_variables(problem, D, power)
    image, root = plain.init(np.zeros((n, M, d))), D[:, None] ** power
    error, size = np.zeros(n), np.zeros(n)
    for t, (x, xi) in enumerate(zip(path, noise, strict=True)):
        image = plain.local_step(image, twin.gradient(plain.point(image)) + xi / root)
        image = plain.synchronize(image) if (t + 1) % ROUND == 0 else image
        y = plain.point(image)
        error = np.maximum(error, np.linalg.norm(y - root * x, axis=-1).max(axis=-1))
        size = np.maximum(size, np.linalg.norm(y, axis=-1).max(axis=-1))
    return error / size, D.max(axis=-1) / D.min(axis=-1)


def logistic_error(generator: np.random.Generator, seed: int, power: float = HALF) -> tuple[float, float]:
    """Error and d_max/d_min of a run on plain logistic regression, where both methods sample the same rows."""
    problem = logistic_regression(M=4, d=4, rows=40, mu=0.0, heterogeneity=0.5, flip=0.2, seed=seed)
    signed = problem.signed * 10 ** generator.uniform(-1, 1, problem.dimension)
    problem = LogisticRegression(signed, problem.counts, 0.0)
    shape = (1, problem.workers, problem.dimension)
    method = savic(eta=0.02, d_min=0.02, beta2=1.0, scaling="rmsprop")
    ends = problem.offsets[:-1, None], problem.offsets[1:, None]
    rows = [generator.integers(*ends, size=(*shape[:2], 1)) for _ in range(ROUND * ROUNDS)]
    state, path = method.init(np.zeros(shape)), []
    for t, drawn in enumerate(rows):
        if t % ROUND == 0:
            state = method.observe_gradient(state, problem.sampled_gradient(state.x, drawn))
        state = method.local_step(state, problem.sampled_gradient(state.x, drawn))
        state = method.synchronize(state) if (t + 1) % ROUND == 0 else state
        path.append(state.x)
    D = state.D_hat[0, 0]
    plain, twin = local_sgd(eta=0.02), LogisticRegression(signed / D**power, problem.counts, 0.0)
    image = plain.init(np.zeros(shape))
    error, size = 0.0, 0.0
    for t, (x, drawn) in enumerate(zip(path, rows, strict=True)):
        image = plain.local_step(image, twin.sampled_gradient(plain.point(image), drawn))
        image = plain.synchronize(image) if (t + 1) % ROUND == 0 else image
        y = plain.point(image)
        error = max(error, float(np.linalg.norm(y - D**power * x, axis=-1).max()))
        size = max(size, float(np.linalg.norm(y, axis=-1).max()))
    return error / size, float(D.max() / D.min())


@claim(
    "chezhegov2024/frozen-is-local-sgd",
    "With a frozen matrix $D$ the scaled method is local SGD in the variables $D^{1/2} x$, on every trajectory.",
    theorem="chezhegov2024/id-sc",
    kind="identity",
    data=frozen_scaling_trajectories,
    expected="confirmed",
    outside={"step at most $1/(4L)$, in the scaled variables": "the variables change at every step size"},
)
def frozen_is_local_sgd(data: xr.Dataset) -> Vanishes:
    """Step by step with common noise: noisy heterogeneous quadratics, and logistic regression with common rows."""
    what = "distance of the trajectories in the new variables, relative to their size"
    return Vanishes(Measurement.of(data, "error", what=what, instance=["spread"]), 1e-12)


# --- The bounds for a frozen matrix, by exact moments ----------------------------------------------------------------


@dataclass(frozen=True)
class Instances:
    """Dense quadratic workers (n), frozen diagonals D (n, d), starts x_0 (n, d), noise variance and counts (n,)."""

    problem: QuadraticWorkers
    D: Array
    start: Array
    level: Array
    K: Array
    R: Array

    def letters(self) -> dict[str, Array]:
        """The constants of the theorems; gradient noise has covariance proportional to D."""
        constants, displacement = self.problem.constants, self.start - self.problem.optimum
        variance = self.level**2 * self.D.mean(axis=-1)
        one = np.ones_like(self.level)
        return {
            **{name: constants[name] for name in ("L", "mu", "zeta_star")},
            "sigma": np.sqrt(variance),
            "sigma_star": np.sqrt(variance + constants["zeta_star"] ** 2),
            "B": np.linalg.norm(displacement, axis=-1),
            "B_scaled": np.sqrt(np.sum(self.D * displacement**2, axis=-1)),
            "d_min": self.D.min(axis=-1),
            "d_max": self.D.max(axis=-1),
            "K": self.K,
            "R": self.R,
            "M": self.problem.workers * one,
            "gamma": one,
        }

    def measured(self, eta: Array, measure: str) -> Array:
        """The exact expectation of a squared distance of the last iterate, or of the gap of the average."""
        image = in_new_variables(self.problem, self.D)
        found = exact_moments(
            local_sgd(eta=eta),
            image,
            K=self.K,
            R=self.R,
            noise=GaussianNoise(1.0),
            averaging_decay=np.zeros_like(eta) if measure == "gap" else None,
            start=self.start * np.sqrt(self.D),
        )
        if found.average is not None:
            at_mean = image.gap(found.average.mean)
            return np.asarray(at_mean + self.level**2 * (found.average.gap - at_mean))
        weights = 1 / self.D if measure == "euclidean" else np.ones_like(self.D)
        return self._squared_distance(found.last, image.optimum, weights)

    def _squared_distance(self, moments: Moments, optimum: Array, weights: Array) -> Array:
        variances = np.diagonal(moments.covariance, axis1=-2, axis2=-1)
        return np.asarray(
            np.sum(weights * ((moments.mean - optimum) ** 2 + self.level[:, None] ** 2 * variances), axis=-1)
        )


def random_instances(generator: np.random.Generator, n: int, *, M: int, d: int, identical: bool) -> Instances:
    """Curvatures in [mu, 1]; a third of the diagonals scale the flat directions up and the steep ones down."""
    problem = random_workers(generator, n, M, d)
    minimizers = problem.minimizers * 10 ** generator.uniform(-2, 1, (n, 1, 1))
    hessians = problem.hessians
    if identical:
        hessians, minimizers = (np.repeat(part[:, :1], M, axis=1) for part in (hessians, minimizers))
    D = 10 ** (generator.uniform(-1, 1, (n, 1)) + generator.uniform(0, 2, (n, 1)) * generator.random((n, d)))
    aligned = np.arange(n) < n // 3
    curvature = np.diagonal(hessians.mean(axis=1), axis1=-2, axis2=-1)
    by_curvature = np.take_along_axis(np.sort(D), np.argsort(np.argsort(-curvature)), axis=-1)
    return Instances(
        problem=QuadraticWorkers(hessians, minimizers),
        D=np.where(aligned[:, None], by_curvature, D),
        start=generator.standard_normal((n, d)) * 10 ** generator.uniform(-2, 1, (n, 1)),
        level=10 ** generator.uniform(-3, 1, n),
        K=np.round(10 ** generator.uniform(0, 1.5, n)),
        R=np.round(10 ** generator.uniform(0, 3, n)),
    )


@experiment("frozen-scaling-instances")
def frozen_scaling_instances(session: Session) -> xr.Dataset:
    """Exact expectations of what each theorem bounds, at its own prescribed or admissible step.

    The step is the prescribed one or a share of the largest admissible one: all of it in a quarter of the instances.
    """
    n = session.choose(quick=900, full=9000)
    blocks = []
    for label in FROZEN:
        source = statement(f"chezhegov2024/{label}")
        generator = stream(session.seed, experiment="frozen-scaling-instances", theorem=label)
        identical = label in IDENTICAL
        parts = [
            random_instances(generator, size, M=M, d=d, identical=identical)
            for (M, d), size in zip(((2, 2), (4, 3)), (n // 2, n - n // 2), strict=True)
        ]
        columns: dict[str, list[Array]] = {}
        for part in parts:
            letters = part.letters()
            share = np.minimum(1.0, 10 ** generator.uniform(-1.5, 0.5, len(part.K)))
            prescribed = "eta" in source.steps
            letters["eta"] = (
                source.step_at("eta", letters) if prescribed else share * largest_step(source.conditions, letters)
            )
            measured = part.measured(letters["eta"], LAST.get(label, "gap"))
            rounding = 1e-13 * {"scaled": letters["B_scaled"] ** 2, "euclidean": letters["B"] ** 2}.get(
                LAST.get(label, ""), letters["L"] * (letters["B"] ** 2 + 1)
            )
            for name, values in {**letters, "measured": measured, "rounding": rounding}.items():
                columns.setdefault(name, []).append(np.broadcast_to(values, share.shape))
        blocks.append(xr.Dataset({name: ("instance", np.concatenate(v)) for name, v in columns.items()}))
    data = xr.concat(blocks, dim="theorem", join="exact").assign_coords(theorem=list(FROZEN))
    return data.assign_attrs(seed=session.seed)


def outcome(theorem: Theorem, data: xr.Dataset) -> Measurement:
    """What the theorem bounds, on its own instances."""
    own = data.sel(theorem=theorem.label)
    return Measurement.of(own, "measured", what=theorem.bound.measure.meaning, rounding="rounding")


@claim(
    "chezhegov2024/id-sc",
    "Identical strongly convex workers, frozen matrix: $E|x - x*|_D^2$ is at most the bound in the $D$-norm.",
    kind="bound with constants",
    data=frozen_scaling_instances,
)
def id_sc(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact moments on random dense quadratics, $K$ to 32 and $R$ to 1000, steps up to the largest admissible one."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/id-sc-euclidean",
    "Identical strongly convex workers, frozen matrix: $E|x - x*|^2$ is at most $d_max/d_min$ times as much.",
    kind="bound with constants",
    data=frozen_scaling_instances,
)
def id_sc_euclidean(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact moments on random dense quadratics, a third of them with $D$ large along flat directions."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/id-quadratic",
    "On one quadratic the noise adds at most $4 eta sigma^2/(7 mu M)$ to $E|x - x*|_D^2$, without $d_max/d_min$.",
    kind="bound with constants",
    data=frozen_scaling_instances,
)
def id_quadratic(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact moments on random dense quadratics, $K$ to 32 and $R$ to 1000, steps up to the largest admissible one."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/id-c",
    "Identical convex workers, frozen matrix: the gap of the average is at most the bound.",
    kind="bound with constants",
    data=frozen_scaling_instances,
)
def id_c(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact moments on random dense quadratics, steps up to the largest admissible one."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/id-c-tuned",
    "Identical convex workers, frozen matrix, balancing step: the gap is at most the tuned bound.",
    kind="bound with constants",
    data=frozen_scaling_instances,
)
def id_c_tuned(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact moments on random dense quadratics at the prescribed step."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/het-c",
    "Heterogeneous convex workers, frozen matrix, noise at the optimum: the gap is within the bound.",
    kind="bound with constants",
    data=frozen_scaling_instances,
)
def het_c(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact moments on random dense quadratics that do not commute, steps up to the largest admissible one."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/het-c-own",
    "Heterogeneous convex workers, frozen matrix, uniform noise: the gap is within the bound.",
    kind="bound with constants",
    data=frozen_scaling_instances,
)
def het_c_own(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact moments on random dense quadratics that do not commute, steps up to the largest admissible one."""
    return Bounded(theorem, outcome(theorem, data))
