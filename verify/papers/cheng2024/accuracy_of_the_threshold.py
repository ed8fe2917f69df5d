"""cheng2024: the error that clipping leaves at the thresholds of the paper, with few local steps."""

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
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import T as STEPS
from tightrate.rates.symbols.alphabet import eps as ACCURACY
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.exact.infinite_workers import TwoValues, round_maps
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import Side
from tightrate.verify.assertions.trend import Scaling
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.cheng2024.convex_instance import FLAT, B, L
from tightrate.verify.session import Session

THRESHOLD_ALONE = "the threshold's branch for the bias alone: the others are for confidence, and for large gradients"

CLIPPING_CASES = {
    "strongly convex": (step_strongly_convex, bias_threshold_strongly_convex, 1e-4),
    "convex": (step_convex, bias_threshold_convex, 0.1),
    "Adam": (step_adam, bias_threshold_adam, 0.2),
}


@experiment("cheng2024-clipping-accuracy")
def clipping_accuracy(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Infinitely many workers, few local steps, and the two-point noise that biases the threshold most.

    Over (case, $alpha$, refinement): `error` is the gap of the (weighted) average, for Adam with a frozen second moment
    the mean squared gradient; on a parabola of curvature $mu$, of the worst curvature, of curvature $L$. Step and
    threshold are those for an accuracy `eps` that is given: a largest one of each case, divided by the refinement."""
    K, R, mu = 2, 8192, FLAT * L
    alpha, refinement = np.array([4.0, 8.0]), 2.0 ** np.arange(5)
    settings = {"L": L, "mu": mu, "B": B, "Delta": L * B**2 / 2, "sigma": 1.0, "sigma_2alpha": 1.0, "lambda": 1.0}
    largest = np.array([one for *_, one in CLIPPING_CASES.values()])
    eps = largest[:, None] / refinement
    error = np.empty((len(CLIPPING_CASES), len(alpha), len(refinement)))
    for i, (case, (step, threshold, _)) in enumerate(CLIPPING_CASES.items()):
        symbols = {**settings, "K": K, "R": R, "T": K * R, "alpha": alpha[:, None], "eps": eps[i]}
        steps = np.broadcast_to(at(step(ACCURACY, STEPS), symbols), error.shape[1:])
        thresholds = at(threshold(ACCURACY), symbols)
        for (j, k), eta in np.ndenumerate(steps):
            # on the curvature a the run settles as far as eta a T says
            worst = np.geomspace(1.0, 16.0, 5) / (eta * K * R)
            curvatures = {"strongly convex": [mu], "convex": worst, "Adam": [L]}[case]
            q = eta * mu / 2 if case == "strongly convex" else 0.0
            law = worst_clipping_noise(rho=thresholds[j, k], sigma=settings["sigma"], alpha=float(alpha[j]))
            runs = [clipped_run(a, law, eta=eta, rho=thresholds[j, k], K=K, R=R, q=q) for a in curvatures]
            error[i, j, k] = max(gradient if case == "Adam" else gap for gap, gradient in runs)
    return xr.Dataset(
        {"error": (("case", "alpha", "refinement"), error), "eps": (("case", "refinement"), eps)},
        coords={"case": list(CLIPPING_CASES), "alpha": alpha, "refinement": refinement},
        attrs={**settings, "K": K, "R": R, "T": K * R, "beta1": 0.0, "beta2": 1.0},
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


def of_the_order_of_the_accuracy(theorem: Theorem, data: xr.Dataset, case: str) -> Every:
    """The error over the accuracy that step and threshold are for: it neither grows nor falls with the accuracy."""
    runs = data.sel(case=case).rename(refinement="1/eps")
    error = Measurement.of(runs, "error", what="error at the step and threshold for an accuracy")
    sides: dict[str, Side] = {"no larger": "upper", "no smaller": "lower"}
    return Every(
        {name: Scaling(theorem, error, along=["1/eps"], right=runs.eps, side=side) for name, side in sides.items()}
    )


@claim(
    "cheng2024/accuracy-of-the-threshold-strongly-convex",
    "At the strongly convex step and the threshold of (B.21) for an accuracy $eps$ the error that clipping leaves is of"
    " the order of $eps$ in the worst noise.",
    theorem="cheng2024/eqB.21",
    kind="scaling",
    data=clipping_accuracy,
    outside=THRESHOLD_ALONE,
)
def accuracy_strongly_convex(theorem: Theorem, data: xr.Dataset) -> Every:
    """Infinitely many workers, $K = 2$, noise worst for the threshold; $alpha = 4$ and 8, $eps$ over a factor of 16."""
    return of_the_order_of_the_accuracy(theorem, data, "strongly convex")


@claim(
    "cheng2024/accuracy-of-the-threshold-convex",
    "At the convex step and the threshold of (B.26) for an accuracy $eps$ the error that clipping leaves is of"
    " the order of $eps$ in the worst noise.",
    theorem="cheng2024/eqB.26",
    kind="scaling",
    data=clipping_accuracy,
    outside=THRESHOLD_ALONE,
)
def accuracy_convex(theorem: Theorem, data: xr.Dataset) -> Every:
    """The same on the parabola whose curvature is worst for the run."""
    return of_the_order_of_the_accuracy(theorem, data, "convex")


@claim(
    "cheng2024/accuracy-of-the-threshold-adam",
    "At Adam's step and the threshold of (C.29) for an accuracy $eps$ the squared gradient that clipping leaves is of"
    " the order of $eps$ in the worst noise.",
    theorem="cheng2024/eqC.29",
    kind="scaling",
    data=clipping_accuracy,
    outside=THRESHOLD_ALONE,
)
def accuracy_adam(theorem: Theorem, data: xr.Dataset) -> Every:
    """The same with a frozen second moment, on a parabola of curvature $L$."""
    return of_the_order_of_the_accuracy(theorem, data, "Adam")
