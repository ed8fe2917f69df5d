"""cheng2024, Theorems 1 and 2: the exponents of each term where it dominates, on tuned and prescribed steps."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Array
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.exact.infinite_workers import TwoValues, round_maps
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost, Bounded
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement, Named, Source
from tightrate.verify.papers.cheng2024.convex_instance import (
    EXPECTATIONS,
    FLAT,
    LARGEST_STEP,
    UNCLIPPED,
    B,
    L,
    doubling,
    fast_gap,
    missing_step,
    settled_drift,
    slow_gaps,
    steps_between,
    tuned,
    two_curvatures,
)
from tightrate.verify.session import Session

COMPUTED = 2e-3  # relative error of tuned gaps: grid of steps, grid of the round map
STATISTICAL = 1e-2  # the same where the step grid is coarser and the worst curvature is taken from a grid
PRESCRIBED = 1e-3  # that of gaps at given steps

# --- Convex: where the drift dominates -------------------------------------------------------------------------------


@experiment("cheng2024-convex-drift")
def convex_drift(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Infinitely many workers, large noise: the gap, tuned at `eta`, over $(K, R)$ where the drift dominates."""
    K, R = np.array([16.0, 32, 64, 128]), np.array([1e5, 2e5, 4e5, 8e5])
    sigma, eta = 64.0, steps_between(5e-5, 5e-3, each=6)
    mesh = np.meshgrid(K, R, indexing="ij")
    drift = sigma**2 / 2 * settled_drift(eta, K)[:, :, None]
    gaps = drift + slow_gaps(eta, *mesh, sigma=0.0, M=np.inf).reshape(len(eta), *mesh[0].shape)
    best, where = tuned(gaps, eta)
    return xr.Dataset(
        {"gap": (("K", "R"), best), "eta": (("K", "R"), where)},
        coords={"K": K, "R": R},
        attrs={"L": L, "B": B, "M": np.inf, "sigma": sigma, "sigma_2alpha": sigma, **UNCLIPPED},
    )


