"""patel2024, Theorem 27: every step of its proof by value, and what its display hides."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_workers
from tightrate.rates.papers.patel2024.theorem_27 import thm27_recursion
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.bounded import AtMost, Bounded
from tightrate.verify.assertions.trend import Scaling
from tightrate.verify.claim import claim
from tightrate.verify.experiment import all_instances, experiment, labelled
from tightrate.verify.measurement import Measurement, symbols_of
from tightrate.verify.session import Session

Array = NDArray[np.float64]

# --- Every step of the proof, without noise --------------------------------------------------------------------------


def problems(generator: np.random.Generator, each: int) -> tuple[Problem, ...]:
    """Quadratic workers with unequal Hessians (Q = 0), and smooth workers whose curvature changes (Q > 0)."""
    L, mu = 1.0, 10 ** generator.uniform(-1.5, -0.1, each)
    smooth = asymmetric_softplus(
        L=L,
        mu=mu,
        tau=(L - mu) * generator.uniform(0.0, 1.0, each),
        zeta=10 ** generator.uniform(-2, 1, each),
        width=10 ** generator.uniform(-2, 1, each),
        B=10 ** generator.uniform(-1, 1, each),
        M=4,
        d=2,
    )
    return random_workers(generator, each, 3, 2), smooth


@experiment("patel2024-thm27-steps")
def steps(session: Session) -> xr.Dataset:
    """Local gradient descent without noise over (instance, $t$), every step of $T = K R$ observed; $zeta$ is the
    largest dissimilarity of the points visited."""
    each = session.choose(quick=200, full=4000)
    generator = stream(session.seed, experiment="patel2024-thm27-steps")
    return all_instances(
        observed(one, 10 ** generator.uniform(-1.5, 0, each) / 2, 8, 12) for one in problems(generator, each)
    )


def observed(problem: Problem, step: Array, K: int, R: int) -> xr.Dataset:
    """One run of each instance at eta = `step` / L, everything that the proof speaks of measured."""
    constants, M, d, n = problem.constants, problem.workers, problem.dimension, len(step)
    eta = step / constants["L"]
    x, total, weights, zeta = np.zeros((n, M, d)), np.zeros((n, d)), np.zeros((n, 1)), np.zeros(n)
    squared, gaps, consensus = (np.empty((n, K * R + 1)) for _ in range(3))
    decay = (1 - eta * constants["mu"] / 2)[:, None]
    for t in range(K * R + 1):
        mean = x.mean(axis=1)
        squared[:, t] = ((mean - problem.optimum) ** 2).sum(axis=-1)
        gaps[:, t] = problem.gap(mean)
        consensus[:, t] = ((x - mean[:, None]) ** 2).sum(axis=-1).mean(axis=-1)
        if t == K * R:
            break
        total, weights = decay * total + mean, decay * weights + 1
        own = problem.gradient(x)
        for m in range(M):  # grad F at the point of every worker
            average = problem.gradient(np.broadcast_to(x[:, m : m + 1], x.shape)).mean(axis=1)
            zeta = np.maximum(zeta, np.linalg.norm(own[:, m] - average, axis=-1))
        x = x - eta[:, None, None] * own
        if (t + 1) % K == 0:
            x = np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape)
    return labelled(
        "instance",
        "t",
        squared_distance_before=squared[:, :-1],
        squared_distance=squared[:, 1:],
        gap=gaps[:, :-1],
        consensus=consensus[:, :-1],
        weighted_gap=problem.gap(total / weights),
        **{name: constants[name] for name in ("L", "mu", "tau", "Q", "B")},
        zeta=zeta,
        sigma=0.0,
        M=M,
        K=K,
        R=R,
        eta=eta,
        gamma=1.0,
        t=np.arange(K * R),
    )


@claim(
    "patel2024/thm27-one-step",
    "One step contracts the squared distance of the mean iterate by $1 - eta mu / 2$, less $eta$ times the gap, up"
    " to $8 tau^2 eta/mu$ times the consensus error and $2 Q^2 eta/mu$ times its square.",
    theorem="patel2024/thm27-step",
    kind="bound with constants",
    data=steps,
)
def thm27_one_step(data: xr.Dataset) -> AtMost:
    """Every step of noiseless runs on quadratic workers and on workers with a changing curvature; noise adds exactly
    $eta^2 sigma^2 / M$ to both sides."""
    found = Measurement.of(data, "squared_distance", what="squared distance after a step", rounding=1e-13 * data.B**2)
    rate, linear, square = (found.at(thm27_recursion()[name]) for name in ("rate", "consensus", "squared consensus"))
    drift = linear * data.consensus + square * data.consensus**2
    return AtMost(found, (1 - rate * data.eta) * data.squared_distance_before - data.eta * (data.gap - drift))


@claim(
    "patel2024/lemma36",
    "Without noise the consensus error is at most $6 K^2 eta^2 zeta^2$ at every step.",
    kind="bound with constants",
    data=steps,
)
def lemma36(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same runs, every step, with the largest dissimilarity of the points visited."""
    return Bounded(theorem, Measurement.of(data, "consensus", what="consensus error", rounding=1e-25 * data.B**2))


