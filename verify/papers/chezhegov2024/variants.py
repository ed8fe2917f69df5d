"""Local SGD against its scaled variants, with a matrix for all clients or one for each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.logistic_regression import LogisticRegression, logistic_regression
from tightrate.constructions.noise import GaussianNoise, Noise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.real_logistic_regression import real_logistic_regression
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.savic import savic
from tightrate.simulator.batch.randomness import RowSampling, stream
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]
METHODS = ("local SGD", "Adam, common", "Adam, per client", "OASIS, common", "OASIS, per client")
STEPS = np.geomspace(1e-3, 1.0, 10)
LOCAL_STEPS, ROUNDS = 10, 300


def badly_scaled(
    generator: np.random.Generator, M: int, scales: Array, heterogeneity: float, optimum: Array
) -> QuadraticWorkers:
    """Hessians S^{1/2} B_m S^{1/2} with S = diag(scales) and the spectra of B_m in [0.7, 1.3]; sum A_m u_m = 0.

    Worker m's own minimizer is the optimum plus u_m; zeta_star is `heterogeneity`.
    """
    d = len(scales)
    basis = np.linalg.qr(generator.standard_normal((M, d, d)))[0]
    core = (basis * generator.uniform(0.7, 1.3, (M, 1, d))) @ np.swapaxes(basis, -1, -2)
    hessians = core * np.sqrt(scales[:, None] * scales)
    hessians = (hessians + np.swapaxes(hessians, -1, -2)) / 2
    pulls = generator.standard_normal((M, d)) * np.sqrt(scales)  # A_m u_m
    pulls -= pulls.mean(axis=0)
    pulls *= heterogeneity / np.sqrt(np.mean(np.sum(pulls**2, axis=-1)))
    displacements = np.linalg.solve(hessians, pulls[..., None])[..., 0]
    return QuadraticWorkers(hessians, optimum + displacements, known_optimum=optimum)


@dataclass(frozen=True)
class Contest:
    """A problem on which the methods run, how its gradients are sampled, what to call it, and what it is."""

    problem: Problem
    noise: Noise | RowSampling
    title: str
    description: str


def ill_conditioned(seed: int) -> Contest:
    """Ten coordinates whose curvatures span three orders of magnitude, along the axes."""
    generator = stream(seed, experiment="scaled-variants")
    scales = np.geomspace(1e-3, 1, 10)
    problem = badly_scaled(generator, 4, scales, 0.01, scales**-0.5)  # every coordinate has its share of the gap
    words = "a quadratic with curvatures from 0.001 to 1 along the axes"
    return Contest(problem, GaussianNoise(0.02), "ill-conditioned quadratic", words)


def real_data(seed: int) -> Contest:
    """Breast-cancer data split by label skew; where scikit-learn is missing, synthetic rows with uneven features."""
    if find_spec("sklearn") is None:
        plain = logistic_regression(M=8, d=20, rows=70, mu=1e-3, heterogeneity=0.3, seed=seed)
        signed = plain.signed * np.geomspace(0.03, 1, plain.dimension)
        problem = LogisticRegression(signed, plain.counts, plain.ridge)
        title = "synthetic data"
        words = "logistic regression on synthetic rows with uneven features (real data come with scikit-learn)"
    else:
        problem = real_logistic_regression(data="breast-cancer", split="dirichlet", M=8, mu=1e-3, seed=seed)
        title = "breast-cancer data"
        words = "logistic regression on the breast-cancer data, labels split unevenly over the clients"
    return Contest(problem, RowSampling(8), title, words)


def method(name: str, smoothness: float, steps: Array) -> Algorithm[Any]:
    """The method at these steps: in units of 2/L for local SGD, of 1 for OASIS, of 0.3 lengths for Adam."""
    if name == "local SGD":
        return local_sgd(eta=2 * steps / smoothness)
    adam = name.startswith("Adam")
    return savic(
        eta=0.3 * steps if adam else steps,
        d_min=1e-4 if adam else 1e-3 * smoothness,
        beta2=0.99 if adam else 0.9,
        scaling="adam" if adam else "oasis",
        client_local=name.endswith("per client"),
    )


@experiment("scaled-variants")
def scaled_variants(session: Session) -> xr.Dataset:
    """`gap` and `stderr` by problem, variant and round, each method at its best step of a grid for the last round.

    Replicas of all methods and steps draw the same noise.
    """
    replicas = session.choose(quick=8, full=48)
    rounds = np.unique(np.geomspace(1, ROUNDS, 30).round().astype(int))
    contests = {"ill-conditioned": ill_conditioned(session.seed), "data": real_data(session.seed % 1000)}
    shape = (len(contests), len(METHODS), len(rounds) + 1)
    gap, stderr = np.empty(shape), np.empty(shape)
    best = np.empty(shape[:2])
    for i, contest in enumerate(contests.values()):
        for j, name in enumerate(METHODS):
            mean, error = _run(contest, name, replicas, session.seed, rounds)
            chosen = int(np.nanargmin(np.where(np.isfinite(mean[:, -1]), mean[:, -1], np.nan)))
            gap[i, j], stderr[i, j], best[i, j] = mean[chosen], error[chosen], STEPS[chosen]
            session.progress("scaled-variants", i * len(METHODS) + j + 1, len(contests) * len(METHODS))
    dims = ("problem", "variant", "round")
    return xr.Dataset(
        {"gap": (dims, gap), "stderr": (dims, stderr), "best_step": (dims[:2], best)},
        coords={"problem": list(contests), "variant": list(METHODS), "round": [0, *rounds]},
        attrs={
            "seed": session.seed,
            "replicas": replicas,
            "K": LOCAL_STEPS,
            "steps_tried": len(STEPS),
            **{f"about {name}": contest.description for name, contest in contests.items()},
            **{f"title of {name}": contest.title for name, contest in contests.items()},
        },
    )


def _run(contest: Contest, name: str, replicas: int, seed: int, rounds: Array) -> tuple[Array, Array]:
    """Mean gap over replicas and its standard error, (step, round)."""
    count = len(STEPS)
    smoothness = float(np.max(contest.problem.constants["L"]))
    run = sample(
        method(name, smoothness, np.repeat(STEPS, replicas)),
        contest.problem,
        K=LOCAL_STEPS,
        R=ROUNDS,
        replicas=count * replicas,
        noise=contest.noise,
        seed=seed,
        streams=np.tile(np.arange(replicas), count),
        measured_rounds=[0, *rounds],
    )
    gaps = run.gaps.reshape(count, replicas, -1)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(gaps.mean(axis=1)), np.asarray(gaps.std(axis=1, ddof=1) / np.sqrt(replicas))
