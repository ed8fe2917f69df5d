"""patel2024, Sec. 5.1: the second-order heterogeneity of linear regressions under covariate shift."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.rates.papers.patel2024 import assumptions
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.bounded import AtMost
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session


@experiment("patel2024-regression")
def regressions(session: Session) -> xr.Dataset:
    """Pairs of linear regressions with random means and covariances: $|A_1 - A_2|$, and how far apart the laws are.

    The Hessian of the population loss is the covariates' second moment, mean mean' + covariance."""
    n = session.choose(quick=2000, full=50000)
    generator = stream(session.seed, experiment="patel2024-regression")
    size = 10 ** generator.uniform(-2, 2, (n, 1, 1))
    near = 10 ** generator.uniform(-3, 0, (n, 1))
    first = generator.standard_normal((n, 3))
    means = np.stack([first, first + near * generator.standard_normal((n, 3))], axis=1) * size
    factors = generator.standard_normal((n, 2, 3, 3))
    covariances = factors @ factors.swapaxes(-1, -2) * 10 ** generator.uniform(-3, 1, (n, 1, 1, 1))
    hessians = means[..., :, None] * means[..., None, :] + covariances
    return labelled(
        "instance",
        hessian_distance=np.linalg.norm(hessians[:, 0] - hessians[:, 1], 2, axis=(-1, -2)),
        size=np.linalg.norm(hessians, 2, axis=(-1, -2)).max(axis=-1),
        mean_1=np.linalg.norm(means[:, 0], axis=-1),
        mean_2=np.linalg.norm(means[:, 1], axis=-1),
        mean_shift=np.linalg.norm(means[:, 0] - means[:, 1], axis=-1),
        covariance_shift=np.linalg.norm(covariances[:, 0] - covariances[:, 1], 2, axis=(-1, -2)),
    )


@claim(
    "patel2024/covariate-shift",
    "The Hessians of two linear regressions differ by at most $(|mu_m| + |mu_n|) |mu_m - mu_n| + |Sigma_m - Sigma_n|$.",
    theorem="patel2024/prop21",
    kind="bound with constants",
    data=regressions,
)
def covariate_shift(data: xr.Dataset) -> AtMost:
    """Random means and covariances over four orders of magnitude, spectral norms."""
    laws = {name: name for name in ("mean_1", "mean_2", "mean_shift", "covariance_shift")}
    what, rounding = "distance of two Hessians", 1e-14 * data["size"]
    distance = Measurement.of(data, "hessian_distance", what=what, symbols=laws, rounding=rounding)
    return AtMost(distance, distance.at(assumptions.covariate_shift()))
