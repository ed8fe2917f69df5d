"""cheng2024: what clipping leaves of the rates of Theorems 1 to 3 where it dominates, with few local steps."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.noise import TwoPointNoise, worst_clipping_noise
from tightrate.constructions.problem import Array
from tightrate.rates.papers.cheng2024.clipping_thresholds import (
    bias_threshold_adam,
    bias_threshold_convex,
    bias_threshold_strongly_convex,
)
from tightrate.rates.papers.cheng2024.local_adam import step_adam
from tightrate.rates.papers.cheng2024.local_sgdm import step_convex, step_strongly_convex
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import T as STEPS
from tightrate.rates.symbols.alphabet import eps as ACCURACY
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.exact.infinite_workers import TwoValues, round_maps
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.cheng2024.convex_instance import FLAT, B, L
from tightrate.verify.session import Session

EXACT = 1e-3  # relative error of the numbers that the limit of infinitely many workers is computed with
FEW_LOCAL_STEPS = {
    "$K$ of order at least the logarithm (constant 1 taken)": "with more local steps the drift dominates; and with"
    " infinitely many workers the logarithm is infinite"
}

CLIPPING_CASES = {
    "strongly convex": ("thm1", step_strongly_convex, bias_threshold_strongly_convex),
    "convex": ("thm2", step_convex, bias_threshold_convex),
    "Adam": ("thm3", step_adam, bias_threshold_adam),
}


@experiment("cheng2024-clipping-term")
def clipping_term(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Infinitely many workers, few local steps, and the two-point noise that biases the prescribed threshold most.

    Over (case, $alpha$, $R$): `error` is the gap of the (weighted) average, for Adam with a frozen second moment the
    mean squared gradient; on a parabola of curvature $mu$, of the worst curvature, of curvature $L$. Step and threshold
    are those that the statements prescribe at the accuracy of their own clipping term."""
    K, mu = 2, FLAT * L
    R, alpha = 2.0 ** np.arange(10, 15, dtype=float), np.array([4.0, 6.0, 8.0])
    settings = {"L": L, "mu": mu, "B": B, "Delta": L * B**2 / 2, "sigma": 1.0, "sigma_2alpha": 1.0, "lambda": 1.0}
    error = np.empty((len(CLIPPING_CASES), len(alpha), len(R)))
    for i, (label, step, threshold) in enumerate(CLIPPING_CASES.values()):
        symbols = {**settings, "K": K, "R": R, "T": K * R, "alpha": alpha[:, None]}
        symbols["eps"] = at(statement(f"cheng2024/{label}").bound.term("clipping").expression, symbols)
        steps = np.minimum(at(step(ACCURACY, STEPS), symbols), settings["lambda"] / (2 * L))
        thresholds = at(threshold(ACCURACY), symbols)
        for (j, k), eta in np.ndenumerate(steps):
            # on the curvature a the run settles as far as eta a T says
            worst = np.geomspace(1.0, 16.0, 5) / (eta * K * R[k])
            curvatures = {"thm1": [mu], "thm2": worst, "thm3": [L]}[label]
            q = eta * mu / 2 if label == "thm1" else 0.0
            law = worst_clipping_noise(rho=thresholds[j, k], sigma=settings["sigma"], alpha=float(alpha[j]))
            runs = [clipped_run(a, law, eta=eta, rho=thresholds[j, k], K=K, R=int(R[k]), q=q) for a in curvatures]
            error[i, j, k] = max(gradient if label == "thm3" else gap for gap, gradient in runs)
    return xr.Dataset(
        {"error": (("case", "alpha", "R"), error)},
        coords={"case": list(CLIPPING_CASES), "alpha": alpha, "R": R},
        attrs={**settings, "K": K, "beta1": 0.0, "beta2": 1.0},
    )


def clipped_run(
    curvature: float, noise: TwoPointNoise, *, eta: float, rho: float, K: int, R: int, q: float
) -> tuple[float, float]:
    """Gap of the averaged iterate on a parabola from the distance B, and the mean squared gradient over the rounds.

    Clipping cuts the noise's jumps up, so that gradients are too small and the iterate stays on the side of its start.
    """
    law = TwoValues(*noise.jumps(), noise.probability)

    def slope(x: Array) -> Array:
        return curvature * x

    made = round_maps(slope, eta=eta, noise=law, K=[K], extent=2 * B + 3 * eta * rho, rho=rho, q=q)[K]
    iterates, averages = made.path(B, R)
    return float(curvature / 2 * averages[-1] ** 2), float(np.mean((curvature * iterates[:-1]) ** 2))


def clipping_exponent(theorem: Theorem, data: xr.Dataset, case: str) -> Every:
    """The exponent of R at few local steps, for every moment."""
    parts = {}
    for alpha in data.alpha.values:
        runs = data.sel(case=case, alpha=alpha)
        predicted = exponents_of(theorem.bound.term("clipping"), ["R"], alpha=float(alpha))
        error = Measurement.of(runs, "error", stderr=EXACT * runs.error)
        parts[f"alpha = {alpha:g}"] = PowerLaw(error, predicted, resolution=0.2)
    return Every(parts)


@claim(
    "cheng2024/clipping-term-strongly-convex",
    "With few local steps the strongly convex error falls at least as $(KR)^(-2(alpha-1)/alpha)$ in $R$.",
    theorem="cheng2024/thm1",
    kind="scaling",
    data=clipping_term,
    outside=FEW_LOCAL_STEPS,
)
def clipping_term_strongly_convex(theorem: Theorem, data: xr.Dataset) -> Every:
    """Prescribed step and threshold, infinitely many workers, $K = 2$, noise worst for the threshold; $alpha = 4$, 6,
    8."""
    return clipping_exponent(theorem, data, "strongly convex")


@claim(
    "cheng2024/clipping-term-convex",
    "With few local steps the convex error falls at least as $(KR)^(-2(alpha-1)/(3 alpha-1))$ in $R$.",
    theorem="cheng2024/thm2",
    kind="scaling",
    data=clipping_term,
    outside=FEW_LOCAL_STEPS,
)
def clipping_term_convex(theorem: Theorem, data: xr.Dataset) -> Every:
    """The same on the parabola whose curvature is worst for the run."""
    return clipping_exponent(theorem, data, "convex")


@claim(
    "cheng2024/clipping-term-adam",
    "With few local steps Adam's squared gradient falls at least as $(KR)^(-2(alpha-1)/(3 alpha-2))$ in $R$.",
    theorem="cheng2024/thm3",
    kind="scaling",
    data=clipping_term,
    outside=FEW_LOCAL_STEPS,
)
def clipping_term_adam(theorem: Theorem, data: xr.Dataset) -> Every:
    """The same with a frozen second moment, on a parabola of curvature $L$."""
    return clipping_exponent(theorem, data, "Adam")