@claim(
    "patel2024/thm27-step",
    "Without noise the gap of the weighted average is at most Theorem 27's bound at a fixed step.",
    kind="bound with constants",
    data=steps,
)
def thm27_step(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same runs at their end, unequal Hessians and changing curvatures included."""
    return Bounded(theorem, Measurement.of(data, "weighted_gap", what="gap of the weighted average"))


# --- The consensus error with noise ----------------------------------------------------------------------------------


@experiment("patel2024-consensus")
def consensus(session: Session) -> xr.Dataset:
    """Noisy local SGD on workers with one Hessian and different slopes: the exact mean consensus error.

    Between averagings workers are independent, so $E Xi = mean_m |E x_m - mean|^2 + (1 - 1/M) tr Cov$ of one worker.
    """
    n, M, d = session.choose(quick=400, full=4000), 4, 2
    generator = stream(session.seed, experiment="patel2024-consensus")
    curvatures = 10 ** generator.uniform(-2, 0, (n, d))
    L = curvatures.max(axis=-1)
    slopes = 10 ** generator.uniform(-2, 1, (n, 1, 1)) * generator.standard_normal((n, M, d))
    slopes -= slopes.mean(axis=1, keepdims=True)
    minimizers = generator.standard_normal((n, 1, d)) - slopes / curvatures[:, None]
    K, eta = generator.integers(2, 40, n).astype(np.float64), 10 ** generator.uniform(-2, 0, n) / (2 * L)
    sigma = 10 ** generator.uniform(-1, 1, n)
    hessians = np.repeat(np.einsum("ni,ij->nij", curvatures, np.eye(d)), M, axis=0)[:, None]
    single = QuadraticWorkers(hessians, minimizers.reshape(n * M, 1, d))
    everyone = {name: np.repeat(values, M) for name, values in {"eta": eta, "steps": K - 1}.items()}
    # Exact means do not depend on the noise, and the covariance grows with its square: one run at sigma = 1.
    run = exact_moments(local_sgd(eta=everyone["eta"]), single, K=everyone["steps"], R=1, noise=GaussianNoise(1.0)).last
    means = run.mean.reshape(n, M, d)
    spread = np.trace(run.covariance, axis1=-2, axis2=-1).reshape(n, M)[:, 0]
    apart = ((means - means.mean(axis=1, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1)
    consensus = apart + (1 - 1 / M) * sigma**2 * spread
    zeta = np.linalg.norm(slopes, axis=-1).max(axis=-1)
    return labelled("instance", consensus=consensus, L=L, zeta=zeta, sigma=sigma, M=M, K=K, eta=eta, gamma=1.0)


@claim(
    "patel2024/lemma36-noise",
    "With noise the mean consensus error is at most $3 K sigma^2 eta^2 + 6 K^2 eta^2 zeta^2$.",
    theorem="patel2024/lemma36",
    kind="bound with constants",
    data=consensus,
)
def lemma36_noise(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Workers with one Hessian and different slopes, where the mean consensus error before an averaging is known
    exactly: random curvatures, steps, $K$ and noise levels."""
    return Bounded(theorem, Measurement.of(data, "consensus", what="mean consensus error"))


# --- The choice of the step ------------------------------------------------------------------------------------------


@experiment("patel2024-step-size")
def step_size(session: Session) -> xr.Dataset:
    """Random parameters over many orders of magnitude, and the step that Theorem 27 prescribes for them."""
    n = session.choose(quick=4000, full=100000)
    generator = stream(session.seed, experiment="patel2024-step-size")
    ranges = {"mu": (-3, 0), "tau": (-3, 0), "Q": (-3, 2), "zeta": (-3, 1), "sigma": (-3, 2), "B": (-1, 1)}
    counts = {"K": (0, 3), "R": (0, 4), "M": (0, 3)}
    drawn = {name: 10 ** generator.uniform(*decades, n) for name, decades in (ranges | counts).items()}
    symbols = {"L": np.ones(n), **drawn, **{name: np.round(drawn[name]) for name in counts}}
    eta = statement("patel2024/thm27").step_at("eta", symbols)
    fixed_step_bound = statement("patel2024/thm27-step").bound.at(symbols, eta=eta)
    return labelled("instance", fixed_step_bound=fixed_step_bound, **symbols, eta=eta, gamma=1.0)


@claim(
    "patel2024/lemma37",
    "At the prescribed step the fixed-step bound is at most the explicit form of Theorem 27.",
    theorem="patel2024/thm27-explicit",
    kind="bound with constants",
    data=step_size,
    outside={
        "no noise or $Q = 0$; otherwise a fourth-moment bound on the noise is needed (erratum E3)": (
            "two expressions are compared, nothing is run"
        )
    },
)
def lemma37(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The step-size lemma by value: both symbolic expressions at random parameters over many orders of magnitude."""
    explicit = theorem.bound.at(symbols_of(data))
    what = "bound at the prescribed step"
    return Bounded(theorem, Measurement.of(data, "fixed_step_bound", what=what, rounding=1e-12 * explicit))


# --- The constant in the exponent ------------------------------------------------------------------------------------


@experiment("patel2024-exponent")
def exponent(session: Session) -> xr.Dataset:  # noqa: ARG001
    """One quadratic worker without noise, all eigenvalues $mu$, at the step $1/(2L)$ of Theorems 22 and 27, along $R$:
    the gap of the weighted average and the distance of the last iterate. $L = 1$, $K = 4$."""
    L, mu, B, K, R = 1.0, 0.2, 1.0, 4, np.array([2.0, 4, 8, 12, 16, 24, 32])
    problem = QuadraticWorkers(np.full((1, 1, 1), mu), np.full((1, 1), B))
    run = exact_moments(local_sgd(eta=np.full(len(R), 1 / (2 * L))), problem, K=K, R=R, averaging_decay=mu / (4 * L))
    assert run.average is not None
    alike = dict.fromkeys(("sigma", "tau", "zeta", "zeta_opt", "Q"), 0.0)
    setting = {"L": L, "mu": mu, "B": B, "M": 1, "K": K, "eta": 1 / (2 * L), "gamma": 1.0, **alike}
    return labelled("R", gap=run.average.gap, distance=np.sqrt(run.last.squared_distance), R=R, **setting)


@claim(
    "patel2024/thm27-exponent-with-constant-one",
    "Theorem 27, which the paper calls informal, with the constant 1 in its exponent: the gap of the weighted average"
    " decays like $exp(-mu K R / L)$, up to constants.",
    theorem="patel2024/thm27",
    kind="side condition",
    accuses="E8",
    data=exponent,
    expected="violated",
)
def thm27_exponent_as_printed(theorem: Theorem, data: xr.Dataset) -> Scaling:
    """Erratum E8: one quadratic worker without noise at the prescribed step $1/(2L)$, exactly; the ratio to the
    printed term grows along $R$ without end."""
    gap = Measurement.of(data, "gap", what="gap of the weighted average")
    return Scaling(theorem, gap, along=["R"], term="optimization")


@claim(
    "patel2024/thm27-exponent",
    "On the same worker the fixed-step form, with its exponent $mu/(4L)$, holds.",
    theorem="patel2024/thm27-step",
    kind="bound with constants",
    data=exponent,
)
def thm27_exponent(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same exact gaps, by value."""
    return Bounded(theorem, Measurement.of(data, "gap", what="gap of the weighted average"), term="optimization")


@claim(
    "patel2024/thm22-exponent-with-constant-one",
    "Theorem 22 with the constant 1 in its exponent: the distance decays like $exp(-mu K R / L)$, up to constants.",
    theorem="patel2024/thm22",
    kind="side condition",
    accuses="E8",
    data=exponent,
    expected="violated",
)
def thm22_exponent_as_printed(theorem: Theorem, data: xr.Dataset) -> Scaling:
    """Erratum E8: one quadratic worker without noise at the theorem's step $1/(2L)$ contracts by exactly $1 - mu/(2L)$
    a step; the ratio to the printed term grows along $R$ without end."""
    return Scaling(theorem, Measurement.of(data, "distance"), along=["R"], term="optimization")


@claim(
    "patel2024/thm22-exponent",
    "On the same worker the transient with the factor $(1 - eta mu)^(K R)$ holds.",
    theorem="patel2024/thm22-explicit",
    kind="bound with constants",
    data=exponent,
)
def thm22_exponent(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same exact distances, by value."""
    return Bounded(theorem, Measurement.of(data, "distance", rounding=1e-13), term="optimization")
