"""cheng2024, Lemmas B.1 and C.7: how far the local workers of Local SGDM and of Local Adam drift apart in a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Array, Problem
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_adam import local_adam
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost, Bounded
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.session import Session

DELTA = 0.05
ALPHA = 4.0
FOURTH = GaussianNoise(1.0).moment(ALPHA)  # (E xi^4)^(1/4) of one coordinate in units of its standard deviation
CLIPPING = 10.0  # thresholds in units of the noise level: hardly ever active, as the theory's own are
NEAR = 0.1  # within which a sampled mean is taken to be the exact one


@dataclass(frozen=True)
class Distances:
    """Largest squared distance of two workers within a round: its mean over replicas at the end of the last round with
    the standard error, and the quantile 1 - DELTA of its maximum over all rounds; `G_inf` is the largest gradient."""

    mean: float
    stderr: float
    quantile: float
    G_inf: float


def widest_gap(
    algorithm: Algorithm[Any], problem: Problem, noise: Array, K: int, of: str, start: float = 0.0
) -> Distances:
    """max over pairs of workers of |.^m - .^n|^2 before each communication, in one dimension, for z or x."""
    rows, steepest = [], 0.0
    for step in step_by_step(algorithm, problem, noise=noise, K=K, start=start):
        steepest = max(steepest, float(np.abs(step.exact).max()))
        if step.ends_round:
            x = algorithm.averaged(step.updated) if of == "z" else algorithm.point(step.updated)
            rows.append(np.ptp(x[..., 0], axis=-1) ** 2)
    last, widest = rows[-1], np.max(rows, axis=0)
    error = float(last.std(ddof=1) / np.sqrt(last.size))
    return Distances(float(last.mean()), error, float(np.quantile(widest, 1 - DELTA)), steepest)


def measured(axes: Mapping[str, Array], cells: Sequence[Distances]) -> dict[str, Any]:
    """The distances of all cells of a grid."""
    shape = tuple(len(values) for values in axes.values())
    names = ("mean", "stderr", "quantile", "G_inf")
    return {name: (tuple(axes), np.reshape([getattr(cell, name) for cell in cells], shape)) for name in names}


def noise_symbols(sigma: Array) -> dict[str, Any]:
    """Threshold and noise levels over the axis sigma."""
    levels = {"rho": CLIPPING, "sigma_inf": FOURTH, "sigma_2alpha": FOURTH}
    return {name: ("sigma", factor * sigma) for name, factor in levels.items()}


# --- Local SGDM ------------------------------------------------------------------------------------------------------

STEPS_OF_B1 = {
    "step at most $B / (4 sigma sqrt(K A))$": "$A$ is so large that no run could be told from its start at such steps;"
    " the"
    " condition keeps iterates where gradients are below G_inf, which is measured here"
}


@experiment("cheng2024-consensus")
def consensus(session: Session) -> xr.Dataset:
    """Largest squared distance of two workers' $z$ at the end of a round, over $(L, eta, sigma, K)$.

    $L = 0$ is a constant gradient, $L = 1$ a function with two curvatures, whose pull saturates the growth in $K$.
    `mean` and `stderr` are over replicas, `quantile` that of the largest round at $1 - delta$."""
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
        cells.append(widest_gap(algorithm, objectives[L], noise, int(k), "z", start=1.0))
    axes = {"L": np.array(list(objectives)), "eta": eta, "sigma": sigma, "K": K}
    settings = {"M": M, "R": R, "d": 1, "beta1": beta1, "alpha": ALPHA, "delta": DELTA}
    return xr.Dataset(
        {**measured(axes, cells), **noise_symbols(sigma)},
        coords=axes,
        attrs={"replicas": replicas, **settings, "seed": session.seed},
    )


@claim(
    "cheng2024/consensus-bound",
    "With probability $1 - delta$ no two workers' $z$ are farther apart than $eta sigma sqrt(K A)$, Lemma B.1.",
    theorem="cheng2024/lemB1",
    kind="bound with constants",
    data=consensus,
    outside=STEPS_OF_B1,
)
def consensus_bound(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The empirical quantile $1 - delta$ of the largest squared distance over all rounds; the constants are
    generous.
    """
    what = theorem.bound.measure.meaning
    return Bounded(theorem, Measurement.of(data, "quantile", what=what, instance=["mean"]))


