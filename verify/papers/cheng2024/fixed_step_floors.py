"""cheng2024 at a fixed step size: the floors that noise and drift leave, for Local SGDM and Local Adam."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.asymmetric_quadratic import asymmetric_quadratic
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise, RademacherNoise
from tightrate.constructions.problem import Array
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import lam, moreau, symbol
from tightrate.simulator.algorithms.local_adam import local_adam
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.exact.infinite_workers import TwoValues, round_maps
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtLeast, Bounded
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement, Named, Source
from tightrate.verify.papers.cheng2024.convex_instance import (
    FLAT,
    UNCLIPPED,
    B,
    L,
    fast_gap,
    missing_step,
    settled_drift,
    two_curvatures,
)
from tightrate.verify.session import Session

FOURTH = GaussianNoise(1.0).moment(4.0)  # (E xi^4)^(1/4) in units of the standard deviation
LENGTH, DRIFT_LENGTH, LARGE_DAMPING = 20.0, 64.0, 4.0  # runs of Adam in units of 1/eta, and the damping of the drift
EXACT = 1e-3  # relative error of the numbers that the limit of infinitely many workers is computed with
WITHOUT_CLIPPING = dict.fromkeys(
    (
        "one clipped step is at most $D$ (constant 1 taken)",
        "enough local steps for the threshold (constant and logarithm 1 taken)",
    ),
    "nothing is clipped: rho is infinite",
)
LARGE_MOMENTUM = {
    "step at most $(1 - beta1)^2 / (2L)$": "all momenta run at one step, which at the largest is four times that much"
}
FROM_OPTIMUM = {
    "step at most $(1 - beta1)^2 lambda/(64 L)$": "steps are up to four times as large: the floor is reached soon",
    "the noise stays below a twelfth of the initial gap, (C.158)": "the run starts at the optimum",
    "the drift stays below a twelfth of the initial gap, (C.158)": "the run starts at the optimum",
}

# --- Local SGD -------------------------------------------------------------------------------------------------------


@experiment("cheng2024-floor")
def floor(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Strongly convex, no momentum, fixed step: what the gap settles at.

    `drift` $(eta, K)$ is that of infinitely many workers on two curvatures, with noise $+-sigma$; `statistical` $(eta,
    M)$ is that of $K = 1$ after $10^8$ rounds on a parabola of curvature $mu$, exactly."""
    eta, K, M = np.array([5e-4, 1e-3, 2e-3, 4e-3]), np.array([8.0, 16, 32, 64]), 4.0 ** np.arange(4)
    sigma, mu = 1.0, FLAT * L
    statistical = np.empty((len(eta), len(M)))
    problem = DiagonalQuadratics(np.full((len(eta), 1, 1), mu), np.full((len(eta), 1, 1), B))
    for j, m in enumerate(M):
        noise = GaussianNoise(sigma / np.sqrt(m))
        method = local_sgdm(eta=eta, beta1=0.0)
        run = exact_moments(method, problem, K=1, R=10**8, noise=noise, averaging_decay=eta * mu / 2)
        assert run.average is not None
        statistical[:, j] = run.average.gap
    levels = {"sigma": sigma, "sigma_inf": sigma, "sigma_2alpha": sigma}
    return xr.Dataset(
        {"drift": (("eta", "K"), settled_drift(eta, K)), "statistical": (("eta", "M"), statistical)},
        coords={"eta": eta, "K": K, "M": M},
        attrs={"L": L, "mu": mu, "B": B, **levels, **UNCLIPPED},
    )


STATISTICAL = {"K": 1.0, "R": 1e8, "sigma_inf": FOURTH, "sigma_2alpha": FOURTH}
DRIFT = {"M": np.inf, "R": np.inf}


