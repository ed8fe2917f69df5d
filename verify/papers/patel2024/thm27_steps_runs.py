"""The steps of Theorem 27's proof: one step, the consensus error, the sum over the steps, the choice of the step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.rates.papers.patel2024 import thm27_recursion
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.patel2024.assumptions_runs import in_letters
from tightrate.verify.papers.patel2024.fixed_point_runs import random_machines
from tightrate.verify.session import Session

Array = NDArray[np.float64]


def problems(generator: np.random.Generator, each: int) -> tuple[tuple[str, Problem], ...]:
    """Quadratic machines with unequal Hessians (Q = 0), and smooth machines whose curvature changes (Q > 0)."""
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
    return ("quadratics", random_machines(generator, each, 3, 2)), ("smooth", smooth)


@experiment("patel2024-thm27-steps")
def thm27_steps(session: Session) -> xr.Dataset:
    """Local gradient descent without noise, every step observed: (instance, t) over T = K R steps.

    `squared_distance` after a step and `one_step` its bound from the step before; `consensus` and `lemma36`;
    `weighted_gap` (instance) of the weighted average and `bound`, with the dissimilarity zeta of the visited points.
    """
    each = session.choose(quick=200, full=4000)
    K, R = 8, 12
    generator = stream(session.seed, experiment="patel2024-thm27-steps")
    parts = []
    for _, problem in problems(generator, each):
        parts.append(_observed(problem, 10 ** generator.uniform(-1.5, 0, each) / 2, K, R))
        session.progress("patel2024-thm27-steps", len(parts), 2)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return xr.Dataset(
        {name: (("instance", "t")[: values.ndim], values) for name, values in joined.items()},
        coords={"t": np.arange(K * R)},
        attrs={"K": K, "R": R, "theorem": "patel2024/thm27-step"},
    )


def _observed(problem: Problem, step: Array, K: int, R: int) -> dict[str, Array]:
    """One run of each instance at eta = `step` / L, everything that the proof speaks of measured."""
    constants, M, d = problem.constants, problem.workers, problem.dimension
    n = len(step)
    eta = step / constants["L"]
    x, total, weights, zeta = np.zeros((n, M, d)), np.zeros((n, d)), np.zeros((n, 1)), np.zeros(n)
    squared, gaps, consensus = (np.empty((n, K * R + 1)) for _ in range(3))
    forget = (1 - eta * constants["mu"] / 2)[:, None]
    for t in range(K * R + 1):
        mean = x.mean(axis=1)
        squared[:, t] = ((mean - problem.optimum) ** 2).sum(axis=-1)
        gaps[:, t] = problem.gap(mean)
        consensus[:, t] = ((x - mean[:, None]) ** 2).sum(axis=-1).mean(axis=-1)
        if t == K * R:
            break
        total, weights = forget * total + mean, forget * weights + 1
        own = problem.gradient(x)
        for m in range(M):  # grad F at the point of every machine
            average = problem.gradient(np.broadcast_to(x[:, m : m + 1], x.shape)).mean(axis=1)
            zeta = np.maximum(zeta, np.linalg.norm(own[:, m] - average, axis=-1))
        x = x - eta[:, None, None] * own
        if (t + 1) % K == 0:
            x = np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape)
    letters = {
        **{name: np.broadcast_to(constants[name], (n,)) for name in ("L", "mu", "tau", "Q", "B")},
        "eta": eta,
        "zeta": zeta,
        "sigma": np.zeros(n),
        "K": np.full(n, K),
        "R": np.full(n, R),
        "M": np.full(n, M),
    }
    coefficients = {name: vectorized(e)(**_needed(e, letters))[:, None] for name, e in thm27_recursion().items()}
    e, xi = gaps[:, :-1], consensus[:, :-1]
    drift = coefficients["consensus"] * xi + coefficients["squared consensus"] * xi**2
    one_step = (1 - coefficients["rate"] * eta[:, None]) * squared[:, :-1] - eta[:, None] * (e - drift)
    return {
        **{name: np.asarray(letters[name], dtype=np.float64) for name in ("mu", "tau", "Q", "zeta", "eta", "B")},
        "squared_distance": squared[:, 1:],
        "one_step": one_step,
        "consensus": xi,
        "lemma36": in_letters(theorem("patel2024/lemma36").bound, letters)[:, None] + np.zeros_like(xi),
        "weighted_gap": problem.gap(total / weights),
        "bound": in_letters(theorem("patel2024/thm27-step").bound, letters),
    }


def _needed(expression: object, letters: Mapping[str, Array]) -> dict[str, Array]:
    names = {symbol.name for symbol in getattr(expression, "free_symbols", ())}
    return {name: letters[name] for name in names} or {"eta": letters["eta"]}


@experiment("patel2024-consensus")
def consensus(session: Session) -> xr.Dataset:
    """Noisy local SGD on machines with one Hessian and different slopes: the exact mean consensus error, and Lemma 36.

    Between averagings machines are independent, so E Xi = mean_m |E x_m - mean|^2 + (1 - 1/M) tr Cov of one machine.
    """
    n = session.choose(quick=400, full=4000)
    generator = stream(session.seed, experiment="patel2024-consensus")
    M, d = 4, 2
    curvatures = 10 ** generator.uniform(-2, 0, (n, d))
    L = curvatures.max(axis=-1)
    slopes = 10 ** generator.uniform(-2, 1, (n, 1, 1)) * generator.standard_normal((n, M, d))
    slopes -= slopes.mean(axis=1, keepdims=True)
    minimizers = generator.standard_normal((n, 1, d)) - slopes / curvatures[:, None]
    K, eta = generator.integers(2, 40, n).astype(np.float64), 10 ** generator.uniform(-2, 0, n) / (2 * L)
    sigma = 10 ** generator.uniform(-1, 1, n)
    hessians = np.repeat(np.einsum("ni,ij->nij", curvatures, np.eye(d)), M, axis=0)[:, None]
    single = QuadraticMachines(hessians, minimizers.reshape(n * M, 1, d))
    everyone = {name: np.repeat(values, M) for name, values in {"eta": eta, "steps": K - 1}.items()}
    # Exact means do not depend on the noise, and the covariance grows with its square: one run at sigma = 1.
    run = exact_moments(local_sgd(eta=everyone["eta"]), single, K=everyone["steps"], R=1, noise=GaussianNoise(1.0)).last
    means = run.mean.reshape(n, M, d)
    spread = np.trace(run.covariance, axis1=-2, axis2=-1).reshape(n, M)[:, 0]
    apart = ((means - means.mean(axis=1, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1)
    zeta = np.linalg.norm(slopes, axis=-1).max(axis=-1)
    letters = {"K": K, "eta": eta, "sigma": sigma, "zeta": zeta}
    return xr.Dataset(
        {
            "consensus": (("instance",), apart + (1 - 1 / M) * sigma**2 * spread),
            "bound": (("instance",), in_letters(theorem("patel2024/lemma36").bound, letters)),
            **{name: (("instance",), values) for name, values in letters.items()},
        },
        attrs={"M": M, "d": d, "theorem": "patel2024/lemma36"},
    )


@experiment("patel2024-step-size")
def step_size(session: Session) -> xr.Dataset:
    """Random parameters: the bound at a fixed step, at the step that Theorem 27 prescribes, and its explicit form."""
    n = session.choose(quick=4000, full=100000)
    generator = stream(session.seed, experiment="patel2024-step-size")
    mu = 10 ** generator.uniform(-3, 0, n)
    letters = {
        "L": np.ones(n),
        "mu": mu,
        "tau": 10 ** generator.uniform(-3, 0, n),
        "Q": 10 ** generator.uniform(-3, 2, n),
        "zeta": 10 ** generator.uniform(-3, 1, n),
        "sigma": 10 ** generator.uniform(-3, 2, n),
        "B": 10 ** generator.uniform(-1, 1, n),
        "K": np.round(10 ** generator.uniform(0, 3, n)),
        "R": np.round(10 ** generator.uniform(0, 4, n)),
        "M": np.round(10 ** generator.uniform(0, 3, n)),
    }
    prescribed = theorem("patel2024/thm27").step("eta")
    letters["eta"] = vectorized(prescribed)(**_needed(prescribed, letters))
    return xr.Dataset(
        {
            "at_step": (("instance",), in_letters(theorem("patel2024/thm27-step").bound, letters)),
            "explicit": (("instance",), in_letters(theorem("patel2024/thm27-explicit").bound, letters)),
            **{name: (("instance",), values) for name, values in letters.items()},
        },
        attrs={"theorem": "patel2024/thm27-explicit"},
    )


@experiment("patel2024-exponent")
def exponent(session: Session) -> xr.Dataset:  # noqa: ARG001
    """One quadratic machine without noise, all eigenvalues mu, at the step 1/(2L) of Theorems 22 and 27, along R.

    `gap` of the weighted average, `distance` of the last iterate, and for both the bound as printed and with the
    constant of the proof.  L = 1, K = 4.
    """
    L, mu, B, K = 1.0, 0.2, 1.0, 4
    R = np.array([2.0, 4, 8, 12, 16, 24, 32])
    problem = QuadraticMachines(np.full((1, 1, 1), mu), np.full((1, 1), B))
    run = exact_moments(
        local_sgd(eta=np.full(len(R), 1 / (2 * L))), problem, K=K, R=R, forgetting=mu / (4 * L)
    )  # fmt: skip
    assert run.average is not None
    letters = {"L": L, "mu": mu, "B": B, "K": float(K), "R": R, "eta": 1 / (2 * L), "M": 1.0}
    quiet = dict.fromkeys(("sigma", "tau", "zeta", "zeta_opt", "Q"), 0.0)
    values = {
        name: np.broadcast_to(np.asarray(value, dtype=np.float64), R.shape) for name, value in (letters | quiet).items()
    }

    def term(label: str, name: str) -> Array:
        part = theorem(f"patel2024/{label}").bound.term(name).expression
        return vectorized(part)(**_needed(part, values))

    return xr.Dataset(
        {
            "gap": (("R",), run.average.gap),
            "distance": (("R",), np.sqrt(run.last.squared_distance)),
            "printed_gap": (("R",), term("thm27", "optimization")),
            "proved_gap": (("R",), term("thm27-step", "optimization")),
            "printed_distance": (("R",), term("thm22", "optimization")),
            "proved_distance": (("R",), term("thm22-explicit", "optimization")),
        },
        coords={"R": R},
        attrs={"L": L, "mu": mu, "B": B, "K": K, "eta": 1 / (2 * L)},
    )