@claim(
    "cheng2024/consensus-exponents",
    "The squared distance of two workers' $z$ grows no faster than $eta^2 sigma^2 K$.",
    theorem="cheng2024/lemB1",
    kind="scaling",
    data=consensus,
    outside=STEPS_OF_B1,
)
def consensus_exponents(data: xr.Dataset) -> Every:
    """Exponents of the mean largest squared distance on a flat objective, where they are tight, and on a bent one."""
    walk = statement("cheng2024/flat-variance-z").bound.term("noise")
    predicted = exponents_of(walk, ["eta", "sigma", "K"])
    found = {name: Measurement.of(data.sel(L=L), "mean", stderr="stderr") for name, L in (("flat", 0), ("bent", 1))}
    return Every({name: PowerLaw(one, predicted, resolution=0.1) for name, one in found.items()})


def squared_range(M: ArrayLike) -> Array:
    """E W^2 for the range W of M independent standard Gaussian variables, by quadrature.

    The smallest is x and none of the others exceeds x + w: P(W <= w) = M int phi(x) (Phi(x + w) - Phi(x))^(M-1) dx,
    and E W^2 = int 2 w P(W > w) dw.

    >>> bool(np.allclose(squared_range([2, 3]), [2, 2 + 3 * np.sqrt(3) / np.pi], rtol=1e-8))
    True
    """
    from scipy.integrate import simpson  # takes long to import, and claims are listed more often than run
    from scipy.stats import norm

    x, w = np.linspace(-12.0, 12.0, 601), np.linspace(0.0, 20.0, 1001)
    density, inside = norm.pdf(x), norm.cdf(x + w[:, None]) - norm.cdf(x)
    found = []
    for m in np.asarray(M, dtype=np.float64):
        within = np.minimum(m * simpson(density * inside ** (m - 1), x=x, axis=1), 1.0)
        found.append(simpson(2 * w * (1 - within), x=w))
    return np.array(found)


@experiment("cheng2024-consensus-workers")
def consensus_over_workers(session: Session) -> xr.Dataset:
    """The same over $M$ on the flat objective, where distances are those of independent Gaussian variables.

    `range` is the expected squared range of $M$ standard ones: the thresholds of ten noise levels cut nothing that a
    float would show."""
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
        cells.append(widest_gap(algorithm, flat, noise, K, "z"))
    settings = {"R": R, "K": K, "d": 1, "L": 0.0, "eta": eta, "beta1": 0.0, "alpha": ALPHA, "delta": DELTA}
    levels = {"sigma": sigma, "rho": CLIPPING * sigma, "sigma_inf": FOURTH * sigma, "sigma_2alpha": FOURTH * sigma}
    return xr.Dataset(
        {**measured({"M": M}, cells), "range": ("M", squared_range(M))},
        coords={"M": M},
        attrs={**settings, **levels, "seed": session.seed},
    )


@claim(
    "cheng2024/consensus-over-workers",
    "Over the number of workers the largest squared distance grows no faster than the squared range of $M$ Gaussian"
    " variables, so that it stays below $8 (1 + log M)$ times the variance of $z$.",
    theorem="cheng2024/lemB1",
    kind="scaling",
    data=consensus_over_workers,
    outside=STEPS_OF_B1,
)
def more_workers(data: xr.Dataset) -> Every:
    """The exponent of $M$ in the mean largest squared distance over the expected squared range, from the law's
    integral; and that expectation against $8 (1 + log M)$ for the same $M$.

    With $W$ the range of $M$ standard Gaussian variables $X$, $W^2 <= 4 max X^2$, and $P(|X| > t) <= exp(-t^2/2)$ gives
    $E max X^2 <= 2 log M + 2$."""
    distances = Measurement.of(data, "mean", stderr="stderr")
    law = Measurement.of(data, "range", what="expected squared range")
    return Every(
        {
            "growth over the law's": PowerLaw(
                distances, {"M": 0.0}, resolution=0.1, offset=Named(np.log(data["range"]))
            ),
            "law": AtMost(law, 8 * (1 + np.log(data.M))),
        }
    )