@claim(
    "cheng2024/drift-floor",
    "At a fixed step, with infinitely many workers, the gap settles at no more than order $L eta^2 sigma^2 K$.",
    theorem="cheng2024/structural-sc",
    kind="scaling",
    data=floor,
    outside=WITHOUT_CLIPPING,
)
def drift_floor(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Exponents of $eta$ and $K$ on two curvatures, $K - 1$ in place of $K$ entering as a known factor."""
    predicted = exponents_of(theorem.bound.term("noise drift"), ["eta", "K"])
    found = Measurement.of(data, "drift", stderr=EXACT * data.drift, symbols=DRIFT)
    return PowerLaw(found, predicted, resolution=0.05, offset=missing_step(data.K))


@claim(
    "cheng2024/drift-floor-value",
    "There the gap stays below the explicit in-expectation bound without momentum.",
    theorem="cheng2024/fixed-step-sc",
    kind="bound with constants",
    data=floor,
)
def drift_floor_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same floors by value."""
    return Bounded(theorem, Measurement.of(data, "drift", what="floor of the gap", symbols=DRIFT))


@claim(
    "cheng2024/statistical-floor",
    "At a fixed step and $K = 1$ the gap settles at no more than order $eta sigma^2/M$.",
    theorem="cheng2024/structural-sc",
    kind="scaling",
    data=floor,
    outside=WITHOUT_CLIPPING,
)
def statistical_floor(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Exponents of $eta$ and $M$ on a parabola, where the expected gap of the weighted average is exact."""
    predicted = exponents_of(theorem.bound.term("statistical"), ["eta", "M"])
    found = Measurement.of(data, "statistical", stderr=EXACT * data.statistical, symbols=STATISTICAL)
    return PowerLaw(found, predicted, resolution=0.05)


@claim(
    "cheng2024/statistical-floor-value",
    "There the gap stays below the explicit in-expectation bound without momentum.",
    theorem="cheng2024/fixed-step-sc",
    kind="bound with constants",
    data=floor,
)
def statistical_floor_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same floors by value."""
    return Bounded(theorem, Measurement.of(data, "statistical", what="floor of the gap", symbols=STATISTICAL))


# --- With momentum ---------------------------------------------------------------------------------------------------


@experiment("cheng2024-floor-momentum")
def floor_momentum(session: Session) -> xr.Dataset:
    """The floor of the averaged $z$ over $beta1$, where $K$ is well above $1/(1 - beta1)$.

    `statistical` is exact on a parabola at `small_step`, weighted output; `drift` is sampled on two curvatures with
    many workers. The axis `slowness` is $1/(1 - beta1)$."""
    beta1, eta, sigma, K, M, R = np.array([0.0, 0.25, 0.5, 0.7, 0.8, 0.9]), 0.02, 1.0, 64, 128, 24
    mu = FLAT * L
    parabola = DiagonalQuadratics(np.full((len(beta1), 1, 1), mu), np.full((len(beta1), 1, 1), B))
    small = 1e-4  # the floor's next order is eta L/(1 - beta1) relative to it
    method = local_sgdm(eta=np.full(len(beta1), small), beta1=beta1)
    run = exact_moments(method, parabola, K=K, R=10**8, noise=GaussianNoise(sigma), averaging_decay=small * mu / 2)
    assert run.average is not None
    replicas = session.choose(quick=32, full=256)
    bent = asymmetric_quadratic(L=L, mu=mu, B=0.0, M=M)
    gaps = []
    for momentum in beta1:
        one = sample(
            local_sgdm(eta=eta, beta1=momentum),
            bent,
            K=K,
            R=R,
            replicas=replicas,
            noise=RademacherNoise(sigma),
            averaging_decay=0.0,
            seed=session.seed,
            stream_axes={"experiment": "cheng2024-floor-momentum"},
            measured_rounds=(R,),
        )
        assert one.average is not None
        gaps.append(bent.gap(one.average))
    found = np.stack(gaps)
    levels = {"sigma": sigma, "sigma_inf": FOURTH * sigma, "sigma_2alpha": FOURTH * sigma}
    run_of = {"eta": eta, "small_step": small, "K": K, "M": M, "R": R}
    return xr.Dataset(
        {
            "statistical": ("slowness", run.average.gap),
            "drift": ("slowness", found.mean(axis=1)),
            "drift_stderr": ("slowness", found.std(axis=1, ddof=1) / np.sqrt(replicas)),
        },
        coords={"slowness": 1 / (1 - beta1), "beta1": ("slowness", beta1)},
        attrs={"L": L, "mu": mu, "B": B, **levels, **UNCLIPPED, **run_of, "seed": session.seed},
    )


@claim(
    "cheng2024/momentum-leaves-floors",
    "With $K$ well above $1/(1-beta1)$, neither the statistical nor the drift floor of $z$ grows with momentum.",
    theorem="cheng2024/structural-sc",
    kind="scaling",
    data=floor_momentum,
    outside={**WITHOUT_CLIPPING, **LARGE_MOMENTUM},
)
def momentum_leaves_floors(data: xr.Dataset) -> Every:
    """Exponents of $1/(1-beta1)$ up to 10: exact for the statistical floor, sampled for the drift."""
    symbols: dict[str, Source] = {"eta": "small_step", "M": 1.0, "R": 1e8}
    data = data.rename(slowness="1/(1-beta1)")
    exact = Measurement.of(data, "statistical", stderr=EXACT * data.statistical, symbols=symbols)
    drift = Measurement.of(data, "drift", stderr="drift_stderr")
    flat = {"1/(1-beta1)": 0.0}
    return Every(
        {"statistical": PowerLaw(exact, flat, resolution=0.05), "drift": PowerLaw(drift, flat, resolution=0.3)}
    )


# --- With finitely many workers --------------------------------------------------------------------------------------


@experiment("cheng2024-drift-over-workers")
def drift_over_workers(session: Session) -> xr.Dataset:
    """The fast coordinate at a fixed step with finitely many workers, sampled: gap over $M$, and its limit.

    `limit` is that of infinitely many workers. Replicas times workers are the same for all $M$; so many that the gap
    with 32 workers is told from the limit."""
    M, K, R, sigma = np.array([2, 4, 8, 16, 32]), 16, 24, 1.0
    eta = 0.05
    budget = session.choose(quick=48_000, full=640_000)
    means, errors = [], []
    for m in M:
        problem = asymmetric_quadratic(L=L, mu=FLAT * L, B=0.0, M=int(m))
        run = sample(
            local_sgdm(eta=eta, beta1=0.0),
            problem,
            K=K,
            R=R,
            replicas=budget // int(m),
            noise=RademacherNoise(sigma / np.sqrt(2)),
            averaging_decay=0.0,
            seed=session.seed,
            stream_axes={"experiment": "cheng2024-drift-over-workers", "M": int(m)},
            measured_rounds=(R,),
        )
        assert run.average is not None
        gaps = problem.gap(run.average)
        means.append(gaps.mean())
        errors.append(gaps.std(ddof=1) / np.sqrt(gaps.size))
    maps = round_maps(two_curvatures, eta=eta, noise=TwoValues.signs(sigma / np.sqrt(2)), K=[K])
    limit = float(fast_gap(maps[K].path(0.0, R)[1][-1]))
    levels = {"sigma": sigma, "sigma_inf": sigma, "sigma_2alpha": sigma}
    return xr.Dataset(
        {"gap": ("M", np.array(means)), "stderr": ("M", np.array(errors))},
        coords={"M": M},
        attrs={"limit": limit, "L": L, "B": B, "K": K, "R": R, "eta": eta, **levels, **UNCLIPPED, "seed": session.seed},
    )


@claim(
    "cheng2024/more-workers-leave-the-drift",
    "Up to 32 workers do not remove the drift: at a fixed step the gap stays above that of $M$ = infinity.",
    theorem="cheng2024/structural-convex",
    kind="regime",
    data=drift_over_workers,
    outside=WITHOUT_CLIPPING,
)
def more_workers_leave_the_drift(data: xr.Dataset) -> AtLeast:
    """The sampled gap's whole interval, five standard errors to either side, against the exact limit."""
    gap = Measurement.of(data, "gap", what="gap with M workers", stderr="stderr")
    return AtLeast(gap, Named(data.attrs["limit"]))


@claim(
    "cheng2024/floor-above-drift-falls-with-workers",
    "What the gap exceeds the drift by falls at least as $1/M$: floor and drift add up.",
    theorem="cheng2024/structural-convex",
    kind="scaling",
    data=drift_over_workers,
    outside=WITHOUT_CLIPPING,
)
def floor_above_drift(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """The exponent of $M$ in the sampled gap less the exact limit, where that is five standard errors or more."""
    predicted = exponents_of(theorem.bound.term("statistical"), ["M"])
    excess = Measurement.of(data, data.gap - data.attrs["limit"], what="gap above the drift", stderr="stderr")
    return PowerLaw(excess, predicted, resolution=0.3, resolved=True)


# --- Local Adam ------------------------------------------------------------------------------------------------------


@experiment("cheng2024-adam-floor")
def adam_floor(session: Session) -> xr.Dataset:
    """Local Adam from the optimum at a fixed step: $lambda$ times the mean squared gradient of $z$ in the norm of
    $1/H$.

    $1 - beta2$ is at most that of (4.9), the same in all cells of a part, so that the second moment warms up alike;
    runs are as long in units of $1/eta$. `statistical` over $(M, eta, lambda)$ at $K = 1$, `drift` over ($K$, fine),
    `fine` being its steps, with many workers and a large $lambda$; with standard errors."""
    sigma, mu = 1.0, FLAT * L

    def measured(
        K: int, M: int, steps: int, eta: float, lam: Array, complement: float, replicas: int
    ) -> tuple[Array, Array]:
        """Mean and standard error for each damping."""
        R = steps // K
        run = sample(
            local_adam(eta=eta, beta1=0.0, beta2=1 - complement, lam=np.repeat(lam, replicas)),
            asymmetric_quadratic(L=L, mu=mu, B=0.0, M=M),
            K=K,
            R=R,
            replicas=len(lam) * replicas,
            noise=RademacherNoise(sigma),
            seed=session.seed,
            stream_axes={"experiment": "cheng2024-adam-floor", "K": K, "M": M, "steps": steps},
            record=("stationarity",),
            measured_rounds=(R,),
        )
        found = run.records["stationarity"].reshape(len(lam), replicas)
        return found.mean(axis=1), found.std(axis=1, ddof=1) / np.sqrt(replicas)

    eta, M, lam = np.array([0.01, 0.02, 0.04]), np.array([2, 8, 32]), np.array([1.0, 4.0])
    few = 32 * session.choose(quick=48, full=320)  # workers of each damping: small runs are repeated more often
    slowest = float(LENGTH / eta[0]) ** -0.5
    noisy = [[measured(1, int(m), round(LENGTH / e), float(e), lam, slowest, few // int(m)) for e in eta] for m in M]
    fine, K, large = np.array([0.02, 0.04, 0.08]), np.array([8, 16, 32]), np.array([LARGE_DAMPING])
    many, repeated = session.choose(quick=4096, full=16384), 8
    length = DRIFT_LENGTH / fine[0]
    slow = float(K[-1]) ** -1.5 * (length / K[-1]) ** -0.5
    drifts = [
        [measured(int(k), many, round(DRIFT_LENGTH / e), float(e), large, slow, repeated) for e in fine] for k in K
    ]
    levels = {"sigma": sigma, "sigma_inf": sigma, "sigma_2alpha": sigma}
    settings = {"L": L, "mu": mu, "weak": 0.0, "Delta": 0.0, **levels, **UNCLIPPED}
    return xr.Dataset(
        {
            "statistical": (("M", "eta", "lambda"), np.array([[mean for mean, _ in row] for row in noisy])),
            "statistical_stderr": (("M", "eta", "lambda"), np.array([[error for _, error in row] for row in noisy])),
            "drift": (("K", "fine"), np.array([[mean[0] for mean, _ in row] for row in drifts])),
            "drift_stderr": (("K", "fine"), np.array([[error[0] for _, error in row] for row in drifts])),
        },
        coords={"eta": eta, "M": M, "lambda": lam, "fine": fine, "K": K},
        attrs={**settings, "beta2": 1 - slowest, "drift_beta2": 1 - slow, "many": many, "seed": session.seed},
    )


@claim(
    "cheng2024/adam-statistical-floor",
    "At a fixed step and $K = 1$ Local Adam's measure settles at no more than order $L eta sigma^2/(lambda M)$.",
    theorem="cheng2024/structural-adam",
    kind="scaling",
    data=adam_floor,
    outside=FROM_OPTIMUM,
)
def adam_statistical_floor(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Exponents of $eta$, $M$ and $1/lambda$ at the Moreau parameter $lambda/L$, on sampled runs from the optimum."""
    term = theorem.bound.term("statistical").expression
    predicted = exponents_of(term.subs(moreau, lam / symbol("L")), ["eta", "M", "lambda"])
    predicted["1/lambda"] = -predicted.pop("lambda")
    falling = data.assign_coords({"lambda": 1 / data["lambda"]}).rename({"lambda": "1/lambda"})
    damping = 1 / falling["1/lambda"]
    symbols = {"lambda": damping, "moreau": damping / L, "K": 1.0, "R": np.round(LENGTH / data.eta)}
    found = Measurement.of(falling, "statistical", stderr="statistical_stderr", symbols=symbols)
    return PowerLaw(found, predicted, resolution=0.35)


@claim(
    "cheng2024/adam-drift-floor",
    "With many workers it settles at no more than order $eta^2 L^2 sigma^2 K/lambda^2$.",
    theorem="cheng2024/structural-adam",
    kind="scaling",
    data=adam_floor,
    outside=FROM_OPTIMUM,
)
def adam_drift_floor(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Exponents of $eta$ and $K$ on sampled runs on two curvatures; $K - 1$ in place of $K$ is a known factor."""
    predicted = exponents_of(theorem.bound.term("noise drift"), ["eta", "K"])
    drifts = data[["drift", "drift_stderr"]].rename(fine="eta")
    rounds = np.floor(np.round(DRIFT_LENGTH / drifts.eta) / drifts.K)
    symbols = {"lambda": LARGE_DAMPING, "moreau": LARGE_DAMPING / L, "M": "many", "R": rounds, "beta2": "drift_beta2"}
    found = Measurement.of(drifts, "drift", stderr="drift_stderr", symbols=symbols)
    return PowerLaw(found, predicted, resolution=0.5, offset=missing_step(drifts.K))
