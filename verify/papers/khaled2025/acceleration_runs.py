"""The accelerated outer loop: how its gap falls with rounds and with local steps, and where noise leaves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.log_spaced_quadratic import log_spaced_quadratic
from tightrate.constructions.noise import GaussianNoise
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.falsification.search import values_of
from tightrate.verify.session import Session

Array = NDArray[np.float64]
ETA = 0.5  # 1/(2L), the largest step of Theorem 3
FLATTEST = 1e-13  # the smallest curvature over L: none is done within the rounds looked at
RULES: dict[str, Callable[..., Algorithm[Any]]] = {"accelerated": local_sgd_outer_acceleration, "plain": local_sgd}


@experiment("khaled2025-acceleration")
def acceleration(session: Session) -> xr.Dataset:
    """The gap of the last iterate over (rule, K, R) without noise, exactly, on the spectrum of all speeds.

    `gap` of the accelerated outer loop and of plain averaging at eta = 1/(2L), gamma = 1; `bound` of thm3-safe.
    """
    modes = session.choose(quick=200, full=600)
    problem = log_spaced_quadratic(d=modes, mu=FLATTEST)
    K = 2.0 ** np.arange(0, 9, 2)
    R = 2.0 ** np.arange(2, session.choose(quick=11, full=13))
    gaps = [
        exact_moments(rule(eta=ETA, gamma=1.0), problem, K=K, R=np.broadcast_to(R, (len(K), len(R)))).last.gap
        for rule in RULES.values()
    ]
    letters = {
        "L": 1.0, "B": 1.0, "sigma": 0.0, "M": 1.0, "eta": ETA, "gamma": 1.0, "K": K[:, None], "R": R
    }  # fmt: skip
    bound = theorem("khaled2025/thm3-safe").bound.function()(**letters)
    return xr.Dataset(
        {"gap": (("rule", "K", "R"), np.stack(gaps)), "bound": (("K", "R"), bound)},
        coords={"rule": list(RULES), "K": K, "R": R},
        attrs={"theorem": "khaled2025/thm3-safe", "eta": ETA, "L": 1.0, "B": 1.0, "d": modes, "flattest": FLATTEST},
    )


@experiment("khaled2025-accelerated-noise")
def noise_floor(session: Session) -> xr.Dataset:
    """The gap of the last iterate over (rule, M, R) when started at the optimum: nothing but noise, exactly.

    In units of sigma^2 / L; `bound` of thm3-safe with B = 0.
    """
    modes = session.choose(quick=40, full=200)
    K, eta = 8.0, 0.02
    problems = {M: log_spaced_quadratic(d=modes, M=M, B=0.0) for M in (1, 4, 16, 64)}
    R = 2.0 ** np.arange(0, session.choose(quick=14, full=16))
    gaps = np.array(
        [
            [
                exact_moments(rule(eta=eta, gamma=1.0), problem, K=K, R=R[None], noise=GaussianNoise(1.0)).last.gap[0]
                for problem in problems.values()
            ]
            for rule in RULES.values()
        ]
    )
    M = np.array(list(problems), dtype=np.float64)
    letters = {"L": np.ones(1), "B": np.zeros(1), "sigma": np.ones(1), "gamma": np.ones(1), "eta": np.array([eta])}
    letters |= {"K": np.array([K]), "M": M[:, None], "R": R}
    bound = values_of(theorem("khaled2025/thm3-safe").bound.expression, letters)
    return xr.Dataset(
        {"gap": (("rule", "M", "R"), gaps), "bound": (("M", "R"), bound)},
        coords={"rule": list(RULES), "M": M, "R": R},
        attrs={"theorem": "khaled2025/thm3-safe", "eta": eta, "K": K, "d": modes},
    )