@claim(
    "cheng2024/convex-drift-exponents",
    "Where the drift dominates, the tuned convex gap falls at least as $K^(-1/3) R^(-2/3)$.",
    theorem="cheng2024/thm2",
    kind="scaling",
    data=convex_drift,
    outside=EXPECTATIONS,
)
def convex_drift_exponents(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Infinitely many workers, computed exactly; the factor $((K-1)/K)^(1/3)$ of the drift of $K$ steps is known."""
    predicted = exponents_of(theorem.bound.term("noise drift"), ["K", "R"])
    gap = Measurement.of(data, "gap", stderr=COMPUTED * data.gap)
    return PowerLaw(gap, predicted, resolution=0.05, offset=missing_step(data.K) / 3)


@claim(
    "cheng2024/convex-drift-value",
    "There the tuned gap stays below the explicit in-expectation bound at its own best step.",
    theorem="cheng2024/fixed-step-convex",
    kind="bound with constants",
    data=convex_drift,
)
def convex_drift_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same tuned gaps by value."""
    gap, steps = Measurement.of(data, "gap", what="tuned gap"), steps_between(1e-7, 1e-2, each=6)
    over_steps = theorem.bound.at({**gap.symbols, "eta": Named(steps, dims="step")}).transpose("step", "K", "R")
    return Bounded(theorem, gap, right=data.gap.copy(data=tuned(over_steps.values, steps)[0]))


@experiment("cheng2024-fixed-budget")
def fixed_budget(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Infinitely many workers and $T = K R$ fixed: the tuned gap over $K$, on the convex instance."""
    T, sigma = 2.0**22, 8.0
    K = doubling(3, 9)
    eta = steps_between(1e-4, 2e-2, each=6)
    slow = slow_gaps(eta, K, T / K, sigma=0.0, M=np.inf)
    best, where = tuned(slow + sigma**2 / 2 * settled_drift(eta, K), eta)
    return xr.Dataset(
        {"gap": ("K", best), "eta": ("K", where), "R": ("K", T / K)},
        coords={"K": K},
        attrs={"L": L, "B": B, "M": np.inf, "sigma": sigma, "T": T, **UNCLIPPED},
    )


@claim(
    "cheng2024/drift-on-a-budget",
    "At a fixed budget $T = KR$ the tuned gap grows with $K$, but no faster than $K^(1/3)$.",
    theorem="cheng2024/thm2",
    kind="scaling",
    data=fixed_budget,
    outside=EXPECTATIONS,
)
def drift_on_a_budget(theorem: Theorem, data: xr.Dataset) -> Every:
    """Infinitely many workers: the exponent of $K$, and each gap against the one at half as many local steps."""
    powers = exponents_of(theorem.bound.term("noise drift"), ["K", "R"])
    gap = Measurement.of(data, "gap", stderr=COMPUTED * data.gap)
    grown = data.isel(K=slice(1, None))
    before = data.gap.isel(K=slice(None, -1)).assign_coords(K=grown.K)
    offset = missing_step(data.K) / 3
    return Every(
        {
            "exponent": PowerLaw(gap, {"K": powers["K"] - powers["R"]}, resolution=0.05, offset=offset),
            "no benefit": AtLeast(Measurement.of(grown, "gap", what="gap at twice the local steps"), before),
        }
    )


# --- Convex: where noise dominates -----------------------------------------------------------------------------------


@experiment("cheng2024-convex-statistical")
def convex_statistical(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Tuned gaps of local and minibatch SGD on the slow coordinate where noise dominates, exactly: $(M, K, R)$."""
    K, R, M = np.array([4.0, 8, 16, 32]), np.array([64.0, 128, 256, 512]), np.array([1.0, 2, 4, 8])
    sigma, eta = 16.0, steps_between(1e-5, 0.5, each=3)
    mesh = np.meshgrid(K, R, indexing="ij")
    local: list[Array] = []
    pooled: list[Array] = []
    for m in M:
        for found, minibatch, steps in ((local, False, eta), (pooled, True, eta * K.max())):
            allowed = steps[steps <= LARGEST_STEP / L]
            gaps = slow_gaps(allowed, *mesh, sigma=sigma, M=float(m), pooled=minibatch)
            found.append(tuned(gaps, allowed)[0].reshape(mesh[0].shape))
    axes = ("M", "K", "R")
    return xr.Dataset(
        {"local": (axes, np.stack(local)), "minibatch": (axes, np.stack(pooled))},
        coords={"M": M, "K": K, "R": R},
        attrs={"L": L, "B": B, "sigma": sigma, **UNCLIPPED},
    )


@claim(
    "cheng2024/convex-statistical-exponents",
    "Where noise dominates, the tuned convex gap falls at least as $(M K R)^(-1/2)$: linear speed-up.",
    theorem="cheng2024/thm2",
    kind="scaling",
    data=convex_statistical,
    outside=EXPECTATIONS,
)
def convex_statistical_exponents(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Exponents over $M$, $K$ and $R$ on the worst parabola, expectations exact; it has no drift."""
    predicted = exponents_of(theorem.bound.term("statistical"), ["M", "K", "R"])
    return PowerLaw(Measurement.of(data, "local", stderr=STATISTICAL * data.local), predicted, resolution=0.05)


@claim(
    "cheng2024/minibatch-statistical-exponents",
    "There minibatch SGD has the same exponents, and the same gap up to five per cent.",
    theorem="cheng2024/eq4.5",
    kind="scaling",
    data=convex_statistical,
)
def minibatch_statistical_exponents(theorem: Theorem, data: xr.Dataset) -> Every:
    """The same instances, both methods tuned."""
    predicted = exponents_of(theorem.bound.term("statistical"), ["M", "K", "R"])
    gap = Measurement.of(data, "minibatch", stderr=STATISTICAL * data.minibatch)
    apart = abs(data.minibatch / data.local - 1)
    what = "relative difference of both gaps"
    return Every(
        {
            "exponents": PowerLaw(gap, predicted, resolution=0.05),
            "gaps": AtMost(
                Measurement.of(data, apart, what=what, instance=["local", "minibatch"]), xr.full_like(apart, 0.05)
            ),
        }
    )


# --- Strongly convex, at the prescribed step -------------------------------------------------------------------------


# (4.3) hides the constant of the exponent; through (B.18) it is at most 1/24 where the step is at most 1/(12 L).
DECAY = 1 / 24


@experiment("cheng2024-strongly-convex-rates")
def strongly_convex_rates(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Local SGD at the step of Theorem 1 (all moments of the noise bounded), weighted output.

    `drift` $(K, R)$: infinitely many workers on the fast coordinate alone, from the distance $B$, at `drift_eta`;
    `statistical` $(K, R, M)$: exactly, on a parabola of curvature $mu$, at `statistical_eta`."""
    K, R, M = np.array([8.0, 16, 32, 64]), np.array([8000.0, 16000, 32000, 64000]), np.array([1.0, 2, 4, 8])
    symbols = {"L": L, "mu": FLAT * L, "B": B, "sigma": 2.0, "alpha": 1e3, "decay": DECAY}
    prescribed = statement("cheng2024/thm1")
    mesh = np.meshgrid(K, R, indexing="ij")
    drift_eta = prescribed.step_at("eta", symbols, K=mesh[0], R=mesh[1], M=np.inf)
    drift = np.empty_like(drift_eta)
    for (i, j), eta in np.ndenumerate(drift_eta):
        q, steps = eta * symbols["mu"] / 2, int(K[i])
        signs = TwoValues.signs(symbols["sigma"])
        made = round_maps(two_curvatures, eta=eta, noise=signs, K=[steps], around=-B / 2, extent=B / 2, q=q)[steps]
        drift[i, j] = fast_gap(made.path(-B, int(R[j]))[1][-1])
    eta = prescribed.step_at("eta", symbols, K=mesh[0][..., None], R=mesh[1][..., None], M=M)
    statistical, local_steps, rounds = np.empty_like(eta), mesh[0].ravel(), mesh[1].ravel()
    parabola = DiagonalQuadratics(np.full((rounds.size, 1, 1), symbols["mu"]), np.full((rounds.size, 1, 1), B))
    for k, m in enumerate(M):
        steps = eta[..., k].ravel()
        run = exact_moments(
            local_sgdm(eta=steps, beta1=0.0),
            parabola,
            K=local_steps,
            R=rounds,
            noise=GaussianNoise(symbols["sigma"] / np.sqrt(m)),
            averaging_decay=steps * symbols["mu"] / 2,
        )
        assert run.average is not None
        statistical[..., k] = run.average.gap.reshape(mesh[0].shape)
    return xr.Dataset(
        {
            "drift": (("K", "R"), drift),
            "drift_eta": (("K", "R"), drift_eta),
            "statistical": (("K", "R", "M"), statistical),
            "statistical_eta": (("K", "R", "M"), eta),
        },
        coords={"K": K, "R": R, "M": M},
        attrs={**symbols, "beta1": 0.0},
    )


def log_of_weights(data: xr.Dataset, eta: str) -> Named:
    """log(eta mu T / 2): by how much the weights of the output fall along the run is the logarithm in the step."""
    return Named(np.log(data[eta] * data.attrs["mu"] / 2 * data.K * data.R))


@claim(
    "cheng2024/strongly-convex-drift-exponents",
    "With many workers, at the prescribed step, the strongly convex gap falls at least as $K^-1 R^-2 log^2$.",
    theorem="cheng2024/thm1",
    kind="scaling",
    data=strongly_convex_rates,
    outside=EXPECTATIONS,
)
def strongly_convex_drift_exponents(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Infinitely many workers on two curvatures, weighted output; the step's logarithm is a known factor."""
    predicted = exponents_of(theorem.bound.term("noise drift"), ["K", "R"])
    symbols: dict[str, Source] = {"eta": "drift_eta", "M": np.inf}
    gap = Measurement.of(data, "drift", stderr=PRESCRIBED * data.drift, symbols=symbols)
    offset = 2 * log_of_weights(data, "drift_eta") + missing_step(data.K)
    return PowerLaw(gap, predicted, resolution=0.05, offset=offset)


@claim(
    "cheng2024/strongly-convex-statistical-exponents",
    "With few workers it falls at least as $(M K R)^-1$ times a logarithm.",
    theorem="cheng2024/thm1",
    kind="scaling",
    data=strongly_convex_rates,
    outside=EXPECTATIONS,
)
def strongly_convex_statistical_exponents(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Exact expectations on a parabola at the prescribed step, whose logarithm is a known factor."""
    predicted = exponents_of(theorem.bound.term("statistical"), ["K", "R", "M"])
    symbols = {"eta": "statistical_eta"}
    gap = Measurement.of(data, "statistical", stderr=PRESCRIBED * data.statistical, symbols=symbols)
    return PowerLaw(gap, predicted, resolution=0.05, offset=log_of_weights(data, "statistical_eta"))
