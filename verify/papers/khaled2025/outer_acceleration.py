"""The accelerated outer loop: how its gap falls with rounds and with local steps, and where noise leaves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.log_spaced_quadratic import log_spaced_quadratic
from tightrate.constructions.noise import GaussianNoise
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtMost, Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.limit import Limits, Line
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
RULES: dict[str, Callable[..., Algorithm[Any]]] = {"accelerated": local_sgd_outer_acceleration, "plain": local_sgd}

# --- Without noise ---------------------------------------------------------------------------------------------------

ETA = 0.5  # 1/(2L), the largest step of Theorem 3
FLATTEST = 1e-13  # the smallest curvature over L: none is done within the rounds looked at


@experiment("khaled2025-acceleration")
def acceleration(session: Session) -> xr.Dataset:
    """The gap of the last iterate over (rule, $K$, $R$) without noise, exactly, on the spectrum of all speeds: the
    accelerated outer loop and plain averaging at $eta = 1/(2L)$, $gamma = 1$."""
    modes = session.choose(quick=200, full=600)
    problem = log_spaced_quadratic(d=modes, mu=FLATTEST)
    K = 2.0 ** np.arange(0, 9, 2)
    R = 2.0 ** np.arange(2, session.choose(quick=11, full=13))
    gaps = [
        exact_moments(rule(eta=ETA, gamma=1.0), problem, K=K, R=np.broadcast_to(R, (len(K), len(R)))).last.gap
        for rule in RULES.values()
    ]
    symbols = {"L": 1.0, "B": 1.0, "sigma": 0.0, "M": 1, "eta": ETA, "gamma": 1.0, "d": modes}
    return xr.Dataset(
        {"gap": (("rule", "K", "R"), np.stack(gaps))},
        coords={"rule": list(RULES), "K": K, "R": R},
        attrs={**symbols, "flattest": FLATTEST},
    )


@claim(
    "khaled2025/accelerated-exponents",
    "Without noise the accelerated loop's gap falls with exponent -2 in $R$ and -1 in $K$, that of plain averaging"
    " with exponent -1 in both.",
    theorem="khaled2025/thm3-safe",
    kind="scaling",
    data=acceleration,
)
def accelerated_exponents(data: xr.Dataset) -> Limits:
    """Exact gaps of the last iterate on a quadratic with curvatures of every size: local slopes in $R$ at several $K$,
    and in $K$ at several $R$, must approach the exponents."""
    lines = []
    for rule, exponent in (("accelerated", -2.0), ("plain", -1.0)):
        gap = data.gap.sel(rule=rule)
        lines += [Line(f"R, {rule}, K = {K:g}", data.R.values, gap.sel(K=K).values, exponent) for K in data.K.values]
        lines += [Line(f"K, {rule}, R = {R:g}", data.K.values, gap.sel(R=R).values, -1.0) for R in data.R.values[3:]]
    predicted = "R^-2 and H^-1; plain R^-1 and H^-1"
    return Limits(lines, "gap of the last iterate", predicted, 0.03, about=(Measurement.of(data, "gap"),))


@claim(
    "khaled2025/accelerated-value",
    "Without noise the accelerated loop's gap is at most $2 B^2 / (gamma eta K R (R + 1))$.",
    theorem="khaled2025/thm3-safe",
    kind="bound with constants",
    data=acceleration,
)
def accelerated_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same exact gaps against the bound, by value, for every $K$ and $R$."""
    fast = data.sel(rule="accelerated", drop=True)
    return Bounded(theorem, Measurement.of(fast, "gap", what="gap of the last iterate"))


# --- Noise alone -----------------------------------------------------------------------------------------------------


@experiment("khaled2025-accelerated-noise")
def noise_floor(session: Session) -> xr.Dataset:
    """The gap of the last iterate over (rule, $M$, $R$) when started at the optimum: nothing but noise, exactly, in
    units of $sigma^2 / L$."""
    modes = session.choose(quick=40, full=200)
    K, eta = 8.0, 0.02
    problems = {M: log_spaced_quadratic(d=modes, M=M, B=0.0) for M in (1, 4, 16, 64)}
    R = 2.0 ** np.arange(0, session.choose(quick=14, full=16))
    gaps = [
        [
            exact_moments(rule(eta=eta, gamma=1.0), problem, K=K, R=R[None], noise=GaussianNoise(1.0)).last.gap[0]
            for problem in problems.values()
        ]
        for rule in RULES.values()
    ]
    return xr.Dataset(
        {"gap": (("rule", "M", "R"), np.array(gaps))},
        coords={"rule": list(RULES), "M": np.array(list(problems), dtype=np.float64), "R": R},
        attrs={"L": 1.0, "B": 0.0, "sigma": 1.0, "gamma": 1.0, "eta": eta, "K": K, "d": modes},
    )


@claim(
    "khaled2025/accelerated-noise-over-workers",
    "On quadratics the noise that reaches the accelerated loop's last iterate falls exactly like $1/M$.",
    theorem="khaled2025/thm3-safe",
    kind="exact value",
    data=noise_floor,
    expected="confirmed",
)
def accelerated_noise_over_workers(data: xr.Dataset) -> Equal:
    """Exact gaps from the optimum for up to 64 workers, against $1/M$ of that of one worker, for both rules."""
    alone = data.gap.sel(M=1.0, drop=True)
    return Equal(Measurement.of(data, "gap", what="gap from noise alone"), alone / data.M, scale=alone, relative=1e-12)


@claim(
    "khaled2025/accelerated-noise-grows",
    "Started at the optimum, the accelerated loop's gap keeps growing with $R$, in the end in proportion to $R$ as"
    " Theorem 3 allows, while that of plain averaging grows ever more slowly.",
    theorem="khaled2025/thm3-safe",
    kind="scaling",
    data=noise_floor,
)
def accelerated_noise_grows(theorem: Theorem, data: xr.Dataset) -> Every:
    """Exact gaps with curvatures of every size: local slopes in $R$ must come down to 1 for the accelerated loop and to
    0 for plain averaging, and the gap must stay below the bound by value."""
    accelerated, plain = (data.sel(rule=rule, drop=True) for rule in ("accelerated", "plain"))
    lines = [
        Line("R, accelerated", data.R.values, accelerated.gap.sel(M=1.0).values, 1.0),
        Line("R, plain averaging", data.R.values, plain.gap.sel(M=1.0).values, 0.0),
    ]
    end = plain.isel(R=-1)
    return Every(
        {
            "growth": Limits(lines, "gap from noise alone", "R^1 accelerated, R^0 plain", 0.15),
            "bound": Bounded(theorem, Measurement.of(accelerated, "gap")),
            "plain averaging at the end": AtMost(Measurement.of(end, "gap"), accelerated.gap.isel(R=-1)),
        }
    )
