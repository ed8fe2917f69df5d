"""How far local workers drift apart: Local SGDM and Local Adam over steps, noise, local steps, workers and damping."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.integrate import simpson
from scipy.stats import norm

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Array, Problem
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_adam import local_adam
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

DELTA = 0.05
CLIPPING = 10.0  # thresholds in units of the noise level: hardly ever active, as the theory's own are
ALPHA = 4.0


def widest_gap(algorithm: Algorithm[Any], problem: Problem, noise: Array, K: int, of: str, start: float = 0.0) -> Array:
    """max over pairs of workers of |.^m - .^n|^2 before each communication, in one dimension: (round, replica)."""
    rows = []
    for step in step_by_step(algorithm, problem, noise=noise, K=K, start=start):
        if step.ends_round:
            x = algorithm.averaged(step.updated) if of == "z" else algorithm.point(step.updated)
            rows.append(np.ptp(x[..., 0], axis=-1) ** 2)
    return np.stack(rows)


def summary(found: Array) -> tuple[float, float, float]:
    """Mean over replicas of the last round, its standard error, and the quantile 1 - DELTA of the largest round."""
    last = found[-1]
    return float(last.mean()), float(last.std(ddof=1) / np.sqrt(last.size)), float(np.quantile(found.max(0), 1 - DELTA))


def table(axes: Mapping[str, Array], cells: list[tuple[float, float, float]]) -> dict[str, Any]:
    """Mean, standard error and quantile on the grid of the axes."""
    shape = tuple(len(values) for values in axes.values())
    names = ("mean", "stderr", "quantile")
    return {name: (tuple(axes), np.reshape([c[i] for c in cells], shape)) for i, name in enumerate(names)}


def consensus_bound(*, eta: Array, sigma: Array, K: Array, M: Array | float, R: float) -> Array:
    """Lemma B.1 with its constants, for Gaussian noise in one dimension."""
    fourth = GaussianNoise(1.0).moment(ALPHA)
    letters = {"eta": eta, "sigma": sigma, "K": K, "M": M, "R": R, "rho": CLIPPING * sigma, "d": 1.0}
    bound = theorem("cheng2024/lemB1").bound
    return bound.function(alpha=ALPHA, delta=DELTA)(**letters, sigma_2alpha=fourth * sigma)


@experiment("cheng2024-consensus")
def consensus(session: Session) -> xr.Dataset:
    """Largest squared distance of two workers' z at the end of a round, over (L, eta, sigma, K).

    L = 0 is a constant gradient, L = 1 a function with two curvatures, whose pull saturates the growth in K.
    `mean` and `stderr` are over replicas, `quantile` that of the largest round at 1 - delta; `bound` is Lemma B.1.
    """
    replicas, M, R, beta1 = session.choose(quick=128, full=1024), 8, 3, 0.5
    eta, sigma, K = np.array([0.01, 0.02, 0.04]), np.array([0.5, 1.0, 2.0]), np.array([4, 8, 16, 32, 64])
    objectives = {0.0: asymmetric_softplus(L=1e-30, mu=1e-30, M=M), 1.0: asymmetric_softplus(mu=0.2, M=M)}
    cells = []
    for L, e, s, k in product(objectives, eta, sigma, K):
        noise = drawn_noise(
            GaussianNoise(float(s)),
            steps=int(k) * R,
            shape=(replicas, M, 1),
            seed=session.seed,
            experiment=f"cheng2024-consensus-{L}-{e}-{s}-{k}",
        )
        algorithm = local_sgdm(eta=e, beta1=beta1, rho=CLIPPING * s)
        cells.append(summary(widest_gap(algorithm, objectives[L], noise, int(k), "z", start=1.0)))
    axes = {"L": np.array(list(objectives)), "eta": eta, "sigma": sigma, "K": K}
    grid = np.meshgrid(eta, sigma, K, indexing="ij")
    bound = consensus_bound(eta=grid[0], sigma=grid[1], K=grid[2], M=float(M), R=float(R))
    return xr.Dataset(
        {**table(axes, cells), "bound": (("eta", "sigma", "K"), bound)},
        coords=axes,
        attrs={"replicas": replicas, "M": M, "R": R, "beta1": beta1, "delta": DELTA, "seed": session.seed},
    )


def squared_range(M: ArrayLike) -> Array:
    """E W^2 for the range W of M independent standard Gaussian variables, by quadrature.

    The smallest is x and none of the others exceeds x + w: P(W <= w) = M int phi(x) (Phi(x + w) - Phi(x))^(M-1) dx,
    and E W^2 = int 2 w P(W > w) dw.

    >>> bool(np.allclose(squared_range([2, 3]), [2, 2 + 3 * np.sqrt(3) / np.pi], rtol=1e-8))
    True
    """
    x, w = np.linspace(-12.0, 12.0, 601), np.linspace(0.0, 20.0, 1001)
    density, inside = norm.pdf(x), norm.cdf(x + w[:, None]) - norm.cdf(x)
    found = []
    for m in np.asarray(M, dtype=np.float64):
        within = np.minimum(m * simpson(density * inside ** (m - 1), x=x, axis=1), 1.0)
        found.append(simpson(2 * w * (1 - within), x=w))
    return np.array(found)


@experiment("cheng2024-consensus-workers")
def consensus_over_workers(session: Session) -> xr.Dataset:
    """The same over M on the flat objective, where distances are those of independent Gaussian variables.

    `exact` is their expected squared range: the thresholds of ten noise levels cut nothing that a float would show.
    """
    budget, R, K, eta, sigma = session.choose(quick=80_000, full=1_000_000), 2, 8, 0.05, 1.0
    M = np.array([2, 8, 32, 128, 512, 2048])
    cells = []
    for m in M:
        noise = drawn_noise(
            GaussianNoise(sigma),
            steps=K * R,
            shape=(max(200, budget // int(m)), int(m), 1),
            seed=session.seed,
            experiment=f"cheng2024-consensus-workers-{m}",
        )
        flat = asymmetric_softplus(L=1e-30, mu=1e-30, M=int(m))
        algorithm = local_sgdm(eta=eta, beta1=0.0, rho=CLIPPING * sigma)
        cells.append(summary(widest_gap(algorithm, flat, noise, K, "z")))
    variance = float(theorem("cheng2024/flat-variance-z").bound.function(eta=eta, sigma=sigma)(K=float(K)))
    bound = consensus_bound(eta=np.full(len(M), eta), sigma=np.ones(len(M)), K=np.full(len(M), float(K)), M=M, R=R)
    return xr.Dataset(
        {**table({"M": M}, cells), "bound": (("M",), bound), "exact": (("M",), variance * squared_range(M))},
        coords={"M": M},
        attrs={"R": R, "K": K, "eta": eta, "sigma": sigma, "seed": session.seed},
    )


@experiment("cheng2024-adam-consensus")
def adam_consensus(session: Session) -> xr.Dataset:
    """Largest squared distance of two Local Adam workers' iterates, over (eta, sigma, K, lambda); bound: Lemma C.7."""
    replicas, M, R, beta1 = session.choose(quick=96, full=1024), 8, 2, 0.0
    eta, sigma = np.array([0.005, 0.01, 0.02]), np.array([0.25, 0.5, 1.0])
    K, lam = np.array([4, 8, 16, 32]), np.array([1.0, 2.0, 4.0])
    problem = asymmetric_softplus(mu=0.2, M=M)
    cells = []
    for e, s, k, damping in product(eta, sigma, K, lam):
        noise = drawn_noise(
            GaussianNoise(float(s)),
            steps=int(k) * R,
            shape=(replicas, M, 1),
            seed=session.seed,
            experiment=f"cheng2024-adam-consensus-{e}-{s}-{k}-{damping}",
        )
        complement = float(k) ** -1.5 * R**-0.5
        algorithm = local_adam(eta=e, beta1=beta1, beta2=1 - complement, lam=damping, rho=CLIPPING * s)
        cells.append(summary(widest_gap(algorithm, problem, noise, int(k), "x", start=1.0)))
    axes = {"eta": eta, "sigma": sigma, "K": K, "lambda": lam}
    grid = dict(zip(axes, np.meshgrid(*axes.values(), indexing="ij"), strict=True))
    fourth = GaussianNoise(1.0).moment(ALPHA)
    radius = theorem("cheng2024/lemC7").bound.function(alpha=ALPHA, delta=DELTA, d=1.0, M=float(M), R=float(R))
    bound = radius(**grid, rho=CLIPPING * grid["sigma"], sigma_2alpha=fourth * grid["sigma"]) ** 2
    return xr.Dataset(
        {**table(axes, cells), "bound": (tuple(axes), bound)},
        coords=axes,
        attrs={"replicas": replicas, "M": M, "R": R, "beta1": beta1, "delta": DELTA, "seed": session.seed},
    )