@claim(
    "cheng2024/consensus-is-a-gaussian-range",
    "On a flat objective the mean largest squared distance is the variance $eta^2 sigma^2 K$ of $z$ times the"
    " expected squared range of $M$ Gaussian variables, within a tenth.",
    theorem="cheng2024/flat-variance-z",
    kind="exact value",
    data=consensus_over_workers,
)
def consensus_is_a_gaussian_range(theorem: Theorem, data: xr.Dataset) -> Every:
    """Whole intervals of the mean, five standard errors to either side, against 0.9 and 1.1 times the exact value."""
    found = Measurement.of(data, "mean", what="mean largest squared distance", stderr="stderr")
    exact = found.at(theorem.bound.expression) * data["range"]
    return Every({"at most": AtMost(found, (1 + NEAR) * exact), "at least": AtLeast(found, (1 - NEAR) * exact)})


# --- Local Adam ------------------------------------------------------------------------------------------------------

TINY_STEPS = "the lemma's constants of 2^20 leave no step at which a run could be told from its start"
STEPS_OF_C7 = dict.fromkeys(
    (
        "step at most $(1 - beta1)^2 lambda/(64 L)$",
        "slow second moment, (C.80)",
        "drift within the domain's margin",
    ),
    TINY_STEPS,
)


@experiment("cheng2024-adam-consensus")
def adam_consensus(session: Session) -> xr.Dataset:
    """Largest squared distance of two Local Adam workers' iterates, over $(eta, sigma, K, lambda)$."""
    replicas, M, R, beta1 = session.choose(quick=96, full=1024), 8, 2, 0.0
    eta, sigma = np.array([0.005, 0.01, 0.02]), np.array([0.25, 0.5, 1.0])
    K, lam = np.array([4, 8, 16, 32]), np.array([1.0, 2.0, 4.0])
    complement = K**-1.5 * R**-0.5
    problem = asymmetric_softplus(mu=0.2, M=M)
    cells = []
    for e, s, (k, slow), damping in product(eta, sigma, zip(K, complement, strict=True), lam):
        noise = drawn_noise(
            GaussianNoise(float(s)),
            steps=int(k) * R,
            shape=(replicas, M, 1),
            seed=session.seed,
            experiment=f"cheng2024-adam-consensus-{e}-{s}-{k}-{damping}",
        )
        algorithm = local_adam(eta=e, beta1=beta1, beta2=1 - slow, lam=damping, rho=CLIPPING * s)
        cells.append(widest_gap(algorithm, problem, noise, int(k), "x", start=1.0))
    axes = {"eta": eta, "sigma": sigma, "K": K, "lambda": lam}
    settings = {"M": M, "R": R, "d": 1, "L": 1.0, "weak": 0.0, "beta1": beta1, "alpha": ALPHA, "delta": DELTA}
    return xr.Dataset(
        {**measured(axes, cells), **noise_symbols(sigma), "beta2": ("K", 1 - complement)},
        coords=axes,
        attrs={"replicas": replicas, **settings, "seed": session.seed},
    )


@claim(
    "cheng2024/adam-consensus-bound",
    "With probability $1 - delta$ no two workers' iterates are farther apart than $(eta/lambda) sigma sqrt(K A)$.",
    theorem="cheng2024/lemC7",
    kind="bound with constants",
    data=adam_consensus,
    outside=STEPS_OF_C7,
)
def adam_consensus_bound(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The empirical quantile $1 - delta$ of the largest distance; constants of $2^20$ make this a weak test."""
    distance = Named(np.sqrt(data["quantile"]))
    return Bounded(theorem, Measurement.of(data, distance, what=theorem.bound.measure.meaning, instance=["mean"]))


@claim(
    "cheng2024/adam-consensus-exponents",
    "The squared distance of two Local Adam workers grows no faster than $(eta/lambda)^2 sigma^2 K$.",
    theorem="cheng2024/lemC7",
    kind="scaling",
    data=adam_consensus,
    outside=STEPS_OF_C7,
)
def adam_consensus_exponents(data: xr.Dataset) -> PowerLaw:
    """Exponents of the mean largest squared distance on a bent parabola, that of $lambda$ as it falls."""
    drift = statement("cheng2024/structural-adam").bound.term("noise drift")
    predicted = exponents_of(drift, ["eta", "sigma", "K", "lambda"])
    predicted["1/lambda"] = -predicted.pop("lambda")
    falling = data.assign_coords({"lambda": 1 / data["lambda"]}).rename({"lambda": "1/lambda"})
    symbols = {"lambda": 1 / falling["1/lambda"]}
    return PowerLaw(Measurement.of(falling, "mean", stderr="stderr", symbols=symbols), predicted, resolution=0.15)
