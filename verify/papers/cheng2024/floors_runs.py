"""What is left at a fixed step size: noise, drift and clipping, for Local SGDM and Local Adam."""

from __future__ import annotations

import numpy as np
import xarray as xr
from sympy import Expr

from tightrate.constructions.asymmetric_quadratic import asymmetric_quadratic
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise, RademacherNoise, worst_clipping_noise
from tightrate.constructions.problem import Array
from tightrate.rates.papers.cheng2024.clipping_thresholds import (
    bias_threshold_adam,
    bias_threshold_convex,
    bias_threshold_strongly_convex,
)
from tightrate.rates.papers.cheng2024.local_adam import step_adam
from tightrate.rates.papers.cheng2024.local_sgdm import step_convex, step_strongly_convex
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import T as STEPS
from tightrate.rates.symbols.alphabet import eps as ACCURACY
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_adam import local_adam
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.exact.infinite_workers import TwoValues, round_maps
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.cheng2024.rates_runs import FLAT, MANY_WORKERS, B, L, settled_drift
from tightrate.verify.session import Session


@experiment("cheng2024-floor")
def floor(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Strongly convex, no momentum, fixed step: what the gap settles at, with explicit bounds.

    `drift` (eta, K) is that of infinitely many workers on two curvatures, `drift_bound` the explicit bound on the same
    grid; `statistical` (eta, M) is that of K = 1 on a parabola of curvature mu, exactly, with `statistical_bound`.
    """
    eta, K, M, sigma, mu = (
        np.array([5e-4, 1e-3, 2e-3, 4e-3]),
        np.array([8.0, 16, 32, 64]),
        4.0 ** np.arange(4),
        1.0,
        FLAT * L,
    )
    drift = settled_drift(eta, K)
    bound = theorem("cheng2024/fixed-step-sc").bound.function(
        L=L, mu=mu, B=B, sigma=sigma, sigma_2alpha=sigma, rho=np.inf, G_inf=1.0, alpha=4.0, R=1e9
    )
    statistical = np.empty((len(eta), len(M)))
    problem = DiagonalQuadratics(np.full((len(eta), 1, 1), mu), np.full((len(eta), 1, 1), B))
    for j, m in enumerate(M):
        noise = GaussianNoise(sigma / np.sqrt(m))
        method = local_sgdm(eta=eta, beta1=0.0)
        run = exact_moments(method, problem, K=1, R=10**8, noise=noise, forgetting=eta * mu / 2)
        assert run.average is not None
        statistical[:, j] = run.average.gap
    return xr.Dataset(
        {
            "drift": (("eta", "K"), drift),
            "drift_bound": (("eta", "K"), bound(eta=eta[:, None], K=K, M=MANY_WORKERS)),
            "logarithm": (("K",), np.log1p(-1 / K)),
            "statistical": (("eta", "M"), statistical),
            "statistical_bound": (("eta", "M"), bound(eta=eta[:, None], K=1.0, M=M)),
        },
        coords={"eta": eta, "K": K, "M": M},
        attrs={"L": L, "mu": mu, "B": B, "sigma": sigma},
    )


@experiment("cheng2024-floor-momentum")
def floor_momentum(session: Session) -> xr.Dataset:
    """The floor of the averaged z over beta1, where K is well above 1/(1 - beta1).

    `statistical` is exact on a parabola at a small step, weighted output; `drift` is sampled on two curvatures with
    many workers.  The coordinate `slowness` is 1/(1 - beta1).
    """
    beta1, eta, sigma, K, M, R = np.array([0.0, 0.25, 0.5, 0.7, 0.8, 0.9]), 0.02, 1.0, 64, 128, 24
    mu = FLAT * L
    parabola = DiagonalQuadratics(np.full((len(beta1), 1, 1), mu), np.full((len(beta1), 1, 1), B))
    small = 1e-4  # the floor's next order is eta L/(1 - beta1) relative to it
    method = local_sgdm(eta=np.full(len(beta1), small), beta1=beta1)
    run = exact_moments(method, parabola, K=K, R=10**8, noise=GaussianNoise(sigma), forgetting=small * mu / 2)
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
            forgetting=0.0,
            seed=session.seed,
            stream_axes={"experiment": "cheng2024-floor-momentum"},
            measured_rounds=(R,),
        )
        assert one.average is not None
        gaps.append(bent.gap(one.average))
    found = np.stack(gaps)
    return xr.Dataset(
        {
            "statistical": (("slowness",), run.average.gap),
            "drift": (("slowness",), found.mean(axis=1)),
            "drift_stderr": (("slowness",), found.std(axis=1, ddof=1) / np.sqrt(replicas)),
        },
        coords={"slowness": 1 / (1 - beta1)},
        attrs={"L": L, "mu": mu, "eta": eta, "sigma": sigma, "K": K, "M": M, "R": R, "seed": session.seed},
    )


@experiment("cheng2024-adam-floor")
def adam_floor(session: Session) -> xr.Dataset:
    """Local Adam from the optimum at a fixed step: lambda times the mean squared gradient of z in the norm of 1/H.

    1 - beta2 is at most that of (4.9), the same in all cells of a part, so that the second moment warms up alike; runs
    are as long in units of 1/eta.  `statistical` over (M, eta, lambda) at K = 1, `drift` over (K, fine), `fine` being
    its steps, with many workers and a large lambda; with standard errors.
    """
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
    few = session.choose(quick=48, full=320)
    slowest = float(20 / eta[0]) ** -0.5
    noisy = [[measured(1, int(m), round(20 / e), float(e), lam, slowest, few) for e in eta] for m in M]
    fine, K, large = np.array([0.02, 0.04, 0.08]), np.array([8, 16, 32]), np.array([4.0])
    many, repeated = session.choose(quick=4096, full=16384), 8
    length = 64 / fine[0]
    slow = float(K[-1]) ** -1.5 * (length / K[-1]) ** -0.5
    drifts = [[measured(int(k), many, round(64 / e), float(e), large, slow, repeated) for e in fine] for k in K]
    return xr.Dataset(
        {
            "statistical": (("M", "eta", "lambda"), np.array([[mean for mean, _ in row] for row in noisy])),
            "statistical_stderr": (("M", "eta", "lambda"), np.array([[error for _, error in row] for row in noisy])),
            "drift": (("K", "fine"), np.array([[mean[0] for mean, _ in row] for row in drifts])),
            "drift_stderr": (("K", "fine"), np.array([[error[0] for _, error in row] for row in drifts])),
        },
        coords={"eta": eta, "M": M, "lambda": lam, "fine": fine, "K": K},
        attrs={"L": L, "mu": mu, "sigma": sigma, "beta1": 0.0, "many": many, "seed": session.seed},
    )


CLIPPING_CASES = {
    "strongly convex": ("thm1", step_strongly_convex, bias_threshold_strongly_convex),
    "convex": ("thm2", step_convex, bias_threshold_convex),
    "Adam": ("thm3", step_adam, bias_threshold_adam),
}


@experiment("cheng2024-clipping-term")
def clipping_term(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Infinitely many workers, few local steps, and the two-point noise that biases the prescribed threshold most.

    Over (case, alpha, R): `error` is the gap of the (weighted) average, for Adam with a frozen second moment the mean
    squared gradient; on a parabola of curvature mu, of the worst curvature, of curvature L.  Step and threshold are
    those that the statements prescribe at the accuracy of their own clipping term.  `bound` is that term.
    """
    K, sigma, lam, mu = 2, 1.0, 1.0, FLAT * L
    R, alpha = 2.0 ** np.arange(10, 15, dtype=float), np.array([4.0, 6.0, 8.0])
    settling = {"thm2": np.geomspace(1.0, 16.0, 5)}  # eta a T: how far the run settles on the curvature a
    error = np.empty((len(CLIPPING_CASES), len(alpha), len(R)))
    bound = np.empty_like(error)
    for i, (label, step, threshold) in enumerate(CLIPPING_CASES.values()):
        entry = theorem(f"cheng2024/{label}").bound.term("clipping").expression
        for j, k in np.ndindex(error.shape[1:]):
            order, rounds = float(alpha[j]), float(R[k])
            letters: dict[str, float] = {
                "L": L,
                "mu": mu,
                "B": B,
                "sigma": sigma,
                "sigma_2alpha": sigma,
                "alpha": order,
                "K": float(K),
            }
            letters |= {"R": rounds, "lambda": lam, "T": K * rounds, "Delta": L * B**2 / 2}
            accuracy = valued(entry, letters)
            bound[i, j, k] = letters["eps"] = accuracy
            eta = min(valued(step(ACCURACY, STEPS), letters), 0.5 * lam / L)
            rho = valued(threshold(ACCURACY), letters)
            weighted = eta * mu / 2 if label == "thm1" else 0.0
            fixed = np.array([mu if label == "thm1" else L])
            curvatures = settling[label] / (eta * K * rounds) if label in settling else fixed
            runs = [
                clipped_run(a, eta=eta, rho=rho, sigma=sigma, alpha=order, K=K, R=int(rounds), q=weighted)
                for a in curvatures
            ]
            error[i, j, k] = max(found[1 if label == "thm3" else 0] for found in runs)
    axes = ("case", "alpha", "R")
    return xr.Dataset(
        {"error": (axes, error), "bound": (axes, bound)},
        coords={"case": list(CLIPPING_CASES), "alpha": alpha, "R": R},
        attrs={"L": L, "mu": mu, "B": B, "sigma": sigma, "lambda": lam, "K": K},
    )


def valued(expression: Expr, letters: dict[str, float]) -> float:
    """An expression at these letters."""
    names = {symbol.name for symbol in expression.free_symbols}
    return float(vectorized(expression)(**{name: letters[name] for name in names}))


def clipped_run(
    curvature: float, *, eta: float, rho: float, sigma: float, alpha: float, K: int, R: int, q: float
) -> tuple[float, float]:
    """Gap of the averaged iterate on a parabola from the distance B, and the mean squared gradient over the rounds.

    Clipping cuts the noise's jumps up, so that gradients are too small and the iterate stays on the side of its start.
    """
    noise = worst_clipping_noise(rho=rho, sigma=sigma, alpha=alpha)
    law = TwoValues(*noise.jumps(), noise.probability)

    def slope(x: Array) -> Array:
        return curvature * x

    made = round_maps(slope, eta=eta, noise=law, K=[K], extent=2 * B + 3 * eta * rho, rho=rho, q=q)[K]
    iterates, averages = made.path(B, R)
    return float(curvature / 2 * averages[-1] ** 2), float(np.mean((curvature * iterates[:-1]) ** 2))