@experiment("cheng2024-preconditioner")
def preconditioner(session: Session) -> xr.Dataset:
    """Local Adam's preconditioners within a round, over (complement = 1 - beta2, K, sigma).

    `growth` is max |H_t^m/H_r - 1| (mean over replicas), `least` and `most` the extreme ratios H_t^m/H_r of all,
    `difference` max over pairs of H_r |1/H_t^m - 1/H_t^n|.  Bounds: Lemma C.8 (`lower`, `upper`), Lemma C.9 (`apart`).
    The norm of the gradient is compared at every step with its norm by the inverse preconditioner: `norm_ratio` is
    the largest and `norm_least` the least lambda |g|^2_{1/H_r} / |g|^2, `norm_bound` what (C.40) allows at least.
    """
    replicas, M, R, eta, lam = session.choose(quick=32, full=256), 4, 3, 0.01, 1.0
    complement, K = np.array([1e-3, 2e-3, 4e-3, 8e-3]), np.array([4, 8, 16, 31])
    sigma = np.array([0.01, 0.03, 0.1, 0.3])
    shape = (len(complement), len(K), len(sigma))
    names = ("growth", "growth_stderr", "difference", "difference_stderr", "least", "most")
    found = {name: np.empty(shape) for name in (*names, "norm_ratio", "norm_least", "largest_gradient")}
    problem = asymmetric_softplus(mu=0.2, M=M)
    for i, j, s in np.ndindex(shape):
        k, level = int(K[j]), float(sigma[s])
        noise = drawn_noise(
            GaussianNoise(level),
            steps=k * R,
            shape=(replicas, M, 1),
            seed=session.seed,
            experiment=f"cheng2024-preconditioner-{i}-{j}-{s}",
        )
        algorithm = local_adam(eta=eta, beta1=0.5, beta2=1 - complement[i], lam=lam, rho=6.0)
        growth, apart = np.zeros(replicas), np.zeros(replicas)
        least, most, norms, steepest = np.inf, 0.0, [np.inf, 0.0], 0.0
        H_r = np.full((replicas, M, 1), lam)
        for step in step_by_step(algorithm, problem, noise=noise, K=k, start=2.0):
            if step.starts_round:
                H_r = np.sqrt(step.before.v + lam**2)
            H = np.sqrt(step.updated.v + lam**2)
            ratio, inverse = H / H_r, H_r / H
            growth = np.maximum(growth, np.abs(ratio - 1).max(axis=(-2, -1)))
            apart = np.maximum(apart, np.ptp(inverse[..., 0], axis=-1))
            least, most = min(least, float(ratio.min())), max(most, float(ratio.max()))
            steepest = max(steepest, float(np.abs(step.exact).max()))
            weights = algorithm.stationarity_weights(step.before) if step.starts_round else lam / H_r
            norms = [min(norms[0], float(np.min(weights))), max(norms[1], float(np.max(weights)))]
        for name, values in (("growth", growth), ("difference", apart)):
            found[name][i, j, s] = values.mean()
            found[f"{name}_stderr"][i, j, s] = values.std(ddof=1) / np.sqrt(replicas)
        found["least"][i, j, s], found["most"][i, j, s] = least, most
        found["norm_least"][i, j, s], found["norm_ratio"][i, j, s] = norms
        found["largest_gradient"][i, j, s] = steepest
    grid = np.meshgrid(1 - complement, K, sigma, indexing="ij")
    letters = {"beta2": grid[0], "K": grid[1].astype(float), "sigma_inf": grid[2], "G_inf": found["largest_gradient"]}
    letters |= {"rho": np.full(shape, 6.0), "lambda": np.full(shape, lam), "d": np.ones(shape)}
    letters |= {"M": np.full(shape, float(M)), "R": np.full(shape, float(R)), "delta": np.full(shape, DELTA)}
    bounds = {}
    for name, label in (("upper", "lemC8-upper"), ("lower", "lemC8-lower"), ("apart", "lemC9"), ("size", "eqC.40")):
        bound = theorem(f"cheng2024/{label}").bound
        bounds[name] = bound.function()(**{key: letters[key] for key in bound.letters})
    axes = ("complement", "K", "sigma")
    return xr.Dataset(
        {name: (axes, values) for name, values in {**found, **bounds, "norm_bound": lam / bounds["size"]}.items()},
        coords={"complement": complement, "K": K, "sigma": sigma},
        attrs={"replicas": replicas, "M": M, "R": R, "eta": eta, "lambda": lam, "rho": 6.0, "seed": session.seed},
    )
