"""A changing scaling matrix: sampled runs of SAVIC at the fastest averaging that each theorem admits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.noise import RademacherNoise
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_workers
from tightrate.rates.statements.admissible_steps import fastest_averaging, largest_step
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import beta2
from tightrate.simulator.algorithms.savic import Scaling, savic
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.thresholds import CERTAIN
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
M, DIMENSION, SIGMA, ROUNDS = 3, 3, 1.0, 40
LOCAL_STEPS = np.array([1.0, 2.0, 4.0, 8.0])
PILOT, FEWEST, MOST = 32, 64, 4096

# Each theorem with a shipped method whose increments are bounded and that its rule covers.
CASES: tuple[tuple[str, Scaling], ...] = (
    ("changing-rule2", "adahessian"),
    ("changing-rule2", "rmsprop"),
    ("changing-rule3", "oasis"),
    ("changing-block-rule2", "adahessian"),
    ("changing-block-rule2", "rmsprop"),
    ("changing-block-rule3", "oasis"),
    ("changing-c-rule2", "adahessian"),
    ("changing-c-rule2", "rmsprop"),
    ("changing-c-rule3", "oasis"),
    ("changing-het-c-rule2", "adahessian"),
    ("changing-het-c-rule3", "oasis"),
)


@dataclass(frozen=True)
class Instances:
    """Quadratic workers (n), starts (n, d), and the letters (n,) that a theorem needs."""

    problem: QuadraticWorkers
    start: Array
    letters: Mapping[str, Array]

    def squares(self, scaling: Scaling, replicas: int, seed: int, of_distance: bool, name: str) -> Array:
        """Squared distances after every round (n, replicas, R), or gaps of the average over all steps (n, replicas)."""
        n = len(self.start)

        def repeated(values: Array) -> Array:
            return np.repeat(values, replicas, axis=0)

        problem = QuadraticWorkers(
            repeated(self.problem.hessians), repeated(self.problem.minimizers), repeated(self.problem.optimum)
        )
        method = savic(
            eta=repeated(self.letters["eta"]),
            d_min=repeated(self.letters["d_min"]),
            beta2=repeated(self.letters["beta2"]),
            d_start=None if of_distance else repeated(self.letters["d_start"])[:, None],
            scaling=scaling,
        )
        run = sample(
            method,
            problem,
            K=repeated(self.letters["K"]),
            R=ROUNDS,
            noise=RademacherNoise(SIGMA),
            seed=seed,
            stream_axes={"case": name},
            averaging_decay=None if of_distance else np.zeros(n * replicas),
            start=repeated(np.repeat(self.start[:, None], M, axis=1)),
            measured_rounds=range(1, ROUNDS + 1),
        )
        if run.average is None:
            return (run.distances**2).reshape(n, replicas, ROUNDS)
        return problem.gap(run.average).reshape(n, replicas, 1)


def random_instances(generator: np.random.Generator, n: int, source: Theorem, scaling: Scaling) -> Instances:
    """Instances whose increments are bounded by d_max for certain, at the fastest averaging that is admitted.

    v * (A v) is at most the largest absolute row sum.  For RMSProp Hessians are diagonal, and noise of jumps s keeps
    coordinate i within max(|x_0i|, s/a_i) of the optimum, so that its gradient is at most a_i times that, plus s.
    """
    problem = random_workers(generator, n, M, DIMENSION)
    hessians, minimizers = problem.hessians, problem.minimizers
    if "het" not in source.label:
        hessians, minimizers = np.repeat(hessians[:, :1], M, axis=1), np.zeros_like(minimizers)
    if scaling == "rmsprop":
        hessians = hessians * np.eye(DIMENSION)
    problem = QuadraticWorkers(hessians, minimizers)
    start = generator.standard_normal((n, DIMENSION)) * 10 ** generator.uniform(-1, 1.5, (n, 1))
    if scaling == "rmsprop":
        curvature, jump = np.diagonal(hessians[:, 0], axis1=-2, axis2=-1), SIGMA / np.sqrt(DIMENSION)
        largest = (curvature * np.maximum(np.abs(start), jump / curvature) + jump).max(axis=-1)
    else:
        largest = np.abs(hessians).sum(axis=-1).max(axis=(-1, -2))
    constants, d_min = problem.constants, largest * generator.uniform(0.1, 0.9, n)
    letters = {name: constants[name] for name in ("L", "mu", "zeta_star")}
    letters |= {"d_min": d_min, "d_max": largest, "K": LOCAL_STEPS[np.arange(n) % len(LOCAL_STEPS)]}
    letters |= {"M": np.full(n, float(M)), "R": np.full(n, float(ROUNDS)), "sigma": np.full(n, SIGMA)}
    letters["B"] = np.linalg.norm(start - problem.optimum, axis=-1)
    letters["d_start"] = d_min + (largest - d_min) * generator.random(n)
    letters["B_scaled"] = np.sqrt(letters["d_start"]) * letters["B"]
    of_step = [one for one in source.conditions if one.relation is None or beta2 not in one.relation.free_symbols]
    letters["eta"] = largest_step(of_step, letters) * np.minimum(1.0, 10 ** generator.uniform(-1, 0.5, n))
    letters["beta2"] = 1 - fastest_averaging(source.conditions, letters)
    return Instances(problem, start, letters)


@experiment("changing-scaling")
def changing_scaling(session: Session) -> xr.Dataset:
    """`mean` and `stderr` of what each theorem on a changing matrix bounds, by case, instance and number of rounds.

    A gap of the average is taken once, after the last round.  A pilot sizes the replicas: the mean must stay certainly
    below the bound wherever the pilot's mean is below it.
    """
    n = session.choose(quick=12, full=64)
    blocks = []
    for number, (label, scaling) in enumerate(CASES):
        source, name = statement(f"chezhegov2024/{label}"), f"{label} {scaling}"
        generator = stream(session.seed, experiment="changing-scaling", case=name)
        instances = random_instances(generator, n, source, scaling)
        of_distance = source.bound.measure.name == "squared-distance"
        rounds = np.arange(1.0, ROUNDS + 1) if of_distance else np.array([float(ROUNDS)])
        bound = source.bound.at({key: values[:, None] for key, values in instances.letters.items()}, R=rounds)
        pilot = instances.squares(scaling, PILOT, session.seed + 1, of_distance, name)
        replicas = max(replicas_for(pilot, bound), session.choose(quick=FEWEST, full=4 * FEWEST))
        found = instances.squares(scaling, replicas, session.seed, of_distance, name)
        mean, error = found.mean(axis=1), found.std(axis=1, ddof=1) / np.sqrt(replicas)
        block = xr.Dataset(
            {
                "mean": (("instance", "R"), mean),
                "stderr": (("instance", "R"), error),
                **{key: ("instance", values) for key, values in instances.letters.items() if key != "R"},
                "replicas": float(replicas),
            },
            coords={"R": rounds},
        )
        blocks.append(block)
        session.progress("changing-scaling", number + 1, len(CASES))
    cases = xr.Variable("case", [f"{label} {scaling}" for label, scaling in CASES])
    return xr.concat(blocks, dim="case", join="outer").assign_coords(case=cases).assign_attrs(seed=session.seed)


def replicas_for(pilot: Array, bound: Array) -> int:
    """Replicas (axis 1 of the pilot) that keep every mean certainly away from its bound, if it is below it."""
    room = bound - pilot.mean(axis=1)
    needed = (CERTAIN * pilot.std(axis=1, ddof=1) / np.where(room > 0, room, np.inf)) ** 2
    return int(min(np.ceil(needed.max()), MOST))


def outcome(theorem: Theorem, data: xr.Dataset) -> Measurement:
    """What the theorem bounds, in the cases that it covers, with the shipped methods of its rule."""
    own = data.sel(case=[name for name in data.case.values if str(name).split()[0] == theorem.label])
    taken = own.dropna("R", subset=["mean"], how="all")
    return Measurement.of(taken, "mean", what=theorem.bound.measure.meaning, stderr="stderr")


@claim(
    "chezhegov2024/changing-rule2",
    "With the square averaged as slowly as Corollary 1 asks, the bound for a changing matrix holds.",
    kind="bound with constants",
    data=changing_scaling,
)
def changing_rule2(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """SAVIC with AdaHessian and RMSProp scaling at the fastest admitted averaging, after every round."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/changing-rule3",
    "With the matrix averaged as slowly as Corollary 1 asks, the bound for a changing matrix holds.",
    kind="bound with constants",
    data=changing_scaling,
)
def changing_rule3(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """SAVIC with OASIS scaling at the fastest admitted averaging, after every round."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/changing-block-rule2",
    "With the growth of an update paid by the contraction of a block, square averaged, the bound holds.",
    kind="bound with constants",
    data=changing_scaling,
)
def changing_block_rule2(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """SAVIC with AdaHessian and RMSProp scaling at the fastest admitted averaging, after every round."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/changing-block-rule3",
    "With the growth of an update paid by the contraction of a block, matrix averaged, the bound holds.",
    kind="bound with constants",
    data=changing_scaling,
)
def changing_block_rule3(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """SAVIC with OASIS scaling at the fastest admitted averaging, after every round."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/changing-c-rule2",
    "Convex, identical data: twice the frozen bound holds while averaging $D^2$ grows $D$ at most twofold.",
    kind="bound with constants",
    data=changing_scaling,
)
def changing_c_rule2(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """SAVIC with AdaHessian and RMSProp scaling at the fastest admitted averaging, gap of the average."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/changing-c-rule3",
    "Convex, identical data: twice the frozen bound holds while averaging $D$ grows it at most twofold.",
    kind="bound with constants",
    data=changing_scaling,
)
def changing_c_rule3(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """SAVIC with OASIS scaling at the fastest admitted averaging, gap of the average."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/changing-het-c-rule2",
    "Convex, heterogeneous data: twice the frozen bound holds while averaging $D^2$ grows $D$ at most twofold.",
    kind="bound with constants",
    data=changing_scaling,
)
def changing_het_c_rule2(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """SAVIC with AdaHessian scaling at the fastest admitted averaging, gap of the average."""
    return Bounded(theorem, outcome(theorem, data))


@claim(
    "chezhegov2024/changing-het-c-rule3",
    "Convex, heterogeneous data: twice the frozen bound holds while averaging $D$ grows it at most twofold.",
    kind="bound with constants",
    data=changing_scaling,
)
def changing_het_c_rule3(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """SAVIC with OASIS scaling at the fastest admitted averaging, gap of the average."""
    return Bounded(theorem, outcome(theorem, data))
