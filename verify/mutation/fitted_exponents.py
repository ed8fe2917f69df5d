"""Mutants of the exponents of a term judged by a fit to exact values on a grid; the truth is a plain slope."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.exact.diagonal_moments import response
from tightrate.verify.assertions.power_law import PowerLaw
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.mutation.mutants import OFF, SWEPT, Judge, JudgedMutant, Truth, check

Array = NDArray[np.float64]
GRID = {"K": (8.0, 16.0, 32.0, 64.0), "R": (32.0, 64.0, 128.0, 256.0), "M": (2.0, 4.0, 8.0, 16.0)}
SLOPES_AGREE = 0.05
RESOLUTION = 0.1


def noisy_gaps() -> Measurement:
    """Exact gaps of local SGD in the noise-dominated regime over K, R and M, at a fixed product eta K R.

    Their standard error, a millionth of them, is what the fit takes for rounding.
    """
    mesh = np.meshgrid(*GRID.values(), indexing="ij")
    K, R, M = (values.ravel() for values in mesh)
    n = len(K)
    curvature = np.broadcast_to(np.array([1.0, 0.5]), (n, 1, 2)).copy()
    found = response(
        local_sgd, {"eta": 20 / (K * R)}, curvature, np.zeros_like(curvature),
        start=np.full((n, 2), 1e-6), K=K, R=R,
    )  # fmt: skip
    gap = found.expected(curvature[:, 0] / 2, np.ones((n, 2)) / M[:, None]).reshape(mesh[0].shape)
    named = Named(gap, dims=tuple(GRID), coords={name: list(values) for name, values in GRID.items()})
    return Measurement(named, "gap", stderr=1e-6 * named)


def by_exponent(judge: Judge = check) -> Iterator[JudgedMutant]:
    """Mutants of the statistical term of patel2024's Theorem 27."""
    statement = theorem("patel2024/thm27").bound.term("statistical")
    true = {name: float(statement.monomial.exponents[name]) for name in SWEPT}
    gaps = noisy_gaps()

    def rejected(predicted: dict[str, float]) -> bool:
        return judge(PowerLaw(gaps, predicted, RESOLUTION)).status == "violated"

    allowed = {name: power + SLOPES_AGREE for name, power in true.items()}  # the regime is reached to this accuracy
    yield JudgedMutant("true statement", "patel2024/thm27", "statistical", "true", rejected(allowed), "exponents")
    for name in SWEPT:
        slope = plain_slope(gaps.measured, name)
        for off in OFF:
            for sign, word in ((1, "more"), (-1, "less")):
                claimed = {**allowed, name: true[name] + sign * float(off)}
                truth: Truth = "contradicted" if slope > claimed[name] + SLOPES_AGREE else "weaker"
                change = f"statistical: {name}^({off}) {word}"
                yield JudgedMutant("exponent off", "patel2024/thm27", change, truth, rejected(claimed), "exponents")


def plain_slope(values: Named, axis: str) -> float:
    """The slope of the mean logarithm between the ends of an axis."""
    low, high = (float(np.log(values.isel({axis: end})).mean()) for end in (0, -1))
    return (high - low) / float(np.log(values[axis][-1] / values[axis][0]))
